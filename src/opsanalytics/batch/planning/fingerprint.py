"""The fingerprint of a request: what tells, without reading a table, that a run has nothing new to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from opsanalytics.batch.folder import manifest
from opsanalytics.batch.planning.keys import code_hash
from opsanalytics.batch.planning.plan import Request


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(request: Request) -> str:
    """Hash everything that a run of this request depends on without reading a table: files, notebooks, code, words.

    The same fingerprint means the same run; another one may still come to the same figures. What earlier months left is
    told by the digests of their runs.
    """
    notebooks = {path.name: file_hash(path) for path in sorted(request.folder.glob("*.ipynb"))}
    data = {
        path.relative_to(request.data).as_posix(): file_hash(path)
        for path in sorted(request.data.rglob("*"))
        if path.is_file()
    }
    earlier = {
        run.name: [run.state, run.digest] for run in manifest.list_runs(request.runs) if run.period < request.period
    }
    words = [request.period, request.notebooks, request.entities, request.parameters]
    whole = [words, notebooks, data, earlier, code_hash(), manifest.versions(), manifest.code_revision()]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

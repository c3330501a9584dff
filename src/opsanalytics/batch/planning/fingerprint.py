"""The fingerprint of a request: what tells, without reading a table, that a run has nothing new to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.files import beside, hashes
from opsanalytics.batch.planning.keys import code_hash
from opsanalytics.batch.planning.plan import Request


def fingerprint(request: Request) -> str:
    """Hash everything that a run of this request depends on without reading a table: files, notebooks, code, words.

    The same fingerprint means the same run; another one may still come to the same figures. What earlier months left is
    told by the digests of their runs, and by size and time of their files.
    """
    notebooks = hashes(request.folder, [*request.folder.glob("*.ipynb"), *beside(request.folder)])
    data = hashes(request.data, request.data.rglob("*"))
    earlier = {
        run.name: [run.state, run.digest, _left(request.runs / run.name)]
        for run in manifest.list_runs(request.runs)
        if run.period < request.period
    }
    words = [request.period, request.notebooks, request.entities, request.parameters]
    whole = [words, notebooks, data, earlier, code_hash(), manifest.versions(), manifest.code_revision()]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _left(folder: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of the files that a later run may take something from."""
    files = [path for path in [*folder.glob("*.parquet"), *folder.glob("inputs/**/*")] if path.is_file()]
    return sorted((path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files)

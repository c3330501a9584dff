"""Files: what is in them, in one number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by its path in a folder, with "/"; what is no file is left out."""
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in sorted(paths) if path.is_file()}


def beside(folder: Path) -> list[Path]:
    """Return the files of a folder of notebooks that are none: code and data that one of them may use."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".ipynb"
        and not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
    ]

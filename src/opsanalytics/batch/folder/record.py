"""Record: which jobs of earlier runs are done, whether what they left is whole, and how it is taken over.

A job whose key is on record with whole outputs need not run again: its outputs are copied into the new run's folder,
each verified while it is copied. What a manifest says is data: a path that does not lie where the job's own outputs
lie is refused, so that no manifest, whoever edited it, makes a run read or write elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from opsanalytics.batch.folder.files import file_hash
from opsanalytics.batch.folder.manifest import DONE, read_manifest
from opsanalytics.batch.planning.notebooks import PACK

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEED = "need "
_LAST = ("result.json", "status.json")  # what says that a result is on record comes after the rest of it


@dataclass(frozen=True)
class Place:
    """Where a job's outputs lie in its run folder; `entity_folder` is that of the entity (the plan's `folders`)."""

    notebook: str
    entity: str
    entity_folder: str

    @property
    def stem(self) -> str:
        """Where the notebook and its page lie, up to their suffix."""
        return "board_pack" if self.notebook == PACK else f"{self.entity_folder}/{self.notebook}"

    @property
    def results(self) -> str:
        """The folder of what the notebook puts on record."""
        from opsanalytics.results.record import folder_of

        if self.notebook == PACK:
            return "results/board_pack"
        return folder_of("", self.entity, self.notebook.partition("_")[2]).as_posix()

    def holds(self, path: str) -> bool:
        """Does a path in the run folder ("/" between its parts) lie where this job's outputs lie?"""
        if any(part in ("", ".", "..") for part in path.split("/")) or re.search(r"[\\:\0]", path):
            return False
        if path.startswith(f"{self.results}/"):
            return True
        kinds = r"\w+" if self.notebook == PACK else "ipynb|html"
        return re.fullmatch(rf"{re.escape(self.stem)}\.({kinds})", path) is not None and not path.endswith(".log")


@dataclass(frozen=True)
class Found:
    """A done job on record: the folder of its run, its entry in that run's manifest, and the place of its outputs."""

    folder: Path
    entry: Mapping[str, Any]
    place: Place

    @property
    def outputs(self) -> Mapping[str, str]:
        """The SHA-256 of each output by its path in the run folder."""
        held = self.entry.get("outputs")
        return {str(path): str(digest) for path, digest in held.items()} if isinstance(held, dict) else {}


@dataclass(frozen=True)
class Records:
    """The done jobs of every run in a runs folder by their key, those of the newest run first."""

    by_digest: Mapping[str, tuple[Found, ...]]

    @classmethod
    def of(cls, runs: Path) -> Records:
        """Read the manifests of all runs once. One that cannot be read, or is of a version without keys, adds nothing.

        A job counts only where each job that it needed was done in that run too, with the key that it was needed by:
        a pack that names a failed notebook as missing is done, and yet not what its key stands for.
        """
        manifests = [(path, read_manifest(path)) for path in (runs.iterdir() if runs.is_dir() else [])]
        held = [(path, manifest) for path, manifest in manifests if manifest is not None]
        held.sort(key=lambda one: (str(one[1].get("started", "")), one[0].name), reverse=True)
        found: dict[str, list[Found]] = {}
        for path, manifest in held:
            for job in done_jobs(path, manifest):
                found.setdefault(str(job.entry["key"]), []).append(job)
        return cls({digest: tuple(jobs) for digest, jobs in found.items()})

    def within(self, folder: Path) -> Records:
        """Return those of one run's folder alone."""
        own = {key: tuple(job for job in jobs if job.folder == folder) for key, jobs in self.by_digest.items()}
        return Records({key: jobs for key, jobs in own.items() if jobs})

    def find(self, digest: str) -> Found | None:
        """Return the newest done job with this key whose outputs are all there; None where there is none."""
        return next((found for found in self.by_digest.get(digest, ()) if _are_there(found)), None)


def done_jobs(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Found]:
    """Return the jobs of a run that are done, as are those that they needed."""
    jobs, folders = manifest.get("jobs"), _folders(manifest)
    entries = [entry for entry in jobs if isinstance(entry, dict)] if isinstance(jobs, list) else []
    done = {str(entry.get("id")): key for entry in entries if entry.get("state") == DONE and (key := _key(entry))}
    for entry in entries:
        parts = entry.get("parts")
        parts = parts if isinstance(parts, dict) else {}
        needs = {name.removeprefix(_NEED): part for name, part in parts.items() if name.startswith(_NEED)}
        if str(entry.get("id")) in done and all(done.get(need) == part for need, part in needs.items()):
            notebook, entity = str(entry.get("notebook")), str(entry.get("entity"))
            yield Found(folder, entry, Place(notebook, entity, folders.get(entity, "")))


def _key(entry: Mapping[str, Any]) -> str:
    key = entry.get("key")
    return key if isinstance(key, str) and _SHA256.fullmatch(key) else ""


def _folders(manifest: Mapping[str, Any]) -> dict[str, str]:
    plan = manifest.get("plan")
    folders = plan.get("folders") if isinstance(plan, dict) else None
    return {str(entity): str(folder) for entity, folder in folders.items()} if isinstance(folders, dict) else {}


def _are_there(found: Found) -> bool:
    return _are_own(found) and all((found.folder / path).is_file() for path in found.outputs)


def _are_own(found: Found) -> bool:
    """Do the outputs on record lie where the job's outputs lie, and is the notebook among them?"""
    paths = found.outputs
    return f"{found.place.stem}.ipynb" in paths and all(
        found.place.holds(path) and _is_inside(found.folder, path) for path in paths
    )


def _is_inside(folder: Path, path: str) -> bool:
    """Does a path lie in a folder also when links are followed?"""
    return (folder / path).resolve().is_relative_to(folder.resolve())


def outputs_of(folder: Path, place: Place) -> dict[str, str]:
    """Return the SHA-256 of every output of a done job, by its path in the run folder with "/".

    They are the notebook, its page and what it put on record; of the board pack every file of that name.
    """
    stem, results = folder / place.stem, folder / place.results
    paths = [*stem.parent.glob("*"), *results.rglob("*")]
    files = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}
    return {name: file_hash(path) for name, path in sorted(files.items()) if place.holds(name)}


def whole(found: Found) -> bool:
    """Is every output of a job on record there, and is it what it was?"""
    return _are_own(found) and all(_copied(found.folder / path, None, digest) for path, digest in found.outputs.items())


def take_over(found: Found, folder: Path) -> dict[str, str] | None:
    """Copy a job's outputs into another run folder, and return them as they are on record there.

    The entity's folder is the one that the manifest in `folder` names, for it may have another name there. None, with
    nothing left behind, where an output is missing or is not what it was; the OSError of a disk that cannot be written.
    """
    entity_folder = _folders(read_manifest(folder) or {}).get(found.place.entity, "")
    place = Place(found.place.notebook, found.place.entity, entity_folder)
    paths = {old: place.stem + old.removeprefix(found.place.stem) if old.startswith(f"{found.place.stem}.") else old
             for old in sorted(found.outputs, key=lambda path: (path.endswith(_LAST), path))}  # fmt: skip
    if not _are_own(found) or not all(place.holds(new) and _is_inside(folder, new) for new in paths.values()):
        return None
    outputs = {new: found.outputs[old] for old, new in sorted(paths.items())}
    if folder.resolve() == found.folder.resolve():
        return outputs if whole(found) else None
    aside = Path(tempfile.mkdtemp(prefix=".taken-", dir=folder))
    try:
        copies = {aside / str(number): new for number, new in enumerate(paths.values())}
        for copy, old in zip(copies, paths, strict=True):
            if not _copied(found.folder / old, copy, found.outputs[old]):
                return None
        _put_in_place(copies, folder, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return outputs


def _put_in_place(copies: Mapping[Path, str], folder: Path, place: Place) -> None:
    """Rename copies to their paths in a run folder, where nothing older of the job is left; all of them or none."""
    if (folder / place.results).exists():
        shutil.rmtree(folder / place.results)
    placed: list[Path] = []
    try:
        for copy, name in copies.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy.replace(target)
            placed.append(target)
    except OSError:
        for target in placed:
            with contextlib.suppress(OSError):
                target.unlink()
        raise


def _copied(source: Path, target: Path | None, digest: str) -> bool:
    """Read a file to its end and write it to `target`, if any; is it there, and of this SHA-256?"""
    found = hashlib.sha256()
    try:
        reading = source.open("rb")
    except OSError:
        return False
    with reading, target.open("wb") if target else contextlib.nullcontext() as writing:
        while block := _read(reading):
            found.update(block)
            if writing:
                writing.write(block)
    return found.hexdigest() == digest


def _read(stream: BinaryIO) -> bytes:
    """Read on; a file that cannot be read further ends there, and its hash will tell."""
    try:
        return stream.read(_BLOCK)
    except OSError:
        return b""

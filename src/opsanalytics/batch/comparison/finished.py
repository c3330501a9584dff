"""Finished runs: the folder of a run whose figures can be compared, opened and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from opsanalytics.batch.folder.files import file_hash
from opsanalytics.batch.folder.manifest import DONE, FAILED, FILE, read_manifest, state_now
from opsanalytics.batch.planning.notebooks import RequestError

FIGURES = "figures.parquet"
_SETTINGS = "settings.json"


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its folder, its manifest, and the settings that it was made with."""

    folder: Path
    manifest: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def period(self) -> str:
        """The period that the run reports."""
        return str(self.manifest["period"])

    @property
    def plan(self) -> Mapping[str, Any]:
        """What decides the figures, as the manifest has it."""
        plan: Mapping[str, Any] = self.manifest.get("plan") or {}
        return plan

    @property
    def minor_digits(self) -> int:
        """The digits of the currency's minor unit."""
        return int(self.settings.get("minor_digits", 2))

    @cached_property
    def jobs(self) -> Mapping[str, Mapping[str, Any]]:
        """The jobs' entries in the manifest, by id."""
        return {str(job["id"]): job for job in self.manifest.get("jobs") or []}

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The hash of each table's files, as they were read."""
        found: dict[str, list[str]] = {}
        for entry in self.plan.get("inputs") or []:
            found.setdefault(str(entry["table"]), []).append(str(entry["sha256"]))
        return {table: " ".join(sorted(hashes)) for table, hashes in found.items()}

    @cached_property
    def prior(self) -> Mapping[str, str]:
        """The hash of each file that was kept of the runs before."""
        kept = sorted((self.folder / "inputs" / "prior").glob("*.parquet"))
        return {path.stem: file_hash(path) for path in kept}


def open_run(folder: Path) -> FinishedRun:
    """Open a run's folder. Raises RequestError when it is no run, is not finished or holds no figures."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise RequestError(
            f"{folder} is no run (no {FILE} that can be read lies in it). Name the folder of a run, such as "
            "runs/2026-10."
        )
    state = state_now(manifest)
    if state not in (DONE, FAILED):
        raise RequestError(
            f"The run in {folder} is not finished (its state is {state}). Wait for its end, or run the month again."
        )
    if not (folder / FIGURES).is_file():
        raise RequestError(f"The run in {folder} holds no figures ({FIGURES} is missing). Run the month again.")
    return FinishedRun(folder, manifest, _settings(folder / "inputs" / _SETTINGS))


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RequestError(f"{path} cannot be read as settings. Run the month again, or restore the run's folder.")
    return found

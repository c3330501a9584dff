"""The run folder and its manifest: what was asked for, what was read, what became of each job.

run.json is written when the run starts, after each job and at the end, each time aside and then
renamed: whoever reads it, at any moment, reads a whole one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics import __version__
from opsanalytics.batch.folder.process import identity
from opsanalytics.batch.planning.notebooks import RequestError
from opsanalytics.batch.planning.plan import NOT_ASKED, Job

if TYPE_CHECKING:
    import pandas as pd

    from opsanalytics.batch.planning.keys import Key
    from opsanalytics.batch.planning.request import Prepared

SCHEMA = 2
FILE = "run.json"
RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"
PENDING, SKIPPED, OFF = "pending", "skipped", "off"

_PACKAGES = (
    "pandas", "numpy", "scipy", "pyarrow", "duckdb", "pandera", "prophet", "cmdstanpy", "statsforecast",
    "holidays", "matplotlib", "seaborn", "papermill", "nbclient", "nbconvert", "ipykernel",
)  # fmt: skip


@dataclass(frozen=True)
class JobState:
    """What became of a job; `cell` is the code cell at which it failed, `seconds` None when it did not run.

    `kept` is the failed notebook's place in the run folder, where there is one. `on_record` says that it did not run
    now, `taken_from` which run's folder it was then taken from ("": this one). `outputs` are its files in the run
    folder and their SHA-256.
    """

    state: str
    reason: str = ""
    cell: int | None = None
    seconds: float | None = None
    kept: str = ""
    peak_memory_mb: float | None = None
    attempts: int = 0
    warnings: tuple[str, ...] = ()
    taken_from: str = ""
    on_record: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunState:
    """One run as `status` shows it; `seconds` is None while it is not known."""

    name: str
    period: str
    state: str
    started: str
    seconds: float | None
    jobs: Mapping[str, int]
    pack: str
    digest: str


def refuse_strange_folder(folder: Path) -> None:
    """Raise RequestError when what bears a run's name holds something, and is no run."""
    if folder.exists() and read_manifest(folder) is None and not _is_empty(folder):
        raise RequestError(
            f"{folder} is no run (no {FILE} that can be read lies in it), so it is left alone. "
            "Move it elsewhere, or name another folder with --runs."
        )


def put_in_place(made: Path, folder: Path) -> None:
    """Give a folder that is whole its final name; an older run moves aside to NAME.1, a newer one to .2, and so on."""
    refuse_strange_folder(folder)
    if folder.exists() and _is_empty(folder):
        folder.rmdir()
    elif folder.exists():
        taken = [int(p.suffix[1:]) for p in folder.parent.glob(f"{folder.name}.*") if p.suffix[1:].isdigit()]
        folder.rename(folder.with_name(f"{folder.name}.{max(taken, default=0) + 1}"))
    made.rename(folder)


def age(name: str) -> float:
    """Rank the runs of one period by their folders' names, the newest highest: a clock may have been set back."""
    number = re.fullmatch(r"\d{4}-\d{2}(?:\.(\d+))?", name)
    if number is None:
        return -1.0
    return float(number[1]) if number[1] else math.inf


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def write_json(path: Path, content: Mapping[str, Any], indent: int | None = 1) -> None:
    """Write JSON that appears at `path` only when it is whole; without `indent` it is on one line, and sooner there."""
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)  # half a file, when the disk is full


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read a run's manifest; None where there is no readable one."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and {"schema", "period", "state", "process"} <= content.keys() else None


def start(prepared: Prepared, prior: str, keys: Mapping[str, Key], fingerprint: str = "") -> dict[str, Any]:
    """Return the manifest of a run that is about to start.

    Its `plan` part says everything that decides the figures, and no times; its `digest` is what the run is a function
    of: the keys of all its jobs.
    """
    plan, inputs, request = prepared.plan, prepared.inputs, prepared.request
    return {
        "schema": SCHEMA,
        "period": plan.period,
        "state": RUNNING,
        "reason": "",
        "started": now(),
        "finished": None,
        "seconds": None,
        "process": this_process(),
        "data": str(request.data.absolute()),
        "repeats": prepared.repeats.name if prepared.repeats else "",
        "plan": {
            "period": plan.period,
            "entities": list(plan.entities),
            "folders": dict(plan.folders),
            "notebooks": list(plan.notebooks),
            "asked": {
                "notebooks": request.notebooks,
                "entities": request.entities,
                "set": request.parameters,
                "force": request.force,
            },
            "parameters": {job.notebook: dict(job.parameters) for job in plan.active if job.parameters},
            "off": plan.off,
            "prior": prior,
            "inputs": json.loads(inputs.files.to_json(orient="records")),
            "control_totals": json.loads(inputs.control.to_json(orient="records", date_format="iso")),
            "versions": versions(),
            "code": code_revision(),
        },
        "fingerprint": fingerprint,
        "digest": digest(keys),
        "files": {},
        "jobs": [_job(job, keys.get(job.id)) for job in plan.jobs],
        "pack": None,
    }


def digest(keys: Mapping[str, Key]) -> str:
    """Return the hash of all that a run's figures are a function of."""
    return hashlib.sha256(json.dumps({name: keys[name].digest for name in sorted(keys)}).encode()).hexdigest()


def _job(job: Job, key: Key | None) -> dict[str, Any]:
    return {
        "id": job.id,
        "notebook": job.notebook,
        "entity": job.entity,
        "state": _first_state(job),
        "reason": job.off,
        "cell": None,
        "seconds": None,
        "peak_memory_mb": None,
        "attempts": 0,
        "warnings": [],
        "taken_from": "",
        "key": key.digest if key else "",
        "parts": dict(key.parts) if key else {},
        "outputs": {},
    }


_OF_STATE = ("state", "reason", "cell", "seconds", "peak_memory_mb", "attempts", "warnings", "taken_from", "outputs")


def of_state(state: JobState) -> dict[str, Any]:
    """Return the fields of a job's entry that say what became of it."""
    return {name: getattr(state, name) for name in _OF_STATE}


def state_of(entry: Mapping[str, Any], taken_from: str) -> JobState:
    """Return what became of a job that is on record, taken from another run's folder where that is named."""
    held = {name: entry[name] for name in _OF_STATE} | {"warnings": tuple(entry["warnings"])}
    return JobState(**(held | {"taken_from": taken_from or entry["taken_from"], "on_record": True}))


def _first_state(job: Job) -> str:
    if not job.off:
        return PENDING
    return SKIPPED if job.off == NOT_ASKED else OFF


def this_process() -> dict[str, Any]:
    """Return the number of this process, and what tells it from any other that bore the number."""
    return {"id": os.getpid(), "started": identity(os.getpid())}


def now() -> str:
    """Return this moment in UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide the figures; one not installed is left out."""
    found = {"python": platform.python_version(), "opsanalytics": __version__}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def code_revision() -> dict[str, Any]:
    """Return the commit of the checkout that the package runs from, and whether it was clean.

    Empty revision where the package is installed or git is not there.
    """
    root = Path(__file__).resolve().parents[4]
    unknown: dict[str, Any] = {"revision": "", "clean": None}
    if not (root / ".git").exists() or shutil.which("git") is None:
        return unknown
    revision, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    return unknown if revision is None else {"revision": revision, "clean": changes == ""}


def _git(root: Path, *command: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(root), *command], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def state_now(manifest: Mapping[str, Any]) -> str:
    """Return a run's state; one whose process died while it ran is "interrupted"."""
    if manifest["state"] != RUNNING:
        return str(manifest["state"])
    process = manifest["process"] if isinstance(manifest["process"], dict) else {}
    living = identity(process["id"]) if isinstance(process.get("id"), int) else None
    return RUNNING if living is not None and living == process.get("started") else INTERRUPTED


def _counts(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Count a run's jobs by what became of them; what an interrupted run had not finished was interrupted."""
    unfinished = {} if state_now(manifest) == RUNNING else dict.fromkeys((RUNNING, PENDING), INTERRUPTED)
    states = [
        NOT_ASKED
        if (job["state"], job["reason"]) == (SKIPPED, NOT_ASKED)
        else unfinished.get(job["state"], job["state"])
        for job in manifest["jobs"]
    ]
    order = (DONE, FAILED, INTERRUPTED, RUNNING, PENDING, SKIPPED, OFF, NOT_ASKED)
    return {state: states.count(state) for state in order if state in states}


def _can_be_listed(manifest: Mapping[str, Any]) -> bool:
    """Has a manifest, which anybody may have edited, what a list of runs shows?"""
    jobs, process, pack = manifest.get("jobs"), manifest["process"], manifest.get("pack")
    return (
        {"started", "seconds"} <= manifest.keys()
        and isinstance(jobs, list)
        and all(isinstance(job, dict) and {"state", "reason"} <= job.keys() for job in jobs)
        and isinstance(process, dict)
        and {"id", "started"} <= process.keys()
        and isinstance(pack, dict | None)
    )


def list_runs(runs: Path) -> list[RunState]:
    """Return every run of a runs folder, by period, the newest of each period first."""
    found = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        manifest = read_manifest(folder)
        if manifest is not None and _can_be_listed(manifest):
            pack = (manifest.get("pack") or {}).get("status", "")
            row = RunState(
                folder.name,
                manifest["period"],
                state_now(manifest),
                manifest["started"],
                manifest["seconds"],
                _counts(manifest),
                pack,
                manifest.get("digest", ""),
            )
            found.append(row)
    return sorted(found, key=lambda run: (run.period, -age(run.name), run.name))


def write_quarantine(quarantine: pd.DataFrame, path: Path) -> None:
    """Write the rows left out as CSV; a text that a spreadsheet would take for a formula gets an apostrophe."""
    texts = quarantine.select_dtypes(exclude="number").columns
    safe = quarantine.assign(**{name: quarantine[name].map(_no_formula) for name in texts})
    aside = path.with_name(f".{path.name}.part")
    safe.to_csv(aside, index=False, encoding="utf-8")
    aside.replace(path)


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value

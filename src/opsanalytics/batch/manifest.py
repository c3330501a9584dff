"""The run folder and its manifest: what was asked for, what was read, what became of each job.

run.json is written when the run starts, after each job and at the end, each time aside and then
renamed: whoever reads it, at any moment, reads a whole one.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics import __version__
from opsanalytics.batch.notebooks import RequestError
from opsanalytics.batch.plan import NOT_ASKED, Job
from opsanalytics.formats import ALL

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from opsanalytics.batch.plan import Plan

SCHEMA = 1
FILE = "run.json"
RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"
PENDING, SKIPPED, OFF = "pending", "skipped", "off"

_COMMENTARY = "commentary.parquet"
_COMMENTED_ON = ["entity", "period", "measure", "dimension", "item"]  # a newer comment on the same replaces an older

_PACKAGES = (
    "pandas", "numpy", "scipy", "pyarrow", "duckdb", "pandera", "prophet", "cmdstanpy", "statsforecast",
    "holidays", "matplotlib", "seaborn", "papermill", "nbclient", "nbconvert", "ipykernel",
)  # fmt: skip


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


def new_run_folder(runs: Path, period: str) -> Path:
    """Make the folder of a run; an older run of the period moves aside to PERIOD.1, a newer one to .2, and so on.

    Raises RequestError when a run of that period is under way, and when what bears the name is no run.
    """
    folder = runs / period
    runs.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        manifest = read_manifest(folder)
        if manifest is None and not _is_empty(folder):
            raise RequestError(
                f"{folder} is no run (no {FILE} that can be read lies in it), so it is left alone. "
                "Move it elsewhere, or name another folder with --runs."
            )
        if manifest is not None and _state(manifest) == RUNNING:
            since = f"process {manifest['process']['id']}, since {manifest['started']}"
            raise RequestError(f"A run of {period} is under way in {folder} ({since}). Wait for its end.")
        if manifest is None:
            folder.rmdir()
        else:
            taken = [int(p.suffix[1:]) for p in runs.glob(f"{period}.*") if p.suffix[1:].isdigit()]
            folder.rename(runs / f"{period}.{max(taken, default=0) + 1}")
    try:
        folder.mkdir()
    except FileExistsError:
        raise RequestError(f"Another run of {period} has just started in {folder}. Wait for its end.") from None
    return folder


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that appears at `path` only when it is whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
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


def start(plan: Plan, files: pd.DataFrame, data: str, prior: str) -> dict[str, Any]:
    """Return the manifest of a run that is about to start.

    Its `plan` part says everything that decides the figures, and no times.
    """
    return {
        "schema": SCHEMA,
        "period": plan.period,
        "state": RUNNING,
        "reason": "",
        "started": now(),
        "finished": None,
        "seconds": None,
        "process": {"id": os.getpid(), "started": process_start(os.getpid())},
        "data": data,
        "plan": {
            "period": plan.period,
            "entities": list(plan.entities),
            "folders": dict(plan.folders),
            "notebooks": list(plan.notebooks),
            "parameters": {job.notebook: dict(job.parameters) for job in plan.active if job.parameters},
            "off": plan.off,
            "prior": prior,
            "inputs": json.loads(files.to_json(orient="records")),
            "versions": versions(),
            "code": code_revision(),
        },
        "jobs": [
            {
                "id": job.id,
                "notebook": job.notebook,
                "entity": job.entity,
                "state": _first_state(job),
                "reason": job.off,
                "cell": None,
                "seconds": None,
            }
            for job in plan.jobs
        ],
        "pack": None,
    }


def _first_state(job: Job) -> str:
    if not job.off:
        return PENDING
    return SKIPPED if job.off == NOT_ASKED else OFF


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
    root = Path(__file__).resolve().parents[3]
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


def process_start(pid: int) -> float | None:
    """Return when a process started (seconds since 1970); None when it does not live."""
    import psutil  # type: ignore[import-untyped]  # it comes without types

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time(), 1)
    except psutil.Error:
        return None


def _state(manifest: Mapping[str, Any]) -> str:
    """Return a run's state; one whose process died while it ran is "interrupted"."""
    if manifest["state"] != RUNNING:
        return str(manifest["state"])
    living = process_start(manifest["process"]["id"])
    recorded = manifest["process"]["started"]
    same = living is not None and recorded is not None and abs(living - recorded) < 2
    return RUNNING if same else INTERRUPTED


def _counts(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Count a run's jobs by what became of them; what an interrupted run had not finished was interrupted."""
    unfinished = {} if _state(manifest) == RUNNING else dict.fromkeys((RUNNING, PENDING), INTERRUPTED)
    states = [
        NOT_ASKED
        if (job["state"], job["reason"]) == (SKIPPED, NOT_ASKED)
        else unfinished.get(job["state"], job["state"])
        for job in manifest["jobs"]
    ]
    order = (DONE, FAILED, INTERRUPTED, RUNNING, PENDING, SKIPPED, OFF, NOT_ASKED)
    return {state: states.count(state) for state in order if state in states}


def list_runs(runs: Path) -> list[RunState]:
    """Return every run of a runs folder, by period, the newest of each period first."""
    found = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        manifest = read_manifest(folder)
        if manifest is not None:
            pack = (manifest["pack"] or {}).get("status", "")
            row = RunState(
                folder.name,
                manifest["period"],
                _state(manifest),
                manifest["started"],
                manifest["seconds"],
                _counts(manifest),
                pack,
            )
            found.append(row)
    return sorted(sorted(found, key=lambda run: run.started, reverse=True), key=lambda run: run.period)


def latest_prior(runs: Path, period: str) -> Path | None:
    """Return the folder of the latest finished run of an earlier period, if there is one."""
    done = [run for run in list_runs(runs) if run.state == DONE and run.period < period]
    return runs / max(done, key=lambda run: (run.period, run.started)).name if done else None


def keep_prior(prior: Path | None, folder: Path) -> None:
    """Keep what this run takes from the runs before it under inputs/prior/, so that a re-run finds it there.

    `prior` is the latest finished run of an earlier period: its forecasts and actions are copied, and its comments with
    those that it had itself from before, so that none is lost from pack to pack. What the budget is held against is
    that of the latest finished run up to `prior` that reported the whole company, or of `prior` where none did, so
    that a month run again in part does not hide it: a copy of its figures, run.parquet (one row: period, name,
    currency, minor_digits, and the view: structure, one_offs) and actuals.parquet (its ledger up to its own month by
    period, cost_centre, account, with amount_cents and one_off_cents, int64). outlook.parquet is the latest that any
    of these runs left in that currency. demand_record.parquet and overrides.parquet grow from run to run: each month's
    demand as it was last forecast at each cutoff, and the overrides as they stood in each run, with the moment (UTC) at
    which it was made. What a run of an older version lacks is left out.
    """
    kept = folder / "inputs" / "prior"
    kept.mkdir(parents=True, exist_ok=True)
    if prior is None or read_manifest(prior) is None:
        return
    earlier = _finished_until(prior)
    reported = next((run for run in earlier if _reports_the_whole(run)), prior)
    unit = _currency(reported / "inputs")
    left = [run for run in earlier if _holds(run / "outlook.parquet", "true") and _currency(run / "inputs") == unit]
    sources = [prior / "forecasts.parquet", prior / "inputs" / "actions.parquet", reported / "figures.parquet"]
    sources += [run / "outlook.parquet" for run in left[:1]]
    for source in sources:
        if source.is_file():
            shutil.copyfile(source, kept / source.name)
    _keep_comments(prior, kept)
    _keep_sums(reported, kept)
    _keep_foresight(earlier, folder / "inputs")


def _finished_until(prior: Path) -> list[Path]:
    """Return the finished runs beside `prior` that are no newer than it, the newest first."""
    found = {folder: read_manifest(folder) for folder in [*prior.parent.iterdir(), prior] if folder.is_dir()}
    age = {folder: (m["period"], m.get("started", "")) for folder, m in found.items() if m and m["state"] == DONE}
    return sorted((f for f in age if age[f] <= age.get(prior, ("", ""))), key=lambda f: (age[f], f.name), reverse=True)


def _reports_the_whole(run: Path) -> bool:
    return _holds(run / "figures.parquet", f"report = 'budget_variance' AND entity = '{ALL}'")


def _holds(path: Path, condition: str) -> bool:
    """Has a Parquet file any row of which this is true? One that cannot be read has none."""
    import duckdb

    from opsanalytics.sources.reading import file_literal

    if not path.is_file():
        return False
    try:
        with duckdb.connect() as con:
            query = f"SELECT 1 FROM read_parquet({file_literal(path)}) WHERE {condition} LIMIT 1"
            return con.execute(query).fetchone() is not None
    except duckdb.Error:  # a file of another form, or half a file: there is nothing to take from it
        return False


def _keep_comments(prior: Path, kept: Path) -> None:
    """Keep the comments that a run was given and those that it had from before; a newer one replaces an older one."""
    import pandas as pd

    files = (prior / "inputs" / "prior" / _COMMENTARY, prior / "inputs" / _COMMENTARY)
    frames = [pd.read_parquet(file, dtype_backend="numpy_nullable") for file in files if _holds(file, "true")]
    if not frames:
        return
    whole = pd.concat(frames, ignore_index=True)
    key = [name for name in _COMMENTED_ON if name in whole.columns]
    whole.drop_duplicates(key, keep="last").to_parquet(kept / _COMMENTARY, index=False)


def _keep_foresight(earlier: Sequence[Path], inputs: Path) -> None:
    """Keep what the runs before, the newest first, said of the months to come."""
    from opsanalytics.batch.foresight import Earlier, keep

    found = [(run, read_manifest(run) or {}) for run in earlier]
    keep([Earlier(run, str(m["period"]), dt.datetime.fromisoformat(m["started"])) for run, m in found], inputs)


def _keep_sums(prior: Path, kept: Path) -> None:
    """Write which run the prior is, in which currency and view it counted, and what its ledger came to."""
    import duckdb

    from opsanalytics.sources.reading import file_literal

    manifest = read_manifest(prior) or {}
    period, view = str(manifest["period"]), _view(manifest)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE run AS SELECT $1::VARCHAR AS period, $2::VARCHAR AS name, $3::VARCHAR AS currency, "
            "$4::BIGINT AS minor_digits, $5::VARCHAR AS structure, $6::VARCHAR AS one_offs",
            [period, prior.name, *_currency(prior / "inputs"), *view],
        )
        _write_table(con, "run", kept / "run.parquet")
        ledger = prior / "inputs" / "ledger.parquet"
        if not ledger.is_file():
            return
        lines = f"read_parquet({file_literal(ledger)})"
        try:
            held = {str(name) for name, *_ in con.execute(f"DESCRIBE SELECT * FROM {lines}").fetchall()}
            once = "coalesce(sum(amount_cents) FILTER (WHERE one_off), 0)" if "one_off" in held else "0"
            con.execute(
                "CREATE TABLE actuals AS SELECT period, cost_centre, account, "
                f"CAST(sum(amount_cents) AS BIGINT) AS amount_cents, CAST({once} AS BIGINT) AS one_off_cents "
                f"FROM {lines} WHERE period <= ? GROUP BY period, cost_centre, account ORDER BY ALL",
                [period],
            )
        except duckdb.Error:  # a ledger of another form, or half a file: the movement is off then, and is said to be
            return
        _write_table(con, "actuals", kept / "actuals.parquet")


def _write_table(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Write a table to Parquet that appears at `path` only when it is whole."""
    aside = path.with_name(f".{path.name}.part")
    try:
        con.table(table).write_parquet(str(aside))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _view(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return the view of the ledger that a run was asked for: structure and one_offs of notebook 01."""
    asked = manifest.get("plan", {}).get("parameters", {}).get("01_budget_variance", {})
    return str(asked.get("structure", "as_posted")), str(asked.get("one_offs", "with"))


def _currency(inputs: Path) -> tuple[str | None, int | None]:
    """Return the currency in which a run counted, and its minor digits; None where that is not on record."""
    try:
        settings = json.loads((inputs / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, None
    return (settings.get("currency"), settings.get("minor_digits")) if isinstance(settings, dict) else (None, None)


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

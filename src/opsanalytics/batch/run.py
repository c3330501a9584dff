"""The run: check the request and the data, make the run folder, execute the plan, say what became of it.

    request -> plan (nothing written, no kernel started)
      -> run folder with the inputs as read -> jobs in the order of their needs -> board pack

When a notebook fails the others go on, and those that need it are skipped. The board pack comes
last in any case and names what is missing.
"""

from __future__ import annotations

import contextlib
import json
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.batch import manifest as record
from opsanalytics.batch.manifest import DONE, FAILED, INTERRUPTED, PENDING, RUNNING, SKIPPED
from opsanalytics.batch.notebooks import (
    PACK,
    Notebook,
    RequestError,
    find,
    read_notebooks,
    refuse_without_run_parameters,
    settings_of,
)
from opsanalytics.batch.plan import Job, Plan, Request, make_plan
from opsanalytics.formats import shorten
from opsanalytics.periods import parse_month
from opsanalytics.settings import read_settings

if TYPE_CHECKING:
    from opsanalytics.batch.execute import Kernels
    from opsanalytics.sources import Inputs


ERROR_LOG = "error.log"


class RunError(Exception):
    """A run ended before its time; the message is a sentence with the next step. Exit code 1."""


class FaultsError(Exception):
    """The data hold errors; `inputs` has them all. Exit code 1, or 2 where a table is unknown."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__("The data hold errors.")
        self.inputs = inputs


@dataclass(frozen=True)
class JobState:
    """What became of a job; `cell` is the code cell at which it failed, `seconds` None when it did not run.

    `kept` is the failed notebook's place in the run folder, where there is one.
    """

    state: str
    reason: str = ""
    cell: int | None = None
    seconds: float | None = None
    kept: str = ""


@dataclass(frozen=True)
class Prepared:
    """A request that has passed every check: what will run, on what."""

    request: Request
    plan: Plan
    inputs: Inputs
    notebooks: Mapping[str, Notebook]


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, "done", "failed" or "interrupted", the state of each job, and the pack's status."""

    folder: Path
    state: str
    jobs: Mapping[str, JobState]
    pack: Mapping[str, Any] | None


Report = Callable[[Job, JobState, int, int], None]
"""Called when a job starts (state "running") and when it ends, with how many are finished of how many."""


def prepare(request: Request) -> Prepared:
    """Check everything that can be checked before a kernel starts, the quickest first.

    Raises RequestError or SettingsError for a wrong request, FaultsError for errors in the data.
    """
    notebooks = read_notebooks(request.folder)
    refuse_quickly(request, notebooks)
    inputs = read_data(request.data)
    if (inputs.faults["severity"] == "error").any():
        raise FaultsError(inputs)
    plan = plan_checked(request, notebooks, inputs)
    return Prepared(request, plan, inputs, {notebook.name: notebook for notebook in notebooks})


def plan_checked(request: Request, notebooks: tuple[Notebook, ...], inputs: Inputs) -> Plan:
    """Plan a run of checked inputs. Raises RequestError also when a file has changed since it was checked."""
    from opsanalytics import sources

    try:
        return make_plan(request, notebooks, inputs)
    except sources.DataError as error:  # a large ledger is read where it lies
        raise RequestError(str(error)) from None


def refuse_quickly(request: Request, notebooks: tuple[Notebook, ...]) -> None:
    """Refuse what is wrong whatever the data hold, without reading them."""
    refuse_without_run_parameters(notebooks)
    chosen = {find(name, notebooks).name for name in request.notebooks} or {n.name for n in notebooks}
    settings_of(request.parameters, tuple(n for n in notebooks if n.name in chosen))
    try:
        parse_month(request.period)
    except ValueError as error:
        raise RequestError(str(error)) from None
    refuse_data_folder(request.data)
    read_settings(request.data)


def refuse_data_folder(data: Path) -> None:
    """Raise RequestError when there is no data folder."""
    if not data.is_dir():
        what = "is a file, not a folder" if data.exists() else "does not exist"
        raise RequestError(f"The data folder '{data}' {what}. Name the folder that holds the tables with --data.")


def read_data(data: Path) -> Inputs:
    """Read and check the tables of a data folder. Raises RequestError when there is nothing to read."""
    from opsanalytics import sources

    refuse_data_folder(data)
    try:
        return sources.read(data)
    except sources.DataError as error:
        raise RequestError(str(error)) from None


def run(prepared: Prepared, report: Report) -> Outcome:
    """Execute a plan into a new run folder.

    Ctrl-C ends the kernels; what is done stands, and the run's state is "interrupted". Raises RequestError when
    a run of the same period is under way; RunError, or the OSError of a full disk, when the run itself ends early:
    its state is then "failed", and its manifest says why.
    """
    started = time.monotonic()
    request, plan, inputs = prepared.request, prepared.plan, prepared.inputs
    prior = record.latest_prior(request.runs, request.period)
    folder = record.new_run_folder(request.runs, request.period).absolute()
    content = record.start(plan, inputs.files, str(request.data), prior.name if prior else "")
    record.write_json(folder / record.FILE, content)
    under_way = _UnderWay(prepared, folder, content, report, started)
    try:
        try:
            inputs.save(folder / "inputs")
            record.keep_prior(prior, folder)
            record.write_quarantine(inputs.quarantine, folder / "quarantine.csv")
            state = under_way.execute()
        except KeyboardInterrupt:
            state = INTERRUPTED
        return under_way.finish(state)
    except BaseException as error:
        under_way.abandon(error)
        if isinstance(error, OSError) or not isinstance(error, Exception):
            raise
        raise RunError(_early_end(folder, error)) from error


def _early_end(folder: Path, error: Exception) -> str:
    said = shorten(f"{type(error).__name__}: {error}", 300)
    return (
        f"The run ended before its time ({said.rstrip('.')}). What was done so far lies in {folder}. Run the month "
        f"again; if it ends the same way, send {ERROR_LOG} from that folder to whoever keeps this workbook."
    )


@dataclass
class _UnderWay:
    """A run under way. Only the main thread changes it; the workers run notebooks and return."""

    prepared: Prepared
    folder: Path
    content: dict[str, Any]
    report: Report
    started: float
    states: dict[str, JobState] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)

    def execute(self) -> str:
        """Run every job as soon as its needs are met; return the run's state."""
        from opsanalytics.batch.execute import kernels

        width = self.prepared.request.jobs
        waiting = list(self.prepared.plan.active)
        running: dict[Future[None], Job] = {}
        with kernels() as found, ThreadPoolExecutor(width) as pool:
            try:
                while waiting or running:
                    self._skip(waiting)
                    for job in self._ready(waiting)[: width - len(running)]:
                        waiting.remove(job)
                        running[self._submit(pool, job, found)] = job
                    for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                        self._end(running.pop(future), future.exception())
            except BaseException:  # the pool waits for its workers, and they for their kernels
                found.stop()
                raise
        return FAILED if any(state.state != DONE for state in self.states.values()) else DONE

    def _ready(self, waiting: list[Job]) -> list[Job]:
        return [job for job in waiting if all(need in self.states for need in job.needs)]

    def _skip(self, waiting: list[Job]) -> None:
        """Skip the jobs that need one that was not done; the board pack is never skipped: it names what is missing."""
        labels = {job.id: job.label for job in self.prepared.plan.jobs}
        for job in [job for job in waiting if job.notebook != PACK]:
            lost = [need for need in job.needs if need in self.states and self.states[need].state != DONE]
            if lost:
                waiting.remove(job)
                became = "failed" if self.states[lost[0]].state == FAILED else "was skipped"
                self._record(job, JobState(SKIPPED, f"it needs {labels[lost[0]]}, which {became}"))

    def _submit(self, pool: ThreadPoolExecutor, job: Job, found: Kernels) -> Future[None]:
        if job.notebook == PACK:
            self._merge()
        self.begun[job.id] = time.monotonic()
        self._record(job, JobState(RUNNING))
        source, target = self.prepared.notebooks[job.notebook].path, self._target(job)
        target.parent.mkdir(exist_ok=True)
        given = {
            "period": self.prepared.plan.period,
            "entity": job.entity,
            "data": str(self.prepared.request.data.absolute()),
        }
        return pool.submit(
            _run_job, source, target, {**given, "run_dir": str(self.folder), **job.parameters}, job, found
        )

    def _target(self, job: Job) -> Path:
        """Return where a job's executed notebook goes."""
        if job.notebook == PACK:
            return self.folder / "board_pack.ipynb"
        return self.folder / self.prepared.plan.folders[job.entity] / f"{job.notebook}.ipynb"

    def _merge(self) -> None:
        from opsanalytics import results

        results.merge(self.folder, self.prepared.inputs, self.prepared.plan.period)

    def _end(self, job: Job, error: BaseException | None) -> None:
        """Put on record what became of a job, read from the exception it raised: nothing else is to be trusted."""
        seconds = round(time.monotonic() - self.begun[job.id], 1)
        if error is None:
            self._record(job, JobState(DONE, seconds=seconds))
        else:
            reason = str(error) or type(error).__name__
            kept = self._target(job).with_suffix(".failed.ipynb")
            place = kept.relative_to(self.folder).as_posix() if kept.exists() else ""
            self._record(job, JobState(FAILED, reason, getattr(error, "cell", None), seconds, place))

    def _record(self, job: Job, state: JobState) -> None:
        if state.state != RUNNING:
            self.states[job.id] = state
        entry = next(entry for entry in self.content["jobs"] if entry["id"] == job.id)
        entry |= {"state": state.state, "reason": state.reason, "cell": state.cell, "seconds": state.seconds}
        record.write_json(self.folder / record.FILE, self.content)
        self.report(job, state, len(self.states), len(self.prepared.plan.active))

    def finish(self, state: str) -> Outcome:
        """Write what stands and close the manifest."""
        if state != INTERRUPTED:
            self._merge()
        pack = self._pack()
        self._close(state, "the run was stopped" if state == INTERRUPTED else "", pack)
        return Outcome(self.folder, state, self.states, pack)

    def abandon(self, error: BaseException) -> None:
        """Close the manifest of a run that an error has ended, as far as the disk lets it be written."""
        reason = shorten(str(error), 600) or type(error).__name__
        with contextlib.suppress(OSError):
            self._close(FAILED, reason, None)
        with contextlib.suppress(OSError):
            text = "".join(traceback.format_exception(error))
            (self.folder / ERROR_LOG).write_text(text, encoding="utf-8", errors="replace")

    def _close(self, state: str, reason: str, pack: dict[str, Any] | None) -> None:
        for entry in self.content["jobs"]:
            if entry["state"] in (RUNNING, PENDING):
                entry |= {"state": INTERRUPTED, "reason": reason}
        seconds = round(time.monotonic() - self.started, 1)
        self.content |= {
            "state": state, "reason": reason, "finished": record.now(), "seconds": seconds, "pack": pack
        }  # fmt: skip
        record.write_json(self.folder / record.FILE, self.content)

    def _pack(self) -> dict[str, Any] | None:
        """Return the pack's page, status and reasons as its notebook left them; None where there is no pack."""
        done = any(entry["notebook"] == PACK and entry["state"] == DONE for entry in self.content["jobs"])
        path = self.folder / "results" / "board_pack" / "status.json"
        if not (done and path.is_file()):
            return None
        return {"page": "board_pack.html", **json.loads(path.read_text(encoding="utf-8"))}


def _run_job(source: Path, target: Path, parameters: Mapping[str, Any], job: Job, found: Kernels) -> None:
    """Run one notebook and render its page, in a worker thread. The board pack writes its own page."""
    from opsanalytics.batch import execute, render

    notebook = execute.run_notebook(source, target, target.with_suffix(".log"), parameters, job.id, found)
    if job.notebook != PACK:
        render.write_page(
            notebook, target.with_suffix(".html"), period=parameters["period"], entity=parameters["entity"]
        )

"""The run: make or find the run folder, execute the plan, say what became of it.

    request -> plan (nothing written, no kernel started)
      -> run folder with the inputs as read, and what is on record already
      -> the other jobs in the order of their needs, the longest chain first -> board pack

When a notebook fails the others go on, and those that need it are skipped. The board pack comes
last in any case and names what is missing.
"""

from __future__ import annotations

import contextlib
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsanalytics.batch.execution.job import Task
from opsanalytics.batch.folder import manifest
from opsanalytics.batch.folder.files import hashes
from opsanalytics.batch.folder.manifest import DONE, FAILED, INTERRUPTED, PENDING, RUNNING, SKIPPED, JobState
from opsanalytics.batch.folder.process import LockedError, locked
from opsanalytics.batch.folder.record import Place
from opsanalytics.batch.planning.notebooks import PACK, RequestError
from opsanalytics.batch.planning.plan import Job, Plan
from opsanalytics.formats import shorten

if TYPE_CHECKING:
    from opsanalytics.batch.begin import Begun
    from opsanalytics.batch.execution.cluster import Cluster
    from opsanalytics.batch.execution.environment import Ground
    from opsanalytics.batch.execution.workers import Workers
    from opsanalytics.batch.planning.request import Prepared

ERROR_LOG = "error.log"


class RunError(Exception):
    """A run ended before its time; the message is a sentence with the next step. Exit code 1."""


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, "done", "failed" or "interrupted", the state of each job, and the pack's status.

    `notes` say what went wrong beside the run itself.
    """

    folder: Path
    state: str
    jobs: Mapping[str, JobState]
    pack: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()


Report = Callable[[Job, JobState, int, int], None]
"""Called when a job starts (state "running") and when it ends, with how many are finished of how many."""


def run(prepared: Prepared, report: Report) -> Outcome:
    """Execute a plan; jobs that are on record under the same key, with whole outputs, are not executed again.

    Ctrl-C ends the kernels; what is done stands, and the run's state is "interrupted". Raises RequestError when a run
    into the same folder is under way; RunError, or the OSError of a full disk, when the run itself ends early: its
    state is then "failed", and its manifest says why.
    """
    from opsanalytics.batch.begin import begin
    from opsanalytics.batch.execution.workers import cluster_of, ground_of

    started = time.monotonic()
    prepared.folder.parent.mkdir(parents=True, exist_ok=True)
    request = prepared.request
    with alone(prepared.folder), ground_of(request) as ground, cluster_of(request, prepared.folder.parent) as cluster:
        begun = begin(prepared)
        under_way = _UnderWay(prepared, begun, report, started, ground, cluster)
        try:
            try:
                state = under_way.execute()
            except KeyboardInterrupt:
                state = INTERRUPTED
            outcome = under_way.finish(state)
        except BaseException as error:
            under_way.abandon(error)
            if isinstance(error, OSError) or not isinstance(error, Exception):
                raise
            raise RunError(_early_end(begun.folder, error)) from error
        return replace(outcome, notes=_page_of_runs(prepared))


def _page_of_runs(prepared: Prepared) -> tuple[str, ...]:
    """Renew the page of all runs, of which a repetition is none; where that cannot be done it is said, no more."""
    from opsanalytics.batch import runs_page

    if prepared.repeats is not None:
        return ()
    try:
        runs_page.write(prepared.folder.parent)
    except (OSError, ValueError, LookupError, TypeError) as error:  # the run is done: a page about it changes nothing
        return (f"The page of all runs was not renewed: {type(error).__name__}: {error}.",)
    return ()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder. Raises RequestError where another run into it is under way."""
    this = manifest.this_process()["id"]
    try:
        with locked(folder.with_name(f".{folder.name}.lock"), f"process {this}, since {manifest.now()}"):
            yield
    except LockedError as error:
        raise RequestError(f"A run of {folder.name} is under way in {folder} ({error}). Wait for its end.") from None


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
    begun: Begun
    report: Report
    started: float
    ground: Ground
    cluster: Cluster | None = None
    states: dict[str, JobState] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.begun.folder

    def execute(self) -> str:
        """Run every job as soon as its needs are met, unless it is on record; return the run's state."""
        from opsanalytics.batch.execution.workers import workers_of

        request, plan = self.prepared.request, self.prepared.plan
        for job in plan.active:
            if job.id in self.begun.kept:
                self._record(job, self.begun.kept[job.id])
        waiting = longest_first([job for job in plan.active if job.id not in self.states], plan, self.begun.lengths)
        running: dict[Future[JobState], Job] = {}
        if waiting:
            with workers_of(request, self.folder, self.ground, self.cluster) as workers:
                while waiting or running:
                    self._skip(waiting)
                    for job in self._ready(waiting)[: workers.free(len(running))]:
                        waiting.remove(job)
                        running[self._submit(workers, job)] = job
                    for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                        self._end(running.pop(future), future)
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

    def _submit(self, workers: Workers, job: Job) -> Future[JobState]:
        if job.notebook == PACK:
            self._merge()
        self._record(job, JobState(RUNNING))
        return workers.submit(self._task(job))

    def _task(self, job: Job) -> Task:
        request, plan = self.prepared.request, self.prepared.plan
        given = {"period": plan.period, "entity": job.entity, "data": str(request.data.absolute())}
        return Task(
            job=job.id,
            source=self.prepared.notebooks[job.notebook].path,
            run_folder=self.folder,
            place=Place(job.notebook, job.entity, plan.folders.get(job.entity, "")),
            parameters={**given, "run_dir": str(self.folder), **job.parameters},
            page=job.notebook != PACK,
            deadline_s=request.deadline_s,
            attempts=request.attempts,
        )

    def _merge(self) -> None:
        from opsanalytics import results

        results.merge(self.folder, self.prepared.inputs, self.prepared.plan.period)

    def _end(self, job: Job, future: Future[JobState]) -> None:
        """Put on record what became of a job; an error that the job itself did not foresee fails it too."""
        error = future.exception()
        self._record(job, future.result() if error is None else JobState(FAILED, str(error) or type(error).__name__))

    def _record(self, job: Job, state: JobState) -> None:
        if state.state != RUNNING:
            self.states[job.id] = state
        entry = next(entry for entry in self.begun.content["jobs"] if entry["id"] == job.id)
        entry |= manifest.of_state(state)
        if job.notebook == PACK and any(self.states[need].state != DONE for need in job.needs):
            entry["key"] = ""  # made without what is missing: never taken for the pack of a whole run
        manifest.write_json(self.folder / manifest.FILE, self.begun.content, indent=None)
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
        state = INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
        with contextlib.suppress(OSError):
            self._close(state, reason, None)
        with contextlib.suppress(OSError):
            text = "".join(traceback.format_exception(error))
            (self.folder / ERROR_LOG).write_text(text, encoding="utf-8", errors="replace")

    def _close(self, state: str, reason: str, pack: dict[str, Any] | None) -> None:
        content = self.begun.content
        for entry in content["jobs"]:
            if entry["state"] in (RUNNING, PENDING):
                entry |= {"state": INTERRUPTED, "reason": reason}
        seconds = round(time.monotonic() - self.started, 1)
        content["files"] = self._files()
        content |= {"state": state, "reason": reason, "finished": manifest.now(), "seconds": seconds, "pack": pack}
        manifest.write_json(self.folder / manifest.FILE, content)

    def _files(self) -> dict[str, str]:
        """Hash what the run joined and what it took in, so that a change of them does not go unseen."""
        made = [*self.folder.glob("*.parquet"), self.folder / "quarantine.csv", *self.folder.glob("inputs/**/*")]
        return hashes(self.folder, made)

    def _pack(self) -> dict[str, Any] | None:
        """Return the pack's page, status and reasons as its notebook left them; None where there is no pack."""
        done = any(entry["notebook"] == PACK and entry["state"] == DONE for entry in self.begun.content["jobs"])
        path = self.folder / "results" / "board_pack" / "status.json"
        if not (done and path.is_file()):
            return None
        return {"page": "board_pack.html", **json.loads(path.read_text(encoding="utf-8"))}


def longest_first(jobs: list[Job], plan: Plan, lengths: Mapping[str, float]) -> list[Job]:
    """Order jobs by the seconds of the longest chain that each begins, those with the longest first.

    `lengths` are the seconds that jobs took before, by job id; one that never ran counts as the mean of its notebook,
    else of all.
    """
    known = {job.id: lengths[job.id] for job in plan.active if job.id in lengths}
    mean = sum(known.values()) / len(known) if known else 1.0
    notebook = {name: [known[job.id] for job in plan.active if job.notebook == name and job.id in known]
                for name in {job.notebook for job in plan.active}}  # fmt: skip
    followers = {job.id: [other for other in plan.active if job.id in other.needs] for job in plan.active}
    chains: dict[str, float] = {}

    def chain(job: Job) -> float:
        if job.id not in chains:
            alike = notebook[job.notebook]
            own = known.get(job.id, sum(alike) / len(alike) if alike else mean)
            chains[job.id] = own + max((chain(other) for other in followers[job.id]), default=0.0)
        return chains[job.id]

    return sorted(jobs, key=lambda job: -chain(job))

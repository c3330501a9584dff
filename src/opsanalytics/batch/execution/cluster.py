"""The cluster: jobs sent to the workers of a Dask scheduler, through its standard executor.

The workers see the run folder and the notebooks under the same paths and have the same code and
libraries: a run whose workers have not is refused. A worker that dies loses nothing: the scheduler
gives its job to another, which leaves what the first would have left.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsanalytics.batch.execution.job import Task, run_job
from opsanalytics.batch.folder.files import file_hash
from opsanalytics.batch.folder.manifest import JobState, versions
from opsanalytics.batch.planning.keys import code_hash
from opsanalytics.batch.planning.notebooks import RequestError

_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:\d{1,5}")  # Dask itself takes seconds over another, and says more
_ANSWER_S = 5
_LOOK_S = 0.2
_END_S = 5.0
_WITHOUT_S = 60.0
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio")


class ClusterError(Exception):
    """The cluster went away during a run; the message says how. What is done stands."""


@dataclass(frozen=True)
class Cluster:
    """A scheduler that answers, with workers that fit; `client` is Dask's."""

    address: str
    client: Any

    def workers(self) -> int:
        """Count the workers that are there now. Raises ClusterError when the scheduler does not answer."""
        if self.client.status != "running":
            raise ClusterError(f"the connection to the scheduler at {self.address} was lost")
        try:
            return len(self.client.scheduler_info(n_workers=-1)["workers"])
        except OSError as error:
            raise ClusterError(f"the scheduler at {self.address} does not answer any more ({error})") from error

    def ask(self, question: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """Ask every worker; answers by address, an exception where one could not answer."""
        answers: dict[str, Any] = self.client.run(question, *given, on_error="return")
        return answers


@dataclass
class ClusterWorkers:
    """The workers of a cluster at work on one run; only the main thread changes it."""

    cluster: Cluster
    executor: Executor
    under_way: list[Future[JobState]] = field(default_factory=list)
    seen: float = field(default_factory=time.monotonic)

    def free(self, running: int) -> int:
        """How many more jobs can start? Workers may come and go. Raises ClusterError when none is left for a minute."""
        found = self.cluster.workers()
        if found:
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > _WITHOUT_S:
            raise ClusterError(f"the scheduler at {self.cluster.address} has had no worker for {_WITHOUT_S:.0f} s")
        return max(0, found - running)

    def submit(self, task: Task) -> Future[JobState]:
        """Send a job; the future holds what became of it."""
        sent = self.executor.submit(run_on_worker, task, code_hash(), versions())
        self.under_way.append(sent)
        return _told(sent, self.cluster.address)


def _told(sent: Future[JobState], address: str) -> Future[JobState]:
    """Return a future of the same job, in which what went wrong with the cluster is a sentence."""
    told: Future[JobState] = Future()

    def pass_on(ended: Future[JobState]) -> None:
        try:
            told.set_result(ended.result())
        except CancelledError:
            told.set_exception(ClusterError(f"the connection to the scheduler at {address} was lost while it ran"))
        except Exception as error:  # noqa: BLE001  # whatever the worker raised is what became of the job
            told.set_exception(_in_words(error))

    sent.add_done_callback(pass_on)
    return told


def _in_words(error: Exception) -> Exception:
    if type(error).__name__ != "KilledWorker":
        return error
    died = getattr(error, "allowed_failures", 0) + 1
    return ClusterError(
        f"{died} workers died while they ran it, one after the other, often for want of memory; see their logs"
    )


@contextmanager
def connected(address: str, runs: Path, notebooks: Path) -> Iterator[Cluster]:
    """Connect to a scheduler whose workers can do the jobs of a run.

    Raises RequestError, with what to do, where Dask is not installed, nobody answers at the address, no worker is
    there, or a worker has other code or libraries, or does not see the folder of the runs or of the notebooks.
    """
    if not _ADDRESS.fullmatch(address):
        raise RequestError(f"'{address}' is no address of a Dask scheduler. Give it like tcp://10.0.0.5:8786.")
    with _client(address) as client:
        cluster = Cluster(address, client)
        if not cluster.workers():
            raise RequestError(
                f"The scheduler at {address} has no worker. Start some with: dask worker {address} --nthreads 1"
            )
        _refuse_unfit(cluster, runs.absolute(), notebooks.absolute())
        yield cluster


@contextmanager
def cluster_workers(cluster: Cluster, run_folder: Path) -> Iterator[ClusterWorkers]:
    """Execute jobs on the workers of a cluster; whatever ends the block early ends the kernels there too."""
    _await_end(cluster, run_folder)  # of a run that was killed a moment ago
    workers = ClusterWorkers(cluster, cluster.client.get_executor(pure=False))
    try:
        yield workers
    finally:
        for future in workers.under_way:
            future.cancel()
        workers.executor.shutdown(wait=False)
        with contextlib.suppress(OSError, ClusterError):
            _await_end(cluster, run_folder)


def _await_end(cluster: Cluster, run_folder: Path) -> None:
    """Wait until no worker is at work in a run's folder, a few seconds at most."""
    end = time.monotonic() + _END_S
    while cluster.workers() and time.monotonic() < end:
        if not any(answer is True for answer in cluster.ask(_at_work, str(run_folder)).values()):
            return
        time.sleep(_LOOK_S)


# The connection


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise RequestError(
            "Dask is not installed here. Install it with: python -m pip install 'opsanalytics[cluster]'"
        ) from None
    with _quiet():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ: those that matter are looked at
                client = Client(address, timeout=_ANSWER_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise RequestError(
                f"No Dask scheduler answers at '{address}'. Start one with `dask scheduler`, which prints its address, "
                "such as tcp://10.0.0.5:8786; or leave --scheduler out, and the notebooks run here."
            ) from error
        with client:
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs off the terminal: what matters of it is said in a sentence."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate


# Workers that fit


@dataclass(frozen=True)
class Here:
    """What the driver has, and a worker must have too: a mark in the runs folder, notebooks and their hashes, code."""

    mark: Path
    notebooks: Mapping[str, str]
    code: str
    versions: Mapping[str, str]


def _refuse_unfit(cluster: Cluster, runs: Path, notebooks: Path) -> None:
    """Raise RequestError unless each worker has this code, these libraries and both folders in sight."""
    hashes = {str(path): file_hash(path) for path in sorted(notebooks.glob("*.ipynb"))}
    mark = runs / f".{secrets.token_hex(8)}.part"
    mark.touch()
    try:
        answers = cluster.ask(unfit, Here(mark, hashes, code_hash(), versions()))
    finally:
        mark.unlink()
    for worker, fault in sorted(answers.items()):
        if isinstance(fault, Exception):
            fault = f"lacks this package ({fault}). Install the same version there, then restart the worker."
        if fault:
            raise RequestError(f"The worker {worker} {fault}")


def _other_code(code: str, wanted: Mapping[str, str]) -> str:
    """Say, on a worker, how its code or its libraries differ from the driver's; nothing where they do not."""
    if code_hash() != code:
        return "has other code of this package. Install the same version there, then restart the worker."
    own = versions()
    for name in sorted(wanted.keys() | own.keys()):
        if own.get(name) != wanted.get(name):
            here, there = wanted.get(name, "none"), own.get(name, "none")
            return f"has {name} {there}, this machine has {here}. Install the same there, or figures may differ."
    return ""


def unfit(here: Here) -> str:
    """Say, on a worker, why it cannot do the jobs of a run; nothing where it can."""
    if fault := _other_code(here.code, here.versions):
        return fault
    runs = here.mark.parent
    if not here.mark.exists():
        return f"does not see {runs}. Name a folder with --runs that all workers see under the same path."
    try:
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        return f"cannot write into {runs} ({error.strerror}). Let it write there, then run again."
    for path, wanted in here.notebooks.items():
        if not Path(path).is_file() or file_hash(Path(path)) != wanted:
            return f"does not see {path} as it is here. Name a folder with --notebooks that all workers see."
    return ""


# On a worker

_AT_WORK: list[str] = []  # the run folders of the jobs under way in this process


def _at_work(run_folder: str) -> bool:
    return run_folder in _AT_WORK


def run_on_worker(task: Task, code: str, libraries: Mapping[str, str]) -> JobState:
    """Run one job on a worker, with a kernel of its own, which ends when the job is no longer wanted.

    It is not when the run is stopped, its driver is gone, or the worker leaves the cluster. Raises ClusterError on a
    worker that came later and has other code or libraries.
    """
    from distributed import get_worker

    from opsanalytics.batch.execution.execute import Kernels, kernels

    worker = get_worker()
    if fault := _other_code(code, libraries):
        raise ClusterError(f"the worker {worker.address} {fault}")
    wanted = _wanted(worker)

    def look(found: Kernels) -> None:
        while not found.ended.wait(_LOOK_S):
            if not wanted():
                found.stop()

    _AT_WORK.append(str(task.run_folder))
    try:
        _clear(task)
        with kernels() as found:
            threading.Thread(target=look, args=(found,), name="wanted", daemon=True).start()
            return run_job(task, found)
    finally:
        _AT_WORK.remove(str(task.run_folder))


def _wanted(worker: Any) -> Callable[[], bool]:
    """Return what tells whether the scheduler still wants the job that this thread runs."""
    from distributed import Status

    key = worker.get_current_task()

    def still() -> bool:
        job = worker.state.tasks.get(key)
        at_work = worker.status in (Status.running, Status.paused)
        return at_work and job is not None and job.state in ("executing", "long-running")

    return still


def _clear(task: Task) -> None:
    """Remove what a worker that died had half written of this job."""
    results = task.run_folder / task.place.results
    for left in results.parent.glob(f"{results.name}.*.partial"):
        shutil.rmtree(left, ignore_errors=True)
    (task.target.with_name(f".{task.target.stem}.part.ipynb")).unlink(missing_ok=True)

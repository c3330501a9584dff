"""The cluster: jobs sent to the workers of a Dask scheduler, through its standard executor.

The workers see the run folder under the same path and run the same code. A worker that dies loses
nothing: its job comes back and is run by another, and leaves what it would have left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsanalytics.batch.execution.job import Task, run_job
from opsanalytics.batch.folder.manifest import JobState
from opsanalytics.batch.planning.keys import code_hash
from opsanalytics.batch.planning.notebooks import RequestError

STOP = ".stop.part"  # in the run folder: whoever works on a job of it ends
_ANSWER_S = 10
_LOOK_S = 0.5
_END_S = 2.0


@dataclass
class ClusterWorkers:
    """The workers of a scheduler: an executor, how many jobs it takes at a time, and the jobs under way."""

    executor: Any
    width: int
    under_way: list[Future[JobState]] = field(default_factory=list)

    def submit(self, task: Task) -> Future[JobState]:
        """Send a job; the future holds what became of it."""
        future: Future[JobState] = self.executor.submit(run_on_worker, task)
        self.under_way.append(future)
        return future


@contextmanager
def cluster_workers(address: str, folder: Path) -> Iterator[ClusterWorkers]:
    """Execute jobs on the workers of a Dask scheduler, one at a time on each.

    Raises RequestError, with what to do, where Dask is not installed, nobody answers at the address, no worker is
    there, or a worker has other code or does not see the run folder.
    """
    with _client(address) as client:
        _refuse_unfit(client, address, folder)
        workers = ClusterWorkers(client.get_executor(pure=False), len(_workers(client)))
        try:
            yield workers
        except BaseException:
            (folder / STOP).touch()
            for future in workers.under_way:
                future.cancel()
            wait(workers.under_way, timeout=_END_S)
            raise
        finally:
            workers.executor.shutdown(wait=False)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise RequestError(
            "Dask is not installed here. Install it with: python -m pip install 'opsanalytics[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=_ANSWER_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise RequestError(
            f"No scheduler answers at '{address}' ({str(error) or type(error).__name__}). "
            "Start one with `dask scheduler`, or leave --scheduler out."
        ) from None
    with client:
        yield client


def _workers(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return found


def _refuse_unfit(client: Any, address: str, folder: Path) -> None:
    """Raise RequestError unless there are workers, each with this code and with the run folder in sight."""
    if not _workers(client):
        raise RequestError(
            f"The scheduler at {address} has no worker. Start some with: dask worker {address} --nthreads 1"
        )
    for worker, fault in client.run(_unfit, str(folder), code_hash()).items():
        if fault:
            raise RequestError(f"The worker {worker} {fault}")


def _unfit(folder: str, code: str) -> str:
    """Say, on a worker, why it cannot do the jobs of a run; nothing where it can."""
    if not Path(folder).is_dir():
        return f"does not see {folder}. Name a folder with --runs that all workers see under the same path."
    if code_hash() != code:
        return "runs another version of this package. Install the same one there, or restart the worker."
    return ""


def run_on_worker(task: Task) -> JobState:
    """Run one job on a worker, with kernels of its own; it ends when the run is stopped."""
    from opsanalytics.batch.execution.execute import Kernels, kernels

    def look(found: Kernels) -> None:
        while not found.ended.wait(_LOOK_S):
            if (task.run_folder / STOP).exists():
                found.stop()

    with kernels() as found:
        threading.Thread(target=look, args=(found,), name="stop", daemon=True).start()
        return run_job(task, found)

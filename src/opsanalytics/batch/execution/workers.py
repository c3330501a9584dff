"""Workers: who executes the jobs of a run by the standard executor's interface: threads here, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from opsanalytics.batch.execution.environment import Ground, prepared_ground
from opsanalytics.batch.execution.job import Task, run_job
from opsanalytics.batch.folder.manifest import JobState

if TYPE_CHECKING:
    from opsanalytics.batch.execution.cluster import Cluster
    from opsanalytics.batch.execution.execute import Kernels
    from opsanalytics.batch.planning.plan import Request

FORKED, PLAIN = "forked", "kernel"
ENGINES = (FORKED, PLAIN)


class Workers(Protocol):
    """Whoever takes jobs: how many more can start now, and what becomes of one."""

    def free(self, running: int) -> int:
        """How many more jobs can start while so many run?"""

    def submit(self, task: Task) -> Future[JobState]:
        """Start a job; the future holds what became of it."""


@dataclass(frozen=True)
class LocalWorkers:
    """An executor, how many jobs it takes at a time, and the kernels that its threads start."""

    executor: Executor
    width: int
    kernels: Kernels

    def free(self, running: int) -> int:
        """How many more jobs can start while so many run?"""
        return self.width - running

    def submit(self, task: Task) -> Future[JobState]:
        """Start a job; the future holds what became of it."""
        return self.executor.submit(run_job, task, self.kernels)


@contextmanager
def local_workers(width: int, ground: Ground) -> Iterator[LocalWorkers]:
    """Execute jobs here, `width` at a time; whatever ends the block early ends every kernel at once."""
    from opsanalytics.batch.execution.execute import kernels

    with kernels(ground) as found, ThreadPoolExecutor(width) as pool:
        try:
            yield LocalWorkers(pool, width, found)
        except BaseException:  # the pool waits for its workers, and they for their kernels
            found.stop()
            raise


@contextmanager
def cluster_of(request: Request, runs: Path) -> Iterator[Cluster | None]:
    """Connect to the scheduler that a request names, None where it names none; see `connected` for what is refused."""
    if not request.scheduler:
        yield None
        return
    from opsanalytics.batch.execution.cluster import connected

    with connected(request.scheduler, runs, request.folder) as cluster:
        yield cluster


def ground_of(request: Request) -> AbstractContextManager[Ground]:
    """Begin to prepare the ground for the kernels of a request; those of a cluster's workers start on their own."""
    return prepared_ground(forked=request.engine == FORKED and not request.scheduler, cwd=request.folder)


def workers_of(
    request: Request, run_folder: Path, ground: Ground, cluster: Cluster | None
) -> AbstractContextManager[Workers]:
    """Return the workers of a run: those of the cluster, else this process's own."""
    if cluster is None:
        return local_workers(request.jobs, ground)
    from opsanalytics.batch.execution.cluster import cluster_workers

    return cluster_workers(cluster, run_folder)

"""Workers: who executes the jobs of a run, by the standard executor's interface; here, threads of this process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opsanalytics.batch.execution.job import Task, run_job
from opsanalytics.batch.folder.manifest import JobState

if TYPE_CHECKING:
    from opsanalytics.batch.execution.execute import Kernels

FORKED, PLAIN = "forked", "kernel"
ENGINES = (FORKED, PLAIN)


@dataclass(frozen=True)
class Workers:
    """An executor, how many jobs it takes at a time, and the kernels that its threads start."""

    executor: Executor
    width: int
    kernels: Kernels

    def submit(self, task: Task) -> Future[JobState]:
        """Start a job; the future holds what became of it."""
        return self.executor.submit(run_job, task, self.kernels)


@contextmanager
def local_workers(width: int, engine: str, notebooks: Path) -> Iterator[Workers]:
    """Execute jobs here, `width` at a time; whatever ends the block early ends every kernel at once."""
    from opsanalytics.batch.execution.execute import kernels

    with kernels(forked=engine == FORKED, cwd=notebooks) as found, ThreadPoolExecutor(width) as pool:
        try:
            yield Workers(pool, width, found)
        except BaseException:  # the pool waits for its workers, and they for their kernels
            found.stop()
            raise

"""Executing notebooks: papermill, this interpreter's kernel, several at a time.

What a job became is read from the exception it raised and from the cells' execution counts:
after a kernel's death papermill's own metadata says "completed" on cells that never ran.
Nothing here depends on the process's working directory, which all threads share.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb

from opsanalytics.batch.execution.environment import Ground, kernel_environment, prepared_ground
from opsanalytics.batch.execution.kernels import Preloaded
from opsanalytics.batch.execution.kernels.provisioner import QuickManager, forked_provisioner
from opsanalytics.batch.folder.process import peak_memory_mb
from opsanalytics.formats import shorten

KERNEL = "python3"
_ENGINE = "opsanalytics"
_SOCKET_PATH_LIMIT = 90  # a UNIX socket's path has at most 104 (macOS) or 108 bytes, and a suffix is added
_LONGEST_ERROR = 600
_WATCH_S = 0.2


class StoppedError(Exception):
    """The run is being stopped: no further kernel is started."""


class JobError(Exception):
    """A notebook did not run to its end; `cell` is the number of the code cell (from 1), 0 where none began.

    `died` says that its process ended by itself, which another attempt may mend; an error in a cell comes again.
    """

    def __init__(self, message: str, cell: int, *, died: bool = False) -> None:
        super().__init__(message)
        self.cell, self.died = cell, died


class _WrittenOnce(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """A notebook under way that is written when it ends, however it ends.

    papermill writes it twice a cell, which takes the longer the more pictures it holds: a tenth of a report's time.
    """

    def save(self, **options: Any) -> None:
        if self.end_time is not None:
            super().save(**options)


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, save that the notebook is written once."""

    @classmethod
    def execute_notebook(
        cls, nb: nbformat.NotebookNode, kernel_name: str, output_path: str | None = None, **options: Any
    ) -> nbformat.NotebookNode:
        """Execute a notebook, which holds what was done also when this raises."""
        manager = _WrittenOnce(nb, output_path, progress_bar=options.pop("progress_bar"), autosave_cell_every=0)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **options)
        finally:
            manager.notebook_complete()
        done: nbformat.NotebookNode = manager.nb
        return done


papermill_engines.register(_ENGINE, _Engine)


@dataclass
class Kernels:
    """The kernels of one run: where their sockets lie, which live, and whether the run is being stopped.

    The only mutable object of a run that threads share; `lock` guards it.
    """

    folder: Path
    preloaded: Preloaded | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    processes: dict[str, Any] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)
    stopped: bool = False

    def add(self, job: str, process: Any) -> None:
        """Remember a job's kernel process; one that starts after the stop, or its deadline, is ended at once."""
        with self.lock:
            self.processes[job] = process
            late = self.stopped or job in self.expired
        if late:
            _kill(process)

    def forget(self, job: str) -> None:
        """Forget the process of an earlier attempt."""
        with self.lock:
            self.processes.pop(job, None)

    def exit_code(self, job: str) -> int | None:
        """Return how a job's kernel ended: minus the signal's number, or None when it is not known."""
        process = self.processes.get(job)
        return None if process is None else process.poll()

    def peak_mb(self, job: str) -> float | None:
        """Return the most memory, in MB, that a job's kernel has held; None where nobody saw it."""
        usage = getattr(self.processes.get(job), "usage", None)  # of a forked kernel that has ended
        return max((self.peaks.get(job), usage and usage.peak_memory_mb), key=lambda held: held or 0.0)

    def expire(self, job: str) -> None:
        """End the kernel of a job whose time is up."""
        with self.lock:
            self.expired.add(job)
            process = self.processes.get(job)
        if process is not None:
            _kill(process)

    def watch(self) -> None:
        """Remember the most memory that each kernel has held, until the run ends."""
        while not self.ended.wait(_WATCH_S):
            with self.lock:
                living = list(self.processes.items())
            for job, process in living:
                held = peak_memory_mb(process.pid) if process.poll() is None else None
                if held is not None:
                    self.peaks[job] = max(held, self.peaks.get(job, 0.0))

    def stop(self) -> None:
        """End every kernel, and let none start any more."""
        self.ended.set()
        with self.lock:
            self.stopped = True
            living = list(self.processes.values())
        for process in living:
            _kill(process)
        if self.preloaded is not None:
            self.preloaded.stop()


@contextmanager
def kernels(ground: Ground | None = None) -> Iterator[Kernels]:
    """Start kernels on the ground prepared for them, or on ground of their own; at the end none is left."""
    with contextlib.nullcontext(ground) if ground is not None else prepared_ground(forked=False) as own:
        yield from _kernels(own)


def _kernels(ground: Ground) -> Iterator[Kernels]:
    found, quiet = Kernels(ground.folder, ground.preloaded), logging.NullHandler()
    logging.getLogger("papermill").addHandler(quiet)  # what it would print is said by JobError
    threading.Thread(target=found.watch, name="memory", daemon=True).start()
    try:
        yield found
    finally:
        found.stop()
        logging.getLogger("papermill").removeHandler(quiet)


def _kill(process: Any) -> None:
    if process.poll() is not None:
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # each kernel leads a session of its own
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        process.kill()


def run_notebook(
    source: Path, target: Path, log: Path, parameters: Mapping[str, Any], job: str, found: Kernels, deadline_s: float
) -> nbformat.NotebookNode:
    """Run one notebook and write it to `target`, where it appears only when it is whole.

    One that fails, or is not at its end `deadline_s` seconds after its start, is left beside it as
    `<name>.failed.ipynb`; what it wrote to stderr is in `log`. Raises JobError with a sentence, or StoppedError.
    """
    aside = target.with_name(f".{target.stem}.part.ipynb")
    reached = [0]
    found.forget(job)
    clock = threading.Timer(deadline_s, found.expire, [job])
    clock.daemon = True
    clock.start()
    try:
        log.write_text("", encoding="utf-8")
        with log.open("a", encoding="utf-8") as stream:  # its kernel appends to it as well
            notebook = _papermill(source, aside, stream, parameters, job, found, reached)
        refuse_unfinished(notebook)
    except PapermillExecutionError as error:
        _keep_failed(aside, target)
        raise JobError(_cell_error(error), reached[0]) from error
    except JobError:
        _keep_failed(aside, target)
        raise
    except (DeadKernelError, CellTimeoutError, RuntimeError) as error:
        if found.stopped:
            raise StoppedError from error
        _keep_failed(aside, target)
        if job in found.expired:
            raise JobError(_too_long(deadline_s, reached[0]), reached[0]) from error
        said = _death(error, found.exit_code(job), reached[0], found.peak_mb(job))
        raise JobError(said, reached[0], died=True) from error
    finally:
        clock.cancel()
        _close_loop()
        aside.unlink(missing_ok=True)
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    _write(notebook, aside, target)
    return notebook


def _papermill(
    source: Path,
    aside: Path,
    stream: IO[str],
    parameters: Mapping[str, Any],
    job: str,
    found: Kernels,
    reached: list[int],
) -> nbformat.NotebookNode:
    def begin(cell: nbformat.NotebookNode, cell_index: int) -> None:
        reached[0] += 1

    notebook: nbformat.NotebookNode = papermill.execute_notebook(
        _unformatted(source),
        _unformatted(aside),
        parameters=dict(parameters),
        engine_name=_ENGINE,
        kernel_name=KERNEL,
        language="python",
        progress_bar=False,
        stderr_file=stream,
        start_timeout=120,
        kernel_manager_class=_manager(job, source.parent, stream, found),
        shutdown_kernel="immediate",
        on_cell_execute=begin,
    )
    return notebook


def _close_loop() -> None:
    """Close this thread's event loop, which nbclient opened and leaves open."""
    loop = ensure_event_loop()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def _unformatted(path: Path) -> str:
    """papermill fills in braces in its paths: double them, so that a folder's name stays as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _write(notebook: nbformat.NotebookNode, aside: Path, target: Path) -> None:
    notebook.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook.metadata["papermill"] |= {"input_path": target.name, "output_path": target.name}
    write_ipynb(notebook, str(aside))
    aside.replace(target)


def _keep_failed(aside: Path, target: Path) -> None:
    if aside.exists():
        aside.replace(target.with_name(f"{target.stem}.failed.ipynb"))


def refuse_unfinished(notebook: nbformat.NotebookNode) -> None:
    """Raise JobError unless every code cell has run, in order: `sys.exit()` ends a notebook without an error."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells, start=1):
        if cell.execution_count is None:
            raise JobError(f"the notebook stopped before its code cell {number}, which did not run", number)


def _cell_error(error: PapermillExecutionError) -> str:
    return shorten(f"code cell {error.exec_count}: {error.ename}: {error.evalue}", _LONGEST_ERROR)


def _too_long(deadline_s: float, cell: int) -> str:
    where = f"code cell {cell} was running" if cell else "its first cell had not begun"
    limit = f"{deadline_s / 60:,.0f} minutes" if deadline_s >= 120 else f"{deadline_s:g} seconds"
    return f"it took longer than {limit} and was ended: {where}"


def _death(error: Exception, code: int | None, cell: int, peak_mb: float | None) -> str:
    where = f"in code cell {cell}" if cell else "before its first cell"
    held = f"; it had held up to {peak_mb:,.0f} MB" if peak_mb else ""
    if code is not None and code < 0:
        why = ", often for want of memory" if -code == getattr(signal, "SIGKILL", None) else ""
        return f"its Python process was killed {where} (signal {-code}, {signal.Signals(-code).name}{why}{held})"
    return f"its Python process ended {where}: {shorten(str(error), _LONGEST_ERROR)}{held}"


def _manager(job: str, folder: Path, stream: IO[str], found: Kernels) -> type[AsyncKernelManager]:
    """Return the class of kernel manager that nbclient makes for one job.

    It starts this interpreter's kernel, whatever kernel the notebook names, in the notebook's folder.
    Where sockets are files the kernel listens on one of those, so that no port is open to the machine.
    """
    connection = str(found.folder / f"k{time.monotonic_ns():x}.json")
    sockets = "ipc" if os.name == "posix" and len(connection.encode()) < _SOCKET_PATH_LIMIT else "tcp"
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    class Manager(QuickManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**(options | {"connection_file": connection, "transport": sockets}))

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=command, display_name="Python 3", language="python")

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]  # asynchronous, as its parent's is
            if found.stopped:
                raise StoppedError
            environment = kernel_environment(found.folder)
            if found.preloaded is not None:
                self.provisioner = forked_provisioner(self, found.preloaded, stream.name)
            await super().start_kernel(
                **(options | {"cwd": str(folder), "env": environment, "stdout": stream, "stderr": stream})
            )
            found.add(job, getattr(self.provisioner, "process", None))
            if found.stopped:
                await self.cleanup_resources()
                raise StoppedError
            import nbconvert  # noqa: F401  # a kernel needs half a second: meanwhile what renders its page is loaded

    return Manager

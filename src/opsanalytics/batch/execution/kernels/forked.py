"""Kernels forked from a process that has imported everything already: the driver's side.

A kernel that imports pandas, seaborn and prophet takes seconds to do so, and each of a month's notebooks starts one.
Here one process imports them, once, while the driver reads the data; each kernel is a fork of it and begins with all
that in its memory. The kernel is the ordinary ipykernel and speaks the ordinary protocol; how it comes to life is all
that differs. Linux only: Windows has no fork, and macOS's own libraries may not be used in a forked process.

Only the standard library is imported here, so that the process can be started before anything else is loaded.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

# What the notebooks import, and what those imports leave for later.
MODULES = (
    "pandas",
    "numpy",
    "duckdb",
    "matplotlib.pyplot",
    "seaborn",
    "prophet",
    "cmdstanpy",
    "holidays.countries",
    "scipy.optimize",
    "scipy.signal",
    "scipy.sparse",
    "scipy.special",
    "jinja2",
    "PIL.JpegImagePlugin",
    "pyarrow.dataset",
    "opsanalytics.sources",
    "opsanalytics.results",
    "opsanalytics.budget",
    "opsanalytics.demand",
    "opsanalytics.staffing",
    "opsanalytics.charts",
    "opsanalytics.tables",
    "opsanalytics.boardpack",
)

# Variables that an interpreter, a C library or a Python library reads once, when it starts or is loaded.
READ_AT_START = (
    *("PYTHON", "LD_", "DYLD_", "MALLOC_", "LC_", "LANG", "TZ", "HOME", "XDG_", "VIRTUAL_ENV", "CONDA_"),
    *("OMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "KMP_", "NUMEXPR_", "NUMBA_", "NPY_", "SCIPY_", "VECLIB_"),
    *("MPL", "ARROW_", "PANDAS_", "CMDSTAN", "STAN_", "TQDM_", "QT_API", "SPYDER", "PYDEVD_", "DEBUGPY_", "ZMQ_"),
)

_START_TIMEOUT_S = 60.0
_LOAD_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 2.0


class PreloadedGoneError(Exception):
    """The preloaded process cannot fork a kernel: it has ended, or does not answer."""


@dataclass(frozen=True)
class Usage:
    """What a kernel used, its own ended child processes included.

    `peak_memory_mb` counts the memory that it shares with the preloaded process.
    """

    peak_memory_mb: float
    cpu_seconds: float


class ForkedProcess:
    """A forked kernel: the part of `subprocess.Popen` that jupyter_client uses, and what the kernel used.

    `returncode` is None while it lives; minus the signal's number where a signal ended it.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, changed: threading.Condition) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.usage: Usage | None = None
        self.ready = False
        self._changed = changed

    def poll(self) -> int | None:
        """Return the exit code, or None while the kernel lives."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code. Raises subprocess.TimeoutExpired."""
        with self._changed:
            self._changed.wait_for(lambda: self.returncode is not None, timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the kernel has ended."""
        with self._changed:
            if self.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)


class Preloaded:
    """One process that imports modules in the background and then forks a kernel for each request.

    `start` returns at once. When the driver ends in whatever way, the process and its kernels end with it.
    `environment` and `cwd` are those that the kernels will have; `plain` collects why kernels were started without it.
    Any thread may call any method.
    """

    def __init__(
        self,
        modules: Sequence[str] = MODULES,
        environment: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> None:
        self.modules = tuple(modules)
        self.environment = dict(os.environ if environment is None else environment)
        self.cwd = str(cwd or Path.cwd())
        self.errors: dict[str, str] = {}
        self.info: dict[str, Any] = {}
        self.plain: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._gone = "the preloaded process has not been started"
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._orders = 0
        self._answers: dict[int, ForkedProcess | str] = {}
        self._living: dict[int, ForkedProcess] = {}

    def __enter__(self) -> Preloaded:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id of the preloaded process, or None where there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, which begins to import; where the platform cannot, say so in each kernel's reason."""
        unable = cannot_fork()
        if unable:
            self._gone = unable
            return
        self._channel, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process lives
        script = str(Path(__file__).with_name("preloaded.py"))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, script, str(theirs.fileno()), str(os.getpid()), *self.modules],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                cwd=self.cwd,
                env=self.environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._gone, self.info, self.errors = "", {}, {}
        self._reader = threading.Thread(target=self._listen, name="preloaded", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """End the kernels that still live, then the process, and wait for it."""
        if self._process is None:
            return
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)
        if not self.info:
            self._process.kill()  # it still imports, and reads nothing meanwhile
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._channel.close()
        self._said.close()
        self._process = None
        self._gone = "the preloaded process has been stopped"

    def said(self) -> str:
        """Return what the modules wrote as they were imported, and what ended the process where it failed."""
        if self._process is None:
            return ""
        return os.pread(self._said.fileno(), 1 << 20, 0).decode(errors="replace")

    def wait_loaded(self, timeout: float = _LOAD_TIMEOUT_S) -> None:
        """Wait until the modules are imported. Raises PreloadedGoneError."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self.info or self._gone), timeout)
            if self._gone or not self.info:
                raise PreloadedGoneError(self._gone or f"its modules were not imported within {timeout:.0f} seconds")

    def refusal(self, command: Sequence[str], cwd: str, environment: Mapping[str, str]) -> str:
        """Why can a kernel of this command, folder and environment not be forked? Empty: it can."""
        if self._gone:
            return self._gone
        if list(command[:3]) != [sys.executable, "-m", "ipykernel_launcher"]:
            return "the command is not this interpreter's ipykernel"
        names = {name for name in {*environment, *self.environment} if name.startswith(READ_AT_START)}
        differing = sorted(name for name in names if environment.get(name) != self.environment.get(name))
        if differing:
            return f"the environment differs in what counts at the start: {', '.join(differing)}"
        if cwd != self.cwd and any(Path(folder, "matplotlibrc").exists() for folder in (cwd, self.cwd)):
            return "its folder has a matplotlibrc, which is read on import"
        return ""

    def fork(
        self, argv: Sequence[str], cwd: str | Path, env: Mapping[str, str], log_path: str | Path = os.devnull
    ) -> ForkedProcess:
        """Fork a kernel and return when it listens; `argv` is what follows `ipykernel_launcher`.

        A kernel that ends before it listens is returned with its exit code. Its stdout and stderr are appended to
        `log_path`. Raises PreloadedGoneError.
        """
        self.wait_loaded()
        number = self._send(argv, cwd, env, log_path)
        deadline = time.monotonic() + _START_TIMEOUT_S
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or bool(self._gone), _START_TIMEOUT_S)
            process = self._answers.pop(number, self._gone or "the preloaded process does not answer")
            if isinstance(process, str):
                raise PreloadedGoneError(process)
            left = max(0.0, deadline - time.monotonic())
            self._changed.wait_for(lambda: process.ready or process.returncode is not None, left)
            if self._gone and not process.ready:
                raise PreloadedGoneError(self._gone)
        return process

    def _send(self, argv: Sequence[str], cwd: str | Path, env: Mapping[str, str], log_path: str | Path) -> int:
        order = {"argv": list(argv), "cwd": str(cwd), "environment": dict(env), "log": str(Path(log_path).absolute())}
        with self._sending:
            self._orders += 1
            number = self._orders
            try:
                self._channel.sendall(json.dumps({"number": number, **order}).encode() + b"\n")
            except OSError as error:
                raise PreloadedGoneError("the preloaded process has ended") from error
        return number

    def _listen(self) -> None:
        with suppress(OSError), self._channel.makefile("rb") as lines:
            for line in lines:
                with self._changed:
                    self._note(json.loads(line))
                    self._changed.notify_all()
        with self._changed:
            self._gone = "the preloaded process has ended"
            for process in self._living.values():
                _kill_group(process.pid)
                process.returncode = -int(signal.SIGKILL)
            self._living.clear()
            self._changed.notify_all()

    def _note(self, told: dict[str, Any]) -> None:
        event = told.pop("event")
        if event == "loaded":
            self.errors, self.info = told["errors"], told
        elif event == "forked":
            process = ForkedProcess(told["pid"], self._changed)
            self._living[process.pid] = self._answers[told["number"]] = process
        elif event == "unable":
            self._answers[told["number"]] = f"the preloaded process could not fork: {told['reason']}"
        elif event == "ready":
            if told["pid"] in self._living:  # it may have ended at once
                self._living[told["pid"]].ready = True
        else:
            process = self._living.pop(told["pid"])
            process.usage = Usage(told["peak_memory_mb"], told["cpu_seconds"])
            process.returncode = told["code"]


def cannot_fork() -> str:
    """Why can kernels not be forked on this platform? Empty: they can."""
    if not hasattr(os, "fork"):
        return "this platform has no fork"
    if sys.platform == "darwin":
        return "the libraries of macOS may not be used in a forked process"
    return ""


def _kill_group(pid: int) -> None:
    """End a kernel with the processes that it started: it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)

"""What runs in the preloaded process, and in the kernels that are forked from it.

Run as a script, by its path: `preloaded.py SOCKET DRIVER MODULE...`, where SOCKET is an inherited descriptor and
DRIVER the process id of the driver at its other end. It imports the modules and then forks a kernel for each order.
It starts no thread and opens no connection of its own: what a fork copies is memory, not threads.

A fork also copies what belongs to one process alone. Those parts are given back here, each in a function whose
docstring names it. What cannot be given back, the variables that count when an interpreter starts, is the
driver's business: it starts a plain kernel there.

Nothing of the package is imported at the top, so that this file runs before anything is loaded.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import importlib
import json
import logging
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

# What a kernel imports while it starts and in its first cells.
KERNEL_MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.core.completerlib",
    "IPython.core.pylabtools",
    "matplotlib_inline.config",
    "sqlite3",
    "tornado.platform.asyncio",
)
INLINE = "module://matplotlib_inline.backend_inline"

# Modules that tie themselves, as they are imported, to the process (cmdstanpy: a temporary folder and its removal),
# to the notebook's shell (the inline backend) or to the cell (warnings and messages that a reader of the notebook
# would miss). A kernel imports them anew, in a few hundredths of a second, because all that they need is there.
IMPORTED_ANEW = ("cmdstanpy", "prophet", "tqdm.auto", "tqdm.autonotebook", "matplotlib_inline.backend_inline")

_ORPHAN_CHECK_S = 0.5
_DEATH_SIGNAL_OPTION = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Order:
    """One kernel to start: its command line after the launcher, folder, environment and log file.

    `ready` is the descriptor to which the kernel writes a byte when its sockets are bound.
    """

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    log: str
    ready: int


@dataclass
class Loaded:
    """What importing the modules left behind: what failed, and what a kernel must set right."""

    errors: dict[str, str] = field(default_factory=dict)
    exit_handlers: list[Callable[..., Any]] = field(default_factory=list)
    started_with: frozenset[str] = frozenset()


def load(modules: Sequence[str]) -> Loaded:
    """Import the modules as a notebook's cells would, and let go of those that a kernel imports anew."""
    loaded = Loaded(started_with=frozenset(os.environ))
    gc.disable()  # nothing is to be collected: what is imported stays
    os.environ.setdefault("MPLBACKEND", INLINE)  # what ipykernel sets before a notebook imports matplotlib
    with _exit_handlers_into(loaded.exit_handlers), _as_in_a_notebook():
        for module in (*KERNEL_MODULES, *modules):
            try:
                importlib.import_module(module)
            except Exception as error:  # noqa: BLE001  # whatever a module raises, the others are loaded
                if module not in KERNEL_MODULES:
                    loaded.errors[module] = f"{type(error).__name__}: {error}"
    _let_go()
    gc.collect()
    gc.freeze()  # a kernel's collector must not write to, and so copy, each page of what is loaded
    gc.enable()
    return loaded


@contextmanager
def _exit_handlers_into(found: list[Callable[..., Any]]) -> Iterator[None]:
    """Remember which functions the modules register to run when the process ends."""
    register = atexit.register

    def remembering(function: Callable[..., Any], /, *values: Any, **options: Any) -> Callable[..., Any]:
        found.append(function)
        return register(function, *values, **options)

    atexit.register = remembering
    try:
        yield
    finally:
        atexit.register = register


@contextmanager
def _as_in_a_notebook() -> Iterator[None]:
    """Answer `get_ipython()` as a kernel does: pandas asks on import, and shows 20 columns there, not a terminal's."""
    vars(builtins)["get_ipython"] = lambda: SimpleNamespace(kernel=None)
    try:
        yield
    finally:
        del vars(builtins)["get_ipython"]


def _let_go() -> None:
    """Forget the modules that a kernel imports anew, with the loggers that they have set up."""
    for name in list(sys.modules):
        if any(name == root or name.startswith(f"{root}.") for root in IMPORTED_ANEW):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            vars(sys.modules.get(parent, SimpleNamespace())).pop(child, None)
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.split(".")[0] in IMPORTED_ANEW:
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET)


class Server:
    """Forks a kernel for each order of the driver and tells it what becomes of them."""

    def __init__(self, channel: socket.socket, driver: int) -> None:
        self.channel, self.driver = channel, driver
        self.children: set[int] = set()
        self.starting: dict[int, int] = {}  # the descriptor that says a kernel is ready, and its process
        self.unread = b""
        self.wakes, self.woken = socket.socketpair()
        for end in (self.wakes, self.woken):
            end.setblocking(False)

    def tell(self, event: str, **facts: Any) -> None:
        """Send one line to the driver."""
        self.channel.sendall(json.dumps({"event": event, **facts}).encode() + b"\n")

    def serve(self) -> Order | None:
        """Serve until the driver is gone (None). In a forked process, return the order that it is to be."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its arrival alone counts: it wakes the wait below
        signal.set_wakeup_fd(self.woken.fileno(), warn_on_full_buffer=False)
        try:
            while os.getppid() == self.driver:
                watched: list[Any] = [self.channel, self.wakes, *self.starting]
                readable, _, _ = select.select(watched, [], [], 1.0)
                self._report_ready(readable)
                self._reap()
                if self.channel in readable:
                    for line in self._lines():
                        order = self._fork(json.loads(line))
                        if order is not None:
                            return order
        except (EOFError, OSError):
            pass  # the driver has closed its end, or has died
        self._end_children()
        return None

    def _lines(self) -> list[bytes]:
        piece = self.channel.recv(1 << 16)
        if not piece:
            raise EOFError
        *lines, self.unread = (self.unread + piece).split(b"\n")
        return lines

    def _fork(self, wanted: dict[str, Any]) -> Order | None:
        sys.stdout.flush()
        sys.stderr.flush()
        ends: tuple[int, ...] = ()
        try:
            ends = os.pipe()
            process = os.fork()
        except OSError as error:  # no memory, no process or no descriptor left: the other kernels go on
            for end in ends:
                os.close(end)
            self.tell("unable", number=wanted["number"], reason=str(error))
            return None
        ready, tells_ready = ends
        if process == 0:
            os.close(ready)
            self._close()
            return Order(wanted["argv"], wanted["cwd"], wanted["environment"], wanted["log"], tells_ready)
        os.close(tells_ready)
        self.starting[ready] = process
        self.children.add(process)
        self.tell("forked", number=wanted["number"], pid=process)
        return None

    def _close(self) -> None:
        """In a kernel: close what belongs to the preloaded process."""
        signal.set_wakeup_fd(-1)
        for end in (self.channel, self.wakes, self.woken):
            end.close()
        for descriptor in self.starting:
            os.close(descriptor)

    def _report_ready(self, readable: list[Any]) -> None:
        for descriptor in [one for one in self.starting if one in readable]:
            process = self.starting.pop(descriptor)
            if os.read(descriptor, 1):
                self.tell("ready", pid=process)
            os.close(descriptor)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while self.wakes.recv(1 << 10):
                pass
        while self.children:
            process, status, used = os.wait4(-1, os.WNOHANG)
            if process == 0:
                return
            self._ended(process, status, used)

    def _ended(self, process: int, status: int, used: resource.struct_rusage) -> None:
        self.children.discard(process)
        unit = 1 if sys.platform == "darwin" else 1024
        self.tell(
            "ended",
            pid=process,
            code=os.waitstatus_to_exitcode(status),
            peak_memory_mb=used.ru_maxrss * unit / 2**20,
            cpu_seconds=used.ru_utime + used.ru_stime,
        )

    def _end_children(self) -> None:
        for process in self.children:
            with suppress(OSError):
                os.killpg(process, signal.SIGKILL)
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)  # one that does not lead its group yet
        with suppress(OSError):
            while self.children:
                self._ended(*os.wait4(-1, 0))


def run_kernel(order: Order, loaded: Loaded, parent: int) -> None:
    """Be the kernel that was ordered; returns when it has been shut down."""
    os.setsid()
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _own_streams(order.log)
    _own_environment(order.environment, loaded.started_with)
    os.chdir(order.cwd)
    _own_exit_handlers(loaded.exit_handlers)
    _own_randomness()
    tempfile.tempdir = None  # else the folder that the preloaded process found
    _start_kernel(order, parent)
    gc.unfreeze()  # it ends as any interpreter does, which then looks for what was left uncollected


def _die_with(parent: int) -> None:
    """Where the system can (Linux), be killed when the parent ends; ipykernel's own look-out needs up to a second."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL_OPTION, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _own_streams(log: str) -> None:
    """Read from nothing, and write stdout and stderr to the end of the log, by descriptor."""
    sources = (os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666))
    os.dup2(sources[0], 0)
    os.dup2(sources[1], 1)
    os.dup2(sources[1], 2)
    for descriptor in sources:
        os.close(descriptor)


def _own_environment(environment: Mapping[str, str], started_with: frozenset[str]) -> None:
    """Take the order's environment, and keep what importing the modules has added to it."""
    for name in started_with.difference(environment):
        os.environ.pop(name, None)
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))


def _own_exit_handlers(inherited: Sequence[Callable[..., Any]]) -> None:
    """Drop what the preloaded process does at its end, such as removing its temporary folders.

    The standard library's own handlers stay: they look to the process in which they run, or do no harm.
    """
    import weakref

    for function in inherited:
        if getattr(function, "__module__", None) not in {"logging", "multiprocessing.util", "weakref"}:
            atexit.unregister(function)
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False


def _own_randomness() -> None:
    """Draw numpy's own seed: it would be the same in each kernel. `random` does so itself after a fork."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _start_kernel(order: Order, parent: int) -> None:
    """Do what `python -m ipykernel_launcher` does, and say when the client may connect."""
    from importlib.util import find_spec

    from ipykernel.kernelapp import IPKernelApp

    inherited = _handlers_of_streams()
    launcher = find_spec("ipykernel_launcher")
    sys.argv = [str(launcher.origin if launcher else "ipykernel_launcher"), *order.argv]
    application: Any = IPKernelApp.instance()
    # The default of its parent is read from the environment on import, which was before there was a kernel.
    application.initialize([*order.argv, f"--IPKernelApp.parent_handle={parent}"])
    for handler, name in inherited:
        handler.setStream(getattr(sys, name))  # the notebook's, not the process's
    os.write(order.ready, b"1")
    os.close(order.ready)
    application.start()


def _handlers_of_streams() -> list[tuple[logging.StreamHandler[Any], str]]:
    """Return the log handlers, made as modules were imported, that write to this process's stdout or stderr."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return [
        (handler, name)
        for logger in loggers
        for handler in getattr(logger, "handlers", [])
        for name in ("stdout", "stderr")
        if getattr(handler, "stream", None) is getattr(sys, name)
    ]


def _end_when_orphaned(driver: int) -> None:
    """While modules are imported nothing reads the socket: look now and then whether the driver still lives."""

    def look(*_: object) -> None:
        if os.getppid() != driver:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _ORPHAN_CHECK_S, _ORPHAN_CHECK_S)


def _stop_looking() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def main(arguments: Sequence[str]) -> None:
    """Import, then fork kernels until the driver is gone."""
    began = time.monotonic()
    server = Server(socket.socket(fileno=int(arguments[0])), int(arguments[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver
    _end_when_orphaned(server.driver)
    loaded = load(arguments[2:])
    _stop_looking()
    seconds = round(time.monotonic() - began, 3)
    me = os.getpid()
    server.tell("loaded", errors=loaded.errors, seconds=seconds, threads=threading.active_count())
    order = server.serve()
    if order is not None:
        run_kernel(order, loaded, me)


if __name__ == "__main__":
    del sys.path[0]  # this file's folder, which no kernel imports from
    main(sys.argv[1:])

"""Processes: which is which, whatever the clock says, and one run at a time in a folder.

A process number is given to another process later, and a clock can be set back; together with the
moment at which a process started, counted by the system since it was booted, a number is unique.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_START = 18  # in /proc/<pid>/stat behind the name and the state: ticks from the boot to the start of the process
_KILO = 1024.0


class LockedError(Exception):
    """Another process holds the lock; the message is what that process wrote into it."""


def identity(pid: int) -> str | None:
    """Return what tells a living process from any other that ever bore its number; None when it does not live."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state == "Z" else f"{_BOOT.read_text(encoding='ascii').strip()[:8]}-{fields[_START]}"
    import psutil  # type: ignore[import-untyped]  # it comes without types

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.Error:
        return None


def peak_memory_mb(pid: int) -> float | None:
    """Return the most memory, in MB, that a living process has held so far; where no system says, what it holds now."""
    if sys.platform == "linux":
        try:
            lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return None
        held = [float(line.split()[1]) / _KILO for line in lines if line.startswith("VmHWM:")]
        return held[0] if held else None
    import psutil

    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return float(getattr(memory, "peak_wset", memory.rss)) / _KILO**2


@contextmanager
def locked(path: Path, said: str) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process ends, however it ends; `said` stands in its file.

    Raises LockedError with what the holder said where another process holds it.
    """
    stream = _taken(path)
    try:
        stream.truncate(0)
        stream.write(said)
        stream.flush()
        yield
    finally:
        with contextlib.suppress(OSError):  # another system removes no file that is open: it stays, and holds nothing
            path.unlink()
        stream.close()


def _taken(path: Path) -> IO[str]:
    """Return the file of a lock, open and held; one that its last holder removed meanwhile is no lock any more."""
    while True:
        stream = path.open("a+", encoding="utf-8")
        if not _take(stream):
            stream.seek(0)
            said = stream.read().strip()
            stream.close()
            raise LockedError(said)
        if path.exists() and os.fstat(stream.fileno()).st_ino == path.stat().st_ino:
            return stream
        stream.close()


def _take(stream: IO[str]) -> bool:
    """Take the system's lock of an open file; False where another process has it."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            stream.seek(1 << 30)  # far behind the text, which others may read
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True

"""The environment of a kernel: the caller's, with absolute import paths and its own places to write."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opsanalytics.batch.execution.kernels import Preloaded, cannot_fork


@dataclass(frozen=True)
class Ground:
    """What kernels start on: the folder of their sockets and temporary files, and the process that they are forks of.

    `preloaded` is None where each starts anew.
    """

    folder: Path
    preloaded: Preloaded | None


@contextmanager
def prepared_ground(*, forked: bool, cwd: Path | None = None) -> Iterator[Ground]:
    """Make the ground; at the end nothing of it is left.

    With `forked`, where the platform has fork, a process begins to import everything at once, in the background. `cwd`
    is the folder of the notebooks. Nothing heavy is imported here.
    """
    folder = Path(tempfile.mkdtemp(prefix="ops-"))
    preloaded = Preloaded(environment=kernel_environment(folder), cwd=cwd) if forked and not cannot_fork() else None
    try:
        if preloaded is not None:
            preloaded.start()
        yield Ground(folder, preloaded)
    finally:
        if preloaded is not None:
            preloaded.stop()
        shutil.rmtree(folder, ignore_errors=True)


def import_paths() -> str:
    """Return PYTHONPATH with absolute paths, under which a kernel imports the package that runs here."""
    paths = [str(Path(path).absolute()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    package = str(Path(__file__).resolve().parents[3])
    installed = {os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    if package not in installed and package not in paths:
        paths.insert(0, package)
    return os.pathsep.join(paths)


def kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a kernel that writes its own files only under `folder`.

    A user's IPython startup files do not run: the same notebook gives the same figures for everybody.
    """
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = dict(os.environ)
    if not os.access(Path.home(), os.W_OK):
        environment.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    own = {
        "IPYTHONDIR": str(folder / "ipython"),
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "TMP": str(temporary),
    }
    return environment | own | {"PYTHONPATH": import_paths()}

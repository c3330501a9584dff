"""A run on the workers of a Dask scheduler: the same figures as here, also when a worker dies, and what is refused.

Scheduler and workers are processes of their own on this machine's loopback; the runs are the command's own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from opsanalytics.batch.execution.cluster import Here, connected, unfit
from opsanalytics.batch.folder.manifest import versions
from opsanalytics.batch.folder.process import identity
from opsanalytics.batch.planning.keys import code_hash
from opsanalytics.batch.planning.notebooks import RequestError
from test_batch import DEMAND, write_data, write_notebooks
from test_run_faults import SAVES, command, files, half_written, started, state_texts, wait_for

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask distributed is not installed"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc"),
    pytest.mark.slow,
]
#: So long that a worker can be killed while it runs; the pack is made where all others are done.
SLOW = f"import time\ntime.sleep(1.5)\n{SAVES}"
ONLY = ("--notebook", "02", "--entity", "Cork", "--entity", "Dublin")
SLEEPS = "import time\ntime.sleep(600)"


@contextmanager
def process(line: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of this interpreter, and end it and all that it started afterwards."""
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", *line],
            stdout=stream,
            stderr=stream,
            env=os.environ | environment,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dask scheduler on a free port; its address."""
    place = tmp_path_factory.mktemp("scheduler")
    file = place / "scheduler.json"
    line = ["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with process(line, place / "log"):
        wait_for(lambda: file.exists() and file.read_text(encoding="utf-8").endswith("}"))
        yield json.loads(file.read_text(encoding="utf-8"))["address"]


@contextmanager
def workers(
    address: str, place: Path, number: int, *options: str, source: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start so many workers that import the package from `source`; they are gone at the end."""
    place.mkdir(exist_ok=True)
    with workers(address, place, number - 1, *options, source=source) if number > 1 else nobody() as others:
        log = place / f"worker{number}.log"
        line = ["dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(place)]
        more = options or ("--no-nanny",)
        with process([*line, *more], log, PYTHONPATH=str(source)) as child:
            wait_for(lambda: b"Registered to" in log.read_bytes())
            yield [*others, child]


@contextmanager
def nobody() -> Iterator[list[subprocess.Popen[bytes]]]:
    """No worker at all."""
    yield []


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, notebooks and their run in this machine's own way."""
    tmp_path = tmp_path_factory.mktemp("here")
    folder = write_notebooks(tmp_path / "notebooks", **{DEMAND: SLOW})
    write_data(tmp_path / "data")
    done = said(command(tmp_path, folder, *ONLY))
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.fixture
def there(here: Path, tmp_path: Path) -> Path:
    """The same data and notebooks without a run."""
    shutil.copytree(here / "data", tmp_path / "data")
    shutil.copytree(here / "notebooks", tmp_path / "notebooks")
    return tmp_path


def said(line: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


def sent(tmp_path: Path, address: str) -> list[str]:
    """Return the command that runs January 2026 on a cluster."""
    return command(tmp_path, tmp_path / "notebooks", "--scheduler", address, *ONLY)


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    texts = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for text in texts for child in text.split()]


def alive(processes: list[int]) -> bool:
    """Does one of these processes live?"""
    return any(identity(process) for process in processes)


# ------------------------------------------------------------------ the same figures


def test_the_workers_of_a_cluster_come_to_the_figures_of_this_machine_to_the_byte(
    scheduler: str, here: Path, there: Path, root: Path
) -> None:
    with workers(scheduler, there / "w", 2, source=root / "src"):
        done = said(sent(there, scheduler))
        assert (done.returncode, done.stderr) == (0, "")
        again = said(sent(there, scheduler))
    assert "nothing has changed" in again.stdout
    whole = there / "runs" / "2026-01"
    assert files(whole)
    assert files(whole) == files(here / "runs" / "2026-01")
    assert state_texts(whole) == state_texts(here / "runs" / "2026-01")
    assert half_written(there / "runs") == []


def test_a_worker_killed_half_way_changes_no_figure_and_its_kernel_ends_with_it(
    scheduler: str, here: Path, there: Path, root: Path
) -> None:
    with workers(scheduler, there / "w", 2, source=root / "src") as (first, second):
        driver = started(sent(there, scheduler), there / "driver.log")
        wait_for(lambda: state_texts(there / "runs" / "2026-01").count("running") == 2 and children(first.pid))
        time.sleep(1.0)
        kernels = children(first.pid)
        assert kernels, "it was at work"
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        wait_for(lambda: not alive(kernels), 3)
        assert driver.wait(60) == 0, (there / "driver.log").read_text(encoding="utf-8")
        assert children(second.pid) == []
    assert "Traceback" not in (there / "driver.log").read_text(encoding="utf-8")
    assert files(there / "runs" / "2026-01") == files(here / "runs" / "2026-01")
    assert half_written(there / "runs") == []


def test_the_kernels_on_the_workers_end_when_the_driver_is_killed_or_stopped(
    scheduler: str, there: Path, root: Path
) -> None:
    write_notebooks(there / "notebooks", **{DEMAND: SLEEPS})
    with workers(scheduler, there / "w", 1, source=root / "src") as (worker,):
        driver = started(sent(there, scheduler), there / "driver.log")
        wait_for(lambda: children(worker.pid))
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        wait_for(lambda: children(worker.pid) == [], 4)
        driver = started(sent(there, scheduler), there / "driver.log")
        wait_for(lambda: children(worker.pid))
        time.sleep(1.5)  # its cell sleeps
        begun = time.monotonic()
        os.kill(driver.pid, signal.SIGINT)
        assert driver.wait(20) == 130
        assert time.monotonic() - begun < 4
        assert children(worker.pid) == []
        assert worker.poll() is None
    log = (there / "driver.log").read_text(encoding="utf-8")
    assert "Stopped" in log
    assert "Traceback" not in log
    assert "running" not in state_texts(there / "runs" / "2026-01")
    assert half_written(there / "runs") == []


def test_a_scheduler_that_goes_away_ends_the_run_in_a_sentence(there: Path, root: Path) -> None:
    write_notebooks(there / "notebooks", **{DEMAND: SLEEPS})
    file = there / "scheduler.json"
    line = ["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with process(line, there / "scheduler.log") as own:
        wait_for(lambda: file.exists() and file.read_text(encoding="utf-8").endswith("}"))
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        with workers(address, there / "w", 1, source=root / "src") as (worker,):
            driver = started(sent(there, address), there / "driver.log")
            wait_for(lambda: children(worker.pid))
            kernels = children(worker.pid)
            own.kill()
            assert driver.wait(30) == 1
            wait_for(lambda: not alive(kernels), 10)
    log = (there / "driver.log").read_text(encoding="utf-8")
    assert "scheduler" in log.splitlines()[-1]
    assert "Traceback" not in log


# ------------------------------------------------------------------ what is refused


def test_an_address_where_no_scheduler_answers_is_refused_within_seconds(there: Path) -> None:
    begun = time.monotonic()
    done = said(sent(there, "tcp://127.0.0.1:9"))
    assert time.monotonic() - begun < 12
    assert done.returncode == 2
    assert done.stderr.startswith("Error: No Dask scheduler answers at 'tcp://127.0.0.1:9'. Start one with")
    assert done.stderr.count("\n") == 1
    assert not (there / "runs" / "2026-01").exists()


@pytest.mark.parametrize("address", ["localhost", "tcp://localhost", "http://localhost:8786", "tcp://local host:8786"])
def test_what_is_no_address_is_refused_at_once(tmp_path: Path, address: str) -> None:
    with pytest.raises(RequestError, match="is no address of a Dask scheduler"), connected(address, tmp_path, tmp_path):
        pass


def test_a_scheduler_without_workers_is_refused(scheduler: str, there: Path) -> None:
    done = said(sent(there, scheduler))
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: The scheduler at {scheduler} has no worker. Start some with: dask worker {scheduler} --nthreads 1\n"
    )


@pytest.mark.parametrize(
    ("there_is", "expected"), [("other code", "has other code of this package"), ("no package", "lacks this package")]
)
def test_a_worker_with_other_code_is_refused(
    scheduler: str, there: Path, root: Path, there_is: str, expected: str
) -> None:
    other = there / "other"
    shutil.copytree(root / "src", other, ignore=shutil.ignore_patterns("__pycache__"))
    if there_is == "no package":
        hidden = "raise ModuleNotFoundError(\"No module named 'opsanalytics'\")\n"
        (other / "opsanalytics" / "__init__.py").write_text(hidden, encoding="utf-8")
    else:
        (other / "opsanalytics" / "more.py").write_text("", encoding="utf-8")
    with workers(scheduler, there / "w", 1, source=other):
        done = said(sent(there, scheduler))
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (there / "runs" / "2026-01").exists()


def test_a_worker_that_does_not_see_the_folders_is_refused(there: Path) -> None:
    """What another machine does not see is told by the check that each worker answers, with places not on this one."""
    here = Here(there / "mark", {str(there / "notebooks" / f"{DEMAND}.ipynb"): "0" * 64}, code_hash(), versions())
    assert unfit(here).startswith(f"does not see {there}. Name a folder with --runs")
    (there / "mark").touch()
    assert unfit(here).startswith(f"does not see {there / 'notebooks' / DEMAND}.ipynb as it is here. Name a folder")
    assert unfit(replace(here, versions={**versions(), "pandas": "2.0"})).startswith("has pandas 3")
    assert unfit(replace(here, notebooks={})) == ""


def test_without_dask_the_remedy_is_named(there: Path) -> None:
    hidden = there / "hidden" / "distributed"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('distributed')\n", encoding="utf-8")
    path = os.pathsep.join([str(hidden.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        sent(there, "tcp://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 2
    assert done.stderr == (
        "Error: Dask is not installed here. Install it with: python -m pip install 'opsanalytics[cluster]'\n"
    )


# ------------------------------------------------------------------ what is forecast on a cluster

_PANEL = """import sys, numpy as np, pandas as pd
from distributed import Client
from opsanalytics import demand
months = pd.date_range("2021-01-01", periods=48, freq="MS")
rows = pd.concat([pd.DataFrame({"unique_id": f"s{n}", "ds": months,
    "y": 100 + 9 * n + np.arange(48) % 12 * (n + 1.0) + np.sin(np.arange(48) * n)}) for n in range(3)])
def panel(executor=None):
    return demand.forecast_panel(rows, 6, "MS", tier="fast", executor=executor)
if __name__ == "__main__":
    here = panel()
    with Client(sys.argv[1], set_as_default=False) as client:
        there = panel(client.get_executor())
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    print(len(there), here.attrs == there.attrs)"""


def test_a_panel_forecast_on_a_cluster_is_the_same_to_the_bit(scheduler: str, tmp_path: Path, root: Path) -> None:
    with workers(scheduler, tmp_path / "w", 2, source=root / "src"):
        environment = os.environ | {"PYTHONPATH": str(root / "src")}
        done = subprocess.run(
            [sys.executable, "-c", _PANEL, scheduler], capture_output=True, text=True, check=False, env=environment
        )
    assert done.stdout == "18 True\n", done.stderr

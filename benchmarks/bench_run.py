"""The monthly run beside its peers, in seconds, in one run; medians of three rounds unless told otherwise.

Promised on two cores: 12 notebooks that import pandas, seaborn and prophet, fit one series and draw one chart, two at a
time, at least 6.5 times faster than a loop over the papermill command line and at least 3.6 times faster than that loop
through `xargs -P2`, with equal outputs. Ours is the whole life of one fresh Python process, the start and the end of
the preloaded process included. Bytecode is compiled for all: a first round that is not counted has run everything.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NOTEBOOKS, AT_ONCE = 12, 2
CELLS = (
    "import pandas as pd\nimport seaborn as sns\nfrom prophet import Prophet",
    "days = pd.date_range('2024-01-01', periods=730)\n"
    "series = pd.DataFrame({{'ds': days, 'y': 100 + {number} * (days.day_of_week + 1) + days.day_of_year / 10}})",
    "model = Prophet()\nforecast = model.fit(series).predict(series)\nforecast['yhat'].describe().round(2)",
    "axes = sns.lineplot(forecast, x='ds', y='yhat')\naxes.set_title('Demand {number}');",
)
SAME_EACH_TIME = re.compile(r"\d\d:\d\d:\d\d")  # cmdstanpy's log lines begin with the time of day


def write_notebooks(folder: Path) -> None:
    """Write the 12 notebooks, each with a series of its own."""
    import nbformat
    from nbformat import v4

    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    for number in range(1, NOTEBOOKS + 1):
        cells = [v4.new_code_cell(cell.format(number=number), id=f"c{at}") for at, cell in enumerate(CELLS)]
        nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / f"n{number:02}.ipynb")


def in_a_loop(folder: Path) -> None:
    """Run papermill's command line, one notebook after the other."""
    for source in sorted(folder.glob("n*.ipynb")):
        _run(sys.executable, "-m", "papermill", "--no-progress-bar", source, folder / "loop" / source.name)


def through_xargs(folder: Path) -> None:
    """Run papermill's command line through xargs, two notebooks at a time."""
    names = "\n".join(source.name for source in sorted(folder.glob("n*.ipynb")))
    command = f"{sys.executable} -m papermill --no-progress-bar {folder}/{{}} {folder}/xargs/{{}}"
    _run("xargs", "-P", str(AT_ONCE), "-I{}", "sh", "-c", command, input=names)


def ours(folder: Path) -> None:
    """Run a fresh Python process that runs all notebooks in forked kernels, two at a time."""
    _run(sys.executable, __file__, "--drive", folder)


def _run(*command: str | Path, **options: Any) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-2000:]}")


def drive(folder: Path) -> None:
    """Be the driver of `ours`."""
    from opsanalytics.batch.execution.kernels import Preloaded

    with Preloaded() as preloaded:  # imports while this process imports papermill
        from concurrent.futures import ThreadPoolExecutor

        run = _runner(folder, preloaded)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(run, sorted(folder.glob("n*.ipynb"))))
        if preloaded.plain or preloaded.errors:
            raise SystemExit(f"plain kernels: {preloaded.plain}, not loaded: {preloaded.errors}")


def _runner(folder: Path, preloaded: Any) -> Callable[[Path], None]:
    import papermill

    from opsanalytics.batch.execution.kernels.provisioner import QuickManager, forked_provisioner

    class Manager(QuickManager):
        def __init__(self, **options: Any) -> None:
            connection = str(folder / f"k{time.monotonic_ns():x}.json")
            super().__init__(**(options | {"connection_file": connection, "transport": "ipc"}))

        async def start_kernel(self, **options: Any) -> None:
            self.provisioner = forked_provisioner(self, preloaded, folder / "log")
            await super().start_kernel(**(options | {"env": preloaded.environment}))

    def run(source: Path) -> None:
        papermill.execute_notebook(
            str(source),
            str(folder / "ours" / source.name),
            progress_bar=False,
            kernel_manager_class=Manager,
            shutdown_kernel="immediate",
            autosave_cell_every=0,
        )

    return run


def outputs(notebook: Path) -> list[Any]:
    """Return each cell's count and outputs, a stream's in one piece, without times of day."""
    import nbformat

    found: list[Any] = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        text = {name: "".join(o.text for o in cell.outputs if o.get("name") == name) for name in ("stdout", "stderr")}
        rest = [output for output in cell.outputs if output.output_type != "stream"]
        found.append((cell.execution_count, {k: SAME_EACH_TIME.sub("", v) for k, v in text.items()}, rest))
    return found


def bench_notebooks(rounds: int) -> None:
    """Print how long the 12 notebooks take, each way, and whether their outputs are equal."""
    ways: dict[str, Callable[[Path], None]] = {"loop": in_a_loop, "xargs": through_xargs, "ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        write_notebooks(folder)
        for turn in range(rounds + 1):
            for name, way in ways.items():
                (folder / name).mkdir(exist_ok=True)
                began = time.perf_counter()
                way(folder)
                if turn:
                    seconds[name].append(time.perf_counter() - began)
        equal = [
            outputs(folder / "loop" / one.name) == outputs(folder / "ours" / one.name)
            for one in sorted(folder.glob("n*.ipynb"))
        ]
    finally:
        shutil.rmtree(folder)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{NOTEBOOKS} notebooks, {AT_ONCE} at a time: {middle['ours']:.2f} s; equal outputs: {sum(equal)}")
    for name, promised in (("loop", 6.5), ("xargs", 3.6)):
        ratio = middle[name] / middle["ours"]
        print(f"  papermill, {name}: {middle[name]:.2f} s, {ratio:.1f} times as long (promised {promised})")
    if not all(equal):
        raise SystemExit("the outputs differ")


def main() -> None:
    """Measure each promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median counts")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.drive:
        drive(chosen.drive)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    bench_notebooks(chosen.rounds)


if __name__ == "__main__":
    main()

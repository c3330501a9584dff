"""The monthly run by its command, as its users start it: beside papermill, month after month, and for many sites.

Usage: python benchmarks/bench_run.py [--rounds N] [--only notebooks|sample|entities]

Promised on two cores, medians of three rounds in turn, bytecode compiled for all by a first round that is not counted:

- 12 notebooks that import pandas, seaborn and prophet, fit one series and draw one chart, two at a time: at least 6.5
  times faster than a loop over the papermill command line and at least 3.6 times faster than that loop through
  `xargs -P2`, with equal outputs. Ours is the whole command, which also checks the tables and writes every page.
- The sample's whole run, pack included: at most 60 s the first time and 3 s unchanged; after a change of one site's
  demand only that site's notebooks, the whole's and the pack run.
- 100 sites in at most 1.1 times ten times the time of 10, the driver holding less than 400 MB. Since every run has the
  same start, the driver's own processor time is said too: it shows sooner what grows faster than the jobs do.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsanalytics.batch.folder.process import peak_memory_mb

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
NOTEBOOKS_HERE = Path(__file__).parents[1] / "notebooks"
PARAMETERS = 'period: str = "2026-01"\nentity: str = "(all)"\ndata: str = "data"\nrun_dir: str = ""'
NOTEBOOKS, AT_ONCE = 12, 2
CELLS = (
    "import pandas as pd\nimport seaborn as sns\nfrom prophet import Prophet",
    "days = pd.date_range('2024-01-01', periods=730)\n"
    "series = pd.DataFrame({{'ds': days, 'y': 100 + {number} * (days.day_of_week + 1) + days.day_of_year / 10}})",
    "model = Prophet()\nforecast = model.fit(series).predict(series)\nforecast['yhat'].describe().round(2)",
    "axes = sns.lineplot(forecast, x='ds', y='yhat')\naxes.set_title('Demand {number}');",
)
SAME_EACH_TIME = re.compile(r"\d\d:\d\d:\d\d")  # cmdstanpy's log lines begin with the time of day
FEW, MANY = 10, 100
_READ = "from opsanalytics import results, sources\ninputs = sources.read(data, run_dir)"
SMALL = {
    "01_budget_variance": (_READ, "print(period, entity)"),
    "02_seasonal_demand": (_READ, "results.save(results.forecast(inputs, period, entity, run_dir), run_dir)"),
    "03_staffing_forecast": (_READ, "print(period, entity)"),
    "04_board_pack": (_READ, "len(results.collect(inputs, period, run_dir).figures)"),
}


@dataclass(frozen=True)
class Took:
    """What a command took: seconds, the processor seconds and the peak memory in MB of its own process alone."""

    seconds: float
    processor_s: float
    peak_mb: float


def run(period: str, data: Path, runs: Path, notebooks: Path) -> Took:
    """Run a month by the command, two notebooks at a time, and say what its process, the driver, took."""
    command = ["run", period, "--data", data, "--runs", runs, "--notebooks", notebooks, "--jobs", AT_ONCE]
    return measured([sys.executable, "-m", "opsanalytics", *map(str, command)])


def measured(command: list[str]) -> Took:
    """Run a command to its end. Its children's time and memory are not its own, so it is asked while it lives."""
    began, seen = time.perf_counter(), [(0.0, 0.0)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                seen.append((_processor_s(process.pid) or seen[-1][0], peak_memory_mb(process.pid) or seen[-1][1]))

        watching = threading.Thread(target=watch)
        watching.start()
        code = process.wait()
        seconds = time.perf_counter() - began
        ended.set()
        watching.join()
        if code:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {code}: {said.read()[-2000:]}")
    return Took(seconds, *seen[-1])


def _processor_s(pid: int) -> float | None:
    """Return the processor seconds of a living process, its children's left out; None where no system says."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def jobs_of(run_folder: Path) -> list[dict[str, Any]]:
    """Return the jobs of a finished run."""
    jobs: list[dict[str, Any]] = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))["jobs"]
    return jobs


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook that takes the parameters of a run."""
    from nbformat import v4, write

    made = [v4.new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]})]
    made += [v4.new_code_cell(cell, id=f"c{at}") for at, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    write(v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), path)


def write_company(folder: Path, sites: int) -> Path:
    """Write a month of a made-up company: for each site two ledger lines, a budget line and daily demand."""
    names = [f"S{number:03}" for number in range(1, sites + 1)]
    rows: Mapping[str, tuple[str, Iterator[str]]] = {
        "accounts": (
            "account,name,type,pl_line,behaviour",
            iter(("400,Sales,revenue,Sales,variable", "600,Pay,cost,Pay,fixed")),
        ),
        "sites": ("site,name", (f"{site},{site}" for site in names)),
        "cost_centres": (
            "cost_centre,valid_from,name,department,site",
            (f"C{site},2025-01-01,{site},Ops,{site}" for site in names),
        ),
        "ledger": (
            "document,line,posted_on,period,cost_centre,account,amount",
            (
                f"D{site}{account},1,2026-01-31,2026-01,C{site},{account},{amount}"
                for site in names
                for account, amount in (("400", "100.00"), ("600", "50.00"))
            ),
        ),
        "budget": (
            "version,period,cost_centre,account,amount",
            (f"original,2026-01,C{site},400,90.00" for site in names),
        ),
        "services": ("service,name,unit", iter(("calls,Calls,calls",))),
        "demand": (
            "ds,site,service,volume",
            (f"2026-01-{day:02},{site},calls,{5 + day % 7}" for site in names for day in range(1, 32)),
        ),
        "standards": (
            "site,service,method,units_per_hour,hours_per_fte,shrinkage,wage_rate",
            (f"{site},calls,workload,10,160,0.3,20.00" for site in names),
        ),
    }
    folder.mkdir(parents=True)
    for table, (header, lines) in rows.items():
        (folder / f"{table}.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return folder


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Give a folder for one run, without what the run before left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder


# The 12 notebooks beside papermill


def in_a_loop(folder: Path) -> float:
    """Run papermill's command line, one notebook after the other; return the seconds."""
    with emptied(folder / "loop") as into:
        began = time.perf_counter()
        for source in sorted((folder / "notebooks").iterdir()):
            _run(sys.executable, "-m", "papermill", *_given(folder), source, into / source.name)
        return time.perf_counter() - began


def through_xargs(folder: Path) -> float:
    """Run papermill's command line through xargs, two notebooks at a time; return the seconds."""
    names = "\n".join(source.name for source in sorted((folder / "notebooks").iterdir()))
    with emptied(folder / "xargs") as into:
        command = [sys.executable, "-m", "papermill", *_given(folder), f"{folder}/notebooks/{{}}", f"{into}/{{}}"]
        began = time.perf_counter()
        _run("xargs", "-P", str(AT_ONCE), "-I{}", "sh", "-c", " ".join(command), input=names)
        return time.perf_counter() - began


def by_the_command(folder: Path) -> float:
    """Run all notebooks by this package's command, two at a time; return the seconds."""
    with emptied(folder / "ours") as runs:
        return run("2026-01", folder / "data", runs, folder / "notebooks").seconds


def _given(folder: Path) -> list[str]:
    """Return papermill's options that give its notebooks what a run gives them."""
    given = {"period": "2026-01", "entity": "S001", "data": folder / "data", "run_dir": folder}
    options = [word for name, value in given.items() for word in ("-r", name, str(value))]
    return ["--no-progress-bar", *options]


def _run(*command: str | Path, **options: Any) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-2000:]}")


def outputs(notebook: Path) -> list[Any]:
    """Return each cell's count and outputs, a stream's in one piece, without times of day."""
    import nbformat

    found: list[Any] = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        text = {name: "".join(o.text for o in cell.outputs if o.get("name") == name) for name in ("stdout", "stderr")}
        rest = [output for output in cell.outputs if output.output_type != "stream"]
        found.append((cell.execution_count, {k: SAME_EACH_TIME.sub("", v) for k, v in text.items()}, rest))
    return found


def bench_notebooks(folder: Path, rounds: int) -> None:
    """Print how long the 12 notebooks take, each way, and whether their outputs are equal."""
    write_company(folder / "data", 1)
    for number in range(1, NOTEBOOKS + 1):
        cells = (cell.format(number=number) for cell in CELLS)
        write_notebook(folder / "notebooks" / f"{number + 10}_report.ipynb", *cells)
    ways: dict[str, Callable[[Path], float]] = {"loop": in_a_loop, "xargs": through_xargs, "ours": by_the_command}
    by_the_command(folder)
    turns = [{name: way(folder) for name, way in ways.items()} for _ in range(rounds)]
    middle = {name: statistics.median(turn[name] for turn in turns) for name in ways}
    ours = {path.name: path for path in (folder / "ours" / "2026-01").glob("*/*_report.ipynb")}
    equal = [outputs(one) == outputs(ours[one.name]) for one in sorted((folder / "loop").iterdir())]
    print(f"{NOTEBOOKS} notebooks, {AT_ONCE} at a time: {middle['ours']:.2f} s; equal outputs: {sum(equal)}")
    for name, promised in (("loop", 6.5), ("xargs", 3.6)):
        ratio = middle[name] / middle["ours"]
        print(f"  papermill, {name}: {middle[name]:.2f} s, {ratio:.1f} times as long (promised {promised})")
    if not (equal and all(equal)):
        raise SystemExit("the outputs differ")


# The sample, month after month


def bench_sample(folder: Path, rounds: int) -> None:
    """Print how long the sample's run takes the first time, unchanged, and after a change; and what ran then."""
    turns = []
    for turn in range(rounds):
        data, runs = folder / f"data{turn}", folder / f"runs{turn}"
        shutil.copytree(SAMPLE, data)
        first = run("2026-10", data, runs, NOTEBOOKS_HERE)
        again = run("2026-10", data, runs, NOTEBOOKS_HERE)
        site = change_demand(data / "demand.csv", "2026-10")
        turns.append((first, again, run("2026-10", data, runs, NOTEBOOKS_HERE)))
    jobs = [job for job in jobs_of(runs / "2026-10") if job["state"] == "done"]
    ran = [job for job in jobs if not job["taken_from"]]
    names = ("the first time (promised 60 s)", "unchanged (promised 3 s)", f"after a change of {site}'s demand")
    print(f"the sample's whole run, {len(jobs)} notebooks, {AT_ONCE} at a time:")
    for name, took in zip(names, zip(*turns, strict=True), strict=True):
        seconds = statistics.median(one.seconds for one in took)
        print(f"  {name}: {seconds:.1f} s, the driver up to {max(one.peak_mb for one in took):,.0f} MB")
    print(f"  ran then: {', '.join(job['id'] for job in ran)}")
    if not ran or any(job["entity"] not in (site, "(all)") for job in ran):
        raise SystemExit("after a change of one site's demand other notebooks ran than that site's and the whole's")


def change_demand(table: Path, month: str) -> str:
    """Raise the volume of the first row of a month by one, and return the row's site."""
    header, *lines = table.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    at = next(at for at, line in enumerate(lines) if line.split(",")[columns.index("ds")].startswith(month))
    cells = lines[at].split(",")
    cells[columns.index("volume")] = str(int(float(cells[columns.index("volume")])) + 1)
    lines[at] = ",".join(cells)
    table.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return cells[columns.index("site")]


# Ten times the sites


def bench_entities(folder: Path, rounds: int) -> None:
    """Print how time and memory grow from 10 sites to 100, in small notebooks; the second leaves real forecasts."""
    for name, cells in SMALL.items():
        write_notebook(folder / "notebooks" / f"{name}.ipynb", *cells)
    data = {sites: write_company(folder / f"data{sites}", sites) for sites in (FEW, MANY)}
    turns: dict[int, list[Took]] = {sites: [] for sites in data}
    for _ in range(rounds):
        for sites, place in data.items():
            with emptied(folder / f"runs{sites}") as runs:
                turns[sites].append(run("2026-01", place, runs, folder / "notebooks"))
    seconds = {sites: statistics.median(one.seconds for one in took) for sites, took in turns.items()}
    own = {sites: statistics.median(one.processor_s for one in took) for sites, took in turns.items()}
    peak = {sites: max(one.peak_mb for one in took) for sites, took in turns.items()}
    for sites in data:
        done = sum(job["state"] == "done" for job in jobs_of(folder / f"runs{sites}" / "2026-01"))
        print(
            f"{sites} sites, {done} notebooks: {seconds[sites]:.1f} s; the driver {own[sites]:.1f} s of processor time "
            f"and up to {peak[sites]:,.0f} MB"
        )
    times = MANY // FEW
    print(
        f"  {times} times the sites take {seconds[MANY] / seconds[FEW] / times:.2f} times {times} times as long "
        f"(promised at most 1.1), the driver's own time {own[MANY] / max(own[FEW], 0.01) / times:.2f}; its memory "
        f"{peak[MANY]:,.0f} MB (promised below 400)"
    )


BENCHMARKS: Mapping[str, Callable[[Path, int], None]] = {
    "notebooks": bench_notebooks,
    "sample": bench_sample,
    "entities": bench_entities,
}


def main() -> None:
    """Measure each promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median counts")
    parser.add_argument("--only", choices=BENCHMARKS, help="one of the measurements")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, measure in BENCHMARKS.items():
        if chosen.only in (None, name):
            if hasattr(os, "getloadavg"):
                print(f"load of the machine before: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
            folder = Path(tempfile.mkdtemp(prefix="bench-"))
            try:
                measure(folder, chosen.rounds)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()

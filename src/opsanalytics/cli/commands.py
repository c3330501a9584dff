"""The command line: commands only, what they do is written elsewhere.

Exit codes: 0 done; 1 ran, and something is wrong; 2 the request itself is wrong; 130 stopped by
Ctrl-C. Errors are sentences with a next step. Nothing heavy is imported here: a command that only
answers a question answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from opsanalytics.cli.progress import progress, say_outcome, say_plan
from opsanalytics.cli.said import (
    SOMETHING_WRONG,
    STOPPED,
    bar,
    check_totals,
    counted,
    fault_code,
    list_faults,
    plural,
    refuse,
    say,
    sentences,
    table,
)
from opsanalytics.formats import nearest

if TYPE_CHECKING:
    from types import FrameType

    from opsanalytics import batch

MOST_JOBS = 4
MINUTES = 60  # for one notebook


class _Commands(TyperGroup):
    """The commands; a misspelt one is answered with the nearest."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and name not in self.commands:
            ctx.fail(
                f"There is no command '{name}'. The nearest is {nearest(name, self.commands)}; "
                f"there are {', '.join(self.commands)}."
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    help="Run the operations analytics notebooks for a month, from raw tables to the board pack.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DataFolder = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Folder with the month's tables and workbook.toml.")
]
RunsFolder = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder that holds the runs.")]
NotebooksFolder = Annotated[
    Path | None,
    typer.Option(
        "--notebooks", metavar="DIR", help="Folder with the notebooks; left out: ./notebooks, else the installed ones."
    ),
]


EngineOption = Annotated[
    str,
    typer.Option(
        "--engine", metavar="NAME", help="How kernels start: forked from a loaded process, or each anew (kernel)."
    ),
]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name from the data never stops a run on a narrow terminal
    app(prog_name="opsanalytics")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; it must be empty or absent.")],
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Another seed is another company.")] = None,
    ledger_lines: Annotated[
        int | None,
        typer.Option(
            "--ledger-lines", metavar="N", min=1, help="Lines of the ledger; a large one is written as Parquet."
        ),
    ] = None,
    faults: Annotated[bool, typer.Option("--faults", help="Plant faults, named in truth.json.")] = False,
) -> None:
    """Write the synthetic company, one file per table."""
    with sentences():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            refuse(f"'{folder}' is not empty. Name an empty or a new folder: nothing is written over.")
        from opsanalytics import sample as company

        chosen = company.DEFAULT_SEED if seed is None else seed
        try:
            with bar("Writing the sample") as advance:
                company.write_sample(folder, seed=chosen, ledger_lines=ledger_lines, faults=faults, progress=advance)
        except ValueError as error:
            refuse(str(error))
    step = "check" if faults else "run 2026-10"  # with faults a run is refused
    say(f"The sample lies in {folder}. Next: opsanalytics {step} --data {folder}")


@app.command()
def check(data: DataFolder) -> None:
    """Validate the tables and list every fault."""
    with sentences():
        from opsanalytics import batch

        inputs = batch.read_data(data)
    list_faults(inputs.faults, sys.stdout)
    for line in check_totals(inputs):
        say(line)
    if code := fault_code(inputs.faults):
        raise typer.Exit(code)


@app.command()
def describe(
    notebook: Annotated[
        str | None, typer.Argument(metavar="[NOTEBOOK]", help="Such as 01 or budget_variance; left out: all.")
    ] = None,
    notebooks: NotebooksFolder = None,
) -> None:
    """List the notebooks' parameters: name, type, default, meaning."""
    with sentences():
        from opsanalytics import batch

        known = batch.read_notebooks(batch.notebooks_folder(notebooks))
        shown = known if notebook is None else (batch.find(notebook, known),)
    for position, one in enumerate(shown):
        say(f"{'' if position == 0 else chr(10)}{one.name}: {one.title}")
        table(
            ("name", "type", "default", "meaning"),
            [(p.name, p.type, repr(p.default), p.meaning) for p in one.parameters],
        )


@app.command()
def run(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="Reporting month, YYYY-MM.")],
    data: DataFolder,
    runs: RunsFolder = Path("runs"),
    notebook: Annotated[
        list[str] | None,
        typer.Option("--notebook", metavar="N", help="Only this notebook, such as 01; may be repeated."),
    ] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", metavar="E", help="Only this site or (all); may be repeated.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Notebooks at a time; left out: the cores, at most 4."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A notebook's parameter; may be repeated; see describe."),
    ] = None,
    notebooks: NotebooksFolder = None,
    force: Annotated[bool, typer.Option("--force", help="Run every notebook, also those on record unchanged.")] = False,
    engine: EngineOption = "forked",
    deadline: Annotated[
        float,
        typer.Option("--deadline", metavar="MINUTES", min=0.01, max=10_080, help="How long one notebook may take."),
    ] = MINUTES,
    scheduler: Annotated[
        str,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="Run on the workers of this Dask scheduler, such as tcp://host:8786."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and run nothing.")] = False,
) -> None:
    """Run a month's notebooks for every site and the whole, and make the pack.

    A notebook that is on record, with the same code, data and parameters, is not run again.
    """
    with sentences(), _terminated_like_ctrl_c():
        from opsanalytics import batch

        request = batch.Request(
            period=period,
            data=data,
            runs=runs,
            folder=batch.notebooks_folder(notebooks),
            notebooks=tuple(notebook or ()),
            entities=tuple(entity or ()),
            parameters=tuple(parameter or ()),
            jobs=jobs or _at_a_time(),
            force=force,
            engine=_engine(engine),
            deadline_s=60 * deadline,
            scheduler=scheduler,
        )
        unchanged = None if force or dry_run else batch.unchanged(request)
        if unchanged is not None:
            held = plural(len(unchanged.jobs), "notebook")
            say(f"{period}: nothing has changed since this run was made; {held} on record.")
            say_outcome(unchanged, runs / period)
            return
        prepared = batch.prepare(request)
        if dry_run:
            say_plan(prepared, batch.standing(prepared))
            return
        say_plan(prepared)
        code = _carried_out(prepared, runs / period)
    if code:
        raise typer.Exit(code)


def _carried_out(prepared: batch.Prepared, folder: Path) -> int:
    """Run what is prepared, saying how far it is; return the exit code."""
    from opsanalytics import batch

    with progress(len(prepared.plan.active), folder) as report:
        outcome = batch.run(prepared, report)
    say_outcome(outcome, folder)
    return {"done": 0, "failed": SOMETHING_WRONG, "interrupted": STOPPED}[outcome.state]


@app.command()
def rerun(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A finished run, such as runs/2026-09.")],
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Folder of the repeated run; left out: RUN_DIR-rerun.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Notebooks at a time; left out: the cores, at most 4."),
    ] = None,
    notebooks: NotebooksFolder = None,
    engine: EngineOption = "forked",
) -> None:
    """Repeat a run from the inputs that it kept, and compare every figure."""
    with sentences(), _terminated_like_ctrl_c():
        from opsanalytics import batch

        source = run_dir.absolute()
        target = into or source.with_name(f"{source.name}-rerun")
        with batch.held(source):  # the run stays what it is until it is compared with
            prepared = batch.prepare_again(
                source, target, batch.notebooks_folder(notebooks), jobs=jobs or _at_a_time(), engine=_engine(engine)
            )
            say_plan(prepared)
            code = _carried_out(prepared, target)
            if code != STOPPED:
                code = max(code, _compared(source, target))
    if code:
        raise typer.Exit(code)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A finished run, such as runs/2026-09.1")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another of the same month, such as runs/2026-09")],
) -> None:
    """Say which figures differ between two runs, and whether data, code, parameters or libraries are the cause."""
    with sentences():
        code = _compared(run_a, run_b)
    if code:
        raise typer.Exit(code)


def _compared(run_a: Path, run_b: Path) -> int:
    from opsanalytics.batch import comparison

    found = comparison.compare(run_a, run_b)
    for line in comparison.lines(found):
        say(line)
    return 0 if found.same else SOMETHING_WRONG


@app.command()
def status(
    period: Annotated[
        str | None, typer.Argument(metavar="[PERIOD]", help="Also say which notebooks a new run would run, and why.")
    ] = None,
    runs: RunsFolder = Path("runs"),
    notebooks: NotebooksFolder = None,
) -> None:
    """List the runs with their states and durations."""
    with sentences():
        from opsanalytics import batch

        found = batch.list_runs(runs)
    if not found:
        say(f"There are no runs in {runs}. Start one with: opsanalytics run PERIOD --data DIR")
        return
    rows = [
        (
            r.name,
            r.state,
            r.started[:16].replace("T", " "),
            "" if r.seconds is None else f"{r.seconds:.1f} s",
            counted(r.jobs),
            r.pack or "none",
        )
        for r in found
    ]
    table(("run", "state", "started (UTC)", "took", "jobs", "board pack"), rows)
    if period is not None:
        with sentences():
            prepared = batch.prepare_like(runs, period, batch.notebooks_folder(notebooks))
            say_plan(prepared, batch.standing(prepared))


@app.command()
def lab(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="JupyterLab's own options, after two dashes: -- --no-browser"),
    ] = None,
    notebooks: NotebooksFolder = None,
) -> None:
    """Open JupyterLab on the notebooks, with this interpreter."""
    import importlib.util

    with sentences():
        from opsanalytics import batch
        from opsanalytics.batch.execution.environment import import_paths

        folder = batch.notebooks_folder(notebooks)
        if importlib.util.find_spec("jupyterlab") is None:
            refuse(
                "JupyterLab is not installed for this interpreter. Install it with: python -m pip install jupyterlab"
            )
        command = [sys.executable, "-m", "jupyterlab", *_lab_places(folder), *(arguments or ())]
        code = _become(command, os.environ | {"PYTHONPATH": import_paths()})
    raise typer.Exit(code)


def _lab_places(folder: Path) -> list[str]:
    """Return JupyterLab's options that open the notebooks, within a checkout so that links to docs/ work."""
    from urllib.parse import quote

    if not (folder.parent / "docs").is_dir():
        return [f"--ServerApp.root_dir={folder}"]
    return [f"--ServerApp.root_dir={folder.parent}", f"--LabApp.default_url=/lab/tree/{quote(folder.name)}"]


def _become(command: list[str], environment: Mapping[str, str]) -> int:
    """Let another program take this one's place, so that Ctrl-C is its alone to answer; return its exit code."""
    if os.name == "posix":
        os.execve(command[0], command, environment)
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.Popen(command, env=dict(environment)).wait()


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """Let a polite end from outside (SIGTERM) do what Ctrl-C does: end the kernels, keep the true state."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _at_a_time() -> int:
    """Return how many notebooks run at a time where nobody says."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)


def _engine(name: str) -> str:
    from opsanalytics.batch.execution.workers import ENGINES

    if name not in ENGINES:
        refuse(f"There is no engine '{name}'. The nearest is {nearest(name, ENGINES)}; there are {', '.join(ENGINES)}.")
    return name

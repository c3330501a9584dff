"""The command line: commands only, what they do is written elsewhere.

Exit codes: 0 done; 1 ran, and something is wrong; 2 the request itself is wrong; 130 stopped by
Ctrl-C. Errors are sentences with a next step. Nothing heavy is imported here: a command that only
answers a question answers at once.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from opsanalytics.formats import nearest

if TYPE_CHECKING:
    from types import FrameType

    import pandas as pd

    from opsanalytics import batch
    from opsanalytics.sources import Inputs

SOMETHING_WRONG, REQUEST_WRONG, STOPPED = 1, 2, 130
MOST_JOBS = 4
FAULTS_WIDTH = 140  # on a narrower terminal a table of faults is cut into slivers


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
    with _sentences():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            _refuse(f"'{folder}' is not empty. Name an empty or a new folder: nothing is written over.")
        from opsanalytics import sample as company

        chosen = company.DEFAULT_SEED if seed is None else seed
        try:
            with _bar("Writing the sample") as advance:
                company.write_sample(folder, seed=chosen, ledger_lines=ledger_lines, faults=faults, progress=advance)
        except ValueError as error:
            _refuse(str(error))
    step = "check" if faults else "run 2026-10"  # with faults a run is refused
    _say(f"The sample lies in {folder}. Next: opsanalytics {step} --data {folder}")


@app.command()
def check(data: DataFolder) -> None:
    """Validate the tables and list every fault."""
    with _sentences():
        from opsanalytics import batch

        inputs = batch.read_data(data)
    _list_faults(inputs.faults, sys.stdout)
    for line in _check_totals(inputs):
        _say(line)
    if code := _fault_code(inputs.faults):
        raise typer.Exit(code)


@app.command()
def describe(
    notebook: Annotated[
        str | None, typer.Argument(metavar="[NOTEBOOK]", help="Such as 01 or budget_variance; left out: all.")
    ] = None,
    notebooks: NotebooksFolder = None,
) -> None:
    """List the notebooks' parameters: name, type, default, meaning."""
    with _sentences():
        from opsanalytics import batch

        known = batch.read_notebooks(batch.notebooks_folder(notebooks))
        shown = known if notebook is None else (batch.find(notebook, known),)
    for position, one in enumerate(shown):
        _say(f"{'' if position == 0 else chr(10)}{one.name}: {one.title}")
        _table(
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and run nothing.")] = False,
) -> None:
    """Run a month's notebooks for every site and the whole, and make the pack."""
    with _sentences(), _terminated_like_ctrl_c():
        from opsanalytics import batch

        request = batch.Request(
            period=period,
            data=data,
            runs=runs,
            folder=batch.notebooks_folder(notebooks),
            notebooks=tuple(notebook or ()),
            entities=tuple(entity or ()),
            parameters=tuple(parameter or ()),
            jobs=jobs or min(_cores(), MOST_JOBS),
        )
        prepared = batch.prepare(request)
        _say_plan(prepared, in_full=dry_run)
        if dry_run:
            return
        with _progress(len(prepared.plan.active), runs / period) as report:
            outcome = batch.run(prepared, report)
    _say_outcome(outcome, runs / period)
    code = {"done": 0, "failed": SOMETHING_WRONG, "interrupted": STOPPED}[outcome.state]
    if code:
        raise typer.Exit(code)


@app.command()
def status(runs: RunsFolder = Path("runs")) -> None:
    """List the runs with their states and durations."""
    with _sentences():
        from opsanalytics import batch

        found = batch.list_runs(runs)
    if not found:
        _say(f"There are no runs in {runs}. Start one with: opsanalytics run PERIOD --data DIR")
        return
    rows = [
        (
            r.name,
            r.state,
            r.started[:16].replace("T", " "),
            "" if r.seconds is None else f"{r.seconds:.1f} s",
            _counted(r.jobs),
            r.pack or "none",
        )
        for r in found
    ]
    _table(("run", "state", "started (UTC)", "took", "jobs", "board pack"), rows)


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

    with _sentences():
        from opsanalytics import batch
        from opsanalytics.batch.environment import import_paths

        folder = batch.notebooks_folder(notebooks)
        if importlib.util.find_spec("jupyterlab") is None:
            _refuse(
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


# ------------------------------------------------------------------ what is said


def _say(line: str, stream: TextIO | None = None) -> None:
    """Print a line. A reader that went away (`opsanalytics run ... | head -1`) ends no run: the rest goes nowhere."""
    wanted = stream or sys.stdout
    try:
        print(line, file=wanted, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, wanted.fileno())
        os.close(nowhere)


def _refuse(sentence: str, code: int = REQUEST_WRONG) -> NoReturn:
    _say(f"Error: {sentence}", sys.stderr)
    raise typer.Exit(code)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn every error that a person can mend into a sentence on stderr and the right exit code."""
    from opsanalytics.batch import FaultsError, RequestError, RunError
    from opsanalytics.settings import SettingsError

    try:
        yield
    except (RequestError, SettingsError) as error:
        _refuse(str(error))
    except RunError as error:
        _refuse(str(error), SOMETHING_WRONG)
    except FaultsError as error:
        faults = error.inputs.faults
        _list_faults(faults, sys.stderr)
        _refuse(
            "The data hold errors, so nothing was run. Correct what is listed above, then run again.",
            _fault_code(faults),
        )
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _refuse(
            f"{error.strerror or error}{where}. Look at the folder, its space and its permissions, then run again.",
            SOMETHING_WRONG,
        )
    except KeyboardInterrupt:
        _refuse("Stopped.", STOPPED)


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


def _on_terminal(width: int = 0) -> bool:
    """Is the output a terminal, at least so many characters wide?"""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns >= width


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, aligned columns elsewhere. Data is never markup."""
    if _on_terminal():
        from rich.console import Console
        from rich.table import Column, Table
        from rich.text import Text

        table = Table(*(Column(head, overflow="fold") for head in heads))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    for row in (heads, *rows):
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fault_code(faults: pd.DataFrame) -> int:
    """Return the exit code that the faults stand for: a file that is no table is a wrong request."""
    errors = faults[faults["severity"] == "error"]
    if errors.empty:
        return 0
    return REQUEST_WRONG if (errors["rule"] == "unknown_table").any() else SOMETHING_WRONG


def _list_faults(faults: pd.DataFrame, stream: TextIO) -> None:
    rows = [_fault_cells(fault) for fault in faults.to_dict("records")]
    if rows and stream is sys.stdout and _on_terminal(FAULTS_WIDTH):
        _table(("severity", "file", "row", "column", "rule", "value", "what to do"), rows)
        return
    for severity, file, row, column, rule, value, remedy in rows:
        place = " ".join(part for part in (file, f"row {row}" if row else "", column) if part)
        said = f"{rule}: {value!r}" if value else rule
        _say(f"{severity} {place}: {said} - {remedy}", stream)


def _fault_cells(fault: Mapping[Any, Any]) -> tuple[str, ...]:
    from opsanalytics.formats import is_missing, shorten

    def text(name: str) -> str:
        return "" if is_missing(fault[name]) else shorten(str(fault[name]), 200)

    row = text("row") if fault["row"] else ""
    return (
        text("severity"),
        text("file") or text("table"),
        row,
        text("column"),
        text("rule"),
        text("value"),
        text("remedy"),
    )


def _check_totals(inputs: Inputs) -> list[str]:
    faults, control = inputs.faults, inputs.control
    errors, rows = int((faults["severity"] == "error").sum()), len(inputs.quarantine)
    notes = int((faults["severity"] == "note").sum())
    noted = f", {_plural(notes, 'note')}" if notes else ""
    read = f"{_plural(len(inputs.files), 'file')} read"
    lines = [f"{_plural(errors, 'error')}, {_plural(rows, 'row')} in quarantine{noted}, {read}."]
    if control.empty:
        return [
            *lines,
            "Control totals: none given. Put control_totals into the data folder to prove that the ledger is whole.",
        ]
    agree, unknown = int(control["agrees"].fillna(False).sum()), int((~control["known"].astype(bool)).sum())
    rest = f", {unknown:,} not known" if unknown else ""
    lines.append(f"Control totals: {agree:,} of {len(control):,} agree to the cent{rest}.")
    return lines


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _counted(jobs: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in jobs.items())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ------------------------------------------------------------------ a run


def _say_plan(prepared: batch.Prepared, *, in_full: bool) -> None:
    from opsanalytics.batch import off_sentence

    plan, rows = prepared.plan, len(prepared.inputs.quarantine)
    _say(f"{plan.period}: {_plural(len(plan.active), 'notebook')} to run, {prepared.request.jobs} at a time.")
    for off in plan.off:
        _say(off_sentence(off)[0].upper() + off_sentence(off)[1:] + ".")
    if rows:
        _say(f"{_plural(rows, 'row')} in quarantine; `opsanalytics check` lists {'it' if rows == 1 else 'them'}.")
    labels = {job.id: job.label for job in plan.jobs}
    for job in plan.active if in_full else ():
        after = f"  after {', '.join(labels[need] for need in job.needs)}" if job.needs else ""
        values = "".join(f"  {name}={value!r}" for name, value in job.parameters.items())
        _say(f"  {job.label}{values}{after}")


def _job_line(job: batch.Job, state: batch.JobState, folder: Path) -> str:
    if state.state == "done":
        return f"{job.label} · done in {state.seconds:.1f} s"
    kept = f" See {folder / state.kept}" if state.kept else ""
    return f"{job.label} · {state.state}: {_sentence(state.reason) if kept else state.reason}{kept}"


def _sentence(text: str) -> str:
    """Return a text that ends as a sentence does, so that another can follow it."""
    return text if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.rstrip()}."


@contextmanager
def _progress(total: int, folder: Path) -> Iterator[batch.Report]:
    """Show how far the run in `folder` is: a bar on a terminal, a line for each finished job elsewhere."""
    if not _on_terminal():

        def line(job: batch.Job, state: batch.JobState, finished: int, of: int) -> None:
            if state.state != "running":
                _say(f"[{finished}/{of}] {_job_line(job, state, folder)}")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns) as bar:
        task, running = bar.add_task("", total=total), dict[str, str]()

        def move(job: batch.Job, state: batch.JobState, finished: int, of: int) -> None:
            if state.state == "running":
                running[job.id] = job.label
            else:
                running.pop(job.id, None)
                bar.console.print(Text(_job_line(job, state, folder)))
            bar.update(task, completed=finished, description=", ".join(running.values()))

        yield move


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how far one long step is, on a terminal; yields what it calls with done, total and a text."""
    if not _on_terminal():
        yield lambda done, total, text: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total)


def _say_outcome(outcome: batch.Outcome, folder: Path) -> None:
    counts: dict[str, int] = {}
    for state in outcome.jobs.values():
        counts[state.state] = counts.get(state.state, 0) + 1
    if outcome.state == "interrupted":
        _say(f"Stopped: {_counted(counts) or 'no notebook was done'}. Start it again with the same command.")
        return
    if outcome.state == "failed":
        _say(f"{_counted(counts)}. Mend what failed, as said above, then run the month again.")
    if outcome.pack is None:
        _say(f"No board pack was made. The reports lie in {folder}")
        return
    _say(f"Board pack: {folder / str(outcome.pack['page'])} ({outcome.pack['status']})")
    for reason in outcome.pack.get("reasons", []):
        _say(f"  {_sentence(reason['reason'])} {reason['remedy']}")

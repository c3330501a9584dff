"""What is said: lines, tables, faults and refusals, on a terminal or into a file. Data is never markup."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import typer

if TYPE_CHECKING:
    import pandas as pd

    from opsanalytics.sources import Inputs

SOMETHING_WRONG, REQUEST_WRONG, STOPPED = 1, 2, 130
FAULTS_WIDTH = 140  # on a narrower terminal a table of faults is cut into slivers


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line. A reader that went away (`opsanalytics run ... | head -1`) ends no run: the rest goes nowhere."""
    wanted = stream or sys.stdout
    try:
        print(line, file=wanted, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, wanted.fileno())
        os.close(nowhere)


def refuse(sentence: str, code: int = REQUEST_WRONG) -> NoReturn:
    say(f"Error: {sentence}", sys.stderr)
    raise typer.Exit(code)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn every error that a person can mend into a sentence on stderr and the right exit code."""
    from opsanalytics.batch import FaultsError, RequestError, RunError
    from opsanalytics.settings import SettingsError

    try:
        yield
    except (RequestError, SettingsError) as error:
        refuse(str(error))
    except RunError as error:
        refuse(str(error), SOMETHING_WRONG)
    except FaultsError as error:
        faults = error.inputs.faults
        list_faults(faults, sys.stderr)
        refuse(
            "The data hold errors, so nothing was run. Correct what is listed above, then run again.",
            fault_code(faults),
        )
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        refuse(
            f"{error.strerror or error}{where}. Look at the folder, its space and its permissions, then run again.",
            SOMETHING_WRONG,
        )
    except KeyboardInterrupt:
        refuse("Stopped.", STOPPED)


def on_terminal(width: int = 0) -> bool:
    """Is the output a terminal, at least so many characters wide?"""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns >= width


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, aligned columns elsewhere. Data is never markup."""
    if on_terminal():
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
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def fault_code(faults: pd.DataFrame) -> int:
    """Return the exit code that the faults stand for: a file that is no table is a wrong request."""
    errors = faults[faults["severity"] == "error"]
    if errors.empty:
        return 0
    return REQUEST_WRONG if (errors["rule"] == "unknown_table").any() else SOMETHING_WRONG


def list_faults(faults: pd.DataFrame, stream: TextIO) -> None:
    rows = [_fault_cells(fault) for fault in faults.to_dict("records")]
    if rows and stream is sys.stdout and on_terminal(FAULTS_WIDTH):
        table(("severity", "file", "row", "column", "rule", "value", "what to do"), rows)
        return
    for severity, file, row, column, rule, value, remedy in rows:
        place = " ".join(part for part in (file, f"row {row}" if row else "", column) if part)
        said = f"{rule}: {value!r}" if value else rule
        say(f"{severity} {place}: {said} - {remedy}", stream)


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


def check_totals(inputs: Inputs) -> list[str]:
    faults, control = inputs.faults, inputs.control
    errors, rows = int((faults["severity"] == "error").sum()), len(inputs.quarantine)
    notes = int((faults["severity"] == "note").sum())
    noted = f", {plural(notes, 'note')}" if notes else ""
    read = f"{plural(len(inputs.files), 'file')} read"
    lines = [f"{plural(errors, 'error')}, {plural(rows, 'row')} in quarantine{noted}, {read}."]
    if control.empty:
        return [
            *lines,
            "Control totals: none given. Put control_totals into the data folder to prove that the ledger is whole.",
        ]
    agree, unknown = int(control["agrees"].fillna(False).sum()), int((~control["known"].astype(bool)).sum())
    rest = f", {unknown:,} not known" if unknown else ""
    lines.append(f"Control totals: {agree:,} of {len(control):,} agree to the cent{rest}.")
    return lines


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counted(jobs: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in jobs.items())


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how far one long step is, on a terminal; yields what it calls with done, total and a text."""
    if not on_terminal():
        yield lambda done, total, text: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total)

"""Faults: what is wrong in the input, where exactly, and what to do about it.

A *quarantined* row is left out, and the run goes on as a draft. An *error* stops a run. A *note* says what was
done where something is missing that no amount depends on. Every fault names file, row (the line number an
editor shows, the header being line 1; 0 for the file as a whole), column, rule and value, and says the next step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

ERROR = "error"
QUARANTINED = "quarantined"
NOTE = "note"

FAULT_COLUMNS = ("severity", "table", "file", "row", "column", "rule", "value", "remedy")
QUARANTINE_COLUMNS = ("table", "file", "row", "rule", "column", "value", "content")


class DataError(ValueError):
    """The input cannot be read at all; the message says what to do next."""


@dataclass(frozen=True)
class LeftOut:
    """Why a row is left out; `counted` says whether the source's control totals still hold its amount."""

    row: int
    rule: str
    column: str
    value: str
    counted: bool


@dataclass
class Findings:
    """The faults met so far, in every table, and the rows left out because of them."""

    faults: list[tuple[str, str, str, int, str, str, str, str]] = field(default_factory=list)
    left: dict[str, dict[int, LeftOut]] = field(default_factory=dict)
    unknown_amounts: set[int] = field(default_factory=set)  # ledger rows whose amount is not known
    synced: dict[str, int] = field(default_factory=dict)  # how many of `left` DuckDB knows of

    def report(
        self, severity: str, table: str, file: str, row: int, column: str, rule: str, value: str, remedy: str
    ) -> None:
        """Put a fault on record."""
        self.faults.append((severity, table, file, row, column, rule, value, remedy))

    def leave_out(self, table: str, row: int, rule: str, column: str, value: str, *, counted: bool) -> None:
        """Leave a row out of its table; the first reason given for a row stands."""
        self.left.setdefault(table, {}).setdefault(row, LeftOut(row, rule, column, value, counted))

    def rows_left(self, table: str) -> list[int]:
        """Return the rows of a table that are left out so far, sorted."""
        return sorted(self.left.get(table, {}))

    def frame(self) -> pd.DataFrame:
        """Return every fault: errors first, then by table, file, row and column."""
        rows = sorted(set(self.faults), key=lambda f: (f[0], f[1], f[2], f[3], f[4], f[5], f[6]))
        return typed_frame(rows, FAULT_COLUMNS, {"row": "int64"})


def typed_frame(rows: Iterable[Sequence[object]], columns: Sequence[str], other: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a frame whose columns are text but for the dtypes in `other`, also when there are none."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    return frame.astype({name: other.get(name, "str") for name in columns})


def quarantine_frame(entries: Iterable[tuple[str, str, LeftOut, Mapping[str, str | None]]]) -> pd.DataFrame:
    """Return the rows left out, each with its content as JSON text of the cells as they stand in the file."""
    rows = [
        (table, file, left.row, left.rule, left.column, left.value, json.dumps(content, ensure_ascii=False))
        for table, file, left, content in entries
    ]
    return typed_frame(sorted(rows, key=lambda r: (r[0], r[2])), QUARANTINE_COLUMNS, {"row": "int64"})

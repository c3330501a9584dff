"""References: whether a code leads somewhere, and where a cost centre belongs when.

A code that its table does not hold, or a cost centre that is not valid in the period, is an orphan: its row is
left out and the cell named. Cost centres that stand in two places on one day are an error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, NONE, UNASSIGNED
from opsanalytics.periods import Calendar, is_month
from opsanalytics.schemas import Column, Table
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, quoted
from opsanalytics.sources.rows import Typed, referenced

_NO_ORPHANS = (UNASSIGNED, NONE)


@dataclass(frozen=True)
class Validity:
    """When a cost centre belonged where; `first` and `last` are inclusive."""

    first: dt.date
    last: dt.date
    site: str


def _validities(frame: pd.DataFrame) -> list[Validity]:
    lasts = [dt.date.max if pd.isna(day) else day for day in frame["valid_to"].dt.date]
    return [Validity(*span) for span in zip(frame["valid_from"].dt.date, lasts, frame["site"], strict=True)]


class CostCentres:
    """The cost centres by validity: which site does one belong to in a period?

    The assignment in force on the period's last day counts, else the last one in force within it.
    """

    def __init__(self, frame: pd.DataFrame, calendar: Calendar) -> None:
        self._calendar = calendar
        self._known: dict[str, list[Validity]] = {}
        self._sites: dict[tuple[str, str], str | None] = {}
        for code, validity in zip(frame["cost_centre"], _validities(frame), strict=True):
            self._known.setdefault(str(code), []).append(validity)

    def knows(self, cost_centre: str) -> bool:
        """Does the cost centre stand in the table at any time?"""
        return cost_centre in self._known

    def site(self, cost_centre: str, period: str) -> str | None:
        """Return the site in a period (or a fiscal year); "(unassigned)" for a blank code, None when not valid."""
        key = (cost_centre, period)
        if key not in self._sites:
            self._sites[key] = self._site(*key)
        return self._sites[key]

    def _site(self, cost_centre: str, period: str) -> str | None:
        if cost_centre in _NO_ORPHANS and cost_centre not in self._known:
            return UNASSIGNED
        months = (period,) if is_month(period) else self._calendar.months_of_year(int(period))
        first, last = self._calendar.first_day(months[0]), self._calendar.last_day(months[-1])
        valid = [v for v in self._known.get(cost_centre, []) if v.first <= last and v.last >= first]
        if not valid:
            return UNASSIGNED if cost_centre in _NO_ORPHANS else None
        return max(valid, key=lambda v: (v.last >= last, v.first)).site

    def home(self, cost_centre: str, month: str) -> str:
        """Return the site to which an amount of a month counts: also outside its validity a cost centre has one.

        That is the last one before or, before the first, the first; "(unassigned)" for one not in the table.
        """
        last, known = self._calendar.last_day(month), self._known.get(cost_centre, [])
        begun = [v for v in known if v.first <= last]
        if begun:
            return max(begun, key=lambda v: (v.last >= last, v.first)).site
        return min(known, key=lambda v: v.first).site if known else UNASSIGNED


def report_orphans(
    con: duckdb.DuckDBPyConnection,
    typed: Typed,
    tables: Mapping[str, pd.DataFrame],
    cost_centres: CostCentres | None,
    findings: Findings,
) -> None:
    """Report the references that lead nowhere, one fault for each cell."""
    found: list[tuple[int, int, str, str, str]] = []
    for place, column in enumerate(typed.table.columns):
        if not column.references or column.name not in typed.columns:
            continue
        if column.references == "cost_centres.cost_centre" and cost_centres is not None and _has_period(typed.table):
            by: tuple[str, ...] = ("cost_centre", "period")
            remedies = _cost_centre_orphans(con, typed, cost_centres)
        else:
            by = (column.name,)
            remedies = _code_orphans(con, typed, column, tables)
        found += [(row, place, column.name, code, remedy) for row, code, remedy in _rows_of(con, typed, by, remedies)]
    for row, _, name, code, remedy in sorted(found):
        findings.report(QUARANTINED, typed.table.name, typed.file, row, name, "orphan", code, remedy)
        findings.leave_out(typed.table.name, row, "orphan", name, code, counted=True)


def _has_period(table: Table) -> bool:
    return any(column.name == "period" for column in table.columns)


def _cost_centre_orphans(
    con: duckdb.DuckDBPyConnection, typed: Typed, cost_centres: CostCentres
) -> dict[tuple[str, ...], str]:
    remedies: dict[tuple[str, ...], str] = {}
    for code, period in con.execute(
        f"SELECT DISTINCT cost_centre, period FROM {typed.few(con)} WHERE period IS NOT NULL ORDER BY ALL"
    ).fetchall():
        if cost_centres.site(code, period) is not None:
            continue
        if cost_centres.knows(code):
            remedy = (
                f"Cost centre '{code}' is not valid in {period}: extend its validity in cost_centres, or mend the row."
            )
        else:
            remedy = f"Add '{code}' to cost_centres, or mend the row."
        remedies[(code, period)] = remedy
    return remedies


def _code_orphans(
    con: duckdb.DuckDBPyConnection, typed: Typed, column: Column, tables: Mapping[str, pd.DataFrame]
) -> dict[tuple[str, ...], str]:
    known = referenced(column, tables)
    if known is None:
        return {}
    target = column.references.partition(".")[0]
    remedies: dict[tuple[str, ...], str] = {}
    for (code,) in con.execute(f"SELECT DISTINCT {quoted(column.name)} FROM {typed.few(con)} ORDER BY 1").fetchall():
        if code is None or code in known or (code in _NO_ORPHANS and target != "accounts"):
            continue
        if code == ALL and typed.table.name == "demand":
            continue  # an error already: the name is reserved
        if code == ALL and target == "sites":
            or_blank = ", or leave the cell blank for all of them" if column.may_be_blank else ""
            remedies[(ALL,)] = f"'{ALL}' stands for the whole company, not for a site: name the site{or_blank}."
        elif code in _NO_ORPHANS:
            blank = "a blank account" if code == UNASSIGNED else f"the account '{NONE}'"
            remedies[(code,)] = (
                f"The row has {blank}, so its type is not known: add a row for it to accounts, with its type."
            )
        else:
            remedies[(str(code),)] = f"Add '{code}' to {target}, or mend the row."
    return remedies


def _rows_of(
    con: duckdb.DuckDBPyConnection, typed: Typed, columns: tuple[str, ...], remedies: Mapping[tuple[str, ...], str]
) -> list[tuple[int, str, str]]:
    if not remedies:
        return []
    wanted = pd.DataFrame([(*key, remedy) for key, remedy in remedies.items()], columns=[*columns, "remedy"])
    con.register("orphan_keys", wanted)
    names = ", ".join(map(quoted, columns))
    rows = con.execute(
        f"SELECT {ROW}, {quoted(columns[0])}, remedy FROM {typed.open} JOIN orphan_keys USING ({names}) ORDER BY {ROW}"
    ).fetchall()
    con.unregister("orphan_keys")
    return [(int(row), "" if code == UNASSIGNED else str(code), str(remedy)) for row, code, remedy in rows]


def report_overlaps(frame: pd.DataFrame, rows: Sequence[int], file: str, findings: Findings) -> None:
    """Report the cost centres that stand in two places on one day: the later row is named, and both are kept."""
    spans = sorted(
        (str(code), validity.first, validity.last, row)
        for code, validity, row in zip(frame["cost_centre"], _validities(frame), rows, strict=True)
    )
    named: set[int] = set()
    for k, (code, first, last, row) in enumerate(spans):
        for other, other_first, other_last, other_row in spans[k + 1 :]:
            if other != code:
                break
            if other_first <= last and first <= other_last and max(row, other_row) not in named:
                later, earlier = max(row, other_row), min(row, other_row)
                named.add(later)
                start = other_first if later == other_row else first
                remedy = f"'{code}' is also valid by row {earlier}: end the one the day before the other begins."
                findings.report(
                    ERROR, "cost_centres", file, later, "valid_from", "overlapping_validity", start.isoformat(), remedy
                )

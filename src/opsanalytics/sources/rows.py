"""Rows: what only shows when rows are compared, with each other or with the tables they refer to.

In this order, each row getting the first that holds: a mangled spelling of a code, a repeat of an earlier
row, the same key with other values, a reference that leads nowhere (`references`), a period that does not fit
its posting date. What a table holds is looked at first; only where it breaks a rule are the rows sought.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from opsanalytics.periods import Calendar, shift
from opsanalytics.schemas import TABLES, Column, Table
from opsanalytics.sources.cells import BAD, FORM, OFFSET, TWICE, UTC
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, literal, quoted, scalar

LATE_MONTHS = 2  # a posting may belong to a month so many before the one it is posted in

_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+([0-9]{2})")
_SUSPECT = r"[0-9][eE]\+[0-9][0-9]|[0-9]\.0([^0-9]|$)"  # the same two, for SQL
_POINT_ZERO = re.compile(r"(?<![0-9.])([0-9]+)\.0(?![0-9])")
_WRITTEN = {"month": "%Y-%m", "day": "%Y-%m-%d", "time": "%Y-%m-%dT%H:%M"}
_LARGEST_SUM = 2**63 - 1

SUMMED = "summed_ledger"
_BY = ("period", "cost_centre", "account", "currency")


def add_up(con: duckdb.DuckDBPyConnection, lines: str) -> None:
    """Create SUMMED, what ledger lines come to by period, cost centre, account and currency, in one pass."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {SUMMED} AS SELECT {', '.join(_BY)}, count(*) AS lines, "
        "count(amount_cents) AS amounts, sum(amount_cents) AS amount_cents, min(amount_cents) AS least, "
        "max(amount_cents) AS most, count(*) FILTER (WHERE one_off) AS one_offs, count(posted_on) AS days, "
        f"min(posted_on) AS first, max(posted_on) AS last FROM {lines} GROUP BY ALL"
    )


@dataclass(frozen=True)
class Typed:
    """A typed relation on its way: `relation` has `__row`, the table's typed columns and `__bad`.

    `synced` is that of the findings: how many rows of each table are left out in DuckDB.
    """

    table: Table
    file: str
    relation: str
    columns: tuple[str, ...]  # the columns that the source has
    synced: Mapping[str, int]
    summed: list[str] = field(default_factory=list)  # holds SUMMED once it is there
    unsuspected: tuple[str, ...] = ()  # columns without anything like a mangled code
    plain: bool = False  # has a look at the sums shown that each row is as it should be?

    @property
    def open(self) -> str:
        """The rows neither bad (all of which are left out) nor left out so far, as a FROM item."""
        if not self.synced.get(self.table.name):
            return self.relation
        return f"(SELECT * FROM {self.relation} WHERE {ROW} NOT IN (SELECT {ROW} FROM left_{self.table.name}))"

    def few(self, con: duckdb.DuckDBPyConnection) -> str:
        """Codes and periods to look for, as a FROM item: the ledger's rows, all but the bad ones, added up once."""
        if self.table.name != "ledger":
            return self.open
        if not self.summed:
            add_up(con, f"{self.relation} WHERE NOT {BAD}")
            self.summed.append(SUMMED)
        return SUMMED

    def accepted(self, con: duckdb.DuckDBPyConnection) -> str:
        """The open ledger lines by period, cost centre and account, as a FROM item: all but those left out."""
        by = "period, cost_centre, account"
        lines = f"SELECT {by}, amount_cents, lines FROM {self.few(con)}"
        if self.synced.get("ledger"):
            left = f"{self.relation} WHERE NOT {BAD} AND {ROW} IN (SELECT {ROW} FROM left_ledger)"
            lines += f" UNION ALL SELECT {by}, -amount_cents, -1 FROM {left}"
        return f"({lines})"

    @property
    def key(self) -> list[str]:
        """The key's columns as they identify a row: an instant by its local time and, if that came twice, its UTC."""
        names = [self.table.column(name).typed_name for name in self.table.key]
        return names + ([TWICE] if any(self.table.column(name).kind == "instant" for name in self.table.key) else [])


def sync_left(con: duckdb.DuckDBPyConnection, table: str, findings: Findings) -> None:
    """Bring the rows left out so far into the relation left_<table>, if there are new ones."""
    left = findings.rows_left(table)
    if len(left) == findings.synced.get(table, 0):
        return
    findings.synced[table] = len(left)
    rows = pd.DataFrame({ROW: pd.Series(left, dtype="int64")})
    con.register("left_rows", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE left_{table} AS SELECT {ROW} FROM left_rows")
    con.unregister("left_rows")


def look(con: duckdb.DuckDBPyConnection, typed: Typed) -> tuple[int, bool, bool]:
    """Return how many rows there are, and whether any is bad or may hold a mangled code: with a look at all of them."""
    if typed.plain:
        return scalar(con, f"SELECT coalesce(sum(lines), 0) FROM {typed.few(con)}"), False, True
    codes = [] if typed.table.name == "ledger" else [c.name for c in typed.table.columns if c.kind == "code"]
    suspect = " OR ".join(may_be_mangled(quoted(name)) for name in codes) or "true"
    query = f"SELECT count(*), coalesce(bool_or({BAD}), false), coalesce(bool_or({suspect}), false)"
    rows, bad, suspicious = con.execute(f"{query} FROM {typed.relation}").fetchall()[0]
    return int(rows), bool(bad), bool(suspicious)


# -- mangled codes ----------------------------------------------------------------------------


def is_mangled_spelling(text: str, code: str) -> bool:
    """Is `text` what a spreadsheet makes of `code`: "2.3576e+10" of 23576000000, to the digits shown, or "4000.0"?"""
    match = _SCIENTIFIC.search(text)
    if match is None:
        match = _POINT_ZERO.search(text)
        return match is not None and text != code and text[: match.start()] + match[1] + text[match.end() :] == code
    head, tail = text[: match.start()], text[match.end() :]
    if not (code.startswith(head) and code.endswith(tail) and len(code) > len(head) + len(tail)):
        return False
    digits = code[len(head) : len(code) - len(tail)]
    if not digits.isdecimal():
        return False
    shown = f"{int(digits):.{len(match[2] or '')}e}"
    return shown.lower() == match[0].lower() or _same_shown(digits, match)


def _same_shown(digits: str, match: re.Match[str]) -> bool:
    """Trailing zeros are not shown: 2.36e+10 may stand for 23600000000 at any number of digits."""
    plain = digits.lstrip("0")
    mantissa = (match[1] + (match[2] or "")).rstrip("0")
    return len(plain) == int(match[3]) + 1 and plain.rstrip("0") == mantissa


def may_be_mangled(name: str) -> str:
    """Return the quick test that every mangled code meets, and hardly another."""
    return f"(contains({name}, '.0') OR contains({name}, '+'))"


def _suspects(con: duckdb.DuckDBPyConnection, typed: Typed, column: Column) -> list[str]:
    if column.name in typed.unsuspected:
        return []
    name, source = quoted(column.name), typed.few(con) if column.name in _BY else typed.open
    found = con.execute(
        f"SELECT DISTINCT {name} FROM {source} WHERE {may_be_mangled(name)} "
        f"AND regexp_matches({name}, {literal(_SUSPECT)}) ORDER BY 1"
    ).fetchall()
    return [str(code) for (code,) in found]


def report_mangled(
    con: duckdb.DuckDBPyConnection, typed: Typed, tables: Mapping[str, pd.DataFrame], findings: Findings
) -> None:
    """Report the rows with a code as a spreadsheet mangles it, and whether the row itself stands there unmangled."""
    table = typed.table
    pairs: dict[str, dict[str, list[str]]] = {}
    for column in table.columns:
        if column.kind == "code" and column.name in typed.columns and (suspects := _suspects(con, typed, column)):
            known = _known_codes(con, typed, column, tables, suspects)
            pairs[column.name] = {s: [c for c in known if is_mangled_spelling(s, c)] for s in suspects}
    if not pairs:
        return
    twins = _twins(con, typed, pairs)
    names = list(pairs)
    suspect = " OR ".join(f"{quoted(name)} IN ({', '.join(map(literal, pairs[name]))})" for name in names)
    rows = con.execute(
        f"SELECT {ROW}, {', '.join(map(quoted, names))} FROM {typed.open} WHERE {suspect} ORDER BY {ROW}"
    ).fetchall()
    for row, *codes in rows:
        for name, code in zip(names, codes, strict=True):
            if code not in pairs[name]:
                continue
            twin = twins.get(int(row))
            if twin is not None or _certainly_mangled(table, table.column(name), str(code), pairs[name][code], tables):
                _report_mangled(typed, int(row), name, str(code), pairs[name][code], twin, findings)
                break


def _known_codes(
    con: duckdb.DuckDBPyConnection,
    typed: Typed,
    column: Column,
    tables: Mapping[str, pd.DataFrame],
    suspects: Iterable[str],
) -> list[str]:
    here = {str(code) for (code,) in con.execute(f"SELECT DISTINCT {quoted(column.name)} FROM {typed.open}").fetchall()}
    return sorted((here | set(referenced(column, tables) or ())) - set(suspects))


def referenced(column: Column, tables: Mapping[str, pd.DataFrame]) -> set[str] | None:
    """Return the codes a column may refer to; None where there is no such table."""
    table, _, name = column.references.partition(".")
    return set(tables[table][name].dropna()) if table in tables else None


def _certainly_mangled(
    table: Table, column: Column, code: str, codes: Sequence[str], tables: Mapping[str, pd.DataFrame]
) -> bool:
    """Is a code mangled even though no row equals this one otherwise?"""
    reference = referenced(column, tables)
    if reference is not None and code in reference:
        return False
    if column.references or (len(table.key) <= 2 and table.name != "ledger" and column.name in table.key):
        return bool(codes) or (reference is not None and _SCIENTIFIC.search(code) is not None)
    return False


def _twins(
    con: duckdb.DuckDBPyConnection, typed: Typed, pairs: Mapping[str, Mapping[str, Sequence[str]]]
) -> dict[int, int]:
    """Return for each row with mangled codes the row that equals it but for their spelling."""
    entries = [(name, bad, code) for name, found in pairs.items() for bad, codes in found.items() for code in codes]
    if not entries:
        return {}
    con.register("mangled_pairs", pd.DataFrame(entries, columns=["name", "bad", "code"]))
    helpers = [TWICE] if TWICE in typed.key else []
    same, spelt = [], []
    for name in [*(c.typed_name for c in typed.table.columns), *helpers]:
        cell = f"m.{quoted(name)} IS NOT DISTINCT FROM c.{quoted(name)}"
        if name in pairs:
            pair = f"p.name = '{name}' AND p.bad = m.{quoted(name)} AND p.code = c.{quoted(name)}"
            spelt.append(f"({cell} OR EXISTS (SELECT 1 FROM mangled_pairs p WHERE {pair}))")
        else:
            same.append(cell)
    suspect = " OR ".join(f"{quoted(name)} IN (SELECT bad FROM mangled_pairs WHERE name = '{name}')" for name in pairs)
    query = (
        f"SELECT m.{ROW}, min(c.{ROW}) FROM (SELECT * FROM {typed.open} WHERE {suspect}) m JOIN {typed.open} c "
        f"ON {' AND '.join(same) or 'true'} AND m.{ROW} <> c.{ROW} WHERE {' AND '.join(spelt)} "
        f"AND ({' OR '.join(f'm.{quoted(n)} <> c.{quoted(n)}' for n in pairs)}) GROUP BY m.{ROW}"
    )
    found = {int(row): int(twin) for row, twin in con.execute(query).fetchall()}
    con.unregister("mangled_pairs")
    return found


def _report_mangled(
    typed: Typed, row: int, column: str, code: str, codes: Sequence[str], twin: int | None, findings: Findings
) -> None:
    meant = f"'{codes[0]}'" if codes else "a code"
    remedy = f"A spreadsheet turned {meant} into '{code}'. Export the codes as text"
    remedy += (
        f"; row {twin} is the same row with its code intact, so nothing is lost." if twin else " and mend this row."
    )
    findings.report(QUARANTINED, typed.table.name, typed.file, row, column, "mangled_code", code, remedy)
    findings.leave_out(typed.table.name, row, "mangled_code", column, code, counted=twin is None)


# -- repeats and contradictions ---------------------------------------------------------------


def _doubled_hashes(con: duckdb.DuckDBPyConnection, typed: Typed) -> pd.Series[Any]:
    """Return the hashes of keys that stand more than once, and of the few that only seem to."""
    key = ", ".join(map(quoted, typed.key))
    hashes = np.asarray(con.execute(f"SELECT hash({key}) AS h FROM {typed.open}").fetchnumpy()["h"])
    hashes.sort()  # in place: there may be ten million
    return pd.Series(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))


def report_repeats(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report every later row with a key that stood before: a repeat when all else is equal, a contradiction else."""
    doubled = _doubled_hashes(con, typed)
    if doubled.empty:
        return
    key = ", ".join(map(quoted, typed.key))
    others = [c.typed_name for c in typed.table.columns if c.typed_name not in typed.key]
    equal = " AND ".join(f"t.{quoted(n)} IS NOT DISTINCT FROM f.{quoted(n)}" for n in others) or "true"
    join = " AND ".join(f"t.{quoted(n)} IS NOT DISTINCT FROM f.{quoted(n)}" for n in typed.key)
    con.register("doubled_hashes", doubled.to_frame("h"))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE doubled AS SELECT * FROM {typed.open} "
        f"WHERE hash({key}) IN (SELECT h FROM doubled_hashes)"
    )
    con.unregister("doubled_hashes")
    numbered = f"SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {ROW}) AS n FROM doubled"
    query = (
        f"SELECT t.{ROW}, f.{ROW}, {equal} FROM doubled t JOIN ({numbered}) f ON f.n = 1 AND {join} "
        f"WHERE t.{ROW} > f.{ROW} ORDER BY t.{ROW}"
    )
    name, columns = typed.table.name, ",".join(typed.table.key)
    found = con.execute(query).fetchall()
    values = _key_values(con, typed) if found else {}
    con.execute("DROP TABLE doubled")
    for row, first, same in found:
        value = values[int(row)]
        if same:
            remedy = f"The row repeats row {first} and is left out. Remove it at the source if it is one posting."
            findings.report(QUARANTINED, name, typed.file, int(row), columns, "repeat", value, remedy)
            findings.leave_out(name, int(row), "repeat", columns, value, counted=False)
        else:
            remedy = f"Row {first} has the same {columns} with other values: keep the one that is right."
            findings.report(ERROR, name, typed.file, int(row), columns, "conflicting_key", value, remedy)
            findings.leave_out(name, int(row), "conflicting_key", columns, value, counted=False)


def _key_values(con: duckdb.DuckDBPyConnection, typed: Typed) -> dict[int, str]:
    names = [typed.table.column(name) for name in typed.table.key]
    shown = ", ".join(_shown(column) for column in names)
    rows = con.execute(f"SELECT {ROW}, concat_ws(',', {shown}) FROM doubled").fetchall()
    return {int(row): str(value) for row, value in rows}


def _shown(column: Column) -> str:
    name = quoted(column.typed_name)
    if column.kind == "day":
        return f"coalesce(strftime({name}, '%Y-%m-%d'), '')"
    if column.kind == "instant":
        forms = " ".join(f"WHEN '{form}' THEN strftime({name}, '{shape}')" for form, shape in _WRITTEN.items())
        text = f"CASE {FORM} {forms} END"
        return f"CASE WHEN {OFFSET} IS NULL THEN {text} ELSE strftime({UTC}, '%Y-%m-%dT%H:%MZ') END"
    return f"coalesce(CAST({name} AS VARCHAR), '')"


# -- time -------------------------------------------------------------------------------------


def report_wrong_periods(con: duckdb.DuckDBPyConnection, typed: Typed, calendar: Calendar, findings: Findings) -> None:
    """Report the ledger lines whose period is later than their posting, or more than two months earlier."""
    known = "period IS NOT NULL AND first IS NOT NULL"
    spans = con.execute(
        f"SELECT period, min(first), max(last) FROM {typed.few(con)} WHERE {known} GROUP BY ALL"
    ).fetchall()
    if all(
        shift(calendar.period_of(last.date()), -LATE_MONTHS) <= period <= calendar.period_of(first.date())
        for period, first, last in spans
    ):
        return
    days = [day for (day,) in con.execute(f"SELECT DISTINCT posted_on FROM {typed.open} ORDER BY 1").fetchall()]
    posted = [(day, calendar.period_of(day.date())) for day in days]
    limits = pd.DataFrame(
        [(day, shift(month, -LATE_MONTHS), month) for day, month in posted], columns=["posted_on", "earliest", "latest"]
    ).astype({"posted_on": "datetime64[us]", "earliest": "str", "latest": "str"})
    con.register("posting_limits", limits)
    rows = con.execute(
        f"SELECT {ROW}, period, strftime(posted_on, '%Y-%m-%d'), earliest, latest FROM {typed.open} "
        f"JOIN posting_limits USING (posted_on) WHERE period < earliest OR period > latest ORDER BY {ROW}"
    ).fetchall()
    con.unregister("posting_limits")
    for row, period, day, earliest, latest in rows:
        remedy = (
            f"Posted on {day}, a line counts in {earliest} to {latest}, not in {period}: mend the period or the date."
        )
        findings.report(QUARANTINED, "ledger", typed.file, int(row), "period", "wrong_period", period, remedy)
        findings.leave_out("ledger", int(row), "wrong_period", "period", period, counted=True)


def report_sums(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> bool:
    """Report a table whose money cannot be added up in 64 bits, each amount being small enough; False then."""
    for column in typed.table.columns:
        if column.kind != "money":
            continue
        if typed.table.name == "ledger":
            largest = "greatest(abs(least::HUGEINT), abs(most::HUGEINT))"
            if scalar(con, f"SELECT coalesce(sum(lines * {largest}), 0) FROM {typed.few(con)}") <= _LARGEST_SUM:
                continue
        total = scalar(con, f"SELECT coalesce(sum(abs({quoted(column.typed_name)})::HUGEINT), 0) FROM {typed.open}")
        if total > _LARGEST_SUM:
            remedy = f"The table's {column.name}s are too large to be added up to the cent. Check them at the source."
            findings.report(ERROR, typed.table.name, typed.file, 0, column.name, "out_of_range", str(total), remedy)
            return False
    return True


def report_unknown_version(budget: pd.DataFrame, version: str, file: str, findings: Findings) -> None:
    """Report that the budget holds no row of the version in force."""
    held = sorted(budget["version"].unique())
    if not held or version in held:
        return
    near = get_close_matches(version, held, n=1)
    meant = f", and the nearest is '{near[0]}'" if near else ""
    remedy = (
        f"The budget has no version '{version}'; it has {', '.join(held)}{meant}. Name the one in force in "
        "workbook.toml: [budget] version."
    )
    findings.report(ERROR, "budget", file, 0, "version", "unknown_version", version, remedy)


def known_tables() -> Sequence[str]:
    """Return the names of the tables in the order in which they are checked: the referred-to before the referring."""
    first = ["accounts", "sites", "services", "cost_centres", "fx_rates"]
    return first + [name for name in TABLES if name not in first]

"""Rows: what only shows when rows are compared, with each other or with the tables they refer to.

In this order, each row getting the first that holds: a mangled spelling of a code, a repeat of an
earlier row, the same key with other values, a reference that leads nowhere, a period that does not
fit its posting date.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, NONE, UNASSIGNED, nearest
from opsanalytics.periods import Calendar, is_month, shift
from opsanalytics.schemas import TABLES, Column, Table
from opsanalytics.sources.cells import BAD, FORM, OFFSET, TWICE, UTC
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, literal, quoted, scalar

LATE_MONTHS = 2  # a posting may belong to a month so many before the one it is posted in

_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?[eE]\+([0-9]{2})")
_SUSPECT = r"[0-9][eE]\+[0-9][0-9]|[0-9]\.0([^0-9]|$)"  # the same two, for SQL
_POINT_ZERO = re.compile(r"(?<![0-9.])([0-9]+)\.0(?![0-9])")
_WRITTEN = {"month": "%Y-%m", "day": "%Y-%m-%d", "time": "%Y-%m-%dT%H:%M"}
_NO_ORPHANS = (UNASSIGNED, NONE)
_LARGEST_SUM = 2**63 - 1


@dataclass(frozen=True)
class Typed:
    """A typed relation on its way: `relation` has `__row`, the table's typed columns and `__bad`."""

    table: Table
    file: str
    relation: str
    columns: tuple[str, ...]  # the columns that the source has

    @property
    def open(self) -> str:
        """The rows neither bad nor left out so far, as a FROM item."""
        left = f"SELECT {ROW} FROM left_{self.table.name}"
        return f"(SELECT * FROM {self.relation} WHERE NOT {BAD} AND {ROW} NOT IN ({left}))"

    @property
    def key(self) -> list[str]:
        """The key's columns as they identify a row: an instant by its local time and, if that came twice, its UTC."""
        names = [self.table.column(name).typed_name for name in self.table.key]
        return names + ([TWICE] if any(self.table.column(name).kind == "instant" for name in self.table.key) else [])


def sync_left(con: duckdb.DuckDBPyConnection, table: str, findings: Findings) -> None:
    """Bring the rows left out so far into the relation left_<table>."""
    left = findings.rows_left(table)
    if len(left) == findings.synced.get(table):
        return
    findings.synced[table] = len(left)
    if not left:
        con.execute(f"CREATE OR REPLACE TEMP TABLE left_{table} ({ROW} BIGINT)")
        return
    rows = pd.DataFrame({ROW: pd.Series(left, dtype="int64")})
    con.register("left_rows", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE left_{table} AS SELECT {ROW} FROM left_rows")
    con.unregister("left_rows")


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


def _suspects(con: duckdb.DuckDBPyConnection, typed: Typed, column: Column) -> list[str]:
    name = quoted(column.name)
    found = con.execute(
        f"SELECT DISTINCT {name} FROM {typed.open} WHERE regexp_matches({name}, {literal(_SUSPECT)}) ORDER BY 1"
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
    return sorted((here | set(_referenced(column, tables) or ())) - set(suspects))


def _referenced(column: Column, tables: Mapping[str, pd.DataFrame]) -> set[str] | None:
    """Return the codes a column may refer to; None where there is no such table."""
    table, _, name = column.references.partition(".")
    return set(tables[table][name].dropna()) if table in tables else None


def _certainly_mangled(
    table: Table, column: Column, code: str, codes: Sequence[str], tables: Mapping[str, pd.DataFrame]
) -> bool:
    """Is a code mangled even though no row equals this one otherwise?"""
    reference = _referenced(column, tables)
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


def report_repeats(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report every later row with a key that stood before: a repeat when all else is equal, a contradiction else."""
    key = ", ".join(map(quoted, typed.key))
    others = [c.typed_name for c in typed.table.columns if c.typed_name not in typed.key]
    doubled = f"SELECT hash({key}) AS h FROM {typed.open} GROUP BY h HAVING count(*) > 1"
    equal = " AND ".join(f"t.{quoted(n)} IS NOT DISTINCT FROM f.{quoted(n)}" for n in others) or "true"
    join = " AND ".join(f"t.{quoted(n)} IS NOT DISTINCT FROM f.{quoted(n)}" for n in typed.key)
    con.execute(f"CREATE OR REPLACE TEMP TABLE doubled AS SELECT * FROM {typed.open} WHERE hash({key}) IN ({doubled})")
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


# -- references -------------------------------------------------------------------------------


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
        for code, validity in zip(frame["cost_centre"], _validities(frame), strict=True):
            self._known.setdefault(str(code), []).append(validity)

    def knows(self, cost_centre: str) -> bool:
        """Does the cost centre stand in the table at any time?"""
        return cost_centre in self._known

    def site(self, cost_centre: str, period: str) -> str | None:
        """Return the site in a period (or a fiscal year); "(unassigned)" for a blank code, None when not valid."""
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
    for code, period in con.execute(f"SELECT DISTINCT cost_centre, period FROM {typed.open} ORDER BY ALL").fetchall():
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
    known = _referenced(column, tables)
    if known is None:
        return {}
    target = column.references.partition(".")[0]
    remedies: dict[tuple[str, ...], str] = {}
    for (code,) in con.execute(f"SELECT DISTINCT {quoted(column.name)} FROM {typed.open} ORDER BY 1").fetchall():
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


# -- time -------------------------------------------------------------------------------------


def report_wrong_periods(con: duckdb.DuckDBPyConnection, typed: Typed, calendar: Calendar, findings: Findings) -> None:
    """Report the ledger lines whose period is later than their posting, or more than two months earlier."""
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


def report_foreign_currencies(con: duckdb.DuckDBPyConnection, typed: Typed, currency: str, findings: Findings) -> None:
    """Report the ledger lines in another currency: added up as they stand they would make a wrong figure."""
    if "currency" not in typed.columns:
        return
    rows = con.execute(
        f"SELECT {ROW}, currency FROM {typed.open} WHERE currency <> {literal(currency)} ORDER BY {ROW}"
    ).fetchall()
    for row, other in rows:
        remedy = f"The organisation's currency is {currency} (workbook.toml): state the amount in it at the source."
        findings.report(QUARANTINED, "ledger", typed.file, int(row), "currency", "foreign_currency", other, remedy)
        findings.leave_out("ledger", int(row), "foreign_currency", "currency", other, counted=False)
        findings.unknown_amounts.add(int(row))


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


def report_sums(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> bool:
    """Report a table whose money cannot be added up in 64 bits, each amount being small enough; False then."""
    for column in typed.table.columns:
        if column.kind != "money":
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
    remedy = (
        f"The budget has no version '{version}'; it has {', '.join(held)}, and the nearest is "
        f"'{nearest(version, held)}'. Name the one in force in workbook.toml: [budget] version."
    )
    findings.report(ERROR, "budget", file, 0, "version", "unknown_version", version, remedy)


def known_tables() -> Sequence[str]:
    """Return the names of the tables in the order in which they are checked: the referred-to before the referring."""
    first = ["accounts", "sites", "services", "cost_centres"]
    return first + [name for name in TABLES if name not in first]

"""Cells: from the text in the file to typed values, exactly, and the rule that a bad cell breaks.

The rules are SQL made from the declared columns, so that ten million ledger lines are checked as a
small table is. Money goes from text through DECIMAL to whole minor units, never through a float.
In a file delimited by semicolons a comma may be the decimal mark (1234,50); thousands separators
are nowhere accepted. A blank site, cost centre or account becomes "(unassigned)".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from opsanalytics.formats import UNASSIGNED, money
from opsanalytics.schemas import Column, Table, dtype
from opsanalytics.sources.faults import QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, Staged, literal, quoted

BAD = "__bad"
FORM, OFFSET, UTC = "__form", "__offset", "__utc"  # how an instant was written, and its UTC time where known
TWICE = "__twice"  # its UTC time again, where its local time came twice
LARGEST = 10**15  # of an amount in minor units, and of any other number: beyond it sums are no longer exact
FOREIGN_DIGITS = 4  # an amount in another currency is read to so many decimals, the most that a currency has
LARGEST_FOREIGN = 10**17  # of such an amount, in its ten-thousandths
YEARS = ("1900", "2199")  # the first and the last that are read

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_INSTANT = r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?)?"
PATTERNS = {
    "money": _NUMBER,
    "decimal": _NUMBER + r"([eE][+-]?[0-9]{1,3})?",
    "number": _NUMBER + r"([eE][+-]?[0-9]{1,3})?",
    "share": _NUMBER + r"([eE][+-]?[0-9]{1,3})?",
    "integer": r"[+-]?[0-9]{1,18}(\.0*)?",
    "month": r"[0-9]{4}-(0[1-9]|1[0-2])",
    "month_or_year": r"[0-9]{4}(-(0[1-9]|1[0-2]))?",
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00(\.0+)?)?)?",
    "instant": _INSTANT,
    "flag": r"(?i:true|false|yes|no|1|0)",
    "time": r"([01][0-9]|2[0-3]):[0-5][0-9](:00)?|24:00(:00)?",
}
_NUMERIC = ("money", "decimal", "number", "share", "integer")
_TOO_LARGE = "too_large"  # to the reader an out_of_range, with a remedy of its own
_DATED = ("month", "month_or_year", "day", "instant")
_SHAPES = {
    "money": "as a plain number, for example 1234.50",
    "decimal": "as a plain number, for example 12.75",
    "number": "as a plain number, for example 12.5",
    "share": "as a ratio, for example 0.05 for 5 %",
    "integer": "as a whole number, for example 3",
    "month": "as YYYY-MM, for example 2026-09",
    "month_or_year": "as a month, for example 2026-09, or as a fiscal year, for example 2026",
    "day": "as YYYY-MM-DD, for example 2026-09-30",
    "instant": (
        "as a day (2026-09-30), a month (2026-09) or a time (2026-09-30T08:30), "
        "with its UTC offset (+01:00) where the source has one"
    ),
    "flag": "as true or false",
    "time": "as HH:MM, for example 08:30",
}
#: Columns where a blank has a meaning of its own, and is not "(unassigned)".
_OPEN_BLANKS = {("control_totals", "site"), ("events", "site"), ("standards", "cost_centre"), ("sites", "site")}


def blank_is_unassigned(table: Table, column: Column) -> bool:
    """Does a blank cell of this column stand for the key "(unassigned)"?"""
    return column.name in ("site", "cost_centre", "account") and (table.name, column.name) not in _OPEN_BLANKS


def _needs_value(table: Table, column: Column) -> bool:
    return not column.may_be_blank and not blank_is_unassigned(table, column)


def _text(column: Column, staged: Staged) -> str:
    name = quoted(column.name)
    if column.kind in _NUMERIC and staged.decimal_comma:
        return (
            f"CASE WHEN regexp_full_match({name}, '[+-]?[0-9]*,[0-9]+') THEN replace({name}, ',', '.') ELSE {name} END"
        )
    return name


def _typed_sql(table: Table, column: Column, staged: Staged, minor_digits: int) -> str:
    """Return the SQL of a column's typed value; NULL for a blank or unreadable cell."""
    text = _text(column, staged) if column.name in staged.columns else "NULL::VARCHAR"
    kind = column.kind
    if column.name in staged.natives:
        return native_sql(column, staged.natives[column.name], minor_digits)
    if kind == "money":
        return _cents_sql(text, minor_digits)
    if kind in ("number", "share"):
        return f"CASE WHEN {_matches(text, kind)} THEN try_cast({text} AS DOUBLE) END"
    if kind == "decimal":
        return f"CASE WHEN {_matches(text, kind)} THEN {text} END"
    if kind == "integer":
        return f"CASE WHEN {_matches(text, kind)} THEN try_cast(split_part({text}, '.', 1) AS BIGINT) END"
    if kind in ("month", "month_or_year"):
        return f"CASE WHEN {_matches(text, kind)} THEN {text} END"
    if kind == "day":
        return f"CASE WHEN {_matches(text, kind)} THEN try_cast(substr({text}, 1, 10) AS DATE)::TIMESTAMP END"
    if kind == "instant":
        return _instant_sql(text)
    if kind == "flag":
        return f"CASE WHEN {_matches(text, kind)} THEN lower({text}) IN ('true', 'yes', '1') END"
    if kind == "time":
        return f"CASE WHEN {_matches(text, kind)} THEN substr({text}, 1, 5) END"
    return f"coalesce({text}, {literal(UNASSIGNED)})" if blank_is_unassigned(table, column) else text


def native_sql(column: Column, name: str, minor_digits: int) -> str:
    """Return the SQL of a Parquet column that has the right type already: DECIMAL money, DATE days."""
    if column.kind == "money":
        return (
            f"try_cast(try_cast({name} AS DECIMAL(24, {minor_digits})) * {10**minor_digits}::DECIMAL(5, 0) AS BIGINT)"
        )
    return f"CAST({name} AS TIMESTAMP)"


def _cents_sql(text: str, minor_digits: int) -> str:
    exact = f"try_cast({text} AS DECIMAL(24, {minor_digits})) * {10**minor_digits}::DECIMAL(5, 0)"
    fits = rf"[+-]?([0-9]+(\.[0-9]{{0,{minor_digits}}}0*)?|\.[0-9]{{0,{minor_digits}}}0*)"
    return f"CASE WHEN regexp_full_match({text}, '{fits}') THEN try_cast({exact} AS BIGINT) END"


def _too_fine(text: str, minor_digits: int) -> str:
    return rf"regexp_matches({text}, '\.[0-9]{{{minor_digits}}}[0-9]*[1-9]')"


def _instant_sql(text: str) -> str:
    padded = f"CASE WHEN length({text}) = 7 THEN {text} || '-01' ELSE replace(substr({text}, 1, 19), 'T', ' ') END"
    naive = f"regexp_extract({padded}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}( [0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?)?')"
    return f"CASE WHEN {_matches(text, 'instant')} THEN try_cast({naive} AS TIMESTAMP) END"


def _helpers_sql(column: Column) -> list[str]:
    text = quoted(column.name)
    suffix = f"nullif(regexp_extract({text}, '[0-9]{{2}}:[0-9]{{2}}(?::[0-9.]+)? ?(Z|[+-][0-9:]+)$', 1), '')"
    bare = f"replace(substr({suffix}, 2), ':', '')"
    minutes = (
        f"CASE WHEN {suffix} = 'Z' THEN 0 WHEN {suffix} IS NOT NULL THEN "
        f"(CASE WHEN {suffix}[1] = '-' THEN -1 ELSE 1 END) * "
        f"(try_cast(substr({bare}, 1, 2) AS INTEGER) * 60 + coalesce(try_cast(substr({bare}, 3, 2) AS INTEGER), 0)) END"
    )
    form = f"CASE WHEN length({text}) = 7 THEN 'month' WHEN length({text}) = 10 THEN 'day' ELSE 'time' END"
    return [f"{form} AS {FORM}", f"{minutes} AS {OFFSET}"]


def _matches(text: str, kind: str) -> str:
    return f"regexp_full_match({text}, {literal(PATTERNS[kind])})"


def _parse_rule_sql(table: Table, column: Column, staged: Staged, minor_digits: int, largest: int) -> str:
    """Return the SQL of the rule that a present cell breaks because it cannot be read; NULL when it can."""
    if column.kind not in PATTERNS:
        return "NULL"
    text, typed = _text(column, staged), _typed_sql(table, column, staged, minor_digits)
    cases = [f"WHEN {text} IS NULL THEN NULL", f"WHEN NOT {_matches(text, column.kind)} THEN 'unparsable'"]
    if column.kind == "money":
        cases.append(f"WHEN {_too_fine(text, minor_digits)} THEN 'too_many_decimals'")
    if column.kind in _NUMERIC:
        scale = 10**minor_digits if column.kind == "money" else 1
        size = f"coalesce(try_cast(({typed}) AS DOUBLE), try_cast({text} AS DOUBLE) * {scale})"
        most = largest if column.kind == "money" else LARGEST
        cases.append(f"WHEN {size} NOT BETWEEN -{most} AND {most} THEN {literal(_TOO_LARGE)}")
    if column.kind not in ("flag", "decimal"):
        cases.append(f"WHEN ({typed}) IS NULL THEN 'unparsable'")
    if column.kind in _DATED:
        cases.append(f"WHEN substr({text}, 1, 4) NOT BETWEEN '{YEARS[0]}' AND '{YEARS[1]}' THEN 'out_of_range'")
    return f"CASE {' '.join(cases)} END"


def _value_rule_sql(table: Table, column: Column, typed: str) -> str:
    """Return the SQL of the rule that a readable cell breaks; `schemas.schema` states the same for pandera."""
    cases, number = [], f"try_cast({typed} AS DOUBLE)" if column.kind == "decimal" else f"({typed})"
    if column.kind != "flag" and _needs_value(table, column):
        cases.append(f"WHEN ({typed}) IS NULL THEN 'missing_value'")
    if column.choices:
        cases.append(f"WHEN ({typed}) NOT IN ({', '.join(map(literal, column.choices))}) THEN 'not_a_choice'")
    if column.minimum is not None:
        cases.append(f"WHEN {number} < {column.minimum} THEN 'out_of_range'")
    if column.maximum is not None:
        cases.append(f"WHEN {number} > {column.maximum} THEN 'out_of_range'")
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _rule_sql(table: Table, column: Column, staged: Staged, minor_digits: int, largest: int) -> str:
    """Return the SQL of the first rule that a cell breaks; NULL when it breaks none."""
    parse = _parse_rule_sql(table, column, staged, minor_digits, largest)
    if column.kind == "flag" and not column.may_be_blank:
        return f"CASE WHEN {quoted(column.name)} IS NULL THEN 'missing_value' ELSE {parse} END"
    value = _value_rule_sql(table, column, _typed_sql(table, column, staged, minor_digits))
    return value if parse == "NULL" else (parse if value == "NULL" else f"coalesce({parse}, {value})")


def typed_select(
    table: Table, staged: Staged, minor_digits: int, rows: str = "", where: str = "true", largest: int = LARGEST
) -> str:
    """Return the SELECT that makes the typed relation: `__row`, typed columns, helpers of an instant, `__bad`.

    The inner query types each cell once; the outer marks a row whose cell is filled and yet has no
    value, or whose value breaks a rule. `rows` is a relation of the rows wanted, left out for all; of these, those
    that `where` holds for, a test of their text. `largest` is that of money, in units of so many `minor_digits`.
    """
    inner, outer, broken = [ROW], [ROW], []
    for column in table.columns:
        name, text = quoted(column.typed_name), quoted(f"__text_{column.name}")
        inner.append(f"{_typed_sql(table, column, staged, minor_digits)} AS {name}")
        outer.append(f"coalesce({name}, false) AS {name}" if column.kind == "flag" else name)
        if column.kind == "instant":
            inner += _helpers_sql(column)
            outer += [FORM, OFFSET]
        if column.name not in staged.columns:
            continue
        if column.kind in PATTERNS:
            inner.append(f"{staged.natives.get(column.name, quoted(column.name))} AS {text}")
            broken.append(f"{text} IS NOT NULL AND {name} IS NULL")
        if column.kind in ("flag", "money") and not column.may_be_blank:
            broken.append(f"{text} IS NULL")
        if column.kind in _DATED:
            low, high = (
                ("'1900'", "'2200'") if "month" in column.kind else ("TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'")
            )
            broken.append(f"{name} < {low} OR {name} >= {high}")
        if column.kind in _NUMERIC:
            number = f"try_cast({name} AS DOUBLE)" if column.kind == "decimal" else name
            most = largest if column.kind == "money" else LARGEST
            broken.append(f"{number} NOT BETWEEN -{most} AND {most}")
        if (rule := _value_rule_sql(table, column, name)) != "NULL":
            broken.append(f"({rule}) IS NOT NULL")
    bad = " OR ".join(f"coalesce({test}, false)" for test in broken) or "false"
    source = staged.only(rows) if rows else staged.relation
    return f"SELECT {', '.join(outer)}, ({bad}) AS {BAD} FROM (SELECT {', '.join(inner)} FROM {source} WHERE {where})"


def is_own(currency: str) -> str:
    """Return the test of a ledger line's text that it is in the organisation's currency."""
    return f"coalesce(currency = {literal(currency)}, true)"


def report_bad_cells(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    staged: Staged,
    typed: str,
    minor_digits: int,
    currency: str,
    findings: Findings,
) -> None:
    """Report every bad cell of the rows marked `__bad`; `currency` is the organisation's, with `minor_digits`."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE bad_numbers AS SELECT {ROW} FROM {typed} WHERE {BAD}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE bad_rows AS SELECT * FROM {staged.only('bad_numbers')}")
    bad_rows = [int(row) for (row,) in con.execute(f"SELECT {ROW} FROM bad_numbers").fetchall()]
    for column in table.columns:
        if column.name not in staged.columns:
            continue
        ways = [("true", minor_digits, LARGEST)]
        if column.kind == "money" and table.name == "ledger" and "currency" in staged.columns:
            own = is_own(currency)
            ways = [(own, minor_digits, LARGEST), (f"NOT {own}", FOREIGN_DIGITS, LARGEST_FOREIGN)]
        for where, digits, largest in ways:
            rule = _rule_sql(table, column, staged, digits, largest)
            if rule == "NULL":
                continue
            query = f"SELECT {ROW}, {quoted(column.name)}, {rule} AS rule FROM bad_rows WHERE {where}"
            for row, value, broken in con.execute(f"{query} AND rule IS NOT NULL ORDER BY {ROW}").fetchall():
                remedy = _remedy(column, str(broken), digits, largest)
                _report_cell(table, staged.file, int(row), column, str(broken), value or "", remedy, findings)
    unsaid = set(bad_rows) - set(findings.rows_left(table.name))
    assert not unsaid, f"{table.name}: rows {sorted(unsaid)[:3]} are left out without a fault"


def _report_cell(
    table: Table, file: str, row: int, column: Column, rule: str, value: str, remedy: str, findings: Findings
) -> None:
    rule = "out_of_range" if rule == _TOO_LARGE else rule
    findings.report(QUARANTINED, table.name, file, row, column.name, rule, value, remedy)
    counted = not (table.name == "ledger" and column.name == "amount")
    findings.leave_out(table.name, row, rule, column.name, value, counted=counted)
    if not counted:
        findings.unknown_amounts.add(row)


def _remedy(column: Column, rule: str, minor_digits: int, largest: int) -> str:
    if rule == "unparsable":
        return f"Write {column.name} {_SHAPES[column.kind]}; the row is left out until then."
    if rule == _TOO_LARGE:
        most = money(largest, minor_digits) if column.kind == "money" else f"{LARGEST:,}"
        return (
            f"{column.name} must lie within {most} on either side of zero: look for cells run together or a lost "
            "decimal point; the row is left out until then."
        )
    if rule == "too_many_decimals" and largest == LARGEST_FOREIGN:
        return (
            f"An amount in another currency may have at most {FOREIGN_DIGITS} decimals: round {column.name} where it "
            "comes from; the row is left out until then."
        )
    if rule == "too_many_decimals":
        return (
            f"The currency has {minor_digits} decimals (minor_digits in workbook.toml): round {column.name} where it "
            "comes from; the row is left out until then."
        )
    if rule == "not_a_choice":
        return f"Use one of {', '.join(column.choices)}; the row is left out until then."
    if rule == "missing_value":
        meaning = "" if column.meaning == f"the {column.name}" else f" ({column.meaning})"
        return f"Fill in {column.name}{meaning}; the row is left out until then."
    if column.kind in _DATED:
        return "Check the year: only 1900 to 2199 are read; the row is left out until then."
    low = "" if column.minimum is None else f"at least {column.minimum:g}"
    if column.name == "rate":
        low = "above 0"  # nothing can be converted at zero: `currency` refuses it
    high = "" if column.maximum is None else f"at most {column.maximum:g}"
    unit = "" if "currency" in column.unit or column.unit.startswith("the ") else f" {column.unit}".rstrip()
    limits = " and ".join(limit for limit in (low, high) if limit)
    return f"{column.name} must be {limits}{unit}; the row is left out until then."


def raw_rows(
    con: duckdb.DuckDBPyConnection, staged: Staged, rows: Sequence[int]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield row number and cells, as they stand in the file, of the rows asked for."""
    if not rows:
        return
    wanted = pd.DataFrame({ROW: np.asarray(rows, dtype="int64")})
    con.register("wanted_rows", wanted)
    names = ", ".join(quoted(name) for name in staged.columns)
    for row, *cells in con.execute(f"SELECT {ROW}, {names} FROM {staged.only('wanted_rows')}").fetchall():
        yield int(row), dict(zip(staged.columns, cells, strict=True))
    con.unregister("wanted_rows")


def frame_of(con: duckdb.DuckDBPyConnection, query: str, table: Table) -> pd.DataFrame:
    """Return the checked frame of a typed query: every column of the table, in its dtype."""
    return numbered_frame(con, f"SELECT *, 0 AS {ROW} FROM ({query})", table)[0]


def numbered_frame(con: duckdb.DuckDBPyConnection, query: str, table: Table) -> tuple[pd.DataFrame, list[int]]:
    """Return the checked frame of a typed query, and the row number of each of its rows."""
    arrays = con.execute(query).fetchnumpy()
    frame = pd.DataFrame({c.typed_name: _series(arrays[c.typed_name], c) for c in table.columns})
    return frame, [int(row) for row in arrays[ROW]]


def _series(values: Any, column: Column) -> pd.Series[Any]:
    """Make a column of the declared dtype; never a float on the way of a whole number."""
    wanted = dtype(column)
    mask = np.ma.getmaskarray(values)
    plain = np.asarray(np.ma.getdata(values))
    if column.kind == "decimal":
        cells = [None if gone else Decimal(str(text)) for text, gone in zip(plain, mask, strict=True)]
        return pd.Series(cells, dtype=object)
    if wanted == "str":
        cells = [None if gone else text for text, gone in zip(plain, mask, strict=True)]
        return pd.Series(cells, dtype="str")
    if wanted in ("Int64", "int64"):
        whole = pd.array(np.where(mask, 0, plain).astype("int64"), dtype="Int64")
        whole[mask] = pd.NA
        return pd.Series(whole if wanted == "Int64" or mask.any() else whole.astype("int64"))
    if wanted == "float64":
        return pd.Series(np.where(mask, np.nan, plain).astype("float64"))
    if wanted == "bool":
        return pd.Series(plain.astype(bool))
    days = plain.astype("datetime64[us]")
    days[mask] = np.datetime64("NaT", "us")
    return pd.Series(days)


def storable(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return a checked frame as DuckDB can store it: decimals as text."""
    decimals = [column.name for column in table.columns if column.kind == "decimal"]
    texts = {n: [None if v is None or v != v else str(v) for v in frame[n]] for n in decimals}
    return frame.assign(**{n: pd.Series(t, index=frame.index, dtype="str") for n, t in texts.items()})

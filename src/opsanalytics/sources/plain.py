"""Plain rows: ledger lines that are taken as their Parquet file has them, so that ten million need no rewriting.

Where the file stores every column in its own type (text, DATE, DECIMAL, BOOLEAN), a line is typed by naming its
columns. It is *odd* when one of its cells would need more: trimming, a limit, a shape, or an exchange rate. Odd
lines go the way of every table (`cells`). Whether there are any is asked of the few sums that are needed anyway,
and of three columns; which they are, only if there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

from opsanalytics.schemas import TABLES, Column
from opsanalytics.sources.cells import LARGEST, PATTERNS, blank_is_unassigned, native_sql
from opsanalytics.sources.reading import ROW, Staged, literal, quoted
from opsanalytics.sources.rows import SUMMED, may_be_mangled

_LEDGER = TABLES["ledger"]
_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")  # of days, as pandas writes them
_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")


def plain_select(staged: Staged, minor_digits: int) -> str | None:
    """Return the SELECT that types the lines of a Parquet file as they stand; None where its types do not allow it."""
    columns = [ROW]
    for column in _LEDGER.columns:
        expression = _plain_sql(column, staged, minor_digits)
        if expression is None:
            return None
        columns.append(f"{expression} AS {quoted(column.typed_name)}")
    return f"SELECT {', '.join(columns)} FROM {staged.inner}"


def _plain_sql(column: Column, staged: Staged, minor_digits: int) -> str | None:
    if not staged.stored:
        return None
    if column.name not in staged.stored:
        return "false" if column.kind == "flag" else "NULL::VARCHAR"
    name, stored = quoted(staged.stored[column.name][0]), staged.stored[column.name][1]
    if column.name in staged.natives:
        if column.kind == "money":
            return f"TRY(CAST({name} * {10**minor_digits} AS BIGINT))"  # what does not fit is odd
        return native_sql(column, name, minor_digits)
    if column.kind == "day" and stored in _TIMES:
        return f"CAST({name} AS TIMESTAMP)"
    if column.kind == "flag":
        return f"coalesce({name}, false)" if stored == "BOOLEAN" else None
    if column.kind == "code" and _WHOLE.fullmatch(stored):
        name, stored = f"CAST({name} AS VARCHAR)", "VARCHAR"
    if stored != "VARCHAR" or column.kind not in ("code", "text", "month"):
        return None
    return f"coalesce({name}, '(unassigned)')" if blank_is_unassigned(_LEDGER, column) else name


def odd_tests(con: duckdb.DuckDBPyConnection, staged: Staged, plain: str, currency: str) -> tuple[list[str], list[str]]:
    """Return the SQL of each test that some line of `plain` meets and is odd by; SUMMED is what they come to.

    Also return the columns of the key in which no cell looks like a mangled code, seen in the same pass.
    """
    suspects = {name: may_be_mangled(name) for name in _LEDGER.key}
    cells = {test: test for test in _cell_tests(staged)}
    odd, met = _met(con, SUMMED, _summed_tests(currency)), _met(con, plain, {**cells, **suspects})
    return odd + [test for test in met if test in cells], [name for name in suspects if name not in met]


def _met(con: duckdb.DuckDBPyConnection, relation: str, tests: Mapping[str, str]) -> list[str]:
    """Return the tests of lines (the keys) whose test on the relation (the value) holds somewhere."""
    asked = ", ".join(f"coalesce(bool_or({test}), false)" for test in tests.values())
    found = con.execute(f"SELECT {asked} FROM {relation}").fetchall()[0]
    return [test for test, met in zip(tests, found, strict=True) if met]


def _summed_tests(currency: str) -> dict[str, str]:
    shape = f"NOT regexp_full_match(period, {literal(PATTERNS['month'])})"
    period = f"(period IS NULL OR {shape} OR period < '1900' OR period >= '2200')"
    codes = [_edge("cost_centre"), _edge("account"), f"({_edge('currency')} OR currency <> {literal(currency)})"]
    first, last = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'"
    return {
        **{test: test for test in (period, *codes)},
        f"(amount_cents IS NULL OR amount_cents NOT BETWEEN -{LARGEST} AND {LARGEST})": (
            f"amounts < lines OR least < -{LARGEST} OR most > {LARGEST}"
        ),
        f"(posted_on IS NULL OR posted_on < {first} OR posted_on >= {last})": (
            f"days < lines OR first < {first} OR last >= {last}"
        ),
    }


def _cell_tests(staged: Staged) -> list[str]:
    tests = [f"(document IS NULL OR {_edge('document')})", f"(line IS NULL OR {_edge('line')})", _edge('"text"')]
    return tests + ["posted_on <> date_trunc('day', posted_on)"] * (staged.stored["posted_on"][1] in _TIMES)


def _edge(name: str) -> str:
    """Return the test of a text that is empty, or begins or ends with what trimming takes away."""
    wide = f"contains({name}, chr(160)) AND (starts_with({name}, chr(160)) OR ends_with({name}, chr(160)))"
    return f"({name} < '!' OR {name}[-1] < '!' OR {wide})"

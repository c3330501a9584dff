"""Conditions: what a row must hold because of its other cells, or of other rows about the same thing."""

from __future__ import annotations

import duckdb

from opsanalytics.formats import money
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, quoted
from opsanalytics.sources.rows import Typed, sync_left

_POOL = ("period", "pool")
_OF_POOL = ("pool_cost", "driver", "capacity")


def report_conditions(con: duckdb.DuckDBPyConnection, typed: Typed, minor_digits: int, findings: Findings) -> None:
    """Report the rows of a table that break a rule between cells or rows; most tables have none."""
    if typed.table.name == "sales":
        _report_unpriced(con, typed, findings)
    if typed.table.name == "activities":
        _report_unlike_pools(con, typed, minor_digits, findings)


def _report_unpriced(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report budgeted units without a price; where no unit is budgeted there need not be one."""
    query = f"SELECT {ROW} FROM {typed.open} WHERE budget_price IS NULL AND try_cast(budget_units AS DOUBLE) <> 0"
    for (row,) in con.execute(f"{query} ORDER BY {ROW}").fetchall():
        remedy = "Units are budgeted, so they need a budgeted price: fill it in. It may be blank where none are."
        findings.report(QUARANTINED, "sales", typed.file, int(row), "budget_price", "missing_value", "", remedy)
        findings.leave_out("sales", int(row), "missing_value", "budget_price", "", counted=True)


def _report_unlike_pools(con: duckdb.DuckDBPyConnection, typed: Typed, minor_digits: int, findings: Findings) -> None:
    """Report the rows that give a pool another cost, driver or capacity than its first, and pools beyond capacity."""
    given = [c for c in (typed.table.column(name) for name in _OF_POOL) if c.name in typed.columns]
    pool = ", ".join(map(quoted, _POOL))
    names = [quoted(column.typed_name) for column in given]
    firsts = ", ".join(f"first_value({name}) OVER pools AS first_{k}" for k, name in enumerate(names))
    unlike = [f"{name} IS DISTINCT FROM first_{k}" for k, name in enumerate(names)]
    shown = ", ".join(f"CAST({name} AS VARCHAR)" for name in names)
    rows = con.execute(
        f"SELECT {ROW}, first_row, period, pool, {', '.join(unlike)}, {shown} "
        f"FROM (SELECT *, first_value({ROW}) OVER pools AS first_row, {firsts} FROM {typed.open} "
        f"WINDOW pools AS (PARTITION BY {pool} ORDER BY {ROW})) WHERE {' OR '.join(unlike)} ORDER BY {ROW}"
    ).fetchall()
    for row, first, period, name, *cells in rows:
        at = cells.index(True)
        column, value = given[at].name, str(cells[len(given) + at] or "")
        if given[at].kind == "money":
            value = money(int(value), minor_digits).replace(",", "")
        remedy = (
            f"The pool '{name}' in {period} has another {column} in row {first}: write the pool's own on each of its "
            "rows."
        )
        findings.report(ERROR, "activities", typed.file, int(row), column, "conflicting_key", value, remedy)
        findings.leave_out("activities", int(row), "conflicting_key", column, value, counted=False)
    if "capacity" in typed.columns:
        sync_left(con, "activities", findings)
        _report_overfull(con, typed, findings)


def _report_overfull(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    rows = con.execute(
        f"SELECT {ROW}, min({ROW}) OVER pools AS first_row, period, pool, capacity, "
        f"sum(driver_quantity) OVER pools AS used FROM {typed.open} WHERE capacity IS NOT NULL "
        f"WINDOW pools AS (PARTITION BY {', '.join(map(quoted, _POOL))}) "
        f"QUALIFY used > capacity * (1 + 1e-9) ORDER BY {ROW}"
    ).fetchall()
    for row, first, period, name, capacity, used in rows:
        if row == first:
            remedy = (
                f"The pool '{name}' in {period} used {used:,.6g} of its driver, more than its capacity: correct the "
                "quantities or the capacity. The pool is left out until then."
            )
            value = f"{capacity:.15g}"
            findings.report(ERROR, "activities", typed.file, int(row), "capacity", "out_of_range", value, remedy)
        findings.leave_out("activities", int(row), "out_of_range", "capacity", str(capacity), counted=False)

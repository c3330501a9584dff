"""Entities: the names of sites, where a name is kept for something else or belongs to no site.

"(all)" names the whole and "(unassigned)" what has no site. A site of that name would be taken for
the whole in every figure, so it is an error. In cost centres and demand a written "(unassigned)"
means what a blank cell means there, and is accepted as that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from opsanalytics.formats import ALL, MISSING_MONTHS, OTHERS, UNASSIGNED, nearest
from opsanalytics.schemas import TABLES
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, literal
from opsanalytics.sources.rows import Typed

UNALLOCATED = "(unallocated)"  # as `budget` calls it, which is a layer above

#: Where a site gets its name, and the names that none may bear there.
_RESERVED: Mapping[str, tuple[str, ...]] = {"sites": (ALL, UNASSIGNED), "cost_centres": (ALL,), "demand": (ALL,)}
_MEANING = {
    ALL: "the whole company",
    UNASSIGNED: "what belongs to no site",
    UNALLOCATED: "the cost that no product caused",
    OTHERS: "the items too small to be named",
    MISSING_MONTHS: "the months that are missing",
}
#: Where what a row of a report stands for gets its name, and the names that none may bear there.
_REPORTED = (OTHERS, MISSING_MONTHS, UNALLOCATED)
_NAMED: Mapping[str, tuple[str, ...]] = {
    "accounts": ("account", "pl_line"),
    "cost_centres": ("cost_centre", "department", "site"),
    "sites": ("site",),
    "drivers": ("driver",),
    "sales": ("product",),
    "standard_costs": ("product", "input"),
    "activities": ("pool", "product"),
    "payroll": ("grade",),
}

#: The tables whose rows are about an entity.
ABOUT_ENTITIES = tuple(name for name, table in TABLES.items() if any(c.name == "entity" for c in table.columns))


def report_reserved(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report each row that calls a site by a name with a meaning of its own; the row is kept, the run is not."""
    name = typed.table.name
    for column in _NAMED.get(name, ()):
        _report_taken(con, typed, column, findings)
    names = ", ".join(map(literal, _RESERVED.get(name, ())))
    if not names or "site" not in typed.columns:
        return
    rows = con.execute(f"SELECT {ROW}, site FROM {typed.open} WHERE site IN ({names}) ORDER BY {ROW}").fetchall()
    for row, site in rows:
        rest = "remove the row" if name == "sites" else "leave the cell blank where the row belongs to no site"
        remedy = f"'{site}' stands for {_MEANING[site]} and cannot be the name of a site: name the site, or {rest}."
        findings.report(ERROR, name, typed.file, int(row), "site", "reserved_name", site, remedy)


def _report_taken(con: duckdb.DuckDBPyConnection, typed: Typed, column: str, findings: Findings) -> None:
    """Report each row that calls something by the name of a row that the reports make themselves."""
    if column not in typed.columns:
        return
    names = ", ".join(map(literal, _REPORTED))
    query = f"SELECT {ROW}, {column} FROM {typed.open} WHERE {column} IN ({names}) ORDER BY {ROW}"
    for row, cell in con.execute(query).fetchall():
        remedy = f"'{cell}' stands for {_MEANING[cell]} in the reports: give this {column} another name."
        findings.report(ERROR, typed.table.name, typed.file, int(row), column, "reserved_name", cell, remedy)


def report_unknown(con: duckdb.DuckDBPyConnection, typed: Typed, sites: Collection[str], findings: Findings) -> None:
    """Report the rows about an entity that is neither a site nor "(all)" nor "(unassigned)".

    `sites` are all that any table names; without one nothing can be said.
    """
    if not sites:
        return
    known = sorted({*sites, ALL, UNASSIGNED})
    rows = con.execute(
        f"SELECT {ROW}, entity FROM {typed.open} WHERE entity NOT IN ({', '.join(map(literal, known))}) ORDER BY {ROW}"
    ).fetchall()
    for row, entity in rows:
        remedy = (
            f"There is no site '{entity}'; the nearest is '{nearest(entity, known)}'. Mend the name, or write {ALL} "
            "for the whole company; the row is left out until then."
        )
        findings.report(QUARANTINED, typed.table.name, typed.file, int(row), "entity", "orphan", entity, remedy)
        findings.leave_out(typed.table.name, int(row), "orphan", "entity", entity, counted=True)

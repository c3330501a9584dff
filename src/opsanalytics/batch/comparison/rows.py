"""Rows: which rows of the input tables differ between two runs, matched by their keys and never by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from opsanalytics.batch.planning.notebooks import RequestError
from opsanalytics.schemas import TABLES, Table
from opsanalytics.sources.reading import file_literal, quoted

#: How many of a table's differing rows are listed, the largest change first; all are counted.
LISTED = 20

CHANGED, ONLY_A, ONLY_B = "changed", "only in A", "only in B"
_STORED_AS = {("demand", "volume"): "y"}  # the volume's name in the saved demand
_AMOUNTS = ("money", "number", "decimal", "integer", "share")


@dataclass(frozen=True)
class TableRows:
    """The rows of one table that differ.

    `listed` has at most `LISTED` of them: what ("changed", "only in A", "only in B"), and each column of the table
    twice, as a_NAME and b_NAME, missing on the side that lacks the row. `counts` counts all by `what`. `key` and
    `columns` are the names that both runs have; `apart` those that only one of them has, which are not compared.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    apart: tuple[str, ...]
    counts: dict[str, int]
    listed: pd.DataFrame

    @property
    def total(self) -> int:
        """How many rows differ?"""
        return sum(self.counts.values())


def differing_rows(a: Path, b: Path, tables: Sequence[str]) -> tuple[TableRows, ...]:
    """Return the differing rows of these tables in the inputs folders of two runs.

    A table that one run lacks has all its rows on the other side only; one that no run keeps is left out. Raises
    ValueError where a table cannot be read.
    """
    found = []
    for name in tables:
        files = [folder / f"{name}.parquet" for folder in (a, b)]
        if name in TABLES and any(file.is_file() for file in files):
            try:
                found.append(_rows_of(TABLES[name], *files))
            except duckdb.Error as error:  # half a file, or a column of another type
                said = str(error).splitlines()[0]
                raise RequestError(
                    f"The {name} in {a} and {b} cannot be compared ({said}). Run the month again."
                ) from None
    return tuple(found)


def _rows_of(table: Table, a: Path, b: Path) -> TableRows:
    with duckdb.connect() as con:
        held = [_columns(con, file) for file in (a, b)]
        columns = [name for name in held[0] or held[1] if name in (held[1] or held[0])]
        apart = sorted(set(held[0] or columns) ^ set(held[1] or columns))
        key = [
            column.typed_name for column in table.columns if column.name in table.key if column.typed_name in columns
        ]
        sides = _sides(con, (a, b), columns, key)
        joined = _joined(sides, [*key, "_nth"], columns)
        counted = con.execute(f"SELECT what, count(*) FROM ({joined}) GROUP BY what ORDER BY what").fetchall()
        order = ", ".join([f"{_size(table, columns)} DESC NULLS LAST", "what", *_coalesced(key), quoted("a__nth")])
        query = f"SELECT * EXCLUDE (a__nth, b__nth) FROM ({joined}) ORDER BY {order} LIMIT {LISTED if counted else 0}"
        listed = con.execute(query).fetchall()
        names = [str(name) for name, *_ in con.description or []]
    frame = pd.DataFrame(listed, columns=names, dtype="object")  # objects: money that is missing on a side stays exact
    counts = {str(what): int(count) for what, count in counted}
    return TableRows(table.name, tuple(key), tuple(columns), tuple(apart), counts, frame)


def _columns(con: duckdb.DuckDBPyConnection, file: Path) -> list[str]:
    if not file.is_file():
        return []
    described = con.execute(f"DESCRIBE SELECT * FROM read_parquet({file_literal(file)})").fetchall()
    return [str(row[0]) for row in described]


def _sides(
    con: duckdb.DuckDBPyConnection, files: Sequence[Path], columns: Sequence[str], key: Sequence[str]
) -> list[str]:
    """Return the SELECT of each run's rows; where a key is repeated, `_nth` tells apart the rows that differ."""
    named, keys = ", ".join(map(quoted, columns)), ", ".join(map(quoted, key))
    blanks = ", ".join(f"NULL AS {quoted(name)}" for name in columns)
    sources = [
        f"SELECT {named} FROM read_parquet({file_literal(file)})" if file.is_file() else f"SELECT {blanks} WHERE false"
        for file in files
    ]
    repeats = (f"SELECT 1 FROM ({source}) GROUP BY {keys} HAVING count(*) > 1 LIMIT 1" for source in sources)
    nth = "1"
    if any(con.execute(query).fetchone() for query in repeats):
        first, second = sources
        sources = [f"{first} EXCEPT ALL {second}", f"{second} EXCEPT ALL {first}"]
        nth = f"row_number() OVER (PARTITION BY {keys} ORDER BY {named})"
    return [f"SELECT {named}, {nth} AS _nth, true AS _held FROM ({source})" for source in sources]


def _joined(sides: Sequence[str], key: Sequence[str], columns: Sequence[str]) -> str:
    """Return the SELECT of the rows that are on one side only or differ in any column."""
    on = " AND ".join(f"a.{quoted(name)} IS NOT DISTINCT FROM b.{quoted(name)}" for name in key)
    unlike = " OR ".join(f"a.{quoted(name)} IS DISTINCT FROM b.{quoted(name)}" for name in columns)
    both = ", ".join(
        f"{side}.{quoted(name)} AS {quoted(f'{side}_{name}')}" for name in [*columns, "_nth"] for side in "ab"
    )
    what = f"CASE WHEN b._held IS NULL THEN '{ONLY_A}' WHEN a._held IS NULL THEN '{ONLY_B}' ELSE '{CHANGED}' END"
    return (
        f"SELECT {what} AS what, {both} FROM ({sides[0]}) a FULL JOIN ({sides[1]}) b ON {on} "
        f"WHERE a._held IS NULL OR b._held IS NULL OR {unlike}"
    )


def _size(table: Table, columns: Sequence[str]) -> str:
    """Return the SQL of how far a row's first amount has moved."""
    kinds = {_STORED_AS.get((table.name, c.name), c.typed_name): c.kind for c in table.columns}
    amount = next((name for name in columns if kinds.get(name) in _AMOUNTS and name not in table.key), None)
    if amount is None:
        return "CAST(0 AS DOUBLE)"
    a, b = (f"coalesce(TRY_CAST({quoted(f'{side}_{amount}')} AS DOUBLE), 0)" for side in "ab")
    return f"abs({b} - {a})"


def _coalesced(key: Sequence[str]) -> list[str]:
    return [f"coalesce({quoted(f'a_{name}')}, {quoted(f'b_{name}')})" for name in key]

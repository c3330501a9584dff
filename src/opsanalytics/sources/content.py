"""Content: what the rows of a table come to, whatever their order and the form of the file that they came in.

Each row is written as one text in which a missing cell differs from an empty one and no cell runs into the next. The
two halves of the texts' MD5 numbers are added up beside their count: the sums of parts are the sum of the whole, so one
pass over a table tells the content of every site, and of the whole. The sums are exact; that two different contents
have the same ones is as unlikely as that two 128-bit numbers drawn at random are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsanalytics.schemas import LARGE, TABLES
from opsanalytics.sources.cells import storable
from opsanalytics.sources.reading import quoted

if TYPE_CHECKING:
    import duckdb

    from opsanalytics.sources.inputs import Inputs

REPORTS = ("faults", "quarantine", "control", "files")

_TIMES = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
_FLOATS = ("DOUBLE", "FLOAT")
_HALF = "18446744073709551615::UHUGEINT"


@dataclass(frozen=True)
class Content:
    """A table's content: the names of its columns, and count and sums of its rows by their cell in column `by`.

    `by` is "" where rows are not told apart; they then all stand under None, as rows with a missing cell do.
    """

    columns: tuple[str, ...]
    by: str
    sums: Mapping[str | None, tuple[int, int, int]]

    def digest(self, of: Collection[str | None] | None = None) -> str:
        """Return the SHA-256 of the content of all rows, or of those whose cell in column `by` is one of `of`."""
        kept = [sums for cell, sums in self.sums.items() if of is None or cell in of]
        totals = [sum(parts) for parts in zip(*kept, strict=True)] or [0, 0, 0]
        text = json.dumps([sorted(self.columns), [str(total) for total in totals]], ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def contents(inputs: Inputs, names: Collection[str], by: Mapping[str, str]) -> dict[str, Content]:
    """What is the content of these tables, as far as they are given, and of these reports on what was read (REPORTS)?

    `by` names the column by which the rows of a table are told apart; a table that it does not name is one whole.
    """
    import duckdb

    found = {}
    with duckdb.connect() as con:
        for name in sorted(names):
            if name in LARGE and inputs.has(name):
                found[name] = _content(con, inputs._relation(name), by.get(name, ""))
            elif name in REPORTS or name in inputs.tables:
                frame = getattr(inputs, name) if name in REPORTS else storable(inputs.tables[name], TABLES[name])
                con.register("frame", frame)
                found[name] = _content(con, "frame", by.get(name, ""))
                con.unregister("frame")
    return found


def _content(con: duckdb.DuckDBPyConnection, relation: str, by: str) -> Content:
    described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in described}
    columns = tuple(sorted(types))
    cells = ", ".join(_cell(quoted(name), types[name]) for name in columns) or "''"
    group = f"CAST({quoted(by)} AS VARCHAR)" if by in types else "NULL::VARCHAR"
    rows = con.execute(
        f"SELECT cell, count(*), sum(CAST(number & {_HALF} AS UBIGINT)), sum(CAST(number >> 64 AS UBIGINT)) "
        f"FROM (SELECT {group} AS cell, md5_number(concat({cells})) AS number FROM {relation}) GROUP BY cell"
    ).fetchall()
    sums = {cell: (int(count), int(low), int(high)) for cell, count, low, high in rows}
    return Content(columns, by if by in types else "", sums)


def _cell(name: str, kind: str) -> str:
    """Write a cell as the arguments of concat, which leaves a missing one out: a text is led by its length."""
    if kind in _TIMES:
        return f"epoch_us({name}), '|'"
    if kind in _FLOATS:
        return f"CASE WHEN NOT isnan({name}) THEN {name} END, '|'"
    if kind == "VARCHAR":
        return f"length({name}), ':', {name}, '|'"
    return f"CAST({name} AS VARCHAR), '|'"

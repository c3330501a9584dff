"""Writing: tables of text to files that are the same to the byte everywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Content:
    """What stands in a table's file: header, rows of text, and bytes put after them as they are."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tail: bytes = b""


def content(header: str, rows: Iterable[tuple[str, ...]]) -> Content:
    """Return a table's content; `header` names the columns, parted by blanks."""
    return Content(tuple(header.split()), tuple(rows))


def write_table(path: Path, table: Content) -> None:
    """Write a table as CSV: commas, quotes only where needed, UTF-8 without BOM, line feeds on every system."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.rows)
    path.write_bytes(text.getvalue().encode("utf-8") + table.tail)

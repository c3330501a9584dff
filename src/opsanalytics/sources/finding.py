"""Finding: which file, or which sheet of the workbook, holds which table.

A name may be written in any case. What looks like a table and cannot be taken for one, a folder of
Parquet parts, say, is a fault and is not passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opsanalytics.formats import nearest
from opsanalytics.schemas import TABLES
from opsanalytics.sources.faults import ERROR, DataError, Findings

WORKBOOK = "workbook.xlsx"
_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Source:
    """Where one table comes from."""

    table: str
    path: Path
    sheet: str = ""


class UnreadableError(ValueError):
    """This file cannot be read; the message says why, `row` where."""

    def __init__(self, reason: str, row: int = 0) -> None:
        super().__init__(reason)
        self.row = row


def find(data: Path, findings: Findings) -> list[Source]:
    """Return the source of each table in a data folder (or a workbook file alone), by table name.

    Raises DataError when there is no such folder or no table in it.
    """
    if not data.exists():
        raise DataError(
            f"There is no data folder {data}. Check the path, or write a sample with `opsanalytics sample {data}`."
        )
    candidates = list(_candidates(data, findings))
    if not candidates and not findings.faults:
        raise DataError(
            f"{data} holds no table. Put one file per table there, for example ledger.csv, "
            f"or a {WORKBOOK} with a sheet for each."
        )
    known = []
    for source in candidates:
        if source.table in TABLES:
            known.append(source)
        else:
            _report_unknown_table(source, findings)
    return list(_one_each(known, findings))


def _candidates(data: Path, findings: Findings) -> Iterator[Source]:
    paths = sorted(data.iterdir()) if data.is_dir() else [data]
    for path in paths:
        if path.name.startswith((".", "~$")):
            continue
        if path.is_dir():
            _report_folder(path, findings)
        elif not path.is_file():
            continue
        elif path.suffix.lower() in _SUFFIXES:
            yield Source(_table_name(path.stem), path)
        elif path.suffix.lower() == ".xlsx":
            if path.name.lower() == WORKBOOK or not data.is_dir():
                yield from _sheets(path, findings)
            else:
                remedy = f"Only {WORKBOOK} is read: rename the file, or save each of its sheets as <table>.csv."
                findings.report(ERROR, "", path.name, 0, "", "unknown_table", path.stem, remedy)


def _table_name(name: str) -> str:
    """Return the table that a file or sheet is called after, in any case; another name as it stands."""
    plain = name.strip().lower()
    return plain if plain in TABLES else name


def _report_folder(path: Path, findings: Findings) -> None:
    """Report a folder that stands where a table's file should: one called like it, with data files in it."""
    table = _table_name(path.stem)
    named = path.suffix.lower() in (*_SUFFIXES, ".xlsx")
    if named or (table in TABLES and any(p.suffix.lower() in _SUFFIXES for p in path.rglob("*"))):
        remedy = (
            f"{path.name} is a folder, and a table is one file: write its parts into one {path.stem}.parquet or .csv."
        )
        findings.report(ERROR, table if table in TABLES else "", path.name, 0, "", "unreadable", path.name, remedy)


def _sheets(path: Path, findings: Findings) -> Iterator[Source]:
    import python_calamine

    try:
        names = python_calamine.CalamineWorkbook.from_path(str(path)).sheet_names
    except (python_calamine.CalamineError, OSError) as error:
        report_unreadable(Source("", path), UnreadableError(f"it is not a workbook ({first_line(error)})"), findings)
        return
    for name in names:
        yield Source(_table_name(name), path, sheet=name)


def _report_unknown_table(source: Source, findings: Findings) -> None:
    what = "sheet" if source.sheet else "file"
    near = nearest(source.table, TABLES)
    remedy = f"No table is called '{source.table}'; the nearest is '{near}'. Rename the {what}, or move it elsewhere."
    findings.report(ERROR, source.table, source.path.name, 0, "", "unknown_table", source.table, remedy)


def _one_each(sources: Iterable[Source], findings: Findings) -> Iterator[Source]:
    by_table: dict[str, list[Source]] = {}
    for source in sources:
        by_table.setdefault(source.table, []).append(source)
    for table in (name for name in TABLES if name in by_table):
        found = by_table[table]
        if len(found) == 1:
            yield found[0]
            continue
        names = ", ".join(source.path.name for source in found)
        remedy = f"{names} all hold the table '{table}': keep one of them in the data folder."
        findings.report(ERROR, table, names, 0, "", "unreadable", table, remedy)


def report_unreadable(source: Source, error: UnreadableError, findings: Findings) -> None:
    remedy = f"{source.path.name} cannot be read: {error}. Export it again (CSV as UTF-8), then repeat the check."
    findings.report(ERROR, source.table, source.path.name, error.row, "", "unreadable", source.path.name, remedy)


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

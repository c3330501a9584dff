"""Reading: CSV, Parquet and workbook sheets become text columns with the row number an editor shows.

Nothing is interpreted here: a code stays the text it is. DuckDB reads the files. Where a CSV has
quoted newlines, blank lines or ragged rows, Python's csv module reads it once more to know the line
on which each record starts; both agree on what a cell is. Row numbers of Parquet and of sheets count
records, the header being 1.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from opsanalytics.formats import nearest
from opsanalytics.schemas import LARGE, TABLES, Table
from opsanalytics.sources.faults import ERROR, QUARANTINED, Findings
from opsanalytics.sources.finding import Source, UnreadableError, first_line, report_unreadable
from opsanalytics.sources.sheets import MONTH_KINDS, cell_text

if TYPE_CHECKING:
    from opsanalytics.settings import Settings

ROW = "__row"  # the row number's column in every staged relation
_BLANKS = r"' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_MAX_LINE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Staged:
    """A table as text: `relation` holds `__row` and the known columns, `inner` the cells as the file has them.

    `cells` is the SQL of each column on `inner`. `decimal_comma`: numbers may be written with a comma as decimal
    mark. `ragged` are rows whose number of cells is wrong, which are in no relation. `stored` are name and type of
    the columns of a Parquet file; `natives` the SQL names of those that are in the right type already.
    """

    table: str
    file: str
    path: Path
    inner: str
    cells: Mapping[str, str]
    decimal_comma: bool
    ragged: Mapping[int, str] = field(default_factory=dict)
    stored: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    natives: Mapping[str, str] = field(default_factory=dict)
    narrowed: str = (
        ""  # of a Parquet file: `inner` up to its condition on the place in the file, for pages to be skipped
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The known columns that the source has."""
        return tuple(self.cells)

    @property
    def relation(self) -> str:
        """Every row as text, as a FROM item."""
        return self._text(self.inner)

    def only(self, rows: str) -> str:
        """The rows whose number stands in the relation `rows` as text: no other row's cells are looked at."""
        if self.narrowed:
            return self._text(f"({self.narrowed} IN (SELECT {ROW} - 2 FROM {rows}))")
        return self._text(f"(SELECT * FROM {self.inner} WHERE {ROW} IN (SELECT {ROW} FROM {rows}))")

    def _text(self, source: str) -> str:
        """Trimmed text, blank as NULL, rows without any content left away."""
        texts = ", ".join(
            f"nullif(trim({expression}, {_BLANKS}), '') AS {quoted(column)}"
            for column, expression in self.cells.items()
        )
        some = " OR ".join(f"{self.natives.get(column, quoted(column))} IS NOT NULL" for column in self.cells)
        others = "".join(f", {native}" for native in self.natives.values())
        return f"(SELECT * FROM (SELECT {ROW}, {texts}{others} FROM {source}) WHERE {some})"


def stage(
    con: duckdb.DuckDBPyConnection, source: Source, settings: Settings, findings: Findings, store: Path
) -> Staged | None:
    """Bring one source into DuckDB as text; None (and a fault) when it cannot be read or lacks a column.

    `store` is a folder for what is too large for memory.
    """
    try:
        if source.sheet:
            return _stage_sheet(con, source, settings, findings, store)
        if source.path.suffix.lower() == ".parquet":
            return _stage_parquet(con, source, settings, findings)
        return _stage_csv(con, source, settings, findings, store)
    except UnreadableError as error:
        report_unreadable(source, error, findings)
    except (duckdb.Error, OSError) as error:
        report_unreadable(source, UnreadableError(first_line(error)), findings)
    return None


# -- columns ----------------------------------------------------------------------------------


def _match_columns(
    source: Source, header: Sequence[str], settings: Settings, findings: Findings
) -> dict[str, int] | None:
    """Return the place of each known column in the header; None when a required one is missing."""
    table, renamed = TABLES[source.table], settings.columns.get(source.table, {})
    names = [name.strip() for name in header]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise UnreadableError(f"the column '{doubled[0]}' stands twice in its header", 1)
    claimed = {renamed.get(column.name, column.name) for column in table.columns}
    free = [name for name in names if name and name not in claimed]
    places, missing = {}, False
    for column in table.columns:
        wanted = renamed.get(column.name, column.name)
        if wanted in names:
            places[column.name] = names.index(wanted)
        elif not column.optional or column.name in renamed:
            missing = True
            _report_missing(source, column.name, wanted, free, findings)
    lacking = [c.name for c in table.columns if c.name not in places]
    used = {names[place] for place in places.values()}
    for name in names:
        if name and name not in used and name not in renamed and not _is_misnamed(table, name, lacking, free):
            _report_unknown_column(source, table, name, lacking, findings)
    return None if missing else places


def _is_misnamed(table: Table, name: str, lacking: Sequence[str], free: Sequence[str]) -> bool:
    """Is `name` clearly a required column by another name, so that the fault of the missing one says it all?"""
    near = nearest(name, lacking)
    if near is None or table.column(near).optional or nearest(near, free) != name:
        return False
    mine, wanted = name.lower(), near.lower()
    return wanted in mine or mine in wanted or bool(get_close_matches(mine, [wanted]))


def _report_missing(source: Source, column: str, wanted: str, free: Sequence[str], findings: Findings) -> None:
    near = nearest(wanted, free)
    where = f'workbook.toml: [columns.{source.table}] {column} = "{near or "name in the file"}"'
    remedy = f"The table needs the column '{wanted}'. Add it, or, if it goes by another name, say so in {where}."
    findings.report(ERROR, source.table, source.path.name, 1, column, "missing_column", wanted, remedy)


def _report_unknown_column(source: Source, table: Table, name: str, free: Sequence[str], findings: Findings) -> None:
    if near := nearest(name, free):
        remedy = (
            f"'{name}' is no column of {table.name}; the nearest that the file lacks is '{near}'. Rename or remove it, "
            f'or say in workbook.toml: [columns.{table.name}] {near} = "{name}".'
        )
    else:
        remedy = f"'{name}' is no column of {table.name}, and the file has all of those. Remove it."
    findings.report(ERROR, table.name, source.path.name, 1, name, "unknown_column", name, remedy)


def quoted(name: str) -> str:
    """Return an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | Path) -> str:
    """Return an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Return a path as an SQL string that names this one file: its own brackets and stars are no pattern."""
    return literal(re.sub(r"([\[*?])", r"[\1]", str(path)))


# -- CSV --------------------------------------------------------------------------------------


def _stage_csv(
    con: duckdb.DuckDBPyConnection, source: Source, settings: Settings, findings: Findings, store: Path
) -> Staged | None:
    delimiter, header = _csv_header(source, settings)
    places = _match_columns(source, header, settings, findings)
    if places is None:
        return None
    inner, ragged = _csv_relation(con, source, delimiter, len(header), store)
    cells = {column: f"c{place}" for column, place in places.items()}
    return Staged(source.table, source.path.name, source.path, inner, cells, delimiter == ";", ragged)


def _csv_header(source: Source, settings: Settings) -> tuple[str, list[str]]:
    """Return the delimiter and the header's names: the delimiter that yields more of the names we know."""
    with source.path.open("rb") as stream:
        start = stream.read(1 << 20)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError("it is encoded as UTF-16, not UTF-8", 1)
    try:
        first = start.decode("utf-8-sig", errors="strict" if len(start) < 1 << 20 else "ignore")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not encoded as UTF-8", start[: error.start].count(b"\n") + 1) from error
    if not first.strip():
        raise UnreadableError("it is empty, not even a header stands in it", 1)
    renamed = settings.columns.get(source.table, {})
    known = {renamed.get(column.name, column.name) for column in TABLES[source.table].columns}
    found: list[tuple[int, int, str, list[str]]] = []
    for delimiter in (",", ";"):
        header = next(csv.reader(first.splitlines(keepends=True), delimiter=delimiter), [])
        hits = sum(name.strip() in known for name in header)
        found.append((hits, len(header), delimiter, header))
    _, _, delimiter, header = max(found, key=lambda entry: entry[:2])
    return delimiter, header


def _csv_relation(
    con: duckdb.DuckDBPyConnection, source: Source, delimiter: str, width: int, store: Path
) -> tuple[str, dict[int, str]]:
    """Return a relation with `__row` and c0, c1, ..., and the ragged rows by line."""
    columns = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(width))
    options = f"delim={literal(delimiter)}, {_csv_options(source.path)}, header=true, columns={{{columns}}}"
    select = f"SELECT row_number() OVER () + 1 AS {ROW}, * FROM read_csv({file_literal(source.path)}, {options})"
    try:
        inner, records = _kept(con, source.table, select, store)
        if records == _physical_lines(source.path) - 1:
            return inner, {}
    except duckdb.Error:
        pass  # ragged rows, mixed line ends, a broken quote or encoding: the reading below says which, and where
    ragged: dict[int, str] = {}
    return _text_relation(con, _csv_records(source.path, delimiter, width, ragged), width, source.table, store), ragged


def _kept(con: duckdb.DuckDBPyConnection, table: str, select: str, store: Path) -> tuple[str, int]:
    """Keep what a query gives, in a file what may be large, and return its name as a relation and its rows."""
    if table in LARGE:
        copy = store / f"{table}.text.parquet"
        return f"read_parquet({file_literal(copy)})", scalar(
            con, f"COPY ({select}) TO {literal(copy)} (FORMAT parquet)"
        )
    return f"text_{table}", scalar(con, f"CREATE OR REPLACE TEMP TABLE text_{table} AS {select}")


def _csv_options(path: Path) -> str:
    """Return how DuckDB reads a CSV file; no line is longer than its file, and room for it takes time to provide."""
    longest = min(_MAX_LINE, path.stat().st_size + 1)
    return (
        "all_varchar=true, auto_detect=false, quote='\"', escape='\"', strict_mode=true, "
        f"max_line_size={longest}, buffer_size={4 * longest}"
    )


def _physical_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _csv_records(path: Path, delimiter: str, width: int, ragged: dict[int, str]) -> Iterator[list[str]]:
    """Yield each record with the line it starts on; a record of another width goes to `ragged`."""
    csv.field_size_limit(_MAX_LINE)
    lines = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            next(reader, None)
            lines = reader.line_num
            for record in reader:
                start, lines = lines + 1, reader.line_num
                if len(record) == width:
                    yield [str(start), *record]
                elif any(cell.strip() for cell in record):
                    ragged[start] = delimiter.join(record)
    except csv.Error as error:
        raise UnreadableError(f"the record that starts on line {lines + 1} is broken ({error})", lines + 1) from error
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not encoded as UTF-8", _line_of_bad_byte(path)) from error


def _line_of_bad_byte(path: Path) -> int:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def report_ragged(staged: Staged, findings: Findings) -> None:
    """Report the rows with too many or too few cells: each is left out whole."""
    for row, text in staged.ragged.items():
        remedy = (
            f"The row has not as many cells as the header (the table's columns: {', '.join(staged.columns)}). "
            "Put a cell that holds the delimiter in double quotes, or add the missing cells."
        )
        findings.report(QUARANTINED, staged.table, staged.file, row, "", "unparsable", text, remedy)
        findings.leave_out(staged.table, row, "unparsable", "", text, counted=True)
        if staged.table == "ledger":
            findings.unknown_amounts.add(row)


def _text_relation(
    con: duckdb.DuckDBPyConnection, records: Iterable[Sequence[str]], width: int, table: str, store: Path
) -> str:
    """Bring records (row number first) into DuckDB through a plain CSV file of our own."""
    plain = store / f"{table}.text.csv"
    with plain.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for record in records:
            writer.writerow([cell.replace("\r\n", "\n").replace("\r", "\n") for cell in record])
    columns = ", ".join([f"'{ROW}': 'BIGINT'", *(f"'c{k}': 'VARCHAR'" for k in range(width))])
    options = _csv_options(plain).replace("all_varchar=true, ", "")
    reader = f"read_csv({file_literal(plain)}, delim=',', {options}, header=false, columns={{{columns}}})"
    inner, _ = _kept(con, table, f"SELECT * FROM {reader}", store)
    plain.unlink()
    return inner


# -- Parquet ----------------------------------------------------------------------------------


def _stage_parquet(
    con: duckdb.DuckDBPyConnection, source: Source, settings: Settings, findings: Findings
) -> Staged | None:
    reader = f"read_parquet({file_literal(source.path.absolute())}, file_row_number=true)"
    described = con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {reader}").fetchall()
    names, types = [str(entry[0]) for entry in described], [str(entry[1]) for entry in described]
    places = _match_columns(source, names, settings, findings)
    if places is None:
        return None
    table = TABLES[source.table]
    cells = {
        column: _as_text(quoted(names[place]), types[place], table.column(column).kind)
        for column, place in places.items()
    }
    natives = {
        column: quoted(f"__native_{column}")
        for column, place in places.items()
        if _is_native(table.column(column).kind, types[place], settings.minor_digits)
    }
    typed = "".join(f", {quoted(names[places[column]])} AS {name}" for column, name in natives.items())
    inner = f"(SELECT file_row_number + 2 AS {ROW}, *{typed} FROM {reader})"
    stored = {column: (names[place], types[place]) for column, place in places.items()}
    narrowed = f"{inner[1:-1]} WHERE file_row_number"
    name = source.path.name
    return Staged(source.table, name, source.path, inner, cells, False, {}, stored, natives, narrowed)


def _is_native(kind: str, stored: str, minor_digits: int) -> bool:
    scale = re.fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", stored)
    return (kind == "day" and stored == "DATE") or (
        kind == "money" and scale is not None and int(scale[1]) <= minor_digits
    )


def _as_text(name: str, kind: str, wanted: str) -> str:
    """Return the SQL that writes a Parquet column as the text our rules read."""
    if wanted in MONTH_KINDS and kind.startswith(("DATE", "TIMESTAMP")):
        return f"CASE WHEN day({name}) = 1 THEN strftime({name}, '%Y-%m') ELSE CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"


# -- workbook ---------------------------------------------------------------------------------


def _stage_sheet(
    con: duckdb.DuckDBPyConnection, source: Source, settings: Settings, findings: Findings, store: Path
) -> Staged | None:
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(source.path))
        rows = workbook.get_sheet_by_name(source.sheet).to_python(skip_empty_area=False)
    except python_calamine.CalamineError as error:
        raise UnreadableError(f"the sheet '{source.sheet}' is broken ({first_line(error)})") from error
    filled = [k for k, row in enumerate(rows) if any(str(cell).strip() for cell in row)]
    if not filled:
        raise UnreadableError(f"the sheet '{source.sheet}' is empty")
    first = filled[0]
    places = _match_columns(source, [cell_text(cell, "text") for cell in rows[first]], settings, findings)
    if places is None:
        return None
    kinds = [TABLES[source.table].column(column).kind for column in places]
    records = (
        [str(number), *(cell_text(row[place], kind) for place, kind in zip(places.values(), kinds, strict=True))]
        for number, row in itertools.islice(enumerate(rows, start=1), first + 1, None)
    )
    inner = _text_relation(con, records, len(places), source.table, store)
    return Staged(
        source.table, source.path.name, source.path, inner, {column: f"c{k}" for k, column in enumerate(places)}, False
    )


def scalar(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the one number a query gives; fetched whole, since an open result blocks the connection."""
    return int(con.execute(query).fetchall()[0][0])

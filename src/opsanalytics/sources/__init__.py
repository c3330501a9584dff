"""Sources: a data folder or workbook file becomes checked tables, and every fault in it is said.

One pass finds them all: what cannot be read, cells that break a rule, rows that contradict or
repeat one another or refer to nothing, and control totals missed. A row is accepted, or it is left
out with a reason; none is lost.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, UNASSIGNED
from opsanalytics.schemas import LARGE, TABLES
from opsanalytics.settings import Settings, read_settings
from opsanalytics.sources import cells, control, entities, instants, rows
from opsanalytics.sources.faults import DataError, Findings, LeftOut, quarantine_frame, typed_frame
from opsanalytics.sources.finding import Source, UnreadableError, find, first_line, report_unreadable
from opsanalytics.sources.inputs import FILE_COLUMNS, SETTINGS_FILE, Inputs, load
from opsanalytics.sources.reading import (
    ROW,
    Staged,
    file_literal,
    literal,
    quoted,
    report_ragged,
    scalar,
    stage,
)

__all__ = ["DataError", "Inputs", "load", "read"]

_MEMORY = "3GB"  # beyond this DuckDB works on disk


def read(data: str | Path, run_dir: str | Path = "") -> Inputs:
    """Read and check a data folder (or a workbook file alone).

    With a `run_dir` whose inputs are saved these are taken as they are. Faults are in the result;
    DataError is raised only when there is nothing to read, SettingsError when workbook.toml is wrong.
    """
    if str(run_dir) and (Path(run_dir) / "inputs" / SETTINGS_FILE).exists():
        return load(Path(run_dir) / "inputs")
    folder = Path(data)
    findings = Findings()
    sources = find(folder, findings)
    settings = read_settings(folder if folder.is_dir() else folder.parent)
    keeper = _Store()
    with duckdb.connect() as con:
        con.execute(f"SET threads = {os.cpu_count() or 1}")
        con.execute(f"SET memory_limit = '{_MEMORY}'")
        con.execute(f"SET temp_directory = {literal(keeper.path / 'spill')}")
        if _has_time_zones(con):
            con.execute("SET TimeZone = 'UTC'")
        return _Check(con, settings, keeper, findings).run(sources)


def _has_time_zones(con: duckdb.DuckDBPyConnection) -> bool:
    return scalar(con, "SELECT count(*) FROM duckdb_settings() WHERE name = 'TimeZone'") > 0


class _Store:
    """A folder for the large tables that lives as long as the inputs that use it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="opsanalytics-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass
class _Check:
    """One reading of all sources, in the order in which tables refer to each other."""

    con: duckdb.DuckDBPyConnection
    settings: Settings
    keeper: _Store
    findings: Findings
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)  # row numbers of the checked small tables
    staged: dict[str, Staged] = field(default_factory=dict)
    files: list[tuple[object, ...]] = field(default_factory=list)
    cost_centres: rows.CostCentres | None = None
    control: pd.DataFrame = field(default_factory=control.empty_control)

    def run(self, sources: Sequence[Source]) -> Inputs:
        by_table = {source.table: source for source in sources}
        for name in rows.known_tables():
            if name in by_table:
                self._table(by_table[name])
            if name == "sites":
                instants.create_zones(self.con, self.tables.get("sites"), self.settings.time_zone)
        self._control_totals()
        quarantine = quarantine_frame(self._left_rows())
        return Inputs(
            settings=self.settings,
            tables=dict(sorted(self.tables.items())),
            faults=self.findings.frame(),
            quarantine=quarantine,
            control=self.control,
            files=typed_frame(
                sorted(self.files, key=lambda f: str(f[0])), FILE_COLUMNS, dict.fromkeys(FILE_COLUMNS[3:], "int64")
            ),
            store=self.keeper.path,
            _keeper=self.keeper,
        )

    def _table(self, source: Source) -> None:
        staged = stage(self.con, source, self.settings, self.findings, self.keeper.path)
        if staged is None:
            self._file(source, 0, 0)
            return
        report_ragged(staged, self.findings)
        try:
            typed = self._typed(staged)
        except duckdb.Error as error:  # a file that breaks off half-way
            report_unreadable(source, UnreadableError(first_line(error)), self.findings)
            self._file(source, 0, 0)
            return
        self.staged[source.table] = staged
        self._check_rows(typed, staged)
        if not rows.report_sums(self.con, typed, self.findings):
            del self.staged[source.table]
            self._file(source, 0, 0)
            return
        read = scalar(self.con, f"SELECT count(*) FROM {typed.relation}") + len(staged.ragged)
        self._file(source, read, read - len(self.findings.rows_left(source.table)))
        self._keep(typed)

    def _typed(self, staged: Staged) -> rows.Typed:
        """Create the typed relation, amounts in the natural sign; that of a large table is a file."""
        table = TABLES[staged.table]
        name = f"typed_{table.name}"
        select = cells.typed_select(table, staged, self.settings.minor_digits)
        for column in table.columns:
            if column.kind == "instant":
                zone = self.settings.time_zone
                select = instants.localised(column.name, f"({select})", zone)
        if table.name == "ledger" and self.settings.ledger_sign == "debit_credit":
            natural = (
                f"CASE WHEN account IN ({self._revenue()}) "
                f"AND amount_cents BETWEEN -{cells.LARGEST} AND {cells.LARGEST} "
                "THEN -amount_cents ELSE amount_cents END AS amount_cents"
            )
            select = f"SELECT * REPLACE ({natural}) FROM ({select})"
        if table.name in LARGE:
            path = self.keeper.path / f"{table.name}.typed.parquet"
            self.con.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet)")
            self.con.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({file_literal(path)})")
        else:
            self.con.execute(f"CREATE TEMP TABLE {name} AS {select}")
        return rows.Typed(table, staged.file, name, staged.columns)

    def _revenue(self) -> str:
        accounts = self.tables.get("accounts")
        codes = [] if accounts is None else list(accounts.loc[accounts["type"] == "revenue", "account"])
        return ", ".join(map(literal, codes)) or "NULL"

    def _check_rows(self, typed: rows.Typed, staged: Staged) -> None:
        name, con, findings = typed.table.name, self.con, self.findings
        digits = self.settings.minor_digits
        cells.report_bad_cells(con, typed.table, staged, typed.relation, digits, findings)
        if name not in LARGE:
            cells.report_bad_values(con, typed.table, staged, typed.relation, digits, findings)
        rows.sync_left(con, name, findings)
        rows.report_mangled(con, typed, self.tables, findings)
        rows.sync_left(con, name, findings)
        rows.report_repeats(con, typed, findings)
        rows.sync_left(con, name, findings)
        entities.report_reserved(con, typed, findings)
        rows.report_orphans(con, typed, self.tables, self.cost_centres, findings)
        if name in entities.ABOUT_ENTITIES:
            entities.report_unknown(con, typed, self._sites(), findings)
        rows.sync_left(con, name, findings)
        if name == "ledger":
            rows.report_wrong_periods(con, typed, self.settings.calendar, findings)
            rows.sync_left(con, name, findings)
            rows.report_foreign_currencies(con, typed, self.settings.currency, findings)
        if name == "demand":
            instants.report_nonexistent(con, typed.relation, staged.file, findings)
        rows.sync_left(con, name, findings)

    def _sites(self) -> set[str]:
        """Return every site that the tables read so far name."""
        found: set[str] = set()
        for name in ("sites", "cost_centres"):
            if name in self.tables:
                found |= set(self.tables[name]["site"].dropna())
        kept = self.keeper.path / "demand.parquet"
        if kept.exists():
            rows = self.con.execute(f"SELECT DISTINCT site FROM read_parquet({file_literal(kept)})").fetchall()
            found |= {str(site) for (site,) in rows}
        return found - {ALL, UNASSIGNED}

    def _keep(self, typed: rows.Typed) -> None:
        """Keep the accepted rows: a frame of a small table, a Parquet file of a large one."""
        name = typed.table.name
        if name == "ledger" and not self.findings.rows_left(name):
            self._keep_whole(name)
        elif name == "ledger":
            columns = ", ".join(quoted(column.typed_name) for column in typed.table.columns)
            self._store(name, f"SELECT {columns} FROM {typed.open}")
        elif name == "demand":
            self._keep_demand(typed)
        else:
            kept = f"FROM {typed.open} ORDER BY {ROW}"
            self.tables[name] = cells.frame_of(self.con, f"SELECT * {kept}", typed.table)
            self.numbers[name] = [int(row) for (row,) in self.con.execute(f"SELECT {ROW} {kept}").fetchall()]
            self._after(name)

    def _keep_whole(self, name: str) -> None:
        """Nothing is left out: the typed file is the accepted one."""
        kept = self.keeper.path / f"{name}.parquet"
        (self.keeper.path / f"{name}.typed.parquet").rename(kept)
        self.con.execute(
            f"CREATE OR REPLACE TEMP VIEW typed_{name} AS SELECT * FROM read_parquet({file_literal(kept)})"
        )

    def _after(self, name: str) -> None:
        frame, numbers = self.tables[name], self.numbers[name]
        if name == "sites":
            instants.report_unknown_zones(frame, numbers, self.staged[name].file, self.findings)
        if name == "cost_centres":
            rows.report_overlaps(frame, numbers, self.staged[name].file, self.findings)
            self.cost_centres = rows.CostCentres(frame, self.settings.calendar)
        if name == "budget":
            rows.report_unknown_version(frame, self.settings.budget_version, self.staged[name].file, self.findings)

    def _keep_demand(self, typed: rows.Typed) -> None:
        found = instants.infer_frequencies(self.con, typed.relation, typed.file, self.findings)
        rows.sync_left(self.con, "demand", self.findings)
        units = instants.units_of(self.tables.get("services"))
        series = [(site, service, units.get(service, ""), freq) for (site, service), freq in found.items()]
        self.con.register("series", typed_frame(series, ("site", "service", "unit", "freq"), {}))
        self._store(
            "demand",
            "SELECT d.site, d.service, s.unit, s.freq, d.ds, sum(d.volume) AS y "
            f"FROM {typed.open} d JOIN series s ON s.site = d.site AND s.service = d.service "
            "GROUP BY ALL ORDER BY d.site, d.service, d.ds",
        )
        self.con.unregister("series")

    def _store(self, name: str, select: str) -> None:
        self.con.execute(f"COPY ({select}) TO {literal(self.keeper.path / f'{name}.parquet')} (FORMAT parquet)")

    def _file(self, source: Source, read: int, accepted: int) -> None:
        with source.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = source.path.stat().st_size
        self.files.append((source.table, source.path.name, digest, size, read, accepted, read - accepted))

    def _control_totals(self) -> None:
        if "control_totals" not in self.tables or "ledger" not in self.staged:
            return
        compared = control.Control(self.con, self.tables.get("accounts"), self.cost_centres, self.settings)
        ledger = f"read_parquet({file_literal(self.keeper.path / 'ledger.parquet')})"
        self.control = compared.compare(
            self.tables["control_totals"],
            self.numbers["control_totals"],
            self.staged["control_totals"].file,
            ledger,
            "typed_ledger",
            self.findings,
        )

    def _left_rows(self) -> list[tuple[str, str, LeftOut, dict[str, str | None]]]:
        entries = []
        for name, staged in self.staged.items():
            left = self.findings.left.get(name, {})
            for row, content in cells.raw_rows(self.con, staged, sorted(set(left) - set(staged.ragged))):
                entries.append((name, staged.file, left[row], content))
            for row, text in staged.ragged.items():
                entries.append((name, staged.file, left[row], {"": text}))
        return entries

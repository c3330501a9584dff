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
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, UNASSIGNED
from opsanalytics.schemas import LARGE, TABLES
from opsanalytics.settings import Settings, read_settings
from opsanalytics.sources import cells, conditions, control, currency, entities, instants, plain, references, rows
from opsanalytics.sources.faults import DataError, Findings, LeftOut, quarantine_frame, typed_frame
from opsanalytics.sources.finding import Source, UnreadableError, find, first_line, report_unreadable
from opsanalytics.sources.inputs import FILE_COLUMNS, LEDGER_COLUMNS, SETTINGS_FILE, Given, Inputs, load
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
    cost_centres: references.CostCentres | None = None
    control: pd.DataFrame = field(default_factory=control.empty_control)
    plain: str = ""  # the SELECT that types the ledger's plain lines, where it has any
    lies: Given | None = None  # the ledger's file as it was when it was first looked at
    ledger: rows.Typed | None = None
    given: Given | None = None

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
            _given=self.given,
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
        read = self._check_rows(typed, staged)
        if not rows.report_sums(self.con, typed, self.findings):
            del self.staged[source.table]
            self._file(source, 0, 0)
            return
        read += len(staged.ragged)
        self._file(source, read, read - len(self.findings.rows_left(source.table)))
        self._keep(typed)

    def _typed(self, staged: Staged) -> rows.Typed:
        """Create the typed relation, amounts in the natural sign; that of a large table is in files."""
        table = TABLES[staged.table]
        name = f"typed_{table.name}"
        if table.name == "ledger":
            return self._typed_ledger(staged, name)
        select = cells.typed_select(table, staged, self.settings.minor_digits)
        for column in table.columns:
            if column.kind == "instant":
                select = instants.localised(column.name, f"({select})", self.settings.time_zone)
        if table.name in LARGE:
            self._typed_file(table.name, select)
            self.con.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {self._file_of(f'{table.name}.typed')}")
        else:
            self.con.execute(f"CREATE TEMP TABLE {name} AS {select}")
        return rows.Typed(table, staged.file, name, staged.columns, self.findings.synced)

    def _typed_ledger(self, staged: Staged, name: str) -> rows.Typed:
        """Create the typed ledger: its plain lines as the file has them, the odd ones typed into a file of ours."""
        con = self.con
        typed = rows.Typed(TABLES["ledger"], staged.file, name, staged.columns, self.findings.synced)
        currency.create_rates(con, self.tables.get("fx_rates"))
        select = plain.plain_select(staged, self.settings.minor_digits)
        if select is None:
            self._type_odd(staged, "")
            con.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {self._file_of('ledger.typed')}")
            return typed
        self.plain, self.lies = self._natural(select), Given.of(staged.path.absolute(), "")
        con.execute(f"CREATE TEMP VIEW plain_ledger AS {self.plain}")
        rows.add_up(con, "plain_ledger")
        odd, unsuspected = plain.odd_tests(con, staged, "plain_ledger", self.settings.currency)
        lines = f"SELECT *, {currency.OWN}, false AS {cells.BAD} FROM plain_ledger"
        if odd:
            con.execute(f"CREATE TEMP TABLE odd_rows AS SELECT {ROW} FROM plain_ledger WHERE {' OR '.join(odd)}")
            self._type_odd(staged, "odd_rows")
            lines += f" WHERE {ROW} NOT IN (SELECT {ROW} FROM odd_rows)"
            lines += f" UNION ALL BY NAME SELECT * FROM {self._file_of('ledger.typed')}"
        con.execute(f"CREATE TEMP VIEW {name} AS {lines}")
        summed = [] if odd else [rows.SUMMED]
        return replace(typed, unsuspected=tuple(unsuspected), summed=summed, plain=not odd)

    def _type_odd(self, staged: Staged, wanted: str) -> None:
        """Type the wanted lines cell by cell and bring them to the organisation's currency."""
        digits, own = self.settings.minor_digits, self.settings.currency
        lines = staged.only(wanted) if wanted else staged.relation
        foreign = "currency" in staged.columns and currency.has_foreign(self.con, lines, own)
        mine = cells.is_own(own) if foreign else "true"
        select = self._natural(cells.typed_select(TABLES["ledger"], staged, digits, wanted, mine))
        select = f"SELECT *, {currency.OWN} FROM ({select})"
        if foreign:
            others = currency.converted(self._natural(currency.typed_foreign(staged, own, wanted)), digits)
            select = f"SELECT * FROM ({select} UNION ALL BY NAME {others}) ORDER BY {ROW}"
        self._typed_file("ledger", select)

    def _natural(self, select: str) -> str:
        """Bring the amounts of a ledger in debit and credit to their accounts' natural sign."""
        if self.settings.ledger_sign != "debit_credit":
            return select
        natural = (
            f"CASE WHEN account IN ({self._revenue()}) "
            f"AND amount_cents BETWEEN -{cells.LARGEST_FOREIGN} AND {cells.LARGEST_FOREIGN} "
            "THEN -amount_cents ELSE amount_cents END AS amount_cents"
        )
        return f"SELECT * REPLACE ({natural}) FROM ({select})"

    def _typed_file(self, name: str, select: str) -> None:
        self._store(f"{name}.typed", select)

    def _file_of(self, name: str) -> str:
        return f"read_parquet({file_literal(self.keeper.path / f'{name}.parquet')})"

    def _revenue(self) -> str:
        accounts = self.tables.get("accounts")
        codes = [] if accounts is None else list(accounts.loc[accounts["type"] == "revenue", "account"])
        return ", ".join(map(literal, codes)) or "NULL"

    def _check_rows(self, typed: rows.Typed, staged: Staged) -> int:
        """Report what is wrong with the rows, and return how many there are."""
        name, con, findings = typed.table.name, self.con, self.findings
        read, bad, suspicious = rows.look(con, typed)
        if bad:
            digits, own = self.settings.minor_digits, self.settings.currency
            cells.report_bad_cells(con, typed.table, staged, typed.relation, digits, own, findings)
            rows.sync_left(con, name, findings)
        if name == "fx_rates":
            currency.report_rates(con, typed, findings)
            rows.sync_left(con, name, findings)
        if suspicious:
            rows.report_mangled(con, typed, self.tables, findings)
            rows.sync_left(con, name, findings)
        rows.report_repeats(con, typed, findings)
        rows.sync_left(con, name, findings)
        conditions.report_conditions(con, typed, self.settings.minor_digits, findings)
        entities.report_reserved(con, typed, findings)
        references.report_orphans(con, typed, self.tables, self.cost_centres, findings)
        if name in entities.ABOUT_ENTITIES:
            entities.report_unknown(con, typed, self._sites(), findings)
        rows.sync_left(con, name, findings)
        if name == "ledger":
            rows.report_wrong_periods(con, typed, self.settings.calendar, findings)
            rows.sync_left(con, name, findings)
            currency.report_unrated(con, typed, self.settings.currency, self.tables.get("fx_rates"), findings)
        if name == "demand":
            instants.report_nonexistent(con, typed, findings)
        rows.sync_left(con, name, findings)
        return read

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
        if name == "ledger":
            self._keep_ledger(typed)
        elif name == "demand":
            self._keep_demand(typed)
        else:
            query = f"SELECT * FROM {typed.open} ORDER BY {ROW}"
            self.tables[name], self.numbers[name] = cells.numbered_frame(self.con, query, typed.table)
            self._after(name)

    def _keep_ledger(self, typed: rows.Typed) -> None:
        """Keep the accepted lines: in a file, or by naming those that the given file holds already."""
        self.ledger = typed
        columns = ", ".join(map(quoted, LEDGER_COLUMNS))
        if not self.plain:
            self._store("ledger", f"SELECT {columns} FROM {typed.open}")
            return
        select, out = f"SELECT {columns} FROM (SELECT *, {currency.OWN} FROM ({self.plain}))", []
        odd = (self.keeper.path / "ledger.typed.parquet").exists()
        if odd:
            out.append(f"SELECT {ROW} FROM odd_rows")
        if left := self.findings.rows_left("ledger"):
            out.append(f"SELECT {ROW} FROM left_ledger")
        if out:
            self._store("ledger.out", " UNION ".join(out))
            select += f" WHERE {ROW} NOT IN (SELECT {ROW} FROM {self._file_of('ledger.out')})"
        if odd:
            kept = f" WHERE {ROW} NOT IN (SELECT {ROW} FROM left_ledger)" if left else ""
            self._store("ledger.odd", f"SELECT {columns} FROM {self._file_of('ledger.typed')}{kept}")
            select += f" UNION ALL SELECT {columns} FROM {self._file_of('ledger.odd')}"
        assert self.lies is not None  # known since its lines were typed
        self.given = replace(self.lies, select=select)

    def _after(self, name: str) -> None:
        frame, numbers = self.tables[name], self.numbers[name]
        if name == "sites":
            instants.report_unknown_zones(frame, numbers, self.staged[name].file, self.findings)
        if name == "cost_centres":
            references.report_overlaps(frame, numbers, self.staged[name].file, self.findings)
            self.cost_centres = references.CostCentres(frame, self.settings.calendar)
        if name == "budget":
            rows.report_unknown_version(frame, self.settings.budget_version, self.staged[name].file, self.findings)

    def _keep_demand(self, typed: rows.Typed) -> None:
        found = instants.infer_frequencies(self.con, typed, self.findings)
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
        if "control_totals" not in self.tables or self.ledger is None:
            return
        compared = control.Control(self.con, self.tables.get("accounts"), self.cost_centres, self.settings)
        self.control = compared.compare(
            self.tables["control_totals"],
            self.numbers["control_totals"],
            self.staged["control_totals"].file,
            self.ledger.accepted(self.con),
            self.ledger.relation,
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

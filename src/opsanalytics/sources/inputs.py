"""Inputs: the checked tables, and the sums the analyses ask of the large ones.

The small tables are frames. The ledger and the demand stay in Parquet files that DuckDB adds up on
request, each request with a connection of its own, so that notebooks and threads may ask at will.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, UNASSIGNED, nearest
from opsanalytics.periods import Calendar, is_month
from opsanalytics.schemas import LARGE, TABLES, Table
from opsanalytics.settings import Materiality, Settings, StaffingRules
from opsanalytics.sources.cells import frame_of, storable
from opsanalytics.sources.control import CONTROL_COLUMNS
from opsanalytics.sources.faults import FAULT_COLUMNS, QUARANTINE_COLUMNS, DataError
from opsanalytics.sources.reading import file_literal, literal, quoted
from opsanalytics.sources.references import CostCentres

SETTINGS_FILE = "settings.json"
_PRIOR = "prior/*.parquet"
FILE_COLUMNS = ("table", "file", "sha256", "bytes", "rows", "accepted", "quarantined")
LEDGER_COLUMNS = (*(column.typed_name for column in TABLES["ledger"].columns), "currency_cents")
_REPORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"faults": FAULT_COLUMNS, "quarantine": QUARANTINE_COLUMNS, "control": CONTROL_COLUMNS, "files": FILE_COLUMNS}
)


_UP_TO = "(CASE WHEN freq = 'MS' THEN strftime(ds, '%Y-%m') <= ? ELSE ds < ? END)"  # nothing after a period is seen


@dataclass(frozen=True)
class Given:
    """A ledger that is read where it lies: the SELECT of its checked lines, and the file as it was checked."""

    path: Path
    select: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path, select: str) -> Given:
        """Return the given ledger with the state that its file is in."""
        state = path.stat()
        return cls(path, select, state.st_size, state.st_mtime_ns)

    def relation(self) -> str:
        """Return the checked lines as a FROM item; raises DataError when the file is no longer the one checked."""
        if not self.path.exists():
            raise DataError(f"{self.path} is gone since it was checked. Put it back, or read the data folder again.")
        if Given.of(self.path, self.select) != self:
            raise DataError(f"{self.path} has changed since it was checked. Read the data folder again.")
        return f"({self.select})"


@dataclass(frozen=True)
class Inputs:
    """Checked input. `tables` holds the small tables given; a table not given is absent.

    `faults`, `quarantine`, `control` and `files` say what was wrong, what is left out (repeats
    included), whether the control totals agree, and which files were read. `store` is the folder with
    ledger.parquet and demand.parquet, as far as given; a ledger that is read where it was given (`_given`) comes to
    lie there when its lines are asked for.
    """

    settings: Settings
    tables: Mapping[str, pd.DataFrame]
    faults: pd.DataFrame
    quarantine: pd.DataFrame
    control: pd.DataFrame
    files: pd.DataFrame
    store: Path
    _given: Given | None = field(default=None, repr=False, compare=False)  # the ledger, while it is not in the store
    _keeper: object = field(default=None, repr=False, compare=False)  # holds the store while the inputs are in use

    @property
    def ledger(self) -> Path | None:
        """Where are the checked ledger lines? The Parquet file, or None when no ledger was given.

        Columns: document, line, posted_on, period, cost_centre, account, amount_cents, currency, text, one_off,
        currency_cents; the money is int64 in the organisation's minor units and the account's natural sign. A large
        ledger is read where it was given and is written to a file of its own when that is first asked for here.
        """
        if not self.has("ledger"):
            return None
        path = self._path("ledger")
        if not path.exists():
            self._write_ledger(path)
        return path

    @cached_property
    def prior(self) -> Mapping[str, pd.DataFrame]:
        """What is kept of the run before: each frame under prior/ by its file's stem; empty where there is none."""
        return MappingProxyType({path.stem: pd.read_parquet(path) for path in sorted(self.store.glob(_PRIOR))})

    def has(self, table: str) -> bool:
        """Was the table given (and readable)?"""
        given = table == "ledger" and self._given is not None
        return table in self.tables or (table in LARGE and (given or self._path(table).exists()))

    def entities(self) -> list[str]:
        """Return the sites with a ledger line, budget or demand or in the sites table, sorted, then "(all)"."""
        found: set[str] = set()
        if "sites" in self.tables:
            found |= set(self.tables["sites"]["site"].dropna())
        if self.has("demand"):
            found |= {site for (site,) in self._query(f"SELECT DISTINCT site FROM {self._relation('demand')}")}
        if "cost_centres" in self.tables:
            centres = CostCentres(self.tables["cost_centres"], self.settings.calendar)
            found |= {centres.home(*pair) for pair in self.places()}
        return [*sorted(found - {UNASSIGNED, ALL}), ALL]

    def places(self, through: str | None = None) -> set[tuple[str, str]]:
        """Return each cost centre and month with a ledger line or a budget; one by year is in all its months.

        Ledger lines of periods after `through`, where it is given, are not looked at.
        """
        pairs: set[tuple[str, str]] = set()
        if self.has("ledger"):
            rows = self._query(f"SELECT DISTINCT cost_centre, period FROM {self._relation('ledger')}")
            pairs |= {(str(centre), str(period)) for centre, period in rows if through is None or period <= through}
        if "budget" in self.tables:
            budget = self.tables["budget"][["cost_centre", "period"]].drop_duplicates()
            for cost_centre, period in budget.itertuples(index=False, name=None):
                months = (period,) if is_month(period) else self.settings.calendar.months_of_year(int(period))
                pairs |= {(cost_centre, month) for month in months}
        return pairs

    def actuals(self, period: str) -> pd.DataFrame:
        """Return the ledger summed by period, cost centre and account, up to and including `period`.

        Columns: period, cost_centre, account, amount_cents, one_off_cents (the part marked one-off), lines,
        currency_cents (the part due to rates, at average less at budget rates, of the lines not marked one-off: a
        one-off line is one-off in whole, so no cent is in both); int64, in the account's natural sign, sorted. Raises
        DataError without a ledger.
        """
        self._need("ledger")
        query = (
            "SELECT period, cost_centre, account, CAST(sum(amount_cents) AS BIGINT) AS amount_cents, "
            "CAST(coalesce(sum(amount_cents) FILTER (WHERE one_off), 0) AS BIGINT) AS one_off_cents, "
            "count(*) AS lines, "
            "CAST(coalesce(sum(currency_cents) FILTER (WHERE NOT coalesce(one_off, false)), 0) AS BIGINT) "
            "AS currency_cents "
            f"FROM {self._relation('ledger')} WHERE period <= ? GROUP BY ALL ORDER BY ALL"
        )
        dtypes = dict.fromkeys(("period", "cost_centre", "account"), "str")
        return self._frame(query, [period]).astype({**dtypes, **dict.fromkeys(_SUMS, "int64")})

    def volumes(self, period: str, entity: str = ALL) -> pd.DataFrame:
        """Return the demand at its own frequency, up to the last day of `period`.

        Columns: site, service, unit ("" when unknown), freq, ds (local, datetime64[us]), y (float),
        sorted by site, service, ds. `entity` is a site or "(all)". Raises DataError without demand,
        LookupError for an entity that is none.
        """
        self._need("demand")
        query = (
            f"SELECT site, service, unit, freq, ds, y FROM {self._relation('demand')} "
            f"WHERE {_UP_TO} AND (? OR site = ?) ORDER BY site, service, ds"
        )
        frame = self._frame(query, [*self._until(period), entity == ALL, entity])
        if frame.empty and entity not in (*self.entities(), UNASSIGNED):
            raise LookupError(f"'{entity}' is no entity; the nearest is '{nearest(entity, self.entities())}'.")
        texts = dict.fromkeys(("site", "service", "unit", "freq"), "str")
        return frame.astype({**texts, "ds": "datetime64[us]", "y": "float64"})

    def served(self, period: str) -> list[tuple[str, str]]:
        """Return each site and service with demand up to the last day of `period`, sorted; none without demand."""
        if not self.has("demand"):
            return []
        query = f"SELECT DISTINCT site, service FROM {self._relation('demand')} WHERE {_UP_TO} ORDER BY ALL"
        with duckdb.connect() as con:
            rows = con.execute(query, self._until(period)).fetchall()
        return [(str(site), str(service)) for site, service in rows]

    def periods_with(self, table: str) -> list[str]:
        """Return the months of which the ledger or the demand holds anything, sorted; none when not given."""
        if table not in LARGE:
            raise LookupError(f"Months are known for {' and '.join(LARGE)}, not for '{table}'.")
        if not self.has(table):
            return []
        if table == "ledger":
            return [str(p) for (p,) in self._query(f"SELECT DISTINCT period FROM {self._relation(table)} ORDER BY 1")]
        days = self._query(f"SELECT DISTINCT CAST(ds AS DATE), freq = 'MS' FROM {self._relation(table)}")
        calendar = self.settings.calendar
        return sorted({f"{day:%Y-%m}" if monthly else calendar.period_of(day) for day, monthly in days})

    def save(self, inputs_dir: str | Path) -> None:
        """Write everything to a folder, from which `load` brings back the same."""
        folder = Path(inputs_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            for name, frame in self.tables.items():
                _write(con, storable(frame, TABLES[name]), folder / f"{name}.parquet")
            for name in _REPORTS:
                _write(con, getattr(self, name), folder / f"{name}.parquet")
        for name in LARGE:
            target = folder / f"{name}.parquet"
            if not self.has(name) or (
                target.exists() and self._path(name).exists() and target.samefile(self._path(name))
            ):
                continue
            if self._path(name).exists():
                shutil.copyfile(self._path(name), target)
            else:
                self._write_ledger(target)
        text = json.dumps(dataclasses.asdict(self.settings), indent=2, ensure_ascii=False, sort_keys=True, default=dict)
        (folder / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")

    def _until(self, period: str) -> list[object]:
        """Return the two parameters of `_UP_TO`: the period, and the day after its last."""
        return [period, self.settings.calendar.last_day(period) + dt.timedelta(days=1)]

    def _path(self, table: str) -> Path:
        return self.store / f"{table}.parquet"

    def _write_ledger(self, path: Path) -> None:
        """Write the checked lines of a ledger that is read where it was given; another reader sees all or nothing."""
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with duckdb.connect() as con:
            con.execute(f"COPY (FROM {self._relation('ledger')}) TO {literal(aside)} (FORMAT parquet)")
        aside.replace(path)

    def _relation(self, table: str) -> str:
        if table == "ledger" and self._given is not None and not self._path(table).exists():
            return self._given.relation()
        return f"read_parquet({file_literal(self._path(table))})"

    def _need(self, table: str) -> None:
        if not self.has(table):
            raise DataError(f"There is no {table}: put {table}.csv or {table}.parquet into the data folder.")

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as con:
            return con.execute(query).fetchall()

    def _frame(self, query: str, parameters: list[object]) -> pd.DataFrame:
        with duckdb.connect() as con:
            return con.execute(query, parameters).df()


_BLANKS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("money", "integer"), "NULL::BIGINT"),
        **dict.fromkeys(("number", "share"), "NULL::DOUBLE"),
        **dict.fromkeys(("day", "instant"), "NULL::TIMESTAMP"),
        "flag": "false",
    }
)
_SUMS = ("amount_cents", "one_off_cents", "lines", "currency_cents")


def _write(con: duckdb.DuckDBPyConnection, frame: pd.DataFrame, path: Path) -> None:
    columns = [
        f"CAST({quoted(str(name))} AS {_sql_type(frame[name])}) AS {quoted(str(name))}" for name in frame.columns
    ]
    con.register("frame", frame)
    con.execute(f"COPY (SELECT {', '.join(columns)} FROM frame) TO {literal(path)} (FORMAT parquet)")
    con.unregister("frame")


def _sql_type(series: pd.Series[Any]) -> str:
    """Return the SQL type of a column: a frame without rows, or all missing, does not say it by its values."""
    name = str(series.dtype)
    if name in ("int64", "Int64"):
        return "BIGINT"
    return {"float64": "DOUBLE", "bool": "BOOLEAN"}.get(
        name, "TIMESTAMP" if name.startswith("datetime64") else "VARCHAR"
    )


def load(inputs_dir: str | Path) -> Inputs:
    """Bring back what `Inputs.save` wrote, without checking it again; raises DataError when it is not whole."""
    folder = Path(inputs_dir)
    if not (folder / SETTINGS_FILE).exists():
        raise DataError(f"{folder} holds no saved inputs ({SETTINGS_FILE} is missing). Run the period again.")
    try:
        settings = _settings(json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8")))
    except (KeyError, TypeError):  # settings by other names
        raise DataError(f"{folder / SETTINGS_FILE} was saved by another version: run the period again.") from None
    with duckdb.connect() as con:
        tables = {
            name: frame_of(con, _saved(con, folder / f"{name}.parquet", table), table)
            for name, table in TABLES.items()
            if name not in LARGE and (folder / f"{name}.parquet").exists()
        }
        reports = {name: _report(con, folder / f"{name}.parquet", columns) for name, columns in _REPORTS.items()}
        if (ledger := folder / "ledger.parquet").exists():
            _refuse_older(ledger, LEDGER_COLUMNS, _columns(con, ledger))
    return Inputs(
        settings=settings,
        tables=tables,
        faults=reports["faults"],
        quarantine=reports["quarantine"],
        control=reports["control"],
        files=reports["files"],
        store=folder,
    )


def _columns(con: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    rows = con.execute(f"DESCRIBE SELECT * FROM read_parquet({file_literal(path)})").fetchall()
    return {str(row[0]) for row in rows}


def _refuse_older(path: Path, needed: Iterable[str], held: Collection[str]) -> None:
    """Raise DataError when a saved file lacks a column that this version needs."""
    if lacking := [name for name in needed if name not in held]:
        raise DataError(f"{path} was saved by an older version (it has no {lacking[0]}): run the period again.")


def _saved(con: duckdb.DuckDBPyConnection, path: Path, table: Table) -> str:
    """Return the SELECT of a saved table; an optional column that an older version did not know is missing in it."""
    held = _columns(con, path)
    _refuse_older(path, [column.typed_name for column in table.columns if not column.optional], held)
    absent = [column for column in table.columns if column.typed_name not in held]
    blanks = "".join(f", {_BLANKS.get(column.kind, 'NULL::VARCHAR')} AS {quoted(column.name)}" for column in absent)
    return f"SELECT *{blanks} FROM read_parquet({file_literal(path)})"


def _report(con: duckdb.DuckDBPyConnection, path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        raise DataError(f"{path.parent} holds no whole saved inputs ({path.name} is missing). Run the period again.")
    _refuse_older(path, columns, _columns(con, path))
    frame = con.execute(f"SELECT * FROM read_parquet({file_literal(path)})").df()
    texts = {name: "str" for name in columns if str(frame[name].dtype) not in ("int64", "bool")}
    return frame.astype(texts)


def _settings(document: dict[str, Any]) -> Settings:
    calendar, materiality = Calendar(**document.pop("calendar")), Materiality(**document.pop("materiality"))
    rules: dict[str, Any] = document.pop("staffing", {})  # absent in inputs kept before there were any
    if "shift_hours" in rules:
        rules["shift_hours"] = tuple(rules["shift_hours"])
    return Settings(**document, calendar=calendar, materiality=materiality, staffing=StaffingRules(**rules))

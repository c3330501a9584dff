"""Foresight: what did the model and the planners say of a month before it began?

A forecast says its own cutoff, the last day that it had seen. An override does not say when it was entered: what counts
is in which runs it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from opsanalytics.demand.frequency import DAY, is_intraday
from opsanalytics.demand.record import periods_of
from opsanalytics.formats import ALL, listed, month_name, number
from opsanalytics.periods import Calendar

SERIES = ["site", "service", "unit"]
MONTH = [*SERIES, "period"]
RECORD_COLUMNS = [*MONTH, "volume", "lo80", "hi80", "cutoff", "lead"]
NEEDED = ("site", "service", "unit", "freq", "cutoff", "ds", "yhat", "lo80", "hi80", "reconstructed")
OVERRIDE_COLUMNS = ["site", "service", "period", "volume", "author", "reason"]
KEPT_COLUMNS = [*OVERRIDE_COLUMNS, "made"]
STANDING_COLUMNS = [*OVERRIDE_COLUMNS, "entered", "on_record"]

IN_TIME, LATE = "before its month", "after its month began"
UNKNOWN = "no record of when it was made"
CLOSING_DAYS = 10  # the run of a month is made in the days after it

_KEY = ["site", "service", "period"]
_DTYPES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys([*MONTH, "state", "author", "reason", "entered", "scenario"], "str"),
        **dict.fromkeys(("overrides", "scored", "compared", "months"), "int64"),
        **dict.fromkeys(("cutoff", "made", "on_record"), "datetime64[us]"),
        "lead": "Int64",
        **dict.fromkeys(("drifting", "complete"), "bool"),
    }
)


# ------------------------------------------------------------------ forecasts


def on_record(
    prior: pd.DataFrame | None,
    calendar: Calendar,
    *,
    lead: int | None = None,
    record: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What was each month's demand last forecast to be before it began? RECORD_COLUMNS, a row a site, service, month.

    `prior` has FORECAST_COLUMNS of `DemandForecast`: the forecasts of an earlier run. `record`, where there is one,
    holds those of the runs before it (see `carried_over`). The latest cutoff before the month's first day counts; with
    `lead`, that many months ahead: 1 is made at the end of the month before. What was reconstructed later is no
    record, and the whole is the sum of its sites, so rows of "(all)" are left out. `volume` is in the service's unit;
    lo80 and hi80 are the forecast's own where it was made by month, and missing where the month is a sum of
    days, intervals or weeks: the ranges of days do not add up to that of their sum. ValueError for a lead below 1, for
    columns that are missing, and for two forecasts of one month with one cutoff.
    """
    if lead is not None and lead < 1:
        raise ValueError(f"lead is {lead}: it must be 1 month or more.")
    made = carried_over(record, prior, calendar)
    if lead is not None:
        made = made[made["lead"] == lead]
    latest = made.groupby(["site", "service", "period"])["cutoff"].transform("max")
    return made[made["cutoff"] == latest].reset_index(drop=True)


def carried_over(record: pd.DataFrame | None, forecasts: pd.DataFrame | None, calendar: Calendar) -> pd.DataFrame:
    """What do runs leave to the next one? RECORD_COLUMNS, a row a site, service, month and cutoff.

    `record` is what the runs before left, `forecasts` the FORECAST_COLUMNS of the latest one; each may be None. Where
    both have a forecast with one cutoff, as when no new data came in between, the later run's counts.
    """
    own = _months_made(forecasts, calendar)
    earlier = typed(pd.DataFrame() if record is None else record, RECORD_COLUMNS)
    key = ["site", "service", "period", "cutoff"]
    kept = earlier[~pd.MultiIndex.from_frame(earlier[key]).isin(pd.MultiIndex.from_frame(own[key]))]
    return typed(pd.concat([kept, own]), RECORD_COLUMNS).sort_values(key, ignore_index=True)


def _months_made(forecasts: pd.DataFrame | None, calendar: Calendar) -> pd.DataFrame:
    """Add a run's forecasts up to the months that had not begun at their cutoff."""
    if forecasts is None or forecasts.empty:
        return typed(pd.DataFrame(), RECORD_COLUMNS)
    if lacking := [name for name in NEEDED if name not in forecasts.columns]:
        raise ValueError(f"The forecasts of the earlier run have no column {lacking[0]}: run its period again.")
    made_ahead = ~forecasts["reconstructed"] & (forecasts["site"] != ALL)
    rows = _by_day_at_most(forecasts.loc[made_ahead, list(NEEDED)])
    _refuse_twice(rows, ["site", "service", "freq", "cutoff", "ds"], "ds")
    rows = rows.assign(period=_periods(rows, calendar))
    first = {month: pd.Timestamp(calendar.first_day(month)) for month in rows["period"].unique()}
    rows = rows[rows["cutoff"] < rows["period"].map(first).astype("datetime64[us]")]
    for name in ("lo80", "hi80"):
        rows[name] = rows[name].where(rows["freq"] == "MS")
    sums = rows.groupby([*MONTH, "freq", "cutoff"], dropna=False)[["yhat", "lo80", "hi80"]].sum(skipna=False)
    made = sums.reset_index().rename(columns={"yhat": "volume"}).dropna(subset="volume")
    _refuse_twice(made, ["site", "service", "period", "cutoff"], "period")
    seen = {cutoff: calendar.period_of(cutoff.date()) for cutoff in made["cutoff"].unique()}
    leads = [_months_between(seen[cutoff], month) for cutoff, month in zip(made["cutoff"], made["period"], strict=True)]
    return typed(made.assign(lead=leads), RECORD_COLUMNS)


def _by_day_at_most(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out intervals within the day: the days that are their sums stand beside them."""
    intraday = rows["freq"].map({freq: is_intraday(str(freq)) for freq in rows["freq"].unique()}).astype("bool")
    key = ["site", "service", "cutoff"]
    days = pd.MultiIndex.from_frame(rows.loc[rows["freq"] == "D", key].drop_duplicates())
    return rows[~(intraday & pd.MultiIndex.from_frame(rows[key]).isin(days))].reset_index(drop=True)


def _periods(rows: pd.DataFrame, calendar: Calendar) -> pd.Series:
    found = pd.Series("", index=rows.index, dtype="str")
    for freq, own in rows.groupby("freq"):
        found[own.index] = periods_of(pd.DatetimeIndex(own["ds"]), str(freq), calendar)
    return found


def _refuse_twice(rows: pd.DataFrame, key: Sequence[str], what: str) -> None:
    twice = rows[rows.duplicated(key)]
    if len(twice):
        row = twice.iloc[0]
        when = f"{row[what]:%Y-%m-%d}" if what == "ds" else row[what]
        raise ValueError(
            f"{row['service']} at {row['site']} has two forecasts of {when} with the cutoff "
            f"{row['cutoff']:%Y-%m-%d}: give the forecasts of one run at a time."
        )


def _months_between(first: str, last: str) -> int:
    return (int(last[:4]) - int(first[:4])) * 12 + int(last[5:7]) - int(first[5:7])


# ------------------------------------------------------------------ overrides


def overrides_kept(tables: Iterable[tuple[pd.Timestamp, pd.DataFrame]]) -> pd.DataFrame:
    """Which overrides stood in which run? KEPT_COLUMNS, a row an override and run.

    `tables` pairs the moment at which a run was made (UTC, without a zone) with its overrides table. A table that has
    KEPT_COLUMNS is itself such a record, and keeps its own moments.
    """
    rows = [table if "made" in table.columns else table.assign(made=made) for made, table in tables]
    whole = typed(pd.concat(rows) if rows else pd.DataFrame(), KEPT_COLUMNS)
    return whole.drop_duplicates().sort_values(["made", *_KEY], ignore_index=True)


def standing(
    table: pd.DataFrame | None, kept: pd.DataFrame | None, calendar: Calendar, *, period: str, entity: str = ALL
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Which override of each month is foresight, and which was entered later? STANDING_COLUMNS and notes, of `entity`.

    `table` is the overrides table of now, `kept` what `overrides_kept` made of the runs before, both of every site. Of
    a month up to `period` the override counts that stood in the last run made before the month's eleventh day: the run
    of a month is made in the days after it. It counts as it stood then, whatever the table says now, and is `entered`
    "before its month". One that was not there yet is "after its month began". Where no run was made so early, what
    stood in the first of all runs, or stands now where no run before had any override, has "no record of when it was
    made". Of months to come the table of now stands, and `entered` is "". `on_record` is the first run in which that
    volume stood. Volumes are in the service's unit.
    """
    held = typed(pd.DataFrame() if kept is None else kept, KEPT_COLUMNS)
    now = typed(pd.DataFrame() if table is None else table, OVERRIDE_COLUMNS)
    runs = held["made"]
    if entity != ALL:
        held, now = held[held["site"] == entity], now[now["site"] == entity]
    found, notes = [now[now["period"] > period].assign(entered="")], []
    past = now[now["period"] <= period]
    for month in sorted({*past["period"], *held.loc[held["period"] <= period, "period"]}):
        mark, seen = _seen_in(runs, pd.Timestamp(calendar.first_day(month)) + CLOSING_DAYS * DAY)
        stood = held.loc[(held["made"] == seen) & (held["period"] == month), OVERRIDE_COLUMNS]
        own = past[past["period"] == month]
        added = own[~pd.MultiIndex.from_frame(own[_KEY]).isin(pd.MultiIndex.from_frame(stood[_KEY]))]
        found += [stood.assign(entered=mark), added.assign(entered=LATE if len(runs) else UNKNOWN)]
        notes += _changes(stood, own)
    if runs.empty and len(past):
        months = listed([month_name(month) for month in sorted(past["period"].unique())])
        notes.append(
            f"No earlier run has any override on record: when those of {months} were made is not known. "
            "They are scored all the same, and may have been written with the actual in sight."
        )
    first = held.groupby([*_KEY, "volume"], as_index=False).agg(on_record=("made", "min"))
    whole = pd.concat(found).merge(first, on=[*_KEY, "volume"], how="left", validate="many_to_one")
    return typed(whole, STANDING_COLUMNS).sort_values(_KEY, ignore_index=True), tuple(sorted(notes))


def _seen_in(runs: pd.Series, deadline: pd.Timestamp) -> tuple[str, pd.Timestamp]:
    """Return the run in which a month's overrides are looked up, and what they are that stood there."""
    early = runs[runs < deadline]
    return (IN_TIME, early.max()) if len(early) else (UNKNOWN, runs.min())


def _changes(stood: pd.DataFrame, now: pd.DataFrame) -> list[str]:
    """Say which overrides are not what they were when they stood."""
    both = stood.merge(now[[*_KEY, "volume"]], on=_KEY, how="left", suffixes=("", "_now"), validate="one_to_one")
    return [
        f"{row['service']} at {row['site']}, {month_name(row['period'])}: the override on record is "
        f"{number(row['volume'])}; the table now "
        f"{'has none' if pd.isna(row['volume_now']) else 'says ' + number(row['volume_now'])}. "
        "The one on record counts."
        for _, row in both[both["volume"] != both["volume_now"]].iterrows()
    ]


def typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return these columns, typed also where there is no row."""
    kinds = {name: _DTYPES.get(name, "float64") for name in columns}
    if frame.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    own = frame[list(columns)]
    return own.astype({name: kind for name, kind in kinds.items() if own[name].dtype != kind})

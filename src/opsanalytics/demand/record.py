"""Record: what is on record of one entity's series, cut at PERIOD, and how far its months are complete.

A stamp stands for what begins with it: a month, a week of seven days, a day, an interval. What ends
after PERIOD is not seen. A series is learnt from up to its last complete month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.forecasting.panel import clean_series
from opsanalytics.demand.forecasting.profile import day_totals
from opsanalytics.demand.frequency import DAY, grid, is_intraday, is_weekly
from opsanalytics.periods import Calendar, shift
from opsanalytics.settings import Settings

ENDED_MONTHS = 6  # a series without data for longer than this before PERIOD has ended
WEEK = 7 * DAY


@dataclass(frozen=True)
class Record:
    """One series ready to be forecast: cleaned, cut at PERIOD, and how far its months are complete."""

    site: str
    service: str
    unit: str
    freq: str
    name: str
    y: pd.Series
    days: pd.Series  # whole days, for intraday; else the series itself
    monthly: pd.DataFrame  # period, volume, complete
    trained_through: str  # the last month learnt from; "" where the series is not forecast
    effects: pd.DataFrame


def records(
    volumes: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: Settings, period: str, notes: list[str]
) -> list[Record]:
    """Return every series of `volumes` that has data up to `period`; what is off is added to `notes`."""
    found = []
    for (site, service, unit, freq), rows in volumes.groupby(
        ["site", "service", "unit", "freq"], sort=True, dropna=False
    ):
        name = f"{service} at {site}"
        seen = rows[is_seen(pd.DatetimeIndex(rows["ds"]), str(freq), settings.calendar, period)]
        if seen.empty:
            notes.append(f"{name} has no data up to {period}; it is not forecast.")
            continue
        notes += _cut_notes(name, rows["ds"], str(freq), settings.calendar, period)
        try:
            y = clean_series(seen, str(freq))
            found.append(_one(y, str(site), str(service), str(unit), str(freq), tables, settings, period, notes))
        except ValueError as error:
            notes.append(f"{name} {error}.".replace("..", "."))
    return found


def has_ended(last_month: str, period: str) -> bool:
    """Is a series whose last data are of `last_month` one that nobody keeps any more at `period`?"""
    return last_month < shift(period, -ENDED_MONTHS)


def horizon_end(calendar: Calendar, period: str) -> str:
    """Return the last period forecast: the end of the next fiscal year, at least 12 months on."""
    return max(calendar.months_of_year(calendar.fiscal_period(period).year + 1)[-1], shift(period, 12))


def periods_of(stamps: pd.DatetimeIndex, freq: str, calendar: Calendar) -> np.ndarray:
    """Return the period of each stamp; a month's stamp names its period also in a week calendar."""
    by_month = freq == "MS" or calendar.pattern == "monthly"
    found, place = np.unique(stamps.to_numpy().astype(f"datetime64[{'M' if by_month else 'D'}]"), return_inverse=True)
    periods = [str(one) if by_month else calendar.period_of(one.item()) for one in found]
    return np.array(periods, dtype=object)[place]


def is_seen(stamps: pd.DatetimeIndex, freq: str, calendar: Calendar, through: str) -> np.ndarray:
    """Which stamps stand for something that is over at the end of the period `through`?"""
    if freq == "MS":
        return np.asarray(stamps < pd.Timestamp(f"{shift(through, 1)}-01"))
    end = pd.Timestamp(calendar.last_day(through)) + DAY
    return np.asarray(stamps + WEEK <= end if is_weekly(freq) else stamps < end)


def cutoff_day(through: str, freq: str, calendar: Calendar) -> pd.Timestamp:
    """Return the last day seen at the end of `through`: that of the period or, for weeks, of its last whole week."""
    last = pd.Timestamp(calendar.last_day(through))
    if not is_weekly(freq):
        return last
    after: pd.Timestamp = pd.date_range(end=last + DAY, periods=1, freq=freq)[0]
    return after - DAY


def _one(
    y: pd.Series,
    site: str,
    service: str,
    unit: str,
    freq: str,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    period: str,
    notes: list[str],
) -> Record:
    calendar = settings.calendar
    name = f"{service} at {site}"
    last = y.dropna().index[-1]
    ended = str(periods_of(pd.DatetimeIndex([last]), freq, calendar)[0])
    horizon = pd.Timestamp(calendar.last_day(horizon_end(calendar, period)))
    by_day = freq == "D" or is_intraday(freq)
    first = y.index[0].normalize()
    effects = (
        fx.day_effects(tables.get("events"), settings.holidays, first, horizon, site) if by_day else fx.no_effects()
    )
    days = day_totals(y, freq) if is_intraday(freq) else y
    held = days.dropna()
    due = _due_stamps(y.dropna(), held, effects, freq, calendar)
    monthly = _months_on_record(y.dropna(), pd.DatetimeIndex(held.index), due, freq, calendar)
    complete = monthly.loc[monthly["complete"] & monthly["volume"].notna(), "period"]
    through = ended if freq == "MS" or is_weekly(freq) else (complete.iloc[-1] if len(complete) else "")
    if by_day:
        notes += _gap_notes(name, pd.DatetimeIndex(held.index), due)
    notes += _end_notes(name, last, ended, through, period)
    if has_ended(ended, period):
        through = ""
    return Record(site, service, unit, freq, name, y, days, monthly, through, effects)


def _end_notes(name: str, last: pd.Timestamp, ended: str, through: str, period: str) -> list[str]:
    """Say where the record ends short of PERIOD, and what is not learnt from for that."""
    if has_ended(ended, period):
        return [f"{name} ends in {ended}, more than {ENDED_MONTHS} months before {period}; it is not forecast."]
    if not through:
        return [f"{name} has no complete month yet; it is not forecast."]
    found = []
    if through < ended:
        state = "is in progress" if ended == period else "is not whole"
        found.append(f"{name}: {ended} {state} (data to {last:%Y-%m-%d}); it is shown and not learnt from.")
    if ended < period:
        start = "there" if through == ended else through
        found.append(f"{name}: no data after {ended}; {period} is forecast from {start}.")
    return found


def _cut_notes(name: str, ds: pd.Series, freq: str, calendar: Calendar, period: str) -> list[str]:
    """Say which week has begun in PERIOD and ends after it."""
    first = cutoff_day(period, freq, calendar) + DAY
    if not is_weekly(freq) or not (ds == first).any() or first > pd.Timestamp(calendar.last_day(period)):
        return []
    return [f"{name}: the week from {first:%Y-%m-%d} ends after {period}; it is not seen."]


def _gap_notes(name: str, held: pd.DatetimeIndex, due: pd.DatetimeIndex) -> list[str]:
    """Say which open days have no record: they are gaps, not zeros."""
    gaps = due[(due > held.min()) & (due < held.max()) & ~due.isin(held)]
    if not len(gaps):
        return []
    when = f"on {gaps[0]:%Y-%m-%d}" if len(gaps) == 1 else f"from {gaps[0]:%Y-%m-%d} to {gaps[-1]:%Y-%m-%d}"
    return [
        f"{name}: {len(gaps)} open day{'s' if len(gaps) > 1 else ''} without a whole record {when}; not zero, left out."
    ]


def _due_stamps(
    known: pd.Series, days: pd.Series, effects: pd.DataFrame, freq: str, calendar: Calendar
) -> pd.DatetimeIndex:
    """Return the stamps of a complete record of the periods of `known`: its weeks, or its days that are open."""
    first, last = periods_of(pd.DatetimeIndex(known.index[[0, -1]]), freq, calendar)
    step = freq if freq == "MS" or is_weekly(freq) else "D"
    span = grid(pd.Timestamp(calendar.first_day(first)), pd.Timestamp(calendar.last_day(last)), step)
    if step != "D" or days.empty:
        return span
    closed, _ = fx.closed_calendar(days, effects, span)
    return pd.DatetimeIndex(span[~closed & ~span.isin(fx.closure_days(effects))])


def _months_on_record(
    known: pd.Series, held: pd.DatetimeIndex, due: pd.DatetimeIndex, freq: str, calendar: Calendar
) -> pd.DataFrame:
    """Return period, volume (what is on record), complete (filled from its first to its last open day or week)."""
    volume = known.groupby(periods_of(pd.DatetimeIndex(known.index), freq, calendar)).sum()
    table = pd.DataFrame({"period": volume.index.astype("str"), "volume": volume.to_numpy(dtype=np.float64)})
    return table.assign(complete=True if freq == "MS" else _filled(table["period"], held, due, freq, calendar))


def _filled(
    months: pd.Series, held: pd.DatetimeIndex, due: pd.DatetimeIndex, freq: str, calendar: Calendar
) -> np.ndarray:
    """Does the record reach from each month's first due stamp to its last one?"""

    def ends(stamps: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        by_month = pd.Series(stamps).groupby(periods_of(stamps, freq, calendar))
        return by_month.min().reindex(months).to_numpy(), by_month.max().reindex(months).to_numpy()

    (first, last), (due_first, due_last) = ends(held), ends(due)
    reaches = np.isnat(due_first) | (first <= due_first) & (last >= due_last)
    return np.asarray(~np.isnat(first) & reaches)

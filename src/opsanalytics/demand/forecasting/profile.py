"""Profile: how a day's volume spreads over its intervals.

A day is forecast as a whole and then spread: share of each weekday's intervals in the weekday's
volume, recent weeks weighing more. An interval that is not worked stays closed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY, interval

HALF_LIFE_WEEKS = 26.0
OPEN_SHARE = 0.25  # an interval on record on fewer of a weekday's days than this is closed
_DAY_MINUTES = 1440


def seasonal_profile(history: pd.DataFrame, freq: str, *, half_life_weeks: float = HALF_LIFE_WEEKS) -> pd.DataFrame:
    """Which share of a weekday's volume falls in each interval? DataFrame[unique_id, weekday, minute, share].

    `history` is long: unique_id, ds, y at the intraday `freq`. weekday 0 is Monday, minute counts from midnight.
    share = sum of w y of the interval / sum of w Y of its days, with w = 0.5 ^ (age in weeks / half_life_weeks) and Y
    the day's volume, over the days on which the interval is on record; then scaled so that a weekday's shares
    sum to 1. Closed intervals (seen on under a quarter of the weekday's days) and weekdays without volume have no row.
    """
    parts = [
        series_profile(group.set_index("ds")["y"], freq, half_life_weeks).assign(unique_id=name)
        for name, group in history.groupby("unique_id", sort=True, dropna=False)
    ]
    columns = ["unique_id", "weekday", "minute", "share"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def day_totals(y: pd.Series, freq: str) -> pd.Series:
    """Return the volume of each whole day: one with nine in ten of its weekday's usual intervals, or more, on record.

    The usual number is the median of the weekday's; of a weekday met once, the largest of the others'. A day that the
    clocks shorten by an hour is whole.
    """
    known = y.dropna()
    by_day = known.groupby(pd.DatetimeIndex(known.index).normalize())
    count = by_day.size()
    weekday = pd.DatetimeIndex(count.index).day_of_week.to_numpy()
    by_weekday = count.groupby(weekday)
    usual = by_weekday.transform("median")
    met = by_weekday.transform("size")
    usual = usual.where(met > 1, max(float(count.median()), float(usual.max())) if len(count) > 1 else usual)
    return by_day.sum()[(count >= 0.9 * usual).to_numpy()].rename_axis("ds")


def spread(
    days: pd.DataFrame, profile: pd.DataFrame, absent: pd.DatetimeIndex, repeated: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return the intervals of `days` (DataFrame[ds, yhat]): DataFrame[ds, yhat], sorted, in sum the days given.

    `absent` are local times that the clock skips: nothing happens then, and the day's other intervals take their part.
    `repeated` are local times that it shows twice: their one row counts for both, as it does in the history.
    A weekday without a profile of its own is spread by the mean profile of the others; ValueError when there is none.
    """
    if profile.empty:
        raise ValueError("no interval of any weekday has a volume above zero.")
    weekday = days["ds"].dt.day_of_week.to_numpy()
    shares = _with_weekdays(profile, set(weekday))
    day, row = np.nonzero(weekday[:, None] == shares["weekday"].to_numpy())
    minute = shares["minute"].to_numpy()[row].astype("timedelta64[m]")
    ds = pd.DatetimeIndex(days["ds"].to_numpy()[day] + minute).as_unit("us")
    share = shares["share"].to_numpy()[row] * np.where(ds.isin(repeated), 2.0, 1.0)
    kept = ~ds.isin(absent)
    ds, day, share = ds[kept], day[kept], share[kept]
    yhat = days["yhat"].to_numpy()[day] * share / pd.Series(share).groupby(day).transform("sum").to_numpy()
    return pd.DataFrame({"ds": ds, "yhat": yhat}).sort_values("ds", ignore_index=True)


def skipped_times(first: pd.Timestamp, last: pd.Timestamp, freq: str, time_zone: str | None) -> pd.DatetimeIndex:
    """Which local times from `first` to `last` does the clock of `time_zone` skip in spring?"""
    return _clock_changes(first, last, freq, time_zone)[0]


def repeated_times(first: pd.Timestamp, last: pd.Timestamp, freq: str, time_zone: str | None) -> pd.DatetimeIndex:
    """Which local times from `first` to `last` does the clock of `time_zone` show twice in autumn?"""
    return _clock_changes(first, last, freq, time_zone)[1]


@lru_cache(maxsize=64)
def _clock_changes(
    first: pd.Timestamp, last: pd.Timestamp, freq: str, time_zone: str | None
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return the local times that the clock skips, and those that it shows twice."""
    local = pd.date_range(first, last, freq=freq)
    if time_zone is None:
        return local[:0], local[:0]
    early, late = (
        local.tz_localize(time_zone, nonexistent="NaT", ambiguous=np.full(len(local), summer))
        for summer in (True, False)
    )
    return local[early.isna()], local[(early != late) & early.notna()]


def series_profile(y: pd.Series, freq: str, half_life_weeks: float = HALF_LIFE_WEEKS) -> pd.DataFrame:
    """Return the profile of one series (index ds): DataFrame[weekday, minute, share]; see `seasonal_profile`."""
    y = y.dropna()
    stamps = pd.DatetimeIndex(y.index)
    day = stamps.normalize()
    weight = 0.5 ** (np.asarray((day[-1] - day) / DAY) / (7.0 * half_life_weeks))
    total = y.groupby(day).transform("sum").to_numpy()
    minute_of_week = (stamps.day_of_week * _DAY_MINUTES + stamps.hour * 60 + stamps.minute).to_numpy()
    sums = pd.DataFrame({"above": weight * y.to_numpy(), "below": weight * total}).groupby(minute_of_week).sum()
    weekday, minute = np.divmod(sums.index.to_numpy(), _DAY_MINUTES)
    seen = np.bincount(minute_of_week)[sums.index]
    held = np.bincount(day.unique().day_of_week, minlength=7)[weekday]
    kept = (seen >= OPEN_SHARE * held) & (sums["above"] > 0).to_numpy()
    shares = pd.DataFrame({"weekday": weekday, "minute": minute, "share": sums["above"] / sums["below"]})[kept]
    shares["share"] /= shares.groupby("weekday")["share"].transform("sum")
    step = int(interval(freq).total_seconds() // 60)
    return shares[shares["minute"] % step == 0].reset_index(drop=True)


def _with_weekdays(profile: pd.DataFrame, asked: set[int]) -> pd.DataFrame:
    """Return weekday, minute, share with the mean profile for the weekdays asked for that have none."""
    own = profile[["weekday", "minute", "share"]]
    lacking = sorted(asked - set(own["weekday"]))
    if not lacking:
        return own
    mean = own.groupby("minute", as_index=False)["share"].sum()
    mean["share"] /= mean["share"].sum()
    table: pd.DataFrame = pd.concat([own, *(mean.assign(weekday=day) for day in lacking)], ignore_index=True)
    return table

"""Profile: how a day's volume spreads over its intervals.

A day is forecast as a whole and then spread: share of each weekday's intervals in the weekday's
volume, recent weeks weighing more. An interval that is not worked stays closed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY, interval

HALF_LIFE_WEEKS = 26.0
OPEN_SHARE = 0.25  # an interval on record on fewer of a weekday's days than this is closed


def seasonal_profile(history: pd.DataFrame, freq: str, *, half_life_weeks: float = HALF_LIFE_WEEKS) -> pd.DataFrame:
    """Which share of a weekday's volume falls in each interval? DataFrame[unique_id, weekday, minute, share].

    `history` is long: unique_id, ds, y at the intraday `freq`. weekday 0 is Monday, minute counts from midnight.
    share = sum of w y of the interval / sum of w Y of its days, with w = 0.5 ^ (age in weeks / half_life_weeks) and Y
    the day's volume, over the days on which the interval is on record; then scaled so that a weekday's shares
    sum to 1. Closed intervals (seen on under a quarter of the weekday's days) and weekdays without volume have no row.
    """
    parts = [
        _profile(group.set_index("ds")["y"], freq, half_life_weeks).assign(unique_id=name)
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
    days = pd.DatetimeIndex(known.index).normalize()
    count = known.groupby(days).size()
    weekday = pd.DatetimeIndex(count.index).day_of_week.to_numpy()
    usual = count.groupby(weekday).transform("median")
    met = count.groupby(weekday).transform("size")
    usual = usual.where(met > 1, max(float(count.median()), float(usual.max())) if len(count) > 1 else usual)
    totals = known.groupby(days).sum()
    return totals[(count >= 0.9 * usual).to_numpy()].rename_axis("ds")


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
    shares = _every_weekday(profile)
    rows = days.assign(weekday=days["ds"].dt.day_of_week).merge(
        shares, on="weekday", how="left", validate="many_to_many"
    )
    day = rows["ds"]
    rows["ds"] = (day + pd.to_timedelta(rows["minute"], unit="min")).astype("datetime64[us]")
    kept = ~rows["ds"].isin(absent)
    rows, day = rows[kept], day[kept]
    share = rows["share"] * np.where(rows["ds"].isin(repeated), 2.0, 1.0)
    rows["yhat"] = rows["yhat"] * share / share.groupby(day).transform("sum")
    return rows[["ds", "yhat"]].sort_values("ds").reset_index(drop=True)


def skipped_times(first: pd.Timestamp, last: pd.Timestamp, freq: str, time_zone: str | None) -> pd.DatetimeIndex:
    """Which local times from `first` to `last` does the clock of `time_zone` skip in spring?"""
    local = pd.date_range(first, last, freq=freq)
    if time_zone is None:
        return local[:0]
    return local[local.tz_localize(time_zone, nonexistent="NaT", ambiguous=np.ones(len(local), dtype=bool)).isna()]


def repeated_times(first: pd.Timestamp, last: pd.Timestamp, freq: str, time_zone: str | None) -> pd.DatetimeIndex:
    """Which local times from `first` to `last` does the clock of `time_zone` show twice in autumn?"""
    local = pd.date_range(first, last, freq=freq)
    if time_zone is None:
        return local[:0]
    early, late = (
        local.tz_localize(time_zone, nonexistent="NaT", ambiguous=np.full(len(local), summer))
        for summer in (True, False)
    )
    return local[(early != late) & early.notna()]


def _profile(y: pd.Series, freq: str, half_life_weeks: float) -> pd.DataFrame:
    y = y.dropna()
    stamps = pd.DatetimeIndex(y.index)
    day = stamps.normalize()
    weight = 0.5 ** (np.asarray((day[-1] - day) / DAY) / (7.0 * half_life_weeks))
    total = y.groupby(day).transform("sum").to_numpy()
    rows = pd.DataFrame(
        {
            "weekday": stamps.day_of_week.to_numpy(),
            "minute": stamps.hour.to_numpy() * 60 + stamps.minute.to_numpy(),
            "above": weight * y.to_numpy(),
            "below": weight * total,
            "days": 1,
        }
    )
    shares = rows.groupby(["weekday", "minute"], as_index=False).sum()
    held = shares["weekday"].map(pd.Series(day.unique().day_of_week).value_counts())
    shares = shares[(shares["days"] >= OPEN_SHARE * held) & (shares["above"] > 0)]
    raw = shares["above"] / shares["below"]
    shares = shares.assign(share=raw / raw.groupby(shares["weekday"]).transform("sum"))
    step = int(interval(freq).total_seconds() // 60)
    return shares.loc[shares["minute"] % step == 0, ["weekday", "minute", "share"]].reset_index(drop=True)


def _every_weekday(profile: pd.DataFrame) -> pd.DataFrame:
    """Return weekday, minute, share with the mean profile for weekdays that have none."""
    own = profile[["weekday", "minute", "share"]]
    mean = own.groupby("minute", as_index=False)["share"].sum()
    mean["share"] /= mean["share"].sum()
    lacking = [day for day in range(7) if day not in set(own["weekday"])]
    table: pd.DataFrame = pd.concat([own, *(mean.assign(weekday=day) for day in lacking)], ignore_index=True)
    return table

"""The clock of a site: intervals, days and hours where the clocks change."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.numbers import refuse


def times_on_clock(starts: pd.DatetimeIndex, tz: str) -> npt.NDArray[np.int64]:
    """How often did each local interval start come in real time? 1, or around a clock change 0 or 2.

    `starts` are naive local times. A start that did not exist (spring) comes 0 times; one that the
    clock showed twice (autumn) counts 2 where it stands once, and 1 in each row where it stands twice.
    """
    if starts.empty:
        return np.zeros(0, dtype=np.int64)
    none = np.zeros(len(starts), dtype=bool)
    early = starts.tz_localize(tz, ambiguous=~none, nonexistent="NaT")
    late = starts.tz_localize(tz, ambiguous=none, nonexistent="NaT")
    times = np.where(early.isna(), 0, np.where(early == late, 1, 2)).astype(np.int64)
    return np.where((times == 2) & starts.duplicated(keep=False), 1, times)


def day_intervals(day: str, tz: str, minutes: int) -> pd.DatetimeIndex:
    """Return the starts of the intervals of a local day, with offsets: 46 or 50 half hours when the clocks change.

    A day whose midnight the clock skips begins when the clock goes on, one whose midnight comes twice
    at the first of them; a day that the zone left out (Samoa, 30 December 2011) has no intervals.
    """
    midnight, zone = pd.Timestamp(day).to_pydatetime(), ZoneInfo(tz)
    first, end = (
        moment.replace(tzinfo=zone).astimezone(dt.UTC) for moment in (midnight, midnight + dt.timedelta(days=1))
    )
    return pd.date_range(first, end, freq=f"{minutes}min", inclusive="left").tz_convert(tz)


def aggregate_hours(staff: pd.Series[Any], freq: str, tz: str, interval_s: float | None = None) -> pd.Series[float]:
    """How many staff hours fall in each day, week or month of the site's time zone?

    `staff` holds people by interval start: with offsets (each row is one interval), or naive local
    times, where a start that the clock showed twice and that stands once counts twice. The
    interval's length is the commonest step unless `interval_s` gives it. `freq` is a pandas
    frequency ("D", "W-SUN", "MS"); the answer is indexed by naive local period starts.
    Raises ValueError for staff at a time that did not exist, for missing staff, and for a single
    interval without `interval_s`.
    """
    starts = pd.DatetimeIndex(staff.index)
    people = staff.to_numpy(dtype=np.float64)
    refuse(np.isnan(people), "staff", people, "is missing: give 0 for an interval without staff.")
    length = _interval(starts) if interval_s is None else interval_s
    if starts.tz is None:
        times = times_on_clock(starts, tz)
        ghosts = (times == 0) & (people != 0)
        if ghosts.any():
            raise ValueError(
                f"{starts[ghosts][0]} did not exist in {tz}, the clocks went forward: move its staff to the hour after."
            )
        people = people * times
    else:
        starts = starts.tz_convert(tz).tz_localize(None)
    hours = pd.Series(people * length / 3600, index=starts, name="hours", dtype="float64")
    return hours.groupby(starts.to_period(_period(freq)).start_time).sum().rename_axis("ds")


def _period(freq: str) -> str:
    return {"MS": "M", "QS": "Q", "YS": "Y", "W": "W-SUN"}.get(freq, freq)


def _interval(starts: pd.DatetimeIndex) -> float:
    steps = pd.Series(np.diff(np.sort(starts.as_unit("ns").asi8)) / 1e9)
    steps = steps[steps > 0]
    if steps.empty:
        raise ValueError("The length of the intervals cannot be seen from one start: give interval_s.")
    return float(steps.mode().iloc[0])

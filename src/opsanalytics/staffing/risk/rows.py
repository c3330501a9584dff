"""Rows: the months looked at of one service, the plan's people beside the forecast's distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from opsanalytics.periods import Calendar
from opsanalytics.staffing.forecast.costs import FTE_MONTHS, family
from opsanalytics.staffing.forecast.result import QUANTILES
from opsanalytics.staffing.forecast.services import seconds_of
from opsanalytics.staffing.numbers import Array
from opsanalytics.staffing.people.clock import times_on_clock
from opsanalytics.staffing.risk import draws
from opsanalytics.staffing.standards import StaffingError, Standard, in_force

DAY = pd.Timedelta(days=1)
_P90 = float(special.ndtri(0.9))  # hi80 is the 90th percentile
_SAME = 0.05  # a month whose days' forecasts are further from its own was not forecast as their sum
_WORKING_DAYS = {"D": 1.0, "W": 5.0, "MS": 20.0, "QS": 60.0}  # on each of which a person is there or absent
_WAIT = 7  # days beyond the last deadline by which every service has opened again

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Rows:
    """The rows of one service that are looked at, in time order, their numbers side by side.

    `day` numbers the days, `month` is YYYY-MM. `seconds` is the length of an interval, 0 for a day and longer; `days`
    how many working days a row has (an interval counts as one), `part` which part of the paid hours of an FTE's month
    one person works in it (none of an interval, which has its length). `scheduled` holds the people of each quantile;
    `inside` tells the rows of the months looked at from later ones, which only work that waits needs.
    """

    ds: pd.DatetimeIndex
    day: Ints
    month: Texts
    inside: Bools
    seconds: Array
    days: Array
    part: Array
    scheduled: Mapping[float, Array]
    spread: draws.Spread
    standards: Sequence[Standard]
    standard: Ints

    def number(self, name: str) -> Array:
        """Return a number of the standard in force on each row."""
        return np.array([float(getattr(standard, name)) for standard in self.standards])[self.standard]

    @property
    def method(self) -> Texts:
        """Return the method of each row."""
        return np.array([standard.method for standard in self.standards])[self.standard]

    @property
    def queues(self) -> Bools:
        """Does a queue wait on each row?"""
        return np.asarray(np.char.startswith(self.method, "erlang"))


def end_of(begin: pd.Timestamp, days: int, calendar: Calendar) -> pd.Timestamp:
    """Return the day after the last one looked at: the end of the last whole month within `days`, if there is one."""
    end = begin + days * DAY
    first = pd.Timestamp(calendar.first_day(calendar.period_of(end.date())))
    return first if first > begin else end


def rows_of(
    forecast: pd.DataFrame,
    plan: pd.DataFrame,
    standards: Sequence[Standard],
    begin: pd.Timestamp,
    end: pd.Timestamp,
    calendar: Calendar,
    zone: str | None,
) -> tuple[Rows, list[str]]:
    """Return the rows of one service from `begin` to before `end`, and notes on what is left out.

    Raises StaffingError where nothing is known of the service's risk.
    """
    who = f"{standards[0].service} at {standards[0].site}"
    waits = [standard.sla_days for standard in standards if standard.method == "backlog"]
    later = end + (max(waits) + _WAIT) * DAY if waits else end
    part = plan[(plan["ds"] >= begin) & (plan["ds"] < later) & plan["quantile"].isin(list(QUANTILES))]
    if not (part["ds"] < end).any():
        raise StaffingError(f"{who} has no plan for the days from {begin:%Y-%m-%d}: give one, or look further ahead.")
    bounds = draws.bounds_of(forecast)
    if len(bounds) == 1:
        raise StaffingError(f"{who} has a forecast without intervals, so its risk is not known: give lo and hi bounds.")
    wide = part.pivot(index=["ds", "freq"], columns="quantile", values="scheduled").reset_index()
    joined = wide.merge(forecast[["ds", "freq", *bounds]], on=["ds", "freq"], how="left", validate="one_to_one")
    quantiles = [quantile for quantile in QUANTILES if quantile in joined]
    whole = joined[[*bounds, *quantiles]].notna().all(axis=1)
    notes = []
    if not whole.all():
        sentence = (
            f"{who}: {int((~whole).sum()):,} of {len(joined):,} rows of the plan have no people or no forecast "
            "interval, so their risk is not known. Give a longer history, and hours_per_fte in standards."
        )
        if waits or not whole.any():
            raise StaffingError(sentence)
        notes.append(sentence)
    joined = joined[whole].sort_values(["ds", "freq"], ignore_index=True)
    starts = pd.DatetimeIndex(joined["ds"])
    standard = in_force(list(standards), starts)
    if (standard < 0).any():
        raise StaffingError(f"{who} has no standard before the plan begins: give one with an earlier valid_from.")
    lengths = {str(freq): seconds_of(str(freq)) for freq in joined["freq"].unique()}
    coarse = [freq for freq, length in lengths.items() if not length]
    days = {freq: _WORKING_DAYS.get(family(freq), 1.0) for freq in coarse}
    parts = {freq: float(FTE_MONTHS.get(family(freq), 0)) for freq in coarse}
    times = np.ones(len(joined)) if zone is None else np.maximum(times_on_clock(starts, zone), 1)
    return (
        Rows(
            ds=starts,
            day=np.unique(starts.normalize(), return_inverse=True)[1].astype(np.int64),
            month=months_of(starts, calendar),
            inside=np.asarray(starts < end),
            seconds=np.asarray(joined["freq"].map(lengths), dtype=np.float64) * times,
            days=np.asarray(joined["freq"].map(lambda freq: days.get(freq, 1.0)), dtype=np.float64),
            part=np.asarray(joined["freq"].map(lambda freq: parts.get(freq, 0.0)), dtype=np.float64),
            scheduled={quantile: joined[quantile].to_numpy(dtype=np.float64) for quantile in quantiles},
            spread=draws.spread_of(joined),
            standards=standards,
            standard=standard,
        ),
        notes,
    )


def months_of(starts: pd.DatetimeIndex, calendar: Calendar) -> Texts:
    """Return the month of each row."""
    days, place = np.unique(starts.normalize(), return_inverse=True)
    return np.array([calendar.period_of(day.date()) for day in pd.DatetimeIndex(days)], dtype=str)[place]


def shares_of(forecast: pd.DataFrame, months: pd.DataFrame, rows: Rows) -> draws.Shares:
    """How much of the forecast's error is common to a day's rows, and to all? See `draws.shares_of`.

    The days' own intervals tell, where `forecast` has them beside those of their parts, and those of `months` (period,
    volume, hi80) whose days are all looked at.
    """
    days, first = np.unique(rows.ds.normalize(), return_index=True)
    names, month = np.unique(rows.month[first], return_inverse=True)
    sums = forecast[(forecast["freq"] == "D") & forecast[draws.bounds_of(forecast)].notna().all(axis=1)]
    of_days = pd.Series(draws.spread_of(sums).deviation, index=pd.DatetimeIndex(sums["ds"]))
    looked_at = pd.Series(rows.spread.middle).groupby(rows.month).sum()
    own = months.set_index("period").reindex(names)
    whole = (own["volume"] - looked_at.reindex(names)).abs() <= _SAME * own["volume"]
    of_months = ((own["hi80"] - own["volume"]) / _P90).where(whole)
    return draws.shares_of(
        rows.spread,
        rows.day,
        draws.Sums(np.asarray(of_days.reindex(days), dtype=np.float64), rows.day),
        draws.Sums(np.asarray(of_months, dtype=np.float64), month.astype(np.int64)),
        max(round(len(days) / len(names)), 1),
    )

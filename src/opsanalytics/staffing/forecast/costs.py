"""Costs: paid hours, full-time people and money of the staff at work."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings
from opsanalytics.staffing.numbers import Array, fraction
from opsanalytics.staffing.standards import Standard

if TYPE_CHECKING:
    from opsanalytics.staffing.forecast.work import Staff

_WEEKS_OF_YEAR = 52

# Which part of the paid hours of an FTE's month one person works in a row: on a day a shift, a twentieth (160 hours are
# days of 8 hours); in a week its part of the year's twelve months.
FTE_MONTHS = {"D": Fraction(1, 20), "W": Fraction(12, _WEEKS_OF_YEAR), "MS": Fraction(1), "QS": Fraction(3)}


def fte_months(period: str, calendar: Calendar) -> Fraction:
    """For how many months is a full-time person paid in `period`?

    FTE = paid hours / (hours_per_fte x these months). One in a calendar of months, however many days it has; in a
    calendar of weeks 12 / 52 a week, so that a year of 52 weeks holds twelve and each calendar pays the same a year.
    """
    weeks = calendar.weeks(period)
    return Fraction(1) if weeks is None else Fraction(12 * weeks, _WEEKS_OF_YEAR)


def costed(rows: pd.DataFrame, staff: Staff, standard: Standard, settings: Settings) -> pd.DataFrame:
    """Return rows (ordered by quantile and ds, with their period) with people, paid hours, FTE and cost.

    Cost is rounded once, half to even, for each month and quantile under this standard; its cents
    are then placed on the rows by rounding the running total, so that the rows add up to it.
    """
    work = rows.assign(required=staff.required, scheduled=staff.scheduled)
    work["hours"] = paid_hours(staff.worked_s, standard)
    months = {str(period): float(fte_months(str(period), settings.calendar)) for period in work["period"].unique()}
    work["fte"] = work["hours"] / (standard.hours_per_fte * work["period"].map(months).astype("float64"))
    if standard.wage_rate is None:
        return work.assign(cost_cents=pd.array([pd.NA] * len(work), dtype="Int64"))
    keys = [work["quantile"], work["period"]]
    groups = pd.Series(staff.worked_s, index=work.index).groupby(keys, sort=False)
    cents = month_cents(groups.sum(), standard, settings)
    leaf = cents.reindex(pd.MultiIndex.from_arrays(keys)).to_numpy()
    running = groups.cumsum().to_numpy()
    final = _running_final(running.astype(np.float64), groups.ngroup().to_numpy(dtype=np.int64))
    placed = np.rint(np.divide(running, final, out=np.zeros(len(work)), where=final > 0) * leaf).astype(np.int64)
    first = ~work.duplicated(["quantile", "period"]).to_numpy()
    before = np.where(first, 0, np.concatenate([[0], placed[:-1]]))
    return work.assign(cost_cents=pd.array(placed - before, dtype="Int64"))


def paid_hours(worked_s: Array, standard: Standard) -> Array:
    """Return the hours paid for so many seconds at work, those of absent people included."""
    return worked_s / 3600 / float(1 - standard.shrinkage)


def month_cents(worked_s: pd.Series[float], standard: Standard, settings: Settings) -> pd.Series[int]:
    """Return what each month's seconds at work cost, in minor units, rounded once, half to even; a wage is given."""
    if standard.wage_rate is None:
        raise ValueError("a standard without a wage_rate has no cost.")
    price = fraction(standard.wage_rate) * 10**settings.minor_digits / (1 - fraction(standard.shrinkage)) / 3600
    return worked_s.map(lambda seconds: round(Fraction(seconds) * price)).astype("int64")


def _running_final(running: Array, group: npt.NDArray[Any]) -> Array:
    """Return the last running total of each row's group (its total, to the last bit)."""
    last = np.zeros(int(group.max()) + 1)
    np.maximum.at(last, group, running)
    return np.asarray(last[group], dtype=np.float64)


def periods_of(starts: pd.DatetimeIndex, freq: str, settings: Settings) -> npt.NDArray[Any]:
    """Return the month of each start; months and quarters are named by their first day, in a week calendar too."""
    place, days = pd.factorize(starts.normalize())
    own = FTE_MONTHS.get(family(freq), Fraction(0)) >= 1
    named = [f"{day:%Y-%m}" if own else settings.calendar.period_of(day.date()) for day in pd.DatetimeIndex(days)]
    return np.array(named, dtype=object)[place]


def family(freq: str) -> str:
    """Return the frequency without its anchor: W of W-SUN."""
    return freq.split("-")[0]

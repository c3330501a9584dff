"""Costs: paid hours, full-time people and money of the staff at work."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.settings import Settings
from opsanalytics.staffing.numbers import Array, fraction
from opsanalytics.staffing.standards import Standard

# The paid hours of an FTE are given by month: four weeks of five days (160 hours are days of 8 hours).
FTE_MONTHS = {"D": Fraction(1, 20), "W": Fraction(1, 4), "MS": Fraction(1), "QS": Fraction(3)}


def costed(work: pd.DataFrame, standard: Standard, settings: Settings) -> pd.DataFrame:
    """Add period, paid hours, FTE and cost.

    Cost is rounded once, half to even, for each month and quantile under this standard; its cents
    are then placed on the rows by rounding the running total, so that the rows add up to it.
    """
    months = FTE_MONTHS.get(family(str(work["freq"].iloc[0])))
    named = work["ds"].dt.strftime("%Y-%m").to_numpy() if months is not None and months >= 1 else None
    periods = periods_of(pd.DatetimeIndex(work["ds"]), settings) if named is None else named
    work = work.assign(period=periods, hours=work["worked_s"] / 3600 / float(1 - standard.shrinkage))
    work = work.assign(fte=work["hours"] / standard.hours_per_fte, whole=True).sort_values(
        ["quantile", "ds"], kind="stable"
    )
    if standard.wage_rate is None:
        return work.assign(cost_cents=pd.array([pd.NA] * len(work), dtype="Int64"))
    price = fraction(standard.wage_rate) * 10**settings.minor_digits / (1 - fraction(standard.shrinkage)) / 3600
    groups = work.groupby(["quantile", "period"], sort=False)["worked_s"]
    cents = groups.sum().map(lambda seconds: round(Fraction(seconds) * price)).astype("int64")
    leaf = cents.reindex(pd.MultiIndex.from_frame(work[["quantile", "period"]])).to_numpy()
    running = groups.cumsum().to_numpy()
    final = _running_final(running, groups.ngroup().astype("int64").to_numpy())
    placed = np.rint(np.divide(running, final, out=np.zeros(len(work)), where=final > 0) * leaf).astype(np.int64)
    first = ~work.duplicated(["quantile", "period"]).to_numpy()
    before = np.where(first, 0, np.concatenate([[0], placed[:-1]]))
    return work.assign(cost_cents=pd.array(placed - before, dtype="Int64"))


def _running_final(running: Array, group: npt.NDArray[Any]) -> Array:
    """Return the last running total of each row's group (its total, to the last bit)."""
    last = np.zeros(int(group.max()) + 1)
    np.maximum.at(last, group, running)
    return np.asarray(last[group], dtype=np.float64)


def periods_of(starts: pd.DatetimeIndex, settings: Settings) -> npt.NDArray[Any]:
    days = starts.normalize()
    names = {day: settings.calendar.period_of(day.date()) for day in days.unique()}
    return np.array([names[day] for day in days], dtype=object)


def family(freq: str) -> str:
    return freq.split("-")[0]

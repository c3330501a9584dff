"""Widths: how wide the interval of a sum is, be it of sites or of a month's days.

Errors that are added up move together in part: half-widths in quadrature take them as independent, which is too
narrow. How much too narrow is measured on the same sums at earlier cutoffs: the quantile of |y - yhat| in units of the
half-width in quadrature, as split conformal prediction takes it (see `intervals`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from opsanalytics.demand.forecasting.intervals import (
    LEVELS,
    USUAL_AT_LEAST,
    calibrate,
    usual_quantile,
    weighted_quantiles,
)
from opsanalytics.demand.frequency import DAY
from opsanalytics.demand.record import periods_of
from opsanalytics.periods import Calendar

_LEVEL = 80
FADING = 0.7  # weight of a cutoff beside the next later one: of a sum it has one error only, so more of them are heard
_WHOLE = 0.75  # a month tested on fewer of its days than this is not looked at
_SERIES = ["service", "freq"]


def widened_forecasts(forecasts: pd.DataFrame, test: pd.DataFrame, positive: Collection[str]) -> pd.DataFrame:
    """Return sums with the intervals that their own backtest calls for, at each cutoff from what was known by then.

    `forecasts` (service, freq, cutoff, ds, yhat, lo.., hi..) and `test` (service, freq, cutoff, ds, y, yhat, lo80,
    hi80; the forecast's rows only) have half-widths in quadrature. `positive` are the services that are never negative.
    All levels' half-widths are multiplied by (n q + 4) / (n + 4): n cutoffs, q the 80 % quantile of |y - yhat| /
    (hi80 - yhat), a cutoff weighing FADING of the next later one.
    """
    errors = dict(iter(_ratios(test).groupby(_SERIES)))
    factor = pd.Series(1.0, index=forecasts.index)
    for series, own in forecasts.groupby(_SERIES)["cutoff"]:
        if series not in errors:
            continue
        cutoffs, stamps, ratio = (errors[series][name].to_numpy() for name in ("cutoff", "ds", "ratio"))
        for cutoff, rows in own.groupby(own):
            known = (cutoffs < cutoff) & (stamps < cutoff + DAY)
            age = _ages(cutoffs[known])
            factor[rows.index] = _factor(ratio[known], age, len(np.unique(age)))
    return _scaled(forecasts, factor, LEVELS, positive)


def widened_test(test: pd.DataFrame, positive: Collection[str]) -> pd.DataFrame:
    """Return the backtest of sums with such intervals, those of each cutoff from the errors of the others."""
    ratios = _ratios(test)
    factor = pd.Series(1.0, index=test.index)
    for _, own in ratios.groupby([*_SERIES, "role"]):
        ratio, age = own["ratio"].to_numpy(), _ages(own["cutoff"].to_numpy())
        looks = len(np.unique(age))
        for number in range(looks):
            others = age != number
            apart = np.abs(age[others] - number) - 1
            factor[own.index[~others]] = _factor(ratio[others], apart, looks - 1)
    return _scaled(test, factor, (_LEVEL,), positive)


def month_ranges(months: pd.DataFrame, forecasts: pd.DataFrame, test: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Within what does each month lie four times in five? `months` with lo80 and hi80.

    `months` are forecasts (site, service, unit, period, volume) of the sums of `forecasts` (by day or coarser, one freq
    a series); `test` is the backtest of these, without the yardstick. Where a forecast is by month, its own interval
    stands. Else half is n^(1/4) times the root of the sum of squares of the hi80 - yhat of its n days (or weeks): the
    geometric middle between n independent errors and one error common to all of them. It is multiplied by the width
    that `calibrate` gives all the services together, from |sum of y - sum of yhat| / half of the months tested by the
    month's cutoff. Missing where none was. A month of a series that is never below zero has no lower end below zero.
    """
    keys = ["site", "service", "unit", "period"]
    rows = forecasts.assign(period=months_of(forecasts, calendar), square=(forecasts["hi80"] - forecasts["yhat"]) ** 2)
    sums = rows.groupby([*keys, "freq"], dropna=False, as_index=False).agg(
        cutoff=("cutoff", "max"),
        half=("square", _root),
        low=("lo80", "min"),
        own_low=("lo80", "sum"),
        own_high=("hi80", "sum"),
    )
    tested, width = months_tested(test, calendar), pd.Series(np.nan, index=sums.index)
    for (freq, _), own in sums.groupby(["freq", "cutoff"]):
        found = _widths(tested, str(freq), own["cutoff"].iloc[0], list(own["service"].unique()))
        width[own.index] = own["service"].map(found)
    held = months.merge(sums.assign(width=width), on=keys, how="left", validate="one_to_one")
    half = held["half"] * held["width"]
    low = (held["volume"] - half).where(~(held["low"] >= 0), np.maximum(held["volume"] - half, 0.0))
    by_month = held["freq"].eq("MS")
    return months.assign(
        lo80=low.mask(by_month, held["own_low"]).to_numpy(),
        hi80=(held["volume"] + half).mask(by_month, held["own_high"]).to_numpy(),
    )


def months_tested(test: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return the months of a backtest: site, service, freq, cutoff, period, y, yhat, half, ds (the last one), ratio."""
    rows = test.assign(period=months_of(test, calendar), square=(test["hi80"] - test["yhat"]) ** 2)
    keys = ["site", "service", "freq"]
    sums = rows.groupby([*keys, "cutoff", "period"], as_index=False).agg(
        y=("y", "sum"), yhat=("yhat", "sum"), half=("square", _root), ds=("ds", "max"), days=("ds", "size")
    )
    whole = sums["days"] >= _WHOLE * sums.groupby(keys)["days"].transform("max")
    sums["ratio"] = (sums["y"] - sums["yhat"]).abs() / sums["half"].where(sums["half"] > 0)
    return sums[whole].reset_index(drop=True)


def _root(squares: pd.Series) -> float:
    """Return n^(1/4) times the root of the sum, NaN where a square is missing."""
    return float(np.sqrt(squares.sum(skipna=False)) * len(squares) ** 0.25)


def _widths(tested: pd.DataFrame, freq: str, cutoff: pd.Timestamp, services: list[str]) -> dict[str, float]:
    """Return how many half-widths in quadrature hold four of five months, from what was known at `cutoff`."""
    known = tested[(tested["freq"] == freq) & (tested["cutoff"] < cutoff) & (tested["ds"] < cutoff + DAY)]
    known = known[known["ratio"].notna()]
    if known.empty:
        return dict.fromkeys(services, float("nan"))
    usual = usual_quantile(_LEVEL)
    errors = pd.DataFrame(
        {
            "unique_id": known["service"],
            "origin": _ages(known["cutoff"].to_numpy()),
            "step": 1,
            "ratio": known["ratio"] * usual,
        }
    )
    widths = calibrate(errors, (_LEVEL,), edges=(), names=services, fading=FADING)["width"] / usual
    return dict(zip(services, widths, strict=True))


def _ratios(test: pd.DataFrame) -> pd.DataFrame:
    half = (test["hi80"] - test["yhat"]).where(lambda size: size > 0)
    rows = test.assign(ratio=(test["y"] - test["yhat"]).abs() / half)
    return rows[rows["ratio"].notna()]


def _ages(cutoffs: np.ndarray) -> np.ndarray:
    """Number the cutoffs from the latest one, 0, back."""
    distinct, place = np.unique(cutoffs, return_inverse=True)
    return np.asarray(len(distinct) - 1 - place)


def _factor(ratio: np.ndarray, age: np.ndarray, looks: int) -> float:
    """Return what half-widths are multiplied by, for the ratios of so many cutoffs and their ages."""
    if not looks:
        return 1.0
    quantile = float(weighted_quantiles(ratio, FADING**age, [_LEVEL])[0])
    return (looks * quantile + USUAL_AT_LEAST) / (looks + USUAL_AT_LEAST)


def _scaled(rows: pd.DataFrame, factor: pd.Series, levels: Collection[int], positive: Collection[str]) -> pd.DataFrame:
    """Return the rows with all half-widths multiplied, below zero only where the service can be."""
    columns: dict[str, np.ndarray] = {}
    floor = np.where(rows["service"].isin(list(positive)), 0.0, -np.inf)
    for level in levels:
        low = rows["yhat"] - factor * (rows["yhat"] - rows[f"lo{level}"])
        columns[f"lo{level}"] = np.maximum(low.to_numpy(), np.minimum(floor, rows["yhat"].to_numpy()))
        columns[f"hi{level}"] = (rows["yhat"] + factor * (rows[f"hi{level}"] - rows["yhat"])).to_numpy()
    return rows.assign(**columns)


def months_of(rows: pd.DataFrame, calendar: Calendar) -> pd.Series:
    """Return the period of each row, from its freq and ds."""
    found = pd.Series("", index=rows.index, dtype="str")
    for freq in rows["freq"].unique():
        own = rows["freq"] == freq
        found[own] = periods_of(pd.DatetimeIndex(rows.loc[own, "ds"]), str(freq), calendar)
    return found

"""Sizes: what each campaign, holiday and closure did to the demand of its days.

An effect is a share: 0.25 is a quarter more than would have come without it, -1 is nothing left.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY

SIZE_COLUMNS = ("name", "kind", "days", "effect", "lo80", "hi80")
LENT = 4  # degrees of freedom that the spread of ordinary days lends to the spread of an event's days
_LEVEL = 0.9  # the upper end of the middle 80 %


def effect_sizes(
    y: pd.Series, effects: pd.DataFrame, freq: str, expected: pd.Series, *, autocorrelation: float = 0.0
) -> pd.DataFrame:
    """What did each event do? DataFrame[name, kind, days, effect, lo80, hi80], sorted by kind and name.

    `y` and `expected` are daily (index ds); `expected` is the demand without any event, by the day of the week, the
    season and the level. With r = ln(y / expected) on the n days of an event, effect = exp(m) - 1, m the mean of r
    without its g highest and g lowest days, g = 0 for one or two days, else max(1, n // 10), so that one odd day
    decides nothing. Its range is exp(m -+ t se) - 1, t of Student at 80 %, se = s / sqrt(h), h = n - 2 g, and
    s^2 = (4 v + S) / (4 + h - 1) pools S, the Winsorised sum of squares about its mean, with 4 degrees of
    freedom of v, the variance of ordinary days (1.4826 MAD)^2. For three or four days m is the median, S is that of
    all the days and s^2 = (4 v + S) / (4 + n - 1), se = s sqrt(pi / (2 n)). (J. W. Tukey and D. H. McLaughlin,
    Sankhya A 1963; pooling: G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 2004.)

    Days are taken as independent once day of the week, season and level are out of them. With a residual
    `autocorrelation` rho, n days count as n^2 / sum_ij rho^|t_i - t_j|, which is n (1 - rho) / (1 + rho) for a long
    run of days and n for days a year apart (G. V. Bayley and J. M. Hammersley, Supplement to JRSS 1946).
    The error of `expected` itself is not in the range.

    Days without y or with expected <= 0 do not count; nor does a day that another kind of effect or another campaign
    holds as well, for it says nothing of either alone. An event without a day left has 0 days and NaN. Where a
    day is not above zero, r = y / expected - 1 is taken as it is. A closure that left nothing is -1, without width.
    Raises ValueError for a frequency other than "D": a month shows an event in part only.
    """
    if freq != "D":
        raise ValueError(
            f"effects are measured on days, not on '{freq}': give daily values, or fit period_regressors instead."
        )
    if not 0 <= autocorrelation < 1:
        raise ValueError(f"autocorrelation {autocorrelation:g} must be from 0 to below 1: set a negative one to 0.")
    both = pd.DataFrame({"y": y, "expected": expected}).dropna()
    both = both[both["expected"] > 0]
    ratios = (both["y"] / both["expected"]).to_numpy(dtype=np.float64)
    stamps = pd.DatetimeIndex(both.index)
    days = np.asarray((stamps - pd.Timestamp(0)) / DAY, dtype=np.float64)
    table = effects.drop_duplicates(["ds", "kind", "name"]).sort_values("ds")
    ordinary = ratios[~stamps.isin(table["ds"])]
    variance = {logs: _variance(ordinary, logs) for logs in (True, False)}
    place = np.where(_mixed(table), -1, stamps.get_indexer(pd.DatetimeIndex(table["ds"])))
    rows = []
    for (kind, name), group in pd.Series(place, table.index).groupby([table["kind"], table["name"]], sort=True):
        own = group[group >= 0].to_numpy()
        size = _size(ratios[own], str(kind), variance, _independent(days[own], autocorrelation))
        rows.append((str(name), str(kind), len(own), *size))
    frame = pd.DataFrame(rows, columns=list(SIZE_COLUMNS))
    return frame.astype({"name": "str", "kind": "str", "days": "int64", **dict.fromkeys(SIZE_COLUMNS[3:], "float64")})


def _mixed(table: pd.DataFrame) -> np.ndarray:
    """Which rows do not show an effect of their kind alone?

    Two holidays on one day are one special day with two names, and a closure is a closure whatever else was on.
    """
    days = table.drop_duplicates(["ds", "kind"])["ds"]
    of_kinds = table["ds"].isin(days[days.duplicated()])
    twice = table.duplicated(["ds", "kind"], keep=False)
    return np.asarray(
        (of_kinds & table["kind"].isin(["holiday", "campaign"])) | (twice & (table["kind"] == "campaign"))
    )


def _variance(ratios: np.ndarray, logs: bool) -> float:
    """Return the variance of ordinary days' ratios, by the median absolute deviation; NaN below two of them."""
    values = np.log(ratios[ratios > 0]) if logs else ratios
    if len(values) < 2:
        return float("nan")
    return float((1.4826 * np.median(np.abs(values - np.median(values)))) ** 2)


def _size(
    ratios: np.ndarray, kind: str, variance: Mapping[bool, float], independent: float
) -> tuple[float, float, float]:
    """Return effect, lo80 and hi80 from the ratios of an event's days; `variance` with and without logs."""
    if not len(ratios):
        return (float("nan"),) * 3
    if kind == "closure" and not ratios.any():
        return (-1.0,) * 3
    logs = bool((ratios > 0).all())
    values = np.log(ratios) if logs else ratios - 1.0
    centre, half = _centre(values, variance[logs], independent)
    ends = np.array([centre, centre - half, centre + half])
    shares = np.expm1(ends) if logs else ends
    if kind == "closure" or bool((ratios >= 0).all()):
        shares = np.maximum(shares, -1.0)
    return float(shares[0]), float(shares[1]), float(shares[2])


def _centre(values: np.ndarray, variance: float, independent: float) -> tuple[float, float]:
    """Return the trimmed mean and the half-width of its 80 % range (NaN where nothing gives a spread)."""
    n = len(values)
    trim = 0 if n <= 2 else max(1, n // 10)
    ranked = np.sort(values)
    centre = float(ranked[trim : n - trim].mean())
    few = n <= 4
    kept = n if few else n - 2 * trim
    clipped = ranked if few else np.clip(ranked, ranked[trim], ranked[n - trim - 1])
    squares = float(((clipped - clipped.mean()) ** 2).sum())
    lent = 0 if np.isnan(variance) else LENT
    freedom = lent + kept - 1
    if not freedom:
        return centre, float("nan")
    pooled = ((lent * variance if lent else 0.0) + squares) / freedom
    median_loss = np.pi / 2 if few and n > 2 else 1.0
    error = np.sqrt(pooled * median_loss / (kept * independent / n))
    from scipy.special import stdtrit  # Student's quantile, without the half second that scipy.stats takes to load

    return centre, float(stdtrit(freedom, _LEVEL) * error)


def _independent(days: np.ndarray, rho: float) -> float:
    """How many independent days are these, numbered, worth?"""
    if rho == 0 or not len(days):
        return float(len(days))
    return float(len(days) ** 2 / (rho ** np.abs(days[:, None] - days[None, :])).sum())

"""Accuracy: how far a forecast was off, in one number.

Arrays in, number out. A pair with a missing actual or a missing forecast is left out of every
score: a day nobody recorded proves nothing. With no pair left, or a denominator of zero, the score
is NaN, never infinite. Errors are actual minus forecast, except `bias`, which says where the
forecast leans and is therefore forecast minus actual.

Sources: R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.8
and 5.9; S. Makridakis et al., The M4 competition, 2020 (sMAPE from 0 to 200).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """How large are the errors beside the volume? sum |y - f| / sum |y|, a share.

    Arrays of one length; ValueError otherwise. NaN pairs are left out; NaN when all actuals are zero.
    """
    y, f = _aligned(actual, forecast)
    return _ratio(float(np.abs(y - f).sum()), float(np.abs(y).sum()))


def bias(actual: ArrayLike, forecast: ArrayLike) -> float:
    """Where does the forecast lean? sum (f - y) / sum |y|, a share; above zero it is too high."""
    y, f = _aligned(actual, forecast)
    return _ratio(float((f - y).sum()), float(np.abs(y).sum()))


def smape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """How large are the errors in per cent of both? mean of 200 |y - f| / (|y| + |f|), from 0 to 200.

    A pair of two zeros is a perfect forecast and counts as 0.
    """
    y, f = _aligned(actual, forecast)
    if not y.size:
        return float("nan")
    size = np.abs(y) + np.abs(f)
    terms = np.divide(200.0 * np.abs(y - f), size, out=np.zeros_like(size), where=size > 0)
    return float(terms.mean())


def mase(actual: ArrayLike, forecast: ArrayLike, training: ArrayLike, season: int = 1) -> float:
    """How does it compare with repeating last season? mean |y - f| / mean |y_t - y_(t - season)|.

    The denominator runs over `training`, in time order on a regular grid with NaN at its gaps:
    differences with a NaN on either side are left out. Below 1 it beats the in-sample seasonal
    naive. NaN when training is not longer than `season` or repeats itself exactly.
    ValueError for a season below 1.
    """
    if season < 1:
        raise ValueError(f"season is {season}: it must be 1 step or more.")
    y, f = _aligned(actual, forecast)
    history = np.asarray(training, dtype=np.float64)
    steps = np.abs(history[season:] - history[:-season])
    steps = steps[~np.isnan(steps)]
    if not y.size or not steps.size:
        return float("nan")
    return _ratio(float(np.abs(y - f).mean()), float(steps.mean()))


def pinball(actual: ArrayLike, forecast: ArrayLike, quantile: float) -> float:
    """How good is this quantile forecast? mean of q (y - f) where y is above, (1 - q)(f - y) below.

    In the unit of the data; 0 is perfect. ValueError for a quantile outside (0, 1).
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}: it must lie between 0 and 1.")
    y, f = _aligned(actual, forecast)
    if not y.size:
        return float("nan")
    return float(np.maximum(quantile * (y - f), (quantile - 1) * (y - f)).mean())


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """How often did the interval hold the actual, its ends included? A share from 0 to 1."""
    y, lo, hi = _aligned(actual, lower, upper)
    if not y.size:
        return float("nan")
    return float(((lo <= y) & (y <= hi)).mean())


def _aligned(*values: ArrayLike) -> tuple[Floats, ...]:
    arrays = [np.asarray(value, dtype=np.float64).ravel() for value in values]
    if len({array.size for array in arrays}) > 1:
        raise ValueError(f"actuals and forecasts differ in length: {', '.join(str(array.size) for array in arrays)}.")
    known = ~np.any([np.isnan(array) for array in arrays], axis=0)
    return tuple(array[known] for array in arrays)


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")

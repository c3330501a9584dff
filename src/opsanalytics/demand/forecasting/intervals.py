"""Intervals: how far forecasts really missed, in units of how far the model thought they might.

A model gives each step a standard deviation. At earlier cutoffs the errors are known: measured in those deviations,
their quantiles say how many deviations an interval needs. That is split conformal prediction with a scale of its own
for each series and step (J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, Distribution-Free
Predictive Inference for Regression, 2018, section 5.2), recent cutoffs weighing more (R. F. Barber, E. J. Candes, A.
Ramdas and R. J. Tibshirani, Conformal Prediction Beyond Exchangeability, 2023). Errors of one cutoff move together, so
the coverage is right on average, not by theorem.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEVELS = (60, 80, 90, 95)
FADING = 0.7  # weight of a cutoff beside the next later one
OWN_AT_LEAST = 8  # cutoffs for which the panel counts beside those of the series itself
USUAL_AT_LEAST = 4  # cutoffs of one series for which the usual quantiles count beside the panel's
_USUAL_STRETCH = {60: 1.05, 80: 1.1, 90: 1.15, 95: 1.2}  # of the normal quantile: errors have longer tails

Floats = NDArray[np.float64]


def calibrate(
    errors: pd.DataFrame, levels: Sequence[int] = LEVELS, *, edges: Sequence[int], names: Sequence[str]
) -> pd.DataFrame:
    """How many deviations wide is half of each level's interval? DataFrame[unique_id, bucket, level, width].

    `errors` has unique_id, origin (0 the latest cutoff, 1 the one before ...), step (1 is the first after the cutoff)
    and ratio, |y - yhat| / deviation; missing ratios are left out. `edges` are the last steps of the buckets but the
    open last one; `names` the series to answer for. The panel's quantile of a bucket is that of all its errors, those
    of a cutoff weighing FADING of the next later one's; where a bucket has none, the nearest one with some stands in.
    It is averaged with the normal quantile, which counts as USUAL_AT_LEAST cutoffs of one series, and the series' own
    quantile with both, which count as OWN_AT_LEAST cutoffs of its. Widths never fall with the level.
    """
    known = errors.dropna(subset=["ratio"])
    bucket = np.searchsorted(np.asarray(edges), known["step"].to_numpy(), side="left")
    ratio, age = known["ratio"].to_numpy(dtype=np.float64), known["origin"].to_numpy(dtype=np.int64)
    weight, owner = FADING**age, known["unique_id"].to_numpy(dtype=object)
    ordered = sorted(levels)
    panel = _panel(ratio, weight, owner, age, bucket, len(edges) + 1, ordered)
    own_rows = pd.Series(np.arange(len(owner))).groupby(owner).indices
    blocks = []
    for name in names:
        rows = own_rows.get(name, np.empty(0, dtype=np.int64))
        table = np.array(
            [_own(ratio, weight, age, rows[bucket[rows] == one], ordered, panel[one]) for one in range(len(edges) + 1)]
        )
        blocks.append(np.maximum.accumulate(table, axis=1))
    count = len(edges) + 1
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.asarray(names, dtype=object), count * len(ordered)),
            "bucket": np.tile(np.repeat(np.arange(count), len(ordered)), len(names)),
            "level": np.tile(ordered, count * len(names)),
            "width": np.concatenate(blocks).ravel() if blocks else np.empty(0),
        }
    ).astype({"unique_id": "str"})


def usual_quantile(level: int) -> float:
    """Return how many deviations hold an outcome so many times in a hundred, where nothing was measured."""
    return NormalDist().inv_cdf(0.5 + level / 200) * _USUAL_STRETCH.get(level, 1.0)


def weighted_quantiles(sizes: Floats, weights: Floats, levels: Sequence[int]) -> Floats:
    """Return for each level the smallest size that, with the smaller ones, bears so many per cent of all weight and of
    one unseen error's.

    The unseen one weighs as the mean of the others and is larger than all; where that is asked for, the largest
    answers.
    """
    order = np.argsort(sizes, kind="stable")
    reached = np.cumsum(weights[order])
    wanted = (reached[-1] + weights.mean()) * np.asarray(levels) / 100
    place = np.searchsorted(reached, wanted * (1 - 1e-12), side="left")
    return np.asarray(sizes[order][np.minimum(place, len(sizes) - 1)])


def _panel(
    ratio: Floats,
    weight: Floats,
    owner: np.ndarray,
    age: np.ndarray,
    bucket: np.ndarray,
    buckets: int,
    levels: list[int],
) -> Floats:
    """Return the quantiles of the whole panel: buckets by levels."""
    usual = np.array([usual_quantile(level) for level in levels])
    found = np.tile(usual, (buckets, 1))
    filled = [one for one in range(buckets) if (bucket == one).any()]
    for one in range(buckets):
        if not filled:
            break
        rows = bucket == min(filled, key=lambda other: (abs(other - one), other))
        looks = len(set(zip(owner[rows], age[rows], strict=True)))
        measured = weighted_quantiles(ratio[rows], weight[rows], levels)
        found[one] = (looks * measured + USUAL_AT_LEAST * usual) / (looks + USUAL_AT_LEAST)
    return found


def _own(ratio: Floats, weight: Floats, age: np.ndarray, rows: np.ndarray, levels: list[int], panel: Floats) -> Floats:
    """Return a series' own quantiles, averaged with the panel's."""
    if not len(rows):
        return panel
    looks = len(np.unique(age[rows]))
    measured = weighted_quantiles(ratio[rows], weight[rows], levels)
    return np.asarray((looks * measured + OWN_AT_LEAST * panel) / (looks + OWN_AT_LEAST))

"""Intervals: how far forecasts really missed, in units of how far the model thought they might.

A model gives each step a standard deviation. At earlier cutoffs the errors are known: measured in those deviations,
their quantiles say how many deviations an interval needs. That is split conformal prediction with a scale of its own
for each series and step (J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, Distribution-Free
Predictive Inference for Regression, 2018, section 5.2), recent cutoffs weighing more (R. F. Barber, E. J. Candes, A.
Ramdas and R. J. Tibshirani, Conformal Prediction Beyond Exchangeability, 2023). A series whose errors were larger than
the panel's in these units is given a scale that says so: quantiles of a few errors of its own would jump. Errors of one
cutoff move together, so the coverage is right on average, not by theorem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEVELS = (60, 80, 90, 95)
FADING = 0.5  # weight of a cutoff beside the next later one
OWN_AT_LEAST = 8  # cutoffs for which the panel counts beside those of the series itself
_FAR_OFF = 4.0  # how many usual errors of the panel one error counts at most, where a series' scale is measured
_ROUNDING = 1e-9  # of a series' weight: less is left over from a subtraction
USUAL_AT_LEAST = 4  # cutoffs of one series for which the usual quantiles count beside the panel's
_USUAL_STRETCH = {60: 1.05, 80: 1.1, 90: 1.15, 95: 1.2}  # of the normal quantile: errors have longer tails

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


def calibrate(
    errors: pd.DataFrame,
    levels: Sequence[int] = LEVELS,
    *,
    edges: Sequence[int],
    names: Sequence[str],
    fading: float = FADING,
) -> pd.DataFrame:
    """How many deviations wide is half of each level's interval? DataFrame[unique_id, bucket, level, width].

    `errors` has unique_id, origin (0 the latest cutoff, 1 the one before ...), step (1 is the first after the cutoff)
    and ratio, |y - yhat| / deviation; missing ratios are left out. `edges` are the last steps of the buckets but the
    open last one; `names` the series to answer for. A series' scale is its mean error in units of the panel's in the
    same bucket (one error counting four at most, cutoffs weighing as below), averaged with 1, which counts as
    OWN_AT_LEAST cutoffs. The width is the scale times the panel's quantile, that of all errors of the bucket, each over
    the scale that its series has without that cutoff; a cutoff weighs `fading` of the next later one's, and where a
    bucket has no error, the nearest one with some stands in. The quantile is averaged with the normal one, which counts
    as USUAL_AT_LEAST cutoffs of one series. Widths never fall with the level.
    """
    known = Errors.of(errors, edges)
    ordered, count = sorted(levels), len(edges) + 1
    table = known.widths(ordered, fading=fading)[known.names.get_indexer(pd.Index(list(names), dtype="str"))]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.asarray(names, dtype=object), count * len(ordered)),
            "bucket": np.tile(np.repeat(np.arange(count), len(ordered)), len(names)),
            "level": np.tile(ordered, count * len(names)),
            "width": table.ravel(),
        }
    ).astype({"unique_id": "str"})


@dataclass(frozen=True)
class Errors:
    """The errors of a panel, side by side: the number of their series in `names`, their bucket, origin, and ratio
    (NaN where nothing is known); `edges` are the last steps of the buckets."""

    names: pd.Index
    owner: Places
    bucket: Places
    origin: Places
    ratio: Floats
    edges: Places

    @property
    def buckets(self) -> int:
        """The number of buckets."""
        return len(self.edges) + 1

    @classmethod
    def of(cls, rows: pd.DataFrame, edges: Sequence[int]) -> Errors:
        """Take errors from a frame, see `calibrate`."""
        owner, names = pd.factorize(rows["unique_id"].astype("str"))
        ends = np.asarray(edges, dtype=np.int64)
        bucket = np.searchsorted(ends, rows["step"].to_numpy(dtype=np.int64), side="left")
        origin, ratio = rows["origin"].to_numpy(dtype=np.int64), rows["ratio"].to_numpy(dtype=np.float64)
        return cls(pd.Index(names), owner, bucket, origin, ratio, ends)

    def places(self, rows: pd.DataFrame) -> tuple[Places, Places]:
        """Return the places in `widths` of rows with unique_id and step: the series' number, the bucket's."""
        steps = rows["step"].to_numpy(dtype=np.int64)
        owner = self.names.get_indexer(pd.Index(rows["unique_id"]))
        return owner, np.searchsorted(self.edges, steps, side="left")

    def widths(
        self,
        levels: Sequence[int],
        some: Flags | None = None,
        age: Places | None = None,
        *,
        fading: float = FADING,
    ) -> Floats:
        """Calibrate on `some` of the errors, whose cutoffs are of such an age: series by buckets by levels.

        The last row is that of a series without errors.
        """
        rows = ~np.isnan(self.ratio) if some is None else some & ~np.isnan(self.ratio)
        owner, bucket, ratio = self.owner[rows], self.bucket[rows], self.ratio[rows]
        age = (self.origin if age is None else age)[rows]
        age = age - (age.min() if len(age) else 0)
        weight, looks = np.power(fading, age, dtype=np.float64), _Looks(owner, self.origin[rows], len(self.names))
        relative = _relative(ratio, weight, bucket, self.buckets)
        scale, without = looks.scales(relative, weight)
        panel = _panel(ratio / without, weight, bucket, looks, self.buckets, levels)
        return np.append(scale, 1.0)[:, None, None] * panel


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


class _Looks:
    """The looks at a panel: each series at each cutoff is one. `of` numbers the look that each error belongs to."""

    def __init__(self, owner: Places, origin: Places, series: int) -> None:
        looks, self.of = np.unique(origin * series + owner, return_inverse=True)
        self.owner, self.series = looks % max(series, 1), series

    def count(self, some: Flags) -> int:
        """Return how many looks have some of the errors."""
        return len(np.unique(self.of[some]))

    def scales(self, relative: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """Return each series' scale, and for each error the scale of its series without the error's own look."""
        total, mass = _sums(self.of, weight * relative), _sums(self.of, weight)
        total_of, mass_of, looks = (_sums(self.owner, part, self.series) for part in (total, mass, np.ones(len(mass))))
        others = mass_of[self.owner] - mass
        seen = np.where(others > _ROUNDING * mass_of[self.owner], looks[self.owner] - 1, 0.0)
        rest = _shrunk(np.maximum(total_of[self.owner] - total, 0.0), others, seen)
        return _shrunk(total_of, mass_of, looks), rest[self.of]


def _sums(of: Places, part: Floats, count: int = 0) -> Floats:
    """Return the sum of what belongs to each number, for `count` numbers at least."""
    return np.bincount(of, part, minlength=count).astype(np.float64)


def _shrunk(total: Floats, mass: Floats, looks: Floats) -> Floats:
    """Return total / mass, which so many looks are behind, averaged with one; one where there is none."""
    mean = total / np.where(mass > 0, mass, 1.0)
    return np.where(looks > 0, (looks * mean + OWN_AT_LEAST) / (looks + OWN_AT_LEAST), 1.0)


def _relative(ratio: Floats, weight: Floats, bucket: Places, buckets: int) -> Floats:
    """Return errors in units of the panel's mean error in their bucket, one where none has any.

    One error counts for _FAR_OFF of the middle ones at most in the mean, and for as many means in a series' scale.
    """
    middle = np.zeros(buckets)
    for one in np.unique(bucket):
        middle[one] = weighted_quantiles(ratio[bucket == one], weight[bucket == one], [50])[0]
    ratio = np.minimum(ratio, _FAR_OFF * middle[bucket])
    total, mass = (_sums(bucket, part, buckets) for part in (weight * ratio, weight))
    mean = (total / np.where(mass > 0, mass, 1.0))[bucket]
    return np.where(mean > 0, np.minimum(ratio / np.where(mean > 0, mean, 1.0), _FAR_OFF), 1.0)


def _panel(ratio: Floats, weight: Floats, bucket: Places, looks: _Looks, buckets: int, levels: Sequence[int]) -> Floats:
    """Return the quantiles of the whole panel: buckets by levels."""
    usual = np.array([usual_quantile(level) for level in levels])
    found = np.tile(usual, (buckets, 1))
    filled = np.unique(bucket)
    for one in range(buckets if len(filled) else 0):
        rows = bucket == min(filled, key=lambda other: (abs(other - one), other))
        measured = weighted_quantiles(ratio[rows], weight[rows], levels)
        seen = looks.count(rows)
        found[one] = (seen * measured + USUAL_AT_LEAST * usual) / (seen + USUAL_AT_LEAST)
    return np.maximum.accumulate(found, axis=1)

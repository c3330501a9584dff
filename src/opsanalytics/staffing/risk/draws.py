"""Draws: what may happen in the months to come, by run (rows of an array) and by row of the plan (its columns).

Every draw starts from a number that does not depend on the plan: the same run meets the same demand and the same luck
with absences whichever percentile is staffed, so that more people never do worse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from opsanalytics.staffing.numbers import Array

_FAR = 12.0  # standard deviations beyond which nothing is drawn
_ALMOST_SURE = 1 - 1e-12

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spread:
    """A forecast's distribution: `values` (rows by knots, never falling) at normal scores `knots`, one the median."""

    knots: Array
    values: Array

    @property
    def middle(self) -> Array:
        """Return the median of each row."""
        return np.asarray(self.values[:, int(np.flatnonzero(self.knots == 0)[0])])

    @property
    def deviation(self) -> Array:
        """Return the standard deviation of each row, from the upper bound nearest one deviation and a quarter."""
        upper = int(np.argmin(np.abs(self.knots - 1.28)))
        return np.asarray((self.values[:, upper] - self.middle) / self.knots[upper])


def bounds_of(forecasts: pd.DataFrame) -> list[str]:
    """Return the columns that give the distribution, from the lowest bound over yhat to the highest."""
    lower = [str(name) for name in forecasts.columns if re.fullmatch(r"lo\d+", str(name))]
    levels = sorted(int(name[2:]) for name in lower if f"hi{name[2:]}" in forecasts.columns)
    return [*(f"lo{level}" for level in reversed(levels)), "yhat", *(f"hi{level}" for level in levels)]


def spread_of(forecasts: pd.DataFrame) -> Spread:
    """Return the distribution of each row; beyond the outermost bounds the line from the median through them goes on.

    hi60 is the 80th percentile, lo60 the 20th. Every bound is there.
    """
    names = bounds_of(forecasts)
    shares = [0.5 if name == "yhat" else 0.5 + (1 if name[:2] == "hi" else -1) * int(name[2:]) / 200 for name in names]
    scores = special.ndtri(np.array(shares))
    values = np.maximum.accumulate(forecasts[names].to_numpy(dtype=np.float64), axis=1)
    middle = values[:, names.index("yhat")]
    low, high = (middle + (values[:, end] - middle) * _FAR / np.abs(scores[end]) for end in (0, -1))
    return Spread(np.r_[-_FAR, scores, _FAR], np.column_stack([low, values, high]))


def volumes(spread: Spread, scores: Array) -> Array:
    """Return the volume at each normal score (runs by rows), on straight lines between the knots, never below zero."""
    place = np.clip(np.searchsorted(spread.knots, scores) - 1, 0, len(spread.knots) - 2)
    slopes = np.diff(spread.values, axis=1) / np.diff(spread.knots)
    row = np.arange(len(spread.values))
    return np.maximum(spread.values[row, place] + slopes[row, place] * (scores - spread.knots[place]), 0.0)


@dataclass(frozen=True)
class Shares:
    """Which part of an error's variance all rows have in common (`lasting`), and those of one day besides (`daily`)."""

    lasting: float
    daily: float


@dataclass(frozen=True)
class Sums:
    """The standard deviations of sums on record (NaN where there is none), and which of them each part belongs to.

    `part` numbers the sum that each part (a row of a day, a day of a month) belongs to.
    """

    deviation: Array
    part: Ints

    def in_common(self, total: Array, squares: Array, usual: float) -> float:
        """Return the correlation of the parts from the sums of their deviations and of the squares, else `usual`."""
        pairs = total**2 - squares
        known = (pairs > 1e-9 * squares) & ~np.isnan(self.deviation)
        if not known.any():
            return usual
        found = (self.deviation[known] ** 2 - squares[known]) / pairs[known]
        return float(np.clip(np.median(found), 0.0, 1.0))


def middle_road(count: float) -> float:
    """Return the correlation at which the error of a sum of `count` grows with its power of three quarters.

    That lies in the (geometric) middle between errors that are independent, power of a half, and one that all have in
    common, power of one.
    """
    return float(1 / (np.sqrt(count) + 1))


def shares_of(rows: Spread, day: Ints, days: Sums | None, months: Sums | None, a_month: int) -> Shares:
    """How much of the error is common to a day, and to all days?

    `rows` are the rows' distributions and `day` the number of each row's day; `days` are the deviations of the days'
    sums and `months` those of the months', where they are on record. What parts of deviations s have in common whose
    sum has the deviation S is (S^2 - sum s^2) / ((sum s)^2 - sum s^2), the middle one of the sums. Without sums, of a
    day or of a month of `a_month` days, the middle road is taken.
    """
    deviation = rows.deviation
    total, squares, count = (_added(day, part) for part in (deviation, deviation**2, np.ones(len(day))))
    held = 1.0
    if count.max() > 1:
        usual = middle_road(float(np.median(count[count > 1])))
        held = usual if days is None else days.in_common(total, squares, usual)
    of_day = np.sqrt(held * total**2 + (1 - held) * squares)
    between = middle_road(a_month) if a_month > 1 else 0.0
    if months is not None:
        between = months.in_common(_added(months.part, of_day), _added(months.part, of_day**2), between)
    busy = total > 0
    alike = float(np.median((of_day[busy] / total[busy]) ** 2)) if busy.any() else 1.0
    lasting = min(between * alike, held)
    return Shares(lasting, held - lasting)


def _added(of: Ints, part: Array) -> Array:
    """Return the sum of what belongs to each number."""
    return np.bincount(of, part).astype(np.float64)


def scores(rng: np.random.Generator, runs: int, day: Ints, shares: Shares) -> Array:
    """Return normal scores, runs by rows: of one error for all rows, one a day and one a row, in their shares."""
    lasting = rng.standard_normal((runs, 1))
    daily = rng.standard_normal((runs, int(day.max()) + 1))[:, day]
    own = rng.standard_normal((runs, len(day)))
    rest = max(1 - shares.lasting - shares.daily, 0.0)
    return np.asarray(np.sqrt(shares.lasting) * lasting + np.sqrt(shares.daily) * daily + np.sqrt(rest) * own)


def handling_factors(scores: Array, spread: float, days: Array) -> Array:
    """Return by how much the handling time is off: lognormal, one on average, with this standard deviation in a day.

    A row of several `days` has the spread of their mean.
    """
    variance = np.log1p(spread**2 / days)
    return np.asarray(np.exp(np.sqrt(variance) * scores - variance / 2))


def people_present(scheduled: Array, shrinkage: Array, days: Array, luck: Array) -> Array:
    """How many of the people scheduled are at work? Each is absent with the probability of the shrinkage.

    `luck` (runs by rows, uniform) is put through the binomial distribution, so that more people scheduled or less
    shrinkage never leave fewer at work. In a row of several `days` each day of each person is drawn.
    """
    found = np.empty(luck.shape)
    keys = np.column_stack([np.rint(scheduled), shrinkage, days])
    kinds, kind = np.unique(keys, axis=0, return_inverse=True)
    for number, (people, away, span) in enumerate(kinds):
        own = kind.ravel() == number
        trials = round(people * span)
        at_most = special.bdtr(np.arange(trials + 1, dtype=np.float64), trials, 1 - away)
        at_most[-1] = 1.0
        found[:, own] = np.searchsorted(at_most, np.minimum(luck[:, own], _ALMOST_SURE)) / span
    return found

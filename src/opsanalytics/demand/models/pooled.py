"""The pooled autoregression: what followed such a year, in all series of the panel?

One linear regression for every series: the values of the next steps on those of the last two seasons and the place in
the season, each window measured from its own last season's mean and in units of its series' spread (P. Montero-Manso
and R. J. Hyndman, Principles and algorithms for forecasting groups of time series, 2021). Ridge, with windows that fit
badly weighing less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opsanalytics.demand.models.history import Floats, History

SERIES_AT_LEAST = 8
WINDOWS_AT_LEAST = 200
_SEASONS = 2
_RIDGE = 0.03  # of the number of windows
_LATEST = 120  # windows of a series
_ROUNDS = 3
_SPREAD_STEPS = 60
_LEAST_SPREAD = 1e-6


def forecasts(histories: Sequence[History], horizon: int) -> list[Floats] | None:
    """Return the next steps of each history, all of one season; None where the panel is too small to learn from.

    All are longer than two seasons.
    """
    season = histories[0].season
    width = _SEASONS * season
    series = [_Measured(history) for history in histories]
    found = [one.windows(width, horizon) for one in series if len(one.values) >= width + horizon]
    if len(found) < SERIES_AT_LEAST or sum(len(asked) for asked, _ in found) < WINDOWS_AT_LEAST:
        return None
    asked, answers = (np.concatenate(part) for part in zip(*found, strict=True))
    coefficients = _ridge(asked, answers)
    return [one.forecast(width, coefficients) for one in series]


class _Measured:
    """A history on logarithms where it is positive, else in units of its size."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.logs = bool((history.values > 0).all())
        self.size = max(float(np.abs(history.values).mean()), 1e-9)
        self.values = np.log(history.values) if self.logs else history.values / self.size
        recent = np.diff(self.values[-_SPREAD_STEPS:])
        self.spread = (float(np.std(recent)) if len(recent) else 0.0) + _LEAST_SPREAD

    def windows(self, width: int, horizon: int) -> tuple[Floats, Floats]:
        """Return what was known (windows by columns) and what followed (windows by horizon), the latest ones only."""
        ends = np.arange(max(width, len(self.values) - _LATEST), len(self.values) - horizon + 1)
        known = self.values[ends[:, None] + np.arange(-width, 0)]
        level = known[:, -self.history.season :].mean(axis=1, keepdims=True)
        after = self.values[ends[:, None] + np.arange(horizon)]
        return self._asked(known, level, ends), (after - level) / self.spread

    def forecast(self, width: int, coefficients: Floats) -> Floats:
        """Return the next steps."""
        known, season = self.values, self.history.season
        known = known[None, -width:]
        level = known[:, -season:].mean(axis=1, keepdims=True)
        ahead = (self._asked(known, level, np.array([len(self.values)])) @ coefficients)[0] * self.spread + level[0]
        return np.asarray(np.exp(np.minimum(ahead, 700.0)) if self.logs else ahead * self.size)

    def _asked(self, known: Floats, level: Floats, ends: np.ndarray) -> Floats:
        place = np.eye(self.history.season)[(self.history.place + ends) % self.history.season]
        return np.hstack([(known - level) / self.spread, place])


def _ridge(asked: Floats, answers: Floats) -> Floats:
    """Return the coefficients, each round weighing a window by one over its error, up to that of the median window."""
    weight = np.ones(len(asked))
    penalty = np.eye(asked.shape[1]) * _RIDGE * len(asked)
    found: Floats = np.zeros((asked.shape[1], answers.shape[1]))
    for _ in range(_ROUNDS):
        found = np.asarray(np.linalg.solve((asked.T * weight) @ asked + penalty, (asked.T * weight) @ answers))
        error = np.sqrt(((answers - asked @ found) ** 2).mean(axis=1))
        weight = 1 / np.maximum(error, max(float(np.median(error)), 1e-9))
    return found

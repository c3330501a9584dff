"""Hours and half hours: two direct regressions for the next steps of series that never close.

Direct: each step ahead has its own equation, fitted on all past origins of the history, so the error that is minimised
is the one that counts. The first starts from the weekly pattern (each time of the week exponentially smoothed) and
adds what recent deviations and other patterns say, its coefficients shrunk towards one set for all steps. The second
is pooled over the series of a panel (P. Montero-Manso and R. J. Hyndman, Principles and algorithms for forecasting
groups of time series, 2021): the last two weeks, by ridge around a mean of the same time on the last days and weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opsanalytics.demand.models.history import FEW_ZEROS, Floats

SERIES_AT_LEAST = 5
_DAY_RATE, _WEEK_RATE, _SLOW_RATE = 0.3, 0.5, 0.2
_WEEK_LEVELS, _DAY_LEVELS = (1.0, 0.4, 0.15, 0.05, 0.015), (1.0, 0.15, 0.03)
_SHARED_RIDGE, _STEP_RIDGE = 1000.0, 300.0
_LAG_RIDGE, _WINDOWS = 2000.0, 20_000
_ORIGINS = 1000  # of a series' own regression: more would take memory and change little
_SAME_TIME = {"day": (0.15, 0.09, 0.06), "week": (0.3, 0.2)}
_ROUNDS = 3
_TINY = 1e-9


@dataclass(frozen=True)
class Near:
    """The next steps of a series and the standard deviation of each."""

    ahead: Floats
    deviation: Floats


def reach(steps: int, week: int) -> int:
    """Return how many steps ahead a history of so many steps can be forecast by these regressions; 0: none."""
    return max((steps - 2 * week) // 3, 0)


def forecasts(series: Sequence[Floats], horizon: int, day: int, week: int) -> list[Near]:
    """Forecast series without gaps, of `day` steps a day and `week` a week, each of two weeks and three horizons or
    more.

    From five series on the pooled regression is averaged in. None is forecast below zero that never was.
    """
    patterns = [_by_pattern(_Scaled(values, day), horizon, day, week) for values in series]
    lags = (
        _by_lags([_Scaled(values, day) for values in series], horizon, day, week)
        if len(series) >= SERIES_AT_LEAST
        else []
    )
    found = []
    for number, (values, near) in enumerate(zip(series, patterns, strict=True)):
        ahead = (near.ahead + lags[number]) / 2 if lags else near.ahead
        found.append(Near(np.maximum(ahead, 0.0) if values.min() >= 0 else ahead, near.deviation))
    return found


class _Scaled:
    """A series on the scale it is modelled on, in units of its change from one day to the next.

    Logarithms where all is above zero; as it is where any is below or more than a few are zero, since on other scales
    the forecast of a small count lies far below its mean; else roots.
    """

    def __init__(self, values: Floats, day: int) -> None:
        self.size = max(float(np.abs(values).mean()), _TINY)
        zeros = float((values == 0).mean())
        self.power = 0.0 if values.min() > 0 else 1.0 if values.min() < 0 or zeros > FEW_ZEROS else 0.5
        scaled = np.log(values / self.size) if self.power == 0 else np.power(values / self.size, self.power)
        spread = float(np.std(scaled[day:] - scaled[:-day]))
        self.spread = spread if spread > _TINY else 1.0
        self.values = scaled / self.spread

    def back(self, values: Floats) -> Floats:
        """Return values of the scale in the series' own units."""
        own = values * self.spread
        if self.power == 0:
            return np.asarray(np.exp(np.minimum(own, 50.0)) * self.size)
        return np.asarray((own if self.power == 1 else np.maximum(own, 0.0) ** 2) * self.size)


def _by_pattern(one: _Scaled, horizon: int, day: int, week: int) -> Near:
    """Forecast by the weekly pattern plus what recent levels and other patterns add to it."""
    values = one.values
    of_day, of_week, of_slow = (
        _pattern(values, cycle, rate) for cycle, rate in ((day, _DAY_RATE), (week, _WEEK_RATE), (week, _SLOW_RATE))
    )
    from_week = np.r_[np.zeros(week), values[week:] - of_week[:-week]]
    from_day = np.r_[np.zeros(day), values[day:] - of_day[:-day]]
    rates = [(from_week, rate) for rate in _WEEK_LEVELS] + [(from_day, rate) for rate in _DAY_LEVELS]
    levels = np.stack([_smoothed(deviations, rate) for deviations, rate in rates], axis=1)
    step = np.arange(1, horizon + 1)
    last_day, last_week = step - day * -(-step // day), step - week * -(-step // week)

    def known(ends: np.ndarray) -> tuple[Floats, Floats]:
        at = ends[:, None]
        base = of_week[at + last_week]
        others = [pattern - base for pattern in (values[at + last_day], of_day[at + last_day], of_slow[at + last_week])]
        recent = np.repeat(levels[ends][:, None, :], horizon, axis=1)
        return base, np.concatenate([np.stack(others, axis=2), recent], axis=2)

    ends = np.arange(week + week // 2, len(values) - horizon)
    ends = ends[:: -(-len(ends) // _ORIGINS)]
    base, asked = known(ends)
    coefficients, deviation = _shrunk(asked, values[ends[:, None] + step] - base)
    base, asked = known(np.array([len(values) - 1]))
    ahead = (base + np.einsum("tkp,kp->tk", asked, coefficients))[0]
    return Near(one.back(ahead), (one.back(ahead + deviation) - one.back(ahead - deviation)) / 2)


def _shrunk(asked: Floats, answers: Floats) -> tuple[Floats, Floats]:
    """Return coefficients of each step, by ridge around one set for all, and the errors' standard deviation at each
    step.

    Origins with unusually large errors weigh less in each round.
    """
    weight, count = np.ones(len(asked)), asked.shape[2]
    coefficients = np.zeros(asked.shape[1:])
    errors = answers
    for _ in range(_ROUNDS):
        weighted = (asked * weight[:, None, None]).transpose(1, 2, 0)
        squares, moments = weighted @ asked.transpose(1, 0, 2), (weighted @ answers.T[:, :, None])[..., 0]
        ridge = _SHARED_RIDGE * asked.shape[1] * np.eye(count)
        shared = np.linalg.solve(squares.sum(axis=0) + ridge, moments.sum(axis=0))
        left = (moments - squares @ shared)[..., None]
        coefficients = np.asarray(shared + np.linalg.solve(squares + _STEP_RIDGE * np.eye(count), left)[..., 0])
        errors = answers - np.einsum("tkp,kp->tk", asked, coefficients)
        weight = _weights(errors)
    return coefficients, np.sqrt((errors**2).mean(axis=0))


def _by_lags(series: Sequence[_Scaled], horizon: int, day: int, week: int) -> list[Floats]:
    """Forecast by the pooled regression on the last two weeks."""
    window = 2 * week
    usual = np.zeros((window, horizon))
    for step in range(horizon):
        for cycle, shares in ((day, _SAME_TIME["day"]), (week, _SAME_TIME["week"])):
            for number, share in enumerate(shares, start=1):
                usual[window - cycle * number + step % cycle, step] += share
    thinned = -(-sum(max(len(one.values) - window - horizon + 1, 0) for one in series) // _WINDOWS)
    asked, answers = [], []
    for one in series:
        rows = np.lib.stride_tricks.sliding_window_view(one.values, window + horizon)[::-1][:: max(thinned, 1)]
        level = rows[:, window - day : window].mean(axis=1, keepdims=True)
        asked.append(rows[:, :window] - level)
        answers.append(rows[:, window:] - level)
    known, after = np.concatenate(asked), np.concatenate(answers)
    after, weight = after - known @ usual, np.ones(len(known))
    coefficients = np.zeros_like(usual)
    for _ in range(_ROUNDS):
        moments = (known * weight[:, None]).T * thinned
        coefficients = np.asarray(np.linalg.solve(moments @ known + _LAG_RIDGE * np.eye(window), moments @ after))
        weight = _weights(after - known @ coefficients)
    found = []
    for one in series:
        level = one.values[-day:].mean()
        found.append(one.back((one.values[-window:] - level) @ (coefficients + usual) + level))
    return found


def _weights(errors: Floats) -> Floats:
    """Weigh each origin by one over its error, up to that of the median one; one on average."""
    size = np.sqrt((errors**2).mean(axis=1))
    weight = 1 / np.maximum(size, float(np.median(size)) + _TINY)
    return np.asarray(weight / weight.mean())


def _pattern(values: Floats, cycle: int, rate: float) -> Floats:
    """Return the pattern right after each value: its place's running mean at first, then exponentially smoothed."""
    found = values.copy()
    for seen, start in enumerate(range(cycle, len(values), cycle), start=1):
        own = found[start : start + cycle]
        before = found[start - cycle : start - cycle + len(own)]
        own[:] = before + max(rate, 1 / (seen + 1)) * (own - before)
    return found


def _smoothed(values: Floats, rate: float) -> Floats:
    """Return the exponentially weighted mean up to each value."""
    from scipy.signal import lfilter  # takes a third of a second to load

    return np.asarray(lfilter([rate], [1, rate - 1], values, zi=[values[0] * (1 - rate)])[0])

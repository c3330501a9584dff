"""Theta: half of the trend is a line through the history, the rest follows the level.

The dynamic theta model (J. A. Fiorucci, T. R. Pellegrini, F. Louzada, F. Petropoulos and A. B. Koehler, Models for
optimising the theta method and their relationship to state space models, 2016) on a history freed of its season by the
classical decomposition. It is averaged over a grid of
its two constants, each weighed by a power of its likelihood, instead of being searched for.
"""

from __future__ import annotations

import numpy as np

from opsanalytics.demand.models.history import Block, Floats

LEVEL = (0.02, 0.06, 0.12, 0.2, 0.3, 0.42, 0.56, 0.72, 0.9)
THETA = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_TEMPERED = 0.25  # power of the likelihood
NOISE_SHARE = 2.0
_FIRST_LEVEL = 0.05  # weight of the first level's guess, in observations
_LEAST_INDEX = 0.01


def forecasts(block: Block, horizon: int) -> Floats:
    """Return the next steps (horizon by histories), in the block's size."""
    indices = _seasonal_indices(block)
    place = np.arange(block.length + horizon) % block.season
    season = indices[place]
    past = season[: block.length]
    seen = np.where(block.positive, block.values / np.where(past == 0, 1.0, past), block.values - past)
    level, theta = (grid.ravel() for grid in np.meshgrid(LEVEL, THETA))
    state = _State(seen[:6].mean(axis=0)[:, None] / theta, block.width)
    errors = np.empty((block.length, block.width, len(level)))
    reach = (1 - level) ** np.arange(block.length)[:, None]
    for step in range(block.length):
        value = seen[step][:, None]
        errors[step] = value - state.expected(level, theta)
        state.update(value, level)
    # the first step has no line yet, so its error says nothing of the level
    change = np.einsum("tng,tg->ng", errors[1:], reach[1:]) / ((reach[1:] ** 2).sum(axis=0) + _FIRST_LEVEL)
    errors -= change[None] * reach[:, None, :]
    state.level = state.level + change * (1 - level) ** block.length
    found = np.empty((horizon, block.width, len(level)))
    for step in range(horizon):
        found[step] = state.expected(level, theta)
        state.update(found[step], level)
    score = -0.5 * block.length * _TEMPERED * np.log((errors[1:] ** 2).sum(axis=0) + 1e-12)
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    ahead = (found * weight).sum(axis=2)
    later = season[block.length :]
    return np.asarray(np.where(block.positive, ahead * later, ahead + later))


class _State:
    """The model between two steps: level (histories by grid), and the running line's mean and slope, over `steps`."""

    def __init__(self, level: Floats, width: int) -> None:
        self.level = level
        self.mean = np.zeros((width, 1))
        self.slope = np.zeros((width, 1))
        self.steps = 0
        self.left = np.ones(1)

    def expected(self, level: Floats, theta: Floats) -> Floats:
        """Return the forecast of the next step."""
        line = self.mean - self.slope * (self.steps + 1) / 2
        return np.asarray(
            self.level + (1 - 1 / theta) * (self.left * line + (1 - self.left * (1 - level)) / level * self.slope)
        )

    def update(self, value: Floats, level: Floats) -> None:
        """Take the next value in."""
        self.steps += 1
        self.level = level * value + (1 - level) * self.level
        if self.steps > 1:
            steps = self.steps
            self.slope = ((steps - 2) * self.slope + 6 * (value - self.mean) / steps) / (steps + 1)
        self.mean = ((self.steps - 1) * self.mean + value) / self.steps
        self.left = self.left * (1 - level)


def _seasonal_indices(block: Block) -> Floats:
    """Return the index of each place of the season (from the first step on): a factor, or an amount where not all is
    positive.

    They are those of the classical decomposition, drawn towards no season by how much of what they vary is noise (W.
    James and C. Stein, Estimation with quadratic loss, 1961): by NOISE_SHARE over the F statistic of the places. One
    (or zero) where the history is not longer than two seasons, or a factor would be next to nothing.
    """
    season, neutral = block.season, np.where(block.positive, 1.0, 0.0)
    nothing = np.repeat(neutral[None], season, axis=0)
    if season == 1 or block.length < 2 * season + 1:
        return nothing
    weights = np.r_[0.5, np.ones(season - 1), 0.5] / season if season % 2 == 0 else np.ones(season) / season
    half = len(weights) // 2
    windows = np.lib.stride_tricks.sliding_window_view(block.values, len(weights), axis=0)
    trend = np.einsum("tnw,w->tn", windows, weights)
    middle = block.values[half : block.length - half]
    ratio = np.where(block.positive, middle / np.where(trend == 0, 1.0, trend), middle - trend)
    place = (np.arange(len(middle)) + half) % season
    found = np.stack([ratio[place == one].mean(axis=0) for one in range(season)])
    within = ((ratio - found[place]) ** 2).sum(axis=0) / max(len(middle) - season, 1)
    mean = found.mean(axis=0)
    away = np.where(block.positive, found / np.where(mean == 0, 1.0, mean), found - mean) - neutral
    count = np.bincount(place, minlength=season)
    noise = within * np.mean(1 / count)
    kept = np.maximum(0.0, 1 - NOISE_SHARE * noise / np.maximum((away**2).sum(axis=0) / (season - 1), 1e-300))
    indices = neutral + kept * away
    usable = ~(block.positive & (indices < _LEAST_INDEX).any(axis=0))
    return np.where(usable, indices, nothing)

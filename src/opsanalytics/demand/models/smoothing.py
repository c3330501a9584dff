"""Exponential smoothing, averaged over its constants, its trends, its seasons and the scale of the series.

The additive model with a damped trend (R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder, Forecasting with
Exponential Smoothing, 2008, chapters 2 and 3) is a linear filter once its constants are given: the one-step errors are
linear in the values and in the first states. With a normal prior on these states, and a flat one on the variance's
logarithm, the probability of the data is known in closed form (Bayesian linear regression). So nothing is searched
for: every combination on a grid is weighed by that probability and the forecasts are averaged (J. A. Hoeting, D.
Madigan, A. E. Raftery and C. T. Volinsky, Bayesian Model Averaging, 1999). Which combinations suit a panel is learned
from all its series (empirical Bayes: B. Efron, Large-Scale Inference, 2010, chapter 1), which steadies each one's
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from opsanalytics.demand.models.history import Block, Floats

POWERS = (0.0, 0.5, 1.0)  # of Box and Cox: logarithms, roots, as it is
_FIRST_LEVEL, _FIRST_TREND = 1e-4, 1.0  # precision of the first states, in units of the errors'
_LEARNING_STEPS = 6
_SHARED, _SPARE = 0.3, 5.0  # what a flat prior weighs beside the panel's: a share of it, and that of a few series
_NEVER = -1e30
_LARGEST_LOG = 50.0
Answer = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Grid:
    """The combinations averaged for one season.

    `level`; `trend`: its damping a step and its constant as a share of the level's, beside no trend; `season`: the
    constant as a share of what the level leaves; `first_season`: precisions of the first seasonal states, in units of
    the errors'. Histories of `year_from` steps or more get `waves` of a year of `year` steps, of precision
    `year_precision` times the square of a wave's order. The latest `longest` steps are looked at, a multiple of
    `coarse`.
    """

    level: tuple[float, ...]
    trend: tuple[tuple[float, float], ...]
    season: tuple[float, ...]
    first_season: tuple[float, ...]
    longest: int
    coarse: int = 1
    year: float = 0.0
    waves: int = 0
    year_precision: tuple[float, ...] = (1.0,)
    year_from: int = 0

    def constants(self) -> list[tuple[float, float, float, float]]:
        """Return every combination of level, trend (0: none), damping and season."""
        trends = [(0.0, 0.0), *((share, damping) for damping, share in self.trend)]
        return [
            (level, share * level, damping, own * (1 - level))
            for level, own, (share, damping) in product(self.level, self.season, trends)
        ]


_NO_YEAR = Grid((), (), (), (), 0)
_TRENDS = ((0.9, 0.03), (0.97, 0.02), (0.995, 0.01))
GRIDS = {
    12: Grid(
        level=(0.03, 0.08, 0.16, 0.28, 0.45, 0.65, 0.9),
        trend=_TRENDS,
        season=(0.0, 0.03, 0.08, 0.2),
        first_season=(0.03, 0.3, 3.0, 30.0, 1000.0),
        longest=144,
    ),
    7: Grid(
        level=(0.005, 0.02, 0.05, 0.1),
        trend=(),
        season=(0.0, 0.03, 0.08, 0.2),
        first_season=(0.1, 1.0, 10.0, 100.0),
        longest=735,
        coarse=28,
        year=365.25,
        waves=10,
        year_precision=(1.0, 3.0, 10.0),
        year_from=500,
    ),
    1: Grid(
        level=(0.03, 0.08, 0.16, 0.28, 0.45, 0.65, 0.85, 1.0),
        trend=_TRENDS,
        season=(0.0,),
        first_season=(1.0,),
        longest=260,
        coarse=13,
        year=365.25 / 7,
        waves=12,
        year_precision=(3.0, 30.0, 1e5),
        year_from=104,
    ),
}
MONTHS_WITHOUT_SEASON = replace(GRIDS[1], year_from=1_000_000, level=GRIDS[12].level)


@dataclass(frozen=True)
class Filter:
    """What the first states (and waves of the year) do, for every constant and one length.

    states: G by T by S, what each adds to the fit; later: G by h by S, to the forecasts. For each precision of the
    first states: inverse, G by S by S, what solves for them; width, G, the logarithm of how much the data narrow them;
    unsure, G by h, the variance of a forecast's error, that of the states included, in units of the one-step error's.
    """

    states: Floats
    later: Floats
    inverse: tuple[Floats, ...]
    width: tuple[Floats, ...]
    unsure: tuple[Floats, ...]


def run(values: Floats, season: int, horizon: int, grid: Grid, first: Floats | None = None) -> tuple[Floats, Floats]:
    """Run the filter of every constant over the columns of `values` (T by C): errors, G by T by C, and forecasts, G by
    h by C.

    `first` are the first states of each column (level, slope, season; 2 + season by C), zero without them.
    """
    level, trend, damping, own = (part[:, None] for part in np.array(grid.constants()).T)
    seasons, (steps, columns) = (season if season > 1 else 0), values.shape
    start = np.zeros((2 + seasons, columns)) if first is None else first
    at, slope = (np.repeat(start[[place]], len(level), axis=0) for place in (0, 1))
    slope *= damping > 0
    ring = np.repeat(start[2:, None, :], len(level), axis=1)
    errors = np.empty((steps, len(level), columns))
    for step in range(steps):
        fit = at + damping * slope
        error = np.subtract(values[step], fit, out=errors[step])
        if seasons:
            place = ring[step % seasons]
            error -= place
            place += own * error
        at = fit + level * error
        slope = damping * slope + trend * error
    climbed = np.cumsum(damping ** np.arange(1, horizon + 1) * (damping > 0), axis=1)
    ahead = at[:, None, :] + climbed[:, :, None] * slope[:, None, :]
    if seasons:
        ahead += ring[(steps + np.arange(horizon)) % seasons].transpose(1, 0, 2)
    return np.ascontiguousarray(errors.transpose(1, 0, 2)), ahead


@lru_cache(maxsize=64)
def filters(length: int, horizon: int, season: int, grid: Grid) -> Filter:
    """Work out what one unit in each first state does, and each wave of the year."""
    level, trend, damping, own = np.array(grid.constants()).T
    seasons = season if season > 1 else 0
    waves, order = _waves(length + horizon, grid if length >= grid.year_from else _NO_YEAR)
    unit = np.hstack([np.eye(2 + seasons), np.zeros((2 + seasons, len(order)))])
    values = np.hstack([np.zeros((length, 2 + seasons)), -waves[:length]])
    errors, later = run(values, season, horizon, grid, unit)
    states = -errors
    later[:, :, 2 + seasons :] += waves[length:]
    ages = np.arange(1, horizon)[:, None]
    climbed = np.cumsum(damping**ages * (damping > 0), axis=0)
    answer = level + trend * climbed + own * (ages % season == 0) * (seasons > 0)
    growth = 1 + np.cumsum(np.vstack([np.zeros(len(level)), answer**2]), axis=0).T
    squares = states.transpose(0, 2, 1) @ states
    inverse, width, unsure = [], [], []
    for own_precision, year_precision in product(grid.first_season, grid.year_precision if len(order) else (1.0,)):
        prior = np.r_[_FIRST_LEVEL, _FIRST_TREND, np.full(seasons, own_precision), year_precision * np.square(order)]
        precise = squares + np.diag(prior)
        solver = np.asarray(np.linalg.inv(precise), dtype=np.float64)
        inverse.append(solver)
        width.append(np.asarray(np.linalg.slogdet(precise)[1] - np.log(prior).sum(), dtype=np.float64))
        unsure.append(growth + ((later @ solver) * later).sum(axis=2))
    return Filter(states, later, tuple(inverse), tuple(width), tuple(unsure))


def _waves(steps: int, grid: Grid) -> tuple[Floats, Floats]:
    """Return the sines and cosines of the year (steps by waves) and the order of each."""
    order = np.arange(1.0, grid.waves + 1)
    turn = 2 * np.pi * np.arange(steps)[:, None] * order[None, :] / max(grid.year, 1.0)
    return np.hstack([np.sin(turn), np.cos(turn)]), np.r_[order, order]


def likelihoods(block: Block, horizon: int, grid: Grid) -> Floats:
    """Return the log probability of each history under each combination: combinations by histories."""
    return np.concatenate([fit.score for fit in _fits(block, horizon, grid)])


def learned(found: Floats) -> Floats:
    """Return the log weight of each combination in a panel, from the log probabilities of all its histories.

    Expectation and maximisation with a flat prior that counts as a share of the panel and as a few series more.
    """
    combinations, width = found.shape
    relative = np.exp(found - found.max(axis=0))
    prior = np.full(combinations, 1.0 / combinations)
    for _ in range(_LEARNING_STEPS):
        weights = relative * prior[:, None]
        counts = (weights / weights.sum(axis=0)).sum(axis=1)
        flat = (_SHARED * width + _SPARE) / combinations
        prior = (counts + flat) / (width * (1 + _SHARED) + _SPARE)
    return np.asarray(np.log(prior))


def forecasts(block: Block, horizon: int, grid: Grid, prior: Floats) -> Answer:
    """Return the next steps, their standard deviation (both horizon by histories) and the one-step forecasts (length by
    histories), all in the block's size."""
    known = filters(block.length, horizon, block.season, grid)
    fits = _fits(block, horizon, grid)
    weight = np.concatenate([fit.score for fit in fits]) + prior[:, None]
    weight = np.exp(weight - weight.max(axis=0))
    weight /= weight.sum(axis=0)
    ahead, square, fitted = (np.zeros((steps, block.width)) for steps in (horizon, horizon, block.length))
    for power, own, fit in zip(POWERS, np.split(weight, len(POWERS)), fits, strict=True):
        share = own.sum(axis=0)
        if not share.any():
            continue
        seen, centre = _scaled(block, power)
        constants = np.split(own, len(known.inverse))
        states = np.zeros(fit.states[0].shape)
        for weights, some, squares, unsure in zip(constants, fit.states, fit.squares, known.unsure, strict=True):
            states += weights[:, None, :] * some
            later = _unscaled(block, power, fit.ahead + known.later @ some + centre)
            spread = unsure[:, :, None] * (squares / (block.length - 1))[:, None, :] * _slope(block, power, later) ** 2
            ahead += np.einsum("ghn,gn->hn", later, weights)
            square += np.einsum("ghn,gn->hn", later**2 + spread, weights)
        error = np.einsum("gtn,gn->tn", fit.residual, sum(constants)) - np.einsum("gts,gsn->tn", known.states, states)
        step = seen - error / np.maximum(share, 1e-300)
        fitted += share * _unscaled(block, power, step + centre)
    return ahead, np.sqrt(np.maximum(square - ahead**2, 0.0)), fitted


@dataclass(frozen=True)
class _Fits:
    """Every combination on one scale: log probability of each history (combinations by histories); the errors and the
    forecasts from no states (constants by steps by histories); for each precision, the states and squared errors."""

    score: Floats
    residual: Floats
    ahead: Floats
    states: list[Floats]
    squares: list[Floats]


def _fits(block: Block, horizon: int, grid: Grid) -> list[_Fits]:
    """Fit every combination, on each of the POWERS."""
    known = filters(block.length, horizon, block.season, grid)
    values = np.hstack([_scaled(block, power)[0] for power in POWERS])
    residual, ahead = run(values, block.season, horizon, grid)
    cross = known.states.transpose(0, 2, 1) @ residual
    parts = (np.split(part, len(POWERS), axis=-1) for part in (residual, ahead, cross, (residual**2).sum(axis=1)))
    found = []
    for power, own, bare, moments, whole in zip(POWERS, *parts, strict=True):
        change = (power - 1) * np.log(np.where(block.values > 0, block.values, 1.0)).sum(axis=0)
        score, states, squares = [], [], []
        for inverse, width in zip(known.inverse, known.width, strict=True):
            states.append(inverse @ moments)
            squares.append(np.maximum(whole - (moments * states[-1]).sum(axis=1), 1e-10))
            likelihood = -0.5 * (block.length - 1) * np.log(squares[-1]) - 0.5 * width[:, None] + change
            score.append(np.where(block.allows(power), likelihood, _NEVER))
        found.append(_Fits(np.concatenate(score), own, bare, states, squares))
    return found


def _slope(block: Block, power: float, values: Floats) -> Floats:
    """Return how far a value moves where it moves by one on the scale of Box and Cox."""
    if power == 1:
        return np.ones(1)
    return np.where(block.allows(power), np.maximum(values, 0.0) ** (1 - power), 1.0)


def _scaled(block: Block, power: float) -> tuple[Floats, Floats]:
    """Return the values on the scale of Box and Cox, centred, and their centre; as they are where it does not apply."""
    usable = block.allows(power)
    above = np.where(usable, np.maximum(block.values, 0.0 if power else 1e-300), 1.0)
    bent = np.log(above) if power == 0 else above**power / power
    values = np.where(usable, bent, block.values)
    centre = values.mean(axis=0)
    return values - centre, centre


def _unscaled(block: Block, power: float, values: Floats) -> Floats:
    if power == 1:
        return values
    back = np.exp(np.minimum(values, _LARGEST_LOG)) if power == 0 else np.maximum(values * power, 0.0) ** (1 / power)
    return np.where(block.allows(power), back, values)


def averaged(
    blocks: Sequence[Block], horizon: int, grid: Grid, give: Callable[..., Iterator[Any]] = map
) -> list[Answer]:
    """Return `forecasts` of the blocks of one panel and season, with weights learned from all of them.

    Blocks whose histories are long enough for a year know more combinations than the others, and learn apart.
    """
    found: dict[int, Answer] = {}
    for yearly in (False, True):
        own = [
            number
            for number, block in enumerate(blocks)
            if (block.length >= grid.year_from and grid.waves > 0) == yearly
        ]
        if own:
            some = [blocks[number] for number in own]
            prior = learned(
                np.concatenate(list(give(likelihoods, some, [horizon] * len(own), [grid] * len(own))), axis=1)
            )
            answers = give(forecasts, some, [horizon] * len(own), [grid] * len(own), [prior] * len(own))
            found |= dict(zip(own, answers, strict=True))
    return [found[number] for number in range(len(blocks))]

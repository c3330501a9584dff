"""The additive model: a trend that may bend, a season of waves, effects; its most probable course is solved for
directly.

It is Prophet's model (S. J. Taylor and B. Letham, Forecasting at scale, 2018) with Prophet's priors: a line with
changes of slope under a Laplace prior, Fourier terms and effects under normal ones, and the errors' own spread. Its
point forecast is the mode of a linear model, found by iteratively reweighted least squares (the Laplace prior as a
normal one whose width is renewed: D. R. Hunter and R. Li, Variable selection using MM algorithms, 2005). What Prophet
leaves to its trend is then put right: the recent residuals move the level and, by its place in the season, the shape;
and the slope fades.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from opsanalytics.demand.models.history import Block, Floats

_ROUNDS = 25
_LINE = 5.0  # prior standard deviation of the line's level and slope
_NOISE = 0.5  # of the errors' spread
_LEAST_CHANGE, _LEAST_VARIANCE = 1e-4, 1e-8


@dataclass(frozen=True)
class Setup:
    """How the model is set up. Priors are standard deviations (of changes: the Laplace scale) of a series scaled to
    one.

    `order` waves make the season; `changes` points of change lie in the first `bent` share of the history. `level` and
    `shape` are the weights of the latest residual in the corrections, `damping` is what a step leaves of the slope.
    """

    order: int
    change_prior: float
    season_prior: float
    changes: int = 25
    bent: float = 0.95
    level: float = 0.15
    shape: float = 0.2
    damping: float = 0.88


def shortened(setup: Setup, order: int) -> Setup:
    """Return the setup with fewer waves, for a history that knows few seasons."""
    return replace(setup, order=min(order, setup.order))


def forecasts(block: Block, horizon: int, setup: Setup, period: float) -> Floats:
    """Return the next steps (horizon by histories), in the block's size.

    Positive histories are fitted on centred logarithms. `period` is the length of the season in steps.
    """
    values = np.where(block.positive, np.log(np.where(block.positive, block.values, 1.0)), block.values)
    centre = values.mean(axis=0)
    size = np.maximum(np.abs(values - centre).max(axis=0), 1e-9)
    scaled = (values - centre) / size
    trend, waves, bends = design(block.length, horizon, setup, period)
    priors = np.full(trend.shape[1] + waves.shape[1], setup.season_prior)
    most_probable = solve(np.hstack([trend, waves])[: block.length], scaled, bends, setup.change_prior, priors)
    course, season = trend @ most_probable[: 2 + bends], waves @ most_probable[2 + bends :]
    fitted = (course + season)[: block.length]
    later = _damped(course, block.length, setup.damping) + season[block.length :]
    later += _correction(scaled - fitted, block.season, horizon, setup)
    ahead = later * size + centre
    return np.asarray(np.where(block.positive, np.exp(np.minimum(ahead, 50.0)), ahead))


def design(length: int, horizon: int, setup: Setup, period: float) -> tuple[Floats, Floats, int]:
    """Return the columns of the trend (level, slope, changes), those of the season, and the number of changes."""
    time = np.arange(length + horizon) / max(length - 1, 1)
    usable = int(np.floor(length * setup.bent))
    bends = max(min(setup.changes, usable - 1), 0)
    places = np.linspace(0, usable - 1, bends + 1).round().astype(int)[1:]
    bent = np.maximum(time[:, None] - time[places][None, :], 0.0)
    turn = 2 * np.pi * np.arange(length + horizon)[:, None] * np.arange(1, setup.order + 1)[None, :] / period
    waves = np.hstack([np.sin(turn), np.cos(turn)])
    return np.hstack([np.ones((len(time), 1)), time[:, None], bent]), waves, bends


def solve(columns: Floats, values: Floats, bends: int, change_prior: float, priors: Floats) -> Floats:
    """Return the most probable coefficients (columns by histories) of values scaled to one (steps by histories).

    `columns` are level, slope, `bends` changes of slope, and whatever else; `priors` are the standard deviations of
    each, those of level and slope being Prophet's and those of changes given by `change_prior`, whatever stands there.
    """
    steps, count = columns.shape
    cross, moments = columns.T @ columns, (columns.T @ values).T
    precision = np.tile(priors**-2.0, (values.shape[1], 1))
    precision[:, :2] = _LINE**-2
    bent = slice(2, 2 + bends)
    changes = np.full((values.shape[1], bends), 0.1)
    variance = np.full(values.shape[1], 0.02)
    diagonal = np.arange(count)
    found = np.zeros((values.shape[1], count))
    for _ in range(_ROUNDS):
        precision[:, bent] = 1 / (change_prior * np.maximum(np.abs(changes), _LEAST_CHANGE))
        system = cross[None] / variance[:, None, None]
        system[:, diagonal, diagonal] += precision
        found = np.linalg.solve(system, (moments / variance[:, None])[..., None])[..., 0]
        changes = found[:, bent]
        squares = ((values - columns @ found.T) ** 2).sum(axis=0)
        own = _NOISE**2
        variance = np.maximum(own / 2 * (np.sqrt(steps**2 + 4 * squares / own) - steps), _LEAST_VARIANCE)
    return found.T


def _damped(course: Floats, length: int, damping: float) -> Floats:
    """Return the trend after its known steps, its last slope fading."""
    ahead = np.arange(1, len(course) - length + 1)[:, None]
    slope = course[length] - course[length - 1]
    return np.asarray(course[length - 1] + slope * damping * (1 - damping**ahead) / (1 - damping))


def _correction(residuals: Floats, season: int, horizon: int, setup: Setup) -> Floats:
    """Return what the recent residuals say of the level and, centred, of each place in the season."""
    length = len(residuals)
    level = np.zeros(residuals.shape[1])
    shape = np.zeros((season, residuals.shape[1]))
    for step in range(length):
        level = level + setup.level * (residuals[step] - level)
        shape[step % season] += setup.shape * (residuals[step] - shape[step % season])
    shape -= shape.mean(axis=0)
    return np.asarray(level + shape[np.arange(length, length + horizon) % season])

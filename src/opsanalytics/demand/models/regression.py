"""Effects: what the time of year, special days and trading days did, by a regression, and taken out for the other
models.

A campaign, a holiday or one Saturday more is not what exponential smoothing should learn from, and a year of days or
weeks is too long a season for it. The additive model with one more column for each says what each did (most probable,
under a normal prior); the history without them goes to the models, and what is known ahead comes back onto the
forecast. Days and weeks take the model's own course too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opsanalytics.demand.models.additive import Setup, design, solve
from opsanalytics.demand.models.history import Flags, Floats, History

_EFFECT = 1.0  # prior standard deviation of an effect, of a history scaled to one
_SETUPS = {12: Setup(5, 0.05, 0.3), 7: Setup(3, 0.05, 1.0, changes=20), 1: Setup(0, 0.05, 1.0, changes=20)}
_LONGEST = {12: 144, 7: 2192, 1: 520}
_YEAR_WAVES = 6
_TINY = 1e-9


@dataclass(frozen=True)
class Ask:
    """A history, the steps asked for, and what is known of both.

    `effects` has a row a step (past and asked), a column each. `year` says how far each step lies in its year (0 to
    1), where the year is not the history's own season; else it is empty. `recorded` says which past steps are no
    filled gaps.
    """

    history: History
    horizon: int
    effects: Floats
    year: Floats
    recorded: Flags

    def last(self, steps: int) -> Ask:
        """Cut the past to its latest `steps`."""
        cut = max(len(self.history.values) - steps, 0)
        return Ask(self.history.last(steps), self.horizon, self.effects[cut:], self.year[cut:], self.recorded[cut:])


def plain(history: History, horizon: int) -> Ask:
    """Ask without effects."""
    steps = len(history.values)
    return Ask(history, horizon, np.empty((steps + horizon, 0)), np.empty(0), np.ones(steps, dtype=bool))


@dataclass(frozen=True)
class Regressed:
    """A history (the latest steps of it) without its effects, and what these are at each of its steps and those asked.

    `factors`: effects multiply, else they are added.
    """

    history: History
    effects: Floats
    factors: bool

    @property
    def asked(self) -> int:
        """The number of steps asked for."""
        return len(self.effects) - len(self.history.values)

    def ahead(self, values: Floats) -> Floats:
        """Bring the effects back onto forecasts."""
        own = self.effects[len(self.history.values) :]
        return values * own if self.factors else values + own

    def past(self, values: Floats) -> Floats:
        """Bring the effects back onto the past."""
        own = self.effects[: len(self.history.values)]
        return values * own if self.factors else values + own

    def spread(self, values: Floats) -> Floats:
        """Bring a deviation to the size that the effects give a forecast."""
        return values * self.effects[len(self.history.values) :] if self.factors else values


def regressed(ask: Ask) -> Regressed:
    """Take the effects out of a history. Those never met in it are nothing; without any, the history is as it was."""
    factors = bool((ask.history.values > 0).all())
    met = (ask.effects[: len(ask.history.values)][ask.recorded] != 0).any(axis=0)
    if not met.any():
        nothing = np.full(len(ask.history.values) + ask.horizon, 1.0 if factors else 0.0)
        return Regressed(ask.history, nothing, factors)
    season = ask.history.season
    setup = _SETUPS[season]
    ask = ask.last(_LONGEST[season])
    history, steps, used = ask.history, len(ask.history.values), ask.recorded
    values = np.log(history.values) if factors else history.values
    centre = float(values.mean())
    size = max(float(np.abs(values - centre).max()), _TINY)
    trend, waves, bends = design(steps, ask.horizon, setup, float(season))
    season_waves = np.hstack([waves, _year_waves(ask.year)]) if ask.year.size else waves
    columns = np.hstack([trend, season_waves, ask.effects[:, met]])
    priors = np.r_[
        np.ones(trend.shape[1]), np.full(season_waves.shape[1], setup.season_prior), np.full(int(met.sum()), _EFFECT)
    ]
    scaled = ((values - centre) / size)[used, None]
    found = solve(columns[:steps][used], scaled, bends, setup.change_prior, priors)[:, 0]
    effect = ask.effects[:, met] @ found[-int(met.sum()) :] * size
    kept = values - effect[:steps]
    cleaned = History(np.exp(kept) if factors else kept, history.place, season)
    return Regressed(cleaned, np.exp(effect) if factors else effect, factors)


def _year_waves(year: Floats) -> Floats:
    turn = 2 * np.pi * year[:, None] * np.arange(1, _YEAR_WAVES + 1)[None, :]
    return np.hstack([np.sin(turn), np.cos(turn)])

"""The combination: what several models expect on average, and how far the outcome may lie from it.

The plain mean of models that err differently beats the choice of one (J. M. Bates and C. W. J. Granger, The
combination of forecasts, 1969; S. Makridakis, E. Spiliotis and V. Assimakopoulos, The M4 competition, 2020).
Exponential smoothing counts twice, for it is itself the mean of many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from opsanalytics.demand.models import additive, days, pooled, smoothing, theta
from opsanalytics.demand.models.history import Block, Floats, History, blocks
from opsanalytics.demand.models.regression import Ask, Regressed, regressed

FAST, FULL = "fast", "full"
COMBINATION, SMOOTHING, MEAN, LAST_VALUE = "combination", "exponential smoothing", "mean", "last value"
MONTHS, DAYS, WEEKS = 12, 7, 1  # steps of the season, by which the frequencies are told apart
_LONGEST, _LONGEST_THETA = 144, 132
_MONTHS = (additive.Setup(5, 0.5, 0.05), additive.Setup(5, 0.05, 0.05))
_WAVES_OF_SHORT, _SHORT = 3, 36
_POINTS_AT_LEAST = 6

#: What hands work out, in order: `map`, or that of an executor.
Run = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class Combined:
    """What is expected: the next steps, the standard deviation of each, the past by one-step forecasts, and by which
    model.
    """

    ahead: Floats
    deviation: Floats
    fitted: Floats
    model: str
    note: str = ""


def combined(asks: Sequence[Ask], *, tier: str = FULL, run: Run = map) -> list[Combined]:
    """Forecast the series of one panel, all of one season, at one cutoff. In their order; `run` changes no number.

    Effects are taken out first and come back last. A history of up to two seasons of values on record is forecast by
    exponential smoothing alone, one of fewer than six by its mean, which the note says.
    """
    found: dict[int, Combined] = {}
    few: dict[int, Regressed] = {}
    many: dict[int, Regressed] = {}
    for number, ask in enumerate(asks):
        recorded = int(ask.recorded.sum())
        simple = _simple(ask.history, ask.horizon, recorded)
        if simple is not None:
            found[number] = simple
        else:
            bare = regressed(ask)
            (many if recorded > 2 * ask.history.season else few)[number] = bare
    horizon = max((ask.horizon for ask in asks), default=0)
    for number, (ahead, deviation, fitted) in zip(
        few,
        _smoothed([_unseasonal(bare.history) for bare in few.values()], horizon, run, weeks=False),
        strict=True,
    ):
        note = f"{int(asks[number].recorded.sum())} points are not more than two seasons: exponential smoothing alone"
        found[number] = Combined(ahead, deviation, fitted, SMOOTHING, note)
    for number, one in zip(many, _members(list(many.values()), horizon, tier, run), strict=True):
        found[number] = one
    bares = few | many
    return [
        _with_effects(found[number], bares[number], ask) if number in bares else found[number]
        for number, ask in enumerate(asks)
    ]


def _with_effects(one: Combined, bare: Regressed, ask: Ask) -> Combined:
    """Bring the effects back, cut to the steps asked for, and let the fitted past reach to the history's start.

    Filled gaps hardly err, so the deviation is that of as many errors as there are values on record.
    """
    ahead = one.ahead[: ask.horizon]
    deviation = one.deviation[: ask.horizon] * np.sqrt(len(ask.recorded) / ask.recorded.sum())
    lost = np.full(len(ask.history.values) - len(bare.history.values), np.nan)
    return replace(
        one,
        ahead=bare.ahead(ahead),
        deviation=bare.spread(deviation),
        fitted=np.concatenate([lost, bare.past(one.fitted)]),
    )


def _simple(history: History, horizon: int, recorded: int) -> Combined | None:
    """Answer for a history that no model is needed for, or that none can be fitted to."""
    values = history.values
    centre = float(values.mean())
    if len(values) == 1:
        model, note = LAST_VALUE, "one point only, which is repeated"
    elif float(np.ptp(values)) == 0:
        model, note = MEAN, f"constant at {centre:g}, which is repeated"
    elif recorded < _POINTS_AT_LEAST:
        model, note = MEAN, f"{recorded} points are too few for a model, their mean instead"
    else:
        return None
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    fitted = np.full(len(values), np.nan)
    return Combined(np.full(horizon, centre), np.full(horizon, spread), fitted, model, note)


def _unseasonal(history: History) -> History:
    """Take the season from a history that has not even seen one of them and a little more."""
    if history.season == 1 or len(history.values) >= history.season + 3:
        return history
    return History(history.values, 0, 1)


def _smoothed(
    histories: Sequence[History], horizon: int, run: Run, *, weeks: bool = True
) -> list[tuple[Floats, Floats, Floats]]:
    """Smooth histories of any season; those of none are `weeks`, or else months that show none."""
    found: dict[int, tuple[Floats, Floats, Floats]] = {}
    for season in sorted({history.season for history in histories}):
        own = [number for number, history in enumerate(histories) if history.season == season]
        grid = smoothing.GRIDS[season] if season > 1 or weeks else smoothing.MONTHS_WITHOUT_SEASON
        parts = list(blocks([histories[number] for number in own], grid.longest, grid.coarse))
        answers = smoothing.averaged([block for _, block in parts], horizon, grid, run)
        for (numbers, block), answer in zip(parts, answers, strict=True):
            for column, number in enumerate(numbers):
                found[own[number]] = _column(block, answer, column, len(histories[own[number]].values))
    return [found[number] for number in range(len(histories))]


def _column(block: Block, answer: smoothing.Answer, column: int, length: int) -> tuple[Floats, Floats, Floats]:
    """Take one history's answer out of its block's, in its own size and length."""
    ahead, deviation, fitted = (part[:, column] * block.size[column] for part in answer)
    return ahead, deviation, np.concatenate([np.full(length - block.length, np.nan), fitted])


def _members(bares: Sequence[Regressed], horizon: int, tier: str, run: Run) -> list[Combined]:
    """Average the models of a frequency over the histories of a panel: smoothing, and what goes with it."""
    if not bares:
        return []
    histories = [bare.history for bare in bares]
    season = histories[0].season
    others: list[dict[int, Floats]] = []
    if season == DAYS:
        histories = [days.without_outliers(history) for history in histories]
        others.append(days.pooled(histories, horizon) if tier == FULL else {})
    elif season == MONTHS:
        others.append(_each(_theta, histories, horizon, _LONGEST_THETA, run))
        if tier == FULL:
            others.append(_each(_additive, histories, horizon, _LONGEST, run))
            others.append(_pooled(histories, [bare.asked for bare in bares]))
    answers = []
    for number, (ahead, deviation, fitted) in enumerate(_smoothed(histories, horizon, run)):
        reach = bares[number].asked
        ahead, deviation = ahead[:reach], deviation[:reach]
        own = [member[number][:reach] for member in others if number in member]
        if not own:
            answers.append(Combined(ahead, deviation, fitted, SMOOTHING))
            continue
        weights = np.array([2.0 if season == MONTHS else 1.0] + [1.0] * len(own))
        apart = np.std(own, axis=0) if len(own) > 1 else np.abs(own[0] - ahead) / 2
        mean = weights @ np.stack([ahead, *own]) / weights.sum()
        answers.append(Combined(mean, np.hypot(deviation, apart), fitted, COMBINATION))
    return answers


def _pooled(histories: Sequence[History], asked: Sequence[int]) -> dict[int, Floats]:
    """Return what the pooled autoregression says of the histories whose horizon is the most usual one, or shorter.

    One series asked for further ahead would leave it fewer windows to learn from.
    """
    usual = max(set(asked), key=lambda steps: (asked.count(steps), -steps))
    answers = pooled.forecasts(histories, usual) or []
    return {number: answer for number, answer in enumerate(answers) if asked[number] <= usual}


def _each(
    work: Callable[[tuple[Block, int]], Floats], histories: Sequence[History], horizon: int, longest: int, run: Run
) -> dict[int, Floats]:
    parts = list(blocks(histories, longest))
    found: dict[int, Floats] = {}
    for (numbers, block), ahead in zip(parts, run(work, [(block, horizon) for _, block in parts]), strict=True):
        for column, number in enumerate(numbers):
            found[number] = ahead[:, column] * block.size[column]
    return found


def _theta(work: tuple[Block, int]) -> Floats:
    return theta.forecasts(*work)


def _additive(work: tuple[Block, int]) -> Floats:
    """Average the additive model over two priors of its changes."""
    block, horizon = work
    setups = [additive.shortened(setup, _WAVES_OF_SHORT) if block.length < _SHORT else setup for setup in _MONTHS]
    found: list[Floats] = [additive.forecasts(block, horizon, setup, float(block.season)) for setup in setups]
    return np.asarray(np.mean(found, axis=0))

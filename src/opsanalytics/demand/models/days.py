"""Days: outliers pulled in, and one regression for the days of all series of a panel.

Both work on days without gaps and effects. The regression is direct: each step ahead has its own equation on the last
twelve weeks, by ridge around the mean of the weekday's last four values, pooled over the series (P. Montero-Manso and
R. J. Hyndman, Principles and algorithms for forecasting groups of time series, 2021); where there is a year and a half
of history, last year's change over the same days counts too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from opsanalytics.demand.models.history import FEW_ZEROS, Floats, History

SERIES_AT_LEAST = 5
_WEEK, _YEAR = 7, 364  # 364 days: the same weekday a year before
_WINDOW, _LEVEL_DAYS, _WINDOWS = 84, 28, 20_000
_MARGIN = 60  # windows that a history with a year before its windows has at least
_RIDGE = 300.0
_ROUNDS = 3
_OUTLIER, _WEEKS_AROUND = 4.0, 9
_LONGEST = 735
_TINY = 1e-9


def without_outliers(history: History) -> History:
    """Pull days in that lie further than 4 robust standard deviations from the median of their weekday in 9 weeks.

    A history that is mostly zero stays as it is: its busy days are the demand.
    """
    values = history.values
    if len(values) < _WEEK * 3 or float(np.median(values)) == 0:
        return history
    middle = np.empty(len(values))
    for day in range(_WEEK):
        around = np.pad(values[day::_WEEK], _WEEKS_AROUND // 2, mode="edge")
        middle[day::_WEEK] = np.median(np.lib.stride_tricks.sliding_window_view(around, _WEEKS_AROUND), axis=1)
    away = values - middle
    limit = _OUTLIER * 1.4826 * float(np.median(np.abs(away)))
    return replace(history, values=middle + np.clip(away, -limit, limit)) if limit > 0 else history


def pooled(histories: Sequence[History], horizon: int) -> dict[int, Floats]:
    """Return the next days of the histories that the regression suits, by their number.

    It is made of counts and other amounts above zero, of five series or more with as much history.
    """
    values = [history.values[-_LONGEST:] for history in histories]
    enough = _YEAR + _LEVEL_DAYS + horizon + _MARGIN
    found: dict[int, Floats] = {}
    for yearly in (False, True):
        own = [
            number
            for number, one in enumerate(values)
            if one.min() >= 0
            and (one == 0).mean() <= FEW_ZEROS
            and len(one) >= _WINDOW
            and (len(one) >= enough) == yearly
        ]
        answers = (
            _regression([values[number] for number in own], horizon, yearly) if len(own) >= SERIES_AT_LEAST else None
        )
        found |= dict(zip(own, answers, strict=True)) if answers else {}
    return found


def _regression(series: Sequence[Floats], horizon: int, yearly: bool) -> list[Floats] | None:
    """Forecast by the pooled regression, on roots of robust scale; None where no history reaches over a window."""
    usual = np.zeros((_WINDOW, horizon))
    for step in range(horizon):
        usual[[_WINDOW - _WEEK * week + step % _WEEK for week in range(1, 5)], step] = 0.25
    size = [max(float(np.abs(one).mean()), _TINY) for one in series]
    roots = [np.sqrt(one / own) for one, own in zip(series, size, strict=True)]
    spreads = [float(np.std(root[_WEEK:] - root[:-_WEEK])) for root in roots]
    scale = [spread if spread > _TINY else 1.0 for spread in spreads]
    scaled = [root / own for root, own in zip(roots, scale, strict=True)]
    first = max(_WINDOW, _YEAR + _LEVEL_DAYS if yearly else 0)
    asked, answers, before = [], [], []
    for one in scaled:
        ends = np.arange(first, len(one) - horizon + 1)
        if len(ends):
            known, level = _windows(one, ends)
            asked.append(known)
            answers.append(one[ends[:, None] + np.arange(horizon)] - level)
            before.append(_year_before(one, ends, horizon) if yearly else np.zeros((len(ends), horizon)))
    if not asked:
        return None
    thinned = -(-sum(len(known) for known in asked) // _WINDOWS)
    known, after, last = (np.concatenate(part)[::thinned] for part in (asked, answers, before))
    share, coefficients = _ridge(known, after - known @ usual, last, thinned, yearly)
    found = []
    for one, own, whole in zip(scaled, scale, size, strict=True):
        end = np.array([len(one)])
        known, level = _windows(one, end)
        ahead = known @ (coefficients + usual) + level + (share * _year_before(one, end, horizon) if yearly else 0.0)
        found.append(np.asarray(np.maximum(ahead[0] * own, 0.0) ** 2 * whole))
    return found


def _ridge(known: Floats, after: Floats, last: Floats, thinned: int, yearly: bool) -> tuple[float, Floats]:
    """Return the share of last year's change that comes again, and the coefficients; bad windows weigh less each
    round.
    """
    share, weight = 0.0, np.ones(len(known))
    found = np.zeros((known.shape[1], after.shape[1]))
    for _ in range(_ROUNDS):
        if yearly:
            own = weight[:, None] * last
            share = float(np.clip((own * (after - known @ found)).sum() / ((own * last).sum() + _TINY), 0, 1))
        left = after - share * last
        moments = (known * weight[:, None]).T * thinned
        found = np.asarray(np.linalg.solve(moments @ known + _RIDGE * np.eye(known.shape[1]), moments @ left))
        error = np.sqrt(((left - known @ found) ** 2).mean(axis=1))
        weight = 1 / np.maximum(error, float(np.median(error)) + _TINY)
        weight /= weight.mean()
    return share, found


def _windows(values: Floats, ends: np.ndarray) -> tuple[Floats, Floats]:
    """Return the windows before `ends`, less the mean of their last four weeks, and that mean."""
    known = values[ends[:, None] + np.arange(-_WINDOW, 0)]
    level = known[:, -_LEVEL_DAYS:].mean(axis=1, keepdims=True)
    return known - level, level


def _year_before(values: Floats, ends: np.ndarray, horizon: int) -> Floats:
    """Return last year's change from the four weeks before the same day to each step after it, smoothed over two
    weeks.
    """
    week = np.full(_WEEK, 1 / _WEEK)
    smoothed = np.convolve(np.pad(values, _WEEK - 1, mode="edge"), np.convolve(week, week), "valid")
    steps = ends[:, None] - _YEAR
    level = values[steps + np.arange(-_LEVEL_DAYS, 0)].mean(axis=1, keepdims=True)
    places = np.minimum(steps + np.arange(horizon), len(values) - 1)
    return np.asarray(smoothed[places] - level)

"""Findings: what the history of one series says by itself, apart from what comes next.

Everything starts from the ordinary points: the history without closed days, special days and single days at zero. Their
trend and season are what a special day is measured against. One-step forecasts would not do for that: they follow
an effect that lasts longer than a day, and so divide it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.history.components import (
    LEAST_TYPICAL,
    Components,
    anomalies,
    decompose,
    seasonal_indices,
    strength,
)
from opsanalytics.demand.result import (
    ANOMALY_COLUMNS,
    EFFECT_SIZE_COLUMNS,
    INDEX_COLUMNS,
    SHIFT_COLUMNS,
    STRENGTH_COLUMNS,
    stacked,
)

_MOST_ALIKE = 0.95  # the largest autocorrelation of neighbouring days that is believed
_PASSES = 3


@dataclass(frozen=True)
class Findings:
    """What one series says: frames as in `DemandForecast`, with its site and service."""

    effects: pd.DataFrame
    anomalies: pd.DataFrame
    shifts: pd.DataFrame
    indices: pd.DataFrame
    strength: pd.DataFrame


def findings(y: pd.Series, freq: str, effects: pd.DataFrame, fitted: pd.Series, *, site: str, service: str) -> Findings:
    """What does this history say? `y` (index ds, by day or coarser) with its special days and one-step forecasts.

    Effects: `effect_sizes` against trend x season of the ordinary days, with the autocorrelation of what these leave
    from one day to the next (0 where negative). Shifts: `level_shifts` of ln y less the seasons, beside a straight
    line, of series that are taken apart on logs and have a season of the year: without one, a season looks like a
    shift. Anomalies: `anomalies` of y against `fitted`.
    """
    label = {"site": site, "service": service}
    ordinary = ordinary_points(y, freq, effects)
    if ordinary.empty:
        return Findings(*(stacked([], columns) for columns in _COLUMNS))
    parts, shifts = taken_apart(ordinary, freq)
    found = strength(parts).rename_axis("component").rename("strength").reset_index()
    frames = (
        _effects(y, freq, effects, parts),
        _anomalies(y, fitted),
        shifts,
        seasonal_indices(parts),
        found,
    )
    return Findings(*(frame.assign(**label)[columns] for frame, columns in zip(frames, _COLUMNS, strict=True)))


_COLUMNS = (EFFECT_SIZE_COLUMNS, ANOMALY_COLUMNS, SHIFT_COLUMNS, INDEX_COLUMNS, STRENGTH_COLUMNS)


def ordinary_points(y: pd.Series, freq: str, effects: pd.DataFrame) -> pd.Series:
    """Return the history without closed days, special days, and single days at zero of a series far from zero."""
    known = y.dropna().sort_index()
    if freq != "D" or known.empty:
        return known
    stamps = pd.DatetimeIndex(known.index)
    closed, _ = fx.closed_calendar(known, effects, stamps)
    kept = known[~closed & ~stamps.isin(effects["ds"])]
    zeros = int((kept == 0).sum())
    if zeros and zeros <= max(1, len(kept) // 100) and float(kept.median()) >= 2 * LEAST_TYPICAL:
        kept = kept[kept != 0]
    return kept


def taken_apart(ordinary: pd.Series, freq: str) -> tuple[Components, pd.DataFrame]:
    """Take a history apart, and find where its level changed: the components, and `level_shifts`.

    A step in the level looks like a season to what is taken apart, and the season then hides a part of the step. So
    the steps found are taken out of the history, its seasons are found anew, and the steps are sought beside these: the
    largest one first, one more each time. Steps stand in the trend at the end.
    """
    parts = decompose(ordinary, freq)
    shifts = stacked([], ["ds", "size", "z"])
    if not parts.multiplicative or "year" not in parts.season:
        return parts, shifts
    for count in range(1, _PASSES + 1):
        seasons = parts.season.prod(axis=1, skipna=False)
        level = pd.Series(np.log(parts.observed / seasons), parts.observed.index)
        shifts = fx.level_shifts(level, freq, trend=True)
        if len(shifts) < count:
            break
        largest = shifts[shifts["z"].rank(ascending=False) <= count]
        steps = _steps(parts.observed.index, largest)
        parts = _with_steps(decompose(ordinary / steps.reindex(ordinary.index), freq), steps)
    return parts, shifts


def _steps(stamps: pd.Index, shifts: pd.DataFrame) -> pd.Series:
    """Return by which factor the shifts so far have moved the level at each stamp."""
    moved = sum((np.where(stamps >= ds, size, 0.0) for ds, size in zip(shifts["ds"], shifts["size"], strict=True)), 0.0)
    return pd.Series(np.exp(moved), stamps)


def _with_steps(parts: Components, steps: pd.Series) -> Components:
    """Put steps back into the history and its trend."""
    own = steps.reindex(parts.observed.index)
    return replace(parts, observed=parts.observed * own, trend=parts.trend * own)


def expectation(parts: Components) -> pd.Series:
    """Return trend and seasons put together again, on the whole grid."""
    if parts.multiplicative:
        return parts.trend * parts.season.prod(axis=1, skipna=False)
    return parts.trend + parts.season.sum(axis=1, skipna=False)


def measured_effects(y: pd.Series, effects: pd.DataFrame, parts: Components) -> pd.DataFrame:
    """What did each special day of a daily history do? See `findings`; events outside the history have no row."""
    met = effects[effects["ds"].isin(y.dropna().index)]
    return fx.effect_sizes(y, met, "D", expectation(parts), autocorrelation=_autocorrelation(parts))


def _effects(y: pd.Series, freq: str, effects: pd.DataFrame, parts: Components) -> pd.DataFrame:
    if freq != "D":
        return stacked([], EFFECT_SIZE_COLUMNS)
    return measured_effects(y, effects, parts)


def _autocorrelation(parts: Components) -> float:
    """Return how alike neighbouring days' remainders are, 0 where they are not."""
    rest = np.log(parts.remainder) if parts.multiplicative else parts.remainder
    both = pd.DataFrame({"day": rest, "before": rest.shift()}).dropna()
    if len(both) < 3 or float(both["day"].std()) == 0 or float(both["before"].std()) == 0:
        return 0.0
    return float(np.clip(both["day"].corr(both["before"]), 0.0, _MOST_ALIKE))


def _anomalies(y: pd.Series, fitted: pd.Series) -> pd.DataFrame:
    both = pd.DataFrame({"y": y, "fitted": fitted}).dropna()
    logs = bool((both.to_numpy() > 0).all()) and len(both) > 0 and float(both["y"].median()) >= LEAST_TYPICAL
    return anomalies(both["y"], both["fitted"], multiplicative=logs, notes=[])


def joined(found: Mapping[str, Findings]) -> dict[str, pd.DataFrame]:
    """Return the findings of several series one under the other, by the name of their field."""
    names = ("effects", "anomalies", "shifts", "indices", "strength")
    return {
        name: stacked([getattr(found[key], name) for key in sorted(found)], columns)
        for name, columns in zip(names, _COLUMNS, strict=True)
    }

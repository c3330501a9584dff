"""Outlook weights: how much each method is believed, learned from earlier fiscal years at the same month.

An earlier year is forecast as it would have been, seen after as many of its months as have passed now, and held
against what it came to. A method's squared share of error (WAPE) is set beside the mean of all methods of that year, so
that a hard year does not count against those that happened to be tested on it. Its standing is the mean of these, with
one more year as good as the average; its weight is inverse to that. So without any year to test on weights are equal,
and few years move them little. They are learned for the whole (the sites' totals) and for the lines apart, over all
sites together, revenue and cost each; the lines are then brought to the whole.

Sources: J. M. Bates and C. W. J. Granger, The Combination of Forecasts, OR Quarterly 20 (1969); R. J. Hyndman and
G. Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.10, 11.3 and 13.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opsanalytics.budget.forecasting.grid import KINDS, Flags, Floats, Grid
from opsanalytics.budget.forecasting.methods import METHODS, Estimates, View, estimates

WHOLE, LINE = "whole", "line"
LEVELS = (WHOLE, LINE)
Cents = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Weights:
    """The weight of each method by level, type and method (2 by 2 by M), those that do not stand not yet left out."""

    values: Floats

    def at(self, grid: Grid, level: str, stands: Flags) -> Floats:
        """Return weights, M by G, that add up to 1 over the methods that stand at a site and type (0 if none does)."""
        kind = grid.groups["type"].map({kind: k for k, kind in enumerate(KINDS)}).to_numpy(dtype=np.int64)
        raw = self.values[LEVELS.index(level)][kind].T * stands
        total = raw.sum(axis=0)
        found: Floats = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
        return found


@dataclass(frozen=True)
class Tested:
    """An earlier fiscal year forecast as it would have been: the view, its estimates, what was made of them, what came.

    combined: L by 12, the open months, by weights learned from the years before it. actual: L, what they came to.
    sites: G flags, those that have the year complete.
    """

    view: View
    found: Estimates
    weights: Weights
    combined: Floats
    actual: Floats
    sites: Flags


def tested_years(grid: Grid, year: int, passed: int) -> Iterator[Tested]:
    """Forecast each complete fiscal year before `year` after `passed` months, weighted by those before it only."""
    standing = _Standing()
    for before in grid.years[: grid.years.index(year)]:
        if not (sites := grid.complete(before)).any():
            continue
        view = View(grid, before, passed)
        found, weights = estimates(view), standing.weights()
        actual = (grid.amounts[:, view.at] * view.ahead).sum(axis=1)
        test = Tested(view, found, weights, combined(view, found, weights), actual, sites[grid.site_of_group])
        standing = standing.after(test)
        yield test


def learned(tests: Sequence[Tested]) -> Weights:
    """Return the weights that all of `tests` teach; equal ones without any."""
    standing = _Standing()
    for test in tests:
        standing = standing.after(test)
    return standing.weights()


class _Standing:
    """The sum of each method's errors beside the average method's, and of how many years; 2 by 2 by M."""

    def __init__(self, sums: Floats | None = None, years: Floats | None = None) -> None:
        shape = (len(LEVELS), len(KINDS), len(METHODS))
        self._sums = np.zeros(shape) if sums is None else sums
        self._years = np.zeros(shape) if years is None else years

    def weights(self) -> Weights:
        return Weights((self._years + 1) / (self._sums + 1))

    def after(self, test: Tested) -> _Standing:
        sums, years = self._sums.copy(), self._years.copy()
        for level, name in enumerate(LEVELS):
            for k, kind in enumerate(KINDS):
                error, stood = _squared_error(test, name, kind)
                mean = error[stood].mean() if stood.any() else 0.0
                if mean > 0:
                    sums[level, k] += np.where(stood, error / mean, 0.0)
                    years[level, k] += stood
        return _Standing(sums, years)


def _squared_error(test: Tested, level: str, kind: str) -> tuple[Floats, Flags]:
    """Return each method's squared WAPE of the full year over the sites, or lines, of a type; and has it one?"""
    grid = test.view.grid
    here = test.found.stands & test.sites & (grid.groups["type"] == kind).to_numpy()
    miss = test.found.values.sum(axis=2) - test.actual
    year = grid.amounts[:, test.view.at].sum(axis=1)
    if level == WHOLE:
        miss, size = grid.summed(miss.T).T, np.abs(grid.summed(year))
    else:
        miss, size = np.abs(miss), grid.summed(np.abs(year))
        miss = grid.summed(miss.T).T
    above, below = (np.abs(miss) * here).sum(axis=1), (size * here).sum(axis=1)
    share = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return share**2, below > 0


def combined(view: View, found: Estimates, weights: Weights) -> Floats:
    """Return the chosen estimate of the open months, L by 12, whose lines add up to the whole's own.

    The whole is the sum of the methods' totals by the weights of the whole. The lines are the sum of the methods by the
    weights of the lines; what they lack to the whole is spread over them and their months in proportion to their size.
    """
    grid = view.grid
    top = _weighted(grid, found, weights.at(grid, WHOLE, found.stands))
    low = _weighted(grid, found, weights.at(grid, LINE, found.stands))
    for part in parts(view.passed):
        lacks = grid.summed((top - low)[:, part].sum(axis=1))
        size = np.abs(low[:, part])
        whole = grid.summed(size.sum(axis=1))
        size[(whole == 0)[grid.group]] = np.abs(top[:, part])[(whole == 0)[grid.group]]
        whole = grid.summed(size.sum(axis=1))
        share = np.divide(lacks, whole, out=np.zeros(len(whole)), where=whole > 0)
        low[:, part] += share[grid.group][:, None] * size
    return low


def parts(passed: int) -> tuple[slice, slice]:
    """Return the months of the year to date (open where they are missing) and those of its rest."""
    return slice(0, passed), slice(passed, 12)


def _weighted(grid: Grid, found: Estimates, weights: Floats) -> Floats:
    summed: Floats = np.einsum("ml,mlt->lt", weights[:, grid.group], found.values)
    return summed


def in_cents(grid: Grid, passed: int, values: Floats) -> Cents:
    """Round an estimate (L by 12) to whole cents: each site and type once, half to even, and its cells add up to it.

    Each cell gets the whole cents below it, and those left over go one each to the largest remainders, the earlier
    line and month first in a tie.
    """
    cents = np.zeros(values.shape, dtype=np.int64)
    for part in parts(passed):
        totals = np.rint(grid.summed(values[:, part].sum(axis=1)))
        for group, total in enumerate(totals):
            rows = grid.group == group
            cents[rows, part] = _placed(int(total), values[rows, part])
    return cents


def _placed(total: int, values: Floats) -> Cents:
    cells = values.ravel()
    if not cells.size:
        return values.astype(np.int64)
    whole = np.floor(cells)
    base = whole.astype(np.int64)
    every, once = divmod(total - int(base.sum()), cells.size)
    order = np.argsort(whole - cells, kind="stable")
    base += every
    base[order[:once]] += 1
    return base.reshape(values.shape)

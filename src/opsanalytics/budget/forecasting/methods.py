"""Outlook methods: eight plain answers to what the open months will come to, line by line and month by month.

Each knows something that the others do not: the run rate this year's level, last year's rest the season, growth both,
the plan what is intended, its execution what usually becomes of intentions. A factor taken from a line's own past is
bounded or drawn to its site's, so that a base near zero or a refund makes no estimate explode.

Sources: R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.2 (mean and seasonal
naive methods); H. Buhlmann and A. Gisler, A Course in Credibility Theory (2005), ch. 4 (the Buhlmann-Straub model).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from opsanalytics.budget.forecasting.grid import Flags, Floats, Grid

RUN_RATE, LAST_YEAR, GROWTH, SHRUNK_GROWTH = "run_rate", "last_year_rest", "growth", "shrunk_growth"
REMAINING_PLAN, PLAN_LEFT, PLAN_EXECUTED, SEASONAL = "remaining_plan", "plan_left", "plan_executed", "seasonal"
COMBINED = "combined"

#: A growth or an execution of less than half or more than double is taken as half or double.
LOWEST, HIGHEST = 0.5, 2.0


@dataclass(frozen=True)
class View:
    """A fiscal year seen after `passed` of its months, of which nothing later is read but the plan then in force."""

    grid: Grid
    year: int
    passed: int

    @cached_property
    def months(self) -> Flags:
        """The months to date that each site holds and that are built on, S by 12."""
        return self.grid.held(self.year, self.passed)

    @cached_property
    def open(self) -> Flags:
        """The months to estimate, those to come and the missing ones, S by 12."""
        return self.grid.open(self.year, self.passed)

    @cached_property
    def held(self) -> Flags:
        """The months held by each line's site, L by 12."""
        return self.grid.of_lines(self.months)

    @cached_property
    def ahead(self) -> Flags:
        """The months open at each line's site, L by 12."""
        return self.grid.of_lines(self.open)

    @cached_property
    def closed(self) -> Flags:
        """Which sites have a plan that is over and no line in the last month, which they hold? S flags."""
        if self.plan is None or not 0 < self.passed < 12:
            return np.zeros(len(self.grid.sites), dtype=bool)
        meant, last = self.grid.by_site(self.plan), self.passed - 1
        over = (meant.sum(axis=1) > 0) & (meant[:, self.passed :].sum(axis=1) == 0)
        silent: Flags = over & self.months[:, last] & ~self.grid.posted[:, self.at, last]
        return silent

    @cached_property
    def active(self) -> Flags:
        """Which sites have an outlook? S flags.

        Those with a line in a month to date that they hold, or with a plan for an open month; and those that hold no
        month to date (theirs are missing, or none has passed) with a line in the last twelve months of the ledger,
        unless the plan in force is of other sites only. None before the first line of them all.
        """
        if not self.grid.lately(self.year, self.passed).any():
            return np.zeros(len(self.grid.sites), dtype=bool)
        lines = (self.grid.posted[:, self.at] & self.months).any(axis=1)
        late = ~self.months.any(axis=1) & self.grid.lately(self.year, self.passed)
        meant = np.zeros((len(self.grid.sites), 12)) if self.plan is None else self.grid.by_site(self.plan)
        if meant.any():
            late &= meant.any(axis=1)
        found: Flags = lines | late | ((meant * self.open).sum(axis=1) > 0)
        return found

    @property
    def at(self) -> int:
        """The year's place in the grid."""
        return self.grid.years.index(self.year)

    @cached_property
    def to_date(self) -> Floats:
        """What each line has come to in the months held."""
        now: Floats = (self.grid.amounts[:, self.at] * self.held).sum(axis=1)
        return now

    @cached_property
    def year_ago(self) -> Floats | None:
        """Last year's months, in the length that they have this year; None without a year before."""
        if self.at == 0:
            return None
        lengths = self.grid.length[self.at] / self.grid.length[self.at - 1]
        before: Floats = self.grid.amounts[:, self.at - 1] * lengths
        return before

    @property
    def plan(self) -> Floats | None:
        """The plan in force, L by 12; None without one."""
        return self.grid.plans.get((self.year, self.passed))


@dataclass(frozen=True)
class Estimates:
    """What each method says: values in cents, M by L by 12 (zero in months that are not open), and stands, M by G.

    Where a method does not stand at a site and type, its values there are the run rate's; where that does not stand
    either, the remaining plan's, else those of last year's rest. A closed site has nothing in the months to come.
    """

    values: Floats
    stands: Flags


Estimate = tuple[Floats, Flags]


def estimates(view: View) -> Estimates:
    """Estimate the open months of `view` by every method, in the order of METHODS."""
    grid = view.grid
    nothing = np.zeros((len(grid.lines), 12)), np.zeros(len(grid.groups), dtype=bool)
    found = {name: method(view) or nothing for name, method in _METHODS.items()}
    instead = nothing[0]
    for name in (LAST_YEAR, REMAINING_PLAN, RUN_RATE):
        values, here = found[name]
        instead = np.where(here[grid.group][:, None], values, instead)
    open_months = view.ahead & ~(grid.of_lines(view.closed)[:, None] & (np.arange(12) >= view.passed))
    said = [np.where(here[grid.group][:, None], values, instead) * open_months for values, here in found.values()]
    return Estimates(np.array(said), np.array([here for _, here in found.values()]))


def _run_rate(view: View) -> Estimate:
    """Year to date / its months held, for each open month; months count by their weeks in a calendar of weeks."""
    length = view.grid.length[view.at]
    rate = _ratio(view.to_date, (view.held * length).sum(axis=1))
    return rate[:, None] * length, np.asarray(view.months.any(axis=1))[view.grid.site_of_group]


def _last_year(view: View) -> Estimate | None:
    """The open months a year ago, where the ledger holds all of them and the site has any line in one of them."""
    before = view.year_ago
    if before is None:
        return None
    return before, _posted(view, view.open)


def _growth(view: View) -> Estimate | None:
    """Last year's open months times year to date / last year's to date, the factor within its bounds."""
    before = view.year_ago
    if before is None:
        return None
    return before * _line_growth(view, before)[:, None], _grown(view)


def _shrunk_growth(view: View) -> Estimate | None:
    """The same with each line's growth drawn to its site's, the more the less its months agree (Buhlmann-Straub)."""
    before = view.year_ago
    if before is None:
        return None
    grid = view.grid
    own, trust = _line_growth(view, before), _credibility(view, before)
    now, ago = grid.summed(view.to_date), grid.summed((before * view.held).sum(axis=1))
    common = _bounded(now, ago)[grid.group]
    growth = trust * own + (1 - trust) * common
    return before * growth[:, None], _grown(view)


def _line_growth(view: View, before: Floats) -> Floats:
    return _bounded(view.to_date, (before * view.held).sum(axis=1))


def _credibility(view: View, before: Floats) -> Floats:
    """How far is a line's own growth to be trusted? Z = w / (w + within / between), from the months held; L.

    w is last year's amount of a line's months, within the variance of a line's monthly growth around its own mean for
    one cent of it, between that of the lines' means beyond what within explains. Zero where one month cannot tell.
    """
    grid = view.grid
    weight = np.where(view.held, np.maximum(before, 0.0), 0.0)
    monthly = _bounded(grid.amounts[:, view.at], weight)
    total = weight.sum(axis=1)
    mean = _ratio((weight * monthly).sum(axis=1), total)
    freedom = grid.summed(np.maximum((weight > 0).sum(axis=1) - 1, 0).astype(np.float64))
    within = _ratio(grid.summed((weight * (monthly - mean[:, None]) ** 2).sum(axis=1)), freedom)
    whole = grid.summed(total)
    centre = _ratio(grid.summed(total * mean), whole)
    spread = grid.summed(total * (mean - centre[grid.group]) ** 2)
    lines = grid.summed((total > 0).astype(np.float64))
    scale = whole - _ratio(grid.summed(total**2), whole)
    between = np.maximum(_ratio(spread - (lines - 1) * within, scale), 0.0) * (freedom > 0)
    return _ratio(total * between[grid.group], total * between[grid.group] + within[grid.group])


def _remaining_plan(view: View) -> Estimate | None:
    """The plan of the open months."""
    plan = view.plan
    return None if plan is None else (plan, _planned(view, plan))


def _plan_left(view: View) -> Estimate | None:
    """What the year's plan leaves after the year to date, never past zero, spread as the plan's open months are."""
    plan = view.plan
    return None if plan is None else (_left(view, plan, np.ones(len(plan))), _planned(view, plan))


def _plan_executed(view: View) -> Estimate | None:
    """The same of the share of the plan that earlier years came to, measured on their plans in force at this month.

    A line's share over its n years counts n times, its site's once.
    """
    plan, grid = view.plan, view.grid
    past = [year for year in _past(view) if (year, view.passed) in grid.plans]
    if plan is None or not past:
        return None
    came, meant, years = (np.zeros(len(plan)) for _ in range(3))
    for year in past:
        then = grid.plans[year, view.passed].sum(axis=1)
        counts = grid.of_lines(grid.complete(year)) & (then > 0)
        came += grid.amounts[:, grid.years.index(year)].sum(axis=1) * counts
        meant += then * counts
        years += counts
    all_meant = grid.summed(meant)
    common = _bounded(grid.summed(came), all_meant)[grid.group]
    share = (years * _bounded(came, meant) + common) / (years + 1)
    return _left(view, plan, share), _planned(view, plan) & (all_meant > 0)


def _seasonal(view: View) -> Estimate | None:
    """Year to date / the share of a year that its months usually are, times the shares of the open months.

    The shares of a line over its n complete years count n times, its site's once; a negative month has none, and each
    is taken in the length that it has this year. The year is at most double what the run rate makes of it, and a line
    that is negative to date goes by its run rate.
    """
    grid = view.grid
    own, years = np.zeros((len(grid.lines), 12)), np.zeros(len(grid.lines))
    for year in _past(view):
        counts, place = grid.of_lines(grid.complete(year)), grid.years.index(year)
        amounts = np.maximum(grid.amounts[:, place], 0.0) * counts[:, None]
        own += amounts * (grid.length[view.at] / grid.length[place])
        years += amounts.sum(axis=1) > 0
    common = grid.summed(own)
    shape = _shares(common)[grid.group]
    shape = (years[:, None] * _shares(own) + shape) / (years + 1)[:, None]
    due = (shape * view.held).sum(axis=1)
    here = grid.summed(due) > 0
    to_date, length = view.to_date, grid.length[view.at]
    least = (view.held * length).sum(axis=1) / length.sum() / HIGHEST
    level = _ratio(to_date, np.maximum(due, least))[:, None] * shape
    return np.where(to_date[:, None] < 0, _run_rate(view)[0], level), here


_METHODS: dict[str, Callable[[View], Estimate | None]] = {
    RUN_RATE: _run_rate,
    LAST_YEAR: _last_year,
    GROWTH: _growth,
    SHRUNK_GROWTH: _shrunk_growth,
    REMAINING_PLAN: _remaining_plan,
    PLAN_LEFT: _plan_left,
    PLAN_EXECUTED: _plan_executed,
    SEASONAL: _seasonal,
}
METHODS = tuple(_METHODS)


def _posted(view: View, months: Flags) -> Flags:
    """Where does the ledger hold each of `months` (S by 12) a year ago, and the site a line in one of them? G flags.

    A site that began in one of them does not have them all.
    """
    grid, before = view.grid, view.at - 1
    known = grid.ledger[before] & grid.begun(view.year, view.passed, of=view.year - 1)
    held = (known | ~months).all(axis=1)
    any_line = (grid.posted[:, before] & months).any(axis=1)
    stands: Flags = (held & (any_line | ~months.any(axis=1)))[grid.site_of_group]
    return stands


def _grown(view: View) -> Flags:
    """Where are there months to date, of this year and of last, and last year's months that are open now? G flags."""
    begun = np.asarray(view.months.any(axis=1))[view.grid.site_of_group]
    stands: Flags = begun & _posted(view, view.months) & _posted(view, view.open)
    return stands


def _planned(view: View, plan: Floats) -> Flags:
    some: Flags = view.grid.summed(np.abs(plan).sum(axis=1)) > 0
    return some


def _left(view: View, plan: Floats, share: Floats) -> Floats:
    """Return what is left of the share of each line's year, by open month; nothing once it is used up."""
    year = plan.sum(axis=1)
    sign = np.sign(year)
    left = sign * np.maximum(sign * (year * share - view.to_date), 0.0)
    ahead = plan * view.ahead * sign[:, None]
    usable = (ahead >= 0).all(axis=1) & (ahead.sum(axis=1) > 0)
    even = view.ahead * view.grid.length[view.at]
    spread: Floats = left[:, None] * _shares(np.where(usable[:, None], ahead, even))
    return spread


def _past(view: View) -> list[int]:
    """Return the earlier fiscal years that at least one site has complete."""
    return [year for year in view.grid.years[: view.at] if view.grid.complete(year).any()]


def _bounded(now: Floats, base: Floats) -> Floats:
    """Return now / base within the bounds; 1 where the base is zero or negative."""
    return np.where(base > 0, np.clip(_ratio(now, np.maximum(base, 0.0)), LOWEST, HIGHEST), 1.0)


def _shares(values: Floats) -> Floats:
    return _ratio(values, np.asarray(values.sum(axis=1))[:, None])


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide, giving zero where there is nothing to divide by."""
    found: Floats = np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
    return found

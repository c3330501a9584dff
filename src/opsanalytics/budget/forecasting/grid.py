"""Outlook grid: actuals and plans as arrays of line by fiscal year by month, so that a method is one expression.

A line is a cost centre and an account. It has one place, the one it had last: when a centre moves, its history goes
with it, for the rest of the year is forecast from what the line did and not from what its old department did. The
arrays are floats, for an estimate is a statistic; booked money stays int64 and meets an estimate once that is in cents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.leaves import LEAF
from opsanalytics.periods import Calendar

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

#: The types that have an outlook; statistical accounts count in none of the measures.
KINDS = ("revenue", "cost")
_LINE = ["cost_centre", "account"]

#: A fiscal year and how many of its months have passed.
Cutoff = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """What is known, as arrays: L lines, Y fiscal years, 12 months, S sites, G pairs of site and type.

    lines: LEAF, sorted. groups: site, type, each site with each type; `group` gives the row of a line in it,
    `site_of_group` the place of a row in `sites`. amounts: cents, L by Y by 12. posted: S by Y by 12, has the site any
    line in the month? ledger: Y by 12, has anybody? length: Y by 12, what a month weighs: its weeks in a calendar of
    weeks, else 1. plans: L by 12, the plan of the cutoff's year in force at the cutoff. lacking: S by Y by 12, months
    said to be missing.
    """

    lines: pd.DataFrame
    groups: pd.DataFrame
    group: Codes
    sites: tuple[str, ...]
    site_of_group: Codes
    years: tuple[int, ...]
    amounts: Floats
    posted: Flags
    ledger: Flags
    length: Floats
    plans: Mapping[Cutoff, Floats]
    lacking: Flags

    def complete(self, year: int) -> Flags:
        """Which sites have lines in every month of a fiscal year? S flags."""
        at = self.years.index(year)
        full: Flags = self.posted[:, at].all(axis=1) & self.ledger[at].all()
        return full

    def held(self, year: int, passed: int) -> Flags:
        """Which of the year's months does each site hold after `passed` of them, from its first line on? S by 12."""
        at = self.years.index(year)
        known: Flags = (np.arange(12) < passed) & self.ledger[at] & ~self.lacking[:, at] & self.begun(year, passed)
        return known

    def open(self, year: int, passed: int) -> Flags:
        """Which of the year's months are open at each site, those to come and those to date that are missing? S by 12.

        A month to date before a site began is neither held nor open.
        """
        at = self.years.index(year)
        missing = np.where(self.ledger[at], self.lacking[:, at], self.begun(year, passed))
        ahead: Flags = missing | (np.arange(12) >= passed)
        return ahead

    def begun(self, year: int, passed: int, *, of: int | None = None) -> Flags:
        """In which months of the year `of` (`year` itself when left out) may each site have had lines? S by 12.

        As known after `passed` months of `year`: all after the last one that it holds before its first line.
        """
        now, shape = 12 * self.years.index(year) + passed, (len(self.sites), 12 * len(self.years))
        held = (self.ledger & ~self.lacking).reshape(shape)[:, :now]
        before = held & ~np.logical_or.accumulate(self.posted.reshape(shape)[:, :now], axis=1)
        first = (before * np.arange(1, now + 1)).max(axis=1, initial=0)
        months = 12 * self.years.index(year if of is None else of) + np.arange(12)
        return np.asarray(months >= first[:, None])

    def lately(self, year: int, passed: int) -> Flags:
        """Which sites have a line in the last twelve months that the ledger holds by then? S flags."""
        now = 12 * self.years.index(year) + passed
        last = np.flatnonzero(self.ledger.ravel()[:now])[-12:]
        return np.asarray(self.posted.reshape(len(self.sites), 12 * len(self.years))[:, last].any(axis=1))

    def by_site(self, values: Floats) -> Floats:
        """Add the sizes of lines (the first axis) up to sites."""
        sums: Floats = self.summed(np.abs(values)).reshape(len(self.sites), len(KINDS), *values.shape[1:]).sum(axis=1)
        return sums

    def of_lines(self, sites: Flags) -> Flags:
        """Give each line what its site (the first axis) has."""
        flags: Flags = sites[self.site_of_group][self.group]
        return flags

    def summed(self, values: Floats) -> Floats:
        """Add lines (the first axis) up to groups."""
        sums = np.zeros((len(self.groups), *values.shape[1:]))
        np.add.at(sums, self.group, values)
        return sums


def grid(
    actual: pd.DataFrame,
    plans: Mapping[Cutoff, pd.DataFrame],
    *,
    calendar: Calendar,
    last_year: int,
    ledger: Collection[str],
    missing: pd.DataFrame | None = None,
) -> Grid:
    """Arrange leaves, [period, LEAF, amount_cents], into a grid that ends with the fiscal year `last_year`.

    `plans` are the plan's leaves in force at a cutoff. `ledger` is the months that the whole ledger holds and `missing`
    ([site, period]) those that a site lacks beside.
    """
    first = min((calendar.fiscal_period(p).year for p in actual["period"].unique()), default=last_year)
    years = tuple(range(min(first, last_year), last_year + 1))
    months = [month for year in years for month in calendar.months_of_year(year)]
    at = {month: k for k, month in enumerate(months)}
    told_apart = {(year, id(plan)): plan for (year, _), plan in plans.items()}  # one often stands for many months
    lines = _lines([actual, *told_apart.values()])
    key = pd.MultiIndex.from_frame(lines[_LINE])
    sites = tuple(sorted({*actual["site"].unique(), *lines["site"].unique()}))
    rank = {site: k for k, site in enumerate(sites)}
    groups = pd.DataFrame([(site, kind) for site in sites for kind in KINDS], columns=["site", "type"], dtype="str")
    kinds = lines["type"].map({kind: k for k, kind in enumerate(KINDS)})
    weeks = [calendar.weeks(month) or 1 for month in months]
    arranged = {
        (year, name): _matrix(plan, key, {m: k for k, m in enumerate(calendar.months_of_year(year))})
        for (year, name), plan in told_apart.items()
    }
    return Grid(
        lines=lines,
        groups=groups,
        group=(lines["site"].map(rank) * len(KINDS) + kinds).to_numpy(dtype=np.int64),
        sites=sites,
        site_of_group=np.repeat(np.arange(len(sites)), len(KINDS)),
        years=years,
        amounts=_matrix(actual, key, at).reshape(len(lines), len(years), 12),
        posted=_flags(actual, rank, at).reshape(len(sites), len(years), 12),
        ledger=np.array([month in ledger for month in months], dtype=bool).reshape(len(years), 12),
        length=np.array(weeks, dtype=np.float64).reshape(len(years), 12),
        plans={cutoff: arranged[cutoff[0], id(plan)] for cutoff, plan in plans.items()},
        lacking=_flags(missing, rank, at).reshape(len(sites), len(years), 12),
    )


def _lines(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return each line at its last place: where its actuals put it, else where a plan does."""
    rows = [frame.loc[frame["type"].isin(KINDS), ["period", *LEAF]] for frame in frames]
    last = [frame.sort_values("period", kind="stable").drop_duplicates(_LINE, keep="last") for frame in rows]
    return pd.concat(last).drop_duplicates(_LINE)[LEAF].sort_values(LEAF, ignore_index=True)


def _matrix(frame: pd.DataFrame, key: pd.MultiIndex, at: Mapping[str, int]) -> Floats:
    """Add amounts up by line and month; rows of other months and lines are left out."""
    row = key.get_indexer(pd.MultiIndex.from_frame(frame[_LINE]))
    column = frame["period"].map(at)
    found = (row >= 0) & column.notna().to_numpy()
    sums = np.zeros((len(key), len(at)), dtype=np.int64)
    cents = frame["amount_cents"].to_numpy(dtype=np.int64)
    np.add.at(sums, (row[found], column[found].to_numpy(dtype=np.int64)), cents[found])
    return sums.astype(np.float64)


def _flags(frame: pd.DataFrame | None, rank: Mapping[str, int], at: Mapping[str, int]) -> Flags:
    """Mark the pairs of site and month that `frame` has any row of."""
    flags = np.zeros((len(rank), len(at)), dtype=bool)
    pairs: Iterable[tuple[str, str]] = ()
    if frame is not None:
        unique = frame[["site", "period"]].drop_duplicates()
        pairs = zip(unique["site"], unique["period"], strict=True)
    for site, month in pairs:
        if site in rank and month in at:
            flags[rank[site], at[month]] = True
    return flags

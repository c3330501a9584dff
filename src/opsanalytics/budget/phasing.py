"""Phasing: which budget row counts, and how a year's budget becomes months that add up to it exactly.

A year is spread by the line's own shape of the year before; where that has no usable shape, by that
of its account type at its site; else by the days of the months. Every cent is placed by the largest remainder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.allocation import allocate_rows
from opsanalytics.budget.comparison import with_types
from opsanalytics.budget.structure import placed
from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar

ORIGINAL = "original"
OWN_SHAPE, TYPE_SHAPE, BY_DAYS, EVEN, AS_GIVEN = "prior_year", "type_at_site", "days", "even", "as_given"
_LINE = ["cost_centre", "account"]


@dataclass(frozen=True)
class PhasedBudget:
    """A budget by month, and how each line came to its months.

    `months`: period, cost_centre, account, amount_cents. `rules`: cost_centre, account, rule, fiscal_year.
    """

    months: pd.DataFrame
    rules: pd.DataFrame


def budget_in_force(budget: pd.DataFrame, *, version: str, period: str, calendar: Calendar) -> pd.DataFrame:
    """Return the budget rows that count at `period`: [period, cost_centre, account, amount_cents], one for each line.

    `budget` is the checked table (a period is a month or a fiscal year, valid_from a month or missing). The row that
    came into force last counts; a line that `version` has no row in force for has the original's; a year replaces the
    months of that year that came into force before it, the original's among them. Raises LookupError naming the
    versions held when `version` is not one.
    """
    refuse_unknown_version(budget, version)
    rows = budget.reindex(columns=["version", "period", *_LINE, "valid_from", "amount_cents"])
    rows = rows.assign(since=rows["valid_from"].astype("str").fillna(""), chosen=rows["version"] == version)
    rows = rows[(rows["chosen"] | (rows["version"] == ORIGINAL)) & (rows["since"] <= period)]
    rows = rows.assign(cost_centre=rows["cost_centre"].fillna(UNASSIGNED), account=rows["account"].fillna(UNASSIGNED))
    rows = rows.sort_values(["period", *_LINE, "chosen", "since"], kind="stable", ignore_index=True)
    rows = rows.drop_duplicates(["period", *_LINE], keep="last")
    rows = rows[~_replaced_by_a_year(rows, calendar)]
    return rows[["period", *_LINE, "amount_cents"]].reset_index(drop=True)


def refuse_unknown_version(budget: pd.DataFrame, version: str) -> None:
    """Raise LookupError naming the versions that the budget holds when `version` is not one."""
    held = sorted(budget["version"].unique())
    if version not in held:
        raise LookupError(
            f"The budget has no version '{version}'; it has: {', '.join(held)}. "
            "Name one of these in workbook.toml under [budget] version."
        )


def _replaced_by_a_year(rows: pd.DataFrame, calendar: Calendar) -> pd.Series:
    """Which months belong to a line and year whose whole year came into force after them?"""
    yearly = rows["period"].str.len() == 4
    whole = rows[yearly]
    near = _about(rows[~yearly], whole)
    came = [frame["chosen"].map({False: "0", True: "1"}) + frame["since"] for frame in (whole, near)]
    keys = [
        pd.MultiIndex.from_frame(frame[_LINE].assign(year=fiscal_years(frame["period"], calendar)))
        for frame in (whole, near)
    ]
    of_year = pd.Series(came[0].to_numpy(), keys[0]).reindex(keys[1]).fillna("")
    return pd.Series(rows.index.isin(near.index[came[1].to_numpy() < of_year.to_numpy()]), rows.index)


def fiscal_years(periods: pd.Series, calendar: Calendar) -> pd.Series:
    """Return the fiscal year of each period, which is a month or itself a fiscal year."""
    years = {p: int(p) if len(p) == 4 else calendar.fiscal_period(p).year for p in periods.unique()}
    return periods.map(years).astype("int64")


def phase_budget(
    budget: pd.DataFrame,
    actuals: pd.DataFrame,
    accounts: pd.DataFrame,
    cost_centres: pd.DataFrame,
    *,
    calendar: Calendar,
    rule: str = OWN_SHAPE,
) -> PhasedBudget:
    """Spread the years of `budget` ([period, cost_centre, account, amount_cents], in force) over their months.

    `rule` "prior_year": by the line's own actuals (`actuals`: period, cost_centre, account, amount_cents, and site and
    type where they are looked up already) of the fiscal year before, where that year has no negative month and a
    positive total (a month without lines weighs nothing; in a calendar of weeks a month with a week 53 is scaled by
    its weeks); else, under the same condition, by those of its account type at its site (the site it has at the year's
    end); else by days. "days" and "even" say what they do. The months of a line add up to its year exactly. A month
    given as such stands as given, also where the line has a year, whose share of that month it replaces. Raises
    ValueError for another rule.
    """
    if rule not in (OWN_SHAPE, BY_DAYS, EVEN):
        raise ValueError(f"phasing '{rule}' is unknown: use one of {OWN_SHAPE}, {BY_DAYS}, {EVEN}.")
    yearly = budget["period"].str.len() == 4
    given, lines = budget[~yearly], budget[yearly]
    noted = given[_LINE].assign(rule=AS_GIVEN, fiscal_year=fiscal_years(given["period"], calendar))
    if lines.empty:
        months, record = given, noted
    else:
        years = np.asarray(lines["period"], dtype=np.int64)
        weights, used = _weights(lines, years, actuals, accounts, cost_centres, calendar, rule)
        spread = _spread(lines, years, allocate_rows(lines["amount_cents"].to_numpy(), weights), calendar)
        months = pd.concat([_without(spread, given), given])
        record = pd.concat([lines[_LINE].assign(rule=used, fiscal_year=years), noted])
    record = record.drop_duplicates([*_LINE, "fiscal_year"])
    return PhasedBudget(
        months[["period", *_LINE, "amount_cents"]]
        .astype({"period": "str", "amount_cents": "int64"})
        .sort_values(["period", *_LINE], ignore_index=True),
        record.astype({"rule": "str", "fiscal_year": "int64"}).sort_values(["fiscal_year", *_LINE], ignore_index=True),
    )


def _spread(
    lines: pd.DataFrame, years: npt.NDArray[np.int64], parts: npt.NDArray[np.int64], calendar: Calendar
) -> pd.DataFrame:
    """Set out the parts of each line (n by 12) as one row a month."""
    found, at = np.unique(years, return_inverse=True)
    months = np.array([calendar.months_of_year(int(year)) for year in found])
    rows = lines[_LINE].take(np.repeat(np.arange(len(lines)), 12))
    return rows.assign(period=pd.array(months[at].ravel(), dtype="str"), amount_cents=parts.ravel())


def _without(spread: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    key = ["period", *_LINE]
    stands = pd.MultiIndex.from_frame(spread[key]).isin(pd.MultiIndex.from_frame(_about(given, spread)[key]))
    return spread[~stands]


def _about(rows: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Cut rows roughly to some lines: none of these lines' is lost, and few of others are left."""
    return rows[rows["cost_centre"].isin(lines["cost_centre"]) & rows["account"].isin(lines["account"])]


def _weights(
    lines: pd.DataFrame,
    years: npt.NDArray[np.int64],
    actuals: pd.DataFrame,
    accounts: pd.DataFrame,
    cost_centres: pd.DataFrame,
    calendar: Calendar,
    rule: str,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Return the weights of each line (n by 12) in its year, and the rule that gave them."""
    found, at = np.unique(years, return_inverse=True)
    months = {int(year): calendar.months_of_year(int(year)) for year in found}
    plain = [[1 if rule == EVEN else calendar.days(month) for month in of_year] for of_year in months.values()]
    weights = np.array(plain, dtype=np.int64)[at]
    used = np.full(len(lines), EVEN if rule == EVEN else BY_DAYS, dtype="U12")
    if rule != OWN_SHAPE:
        return weights, used
    before = {year: calendar.months_of_year(year - 1) for year in months}
    factors = np.array([_week_factors(months[year], before[year], calendar) for year in months])[at]
    history = _numbered(actuals, before)
    if not {"site", "type"} <= set(history.columns):
        history = with_types(placed(history, cost_centres, calendar), accounts)
    ends = pd.array(np.array([of_year[-1] for of_year in months.values()])[at], dtype="str")
    known = with_types(placed(lines.assign(period=ends, year=years), cost_centres, calendar), accounts)
    for name, key, amounts in (
        (TYPE_SHAPE, ["site", "type", "year"], history),
        (OWN_SHAPE, [*_LINE, "year"], _about(history, known)),
    ):
        shapes = _shapes(amounts, key)
        row = shapes.index.get_indexer(_keys(known, key))
        weights[row >= 0] = shapes.to_numpy()[row[row >= 0]] * factors[row >= 0]
        used[row >= 0] = name
    return weights, used


def _numbered(actuals: pd.DataFrame, before: Mapping[int, Sequence[str]]) -> pd.DataFrame:
    """Cut actuals to the months that shape a year: with that year, and their place in their own."""
    shaped = {month: (year, place) for year, months in before.items() for place, month in enumerate(months)}
    code, periods = pd.factorize(actuals["period"])
    year, place = np.array([shaped.get(str(period), (-1, -1)) for period in periods] or [(-1, -1)]).T
    numbered: pd.DataFrame = actuals.assign(year=year[code], place=place[code])[year[code] >= 0]
    return numbered


def _week_factors(months: Sequence[str], before: Sequence[str], calendar: Calendar) -> npt.NDArray[np.int64]:
    """Return by what last year's months weigh this year: one and all the same, save where one has a week 53."""
    now, then = ([calendar.weeks(month) or 1 for month in year] for year in (months, before))
    if now == then:
        return np.ones(len(now), dtype=np.int64)
    whole = math.lcm(*then)
    return np.array([n * whole // t for n, t in zip(now, then, strict=True)], dtype=np.int64)


def _shapes(history: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return the monthly sums of each key that can serve as a shape: no month below zero, the total above it."""
    sums = history.groupby([*key, "place"])["amount_cents"].sum().unstack("place", fill_value=0)
    sums = sums.reindex(columns=range(12), fill_value=0)
    usable = (sums >= 0).all(axis=1) & (sums.sum(axis=1) > 0)
    return sums[usable]


def _keys(frame: pd.DataFrame, key: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(frame[key])

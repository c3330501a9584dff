"""Leaves: every side of a comparison in one form, a month, a place in the structure, an account with its type.

What is compared is first made alike: actuals and the budget in force become frames of the same leaves, in the structure
as posted or as current, with or without the lines marked one-off. Whatever is added up later is added up from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from opsanalytics.budget.comparison import with_types
from opsanalytics.budget.phasing import (
    ORIGINAL,
    PhasedBudget,
    budget_in_force,
    fiscal_years,
    phase_budget,
    refuse_unknown_version,
)
from opsanalytics.budget.structure import placed
from opsanalytics.formats import ALL, UNASSIGNED, nearest
from opsanalytics.periods import prior_year, shift
from opsanalytics.settings import Settings

LEAF = ["site", "department", "cost_centre", "account", "pl_line", "type"]
AS_POSTED, AS_CURRENT = "as_posted", "as_current"
WITH, WITHOUT = "with", "without"
Phased = tuple[pd.DataFrame, pd.DataFrame]
_LINE = ["period", "cost_centre", "account"]


def refuse_unknown(
    tables: Mapping[str, pd.DataFrame], *, entity: str, structure: str = AS_POSTED, one_offs: str = WITH
) -> None:
    """Raise LookupError for an entity, and ValueError for a view, that does not exist, naming those that do."""
    for name, value, known in (
        ("structure", structure, (AS_POSTED, AS_CURRENT)),
        ("one_offs", one_offs, (WITH, WITHOUT)),
    ):
        if value not in known:
            raise ValueError(f"{name} '{value}' is unknown: use {' or '.join(known)}.")
    found: set[str] = {ALL, UNASSIGNED}
    for table in ("cost_centres", "sites"):
        if table in tables and "site" in tables[table].columns:
            found |= set(tables[table]["site"].dropna())
    if entity not in found:
        listed = ", ".join(sorted(found))
        raise LookupError(f"There is no entity '{entity}'. The nearest is '{nearest(entity, found)}'; all: {listed}.")


def of_entity(frame: pd.DataFrame, entity: str) -> pd.DataFrame:
    """Return the rows of a site, or all of them for the whole."""
    return frame if entity == ALL else frame[frame["site"] == entity]


def without(sums: pd.DataFrame, one_offs: str) -> pd.DataFrame:
    """Return sums of the ledger with or without the part marked one-off (one_off_cents, where there is such a column).

    A line that has nothing else stands at zero, for something was posted.
    """
    if one_offs == WITH or "one_off_cents" not in sums.columns:
        return sums
    return sums.assign(amount_cents=sums["amount_cents"] - sums["one_off_cents"], one_off_cents=0)


@dataclass(frozen=True)
class Source:
    """What the leaves are made of: the checked tables, the settings, the ledger's sums, seen at PERIOD."""

    actuals: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    settings: Settings
    period: str
    _booked: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict, repr=False)
    _made: dict[tuple[int, int], Phased] = field(default_factory=dict, repr=False)
    _planned: dict[tuple[int, int], pd.DataFrame] = field(default_factory=dict, repr=False)

    def seen(self, one_offs: str = WITH) -> pd.DataFrame:
        """Return the ledger's sums up to PERIOD: period, cost_centre, account and their `*_cents`; see `without`."""
        rows = self.actuals[self.actuals["period"] <= self.period]
        return without(rows[[c for c in rows.columns if c in _LINE or str(c).endswith("_cents")]], one_offs)

    def booked(self, one_offs: str, structure: str) -> pd.DataFrame:
        """Return `seen` as leaves; each view is made once."""
        if (one_offs, structure) not in self._booked:
            self._booked[one_offs, structure] = self.leaves(self.seen(one_offs), structure)
        return self._booked[one_offs, structure]

    def one_off(self) -> pd.DataFrame:
        """Return the part of the ledger's sums that is marked one-off, in the form of `seen`; empty where none is."""
        rows = self.actuals[self.actuals["period"] <= self.period].reindex(columns=[*_LINE, "one_off_cents"])
        rows = rows.rename(columns={"one_off_cents": "amount_cents"}).fillna({"amount_cents": 0})
        return rows[rows["amount_cents"] != 0].astype({"amount_cents": "int64"})

    def leaves(self, lines: pd.DataFrame, structure: str) -> pd.DataFrame:
        """Give lines (period, cost_centre, account) their place and type.

        As posted, a month has the structure in force on its own last day; as current, on the last day of PERIOD.
        """
        at = self.period if structure == AS_CURRENT else None
        places = placed(lines, self.tables["cost_centres"], self.settings.calendar, at=at)
        return with_types(places, self.tables["accounts"])

    def plan(self) -> PhasedBudget:
        """Return the budget in force at PERIOD by month, of its fiscal year and the one before."""
        year = self.settings.calendar.fiscal_period(self.period).year
        parts = [self._phased(of, self._amendments(of, self.period)) for of in (year - 1, year)]
        months, rules = (pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True))
        return PhasedBudget(months, rules)

    def next_year(self) -> pd.DataFrame:
        """Return the months of the next fiscal year's budget, as far as there is one in force at PERIOD."""
        year = self.settings.calendar.fiscal_period(self.period).year + 1
        return self._phased(year, self._amendments(year, self.period))[0]

    def plan_at(self, month: str) -> pd.DataFrame:
        """Return the plan in force at `month` for the fiscal year of the month after it, as leaves for the outlook.

        From one amendment to the next it is the same frame.
        """
        year = self.settings.calendar.fiscal_period(shift(month, 1)).year
        key = (year, self._amendments(year, month))
        if key not in self._planned:
            self._planned[key] = self.leaves(self._phased(*key)[0], AS_CURRENT)
        return self._planned[key]

    def _since(self, year: int) -> list[str]:
        """Return the months from which a row of a fiscal year's budget is in force, but for those that always are."""
        return sorted(self._budgets.get(year, self._no_budget)["valid_from"].dropna().unique())

    def _amendments(self, year: int, month: str) -> int:
        """Return how many of these have come by `month`."""
        return sum(since <= month for since in self._since(year))

    def _phased(self, year: int, amendments: int) -> Phased:
        """Return the months and the rules of a fiscal year's budget after so many amendments.

        A line comes to its months by itself, so only those amended are made anew.
        """
        if not amendments:
            return self._unamended.get(year, self._nothing_phased)
        if (year, amendments) not in self._made:
            rows, since = self._budgets[year], self._since(year)
            lines = pd.MultiIndex.from_frame(rows.loc[rows["valid_from"].isin(since[:amendments]), _LINE[1:]])
            own = rows[pd.MultiIndex.from_frame(rows[_LINE[1:]]).isin(lines)]
            others, anew = self._phased(year, 0), self._phase(own, since[amendments - 1])
            months, rules = (_in_place(*frames, lines) for frames in zip(others, anew, strict=True))
            self._made[year, amendments] = (
                months.sort_values(_LINE, ignore_index=True),
                rules.sort_values(["fiscal_year", *_LINE[1:]], ignore_index=True),
            )
        return self._made[year, amendments]

    @cached_property
    def _unamended(self) -> Mapping[int, Phased]:
        """Return the months and the rules of every fiscal year's budget before any amendment, all made at once."""
        months, rules = self._phase(pd.concat([self._no_budget, *self._budgets.values()]), "")
        of_year = {int(str(year)): rows for year, rows in rules.groupby("fiscal_year")}
        years = fiscal_years(months["period"], self.settings.calendar)
        return {
            int(str(year)): (rows.reset_index(drop=True), of_year[int(str(year))].reset_index(drop=True))
            for year, rows in months.groupby(years)
        }

    def _phase(self, rows: pd.DataFrame, month: str) -> Phased:
        """Return the months and the rules of budget rows in force at `month`."""
        version, calendar, tables = self.settings.budget_version, self.settings.calendar, self.tables
        held = set(rows["version"])
        if version in held or ORIGINAL in held:
            lines = budget_in_force(
                rows, version=version if version in held else ORIGINAL, period=month, calendar=calendar
            )
        else:
            lines = self._shape[[*_LINE, "amount_cents"]].iloc[:0]
        made = phase_budget(
            lines,
            self._shape,
            tables["accounts"],
            tables["cost_centres"],
            calendar=calendar,
            rule=self.settings.phasing,
        )
        return made.months, made.rules

    @property
    def _shape(self) -> pd.DataFrame:
        """Return last year's lines that a year may be phased by: as posted, and with one-offs in every view."""
        return self.booked(WITH, AS_POSTED)

    @cached_property
    def _nothing_phased(self) -> Phased:
        return self._phase(self._no_budget, "")

    @cached_property
    def _no_budget(self) -> pd.DataFrame:
        return pd.DataFrame(columns=["version", "period", "valid_from", "cost_centre", "account", "amount_cents"])

    @cached_property
    def _budgets(self) -> Mapping[int, pd.DataFrame]:
        """Return the budget by fiscal year; raises LookupError for a version that it does not have."""
        budget = self.tables.get("budget")
        if budget is None or budget.empty:
            return {}
        refuse_unknown_version(budget, self.settings.budget_version)
        rows = budget.reindex(columns=self._no_budget.columns)
        rows = rows.fillna(dict.fromkeys(_LINE[1:], UNASSIGNED))
        years = fiscal_years(rows["period"], self.settings.calendar)
        return {int(str(year)): lines for year, lines in rows.groupby(years)}


def _in_place(frame: pd.DataFrame, anew: pd.DataFrame, lines: pd.MultiIndex) -> pd.DataFrame:
    """Put the rows of `anew` in the place of those that `frame` has of `lines` (cost_centre, account)."""
    return pd.concat([frame[~pd.MultiIndex.from_frame(frame[_LINE[1:]]).isin(lines)], anew], ignore_index=True)


def monthly_plan(
    actuals: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: Settings, *, period: str, entity: str = ALL
) -> pd.DataFrame:
    """What is budgeted for each month, cost centre and account? period, site, cost_centre, account, amount_cents.

    Of the fiscal year of `period`, the one before and the one after, as in force at `period`, cost centres where they
    are in each month. Arguments as in `budget_variance`.
    """
    source = Source(actuals, tables, settings, period)
    months = pd.concat([source.plan().months, source.next_year()], ignore_index=True)
    lines = of_entity(source.leaves(months, AS_POSTED), entity)
    return lines[["period", "site", "cost_centre", "account", "amount_cents"]].reset_index(drop=True)


def missing_cells(
    company: pd.DataFrame, plan: pd.DataFrame, to_date: Sequence[str], last_year: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Name the months that a side should hold and does not: [site, period], for AC and (at the month compared with) PY.

    A month that nobody has is missing at every site. Else a site lacks a month of the year to date that it has a
    budget for or, without a budget for the year, that follows lines of its own; and one of last year between lines of
    its own.
    """
    held = _cells(company)
    first = dict(sorted(held, reverse=True))
    last = dict(sorted(held))
    sites = sorted({*first, *plan["site"].unique()})
    budgeted = plan[plan["amount_cents"] != 0]
    due = _cells(budgeted)
    planned = set(plan.loc[plan["period"].isin(to_date), "site"].unique())
    ledger = {month for _, month in held}

    def expected(site: str, month: str) -> bool:
        if month not in ledger:
            return True
        if site == UNASSIGNED:
            return False
        if site in planned:
            return (site, month) in due
        return site in first and first[site] < month

    def inside(site: str, month: str) -> bool:
        if month not in ledger:
            return True
        return site != UNASSIGNED and site in first and first[site] < month < last[site]

    now = [(s, m) for s in sites for m in to_date if (s, m) not in held and expected(s, m)]
    before = [(s, shift(m, 12)) for s in sites for m in last_year if (s, m) not in held and inside(s, m)]
    columns = {"site": "str", "period": "str"}
    return {
        "AC": pd.DataFrame(now, columns=list(columns)).astype(columns),
        "PY": pd.DataFrame(before, columns=list(columns)).astype(columns),
    }


def lacking(source: Source, company: pd.DataFrame, plan: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return `missing_cells` of the year to date at PERIOD, and of the fiscal year before."""
    calendar, period = source.settings.calendar, source.period
    return missing_cells(company, plan, calendar.months(period, "ytd"), calendar.year_months(prior_year(period)))


def _cells(frame: pd.DataFrame) -> set[tuple[str, str]]:
    places = frame[["site", "period"]].drop_duplicates()
    return set(zip(places["site"], places["period"], strict=True))

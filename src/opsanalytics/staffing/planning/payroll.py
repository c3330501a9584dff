"""Payroll: the cost of the staff required, beside the budget of the accounts that staffing drives."""

from __future__ import annotations

import pandas as pd

from opsanalytics.formats import listed, month_name
from opsanalytics.periods import month_range
from opsanalytics.staffing.forecast.result import PAYROLL


def payroll_comparison(monthly: pd.DataFrame, budget: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Does the payroll budget pay for the staff that the forecast requires, month by month?

    `monthly` has the staff cost by site, service and month (site, service, period, staff_cost_cents), `budget` the
    budget of the accounts that staffing drives (period, budget_cents), several rows of a month add up. Returns the
    frame PAYROLL for the months that both have, difference = staff cost less budget (above zero the budget is too
    small), and notes that name each month left out and why. A month counts where every service of `monthly` has a
    cost in it: missing is not zero.
    """
    cost, notes = _whole_cost(monthly)
    planned = budget.groupby("period")["budget_cents"].agg(lambda cents: cents.sum(skipna=False)).dropna()
    both = [period for period in cost.index if period in planned.index]
    without = [period for period in cost.index if period not in planned.index]
    if without:
        notes.append(
            f"{_months(without)} no budget of the accounts that staffing drives, so staff cost is not compared: "
            "add the budget, or mark its accounts with the driver staffing."
        )
    table = pd.DataFrame({"period": both, "staff_cost_cents": cost[both].array, "budget_cents": planned[both].array})
    kinds = dict.fromkeys(PAYROLL[1:], "Int64") | {"period": "str"}
    table = table.astype({name: kind for name, kind in kinds.items() if name in table})
    return table.assign(difference_cents=table["staff_cost_cents"] - table["budget_cents"])[PAYROLL], tuple(notes)


def _whole_cost(monthly: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Sum the staff cost of the months that every service has, in their order, and name the others."""
    table = monthly.assign(who=monthly["service"].astype("str") + " at " + monthly["site"].astype("str"))
    wide = table.pivot(index="period", columns="who", values="staff_cost_cents").sort_index()
    lacking: dict[tuple[str, ...], list[str]] = {}
    for period, absent in wide.isna().iterrows():
        lacking.setdefault(tuple(wide.columns[absent.to_numpy()]), []).append(str(period))
    notes = [
        f"{_months(periods)} no staff cost of {listed(services)}, so staff cost is not compared with the payroll "
        "budget: give the wage_rate, or a longer demand forecast."
        for services, periods in lacking.items()
        if services
    ]
    return wide.dropna().sum(axis=1), notes


def _months(periods: list[str]) -> str:
    """Write "Oct 2026 has", "Oct 2026 and Jan 2027 have", or "Oct 2026 to Dec 2026 have" where they are in a row."""
    names = [month_name(period) for period in periods]
    if len(periods) > 2 and periods == month_range(periods[0], periods[-1]):
        return f"{names[0]} to {names[-1]} have"
    return f"{listed(names)} {'has' if len(names) == 1 else 'have'}"

"""Payroll: the cost of the staff required, beside the budget of the accounts that staffing drives."""

from __future__ import annotations

from collections.abc import Set

import pandas as pd

from opsanalytics.formats import listed
from opsanalytics.staffing.forecast.result import PAYROLL, months_text
from opsanalytics.staffing.standards import Tables


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
            f"{_months(without)} no budget of the accounts that staffing drives (in every cost centre compared), so "
            "staff cost is not compared: add the budget, or mark its accounts with the driver staffing."
        )
    table = pd.DataFrame({"period": both, "staff_cost_cents": cost[both].array, "budget_cents": planned[both].array})
    kinds = dict.fromkeys(PAYROLL[1:], "Int64") | {"period": "str"}
    table = table.astype({name: kind for name, kind in kinds.items() if name in table})
    return table.assign(difference_cents=table["staff_cost_cents"] - table["budget_cents"])[PAYROLL], tuple(notes)


def payroll_budget(
    budget: pd.DataFrame, tables: Tables, site: str, costed: Set[str], served: Set[str]
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """What is budgeted by month for the people of the services of a site that have a staff cost?

    `budget` is what is budgeted (period, site, cost_centre, account, amount_cents), `tables` holds standards and
    accounts; `costed` are the services with a staff cost, `served` those with demand. Returns period and budget_cents,
    and notes. The budget is that of the accounts with the driver staffing, in the cost centres that the standards of
    the services name, for months in which each of these has one; of the whole site where no standard names any.
    None, and a note with the remedy, where it would pay for other services too: where only some of the standards name
    a cost centre, where none does and a service has no cost, or where one without a cost shares one.
    """
    accounts, standards = tables["accounts"], tables["standards"]
    standards = standards.assign(cost_centre=standards.get("cost_centre"))
    fault = _fault(standards, site, costed, served)
    if fault:
        return None, (f"Staff cost of {site} is not compared with the payroll budget: {fault}",)
    driven = (
        accounts.loc[accounts["driver"] == "staffing", "account"] if "driver" in accounts else accounts["account"][:0]
    )
    rows = budget[(budget["site"] == site) & budget["account"].isin(driven)]
    own, notes = standards[standards["site"] == site], list[str]()
    centres = own.loc[own["service"].isin(costed), "cost_centre"].dropna().unique()
    if len(centres):
        rows = rows[rows["cost_centre"].isin(centres)]
        rows = rows[rows.groupby("period")["cost_centre"].transform("nunique") == len(centres)]
        notes = [
            f"{service} at {site} has no staff cost, so the budget of its cost centre is left out of the comparison "
            "with the payroll budget. A demand forecast of whole months puts both in."
            for service in sorted(set(own["service"]) - costed)
        ]
    return rows.groupby("period")["amount_cents"].sum().rename("budget_cents").reset_index(), tuple(notes)


def _fault(standards: pd.DataFrame, site: str, costed: Set[str], served: Set[str]) -> str:
    """Say why no budget is that of the services with a cost alone, and what to do; "" where one is."""
    here = standards["site"] == site
    own = standards[here]
    named = own["cost_centre"].notna()
    if not named.any():
        without = sorted({*own["service"], *served} - costed)
        lack = f"no standard names its cost centre, and {listed(without)} {_has(without)} no staff cost"
        return f"{lack}. Give cost_centre in standards, or what the staff cost lacks." if without else ""
    if not named.all():
        lack = f"some of its standards name their cost centre, and those of {listed(_names(own[~named]))} do not"
        return f"{lack}. In standards, give the cost_centre of every service, or of none."
    inside = here & standards["service"].isin(costed)
    shared = standards[~inside & standards["cost_centre"].isin(standards.loc[inside, "cost_centre"])]
    if shared.empty:
        return ""
    centres = sorted(shared["cost_centre"].unique())
    places = listed(_names(shared.assign(service=shared["service"] + " at " + shared["site"])))
    verb = "pays" if len(centres) == 1 else "pay"
    lack = f"{listed(centres)} also {verb} for {places}, whose staff cost is not in it"
    return f"{lack}. Give a service a cost_centre of its own, or what its staff cost lacks, or drop its standard."


def _names(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["service"].unique())


def _has(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


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
    return f"{months_text(periods)} {_has(periods)}"

"""Analyses: one entity's result from the checked inputs, or the one on record."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import ALL
from opsanalytics.results.record import recorded
from opsanalytics.schemas import NEEDS

if TYPE_CHECKING:
    from opsanalytics import budget, demand, sources, staffing
    from opsanalytics.demand.value import added


def variance(
    inputs: sources.Inputs,
    period: str,
    entity: str = ALL,
    *,
    structure: str = "as_posted",
    one_offs: str = "with",
) -> budget.BudgetVariance:
    """Compare actual with plan, prior year and forecast for one entity; see `budget.budget_variance`."""
    from opsanalytics import budget

    return budget.budget_variance(
        inputs.actuals(period),
        inputs.tables,
        inputs.settings,
        period=period,
        entity=entity,
        structure=structure,
        one_offs=one_offs,
        prior=inputs.prior,
        ledger=inputs.ledger,
    )


def forecast(inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = "") -> demand.DemandForecast:
    """Return the demand forecast of one entity: the one on record in `run_dir`, else computed now.

    The whole is the sum of its sites' forecasts, and of what has no site. LookupError when there is no demand up to
    `period`.
    """
    from opsanalytics import demand

    on_record = recorded(demand.DemandForecast, "seasonal_demand", run_dir, entity)
    if on_record is not None:
        return on_record
    if entity != ALL:
        volumes = inputs.volumes(period, entity)
        return demand.demand_forecast(volumes, inputs.tables, inputs.settings, period=period, entity=entity)
    return demand.total([forecast(inputs, period, site, run_dir) for site in sites_with_demand(inputs, period)])


def forecast_value(
    inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = ""
) -> added.ForecastValue:
    """What were the forecasts and the overrides on record worth, now that their months are over? See `added.value_of`.

    The forecasts are those that earlier runs left (`Inputs.prior`), never ones made now; the actuals those of the
    demand forecast on record in `run_dir`, else added up from the demand. LookupError when there is no demand up to
    `period`.
    """
    from opsanalytics.demand.value import added, record

    calendar, prior = inputs.settings.calendar, inputs.prior
    sites = _sites(inputs, period, entity)
    monthly = pd.concat([_months(inputs, period, site, run_dir) for site in sites], ignore_index=True)
    kept_record = prior.get("demand_record")
    forecasts = None if kept_record is not None else prior.get("forecasts")
    made = record.on_record(forecasts, calendar, record=kept_record)
    now, kept = inputs.tables.get("overrides"), prior.get("overrides")
    planned, notes = record.standing(now, kept, calendar, period=period, entity=entity)
    found = added.value_of(monthly, made, planned, period=period, entity=entity)
    return dataclasses.replace(found, notes=(*notes, *found.notes))


def _months(inputs: sources.Inputs, period: str, site: str, run_dir: str | Path) -> pd.DataFrame:
    """Return a site's months: those on record in `run_dir`, else its actuals, for which nothing is forecast."""
    from opsanalytics import demand
    from opsanalytics.demand.value.added import actual_months

    on_record = recorded(demand.DemandForecast, "seasonal_demand", run_dir, site)
    if on_record is not None:
        return on_record.monthly
    return actual_months(inputs.volumes(period, site), inputs.tables, inputs.settings, period=period)


def staff(
    inputs: sources.Inputs,
    period: str,
    entity: str = ALL,
    run_dir: str | Path = "",
    *,
    what_if: str = "",
    sites: Sequence[staffing.StaffingForecast] = (),
) -> staffing.StaffingForecast:
    """Return the staffing forecast of one entity: the one on record in `run_dir`, else computed now from its demand.

    The whole is the sum of its sites; it computes no queue of its own. `what_if` is a change as a planner writes it
    (see `staffing.asked_change`), which becomes one more scenario. `sites` are those of `staff_by_site`, where they are
    at hand. Raises ValueError for a change that is not understood.
    """
    from opsanalytics import staffing

    change = staffing.asked_change(what_if)
    found = recorded(staffing.StaffingForecast, "staffing_forecast", run_dir, entity)
    if found is not None:  # what a planner asked then is not asked now
        usual = found.scenarios["scenario"].isin(staffing.USUAL_SCENARIOS)
        found = dataclasses.replace(found, scenarios=found.scenarios[usual].reset_index(drop=True))
    if found is None:
        parts = sites or staff_by_site(inputs, period, entity, run_dir)
        found = staffing.total(parts) if entity == ALL else parts[0]
    if change is None:
        return found
    names = _sites(inputs, period, entity)
    expected = pd.concat([forecast(inputs, period, name, run_dir).forecasts for name in names], ignore_index=True)
    asked = staffing.scenarios(expected, inputs.tables, inputs.settings, [change], period=period, entity=entity)
    if found.scenarios.empty:  # sites whose months are not the same: those that all have count
        return dataclasses.replace(found, scenarios=asked)
    others = found.scenarios[found.scenarios["scenario"] != change.name]
    both = pd.concat([others, asked[asked["scenario"] == change.name]], ignore_index=True)
    return dataclasses.replace(found, scenarios=both)


def staff_by_site(
    inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = ""
) -> list[staffing.StaffingForecast]:
    """Return the staffing forecasts of the sites that an entity is the sum of: those on record, else computed now."""
    from opsanalytics import staffing

    found, plan = [], None
    for site in _sites(inputs, period, entity):
        one = recorded(staffing.StaffingForecast, "staffing_forecast", run_dir, site)
        if one is None:
            plan = budget_of_staff(inputs, period) if plan is None else plan
            one = staffed(inputs, forecast(inputs, period, site, run_dir), plan)
        found.append(one)
    return found


def staffed(inputs: sources.Inputs, expected: demand.DemandForecast, budget: pd.DataFrame) -> staffing.StaffingForecast:
    """Return the staffing forecast of a site's demand forecast, beside `budget_of_staff`."""
    from opsanalytics import staffing

    return staffing.staffing_analysis(
        expected.forecasts,
        inputs.tables,
        inputs.settings,
        period=expected.period,
        entity=expected.entity,
        months=expected.monthly,
        budget=budget if len(budget) else None,
    )


def budget_of_staff(inputs: sources.Inputs, period: str) -> pd.DataFrame:
    """Return what is budgeted by month, site, cost centre and account; no rows where a table for it is not given."""
    from opsanalytics import budget

    if not all(inputs.has(table) for table in ("ledger", "accounts", "cost_centres", "budget")):
        return pd.DataFrame()
    return budget.monthly_plan(inputs.actuals(period), inputs.tables, inputs.settings, period=period)


def queue_detail(inputs: sources.Inputs, sites: Sequence[staffing.StaffingForecast]) -> staffing.QueueDetail | None:
    """Look closely at the queue with the most hours of the first of the sites that has one; None where nobody queues.

    No pool of agents serves several sites, so there is no queue of the whole.
    """
    from opsanalytics import staffing

    found = (staffing.queue_detail(site, inputs.tables, inputs.settings) for site in sites)
    return next((detail for detail in found if detail is not None), None)


def _sites(inputs: sources.Inputs, period: str, entity: str) -> list[str]:
    return sites_with_demand(inputs, period) if entity == ALL else [entity]


def sites_with_demand(inputs: sources.Inputs, period: str) -> list[str]:
    """Return the sites with any demand up to `period`, `(unassigned)` included; LookupError when there is none."""
    if not inputs.has("demand"):
        inputs.volumes(period)  # says what to put where
    sites = sorted({site for site, _ in inputs.served(period)})
    if not sites:
        raise LookupError(f"There is no demand up to {period}: add rows to the demand table or choose a later period.")
    return sites


def has_needs(inputs: sources.Inputs, notebook: str) -> bool:
    """Are the tables given that `notebook` cannot do without?"""
    return all(inputs.has(table) for table in NEEDS[notebook])

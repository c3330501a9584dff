"""Analyses: one entity's result from the checked inputs, or the one on record."""

from __future__ import annotations

import dataclasses
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
    sites = sites_with_demand(inputs, period) if entity == ALL else [entity]
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
    inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = "", *, what_if: str = ""
) -> staffing.StaffingForecast:
    """Return the staffing forecast of one entity: the one on record in `run_dir`, else computed now from its demand.

    The whole is the sum of its sites; it computes no queue of its own. `what_if` is a change as a planner writes it
    (see `staffing.asked_change`), which becomes one more scenario. Raises ValueError for one that is not understood.
    """
    from opsanalytics import staffing

    change = staffing.asked_change(what_if)
    found = recorded(staffing.StaffingForecast, "staffing_forecast", run_dir, entity)
    sites = sites_with_demand(inputs, period) if entity == ALL else [entity]
    if found is None and entity == ALL:
        found = staffing.total([staff(inputs, period, site, run_dir) for site in sites])
    if found is None:
        found = staffed(inputs, forecast(inputs, period, entity, run_dir))
    if change is None:
        return found
    expected = pd.concat([forecast(inputs, period, site, run_dir).forecasts for site in sites], ignore_index=True)
    asked = staffing.scenarios(expected, inputs.tables, inputs.settings, [change], period=period, entity=entity)
    both = pd.concat([found.scenarios, asked[asked["scenario"] == change.name]], ignore_index=True)
    return dataclasses.replace(found, scenarios=both)


def staffed(inputs: sources.Inputs, expected: demand.DemandForecast) -> staffing.StaffingForecast:
    """Return the staffing forecast of a site's demand forecast."""
    from opsanalytics import staffing

    return staffing.staffing_analysis(
        expected.forecasts,
        inputs.tables,
        inputs.settings,
        period=expected.period,
        entity=expected.entity,
        months=expected.monthly,
        budget=_planned(inputs, expected.period, expected.entity),
    )


def queue_detail(
    inputs: sources.Inputs, period: str, entity: str = ALL, run_dir: str | Path = ""
) -> staffing.QueueDetail | None:
    """Look closely at a site's queue with the most hours, of the whole at that of the first site that has one.

    None where nobody queues: no pool of agents serves several sites.
    """
    from opsanalytics import staffing

    sites = sites_with_demand(inputs, period) if entity == ALL else [entity]
    for site in sites:
        if site in _queueing(inputs):
            found = staffing.queue_detail(staff(inputs, period, site, run_dir), inputs.tables, inputs.settings)
            if found is not None:
                return found
    return None


def _queueing(inputs: sources.Inputs) -> set[str]:
    """Return the sites with a standard of a queue."""
    standards = inputs.tables["standards"]
    return set(standards.loc[standards["method"].isin(["erlang_c", "erlang_a"]), "site"])


def _planned(inputs: sources.Inputs, period: str, entity: str) -> pd.DataFrame | None:
    """Return what is budgeted by month, cost centre and account; None where the tables for it are not given."""
    from opsanalytics import budget

    if not all(inputs.has(table) for table in ("ledger", "accounts", "cost_centres", "budget")):
        return None
    return budget.monthly_plan(inputs.actuals(period), inputs.tables, inputs.settings, period=period, entity=entity)


def sites_with_demand(inputs: sources.Inputs, period: str) -> list[str]:
    """Return the sites with any demand up to `period`, `(unassigned)` included; LookupError when there is none."""
    sites = sorted({site for site, _ in inputs.served(period)})
    if not sites:
        raise LookupError(f"There is no demand up to {period}: add rows to the demand table or choose a later period.")
    return sites


def has_needs(inputs: sources.Inputs, notebook: str) -> bool:
    """Are the tables given that `notebook` cannot do without?"""
    return all(inputs.has(table) for table in NEEDS[notebook])

"""Analysis: everything that one entity's planner asks of the staff that a demand forecast needs.

The chain comes first; then what it costs to be sure, who is there in the months to come and what makes up for the
rest, what the payroll budget says to it, and what if the assumptions move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from opsanalytics.formats import listed
from opsanalytics.periods import shift
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.chain import staffing_forecast
from opsanalytics.staffing.forecast.change import Change
from opsanalytics.staffing.forecast.result import (
    PAYROLL,
    SCENARIOS,
    SENSITIVITY,
    StaffingForecast,
    in_common,
    months_text,
    staffed,
    summed,
    typed,
)
from opsanalytics.staffing.forecast.result import total as chain_total
from opsanalytics.staffing.forecast.services import BASE
from opsanalytics.staffing.planning.comparison import workforce_total
from opsanalytics.staffing.planning.payroll import payroll_budget, payroll_comparison
from opsanalytics.staffing.planning.workforce import workforce_plan
from opsanalytics.staffing.risk.simulation import staffing_risk
from opsanalytics.staffing.scenarios import months_of, scenarios, sensitivity
from opsanalytics.staffing.standards import Tables

#: The scenarios that every report shows beside the base.
USUAL = (Change("volume -10%", volume=-0.10), Change("volume +10%", volume=0.10))
USUAL_SCENARIOS = (BASE, *(change.name for change in USUAL))


def staffing_analysis(
    forecasts: pd.DataFrame,
    tables: Tables,
    settings: Settings,
    *,
    period: str,
    entity: str,
    months: pd.DataFrame | None = None,
    budget: pd.DataFrame | None = None,
    seed: int = 0,
) -> StaffingForecast:
    """How many people does the forecast of one site need, at what risk, who is missing, and what if?

    `forecasts` and `tables` as in `staffing_forecast`; `months` is the demand forecast's frame of months, whose ranges
    say how far errors last; `budget` what is budgeted (period, site, cost_centre, account, amount_cents). Without
    headcount there is no workforce plan, without a budget no comparison with it. The risk is simulated: the same
    `seed` gives the same figures.
    """
    found = staffing_forecast(forecasts, tables, settings, period=period, entity=entity)
    rules, of = settings.staffing, {"period": period, "entity": entity}
    risk, said = staffing_risk(
        forecasts,
        found.plan,
        tables,
        monthly=months,
        seed=seed,
        handling_time_spread=rules.handling_time_spread,
        calendar=settings.calendar,
        time_zone=settings.time_zone,
    )
    notes = [*found.notes, *said]
    workforce, payroll = found.workforce, found.payroll
    if "headcount" in tables and len(found.monthly):
        workforce, said = workforce_plan(
            found.monthly,
            tables["headcount"],
            tables["standards"],
            period=period,
            calendar=settings.calendar,
            overtime_premium=rules.overtime_premium,
            overtime_limit=rules.overtime_limit,
            temporary_premium=rules.temporary_premium,
            hiring_cost=rules.hiring_cost_cents / 10**settings.minor_digits,
            minor_digits=settings.minor_digits,
        )
        notes += said
    if budget is not None and len(found.monthly):
        payroll, said = _compared(found, forecasts, tables, budget)
        notes += said
    if len(found.plan) and not months_of(found):
        notes.append(
            f"There is no what-if for {entity}: no month to come is whole for every service. "
            "Give them demand forecasts over the same months."
        )
    return replace(
        found,
        risk=risk,
        workforce=workforce,
        payroll=payroll,
        scenarios=scenarios(forecasts, tables, settings, USUAL, **of),
        sensitivity=sensitivity(forecasts, tables, settings, **of),
        notes=tuple(dict.fromkeys(notes)),
    )


def _compared(
    found: StaffingForecast, forecasts: pd.DataFrame, tables: Tables, budget: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Compare the staff cost of the twelve months to come with the budget of the same services."""
    year = found.monthly[found.monthly["period"].between(shift(found.period, 1), shift(found.period, 12))]
    costed, served = set(year["service"]), set(forecasts.loc[forecasts["site"] == found.entity, "service"])
    cents, notes = payroll_budget(budget, tables, found.entity, costed, served)
    if cents is None:
        return found.payroll, notes
    payroll, said = payroll_comparison(year, cents)
    return payroll, (*notes, *said)


def total(parts: Sequence[StaffingForecast]) -> StaffingForecast:
    """Add up the sites for `(all)`; no queue is computed, and a sum with a missing part is missing.

    A month that a site with staff for the service lacks is left out and named. Scenarios over other months at one site
    than at another do not add up. Risks do not either: those of the sites stand one under the other. Raises ValueError
    where there is no part.
    """
    found = chain_total(parts)
    people, said = in_common(
        pd.concat([part.workforce for part in parts], ignore_index=True), staffed(parts), "The workforce plan of "
    )
    payroll, more = _payroll(parts)
    what_if, rest = _alike(parts)
    return replace(
        found,
        risk=typed(pd.concat([part.risk for part in parts], ignore_index=True)),
        workforce=workforce_total(people),
        payroll=payroll,
        scenarios=summed([part.scenarios for part in what_if], ["scenario", "service"], SCENARIOS, as_met=True),
        sensitivity=summed([part.sensitivity for part in what_if], ["driver", "low", "high"], SENSITIVITY, as_met=True),
        notes=tuple(dict.fromkeys([*found.notes, *said, *more, *rest])),
    )


def _payroll(parts: Sequence[StaffingForecast]) -> tuple[pd.DataFrame, list[str]]:
    """Add the sites' payrolls up by month, where every site with staff has the month."""
    rows = [part.payroll.assign(site=part.entity, service="") for part in parts]
    places = staffed(parts)[["site"]].drop_duplicates().assign(service="")
    common, notes = in_common(pd.concat(rows, ignore_index=True), places, "The comparison with the payroll budget")
    return summed([common], ["period"], PAYROLL), notes


def _alike(parts: Sequence[StaffingForecast]) -> tuple[Sequence[StaffingForecast], list[str]]:
    """Return the sites where their scenarios cover the same months, else none and a note."""
    months = {part.entity: months_of(part) for part in parts if len(part.plan)}
    if len(set(map(tuple, months.values()))) < 2:
        return parts, []
    covered = [f"{site} {months_text(own) if own else 'no month'}" for site, own in months.items()]
    return [], [
        "The usual scenarios and the sensitivity of all sites are left out, for they cover other months at one site "
        f"than at another: {listed(covered)}. "
        "Give their services demand forecasts over the same months."
    ]

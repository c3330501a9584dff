"""Analysis: everything that one entity's planner asks of the staff that a demand forecast needs.

The chain comes first; then what it costs to be sure, who is there in the months to come and what makes up for the
rest, what the payroll budget says to it, and what if the assumptions move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from opsanalytics.periods import shift
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.chain import staffing_forecast
from opsanalytics.staffing.forecast.change import Change
from opsanalytics.staffing.forecast.result import PAYROLL, SCENARIOS, SENSITIVITY, StaffingForecast, summed, typed
from opsanalytics.staffing.forecast.result import total as chain_total
from opsanalytics.staffing.forecast.services import BASE
from opsanalytics.staffing.planning.comparison import workforce_total
from opsanalytics.staffing.planning.payroll import payroll_comparison
from opsanalytics.staffing.planning.workforce import workforce_plan
from opsanalytics.staffing.risk.simulation import staffing_risk
from opsanalytics.staffing.scenarios import scenarios, sensitivity
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
        cents = driven_budget(budget, tables, entity)
        year = found.monthly[found.monthly["period"] <= shift(period, 12)]
        payroll, said = payroll_comparison(year, cents[cents["period"] > period])
        notes += said
    return replace(
        found,
        risk=risk,
        workforce=workforce,
        payroll=payroll,
        scenarios=scenarios(forecasts, tables, settings, USUAL, **of),
        sensitivity=sensitivity(forecasts, tables, settings, **of),
        notes=tuple(dict.fromkeys(notes)),
    )


def total(parts: Sequence[StaffingForecast]) -> StaffingForecast:
    """Add up the sites for `(all)`; no queue is computed, and a sum with a missing part is missing.

    Risks do not add up: those of the sites stand one under the other. Raises ValueError where there is no part.
    """
    found = chain_total(parts)
    return replace(
        found,
        risk=typed(pd.concat([part.risk for part in parts], ignore_index=True)),
        workforce=workforce_total(pd.concat([part.workforce for part in parts], ignore_index=True)),
        payroll=_payroll(parts),
        scenarios=summed([part.scenarios for part in parts], ["scenario", "service"], SCENARIOS, as_met=True),
        sensitivity=summed([part.sensitivity for part in parts], ["driver", "low", "high"], SENSITIVITY, as_met=True),
    )


def _payroll(parts: Sequence[StaffingForecast]) -> pd.DataFrame:
    """Add the sites' payrolls up by month, where every site has the month."""
    sums = summed([part.payroll for part in parts], ["period"], PAYROLL)
    held = pd.concat([part.payroll["period"] for part in parts], ignore_index=True).value_counts()
    return sums[sums["period"].map(held) == len(parts)].reset_index(drop=True)


def driven_budget(budget: pd.DataFrame, tables: Tables, site: str) -> pd.DataFrame:
    """Return the budget of the accounts that staffing drives (period, budget_cents), of the cost centres that the
    site's standards name, or of all of them where these name none."""
    accounts = tables["accounts"]
    driven = (
        accounts.loc[accounts["driver"] == "staffing", "account"] if "driver" in accounts else accounts["account"][:0]
    )
    rows = budget[(budget["site"] == site) & budget["account"].isin(driven)]
    standards = tables["standards"]
    if "cost_centre" in standards:
        centres = standards.loc[standards["site"] == site, "cost_centre"].dropna()
        rows = rows[rows["cost_centre"].isin(centres)] if len(centres) else rows
    return rows.groupby("period")["amount_cents"].sum().rename("budget_cents").reset_index()

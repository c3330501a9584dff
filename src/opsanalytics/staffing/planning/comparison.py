"""Comparison: what the alternatives of the workforce plan cost over its months, and sites added up."""

from __future__ import annotations

import pandas as pd

from opsanalytics.formats import ALL
from opsanalytics.staffing.forecast.result import WORKFORCE
from opsanalytics.staffing.planning.workforce import ALTERNATIVES, COSTS, NO_ACTION, workforce_typed

COMPARISON = [
    "site", "service", "alternative", "months", "hires", "fte_months_short", "overtime_hours", "temporary_hours",
    *COSTS, "total_cents",
]  # fmt: skip


def alternatives_compared(workforce: pd.DataFrame) -> pd.DataFrame:
    """What does each alternative of a workforce plan cost over its months, and what does it leave undone?

    One row a site, service and alternative, in the plan's order: hires, hours and cents summed over the `months`
    of the plan. `fte_months_short` is what nobody covers: the sum of gap_fte below zero without action, zero where
    overtime and temporary staff cover it. The costs of no action therefore are no saving.
    """
    short = (-workforce["gap_fte"]).clip(lower=0.0).where(workforce["alternative"] == NO_ACTION, 0.0)
    table = workforce.assign(months=1, fte_months_short=short, total_cents=workforce[COSTS].sum(axis=1))
    sums = table.groupby(["site", "service", "alternative"], sort=False)[COMPARISON[3:]].sum().reset_index()
    cents = dict.fromkeys((*COSTS, "total_cents"), "Int64")
    return sums.astype({"months": "int64", **cents})[COMPARISON]


def plan_costs(workforce: pd.DataFrame) -> pd.DataFrame:
    """What does each alternative cost over all services? The sums of `alternatives_compared`, in their order."""
    numbers = ["hires", "fte_months_short", *COSTS, "total_cents"]
    return alternatives_compared(workforce).groupby("alternative", sort=False)[numbers].sum()


def cheapest(costs: pd.DataFrame) -> str:
    """Which of the alternatives of `plan_costs` that leave nothing short costs least? Of all, where each does."""
    covering = costs[~leaves_short(costs)]
    return str((covering if len(covering) else costs)["total_cents"].sort_values(kind="stable").index[0])


def leaves_short(costs: pd.DataFrame) -> pd.Series:
    """Which alternatives leave a tenth of an FTE month or more to nobody?"""
    return costs["fte_months_short"].round(1) > 0


def workforce_total(workforce: pd.DataFrame) -> pd.DataFrame:
    """Add up the sites of a workforce plan by service, alternative and month, as the site `(all)`.

    A month counts where every site with a plan of the service has it. The gap is the sum of the sites' gaps: too
    many at one site stand against too few at another, whom they cannot help.
    """
    numbers = WORKFORCE[4:]
    groups = workforce.groupby(["service", "alternative", "period"], sort=False)
    sums, present = groups[numbers].sum(), groups["site"].nunique()
    sites = workforce.groupby("service")["site"].nunique()
    whole = sums[present.to_numpy() == sites.loc[sums.index.get_level_values("service")].to_numpy()].reset_index()
    order = whole["alternative"].map({name: place for place, name in enumerate(ALTERNATIVES)})
    whole = whole.assign(site=ALL, order=order).sort_values(["service", "order", "period"], kind="stable")
    return workforce_typed([whole]) if len(whole) else workforce_typed([])

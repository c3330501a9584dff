"""Does it add up? Every sum and every bridge of a budget variance made once more, on whole cents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from opsanalytics.budget.result import rows_of
from opsanalytics.formats import ALL, DIMENSIONS, HORIZONS, MEASURES, money
from opsanalytics.tables.budget.parts import TYPES, Totals, plan_effect, totals
from opsanalytics.tables.layout import text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_DISJOINT = ("sales", "payroll", "flexible_budget", "currency")
_BY = {"driver": "driver", "pl_line": "P&L line"}


class _Check(NamedTuple):
    """One proof: a total stated in one place, and the sum of its parts made here."""

    what: str
    horizon: str
    scenario: str
    total: int | None
    parts: int


def variance_adds_up(variance: BudgetVariance, control: pd.DataFrame | None = None) -> pd.DataFrame:
    """Do the parts make the whole? Each dimension, horizon and scenario, each bridge and each forecast, to the cent.

    With `control` (`Inputs.control`) also: do the month's actuals equal what the control totals say was accepted?

    Columns: What, Horizon, Scenario, Total, Sum of parts, Difference, Agrees.
    """
    whole = totals(variance)
    checks = [
        *_by_dimension(variance, whole),
        *_results(whole),
        *_bridges(variance, whole),
        *_drivers(variance),
        *_crossed(variance),
        *_forecasts(variance, whole),
        *_outlook_lines(variance, whole),
        *_movement(variance, whole),
        *_activities(variance),
        *_controlled(variance, whole, control),
    ]
    lines = []
    for check in checks:
        difference = None if check.total is None else check.parts - check.total
        exact = [money(value, variance.minor_digits) for value in (check.total, check.parts, difference)]
        lines.append([check.what, HORIZONS[check.horizon], check.scenario, *exact, "yes" if difference == 0 else "no"])
    heads = [f"{head} {variance.currency}" for head in ("Total", "Sum of parts", "Difference")]
    return text_frame(lines, ["What", "Horizon", "Scenario", *heads, "Agrees"])


def _by_dimension(variance: BudgetVariance, sums: Totals) -> Iterator[_Check]:
    parts = variance.amounts[variance.amounts["dimension"].isin(list(DIMENSIONS))]
    parts = parts[parts["item2"].isin(TYPES)]
    added = parts.groupby(["dimension", "item2", "horizon", "scenario"], dropna=False)["cents"].sum().reset_index()
    for r in added.to_dict("records"):
        name = DIMENSIONS[r["dimension"]]
        what = f"{MEASURES[r['item2']]} by {name if r['dimension'] == 'pl_line' else name.lower()}"
        whole = sums.get((r["item2"], r["horizon"], r["scenario"]))
        yield _Check(what, r["horizon"], r["scenario"], whole, int(r["cents"]))


def _results(sums: Totals) -> Iterator[_Check]:
    for measure, horizon, scenario in sorted(sums):
        if measure == "result":
            revenue, cost = (sums.get((part, horizon, scenario), 0) for part in TYPES)
            whole = sums[measure, horizon, scenario]
            yield _Check("Revenue less cost", horizon, scenario, whole, revenue - cost)


def _bridges(variance: BudgetVariance, sums: Totals) -> Iterator[_Check]:
    """A bridge starts from the reference, ends with the actual, and its steps make the way between them."""
    rows = variance.bridges
    if rows.empty:
        return
    for (by, horizon, reference), steps in rows.groupby(["by", "horizon", "reference"]):
        name = f"Bridge by {_BY[str(by)]} from {reference}"
        level = {kind: int(rows_of(steps, kind=kind)["cents"].sum()) for kind in ("start", "end")}
        yield _Check(name, str(horizon), "AC", level["end"], level["start"] + int(steps["effect_cents"].sum()))
        ends = (("its start", str(reference), level["start"]), ("its end", "AC", level["end"]))
        for what, scenario, cents in ends:
            whole = sums.get(("result", str(horizon), scenario))
            yield _Check(f"{name}, {what}", str(horizon), scenario, whole, cents)


def _drivers(variance: BudgetVariance) -> Iterator[_Check]:
    """The drivers of the analyses that share no account, and what they leave, make what the result is off plan.

    Volume, mix and price of sales differ from the bridge's, which shares what they do together; their sum does not.
    """
    rows = rows_of(variance.drivers, reference="PL")
    own = rows[rows["analysis"].isin(_DISJOINT)] if len(rows) else rows
    for horizon in own["horizon"].unique() if len(own) else ():
        steps = rows_of(variance.bridges, by="driver", horizon=horizon, reference="PL")
        part = rows_of(own, horizon=horizon)
        left = rows_of(steps, kind="rest")
        left = left[~left["driver"].isin(part["driver"])] if len(left) else left
        parts = int(part["effect_cents"].sum()) + (int(left["effect_cents"].sum()) if len(left) else 0)
        whole = int(steps["effect_cents"].sum()) if len(steps) else None
        yield _Check("Drivers and what they leave", str(horizon), "AC", whole, parts)


def _crossed(variance: BudgetVariance) -> Iterator[_Check]:
    """Both at once make what the result is off, over the months that both sides hold."""
    whole = plan_effect(variance, "ytd")
    if len(variance.crossed) and whole is not None:
        parts = int(variance.crossed["effect_cents"].sum())
        yield _Check("Effect by cost centre and P&L line", "ytd", "AC", whole, parts)


def _forecasts(variance: BudgetVariance, sums: Totals) -> Iterator[_Check]:
    """The last forecasts of the months to date make FC of the year to date."""
    rows = variance.forecast
    for measure in TYPES:
        whole = sums.get((measure, "ytd", "FC"))
        if len(rows) and whole is not None:
            yield _Check(f"{MEASURES[measure]} by month's last forecast", "ytd", "FC", whole, _sum(rows, measure))


def _outlook_lines(variance: BudgetVariance, sums: Totals) -> Iterator[_Check]:
    """The open months by line make the outlook, which with the actual to date makes the year."""
    rows = variance.outlook_lines
    if rows.empty:
        return
    ahead = rows[rows["period"] > variance.period]
    chosen = variance.outlook[variance.outlook["chosen"].astype(bool)]
    for measure in TYPES:
        parts = {"roy": _sum(ahead, measure), "fy": sums.get((measure, "ytd", "AC"), 0) + _sum(rows, measure)}
        for horizon, cents in parts.items():
            found = rows_of(chosen, measure=measure, horizon=horizon)
            if len(found):
                whole = int(found["cents"].iloc[0])
                yield _Check(f"{MEASURES[measure]}, outlook by line", horizon, "FC", whole, cents)


def _movement(variance: BudgetVariance, sums: Totals) -> Iterator[_Check]:
    """The last pack's year to date, what was restated and what is new make this one's."""
    rows = variance.movement
    if rows.empty:
        return
    for measure, label in MEASURES.items():
        steps = rows_of(rows, measure=measure)
        end = steps["kind"] == "ytd"
        stated, parts = int(steps.loc[end, "cents"].sum()), int(steps.loc[~end, "cents"].sum())
        yield _Check(f"{label} since the last pack", "ytd", "AC", stated, parts)
        yield _Check(f"{label} since the last pack, its end", "ytd", "AC", sums.get((measure, "ytd", "AC")), stated)


def _activities(variance: BudgetVariance) -> Iterator[_Check]:
    if len(variance.activity_costs):
        whole = int(variance.activity_rates["pool_cents"].sum())
        yield _Check("Activity pools by product", "ytd", "AC", whole, int(variance.activity_costs["cents"].sum()))


def _controlled(variance: BudgetVariance, sums: Totals, control: pd.DataFrame | None) -> Iterator[_Check]:
    if control is None:
        return
    rows = control[(control["period"] == variance.period) & control["known"].astype(bool)]
    own = rows[rows["site"] == variance.entity]
    if own.empty and variance.entity == ALL:
        own = rows
    for measure in TYPES:
        stated = own[own["type"] == measure]
        if len(stated):
            what, accepted = f"{MEASURES[measure]} by control totals", int(stated["accepted_cents"].sum())
            yield _Check(what, "month", "AC", sums.get((measure, "month", "AC")), accepted)


def _sum(rows: pd.DataFrame, kind: str) -> int:
    return int(rows.loc[rows["type"] == kind, "cents"].sum())

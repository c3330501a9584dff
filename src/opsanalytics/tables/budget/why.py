"""Why a result is off: its drivers, the bridge that joins them, the few that make most of it, and activity costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.budget.drivers.activities import UNALLOCATED
from opsanalytics.budget.drivers.bridging import pareto
from opsanalytics.budget.result import rows_of
from opsanalytics.formats import (
    ALL,
    ANALYSES,
    DIMENSIONS,
    DRIVERS,
    HORIZONS,
    MISSING_MONTHS,
    REFERENCES,
    counted,
    listed,
    number,
    share,
    verdict,
    word,
)
from opsanalytics.tables.budget.parts import (
    names_of,
    plan_effect,
    ratio,
    speaker,
    unit_of,
    variances,
    writer,
)
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_EACH_WAY = 3
_REST = "rest"
_OTHERS = "Others"


def why_sentence(variance: BudgetVariance, horizon: str = "ytd") -> str:
    """Is it volume, price, rate or efficiency? The largest drivers each way, and what no driver explains."""
    steps = rows_of(variance.bridges, by="driver", horizon=horizon, reference="PL")
    drivers = rows_of(steps, kind="driver")
    if drivers.empty:
        return "Why is off: there is no table that names a driver (drivers, sales, standard_costs, payroll, fx_rates)."
    speak = speaker(variance)
    sums = drivers.groupby("driver")["effect_cents"].sum().reset_index()
    sums = sums[[speak(cents) != speak(0) for cents in sums["effect_cents"]]]
    ways: list[str] = []
    for way, sign in (("raised", 1), ("lowered", -1)):
        part = sums[sums["effect_cents"] * sign > 0].assign(size=lambda d: -d["effect_cents"].abs())
        part = part.sort_values(["size", "driver"], kind="stable")
        most = _EACH_WAY + (len(part) == _EACH_WAY + 1)  # one more is named, not counted
        named = [
            f"{word(DRIVERS, driver)} ({speak(cents, signed=True)})"
            for driver, cents in zip(part["driver"][:most], part["effect_cents"][:most], strict=True)
        ]
        rest = part.iloc[len(named) :]
        if len(rest):
            cents = speak(int(rest["effect_cents"].sum()), signed=True)
            named.append(f"{counted(len(rest), 'smaller driver')} ({cents})")
        if named:
            ways.append(f"{listed(named)} {way} {'it' if ways else 'the result'}")
    tail = "".join(f"; {speak(cents, signed=True)} {words}" for words, cents in _left(steps).items() if cents)
    if not ways:
        return f"Why, {HORIZONS[horizon]} against plan: no driver has an effect{tail}."
    return paragraph([f"Why, {HORIZONS[horizon]} against plan: {'; '.join(ways)}{tail}."])


def _left(steps: pd.DataFrame) -> dict[str, int]:
    """Add up what no driver explains, apart from what is off because a month is missing."""
    rest = rows_of(steps, kind=_REST)
    lost = rest["driver"] == MISSING_MONTHS if len(rest) else pd.Series(dtype="bool")
    cents = [int(rest.loc[which, "effect_cents"].sum()) if len(rest) else 0 for which in (~lost, lost)]
    return {"is explained by no driver": cents[0], "is due to missing months": cents[1]}


def drivers_table(
    variance: BudgetVariance, horizon: str = "ytd", *, analysis: str | None = None, top: int | None = None
) -> pd.DataFrame:
    """List every driver's effect on the result against plan; with `analysis`, that one's by item.

    A driver may be seen by several analyses (the flexible budget and the sales both know volume), so the analyses are
    not added to one another; the bridge joins them. With `top`, the smaller ones are one row, "Others".

    Columns: Analysis, Driver (with `analysis` also Item), Effect on the result, its share of what the result is off
    plan, Verdict, Table (the input it comes from).
    """
    rows = rows_of(variance.drivers, horizon=horizon, reference="PL")
    keys = ["analysis", "driver", "table"]
    if analysis is not None:
        rows = rows_of(rows, analysis=analysis)
        keys = ["analysis", "dimension", "item", "driver", "table"]
    heads = ["Analysis", *(["Item"] if analysis is not None else []), "Driver"]
    if rows.empty:
        return text_frame([], [*heads, "Effect", "Share", "Verdict", "Table"])
    sums = rows.groupby(keys, dropna=False)["effect_cents"].sum().reset_index()
    places = {code: k for k, code in enumerate(ANALYSES)}
    sums = sums.assign(place=sums["analysis"].map(places).fillna(len(places)), size=-sums["effect_cents"].abs())
    sums = sums.sort_values(["place", "analysis", "size", *keys[1:]], kind="stable", ignore_index=True)
    unit, name = unit_of(variance, sums["effect_cents"])
    write, whole, names = writer(variance, unit), plan_effect(variance, horizon), names_of(variance)
    lines = []
    for code, part in sums.groupby("analysis", sort=False):
        shown = part if top is None else part.iloc[:top]
        for _, r in shown.iterrows():
            item = [_item(r["dimension"], r["item"], names)] if analysis is not None else []
            effect = _effect(int(r["effect_cents"]), whole, write)
            lines.append([word(ANALYSES, code), *item, word(DRIVERS, r["driver"]), *effect, str(r["table"])])
        rest = part.iloc[len(shown) :]
        if len(rest):
            item = [f"{_OTHERS} ({len(rest)})"] if analysis is not None else []
            label = "" if analysis is not None else f"{_OTHERS} ({len(rest)})"
            cents = int(rest["effect_cents"].sum())
            lines.append([word(ANALYSES, code), *item, label, *_effect(cents, whole, write), ""])
    return text_frame(lines, [*heads, f"Effect {name}", "Share", "Verdict", "Table"])


def bridge_table(
    variance: BudgetVariance, by: str = "driver", horizon: str = "ytd", reference: str = "PL"
) -> pd.DataFrame:
    """Lead from the reference's result to the actual one, step by step, each step with the level it comes to.

    `by` is "driver" (Shapley, so their order does not matter) or "pl_line". The last level is the sum of all before it.
    Columns: Step, Effect, Result (the level reached), Verdict.
    """
    steps = rows_of(variance.bridges, by=by, horizon=horizon, reference=reference)
    if steps.empty:
        return text_frame([], ["Step", "Effect", "Result", "Verdict"])
    steps = steps.sort_values("step", kind="stable")
    unit, name = unit_of(variance, steps["cents"], steps["effect_cents"])
    write = writer(variance, unit)
    start = f"Result, {REFERENCES[reference]}"
    lines, level = [], 0
    for _, r in steps.iterrows():
        level = int(r["cents"]) if r["kind"] == "start" else level + int(r["effect_cents"])
        if r["kind"] in ("start", "end"):
            lines.append([start if r["kind"] == "start" else "Result, actual", "", write(r["cents"]), ""])
        else:
            effect = int(r["effect_cents"])
            lines.append([_step(r, by), write(effect, signed=True, never_zero=True), write(level), verdict(effect)])
    return text_frame(lines, ["Step", f"Effect {name}", f"Result {name}", "Verdict"])


def pareto_table(
    variance: BudgetVariance, by: str = "driver", horizon: str = "ytd", reference: str = "PL", *, top: int = 10
) -> pd.DataFrame:
    """Which few make most of it? Effects by size with their cumulative share; beyond `top` they are "Others".

    `by` is "driver" (the steps of the bridge) or a dimension of the variances. Shares are of the sum of the sizes,
    favourable and adverse alike, so they reach 100 %; the effects add up to what the result is off.
    Columns: Rank, the item, Effect, Verdict, Share of the size, Cumulative.
    """
    items = _pareto_items(variance, by, horizon, reference)
    head = "Driver" if by == "driver" else DIMENSIONS[by]
    if items.empty:
        return text_frame([], ["Rank", head, "Effect", "Verdict", "Share", "Cumulative"])
    ranked = pareto(items, top=top)
    unit, name = unit_of(variance, ranked["effect_cents"])
    write = writer(variance, unit)
    lines = []
    for _, r in ranked.iterrows():
        rest = r["kind"] == _REST
        item = f"{_OTHERS} ({int(r['items'])})" if rest else str(r["item"])
        effect = int(r["effect_cents"])
        shares = [share(float(r["share"])), share(float(r["cumulative_share"]))]
        cells = [write(effect, signed=True, never_zero=True), verdict(effect), *shares]
        lines.append(["" if rest else str(int(r["rank"])), item, *cells])
    return text_frame(lines, ["Rank", head, f"Effect {name}", "Verdict", "Share", "Cumulative"])


def activity_table(variance: BudgetVariance) -> pd.DataFrame:
    """What did each product cost in activities to date, pool by pool, and what is left that no product caused?

    Columns: Pool, Driver, Rate (pool cost by driver quantity, in the currency), Product, Cost.
    """
    costs, rates = variance.activity_costs, variance.activity_rates
    if costs.empty:
        return text_frame([], ["Pool", "Driver", "Rate", "Product", "Cost"])
    sums = costs.groupby(["pool", "product"])["cents"].sum().reset_index()
    sums = sums.assign(rest=sums["product"] == UNALLOCATED).sort_values(["pool", "rest", "product"], kind="stable")
    pools = rates.groupby("pool")[["pool_cents", "driver_quantity"]].sum()
    drivers = rates.groupby("pool")["driver"].unique()
    unit, name = unit_of(variance, sums["cents"])
    write = writer(variance, unit)
    lines = []
    for pool, product, cents in zip(sums["pool"], sums["product"], sums["cents"], strict=True):
        quantity = float(pools["driver_quantity"][pool])
        rate = int(pools["pool_cents"][pool]) / 10**variance.minor_digits / quantity if quantity else None
        driver = listed(sorted(map(str, drivers[pool])))
        lines.append([str(pool), driver, number(rate, variance.minor_digits), _product(product), write(cents)])
    return text_frame(lines, ["Pool", "Driver", f"Rate {variance.currency}", "Product", f"Cost {name}"])


def _product(product: object) -> str:
    return "Unallocated" if product == UNALLOCATED else str(product)


def activity_sentence(variance: BudgetVariance) -> str:
    """How much do the activities cost, and how much of it did no product cause?"""
    costs = variance.activity_costs
    if costs.empty and variance.entity != ALL:
        return "Activity costs are for all sites together: a cost pool knows no site."
    if costs.empty:
        return "Activity costs are off: there is no activities table."
    speak = speaker(variance)
    whole = int(costs["cents"].sum())
    left = int(costs.loc[costs["product"] == UNALLOCATED, "cents"].sum())
    products = costs.loc[costs["product"] != UNALLOCATED, "product"].nunique()
    text = f"The activity pools cost {speak(whole)}, borne by {counted(products, 'product')}"
    if UNALLOCATED not in set(costs["product"]):
        return f"{text}; what was left unused is not known, for the activities table states no capacity."
    return f"{text}; {speak(left)} is unallocated." if left else f"{text}; nothing is unallocated."


def _effect(cents: int, whole: int | None, write: Callable[..., str]) -> list[str]:
    return [write(cents, signed=True, never_zero=True), ratio(int(cents), whole), verdict(int(cents))]


def _item(dimension: object, item: object, names: dict[tuple[str, str], str]) -> str:
    return names.get((str(dimension), str(item)), str(item))


def _step(row: pd.Series, by: str) -> str:
    """Write a step: a driver's word with a capital, or a P&L line as the data name it."""
    if by != "driver" and row["kind"] != _REST:
        return str(row["driver"])
    text = word(DRIVERS, row["driver"])
    return f"{text[0].upper()}{text[1:]}"


def _pareto_items(variance: BudgetVariance, by: str, horizon: str, reference: str) -> pd.DataFrame:
    """Return [item, effect_cents] with the names as they are shown."""
    if by == "driver":
        steps = rows_of(variance.bridges, by="driver", horizon=horizon, reference=reference)
        steps = steps[steps["kind"].isin(["driver", _REST])] if len(steps) else steps
        names = [_step(r, by) for _, r in steps.iterrows()]
    else:
        steps = variances(variance, by, horizon, reference)
        names = [_item(by, item, names_of(variance)) for item in steps["item"]]
    cents = steps["effect_cents"].astype("int64") if len(steps) else pd.Series(dtype="int64")
    return pd.DataFrame({"item": pd.Series(names, dtype="str"), "effect_cents": cents.to_numpy()})

"""Comparisons set out: totals over every horizon, every item of a dimension, what is material, the last forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.budget.result import rows_of
from opsanalytics.formats import (
    DIMENSIONS,
    HORIZONS,
    MEASURES,
    NOT_AVAILABLE,
    TOTAL,
    item_name,
    money_unit,
    month_name,
    unit_name,
    verdict,
)
from opsanalytics.tables.budget.parts import (
    TYPES,
    answer_unit,
    compared_cells,
    compared_heads,
    largest_first,
    measure_order,
    names_of,
    totals,
    unit_of,
    variances,
    writer,
)
from opsanalytics.tables.layout import text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_AHEAD = ("roy", "fy")
_SUMMED = ["actual_cents", "reference_cents", "variance_cents", "effect_cents"]


def result_table(variance: BudgetVariance) -> pd.DataFrame:
    """Revenue, cost and result over every horizon: PY, PL, FC, AC, and AC (else FC) against plan.

    Of what is still to come there is no AC, so its cell is blank: "n.a." is for what might be there and is not.
    """
    unit, stands, compared = answer_unit(variance), totals(variance), _against_plan(variance)
    name, write = unit_name(variance.currency, unit), writer(variance, unit)
    scenarios = ["PY", "PL", "FC", "AC"]
    rows = []
    for horizon, title in HORIZONS.items():
        for measure, label in MEASURES.items():
            cents = [stands.get((measure, horizon, s)) for s in scenarios]
            if all(c is None for c in cents):
                continue
            change, effect = compared.get((measure, horizon), (None, NOT_AVAILABLE))
            blank = cents[-1] is None and horizon in _AHEAD
            cells = [*map(write, cents[:-1]), "" if blank else write(cents[-1])]
            rows.append([title.capitalize(), label, *cells, write(change, signed=True), effect])
    heads = [f"{s} {name}" for s in scenarios]
    return text_frame(rows, ["Horizon", "Measure", *heads, f"ΔPL {name}", "Effect"])


def variance_table(
    variance: BudgetVariance,
    horizon: str = "ytd",
    reference: str = "PL",
    by: str = "pl_line",
    *,
    top: int | None = None,
) -> pd.DataFrame:
    """Compare every item of one dimension with its reference, revenue before cost, then the totals.

    With `top` only so many items stand by name, those with the largest effect; the others are one row of revenue and
    one of cost, so that what is shown is still the whole.

    Columns: the item, type, AC, the reference, the variance, its share, the effect, material.
    """
    rows = variances(variance, by, horizon, reference)
    named, others = _restricted(rows, top)
    places = {kind: k for k, kind in enumerate(TYPES)}
    named = named.assign(order=named["item2"].map(places).fillna(len(places)))
    named = named.sort_values(["order", "item"], kind="stable")
    totals = variances(variance, TOTAL, horizon, reference)
    unit = money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    lines = [
        [item_name(by, r["item"], r["name"]), str(r["item2"]), *compared_cells(variance, r, unit)]
        for _, r in named.iterrows()
    ]
    lines += [[str(r["name"]), str(r["item2"]), *compared_cells(variance, r, unit)] for _, r in others.iterrows()]
    for _, r in measure_order(totals).iterrows():
        lines.append([MEASURES[r["measure"]], "total", *compared_cells(variance, r, unit)])
    return text_frame(lines, [DIMENSIONS[by], "Type", *compared_heads(variance, unit, reference)])


def off_plan_table(variance: BudgetVariance, horizon: str = "ytd", reference: str = "PL") -> pd.DataFrame:
    """List every material variance, dimension by dimension, the largest effect first."""
    parts = [variances(variance, dimension, horizon, reference) for dimension in DIMENSIONS]
    rows = pd.concat(parts)
    rows = rows[rows["material"].astype(bool)]
    unit = money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    places = {dimension: k for k, dimension in enumerate(DIMENSIONS)}
    rows = rows.assign(place=rows["dimension"].map(places), size=-rows["effect_cents"].abs())
    rows = rows.sort_values(["place", "size", "item"], kind="stable")
    lines = []
    for _, r in rows.iterrows():
        name = item_name(r["dimension"], r["item"], r["name"])
        lines.append([DIMENSIONS[r["dimension"]], name, str(r["item2"]), *compared_cells(variance, r, unit)])
    heads = ["Dimension", "Item", "Type", *compared_heads(variance, unit, reference)]
    return text_frame(lines, heads).drop(columns="Material")


def forecast_table(variance: BudgetVariance) -> pd.DataFrame:
    """Set the actual of each month beside the last forecast made before it: what was known, and since when.

    Columns: Month, Measure, FC, AC, ΔFC, Effect, Data to (the last month that the forecast knew), Made.
    """
    months = variance.forecast
    columns = ["Month", "Measure"]
    if months.empty:
        return text_frame([], [*columns, "FC", "AC", "ΔFC", "Effect", "Data to", "Made"])
    sums = months.groupby(["period", "type"], dropna=False)["cents"].sum().to_dict()
    made = months.groupby("period").agg(cutoff=("cutoff", "max"), now=("reconstructed", "max"))
    actual = rows_of(variance.monthly, scenario="AC").set_index(["period", "measure"])["cents"].to_dict()
    unit, name = unit_of(variance, months["cents"], pd.Series(list(actual.values()), dtype="int64"))
    write = writer(variance, unit)
    lines = []
    for period, row in made.sort_index().iterrows():
        forecast = {kind: int(sums.get((period, kind), 0)) for kind in TYPES}
        forecast["result"] = forecast["revenue"] - forecast["cost"]
        when = [month_name(str(row["cutoff"])), "afterwards" if row["now"] else "at the time"]
        for measure, label in MEASURES.items():
            cents = actual.get((period, measure))
            change = None if cents is None else int(cents) - forecast[measure]
            effect = NOT_AVAILABLE if change is None else verdict(-change if measure == "cost" else change)
            written = [write(forecast[measure]), write(cents), write(change, signed=True), effect]
            lines.append([month_name(str(period)), label, *written, *when])
    heads = [f"FC {name}", f"AC {name}", f"ΔFC {name}", "Effect", "Data to", "Made"]
    return text_frame(lines, [*columns, *heads])


def crossed_table(variance: BudgetVariance, *, top: int | None = None, columns: int | None = None) -> pd.DataFrame:
    """Where do cost centre and line meet off plan? Effects of the year to date against plan, with their sums.

    A cell without actual and plan is blank, which is not zero. Beyond `top` centres and `columns` lines, those with the
    largest effects, stand "Others", so that every row and column still adds up to the effect on the result.
    """
    found = variance.crossed
    found = found[found["type"].isin(TYPES)] if len(found) else found
    if found.empty:
        return text_frame([], [DIMENSIONS["cost_centre"], "Total"])
    found = found.assign(
        cost_centre=_kept(found, "cost_centre", top, names_of(variance)), pl_line=_kept(found, "pl_line", columns, {})
    )
    cells = found.groupby(["cost_centre", "pl_line"])["effect_cents"].sum().to_dict()
    sides = [_by_size(found, side) for side in ("cost_centre", "pl_line")]
    unit, name = unit_of(variance, pd.Series(list(cells.values())), *sides)
    write = writer(variance, unit)
    lines = []
    for centre, cents in sides[0].items():
        row = [cells.get((centre, line)) for line in sides[1].index]
        lines.append(
            [str(centre), *("" if c is None else write(c, signed=True) for c in row), write(cents, signed=True)]
        )
    sums = [write(cents, signed=True) for cents in sides[1]]
    lines.append(["Total", *sums, write(int(sides[1].sum()), signed=True)])
    return text_frame(lines, [f"{DIMENSIONS['cost_centre']}, effect in {name}", *map(str, sides[1].index), "Total"])


def _kept(found: pd.DataFrame, side: str, top: int | None, names: dict[tuple[str, str], str]) -> pd.Series:
    """Name each item of a side; beyond the `top` largest effects it is one of the others."""
    sums = found.groupby(side)["effect_cents"].sum().reset_index()
    ranked = list(largest_first(sums, "effect_cents", side)[side])
    kept = ranked if top is None else ranked[:top]
    others = f"Others ({len(ranked) - len(kept)})"
    written = {item: names.get((side, str(item)), str(item)) if item in kept else others for item in ranked}
    return found[side].map(written)


def _by_size(found: pd.DataFrame, side: str) -> pd.Series:
    """Return the effect of each item of a side, the largest first and the others last."""
    sums = found.groupby(side)["effect_cents"].sum().reset_index()
    sums = sums.assign(last=sums[side].str.startswith("Others ("), size=-sums["effect_cents"].abs())
    return sums.sort_values(["last", "size", side], kind="stable").set_index(side)["effect_cents"]


def _restricted(rows: pd.DataFrame, top: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that stand by name, and the sums of the others by type, named "Others (12)"."""
    ranked = largest_first(rows, "effect_cents", "item", "item2")
    named, rest = (ranked, ranked.iloc[:0]) if top is None else (ranked.iloc[:top], ranked.iloc[top:])
    others = []
    for kind in TYPES:
        part = rest[rest["item2"] == kind]
        if len(part):
            others.append(_summed(part) | {"name": f"Others ({len(part)})", "item2": kind})
    return named, pd.DataFrame(others, columns=["name", "item2", *_SUMMED, "share", "material"])


def _summed(rows: pd.DataFrame) -> dict[str, object]:
    """Add variances up; the share follows the rule of every share, and what is a sum of lines is not judged."""
    sums: dict[str, object] = {column: int(rows[column].sum()) for column in _SUMMED}
    reference, change = int(rows["reference_cents"].sum()), int(rows["variance_cents"].sum())
    compared = reference > 0 and bool(rows["share"].notna().any())
    return sums | {"share": change / reference if compared else float("nan"), "material": False}


def _against_plan(variance: BudgetVariance) -> dict[tuple[str, str], tuple[int, str]]:
    """Return variance and effect of the totals against plan: of AC to date, of the chosen outlook ahead."""
    rows = rows_of(variance.comparable, dimension=TOTAL, reference="PL")
    ahead = variance.outlook[variance.outlook["chosen"].astype(bool) & variance.outlook["variance_cents"].notna()]
    return {
        (str(r["measure"]), str(r["horizon"])): (int(r["variance_cents"]), verdict(int(r["effect_cents"])))
        for part in (rows, ahead)
        for r in part.to_dict("records")
    }

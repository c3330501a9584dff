"""Budget variance in words and tables.

Every sentence on one result writes money in one unit, that of the totals; a table has its own in the head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics import formats
from opsanalytics.formats import (
    ALL,
    DIMENSIONS,
    HORIZONS,
    MEASURES,
    METHODS,
    NOT_AVAILABLE,
    REFERENCES,
    TOTAL,
    entity_name,
    exact_money,
    item_name,
    listed,
    money,
    money_unit,
    month_name,
    share,
    unit_name,
    verdict,
)
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_TYPES = {"revenue": 0, "cost": 1}


# Sentences


def variance_sentence(variance: BudgetVariance) -> str:
    """Are we on plan? The result to date and of the month, what is material, and where the year goes."""
    return paragraph(
        [
            *_incomplete(variance),
            _headline(variance, "ytd"),
            _made_of(variance, "ytd"),
            _headline(variance, "month"),
            off_plan_sentence(variance),
            outlook_sentence(variance),
        ]
    )


def off_plan_sentence(variance: BudgetVariance, dimension: str = "pl_line") -> str:
    """Which lines are materially off plan in the year to date, by the rule that is said with it?"""
    rows = _variances(variance, dimension, "ytd", "PL")
    if rows.empty:
        return "What is off plan is off: there is no budget for this year."
    lines = rows[rows["material"].astype(bool)]
    what = DIMENSIONS[dimension] if dimension == "pl_line" else DIMENSIONS[dimension].lower()
    count = f"{len(lines)} of {len(rows)} {what}s" if len(rows) != 1 else f"{len(lines)} of 1 {what}"
    text = f"Materially off plan to date ({materiality_rule(variance)}): {count}"
    if lines.empty:
        return paragraph([f"{text}."])
    speak = _speaker(variance)
    largest = lines.assign(size=lines["effect_cents"].abs()).sort_values(["size", "item"], ascending=[False, True])
    named = [
        f"{formats.shorten(item_name(dimension, r['item'], r['name']), 60)} "
        f"{speak(r['variance_cents'], signed=True)} ({verdict(r['effect_cents'])})"
        for _, r in largest.head(3).iterrows()
    ]
    return paragraph([f"{text}{': ' if len(lines) == 1 else '; the largest: '}{listed(named)}."])


def outlook_sentence(variance: BudgetVariance) -> str:
    """What will the year come to, by the chosen outlook?"""
    rows = variance.outlook[variance.outlook["chosen"] & (variance.outlook["horizon"] == "fy")]
    results = rows[rows["measure"] == "result"]
    if results.empty:
        return "The outlook for the year is off: there are no actuals to date."
    row = results.iloc[0]
    speak = _speaker(variance)
    method = METHODS.get(str(row["method"]), str(row["method"]))
    text = f"Outlook for the full year ({method}): result {speak(row['cents'])}"
    if formats.is_missing(row["variance_cents"]):
        return f"{text}, with no plan to compare with."
    change = int(row["variance_cents"])
    effect = verdict(int(row["effect_cents"]))
    return paragraph([f"{text}, {speak(change, signed=True)} against plan ({effect})."])


def materiality_rule(variance: BudgetVariance) -> str:
    """Write the rule by which a variance is material, in the answer's unit: "at least 10.0 kEUR and 5.0 %".

    An amount that the unit's one decimal would change stands in full.
    """
    rule = variance.materiality
    amount = exact_money(rule.amount_cents, variance.currency, variance.minor_digits, _unit(variance))
    return f"at least {amount} {rule.mode} {share(rule.share)}"


def _incomplete(variance: BudgetVariance) -> Iterator[str]:
    if variance.missing:
        months = listed([_missing_month(variance, month) for month in variance.missing])
        yield f"INCOMPLETE: ledger lines are missing for {months}; every variance leaves them out on both sides."


def _missing_month(variance: BudgetVariance, month: str) -> str:
    """Write a missing month, for the whole with the sites that lack it."""
    rows = variance.missing_at[variance.missing_at["period"] == month]
    sites = sorted(str(site) for site in rows["site"].unique() if site != variance.entity)
    return f"{month_name(month)} ({', '.join(sites)})" if sites else month_name(month)


def _headline(variance: BudgetVariance, horizon: str) -> str:
    when = (
        f"{month_name(variance.period)}, {entity_name(variance.entity)}"
        if horizon == "ytd"
        else month_name(variance.period)
    )
    where = f"{when}, year to date" if horizon == "ytd" else f"{when} alone"
    cents = _total(variance, "result", horizon, "AC")
    if cents is None:
        return f"{where}: no actuals."
    row = _total_variance(variance, "result", horizon)
    speak = _speaker(variance)
    text = f"{where}: result {speak(cents)}"
    if row is None:
        return f"{text}, with neither plan nor prior year to compare with."
    change, name = int(row["variance_cents"]), REFERENCES[str(row["reference"])]
    if not change:
        return f"{text}, as {name}."
    part = "" if formats.is_missing(row["share"]) else f" ({share(abs(float(row['share'])))})"
    side = "above" if change > 0 else "below"
    return f"{text}, {speak(abs(change))}{part} {side} {name}: {verdict(int(row['effect_cents']))}."


def _made_of(variance: BudgetVariance, horizon: str) -> str:
    parts = []
    speak = _speaker(variance)
    for measure in ("revenue", "cost"):
        cents, row = _total(variance, measure, horizon, "AC"), _total_variance(variance, measure, horizon)
        if cents is None or row is None:
            continue
        change, against = speak(row["variance_cents"], signed=True), REFERENCES[str(row["reference"])]
        parts.append(f"{measure} {speak(cents)}, {change} against {against} ({verdict(int(row['effect_cents']))})")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


# Tables


def result_table(variance: BudgetVariance) -> pd.DataFrame:
    """Revenue, cost and result over every horizon: PY, PL, FC, AC, and AC (else FC) against plan."""
    unit = _unit(variance)
    name = unit_name(variance.currency, unit)
    scenarios = ["PY", "PL", "FC", "AC"]
    rows = []
    for horizon, title in HORIZONS.items():
        for measure, label in MEASURES.items():
            cents = [_total(variance, measure, horizon, s) for s in scenarios]
            if all(c is None for c in cents):
                continue
            written = [money(c, variance.minor_digits, unit) for c in cents]
            rows.append([title.capitalize(), label, *written, *_against_plan(variance, measure, horizon, unit)])
    heads = [f"{s} {name}" for s in scenarios]
    return text_frame(rows, ["Horizon", "Measure", *heads, f"ΔPL {name}", "Effect"])


def variance_table(
    variance: BudgetVariance, horizon: str = "ytd", reference: str = "PL", by: str = "pl_line"
) -> pd.DataFrame:
    """Compare every item of one dimension with its reference, revenue before cost, then the totals.

    Columns: the item, type, AC, the reference, the variance, its share, the effect, material.
    """
    rows = _variances(variance, by, horizon, reference)
    order = rows["item2"].map(_TYPES).fillna(len(_TYPES))
    rows = rows.assign(order=order).sort_values(["order", "item"], kind="stable")
    totals = _variances(variance, TOTAL, horizon, reference)
    unit = money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    lines = [
        [item_name(by, r["item"], r["name"]), str(r["item2"]), *_cells(variance, r, unit)] for _, r in rows.iterrows()
    ]
    for measure, label in MEASURES.items():
        for _, r in totals[totals["measure"] == measure].iterrows():
            lines.append([label, "total", *_cells(variance, r, unit)])
    return text_frame(lines, [DIMENSIONS[by], "Type", *_heads(variance, unit, reference)])


def off_plan_table(variance: BudgetVariance, horizon: str = "ytd", reference: str = "PL") -> pd.DataFrame:
    """List every material variance, dimension by dimension, the largest effect first."""
    parts = [_variances(variance, dimension, horizon, reference) for dimension in DIMENSIONS]
    rows = pd.concat(parts)
    rows = rows[rows["material"].astype(bool)]
    unit = money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    places = {dimension: k for k, dimension in enumerate(DIMENSIONS)}
    rows = rows.assign(place=rows["dimension"].map(places), size=-rows["effect_cents"].abs())
    rows = rows.sort_values(["place", "size", "item"], kind="stable")
    lines = []
    for _, r in rows.iterrows():
        name = item_name(r["dimension"], r["item"], r["name"])
        lines.append([DIMENSIONS[r["dimension"]], name, str(r["item2"]), *_cells(variance, r, unit)])
    return text_frame(lines, ["Dimension", "Item", "Type", *_heads(variance, unit, reference)]).drop(columns="Material")


def outlook_table(variance: BudgetVariance) -> pd.DataFrame:
    """Set out the full year by each method of outlook, beside the plan; the chosen one is marked."""
    rows = variance.outlook[variance.outlook["horizon"] == "fy"]
    unit = money_unit(rows["cents"], variance.minor_digits)
    write = _writer(variance, unit)
    name = unit_name(variance.currency, unit)
    lines = []
    for _, r in rows.iterrows():
        known = not formats.is_missing(r["variance_cents"])
        lines.append(
            [
                MEASURES[r["measure"]],
                METHODS.get(r["method"], r["method"]),
                write(r["cents"]),
                write(r["plan_cents"]),
                write(r["variance_cents"], signed=True),
                verdict(int(r["effect_cents"])) if known else NOT_AVAILABLE,
                "chosen" if r["chosen"] else "",
            ]
        )
    return text_frame(lines, ["Measure", "Method", f"FC {name}", f"PL {name}", f"ΔPL {name}", "Effect", ""])


def variance_adds_up(variance: BudgetVariance, control: pd.DataFrame | None = None) -> pd.DataFrame:
    """Do the parts make the whole? For each dimension, horizon and scenario, to the cent.

    With `control` (`Inputs.control`) also: do the month's actuals equal what the control totals say was accepted?

    Columns: What, Horizon, Scenario, Total, Sum of parts, Difference, Agrees.
    """
    amounts = variance.amounts
    totals = amounts[amounts["dimension"] == TOTAL].set_index(["measure", "horizon", "scenario"])["cents"]
    parts = amounts[amounts["dimension"].isin(list(DIMENSIONS))]
    sums = parts.groupby(["dimension", "item2", "horizon", "scenario"], dropna=False)["cents"].sum().reset_index()
    rows: list[tuple[str, str, str, int | None, int]] = []
    for _, r in sums[sums["item2"].isin(list(MEASURES))].iterrows():
        what = f"{MEASURES[r['item2']]} by {DIMENSIONS[r['dimension']]}"
        total = totals.get((r["item2"], r["horizon"], r["scenario"]))
        rows.append((what, r["horizon"], r["scenario"], total, int(r["cents"])))
    for horizon, scenario in sorted({(h, s) for _, h, s in totals.index}):
        whole = {m: totals.get((m, horizon, scenario)) for m in MEASURES}
        if whole["result"] is not None:
            less = int(whole["revenue"] or 0) - int(whole["cost"] or 0)
            rows.append(("Revenue less cost", horizon, scenario, whole["result"], less))
    rows += list(_controlled(variance, totals, control))
    lines = []
    for what, horizon, scenario, total, cents in rows:
        difference = None if total is None else cents - int(total)
        exact = [money(value, variance.minor_digits) for value in (total, cents, difference)]
        agrees = "yes" if difference == 0 else "no"
        lines.append([what, HORIZONS[horizon], scenario, *exact, agrees])
    heads = [f"{head} {variance.currency}" for head in ("Total", "Sum of parts", "Difference")]
    return text_frame(lines, ["What", "Horizon", "Scenario", *heads, "Agrees"])


def _controlled(
    variance: BudgetVariance, totals: pd.Series, control: pd.DataFrame | None
) -> Iterator[tuple[str, str, str, int | None, int]]:
    if control is None:
        return
    rows = control[(control["period"] == variance.period) & control["known"].astype(bool)]
    own = rows[rows["site"] == variance.entity]
    if own.empty and variance.entity == ALL:
        own = rows
    for measure in ("revenue", "cost"):
        stated = own[own["type"] == measure]
        if len(stated):
            what = f"{MEASURES[measure]} by control totals"
            yield what, "month", "AC", totals.get((measure, "month", "AC")), int(stated["accepted_cents"].sum())


# Parts


def _variances(variance: BudgetVariance, dimension: str, horizon: str, reference: str) -> pd.DataFrame:
    """Return the variances in money: a statistical account is in a unit of its own, which no table of money shows."""
    rows = variance.comparable
    rows = rows[rows["item2"] != "statistical"]
    return rows[(rows["dimension"] == dimension) & (rows["horizon"] == horizon) & (rows["reference"] == reference)]


def _total(variance: BudgetVariance, measure: str, horizon: str, scenario: str) -> int | None:
    rows = variance.amounts[variance.amounts["dimension"] == TOTAL]
    rows = rows[(rows["measure"] == measure) & (rows["horizon"] == horizon) & (rows["scenario"] == scenario)]
    return int(rows["cents"].iloc[0]) if len(rows) else None


def _total_variance(variance: BudgetVariance, measure: str, horizon: str) -> pd.Series | None:
    """Return the variance against plan, or where there is none against the prior year."""
    for reference in REFERENCES:
        rows = _variances(variance, TOTAL, horizon, reference)
        rows = rows[rows["measure"] == measure]
        if len(rows):
            return rows.iloc[0]
    return None


def _unit(variance: BudgetVariance) -> str:
    """Choose the unit of every sentence, which is that of the totals' table."""
    totals = variance.amounts.loc[variance.amounts["dimension"] == TOTAL, "cents"]
    return money_unit(totals, variance.minor_digits)


def _writer(variance: BudgetVariance, unit: str) -> Callable[..., str]:
    """Return a function that writes cents for a table, whose head names the unit."""

    def write(cents: float | None, *, signed: bool = False) -> str:
        return money(cents, variance.minor_digits, unit, signed=signed)

    return write


def _speaker(variance: BudgetVariance) -> Callable[..., str]:
    """Return a function that writes cents for a sentence, the unit with them: "239.6 kEUR"."""
    unit = _unit(variance)

    def speak(cents: float | None, *, signed: bool = False) -> str:
        return f"{money(cents, variance.minor_digits, unit, signed=signed)} {unit_name(variance.currency, unit)}"

    return speak


def _heads(variance: BudgetVariance, unit: str, reference: str) -> list[str]:
    name = unit_name(variance.currency, unit)
    return [f"AC {name}", f"{reference} {name}", f"Δ{reference} {name}", f"Δ{reference} %", "Effect", "Material"]


def _cells(variance: BudgetVariance, row: pd.Series, unit: str) -> list[str]:
    write = _writer(variance, unit)
    return [
        write(row["actual_cents"]),
        write(row["reference_cents"]),
        write(row["variance_cents"], signed=True),
        share(float(row["share"]), signed=True),
        verdict(int(row["effect_cents"])),
        "yes" if row["material"] else "",
    ]


def _against_plan(variance: BudgetVariance, measure: str, horizon: str, unit: str) -> list[str]:
    write = _writer(variance, unit)
    rows = _variances(variance, TOTAL, horizon, "PL")
    rows = rows[rows["measure"] == measure]
    if horizon in ("roy", "fy"):
        rows = variance.outlook[variance.outlook["chosen"] & variance.outlook["variance_cents"].notna()]
        rows = rows[(rows["horizon"] == horizon) & (rows["measure"] == measure)]
    if rows.empty:
        return [NOT_AVAILABLE] * 2
    row = rows.iloc[0]
    return [write(row["variance_cents"], signed=True), verdict(int(row["effect_cents"]))]

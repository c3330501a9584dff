"""The answer: where are we off plan, is it volume, price, rate or efficiency, was it known, where does the year go?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opsanalytics.budget.commentary import KNOWN, NOT_KNOWN, NOTHING_TO_KNOW, PARTLY_KNOWN, known_word, made_now
from opsanalytics.budget.comparison import INCOMPLETE
from opsanalytics.budget.result import rows_of
from opsanalytics.formats import (
    DIMENSIONS,
    REFERENCES,
    entity_name,
    exact_money,
    is_missing,
    listed,
    month_name,
    share,
    verdict,
)
from opsanalytics.tables.budget.outlook import outlook_sentence
from opsanalytics.tables.budget.parts import (
    TYPES,
    answer_unit,
    largest_first,
    speaker,
    total_variance,
    totals,
    typed_name,
    variances,
)
from opsanalytics.tables.budget.why import why_sentence
from opsanalytics.tables.layout import paragraph

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_NAMED = 3
_ANSWERS = {
    KNOWN: "Yes.",
    PARTLY_KNOWN: "Partly.",
    NOT_KNOWN: "No.",
    NOTHING_TO_KNOW: "There was nothing material to know.",
}


def variance_sentence(variance: BudgetVariance, reliance: str = "") -> str:
    """Are we on plan? The result to date, what is off and why, whether it was known, and where the year goes.

    `reliance` is what has to be said first about the data, see `reliance_sentence`.
    """
    return paragraph(
        [
            reliance,
            *_incomplete(variance),
            _view(variance),
            _headline(variance, "ytd"),
            _made_of(variance, "ytd"),
            _headline(variance, "month"),
            off_plan_sentence(variance),
            why_sentence(variance),
            known_sentence(variance),
            outlook_sentence(variance),
        ]
    )


def off_plan_sentence(variance: BudgetVariance, dimension: str = "pl_line") -> str:
    """Which lines are materially off plan in the year to date, by the rule that is said with it?"""
    rows = variances(variance, dimension, "ytd", "PL")
    if rows.empty:
        return "What is off plan is off: there is no budget for this year."
    lines = rows[rows["material"].astype(bool)]
    what = DIMENSIONS[dimension] if dimension == "pl_line" else DIMENSIONS[dimension].lower()
    held, every = lines["item"].nunique(), rows["item"].nunique()
    count = f"{held} of {every} {what}{'' if every == 1 else 's'}"
    text = f"Materially off plan to date ({materiality_rule(variance)}): {count}"
    if lines.empty:
        return paragraph([f"{text}."])
    speak = speaker(variance)
    named = [
        f"{typed_name(r, rows)} {speak(r['variance_cents'], signed=True)} ({verdict(r['effect_cents'])})"
        for _, r in largest_first(lines, "effect_cents", "item").head(_NAMED).iterrows()
    ]
    return paragraph([f"{text}{': ' if len(lines) == 1 else '; the largest: '}{listed(named)}."])


def known_sentence(variance: BudgetVariance) -> str:
    """Was it known? Actual to date against the last forecast made before each month, and each material line's state.

    Nothing to know: not materially off plan. Known: nearer to that forecast, and not materially off it. Partly known:
    nearer, on the same side, but materially off.
    """
    row = total_variance(variance, "result", "ytd", ("FC",))
    if row is None:
        return "Whether it was known is off: there is no forecast of the months to date."
    speak, plan = speaker(variance), total_variance(variance, "result", "ytd", ("PL",))
    answer = "" if plan is None else f" {_ANSWERS[known_word(plan.to_dict(), row.to_dict())]}"
    change = int(row["variance_cents"])
    where = f"{speak(abs(change))} {'above' if change > 0 else 'below'} ({verdict(int(row['effect_cents']))})"
    text = f"Was it known?{answer} The last forecasts{made_now(variance.forecast)} put the result to date at "
    text += f"{speak(row['reference_cents'])}; the actual is {where if change else 'the same'}"
    text += " over the months that both sides hold" if row["status"] == INCOMPLETE else ""
    said = [f"{state.lower()}: {_some(names)}" for state, names in _states(variance).items() if names]
    return paragraph([f"{text}. Of the lines off plan, {'; '.join(said)}." if said else f"{text}."])


def materiality_rule(variance: BudgetVariance) -> str:
    """Write the rule by which a variance is material, in the answer's unit: "at least 10.0 kEUR and 5.0 %".

    An amount that the unit's one decimal would change stands in full.
    """
    rule = variance.materiality
    amount = exact_money(rule.amount_cents, variance.currency, variance.minor_digits, answer_unit(variance))
    return f"at least {amount} {rule.mode} {share(rule.share)}"


def _states(variance: BudgetVariance) -> dict[str, list[str]]:
    """Sort the material lines by what the forecasts knew of them, the largest first."""
    plan = variances(variance, "pl_line", "ytd", "PL")
    plan = largest_first(plan[plan["material"].astype(bool)] if len(plan) else plan, "effect_cents", "item")
    forecast = variances(variance, "pl_line", "ytd", "FC")
    states: dict[str, list[str]] = {KNOWN: [], PARTLY_KNOWN: [], NOT_KNOWN: []}
    for _, r in plan.iterrows():
        against = rows_of(forecast, item=r["item"], item2=r["item2"])
        if len(against):
            states[known_word(r.to_dict(), against.iloc[0].to_dict())].append(typed_name(r, plan).rstrip(","))
    return states


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{rest} more"] if rest > 0 else names)


def _incomplete(variance: BudgetVariance) -> Iterator[str]:
    if variance.missing:
        months = listed([_missing_month(variance, month) for month in variance.missing])
        yield f"INCOMPLETE: ledger lines are missing for {months}; every variance leaves them out on both sides."


def _missing_month(variance: BudgetVariance, month: str) -> str:
    """Write a missing month, for the whole with the sites that lack it."""
    rows = variance.missing_at[variance.missing_at["period"] == month]
    sites = sorted(str(site) for site in rows["site"].unique() if site != variance.entity)
    return f"{month_name(month)} ({', '.join(sites)})" if sites else month_name(month)


def _view(variance: BudgetVariance) -> str:
    """Say which view is shown where it is not the plain one."""
    views = {"one_offs": {"without": "without the lines marked one-off"}}
    views["structure"] = {"as_current": f"every month in the structure of {month_name(variance.period)}"}
    said = [words[getattr(variance, name)] for name, words in views.items() if getattr(variance, name) in words]
    return f"Shown {listed(said)}." if said else ""


def _headline(variance: BudgetVariance, horizon: str) -> str:
    month = month_name(variance.period)
    to_date = f"{month}, {entity_name(variance.entity)}, year to date"
    where = to_date if horizon == "ytd" else f"{month} alone"
    cents = totals(variance).get(("result", horizon, "AC"))
    if cents is None:
        return f"{where}: no actuals."
    row = total_variance(variance, "result", horizon)
    speak = speaker(variance)
    text = f"{where}: result {speak(cents)}"
    if row is None:
        return f"{text}, with neither plan nor prior year to compare with."
    change, name = int(row["variance_cents"]), REFERENCES[str(row["reference"])]
    if not change:
        return f"{text}, as {name}."
    part = "" if is_missing(row["share"]) else f" ({share(abs(float(row['share'])))})"
    side = "above" if change > 0 else "below"
    return f"{text}, {speak(abs(change))}{part} {side} {name}: {verdict(int(row['effect_cents']))}."


def _made_of(variance: BudgetVariance, horizon: str) -> str:
    parts = []
    speak, stands = speaker(variance), totals(variance)
    for measure in TYPES:
        cents, row = stands.get((measure, horizon, "AC")), total_variance(variance, measure, horizon)
        if cents is None or row is None:
            continue
        change, against = speak(row["variance_cents"], signed=True), REFERENCES[str(row["reference"])]
        parts.append(f"{measure} {speak(cents)}, {change} against {against} ({verdict(int(row['effect_cents']))})")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""

"""What stands above a chart of the budget variance: its message, and what is shown, of whom, when and in which unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import DRIVERS, HORIZONS, MEASURES, REFERENCES, entity_name, unit_name, verdict, word

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

Changes = dict[tuple[str, str, str], tuple[int, int]]


def caption(variance: BudgetVariance, subject: str, unit: str) -> str:
    """Write what is shown, in which unit, of which entity and month, and that months are missing where they are."""
    parts = [
        f"{subject}, in {unit}",
        plain(entity_name(variance.entity)),
        formats.month_name(variance.period),
    ]
    if variance.missing:
        months = ", ".join(formats.month_name(m) for m in variance.missing)
        parts.append(f"INCOMPLETE: ledger lines are missing for {months}")
    return "  ·  ".join(parts)


def total_message(variance: BudgetVariance, measure: str, horizon: str, unit: str, references: tuple[str, ...]) -> str:
    """Say what a measure comes to, and how far that is from the first of `references` that stands."""
    name = unit_name(variance.currency, unit)
    write = paper.money_writer(variance.minor_digits, unit)
    rows = variance.amounts[variance.amounts["dimension"] == formats.TOTAL]
    rows = rows[(rows["measure"] == measure) & (rows["horizon"] == horizon)]
    rows = rows[rows["scenario"] == ("FC" if horizon == "fy" else "AC")]
    text = f"{MEASURES[measure]}, {HORIZONS[horizon]}: {write(rows['cents'].iloc[0] if len(rows) else None)} {name}"
    changes = outlook_changes(variance) if horizon == "fy" else total_changes(variance)
    for reference in references:
        if (measure, horizon, reference) in changes:
            change, effect = changes[measure, horizon, reference]
            size = (
                f"{write(abs(change))} {'above' if change > 0 else 'below'} {REFERENCES[reference]} ({verdict(effect)})"
            )
            return f"{text}, {size if change else f'as {REFERENCES[reference]}'}"
    return f"{text}, no plan to compare with"


def total_changes(variance: BudgetVariance) -> Changes:
    """Return variance and effect of revenue, cost and result by measure, horizon and reference."""
    rows = variance.comparable[variance.comparable["dimension"] == formats.TOTAL]
    keys = zip(rows["measure"], rows["horizon"], rows["reference"], strict=True)
    values = zip(rows["variance_cents"].astype(int), rows["effect_cents"].astype(int), strict=True)
    return dict(zip(keys, values, strict=True))


def outlook_changes(variance: BudgetVariance) -> Changes:
    """Return the chosen outlook's variance and effect against plan by measure and horizon."""
    rows = variance.outlook[variance.outlook["chosen"] & variance.outlook["variance_cents"].notna()]
    keys = [(measure, horizon, "PL") for measure, horizon in zip(rows["measure"], rows["horizon"], strict=True)]
    values = zip(rows["variance_cents"].astype(int), rows["effect_cents"].astype(int), strict=True)
    return dict(zip(keys, values, strict=True))


def dimension_name(by: str) -> str:
    """Write what a chart is broken down by, inside a sentence."""
    return by.replace("pl_line", "P&L line").replace("_", " ")


def driver_name(code: str, kind: str = "driver") -> str:
    """Write a driver as a word inside a sentence; the rest of a bridge has no driver."""
    if kind == "rest" and code not in DRIVERS:
        return "not explained by a driver"
    return plain(word(DRIVERS, code))


def opened(text: str) -> str:
    """Begin a text with a capital."""
    return f"{text[:1].upper()}{text[1:]}"


def no_reference(reference: str) -> str:
    """Say that there is nothing to compare with."""
    return f"No {reference} to compare with."

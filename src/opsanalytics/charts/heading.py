"""What stands above a chart of the budget variance: its message, and what is shown, of whom, when and in which unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import (
    DRIVERS,
    HORIZONS,
    MEASURES,
    MISSING_MONTHS,
    OTHERS,
    REFERENCES,
    entity_name,
    unit_name,
    verdict,
    word,
)

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

REST = "rest"
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
            side = f"{'above' if change > 0 else 'below'} {REFERENCES[reference]} ({verdict(effect)})"
            size = f"{write(abs(change))} {name} {side}" if change else f"as {REFERENCES[reference]}"
            return f"{text}, {size}{like_for_like(variance, horizon, reference)}"
    return f"{text}, no plan to compare with"


def like_for_like(variance: BudgetVariance, horizon: str, *references: str) -> str:
    """Say that a variance leaves months out on both sides; nothing where it holds them all."""
    rows = variance.variances
    rows = rows[(rows["horizon"] == horizon) & rows["reference"].isin(references)]
    return ", over the months that both hold" if (rows["status"] != "COMPLETE").any() else ""


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


def step_name(code: str, kind: str, by: str) -> str:
    """Write a step of a bridge inside a sentence: a driver, what none explains, or a line of the P&L as it is named."""
    return plain(word(DRIVERS, code)) if by == "driver" or kind == REST else plain(code)


def is_unexplained(code: str, kind: str) -> bool:
    """Is a step what no driver explains? Months that are missing, and the lines beyond the largest, are not that."""
    return kind == REST and code not in (MISSING_MONTHS, OTHERS)


def opened(text: str) -> str:
    """Begin a text with a capital."""
    return f"{text[:1].upper()}{text[1:]}"


def no_reference(reference: str) -> str:
    """Say that there is nothing to compare with."""
    return f"No {reference} to compare with."

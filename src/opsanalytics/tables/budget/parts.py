"""The parts of a budget variance that sentences and tables are made of, and how their money is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.budget.result import rows_of
from opsanalytics.formats import (
    MEASURES,
    NOT_AVAILABLE,
    REFERENCES,
    TOTAL,
    item_name,
    money,
    money_unit,
    share,
    shorten,
    unit_name,
    verdict,
)

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

TYPES = ("revenue", "cost")
Totals = dict[tuple[str, str, str], int]


def largest_first(rows: pd.DataFrame, cents: str, *order: str) -> pd.DataFrame:
    """Sort by size, then by the names given."""
    if rows.empty:
        return rows
    sized = rows.assign(size=-rows[cents].abs())
    return sized.sort_values(["size", *order], kind="stable", ignore_index=True).drop(columns="size")


def variances(variance: BudgetVariance, dimension: str, horizon: str, reference: str) -> pd.DataFrame:
    """Return the variances in money: a statistical account is in a unit of its own, which no table of money shows."""
    rows = variance.comparable
    rows = rows[rows["item2"] != "statistical"]
    return rows_of(rows, dimension=dimension, horizon=horizon, reference=reference)


def totals(variance: BudgetVariance) -> Totals:
    """Return revenue, cost and result of the whole by measure, horizon and scenario, where they stand."""
    rows = rows_of(variance.amounts, dimension=TOTAL)
    keys = zip(rows["measure"], rows["horizon"], rows["scenario"], strict=True)
    return dict(zip(keys, map(int, rows["cents"]), strict=True))


def total_variance(
    variance: BudgetVariance, measure: str, horizon: str, references: Iterable[str] = REFERENCES
) -> pd.Series | None:
    """Return the variance against plan, or where there is none against the prior year, or the last forecast."""
    for reference in references:
        rows = rows_of(variances(variance, TOTAL, horizon, reference), measure=measure)
        if len(rows):
            return rows.iloc[0]
    return None


def plan_effect(variance: BudgetVariance, horizon: str, reference: str = "PL") -> int | None:
    """Return by how much the whole result is off, where it can be compared."""
    row = total_variance(variance, "result", horizon, (reference,))
    return None if row is None else int(row["effect_cents"])


def names_of(variance: BudgetVariance) -> dict[tuple[str, str], str]:
    """Return how each account and cost centre is written, by dimension and code."""
    rows = variance.variances[["dimension", "item", "name"]].drop_duplicates(["dimension", "item"])
    return {
        (str(d), str(i)): item_name(str(d), i, name)
        for d, i, name in zip(rows["dimension"], rows["item"], rows["name"], strict=True)
    }


def answer_unit(variance: BudgetVariance) -> str:
    """Choose the unit of every sentence, which is that of the totals' table."""
    totals = variance.amounts.loc[variance.amounts["dimension"] == TOTAL, "cents"]
    return money_unit(totals, variance.minor_digits)


def writer(variance: BudgetVariance, unit: str) -> Callable[..., str]:
    """Return a function that writes cents for a table, whose head names the unit."""

    def write(cents: float | None, *, signed: bool = False, never_zero: bool = False) -> str:
        return money(cents, variance.minor_digits, unit, signed=signed, never_zero=never_zero)

    return write


def speaker(variance: BudgetVariance) -> Callable[..., str]:
    """Return a function that writes cents for a sentence, the unit with them: "239.6 kEUR"."""
    unit = answer_unit(variance)

    def speak(cents: float | None, *, signed: bool = False) -> str:
        return f"{money(cents, variance.minor_digits, unit, signed=signed)} {unit_name(variance.currency, unit)}"

    return speak


def typed_name(row: pd.Series, rows: pd.DataFrame, width: int = 60) -> str:
    """Write the item of a variance inside a sentence, with its type where `rows` hold both revenue and cost of it."""
    name = shorten(item_name(row["dimension"], row["item"], row["name"]), width)
    several = rows.loc[rows["item"] == row["item"], "item2"].nunique() > 1
    return f"{name}, {row['item2']}," if several else name


def unit_of(variance: BudgetVariance, *columns: pd.Series) -> tuple[str, str]:
    """Choose the unit of one table from its amounts; return it and its name for the head."""
    unit = money_unit([cents for column in columns for cents in column], variance.minor_digits)
    return unit, unit_name(variance.currency, unit)


def compared_heads(variance: BudgetVariance, unit: str, reference: str) -> list[str]:
    """Return the heads of the columns that `compared_cells` fills."""
    name = unit_name(variance.currency, unit)
    return [f"AC {name}", f"{reference} {name}", f"Δ{reference} {name}", f"Δ{reference} %", "Effect", "Material"]


def compared_cells(variance: BudgetVariance, row: pd.Series, unit: str) -> list[str]:
    """Write one variance: AC, the reference, the variance with its sign, its share, its effect, whether material."""
    write = writer(variance, unit)
    return [
        write(row["actual_cents"]),
        write(row["reference_cents"]),
        write(row["variance_cents"], signed=True, never_zero=True),
        share(float(row["share"]), signed=True),
        verdict(int(row["effect_cents"])),
        "yes" if row["material"] else "",
    ]


def ratio(part: int, whole: int | None) -> str:
    """Write a part's share of a whole, its sign with it; of nothing there is none."""
    return share(part / whole, signed=True) if whole else NOT_AVAILABLE


def measure_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort by measure in their order, keeping the order of the rows within."""
    places = {measure: k for k, measure in enumerate(MEASURES)}
    return rows.sort_values("measure", key=lambda m: m.map(places), kind="stable") if len(rows) else rows

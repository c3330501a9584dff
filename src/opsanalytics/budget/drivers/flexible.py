"""Flexible budget: what the plan would have been at the volume that came.

Between the static budget and the actual stands the budget flexed to the actual units of its driver. The
step to it is the volume's doing; the step from it is price (of revenue) and spending (of cost).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd

from opsanalytics.budget.comparison import EFFECT_SIGN, rollup
from opsanalytics.budget.exact import as_array, fraction, half_even

#: Why a row was flexed, or not (column `flexing`).
VOLUME, FIXED, NO_BUDGET_UNITS, NO_ACTUAL_UNITS = "volume", "fixed", "no budget units", "no actual units"
_EFFECTS = (
    "volume_effect_cents",
    "price_effect_cents",
    "variable_spending_effect_cents",
    "fixed_spending_effect_cents",
)


def flexible_budget(rows: pd.DataFrame) -> pd.DataFrame:
    """Which part of each variance is volume, and which is price or spending?

    `rows`: any keys, type {revenue, cost, statistical}, behaviour {fixed, variable}, budget_cents, actual_cents (int64,
    natural sign), budget_units, actual_units (of the row's driver; any exact number, may be missing), and perhaps
    unit_cents (what one unit is budgeted at, an exact number, may be missing). Added: flexing (volume, fixed, "no
    budget units", "no actual units": the last two are not flexed, for a budget at no units has no unit cost, and
    missing units are not zero), flexible_cents (variable: actual units x unit_cents where given, else budget x actual
    units / budget units, rounded once half to even; else the budget), and effects on the result: volume_effect_cents
    (flexible - static) and flexible_budget_effect_cents (actual - flexible), the latter split into
    price_effect_cents (revenue), variable_spending_effect_cents and fixed_spending_effect_cents (cost).
    Source: Horngren, Datar, Rajan, Cost Accounting, 14th edition, chapter 7.
    """
    each = rows["unit_cents"] if "unit_cents" in rows.columns else pd.Series(None, rows.index, dtype=object)
    budgets = rows["budget_cents"].to_numpy().astype(object)
    units = list(zip(rows["budget_units"], rows["actual_units"], each, strict=True))
    flexing = [_flexing(behaviour, *given) for behaviour, given in zip(rows["behaviour"], units, strict=True)]
    ratios = {given: _ratio(*given) for given, how in zip(units, flexing, strict=True) if how == VOLUME}
    factors = [ratios[given] if how == VOLUME else Fraction(1) for given, how in zip(units, flexing, strict=True)]
    by_unit = each.notna().to_numpy() & (np.array(flexing, dtype=object) == VOLUME)
    numerators = as_array(factor.numerator for factor in factors) * np.where(by_unit, 1, budgets)
    flexible = half_even(numerators, as_array(factor.denominator for factor in factors))
    made = rows.assign(flexing=pd.Series(flexing, rows.index, dtype="str"), flexible_cents=flexible)
    sign = made["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    spent = (made["actual_cents"] - made["flexible_cents"]) * sign
    revenue, variable = made["type"] == "revenue", made["behaviour"] == "variable"
    return made.assign(
        volume_effect_cents=(made["flexible_cents"] - made["budget_cents"]) * sign,
        flexible_budget_effect_cents=spent,
        price_effect_cents=spent.where(revenue, 0),
        variable_spending_effect_cents=spent.where(~revenue & variable, 0),
        fixed_spending_effect_cents=spent.where(~revenue & ~variable, 0),
    )


def operating_income(flexed: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """What result was planned, would have been planned at the actual volume, and came?

    `flexed` comes from `flexible_budget`. Returns [*by, static_cents, flexible_cents, actual_cents (revenue - cost),
    volume_effect_cents (the sales-volume variance), flexible_budget_effect_cents and its three parts,
    static_budget_effect_cents]. Raises ArithmeticError where static + volume + flexible budget is not the actual.
    """
    sign = flexed["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    signed = flexed[list(by)].assign(
        static_cents=flexed["budget_cents"] * sign,
        flexible_cents=flexed["flexible_cents"] * sign,
        actual_cents=flexed["actual_cents"] * sign,
        flexible_budget_effect_cents=flexed["flexible_budget_effect_cents"],
        **{effect: flexed[effect] for effect in _EFFECTS},
    )
    sums = rollup(signed, by)
    total = sums["actual_cents"] - sums["static_cents"]
    off = total - sum((sums[effect] for effect in _EFFECTS), start=pd.Series(0, sums.index))
    if np.any(off):
        raise ArithmeticError(
            f"The flexible budget misses the static-budget variance by {int(off.abs().max())} minor units."
        )
    return sums.assign(static_budget_effect_cents=total)


def _ratio(planned: object, came: object, each: object) -> Fraction:
    """Return what the budget is multiplied by, or, where the budget of one unit is known, the flexible budget."""
    if not pd.isna(each):  # type: ignore[call-overload]
        return fraction(came, "actual_units") * fraction(each, "unit_cents")
    return fraction(came, "actual_units") / fraction(planned, "budget_units")


def _flexing(behaviour: str, planned: object, came: object, each: object) -> str:
    if behaviour != "variable":
        return FIXED
    if pd.isna(each) and (pd.isna(planned) or planned == 0):  # type: ignore[call-overload]
        return NO_BUDGET_UNITS
    return NO_ACTUAL_UNITS if pd.isna(came) else VOLUME  # type: ignore[call-overload]

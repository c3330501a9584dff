"""Payroll: what pay differs from the budget by, as headcount, hiring delay, grade mix, rate and overtime.

The posts of a grade are valued at the average budgeted pay of their cost centre, and what a grade's
own pay differs from that average is its mix, as in a sales mix. A budgeted post that is not filled is
a hiring delay, people above the budgeted posts are headcount; the two are not netted between
grades or months. Each amount is rounded once, and the drivers are steps between amounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from opsanalytics.budget.comparison import rollup
from opsanalytics.budget.drivers.costing import (
    Cents,
    check_foots,
    divided,
    exact_column,
    group_codes,
    is_zero,
    sums_by_row,
)
from opsanalytics.budget.exact import Exact, fractions, whole_cents
from opsanalytics.formats import UNASSIGNED

#: The drivers of pay, in the order of their columns `<driver>_effect_cents`.
PAYROLL_DRIVERS = ("headcount", "hiring_delay", "grade_mix", "rate", "overtime")

_CENTRE = ["period", "cost_centre"]
_ROW = [*_CENTRE, "grade"]


def payroll_variances(
    payroll: pd.DataFrame,
    *,
    hours_per_fte: Decimal = Decimal(160),
    overtime_premium: Decimal = Decimal("1.5"),
    minor_digits: int = 2,
    by: Sequence[str] = ("period", "cost_centre"),
) -> pd.DataFrame:
    """Why does pay differ from its budget: how many people, which grades, at what pay, how much overtime?

    `payroll` is the checked table (FTE, monthly pay of one FTE, overtime_hours: Decimals) and may have
    budget_overtime_hours; where it is absent or blank no overtime is budgeted. An hour of overtime costs
    monthly pay / `hours_per_fte` * `overtime_premium`. `by` is any of period, cost_centre, grade.

    Returns, sorted by `by`, int64: budget_cents and actual_cents (pay with overtime) and the effects, above zero less
    pay: headcount_, hiring_delay_, grade_mix_, rate_ and overtime_effect_cents, and total_effect_cents = budget -
    actual, their sum in each row. With F posts, R monthly pay, H overtime hours, b budget, a actual, h the price of an
    overtime hour as a share of R, W the average budgeted pay of the cost centre's month (sum Fb Rb / sum Fb):
    hiring_delay = max(Fb - Fa, 0) W; headcount = min(Fb - Fa, 0) W; grade_mix = (Fb - Fa)(Rb - W);
    rate = (Fa + Ha h)(Rb - Ra); overtime = (Hb - Ha) h Rb; each by grade, then added up.
    A cost centre without budgeted posts has no average: its grades are valued at their own budgeted pay. A grade
    without budgeted posts, pay and overtime takes its actual pay for it, so it is headcount and mix, not rate.

    Rate on the actual hours, and mix on the weighted average: C. Drury, Management and Cost Accounting, "Standard
    costing and variance analysis" 1 and 2. That unfilled posts are shown apart from posts above plan is this package's
    definition: an unfilled post is a saving that ends when somebody is hired.
    Raises ValueError for hours_per_fte of zero or less, a missing column or a missing value.
    """
    if hours_per_fte <= 0:
        raise ValueError(f"hours_per_fte is {hours_per_fte}: give the paid hours of one FTE in a month, above zero.")
    rows = payroll.assign(cost_centre=payroll["cost_centre"].fillna(UNASSIGNED).astype("str"))
    rows = rows.sort_values(_ROW, kind="stable", ignore_index=True)
    overtime_share = Fraction(overtime_premium) / Fraction(hours_per_fte)
    found = pd.concat([rows[_ROW], _effects(rows, overtime_share, minor_digits)], axis=1)
    columns = [f"{driver}_effect_cents" for driver in PAYROLL_DRIVERS]
    check_foots(found, columns, "total_effect_cents", "the drivers of payroll")
    return rollup(found, by)


def _effects(rows: pd.DataFrame, overtime_share: Fraction, minor_digits: int) -> pd.DataFrame:
    planned, came = exact_column(rows, "budget_fte"), exact_column(rows, "actual_fte")
    rate, paid = exact_column(rows, "budget_rate"), exact_column(rows, "actual_rate")
    worked, planned_hours = exact_column(rows, "overtime_hours"), np.full(len(rows), Fraction(0), dtype=object)
    if "budget_overtime_hours" in rows.columns:
        given = rows["budget_overtime_hours"]
        planned_hours = fractions(given.where(given.notna(), Decimal(0)))
    unplanned = is_zero(planned) & is_zero(rate) & is_zero(planned_hours)
    rate = np.where(unplanned, paid, rate)

    def wages(posts: Exact, pay: Exact) -> Cents:
        return whole_cents(posts * pay, minor_digits)

    def overtime(hours: Exact, pay: Exact) -> Cents:
        return whole_cents(hours * pay * overtime_share, minor_digits)

    budget, budget_extra = wages(planned, rate), overtime(planned_hours, rate)
    at_rate, extra_at_rate = wages(came, rate), overtime(worked, rate)
    actual = wages(came, paid) + overtime(worked, paid)
    average = _average(rows, planned, rate)
    quantity = wages(planned, average) - wages(came, average)
    return pd.DataFrame(
        {
            "budget_cents": budget + budget_extra,
            "actual_cents": actual,
            "headcount_effect_cents": np.minimum(quantity, 0),
            "hiring_delay_effect_cents": np.maximum(quantity, 0),
            "grade_mix_effect_cents": (budget - at_rate) - quantity,
            "rate_effect_cents": at_rate + extra_at_rate - actual,
            "overtime_effect_cents": budget_extra - extra_at_rate,
            "total_effect_cents": budget + budget_extra - actual,
        }
    )


def _average(rows: pd.DataFrame, planned: Exact, rate: Exact) -> Exact:
    """Return for each row the average budgeted pay of its cost centre and month, its own where no post is budgeted."""
    codes = group_codes(rows, _CENTRE)
    return divided(sums_by_row(planned * rate, codes), sums_by_row(planned, codes), rate)

"""Budget: ledger and budget become variances, rollups, phased years and an outlook.

`phasing` says which budget row counts and spreads years over months, `structure` where a cost
centre belonged in a month, `comparison` what a variance and its effect are, `forecast` where the
year is heading, `analysis` puts them together for one entity and one reporting month.
"""

from opsanalytics.budget.analysis import DIMENSIONS, BudgetVariance, budget_variance
from opsanalytics.budget.comparison import (
    COMPLETE,
    EFFECT_SIGN,
    INCOMPLETE,
    is_material,
    missing_months,
    prior_year_actual,
    rollup,
    variance,
)
from opsanalytics.budget.forecast import METHODS, outlook
from opsanalytics.budget.phasing import (
    ORIGINAL,
    PhasedBudget,
    allocate_cents,
    allocate_rows,
    budget_in_force,
    phase_budget,
)
from opsanalytics.budget.structure import placed

__all__ = [
    "COMPLETE",
    "DIMENSIONS",
    "EFFECT_SIGN",
    "INCOMPLETE",
    "METHODS",
    "ORIGINAL",
    "BudgetVariance",
    "PhasedBudget",
    "allocate_cents",
    "allocate_rows",
    "budget_in_force",
    "budget_variance",
    "is_material",
    "missing_months",
    "outlook",
    "phase_budget",
    "placed",
    "prior_year_actual",
    "rollup",
    "variance",
]

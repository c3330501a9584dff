"""Budget: ledger, budget and the tables beside them become variances, their drivers and the outlook.

`analysis` is the table of contents for one entity and one reporting month. `leaves` brings the sides
to one form, `structure` places cost centres, `phasing` says which budget row counts and spreads years
over months (`allocation`), `comparison` says what a variance and its effect are, `amounts` adds up.
`drivers` asks why, `forecasting` where the year is heading and what was forecast before, `ledger`
which lines stand behind it and what has changed since, `commentary` puts it into words.
"""

from opsanalytics.budget.allocation import allocate_cents, allocate_rows
from opsanalytics.budget.amounts import DIMENSIONS
from opsanalytics.budget.analysis import budget_variance
from opsanalytics.budget.commentary import (
    COMMENTED,
    EARLIER,
    NO_AMOUNT,
    STALE,
    comment_state,
    comments_on,
    draft_commentary,
    known_word,
)
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
from opsanalytics.budget.drivers import (
    OVERHEAD_ANALYSES,
    PAYROLL_DRIVERS,
    UNALLOCATED,
    ActivityCosts,
    Explanation,
    activity_costs,
    bridge,
    explain,
    flexible_budget,
    fx_variance,
    mix_yield,
    operating_income,
    overhead_variances,
    pareto,
    payroll_variances,
    price_volume_mix,
    rate_efficiency,
    standard_cost_levels,
    standard_cost_variances,
    unit_costs,
)
from opsanalytics.budget.forecasting import (
    COMBINED,
    METHODS,
    EntityOutlook,
    Outlook,
    backtest_outlook,
    carried_over,
    forecasts_on_record,
    next_months,
    outlook,
)
from opsanalytics.budget.leaves import AS_CURRENT, AS_POSTED, LEAF, WITH, WITHOUT, monthly_plan
from opsanalytics.budget.ledger import (
    ANOMALY_RULES,
    Restatement,
    largest_lines,
    ledger_flags,
    restatements,
)
from opsanalytics.budget.phasing import ORIGINAL, PhasedBudget, budget_in_force, phase_budget
from opsanalytics.budget.result import BudgetVariance
from opsanalytics.budget.structure import placed

__all__ = [
    "ANOMALY_RULES",
    "AS_CURRENT",
    "AS_POSTED",
    "COMBINED",
    "COMMENTED",
    "COMPLETE",
    "DIMENSIONS",
    "EARLIER",
    "EFFECT_SIGN",
    "INCOMPLETE",
    "LEAF",
    "METHODS",
    "NO_AMOUNT",
    "ORIGINAL",
    "OVERHEAD_ANALYSES",
    "PAYROLL_DRIVERS",
    "STALE",
    "UNALLOCATED",
    "WITH",
    "WITHOUT",
    "ActivityCosts",
    "BudgetVariance",
    "EntityOutlook",
    "Explanation",
    "Outlook",
    "PhasedBudget",
    "Restatement",
    "activity_costs",
    "allocate_cents",
    "allocate_rows",
    "backtest_outlook",
    "bridge",
    "budget_in_force",
    "budget_variance",
    "carried_over",
    "comment_state",
    "comments_on",
    "draft_commentary",
    "explain",
    "flexible_budget",
    "forecasts_on_record",
    "fx_variance",
    "is_material",
    "known_word",
    "largest_lines",
    "ledger_flags",
    "missing_months",
    "mix_yield",
    "monthly_plan",
    "next_months",
    "operating_income",
    "outlook",
    "overhead_variances",
    "pareto",
    "payroll_variances",
    "phase_budget",
    "placed",
    "price_volume_mix",
    "prior_year_actual",
    "rate_efficiency",
    "restatements",
    "rollup",
    "standard_cost_levels",
    "standard_cost_variances",
    "unit_costs",
    "variance",
]

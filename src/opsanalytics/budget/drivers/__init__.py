"""Drivers: why a result is off, from units, prices, rates and hours, to the cent.

Each module is one analysis of the field: `flexible` (static, flexible, actual), `sales` (price,
volume, mix), `costing` (rate and efficiency, mix and yield, overhead), `payroll`, `currency`,
`activities`. `bridging` joins factors so that their order does not matter, `causes` asks each input
table about its own part of the result, and `explanation` makes the bridges of them.
"""

from opsanalytics.budget.drivers.activities import UNALLOCATED, ActivityCosts, activity_costs, unit_costs
from opsanalytics.budget.drivers.bridging import bridge, pareto
from opsanalytics.budget.drivers.costing import (
    OVERHEAD_ANALYSES,
    mix_yield,
    overhead_variances,
    rate_efficiency,
    standard_cost_levels,
    standard_cost_variances,
)
from opsanalytics.budget.drivers.currency import fx_variance
from opsanalytics.budget.drivers.explanation import Explanation, explain
from opsanalytics.budget.drivers.flexible import flexible_budget, operating_income
from opsanalytics.budget.drivers.payroll import PAYROLL_DRIVERS, payroll_variances
from opsanalytics.budget.drivers.sales import price_volume_mix

__all__ = [
    "OVERHEAD_ANALYSES",
    "PAYROLL_DRIVERS",
    "UNALLOCATED",
    "ActivityCosts",
    "Explanation",
    "activity_costs",
    "bridge",
    "explain",
    "flexible_budget",
    "fx_variance",
    "mix_yield",
    "operating_income",
    "overhead_variances",
    "pareto",
    "payroll_variances",
    "price_volume_mix",
    "rate_efficiency",
    "standard_cost_levels",
    "standard_cost_variances",
    "unit_costs",
]

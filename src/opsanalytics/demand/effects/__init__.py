"""Effects: what is known about a day apart from its place in the week and the year, and what it did.

`table` holds the special days of a site, `calendar` turns them into columns for linear models of days,
weeks and months, `sizes` says what each event did, `plans` what a planned one would do, `shifts` where a
level changed for good.
"""

from opsanalytics.demand.effects.calendar import CLOSURES, day_regressors, period_regressors, trading_days
from opsanalytics.demand.effects.plans import WhatIf, apply_what_if, what_if
from opsanalytics.demand.effects.shifts import level_shifts
from opsanalytics.demand.effects.sizes import effect_sizes
from opsanalytics.demand.effects.table import (
    EFFECT_COLUMNS,
    closed_calendar,
    closure_days,
    day_effects,
    grouped,
    no_effects,
    regressors,
    seen_at,
)

__all__ = [
    "CLOSURES",
    "EFFECT_COLUMNS",
    "WhatIf",
    "apply_what_if",
    "closed_calendar",
    "closure_days",
    "day_effects",
    "day_regressors",
    "effect_sizes",
    "grouped",
    "level_shifts",
    "no_effects",
    "period_regressors",
    "regressors",
    "seen_at",
    "trading_days",
    "what_if",
]

"""Tables: a result as a frame to be read and as the sentence that answers the question.

Every cell is text already, written by `formats`: money in thousands or millions with its unit in the
head, signs on variances only, "n.a." for what is not there. Names from the data stand in full.
Sentences are made from the result alone; what is only known roughly is rounded roughly, so that the
same data says the same on another machine. What is off says so, and why.
"""

from opsanalytics.tables.budget.answer import known_sentence, off_plan_sentence, variance_sentence
from opsanalytics.tables.budget.comments import comments_sentence, comments_table
from opsanalytics.tables.budget.compared import (
    crossed_table,
    forecast_table,
    off_plan_table,
    result_table,
    variance_table,
)
from opsanalytics.tables.budget.ledger import (
    flags_sentence,
    flags_table,
    largest_table,
    movement_table,
    restated_table,
    restatement_sentence,
)
from opsanalytics.tables.budget.outlook import (
    outlook_accuracy_table,
    outlook_lines_table,
    outlook_sentence,
    outlook_table,
)
from opsanalytics.tables.budget.proof import variance_adds_up
from opsanalytics.tables.budget.why import (
    activity_sentence,
    activity_table,
    bridge_table,
    drivers_table,
    pareto_table,
    why_sentence,
)
from opsanalytics.tables.checks import (
    control_sentence,
    control_table,
    faults_sentence,
    faults_table,
    notes_sentence,
    off_sentence,
    proof_sentence,
    reliance_sentence,
    services,
)
from opsanalytics.tables.demand import (
    accuracy_sentence,
    accuracy_table,
    demand_adds_up,
    demand_sentence,
    demand_table,
)
from opsanalytics.tables.demand_history import (
    anomalies_table,
    effects_sentence,
    effects_table,
    outstanding_sentence,
    planned_sentence,
    shifts_table,
    strength_table,
)
from opsanalytics.tables.demand_value import overrides_table, signals_table, value_sentence, value_table
from opsanalytics.tables.layout import Shown, show
from opsanalytics.tables.staffing import (
    gap_sentence,
    gap_table,
    staffing_adds_up,
    staffing_sentence,
    staffing_table,
)
from opsanalytics.tables.staffing_plan import (
    payroll_sentence,
    payroll_table,
    plan_cost_table,
    risk_table,
    scenario_table,
    sensitivity_table,
    shift_plan_table,
    workforce_sentence,
    workforce_table,
)

__all__ = [
    "Shown",
    "accuracy_sentence",
    "accuracy_table",
    "activity_sentence",
    "activity_table",
    "anomalies_table",
    "bridge_table",
    "comments_sentence",
    "comments_table",
    "control_sentence",
    "control_table",
    "crossed_table",
    "demand_adds_up",
    "demand_sentence",
    "demand_table",
    "drivers_table",
    "effects_sentence",
    "effects_table",
    "faults_sentence",
    "faults_table",
    "flags_sentence",
    "flags_table",
    "forecast_table",
    "gap_sentence",
    "gap_table",
    "known_sentence",
    "largest_table",
    "movement_table",
    "notes_sentence",
    "off_plan_sentence",
    "off_plan_table",
    "off_sentence",
    "outlook_accuracy_table",
    "outlook_lines_table",
    "outlook_sentence",
    "outlook_table",
    "outstanding_sentence",
    "overrides_table",
    "pareto_table",
    "payroll_sentence",
    "payroll_table",
    "plan_cost_table",
    "planned_sentence",
    "proof_sentence",
    "reliance_sentence",
    "restated_table",
    "restatement_sentence",
    "result_table",
    "risk_table",
    "scenario_table",
    "sensitivity_table",
    "services",
    "shift_plan_table",
    "shifts_table",
    "show",
    "signals_table",
    "staffing_adds_up",
    "staffing_sentence",
    "staffing_table",
    "strength_table",
    "value_sentence",
    "value_table",
    "variance_adds_up",
    "variance_sentence",
    "variance_table",
    "why_sentence",
    "workforce_sentence",
    "workforce_table",
]

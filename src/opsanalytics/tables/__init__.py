"""Tables: a result as a frame to be read and as the sentence that answers the question.

Every cell is text already, written by `formats`: money in thousands or millions with its unit in the
head, signs on variances only, "n.a." for what is not there. Names from the data stand in full.
Sentences are made from the result alone; what is only known roughly is rounded roughly, so that the
same data says the same on another machine. What is off says so, and why.
"""

from opsanalytics.tables.budget import (
    off_plan_sentence,
    off_plan_table,
    outlook_sentence,
    outlook_table,
    result_table,
    variance_adds_up,
    variance_sentence,
    variance_table,
)
from opsanalytics.tables.checks import (
    control_sentence,
    control_table,
    faults_sentence,
    faults_table,
    notes_sentence,
    off_sentence,
    proof_sentence,
    services,
)
from opsanalytics.tables.demand import (
    accuracy_sentence,
    accuracy_table,
    demand_adds_up,
    demand_sentence,
    demand_table,
)
from opsanalytics.tables.layout import Shown, show
from opsanalytics.tables.staffing import (
    gap_sentence,
    gap_table,
    staffing_adds_up,
    staffing_sentence,
    staffing_table,
)

__all__ = [
    "Shown",
    "accuracy_sentence",
    "accuracy_table",
    "control_sentence",
    "control_table",
    "demand_adds_up",
    "demand_sentence",
    "demand_table",
    "faults_sentence",
    "faults_table",
    "gap_sentence",
    "gap_table",
    "notes_sentence",
    "off_plan_sentence",
    "off_plan_table",
    "off_sentence",
    "outlook_sentence",
    "outlook_table",
    "proof_sentence",
    "result_table",
    "services",
    "show",
    "staffing_adds_up",
    "staffing_sentence",
    "staffing_table",
    "variance_adds_up",
    "variance_sentence",
    "variance_table",
]

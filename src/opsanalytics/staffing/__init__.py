"""Staffing: how many people the work needs, by interval, day and month, and what they cost.

Volumes become load, load becomes required staff, required staff becomes scheduled staff, hours and
cost, and the roster shows the gap. `queues` holds the telephone queues, `workload` all other work,
`people` those who do it, `standards` what is promised on which date, `forecast` the whole chain,
`planning` the people of the months to come, `cover` the shifts.
"""

from opsanalytics.staffing.analysis import USUAL_SCENARIOS, staffing_analysis, total
from opsanalytics.staffing.cover.patterns import Patterns, shift_patterns, tours
from opsanalytics.staffing.cover.programme import Cover, cover_shifts
from opsanalytics.staffing.cover.week import WeekCover, cover_week
from opsanalytics.staffing.detail import QueueDetail, queue_detail
from opsanalytics.staffing.forecast.chain import staffing_forecast
from opsanalytics.staffing.forecast.change import Change, asked_change
from opsanalytics.staffing.forecast.result import StaffingForecast
from opsanalytics.staffing.people.clock import aggregate_hours, day_intervals, times_on_clock
from opsanalytics.staffing.people.hours import fte, gap, paid_hours, relief_factor, scheduled_staff, shrinkage_of
from opsanalytics.staffing.planning.comparison import alternatives_compared
from opsanalytics.staffing.planning.headcount import headcount_plan
from opsanalytics.staffing.planning.payroll import payroll_comparison
from opsanalytics.staffing.planning.workforce import workforce_plan
from opsanalytics.staffing.queues.curve import level_curve
from opsanalytics.staffing.queues.formulas import (
    abandonment_rate,
    average_speed_of_answer,
    erlang_b,
    erlang_c,
    max_load,
    mean_queue,
    occupancy,
    offered_load,
    service_level,
    still_waiting,
    wait_probability,
    wait_quantile,
)
from opsanalytics.staffing.queues.requirement import required_agents, staffing_quantiles
from opsanalytics.staffing.risk.simulation import staffing_risk
from opsanalytics.staffing.scenarios import scenarios, sensitivity
from opsanalytics.staffing.standards import StaffingError
from opsanalytics.staffing.workload import Backlog, backlog, minimum_capacity, workload_hours, workload_staff

__all__ = [
    "USUAL_SCENARIOS",
    "Backlog",
    "Change",
    "Cover",
    "Patterns",
    "QueueDetail",
    "StaffingError",
    "StaffingForecast",
    "WeekCover",
    "abandonment_rate",
    "aggregate_hours",
    "alternatives_compared",
    "asked_change",
    "average_speed_of_answer",
    "backlog",
    "cover_shifts",
    "cover_week",
    "day_intervals",
    "erlang_b",
    "erlang_c",
    "fte",
    "gap",
    "headcount_plan",
    "level_curve",
    "max_load",
    "mean_queue",
    "minimum_capacity",
    "occupancy",
    "offered_load",
    "paid_hours",
    "payroll_comparison",
    "queue_detail",
    "relief_factor",
    "required_agents",
    "scenarios",
    "scheduled_staff",
    "sensitivity",
    "service_level",
    "shift_patterns",
    "shrinkage_of",
    "staffing_analysis",
    "staffing_forecast",
    "staffing_quantiles",
    "staffing_risk",
    "still_waiting",
    "times_on_clock",
    "total",
    "tours",
    "wait_probability",
    "wait_quantile",
    "workforce_plan",
    "workload_hours",
    "workload_staff",
]

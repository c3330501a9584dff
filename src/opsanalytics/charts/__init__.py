"""Charts: a result as a picture, one figure a call, the axes returned.

Nothing is computed here beyond where a mark stands. The notation is that of IBCS: actual (AC) is
solid and dark, plan (PL) an outline, the prior year (PY) light grey, a forecast (FC) hatched.
Variances are coloured by their effect on the result, in two colours that differ in lightness too,
and always bear their sign. Amounts start at a zero line; panels of one unit have one scale, and one
that cannot says by how much its own differs. The texts above a chart say the message, the measure,
its unit, the entity and the period. Every name from the data is text: shortened to one line, never
read as markup.
"""

from opsanalytics.charts.bridges import bridge, movement
from opsanalytics.charts.budget import outlook_bars, plan_actual_columns, variance_bars
from opsanalytics.charts.causes import heat_map, pareto
from opsanalytics.charts.components import calendar_heat_map, decomposition, seasonal_indices, trend_changes
from opsanalytics.charts.demand import backtest_accuracy, forecast_fan, monthly_volumes, seasonal_shape
from opsanalytics.charts.demand_value import forecast_errors
from opsanalytics.charts.staffing import monthly_cost, monthly_fte, required_staff
from opsanalytics.charts.staffing_cover import gap_heat_map, shift_cover
from opsanalytics.charts.staffing_level import service_level_curve, staffing_risk
from opsanalytics.charts.staffing_plan import headcount_plan, plan_cost, scenario_cost, tornado
from opsanalytics.charts.year import monthly_trend

__all__ = [
    "backtest_accuracy",
    "bridge",
    "calendar_heat_map",
    "decomposition",
    "forecast_errors",
    "forecast_fan",
    "gap_heat_map",
    "headcount_plan",
    "heat_map",
    "monthly_cost",
    "monthly_fte",
    "monthly_trend",
    "monthly_volumes",
    "movement",
    "outlook_bars",
    "pareto",
    "plan_actual_columns",
    "plan_cost",
    "required_staff",
    "scenario_cost",
    "seasonal_indices",
    "seasonal_shape",
    "service_level_curve",
    "shift_cover",
    "staffing_risk",
    "tornado",
    "trend_changes",
    "variance_bars",
]


def load() -> None:
    """Begin to load the drawing library and return at once: it takes a third of a second, while data is read."""
    from threading import Thread

    def loaded() -> None:
        import matplotlib.pyplot  # noqa: F401

    Thread(target=loaded, name="load pyplot").start()

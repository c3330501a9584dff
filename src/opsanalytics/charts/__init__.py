"""Charts: a result as a picture, one figure a call, the axes returned.

Nothing is computed here beyond where a mark stands. The notation is that of IBCS: actual (AC) is
solid and dark, plan (PL) an outline, the prior year (PY) light grey, a forecast (FC) hatched.
Variances are coloured by their effect on the result, in two colours that differ in lightness too,
and always bear their sign. Amounts start at a zero line. The texts above a chart say the message,
the measure, its unit, the entity and the period. Every name from the data is text: shortened to one
line, never read as markup.
"""

from opsanalytics.charts.budget import monthly_trend, outlook_bars, plan_actual_columns, variance_bars
from opsanalytics.charts.demand import backtest_accuracy, forecast_fan, monthly_volumes, seasonal_shape
from opsanalytics.charts.staffing import monthly_cost, monthly_fte, required_staff

__all__ = [
    "backtest_accuracy",
    "forecast_fan",
    "monthly_cost",
    "monthly_fte",
    "monthly_trend",
    "monthly_volumes",
    "outlook_bars",
    "plan_actual_columns",
    "required_staff",
    "seasonal_shape",
    "variance_bars",
]

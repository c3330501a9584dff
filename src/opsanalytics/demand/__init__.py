"""Demand: history in, forecast out, with intervals that were measured and a backtest that says how good it is.

Prophet forecasts months, weeks and days; intervals within the day are days spread by the weekday's
profile. A seasonal naive stands beside it as the yardstick. docs/methods.md has the formulas.
"""

from opsanalytics.demand.frequency import infer_frequency
from opsanalytics.demand.intervals import calibrate
from opsanalytics.demand.panel import backtest, forecast_panel
from opsanalytics.demand.profile import seasonal_profile
from opsanalytics.demand.report import DemandForecast
from opsanalytics.demand.totals import demand_forecast, total

__all__ = [
    "DemandForecast",
    "backtest",
    "calibrate",
    "demand_forecast",
    "forecast_panel",
    "infer_frequency",
    "seasonal_profile",
    "total",
]

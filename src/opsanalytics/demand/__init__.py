"""Demand: history in, forecast out, with intervals that were measured and a backtest that says how good it is.

Months, weeks and days are forecast by several models together; intervals within the day are days spread by the
weekday's profile. A seasonal naive stands beside it as the yardstick. docs/methods.md has the formulas.
"""

from opsanalytics.demand.components import Components, seasonal_indices, strength
from opsanalytics.demand.frequency import infer_frequency
from opsanalytics.demand.inspection import (
    Planned,
    Series,
    closed_days,
    components_of,
    history_of,
    largest,
    planned_event,
)
from opsanalytics.demand.intervals import calibrate
from opsanalytics.demand.panel import backtest, forecast_panel
from opsanalytics.demand.profile import seasonal_profile
from opsanalytics.demand.prophet import prophet_detail
from opsanalytics.demand.result import DemandForecast
from opsanalytics.demand.totals import demand_forecast, total

__all__ = [
    "Components",
    "DemandForecast",
    "Planned",
    "Series",
    "backtest",
    "calibrate",
    "closed_days",
    "components_of",
    "demand_forecast",
    "forecast_panel",
    "history_of",
    "infer_frequency",
    "largest",
    "planned_event",
    "prophet_detail",
    "seasonal_indices",
    "seasonal_profile",
    "strength",
    "total",
]

"""Demand: history in, forecast out, with intervals that were measured and a backtest that says how good it is.

`record` readies the series of an entity, `report` and `totals` make its forecast (`result`); `widths` and `direct` say
how sure sums are. The rooms: `effects` (special days), `models` (what comes next, numbers only), `forecasting`
(panels, intervals), `history` (what a series has been like), `value` (how good forecasts on record were).
docs/methods.md has the formulas.
"""

from opsanalytics.demand.forecasting.intervals import calibrate
from opsanalytics.demand.forecasting.panel import backtest, forecast_panel
from opsanalytics.demand.forecasting.profile import seasonal_profile
from opsanalytics.demand.frequency import infer_frequency
from opsanalytics.demand.history.components import Components, seasonal_indices, strength
from opsanalytics.demand.history.inspection import (
    Planned,
    Series,
    asked_event,
    closed_days,
    components_of,
    history_of,
    largest,
    planned_event,
)
from opsanalytics.demand.history.prophet import prophet_detail
from opsanalytics.demand.result import DemandForecast
from opsanalytics.demand.totals import demand_forecast, total

__all__ = [
    "Components",
    "DemandForecast",
    "Planned",
    "Series",
    "asked_event",
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

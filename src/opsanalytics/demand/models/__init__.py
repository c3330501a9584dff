"""Models: what comes next in series that are on a regular grid, without gaps; numbers only.

`combination` is what the package forecasts months, weeks and days with: exponential smoothing (`smoothing`) and, by
frequency, `theta`, the `additive` model, a `pooled` autoregression or `days`, on series without their effects
(`regression`). `intraday` forecasts the next hours. `naive` is the yardstick. `prophet` is Prophet itself, which the
additive model is held to.
"""

from opsanalytics.demand.models.combination import (
    COMBINATION,
    FAST,
    FULL,
    LAST_VALUE,
    MEAN,
    SMOOTHING,
    Combined,
    Run,
    combined,
)
from opsanalytics.demand.models.history import Floats, History, filled, uses_logs
from opsanalytics.demand.models.intraday import Near
from opsanalytics.demand.models.naive import SEASONAL_NAIVE, seasonal_naive
from opsanalytics.demand.models.regression import Ask, plain

__all__ = [
    "COMBINATION",
    "FAST",
    "FULL",
    "LAST_VALUE",
    "MEAN",
    "SEASONAL_NAIVE",
    "SMOOTHING",
    "Ask",
    "Combined",
    "Floats",
    "History",
    "Near",
    "Run",
    "combined",
    "filled",
    "plain",
    "seasonal_naive",
    "uses_logs",
]

"""Forecasting: where the year is heading, how sure that is, and what past months were forecast to be.

`grid` lays the lines out by month, `methods` are the ways to go on, `scores` tests them on earlier
years, `weights` combines them by that, `outlook` puts them together, and `record` keeps what was
forecast for a month before it came.
"""

from opsanalytics.budget.forecasting.methods import COMBINED, METHODS
from opsanalytics.budget.forecasting.outlook import EntityOutlook, Outlook, backtest_outlook, next_months, outlook
from opsanalytics.budget.forecasting.record import carried_over, forecasts_on_record

__all__ = [
    "COMBINED",
    "METHODS",
    "EntityOutlook",
    "Outlook",
    "backtest_outlook",
    "carried_over",
    "forecasts_on_record",
    "next_months",
    "outlook",
]

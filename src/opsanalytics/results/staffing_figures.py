"""Figures of staffing: hours, people and cost by service and month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.results.form import complete

if TYPE_CHECKING:
    from opsanalytics.staffing import StaffingForecast


def parts(result: StaffingForecast) -> list[pd.DataFrame]:
    """Return the figures of a staffing forecast, part by part."""
    frame = result.monthly.rename(columns={"service": "item"})
    frame = frame.assign(dimension="service", horizon="month", scenario="FC", quantile=0.5)
    found = [
        complete(frame.assign(measure=name, value=frame[name], unit=unit), result, "standards")
        for name, unit in (("required_hours", "hours"), ("required_fte", "FTE"))
    ]
    cents = frame["staff_cost_cents"].astype("Int64")
    cost = frame.assign(
        measure="staff_cost",
        cents=cents,
        value=cents.astype("Float64").astype("float64") / 10**result.minor_digits,
        unit=result.currency,
    )
    return [*found, complete(cost, result, "standards")]

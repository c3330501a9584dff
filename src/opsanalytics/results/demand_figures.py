"""Figures of demand: volumes by month, which months are whole, and the backtest's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.results.form import complete

if TYPE_CHECKING:
    from opsanalytics.demand import DemandForecast


def parts(result: DemandForecast) -> list[pd.DataFrame]:
    """Return the figures of a demand forecast, part by part."""
    return [_volumes(result), _completeness(result), *_scores(result)]


def _volumes(result: DemandForecast) -> pd.DataFrame:
    frame = result.monthly.rename(columns={"service": "item", "volume": "value"})
    return complete(frame.assign(measure="demand", dimension="service", horizon="month"), result, "demand")


def _completeness(result: DemandForecast) -> pd.DataFrame:
    """Which months the data fill to their last open day."""
    frame = result.monthly[result.monthly["scenario"] == "AC"].rename(columns={"service": "item"})
    frame = frame.assign(measure="complete", value=frame["complete"].astype("float64"), unit="flag")
    return complete(frame.assign(dimension="service", horizon="month"), result, "demand")


def _scores(result: DemandForecast) -> list[pd.DataFrame]:
    """The backtest's scores of each model at each frequency, for example "prophet, D"."""
    scores = result.accuracy.rename(columns={"service": "item"})
    scores = scores.assign(dimension="service", dimension2="model", scenario="FC", unit="ratio")
    scores = scores.assign(item2=scores["model"] + ", " + scores["freq"])
    return [
        complete(scores.assign(measure=name, value=scores[name]), result, "demand")
        for name in ("wape", "mase", "bias", "coverage80")
    ]

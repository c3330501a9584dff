"""Form: the columns of the figures table, the same for every report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from opsanalytics.results.record import Result

KEY = [
    "report", "entity", "period", "horizon", "measure", "dimension", "item", "dimension2", "item2",
    "scenario", "reference", "quantile",
]  # fmt: skip
COLUMNS = [*KEY, "value", "cents", "unit", "table"]
_REPORTS: Mapping[str, str] = MappingProxyType(
    {
        "BudgetVariance": "budget_variance",
        "DemandForecast": "seasonal_demand",
        "StaffingForecast": "staffing_forecast",
    }
)
_DTYPES = {"cents": "Int64", "value": "float64", "quantile": "float64"}


def report_of(result: Result) -> str:
    """Name the report that a result belongs to."""
    return _REPORTS[type(result).__name__]


def dtype_of(column: str) -> str:
    """Return the dtype of a column of the figures."""
    return _DTYPES.get(column, "str")


def complete(frame: pd.DataFrame, result: Result, table: str | pd.Series) -> pd.DataFrame:
    """Fill a part up to `COLUMNS`; key columns that are not used are empty, the quantile NaN.

    `table` is the input table that the figures come from, one for all or row by row.
    """
    frame = frame.assign(report=report_of(result), entity=result.entity, table=table)
    unused: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"period": result.period, "cents": pd.NA}
    unused |= dict.fromkeys(("quantile", "value"), np.nan)
    frame = frame.assign(**{name: unused[name] for name in COLUMNS if name not in frame})
    return frame[COLUMNS].astype({name: dtype_of(name) for name in COLUMNS})

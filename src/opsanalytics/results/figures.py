"""Figures: every figure that a report shows, one row each, in one long table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics.results import budget_figures, demand_figures, staffing_figures
from opsanalytics.results.form import COLUMNS, KEY, complete, report_of

if TYPE_CHECKING:
    from opsanalytics.results.record import Result

__all__ = ["COLUMNS", "KEY", "figures"]

#: How each report's result becomes figures; each function takes the result of its own report.
_PARTS: Mapping[str, Callable[[Any], list[pd.DataFrame]]] = {
    "budget_variance": budget_figures.parts,
    "seasonal_demand": demand_figures.parts,
    "staffing_forecast": staffing_figures.parts,
}


def figures(result: Result) -> pd.DataFrame:
    """Return every figure of a result in the design's long form: `COLUMNS`, one row per figure, sorted by `KEY`.

    `value` is a float in the unit named; `cents` the exact money, missing for what is no money.
    """
    parts = _PARTS[report_of(result)](result)
    frame = pd.concat([part for part in parts if not part.empty] or [complete(pd.DataFrame(), result, "")])
    return frame.sort_values(KEY, ignore_index=True)

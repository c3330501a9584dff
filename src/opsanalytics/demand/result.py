"""Result: the frames of a demand forecast, typed also where they hold nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from opsanalytics.demand.forecasting.calibration import bound_names
from opsanalytics.demand.forecasting.intervals import LEVELS
from opsanalytics.periods import Calendar

HISTORY_COLUMNS = ["site", "service", "unit", "freq", "ds", "y"]
FORECAST_COLUMNS = [
    "site",
    "service",
    "unit",
    "freq",
    "cutoff",
    "ds",
    "yhat",
    *bound_names(LEVELS),
    "model",
    "reconstructed",
]
BACKTEST_COLUMNS = ["site", "service", "freq", "model", "cutoff", "ds", "y", "yhat", "lo80", "hi80"]
ACCURACY_COLUMNS = ["site", "service", "freq", "model", "wape", "mase", "smape", "bias", "coverage80", "windows"]
MONTHLY_COLUMNS = [
    *("site", "service", "unit", "period", "scenario", "volume"),
    *("lo80", "hi80", "reconstructed", "complete"),
]
SERIES = ["site", "service"]
EFFECT_SIZE_COLUMNS = [*SERIES, "name", "kind", "days", "effect", "lo80", "hi80"]
ANOMALY_COLUMNS = [*SERIES, "ds", "y", "expected", "z", "direction"]
SHIFT_COLUMNS = [*SERIES, "ds", "size", "z"]
INDEX_COLUMNS = [*SERIES, "season", "position", "name", "index", "lo80", "hi80"]
STRENGTH_COLUMNS = [*SERIES, "component", "strength"]
SPECIAL_DAY_COLUMNS = [*SERIES, "ds", "name", "kind", "known_ahead"]

DIRECT = "direct"  # the summed history forecast as one series, beside the sum of the sites' forecasts

_WORDS = ("site", "service", "unit", "freq", "model", "period", "scenario", "name", "kind", "direction", "season")
_DTYPES = {
    **dict.fromkeys((*_WORDS, "component"), "str"),
    **dict.fromkeys(("ds", "cutoff"), "datetime64[us]"),
    **dict.fromkeys(("reconstructed", "complete", "known_ahead"), "bool"),
    **dict.fromkeys(("days", "position", "windows"), "int64"),
}


def stacked(frames: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return the frames one under the other, typed also where there is no row."""
    kept = [frame[columns] for frame in frames if len(frame)]
    if kept:
        table = pd.concat(kept, ignore_index=True)
    else:
        table = pd.DataFrame({name: pd.Series(dtype=_DTYPES.get(name, "float64")) for name in columns})
    kinds = {name: _DTYPES.get(name, "float64") for name in columns}
    return table.astype({name: kind for name, kind in kinds.items() if table[name].dtype != kind})


@dataclass(frozen=True)
class DemandForecast:
    """One entity's demand: what was, what is expected, how good that is, and what the history says.

    `history`: site, service, unit, freq, ds, y; an intraday series also has its whole days under freq "D".
    `forecasts`: FORECAST_COLUMNS, one row per site, service, freq and ds; an intraday series has its
    intervals under its own freq and, under "D", the days that are their sums.
    Months up to PERIOD are `reconstructed`: made now, with the cutoff before that month.
    `backtest`: BACKTEST_COLUMNS, model and yardstick one under the other, from every cutoff to the last day seen
    (intervals: 13 weeks).
    `accuracy`: ACCURACY_COLUMNS over all rows of the backtest; windows is the number of cutoffs. A series has one row
    for its forecast (model "several models" where the cutoffs differ), one for the yardstick and, where it is a sum of
    sites, one for what the summed history had given as one series (model "direct").
    `monthly`: MONTHLY_COLUMNS; AC is the sum of what is on record, `complete` False where the month is not filled to
    its last open day. FC has the month's 80 % interval (see `month_ranges`), missing where no month was tested.

    What the history says is found up to the last complete month, by day where the series is finer; in that of the
    whole, the rows are those of its sites.
    `effects`: EFFECT_SIZE_COLUMNS, what each holiday, campaign and closure did (see `effect_sizes`), by day only.
    `anomalies`: ANOMALY_COLUMNS, the values far from their one-step-ahead forecasts.
    `shifts`: SHIFT_COLUMNS, where the level changed for good; size in log units.
    `indices`: INDEX_COLUMNS of the seasons; `strength`: STRENGTH_COLUMNS, from 0 to 1.
    `special_days`: SPECIAL_DAY_COLUMNS, the holidays, campaigns and closures of each series by day, also those to
    come.

    `notes`: sentences on what fell back, was left out, or is in progress.
    `week_calendar`: start month, pattern and year end where the periods are weeks, as text; else empty.
    """

    period: str
    entity: str
    history: pd.DataFrame
    forecasts: pd.DataFrame
    backtest: pd.DataFrame
    accuracy: pd.DataFrame
    monthly: pd.DataFrame
    notes: tuple[str, ...]
    week_calendar: tuple[str, ...] = ()
    effects: pd.DataFrame = field(default_factory=partial(stacked, (), EFFECT_SIZE_COLUMNS))
    anomalies: pd.DataFrame = field(default_factory=partial(stacked, (), ANOMALY_COLUMNS))
    shifts: pd.DataFrame = field(default_factory=partial(stacked, (), SHIFT_COLUMNS))
    indices: pd.DataFrame = field(default_factory=partial(stacked, (), INDEX_COLUMNS))
    strength: pd.DataFrame = field(default_factory=partial(stacked, (), STRENGTH_COLUMNS))
    special_days: pd.DataFrame = field(default_factory=partial(stacked, (), SPECIAL_DAY_COLUMNS))

    @property
    def calendar(self) -> Calendar:
        """Return the calendar whose periods the months are."""
        start, pattern, year_end = self.week_calendar or ("1", "monthly", "")
        return Calendar(int(start), pattern, year_end or None)

"""Record: what was forecast for a month before it came, so that the forecast is judged by what was known.

The forecast of a past month is the last one made before it. Each run keeps its outlook and carries the earlier ones of
the fiscal year over to the next run. A month without one on record is forecast now, with the cutoff before it, and
marked as reconstructed: nothing of that month or later goes into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from opsanalytics.budget.leaves import LEAF
from opsanalytics.periods import Calendar, shift

RECORD = [*LEAF, "period", "cents", "cutoff", "reconstructed"]
_KINDS = {**dict.fromkeys([*LEAF, "period", "cutoff"], "str"), "cents": "int64", "reconstructed": "bool"}

#: Cutoffs in, out comes LEAF + period (the month after the cutoff) + cents + cutoff.
Reconstruct = Callable[[Sequence[str]], pd.DataFrame]


def forecasts_on_record(
    record: pd.DataFrame | None, *, period: str, calendar: Calendar, reconstruct: Reconstruct
) -> pd.DataFrame:
    """What was each month of the fiscal year up to `period` last forecast to be before it began?

    `record` (where there is one) holds the forecasts on record, [LEAF, period, cents, cutoff, reconstructed]; it is of
    the whole company, since a month that it holds is taken from it for every site. Of a month's forecasts the one with
    the latest cutoff before the month counts. Months without any are asked of `reconstruct`, with the month before as
    their cutoff. Returns the same columns, sorted; a month that cannot be forecast has no row.
    """
    months = calendar.months(period, "ytd")
    kept = _empty() if record is None else _latest(record, months)
    held = set(kept["period"].unique())
    cutoffs = [shift(month, -1) for month in months if month not in held]
    made = reconstruct(cutoffs).assign(reconstructed=True) if cutoffs else _empty()
    found = pd.concat([_typed(kept), _typed(made)])
    return found.sort_values([*RECORD[:-3], "cents"], ignore_index=True)


def carried_over(forecast: pd.DataFrame, lines: pd.DataFrame, *, period: str) -> pd.DataFrame:
    """What does a run leave to the next one? The forecasts it used for past months, and its own of the months ahead.

    `forecast` is that of a result, `lines` its outlook_lines; returns the columns of `forecast`, sorted.
    """
    ahead = lines[lines["period"] > period].assign(cutoff=period, reconstructed=False)
    return pd.concat([_typed(forecast), _typed(ahead)]).sort_values([*RECORD[:-3], "cents"], ignore_index=True)


def _latest(record: pd.DataFrame, months: Sequence[str]) -> pd.DataFrame:
    """Cut a record to `months` and to the last forecast of each that was made before it."""
    rows = record[record["period"].isin(months) & (record["cutoff"] < record["period"])]
    last = rows.groupby("period")["cutoff"].transform("max")
    return rows[rows["cutoff"] == last]


def _empty() -> pd.DataFrame:
    return _typed(pd.DataFrame(columns=RECORD))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[RECORD].astype(_KINDS)

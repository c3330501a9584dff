"""Structure: to which department and site a cost centre belonged in a month.

As posted, a month keeps the structure it had: when a centre moves, its history stays where it
was, for actuals, budget and prior year alike. As current, every month takes the structure of one
month. Both views add up to the same total.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar

_PLACE = ("department", "site", "name")
_DAYS = 2**22  # more days than any date that pandas holds is from the first


def placed(
    frame: pd.DataFrame, cost_centres: pd.DataFrame, calendar: Calendar, *, at: str | None = None
) -> pd.DataFrame:
    """Return `frame` (with period, cost_centre) with the columns department and site added.

    `cost_centres` is the checked table: cost_centre, valid_from (datetime64), name, department and
    perhaps site. A month takes the assignment in force on its last day (each period's own, or that
    of `at`, the view as current). Outside its validity a centre keeps the last assignment it had
    or, before the first, takes the first; a centre that the table does not hold is "(unassigned)".
    """
    centres = frame["cost_centre"].fillna(UNASSIGNED)
    code, known = pd.factorize(centres)
    if at:
        day: Any = _day(calendar.last_day(at))
    else:
        month, periods = pd.factorize(frame["period"])
        day = np.array([_day(calendar.last_day(period)) for period in periods], dtype=np.int64)[month]
    table = _in_force_from(cost_centres, known)
    row = _row_in_force(table, code, day)
    found = {name: _taken(table[name], row, UNASSIGNED) for name in ("department", "site")}
    return frame.assign(cost_centre=centres, **found)


def centre_names(centres: pd.Series, cost_centres: pd.DataFrame, calendar: Calendar, period: str) -> pd.Series:
    """Return the names that cost centres bear at the end of `period`, in the same shape; one unknown keeps its code."""
    code, known = pd.factorize(centres)
    table = _in_force_from(cost_centres, known)
    row = _row_in_force(table, code, _day(calendar.last_day(period)))
    names = pd.Series(_taken(table["name"], row, None), centres.index)
    return names.where(names.notna(), centres)


def _day(day: dt.date) -> int:
    """Number a day from 1, later ones higher."""
    return day.toordinal()


def _in_force_from(cost_centres: pd.DataFrame, known: pd.Index) -> pd.DataFrame:
    """Return the assignments of the centres `known` in order, each with the key (centre, first day) in force from.

    The first assignment of a centre also holds before it.
    """
    table = cost_centres.reindex(columns=["cost_centre", "valid_from", *_PLACE])
    code = known.get_indexer(pd.Index(table["cost_centre"].fillna(UNASSIGNED)))
    days = table["valid_from"].astype("datetime64[us]").to_numpy().astype("datetime64[D]").astype(np.int64)
    table = table.assign(code=code, day=days + dt.date(1970, 1, 1).toordinal())[code >= 0]
    table = table.sort_values(["code", "day"], kind="stable", ignore_index=True)
    first = ~table["code"].duplicated()
    return table.assign(key=table["code"] * _DAYS + table["day"].mask(first, 0))


def _row_in_force(table: pd.DataFrame, code: npt.NDArray[np.int64], day: Any) -> npt.NDArray[np.int64]:
    """Return for each centre and day the row of the assignment that began last, on or before that day, or -1."""
    row = np.searchsorted(table["key"].to_numpy(), code * _DAYS + day, side="right") - 1
    held = (row >= 0) & (table["code"].reindex(row).to_numpy() == code)
    found: npt.NDArray[np.int64] = np.where(held, row, -1)
    return found


def _taken(column: pd.Series, row: npt.NDArray[np.int64], missing: str | None) -> Any:
    """Take rows of a text column; where there is none, or nothing in it, `missing`."""
    values = column.astype("object").where(column.notna(), missing)
    return pd.array([*values, missing], dtype="str").take(row)

"""Structure: to which department and site a cost centre belonged in a month.

As posted, a month keeps the structure it had: when a centre moves, its history stays where it
was, for actuals, budget and prior year alike. As current, every month takes the structure of one
month. Both views add up to the same total.
"""

from __future__ import annotations

import pandas as pd

from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar

_LONG_AGO = pd.Timestamp("1700-01-01")
_PLACE = ("department", "site", "name")


def placed(
    frame: pd.DataFrame, cost_centres: pd.DataFrame, calendar: Calendar, *, at: str | None = None
) -> pd.DataFrame:
    """Return `frame` (with period, cost_centre) with the columns department and site added.

    `cost_centres` is the checked table: cost_centre, valid_from (datetime64), name, department and
    perhaps site. A month takes the assignment in force on its last day (each period's own, or that
    of `at`, the view as current). Outside its validity a centre keeps the last assignment it had
    or, before the first, takes the first; a centre that the table does not hold is "(unassigned)".
    """
    days = {period: pd.Timestamp(calendar.last_day(period)) for period in ([at] if at else frame["period"].unique())}
    centres = frame["cost_centre"].fillna(UNASSIGNED)
    day = pd.Series(days[at], frame.index) if at else frame["period"].map(days)
    pairs = pd.DataFrame({"cost_centre": centres, "day": day.astype("datetime64[us]")})
    found = _assignments_on(pairs.drop_duplicates(), cost_centres)
    looked_up = pairs.merge(found, on=["cost_centre", "day"], how="left", validate="m:1")
    return frame.assign(
        cost_centre=centres,
        department=looked_up["department"].to_numpy(),
        site=looked_up["site"].to_numpy(),
    ).astype({"department": "str", "site": "str"})


def centre_names(centres: pd.Series, cost_centres: pd.DataFrame, calendar: Calendar, period: str) -> pd.Series:
    """Return the names that cost centres bear at the end of `period`, in the same shape; one unknown keeps its code."""
    pairs = pd.DataFrame({"cost_centre": centres, "day": pd.Timestamp(calendar.last_day(period))})
    pairs["day"] = pairs["day"].astype("datetime64[us]")
    found = _assignments_on(pairs.drop_duplicates(), cost_centres).set_index("cost_centre")["name"]
    names = centres.map(found)
    return names.where(names.notna(), centres)


def _assignments_on(pairs: pd.DataFrame, cost_centres: pd.DataFrame) -> pd.DataFrame:
    """For each cost_centre and day: the assignment that began last, on or before that day."""
    table = cost_centres.reindex(columns=["cost_centre", "valid_from", *_PLACE])
    table = table.assign(cost_centre=table["cost_centre"].fillna(UNASSIGNED))
    table = table.astype({"site": "str", "department": "str"})
    table = table.sort_values(["cost_centre", "valid_from"], kind="stable")
    first = ~table["cost_centre"].duplicated()
    table["valid_from"] = table["valid_from"].astype("datetime64[us]").mask(first, _LONG_AGO)
    found = pd.merge_asof(
        pairs.sort_values("day", kind="stable"),
        table.sort_values("valid_from", kind="stable"),
        left_on="day",
        right_on="valid_from",
        by="cost_centre",
    )
    return found.fillna({"department": UNASSIGNED, "site": UNASSIGNED}).drop(columns="valid_from")

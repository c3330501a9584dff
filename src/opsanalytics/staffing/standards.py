"""Standards: how much work a unit of volume is and what service is promised, on each date.

A standard that cannot be used is a fault of one service, told in a sentence with its remedy; the
other services go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.people.hours import shrinkage_of

METHODS = ("erlang_c", "erlang_a", "workload", "backlog")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEK = 7 * 1440
_NUMBERS = (
    "aht_s",
    "service_level",
    "target_s",
    "patience_s",
    "max_occupancy",
    "concurrency",
    "units_per_hour",
    "sla_days",
    "hours_per_fte",
)

Tables = Mapping[str, pd.DataFrame]


class StaffingError(ValueError):
    """One service cannot be staffed as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Standard:
    """One standard of a service at a site, in force from `valid_from` (None: always) until the next.

    Numbers are NaN where blank. `shrinkage` and `wage_rate` are exact; a blank wage is None.
    """

    site: str
    service: str
    valid_from: pd.Timestamp | None
    method: str
    aht_s: float
    service_level: float
    target_s: float
    patience_s: float
    max_occupancy: float
    concurrency: float
    units_per_hour: float
    sla_days: float
    hours_per_fte: float
    shrinkage: Decimal
    wage_rate: Decimal | None


def standards_of(tables: Tables, site: str, service: str) -> tuple[list[Standard], list[str]]:
    """Return the standards of a service at a site in the order of their dates, checked, and notes on what was assumed.

    Raises StaffingError where there is none, or one lacks what its method needs.
    """
    table = tables.get("standards", pd.DataFrame(columns=["site", "service"]))
    rows = table[(table["site"] == site) & (table["service"] == service)]
    if rows.empty:
        raise StaffingError(f"{service} at {site} has demand but no standard: add a row to standards.")
    categories, notes = _categories(tables, site, service), list[str]()
    found = []
    for row in rows.to_dict("records"):
        share = _shrinkage(row.get("shrinkage"), categories, f"{service} at {site}")
        if share is None:
            notes.append(
                f"{service} at {site} has no shrinkage: paid hours are the hours at work. "
                "Give it in standards or shrinkage."
            )
        found.append(_standard(row, site, service, share if share is not None else Decimal(0)))
    found.sort(key=lambda standard: standard.valid_from or pd.Timestamp.min)
    for standard in found:
        checked(standard)
        if standard.wage_rate is None:
            notes.append(f"{service} at {site} has no wage_rate: its cost is missing. Give it in standards.")
        if np.isnan(standard.hours_per_fte):
            notes.append(f"{service} at {site} has no hours_per_fte: its FTE is missing. Give it in standards.")
    return found, list(dict.fromkeys(notes))


def in_force(standards: list[Standard], days: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Return the position of the standard in force on each day; -1 before the first."""
    starts = pd.DatetimeIndex([standard.valid_from or pd.Timestamp("1678-01-01") for standard in standards])
    return np.asarray(starts.as_unit("us").searchsorted(days.as_unit("us"), side="right") - 1, dtype=np.int64)


def open_at(tables: Tables, site: str, service: str, starts: pd.DatetimeIndex) -> npt.NDArray[np.bool_] | None:
    """Is the service open at each (local) start? None where opening hours are not given, which is always.

    Hours that close at or before they open run past midnight. Raises StaffingError where they overlap.
    """
    windows = _windows(tables, site, service)
    if not windows:
        return None
    minute = np.asarray(starts.day_of_week * 1440 + starts.hour * 60 + starts.minute)
    return np.asarray(np.any([(minute - opens) % _WEEK < length for opens, length in windows], axis=0))


def open_days(tables: Tables, site: str, service: str, days: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
    """Does the service open on each day? Every day where opening hours are not given."""
    windows = _windows(tables, site, service)
    weekdays = {opens // 1440 for opens, _ in windows} if windows else set(range(7))
    return np.isin(np.asarray(days.day_of_week), sorted(weekdays))


def _windows(tables: Tables, site: str, service: str) -> list[tuple[int, int]]:
    """Return (minute of the week that it opens, minutes open), checked for overlap."""
    table = tables.get("opening_hours")
    if table is None:
        return []
    rows = table[(table["site"] == site) & (table["service"] == service)]
    windows = []
    for row in rows.to_dict("records"):
        opens, closes = _minutes(row["opens"]), _minutes(row["closes"])
        windows.append(
            (
                WEEKDAYS.index(str(row["weekday"])) * 1440 + opens,
                closes - opens if closes > opens else closes - opens + 1440,
            )
        )
    windows.sort()
    for (opens, length), (after, _) in zip(
        windows, windows[1:] + [(o + _WEEK, n) for o, n in windows[:1]], strict=True
    ):
        if opens + length > after:
            day = WEEKDAYS[after % _WEEK // 1440]
            raise StaffingError(
                f"The opening hours of {service} at {site} overlap on {day}: mend opens and closes in opening_hours."
            )
    return windows


def _minutes(text: object) -> int:
    hour, minute = str(text).split(":")[:2]
    return int(hour) * 60 + int(minute)


def _categories(tables: Tables, site: str, service: str) -> list[Any]:
    table = tables.get("shrinkage")
    if table is None:
        return []
    rows = table[(table["site"] == site) & (table["service"] == service)]
    return rows["share"].dropna().tolist()


def _shrinkage(single: Any, categories: list[Any], who: str) -> Decimal | None:
    """The sum of the categories where there are any, else the standard's own; None where neither is given."""
    shares = categories or ([] if _missing(single) else [single])
    if not shares:
        return None
    try:
        return shrinkage_of(shares)
    except ValueError as error:
        raise StaffingError(f"{who}: {error}") from None


def _standard(row: Mapping[Any, Any], site: str, service: str, shrinkage: Decimal) -> Standard:
    numbers = {name: float("nan") if _missing(row.get(name)) else float(row[name]) for name in _NUMBERS}
    start: Any = row.get("valid_from")
    wage = row.get("wage_rate")
    return Standard(
        site=site,
        service=service,
        valid_from=None if _missing(start) else pd.Timestamp(start),
        method=str(row.get("method")),
        shrinkage=shrinkage,
        wage_rate=None if _missing(wage) else Decimal(str(wage)),
        **numbers,
    )


def _missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def checked(standard: Standard) -> Standard:
    """Return a standard that can be used; raises StaffingError with the first thing that its method lacks."""
    _check(standard)
    return standard


def _check(standard: Standard) -> None:
    who, remedy = f"{standard.service} at {standard.site}", "in standards"
    if standard.method not in METHODS:
        raise StaffingError(f"{who} has the method '{standard.method}': use one of {', '.join(METHODS)} {remedy}.")
    if standard.hours_per_fte <= 0 or np.isinf(standard.hours_per_fte):
        raise StaffingError(
            f"{who} has an hours_per_fte of {standard.hours_per_fte:g}: give the paid hours of a full-time person "
            f"in a month, for example 160, {remedy}."
        )
    if standard.wage_rate is not None and not 0 <= standard.wage_rate < Decimal("Infinity"):
        raise StaffingError(
            f"{who} has a wage_rate of {standard.wage_rate}: give the cost of a paid hour, 0 or more, {remedy}."
        )
    if not 0 <= standard.shrinkage < 1:
        raise StaffingError(f"{who} has a shrinkage of {standard.shrinkage}: it must be a share from 0 to below 1.")
    if standard.method in ("workload", "backlog") and not standard.units_per_hour > 0:
        raise StaffingError(
            f"{who} needs units_per_hour above zero for the method {standard.method}: give it {remedy}."
        )
    if standard.method == "backlog" and not (standard.sla_days >= 0 and float(standard.sla_days).is_integer()):
        raise StaffingError(
            f"{who} needs sla_days (whole days, 0 for the same day) for the method backlog: give it {remedy}."
        )
    if not standard.method.startswith("erlang"):
        return
    if not standard.aht_s > 0:
        raise StaffingError(f"{who} needs aht_s above zero (the average handling time in seconds): give it {remedy}.")
    if standard.method == "erlang_a" and not standard.patience_s >= 0:
        raise StaffingError(f"{who} needs patience_s for the method erlang_a: give it {remedy}, or use erlang_c.")
    if np.isnan(standard.service_level) and np.isnan(standard.max_occupancy):
        raise StaffingError(f"{who} promises nothing: give service_level with target_s, or max_occupancy, {remedy}.")
    if standard.service_level >= 1 or standard.service_level < 0:
        raise StaffingError(
            f"{who} promises a service level of {standard.service_level:.0%}, which no number of agents keeps: "
            f"ask for less than 1, for example 0.95, {remedy}."
        )
    if not np.isnan(standard.service_level) and not standard.target_s >= 0:
        raise StaffingError(
            f"{who} needs target_s (the seconds within which to answer) beside service_level: give it {remedy}."
        )
    if standard.max_occupancy <= 0 or standard.max_occupancy > 1:
        raise StaffingError(
            f"{who} has a max_occupancy of {standard.max_occupancy:g}: give a share above 0 and up to 1 {remedy}."
        )
    if standard.concurrency < 1:
        raise StaffingError(
            f"{who} has a concurrency of {standard.concurrency:g}: give 1 or more contacts at once {remedy}."
        )

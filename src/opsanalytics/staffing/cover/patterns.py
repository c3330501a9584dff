"""Patterns: the shifts that a place can offer, and the tours that repeat one on consecutive days.

The week is a circle of local clock times, Monday 00:00 first. A shift may run past midnight, and one
of Sunday night ends on Monday.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.numbers import Array
from opsanalytics.staffing.standards import open_at

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
BREAK_AT = (0.4, 0.5, 0.6)
BREAK_FROM_HOURS = 6

_DAY = 1440
_WEEK = 7 * _DAY


@dataclass(frozen=True)
class Patterns:
    """The working patterns of a week.

    `coverage` (scipy sparse, by column) holds the share of each interval (row, Monday 00:00 first) that
    each pattern (column) works; `paid_hours` what one person is paid in the week, by pattern; `table` one
    row a pattern: shift, days ("Mon" or "Mon-Fri"), starts, ends, break_starts (local time; an end at or
    before the start is on the next day; without a break missing), paid_hours.
    """

    coverage: Any
    paid_hours: Array
    table: pd.DataFrame
    interval_minutes: int


@dataclass(frozen=True)
class _Shift:
    """A shift in minutes: first day and start of the day, presence, and the break from its start (-1: none)."""

    day: int
    start: int
    present: int
    break_after: int
    hours: float


def shift_patterns(
    opening: pd.DataFrame | None = None,
    *,
    interval_minutes: int = 30,
    step_minutes: int = 30,
    shift_hours: Sequence[float] = (8, 6, 4),
    break_minutes: int = 30,
    break_at: Sequence[float] = BREAK_AT,
    break_paid: bool = False,
    break_from_hours: float = BREAK_FROM_HOURS,
) -> Patterns:
    """Which shifts can start on each day of the week?

    `opening` holds the opening hours of one service (weekday, opens, closes; None: round the clock); a
    shift lies within them. Shifts start every `step_minutes` from midnight on. `shift_hours` are paid
    hours. Shifts of `break_from_hours` and longer have one break of `break_minutes`, once for each
    position of `break_at`, the share of the work done before it (moved to the nearest interval). An
    unpaid break makes the shift that much longer, a paid one (`break_paid`) lies within its hours.
    Raises ValueError for lengths, steps, breaks and positions that make no shift.
    """
    _refuse_shapes(interval_minutes, step_minutes, shift_hours, break_minutes, break_at)
    opened = _open_minutes(opening)
    ahead = np.concatenate([[0], np.cumsum(np.concatenate([opened, opened]))])
    found = []
    for hours in shift_hours:
        rests = break_minutes > 0 and hours >= break_from_hours
        present = round(hours * 60) + (break_minutes if rests and not break_paid else 0)
        breaks = sorted({_break(present - break_minutes, at, interval_minutes) for at in break_at}) if rests else [-1]
        for start in range(0, _WEEK, step_minutes):
            if ahead[start + present] - ahead[start] == present:
                day, minute = divmod(start, _DAY)
                found += [_Shift(day, minute, present, after, float(hours)) for after in breaks]
    columns = [_worked(shift, break_minutes, interval_minutes) for shift in found]
    table = pd.DataFrame([_described(shift) for shift in found], columns=_COLUMNS).astype(_TYPES)
    return Patterns(_stacked(columns, _WEEK // interval_minutes), _paid(table), table, interval_minutes)


def tours(daily: Patterns, days_on: int = 5) -> Patterns:
    """Which weeks can somebody work: the same shift on `days_on` consecutive days, from any day on?

    `daily` are the shifts of the days (`shift_patterns`). A tour is there where its shift is there on each
    of its days; the week is a circle, so that Sat-Wed is one. Raises ValueError unless `days_on` is 1 to 7.
    """
    if days_on not in range(1, 8):
        raise ValueError(f"days_on is {days_on}: give a whole number of days from 1 to 7.")
    kinds = ["shift", "starts", "break_starts"]
    rows, picked = [], []
    for _, alike in daily.table.groupby(kinds, sort=False, dropna=False):
        at = {DAYS.index(str(day)): int(place) for place, day in alike["days"].items()}  # type: ignore[call-overload]
        firsts = range(7) if days_on < 7 else range(1)
        for first in firsts:
            days = [(first + on) % 7 for on in range(days_on)]
            if all(day in at for day in days):
                picked.append([at[day] for day in days])
                name = DAYS[first] if days_on == 1 else f"{DAYS[first]}-{DAYS[days[-1]]}"
                rows.append(alike.iloc[0].to_dict() | {"days": name, "paid_hours": daily.paid_hours[picked[-1]].sum()})
    table = pd.DataFrame(rows, columns=_COLUMNS).astype(_TYPES)
    columns = [np.asarray(daily.coverage[:, days].sum(axis=1)).ravel() for days in picked]
    return Patterns(_stacked(columns, daily.coverage.shape[0]), _paid(table), table, daily.interval_minutes)


_COLUMNS = ["shift", "days", "starts", "ends", "break_starts", "paid_hours"]
_TYPES = dict.fromkeys(_COLUMNS[:-1], "str") | {"paid_hours": "float64"}


def _refuse_shapes(
    interval_minutes: int,
    step_minutes: int,
    shift_hours: Sequence[float],
    break_minutes: int,
    break_at: Sequence[float],
) -> None:
    for name, minutes in (("interval_minutes", interval_minutes), ("step_minutes", step_minutes)):
        if minutes not in range(1, _DAY + 1) or _DAY % minutes:
            raise ValueError(f"{name} is {minutes}: give whole minutes that divide a day, for example 30.")
    if not len(shift_hours) or not all(0 < hours <= 24 for hours in shift_hours):
        raise ValueError(f"shift_hours are {tuple(shift_hours)}: give lengths above 0 and up to 24 hours.")
    if break_minutes < 0 or int(break_minutes) != break_minutes:
        raise ValueError(f"break_minutes is {break_minutes:g}: give whole minutes, 0 for no break.")
    if not len(break_at) or not all(0 < at < 1 for at in break_at):
        raise ValueError(f"break_at is {tuple(break_at)}: give shares of the work between 0 and 1, 0.5 for the middle.")


def _open_minutes(opening: pd.DataFrame | None) -> npt.NDArray[np.bool_]:
    if opening is None:
        return np.ones(_WEEK, dtype=bool)
    if opening.empty:
        return np.zeros(_WEEK, dtype=bool)
    minutes = pd.date_range("2024-01-01", periods=_WEEK, freq="min")  # a Monday
    opened = open_at({"opening_hours": opening.assign(site="", service="")}, "", "", minutes)
    return np.zeros(_WEEK, dtype=bool) if opened is None else opened


def _break(work: int, at: float, interval: int) -> int:
    """Return the minutes before the break: a share of the work, moved to the nearest interval."""
    if work <= 0:
        raise ValueError("break_minutes are as long as the shift: give a shorter break or longer shift_hours.")
    return min(round(work * at / interval) * interval, work)


def _worked(shift: _Shift, break_minutes: int, interval: int) -> Array:
    minutes = np.arange(shift.present)
    if shift.break_after >= 0:
        minutes = minutes[(minutes < shift.break_after) | (minutes >= shift.break_after + break_minutes)]
    at = (shift.day * _DAY + shift.start + minutes) % _WEEK // interval
    return np.bincount(at, minlength=_WEEK // interval) / interval


def _described(shift: _Shift) -> tuple[Any, ...]:
    rest = None if shift.break_after < 0 else _clock(shift.start + shift.break_after)
    ends = _clock(shift.start + shift.present)
    return f"{shift.hours:g} h", DAYS[shift.day], _clock(shift.start), ends, rest, shift.hours


def _clock(minute: int) -> str:
    hour, rest = divmod(minute % _DAY, 60)
    return f"{hour:02d}:{rest:02d}"


def _paid(table: pd.DataFrame) -> Array:
    return table["paid_hours"].to_numpy(dtype=np.float64)


def _stacked(columns: list[Array], intervals: int) -> Any:
    from scipy import sparse

    return sparse.csc_array(np.stack(columns, axis=1) if columns else np.zeros((intervals, 0)))

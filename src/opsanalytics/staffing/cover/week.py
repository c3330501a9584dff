"""Week: which shifts would cover what one week requires, and where it stays short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.cover.patterns import BREAK_AT, Patterns, shift_patterns, tours
from opsanalytics.staffing.cover.programme import Cover, cover_shifts
from opsanalytics.staffing.numbers import Array, refuse
from opsanalytics.staffing.standards import WEEKDAYS

SHIFTS = ["shift", "days", "starts", "ends", "break_starts", "staff", "paid_hours"]


@dataclass(frozen=True)
class WeekCover:
    """The shifts that cover a week, and what they cover.

    `shifts`: shift, days, starts, ends, break_starts (local time), staff, and the paid hours of them all;
    one row for each pattern that somebody works. `covered`: ds, required, covered, short (people), one row
    for each interval given. `objective` wages and the price of being short, in the currency of the wage;
    `lower_bound` no plan with these patterns can cost less; `mip_gap` the gap between the two as a share of
    the objective. `paid_hours`, `short_hours` (people short times hours), and `spare_share`, the share of the
    hours worked that lie above the requirement, NaN where nobody works.
    """

    shifts: pd.DataFrame
    covered: pd.DataFrame
    objective: float
    lower_bound: float
    mip_gap: float
    paid_hours: float
    short_hours: float
    spare_share: float


def cover_week(
    required: npt.ArrayLike,
    starts: Any,
    wage_rate: float,
    *,
    opening: pd.DataFrame | None = None,
    interval_minutes: int | None = None,
    step_minutes: int = 30,
    shift_hours: Sequence[float] = (8, 6, 4),
    break_minutes: int = 30,
    break_at: Sequence[float] = BREAK_AT,
    break_paid: bool = False,
    days_on: int = 5,
    understaff_price: float = 10,
    time_limit_s: float = 10,
    gap: float = 0.01,
) -> WeekCover:
    """Which shifts would cover the people that one week requires?

    `required` (or scheduled) people by interval, `starts` their local starts, within seven days, in any
    order. The length of an interval is the shortest step unless `interval_minutes` gives it. `opening`
    holds the opening hours of the service (weekday, opens, closes); without them each weekday is open from
    its first to its last interval that requires somebody. `wage_rate` for a paid hour; an hour that one
    person is short costs `understaff_price` wages, so that there always is an answer, and what no shift
    reaches is shown as short. The other arguments are those of `shift_patterns`, `tours` and `cover_shifts`.
    Shifts go by the clock: where it shows an hour twice, a shift works both rows; an hour that it skips has no row.
    Raises ValueError for missing or negative people, wage or price, and for rows that are not one week.
    """
    people = np.asarray(required, dtype=np.float64).ravel()
    times = _local(starts)
    refuse(~((people >= 0) & np.isfinite(people)), "required", people, "is negative or missing: give 0 for nobody.")
    for name, value in (("wage_rate", wage_rate), ("understaff_price", understaff_price)):
        given = np.asarray([value], dtype=np.float64)
        refuse(~((given >= 0) & np.isfinite(given)), name, given, "is negative or missing: give zero or more.")
    if times.size != people.size:
        raise ValueError(f"There are {people.size} required and {times.size} starts: give one start for each.")
    if not (people > 0).any():
        return _nobody(people, times)
    minutes = _interval(times) if interval_minutes is None else interval_minutes
    place = _places(times, minutes)
    daily = shift_patterns(
        _opened(place[people > 0], minutes) if opening is None else opening,
        interval_minutes=minutes,
        step_minutes=step_minutes,
        shift_hours=shift_hours,
        break_minutes=break_minutes,
        break_at=break_at,
        break_paid=break_paid,
    )
    patterns = tours(daily, days_on)
    works = patterns.coverage.tocsr()[place].tocsc()
    # In hours of one wage: what is least does not depend on the wage.
    cover = cover_shifts(
        people,
        works,
        patterns.paid_hours,
        understaff_cost=understaff_price * minutes / 60,
        time_limit_s=time_limit_s,
        gap=gap,
    )
    return _answer(cover, patterns, works @ cover.staff, people, times, float(wage_rate))


def _answer(
    cover: Cover, patterns: Patterns, working: Array, people: Array, times: pd.DatetimeIndex, wage: float
) -> WeekCover:
    used = cover.staff > 0
    staff = cover.staff[used].astype(np.float64)
    shifts = patterns.table[used].assign(staff=staff, paid_hours=staff * patterns.paid_hours[used])
    order = pd.Categorical(shifts["days"].str[:3], [day[:3] for day in WEEKDAYS])
    shifts = shifts.assign(_day=order).sort_values(["_day", "starts", "shift", "break_starts"], kind="stable")
    hours = patterns.interval_minutes / 60
    spare = float(np.maximum(working - people, 0).sum())
    total = float(working.sum())
    return WeekCover(
        shifts[SHIFTS].reset_index(drop=True),
        _covered(times, people, working, cover.uncovered),
        cover.objective * wage,
        cover.lower_bound * wage,
        cover.mip_gap,
        float(shifts["paid_hours"].sum()),
        float(cover.uncovered.sum()) * hours,
        spare / total if total > 0 else math.nan,
    )


def _nobody(people: Array, times: pd.DatetimeIndex) -> WeekCover:
    shifts = pd.DataFrame({name: pd.Series(dtype="str" if name in SHIFTS[:5] else "float64") for name in SHIFTS})
    none = np.zeros(people.size)
    return WeekCover(shifts, _covered(times, people, none, none), 0.0, 0.0, 0.0, 0.0, 0.0, math.nan)


def _covered(times: pd.DatetimeIndex, people: Array, working: Array, short: Array) -> pd.DataFrame:
    frame = pd.DataFrame({"ds": times.as_unit("us"), "required": people, "covered": working, "short": short})
    return frame.sort_values("ds", kind="stable", ignore_index=True)


def _local(starts: Any) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(starts)
    if times.isna().any():
        raise ValueError("A start is missing: give the start of each interval.")
    return times if times.tz is None else times.tz_localize(None)


def _interval(times: pd.DatetimeIndex) -> int:
    steps = np.diff(np.sort(times.as_unit("s").asi8))
    if not (steps > 0).any():
        raise ValueError("The length of the intervals cannot be seen from one start: give interval_minutes.")
    return int(steps[steps > 0].min()) // 60


def _places(times: pd.DatetimeIndex, minutes: int) -> npt.NDArray[np.int64]:
    """Return the place of each row on the circle of the week, Monday 00:00 first."""
    if times.max() - times.min() >= pd.Timedelta(days=7):
        raise ValueError(f"The rows run from {times.min()} to {times.max()}: give the rows of one week, seven days.")
    of_week = times.day_of_week * 1440 + times.hour * 60 + times.minute
    if minutes <= 0 or 1440 % minutes or (of_week % minutes).any() or times.second.any():
        raise ValueError(
            f"The starts are not {minutes} minutes apart on the clock: give starts by hour or half hour, "
            "or the length of an interval as interval_minutes."
        )
    return np.asarray(of_week // minutes, dtype=np.int64)


def _opened(place: npt.NDArray[np.int64], minutes: int) -> pd.DataFrame:
    """Return opening hours: each weekday from its first to its last interval in `place`."""
    first = pd.Series(place * minutes).groupby(place * minutes // 1440).agg(["min", "max"])
    rows = [
        (WEEKDAYS[day], _text(opens - day * 1440), _text(last + minutes - day * 1440))
        for day, opens, last in zip(first.index.tolist(), first["min"].tolist(), first["max"].tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["weekday", "opens", "closes"])


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"

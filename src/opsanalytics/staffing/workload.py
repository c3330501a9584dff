"""Work that does not queue by the second: units per hour, backlog and deadlines."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.numbers import Array, arrays, exact_ceiling, plain, refuse


def workload_hours(units: npt.ArrayLike, units_per_hour: npt.ArrayLike) -> Any:
    """How many hours of work are so many units? units / units per hour, not rounded.

    Raises ValueError for negative or missing units, or a standard not above zero.
    """
    work, pace = _units(units, units_per_hour)
    return plain(work / pace)


def workload_staff(
    units: npt.ArrayLike,
    units_per_hour: npt.ArrayLike,
    hours: npt.ArrayLike = 1.0,
    utilisation: npt.ArrayLike = 1.0,
) -> Any:
    """How many people handle so many units, each working `hours` of which a share `utilisation` is on the work?

    The exact ceiling of units / (units per hour * hours * utilisation); int64 of the common shape
    (int for scalars). No units need nobody.
    Raises ValueError as `workload_hours`, for hours not above zero, and for a utilisation outside (0, 1].
    """
    _units(units, units_per_hour)
    span, share = arrays(hours, utilisation)
    refuse(~(span > 0), "hours", span, "is missing or not above zero: give the hours one person works.")
    refuse(~((share > 0) & (share <= 1)), "utilisation", share, "must lie above 0 and up to 1, for example 0.85.")
    people = exact_ceiling([units], [units_per_hour, hours, utilisation])
    return int(people) if np.ndim(people) == 0 else people.astype(np.int64)


def _units(units: npt.ArrayLike, units_per_hour: npt.ArrayLike) -> tuple[Array, Array]:
    work, pace = arrays(units, units_per_hour)
    refuse(~(work >= 0), "units", work, "is negative or missing: give the units of work, 0 for none.")
    refuse(
        ~(pace > 0),
        "units_per_hour",
        pace,
        "is missing or not above zero: give the units one person handles in an hour.",
    )
    return work, pace


@dataclass(frozen=True)
class Backlog:
    """What first in, first out did with the work.

    `processed` and `waiting` are units by period (done in it; left at its end). `late_units` were
    done later than their deadline, `overdue_units` are still open at the end and already past it;
    `oldest_age` is the age in periods of the oldest unit left at the end (0 when none is left).
    """

    processed: Array
    waiting: Array
    late_units: float
    overdue_units: float
    oldest_age: int


def backlog(arrivals: npt.ArrayLike, capacity: npt.ArrayLike, sla_periods: int) -> Backlog:
    """What is done, left and late when work is done first in, first out?

    `arrivals` and `capacity` are units by period (capacity may be one number); work can be done in
    the period it arrives, and is in time up to `sla_periods` periods later.
    Raises ValueError for negative or missing values, or periods that are not whole.
    """
    work, room = _series(arrivals, "arrivals"), np.broadcast_to(_series(capacity, "capacity"), np.shape(arrivals))
    sla = _whole_periods(sla_periods)
    processed, left = np.zeros(work.size), np.zeros(work.size)
    open_units, oldest, late = work.copy(), 0, 0.0
    for period in range(work.size):
        spare = room[period]
        while oldest <= period and spare > 0:
            done = min(spare, open_units[oldest])
            open_units[oldest] -= done
            spare -= done
            processed[period] += done
            late += done if period - oldest > sla else 0.0
            if open_units[oldest] > 0:
                break
            oldest += 1
        left[period] = open_units[oldest : period + 1].sum()
    overdue = float(open_units[: max(work.size - 1 - sla, 0)].sum())
    waiting = np.flatnonzero(open_units > 0)
    return Backlog(processed, left, late, overdue, int(work.size - 1 - waiting[0]) if waiting.size else 0)


def minimum_capacity(arrivals: npt.ArrayLike, sla_periods: int, open_periods: npt.ArrayLike | None = None) -> float:
    """What constant capacity a period finishes all work by its deadline, first in, first out?

    The largest of (work that arrives from i to j) / (periods from i to j + sla): that work has no
    more time than that. `open_periods` (booleans) leaves out the periods in which nobody works;
    work due in a closed stretch is due at its end instead, at the next open period. Periods after
    the last count as open. Raises ValueError for negative or missing values, or periods that are not whole.
    """
    work, sla = _series(arrivals, "arrivals"), _whole_periods(sla_periods)
    if not work.size:
        return 0.0
    working = np.ones(work.size, dtype=bool) if open_periods is None else np.asarray(open_periods, dtype=bool)
    ahead = np.concatenate([working, np.ones(sla + 1, dtype=bool)])
    opened = np.concatenate([[0], np.cumsum(ahead)])  # open periods before each
    total = np.concatenate([[0.0], np.cumsum(work)])
    due = opened[1 + sla : 1 + sla + work.size]  # open periods up to j + sla
    best = 0.0
    for first in range(work.size):
        time = np.maximum(due[first:] - opened[first], 1)
        best = max(best, float(np.max((total[first + 1 :] - total[first]) / time)))
    return best


def _whole_periods(sla_periods: float) -> int:
    periods = np.asarray(sla_periods, dtype=np.float64)
    refuse(~(periods >= 0), "sla_periods", periods, "is negative or missing: give 0 or more periods.")
    refuse(periods != np.rint(periods), "sla_periods", periods, "is not whole: give 0, 1, 2 or more periods.")
    refuse(np.isinf(periods), "sla_periods", periods, "is no deadline: give a finite number of periods.")
    return int(periods)


def _series(values: npt.ArrayLike, name: str) -> Array:
    series = np.asarray(values, dtype=np.float64)
    refuse(~(series >= 0), name, series, "is negative or missing: give zero or more units.")
    return series


def rolling_capacity(
    arrivals: npt.ArrayLike, sla_periods: int, open_periods: npt.NDArray[np.bool_], stretches: npt.NDArray[Any]
) -> Array:
    """What capacity, constant within each stretch (a month), finishes all work by its deadline?

    Each stretch gets the `minimum_capacity` of its own arrivals together with what the stretch
    before left undone, which keeps its deadlines. Returns the capacity by period; it is used in
    open periods only. Shapes agree; `stretches` names the stretch of each period, in order.
    """
    work = _series(arrivals, "arrivals")
    capacity = np.zeros(work.size)
    carried: list[tuple[int, float]] = []  # (period of arrival, units)
    starts = (
        np.flatnonzero(np.concatenate([[True], stretches[1:] != stretches[:-1]]))
        if work.size
        else np.zeros(0, dtype=int)
    )
    for start, end in itertools.pairwise([*starts.tolist(), work.size]):
        ahead = open_periods[start : end + sla_periods]
        own = minimum_capacity(work[start:end], sla_periods, open_periods[start:end])
        before = _catch_up(
            work[start:end], sla_periods, ahead, [(arrived - start, units) for arrived, units in carried]
        )
        capacity[start:end] = max(own, before)
        queue = carried + [(day, float(work[day])) for day in range(start, end)]
        carried = _left(queue, capacity[start:end] * open_periods[start:end], start)
    return capacity


def _catch_up(work: Array, sla: int, ahead: npt.NDArray[np.bool_], carried: list[tuple[int, float]]) -> float:
    """Capacity that the carried units need, alone and with what arrives after them."""
    if not carried:
        return 0.0
    opened = np.cumsum(np.concatenate([ahead, np.ones(max(work.size + sla - ahead.size, 0), dtype=bool)]))
    needs, total = [0.0], 0.0
    for arrived, units in carried:
        total += units
        needs.append(total / max(int(opened[arrived + sla]), 1) if arrived + sla >= 0 else total)
    later = (total + np.cumsum(work)) / np.maximum(opened[sla : sla + work.size], 1)
    return float(max(*needs, *later))


def _left(queue: list[tuple[int, float]], capacity: Array, start: int) -> list[tuple[int, float]]:
    """Work through the queue first in, first out; return what is left."""
    waiting = list(queue)
    for offset, spare in enumerate(capacity.tolist()):
        room = spare * (1 + 1e-12)
        while waiting and waiting[0][0] <= start + offset and room > 0:
            arrived, units = waiting[0]
            if units > room:
                waiting[0] = (arrived, units - room)
                break
            room -= units
            waiting.pop(0)
    return waiting

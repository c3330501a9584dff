"""Outcomes: how much of the work is done in time by the people who are there, by run and by row of the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.numbers import Array
from opsanalytics.staffing.queues import formulas

_LOW = 0.1  # the quantile over runs that `attained_low` is
_SLACK = 1e-9  # a promise kept exactly is kept, whatever the last bit says
_EXACT = 30_000  # as many queues are solved one by one; of more, a table is made
_NODES, _REACH = 129, 6.0  # loads of the table, within so many roots of the agents around their number
_FACTORS = 0.1  # how far the table's handling times lie apart, as a share, at most

#: Solves queues: what is asked of each number of agents, load and factor of the handling time.
Solver = Callable[[Array, Array, Array], Array]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """What became of the work, runs by rows: `volume`, what was `done` in time, and the `room` there was for it.

    `room` is what counts when rows are looked at together: with a queue what was not answered in time cannot be made
    up; work of one day can be done on another of the month.
    """

    volume: Array
    done: Array
    room: Array

    def some(self, rows: Bools | Ints) -> Outcome:
        """Return what became of some of the rows."""
        return Outcome(self.volume[:, rows], self.done[:, rows], self.room[:, rows])


def answered(
    volume: Array, agents: Array, factor: Array, seconds: Array, aht: float, target: float, patience: float
) -> Outcome:
    """Which volume is answered within `target` seconds? Erlang C, or Erlang A where `patience` is finite.

    All by runs and rows but the length of the rows in `seconds`; `agents` are the contacts that can be held at once.
    The handling time is `factor` times `aht`. With Erlang C nobody is answered in time where the load is not below
    the agents.
    """
    load = volume * aht * factor / seconds
    endless = not np.isfinite(patience)

    def solved(staff: Array, erlangs: Array, times: Array) -> Array:
        level = formulas.service_level(staff, erlangs, aht * times, target, None if endless else patience)
        return np.asarray(level, dtype=np.float64)

    share = _asked(solved, agents, load, factor, endless)
    return Outcome(volume, volume * share, volume * share)


def occupied(
    volume: Array, agents: Array, factor: Array, seconds: Array, aht: float, most: float, patience: float
) -> Outcome:
    """Which volume comes in intervals whose agents are busy for the share `most` of their time, or less?

    As `answered`. Occupancy = load x (1 - abandonment) / agents; with Erlang C, where nobody hangs up, a load that is
    not below the agents keeps none. The room is the volume that would bring them to `most`.
    """
    load = volume * aht * factor / seconds
    stays = np.ones(load.shape)
    if np.isfinite(patience):

        def solved(staff: Array, erlangs: Array, times: Array) -> Array:
            return 1 - np.asarray(formulas.abandonment_rate(staff, erlangs, aht * times, patience), dtype=np.float64)

        stays = _asked(solved, agents, load, factor, endless=False)
    served, able = load * stays, agents * most
    kept = (agents > 0) & (served <= able * (1 + _SLACK))
    if not np.isfinite(patience):
        kept &= load < agents
    room = volume * np.divide(able, served, out=np.zeros(load.shape), where=served > 0)
    return Outcome(volume, volume * kept, room)


def fitting(volume: Array, capacity: Array) -> Outcome:
    """Which volume can be worked in the row in which it arrives?"""
    return Outcome(volume, np.minimum(volume, capacity), capacity)


def in_time(volume: Array, capacity: Array, due: Ints) -> Outcome:
    """Which volume is worked by its deadline, first in, first out? Columns are all days in their order.

    Work of day i is due at the end of day `due`[i]; days due after the last column are not judged: they come back with
    no volume.
    """
    arrived = np.cumsum(volume, axis=1)
    worked = np.empty(arrived.shape)
    so_far = np.zeros(len(arrived))
    for day in range(arrived.shape[1]):
        so_far = np.minimum(arrived[:, day], so_far + capacity[:, day])
        worked[:, day] = so_far
    judged = due < arrived.shape[1]
    by_deadline = worked[:, np.where(judged, due, 0)]
    done = np.clip(by_deadline - (arrived - volume), 0.0, volume) * judged
    return Outcome(volume * judged, done, done)


def measures(outcome: Outcome, promise: Array, month: npt.NDArray[Any]) -> dict[str, float]:
    """Return what is attained, its low quantile over the runs, and how often intervals and months miss the promise.

    `promise` and `month` belong to the rows. What a month promises is what its rows do, weighed by their volume. Rows
    and months without volume are not counted; NaN where none has any.
    """
    volume, done = outcome.volume, outcome.done
    busy = volume > 0
    missed = busy & (done < volume * promise * (1 - _SLACK))
    months = [month == number for number in np.unique(month)]
    whole, fits, asked = (
        np.stack([part[:, own].sum(axis=1) for own in months], axis=1)
        for part in (volume, outcome.room, volume * promise)
    )
    attained = _share(done.sum(axis=1), volume.sum(axis=1))
    known = attained[~np.isnan(attained)]
    return {
        "attained": _mean(known),
        "attained_low": float(np.quantile(known, _LOW)) if known.size else float("nan"),
        "intervals_missed": _mean(_share(missed.sum(axis=1), busy.sum(axis=1))),
        "months_missed": _mean((fits < asked * (1 - _SLACK))[whole > 0]),
    }


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Array:
    """Return part / whole, NaN where there is none."""
    found = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _mean(values: npt.NDArray[Any]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _asked(solve: Solver, agents: Array, load: Array, factor: Array, endless: bool) -> Array:
    """Solve each queue that has agents and a load, many of them from a table; 0 for the others."""
    found = np.zeros(load.shape)
    line = (agents > 0) & (load > 0)
    own = agents[line], load[line], np.broadcast_to(factor, load.shape)[line]
    found[line] = solve(*own) if load.size <= _EXACT else _looked_up(solve, *own, endless)
    return found


def _looked_up(solve: Solver, agents: Array, load: Array, factor: Array, endless: bool) -> Array:
    """Read what is asked from a table of numbers of agents, loads and handling times, between its nodes in a line.

    The loads of a number n of agents lie within 6 roots of n around it (below it, where patience is `endless`); a load
    beyond is solved by itself. Lines differ from the formula by less than 0.003.
    """
    if not len(agents):
        return np.empty(0)
    place, staff = pd.factorize(agents, sort=True)  # faster than numpy's unique, which sorts all
    reach = _REACH * np.sqrt(staff)
    first, last = np.maximum(staff - reach, 0.0), staff + (0.0 if endless else reach)
    step = (last - first) / (_NODES - 1)
    times = np.linspace(factor.min(), factor.max(), int(np.ceil(np.ptp(factor) / _FACTORS)) + 1)
    nodes = first[:, None] + step[:, None] * np.arange(_NODES)
    shape = (len(staff), _NODES, len(times))
    many, heavy, slow = (
        np.broadcast_to(part, shape).ravel() for part in (staff[:, None, None], nodes[:, :, None], times)
    )
    table = solve(many, heavy, slow)
    along = np.clip((load - first[place]) / step[place], 0.0, _NODES - 1)
    across = (factor - times[0]) / (times[1] - times[0]) if len(times) > 1 else np.zeros(len(load))
    left, near = np.minimum(along.astype(np.int64), _NODES - 2), np.minimum(across.astype(np.int64), len(times) - 2)
    near = np.maximum(near, 0)
    along, across = along - left, across - near
    origin = (place * _NODES + left) * len(times) + near
    beside = min(len(times) - 1, 1)
    lower, upper = (
        (1 - across) * table[origin + row] + across * table[origin + row + beside] for row in (0, len(times))
    )
    found = np.asarray((1 - along) * lower + along * upper)
    beyond = load > last[place]
    if not endless and beyond.any():
        found[beyond] = solve(agents[beyond], load[beyond], factor[beyond])
    return np.where(beyond & endless, 0.0, found)

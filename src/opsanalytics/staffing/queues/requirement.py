"""Required agents: the smallest number that keeps every promise made to the caller.

A promise (criterion) may be given for all rows or row by row, NaN where a row does not have it.
Without patience the queue is Erlang C: one Erlang B value just above the load and its exact
recursion upward on the rows not yet satisfied. With patience it is Erlang A: a bracket that
doubles outward from the load, then bisection. Either way the answer n meets every criterion and
n - 1 does not, or is unstable.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from opsanalytics.staffing.numbers import Array, arrays, plain, refuse, refuse_times, refuse_volume
from opsanalytics.staffing.queues import formulas
from opsanalytics.staffing.queues.formulas import DEFINITIONS, Queue

_SLACK = 1 + 1e-12  # a criterion met exactly is met, whatever the last bit says
_NOISE = 1e-9  # how far from a whole number a quotient of floats may stray
_MOST = 1e7  # erlangs or agents: more than that is a mistake in the units
_ROWS_AT_ONCE = 16_384  # so many rows stay in the processor's cache
_PARTS_TO_SHARE = 4

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = dict[str, Array]


def required_agents(
    volume: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    interval_s: npt.ArrayLike,
    *,
    service_level: npt.ArrayLike | None = None,
    target_s: npt.ArrayLike | None = None,
    max_wait_probability: npt.ArrayLike | None = None,
    max_asa_s: npt.ArrayLike | None = None,
    max_occupancy: npt.ArrayLike | None = None,
    patience_s: npt.ArrayLike | None = None,
    max_abandonment: npt.ArrayLike | None = None,
    minimum: npt.ArrayLike = 0,
    definition: str = "served_of_offered",
) -> Any:
    """How many agents does each interval need?

    `volume` contacts arrive in an interval of `interval_s` seconds and take `aht_s` seconds each;
    the criteria are a service level within `target_s` seconds, a highest probability of waiting, a
    longest mean wait, a highest occupancy and a highest abandonment (which needs `patience_s`).
    All arguments broadcast; the answer is int64 of their shape (int where all are scalars). No
    volume needs `minimum` agents (none by default), any other at least one: without agents there is
    no speed of answer and no occupancy. Where `patience_s` is left out or NaN nobody hangs up and the
    answer is above the load (stable).
    Raises ValueError, with a remedy, where a row has no criterion, a service level of 1 or more
    (no number of agents promises that), a criterion outside its range, a negative, missing or
    infinite volume, a handling time not above zero, or a load above ten million erlangs.
    """
    if definition not in DEFINITIONS:
        raise ValueError(f"definition '{definition}' is unknown: use one of {', '.join(DEFINITIONS)}.")
    names = (
        "volume",
        "aht",
        "interval",
        "level",
        "target",
        "wait",
        "asa",
        "occupancy",
        "patience",
        "abandonment",
        "minimum",
    )
    values = arrays(
        volume, aht_s, interval_s, service_level, target_s, max_wait_probability, max_asa_s,
        max_occupancy, patience_s, max_abandonment, minimum,
    )  # fmt: skip
    shape = values[0].shape
    rows: Rows = {name: value.reshape(-1) for name, value in zip(names, values, strict=True)}
    _check(rows)
    rows["load"] = _load(rows)
    rows["target"] = np.minimum(rows["target"], formulas.FOREVER)
    agents = np.ceil(rows["minimum"]).astype(np.int64)
    endless = np.isnan(rows["patience"]) | np.isinf(rows["patience"])
    for some, search in ((endless, _erlang_c), (~endless, _erlang_a)):
        _fill(agents, np.flatnonzero(some & (rows["load"] > 0)), rows, partial(search, definition=definition))
    return agents.reshape(shape) if shape else int(agents[0])


def _fill(agents: Ints, chosen: npt.NDArray[np.intp], rows: Rows, search: Callable[[Rows], Ints]) -> None:
    """Fill in the agents of the chosen rows, part by part; many parts share the cores (numpy lets go of the GIL)."""
    parts = [chosen[start : start + _ROWS_AT_ONCE] for start in range(0, chosen.size, _ROWS_AT_ONCE)]

    def one(part: npt.NDArray[np.intp]) -> None:
        agents[part] = search({name: value[part] for name, value in rows.items()})

    if len(parts) < _PARTS_TO_SHARE:
        for part in parts:
            one(part)
        return
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, len(parts))) as pool:
        list(pool.map(one, parts))  # a list, so that an error of a part is raised here


def staffing_quantiles(
    mean: npt.ArrayLike,
    sd: npt.ArrayLike,
    quantile: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    interval_s: npt.ArrayLike,
    **criteria: Any,
) -> tuple[Any, Any]:
    """How many agents cover the volume that is exceeded only with probability 1 - `quantile`?

    The volume is normal with this mean and standard deviation, never below zero. Returns (volume,
    agents) in the common shape; `criteria` as in `required_agents`.
    Raises ValueError for a quantile not inside (0, 1), a negative spread, else as `required_agents`.
    """
    centre, spread, share = arrays(mean, sd, quantile)
    refuse(~((share > 0) & (share < 1)), "quantile", share, "must lie between 0 and 1, for example 0.8.")
    refuse(
        ~(spread >= 0), "sd", spread, "is negative or missing: give the standard deviation of the volume, 0 for none."
    )
    volume = np.maximum(centre + spread * special.ndtri(share), 0.0)
    return plain(volume), required_agents(volume, aht_s, interval_s, **criteria)


def _check(rows: Rows) -> None:
    refuse_volume(rows["volume"])
    refuse_times(aht_s=rows["aht"], interval_s=rows["interval"])
    refuse(~(rows["minimum"] >= 0), "minimum", rows["minimum"], "is negative or missing: give 0 or more agents.")
    refuse(rows["minimum"] > _MOST, "minimum", rows["minimum"], "is no number of agents: give a smaller one.")
    refuse(rows["level"] >= 1, "service_level", rows["level"],
           "cannot be promised by any number of agents: ask for less than 1, for example 0.95.")  # fmt: skip
    refuse(rows["level"] < 0, "service_level", rows["level"], "is negative: give a share from 0 to below 1.")
    refuse(~np.isnan(rows["level"]) & ~(rows["target"] >= 0), "target_s", rows["target"],
           "is negative or missing: a service level needs the seconds within which to answer.")  # fmt: skip
    for key, name in (
        ("wait", "max_wait_probability"),
        ("asa", "max_asa_s"),
        ("occupancy", "max_occupancy"),
        ("abandonment", "max_abandonment"),
    ):
        refuse(rows[key] <= 0, name, rows[key], "is not above zero: no number of agents reaches that.")
    for key, name, sentence in (
        ("wait", "max_wait_probability", "is above 1: give a share of those who call, for example 0.2."),
        ("occupancy", "max_occupancy", "is above 1: give a share of the agents' time, for example 0.85."),
        ("abandonment", "max_abandonment", "is above 1: give a share of those who call, for example 0.05."),
    ):
        refuse(rows[key] > 1, name, rows[key], sentence)
    refuse(
        rows["patience"] < 0,
        "patience_s",
        rows["patience"],
        "is negative: give the mean patience in seconds, or leave it out.",
    )
    refuse(~np.isnan(rows["abandonment"]) & np.isnan(rows["patience"]), "max_abandonment", rows["abandonment"],
           "needs patience_s: without patience nobody hangs up.")  # fmt: skip
    criteria = np.array([rows[key] for key in ("level", "wait", "asa", "occupancy", "abandonment")])
    if criteria.size and np.isnan(criteria).all(axis=0).any():
        raise ValueError(
            "No criterion: give a service level with its target, a waiting probability, a mean wait, "
            "an occupancy or an abandonment."
        )


def _load(rows: Rows) -> Array:
    """Return the erlangs of each row, and refuse what no queue has."""
    with np.errstate(over="ignore", under="ignore"):
        load = rows["volume"] * rows["aht"] / rows["interval"]
        crowd = load / rows["occupancy"]
    units = "erlangs is beyond any queue: check the units of volume, aht_s and interval_s."
    refuse(load > _MOST, "The load of", load, units)
    refuse(crowd > 100 * _MOST, "max_occupancy", rows["occupancy"], "is too low: give a share, for example 0.85.")
    return load


def _erlang_c(rows: Rows, definition: str) -> Ints:
    """Climb from the smallest stable number with B(n+1) = aB / (n + 1 + aB)."""
    load = rows["load"]
    crowd = np.where(np.isnan(rows["occupancy"]), 0.0, load / rows["occupancy"])
    agents = np.maximum.reduce([np.floor(_settled(load)) + 1, np.ceil(_settled(crowd)), np.ceil(rows["minimum"])])
    miss = np.where(np.isnan(rows["level"]), np.inf, 1 - rows["level"]) * _SLACK
    pace = np.where(np.isnan(rows["level"]), 0.0, rows["target"] / rows["aht"])
    wait = np.where(np.isnan(rows["wait"]), np.inf, rows["wait"]) * _SLACK
    asa = np.where(np.isnan(rows["asa"]), np.inf, rows["asa"] / rows["aht"]) * _SLACK
    answer = agents.copy()
    blocking = np.asarray(formulas.erlang_b(agents, load))
    active = np.arange(load.size)
    with np.errstate(under="ignore"):
        while active.size:
            spare = agents - load
            delayed = agents * blocking / (spare + load * blocking)
            met = (delayed <= wait) & (delayed * np.exp(-spare * pace) <= miss) & (delayed <= asa * spare)
            answer[active[met]] = agents[met]
            left = np.flatnonzero(~met)
            active, load, agents, blocking = active[left], load[left], agents[left] + 1, blocking[left]
            miss, pace, wait, asa = miss[left], pace[left], wait[left], asa[left]
            blocking = load * blocking / (agents + load * blocking)
    return np.asarray(answer, dtype=np.int64)


def _erlang_a(rows: Rows, definition: str) -> Ints:
    """Bracket the answer outward from the load, then halve: `low` fails (or is below the minimum), `high` holds."""
    floor = np.maximum(np.ceil(rows["minimum"]), 1.0)
    low, high = floor - 1, np.full(floor.shape, np.inf)
    probe, step = np.maximum(np.ceil(rows["load"]), floor), np.ones(floor.shape)
    active = np.arange(floor.size)
    while active.size:
        some = {name: value[active] for name, value in rows.items()}
        met = _keeps(some, probe[active], definition)
        high[active[met]], low[active[~met]] = probe[active[met]], probe[active[~met]]
        active = active[high[active] - low[active] > 1]
        open_top, reach = np.isinf(high[active]), step[active]
        untried = low[active] < floor[active]
        middle = np.floor((low[active] + np.where(open_top, 0.0, high[active])) / 2)
        down = np.maximum(high[active] - reach, floor[active])
        probe[active] = np.where(open_top, low[active] + reach, np.where(untried, down, middle))
        step[active] *= 2
    return high.astype(np.int64)


def _keeps(rows: Rows, agents: Array, definition: str) -> Bools:
    """Does this number of agents keep every promise of its row?"""
    target = np.where(np.isnan(rows["level"]), 0.0, rows["target"])
    queue = formulas.steady_state(agents, rows["load"], rows["aht"], rows["patience"], target)
    kept = np.ones(agents.shape, dtype=bool)
    measures = {
        "wait": _delayed,
        "asa": formulas.mean_wait,
        "occupancy": formulas.busy_share,
        "abandonment": formulas.abandoned,
    }
    for key, measure in measures.items():
        asked = ~np.isnan(rows[key])
        if asked.any():
            kept &= ~asked | (measure(queue) <= rows[key] * _SLACK)
    asked = ~np.isnan(rows["level"])
    if asked.any():
        kept &= ~asked | (1 - formulas.level(queue, target, definition) <= (1 - rows["level"]) * _SLACK)
    return kept


def _delayed(queue: Queue) -> Array:
    return queue.delayed


def _settled(values: Array) -> Array:
    """Put a number that floats have nudged off a whole number back on it."""
    nearest = np.round(values)
    return np.where(np.abs(values - nearest) <= _NOISE * np.maximum(nearest, 1), nearest, values)

"""Queues: what callers meet when so many agents face so much load.

Erlang B (no waiting), Erlang C (everybody waits) and Erlang A (people lose patience after an
exponential time), for agents that need not be whole, over arrays of any shape: the arguments
broadcast and the answer has their common shape (a float where all are scalars). Load is in
erlangs, times are in seconds, shares are between 0 and 1.

`patience_s` None, NaN or infinite means that nobody hangs up: Erlang C. There an unstable queue
(agents not above the load) is no error: everybody waits, nobody is served in time, the wait is
infinite. Patience of zero is Erlang B: who cannot be served at once is lost.

Sources: Erlang (1917) in the form of Gross & Harris, Fundamentals of Queueing Theory; Palm (1957)
and Mandelbaum & Zeltyn, Service engineering in action: the Palm/Erlang-A queue (2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from opsanalytics.staffing.numbers import Array, arrays, plain, refuse, refuse_times, refuse_volume
from opsanalytics.staffing.queues.special import log_upper_ratio, waiting

DEFINITIONS = ("served_of_offered", "short_abandons_excluded")
FOREVER = 1e200  # seconds: as good as an endless target, without infinity times zero
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(23)])  # the powers that a double holds exactly


def offered_load(volume: npt.ArrayLike, aht_s: npt.ArrayLike, interval_s: npt.ArrayLike) -> Any:
    """How much work arrives: erlangs = volume * average handling time / interval length.

    The noise of floats behind the fifteenth digit is dropped, so that 0.001 calls of 180 s in half
    an hour are 0.0001 erlangs.
    Raises ValueError for a negative, missing or infinite volume, a handling time or interval not above zero.
    """
    contacts, handling, interval = arrays(volume, aht_s, interval_s)
    refuse_volume(contacts)
    refuse_times(aht_s=handling, interval_s=interval)
    return plain(_fifteen_digits(contacts * handling / interval))


def erlang_b(agents: npt.ArrayLike, load: npt.ArrayLike) -> Any:
    """What share is turned away where nobody can wait? Erlang's loss formula, continued to real agents.

    Raises ValueError for negative agents or load.
    """
    staff, erlangs = _staff_and_load(agents, load)
    return plain(_blocking(staff, erlangs))


def max_load(agents: npt.ArrayLike, blocking: npt.ArrayLike) -> Any:
    """Which load can the agents carry with no more than this share turned away? Erlang B inverted.

    Bisection on the logarithm of the load; relative error below 1e-13. Zero agents carry nothing.
    Raises ValueError unless 0 < blocking < 1 and agents >= 0.
    """
    staff, share = arrays(agents, blocking)
    refuse(~((share > 0) & (share < 1)), "blocking", share, "must lie between 0 and 1, for example 0.01.")
    refuse(~((staff >= 0) & np.isfinite(staff)), "agents", staff, "is no finite number of zero or more: give that.")
    low, high = np.full(staff.shape, -745.0), np.log((staff + 1) / (1 - share))
    for _ in range(70):
        middle = (low + high) / 2
        over = _blocking(staff, np.exp(middle)) > share
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return plain(np.where(staff > 0, np.exp((low + high) / 2), 0.0))


def erlang_c(agents: npt.ArrayLike, load: npt.ArrayLike) -> Any:
    """What share has to wait where nobody hangs up? Erlang's delay formula, continued to real agents.

    One where the agents are not more than a load above zero. Raises ValueError as `erlang_b`.
    """
    staff, erlangs = _staff_and_load(agents, load)
    return plain(delay_probability(staff, erlangs, _blocking(staff, erlangs)))


def service_level(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    target_s: npt.ArrayLike,
    patience_s: npt.ArrayLike | None = None,
    definition: str = "served_of_offered",
) -> Any:
    """What share is answered within `target_s`?

    `served_of_offered`: answered within the target out of all who call, so that a hang-up is a
    miss. `short_abandons_excluded`: those who hang up within the target are left out of the base.
    The two agree where nobody hangs up.
    Raises ValueError for an unknown definition, negative agents, load, target or patience, or a
    handling time not above zero.
    """
    queue = _queue(agents, load, aht_s, patience_s, target_s=target_s)
    return plain(_answered(queue, queue.target, definition))


def wait_probability(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike = 1.0,
    patience_s: npt.ArrayLike | None = None,
) -> Any:
    """What share finds everybody busy? Erlang C, or Erlang A with patience. Raises as `service_level`."""
    return plain(_queue(agents, load, aht_s, patience_s).delayed)


def still_waiting(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    target_s: npt.ArrayLike,
    patience_s: npt.ArrayLike | None = None,
) -> Any:
    """What share of all who call is still waiting, not yet gone, after `target_s`? Raises as `service_level`."""
    queue = _queue(agents, load, aht_s, patience_s, target_s=target_s)
    return plain(_still_waiting(queue, queue.target))


def abandonment_rate(
    agents: npt.ArrayLike, load: npt.ArrayLike, aht_s: npt.ArrayLike, patience_s: npt.ArrayLike | None = None
) -> Any:
    """What share hangs up before it is served? Zero without patience. Raises as `service_level`."""
    return plain(abandoned(_queue(agents, load, aht_s, patience_s)))


def average_speed_of_answer(
    agents: npt.ArrayLike, load: npt.ArrayLike, aht_s: npt.ArrayLike, patience_s: npt.ArrayLike | None = None
) -> Any:
    """How long is the mean wait, in seconds, over all who call (who wait nothing and who hang up included)?

    Infinite where Erlang C is unstable. Raises as `service_level`.
    """
    return plain(mean_wait(_queue(agents, load, aht_s, patience_s)))


def mean_queue(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike = 1.0,
    patience_s: npt.ArrayLike | None = None,
) -> Any:
    """How many wait on average? Little's law: arrivals per second times the mean wait. Raises as `service_level`."""
    queue = _queue(agents, load, aht_s, patience_s)
    with np.errstate(invalid="ignore"):
        waiting_now = queue.load / queue.handling * mean_wait(queue)
    return plain(np.where(queue.load > 0, waiting_now, 0.0))


def occupancy(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike = 1.0,
    patience_s: npt.ArrayLike | None = None,
) -> Any:
    """What share of their time are agents busy? Load served per agent, at most 1, and 0 without load.

    Raises as `service_level`.
    """
    return plain(busy_share(_queue(agents, load, aht_s, patience_s)))


def wait_quantile(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    quantile: npt.ArrayLike,
    patience_s: npt.ArrayLike | None = None,
) -> Any:
    """Within how many seconds does a share `quantile` of all who call stop waiting (served or gone)?

    In closed form for Erlang C (infinite where unstable), by bisection for Erlang A.
    Raises ValueError unless 0 <= quantile < 1, else as `service_level`.
    """
    queue = _queue(agents, load, aht_s, patience_s, quantile=quantile)
    refuse(
        ~((queue.target >= 0) & (queue.target < 1)),
        "quantile",
        queue.target,
        "must lie from 0 to below 1, for example 0.9.",
    )
    tail = 1 - queue.target
    with np.errstate(divide="ignore", invalid="ignore"):
        steady = queue.handling / (queue.agents - queue.load) * np.log(queue.delayed / tail)
        unstable = (queue.agents <= queue.load) & (queue.load > 0)
        wait = np.where(queue.delayed <= tail, 0.0, np.where(unstable, np.inf, steady))
    if queue.patient.all():
        return plain(wait)
    low, high = np.zeros(tail.shape), np.where(queue.patient, 0.0, queue.patience * -np.log(tail))
    for _ in range(100):
        middle = (low + high) / 2
        long = _still_waiting(queue, middle) > tail
        low, high = np.where(long, middle, low), np.where(long, high, middle)
    return plain(np.where(queue.patient | (queue.delayed <= tail), wait, high))


@dataclass(frozen=True)
class Queue:
    """A queue in its steady state, all arrays of one shape.

    `delayed` is the share that finds everybody busy; `lost` the share of those that hangs up;
    `patient` where nobody hangs up; `target` the seconds (or share) that the question is about.
    """

    agents: Array
    load: Array
    handling: Array
    patience: Array
    target: Array
    patient: npt.NDArray[np.bool_]
    delayed: Array
    log_sum: Array
    lost: Array


def steady_state(agents: Array, load: Array, handling: Array, patience: Array, target: Array) -> Queue:
    """Solve the queue for checked arrays of one shape (patience infinite: Erlang C)."""
    patient = np.isinf(patience)
    blocking = _blocking(agents, load)
    delayed = np.array(delay_probability(agents, load, blocking))
    log_sum, lost = np.zeros(agents.shape), np.zeros(agents.shape)
    impatient = ~patient
    if impatient.any():
        rate = patience[impatient] / handling[impatient]
        log_sum[impatient], lost[impatient] = waiting(agents[impatient] * rate, load[impatient] * rate)
        idle, full = np.exp(-log_sum[impatient]), blocking[impatient]
        delayed[impatient] = np.where(load[impatient] > 0, full / (idle + (1 - idle) * full), 0.0)
    return Queue(agents, load, handling, patience, target, patient, delayed, log_sum, lost)


def answered_within(queue: Queue, seconds: Array) -> Array:
    """Share of all who call that is answered within `seconds`; a hang-up is a miss."""
    with np.errstate(over="ignore", invalid="ignore"):
        late = np.where(queue.patient, _decay(queue, seconds), 0.0)
    impatient = ~queue.patient
    if impatient.any():
        late = np.array(late)
        late[impatient] = queue.lost[impatient] + _outlasting(queue, seconds, impatient, served=1)
    return np.clip(1 - queue.delayed * late, 0.0, 1.0)


def abandoned(queue: Queue) -> Array:
    """Share of all who call that hangs up."""
    return queue.delayed * queue.lost


def mean_wait(queue: Queue) -> Array:
    """Mean wait in seconds over all who call: with patience, the share that hangs up times the patience."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steady = np.where(
            queue.agents > queue.load, queue.delayed * queue.handling / (queue.agents - queue.load), np.inf
        )
        wait = np.where(queue.patient, steady, abandoned(queue) * np.where(queue.patient, 0.0, queue.patience))
    return np.where(queue.load > 0, wait, 0.0)


def busy_share(queue: Queue) -> Array:
    """Share of their time that agents are busy."""
    with np.errstate(divide="ignore", invalid="ignore"):
        busy = np.minimum(queue.load * (1 - abandoned(queue)) / queue.agents, 1.0)
    return np.where(queue.load > 0, np.where(queue.agents > 0, busy, 1.0), 0.0)


def delay_probability(agents: Array, load: Array, blocking: Array) -> Array:
    """Erlang C from Erlang B: nB / (n - a(1 - B)); 1 where unstable, 0 without load."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = agents * blocking / (agents - load * (1 - blocking))
    return np.where(load > 0, np.where(agents > load, share, 1.0), 0.0)


def level(queue: Queue, seconds: Array, definition: str) -> Array:
    """Service level of a solved queue by one of the DEFINITIONS."""
    return _answered(queue, seconds, definition)


def _answered(queue: Queue, seconds: Array, definition: str) -> Array:
    if definition not in DEFINITIONS:
        raise ValueError(f"definition '{definition}' is unknown: use one of {', '.join(DEFINITIONS)}.")
    served = answered_within(queue, seconds)
    if definition == "served_of_offered" or queue.patient.all():
        return served
    base = served + _still_waiting(queue, seconds)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(base > 0, served / base, np.where(queue.agents > 0, 1.0, 0.0))
    return np.where(queue.patient, served, share)


def _still_waiting(queue: Queue, seconds: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        late = np.where(queue.patient, _decay(queue, seconds), 0.0)
    impatient = ~queue.patient
    if impatient.any():
        late = np.array(late)
        late[impatient] = _outlasting(queue, seconds, impatient, served=0)
    return queue.delayed * late


def _decay(queue: Queue, seconds: Array) -> Array:
    """Without hang-ups, the share of those who wait that waits longer: exp(-(n - a) t / handling time)."""
    spare = np.maximum(queue.agents - queue.load, 0.0)
    return np.exp(-spare * seconds / queue.handling)


def _outlasting(queue: Queue, seconds: Array, where: npt.NDArray[np.bool_], served: int) -> Array:
    """Of those who have to wait and may hang up, the share still there after `seconds` (and `served` later, if 1).

    With x, y as in `waiting`, f = exp(-t/p) and P the regularised incomplete gamma function it is f P(x, yf) / P(x, y)
    for all who are still there and (x/y) P(x + 1, yf) / P(x, y) for those served later. With agents to spare P
    underflows: there it goes by `waiting` and the decay w, in which a long patience subtracts nothing large.
    """
    wait, patience, handling = seconds[where], queue.patience[where], queue.handling[where]
    agents, load, log_sum = queue.agents[where], queue.load[where], queue.log_sum[where]
    with np.errstate(divide="ignore", invalid="ignore"):
        spent = np.where(wait > 0, wait / patience, 0.0)
        slowed = np.where(spent > 0, -np.expm1(-spent) / spent, 1.0)
        slowed = np.where(np.isinf(spent), 0.0, slowed)
    fade, decay = np.exp(-spent), (load * slowed - agents) * wait / handling
    x, y = agents * patience / handling, load * patience / handling
    crowded = y > x
    spacious = ~crowded
    share = np.empty(x.shape)
    with np.errstate(under="ignore"):
        if crowded.any():
            some, more, left = x[crowded], y[crowded], fade[crowded]
            share[crowded] = special.gammainc(some + served, more * left) / special.gammainc(some, more)
            share[crowded] *= some / more if served else left
        if spacious.any():
            some, more, left = x[spacious], y[spacious], fade[spacious]
            ahead, _ = waiting(some + served, more * left)
            share[spacious] = left * np.exp(ahead - log_sum[spacious] + decay[spacious])
            share[spacious] *= some / (some + 1) if served else 1.0
    return share


def _queue(
    agents: npt.ArrayLike,
    load: npt.ArrayLike,
    aht_s: npt.ArrayLike,
    patience_s: npt.ArrayLike | None,
    **question: npt.ArrayLike,
) -> Queue:
    """Check and broadcast the arguments and solve the queue; `question` names the seconds or share asked about."""
    name, asked = next(iter(question.items()), ("target_s", 0.0))
    staff, erlangs, handling, patience, target = arrays(agents, load, aht_s, patience_s, asked)
    _staff_and_load(staff, erlangs)
    refuse_times(aht_s=handling)
    refuse(~(target >= 0), name, target, "is negative or missing: give zero or more.")
    refuse(patience < 0, "patience_s", patience, "is negative: give the mean patience in seconds, or leave it out.")
    endless = np.where(np.isnan(patience), np.inf, patience)
    return steady_state(staff, erlangs, handling, endless, np.minimum(target, FOREVER))


def _staff_and_load(agents: npt.ArrayLike, load: npt.ArrayLike) -> tuple[Array, Array]:
    staff, erlangs = arrays(agents, load)
    refuse(~((staff >= 0) & np.isfinite(staff)), "agents", staff, "is no finite number of zero or more: give that.")
    refuse(
        ~((erlangs >= 0) & np.isfinite(erlangs)),
        "load",
        erlangs,
        "is negative or missing: give the erlangs, 0 for none.",
    )
    return staff, erlangs


def _blocking(agents: Array, load: Array) -> Array:
    with np.errstate(under="ignore", divide="ignore", invalid="ignore"):
        share = np.exp(-log_upper_ratio(agents, load))
    return np.where(load > 0, np.minimum(share, 1.0), np.where(agents > 0, 0.0, 1.0))


def _fifteen_digits(values: Array) -> Array:
    """Round to fifteen significant digits where a double holds the power of ten that this takes."""
    with np.errstate(divide="ignore"):
        digits = 14 - np.floor(np.log10(values))
    held = (digits >= 0) & (digits < _POWERS_OF_TEN.size)
    scale = _POWERS_OF_TEN[np.where(held, digits, 0).astype(np.int64)]
    below = np.floor(values * scale)
    low, high = below / scale, (below + 1) / scale  # the product is rounded too, so that a tie is told by the quotients
    return np.where(held, np.where(values - low < high - values, low, high), values)

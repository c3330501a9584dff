"""Queues: the fewest agents really are the fewest, more never harms, and a simulation of calls agrees."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from opsanalytics import staffing
from opsanalytics.staffing.queues.curve import COLUMNS, level_curve
from opsanalytics.staffing.queues.formulas import DEFINITIONS

QUICK = settings(max_examples=60, deadline=None)
HALF_HOUR = 1800.0
TINY = 1e-9  # what floats may add

# --- the fewest agents ----------------------------------------------------------------------

log_loads = st.floats(math.log(0.01), math.log(10_000)).map(math.exp)
handling = st.floats(20, 3600)
targets = st.one_of(st.just(0.0), st.floats(1, 3600))
definitions = st.sampled_from(DEFINITIONS)


def sometimes(values: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    """Give a value or NaN: a row that does not ask for this."""
    return st.just(math.nan) | values


@st.composite
def rows(draw: st.DrawFn, patience: st.SearchStrategy[float]) -> dict[str, float]:
    """One interval with promises of its own, at least one of them."""
    row = {
        "load": draw(log_loads),
        "aht_s": draw(handling),
        "patience_s": draw(patience),
        "service_level": draw(sometimes(st.floats(0.01, 0.999))),
        "target_s": draw(targets),
        "max_wait_probability": draw(sometimes(st.floats(0.001, 1))),
        "max_asa_s": draw(sometimes(st.floats(0.1, 600))),
        "max_occupancy": draw(sometimes(st.floats(0.2, 1))),
        "max_abandonment": draw(sometimes(st.floats(0.001, 1))),
        "minimum": draw(st.integers(0, 3)),
    }
    if math.isnan(row["patience_s"]):
        row["max_abandonment"] = math.nan
    asked = ("service_level", "max_wait_probability", "max_asa_s", "max_occupancy", "max_abandonment")
    if all(math.isnan(row[name]) for name in asked):
        row["service_level"] = 0.8
    return row


endless = st.sampled_from([math.nan, math.inf])
impatient = st.one_of(st.just(0.0), st.floats(1, 1e5))


def frame_of(some: list[dict[str, float]]) -> pd.DataFrame:
    """Put the rows into a frame, with the volume that makes the load."""
    frame = pd.DataFrame(some).astype(float)
    return frame.assign(volume=frame["load"] * HALF_HOUR / frame["aht_s"])


def required(frame: pd.DataFrame, definition: str) -> npt.NDArray[np.int64]:
    """Ask for the agents of all rows at once."""
    criteria = {name: frame[name] for name in frame.columns.drop(["load", "volume", "aht_s"])}
    agents = staffing.required_agents(frame["volume"], frame["aht_s"], HALF_HOUR, definition=definition, **criteria)
    return np.asarray(agents)


def kept(frame: pd.DataFrame, agents: npt.ArrayLike, definition: str, slack: float) -> npt.NDArray[np.bool_]:
    """Say which rows keep every promise with so many agents, a promise being wider by a share `slack`."""
    staff = np.asarray(agents, dtype=float)
    load, aht, patience = (frame[name].to_numpy() for name in ("load", "aht_s", "patience_s"))
    level = staffing.service_level(staff, load, aht, frame["target_s"], patience, definition)
    found = {
        "max_wait_probability": staffing.wait_probability(staff, load, aht, patience),
        "max_asa_s": staffing.average_speed_of_answer(staff, load, aht, patience),
        "max_occupancy": staffing.occupancy(staff, load, aht, patience),
        "max_abandonment": staffing.abandonment_rate(staff, load, aht, patience),
    }
    missed = 1 - level > (1 - frame["service_level"].to_numpy()) * (1 + slack) + slack * 1e-3
    for name, values in found.items():
        missed |= values > frame[name].to_numpy() * (1 + slack)
    return np.asarray(~missed)


def assert_fewest(frame: pd.DataFrame, agents: npt.NDArray[np.int64], definition: str) -> None:
    """Check that every row's agents keep its promises and that one less would not."""
    endless_patience = ~np.isfinite(frame["patience_s"])
    assert kept(frame, agents, definition, TINY).all()
    less = agents - 1
    not_allowed = (less < np.maximum(frame["minimum"], 1)) | (endless_patience & (less <= frame["load"] * (1 + TINY)))
    broken = ~kept(frame, np.maximum(less, 0), definition, -TINY)
    assert (broken | not_allowed).all()


@QUICK
@given(some=st.lists(rows(endless), min_size=1, max_size=12), definition=definitions)
def test_one_agent_less_breaks_a_promise_or_the_queue_where_nobody_hangs_up(
    some: list[dict[str, float]], definition: str
) -> None:
    frame = frame_of(some)
    assert_fewest(frame, required(frame, definition), definition)


@QUICK
@given(some=st.lists(rows(impatient), min_size=1, max_size=8), definition=definitions)
def test_one_agent_less_breaks_a_promise_where_people_hang_up(some: list[dict[str, float]], definition: str) -> None:
    frame = frame_of(some)
    assert_fewest(frame, required(frame, definition), definition)


def test_forty_thousand_mixed_rows_get_the_fewest_agents_and_each_its_own() -> None:
    # More rows of each queue than are worked at once.
    random_rows = np.random.default_rng(5)
    size = 40_000
    frame = pd.DataFrame(
        {
            "load": np.exp(random_rows.uniform(math.log(0.01), math.log(10_000), size)),
            "aht_s": random_rows.uniform(60, 900, size),
            "patience_s": np.where(np.arange(size) % 2, random_rows.uniform(10, 900, size), np.nan),
            "service_level": random_rows.uniform(0.5, 0.99, size),
            "target_s": random_rows.uniform(0, 3600, size),
            "max_wait_probability": np.nan,
            "max_asa_s": np.where(np.arange(size) % 3 == 0, random_rows.uniform(1, 60, size), np.nan),
            "max_occupancy": np.where(np.arange(size) % 5 == 0, random_rows.uniform(0.6, 1, size), np.nan),
            "max_abandonment": np.nan,
            "minimum": 0.0,
        }
    )
    frame["volume"] = frame["load"] * HALF_HOUR / frame["aht_s"]
    agents = required(frame, "served_of_offered")
    assert_fewest(frame, agents, "served_of_offered")
    some = [0, 1, 16_383, 16_384, 32_765, 32_766, 32_767, 32_768, size - 1]
    assert required(frame.iloc[some], "served_of_offered").tolist() == agents[some].tolist()
    mirrored = required(frame.iloc[::-1], "served_of_offered")
    assert mirrored[::-1].tolist() == agents.tolist()


# --- what no queue can be asked ---------------------------------------------------------------


@pytest.mark.parametrize(
    "promise",
    [
        pytest.param({"max_asa_s": 30, "patience_s": 20}, id="a mean wait longer than the patience"),
        pytest.param({"max_occupancy": 1, "patience_s": 20}, id="an occupancy of one"),
        pytest.param({"max_abandonment": 1, "patience_s": 20}, id="everybody may hang up"),
        pytest.param({"max_wait_probability": 1, "patience_s": 20}, id="everybody may wait"),
        pytest.param({"service_level": 0, "target_s": 20, "patience_s": 20}, id="a service level of zero"),
        pytest.param(
            {"service_level": 0.8, "target_s": 20, "patience_s": 0, "definition": "short_abandons_excluded"},
            id="nobody waits until the target",
        ),
    ],
)
def test_where_people_call_at_least_one_answers(promise: dict[str, Any]) -> None:
    # By the formulas all of these hold without any agent: everybody hangs up, after 20 seconds on average.
    assert staffing.required_agents(100, 180, HALF_HOUR, **promise) == 1
    assert staffing.required_agents(0, 180, HALF_HOUR, **promise) == 0


@pytest.mark.parametrize(
    ("promise", "sentence"),
    [
        pytest.param({"max_wait_probability": 20}, "max_wait_probability 20 is above 1", id="waiting in percent"),
        pytest.param(
            {"max_abandonment": 5, "patience_s": 60}, "max_abandonment 5 is above 1", id="hang-ups in percent"
        ),
        pytest.param({"max_asa_s": 20, "minimum": 1e12}, r"minimum 1e\+12 is no number of agents", id="huge minimum"),
        pytest.param(
            {"max_asa_s": 20, "volume": 1e17}, r"load of 1e\+16 erlangs is beyond", id="more than floats count"
        ),
        pytest.param({"max_asa_s": 20, "volume": 1e308}, "load of inf erlangs is beyond", id="more than floats hold"),
        pytest.param({"max_occupancy": 1e-12}, "max_occupancy 1e-12 is too low", id="idle agents"),
        pytest.param({"max_occupancy": 1e-300, "patience_s": 9}, "is too low", id="idle agents, impatient callers"),
        pytest.param({"max_asa_s": -1}, "max_asa_s -1 is not above zero", id="negative wait"),
        pytest.param({"service_level": 80, "target_s": 20}, "ask for less than 1, for example 0.95", id="percent"),
    ],
)
def test_what_would_promise_nothing_or_never_end_is_refused(promise: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        staffing.required_agents(**({"volume": 100, "aht_s": 180, "interval_s": HALF_HOUR} | promise))


def test_endless_agents_are_refused() -> None:
    for ask in (staffing.erlang_b, staffing.erlang_c, staffing.wait_probability):
        with pytest.raises(ValueError, match="agents inf is no finite number"):
            ask(math.inf, 10.0)
    with pytest.raises(ValueError, match="agents inf"):
        staffing.max_load(math.inf, 0.1)


@pytest.mark.parametrize("load", [1, 2, 10, 100, 5000])
def test_agents_who_are_as_many_as_the_load_are_too_few(load: int) -> None:
    for volume in (load * 10, load * 10 * (1 - 1e-13), load * 10 * (1 + 1e-13)):
        assert staffing.required_agents(volume, 180, HALF_HOUR, max_occupancy=1) == load + 1
        assert staffing.required_agents(volume, 180, HALF_HOUR, max_wait_probability=1) == load + 1


def test_an_occupancy_that_comes_out_whole_is_not_rounded_up() -> None:
    # 85 erlangs at 85 % are 100 agents, 3 at 30 % are 10, although floats say 3 / 0.3 is more or less than that.
    assert staffing.required_agents([850, 30, 7], 180, HALF_HOUR, max_occupancy=[0.85, 0.3, 0.07]).tolist() == [
        100,
        10,
        10,
    ]


def test_a_criterion_that_a_number_meets_exactly_is_met() -> None:
    for agents, patience in itertools.product(range(11, 40), (None, 60, 600)):
        exactly = {
            "service_level": staffing.service_level(agents, 10.0, 180, 20, patience),
            "max_asa_s": staffing.average_speed_of_answer(agents, 10.0, 180, patience),
            "max_wait_probability": staffing.wait_probability(agents, 10.0, 180, patience),
        }
        for name, value in exactly.items():
            if name == "service_level" and value > 0.999:
                continue  # so near to 1 two numbers of agents differ by less than a float tells apart
            need = {name: value, "target_s": 20, "patience_s": patience}
            assert staffing.required_agents(100, 180, HALF_HOUR, **need) == agents


def test_an_almost_empty_interval_needs_one() -> None:
    for patience in (None, 0, 60):
        for promise in ({"service_level": 0.8, "target_s": 20}, {"max_occupancy": 0.85}, {"max_wait_probability": 0.1}):
            need = staffing.required_agents([1e-300, 1e-9, 1e-3], 180, HALF_HOUR, patience_s=patience, **promise)
            assert need.tolist() == [1, 1, 1]


def test_a_fractional_minimum_is_rounded_up() -> None:
    assert staffing.required_agents([0, 1], 180, HALF_HOUR, max_occupancy=0.9, minimum=2.5).tolist() == [3, 3]


def test_an_endless_target_asks_who_is_answered_at_all() -> None:
    for agents, patience in itertools.product((0, 5, 12), (0.0, 60.0)):
        lost = staffing.abandonment_rate(agents, 10.0, 180, patience)
        assert staffing.service_level(agents, 10.0, 180, math.inf, patience) == pytest.approx(1 - lost, abs=1e-12)
        answered = staffing.service_level(agents, 10.0, 180, math.inf, patience, "short_abandons_excluded")
        assert answered == (1 if agents else 0)
    assert staffing.service_level([5, 12], 10.0, 180, math.inf).tolist() == [0, 1]
    assert staffing.required_agents(100, 180, HALF_HOUR, service_level=0.8, target_s=math.inf) == 11


# --- more never harms -------------------------------------------------------------------------


def never_falls(values: npt.ArrayLike) -> bool:
    """Say whether each value is at least the one before, but for the noise of floats."""
    return bool((np.diff(np.asarray(values, dtype=float)) >= -TINY).all())


ascending = st.lists(st.floats(0, 1), min_size=2, max_size=8).map(sorted)
some_patience = endless | impatient


def between(shares: list[float], low: float, high: float) -> npt.NDArray[np.float64]:
    """Spread the shares over the range, evenly on a logarithm."""
    return np.asarray(low * (high / low) ** np.array(shares))


@QUICK
@given(
    load=log_loads, aht_s=handling, target_s=targets, patience_s=some_patience, steps=ascending, definition=definitions
)
def test_the_service_level_never_falls_with_agents_and_target_nor_rises_with_load_and_handling_time(
    load: float, aht_s: float, target_s: float, patience_s: float, steps: list[float], definition: str
) -> None:
    agents = load * 1.05
    few_to_many = between(steps, load / 3, load * 3)
    assert never_falls(staffing.service_level(few_to_many, load, aht_s, target_s, patience_s, definition))
    assert never_falls(-staffing.service_level(agents, few_to_many, aht_s, target_s, patience_s, definition))
    times = between(steps, 0.1, 3600)
    assert never_falls(staffing.service_level(agents, load, aht_s, times, patience_s, definition))
    handled = between(steps, aht_s / 2, aht_s * 2)
    volume_load = load * handled / aht_s
    assert never_falls(-staffing.service_level(agents, volume_load, handled, target_s, patience_s, definition))


@QUICK
@given(load=log_loads, aht_s=handling, target_s=targets, patience_s=some_patience, steps=ascending)
def test_waiting_hang_ups_and_occupancy_never_rise_with_agents_nor_fall_with_load(
    load: float, aht_s: float, target_s: float, patience_s: float, steps: list[float]
) -> None:
    spread = between(steps, load / 3, load * 3)
    for ask in (
        staffing.wait_probability,
        staffing.abandonment_rate,
        lambda *queue: -np.exp(-staffing.average_speed_of_answer(*queue) / aht_s),  # finite where the wait is not
        staffing.occupancy,
    ):
        assert never_falls(-ask(spread, load, aht_s, patience_s))
        assert never_falls(ask(load * 1.05, spread, aht_s, patience_s))
    late = staffing.still_waiting(load * 1.05, load, aht_s, between(steps, 0.1, 3600), patience_s)
    assert never_falls(-late)
    assert never_falls(staffing.wait_quantile(load * 1.05, load, aht_s, np.array(steps) * 0.999, patience_s))


@QUICK
@given(load=log_loads, spare=st.floats(0.5, 2), aht_s=handling, steps=ascending)
def test_patience_makes_more_people_wait_longer_and_fewer_hang_up(
    load: float, spare: float, aht_s: float, steps: list[float]
) -> None:
    patience = between(steps, 1, 1e5)
    agents = max(load * spare, 1)
    for ask in (staffing.wait_probability, staffing.occupancy):
        assert never_falls(ask(agents, load, aht_s, patience))
    assert never_falls(staffing.average_speed_of_answer(agents, load, aht_s, patience) / aht_s)
    assert never_falls(-staffing.abandonment_rate(agents, load, aht_s, patience))


def test_the_service_level_may_rise_or_fall_with_patience() -> None:
    # Too few agents: the patient block the line. Enough agents: the impatient leave before their turn comes.
    assert staffing.service_level(8, 10.0, 180, 20, 30) > staffing.service_level(8, 10.0, 180, 20, 300)
    assert staffing.service_level(14, 10.0, 180, 60, 30) < staffing.service_level(14, 10.0, 180, 60, 300)


@QUICK
@given(row=rows(some_patience), steps=ascending, definition=definitions)
def test_the_agents_never_fall_with_the_work_nor_with_the_promise(
    row: dict[str, float], steps: list[float], definition: str
) -> None:
    def agents(**change: npt.ArrayLike) -> npt.NDArray[np.int64]:
        request: dict[str, Any] = {name: value for name, value in row.items() if name != "load"}
        request |= {"volume": row["load"] * HALF_HOUR / row["aht_s"], "interval_s": HALF_HOUR}
        return np.asarray(staffing.required_agents(**(request | change), definition=definition))

    around = between(steps, 0.5, 2)
    assert never_falls(agents(volume=around * row["load"] * HALF_HOUR / row["aht_s"]))
    assert never_falls(agents(aht_s=around * row["aht_s"]))
    assert never_falls(-agents(interval_s=around * HALF_HOUR))
    assert never_falls(agents(service_level=np.array(steps) * 0.999))
    assert never_falls(-agents(service_level=0.8, target_s=between(steps, 0.1, 3600)))
    assert never_falls(-agents(max_asa_s=between(steps, 0.1, 600)))
    for name in ("max_wait_probability", "max_occupancy"):
        assert never_falls(-agents(**{name: between(steps, 0.01, 1)}))
    if not math.isnan(row["patience_s"]):
        assert never_falls(-agents(max_abandonment=between(steps, 0.001, 1)))
    assert never_falls(agents(minimum=np.array(steps) * 100))


@QUICK
@given(load=log_loads, aht_s=handling, steps=ascending, wait=st.floats(0.01, 0.9), occupancy=st.floats(0.3, 0.99))
def test_longer_patience_never_needs_fewer_agents_for_the_wait_nor_more_for_the_hang_ups(
    load: float, aht_s: float, steps: list[float], wait: float, occupancy: float
) -> None:
    work: dict[str, Any] = {"volume": load * HALF_HOUR / aht_s, "aht_s": aht_s, "interval_s": HALF_HOUR}
    work["patience_s"] = between(steps, 1, 1e4)
    for promise in ({"max_wait_probability": wait}, {"max_asa_s": wait * 60}, {"max_occupancy": occupancy}):
        assert never_falls(staffing.required_agents(**work, **promise))
    assert never_falls(-staffing.required_agents(**work, max_abandonment=wait / 10))


# --- limits -------------------------------------------------------------------------------------


@QUICK
@given(load=log_loads, aht_s=handling, target_s=targets, level=st.floats(0.05, 0.99), definition=definitions)
def test_endless_and_no_patience_need_the_agents_of_erlang_c_and_b(
    load: float, aht_s: float, target_s: float, level: float, definition: str
) -> None:
    work: dict[str, Any] = {"volume": load * HALF_HOUR / aht_s, "aht_s": aht_s, "interval_s": HALF_HOUR}
    promise: dict[str, Any] = {"service_level": level, "target_s": target_s, "definition": definition}
    by_c = staffing.required_agents(**work, **promise)
    assert staffing.required_agents(**work, **promise, patience_s=math.inf) == by_c
    within_reach = staffing.service_level(by_c, load, aht_s, target_s) > level + 1e-4
    if within_reach and staffing.service_level(by_c - 1, load, aht_s, target_s) < level - 1e-4 and by_c - 1 > load:
        assert staffing.required_agents(**work, **promise, patience_s=1e13) == by_c
    by_b = staffing.required_agents(**work, patience_s=0, max_abandonment=1 - level)
    assert staffing.erlang_b(by_b, load) <= (1 - level) * (1 + TINY)
    assert by_b == 1 or staffing.erlang_b(by_b - 1, load) > (1 - level) * (1 - TINY)
    assert staffing.required_agents(**work, patience_s=0, service_level=level, target_s=target_s) == by_b


# --- from a millionth to a million erlangs --------------------------------------------------------


def blocking_in_forty_digits(agents: int, load: str) -> Decimal:
    """Erlang B as 1 / (1 + n/a + n(n-1)/a^2 + ...), until the terms no longer count."""
    with localcontext() as digits:
        digits.prec = 40
        erlangs, term, total = Decimal(load), Decimal(1), Decimal(1)
        for state in range(agents, 0, -1):
            term *= state / erlangs
            total += term
            if state < erlangs and term < total * Decimal("1e-25"):
                break
        return 1 / total


EXTREMES = [
    pytest.param(agents, load, id=f"{agents} agents, {load} erlangs")
    for agents, load in (
        (1, "0.000001"),
        (4, "0.000001"),
        (1, "0.01"),
        (15, "0.01"),
        (1, "1000000"),
        (12, "10"),
        (16, "15.5"),
        (40, "10"),
        (1000, "999.5"),
        (1100, "1000"),
        (700, "1000"),
        (1_000_000, "1000000"),
        (1_000_500, "1000000"),
        (1_006_000, "1000000"),
        (990_000, "1000000"),
    )
]


@pytest.mark.parametrize(("agents", "load"), EXTREMES)
def test_erlang_b_and_c_agree_with_forty_digits(agents: int, load: str) -> None:
    blocking = blocking_in_forty_digits(agents, load)
    assert staffing.erlang_b(agents, float(load)) == pytest.approx(float(blocking), rel=1e-11)
    if agents > float(load):
        delayed = agents * blocking / (agents - Decimal(load) * (1 - blocking))
        assert staffing.erlang_c(agents, float(load)) == pytest.approx(float(delayed), rel=1e-11)


@dataclass(frozen=True)
class Measures:
    """What callers and agents meet in a queue."""

    level: float
    level_without_short_hang_ups: float
    delayed: float
    lost: float
    wait: float
    busy: float


def measures(agents: float, load: float, aht_s: float, patience_s: float | None, target_s: float) -> Measures:
    """Ask the package for all of them."""
    queue = (agents, load, aht_s)
    return Measures(
        level=staffing.service_level(*queue, target_s, patience_s),
        level_without_short_hang_ups=staffing.service_level(*queue, target_s, patience_s, DEFINITIONS[1]),
        delayed=staffing.wait_probability(*queue, patience_s),
        lost=staffing.abandonment_rate(*queue, patience_s),
        wait=staffing.average_speed_of_answer(*queue, patience_s),
        busy=staffing.occupancy(*queue, patience_s),
    )


def by_states(agents: int, load: float, aht_s: float, patience_s: float, target_s: float) -> Measures:
    """Erlang A by the probabilities of its states, and the wait of who finds k ahead by an incomplete beta function.

    Who finds k in the queue is reached after k + 1 departures at the rates n/h, n/h + 1/p, ..., n/h + k/p.
    """
    idle = np.cumprod(np.arange(agents, max(agents - 20_000, 0), -1) / load)
    x = agents * patience_s / aht_s
    ahead = np.arange(200_000)
    crowded = np.cumprod(load * patience_s / aht_s / (x + ahead[1:]))
    crowded = np.concatenate([[1.0], crowded])
    crowded = crowded[: np.flatnonzero(crowded > 0)[-1] + 1]
    ahead = ahead[: crowded.size]
    whole = 1 + idle.sum() + crowded[1:].sum()
    hurry = -math.expm1(-target_s / patience_s)
    reached = x / (x + ahead + 1) * special.betainc(ahead + 1, x + 1, hurry)
    waits_on = math.exp(-target_s / patience_s) * special.betaincc(ahead + 1, x, hurry)
    served, still = (crowded * reached).sum() / whole, (crowded * waits_on).sum() / whole
    level = idle.sum() / whole + served
    lost = (crowded * (ahead + 1) / (x + ahead + 1)).sum() / whole
    return Measures(
        level=level,
        level_without_short_hang_ups=level / (level + still),
        delayed=crowded.sum() / whole,
        lost=lost,
        wait=(crowded[1:] * ahead[1:]).sum() / whole * aht_s / load,
        busy=load * (1 - lost) / agents,
    )


def test_nobody_is_answered_at_once_where_thousands_are_missing_and_patience_lasts_a_day() -> None:
    # The noise of two huge logarithms would stand here as one call in a thousand million.
    level = staffing.service_level(8214, [10_000.0, 10_296.0, 13_550.0], 20, [[0.0], [60.0]], 53_000)
    assert (level < 1e-12).all()


@pytest.mark.parametrize(
    ("agents", "load", "aht_s", "patience_s", "target_s"),
    [
        pytest.param(1, 1e-6, 180, 60, 20, id="a call a year"),
        pytest.param(1, 0.01, 600, 5, 30, id="hardly anybody"),
        pytest.param(2, 30.0, 300, 90, 20, id="fifteen times too few"),
        pytest.param(13, 10.0, 180, 3600, 3600, id="an hour's target"),
        pytest.param(95, 100.0, 240, 120, 20, id="too few"),
        pytest.param(1000, 1000.0, 200, 400, 5, id="as many as the load"),
        pytest.param(10_150, 10_000.0, 300, 1200, 10, id="ten thousand"),
        pytest.param(9_000, 10_000.0, 300, 60, 10, id="ten thousand, too few"),
        pytest.param(1_000_000, 1e6, 180, 60, 1, id="a million"),
        pytest.param(1_000_800, 1e6, 180, 600, 0.2, id="a million, enough"),
    ],
)
def test_erlang_a_agrees_with_the_sum_over_its_states(
    agents: int, load: float, aht_s: float, patience_s: float, target_s: float
) -> None:
    expected = by_states(agents, load, aht_s, patience_s, target_s)
    found = measures(agents, load, aht_s, patience_s, target_s)
    for name in (field.name for field in fields(Measures)):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-11), name


# --- calls simulated one by one -----------------------------------------------------------------


def simulated_runs(
    agents: int,
    load: float,
    aht_s: float,
    patience_s: float | None,
    target_s: float,
    *,
    runs: int,
    calls: int,
    seed: int,
) -> Iterator[Measures]:
    """Let calls come in at random, first come first served, and measure run after run of one long day."""
    chance = random.Random(seed)
    free_at = [0.0] * agents  # a heap: when each agent is next free
    now = 0.0
    for run in range(-1, runs):  # the first run fills the queue and is not measured
        began = now
        in_time = waits_on = delayed = lost = 0
        waited = worked = 0.0
        for _ in range(calls):
            now += chance.expovariate(load / aht_s)
            turn = max(free_at[0] - now, 0.0)
            patience = math.inf if patience_s is None else chance.expovariate(1 / patience_s)
            delayed += turn > 0
            waited += min(turn, patience)
            waits_on += min(turn, patience) > target_s
            if patience < turn:
                lost += 1
                continue
            in_time += turn <= target_s
            work = chance.expovariate(1 / aht_s)
            worked += work
            heapq.heapreplace(free_at, now + turn + work)
        if run >= 0:
            yield Measures(
                level=in_time / calls,
                level_without_short_hang_ups=in_time / (in_time + waits_on),
                delayed=delayed / calls,
                lost=lost / calls,
                wait=waited / calls,
                busy=worked / (agents * (now - began)),
            )


@pytest.mark.parametrize(
    ("agents", "load", "aht_s", "patience_s", "target_s"),
    [
        pytest.param(12, 10.0, 180, None, 20, id="nobody hangs up"),
        pytest.param(2, 1.2, 300, None, 60, id="nobody hangs up, two agents"),
        pytest.param(12, 10.0, 180, 120, 20, id="enough agents"),
        pytest.param(9, 11.0, 240, 180, 30, id="too few agents"),
        pytest.param(40, 38.0, 300, 20, 10, id="impatient"),
        pytest.param(3, 2.5, 200, 1000, 120, id="patient"),
    ],
)
def test_simulated_calls_meet_what_the_formulas_say(
    agents: int, load: float, aht_s: float, patience_s: float | None, target_s: float
) -> None:
    found = pd.DataFrame(simulated_runs(agents, load, aht_s, patience_s, target_s, runs=40, calls=6_000, seed=20_240))
    expected = pd.Series(vars(measures(agents, load, aht_s, patience_s, target_s)))
    error = found.sem()
    assert ((found.mean() - expected).abs() <= 4 * error + 1e-12).all()
    assert (error <= 0.05 * expected.clip(lower=0.05)).all(), "too few calls to tell anything"


# --- the level curve ------------------------------------------------------------------------------


def test_the_curve_runs_from_the_first_stable_number_to_almost_everybody() -> None:
    curve = level_curve(100, 180, 1800, target_s=20)
    assert tuple(curve.columns) == COLUMNS
    assert (curve.dtypes == np.float64).all()
    assert curve["agents"].tolist() == list(range(11, 22))
    # Erlang C by hand for 10 erlangs and 14 agents, as in the published table: 88.8 % in 20 seconds, 7.8 s, 71.4 %.
    at_14 = curve.set_index("agents").loc[14]
    assert at_14.round(3).tolist() == [0.888, 0.714, 7.836]
    assert curve["service_level"].iloc[-2] < 0.999 <= curve["service_level"].iloc[-1]


@QUICK
@given(
    load=log_loads, aht_s=handling, target_s=targets, patience_s=some_patience, definition=definitions,
    around=sometimes(st.floats(0, 20_000)),
)  # fmt: skip
def test_the_curve_rises_holds_the_required_agents_and_what_it_was_asked_to_show(
    load: float, aht_s: float, target_s: float, patience_s: float, definition: str, around: float
) -> None:
    volume = load * HALF_HOUR / aht_s
    curve = level_curve(
        volume, aht_s, HALF_HOUR, target_s=target_s, patience_s=patience_s, definition=definition, around=around
    )
    agents = curve["agents"]
    assert 5 <= len(curve) <= 201
    assert (agents == agents.round()).all()
    assert agents.is_monotonic_increasing
    assert agents.is_unique
    assert never_falls(curve["service_level"])
    assert never_falls(-curve["occupancy"])
    assert curve["service_level"].iloc[-1] >= 0.999 - TINY
    assert math.isnan(around) or math.ceil(around) in set(agents)
    need = staffing.required_agents(
        volume, aht_s, HALF_HOUR, service_level=0.8, target_s=target_s, patience_s=patience_s, definition=definition
    )
    assert agents.iloc[0] <= need <= agents.iloc[-1]


def test_the_curve_shows_a_roster_that_is_too_small() -> None:
    curve = level_curve(100, 180, 1800, target_s=20, around=8).set_index("agents")
    assert curve.loc[8].tolist() == [0, 1, math.inf]
    assert curve.index[0] == 8


def test_without_calls_there_is_no_curve() -> None:
    curve = level_curve(0, 180, 1800, target_s=20, patience_s=60, around=3)
    assert curve.empty
    assert tuple(curve.columns) == COLUMNS
    assert (curve.dtypes == np.float64).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"volume": -1}, "volume -1 is negative", id="negative volume"),
        pytest.param({"aht_s": 0}, "aht_s 0 is missing or not above zero", id="no handling time"),
        pytest.param({"target_s": math.nan}, "needs the seconds", id="no target"),
        pytest.param({"around": -1}, "around -1 is no number of agents", id="negative agents"),
        pytest.param({"around": math.inf}, "around inf is no number of agents", id="endless agents"),
        pytest.param({"definition": "answered"}, "use one of served_of_offered", id="unknown definition"),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused(change: dict[str, Any], sentence: str) -> None:
    request: dict[str, Any] = {"volume": 100, "aht_s": 180, "interval_s": 1800, "target_s": 20}
    with pytest.raises(ValueError, match=sentence):
        level_curve(**(request | change))

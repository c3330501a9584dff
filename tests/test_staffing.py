"""Staffing: published values, exact arithmetic done another way, and properties that must hold."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters_staffing import ADAPTERS
from opsanalytics import staffing
from opsanalytics.settings import Settings

QUICK = settings(max_examples=25, deadline=None)
loads = st.floats(0.01, 400)
handling = st.floats(20, 3600)
waits = st.floats(0, 3600)
levels = st.floats(0.05, 0.99)


# --- queues ---------------------------------------------------------------------------------


def erlang_b_exactly(agents: int, load: Fraction) -> Fraction:
    """Erlang's recursion in exact fractions."""
    blocking = Fraction(1)
    for n in range(1, agents + 1):
        blocking = load * blocking / (n + load * blocking)
    return blocking


@QUICK
@given(agents=st.integers(0, 60), load=st.fractions(Fraction(1, 1000), 80, max_denominator=1000))
def test_erlang_b_is_the_recursion(agents: int, load: Fraction) -> None:
    assert staffing.erlang_b(agents, float(load)) == pytest.approx(float(erlang_b_exactly(agents, load)), rel=1e-11)


@QUICK
@given(agents=st.integers(1, 500), blocking=st.floats(1e-4, 0.9))
def test_max_load_inverts_erlang_b(agents: int, blocking: float) -> None:
    assert staffing.erlang_b(agents, staffing.max_load(agents, blocking)) == pytest.approx(blocking, rel=1e-9)


def test_erlang_c_of_the_eye_clinic() -> None:
    # Gross & Harris: 6 patients an hour, 20 minutes each, 3 doctors: P(wait) 4/9, 8/9 waiting.
    assert staffing.erlang_c(3, 2.0) == pytest.approx(4 / 9, rel=1e-14)
    assert staffing.mean_queue(3, 2.0, 1200) == pytest.approx(8 / 9, rel=1e-14)
    assert staffing.average_speed_of_answer(3, 2.0, 1200) == pytest.approx(8 / 9 * 600, rel=1e-14)


def test_an_unstable_queue_is_an_answer_and_not_an_error() -> None:
    assert staffing.erlang_c(10, 10.0) == 1
    assert staffing.service_level(10, 10.0, 180, 20) == 0
    assert staffing.average_speed_of_answer(9, 10.0, 180) == math.inf
    assert staffing.mean_queue(9, 10.0) == math.inf
    assert staffing.wait_quantile(9, 10.0, 180, 0.5) == math.inf
    assert staffing.occupancy(9, 10.0) == 1


def test_without_load_nobody_waits() -> None:
    assert staffing.service_level([0, 3], 0.0, 180, 20).tolist() == [1, 1]
    assert staffing.average_speed_of_answer(0, 0.0, 180, patience_s=60) == 0
    assert staffing.occupancy(0, 0.0) == 0


def test_a_huge_and_a_tiny_queue_stay_probabilities() -> None:
    load = np.array([1e-6, 1e-3, 1.0, 1e3, 1e6])
    for patience in (None, 0.0, 1.0, 300.0, 1e9):
        level = staffing.service_level(np.ceil(load), load, 180, [[0], [20], [3600]], patience)
        assert ((level >= 0) & (level <= 1)).all()
        assert (np.diff(level, axis=0) >= 0).all()


def impatient_queue(agents: int, load: float, aht_s: float, patience_s: float, target_s: float) -> Mapping[str, float]:
    """Erlang A by integrating the density of the offered wait (Zeltyn & Mandelbaum, M/M/n+G)."""
    arrivals, service = load / aht_s, 1 / aht_s

    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.concatenate([[0], np.geomspace(1e-3 * aht_s / agents, 50 * patience_s, 300)])
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2

    def integral(start: float, weigh: float) -> float:
        wait = start + middle[:, None] + half[:, None] * nodes
        rises = arrivals * patience_s * -np.expm1(-wait / patience_s) - agents * service * wait
        return float((half[:, None] * weights * np.exp(rises - weigh * wait / patience_s)).sum())

    idle = 1 / float(erlang_b_exactly(agents - 1, Fraction(load)))
    base = idle + arrivals * integral(0, 0)
    served_late = arrivals * integral(target_s, 1) / base
    lost = (1 + (arrivals - agents * service) * integral(0, 0)) / base
    still = arrivals * math.exp(-target_s / patience_s) * integral(target_s, 0) / base
    return {"delayed": 1 - idle / base, "lost": lost, "level": 1 - lost - served_late, "still": still}


@pytest.mark.parametrize(
    ("agents", "load", "aht_s", "patience_s", "target_s"),
    [
        pytest.param(13, 10.0, 180, 300, 20, id="comfortable"),
        pytest.param(50, 55.0, 240, 150, 20, id="overloaded"),
        pytest.param(3, 1.5, 600, 600, 60, id="small"),
        pytest.param(20, 18.0, 300, 20, 40, id="impatient"),
        pytest.param(8, 6.0, 120, 9000, 300, id="very patient"),
    ],
)
def test_erlang_a_agrees_with_the_integral_of_the_offered_wait(
    agents: int, load: float, aht_s: float, patience_s: float, target_s: float
) -> None:
    expected = impatient_queue(agents, load, aht_s, patience_s, target_s)
    queue = (agents, load, aht_s)
    assert staffing.wait_probability(*queue, patience_s) == pytest.approx(expected["delayed"], rel=1e-9)
    assert staffing.abandonment_rate(*queue, patience_s) == pytest.approx(expected["lost"], rel=1e-7)
    assert staffing.service_level(*queue, target_s, patience_s) == pytest.approx(expected["level"], rel=1e-9)
    assert staffing.still_waiting(*queue, target_s, patience_s) == pytest.approx(expected["still"], rel=1e-8)
    excluded = staffing.service_level(*queue, target_s, patience_s, definition="short_abandons_excluded")
    assert excluded == pytest.approx(expected["level"] / (expected["level"] + expected["still"]), rel=1e-9)


@QUICK
@given(load=loads, extra=st.floats(0.5, 30), aht_s=handling, target_s=waits)
def test_endless_patience_is_erlang_c(load: float, extra: float, aht_s: float, target_s: float) -> None:
    queue = (load + extra, load, aht_s, target_s)
    assert staffing.service_level(*queue, 1e13) == pytest.approx(staffing.service_level(*queue), abs=1e-5)


@QUICK
@given(load=loads, agents=st.floats(0, 500), aht_s=handling, target_s=waits)
def test_no_patience_is_erlang_b(load: float, agents: float, aht_s: float, target_s: float) -> None:
    blocking = staffing.erlang_b(agents, load)
    assert staffing.abandonment_rate(agents, load, aht_s, 0) == pytest.approx(blocking, rel=1e-9)
    assert staffing.service_level(agents, load, aht_s, target_s, 0) == pytest.approx(1 - blocking, abs=1e-9)
    assert staffing.average_speed_of_answer(agents, load, aht_s, 0) == 0


@QUICK
@given(load=loads, spare=st.floats(0.1, 3), aht_s=handling, share=st.floats(0.01, 0.999), patience_s=st.floats(1, 1e5))
def test_the_wait_quantile_is_where_that_share_has_stopped_waiting(
    load: float, spare: float, aht_s: float, share: float, patience_s: float
) -> None:
    agents = load + spare
    for patience in (None, patience_s):
        wait = staffing.wait_quantile(agents, load, aht_s, share, patience)
        still = staffing.still_waiting(agents, load, aht_s, wait, patience)
        assert still == pytest.approx(1 - share, rel=1e-6) if wait > 0 else still <= 1 - share


@QUICK
@given(volumes=st.lists(st.floats(0, 1e6), min_size=1, max_size=20), aht_s=handling)
def test_the_load_has_the_fifteen_digits_that_a_float_holds_surely(volumes: list[float], aht_s: float) -> None:
    loads = staffing.offered_load(volumes, aht_s, 1800)
    assert loads == pytest.approx([volume * aht_s / 1800 for volume in volumes], rel=5e-15, abs=0)
    written = [round(load, 14 - math.floor(math.log10(load))) if load > 1e-8 else load for load in loads]
    assert loads.tolist() == written


def test_the_load_of_round_numbers_is_round() -> None:
    assert staffing.offered_load(0.001, 180, 1800) == 0.0001
    assert staffing.offered_load([87.43, 0, 5e-324], 263.7, 1800)[:2].tolist() == [12.808495, 0]
    assert staffing.offered_load(1e-200, 180, 1800) == pytest.approx(1e-201, rel=1e-15)


def test_arguments_broadcast() -> None:
    assert staffing.service_level(np.arange(11, 15)[:, None], 10.0, 180, [0, 20, 60]).shape == (4, 3)
    assert isinstance(staffing.erlang_c(11, 10.0), float)
    assert staffing.required_agents([[100], [0]], 180, [1800, 3600], max_wait_probability=0.2).shape == (2, 2)


# --- required agents ------------------------------------------------------------------------


@QUICK
@given(load=loads, aht_s=handling, target_s=waits, level=levels, patience_s=st.none() | st.floats(1, 1e5))
def test_one_agent_less_breaks_the_service_level(
    load: float, aht_s: float, target_s: float, level: float, patience_s: float | None
) -> None:
    volume = load * 1800 / aht_s
    load = volume * aht_s / 1800
    agents = staffing.required_agents(
        volume, aht_s, 1800, service_level=level, target_s=target_s, patience_s=patience_s
    )
    assert staffing.service_level(agents, load, aht_s, target_s, patience_s) >= level - 1e-9
    less = agents - 1
    unstable = patience_s is None and less <= load
    assert less < 0 or unstable or staffing.service_level(less, load, aht_s, target_s, patience_s) < level


@QUICK
@given(
    volume=st.floats(0.1, 2000),
    occupancy=st.floats(0.3, 1),
    asa_s=st.floats(0.5, 600),
    wait=st.floats(0.01, 0.9),
    patience_s=st.none() | st.floats(10, 1e4),
)
def test_the_answer_to_several_promises_is_the_largest_of_the_answers_to_each(
    volume: float, occupancy: float, asa_s: float, wait: float, patience_s: float | None
) -> None:
    promises = {"max_occupancy": occupancy, "max_asa_s": asa_s, "max_wait_probability": wait}
    work: dict[str, Any] = {"volume": volume, "aht_s": 240, "interval_s": 1800, "patience_s": patience_s}
    together = staffing.required_agents(**work, **promises)
    assert together == max(staffing.required_agents(**work, **{name: value}) for name, value in promises.items())


@QUICK
@given(
    volumes=st.lists(st.floats(0, 3000), min_size=2, max_size=8),
    level=levels,
    patience_s=st.none() | st.floats(10, 1e4),
)
def test_more_calls_never_need_fewer_agents(volumes: list[float], level: float, patience_s: float | None) -> None:
    agents = staffing.required_agents(
        sorted(volumes), 240, 1800, service_level=level, target_s=20, patience_s=patience_s
    )
    assert (np.diff(agents) >= 0).all()


@QUICK
@given(
    volume=st.floats(1, 2000),
    aht_s=st.lists(handling, min_size=2, max_size=5),
    levels=st.lists(levels, min_size=2, max_size=5),
)
def test_longer_calls_and_higher_promises_never_need_fewer_agents(
    volume: float, aht_s: list[float], levels: list[float]
) -> None:
    by_time = staffing.required_agents(volume, sorted(aht_s), 1800, max_wait_probability=0.2)
    by_level = staffing.required_agents(volume, 240, 1800, service_level=sorted(levels), target_s=20)
    assert (np.diff(by_time) >= 0).all()
    assert (np.diff(by_level) >= 0).all()


def test_rows_with_promises_of_their_own_answer_as_if_alone() -> None:
    rows = pd.DataFrame(
        {
            "volume": [100, 100, 100, 0, 400],
            "service_level": [0.8, np.nan, np.nan, 0.8, 0.9],
            "target_s": [20, np.nan, np.nan, 20, 10],
            "max_asa_s": [np.nan, 30, np.nan, np.nan, np.nan],
            "max_abandonment": [np.nan, np.nan, 0.03, np.nan, 0.02],
            "patience_s": [np.nan, np.nan, 120, np.nan, 300],
            "minimum": [0, 0, 0, 2, 0],
        }
    )
    together = staffing.required_agents(aht_s=180, interval_s=1800, **{name: rows[name] for name in rows})
    alone = [staffing.required_agents(aht_s=180, interval_s=1800, **row) for row in rows.to_dict("records")]
    assert together.tolist() == alone
    assert alone[3] == 2


def test_no_volume_needs_nobody() -> None:
    assert staffing.required_agents(0, 180, 1800, service_level=0.8, target_s=20) == 0
    assert staffing.required_agents([0.0], 180, 1800, service_level=0.8, target_s=20, patience_s=60).tolist() == [0]
    assert staffing.workload_staff(0, 12) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"service_level": 1}, "service_level 1 cannot be promised", id="everybody at once"),
        pytest.param({"service_level": None}, "No criterion", id="nothing promised"),
        pytest.param({"target_s": None}, "needs the seconds", id="level without target"),
        pytest.param({"aht_s": -180}, "aht_s -180 is missing or not above zero", id="negative handling time"),
        pytest.param({"aht_s": np.nan}, "aht_s is missing", id="missing handling time"),
        pytest.param({"volume": np.nan}, "volume is negative or missing", id="missing is not zero"),
        pytest.param({"volume": [5, -1]}, "volume -1 is negative", id="negative volume names the value"),
        pytest.param({"volume": [5, math.inf]}, "volume inf is more than any number", id="endless volume"),
        pytest.param({"minimum": math.inf}, "minimum inf is no number of agents", id="endless minimum"),
        pytest.param({"max_abandonment": 0.05}, "needs patience_s", id="hang-ups without patience"),
        pytest.param({"max_occupancy": 1.2}, "above 1", id="busier than always"),
        pytest.param({"definition": "answered"}, "use one of served_of_offered", id="unknown definition"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    request = {"volume": 100, "aht_s": 180, "interval_s": 1800, "service_level": 0.8, "target_s": 20}
    with pytest.raises(ValueError, match=sentence):
        staffing.required_agents(**(request | change))


# --- work and people ------------------------------------------------------------------------


def test_twenty_one_at_work_of_whom_three_in_ten_are_away_are_thirty() -> None:
    assert staffing.scheduled_staff([21, 14, 0, 7], 0.3).tolist() == [30, 20, 0, 10]
    assert staffing.scheduled_staff(17, Decimal("0.32")) == 25
    assert staffing.scheduled_staff(21, np.float32(0.3)) == 30
    assert staffing.scheduled_staff([21, 7], np.array([0.3, 0.3], dtype=np.float32)).tolist() == [30, 10]


@QUICK
@given(required=st.integers(0, 2000), percent=st.integers(0, 99))
def test_scheduled_staff_is_the_exact_ceiling(required: int, percent: int) -> None:
    exact = math.ceil(Fraction(required * 100, 100 - percent))
    assert staffing.scheduled_staff(required, percent / 100) == exact


def test_shrinkage_of_the_whole_time_is_refused() -> None:
    with pytest.raises(ValueError, match="shrinkage 1 must be a share"):
        staffing.scheduled_staff(5, 1.0)


def test_shrinkage_categories_are_shares_of_the_same_paid_time_and_add() -> None:
    assert staffing.shrinkage_of([0.1, 0.2, Decimal("0.05")]) == Decimal("0.35")
    with pytest.raises(ValueError, match="add up to 1"):
        staffing.shrinkage_of([0.6, 0.4])


def test_relief_divides_by_those_present() -> None:
    assert staffing.relief_factor(208, 2080) == pytest.approx(1 / 0.9)


def test_heads_are_rounded_up_once_and_exactly() -> None:
    # 1810 units at 72.4 an hour are 25 hours; five people for five hours each.
    assert staffing.workload_staff([1810, 1811], 72.4, hours=5).tolist() == [5, 6]
    assert staffing.workload_staff(0.1 + 0.2, 0.1) == 3


def test_backlog_is_worked_first_in_first_out() -> None:
    done = staffing.backlog([10, 0, 0, 5], [4, 4, 1, 1], sla_periods=1)
    assert done.processed.tolist() == [4, 4, 1, 1]
    assert done.waiting.tolist() == [6, 2, 1, 5]
    assert (done.late_units, done.overdue_units, done.oldest_age) == (2, 0, 0)


@pytest.mark.parametrize(
    ("sla", "sentence"),
    [
        pytest.param(1.5, "sla_periods 1.5 is not whole", id="half a period"),
        pytest.param(-1, "sla_periods -1 is negative", id="before it came"),
        pytest.param(math.nan, "sla_periods is negative or missing", id="missing"),
        pytest.param(math.inf, "sla_periods inf is no deadline", id="no deadline"),
    ],
)
def test_a_deadline_is_a_whole_number_of_periods(sla: float, sentence: str) -> None:
    for answer in (lambda: staffing.backlog([5, 5], [5, 5], sla), lambda: staffing.minimum_capacity([5, 5], sla)):
        with pytest.raises(ValueError, match=sentence):
            answer()
    assert staffing.minimum_capacity([5, 5], 1.0) == staffing.minimum_capacity([5, 5], 1)


@QUICK
@given(arrivals=st.lists(st.integers(0, 50), min_size=1, max_size=12), sla=st.integers(0, 4))
def test_the_minimum_capacity_is_never_late_and_a_little_less_is(arrivals: list[int], sla: int) -> None:
    capacity = staffing.minimum_capacity(arrivals, sla)
    rest = [0] * (sla + 1)  # time to finish what came last
    assert staffing.backlog(arrivals + rest, capacity * (1 + 1e-9), sla).late_units == 0
    if capacity:
        less = staffing.backlog(arrivals + rest, capacity * 0.98, sla)
        assert less.late_units + less.overdue_units > 0


def test_closed_days_leave_the_open_ones_more_to_do() -> None:
    assert staffing.minimum_capacity([30, 0, 0], 2) == 10
    assert staffing.minimum_capacity([30, 0, 0], 2, [True, False, True]) == 15


@QUICK
@given(
    arrivals=st.lists(st.integers(0, 40), min_size=4, max_size=30),
    sla=st.integers(0, 5),
    cut=st.integers(1, 3),
    closed=st.booleans(),
)
def test_capacity_by_month_keeps_every_deadline(arrivals: list[int], sla: int, cut: int, closed: bool) -> None:
    from opsanalytics.staffing.workload import rolling_capacity

    work = np.array([*arrivals, *[0] * (sla + 8)], dtype=float)
    opened = np.arange(work.size) % 7 < (5 if closed else 7)
    capacity = rolling_capacity(work, sla, opened, np.arange(work.size) // (cut * 5))
    done = staffing.backlog(work, capacity * opened * (1 + 1e-9), sla + (2 if closed else 0))
    assert done.late_units + done.overdue_units == 0


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2024-03-31", 23, id="clocks forward"),
        pytest.param("2024-10-27", 25, id="clocks back"),
        pytest.param("2024-06-01", 24, id="ordinary"),
    ],
)
def test_a_day_has_the_hours_the_clock_gives_it(day: str, hours: int) -> None:
    starts = staffing.day_intervals(day, "Europe/London", 30)
    assert len(starts) == hours * 2
    staff = pd.Series(10.0, index=starts)
    assert staffing.aggregate_hours(staff, "D", "Europe/London").to_dict() == {pd.Timestamp(day): hours * 10}
    local = staff.copy()
    local.index = starts.tz_localize(None)
    assert staffing.aggregate_hours(local, "D", "Europe/London").iloc[0] == hours * 10
    assert staffing.aggregate_hours(local[~local.index.duplicated()], "D", "Europe/London").iloc[0] == hours * 10


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        pytest.param("2024-09-08", "America/Santiago", 23, id="midnight skipped, Chile"),
        pytest.param("2024-04-26", "Africa/Cairo", 23, id="midnight skipped, Egypt"),
        pytest.param("2024-11-03", "America/Havana", 25, id="midnight twice, Cuba"),
        pytest.param("2024-11-02", "America/Havana", 24, id="the day before midnight comes twice"),
        pytest.param("2024-10-31", "Africa/Cairo", 25, id="the last hour twice, Egypt"),
        pytest.param("2011-12-29", "Pacific/Apia", 24, id="the day before the one left out"),
        pytest.param("2011-12-30", "Pacific/Apia", 0, id="a day that Samoa left out"),
        pytest.param("2024-10-06", "Australia/Lord_Howe", 23.5, id="half an hour"),
    ],
)
def test_a_day_begins_at_its_first_moment_also_where_midnight_is_skipped_or_doubled(
    day: str, zone: str, hours: float
) -> None:
    midnight = dt.datetime.fromisoformat(day)
    first, end = (
        moment.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
        for moment in (midnight, midnight + dt.timedelta(days=1))
    )
    starts = staffing.day_intervals(day, zone, 30)
    assert len(starts) == (end - first) / dt.timedelta(minutes=30) == hours * 2
    assert all(start.date() == midnight.date() for start in starts)
    assert not hours or starts[0].tz_convert("UTC") == first
    staff = pd.Series(4.0, index=starts)
    assert staffing.aggregate_hours(staff, "D", zone, 1800).sum() == hours * 4


@QUICK
@given(st.lists(st.floats(0, 100), min_size=96 * 3, max_size=96 * 3), st.sampled_from(["D", "W", "MS"]))
def test_adding_up_hours_loses_none(people: list[float], freq: str) -> None:
    starts = pd.date_range("2024-10-26", periods=len(people), freq="15min", tz="Europe/Dublin")
    hours = staffing.aggregate_hours(pd.Series(people, index=starts), freq, "Europe/Dublin")
    assert hours.sum() == pytest.approx(sum(people) / 4)


def test_staff_at_an_hour_that_did_not_exist_is_refused() -> None:
    starts = pd.date_range("2024-03-31", periods=4, freq="h")
    with pytest.raises(ValueError, match="did not exist in Europe/London"):
        staffing.aggregate_hours(pd.Series(1.0, index=starts), "D", "Europe/London")


def test_a_joiner_counts_in_full_after_the_ramp() -> None:
    plan = staffing.headcount_plan(10, 0.5, [2], lead_months=1, ramp=[0.5], months=3)
    assert plan["headcount"].tolist() == [5, 2.5 + 2, 1.25 + 1]
    assert plan["effective_fte"].tolist() == [5, 2.5 + 1, 1.25 + 1]


@pytest.mark.parametrize("start", [-1, math.nan])
def test_people_to_start_with_are_not_negative_or_missing(start: float) -> None:
    with pytest.raises(ValueError, match=r"start .*is negative or missing"):
        staffing.headcount_plan(start, 0.1, [1, 2])


def test_cover_says_where_no_shift_helps_or_prices_it() -> None:
    with pytest.raises(ValueError, match="No shift covers interval 1"):
        staffing.cover_shifts([2, 1], [[1], [0]], [5])
    cover = staffing.cover_shifts([2, 1], [[1], [0]], [5], understaff_cost=100)
    assert cover.staff.tolist() == [2]
    assert cover.uncovered.tolist() == [0, 1]
    assert cover.objective == 110
    assert cover.mip_gap == pytest.approx(0, abs=1e-9)


def test_reference_cases_may_be_given_in_lists_and_with_any_of_the_criteria() -> None:
    queue = ADAPTERS["erlang_c"]({"load": [0, 2, 10], "agents": [0, 3, 10], "aht_s": 1200, "target_s": 20})
    assert queue["p_wait"] == pytest.approx([0, 4 / 9, 1])
    assert queue["stable"] == [True, True, False]
    assert queue["asa_s"][2] == "inf"
    day = {"calls": [100, 0], "aht_s": 180, "interval_s": 1800, "service_level": 0.8, "target_s": 20, "shrinkage": 0.3}
    assert ADAPTERS["required_sl"](day) == {"load": [10, 0], "agents": [14, 0], "scheduled": [20, 0]}
    assert ADAPTERS["required_sl"](day | {"minimum": 21})["scheduled"] == [30, 30]
    volume = {"mean_calls": 100, "sd_calls": 0, "quantile": 0.5, "aht_s": 180, "interval_s": 1800}
    assert ADAPTERS["quantile"](volume | {"max_p_wait": 0.2})["agents"] == 14  # Tijms: load 10 at 0.2
    ward = {"avg_census": 28, "days": 30, "hppd": 0, "hours_per_fte": 160}
    assert ADAPTERS["hours_per_patient_day"](ward) == {"patient_days": 840, "hours": 0, "fte": 0}
    assert ADAPTERS["shrinkage"]({"required": 21, "categories": [0.2, 0.1]})["scheduled"] == 30


# --- the forecast ---------------------------------------------------------------------------


def demand(
    service: str = "Calls",
    site: str = "North",
    freq: str = "30min",
    starts: pd.DatetimeIndex | None = None,
    yhat: float | list[float] = 100.0,
) -> pd.DataFrame:
    """A forecast made at the end of June 2026, whose upper bounds lie 10 and 20 % above it."""
    if starts is None:
        starts = pd.date_range("2026-07-01 08:00", periods=4, freq=freq)
    level = np.broadcast_to(np.asarray(yhat, dtype=float), len(starts))
    return pd.DataFrame(
        {
            "site": site,
            "service": service,
            "unit": "contacts",
            "freq": freq,
            "cutoff": pd.Timestamp("2026-06-30"),
            "ds": starts.as_unit("us"),
            "yhat": level,
            "hi60": level * 1.1,
            "hi90": level * 1.2,
            "reconstructed": False,
        }
    )


def standard(**change: Any) -> dict[str, Any]:
    row = {
        "site": "North",
        "service": "Calls",
        "valid_from": pd.NaT,
        "method": "erlang_c",
        "aht_s": 180.0,
        "service_level": 0.8,
        "target_s": 20.0,
        "patience_s": np.nan,
        "max_occupancy": np.nan,
        "units_per_hour": np.nan,
        "sla_days": np.nan,
        "shrinkage": 0.3,
        "hours_per_fte": 160.0,
        "wage_rate": Decimal("24.55"),
    }
    return row | change


def forecast(
    rows: pd.DataFrame,
    *standards: dict[str, Any],
    entity: str = "North",
    zone: str = "Europe/Dublin",
    **tables: pd.DataFrame,
) -> staffing.StaffingForecast:
    given_tables = {"standards": pd.DataFrame(list(standards) or [standard()]), **tables}
    return staffing.staffing_forecast(rows, given_tables, Settings(time_zone=zone), period="2026-06", entity=entity)


def median(result: staffing.StaffingForecast) -> pd.DataFrame:
    return result.plan[result.plan["quantile"] == 0.5].reset_index(drop=True)


def test_calls_become_agents_people_hours_and_cost() -> None:
    result = forecast(demand())
    row = median(result).iloc[0]
    # 100 calls of 3 minutes in half an hour are 10 erlangs: 14 agents, 20 people (pyworkforce's example).
    assert (row["volume"], row["required"], row["scheduled"]) == (100, 14, 20)
    assert row["hours"] == pytest.approx(10)
    month = result.monthly.iloc[0]
    assert month["required_hours"] == pytest.approx(40)
    assert month["required_fte"] == pytest.approx(40 / 160)
    assert month["staff_cost_cents"] == 40 * 24_55
    assert result.notes == ()


def test_higher_percentiles_of_demand_need_more_people() -> None:
    plan = forecast(demand()).plan.groupby("quantile")[["volume", "required", "hours", "cost_cents"]].first()
    assert plan["volume"].tolist() == pytest.approx([100, 110, 120])
    assert (plan.diff().dropna() > 0).all(axis=None)


def test_rows_add_up_to_the_month_to_the_cent() -> None:
    starts = pd.date_range("2026-07-01", "2026-09-01", freq="30min", inclusive="left")
    volumes = np.abs(np.sin(np.arange(len(starts)))) * 150
    result = forecast(
        demand(starts=starts, yhat=volumes.tolist()), standard(wage_rate=Decimal("24.5371"), shrinkage=0.317)
    )
    rows = median(result)
    by_month = rows.groupby(rows["ds"].dt.strftime("%Y-%m"))["cost_cents"].sum()
    assert by_month.tolist() == result.monthly["staff_cost_cents"].tolist()
    worked = (rows["required"] / 2).groupby(rows["ds"].dt.strftime("%Y-%m")).sum()
    exact = [round(Fraction(hours) / (1 - Fraction("0.317")) * Fraction("2453.71")) for hours in worked]
    assert by_month.tolist() == exact


def test_patience_counts_only_for_erlang_a() -> None:
    heavy = demand(yhat=600.0)
    with_patience = median(forecast(heavy, standard(method="erlang_a", patience_s=60.0)))["required"]
    without = median(forecast(heavy, standard(patience_s=60.0)))["required"]
    assert (with_patience < without).all()


def test_a_chat_agent_serves_several_at_once() -> None:
    alone = median(forecast(demand()))["required"].iloc[0]
    twice = median(forecast(demand(), standard(concurrency=3.0)))["required"].iloc[0]
    assert twice == math.ceil(alone / 3)


def test_work_with_a_standard_is_hours_first_and_people_once() -> None:
    result = forecast(demand(yhat=5.5, freq="h"), standard(method="workload", units_per_hour=1.25, aht_s=np.nan))
    row = median(result).iloc[0]
    # 4.4 hours of work in the hour: 5 people at work, 4.4 / 0.7 = 6.29 so 7 scheduled, 6.29 hours paid.
    assert (row["required"], row["scheduled"]) == (5, 7)
    assert row["hours"] == pytest.approx(4.4 / 0.7)


def test_daily_work_is_people_with_a_full_day() -> None:
    days = pd.date_range("2026-07-01", "2026-07-31", freq="D")
    work = standard(method="workload", units_per_hour=10.0, shrinkage=0.2)
    result = forecast(demand(freq="D", starts=days, yhat=400.0), work)
    # 160 hours a month are 8 hours a day: 40 hours of work are 5 people at work, 6.25 scheduled.
    assert median(result)["required"].unique().tolist() == [5]
    assert median(result)["scheduled"].unique().tolist() == [7]
    assert result.monthly["required_hours"].iloc[0] == pytest.approx(31 * 40 / 0.8)
    assert result.monthly["required_fte"].iloc[0] == pytest.approx(31 * 50 / 160)


def test_monthly_work_is_full_time_people() -> None:
    months = pd.date_range("2026-07-01", periods=2, freq="MS")
    result = forecast(demand(freq="MS", starts=months, yhat=3200.0), standard(method="workload", units_per_hour=10.0))
    assert median(result)["required"].tolist() == [2, 2]
    assert result.monthly["period"].tolist() == ["2026-07", "2026-08"]


def test_a_standard_that_changes_within_a_month_of_a_monthly_forecast_is_named() -> None:
    months = pd.date_range("2026-07-01", periods=3, freq="MS")
    work = standard(method="workload", units_per_hour=10.0)
    rows = demand(freq="MS", starts=months, yhat=3200.0)
    within = forecast(rows, work, work | {"valid_from": pd.Timestamp("2026-08-15"), "units_per_hour": 20.0})
    assert median(within)["required"].tolist() == [2, 2, 1]
    assert len(within.notes) == 1
    assert "the standard of 2026-08-15 begins within the forecast from 2026-08-01" in within.notes[0]
    assert forecast(rows, work, work | {"valid_from": pd.Timestamp("2026-08-01")}).notes == ()


@pytest.mark.parametrize("method", ["workload", "backlog"])
def test_a_forecast_without_its_upper_bounds_is_staffed_for_what_it_has_and_that_is_said(method: str) -> None:
    days = pd.date_range("2026-07-01", periods=3, freq="D")
    rows = demand(freq="D", starts=days, yhat=400.0).assign(hi60=[np.nan, 440.0, 440.0])
    result = forecast(rows, standard(method=method, units_per_hour=10.0, sla_days=0.0))
    kept = result.plan.groupby("quantile").size().to_dict()
    assert kept == ({0.5: 3, 0.8: 2, 0.95: 3} if method == "workload" else {0.5: 3, 0.95: 3})
    assert result.notes == (
        "Calls at North: 1 of the forecast's 3 rows have no hi60; they are not staffed for the quantile 0.8. "
        "A longer history gives the forecast its intervals.",
    )


def test_backlog_work_is_spread_up_to_its_deadline() -> None:
    days = pd.date_range("2026-07-01", "2026-07-31", freq="D")
    volumes = [160.0 if day.day_of_week == 0 else 0.0 for day in days]
    work = standard(method="backlog", units_per_hour=1.0, sla_days=3.0, shrinkage=0.0)
    result = forecast(demand(freq="D", starts=days, yhat=volumes), work)
    # What comes on Monday may be done until Thursday: 40 hours a day.
    assert median(result)["hours"].tolist() == pytest.approx([40.0] * 31)


def test_a_standard_changes_on_its_date() -> None:
    starts = pd.DatetimeIndex(["2026-07-14 08:00", "2026-07-15 08:00"])
    later = standard(valid_from=pd.Timestamp("2026-07-15"), aht_s=360.0, wage_rate=Decimal("30.00"))
    result = forecast(demand(starts=starts), standard(), later)
    rows = median(result)
    assert rows["required"].tolist() == [14, staffing.required_agents(100, 360, 1800, service_level=0.8, target_s=20)]
    assert rows["cost_cents"].tolist() == [245_50, round(rows["hours"][1] * 30_00)]


def test_a_service_before_its_first_standard_is_named() -> None:
    result = forecast(demand(), standard(valid_from=pd.Timestamp("2026-08-01")))
    assert result.plan.empty
    assert "Calls at North has no standard before 2026-08-01" in result.notes[0]


def test_shrinkage_by_category_takes_the_place_of_the_single_share() -> None:
    categories = pd.DataFrame(
        {"site": "North", "service": "Calls", "category": ["leave", "training"], "share": [0.2, 0.1]}
    )
    assert median(forecast(demand(), standard(shrinkage=0.5), shrinkage=categories))["scheduled"].iloc[0] == 20


def test_nobody_is_staffed_outside_the_opening_hours_and_that_is_said() -> None:
    hours = pd.DataFrame(
        {"site": "North", "service": "Calls", "weekday": ["Wednesday"], "opens": "08:30", "closes": "09:30"}
    )
    result = forecast(demand(), opening_hours=hours)
    assert (median(result)["required"] > 0).tolist() == [False, True, True, False]
    assert "a volume of 200 is forecast outside the opening hours" in result.notes[0]


def test_opening_hours_past_midnight() -> None:
    hours = pd.DataFrame(
        {"site": "North", "service": "Calls", "weekday": ["Tuesday"], "opens": "22:00", "closes": "08:30"}
    )
    assert (median(forecast(demand(), opening_hours=hours))["required"] > 0).tolist() == [True, False, False, False]


def test_the_roster_shows_its_gap_where_both_stand() -> None:
    roster = pd.DataFrame(
        {
            "start": pd.to_datetime(["2026-06-30 08:00", "2026-07-01 08:00", "2026-07-01 08:30"]),
            "site": "North",
            "service": "Calls",
            "staff": [9.0, 18.0, 22.0],
            "hours": [4.5, 9.0, 11.0],
        }
    )
    result = forecast(demand(), roster=roster)
    assert result.gaps["gap"].tolist() == [-2, 2]
    assert median(result)["rostered"].isna().tolist() == [False, False, True, True]
    assert forecast(demand()).gaps.empty


def test_a_roster_that_meets_no_interval_is_said() -> None:
    roster = pd.DataFrame({"start": [pd.Timestamp("2026-05-01")], "site": "North", "service": "Calls", "staff": 9.0})
    result = forecast(demand(), roster=roster, sites=pd.DataFrame({"site": ["North"]}))
    assert "meets no forecast interval" in result.notes[0]


def test_a_roster_of_an_unknown_site_is_said() -> None:
    roster = pd.DataFrame(
        {"start": [pd.Timestamp("2026-07-01 08:00")], "site": "Nroth", "service": "Calls", "staff": 9.0}
    )
    result = forecast(demand(), roster=roster, sites=pd.DataFrame({"site": ["North"]}))
    assert result.notes == ("The roster names the site Nroth, which is not in sites: mend the name or add the site.",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"service_level": 1.0}, "which no number of agents keeps", id="service level of 1"),
        pytest.param({"aht_s": np.nan}, "needs aht_s above zero", id="missing handling time"),
        pytest.param({"aht_s": -5.0}, "needs aht_s above zero", id="negative handling time"),
        pytest.param({"method": "erlang_a"}, "needs patience_s", id="erlang a without patience"),
        pytest.param({"method": "workload"}, "needs units_per_hour", id="workload without a standard"),
        pytest.param({"shrinkage": 1.0}, "shrinkage 1.0 is not a share", id="nobody at work"),
        pytest.param({"service": "Chat"}, "Calls at North has demand but no standard", id="no standard"),
        pytest.param({"service_level": np.nan}, "promises nothing", id="no promise"),
        pytest.param({"hours_per_fte": 0.0}, "hours_per_fte of 0: give the paid hours", id="nobody works"),
        pytest.param({"hours_per_fte": -5.0}, "hours_per_fte of -5: give the paid hours", id="negative hours"),
        pytest.param({"wage_rate": Decimal("-3.10")}, "wage_rate of -3.10: give the cost", id="negative wage"),
    ],
)
def test_a_standard_that_cannot_be_is_a_note_and_the_others_go_on(change: dict[str, Any], sentence: str) -> None:
    mail = standard(service="Mail", method="workload", units_per_hour=10.0)
    result = forecast(pd.concat([demand(), demand("Mail")]), standard(**change), mail)
    assert result.plan["service"].unique().tolist() == ["Mail"]
    assert any(sentence in note for note in result.notes)


def test_overlapping_opening_hours_are_said() -> None:
    weekdays = ["Monday", "Tuesday"]
    hours = pd.DataFrame(
        {"site": "North", "service": "Calls", "weekday": weekdays, "opens": "08:00", "closes": ["10:00", "07:00"]}
    )
    assert not any("overlap" in note for note in forecast(demand(), opening_hours=hours).notes)
    wider = hours.assign(opens="06:00", closes="06:00").iloc[:1]
    overlap = pd.concat([wider, hours.iloc[1:].assign(opens="05:00")])
    assert "overlap on Tuesday" in forecast(demand(), opening_hours=overlap).notes[0]


def test_a_queue_is_not_computed_from_days() -> None:
    days = pd.date_range("2026-07-01", periods=3, freq="D")
    result = forecast(demand(freq="D", starts=days))
    assert result.plan.empty
    assert "has no forecast by interval (only D)" in result.notes[0]


def test_a_month_without_all_its_intervals_is_not_among_the_months() -> None:
    intervals = demand(starts=pd.date_range("2026-07-01", "2026-08-15", freq="30min", inclusive="left"))
    days = demand(freq="D", starts=pd.date_range("2026-07-01", "2026-08-31", freq="D"), yhat=4800.0)
    result = forecast(pd.concat([intervals, days]))
    assert result.monthly["period"].tolist() == ["2026-07"]
    assert "2026-08 is not among the months" in result.notes[0]


def test_work_after_the_last_interval_goes_by_days() -> None:
    intervals = demand(starts=pd.date_range("2026-07-01", "2026-07-15", freq="30min", inclusive="left"), yhat=10.0)
    days = demand(freq="D", starts=pd.date_range("2026-07-01", "2026-07-31", freq="D"), yhat=480.0)
    result = forecast(pd.concat([intervals, days]), standard(method="workload", units_per_hour=10.0))
    assert median(result)["volume"].sum() == pytest.approx(31 * 480)
    assert result.monthly["required_hours"].iloc[0] == pytest.approx(31 * 48 / 0.7)


@pytest.mark.parametrize(
    ("day", "hours"),
    [pytest.param("2026-10-25", 25, id="clocks back"), pytest.param("2027-03-28", 23, id="clocks forward")],
)
def test_a_day_is_staffed_for_the_hours_it_has(day: str, hours: int) -> None:
    starts = pd.date_range(day, periods=48, freq="30min")
    result = forecast(demand(starts=starts), standard(shrinkage=0.0, service_level=np.nan, max_occupancy=0.5))
    rows = median(result)
    staffed = rows["hours"] / rows["required"]
    assert staffed.sum() == hours


def test_only_the_latest_forecast_made_in_time_counts() -> None:
    older = demand(yhat=900.0).assign(cutoff=pd.Timestamp("2026-05-31"))
    remade = demand(yhat=900.0).assign(cutoff=pd.Timestamp("2026-07-31"), reconstructed=True)
    assert median(forecast(pd.concat([older, demand(), remade])))["volume"].unique().tolist() == [100]


def test_a_blank_wage_is_a_missing_cost_and_not_a_free_hour() -> None:
    result = forecast(demand(), standard(wage_rate=None))
    assert result.plan["cost_cents"].isna().all()
    assert result.monthly["staff_cost_cents"].isna().all()
    assert "no wage_rate" in result.notes[0]


def test_the_whole_is_the_sum_of_its_sites() -> None:
    both = pd.concat([demand(), demand(site="South", yhat=50.0)])
    standards = [standard(), standard(site="South", wage_rate=Decimal("19.90"))]
    parts = [forecast(both, *standards, entity=site) for site in ("North", "South")]
    whole = staffing.total(parts)
    assert whole.entity == "(all)"
    assert whole.plan["site"].unique().tolist() == ["(all)"]
    for column in ("volume", "required", "scheduled", "hours", "cost_cents"):
        assert whole.plan[column].sum() == pytest.approx(sum(part.plan[column].sum() for part in parts))
    pd.testing.assert_frame_equal(forecast(both, *standards, entity="(all)").plan, whole.plan)
    assert whole.monthly["staff_cost_cents"].sum() == sum(part.monthly["staff_cost_cents"].sum() for part in parts)


def test_one_site_without_a_roster_leaves_the_whole_without_a_gap() -> None:
    roster = pd.DataFrame(
        {"start": [pd.Timestamp("2026-07-01 08:00")], "site": "North", "service": "Calls", "staff": 9.0}
    )
    both = pd.concat([demand(), demand(site="South")])
    whole = forecast(both, standard(), standard(site="South"), entity="(all)", roster=roster)
    assert whole.plan["rostered"].isna().all()
    assert whole.gaps.empty


def test_a_site_without_demand_gets_an_empty_plan_of_the_same_shape() -> None:
    empty, full = forecast(demand(), entity="South"), forecast(demand())
    assert "South has no demand forecast" in empty.notes[0]
    for name in ("plan", "monthly", "gaps"):
        assert getattr(empty, name).dtypes.equals(getattr(full, name).dtypes)


def test_the_inputs_stay_as_they_were() -> None:
    rows, table = demand(), pd.DataFrame([standard()])
    before = rows.copy(), table.copy()
    staffing.staffing_forecast(rows, {"standards": table}, Settings(), period="2026-06", entity="North")
    pd.testing.assert_frame_equal(rows, before[0])
    pd.testing.assert_frame_equal(table, before[1])

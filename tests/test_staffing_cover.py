"""Shift cover: optima found by hand and by trying every plan, shifts on the circle of the week, and refusals."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from opsanalytics.staffing.cover.patterns import Patterns, shift_patterns, tours
from opsanalytics.staffing.cover.programme import Cover, cover_shifts
from opsanalytics.staffing.cover.search import Block, _lifted, _step, without_spare
from opsanalytics.staffing.cover.week import cover_week

QUICK = settings(max_examples=40, deadline=None)
RING = [[1, 0, 1], [1, 1, 0], [0, 1, 1]]  # three shifts, each over two of three intervals
WEEK = pd.date_range("2026-11-02", periods=336, freq="30min")  # Monday 00:00
HOURS_9_TO_17 = pd.DataFrame({"weekday": ["Monday", "Tuesday"], "opens": "09:00", "closes": "17:00"})


@st.composite
def programmes(draw: st.DrawFn) -> dict[str, Any]:
    """A requirement of up to four intervals, up to four shifts, whole costs, and a price that may be absent."""
    intervals, shifts = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rows = st.lists(st.integers(0, 1), min_size=shifts, max_size=shifts)
    coverage = np.array(draw(st.lists(rows, min_size=intervals, max_size=intervals)))
    required = np.array(draw(st.lists(st.integers(0, 3), min_size=intervals, max_size=intervals)))
    price = draw(st.sampled_from([None, 1, 2, 3.5]))
    if price is None:
        required = np.where(coverage.sum(axis=1) > 0, required, 0)
    cost = draw(st.lists(st.integers(1, 5), min_size=shifts, max_size=shifts))
    return {"required": required, "coverage": coverage, "cost": cost, "understaff_cost": price}


def solve(programme: dict[str, Any], **changes: Any) -> Cover:
    """Cover the programme, in part changed."""
    asked = programme | changes
    return cover_shifts(
        asked["required"],
        asked["coverage"],
        asked["cost"],
        understaff_cost=asked["understaff_cost"],
        gap=asked.get("gap", 0),
        time_limit_s=asked.get("time_limit_s", 30),
    )


def least(programme: dict[str, Any]) -> float:
    """The least cost, by trying every plan of up to three people a shift."""
    best = math.inf
    for staff in itertools.product(range(4), repeat=len(programme["cost"])):
        short = np.maximum(programme["required"] - programme["coverage"] @ staff, 0).sum()
        price = programme["understaff_cost"]
        if price is not None or short == 0:
            best = min(best, np.dot(programme["cost"], staff) + (short * price if price is not None else 0))
    return best


# --- the programme --------------------------------------------------------------------------


def test_people_cannot_be_split() -> None:
    # Half a person on each shift would do (1.5); whole people need two shifts.
    cover = cover_shifts([1, 1, 1], RING, [1, 1, 1])
    assert cover.objective == 2
    assert cover.relaxed == pytest.approx(1.5)
    assert cover.lower_bound == pytest.approx(2)
    assert cover.mip_gap == pytest.approx(0, abs=1e-9)


def test_a_shift_dearer_than_being_short_is_not_staffed() -> None:
    # One person short in two intervals costs 6, the shift over both 7; at 4 each it is 8.
    assert cover_shifts([1, 1], [[1], [1]], [7], understaff_cost=3).staff.tolist() == [0]
    assert cover_shifts([1, 1], [[1], [1]], [7], understaff_cost=4).staff.tolist() == [1]


def test_the_price_of_being_short_may_differ_by_interval() -> None:
    cover = cover_shifts([1, 1], np.eye(2), [5, 5], understaff_cost=[2, 9])
    assert cover.uncovered.tolist() == [1, 0]
    assert cover.objective == 7


def test_what_no_shift_reaches_is_short_at_its_price_and_in_the_bound() -> None:
    cover = cover_shifts([2, 3], [[1], [0]], [5], understaff_cost=100)
    assert cover.uncovered.tolist() == [0, 3]
    assert cover.objective == cover.lower_bound == 310


def test_parts_that_share_no_shift_cost_the_sum_of_both() -> None:
    both = np.zeros((6, 6))
    both[:3, :3], both[3:, 3:] = RING, RING
    cover = cover_shifts([1, 1, 1, 3, 3, 3], both, [1] * 6)
    assert cover.objective == 2 + 5  # ceil(1.5) and ceil(4.5)
    assert cover.relaxed == pytest.approx(1.5 + 4.5)


def test_a_shift_that_covers_less_for_the_same_price_is_left_alone() -> None:
    cover = cover_shifts([2, 2], [[1, 1, 1], [0, 1, 1]], [4, 4, 4])
    assert cover.staff[0] == 0
    assert cover.objective == 8


def test_a_requirement_of_nobody_costs_nothing() -> None:
    cover = cover_shifts([0, 0], np.eye(2), [1, 1])
    assert (cover.staff.sum(), cover.objective, cover.lower_bound, cover.mip_gap) == (0, 0, 0, 0)


def test_without_shifts_all_are_short_at_the_price() -> None:
    cover = cover_shifts([1, 2], np.zeros((2, 0)), [], understaff_cost=10)
    assert cover.objective == cover.lower_bound == 30


@pytest.mark.parametrize("price", [None, 1.5])
def test_when_time_runs_out_there_is_a_plan_with_its_gap(price: float | None) -> None:
    daily = shift_patterns(shift_hours=(8, 6), break_at=(0.5,))
    required = np.arange(336) * 7 % 11 + 1
    cover = cover_shifts(required, daily.coverage, daily.paid_hours, understaff_cost=price, time_limit_s=0.001)
    assert cover.mip_gap == pytest.approx((cover.objective - cover.lower_bound) / cover.objective)
    assert 0 < cover.mip_gap < 1
    assert (daily.coverage @ cover.staff + cover.uncovered >= required).all()
    assert price is not None or not cover.uncovered.any()


def test_a_gap_that_is_good_enough_is_kept() -> None:
    week = tours(shift_patterns(shift_hours=(8, 4), break_at=(0.5,)))
    required = np.tile(np.r_[np.full(14, 8.0), np.full(24, 60.0), np.full(10, 20.0)], 7)
    cover = cover_shifts(required, week.coverage, week.paid_hours, understaff_cost=1.5, gap=0.05, time_limit_s=20)
    assert cover.mip_gap <= 0.05
    assert cover.lower_bound >= cover.relaxed - 1e-6


@QUICK
@given(programmes())
def test_no_plan_costs_less(programme: dict[str, Any]) -> None:
    cover = solve(programme)
    assert cover.objective == pytest.approx(least(programme))
    assert cover.lower_bound == pytest.approx(cover.objective)
    assert cover.relaxed <= cover.objective + 1e-9


@QUICK
@given(programmes(), st.sampled_from([0.02, 0.2, 0.6]), st.sampled_from([0.0001, 20]))
def test_the_bound_holds_and_the_parts_add_up_however_early_the_search_ends(
    programme: dict[str, Any], gap: float, limit: float
) -> None:
    cover = solve(programme, gap=gap, time_limit_s=limit)
    assert cover.lower_bound <= least(programme) + 1e-6 <= cover.objective + 2e-6
    assert cover.mip_gap <= gap or limit < 1
    short = np.maximum(programme["required"] - programme["coverage"] @ cover.staff, 0)
    assert cover.uncovered.tolist() == short.tolist()
    paid = np.dot(programme["cost"], cover.staff) + short.sum() * (programme["understaff_cost"] or 0)
    assert cover.objective == pytest.approx(paid)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("price", [None, 5])
def test_the_whole_programme_in_one_piece_has_the_same_least_cost(seed: int, price: float | None) -> None:
    random = np.random.default_rng(seed)
    coverage = (random.random((14, 18)) < 0.3).astype(float)
    coverage[np.arange(14), np.arange(14)] = 1
    cost, required = random.integers(3, 7, 18) * 4.0, random.integers(0, 5, 14)
    works, prices = (
        (coverage, cost) if price is None else (np.c_[coverage, np.eye(14)], np.r_[cost, np.full(14, price)])
    )
    rules = optimize.LinearConstraint(works, lb=required)
    best = optimize.milp(prices, integrality=np.arange(prices.size) < 18, constraints=rules).fun
    early, late = (
        cover_shifts(required, coverage, cost, understaff_cost=price, time_limit_s=limit, gap=gap)
        for limit, gap in ((1e-6, 0.0), (30, 0.02))
    )
    assert early.lower_bound <= best + 1e-6 <= early.objective + 2e-6
    assert late.lower_bound <= best + 1e-6 <= late.objective + 2e-6
    assert late.mip_gap <= 0.02
    proved = cover_shifts(required, coverage, cost, understaff_cost=price)
    assert proved.objective == pytest.approx(best)


def test_people_who_are_not_needed_are_taken_off_where_that_saves_most() -> None:
    works = sparse.csc_array(np.array(RING, dtype=float))
    ring = Block(np.ones(3), works, np.array([2.0, 1, 3]), None)
    assert without_spare(ring, np.ones(3)).tolist() == [1, 1, 0]
    # At 1 for a person short, only a shift that saves more than the two people it leaves short is taken off.
    priced = Block(np.ones(3), works, np.array([2.0, 1, 3]), np.ones(3))
    assert without_spare(priced, np.array([1.0, 1, 0])).tolist() == [0, 1, 0]


def test_a_bound_is_rounded_up_to_a_cost_that_a_plan_can_have() -> None:
    # 1.5 shifts of 8 are 12; no plan costs 12, as each costs a multiple of 8. Times out before any search.
    cover = cover_shifts([1, 1, 1], RING, [8, 8, 8], time_limit_s=1e-9)
    assert cover.lower_bound == pytest.approx(16)
    assert _lifted(16.0, 8.0) == 16
    assert _lifted(16.1, 8.0) == 24
    assert _step(Block(np.ones(3), sparse.csc_array(RING), np.array([6.0, 8, 4]), None)) == 2
    assert _step(Block(np.ones(3), sparse.csc_array(RING), np.array([6.0, 8, 4]), np.full(3, 1.5))) == 0.5
    assert _step(Block(np.array([1, 0.3, 1]), sparse.csc_array(RING), np.array([6.0, 8, 4]), np.full(3, 1.5))) == 0


@QUICK
@given(programmes(), st.sampled_from([0, 1, 2, 4]), st.sampled_from([0.5, 1, 7]))
def test_a_higher_price_never_leaves_more_people_short(programme: dict[str, Any], price: float, dearer: float) -> None:
    cheap, dear = (solve(programme, understaff_cost=each) for each in (price, price + dearer))
    assert dear.uncovered.sum() <= cheap.uncovered.sum()


@QUICK
@given(programmes(), st.randoms(use_true_random=False))
def test_the_cost_does_not_depend_on_the_order_nor_on_how_coverage_is_held(
    programme: dict[str, Any], random: Any
) -> None:
    rows, columns = list(range(len(programme["required"]))), list(range(len(programme["cost"])))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = {
        "required": programme["required"][rows],
        "coverage": sparse.csr_array(programme["coverage"][np.ix_(rows, columns)]),
        "cost": np.array(programme["cost"])[columns],
    }
    before = {name: value.copy() for name, value in programme.items() if isinstance(value, np.ndarray)}
    assert solve(programme | shuffled).objective == pytest.approx(solve(programme).objective)
    assert all((programme[name] == value).all() for name, value in before.items())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"required": [-1]}, "required -1 is negative or missing", id="negative"),
        pytest.param({"required": [math.nan]}, "required is negative or missing", id="missing"),
        pytest.param({"required": [math.inf]}, "required inf is not finite", id="endless"),
        pytest.param({"coverage": [[1, 1]]}, "coverage must have one row an interval", id="shape"),
        pytest.param({"understaff_cost": -2}, "understaff_cost -2 is negative or missing", id="price"),
        pytest.param({"gap": 1}, "gap is 1: give a share from 0", id="gap"),
        pytest.param({"time_limit_s": 0}, "time_limit_s is 0: give seconds above zero", id="no time"),
    ],
)
def test_a_programme_that_cannot_be_meant_is_refused(changes: dict[str, Any], sentence: str) -> None:
    good = {"required": [1], "coverage": [[1]], "cost": [1], "understaff_cost": None}
    with pytest.raises(ValueError, match=sentence):
        solve(good, **changes)


# --- shifts and tours -----------------------------------------------------------------------


def worked(patterns: Patterns, column: int) -> list[str]:
    """The intervals in which a pattern works in full, as weekday and time."""
    full = patterns.coverage[:, [column]].toarray().ravel() == 1
    return list(WEEK[full].strftime("%a %H:%M"))


def test_a_shift_has_its_break_in_the_middle_and_an_unpaid_one_makes_it_longer() -> None:
    opening = pd.DataFrame({"weekday": ["Monday"], "opens": ["09:00"], "closes": ["12:30"]})
    found = shift_patterns(opening, shift_hours=(3,), break_at=(0.5,), break_from_hours=3)
    assert found.table.values.tolist() == [["3 h", "Mon", "09:00", "12:30", "10:30", 3.0]]
    assert worked(found, 0) == ["Mon 09:00", "Mon 09:30", "Mon 10:00", "Mon 11:00", "Mon 11:30", "Mon 12:00"]


def test_a_paid_break_lies_within_the_paid_hours() -> None:
    opening = pd.DataFrame({"weekday": ["Monday"], "opens": ["09:00"], "closes": ["17:00"]})
    found = shift_patterns(opening, shift_hours=(8,), break_at=(0.4,), break_paid=True)
    # 7.5 hours of work; 0.4 of them are three hours.
    assert found.table.values.tolist() == [["8 h", "Mon", "09:00", "17:00", "12:00", 8.0]]
    assert found.coverage.sum() / 2 == 7.5


def test_shifts_below_the_length_have_no_break() -> None:
    found = shift_patterns(shift_hours=(6, 5.5))
    assert found.table.groupby("shift")["break_starts"].agg(lambda x: x.isna().all()).to_dict() == {
        "6 h": False,
        "5.5 h": True,
    }


def test_shifts_lie_within_the_opening_hours() -> None:
    found = shift_patterns(HOURS_9_TO_17, shift_hours=(8, 6, 4)).table
    # 8 hours and a half-hour break do not fit; 6.5 hours start at 9:00 to 10:30, 4 hours at 9:00 to 13:00.
    assert set(found["shift"]) == {"6 h", "4 h"}
    assert (found["starts"].min(), found["ends"].max()) == ("09:00", "17:00")
    assert found[found["shift"] == "4 h"].groupby("days").size().to_dict() == {"Mon": 9, "Tue": 9}
    assert found[found["shift"] == "6 h"].groupby("days")["starts"].nunique().to_dict() == {"Mon": 4, "Tue": 4}


def test_a_shift_of_sunday_night_ends_on_monday() -> None:
    opening = pd.DataFrame({"weekday": ["Sunday"], "opens": ["22:00"], "closes": ["02:00"]})
    found = shift_patterns(opening, shift_hours=(4,))
    assert found.table["days"].tolist() == ["Sun"]
    assert found.table["ends"].tolist() == ["02:00"]
    assert worked(found, 0)[:4] == ["Mon 00:00", "Mon 00:30", "Mon 01:00", "Mon 01:30"]
    assert worked(found, 0)[4:] == ["Sun 22:00", "Sun 22:30", "Sun 23:00", "Sun 23:30"]


def test_a_break_shorter_than_the_interval_leaves_the_rest_of_it_covered() -> None:
    opening = pd.DataFrame({"weekday": ["Monday"], "opens": ["08:00"], "closes": ["14:30"]})
    found = shift_patterns(opening, interval_minutes=60, shift_hours=(6,), break_at=(0.5,))
    assert found.coverage.toarray()[8:15, 0].tolist() == [1, 1, 1, 0.5, 1, 1, 0.5]


@QUICK
@given(
    st.sets(st.sampled_from([2, 4, 6, 7.5, 8, 12]), min_size=1, max_size=3),
    st.sampled_from([0, 15, 30, 60]),
    st.sampled_from([30, 60]),
    st.booleans(),
    st.integers(1, 7),
)
def test_who_is_paid_works_or_has_a_paid_break(
    lengths: set[float], rest: int, interval: int, break_paid: bool, days_on: int
) -> None:
    daily = shift_patterns(
        interval_minutes=interval,
        step_minutes=480,
        shift_hours=sorted(lengths),
        break_minutes=rest,
        break_paid=break_paid,
    )
    week = tours(daily, days_on)
    for found, days in ((daily, 1), (week, days_on)):
        hours = np.asarray(found.coverage.sum(axis=0)).ravel() * interval / 60
        breaks = np.where(found.table["break_starts"].notna(), rest / 60 * days if break_paid else 0, 0)
        assert hours + breaks == pytest.approx(found.paid_hours)
        assert found.coverage.max() <= 1
    assert week.coverage.shape[1] * (1 if days_on < 7 else 7) == daily.coverage.shape[1]


def test_a_tour_repeats_its_shift_round_the_week() -> None:
    opening = pd.DataFrame({"weekday": [*HOURS_9_TO_17["weekday"], "Sunday"], "opens": "09:00", "closes": "13:00"})
    found = tours(shift_patterns(opening, shift_hours=(4,)), days_on=2)
    assert sorted(found.table["days"]) == ["Mon-Tue", "Sun-Mon"]
    assert found.paid_hours.tolist() == [8, 8]
    monday, sunday = ([row.startswith(day) for row in worked(found, 1)].count(True) for day in ("Mon", "Sun"))
    assert (monday, sunday) == (8, 8)


def test_a_week_of_half_hourly_starts_seven_kinds_and_seven_first_days_has_2352_tours() -> None:
    week = tours(shift_patterns(), 5)  # 8 and 6 hours with three breaks each, 4 hours with none
    assert week.coverage.shape == (336, 48 * 7 * 7)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        pytest.param({"shift_hours": ()}, "shift_hours are", id="no lengths"),
        pytest.param({"shift_hours": (25,)}, "up to 24 hours", id="longer than a day"),
        pytest.param({"step_minutes": 50}, "step_minutes is 50: give whole minutes that divide a day", id="step"),
        pytest.param({"break_minutes": -5}, "break_minutes is -5", id="break"),
        pytest.param({"break_at": (1.5,)}, "break_at is", id="position"),
        pytest.param({"break_minutes": 480, "break_paid": True}, "as long as the shift", id="nothing but a break"),
    ],
)
def test_shifts_that_cannot_be_are_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        shift_patterns(**asked)


def test_a_tour_has_one_to_seven_days() -> None:
    with pytest.raises(ValueError, match="days_on is 8: give a whole number of days from 1 to 7"):
        tours(shift_patterns(), 8)


# --- the week -------------------------------------------------------------------------------


def office(people: float = 2) -> pd.DataFrame:
    """Monday to Friday from 9:00 to 13:00."""
    rows = WEEK[(WEEK.day_of_week < 5) & (WEEK.hour >= 9) & (WEEK.hour < 13)]
    return pd.DataFrame({"ds": rows, "required": people})


def test_two_people_from_nine_to_one_are_two_tours_of_four_hours() -> None:
    week = office()
    found = cover_week(week["required"], week["ds"], 20)
    assert found.shifts.values.tolist()[0][:4] == ["4 h", "Mon-Fri", "09:00", "13:00"]
    assert found.shifts["staff"].tolist() == [2]
    assert found.shifts["paid_hours"].tolist() == [40]
    assert (found.objective, found.lower_bound, found.paid_hours) == (800, 800, 40)
    assert (found.short_hours, found.spare_share, found.mip_gap) == (0, 0, 0)


def test_the_frames_are_those_that_pictures_expect() -> None:
    week = office()
    found = cover_week(week["required"], week["ds"], 20)
    text = ["shift", "days", "starts", "ends", "break_starts"]
    assert found.shifts.dtypes.astype(str).to_dict() == dict.fromkeys(text, "str") | dict.fromkeys(
        ["staff", "paid_hours"], "float64"
    )
    assert found.covered.dtypes.astype(str).to_dict() == {"ds": "datetime64[us]"} | dict.fromkeys(
        ["required", "covered", "short"], "float64"
    )
    nobody = cover_week([], [], 20)
    assert nobody.shifts.dtypes.to_dict() == found.shifts.dtypes.to_dict()
    assert nobody.covered.dtypes.to_dict() == found.covered.dtypes.to_dict()


def test_hours_above_the_requirement_are_a_share_of_those_worked() -> None:
    week = office()
    week.loc[week["ds"].dt.hour == 12, "required"] = 1
    found = cover_week(week["required"], week["ds"], 20)
    # Two tours of four hours, in the last hour one of both is spare: 5 of 40 hours.
    assert found.spare_share == pytest.approx(5 / 40)


def test_nobody_required_needs_no_shift_and_no_week_has_no_rows() -> None:
    nobody = cover_week(np.zeros(336), WEEK, 20)
    assert nobody.shifts.empty
    assert nobody.covered["short"].sum() == nobody.objective == 0
    assert len(nobody.covered) == 336
    empty = cover_week([], [], 20)
    assert empty.shifts.empty
    assert empty.covered.empty


def test_a_place_too_seldom_open_for_a_tour_stays_short_at_the_price() -> None:
    week = office()[:8]  # Monday alone
    found = cover_week(week["required"], week["ds"], 20, days_on=2, understaff_price=3)
    assert found.shifts.empty
    assert found.covered["short"].tolist() == [2] * 8
    assert found.objective == 2 * 4 * 20 * 3
    assert found.mip_gap == 0
    assert math.isnan(found.spare_share)


def test_what_lies_outside_the_opening_hours_stays_short() -> None:
    week = office()
    opening = pd.DataFrame({"weekday": ["Monday"], "opens": ["09:00"], "closes": ["13:00"]})
    found = cover_week(week["required"], week["ds"], 20, opening=opening, days_on=1)
    assert found.covered.groupby(found.covered["ds"].dt.day_name())["short"].sum().to_dict() == {
        "Monday": 0,
        "Tuesday": 16,
        "Wednesday": 16,
        "Thursday": 16,
        "Friday": 16,
    }


@pytest.mark.parametrize("day", [0, 3, 6])
def test_a_week_may_begin_on_any_day_and_its_rows_in_any_order(day: int) -> None:
    required = np.where((WEEK.hour >= 8) & (WEEK.hour < 20), 6, 2)
    turned = WEEK + pd.to_timedelta(np.where(WEEK.day_of_week < day, 7, 0), unit="D")
    order = np.random.default_rng(1).permutation(336)
    found = cover_week(required[order], turned[order], 20, shift_hours=(8, 4), days_on=7)
    # Seven days alike: 2 through the night and 6 by day are 96 hours a day, if breaks are covered too.
    assert found.objective >= 96 * 7 * 20
    assert found.covered["ds"].is_monotonic_increasing
    assert found.objective == pytest.approx(cover_week(required, WEEK, 20, shift_hours=(8, 4), days_on=7).objective)


def test_hours_and_half_hours_of_the_same_requirement_cost_the_same() -> None:
    week = office()
    hourly = week[week["ds"].dt.minute == 0]
    halves, hours = (cover_week(rows["required"], rows["ds"], 20) for rows in (week, hourly))
    assert halves.objective == hours.objective
    assert halves.paid_hours == hours.paid_hours


@pytest.mark.parametrize(
    ("sunday", "count"), [pytest.param("2026-03-29", 334, id="spring"), pytest.param("2026-10-25", 338, id="autumn")]
)
def test_a_week_in_which_the_clocks_change_keeps_its_rows_and_goes_by_the_clock(sunday: str, count: int) -> None:
    first = pd.Timestamp(sunday, tz="Europe/Dublin") - pd.DateOffset(days=6)
    rows = pd.date_range(first, first + pd.DateOffset(days=7), freq="30min", inclusive="left")
    assert len(rows) == count
    for starts in (rows, rows.tz_localize(None)):
        found = cover_week(np.ones(count), starts, 20, shift_hours=(4,), days_on=7)
        assert len(found.covered) == count
        assert found.covered["covered"].tolist() == [1] * count
        assert found.paid_hours == 7 * 24  # six shifts of four hours a day, by the clock


@given(st.integers(1, 5), st.sampled_from([1, 2.5]))
@example(3, 1)
@settings(max_examples=5, deadline=None)
def test_the_wage_moves_the_cost_and_not_the_shifts(people: int, wage: float) -> None:
    week = office(people)
    one, other = (cover_week(week["required"], week["ds"], rate) for rate in (1, wage))
    pd.testing.assert_frame_equal(one.shifts, other.shifts)
    assert other.objective == pytest.approx(wage * one.objective)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        pytest.param({"required": [1, math.nan]}, "required is negative or missing: give 0 for nobody", id="missing"),
        pytest.param({"wage_rate": math.nan}, "wage_rate is negative or missing", id="no wage"),
        pytest.param({"understaff_price": -1}, "understaff_price -1 is negative", id="price"),
        pytest.param({"required": [1]}, "There are 1 required and 2 starts", id="lengths"),
        pytest.param({"starts": WEEK[[0, 335]].shift(1, freq="7D")[[0]].append(WEEK[[0]])}, "one week", id="two weeks"),
        pytest.param({"starts": pd.to_datetime(["2026-11-02 09:07", "2026-11-02 09:37"])}, "on the clock", id="grid"),
        pytest.param({"required": [1], "starts": WEEK[:1]}, "give interval_minutes", id="one row"),
        pytest.param({"starts": [WEEK[0], pd.NaT]}, "A start is missing", id="no start"),
    ],
)
def test_a_week_that_cannot_be_read_is_refused(asked: dict[str, Any], sentence: str) -> None:
    good = {"required": [1, 1], "starts": WEEK[:2], "wage_rate": 20}
    with pytest.raises(ValueError, match=sentence):
        cover_week(**(good | asked))

"""Staffing risk: what the people planned for a percentile attain, by hand, by the formulas, and by properties."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from opsanalytics import staffing
from opsanalytics.settings import Settings
from opsanalytics.staffing.queues import formulas
from opsanalytics.staffing.risk import draws, outcomes
from opsanalytics.staffing.risk.simulation import RISK, staffing_risk

QUICK = settings(max_examples=25, deadline=None)
CUTOFF = "2026-10-31"
LEVELS = {60: 0.8416, 80: 1.2816, 90: 1.6449, 95: 1.9600}
SHAPE = np.array([20.0, 60.0, 90.0, 40.0])  # calls by half hour from 09:00


def forecast(
    stamps: pd.DatetimeIndex, mean: Any, deviation: Any, freq: str, service: str = "Calls", **columns: Any
) -> pd.DataFrame:
    """A forecast with the bounds of a normal distribution, none of them below zero."""
    middle, size = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(deviation, dtype=float))
    bounds = {
        f"{side}{level}": np.maximum(middle + sign * score * size, 0)
        for level, score in LEVELS.items()
        for side, sign in (("lo", -1), ("hi", 1))
    }
    frame = pd.DataFrame({"site": "Cork", "service": service, "freq": freq, "cutoff": pd.Timestamp(CUTOFF)}, stamps)
    frame = frame.assign(yhat=middle, **bounds, reconstructed=False, **columns)
    return frame.rename_axis("ds").reset_index().astype({"ds": "datetime64[us]", "cutoff": "datetime64[us]"})


def half_hours(days: int, first: str = "2026-11-01", start: int = 9, count: int = 4) -> pd.DatetimeIndex:
    """Half hours from `start` o'clock of so many days."""
    day = pd.date_range(first, periods=days).to_numpy()[:, None]
    return pd.DatetimeIndex((day + (60 * start + 30 * np.arange(count)).astype("timedelta64[m]")).ravel())


def standard(method: str = "erlang_c", shrinkage: float = 0.0, **values: Any) -> dict[str, pd.DataFrame]:
    """The tables with one standard."""
    usual = {
        "aht_s": 240.0, "service_level": 0.8, "target_s": 20.0, "patience_s": np.nan, "max_occupancy": np.nan,
        "concurrency": np.nan, "units_per_hour": np.nan, "sla_days": np.nan, "hours_per_fte": 160.0, "wage_rate": 20.0,
    }  # fmt: skip
    row = {"site": "Cork", "service": "Calls", "method": method, "shrinkage": shrinkage, **usual, **values}
    return {"standards": pd.DataFrame([row])}


def work(method: str, **values: Any) -> dict[str, pd.DataFrame]:
    """The tables with one standard of ten units an hour and no queue."""
    given = {"units_per_hour": 10.0, "aht_s": np.nan, "service_level": np.nan, "target_s": np.nan, **values}
    return standard(method, **given)


def planned(forecasts: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return staffing.staffing_forecast(forecasts, tables, Settings(), period="2026-10", entity="Cork").plan


def risk(forecasts: pd.DataFrame, tables: dict[str, pd.DataFrame], **values: Any) -> pd.DataFrame:
    """The risk of the plan of a forecast, which leaves nothing out; index quantile."""
    found, notes = staffing_risk(forecasts, planned(forecasts, tables), tables, **values)
    assert notes == ()
    return found.set_index("quantile")


def calls(days: int = 5, spread: float = 0.2) -> pd.DataFrame:
    mean = np.tile(SHAPE, days)
    return forecast(half_hours(days), mean, spread * mean, "30min")


# --- the queue ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "patience"), [("erlang_c", None), ("erlang_a", 120.0)])
def test_without_spread_and_absence_the_queue_attains_its_own_service_level(
    method: str, patience: float | None
) -> None:
    tables = standard(method, patience_s=np.nan if patience is None else patience)
    found = risk(calls(2, 0.0), tables, runs=3, handling_time_spread=0.0)
    agents = staffing.required_agents(SHAPE, 240, 1800, service_level=0.8, target_s=20, patience_s=patience)
    level = staffing.service_level(agents, SHAPE * 240 / 1800, 240, 20, patience)
    for measure in ("attained", "attained_low"):
        assert found[measure].tolist() == pytest.approx([np.average(level, weights=SHAPE)] * 3, rel=1e-12)
    assert (found[["intervals_missed", "months_missed"]] == 0).all(axis=None)


def test_hours_and_cost_are_those_of_the_plan() -> None:
    plan = planned(calls(), standard(shrinkage=0.25))
    found = risk(calls(), standard(shrinkage=0.25), runs=2)
    sums = plan.groupby("quantile")[["hours", "cost_cents"]].sum()
    assert found["hours"].tolist() == pytest.approx(sums["hours"].tolist())
    assert found["cost_cents"].tolist() == sums["cost_cents"].tolist()


def test_a_higher_percentile_costs_more_and_misses_less() -> None:
    found = risk(calls(20), standard(shrinkage=0.2))
    for rising in ("hours", "cost_cents", "attained", "attained_low"):
        assert found[rising].is_monotonic_increasing
    for falling in ("intervals_missed", "months_missed"):
        assert found[falling].is_monotonic_decreasing
    assert found.loc[0.5, "cost_cents"] < found.loc[0.8, "cost_cents"] < found.loc[0.95, "cost_cents"]
    assert found.loc[0.5, "intervals_missed"] > found.loc[0.8, "intervals_missed"] > found.loc[0.95, "intervals_missed"]


def test_a_percentile_without_absence_is_missed_about_as_often_as_it_says() -> None:
    # Thousands of calls, so that rounding up to whole agents adds little to what the percentile covers.
    mean = 50 * np.tile(SHAPE, 20)
    found = risk(forecast(half_hours(20), mean, 0.2 * mean, "30min"), standard(), handling_time_spread=0.0)
    for quantile in (0.5, 0.8, 0.95):
        assert 1 - quantile - 0.03 < found.loc[quantile, "intervals_missed"] < 1 - quantile + 0.02


def test_people_below_the_load_answer_nobody_in_time() -> None:
    plan = planned(calls(2, 0.0), standard())
    plan["scheduled"] = np.floor(plan["volume"] * 240 / 1800)
    found, _ = staffing_risk(calls(2, 0.0), plan, standard(), runs=2, handling_time_spread=0.0)
    assert found["attained"].tolist() == [0, 0, 0]
    assert found["intervals_missed"].tolist() == found["months_missed"].tolist() == [1, 1, 1]


def test_nights_without_volume_need_nobody_and_are_not_counted() -> None:
    day = calls(2, 0.0)
    night = forecast(half_hours(2, start=1), 0.0, 0.0, "30min")
    both = pd.concat([day, night], ignore_index=True)
    assert (planned(both, standard()).query("volume == 0")["scheduled"] == 0).all()
    alone, beside = (risk(frame, standard(), runs=2, handling_time_spread=0.0) for frame in (day, both))
    pd.testing.assert_frame_equal(alone, beside)
    nobody = planned(both, standard()).assign(scheduled=0.0)
    found, _ = staffing_risk(both, nobody, standard(), runs=2)
    assert found["intervals_missed"].tolist() == [1, 1, 1]


def test_volume_outside_the_opening_hours_is_not_counted() -> None:
    tables = standard()
    hours = [("Cork", "Calls", day, "09:00", "11:00") for day in ("Monday", "Tuesday", "Sunday")]
    tables["opening_hours"] = pd.DataFrame(hours, columns=["site", "service", "weekday", "opens", "closes"])
    evening = forecast(half_hours(2, start=20), 50.0, 0.0, "30min")
    both = pd.concat([calls(2, 0.0), evening], ignore_index=True)
    found, _ = staffing_risk(both, planned(both, tables), tables, runs=2, handling_time_spread=0.0)
    pd.testing.assert_frame_equal(
        found.set_index("quantile"), risk(calls(2, 0.0), tables, runs=2, handling_time_spread=0.0)
    )


def test_an_hour_that_the_clock_shows_twice_is_twice_as_long() -> None:
    # 25 October 2026, 01:00 Dublin time comes twice: one row bears the calls of both half hours.
    night = forecast(pd.DatetimeIndex(["2026-10-25 01:00"]), 90.0, 0.0, "30min")
    night["cutoff"] = pd.Timestamp("2026-10-24")
    tables = standard()
    agents = int(staffing.required_agents(90, 240, 3600, service_level=0.8, target_s=20))
    plan = planned(night, tables).assign(scheduled=float(agents))
    found, _ = staffing_risk(night, plan, tables, runs=1, handling_time_spread=0.0, time_zone="Europe/Dublin")
    assert found["attained"].tolist() == pytest.approx([staffing.service_level(agents, 6.0, 240, 20)] * 3)


def test_the_same_seed_gives_the_same_answer_whatever_the_order_of_the_rows_and_the_other_services() -> None:
    tables, frame = standard(shrinkage=0.2), calls()
    tables["standards"] = pd.concat([tables["standards"], tables["standards"].assign(service="Chat")])
    plan = planned(frame, tables)
    first, _ = staffing_risk(frame, plan, tables, runs=20)
    again, _ = staffing_risk(frame.sample(frac=1, random_state=1), plan.sample(frac=1, random_state=2), tables, runs=20)
    pd.testing.assert_frame_equal(first, again)
    chat = frame.assign(service="Chat")
    both = pd.concat([chat, frame], ignore_index=True)
    together, _ = staffing_risk(both, planned(both, tables), tables, runs=20)
    pd.testing.assert_frame_equal(first, together[together["service"] == "Calls"].reset_index(drop=True))
    other, _ = staffing_risk(frame, plan, tables, runs=20, seed=1)
    assert not first["attained"].equals(other["attained"])
    assert list(first.columns) == RISK


def test_more_absence_never_attains_more() -> None:
    plan = planned(calls(), standard(shrinkage=0.2))
    attained = [
        staffing_risk(calls(), plan, standard(shrinkage=share), runs=20)[0]["attained"].to_numpy()
        for share in (0.0, 0.1, 0.2, 0.4, 0.8)
    ]
    assert (np.diff(attained, axis=0) < 0).all()


def test_more_spread_of_the_handling_time_misses_more_months() -> None:
    steady, shaky = (risk(calls(20), standard(), handling_time_spread=spread) for spread in (0.0, 0.3))
    assert shaky.loc[0.8, "attained"] < steady.loc[0.8, "attained"]


@pytest.mark.parametrize("patience", [np.inf, 150.0], ids=["Erlang C", "Erlang A"])
def test_the_table_of_many_queues_agrees_with_the_formula(patience: float) -> None:
    rng = np.random.default_rng(3)
    agents = np.r_[rng.integers(0, 30, 30_000), rng.integers(100, 300, 10_000)].astype(float)[None]
    volume = agents * rng.uniform(0, 1.6, agents.shape) * 1800 / 240 + rng.uniform(0, 5, agents.shape)
    factor = rng.lognormal(0, 0.1, agents.shape)
    seconds = np.full(agents.size, 1800.0)
    many = outcomes.answered(volume, agents, factor, seconds, 240, 20, patience).done / volume
    parts = [
        outcomes.answered(volume[:, own], agents[:, own], factor[:, own], seconds[own], 240, 20, patience).done
        for own in np.array_split(np.arange(agents.size), 4)
    ]
    assert np.abs(many - np.concatenate(parts, axis=1) / volume).max() < 0.003


def occupancy_only(method: str = "erlang_c", most: float = 0.85, **values: Any) -> dict[str, pd.DataFrame]:
    return standard(method, service_level=np.nan, target_s=np.nan, max_occupancy=most, **values)


@pytest.mark.parametrize(
    ("agents", "attained", "intervals", "month"),
    [
        pytest.param(10, 120 / 210, 0.25, 0.0, id="8.5 erlangs an interval, 34 of 28 in all"),
        pytest.param(7, 60 / 210, 0.5, 1.0, id="5.95 erlangs an interval, 23.8 of 28 in all"),
    ],
)
def test_a_promise_of_occupancy_is_kept_in_the_intervals_whose_agents_are_not_busier(
    agents: int, attained: float, intervals: float, month: float
) -> None:
    # Loads of 2.67, 8, 12 and 5.33 erlangs, 28 in all.
    plan = planned(calls(1, 0.0), occupancy_only()).assign(scheduled=float(agents))
    found, notes = staffing_risk(calls(1, 0.0), plan, occupancy_only(), runs=2, handling_time_spread=0.0)
    assert found["attained"].tolist() == pytest.approx([attained] * 3)
    assert found["attained_low"].tolist() == pytest.approx([attained] * 3)
    assert found["intervals_missed"].tolist() == [intervals] * 3
    assert found["months_missed"].tolist() == [month] * 3
    assert len(notes) == 1
    assert notes[0].startswith("Calls at Cork promises an occupancy and no service level")


@pytest.mark.parametrize(("method", "patience"), [("erlang_c", np.nan), ("erlang_a", 120.0)])
def test_the_people_planned_for_an_occupancy_keep_it_without_spread_and_absence(method: str, patience: float) -> None:
    tables = occupancy_only(method, patience_s=patience)
    found, _ = staffing_risk(calls(2, 0.0), planned(calls(2, 0.0), tables), tables, runs=2, handling_time_spread=0.0)
    assert found["attained"].tolist() == [1, 1, 1]
    assert (found[["intervals_missed", "months_missed"]] == 0).all(axis=None)


def test_those_who_hang_up_do_not_make_agents_busy() -> None:
    volume, agents, ones = np.array([[90.0]]), np.array([[12.0]]), np.ones((1, 1))
    busy = float(formulas.occupancy(12, 12, 240, 60))
    for most, kept in ((busy - 0.01, 0), (busy + 0.01, 1)):
        found = outcomes.occupied(volume, agents, ones, np.array([1800.0]), 240, most, 60.0)
        assert found.done.tolist() == [[90.0 * kept]]
        assert found.room.tolist() == [[pytest.approx(90 * most / busy)]]
    assert outcomes.occupied(volume, agents, ones, np.array([1800.0]), 240, 1.0, np.inf).done.tolist() == [[0.0]]


def test_the_occupancy_of_many_queues_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(3)
    agents = rng.integers(1, 60, 40_000).astype(float)[None]
    volume, factor = agents * rng.uniform(0.1, 1.6, agents.shape) * 1800 / 240, rng.lognormal(0, 0.1, agents.shape)
    seconds = np.full(agents.size, 1800.0)
    found = outcomes.occupied(volume, agents, factor, seconds, 240, 0.85, 150.0)
    busy = formulas.occupancy(agents, volume * 240 * factor / 1800, 240 * factor, 150.0)
    assert np.abs(0.85 * volume / found.room - busy).max() < 0.003
    sure = np.abs(busy - 0.85) > 0.003
    assert ((found.done > 0) == (busy <= 0.85))[sure].all()


# --- work without a queue -------------------------------------------------------------------------------------------


def test_work_is_done_on_its_day_as_far_as_the_people_reach_and_may_move_within_the_month() -> None:
    # One person does 10 units an hour for 8 hours: 80 a day. Of 60 and 100 units, 60 and 80 are done on their day;
    # the month has room for all 160, and with 170 it has not.
    days = pd.date_range("2026-11-02", periods=2)
    for units, attained, month in ((100.0, 140 / 160, 0.0), (110.0, 140 / 170, 1.0)):
        frame = forecast(days, [60.0, units], 0.0, "D")
        plan = planned(frame, work("workload")).assign(scheduled=1.0)
        found, _ = staffing_risk(frame, plan, work("workload"), runs=2, handling_time_spread=0.0)
        assert found["attained"].tolist() == pytest.approx([attained] * 3)
        assert found["intervals_missed"].tolist() == [0.5] * 3
        assert found["months_missed"].tolist() == [month] * 3


def test_work_with_a_deadline_is_done_first_in_first_out() -> None:
    # One person does 80 units a day. Of Monday's 170, 160 are done by Tuesday, their last day; Wednesday does the other
    # 10 late and 70 of its own 90, Thursday the rest in time. Of the days with work one misses, one does not.
    days = pd.date_range("2026-11-02", periods=4)
    frame = forecast(days, [170.0, 0.0, 90.0, 0.0], 0.0, "D")
    tables = work("backlog", sla_days=1.0)
    plan = planned(frame, tables).assign(scheduled=1.0)
    found, _ = staffing_risk(frame, plan, tables, runs=2, handling_time_spread=0.0)
    assert found["attained"].tolist() == pytest.approx([250 / 260] * 3)
    assert found["intervals_missed"].tolist() == [0.5] * 3


@QUICK
@given(
    arrivals=st.lists(st.integers(0, 50), min_size=1, max_size=15),
    capacity=st.integers(0, 40),
    wait=st.integers(0, 4),
)
def test_what_is_late_is_what_the_backlog_says(arrivals: list[int], capacity: int, wait: int) -> None:
    # The days after the last arrival let everything that is judged become due.
    units = np.r_[np.array(arrivals, dtype=float), np.zeros(wait + 1)]
    due = np.arange(units.size) + wait
    outcome = outcomes.in_time(units[None], np.full((1, units.size), float(capacity)), due)
    plain = staffing.backlog(units, float(capacity), wait)
    missed = outcome.volume.sum() - outcome.done.sum()
    assert missed == pytest.approx(plain.late_units + plain.overdue_units, abs=1e-9)


def test_work_due_on_a_closed_day_is_due_on_the_next_open_one() -> None:
    # Friday 6 November, due on Saturday, closed until Monday: what Monday does is in time.
    tables = work("backlog", sla_days=1.0)
    weekdays = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    tables["opening_hours"] = pd.DataFrame(
        [("Cork", "Calls", day, "08:00", "16:00") for day in weekdays],
        columns=["site", "service", "weekday", "opens", "closes"],
    )
    frame = forecast(pd.date_range("2026-11-06", periods=5), [150.0, 0.0, 0.0, 0.0, 0.0], 0.0, "D")
    plan = planned(frame, tables).assign(scheduled=1.0)
    found, _ = staffing_risk(frame, plan, tables, runs=1, handling_time_spread=0.0)
    assert found["attained"].tolist() == [1, 1, 1]
    shut = frame.assign(yhat=170.0 * (frame["yhat"] > 0))
    shut = shut.assign(**{name: shut["yhat"] for name in shut if name[:2] in ("lo", "hi")})
    found, _ = staffing_risk(shut, plan, tables, runs=1, handling_time_spread=0.0)
    assert found["attained"].tolist() == pytest.approx([160 / 170] * 3)


def test_weeks_of_work_are_done_in_a_twelfth_of_a_year_of_full_time_people_by_month() -> None:
    # One person of 160 hours a month does 160 x 12 / 52 x 10 units a week.
    week = 160 * 12 / 52 * 10
    frame = forecast(pd.DatetimeIndex(["2026-11-02", "2026-11-09"]), [week, week + 1], 0.0, "W-MON")
    plan = planned(frame, work("workload"))
    assert plan.loc[plan["quantile"] == 0.5, "required"].tolist() == [1, 2]
    found, _ = staffing_risk(frame, plan.assign(scheduled=1.0), work("workload"), runs=1, handling_time_spread=0.0)
    assert found["attained"].tolist() == pytest.approx([2 * week / (2 * week + 1)] * 3)
    assert found["intervals_missed"].tolist() == [0.5] * 3


def test_months_of_work_are_done_by_the_days_of_people() -> None:
    # Two people for a month of 20 days of 8 hours at 10 units an hour: 3,200 units.
    frame = forecast(pd.DatetimeIndex(["2026-11-01", "2026-12-01"]), [3200.0, 4000.0], 0.0, "MS")
    plan = planned(frame, work("workload")).assign(scheduled=2.0)
    found, _ = staffing_risk(frame, plan, work("workload"), runs=1, handling_time_spread=0.0)
    assert found["attained"].tolist() == pytest.approx([6400 / 7200] * 3)
    assert found["months_missed"].tolist() == [0.5] * 3


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_volumes_are_the_forecasts_own_percentiles_and_go_on_in_a_line_beyond() -> None:
    frame = forecast(half_hours(1, count=1), 100.0, 10.0, "30min")
    frame["hi60"] = 112.0  # a percentile on record counts, whatever the others say
    wanted = {0.0: 100.0, 0.8416: 112.0, 1.2816: 112.816, -0.8416: 91.584, 3.0: 130.0, -4.0: 60.0, -11.0: 0.0}
    found = draws.volumes(draws.spread_of(frame), np.array(list(wanted))[:, None])
    assert found.ravel().tolist() == pytest.approx(list(wanted.values()), rel=1e-4)


def test_a_fifth_of_the_draws_lies_above_the_eightieth_percentile() -> None:
    frame = forecast(half_hours(30), 100.0, 25.0, "30min")
    rng = np.random.default_rng(0)
    drawn = draws.volumes(draws.spread_of(frame), rng.standard_normal((200, len(frame))))
    above = (drawn > frame["hi60"].to_numpy()).mean()
    assert abs(above - 0.2) < 4 * np.sqrt(0.2 * 0.8 / drawn.size)


def test_a_days_common_error_is_found_from_the_spread_of_its_sum() -> None:
    # Four intervals of deviation 1, correlated by one half: the sum has the variance 4 + 12 / 2 = 10.
    parts = draws.spread_of(forecast(half_hours(3), 100.0, 1.0, "30min"))
    sums = draws.spread_of(forecast(pd.date_range("2026-11-01", periods=3), 400.0, np.sqrt(10.0), "D"))
    day, days = np.repeat(np.arange(3), 4), np.arange(3)
    found = draws.shares_of(parts, day, draws.Sums(sums.deviation, days), None, 9)
    assert found.lasting + found.daily == pytest.approx(0.5)
    # Nine days, in the middle: correlation 1 / (3 + 1) of the sums, whose variance is 10 / 16 of a common error's.
    assert found.lasting == pytest.approx(0.25 * 10 / 16)
    assert draws.shares_of(parts, day, None, None, 1) == draws.Shares(0.0, pytest.approx(1 / 3))


def test_what_lasts_is_found_from_the_spread_of_a_month() -> None:
    # Three days of deviation 2 a month, correlated by one half: the month has the variance 12 + 24 / 2 = 24.
    parts = draws.spread_of(forecast(pd.date_range("2026-11-01", periods=6), 100.0, 2.0, "D"))
    day, month = np.arange(6), np.repeat([0, 1], 3)
    found = draws.shares_of(parts, day, None, draws.Sums(np.array([np.sqrt(24.0), np.nan]), month), 3)
    assert (found.lasting, found.daily) == pytest.approx((0.5, 0.5), rel=1e-3)


def test_the_months_of_the_demand_forecast_widen_what_a_month_may_bring() -> None:
    frame = forecast(pd.date_range("2026-11-01", periods=30), 10_000.0, 1000.0, "D")
    row = {"site": "Cork", "service": "Calls", "period": "2026-11", "scenario": "FC", "reconstructed": False}
    tight, wide = (
        pd.DataFrame([{**row, "volume": 300_000.0, "hi80": 300_000.0 + 1.2816 * deviation}])
        for deviation in (1000 * np.sqrt(30), 30_000.0)
    )
    plan = planned(frame, work("workload"))
    calm, shaky, other = (
        staffing_risk(frame, plan, work("workload"), monthly=months, handling_time_spread=0.0)[0].set_index("quantile")
        for months in (tight, wide, wide.assign(volume=400_000.0))
    )
    # Days that are off by themselves fill a month evenly; an error that lasts is above its P80 one month in five.
    assert calm.loc[0.8, "months_missed"] == 0
    assert shaky.loc[0.8, "months_missed"] == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 200))
    # A month that is not the sum of these days tells nothing of them.
    pd.testing.assert_frame_equal(
        other, risk(frame, work("workload"), handling_time_spread=0.0).loc[:, list(other.columns)]
    )


def test_the_middle_road_lets_a_sum_grow_with_the_power_of_three_quarters() -> None:
    for count in (4, 28, 100):
        assert count + count * (count - 1) * draws.middle_road(count) == pytest.approx(count**1.5)


def test_scores_are_standard_normal_and_correlated_within_a_day_and_between_days() -> None:
    day = np.repeat(np.arange(2), 2)
    found = draws.scores(np.random.default_rng(5), 20_000, day, draws.Shares(0.2, 0.3))
    close = 4 / np.sqrt(20_000)
    assert np.abs(found.mean(axis=0)).max() < close
    wanted = np.array([[1, 0.5, 0.2, 0.2], [0.5, 1, 0.2, 0.2], [0.2, 0.2, 1, 0.5], [0.2, 0.2, 0.5, 1]])
    assert np.abs(np.cov(found.T) - wanted).max() < 2 * close


def test_simulated_days_have_the_spread_that_the_forecast_gives_them() -> None:
    parts = forecast(half_hours(40), 100.0, 10.0, "30min")
    sums = forecast(pd.date_range("2026-11-01", periods=40), 400.0, 30.0, "D")
    day = np.repeat(np.arange(40), 4)
    of_days = draws.Sums(draws.spread_of(sums).deviation, np.arange(40))
    shares = draws.shares_of(draws.spread_of(parts), day, of_days, None, 28)
    drawn = draws.volumes(draws.spread_of(parts), draws.scores(np.random.default_rng(2), 2000, day, shares))
    days = drawn.reshape(2000, 40, 4).sum(axis=2)
    assert days.std(axis=0).mean() == pytest.approx(30.0, rel=0.03)
    assert (days > sums["hi60"].to_numpy()).mean() == pytest.approx(0.2, abs=0.015)


@QUICK
@given(people=st.integers(0, 400), share=st.floats(0, 0.95), days=st.sampled_from([1, 5, 20]))
def test_absence_is_binomial(people: int, share: float, days: int) -> None:
    luck = np.linspace(0.001, 0.999, 41)[:, None]
    ones = np.ones(1)
    found = draws.people_present(people * ones, share * ones, days * ones, luck) * days
    at_work = np.rint(found.ravel()).astype(int)
    law = stats.binom(people * days, 1 - share)
    assert (law.cdf(at_work) >= luck.ravel() - 1e-12).all()
    assert (law.cdf(at_work - 1) < luck.ravel() + 1e-12).all()


@QUICK
@given(people=st.integers(0, 60), more=st.integers(0, 5), share=st.floats(0, 0.9), less=st.floats(0, 1))
def test_more_people_scheduled_never_leave_fewer_at_work(people: int, more: int, share: float, less: float) -> None:
    luck, ones = np.linspace(0, 0.999, 50)[:, None], np.ones(1)
    few = draws.people_present(people * ones, share * ones, ones, luck)
    assert (draws.people_present((people + more) * ones, share * less * ones, ones, luck) >= few).all()
    assert (few <= people).all()


def test_handling_factors_have_mean_one_and_the_spread_asked_for() -> None:
    scores = np.random.default_rng(1).standard_normal((400, 100))
    found = draws.handling_factors(scores, 0.2, np.ones(100))
    assert found.mean() == pytest.approx(1, abs=4 * 0.2 / 200)
    assert found.std() == pytest.approx(0.2, rel=0.03)
    assert (draws.handling_factors(scores, 0.0, np.ones(100)) == 1).all()
    assert draws.handling_factors(scores, 0.2, np.full(100, 20.0)).std() == pytest.approx(0.2 / np.sqrt(20), rel=0.03)


# --- months and requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("horizon", "last"),
    [
        pytest.param(92, "2027-01-31", id="three whole months"),
        pytest.param(75, "2026-12-31", id="a month that does not end within the horizon is left out"),
        pytest.param(10, "2026-11-10", id="no month ends within ten days, so ten days are looked at"),
    ],
)
def test_whole_months_are_looked_at(horizon: int, last: str) -> None:
    frame = forecast(pd.date_range("2026-11-01", periods=120), 100.0, 5.0, "D")
    plan = planned(frame, work("workload"))
    found = risk(frame, work("workload"), runs=2, horizon_days=horizon)
    kept = plan[plan["ds"] <= last].groupby("quantile")["hours"].sum()
    assert found["hours"].tolist() == pytest.approx(kept.tolist())


def test_only_the_latest_forecast_counts_and_no_reconstructed_one() -> None:
    frame = calls()
    old = frame.assign(cutoff=pd.Timestamp("2026-09-30"), yhat=1e6)
    rebuilt = frame.assign(cutoff=pd.Timestamp("2026-12-31"), reconstructed=True, yhat=1e6)
    plan = planned(frame, standard())
    alone, _ = staffing_risk(frame, plan, standard(), runs=5)
    among, _ = staffing_risk(pd.concat([old, frame, rebuilt]), plan, standard(), runs=5)
    pd.testing.assert_frame_equal(alone, among)


def test_a_missing_wage_leaves_the_cost_missing() -> None:
    tables = standard(wage_rate=None)
    found, _ = staffing_risk(calls(), planned(calls(), tables), tables, runs=2)
    assert found["cost_cents"].isna().all()
    assert found["hours"].notna().all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"runs": 0}, "runs is 0: give a whole number", id="no runs"),
        pytest.param({"runs": 2.5}, "runs is 2.5: give a whole number", id="half a run"),
        pytest.param({"horizon_days": -1}, "horizon_days is -1: give a whole number", id="a horizon in the past"),
        pytest.param({"handling_time_spread": -0.1}, "for example 0.05", id="negative spread"),
        pytest.param({"handling_time_spread": np.nan}, "for example 0.05", id="missing spread"),
    ],
)
def test_a_request_that_cannot_be_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        staffing_risk(calls(), planned(calls(), standard()), standard(), **change)


def test_missing_columns_and_repeated_rows_are_refused() -> None:
    plan = planned(calls(), standard())
    with pytest.raises(ValueError, match="forecasts has no column yhat"):
        staffing_risk(calls().drop(columns="yhat"), plan, standard())
    with pytest.raises(ValueError, match="plan has no column scheduled, hours"):
        staffing_risk(calls(), plan.drop(columns=["scheduled", "hours"]), standard())
    months = pd.DataFrame(columns=["site", "service", "period", "scenario", "volume", "reconstructed"])
    with pytest.raises(ValueError, match="monthly has no column hi80"):
        staffing_risk(calls(), plan, standard(), monthly=months)
    with pytest.raises(ValueError, match="plan has two rows of Calls at Cork"):
        staffing_risk(calls(), pd.concat([plan, plan.tail(1)]), standard())
    with pytest.raises(ValueError, match="forecasts have two rows of Calls at Cork"):
        staffing_risk(pd.concat([calls(), calls().tail(1)]), plan, standard())


def test_what_cannot_be_simulated_is_named_with_the_remedy() -> None:
    frame, plan = calls(), planned(calls(), standard())
    bare = frame[[name for name in frame if name[:2] not in ("lo", "hi")]]
    missing = frame.assign(hi90=frame["hi90"].where(frame.index > 0))
    cases: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame], str]] = [
        (frame.iloc[:0], plan, standard(), "its forecast is not there"),
        (bare, plan, standard(), "give lo and hi bounds"),
        (frame, plan.assign(ds=plan["ds"] - pd.Timedelta(days=60)), standard(), "no plan for the days from 2026-11-01"),
        (frame, plan, {"standards": standard()["standards"].iloc[:0]}, "add a row to standards"),
        (frame, plan.assign(site="(all)"), standard(), "give theirs"),
        (frame, plan, standard(valid_from=pd.Timestamp("2026-11-03")), "earlier valid_from"),
        (frame, plan.assign(scheduled=np.nan), standard(), "20 of 20 rows of the plan have no people"),
    ]
    for forecasts, people, tables, sentence in cases:
        found, notes = staffing_risk(forecasts, people, tables, runs=2)
        assert found.empty
        assert len(notes) == 1
        assert sentence in notes[0]
    found, notes = staffing_risk(missing, plan, standard(), runs=2)
    assert len(found) == 3
    assert "1 of 20 rows" in notes[0]


def test_the_input_is_not_changed() -> None:
    frame, plan = calls(), planned(calls(), standard())
    before = frame.copy(), plan.copy()
    staffing_risk(frame, plan, standard(), runs=2)
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_frame_equal(plan, before[1])


# --- the proof ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proof(root: Path) -> ModuleType:
    """The benchmark, whose simulated demand and scores these tests take."""
    spec = importlib.util.spec_from_file_location("bench_staffing_risk", root / "benchmarks/bench_staffing_risk.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fourth_week(proof: ModuleType, rows: pd.DataFrame) -> pd.DataFrame:
    return proof.staffed(rows[rows["week"] == 4])


def test_staffing_to_p80_four_weeks_ahead_covers_about_four_intervals_in_five(proof: ModuleType) -> None:
    # 20 origins: 76 to 84 %, and three standard errors of a mean of so few origins on either side.
    rows = fourth_week(proof, proof.simulated(20, seed=1))
    by_origin = rows.groupby("origin")["ours_covers"].mean()
    error = by_origin.std() / np.sqrt(len(by_origin))
    assert 0.01 < error < 0.1
    assert 0.76 - 3 * error < rows["ours_covers"].mean() < 0.84 + 3 * error


@pytest.mark.slow
def test_staffing_to_p80_covers_76_to_84_percent_of_the_intervals_at_240_origins(proof: ModuleType) -> None:
    rows = fourth_week(proof, proof.simulated(240))
    assert rows["origin"].nunique() == 240
    assert 0.76 <= rows["ours_covers"].mean() <= 0.84


@pytest.mark.slow
def test_on_a_banks_calls_p80_is_nearer_to_80_percent_and_scores_better_than_plain_ones(
    proof: ModuleType, real: Path
) -> None:
    rows = fourth_week(proof, proof.contact_centre())
    away = {name: abs(rows[f"{name}_covers"].mean() - 0.8) for name in proof.METHODS}
    loss = {name: proof.pinball(rows["y"], rows[name], 0.8) for name in proof.METHODS}
    for peer in ("plain", "spread", "last"):
        assert away["ours"] < away[peer]
        assert loss["ours"] < loss[peer]

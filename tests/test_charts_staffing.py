"""Charts of the months to come and of cover, read by their artists; numbers are those of `small.staffing_ahead`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import small_results as small
from opsanalytics import charts
from opsanalytics.charts import canvas, sheet
from opsanalytics.periods import shift
from opsanalytics.staffing import StaffingForecast
from test_charts import CYRILLIC, bars, heading, line, names, panel, shown_texts, texts

plt.switch_backend("Agg")
K = small.THOUSAND
HORIZONTAL = {"plan_cost", "scenario_cost", "staffing_risk", "tornado"}
WITHOUT_LENGTHS = {"gap_heat_map"}


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def every_chart(name: str = "calls") -> dict[str, Axes]:
    ahead = small.staffing_ahead(name)
    return {
        "gap_heat_map": charts.gap_heat_map(ahead, small.SITE, name),
        "service_level_curve": level(9, service=name),
        "shift_cover": cover(covered(), shifts(), name),
        "staffing_risk": charts.staffing_risk(ahead),
        "headcount_plan": charts.headcount_plan(ahead, name),
        "plan_cost": charts.plan_cost(ahead),
        "scenario_cost": charts.scenario_cost(ahead),
        "tornado": charts.tornado(ahead),
    }


def level(agents: float, *, target: float = 0.8, service: str = "calls", curve: pd.DataFrame | None = None) -> Axes:
    """Seven to eleven agents answer 43.5, 69.8, 84.7, 92.7 and 96.8 % in 20 seconds."""
    known = {"agents": [11.0, 7.0, 8.0, 9.0, 10.0], "service_level": [0.968, 0.435, 0.698, 0.847, 0.927]}
    held = pd.DataFrame({**known, "occupancy": [0.55, 0.86, 0.75, 0.67, 0.6], "asa_s": 1.0}) if curve is None else curve
    promise: dict[str, Any] = {"target": target, "target_s": 20, "volume": 45}
    detail = small.queue_detail(service=service, curve=held, agents=agents, **promise)
    return charts.service_level_curve(detail, small.PERIOD)


def cover(covered: pd.DataFrame, shifts: pd.DataFrame, service: str = "calls") -> Axes:
    return charts.shift_cover(small.queue_detail(service=service, covered=covered, shifts=shifts), small.PERIOD)


def covered(lack: float = 2.0) -> pd.DataFrame:
    """Two days of four half hours that require 3; the last of the second day is short by `lack`."""
    starts = [pd.Timestamp(f"2026-03-0{day} 08:00") + pd.Timedelta(minutes=30 * k) for day in (2, 3) for k in range(4)]
    frame = pd.DataFrame({"ds": starts, "required": 3.0, "covered": [4.0] * 7 + [3.0 - lack]})
    return frame.assign(short=(frame["required"] - frame["covered"]).clip(lower=0))


def shifts() -> pd.DataFrame:
    return pd.DataFrame({"shift": ["Early", "Late"], "staff": [4.0, 0.0], "paid_hours": [32.0, 0.0]})


def without(*fields: str) -> StaffingForecast:
    """The months to come, with the frames named empty."""
    ahead = small.staffing_ahead()
    return dataclasses.replace(ahead, **{name: getattr(ahead, name).iloc[:0] for name in fields})


def with_gaps(starts: Any, gaps: Any) -> StaffingForecast:
    frame = pd.DataFrame({"site": small.SITE, "service": "calls", "ds": starts, "required": 5.0, "scheduled": 6.0})
    return dataclasses.replace(small.staffing_ahead(), gaps=frame.assign(gap=gaps, rostered=6.0 + np.asarray(gaps)))


def cells(ax: Axes) -> dict[tuple[int, int], str]:
    """The numbers in the cells, by row and column."""
    found = [text for text in ax.texts if text.get_gid() == "people"]
    return {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in found}


# Every chart


def test_each_chart_is_one_figure_on_a_zero_base_line_and_says_message_entity_and_month() -> None:
    made = every_chart()
    assert set(made) <= set(charts.__all__)
    assert len(plt.get_fignums()) == len(made)
    for name, ax in made.items():
        assert ax.figure.axes[0] is ax
        assert not ax.figure.stale
        assert heading(ax, "message")
        assert small.SITE in heading(ax, "caption")
        assert "Feb 2026" in heading(ax, "caption")
        for each in ax.figure.axes if name not in WITHOUT_LENGTHS else []:
            assert line(each, "zero") is not None, name
            low, high = each.get_xlim() if name in HORIZONTAL else each.get_ylim()
            assert low <= 0 <= high, name


@pytest.mark.parametrize(
    "name",
    [
        "calls",
        pytest.param(CYRILLIC, id="a thousand Cyrillic characters"),
        pytest.param("Fees $x_1$ and $\\frac{1}{2}$ to 50% _of_ $", id="what looks like a formula"),
        pytest.param("\U0001f69a depot 東京\n<b>north</b>", id="emoji, unknown glyphs, line end, markup"),
        pytest.param("שלום \u202eevil\u200f عالم", id="right to left"),
    ],
)
def test_names_from_the_data_are_drawn_as_text_inside_the_figure_and_no_text_lies_on_another(name: str) -> None:
    for title, ax in every_chart(name).items():
        frame = ax.figure.bbox.padded(1)
        with plt.rc_context(sheet.LETTERS):
            boxes = [(text.get_text(), text.get_window_extent()) for text in shown_texts(ax)]
        for k, (text, box) in enumerate(boxes):
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            assert inside or not box.width, f"{title}: {text} is clipped"
            for other, beside in boxes[k + 1 :]:
                assert not box.padded(-1.5).overlaps(beside.padded(-1.5)), f"{title}: {text} lies on {other}"


def test_drawing_does_not_change_the_result() -> None:
    ahead = small.staffing_ahead()
    before = {name: frame.copy(deep=True) for name, frame in vars(ahead).items() if isinstance(frame, pd.DataFrame)}
    for draw in (charts.staffing_risk, charts.plan_cost, charts.scenario_cost, charts.tornado):
        draw(ahead)
    charts.headcount_plan(ahead, "calls")
    charts.gap_heat_map(ahead, small.SITE, "calls")
    for name, frame in before.items():
        pd.testing.assert_frame_equal(getattr(ahead, name), frame)


def test_a_chart_without_its_frame_is_one_line_that_says_so() -> None:
    off = {
        "No roster": charts.gap_heat_map(without("gaps"), small.SITE, "calls"),
        "No volume": level(0, curve=pd.DataFrame(columns=["agents", "service_level", "occupancy", "asa_s"])),
        "No interval": cover(covered().iloc[:0], shifts()),
        "No shift": cover(covered(), shifts().iloc[:0]),
        "No risk": charts.staffing_risk(without("risk")),
        "No workforce": charts.headcount_plan(without("workforce"), "calls"),
        "No workforce plan": charts.plan_cost(without("workforce")),
        "No scenario": charts.scenario_cost(without("scenarios")),
        "No sensitivity": charts.tornado(without("sensitivity")),
    }
    for why, ax in off.items():
        (sentence,) = texts(ax)
        assert sentence.startswith(why)
        assert ax.figure.get_size_inches()[1] < 1
        assert small.SITE in heading(ax, "caption")


# The gap by weekday and time


def test_gaps_are_the_mean_by_weekday_and_half_hour_and_blank_where_there_is_no_roster() -> None:
    # Two Mondays at 8:00 lack 4 and 1, so 2.5 on average, and two whole people to the even; Tuesday at 9:00 has 2 more.
    starts = pd.DatetimeIndex(["2026-03-02 08:00", "2026-03-09 08:00", "2026-03-02 08:30", "2026-03-03 09:00"])
    ax = charts.gap_heat_map(with_gaps(starts, [-4.0, -1.0, 0.0, 2.0]), small.SITE, "calls")
    assert cells(ax) == {(0, 0): "-2", (0, 1): "0", (1, 2): "+2"}
    assert names(ax) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert heading(ax, "message") == (
        "calls: Mondays at 08:00 are shortest, by 2.5 on average; 2 of 4 rostered intervals are short"
    )


def test_quarters_of_an_hour_are_shown_by_half_hour() -> None:
    starts = pd.date_range("2026-03-02 08:00", periods=4, freq="15min")
    ax = charts.gap_heat_map(with_gaps(starts, [-1.0, -3.0, 1.0, 1.0]), small.SITE, "calls")
    assert cells(ax) == {(0, 0): "-2", (0, 1): "+1"}


def test_what_is_short_is_adverse_what_is_spare_is_blue_and_each_shade_has_its_number() -> None:
    starts = pd.date_range("2026-03-02 08:00", periods=3, freq="30min")
    ax = charts.gap_heat_map(with_gaps(starts, [-3.0, 0.0, 5.0]), small.SITE, "calls")
    (mesh,) = ax.collections
    short, enough, spare = mesh.to_rgba(mesh.get_array()[0])
    assert short[:3] == pytest.approx(to_rgb(canvas.ADVERSE))
    assert enough[0] == enough[1] == enough[2]
    assert spare[2] > spare[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["-3", "0", "+5"]


def test_a_roster_by_day_is_shown_by_week_and_names_its_worst_day() -> None:
    starts = pd.date_range("2026-03-02", periods=10, freq="D")
    ax = charts.gap_heat_map(with_gaps(starts, [1.0] * 9 + [-2.0]), small.SITE, "calls")
    assert cells(ax)[2, 1] == "-2"
    assert len(cells(ax)) == 10
    assert heading(ax, "message") == "calls: Wed 11 Mar 2026 is shortest, by 2; 1 of 10 rostered days is short"
    assert {"2 Mar", "9 Mar"} <= set(texts(ax))


def test_gaps_of_one_month_leave_out_the_others_and_a_service_never_short_says_so() -> None:
    starts = pd.DatetimeIndex(["2026-03-31 08:00", "2026-03-31 08:30", "2026-04-01 08:00"])
    staffing = with_gaps(starts, [1.0, 0.0, -5.0])
    march = charts.gap_heat_map(staffing, small.SITE, "calls", period="2026-03")
    assert heading(march, "message") == "calls: none of 2 rostered intervals is short"
    april = charts.gap_heat_map(staffing, small.SITE, "calls", period="2026-04")
    assert cells(april) == {(2, 0): "-5"}


def test_a_roster_by_month_has_no_weekdays() -> None:
    ax = charts.gap_heat_map(with_gaps(pd.date_range("2026-03-01", periods=3, freq="MS"), 0.0), small.SITE, "calls")
    assert texts(ax) == ["The roster is not by day: it has no weekdays."]


# The level of an interval


def test_the_agents_chosen_are_marked_with_level_and_occupancy_beside_one_fewer_and_the_promise() -> None:
    ax = level(9)
    assert heading(ax, "message") == "calls, 9 agents: 85 % in 20 s, which keeps the promise of 80 %; one fewer: 70 %"
    chosen = [text.get_text() for text in ax.texts if text.get_gid() == "chosen"]
    assert chosen == ["9 agents: 85 % in 20 s, occupancy 67 %", "one fewer: 70 % in 20 s, occupancy 75 %"]
    assert list(line(ax, "promise").get_ydata()) == [0.8, 0.8]
    assert list(line(ax, "level").get_xdata()) == [7, 8, 9, 10, 11]
    marked = {dots.get_gid(): dots.get_offsets().tolist() for dots in ax.collections}
    assert marked["chosen"] == [[9.0, pytest.approx(0.847)]]
    assert [agents for agents, _ in marked["promise missed"]] == [7, 8]


def test_part_of_an_agent_is_a_whole_one_and_a_level_that_misses_the_promise_never_reads_as_it() -> None:
    assert heading(level(8.2), "message").startswith("calls, 9 agents: 85 % in 20 s, which keeps")
    assert heading(level(9, target=0.848), "message").startswith("calls, 9 agents: 84.7 % in 20 s, which misses")


def test_agents_that_the_curve_does_not_show_are_refused() -> None:
    with pytest.raises(ValueError, match="does not show 20 agents: make it around 20"):
        level(20)


# Shifts


def test_shifts_are_an_area_under_the_line_required_and_what_lacks_is_adverse() -> None:
    ax = cover(covered(), shifts())
    (area,), (lack,), (need,) = (bars(ax, gid) for gid in ("covered", "short", "required"))
    assert set(area.get_data().values) == {4, 0, 1}  # nobody is there at night
    assert set(need.get_data().values[np.isfinite(need.get_data().values)]) == {3}
    assert np.isnan(need.get_data().values).any()  # and nothing is required
    assert lack.get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    assert np.nansum(lack.get_data().values - lack.get_data().baseline) == 2
    assert heading(ax, "message") == (
        "calls: 4 people on 1 shift; 1 of 8 intervals is short, the worst by 2, Tue 3 Mar 09:30"
    )


def test_a_week_that_is_covered_has_nothing_adverse() -> None:
    ax = cover(covered(lack=0), shifts())
    assert not bars(ax, "short")
    assert heading(ax, "message") == "calls: 4 people on 1 shift cover all 8 intervals"


def test_of_a_longer_time_the_first_week_is_drawn_and_counted() -> None:
    weeks = pd.concat([covered(), covered(lack=0).assign(ds=covered()["ds"] + pd.Timedelta(weeks=1))])
    ax = cover(weeks, shifts())
    assert "1 of 8 intervals" in heading(ax, "message")


# Risk


def test_each_quantile_has_its_level_with_the_low_end_and_its_cost() -> None:
    ax = charts.staffing_risk(small.staffing_ahead())
    assert names(ax) == ["calls   P50", "P80", "P95"]
    held = {dots.get_gid(): dots for dots in ax.collections}
    assert [x for x, _ in held["attained"].get_offsets().tolist()] == [0.78, 0.88, 0.95]
    assert [segment[0][0] for segment in held["low end"].get_segments()] == [0.70, 0.82, 0.91]
    assert "78.0 % (low 70.0), 50 % of months missed" in texts(ax)
    assert [bar.get_width() for bar in bars(panel(ax, "cost"), "FC")] == [40 * K, 44 * K, 48 * K]
    assert heading(ax, "message") == (
        "calls: staffed to P50 the promise is missed in 50 % of months, to P95 in 0 %, for about 8,000 EUR more"
    )


def test_a_cost_that_is_not_known_has_no_bar_and_a_few_months_missed_are_not_none() -> None:
    ahead = small.staffing_ahead()
    risk = ahead.risk.assign(cost_cents=pd.array([None] * 3, dtype="Int64"), months_missed=0.004)
    ax = charts.staffing_risk(dataclasses.replace(ahead, risk=risk))
    assert texts(panel(ax, "cost")).count("n.a.") == 3
    assert "under 1 % of months" in heading(ax, "message")
    assert "more" not in heading(ax, "message")


# People and hires


def test_people_stand_hatched_under_the_line_required_and_the_gap_is_coloured_and_signed() -> None:
    ax = charts.headcount_plan(small.staffing_ahead(), "calls")
    assert [bar.get_height() for bar in bars(ax, "effective")] == [10, 9, 11.5]
    assert all(bar.get_hatch() for bar in bars(ax, "effective"))
    (short,) = bars(ax, "short")
    assert (short.get_y(), short.get_height()) == (9, 3)
    assert short.get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    (spare,) = bars(ax, "more than required")
    assert (spare.get_y(), spare.get_height()) == (11, 0.5)
    (required,) = [each for each in ax.collections if each.get_gid() == "required"]
    assert [segment[0][1] for segment in required.get_segments()] == [10, 12, 11]
    assert {"0.0", "-3.0", "+0.5"} <= set(texts(ax))
    assert heading(ax, "message") == "calls: about 3.0 FTE short in Apr 2026; 2 hires to request"


def test_joiners_stand_above_the_line_leavers_below_and_hires_in_the_month_of_the_request() -> None:
    moves = panel(charts.headcount_plan(small.staffing_ahead(), "calls"), "moves")
    assert [bar.get_height() for bar in bars(moves, "join (FC)")] == [0, 0, 2]
    assert [bar.get_height() for bar in bars(moves, "leave (FC)")] == [0, -1, 0]
    assert {"+2", "-1"} <= set(texts(moves))
    (asked,) = [text for text in moves.texts if text.get_gid() == "hires"]
    assert (asked.get_text(), asked.get_position()[0]) == ("2", 0)


def test_another_alternative_is_drawn_on_request_and_named() -> None:
    ax = charts.headcount_plan(small.staffing_ahead(), "calls", alternative="no action")
    assert [bar.get_height() for bar in bars(ax, "short")] == [3, 2]
    assert heading(ax, "message") == (
        "calls: about 3.0 FTE short in Apr 2026, the worst of 2 short months of 3; no hire to request"
    )
    assert "no action" in heading(ax, "caption")


def test_hires_on_record_stand_in_no_ring_and_are_counted_beside() -> None:
    ahead = small.staffing_ahead()
    recorded = ahead.workforce["hires"] + 3.0 * (ahead.workforce["period"] == "2026-05")
    ahead = dataclasses.replace(ahead, workforce=ahead.workforce.assign(hires=recorded))
    ax = charts.headcount_plan(ahead, "calls")
    assert heading(ax, "message").endswith("2 hires to request, besides 3 already on record")
    moves = panel(ax, "moves")
    assert [(t.get_text(), t.get_position()[0]) for t in moves.texts if t.get_gid() == "hires"] == [("2", 0)]
    assert any("3 hires already on record" in text for text in shown_words(ax))
    none = charts.headcount_plan(ahead, "calls", alternative="no action")
    assert heading(none, "message").endswith("no hire to request, besides 3 already on record")
    assert not [t for t in panel(none, "moves").texts if t.get_gid() == "hires"]
    assert not any("ring" in text for text in shown_words(none))


def shown_words(ax: Axes) -> list[str]:
    return [text.get_text() for text in shown_texts(ax)]


def test_no_number_of_months_is_claimed_that_the_frames_do_not_tell() -> None:
    ahead = small.staffing_ahead()
    bare = dataclasses.replace(ahead, monthly=ahead.monthly.iloc[:0])
    for ax in (charts.scenario_cost(bare), charts.tornado(bare)):
        assert "of the months to come" in heading(ax, "caption")
    assert "Cost of 3 months" in heading(charts.plan_cost(ahead), "caption")
    one = ahead.workforce[ahead.workforce["period"] == "2026-04"]
    assert "Cost of 1 month by" in heading(charts.plan_cost(dataclasses.replace(ahead, workforce=one)), "caption")
    both = pd.concat([ahead.workforce, one.assign(service="parcels")])
    assert "Cost of up to 3 months by" in heading(
        charts.plan_cost(dataclasses.replace(ahead, workforce=both)), "caption"
    )


@pytest.mark.parametrize(("count", "said"), [(1, "the 1 month to come"), (7, "the 7 months to come")])
def test_scenarios_and_sensitivity_say_over_how_many_months_they_go(count: int, said: str) -> None:
    ahead = small.staffing_ahead()
    periods = [shift(ahead.period, k + 1) for k in range(count)]
    rows = [ahead.monthly.iloc[:1].assign(service=s, period=p) for s in ahead.plan["service"].unique() for p in periods]
    ahead = dataclasses.replace(ahead, monthly=pd.concat(rows))
    for ax in (charts.scenario_cost(ahead), charts.tornado(ahead)):
        assert f"of {said}" in heading(ax, "caption")


# Cost


def test_the_cost_of_a_plan_is_stacked_and_the_cheapest_is_one_that_leaves_nothing_short() -> None:
    ax = charts.plan_cost(small.staffing_ahead())
    widths = {gid: [bar.get_width() / K for bar in bars(ax, gid)] for gid in ("staff", "overtime", "hiring")}
    assert widths == {"staff": [112, 112, 118], "overtime": [0, 10, 6], "hiring": [0, 0, 2]}
    assert [bar.get_x() / K for bar in bars(ax, "temporary staff")] == [112, 122, 124]
    assert heading(ax, "message") == (
        "Least cost is cheapest, about 140 kEUR, about 2.0 kEUR less than overtime and temporary staff; "
        "no action leaves about 5.0 FTE months short"
    )
    assert {"112.0 (-24.0) leaves about 5.0 FTE months short", "138.0 (+2.0)", "136.0"} <= {
        " ".join(text.split()) for text in texts(ax)
    }


def test_a_plan_of_no_action_alone_is_not_called_cheapest() -> None:
    ahead = small.staffing_ahead()
    alone = ahead.workforce[ahead.workforce["alternative"] == "no action"]
    ax = charts.plan_cost(dataclasses.replace(ahead, workforce=alone))
    assert "cheapest" not in heading(ax, "message")
    assert "leaving about 5.0 FTE months short" in heading(ax, "message")


def test_each_scenario_stands_beside_the_base_with_a_signed_difference_in_the_colour_of_its_effect() -> None:
    ax = charts.scenario_cost(small.staffing_ahead())
    assert names(ax) == ["Base", "Volume +10 %", "Wage -1 %"]
    assert [bar.get_width() / K for bar in bars(ax, "FC")] == [1380, 1520, 1366]
    beside = panel(ax, "differences")
    _, dearer, cheaper = bars(beside, "difference")
    assert (dearer.get_width(), cheaper.get_width()) == (140 * K, -14 * K)
    assert dearer.get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    assert cheaper.get_facecolor()[:3] == to_rgb(canvas.FAVOURABLE)
    assert {"+140.0  (+10.1 %)", "-14.0  (-1.0 %)"} <= set(texts(beside))
    assert heading(ax, "message") == ("Volume +10 % moves cost most: about 140 kEUR more than the base (+10 %)")


def test_a_service_without_a_wage_is_left_out_of_every_scenario_and_the_caption_says_so() -> None:
    ahead = small.staffing_ahead()
    unknown = (ahead.scenarios["service"] == "parcels") & (ahead.scenarios["scenario"] == "base")
    rows = ahead.scenarios.assign(staff_cost_cents=ahead.scenarios["staff_cost_cents"].mask(unknown))
    ax = charts.scenario_cost(dataclasses.replace(ahead, scenarios=rows))
    assert [bar.get_width() / K for bar in bars(ax, "FC")] == [480, 530, 475]
    assert "without 1 service that has no wage" in heading(ax, "caption")


def test_scenarios_that_cost_the_same_draw_no_difference() -> None:
    ahead = small.staffing_ahead()
    base = ahead.scenarios[ahead.scenarios["scenario"] == "base"]
    ax = charts.scenario_cost(dataclasses.replace(ahead, scenarios=pd.concat([base, base.assign(scenario="as it is")])))
    assert len(ax.figure.axes) == 1
    assert heading(ax, "message").endswith("no scenario moves it")


def test_a_tornado_has_the_widest_swing_on_top_and_each_end_says_what_leads_there() -> None:
    ax = charts.tornado(small.staffing_ahead())
    assert names(ax) == ["Volume", "Shrinkage", "Service level"]
    assert [bar.get_width() / K for bar in bars(ax, "-1")] == [-140, -30, -10]
    assert [bar.get_width() / K for bar in bars(ax, "+1")] == [140, 31, 15]
    assert bars(ax, "+1")[0].get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    assert {"-10 %: -140.0", "+10 %: +140.0", "-2 points: -30.0", "+5 points: +15.0"} <= set(texts(ax))
    assert heading(ax, "message") == "Volume moves cost most: +10 % costs about 140 kEUR more"
    assert "base of 1,380.0 kEUR" in heading(ax, "caption")


def test_both_ends_on_one_side_are_drawn_apart() -> None:
    ahead = small.staffing_ahead()
    rows = ahead.sensitivity.assign(low_cents=ahead.sensitivity["base_cents"] + 5 * K)
    ax = charts.tornado(dataclasses.replace(ahead, sensitivity=rows))
    for low, high in zip(bars(ax, "-1"), bars(ax, "+1"), strict=True):
        assert low.get_y() + low.get_height() <= high.get_y() + 0.03

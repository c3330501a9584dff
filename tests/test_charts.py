"""Charts are read by their artists: what stands where, in which notation, under which words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import small_results as small
from opsanalytics import charts
from opsanalytics.charts import canvas
from opsanalytics.periods import month_range

plt.switch_backend("Agg")
K = small.THOUSAND
CYRILLIC = "Субвенція з місцевого бюджету на здійснення видатків " * 20


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def every_chart(name: str = "parcels") -> dict[str, Axes]:
    variance, demand, staffing = small.variance(name=name), small.demand(name), small.staffing()
    return {
        "plan_actual_columns": charts.plan_actual_columns(variance),
        "variance_bars": charts.variance_bars(variance),
        "monthly_trend": charts.monthly_trend(variance),
        "outlook_bars": charts.outlook_bars(variance),
        "forecast_fan": charts.forecast_fan(demand, small.SITE, name),
        "monthly_volumes": charts.monthly_volumes(demand, small.SITE, name),
        "seasonal_shape": charts.seasonal_shape(demand, small.SITE, name),
        "backtest_accuracy": charts.backtest_accuracy(demand),
        "required_staff": charts.required_staff(staffing, small.SITE, "calls"),
        "monthly_fte": charts.monthly_fte(staffing),
        "monthly_cost": charts.monthly_cost(staffing),
    }


def bars(ax: Axes, gid: str) -> list[Any]:
    return [patch for patch in ax.patches if patch.get_gid() == gid]


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()) if text.get_text()]


def heading(ax: Axes, gid: str) -> str:
    (text,) = [text for text in ax.figure.texts if text.get_gid() == gid]
    return " ".join(text.get_text().split())


def luminance(colour: Any) -> float:
    """Relative luminance of the WCAG: what is left of a colour in grey print."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Every chart


def test_each_chart_is_one_figure_with_one_axes_on_a_zero_base_line_and_says_message_entity_and_month() -> None:
    made = every_chart()
    assert set(made) == set(charts.__all__)
    assert len(plt.get_fignums()) == len(made)
    for name, ax in made.items():
        assert ax.figure.axes == [ax]
        assert heading(ax, "message")
        assert small.SITE in heading(ax, "caption")
        assert "Feb 2026" in heading(ax, "caption")
        assert [line for line in ax.lines if line.get_gid() == "zero"], name
        low, high = ax.get_xlim() if name in ("variance_bars", "outlook_bars", "backtest_accuracy") else ax.get_ylim()
        assert low <= 0 <= high, name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(CYRILLIC, id="a thousand Cyrillic characters"),
        pytest.param("Fees $x_1$ and $\\frac{1}{2}$ to 50% _of_ $", id="what looks like a formula"),
        pytest.param("\U0001f69a depot 東京\n<b>north</b>", id="emoji, unknown glyphs, line end, markup"),
        pytest.param("שלום \u202eevil\u200f عالم", id="right to left"),
    ],
)
def test_names_from_the_data_are_drawn_as_text_inside_the_figure(name: str) -> None:
    for title, ax in every_chart(name).items():
        figure = ax.figure
        figure.canvas.draw()
        frame = figure.bbox.padded(1)
        shown = [*ax.texts, *figure.texts, *ax.get_xticklabels(), *ax.get_yticklabels()]
        legend = ax.get_legend()
        for text in [*shown, *(legend.get_texts() if legend else [])]:
            box = text.get_window_extent()
            if text.get_text() and text.get_visible() and box.width:
                inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
                assert inside, f"{title}: {text.get_text()} is clipped"


def test_a_dollar_sign_is_not_the_start_of_a_formula() -> None:
    assert canvas.plain("$a$") == r"\$a\$"
    ax = charts.variance_bars(small.variance(name="Fees $a$"))
    ax.figure.canvas.draw()
    assert r"Fees \$a\$" in texts(ax)


def test_long_names_are_shortened_with_an_ellipsis() -> None:
    ax = charts.variance_bars(small.variance(name=CYRILLIC))
    (name,) = [text for text in texts(ax) if text.startswith("Субвенція")]
    assert len(name) <= canvas.NAME_WIDTH
    assert name.endswith("…")


def test_favourable_and_adverse_differ_in_grey_print_and_to_the_colour_blind() -> None:
    light, dark = sorted((luminance(canvas.FAVOURABLE), luminance(canvas.ADVERSE)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 2
    # Blue, which red-green blindness leaves alone, tells them apart as well.
    assert to_rgb(canvas.FAVOURABLE)[2] - to_rgb(canvas.ADVERSE)[2] >= 0.2


def test_importing_charts_loads_no_drawing_library(run_python: Any) -> None:
    assert run_python("import sys, opsanalytics.charts; print('matplotlib' in sys.modules)") == "False"


# Budget


@pytest.mark.parametrize(
    ("horizon", "measure", "scenario", "thousands"),
    [
        ("month", "revenue", "AC", 130),
        ("month", "revenue", "PL", 100),
        ("month", "revenue", "PY", 90),
        ("ytd", "revenue", "AC", 110 + 130),
        ("ytd", "cost", "AC", 60 + 64 + 8 + 9),
        ("ytd", "cost", "PL", 2 * (55 + 12)),
        ("ytd", "result", "AC", 42 + 57),
        ("ytd", "result", "PY", 2 * 30),
    ],
)
def test_columns_stand_at_the_amounts_on_one_scale(horizon: str, measure: str, scenario: str, thousands: int) -> None:
    ax = charts.plan_actual_columns(small.variance())
    (bar,) = bars(ax, f"{horizon}-{measure}-{scenario}")
    assert bar.get_height() == thousands * K
    assert bar.get_y() == 0


def test_actual_is_solid_plan_outlined_prior_year_light_and_forecast_hatched() -> None:
    columns, outlook = charts.plan_actual_columns(small.variance()), charts.outlook_bars(small.variance())
    (actual,), (plan,), (prior,) = (bars(columns, f"ytd-revenue-{s}") for s in ("AC", "PL", "PY"))
    assert luminance(actual.get_facecolor()) < 0.05
    assert luminance(plan.get_facecolor()) == pytest.approx(1)
    assert luminance(plan.get_edgecolor()) < 0.05
    assert 0.3 < luminance(prior.get_facecolor()) < 0.8
    assert {bool(bar.get_hatch()) for bar in bars(outlook, "FC")} == {True}
    assert not any(bar.get_hatch() for bar in (actual, plan, prior))


def test_variances_below_the_columns_bear_sign_and_colour_of_their_effect() -> None:
    ax = charts.plan_actual_columns(small.variance())
    colours = {text.get_text(): text.get_color() for text in ax.texts if text.get_text().startswith("ΔPL")}
    assert colours["ΔPL +40.0"] == canvas.FAVOURABLE  # revenue to date
    assert colours["ΔPL +7.0"] == canvas.ADVERSE  # cost to date
    assert colours["ΔPL +33.0"] == canvas.FAVOURABLE  # result to date


def test_variance_bars_are_ranked_by_size_and_coloured_by_effect() -> None:
    ax = charts.variance_bars(small.variance(), "ytd", "PL")
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["Freight", "Payroll", "Fuel"]
    widths = {name: bars(ax, name)[0].get_width() for name in names}
    assert widths == {"Freight": 40 * K, "Payroll": 14 * K, "Fuel": -7 * K}
    colours = {name: bars(ax, name)[0].get_facecolor()[:3] for name in names}
    assert colours["Freight"] == to_rgb(canvas.FAVOURABLE)  # more revenue
    assert colours["Payroll"] == to_rgb(canvas.ADVERSE)  # more cost
    assert colours["Fuel"] == to_rgb(canvas.FAVOURABLE)  # less cost
    assert "+14.0  (+12.7 %)" in texts(ax)
    assert heading(ax, "message") == "Largest variance: Freight +40.0 kEUR (favourable)"


def test_what_is_beyond_the_shown_bars_is_one_remainder_of_each_type() -> None:
    ax = charts.variance_bars(small.variance(), "ytd", "PL", "account", top=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["4000 Freight", "Others, cost (2)"]
    assert bars(ax, "Others, cost (2)")[0].get_width() == (14 - 7) * K


def test_trend_has_actual_to_the_month_and_plan_for_the_whole_year() -> None:
    ax = charts.monthly_trend(small.variance(), "cost")
    assert [bar.get_height() for bar in bars(ax, "AC")] == [68 * K, 73 * K]
    assert [bar.get_height() for bar in bars(ax, "PL")] == [67 * K] * 12
    (prior,) = [line for line in ax.lines if line.get_gid() == "PY"]
    assert list(prior.get_ydata()) == [60 * K] * 12
    assert [label.get_text() for label in ax.get_xticklabels()][:2] == ["Jan\n2026", "Feb"]


def test_outlook_shows_each_method_beside_plan_and_prior_year_with_actual_to_date_solid() -> None:
    ax = charts.outlook_bars(small.variance(), "result")
    run_rate, last_year = 99 + 10 * 49.5, 99 + 10 * 30
    assert [bar.get_width() for bar in bars(ax, "FC")] == [
        pytest.approx(value * K) for value in (last_year, run_rate, (run_rate + last_year) / 2)
    ]
    assert {bar.get_width() for bar in bars(ax, "AC")} == {99 * K}
    assert bars(ax, "PL")[0].get_width() == 12 * 33 * K
    assert "(chosen)" in [label.get_text() for label in ax.get_yticklabels()][-1]


def test_without_a_budget_the_prior_year_is_what_is_compared_with() -> None:
    variance = small.variance(budget=False)
    assert "above prior year (favourable)" in heading(charts.plan_actual_columns(variance), "message")
    assert texts(charts.variance_bars(variance, "ytd", "PL")) == ["No PL to compare with."]


def test_an_incomplete_year_to_date_says_so_on_the_chart() -> None:
    ax = charts.monthly_trend(small.variance(months=("2026-02",)))
    assert "INCOMPLETE: ledger lines are missing for Jan 2026" in heading(ax, "caption")


def test_negative_amounts_hang_below_the_line() -> None:
    ax = charts.plan_actual_columns(small.variance(sign=-1))
    assert bars(ax, "ytd-revenue-AC")[0].get_height() == -240 * K
    assert ax.get_ylim()[0] < -240 * K


# Demand


def test_fan_has_history_and_forecast_with_the_wider_interval_around_the_narrower() -> None:
    ax = charts.forecast_fan(small.demand(), small.SITE, "parcels")
    lines = {line.get_gid(): line for line in ax.lines}
    assert set(lines["AC"].get_ydata()) == {100.0}
    assert set(lines["FC"].get_ydata()) == {110.0}
    spans = {band.get_gid(): band.get_datalim(ax.transData) for band in ax.collections}
    assert (spans["80"].y0, spans["80"].y1) == (pytest.approx(110 * 0.92), pytest.approx(110 * 1.08))
    assert spans["95"].y0 < spans["80"].y0 < spans["80"].y1 < spans["95"].y1
    assert lines["AC"].get_linestyle() == "-"
    assert lines["FC"].get_linestyle() == "--"


def test_fan_of_a_service_by_interval_is_drawn_by_day_unless_asked_otherwise() -> None:
    demand = small.demand()
    by_day = {line.get_gid(): line for line in charts.forecast_fan(demand, small.SITE, "calls").lines}
    by_half_hour = {line.get_gid(): line for line in charts.forecast_fan(demand, small.SITE, "calls", "30min").lines}
    assert set(by_day["FC"].get_ydata()) == {120.0}
    assert set(by_half_hour["FC"].get_ydata()) == {6.0}
    assert len(by_half_hour["FC"].get_ydata()) == 7 * 20


def test_months_show_actual_solid_forecast_hatched_and_a_month_in_progress_in_grey() -> None:
    ax = charts.monthly_volumes(small.demand(), small.SITE, "parcels")
    assert [bar.get_height() for bar in bars(ax, "AC")] == [2900, 3100, 2800]
    assert [bar.get_height() for bar in bars(ax, "FC")] == [2750, 3410, 3300]
    calls = charts.monthly_volumes(small.demand(), small.SITE, "calls")
    assert [bar.get_height() for bar in bars(calls, "AC, month in progress")] == [2700]
    assert not bars(calls, "AC")
    assert heading(ax, "message") == "parcels: about 3,400 expected in Mar 2026"


def test_months_are_the_eighteen_up_to_the_month_and_the_twelve_ahead() -> None:
    demand = small.demand()
    rows = {"site": small.SITE, "service": "parcels", "unit": "parcels", "volume": 3000.0, "complete": True}
    periods = month_range("2023-01", "2028-12")
    monthly = pd.DataFrame({**rows, "period": periods, "scenario": "FC", "reconstructed": False})
    monthly["scenario"] = monthly["scenario"].where(monthly["period"] > small.PERIOD, "AC")
    ax = charts.monthly_volumes(dataclasses.replace(demand, monthly=monthly), small.SITE, "parcels")
    assert [len(bars(ax, scenario)) for scenario in ("AC", "FC")] == [18, 12]
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert [label for label in labels if "\n" in label] == ["Sep\n2024", "Jan\n2025", "Jan\n2026", "Jan\n2027"]


def test_the_fan_says_the_range_and_not_what_the_months_say() -> None:
    # A day of parcels: 110, within 8 % in four of five cases: 101.2 to 118.8.
    demand = small.demand()
    by_day = charts.forecast_fan(demand, small.SITE, "parcels")
    assert heading(by_day, "message") == "parcels: a typical day of Mar 2026 brings 100 to 120 in four of five cases"
    by_interval = charts.forecast_fan(demand, small.SITE, "calls", "30min")
    assert "a typical interval of Mar 2026 brings 5.5 to 6.5" in heading(by_interval, "message")
    months = demand.forecasts[demand.forecasts["ds"] == "2026-03-01"].assign(freq="MS", yhat=3410.0)
    months = months.assign(lo80=3137.2, hi80=3682.8)
    by_month = charts.forecast_fan(dataclasses.replace(demand, forecasts=months), small.SITE, "parcels", "MS")
    assert heading(by_month, "message") == "parcels: Mar 2026 brings 3,100 to 3,700 in four of five cases"


def test_dates_are_written_as_people_do() -> None:
    fan = charts.forecast_fan(small.demand(), small.SITE, "parcels")
    fan.figure.canvas.draw()
    assert re.fullmatch(r"([A-Z][a-z]{2} )?2026", fan.xaxis.get_offset_text().get_text())
    week = charts.required_staff(small.staffing(), small.SITE, "calls")
    week.figure.canvas.draw()
    assert [text for text in texts(week) if text.startswith(("Mon", "Tue"))] == ["Mon 2\nMar 2026", "Tue 3"]


def test_shape_has_a_line_for_each_year_and_the_next_forecast() -> None:
    ax = charts.seasonal_shape(small.demand(), small.SITE, "parcels")
    lines = {line.get_gid(): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in ax.lines}
    assert lines["2025"] == [(2, 2900.0)]
    assert lines["2026"] == [(0, 3100.0), (1, 2800.0)]
    assert lines["2026 FC"] == [(2, 3410.0), (3, 3300.0)]


def test_accuracy_sets_the_forecast_beside_its_yardstick_the_worst_first() -> None:
    ax = charts.backtest_accuracy(small.demand())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["calls", "parcels"]
    points = {
        (dots.get_gid(), y): x
        for dots in ax.collections
        if dots.get_gid()
        for x, y in dots.get_offsets().tolist()  # type: ignore[union-attr]
    }
    assert points == {
        ("forecast", 0.0): 0.151,
        ("yardstick", 0.0): 0.148,
        ("forecast", 1.0): 0.062,
        ("yardstick", 1.0): 0.104,
    }
    assert heading(ax, "message") == "The forecast beats the yardstick in 1 of 2 series"


def test_a_service_without_data_says_that_there_is_nothing() -> None:
    demand = small.without(small.without(small.demand(), "calls"), "parcels")
    assert texts(charts.forecast_fan(demand, small.SITE, "parcels")) == ["Neither history nor forecast."]
    assert texts(charts.monthly_volumes(demand, small.SITE, "parcels")) == ["No whole month."]
    assert texts(charts.seasonal_shape(demand, small.SITE, "parcels")) == ["No whole month."]
    assert texts(charts.backtest_accuracy(demand)) == ["Too little history to test a forecast on."]


# Staffing


def test_required_staff_stands_at_the_median_and_what_the_roster_lacks_is_adverse() -> None:
    ax = charts.required_staff(small.staffing(), small.SITE, "calls")
    assert [bar.get_height() for bar in bars(ax, "required")] == [2, 3, 3, 2, 1]
    (short,) = bars(ax, "short")
    assert (short.get_y(), short.get_height()) == (2, 2)
    assert short.get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    assert "1 of 5 intervals are short" in heading(ax, "message")


def test_the_line_of_scheduled_staff_is_broken_while_the_service_is_closed() -> None:
    ax = charts.required_staff(small.staffing(), small.SITE, "calls")
    (line,) = [line for line in ax.lines if line.get_gid() == "scheduled"]
    staff = pd.Series(line.get_ydata())
    assert staff.isna().sum() == 1
    assert sorted(staff.dropna().unique()) == [2, 3, 4]


def test_without_a_roster_nothing_is_called_short() -> None:
    ax = charts.required_staff(small.staffing(roster=False), small.SITE, "calls")
    assert not bars(ax, "short")
    assert "short" not in heading(ax, "message")


def test_full_time_equivalents_are_stacked_by_service_and_hatched() -> None:
    ax = charts.monthly_fte(small.staffing())
    assert [bar.get_height() for bar in bars(ax, "parcels")] == [20, 0]
    assert [bar.get_height() for bar in bars(ax, "calls")] == pytest.approx([0.5, 10])
    assert [bar.get_y() for bar in bars(ax, "calls")] == [20, 0]
    assert all(bar.get_hatch() for bar in ax.patches)
    assert heading(ax, "message") == "About 20 FTE required in Mar 2026"  # 20.5, as the sentence has it


def test_cost_is_off_without_a_wage_and_says_so() -> None:
    assert texts(charts.monthly_cost(small.staffing(wage=False))) == ["No wage rate: staff cost is off."]
    ax = charts.monthly_cost(small.staffing())
    assert [bar.get_height() for bar in bars(ax, "parcels")] == [75_000_00, 0]


def test_drawing_does_not_change_the_result() -> None:
    variance, demand, staffing = small.variance(), small.demand(), small.staffing()
    before = [
        (frame, frame.copy(deep=True))
        for result in (variance, demand, staffing)
        for field in dataclasses.fields(result)
        if isinstance(frame := getattr(result, field.name), pd.DataFrame)
    ]
    charts.plan_actual_columns(variance)
    charts.variance_bars(variance)
    charts.forecast_fan(demand, small.SITE, "parcels")
    charts.backtest_accuracy(demand)
    charts.required_staff(staffing, small.SITE, "calls")
    charts.monthly_fte(staffing)
    for frame, copy in before:
        pd.testing.assert_frame_equal(frame, copy)

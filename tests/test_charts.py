"""Charts are read by their artists: what stands where, in which notation, under which words."""

from __future__ import annotations

import dataclasses
import re
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
from opsanalytics.budget import budget_variance
from opsanalytics.charts import canvas, panels, sheet
from opsanalytics.demand import DemandForecast
from opsanalytics.demand.history.components import Components, decompose, seasonal_indices, strength
from opsanalytics.demand.history.prophet import Detail
from opsanalytics.demand.value.added import ForecastValue, value_of
from opsanalytics.formats import MISSING_MONTHS
from opsanalytics.periods import month_range
from opsanalytics.settings import Settings

plt.switch_backend("Agg")
K = small.THOUSAND
LINE = ["period", "cost_centre", "account", "amount_cents"]
CYRILLIC = "Субвенція з місцевого бюджету на здійснення видатків " * 20


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def every_chart(name: str = "parcels") -> dict[str, Axes]:
    variance, demand, staffing = small.explained(small.variance(), name), small.demand(name), small.staffing()
    return {
        "plan_actual_columns": charts.plan_actual_columns(variance),
        "variance_bars": charts.variance_bars(variance),
        "monthly_trend": charts.monthly_trend(variance),
        "outlook_bars": charts.outlook_bars(variance),
        "bridge": charts.bridge(raised(variance), "pl_line"),
        "movement": charts.movement(variance),
        "pareto": charts.pareto(variance, "pl_line"),
        "heat_map": charts.heat_map(variance),
        "forecast_fan": charts.forecast_fan(demand, small.SITE, name),
        "decomposition": charts.decomposition(parts(), strength(parts()), name, small.SITE, small.PERIOD, name),
        "trend_changes": charts.trend_changes(bends(), name, small.SITE, small.PERIOD, unit=name),
        "seasonal_indices": charts.seasonal_indices(seasonal_indices(parts()), "week", name, small.SITE, small.PERIOD),
        "calendar_heat_map": charts.calendar_heat_map(parts().observed, name, small.SITE, small.PERIOD, unit=name),
        "forecast_errors": charts.forecast_errors(value(demand, name), small.SITE, name),
        "monthly_volumes": charts.monthly_volumes(demand, small.SITE, name),
        "seasonal_shape": charts.seasonal_shape(demand, small.SITE, name),
        "backtest_accuracy": charts.backtest_accuracy(demand),
        "required_staff": charts.required_staff(staffing, small.SITE, "calls"),
        "monthly_fte": charts.monthly_fte(staffing),
        "monthly_cost": charts.monthly_cost(staffing),
    }


def parts() -> Components:
    """Eight weeks of days to the end of PERIOD, 100 each but for Mondays of 140."""
    days = pd.date_range("2026-01-04", "2026-02-28", freq="D").as_unit("us")
    return decompose(pd.Series(100.0, days).mask(days.day_of_week == 0, 140.0), "D")


def bends() -> Detail:
    """Two years of months that grow by ten each, and bend down a year before the end."""
    months = pd.date_range("2024-03-01", periods=24, freq="MS").as_unit("us")
    trend = np.r_[np.arange(100.0, 220.0, 10.0), np.arange(220.0, 160.0, -5.0)]
    changes = pd.DataFrame({"ds": months[[12]], "change": [-0.5]})
    return Detail(pd.DataFrame({"ds": months, "y": trend + 3, "trend": trend, "fitted": trend}), changes, False)


def value(demand: DemandForecast, service: str) -> ForecastValue:
    """Forecasts on record of the last two months: 3,000 each."""
    rows = {"site": small.SITE, "service": service, "unit": "parcels", "volume": 3000.0, "lo80": 2900.0, "hi80": 3100.0}
    cutoffs = pd.DatetimeIndex(["2025-12-31", "2026-01-31"]).as_unit("us")
    recorded = pd.DataFrame({**rows, "period": ["2026-01", "2026-02"], "cutoff": cutoffs, "lead": 1})
    return value_of(demand.monthly, recorded, None, period=small.PERIOD, entity=small.SITE)


def bars(ax: Axes, gid: str) -> list[Any]:
    return [patch for patch in ax.patches if patch.get_gid() == gid]


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in (*ax.texts, *tick_labels(ax)) if text.get_text()]


def tick_labels(ax: Axes) -> list[Any]:
    """The names of ticks that are drawn: an axis has more than lie within its limits."""
    found = []
    for k, axis in enumerate((ax.xaxis, ax.yaxis) if ax.axison else ()):
        low, high = sorted(axis.get_view_interval())
        labels = axis.get_ticklabels() if axis.get_visible() else []
        found += [label for label in labels if low <= label.get_position()[k] <= high]
    return found


def explained(**options: Any) -> Any:
    return small.explained(small.variance(**options))


def raised(variance: Any) -> Any:
    """The same with bridges between levels that are 2,000 thousand higher."""
    rows = variance.bridges
    level = rows["kind"].isin(["start", "end"])
    return dataclasses.replace(
        variance, bridges=rows.assign(cents=rows["cents"].mask(level, rows["cents"] + 2_000 * K))
    )


def names(ax: Axes) -> list[str]:
    """The names at the left of horizontal bars and cells, from the top down."""
    return [text.get_text() for text in ax.texts if text.get_gid() == "name"]


def panel(ax: Axes, gid: str) -> Axes:
    (found,) = [other for other in ax.figure.axes if other.get_gid() == gid]
    return found


def line(ax: Axes, gid: str) -> Any:
    (found,) = [each for each in ax.lines if each.get_gid() == gid]
    return found


def amount_per_inch(ax: Axes) -> float:
    """The amount that an inch of a panel of horizontal bars bears."""
    low, high = ax.get_xlim()
    return float(high - low) / (float(ax.get_window_extent().width) / float(ax.figure.dpi))


def shown_texts(ax: Axes) -> list[Any]:
    """Every text on the sheet of a chart that is drawn and not empty, at its place."""
    found = [*ax.figure.texts]
    for each in ax.figure.axes:
        legend = each.get_legend()
        if legend:
            legend.draw(ax.figure.canvas.get_renderer())
        found += [*each.texts, *tick_labels(each), *(legend.get_texts() if legend else [])]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def heading(ax: Axes, gid: str) -> str:
    (text,) = [text for text in ax.figure.texts if text.get_gid() == gid]
    return " ".join(text.get_text().split())


def luminance(colour: Any) -> float:
    """Relative luminance of the WCAG: what is left of a colour in grey print."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Every chart


HORIZONTAL = {"variance_bars", "outlook_bars", "backtest_accuracy", "bridge", "movement", "pareto"}
WITHOUT_LENGTHS = {"heat_map", "calendar_heat_map"}


def test_every_chart_that_there_is_is_looked_at() -> None:
    from test_charts_staffing import every_chart as of_staffing

    made = set(every_chart())
    plt.close("all")
    assert made | set(of_staffing()) == set(charts.__all__)


def test_each_chart_is_one_figure_on_a_zero_base_line_and_says_message_entity_and_month() -> None:
    made = every_chart()
    assert len(plt.get_fignums()) == len(made)
    for name, ax in made.items():
        assert ax.figure.axes[0] is ax
        assert heading(ax, "message")
        assert small.SITE in heading(ax, "caption")
        assert "Feb 2026" in heading(ax, "caption")
        for each in ax.figure.axes if name not in WITHOUT_LENGTHS else []:
            assert line(each, "zero") is not None, name
            low, high = each.get_xlim() if name in HORIZONTAL else each.get_ylim()
            assert low <= 0 <= high, name


def test_a_finished_chart_is_laid_out_once_and_is_as_wide_as_its_sheet() -> None:
    for name, ax in every_chart().items():
        assert not ax.figure.stale, f"{name} would be drawn once more before it is shown"
        assert ax.figure.get_layout_engine() is None, name
        page, tight = ax.figure.bbox_inches, ax.figure.get_tightbbox()
        pad = plt.rcParams["savefig.pad_inches"]
        assert tight.padded(pad).extents == pytest.approx(page.extents), name


@pytest.mark.parametrize(
    "name",
    [
        "Freight",
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


def test_a_dollar_sign_is_not_the_start_of_a_formula() -> None:
    assert canvas.plain("$a$") == r"\$a\$"
    ax = charts.variance_bars(small.explained(small.variance(), "Fees $a$ <b>"))
    ax.figure.canvas.draw()
    assert r"Fees \$a\$ <b>" in texts(ax)


def test_long_names_are_shortened_with_an_ellipsis() -> None:
    ax = charts.variance_bars(small.explained(small.variance(), CYRILLIC))
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


def test_the_drawing_library_is_loaded_beside_the_caller_who_asks_for_it(run_python: Any) -> None:
    joined = "[one.join() for one in threading.enumerate() if one is not threading.main_thread()]; "
    code = "import sys, threading; from opsanalytics import charts; charts.load(); " + joined
    assert run_python(code + "print('matplotlib.pyplot' in sys.modules)") == "True"


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
    columns, outlook = charts.plan_actual_columns(small.variance()), charts.outlook_bars(explained())
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
    shown, beside = names(ax), panel(ax, "variances")
    assert shown == ["Freight", "Payroll", "Fuel"]
    widths = {name: bars(beside, name)[0].get_width() for name in shown}
    assert widths == {"Freight": 40 * K, "Payroll": 14 * K, "Fuel": -7 * K}
    colours = {name: bars(beside, name)[0].get_facecolor()[:3] for name in shown}
    assert colours["Freight"] == to_rgb(canvas.FAVOURABLE)  # more revenue
    assert colours["Payroll"] == to_rgb(canvas.ADVERSE)  # more cost
    assert colours["Fuel"] == to_rgb(canvas.FAVOURABLE)  # less cost
    assert "+14.0  (+12.7 %)" in texts(beside)
    assert heading(ax, "message") == "Largest variance: Freight +40.0 kEUR (favourable)"


def test_beside_the_variances_the_actual_stands_solid_before_the_outline_of_its_plan() -> None:
    ax = charts.variance_bars(small.variance(), "ytd", "PL")
    actual, plan = bars(ax, "AC"), bars(ax, "PL")
    assert [bar.get_width() for bar in actual] == [240 * K, 124 * K, 17 * K]
    assert [bar.get_width() for bar in plan] == [200 * K, 110 * K, 24 * K]
    assert {bar.get_x() for bar in (*actual, *plan)} == {0}
    for solid, outline in zip(actual, plan, strict=True):
        assert luminance(solid.get_facecolor()) < 0.05
        assert luminance(outline.get_facecolor()) == pytest.approx(1)
        assert outline.get_height() > solid.get_height()
        assert solid.get_y() + solid.get_height() / 2 == pytest.approx(outline.get_y() + outline.get_height() / 2)
    prior = charts.variance_bars(small.variance(), "ytd", "PY")
    assert {0.3 < luminance(bar.get_facecolor()) < 0.8 for bar in bars(prior, "PY")} == {True}


@pytest.mark.parametrize(
    ("amount", "zoom"),
    [
        # Variances of 40 and -7 beside amounts of up to 240: 47 / 240 is just under a fifth.
        pytest.param(1, 2, id="a small panel is magnified"),
        # Plan and actual four times as far apart: 188 / 360 stays.
        pytest.param(4, 1, id="one that can be seen has the scale of its neighbour"),
    ],
)
def test_panels_of_one_unit_share_a_scale_or_say_by_how_much_they_differ(amount: int, zoom: int) -> None:
    variance = small.variance()
    moved = variance.variances.assign(variance_cents=variance.variances["variance_cents"] * amount)
    moved["actual_cents"] = moved["reference_cents"] + moved["variance_cents"]
    moved["like_for_like_cents"] = moved["variance_cents"]
    ax = charts.variance_bars(dataclasses.replace(variance, variances=moved))
    beside = panel(ax, "variances")
    assert amount_per_inch(ax) == pytest.approx(zoom * amount_per_inch(beside))
    (title,) = [text.get_text() for text in beside.texts if text.get_gid() == "title"]
    assert title == ("ΔPL" if zoom == 1 else f"ΔPL, on a scale {zoom} times as large")


def test_a_panel_is_magnified_by_a_round_number_only_where_it_would_vanish() -> None:
    ratios = (0.5, 0.2, 0.19, 0.1, 0.04, 0.01, 0.0006, 0)
    assert [panels.zoom_of(ratio) for ratio in ratios] == [1, 1, 2, 5, 10, 50, 500, 1]


def test_what_is_beyond_the_shown_bars_is_one_remainder_of_each_type() -> None:
    ax = charts.variance_bars(small.variance(), "ytd", "PL", "account", top=1)
    assert names(ax) == ["4000 Freight", "Others, cost (2)"]
    assert bars(panel(ax, "variances"), "Others, cost (2)")[0].get_width() == (14 - 7) * K
    assert bars(ax, "AC")[1].get_width() == (124 + 17) * K


def test_trend_has_actual_to_the_month_and_plan_for_the_whole_year() -> None:
    ax = charts.monthly_trend(explained(), "cost")
    assert [bar.get_height() for bar in bars(ax, "AC")] == [68 * K, 73 * K]
    assert [bar.get_height() for bar in bars(ax, "PL")] == [67 * K] * 12
    assert list(line(ax, "PY").get_ydata()) == [60 * K] * 12
    assert [label.get_text() for label in ax.get_xticklabels()][:2] == ["Jan\n2026", "Feb"]


def test_open_months_of_the_trend_are_hatched_at_their_outlook() -> None:
    ax = charts.monthly_trend(explained(), "result")
    ahead = bars(ax, "FC")
    assert [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in ahead] == [
        (k, 40 * K) for k in range(2, 12)
    ]
    assert all(bar.get_hatch() for bar in ahead)
    assert not any(bar.get_hatch() for gid in ("AC", "PL") for bar in bars(ax, gid))


def test_the_cumulated_year_fans_out_evenly_around_the_outlook_to_the_range_of_the_year() -> None:
    ax = charts.monthly_trend(explained(), "result")
    year = panel(ax, "cumulated")
    assert list(line(year, "AC").get_ydata()) == [42 * K, 99 * K]
    ahead = line(year, "FC")
    assert list(ahead.get_xdata()) == list(range(1, 12))
    assert list(ahead.get_ydata()) == [(99 + 40 * k) * K for k in range(11)]
    assert ahead.get_linestyle() == "--"
    (fan,) = [band for band in year.collections if band.get_gid() == "range"]
    corners = {tuple(corner) for corner in fan.get_paths()[0].vertices.tolist()}
    assert {(1, 99 * K), (11, 450 * K), (11, 560 * K)} <= corners
    # 499 - 450 below and 560 - 499 above the outlook at the end: after half of the ten months half of each.
    assert {(6, (99 + 200 - 24.5) * K), (6, (99 + 200 + 30.5) * K)} <= corners
    assert list(line(year, "PL").get_ydata())[-1] == 396 * K
    assert {"FC 499.0", "PL 396.0", "PY 360.0"} <= set(texts(year))
    (title,) = [text.get_text() for text in year.texts if text.get_gid() == "title"]
    assert "own scale" in title
    assert year.get_xlim() == ax.get_xlim()


def test_without_an_outlook_the_trend_has_no_fan() -> None:
    variance = explained()
    variance = dataclasses.replace(variance, outlook_lines=variance.outlook_lines.iloc[:0])
    ax = charts.monthly_trend(variance, "result")
    assert ax.figure.axes == [ax]
    assert not bars(ax, "FC")


def test_outlook_shows_each_method_beside_plan_and_prior_year_with_actual_to_date_solid() -> None:
    ax = charts.outlook_bars(explained(), "result")
    assert [bar.get_width() for bar in bars(ax, "FC")] == [399 * K, 594 * K, 499 * K]
    assert {bar.get_width() for bar in bars(ax, "AC")} == {99 * K}
    assert bars(ax, "PL")[0].get_width() == 12 * 33 * K
    assert bars(ax, "PY")[0].get_width() == 12 * 30 * K
    assert "(chosen)" in names(ax)[-1]
    whisker = line(ax, "range")
    assert list(whisker.get_xdata()) == [450 * K, 560 * K]
    assert set(whisker.get_ydata()) == {4}
    assert "499.0  (450.0 to 560.0)" in texts(ax)


@pytest.mark.parametrize("held", [True, False])
def test_a_range_that_is_not_drawn_is_not_spoken_of(held: bool) -> None:
    variance = explained()
    if not held:  # a range without width is none
        variance = dataclasses.replace(variance, outlook=variance.outlook.assign(lo_cents=variance.outlook["hi_cents"]))
    bar_chart, trend = charts.outlook_bars(variance, "result"), charts.monthly_trend(variance, "result")
    assert bool([each for each in bar_chart.lines if each.get_gid() == "range"]) == held
    assert bool(panel(trend, "cumulated").collections) == held
    assert ("whisker" in heading(bar_chart, "caption")) == held
    assert ("80 % range" in heading(trend, "caption")) == held
    (title,) = [text.get_text() for text in panel(trend, "cumulated").texts if text.get_gid() == "title"]
    assert ("the fan opens evenly to the year's 80 % range, 450.0 to 560.0" in title) == held
    assert ("fan" in title) == held


@pytest.mark.parametrize("by", ["driver", "pl_line"])
def test_a_bridge_leads_from_the_outlined_plan_to_the_solid_actual_each_step_from_the_end_of_the_last(by: str) -> None:
    ax = charts.bridge(explained(), by)
    (plan,), (actual,) = bars(ax, "level-PL"), bars(ax, "level-AC")
    assert (plan.get_x(), plan.get_width()) == (0, 66 * K)
    assert (actual.get_x(), actual.get_width()) == (0, 99 * K)
    assert luminance(plan.get_facecolor()) == pytest.approx(1)
    assert luminance(actual.get_facecolor()) < 0.05
    steps = sorted((b for b in ax.patches if str(b.get_gid()).startswith("effect-")), key=lambda b: float(b.get_y()))
    at = 66 * K
    for step in steps:
        assert step.get_x() + min(step.get_width(), 0) == min(at, at + step.get_width())
        at += step.get_width()
        assert step.get_facecolor()[:3] == to_rgb(canvas.FAVOURABLE if step.get_width() > 0 else canvas.ADVERSE)
    assert at == 99 * K
    assert ax.figure.axes == [ax]  # effects of half the level need no scale of their own


def test_the_steps_of_a_bridge_have_words_and_signs_and_its_message_names_the_largest() -> None:
    ax = charts.bridge(explained())
    assert names(ax) == ["Plan (PL)", "Volume", "Price", "Rate", "Payroll, not explained", "Actual (AC)"]
    assert {"66.0", "+25.0", "+15.0", "-10.0", "+3.0", "99.0"} <= set(texts(ax))
    assert heading(ax, "message") == "Result 33.0 kEUR above plan (favourable); largest driver: volume +25.0"


def test_small_effects_of_a_bridge_get_a_panel_that_states_its_scale_and_no_axis_is_cut() -> None:
    ax = charts.bridge(raised(explained()))
    beside = panel(ax, "effects")
    # Effects reach 40 beside a level of 2,099, a fiftieth: 20 times as large they take 800, less than half of it.
    assert amount_per_inch(ax) == pytest.approx(20 * amount_per_inch(beside))
    (title,) = [text.get_text() for text in beside.texts if text.get_gid() == "title"]
    assert title == "Effects from Plan (PL), on a scale 20 times as large"
    (volume,) = bars(beside, "effect-volume")
    assert (volume.get_x(), volume.get_width()) == (0, 25 * K)
    (price,) = bars(beside, "effect-price")
    assert (price.get_x(), price.get_width()) == (25 * K, 15 * K)
    assert (bars(ax, "effect-volume")[0].get_x(), ax.get_xlim()[0] <= 0) == (2_066 * K, True)


def test_effects_beyond_the_largest_are_one_step_and_the_bridge_still_foots() -> None:
    ax = charts.bridge(explained(), top=1)
    assert names(ax) == ["Plan (PL)", "Volume", "Others (2)", "Payroll, not explained", "Actual (AC)"]
    assert bars(ax, "effect-Others (2)")[0].get_width() == (15 - 10) * K


def test_a_bridge_without_a_reference_says_so() -> None:
    assert texts(charts.bridge(explained(), reference="PY")) == ["No PY to compare with."]


def lacking_a_month(by: str) -> Any:
    """The bridge of the explained variance with 3 of its 33 from missing months, in place of what is not explained."""
    variance = explained()
    rows = variance.bridges.assign(step=variance.bridges["step"].mask(variance.bridges["kind"] == "end", 9))
    lost = rows[(rows["driver"] == "other_payroll") & (rows["by"] == "driver")]
    lost = lost.assign(by=by, driver=MISSING_MONTHS, step=8)
    kept = rows[(rows["by"] != "driver") | (rows["driver"] != "other_payroll")]
    return dataclasses.replace(variance, bridges=pd.concat([kept, lost]))


@pytest.mark.parametrize("by", ["driver", "pl_line"])
def test_missing_months_are_a_step_with_a_word_and_the_title_says_what_they_are_of_the_whole(by: str) -> None:
    ax = charts.bridge(lacking_a_month(by), by)
    assert "Missing months" in names(ax)
    assert heading(ax, "message").startswith(
        "Result 33.0 kEUR above plan (favourable), of which +3.0 kEUR is missing months; largest "
    )


def test_a_line_that_is_named_like_a_remainder_is_a_line() -> None:
    variance = explained()
    rows = variance.bridges.assign(driver=variance.bridges["driver"].replace("Freight", "Others (2)"))
    ax = charts.bridge(dataclasses.replace(variance, bridges=rows), "pl_line")
    assert heading(ax, "message").endswith("largest line: Others (2) +40.0")


def test_movement_leads_from_the_last_pack_to_this_one_with_restatements_coloured_by_effect() -> None:
    ax = charts.movement(explained())
    assert names(ax) == ["Year to date as last reported", "Restated since", "Feb 2026, new", "Year to date now"]
    (restated,), (new,) = bars(ax, "effect-restatement"), bars(ax, "effect-new_months")
    assert (restated.get_x(), restated.get_width()) == (40 * K, 2 * K)
    assert (new.get_x(), new.get_width()) == (42 * K, 57 * K)
    assert restated.get_facecolor()[:3] == to_rgb(canvas.FAVOURABLE)
    assert new.get_facecolor()[:3] == to_rgb(canvas.NEUTRAL)
    assert heading(ax, "message") == "Result of months reported before restated by +2,000.00 EUR (favourable)"
    variance = explained()
    variance = dataclasses.replace(variance, movement=variance.movement.iloc[:0])
    assert texts(charts.movement(variance)) == ["No earlier pack on record."]


def test_a_restatement_of_cost_upwards_is_adverse() -> None:
    variance = explained()
    variance = dataclasses.replace(variance, movement=variance.movement.assign(measure="cost"))
    ax = charts.movement(variance, "cost")
    assert bars(ax, "effect-restatement")[0].get_facecolor()[:3] == to_rgb(canvas.ADVERSE)
    assert heading(ax, "message").endswith("restated by +2,000.00 EUR (adverse)")


@pytest.mark.parametrize(
    ("by", "shown", "sizes"),
    [
        ("driver", ["Volume", "Price", "Rate", "Payroll, not explained"], [25, 15, 10, 3]),
        ("pl_line", ["Freight", "Payroll", "Fuel"], [40, 14, 7]),
    ],
)
def test_pareto_ranks_effects_and_cumulates_their_share_to_the_whole(
    by: str, shown: list[str], sizes: list[int]
) -> None:
    ax = charts.pareto(explained(), by)
    assert names(ax) == shown
    assert [abs(bars(ax, name)[0].get_width()) for name in shown] == [size * K for size in sizes]
    shares = panel(ax, "shares")
    whole = sum(sizes)
    assert list(line(shares, "share").get_xdata()) == pytest.approx(
        [sum(sizes[: k + 1]) / whole for k in range(len(sizes))]
    )
    assert shares.get_xlim()[0] == 0
    assert list(line(shares, "whole").get_xdata()) == [1, 1]
    assert [text for text in texts(shares) if re.fullmatch(r"[0-9.]+ %", text)][-1] == "100.0 %"


def test_pareto_keeps_what_is_beyond_the_largest_as_a_remainder() -> None:
    ax = charts.pareto(explained(), top=1)
    assert names(ax) == ["Volume", "Others (3)"]
    assert bars(ax, "Others (3)")[0].get_width() == (15 - 10 + 3) * K
    # Volume has 25 of 25 + 15 + 10 + 3; the remainder's size is that of its effects, not of their sum.
    assert list(line(panel(ax, "shares"), "share").get_xdata()) == pytest.approx([25 / 53, 1])


def split(variance: Any, *rows: tuple[str, str, int]) -> Any:
    """A variance whose departments have these effects against plan: item, type, thousands."""
    frame = variance.variances
    like = frame[(frame["dimension"] == "department") & (frame["horizon"] == "ytd") & (frame["reference"] == "PL")]
    parts = [
        like.iloc[:1].assign(item=item, name=item, item2=kind, effect_cents=effect * K) for item, kind, effect in rows
    ]
    return dataclasses.replace(variance, variances=pd.concat([frame[frame["dimension"] != "department"], *parts]))


def test_pareto_counts_an_item_once_that_has_revenue_and_cost() -> None:
    variance = split(
        explained(), ("Ops", "revenue", 60), ("Ops", "cost", -40), ("Yard", "cost", -5), ("Desk", "cost", 1)
    )
    ax = charts.pareto(variance, "department")
    assert names(ax) == ["Ops, revenue", "Ops, cost", "Yard", "Desk"]
    assert heading(ax, "message") == "1 of 3 departments makes 80 % of all effects"


def test_what_no_driver_explains_and_missing_months_are_no_drivers_to_pareto() -> None:
    # 25, 15, 10 and 3 of 53: the three drivers make 94 %, two of them 75 %.
    assert heading(charts.pareto(explained()), "message") == "3 of 3 drivers make 80 % of all effects"
    large = explained()
    rest = large.bridges["kind"] == "rest"
    large = dataclasses.replace(
        large, bridges=large.bridges.assign(effect_cents=large.bridges["effect_cents"].mask(rest, 90 * K))
    )
    said = heading(charts.pareto(large), "message")
    assert said == "1 of 3 drivers and what no driver explains make 80 % of all effects"
    lost = dataclasses.replace(large, bridges=large.bridges.replace({"driver": {"other_payroll": MISSING_MONTHS}}))
    assert heading(charts.pareto(lost), "message") == "1 of 3 drivers and missing months make 80 % of all effects"
    unknown = dataclasses.replace(large, bridges=large.bridges[large.bridges["kind"] != "driver"])
    assert heading(charts.pareto(unknown), "message") == "What no driver explains makes 80 % of all effects"


def test_pareto_says_where_few_do_not_make_most() -> None:
    said = heading(charts.pareto(explained(), top=1), "message")
    assert said == "No few drivers make 80 % of all effects: the first 1 make 47 %"


def crossed(**effects: int) -> Any:
    """A variance whose cells are given as centre_line=thousands."""
    variance = explained()
    cells = [(key[:3], key[4:], "cost", effect * K) for key, effect in effects.items()]
    table = pd.DataFrame(cells, columns=["cost_centre", "pl_line", "type", "effect_cents"])
    return dataclasses.replace(variance, crossed=table)


def cells(ax: Axes) -> dict[tuple[int, int], str]:
    return {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text()
        for t in ax.texts
        if t.get_gid() != "name"
    }


def test_heat_map_writes_each_pair_with_its_sign_and_leaves_blank_what_is_not_there() -> None:
    ax = charts.heat_map(crossed(ccA_Fuel=30, ccA_Wages=-10, ccB_Wages=0))
    assert names(ax) == ["ccA", "ccB", "Total"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Fuel", "Wages", "Total"]
    assert cells(ax) == {
        **{(0, 0): "+30,000.00", (0, 1): "-10,000.00", (0, 2): "+20,000.00"},
        **{(1, 1): "0.00", (1, 2): "0.00"},
        **{(2, 0): "+30,000.00", (2, 1): "-10,000.00", (2, 2): "+20,000.00"},
    }
    (mesh,) = ax.collections
    assert mesh.get_array().mask.tolist() == [[False, False], [True, False]]  # type: ignore[union-attr]


def test_a_missing_month_is_left_out_of_the_heat_map_and_the_columns_say_what_they_compare() -> None:
    # January is missing; in February freight is 30 above its plan, payroll 9 and fuel 3 below: 24 for the result.
    variance = small.variance(months=("2026-02",))
    found = variance.crossed
    assert found["effect_cents"].tolist() == [30 * K, 3 * K, -9 * K]
    assert found["reference_cents"].tolist() == [100 * K, 12 * K, 55 * K]
    heat = charts.heat_map(variance)
    assert cells(heat)[1, 3] == "+24,000.00"
    assert "over the months that both hold" in heading(heat, "caption")
    columns = charts.plan_actual_columns(variance)
    said = "57.0 kEUR, 24.0 kEUR above plan (favourable), over the months that both hold"
    assert heading(columns, "message") == f"Result, year to date: {said}"
    assert "Δ over the months that both hold" in heading(columns, "caption")
    assert "both hold" not in heading(charts.plan_actual_columns(small.variance()), "caption")


def test_a_site_that_lacks_a_month_is_left_out_of_the_cells_in_that_month_only() -> None:
    # Plan 10 a month and site; North has 12 and 12, South 12 and no February: 3 * 2 for the result, not 6 - 10.
    months = ("2026-01", "2026-02")
    keys = [(m, c) for m in months for c in ("C1", "C2")]
    plan = pd.DataFrame([(m, c, "4000", 10 * K) for m, c in keys], columns=LINE)
    actual = pd.DataFrame([(m, c, "4000", 12 * K) for m, c in keys[:3]], columns=LINE)
    centre = {"cost_centre": ["C1", "C2"], "valid_from": pd.to_datetime(["2020-01-01"] * 2), "site": ["North", "South"]}
    tables = {
        "accounts": pd.DataFrame({"account": ["4000"], "type": ["revenue"], "pl_line": ["Sales"], "name": ["Sales"]}),
        "cost_centres": pd.DataFrame(centre).assign(name=["One", "Two"], department="Ops"),
        "budget": plan.assign(version="original"),
    }
    variance = budget_variance(actual, tables, Settings(), period="2026-02")
    assert dict(zip(variance.crossed["cost_centre"], variance.crossed["effect_cents"], strict=True)) == {
        "C1": 4 * K,
        "C2": 2 * K,
    }
    comparable = variance.comparable
    result = comparable[(comparable["measure"] == "result") & (comparable["horizon"] == "ytd")]
    assert set(result["effect_cents"]) == {6 * K}


def test_heat_map_colours_are_symmetric_about_zero_by_effect() -> None:
    ax = charts.heat_map(crossed(ccA_Fuel=30, ccA_Wages=-10, ccB_Wages=-30))
    (mesh,) = ax.collections
    assert mesh.get_clim() == (-30 * K, 30 * K)
    good, bad, half, none = (mesh.to_rgba([v * K])[0] for v in (30, -30, -15, 0))
    assert good[:3] == pytest.approx(to_rgb(canvas.FAVOURABLE), abs=0.01)
    assert bad[:3] == pytest.approx(to_rgb(canvas.ADVERSE), abs=0.01)
    assert luminance(bad) < luminance(half) < luminance(none)
    assert luminance(none) > 0.85


def test_heat_map_keeps_the_rest_as_others_so_that_it_adds_up() -> None:
    table = {f"c{k:02d}_Line": 100 - k for k in range(20)}
    ax = charts.heat_map(crossed(**table), top_rows=4)
    assert names(ax) == ["c00", "c01", "c02", "c03", "Others (16)", "Total"]
    assert cells(ax)[4, 0] == f"+{sum(100 - k for k in range(4, 20)):,}.0"
    assert cells(ax)[5, 1] == f"+{sum(table.values()):,}.0"


def test_heat_map_crosses_nothing_but_cost_centres_and_lines() -> None:
    with pytest.raises(ValueError, match="'account'"):
        charts.heat_map(explained(), "account")
    turned = charts.heat_map(explained(), "pl_line", "cost_centre")
    assert names(turned) == ["Freight", "Payroll", "Fuel", "Total"]


def test_without_a_budget_the_prior_year_is_what_is_compared_with() -> None:
    variance = small.variance(budget=False)
    assert "above prior year (favourable)" in heading(charts.plan_actual_columns(variance), "message")
    assert texts(charts.variance_bars(variance, "ytd", "PL")) == ["No PL to compare with."]


def test_an_incomplete_year_to_date_says_so_on_the_chart() -> None:
    ax = charts.monthly_trend(explained(months=("2026-02",)))
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


def test_a_month_to_come_bears_its_range_and_a_past_one_none() -> None:
    demand = small.demand()
    share = (demand.monthly["scenario"] == "FC").map({True: 0.1, False: float("nan")})
    monthly = demand.monthly.assign(
        lo80=demand.monthly["volume"] * (1 - share), hi80=demand.monthly["volume"] * (1 + share)
    )
    ax = charts.monthly_volumes(dataclasses.replace(demand, monthly=monthly), small.SITE, "parcels")
    (ranges,) = [each for each in ax.collections if each.get_gid() == "range"]
    ends = [tuple(float(y) for _, y in segment) for segment in ranges.get_segments()]  # type: ignore[attr-defined]
    assert ends == [pytest.approx((3069, 3751)), pytest.approx((2970, 3630))]


def test_the_fan_says_how_many_actuals_the_interval_held_in_the_backtest() -> None:
    assert "80 % held 79 % in the backtest" in heading(
        charts.forecast_fan(small.demand(), small.SITE, "parcels"), "caption"
    )
    untested = dataclasses.replace(small.demand(), accuracy=small.demand().accuracy.iloc[:0])
    assert "backtest" not in heading(charts.forecast_fan(untested, small.SITE, "parcels"), "caption")


def test_a_forecast_of_the_sum_for_comparison_is_neither_forecast_nor_yardstick() -> None:
    demand = small.demand()
    rows = demand.accuracy[demand.accuracy["model"] == "prophet"].assign(model="direct", wape=0.001)
    scores = pd.concat([demand.accuracy, rows])
    ax = charts.backtest_accuracy(dataclasses.replace(demand, accuracy=scores))
    assert heading(ax, "message") == "The forecast beats the yardstick in 1 of 2 series"


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
    assert names(ax) == ["calls", "parcels"]
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
    staff = pd.Series(line(ax, "scheduled").get_ydata())
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


def test_a_chart_that_is_off_takes_one_line_and_says_what_it_would_be() -> None:
    variance, demand = small.variance(budget=False), small.demand()
    none = dataclasses.replace(
        variance,
        movement=variance.movement.iloc[:0],
        monthly=variance.monthly.iloc[:0],
        amounts=variance.amounts.iloc[:0],
    )
    demand = small.without(small.without(demand, "calls"), "parcels")
    staffing = small.staffing(wage=False)
    off = {
        "from the last pack to this one": charts.movement(none),
        "Result, year to date, from PL": charts.bridge(variance),
        "AC, PL and ΔPL": charts.variance_bars(variance),
        "Effect on the result": charts.pareto(variance),
        "Effect against PL": charts.heat_map(variance),
        "by month": charts.monthly_trend(none),
        "full year": charts.outlook_bars(dataclasses.replace(none, outlook=variance.outlook.iloc[:0])),
        "parcels": charts.forecast_fan(demand, small.SITE, "parcels"),
        "one line a year": charts.seasonal_shape(demand, small.SITE, "parcels"),
        "Volume by month": charts.monthly_volumes(demand, small.SITE, "parcels"),
        "WAPE": charts.backtest_accuracy(demand),
        "Staff cost": charts.monthly_cost(staffing),
        "Staff: required": charts.required_staff(staffing, small.SITE, "no such service"),
    }
    for what, ax in off.items():
        width, height = ax.figure.get_size_inches()
        assert (float(width), float(height)) == (10, pytest.approx(0.6, abs=0.2)), what
        assert what in heading(ax, "caption")
        assert len(texts(ax)) == 1, what
        boxes = [text.get_window_extent() for text in shown_texts(ax)]
        assert all(box.y0 >= 0 and box.y1 <= ax.figure.bbox.y1 for box in boxes), what
        assert not boxes[0].overlaps(boxes[1]), what


def test_drawing_does_not_change_the_result() -> None:
    variance, demand, staffing = explained(), small.demand(), small.staffing()
    before = [
        (frame, frame.copy(deep=True))
        for result in (variance, demand, staffing)
        for frame in vars(result).values()
        if isinstance(frame, pd.DataFrame)
    ]
    for chart in (charts.plan_actual_columns, charts.variance_bars, charts.monthly_trend, charts.outlook_bars):
        chart(variance)
    for chart in (charts.bridge, charts.movement, charts.pareto, charts.heat_map):
        chart(variance)
    charts.forecast_fan(demand, small.SITE, "parcels")
    charts.backtest_accuracy(demand)
    charts.required_staff(staffing, small.SITE, "calls")
    charts.monthly_fte(staffing)
    for frame, copy in before:
        pd.testing.assert_frame_equal(frame, copy)

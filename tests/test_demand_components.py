"""Components: planted trends, seasons and outliers are found again, and the charts show what was found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from opsanalytics.charts import canvas, sheet
from opsanalytics.charts import components as charts
from opsanalytics.demand.history.components import anomalies, decompose, seasonal_indices, strength

plt.switch_backend("Agg")
YEAR = np.array([1.2, 1.1, 1.0, 0.9, 0.8, 0.85, 0.9, 1.0, 1.05, 1.1, 1.05, 1.05])
WEEK = np.array([1.2, 1.1, 1.0, 1.0, 1.1, 0.9, 0.7])
DAY = 1 + 0.5 * np.sin(2 * np.pi * np.arange(24) / 24)


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    yield
    plt.close("all")


def stamps(first: str, count: int, freq: str) -> pd.DatetimeIndex:
    return pd.date_range(first, periods=count, freq=freq).as_unit("us")


def noise(count: int, share: float, seed: int = 1) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0, share, count))


def months(count: int, *, growth: float = 0.005, share: float = 0.0) -> pd.Series:
    """Months of 1,000 that grow by `growth` a month, times the season of the year, times noise."""
    ds = stamps("2015-01-01", count, "MS")
    return pd.Series(1000 * (1 + growth) ** np.arange(count) * YEAR[ds.month - 1] * noise(count, share), index=ds)


def days(count: int, *, share: float = 0.0) -> pd.Series:
    """Days of 1,000 with a season of the week and a wave over the year of 20 % up and down."""
    ds = stamps("2020-01-01", count, "D")
    wave = 1 + 0.2 * np.sin(2 * np.pi * ds.day_of_year.to_numpy() / 365.25)
    return pd.Series(1000 * WEEK[ds.day_of_week] * wave * noise(count, share), index=ds)


def hours(count: int) -> pd.Series:
    ds = stamps("2023-01-02", count, "h")
    return pd.Series(200 * DAY[ds.hour] * WEEK[ds.day_of_week], index=ds)


def indices_of(y: pd.Series, freq: str, season: str) -> pd.DataFrame:
    table = seasonal_indices(decompose(y, freq))
    return table[table["season"] == season].reset_index(drop=True)


# Decomposition


def test_parts_make_the_observed_again() -> None:
    for y, freq in ((months(60, share=0.05), "MS"), (days(800, share=0.05), "D"), (hours(24 * 30), "h")):
        parts = decompose(y, freq)
        assert parts.multiplicative
        again = parts.trend * parts.season.prod(axis=1) * parts.remainder
        pd.testing.assert_series_equal(again, y, check_names=False, check_freq=False)
        assert parts.season.mean().to_numpy() == pytest.approx(1)
    signed = months(60, share=0.05) - 1000
    parts = decompose(signed, "MS")
    assert not parts.multiplicative
    again = parts.trend + parts.season.sum(axis=1) + parts.remainder
    pd.testing.assert_series_equal(again, signed, check_names=False, check_freq=False)
    assert parts.season.mean().to_numpy() == pytest.approx(0, abs=1e-9)


def test_a_planted_trend_and_season_of_the_year_are_found_within_a_hundredth() -> None:
    parts = decompose(months(72), "MS")
    planted = YEAR / YEAR.mean()
    assert parts.season["year"].to_numpy() == pytest.approx(np.tile(planted, 6), rel=0.01)
    assert parts.trend.to_numpy() == pytest.approx(1000 * YEAR.mean() * 1.005 ** np.arange(72), rel=0.01)
    assert parts.remainder.to_numpy() == pytest.approx(1, abs=0.01)


def test_days_have_the_season_of_the_week_and_from_two_years_on_that_of_the_year() -> None:
    parts = decompose(days(1096, share=0.03), "D")
    assert list(parts.season.columns) == ["week", "year"]
    assert parts.notes == ()
    week = parts.season["week"].groupby(parts.season.index.day_of_week).mean()
    assert week.to_numpy() == pytest.approx(WEEK / WEEK.mean(), rel=0.01)
    wave = 1 + 0.2 * np.sin(2 * np.pi * np.arange(1, 366) / 365.25)
    assert parts.season["year"].iloc[366 : 366 + 365].to_numpy() == pytest.approx(wave, abs=0.02)
    assert parts.trend.to_numpy() == pytest.approx(1000 * WEEK.mean(), rel=0.03)


def test_weeks_have_the_season_of_the_year_by_date_and_not_by_count() -> None:
    # After seven years the 52nd week has come nine days early: a count of weeks would blur the peak.
    ds = stamps("2014-01-06", 364, "W-MON")
    middle = ds + pd.Timedelta(days=3)
    y = pd.Series(500 * (1 + 0.4 * np.cos(2 * np.pi * middle.day_of_year.to_numpy() / 365.25)), index=ds)
    table = indices_of(y, "W-MON", "year")
    assert table["name"].tolist()[::11] == ["January", "December"]
    daily = 1 + 0.4 * np.cos(2 * np.pi * np.arange(1, 366) / 365.25)
    by_month = pd.Series(daily).groupby(stamps("2023-01-01", 365, "D").month).mean()
    assert table["index"].to_numpy() == pytest.approx(by_month.to_numpy(), abs=0.02)


def test_hours_have_the_seasons_of_the_day_and_of_the_week() -> None:
    parts = decompose(hours(24 * 7 * 8), "h")
    table = seasonal_indices(parts)
    by_season = {str(name): rows["index"].to_numpy() for name, rows in table.groupby("season")}
    assert by_season["day"] == pytest.approx(DAY / DAY.mean(), abs=0.01)
    assert by_season["week"] == pytest.approx(WEEK / WEEK.mean(), abs=0.01)
    assert table.loc[table["season"] == "day", "name"].tolist()[:2] == ["00:00", "01:00"]


@pytest.mark.parametrize("count", [36, 60, 120])  # of two values nobody can say which is the outlier
def test_a_planted_outlier_does_not_bend_season_or_trend(count: int) -> None:
    plain = months(count) * noise(count, 0.02, seed=2)
    bent = plain.copy()
    bent.iloc[count // 2] *= 5
    expected, found = decompose(plain, "MS"), decompose(bent, "MS")
    assert found.season.to_numpy() == pytest.approx(expected.season.to_numpy(), rel=0.02)
    assert found.trend.to_numpy() == pytest.approx(expected.trend.to_numpy(), rel=0.02)
    assert found.remainder.iloc[count // 2] > 4
    one, other = (seasonal_indices(parts)["index"].to_numpy() for parts in (expected, found))
    assert other == pytest.approx(one, rel=0.02)


def test_steep_growth_is_trend_to_the_ends_and_no_outlier() -> None:
    # A half more each month: the first trend of medians is flat there, and its weights must not stand.
    parts = decompose(months(72, growth=0.5), "MS")
    assert parts.trend.to_numpy() == pytest.approx(1000 * YEAR.mean() * 1.5 ** np.arange(72), rel=0.01)


def test_a_new_level_is_no_season() -> None:
    y = days(700)
    y.iloc[350:] *= 2
    week = np.log(decompose(y, "D").season["week"])
    assert week.rolling(7).mean().dropna().to_numpy() == pytest.approx(week.mean(), abs=1e-3)


def test_a_campaign_on_the_slope_of_the_year_does_not_bend_it() -> None:
    ds = stamps("2020-01-01", 1200, "D")
    steep = np.exp(1.2 * np.sin(2 * np.pi * ds.day_of_year.to_numpy() / 365.25))
    plain = pd.Series(1000 * steep * noise(1200, 0.01), index=ds)
    bent = plain.copy()
    bent.iloc[500:515] *= 1.2
    expected, found = decompose(plain, "D").season, decompose(bent, "D").season
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=0.005)


def test_a_gap_weighs_nothing_and_is_not_filled() -> None:
    y = months(72)
    holed = y.drop(y.index[20:33])
    parts = decompose(holed, "MS")
    assert parts.observed.isna().sum() == parts.remainder.isna().sum() == 13
    whole = decompose(y, "MS")
    assert parts.trend.to_numpy() == pytest.approx(whole.trend.to_numpy(), rel=0.02)
    assert parts.season["year"].to_numpy() == pytest.approx(whole.season["year"].to_numpy(), rel=0.02)
    as_nan = y.copy()
    as_nan.iloc[20:33] = np.nan
    pd.testing.assert_series_equal(decompose(as_nan, "MS").trend, parts.trend)


def test_a_weekday_that_is_never_on_record_has_no_season_and_no_index() -> None:
    y = days(400)
    open_days = y[y.index.day_of_week < 5]
    parts = decompose(open_days, "D")
    assert parts.season["week"][parts.season.index.day_of_week >= 5].isna().all()
    table = seasonal_indices(parts)
    assert table["index"].isna().tolist() == [False] * 5 + [True] * 2
    assert table["index"].to_numpy()[:5] == pytest.approx(WEEK[:5] / WEEK[:5].mean(), rel=0.01)


@pytest.mark.parametrize(
    ("count", "freq", "left_out"),
    [
        (23, "MS", ["year"]),
        (24, "MS", []),
        (103, "W-SUN", ["year"]),
        (13, "D", ["week", "year"]),
        (729, "D", ["year"]),
        (730, "D", []),
        (47, "h", ["day", "week"]),
        (671, "30min", ["week"]),
        (672, "30min", []),
    ],
)
def test_a_season_with_fewer_than_two_cycles_is_left_out_and_said(count: int, freq: str, left_out: list[str]) -> None:
    ds = stamps("2023-01-01", count, freq)
    parts = decompose(pd.Series(100.0 + np.arange(count) % 3, index=ds), freq)
    assert len(parts.notes) == len(left_out)
    for season, note in zip(left_out, parts.notes, strict=True):
        assert season not in parts.season.columns
        assert f"season of the {season}" in note


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_few_points_are_trend_and_remainder(count: int) -> None:
    y = months(count)
    parts = decompose(y, "MS")
    assert parts.season.shape == (count, 0)
    assert (parts.trend * parts.remainder).to_numpy() == pytest.approx(y.to_numpy())
    assert seasonal_indices(parts).empty
    assert list(strength(parts).index) == ["trend"]


@pytest.mark.parametrize(
    ("y", "said"),
    [
        pytest.param(pd.Series(dtype="float64", index=pd.DatetimeIndex([])), "no value", id="nothing"),
        pytest.param(months(3) * np.nan, "no value", id="only gaps"),
        pytest.param(pd.concat([months(3), months(1)]), "twice", id="twice"),
        pytest.param(pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["2024-01-01", "2024-02-15"])), "grid", id="off"),
        pytest.param(months(3) * [1, np.inf, 1], "infinite", id="infinite"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused_in_a_sentence(y: pd.Series, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decompose(y, "MS")


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(0.5, 1e6), seed=st.integers(0, 99))
def test_another_unit_changes_nothing_but_the_unit(factor: float, seed: int) -> None:
    y = months(36) * noise(36, 0.1, seed)
    one, other = decompose(y, "MS"), decompose(y * factor, "MS")
    assert other.trend.to_numpy() == pytest.approx(factor * one.trend.to_numpy(), rel=1e-6)
    assert other.season.to_numpy() == pytest.approx(one.season.to_numpy(), rel=1e-6)
    assert strength(other).to_numpy() == pytest.approx(strength(one).to_numpy(), abs=1e-6)
    signed, turned = decompose(y - 1000, "MS"), decompose((y - 1000) * -factor, "MS")
    scale = factor * 1000
    assert turned.season.to_numpy() / scale == pytest.approx(-signed.season.to_numpy() / 1000, abs=1e-6)


def test_the_order_of_rows_changes_nothing_and_the_input_is_untouched() -> None:
    y = days(100, share=0.1)
    shuffled = y.sample(frac=1, random_state=3)
    copy = shuffled.copy(deep=True)
    pd.testing.assert_frame_equal(decompose(shuffled, "D").season, decompose(y, "D").season)
    pd.testing.assert_series_equal(shuffled, copy)


def test_it_is_quick() -> None:
    for y, freq, seconds in ((months(120, share=0.1), "MS", 0.03), (days(1400, share=0.1), "D", 0.3)):
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            decompose(y, freq)
            taken.append(time.perf_counter() - start)
        assert min(taken) < seconds


# Strength


def test_strength_is_near_one_for_what_is_planted_and_near_nothing_for_noise() -> None:
    planted = strength(decompose(months(120, share=0.01), "MS"))
    assert (planted > 0.97).all()
    ds = stamps("2015-01-01", 1400, "D")
    drawn = strength(decompose(pd.Series(1000 * noise(1400, 0.1), index=ds), "D"))
    assert (drawn < 0.1).all()
    constant = strength(decompose(pd.Series(100.0, index=ds[:100]), "D"))
    assert constant.to_dict() == {"trend": 0.0, "week": 0.0}


def test_strength_is_what_the_remainder_leaves_of_the_variance() -> None:
    parts = decompose(months(60, share=0.05), "MS")
    rest, season = np.log(parts.remainder), np.log(parts.season["year"])
    assert strength(parts)["year"] == pytest.approx(1 - np.var(rest) / np.var(rest + season))


# Indices


@pytest.mark.parametrize("shift", [0, 1000])
def test_indices_average_to_one_or_to_nothing(shift: int) -> None:
    for y, freq in ((months(60, share=0.1), "MS"), (days(800, share=0.1), "D")):
        table = seasonal_indices(decompose(y - shift, freq))
        for _, rows in table.groupby("season"):
            assert rows["index"].mean() == pytest.approx(0 if shift else 1, abs=1e-9)
            assert (rows["lo80"] < rows["index"]).all()
            assert (rows["index"] < rows["hi80"]).all()


def test_the_range_of_an_index_is_students_from_the_spread_of_its_values() -> None:
    parts = decompose(months(60, share=0.05), "MS")
    january = np.log(parts.season["year"] * parts.remainder).to_numpy()[::12]
    # The 90 % point of Student's t with four degrees of freedom is 1.533 (any table).
    half = 1.533 * january.std(ddof=1) / np.sqrt(5)
    row = indices_of(months(60, share=0.05), "MS", "year").iloc[0]
    assert np.log(row["hi80"] / row["index"]) == pytest.approx(half, rel=1e-3)
    assert np.log(row["index"] / row["lo80"]) == pytest.approx(half, rel=1e-3)


def test_four_in_five_ranges_hold_the_planted_index() -> None:
    held = []
    for seed in range(30):
        table = indices_of(months(60) * noise(60, 0.05, seed), "MS", "year")
        held += list((table["lo80"] <= YEAR / YEAR.mean()) & (YEAR / YEAR.mean() <= table["hi80"]))
    assert np.mean(held) == pytest.approx(0.8, abs=0.08)


def test_a_position_seen_once_has_an_index_and_no_range() -> None:
    y = months(36)
    y = y.drop(y.index[[5, 17]])  # one June is left
    row = indices_of(y, "MS", "year").iloc[5]
    assert row["name"] == "June"
    assert row["index"] == pytest.approx(YEAR[5] / YEAR.mean(), rel=0.03)
    assert np.isnan(row["lo80"])
    assert np.isnan(row["hi80"])


# Anomalies


def errors(count: int = 40) -> tuple[pd.Series, pd.Series]:
    """Values of 99 and 101 in turn where 100 was expected: median error 0, MAD 1."""
    ds = stamps("2024-01-01", count, "D")
    return pd.Series(100 + (-1.0) ** np.arange(count), index=ds), pd.Series(100.0, index=ds)


def test_points_beyond_four_robust_deviations_stand_out() -> None:
    y, expected = errors()
    y.iloc[[7, 30, 12, 15]] = [108.0, 90.0, 105.0, 95.0]  # as many above as below: z is the error / 1.4826
    notes: list[str] = []
    found = anomalies(y.sample(frac=1, random_state=1), expected, multiplicative=False, notes=notes)
    assert list(found.columns) == ["ds", "y", "expected", "z", "direction"]
    assert found["ds"].tolist() == [y.index[7], y.index[30]]
    assert found["direction"].tolist() == ["above", "below"]
    assert found["z"].tolist() == pytest.approx([8 / 1.4826, -10 / 1.4826])
    assert notes == []
    assert len(anomalies(y, expected, multiplicative=False, notes=notes, limit=3)) == 4


def test_ratios_are_compared_where_parts_multiply() -> None:
    # Half and double are as far apart on both sides: log 2 each, and log 1.1 is the typical error.
    ds = stamps("2024-01-01", 40, "D")
    expected = pd.Series(np.geomspace(10, 10_000, 40), index=ds)
    y = expected * 1.1 ** ((-1.0) ** np.arange(40))
    y.iloc[4], y.iloc[31] = expected.iloc[4] * 2, expected.iloc[31] / 2
    found = anomalies(y, expected, multiplicative=True, notes=[])
    assert found["z"].tolist() == pytest.approx([np.log(2) / np.log(1.1) / 1.4826, -np.log(2) / np.log(1.1) / 1.4826])
    with pytest.raises(ValueError, match="not above zero"):
        anomalies(y - 100, expected, multiplicative=True, notes=[])


def test_too_few_known_points_give_none_and_a_note() -> None:
    y, expected = errors(30)
    y.iloc[3] = 1000.0
    y.iloc[10:17] = np.nan  # 23 are left
    notes: list[str] = []
    found = anomalies(y, expected, multiplicative=False, notes=notes)
    assert found.empty
    assert list(found.columns) == ["ds", "y", "expected", "z", "direction"]
    assert len(notes) == 1
    assert "23 points" in notes[0]


def test_one_point_off_a_perfect_forecast_stands_out_and_rounding_does_not() -> None:
    _, expected = errors()
    y = expected * (1 + 1e-15)
    assert anomalies(y, expected, multiplicative=False, notes=[]).empty
    y.iloc[5] = 130.0
    assert anomalies(y, expected, multiplicative=False, notes=[])["ds"].tolist() == [y.index[5]]


def test_a_stamp_that_is_there_twice_is_refused() -> None:
    y, expected = errors()
    with pytest.raises(ValueError, match="twice"):
        anomalies(pd.concat([y, y]), expected, multiplicative=False, notes=[])


# Charts


def decomposed(y: pd.Series, freq: str, service: str = "parcels") -> Axes:
    parts = decompose(y, freq)
    return charts.decomposition(parts, strength(parts), service, "Cork", "2023-12", "parcels")


def index_chart(y: pd.Series, freq: str, season: str, service: str = "parcels") -> Axes:
    parts = decompose(y, freq)
    table = seasonal_indices(parts)
    return charts.seasonal_indices(table, season, service, "Cork", "2023-12", multiplicative=parts.multiplicative)


def every_chart(service: str = "parcels") -> dict[str, Axes]:
    signed = months(60, share=0.1) - 1000
    y = days(800, share=0.1)
    return {
        "months": decomposed(months(60, share=0.1), "MS", service),
        "amounts": decomposed(signed, "MS", service),
        "days": decomposed(y, "D", service),
        "hours": decomposed(hours(24 * 40), "h", service),
        "short": decomposed(months(10), "MS", service),
        "year": index_chart(signed, "MS", "year", service),
        "week": index_chart(y, "D", "week", service),
        "day": index_chart(hours(24 * 40), "h", "day", service),
        "calendar": charts.calendar_heat_map(y, service, "Cork", "2023-12", closed=y.index[y.index.day_of_week == 6]),
        "calendar of a week": charts.calendar_heat_map(y.iloc[-7:], service, "Cork", "2023-12"),
        "calendar of a constant": charts.calendar_heat_map(y.iloc[-90:] * 0 + 5, service, "Cork", "2023-12"),
    }


def line(ax: Axes, gid: str) -> Any:
    (found,) = [each for each in ax.lines if each.get_gid() == gid]
    return found


def panel(ax: Axes, gid: str) -> Axes:
    (found,) = [each for each in ax.figure.axes if each.get_gid() == gid]
    return found


def heading(ax: Axes, gid: str) -> str:
    (text,) = [text for text in ax.figure.texts if text.get_gid() == gid]
    return " ".join(text.get_text().split())


def drawn_texts(ax: Axes) -> list[Any]:
    ax.figure.canvas.draw()
    found = [*ax.figure.texts]
    for each in ax.figure.axes:
        found += each.texts + (each.get_legend().get_texts() if each.get_legend() else [])
        for k, axis in enumerate((each.xaxis, each.yaxis)):
            low, high = sorted(axis.get_view_interval())
            labels = axis.get_ticklabels() if axis.get_visible() else []
            found += [label for label in labels if low <= label.get_position()[k] <= high]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


@pytest.mark.parametrize("name", ["parcels", "Субвенція з місцевого бюджету " * 9, "Fees $x_1$ <b>\n東京"])
def test_texts_lie_inside_the_figure_and_not_on_one_another(name: str) -> None:
    for title, ax in every_chart(name).items():
        assert not ax.figure.stale
        with plt.rc_context(sheet.LETTERS):
            boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(ax)]
        frame = ax.figure.bbox.padded(1)
        for k, (text, box) in enumerate(boxes):
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1, f"{title}: {text} is clipped"
            assert frame.y0 <= box.y0 <= box.y1 <= frame.y1, f"{title}: {text} is clipped"
            for other, beside in boxes[k + 1 :]:
                assert not box.padded(-1.5).overlaps(beside.padded(-1.5)), f"{title}: {text} lies on {other}"


def test_each_chart_says_message_entity_and_month_over_a_zero_line() -> None:
    for title, ax in every_chart().items():
        assert ax.figure.axes[0] is ax
        assert heading(ax, "message").startswith("parcels: ")
        assert "Cork" in heading(ax, "caption")
        assert "as of Dec 2023" in heading(ax, "caption")
        for each in ax.figure.axes if not title.startswith("calendar") else []:
            assert line(each, "zero") is not None
            assert each.get_ylim()[0] <= 0 <= each.get_ylim()[1]


def test_the_decomposition_stacks_observed_trend_seasons_and_remainder_over_one_time() -> None:
    parts = decompose(days(700), "D")
    ax = charts.decomposition(parts, pd.Series({"trend": 0.2, "week": 0.9}), "parcels", "Cork", "2023-12")
    assert heading(ax, "message") == "parcels: weekly season strong (0.90), trend weak (0.20)"
    assert list(line(ax, "AC").get_ydata()) == parts.observed.tolist()
    assert list(line(ax, "trend").get_ydata()) == parts.trend.tolist()
    week, rest = panel(ax, "season of the week"), panel(ax, "remainder")
    assert line(week, "season of the week").get_ydata() == pytest.approx(parts.season["week"] - 1)
    (stems,) = rest.collections
    assert [path.vertices[1, 1] for path in stems.get_paths()] == pytest.approx((parts.remainder - 1).tolist())
    assert week.get_ylim() == rest.get_ylim()
    for other in (week, rest):
        assert other.get_xlim() == ax.get_xlim()
        assert other.get_position().x0 == pytest.approx(ax.get_position().x0)
        assert other.get_position().x1 == pytest.approx(ax.get_position().x1)


@pytest.mark.parametrize(
    ("swing", "zoom"),
    [
        # An inch of the observed bears about 3.8, a panel of 0.72 inches 2.7: the season is 0.0007 and 0.04 of that.
        pytest.param(0.001, "on a scale 500 times as large", id="a season that would vanish is magnified"),
        pytest.param(0.05, "on a scale 10 times as large", id="to less than half of its panel"),
        # From -3 to 3 is 6: an inch of the observed, which reaches 8, bears 6.1, a panel 4.4, and 0.7 times 6 fit.
        pytest.param(3.0, "on a scale 0.6 times as large", id="one that is higher than its panel is reduced"),
    ],
)
def test_parts_in_the_unit_of_the_observed_have_its_scale_or_say_by_how_much_theirs_differs(
    swing: float, zoom: str
) -> None:
    ds = stamps("2015-01-01", 60, "MS")
    y = pd.Series(5 + swing * np.sin(2 * np.pi * np.arange(60) / 12), index=ds)
    ax = decomposed(y, "MS")
    season = panel(ax, "season of the year")
    (title,) = [text.get_text() for text in season.texts if text.get_gid() == "title"]
    assert title == f"Season of the year, in parcels, {zoom}"
    per_inch = [np.ptp(each.get_ylim()) / each.get_window_extent().height for each in (ax, season)]
    assert per_inch[0] / per_inch[1] == pytest.approx(float(zoom.split()[3]), rel=0.1)


def test_indices_are_dots_with_ranges_full_where_clear_of_the_average() -> None:
    rows = {
        "season": "week",
        "position": [1, 2, 3],
        "name": ["Monday", "Tuesday", "Wednesday"],
        "index": [1.2, 1.0, 0.8],
        "lo80": [1.1, 0.9, np.nan],
        "hi80": [1.3, 1.1, np.nan],
    }
    ax = charts.seasonal_indices(pd.DataFrame(rows), "week", "parcels", "Cork", "2023-12")
    dots = {each.get_gid(): each for each in ax.collections}
    assert dots["clear of the average"].get_offsets().tolist() == [[0, pytest.approx(0.2)]]
    assert dots["not clear of it"].get_offsets().tolist() == [[1, 0], [2, pytest.approx(-0.2)]]
    spans = [path.vertices[:, 1].tolist() for path in dots["range"].get_paths()]
    assert spans == [pytest.approx([0.1, 0.3]), pytest.approx([-0.1, 0.1])]
    assert heading(ax, "message") == "parcels: clearly high on Monday (+20 %)"
    none = charts.seasonal_indices(pd.DataFrame(rows), "year", "parcels", "Cork", "2023-12")
    assert [text.get_text() for text in none.texts] == ["No season of the year: it takes two whole ones."]


def test_the_calendar_has_a_cell_for_each_day_on_record_and_a_cross_on_closed_ones() -> None:
    ds = stamps("2023-01-02", 21, "D")  # a Monday
    y = pd.Series(np.arange(21.0), index=ds)
    y.iloc[8], y.iloc[13] = np.nan, 0.0
    ax = charts.calendar_heat_map(y.drop(ds[10]), "parcels", "Cork", "2023-01", closed=ds[[6, 13]])
    mesh, closed = ax.collections
    cells = np.ma.filled(mesh.get_array().astype(float), np.nan).reshape(7, 3)
    assert np.isnan(cells[1, 1])  # the second Tuesday: missing
    assert np.isnan(cells[3, 1])  # the second Thursday: no row
    assert np.isnan(cells[6, 1])  # closed, and nothing was counted
    assert np.isfinite(cells).sum() == 18
    assert cells[0].tolist() == [0, 1, 3]  # 0, 7 and 14 of 17 open days by fifths
    assert closed.get_offsets().tolist() == [[0, 6], [1, 6]]
    assert heading(ax, "message") == "parcels: Sundays are busiest; the peak was Sun 22 Jan 2023 with 20"
    light, dark = (mesh.to_rgba(np.array([k]))[0] for k in (0, 4))
    assert to_rgb(light) > to_rgb(dark)


def test_the_calendar_keeps_the_last_fifty_six_weeks() -> None:
    ax = charts.calendar_heat_map(days(800), "parcels", "Cork", "2022-03")
    mesh = ax.collections[0]
    assert mesh.get_array().size == 56 * 7
    assert ax.get_xlim() == (-0.5, 55.5)


def test_a_calendar_without_days_says_so() -> None:
    empty = days(10) * np.nan
    ax = charts.calendar_heat_map(empty, "parcels", "Cork", "2022-03")
    assert [text.get_text() for text in ax.texts] == ["No day on record."]
    ax = charts.calendar_heat_map(days(10), "parcels", "Cork", "2022-03", closed=days(10).index)
    assert [text.get_text() for text in ax.texts] == ["No open day on record."]


def test_a_dollar_sign_in_a_name_is_text() -> None:
    assert canvas.plain("$a$") in heading(decomposed(months(30), "MS", "Fees $a$"), "message")

"""Demand: rules that hold for any history, on simulated series whose truth is known and on real ones."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsanalytics import accuracy, demand, tables
from opsanalytics.demand import DemandForecast, demand_forecast
from opsanalytics.demand.effects import closed_calendar, day_effects
from opsanalytics.demand.forecasting.calibration import loo_bounds
from opsanalytics.demand.forecasting.intervals import usual_quantile, weighted_quantiles
from opsanalytics.demand.forecasting.profile import day_totals, repeated_times, skipped_times, spread
from opsanalytics.demand.record import horizon_end
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings

WEEK = np.array([1.2, 1.1, 1.05, 1.0, 1.05, 0.9, 0.7])
LEVELS = (60, 80, 90, 95)
JULY = Settings(holidays=None, time_zone="Europe/Dublin", calendar=Calendar(7))
EVENT_COLUMNS = ["ds", "site", "name", "kind", "known_ahead"]


def stamps(first: str, last: str, freq: str = "D") -> pd.DatetimeIndex:
    return pd.date_range(first, last, freq=freq).as_unit("us")


def daily(first: str, last: str, *, level: float = 1000, noise: float = 0.03, seed: int = 1) -> pd.Series:
    """Days with a weekly and a yearly season and noise in proportion."""
    ds = stamps(first, last)
    season = 1 + 0.15 * np.sin(2 * np.pi * ds.day_of_year.to_numpy() / 365.25)
    draws = np.random.default_rng(seed).normal(0, noise, len(ds))
    return pd.Series(level * WEEK[ds.day_of_week.to_numpy()] * season * np.exp(draws), index=ds)


def monthly(n: int, *, level: float = 500, noise: float = 0.05, seed: int = 1) -> pd.Series:
    ds = stamps("2015-01", "2030-01", "MS")[:n]
    season = 1 + 0.2 * np.cos(2 * np.pi * (ds.month.to_numpy() - 1) / 12)
    return pd.Series(level * season * np.exp(np.random.default_rng(seed).normal(0, noise, n)), index=ds)


def half_hours(first: str, last: str, *, level: float = 20, seed: int = 1) -> pd.Series:
    """Half hours from 08:00 to 18:00 on Mondays to Fridays; other times have no rows."""
    ds = stamps(first, f"{last} 23:30", "30min")
    ds = ds[(ds.hour >= 8) & (ds.hour < 18) & (ds.day_of_week < 5)]
    shape = 1 + 0.5 * np.sin(np.pi * (ds.hour.to_numpy() - 8) / 10)
    return pd.Series(np.random.default_rng(seed).poisson(level * shape).astype(float), index=ds)


def volumes(y: pd.Series, freq: str, site: str = "North", service: str = "Calls", unit: str = "calls") -> pd.DataFrame:
    frame = pd.DataFrame({"ds": y.index.astype("datetime64[us]"), "y": y.to_numpy()})
    return frame.assign(site=site, service=service, unit=unit, freq=freq)[
        ["site", "service", "unit", "freq", "ds", "y"]
    ]


STARTS = stamps("2025-01", "2025-12", "MS")
HALF_YEAR = stamps("2025-01-01", "2025-06-30")


def events(*rows: tuple[str, str, str, bool]) -> pd.DataFrame:
    """One row for each of (day, name, kind, known ahead), at every site."""
    table = pd.DataFrame([(pd.Timestamp(day), np.nan, *rest) for day, *rest in rows], columns=EVENT_COLUMNS)
    return table.astype({"ds": "datetime64[us]"})


def long(**series: pd.Series) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"unique_id": k, "ds": v.index, "y": v.to_numpy()}) for k, v in series.items()])


def forecast_of(found: DemandForecast, freq: str = "D") -> pd.Series:
    rows = found.forecasts[(found.forecasts["freq"] == freq) & ~found.forecasts["reconstructed"]]
    return rows.set_index("ds")["yhat"]


@pytest.fixture(scope="module")
def two_years() -> DemandForecast:
    return demand_forecast(volumes(daily("2023-07-01", "2026-03-31"), "D"), {}, JULY, period="2026-03", entity="North")


@pytest.fixture(scope="module")
def contacts() -> DemandForecast:
    y = half_hours("2025-01-01", "2025-08-31")
    return demand_forecast(volumes(y, "30min"), {}, JULY, period="2025-08", entity="North")


# ------------------------------------------------------------------ frequency


@pytest.mark.parametrize(
    ("ds", "freq"),
    [
        pytest.param(stamps("2025-01", "2025-12", "MS"), "MS", id="months"),
        pytest.param(stamps("2025-01", "2025-12", "MS")[[0, 1, 5, 7]], "MS", id="months with gaps"),
        pytest.param(stamps("2025-01-01", "2025-06-30", "W-WED"), "W-WED", id="weeks"),
        pytest.param(stamps("2025-01-01", "2025-03-31"), "D", id="days"),
        pytest.param(stamps("2025-01-01", "2025-03-31", "B"), "D", id="working days"),
        pytest.param(stamps("2025-01-01", "2025-01-20", "h"), "h", id="hours"),
        pytest.param(half_hours("2025-01-01", "2025-02-28").index, "30min", id="half hours with closed nights"),
        pytest.param(stamps("2025-01-01", "2025-01-10", "5min")[::-1], "5min", id="five minutes in reverse"),
    ],
)
def test_frequency_is_inferred_and_gaps_are_allowed(ds: pd.DatetimeIndex, freq: str) -> None:
    assert demand.infer_frequency(ds) == freq


@pytest.mark.parametrize(
    ("ds", "sentence"),
    [
        pytest.param(stamps("2025-01-01", "2025-01-01"), "one point", id="one point"),
        pytest.param(stamps("2025-01-01", "2025-01-03").repeat(2), "twice", id="repeated"),
        pytest.param(stamps("2025-01", "2025-12", "ME"), "month ends", id="month ends"),
        pytest.param(STARTS.append(stamps("2026-01", "2026-12", "ME")), "mixed", id="starts and ends"),
        pytest.param(HALF_YEAR.append(stamps("2025-07-01", "2025-08-01", "30min")), "mixed", id="days, half hours"),
        pytest.param(HALF_YEAR[:99] + pd.to_timedelta(np.arange(99) % 2, unit="min"), "mixed", id="off the grid"),
        pytest.param(pd.DatetimeIndex([pd.NaT, pd.Timestamp("2025-01-01")]), "missing", id="missing stamp"),
    ],
)  # fmt: skip
def test_a_frequency_that_is_none_is_refused_in_a_sentence(ds: pd.DatetimeIndex, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        demand.infer_frequency(ds)


# ------------------------------------------------------------------ the forecast of one entity


def test_months_and_days_run_to_the_end_of_the_next_fiscal_year(two_years: DemandForecast) -> None:
    assert horizon_end(Calendar(7), "2026-03") == "2027-06"
    assert forecast_of(two_years).index[-1] == pd.Timestamp("2027-06-30")
    ahead = two_years.monthly[(two_years.monthly["scenario"] == "FC") & (two_years.monthly["period"] > "2026-03")]
    assert list(ahead["period"]) == [f"{p}" for p in pd.period_range("2026-04", "2027-06", freq="M")]


def test_a_season_without_surprises_is_forecast_closely(two_years: DemandForecast) -> None:
    truth = daily("2023-07-01", "2027-06-30", noise=0)
    ahead = forecast_of(two_years)
    assert accuracy.wape(truth.reindex(ahead.index), ahead) < 0.05


def test_the_model_beats_the_yardstick_where_there_is_noise(two_years: DemandForecast) -> None:
    scores = two_years.accuracy.set_index("model")["wape"]
    assert scores.drop("seasonal naive").max() < scores["seasonal naive"]


def test_the_reporting_months_forecast_is_reconstructed_with_the_cutoff_before_it(two_years: DemandForecast) -> None:
    past = two_years.forecasts[two_years.forecasts["ds"] < "2026-04-01"]
    assert past["reconstructed"].all()
    assert (past["cutoff"] == past["ds"].dt.to_period("M").dt.start_time - pd.Timedelta(days=1)).all()
    year_to_date = two_years.monthly[two_years.monthly["scenario"].eq("FC") & two_years.monthly["reconstructed"]]
    assert set(JULY.calendar.months("2026-03", "ytd")) <= set(year_to_date["period"])


def test_no_forecast_is_made_of_what_was_seen(two_years: DemandForecast) -> None:
    for frame in (two_years.forecasts, two_years.backtest):
        assert (frame["cutoff"] < frame["ds"]).all()
    assert not two_years.forecasts.duplicated(["site", "service", "freq", "ds"]).any()


def test_months_are_the_sum_of_their_days(two_years: DemandForecast) -> None:
    days = two_years.forecasts.groupby(two_years.forecasts["ds"].dt.strftime("%Y-%m"))["yhat"].sum()
    months = two_years.monthly[two_years.monthly["scenario"] == "FC"].set_index("period")["volume"]
    assert months.to_dict() == pytest.approx(days.to_dict())
    held = two_years.history.groupby(two_years.history["ds"].dt.strftime("%Y-%m"))["y"].sum()
    actual = two_years.monthly[two_years.monthly["scenario"] == "AC"].set_index("period")["volume"]
    assert actual.to_dict() == pytest.approx(held.to_dict())


def test_intervals_are_nested_and_never_negative(two_years: DemandForecast, contacts: DemandForecast) -> None:
    for table in (two_years.forecasts, contacts.forecasts):
        ladder = ["lo95", "lo90", "lo80", "lo60", "yhat", "hi60", "hi80", "hi90", "hi95"]
        assert (np.diff(table[ladder].to_numpy(), axis=1) >= 0).all()
        assert (table["lo95"] >= 0).all()


def test_a_level_shift_is_followed_within_two_months() -> None:
    y = daily("2024-01-01", "2026-06-30")
    y["2026-05-01":] *= 1.4
    found = demand_forecast(volumes(y, "D"), {}, JULY, period="2026-06", entity="North")
    truth = 1.4 * daily("2024-01-01", "2026-07-31", noise=0)["2026-07"]
    assert found.monthly.query("scenario == 'FC' and period == '2026-07'")["volume"].item() == pytest.approx(
        truth.sum(), rel=0.10
    )


def test_what_lies_after_the_period_is_not_seen() -> None:
    y = daily("2025-01-01", "2025-09-30")
    tampered = y.copy()
    tampered["2025-07-01":] = 9e6
    table = events(("2025-07-14", "Surprise", "campaign", False), ("2025-03-14", "Surprise", "campaign", False))
    found = demand_forecast(volumes(tampered, "D"), {"events": table}, JULY, period="2025-06", entity="North")
    told = demand_forecast(
        volumes(y[:"2025-06-30"], "D"), {"events": table[1:]}, JULY, period="2025-06", entity="North"
    )
    pd.testing.assert_frame_equal(found.forecasts, told.forecasts)
    pd.testing.assert_frame_equal(found.monthly, told.monthly)
    pd.testing.assert_frame_equal(found.backtest, told.backtest)


def test_a_month_in_progress_is_shown_and_not_learnt_from() -> None:
    y = daily("2025-01-01", "2025-06-20")
    wild = y.copy()
    wild["2025-06-01":] *= 5
    one, other = (demand_forecast(volumes(each, "D"), {}, JULY, period="2025-06", entity="North") for each in (y, wild))
    pd.testing.assert_frame_equal(one.forecasts, other.forecasts)
    june = one.monthly[one.monthly["period"] == "2025-06"].set_index("scenario")
    assert not june.loc["AC", "complete"]
    assert june.loc["AC", "volume"] == pytest.approx(y["2025-06"].sum())
    assert june.loc["FC", "reconstructed"]
    assert any("2025-06 is in progress" in note for note in one.notes)


def test_a_month_that_ends_on_a_closed_weekend_is_complete() -> None:
    y = daily("2025-01-01", "2025-08-31")  # 30 and 31 August 2025 are a Saturday and a Sunday
    y = y[y.index.day_of_week < 5]
    found = demand_forecast(volumes(y, "D"), {}, JULY, period="2025-08", entity="North")
    assert found.monthly[found.monthly["scenario"] == "AC"]["complete"].all()
    assert (forecast_of(found).index.day_of_week < 5).all()
    assert found.notes == ()


def test_missing_days_are_gaps_not_zeros() -> None:
    y = daily("2024-01-01", "2025-12-31", noise=0.01)
    gappy = y.drop(y.index[50:690:7])
    whole, holed = (
        forecast_of(demand_forecast(volumes(each, "D"), {}, JULY, period="2025-12", entity="North"))
        for each in (y, gappy)
    )
    assert accuracy.wape(whole, holed.reindex(whole.index)) < 0.03


@pytest.mark.parametrize("after", ["2025-12-31", "2026-01-31", "2026-02-28"])
def test_what_lies_after_a_cutoff_changes_nothing_of_its_forecasts(two_years: DemandForecast, after: str) -> None:
    y = daily("2023-07-01", "2026-03-31")
    y[y.index > after] *= 1.5
    other = demand_forecast(volumes(y, "D"), {}, JULY, period="2026-03", entity="North").forecasts
    held = two_years.forecasts["cutoff"] <= after
    assert held.any()
    assert two_years.forecasts["reconstructed"][held].all()
    pd.testing.assert_frame_equal(two_years.forecasts[held], other[other["cutoff"] <= after])


def test_a_week_that_ends_after_the_period_is_not_seen() -> None:
    y = pd.Series(100.0 + np.arange(130) % 7, index=stamps("2023-01-02", "2025-06-23", "W-MON")[:130])
    longer = pd.concat([y, pd.Series([9e6], index=stamps("2025-06-30", "2025-06-30"))])
    one, other = (
        demand_forecast(volumes(each, "W-MON"), {}, JULY, period="2025-06", entity="North") for each in (y, longer)
    )
    pd.testing.assert_frame_equal(one.forecasts, other.forecasts)
    pd.testing.assert_frame_equal(one.monthly, other.monthly)
    assert (other.forecasts["cutoff"] < other.forecasts["ds"]).all()
    assert other.forecasts.set_index("ds")["cutoff"][pd.Timestamp("2025-06-30")] == pd.Timestamp("2025-05-25")
    actual = other.monthly.query("scenario == 'AC'").set_index("period")["complete"]
    assert actual["2025-05"]
    assert not actual["2025-06"]  # the week from 30 June is to come
    assert "Calls at North: the week from 2025-06-30 ends after 2025-06; it is not seen." in other.notes


# ------------------------------------------------------------------ effects of days


def test_a_holiday_keeps_the_effect_it_had() -> None:
    y = daily("2023-01-01", "2025-06-30", noise=0.01)
    shut = day_effects(None, "IE", y.index[0], y.index[-1])["ds"]
    y[y.index.isin(shut)] *= 0.4
    settings = Settings(holidays="IE", calendar=Calendar(7))
    ahead = forecast_of(demand_forecast(volumes(y, "D"), {}, settings, period="2025-06", entity="North"))
    christmas = ahead["2025-12-25"] / ahead[["2025-12-18", "2026-01-08"]].mean()
    assert christmas == pytest.approx(0.4, abs=0.08)


def test_only_a_campaign_known_ahead_moves_the_forecast() -> None:
    y = daily("2023-07-01", "2025-06-30", noise=0.01)
    days = [f"2025-03-{day:02d}" for day in range(3, 13)]
    y[days] *= 1.5
    past = [(day, "Spring 2025", "campaign", False) for day in days]
    found = {
        known: forecast_of(
            demand_forecast(
                volumes(y, "D"),
                {"events": events(*past, ("2025-09-03", "Spring 2026", "campaign", known))},
                JULY,
                period="2025-06",
                entity="North",
            )
        )
        for known in (True, False)
    }
    day = "2025-09-03"
    assert found[True][day] / found[False][day] == pytest.approx(1.5, abs=0.1)
    assert found[True].drop(pd.Timestamp(day)).to_numpy() == pytest.approx(
        found[False].drop(pd.Timestamp(day)).to_numpy(), rel=1e-6
    )


def test_a_planned_closure_leaves_what_closures_left_before() -> None:
    y = daily("2024-01-01", "2025-06-30", noise=0.01)
    y["2025-02-10":"2025-02-14"] = 0
    rows = [(f"2025-02-{day}", "Flood", "closure", False) for day in range(10, 15)]
    table = events(*rows, ("2025-10-08", "Stocktaking", "closure", True))
    ahead = forecast_of(demand_forecast(volumes(y, "D"), {"events": table}, JULY, period="2025-06", entity="North"))
    assert ahead["2025-10-08"] == 0
    assert ahead["2025-10-07"] > 800


def test_holidays_closed_so_far_stay_closed() -> None:
    y = half_hours("2025-01-01", "2025-05-31").groupby(lambda ds: ds.normalize()).sum()
    table = day_effects(None, "US", y.index[0], pd.Timestamp("2025-12-31"))
    y = y[~y.index.isin(table["ds"])]
    closed, _ = closed_calendar(y, table, stamps("2025-07-03", "2025-07-06"))
    assert list(closed) == [False, True, True, True]  # Thursday, Independence Day, weekend


def test_a_negative_volume_is_one_of_an_open_day() -> None:
    y = pd.Series(-5.0, index=stamps("2025-01-01", "2025-06-30"))
    closed, _ = closed_calendar(y, day_effects(None, "IE", y.index[0], y.index[-1]), stamps("2025-05-01", "2025-05-31"))
    assert not closed.any()
    mixed = daily("2025-01-01", "2025-06-30") - 1000
    found = demand.forecast_panel(long(a=mixed), 7, "D")
    assert (found["ds"] == stamps("2025-07-01", "2025-07-07")).all()


@pytest.mark.parametrize("freq", ["D", "30min"])
def test_a_history_of_zeros_is_forecast_at_zero_and_said_so_once(freq: str) -> None:
    y = 0 * (daily("2025-01-01", "2025-06-30") if freq == "D" else half_hours("2025-01-01", "2025-06-30"))
    found = demand_forecast(volumes(y, freq), {}, JULY, period="2025-06", entity="North")
    grain = "by day, " if freq == "30min" else ""
    assert found.notes == (f"Calls at North: {grain}constant at 0, which is repeated.",)
    bounds = found.forecasts[["yhat", "lo95", "hi95"]].to_numpy()
    assert bounds.size
    assert (bounds == 0).all()
    assert set(forecast_of(found).index.day_of_week) == set(y.index.day_of_week)


def test_a_country_without_holidays_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="country 'XX'"):
        day_effects(None, "XX", pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31"))


# ------------------------------------------------------------------ intervals of the day


def test_days_are_exactly_the_sum_of_their_intervals(contacts: DemandForecast) -> None:
    rows = contacts.forecasts[contacts.forecasts["freq"] == "30min"]
    days = contacts.forecasts[contacts.forecasts["freq"] == "D"].set_index("ds")["yhat"]
    assert rows.groupby(rows["ds"].dt.normalize())["yhat"].sum().to_dict() == days.to_dict()


def test_closed_intervals_stay_closed(contacts: DemandForecast) -> None:
    ds = contacts.forecasts.loc[contacts.forecasts["freq"] == "30min", "ds"].dt
    assert ds.hour.between(8, 17).all()
    assert (ds.day_of_week < 5).all()


def test_an_intraday_history_also_has_its_days(contacts: DemandForecast) -> None:
    assert set(contacts.history["freq"]) == {"30min", "D"}
    assert contacts.history.groupby("freq")["y"].sum().nunique() == 1


def test_profile_shares_are_the_mean_shape_of_the_weekday() -> None:
    ds = stamps("2025-01-06", "2025-01-06 03:00", "h")  # a Monday
    profile = demand.seasonal_profile(pd.DataFrame({"unique_id": "a", "ds": ds, "y": [1.0, 0.0, 2.0, 5.0]}), "h")
    assert profile["minute"].tolist() == [0, 120, 180]
    assert profile["share"].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_recent_weeks_weigh_more_in_the_profile() -> None:
    y = pd.Series(1.0, index=stamps("2025-01-06", "2025-03-30 23:00", "h"))
    y[(y.index.hour == 9) & (y.index >= "2025-03-03")] = 10.0
    rows = long(a=y)
    long_memory, short_memory = (
        demand.seasonal_profile(rows, "h", half_life_weeks=weeks)
        .query("weekday == 0 and minute == 540")["share"]
        .item()
        for weeks in (52, 1)
    )
    assert 1 / 24 < long_memory < short_memory < 10 / 33


def test_an_hour_that_the_clock_skips_has_no_demand_and_the_day_keeps_its_volume() -> None:
    absent = skipped_times(pd.Timestamp("2026-03-29"), pd.Timestamp("2026-03-30"), "30min", "Europe/Dublin")
    assert list(absent) == [pd.Timestamp("2026-03-29 01:00"), pd.Timestamp("2026-03-29 01:30")]
    profile = demand.seasonal_profile(
        long(a=pd.Series(1.0, index=stamps("2026-01-01", "2026-02-28", "30min"))), "30min"
    )
    points = spread(pd.DataFrame({"ds": [pd.Timestamp("2026-03-29")], "yhat": [46.0]}), profile, absent, absent[:0])
    assert len(points) == 46
    assert points["yhat"].tolist() == pytest.approx([1.0] * 46)


def test_a_day_that_lacks_a_tenth_of_its_intervals_has_no_total() -> None:
    y = pd.Series(1.0, index=stamps("2025-01-06", "2025-02-02 23:00", "h"))
    lacking = y.drop(stamps("2025-01-20 00:00", "2025-01-20 04:00", "h")).drop(pd.Timestamp("2025-01-21 02:00"))
    totals = day_totals(lacking, "h")
    assert pd.Timestamp("2025-01-20") not in totals.index
    assert totals["2025-01-21"] == 23


# ------------------------------------------------------------------ calibration


@given(st.integers(20, 400), st.sampled_from(LEVELS))
def test_the_conformal_quantile_leaves_room_for_the_error_to_come(n: int, level: int) -> None:
    sizes = np.arange(1, n + 1, dtype=float)
    found = weighted_quantiles(sizes, np.ones(n), [level])[0]
    assert found >= level / 100 * (n + 1) - 1e-9 or found == n
    assert found < level / 100 * (n + 1) + 1


def test_recent_cutoffs_weigh_more() -> None:
    sizes, weights = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 0.1, 0.1])
    assert weighted_quantiles(sizes, weights, [60]) == [2.0]  # 1.65 of 2.2 and the mean weight, 0.55, to come
    assert weighted_quantiles(sizes[::-1], weights[::-1], [60]) == [2.0]


def errors_of(name: str, origins: int, ratio: float) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": name, "origin": np.arange(origins), "step": 1, "ratio": ratio})


def test_without_any_error_the_usual_quantile_answers() -> None:
    widths = demand.calibrate(errors_of("a", 0, 1.0), (80, 95), edges=(1,), names=["a"])
    assert widths["width"].tolist() == pytest.approx([usual_quantile(80), usual_quantile(95)] * 2)


def test_a_series_that_errs_more_than_the_panel_is_given_wider_intervals_by_the_cutoffs_behind_it() -> None:
    errors = pd.concat([errors_of("a", 8, 3.0), errors_of("b", 8, 1.0)])
    widths = demand.calibrate(errors, (80,), edges=(1,), names=["a", "b", "new"]).query("bucket == 0")
    # the panel's mean error is 2, that of a is 1.5 times it, that of b half: eight cutoffs beside eight of the panel
    scales = [(8 * 1.5 + 8) / 16, (8 * 0.5 + 8) / 16, 1.0]
    largest = 3.0 / ((7 * 1.5 + 8) / 15)  # an error of a by the scale of its seven other cutoffs: half of all are such
    panel = (16 * largest + 4 * usual_quantile(80)) / 20
    assert widths["width"].tolist() == pytest.approx([scale * panel for scale in scales])


def test_one_monstrous_error_counts_as_four_usual_ones_and_narrows_no_other_series() -> None:
    calm = pd.concat([errors_of(f"s{k}", 1, 1.0) for k in range(99)])
    widths = demand.calibrate(pd.concat([calm, errors_of("odd", 1, 1e6)]), (80,), edges=(), names=["odd", "s0"])
    odd, other = widths["width"]
    mean = (99 * 1 + 4) / 100
    assert odd / other == pytest.approx((4 / mean + 8) / (1 / mean + 8))
    alone = demand.calibrate(calm, (80,), edges=(), names=["s0"])["width"].iloc[0]
    assert other == pytest.approx(alone, rel=0.02)


def test_a_cutoff_weighs_half_of_the_next_later_one() -> None:
    errors = pd.concat([errors_of("a", 1, 1.0), errors_of("a", 1, 3.0).assign(origin=1)])
    widths = demand.calibrate(errors, (60,), edges=(), names=["new"], fading=0.5)
    # Weights 1 and 1/2, one more of 3/4 to come: 60 % of 2.25 is 1.35, which the smaller one's 1 does not reach. The
    # mean error is (1 + 3 / 2) / 1.5 = 1.67 (four usual ones are 4), so the later error's scale without it is that of
    # the other one, (1.8 + 8) / 9, and that one's is (0.6 + 8) / 9.
    larger = 3 / ((0.6 + 8) / 9)
    assert widths["width"].iloc[0] == pytest.approx((2 * larger + 4 * usual_quantile(60)) / 6)


def test_a_backtest_bounds_each_cutoff_by_the_errors_of_the_others() -> None:
    ds = stamps("2026-01-01", "2026-03-01", "MS")
    rows = {"unique_id": "a", "ds": ds, "step": 1, "yhat": 10.0, "naive": 10.0, "deviation": 1.0, "positive": True}
    tested = pd.DataFrame({**rows, "origin": [2, 1, 0], "y": [11.0, 12.0, 13.0], "ratio": [1.0, 2.0, 3.0]})
    before = loo_bounds(tested, "MS", (80,))
    moved = loo_bounds(tested.assign(y=[11.0, 18.0, 13.0], ratio=[1.0, 8.0, 3.0]), "MS", (80,))
    widths = [frame["hi80"] - frame["yhat"] for frame in (before, moved)]
    assert widths[0][1] == widths[1][1]
    assert widths[0][0] < widths[1][0]
    # The middle one by its neighbours, 1 and 3 at the same age: two looks, whose mean of two is theirs without it.
    largest = 3 / ((0.5 + 8) / 9)
    assert widths[0][1] == pytest.approx((2 * largest + 4 * usual_quantile(80)) / 6)


@given(st.permutations(range(24)))
def test_widths_do_not_depend_on_the_order_of_the_errors(order: list[int]) -> None:
    ratio = np.random.default_rng(0).gamma(2, size=24)
    parts = {"unique_id": list("abcd") * 6, "origin": np.repeat([0, 1, 2], 8), "step": np.tile([1, 5], 12)}
    errors = pd.DataFrame({**parts, "ratio": ratio})
    widths = [demand.calibrate(one, edges=(3,), names=list("abcd"))["width"] for one in (errors, errors.iloc[order])]
    assert widths[1].tolist() == pytest.approx(widths[0].tolist(), rel=1e-12)


def test_an_hour_that_comes_twice_has_one_row_that_counts_for_both() -> None:
    """Dublin puts its clocks back at 2 o'clock on 25 October 2026: the day has 25 hours and 24 rows."""
    history = pd.DataFrame({"unique_id": "s", "ds": pd.date_range("2026-07-01", periods=24 * 70, freq="h"), "y": 4.0})
    profile = demand.seasonal_profile(history, "h")
    day = pd.Timestamp("2026-10-25")
    repeated = repeated_times(day, day + pd.Timedelta(days=1), "h", "Europe/Dublin")
    assert list(repeated) == [pd.Timestamp("2026-10-25 01:00")]
    points = spread(pd.DataFrame({"ds": [day], "yhat": [100.0]}), profile, repeated[:0], repeated)
    assert points["yhat"].tolist() == pytest.approx([4.0, 8.0, *[4.0] * 22])


def test_a_recorded_closure_does_not_widen_the_intervals() -> None:
    days = pd.date_range("2024-01-01", "2026-09-30")
    y = 100 + 20 * (days.day_of_week < 5) + np.random.default_rng(1).normal(0, 3, len(days))
    volumes = pd.DataFrame({"site": "S", "service": "A", "unit": "", "freq": "D", "ds": days, "y": y})
    flood = pd.date_range("2026-08-10", "2026-08-16")
    shut = volumes.assign(y=volumes["y"].mask(volumes["ds"].isin(flood), 0.0))
    events = pd.DataFrame({"ds": flood, "site": "S", "name": "Flood", "kind": "closure", "known_ahead": False})
    widths = []
    for data, given_tables in ((volumes, {}), (shut, {"events": events})):
        settings = Settings(calendar=Calendar(7))
        found = demand_forecast(data, given_tables, settings, period="2026-09", entity="S").forecasts
        ahead = found[~found["reconstructed"]].head(60)
        widths.append(float((ahead["hi95"] - ahead["lo95"]).mean()))
    assert widths[1] == pytest.approx(widths[0], rel=0.25)


def test_widths_never_fall_with_the_level() -> None:
    ratios = {"step": np.repeat([1, 9], 50), "ratio": np.linspace(0, 9, 100)}
    errors = pd.DataFrame({"unique_id": "a", "origin": 0, **ratios})
    widths = demand.calibrate(errors, LEVELS, edges=(3,), names=["a"])
    assert (widths.groupby("bucket")["width"].diff().dropna() >= 0).all()


def test_intervals_cover_what_they_say_on_a_known_process() -> None:
    series = {f"s{k:02d}": monthly(72, noise=0.08, seed=k) for k in range(16)}
    found = demand.forecast_panel(long(**{name: y[:66] for name, y in series.items()}), 6, "MS", n_jobs=2)
    actual = pd.concat([y[66:] for y in series.values()]).to_numpy()
    assert 0.70 <= accuracy.coverage(actual, found["lo80"], found["hi80"]) <= 0.90
    assert 0.88 <= accuracy.coverage(actual, found["lo95"], found["hi95"]) <= 1.0


@pytest.fixture(scope="module")
def ordinary() -> dict[str, pd.Series]:
    return {name: monthly(60, seed=k) for k, name in enumerate(("one", "two", "three"), start=1)}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([0.0] * 48 + list(monthly(12)), id="zeros, then a business"),
        pytest.param([10.0] * 50 + [20.0] * 10, id="a constant that jumps"),
    ],
)
def test_an_odd_series_does_not_ruin_the_intervals_of_its_panel(
    ordinary: dict[str, pd.Series], odd: list[float]
) -> None:
    def half_widths(rows: pd.DataFrame) -> pd.Series:
        found = demand.forecast_panel(rows, 12, "MS").query("unique_id != 'odd'")
        return (found["hi80"] - found["yhat"]).groupby(found["unique_id"]).mean()

    beside = half_widths(long(**ordinary, odd=pd.Series(odd, index=ordinary["one"].index)))
    assert (beside / half_widths(long(**ordinary))).between(1 / 1.5, 1.5).all()


# ------------------------------------------------------------------ panels


def test_neither_order_nor_threads_change_a_number() -> None:
    series = {f"s{k:02d}": monthly(60, seed=k) for k in range(70)}  # more than are worked on together
    one = demand.forecast_panel(long(**series), 12, "MS")
    other = demand.forecast_panel(
        long(**dict(reversed(series.items()))).sample(frac=1, random_state=1), 12, "MS", n_jobs=3
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_backtest_learns_nothing_from_other_series_after_its_cutoff() -> None:
    early, late = ({f"{era}{k}": monthly(72, seed=k) for k in range(9)} for era in ("early", "late"))
    late = {name: y.set_axis(y.index + pd.DateOffset(years=3)) for name, y in late.items()}
    changed = {name: y.where(y.index < y.index[-18], 3 * y) for name, y in late.items()}
    tests = [demand.backtest(long(**early, **era), 12, "MS") for era in (late, changed)]
    one, other = (test[test["unique_id"].str.startswith("early")].reset_index(drop=True) for test in tests)
    pd.testing.assert_frame_equal(one[["ds", "yhat"]], other[["ds", "yhat"]], check_exact=True)


def test_a_value_below_zero_after_the_cutoff_does_not_move_its_interval() -> None:
    y = monthly(60)
    below = y.where(y.index < y.index[-2], -1.0)
    one, other = (demand.backtest(long(a=each), 6, "MS") for each in (y, below))
    first = one["cutoff"].min()
    columns = ["ds", "yhat", "lo95"]
    early = [
        test[(test["cutoff"] == first) & (test["ds"] < y.index[-2])][columns].reset_index(drop=True)
        for test in (one, other)
    ]
    assert (early[0]["lo95"] >= 0).all()
    assert (early[1]["lo95"] >= 0).all()


def test_names_that_are_numbers_find_their_events() -> None:
    days = stamps("2024-01-01", "2026-06-30", "D")
    party = days[[100, 300, 500, 700, 900]]
    y = np.where(days.isin(party), 160.0, 100.0) + np.random.default_rng(1).normal(0, 2, len(days))
    rows = pd.DataFrame({"unique_id": 7, "ds": days, "y": y})
    asked = pd.DatetimeIndex([*party, pd.Timestamp("2026-07-10")])
    events = pd.DataFrame({"unique_id": 7, "ds": asked, "name": "Party", "kind": "campaign", "known_ahead": True})
    found = demand.forecast_panel(rows, 14, "D", events=events).set_index("ds")["yhat"]
    assert found["2026-07-10"] / found["2026-07-09"] == pytest.approx(1.6, rel=0.05)


@pytest.mark.parametrize(("stamp", "freq"), [("2022-01-15", "MS"), ("2022-01-04", "W-MON"), ("2022-01-04 10:20", "h")])
def test_a_single_row_off_the_grid_is_named_and_the_rest_is_forecast(stamp: str, freq: str) -> None:
    good = pd.DataFrame({"unique_id": "good", "ds": pd.date_range("2019-01-07", periods=200, freq=freq), "y": 5.0})
    odd = pd.DataFrame({"unique_id": "odd", "ds": [pd.Timestamp(stamp)], "y": 1.0})
    found = demand.forecast_panel(pd.concat([good, odd]), 2, freq)
    assert set(found["unique_id"]) == {"good"}
    assert any("odd" in note and "no stamp" in note for note in found.attrs["notes"])


@pytest.mark.slow
def test_an_executor_does_the_work_and_changes_nothing() -> None:
    rows = long(a=monthly(60), b=monthly(40, seed=2))
    with ProcessPoolExecutor(2) as pool:
        there = demand.forecast_panel(rows, 6, "MS", executor=pool)
    pd.testing.assert_frame_equal(there, demand.forecast_panel(rows, 6, "MS"), check_exact=True)


def test_the_forecast_grows_with_the_scale() -> None:
    y = monthly(60)
    small, large = (demand.forecast_panel(long(a=each), 12, "MS") for each in (y, y * 1000))
    assert (large["yhat"] / small["yhat"]).to_numpy() == pytest.approx(1000, rel=1e-3)


def test_both_tiers_have_the_columns_of_the_design() -> None:
    bounds = [f"{side}{level}" for level in LEVELS for side in ("lo", "hi")]
    for tier in ("fast", "full"):
        found = demand.forecast_panel(long(a=monthly(18)), 3, "MS", tier=tier)
        assert list(found.columns) == ["unique_id", "ds", "yhat", *bounds, "model"]
        assert found["ds"].tolist() == stamps("2016-07", "2016-09", "MS").tolist()


@pytest.mark.parametrize(
    ("y", "expected", "model", "note"),
    [
        pytest.param([7.0], [7, 7], "last value", "one point", id="one point"),
        pytest.param([6.0, 8.0, 10.0], [8, 8], "mean", "too few for a model", id="three points"),
        pytest.param([5.0] * 30, [5, 5], "mean", "constant at 5", id="constant"),
    ],
)
def test_a_short_history_falls_back_and_says_so(y: list[float], expected: list[float], model: str, note: str) -> None:
    rows = pd.DataFrame({"unique_id": "a", "ds": stamps("2020-01", "2025-01", "MS")[: len(y)], "y": y})
    found = demand.forecast_panel(rows, 2, "MS")
    assert found["yhat"].tolist() == expected
    assert set(found["model"]) == {model}
    assert any(note in said for said in found.attrs["notes"])


def test_up_to_two_seasons_are_forecast_by_exponential_smoothing_alone() -> None:
    rows = pd.DataFrame({"unique_id": "a", "ds": stamps("2020-01", "2021-06", "MS"), "y": np.arange(100.0, 118.0)})
    found = demand.forecast_panel(rows, 2, "MS")
    assert set(found["model"]) == {"exponential smoothing"}
    assert any("not more than two seasons" in said for said in found.attrs["notes"])
    assert found["yhat"].between(112, 120).all()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda y: y.assign(y=np.nan), "no value on record", id="all missing"),
        pytest.param(lambda y: y.assign(y=y["y"].where(y.index != 3, np.inf)), "infinite", id="infinite"),
        pytest.param(lambda y: pd.concat([y, y[:1]]), "twice", id="duplicated"),
        pytest.param(
            lambda y: y.assign(ds=stamps("2020-01-01", "2020-02-29")[: len(y)]), "measured by D", id="another frequency"
        ),
    ],
)
def test_a_series_that_cannot_be_forecast_is_named_and_the_rest_goes_on(spoil: object, sentence: str) -> None:
    bad = spoil(long(bad=monthly(30)).reset_index(drop=True))  # type: ignore[operator]
    found = demand.forecast_panel(pd.concat([bad, long(good=monthly(30))]), 3, "MS")
    assert set(found["unique_id"]) == {"good"}
    (note,) = found.attrs["notes"]
    assert note.startswith("bad ")
    assert sentence in note


def test_negative_series_may_be_forecast_negative_and_zeros_stay_possible() -> None:
    y = monthly(48) - 500
    found = demand.forecast_panel(long(a=y, b=monthly(48).where(lambda v: v > 450, 0.0)), 12, "MS")
    assert (found.query("unique_id == 'a'")["lo95"] < 0).any()
    assert (found.query("unique_id == 'b'")["lo95"] >= 0).all()


def test_hours_are_forecast_from_the_stamp_after_the_last_one() -> None:
    y = pd.Series(
        np.random.default_rng(1).poisson(20, 24 * 60).astype(float),
        index=stamps("2025-01-01", "2025-12-31", "h")[: 24 * 60],
    )
    found = demand.forecast_panel(long(a=y[:-10]), 24, "h")
    assert found["ds"].tolist() == [y.index[-11] + pd.Timedelta(hours=k) for k in range(1, 25)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"tier": "fst"}, "tier 'fst'", id="tier"),
        pytest.param({"horizon": 0}, "horizon is 0", id="horizon"),
        pytest.param({"levels": (80, 120)}, "level 120 is not a whole number", id="level beyond 100"),
        pytest.param({"levels": (0.8,)}, "level 0.8 is not a whole number", id="level as a share"),
        pytest.param({"freq": "foo"}, "frequency 'foo' is not understood", id="frequency"),
        pytest.param({"freq": "7min"}, "frequency '7min' is not understood", id="minutes that do not divide the day"),
        pytest.param({"events": events()[["ds", "name"]]}, "events have no column kind, known_ahead", id="events"),
        pytest.param(
            {"history": long(a=monthly(30)).assign(ds=lambda rows: rows["ds"].dt.tz_localize("UTC"))},
            "ds of the history bears a time zone",
            id="time zone",
        ),
        pytest.param({"history": pd.DataFrame({"ds": [], "y": []})}, "no column unique_id", id="columns"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        demand.forecast_panel(**({"history": long(a=monthly(30)), "horizon": 3, "freq": "MS"} | change))  # type: ignore[arg-type]


def test_a_panel_without_a_forecast_is_an_empty_frame_of_the_same_types() -> None:
    whole, nothing = (demand.forecast_panel(long(a=y), 2, "MS") for y in (monthly(18), monthly(18) * np.nan))
    assert len(nothing) == 0
    assert nothing.dtypes.to_dict() == whole.dtypes.to_dict()
    tests = [demand.backtest(long(a=y), 2, "MS") for y in (monthly(18), monthly(18)[:1])]
    assert tests[1].dtypes.to_dict() == tests[0].dtypes.to_dict()


def test_a_single_point_takes_its_interval_from_the_panel_and_says_so_where_there_is_none() -> None:
    alone = demand.forecast_panel(long(new=monthly(1)), 2, "MS")
    assert alone["hi80"].isna().all()
    assert any("new: nothing is known of its errors" in note for note in alone.attrs["notes"])
    beside = demand.forecast_panel(long(new=monthly(1), old=monthly(60)), 2, "MS")
    assert (beside["hi80"] > beside["yhat"]).all()


def test_backtests_look_ahead_only_and_carry_their_yardstick() -> None:
    y = monthly(72)
    rows = demand.backtest(long(a=y, b=monthly(60, seed=2)), 6, "MS", windows=3)
    assert (rows["cutoff"] < rows["ds"]).all()
    assert rows.groupby("unique_id")["cutoff"].nunique().tolist() == [3, 3]
    own = rows[rows["unique_id"] == "a"]
    assert own["y"].tolist() == y.reindex(own["ds"]).tolist()
    assert own["yardstick"].tolist() == y.reindex(own["ds"] - pd.DateOffset(years=1)).tolist()


def test_a_backtest_is_not_changed_by_what_came_later() -> None:
    y = monthly(72)
    later = y.copy()
    later.iloc[-3:] *= 10
    first, second = (demand.backtest(long(a=each), 6, "MS").query("cutoff == cutoff.min()") for each in (y, later))
    assert first["yhat"].tolist() == second["yhat"].tolist()


def test_nothing_is_written_to_stderr(root: Path) -> None:
    code = (
        "import pandas as pd, numpy as np; from opsanalytics import demand;"
        "ds = pd.date_range('2020-01', periods=36, freq='MS');"
        "history = pd.DataFrame({'unique_id': 'a', 'ds': ds, 'y': np.arange(36) % 12 + 20.0});"
        "print(len(demand.forecast_panel(history, 3, 'MS')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root / "src")
    assert (done.stdout.strip(), done.stderr) == ("3", "")


# ------------------------------------------------------------------ several series, several sites


def test_series_that_cannot_be_forecast_are_named_in_the_notes() -> None:
    good = daily("2024-06-01", "2025-06-30")
    rows = pd.concat(
        [
            volumes(good, "D", service="Good"),
            volumes(good * np.nan, "D", service="Empty"),
            volumes(good[:"2024-10-31"], "D", service="Ended"),
            volumes(good["2025-06-25":], "D", service="New"),
        ]
    )
    found = demand_forecast(rows, {}, JULY, period="2025-06", entity="North")
    assert set(found.forecasts["service"]) == {"Good"}
    said = " ".join(found.notes)
    for sentence in (
        "Empty at North has no value on record",
        "Ended at North ends in 2024-10",
        "New at North has no complete month",
    ):
        assert sentence in said
    assert set(found.monthly["service"]) == {"Good", "Ended", "New"}


def test_an_entity_without_demand_is_refused_and_the_others_are_named() -> None:
    with pytest.raises(ValueError, match="'South' has no demand on record; there is some for North"):
        demand_forecast(volumes(daily("2025-01-01", "2025-06-30"), "D"), {}, JULY, period="2025-06", entity="South")


@pytest.fixture(scope="module")
def three_sites() -> dict[str, DemandForecast]:
    rows = pd.concat(
        [
            volumes(daily("2025-01-01", "2025-06-30"), "D", "North"),
            volumes(daily("2025-01-01", "2025-06-30", level=400, seed=2), "D", "South"),
            volumes(daily("2025-01-01", "2025-06-30", seed=3), "D", "South", "Parcels", "parcels"),
            volumes(daily("2025-01-01", "2025-06-30", seed=4), "D", "North", "Mail", "letters"),
            volumes(daily("2025-01-01", "2025-06-30", seed=5), "D", "South", "Mail", "sacks"),
        ]
    )
    return {
        entity: demand_forecast(rows, {}, JULY, period="2025-06", entity=entity)
        for entity in ("North", "South", "(all)")
    }


def test_the_whole_is_the_sum_of_its_sites(three_sites: dict[str, DemandForecast]) -> None:
    north, south, whole = (
        found.forecasts.query("service == 'Calls'").set_index("ds") for found in three_sites.values()
    )
    assert set(whole["site"]) == {"(all)"}
    assert whole["yhat"].to_numpy() == pytest.approx((north["yhat"] + south["yhat"]).to_numpy())
    for side in ("hi80", "hi95"):
        root = np.hypot(north[side] - north["yhat"], south[side] - south["yhat"])
        stretch = ((whole[side] - whole["yhat"]) / root).groupby(whole["cutoff"])
        assert stretch.max().to_numpy() == pytest.approx(stretch.min().to_numpy())  # one for each cutoff
        assert stretch.mean().between(0.4, 2.5).all()
    months = [
        found.monthly.query("service == 'Calls'").groupby(["period", "scenario"])["volume"].sum()
        for found in three_sites.values()
    ]
    assert months[2].to_numpy() == pytest.approx((months[0] + months[1]).to_numpy())


def test_a_service_of_one_site_passes_through(three_sites: dict[str, DemandForecast]) -> None:
    south, whole = (three_sites[entity].forecasts.query("service == 'Parcels'") for entity in ("South", "(all)"))
    columns = ["service", "unit", "freq", "cutoff", "ds", "yhat", "lo80", "hi80", "model", "reconstructed"]
    pd.testing.assert_frame_equal(south[columns].reset_index(drop=True), whole[columns].reset_index(drop=True))


def test_different_units_are_never_added_up(three_sites: dict[str, DemandForecast]) -> None:
    whole = three_sites["(all)"]
    assert set(whole.forecasts.query("service == 'Mail'")["unit"]) == {"letters", "sacks"}
    assert any("Mail is counted in letters and in sacks" in note for note in whole.notes)


def test_a_day_that_one_site_did_not_record_has_no_total_where_the_month_is_not_complete(
    three_sites: dict[str, DemandForecast],
) -> None:
    north, south = three_sites["North"], three_sites["South"]
    gap = pd.Timestamp("2025-03-05")
    months = north.monthly.assign(complete=north.monthly["complete"] & (north.monthly["period"] != "2025-03"))
    holed = dataclasses.replace(north, history=north.history[north.history["ds"] != gap], monthly=months)
    whole = demand.total([holed, south]).history.query("service == 'Calls'").set_index("ds")["y"]
    assert gap not in whole.index
    assert len(whole) == 180


@pytest.mark.parametrize(
    ("south", "stamps_held"),
    [
        pytest.param(lambda y: y.drop(["2025-03-17", "2025-05-05"]), 181, id="closed on holidays"),
        pytest.param(lambda y: y.drop(["2025-05-06", "2025-05-07", "2025-06-10"]), 181, id="three days not recorded"),
        pytest.param(lambda y: y["2025-04-10":], 181, id="begins later"),
        pytest.param(lambda y: y[:"2025-06-20"], 171, id="in progress"),
        pytest.param(lambda y: y[:"2025-04-10"], 100, id="stops two months ago"),
    ],
)
@pytest.mark.parametrize(
    "calendar", [Calendar(7), Calendar(7, "4-4-5", "last Saturday of June")], ids=["months", "weeks"]
)
def test_complete_months_of_the_whole_are_the_sum_of_its_history(
    south: Callable[[pd.Series], pd.Series], stamps_held: int, calendar: Calendar
) -> None:
    rows = pd.concat(
        [
            volumes(daily("2025-01-01", "2025-06-30"), "D", "North"),
            volumes(south(daily("2025-01-01", "2025-06-30", level=400, seed=2)), "D", "South"),
        ]
    )
    settings = Settings(holidays="IE", time_zone="Europe/Dublin", calendar=calendar)
    whole = demand_forecast(rows, {}, settings, period="2025-06", entity="(all)")
    proof = tables.demand_adds_up(whole, calendar)
    assert set(proof["Agrees"]) == {"yes"}
    assert len(whole.history) == min(stamps_held, calendar.last_day("2025-06").timetuple().tm_yday)


def test_a_day_that_one_site_recorded_in_part_has_no_total() -> None:
    north, south = half_hours("2025-05-01", "2025-06-30"), half_hours("2025-05-01", "2025-06-30", seed=2)
    broken = south.drop(stamps("2025-06-10 08:00", "2025-06-10 13:00", "30min"))
    rows = pd.concat([volumes(north, "30min"), volumes(broken, "30min", "South")])
    whole = demand_forecast(rows, {}, JULY, period="2025-06", entity="(all)")
    held = whole.history.set_index("ds").groupby("freq")["y"]
    assert pd.Timestamp("2025-06-10") not in held.get_group("D").index
    assert held.get_group("30min").sum() == north.sum() + broken.sum()


def test_the_notes_say_which_site_keeps_the_whole_from_going_on() -> None:
    y = daily("2025-01-01", "2025-06-30")
    rows = pd.concat([volumes(y, "D"), volumes(y[:"2025-03-10"], "D", "South"), volumes(y["2025-06-20":], "D", "West")])
    parts = [demand_forecast(rows, {}, JULY, period="2025-06", entity=site) for site in ("North", "South", "West")]
    stopped, young = demand.total(parts[:2]), demand.total([parts[0], parts[2]])
    assert "Calls: the actuals of the whole stop after 2025-03, where those of South do." in stopped.notes
    assert "Calls at South: no data after 2025-03; 2025-06 is forecast from 2025-02." in stopped.notes
    assert any(note.startswith("Calls at South: 2025-03 is not whole (data to 2025-03-10)") for note in stopped.notes)
    assert "Calls: the whole has no forecast, as West has none." in young.notes
    (note,) = [note for note in young.notes if "no backtest" in note]
    assert "the history of West is too short" in note
    assert young.accuracy.empty


def test_forecasts_of_different_months_are_not_added_up(three_sites: dict[str, DemandForecast]) -> None:
    north = three_sites["North"]
    with pytest.raises(ValueError, match="2025-05, 2025-06"):
        demand.total([north, DemandForecast(**{**vars(north), "period": "2025-05"})])
    with pytest.raises(ValueError, match="nothing to add up"):
        demand.total([])


# ------------------------------------------------------------------ real data


def real_volumes(folder: Path, freq: str) -> pd.DataFrame:
    rows = pd.read_csv(folder / "demand.csv", dtype={"site": "str", "service": "str"}, parse_dates=["ds"])
    y = pd.Series(rows["volume"].to_numpy(dtype=float), index=pd.DatetimeIndex(rows["ds"]))
    return volumes(y, freq, str(rows["site"][0]), str(rows["service"][0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "freq", "period", "site"),
    [
        pytest.param("contact_centre", "30min", "2003-07", "Main", id="half-hourly calls of a bank, five months"),
        pytest.param("emergency_department", "h", "2016-11", "Iowa", id="hourly arrivals of a hospital, three years"),
    ],
)
def test_real_intraday_demand_is_forecast_better_than_the_yardstick(
    real: Path, folder: str, freq: str, period: str, site: str
) -> None:
    settings = Settings(holidays="US", time_zone="America/New_York")
    found = demand_forecast(real_volumes(real / folder, freq), {}, settings, period=period, entity=site)
    scores = found.accuracy.assign(yardstick=found.accuracy["model"] == "seasonal naive")
    wape = scores.pivot_table(index="freq", columns="yardstick", values="wape")
    assert (wape[False] < wape[True]).all()
    assert scores.loc[~scores["yardstick"], "coverage80"].between(0.7, 0.9).all()
    assert found.history["ds"].max() < pd.Timestamp(f"{period}-01") + pd.DateOffset(months=1)
    assert found.monthly[found.monthly["scenario"] == "AC"]["complete"].all()


@pytest.mark.slow
def test_real_monthly_series_beat_the_seasonal_naive(real: Path) -> None:
    rows = pd.read_parquet(real / "series" / "hospital_monthly.parquet")
    rows = rows[rows["unique_id"].isin(sorted(rows["unique_id"].unique())[:16])]
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    found = demand.forecast_panel(train, 12, "MS", n_jobs=2).merge(test, on=["unique_id", "ds"], validate="one_to_one")
    naive = train.assign(ds=train["ds"] + pd.DateOffset(years=1))[["unique_id", "ds", "y"]].rename(
        columns={"y": "naive"}
    )
    found = found.merge(naive, on=["unique_id", "ds"], validate="one_to_one")
    assert accuracy.smape(found["y"], found["yhat"]) < 0.95 * accuracy.smape(found["y"], found["naive"])
    assert 0.7 <= accuracy.coverage(found["y"], found["lo80"], found["hi80"]) <= 0.9

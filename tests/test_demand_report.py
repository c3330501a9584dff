"""The report of demand beyond the forecast: what the history says, widths of sums, months, and plans."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics import demand, tables
from opsanalytics.demand import DemandForecast, demand_forecast
from opsanalytics.demand.direct import shared_days
from opsanalytics.demand.effects import no_effects
from opsanalytics.demand.history.findings import findings, ordinary_points, taken_apart
from opsanalytics.demand.report import accuracy_table
from opsanalytics.demand.result import (
    ACCURACY_COLUMNS,
    BACKTEST_COLUMNS,
    EFFECT_SIZE_COLUMNS,
    HISTORY_COLUMNS,
    MONTHLY_COLUMNS,
    SPECIAL_DAY_COLUMNS,
    stacked,
)
from opsanalytics.demand.widths import month_ranges, widened_forecasts, widened_test
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings

PLAIN = Settings(holidays=None, time_zone="Europe/Dublin", calendar=Calendar(1))
WEEK = np.array([1.3, 1.2, 1.1, 1.0, 0.9, 0.3, 0.2])
LAST = "2026-03-31"


def days(first: str, last: str = LAST, *, level: float = 1000.0, noise: float = 0.02, seed: int = 1) -> pd.Series:
    """Days with a season of the week and the year, and a little noise."""
    ds = pd.date_range(first, last, freq="D").as_unit("us")
    year = 1 + 0.1 * np.sin(2 * np.pi * ds.day_of_year.to_numpy() / 365.25)
    rough = np.exp(np.random.default_rng(seed).normal(0, noise, len(ds)))
    return pd.Series(level * WEEK[ds.day_of_week] * year * rough, ds)


def event(name: str, kind: str, first: str, last: str) -> pd.DataFrame:
    ds = pd.date_range(first, last, freq="D").as_unit("us")
    return pd.DataFrame({"ds": ds, "name": name, "kind": kind, "known_ahead": True})


def rows_of(y: pd.Series, site: str, service: str = "Calls", unit: str = "calls") -> pd.DataFrame:
    label = {"site": site, "service": service, "unit": unit, "freq": "D"}
    return pd.DataFrame({"ds": y.index, "y": y.to_numpy(), **label})


@pytest.fixture(scope="module")
def sites() -> dict[str, DemandForecast]:
    """Two sites that share a noise, one of them with a campaign of a quarter more, and a service of one site alone."""
    north, south = days("2025-07-01"), days("2025-07-01", level=400)
    campaign = event("Spring 2026", "campaign", "2026-02-02", "2026-02-15")
    north = north.where(~north.index.isin(campaign["ds"]), north * 1.25)
    rows = pd.concat([rows_of(north, "North"), rows_of(south, "South"), rows_of(south, "South", "Mail", "letters")])
    events = {"events": campaign.assign(site="North")}
    made = {site: demand_forecast(rows, events, PLAIN, period="2026-03", entity=site) for site in ("North", "South")}
    return {**made, "(all)": demand.total(list(made.values()))}


# What the history says


def test_an_effect_is_measured_against_the_days_without_it(sites: dict[str, DemandForecast]) -> None:
    (found,) = sites["North"].effects.to_dict("records")
    assert (found["name"], found["kind"], found["days"]) == ("Spring 2026", "campaign", 14)
    assert found["lo80"] < 0.25 < found["hi80"]
    assert found["effect"] == pytest.approx(0.25, abs=0.02)


def test_what_a_site_says_is_passed_on_to_the_whole_under_its_name(sites: dict[str, DemandForecast]) -> None:
    for name in ("effects", "anomalies", "shifts", "indices", "strength", "special_days"):
        whole = getattr(sites["(all)"], name)
        parts = pd.concat([getattr(sites[site], name) for site in ("North", "South")], ignore_index=True)
        pd.testing.assert_frame_equal(whole, parts)
        assert "(all)" not in set(whole["site"])


def test_frames_are_typed_where_there_is_nothing_to_say(sites: dict[str, DemandForecast]) -> None:
    bare = DemandForecast(**{name: getattr(sites["North"], name) for name in _needed()})
    for field in dataclasses.fields(DemandForecast):
        told, empty = getattr(sites["North"], field.name), getattr(bare, field.name)
        if isinstance(told, pd.DataFrame):
            assert dict(told.dtypes.astype("str")) == dict(empty.dtypes.astype("str")), field.name
    assert list(bare.effects.columns) == EFFECT_SIZE_COLUMNS


def _needed() -> list[str]:
    return [field.name for field in dataclasses.fields(DemandForecast) if field.default_factory is dataclasses.MISSING]


def test_a_step_in_the_level_is_found_at_its_size_although_the_season_could_hide_it() -> None:
    y = days("2023-04-01", noise=0.01)
    y["2025-09-15":] *= 1.35
    parts, shifts = taken_apart(y, "D")
    (shift,) = shifts.to_dict("records")
    assert shift["ds"] == pd.Timestamp("2025-09-15")
    assert np.exp(shift["size"]) == pytest.approx(1.35, abs=0.03)
    whole = parts.trend * parts.season.prod(axis=1) * parts.remainder
    assert whole.to_numpy() == pytest.approx(y.to_numpy())


def test_without_two_years_a_season_is_not_taken_for_a_step() -> None:
    y = days("2025-03-01")
    y["2025-10-01":] *= 1.35
    assert taken_apart(y, "D")[1].empty


def test_a_single_zero_is_no_ordinary_day_and_a_closed_weekday_neither() -> None:
    y = days("2025-07-01")
    y["2025-09-10"] = 0.0
    y[y.index.day_of_week == 6] = 0.0
    kept = ordinary_points(y, "D", event("Open day", "campaign", "2025-10-01", "2025-10-01"))
    assert not kept.index.isin(pd.to_datetime(["2025-09-10", "2025-10-01"])).any()
    assert set(kept.index.day_of_week) == {0, 1, 2, 3, 4, 5}


def test_an_odd_value_is_named_by_the_day_it_came_on() -> None:
    y = days("2025-07-01")
    y["2026-01-14"] *= 1.8
    found = findings(y, "D", no_effects(), days("2025-07-01", noise=0.0), site="North", service="Calls").anomalies
    assert list(found["ds"]) == [pd.Timestamp("2026-01-14")]
    assert list(found["direction"]) == ["above"]


def test_a_history_without_an_ordinary_day_says_nothing_and_is_typed() -> None:
    y = days("2026-01-01", "2026-01-31")
    closed = event("Rebuilding", "closure", "2026-01-01", "2026-01-31")
    found = findings(y, "D", closed, y, site="North", service="Calls")
    assert all(frame.empty for frame in vars(found).values())


# Widths of sums


def backtest(ratios: dict[str, list[float]]) -> pd.DataFrame:
    """A backtest of a sum: yhat 100, half-width 10, errors in units of it, by cutoff."""
    frames = []
    for cutoff, own in ratios.items():
        ds = pd.date_range(pd.Timestamp(cutoff) + pd.Timedelta(days=1), periods=len(own), freq="D").as_unit("us")
        frames.append(pd.DataFrame({"cutoff": pd.Timestamp(cutoff), "ds": ds, "y": 100 + 10 * np.array(own)}))
    label = {"site": "(all)", "service": "Calls", "freq": "D", "model": "m", "role": "model"}
    return pd.concat(frames, ignore_index=True).assign(yhat=100.0, lo80=90.0, hi80=110.0, **label)


def ahead(cutoff: str, **other: object) -> pd.DataFrame:
    bounds = {f"{end}{k}": 100 + sign * k / 8 for k in (60, 80, 90, 95) for end, sign in (("lo", -1), ("hi", 1))}
    label = {"site": "(all)", "service": "Calls", "unit": "calls", "freq": "D", "yhat": 100.0, **bounds}
    ds = pd.date_range(pd.Timestamp(cutoff) + pd.Timedelta(days=1), periods=31, freq="D").as_unit("us")
    return pd.DataFrame({"ds": ds, "cutoff": pd.Timestamp(cutoff), **label, **other})


def test_a_sum_is_as_much_wider_as_its_own_errors_were() -> None:
    # One cutoff with ten ratios of 3: the 80 % quantile is 3, and (1 * 3 + 4) / (1 + 4) = 1.4.
    found = widened_forecasts(ahead("2026-03-31"), backtest({"2026-02-28": [3.0] * 10}), {"Calls"})
    assert (found["hi80"] - 100).to_numpy() == pytest.approx(np.full(31, 1.4 * 10))
    assert (100 - found["lo95"]).to_numpy() == pytest.approx(np.full(31, 1.4 * 95 / 8))


def test_later_cutoffs_weigh_more_in_the_width_of_a_sum() -> None:
    # An earlier cutoff weighs 0.7, an unseen error the mean. 56 late errors of 1 weigh 56 and reach 80 % of 63 + 1;
    # 56 early ones weigh 39.2 and miss 80 % of 49.2 + 0.7, so that the late ones of 3 count: (2 * 3 + 4) / 6.
    earlier, later = "2025-11-30", "2025-12-31"
    calm = widened_forecasts(ahead(LAST), backtest({earlier: [3.0] * 10, later: [1.0] * 56}), set())
    rough = widened_forecasts(ahead(LAST), backtest({earlier: [1.0] * 56, later: [3.0] * 10}), set())
    assert calm["hi80"].iloc[0] == pytest.approx(110)
    assert rough["hi80"].iloc[0] == pytest.approx(100 + 10 * 10 / 6)


def test_a_sum_knows_nothing_that_came_after_its_cutoff() -> None:
    test = backtest({"2026-02-28": [3.0] * 10, "2026-03-31": [9.0] * 10})
    here = widened_forecasts(ahead("2026-03-31"), test, set())
    there = widened_forecasts(ahead("2026-03-31"), test[test["cutoff"] < "2026-03-31"], set())
    pd.testing.assert_frame_equal(here, there)
    before = widened_forecasts(ahead("2026-03-04"), backtest({"2026-02-28": [1.0] * 4 + [9.0] * 20}), set())
    assert before["hi80"].iloc[0] == pytest.approx(110)


def test_the_bounds_of_a_tested_sum_leave_their_own_cutoff_out() -> None:
    found = widened_test(backtest({"2026-01-31": [1.0] * 10, "2026-02-28": [6.0] * 10}), {"Calls"})
    half = (found["hi80"] - 100).groupby(found["cutoff"]).first()
    assert half[pd.Timestamp("2026-01-31")] == pytest.approx(10 * (6 + 4) / 5)
    assert half[pd.Timestamp("2026-02-28")] == pytest.approx(10)


def test_a_widened_sum_of_what_is_never_negative_stays_above_zero() -> None:
    test = backtest({"2026-02-28": [400.0] * 10})
    assert (widened_forecasts(ahead("2026-03-31"), test, {"Calls"})["lo80"] == 0).all()
    assert (widened_forecasts(ahead("2026-03-31"), test, set())["lo80"] < 0).all()


def test_sites_that_err_together_make_the_whole_wider_than_quadrature(sites: dict[str, DemandForecast]) -> None:
    north, south, whole = (
        sites[name].forecasts.query("service == 'Calls' and not reconstructed").set_index("ds") for name in sites
    )
    root = np.hypot(north["hi80"] - north["yhat"], south["hi80"] - south["yhat"])
    factor = (whole["hi80"] - whole["yhat"]) / root
    assert factor.to_numpy() == pytest.approx(np.full(len(factor), factor.iloc[0]))
    assert factor.iloc[0] > 1.1
    assert ((whole["hi95"] - whole["yhat"]) / (whole["hi80"] - whole["yhat"]) > 1).all()


def test_a_service_of_one_site_passes_through_with_its_months(sites: dict[str, DemandForecast]) -> None:
    for frame in ("forecasts", "monthly"):
        south, whole = (getattr(sites[name], frame).query("service == 'Mail'") for name in ("South", "(all)"))
        same = [column for column in south.columns if column != "site"]
        pd.testing.assert_frame_equal(south[same].reset_index(drop=True), whole[same].reset_index(drop=True))


def test_the_accuracy_of_a_sum_says_what_one_forecast_of_it_had_reached(sites: dict[str, DemandForecast]) -> None:
    scores = sites["(all)"].accuracy
    assert list(scores.columns) == ACCURACY_COLUMNS
    calls = scores[scores["service"] == "Calls"].set_index("model")
    assert len(calls) == 3
    assert calls.loc["direct", "windows"] == calls["windows"].max()
    # both sites move alike, so the sum as one series says about the same
    (own,) = set(calls.index) - {"direct", "seasonal naive"}
    assert calls.loc["direct", "wape"] == pytest.approx(calls.loc[own, "wape"], rel=0.25)
    assert "direct" not in set(scores.loc[scores["service"] == "Mail", "model"])
    assert "direct" not in set(sites["(all)"].backtest["model"])


def test_a_sum_is_closed_only_where_every_site_is() -> None:
    storm, flood = event("Storm", "closure", "2026-01-05", "2026-01-05"), event("Flood", "closure", "2026-02-02", LAST)
    label = {"service": "Calls"}
    table = pd.concat(
        [
            storm.assign(site="North", **label),
            storm.assign(site="South", **label),
            flood.assign(site="South", **label),
            event("Sale", "campaign", "2026-03-02", "2026-03-02").assign(site="North", **label),
            event("Fair", "campaign", "2026-03-02", "2026-03-02").assign(site="North", service="Mail"),
        ]
    )[SPECIAL_DAY_COLUMNS]
    assert list(shared_days(table, "Calls", ["North", "South"])["name"]) == ["Storm", "Sale"]


# Months


def month_of(days_ahead: pd.DataFrame) -> pd.DataFrame:
    row = {"site": "(all)", "service": "Calls", "unit": "calls", "period": "2026-04", "volume": 3000.0}
    return pd.DataFrame([row])


def test_a_month_is_wider_than_its_days_in_quadrature_by_the_errors_of_months() -> None:
    # 30 days of half 10: sqrt(30 * 100) * 30^(1/4) = 128.2. One month tested, 28 days: half sqrt(28 * 100) * 28^(1/4)
    # = 121.7, error 28 * 10 = 280, ratio 2.3. It is one cutoff of one service, which is all that is known of any:
    # (2.3 + 4) / 5 = 1.26.
    rows = ahead("2026-03-31").iloc[:30]
    found = month_ranges(month_of(rows), rows, backtest({"2026-01-31": [1.0] * 28}), Calendar(1)).iloc[0]
    ratio = 280 / (np.sqrt(28 * 100) * 28**0.25)
    half = np.sqrt(30 * 100) * 30**0.25 * (ratio + 4) / 5
    assert (found["lo80"], found["hi80"]) == (pytest.approx(3000 - half), pytest.approx(3000 + half))


def test_a_month_has_no_range_where_no_month_was_tested_by_its_cutoff() -> None:
    rows = ahead("2026-03-31").iloc[:30]
    for test in (backtest({"2026-03-31": [1.0] * 28}), backtest({"2026-03-31": [1.0] * 28}).iloc[:0]):
        found = month_ranges(month_of(rows), rows, test, Calendar(1)).iloc[0]
        assert np.isnan(found["lo80"])
        assert np.isnan(found["hi80"])


def test_a_forecast_by_month_keeps_its_own_range() -> None:
    rows = ahead("2026-03-31", freq="MS").iloc[:1].assign(ds=pd.Timestamp("2026-04-01"), lo80=80.0, hi80=130.0)
    month = month_of(rows).assign(volume=100.0)
    found = month_ranges(month, rows, backtest({"2026-01-31": [1.0] * 28}).iloc[:0], Calendar(1)).iloc[0]
    assert (found["lo80"], found["hi80"]) == (80, 130)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 50), min_size=28, max_size=28))
def test_a_range_holds_its_forecast_and_never_ends_below_zero(errors: list[float]) -> None:
    rows = ahead("2026-03-31").iloc[:30]
    found = month_ranges(month_of(rows), rows, backtest({"2026-01-31": errors}), Calendar(1)).iloc[0]
    assert 0 <= found["lo80"] <= 3000 <= found["hi80"]


def test_months_ahead_have_a_range_and_months_on_record_none(sites: dict[str, DemandForecast]) -> None:
    for made in sites.values():
        assert list(made.monthly.columns) == MONTHLY_COLUMNS
        future = made.monthly[made.monthly["period"] > "2026-03"]
        assert len(future)
        assert (future["lo80"] < future["volume"]).all()
        assert (future["volume"] < future["hi80"]).all()
        assert made.monthly.loc[made.monthly["scenario"] == "AC", "hi80"].isna().all()


# Scores


def scored(*models: str) -> pd.DataFrame:
    """A backtest of one day a cutoff: y 100, the models off by 10, the yardstick by 20."""
    rows: list[dict[str, Any]] = []
    for number, model in enumerate(models):
        cutoff = pd.Timestamp("2026-01-31") + pd.Timedelta(days=number)
        row = {"site": "N", "service": "Calls", "freq": "D", "cutoff": cutoff, "ds": cutoff + pd.Timedelta(days=1)}
        row |= {"y": 100.0, "lo80": 85.0, "hi80": 115.0}
        rows += [{**row, "model": "seasonal naive", "yhat": 80.0}]
        rows += [{**row, "model": model, "yhat": 90.0}] if model != "seasonal naive" else []
    return stacked([pd.DataFrame(rows)], BACKTEST_COLUMNS)


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        pytest.param(["a", "a"], {"a": 0.1, "seasonal naive": 0.2}, id="one model"),
        pytest.param(["a", "b"], {"several models": 0.1, "seasonal naive": 0.2}, id="two models are one forecast"),
        pytest.param(["a", "seasonal naive"], {"several models": 0.15, "seasonal naive": 0.2}, id="once the yardstick"),
        pytest.param(["seasonal naive"], {"seasonal naive": 0.2}, id="the yardstick alone"),
    ],
)
def test_a_forecast_has_one_score_whatever_models_made_it(models: list[str], expected: dict[str, float]) -> None:
    history = rows_of(days("2026-01-01"), "N").astype({"y": "float64"})
    found = accuracy_table(scored(*models), history)
    assert found.set_index("model")["wape"].to_dict() == pytest.approx(expected)


# Sentences and plans


def test_the_first_lines_say_by_how_much_the_yardstick_is_beaten_or_by_which_it_is_not(
    sites: dict[str, DemandForecast],
) -> None:
    whole = sites["(all)"]
    naive = whole.accuracy["model"] == "seasonal naive"
    better = whole.accuracy.assign(wape=whole.accuracy["wape"].mask(naive, 0.5).mask(~naive, 0.1))
    said = tables.demand_sentence(dataclasses.replace(whole, accuracy=better)).splitlines()
    assert "by 80 % (Calls by day) to 80 % (Mail by day)" in said[1]
    assert said[1].startswith("In the backtest the forecast was off by less than repeating the last season would")
    worse = whole.accuracy.assign(wape=whole.accuracy["wape"].mask(naive, 0.001))
    said = tables.demand_sentence(dataclasses.replace(whole, accuracy=worse)).splitlines()
    assert said[1].startswith("The forecast did worse than the yardstick in the backtest: Calls by day (off by ")
    assert "yardstick 0 %" in said[1]


def test_a_table_of_effects_has_a_column_a_service_and_the_range_in_percent(sites: dict[str, DemandForecast]) -> None:
    table = tables.effects_table(sites["North"])
    assert list(table.columns) == ["What", "Kind", "Days", "Calls"]
    assert table["Calls"].iloc[0].startswith("+2")
    assert "(+2" in table["Calls"].iloc[0]
    assert "Spring 2026 on Calls, North" in tables.effects_sentence(sites["North"])
    assert tables.effects_table(sites["South"]).empty


def test_the_demand_table_has_the_range_of_the_next_month(sites: dict[str, DemandForecast]) -> None:
    table = tables.demand_table(sites["North"], months=2)
    assert list(table.columns)[-3:] == ["FC Apr 2026", "80 % range Apr 2026", "FC May 2026"]
    low, high = (float(text.replace(",", "")) for text in table["80 % range Apr 2026"].iloc[0].split(" to "))
    assert low < float(table["FC Apr 2026"].iloc[0].replace(",", "")) < high


def test_a_planned_campaign_acts_as_the_past_one_did(sites: dict[str, DemandForecast]) -> None:
    asked = ("campaign", "2026-06-01", "2026-06-07", "Spring 2026")
    found = demand.planned_event(sites["North"], *asked)
    assert found is not None
    (row,) = found.changes.to_dict("records")
    assert row["days"] == 7
    assert row["change"] / row["before"] == pytest.approx(sites["North"].effects["effect"].iloc[0])
    assert row["lo80"] < row["change"] < row["hi80"]
    assert "A campaign like Spring 2026 from 2026-06-01 to 2026-06-07" in tables.planned_sentence(found)


def test_a_plan_is_told_of_the_whole_by_what_the_event_did_to_the_sum(sites: dict[str, DemandForecast]) -> None:
    found = demand.planned_event(sites["(all)"], "campaign", "2026-06-01", "2026-06-07", "Spring 2026")
    assert found is not None
    change = found.changes.set_index("service")
    # a quarter more of 1,000 in 1,400 a day
    assert change.loc["Calls", "change"] / change.loc["Calls", "before"] == pytest.approx(0.25 / 1.4, abs=0.02)
    assert any("Mail at all sites" in note and "Spring 2026" in note for note in found.notes)


def test_a_planned_closure_leaves_nothing(sites: dict[str, DemandForecast]) -> None:
    found = demand.planned_event(sites["South"], "closure", "2026-06-01", "2026-06-02")
    assert found is not None
    assert (found.changes["change"] == -found.changes["before"]).all()


def test_nothing_asked_says_how_to_ask(sites: dict[str, DemandForecast]) -> None:
    assert demand.planned_event(sites["North"], "", "", "") is None
    assert "Set what_if to campaign or closure" in tables.planned_sentence(None)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        pytest.param(("campaign", "2026-06-01", "2026-06-02", ""), "one of 'Spring 2026'", id="like nothing"),
        pytest.param(("party", "2026-06-01", "2026-06-02", ""), "plan a campaign or a closure", id="another kind"),
        pytest.param(("closure", "2026-06-31", "2026-06-02", ""), "YYYY-MM-DD", id="no day"),
        pytest.param(("closure", "2026-06-02", "2026-06-01", ""), "swap the two days", id="ends before it begins"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(
    sites: dict[str, DemandForecast], asked: tuple[str, str, str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        demand.planned_event(sites["North"], *asked)


def test_a_report_without_history_still_says_what_it_is() -> None:
    frames = {name: stacked([], BACKTEST_COLUMNS) for name in ("forecasts", "backtest", "accuracy", "monthly")}
    bare = DemandForecast("2026-03", "North", stacked([], HISTORY_COLUMNS), **frames, notes=())
    series = demand.largest(bare)
    assert (series.service, series.site) == ("No service", "North")
    assert demand.components_of(bare, series).observed.empty
    assert demand.closed_days(bare, series).empty


def test_closed_days_of_the_whole_are_those_of_every_site(sites: dict[str, DemandForecast]) -> None:
    storm = event("Storm", "closure", "2026-01-05", "2026-01-05").assign(site="North", service="Calls")
    whole = sites["(all)"]
    one = dataclasses.replace(whole, special_days=pd.concat([storm, whole.special_days])[SPECIAL_DAY_COLUMNS])
    both = dataclasses.replace(one, special_days=pd.concat([storm.assign(site="South"), one.special_days]))
    series = demand.largest(whole)
    assert series.service == "Calls"
    south = storm.assign(site="South", name="Fair", kind="campaign")
    one = dataclasses.replace(one, special_days=pd.concat([south, one.special_days])[SPECIAL_DAY_COLUMNS])
    assert demand.closed_days(one, series).empty
    assert list(demand.closed_days(both, series)) == [pd.Timestamp("2026-01-05")]


def test_one_forecast_of_the_sum_is_not_made_where_sites_count_by_different_steps() -> None:
    months = days("2022-01-01").resample("MS").sum()
    monthly = pd.DataFrame({"ds": months.index.as_unit("us"), "y": months.to_numpy(), "site": "North", "freq": "MS"})
    rows = pd.concat([monthly.assign(service="Calls", unit="calls"), rows_of(days("2025-07-01"), "South")])
    whole = demand_forecast(rows, {}, PLAIN, period="2026-03", entity="(all)")
    assert "direct" not in set(whole.accuracy["model"])


# Sums that are none, and what is said of it


def test_a_service_by_day_here_and_by_month_there_has_no_history_of_the_whole() -> None:
    months = pd.date_range("2024-01-01", "2026-03-01", freq="MS").as_unit("us")
    there = pd.DataFrame(
        {"ds": months, "y": 9000.0, "site": "South", "service": "Calls", "unit": "calls", "freq": "MS"}
    )
    rows = pd.concat([rows_of(days("2025-01-01"), "North"), there])
    whole = demand_forecast(rows, {}, PLAIN, period="2026-03", entity="(all)")
    assert whole.history.empty
    assert whole.accuracy.empty
    assert any("different intervals" in note for note in whole.notes)
    assert set(whole.monthly["site"]) == {"(all)"}


def test_a_campaign_that_the_forecast_holds_already_is_not_counted_twice() -> None:
    rows = rows_of(days("2025-01-01"), "North")
    known = [
        event("Sale 2025", "campaign", "2025-09-01", "2025-09-10"),
        event("Sale 2026", "campaign", "2026-09-01", "2026-09-10"),
    ]
    forecast = demand_forecast(rows, {"events": pd.concat(known)}, PLAIN, period="2026-03", entity="North")
    found = demand.planned_event(forecast, "campaign", "2026-09-05", "2026-09-14", "Sale 2025")
    assert found is not None
    assert found.changes.empty
    assert any("already holds Sale 2026" in note for note in found.notes)


def test_a_loss_is_never_told_as_a_gain(sites: dict[str, DemandForecast]) -> None:
    forecast = sites["South"]
    own = forecast.accuracy["model"] != "seasonal naive"
    even = dataclasses.replace(forecast, accuracy=forecast.accuracy.assign(wape=np.where(own, 0.104, 0.1)))
    assert "no better than repeating the last season" in tables.demand_sentence(even)


def test_what_is_asked_for_is_read_as_kind_and_days() -> None:
    assert demand.asked_event("closure 2026-06-01  2026-06-02") == ("closure", "2026-06-01", "2026-06-02")
    assert demand.asked_event("") == ("", "", "")
    with pytest.raises(ValueError, match="give kind, first and last day"):
        demand.asked_event("campaign 2026-06-01")

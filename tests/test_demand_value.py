"""Forecast value: what is on record for a month, what each step was worth, and when a forecast leans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from opsanalytics import charts, tables
from opsanalytics.demand.report import FORECAST_COLUMNS
from opsanalytics.demand.value.added import (
    ACTUAL_COLUMNS,
    AUTHOR_COLUMNS,
    SIGNAL_COLUMNS,
    VALUE_COLUMNS,
    YEAR,
    ForecastValue,
    actual_months,
    by_author,
    forecast_value,
    seasonal_naive,
    tracking_signal,
    value_of,
)
from opsanalytics.demand.value.record import (
    IN_TIME,
    LATE,
    RECORD_COLUMNS,
    UNKNOWN,
    carried_over,
    on_record,
    overrides_kept,
    standing,
)
from opsanalytics.periods import Calendar, month_range, shift
from opsanalytics.settings import Settings

plt.switch_backend("Agg")
MONTHS = Calendar()
WEEKS = Calendar(7, "4-4-5", "last Saturday of June")
TABLE = ["site", "service", "period", "volume", "author", "reason"]


def forecasts(
    freq: str, cutoff: str, first: str, last: str, *, yhat: float = 10.0, site: str = "North", **other: object
):
    """Forecasts of one run: every stamp from `first` to `last`, ranges of one above and below."""
    ds = pd.date_range(first, last, freq=freq).as_unit("us")
    bounds = {f"{end}{level}": yhat + sign for level in (60, 80, 90, 95) for end, sign in (("lo", -1.0), ("hi", 1.0))}
    label = {
        "site": site,
        "service": "Calls",
        "unit": "calls",
        "freq": freq,
        "model": "prophet",
        "reconstructed": False,
    }
    frame = pd.DataFrame({"ds": ds, "yhat": yhat, "cutoff": pd.Timestamp(cutoff), **bounds, **label} | other)
    return frame[FORECAST_COLUMNS].astype({"cutoff": "datetime64[us]"})


def actuals(volumes: dict[str, float], site: str = "North", *, unit: str = "calls", incomplete: tuple[str, ...] = ()):
    frame = pd.DataFrame({"period": list(volumes), "volume": list(volumes.values())})
    frame = frame.assign(site=site, service="Calls", unit=unit, scenario="AC")
    return frame.assign(complete=~frame["period"].isin(incomplete))[ACTUAL_COLUMNS].astype({"volume": "float64"})


def record(volumes: dict[str, float], site: str = "North", *, unit: str = "calls", lead: int = 1) -> pd.DataFrame:
    """Forecasts on record, each made at the end of the month `lead` months before."""
    frame = pd.DataFrame({"period": list(volumes), "volume": list(volumes.values())})
    cutoffs = pd.DatetimeIndex([MONTHS.last_day(shift(month, -lead)) for month in volumes]).as_unit("us")
    frame = frame.assign(site=site, service="Calls", unit=unit, lo80=np.nan, hi80=np.nan, cutoff=cutoffs, lead=lead)
    return frame[RECORD_COLUMNS].astype({"lead": "Int64", "volume": "float64", "period": "str"})


def overrides(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    """Rows of site, period, volume, author."""
    found = [(site, "Calls", period, volume, author, "campaign") for site, period, volume, author in rows]
    kinds = {name: "float64" if name == "volume" else "str" for name in TABLE}
    return pd.DataFrame(found, columns=TABLE).astype(kinds)


def errors(values: list[float], first: str = "2025-01") -> pd.DataFrame:
    frame = pd.DataFrame({"period": month_range(first, shift(first, len(values) - 1)), "error": values})
    return frame.assign(site="North", service="Calls", unit="calls")


# ------------------------------------------------------------------ on record


def test_days_are_summed_to_their_month_without_a_range():
    row = on_record(forecasts("D", "2026-05-31", "2026-06-01", "2026-06-30"), MONTHS).iloc[0]
    assert (row["period"], row["volume"], row["lead"]) == ("2026-06", 300.0, 1)
    assert np.isnan(row["lo80"])
    assert np.isnan(row["hi80"])


def test_a_forecast_by_month_keeps_its_own_range():
    row = on_record(forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01"), MONTHS).iloc[0]
    assert tuple(row[["volume", "lo80", "hi80"]]) == (10.0, 9.0, 11.0)


def test_intervals_within_the_day_are_not_added_to_the_days_that_are_their_sums():
    half_hours = forecasts("30min", "2026-05-31", "2026-06-01", "2026-06-30 23:30", yhat=1.0)
    days = forecasts("D", "2026-05-31", "2026-06-01", "2026-06-30", yhat=48.0)
    assert on_record(pd.concat([half_hours, days]), MONTHS)["volume"].tolist() == [1440.0]
    assert on_record(half_hours, MONTHS)["volume"].tolist() == [1440.0]


def test_a_week_belongs_to_the_month_in_which_it_begins():
    weeks = forecasts("W-MON", "2026-05-31", "2026-06-01", "2026-07-27")  # June begins on a Monday: 1, 8, 15, 22, 29
    assert on_record(weeks, MONTHS).set_index("period")["volume"].to_dict() == {"2026-06": 50.0, "2026-07": 40.0}


def test_months_of_a_week_calendar_hold_its_days():
    first, last = WEEKS.first_day("2026-01"), WEEKS.last_day("2026-01")
    days = forecasts("D", str(WEEKS.last_day("2025-12")), str(first), str(last))
    found = on_record(days, WEEKS)
    assert found[["period", "volume", "lead"]].to_numpy().tolist() == [["2026-01", 280.0, 1]]


def test_a_month_that_had_begun_at_the_cutoff_is_not_on_record():
    days = forecasts("D", "2026-06-01", "2026-06-02", "2026-07-31")
    assert on_record(days, MONTHS)["period"].tolist() == ["2026-07"]


def test_a_month_begins_where_its_calendar_says():
    first, last = WEEKS.first_day("2026-01"), WEEKS.last_day("2026-01")
    assert str(first) == "2025-12-28"  # 26 weeks after 29 June 2025, the day after the last Saturday of June
    assert on_record(forecasts("D", str(first), "2025-12-29", str(last)), WEEKS).empty


def test_a_reconstructed_forecast_is_no_record():
    assert on_record(forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01", reconstructed=True), MONTHS).empty


def test_the_whole_is_not_taken_from_its_own_rows():
    assert on_record(forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01", site="(all)"), MONTHS).empty


def test_the_latest_cutoff_before_the_month_counts_unless_a_lead_is_asked_for():
    early = forecasts("MS", "2026-03-31", "2026-04-01", "2026-07-01", yhat=7.0)
    late = forecasts("MS", "2026-05-31", "2026-06-01", "2026-07-01", yhat=9.0)
    both = pd.concat([late, early])
    latest = on_record(both, MONTHS).set_index("period")
    assert latest["volume"].to_dict() == {"2026-04": 7.0, "2026-05": 7.0, "2026-06": 9.0, "2026-07": 9.0}
    assert latest["lead"].to_dict() == {"2026-04": 1, "2026-05": 2, "2026-06": 1, "2026-07": 2}
    assert on_record(both, MONTHS, lead=3).set_index("period")["volume"].to_dict() == {"2026-06": 7.0}


def test_a_missing_day_makes_no_smaller_month():
    days = forecasts("D", "2026-05-31", "2026-06-01", "2026-06-30")
    days.loc[3, "yhat"] = np.nan
    assert on_record(days, MONTHS).empty


def test_two_runs_that_saw_the_same_data_are_refused_when_mixed_and_the_later_one_counts_in_order():
    first = forecasts("MS", "2026-05-31", "2026-06-01", "2026-07-01", yhat=7.0)
    second = forecasts("MS", "2026-05-31", "2026-07-01", "2026-07-01", yhat=9.0)
    with pytest.raises(ValueError, match="Calls at North has two forecasts of 2026-07-01 with the cutoff 2026-05-31"):
        on_record(pd.concat([first, second]), MONTHS)
    kept = carried_over(None, first, MONTHS)
    assert on_record(second, MONTHS, record=kept).set_index("period")["volume"].to_dict() == {
        "2026-06": 7.0,
        "2026-07": 9.0,
    }


def test_months_and_days_of_one_series_with_one_cutoff_are_refused():
    both = [
        forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01"),
        forecasts("D", "2026-05-31", "2026-06-01", "2026-06-30"),
    ]
    with pytest.raises(ValueError, match="two forecasts of 2026-06 "):
        on_record(pd.concat(both), MONTHS)


def test_what_is_carried_over_run_by_run_is_what_all_runs_had():
    runs = [
        forecasts("MS", str(MONTHS.last_day(month)), shift(month, 1), shift(month, 6), yhat=float(n))
        for n, month in enumerate(month_range("2026-01", "2026-06"))
    ]
    kept = None
    for run in runs:
        kept = carried_over(kept, run, MONTHS)
    pd.testing.assert_frame_equal(on_record(None, MONTHS, record=kept), on_record(pd.concat(runs), MONTHS))


def test_a_lead_below_one_month_is_refused():
    with pytest.raises(ValueError, match="lead is 0"):
        on_record(None, MONTHS, lead=0)


def test_forecasts_of_another_form_are_refused_by_the_column_they_lack():
    with pytest.raises(ValueError, match="no column reconstructed"):
        on_record(forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01").drop(columns="reconstructed"), MONTHS)


# ------------------------------------------------------------------ value added


def scored(override: float | None = 112, forecast: float | None = 90, before: float | None = 80, **other) -> pd.Series:
    """The row of June 2026, of which the actual is 100."""
    actual = actuals({"2026-06": 100} | ({} if before is None else {"2025-06": before}))
    table = overrides() if override is None else overrides(("North", "2026-06", override, "Ann"))
    kept = record({} if forecast is None else {"2026-06": forecast}, **other)
    return forecast_value(actual, kept, table, seasonal_naive(actual), period="2026-06").iloc[0]


def test_value_added_is_the_error_without_the_step_less_the_error_with_it():
    row = scored()
    assert tuple(row[["naive_error", "forecast_error", "override_error"]]) == (20.0, 10.0, -12.0)
    assert row["forecast_value_added"] == 10.0  # 20 - 10
    assert row["override_value_added"] == -2.0  # 10 - 12: the override was further off
    assert row["override_over_naive"] == 8.0  # 20 - 12
    assert (row["forecast_value_added_share"], row["override_value_added_share"]) == (0.10, -0.02)
    assert (row["author"], row["reason"], row["state"]) == ("Ann", "campaign", "scored")


def test_an_override_without_a_record_is_held_against_the_year_before():
    row = scored(forecast=None)
    assert row["override_over_naive"] == 8.0
    assert np.isnan(row["forecast_error"])
    assert np.isnan(row["override_value_added"])


def test_without_the_year_before_the_override_is_held_against_the_forecast_alone():
    row = scored(before=None)
    assert row["override_value_added"] == -2.0
    assert np.isnan(row["forecast_value_added"])


def test_a_forecast_made_more_than_a_year_ahead_is_not_held_against_a_month_it_could_not_know():
    assert scored(lead=12)["forecast_value_added"] == 10.0
    assert np.isnan(scored(lead=13)["forecast_value_added"])


def test_a_month_of_no_volume_has_errors_and_no_share():
    actual = actuals({"2026-06": 0, "2025-06": 5})
    row = forecast_value(actual, record({"2026-06": 3}), overrides(), seasonal_naive(actual), period="2026-06").iloc[0]
    assert row["forecast_value_added"] == 2.0
    assert np.isnan(row["forecast_value_added_share"])


def test_an_override_waits_open_until_its_month_is_over_and_complete():
    actual = actuals({"2026-05": 100, "2026-06": 40}, incomplete=("2026-06",))
    table = overrides(*(("North", month, 90.0, "Ann") for month in ("2026-05", "2026-06", "2026-07")))
    found = forecast_value(actual, record({}), table, seasonal_naive(actual), period="2026-06")
    assert found["state"].tolist() == ["scored", "no actual", "open"]
    assert found["override_error"].tolist()[0] == 10.0
    assert found["override_error"].isna().tolist() == [False, True, True]


def test_an_incomplete_month_neither_scores_nor_serves_as_the_year_before():
    actual = actuals({"2025-06": 40, "2026-06": 100}, incomplete=("2025-06",))
    found = forecast_value(actual, record({"2026-06": 90}), overrides(), seasonal_naive(actual), period="2026-06")
    assert found["naive"].isna().all()
    actual = actuals({"2026-06": 40}, incomplete=("2026-06",))
    assert forecast_value(actual, record({"2026-06": 90}), overrides(), seasonal_naive(actual), period="2026-06").empty


def test_by_author_counts_all_and_averages_what_was_compared():
    actual = actuals({"2026-04": 100, "2026-05": 200, "2026-06": 100, "2025-06": 90})
    table = overrides(
        ("North", "2026-04", 104, "Ann"),  # forecast 90: 10 - 4 = +6
        ("North", "2026-05", 190, "Ann"),  # forecast 210: 10 - 10 = 0, a tie
        ("North", "2026-06", 95, "Ann"),  # no record; the year before 90: nearer than that
        ("North", "2026-07", 95, "Ann"),  # open
    )
    kept = record({"2026-04": 90, "2026-05": 210})
    row = by_author(forecast_value(actual, kept, table, seasonal_naive(actual), period="2026-06")).iloc[0]
    assert tuple(row[["author", "overrides", "scored", "compared"]]) == ("Ann", 4, 3, 2)
    assert (row["value_added"], row["value_added_share"], row["nearer"]) == (3.0, 6 / 300, 0.5)
    assert row["nearer_than_naive"] == 1.0


volumes = st.floats(0, 1e6)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(volumes, volumes, volumes, volumes), min_size=1, max_size=12))
def test_what_both_steps_added_is_what_the_override_is_better_than_the_naive(rows):
    months = dict(zip(month_range("2026-01", "2026-12"), rows, strict=False))
    actual = actuals({shift(month, back): row[-back // YEAR] for month, row in months.items() for back in (0, -YEAR)})
    kept = record({month: row[2] for month, row in months.items()})
    table = overrides(*(("North", month, row[3], "Ann") for month, row in months.items()))
    found = forecast_value(actual, kept, table, seasonal_naive(actual), period="2026-12")
    assert found["period"].tolist() == list(months)
    added = found["forecast_value_added"] + found["override_value_added"]
    assert added.tolist() == pytest.approx(found["override_over_naive"].tolist(), abs=1e-6)
    assert found["naive"].tolist() == [row[1] for row in rows]


# ------------------------------------------------------------------ tracking signal


def test_the_signal_is_the_sum_of_errors_over_their_mean_size():
    found = tracking_signal(errors([10, -5, 15]))
    assert found["cumulative"].tolist() == [10, 5, 20]
    assert found["mad"].tolist() == [10, 7.5, 10]
    assert found["signal"].tolist() == pytest.approx([1, 5 / 7.5, 2])


def test_four_months_to_one_side_reach_the_limit_and_the_fifth_passes_it():
    found = tracking_signal(errors([7.0] * 5))
    assert found["signal"].tolist() == pytest.approx([1, 2, 3, 4, 5])
    assert found["drifting"].tolist() == [False, False, False, False, True]


def test_no_error_at_all_has_a_signal_of_zero():
    found = tracking_signal(errors([0.0, 0.0, 3.0]))
    assert found["signal"].tolist() == pytest.approx([0, 0, 3])


def test_a_month_without_an_error_is_no_error_of_zero():
    found = tracking_signal(errors([4.0, np.nan, 2.0]))
    assert found["period"].tolist() == ["2025-01", "2025-03"]
    assert found["mad"].tolist() == [4.0, 3.0]


def test_series_are_followed_each_by_itself_in_time_order():
    both = pd.concat([errors([1, 2, 3]), errors([-1, -2, -3]).assign(site="South")])
    found = tracking_signal(both.sample(frac=1, random_state=3))
    assert found["cumulative"].tolist() == [1, 3, 6, -1, -3, -6]


def test_two_errors_of_one_month_are_refused():
    with pytest.raises(ValueError, match="two errors of 2025-01"):
        tracking_signal(pd.concat([errors([1.0]), errors([2.0])]))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_a_signal_is_finite_and_no_larger_than_its_months(values):
    found = tracking_signal(errors(values))
    assert np.isfinite(found["signal"]).all()
    assert (found["signal"].abs() <= found["months"] * (1 + 1e-9)).all()
    assert not found["drifting"].iloc[:4].any()


# ------------------------------------------------------------------ an entity


def of(entity: str, monthly: pd.DataFrame, kept: pd.DataFrame, table: pd.DataFrame | None, period: str = "2026-06"):
    return value_of(monthly, kept, table, period=period, entity=entity)


TWO = pd.concat(
    [
        actuals({"2025-06": 80, "2026-05": 90, "2026-06": 100}),
        actuals({"2025-06": 30, "2026-05": 40, "2026-06": 50}, "South"),
    ]
)


def test_the_whole_stands_only_where_every_site_has_the_record():
    kept = pd.concat([record({"2026-05": 95, "2026-06": 90}), record({"2026-06": 70}, "South")])
    table = overrides(("North", "2026-06", 101, "Ann"), ("South", "2026-07", 60, "Bob"))
    found = of("(all)", TWO, kept, table)
    assert found.months["period"].tolist() == ["2026-06"]  # in May South has no record
    row = found.months.iloc[0]
    assert (row["site"], row["actual"], row["forecast"], row["naive"]) == ("(all)", 150, 160, 110)
    assert row["forecast_value_added"] == 30.0  # 40 - 10: the sites' errors of 10 and -20 partly cancel
    assert np.isnan(row["override"])  # South has none
    assert found.overrides[["site", "state"]].to_numpy().tolist() == [["North", "scored"], ["South", "open"]]
    assert found.by_author["author"].tolist() == ["Ann", "Bob"]


def test_a_site_that_opened_later_or_has_ended_is_not_waited_for():
    south = actuals({"2025-01": 30, "2025-06": 30}, "South")  # ended a year before
    north = actuals({"2025-06": 80, "2026-06": 100})
    east = actuals({"2026-07": 10}, "East")  # not open yet in June
    found = of("(all)", pd.concat([south, north, east]), record({"2026-06": 90}), None, "2026-07")
    assert found.months[["period", "actual", "naive"]].to_numpy().tolist() == [["2026-06", 100.0, 80.0]]


def test_a_site_whose_data_are_late_or_incomplete_is_waited_for():
    kept = pd.concat([record({"2026-05": 95, "2026-06": 90}), record({"2026-05": 41, "2026-06": 70}, "South")])
    late = pd.concat([TWO[TWO["site"] == "North"], actuals({"2026-05": 40}, "South")])
    assert of("(all)", late, kept, None).months["period"].tolist() == ["2026-05"]
    begun = TWO.assign(complete=(TWO["site"] == "North") | (TWO["period"] == "2026-05"))
    assert of("(all)", begun, kept, None).months["period"].tolist() == ["2026-05"]


def test_a_site_sees_its_own_rows_only():
    kept = pd.concat([record({"2026-06": 90}), record({"2026-06": 70}, "South")])
    found = of("South", TWO[TWO["site"] == "South"], kept, overrides(("North", "2026-06", 101, "Ann")))
    assert found.months[["site", "forecast_error"]].to_numpy().tolist() == [["South", -20.0]]
    assert found.overrides.empty
    assert found.signals["error"].tolist() == [-20.0]


def test_a_forecast_among_the_months_is_no_actual():
    ahead = actuals({"2026-05": 1}).assign(scenario="FC")
    found = of("North", pd.concat([actuals({"2026-06": 100}), ahead]), record({"2026-05": 1, "2026-06": 90}), None)
    assert found.months["period"].tolist() == ["2026-06"]


def test_units_are_not_compared_and_the_note_says_so():
    found = of("North", actuals({"2026-06": 100}), record({"2026-06": 9}, unit="pallets"), None)
    assert found.months.empty
    assert found.notes == (
        "Calls at North: the forecast on record counts pallets, the actuals calls; they are not compared.",
    )


def test_nothing_after_the_period_is_seen():
    found = of("North", actuals({"2026-06": 100, "2026-07": 100}), record({"2026-06": 90, "2026-07": 90}), None)
    assert found.months["period"].tolist() == ["2026-06"]


def test_an_entity_without_months_is_refused():
    with pytest.raises(ValueError, match="There are no months of East"):
        of("East", TWO, record({}), None)


@pytest.mark.parametrize("entity", ["North", "(all)"])
@pytest.mark.parametrize("table", [None, overrides(("South", "2026-06", 1, "Bob"))[:0]])
def test_columns_keep_their_types_where_there_is_no_row(entity, table):
    reconstructed = forecasts("MS", "2026-05-31", "2026-06-01", "2026-06-01", reconstructed=True)
    bare = pd.DataFrame({"site": pd.Series(dtype="str")})  # what a run without demand leaves
    full = of("North", TWO, record({"2026-06": 90}), overrides(("North", "2026-06", 101, "Ann")))
    for kept in (on_record(None, MONTHS), on_record(bare, MONTHS), on_record(reconstructed, MONTHS)):
        found = of(entity, TWO, kept, table)
        for name, columns in (
            ("months", VALUE_COLUMNS),
            ("overrides", VALUE_COLUMNS),
            ("by_author", AUTHOR_COLUMNS),
            ("signals", SIGNAL_COLUMNS),
        ):
            frame = getattr(found, name)
            assert frame.empty
            assert frame.dtypes.to_dict() == getattr(full, name).dtypes.to_dict()
            assert list(frame.columns) == columns


def test_order_does_not_matter_and_inputs_stay_as_they_are():
    kept = pd.concat([record({"2026-05": 95, "2026-06": 90}), record({"2026-05": 41, "2026-06": 70}, "South")])
    table = overrides(("North", "2026-06", 101, "Ann"), ("South", "2026-06", 60, "Bob"))
    given_frames = [TWO.copy(), kept.copy(), table.copy()]
    straight = of("(all)", TWO, kept, table)
    shuffled = of("(all)", TWO[::-1], kept[::-1], table[::-1])
    for name in ("months", "overrides", "by_author", "signals"):
        pd.testing.assert_frame_equal(getattr(straight, name), getattr(shuffled, name))
    for before, after in zip(given_frames, (TWO, kept, table), strict=True):
        pd.testing.assert_frame_equal(before, after)
    assert straight.months["author"].isna().all()  # two planners, one sum


# ------------------------------------------------------------------ overrides as they stood


def stood(*runs: tuple[str, pd.DataFrame]) -> pd.DataFrame:
    return overrides_kept([(pd.Timestamp(made), table) for made, table in runs])


def judged(now: pd.DataFrame | None, kept: pd.DataFrame | None) -> dict[str, tuple[float, str]]:
    """Volume and mark of each month's override, seen at the end of June 2026."""
    table, _ = standing(now, kept, MONTHS, period="2026-06")
    return {row["period"]: (row["volume"], row["entered"]) for _, row in table.iterrows()}


JUNE, JUNE_RAISED = overrides(("North", "2026-06", 100, "Ann")), overrides(("North", "2026-06", 120, "Ann"))
NONE = overrides()


@pytest.mark.parametrize(
    ("made", "mark"),
    [
        pytest.param("2026-05-20", IN_TIME, id="before the month"),
        pytest.param("2026-06-10 23:59", IN_TIME, id="while May was closed"),
        pytest.param("2026-06-11", UNKNOWN, id="on record from the first run on, but that came late"),
    ],
)
def test_an_override_is_foresight_when_a_run_before_the_eleventh_day_had_it(made, mark):
    assert judged(JUNE, stood((made, JUNE))) == {"2026-06": (100.0, mark)}


def test_an_override_that_earlier_runs_did_not_have_came_after_its_month_began():
    july = overrides(("North", "2026-07", 90, "Ann"))
    kept = stood(("2026-06-03", july), ("2026-07-03", pd.concat([july, JUNE])))
    assert judged(JUNE, kept)["2026-06"] == (100.0, LATE)
    assert judged(JUNE, stood(("2026-06-03", july)))["2026-06"] == (100.0, LATE)  # only the table of now has it


def test_a_site_is_judged_by_the_runs_of_all_sites():
    south = overrides(("South", "2026-06", 45, "Bob"))
    kept = stood(("2026-06-03", south), ("2026-07-03", pd.concat([south, JUNE])))
    table, notes = standing(JUNE, kept, MONTHS, period="2026-06", entity="North")
    assert table[["site", "entered"]].to_numpy().tolist() == [["North", LATE]]
    assert notes == ()


def test_an_override_counts_as_the_last_run_in_time_had_it():
    kept = stood(("2026-05-03", NONE), ("2026-06-03", JUNE), ("2026-07-03", JUNE_RAISED))
    assert judged(JUNE_RAISED, kept) == {"2026-06": (100.0, IN_TIME)}
    kept = stood(("2026-05-03", JUNE), ("2026-06-03", JUNE_RAISED))
    assert judged(JUNE_RAISED, kept) == {"2026-06": (120.0, IN_TIME)}


def test_what_was_changed_or_taken_away_afterwards_is_said():
    kept = stood(("2026-06-03", JUNE))
    for now, said in ((JUNE_RAISED, "the table now says 120"), (NONE, "the table now has none")):
        table, notes = standing(now, kept, MONTHS, period="2026-06")
        assert table["volume"].tolist() == [100.0]
        assert notes == (f"Calls at North, Jun 2026: the override on record is 100; {said}. The one on record counts.",)


def test_without_any_override_on_record_all_are_scored_with_a_mark_and_a_note():
    now = pd.concat([JUNE, overrides(("North", "2026-07", 90, "Ann"))])
    table, notes = standing(now, None, MONTHS, period="2026-06")
    assert table["entered"].tolist() == [UNKNOWN, ""]
    assert len(notes) == 1
    assert "No earlier run has any override on record: when those of Jun 2026 were made is not known." in notes[0]
    found = of("North", actuals({"2026-06": 90, "2025-06": 80}), record({}), table)
    assert found.overrides["override_error"].tolist()[0] == -10.0


def test_a_late_override_has_no_error_and_is_in_no_sum():
    both = pd.concat([JUNE, overrides(("South", "2026-06", 45, "Bob"))])
    kept = record({"2026-06": 90})
    table, _ = standing(both, stood(("2026-06-03", JUNE)), MONTHS, period="2026-06")
    south = of("South", TWO[TWO["site"] == "South"], kept, table)
    assert south.overrides[["override", "entered"]].to_numpy().tolist() == [[45.0, LATE]]
    assert south.overrides["override_error"].isna().all()
    assert south.by_author[["overrides", "scored"]].to_numpy().tolist() == [[1, 0]]
    whole = of("(all)", TWO, pd.concat([kept, record({"2026-06": 50}, "South")]), table)
    assert whole.months["override"].isna().all()


def test_what_stood_in_each_run_is_kept_once_however_often_it_is_handed_on():
    first = stood(("2026-06-03", JUNE))
    again = overrides_kept([(pd.Timestamp("2026-07-03"), JUNE_RAISED), (pd.Timestamp("2026-07-03"), first)])
    again = overrides_kept([(pd.Timestamp("2026-08-03"), again), (pd.Timestamp("2026-06-03"), JUNE)])
    assert again[["made", "volume"]].to_numpy().tolist() == [
        [pd.Timestamp("2026-06-03"), 100.0],
        [pd.Timestamp("2026-07-03"), 120.0],
    ]


def test_actual_months_are_added_up_from_the_demand_and_say_which_are_whole():
    days = pd.date_range("2026-01-01", "2026-06-20").as_unit("us")
    volumes = pd.DataFrame({"site": "North", "service": "Calls", "unit": "calls", "freq": "D", "ds": days, "y": 2.0})
    found = actual_months(volumes, {}, Settings(), period="2026-06").set_index("period")
    assert found.loc[["2026-02", "2026-06"], ["volume", "complete"]].to_numpy().tolist() == [
        [56.0, True],
        [40.0, False],
    ]
    assert found["scenario"].unique().tolist() == ["AC"]


# ------------------------------------------------------------------ said and shown


def leaning() -> ForecastValue:
    """Six months, each 10 below what came in; the year before as it came, in June 20 below."""
    months = month_range("2026-01", "2026-06")
    came = actuals(dict.fromkeys(months, 100) | {shift(m, -YEAR): 80 for m in months})
    table, _ = standing(overrides(("North", "2026-06", 104, "Ann"), ("North", "2026-07", 99, "Bob")), None, MONTHS,
                        period="2026-06")  # fmt: skip
    return of("North", came, record(dict.fromkeys(months, 90)), table)


def test_the_answer_says_forecast_override_and_lean_and_how_weak_that_alarm_is():
    assert tables.value_sentence(leaning()).split("\n") == [
        "Jun 2026, North.",
        "Calls: the forecast on record was 10 % too low, repeating Jun 2025 would have been 20 % too low: forecasting "
        "helped.",
        "Ann's override of Calls was 4 % too high, the forecast 10 % too low: it helped. There is no record of when it "
        "was made.",
        "Leaning to one side: Calls (signal +6.0 after 6 months: forecasts too low). A signal beyond 4 asks for a look "
        "and is no proof: after 12 months 37 of 100 unbiased forecasts are beyond it too.",
    ]


def test_without_a_forecast_on_record_the_answer_says_so_and_scores_none():
    said = tables.value_sentence(of("North", actuals({"2026-06": 100}), record({}), None))
    assert "No forecast of Jun 2026 can be scored" in said
    assert "There is no override of Jun 2026." in said


def test_several_forecasts_are_counted_and_the_worst_is_named():
    monthly = pd.concat(
        [actuals({"2026-06": 100, "2025-06": 80}).assign(service=s) for s in ("Calls", "Mails", "Post")]
    )
    kept = pd.concat(
        [record({"2026-06": v}).assign(service=s) for s, v in (("Calls", 95), ("Mails", 130), ("Post", 90))]
    )
    said = tables.value_sentence(of("North", monthly, kept, None))
    assert "2 of 3 forecasts on record were nearer than repeating Jun 2025" in said
    assert "the one furthest off, Mails, was 30 % too high." in said


def test_a_late_override_is_said_not_to_be_scored():
    table, _ = standing(
        JUNE, stood(("2026-06-03", overrides(("North", "2026-05", 1, "Ann")))), MONTHS, period="2026-06"
    )
    found = of("North", actuals({"2026-06": 90}), record({}), table)
    assert "1 override entered after the month began is not scored." in tables.value_sentence(found)
    row = tables.overrides_table(found).iloc[0]
    assert (row["Entered"], row["Error of override"]) == ("after its month began, not scored", "n.a.")


def test_tables_hold_the_month_the_overrides_and_the_signals():
    value = leaning()
    row = tables.value_table(value).iloc[0]
    assert row[["Actual", "Forecast on record", "Override", "Jun 2025"]].tolist() == ["100", "90", "104", "80"]
    assert row[["Error of forecast", "Error of override", "Error of Jun 2025"]].tolist() == [
        "+10.0 %",
        "-4.0 %",
        "+20.0 %",
    ]
    assert row[["Forecast added", "Override added", "Seen to"]].tolist() == ["+10.0 %", "+6.0 %", "31 May 2026"]
    found = tables.overrides_table(value)
    assert found[["Month", "Author", "Entered"]].to_numpy().tolist() == [
        ["Jul 2026", "Bob", "month to come"],
        ["Jun 2026", "Ann", "no record of when it was made"],
    ]
    row = tables.signals_table(value).iloc[0]
    assert row[["Months", "Sum of errors", "Signal", "Verdict"]].tolist() == ["6", "+60", "+6.0", "beyond 4: look"]


def test_tables_keep_their_columns_where_there_is_no_row():
    value = of("North", actuals({"2026-06": 100}), record({}), None)
    for table in (tables.value_table(value), tables.overrides_table(value), tables.signals_table(value)):
        assert table.empty
        assert "Service" in table.columns


def test_the_chart_shows_errors_as_shares_of_the_actual_overrides_hollow_and_the_limits_as_a_band():
    ax = charts.forecast_errors(leaning(), "North", "Calls")
    bars = [patch for patch in ax.patches if patch.get_gid() == "forecast"]
    assert [bar.get_height() for bar in bars] == pytest.approx([0.1] * 6)
    (dots,) = [marks for marks in ax.collections if marks.get_gid() == "override"]
    assert dots.get_offsets().tolist() == [[5.0, pytest.approx(-0.04)]]
    assert dots.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    signal = ax.figure.axes[1]
    (line,) = [each for each in signal.lines if each.get_gid() == "signal"]
    assert list(line.get_ydata()) == pytest.approx([1, 2, 3, 4, 5, 6])
    (band,) = [patch for patch in signal.patches if patch.get_gid() == "limits"]
    assert (band.get_y(), band.get_y() + band.get_height()) == (-4, 4)
    (message,) = [text.get_text() for text in ax.figure.texts if text.get_gid() == "message"]
    assert message == "Calls: the forecast of Jun 2026 was 10 % too low"
    plt.close(ax.figure)


def test_the_chart_of_nothing_says_so():
    ax = charts.forecast_errors(of("North", actuals({"2026-06": 100}), record({}), None), "North", "Calls")
    assert not ax.axison
    assert "No month with a forecast or an override on record is over yet." in [text.get_text() for text in ax.texts]
    plt.close(ax.figure)

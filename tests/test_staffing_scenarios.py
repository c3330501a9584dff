"""What-if: changes as planners write them, scenarios staffed by the whole chain, the sensitivity of cost."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsanalytics import staffing
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings

PERIOD = "2026-09"
SETTINGS = Settings(time_zone="Europe/Dublin", calendar=Calendar(7))


def forecasts(freq: str = "30min", *, service: str = "Calls", site: str = "Hall", level: float = 60.0) -> pd.DataFrame:
    """A forecast from October 2026 to January 2028, the same in every row."""
    ds = pd.date_range("2026-10-01", "2028-01-31 23:59", freq=freq).as_unit("us")
    rows = {
        "site": site,
        "service": service,
        "freq": freq,
        "cutoff": pd.Timestamp("2026-09-30"),
        "reconstructed": False,
    }
    return pd.DataFrame({**rows, "ds": ds, "yhat": level, "hi60": level * 1.1, "hi90": level * 1.2})


def standards(**changes: object) -> pd.DataFrame:
    """A standard of a queue and one of work by units, at two sites."""
    queue = {"service": "Calls", "method": "erlang_c", "aht_s": 180.0, "service_level": 0.8, "target_s": 20.0}
    work = {"service": "Parcels", "method": "workload", "units_per_hour": 20.0}
    common = {"shrinkage": "0.25", "hours_per_fte": 160.0, "wage_rate": "20.00"}
    rows = [{"site": site, **common, **kind, **changes} for site in ("Hall", "Yard") for kind in (queue, work)]
    return pd.DataFrame(rows)


def both() -> pd.DataFrame:
    return pd.concat([forecasts(), forecasts("D", service="Parcels", level=800.0), forecasts(site="Yard", level=9.0)])


def run(text: str, rows: pd.DataFrame | None = None, tables: pd.DataFrame | None = None) -> pd.DataFrame:
    changes = [change] if (change := staffing.asked_change(text)) else []
    tables = standards() if tables is None else tables
    found = staffing.scenarios(
        both() if rows is None else rows, {"standards": tables}, SETTINGS, changes, period=PERIOD, entity="(all)"
    )
    return found.set_index(["scenario", "service"])


def test_the_base_is_the_staffing_forecast_of_the_twelve_months_to_come() -> None:
    monthly = staffing.staffing_forecast(both(), {"standards": standards()}, SETTINGS, period=PERIOD).monthly
    year = monthly[monthly["period"].between("2026-10", "2027-09")].groupby("service")
    base = run("").loc["base"]
    assert base["staff_cost_cents"].to_dict() == year["staff_cost_cents"].sum().to_dict()
    assert base["required_hours"].to_dict() == pytest.approx(year["required_hours"].sum().to_dict())
    assert base["required_fte"].to_dict() == pytest.approx(year["required_fte"].mean().to_dict())


def test_a_tenth_more_volume_is_a_tenth_more_work_and_less_than_that_of_agents() -> None:
    found = run("volume +10%")
    more = found.loc["volume +10%", "required_hours"] / found.loc["base", "required_hours"]
    assert more["Parcels"] == pytest.approx(1.1)
    assert 1.0 < more["Calls"] <= 1.1


def test_units_take_longer_by_as_much_as_calls() -> None:
    found = run("handling time +25%")
    hours = found["required_hours"]
    assert hours["handling time +25%", "Parcels"] == pytest.approx(1.25 * hours["base", "Parcels"])
    assert hours["handling time +25%", "Calls"] > 1.1 * hours["base", "Calls"]


def test_two_points_more_shrinkage_divide_by_what_is_left() -> None:
    hours = run("shrinkage +2 points")["required_hours"]
    for service in ("Calls", "Parcels"):
        assert hours["shrinkage +2 points", service] == pytest.approx(hours["base", service] * 0.75 / 0.73)


def test_a_wage_moves_the_cost_and_nothing_else() -> None:
    found = run("wage +3%")
    assert found.loc["wage +3%", "required_hours"].to_list() == found.loc["base", "required_hours"].to_list()
    cents = found["staff_cost_cents"]
    assert cents["wage +3%", "Parcels"] == pytest.approx(1.03 * cents["base", "Parcels"], abs=12)


def test_a_higher_promise_needs_more_agents_and_no_more_packers() -> None:
    hours = run("service level 95%")["required_hours"]
    assert hours["service level 95%", "Calls"] > hours["base", "Calls"]
    assert hours["service level 95%", "Parcels"] == hours["base", "Parcels"]


def test_a_new_promise_is_that_of_a_standard_which_makes_it() -> None:
    asked = run("service level 95%")["required_hours"]["service level 95%", "Calls"]
    table = standards().assign(service_level=0.95)
    assert asked == run("", tables=table)["required_hours"]["base", "Calls"]


@given(st.floats(-0.5, 1.0), st.floats(-0.3, 0.5))
def test_more_volume_or_handling_time_never_costs_less(volume: float, longer: float) -> None:
    rows = pd.concat([forecasts().head(48 * 40), forecasts("D", service="Parcels", level=800.0).head(40)])
    less = staffing.Change("less", volume=min(volume, 0.0), handling_time=min(longer, 0.0))
    more = staffing.Change("more", volume=max(volume, 0.0), handling_time=max(longer, 0.0))
    tables = {"standards": standards()}
    found = staffing.scenarios(rows, tables, SETTINGS, [less, more], period=PERIOD, entity="Hall")
    cost = found.groupby("scenario")["staff_cost_cents"].sum()
    assert cost["less"] <= cost["base"] <= cost["more"]


def test_several_changes_are_read_as_a_planner_writes_them() -> None:
    change = staffing.asked_change(
        "Volume +10%, handling time -5 %, shrinkage +2 points, service level 90%, wage +3.5%"
    )
    assert change is not None
    assert replace(change, name="") == staffing.Change("", 0.1, -0.05, 0.02, 0.0, 0.9, 0.035)
    assert staffing.asked_change("  ") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("volume 10%", "is not understood: write for example volume"),
        ("volumes +10%", "is not understood"),
        ("volume +10%, volume +5%", "name each change once"),
        ("volume -100%", "write less than -100%"),
    ],
)
def test_what_is_not_understood_says_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        staffing.asked_change(text)


def test_a_change_that_leaves_nobody_at_work_is_refused() -> None:
    with pytest.raises(staffing.StaffingError, match="shrinkage of 1"):
        run("shrinkage +80 points")


@pytest.mark.parametrize(("shrinkage", "low", "high"), [("0", 0.0, 1.0), ("0.01", 1.0, 1.0), ("0.985", 1.0, None)])
def test_shrinkage_moves_down_to_none_and_never_up_to_all(shrinkage: str, low: float, high: float | None) -> None:
    tables = {"standards": standards(shrinkage=shrinkage)}
    found = staffing.sensitivity(both(), tables, SETTINGS, period=PERIOD).set_index("driver").loc["shrinkage"]
    moved = {0.0: found["low_cents"] == found["base_cents"], 1.0: found["low_cents"] < found["base_cents"]}
    assert moved[low]
    assert pd.isna(found["high_cents"]) if high is None else found["high_cents"] > found["base_cents"]


def test_the_sensitivity_moves_one_driver_at_a_time() -> None:
    table = staffing.sensitivity(both(), {"standards": standards()}, SETTINGS, period=PERIOD).set_index("driver")
    assert table["base_cents"].nunique() == 1
    assert list(table.index) == ["volume", "handling_time", "shrinkage", "service_level", "wage"]
    assert (table["low_cents"] < table["base_cents"]).all()
    assert (table["base_cents"] < table["high_cents"]).all()
    cents = run("volume +10%").loc["volume +10%", "staff_cost_cents"].sum()
    assert table.loc["volume", "high_cents"] == cents


def test_a_promise_moves_no_cost_where_nobody_queues_and_without_wages_there_is_no_row() -> None:
    rows = forecasts("D", service="Parcels", level=800.0)
    table = staffing.sensitivity(rows, {"standards": standards()}, SETTINGS, period=PERIOD, entity="Hall")
    level = table.set_index("driver").loc["service_level"]
    assert level["low_cents"] == level["base_cents"] == level["high_cents"]
    unpaid = {"standards": standards(wage_rate=None)}
    assert staffing.sensitivity(rows, unpaid, SETTINGS, period=PERIOD, entity="Hall").empty
    assert staffing.scenarios(rows, unpaid, SETTINGS, [], period=PERIOD)["staff_cost_cents"].isna().all()


def test_work_that_waits_is_done_on_days_that_have_a_forecast() -> None:
    days = forecasts("D", service="Parcels", level=800.0)
    days = days[days["ds"].dt.day_of_week < 5]
    table = standards(method="backlog", sla_days=3.0)
    table = table[table["service"] == "Parcels"]
    plan = staffing.staffing_forecast(days, {"standards": table}, SETTINGS, period=PERIOD, entity="Hall").plan
    median = plan[plan["quantile"] == 0.5]
    done = median["hours"].sum() * 0.75 * 20
    assert median["volume"].sum() - 3 * 800 <= done <= median["volume"].sum()  # the last three days' may still wait

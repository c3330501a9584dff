"""The whole analysis of staff: what belongs to the payroll budget, what adds up, which queue is looked at closely."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from opsanalytics import sources, staffing
from opsanalytics.budget import monthly_plan as budget_by_month
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings, StaffingRules
from opsanalytics.staffing.forecast.result import PAYROLL, RISK, SCENARIOS, SENSITIVITY, WORKFORCE
from opsanalytics.staffing.planning.payroll import payroll_budget

PERIOD = "2026-09"
SETTINGS = Settings(time_zone="Europe/Dublin", calendar=Calendar(7))


def forecasts(site: str, *, level: float = 40.0) -> pd.DataFrame:
    """Half hours of weekdays from 8 to 18 o'clock, from October 2026 on, busier by 20 % from 10 to 12."""
    ds = pd.date_range("2026-10-01", "2026-12-31 23:30", freq="30min").as_unit("us")
    ds = ds[(ds.day_of_week < 5) & (ds.hour >= 8) & (ds.hour < 18)]
    volume = level * (1 + 0.2 * ((ds.hour >= 10) & (ds.hour < 12)))
    spread = {
        f"{side}{p}": volume * (1 + sign * p / 400) for p in (60, 80, 90, 95) for side, sign in (("lo", -1), ("hi", 1))
    }
    of = {
        "site": site,
        "service": "Calls",
        "freq": "30min",
        "cutoff": pd.Timestamp("2026-09-30"),
        "reconstructed": False,
    }
    return pd.DataFrame({**of, "ds": ds, "yhat": volume, **spread})


def tables() -> Mapping[str, pd.DataFrame]:
    sites = ["Hall", "Yard"]
    queue = {"method": "erlang_c", "aht_s": 180.0, "service_level": 0.8, "target_s": 20.0}
    money = {"shrinkage": "0.25", "hours_per_fte": 160.0, "wage_rate": "20.00"}
    standards = pd.DataFrame(
        [{"site": site, "service": "Calls", "cost_centre": f"C-{site}", **queue, **money} for site in sites]
    )
    team = {"fte": 8.0, "attrition_rate": 0.02, "hires": 0.0, "lead_months": 1.0, "ramp_months": 1.0}
    headcount = pd.DataFrame([{"period": PERIOD, "site": site, "service": "Calls", **team} for site in sites])
    accounts = pd.DataFrame({"account": ["500", "600"], "driver": ["staffing", None]})
    return {"standards": standards, "headcount": headcount, "accounts": accounts}


def budget() -> pd.DataFrame:
    rows = [
        (month, centre, account, cents)
        for month in ("2026-09", "2026-10", "2026-11")
        for centre, account, cents in (
            ("C-Hall", "500", 100),
            ("C-Yard", "500", 20),
            ("C-Hall", "600", 7),
            ("Other", "500", 3),
        )
    ]
    lines = pd.DataFrame(rows, columns=["period", "cost_centre", "account", "amount_cents"])
    return lines.assign(site=lines["cost_centre"].map({"C-Hall": "Hall", "Other": "Hall", "C-Yard": "Yard"}))


def analysis(site: str = "Hall") -> staffing.StaffingForecast:
    return staffing.staffing_analysis(forecasts(site), tables(), SETTINGS, period=PERIOD, entity=site, budget=budget())


def test_the_budget_is_that_of_the_driven_accounts_in_the_cost_centres_of_the_standards() -> None:
    unnamed = {**tables(), "standards": tables()["standards"].drop(columns="cost_centre")}
    for given, cents in ((tables(), [100, 100, 100]), (unnamed, [103, 103, 103])):
        found, notes = payroll_budget(budget(), given, "Hall", {"Calls"}, {"Calls"})
        assert found is not None
        assert found["budget_cents"].tolist() == cents
        assert notes == ()


def test_an_analysis_has_every_frame_and_compares_the_months_to_come_with_their_budget() -> None:
    found = analysis()
    frames = (found.risk, found.workforce, found.payroll, found.scenarios, found.sensitivity)
    for frame, columns in zip(frames, (RISK, WORKFORCE, PAYROLL, SCENARIOS, SENSITIVITY), strict=True):
        assert list(frame.columns) == columns
        assert len(frame)
    assert found.payroll["period"].tolist() == ["2026-10", "2026-11"]
    assert any(note.startswith("Dec 2026 has no budget") for note in found.notes)


def test_one_seed_gives_one_answer() -> None:
    first, again = analysis(), analysis()
    pd.testing.assert_frame_equal(first.risk, again.risk, check_exact=True)


def test_without_headcount_and_budget_there_is_no_plan_and_no_comparison() -> None:
    some = {name: table for name, table in tables().items() if name != "headcount"}
    found = staffing.staffing_analysis(forecasts("Hall"), some, SETTINGS, period=PERIOD, entity="Hall")
    assert found.workforce.empty
    assert found.payroll.empty
    assert len(found.scenarios)


def test_the_whole_is_the_sum_of_its_sites_and_their_risks_stand_apart() -> None:
    parts = [analysis("Hall"), analysis("Yard")]
    whole = staffing.total(parts)
    assert sorted(whole.risk["site"].unique()) == ["Hall", "Yard"]
    for name, keys in (("scenarios", ["scenario"]), ("payroll", ["period"]), ("sensitivity", ["driver"])):
        column = {"scenarios": "staff_cost_cents", "payroll": "difference_cents", "sensitivity": "high_cents"}[name]
        added = pd.concat([getattr(part, name) for part in parts]).groupby(keys)[column].sum()
        assert getattr(whole, name).groupby(keys)[column].sum().to_dict() == added.to_dict()
    assert whole.scenarios["scenario"].iloc[0] == "base"
    hires = sum(part.workforce["hires"].sum() for part in parts)
    assert whole.workforce["hires"].sum() == pytest.approx(hires)


def test_the_queue_looked_at_is_shown_at_its_busiest_interval_and_week() -> None:
    found = analysis()
    detail = staffing.queue_detail(found, tables(), SETTINGS)
    assert detail is not None
    assert detail.service == "Calls"
    assert 10 <= detail.start.hour < 12
    assert detail.volume == pytest.approx(48)
    own = detail.curve.set_index("agents")["service_level"]
    assert own[detail.agents - 1] < 0.8 <= own[detail.agents]
    assert detail.first_day.day_of_week == 0
    assert detail.week.covered["required"].sum() > 0


def test_where_nobody_queues_no_queue_is_looked_at() -> None:
    packing = {"method": "workload", "units_per_hour": 20.0, "aht_s": None, "service_level": None, "target_s": None}
    some = {**tables(), "standards": tables()["standards"].assign(**packing)}
    found = staffing.staffing_forecast(forecasts("Hall"), some, SETTINGS, period=PERIOD, entity="Hall")
    assert staffing.queue_detail(found, some, SETTINGS) is None


def test_the_rules_of_staffing_are_kept_with_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "workbook.toml").write_text(
        "[staffing]\nshift_hours = [9, 5]\ndays_on = 4\n", encoding="utf-8"
    )
    (tmp_path / "data" / "services.csv").write_text("service,name,unit\nCalls,Calls,calls\n", encoding="utf-8")
    read = sources.read(tmp_path / "data")
    assert read.settings.staffing == StaffingRules(shift_hours=(9.0, 5.0), days_on=4)
    read.save(tmp_path / "inputs")
    assert sources.load(tmp_path / "inputs").settings == read.settings


def test_the_budget_by_month_reaches_into_the_next_fiscal_year() -> None:
    centres = pd.DataFrame({"cost_centre": ["1"], "valid_from": pd.to_datetime(["2020-01-01"]), "name": "A"})
    accounts = pd.DataFrame(
        {"account": ["5"], "name": "Wages", "type": "cost", "pl_line": "Staff", "behaviour": "fixed"}
    )
    rows = {"version": "original", "cost_centre": "1", "account": "5", "amount_cents": [10, 20]}
    plan = pd.DataFrame({**rows, "period": ["2026-06", "2026-07"]})
    actuals = pd.DataFrame({"period": ["2026-05"], "cost_centre": ["1"], "account": ["5"], "amount_cents": [9]})
    given = {"cost_centres": centres.assign(department="D", site="Hall"), "accounts": accounts, "budget": plan}
    found = budget_by_month(actuals, given, Settings(calendar=Calendar(7)), period="2026-06")
    assert found.set_index("period")["amount_cents"].to_dict() == {"2026-06": 10, "2026-07": 20}

"""The months of the staffing forecast: whole ones, like set beside like, sums over sites with no missing part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from opsanalytics import staffing
from opsanalytics.periods import Calendar, month_range
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.result import SCENARIOS
from opsanalytics.staffing.planning.payroll import payroll_budget
from opsanalytics.staffing.scenarios import months_of

PERIOD = "2026-09"
SETTINGS = Settings(time_zone="Europe/Dublin", calendar=Calendar(7))
DAY_CENTS = 80_00  # 80 units a day at 10 an hour, nobody absent, 10.00 an hour
CENTRES = {"Calls": "C1", "Post": "C2", "Chat": "C3"}


def demand(
    first: str = "2026-10-01",
    last: str = "2026-12-31",
    *,
    service: str = "Post",
    site: str = "Hall",
    freq: str = "D",
    level: float = 80.0,
) -> pd.DataFrame:
    """A forecast from the first day to the whole of the last, the same in every row."""
    ds = pd.date_range(first, f"{last} 23:59", freq=freq).as_unit("us")
    of = {"site": site, "service": service, "freq": freq, "cutoff": pd.Timestamp("2026-09-30"), "reconstructed": False}
    return pd.DataFrame({**of, "ds": ds, "yhat": level})


def standard(service: str = "Post", site: str = "Hall", **change: Any) -> dict[str, Any]:
    work = {"method": "workload", "units_per_hour": 10.0, "shrinkage": "0", "hours_per_fte": 160.0, "wage_rate": "10"}
    return {"site": site, "service": service, "valid_from": pd.NaT, "cost_centre": CENTRES[service], **work} | change


def people(*places: tuple[str, str]) -> pd.DataFrame:
    team = {"period": PERIOD, "fte": 2.0, "attrition_rate": 0.0, "hires": 0.0, "lead_months": 0.0, "ramp_months": 0.0}
    return pd.DataFrame([{"site": site, "service": service, **team} for site, service in places])


def budgeted(cents: Mapping[str, int], site: str = "Hall", last: str = "2027-03") -> pd.DataFrame:
    """A payroll budget by cost centre, the same in every month."""
    rows = [(month, centre, amount) for month in month_range("2026-10", last) for centre, amount in cents.items()]
    return pd.DataFrame(rows, columns=["period", "cost_centre", "amount_cents"]).assign(site=site, account="500")


def analysis(
    rows: pd.DataFrame,
    *standards: dict[str, Any],
    site: str = "Hall",
    settings: Settings = SETTINGS,
    budget: pd.DataFrame | None = None,
    **more: pd.DataFrame,
) -> staffing.StaffingForecast:
    accounts = pd.DataFrame({"account": ["500"], "driver": ["staffing"]})
    tables = {"standards": pd.DataFrame(list(standards) or [standard()]), "accounts": accounts, **more}
    return staffing.staffing_analysis(rows, tables, settings, period=PERIOD, entity=site, budget=budget)


def months(found: staffing.StaffingForecast) -> list[str]:
    return found.monthly["period"].tolist()


def said(found: staffing.StaffingForecast, *parts: str) -> bool:
    """Does one note hold all the parts?"""
    return any(all(part in note for part in parts) for note in found.notes)


# --- whole months ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "first_standard", "kept", "reason"),
    [
        (demand(), "2026-10-15", ["2026-11", "2026-12"], "the demand from 2026-10-01 to 2026-10-14 is not staffed"),
        (demand(last="2026-12-15"), None, ["2026-10", "2026-11"], "the demand forecast ends on 2026-12-15"),
        (demand("2026-10-12"), None, ["2026-11", "2026-12"], "the demand forecast begins on 2026-10-12"),
        (demand("2026-10-04", freq="W-SUN"), "2026-10-15", ["2026-11", "2026-12"], "is not staffed"),
        (demand(freq="h", last="2026-12-15", level=10.0), None, ["2026-10", "2026-11"], "ends on 2026-12-15"),
    ],
    ids=["first standard", "end", "beginning", "weeks before the first standard", "end of the hours"],
)
def test_a_month_of_which_only_a_part_is_staffed_is_not_among_the_months_and_that_is_said(
    rows: pd.DataFrame, first_standard: str | None, kept: list[str], reason: str
) -> None:
    begin = pd.NaT if first_standard is None else pd.Timestamp(first_standard)
    found = analysis(rows, standard(valid_from=begin), headcount=people(("Hall", "Post")), budget=budgeted({"C2": 1}))
    left_out = ({"2026-10", "2026-11", "2026-12"} - set(kept)).pop()
    assert months(found) == kept
    assert found.payroll["period"].tolist() == kept
    assert sorted(set(found.workforce["period"])) == kept
    assert found.scenarios["required_hours"].iloc[0] == pytest.approx(found.monthly["required_hours"].sum())
    assert said(found, "Post at Hall", reason, f"{left_out} is not among the months")


def test_all_partial_months_are_left_out() -> None:
    found = analysis(demand(last="2027-01-10"), standard(valid_from=pd.Timestamp("2026-10-02")))
    assert months(found) == ["2026-11", "2026-12"]
    assert found.scenarios["required_hours"].iloc[0] == pytest.approx((30 + 31) * 8)
    assert found.sensitivity["base_cents"].iloc[0] == (30 + 31) * DAY_CENTS


def test_days_on_which_a_service_never_works_are_not_missing() -> None:
    days = demand(last="2026-10-31")  # a Saturday
    weekdays = days[days["ds"].dt.day_of_week < 5]
    assert weekdays["ds"].max() == pd.Timestamp("2026-10-30")
    assert months(analysis(weekdays)) == ["2026-10"]
    assert months(analysis(weekdays.iloc[:-1])) == []
    closed = days.assign(yhat=days["yhat"].where(days["ds"].dt.day_of_week < 5, 0.0)).iloc[:-1]
    assert months(analysis(closed)) == ["2026-10"]


def test_a_standard_that_begins_before_the_first_work_of_a_month_leaves_it_whole() -> None:
    days = demand("2026-11-01")  # a Sunday
    nothing_on_sundays = days.assign(yhat=days["yhat"].where(days["ds"].dt.day_of_week < 6, 0.0))
    late = standard(valid_from=pd.Timestamp("2026-11-02"))
    assert months(analysis(nothing_on_sundays, late)) == ["2026-11", "2026-12"]
    assert months(analysis(days, late)) == ["2026-12"]


def test_a_day_of_unknown_volume_leaves_its_month_out() -> None:
    days = demand()
    gap = days.assign(yhat=days["yhat"].mask(days["ds"] == pd.Timestamp("2026-11-10")))
    found = analysis(gap)
    assert months(found) == ["2026-10", "2026-12"]
    assert said(found, "the demand of 2026-11-10 is not staffed", "2026-11 is not among the months")


@pytest.mark.parametrize("pattern", ["4-4-5", "4-5-4", "5-4-4"])
def test_a_month_of_a_week_calendar_ends_on_its_own_last_day(pattern: str) -> None:
    calendar = Calendar(7, pattern, "last Saturday of June")
    settings = Settings(time_zone="Europe/Dublin", calendar=calendar)
    first, last = calendar.first_day("2026-10"), calendar.last_day("2026-11")
    assert last.month != 11 or last.day != 30
    days = demand(str(first), str(last))
    assert months(analysis(days, settings=settings)) == ["2026-10", "2026-11"]
    assert months(analysis(days.iloc[1:-1], settings=settings)) == []


def test_intervals_that_end_with_a_month_leave_that_month_whole() -> None:
    queue = {"method": "erlang_c", "aht_s": 180.0, "service_level": 0.8, "target_s": 20.0}
    rows = pd.concat([demand(last="2026-10-31", service="Calls", freq="30min"), demand(service="Calls")])
    found = analysis(rows, standard("Calls", **queue))
    assert months(found) == ["2026-10"]
    assert said(found, "the forecast by interval ends on 2026-10-31; the demand after it is not staffed")
    assert not said(found, "among the months")


def test_work_between_two_standards_that_can_be_staffed_leaves_both_its_months_out() -> None:
    rows = pd.concat([demand(last="2027-02-28"), demand(last="2026-10-31", freq="h", level=80 / 24)])
    queue = standard(method="erlang_c", aht_s=180.0, service_level=0.8, target_s=20.0)
    between = queue | {"valid_from": pd.Timestamp("2026-11-10")}
    after = standard(valid_from=pd.Timestamp("2027-01-05"))
    found = analysis(rows, standard(), between, after)
    assert months(found) == ["2026-10", "2027-02"]
    assert said(found, "the demand from 2026-11-10 to 2027-01-04 is not staffed", "2026-11 and 2027-01 are not among")
    ended = analysis(rows, standard(), between)
    assert months(ended) == ["2026-10"]
    assert said(ended, "the demand after 2026-11-09 is not staffed, so 2026-11 is not among the months")
    assert not said(ended, "ends on")


def test_where_no_month_is_whole_there_is_no_what_if_and_that_is_said() -> None:
    found = analysis(demand("2026-10-05", "2026-10-25"))
    assert found.scenarios.empty
    assert found.sensitivity.empty
    assert said(found, "no what-if for Hall")


# --- like for like: the payroll budget --------------------------------------------------------


def compared(*standards: dict[str, Any], costed: set[str], served: set[str] | None = None) -> tuple[list[int], str]:
    """The budget of a month for the services that have a cost, and what is said."""
    budget = budgeted({"C1": 100, "C2": 20, "C3": 3}, last="2026-10")
    accounts = pd.DataFrame({"account": ["500"], "driver": ["staffing"]})
    tables = {"standards": pd.DataFrame(list(standards)), "accounts": accounts}
    cents, notes = payroll_budget(budget, tables, "Hall", costed, costed if served is None else served)
    return [] if cents is None else cents["budget_cents"].tolist(), " ".join(notes)


def test_the_budget_compared_is_that_of_the_cost_centres_of_the_services_that_have_a_cost() -> None:
    three = [standard("Calls"), standard("Post"), standard("Chat")]
    assert compared(*three, costed={"Calls", "Post", "Chat"}) == ([123], "")
    cents, note = compared(*three, costed={"Calls", "Post"})
    assert cents == [120]
    assert "Chat at Hall has no staff cost" in note
    assert "cost centre is left out" in note


def test_a_cost_centre_that_also_pays_for_a_service_without_a_cost_is_not_compared() -> None:
    shared = [standard("Calls"), standard("Post"), standard("Chat", cost_centre="C2")]
    cents, note = compared(*shared, costed={"Calls", "Post"})
    assert cents == []
    assert "C2 also pays for Chat at Hall" in note
    assert compared(*shared, costed={"Calls", "Post", "Chat"}) == ([120], "")
    elsewhere = [standard("Calls"), standard("Chat", site="Yard", cost_centre="C1")]
    assert "C1 also pays for Chat at Yard" in compared(*elsewhere, costed={"Calls"})[1]


def test_where_no_cost_centre_is_named_every_service_of_the_site_needs_a_cost() -> None:
    none = [standard("Calls", cost_centre=None), standard("Post", cost_centre=None)]
    assert compared(*none, costed={"Calls", "Post"}) == ([123], "")
    cents, note = compared(*none, costed={"Calls"})
    assert cents == []
    assert "Post" in note
    assert "Give cost_centre in standards" in note
    assert "Chat" in compared(*none, costed={"Calls", "Post"}, served={"Calls", "Post", "Chat"})[1]


def test_where_only_some_services_name_their_cost_centre_nothing_is_compared() -> None:
    some = [standard("Calls"), standard("Post", cost_centre=None)]
    for costed in ({"Calls", "Post"}, {"Calls"}):
        cents, note = compared(*some, costed=costed)
        assert cents == []
        assert "Post" in note
        assert "give the cost_centre" in note


def test_a_month_without_the_budget_of_one_cost_centre_is_not_compared() -> None:
    budget = pd.concat([budgeted({"C1": 100}), budgeted({"C2": 20}, last="2026-10")])
    rows = pd.concat([demand(), demand(service="Calls")])
    found = analysis(rows, standard("Calls"), standard("Post"), budget=budget)
    assert found.payroll["period"].tolist() == ["2026-10"]
    assert found.payroll["budget_cents"].tolist() == [120]
    assert said(found, "Nov 2026 and Dec 2026 have no budget", "cost centre")


def test_without_a_budget_of_the_driven_accounts_the_months_are_named() -> None:
    found = analysis(demand(), standard("Post"), standard("Chat"), budget=budgeted({"C3": 3}).assign(account="600"))
    assert found.payroll.empty
    assert said(found, "Oct 2026 to Dec 2026 have no budget of the accounts that staffing drives")


def test_a_service_without_demand_is_on_neither_side_of_the_comparison() -> None:
    found = analysis(demand(), standard("Post"), standard("Chat"), budget=budgeted({"C2": 20, "C3": 3}))
    assert found.payroll["staff_cost_cents"].tolist() == [31 * DAY_CENTS, 30 * DAY_CENTS, 31 * DAY_CENTS]
    assert found.payroll["budget_cents"].tolist() == [20, 20, 20]
    assert said(found, "Chat at Hall has no staff cost")


# --- sums over sites --------------------------------------------------------------------------


def whole(hall: str = "2027-03-31", yard: str = "2026-12-31") -> staffing.StaffingForecast:
    """Two sites, whose forecasts end on days of their own."""
    standards = [standard(), standard(site="Yard", cost_centre="Y2")]
    team = people(("Hall", "Post"), ("Yard", "Post"))
    budget = pd.concat([budgeted({"C2": 20}), budgeted({"Y2": 7}, site="Yard")])
    rows = pd.concat([demand(last=hall), demand(last=yard, site="Yard")])
    return staffing.total(
        [analysis(rows, *standards, site=site, headcount=team, budget=budget) for site in ("Hall", "Yard")]
    )


def test_a_month_that_one_site_lacks_is_not_a_month_of_the_whole_and_that_is_said() -> None:
    found = whole()
    kept = ["2026-10", "2026-11", "2026-12"]
    assert months(found) == kept
    assert found.monthly["staff_cost_cents"].tolist() == [2 * days * DAY_CENTS for days in (31, 30, 31)]
    assert sorted(set(found.workforce["period"])) == kept
    assert found.payroll["period"].tolist() == kept
    assert found.payroll["budget_cents"].tolist() == [27, 27, 27]
    assert said(found, "Post", "Jan 2027 to Mar 2027", "Yard")
    assert said(found, "workforce plan", "Jan 2027 to Mar 2027", "Yard")
    assert said(found, "payroll budget", "Jan 2027 to Mar 2027", "Yard")


def test_scenarios_over_other_months_do_not_add_up() -> None:
    found = whole()
    assert found.scenarios.empty
    assert found.sensitivity.empty
    assert list(found.scenarios.columns) == SCENARIOS
    assert said(
        found, "scenarios and the sensitivity of all sites are left out", "Hall Oct 2026 to Mar 2027", "Yard Oct"
    )
    alike = whole(yard="2027-03-31")
    days = 31 + 30 + 31 + 31 + 28 + 31
    assert alike.scenarios.set_index("scenario")["required_hours"]["base"] == pytest.approx(2 * 8 * days)
    assert set(alike.sensitivity["base_cents"]) == {2 * days * DAY_CENTS}


def test_the_months_of_the_scenarios_are_the_first_twelve_whole_ones_of_every_service() -> None:
    rows = pd.concat([demand("2026-10-05", "2028-01-31"), demand(last="2027-12-20", service="Calls")])
    found = analysis(rows, standard("Calls"), standard("Post"))
    assert months_of(found) == month_range("2026-11", "2027-10")
    base = found.scenarios[found.scenarios["scenario"] == "base"].set_index("service")["required_hours"]
    assert base.to_dict() == pytest.approx(dict.fromkeys(["Calls", "Post"], 365 * 8))


def test_a_service_that_one_site_alone_has_keeps_its_months_in_the_whole() -> None:
    standards = [standard(), standard("Calls", "Yard")]
    rows = pd.concat([demand(last="2027-03-31"), demand(service="Calls", site="Yard")])
    found = staffing.total([analysis(rows, *standards, site=site) for site in ("Hall", "Yard")])
    assert found.monthly.groupby("service").size().to_dict() == {"Calls": 3, "Post": 6}


def test_a_site_without_a_whole_month_leaves_the_whole_without_its_service() -> None:
    found = whole("2026-12-31", "2026-10-20")
    assert found.monthly.empty
    assert said(found, "Post", "Oct 2026 to Dec 2026", "Yard")


def test_a_site_without_a_workforce_plan_leaves_the_whole_without_one_for_its_service() -> None:
    rows = pd.concat([demand(), demand(site="Yard")])
    both = [standard(), standard(site="Yard")]
    parts = [analysis(rows, *both, site=site, headcount=people(("Hall", "Post"))) for site in ("Hall", "Yard")]
    found = staffing.total(parts)
    assert len(parts[0].workforce)
    assert found.workforce.empty
    assert said(found, "workforce plan", "Yard")


def test_a_site_that_staffs_nothing_does_not_stop_the_sum_of_the_others() -> None:
    rows = pd.concat([demand(), demand(site="Yard")])
    parts = [analysis(rows, standard(), site=site, budget=budgeted({"C2": 20})) for site in ("Hall", "Yard")]
    found = staffing.total(parts)
    for name in ("monthly", "payroll", "scenarios"):
        assert len(getattr(found, name)) == len(getattr(parts[0], name)) > 0
    assert np.isfinite(found.scenarios["required_hours"]).all()

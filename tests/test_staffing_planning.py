"""Planning: people, cover and hires at least cost, worked by hand, by trying every plan, and as properties."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics.periods import Calendar, month_range, shift
from opsanalytics.settings import Settings, StaffingRules
from opsanalytics.staffing import headcount_plan, staffing_forecast
from opsanalytics.staffing.forecast.costs import FTE_MONTHS, fte_months
from opsanalytics.staffing.forecast.result import WORKFORCE
from opsanalytics.staffing.planning import workforce as planning
from opsanalytics.staffing.planning.comparison import COMPARISON, alternatives_compared, workforce_total
from opsanalytics.staffing.planning.headcount import linear_ramp
from opsanalytics.staffing.planning.payroll import payroll_comparison
from opsanalytics.staffing.planning.programme import Terms, cover_of, least_cost_hires
from opsanalytics.staffing.planning.workforce import (
    ALTERNATIVES,
    COSTS,
    COVER_ONLY,
    LEAST_COST,
    NO_ACTION,
    requests_of,
)

QUICK = settings(max_examples=15, deadline=None)
LAST = "2025-12"
MONTHS = month_range("2026-01", "2026-12")
WEEKS = Calendar(1, "4-4-5", "last Saturday of December")  # the fiscal February 2026 begins on 25 January
TERMS = Terms(overtime_premium=0.5, overtime_limit=0.1, temporary_premium=0.3, hiring_cost=0.0)

#: The plan with a temporary premium of 0.3, cheaper than overtime, as the numbers here are worked out.
workforce_plan = partial(planning.workforce_plan, temporary_premium=0.3)


def months(people: Any, *, site: str = "N", service: str = "Calls", first: str = "2026-01") -> pd.DataFrame:
    """Months that need so many people of 100 paid hours."""
    periods = [shift(first, k) for k in range(len(people))]
    fte = np.asarray(people, dtype=np.float64)
    return pd.DataFrame({"period": periods, "required_hours": fte * 100, "required_fte": fte}).assign(
        site=site, service=service, staff_cost_cents=pd.array([0] * len(people), dtype="Int64")
    )


def people(fte: float = 10, attrition: float = 0, lead: int = 0, ramp: int = 0, **row: Any) -> pd.DataFrame:
    """A headcount table of one row, for December."""
    own = {"period": LAST, "site": "N", "service": "Calls", "fte": fte, "attrition_rate": attrition, "hires": 0}
    return pd.DataFrame([own | {"lead_months": lead, "ramp_months": ramp} | row])


def standards(wage: Any = "10", hours: Any = 100, **row: Any) -> pd.DataFrame:
    return pd.DataFrame([{"site": "N", "service": "Calls", "hours_per_fte": hours, "wage_rate": wage} | row])


def planned(
    monthly: pd.DataFrame, headcount: pd.DataFrame, alternative: str = LEAST_COST, **terms: Any
) -> pd.DataFrame:
    """The rows of one alternative, by month."""
    plan, _ = workforce_plan(monthly, headcount, standards(), period=LAST, **terms)
    return plan[plan["alternative"] == alternative].set_index("period")


def cents(plan: pd.DataFrame) -> int:
    return int(plan[COSTS].sum().sum())


# --- worked by hand -------------------------------------------------------------------------


def test_where_people_suffice_nothing_is_done() -> None:
    plan, _ = workforce_plan(months([10] * 12), people(), standards(), period=LAST)
    assert plan.columns.tolist() == WORKFORCE
    assert plan["alternative"].unique().tolist() == list(ALTERNATIVES)
    assert (plan["staff_cents"] == 10 * 100 * 1000).all()
    assert (plan[["gap_fte", "hires", "overtime_hours", "temporary_hours", "leavers"]] == 0).all(axis=None)


def test_people_for_a_need_that_rises_are_requested_the_lead_time_before() -> None:
    need = [10] * 4 + [13] * 20
    plan = planned(months(need), people(lead=2))
    assert plan["hires"].tolist() == [0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert plan["joiners"].tolist() == [0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    assert plan["headcount"].tolist() == need[:12]
    assert cents(plan) == sum(need[:12]) * 1000_00
    alone = planned(months(need), people(lead=2), COVER_ONLY)
    assert cents(alone) == (12 * 10 * 1000 + 8 * 3 * 1300) * 100
    assert planned(months(need), people(lead=2), NO_ACTION)["gap_fte"].tolist() == [0] * 4 + [-3] * 8


def test_newcomers_come_early_only_where_what_they_learn_is_worth_their_pay() -> None:
    # A month earlier costs a month's pay and saves 3/4 - 1/4 of one month, 1 - 3/4 of the next: 3/4 of a temporary.
    need = months([10] * 4 + [13] * 20)
    late = planned(need, people(ramp=2), temporary_premium=0.3, overtime_limit=0)
    assert late["joiners"].to_numpy().nonzero()[0].tolist() == [4]
    assert late["temporary_hours"].tolist() == pytest.approx([0, 0, 0, 0, 225, 75, 0, 0, 0, 0, 0, 0])
    early = planned(need, people(ramp=2), temporary_premium=0.5, overtime_limit=0)
    assert early["joiners"].to_numpy().nonzero()[0].tolist() == [3]
    assert early["temporary_hours"].tolist() == pytest.approx([0, 0, 0, 0, 75, 0, 0, 0, 0, 0, 0, 0])


def test_a_peak_of_one_month_is_covered_by_overtime_up_to_its_limit_and_temporary_staff_after_it() -> None:
    plan = planned(months([10] * 5 + [12] + [10] * 6), people(), overtime_premium=0.25, temporary_premium=0.3)
    assert plan["hires"].sum() == 0
    june = plan.loc["2026-06"]
    assert (june["overtime_hours"], june["temporary_hours"]) == (100, 100)  # a tenth of 1,000 regular hours, the rest
    assert (june["overtime_cents"], june["temporary_cents"]) == (1250_00, 1300_00)
    assert june["gap_fte"] == -2


def test_temporary_staff_comes_first_where_it_is_the_cheaper() -> None:
    plan = planned(months([10] * 5 + [12] + [10] * 6), people(), overtime_premium=0.5, temporary_premium=0.3)
    assert (plan.loc["2026-06", "overtime_hours"], plan.loc["2026-06", "temporary_hours"]) == (0, 200)


@pytest.mark.parametrize(("hiring_cost", "hired"), [(3500, 1), (3700, 0)])
def test_a_lasting_need_is_hired_for_where_the_hire_pays_within_the_plan(hiring_cost: int, hired: int) -> None:
    # One person short for 12 months: a hire saves 12 times 300. In the year after it would save as much again.
    plan = planned(months([11] * 24), people(), hiring_cost=hiring_cost)
    assert plan["hires"].tolist() == [hired] + [0] * 11
    assert plan["hiring_cents"].sum() == hired * hiring_cost * 100


def test_with_attrition_alone_people_become_fewer() -> None:
    plan = planned(months([0] * 12), people(fte=100, attrition=0.1))
    # 100 at the start of December, 90 at its end.
    assert plan["headcount"].iloc[:3].tolist() == pytest.approx([81, 72.9, 65.61])
    assert plan["leavers"].iloc[:3].tolist() == pytest.approx([9, 8.1, 7.29])
    assert plan["hires"].sum() == 0
    assert plan["staff_cents"].iloc[:2].tolist() == [81_000_00, 72_900_00]


def test_requests_on_record_join_after_the_lead_time_of_their_row_and_those_planned_count_in_every_alternative() -> (
    None
):
    rows = [
        people(fte=10, period="2025-10", hires=7, lead=1),  # joined in November, in the headcount of December
        people(fte=17, period="2025-11", hires=2, lead=2),  # join in January
        people(fte=17, period=LAST, hires=4, lead=0),  # join in December, after its start
        people(fte=99, attrition=0.9, period="2026-02", hires=1, lead=1),  # planned: only the hires count
    ]
    plan, _ = workforce_plan(months([0] * 12), pd.concat(rows), standards(), period=LAST)
    for _, rows_of in plan.groupby("alternative"):
        assert rows_of["headcount"].tolist() == [23, 23, *[24] * 10]
        assert rows_of["joiners"].tolist() == [2, 0, 1, *[0] * 9]
        assert rows_of["hires"].tolist() == [0, 1, *[0] * 10]


def test_people_of_the_record_who_still_learn_count_as_newcomers() -> None:
    rows = pd.concat([people(period="2025-10", hires=4, lead=1), people(fte=10)]).assign(ramp_months=4)
    plan = planned(months([0] * 12), rows)
    # They joined in November: in January (their month 2) they count 5/8, in February 7/8, then in full.
    assert plan["headcount"].tolist() == [10] * 12
    assert plan["effective_fte"].iloc[:3].tolist() == pytest.approx([10 - 4 * 3 / 8, 10 - 4 / 8, 10])


def test_attrition_is_the_mean_of_the_last_12_months_on_record() -> None:
    record = [
        people(fte=100, period=shift(LAST, -k), attrition=rate) for k, rate in enumerate([0.2, *[0.08] * 11, 0.9])
    ]
    plan, notes = workforce_plan(months([0] * 12), pd.concat(record), standards(), period=LAST)
    # December has its own attrition, 0.2; then the mean (0.2 + 11 x 0.08) / 12 = 0.09. The 13th month is not in it.
    assert plan["headcount"].iloc[:2].tolist() == pytest.approx([100 * 0.8 * 0.91, 100 * 0.8 * 0.91**2])
    assert notes == ()


def test_a_ramp_grows_evenly_and_loses_half_of_its_months() -> None:
    assert linear_ramp(0) == ()
    assert linear_ramp(2) == (0.25, 0.75)
    assert sum(linear_ramp(7)) == pytest.approx(3.5)
    with pytest.raises(ValueError, match="ramp months -1 is negative"):
        linear_ramp(-1)


def test_each_month_goes_by_the_standard_in_force_on_its_first_day() -> None:
    rates = pd.concat(
        [
            standards(wage="12.345", hours=80, valid_from=pd.Timestamp("2026-03-01")),
            standards(wage=10, valid_from=pd.NaT),
            standards(wage=99, valid_from=pd.Timestamp("2026-03-02")),
        ]
    )
    plan, _ = workforce_plan(months([0] * 4), people(fte=1.5), rates, period=LAST)
    # 1.5 x 80 x 12.345 = 1,481.40; from 2 March on 99, which counts from April.
    assert plan["staff_cents"].iloc[:4].tolist() == [1500_00, 1500_00, 1481_40, 14850_00]


def test_each_amount_is_rounded_once_half_to_even() -> None:
    plan, _ = workforce_plan(months([0] * 2), people(fte=0.5), standards(wage="0.01", hours=1), period=LAST)
    assert plan["staff_cents"].tolist() == [0] * 6  # half a cent
    plan, _ = workforce_plan(months([0] * 2), people(fte=1.5), standards(wage="0.01", hours=1), period=LAST)
    assert plan["staff_cents"].tolist() == [2] * 6  # one and a half


def test_a_calendar_of_weeks_says_which_day_a_month_begins() -> None:
    rates = pd.concat([standards(valid_from=pd.NaT), standards(wage=20, valid_from=pd.Timestamp("2026-01-24"))])
    plan, _ = workforce_plan(months([0] * 2), people(), rates, period=LAST, calendar=WEEKS)
    # Four weeks are 48/52 of a month: 10 people x 100 hours x 48/52 x 10, then at a wage of 20.
    assert plan["staff_cents"].iloc[:2].tolist() == [9_230_77, 18_461_54]


# --- full-time people of a period ---------------------------------------------------------------


def test_a_full_time_person_is_paid_twelve_months_a_year_in_every_calendar() -> None:
    assert [fte_months(month, Calendar()) for month in ("2026-02", "2026-03")] == [1, 1]
    year = [fte_months(month, WEEKS) for month in WEEKS.months_of_year(2026)]
    assert year[:3] == [Fraction(48, 52), Fraction(48, 52), Fraction(60, 52)]
    assert sum(year) == 12
    assert 52 * FTE_MONTHS["W"] == 12
    assert sum(fte_months(month, WEEKS) for month in WEEKS.months_of_year(2028)) == Fraction(12 * 53, 52)


def daily(units: float, calendar: Calendar) -> pd.DataFrame:
    """The months of the same work every day of a year, ten units an hour."""
    ds = pd.date_range(WEEKS.first_day("2026-01"), WEEKS.last_day("2026-12"))
    rows = pd.DataFrame({"ds": ds.as_unit("us"), "yhat": units, "hi60": units, "hi90": units})
    rows = rows.assign(site="N", service="Calls", freq="D", cutoff=ds[0] - pd.Timedelta(days=1), reconstructed=False)
    own = standards(method="workload", units_per_hour=10.0, shrinkage=0.0, hours=160.0)
    settings = Settings(calendar=calendar)
    return staffing_forecast(rows, {"standards": own}, settings, period=LAST, entity="N").monthly.set_index("period")


def test_the_same_work_every_day_is_the_same_people_in_months_of_four_and_of_five_weeks() -> None:
    monthly = daily(400.0, WEEKS)
    # 40 hours a day are 280 a week, and one person is paid 160 x 12 / 52 of them.
    assert monthly["required_fte"].tolist() == pytest.approx([280 / (160 * 12 / 52)] * 12)
    assert monthly.loc["2026-03", "required_hours"] == 5 * 280
    by_month = daily(400.0, Calendar())
    assert by_month.loc["2026-03", "required_fte"] == pytest.approx(31 * 40 / 160)


def test_people_who_suffice_in_a_month_of_four_weeks_suffice_in_one_of_five() -> None:
    monthly = daily(400.0, WEEKS).reset_index().assign(site="N", service="Calls")
    fte = 280 / (160 * 12 / 52)
    plan, _ = workforce_plan(
        monthly.head(7), people(fte=fte), standards(hours=160), period=LAST, calendar=WEEKS, months=7
    )
    assert plan["gap_fte"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert (plan[["overtime_hours", "temporary_hours", "hires"]] < 1e-6).all(axis=None)
    four, five = (round(fte * 160 * weeks * 12 / 52 * 1000) for weeks in (4, 5))
    assert plan["staff_cents"].iloc[:3].tolist() == [four, four, five]


# --- hires on record and further ones -----------------------------------------------------------


def test_hires_on_record_are_told_from_those_that_the_plan_asks_for() -> None:
    rows = pd.concat([people(fte=10, lead=1), people(period="2026-02", hires=1, lead=1)])
    plan, _ = workforce_plan(months([10, 10, *[13] * 22]), rows, standards(), period=LAST, hiring_cost=7)
    found = requests_of(plan)
    for _, own in found.groupby("alternative"):
        assert own["recorded"].tolist() == [0, 1, *[0] * 10]
    least = found[found["alternative"] == LEAST_COST]
    # From March on 13 are required: 10 there, 1 joins at the request on record, 2 more are to be requested in February.
    assert least["further"].tolist() == [0, 2, *[0] * 10]
    assert (found["recorded"] + found["further"]).tolist() == plan["hires"].tolist()
    # Each request costs once, in its month, those on record in every alternative.
    cost = plan.groupby("alternative")["hiring_cents"].sum()
    assert (cost[NO_ACTION], cost[COVER_ONLY], cost[LEAST_COST]) == (700, 700, 2100)


def test_hires_on_record_are_not_guessed() -> None:
    plan, _ = workforce_plan(months([10] * 12), people(), standards(), period=LAST)
    with pytest.raises(ValueError, match="without the alternative 'no action'"):
        requests_of(plan[plan["alternative"] != NO_ACTION])
    assert requests_of(plan.iloc[:0]).empty


def test_what_is_not_said_is_as_in_the_settings() -> None:
    need = months([11, 13] * 6)
    rules = StaffingRules()
    said = {name: getattr(rules, name) for name in ("overtime_premium", "overtime_limit", "temporary_premium")}
    assert rules.hiring_cost_cents == 0
    usual, _ = planning.workforce_plan(need, people(), standards(), period=LAST)
    named, _ = planning.workforce_plan(need, people(), standards(), period=LAST, hiring_cost=0.0, **said)
    pd.testing.assert_frame_equal(usual, named)
    with pytest.raises(TypeError):
        Terms()  # type: ignore[call-arg]


# --- the end of the plan ----------------------------------------------------------------------


def test_a_peak_in_the_last_month_does_not_bring_people_who_would_be_idle_after_it() -> None:
    # Within the twelve months alone a person (1) would be cheaper than a temporary one (1.3).
    plan = planned(months([10] * 11 + [12]), people())
    assert plan["hires"].sum() == 0
    assert plan.loc["2026-12", "temporary_hours"] == 200


def test_leavers_are_replaced_up_to_the_end_of_the_plan() -> None:
    # A newcomer's first month (1/4 of a person) never pays by itself: only the months after the plan make it pay.
    plan = planned(months([20] * 12), people(fte=20, attrition=0.05, lead=1, ramp=2))
    assert plan["joiners"].iloc[-3:].sum() == pytest.approx(3, abs=1)
    assert plan["joiners"].iloc[-2:].sum() > 0
    assert plan["hires"].iloc[-1] == 0  # would join after the plan


def test_a_rise_that_may_be_the_season_is_not_hired_for_and_one_that_the_forecast_sees_stay_is() -> None:
    year = [10] * 4 + [13] * 8
    assert planned(months(year), people(lead=2))["hires"].sum() == 0  # as a year before: 10 again from January
    assert planned(months([*year, 13]), people(lead=2))["hires"].sum() == 3  # January 13 for 10: the year grows


def test_a_hire_that_pays_only_after_the_plan_is_left_out_and_said() -> None:
    # Short from September on: a newcomer costs 4 months' pay and is worth 1/4 + 3/4 + 1 + 1 = 3 of temporary staff.
    plan, notes = workforce_plan(months([10] * 8 + [11] * 16), people(ramp=2), standards(), period=LAST)
    assert plan["hires"].sum() == 0
    assert any("Calls at N: 1 more hire would pay, but only after Dec 2026" in note for note in notes)
    longer, notes = workforce_plan(months([10] * 8 + [11] * 16), people(ramp=2), standards(), period=LAST, months=16)
    assert longer["hires"].sum() == 1
    assert not any("would pay" in note for note in notes)


def test_a_need_that_the_forecast_sees_end_after_the_plan_is_not_hired_for() -> None:
    goes_on = planned(months([10] * 10 + [12] * 2 + [12] * 12), people())
    ends = planned(months([10] * 10 + [12] * 2 + [10] * 12), people())
    assert (goes_on["hires"].sum(), ends["hires"].sum()) == (2, 0)


def test_a_short_forecast_is_planned_as_far_as_it_goes_and_said() -> None:
    plan, notes = workforce_plan(months([11] * 5), people(), standards(), period=LAST)
    assert plan["period"].unique().tolist() == MONTHS[:5]
    assert plan.loc[plan["alternative"] == LEAST_COST, "hires"].tolist() == [1, 0, 0, 0, 0]
    assert any("is planned for 5 months, up to May 2026" in note for note in notes)


# --- against every other plan, and headcount_plan -------------------------------------------


@QUICK
@given(
    need=st.lists(st.floats(0, 3), min_size=3, max_size=3),
    start=st.floats(0, 3),
    attrition=st.floats(0, 0.3),
    ramp=st.integers(0, 2),
    lead=st.integers(0, 2),
    hiring_cost=st.floats(0, 1),
    premiums=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_no_plan_that_can_be_tried_costs_less(
    need: list[float], start: float, attrition: float, ramp: int, lead: int, hiring_cost: float, premiums: Any
) -> None:
    terms = Terms(premiums[0], 0.1, premiums[1], hiring_cost)
    required, learn = np.array(need), linear_ramp(ramp)

    def cost(hires: Any) -> float:
        there, able = headcount_plan(start, attrition, hires, lead_months=lead, ramp=learn, months=3).to_numpy().T
        overtime, temporary = cover_of(required, able, there, terms)
        covered = overtime * (1 + terms.overtime_premium) + temporary * (1 + terms.temporary_premium)
        return float((there + covered).sum() + hiring_cost * sum(hires))

    base = headcount_plan(start, attrition, [0.0] * 3)
    found = least_cost_hires(
        required, base["effective_fte"].to_numpy(), base["headcount"].to_numpy(), np.ones(3), terms,
        attrition=attrition, ramp=learn, lead_months=lead, months=3,
    )  # fmt: skip
    tried = min(cost((*hires, *[0] * lead)) for hires in itertools.product(range(6), repeat=3 - lead))
    assert cost(found.hires) <= tried + 1e-5 * (1 + tried)
    assert found.objective + base["headcount"].sum() == pytest.approx(cost(found.hires), abs=1e-5)


def test_a_programme_that_the_presolve_of_the_solver_fails_on_is_solved_all_the_same() -> None:
    tiny = np.full(3, 1e-5)  # overtime of a millionth of a person
    need = np.array([0.6765771438617769, 0, 2.75])
    plan = least_cost_hires(
        need, tiny, tiny, np.ones(3), Terms(0, 0.1, 1, 0), attrition=0, ramp=(), lead_months=0, months=3
    )
    assert plan.hires.tolist() == [0, 0, 3]
    assert plan.objective == pytest.approx(2 * need[0] + 3, abs=1e-4)


def test_a_hair_of_a_shortage_is_none() -> None:
    overtime, temporary = cover_of(np.array([10.0]), np.array([10 - 1e-12]), np.array([10.0]), TERMS)
    assert (overtime[0], temporary[0]) == (0, 0)


needs = st.lists(st.floats(0, 40), min_size=12, max_size=20)
teams = st.builds(
    people,
    fte=st.floats(0, 30),
    attrition=st.one_of(st.floats(0, 0.2), st.sampled_from([0.9, 1.0])),
    lead=st.integers(0, 4),
    ramp=st.integers(0, 4),
    hires=st.integers(0, 5),
)
prices = st.fixed_dictionaries(
    {
        "overtime_premium": st.sampled_from([0, 0.2, 0.5]),
        "temporary_premium": st.sampled_from([0.1, 0.3, 0.8]),
        "hiring_cost": st.sampled_from([0, 350, 3000]),
        "overtime_limit": st.sampled_from([0, 0.1, 0.5]),
    }
)


@QUICK
@given(need=needs, team=teams, terms=prices)
def test_the_plan_covers_what_is_required_at_no_more_than_without_hires(
    need: list[float], team: pd.DataFrame, terms: dict[str, float]
) -> None:
    monthly = months(need)
    before = monthly.copy(), team.copy()
    plan, _ = workforce_plan(monthly, team, standards(), period=LAST, **terms)
    pd.testing.assert_frame_equal(monthly, before[0])
    pd.testing.assert_frame_equal(team, before[1])
    assert len(plan) == 36
    covered = plan[plan["alternative"] != NO_ACTION]
    hours = covered["effective_fte"] * 100 + covered["overtime_hours"] + covered["temporary_hours"]
    assert (hours >= covered["required_fte"] * 100 * (1 - 1e-8)).all()
    assert (covered["overtime_hours"] <= terms["overtime_limit"] * covered["headcount"] * 100 * (1 + 1e-9)).all()
    least, alone = (covered[covered["alternative"] == name] for name in (LEAST_COST, COVER_ONLY))
    assert cents(least) <= cents(alone) + 48  # each of the months' amounts may be half a cent off
    only_temporary = (-alone["gap_fte"]).clip(lower=0).sum() * 100 * 10 * (1 + terms["temporary_premium"])
    assert cents(alone) <= alone["staff_cents"].sum() + alone["hiring_cents"].sum() + only_temporary * 100 + 48
    assert ((least["hires"] % 1) == 0).all()
    never_below = [name for name in WORKFORCE[4:] if name != "gap_fte"]
    assert (plan[never_below] >= 0).all(axis=None)


@QUICK
@given(need=needs, team=teams, terms=prices)
def test_the_people_are_those_of_headcount_plan(need: list[float], team: pd.DataFrame, terms: dict[str, float]) -> None:
    own = team.iloc[0]
    for name, rows in workforce_plan(months(need), team, standards(), period=LAST, **terms)[0].groupby("alternative"):
        same = headcount_plan(
            own["fte"],
            own["attrition_rate"],
            [own["hires"], *rows["hires"]],
            lead_months=int(own["lead_months"]),
            ramp=linear_ramp(int(own["ramp_months"])),
        ).iloc[1:]
        assert rows["headcount"].to_numpy() == pytest.approx(same["headcount"].to_numpy()), name
        assert rows["effective_fte"].to_numpy() == pytest.approx(same["effective_fte"].to_numpy()), name
        before = np.concatenate([[own["fte"] * (1 - own["attrition_rate"])], rows["headcount"].to_numpy()[:-1]])
        if own["lead_months"] == 0:
            before[0] += own["hires"]
        moved = before - rows["leavers"].to_numpy() + rows["joiners"].to_numpy()
        assert rows["headcount"].to_numpy() == pytest.approx(moved)


@QUICK
@given(need=needs, team=teams, terms=prices, scale=st.sampled_from([2, 10, 1000]))
def test_in_another_currency_the_plan_is_the_same(
    need: list[float], team: pd.DataFrame, terms: dict[str, float], scale: int
) -> None:
    one, _ = workforce_plan(months(need), team, standards(wage=10), period=LAST, **terms)
    other = terms | {"hiring_cost": terms["hiring_cost"] * scale}
    many, _ = workforce_plan(months(need), team, standards(wage=10 * scale), period=LAST, **other)
    assert many["hires"].tolist() == one["hires"].tolist()
    for name in COSTS:
        assert ((many[name] - one[name] * scale).abs() <= scale / 2 + 0.5).all()


@QUICK
@given(need=st.lists(st.floats(0, 40), min_size=12, max_size=12), start=st.floats(5, 30), attrition=st.floats(0, 0.2))
def test_overtime_that_costs_more_is_never_more(need: list[float], start: float, attrition: float) -> None:
    required, base = np.array(need), headcount_plan(start, attrition, [0.0] * 12)
    there, able = base["headcount"].to_numpy(), base["effective_fte"].to_numpy()
    hours = []
    for premium in (0.05, 0.2, 0.35, 0.6):
        terms = Terms(premium, 0.2, 0.4, 0.5)
        plan = least_cost_hires(
            required, able, there, np.ones(12), terms, attrition=attrition, ramp=(0.25, 0.75), lead_months=1, months=12
        )
        people = headcount_plan(start, attrition, plan.hires.tolist(), lead_months=1, ramp=(0.25, 0.75), months=12)
        overtime, _ = cover_of(required, people["effective_fte"].to_numpy(), people["headcount"].to_numpy(), terms)
        hours.append(overtime.sum())
    assert (np.diff(hours) <= 0.01).all()  # what the solver's tolerance of the cost allows


def test_the_order_of_rows_means_nothing() -> None:
    monthly = pd.concat([months([11, 12] * 6), months([3] * 12, site="A")])
    team = pd.concat([people(lead=1, period=shift(LAST, -k), hires=k) for k in range(3)])
    team = pd.concat([team, team.assign(site="A", fte=2.5)])
    rates = pd.concat([standards(), standards(site="A", wage=12)])
    plan, notes = workforce_plan(monthly, team, rates, period=LAST)
    other, same = workforce_plan(monthly[::-1], team[::-1], rates[::-1], period=LAST)
    pd.testing.assert_frame_equal(plan, other)
    assert notes == same


@settings(max_examples=8, deadline=None)
@given(need=needs, team=teams, terms=prices, seed=st.integers(0, 1000))
def test_no_order_of_rows_moves_the_plan(
    need: list[float], team: pd.DataFrame, terms: dict[str, float], seed: int
) -> None:
    record = [team.assign(period=shift(LAST, -k), attrition_rate=team["attrition_rate"] / k) for k in (3, 7)]
    ahead = team.assign(period="2026-02", hires=team["hires"] + 0.7)
    tables = [
        months(need),
        pd.concat([team, *record, ahead]),
        pd.concat([standards(), standards(valid_from="2026-05-01", wage="11.1")]),
    ]
    plan, notes = workforce_plan(*tables, period=LAST, **terms)
    other, same = workforce_plan(*(t.sample(frac=1, random_state=seed) for t in tables), period=LAST, **terms)
    pd.testing.assert_frame_equal(plan, other)
    assert notes == same


# --- what is missing, or wrong ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("team", "rates", "sentence"),
    [
        (people(period="2026-01"), standards(), "has no headcount up to Dec 2025"),
        (people(fte=np.nan), standards(), "has no fte in Dec 2025: give people, 0 for none, in headcount"),
        (people(attrition=-0.1), standards(), "has the attrition_rate -0.1 in Dec 2025: give the share leaving"),
        (people(attrition=1.1), standards(), "has the attrition_rate 1.1"),
        (people(lead_months=np.nan), standards(), "has no lead_months in Dec 2025: give whole months, 0 for at once"),
        (people(lead_months=1.5), standards(), "has the lead_months 1.5"),
        (people(ramp_months=None), standards(), "has no ramp_months in Dec 2025"),
        (people(hires=-1), standards(), "has the hires -1 in Dec 2025"),
        (pd.concat([people(), people()]), standards(), "has two rows for 2025-12 in headcount: keep one"),
        (people(), standards(wage=None), "has no wage_rate of zero or more in Jan 2026"),
        (people(), standards(hours=np.nan), "has no hours_per_fte above zero in Jan 2026"),
        (people(), standards(valid_from=pd.Timestamp("2026-01-02")), "has no standard in Jan 2026"),
        (people(), standards(service="Mail"), "has no standard in Jan 2026"),
        (people(), pd.concat([standards(), standards(wage=11)]), "has two rows without valid_from in standards"),
    ],
)
def test_a_service_that_lacks_something_is_named_with_the_remedy_and_the_others_go_on(
    team: pd.DataFrame, rates: pd.DataFrame, sentence: str
) -> None:
    both = pd.concat([months([11] * 12), months([11] * 12, service="Post")])
    plan, notes = workforce_plan(
        both,
        pd.concat([team, people(service="Post")]),
        pd.concat([rates, standards(service="Post")]),
        period=LAST,
    )
    assert plan["service"].unique().tolist() == ["Post"]
    assert any(f"Calls at N {sentence}" in note for note in notes), notes


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"overtime_premium": -0.5}, "overtime_premium -0.5 is negative or missing: give zero or more"),
        ({"temporary_premium": np.nan}, "temporary_premium nan is negative or missing"),
        ({"hiring_cost": -1}, "hiring_cost -1 is negative"),
        ({"overtime_limit": 10}, "overtime_limit 10 is not a share of the regular hours from 0 to 1"),
        ({"months": 0}, "months 0 leaves nothing to plan"),
        ({"period": "2025"}, "'2025' is not a month"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        workforce_plan(months([11] * 12), people(), standards(), **{"period": LAST} | terms)


def test_the_sum_over_sites_is_not_planned_as_if_it_were_a_site() -> None:
    with pytest.raises(ValueError, match="The plan is made by site"):
        workforce_plan(months([1], site="(all)"), people(), standards(), period=LAST)


def test_an_old_record_is_carried_on_and_said() -> None:
    team = people(fte=100, attrition=0.1, period="2025-10")
    plan, notes = workforce_plan(months([0] * 12), team, standards(), period=LAST)
    assert plan["headcount"].iloc[0] == pytest.approx(100 * 0.9**4)  # October to January
    assert any("ends in Oct 2025" in note for note in notes)


def test_without_months_to_come_the_plan_is_empty_and_has_its_columns() -> None:
    plan, notes = workforce_plan(months([1], first=LAST), people(), standards(), period=LAST)
    assert (len(plan), plan.columns.tolist(), notes) == (0, WORKFORCE, ())
    assert alternatives_compared(plan).columns.tolist() == COMPARISON
    assert workforce_total(plan).columns.tolist() == WORKFORCE


def test_a_month_without_required_hours_ends_the_plan() -> None:
    monthly = months([10] * 12)
    monthly.loc[6, "required_hours"] = np.nan
    plan, notes = workforce_plan(monthly, people(), standards(), period=LAST)
    assert plan["period"].max() == "2026-06"
    assert any("planned for 6 months" in note for note in notes)


# --- comparisons ------------------------------------------------------------------------------


def test_alternatives_are_compared_over_the_months_and_no_action_says_what_it_leaves() -> None:
    plan, _ = workforce_plan(months([10] * 4 + [13] * 20), people(lead=2), standards(), period=LAST)
    table = alternatives_compared(plan).set_index("alternative")
    assert table.index.tolist() == list(ALTERNATIVES)
    assert table["months"].tolist() == [12] * 3
    assert table["fte_months_short"].tolist() == [24, 0, 0]
    assert table["hires"].tolist() == [0, 0, 3]
    assert table["total_cents"].tolist() == [120_000_00, 151_200_00, 144_000_00]
    assert (table[COSTS].sum(axis=1) == table["total_cents"]).all()


def test_sites_add_up_and_a_month_that_one_lacks_is_left_out() -> None:
    monthly = pd.concat([months([11] * 12), months([4] * 6, site="A")])
    rates = pd.concat([standards(), standards(site="A")])
    plan, _ = workforce_plan(monthly, pd.concat([people(), people(fte=3, site="A")]), rates, period=LAST)
    total = workforce_total(plan)
    assert total["site"].unique().tolist() == ["(all)"]
    assert total["alternative"].unique().tolist() == list(ALTERNATIVES)
    assert total["period"].unique().tolist() == MONTHS[:6]
    assert (total["required_fte"] == 15).all()
    both = plan[plan["period"].isin(MONTHS[:6])]
    assert cents(total) == cents(both)
    assert total.loc[total["alternative"] == NO_ACTION, "gap_fte"].tolist() == [-2] * 6


def cost_of(cents_by_month: dict[str, Any], service: str = "Calls") -> pd.DataFrame:
    table = pd.DataFrame({"period": list(cents_by_month), "staff_cost_cents": list(cents_by_month.values())})
    return table.astype({"staff_cost_cents": "Int64"}).assign(site="N", service=service)


def test_staff_cost_is_set_against_the_payroll_budget_of_the_same_month() -> None:
    monthly = pd.concat([cost_of({"2026-01": 70, "2026-02": 50}), cost_of({"2026-01": 40, "2026-02": 60}, "Post")])
    budget = pd.DataFrame({"period": ["2026-02", "2026-01", "2026-01"], "budget_cents": [150, 60, 40]})
    table, notes = payroll_comparison(monthly, budget)
    assert table.columns.tolist() == ["period", "staff_cost_cents", "budget_cents", "difference_cents"]
    assert table.to_numpy().tolist() == [["2026-01", 110, 100, 10], ["2026-02", 110, 150, -40]]
    assert notes == ()


def test_months_that_cannot_be_compared_with_the_budget_are_named() -> None:
    monthly = pd.concat(
        [
            cost_of({"2026-01": 70, "2026-02": pd.NA, "2026-03": 5, "2026-04": 5}),
            cost_of({"2026-01": 40, "2026-02": 60, "2026-04": 5}, "Post"),
        ]
    )
    budget = pd.DataFrame({"period": ["2026-01", "2026-04", "2026-04"], "budget_cents": [100, 5, None]})
    table, notes = payroll_comparison(monthly, budget)
    assert table["period"].tolist() == ["2026-01"]
    assert len(notes) == 3
    assert any(note.startswith("Feb 2026 has no staff cost of Calls at N") for note in notes)
    assert any(note.startswith("Mar 2026 has no staff cost of Post at N") for note in notes)
    assert any(note.startswith("Apr 2026 has no budget of the accounts that staffing drives") for note in notes)


def test_no_budget_at_all_leaves_an_empty_comparison_and_a_sentence() -> None:
    empty = pd.DataFrame({"period": [], "budget_cents": []})
    table, notes = payroll_comparison(cost_of({"2026-01": 1, "2026-02": 2}), empty)
    assert table.empty
    assert len(notes) == 1
    assert notes[0].startswith("Jan 2026 and Feb 2026 have no budget")
    table, notes = payroll_comparison(cost_of({"2026-01": 1, "2026-02": 2, "2026-03": 3, "2026-04": 4}), empty)
    assert notes[0].startswith("Jan 2026 to Apr 2026 have no budget")
    table, notes = payroll_comparison(cost_of({}), pd.DataFrame({"period": ["2026-01"], "budget_cents": [5]}))
    assert (len(table), notes) == (0, ())

"""Words and tables on the months to come; the numbers are those of `small.staffing_ahead`, worked by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pandas as pd
import pytest

import small_results as small
from opsanalytics import tables
from opsanalytics.formats import NOT_AVAILABLE
from opsanalytics.staffing import StaffingForecast

K = small.THOUSAND
FIELDS = ("risk", "workforce", "payroll", "scenarios", "sensitivity")


def row(table: pd.DataFrame, place: int) -> list[str]:
    return [str(cell) for cell in table.iloc[place]]


def nothing() -> StaffingForecast:
    ahead = small.staffing_ahead()
    return dataclasses.replace(ahead, **{name: getattr(ahead, name).iloc[:0] for name in FIELDS})


# Risk


def test_risk_is_set_out_by_quantile_with_its_cost() -> None:
    table = tables.risk_table(small.staffing_ahead())
    assert row(table, 0) == ["calls", "P50", "1,600", "40,000.00", "78.0 %", "70.0 %", "35.0 %", "50.0 %"]
    assert list(table["Staffed to"]) == ["P50", "P80", "P95"]
    assert list(table["Cost EUR"]) == ["40,000.00", "44,000.00", "48,000.00"]


def test_a_share_or_a_cost_that_is_not_known_is_not_zero() -> None:
    ahead = small.staffing_ahead()
    unknown = ahead.risk.assign(attained=float("nan"), cost_cents=pd.array([None] * 3, dtype="Int64"))
    table = tables.risk_table(dataclasses.replace(ahead, risk=unknown))
    assert set(table["Attained"]) == set(table["Cost EUR"]) == {NOT_AVAILABLE}


# People and hires


def test_the_plan_says_its_hires_cover_and_cost_then_the_alternatives_then_each_service() -> None:
    # Overtime 6 at 50 EUR, temporary staff 10 at 40 EUR: 120 and 250 hours.
    assert tables.workforce_sentence(small.staffing_ahead()).splitlines() == [
        "Mar 2026 to May 2026, North, least cost: 2 hires to request, about 120 hours of overtime and about 250 hours "
        "of temporary staff, at a cost of about 140 kEUR.",
        "No action costs about 24 kEUR less and leaves about 5.0 FTE months short; overtime and temporary staff costs "
        "about 2.0 kEUR more.",
        "calls: about 3.0 FTE short in Apr 2026, short in 1 of 3 months; hires to request: 2 in Mar 2026.",
    ]


def test_without_action_nothing_is_requested_and_the_others_are_compared_with_it() -> None:
    said = tables.workforce_sentence(small.staffing_ahead(), alternative="no action").splitlines()
    assert said[0].startswith("Mar 2026 to May 2026, North, no action: no hire to request, at a cost of about 110 kEUR")
    assert said[1] == ("Overtime and temporary staff costs about 26 kEUR more; least cost costs about 24 kEUR more.")
    assert said[2].endswith("short in 2 of 3 months; no hire to request.")


def with_hires_on_record() -> StaffingForecast:
    """The months to come with 3 hires that the headcount table has for March, in every alternative."""
    ahead = small.staffing_ahead()
    rows = ahead.workforce
    return dataclasses.replace(ahead, workforce=rows.assign(hires=rows["hires"] + 3.0 * (rows["period"] == "2026-03")))


def test_hires_on_record_are_not_asked_for_again() -> None:
    ahead = with_hires_on_record()
    said = tables.workforce_sentence(ahead).splitlines()
    assert said[0].startswith(
        "Mar 2026 to May 2026, North, least cost: 2 hires to request, besides 3 already on record, about 120"
    )
    assert said[2].endswith("; hires to request: 2 in Mar 2026, besides 3 already on record.")
    alone = tables.workforce_sentence(ahead, alternative="no action").splitlines()
    assert "no action: no hire to request, besides 3 already on record" in alone[0]
    months = tables.workforce_table(ahead)
    assert list(months["Hires on record"]) == ["3", "0", "0"]
    assert list(months["Hires to request"]) == ["2", "0", "0"]
    costs = tables.plan_cost_table(ahead)
    assert list(costs["Hires on record"]) == ["3", "3", "3"]
    assert list(costs["Hires to request"]) == ["0", "0", "2"]


def test_without_hires_on_record_there_is_no_column_of_them() -> None:
    ahead = small.staffing_ahead()
    for table in (tables.workforce_table(ahead), tables.plan_cost_table(ahead)):
        assert "Hires on record" not in table
        assert "Hires to request" in table


def test_each_month_of_the_plan_has_its_people_cover_and_cost() -> None:
    table = tables.workforce_table(small.staffing_ahead())
    heads = ["Service", "Month", "Required FTE", "Effective FTE", "Gap FTE", "Leave", "Join", "Hires to request"]
    assert list(table) == [*heads, "Overtime hours", "Hours of temporary staff", "Cost EUR"]
    april = ["calls", "Apr 2026", "12.0", "9.0", "-3.0", "1.0", "0.0", "0", "120", "250", "52,000.00"]  # 36 + 6 + 10
    assert row(table, 1) == april
    assert list(table["Hires to request"]) == ["2", "0", "0"]
    assert tables.workforce_table(small.staffing_ahead(), service="parcels").empty


def test_the_order_of_the_rows_does_not_matter() -> None:
    ahead = small.staffing_ahead()
    turned = dataclasses.replace(ahead, **{name: getattr(ahead, name).iloc[::-1] for name in ("risk", "payroll")})
    pd.testing.assert_frame_equal(tables.risk_table(ahead), tables.risk_table(turned))
    assert tables.payroll_sentence(ahead) == tables.payroll_sentence(turned)
    pd.testing.assert_frame_equal(tables.payroll_table(ahead), tables.payroll_table(turned))


def test_alternatives_are_compared_with_the_cheapest_that_leaves_nothing_short() -> None:
    table = tables.plan_cost_table(small.staffing_ahead())
    assert row(table, 0) == ["No action", "112.0", "0.0", "0.0", "0.0", "112.0", "-24.0", "0", "5.0"]
    assert row(table, 1) == [
        "Overtime and temporary staff",
        "112.0",
        "10.0",
        "16.0",
        "0.0",
        "138.0",
        "+2.0",
        "0",
        "0.0",
    ]
    assert row(table, 2) == ["Least cost", "118.0", "6.0", "10.0", "2.0", "136.0", "0.0", "2", "0.0"]


# Payroll budget


def test_payroll_is_compared_in_all_and_the_month_furthest_above_is_named() -> None:
    # 115 + 120 = 235 against 110 + 130 = 240, 2 % below.
    assert tables.payroll_sentence(small.staffing_ahead()).splitlines() == [
        "Mar 2026 to Apr 2026, North: the staff required costs about 240 kEUR, about 5.0 kEUR (2 %) below its payroll "
        "budget: favourable.",
        "1 of 2 months is above budget, most of all Mar 2026 by about 5.0 kEUR.",
    ]


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        pytest.param(130, "about 20 kEUR (18 %) above its payroll budget: adverse.", id="above"),
        pytest.param(110, "as its payroll budget has it.", id="equal"),
    ],
)
def test_a_budget_of_one_month_is_compared_in_one_sentence(cost: int, said: str) -> None:
    ahead = small.staffing_ahead()
    month = ahead.payroll.iloc[:1].assign(staff_cost_cents=cost * K, difference_cents=(cost - 110) * K)
    sentence = tables.payroll_sentence(dataclasses.replace(ahead, payroll=month))
    assert sentence.startswith("Mar 2026, North: ")
    assert sentence.endswith(said)


def test_the_payroll_table_adds_up_and_signs_what_differs() -> None:
    table = tables.payroll_table(small.staffing_ahead())
    assert row(table, 0) == ["Mar 2026", "115.0", "110.0", "+5.0", "+4.5 %", "adverse"]
    assert row(table, 1) == ["Apr 2026", "120.0", "130.0", "-10.0", "-7.7 %", "favourable"]
    assert row(table, 2) == ["Total", "235.0", "240.0", "-5.0", "-2.1 %", "favourable"]


# What if


def test_scenarios_stand_beside_the_base_in_money_and_share() -> None:
    # 480 + 900 = 1,380 and 530 + 990 = 1,520 thousand; a thousand stands for 40 hours, 48 for a person.
    table = tables.scenario_table(small.staffing_ahead())
    assert row(table, 0) == ["Base", "55,200", "28.8", "1,380.0", "", ""]
    assert row(table, 1) == ["Volume +10 %", "60,800", "31.7", "1,520.0", "+140.0", "+10.1 %"]
    assert row(table, 2)[3:] == ["1,366.0", "-14.0", "-1.0 %"]


def test_a_service_without_a_wage_is_counted_beside_the_cost_that_leaves_it_out() -> None:
    ahead = small.staffing_ahead()
    rows = ahead.scenarios
    unknown = rows["staff_cost_cents"].mask((rows["service"] == "parcels") & (rows["scenario"] == "base"))
    table = tables.scenario_table(dataclasses.replace(ahead, scenarios=rows.assign(staff_cost_cents=unknown)))
    assert row(table, 1) == ["Volume +10 %", "60,800", "31.7", "530.0", "+50.0", "+10.4 %", "1"]


def test_sensitivity_has_each_driver_down_and_up_the_widest_swing_first() -> None:
    table = tables.sensitivity_table(small.staffing_ahead())
    assert row(table, 0) == ["Volume", "1,380.0", "-10 %", "-140.0", "-10.1 %", "+10 %", "+140.0", "+10.1 %"]
    assert list(table["Driver"]) == ["Volume", "Shrinkage", "Service level"]  # 280, 61 and 25 apart
    assert list(table["Change up"]) == ["+10 %", "+2 points", "+5 points"]


# Shifts


def test_shifts_that_nobody_works_are_left_out_and_a_shift_without_a_break_has_a_blank() -> None:
    plan = pd.DataFrame(
        {
            "shift": ["Early", "Late", "Short"],
            "days": ["Mon to Fri", "Mon to Fri", "Sat"],
            "starts": [dt.time(7), dt.time(13), dt.time(8)],
            "ends": ["15:30", "21:30", "12:00"],
            "break_starts": ["11:00", "17:00", None],
            "staff": [6.0, 0.0, 2.0],
            "paid_hours": [240.0, 0.0, 8.0],
        }
    )
    table = tables.shift_plan_table(small.queue_detail(shifts=plan))
    assert tables.shift_plan_table(None).empty
    assert row(table, 0) == ["Early", "Mon to Fri", "07:00", "15:30", "11:00", "6", "240.0"]
    assert row(table, 1) == ["Short", "Sat", "08:00", "12:00", "", "2", "8.0"]
    assert len(table) == 2


# What is off


def test_what_is_off_says_so_and_its_tables_keep_their_heads() -> None:
    off = nothing()
    assert tables.workforce_sentence(off).startswith("The workforce plan is off: ")
    assert tables.payroll_sentence(off).startswith("The comparison with the payroll budget is off: ")
    made = (tables.risk_table, tables.workforce_table, tables.plan_cost_table)
    for table in (*made, tables.payroll_table, tables.scenario_table, tables.sensitivity_table):
        assert table(off).empty
        assert len(table(off).columns) >= 6

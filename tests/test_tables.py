"""Tables and sentences: hand arithmetic on small results, in the words and signs of the field."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd

import small_results as small
from opsanalytics import tables
from opsanalytics.formats import NOT_AVAILABLE
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings
from opsanalytics.sources import Inputs


def cell(table: pd.DataFrame, column: str, **where: str) -> str:
    """The one cell of a column in the row whose other cells are as told."""
    rows = table
    for name, value in where.items():
        rows = rows[rows[name.replace("_", " ")] == value]
    (found,) = rows[column]
    return str(found)


def inputs(tmp_path: Path, **frames: pd.DataFrame) -> Inputs:
    """Inputs without any table, and with the reports given."""
    empty = {
        "faults": ["severity", "table", "file", "row", "column", "rule", "value", "remedy"],
        "quarantine": ["table", "file", "row", "rule", "column", "value", "content"],
        "control": ["period", "site", "type", "stated_cents", "accepted_cents", "quarantined_cents"],
        "files": ["table", "file", "sha256", "bytes", "rows", "accepted", "quarantined"],
    }
    reports = {name: frames.get(name, pd.DataFrame(columns=columns)) for name, columns in empty.items()}
    given = frames.get("control_totals")
    return Inputs(
        settings=Settings(), tables={} if given is None else {"control_totals": given}, store=tmp_path, **reports
    )


# Budget: sentences


def test_the_answer_says_the_result_against_plan_what_it_is_made_of_and_where_the_year_goes() -> None:
    # To date: revenue 240, cost 141, result 99; plan 200, 134, 66.
    # The year: 99 + 10 * (49.5 + 30) / 2 = 496.5; plan 396.
    said = " ".join(tables.variance_sentence(small.variance()).split())
    assert "Feb 2026, North, year to date: result 99.0 kEUR, 33.0 kEUR (50.0 %) above plan: favourable." in said
    assert "Revenue 240.0 kEUR, +40.0 kEUR against plan (favourable)" in said
    assert "cost 141.0 kEUR, +7.0 kEUR against plan (adverse)." in said
    assert "result 496.5 kEUR, +100.5 kEUR against plan (favourable)." in said


def test_what_is_material_is_named_with_the_rule_the_largest_first() -> None:
    said = " ".join(tables.off_plan_sentence(small.variance()).split())
    assert said == (
        "Materially off plan to date (at least 1.0 kEUR and 5.0 %): 3 of 3 P&L lines; the largest: "
        "Freight +40.0 kEUR (favourable), Payroll +14.0 kEUR (adverse) and Fuel -7.0 kEUR (favourable)."
    )


def test_without_a_budget_the_prior_year_is_compared_with_and_what_is_off_is_said() -> None:
    variance = small.variance(budget=False)
    said = " ".join(tables.variance_sentence(variance).split())
    assert "39.0 kEUR (65.0 %) above prior year: favourable." in said
    assert "What is off plan is off: there is no budget for this year." in said
    assert "with no plan to compare with." in said
    assert tables.off_plan_table(variance).empty


def test_a_missing_month_is_called_incomplete_first_of_all() -> None:
    variance = small.variance(months=("2026-02",))
    assert tables.variance_sentence(variance).startswith("INCOMPLETE: ledger lines are missing for Jan 2026;")
    whole = dataclasses.replace(variance, entity="(all)")
    assert tables.variance_sentence(whole).startswith("INCOMPLETE: ledger lines are missing for Jan 2026 (North);")


def test_each_sentence_is_one_line_whatever_the_names() -> None:
    variance = small.variance(name="Субвенція\n " * 100)
    lines = tables.variance_sentence(variance).splitlines()
    assert len(lines) == 5
    assert all(line.endswith(".") for line in lines)


def test_one_answer_has_one_unit_of_money() -> None:
    said = tables.variance_sentence(small.variance())
    assert set(re.findall(r"[0-9.,]+ ([km]?EUR)", said)) == {"kEUR"}


# Budget: tables


def test_variances_bear_signs_amounts_do_not_and_the_unit_stands_in_the_head() -> None:
    table = tables.variance_table(small.variance())
    assert list(table.columns) == ["P&L line", "Type", "AC kEUR", "PL kEUR", "ΔPL kEUR", "ΔPL %", "Effect", "Material"]
    rows = {row[0]: row[1:] for row in table.itertuples(index=False, name=None)}
    assert rows["Freight"] == ("revenue", "240.0", "200.0", "+40.0", "+20.0 %", "favourable", "yes")
    assert rows["Fuel"] == ("cost", "17.0", "24.0", "-7.0", "-29.2 %", "favourable", "yes")
    assert rows["Result"][:5] == ("total", "99.0", "66.0", "+33.0", "+50.0 %")
    assert list(table["P&L line"]) == ["Freight", "Fuel", "Payroll", "Revenue", "Cost", "Result"]


def test_a_reference_of_zero_or_less_has_no_share() -> None:
    table = tables.variance_table(small.variance(sign=-1))
    assert set(table["ΔPL %"]) == {NOT_AVAILABLE}


def test_no_name_is_cut_in_a_table() -> None:
    name = ("Субвенція з місцевого бюджету " * 40).strip()
    table = tables.variance_table(small.variance(name=name), by="account")
    assert f"4000 {name}" in list(table["Account"])
    assert name in tables.show(table)._repr_html_()


def test_names_from_the_data_are_text_to_a_browser() -> None:
    shown = tables.show(tables.variance_table(small.variance(name="<script>alert(1)</script> & 'co'")))
    assert "<script>" not in shown._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in shown._repr_html_()


def test_numbers_stand_to_the_right_and_names_to_the_left() -> None:
    page = tables.show(pd.DataFrame({"Name": ["a", "b"], "AC": ["1,234.5", NOT_AVAILABLE]}))._repr_html_()
    assert '<th class="number" scope="col">AC</th>' in page
    assert "<td>a</td>" in page
    only = tables.show(pd.DataFrame({"ΔPL %": [NOT_AVAILABLE] * 2}))._repr_html_()
    assert '<td class="number">n.a.</td>' in only


def test_words_do_not_break_and_only_long_names_fold() -> None:
    frame = pd.DataFrame({"Effect": ["favourable"], "Item": ["Transfers received from the state"], "AC": ["1.0"]})
    page = tables.show(frame)._repr_html_()
    assert "anywhere" not in page
    assert "<td>favourable</td>" in page
    assert '<td class="long">Transfers received from the state</td>' in page


def test_an_empty_table_says_so_unless_a_sentence_beside_it_does() -> None:
    assert tables.show(pd.DataFrame({"Name": []}))._repr_html_() == "<p>Nothing to show.</p>"
    assert tables.show(pd.DataFrame({"Name": []}), empty="")._repr_html_() == ""


def test_one_check_agrees_and_several_agree() -> None:
    assert tables.proof_sentence(pd.DataFrame({"Agrees": ["yes", ""]})) == "The one check agrees."
    assert tables.proof_sentence(pd.DataFrame({"Agrees": ["yes", "yes"]})) == "2 of 2 checks agree."


def test_scenarios_stand_in_their_order_and_only_where_they_exist() -> None:
    table = tables.result_table(small.variance())
    assert [head.split()[0] for head in table.columns[2:-1]] == ["PY", "PL", "FC", "AC", "ΔPL"]
    year = table[(table["Horizon"] == "Full year") & (table["Measure"] == "Result")].iloc[0]
    assert list(year)[2:] == ["360.0", "396.0", "496.5", NOT_AVAILABLE, "+100.5", "favourable"]
    month = table[(table["Horizon"] == "Month") & (table["Measure"] == "Cost")].iloc[0]
    assert list(month)[2:] == ["60.0", "67.0", NOT_AVAILABLE, "73.0", "+6.0", "adverse"]


def test_outlook_marks_the_chosen_method() -> None:
    table = tables.outlook_table(small.variance())
    assert cell(table, "FC kEUR", Measure="Result", Method="run rate") == "594.0"  # 99 + 10 * 49.5
    chosen = table[table[""] == "chosen"]
    assert set(chosen["Method"]) == {"mean of the methods"}


def test_off_plan_lists_every_dimension_the_largest_effect_first() -> None:
    table = tables.off_plan_table(small.variance())
    assert list(table["Dimension"].drop_duplicates()) == ["P&L line", "Department", "Cost centre", "Account"]
    accounts = list(table[table["Dimension"] == "Account"]["Item"])
    assert accounts == ["4000 Freight", "6000 Wages and salaries", "6100 Fuel"]


def test_the_proof_agrees_and_would_see_a_missing_cent() -> None:
    variance = small.variance()
    assert set(tables.variance_adds_up(variance)["Agrees"]) == {"yes"}
    amounts = variance.amounts.copy()
    amounts.loc[amounts["dimension"].eq("account").idxmax(), "cents"] += 1
    wrong = tables.variance_adds_up(dataclasses.replace(variance, amounts=amounts))
    assert list(wrong[wrong["Agrees"] == "no"]["Difference EUR"]) == ["0.01"]
    assert tables.proof_sentence(wrong).endswith("checks agree. See the row that does not.")


def test_the_proof_holds_the_month_against_its_control_totals() -> None:
    control = pd.DataFrame({"period": ["2026-02"] * 2, "site": "North", "type": ["revenue", "cost"], "known": True})
    control["accepted_cents"] = [130 * small.THOUSAND, 72 * small.THOUSAND]
    proof = tables.variance_adds_up(small.variance(), control)
    assert cell(proof, "Agrees", What="Revenue by control totals") == "yes"
    assert cell(proof, "Difference EUR", What="Cost by control totals") == "-1,000.00"


# Demand


def test_demand_is_said_service_by_service_a_forecast_only_roughly() -> None:
    said = tables.demand_sentence(small.demand()).splitlines()
    assert said[0] == "Feb 2026, North."
    assert "calls: 2,700 so far in Feb 2026 (month in progress); about 3,700 expected in Mar 2026." in said
    assert "parcels: 2,800 in Feb 2026, 2 % above its forecast; about 3,400 expected in Mar 2026." in said


def test_accuracy_is_said_beside_the_yardstick() -> None:
    said = tables.accuracy_sentence(small.demand())
    assert "parcels by day: off by 6 % of the volume in the backtest (yardstick 10 %)." in said
    assert "calls by 30 min: off by 15 % of the volume in the backtest (yardstick 15 %)." in said


def test_a_month_is_set_beside_last_year_and_its_forecast() -> None:
    # 2,800 is 14 more than 2,786 (0.5 %), and 50 more than the forecast of 2,750 (1.8 %, in whole percent 2).
    demand = small.demand()
    before = demand.monthly[demand.monthly["period"] == "2025-03"].assign(period="2025-02", volume=2786.0)
    said = tables.demand_sentence(dataclasses.replace(demand, monthly=pd.concat([demand.monthly, before])))
    assert "parcels: 2,800 in Feb 2026, 0.5 % above Feb 2025 and 2 % above its forecast; about" in said


def test_a_forecast_worse_than_its_yardstick_is_said_first() -> None:
    demand = small.demand()
    assert "yardstick" not in tables.demand_sentence(demand)  # calls: 15.1 against 14.8 %, both 15
    worse = demand.accuracy.assign(wape=demand.accuracy["wape"].replace(0.148, 0.12))
    said = tables.demand_sentence(dataclasses.replace(demand, accuracy=worse)).splitlines()
    assert said[1] == (
        "The forecast did worse than the yardstick in the backtest: calls by 30 min (off by 15 %, yardstick 12 %)."
    )


def test_scores_are_headed_and_models_named_for_a_reader() -> None:
    demand = small.demand()
    named = demand.accuracy.assign(model=demand.accuracy["model"].replace("prophet", "prophet days x profile"))
    table = tables.accuracy_table(dataclasses.replace(demand, accuracy=named))
    assert list(table.columns)[:3] == ["Service", "Forecast by", "Model"]
    assert list(table.columns)[-1] == "Test periods"
    assert set(table["Model"]) == {"Prophet by day, spread over the day", "Seasonal naive"}


def test_the_site_stands_in_a_table_only_where_there_are_several() -> None:
    demand = small.demand()
    both = pd.concat([demand.monthly, demand.monthly.assign(site="South")])
    assert "Site" not in tables.demand_table(demand)
    assert list(tables.demand_table(dataclasses.replace(demand, monthly=both))["Site"].unique()) == ["North", "South"]


def test_demand_table_has_the_month_its_forecast_and_the_months_to_come() -> None:
    table = tables.demand_table(small.demand(), months=2)
    heads = ["AC Feb 2025", "FC Feb 2026", "AC Feb 2026", "FC Mar 2026", "FC Apr 2026"]
    assert list(table.columns) == ["Service", "Unit", *heads]
    cells = [cell(table, head, Service="parcels") for head in heads]
    assert cells == [NOT_AVAILABLE, "2,750", "2,800", "3,410", "3,300"]


def test_months_of_demand_equal_their_days_and_intervals() -> None:
    # parcels: Jan 31 * 100 and Feb 28 * 100; ahead Mar 31 * 110 and Apr 30 * 110.
    # calls: Mar 31 * 120 and Apr 30 * 120, by day, as the half-hours end with March.
    proof = tables.demand_adds_up(small.demand(), Calendar())
    assert cell(proof, "Sum of parts", Service="parcels", What="actual") == "5,900"
    assert cell(proof, "Sum of parts", Service="parcels", What="forecast") == "6,710"
    assert cell(proof, "Sum of parts", Service="calls", What="forecast") == "7,320"
    assert set(proof["Agrees"]) == {"yes", ""}
    assert tables.proof_sentence(proof) == "3 of 3 checks agree."


def test_a_month_that_is_not_the_sum_of_its_days_is_seen() -> None:
    demand = small.demand()
    wrong = dataclasses.replace(demand, monthly=demand.monthly.assign(volume=demand.monthly["volume"] * 1.01))
    assert "no" in set(tables.demand_adds_up(wrong, Calendar())["Agrees"])


def test_every_service_is_listed_once_by_name() -> None:
    assert tables.services(small.demand()) == [("North", "calls"), ("North", "parcels")]
    assert tables.services(small.without(small.demand(), "calls")) == [("North", "parcels")]


def test_a_history_too_short_to_test_on_is_said() -> None:
    demand = small.demand()
    untested = dataclasses.replace(demand, accuracy=demand.accuracy.iloc[:0])
    assert tables.accuracy_sentence(untested) == "The accuracy is off: the history is too short to test a forecast on."


# Staffing


def test_staff_is_said_in_all_and_by_service_with_its_cost() -> None:
    said = tables.staffing_sentence(small.staffing()).splitlines()
    assert said[0] == "Mar 2026, North: about 20 FTE required, at a cost of about 75,000 EUR."  # 20.5 FTE, 75,160.00
    assert said[1] == "calls: about 0.50 FTE."


def test_staff_without_a_wage_has_no_cost() -> None:
    staffing = small.staffing(wage=False)
    assert "cost" not in tables.staffing_sentence(staffing)
    assert set(tables.staffing_table(staffing)["Cost EUR"]) == {NOT_AVAILABLE}


def test_gap_counts_the_intervals_that_are_short_and_names_the_worst() -> None:
    said = tables.gap_sentence(small.staffing())
    assert said == "calls: 1 of 5 rostered intervals are short, the worst by 2 on Mon 02 Mar 2026 09:00."
    table = tables.gap_table(small.staffing())
    assert list(table.iloc[0]) == ["calls", "Mon 02 Mar 2026 09:00", "3", "4", "2", "2"]


def test_without_a_roster_the_gap_is_off_and_not_zero() -> None:
    staffing = small.staffing(roster=False)
    assert tables.gap_sentence(staffing).startswith("The gap to the roster is off: there is no roster")
    assert tables.gap_table(staffing).empty


def test_hours_of_the_months_equal_those_of_the_intervals() -> None:
    # Scheduled 3 + 4 + 4 + 3 + 2 = 16 people for half an hour each: 8 hours; at 10.00 each interval 160.00.
    staffing = small.staffing()
    calls = dataclasses.replace(staffing, monthly=staffing.monthly.iloc[:1])
    proof = tables.staffing_adds_up(calls, Calendar())
    assert list(proof.iloc[0]) == ["calls", "1", "8.0", "8.0", "160.00", "160.00", "yes"]
    assert "no" in set(tables.staffing_adds_up(staffing, Calendar())["Agrees"])  # April has no interval


# What was read


def test_what_is_off_names_the_table_that_is_missing(tmp_path: Path) -> None:
    said = tables.off_sentence(inputs(tmp_path), "03_staffing_forecast")
    assert "Off: the gap between required and rostered staff, because there is no roster table." in said


def test_faults_are_counted_by_severity_and_listed_whole(tmp_path: Path) -> None:
    assert tables.faults_sentence(inputs(tmp_path)) == "Every row was accepted."
    fault = {"severity": "quarantined", "table": "ledger", "file": "ledger.csv", "row": 7, "column": "account"}
    faults = pd.DataFrame([{**fault, "rule": "orphan", "value": "9999", "remedy": "Add it to accounts."}])
    read = inputs(tmp_path, faults=faults)
    said = tables.faults_sentence(read)
    assert said == "Faults in ledger: 1 row quarantined; the figures are without the rows in quarantine."
    assert list(tables.faults_table(read).iloc[0])[:5] == ["quarantined", "ledger", "ledger.csv", "7", "account"]


def test_control_totals_agree_to_the_cent_or_the_difference_stands_there(tmp_path: Path) -> None:
    control = pd.DataFrame({"period": "2026-02", "site": "North", "type": ["revenue", "cost", "statistical"]})
    control = control.assign(stated_cents=100, accepted_cents=[100, 99, 0], quarantined_cents=0)
    control = control.assign(difference_cents=[0, 1, 100], agrees=[True, False, False], known=[True, True, False])
    read = inputs(tmp_path, control=control, control_totals=control[["period", "site", "type"]])
    assert tables.control_sentence(read, "2026-02") == "1 of 3 control totals of Feb 2026 agree to the cent."
    table = tables.control_table(read, "2026-02", "North")
    assert list(table["Agrees"]) == ["yes", "no", "not known"]
    assert list(table["Difference EUR"]) == ["0.00", "0.01", NOT_AVAILABLE]


def test_no_control_totals_is_said(tmp_path: Path) -> None:
    said = tables.control_sentence(inputs(tmp_path), "2026-02")
    assert said == "Control totals are off: there is no control_totals table."


def test_notes_are_repeated_or_their_absence_said() -> None:
    assert tables.notes_sentence(small.demand()) == "calls at North: 2026-02 is in progress."
    assert tables.notes_sentence(small.staffing()) == "Nothing was left out."

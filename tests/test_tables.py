"""Tables and sentences: hand arithmetic on small results, in the words and signs of the field."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_results as small
import small_variance as hand
from opsanalytics import tables
from opsanalytics.budget import BudgetVariance
from opsanalytics.formats import DRIVERS, MISSING_MONTHS, NOT_AVAILABLE, to_cents
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


def test_the_answer_says_where_why_whether_it_was_known_and_what_the_year_comes_to() -> None:
    # To date: revenue 240, cost 141, result 99; plan 200, 134, 66. The year: 470 against 396.
    assert tables.variance_sentence(hand.whole()).splitlines() == [
        "Feb 2026, North, year to date: result 99.0 kEUR, 33.0 kEUR (50.0 %) above plan: favourable.",
        "Revenue 240.0 kEUR, +40.0 kEUR against plan (favourable); cost 141.0 kEUR, +7.0 kEUR against plan (adverse).",
        "Feb 2026 alone: result 57.0 kEUR, 24.0 kEUR (72.7 %) above plan: favourable.",
        "Materially off plan to date (at least 1.0 kEUR and 5.0 %): 3 of 3 P&L lines; the largest: "
        "Freight +40.0 kEUR (favourable), Payroll +14.0 kEUR (adverse) and Fuel -7.0 kEUR (favourable).",
        "Why, year to date against plan: volume (+26.0 kEUR), price (+10.0 kEUR) and spending (+9.0 kEUR) raised the "
        "result; rate (-8.0 kEUR) and overtime (-6.0 kEUR) lowered it; +2.0 kEUR is explained by no driver.",
        "Was it known? Partly. The last forecasts (1 of 2 months made now from what was known then) put the result "
        "to date at 90.0 kEUR; the actual is 9.0 kEUR above (favourable). Of the lines off plan, known: Freight; "
        "partly known: Payroll; not known: Fuel.",
        "Outlook for the full year (combined by backtest): result 470.0 kEUR (80 % range 440.0 kEUR to 500.0 kEUR), "
        "+74.0 kEUR against plan (favourable); tested at this month of 3 earlier years, it missed revenue by 3.5 % and "
        "cost by 4.1 %.",
    ]


def test_a_view_that_is_not_the_plain_one_is_named_before_any_figure() -> None:
    first = tables.variance_sentence(hand.whole(one_offs="without", structure="as_current")).splitlines()[0]
    assert first == "Shown without the lines marked one-off and every month in the structure of Feb 2026."


def test_what_is_material_is_named_with_the_rule_the_largest_first() -> None:
    said = " ".join(tables.off_plan_sentence(hand.whole()).split())
    assert said == (
        "Materially off plan to date (at least 1.0 kEUR and 5.0 %): 3 of 3 P&L lines; the largest: "
        "Freight +40.0 kEUR (favourable), Payroll +14.0 kEUR (adverse) and Fuel -7.0 kEUR (favourable)."
    )


def test_a_line_with_revenue_and_cost_is_one_line_and_each_variance_bears_its_type() -> None:
    rows = hand.whole().variances
    fuel = (rows["item"] == "Fuel") & (rows["dimension"] == "pl_line")
    both = hand.whole(variances=rows.assign(**{c: rows[c].mask(fuel, "Payroll") for c in ("item", "name")}))
    said = tables.off_plan_sentence(both)
    assert "2 of 2 P&L lines" in said
    assert "Payroll +14.0 kEUR" in said, "two costs of one name have one type"
    turned = both.variances.assign(item2=both.variances["item2"].mask(fuel, "revenue"))
    said = tables.off_plan_sentence(hand.whole(variances=turned))
    assert "2 of 2 P&L lines; the largest: Freight +40.0 kEUR (favourable), Payroll, cost, +14.0 kEUR (adverse)" in said
    assert "Payroll, revenue, -7.0 kEUR" in said
    known = tables.known_sentence(hand.whole(variances=turned))
    assert "Payroll, cost" in known
    assert "0 of 2 material lines have a comment" in tables.comments_sentence(hand.whole(variances=turned))


def test_where_nothing_material_is_off_plan_nothing_was_to_be_known() -> None:
    calm = hand.whole(variances=hand.whole().variances.assign(material=False))
    said = tables.known_sentence(calm)
    assert said.startswith("Was it known? There was nothing material to know. The last forecasts (1 of 2 months")
    assert "lines off plan" not in said


def test_without_a_budget_the_prior_year_is_compared_with_and_what_is_off_is_said() -> None:
    variance = small.variance(budget=False)
    said = " ".join(tables.variance_sentence(variance).split())
    assert "39.0 kEUR (65.0 %) above prior year: favourable." in said
    assert "What is off plan is off: there is no budget for this year." in said
    assert "with no plan to compare with;" in said
    assert tables.off_plan_table(variance).empty


def test_a_missing_month_is_called_incomplete_first_of_all() -> None:
    variance = small.variance(months=("2026-02",))
    assert tables.variance_sentence(variance).startswith("INCOMPLETE: ledger lines are missing for Jan 2026;")
    whole = dataclasses.replace(variance, entity="(all)")
    assert tables.variance_sentence(whole).startswith("INCOMPLETE: ledger lines are missing for Jan 2026 (North);")


def test_each_sentence_is_one_line_whatever_the_names() -> None:
    name = "Субвенція\n " * 100
    frames = {f: getattr(hand.whole(), f).replace("Freight", name) for f in ("variances", "bridges", "amounts")}
    lines = tables.variance_sentence(hand.whole(**frames)).splitlines()
    assert len(lines) == 7
    assert all(line.endswith(".") for line in lines)


def test_one_answer_has_one_unit_of_money() -> None:
    said = tables.variance_sentence(hand.whole())
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


def test_codes_made_of_digits_are_names() -> None:
    frame = pd.DataFrame({"Account": ["510", "511"], "Code": ["23576000000", "0110"], "AC": ["1,234", "0"]})
    page = tables.show(frame)._repr_html_()
    assert "<td>510</td><td>23576000000</td>" in page
    assert '<td class="number">1,234</td>' in page
    crossed = tables.show(tables.crossed_table(hand.whole()))._repr_html_()
    assert "<td>100</td>" in crossed


def test_long_texts_share_the_page_by_what_they_hold_and_the_rest_keeps_its_own_width() -> None:
    # Roots of the longest: 20 and 10, so two thirds and one third.
    frame = pd.DataFrame({"Item": ["Fuel"], "Draft": ["x " * 200], "Comment": ["y " * 50], "AC": ["1.0"]})
    page = tables.show(frame)._repr_html_()
    assert re.findall(r"<th[^>]*width: ([0-9]+)%[^>]*>([A-Za-z]+)", page) == [("67", "Draft"), ("33", "Comment")]
    assert '<table class="figures texts">' in page
    assert '<table class="figures">' in tables.show(frame[["Item", "AC"]])._repr_html_()


def test_a_date_stays_whole_where_its_text_folds() -> None:
    page = tables.show(pd.DataFrame({"Written by": ["E. Nolan, 31 Oct 2026"], "Text": ["long " * 9]}))._repr_html_()
    assert '<td class="short">E. Nolan, <span class="date">31 Oct 2026</span></td>' in page
    assert "span.date { white-space: nowrap; }" in page


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
    table = tables.result_table(hand.whole())
    assert [head.split()[0] for head in table.columns[2:-1]] == ["PY", "PL", "FC", "AC", "ΔPL"]
    year = table[(table["Horizon"] == "Full year") & (table["Measure"] == "Result")].iloc[0]
    assert list(year)[2:] == [NOT_AVAILABLE, "396.0", "470.0", "", "+74.0", "favourable"]  # no year's actual in Feb
    month = table[(table["Horizon"] == "Month") & (table["Measure"] == "Cost")].iloc[0]
    assert list(month)[2:] == [NOT_AVAILABLE, "67.0", NOT_AVAILABLE, "73.0", "+6.0", "adverse"]


def test_a_restricted_view_is_still_the_whole() -> None:
    # The largest effect is Freight's; the others are cost, 124 + 17 = 141 against 134, so 7 more: adverse.
    table = tables.variance_table(hand.whole(), top=1)
    assert list(table["P&L line"]) == ["Freight", "Others (2)", "Revenue", "Cost", "Result"]
    others = table[table["P&L line"] == "Others (2)"].iloc[0]
    assert list(others)[1:] == ["cost", "141.0", "134.0", "+7.0", "+5.2 %", "adverse", ""]
    none = tables.variance_table(hand.whole(), top=0)
    assert list(none["P&L line"]) == ["Others (1)", "Others (2)", "Revenue", "Cost", "Result"]
    pd.testing.assert_frame_equal(tables.variance_table(hand.whole(), top=3), tables.variance_table(hand.whole()))


def of_revenue(*changes: int) -> BudgetVariance:
    """A variance of as many lines of revenue, each 100,000.00 in the plan, off by so many cents."""
    rows = hand.whole().variances
    line = rows[(rows["item"] == "Freight") & (rows["horizon"] == "ytd") & (rows["reference"] == "PL")].head(1)
    whole = rows[(rows["measure"] == "revenue") & (rows["horizon"] == "ytd") & (rows["reference"] == "PL")]
    parts = [(line, f"Line {k}", 100 * hand.K, change) for k, change in enumerate(changes)]
    pieces = []
    for row, item, plan, change in [*parts, (whole, "(total)", 100 * hand.K * len(changes), sum(changes))]:
        cents = {"actual_cents": plan + change, "reference_cents": plan, "variance_cents": change}
        cents["like_for_like_cents"] = change
        pieces.append(row.assign(item=item, name=item, effect_cents=change, share=change / plan, **cents))
    return hand.whole(variances=pd.concat(pieces, ignore_index=True))


def test_shown_parts_that_do_not_add_up_after_rounding_are_not_forced() -> None:
    # Three lines are 140.00 above plan each, 0.1 thousand; together they are 420.00 above, 0.4 thousand.
    table = tables.variance_table(of_revenue(14_000, 14_000, 14_000))
    assert list(table["ΔPL kEUR"]) == ["+0.1", "+0.1", "+0.1", "+0.4"]


def test_what_has_a_verdict_does_not_read_as_zero() -> None:
    table = tables.variance_table(of_revenue(4_000, -300, 0))
    assert list(table["ΔPL kEUR"]) == ["+0.04", "-0.003", "0.0", "+0.04"]
    assert list(table["Effect"]) == ["favourable", "adverse", "neutral", "favourable"]
    steps = hand.whole().bridges
    small = steps["driver"] == "volume"
    steps = steps.assign(
        cents=steps["cents"] * 100, effect_cents=(steps["effect_cents"] * 100).mask(small & (steps["cents"] == 0), -700)
    )
    shown = tables.bridge_table(hand.whole(bridges=steps))
    assert list(shown[shown["Step"] == "Volume"].iloc[0])[1::2] == ["-0.01", "adverse"]  # 7.00


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=8), st.integers(0, 9))
def test_any_restricted_view_sums_to_the_whole(changes: list[int], top: int) -> None:
    variance = of_revenue(*changes)
    small_plan = variance.variances.assign(actual_cents=0, reference_cents=0)  # written in full, so it reads back
    table = tables.variance_table(dataclasses.replace(variance, variances=small_plan), top=top)
    cents = [to_cents(text.replace(",", "")) for text in table["ΔPL EUR"]]
    assert sum(cents[:-1]) == cents[-1] == sum(changes)
    assert len(table) == 1 + min(len(changes), top + 1)


def test_outlook_sets_the_measures_of_every_method_side_by_side_and_the_chosen_last_with_its_range() -> None:
    # Plan: 1,200 - 660 - 144 = 396. Run rate: 1,440 - 744 - 102 = 594, so 198 above it.
    table = tables.outlook_table(hand.whole())
    heads = [f"{side}{measure} kEUR" for side in ("", "ΔPL ") for measure in ("Revenue", "Cost", "Result")]
    assert list(table.columns) == ["Full year", *heads, "Effect"]
    assert [list(row) for row in table.itertuples(index=False)] == [
        ["plan", "1,200.0", "804.0", "396.0", "", "", "", ""],
        ["run rate", "1,440.0", "846.0", "594.0", "+240.0", "+42.0", "+198.0", "favourable"],
        ["combined by backtest, chosen", "1,300.0", "830.0", "470.0", "+100.0", "+26.0", "+74.0", "favourable"],
        ["80 % range, from", NOT_AVAILABLE, NOT_AVAILABLE, "440.0", "", "", "", ""],
        ["80 % range, to", NOT_AVAILABLE, NOT_AVAILABLE, "500.0", "", "", "", ""],
    ]


def test_an_outlook_without_plan_or_range_has_no_row_for_either() -> None:
    unknown = dict.fromkeys(["plan_cents", "variance_cents", "effect_cents", "lo_cents", "hi_cents"], pd.NA)
    outlook = hand.whole().outlook.assign(**unknown)
    table = tables.outlook_table(hand.whole(outlook=outlook))
    assert list(table["Full year"]) == ["run rate", "combined by backtest, chosen"]
    assert set(table["ΔPL Result kEUR"]) | set(table["Effect"]) == {NOT_AVAILABLE}


def test_the_backtest_of_each_method_stands_beside_its_weight_and_the_combination_has_none() -> None:
    table = tables.outlook_accuracy_table(hand.whole())
    assert list(table.columns)[:5] == ["Method", "Years", "Revenue WAPE", "Revenue bias", "Revenue weight"]
    assert [list(row) for row in table.itertuples(index=False)] == [
        ["run rate", "3", "12.4 %", "+5.0 %", "25.0 %", NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE],
        ["combined by backtest", "3", "3.5 %", "-1.0 %", "", "4.1 %", "0.0 %", ""],
    ]


def test_an_outlook_that_could_not_be_tested_says_so() -> None:
    variance = hand.whole(outlook_accuracy=hand.whole().outlook_accuracy.iloc[:0])
    assert tables.outlook_sentence(variance).endswith("; not tested, as there is no earlier year to test on.")
    assert tables.outlook_accuracy_table(variance).empty


def test_lines_come_to_what_the_year_comes_to() -> None:
    table = tables.outlook_lines_table(hand.whole())
    assert list(table.columns)[2:6] == ["AC to date kEUR", "FC rest kEUR", "FC year kEUR", "PL year kEUR"]
    rows = {row[0]: row[1:] for row in table.itertuples(index=False, name=None)}
    assert rows["Freight"] == ("revenue", "240.0", "1,060.0", "1,300.0", "1,200.0", "+100.0", "favourable")
    assert rows["Payroll"] == ("cost", "124.0", "576.0", "700.0", "660.0", "+40.0", "adverse")
    assert "Freight" in tables.outlook_lines_table(hand.whole(), by="account")["Account"].iloc[0]


def test_last_forecasts_stand_beside_the_months_and_say_when_they_were_made() -> None:
    table = tables.forecast_table(hand.whole())
    january = table[(table["Month"] == "Jan 2026") & (table["Measure"] == "Cost")].iloc[0]
    assert list(january)[2:] == ["70.0", "68.0", "-2.0", "favourable", "Dec 2025", "afterwards"]
    february = table[(table["Month"] == "Feb 2026") & (table["Measure"] == "Result")].iloc[0]
    assert list(february)[2:] == ["50.0", "57.0", "+7.0", "favourable", "Jan 2026", "at the time"]
    lost = hand.whole(monthly=hand.whole().monthly.iloc[:3])
    assert cell(tables.forecast_table(lost), "ΔFC kEUR", Month="Feb 2026", Measure="Cost") == NOT_AVAILABLE


def test_cost_centres_meet_lines_and_margins_add_up() -> None:
    table = tables.crossed_table(hand.whole())
    assert list(table.columns) == ["Cost centre, effect in EUR", "Freight", "Payroll", "Fuel", "Total"]
    assert [list(row) for row in table.itertuples(index=False)] == [
        ["100", "+25,000.00", "-14,000.00", "+7,000.00", "+18,000.00"],
        ["200", "+15,000.00", "", "", "+15,000.00"],
        ["Total", "+40,000.00", "-14,000.00", "+7,000.00", "+33,000.00"],
    ]
    few = tables.crossed_table(hand.whole(), top=1, columns=1)
    assert list(few.columns)[1:] == ["Freight", "Others (2)", "Total"]
    assert list(few.iloc[-1]) == ["Total", "+40,000.00", "-7,000.00", "+33,000.00"]


# Budget: why


def test_drivers_stand_by_analysis_with_their_share_and_the_table_they_come_from() -> None:
    table = tables.drivers_table(hand.whole())
    assert list(table["Analysis"].drop_duplicates()) == ["Sales", "Flexible budget", "Payroll", "Materials"]
    flexed = {row[1]: row[2:] for row in table.itertuples(index=False, name=None) if row[0] == "Flexible budget"}
    assert flexed["volume"] == ("-2,000.00", "-6.1 %", "adverse", "drivers")  # -2 of 33
    assert flexed["spending"] == ("+9,000.00", "+27.3 %", "favourable", "ledger")
    items = tables.drivers_table(hand.whole(), analysis="flexible_budget", top=1)
    assert list(items["Item"]) == ["6100 Fuel", "Others (1)"]
    assert list(items["Effect EUR"]) == ["+9,000.00", "-2,000.00"]


def test_many_drivers_are_counted_beyond_three_each_way() -> None:
    codes = ["volume", "price", "rate", "usage", "mix"]
    steps = pd.DataFrame({"by": "driver", "step": range(1, 6), "kind": "driver", "driver": codes, "cents": 0})
    steps = steps.assign(effect_cents=[k * hand.K for k in (5, 4, 3, 2, 1)], horizon="ytd", reference="PL")
    said = tables.why_sentence(hand.whole(bridges=steps))
    assert said == (
        "Why, year to date against plan: volume (+5.0 kEUR), price (+4.0 kEUR), rate (+3.0 kEUR) and "
        "2 smaller drivers (+3.0 kEUR) raised the result."
    )


def test_a_fourth_driver_is_named_and_no_single_one_is_counted() -> None:
    steps = pd.DataFrame({"by": "driver", "kind": "driver", "driver": ["volume", "price", "rate", "mix"], "cents": 0})
    steps = steps.assign(effect_cents=[-k * hand.K for k in (5, 4, 3, 1)], horizon="ytd", reference="PL", step=1)
    said = tables.why_sentence(hand.whole(bridges=steps))
    assert said == (
        "Why, year to date against plan: volume (-5.0 kEUR), price (-4.0 kEUR), rate (-3.0 kEUR) and mix (-1.0 kEUR) "
        "lowered the result."
    )


def test_what_months_are_missing_is_said_apart_from_what_no_driver_explains() -> None:
    rows = hand.whole().bridges
    lost = rows[rows["kind"] == "rest"].assign(driver=MISSING_MONTHS, effect_cents=-5 * hand.K)
    said = tables.why_sentence(hand.whole(bridges=pd.concat([rows, lost])))
    assert said.endswith("; +2.0 kEUR is explained by no driver; -5.0 kEUR is due to missing months.")


def test_a_bridge_shows_each_level_that_it_comes_to() -> None:
    table = tables.bridge_table(hand.whole())
    assert [list(row)[:3] for row in table.itertuples(index=False)] == [
        ["Result, plan", "", "66,000.00"],
        ["Volume", "+26,000.00", "92,000.00"],
        ["Price", "+10,000.00", "102,000.00"],
        ["Spending", "+9,000.00", "111,000.00"],
        ["Rate", "-8,000.00", "103,000.00"],
        ["Overtime", "-6,000.00", "97,000.00"],
        [DRIVERS["other_revenue"].capitalize(), "+2,000.00", "99,000.00"],
        ["Result, actual", "", "99,000.00"],
    ]
    assert "Payroll" in list(tables.bridge_table(hand.whole(), by="pl_line")["Step"])


def test_the_few_that_make_most_reach_100_percent_with_the_others() -> None:
    # Sizes 26, 10, 9, 8, 6, 2 make 61: 26 of 61 is 42.6 %, 36 of 61 59.0 %.
    table = tables.pareto_table(hand.whole(), top=2)
    assert list(table["Driver"]) == ["Volume", "Price", "Others (4)"]
    assert list(table["Cumulative"]) == ["42.6 %", "59.0 %", "100.0 %"]
    assert list(table["Effect EUR"]) == ["+26,000.00", "+10,000.00", "-3,000.00"]  # 9 - 8 - 6 + 2
    assert tables.pareto_table(hand.whole(), by="account")["Account"].iloc[0] == "4000 Freight"


def test_activities_name_the_rest_that_no_product_caused() -> None:
    said = tables.activity_sentence(hand.whole())
    assert said == "The activity pools cost 100.0 kEUR, borne by 1 product; 30.0 kEUR is unallocated."
    table = tables.activity_table(hand.whole())
    assert list(table["Product"]) == ["Express", "Unallocated"]
    assert list(table.iloc[0]) == ["Sorting", "parcels", "2.50", "Express", "70,000.00"]
    whole = dataclasses.replace(hand.bare(), entity="(all)")
    assert tables.activity_sentence(whole) == "Activity costs are off: there is no activities table."


# Budget: the ledger itself, and words


def test_what_was_restated_is_said_with_its_effect_and_leads_from_pack_to_pack() -> None:
    assert tables.restatement_sentence(hand.whole()) == (
        "Restated since the last pack: 1 line of Jan 2026, -1.0 kEUR on the result of the year to date, which with the "
        "months since went from 43.0 kEUR to 99.0 kEUR."
    )
    assert list(tables.restated_table(hand.whole()).iloc[0]) == [
        *("Jan 2026", "100", "6000 Payroll", "Payroll", "59,000.00", "60,000.00", "+1,000.00", "adverse")
    ]
    moved = tables.movement_table(hand.whole())
    assert list(moved[moved["Measure"] == "Result"]["Amount kEUR"]) == ["43.0", "-1.0", "+57.0", "99.0"]
    assert list(moved["Step"])[2] == "Months new since: Feb 2026"


def test_no_earlier_pack_is_not_the_same_as_nothing_restated() -> None:
    assert "no earlier pack is on record" in tables.restatement_sentence(hand.bare())
    same = hand.whole(restated=hand.whole().restated.iloc[:0])
    assert tables.restatement_sentence(same) == "Nothing was restated: every month reported before is as it was."


def test_restated_lines_beyond_the_first_are_added_up() -> None:
    rows = pd.concat([hand.whole().restated] * 3, ignore_index=True)
    rows = rows.assign(account=["6000", "6001", "6002"], change_cents=[300, 200, 100], effect_cents=[-300, -200, -100])
    table = tables.restated_table(hand.whole(restated=rows), top=1)
    assert list(table["Month"]) == ["Jan 2026", "Others, cost (2)"]
    assert list(table["Change EUR"]) == ["+3.00", "+3.00"]


def test_flags_are_counted_by_rule_those_not_listed_included() -> None:
    said = tables.flags_sentence(hand.whole())
    assert said == "4 flags: round sum (3) and spike (1)."
    table = tables.flags_table(hand.whole())
    assert list(table["Rule"]) == ["round sum", "spike", "Others (2)"]
    assert list(table.iloc[0])[1:4] == ["D1, 1, Big customer", "Feb 2026", "100, 4000 Freight"]
    assert list(tables.flags_table(hand.whole(), top=1)["Rule"]) == ["round sum", "Others (3)"]


def test_the_largest_lines_stand_behind_each_variance_the_largest_first() -> None:
    table = tables.largest_table(hand.whole(), top=1)
    assert list(table["P&L line"]) == ["Freight", "Payroll", "Fuel"]
    assert list(table["Amount EUR"]) == ["30,000.00", "5,000.00", "-6,000.00"]
    assert len(tables.largest_table(hand.whole(), top=2)) == 4


def test_a_ledger_line_is_named_in_few_columns_and_a_type_that_says_nothing_is_left_out() -> None:
    rows = hand.whole().largest
    table = tables.largest_table(hand.whole(), top=1)
    heads = ["Document, line", "Posted on", "Cost centre, account", "Amount EUR", "Text"]
    assert list(table.columns) == ["P&L line", *heads]
    assert list(table.iloc[0])[1:4] == ["D1, 1", "10 Feb 2026", "100, 4000 Freight"]
    both = pd.concat([rows, rows.assign(item="100", item2="cost"), rows.assign(item="100", item2="revenue")])
    assert list(tables.largest_table(hand.whole(largest=both)).columns)[:2] == ["P&L line", "Type"]
    silent = tables.largest_table(hand.whole(largest=rows.assign(text="")))
    assert list(silent.columns) == ["P&L line", *heads[:-1]]


def test_the_month_of_a_line_stands_beside_its_day_only_where_it_is_another() -> None:
    rows = hand.whole().largest.head(1)
    late = hand.whole(largest=rows.assign(period="2026-01"))
    assert cell(tables.largest_table(late), "Posted on", Text="Big customer") == "10 Feb 2026 for Jan 2026"
    undated = hand.whole(largest=rows.assign(posted_on=pd.NaT))
    assert cell(tables.largest_table(undated), "Posted on", Text="Big customer") == "Feb 2026"


def test_a_long_name_beside_its_code_does_not_make_a_ledger_line_high() -> None:
    variances = hand.whole().variances
    variances = variances.assign(name=variances["name"].mask(variances["item"] == "4000", "Субвенція " * 100))
    (booked,) = tables.largest_table(hand.whole(variances=variances), top=1)["Cost centre, account"].head(1)
    assert booked.startswith("100, 4000 Субвенція")
    assert booked.endswith("…")
    assert len(booked) <= 2 * 40 + 2


def test_comments_stand_beside_drafts_and_none_is_lost() -> None:
    drafts = pd.DataFrame(
        [("(total)", "(total)", "result", "Up."), ("pl_line", "Payroll", "cost", "More pay.")],
        columns=["dimension", "item", "item2", "text"],
    )
    on = {"measure": "variance", "dimension": "pl_line", "author": "E. Nolan", "written_on": pd.Timestamp("2026-02-27")}
    rows = [
        {"item": "Payroll", "text": "Overtime.", "period": hand.PERIOD, "amount_cents": 9 * hand.K, "state": "stale"},
        {"item": "Payroll", "text": "And bonus.", "period": hand.PERIOD, "amount_cents": None, "state": "no amount"},
        {"item": "Rent", "text": "Not off.", "period": "2026-01", "amount_cents": None, "state": "earlier"},
    ]
    comments = pd.DataFrame([on | row for row in rows]).assign(now_cents=14 * hand.K)
    comments = comments.astype({"amount_cents": "Int64", "now_cents": "Int64"})
    variance = hand.whole(drafts=drafts, comments=comments)
    table = tables.comments_table(variance)
    assert [list(row) for row in table.itertuples(index=False)] == [
        ["Result", "Up.", "", "", ""],
        ["Payroll", "More pay.", "Overtime.", "E. Nolan, 27 Feb 2026", "stale: 9,000.00 then, 14,000.00 EUR now"],
        ["Payroll", "", "And bonus.", "E. Nolan, 27 Feb 2026", "no amount: never goes stale"],
        ["Rent", "", "Not off.", "E. Nolan, 27 Feb 2026", "of Jan 2026"],
    ]
    alone = tables.comments_table(hand.whole(drafts=drafts))
    assert list(alone.columns) == ["Item", "Draft from the numbers"]
    assert tables.comments_sentence(variance) == (
        "1 of 3 material lines has a comment; 1 comment is stale; 1 comment bears no amount and never goes stale."
    )


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("why_sentence", "Why is off: there is no table that names a driver"),
        ("known_sentence", "Whether it was known is off: there is no forecast of the months to date."),
        ("outlook_sentence", "The outlook for the year is off: there are no actuals to date."),
        ("restatement_sentence", "Restatements are off: no earlier pack is on record."),
        ("flags_sentence", "No ledger line is flagged."),
        ("activity_sentence", "Activity costs are for all sites together: a cost pool knows no site."),
        ("comments_sentence", "0 of 3 material lines have a comment."),
    ],
)
def test_what_is_off_is_said_and_is_no_error(sentence: str, said: str) -> None:
    assert getattr(tables, sentence)(hand.bare()).startswith(said)


@pytest.mark.parametrize(
    "name",
    [
        *("drivers_table", "bridge_table", "pareto_table", "activity_table", "outlook_table", "outlook_lines_table"),
        "outlook_accuracy_table",
        *("forecast_table", "crossed_table", "restated_table", "movement_table", "flags_table", "largest_table"),
        "comments_table",
    ],
)
def test_a_table_of_what_is_not_there_is_empty_and_keeps_its_heads(name: str) -> None:
    table = getattr(tables, name)(hand.bare())
    assert table.empty
    assert len(table.columns) >= 2
    assert not getattr(tables, name)(hand.whole(drafts=pd.DataFrame())).empty or name == "comments_table"


def test_off_plan_lists_every_dimension_the_largest_effect_first() -> None:
    table = tables.off_plan_table(small.variance())
    assert list(table["Dimension"].drop_duplicates()) == ["P&L line", "Department", "Cost centre", "Account"]
    accounts = list(table[table["Dimension"] == "Account"]["Item"])
    assert accounts == ["4000 Freight", "6000 Wages and salaries", "6100 Fuel"]


def test_the_proof_agrees_and_would_see_a_missing_cent() -> None:
    variance = hand.whole()
    assert set(tables.variance_adds_up(variance)["Agrees"]) == {"yes"}
    amounts = variance.amounts.copy()
    amounts.loc[amounts["dimension"].eq("account").idxmax(), "cents"] += 1
    wrong = tables.variance_adds_up(dataclasses.replace(variance, amounts=amounts))
    assert list(wrong[wrong["Agrees"] == "no"]["Difference EUR"]) == ["0.01"]
    assert tables.proof_sentence(wrong).endswith("checks agree. See the row that does not.")


def test_the_proof_of_a_year_that_lacks_a_month_is_over_the_months_that_both_sides_hold() -> None:
    variance = small.variance(months=("2026-02",))
    assert "Effect by cost centre and P&L line" in set(tables.variance_adds_up(variance)["What"])
    assert set(tables.variance_adds_up(variance)["Agrees"]) == {"yes"}


@pytest.mark.parametrize(
    ("frame", "column", "what"),
    [
        ("bridges", "effect_cents", "Bridge by driver from PL"),
        ("bridges", "cents", "Bridge by driver from PL"),
        ("drivers", "effect_cents", "Drivers and what they leave"),
        ("crossed", "effect_cents", "Effect by cost centre and P&L line"),
        ("forecast", "cents", "Revenue by month's last forecast"),
        ("outlook_lines", "cents", "Revenue, outlook by line"),
        ("movement", "cents", "Revenue since the last pack"),
        ("activity_costs", "cents", "Activity pools by product"),
    ],
)
def test_a_cent_too_much_anywhere_is_seen(frame: str, column: str, what: str) -> None:
    rows = getattr(hand.whole(), frame).copy()
    rows.loc[rows.index[0], column] += 1
    proof = tables.variance_adds_up(hand.whole(**{frame: rows}))
    assert what in set(proof[proof["Agrees"] == "no"]["What"])


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
    said = tables.off_sentence(inputs(tmp_path), "01_budget_variance")
    assert "Off: volume, mix and price of revenue, because there is no sales table." in said.splitlines()


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

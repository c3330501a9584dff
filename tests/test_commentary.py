"""Words: every number of a draft is a figure, and an analyst's own text is never lost."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_variance as small
from opsanalytics import results
from opsanalytics.budget.commentary import comment_state, comments_on, draft_commentary, known_word

K = small.K
UNHURRIED = settings(deadline=None, max_examples=10)


def texts(variance: object, accounts: pd.DataFrame | None = small.ACCOUNTS) -> dict[str, str]:
    """The drafts by item."""
    drafts, _ = draft_commentary(variance, accounts)  # type: ignore[arg-type]
    return dict(zip(drafts["item"], drafts["text"], strict=True))


def written(*rows: dict[str, object]) -> pd.DataFrame:
    """A commentary table on Payroll's variance in February, with what each row says otherwise."""
    plain = {
        "period": small.PERIOD,
        "entity": small.SITE,
        "measure": "variance",
        "dimension": "pl_line",
        "item": "Payroll",
        "author": "E. Nolan",
        "written_on": pd.Timestamp("2026-02-28"),
        "text": "Overtime.",
        "amount_cents": 14 * K,
    }
    return pd.DataFrame([plain | row for row in rows])


def found(*rows: dict[str, object], **options: object) -> list[dict[str, object]]:
    """What stands of these comments in February."""
    keys = {"period": small.PERIOD, "entity": small.SITE, "materiality_cents": K} | options
    return comments_on(written(*rows), small.whole().comparable, **keys).to_dict("records")  # type: ignore[arg-type]


# Drafts


def test_the_result_and_each_material_line_have_a_draft_the_largest_effect_first() -> None:
    drafts, _ = draft_commentary(small.whole())
    assert list(drafts["item"]) == ["(total)", "Freight", "Payroll", "Fuel"]


def test_a_draft_says_what_how_much_why_known_and_the_outlook() -> None:
    assert texts(small.whole())["Payroll"] == (
        "Payroll, year to date: 124.0 kEUR against a plan of 110.0 kEUR, +14.0 kEUR (12.7 %): adverse. "
        "Payroll, in effect on the result: rate of 100 -8.0 kEUR and overtime of 100 -6.0 kEUR. "
        "Partly known: the last forecasts (1 of 2 months made now from what was known then) had 116.0 kEUR. "
        "Outlook for the full year: 700.0 kEUR against a plan of 660.0 kEUR (adverse)."
    )


def test_the_result_is_explained_by_its_bridge() -> None:
    # 66 + 26 + 10 + 9 - 8 - 6 + 2 = 99; named are the three largest, each at least 3.3.
    said = "By driver, in effect on the result: volume +26.0 kEUR, price +10.0 kEUR and spending +9.0 kEUR."
    assert said in texts(small.whole())["(total)"]


def test_what_no_driver_explains_is_no_explanation() -> None:
    rests = small.whole().bridges
    rests = rests[rests["kind"] != "driver"]
    assert "driver" not in texts(small.whole(bridges=rests))["(total)"]
    large = small.whole().bridges.copy()
    large.loc[large["kind"] == "rest", "effect_cents"] = 5 * K
    said = texts(small.whole(bridges=large))["(total)"]
    assert "and spending +9.0 kEUR. Not explained by a driver: revenue +5.0 kEUR." in said


def test_a_ledger_line_is_named_only_where_it_makes_half_of_the_variance_and_stands_out() -> None:
    drafts = texts(small.whole())
    assert 'The largest ledger line behind it, "Big customer", posted for Feb 2026: 30.0 kEUR.' in drafts["Freight"]
    assert '"Refund of duty", posted for Feb 2026: -6.0 kEUR.' in drafts["Fuel"]
    assert "ledger line" not in drafts["Payroll"], "5 of 14 is less than half"
    lines = small.whole().largest
    credit = lines.assign(amount_cents=-30 * K)
    assert "ledger line" not in texts(small.whole(largest=credit))["Freight"], "a credit does not make revenue larger"
    usual = lines.assign(amount_cents=lines["amount_cents"].replace(9 * K, 16 * K))
    assert "ledger line" not in texts(small.whole(largest=usual))["Freight"], "30 is not twice 16"


@pytest.mark.parametrize(("thousands", "named"), [(60, True), (61, False), (20, True), (19, False)])
def test_a_ledger_line_much_larger_than_the_variance_is_no_reason_for_it(thousands: int, named: bool) -> None:
    # Freight is 40 off plan: a planned insurance of 600 is not behind that, however large.
    lines = small.whole().largest
    largest = lines.assign(amount_cents=lines["amount_cents"].replace(30 * K, thousands * K).replace(9 * K, K))
    assert ("ledger line" in texts(small.whole(largest=largest))["Freight"]) == named


def test_a_line_is_explained_by_the_drivers_of_its_accounts() -> None:
    said = (
        "Flexible budget, in effect on the result: spending of 6100 Fuel +9.0 kEUR and volume of 6100 Fuel -2.0 kEUR."
    )
    assert said in texts(small.whole())["Fuel"]
    small_driver = small.whole().drivers.assign(effect_cents=K // 2)
    assert "Flexible" not in texts(small.whole(drivers=small_driver))["Fuel"], "0.5 of 7 is less than a tenth"


def test_sales_concern_revenue_only_where_it_is_one_line() -> None:
    assert "Sales, in effect on the result: volume of Parcels +30.0 kEUR" in texts(small.whole())["Freight"]
    more = pd.concat([small.ACCOUNTS, small.ACCOUNTS.iloc[:1].assign(account="4100", pl_line="Rent")])
    assert "Sales" not in texts(small.whole(), more)["Freight"]


def test_without_accounts_lines_are_left_unexplained_and_nothing_is_guessed() -> None:
    drafts = texts(small.whole(), None)
    assert "By driver" in drafts["(total)"]
    assert "in effect on the result" not in drafts["Freight"]


@pytest.mark.parametrize(
    ("plan", "forecast", "material", "said"),
    [
        pytest.param(40, 10, False, "Known", id="not materially off the forecast"),
        pytest.param(14, 8, True, "Partly known", id="off it, by less and on the same side"),
        pytest.param(14, 14, True, "Not known", id="as far off it as off the plan"),
        pytest.param(14, 14, False, "Not known", id="the forecast was the plan, material by its share or not"),
        pytest.param(14, -15, False, "Not known", id="farther off the forecast than off the plan"),
        pytest.param(14, -8, True, "Not known", id="on the other side"),
    ],
)
def test_what_was_known_is_judged_by_the_forecast(plan: int, forecast: int, material: bool, said: str) -> None:
    off_plan = {"variance_cents": plan, "material": True}
    assert known_word(off_plan, {"variance_cents": forecast, "material": material}) == said


@pytest.mark.parametrize(("forecast", "material"), [(0, False), (8, True), (14, True), (-8, True)])
def test_where_nothing_material_is_off_plan_there_was_nothing_to_know(forecast: int, material: bool) -> None:
    off_plan = {"variance_cents": 14, "material": False}
    assert known_word(off_plan, {"variance_cents": forecast, "material": material}) == "Nothing material to know"


def test_without_forecast_outlook_drivers_and_ledger_a_draft_is_short_and_says_what_is_not_known() -> None:
    assert texts(small.bare())["Fuel"] == (
        "Fuel, year to date: 17.0 kEUR against a plan of 24.0 kEUR, -7.0 kEUR (29.2 %): favourable. "
        "Whether it was known is not on record: there is no forecast of these months."
    )


def test_an_incomplete_variance_is_drafted_over_the_months_that_both_sides_hold() -> None:
    rows = small.whole().variances.assign(status="INCOMPLETE")
    rows["like_for_like_cents"] = rows["like_for_like_cents"] // 2
    drafts, numbers = draft_commentary(small.whole(variances=rows))
    (text,) = drafts.loc[drafts["item"] == "Freight", "text"]
    assert "+20.0 kEUR over the months that both sides hold: favourable." in text
    assert "variance_like_for_like" in set(numbers["measure"])
    assert "variance_share" not in set(numbers["measure"])


def test_nothing_to_compare_with_is_no_draft() -> None:
    empty = small.whole(variances=small.whole().variances.iloc[:0])
    drafts, numbers = draft_commentary(empty)
    assert drafts.empty
    assert list(drafts.columns) == ["dimension", "item", "item2", "text"]
    assert numbers.empty
    assert list(numbers.columns)[:2] == ["draft", "number"]


def test_every_number_of_a_draft_is_on_record_with_its_figure() -> None:
    drafts, numbers = draft_commentary(small.whole(), small.ACCOUNTS)
    for place, text in enumerate(drafts["text"]):
        own = numbers[numbers["draft"] == place]
        stated = re.findall(r"[+-]?[0-9,]+\.[0-9] (?:kEUR|%)", text)
        assert sorted(stated) == sorted(own["number"])


def test_the_figure_behind_a_number_is_the_number() -> None:
    # The amounts and variances of the drafts, looked up by their key, written again.
    variance = small.whole()
    _, numbers = draft_commentary(variance, small.ACCOUNTS)
    amounts = numbers[numbers["measure"].isin(["amount", "result"])]
    assert len(amounts) == 4 * 5
    key = ["measure", "dimension", "item", "dimension2", "item2", "horizon", "scenario"]
    found = amounts.merge(variance.amounts, on=key, how="left", validate="m:1")
    assert [f"{cents / K:,.1f} kEUR" for cents in found["cents"]] == list(found["number"])
    lines = numbers[(numbers["measure"] == "variance") & (numbers["dimension"] == "pl_line")]
    key = ["dimension", "item", "dimension2", "item2", "horizon", "reference"]
    compared = variance.variances[variance.variances["dimension"] == "pl_line"]
    found = lines.merge(compared, on=key, how="left", validate="1:1")
    assert [f"{cents / K:+,.1f} kEUR" for cents in found["variance_cents"]] == list(found["number"])
    assert set(numbers["report"]) == {"budget_variance"}
    assert set(numbers["entity"]) == {small.SITE}
    assert set(numbers["period"]) == {small.PERIOD}
    drivers = numbers[numbers["measure"] == "driver_effect"]
    assert "payroll, rate" in set(drivers["item2"])


def test_each_number_is_one_row_of_the_figures_and_reads_as_that_row() -> None:
    variance = small.whole()
    _, numbers = draft_commentary(variance, small.ACCOUNTS)
    found = numbers.merge(results.figures(variance), on=results.KEY, how="left", validate="m:1")
    assert len(found) == len(numbers) == 4 * 7 + 9 + 2  # seven in each draft, nine drivers, two ledger lines
    for number, value, cents in zip(found["number"], found["value"], found["cents"], strict=True):
        if number.endswith("%"):
            assert number == f"{abs(value):.1%}".replace("%", " %")
        else:
            assert number.lstrip("+") == f"{cents / K:,.1f} kEUR"


@UNHURRIED
@given(st.permutations(range(8)), st.text(max_size=30))
def test_drafts_do_not_depend_on_the_order_of_rows_nor_on_what_names_hold(order: list[int], name: str) -> None:
    variance = small.whole()
    before = variance.drivers.copy()
    turned = small.whole(drivers=variance.drivers.iloc[order], variances=variance.variances.iloc[::-1])
    assert texts(turned) == texts(variance)
    pd.testing.assert_frame_equal(variance.drivers, before)
    named = texts(small.whole(largest=variance.largest.assign(text=name)))
    assert all(len(text.splitlines()) == 1 for text in named.values())


# Comments


@pytest.mark.parametrize(
    ("amount", "now", "state"),
    [
        pytest.param(14 * K, 14 * K, "commented", id="as it was"),
        pytest.param(14 * K, 15 * K, "commented", id="moved by exactly what is material"),
        pytest.param(14 * K, 15 * K + 1, "stale", id="moved by a cent more"),
        pytest.param(14 * K, 13 * K - 1, "stale", id="moved down"),
        pytest.param(0, 2 * K, "stale", id="a comment on zero is one on an amount"),
        pytest.param(None, 15 * K, "no amount", id="without an amount it never goes stale"),
        pytest.param(14 * K, None, "commented", id="no figure says that it moved"),
    ],
)
def test_a_comment_is_stale_once_its_figure_moved_beyond_materiality(
    amount: int | None, now: int | None, state: str
) -> None:
    assert comment_state(amount, now, K) == state


def test_a_comment_stands_with_its_figure_now() -> None:
    (comment,) = found({})
    assert (comment["text"], comment["now_cents"], comment["state"]) == ("Overtime.", 14 * K, "commented")
    (comment,) = found({"amount_cents": 10 * K})
    assert comment["state"] == "stale"
    (comment,) = found({"amount_cents": None})
    assert comment["state"] == "no amount"


def test_no_comment_is_lost_whatever_it_is_about() -> None:
    rows = [
        {},
        {"item": "A line that nobody has"},
        {"measure": "required_fte", "dimension": "service", "item": "calls", "amount_cents": None},
        {"item": "Fuel", "text": "=1+1 <script>"},
    ]
    comments = found(*rows)
    assert sorted(str(c["text"]) for c in comments) == sorted(str(r.get("text", "Overtime.")) for r in rows)
    assert [c["state"] for c in comments if c["item"] == "A line that nobody has"] == ["commented"]


def test_a_comment_on_an_amount_or_on_the_total_is_held_against_that_figure() -> None:
    (amount,) = found({"measure": "amount", "amount_cents": 124 * K})
    assert amount["now_cents"] == 124 * K
    total = {"dimension": "(total)", "item": "(total)"}
    (change,) = found(total)
    assert change["now_cents"] == 33 * K
    (result,) = found({**total, "measure": "result"})
    assert result["now_cents"] == 99 * K


def test_the_last_comment_of_an_earlier_month_is_offered_until_a_new_one_is_written() -> None:
    old = [{"period": "2025-12", "text": "Oldest."}, {"period": "2026-01", "text": "Old."}]
    (kept,) = found(*old)
    assert (kept["period"], kept["text"], kept["state"]) == ("2026-01", "Old.", "earlier")
    (new,) = found(*old, {})
    assert new["text"] == "Overtime."


def test_the_table_at_hand_replaces_what_an_older_one_says_under_the_same_key() -> None:
    (one,) = found({"text": "As first written."}, {"text": "As corrected."})
    assert one["text"] == "As corrected."


def test_comments_of_other_entities_later_months_and_without_words_are_not_shown() -> None:
    assert not found({"entity": "South"}, {"period": "2026-03"}, {"text": "  "}, {"text": None})
    (one,) = found({"entity": "(all)"}, also=("(all)",))
    assert one["text"] == "Overtime."


def test_a_line_with_revenue_and_cost_has_no_one_figure_to_hold_a_comment_against() -> None:
    rows = small.whole().comparable
    payroll = (rows["item"] == "Payroll") & (rows["horizon"] == "ytd")
    both = pd.concat([rows, rows[payroll].assign(item2="revenue")])
    options = {"period": small.PERIOD, "entity": small.SITE, "materiality_cents": K}
    (comment,) = comments_on(written({"amount_cents": 1}), both, **options).to_dict("records")  # type: ignore[arg-type]
    assert pd.isna(comment["now_cents"])
    assert comment["state"] == "commented"


def test_without_a_commentary_table_there_are_no_comments() -> None:
    options = {"period": small.PERIOD, "entity": small.SITE, "materiality_cents": K}
    comments = comments_on(None, small.whole().comparable, **options)  # type: ignore[arg-type]
    assert comments.empty
    assert {"text", "now_cents", "state"} <= set(comments.columns)


@UNHURRIED
@given(st.permutations(range(4)))
def test_comments_do_not_depend_on_the_order_of_rows_and_leave_the_table_alone(order: list[int]) -> None:
    table = written({}, {"item": "Fuel"}, {"period": "2026-01", "item": "Freight"}, {"entity": "South"})
    before = table.copy()
    options = {"period": small.PERIOD, "entity": small.SITE, "materiality_cents": K}
    variances = small.whole().comparable
    expected = comments_on(table, variances, **options)  # type: ignore[arg-type]
    turned = comments_on(table.iloc[order], variances, **options)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(turned, expected)
    pd.testing.assert_frame_equal(table, before)

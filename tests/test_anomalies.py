"""Rules of the ledger's flags and of the lines behind a variance, each on a small ledger made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsanalytics import sources
from opsanalytics.budget.ledger.anomalies import RULES, ledger_flags
from opsanalytics.budget.ledger.lines import largest_lines
from opsanalytics.periods import Calendar, month_range, shift

PERIOD = "2026-10"
HISTORY = month_range(shift(PERIOD, -12), shift(PERIOD, -1))
CHART = pd.DataFrame({"account": ["4000", "6000", "9000"], "type": ["revenue", "cost", "statistical"]}, dtype="str")
Row = tuple[str, str, str, str, str, int, str | None]


def row(
    document: str,
    period: str,
    amount: int,
    *,
    day: str = "15",
    posted: str = "",
    centre: str = "C1",
    account: str = "6000",
    text: str | None = "Invoice",
) -> Row:
    """One ledger line; the amount in whole units."""
    return (document, posted or f"{period}-{day}", period, centre, account, amount * 100, text)


def write(path: Path, rows: Sequence[Row]) -> Path:
    frame = pd.DataFrame(
        list(rows), columns=["document", "posted_on", "period", "cost_centre", "account", "amount_cents", "text"]
    )
    frame = frame.assign(line="1", posted_on=pd.to_datetime(frame["posted_on"])).astype({"text": "object"})
    frame = frame.astype(dict.fromkeys(("document", "period", "cost_centre", "account", "line"), "object"))
    with duckdb.connect() as con:
        con.register("rows", frame.astype({"amount_cents": "int64"}))
        con.execute(f"COPY (SELECT * REPLACE (CAST(text AS VARCHAR) AS text) FROM rows) TO '{path}' (FORMAT parquet)")
    return path


def flagged(tmp_path: Path, rows: Sequence[Row], **options: Any) -> pd.DataFrame:
    path = write(tmp_path / "ledger.parquet", rows)
    return ledger_flags(path, CHART, period=PERIOD, calendar=Calendar(7), **options)


def documents(flags: pd.DataFrame, rule: str) -> list[str]:
    return flags.loc[flags["rule"] == rule, "document"].tolist()


def why(flags: pd.DataFrame) -> str:
    (sentence,) = flags["why"]
    return str(sentence)


#: A year of ordinary invoices: no two alike, none of them round.
ORDINARY = [row(f"O{k}", month, 2_001 + 13 * k, day=f"{k + 5:02d}") for k, month in enumerate([*HISTORY, PERIOD])]


def test_an_ordinary_month_has_no_flags(tmp_path: Path) -> None:
    flags = flagged(tmp_path, ORDINARY)
    assert flags.empty
    assert flags["amount_cents"].dtype == "int64"
    assert flags["posted_on"].dtype == "datetime64[us]"


def test_a_posting_into_a_closed_month_is_flagged_with_its_days(tmp_path: Path) -> None:
    rows = [
        row("on the fifth day", "2026-09", 3_001, posted="2026-10-05"),
        row("on the sixth", "2026-09", 3_002, posted="2026-10-06"),
        row("two months", "2026-08", 3_003, posted="2026-10-12"),
        row("small", "2026-09", 999, posted="2026-10-20"),
        row("flagged a month ago", "2026-08", 3_004, posted="2026-09-20"),
        row("into the month itself", PERIOD, 3_006, posted="2026-11-09"),
    ]
    flags = flagged(tmp_path, rows)
    assert documents(flags, "wrong_period") == ["into the month itself", "two months", "on the sixth"]
    # 31 August to 12 October: 30 days of September and 12 of October.
    assert flags["why"].tolist()[1] == "Posted 42 days after the end of Aug 2026; its books close 5 days after it."


def test_a_round_sum_is_flagged_where_the_account_has_few(tmp_path: Path) -> None:
    flags = flagged(tmp_path, [*ORDINARY, row("R", PERIOD, 6_000), row("not quite", PERIOD, 6_100, text="x")])
    assert documents(flags, "round_sum") == ["R"]
    # 12 ordinary lines of the months before.
    assert "of the account's 12 lines of 1,000.00 or more in the 12 months before 0 are" in why(
        flags[flags["rule"] == "round_sum"]
    )


def test_two_round_sums_of_one_month_do_not_excuse_each_other(tmp_path: Path) -> None:
    flags = flagged(tmp_path, [*ORDINARY, row("R", PERIOD, 6_000), row("S", PERIOD, 9_000, text="x")])
    assert documents(flags, "round_sum") == ["S", "R"]


def test_a_round_sum_of_an_account_without_history_says_so(tmp_path: Path) -> None:
    assert why(flagged(tmp_path, [row("V", PERIOD, 20_000)])) == (
        "A multiple of 10,000; the account has no line of 1,000.00 or more in the 12 months before."
    )


@pytest.mark.parametrize(
    "usual",
    [
        pytest.param(
            [row(f"U{k}", m, 3_000 + 1_000 * k, text="x") for k, m in enumerate(HISTORY)], id="many are round"
        ),
        pytest.param([row("U", "2026-03", 7_000, text="x")], id="the line has had the amount before"),
    ],
)
def test_a_usual_round_sum_is_not_flagged(tmp_path: Path, usual: list[Row]) -> None:
    assert documents(flagged(tmp_path, [*ORDINARY, *usual, row("R", PERIOD, 7_000)]), "round_sum") == []


def test_where_an_account_has_few_lines_only_a_very_round_sum_is_flagged(tmp_path: Path) -> None:
    rows = [row("R", PERIOD, 11_000), row("V", PERIOD, 20_000, text="x")]
    assert documents(flagged(tmp_path, rows), "round_sum") == ["V"]


def test_a_credit_without_the_amount_it_takes_back_is_flagged(tmp_path: Path) -> None:
    rows = [
        row("bought", "2026-08", 4_321),
        row("taken back", PERIOD, -4_321),
        row("bought too long ago", "2026-07", 5_432),
        row("late", PERIOD, -5_432),
        row("elsewhere", PERIOD, 6_543, centre="C2"),
        row("not here", PERIOD, -6_543, centre="C3"),
    ]
    flags = flagged(tmp_path, rows)
    assert documents(flags, "reversal_without_pair") == ["not here", "late"]


def test_one_amount_is_taken_back_once(tmp_path: Path) -> None:
    rows = [row("A", PERIOD, 4_321), row("B", PERIOD, -4_321, day="20"), row("C", PERIOD, -4_321, day="21", text="x")]
    assert documents(flagged(tmp_path, rows), "reversal_without_pair") == ["C"]


def test_a_credit_no_larger_than_those_before_it_is_usual(tmp_path: Path) -> None:
    before = row("before", "2026-01", -5_000)
    flags = flagged(tmp_path, [before, row("no larger", PERIOD, -5_000), row("larger", PERIOD, -5_001)])
    assert documents(flags, "reversal_without_pair") == ["larger"]
    assert "the largest such credit here in the 12 months before was -5,000.00" in why(flags)


def accruals(months: Sequence[str]) -> list[Row]:
    """Accruals at the months' ends, each reversed on the first of the next month."""
    rows = []
    for k, month in enumerate(months):
        amount, after = 3_001 + 7 * k, shift(month, 1)
        rows += [
            row(f"AC{month}", month, amount, day="28", text=f"Accrual {month}"),
            row(f"RV{month}", after, -amount, day="01", text=f"Reversal of AC{month}"),
        ]
    return rows


def test_an_accrual_without_its_reversal_is_flagged_and_known_by_the_habit_of_its_text(tmp_path: Path) -> None:
    kept = accruals(month_range("2026-03", "2026-08"))
    open_ones = [
        row("AC2026-09", "2026-09", 8_888, day="30", text="Accrual 2026-09"),
        row("INV", "2026-09", 7_777, text="Invoice 2026-09"),
    ]
    flags = flagged(tmp_path, [*kept, *open_ones, row("any", PERIOD, 1_234)])
    assert documents(flags, "reversal_without_pair") == ["AC2026-09"]
    expected = "Not reversed in the month after Sep 2026; 6 of 6 lines of this text had their pair"
    assert expected in why(flags)


def test_a_line_that_is_called_a_reversal_is_flagged_however_small(tmp_path: Path) -> None:
    rows = [*accruals(month_range("2026-03", "2026-08")), row("refund", "2026-05", -9_000, text="Refund")]
    flags = flagged(tmp_path, [*rows, row("RVx", PERIOD, -1_111, day="01", text="Reversal of AC2026-09")])
    assert documents(flags, "reversal_without_pair") == ["RVx"]


def monthly(*amounts: int, text: str = "Rent") -> list[Row]:
    """One line a month, the last in the reporting month."""
    months = month_range(shift(PERIOD, 1 - len(amounts)), PERIOD)
    return [row(f"M{m}", m, amount, text=text) for m, amount in zip(months, amounts, strict=True)]


def test_a_spike_is_measured_by_the_robust_z(tmp_path: Path) -> None:
    # The median of 10,001 .. 10,012 is 10,006.5, that of the deviations 3: z = 0.6745 * d / 3 reaches 3.5 at
    # d = 15.567, so from 10,022.07 on.
    history = [10_000 + k for k in range(1, 13)]
    assert flagged(tmp_path, monthly(*history, 10_022), floor_cents=0).empty
    flags = flagged(tmp_path, monthly(*history, 10_023), floor_cents=0)
    assert flags["rule"].tolist() == ["spike"]
    assert flags["amount_cents"].tolist() == [10_023_00]
    assert flags["document"].tolist() == [""]
    # 0.6745 * (10,023 - 10,006.5) / 3 = 3.70975.
    assert why(flags) == (
        "10,023.00 against 10,006.50, the median of 12 months (robust z 3.7); Oct 2025 had 10,001.00. "
        "Largest line: M2026-10, 10,023.00."
    )


def test_a_spike_needs_twelve_months_and_the_floor(tmp_path: Path) -> None:
    assert flagged(tmp_path, monthly(*range(3_001, 3_012), 9_999)).empty  # eleven months before
    assert flagged(tmp_path, monthly(*[3_002] * 12, 4_001)).empty  # 999 more
    assert flagged(tmp_path, monthly(*[3_002] * 12, 4_002))["rule"].tolist() == ["spike"]


def test_where_most_months_are_alike_the_mean_deviation_stands_in_for_the_median_one(tmp_path: Path) -> None:
    # Eleven months of 3,001 and one of 15,001: MAD 0, mean deviation 1,000, so 3.5 * 1.2533 * 1,000 = 4,386.55 counts.
    history = [3_001] * 5 + [15_001] + [3_001] * 6
    assert flagged(tmp_path, monthly(*history, 3_001 + 4_386)).empty
    assert flagged(tmp_path, monthly(*history, 3_001 + 4_387))["rule"].tolist() == ["spike"]


def test_a_season_is_no_spike(tmp_path: Path) -> None:
    # The median of the twelve is 3,006.50. Beyond last year's 9,000 by half as much as beyond the median:
    # x - 9,000 >= (x - 3,006.50) / 2 from x = 14,993.50 on.
    history = [9_000, *(3_001 + k for k in range(11))]
    assert flagged(tmp_path, monthly(*history, 7_001)).empty  # between the usual and last year's month
    assert flagged(tmp_path, monthly(*history, 14_993)).empty
    assert flagged(tmp_path, monthly(*history, 14_994))["rule"].tolist() == ["spike"]
    assert flagged(tmp_path, monthly(*history[::-1], 7_001))["rule"].tolist() == ["spike"]


def test_the_same_line_under_two_documents_is_flagged_at_the_later(tmp_path: Path) -> None:
    rows = [
        row("A", PERIOD, 4_321, day="10"),
        row("B", PERIOD, 4_321, day="15"),
        row("six days on", PERIOD, 4_321, day="21"),
        row("other text", PERIOD, 4_321, day="15", text="Other"),
        row("other centre", PERIOD, 4_321, day="15", centre="C2"),
        row("last of September", "2026-09", 5_432, day="30", text=None),
        row("first of October", PERIOD, 5_432, day="02", text=None),
    ]
    flags = flagged(tmp_path, rows)
    assert documents(flags, "duplicate_across_documents") == ["first of October", "B"]
    assert flags["text"].tolist() == ["", "Invoice"]
    assert flags["why"].tolist()[1] == (
        "Amount, cost centre, account and text as A, posted 5 days before, and not taken back since."
    )


def test_a_repeat_that_was_taken_back_is_not_flagged(tmp_path: Path) -> None:
    rows = [row("A", PERIOD, 4_321, day="10"), row("B", PERIOD, 4_321, day="11"), row("C", PERIOD, -4_321, day="20")]
    assert documents(flagged(tmp_path, rows), "duplicate_across_documents") == []


def test_of_three_copies_of_which_one_was_taken_back_one_is_too_many(tmp_path: Path) -> None:
    rows = [row(name, PERIOD, 4_321, day=day) for name, day in (("A", "10"), ("B", "11"), ("C", "12"))]
    back = [row(f"back {day}", PERIOD, -4_321, day=day) for day in ("11", "20")]
    assert documents(flagged(tmp_path, rows), "duplicate_across_documents") == ["B", "C"]
    assert documents(flagged(tmp_path, [*rows, back[1]]), "duplicate_across_documents") == ["C"]
    assert documents(flagged(tmp_path, [*rows, *back]), "duplicate_across_documents") == []


def test_a_line_taken_back_and_booked_again_is_no_repeat(tmp_path: Path) -> None:
    rows = [row("A", PERIOD, 4_321, day="10"), row("back", PERIOD, -4_321, day="11"), row("B", PERIOD, 4_321, day="12")]
    assert documents(flagged(tmp_path, rows), "duplicate_across_documents") == []


def test_a_repeat_that_comes_every_month_is_usual_but_one_more_is_not(tmp_path: Path) -> None:
    usual = [row(f"{m}{n}", m, 4_321, day=f"1{n}") for m in [*HISTORY[-3:], PERIOD] for n in (1, 2)]
    assert documents(flagged(tmp_path, usual), "duplicate_across_documents") == []
    flags = flagged(tmp_path, [*usual, row("third", PERIOD, 4_321, day="13")])
    assert documents(flags, "duplicate_across_documents") == ["third"]


def test_statistical_accounts_and_later_months_are_not_looked_at(tmp_path: Path) -> None:
    rows = [
        row("km", PERIOD, 50_000, account="9000"),
        row("later", "2026-11", 50_000),
        row("unknown account", PERIOD, 50_000, account="7777"),
    ]
    assert flagged(tmp_path, rows).empty


def test_flags_are_cut_to_the_places_of_an_entity(tmp_path: Path) -> None:
    rows = [row("here", PERIOD, 20_000), row("there", PERIOD, 30_000, centre="C2")]
    places = pd.DataFrame({"period": [PERIOD], "cost_centre": ["C1"], "account": ["6000"]}, dtype="str")
    assert documents(flagged(tmp_path, rows, places=places), "round_sum") == ["here"]


def test_the_largest_of_a_rule_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    rows = [row(f"R{k}", PERIOD, 10_000 * k) for k in range(1, 8)]
    flags = flagged(tmp_path, rows)
    assert flags["amount_cents"].tolist() == [k * 10_000_00 for k in (7, 6, 5, 4, 3)]
    assert flags["others"].tolist() == [2] * 5
    assert flagged(tmp_path, rows[:5])["others"].tolist() == [0] * 5


LINES = st.lists(
    st.tuples(
        st.sampled_from([*HISTORY[-3:], PERIOD]),
        st.sampled_from(["C1", "C2"]),
        st.sampled_from(["4000", "6000"]),
        st.sampled_from([-20_000, -5_432, 5_432, 10_000, 20_000, 7_777]),
        st.integers(1, 28),
        st.sampled_from(["Rent", "=1+1", None, "<script>", "Miete 2026 ä"]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, order=st.randoms(use_true_random=False))
def test_flags_are_lines_of_the_ledger_whatever_the_order_of_its_rows(
    tmp_path: Path, lines: list[tuple[str, str, str, int, int, str | None]], order: Any
) -> None:
    rows = [
        row(f"D{k}", month, amount, day=f"{day:02d}", centre=centre, account=account, text=text)
        for k, (month, centre, account, amount, day, text) in enumerate(lines)
    ]
    flags = flagged(tmp_path, rows)
    amounts = {(document, period): cents for document, _, period, _, _, cents, _ in rows}
    for flag in flags.itertuples(index=False):
        assert flag.rule in RULES
        assert amounts[flag.document, flag.period] == flag.amount_cents
        assert flag.period in (PERIOD, shift(PERIOD, -1))
        assert flag.why.endswith(".")
    assert flags["amount_cents"].abs().is_monotonic_decreasing
    order.shuffle(rows)
    pd.testing.assert_frame_equal(flagged(tmp_path, rows), flags)


def test_the_sample_has_a_handful_of_flags(sample: Path) -> None:
    inputs = sources.read(sample)
    assert inputs.ledger is not None
    flags = ledger_flags(inputs.ledger, inputs.tables["accounts"], period=PERIOD, calendar=inputs.settings.calendar)
    counts = flags["rule"].value_counts()
    # sample/ledger.py: cost invoices come late, 25 of 1,000; those of the last month of 1,000.00 or more are four.
    assert counts["wrong_period"] == 4
    late = flags[flags["rule"] == "wrong_period"]
    assert late["text"].str.endswith("late invoice").all()
    assert len(flags) <= 15
    # Every accrual of the sample is reversed in time, and no reversal lacks its accrual.
    assert not flags["document"].str.match("AC-|RV-").any()


# ------------------------------------------------------------------ behind a variance

PLACES = pd.DataFrame(
    [(m, c, a, line, kind) for m in ("2026-07", "2026-08", "2026-09", PERIOD) for c in ("C1", "C2")
     for a, line, kind in (("4000", "Sales", "revenue"), ("6000", "Pay", "cost"))],
    columns=["period", "cost_centre", "account", "pl_line", "type"],
    dtype="str",
)  # fmt: skip


def material(*items: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(items), columns=["dimension", "item", "item2"], dtype="str")
    return frame.assign(horizon="ytd", reference="PL", material=True)


def behind(tmp_path: Path, rows: Sequence[Row], variances: pd.DataFrame, **options: Any) -> pd.DataFrame:
    options = {"places": PLACES, "period": PERIOD, "calendar": Calendar(7)} | options
    places = options.pop("places")
    return largest_lines(write(tmp_path / "ledger.parquet", rows), variances, places, **options)


BOUGHT = [
    row("small", "2026-07", 10),
    row("large", "2026-08", 900),
    row("credit", "2026-09", -500),
    row("revenue", PERIOD, 5_000, account="4000"),
    row("other centre", PERIOD, 700, centre="C2"),
    row("last year", "2026-06", 9_000),
    row("to come", "2026-11", 9_000),
]


def test_the_largest_lines_of_the_year_to_date_stand_behind_each_material_variance(tmp_path: Path) -> None:
    wanted = material(("cost_centre", "C1", "cost"), ("pl_line", "Pay", "cost"), ("account", "4000", "revenue"))
    found = behind(tmp_path, BOUGHT, wanted, top=2)
    assert found[["dimension", "item", "item2", "rank", "document", "amount_cents"]].to_numpy().tolist() == [
        ["pl_line", "Pay", "cost", 1, "large", 900_00],
        ["pl_line", "Pay", "cost", 2, "other centre", 700_00],
        ["cost_centre", "C1", "cost", 1, "large", 900_00],
        ["cost_centre", "C1", "cost", 2, "credit", -500_00],
        ["account", "4000", "revenue", 1, "revenue", 5_000_00],
    ]


@pytest.mark.parametrize(
    "change",
    [{"material": False}, {"horizon": "month"}, {"reference": "PY"}, {"dimension": "department"}],
    ids=lambda change: next(iter(change)),
)
def test_only_material_variances_of_the_year_to_date_against_plan_are_asked_for(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    found = behind(tmp_path, BOUGHT, material(("pl_line", "Pay", "cost")).assign(**change))
    assert found.empty
    assert found["amount_cents"].dtype == "int64"


def test_only_the_lines_at_the_entitys_places_count(tmp_path: Path) -> None:
    here = PLACES[PLACES["cost_centre"] == "C2"]
    found = behind(tmp_path, BOUGHT, material(("pl_line", "Pay", "cost")), places=here)
    assert found["document"].tolist() == ["other centre"]


def test_lines_that_cancel_are_left_out_one_for_one(tmp_path: Path) -> None:
    rows = [
        row("accrual", "2026-08", 8_000, day="31"),
        row("reversal", "2026-09", -8_000, day="01"),
        row("invoice of the same amount", "2026-09", 8_000, day="12"),
        row("small", "2026-09", 5),
    ]
    found = behind(tmp_path, rows, material(("account", "6000", "cost")))
    assert found["document"].tolist() == ["invoice of the same amount", "small"]
    assert found["amount_cents"].sum() == sum(cents for *_, cents, _ in rows)


def test_a_place_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="2026-07, C1, 4000 stands twice"):
        behind(tmp_path, BOUGHT, material(("pl_line", "Pay", "cost")), places=pd.concat([PLACES, PLACES]))

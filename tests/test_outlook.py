"""Rules of the outlook: what each method says, how they are weighted, what they may look at, and what adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics import sources
from opsanalytics.accuracy import wape
from opsanalytics.budget.forecasting.methods import COMBINED, METHODS
from opsanalytics.budget.forecasting.outlook import Outlook, backtest_outlook, next_months, outlook
from opsanalytics.budget.leaves import AS_CURRENT, LEAF, Source
from opsanalytics.formats import ALL
from opsanalytics.periods import Calendar, month_range

UNHURRIED = settings(deadline=None, max_examples=8)
MONTHLY = Calendar()
KINDS = {"4": "revenue", "6": "cost", "9": "statistical"}
Row = tuple[str, str, str, int]


def leaves(rows: Sequence[Row]) -> pd.DataFrame:
    """Leaves of (period, site, account, cents); an account's first figure gives its type."""
    frame = pd.DataFrame(rows, columns=["period", "site", "account", "amount_cents"])
    frame = frame.assign(
        department="Works",
        cost_centre="C-" + frame["site"],
        pl_line="Line",
        type=[KINDS[account[0]] for account in frame["account"]],
    )
    columns = ["period", *LEAF, "amount_cents"]
    return frame[columns].astype({**dict.fromkeys(["period", *LEAF], "str"), "amount_cents": "int64"})


def year(number: int, account: str, *cents: int, site: str = "North") -> list[Row]:
    """The months of a year from January on, one amount each."""
    return [(f"{number}-{k:02d}", site, account, value) for k, value in enumerate(cents, start=1)]


def halves(number: int, account: str, first: int, second: int, site: str = "North") -> list[Row]:
    """A year with one amount in each month to June and another in each after it."""
    return year(number, account, *[first] * 6, *[second] * 6, site=site)


def plan_of(*rows: Row) -> Callable[[str], pd.DataFrame]:
    """A plan that is never amended."""
    return lambda month: leaves(rows)


def rest(found: Outlook, measure: str = "cost", entity: str = ALL) -> dict[str, int]:
    """The rest of the year by method."""
    totals = found.of(entity).totals
    part = totals[(totals["horizon"] == "roy") & (totals["measure"] == measure)]
    return dict(zip(part["method"], part["cents"], strict=True))


# Last year: A 100 a month to June and 200 after, B 100 in every month. This year to June: A 150, B 50.
LEDGER = [
    *halves(2025, "6000", 100, 200),
    *halves(2025, "6100", 100, 100),
    *year(2026, "6000", *[150] * 6),
    *year(2026, "6100", *[50] * 6),
]
PLAN = [
    *halves(2025, "6000", 80, 120),
    *halves(2025, "6100", 200, 200),
    *halves(2026, "6000", 130, 220),
    *halves(2026, "6100", 100, 100),
]


def of_june(rows: Sequence[Row] = LEDGER, plan: Sequence[Row] | None = PLAN) -> Outlook:
    return outlook(leaves(rows), None if plan is None else plan_of(*plan), period="2026-06", calendar=MONTHLY)


# What each method says


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        pytest.param("run_rate", 6 * 150 + 6 * 50, id="the months to date go on"),
        pytest.param("last_year_rest", 6 * 200 + 6 * 100, id="last year's months come again"),
        pytest.param("growth", 1200 * 3 // 2 + 600 // 2, id="last year's months by 900 / 600 and by 300 / 600"),
        pytest.param("remaining_plan", 6 * 220 + 6 * 100, id="the plan of the open months"),
        pytest.param("plan_left", (2100 - 900) + (1200 - 300), id="what the year's plan leaves"),
        # Of its plan A came to 1800 / 1200, B to 1200 / 2400, the site to 3000 / 3600; a line's one year counts half.
        pytest.param("plan_executed", (2450 - 900) + (800 - 300), id="2100 * 7/6 and 1200 * 2/3 of the plan"),
        # To June fell 1/3 of A, 1/2 of B and 2/5 of the site: 11/30 and 9/20; 900 * 19/11 + 300 * 11/9.
        pytest.param("seasonal", round(Fraction(900 * 19, 11) + Fraction(300 * 11, 9)), id="by the shares of months"),
    ],
)
def test_each_method_by_hand(method: str, expected: int) -> None:
    assert rest(of_june())[method] == expected


def test_growth_is_drawn_to_the_sites_the_more_the_less_its_months_agree() -> None:
    # Both lines had 100 in each month to June last year. Growth of A by month is 1 and 2 in turn, of B 0.5 and 1.5:
    # around their means of 1.5 and 1 that is 6 * 100 * 0.25 = 150 each, so within = 300 / (5 + 5) = 30.
    # Around their common 1.25: 2 * 600 * 0.0625 = 75; between = (75 - 30) / (1200 - 600) = 0.075.
    # Z = 600 * 0.075 / (600 * 0.075 + 30) = 0.6; growth 0.6 * 1.5 + 0.4 * 1.25 = 1.4 and 0.6 + 0.4 * 1.25 = 1.1.
    rows = [
        *halves(2025, "6000", 100, 200),
        *halves(2025, "6100", 100, 100),
        *year(2026, "6000", *[100, 200] * 3),
        *year(2026, "6100", *[50, 150] * 3),
    ]
    assert rest(of_june(rows))["shrunk_growth"] == 1680 + 660


@pytest.mark.parametrize(
    ("last_year", "to_date", "factor"),
    [
        pytest.param(100, 10_000, 2, id="more than doubled counts as doubled"),
        pytest.param(100, 1, Fraction(1, 2), id="less than half counts as half"),
        pytest.param(100, -300, Fraction(1, 2), id="a refund this year counts as half"),
        pytest.param(0, 5000, 1, id="nothing to grow from"),
        pytest.param(-100, 5000, 1, id="a refund last year is no base"),
    ],
)
def test_growth_keeps_within_its_bounds(last_year: int, to_date: int, factor: Fraction) -> None:
    rows = [*halves(2025, "6000", last_year, 1000), *year(2026, "6000", *[to_date] * 6)]
    assert rest(of_june(rows, None))["growth"] == 6000 * factor


def test_a_plan_used_up_leaves_nothing_and_a_planned_refund_keeps_its_sign() -> None:
    rows = [*year(2026, "6000", *[500] * 6), *year(2026, "6100", *[-10] * 6)]
    plan = [*halves(2026, "6000", 100, 100), *halves(2026, "6100", -20, -20)]
    assert rest(of_june(rows, plan))["plan_left"] == 0 + (-240 + 60)


def test_a_line_negative_to_date_has_its_run_rate_for_a_season() -> None:
    rows = [*halves(2025, "6000", 1, 1000), *year(2026, "6000", *[-5] * 6)]
    assert rest(of_june(rows, None))["seasonal"] == -30


def test_a_calendar_of_weeks_counts_its_weeks() -> None:
    # 4 + 4 + 5 weeks at 100 a week; the open periods of the year have 52 - 13 = 39.
    weeks = Calendar(1, "4-4-5", "last Saturday of December")
    rows = year(2026, "6000", 400, 400, 500)
    assert rest(outlook(leaves(rows), None, period="2026-03", calendar=weeks))["run_rate"] == 3900


def test_a_sixth_week_of_last_years_last_period_does_not_come_again() -> None:
    # The year that ends on 2022-12-31 has 53 weeks: its period 12 has six, this year's five.
    weeks = Calendar(1, "4-4-5", "last Saturday of December")
    rows = [*year(2022, "6000", *[400, 400, 500] * 3, 400, 400, 600), *year(2023, "6000", *[400, 400, 500] * 3)]
    assert rest(outlook(leaves(rows), None, period="2023-09", calendar=weeks))["last_year_rest"] == 400 + 400 + 500


def test_a_season_makes_the_year_at_most_double_what_the_run_rate_makes_of_it() -> None:
    # To June fell 6 of last year's 6006; the year is held to 2 * 1200, of which 6000 / 6006 falls in the open months.
    rows = [*halves(2025, "6000", 1, 1000), *year(2026, "6000", *[100] * 6)]
    assert rest(of_june(rows, None))["seasonal"] == round(Fraction(2400 * 6000, 6006))


def test_run_rates_round_half_to_even() -> None:
    for cents, expected in ((1, 0), (3, 2)):  # cents * 4 / 8
        rows = year(2026, "4000", *[0] * 7, cents)
        found = outlook(leaves(rows), None, period="2026-08", calendar=MONTHLY)
        assert rest(found, "revenue")["run_rate"] == expected


# Which methods stand


def test_without_last_year_and_plan_the_run_rate_stands_alone() -> None:
    found = outlook(leaves([("2026-01", "North", "4000", 100)]), None, period="2026-01", calendar=MONTHLY)
    totals = found.of(ALL).totals
    assert set(totals["method"]) == {"run_rate", COMBINED}
    fy = totals[totals["horizon"] == "fy"].set_index(["method", "measure"])["cents"].to_dict()
    assert fy[COMBINED, "revenue"] == fy["run_rate", "revenue"] == fy[COMBINED, "result"] == 1200
    assert fy[COMBINED, "cost"] == 0


def test_last_years_rest_needs_every_one_of_its_months() -> None:
    rows = [row for row in LEDGER if row[0] != "2025-09"]
    assert "last_year_rest" not in rest(of_june(rows, None))
    assert "last_year_rest" in rest(of_june(LEDGER, None))


def test_a_site_without_last_year_goes_by_its_run_rate_where_others_have_one() -> None:
    found = of_june([*LEDGER, *year(2026, "6000", *[7] * 6, site="South")], None)
    assert rest(found, entity="South") == {"run_rate": 42, COMBINED: 42}
    assert rest(found)["last_year_rest"] == rest(found, entity="North")["last_year_rest"] + 42


def test_a_site_without_lines_this_year_has_no_outlook() -> None:
    found = of_june([*LEDGER, *halves(2025, "6000", 5, 5, site="Closed")])
    assert found.of("Closed").totals.empty
    assert found.of("Closed").lines.empty
    assert rest(found) == rest(found, entity="North")


def test_no_lines_at_all_give_no_outlook() -> None:
    found = outlook(leaves([]), plan_of(*PLAN), period="2026-06", calendar=MONTHLY)
    assert found.lines.empty
    assert found.of(ALL).totals.empty


def test_statistical_accounts_have_none() -> None:
    found = of_june([*LEDGER, *halves(2025, "9000", 10, 10), *year(2026, "9000", *[10] * 6)])
    assert rest(found) == rest(of_june())
    assert set(found.lines["type"]) == {"cost"}


def test_after_the_last_month_nothing_remains_and_the_year_is_what_it_was() -> None:
    found = outlook(leaves(halves(2025, "6000", 7, 8)), None, period="2025-12", calendar=MONTHLY).of(ALL)
    assert set(found.totals["horizon"]) == {"fy"}
    row = found.totals[found.totals["chosen"] & (found.totals["measure"] == "cost")].iloc[0]
    assert (row["cents"], row["lo_cents"], row["hi_cents"]) == (90, 90, 90)
    assert found.lines.empty


def test_a_missing_month_is_estimated_in_the_year_and_not_in_its_rest() -> None:
    rows = [("2026-01", "North", "4000", 100), ("2026-03", "North", "4000", 200)]
    found = outlook(leaves(rows), None, period="2026-03", calendar=MONTHLY)
    totals = found.of(ALL).totals.set_index(["method", "measure", "horizon"])["cents"]
    assert totals["run_rate", "revenue", "roy"] == 150 * 9
    assert totals[COMBINED, "revenue", "fy"] == 300 + 150 * 10
    assert found.lines.loc[found.lines["period"] == "2026-02", "cents"].tolist() == [150]


def test_a_month_that_one_site_lacks_is_open_at_that_site_only() -> None:
    rows = [*year(2026, "6000", 100, 100), *year(2026, "6000", 100, site="South")]
    missing = pd.DataFrame({"site": ["South"], "period": ["2026-02"]})
    found = outlook(leaves(rows), None, period="2026-02", calendar=MONTHLY, missing=missing)
    totals = found.of(ALL).totals
    fy = totals[(totals["horizon"] == "fy") & totals["chosen"] & (totals["measure"] == "cost")]["cents"]
    assert fy.tolist() == [2400]
    assert set(found.lines.loc[found.lines["period"] == "2026-02", "site"]) == {"South"}


# Sites that are late, new or closed


def late_in_january(*, last_year: bool, plan: bool) -> Outlook:
    """South has not posted its January yet; each site has 1,000 a month, in the plan as in the year before."""
    rows = [row for site in ("North", "South") for row in halves(2025, "6000", 1000, 1000, site=site) if last_year]
    planned = [row for site in ("North", "South") for row in halves(2026, "6000", 1000, 1000, site=site)]
    return outlook(
        leaves([*rows, ("2026-01", "North", "6000", 1000)]),
        plan_of(*planned) if plan else None,
        period="2026-01",
        calendar=MONTHLY,
        missing=pd.DataFrame({"site": ["South"], "period": ["2026-01"]}),
    )


def full_year(found: Outlook, entity: str = ALL) -> dict[str, int]:
    """The full year's cost by method."""
    totals = found.of(entity).totals
    part = totals[(totals["horizon"] == "fy") & (totals["measure"] == "cost")]
    return dict(zip(part["method"], part["cents"], strict=True))


@pytest.mark.parametrize(("last_year", "plan"), [(True, True), (True, False), (False, True)])
def test_a_site_that_has_not_posted_yet_is_in_the_outlook_by_its_plan_or_last_year(last_year: bool, plan: bool) -> None:
    found = late_in_january(last_year=last_year, plan=plan)
    assert full_year(found)[COMBINED] == 24_000
    assert full_year(found, "South")[COMBINED] == 12_000
    assert "run_rate" not in full_year(found, "South")
    # The whole's run rate is North's, and for South what carries it instead: missing is not zero.
    assert set(full_year(found).values()) == {24_000}
    assert found.notes(ALL) == ()


def test_a_late_site_goes_by_its_plan_before_last_year_where_its_run_rate_is_asked_for() -> None:
    rows = [*halves(2025, "6000", 7, 7, site="South"), *year(2026, "6000", 100)]
    missing = pd.DataFrame({"site": ["South"], "period": ["2026-01"]})
    plan = plan_of(*halves(2026, "6000", 9, 9, site="South"))
    found = outlook(leaves(rows), plan, period="2026-01", calendar=MONTHLY, missing=missing)
    assert full_year(found)["run_rate"] == 1200 + 12 * 9


def test_a_site_that_nothing_speaks_for_is_left_out_and_named() -> None:
    found = late_in_january(last_year=False, plan=False)
    assert full_year(found) == full_year(found, "North")
    assert found.left_out == ()  # never seen, so nobody misses it
    rows = [*halves(2024, "6000", 5, 5, site="Old"), *halves(2025, "6000", 5, 5), *year(2026, "6000", 5)]
    missing = pd.DataFrame({"site": ["Old"], "period": ["2026-01"]})
    found = outlook(leaves(rows), None, period="2026-01", calendar=MONTHLY, missing=missing)
    assert found.of("Old").totals.empty
    assert found.left_out == ("Old",)
    assert [note for note in found.notes(ALL) if "Old" in note]
    assert found.notes("North") == ()


def test_a_site_that_this_years_plan_does_not_know_is_not_late_but_over() -> None:
    """South posted to October 2025; the budget of 2026 is North's alone."""
    south = [(f"2025-{k:02d}", "South", "6000", 300) for k in range(1, 11)]
    plan = plan_of(*halves(2025, "6000", 1000, 1000), *halves(2026, "6000", 1000, 1000))
    missing = pd.DataFrame({"site": ["South"] * 6, "period": [f"2026-{k:02d}" for k in range(1, 7)]})
    rows = [*halves(2025, "6000", 1000, 1000), *year(2026, "6000", *[1000] * 6), *south]
    found = outlook(leaves(rows), plan, period="2026-06", calendar=MONTHLY, missing=missing)
    assert full_year(found)[COMBINED] == 12_000
    assert found.left_out == ("South",)


def test_a_site_that_is_planned_to_open_has_its_plan() -> None:
    plan = [*PLAN, *year(2026, "6000", *[0] * 6, *[30] * 6, site="South")]
    found = of_june(LEDGER, plan)
    assert set(rest(found, entity="South").values()) == {180}
    assert rest(found)["run_rate"] == rest(found, entity="North")["run_rate"] + 180
    assert set(found.lines.loc[found.lines["site"] == "South", "period"]) == {f"2026-{k:02d}" for k in range(7, 13)}


def test_a_run_rate_begins_with_the_sites_first_line() -> None:
    rows = [*year(2026, "6000", *[1000] * 8), *year(2026, "6000", *[100] * 8, site="South")[6:]]
    found = outlook(leaves(rows), None, period="2026-08", calendar=MONTHLY)
    assert rest(found, entity="South") == {"run_rate": 400, COMBINED: 400}
    assert full_year(found, "South")[COMBINED] == 600
    # A month that the whole ledger lacks is open where a site had begun, and not where one had not.
    rows = [row for row in rows if row[0] != "2026-03"]
    found = outlook(leaves(rows), None, period="2026-08", calendar=MONTHLY)
    assert full_year(found, "South")[COMBINED] == 600
    assert full_year(found, "North")[COMBINED] == 12_000


def test_last_year_does_not_go_for_a_site_that_began_within_those_of_its_months() -> None:
    # South began in July 2025: it has last year's second half, but no first half to grow from.
    south = [*year(2025, "6000", *[10] * 12, site="South")[6:], *year(2026, "6000", *[10] * 6, site="South")]
    found = of_june([*LEDGER, *south], None)
    assert rest(found, entity="South") == {"run_rate": 60, "last_year_rest": 60, COMBINED: 60}
    found = outlook(leaves([*LEDGER, *south[:-1]]), None, period="2026-05", calendar=MONTHLY)
    assert rest(found, entity="South") == {"run_rate": 70, COMBINED: 70}


def test_a_site_whose_plan_and_lines_are_over_has_closed() -> None:
    south = [*halves(2025, "6000", 10, 10, site="South"), *year(2026, "6000", 10, 10, 10, site="South")]
    plan = [*PLAN, *year(2026, "6000", 10, 10, 10, site="South")]
    found = of_june([*LEDGER, *south], plan)
    assert set(rest(found, entity="South").values()) == {0}
    assert full_year(found, "South")[COMBINED] == 30
    assert found.closed == ("South",)
    assert [note for note in found.notes("South") if "South" in note]
    # With a line in the last month it goes on, whatever the plan says.
    going = of_june([*LEDGER, *south, ("2026-06", "South", "6000", 10)], plan)
    assert going.closed == ()
    assert rest(going, entity="South")[COMBINED] > 0


@pytest.mark.parametrize("missing", ["2026-05", "2026-12"])
def test_a_year_over_with_a_month_missing_is_no_certainty(missing: str) -> None:
    rows = [*halves(2025, "6000", 100, 100), *halves(2026, "6000", 100, 100)]
    rows += [(month, "South", "6000", 100) for month, *_ in rows if month != missing]
    lacks = pd.DataFrame({"site": ["South"], "period": [missing]})
    found = outlook(leaves(rows), None, period="2026-12", calendar=MONTHLY, missing=lacks)
    assert full_year(found)[COMBINED] == 2400
    for entity, certain in (("North", True), ("South", False), (ALL, False)):
        totals = found.of(entity).totals
        ends = totals.loc[totals["chosen"], ["lo_cents", "hi_cents"]]
        assert ends.notna().all(axis=None) if certain else ends.isna().all(axis=None)


def test_a_site_without_the_last_year_has_its_plan_when_the_year_is_over() -> None:
    asked = []

    def plan_at(month: str) -> pd.DataFrame:
        asked.append(month)
        return leaves(halves(2026, "6000", 50, 50, site="South"))

    lacks = pd.DataFrame({"site": "South", "period": [f"2026-{k:02d}" for k in range(1, 13)]})
    rows = leaves(halves(2026, "6000", 100, 100))
    found = outlook(rows, plan_at, period="2026-12", calendar=MONTHLY, missing=lacks)
    assert full_year(found)[COMBINED] == 1200 + 600
    assert max(asked) < "2026-12"  # from December on the plan in force is next year's


def test_a_season_takes_a_week_53_for_the_week_that_it_is() -> None:
    # 100 a week, always: the year to 2022-12-31 has a week 53 in its last period, the one after it has not.
    weeks = Calendar(1, "4-4-5", "last Saturday of December")
    rows = [*year(2022, "6000", *[400, 400, 500] * 3, 400, 400, 600), *year(2023, "6000", *[400, 400, 500] * 3)]
    assert rest(outlook(leaves(rows), None, period="2023-09", calendar=weeks))["seasonal"] == 1300
    rows = [*year(2021, "6000", *[400, 400, 500] * 4), *year(2022, "6000", *[400, 400, 500] * 3)]
    assert rest(outlook(leaves(rows), None, period="2022-09", calendar=weeks))["seasonal"] == 1400


# How they are combined


def test_without_a_year_to_test_on_the_methods_weigh_the_same() -> None:
    rows = [row for row in LEDGER if row[0] >= "2025-02"]  # 2025 is not complete: it can be compared with, not tested
    found = of_june(rows)
    shares = found.of(ALL).accuracy
    shares = shares[(shares["measure"] == "cost") & (shares["method"] != COMBINED)]
    assert shares["years"].eq(0).all()
    assert shares["weight"].nunique() == 1
    said = rest(found)
    chosen = said.pop(COMBINED)
    assert chosen == round(Fraction(sum(said.values()), len(said)))
    assert found.of(ALL).totals["lo_cents"].isna().all()


def test_weights_follow_the_errors_of_the_year_before() -> None:
    # Seen in June 2025, the rest of 1800 was 1200 by run rate, 720 + 1200 by plan, (1200 - 600) + (2400 - 600) by what
    # the plan left. Beside the mean of their squared misses, with one year as good as the average added:
    misses = {"run_rate": 600, "remaining_plan": 120, "plan_left": 600}
    mean = Fraction(sum(miss**2 for miss in misses.values()), 3)
    raw = {m: Fraction(1) if m not in misses else 2 / (misses[m] ** 2 / mean + 1) for m in METHODS}
    found = of_june()
    shares = found.of(ALL).accuracy.set_index(["measure", "method"])["weight"]
    for method in METHODS:
        assert shares["cost", method] == pytest.approx(float(raw[method] / sum(raw.values())))
    said = rest(found)
    # The methods are shown in whole cents; the combination is made of them unrounded.
    assert abs(said[COMBINED] - sum(raw[m] * said[m] for m in METHODS) / sum(raw.values())) < 1


def test_error_bias_and_range_come_from_the_backtest() -> None:
    found = of_june().of(ALL)
    scores = found.accuracy.set_index(["measure", "method"])
    # In June 2025 the run rate saw 1200 + 1200 of the 3000 that came.
    assert scores.loc[("cost", "run_rate"), "wape"] == pytest.approx(0.2)
    assert scores.loc[("cost", "run_rate"), "bias"] == pytest.approx(-0.2)
    assert scores.loc[("cost", "last_year_rest"), "years"] == 0
    # Then the mean of 1200, 1920 and 2400 was 1840 of 1800: 40 of 3040, by Student's t of one year, 3.078.
    row = found.totals[found.totals["chosen"] & (found.totals["horizon"] == "fy")].set_index("measure").loc["cost"]
    half = round(row["cents"] * 3.078 * 40 / 3040)
    assert abs(row["hi_cents"] - row["cents"] - half) <= 1
    assert row["hi_cents"] - row["cents"] == row["cents"] - row["lo_cents"]


# Properties

MONTHS = month_range("2024-01", "2026-06")
AMOUNTS = st.one_of(st.integers(-(10**6), 10**6), st.sampled_from([0, 1, -1, 10**13]))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(MONTHS),
        st.sampled_from(["North", "South", "(unassigned)"]),
        st.sampled_from(["4000", "6000", "6100", "9000"]),
        AMOUNTS,
    ),
    max_size=150,
)
PLANS = st.lists(
    st.tuples(
        st.sampled_from(month_range("2024-01", "2026-12")),
        st.sampled_from(["North", "South"]),
        st.sampled_from(["4000", "6000", "6200"]),
        AMOUNTS,
    ),
    max_size=60,
)
# A site with every month has years to test on.
FULL = [(month, "North", account, 1000 + 7 * k) for k, month in enumerate(MONTHS) for account in ("4000", "6000")]


@given(rows=ROWS, plan=PLANS, full=st.booleans(), order=st.randoms(use_true_random=False))
@UNHURRIED
def test_lines_make_the_sites_and_sites_the_whole_in_any_order(rows, plan, full, order) -> None:  # type: ignore[no-untyped-def]
    rows = [*rows, *(FULL if full else [])]
    shuffled = list(rows)
    order.shuffle(shuffled)
    actual = leaves(rows)
    before = actual.copy(deep=True)
    found = outlook(actual, plan_of(*plan), period="2026-06", calendar=MONTHLY)
    again = outlook(leaves(shuffled), plan_of(*plan), period="2026-06", calendar=MONTHLY)
    pd.testing.assert_frame_equal(actual, before)
    for name in ("lines", "methods", "accuracy", "ranges"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(again, name))
    whole = found.of(ALL).totals
    sites = sorted(set(found.methods["site"]))
    booked = actual[actual["period"] >= "2026-01"].groupby("type")["amount_cents"].sum()
    key = ["measure", "method", "horizon"]
    if sites:
        parts = pd.concat([found.of(site).totals for site in sites])
        summed = parts[parts["chosen"]].groupby(key)["cents"].sum().sort_index()
        chosen = whole[whole["chosen"]].set_index(key)["cents"].sort_index()
        pd.testing.assert_series_equal(summed, chosen, check_index_type=False)
        by_type = found.lines.groupby("type")["cents"].sum()
        ahead = found.lines[found.lines["period"] > "2026-06"].groupby("type")["cents"].sum()
        for kind in ("revenue", "cost"):
            assert chosen[kind, COMBINED, "fy"] == booked.get(kind, 0) + by_type.get(kind, 0)
            assert chosen[kind, COMBINED, "roy"] == ahead.get(kind, 0)
        result = whole.pivot_table(index=["method", "horizon"], columns="measure", values="cents", aggfunc="sum")
        assert (result["result"] == result["revenue"] - result["cost"]).all()
    else:
        assert whole.empty


@given(rows=ROWS, later=ROWS, plan=PLANS)
@UNHURRIED
def test_nothing_after_the_period_is_looked_at(rows, later, plan) -> None:  # type: ignore[no-untyped-def]
    rows = [row for row in [*rows, *FULL] if row[0] <= "2026-02"]
    later = [row for row in later if row[0] > "2026-02"]
    found, knowing = (
        outlook(leaves(known), plan_of(*plan), period="2026-02", calendar=MONTHLY) for known in (rows, [*rows, *later])
    )
    for name in ("lines", "methods", "accuracy", "ranges"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(knowing, name))


@given(later=st.lists(st.integers(-(10**6), 10**6), min_size=6, max_size=6))
@UNHURRIED
def test_what_a_year_came_to_never_changes_how_it_was_forecast(later: list[int]) -> None:
    history = [*halves(2023, "6000", 90, 190), *halves(2024, "6000", 100, 200), *halves(2025, "6000", 110, 180)]
    other = [*history[:-6], *((f"2025-{k:02d}", "North", "6000", cents) for k, cents in enumerate(later, start=7))]
    plan = plan_of(*halves(2024, "6000", 105, 195), *halves(2025, "6000", 120, 210))
    told, changed = (
        backtest_outlook(leaves(rows), plan, calendar=MONTHLY, month=6, years=[2024, 2025]) for rows in (history, other)
    )
    kept = [c for c in told.columns if c != "actual_cents"]
    pd.testing.assert_frame_equal(told[kept], changed[kept])
    assert set(told["fiscal_year"]) == {2024, 2025}


# The backtest and the forecasts of past months


def test_the_backtest_gives_what_the_outlook_gave_at_the_time() -> None:
    rows = [
        *LEDGER[:24],
        *halves(2026, "6000", 150, 260),
        *halves(2026, "6100", 50, 80),
    ]
    tested = backtest_outlook(leaves(rows), plan_of(*PLAN), calendar=MONTHLY, month=6, years=[2026])
    then = of_june().of(ALL).totals
    then = then[(then["horizon"] == "fy") & (then["measure"] == "cost")].set_index("method")["cents"]
    whole = tested[(tested["level"] == "whole") & (tested["type"] == "cost")].set_index("method")
    assert whole["outlook_cents"].to_dict() == then.to_dict()
    assert set(whole["actual_cents"]) == {6 * 410 + 6 * 130}
    lines = tested[(tested["level"] == "line") & (tested["method"] == COMBINED)]
    assert lines["outlook_cents"].sum() == then[COMBINED]


def test_a_site_without_the_whole_year_is_not_tested() -> None:
    rows = [*halves(2025, "6000", 100, 200), *year(2025, "6000", *[5] * 11, site="South")]
    tested = backtest_outlook(leaves(rows), None, calendar=MONTHLY, month=6, years=[2025])
    assert set(tested["site"]) == {"North"}


def test_a_past_month_is_forecast_with_the_cutoff_before_it() -> None:
    rows = [*year(2026, "6000", 100, 300, 900)]
    found = next_months(leaves(rows), None, cutoffs=["2026-01", "2026-02"], calendar=MONTHLY)
    assert found[["period", "cents", "cutoff"]].to_numpy().tolist() == [
        ["2026-02", 100, "2026-01"],
        ["2026-03", 200, "2026-02"],
    ]
    assert list(found.columns) == [*LEAF, "period", "cents", "cutoff"]


def test_the_first_month_of_a_year_is_forecast_by_what_needs_no_year_to_date() -> None:
    rows = [*halves(2025, "6000", 100, 200)]
    plan = plan_of(*halves(2026, "6000", 300, 300))
    found = next_months(leaves(rows), plan, cutoffs=["2025-12"], calendar=MONTHLY)
    # Last year's January, the plan's January, and what the plan leaves, which is all of it: none was tested.
    assert found[["period", "cents"]].to_numpy().tolist() == [["2026-01", round((100 + 300 + 300) / 3)]]


@given(later=ROWS, plan=PLANS, first=st.sampled_from(["2023-12", "2024-12", "2025-08"]))
@UNHURRIED
def test_no_later_month_changes_how_a_past_one_is_forecast(later, plan, first) -> None:  # type: ignore[no-untyped-def]
    rows = [*FULL, *later]
    known = leaves([row for row in rows if row[0] <= first])
    told = next_months(known, plan_of(*plan), cutoffs=[first], calendar=MONTHLY)
    knowing = next_months(leaves(rows), plan_of(*plan), cutoffs=[first, "2025-12", "2026-04"], calendar=MONTHLY)
    pd.testing.assert_frame_equal(told, knowing[knowing["cutoff"] == first].reset_index(drop=True))


def test_in_the_ledgers_first_year_a_site_is_not_known_by_what_it_does_later() -> None:
    # Before its first line nothing is forecast, not even the plan; after North's first one South has its plan.
    plan = plan_of(*year(2026, "6000", 0, *[30] * 11, site="South"))
    for rows in (
        halves(2026, "6000", 10, 10),
        [*year(2026, "6000", 10), *halves(2026, "6000", 5, 5, site="South")[1:]],
    ):
        found = next_months(leaves(rows), plan, cutoffs=["2025-12", "2026-01"], calendar=MONTHLY)
        assert found[["site", "period", "cents"]].to_numpy().tolist() == [
            ["North", "2026-02", 10],
            ["South", "2026-02", 30],
        ]


def test_a_past_months_forecast_does_not_depend_on_what_else_is_asked_for() -> None:
    rows, plan = leaves(LEDGER), plan_of(*PLAN)
    alone = next_months(rows, plan, cutoffs=["2026-03"], calendar=MONTHLY)
    among = next_months(rows, plan, cutoffs=["2025-03", "2026-03"], calendar=MONTHLY)
    pd.testing.assert_frame_equal(alone, among[among["cutoff"] == "2026-03"].reset_index(drop=True))


def test_a_month_that_nothing_can_forecast_has_no_row() -> None:
    assert next_months(leaves([("2026-01", "North", "6000", 5)]), None, cutoffs=["2025-12"], calendar=MONTHLY).empty
    assert next_months(leaves([]), None, cutoffs=["2026-01"], calendar=MONTHLY).empty
    assert next_months(leaves(LEDGER), None, cutoffs=[], calendar=MONTHLY).empty


def test_a_forecast_of_a_past_month_is_that_of_the_outlook_of_its_cutoff_where_no_plan_was_tested() -> None:
    rows = [*halves(2024, "6000", 100, 180), *LEDGER]
    cutoffs = ["2026-02", "2026-04"]
    found = next_months(leaves(rows), None, cutoffs=cutoffs, calendar=MONTHLY)
    for cutoff in cutoffs:
        lines = outlook(leaves(rows), None, period=cutoff, calendar=MONTHLY).lines
        month = f"2026-{int(cutoff[-2:]) + 1:02d}"
        expected = lines[lines["period"] == month].set_index("account")["cents"].to_dict()
        assert found[found["cutoff"] == cutoff].set_index("account")["cents"].to_dict() == expected


# Real ledgers


def test_full_year_cost_of_three_cities_in_june_is_nearer_than_any_plain_method(real: Path) -> None:
    inputs = sources.read(real / "municipal")
    source = Source(inputs.actuals("2025-12"), inputs.tables, inputs.settings, "2025-12")
    company = source.leaves(source.seen(), AS_CURRENT)
    rows = backtest_outlook(company, source.plan_at, calendar=MONTHLY, month=6, years=[2023, 2024, 2025])
    rows = rows[(rows["type"] == "cost") & (rows["method"] == COMBINED)]
    lines = rows[rows["level"] == "line"]
    by_account = lines.groupby(["fiscal_year", "site", "account"])[["actual_cents", "outlook_cents"]].sum()
    whole = rows[rows["level"] == "whole"]
    came = company[(company["type"] == "cost") & company["period"].between("2023-01", "2025-12")]["amount_cents"].sum()
    assert whole["actual_cents"].sum() == by_account["actual_cents"].sum() == came
    assert whole["outlook_cents"].sum() == lines["outlook_cents"].sum()
    assert wape(whole["actual_cents"], whole["outlook_cents"]) <= 0.035
    assert wape(by_account["actual_cents"], by_account["outlook_cents"]) <= 0.125
    # The year last scored, forecast anew from nothing but what was there in its June.
    june = Source(inputs.actuals("2025-06"), inputs.tables, inputs.settings, "2025-06")
    known = company[company["period"] <= "2025-06"]
    then = outlook(known, june.plan_at, period="2025-06", calendar=MONTHLY)
    for site, part in whole[whole["fiscal_year"] == 2025].groupby("site"):
        totals = then.of(str(site)).totals
        fy = totals[totals["chosen"] & (totals["horizon"] == "fy") & (totals["measure"] == "cost")]["cents"]
        assert fy.tolist() == part["outlook_cents"].tolist()
    assert np.isfinite(then.accuracy["weight"].dropna()).all()

"""Rules of budget: signs, shares, materiality, phasing, versions, structure, missing months, outlook."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from opsanalytics import budget, results, sources, tables
from opsanalytics.budget.comparison import with_types
from opsanalytics.budget.forecasting.record import carried_over
from opsanalytics.formats import ALL, TOTAL, UNASSIGNED
from opsanalytics.periods import Calendar, month_range
from opsanalytics.settings import Materiality, Settings

LINE = ["period", "cost_centre", "account", "amount_cents"]
KINDS = {"4000": "revenue", "6000": "cost", "6100": "cost", "9000": "statistical"}


def lines(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    """A frame of period, cost centre, account and cents."""
    frame = pd.DataFrame(list(rows), columns=LINE)
    return frame.astype({"period": "str", "cost_centre": "str", "account": "str", "amount_cents": "int64"})


def budget_rows(*rows: tuple[str, str, str | None, str, str, int]) -> pd.DataFrame:
    """A checked budget table: version, period, valid_from, cost centre, account, cents."""
    frame = pd.DataFrame(
        list(rows), columns=["version", "period", "valid_from", "cost_centre", "account", "amount_cents"]
    )
    return frame.astype(dict.fromkeys(frame.columns[:-1], "str") | {"amount_cents": "int64"})


def chart(kinds: Mapping[str, str] = KINDS) -> pd.DataFrame:
    """A chart of accounts whose P&L line is the type with a capital."""
    names = {"account": list(kinds), "name": [f"Account {a}" for a in kinds], "type": list(kinds.values())}
    return pd.DataFrame({**names, "pl_line": [kind.title() for kind in kinds.values()]}, dtype="str")


def centres(*rows: tuple[str, str, str, str | None], valid_to: Sequence[str | None] = ()) -> pd.DataFrame:
    """A checked table of cost centres: code, valid from, department, site."""
    frame = pd.DataFrame(list(rows), columns=["cost_centre", "valid_from", "department", "site"])
    frame["valid_from"] = pd.to_datetime(frame["valid_from"]).astype("datetime64[us]")
    ends = pd.Series([pd.NaT if end is None else pd.Timestamp(end) for end in valid_to or [None] * len(rows)])
    frame["valid_to"] = ends.astype("datetime64[us]")
    frame["name"] = "Centre " + frame["cost_centre"]
    return frame.astype({"cost_centre": "str", "department": "str", "site": "str"})


CENTRES = centres(("C1", "2020-01-01", "Ops", "North"), ("C2", "2020-01-01", "Ops", "South"))
#: Properties on a shared machine: fewer examples, no deadline for one of them.
UNHURRIED = settings(deadline=None, max_examples=20)
#: Whole companies take a third of a second each: a failing one is shown as it was found, for making it small takes
#: minutes.
COMPANIES = settings(deadline=None, max_examples=4, phases=[Phase.explicit, Phase.generate])
SETTINGS = Settings(materiality=Materiality(10_00, 0.10, "and"))


def analysed(
    actuals: pd.DataFrame,
    plan: pd.DataFrame | None = None,
    *,
    period: str,
    entity: str = ALL,
    settings: Settings = SETTINGS,
    cost_centres: pd.DataFrame = CENTRES,
    **view: Any,
) -> budget.BudgetVariance:
    tables = {"accounts": chart(), "cost_centres": cost_centres}
    if plan is not None:
        tables["budget"] = plan
    return budget.budget_variance(actuals, tables, settings, period=period, entity=entity, **view)


def totals(found: budget.BudgetVariance, horizon: str, scenario: str) -> dict[str, int]:
    rows = found.amounts[found.amounts["dimension"] == TOTAL]
    rows = rows[(rows["horizon"] == horizon) & (rows["scenario"] == scenario)]
    return dict(zip(rows["measure"], rows["cents"].tolist(), strict=True))


def one(frame: pd.DataFrame, **keys: str) -> pd.Series:
    for column, value in keys.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


# Variance and effect


@pytest.mark.parametrize(
    ("kind", "reference", "actual", "effect", "share"),
    [
        pytest.param("cost", 100_00, 120_00, -20_00, 0.2, id="overspent cost is bad news"),
        pytest.param("revenue", 100_00, 120_00, 20_00, 0.2, id="extra revenue is good news"),
        pytest.param("cost", 0, 5_00, -5_00, None, id="unbudgeted cost counts and has no share"),
        pytest.param("revenue", 1000_00, -200_00, -1200_00, -1.2, id="a refund is not turned into a cost"),
        pytest.param("result", -80_00, -50_00, 30_00, None, id="a smaller loss is good news without a share"),
        pytest.param("statistical", 100_00, 120_00, 0, 0.2, id="a statistical account has no effect"),
    ],
)
def test_effect_says_good_or_bad_news(kind: str, reference: int, actual: int, effect: int, share: float | None) -> None:
    sides = (lines(("2026-01", "C1", "a", cents)) for cents in (actual, reference))
    found = budget.variance(*sides, chart({"a": kind}), by=["account"], horizon=["2026-01"]).iloc[0]
    assert found["variance_cents"] == actual - reference
    assert found["effect_cents"] == effect
    assert pd.isna(found["share"]) if share is None else found["share"] == pytest.approx(share)


def test_what_only_one_side_holds_is_shown_and_counted() -> None:
    actual = lines(("2026-01", "C1", "6000", 500), ("2026-01", "C1", "4000", 70))
    plan = lines(("2026-01", "C1", "6000", 480), ("2026-01", "C1", "6100", 90))
    found = budget.variance(actual, plan, chart(), by=["account"], horizon=["2026-01"]).set_index("account")
    assert found["found_in"].to_dict() == {"4000": "actual", "6000": "both", "6100": "reference"}
    assert found["variance_cents"].to_dict() == {"4000": 70, "6000": 20, "6100": -90}


def test_revenue_and_cost_of_one_department_are_never_one_amount() -> None:
    actual = lines(("2026-01", "C1", "4000", 500), ("2026-01", "C1", "6000", 70))
    found = budget.variance(actual, actual.iloc[:0], chart(), by=[], horizon=["2026-01"])
    assert found.set_index("type")["actual_cents"].to_dict() == {"cost": 70, "revenue": 500}


def test_amounts_beyond_the_precision_of_floats_stay_exact() -> None:
    large = 2**53 + 1
    actual = lines(("2026-01", "C1", "4000", large))
    plan = lines(("2026-01", "C1", "6000", large))
    found = budget.variance(actual, plan, chart(), by=["account"], horizon=["2026-01"])
    assert found["variance_cents"].tolist() == [large, -large]


@pytest.mark.parametrize(
    ("change", "share", "mode", "material"),
    [
        pytest.param(10_00, 0.10, "and", True, id="both limits reached"),
        pytest.param(10_00, 0.09, "and", False, id="and: the share is too small"),
        pytest.param(9_99, 0.50, "and", False, id="and: the amount is too small"),
        pytest.param(-9_99, -0.50, "or", True, id="or: the share is enough, either way"),
        pytest.param(10_00, 0.01, "or", True, id="or: the amount is enough"),
        pytest.param(10_00, np.nan, "and", True, id="without a share the amount alone decides"),
        pytest.param(9_99, np.nan, "or", False, id="without a share a small amount is small"),
    ],
)
def test_materiality_by_amount_and_share(change: int, share: float, mode: str, material: bool) -> None:
    limits = Materiality(10_00, 0.10, mode)
    assert budget.is_material(pd.Series([change]), pd.Series([share]), limits).tolist() == [material]


def test_no_variance_is_never_material_whatever_the_limits() -> None:
    assert not budget.is_material(pd.Series([0]), pd.Series([0.0]), Materiality(0, 0.0, "or")).any()


def test_variance_given_a_missing_month_is_incomplete_with_like_for_like() -> None:
    plan = lines(*((f"2026-0{m}", "C1", "6000", 100) for m in (1, 2, 3)))
    actual = lines(("2026-01", "C1", "6000", 100), ("2026-02", "C1", "6000", 110))
    found = budget.variance(actual, plan, chart(), by=[], horizon=[f"2026-0{m}" for m in (1, 2, 3)]).iloc[0]
    assert (found["status"], found["variance_cents"], found["like_for_like_cents"]) == ("INCOMPLETE", -90, 10)


codes = st.sampled_from(["a", "b", None])
leaf_rows = st.lists(
    st.tuples(st.sampled_from(["2026-01", "2026-02"]), codes, codes, codes, st.integers(-(10**12), 10**12)),
    max_size=30,
)


def leaves(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["period", "department", "cost_centre", "account", "amount_cents"])
    return frame.astype(dict.fromkeys(frame.columns[:-1], "str") | {"amount_cents": "int64"})


@UNHURRIED
@given(leaf_rows, st.sets(st.sampled_from(["period", "department", "cost_centre", "account"])), st.randoms())
def test_rollups_equal_the_sum_of_leaves_in_any_order_with_missing_codes(rows: Any, by: set[str], random: Any) -> None:
    frame = leaves(rows)
    before = frame.copy(deep=True)
    found = budget.rollup(frame, sorted(by))
    assert found["amount_cents"].sum() == sum(row[-1] for row in rows)
    assert found["amount_cents"].dtype == "int64"
    shuffled = random.sample(rows, len(rows))
    pd.testing.assert_frame_equal(budget.rollup(leaves(shuffled), sorted(by)), found)
    pd.testing.assert_frame_equal(frame, before)


def test_a_restricted_view_shows_its_largest_items_and_one_remainder_for_each_type() -> None:
    rows = [("a", "cost", 5), ("b", "cost", -90), ("b", "revenue", 10), ("c", "revenue", 40), ("d", "cost", 7)]
    frame = pd.DataFrame(rows, columns=["account", "type", "amount_cents"])
    found = budget.rollup(frame, ["account", "type"], top=2)
    assert found.to_numpy().tolist() == [
        ["(others)", "cost", 12],
        ["b", "cost", -90],
        ["b", "revenue", 10],
        ["c", "revenue", 40],
    ]
    assert budget.rollup(frame, ["account"], top=0).to_numpy().tolist() == [["(others)", -28]]
    with pytest.raises(ValueError, match="top 0 or more items of a dimension, not to 3 of"):
        budget.rollup(frame, [], top=3)


@UNHURRIED
@given(leaf_rows, st.integers(0, 4), st.randoms())
def test_a_restricted_view_equals_the_sum_of_its_leaves_in_any_order(rows: Any, top: int, random: Any) -> None:
    found = budget.rollup(leaves(rows), ["account", "department"], top=top)
    assert found["amount_cents"].sum() == sum(row[-1] for row in rows)
    assert set(found["account"].dropna()) <= {"a", "b", "(others)"}
    pd.testing.assert_frame_equal(
        budget.rollup(leaves(random.sample(rows, len(rows))), ["account", "department"], top=top), found
    )


@UNHURRIED
@given(leaf_rows, leaf_rows, st.sets(st.sampled_from(["department", "cost_centre", "account", "pl_line"])))
def test_variances_add_up_at_any_dimension_and_leave_the_input_untouched(ours: Any, theirs: Any, by: set[str]) -> None:
    actual, plan = leaves(ours), leaves(theirs)
    before = actual.copy(deep=True), plan.copy(deep=True)
    accounts = chart({"a": "revenue", "b": "cost"})
    found = budget.variance(actual, plan, accounts, by=sorted(by), horizon=["2026-01", "2026-02"])
    assert found["variance_cents"].sum() == sum(r[-1] for r in ours) - sum(r[-1] for r in theirs)
    signs = {"a": 1, "b": -1, None: 0}
    signed = [sum(signs[r[3]] * r[-1] for r in side) for side in (ours, theirs)]
    assert found["effect_cents"].sum() == signed[0] - signed[1]
    pd.testing.assert_frame_equal(actual, before[0])
    pd.testing.assert_frame_equal(plan, before[1])


# Allocation and phasing


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        pytest.param(100, [1, 1, 1], [34, 33, 33], id="ties go to the earlier part"),
        pytest.param(-100, [1, 1, 1], [-34, -33, -33], id="a credit is split like its opposite"),
        pytest.param(100, [1, 2], [33, 67], id="the largest remainder takes the cent"),
        pytest.param(10, [0, 3, 0], [0, 10, 0], id="no weight, no cent"),
        pytest.param(3, [0.1, 0.2], [1, 2], id="weights are the decimals they are written as"),
        pytest.param(0, [1, 1], [0, 0], id="nothing to split"),
        pytest.param(0, [1e-300, 1], [0, 0], id="nothing to split by weights beyond 64 bits"),
    ],
)
def test_cents_are_allocated_by_largest_remainder(total: int, weights: list[float], parts: list[int]) -> None:
    assert budget.allocate_cents(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_split_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights of zero or more"):
        budget.allocate_cents(100, weights)


@UNHURRIED
@given(
    st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=5),
    st.lists(st.integers(0, 10**15), min_size=12, max_size=12).filter(any),
)
def test_allocated_parts_add_up_and_lie_within_a_cent_of_their_proportion(
    totals: list[int], weights: list[int]
) -> None:
    parts = budget.allocate_rows(np.array(totals), np.array([weights] * len(totals)))
    for total, row in zip(totals, parts.tolist(), strict=True):
        assert sum(row) == total
        assert all(abs(part * sum(weights) - total * w) < sum(weights) for part, w in zip(row, weights, strict=True))


YEAR_2025 = month_range("2025-01", "2025-12")


def phased(year: pd.DataFrame, history: pd.DataFrame, **options: Any) -> tuple[list[int], list[str]]:
    calendar = options.pop("calendar", Calendar())
    found = budget.phase_budget(year, history, chart(), CENTRES, calendar=calendar, **options)
    return found.months["amount_cents"].tolist(), found.rules["rule"].tolist()


def test_a_year_follows_the_lines_own_shape_and_an_empty_month_weighs_nothing() -> None:
    history = lines(("2025-03", "C1", "6000", 100), ("2025-12", "C1", "6000", 300))
    amounts, rules = phased(lines(("2026", "C1", "6000", 1000)), history)
    assert amounts == [0, 0, 250, 0, 0, 0, 0, 0, 0, 0, 0, 750]
    assert rules == ["prior_year"]


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([], id="no prior year"),
        pytest.param([("2025-01", "C1", "6000", -5), ("2025-02", "C1", "6000", 50)], id="a negative month"),
        pytest.param([("2025-01", "C1", "6000", 0)], id="a total of zero"),
    ],
)
def test_without_a_shape_of_its_own_a_line_follows_its_type_at_its_site(own: list[Any]) -> None:
    others = [("2025-02", "C1", "6100", 900), ("2025-05", "C1", "6100", 900)]
    noise = [("2025-07", "C2", "6100", 999), ("2025-07", "C1", "4000", 999)]  # another site, another type
    amounts, rules = phased(lines(("2026", "C1", "6000", 1000)), lines(*own, *others, *noise))
    expected = [0, 514, 0, 0, 486] if len(own) == 2 else [0, 500, 0, 0, 500]
    if len(own) == 2:  # its type's January is negative as well: by days
        assert rules == ["days"]
    else:
        assert amounts[:5] == expected
        assert rules == ["type_at_site"]


def test_a_line_without_any_shape_is_spread_by_days() -> None:
    amounts, rules = phased(lines(("2026", "C1", "6000", 365)), lines())
    assert amounts == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert rules == ["days"]


def test_even_phasing_and_a_fiscal_year_bears_the_year_it_ends_in() -> None:
    year = lines(("2026", "C1", "6000", 1200))
    found = budget.phase_budget(year, lines(), chart(), CENTRES, calendar=Calendar(7), rule="even")
    assert found.months["period"].tolist() == month_range("2025-07", "2026-06")
    assert set(found.months["amount_cents"]) == {100}


def test_weeks_phase_a_year_of_weeks() -> None:
    calendar = Calendar(7, "4-4-5", "last Saturday of June")
    amounts, _ = phased(lines(("2026", "C1", "6000", 5_200_001)), lines(), calendar=calendar)
    assert amounts == [400_000, 400_000, 500_001, *[400_000, 400_000, 500_000] * 3]


def test_a_month_given_as_such_stands_beside_phased_years() -> None:
    rows = lines(("2026", "C1", "6000", 1200), ("2026-02", "C1", "6000", 777), ("2026-03", "C2", "6000", 5))
    found = budget.phase_budget(rows, lines(), chart(), CENTRES, calendar=Calendar(), rule="even")
    own = found.months[found.months["cost_centre"] == "C1"]
    assert own["amount_cents"].tolist() == [100, 777, *[100] * 10]
    assert found.rules["rule"].tolist() == ["even", "as_given"]


@UNHURRIED
@given(
    st.lists(
        st.tuples(st.sampled_from(["C1", "C2"]), st.sampled_from(list(KINDS)), st.integers(-(10**9), 10**9)),
        max_size=8,
    ),
    st.lists(st.tuples(st.sampled_from(YEAR_2025), st.sampled_from(list(KINDS)), st.integers(-50, 10**9)), max_size=20),
    st.sampled_from(["prior_year", "days", "even"]),
)
def test_phased_months_add_up_to_the_year_of_each_line(plan: Any, history: Any, rule: str) -> None:
    years = lines(*{(c, a): ("2026", c, a, cents) for c, a, cents in plan}.values())
    past = lines(*((month, "C1", account, cents) for month, account, cents in history))
    past = past.groupby(LINE[:3], as_index=False)["amount_cents"].sum()
    before = years.copy(deep=True), past.copy(deep=True)
    found = budget.phase_budget(years, past, chart(), CENTRES, calendar=Calendar(), rule=rule)
    sums = budget.rollup(found.months, ["cost_centre", "account"])
    expected = years.sort_values(["cost_centre", "account"])
    assert sums["amount_cents"].tolist() == expected["amount_cents"].tolist()
    assert len(found.rules) == len(years)
    pd.testing.assert_frame_equal(years, before[0])
    pd.testing.assert_frame_equal(past, before[1])


def test_an_unknown_phasing_is_refused() -> None:
    with pytest.raises(ValueError, match="phasing 'seasonal' is unknown"):
        phased(lines(("2026", "C1", "6000", 1)), lines(), rule="seasonal")


# Versions and amendments


@pytest.mark.parametrize(
    ("period", "version", "cents"),
    [
        pytest.param("2026-02", "amended", 100, id="no amendment in force yet: the original"),
        pytest.param("2026-03", "amended", 200, id="from its month on the amendment counts"),
        pytest.param("2026-12", "amended", 300, id="the latest amendment counts"),
        pytest.param("2026-12", "original", 100, id="the original is never amended"),
    ],
)
def test_the_row_in_force_at_the_period_counts(period: str, version: str, cents: int) -> None:
    table = budget_rows(
        ("amended", "2026", "2026-06", "C1", "6000", 300),
        ("original", "2026", None, "C1", "6000", 100),
        ("amended", "2026", "2026-03", "C1", "6000", 200),
    )
    found = budget.budget_in_force(table, version=version, period=period, calendar=Calendar())
    assert found["amount_cents"].tolist() == [cents]


def test_a_line_the_amended_version_lacks_has_the_originals() -> None:
    table = budget_rows(("original", "2026", None, "C1", "6000", 100), ("amended", "2026", None, "C1", "6100", 5))
    found = budget.budget_in_force(table, version="amended", period="2026-01", calendar=Calendar())
    assert found["account"].tolist() == ["6000", "6100"]


def test_an_amended_year_replaces_the_originals_months() -> None:
    table = budget_rows(
        ("original", "2026-01", None, "C1", "6000", 10),
        ("original", "2025-12", None, "C1", "6000", 11),
        ("amended", "2026", None, "C1", "6000", 240),
    )
    found = budget.budget_in_force(table, version="amended", period="2026-01", calendar=Calendar())
    assert found["period"].tolist() == ["2025-12", "2026"]


def test_a_year_replaces_the_months_that_came_into_force_before_it_and_not_those_after() -> None:
    table = budget_rows(
        ("amended", "2026-01", None, "C1", "6000", 100),
        ("amended", "2026-02", "2026-05", "C1", "6000", 70),
        ("amended", "2026", "2026-04", "C1", "6000", 2400),
    )
    before = budget.budget_in_force(table, version="amended", period="2026-03", calendar=Calendar())
    assert before["amount_cents"].tolist() == [100]
    after = budget.budget_in_force(table, version="amended", period="2026-06", calendar=Calendar())
    assert dict(zip(after["period"], after["amount_cents"], strict=True)) == {"2026": 2400, "2026-02": 70}


def test_a_version_that_does_not_exist_is_refused_and_names_those_that_do() -> None:
    plan = budget_rows(("original", "2026", None, "C1", "6000", 1), ("amended", "2026", None, "C1", "6000", 1))
    with pytest.raises(LookupError, match="no version 'revised'; it has: amended, original"):
        analysed(lines(), plan, period="2026-01", settings=Settings(budget_version="revised"))


def test_a_budget_without_valid_from_is_in_force_always() -> None:
    table = budget_rows(("original", "2026", None, "C1", "6000", 100)).drop(columns="valid_from")
    found = budget.budget_in_force(table, version="original", period="2026-01", calendar=Calendar())
    assert found["amount_cents"].tolist() == [100]


# Structure


MOVED = centres(
    ("C1", "2020-01-01", "Ops", "North"), ("C1", "2026-02-15", "Care", "South"), valid_to=("2026-02-14", None)
)


@pytest.mark.parametrize(
    ("period", "department"),
    [
        pytest.param("2019-06", "Ops", id="before its first validity it has the first"),
        pytest.param("2026-01", "Ops", id="history stays where it was"),
        pytest.param("2026-02", "Care", id="a month takes the structure of its last day"),
        pytest.param("2026-05", "Care", id="after the move it is there"),
    ],
)
def test_a_moved_cost_centre_keeps_its_history(period: str, department: str) -> None:
    found = budget.placed(lines((period, "C1", "6000", 1)), MOVED, Calendar())
    assert found["department"].tolist() == [department]


def test_the_view_as_current_moves_history_and_keeps_the_total() -> None:
    frame = lines(("2026-01", "C1", "6000", 50), ("2026-03", "C1", "6000", 60))
    found = budget.rollup(budget.placed(frame, MOVED, Calendar(), at="2026-03"), ["department"])
    assert found.to_dict("records") == [{"department": "Care", "amount_cents": 110}]


def test_a_cost_centre_nobody_knows_is_unassigned() -> None:
    found = budget.placed(lines(("2026-01", "C9", "6000", 1)), CENTRES, Calendar())
    assert found[["department", "site"]].to_numpy().tolist() == [[UNASSIGNED, UNASSIGNED]]


def test_budget_and_prior_year_move_with_the_cost_centre_as_actuals_do() -> None:
    actual = lines(
        *((m, "C1", "6000", 100) for m in ("2025-01", "2025-02", "2025-03", "2026-01", "2026-02", "2026-03"))
    )
    plan = budget_rows(*(("original", f"2026-0{m}", None, "C1", "6000", 90) for m in (1, 2, 3)))
    north = analysed(actual, plan, period="2026-03", entity="North", cost_centres=MOVED)
    south = analysed(actual, plan, period="2026-03", entity="South", cost_centres=MOVED)
    assert [totals(north, "ytd", s)["cost"] for s in ("AC", "PL", "PY")] == [100, 90, 300]
    assert [totals(south, "ytd", s)["cost"] for s in ("AC", "PL")] == [200, 180]
    assert totals(south, "ytd", "PY") == {}  # nothing was posted there last year


# One entity in one month


COMPANY = lines(
    *((m, "C1", "4000", 1000) for m in month_range("2024-07", "2025-09")),
    *((m, "C1", "6000", 400) for m in month_range("2024-07", "2025-09")),
    *((m, "C2", "6100", 100) for m in month_range("2024-07", "2025-09")),
    ("2025-09", "C1", "9000", 12345),
    ("2025-09", UNASSIGNED, "6000", 7),
)
PLAN = budget_rows(
    ("original", "2026", None, "C1", "4000", 12_000),
    ("original", "2026", None, "C1", "6000", 6_000),
    *(("original", m, None, "C2", "6100", 90) for m in month_range("2025-07", "2026-06")),
)
JULY = Settings(calendar=Calendar(7), materiality=Materiality(50, 0.05, "and"))


def test_scenarios_stand_where_they_should() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    standing = found.amounts.groupby("scenario")["horizon"].agg(lambda h: sorted(set(h)))
    everywhere = ["fy", "month", "qtd", "roy", "ytd"]
    assert standing.to_dict() == {
        "AC": ["month", "qtd", "ytd"],
        "FC": everywhere,
        "PL": everywhere,
        "PY": everywhere,
    }


def test_totals_by_hand() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    assert totals(found, "month", "AC") == {"revenue": 1000, "cost": 507, "result": 493}
    assert totals(found, "ytd", "AC") == {"revenue": 3000, "cost": 1507, "result": 1493}
    assert totals(found, "month", "PL") == {"revenue": 1000, "cost": 590, "result": 410}
    assert totals(found, "fy", "PL") == {"revenue": 12_000, "cost": 7_080, "result": 4_920}
    assert totals(found, "roy", "PL") == {"revenue": 9_000, "cost": 5_310, "result": 3_690}
    assert totals(found, "ytd", "PY") == {"revenue": 3000, "cost": 1500, "result": 1500}
    row = one(found.variances, dimension=TOTAL, measure="cost", horizon="month", reference="PL")
    assert row[["variance_cents", "effect_cents", "material", "status"]].tolist() == [-83, 83, True, "COMPLETE"]
    assert row["share"] == pytest.approx(-83 / 590)


def test_lines_of_every_dimension_add_up_to_the_totals() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    below = found.amounts[found.amounts["dimension"] != TOTAL]
    for (dimension, kind, horizon, scenario), rows in below.groupby(["dimension", "item2", "horizon", "scenario"]):
        if kind != "statistical":
            assert rows["cents"].sum() == totals(found, horizon, scenario)[kind], (dimension, kind, horizon, scenario)
    lines_ = found.variances[found.variances["dimension"] != TOTAL]
    for (dimension, horizon, reference), rows in lines_.groupby(["dimension", "horizon", "reference"]):
        whole = one(found.variances, dimension=TOTAL, measure="result", horizon=horizon, reference=reference)
        assert rows["effect_cents"].sum() == whole["effect_cents"], dimension


def test_entities_with_unassigned_add_up_to_the_whole() -> None:
    whole = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    parts = [analysed(COMPANY, PLAN, period="2025-09", entity=e, settings=JULY) for e in ("North", "South", UNASSIGNED)]
    for horizon in ("month", "qtd", "ytd", "roy", "fy"):
        for scenario in ("PY", "PL", "FC", "AC"):
            for measure, cents in totals(whole, horizon, scenario).items():
                assert sum(totals(part, horizon, scenario).get(measure, 0) for part in parts) == cents


def test_a_statistical_account_counts_in_no_total_and_is_never_material() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    row = one(found.variances, dimension="account", item="9000", horizon="month", reference="PL")
    assert row[["actual_cents", "effect_cents", "material", "found_in"]].tolist() == [12345, 0, False, "actual"]


def test_names_stand_beside_codes() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY).variances
    names = {(row.dimension, row.item): row.name for row in found.itertuples(index=False)}
    assert names["account", "4000"] == "Account 4000"
    assert names["cost_centre", "C1"] == "Centre C1"
    assert names["cost_centre", UNASSIGNED] == UNASSIGNED
    assert names["pl_line", "Cost"] == "Cost"


def test_what_lies_after_the_period_is_not_seen() -> None:
    later = lines(("2025-10", "C1", "4000", 999_999))
    with_later = analysed(pd.concat([COMPANY, later]), PLAN, period="2025-09", settings=JULY)
    without = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    pd.testing.assert_frame_equal(with_later.amounts, without.amounts)


def test_order_of_rows_does_not_matter_and_inputs_stay_untouched() -> None:
    actual, plan = COMPANY.copy(deep=True), PLAN.copy(deep=True)
    first = analysed(actual, plan, period="2025-09", settings=JULY)
    again = analysed(actual[::-1], plan[::-1], period="2025-09", settings=JULY)
    for name in ("amounts", "variances", "monthly", "outlook", "phasing"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    pd.testing.assert_frame_equal(actual, COMPANY)
    pd.testing.assert_frame_equal(plan, PLAN)


def test_the_rule_that_phased_each_line_is_on_record() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY).phasing
    assert found[["account", "rule", "fiscal_year"]].to_numpy().tolist() == [
        ["4000", "prior_year", 2026],
        ["6000", "prior_year", 2026],
        ["6100", "as_given", 2026],
    ]


def test_without_a_budget_for_the_year_there_is_no_plan() -> None:
    old = budget_rows(("original", "2025", None, "C1", "4000", 12_000))
    for plan in (None, old, old.iloc[:0]):
        found = analysed(COMPANY, plan, period="2025-09", settings=JULY)
        assert "PL" not in set(found.amounts["scenario"])
        assert set(found.variances["reference"]) == {"PY", "FC"}
        assert found.outlook["plan_cents"].isna().all()


def test_a_month_that_a_years_budget_leaves_out_is_planned_at_zero() -> None:
    plan = budget_rows(("original", "2025-12", None, "C1", "4000", 500))
    found = analysed(COMPANY, plan, period="2025-09", settings=JULY)
    assert totals(found, "month", "PL") == {"revenue": 0, "cost": 0, "result": 0}
    assert totals(found, "roy", "PL") == {"revenue": 500, "cost": 0, "result": 500}


def test_without_a_prior_year_in_the_ledger_there_is_no_py() -> None:
    found = analysed(COMPANY, PLAN, period="2025-05", settings=JULY)
    assert "PY" not in set(found.amounts["scenario"])
    assert set(found.monthly.loc[found.monthly["scenario"] == "PY", "period"]) == set()


def test_monthly_holds_two_fiscal_years() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY).monthly
    held = found.groupby("scenario")["period"].agg(["min", "max"])
    assert held.loc["AC"].tolist() == ["2024-07", "2025-09"]
    assert held.loc["PL"].tolist() == ["2025-07", "2026-06"]
    assert held.loc["PY"].tolist() == ["2025-07", "2026-06"]
    assert one(found, period="2025-07", scenario="AC", measure="result")["cents"] == 500


def test_an_unknown_entity_is_refused_and_names_the_nearest() -> None:
    with pytest.raises(LookupError, match=r"no entity 'Nroth'\. The nearest is 'North'"):
        analysed(COMPANY, PLAN, period="2025-09", entity="Nroth", settings=JULY)


def test_an_account_without_a_type_is_shown_and_said() -> None:
    found = analysed(lines(("2026-01", "C1", UNASSIGNED, 5), ("2026-01", "C1", "4000", 9)), period="2026-01")
    assert totals(found, "month", "AC") == {"revenue": 9, "cost": 0, "result": 9}
    assert one(found.amounts, dimension="account", item=UNASSIGNED, horizon="month")["cents"] == 5
    assert found.notes[0].startswith("No type is known for account (unassigned)")


def test_a_department_called_none_and_one_left_blank_are_keys_of_their_own() -> None:
    places = centres(("C1", "2020-01-01", "(none)", "North"), ("C2", "2020-01-01", "Ops", "North"))
    places["department"] = places["department"].where(places["cost_centre"] != "C2")
    actual = lines(("2026-01", "C1", "6000", 5), ("2026-01", "C2", "6000", 6))
    found = analysed(actual, period="2026-01", cost_centres=places).amounts
    rows = found[(found["dimension"] == "department") & (found["horizon"] == "month")]
    assert dict(zip(rows["item"], rows["cents"], strict=True)) == {"(none)": 5, UNASSIGNED: 6}


# Missing months


EVEN = budget_rows(*(("original", "2026", None, c, "6000", 1200) for c in ("C1", "C2")))
BY_MONTH = Settings(phasing="even")


def test_a_missing_period_is_incomplete_and_has_no_actual_of_its_own() -> None:
    actual = lines(*((m, c, "6000", 110) for m in ("2026-01", "2026-02") for c in ("C1", "C2")))
    found = analysed(actual, EVEN, period="2026-03", settings=BY_MONTH)
    assert (found.status, found.missing) == ("INCOMPLETE", ("2026-03",))
    assert totals(found, "month", "AC") == {}
    row = one(found.variances, dimension=TOTAL, measure="cost", horizon="ytd", reference="PL")
    assert row[["variance_cents", "like_for_like_cents", "status"]].tolist() == [440 - 600, 440 - 400, "INCOMPLETE"]
    judged = one(found.comparable, dimension=TOTAL, measure="cost", horizon="ytd", reference="PL")
    assert judged[["variance_cents", "effect_cents"]].tolist() == [40, -40], "440 of 400: overspent, not 160 under"
    assert np.isnan(judged["share"])
    assert "missing is not zero" in found.notes[0]


def test_a_site_whose_month_is_missing_makes_the_whole_incomplete() -> None:
    actual = lines(
        *((m, "C1", "6000", 110) for m in ("2026-01", "2026-02")),
        ("2026-01", "C2", "6000", 100),
    )
    whole, north, south = (
        analysed(actual, EVEN, period="2026-02", entity=e, settings=BY_MONTH) for e in (ALL, "North", "South")
    )
    assert (whole.missing, north.missing, south.missing) == (("2026-02",), (), ("2026-02",))
    row = one(whole.variances, dimension=TOTAL, measure="cost", horizon="month", reference="PL")
    assert row[["variance_cents", "like_for_like_cents", "status"]].tolist() == [-90, 10, "INCOMPLETE"]


def test_a_site_that_opens_in_the_year_lacks_nothing_before() -> None:
    actual = lines(*((m, "C1", "6000", 5) for m in ("2026-01", "2026-02")), ("2026-02", "C2", "6000", 5))
    plan = budget_rows(
        *(("original", f"2026-{m:02}", None, "C1", "6000", 5) for m in range(1, 13)),
        *(("original", f"2026-{m:02}", None, "C2", "6000", 5) for m in range(2, 13)),
    )
    assert analysed(actual, plan, period="2026-02").missing == ()


def test_unassigned_lacks_no_month_for_nobody_promised_postings_there() -> None:
    actual = lines(*((m, "C1", "6000", 5) for m in ("2026-01", "2026-02")), ("2026-01", UNASSIGNED, "6000", 5))
    plan = budget_rows(*(("original", "2026", None, c, "6000", 1200) for c in ("C1", UNASSIGNED)))
    assert analysed(actual, plan, period="2026-02", settings=BY_MONTH).missing == ()


def test_a_gap_in_the_prior_year_leaves_its_month_out_of_like_for_like() -> None:
    actual = lines(*((m, "C1", "6000", 100) for m in ("2025-01", "2025-03", "2026-01", "2026-02", "2026-03")))
    found = analysed(actual, period="2026-03")
    row = one(found.variances, dimension=TOTAL, measure="cost", horizon="ytd", reference="PY")
    assert row[["variance_cents", "like_for_like_cents", "status"]].tolist() == [100, 0, "INCOMPLETE"]
    assert found.status == "COMPLETE"


def test_no_lines_at_all_give_a_plan_and_nothing_else() -> None:
    found = analysed(lines(), EVEN, period="2026-02", settings=BY_MONTH)
    assert set(found.amounts["scenario"]) == {"PL"}
    assert found.variances.empty
    assert found.outlook.empty
    assert found.missing == ("2026-01", "2026-02")


# As current, and without one-offs

MOVING = lines(*((m, "C1", "6000", 100) for m in ("2025-01", "2025-02", "2025-03", "2026-01", "2026-02", "2026-03")))
MOVING_PLAN = budget_rows(*(("original", f"2026-{m:02}", None, "C1", "6000", 90) for m in range(1, 13)))


def test_as_current_every_month_of_every_scenario_is_where_the_cost_centre_is_now() -> None:
    view = {"period": "2026-03", "cost_centres": MOVED, "structure": "as_current"}
    south, north, whole = (analysed(MOVING, MOVING_PLAN, entity=e, **view) for e in ("South", "North", ALL))
    assert [totals(south, "ytd", s)["cost"] for s in ("AC", "PL", "PY")] == [300, 270, 300]
    assert totals(south, "ytd", "FC") == totals(whole, "ytd", "FC")
    assert totals(south, "fy", "FC") == totals(whole, "fy", "FC")
    assert {s for s in north.amounts["scenario"] if totals(north, "ytd", s)["cost"]} == set()
    assert (south.structure, south.one_offs) == ("as_current", "with")
    assert south.notes[0] == "Every month is shown in the structure in force at the end of Mar 2026."


def test_both_structures_have_the_same_totals_and_other_departments() -> None:
    posted, current = (
        analysed(MOVING, MOVING_PLAN, period="2026-03", cost_centres=MOVED, structure=s)
        for s in ("as_posted", "as_current")
    )
    both = [
        a[a["dimension"].isin([TOTAL, "account"])].reset_index(drop=True) for a in (posted.amounts, current.amounts)
    ]
    pd.testing.assert_frame_equal(*both)
    pd.testing.assert_frame_equal(posted.outlook, current.outlook)

    def departments(found: budget.BudgetVariance) -> dict[str, int]:
        rows = found.amounts[(found.amounts["dimension"] == "department") & (found.amounts["horizon"] == "ytd")]
        rows = rows[rows["scenario"] == "AC"]
        return dict(zip(rows["item"], rows["cents"].tolist(), strict=True))

    assert departments(posted) == {"Care": 200, "Ops": 100}
    assert departments(current) == {"Care": 300}


def test_a_closed_cost_centre_keeps_the_place_it_had_last() -> None:
    closed = centres(("C1", "2020-01-01", "Ops", "North"), valid_to=["2025-06-30"])
    found = analysed(MOVING, period="2026-03", cost_centres=closed, structure="as_current")
    assert one(found.amounts, dimension="department", item="Ops", horizon="ytd", scenario="PY")["cents"] == 300


def test_without_one_offs_actual_and_prior_year_lose_them_and_the_plan_does_not() -> None:
    marked = MOVING.assign(one_off_cents=[0, 30, 0, 0, 0, 100])
    with_, without = (analysed(marked, MOVING_PLAN, period="2026-03", one_offs=o) for o in ("with", "without"))
    assert [totals(with_, "ytd", s)["cost"] for s in ("AC", "PY", "PL")] == [300, 300, 270]
    assert [totals(without, "ytd", s)["cost"] for s in ("AC", "PY", "PL")] == [200, 270, 270]
    assert (without.missing, without.one_offs) == ((), "without"), "a month of nothing but one-offs is not missing"
    expected = "Lines marked one-off are left out: 1.00 EUR of cost from AC and 0.30 EUR of cost from PY, year to date."
    assert without.notes[0] == expected
    assert not [note for note in with_.notes if "one-off" in note]


def test_a_view_that_does_not_exist_is_refused_and_names_those_that_do() -> None:
    with pytest.raises(ValueError, match="structure 'current' is unknown: use as_posted or as_current"):
        analysed(MOVING, period="2026-03", structure="current")
    with pytest.raises(ValueError, match="one_offs 'no' is unknown: use with or without"):
        analysed(MOVING, period="2026-03", one_offs="no")


# Years of weeks

#: The fiscal year 2024 ends on 29 June 2024, 53 weeks after 2023's; its June has six weeks, any other June five.
WEEKS = Settings(calendar=Calendar(7, "4-4-5", "last Saturday of June"), materiality=Materiality(1, 0.0, "or"))


def june(year: int, cents: int) -> tuple[str, str, str, int]:
    return (f"{year}-06", "C1", "6000", cents)


def test_after_a_53_week_year_its_week_53_is_taken_out_of_the_prior_year() -> None:
    found = analysed(lines(june(2024, 600_01), june(2025, 510_00)), period="2025-06", settings=WEEKS)
    # 60,001 * 5 / 6 = 50,000.83; its sixth part 10,000.17: the larger remainder takes the cent.
    row = one(found.variances, dimension=TOTAL, measure="cost", horizon="month", reference="PY")
    assert row[["actual_cents", "reference_cents", "variance_cents", "like_for_like_cents"]].tolist() == [
        *(510_00, 500_01, 9_99, 9_99)
    ]
    said = "Fiscal year 2024 had a 53rd week: PY of Jun 2025 is 5 of the 6 weeks of Jun 2024."
    assert said in found.notes


def test_a_week_53_of_this_year_has_no_counterpart_and_like_for_like_leaves_it_out() -> None:
    found = analysed(lines(june(2023, 500_00), june(2024, 612_00)), period="2024-06", settings=WEEKS)
    row = one(found.variances, dimension=TOTAL, measure="cost", horizon="month", reference="PY")
    assert row[["actual_cents", "reference_cents", "variance_cents", "like_for_like_cents", "status"]].tolist() == [
        *(612_00, 500_00, 112_00, 10_00, "COMPLETE")
    ]
    assert any(note.startswith("Jun 2024 holds the 53rd week of fiscal year 2024") for note in found.notes)


def test_in_a_53_week_period_what_is_judged_and_printed_like_for_like_leaves_the_week_out() -> None:
    calendar = Calendar(7, "4-4-5", "last Saturday of June")
    weekly = lines(*((m, "C1", "6000", (calendar.weeks(m) or 0) * 1000_00) for m in month_range("2022-07", "2024-06")))
    found = analysed(
        weekly, period="2024-06", settings=Settings(calendar=calendar, materiality=Materiality(1, 0, "and"))
    )
    keys = {"dimension": TOTAL, "measure": "cost", "horizon": "month", "reference": "PY"}
    assert one(found.variances, **keys)["variance_cents"] == 1000_00, "six weeks, and five the year before"
    judged = one(found.comparable, **keys)
    assert judged[["variance_cents", "effect_cents", "share", "material"]].tolist() == [0, 0, 0.0, False]
    figures = results.figures(found)
    row = one(figures, measure="variance_like_for_like", horizon="month", reference="PY", item2="cost", item=TOTAL)
    assert row["cents"] == 0


def test_other_periods_of_years_of_weeks_are_compared_as_they_are() -> None:
    actual = lines(*((m, "C1", "6000", 77) for m in ("2023-07", "2024-07", "2024-05", "2025-05")))
    for period, now in (("2024-07", "2024-07"), ("2025-05", "2025-05")):
        found = analysed(actual, period=period, settings=WEEKS)
        row = one(found.amounts, dimension=TOTAL, measure="cost", horizon="month", scenario="PY")
        assert row["cents"] == 77, now


def test_a_year_is_phased_by_weeks_where_the_year_before_had_53() -> None:
    calendar = WEEKS.calendar
    for now, june_, expected in (("2025", 6, 5), ("2024", 5, 6)):  # the June of one has a week more than the other's
        months = calendar.months_of_year(int(now) - 1)
        history = lines(*((m, "C1", "6000", 100 * (calendar.days(m) // 7)) for m in months))
        assert history["amount_cents"].iloc[-1] == 100 * june_
        weeks = 52 + (now == "2024")
        amounts, rules = phased(lines((now, "C1", "6000", 1000 * weeks)), history, calendar=calendar)
        assert rules == ["prior_year"]
        assert amounts == [1000 * w for w in ((4, 4, 5) * 4)[:-1]] + [1000 * expected]


@UNHURRIED
@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6))
def test_what_is_taken_out_for_week_53_is_a_sixth_of_each_line_within_a_cent(amounts: list[int]) -> None:
    year = lines(*(("2024-06", f"C{k}", "6000", cents) for k, cents in enumerate(amounts)))
    found = budget.prior_year_actual(year, WEEKS.calendar)
    assert all(abs(6 * kept - 5 * whole) < 6 for kept, whole in zip(found["amount_cents"], amounts, strict=True))
    assert set(found["period"]) == {"2025-06"}


# Forecasts on record


def recorded(*rows: tuple[str, str, int]) -> dict[str, pd.DataFrame]:
    """What the runs before left: month, cutoff and cents of the cost centre C1's revenue, company wide."""
    leaf = {"site": "North", "department": "Ops", "cost_centre": "C1", "account": "4000"}
    frame = pd.DataFrame(rows, columns=["period", "cutoff", "cents"])
    return {"outlook": frame.assign(**leaf, pl_line="Revenue", type="revenue", reconstructed=False)}


def test_the_last_forecast_made_before_a_month_is_its_forecast() -> None:
    prior = recorded(
        ("2025-07", "2025-06", 810),
        ("2025-08", "2025-06", 820),
        ("2025-08", "2025-07", 825),
        ("2025-09", "2025-08", 830),
        ("2025-09", "2025-09", 999),  # made when the month was over: no forecast of it
    )
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY, prior=prior)
    assert [totals(found, h, "FC")["revenue"] for h in ("month", "qtd", "ytd")] == [830, 2465, 2465]
    row = one(found.variances, dimension=TOTAL, measure="revenue", horizon="ytd", reference="FC")
    assert row[["actual_cents", "reference_cents", "effect_cents"]].tolist() == [3000, 2465, 535]
    assert not found.forecast["reconstructed"].any()
    assert not [note for note in found.notes if "on record" in note]


def test_a_month_without_a_forecast_on_record_is_forecast_from_what_was_known_before_it() -> None:
    prior = recorded(("2025-07", "2025-06", 810), ("2025-09", "2025-08", 830))
    found, surprised = (
        analysed(frame, PLAN, period="2025-09", settings=JULY, prior=prior)
        for frame in (
            COMPANY,
            COMPANY.assign(amount_cents=COMPANY["amount_cents"] * (1 + (COMPANY["period"] >= "2025-08"))),
        )
    )
    made = found.forecast[found.forecast["reconstructed"]]
    assert set(made["period"]) == {"2025-08"}
    assert set(made["cutoff"]) == {"2025-07"}
    pd.testing.assert_frame_equal(found.forecast, surprised.forecast)
    assert "No forecast of Aug 2025 is on record" in " ".join(found.notes)


def test_the_first_month_of_a_fiscal_year_is_forecast_from_the_year_before() -> None:
    found = analysed(COMPANY, PLAN, period="2025-07", settings=JULY)
    assert set(found.forecast["cutoff"]) == {"2025-06"}
    assert totals(found, "month", "FC")["revenue"] == 1000  # 1,000 in every month there ever was


def test_without_a_month_to_forecast_from_there_is_no_forecast() -> None:
    found = analysed(lines(("2025-07", "C1", "4000", 5), ("2025-08", "C1", "4000", 6)), period="2025-08", settings=JULY)
    standing = found.amounts.groupby("scenario")["horizon"].agg(set).to_dict()
    assert standing["FC"] == {"month", "roy", "fy"}, "July had nothing before it, so QTD and YTD have no forecast"


def test_a_run_leaves_its_outlook_to_the_next_and_carries_the_earlier_over() -> None:
    first = analysed(COMPANY[COMPANY["period"] <= "2025-08"], PLAN, period="2025-08", settings=JULY)
    kept = {"outlook": carried_over(first.forecast, first.outlook_lines, period="2025-08")}
    then = analysed(COMPANY, PLAN, period="2025-09", settings=JULY, prior=kept)
    september = first.outlook_lines[first.outlook_lines["period"] == "2025-09"]
    assert then.forecast.loc[then.forecast["period"] == "2025-09", "cents"].sum() == september["cents"].sum()
    assert dict(zip(then.forecast["period"], then.forecast["reconstructed"], strict=True)) == {
        "2025-07": True,
        "2025-08": True,
        "2025-09": False,
    }
    assert set(then.forecast.loc[~then.forecast["reconstructed"], "cutoff"]) == {"2025-08"}


def test_a_forecast_moves_with_its_cost_centre() -> None:
    prior = recorded(*((m, c, 50) for m, c in (("2026-01", "2025-12"), ("2026-02", "2026-01"), ("2026-03", "2026-02"))))
    view = {"period": "2026-03", "cost_centres": MOVED, "prior": prior}
    posted = {e: analysed(MOVING, MOVING_PLAN, entity=e, **view) for e in ("North", "South")}
    assert {e: totals(found, "ytd", "FC")["revenue"] for e, found in posted.items()} == {"North": 50, "South": 100}
    current = analysed(MOVING, MOVING_PLAN, entity="South", structure="as_current", **view)
    assert totals(current, "ytd", "FC")["revenue"] == 150


def test_the_chosen_outlook_is_the_sum_of_its_lines_and_stands_at_every_dimension() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    chosen = found.outlook[found.outlook["chosen"]].set_index(["measure", "horizon"])["cents"]
    ahead = found.outlook_lines
    assert set(ahead["period"]) == set(month_range("2025-10", "2026-06"))
    for measure, actual in (("revenue", 3000), ("cost", 1507)):
        rest = ahead.loc[ahead["type"] == measure, "cents"].sum()
        assert (chosen[measure, "roy"], chosen[measure, "fy"]) == (rest, actual + rest)
        assert totals(found, "fy", "FC")[measure] == actual + rest


# All of it together


def test_what_the_inputs_do_not_allow_is_an_empty_frame_with_its_columns() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    for name in ("restated", "movement", "flags", "largest", "comments", "activity_rates", "activity_costs"):
        frame = getattr(found, name)
        assert frame.empty, name
        assert len(frame.columns) > 2, name
    assert {"document", "why"} <= set(found.flags.columns)


def test_cost_centre_by_line_adds_up_to_the_result_against_plan() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY)
    whole = one(found.variances, dimension=TOTAL, measure="result", horizon="ytd", reference="PL")
    assert found.crossed["effect_cents"].sum() == whole["effect_cents"] == 263
    row = one(found.crossed, cost_centre="C1", type="cost")
    assert row[["actual_cents", "reference_cents", "variance_cents", "effect_cents"]].tolist() == [
        1200,
        1500,
        -300,
        300,
    ]


def test_what_was_restated_since_the_last_pack_stands_beside_what_is_new() -> None:
    before = COMPANY[COMPANY["period"] <= "2025-08"]
    before = before.assign(amount_cents=before["amount_cents"].where(before["period"] != "2025-07", 900))
    prior = {
        "actuals": before,
        "run": pd.DataFrame({"period": ["2025-08"], "name": "2025-08", "currency": ["EUR"], "minor_digits": [2]}),
    }
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY, prior=prior)
    steps = found.movement[found.movement["measure"] == "revenue"]
    assert dict(zip(steps["kind"], steps["cents"], strict=True)) == {
        "prior_ytd": 1900,
        "restatement": 100,
        "new_months": 1000,
        "ytd": 3000,
    }
    assert "starts from that pack's ledger" in " ".join(found.notes), "no figure of that pack is on record"


# What the last pack left

MONTHS = month_range("2025-01", "2026-06")
STEADY = lines(*((m, "C1", "6000", 1000_00) for m in MONTHS))
BEFORE_JUNE = STEADY[STEADY["period"] <= "2026-05"]
RUN = pd.DataFrame({"period": ["2026-05"], "name": "2026-05", "currency": ["EUR"], "minor_digits": [2]})


def record_of(found: budget.BudgetVariance) -> pd.DataFrame:
    return carried_over(found.forecast, found.outlook_lines, period=found.period)


def pack_of(ledger: pd.DataFrame, chart_of_then: Mapping[str, str] = KINDS, **view: Any) -> dict[str, pd.DataFrame]:
    """What a pack of 2026-05 leaves: its ledger's sums, its figures, its forecasts, and its run."""
    then = ledger[ledger["period"] <= "2026-05"]
    tables = {"accounts": chart(chart_of_then), "cost_centres": view.pop("cost_centres", CENTRES)}
    found = budget.budget_variance(then, tables, SETTINGS, period="2026-05", **view)
    return {"actuals": then, "figures": results.figures(found), "outlook": record_of(found), "run": RUN}


def steps(found: budget.BudgetVariance, measure: str) -> dict[str, int]:
    rows = found.movement[found.movement["measure"] == measure]
    return dict(zip(rows["kind"], rows["cents"].tolist(), strict=True))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        pytest.param({"currency": "USD"}, "The last pack is in USD, this one in EUR", id="another currency"),
        pytest.param({"minor_digits": 0}, "The last pack counts 0 decimals of EUR, this one 2", id="other decimals"),
        pytest.param({"currency": None}, "In which currency the last pack counted is not on record", id="unknown"),
    ],
)
def test_a_pack_in_other_money_lends_neither_movement_nor_forecasts(run: dict[str, Any], said: str) -> None:
    prior = pack_of(STEADY)
    prior |= {"outlook": prior["outlook"].assign(cents=7), "run": RUN.assign(**run)}
    found = analysed(STEADY, period="2026-06", prior=prior)
    assert found.movement.empty
    assert found.forecast["reconstructed"].all()
    assert totals(found, "month", "FC")["cost"] == 1000_00, "made now, from 1,000 in every month there ever was"
    notes = " ".join(found.notes)
    assert f"{said}: no movement is shown, and none of its forecasts is used." in notes
    assert "None" not in notes
    assert "nan" not in notes


def test_the_movement_starts_from_what_the_last_pack_printed() -> None:
    both = pd.concat([STEADY, STEADY.assign(account="5999", amount_cents=100_00)])
    now = both.assign(account=both["account"].replace("5999", "6100"))
    prior = pack_of(both, {**KINDS, "5999": "cost"})
    found = analysed(now, period="2026-06", prior=prior)  # the chart of now has 6100, and 5999 no more
    # Printed were 5 x 1,100; 5999 is recoded to 6100 and still cost: nothing was restated.
    assert steps(found, "cost") == {"prior_ytd": 5500_00, "restatement": 0, "new_months": 1100_00, "ytd": 6600_00}
    assert set(found.restated["kind"]) == {"recoded"}
    said = "Nothing was restated: 34 lines of months reported before changed account only."
    assert tables.restatement_sentence(found) == said
    assert not [note for note in found.notes if "Chart of accounts" in note]


def test_what_a_retyped_account_does_to_the_year_to_date_is_a_step_and_a_note() -> None:
    found = analysed(STEADY, period="2026-06", prior=pack_of(STEADY, {**KINDS, "6000": "revenue"}))
    assert steps(found, "result") == {
        "prior_ytd": 5000_00,
        "structure": -10000_00,
        "restatement": 0,
        "new_months": -1000_00,
        "ytd": -6000_00,
    }
    moved = "moves by -5,000.00 EUR of revenue and +5,000.00 EUR of cost."
    assert next(note for note in found.notes if "Chart of accounts" in note).endswith(moved)


def test_a_cost_centre_of_another_site_now_is_a_step_of_the_structure() -> None:
    both = pd.concat([STEADY, STEADY.assign(cost_centre="C2", amount_cents=1_00)])
    moved = centres(("C1", "2020-01-01", "Ops", "South"), ("C2", "2020-01-01", "Ops", "South"))
    found = analysed(both, period="2026-06", entity="South", cost_centres=moved, prior=pack_of(both, entity="South"))
    assert steps(found, "cost") == {
        "prior_ytd": 5_00,
        "structure": 5000_00,
        "restatement": 0,
        "new_months": 1001_00,
        "ytd": 6006_00,
    }
    assert found.restated.empty


def test_a_year_to_date_printed_in_another_view_is_not_where_the_movement_starts() -> None:
    prior = pack_of(STEADY)
    marked = STEADY.assign(one_off_cents=400_00)
    prior |= {"actuals": marked[marked["period"] <= "2026-05"]}
    found = analysed(marked, period="2026-06", one_offs="without", prior=prior)
    assert steps(found, "cost") == {"prior_ytd": 3000_00, "restatement": 0, "new_months": 600_00, "ytd": 3600_00}


def test_a_forecast_of_an_account_that_left_the_chart_still_counts() -> None:
    prior = {"outlook": record_of(analysed(BEFORE_JUNE, period="2026-05")).assign(account="5999"), "run": RUN}
    found = analysed(STEADY, period="2026-06", prior=prior)
    assert totals(found, "month", "FC")["cost"] == 1000_00
    row = one(found.amounts, dimension="account", item="5999", horizon="month", scenario="FC")
    assert (row["item2"], row["cents"]) == ("cost", 1000_00)
    assert "hold account 5999, which the chart of accounts does not" in " ".join(found.notes)


def test_without_one_offs_no_forecast_that_holds_them_is_used() -> None:
    marked = STEADY.assign(one_off_cents=600_00)
    record = record_of(analysed(marked[marked["period"] <= "2026-05"], period="2026-05"))
    found = analysed(marked, period="2026-06", one_offs="without", prior={"outlook": record, "run": RUN})
    assert totals(found, "month", "AC")["cost"] == totals(found, "month", "FC")["cost"] == 400_00
    assert "The forecasts on record hold the lines marked one-off: FC of" in " ".join(found.notes)


def test_what_was_restated_in_last_years_months_is_said_of_py() -> None:
    late = STEADY.assign(amount_cents=STEADY["amount_cents"] + 7_00 * (STEADY["period"] == "2025-03"))
    notes = analysed(late, period="2026-02", prior={"actuals": STEADY[STEADY["period"] <= "2025-12"]}).notes
    assert "What was restated in last year's months is +7.00 EUR of cost in PY, full year." in notes
    assert not [note for note in notes if "in PY, year to date" in note]


def test_only_what_the_outlook_knows_has_a_full_years_forecast() -> None:
    ledger = lines(*((m, "C1", account, 100) for m in MONTHS for account in ("6000", "9000", "7777")))
    found = analysed(ledger, period="2026-06")
    ahead = found.amounts[(found.amounts["scenario"] == "FC") & found.amounts["horizon"].isin(["roy", "fy"])]
    assert set(ahead.loc[ahead["dimension"] == "account", "item"]) == {"6000"}


def test_an_untyped_account_of_the_plan_alone_is_said() -> None:
    plan = budget_rows(("original", "2026-06", None, "C1", "7777", 5), ("original", "2026-06", None, "C1", "6000", 5))
    notes = analysed(STEADY, plan, period="2026-06").notes
    assert [note for note in notes if note.startswith("No type is known for account 7777 (PL)")]


def test_the_months_that_py_of_the_full_year_lacks_are_named() -> None:
    ledger = lines(*((m, "C1", "6000", 5) for m in month_range("2025-10", "2026-11")))
    notes = [note for note in analysed(ledger, period="2026-11").notes if "PY of the full year" in note]
    assert len(notes) == 1
    assert "Jan 2025, Feb 2025" in notes[0]
    assert "Sep 2025:" in notes[0]
    assert not [n for n in analysed(STEADY, period="2026-06").notes if "PY of the full year" in n]


# What no figure is behind


def test_a_draft_writes_no_number_where_a_line_does_not_stand() -> None:
    plan = budget_rows(
        *(("original", m, None, "C1", "6000", 1000_00) for m in month_range("2026-01", "2026-12")),
        ("original", "2026-06", None, "C1", "4000", 500_00),
    )
    found = analysed(STEADY, plan, period="2026-06")
    draft = one(found.drafts, item="Revenue")["text"]
    assert draft.startswith("Revenue, year to date: no ledger lines against a plan of 500.00 EUR")
    figures = results.figures(found)[results.KEY].drop(columns="quantile")
    keys = set(map(tuple, figures.to_numpy()))
    assert set(map(tuple, found.draft_numbers[figures.columns].to_numpy())) <= keys


def comment(period: str, entity: str, text: str) -> dict[str, Any]:
    named = {"measure": "variance", "dimension": "pl_line", "item": "Cost", "author": "Ann"}
    when = {"period": period, "entity": entity, "written_on": pd.Timestamp("2026-06-30")}
    return {**named, **when, "text": text, "amount_cents": 1}


def test_with_one_site_earlier_comments_on_both_its_names_stand() -> None:
    words = pd.DataFrame([comment("2026-05", "North", "of the site"), comment("2026-05", ALL, "of the whole")])
    tables = {"accounts": chart(), "cost_centres": CENTRES.iloc[:1]}
    found = budget.budget_variance(STEADY, {**tables, "commentary": words}, SETTINGS, period="2026-06")
    assert set(found.comments["text"]) == {"of the site", "of the whole"}


def test_a_comment_on_last_years_figure_is_not_held_against_this_years() -> None:
    plan = budget_rows(*(("original", m, None, "C1", "6000", 900_00) for m in month_range("2026-01", "2026-12")))
    tables = {"accounts": chart(), "cost_centres": CENTRES, "budget": plan}
    for month, known in (("2025-11", False), ("2026-01", True)):
        words = pd.DataFrame([comment(month, ALL, "so it was")])
        found = budget.budget_variance(STEADY, {**tables, "commentary": words}, SETTINGS, period="2026-02")
        assert found.comments["state"].tolist() == ["earlier"]
        assert found.comments["now_cents"].notna().tolist() == [known]


# Any company


@st.composite
def companies(draw: Any) -> dict[str, Any]:
    """A random ledger, hierarchy and budget: refunds, zero and negative plans, nulls anywhere, a moved cost centre."""
    start = draw(st.integers(1, 12))
    months = month_range("2024-09", "2026-02")
    centre, account = st.sampled_from(["C1", "C2", "C9", UNASSIGNED]), st.sampled_from([*KINDS, UNASSIGNED])
    cents = st.integers(-(10**9), 10**9)
    posted = st.dictionaries(st.tuples(st.sampled_from(months), centre, account), st.tuples(cents, cents), max_size=40)
    ledger = draw(posted)
    actual = lines(*((*key, whole) for key, (whole, _) in ledger.items()))
    when = st.sampled_from(["2025", "2026", "2027", *month_range("2025-07", "2026-12")])
    since = st.sampled_from([None, None, "2025-10", "2026-02"])
    planned = draw(
        st.dictionaries(st.tuples(when, since, centre, account), st.sampled_from([0, -7, 10**6 + 1]), max_size=12)
    )
    places = st.sampled_from(["North", "South", None])
    table = centres(
        ("C1", "2020-01-01", "Ops", draw(places)),
        ("C1", "2025-12-15", "Care", draw(places)),
        ("C2", "2020-01-01", "Ops", "South"),
        valid_to=("2025-12-14", None, "2025-11-30"),
    )
    table["department"] = table["department"].where(table["cost_centre"] != draw(st.sampled_from(["C1", "C2", "none"])))
    view = st.sampled_from(["as_posted", "as_current"]), st.sampled_from(["with", "without"])
    return {
        "actuals": actual.assign(one_off_cents=[part for _, part in ledger.values()]).astype(
            {"one_off_cents": "int64"}
        ),
        "plan": budget_rows(*(("original", *key, amount) for key, amount in planned.items())),
        "period": draw(st.sampled_from(["2025-09", "2026-01", "2026-02"])),
        "settings": Settings(calendar=Calendar(start)),
        "cost_centres": table,
        "structure": draw(view[0]),
        "one_offs": draw(view[1]),
    }


def added(months: Sequence[str], company: Mapping[str, Any], kind: str) -> int:
    """The ledger's cents of `months` and a type, line by line."""
    rows = company["actuals"].itertuples(index=False)
    part = company["one_offs"] == "without"
    return sum(
        r.amount_cents - part * r.one_off_cents for r in rows if r.period in months and KINDS.get(r.account) == kind
    )


@COMPANIES
@given(companies())
def test_any_company_adds_up_in_every_view_and_in_any_order(company: dict[str, Any]) -> None:
    frames = [company[name] for name in ("actuals", "plan", "cost_centres")]
    before = [frame.copy(deep=True) for frame in frames]
    found = analysed(**company)
    for frame, kept in zip(frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, kept)
    calendar, period = company["settings"].calendar, company["period"]
    for horizon in ("month", "qtd", "ytd"):
        months = calendar.months(period, horizon)
        for scenario, of in (("AC", months), ("PY", [f"{int(m[:4]) - 1}{m[4:]}" for m in months])):
            for kind in ("revenue", "cost"):
                stands = totals(found, horizon, scenario)
                assert stands.get(kind, 0) == added(of, company, kind), (horizon, scenario, kind)
    below = found.amounts[found.amounts["dimension"] != TOTAL]
    for (_, kind, horizon, scenario), rows in below.groupby(["dimension", "item2", "horizon", "scenario"]):
        if kind in ("revenue", "cost"):
            assert rows["cents"].sum() == totals(found, horizon, scenario)[kind]
    whole = found.variances[(found.variances["dimension"] == TOTAL) & (found.variances["measure"] == "result")]
    effects = whole.set_index(["horizon", "reference"])["effect_cents"]
    lines_ = found.variances[found.variances["dimension"] != TOTAL]
    for (_, horizon, reference), rows in lines_.groupby(["dimension", "horizon", "reference"]):
        assert rows["effect_cents"].sum() == effects[horizon, reference]
    for (_, horizon, reference), steps in found.bridges.groupby(["by", "horizon", "reference"]):
        start, end = (int(steps.loc[steps["kind"] == kind, "cents"].sum()) for kind in ("start", "end"))
        assert start + steps["effect_cents"].sum() == end == totals(found, horizon, "AC")["result"]
        assert start == totals(found, horizon, reference)["result"]
    again = analysed(**company | {name: company[name].sample(frac=1, random_state=7) for name in ("actuals", "plan")})
    for name in (
        "amounts",
        "variances",
        "monthly",
        "forecast",
        "outlook",
        "outlook_lines",
        "phasing",
        "bridges",
        "drafts",
    ):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name))


@COMPANIES
@given(companies())
def test_the_entities_of_any_company_add_up_to_the_whole(company: dict[str, Any]) -> None:
    whole, *parts = (analysed(**company, entity=e) for e in (ALL, "South", "North", UNASSIGNED) if e in sites(company))
    for (horizon, scenario), _ in whole.amounts.groupby(["horizon", "scenario"]):
        for measure, cents in totals(whole, horizon, scenario).items():
            assert sum(totals(part, horizon, scenario).get(measure, 0) for part in parts) == cents, (horizon, scenario)


def sites(company: Mapping[str, Any]) -> set[str]:
    return {ALL, UNASSIGNED, *company["cost_centres"]["site"].dropna()}


# Outlook


def test_the_full_years_outlook_is_set_against_its_plan() -> None:
    found = analysed(COMPANY, PLAN, period="2025-09", settings=JULY).outlook
    row = one(found[found["chosen"]], measure="revenue", horizon="fy")
    assert row[["cents", "plan_cents", "variance_cents", "effect_cents"]].tolist() == [12_000, 12_000, 0, 0]


# Real ledgers


def control_totals(folder: Path) -> dict[tuple[str, str, str], int]:
    """The publisher's totals in cents by month, city and type, read without the package."""
    with (folder / "control_totals.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["period"], row["site"], row["type"]): int(Decimal(row["amount"]) * 100) for row in csv.DictReader(file)
        }


def plan_in_force(folder: Path, period: str) -> dict[tuple[str, str], int]:
    """The year's budget in cents by city and type: the amended row in force, else the original's; read by hand."""

    def table(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    chosen: dict[tuple[str, str], tuple[tuple[bool, str], int]] = {}
    for row in table("budget"):
        line, rank = (row["cost_centre"], row["account"]), (row["version"] == "amended", row["valid_from"])
        if row["period"] == period[:4] and row["valid_from"] <= period and rank >= chosen.get(line, (rank, 0))[0]:
            chosen[line] = (rank, int(Decimal(row["amount"]) * 100))
    site = {row["cost_centre"]: row["site"] for row in table("cost_centres")}
    kind = {row["account"]: row["type"] for row in table("accounts")}
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for (centre, account), (_, cents) in chosen.items():
        sums[site[centre], kind[account]] += cents
    return sums


def test_every_month_of_the_real_cities_equals_its_publishers_totals(real: Path) -> None:
    inputs = sources.read(real / "municipal")
    placed = budget.placed(inputs.actuals("2026-06"), inputs.tables["cost_centres"], inputs.settings.calendar)
    sums = budget.rollup(with_types(placed, inputs.tables["accounts"]), ["period", "site", "type"])
    found = {(r.period, r.site, r.type): r.amount_cents for r in sums.itertuples(index=False)}
    assert found == control_totals(real / "municipal")
    assert {period for period, _, _ in found} == set(month_range("2022-01", "2026-06"))
    assert len(found) == 54 * 3 * 2


def test_a_real_citys_figures_equal_its_publishers_control_totals(real: Path) -> None:
    inputs = sources.read(real / "municipal")
    stated = control_totals(real / "municipal")
    plan = plan_in_force(real / "municipal", "2026-05")
    cities = sorted({site for _, site, _ in stated})
    assert len(cities) == 3
    spans = {"month": (5,), "ytd": (1, 2, 3, 4, 5)}
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for entity in (*cities, ALL):
        found = budget.budget_variance(
            inputs.actuals("2026-05"), inputs.tables, inputs.settings, period="2026-05", entity=entity
        )
        for scenario, year in (("AC", 2026), ("PY", 2025)):
            for horizon, months in spans.items():
                for kind in ("revenue", "cost"):
                    of = cities if entity == ALL else [entity]
                    expected = sum(stated[f"{year}-{m:02}", city, kind] for city in of for m in months)
                    assert totals(found, horizon, scenario)[kind] == expected
        for kind in ("revenue", "cost"):
            of = cities if entity == ALL else [entity]
            assert totals(found, "fy", "PL")[kind] == sum(plan[city, kind] for city in of)
        for scenario, horizon in (("PL", "fy"), ("PL", "ytd"), ("FC", "fy"), ("AC", "ytd")):
            for measure, cents in totals(found, horizon, scenario).items():
                sums[scenario, horizon, measure] += -cents if entity == ALL else cents
        assert found.status == "COMPLETE"
    assert set(sums.values()) == {0}, "the cities do not add up to the whole"

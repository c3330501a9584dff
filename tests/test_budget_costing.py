"""Rules of costing: rate and efficiency, mix and yield, overhead, payroll, activities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsanalytics.budget.comparison import rollup
from opsanalytics.budget.drivers.activities import UNALLOCATED, activity_costs, unit_costs
from opsanalytics.budget.drivers.costing import (
    AT_PURCHASE,
    OVERHEAD_ANALYSES,
    mix_yield,
    overhead_variances,
    rate_efficiency,
    standard_cost_levels,
    standard_cost_variances,
)
from opsanalytics.budget.drivers.payroll import PAYROLL_DRIVERS, payroll_variances
from opsanalytics.formats import UNASSIGNED

UNHURRIED = settings(deadline=None, max_examples=20)
EFFECTS = [f"{driver}_effect_cents" for driver in PAYROLL_DRIVERS]


def frame(**columns: Sequence[object]) -> pd.DataFrame:
    """Columns as in a checked table: money int64, codes text, everything else Decimals."""
    kinds = {"period", "cost_centre", "product", "input", "kind", "grade", "pool", "driver"}
    made = {}
    for name, values in columns.items():
        if name.endswith("_cents"):
            made[name] = pd.Series(list(values), dtype="int64")
        elif name in kinds:
            made[name] = pd.Series(list(values), dtype="str")
        else:
            made[name] = pd.Series([Decimal(str(value)) for value in values], dtype="object")
    return pd.DataFrame(made)


def effects(found: pd.DataFrame, row: int = 0) -> dict[str, int]:
    """The effects of a row in whole currency units."""
    suffix = "_effect_cents"
    return {
        str(c).removesuffix(suffix): int(found[c].iloc[row]) // 100 for c in found.columns if str(c).endswith(suffix)
    }


# Webb Company makes 10,000 jackets where 12,000 were budgeted: Horngren, Datar, Rajan, Cost Accounting, ch. 7 and 8.
WEBB = frame(
    period=["2026-04"] * 4,
    cost_centre=["C1"] * 4,
    product=["jacket"] * 4,
    input=["Cloth", "Hands", "Machines", "Lease"],
    kind=["material", "labour", "variable_overhead", "fixed_overhead"],
    budget_output=[12_000] * 4,
    actual_output=[10_000] * 4,
    standard_quantity=["2", "0.8", "0.4", "0.4"],
    standard_price=["30", "20", "30", "57.50"],
    actual_quantity=[22_200, 9_000, 4_500, 4_500],
    actual_price=["28", "22", "29", "63.3333333333333333"],
)


def test_standard_cost_variances_are_those_of_horngrens_webb_company() -> None:
    found = standard_cost_variances(WEBB)
    assert {(row.input, row.driver): row.effect_cents for row in found.itertuples()} == {
        ("Cloth", "price"): 44_400_00,
        ("Cloth", "usage"): -66_000_00,
        ("Hands", "rate"): -18_000_00,
        ("Hands", "efficiency"): -20_000_00,
        ("Machines", "spending"): 4_500_00,
        ("Machines", "efficiency"): -15_000_00,
        ("Lease", "spending"): -9_000_00,
    }


def test_fixed_overhead_stays_at_its_budget_and_its_volume_stands_apart() -> None:
    lease = standard_cost_levels(WEBB).set_index("input").loc["Lease"]
    assert (lease["budget_cents"], lease["flexible_cents"], lease["actual_cents"]) == (
        276_000_00,
        276_000_00,
        285_000_00,
    )
    assert (lease["output_effect_cents"], lease["absorption_effect_cents"]) == (0, -46_000_00)


def materials(*rows: tuple[str, str | None, str, str, str]) -> pd.DataFrame:
    """Standard costs of 100 batches: material, unit, quantity for one, price, actual quantity at that price."""
    made = pd.DataFrame(rows, columns=["input", "unit", "standard_quantity", "standard_price", "actual_quantity"])
    exact = {c: [Decimal(v) for v in made[c]] for c in ("standard_quantity", "standard_price", "actual_quantity")}
    fixed = {"period": "2026-04", "cost_centre": "C1", "product": "Paint", "kind": "material"}
    made = made.assign(**fixed, budget_output=Decimal(100), actual_output=Decimal(100), **exact)
    return made.assign(actual_price=made["standard_price"])


def test_materials_of_a_product_in_one_unit_have_mix_and_yield_for_their_usage() -> None:
    """100 batches of 6 kg at 10 and 4 kg at 5: 650 and 400 kg were used. Standard mix of 1,050 kg: 630 and 420."""
    rows = materials(
        ("Oil", "kg", "6", "10", "650"), ("Chalk", "kg", "4", "5", "400"), ("Tin", "pieces", "1", "2", "101")
    )
    found = standard_cost_variances(rows).set_index(["input", "driver"])["effect_cents"]
    assert found[["Oil", "Chalk"]].xs("mix", level="driver").to_dict() == {"Oil": -200_00, "Chalk": 100_00}
    assert found[["Oil", "Chalk"]].xs("yield", level="driver").to_dict() == {"Oil": -300_00, "Chalk": -100_00}
    assert found["Tin"].to_dict() == {"price": 0, "usage": -2_00}
    assert ("Oil", "usage") not in found.index
    usage = standard_cost_variances(rows.drop(columns="unit"))
    assert usage["effect_cents"].sum() == found.sum()
    assert set(usage["driver"]) == {"price", "usage"}


@pytest.mark.parametrize("unit", [None, "litres"], ids=["a blank unit", "another unit"])
def test_materials_not_known_to_be_in_one_unit_are_not_added_up(unit: str | None) -> None:
    rows = materials(("Oil", unit, "6", "10", "650"), ("Chalk", "kg", "4", "5", "400"), ("Glue", None, "1", "1", "90"))
    assert set(standard_cost_variances(rows)["driver"]) == {"price", "usage"}


def test_less_output_than_budgeted_saves_its_standard_cost() -> None:
    cloth = standard_cost_levels(WEBB).set_index("input").loc["Cloth"]
    assert cloth["output_effect_cents"] == 2_000 * 2 * 30_00


def test_an_unknown_kind_of_input_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'magic' in standard_costs is unknown: use one of material, labour"):
        standard_cost_variances(WEBB.assign(kind="magic"))


@pytest.mark.parametrize(
    ("kind", "price", "usage"),
    [("material", "price", "usage"), ("labour", "rate", "efficiency"), ("variable_overhead", "spending", "efficiency")],
)
def test_the_two_variances_bear_the_names_of_the_kind(kind: str, price: str, usage: str) -> None:
    # 300 allowed at 5.00 = 1,500.00; used 320, 1,600.00 at standard; paid 1,552.00.
    given = frame(
        actual_output=[100], standard_quantity=[3], standard_price=[5], actual_quantity=[320], actual_cents=[1_552_00]
    )
    found = rate_efficiency(given, kind=kind)
    assert effects(found) == {price: 48, usage: -100, "total": -52}


def test_an_actual_price_and_what_it_makes_up_to_give_the_same() -> None:
    given = frame(actual_output=[7], standard_quantity=["1.5"], standard_price=["2.5"], actual_quantity=[11])
    by_price = rate_efficiency(given.assign(actual_price=[Decimal("2.45")]))
    by_cost = rate_efficiency(given.assign(actual_cents=pd.Series([26_95], dtype="int64")))
    pd.testing.assert_frame_equal(by_price, by_cost)


def test_price_at_purchase_counts_what_was_bought_and_keeps_the_rest_as_stock() -> None:
    # Bought 22,000 at 2.10 against 2.00; 20,000 used where 9,900 units allow two each.
    given = frame(
        actual_output=[9_900], standard_quantity=[2], standard_price=["2.00"], actual_quantity=[20_000],
        quantity_purchased=[22_000], actual_price=["2.10"],
    )  # fmt: skip
    bought = rate_efficiency(given, kind="material", price_at=AT_PURCHASE)
    assert effects(bought) == {"price": -2_200, "usage": -400, "total": -2_600}
    assert bought["stock_cents"].iloc[0] == 2_000 * 2_00
    assert effects(rate_efficiency(given, kind="material")) == {"price": -2_000, "usage": -400, "total": -2_400}


def test_of_the_cost_of_purchases_the_part_used_counts_at_use() -> None:
    given = frame(actual_quantity=[200], quantity_purchased=[300], standard_price=["2"], actual_cents=[660_00])
    assert effects(rate_efficiency(given, kind="material")) == {"price": -40}


def test_what_was_used_without_a_purchase_has_no_price() -> None:
    given = frame(actual_quantity=[200], quantity_purchased=[0], standard_price=["2"], actual_cents=[0])
    with pytest.raises(ValueError, match="Row 0 used what was not purchased"):
        rate_efficiency(given, kind="material")


def test_without_a_standard_quantity_only_the_price_is_judged() -> None:
    given = frame(standard_price=["3"], actual_quantity=[14_000], actual_cents=[43_400_00])
    assert effects(rate_efficiency(given)) == {"rate": -1_400}


def test_a_missing_actual_is_not_taken_as_zero() -> None:
    given = frame(standard_price=["3", "3"], actual_quantity=[1, 1], actual_price=["3", "3"])
    given.loc[1, "actual_quantity"] = None
    with pytest.raises(ValueError, match="actual_quantity of row 1"):
        rate_efficiency(given)


def test_no_rows_give_no_rows() -> None:
    for function, table in (
        (standard_cost_variances, WEBB),
        (payroll_variances, PAYROLL),
        (overhead_variances, FACTORY),
        (lambda rows: mix_yield(rows, by=["input"]), DELPINO),
        (lambda rows: activity_costs(rows).activity_costs, RUNS),
    ):
        assert len(function(table.iloc[:0])) == 0


def test_an_unknown_kind_and_an_unknown_timing_are_refused() -> None:
    with pytest.raises(ValueError, match="'energy' has no rate and efficiency: use one of material"):
        rate_efficiency(WEBB, kind="energy")
    with pytest.raises(ValueError, match="price_at 'delivery' is unknown: use 'use' or 'purchase'"):
        rate_efficiency(WEBB, price_at="delivery")


# Delpino makes 4,000 tons of ketchup of three tomatoes: Horngren, Datar, Rajan, Cost Accounting, ch. 14, appendix.
DELPINO = frame(
    input=["Latoms", "Caltoms", "Flotoms"],
    standard_quantity=["0.80", "0.48", "0.32"],
    standard_price=[70, 80, 90],
    actual_quantity=[3_250, 2_275, 975],
    actual_output=[4_000] * 3,
)


def test_mix_and_yield_are_those_of_horngrens_delpino() -> None:
    found = rollup(mix_yield(DELPINO, by=[]), [])
    assert effects(found) == {"mix": 3_250, "yield": -7_700, "usage": -4_450}


def test_the_standard_may_be_for_a_batch() -> None:
    batch = DELPINO.assign(standard_output=[Decimal(1_000)] * 3, standard_quantity=[*map(Decimal, (800, 480, 320))])
    pd.testing.assert_frame_equal(mix_yield(batch, by=[]), mix_yield(DELPINO, by=[]))


def test_the_inputs_of_a_mix_share_one_output() -> None:
    outputs = [Decimal(4_000), Decimal(4_000), Decimal(4_001)]
    with pytest.raises(ValueError, match="ketchup has more than one actual_output"):
        mix_yield(DELPINO.assign(product="ketchup", actual_output=outputs), by=["product"])


def test_without_a_standard_mix_all_of_usage_is_yield() -> None:
    none = frame(standard_quantity=[0, 0], standard_price=[2, 3], actual_quantity=[5, 5], actual_output=[9, 9])
    assert effects(rollup(mix_yield(none, by=[]), [])) == {"mix": 0, "yield": -25, "usage": -25}


# 850 units of 4 hours, 3,475 hours worked, normal 4,000: Matz and Usry's overhead, as on accountingexplanation.com.
FACTORY = frame(
    actual_cents=[7_384_00], standard_quantity=[4], actual_output=[850], actual_quantity=[3_475],
    variable_rate=["1.20"], fixed_rate=["0.80"], normal_quantity=[4_000],
)  # fmt: skip


@pytest.mark.parametrize(
    ("analysis", "expected"),
    [
        ("two", {"controllable": -104, "volume": -480}),
        ("three", {"spending": -14, "variable_efficiency": -90, "volume": -480}),
        ("three_idle", {"spending": -14, "efficiency": -150, "idle_capacity": -420}),
        (
            "four_idle",
            {"spending": -14, "variable_efficiency": -90, "fixed_efficiency": -60, "idle_capacity": -420},
        ),
    ],
)
def test_overhead_is_that_of_matz_and_usry(analysis: str, expected: dict[str, int]) -> None:
    found = overhead_variances(FACTORY)
    assert {name: effects(found)[name] for name in OVERHEAD_ANALYSES[analysis]} == expected
    assert found[["budget_allowed_cents", "applied_cents"]].iloc[0].tolist() == [7_280_00, 6_800_00]


def test_four_variances_split_spending_where_actual_overhead_is_split() -> None:
    # accountingverse.com, three-way analysis: 1,100 units of 3 hours, 3,250 hours worked, fixed budget 30,000.
    given = frame(
        actual_variable_cents=[94_250_00], actual_fixed_cents=[36_500_00], standard_quantity=[3], actual_output=[1_100],
        actual_quantity=[3_250], variable_rate=[30], budget_fixed_cents=[30_000_00], normal_quantity=[3_000],
    )  # fmt: skip
    found = effects(overhead_variances(given))
    assert {name: found[name] for name in OVERHEAD_ANALYSES["four"]} == {
        "variable_spending": 3_250,
        "fixed_spending": -6_500,
        "variable_efficiency": 1_500,
        "volume": 3_000,
    }
    assert found["spending"] == -3_250
    assert found["total"] == 1_250


@pytest.mark.parametrize(
    "rates",
    [
        {"variable_rate": ["5.75"], "total_rate": ["9"]},
        {"fixed_rate": ["3.25"], "total_rate": ["9"]},
        {"variable_rate": ["5.75"], "fixed_rate": ["3.25"]},
        {"variable_rate": ["5.75"]},
    ],
)
def test_the_rates_may_be_given_in_any_way_that_fixes_them(rates: dict[str, list[str]]) -> None:
    given = frame(
        actual_cents=[4_100_00], standard_quantity=["2.4"], actual_output=[180], budget_fixed_cents=[1_300_00],
        normal_quantity=[400], **rates,
    )  # fmt: skip
    assert effects(overhead_variances(given)) == {"controllable": -316, "volume": 104, "total": -212}


def test_overhead_without_a_fixed_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="No fixed rate: give fixed_rate"):
        overhead_variances(FACTORY.drop(columns="fixed_rate"))
    zero = FACTORY.drop(columns="fixed_rate").assign(budget_fixed_cents=1, normal_quantity=[Decimal(0)])
    with pytest.raises(ValueError, match="Row 0 has a normal_quantity of zero"):
        overhead_variances(zero)


# Budget: 10 operatives at 3,000 and 2 supervisors at 4,200, on average 3,200; an hour of overtime 3,000/160*1.5.
PAYROLL = frame(
    period=["2026-04"] * 2, cost_centre=["C1"] * 2, grade=["Operative", "Supervisor"],
    budget_fte=[10, 2], budget_rate=[3_000, 4_200], actual_fte=[8, 3], actual_rate=[3_100, 4_200],
    overtime_hours=[64, 0], budget_overtime_hours=[32, 0],
)  # fmt: skip


def test_pay_splits_into_headcount_delay_mix_rate_and_overtime() -> None:
    found = payroll_variances(PAYROLL)
    assert effects(found) == {
        "headcount": -3_200,  # one supervisor above plan, at the average
        "hiring_delay": 6_400,  # two operatives not there, at the average
        "grade_mix": -1_400,  # 2 * (3,000 - 3,200) - 1 * (4,200 - 3,200)
        "rate": -860,  # 8 * 100, and 64 hours of 100/160*1.5
        "overtime": -900,  # 32 hours of 28.125
        "total": 40,
    }
    assert found[["budget_cents", "actual_cents"]].iloc[0].tolist() == [39_300_00, 39_260_00]


def test_overtime_without_a_budget_for_it_is_adverse_in_whole() -> None:
    found = payroll_variances(PAYROLL.drop(columns="budget_overtime_hours"))
    assert effects(found)["overtime"] == -1_800


def test_a_blank_budget_of_overtime_is_none_like_an_absent_one() -> None:
    blank = PAYROLL.assign(budget_overtime_hours=pd.Series([None, Decimal(0)], dtype="object"))
    assert effects(payroll_variances(blank))["overtime"] == -1_800


def test_hours_and_premium_are_the_organisations_own() -> None:
    found = payroll_variances(PAYROLL, hours_per_fte=Decimal(150), overtime_premium=Decimal(2))
    assert effects(found)["overtime"] == -32 * 40


def test_a_grade_that_nobody_planned_is_headcount_and_not_rate() -> None:
    extra = frame(
        period=["2026-04"], cost_centre=["C1"], grade=["Temp"], budget_fte=[0], budget_rate=[0], actual_fte=[1],
        actual_rate=[2_500], overtime_hours=[0], budget_overtime_hours=[0],
    )  # fmt: skip
    found = payroll_variances(pd.concat([PAYROLL, extra], ignore_index=True), by=["grade"])
    temp = effects(found, row=2)
    assert temp == {"headcount": -3_200, "hiring_delay": 0, "grade_mix": 700, "rate": 0, "overtime": 0, "total": -2_500}


def test_a_cost_centre_without_budgeted_posts_has_no_mix() -> None:
    found = effects(payroll_variances(PAYROLL.assign(budget_fte=[Decimal(0)] * 2)))
    assert found["headcount"] == -(8 * 3_000 + 3 * 4_200)
    assert found["grade_mix"] == 0


def test_equal_pay_leaves_no_mix_whatever_the_fractions() -> None:
    odd = [Decimal("3333.335")] * 2
    found = payroll_variances(PAYROLL.assign(budget_rate=odd, actual_fte=[Decimal("7.77"), Decimal("3.33")]))
    assert found["grade_mix_effect_cents"].iloc[0] == 0


def test_a_blank_cost_centre_is_unassigned_and_stays() -> None:
    blank = PAYROLL.assign(cost_centre=pd.Series([None, "C1"], dtype="str"))
    found = payroll_variances(blank)
    assert found["cost_centre"].tolist() == [UNASSIGNED, "C1"]


def test_hours_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="hours_per_fte is 0"):
        payroll_variances(PAYROLL, hours_per_fte=Decimal(0))


def pools(*rows: tuple[str, str, int, str, float]) -> pd.DataFrame:
    """A checked table of activities, all in April: pool, product, cents, driver, quantity."""
    made = pd.DataFrame(rows, columns=["pool", "product", "pool_cost_cents", "driver", "driver_quantity"])
    return made.assign(period="2026-04").astype({"pool_cost_cents": "int64", "driver_quantity": "float64"})


RUNS = pools(("Delivery", "Parcels", 1_000_00, "runs", 1), ("Delivery", "Haulage", 1_000_00, "runs", 1))


def cents_by_product(found: Any) -> dict[str, int]:
    return dict(zip(found.activity_costs["product"], found.activity_costs["cents"], strict=True))


def test_a_product_bears_the_rate_for_what_it_used() -> None:
    found = activity_costs(RUNS)
    # Without a capacity it is not known whether anything is left: there is no row that says nothing is.
    assert cents_by_product(found) == {"Haulage": 500_00, "Parcels": 500_00}
    assert found.activity_rates[["driver_quantity", "pool_cents", "rate"]].iloc[0].tolist() == [2, 1_000_00, 500]


@pytest.mark.parametrize("months", [{}, {"period": ["2026-04"]}], ids=["for every month", "for the month"])
def test_unused_capacity_is_nobodys_cost_and_a_row_of_its_own(months: dict[str, list[str]]) -> None:
    capacity = pd.DataFrame({**months, "pool": ["Delivery"], "capacity": [3.0]})
    found = activity_costs(RUNS, capacity=capacity)
    # A third each is 33,333 1/3 cents: the cent left over goes to the first.
    assert cents_by_product(found) == {"Haulage": 333_34, "Parcels": 333_33, UNALLOCATED: 333_33}
    assert found.activity_rates["rate"].iloc[0] == pytest.approx(1_000 / 3)


def test_a_pool_that_no_product_used_is_unallocated_and_has_no_rate() -> None:
    found = activity_costs(RUNS.assign(driver_quantity=0.0))
    assert cents_by_product(found) == {"Haulage": 0, "Parcels": 0, UNALLOCATED: 1_000_00}
    assert found.activity_rates["rate"].isna().all()


def test_a_pool_with_two_costs_or_two_drivers_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'Delivery' in 2026-04 has different costs in cents: 100000, 100001"):
        activity_costs(RUNS.assign(pool_cost_cents=[1_000_00, 1_000_01]))
    with pytest.raises(ValueError, match=r"'Delivery' in 2026-04 has different drivers: kilometres, runs"):
        activity_costs(RUNS.assign(driver=["runs", "kilometres"]))


def test_more_used_than_there_is_capacity_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'Delivery' in 2026-04 used 2 runs, more than its capacity of 1\.5"):
        activity_costs(RUNS, capacity=pd.DataFrame({"pool": ["Delivery"], "capacity": [1.5]}))


def test_a_unit_costs_its_direct_cost_and_its_activities() -> None:
    found = unit_costs(activity_costs(RUNS).activity_costs, {"Parcels": 1_000}, direct_cost_per_unit={"Parcels": 2})
    parcels = found.set_index("product").loc["Parcels"]
    assert (parcels["overhead_per_unit"], parcels["total_per_unit"]) == (0.5, 2.5)
    assert found.set_index("product").loc["Haulage", ["overhead_per_unit", "total_per_unit"]].isna().all()


# Properties: any numbers, zero output and hours and negative corrections among them.

amounts = st.decimals(min_value=-10_000, max_value=10_000, places=4, allow_nan=False)
quantities = st.one_of(st.just(Decimal(0)), amounts)
counts = st.one_of(st.just(Decimal(0)), st.decimals(min_value=0, max_value=500, places=2, allow_nan=False))


def rows_of(columns: dict[str, st.SearchStrategy[Any]], key: list[str]) -> st.SearchStrategy[pd.DataFrame]:
    """Frames of one to eight rows with a key of their own."""
    row = st.fixed_dictionaries(columns)
    found = st.lists(row, min_size=1, max_size=8, unique_by=lambda r: tuple(r[name] for name in key))
    return found.map(lambda rows: frame(**{name: [r[name] for r in rows] for name in columns}))


inputs_any = rows_of(
    {
        "period": st.sampled_from(("2026-01", "2026-02")),
        "cost_centre": st.sampled_from(("C1", "Ä;=<script>")),
        "product": st.sampled_from(("P1", "P2")),
        "input": st.sampled_from(("A", "B", "C")),
        "kind": st.sampled_from(("material", "labour", "variable_overhead", "fixed_overhead")),
        **dict.fromkeys(("budget_output", "actual_output", "standard_quantity", "actual_quantity"), quantities),
        **dict.fromkeys(("standard_price", "actual_price"), quantities),
    },
    ["period", "cost_centre", "product", "input"],
)
payrolls = rows_of(
    {
        "period": st.sampled_from(("2026-01", "2026-02")),
        "cost_centre": st.sampled_from(("C1", "C2")),
        "grade": st.sampled_from(("G1", "G2", "G3")),
        **dict.fromkeys(
            ("budget_fte", "budget_rate", "actual_fte", "actual_rate", "overtime_hours", "budget_overtime_hours"),
            counts,
        ),
    },
    ["period", "cost_centre", "grade"],
)


def half_even(exact: Fraction) -> int:
    return round(exact * 100)


def product_of(row: Any, *names: str) -> Fraction:
    whole = Fraction(1)
    for name in names:
        whole *= Fraction(getattr(row, name))
    return whole


def unmoved(function: Callable[[pd.DataFrame], pd.DataFrame], given: pd.DataFrame) -> pd.DataFrame:
    """Return the result, having seen that row order does not matter and that the input is as it was."""
    before = given.copy(deep=True)
    found = function(given)
    pd.testing.assert_frame_equal(given, before)
    pd.testing.assert_frame_equal(function(given.iloc[::-1].reset_index(drop=True)), found)
    return found


@UNHURRIED
@given(inputs_any)
def test_the_drivers_of_an_input_foot_to_standard_less_actual_cost(given: pd.DataFrame) -> None:
    found = unmoved(standard_cost_variances, given)
    sums = found.groupby(["period", "cost_centre", "product", "input"])["effect_cents"].sum()
    assert len(sums) == len(given)
    for row in given.itertuples():
        output = "budget_output" if row.kind == "fixed_overhead" else "actual_output"
        standard = half_even(product_of(row, output, "standard_quantity", "standard_price"))
        actual = half_even(product_of(row, "actual_quantity", "actual_price"))
        assert sums[row.period, row.cost_centre, row.product, row.input] == standard - actual


@UNHURRIED
@given(inputs_any, st.sampled_from(("material", "labour", "variable_overhead")))
def test_each_variance_is_within_a_cent_of_the_textbooks_formula(given: pd.DataFrame, kind: str) -> None:
    found = rate_efficiency(given, kind=kind)
    price, usage = (c for c in found.columns if c.endswith("_effect_cents") and not c.startswith("total"))
    for row, (_, of) in zip(given.itertuples(), found.iterrows(), strict=True):
        step = Fraction(row.standard_price) - Fraction(row.actual_price)
        saved = product_of(row, "standard_quantity", "actual_output") - Fraction(row.actual_quantity)
        assert abs(int(of[price]) - 100 * Fraction(row.actual_quantity) * step) <= 1
        assert abs(int(of[usage]) - 100 * saved * Fraction(row.standard_price)) <= 1


@UNHURRIED
@given(inputs_any)
def test_mix_and_yield_foot_to_usage_and_a_group_knows_only_itself(given: pd.DataFrame) -> None:
    by = ["period", "cost_centre", "product"]
    one_output = given.groupby(by)["actual_output"].transform("first")
    mixes = given.assign(actual_output=one_output).sort_values([*by, "input"], ignore_index=True)
    found = pd.concat([mixes[[*by, "input"]], mix_yield(mixes)], axis=1)
    usage = rate_efficiency(mixes, kind="material")["usage_effect_cents"]
    assert (found["mix_effect_cents"] + found["yield_effect_cents"]).tolist() == usage.tolist()
    for _, group in mixes.groupby(by):
        pd.testing.assert_frame_equal(mix_yield(group), mix_yield(mixes).loc[group.index])


@UNHURRIED
@given(payrolls)
def test_the_drivers_of_pay_foot_to_budget_less_actual_pay(given: pd.DataFrame) -> None:
    found = unmoved(payroll_variances, given)
    by_grade = payroll_variances(given, by=["period", "cost_centre", "grade"])
    assert (by_grade[EFFECTS].sum(axis=1) == by_grade["total_effect_cents"]).all()
    pd.testing.assert_frame_equal(rollup(by_grade.drop(columns="grade"), ["period", "cost_centre"]), found)
    budget = actual = 0
    for row in given.itertuples():
        budget += half_even(product_of(row, "budget_fte", "budget_rate"))
        budget += half_even(product_of(row, "budget_overtime_hours", "budget_rate") * Fraction(3, 320))
        actual += half_even(product_of(row, "actual_fte", "actual_rate"))
        actual += half_even(product_of(row, "overtime_hours", "actual_rate") * Fraction(3, 320))
    # A grade that has a rate only in fact takes it for its budget, which is nothing all the same.
    assert (found["budget_cents"].sum(), found["actual_cents"].sum()) == (budget, actual)
    assert found["total_effect_cents"].sum() == budget - actual


@UNHURRIED
@given(payrolls)
def test_a_hiring_delay_is_never_adverse_and_headcount_above_plan_never_favourable(given: pd.DataFrame) -> None:
    found = payroll_variances(given)
    assert (found["hiring_delay_effect_cents"] >= 0).all()
    assert (found["headcount_effect_cents"] <= 0).all()


@UNHURRIED
@given(
    rows_of(
        {
            "standard_quantity": quantities,
            **dict.fromkeys(("actual_output", "actual_quantity", "variable_rate", "fixed_rate"), quantities),
            **dict.fromkeys(
                ("budget_fixed_cents", "actual_variable_cents", "actual_fixed_cents"), st.integers(-(10**9), 10**9)
            ),
            "normal_quantity": counts,
        },
        ["standard_quantity", "actual_output"],
    )
)
def test_every_analysis_of_overhead_foots_to_applied_less_actual(given: pd.DataFrame) -> None:
    before = given.copy(deep=True)
    found = overhead_variances(given)
    pd.testing.assert_frame_equal(given, before)
    total = found["applied_cents"] - given["actual_variable_cents"] - given["actual_fixed_cents"]
    for names in OVERHEAD_ANALYSES.values():
        assert found[[f"{name}_effect_cents" for name in names]].sum(axis=1).tolist() == total.tolist()


@UNHURRIED
@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz"), st.floats(0, 1e6), st.floats(0, 1e3)),
        min_size=1,
        unique_by=lambda row: row[:2],
    ),
    st.integers(-(10**12), 10**12),
)
def test_a_pools_costs_add_up_to_the_pool(used: list[tuple[str, str, float, float]], cents: int) -> None:
    given = pools(*((pool, product, cents, "runs", quantity) for pool, product, quantity, _ in used))
    spare = pd.DataFrame({"pool": ["A"], "capacity": [10.0**8]})
    found = unmoved(lambda table: activity_costs(table, capacity=spare).activity_costs, given)
    assert set(found.groupby("pool")["cents"].sum()) == {cents}
    used_up = {pool for pool, _, quantity, _ in used if quantity}
    with_rest = set(found.loc[found["product"] == UNALLOCATED, "pool"])
    assert with_rest == {pool for pool in found["pool"] if pool == "A" or pool not in used_up}

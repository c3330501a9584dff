"""Rules of the explanation: every cent of a result's variance has one driver, and no table explains another's part."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opsanalytics import sources, tables
from opsanalytics.budget.analysis import budget_variance
from opsanalytics.budget.comparison import prior_year_actual, with_types
from opsanalytics.budget.drivers.activities import UNALLOCATED
from opsanalytics.budget.drivers.explanation import BRIDGES, DRIVERS, Explanation, explain
from opsanalytics.budget.phasing import budget_in_force, phase_budget
from opsanalytics.budget.result import BudgetVariance
from opsanalytics.budget.structure import placed
from opsanalytics.settings import Settings

UNHURRIED = hypothesis_settings(deadline=None, max_examples=8)
COMPANY = Settings()  # the calendar year

ACCOUNTS = pd.DataFrame(
    [
        ("4000", "revenue", "Sales", "variable", None),
        ("4900", "revenue", "Other income", "fixed", None),
        ("5000", "cost", "Personnel", "fixed", "staffing"),
        ("5100", "cost", "Personnel", "variable", "staffing"),
        ("6000", "cost", "Materials", "variable", None),
        ("7000", "cost", "Premises", "fixed", None),
        ("9000", "statistical", "Orders", "variable", None),
    ],
    columns=["account", "type", "pl_line", "behaviour", "driver"],
)
LEAF = ["site", "department", "cost_centre", "account", "pl_line", "type", "period", "amount_cents"]
SITES = {"C1": "North", "C2": "South"}


def leaves(*rows: tuple[str, str, str, int], **extra: list[int]) -> pd.DataFrame:
    """Leaves of month, cost centre, account and cents."""
    frame = pd.DataFrame(list(rows), columns=["period", "cost_centre", "account", "amount_cents"])
    frame = frame.merge(ACCOUNTS[["account", "pl_line", "type"]], on="account", how="left", validate="m:1")
    frame = frame.assign(site=frame["cost_centre"].map(SITES), department="Ops")[LEAF].assign(**extra)
    return frame.astype(dict.fromkeys(LEAF[:-1], "str") | {"amount_cents": "int64"})


def table(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    """A checked table: text, and exact numbers as Decimals."""
    exact = [[Decimal(str(v)) if isinstance(v, int | float) else v for v in row] for row in rows]
    return pd.DataFrame(exact, columns=columns.split(), dtype=object)


SALES = "period site product budget_units budget_price actual_units actual_price"
PAYROLL = "period cost_centre grade budget_fte budget_rate actual_fte actual_rate overtime_hours"
UNITS = "period cost_centre driver budget_units actual_units"
TABLES = {
    "accounts": ACCOUNTS,
    # Revenue 1,000 planned, 1,320 came: 12 units at 110.
    "sales": table(SALES, ("2026-01", "North", "A", 10, 100, 12, 110)),
    # One of two posts at 200 is vacant; 8 hours of overtime at 200 / 160 x 1.5 = 1.875.
    "payroll": table(PAYROLL, ("2026-01", "C1", "Operative", 2, 200, 1, 200, 8)),
    "drivers": table(UNITS, ("2026-01", "C1", "Orders", 10, 12)),
}
PLAN = leaves(
    *(("2026-01", "C1", "4000", 1_000_00), ("2026-01", "C1", "4900", 50_00), ("2026-01", "C1", "5000", 400_00)),
    *(("2026-01", "C1", "5100", 10_00), ("2026-01", "C1", "6000", 100_00), ("2026-01", "C1", "7000", 80_00)),
)
ACTUAL = leaves(
    *(("2026-01", "C1", "4000", 1_320_00), ("2026-01", "C1", "4900", 45_00), ("2026-01", "C1", "5000", 203_00)),
    *(("2026-01", "C1", "5100", 15_00), ("2026-01", "C1", "6000", 130_00), ("2026-01", "C1", "7000", 99_00)),
    ("2026-01", "C1", "9000", 12_00),
    one_off_cents=[0, 0, 0, 0, 0, 7_00, 0],
    currency_cents=[0, 0, 0, 0, 4_00, 0, 0],
)
NOTHING = PLAN.iloc[:0]


def explained(
    actual: pd.DataFrame = ACTUAL,
    plan: pd.DataFrame = PLAN,
    prior_year: pd.DataFrame = NOTHING,
    tables: Mapping[str, pd.DataFrame] = TABLES,
    period: str = "2026-01",
    **options: Any,
) -> Explanation:
    return explain(actual, plan, prior_year, tables, COMPANY, period=period, **options)


def steps(found: Explanation, horizon: str = "ytd", by: str = "driver", reference: str = "PL") -> dict[str, int]:
    """The effects of a bridge by driver; its start and end by name."""
    rows = found.bridges
    rows = rows[(rows["horizon"] == horizon) & (rows["by"] == by) & (rows["reference"] == reference)]
    level = rows["kind"].isin(["start", "end"])
    return dict(zip(rows["driver"], rows["cents"].where(level, rows["effect_cents"]), strict=True))


def assert_foots(found: Explanation) -> None:
    """Every bridge leads from its start to its end."""
    for _, rows in found.bridges.groupby(["by", "horizon", "reference"]):
        cents = rows.sort_values("step")["cents"].tolist()
        assert cents[0] + rows["effect_cents"].sum() == cents[-1]


def without(*names: str) -> dict[str, pd.DataFrame]:
    return {name: frame for name, frame in TABLES.items() if name not in names}


def test_each_driver_of_a_small_company_by_hand() -> None:
    assert steps(explained()) == {
        "PL": 460_00,  # 1,050 - 590
        # Units: 2 x 100, and half of 2 x 10 jointly; the material of two units more: 100 / 10 x 2.
        "volume": 210_00 - 20_00,
        "price": 110_00,  # 10 x 10, and the other half
        "hiring_delay": 200_00,
        "overtime": 10_00 - 15_00,
        "spending": 120_00 - 126_00 + 80_00 - 92_00,  # material at 12 units without currency; premises without one-off
        "currency": -4_00,
        "one_off": -7_00,
        "other_revenue": -5_00,
        "other_payroll": -3_00,  # 203 where one post costs 200
        "AC": 918_00,  # 1,365 - 447
    }


def test_the_drivers_are_listed_by_item_and_name_their_table() -> None:
    found = explained().drivers
    assert list(found.columns) == DRIVERS
    rows = found[found["horizon"] == "ytd"].set_index(["analysis", "item", "driver"])
    assert rows.loc[("sales", "A", "price"), "effect_cents"] == 120_00  # two terms: the joint effect is in price
    assert rows.loc[("flexible_budget", "6000", "volume"), "effect_cents"] == -20_00
    assert rows.loc[("payroll", "C1", "hiring_delay"), "effect_cents"] == 200_00
    assert rows.loc[("currency", "6000", "currency"), "table"] == "fx_rates"


@pytest.mark.parametrize(
    ("lacking", "rest", "effect", "said"),
    [
        pytest.param("sales", "other_revenue", 315_00, "no sales table", id="revenue"),
        pytest.param("payroll", "other_payroll", 192_00, "payroll table has no rows", id="payroll"),
        pytest.param("drivers", "other_cost", -26_00, "no drivers table", id="variable cost"),
    ],
)
def test_what_lacks_its_table_is_a_rest_of_its_own_and_said(lacking: str, rest: str, effect: int, said: str) -> None:
    found = explained(tables=without(lacking))
    assert steps(found)[rest] == effect
    assert any(said in note for note in found.notes)
    kinds = found.bridges.set_index("driver")["kind"]
    assert set(kinds[[rest]]) == {"rest"}


def in_foreign_currency(cents: int) -> pd.DataFrame:
    """ACTUAL with so much of the revenue due to exchange rates."""
    return ACTUAL.assign(currency_cents=ACTUAL["currency_cents"].mask(ACTUAL["account"] == "4000", cents))


def test_what_rates_make_of_revenue_is_currency_and_not_price_too() -> None:
    """The 1,320 were sold at rates that made 20 of them: at budget rates 12 units brought 1,300."""
    found, usual = explained(in_foreign_currency(20_00)), steps(explained())
    assert_foots(found)
    changed = {driver: cents - usual[driver] for driver, cents in steps(found).items() if cents != usual[driver]}
    assert changed == {"price": -20_00, "currency": 20_00}
    rows = (
        found.drivers[found.drivers["horizon"] == "ytd"].groupby(["analysis", "item", "driver"])["effect_cents"].sum()
    )
    assert rows["sales", "A", "price"] == 120_00 - 20_00
    assert rows["currency", "4000", "currency"] == 20_00


def test_rates_are_shared_by_what_products_sold_for_and_a_new_one_has_no_price() -> None:
    """A sold for 990, B, that nobody planned, for 330: of 20.00 due to rates A has 15.00 and B 5.00."""
    two = table(SALES, ("2026-01", "North", "A", 10, 100, 9, 110), ("2026-01", "North", "B", 0, None, 3, 110))
    tables = {**TABLES, "sales": two}
    usual, found = (explained(in_foreign_currency(cents), tables=tables) for cents in (0, 20_00))
    before, after = (steps(each) for each in (usual, found))
    assert {d: after[d] - before[d] for d in after if after[d] != before.get(d)} == {
        "price": -15_00,
        "new": -5_00,
        "currency": 20_00,
    }
    assert after["new"] == 330_00 - 5_00


def test_rates_on_other_income_are_not_taken_out_of_the_prices_of_what_was_sold() -> None:
    """Sales came as planned; of other income's 60.00 against 50.00, rates made 10.00."""
    plan = leaves(("2026-01", "C1", "4000", 1_000_00), ("2026-01", "C1", "4900", 50_00))
    came = leaves(("2026-01", "C1", "4000", 1_000_00), ("2026-01", "C1", "4900", 60_00), currency_cents=[0, 10_00])
    sales = table(SALES, ("2026-01", "North", "A", 10, 100, 10, 100))
    found = steps(explained(came, plan, tables={"accounts": ACCOUNTS, "sales": sales}))
    assert found == {"PL": 1_050_00, "currency": 10_00, "AC": 1_060_00}


def test_rates_of_revenue_that_no_sale_explains_stay_in_other_revenue() -> None:
    found = steps(explained(in_foreign_currency(20_00), tables=without("sales")))
    assert (found["other_revenue"], found["currency"]) == (315_00 - 20_00, 16_00)


def test_a_missing_actual_in_sales_is_not_zero_units() -> None:
    unknown = TABLES["sales"].assign(actual_units=[None], actual_price=[None])
    found = explained(tables={**TABLES, "sales": unknown})
    assert steps(found)["other_revenue"] == 315_00
    assert found.notes == ("The sales of North in Jan 2026 lack an actual: their revenue variance is not explained.",)


def test_a_driver_without_actual_units_flexes_nothing() -> None:
    unknown = TABLES["drivers"].assign(actual_units=[None])
    found = explained(tables={**TABLES, "drivers": unknown})
    assert steps(found)["other_cost"] == -26_00
    assert "The driver of C1 lacks units in Jan 2026: its variable cost is not flexed." in found.notes


def test_a_cost_centre_is_flexed_by_its_first_driver_by_name_and_one_without_is_spending() -> None:
    second = table(UNITS, ("2026-01", "C1", "Pallets", 10, 50))
    found = explained(tables={**TABLES, "drivers": pd.concat([second, TABLES["drivers"]])})
    assert steps(found) == steps(explained())
    assert found.notes == ("Cost centres with several drivers are flexed by the first by name: C1 (Orders).",)
    elsewhere = explained(tables={**TABLES, "drivers": second.assign(cost_centre="C9")})
    assert steps(elsewhere)["spending"] == steps(explained())["spending"] - 20_00
    assert elsewhere.notes == ("Cost centres without a driver are not flexed, their variable cost is spending: C1.",)


def test_overtime_that_nobody_budgeted_is_left_to_other_payroll_and_said() -> None:
    kept = [frame[frame["account"] != "5100"] for frame in (ACTUAL, PLAN)]
    found = explained(*kept)
    assert "overtime" not in steps(found)
    assert steps(found)["other_payroll"] == -3_00
    assert any("No overtime is budgeted" in note for note in found.notes)


def test_sites_without_sales_rows_and_centres_without_payroll_rows_are_named() -> None:
    south = [("2026-01", "C2", "4000", 70_00), ("2026-01", "C2", "5000", 30_00)]
    found = explained(plan=pd.concat([PLAN, leaves(*south)]), actual=pd.concat([ACTUAL, leaves(*south)]).fillna(0))
    assert found.notes == (
        "The sales table has no rows for South in Jan 2026: their revenue variance is not explained.",
        "The payroll table has no rows for C2 in Jan 2026: their variance is not explained.",
    )


def test_budgeted_overtime_that_is_blank_for_a_cost_centre_is_the_plan_of_its_variable_payroll() -> None:
    """Blank as if the column were absent; 4 hours at 1.875 stated for one grade are those of the cost centre."""
    blank = TABLES["payroll"].assign(budget_overtime_hours=[None])
    assert steps(explained(tables={**TABLES, "payroll": blank})) == steps(explained())
    stated = TABLES["payroll"].assign(budget_overtime_hours=[Decimal(4)])
    found = steps(explained(tables={**TABLES, "payroll": stated}))
    assert found["overtime"] == 7_50 - 15_00


def test_output_beyond_budget_absorbs_fixed_overhead_as_a_memo_that_no_bridge_holds() -> None:
    """Space: 10 units at 2.00 budgeted, 12 came and absorbed 24.00; 20.00 were spent."""
    columns = "period cost_centre product input kind budget_output actual_output standard_quantity standard_price"
    space = table(
        f"{columns} actual_quantity actual_price",
        ("2026-01", "C1", "A", "Space", "fixed_overhead", 10, 12, 1, 2, 10, 2),
    )
    found = explained(tables={**TABLES, "standard_costs": space})
    rows = found.drivers[(found.drivers["analysis"] == "overhead") & (found.drivers["horizon"] == "ytd")]
    assert rows[["item", "driver", "effect_cents"]].values.tolist() == [["Space", "production_volume", 4_00]]
    pd.testing.assert_frame_equal(found.bridges, explained().bridges)


def test_a_site_sees_only_its_own_sales_and_staff() -> None:
    other = TABLES["sales"].assign(site="South", actual_units=[Decimal(1000)])
    tables = {**TABLES, "sales": pd.concat([TABLES["sales"], other])}
    assert steps(explained(tables=tables, entity="North")) == steps(explained())


def test_a_site_month_that_one_side_lacks_is_one_step() -> None:
    plan = pd.concat([PLAN, leaves(("2026-01", "C2", "4000", 70_00), ("2026-01", "C2", "7000", 30_00))])
    gap = pd.DataFrame({"site": ["South"], "period": ["2026-01"]}, dtype="str")
    found = explained(plan=plan, missing={"AC": gap})
    for by in ("driver", "pl_line"):
        assert steps(found, by=by)["(missing months)"] == -40_00
    expected = steps(explained())
    assert {k: v for k, v in steps(found).items() if k in expected and k != "PL"} == {
        k: v for k, v in expected.items() if k != "PL"
    }


@pytest.mark.parametrize(
    ("units", "mixed"),
    [(("tons", "tons"), True), (("tons", "trips"), False), ((None, None), False), ((None, "product A"), False)],
)
def test_only_products_counted_in_one_unit_are_added_up_and_have_a_mix(units: tuple[Any, Any], mixed: bool) -> None:
    two = table(
        SALES + " unit",
        ("2026-01", "North", "A", 10, 100, 20, 100, units[0]),
        ("2026-01", "North", "B", 1, 7, 1, 7, units[1]),
    )
    assert ("mix" in steps(explained(tables={**TABLES, "sales": two}))) == mixed
    assert "mix" not in steps(explained(tables={**TABLES, "sales": two.drop(columns="unit")}))


def test_the_largest_lines_are_steps_and_the_others_one() -> None:
    chart = pd.DataFrame({"account": [f"7{k:03d}" for k in range(11)]}).assign(
        type="cost", pl_line=[f"Line {k:02d}" for k in range(11)], behaviour="fixed", driver=None
    )
    rows = chart.assign(site="North", department="Ops", cost_centre="C1", period="2026-01")
    plan, actual = rows.assign(amount_cents=0), rows.assign(amount_cents=[*range(1, 11), 0])
    found = explain(actual, plan, actual, {"accounts": chart}, COMPANY, period="2026-01")
    bridge = steps(found, by="pl_line")
    assert list(bridge) == ["PL", *(f"Line {k:02d}" for k in range(9, 1, -1)), "(others)", "AC"]
    assert bridge["(others)"] == -3  # lines 00 and 01; line 10 has no effect
    assert list(steps(found, by="pl_line", reference="PY")) == ["PY", "AC"]


def test_a_reference_without_rows_has_no_bridge() -> None:
    assert set(explained().bridges["reference"]) == {"PL"}
    empty = explained(plan=NOTHING)
    assert len(empty.bridges) == len(empty.drivers) == 0
    assert list(empty.bridges.columns) == BRIDGES


CENTS = st.integers(-(10**9), 10**9)
MONTHS = ("2026-01", "2026-02")


@st.composite
def companies(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Random leaves of both sides, and tables that cover some of them, with refunds and missing actuals."""
    cells = [(month, centre, account) for month in MONTHS for centre in SITES for account in ACCOUNTS["account"]]

    def side() -> pd.DataFrame:
        return leaves(*((*cell, draw(CENTS)) for cell in cells if draw(st.integers(0, 3))))

    def number(lowest: int = 0) -> Decimal:
        return draw(st.decimals(lowest, 500, places=2))

    places = [(month, centre) for month in MONTHS for centre in SITES if draw(st.booleans())]
    sales, staff, units = [], [], []
    for month, centre in places:
        for product in draw(st.lists(st.sampled_from("AB"), unique=True)):
            units_sold = draw(st.none() | st.decimals(-50, 500, places=1))
            sales.append((month, SITES[centre], product, number(-50), number(), units_sold, number()))
        staff.append((month, centre, "Operative", *(number() for _ in range(5))))
        units.append((month, centre, "Orders", number(), draw(st.none() | st.decimals(0, 500, places=1))))
    tables = {"accounts": ACCOUNTS, "sales": table(SALES, *sales), "payroll": table(PAYROLL, *staff)}
    actual = side()
    marked = actual.assign(one_off_cents=actual["amount_cents"] // 7, currency_cents=actual["amount_cents"] // 11)
    return marked, side(), {**tables, "drivers": table(UNITS, *units)}


@UNHURRIED
@given(companies(), st.randoms(use_true_random=False))
def test_bridges_foot_whatever_the_data_and_the_order_of_rows(company: Any, random: Any) -> None:
    actual, plan, tables = company
    copies = [frame.copy(deep=True) for frame in (actual, plan, *tables.values())]
    found = explained(actual, plan, actual.iloc[::2], tables, period="2026-02")
    for frame, copy in zip((actual, plan, *tables.values()), copies, strict=True):
        pd.testing.assert_frame_equal(frame, copy)
    assert_foots(found)

    def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
        order = list(range(len(frame)))
        random.shuffle(order)
        return frame.iloc[order]

    again = explained(
        shuffled(actual),
        shuffled(plan),
        shuffled(actual.iloc[::2]),
        {k: shuffled(t) for k, t in tables.items()},
        "2026-02",
    )
    pd.testing.assert_frame_equal(again.bridges, found.bridges)
    pd.testing.assert_frame_equal(again.drivers, found.drivers)
    assert again.notes == found.notes


@UNHURRIED
@given(companies())
def test_the_drivers_of_the_sites_add_up_to_those_of_the_whole(company: Any) -> None:
    actual, plan, tables = company
    assume(all((side["site"] == site).any() for side in (actual, plan) for site in SITES.values()))
    whole = steps(explained(actual, plan, NOTHING, tables, period="2026-02"))
    parts: dict[str, int] = dict.fromkeys(whole, 0)
    for site in SITES.values():
        own = (side[side["site"] == site] for side in (actual, plan))
        for driver, cents in steps(explained(*own, NOTHING, tables, "2026-02", entity=site)).items():
            parts[driver] = parts.get(driver, 0) + cents
    assert {driver: cents for driver, cents in parts.items() if cents} == {d: c for d, c in whole.items() if c}


def test_the_sample_company_is_explained_to_the_cent(sample: Path) -> None:
    inputs, period = sources.read(sample), "2026-10"
    tables, calendar = inputs.tables, inputs.settings.calendar
    actuals = inputs.actuals(period)
    rows = budget_in_force(tables["budget"], version=inputs.settings.budget_version, period=period, calendar=calendar)
    phased = phase_budget(rows, actuals, tables["accounts"], tables["cost_centres"], calendar=calendar)
    actual, plan = (
        with_types(placed(side, tables["cost_centres"], calendar), tables["accounts"])
        for side in (actuals, phased.months)
    )
    for entity in ("(all)", "Cork"):
        own, planned = (side if entity == "(all)" else side[side["site"] == entity] for side in (actual, plan))
        last = prior_year_actual(own, calendar)
        found = explain(own, planned, last, tables, inputs.settings, period=period, entity=entity)
        assert_foots(found)
    # The flood of August is Cork's only one-off, and its sales are the ledger's revenue of five accounts.
    assert steps(found)["one_off"] == -41_000_00
    months = calendar.months(period, "ytd")
    revenue = [
        int(side.loc[side["period"].isin(months) & side["account"].str.match("400[1-5]00"), "amount_cents"].sum())
        for side in (own, planned)
    ]
    sales = found.drivers[(found.drivers["analysis"] == "sales") & (found.drivers["horizon"] == "ytd")]
    assert sales["effect_cents"].sum() == revenue[0] - revenue[1]


def test_capacity_leaves_the_unused_cost_unallocated_and_without_it_nothing_is_said_of_it(sample: Path) -> None:
    inputs, period = sources.read(sample), "2026-07"
    table = inputs.tables["activities"]

    def compared(activities: pd.DataFrame) -> BudgetVariance:
        given = {**inputs.tables, "activities": activities}
        return budget_variance(inputs.actuals(period), given, inputs.settings, period=period)

    found = compared(table).activity_costs
    pools = table[table["period"] == period].groupby("pool")
    for pool, rows in pools:
        unused = 1 - rows["driver_quantity"].sum() / rows["capacity"].iloc[0]
        left = found.loc[(found["pool"] == pool) & (found["product"] == UNALLOCATED), "cents"].item()
        assert left == pytest.approx(rows["pool_cost_cents"].iloc[0] * unused, abs=1)
    unknown = compared(table.drop(columns="capacity"))
    assert UNALLOCATED not in set(unknown.activity_costs["product"])
    assert "what was left unused is not known" in tables.activity_sentence(unknown)

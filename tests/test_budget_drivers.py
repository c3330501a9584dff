"""Rules of the drivers of a variance: volume, mix, price, spending, currency; bridges and Pareto lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adapters_budget
import adapters_costing
import adapters_drivers
from opsanalytics.budget.drivers.bridging import bridge, pareto
from opsanalytics.budget.drivers.currency import fx_variance
from opsanalytics.budget.drivers.flexible import flexible_budget, operating_income
from opsanalytics.budget.drivers.sales import price_volume_mix
from opsanalytics.budget.exact import foot

UNHURRIED = settings(deadline=None, max_examples=20)

UNITS = st.decimals(-500, 5000, places=1)  # refunds are units below zero
PRICES = st.decimals(0, 200, places=4)


def sold(*rows: tuple[str, object, object, object, object]) -> pd.DataFrame:
    """Sales by product: budget units, budget price, actual units, actual price."""
    columns = ["product", "budget_units", "budget_price", "actual_units", "actual_price"]
    exact = [(name, *(None if v is None else Decimal(str(v)) for v in values)) for name, *values in rows]
    return pd.DataFrame(exact, columns=columns, dtype=object)


@st.composite
def sales_tables(draw: st.DrawFn) -> pd.DataFrame:
    keys = draw(
        st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xyzw")), min_size=1, max_size=8, unique=True)
    )
    units = UNITS | st.just(Decimal(0))
    rows = [(*key, draw(units), draw(PRICES), draw(units), draw(PRICES)) for key in keys]
    columns = ["site", "product", "budget_units", "budget_price", "actual_units", "actual_price"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def effects(frame: pd.DataFrame) -> pd.DataFrame:
    """The parts of a decomposition, without its total."""
    return frame.filter(regex="_effect_cents$").drop(columns="total_effect_cents")


class TestFlexibleBudget:
    ROWS = pd.DataFrame(
        [
            ("revenue", "variable", 1_440_000_00, 1_250_000_00, 12_000, 10_000),
            ("cost", "variable", 1_056_000_00, 950_100_00, 12_000, 10_000),
            ("cost", "fixed", 276_000_00, 285_000_00, 12_000, 10_000),
        ],
        columns=["type", "behaviour", "budget_cents", "actual_cents", "budget_units", "actual_units"],
    )

    def test_a_jacket_maker_has_the_variances_of_the_textbook(self) -> None:
        # Horngren, Datar, Rajan, Cost Accounting 14e, exhibit 7-2: 108,000, 44,000, 14,900; 64,000 U and 29,100 U.
        income = operating_income(flexible_budget(self.ROWS)).iloc[0]
        levels = [income[f"{level}_cents"] // 100 for level in ("static", "flexible", "actual")]
        assert levels == [108_000, 44_000, 14_900]
        assert income["volume_effect_cents"] == -64_000_00
        assert income["flexible_budget_effect_cents"] == -29_100_00
        # 1,250,000 - 10,000 x 120; 10,000 x 88 - 950,100; 276,000 - 285,000.
        parts = income[["price_effect_cents", "variable_spending_effect_cents", "fixed_spending_effect_cents"]]
        assert parts.tolist() == [50_000_00, -70_100_00, -9_000_00]

    @pytest.mark.parametrize(
        ("budget", "actual", "said"),
        [
            pytest.param(0, 10, "no budget units", id="a budget at no units has no unit cost"),
            pytest.param(None, 10, "no budget units", id="no driver at all"),
            pytest.param(10, None, "no actual units", id="units not reported are not zero units"),
        ],
    )
    def test_what_cannot_be_flexed_stays_and_says_why(self, budget: object, actual: object, said: str) -> None:
        row = self.ROWS.iloc[[1]].assign(budget_units=[budget], actual_units=[actual])
        flexed = flexible_budget(row).iloc[0]
        assert (flexed["flexing"], flexed["flexible_cents"]) == (said, flexed["budget_cents"])
        assert flexed["volume_effect_cents"] == 0

    def test_half_a_cent_goes_to_the_even_one(self) -> None:
        rows = self.ROWS.iloc[[1, 1]].assign(budget_cents=[1, 3], budget_units=[2, 2], actual_units=[1, 1])
        assert flexible_budget(rows)["flexible_cents"].tolist() == [0, 2]

    def test_statistical_lines_have_no_effect(self) -> None:
        flexed = flexible_budget(self.ROWS.assign(type="statistical"))
        assert (flexed.filter(like="_effect_cents") == 0).all(axis=None)

    @UNHURRIED
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["revenue", "cost", "statistical"]),
                st.sampled_from(["fixed", "variable"]),
                st.integers(-(10**12), 10**12),
                st.integers(-(10**12), 10**12),
                st.none() | st.integers(-50, 10**6),
                st.none() | st.floats(-50, 10**6),
            ),
            min_size=1,
            max_size=8,
        )
    )
    def test_static_plus_effects_is_the_actual_and_the_input_is_untouched(self, rows: list[Any]) -> None:
        frame = pd.DataFrame(rows, columns=self.ROWS.columns)
        before = frame.copy(deep=True)
        flexed = flexible_budget(frame)
        pd.testing.assert_frame_equal(frame, before)
        sign = frame["type"].map({"revenue": 1, "cost": -1, "statistical": 0})
        whole = flexed["volume_effect_cents"] + flexed["flexible_budget_effect_cents"]
        assert whole.tolist() == ((frame["actual_cents"] - frame["budget_cents"]) * sign).tolist()
        income = operating_income(flexed).iloc[0]
        assert income["static_cents"] + income["static_budget_effect_cents"] == income["actual_cents"]

    def test_a_row_whose_unit_is_budgeted_is_flexed_also_where_no_units_are(self) -> None:
        """7 units at 33.5 minor units are 234.5, half to even 234; from 3 units, rounded to 100, it were 233."""
        rows = pd.DataFrame(
            {
                "type": "revenue",
                "behaviour": ["variable", "variable", "fixed", "variable"],
                "budget_cents": [0, 100, 50, 0],
                "actual_cents": [234, 234, 50, 0],
                "budget_units": [0, 3, 0, 0],
                "actual_units": [7, 7, 7, None],
                "unit_cents": pd.Series([Decimal("33.5"), Decimal("33.5"), Decimal(9), Decimal(9)], dtype=object),
            }
        )
        found = flexible_budget(rows)
        assert found["flexible_cents"].tolist() == [234, 234, 50, 0]
        assert found["flexing"].tolist() == ["volume", "volume", "fixed", "no actual units"]
        assert flexible_budget(rows.drop(columns="unit_cents"))["flexing"].iloc[0] == "no budget units"


class TestPriceVolumeMix:
    TWO = sold(("A", 100, "10", 120, "11"), ("B", 100, "20", 60, "20"))

    def test_volume_mix_and_price_by_hand(self) -> None:
        # W = 15; standard mix 90 and 90. Mix: 30 x (10 - 15) = -150, -30 x (20 - 15) = -150. Price: 120 x 1.
        # Volume in all: (180 - 200) x 15 = -300; of A 20 x 10 + 150 = 350, of B -40 x 20 + 150 = -650.
        found = price_volume_mix(self.TWO)
        assert found["average_value"].tolist() == [15, 15]
        assert found["mix_effect_cents"].tolist() == [-150_00, -150_00]
        assert found["volume_effect_cents"].tolist() == [350_00, -650_00]
        assert found["price_effect_cents"].tolist() == [120_00, 0]
        assert found["total_effect_cents"].tolist() == [320_00, -800_00]

    def test_the_individual_method_gives_other_rows_and_the_same_totals(self) -> None:
        found = price_volume_mix(self.TWO, mix="individual")
        # 30 x 10 and -30 x 20; the quantity (90 - 100) x 10 and x 20.
        assert found["mix_effect_cents"].tolist() == [300_00, -600_00]
        assert found["volume_effect_cents"].tolist() == [-100_00, -200_00]
        sums = effects(price_volume_mix(self.TWO)).sum()
        pd.testing.assert_series_equal(effects(found).sum(), sums)

    def test_three_terms_take_the_joint_effect_out_of_the_price(self) -> None:
        found = price_volume_mix(sold(("A", 1000, 50, 1100, 52)), terms=3).iloc[0]
        # pongora.com, price-volume-mix analysis: price 2,000, volume 5,000, cross 200, total 7,200.
        assert found["price_effect_cents"] == 2_000_00
        assert found["volume_effect_cents"] == 5_000_00
        assert found["joint_effect_cents"] == 200_00
        assert found["total_effect_cents"] == 7_200_00

    def test_units_can_be_valued_at_their_contribution_and_the_price_stays_a_price(self) -> None:
        found = price_volume_mix(self.TWO.assign(contribution=[Decimal(4), Decimal(5)]), value="contribution")
        # Volume and mix at the contribution: 20 x 4 and -40 x 5; the price as before.
        assert (found["volume_effect_cents"] + found["mix_effect_cents"]).tolist() == [80_00, -200_00]
        assert found["price_effect_cents"].tolist() == [120_00, 0]

    def test_new_and_discontinued_products_stand_apart_and_leave_the_mix_of_the_others_alone(self) -> None:
        changed = pd.concat([self.TWO, sold(("N", 0, None, 5, 7), ("O", 8, 9, 0, None))])
        found = price_volume_mix(changed).set_index("product")
        assert found.loc["N", "new_effect_cents"] == found.loc["N", "total_effect_cents"] == 35_00
        assert found.loc["O", "discontinued_effect_cents"] == found.loc["O", "total_effect_cents"] == -72_00
        alone = effects(price_volume_mix(self.TWO).set_index("product"))
        pd.testing.assert_frame_equal(effects(found).loc[["A", "B"]], alone)

    def test_each_group_has_its_own_mix(self) -> None:
        both = pd.concat([self.TWO.assign(site="S"), self.TWO.assign(site="T", actual_units=[Decimal(1), Decimal(1)])])
        found = price_volume_mix(both, by=["site"])
        alone = price_volume_mix(self.TWO)
        pd.testing.assert_frame_equal(found[found["site"] == "S"].drop(columns="site"), alone)

    def test_half_cents_of_two_products_are_one_cent_of_mix(self) -> None:
        found = price_volume_mix(sold(("X", 10**6, "10", 999_999, "10"), ("Y", 10**6, "10.01", 1_000_001, "10.01")))
        assert effects(found).sum().tolist() == [0, 1, 0, 0, 0]

    def test_units_that_cancel_out_have_no_mix(self) -> None:
        found = price_volume_mix(sold(("A", 10, 3, 20, 3), ("B", -10, 3, 5, 3)))
        assert found["mix_effect_cents"].tolist() == [0, 0]
        assert found["average_value"].isna().all()
        assert found["volume_effect_cents"].tolist() == [30_00, 45_00]

    @pytest.mark.parametrize(
        ("sales", "options", "said"),
        [
            pytest.param(sold(("A", 1, 2, None, 2)), {}, "actual_units of row 0", id="units not reported"),
            pytest.param(sold(("A", 1, 2, 3, None)), {}, "actual_price of row 0", id="price not reported"),
            pytest.param(sold(("A", 1, 2, 3, 2), ("A", 1, 2, 3, 2)), {}, "'A' more than once", id="a product twice"),
            pytest.param(sold(), {"terms": 4}, "two or three terms", id="four terms"),
            pytest.param(sold(), {"mix": "free"}, "weighted, individual", id="an unknown mix"),
        ],
    )
    def test_bad_input_is_named(self, sales: pd.DataFrame, options: Mapping[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            price_volume_mix(sales, **options)

    @UNHURRIED
    @given(
        sales_tables(),
        st.sampled_from([2, 3]),
        st.sampled_from(["weighted", "individual"]),
        st.sampled_from(["apart", "in_mix"]),
        st.randoms(use_true_random=False),
    )
    def test_every_row_foots_to_the_cent_whatever_the_order_of_rows(
        self, sales: pd.DataFrame, terms: int, mix: str, changed: str, random: Any
    ) -> None:
        options: Any = {"by": ["site"], "terms": terms, "mix": mix, "changed": changed}
        before = sales.copy(deep=True)
        found = price_volume_mix(sales, **options)
        pd.testing.assert_frame_equal(sales, before)
        assert effects(found).sum(axis=1).tolist() == found["total_effect_cents"].tolist()
        assert (found["actual_cents"] - found["budget_cents"]).tolist() == found["total_effect_cents"].tolist()
        order = list(range(len(sales)))
        random.shuffle(order)
        pd.testing.assert_frame_equal(price_volume_mix(sales.iloc[order], **options), found)

    @UNHURRIED
    @given(sales_tables())
    def test_a_driver_misses_its_exact_total_by_less_than_rounding(self, sales: pd.DataFrame) -> None:
        found = price_volume_mix(sales, by=["site"], changed="in_mix")
        for site, rows in sales.groupby("site"):
            price = sum(
                100 * Fraction(r.actual_units) * (Fraction(r.actual_price) - Fraction(r.budget_price))
                for r in rows.itertuples()
            )
            cents = found.loc[found["site"] == site, "price_effect_cents"].sum()
            assert abs(cents - price) <= 1 + len(rows)


class TestFxVariance:
    RATES = pd.DataFrame(
        [("GBP", "2026-01", "budget", Decimal("1.20")), ("GBP", "2026-01", "average", Decimal("1.25"))],
        columns=["currency", "period", "kind", "rate"],
    )

    def rows(self, **columns: object) -> pd.DataFrame:
        return pd.DataFrame({"currency": ["GBP"], "period": ["2026-01"], **{k: [v] for k, v in columns.items()}})

    def test_rates_volume_and_price_by_hand(self) -> None:
        sales = self.rows(budget_units=10, budget_price=5, actual_units=12, actual_price=4)
        found = fx_variance(sales, self.RATES).iloc[0]
        # 48 x 0.05; 2 x 5 x 1.20; -1 x 12 x 1.20; 48 x 1.25 - 50 x 1.20.
        assert found["exchange_effect_cents"] == 2_40
        assert found["volume_effect_cents"] == 12_00
        assert found["price_effect_cents"] == -14_40
        assert found["local_effect_cents"] == 0
        assert found["total_effect_cents"] == 0

    def test_without_units_the_local_variance_stays_whole_and_a_dearer_cost_is_bad_news(self) -> None:
        found = fx_variance(self.rows(budget_local=100, actual_local=90, type="cost"), self.RATES).iloc[0]
        assert found["exchange_effect_cents"] == -4_50  # 90 x 0.05 more to pay
        assert found["local_effect_cents"] == 12_00  # 10 less, at 1.20
        assert found["total_effect_cents"] == 7_50

    def test_the_own_currency_counts_at_one(self) -> None:
        found = fx_variance(self.rows(budget_local=1, actual_local=2).assign(currency="EUR"), self.RATES, own="EUR")
        assert found[["exchange_effect_cents", "local_effect_cents"]].iloc[0].tolist() == [0, 1_00]

    def test_a_missing_rate_names_currency_period_and_kind(self) -> None:
        with pytest.raises(LookupError, match="no budget rate for USD in 2026-02"):
            fx_variance(self.rows(budget_local=1, actual_local=1).assign(currency="USD", period="2026-02"), self.RATES)

    def test_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(ValueError, match="type 'income' of row 0 is unknown"):
            fx_variance(self.rows(budget_local=1, actual_local=1, type="income"), self.RATES)

    @UNHURRIED
    @given(st.lists(st.tuples(UNITS, PRICES, UNITS, PRICES, st.sampled_from(["revenue", "cost"])), max_size=6))
    def test_each_row_foots_and_the_exchange_variance_is_the_sum_of_rows(self, rows: list[Any]) -> None:
        columns = ["budget_units", "budget_price", "actual_units", "actual_price", "type"]
        frame = pd.DataFrame(rows, columns=columns, dtype=object).assign(currency="GBP", period="2026-01")
        before = frame.copy(deep=True)
        found = fx_variance(frame, self.RATES)
        pd.testing.assert_frame_equal(frame, before)
        assert effects(found).sum(axis=1).tolist() == found["total_effect_cents"].tolist()
        apart = [fx_variance(frame.iloc[[k]], self.RATES)["exchange_effect_cents"].iloc[0] for k in range(len(frame))]
        assert found["exchange_effect_cents"].tolist() == apart


FACTORS = st.fractions(-100, 100, max_denominator=50)


def product(factors: Mapping[str, Any]) -> Any:
    """A value that every factor multiplies and one adds to."""
    value = factors["a"] * factors["b"] * factors["c"]
    return value + factors["d"] * factors["a"]


@st.composite
def sides(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = draw(st.integers(1, 4))

    def side() -> pd.DataFrame:
        return pd.DataFrame(
            {name: [draw(FACTORS) for _ in range(rows)] for name in "abcd"},
            [f"row {k}" for k in range(rows)],
            dtype=object,
        )

    return side(), side()


class TestBridge:
    def test_the_joint_effect_of_two_factors_is_shared_in_half(self) -> None:
        start, end = (pd.DataFrame({"units": [u], "price": [p]}) for u, p in ((10, 500), (12, 600)))
        found = bridge(start, end, lambda f: f["units"] * f["price"]).iloc[0]
        # 2 x 500 and 100 x 10, and half of 2 x 100 each.
        assert found.to_dict() == {"start_cents": 5000, "units": 1100, "price": 1100, "end_cents": 7200}

    def test_a_factor_that_does_nothing_has_no_effect(self) -> None:
        start, end = (pd.DataFrame({"units": [u], "idle": [i]}) for u, i in ((1, 0), (3, 9)))
        assert bridge(start, end, lambda f: f["units"]).iloc[0]["idle"] == 0

    def test_rows_are_matched_by_their_index(self) -> None:
        start = pd.DataFrame({"units": [1, 2]}, ["x", "y"])
        end = pd.DataFrame({"units": [5, 7]}, ["y", "x"])
        assert bridge(start, end, lambda f: f["units"])["units"].to_dict() == {"x": 6, "y": 3}

    @UNHURRIED
    @given(sides(), st.permutations("abcd"), st.randoms(use_true_random=False))
    def test_it_foots_whatever_the_order_of_drivers_and_rows(
        self, pair: tuple[pd.DataFrame, pd.DataFrame], names: Sequence[str], random: Any
    ) -> None:
        start, end = pair
        found = bridge(start, end, product)
        assert (found["start_cents"] + found[list("abcd")].sum(axis=1)).tolist() == found["end_cents"].tolist()
        rows = list(start.index)
        random.shuffle(rows)
        again = bridge(start.loc[rows, list(names)], end[list(names)], product)
        pd.testing.assert_frame_equal(again.loc[start.index, found.columns], found)

    @UNHURRIED
    @given(sides())
    def test_it_is_the_mean_over_all_orders(self, pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        start, end = (side.iloc[0].to_dict() for side in pair)
        mean = dict.fromkeys("abcd", Fraction(0))
        for order in permutations("abcd"):
            now = dict(start)
            for name in order:
                before = product(now)
                now[name] = end[name]
                mean[name] += (product(now) - before) / 24
        found = bridge(*(side.iloc[[0]] for side in pair), product).iloc[0]
        assert all(abs(found[name] - mean[name]) < 2 for name in "abcd")

    @pytest.mark.parametrize(
        ("start", "end", "error", "said"),
        [
            pytest.param({"a": [1]}, {"b": [1]}, ValueError, "starts from the factors", id="other factors"),
            pytest.param({"a": [1]}, {"a": [1, 2]}, ValueError, "the same rows", id="other rows"),
            pytest.param({c: [1] for c in "abcdefghi"}, {c: [1] for c in "abcdefghi"}, ValueError, "1 to 8", id="nine"),
            pytest.param({"a": [None]}, {"a": [1]}, ValueError, "a of row 0 is None", id="a missing number"),
        ],
    )
    def test_bad_input_is_named(self, start: Any, end: Any, error: type[Exception], said: str) -> None:
        with pytest.raises(error, match=said):
            bridge(pd.DataFrame(start), pd.DataFrame(end), lambda f: f["a"])

    def test_a_value_in_floats_is_refused(self) -> None:
        one = pd.DataFrame({"a": [1]})
        with pytest.raises(TypeError, match="without floats"):
            bridge(one, one, lambda f: [0.5])


class TestPareto:
    ITEMS = pd.DataFrame({"item": ["b", "a", "d", "c", "a"], "effect_cents": [-30, 20, 30, 5, 15]})

    def test_ranked_by_size_with_ties_by_code_and_shares_of_the_total_size(self) -> None:
        found = pareto(self.ITEMS)
        assert found["item"].tolist() == ["a", "b", "d", "c"]
        assert found["cumulative_share"].tolist() == [0.35, 0.65, 0.95, 1.0]

    def test_the_rest_is_one_row_of_its_own(self) -> None:
        found = pareto(self.ITEMS, top=2)
        assert found["item"].tolist() == ["a", "b", "(others)"]
        rest = found.iloc[-1]
        assert (rest["kind"], rest["items"], rest["effect_cents"], rest["cumulative_share"]) == ("rest", 2, 35, 1.0)

    def test_favourable_and_adverse_can_stand_apart(self) -> None:
        found = pareto(self.ITEMS, apart=True, top=1)
        assert found["side"].tolist() == ["favourable", "favourable", "adverse"]
        assert found["item"].tolist() == ["a", "(others)", "b"]
        assert found["share"].tolist() == [0.5, 0.5, 1.0]

    def test_no_effect_at_all_has_no_share(self) -> None:
        assert pareto(self.ITEMS.assign(effect_cents=0))["share"].isna().all()

    @UNHURRIED
    @given(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-(10**14), 10**14))),
        st.none() | st.integers(0, 4),
        st.booleans(),
    )
    def test_the_effects_add_up_and_order_does_not_matter(
        self, rows: list[tuple[str, int]], top: int | None, apart: bool
    ) -> None:
        items = pd.DataFrame(rows, columns=["item", "effect_cents"]).astype({"item": "str", "effect_cents": "int64"})
        found = pareto(items, top=top, apart=apart)
        assert found["effect_cents"].sum() == items["effect_cents"].sum()
        pd.testing.assert_frame_equal(pareto(items.iloc[::-1], top=top, apart=apart), found)


def test_parts_that_miss_their_total_are_refused_with_the_amount() -> None:
    with pytest.raises(ArithmeticError, match=r"sales add up to 3.00, not to 7"):
        foot([Fraction(1), Fraction(2)], 7, "sales")


class TestAdapters:
    """Variations of the published cases, computed by hand: the adapters take other words for the same things."""

    def test_a_flexible_budget_given_as_totals(self) -> None:
        found = adapters_drivers.flexible(
            {
                "budget_units": 10,
                "actual_units": 8,
                "budget_revenue": 100,
                "budget_variable_cost": 50,
                "actual_price": 11,
                "actual_variable_cost": 44,
            }
        )
        assert found["flexible_operating_income"] == 40
        assert found["selling_price_variance"] == {"amount": 8, "fu": "F"}
        assert found["variable_cost_variance"] == {"amount": 4, "fu": "U"}

    def test_a_mix_with_prices_in_place_of_contributions(self) -> None:
        products = {"A": {"q0": 100, "q1": 120, "p0": 10, "p1": 11}, "B": {"q0": 100, "q1": 60, "p0": 20, "p1": 20}}
        found = adapters_drivers.sales_mix_quantity({"products": products})
        assert found["mix_variance"] == {"amount": 300, "fu": "U"}
        assert found["quantity_variance"] == {"amount": 300, "fu": "U"}
        assert found["price_variance"] == {"amount": 120, "fu": "F"}

    def test_three_terms_of_several_products(self) -> None:
        products = [
            {"name": "A", "q0": 10, "q1": 12, "p0": 5, "p1": 6},
            {"name": "B", "q0": 1, "q1": 0, "p0": 3, "p1": 3},
        ]
        found = adapters_drivers.pvm_3term({"products": products})
        assert [found[f"{part}_effect"] for part in ("price", "volume", "cross")] == [10, 7, 2]
        assert found["total"] == 19

    def test_a_cost_in_a_foreign_currency_is_adverse_when_the_rate_rises(self) -> None:
        case = {"account_type": "cost", "budget_units": 10, "actual_units": 10, "budget_price": 1, "actual_price": 1}
        found = adapters_drivers.fx_price_volume({**case, "budget_rate": 1, "actual_rate": 1.5})
        assert found["exchange_variance"] == {"amount": 5, "fu": "U"}

    def test_a_unit_price_counts_also_where_no_units_are_budgeted_and_costs_are_summed(self) -> None:
        case = {"static_units": 0, "actual_units": 100, "budget_price": 10, "actual_revenue": 1000}
        costs = {
            "budget_variable_costs_per_unit": {"oil": 4, "tin": 2},
            "actual_variable_costs": {"oil": 410, "tin": 190},
        }
        found = adapters_drivers.flexible(case | costs)
        assert (found["static_operating_income"], found["flexible_operating_income"]) == (0, 400)
        with pytest.raises(KeyError, match="budget_revenue"):
            adapters_drivers.flexible({"static_units": 0, "actual_units": 100, "actual_revenue": 1000})

    def test_the_quantity_variance_of_a_product_at_the_weighted_average(self) -> None:
        """W = (100 x 5 + 300 x 3) / 400 = 3.50; the standard mix of 360 is 90 and 270."""
        products = [
            {"name": "A", "planned_qty": 100, "actual_qty": 120, "std_contribution": 5},
            {"name": "B", "planned_qty": 300, "actual_qty": 240, "std_contribution": 3},
        ]
        found = adapters_drivers.sales_mix_quantity({"products": products})
        assert found["quantity_variance_weighted"] == {
            "A": {"amount": 35, "fu": "U"},
            "B": {"amount": 105, "fu": "U"},
        }

    def test_products_given_as_a_list_come_back_as_one(self) -> None:
        found = adapters_drivers.pvm_3term({"products": [{"name": "A", "q0": 1, "p0": 2, "q1": 1, "p1": 3}]})
        assert [(row["name"], row["price_effect"]) for row in found["by_product"]] == [("A", 1)]

    def test_numbers_shown_are_numbers(self) -> None:
        found = adapters_budget.rounded_display({"values": [1.24, 1.24, 1.24], "decimals": 1})
        assert found["rounded_rows"] == [1.2, 1.2, 1.2]
        assert (found["rounded_sum"], found["sum_of_rounded"], found["difference"]) == (3.7, 3.6, 0.1)

    def test_a_month_that_is_null_is_missing_and_decimals_are_kept(self) -> None:
        months = {"period": "2026-02", "actual_by_month": {"2026-01": 5, "2026-02": None}}
        found = adapters_budget.ytd_with_gap({**months, "budget_by_month": {"2026-01": 4, "2026-02": 4}})
        assert (found["missing"], found["like_for_like_variance_abs"]) == (["2026-02"], 1)
        cases = [{"ac": 12.345, "ref": 10}, {"ac": 52.5, "ref": 50, "unit": "percent"}]
        results = adapters_budget.relative_variance({"cases": cases})["results"]
        assert (results[0]["abs"], results[1]["abs_pp"]) == (2.345, 2.5)

    def test_inputs_of_a_standard_cost_by_other_names(self) -> None:
        standard = {"std_qty_per_unit": 4, "std_price": 2.0, "actual_price": 2.2}
        bought = {"qty_purchased": 5000, "used_qty": 4200, **standard}
        found = adapters_costing.material_labour({"units": 1000, "material": bought})
        assert found["material_price"] == {"amount": 1000, "fu": "U"}  # at purchase: 5,000 x 0.20
        idle = {"hours_paid": 220, "hours_worked": 210, "actual_rate": 10, "std_hours_per_unit": 2, "std_rate": 10}
        found = adapters_costing.material_labour({"units": 100, "labour": idle})
        assert (found["labour_idle"], found["labour_total"]) == ({"amount": 100, "fu": "U"}, {"amount": 200, "fu": "U"})
        month = {"month": "Feb", "units": 0, "actual_hours": 3, "actual_cost": 60}
        found = adapters_costing.labour_monthly({"std_hours_per_unit": 0.5, "std_rate": 20, "months": [month]})
        assert found["by_month"][0]["labour_efficiency"] == {"amount": 60, "fu": "U"}

    def test_a_mix_needs_to_know_what_was_used(self) -> None:
        case = {"std": [{"m": "X", "qty": 6, "price": 10}, {"m": "Y", "qty": 4, "price": 5}], "actual_output": 80}
        actual = [{"m": "X", "qty": 650, "price": 11}, {"m": "Y", "qty": 400, "price": 5}]
        found = adapters_costing.material_mix_yield({**case, "actual": actual})
        assert (found["mix_variance"], found["price_variance"]["amount"]) == ({"amount": 100, "fu": "U"}, 650)
        with pytest.raises(KeyError, match="what was used"):
            adapters_costing.material_mix_yield(case)

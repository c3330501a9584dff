"""Adapters: the reference cases of volume, mix, price and currency in the package's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd

from opsanalytics.budget.drivers.currency import fx_variance
from opsanalytics.budget.drivers.flexible import flexible_budget, operating_income
from opsanalytics.budget.drivers.sales import MIXES, price_volume_mix
from opsanalytics.formats import NOT_AVAILABLE

Case = Mapping[str, Any]

#: Rows are compared in millionths, in which no cent has to be placed.
FINE = 6

#: The names that cases give to one thing, the first that a case has counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "budget_units": (
        "static_units", "budget_units", "budget_qty", "budget_quantity", "base_units", "base_qty", "q0", "std_units",
        "planned_units", "planned_qty", "planned_quantity", "plan_units", "plan_qty",
    ),
    "actual_units": ("actual_units", "actual_qty", "actual_quantity", "q1", "units"),
    "budget_price": (
        "budget_price", "base_price", "base_price_local", "budget_price_local", "std_price", "p0", "price",
    ),
    "actual_price": ("actual_price", "actual_price_local", "p1"),
    "worth": (
        "std_contribution", "budget_contribution", "contribution", "contribution_per_unit",
        "std_margin", "budget_margin", "margin", "std_profit",
    ),
    "actual_worth": ("actual_contribution", "actual_margin", "actual_profit"),
    "variable_cost": (
        "budget_variable_cost_per_unit", "variable_cost_per_unit", "std_variable_cost", "budget_variable_cost",
    ),
    "budget_rate": ("budget_rate", "base_rate", "plan_rate", "standard_rate", "std_rate"),
    "actual_rate": ("actual_rate", "average_rate", "current_rate"),
    "name": ("name", "product", "m", "item", "line"),
}  # fmt: skip


#: What the products of a case stand under.
LISTS = ("products", "lines", "rows", "items")


def _get(inputs: Case, word: str) -> Fraction | None:
    found = next((inputs[name] for name in NAMES[word] if inputs.get(name) is not None), None)
    return None if found is None else _exact(found)


def _exact(value: object) -> Fraction:
    """Return a number, or what the numbers under several names come to."""
    if isinstance(value, Mapping):
        return sum((_exact(part) for part in value.values()), Fraction(0))
    return Fraction(str(value))


def _fine(value: Fraction) -> int:
    return round(value * 10**FINE)


def _units(cents: int, digits: int = 2) -> int | float:
    value = Decimal(int(cents)).scaleb(-digits)
    return int(value) if value == int(value) else float(value)


def _effect(cents: int, digits: int = 2) -> dict[str, Any]:
    """Write an effect as the cases do: absolute, with F (favourable), U (unfavourable) or 0."""
    return {"amount": _units(abs(cents), digits), "fu": "F" if cents > 0 else "U" if cents < 0 else "0"}


def _products(inputs: Case) -> list[tuple[str, Case]]:
    """Return the products of a case by name; a case without a list is one product."""
    held = next((inputs[name] for name in LISTS if name in inputs), None)
    if held is None:
        return [("product", inputs)]
    if isinstance(held, Mapping):
        return [(str(name), product) for name, product in held.items()]
    named = [next((p[n] for n in NAMES["name"] if n in p), f"product {k}") for k, p in enumerate(held)]
    return [(str(name), product) for name, product in zip(named, held, strict=True)]


def flexible(inputs: Case) -> dict[str, Any]:
    planned, came = _get(inputs, "budget_units"), _get(inputs, "actual_units")
    assert planned is not None
    assert came is not None
    kinds = {"revenue": ("revenue", "variable"), "variable_cost": ("cost", "variable"), "fixed_cost": ("cost", "fixed")}
    rows = []
    for line, kind in kinds.items():
        (budget, each), (actual, _) = _side(inputs, "budget", line, planned), _side(inputs, "actual", line, came)
        rows.append((*kind, budget, actual, each))
    frame = pd.DataFrame(rows, columns=["type", "behaviour", "budget_cents", "actual_cents", "unit_cents"])
    frame = frame.astype({"unit_cents": object})
    flexed = flexible_budget(frame.assign(budget_units=planned, actual_units=came))
    income = operating_income(flexed).iloc[0]
    contribution = operating_income(flexed[flexed["behaviour"] == "variable"]).iloc[0]
    named = {
        "sales_volume_variance": "volume_effect_cents",
        "flexible_budget_variance": "flexible_budget_effect_cents",
        "selling_price_variance": "price_effect_cents",
        "static_budget_variance": "static_budget_effect_cents",
        **dict.fromkeys(
            ("variable_cost_variance", "variable_cost_spending_variance", "variable_cost_flexible_budget_variance"),
            "variable_spending_effect_cents",
        ),
        **dict.fromkeys(
            ("fixed_cost_variance", "fixed_cost_spending_variance", "fixed_overhead_spending_variance"),
            "fixed_spending_effect_cents",
        ),
    }
    levels = {
        f"{side}_{what}": _units(lines[f"{side}_cents"], FINE)
        for side in ("static", "flexible", "actual")
        for what, lines in (("operating_income", income), ("contribution_margin", contribution))
    }
    amounts = {
        f"{side}_{what}": _units(flexed[column].iloc[row], FINE)
        for side, column in (("static", "budget_cents"), ("flexible", "flexible_cents"), ("actual", "actual_cents"))
        for row, what in enumerate(("revenue", "variable_cost", "fixed_cost"))
    }
    return {**levels, **amounts, **{name: _effect(income[column], FINE) for name, column in named.items()}}


#: What a flexible budget's lines are called, in all and for one unit; a contribution stands for revenue less cost.
LINES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "revenue": (
        ("revenue", "sales", "contribution_margin", "contribution"),
        ("price", "selling_price", "contribution_per_unit", "contribution_margin_per_unit", "unit_contribution"),
    ),
    "variable_cost": (
        ("variable_cost", "variable_costs"),
        ("variable_cost_per_unit", "variable_costs_per_unit", "unit_variable_cost"),
    ),
    "fixed_cost": (("fixed_cost", "fixed_costs", "fixed_overhead"), ()),
}


def _side(inputs: Case, side: str, line: str, units: Fraction) -> tuple[int, Fraction | None]:
    """Return a line in millionths, and one unit of it where the case states that; costs may be absent and are none."""
    totals, each = ([f"{side}_{name}" for name in names] for names in LINES[line])
    for name in totals:
        if name in inputs:
            return _fine(_exact(inputs[name])), None
    for name in each:
        if name in inputs:
            return _fine(_exact(inputs[name]) * units), _exact(inputs[name]) * 10**FINE
    if line == "revenue":
        raise KeyError(f"The case has none of {', '.join([*totals, *each])}.")
    return 0, None


def _sales(products: Iterable[tuple[str, Case]]) -> pd.DataFrame:
    """Return units, prices and the worth of a unit; without a price, the worth of a unit stands for it."""
    rows = []
    for name, product in products:
        worth, later = _get(product, "worth"), _get(product, "actual_worth")
        before, after = _get(product, "budget_price"), _get(product, "actual_price")
        cost = _get(product, "variable_cost")
        if worth is None:
            worth = before if cost is None or before is None else before - cost
        if before is None or after is None:
            before, after = worth, worth if later is None else later
        rows.append((name, _get(product, "budget_units"), _get(product, "actual_units"), before, after, worth))
    columns = ["product", "budget_units", "actual_units", "budget_price", "actual_price", "worth"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _decomposed(sales: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return price_volume_mix(sales, changed="in_mix", **options).set_index("product")


def sales_mix_quantity(inputs: Case) -> dict[str, Any]:
    sales = _sales(_products(inputs))
    whole = _decomposed(sales, value="worth")
    rows = {method: _decomposed(sales, value="worth", mix=method, minor_digits=FINE) for method in MIXES}
    mix, volume, price = (int(whole[f"{part}_effect_cents"].sum()) for part in ("mix", "volume", "price"))
    individual = rows["individual"]

    def by_product(cents: pd.Series) -> dict[str, Any]:
        return {str(product): _effect(effect, FINE) for product, effect in cents.items()}

    average, by_own = (
        whole["average_value"].iloc[0],
        by_product(individual["mix_effect_cents"] + individual["volume_effect_cents"]),
    )
    return {
        "weighted_average_contribution": NOT_AVAILABLE if average is None else float(average),
        **{f"mix_variance_{method}": by_product(found["mix_effect_cents"]) for method, found in rows.items()},
        "quantity_variance_individual": by_product(individual["volume_effect_cents"]),
        "quantity_variance_weighted": by_product(_at_average(sales, average)),
        **dict.fromkeys(("volume_variance_individual", "volume_variance_by_product"), by_own),
        "mix_variance": _effect(mix),
        "quantity_variance": _effect(volume),
        "volume_variance": _effect(mix + volume),
        "price_variance": _effect(price),
        "total_variance": _effect(mix + volume + price),
    }


def _at_average(sales: pd.DataFrame, average: object) -> pd.Series:
    """Return the quantity variance of each product where every unit is worth the weighted average."""
    level = sales.assign(worth=0 if average is None else average)
    return _decomposed(level, value="worth", mix="individual", minor_digits=FINE)["volume_effect_cents"]


def fx_price_volume(inputs: Case) -> dict[str, Any]:
    products = _products(inputs)
    rows, rates = [], []
    for number, (_, product) in enumerate(products):
        given = {**inputs, **product}
        planned, came = _get(given, "budget_units"), _get(given, "actual_units")
        before, after = _get(given, "budget_price"), _get(given, "actual_price")
        currency = str(given.get("currency", "FOREIGN"))
        values = (_value(given, ("base", "budget"), planned, before), _value(given, ("actual",), came, after))
        before, after = (
            value / units if price is None and units else price
            for value, units, price in zip(values, (planned, came), (before, after), strict=True)
        )
        kind = given.get("account_type", given.get("type", "revenue"))
        rows.append((currency, str(number), kind, planned, before, came, after, *values))
        rates += [(currency, str(number), "budget", _get(given, "budget_rate"))]
        rates += [(currency, str(number), "average", _get(given, "actual_rate"))]
    columns = ["currency", "period", "type", "budget_units", "budget_price", "actual_units", "actual_price"]
    frame = pd.DataFrame(rows, columns=[*columns, "budget_local", "actual_local"], dtype=object)
    known = pd.DataFrame(rates, columns=["currency", "period", "kind", "rate"])
    found = fx_variance(frame.dropna(axis="columns", how="all"), known, minor_digits=FINE)
    sums = {name: int(found[f"{name}_effect_cents"].sum()) for name in ("exchange", "volume", "price", "total")}
    return {f"{name}_variance": _effect(cents, FINE) for name, cents in sums.items()}


def _value(given: Case, sides: tuple[str, ...], units: Fraction | None, price: Fraction | None) -> Fraction:
    stated = next((given[f"{side}_local_value"] for side in sides if f"{side}_local_value" in given), None)
    if stated is not None:
        return _exact(stated)
    assert units is not None
    assert price is not None
    return units * price


def pvm_3term(inputs: Case) -> dict[str, Any]:
    sales = _sales(_products(inputs))
    three, two = (_decomposed(sales, terms=terms, minor_digits=FINE) for terms in (3, 2))
    products = {name: _three_terms(three.loc[[name]], two.loc[[name]]) for name in three.index}
    listed = [{"name": name, **terms} for name, terms in products.items()]
    as_given = listed if any(isinstance(inputs.get(name), list) for name in LISTS) else products
    return {**_three_terms(three, two), "products": products, "by_product": as_given}


def _three_terms(three: pd.DataFrame, two: pd.DataFrame) -> dict[str, Any]:
    """Write the terms of a case; its volume is at each product's own price, so the mix is in it."""
    sums = {name: int(three[f"{name}_effect_cents"].sum()) for name in ("volume", "mix", "price", "joint", "total")}
    named = {
        "price_effect": sums["price"],
        "volume_effect": sums["volume"] + sums["mix"],
        "cross_effect": sums["joint"],
        "joint_effect": sums["joint"],
        "mix_effect": sums["mix"],
        "quantity_effect": sums["volume"],
        "price_effect_2term": int(two["price_effect_cents"].sum()),
        "price_effect_two_term": int(two["price_effect_cents"].sum()),
        "total": sums["total"],
    }
    return {name: _units(cents, FINE) for name, cents in named.items()}


ADAPTERS: dict[str, Callable[[Case], dict[str, Any]]] = {
    "flexible_budget": flexible,
    "sales_mix_quantity": sales_mix_quantity,
    "fx_price_volume": fx_price_volume,
    "pvm_3term": pvm_3term,
}

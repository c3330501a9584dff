"""Adapters: the reference cases of standard costs, overhead and activities in the package's words, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd

from opsanalytics.budget.comparison import rollup
from opsanalytics.budget.drivers import activities, costing
from opsanalytics.formats import NOT_AVAILABLE, is_missing

Case = Mapping[str, Any]

#: Cases state amounts that need not be whole cents: here money has so many decimals.
DIGITS = 6

_UNITS = ("units", "actual_units", "output", "actual_output", "units_produced")
_QUANTITY = (
    "actual_qty", "actual_quantity", "actual_hours", "hours_worked", "qty_used", "used_qty", "quantity_used", "used",
    "qty_issued", "quantity_issued", "usage", "hours", "qty",
)  # fmt: skip
_STANDARD_QUANTITY = ("std_qty_per_unit", "std_quantity_per_unit", "std_hours_per_unit", "std_qty", "std_hours")
_ALLOWED = ("std_hours_allowed", "std_qty_allowed", "standard_hours_allowed", "standard_hours", "hours_allowed")
#: Where a case has no output, a plain standard quantity is that of all of it.
_ALLOWED_IN_ALL = (*_ALLOWED, "std_hours", "std_qty")
_STANDARD_PRICE = ("std_price", "std_rate", "standard_price", "standard_rate", "variable_rate")
_PRICE = ("actual_price", "actual_rate")
_COST = ("actual_cost", "actual_cost_total", "actual_amount", "purchase_cost")
#: What is priced where it is not what was used: material bought, hours paid.
_PURCHASED = (
    "qty_purchased", "quantity_purchased", "purchased_qty", "purchased_quantity", "purchased", "qty_bought",
    "hours_paid", "paid_hours",
)  # fmt: skip


def _first(inputs: Case, names: Iterable[str]) -> Any:
    """Return the value under the first of the names that the case has, None where it has none."""
    return next((inputs[name] for name in names if inputs.get(name) is not None), None)


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))


def _money(value: object) -> int:
    return int(_decimal(value).scaleb(DIGITS).to_integral_value(ROUND_HALF_EVEN))


def _units(cents: int) -> int | float:
    value = Decimal(int(cents)).scaleb(-DIGITS)
    return int(value) if value == int(value) else float(value)


def _amount(effect: int) -> dict[str, Any]:
    """Write an effect as the cases do: absolute, with F (favourable), U (unfavourable) or 0."""
    return {"amount": _units(abs(int(effect))), "fu": "F" if effect > 0 else "U" if effect < 0 else "0"}


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build a frame, money in whole minor units, everything else exact decimals."""
    columns = {
        name: pd.Series([row[name] for row in rows], dtype="int64" if name.endswith("_cents") else "object")
        for name in rows[0]
        if all(row[name] is not None for row in rows)
    }
    return pd.DataFrame(columns)


def _input_row(given: Case, units: object) -> dict[str, object]:
    """Translate one input of a case: what is not given is None."""
    own = _first(given, _UNITS)
    units = units if own is None else own
    allowed, quantity = (
        _first(given, _ALLOWED if units is not None else _ALLOWED_IN_ALL),
        _first(given, _STANDARD_QUANTITY),
    )
    output = 1 if allowed is not None else units
    row = {
        "actual_quantity": _first(given, _QUANTITY),
        "quantity_purchased": _first(given, _PURCHASED),
        "standard_price": _first(given, _STANDARD_PRICE),
        "actual_price": _first(given, _PRICE),
        "standard_quantity": allowed if allowed is not None else quantity,
        "actual_output": output,
    }
    if row["actual_quantity"] is None:
        row["actual_quantity"] = row["quantity_purchased"]
    if row["actual_output"] is None:
        row["standard_quantity"] = None
    found: dict[str, object] = {name: None if value is None else _decimal(value) for name, value in row.items()}
    cost = _first(given, _COST)
    return found | {"actual_cents": None if cost is None else _money(cost)}


def _variances(
    rows: Iterable[Mapping[str, object]], kind: str, prefix: str, names: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return the effects of the rows together, under every name that cases call them by.

    Where more was bought (or paid) than used, the price variance is that of the purchases; hours paid and not worked
    are idle, which is what they are at standard.
    """
    each = [
        costing.rate_efficiency(_frame([row]), kind=kind, price_at=_priced_at(row), minor_digits=DIGITS) for row in rows
    ]
    effects = rollup(pd.concat(each, join="inner"), []).iloc[0]
    if kind == "labour":
        effects["idle_effect_cents"] = -effects["stock_cents"]
        effects["total_effect_cents"] = effects.get("total_effect_cents", 0) - effects["stock_cents"]
    found = {}
    for driver in (*costing.DRIVERS[kind], "idle", "total"):
        if f"{driver}_effect_cents" in effects.index:
            for name in (driver, *names.get(driver, ())):
                found[f"{prefix}_{name}"] = _amount(effects[f"{driver}_effect_cents"])
    return found


def _priced_at(row: Mapping[str, object]) -> str:
    return costing.AT_USE if row["quantity_purchased"] is None else costing.AT_PURCHASE


_KINDS: Mapping[str, tuple[str, str, Mapping[str, tuple[str, ...]]]] = {
    "material": ("material", "material", {"usage": ("efficiency", "quantity"), "total": ("cost",)}),
    "materials": ("material", "material", {"usage": ("efficiency", "quantity"), "total": ("cost",)}),
    "labour": ("labour", "labour", {"rate": ("price",), "efficiency": ("usage",), "total": ("cost",)}),
    "labor": ("labour", "labour", {"rate": ("price",), "efficiency": ("usage",), "total": ("cost",)}),
    "variable_overhead": ("variable_overhead", "voh", {"spending": ("rate", "expenditure")}),
    "voh": ("variable_overhead", "voh", {"spending": ("rate", "expenditure")}),
}


def _inputs(inputs: Case) -> dict[str, Any]:
    """Return the variances of each input that the case has; of several of a kind together, and each by its name."""
    units = _first(inputs, _UNITS)
    found = {}
    for name, (kind, prefix, names) in _KINDS.items():
        given = inputs.get(name)
        if isinstance(given, Mapping):
            parts = list(given.values()) if all(isinstance(v, Mapping) for v in given.values()) else [given]
        elif isinstance(given, list):
            parts = given
        else:
            continue
        rows = [_input_row(part, units) for part in parts]
        found |= _variances(rows, kind, prefix, names)
        if isinstance(given, list):
            each = [dict(part) | _variances([row], kind, prefix, names) for part, row in zip(parts, rows, strict=True)]
            found[f"by_{prefix}"] = each
    if not found:
        raise KeyError(f"The case has no input: one of {', '.join(_KINDS)}.")
    return found


def material_labour(inputs: Case) -> dict[str, Any]:
    return _inputs(inputs)


def labour_voh_spending(inputs: Case) -> dict[str, Any]:
    return _inputs(inputs)


def material_price_timing(inputs: Case) -> dict[str, Any]:
    frame = _frame([_input_row(inputs, None)])
    found = {}
    for name, at in (("price_variance_at_purchase", costing.AT_PURCHASE), ("price_variance_at_use", costing.AT_USE)):
        effects = costing.rate_efficiency(frame, kind="material", price_at=at, minor_digits=DIGITS).iloc[0]
        found[name] = _amount(effects["price_effect_cents"])
        if "usage_effect_cents" in effects.index:
            for also in ("usage_variance", "quantity_variance"):
                found[also] = _amount(effects["usage_effect_cents"])
    return found


def labour_monthly(inputs: Case) -> dict[str, Any]:
    name, given = next((name, part) for name, part in inputs.items() if isinstance(part, list | dict))
    parts = [{name.removesuffix("s"): key, **part} for key, part in given.items()] if isinstance(given, dict) else given
    shared = {key: value for key, value in inputs.items() if key != name}
    rows = [_input_row({**shared, **part}, None) for part in parts]
    kind, prefix, names = _KINDS["labour"]
    by_part = [dict(part) | _variances([row], kind, prefix, names) for part, row in zip(parts, rows, strict=True)]
    shown = dict(zip(given, by_part, strict=True)) if isinstance(given, dict) else by_part
    found: dict[str, Any] = dict.fromkeys(("by_month", "by_period", f"by_{name.removesuffix('s')}"), shown)
    return found | dict.fromkeys(
        ("quarter", "year", "half_year", "ytd", "total"), _variances(rows, kind, prefix, names)
    )


_FIXED_BUDGET = (
    "budget_fixed", "budgeted_fixed", "fixed_budget", "budget_fixed_overhead", "budgeted_fixed_overhead",
    "fixed_overhead_budget",
)  # fmt: skip


def overhead_two_variance(inputs: Case) -> dict[str, Any]:
    units = _first(inputs, _UNITS)
    each, normal_units = _first(inputs, ("std_hours_per_unit", "std_hours")), _first(inputs, ("normal_units",))
    normal = _first(inputs, ("normal_hours", "budget_hours", "normal_capacity_hours", "normal_capacity"))
    if normal is None and normal_units is not None and each is not None:
        normal = _decimal(normal_units) * _decimal(each)
    allowed = _first(inputs, _ALLOWED if units is not None else _ALLOWED_IN_ALL)
    hours = allowed if allowed is not None else each
    row: dict[str, object] = {
        "standard_quantity": hours,
        "actual_output": 1 if allowed is not None else units,
        "actual_quantity": _first(inputs, ("actual_hours",)),
        "normal_quantity": normal,
        "variable_rate": _first(inputs, ("variable_rate", "variable_overhead_rate")),
        "fixed_rate": _first(inputs, ("fixed_rate", "fixed_overhead_rate")),
        "total_rate": _first(inputs, ("total_rate", "overhead_rate")),
    }
    row = {name: None if value is None else _decimal(value) for name, value in row.items()}
    for column, names in (
        ("budget_fixed_cents", _FIXED_BUDGET),
        ("actual_cents", ("actual_overhead", "actual_total_overhead")),
        ("actual_variable_cents", ("actual_variable", "actual_variable_overhead")),
        ("actual_fixed_cents", ("actual_fixed", "actual_fixed_overhead")),
    ):
        value = _first(inputs, names)
        row[column] = None if value is None else _money(value)
    found = costing.overhead_variances(_frame([row]), minor_digits=DIGITS).iloc[0]
    effects = {
        str(column).removesuffix("_effect_cents"): _amount(found[column])
        for column in found.index
        if str(column).endswith("_effect_cents")
    }
    return {
        "applied_overhead": _units(found["applied_cents"]),
        "budget_allowed": _units(found["budget_allowed_cents"]),
        **{f"{name}_variance": effect for name, effect in effects.items()},
        "budget_variance": effects["controllable"],
    }


def _name_of(given: Case) -> str:
    return str(_first(given, ("m", "material", "input", "name")))


def _by_material(inputs: Case, names: Sequence[str]) -> dict[str, Any]:
    """Return what a case states by material in a mapping, or in a list of "actual" rows, under any of `names`."""
    held = _first(inputs, names)
    if isinstance(held, Mapping):
        return dict(held)
    rows = _first(inputs, ("actual", "actuals", "std", "standard"))
    stated = {_name_of(row): _first(row, names) for row in rows}
    return {name: value for name, value in stated.items() if value is not None}


def material_mix_yield(inputs: Case) -> dict[str, Any]:
    standard = _first(inputs, ("std", "standard", "materials"))
    names = [_name_of(given) for given in standard]
    listed = _first(inputs, ("actual", "actuals")) is not None
    used = _by_material(inputs, _QUANTITY if listed else _QUANTITY[:-2])
    if not used or set(used) - set(names):
        raise KeyError(f"The case states what was used of {sorted(used)}, the standard is of {names}.")
    # A material that is not among those used was not used.
    rows = [
        {
            "standard_quantity": _decimal(_first(given, ("qty", "quantity", "std_qty", "standard_qty"))),
            "standard_price": _decimal(_first(given, ("price", "std_price", "standard_price"))),
            "actual_quantity": _decimal(used.get(name, 0)),
            "actual_output": _decimal(_first(inputs, ("actual_output", "output", "units"))),
            "standard_output": _decimal(_first(inputs, ("std_output", "standard_output")) or 1),
        }
        for name, given in zip(names, standard, strict=True)
    ]
    found = costing.mix_yield(_frame(rows), by=[], minor_digits=DIGITS)
    effects = {kind: found[f"{kind}_effect_cents"] for kind in ("mix", "yield", "usage")}
    paid = _by_material(inputs, (*_PRICE, *(("price",) if listed else ())))
    if paid:
        prices = [
            {**row, "actual_price": _decimal(paid.get(name, row["standard_price"]))}
            for name, row in zip(names, rows, strict=True)
        ]
        bought = costing.rate_efficiency(
            _frame(prices).drop(columns=["standard_quantity"]), kind="material", minor_digits=DIGITS
        )
        effects["price"] = bought["price_effect_cents"]
        effects["total"] = effects["price"] + effects["usage"]
    whole = {f"{kind}_variance": _amount(sum(column)) for kind, column in effects.items()}
    single = {
        f"{kind}_by_material": {name: _amount(cents) for name, cents in zip(names, column, strict=True)}
        for kind, column in effects.items()
    }
    return whole | single


def activity_based_costing(inputs: Case) -> dict[str, Any]:
    units = inputs.get("units") or {}
    own = {"cost", "driver_total", "driver_quantity", "capacity", "rate"}
    usage, limits = [], []
    for pool in inputs["pools"]:
        name, used = _first(pool, ("pool", "name", "activity")), pool.get("usage", pool)
        products = [key for key in used if (key in units if units else _is_number(used[key])) and key not in own]
        if not products:
            raise KeyError(f"No product uses the pool {name!r}: {', '.join(used)}.")
        for product in products:
            usage.append((name, product, _money(pool["cost"]), str(pool.get("driver", "driver")), used[product]))
        total = _first(pool, ("driver_total", "capacity", "driver_quantity"))
        if total is not None:
            limits.append((name, total))
    table = pd.DataFrame(usage, columns=["pool", "product", "pool_cost_cents", "driver", "driver_quantity"])
    capacity = pd.DataFrame(limits, columns=["pool", "capacity"])
    found = activities.activity_costs(table.assign(period="2026-01"), capacity=capacity, minor_digits=DIGITS)
    costs = found.activity_costs
    per_unit = activities.unit_costs(
        costs, units, direct_cost_per_unit=inputs.get("direct_cost_per_unit"), minor_digits=DIGITS
    ).set_index("product")
    by_product = costs.groupby("product")["cents"].sum()
    borne = by_product.drop(activities.UNALLOCATED, errors="ignore")
    return {
        "overhead": {name: _units(cents) for name, cents in borne.items()},
        "unallocated": _units(by_product.get(activities.UNALLOCATED, 0)),
        "per_unit": _written(per_unit["overhead_per_unit"]),
        "total_cost_per_unit": _written(per_unit["total_per_unit"]),
        "rates": {
            pool: _written_one(rate)
            for pool, rate in zip(found.activity_rates["pool"], found.activity_rates["rate"], strict=True)
        },
        "total": _units(costs["cents"].sum()),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(values: pd.Series) -> dict[str, float | str]:
    return {str(name): _written_one(value) for name, value in values.items()}


def _written_one(value: float) -> float | str:
    return NOT_AVAILABLE if is_missing(value) else value


ADAPTERS: dict[str, Callable[[Case], dict[str, Any]]] = {
    adapter.__name__: adapter
    for adapter in (
        activity_based_costing,
        labour_monthly,
        labour_voh_spending,
        material_labour,
        material_mix_yield,
        material_price_timing,
        overhead_two_variance,
    )
}

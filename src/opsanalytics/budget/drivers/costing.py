"""Costing: standard costs against what was spent, as rate and efficiency, mix and yield, spending and volume.

Every variance is the step between two levels of one chain of amounts: what it cost, what the same
quantity costs at standard price, what the standard allows for the output that came. Each level is
exact and rounded once, half to even, so the steps add up to the cent by themselves. An effect
above zero is favourable: it cost less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.exact import Exact, fractions, whole_cents
from opsanalytics.formats import UNASSIGNED

#: What the two variances of an input are called, by its kind; the arithmetic is the same.
DRIVERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "material": ("price", "usage"),
        "labour": ("rate", "efficiency"),
        "variable_overhead": ("spending", "efficiency"),
    }
)
FIXED = "fixed_overhead"
AT_USE, AT_PURCHASE = "use", "purchase"

#: The analyses of overhead: the effects (columns `<name>_effect_cents`) that add up to the total one.
OVERHEAD_ANALYSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "two": ("controllable", "volume"),
        "three": ("spending", "variable_efficiency", "volume"),
        "three_idle": ("spending", "efficiency", "idle_capacity"),
        "four": ("variable_spending", "fixed_spending", "variable_efficiency", "volume"),
        "four_idle": ("spending", "variable_efficiency", "fixed_efficiency", "idle_capacity"),
    }
)

_KEY = ["period", "cost_centre", "product", "input"]

Cents = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def exact_column(frame: pd.DataFrame, column: str) -> Exact:
    """Return a column as exact numbers; ValueError where it, or a value in it, is missing (missing is not zero)."""
    if column not in frame.columns:
        raise ValueError(f"The column '{column}' is missing; there are: {', '.join(map(str, frame.columns))}.")
    return fractions(frame[column])


def is_zero(values: Exact) -> Flags:
    """Say of each number whether it is zero."""
    return np.asarray(values == 0, dtype=np.bool_)


def divided(amounts: Exact, divisors: Exact, otherwise: Exact) -> Exact:
    """Return the quotients, `otherwise` where the divisor is zero."""
    nothing = is_zero(divisors)
    safe = np.where(nothing, np.full(len(divisors), Fraction(1), dtype=object), divisors)
    found: Exact = np.where(nothing, otherwise, amounts / safe)
    return found


def sums_by_row(values: Exact, codes: npt.NDArray[np.int64]) -> Exact:
    """Return for each row the sum of `values` over the rows that bear the same code."""
    sums = np.full(int(codes.max(initial=-1)) + 1, Fraction(0), dtype=object)
    np.add.at(sums, codes, values)
    found: Exact = sums[codes]
    return found


def group_codes(frame: pd.DataFrame, by: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a number for each row, the same for rows of one `by`; a missing code is a key of its own."""
    if not by:
        return np.zeros(len(frame), dtype=np.int64)
    return np.asarray(frame.groupby(list(by), dropna=False, sort=False).ngroup(), dtype=np.int64)


def check_foots(frame: pd.DataFrame, parts: Sequence[str], total: str, what: str) -> None:
    """Raise ArithmeticError, naming the first row and by how much, where the parts do not add up to the total."""
    off = frame[list(parts)].sum(axis=1) - frame[total]
    wrong = off[off != 0]
    if len(wrong):
        raise ArithmeticError(f"{what}: row {wrong.index[0]} is {int(wrong.iloc[0])} cents off its {total}.")


def rate_efficiency(
    inputs: pd.DataFrame, *, kind: str = "labour", price_at: str = AT_USE, minor_digits: int = 2
) -> pd.DataFrame:
    """Did an input cost more because of its price, or because more of it was used than the output allows?

    `inputs`, a row each: standard_price, actual_quantity and actual_cents (int64, what it cost) or actual_price;
    standard_quantity (for one unit) and actual_output, absent where only the price is asked about. Prices and
    quantities are Decimals. `kind` names the effects: material price and usage, labour rate and efficiency,
    variable_overhead spending and efficiency. `price_at` "purchase" takes the price variance on quantity_purchased;
    what was bought and not used is stock at standard price. Where there is a quantity_purchased, actual_cents is the
    cost of the purchases, of which at use the part used counts.

    Returns, index as given, int64: actual_cents, at_standard_cents (actual quantity at standard price), allowed_cents
    (standard quantity of the actual output at standard price), stock_cents (zero at use), <price>_effect_cents =
    quantity * (standard - actual price), <usage>_effect_cents = (allowed - used quantity) * standard price, and
    total_effect_cents = allowed + stock - actual, their sum. Without a standard quantity: no allowed, usage and total.

    C. Drury, Management and Cost Accounting, "Standard costing and variance analysis"; C. Horngren, S. Datar and
    M. Rajan, Cost Accounting: A Managerial Emphasis, 14th ed., ch. 7 and 8.
    Raises ValueError for an unknown kind or option, a missing column or a missing value (naming the row).
    """
    if kind not in DRIVERS:
        raise ValueError(f"The kind '{kind}' has no rate and efficiency: use one of {', '.join(DRIVERS)}.")
    if price_at not in (AT_USE, AT_PURCHASE):
        raise ValueError(f"price_at '{price_at}' is unknown: use '{AT_USE}' or '{AT_PURCHASE}'.")
    price, usage = (f"{driver}_effect_cents" for driver in DRIVERS[kind])
    used, standard = exact_column(inputs, "actual_quantity"), exact_column(inputs, "standard_price")
    priced = exact_column(inputs, "quantity_purchased") if price_at == AT_PURCHASE else used
    actual = whole_cents(_actual_cost(inputs, priced, minor_digits), 0)
    at_standard, bought = (whole_cents(quantity * standard, minor_digits) for quantity in (used, priced))
    found = pd.DataFrame(
        {
            "actual_cents": actual,
            "at_standard_cents": at_standard,
            "stock_cents": bought - at_standard,
            price: bought - actual,
        },
        index=inputs.index,
    )
    if "standard_quantity" not in inputs.columns:
        return found
    allowed = exact_column(inputs, "standard_quantity") * exact_column(inputs, "actual_output")
    found["allowed_cents"] = whole_cents(allowed * standard, minor_digits)
    found[usage] = found["allowed_cents"] - found["at_standard_cents"]
    found["total_effect_cents"] = found["allowed_cents"] + found["stock_cents"] - found["actual_cents"]
    check_foots(found, [price, usage], "total_effect_cents", f"{DRIVERS[kind][0]} and {DRIVERS[kind][1]} of {kind}")
    return found


def _actual_cost(inputs: pd.DataFrame, priced: Exact, minor_digits: int) -> Exact:
    """Return in minor units what the quantity priced cost: as given, as its part of the purchases, or by its price."""
    if "actual_cents" not in inputs.columns:
        found: Exact = priced * exact_column(inputs, "actual_price") * 10**minor_digits
        return found
    cost = exact_column(inputs, "actual_cents")
    if "quantity_purchased" not in inputs.columns:
        return cost
    purchased = exact_column(inputs, "quantity_purchased")
    unpriced = is_zero(purchased) & ~is_zero(priced)
    if unpriced.any():
        row = inputs.index[int(unpriced.argmax())]
        raise ValueError(f"Row {row} used what was not purchased, so its cost gives no price: give actual_price.")
    return divided(cost * priced, purchased, cost)


def mix_yield(
    inputs: pd.DataFrame,
    *,
    by: Sequence[str] = ("period", "cost_centre", "product"),
    minor_digits: int = 2,
) -> pd.DataFrame:
    """Did the inputs of one output cost more because of their mix, or because more of them gave less?

    `inputs`, a row for each input, all of one `by` in one unit that can be added: standard_quantity (for
    standard_output units of output, one where that column is absent), standard_price, actual_quantity, actual_output
    (the same on each row of a `by`; Decimals).

    Returns, index as given, int64: at_standard_cents (actual quantities), at_standard_mix_cents (the actual
    quantity of all in the standard mix), allowed_cents (standard for the actual output), all at standard price;
    mix_effect_cents and yield_effect_cents, the steps between them, and usage_effect_cents, their sum. Where the
    standard allows no input at all there is no standard mix, and the whole of usage is yield.

    C. Drury, Management and Cost Accounting, "Standard costing and variance analysis 2"; Horngren, ch. 14 (appendix).
    Raises ValueError where a `by` has two actual outputs, or a standard output of zero.
    """
    codes = group_codes(inputs, by)
    standard, price = exact_column(inputs, "standard_quantity"), exact_column(inputs, "standard_price")
    used, output = exact_column(inputs, "actual_quantity"), exact_column(inputs, "actual_output")
    batch = np.full(len(inputs), Fraction(1), dtype=object)
    if "standard_output" in inputs.columns:
        batch = exact_column(inputs, "standard_output")
    _check_outputs(inputs, by, codes, output, batch)
    mixed = divided(standard * sums_by_row(used, codes), sums_by_row(standard, codes), used)
    found = pd.DataFrame(
        {
            "at_standard_cents": whole_cents(used * price, minor_digits),
            "at_standard_mix_cents": whole_cents(mixed * price, minor_digits),
            "allowed_cents": whole_cents(standard * output / batch * price, minor_digits),
        },
        index=inputs.index,
    )
    found["mix_effect_cents"] = found["at_standard_mix_cents"] - found["at_standard_cents"]
    found["yield_effect_cents"] = found["allowed_cents"] - found["at_standard_mix_cents"]
    found["usage_effect_cents"] = found["allowed_cents"] - found["at_standard_cents"]
    check_foots(found, ["mix_effect_cents", "yield_effect_cents"], "usage_effect_cents", "mix and yield")
    return found


def _check_outputs(
    inputs: pd.DataFrame, by: Sequence[str], codes: npt.NDArray[np.int64], output: Exact, batch: Exact
) -> None:
    """Raise ValueError unless each group has one actual output and one standard output other than zero."""
    for name, values in (("actual_output", output), ("standard_output", batch)):
        pairs = pd.DataFrame({"code": codes, "value": values}).drop_duplicates()
        twice = pairs.loc[pairs["code"].duplicated(), "code"]
        if len(twice):
            row = inputs.loc[codes == twice.iloc[0], list(by)].iloc[0]
            group = ", ".join(map(str, row)) or "The frame"
            raise ValueError(f"{group} has more than one {name}: the inputs of a mix share one output.")
    if is_zero(batch).any():
        raise ValueError(f"Row {inputs.index[int(is_zero(batch).argmax())]} has a standard_output of zero.")


def overhead_variances(overhead: pd.DataFrame, *, minor_digits: int = 2) -> pd.DataFrame:
    """Was overhead off because of spending, because of efficiency, or because of the capacity that was used?

    `overhead`, a row each (money int64 cents, the rest Decimals):
    standard_quantity (hours for one unit of output), actual_output;
    two of variable_rate, fixed_rate and total_rate, or variable_rate alone: the fixed rate is then
    budget_fixed_cents / normal_quantity (normal hours);
    budget_fixed_cents, else normal_quantity * fixed rate;
    actual_cents, or actual_variable_cents and actual_fixed_cents;
    actual_quantity (actual hours), absent where only the two-variance analysis is wanted.

    Returns, index as given, int64: actual_cents, budget_allowed_cents (budgeted fixed + standard hours allowed *
    variable rate), applied_cents (standard hours allowed * both rates) and the effects. OVERHEAD_ANALYSES says which
    add up to total_effect_cents = applied - actual:
    two: controllable (budget allowed - actual), volume (applied - budget allowed);
    three: spending (budget at actual hours - actual), variable_efficiency, volume;
    three_idle: spending, efficiency (hours saved * both rates), idle_capacity (actual hours * fixed rate - budget);
    four: spending split into variable_spending and fixed_spending, variable_efficiency, volume;
    four_idle: spending, variable_efficiency, fixed_efficiency, idle_capacity.
    What the columns given do not allow is absent.

    Two, three_idle, four_idle: A. Matz and M. Usry, Cost Accounting: Planning and Control, "Standard costing";
    three, four: Horngren, Datar and Rajan, Cost Accounting, 14th ed., ch. 8.
    Raises ValueError where no fixed rate can be had, or a column or a value is missing.
    """
    levels = _overhead_levels(overhead, minor_digits)
    found = pd.DataFrame(index=overhead.index)
    allowed = levels["fixed_budget"] + levels["variable_allowed"]
    applied = levels["fixed_applied"] + levels["variable_allowed"]
    found["actual_cents"] = levels["actual"]
    found["budget_allowed_cents"] = allowed
    found["applied_cents"] = applied
    found["controllable_effect_cents"] = allowed - levels["actual"]
    found["volume_effect_cents"] = applied - allowed
    if "variable_at_actual" in levels:
        at_actual = levels["fixed_budget"] + levels["variable_at_actual"]
        found["spending_effect_cents"] = at_actual - levels["actual"]
        found["variable_efficiency_effect_cents"] = levels["variable_allowed"] - levels["variable_at_actual"]
        found["fixed_efficiency_effect_cents"] = levels["fixed_applied"] - levels["fixed_at_actual"]
        found["efficiency_effect_cents"] = (
            found["variable_efficiency_effect_cents"] + found["fixed_efficiency_effect_cents"]
        )
        found["idle_capacity_effect_cents"] = levels["fixed_at_actual"] - levels["fixed_budget"]
    if "actual_fixed" in levels:
        found["fixed_spending_effect_cents"] = levels["fixed_budget"] - levels["actual_fixed"]
        if "variable_at_actual" in levels:
            found["variable_spending_effect_cents"] = levels["variable_at_actual"] - levels["actual_variable"]
    found["total_effect_cents"] = applied - levels["actual"]
    for name, effects in OVERHEAD_ANALYSES.items():
        columns = [f"{effect}_effect_cents" for effect in effects]
        if set(columns) <= set(found.columns):
            check_foots(found, columns, "total_effect_cents", f"overhead in the {name}-variance analysis")
    return found


def _overhead_levels(overhead: pd.DataFrame, minor_digits: int) -> dict[str, Cents]:
    """Return the amounts whose steps are the variances; those of actual hours only where these are given."""
    hours = exact_column(overhead, "standard_quantity") * exact_column(overhead, "actual_output")
    variable, fixed = _overhead_rates(overhead, minor_digits)
    held = set(overhead.columns)
    if "budget_fixed_cents" in held:
        budget = whole_cents(exact_column(overhead, "budget_fixed_cents"), 0)
    else:
        budget = whole_cents(exact_column(overhead, "normal_quantity") * fixed, minor_digits)
    levels = {
        "fixed_budget": budget,
        "variable_allowed": whole_cents(hours * variable, minor_digits),
        "fixed_applied": whole_cents(hours * fixed, minor_digits),
    }
    sides = ("actual_variable", "actual_fixed")
    if {f"{side}_cents" for side in sides} <= held:
        levels |= {side: whole_cents(exact_column(overhead, f"{side}_cents"), 0) for side in sides}
        levels["actual"] = levels["actual_variable"] + levels["actual_fixed"]
    else:
        levels["actual"] = whole_cents(exact_column(overhead, "actual_cents"), 0)
    if "actual_quantity" in held:
        worked = exact_column(overhead, "actual_quantity")
        levels["variable_at_actual"] = whole_cents(worked * variable, minor_digits)
        levels["fixed_at_actual"] = whole_cents(worked * fixed, minor_digits)
    return levels


def _overhead_rates(overhead: pd.DataFrame, minor_digits: int) -> tuple[Exact, Exact]:
    """Return the variable and the fixed rate: as given, from the total rate, or from budget and normal hours."""
    held = set(overhead.columns)
    if {"fixed_rate", "total_rate"} <= held and "variable_rate" not in held:
        fixed = exact_column(overhead, "fixed_rate")
        return exact_column(overhead, "total_rate") - fixed, fixed
    variable = exact_column(overhead, "variable_rate")
    if "fixed_rate" in held:
        return variable, exact_column(overhead, "fixed_rate")
    if "total_rate" in held:
        return variable, exact_column(overhead, "total_rate") - variable
    if not {"budget_fixed_cents", "normal_quantity"} <= held:
        raise ValueError("No fixed rate: give fixed_rate, total_rate, or budget_fixed_cents and normal_quantity.")
    normal = exact_column(overhead, "normal_quantity")
    if is_zero(normal).any():
        row = overhead.index[int(is_zero(normal).argmax())]
        raise ValueError(f"Row {row} has a normal_quantity of zero: give fixed_rate.")
    return variable, exact_column(overhead, "budget_fixed_cents") / (normal * 10**minor_digits)


def standard_cost_levels(standard_costs: pd.DataFrame, *, minor_digits: int = 2) -> pd.DataFrame:
    """What did each input cost in the budget, by the standard for the output that came, and in fact?

    `standard_costs` is the checked table. Returns a row for each of its rows, sorted: period, cost_centre, product,
    input, kind, and int64: budget_cents (budgeted output at standard), flexible_cents (actual output at
    standard; for fixed overhead the budget, which does not move with output), at_standard_cents (actual quantity at
    standard price), actual_cents, output_effect_cents = budget - flexible, and absorption_effect_cents: for fixed
    overhead what the output absorbed at standard less the budget (the production-volume variance, which is no
    difference to the budget of the month), else 0.
    Raises ValueError for a kind that is unknown or a value that is missing.
    """
    rows = _in_order(standard_costs)
    rate = exact_column(rows, "standard_quantity") * exact_column(rows, "standard_price")
    budget = whole_cents(exact_column(rows, "budget_output") * rate, minor_digits)
    allowed = whole_cents(exact_column(rows, "actual_output") * rate, minor_digits)
    used = exact_column(rows, "actual_quantity")
    at_standard = whole_cents(used * exact_column(rows, "standard_price"), minor_digits)
    actual = whole_cents(used * exact_column(rows, "actual_price"), minor_digits)
    fixed = (rows["kind"] == FIXED).to_numpy()
    flexible = np.where(fixed, budget, allowed)
    return rows[[*_KEY, "kind"]].assign(
        budget_cents=budget,
        flexible_cents=flexible,
        at_standard_cents=at_standard,
        actual_cents=actual,
        output_effect_cents=budget - flexible,
        absorption_effect_cents=np.where(fixed, allowed - budget, 0),
    )


def standard_cost_variances(standard_costs: pd.DataFrame, *, minor_digits: int = 2) -> pd.DataFrame:
    """Which part of each input's cost is price, and which is the quantity used for the output that came?

    `standard_costs` is the checked table. Returns a row for each input and driver, sorted: period, cost_centre,
    product, input, kind, driver, effect_cents (int64). Drivers: material price and usage, labour rate and efficiency,
    variable overhead spending and efficiency, fixed overhead spending. Where a product takes several materials in one
    `unit` (optional) for one output, mix and yield stand for their usage. The drivers of an input add up to
    flexible_cents - actual_cents of `standard_cost_levels`: the standard cost of the actual output (for fixed
    overhead: the budget) less the actual cost. Formulas and sources: `rate_efficiency`, `mix_yield`,
    `overhead_variances`.
    Raises ValueError as `standard_cost_levels`, ArithmeticError where an input's drivers did not foot.
    """
    levels = standard_cost_levels(standard_costs, minor_digits=minor_digits)
    kinds = levels["kind"].to_numpy()
    fixed = kinds == FIXED
    base = levels["at_standard_cents"].where(~fixed, levels["flexible_cents"])
    steps = levels[[*_KEY, "kind"]].assign(
        price=base - levels["actual_cents"],
        quantity=levels["flexible_cents"] - base,
        total=levels["flexible_cents"] - levels["actual_cents"],
    )
    check_foots(steps, ["price", "quantity"], "total", "standard costs")
    names = {**DRIVERS, FIXED: ("spending", "")}
    pieces = [
        steps[[*_KEY, "kind"]].assign(driver=[names[kind][place] for kind in kinds], effect_cents=steps[step])
        for place, step in enumerate(("price", "quantity"))
    ]
    pieces[1] = _with_mix(_in_order(standard_costs), pieces[1], minor_digits)
    found = pd.concat(pieces).astype({"driver": "str", "effect_cents": "int64"})
    return found[found["driver"] != ""].sort_values([*_KEY, "kind", "driver"], kind="stable", ignore_index=True)


def _with_mix(rows: pd.DataFrame, quantities: pd.DataFrame, minor_digits: int) -> pd.DataFrame:
    """Put mix and yield in the place of usage, for the materials that are counted in one unit for one output."""
    if "unit" not in rows.columns:
        return quantities
    by = ["period", "cost_centre", "product", "unit", "actual_output"]
    counted = rows[(rows["kind"] == "material") & rows["unit"].notna()]
    mixed = counted[counted.duplicated(by, keep=False)]
    split = mix_yield(mixed, by=by, minor_digits=minor_digits)
    own = quantities.loc[mixed.index]
    pieces = [own.assign(driver=name, effect_cents=split[f"{name}_effect_cents"]) for name in ("mix", "yield")]
    off = own["effect_cents"] - sum(piece["effect_cents"] for piece in pieces)
    if np.any(off):
        raise ArithmeticError(f"Mix and yield miss the usage of {mixed['input'].iloc[0]} by {int(off.abs().max())}.")
    return pd.concat([quantities.drop(index=mixed.index), *pieces])


def _in_order(standard_costs: pd.DataFrame) -> pd.DataFrame:
    known = [*DRIVERS, FIXED]
    strange = standard_costs.loc[~standard_costs["kind"].isin(known), "kind"]
    if len(strange):
        raise ValueError(f"The kind '{strange.iloc[0]}' in standard_costs is unknown: use one of {', '.join(known)}.")
    rows = standard_costs.assign(cost_centre=standard_costs["cost_centre"].fillna(UNASSIGNED).astype("str"))
    return rows.sort_values([*_KEY, "kind"], kind="stable", ignore_index=True)

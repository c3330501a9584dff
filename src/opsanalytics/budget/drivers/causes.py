"""Causes: what each input table says about its own part of the result, month by month.

A part is a set of ledger accounts; its cause is found in the table that holds the units behind it. Currency and
one-off amounts are taken out first. What is then left of the part's effect is its rest, never zero by assumption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import MappingProxyType

import pandas as pd

from opsanalytics.budget.allocation import allocate_cents
from opsanalytics.budget.comparison import EFFECT_SIGN
from opsanalytics.budget.drivers.bridging import bridge
from opsanalytics.budget.drivers.costing import FIXED, standard_cost_levels, standard_cost_variances
from opsanalytics.budget.drivers.flexible import VOLUME, flexible_budget
from opsanalytics.budget.drivers.payroll import PAYROLL_DRIVERS, payroll_variances
from opsanalytics.budget.drivers.sales import price_volume_mix
from opsanalytics.budget.exact import Exact, as_array, fractions
from opsanalytics.formats import ALL, UNASSIGNED, listed, month_name

#: What a part's table leaves unexplained, by part.
REST: Mapping[str, str] = MappingProxyType(
    {"revenue": "other_revenue", "payroll": "other_payroll", "variable": "other_cost"}
)
#: The production-volume variance of fixed overhead: shown beside its spending, never added to it.
MEMO = "production_volume"
_ANALYSIS = {"material": "materials", "labour": "labour", "variable_overhead": "overhead", "fixed_overhead": "overhead"}
_CENTRE = ["period", "cost_centre"]
_LINE = ["site", *_CENTRE, "account", "type"]
_SUMS = ["plan_cents", "actual_cents", "currency_cents", "one_off_cents"]
_STEPS = {"period": "str", "driver": "str", "effect_cents": "int64"}
_DRIVERS = {
    **dict.fromkeys(("period", "analysis", "dimension", "item", "driver", "table"), "str"),
    "effect_cents": "int64",
}


@dataclass(frozen=True)
class Part:
    """steps (of the bridge): period, driver, effect_cents. drivers: also analysis, dimension, item, table. notes."""

    steps: pd.DataFrame
    drivers: pd.DataFrame
    notes: tuple[str, ...] = ()


def lines(actual: pd.DataFrame, plan: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return plan and actual of each line that counts in the result, with its part.

    Columns: site, period, cost_centre, account, type, plan_cents, actual_cents, currency_cents, one_off_cents (of
    the actual), part {revenue, payroll, variable, fixed}, behaviour, sign, usual_cents (actual without currency and
    one-offs), and core_cents: its effect against plan.
    """
    none = dict.fromkeys(_SUMS, 0)
    extra = {column: actual[column] for column in _SUMS[2:] if column in actual.columns}
    sides = [
        plan[_LINE].assign(**none | {"plan_cents": plan["amount_cents"]}),
        actual[_LINE].assign(**none | {"actual_cents": actual["amount_cents"]} | extra),
    ]
    both = pd.concat(sides)
    both = both[both["type"].isin(["revenue", "cost"])]
    sums = both.groupby(_LINE, dropna=False, observed=True)[_SUMS].sum().reset_index()
    chart = accounts.reindex(columns=["account", "behaviour", "driver"])
    chart = chart.assign(account=chart["account"].fillna(UNASSIGNED)).set_index("account")
    behaviour, driver = (sums["account"].map(chart[name]) for name in ("behaviour", "driver"))
    part = behaviour.map({"variable": "variable"}).fillna("fixed").mask(driver == "staffing", "payroll")
    sign = sums["type"].map(EFFECT_SIGN).astype("int64")
    usual = sums["actual_cents"] - sums["currency_cents"] - sums["one_off_cents"]
    return sums.assign(
        part=part.mask(sums["type"] == "revenue", "revenue"),
        behaviour=behaviour,
        sign=sign,
        usual_cents=usual,
        core_cents=(usual - sums["plan_cents"]) * sign,
    )


def _rest(own: pd.DataFrame, explained: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return `explained` with, for each month, what it leaves of the part's own effect, under `name`."""
    whole = own.groupby("period")["core_cents"].sum()
    left = whole.sub(explained.groupby("period")["effect_cents"].sum(), fill_value=0).astype("int64")
    rest = pd.DataFrame({"period": left.index, "driver": name, "effect_cents": left.to_numpy()})
    return pd.concat([explained[list(_STEPS)], rest]) if len(explained) else rest


def _found(drivers: pd.DataFrame, **rest: str) -> pd.DataFrame:
    return drivers.assign(**rest)[list(_DRIVERS)]


@cache
def _nothing() -> pd.DataFrame:
    """Return no drivers at all; the one frame is only read."""
    return pd.DataFrame(columns=list(_DRIVERS)).astype(_DRIVERS)


def _months(periods: pd.Series | Sequence[str]) -> str:
    return listed([month_name(month) for month in sorted(set(periods))])


def _cells(cells: pd.DataFrame, of: str) -> str:
    """Name items and their months, those of the same months together: "North and South in May 2026"."""
    months: dict[str, list[str]] = {}
    for item, rows in cells.groupby(of, dropna=False):
        months.setdefault(_months(rows["period"]), []).append(str(item))
    return "; ".join(f"{listed(items)} in {named}" for named, items in months.items())


# revenue


def sold(
    sales: pd.DataFrame | None, months: Sequence[str], booked: pd.DataFrame, entity: str, gaps: pd.MultiIndex
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the entity's sales in `months` for which all is known, and notes on those for which it is not.

    `booked` are the sites and months with revenue. A site's month with a missing actual is left out whole: its mix is
    not known.
    """
    if sales is None or sales.empty:
        return pd.DataFrame(), ("There is no sales table: the revenue variance has no volume, mix and price.",)
    rows = sales[sales["period"].isin(months) & ((sales["site"] == entity) | (entity == ALL))]
    place = ["site", "period"]
    if len(gaps):
        rows = rows[~pd.MultiIndex.from_frame(rows[place]).isin(gaps)]
    unknown = rows["actual_units"].isna() | (rows["actual_price"].isna() & (rows["actual_units"] != 0))
    partial = rows.loc[unknown, place].drop_duplicates()
    notes = [
        f"The sales of {site} in {_months(cells['period'])} lack an actual: their revenue variance is not explained."
        for site, cells in partial.groupby("site")
    ]
    if len(partial):
        rows = rows[~pd.MultiIndex.from_frame(rows[place]).isin(pd.MultiIndex.from_frame(partial))]
    known = pd.concat([rows[place], partial])
    lacking = booked[~pd.MultiIndex.from_frame(booked[place]).isin(pd.MultiIndex.from_frame(known))]
    if len(lacking):
        notes.append(
            f"The sales table has no rows for {_cells(lacking, 'site')}: their revenue variance is not explained."
        )
    return rows, tuple(notes)


def revenue(all_lines: pd.DataFrame, known: tuple[pd.DataFrame, tuple[str, ...]], minor_digits: int) -> Part:
    """Explain revenue by units, mix and price of the sales table; the rest is other_revenue.

    Volume and mix are those of a site in a month, over the products that are counted in one `unit`: different units
    are never added up, and a product whose unit is not given is one of its own, which has no mix. The drivers by
    product have the joint effect in price; in the steps Shapley shares it, whatever the order.
    """
    own = all_lines[all_lines["part"] == "revenue"]
    rows, notes = known
    if own.empty and rows.empty:
        return Part(_nothing()[list(_STEPS)], _nothing())
    if rows.empty:
        return Part(_rest(own, _nothing(), REST["revenue"]), _nothing(), notes)
    rows = _with_units(rows)
    group = ["period", "site", "unit"]
    found = price_volume_mix(rows, by=group, minor_digits=minor_digits)
    effects = found.rename(columns=lambda c: c.removesuffix("_effect_cents")).melt(
        [*group, "product"],
        ["volume", "mix", "price", "new", "discontinued"],
        var_name="driver",
        value_name="effect_cents",
    )
    kept = rows.sort_values([*group, "product"], kind="stable", ignore_index=True)
    kept = kept[(kept["budget_units"] != 0) & (kept["actual_units"] != 0)]
    changed = effects[effects["driver"].isin(["new", "discontinued"])]
    rates = _rates_in_prices(own, found)
    steps = pd.concat([_shared(kept, group, minor_digits), changed, rates])
    effects = pd.concat([effects, rates])
    drivers = _found(effects.rename(columns={"product": "item"}), analysis="sales", dimension="product", table="sales")
    return Part(_rest(own, steps, REST["revenue"]), drivers, notes)


def _with_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Give every product a unit; one without is counted in a unit of its own."""
    given = rows["unit"] if "unit" in rows.columns else pd.Series(None, rows.index, dtype="str")
    return rows.assign(unit=("unit " + given).where(given.notna(), "product " + rows["product"]))


def _rates_in_prices(own: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Take what exchange rates make of a site's revenue in a month out of its products' price, by what they sold for.

    `found` comes from `price_volume_mix`. Nothing says which revenue is that of the products, so it is taken out only
    where that leaves less unexplained: rates on other income are not in their prices. Of a product newly sold it is
    taken out of "new". Where nothing was sold for a positive sum, other revenue bears it.
    """
    place, pieces = ["period", "site"], []
    booked = own.groupby(place)[["currency_cents", "core_cents"]].sum()
    for cell, products in found.groupby(place):
        cents, core = (int(booked[name].get(cell, 0)) for name in ("currency_cents", "core_cents"))
        weights, left = products["actual_cents"].clip(lower=0), core - int(products["total_effect_cents"].sum())
        if abs(left + cents) < abs(left) and weights.any():
            shares = [-part for part in allocate_cents(cents, weights.tolist())]
            pieces.append(products[[*place, "product"]].assign(effect_cents=shares, driver=_priced(products)))
    return pd.concat(pieces) if pieces else pd.DataFrame(columns=[*place, "product", "effect_cents", "driver"])


def _priced(products: pd.DataFrame) -> pd.Series:
    return pd.Series("price", products.index).mask(products["budget_units"] == 0, "new")


def _shared(rows: pd.DataFrame, group: Sequence[str], minor_digits: int) -> pd.DataFrame:
    """Share each product's revenue variance between volume in all, mix and price, by Shapley."""
    codes = rows.groupby(list(group), dropna=False).ngroup().tolist()
    sides = []
    units = [fractions(rows[f"{side}_units"]) for side in ("budget", "actual")]
    whole = [_group_sums(side, codes) for side in units]
    for side, own, total in zip(("budget", "actual"), units, whole, strict=True):
        cancels = [not (before and after) for before, after in zip(*whole, strict=True)]
        volume = as_array(u if none else t for u, t, none in zip(own, total, cancels, strict=True))
        mix = as_array(Fraction(1) if none else u / t for u, t, none in zip(own, total, cancels, strict=True))
        price = fractions(rows[f"{side}_price"]) * 10**minor_digits
        sides.append(pd.DataFrame({"volume": volume, "mix": mix, "price": price}, rows.index, dtype=object))
    found = bridge(sides[0], sides[1], lambda f: f["volume"] * f["mix"] * f["price"])
    found = found.assign(period=rows["period"])
    return found.melt("period", ["volume", "mix", "price"], var_name="driver", value_name="effect_cents")


def _group_sums(values: Exact, codes: Sequence[int]) -> list[Fraction]:
    sums: dict[int, Fraction] = {}
    for code, value in zip(codes, values, strict=True):
        sums[code] = sums.get(code, Fraction(0)) + value
    return [sums[code] for code in codes]


# cost


def payroll(all_lines: pd.DataFrame, table: pd.DataFrame | None, minor_digits: int) -> Part:
    """Explain the accounts that `staffing` drives by headcount, rate and overtime; the rest is other_payroll.

    Where the table has no budgeted overtime hours for a cost centre's month, budgeted overtime is the plan of those of
    its accounts that are variable; where none is, overtime is left to the rest.
    """
    own = all_lines[all_lines["part"] == "payroll"]
    if own.empty:
        return Part(_nothing()[list(_STEPS)], _nothing())
    rows = _of_centres(table, own)
    if table is None or rows.empty:
        note = "The payroll table has no rows for these cost centres: the payroll variance has no headcount and rate."
        return Part(_rest(own, _nothing(), REST["payroll"]), _nothing(), (note,))
    found, notes = payroll_variances(rows, minor_digits=minor_digits, by=_CENTRE), []
    unstated = _without_budgeted_overtime(rows, found)
    if unstated.any():
        planned = own[own["behaviour"] == "variable"].groupby(_CENTRE)["plan_cents"].sum()
        keys = pd.MultiIndex.from_frame(found[_CENTRE])
        known = keys.isin(planned.index)
        added = (found["overtime_effect_cents"] + planned.reindex(keys, fill_value=0).to_numpy()).where(known, 0)
        left = found["overtime_effect_cents"].ne(0) & unstated & ~known
        found["overtime_effect_cents"] = found["overtime_effect_cents"].mask(unstated, added)
        if left.any():
            notes.append(
                "No overtime is budgeted in the payroll table or on a variable payroll account for "
                f"{_cells(found[left], 'cost_centre')}: it is not explained."
            )
    lacking = own[~pd.MultiIndex.from_frame(own[_CENTRE]).isin(pd.MultiIndex.from_frame(rows[_CENTRE]))]
    if len(lacking):
        named = _cells(lacking, "cost_centre")
        notes.append(f"The payroll table has no rows for {named}: their variance is not explained.")
    effects = found.rename(columns=lambda c: c.removesuffix("_effect_cents")).melt(
        _CENTRE, list(PAYROLL_DRIVERS), var_name="driver", value_name="effect_cents"
    )
    drivers = effects.rename(columns={"cost_centre": "item"})
    drivers = _found(drivers, analysis="payroll", dimension="cost_centre", table="payroll")
    return Part(_rest(own, effects, REST["payroll"]), drivers, tuple(notes))


def _without_budgeted_overtime(rows: pd.DataFrame, found: pd.DataFrame) -> pd.Series:
    """Say of each cost centre's month in `found` whether no grade of it has budgeted overtime hours."""
    if "budget_overtime_hours" not in rows.columns:
        return pd.Series(True, found.index)
    stated = rows[rows["budget_overtime_hours"].notna()]
    return pd.Series(
        ~pd.MultiIndex.from_frame(found[_CENTRE]).isin(pd.MultiIndex.from_frame(stated[_CENTRE])), found.index
    )


def _of_centres(table: pd.DataFrame | None, all_lines: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that are about a cost centre in a month of the entity's lines."""
    if table is None or table.empty:
        return pd.DataFrame()
    rows = table[table["period"].isin(all_lines["period"].unique())]
    rows = rows.assign(cost_centre=rows["cost_centre"].fillna(UNASSIGNED).astype("str"))
    known = set(zip(all_lines["period"], all_lines["cost_centre"], strict=True))
    return rows[[cell in known for cell in zip(rows["period"], rows["cost_centre"], strict=True)]]


def variable_cost(all_lines: pd.DataFrame, table: pd.DataFrame | None) -> Part:
    """Explain variable cost outside payroll by the flexible budget: volume, and spending.

    A cost centre is flexed by its driver's units, by the first by name where it has several. One that has none in the
    table is spending; where its units of a month are missing, or there is no table, the effect is other_cost.
    """
    own = all_lines[all_lines["part"] == "variable"]
    if own.empty:
        return Part(_nothing()[list(_STEPS)], _nothing())
    if table is None or table.empty:
        note = "There is no drivers table: the variance of variable cost has no volume."
        return Part(_rest(own, _nothing(), REST["variable"]), _nothing(), (note,))
    units = table.assign(cost_centre=table["cost_centre"].fillna(UNASSIGNED).astype("str"))
    units = units[units["cost_centre"].isin(own["cost_centre"].unique())]
    first = units.groupby("cost_centre")["driver"].min()
    several = units.groupby("cost_centre")["driver"].nunique() > 1
    units = units[units["driver"] == units["cost_centre"].map(first)]
    rows = own.merge(units[[*_CENTRE, "budget_units", "actual_units"]], on=_CENTRE, how="left", validate="m:1")
    flexed = flexible_budget(rows.assign(budget_cents=rows["plan_cents"], actual_cents=rows["usual_cents"]))
    driven = flexed["cost_centre"].isin(first.index)
    spent = pd.Series("spending", flexed.index).mask(driven & (flexed["flexing"] != VOLUME), REST["variable"])
    effects = pd.concat(
        [
            flexed.assign(driver="volume", effect_cents=flexed["volume_effect_cents"], table="drivers"),
            flexed.assign(driver=spent, effect_cents=flexed["flexible_budget_effect_cents"], table="ledger"),
        ]
    )
    drivers = _found(effects.rename(columns={"account": "item"}), analysis="flexible_budget", dimension="account")
    return Part(effects[list(_STEPS)], drivers, _driver_notes(flexed, driven, first, several))


def _driver_notes(flexed: pd.DataFrame, driven: pd.Series, first: pd.Series, several: pd.Series) -> tuple[str, ...]:
    notes = []
    centres = sorted(set(flexed["cost_centre"]) & set(several.index[several]))
    if centres:
        named = listed([f"{centre} ({first[centre]})" for centre in centres])
        notes.append(f"Cost centres with several drivers are flexed by the first by name: {named}.")
    lacking = flexed[driven & (flexed["flexing"] != VOLUME)]
    for centre, cells in lacking.groupby("cost_centre"):
        notes.append(
            f"The driver of {centre} lacks units in {_months(cells['period'])}: its variable cost is not flexed."
        )
    undriven = sorted(set(flexed.loc[~driven, "cost_centre"]))
    if undriven:
        notes.append(
            f"Cost centres without a driver are not flexed, their variable cost is spending: {listed(undriven)}."
        )
    return tuple(notes)


def fixed_cost(all_lines: pd.DataFrame) -> Part:
    """Call the whole variance of fixed cost spending."""
    own = all_lines[all_lines["part"] == "fixed"].assign(driver="spending")
    effects = own.assign(effect_cents=own["core_cents"])
    drivers = effects.rename(columns={"account": "item"})
    drivers = _found(drivers, analysis="flexible_budget", dimension="account", table="ledger")
    return Part(effects[list(_STEPS)], drivers)


def taken_out(all_lines: pd.DataFrame, column: str, driver: str, analysis: str, table: str) -> Part:
    """Return what was taken out of every part, currency or one-off lines, as a driver of its own."""
    rows = all_lines[all_lines[column] != 0]
    if rows.empty:
        return Part(_nothing()[list(_STEPS)], _nothing())
    effects = rows.assign(driver=driver, effect_cents=rows[column] * rows["sign"])
    drivers = effects.rename(columns={"account": "item"})
    return Part(effects[list(_STEPS)], _found(drivers, analysis=analysis, dimension="account", table=table))


def standard_costs(all_lines: pd.DataFrame, table: pd.DataFrame | None, minor_digits: int) -> Part:
    """Look inside inputs at standard cost: no steps of the bridge, whose accounts are explained already.

    The usage of materials that a product takes in one unit is their mix and yield. What output absorbed of fixed
    overhead, more or less than budgeted, is a memo: it is no difference to the budget.
    """
    rows = _of_centres(table, all_lines)
    if rows.empty:
        return Part(_nothing()[list(_STEPS)], _nothing())
    found = standard_cost_variances(rows, minor_digits=minor_digits)
    levels = standard_cost_levels(rows, minor_digits=minor_digits)
    memo = levels.assign(driver=MEMO, effect_cents=levels["absorption_effect_cents"])
    found = pd.concat([found, memo.loc[memo["kind"] == FIXED, list(found.columns)]])
    drivers = found.assign(analysis=found["kind"].map(_ANALYSIS), item=found["input"])
    return Part(_nothing()[list(_STEPS)], _found(drivers, dimension="input", table="standard_costs"))

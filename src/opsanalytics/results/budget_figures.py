"""Figures of the budget variance: amounts, variances, drivers, bridges, outlook, movement, flags, activity costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import TOTAL, key_of
from opsanalytics.results.form import complete

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_SOURCE = {"AC": "ledger", "PY": "ledger", "FC": "ledger", "PL": "budget"}
_LOW, _HIGH = 0.1, 0.9  # the ends of an 80 % range


def parts(result: BudgetVariance) -> list[pd.DataFrame]:
    """Return the figures of a budget variance, part by part."""
    return [
        _amounts(result),
        _trend(result),
        *_variances(result),
        *_outlook(result),
        *_accuracy(result),
        _drivers(result),
        _bridges(result),
        _restated(result),
        _movement(result),
        _flags(result),
        _largest(result),
        *_activities(result),
    ]


def _money(frame: pd.DataFrame, cents: str, result: BudgetVariance) -> pd.DataFrame:
    values = frame[cents]
    value = values.astype("Float64").astype("float64") / 10**result.minor_digits
    return frame.assign(cents=values, value=value, unit=result.currency)


def _amounts(result: BudgetVariance) -> pd.DataFrame:
    frame = _money(result.amounts, "cents", result)
    return complete(frame, result, frame["scenario"].map(_SOURCE))


def _trend(result: BudgetVariance) -> pd.DataFrame:
    months = result.monthly[result.monthly["period"] != result.period]
    frame = _money(months, "cents", result).assign(horizon="month", dimension=TOTAL, item=TOTAL)
    return complete(frame, result, frame["scenario"].map(_SOURCE))


def _variances(result: BudgetVariance) -> list[pd.DataFrame]:
    from opsanalytics.budget import COMPLETE

    frame = result.variances.assign(scenario="AC")
    whole = frame["dimension"] == TOTAL
    frame = frame.assign(
        dimension2=frame["dimension2"].mask(whole, "measure"), item2=frame["item2"].mask(whole, frame["measure"])
    )
    table = frame["reference"].map(_SOURCE)
    money = {"variance": "variance_cents", "effect": "effect_cents"}
    money |= {f"{name}_like_for_like": f"like_{column}" for name, column in money.items()}
    plain = {"variance_share": "share", "material": "material", "complete": "complete"}
    comparable = result.comparable
    frame = frame.assign(
        complete=frame["status"] == COMPLETE,
        like_variance_cents=frame["like_for_like_cents"],
        like_effect_cents=comparable["effect_cents"],
        material=comparable["material"],
    )
    found = [
        complete(_money(frame.assign(measure=name), column, result), result, table) for name, column in money.items()
    ]
    for name, column in plain.items():
        unit = "ratio" if column == "share" else "flag"
        part = frame.assign(measure=name, value=frame[column].astype("float64"), unit=unit)
        found.append(complete(part, result, table))
    return found


def _outlook(result: BudgetVariance) -> list[pd.DataFrame]:
    """Each method's outlook, and the chosen one's range; the chosen one also stands among the amounts as FC."""
    rows = result.outlook.rename(columns={"method": "item2"})
    rows = rows.assign(scenario="FC", dimension=TOTAL, item=TOTAL, dimension2="method")
    ends = rows[rows["chosen"] & rows["lo_cents"].notna()]
    return [
        complete(_money(rows, "cents", result), result, "ledger"),
        complete(_money(ends, "lo_cents", result).assign(quantile=_LOW), result, "ledger"),
        complete(_money(ends, "hi_cents", result).assign(quantile=_HIGH), result, "ledger"),
    ]


def _accuracy(result: BudgetVariance) -> list[pd.DataFrame]:
    """The backtest of the outlook: error, bias, the years tested and the weight of each method."""
    rows = result.outlook_accuracy.rename(columns={"measure": "item", "method": "item2"})
    rows = rows.assign(horizon="fy", scenario="FC", dimension="measure", dimension2="method")
    units = {"wape": "ratio", "bias": "ratio", "weight": "ratio", "years": "years"}
    return [
        complete(
            rows.assign(measure=f"outlook_{name}", value=rows[name].astype("float64"), unit=unit), result, "ledger"
        )
        for name, unit in units.items()
    ]


def _drivers(result: BudgetVariance) -> pd.DataFrame:
    """The effect of each driver; item2 is "analysis, driver", for example "sales, price"."""
    rows = result.drivers
    rows = rows.assign(item2=rows["analysis"] + ", " + rows["driver"], dimension2="driver")
    rows = _money(rows, "effect_cents", result).assign(measure="driver_effect", scenario="AC")
    return complete(rows, result, rows["table"])


def _bridges(result: BudgetVariance) -> pd.DataFrame:
    """The steps of each bridge from the reference's result to the actual one: levels as such, effects as effects."""
    rows = result.bridges
    level = rows["kind"].isin(["start", "end"])
    rows = rows.assign(
        cents=rows["cents"].where(level, rows["effect_cents"]),
        dimension=rows["by"],
        item=rows["driver"],
        dimension2="step",
        item2=rows["kind"],
        measure="bridge",
        scenario="AC",
    )
    return complete(_money(rows, "cents", result), result, "ledger")


def _restated(result: BudgetVariance) -> pd.DataFrame:
    """What changed in months already reported, by P&L line: restated, or only recoded from one account to another."""
    keys = ["period", "pl_line", "type", "kind"]
    rows = result.restated.groupby(keys, dropna=False)["change_cents"].sum().reset_index()
    rows = rows.assign(dimension="pl_line", item=rows["pl_line"], dimension2="type", item2=rows["type"])
    measure = rows["kind"].map({"restated": "restatement", "recoded": "recoding"}).astype("str")
    rows = _money(rows, "change_cents", result).assign(measure=measure, horizon="month", scenario="AC")
    return complete(rows, result, "ledger")


def _movement(result: BudgetVariance) -> pd.DataFrame:
    """The steps from the last pack's year to date to this one's; all but new months stand at the reporting month."""
    rows = result.movement
    rows = rows.assign(
        period=rows["period"].mask(rows["period"] == "", result.period),
        dimension="measure",
        item=rows["measure"],
        dimension2="step",
        item2=rows["kind"],
    )
    rows = _money(rows, "cents", result).assign(measure="movement", horizon="ytd", scenario="AC")
    return complete(rows, result, "ledger")


def _flags(result: BudgetVariance) -> pd.DataFrame:
    """What a rule flags: a ledger line, item2 "document, line", or a month's sum, item2 "cost centre, account"."""
    rows = result.flags
    is_sum = rows["document"] == ""
    place = _keys(rows, "cost_centre", "account")
    rows = rows.assign(
        dimension="rule",
        item=rows["rule"],
        dimension2=is_sum.map({True: "cost_centre, account", False: "ledger_line"}).astype("str"),
        item2=_keys(rows, "document", "line").mask(is_sum, place),
        measure="ledger_flag",
        horizon="month",
        scenario="AC",
    )
    return complete(_money(rows, "amount_cents", result), result, "ledger")


def _largest(result: BudgetVariance) -> pd.DataFrame:
    """The largest ledger lines behind each material variance; item2 is "document, line"."""
    rows = result.largest
    rows = rows.assign(dimension2="ledger_line", item2=_keys(rows, "document", "line"), reference="PL")
    rows = _money(rows, "amount_cents", result).drop(columns="period")
    return complete(rows.assign(measure="largest_line", horizon="ytd", scenario="AC"), result, "ledger")


def _keys(rows: pd.DataFrame, *columns: str) -> pd.Series[str]:
    """Join the codes of each row to one key."""
    keys = [key_of(*codes) for codes in zip(*(rows[column] for column in columns), strict=True)]
    return pd.Series(keys, rows.index, dtype="str")


def _activities(result: BudgetVariance) -> list[pd.DataFrame]:
    """Cost by product and pool, and each pool's rate for one unit of its driver."""
    costs = result.activity_costs
    costs = costs.assign(dimension="product", item=costs["product"], dimension2="pool", item2=costs["pool"])
    costs = _money(costs, "cents", result).assign(measure="activity_cost", horizon="month", scenario="AC")
    rates = result.activity_rates
    rates = rates.assign(dimension="pool", item=rates["pool"], value=rates["rate"].astype("float64"))
    rates = rates.assign(unit=result.currency + " per unit", measure="activity_rate", horizon="month", scenario="AC")
    return [complete(costs, result, "activities"), complete(rates, result, "activities")]

"""One budget variance written by hand, every frame filled, for the tests of words and tables.

North, fiscal year from January, reporting month 2026-02, a variance material from 1,000.00 and 5 % on.

    thousand EUR, to date     PL     AC     FC    (AC - PL)   full year PL      FC
    Freight, revenue         200    240    230       +40              1200    1300
    Payroll, cost            110    124    116       +14               660     700
    Fuel, cost                24     17     24        -7               144     130
    result                    66     99     90       +33               396     470
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from opsanalytics.budget import BudgetVariance
from opsanalytics.periods import month_range
from opsanalytics.settings import Materiality

K = 1000_00
PERIOD = "2026-02"
SITE = "North"
ACCOUNTS = pd.DataFrame(
    {
        "account": ["4000", "6000", "6100"],
        "name": ["Freight", "Wages", "Fuel"],
        "type": ["revenue", "cost", "cost"],
        "pl_line": ["Freight", "Payroll", "Fuel"],
        "driver": [None, "staffing", None],
    }
)
_LINES = {"Freight": "revenue", "Payroll": "cost", "Fuel": "cost"}
_ACCOUNT = {"Freight": "4000", "Payroll": "6000", "Fuel": "6100"}
#: thousand EUR by horizon and scenario: Freight, Payroll, Fuel.
_CENTS = {
    ("month", "PL"): (100, 55, 12),
    ("month", "AC"): (130, 64, 9),
    ("ytd", "PL"): (200, 110, 24),
    ("ytd", "AC"): (240, 124, 17),
    ("ytd", "FC"): (230, 116, 24),
    ("roy", "PL"): (1000, 550, 120),
    ("roy", "FC"): (1060, 576, 113),
    ("fy", "PL"): (1200, 660, 144),
    ("fy", "FC"): (1300, 700, 130),
}
_SIGN = {"revenue": 1, "result": 1, "cost": -1}


def whole(**frames: Any) -> BudgetVariance:
    """The variance above; fields given replace its own."""
    values: dict[str, Any] = {
        "period": PERIOD,
        "entity": SITE,
        "currency": "EUR",
        "minor_digits": 2,
        "materiality": Materiality(1000_00, 0.05, "and"),
        "structure": "as_posted",
        "one_offs": "with",
        "missing": (),
        "notes": (),
        **_frames(),
        **frames,
    }
    return BudgetVariance(**values)


def bare() -> BudgetVariance:
    """The same without anything beyond amounts and variances, as in a folder that holds no other table."""
    kept = ("amounts", "variances", "monthly", "outlook", "missing_at", "phasing")
    frames = {name: frame.iloc[:0] if name == "outlook" else frame for name, frame in _frames().items() if name in kept}
    none = {name: pd.DataFrame() for name in _frames() if name not in kept}
    ahead = frames["amounts"]
    ahead, compared = ahead[ahead["scenario"] != "FC"], frames["variances"]
    return whole(**frames | none | {"amounts": ahead, "variances": compared[compared["reference"] != "FC"]})


@cache
def _frames() -> dict[str, pd.DataFrame]:
    frames = {
        "amounts": _amounts(),
        "variances": _variances(),
        "monthly": _monthly(),
        "outlook": _outlook(),
        "outlook_accuracy": _accuracy(),
        "outlook_lines": _leaves(dict.fromkeys(month_range("2026-03", "2026-12"), (106.0, 57.6, 11.3))),
        "forecast": _forecast(),
        "drivers": _drivers(),
        "bridges": _bridges(),
        "restated": _leaves({"2026-01": (None, 60, None)}).rename(columns={"cents": "now_cents"}),
        "movement": _movement(),
        "flags": _flags(),
        "largest": _largest(),
        "crossed": _crossed(),
        "activity_rates": pd.DataFrame(
            {
                "period": [PERIOD],
                "pool": ["Sorting"],
                "driver": ["parcels"],
                "rate": [2.5],
                "pool_cents": [100 * K],
                "driver_quantity": [40_000.0],
            }
        ),
        "activity_costs": pd.DataFrame(
            {
                "period": PERIOD,
                "pool": "Sorting",
                "product": ["Express", "(unallocated)"],
                "cents": [70 * K, 30 * K],
            }
        ),
        "comments": pd.DataFrame(),
        "drafts": pd.DataFrame(),
        "draft_numbers": pd.DataFrame(),
        "missing_at": pd.DataFrame({"site": pd.Series(dtype="str"), "period": pd.Series(dtype="str")}),
        "phasing": pd.DataFrame(),
    }
    frames["restated"] = frames["restated"].assign(prior_cents=59 * K, change_cents=K, effect_cents=-K, kind="restated")
    return frames


def _three(figures: tuple[int, int, int]) -> dict[str, int]:
    revenue, cost = figures[0], figures[1] + figures[2]
    return {"revenue": revenue * K, "cost": cost * K, "result": (revenue - cost) * K}


def _keys(name: str, dimension: str) -> dict[str, str]:
    if dimension == "(total)":
        return {"measure": name, "dimension": dimension, "item": "(total)", "dimension2": "", "item2": ""}
    item = _ACCOUNT[name] if dimension == "account" else name
    return {"measure": "amount", "dimension": dimension, "item": item, "dimension2": "type", "item2": _LINES[name]}


def _each(figures: tuple[int, int, int]) -> list[tuple[dict[str, str], str, str, int]]:
    """Key, name, type and cents of the totals and of each line and account."""
    rows = [(_keys(m, "(total)"), m, m, cents) for m, cents in _three(figures).items()]
    for dimension in ("pl_line", "account"):
        for line, amount in zip(_LINES, figures, strict=True):
            rows.append((_keys(line, dimension), line, _LINES[line], amount * K))
    return rows


def _amounts() -> pd.DataFrame:
    rows = [
        {**key, "horizon": horizon, "scenario": scenario, "cents": cents}
        for (horizon, scenario), figures in _CENTS.items()
        for key, _, _, cents in _each(figures)
    ]
    return pd.DataFrame(rows)


def _variances() -> pd.DataFrame:
    rows = []
    for (horizon, reference), against in _CENTS.items():
        actual = _CENTS.get((horizon, "AC"))
        if actual is None or reference == "AC":
            continue
        for (key, name, kind, now), (*_, then) in zip(_each(actual), _each(against), strict=True):
            change = now - then
            row = {
                "name": name,
                "horizon": horizon,
                "reference": reference,
                "actual_cents": now,
                "reference_cents": then,
                "variance_cents": change,
                "effect_cents": change * _SIGN[kind],
                "share": change / then,
                "material": abs(change) >= K and abs(change) >= 0.05 * then,
                "found_in": "both",
                "status": "COMPLETE",
                "like_for_like_cents": change,
            }
            rows.append({**key, **row})
    return pd.DataFrame(rows)


def _monthly() -> pd.DataFrame:
    january, february = (110, 60, 8), (130, 64, 9)
    rows = [
        {"period": month, "measure": measure, "scenario": "AC", "cents": cents}
        for month, figures in (("2026-01", january), ("2026-02", february))
        for measure, cents in _three(figures).items()
    ]
    return pd.DataFrame(rows)


def _outlook() -> pd.DataFrame:
    rows = []
    methods = {"run_rate": {"roy": (1200, 620, 85), "fy": (1440, 744, 102)}, "combined": {}}
    methods["combined"] = {horizon: _CENTS[horizon, "FC"] for horizon in ("roy", "fy")}
    for method, horizons in methods.items():
        for horizon, figures in horizons.items():
            for measure, cents in _three(figures).items():
                plan = _three(_CENTS[horizon, "PL"])[measure]
                wide = 30 * K if method == "combined" and measure == "result" else None
                row = {"measure": measure, "method": method, "horizon": horizon, "cents": cents}
                row |= {"chosen": method == "combined", "plan_cents": plan, "variance_cents": cents - plan}
                row |= {"lo_cents": None if wide is None else cents - wide}
                row |= {"hi_cents": None if wide is None else cents + wide}
                rows.append(row | {"effect_cents": (cents - plan) * _SIGN[measure]})
    kinds = dict.fromkeys(["lo_cents", "hi_cents", "plan_cents", "variance_cents", "effect_cents"], "Int64")
    return pd.DataFrame(rows).astype(kinds)


def _accuracy() -> pd.DataFrame:
    rows = [
        ("revenue", "run_rate", 3, 0.124, 0.05, 0.25),
        ("revenue", "combined", 3, 0.035, -0.01, float("nan")),
        ("cost", "combined", 3, 0.041, 0.0, float("nan")),
    ]
    return pd.DataFrame(rows, columns=["measure", "method", "years", "wape", "bias", "weight"])


def _leaves(months: dict[str, tuple[float | None, ...]]) -> pd.DataFrame:
    rows = [
        (SITE, "Transport", "100", _ACCOUNT[line], line, kind, month, round(amount * K))
        for month, amounts in months.items()
        for (line, kind), amount in zip(_LINES.items(), amounts, strict=True)
        if amount is not None
    ]
    columns = ["site", "department", "cost_centre", "account", "pl_line", "type", "period", "cents"]
    return pd.DataFrame(rows, columns=columns)


def _forecast() -> pd.DataFrame:
    rows = _leaves({"2026-01": (110, 58, 12), "2026-02": (120, 58, 12)})
    cutoff = rows["period"].map({"2026-01": "2025-12", "2026-02": "2026-01"})
    return rows.assign(cutoff=cutoff, reconstructed=rows["period"] == "2026-01")


def _drivers() -> pd.DataFrame:
    rows = [
        ("sales", "product", "Parcels", "volume", 30, "sales"),
        ("sales", "product", "Parcels", "price", 8, "sales"),
        ("payroll", "cost_centre", "100", "rate", -8, "payroll"),
        ("payroll", "cost_centre", "100", "overtime", -6, "payroll"),
        ("flexible_budget", "account", "6100", "volume", -2, "drivers"),
        ("flexible_budget", "account", "6100", "spending", 9, "ledger"),
        ("materials", "input", "Diesel", "price", 4, "standard_costs"),
        ("materials", "input", "Diesel", "usage", 1, "standard_costs"),
    ]
    frame = pd.DataFrame(rows, columns=["analysis", "dimension", "item", "driver", "effect_cents", "table"])
    return frame.assign(effect_cents=frame["effect_cents"] * K, horizon="ytd", reference="PL")


def _bridges() -> pd.DataFrame:
    by_driver = [("volume", 26), ("price", 10), ("spending", 9), ("rate", -8), ("overtime", -6)]
    by_line = [("Freight", 40), ("Payroll", -14), ("Fuel", 7)]
    rows = []
    for by, steps, rest in (("driver", by_driver, 2), ("pl_line", by_line, None)):
        kinds = [("start", "PL", 66, 0), *(("driver", code, 0, effect) for code, effect in steps)]
        kinds += [("rest", "other_revenue", 0, rest)] if rest is not None else []
        kinds += [("end", "AC", 99, 0)]
        rows += [(by, step, *row) for step, row in enumerate(kinds)]
    frame = pd.DataFrame(rows, columns=["by", "step", "kind", "driver", "cents", "effect_cents"])
    cents = {column: frame[column] * K for column in ("cents", "effect_cents")}
    return frame.assign(horizon="ytd", reference="PL", **cents)


def _movement() -> pd.DataFrame:
    amounts = {"revenue": (110, 0, 130, 240), "cost": (67 - 1 + 1, 1, 73, 141), "result": (43, -1, 57, 99)}
    kinds = ("prior_ytd", "restatement", "new_months", "ytd")
    rows = [
        (measure, step, kind, "2026-02" if kind == "new_months" else "", cents * K)
        for measure, steps in amounts.items()
        for step, (kind, cents) in enumerate(zip(kinds, steps, strict=True))
    ]
    return pd.DataFrame(rows, columns=["measure", "step", "kind", "period", "cents"])


def _line(document: str, account: str, amount: int, text: str) -> dict[str, object]:
    return {
        "document": document,
        "line": "1",
        "posted_on": pd.Timestamp("2026-02-10"),
        "period": PERIOD,
        "cost_centre": "100",
        "account": account,
        "amount_cents": amount * K,
        "text": text,
    }


def _flags() -> pd.DataFrame:
    rows = [
        {"rule": "round_sum", **_line("D1", "4000", 30, "Big customer"), "why": "30,000.00 is round.", "others": 2},
        {"rule": "spike", **_line("D2", "6000", 5, "Bonus"), "why": "Far from its history.", "others": 0},
    ]
    return pd.DataFrame(rows)


def _largest() -> pd.DataFrame:
    rows = [
        {"item": "Freight", "item2": "revenue", "rank": 1, **_line("D1", "4000", 30, "Big customer")},
        {"item": "Freight", "item2": "revenue", "rank": 2, **_line("D4", "4000", 9, "")},
        {"item": "Payroll", "item2": "cost", "rank": 1, **_line("D2", "6000", 5, "Bonus")},
        {"item": "Fuel", "item2": "cost", "rank": 1, **_line("D3", "6100", -6, "Refund of duty")},
    ]
    return pd.DataFrame(rows).assign(dimension="pl_line")


def _crossed() -> pd.DataFrame:
    rows = [("100", "Freight", 25), ("200", "Freight", 15), ("100", "Payroll", -14), ("100", "Fuel", 7)]
    frame = pd.DataFrame(rows, columns=["cost_centre", "pl_line", "effect_cents"])
    return frame.assign(effect_cents=frame["effect_cents"] * K, type=frame["pl_line"].map(_LINES))

"""Small results with figures that can be checked by hand, for the tests of charts and tables.

The company has one site, North, and a fiscal year from January; the reporting month is 2026-02.

    thousand EUR        2025, each month    plan 2026, each month    Jan 2026    Feb 2026
    revenue, freight                  90                      100         110         130
    cost, payroll                     50                       55          60          64
    cost, fuel                        10                       12           8           9
    result                            30                       33          42          57

Year to date the result is 99, 33 above plan: freight +40, payroll -14, fuel +7. `explained` adds what stands behind it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.budget import BudgetVariance, budget_variance
from opsanalytics.demand import DemandForecast
from opsanalytics.periods import month_range
from opsanalytics.settings import Materiality, Settings
from opsanalytics.staffing import QueueDetail, StaffingForecast
from opsanalytics.staffing.cover.week import WeekCover
from opsanalytics.staffing.forecast.result import PAYROLL, RISK, SCENARIOS, SENSITIVITY, WORKFORCE, typed
from opsanalytics.staffing.standards import Standard

PERIOD = "2026-02"
SITE = "North"
THOUSAND = 1000_00
_NAMES = {"4000": "Freight", "6000": "Wages and salaries", "6100": "Fuel"}
_LAST_YEAR = {"4000": 90, "6000": 50, "6100": 10}
_PLAN = {"4000": 100, "6000": 55, "6100": 12}
_ACTUAL = {"2026-01": {"4000": 110, "6000": 60, "6100": 8}, "2026-02": {"4000": 130, "6000": 64, "6100": 9}}


@cache
def variance(
    *,
    name: str = "Freight",
    budget: bool = True,
    months: tuple[str, ...] = ("2026-01", "2026-02"),
    sign: int = 1,
) -> BudgetVariance:
    """The company's budget variance; another name, no budget, fewer months or all amounts negated on request."""
    named = {**_NAMES, "4000": name}
    accounts = pd.DataFrame(
        {
            "account": list(named),
            "name": list(named.values()),
            "type": ["revenue", "cost", "cost"],
            "pl_line": [named["4000"], "Payroll", named["6100"]],
            "behaviour": "variable",
        }
    )
    centre = {"cost_centre": ["100"], "valid_from": pd.to_datetime(["2020-01-01"]), "name": ["Yard"]}
    centres = pd.DataFrame({**centre, "department": ["Transport"], "site": [SITE]})
    last_year = dict.fromkeys(month_range("2025-01", "2025-12"), _LAST_YEAR)
    actuals = _lines({**last_year, **{month: _ACTUAL[month] for month in months}}, sign)
    tables = {"accounts": accounts, "cost_centres": centres}
    if budget:
        plan = _lines(dict.fromkeys(month_range("2026-01", "2026-12"), _PLAN), sign)
        tables["budget"] = plan.assign(version="original")
    settings = Settings(materiality=Materiality(1000_00, 0.05, "and"))
    return budget_variance(actuals, tables, settings, period=PERIOD, entity=SITE)


def _lines(months: Mapping[str, Mapping[str, int]], sign: int) -> pd.DataFrame:
    rows = [(m, "100", a, sign * k * THOUSAND) for m, line in months.items() for a, k in line.items()]
    return pd.DataFrame(rows, columns=["period", "cost_centre", "account", "amount_cents"])


def explained(variance: BudgetVariance, name: str = "Freight") -> BudgetVariance:
    """The same variance with its reasons: volume +25, price +15, rate -10 and +3 without one; January was first
    reported as 40, so 2 are restated; each open month brings 40, and the year ends at 499, between 450 and 560.

    Another name of freight is put in place of its own.
    """
    called = variance.variances.assign(
        **{column: variance.variances[column].replace("Freight", name) for column in ("item", "name")}
    )
    lines = [(name, "revenue", 240, 200, 40), ("Payroll", "cost", 124, 110, -14), ("Fuel", "cost", 17, 24, 7)]
    drivers = [("volume", 25), ("price", 15), ("rate", -10), ("other_payroll", 3)]
    steps = [
        *_steps(
            "driver", [(code, "rest" if code == "other_payroll" else "driver", effect) for code, effect in drivers]
        ),
        *_steps("pl_line", [(line, "driver", effect) for line, _, _, _, effect in lines]),
    ]
    columns = ["by", "horizon", "reference", "step", "kind", "driver", "cents", "effect_cents"]
    crossed = [("100", *line) for line in lines]
    movement = [("prior_ytd", "", 40), ("restatement", "", 2), ("new_months", "2026-02", 57), ("ytd", "", 99)]
    rest = [
        (kind, month, k) for month in month_range("2026-03", "2026-12") for kind, k in (("revenue", 100), ("cost", 60))
    ]
    ends = [
        ("result", "last_year_rest", 399, False),
        ("result", "run_rate", 594, False),
        ("result", "combined", 499, True),
    ]
    outlook = pd.DataFrame(ends, columns=["measure", "method", "cents", "chosen"]).assign(horizon="fy")
    known = outlook["chosen"]
    outlook = outlook.assign(
        cents=outlook["cents"] * THOUSAND,
        lo_cents=pd.array([450 * THOUSAND if k else None for k in known], dtype="Int64"),
        hi_cents=pd.array([560 * THOUSAND if k else None for k in known], dtype="Int64"),
        plan_cents=pd.array([396 * THOUSAND] * 3, dtype="Int64"),
    )
    change = outlook["cents"].astype("Int64") - outlook["plan_cents"]
    frames: dict[str, Any] = {
        "variances": called,
        "bridges": _thousands(pd.DataFrame(steps, columns=columns)),
        "crossed": _thousands(
            pd.DataFrame(crossed, columns=_CROSSED).assign(variance_cents=lambda f: f.iloc[:, 3] - f.iloc[:, 4])
        ),
        "movement": _thousands(
            pd.DataFrame([("result", k, *row) for k, row in enumerate(movement)], columns=_MOVEMENT)
        ),
        "outlook_lines": _thousands(pd.DataFrame(rest, columns=["type", "period", "cents"])),
        "outlook": outlook.assign(variance_cents=change, effect_cents=change),
    }
    return dataclasses.replace(variance, **frames)


_CROSSED = ["cost_centre", "pl_line", "type", "actual_cents", "reference_cents", "effect_cents"]
_MOVEMENT = ["measure", "step", "kind", "period", "cents"]


def _steps(by: str, changes: list[tuple[str, str, int]]) -> list[tuple[object, ...]]:
    """A bridge of the year to date from the plan's 66 to the actual 99."""
    key = (by, "ytd", "PL")
    middle = [(*key, k, kind, code, 0, effect) for k, (code, kind, effect) in enumerate(changes, start=1)]
    return [(*key, 0, "start", "PL", 66, 0), *middle, (*key, len(changes) + 1, "end", "AC", 99, 0)]


def _thousands(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{c: frame[c] * THOUSAND for c in frame.columns if c.endswith("cents")})


def demand(service: str = "parcels") -> DemandForecast:
    """Two services: 100 parcels each day of January and February, 110 a day ahead; calls by half-hour and day.

    Calls: 20 half-hours a day of 5 each, so 100 a day, in February (in progress: one day is missing); ahead 20 of 6
    in March, and by day to the end of April.
    """
    days, ahead = pd.date_range("2026-01-01", "2026-02-28"), pd.date_range("2026-03-01", "2026-04-30")
    parcels = {"site": SITE, "service": service, "unit": "parcels", "freq": "D"}
    calls = {"site": SITE, "service": "calls", "unit": "calls", "freq": "30min"}
    halves, halves_ahead = _half_hours("2026-02-01", "2026-02-27"), _half_hours("2026-03-01", "2026-03-31")
    history = [
        pd.DataFrame({**parcels, "ds": days, "y": 100.0}),
        pd.DataFrame({**calls, "ds": halves, "y": 5.0}),
        pd.DataFrame({**calls, "freq": "D", "ds": pd.date_range("2026-02-01", "2026-02-27"), "y": 100.0}),
    ]
    forecasts = [
        _bands(pd.DataFrame({**parcels, "ds": ahead, "yhat": 110.0})),
        _bands(pd.DataFrame({**calls, "ds": halves_ahead, "yhat": 6.0})),
        _bands(pd.DataFrame({**calls, "freq": "D", "ds": ahead, "yhat": 120.0})),
    ]
    months = [
        (service, "parcels", "2025-03", "AC", 2900.0, True),
        (service, "parcels", "2026-01", "AC", 3100.0, True),
        (service, "parcels", "2026-02", "AC", 2800.0, True),
        (service, "parcels", "2026-02", "FC", 2750.0, True),
        (service, "parcels", "2026-03", "FC", 3410.0, True),
        (service, "parcels", "2026-04", "FC", 3300.0, True),
        ("calls", "calls", "2026-02", "AC", 2700.0, False),
        ("calls", "calls", "2026-03", "FC", 3720.0, True),
        ("calls", "calls", "2026-04", "FC", 3600.0, True),
    ]
    monthly = pd.DataFrame(months, columns=["service", "unit", "period", "scenario", "volume", "complete"])
    monthly = monthly.assign(site=SITE, reconstructed=monthly["scenario"] == "FC")
    scores = [
        (service, "D", "prophet", 0.062, 0.8),
        (service, "D", "seasonal naive", 0.104, 1.0),
        ("calls", "30min", "prophet", 0.151, 0.9),
        ("calls", "30min", "seasonal naive", 0.148, 1.0),
    ]
    accuracy = pd.DataFrame(scores, columns=["service", "freq", "model", "wape", "mase"])
    accuracy = accuracy.assign(site=SITE, smape=0.1, bias=-0.01, coverage80=0.79, windows=3)
    test = pd.DataFrame(columns=["site", "service", "freq", "model", "cutoff", "ds", "y", "yhat", "lo80", "hi80"])
    return DemandForecast(
        period=PERIOD,
        entity=SITE,
        history=pd.concat(history, ignore_index=True),
        forecasts=pd.concat(forecasts, ignore_index=True),
        backtest=test,
        accuracy=accuracy,
        monthly=monthly,
        notes=("calls at North: 2026-02 is in progress.",),
    )


def _half_hours(first: str, last: str) -> pd.DatetimeIndex:
    """Twenty half-hours from 08:00 to 18:00 on each day."""
    days = pd.date_range(first, last)
    return pd.DatetimeIndex([day + pd.Timedelta(minutes=480 + 30 * k) for day in days for k in range(20)])


def _bands(frame: pd.DataFrame) -> pd.DataFrame:
    bands = {f"{side}{level}": frame["yhat"] * (1 + sign * level / 1000)
             for level in (60, 80, 90, 95) for side, sign in (("lo", -1), ("hi", 1))}  # fmt: skip
    fixed = {"cutoff": pd.Timestamp("2026-02-28"), "model": "prophet", "reconstructed": False}
    return frame.assign(**bands, **fixed)


def staffing(*, roster: bool = True, wage: bool = True) -> StaffingForecast:
    """Calls, four half-hours of 2 March and one of the 3rd: required 2, 3, 3, 2, 1, one more scheduled, a gap of 2."""
    starts = [*pd.date_range("2026-03-02 08:00", periods=4, freq="30min"), pd.Timestamp("2026-03-03 08:00")]
    required = np.array([2, 3, 3, 2, 1])
    rostered = np.array([3.0, 4.0, 2.0, 3.0, 5.0]) if roster else np.full(5, np.nan)
    rows = {"site": SITE, "service": "calls", "ds": starts, "freq": "30min", "scenario": "base"}
    median = pd.DataFrame({**rows, "quantile": 0.5, "volume": 6.0, "required": required, "scheduled": required + 1})
    median = median.assign(rostered=rostered, hours=(required + 1) / 2, cost_cents=(required + 1) * 1000)
    plan = pd.concat([median, median.assign(quantile=0.95, required=9, scheduled=12)], ignore_index=True)
    plan["cost_cents"] = plan["cost_cents"].astype("Int64") if wage else pd.array([None] * len(plan), dtype="Int64")
    monthly = pd.DataFrame(
        {
            "site": SITE,
            "service": ["calls", "calls", "parcels"],
            "period": ["2026-03", "2026-04", "2026-03"],
            "required_hours": [8.0, 1600.0, 3200.0],
            "required_fte": [0.5, 10.0, 20.0],
            "staff_cost_cents": pd.array([16_000, 40_000_00, 75_000_00], dtype="Int64"),
        }
    )
    if not wage:
        monthly["staff_cost_cents"] = pd.array([None] * len(monthly), dtype="Int64")
    held = median[median["rostered"].notna()]
    gaps = held[["site", "service", "ds", "required", "scheduled", "rostered"]]
    gaps = gaps.assign(gap=gaps["rostered"] - gaps["scheduled"])
    return StaffingForecast(
        period=PERIOD, entity=SITE, currency="EUR", minor_digits=2, plan=plan, monthly=monthly, gaps=gaps, notes=()
    )


def staffing_ahead(service: str = "calls") -> StaffingForecast:
    """The same staffing with its months to come, March to May 2026, in thousand EUR.

    Calls require 10, 12, 11 people. Without action there are 10, 9, 9, so that 0, 3, 2 are short, and 112 are paid.
    Overtime (10) and temporary staff (16) cover that for 138. Least cost asks for 2 hires in March (2), who join in
    May: 10, 9, 11.5 people, and overtime (6) and temporary staff (10) in April, 136 in all. Staffed to P50 the promise
    is missed in half of the months, to P95 in none. Payroll: 115 and 120 against budgets of 110 and 130. Calls and
    parcels together cost 1,380; with a tenth more volume 1,520.
    """
    levels = [(0.5, 1600, 40, 0.78, 0.70, 0.35, 0.5), (0.8, 1760, 44, 0.88, 0.82, 0.15, 0.1)]
    levels.append((0.95, 1920, 48, 0.95, 0.91, 0.04, 0.0))
    scenarios = [("base", 480, 900), ("volume +10 %", 530, 990), ("wage -1 %", 475, 891)]
    drivers = [("volume", 0.1, 1240, 1520), ("service_level", 0.05, 1370, 1395), ("shrinkage", 0.02, 1350, 1411)]
    frames: dict[str, Any] = {
        "risk": _filled([(SITE, service, *level) for level in levels], RISK),
        "workforce": _filled([row for name in _PLANS for row in _plan(service, name)], WORKFORCE),
        "payroll": _filled([("2026-03", 115, 110, 5), ("2026-04", 120, 130, -10)], PAYROLL),
        "scenarios": _filled(
            [
                (SITE, who, scenario, cents * 40, cents / 48, cents)
                for scenario, *costs in scenarios
                for who, cents in zip((service, "parcels"), costs, strict=True)
            ],
            SCENARIOS,
        ),
        "sensitivity": _filled([(who, -by, by, low, 1380, high) for who, by, low, high in drivers], SENSITIVITY),
    }
    named = {name: getattr(staffing(), name).replace({"service": {"calls": service}}) for name in ("plan", "gaps")}
    return dataclasses.replace(staffing(), **frames, **named)


# Effective people, joiners, hires, and the cost of staff, overtime, temporary staff and hiring, from March to May.
_PLANS: dict[str, tuple[tuple[float, ...], ...]] = {
    "no action": ((10, 0, 0, 40, 0, 0, 0), (9, 0, 0, 36, 0, 0, 0), (9, 0, 0, 36, 0, 0, 0)),
    "overtime and temporary staff": ((10, 0, 0, 40, 0, 0, 0), (9, 0, 0, 36, 6, 10, 0), (9, 0, 0, 36, 4, 6, 0)),
    "least cost": ((10, 0, 2, 40, 0, 0, 2), (9, 0, 0, 36, 6, 10, 0), (11.5, 2, 0, 42, 0, 0, 0)),
}


def _plan(service: str, alternative: str) -> list[tuple[object, ...]]:
    """The months of one alternative; an hour of overtime costs 50 EUR, one of temporary staff 40."""
    months = zip(("2026-03", "2026-04", "2026-05"), (10, 12, 11), (0, 1, 0), _PLANS[alternative], strict=True)
    return [
        (
            *(SITE, service, alternative, month, need, able, able, left, joined, asked, able - need),
            *(overtime * 20, temporary * 25, staff, overtime, temporary, hiring),
        )
        for month, need, left, (able, joined, asked, staff, overtime, temporary, hiring) in months
    ]


def _filled(rows: list[Any], columns: list[str]) -> pd.DataFrame:
    return typed(_thousands(pd.DataFrame(rows, columns=columns)))


def queue_detail(
    *,
    service: str = "calls",
    curve: pd.DataFrame | None = None,
    agents: int = 9,
    target: float = 0.8,
    target_s: float = 20.0,
    volume: float = 45.0,
    covered: pd.DataFrame | None = None,
    shifts: pd.DataFrame | None = None,
) -> QueueDetail:
    """A queue looked at closely on 2 March at 10 o'clock, with the curve, the cover and the shifts given."""
    nothing = float("nan")
    standard = Standard(
        SITE, service, None, "erlang_c", 180.0, target, target_s, *[nothing] * 5, 160.0, Decimal("0.2"), Decimal(20)
    )
    frames = [pd.DataFrame() if frame is None else frame for frame in (shifts, covered)]
    week = WeekCover(*frames, 0.0, 0.0, 0.0, 0.0, 0.0, nothing)
    start, monday = pd.Timestamp("2026-03-02 10:00"), pd.Timestamp("2026-03-02")
    held = pd.DataFrame() if curve is None else curve
    return QueueDetail(SITE, service, standard, start, volume, agents, held, monday, week)


def without(result: DemandForecast, service: str) -> DemandForecast:
    """The same demand without one service."""
    frames = {
        field.name: frame[frame["service"] != service]
        for field in dataclasses.fields(result)
        if isinstance(frame := getattr(result, field.name), pd.DataFrame)
    }
    return dataclasses.replace(result, **frames)

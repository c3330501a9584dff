"""Explanation: why the result is off, by driver, over sets of ledger accounts that do not overlap.

Every account of the result belongs to one part: revenue, payroll (accounts that `staffing` drives), other variable
cost, fixed cost. Each part is explained by the table that knows its units, month by month; what the table does not
explain stays visible as the part's own step, so that plan plus all steps is the actual result to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from opsanalytics.budget.drivers import causes
from opsanalytics.budget.drivers.causes import REST, Part
from opsanalytics.formats import ALL, MISSING_MONTHS, OTHERS
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings

#: The drivers in the order in which they stand in a bridge; what no driver explains comes last.
ORDER = (
    *("volume", "mix", "price", "new", "discontinued"),
    *("headcount", "hiring_delay", "grade_mix", "rate", "overtime"),
    *("spending", "currency", "one_off"),
    *(REST["revenue"], REST["payroll"], REST["variable"], MISSING_MONTHS),
)
_NOT_EXPLAINED = (*REST.values(), MISSING_MONTHS)
HORIZONS = ("month", "ytd")
MOST_LINES = 8
DRIVERS = ["horizon", "reference", "analysis", "dimension", "item", "driver", "effect_cents", "table"]
BRIDGES = ["by", "horizon", "reference", "step", "kind", "driver", "cents", "effect_cents"]
#: Rows of a bridge: by, horizon, reference, step, kind, driver, cents, effect_cents.
Bridge = list[tuple[str, str, str, int, str, str, int, int]]
_NONE: Mapping[str, pd.DataFrame] = MappingProxyType({})


@dataclass(frozen=True)
class Explanation:
    """Why the result is off.

    drivers: horizon {month, ytd}, reference "PL", analysis, dimension, item, driver, effect_cents, table. Analyses may
    see the same cents (standard costs look inside accounts of the flexible budget), so they are not added to one
    another. bridges: by {driver, pl_line}, horizon, reference {PL, PY}, step (from 0), kind {start, driver, rest, end},
    driver, cents (level, 0 for drivers), effect_cents (0 for levels). Start plus effects is the end, exactly. Kind
    "rest" is what no driver explains, or the lines beyond the largest. notes: sentences on what could not be
    explained, and why.
    """

    drivers: pd.DataFrame
    bridges: pd.DataFrame
    notes: tuple[str, ...]


def explain(
    actual: pd.DataFrame,
    plan: pd.DataFrame,
    prior_year: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    period: str,
    entity: str = ALL,
    missing: Mapping[str, pd.DataFrame] = _NONE,
) -> Explanation:
    """Why is the result of `entity` off plan and off last year, in the month and to date?

    `actual`, `plan`, `prior_year` (at the months it is compared with): leaves of the entity: site, department,
    cost_centre, account, pl_line, type, period, amount_cents (int64, natural sign); `actual` perhaps also
    one_off_cents, the part of the amount that is marked one-off, and currency_cents, the part of the other lines that
    is due to exchange rates. `tables`: accounts, and sales, drivers, payroll and standard_costs where there are any.
    `missing`: [site, period] that AC and PY lack; what both sides make of such cells is a step of its own. A reference
    without rows has no bridge. Returns drivers, bridges and notes, see `Explanation`; money in minor units.

    Parts of the bridge by driver, disjoint by account: revenue (volume, mix, price by Shapley, new and discontinued
    products, from sales; else other_revenue); payroll (headcount, hiring delay, grade mix, rate, overtime; else
    other_payroll); other variable cost (volume by the flexible budget, spending; where units lack, other_cost); fixed
    cost (spending). Currency and one-off lines are taken out of each part first, as steps of their own; those of
    revenue out of price too, in which they were booked. Formulas and sources: `price_volume_mix`, `payroll_variances`,
    `flexible_budget`, `bridge`, `standard_cost_variances`.
    Raises ArithmeticError where a bridge does not foot, ValueError where a table lacks a number that it needs.
    """
    calendar = settings.calendar
    months = calendar.months(period, "ytd")
    came = actual[actual["period"].isin(months)]
    bridges: list[Bridge] = []
    parts: list[Part] = []
    for reference, side in (("PL", plan), ("PY", prior_year)):
        against = side[side["period"].isin(months)]
        gaps = _gaps(missing, ("AC", reference))
        sums = _sums(came, against, gaps)
        stands = {
            horizon: calendar.months(period, horizon)
            for horizon in HORIZONS
            if _stands(actual, calendar.months(period, horizon))
            and _stands(side, calendar.year_months(period) if reference == "PL" else calendar.months(period, horizon))
        }
        bridges += [_by_pl_line(sums, cut, horizon, reference) for horizon, cut in stands.items()]
        if reference == "PL" and stands:
            kept = [_without(frame, gaps) for frame in (came, against)]
            parts = _parts(kept[0], kept[1], tables, settings, months, entity, gaps)
            steps = pd.concat([part.steps for part in parts])
            bridges += [_by_driver(steps, sums, cut, horizon, reference) for horizon, cut in stands.items()]
    return Explanation(
        drivers=_drivers(parts, calendar, period),
        bridges=_in_order(bridges),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _stands(side: pd.DataFrame, months: Sequence[str]) -> bool:
    return bool(side["period"].isin(months).any())


def _gaps(missing: Mapping[str, pd.DataFrame], scenarios: Sequence[str]) -> pd.MultiIndex:
    """Return the cells (site, period) that one of the scenarios lacks."""
    cells = [missing[scenario][["site", "period"]] for scenario in scenarios if scenario in missing]
    every = pd.concat(cells) if cells else pd.DataFrame(columns=["site", "period"], dtype="str")
    return pd.MultiIndex.from_frame(every)


def _in_gaps(frame: pd.DataFrame, gaps: pd.MultiIndex) -> pd.Series:
    lost = pd.MultiIndex.from_frame(frame[["site", "period"]]).isin(gaps) if len(gaps) else False
    return pd.Series(lost, frame.index, dtype="bool")


def _without(frame: pd.DataFrame, gaps: pd.MultiIndex) -> pd.DataFrame:
    return frame[~_in_gaps(frame, gaps)] if len(gaps) else frame


def _sums(actual: pd.DataFrame, reference: pd.DataFrame, gaps: pd.MultiIndex) -> pd.DataFrame:
    """Return what each P&L line makes of the result on both sides: period, pl_line, lost, start_cents, end_cents.

    `lost` marks the cells that one side lacks.
    """
    sides = []
    for frame, column in ((reference, "start_cents"), (actual, "end_cents")):
        amounts = frame["amount_cents"]
        effect = amounts.where(frame["type"] == "revenue", 0) - amounts.where(frame["type"] == "cost", 0)
        sides.append(frame[["period", "pl_line"]].assign(lost=_in_gaps(frame, gaps), **{column: effect}))
    both = pd.concat(sides).fillna({"start_cents": 0, "end_cents": 0})
    return both.groupby(["period", "pl_line", "lost"], observed=True)[["start_cents", "end_cents"]].sum().reset_index()


def _parts(
    actual: pd.DataFrame,
    plan: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    months: Sequence[str],
    entity: str,
    gaps: pd.MultiIndex,
) -> list[Part]:
    lines = causes.lines(actual, plan, tables["accounts"])
    digits = settings.minor_digits
    booked = lines.loc[lines["part"] == "revenue", ["site", "period"]].drop_duplicates()
    sold = causes.sold(tables.get("sales"), months, booked, entity, gaps)
    return [
        causes.revenue(lines, sold, digits),
        causes.payroll(lines, tables.get("payroll"), digits),
        causes.variable_cost(lines, tables.get("drivers")),
        causes.fixed_cost(lines),
        causes.taken_out(lines, "currency_cents", "currency", "currency", "fx_rates"),
        causes.taken_out(lines, "one_off_cents", "one_off", "flexible_budget", "ledger"),
        causes.standard_costs(lines, tables.get("standard_costs"), digits),
    ]


def _by_driver(steps: pd.DataFrame, sums: pd.DataFrame, months: Sequence[str], horizon: str, reference: str) -> Bridge:
    own, cut = sums[sums["period"].isin(months)], steps[steps["period"].isin(months)]
    effects: dict[str, int] = dict.fromkeys(ORDER, 0)
    for driver, cents in zip(cut["driver"], cut["effect_cents"], strict=True):
        effects[driver] += int(cents)
    effects[MISSING_MONTHS] = _lost(own)
    rows = [("rest" if name in _NOT_EXPLAINED else "driver", name, cents) for name, cents in effects.items() if cents]
    return _bridge("driver", horizon, reference, own, rows)


def _by_pl_line(sums: pd.DataFrame, months: Sequence[str], horizon: str, reference: str) -> Bridge:
    """Make every P&L line a step, the largest effect first; those beyond the largest are one, "(others)"."""
    own = sums[sums["period"].isin(months)]
    kept = own[~own["lost"]]
    lines: dict[str, int] = {}
    for name, start, end in zip(kept["pl_line"], kept["start_cents"], kept["end_cents"], strict=True):
        lines[str(name)] = lines.get(str(name), 0) + int(end) - int(start)
    ranked = sorted(
        ((name, cents) for name, cents in lines.items() if cents), key=lambda line: (-abs(line[1]), line[0])
    )
    rows = [("driver", name, cents) for name, cents in ranked[:MOST_LINES]]
    if len(ranked) > MOST_LINES:
        rows.append(("rest", OTHERS, sum(cents for _, cents in ranked[MOST_LINES:])))
    if lost := _lost(own):
        rows.append(("rest", MISSING_MONTHS, lost))
    return _bridge("pl_line", horizon, reference, own, rows)


def _lost(sums: pd.DataFrame) -> int:
    lost = sums[sums["lost"]]
    return int(lost["end_cents"].sum() - lost["start_cents"].sum())


def _bridge(
    by: str, horizon: str, reference: str, sums: pd.DataFrame, effects: Sequence[tuple[str, str, int]]
) -> Bridge:
    """Return a bridge's rows; ArithmeticError where its steps do not lead from its start to its end."""
    start, end = int(sums["start_cents"].sum()), int(sums["end_cents"].sum())
    left = end - start - sum(cents for *_, cents in effects)
    if left:
        raise ArithmeticError(f"The bridge by {by}, {horizon}, from {reference} misses AC by {left} minor units.")
    levels = [
        ("start", reference, start, 0),
        *((kind, name, 0, cents) for kind, name, cents in effects),
        ("end", "AC", end, 0),
    ]
    return [(by, horizon, reference, step, *level) for step, level in enumerate(levels)]


def _in_order(bridges: Sequence[Bridge]) -> pd.DataFrame:
    types = dict.fromkeys(BRIDGES, "str") | dict.fromkeys(("step", "cents", "effect_cents"), "int64")
    rows = sorted(row for rows in bridges for row in rows)
    return pd.DataFrame(rows, columns=BRIDGES).astype(types)


def _drivers(parts: Sequence[Part], calendar: Calendar, period: str) -> pd.DataFrame:
    """Add the drivers of the months up for each horizon; what has no effect is left out."""
    types = dict.fromkeys(DRIVERS, "str") | {"effect_cents": "int64"}
    found = [part.drivers for part in parts if len(part.drivers)]
    if not found:
        return pd.DataFrame(columns=DRIVERS).astype(types)
    every = pd.concat(found)
    effects = {
        horizon: every["effect_cents"].where(every["period"].isin(calendar.months(period, horizon)), 0)
        for horizon in HORIZONS
    }
    keys = ["analysis", "dimension", "item", "driver", "table"]
    sums = every[keys].assign(**effects).groupby(keys, observed=True)[list(HORIZONS)].sum().reset_index()
    pieces = [
        sums[keys].assign(horizon=horizon, reference="PL", effect_cents=sums[horizon])[sums[horizon] != 0]
        for horizon in HORIZONS
    ]
    return pd.concat(pieces, ignore_index=True)[DRIVERS].astype(types)

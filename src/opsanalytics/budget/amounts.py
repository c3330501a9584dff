"""Amounts: leaves added up by horizon and dimension, and compared.

Totals and lines come from the same leaves, so they agree to the cent. A leaf is looked up once and is a number from
then on; one pass over these numbers serves every horizon, scenario and reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.comparison import COMPLETE, EFFECT_SIGN, INCOMPLETE, SUMS, judged, part_of_weeks
from opsanalytics.budget.leaves import LEAF
from opsanalytics.formats import TOTAL
from opsanalytics.periods import HORIZONS, Calendar, prior_year
from opsanalytics.settings import Materiality

DIMENSIONS = (TOTAL, "pl_line", "department", "cost_centre", "account")
SCENARIOS = ("PY", "PL", "FC", "AC")
REFERENCES = ("PY", "PL", "FC")
MEASURES = ("revenue", "cost", "result")
ACTUAL_HORIZONS = ("month", "qtd", "ytd")
KEYS = ["measure", "dimension", "item", "dimension2", "item2"]
_COUNTED = ("revenue", "cost")
_COMPARED = [
    *("actual_cents", "reference_cents", "variance_cents", "effect_cents", "share"),
    *("material", "found_in", "status", "like_for_like_cents"),
]


@dataclass(frozen=True)
class Book:
    """The sides of an entity as numbers: `leaves` (LEAF, one row each, sorted), and by scenario [period, leaf, cents].

    `leaf` is the row number in `leaves`. FC is in two parts: "FC" the forecast of past months, which stands for the
    months `forecast`, and "open" the outlook of the open months, where there is an `outlook`: both company wide, so
    that entities add up.
    """

    leaves: pd.DataFrame
    sides: Mapping[str, pd.DataFrame]
    calendar: Calendar
    period: str
    forecast: frozenset[str]
    outlook: bool

    def of(self, scenario: str, horizon: str) -> pd.DataFrame | None:
        """Return [period, leaf, cents] of a scenario over a horizon, or None where it does not stand.

        AC and PY stand where they have any row, the budget where its fiscal year has one, a forecast where each month
        of the horizon has one.
        """
        months = self.calendar.months(self.period, horizon)
        if not months:
            return None
        if scenario == "FC" and horizon not in ACTUAL_HORIZONS:
            return self._outlook(horizon)
        if scenario == "AC" and horizon not in ACTUAL_HORIZONS:
            return None
        if scenario == "FC" and not self.forecast.issuperset(months):
            return None
        side = self.sides[scenario]
        within = side["period"].isin(months)
        year = self.calendar.year_months(self.period)
        stands = side["period"].isin(year).any() if scenario == "PL" else within.any()
        return side[within] if stands else None

    def _outlook(self, horizon: str) -> pd.DataFrame | None:
        """Return the rest of the year, or the year: its actuals to date and all open months."""
        actual = self.sides["AC"]
        actual = actual[actual["period"].isin(self.calendar.months(self.period, "ytd"))]
        counted = self.leaves["type"].isin(_COUNTED).to_numpy()  # what the outlook knows; of the others nothing is open
        actual, ahead = (side[counted[side["leaf"]]] for side in (actual, self.sides["open"]))
        if not self.outlook or (actual.empty and ahead.empty):
            return None
        return ahead[ahead["period"] > self.period] if horizon == "roy" else pd.concat([actual, ahead])


def book(
    sides: Mapping[str, pd.DataFrame], *, calendar: Calendar, period: str, forecast: frozenset[str], outlook: bool
) -> Book:
    """Number the leaves of all sides (LEAF + period + cents) and add each side up by month and leaf."""
    stacked = pd.concat([side[LEAF] for side in sides.values()], ignore_index=True)
    codes = np.zeros(len(stacked), dtype=np.int64)
    for column in LEAF:
        code, known = pd.factorize(stacked[column], sort=True)
        codes = np.unique(codes * max(len(known), 1) + code, return_inverse=True)[1]
    leaves = stacked.iloc[np.unique(codes, return_index=True)[1]].reset_index(drop=True)
    numbered, start = {}, 0
    for scenario, side in sides.items():
        numbered[scenario] = _numbered(side, codes[start : start + len(side)], len(leaves))
        start += len(side)
    return Book(leaves, numbered, calendar, period, forecast, outlook)


def _numbered(side: pd.DataFrame, leaf: npt.NDArray[np.int64], leaves: int) -> pd.DataFrame:
    """Add a side up by month and leaf."""
    month, months = pd.factorize(side["period"].astype("str"), sort=True)
    held, sums = added(month * max(leaves, 1) + leaf, side[["cents"]].to_numpy(dtype=np.int64))
    if not len(held):
        return pd.DataFrame({"period": pd.Series(dtype="str"), "leaf": held, "cents": sums[:, 0]})
    periods = pd.Series(months.to_numpy()[held // leaves], dtype="str")
    return pd.DataFrame({"period": periods, "leaf": held % leaves, "cents": sums[:, 0]})


def added(keys: npt.NDArray[np.int64], amounts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Any]:
    """Add the rows of `amounts` (n by k) up for each key, exactly: the keys held, sorted, and their sums."""
    order = np.argsort(keys, kind="stable")
    held, starts = np.unique(keys[order], return_index=True)
    return held, np.add.reduceat(amounts[order], starts, axis=0) if len(held) else amounts[:0]


def by_dimension(cells: pd.DataFrame, leaves: pd.DataFrame, views: int, sums: list[str]) -> pd.DataFrame:
    """Add `sums` of `cells` ([view, leaf, *sums]) up by dimension for each of the views 0, 1, ...

    Returns [view, measure, dimension, item, dimension2, item2, type, *sums]; each view has its three totals, also where
    it has no leaves.
    """
    view, leaf = cells["view"].to_numpy(), cells["leaf"].to_numpy()
    money = cells[sums].to_numpy()
    kind, kinds = pd.factorize(leaves["type"])
    pieces = [_totals(view, leaves["type"].to_numpy()[leaf], money, views, sums)]
    for dimension in DIMENSIONS[1:]:
        item, items = pd.factorize(leaves[dimension])
        size = len(items) * len(kinds)
        held, found = added(view * size + (item * len(kinds) + kind)[leaf], money)
        types = kinds.to_numpy()[held % len(kinds)]
        keys = {
            "view": held // size,
            "measure": "amount",
            "dimension": dimension,
            "item": items.to_numpy()[held % size // len(kinds)],
            "dimension2": "type",
            "item2": types,
            "type": types,
        }
        pieces.append(pd.DataFrame({**keys, **dict(zip(sums, found.T, strict=True))}))
    return pd.concat(pieces, ignore_index=True)


def _totals(
    view: npt.NDArray[np.int64],
    kinds: npt.NDArray[Any],
    money: npt.NDArray[np.int64],
    views: int,
    sums: list[str],
) -> pd.DataFrame:
    """Return revenue, cost and result of each view; the result's rows are those of both."""
    both = np.zeros((2, views, len(sums)), dtype=np.int64)
    for part, kind in zip(both, _COUNTED, strict=True):
        held, found = added(view[kinds == kind], money[kinds == kind])
        part[held] = found
    sign = np.array([-1 if c.endswith("cents") else 1 for c in sums])
    stacked = np.concatenate([*both, both[0] + sign * both[1]])
    measure = np.repeat(MEASURES, views)
    keys = {
        "view": np.tile(np.arange(views), len(MEASURES)),
        "measure": measure,
        "dimension": TOTAL,
        "item": TOTAL,
        "dimension2": "",
        "item2": "",
        "type": measure,
    }
    return pd.DataFrame({**keys, **dict(zip(sums, stacked.T, strict=True))})


def amounts(found: Book) -> pd.DataFrame:
    """Return every scenario at every horizon where it stands, by dimension: [*KEYS, horizon, scenario, cents]."""
    views: list[tuple[str, ...]] = []
    pieces = []
    for horizon in HORIZONS:
        for scenario in SCENARIOS:
            rows = found.of(scenario, horizon)
            if rows is not None:
                pieces.append(rows[["leaf", "cents"]].assign(view=len(views)))
                views.append((horizon, scenario))
    columns = [*KEYS, "horizon", "scenario", "cents"]
    if not pieces:
        return in_order(pd.DataFrame(columns=columns))
    sums = by_dimension(pd.concat(pieces), found.leaves, len(views), ["cents"])
    return in_order(_viewed(sums, views, ["horizon", "scenario"])[columns])


def variances(
    found: Book, lacking: Mapping[str, pd.DataFrame], names: pd.DataFrame, materiality: Materiality
) -> pd.DataFrame:
    """Compare AC with PY, PL and FC at month, qtd and ytd, by dimension: [*KEYS, name, horizon, reference, ...].

    `lacking` ([site, period] for AC and for PY) names months that a side lacks: a horizon that touches one is
    INCOMPLETE, and like_for_like leaves them out on both sides.
    """
    views: list[tuple[str, ...]] = []
    pieces = []
    for horizon in ACTUAL_HORIZONS:
        months = found.calendar.months(found.period, horizon)
        actual = found.of("AC", horizon)
        for reference in REFERENCES:
            other = found.of(reference, horizon)
            if actual is None or other is None:
                continue
            cells = pd.concat([lacking["AC"], lacking["PY"]]) if reference == "PY" else lacking["AC"]
            cells = cells[cells["period"].isin(months)]
            pieces.append(_pairs(found, actual, other, reference, cells).assign(view=len(views)))
            views.append((horizon, reference, COMPLETE if cells.empty else INCOMPLETE))
    columns = [*KEYS, "name", "horizon", "reference", *_COMPARED]
    if not pieces:
        return in_order(pd.DataFrame(columns=columns))
    sums = by_dimension(pd.concat(pieces), found.leaves, len(views), SUMS)
    compared = _viewed(judged(sums, materiality), views, ["horizon", "reference", "status"])
    return in_order(_named(compared, names)[columns])


def _pairs(found: Book, actual: pd.DataFrame, other: pd.DataFrame, reference: str, lost: pd.DataFrame) -> pd.DataFrame:
    """Stack both sides of one comparison: [leaf, *SUMS]."""
    kinds = found.leaves["type"].to_numpy()
    if reference == "FC":  # what is never forecast, statistical accounts, is not compared with a forecast of zero
        actual = actual[np.isin(kinds[actual["leaf"]], [*_COUNTED, *np.unique(kinds[other["leaf"]])])]
    like = _comparable(found, actual, lost)
    if reference == "PY":
        like = _without_week_53(found, actual, like)
    here, there = len(actual), len(other)
    money = {
        "leaf": np.concatenate([actual["leaf"], other["leaf"]]),
        "actual_cents": np.concatenate([actual["cents"], np.zeros(there, np.int64)]),
        "reference_cents": np.concatenate([np.zeros(here, np.int64), other["cents"]]),
        "like_for_like_cents": np.concatenate([like, -_comparable(found, other, lost)]),
    }
    ours = np.arange(here + there) < here
    return pd.DataFrame({**money, "actual_rows": ours.astype(np.int64), "reference_rows": (~ours).astype(np.int64)})


def _comparable(found: Book, rows: pd.DataFrame, lost: pd.DataFrame) -> np.ndarray:
    """Return the cents of `rows`, zero where a site's month is lost."""
    return np.where(_lost(found, rows, lost), 0, rows["cents"].to_numpy())


def _lost(found: Book, rows: pd.DataFrame, lost: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which of `rows` are in a month that `lost` ([site, period]) says their site lacks?"""
    if lost.empty:
        return np.zeros(len(rows), dtype=bool)
    sites = found.leaves["site"].to_numpy()[rows["leaf"]]
    place = pd.MultiIndex.from_arrays([sites, rows["period"]], names=["site", "period"])
    return place.isin(pd.MultiIndex.from_frame(lost[["site", "period"]]))


def _without_week_53(found: Book, rows: pd.DataFrame, cents: np.ndarray) -> np.ndarray:
    """Take week 53 of this year out, which last year's same weeks do not hold."""
    extra = found.calendar.week_53(found.calendar.fiscal_period(found.period).year)
    if extra is None:
        return cents
    whole, kept = found.calendar.weeks(extra) or 0, found.calendar.weeks(prior_year(extra)) or 0
    within = (rows["period"] == extra).to_numpy()
    if whole <= kept or not within.any():
        return cents
    cut = cents.copy()
    cut[within] = part_of_weeks(cents[within], kept, whole)
    return cut


def crossed(found: Book, lost: pd.DataFrame) -> pd.DataFrame:
    """Compare the year to date with the plan by cost centre and P&L line at once, over the months that both hold.

    `lost` ([site, period]) names the months that AC lacks: they are left out on both sides, so that the effects add up
    to the comparable effect on the result. Returns [cost_centre, pl_line, type, actual_cents, reference_cents,
    variance_cents, effect_cents], sorted, where either side has a leaf; empty where AC or PL does not stand.
    """
    keys, money = ["cost_centre", "pl_line", "type"], ["actual_cents", "reference_cents"]
    actual, plan = (found.of(scenario, "ytd") for scenario in ("AC", "PL"))
    pieces = [pd.DataFrame(columns=[*keys, *money])]
    if actual is not None and plan is not None:
        for side, column in zip((actual, plan), money, strict=True):
            kept = side[~_lost(found, side, lost)]
            own = found.leaves[keys].iloc[kept["leaf"]]
            pieces.append(own.assign(**dict.fromkeys(money, 0) | {column: kept["cents"].to_numpy()}))
    kinds = dict.fromkeys(keys, "str") | dict.fromkeys(money, "int64")
    stacked = pd.concat([piece.astype(kinds) for piece in pieces])
    sums = stacked.groupby(keys)[money].sum().reset_index()
    change = sums["actual_cents"] - sums["reference_cents"]
    effect = change * sums["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    return sums.assign(variance_cents=change, effect_cents=effect)


def monthly(found: Book) -> pd.DataFrame:
    """Return revenue, cost and result by month, this fiscal year and the one before, each scenario where it stands.

    FC of a past month is the forecast made before it, of an open month the outlook.
    """
    kinds = found.leaves["type"].to_numpy()
    this, last = (found.calendar.year_months(p) for p in (found.period, prior_year(found.period)))
    sides = {name: found.sides[name] for name in ("PY", "PL", "AC")}
    ahead = found.sides["open"]
    sides["FC"] = pd.concat([found.sides["FC"], ahead[ahead["period"] > found.period]])
    rows = []
    for year in (last, this):
        for scenario in SCENARIOS:
            side = sides[scenario]
            side = side[side["period"].isin(year)]
            sums = side["cents"].groupby([side["period"].to_numpy(), kinds[side["leaf"]]]).sum().to_dict()
            held = set(side["period"].unique())
            for month in year:
                if month not in held and not (scenario == "PL" and held):
                    continue
                revenue, cost = (int(sums.get((month, kind), 0)) for kind in _COUNTED)
                for measure, cents in zip(MEASURES, (revenue, cost, revenue - cost), strict=True):
                    rows.append((month, measure, scenario, cents))
    frame = pd.DataFrame(rows, columns=["period", "measure", "scenario", "cents"])
    return frame.astype({"period": "str", "measure": "str", "scenario": "str", "cents": "int64"})


def _viewed(sums: pd.DataFrame, views: Sequence[tuple[str, ...]], names: list[str]) -> pd.DataFrame:
    """Write each view's names in place of its number."""
    known = pd.DataFrame(views, columns=names).iloc[sums["view"]].reset_index(drop=True)
    return pd.concat([sums.drop(columns="view").reset_index(drop=True), known], axis=1)


def _named(lines: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Add the name of each item; a P&L line and a department are their own, a total bears its measure's."""
    named = lines.merge(names, on=["dimension", "item"], how="left", validate="m:1")
    plain = named["item"].where(named["dimension"] != TOTAL, named["measure"])
    return named.assign(name=named["name"].where(named["name"].notna(), plain))


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort and type: dimensions, measures, horizons and scenarios in their own order, items by code."""
    orders = (
        ("dimension", DIMENSIONS),
        ("measure", (*MEASURES, "amount")),
        ("item", None),
        ("item2", None),
        ("horizon", HORIZONS),
        ("scenario" if "scenario" in frame.columns else "reference", SCENARIOS),
    )
    ranks = [
        pd.factorize(frame[c].astype("str"), sort=True)[0]
        if order is None
        else frame[c].map({v: k for k, v in enumerate(order)}).to_numpy()
        for c, order in orders
    ]
    rows = frame.iloc[np.lexsort(ranks[::-1])]
    other = {"share": "float64", "material": "bool"}
    kinds = {c: "int64" if c.endswith("cents") else other.get(c, "str") for c in frame.columns}
    return rows.astype(kinds).reset_index(drop=True)

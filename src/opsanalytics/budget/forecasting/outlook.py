"""Outlook: where the fiscal year is heading, for the company, its sites and its lines at once.

The open months of every line are estimated by each method (`methods`), the methods are weighted by what they missed in
earlier years at the same month (`weights`), and how far off that was is shown (`scores`). The company is computed once
and cut to its sites, so that lines add up to their site and sites to the whole, to the cent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from opsanalytics.budget.forecasting.grid import KINDS, Cutoff, Flags, Grid, grid
from opsanalytics.budget.forecasting.methods import COMBINED, METHODS, Estimates, View, estimates
from opsanalytics.budget.forecasting.scores import accuracies, by_method, half_widths, scored, with_combined
from opsanalytics.budget.forecasting.weights import (
    LINE,
    WHOLE,
    Cents,
    Tested,
    Weights,
    combined,
    in_cents,
    learned,
    parts,
    tested_years,
)
from opsanalytics.budget.leaves import LEAF
from opsanalytics.formats import ALL, listed, month_name
from opsanalytics.periods import Calendar, shift

#: A month in, out comes the plan in force at it as leaves: period, LEAF, amount_cents; other fiscal years are left out.
PlanAt = Callable[[str], pd.DataFrame]

_METHODS = {"site": "str", "type": "str", "method": "str", "horizon": "str", "cents": "int64", "stands": "bool"}
_TOTALS = {"measure": "str", "method": "str", "horizon": "str", "cents": "int64", "chosen": "bool"}
_ENDS = ["lo_cents", "hi_cents"]


@dataclass(frozen=True)
class EntityOutlook:
    """The outlook of one entity. Money is int64 cents, in the account's natural sign.

    totals: measure {revenue, cost, result}, method, horizon {roy, fy}, cents, chosen, lo_cents, hi_cents (Int64: the
    80 % range of the chosen one, missing where no year was tested). lines: LEAF, period, cents, the chosen one's open
    months. accuracy: measure, method, years, wape, bias, weight (NaN for the combined one, made of the others).
    """

    totals: pd.DataFrame
    lines: pd.DataFrame
    accuracy: pd.DataFrame


@dataclass(frozen=True)
class Outlook:
    """The outlook of the company at `period`, by site. Money is int64 cents, in the account's natural sign.

    lines: LEAF, period (an open month), cents (not zero), the combined outlook. methods: site, type, method, horizon
    {roy, fy}, cents, stands, weight (of the whole; NaN for the combined one): where a method does not stand at a site
    its cents are the run rate's. accuracy: site or (all), type, method, years, wape, bias, weight. ranges: site or
    (all), measure, share: half of the 80 % range as a share of the outlook (for the result: of revenue and cost
    together). left_out: sites without an outlook though they had lines last year or lack months now. closed: those
    whose open months are nothing because their plan is over and so are their lines.
    """

    period: str
    lines: pd.DataFrame
    methods: pd.DataFrame
    accuracy: pd.DataFrame
    ranges: pd.DataFrame
    left_out: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()

    def notes(self, entity: str) -> tuple[str, ...]:
        """Say which sites of an entity, or of the whole, "(all)", have no outlook, and which are taken to be closed."""
        left_out, closed = (
            listed([site for site in sites if entity in (ALL, site)]) for sites in (self.left_out, self.closed)
        )
        month = month_name(self.period)
        return (
            *([f"No outlook for {left_out}: no line this year and no plan ahead."] if left_out else []),
            *([f"Taken as closed: {closed}, with no line in {month} and no plan after it."] if closed else []),
        )

    def of(self, entity: str) -> EntityOutlook:
        """Cut the outlook to a site, or to the whole, "(all)", whose figures are the sums of its sites'."""
        rows = self.methods if entity == ALL else self.methods[self.methods["site"] == entity]
        lines = self.lines if entity == ALL else self.lines[self.lines["site"] == entity]
        scores = self.accuracy[self.accuracy["site"] == entity].drop(columns="site")
        ranges = self.ranges[self.ranges["site"] == entity]
        share = dict(zip(ranges["measure"], ranges["share"], strict=True))
        return EntityOutlook(
            totals=_totals(rows, share),
            lines=lines.reset_index(drop=True),
            accuracy=scores.rename(columns={"type": "measure"}).reset_index(drop=True),
        )


def outlook(
    actual: pd.DataFrame,
    plan_at: PlanAt | None,
    *,
    period: str,
    calendar: Calendar,
    missing: pd.DataFrame | None = None,
    ledger: Collection[str] | None = None,
) -> Outlook:
    """Where is the fiscal year heading at `period`: by site and line, by each method, and by all of them combined?

    `actual` is the company's leaves, [period, LEAF, amount_cents]; periods after `period` are not looked at. `plan_at`
    gives the plan in force at a month for its fiscal year; it is asked at `period` and the same month of earlier years.
    `ledger` is the months that the whole ledger holds (those of `actual` when left out), `missing` ([site, period])
    names months to date that a site lacks beside those. Open are the months after `period` and, for the full year, the
    missing ones too; after the last month there is no roy. A site has an outlook with a line this year or a plan for an
    open month, or where it holds no month to date but has a line in the last twelve of the ledger.
    """
    seen = actual[actual["period"] <= period]
    months = set(seen["period"].unique()) if ledger is None else {month for month in ledger if month <= period}
    place = calendar.fiscal_period(period)
    over = place.period == 12 and months.issuperset(calendar.months_of_year(place.year)) and not _any(missing)
    plans = {} if over else _plans(seen, plan_at, calendar, place.year, place.period)
    cells = grid(seen, plans, calendar=calendar, last_year=place.year, ledger=months, missing=missing)
    tests = list(tested_years(cells, place.year, place.period)) if place.period < 12 else []
    view = _view(cells, place.year, place.period)
    found, weights = estimates(view), learned(tests)
    active = _active(view, found)
    cents = in_cents(cells, place.period, combined(view, found, weights))
    cents[~cells.of_lines(active)] = 0
    booked = _booked(seen, cells, calendar.months(period, "ytd"))
    methods = _methods(view, found, weights, cents, booked)
    methods = methods[methods["site"].isin(_named(cells, active))].reset_index(drop=True)
    rows = scored(tests)
    return Outlook(
        period=period,
        lines=_lines(cells, cents, calendar.months_of_year(place.year)),
        methods=methods,
        accuracy=accuracies(rows, _present_weights(methods, weights)),
        ranges=_ranges(methods, half_widths(rows), over=_over(view, active)),
        left_out=_named(cells, ~active & _expected(view)),
        closed=_named(cells, active & view.closed),
    )


def next_months(
    actual: pd.DataFrame,
    plan_at: PlanAt | None,
    *,
    cutoffs: Sequence[str],
    calendar: Calendar,
    missing: pd.DataFrame | None = None,
    ledger: Collection[str] | None = None,
) -> pd.DataFrame:
    """What would each month after one of `cutoffs` have been forecast to be? [LEAF, period, cents, cutoff], sorted.

    As `outlook` at each cutoff, save that of plans it knows the one at its own cutoff only: methods that build on it
    count as the average method untested, and its execution in earlier years does not stand. At the end of a fiscal
    year, the first month of the next is forecast by the methods that need no year to date. A line keeps the place it
    has at the last cutoff. A month that no method can forecast has no row, nor has one before the ledger's first line.
    """
    frames = [_nothing()]
    if cutoffs:
        seen = actual[actual["period"] <= max(cutoffs)]
        months = set(seen["period"].unique()) if ledger is None else set(ledger)
        asked = {_after(calendar, cutoff): cutoff for cutoff in sorted(cutoffs)}
        plans = {} if plan_at is None else {at: _of_year(plan_at(c), calendar, at[0]) for at, c in asked.items()}
        last = max(year for year, _ in asked)
        cells = grid(seen, plans, calendar=calendar, last_year=last, ledger=months, missing=missing)
        frames += [_next_month(cells, at, cutoff, calendar) for at, cutoff in asked.items()]
    kinds = {**dict.fromkeys([*LEAF, "period", "cutoff"], "str"), "cents": "int64"}
    return pd.concat(frames).astype(kinds).sort_values(["period", *LEAF], ignore_index=True)


def backtest_outlook(
    actual: pd.DataFrame,
    plan_at: PlanAt | None,
    *,
    calendar: Calendar,
    month: int,
    years: Sequence[int],
) -> pd.DataFrame:
    """What would the outlook after `month` months (1 to 11) of each of `years` have been, and what came?

    Each year is forecast as at the time, with weights from complete years before it only. Returns fiscal_year, level
    {whole, line}, LEAF (of the whole: site and type, the others empty), method (each one, and combined), stands,
    outlook_cents and actual_cents of the full year, weight (at that level). Sites that do not have a year
    complete are left out of it.
    """
    last = max(years)
    seen = actual[actual["period"] <= calendar.months_of_year(last)[-1]]
    plans = _plans(seen, plan_at, calendar, last, month)
    cells = grid(seen, plans, calendar=calendar, last_year=last + 1, ledger=set(seen["period"].unique()))
    frames = [
        _backtested(test, level)
        for test in tested_years(cells, last + 1, month)
        for level in (WHOLE, LINE)
        if test.view.year in years
    ]
    columns = ["fiscal_year", "level", *LEAF, "method", "stands", "outlook_cents", "actual_cents", "weight"]
    return pd.concat(frames or [pd.DataFrame(columns=columns)])[columns].reset_index(drop=True)


def _after(calendar: Calendar, cutoff: str) -> Cutoff:
    """Return the fiscal year of the month after `cutoff`, and how many of its months have passed by then."""
    place = calendar.fiscal_period(shift(cutoff, 1))
    return place.year, place.period - 1


def _plans(
    seen: pd.DataFrame, plan_at: PlanAt | None, calendar: Calendar, year: int, passed: int
) -> dict[Cutoff, pd.DataFrame]:
    """Ask for the plan in force after `passed` months of `year` and of each complete year before it."""
    if plan_at is None or seen.empty:
        return {}
    months = set(seen["period"].unique())
    first = calendar.fiscal_period(min(months)).year
    complete = [y for y in range(first, year) if months.issuperset(calendar.months_of_year(y))]
    # The plan of a month is of the fiscal year of the month after it.
    asked = {(y, passed): calendar.months_of_year(y)[min(passed, 11) - 1] for y in (*complete, year)}
    return {cutoff: _of_year(plan_at(month), calendar, cutoff[0]) for cutoff, month in asked.items()}


def _of_year(plan: pd.DataFrame, calendar: Calendar, year: int) -> pd.DataFrame:
    """Cut a plan to a fiscal year; one that holds nothing else stays the frame that it is."""
    within = plan["period"].isin(calendar.months_of_year(year))
    return plan if within.all() else plan[within]


def _view(cells: Grid, year: int, passed: int) -> View:
    return View(cells, year, passed)


def _any(missing: pd.DataFrame | None) -> bool:
    return missing is not None and not missing.empty


def _active(view: View, found: Estimates) -> Flags:
    """Which sites have something to go by, and a method that stands?"""
    stands = found.stands.any(axis=0).reshape(len(view.grid.sites), len(KINDS)).any(axis=1)
    return np.asarray(view.active & stands)


def _expected(view: View) -> Flags:
    """Which sites with an open month had a line last year, or are said to lack a month of this one?"""
    posted = view.grid.posted[:, view.at - 1].any(axis=1) if view.at else False
    return np.asarray((view.grid.lacking[:, view.at].any(axis=1) | posted) & view.open.any(axis=1))


def _over(view: View, active: Flags) -> dict[str, bool]:
    """Is nothing open any more at each active site, and at (all) of them?"""
    over = ~np.asarray(view.open.any(axis=1))
    sites = {site: bool(done) for site, done, on in zip(view.grid.sites, over, active, strict=True) if on}
    return {ALL: bool(sites) and all(sites.values()), **sites}


def _named(cells: Grid, sites: Flags) -> tuple[str, ...]:
    return tuple(site for site, one in zip(cells.sites, sites, strict=True) if one)


def _methods(view: View, found: Estimates, weights: Weights, cents: Cents, booked: Cents) -> pd.DataFrame:
    """Set out what every method says by site, type and horizon."""
    cells = view.grid
    values = np.concatenate([found.values, cents[None].astype(np.float64)])
    missing, rest = (
        np.rint([cells.summed(method) for method in values[:, :, part].sum(axis=2)]).astype(np.int64)
        for part in parts(view.passed)
    )
    stands = with_combined(found.stands, True)
    shares = with_combined(weights.at(cells, WHOLE, found.stands), np.nan)
    horizons = {"roy": rest, "fy": booked + missing + rest} if view.passed < 12 else {"fy": booked + missing}
    pieces = [
        by_method(cells.groups, horizon=horizon, cents=sums, stands=stands, weight=shares)
        for horizon, sums in horizons.items()
    ]
    columns = {**_METHODS, "weight": "float64"}
    return pd.concat(pieces, ignore_index=True)[list(columns)].astype(columns)


def _booked(seen: pd.DataFrame, cells: Grid, to_date: Sequence[str]) -> Cents:
    """Return the year to date of each group as it is posted, which is exact."""
    rows = seen[seen["period"].isin(to_date)]
    sums = rows.groupby(["site", "type"])["amount_cents"].sum()
    return sums.reindex(pd.MultiIndex.from_frame(cells.groups), fill_value=0).to_numpy(dtype=np.int64)


def _totals(methods: pd.DataFrame, share: Mapping[str, float]) -> pd.DataFrame:
    """Add sites up, take cost from revenue, drop a method that stands nowhere, and give the chosen one its range."""
    key = ["horizon", "method"]
    sums = methods.groupby([*key, "type"])["cents"].sum().to_dict()
    stands = methods.groupby(key)["stands"].any().to_dict()
    rows: list[tuple[str, str, str, int, bool, int | None, int | None]] = []
    for horizon in ("roy", "fy"):
        for method in (*METHODS, COMBINED):
            if stands.get((horizon, method), False):
                revenue, cost = (int(sums[horizon, method, kind]) for kind in KINDS)
                for measure, cents in (("revenue", revenue), ("cost", cost), ("result", revenue - cost)):
                    rows.append((measure, method, horizon, cents, method == COMBINED, None, None))
    found = pd.DataFrame(rows, columns=[*_TOTALS, *_ENDS]).astype({**_TOTALS, **dict.fromkeys(_ENDS, "Int64")})
    return _with_range(found, share)


def _with_range(totals: pd.DataFrame, share: Mapping[str, float]) -> pd.DataFrame:
    """Give the chosen rows their range: the same width at both horizons, for what is booked cannot miss."""
    year = totals[totals["chosen"] & (totals["horizon"] == "fy")].set_index("measure")["cents"].to_dict()
    if not year:
        return totals
    size = {**{kind: abs(year[kind]) for kind in KINDS}, "result": sum(abs(year[kind]) for kind in KINDS)}
    half = {measure: round(share[measure] * size[measure]) for measure in size if measure in share}
    width = totals["measure"].map(half).where(totals["chosen"]).astype("Int64")
    cents = totals["cents"].astype("Int64")
    return totals.assign(lo_cents=cents - width, hi_cents=cents + width)


def _lines(cells: Grid, cents: Cents, months: Sequence[str]) -> pd.DataFrame:
    line, month = np.nonzero(cents)
    rows = cells.lines.iloc[line].assign(period=np.array(months, dtype=object)[month], cents=cents[line, month])
    return rows.astype({**dict.fromkeys([*LEAF, "period"], "str"), "cents": "int64"}).reset_index(drop=True)


def _present_weights(methods: pd.DataFrame, weights: Weights) -> pd.DataFrame:
    """Return site, type, method, weight of the methods that stand, and for (all) of those that stand at any site."""
    own = methods.loc[(methods["horizon"] == "fy") & methods["stands"], ["site", "type", "method", "weight"]]
    raw = {(kind, m): weights.values[0, k, at] for k, kind in enumerate(KINDS) for at, m in enumerate(METHODS)}
    whole = own[["type", "method"]].drop_duplicates().assign(site=ALL)
    share = pd.Series([raw.get(key, np.nan) for key in zip(whole["type"], whole["method"], strict=True)], whole.index)
    whole = whole.assign(weight=share / share.groupby(whole["type"]).transform("sum"))
    return pd.concat([whole, own])[["site", "type", "method", "weight"]].reset_index(drop=True)


def _ranges(methods: pd.DataFrame, half: Mapping[tuple[bool, str], float], *, over: Mapping[str, bool]) -> pd.DataFrame:
    """Name the half widths by entity; where nothing is open the outlook is what the year was and has no width."""
    sites = [ALL, *sorted(methods["site"].unique())]
    measures = (*KINDS, "result")
    rows = [
        (site, measure, 0.0 if over[site] else half[site == ALL, measure])
        for site in sites
        for measure in measures
        if over[site] or (site == ALL, measure) in half
    ]
    kinds = {"site": "str", "measure": "str", "share": "float64"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _next_month(cells: Grid, at: Cutoff, cutoff: str, calendar: Calendar) -> pd.DataFrame:
    """Forecast the month after a cutoff for the sites that have an outlook, whatever other cutoffs are asked for."""
    year, passed = at
    cells = replace(cells, plans={cutoff: plan for cutoff, plan in cells.plans.items() if cutoff == at})
    view = _view(cells, year, passed)
    found, weights = estimates(view), learned(list(tested_years(cells, year, passed)))
    cents = in_cents(cells, passed, combined(view, found, weights))
    cents[~cells.of_lines(_active(view, found))] = 0
    cents[:, :passed] = 0
    cents[:, passed + 1 :] = 0
    return _lines(cells, cents, calendar.months_of_year(year)).assign(cutoff=cutoff)


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=[*LEAF, "period", "cents", "cutoff"])


def _backtested(test: Tested, level: str) -> pd.DataFrame:
    """Set out a tested year by method, for the sites' totals or for their lines."""
    cells, found = test.view.grid, test.found
    chosen = in_cents(cells, test.view.passed, test.combined).sum(axis=1).astype(np.float64)
    values = np.vstack([found.values.sum(axis=2), chosen])
    year = [test.view.to_date + test.actual, *(test.view.to_date + values)]
    keys, of = cells.lines, cells.group
    if level == WHOLE:
        keys, of = cells.groups.reindex(columns=LEAF, fill_value=""), np.arange(len(cells.groups))
        year = [cells.summed(lines) for lines in year]
    stands = with_combined(found.stands, found.stands.any(axis=0))
    weights = with_combined(test.weights.at(cells, level, found.stands), np.nan)
    frame = by_method(
        keys,
        stands=stands[:, of],
        outlook_cents=np.rint(year[1:]).astype(np.int64),
        actual_cents=np.rint(year[0]).astype(np.int64),
        weight=weights[:, of],
    )
    kinds = {**dict.fromkeys([*LEAF, "method"], "str"), "stands": "bool"}
    rows = frame[np.tile(test.sites[of], len(stands))].astype(kinds)
    return rows.assign(fiscal_year=test.view.year, level=level)

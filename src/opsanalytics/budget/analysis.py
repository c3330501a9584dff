"""Budget variance of one entity in one reporting month: the figures that notebook 01 shows.

Actuals, budget and prior year are brought to one form (a month, a place in the structure, an
account with its type), cut to the entity, and added up for every horizon and dimension; totals and lines come
from the same leaves, so they agree to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from opsanalytics.budget.comparison import (
    COMPLETE,
    EFFECT_SIGN,
    INCOMPLETE,
    added_up,
    is_material,
    judged,
    paired,
    prior_year_actual,
    rollup,
    with_types,
)
from opsanalytics.budget.forecast import outlook
from opsanalytics.budget.phasing import budget_in_force, fiscal_years, phase_budget
from opsanalytics.budget.structure import centre_names, placed
from opsanalytics.formats import ALL, TOTAL, UNASSIGNED, month_name, nearest
from opsanalytics.periods import HORIZONS, prior_year, shift
from opsanalytics.settings import Materiality, Settings

DIMENSIONS = (TOTAL, "pl_line", "department", "cost_centre", "account")
SCENARIOS = ("PY", "PL", "FC", "AC")
MEASURES = ("revenue", "cost", "result")
_ACTUAL_HORIZONS = ("month", "qtd", "ytd")
_LEAF = ["site", "department", "cost_centre", "account", "pl_line", "type"]
_KEYS = ["measure", "dimension", "item", "dimension2", "item2"]
_COMPARED = [
    *("actual_cents", "reference_cents", "variance_cents", "effect_cents", "share"),
    *("material", "found_in", "status", "like_for_like_cents"),
]


@dataclass(frozen=True)
class BudgetVariance:
    """What was planned, what happened and where the year is heading, for one entity and reporting month.

    All money is int64 in the currency's minor units, in the account's natural sign. At dimension "(total)" the
    measures are revenue, cost and result; below it the measure is "amount", split by type (dimension2 "type").

    amounts: measure, dimension, item, dimension2, item2, horizon, scenario, cents. A scenario that does not stand
    at a horizon has no row: AC at roy and fy, FC before roy, PY without ledger lines, PL without a budget for the year.
    variances: the same keys with name, reference {PL, PY}, actual_cents, reference_cents, variance_cents, effect_cents,
    share (NaN where the reference is zero or negative), material, found_in {both, actual, reference}, status,
    like_for_like_cents (the variance over the months that both sides hold).
    monthly: period, measure, scenario, cents, over the fiscal year and the one before.
    outlook: measure, method, horizon, cents, chosen, and beside the plan plan_cents, variance_cents, effect_cents
    (Int64, missing without a plan).
    phasing: cost_centre, account, rule, fiscal_year. missing: months of the year to date that lack ledger lines, of
    the entity or of one of its sites (missing_at: site, period). notes: sentences on what the figures leave out.
    """

    period: str
    entity: str
    currency: str
    minor_digits: int
    materiality: Materiality
    amounts: pd.DataFrame
    variances: pd.DataFrame
    monthly: pd.DataFrame
    outlook: pd.DataFrame
    phasing: pd.DataFrame
    missing: tuple[str, ...]
    missing_at: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """INCOMPLETE when a month of the year to date is missing, else COMPLETE."""
        return INCOMPLETE if self.missing else COMPLETE

    @property
    def comparable(self) -> pd.DataFrame:
        """The variances to be judged: one that is INCOMPLETE is over the months that both sides hold.

        It has no share then, and is material by its amount alone.
        """
        rows = self.variances
        short, like = rows["status"] == INCOMPLETE, rows["like_for_like_cents"]
        kind = rows["item2"].where(rows["dimension"] != TOTAL, rows["measure"])
        sign = kind.map(EFFECT_SIGN).fillna(0).astype("int64")
        share = rows["share"].mask(short)
        return rows.assign(
            variance_cents=rows["variance_cents"].mask(short, like),
            effect_cents=rows["effect_cents"].mask(short, like * sign),
            share=share,
            material=rows["material"].mask(short, is_material(like, share, self.materiality) & (sign != 0)),
        )


def budget_variance(
    actuals: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    period: str,
    entity: str = ALL,
) -> BudgetVariance:
    """Compare the ledger with the budget and the prior year for `entity` at `period`.

    `actuals`: period, cost_centre, account, amount_cents, at most one row for each three; later periods are not
    looked at. `tables` holds the checked accounts and cost_centres, and budget and sites where there are any.
    Department and site of a cost centre are those of each month. Raises LookupError for an entity or a budget version
    that does not exist, naming those that do.
    """
    _refuse_unknown(entity, tables)
    calendar, accounts, centres = settings.calendar, tables["accounts"], tables["cost_centres"]
    year = calendar.months(period, "fy")
    seen = actuals.loc[actuals["period"] <= period, ["period", "cost_centre", "account", "amount_cents"]]
    company = with_types(placed(seen, centres, calendar), accounts)
    plan, rules = _plan(seen, tables, settings, period)
    lacking = _missing_cells(company, plan, calendar.months(period, "ytd"), calendar.year_months(prior_year(period)))
    sides = {
        "PY": prior_year_actual(_of(company, entity)),
        "PL": _of(plan, entity),
        "AC": _of(company, entity),
    }
    lacking = {scenario: _of(cells, entity) for scenario, cells in lacking.items()}
    names = _names(tables, settings, period, pd.concat([side[_LEAF] for side in sides.values()]))
    forecast = outlook(
        sides["AC"],
        accounts,
        period=period,
        calendar=calendar,
        missing=lacking["AC"],
        ledger=frozenset(company["period"].unique()),
    )
    amounts = _amounts(sides, settings, period, forecast)
    return BudgetVariance(
        period=period,
        entity=entity,
        currency=settings.currency,
        minor_digits=settings.minor_digits,
        materiality=settings.materiality,
        amounts=amounts,
        variances=_variances(sides, lacking, names, settings, period),
        monthly=_monthly(sides, settings, period),
        outlook=_against_plan(forecast, amounts),
        phasing=_rules_of(rules, sides["PL"]),
        missing=tuple(m for m in year if m in set(lacking["AC"]["period"])),
        missing_at=lacking["AC"].reset_index(drop=True),
        notes=_notes(sides["AC"], lacking["AC"]),
    )


def _refuse_unknown(entity: str, tables: Mapping[str, pd.DataFrame]) -> None:
    found: set[str] = {ALL, UNASSIGNED}
    for table in ("cost_centres", "sites"):
        if table in tables and "site" in tables[table].columns:
            found |= set(tables[table]["site"].dropna())
    if entity not in found:
        known = ", ".join(sorted(found))
        raise LookupError(f"There is no entity '{entity}'. The nearest is '{nearest(entity, found)}'; all: {known}.")


def _of(frame: pd.DataFrame, entity: str) -> pd.DataFrame:
    return frame if entity == ALL else frame[frame["site"] == entity]


def _plan(
    seen: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: Settings, period: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the budget in force by month and leaf, of this fiscal year and the one before, and its phasing rules."""
    calendar, accounts, centres = settings.calendar, tables["accounts"], tables["cost_centres"]
    year = calendar.fiscal_period(period).year
    budget = tables.get("budget")
    if budget is None or budget.empty:
        rows = seen.iloc[:0]
    else:
        rows = budget_in_force(budget, version=settings.budget_version, period=period, calendar=calendar)
        rows = rows[fiscal_years(rows["period"], calendar).isin([year - 1, year])]
    phased = phase_budget(rows, seen, accounts, centres, calendar=calendar, rule=settings.phasing)
    return with_types(placed(phased.months, centres, calendar), accounts), phased.rules


def _missing_cells(
    company: pd.DataFrame, plan: pd.DataFrame, to_date: Sequence[str], last_year: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Name the months that a side should hold and does not: [site, period], for AC and (at the month compared with) PY.

    A month that nobody has is missing at every site. Else a site lacks a month of the year to date that it has a
    budget for or, without a budget for the year, that follows lines of its own; and one of last year between lines of
    its own.
    """
    held = _cells(company)
    first = company.groupby("site")["period"].min().to_dict()
    last = company.groupby("site")["period"].max().to_dict()
    sites = sorted({*first, *plan["site"].unique()})
    budgeted = plan[plan["amount_cents"] != 0]
    due = _cells(budgeted)
    planned = set(plan.loc[plan["period"].isin(to_date), "site"].unique())
    ledger = {month for _, month in held}

    def expected(site: str, month: str) -> bool:
        if month not in ledger:
            return True
        if site == UNASSIGNED:
            return False
        if site in planned:
            return (site, month) in due
        return site in first and str(first[site]) < month

    def inside(site: str, month: str) -> bool:
        if month not in ledger:
            return True
        return site != UNASSIGNED and site in first and str(first[site]) < month < str(last[site])

    now = [(s, m) for s in sites for m in to_date if (s, m) not in held and expected(s, m)]
    before = [(s, shift(m, 12)) for s in sites for m in last_year if (s, m) not in held and inside(s, m)]
    columns = ["site", "period"]
    return {"AC": pd.DataFrame(now, columns=columns), "PY": pd.DataFrame(before, columns=columns)}


def _cells(frame: pd.DataFrame) -> set[tuple[str, str]]:
    places = frame[["site", "period"]].drop_duplicates()
    return set(zip(places["site"], places["period"], strict=True))


def _stands(side: pd.DataFrame, scenario: str, months: Sequence[str], year: Sequence[str]) -> bool:
    """Has a scenario a figure over `months`? The budget where the fiscal year has one, actuals where there are any."""
    return bool(months) and bool(side["period"].isin(year if scenario == "PL" else months).any())


def _by_dimension(leaves: pd.DataFrame, views: pd.DataFrame, sums: list[str]) -> pd.DataFrame:
    """Add `sums` up by dimension for each row of `views` (its columns are columns of `leaves` too).

    Returns [*views, measure, dimension, item, dimension2, item2, type, *sums]; each view has its three totals, also
    where it has no leaves.
    """
    view = list(views.columns)
    empty = views.merge(pd.DataFrame({"type": ["revenue", "cost"]}), how="cross").assign(**dict.fromkeys(sums, 0))
    counted = leaves[leaves["type"].isin(["revenue", "cost"])]
    two = pd.concat([empty, counted])[[*view, "type", *sums]]
    minus = two[sums].where(two["type"] == "revenue", two[sums] * [-1 if c.endswith("cents") else 1 for c in sums])
    three = pd.concat([two, two.assign(type="result", **{c: minus[c] for c in sums})])
    total = three.groupby([*view, "type"])[sums].sum().reset_index()
    pieces = [total.assign(measure=total["type"], dimension=TOTAL, item=TOTAL, dimension2="", item2="")]
    for dimension in DIMENSIONS[1:]:
        lines = leaves.groupby([*view, dimension, "type"])[sums].sum().reset_index().rename(columns={dimension: "item"})
        pieces.append(lines.assign(measure="amount", dimension=dimension, dimension2="type", item2=lines["type"]))
    return pd.concat(pieces, ignore_index=True)[[*view, *_KEYS, "type", *sums]]


def _amounts(
    sides: Mapping[str, pd.DataFrame], settings: Settings, period: str, forecast: pd.DataFrame
) -> pd.DataFrame:
    calendar, view = settings.calendar, ["horizon", "scenario"]
    views, pieces = [], []
    for horizon in HORIZONS:
        months = calendar.months(period, horizon)
        for scenario, side in sides.items():
            future = scenario == "AC" and horizon not in _ACTUAL_HORIZONS
            if future or not _stands(side, scenario, months, calendar.year_months(period)):
                continue
            views.append((horizon, scenario))
            leaves = side.loc[side["period"].isin(months), [*_LEAF, "amount_cents"]]
            pieces.append(leaves.assign(horizon=horizon, scenario=scenario))
    chosen = forecast[forecast["chosen"]].assign(dimension=TOTAL, item=TOTAL, dimension2="", item2="", scenario="FC")
    columns = [*_KEYS, *view, "cents"]
    if not pieces:
        return _in_order(chosen.reindex(columns=columns))
    leaves = rollup(pd.concat(pieces), [*view, *_LEAF]).rename(columns={"amount_cents": "cents"})
    sums = _by_dimension(leaves, pd.DataFrame(views, columns=view), ["cents"])
    return _in_order(pd.concat([sums, chosen])[columns])


def _variances(
    sides: Mapping[str, pd.DataFrame],
    lacking: Mapping[str, pd.DataFrame],
    names: pd.DataFrame,
    settings: Settings,
    period: str,
) -> pd.DataFrame:
    calendar, view = settings.calendar, ["horizon", "reference"]
    views, pieces = [], []
    for horizon in _ACTUAL_HORIZONS:
        months = calendar.months(period, horizon)
        for reference in ("PY", "PL"):
            if not all(_stands(sides[s], s, months, calendar.year_months(period)) for s in ("AC", reference)):
                continue
            cells = lacking["AC"] if reference == "PL" else pd.concat([lacking["AC"], lacking["PY"]])
            cells = cells[cells["period"].isin(months)]
            views.append((horizon, reference, COMPLETE if cells.empty else INCOMPLETE))
            leaves = paired(*(_comparable(sides[side], months, cells) for side in ("AC", reference)))
            pieces.append(leaves.assign(horizon=horizon, reference=reference))
    columns = [*_KEYS, "name", *view, *_COMPARED]
    if not pieces:
        return _in_order(pd.DataFrame(columns=columns))
    known = pd.DataFrame(views, columns=[*view, "status"])
    leaves = added_up(pd.concat(pieces), [*view, *_LEAF])
    sums = _by_dimension(leaves, known[view], [c for c in leaves.columns if c not in (*view, *_LEAF)])
    compared = judged(sums, settings.materiality).merge(known, on=view, how="left", validate="m:1")
    return _in_order(_named(compared, names)[columns])


def _comparable(side: pd.DataFrame, months: Sequence[str], cells: pd.DataFrame) -> pd.DataFrame:
    """Cut to `months` and add like_cents: the amount, or zero where a site's month is in `cells`, the missing ones."""
    part = side.loc[side["period"].isin(months), ["period", *_LEAF, "amount_cents"]]
    place = pd.MultiIndex.from_frame(part[["site", "period"]])
    lost = place.isin(pd.MultiIndex.from_frame(cells)) if len(cells) else pd.Series(False, part.index)
    return part.assign(like_cents=part["amount_cents"].mask(lost, 0))


def _monthly(sides: Mapping[str, pd.DataFrame], settings: Settings, period: str) -> pd.DataFrame:
    """Revenue, cost and result by month, this fiscal year and the one before, each scenario where it stands."""
    calendar = settings.calendar
    rows = []
    for year in (calendar.year_months(prior_year(period)), calendar.year_months(period)):
        for scenario, side in sides.items():
            sums = side.groupby(["period", "type"])["amount_cents"].sum().to_dict()
            for month in year:
                if not _stands(side, scenario, (month,), year):
                    continue
                revenue, cost = (int(sums.get((month, kind), 0)) for kind in ("revenue", "cost"))
                for measure, cents in zip(MEASURES, (revenue, cost, revenue - cost), strict=True):
                    rows.append((month, measure, scenario, cents))
    frame = pd.DataFrame(rows, columns=["period", "measure", "scenario", "cents"])
    return frame.astype({"period": "str", "measure": "str", "scenario": "str", "cents": "int64"})


def _against_plan(forecast: pd.DataFrame, amounts: pd.DataFrame) -> pd.DataFrame:
    """Set the outlook beside the plan of the same horizon; without a plan these columns are missing."""
    plan = amounts[(amounts["dimension"] == TOTAL) & (amounts["scenario"] == "PL")]
    plan = plan[["measure", "horizon", "cents"]].rename(columns={"cents": "plan_cents"}).astype({"plan_cents": "Int64"})
    found = forecast.merge(plan, on=["measure", "horizon"], how="left", validate="m:1")
    change = found["cents"].astype("Int64") - found["plan_cents"]
    return found.assign(variance_cents=change, effect_cents=change * found["measure"].map(EFFECT_SIGN).astype("Int64"))


def _names(tables: Mapping[str, pd.DataFrame], settings: Settings, period: str, leaves: pd.DataFrame) -> pd.DataFrame:
    """Return [dimension, item, name] for accounts and cost centres; what has no name keeps its code."""
    accounts = tables["accounts"].reindex(columns=["account", "name"])
    known = pd.Series(accounts["name"].to_numpy(), accounts["account"].fillna(UNASSIGNED))
    account = pd.Series(leaves["account"].unique(), dtype="str")
    named = account.map(known)
    centre = pd.Series(leaves["cost_centre"].unique(), dtype="str")
    pieces = [
        pd.DataFrame({"dimension": "account", "item": account, "name": named.where(named.notna(), account)}),
        pd.DataFrame(
            {
                "dimension": "cost_centre",
                "item": centre,
                "name": centre_names(centre, tables["cost_centres"], settings.calendar, period),
            }
        ),
    ]
    return pd.concat(pieces, ignore_index=True)


def _named(lines: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Add the name of each item; a P&L line and a department are their own, a total bears its measure's."""
    named = lines.merge(names, on=["dimension", "item"], how="left", validate="m:1")
    plain = named["item"].where(named["dimension"] != TOTAL, named["measure"])
    return named.assign(name=named["name"].where(named["name"].notna(), plain))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort and type: dimensions, measures, horizons and scenarios in their own order, items by code."""
    orders = (
        ("dimension", DIMENSIONS),
        ("measure", (*MEASURES, "amount")),
        ("item", None),
        ("item2", None),
        ("horizon", HORIZONS),
        ("scenario" if "scenario" in frame.columns else "reference", SCENARIOS),
    )
    ranks = pd.DataFrame(
        {c: frame[c] if order is None else frame[c].map({v: k for k, v in enumerate(order)}) for c, order in orders}
    )
    rows = frame.iloc[ranks.reset_index(drop=True).sort_values(list(ranks.columns), kind="stable").index]
    other = {"share": "float64", "material": "bool"}
    kinds = {c: "int64" if c.endswith("cents") else other.get(c, "str") for c in frame.columns}
    return rows.astype(kinds).reset_index(drop=True)


def _rules_of(rules: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    line = ["cost_centre", "account"]
    own = pd.MultiIndex.from_frame(rules[line]).isin(pd.MultiIndex.from_frame(plan[line]))
    return rules[own].reset_index(drop=True)


def _notes(actual: pd.DataFrame, lacking: pd.DataFrame) -> tuple[str, ...]:
    """Say what the figures leave out."""
    notes = []
    untyped = sorted(actual.loc[actual["type"] == UNASSIGNED, "account"].unique())
    if untyped:
        notes.append(f"No type is known for account {', '.join(untyped)}: it counts in no revenue, cost or result.")
    for month, sites in lacking.groupby("period")["site"]:
        notes.append(f"{month_name(str(month))} has no ledger lines for {', '.join(sites)}: missing is not zero.")
    return tuple(notes)

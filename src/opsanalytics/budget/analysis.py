"""Budget variance of one entity in one reporting month: the figures that notebook 01 shows.

`budget_variance` is the table of contents: the sides are brought to one form (`leaves`), past forecasts are taken from
the record and the rest of the year from the outlook, all of it is added up and compared (`amounts`), explained by its
drivers (`explanation`), set against what was reported before (`earlier`, `restatement`), searched for odd ledger lines
(`anomalies`), and put into words (`commentary`, `notes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from opsanalytics.budget.amounts import Book, amounts, book, crossed, monthly, variances
from opsanalytics.budget.commentary import comments_on, draft_commentary
from opsanalytics.budget.comparison import EFFECT_SIGN, prior_year_actual
from opsanalytics.budget.drivers.activities import ActivityCosts, activity_costs
from opsanalytics.budget.drivers.explanation import explain
from opsanalytics.budget.earlier import Earlier, last_pack
from opsanalytics.budget.forecasting.methods import COMBINED
from opsanalytics.budget.forecasting.outlook import Outlook, next_months, outlook
from opsanalytics.budget.forecasting.record import forecasts_on_record
from opsanalytics.budget.leaves import (
    AS_CURRENT,
    AS_POSTED,
    LEAF,
    WITH,
    Source,
    lacking,
    of_entity,
    refuse_unknown,
    without,
)
from opsanalytics.budget.ledger.anomalies import ledger_flags
from opsanalytics.budget.ledger.lines import LINE, largest_lines, typed
from opsanalytics.budget.ledger.restatement import Restatement, restatements
from opsanalytics.budget.notes import (
    forecast_notes,
    missing_notes,
    prior_year_notes,
    restatement_notes,
    view_notes,
    week_notes,
)
from opsanalytics.budget.result import BudgetVariance, Findings, comparable
from opsanalytics.budget.structure import centre_names
from opsanalytics.formats import ALL, TOTAL, UNASSIGNED
from opsanalytics.settings import Settings


@dataclass(frozen=True)
class _View:
    """Who looks at the ledger, and how."""

    entity: str
    structure: str
    one_offs: str


@dataclass(frozen=True)
class _Sides:
    """The sides of an entity as leaves: period, LEAF, and amount_cents or (forecasts) cents.

    company: the actuals of every site. rules: how each line of the plan came to its months. last_year: at the months
    compared with. forecast: of each month to date, before it began; ahead: of the open months. missing: by scenario,
    [site, period] that it lacks. on_record: the months that have a forecast, company wide.
    """

    company: pd.DataFrame
    actual: pd.DataFrame
    plan: pd.DataFrame
    rules: pd.DataFrame
    last_year: pd.DataFrame
    forecast: pd.DataFrame
    ahead: pd.DataFrame
    outlook: Outlook
    missing: Mapping[str, pd.DataFrame]
    on_record: frozenset[str]


def budget_variance(
    actuals: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    period: str,
    entity: str = ALL,
    structure: str = AS_POSTED,
    one_offs: str = WITH,
    prior: Mapping[str, pd.DataFrame] | None = None,
    ledger: Path | None = None,
) -> BudgetVariance:
    """Compare the ledger with the budget, the prior year and the forecast for `entity` at `period`, and say why.

    `actuals`: period, cost_centre, account, amount_cents and perhaps one_off_cents and currency_cents, at most one row
    for each three; later periods are not looked at. `tables` holds the checked accounts and cost_centres, and any
    other table there is. `structure`: "as_posted" gives each month the department and site that a cost centre had at
    its end, "as_current" those at the end of `period`, for AC, PL, PY and FC alike. `one_offs` "without" takes lines
    marked one-off out of AC and PY, and out of what FC is made from. `prior` holds the frames that the run before left,
    `ledger` the checked ledger lines. Raises LookupError for an entity or a budget version that does not exist, naming
    those that do, and ValueError for an unknown view.
    """
    refuse_unknown(tables, entity=entity, structure=structure, one_offs=one_offs)
    source, view = Source(actuals, tables, settings, period), _View(entity, structure, one_offs)
    earlier = last_pack(prior or {}, settings, structure=structure, one_offs=one_offs)

    sides = _sides(source, earlier, view)
    found = _book(source, sides)
    sums, own = amounts(found), sides.outlook.of(entity)
    compared = variances(found, sides.missing, _names(source, found.leaves), settings.materiality)
    why = explain(
        *(sides.actual, sides.plan, sides.last_year, tables, settings),
        period=period,
        entity=entity,
        missing=sides.missing,
    )
    since = _since_the_last_pack(source, earlier, sides.company, view)
    costs = _activity_costs(source, entity)
    flags, largest = _ledger_lines(ledger, source, view, sides.actual, compared)

    findings = Findings(
        period=period,
        entity=entity,
        currency=settings.currency,
        minor_digits=settings.minor_digits,
        materiality=settings.materiality,
        structure=structure,
        one_offs=one_offs,
        amounts=sums,
        variances=compared,
        monthly=monthly(found),
        forecast=sides.forecast.reset_index(drop=True),
        outlook=_against_plan(_moved(own.totals, sums), sums),
        outlook_lines=sides.ahead.reset_index(drop=True),
        outlook_accuracy=own.accuracy,
        crossed=crossed(found, sides.missing["AC"]),
        drivers=why.drivers,
        bridges=why.bridges,
        restated=since.restated,
        movement=since.movement,
        flags=flags,
        largest=largest,
        activity_rates=costs.activity_rates,
        activity_costs=costs.activity_costs,
        phasing=_rules_of(sides.rules, sides.plan),
        missing=tuple(sorted(set(sides.missing["AC"]["period"]))),
        missing_at=sides.missing["AC"],
        notes=tuple(_notes(source, view, sides, earlier, since, why.notes)),
    )
    comments = _comments(findings, source, earlier, sides.company)
    drafts, numbers = draft_commentary(findings, tables["accounts"])
    return BudgetVariance(**vars(findings), comments=comments, drafts=drafts, draft_numbers=numbers)


# The sides in one form, cut to the entity


def _sides(source: Source, earlier: Earlier, view: _View) -> _Sides:
    company, budget = source.booked(view.one_offs, view.structure), source.plan()
    planned = source.leaves(budget.months, view.structure)
    actual = of_entity(company, view.entity)
    ahead, past = _forecasts(source, earlier.outlook, view.one_offs)
    return _Sides(
        company=company,
        actual=actual,
        plan=of_entity(planned, view.entity),
        rules=budget.rules,
        last_year=prior_year_actual(actual, source.settings.calendar),
        forecast=of_entity(_placed(source, past, view.structure), view.entity),
        ahead=of_entity(source.leaves(ahead.lines, view.structure), view.entity),
        outlook=ahead,
        missing={
            scenario: of_entity(cells, view.entity).reset_index(drop=True)
            for scenario, cells in lacking(source, company, planned).items()
        },
        on_record=frozenset(past["period"]),
    )


def _forecasts(source: Source, record: pd.DataFrame | None, one_offs: str) -> tuple[Outlook, pd.DataFrame]:
    """Return the company's outlook at PERIOD, and what the months to date were forecast to be before they began.

    Both see each cost centre with all its history at the place it has at the end of PERIOD.
    """
    calendar, period = source.settings.calendar, source.period
    company = source.booked(one_offs, AS_CURRENT)
    missing = lacking(source, company, source.leaves(source.plan().months, AS_CURRENT))["AC"]
    months = frozenset(company["period"].unique())
    ahead = outlook(company, source.plan_at, period=period, calendar=calendar, missing=missing, ledger=months)

    def reconstruct(cutoffs: Sequence[str]) -> pd.DataFrame:
        return next_months(company, source.plan_at, cutoffs=cutoffs, calendar=calendar, missing=missing, ledger=months)

    return ahead, forecasts_on_record(record, period=period, calendar=calendar, reconstruct=reconstruct)


def _placed(source: Source, forecast: pd.DataFrame, structure: str) -> pd.DataFrame:
    """Give forecasts their place; an account that has left the chart keeps the P&L line and type of the record."""
    placed = source.leaves(forecast, structure)
    gone = ~placed["account"].isin(source.tables["accounts"]["account"])
    return placed.assign(**{name: placed[name].mask(gone, forecast[name]) for name in ("pl_line", "type")})


def _book(source: Source, sides: _Sides) -> Book:
    stacked = {"PY": _cents(sides.last_year), "PL": _cents(sides.plan), "AC": _cents(sides.actual)}
    return book(
        {**stacked, "FC": sides.forecast, "open": sides.ahead},
        calendar=source.settings.calendar,
        period=source.period,
        forecast=sides.on_record,
        outlook=not sides.outlook.methods.empty,
    )


# What was reported before, what products cost, and the ledger lines behind it


def _since_the_last_pack(source: Source, earlier: Earlier, company: pd.DataFrame, view: _View) -> Restatement:
    """Set the ledger against the one that the last pack was made of, both in today's structure and chart."""
    calendar, period = source.settings.calendar, source.period
    if earlier.actuals is None:
        return restatements(None, company, period=period, prior_period=None, calendar=calendar)
    before = source.leaves(without(earlier.actuals, view.one_offs), view.structure)
    return restatements(
        of_entity(before, view.entity),
        of_entity(company, view.entity),
        period=period,
        prior_period=earlier.period,
        calendar=calendar,
        reported_since=str(earlier.actuals["period"].min()),
        printed=earlier.printed(view.entity),
        types=earlier.types,
    )


def _activity_costs(source: Source, entity: str) -> ActivityCosts:
    """Return what the pools cost the products in each month to date; they know no site, so for the whole only."""
    columns = ["period", "pool", "product", "pool_cost_cents", "driver", "driver_quantity"]
    rows = source.tables.get("activities", pd.DataFrame(columns=columns))
    months = source.settings.calendar.months(source.period, "ytd") if entity == ALL else ()
    rows = rows[rows["period"].isin(months)]
    capacity = rows.reindex(columns=["period", "pool", "capacity"]).dropna().drop_duplicates()
    return activity_costs(rows, capacity=capacity, minor_digits=source.settings.minor_digits)


def _ledger_lines(
    ledger: Path | None, source: Source, view: _View, actual: pd.DataFrame, compared: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ledger lines to look at, and those behind each material variance; neither without a ledger."""
    if ledger is None:
        return (
            typed(pd.DataFrame(columns=["rule", *LINE, "why", "others"])),
            typed(pd.DataFrame(columns=["dimension", "item", "item2", "rank", *LINE])),
        )
    settings, places = source.settings, actual[["period", "cost_centre", "account", "pl_line", "type"]]
    judged = comparable(compared, settings.materiality)
    flags = ledger_flags(
        ledger,
        source.tables["accounts"],
        period=source.period,
        calendar=settings.calendar,
        places=None if view.entity == ALL else places,
        floor_cents=settings.materiality.amount_cents // 10,
        minor_digits=settings.minor_digits,
    )
    return flags, largest_lines(ledger, judged, places, period=source.period, calendar=settings.calendar)


# Words


def _notes(
    source: Source, view: _View, sides: _Sides, earlier: Earlier, since: Restatement, why: Sequence[str]
) -> Iterator[str]:
    settings, period, chart = source.settings, source.period, set(source.tables["accounts"]["account"])
    taken_out = of_entity(source.leaves(source.one_off(), view.structure), view.entity)
    year = settings.calendar.year_months(period)
    last_year = sides.last_year[sides.last_year["period"].isin(year)]
    compared = {"AC": sides.actual, "PL": sides.plan, "FC": sides.forecast}
    yield from view_notes(view.structure, view.one_offs, taken_out, settings, period)
    yield from missing_notes(compared, sides.missing["AC"])
    yield from prior_year_notes(last_year, sides.missing["PY"], set(sides.company["period"]))
    yield from week_notes(settings.calendar, period)
    yield from forecast_notes(sides.forecast, chart, earlier.why_no_record)
    yield from sides.outlook.notes(view.entity)
    yield from why
    if earlier.note:
        yield earlier.note
    yield from restatement_notes(since, earlier.printed(view.entity), period, settings)


def _comments(found: Findings, source: Source, earlier: Earlier, company: pd.DataFrame) -> pd.DataFrame:
    """Return the analysts' comments, this month's and those of the packs before."""
    written = [frame for frame in (earlier.commentary, source.tables.get("commentary")) if frame is not None]
    sites = set(company["site"]) - {UNASSIGNED}
    return comments_on(
        pd.concat(written, ignore_index=True) if written else None,
        found.comparable,
        period=found.period,
        entity=found.entity,
        materiality_cents=found.materiality.amount_cents,
        also=[ALL, *sites] if len(sites) == 1 and found.entity in {ALL, *sites} else [],
        since=source.settings.calendar.year_months(found.period)[0],
    )


# Frames


def _cents(side: pd.DataFrame) -> pd.DataFrame:
    return side[[*LEAF, "period", "amount_cents"]].rename(columns={"amount_cents": "cents"})


def _moved(totals: pd.DataFrame, amounts: pd.DataFrame) -> pd.DataFrame:
    """Let the outlook's totals take part in the moves of cost centres, so that the chosen one equals FC.

    The outlook knows the structure at PERIOD only. Where a centre counts to another site in some month, every method
    differs by the same amount, known from the leaves of FC.
    """
    key, money = ["measure", "horizon"], ["cents", "lo_cents", "hi_cents"]
    whole = amounts[(amounts["dimension"] == TOTAL) & (amounts["scenario"] == "FC")]
    whole = whole.loc[whole["horizon"].isin(["roy", "fy"]), [*key, "cents"]]
    ours, theirs = (
        {(m, h): int(cents) for m, h, cents in frame[[*key, "cents"]].itertuples(index=False)}
        for frame in (whole, totals[totals["chosen"].astype("bool")])
    )
    rows = totals[pd.MultiIndex.from_frame(totals[key]).isin(list(ours))]
    change = [ours[k] - theirs[k] for k in zip(rows["measure"], rows["horizon"], strict=True)]
    moved = rows.assign(**{column: rows[column].astype("Int64") + change for column in money})
    lone = whole[~pd.MultiIndex.from_frame(whole[key]).isin(list(theirs))].assign(method=COMBINED, chosen=True)
    kinds = dict.fromkeys([*key, "method"], "str") | {"chosen": "bool"} | dict.fromkeys(money, "Int64")
    columns = ["measure", "method", "horizon", "cents", "chosen", "lo_cents", "hi_cents"]
    found = pd.concat([part.reindex(columns=columns).astype(kinds) for part in (moved, lone)], ignore_index=True)
    return found.astype({"cents": "int64"})


def _against_plan(forecast: pd.DataFrame, amounts: pd.DataFrame) -> pd.DataFrame:
    """Set the outlook beside the plan of the same horizon; without a plan these columns are missing."""
    plan = amounts[(amounts["dimension"] == TOTAL) & (amounts["scenario"] == "PL")]
    plan = plan[["measure", "horizon", "cents"]].rename(columns={"cents": "plan_cents"}).astype({"plan_cents": "Int64"})
    found = forecast.merge(plan, on=["measure", "horizon"], how="left", validate="m:1")
    change = found["cents"].astype("Int64") - found["plan_cents"]
    effect = change * found["measure"].map(EFFECT_SIGN).astype("Int64")
    return pd.DataFrame(found.assign(variance_cents=change, effect_cents=effect))


def _names(source: Source, leaves: pd.DataFrame) -> pd.DataFrame:
    """Return [dimension, item, name] for accounts and cost centres; what has no name keeps its code."""
    accounts, centres = source.tables["accounts"], source.tables["cost_centres"]
    accounts = accounts.reindex(columns=["account", "name"])
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
                "name": centre_names(centre, centres, source.settings.calendar, source.period),
            }
        ),
    ]
    return pd.concat(pieces, ignore_index=True)


def _rules_of(rules: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    line = ["cost_centre", "account"]
    own = pd.MultiIndex.from_frame(rules[line]).isin(pd.MultiIndex.from_frame(plan[line]))
    return rules[own].reset_index(drop=True)

"""Budget variance of one entity in one reporting month: the figures that notebook 01 shows.

`budget_variance` is the table of contents: the sides are brought to one form (`leaves`), past forecasts are taken from
the record and the rest of the year from the outlook, all of it is added up and compared (`amounts`), explained by its
drivers (`explanation`), set against what was reported before (`restatement`), searched for odd ledger lines
(`anomalies`), and put into words (`commentary`, `notes`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from opsanalytics.budget.amounts import amounts, book, crossed, monthly, variances
from opsanalytics.budget.commentary import comments_on, draft_commentary
from opsanalytics.budget.comparison import EFFECT_SIGN, prior_year_actual
from opsanalytics.budget.drivers.activities import ActivityCosts, activity_costs
from opsanalytics.budget.drivers.explanation import explain
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
from opsanalytics.budget.notes import forecast_notes, missing_notes, view_notes, week_notes
from opsanalytics.budget.result import BudgetVariance
from opsanalytics.budget.structure import centre_names
from opsanalytics.formats import ALL, TOTAL, UNASSIGNED
from opsanalytics.settings import Settings

_NOTHING: Mapping[str, pd.DataFrame] = MappingProxyType({})


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
    marked one-off out of AC and PY. `prior` holds the frames that the run before left, `ledger` the checked ledger
    lines. Raises LookupError for an entity or a budget version that does not exist, naming those that do, and
    ValueError for an unknown view.
    """
    refuse_unknown(tables, entity=entity, structure=structure, one_offs=one_offs)
    source, prior = Source(actuals, tables, settings, period), _NOTHING if prior is None else prior
    calendar = settings.calendar

    # The sides in one form, cut to the entity
    company = source.leaves(source.seen(one_offs), structure)
    budget = source.plan()
    planned = source.leaves(budget.months, structure)
    missing = {
        scenario: of_entity(cells, entity).reset_index(drop=True)
        for scenario, cells in lacking(source, company, planned).items()
    }
    actual, plan = of_entity(company, entity), of_entity(planned, entity)
    last_year = prior_year_actual(actual, calendar)
    ahead, past = _forecasts(source, prior, one_offs)
    forecast = of_entity(source.leaves(past, structure), entity)
    open_months = of_entity(source.leaves(ahead.lines, structure), entity)

    # Added up and compared
    found = book(
        {"PY": _cents(last_year), "PL": _cents(plan), "AC": _cents(actual), "FC": forecast, "open": open_months},
        calendar=calendar,
        period=period,
        forecast=frozenset(past["period"]),
        outlook=not ahead.methods.empty,
    )
    sums = amounts(found)
    names = _names(tables, settings, period, found.leaves)
    own = ahead.of(entity)

    # Why, what was reported before, and what products cost
    why = explain(actual, plan, last_year, tables, settings, period=period, entity=entity, missing=missing)
    before = _restated(source, prior, company, entity, structure, one_offs)
    costs = _activity_costs(source, entity)

    compared = BudgetVariance(
        period=period,
        entity=entity,
        currency=settings.currency,
        minor_digits=settings.minor_digits,
        materiality=settings.materiality,
        structure=structure,
        one_offs=one_offs,
        amounts=sums,
        variances=variances(found, missing, names, settings.materiality),
        monthly=monthly(found),
        forecast=forecast.reset_index(drop=True),
        outlook=_against_plan(_moved(own.totals, sums), sums),
        outlook_lines=open_months.reset_index(drop=True),
        outlook_accuracy=own.accuracy,
        crossed=crossed(found),
        drivers=why.drivers,
        bridges=why.bridges,
        restated=before.restated,
        movement=before.movement,
        flags=typed(pd.DataFrame(columns=["rule", *LINE, "why", "others"])),
        largest=typed(pd.DataFrame(columns=["dimension", "item", "item2", "rank", *LINE])),
        comments=pd.DataFrame(),
        drafts=pd.DataFrame(),
        draft_numbers=pd.DataFrame(),
        activity_rates=costs.activity_rates,
        activity_costs=costs.activity_costs,
        phasing=_rules_of(budget.rules, plan),
        missing=tuple(m for m in calendar.year_months(period) if m in set(missing["AC"]["period"])),
        missing_at=missing["AC"],
        notes=(
            *view_notes(structure, one_offs, _one_off(source, structure, entity), settings, period),
            *missing_notes(actual, missing["AC"]),
            *week_notes(calendar, period),
            *forecast_notes(forecast),
            *why.notes,
            *((before.note,) if before.note else ()),
        ),
    )

    # The ledger lines behind it, and the words
    return _in_words(_with_lines(compared, source, actual, ledger), source, prior, company)


def _one_off(source: Source, structure: str, entity: str) -> pd.DataFrame:
    return of_entity(source.leaves(source.one_off(), structure), entity)


def _restated(
    source: Source,
    prior: Mapping[str, pd.DataFrame],
    company: pd.DataFrame,
    entity: str,
    structure: str,
    one_offs: str,
) -> Restatement:
    """Set the ledger against the one that the last pack was made of, both in today's structure."""
    calendar, period = source.settings.calendar, source.period
    if "actuals" not in prior or prior["actuals"].empty:
        return restatements(None, company, period=period, prior_period=None, calendar=calendar)
    earlier = prior["actuals"]
    run = prior.get("run", pd.DataFrame())
    last = str(run["period"].iloc[0]) if len(run) else str(earlier["period"].max())
    if len(run) and (run["currency"].iloc[0], run["minor_digits"].iloc[0]) != _unit(source.settings):
        found = restatements(None, company, period=period, prior_period=None, calendar=calendar)
        then, now = run["currency"].iloc[0], source.settings.currency
        return dataclasses.replace(found, note=f"The last pack is in {then}, this one in {now}: no movement is shown.")
    return restatements(
        of_entity(source.leaves(without(earlier, one_offs), structure), entity),
        of_entity(company, entity),
        period=period,
        prior_period=last,
        calendar=calendar,
        reported_since=str(earlier["period"].min()),
    )


def _unit(settings: Settings) -> tuple[str, int]:
    return settings.currency, settings.minor_digits


def _activity_costs(source: Source, entity: str) -> ActivityCosts:
    """Return what the pools cost the products in each month to date; they know no site, so for the whole only."""
    columns = ["period", "pool", "product", "pool_cost_cents", "driver", "driver_quantity"]
    rows = source.tables.get("activities", pd.DataFrame(columns=columns))
    months = source.settings.calendar.months(source.period, "ytd") if entity == ALL else ()
    return activity_costs(rows[rows["period"].isin(months)], minor_digits=source.settings.minor_digits)


def _with_lines(found: BudgetVariance, source: Source, actual: pd.DataFrame, ledger: Path | None) -> BudgetVariance:
    """Add the ledger lines to look at, and those behind each material variance."""
    if ledger is None:
        return found
    calendar, places = source.settings.calendar, actual[["period", "cost_centre", "account", "pl_line", "type"]]
    return dataclasses.replace(
        found,
        flags=ledger_flags(
            ledger,
            source.tables["accounts"],
            period=found.period,
            calendar=calendar,
            places=None if found.entity == ALL else places,
            floor_cents=found.materiality.amount_cents // 10,
            minor_digits=found.minor_digits,
        ),
        largest=largest_lines(ledger, found.comparable, places, period=found.period, calendar=calendar),
    )


def _in_words(
    found: BudgetVariance, source: Source, prior: Mapping[str, pd.DataFrame], company: pd.DataFrame
) -> BudgetVariance:
    """Add the analysts' comments, this month's and those of the run before, and the drafts."""
    written = [frames["commentary"] for frames in (prior, source.tables) if "commentary" in frames]
    sites = set(company["site"]) - {UNASSIGNED}
    comments = comments_on(
        pd.concat(written, ignore_index=True) if written else None,
        found.comparable,
        period=found.period,
        entity=found.entity,
        materiality_cents=found.materiality.amount_cents,
        also=[ALL, *sites] if len(sites) == 1 and found.entity in {ALL, *sites} else [],
    )
    drafts, numbers = draft_commentary(found, source.tables["accounts"])
    return dataclasses.replace(found, comments=comments, drafts=drafts, draft_numbers=numbers)


def _forecasts(source: Source, prior: Mapping[str, pd.DataFrame], one_offs: str) -> tuple[Outlook, pd.DataFrame]:
    """Return the company's outlook at PERIOD, and what the months to date were forecast to be before they began.

    Both see each cost centre with all its history at the place it has at the end of PERIOD.
    """
    calendar, period = source.settings.calendar, source.period
    company = source.leaves(source.seen(one_offs), AS_CURRENT)
    missing = lacking(source, company, source.leaves(source.plan().months, AS_CURRENT))["AC"]
    months = frozenset(company["period"].unique())
    ahead = outlook(company, source.plan_at, period=period, calendar=calendar, missing=missing, ledger=months)

    def reconstruct(cutoffs: Sequence[str]) -> pd.DataFrame:
        return next_months(company, source.plan_at, cutoffs=cutoffs, calendar=calendar, missing=missing, ledger=months)

    return ahead, forecasts_on_record(prior, period=period, calendar=calendar, reconstruct=reconstruct)


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


def _rules_of(rules: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    line = ["cost_centre", "account"]
    own = pd.MultiIndex.from_frame(rules[line]).isin(pd.MultiIndex.from_frame(plan[line]))
    return rules[own].reset_index(drop=True)

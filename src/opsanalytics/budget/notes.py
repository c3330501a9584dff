"""Notes: sentences that say what the figures leave out, or take for granted, in this month's data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import pandas as pd

from opsanalytics.budget.leaves import AS_CURRENT, WITHOUT
from opsanalytics.budget.ledger.restatement import PRIOR_YTD, RESTATED, STRUCTURE, Restatement
from opsanalytics.formats import UNASSIGNED, exact_money, listed, money, month_name
from opsanalytics.periods import Calendar, prior_year, shift
from opsanalytics.settings import Settings


def missing_notes(sides: Mapping[str, pd.DataFrame], lacking: pd.DataFrame) -> Iterator[str]:
    """Name accounts of no type in any side (by scenario), and months without ledger lines (`lacking`: site, period)."""
    untyped: dict[str, list[str]] = {}
    for scenario, side in sides.items():
        for account in side.loc[side["type"] == UNASSIGNED, "account"].unique():
            untyped.setdefault(str(account), []).append(scenario)
    if untyped:
        named = ", ".join(f"{account} ({', '.join(untyped[account])})" for account in sorted(untyped))
        yield f"No type is known for account {named}: it counts in no revenue, cost or result."
    for month, sites in lacking.groupby("period")["site"]:
        yield f"{month_name(str(month))} has no ledger lines for {', '.join(sites)}: missing is not zero."


def prior_year_notes(last_year: pd.DataFrame, lacking: pd.DataFrame, ledger: Collection[str]) -> Iterator[str]:
    """Name the months that PY of the full year, and of the rest of the year, is without, where it stands at all.

    `lacking` ([site, period]) is at the months compared with, as `last_year` is; `ledger` names the months there are.
    """
    if last_year.empty or lacking.empty:
        return
    months = lacking["period"].map(prior_year)
    nobody = ~months.isin(ledger)
    parts = [("", months[nobody])]
    parts += [(f" for {site}", part) for site, part in months[~nobody].groupby(lacking["site"])]
    for whose, held in parts:
        if len(held):
            named = listed([month_name(month) for month in sorted(held.unique())])
            yield f"The ledger has no lines of {named}{whose}: PY of the full year is the sum of the other months."


def view_notes(structure: str, one_offs: str, one_off: pd.DataFrame, settings: Settings, period: str) -> Iterator[str]:
    """Say which view is shown, and what leaving out the one-off lines takes out (`one_off`: type, period, cents)."""
    if structure == AS_CURRENT:
        yield f"Every month is shown in the structure in force at the end of {month_name(period)}."
    if one_offs != WITHOUT:
        return
    spans = {"AC": settings.calendar.months(period, "ytd")}
    spans["PY"] = tuple(prior_year(month) for month in spans["AC"])
    taken = []
    for scenario, months in spans.items():
        sums = one_off[one_off["period"].isin(months)].groupby("type")["amount_cents"].sum()
        taken += [
            f"{exact_money(int(sums[kind]), settings.currency, settings.minor_digits)} of {kind} from {scenario}"
            for kind in ("revenue", "cost")
            if kind in sums.index
        ]
    yield f"Lines marked one-off are left out: {listed(taken) or 'none'}, year to date."


def week_notes(calendar: Calendar, period: str) -> Iterator[str]:
    """Say where a 53rd week of this year or the last one touches the comparison with the prior year."""
    year = calendar.fiscal_period(period).year
    before, now = calendar.week_53(year - 1), calendar.week_53(year)
    if before is not None:
        kept, whole = calendar.weeks(shift(before, 12)), calendar.weeks(before)
        yield (
            f"Fiscal year {year - 1} had a 53rd week: PY of {month_name(shift(before, 12))} is {kept} of the "
            f"{whole} weeks of {month_name(before)}."
        )
    if now is not None and now == period:
        yield (
            f"{month_name(now)} holds the 53rd week of fiscal year {year}, which PY does not have: like for like "
            f"compares {calendar.weeks(prior_year(now))} of its {calendar.weeks(now)} weeks."
        )


def forecast_notes(forecast: pd.DataFrame, chart: Collection[str], why: str) -> Iterator[str]:
    """Name the months whose forecast was made now, and the accounts forecast that the chart no longer holds.

    `forecast`: LEAF, period, reconstructed; `chart`: the accounts known; `why`: why forecasts on record are not used.
    """
    months = sorted(forecast.loc[forecast["reconstructed"], "period"].unique())
    if months:
        named = listed([month_name(str(month)) for month in months])
        reason = f"{why}: FC of {named}" if why else f"No forecast of {named} is on record: FC"
        yield f"{reason} is made now from what was known before the month."
    gone = sorted(set(forecast["account"]) - set(chart))
    if gone:
        yield (
            f"The forecasts on record hold account {', '.join(gone)}, which the chart of accounts does not: FC keeps "
            "the P&L line and the type that it had."
        )


def restatement_notes(
    found: Restatement, printed: Mapping[str, int] | None, period: str, settings: Settings
) -> Iterator[str]:
    """Say from where the movement starts, what chart and structure do to it, and what was restated in PY's months."""
    if found.note:
        yield found.note
    start = found.moved(PRIOR_YTD)
    if start and printed is None:
        yield (
            "The last pack's year to date is not on record in this view: the movement starts from that pack's ledger, "
            "in the chart of accounts and structure of now."
        )
    structure = _amounts(found.moved(STRUCTURE), settings)
    if structure:
        yield f"Chart of accounts or structure changed since the last pack: its year to date moves by {structure}."
    for horizon, name in (("ytd", "year to date"), ("fy", "full year")):
        months = settings.calendar.months(prior_year(period), horizon)
        moved = _amounts(_changes(found.restated, months), settings)
        if moved:
            yield f"What was restated in last year's months is {moved} in PY, {name}."


def _changes(restated: pd.DataFrame, months: Sequence[str]) -> Mapping[str, int]:
    """Add up what was restated in `months`, by type."""
    rows = restated[(restated["kind"] == RESTATED) & restated["period"].isin(months)]
    return {str(kind): int(cents) for kind, cents in rows.groupby("type")["change_cents"].sum().items()}


def _amounts(cents: Mapping[str, int], settings: Settings) -> str:
    """Write "+1.00 EUR of revenue and -2.00 EUR of cost"; what is zero is left out."""
    digits, currency = settings.minor_digits, settings.currency
    return listed(
        [
            f"{money(cents[kind], digits, signed=True)} {currency} of {kind}"
            for kind in ("revenue", "cost")
            if cents.get(kind)
        ]
    )

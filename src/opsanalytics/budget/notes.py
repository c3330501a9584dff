"""Notes: sentences that say what the figures leave out, or take for granted, in this month's data."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from opsanalytics.budget.leaves import AS_CURRENT, WITHOUT
from opsanalytics.formats import UNASSIGNED, exact_money, listed, month_name
from opsanalytics.periods import Calendar, prior_year, shift
from opsanalytics.settings import Settings


def missing_notes(actual: pd.DataFrame, lacking: pd.DataFrame) -> Iterator[str]:
    """Name accounts of no type, and months without ledger lines (`lacking`: site, period)."""
    untyped = sorted(actual.loc[actual["type"] == UNASSIGNED, "account"].unique())
    if untyped:
        yield f"No type is known for account {', '.join(untyped)}: it counts in no revenue, cost or result."
    for month, sites in lacking.groupby("period")["site"]:
        yield f"{month_name(str(month))} has no ledger lines for {', '.join(sites)}: missing is not zero."


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


def forecast_notes(forecast: pd.DataFrame) -> Iterator[str]:
    """Name the months whose forecast was not on record (`forecast`: period, reconstructed)."""
    months = sorted(forecast.loc[forecast["reconstructed"], "period"].unique())
    if months:
        named = listed([month_name(str(month)) for month in months])
        yield f"No forecast of {named} is on record: FC is made now from what was known before the month."

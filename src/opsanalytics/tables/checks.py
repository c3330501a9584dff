"""What was read: faults, control totals, and what is off for want of a table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import ALL, counted, is_missing, listed, money, month_name
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance
    from opsanalytics.demand import DemandForecast
    from opsanalytics.demand.value.added import ForecastValue
    from opsanalytics.sources import Inputs
    from opsanalytics.staffing import StaffingForecast

#: What each further table switches on, by notebook. The tables that a notebook cannot do without are `schemas.NEEDS`.
SWITCHES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "01_budget_variance": MappingProxyType(
            {
                "control_totals": "the check of the ledger against control totals",
                "sales": "volume, mix and price of revenue",
                "payroll": "headcount, rate and overtime of payroll",
                "drivers": "the flexible budget, which tells volume from spending",
                "standard_costs": "price and usage, rate and efficiency against standard",
                "fx_rates": "the effect of exchange rates",
                "activities": "activity costs of products",
                "commentary": "the analysts' comments",
            }
        ),
        "02_seasonal_demand": MappingProxyType(
            {
                "services": "the names and units of services",
                "events": "holidays, campaigns and closures beyond the country's calendar",
            }
        ),
        "03_staffing_forecast": MappingProxyType(
            {
                "roster": "the gap between required and rostered staff",
                "opening_hours": "required staff in opening hours only",
            }
        ),
    }
)


def off_sentence(inputs: Inputs, notebook: str) -> str:
    """What is off in this notebook, and for want of which table?"""
    missing = [
        f"Off: {analysis}, because there is no {table} table."
        for table, analysis in SWITCHES.get(notebook, {}).items()
        if not inputs.has(table)
    ]
    return paragraph(missing) or "Nothing is off for want of a table."


def notes_sentence(result: BudgetVariance | DemandForecast | ForecastValue | StaffingForecast) -> str:
    """What did the analysis leave out, fall back on or put right?"""
    return paragraph(result.notes) or "Nothing was left out."


def services(result: DemandForecast | StaffingForecast) -> list[tuple[str, str]]:
    """Return site and service of everything that the result has a month of, by name: one chart each."""
    pairs = result.monthly[["site", "service"]].drop_duplicates().sort_values(["site", "service"])
    return [(str(site), str(service)) for site, service in zip(pairs["site"], pairs["service"], strict=True)]


def faults_sentence(inputs: Inputs) -> str:
    """Was every row fit to be used?"""
    if inputs.faults.empty:
        return "Every row was accepted."
    counts = inputs.faults.groupby("severity").size()
    said = [counted(counts["error"], "error")] if "error" in counts else []
    said += [f"{counted(counts['quarantined'], 'row')} quarantined"] if "quarantined" in counts else []
    notes = counted(counts["note"], "note") if "note" in counts else ""
    if not said:
        return f"Every row was accepted; {notes}."
    tables = listed(sorted(inputs.faults.loc[inputs.faults["severity"] != "note", "table"].unique()))
    said += [notes] if notes else []
    return paragraph([f"Faults in {tables}: {listed(said)}; the figures are without the rows in quarantine."])


def reliance_sentence(inputs: Inputs) -> str:
    """What are the figures without? Nothing is said where every row was accepted and every control total is known."""
    rows = inputs.quarantine.groupby("table").size()
    said = [counted(int(rows[table]), f"{table} row") for table in sorted(rows.index)]
    left = int(rows.sum())
    parts = [f"{listed(said)} {'is' if left == 1 else 'are'} in quarantine"] if left else []
    unknown = int((~inputs.control["known"].astype(bool)).sum())
    if unknown:
        parts.append(f"{counted(unknown, 'control total')} {'is' if unknown == 1 else 'are'} not known")
    if not parts:
        return ""
    without = f": the figures are without {'it' if left == 1 else 'them'}" if left else ""
    return f"{' and '.join(parts)}{without}."


def faults_table(inputs: Inputs) -> pd.DataFrame:
    """List every fault: where it is, which rule it breaks, the value, and what to do about it."""
    columns = ["severity", "table", "file", "row", "column", "rule", "value", "remedy"]
    rows = [["" if is_missing(cell) else str(cell) for cell in row] for row in inputs.faults[columns].to_numpy()]
    return text_frame(rows, [name.capitalize() for name in columns])


def control_table(inputs: Inputs, period: str, entity: str = ALL) -> pd.DataFrame:
    """Set out the control totals of one month: what the source states, what was accepted and what is in quarantine."""
    rows = _control(inputs, period, entity)
    digits, currency = inputs.settings.minor_digits, inputs.settings.currency
    lines = []
    for _, r in rows.iterrows():
        known = bool(r["known"])
        names = ["" if is_missing(r[key]) else str(r[key]) for key in ("site", "type")]
        cents = [
            r["stated_cents"],
            r["accepted_cents"],
            r["quarantined_cents"],
            r["difference_cents"] if known else None,
        ]
        agrees = ("yes" if r["agrees"] else "no") if known else "not known"
        lines.append([month_name(period), *names, *(money(c, digits) for c in cents), agrees])
    heads = [f"{head} {currency}" for head in ("Stated", "Accepted", "Quarantined", "Difference")]
    return text_frame(lines, ["Month", "Site", "Type", *heads, "Agrees"])


def control_sentence(inputs: Inputs, period: str, entity: str = ALL) -> str:
    """Does the ledger agree with the control totals of the month?"""
    if not inputs.has("control_totals"):
        return "Control totals are off: there is no control_totals table."
    rows = _control(inputs, period, entity)
    if rows.empty:
        return f"No control total is given for {month_name(period)}."
    agreeing = int((rows["known"].astype(bool) & rows["agrees"].astype(bool)).sum())
    return f"{_agreeing(agreeing, len(rows), f'control total of {month_name(period)}')} to the cent."


def proof_sentence(proof: pd.DataFrame) -> str:
    """How many rows of a proof agree?"""
    rows = proof[proof["Agrees"] != ""]
    if rows.empty:
        return "There is nothing to add up."
    wrong = int((rows["Agrees"] != "yes").sum())
    more = "" if not wrong else " See the row that does not." if wrong == 1 else " See the rows that do not."
    return f"{_agreeing(len(rows) - wrong, len(rows), 'check')}.{more}"


def _agreeing(agreeing: int, count: int, noun: str) -> str:
    """Write "3 of 3 checks agree", "the one check agrees"."""
    if count == 1:
        return f"The one {noun} {'agrees' if agreeing else 'does not agree'}"
    head, _, tail = noun.partition(" of ")
    return f"{agreeing} of {count} {head}s{f' of {tail}' if tail else ''} agree"


def _control(inputs: Inputs, period: str, entity: str) -> pd.DataFrame:
    rows: pd.DataFrame = inputs.control[inputs.control["period"] == period]
    return rows if entity == ALL else rows[rows["site"] == entity]

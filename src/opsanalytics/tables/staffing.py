"""Staffing in words and tables. Staff that a forecast calls for is rounded to two figures in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import (
    about,
    about_money,
    entity_name,
    is_missing,
    money,
    money_unit,
    month_name,
    number,
    unit_name,
)
from opsanalytics.periods import Calendar, shift
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.staffing import StaffingForecast

_SAID = 6
_MEDIAN = 0.5
_DAY = "%a %d %b %Y"


def staffing_sentence(staffing: StaffingForecast) -> str:
    """How many people does next month take, what do they cost, and when is the peak?"""
    following = shift(staffing.period, 1)
    rows = staffing.monthly[staffing.monthly["period"] == following]
    if rows.empty:
        where = f"{month_name(following)}, {entity_name(staffing.entity)}"
        return f"{where}: required staff is off, because no service has both a forecast and a standard."
    sentences = [_total_sentence(staffing, rows, following)]
    for _, r in rows.sort_values(["site", "service"]).head(_SAID).iterrows():
        sentences.append(f"{_label(staffing, r['site'], r['service'])}: {_staff(r)}.")
    if len(rows) > _SAID:
        sentences.append(f"{len(rows) - _SAID} more stand in the table.")
    return paragraph(sentences)


def staffing_table(staffing: StaffingForecast, *, months: int = 6) -> pd.DataFrame:
    """Set out hours, FTE and cost of each service for the months to come."""
    periods = [shift(staffing.period, k) for k in range(1, months + 1)]
    rows = staffing.monthly[staffing.monthly["period"].isin(periods)]
    rows = rows.sort_values(["site", "service", "period"], kind="stable")
    unit = money_unit(rows["staff_cost_cents"], staffing.minor_digits)
    lines = []
    for _, r in rows.iterrows():
        cost = money(r["staff_cost_cents"], staffing.minor_digits, unit)
        hours, staff = number(_value(r["required_hours"])), number(_value(r["required_fte"]), 1)
        lines.append([entity_name(str(r["site"])), str(r["service"]), month_name(str(r["period"])), hours, staff, cost])
    heads = ["Site", "Service", "Month", "Hours", "FTE", f"Cost {unit_name(staffing.currency, unit)}"]
    return text_frame(lines, heads)


def gap_sentence(staffing: StaffingForecast) -> str:
    """Does the roster cover what is required? Or the reason why that is not said."""
    gaps = staffing.gaps[staffing.gaps["rostered"].notna()]
    if gaps.empty:
        return "The gap to the roster is off: there is no roster for the days to come."
    sentences = []
    for (site, service), part in gaps.groupby(["site", "service"], dropna=False):
        short = part[part["rostered"] < part["scheduled"]]
        count = f"{number(len(short))} of {number(len(part))}"
        unit, clock = ("days", _DAY) if _by_day(part["ds"]) else ("intervals", f"{_DAY} %H:%M")
        text = f"{_label(staffing, site, service)}: {count} rostered {unit} are short"
        if len(short):
            worst = short.assign(lack=short["scheduled"] - short["rostered"])
            row = worst.sort_values(["lack", "ds"], ascending=[False, True], kind="stable").iloc[0]
            text += f", the worst by {number(float(row['lack']))} on {row['ds'].strftime(clock)}"
        sentences.append(f"{text}.")
    return paragraph(sentences)


def gap_table(staffing: StaffingForecast, *, top: int = 20) -> pd.DataFrame:
    """List the intervals that are shortest of staff: required at work, to be scheduled, rostered, short by."""
    gaps = staffing.gaps[staffing.gaps["rostered"].notna()]
    short = gaps.assign(lack=gaps["scheduled"] - gaps["rostered"])
    short = short[short["lack"] > 0].sort_values(["lack", "ds", "site", "service"], ascending=[False, True, True, True])
    by_day = gaps.groupby(["site", "service"], dropna=False)["ds"].transform(_by_day)
    starts = gaps["ds"].dt.strftime(_DAY).where(by_day.astype(bool), gaps["ds"].dt.strftime(f"{_DAY} %H:%M"))
    lines = []
    for place, r in short.head(top).iterrows():
        staff = [number(_value(r[column])) for column in ("required", "scheduled", "rostered", "lack")]
        lines.append([entity_name(str(r["site"])), str(r["service"]), str(starts[place]), *staff])
    heads = ["Site", "Service", "Start", "Required at work", "To be scheduled", "Rostered", "Short by"]
    return text_frame(lines, heads)


def _by_day(starts: pd.Series) -> bool:
    """Does every interval start at midnight, so that it is a day?"""
    return bool((starts == starts.dt.normalize()).all())


def staffing_adds_up(staffing: StaffingForecast, calendar: Calendar) -> pd.DataFrame:
    """Do the months equal the intervals they are made of? Hours and cost of every service, median, base scenario.

    Columns: Site, Service, Months, Hours, Hours of the intervals, Cost, Cost of the intervals, Agrees (hours to a
    thousandth, cost to a cent an interval).
    """
    plan = staffing.plan[(staffing.plan["scenario"] == "base") & ((staffing.plan["quantile"] - _MEDIAN).abs() < 1e-9)]
    days = plan["ds"].dt.strftime("%Y-%m-%d")
    plan = plan.assign(period=days.map({day: calendar.period_of(day) for day in days.unique()}))
    name = staffing.currency
    rows = []
    for (site, service), months in staffing.monthly.groupby(["site", "service"], dropna=False):
        parts = plan[(plan["site"] == site) & (plan["service"] == service) & plan["period"].isin(months["period"])]
        hours, part_hours = float(months["required_hours"].sum()), float(parts["hours"].sum())
        cost, part_cost = _cents(months["staff_cost_cents"]), _cents(parts["cost_cents"])
        agrees = abs(hours - part_hours) <= max(hours, 1.0) / 1000
        if cost is not None and part_cost is not None:
            agrees = agrees and abs(cost - part_cost) <= len(parts)
        written = [money(c, staffing.minor_digits) for c in (cost, part_cost)]
        counted = [str(len(months)), number(hours, 1), number(part_hours, 1)]
        rows.append([entity_name(str(site)), str(service), *counted, *written, "yes" if agrees else "no"])
    heads = ["Months", "Hours", "Hours of the intervals", f"Cost {name}", f"Cost of the intervals {name}"]
    return text_frame(rows, ["Site", "Service", *heads, "Agrees"])


def _total_sentence(staffing: StaffingForecast, rows: pd.DataFrame, period: str) -> str:
    known = rows["required_fte"].dropna()
    text = f"{month_name(period)}, {entity_name(staffing.entity)}: "
    text += f"{about(float(known.sum()))} FTE required" if len(known) else "FTE n.a."
    cost = _cents(rows["staff_cost_cents"])
    return f"{text}{'' if cost is None else f', at a cost of {_cost(staffing, cost)}'}."


def _staff(row: pd.Series) -> str:
    staff = _value(row["required_fte"])
    if staff is None:
        return f"{about(_value(row['required_hours']))} hours (FTE n.a.)"
    return f"{about(staff)} FTE"


def _cost(staffing: StaffingForecast, cents: int) -> str:
    """Write a cost that is only known roughly, in the unit of the months' totals."""
    totals = staffing.monthly.groupby("period")["staff_cost_cents"].sum(min_count=1)
    unit = money_unit(totals, staffing.minor_digits)
    return f"{about_money(cents, staffing.minor_digits, unit)} {unit_name(staffing.currency, unit)}"


def _cents(values: pd.Series) -> int | None:
    known = values.dropna()
    return int(known.sum()) if len(known) else None


def _value(value: object) -> float | None:
    return None if is_missing(value) else float(value)  # type: ignore[arg-type]


def _label(staffing: StaffingForecast, site: object, service: object) -> str:
    return str(service) if site == staffing.entity else f"{service}, {site}"

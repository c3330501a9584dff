"""Services: the forecast of one service at one site as work, and as the people, hours and cost of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from opsanalytics.formats import listed
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.costs import FTE_MONTHS, costed, family, periods_of
from opsanalytics.staffing.forecast.result import PLAN, QUANTILES
from opsanalytics.staffing.forecast.work import Work
from opsanalytics.staffing.people.clock import times_on_clock
from opsanalytics.staffing.standards import Standard, Tables, in_force, open_at, open_days, standards_of

BASE = "base"


@dataclass(frozen=True)
class Service:
    """The work of one service at one site, in the order of its standards' dates, and notes on what was left out.

    `partial` are the months of which only a part is forecast and staffed.
    """

    site: str
    service: str
    works: tuple[Work, ...]
    partial: frozenset[str]
    notes: tuple[str, ...]


def service_of(rows: pd.DataFrame, tables: Tables, settings: Settings, site: str, service: str, zone: str) -> Service:
    """Take a service's forecast apart into work: each standard gets the rows of the dates on which it is in force.

    Raises StaffingError where the service has no standard that can be used.
    """
    standards, notes = standards_of(tables, site, service)
    notes += _missing_bounds(rows, f"{service} at {site}")
    demand, rows = rows, rows[rows["yhat"].notna()].sort_values("ds", kind="stable")
    place = in_force(standards, pd.DatetimeIndex(rows["ds"]))
    if (place < 0).any():
        first = pd.Timestamp(standards[0].valid_from or 0)
        notes.append(
            f"{service} at {site} has no standard before {first:%Y-%m-%d}: give one with an earlier valid_from."
        )
    works = list[Work]()
    for k, standard in enumerate(standards):
        own = rows[place == k]
        if len(own):
            found, remarks = _works(own, standard, tables, settings, zone)
            works += found
            notes += remarks
    if not works:
        return Service(site, service, (), frozenset(), tuple(notes))
    partial, remarks = _partial_months(works, demand, settings, f"{service} at {site}")
    notes += remarks + _changes_within(works, standards)
    return Service(site, service, tuple(works), partial, tuple(notes))


def plan_of(service: Service, settings: Settings) -> pd.DataFrame:
    """Return the people, paid hours, FTE and cost of a service, row by row, and whether its month is `whole`."""
    pieces = [costed(work.rows, work.staff(work.standard), work.standard, settings) for work in service.works]
    if not pieces:
        return pd.DataFrame(columns=[*PLAN, "period", "fte", "whole"])
    plan = pd.concat(pieces, ignore_index=True)
    whole = ~plan["period"].isin(service.partial)
    return plan.assign(site=service.site, service=service.service, scenario=BASE, whole=whole)


def _missing_bounds(rows: pd.DataFrame, who: str) -> list[str]:
    """Name the quantiles that the forecast does not have in all of its rows."""
    counts = {quantile: int(rows[column].isna().sum()) for quantile, column in QUANTILES.items() if column in rows}
    return [
        f"{who}: {count:,} of the forecast's {len(rows):,} rows have no {QUANTILES[quantile]}; they are not staffed "
        f"for the quantile {quantile:g}. A longer history gives the forecast its intervals."
        for quantile, count in counts.items()
        if count
    ]


def _changes_within(works: Sequence[Work], standards: Sequence[Standard]) -> list[str]:
    """Name the standards that begin inside a week, month or quarter, whose first day decides."""
    notes = []
    for freq, rows in pd.concat([work.rows for work in works]).groupby("freq", sort=True):
        starts = pd.DatetimeIndex(rows["ds"].unique())
        ends = starts + to_offset(str(freq))
        for standard in standards:
            begin = standard.valid_from
            inside = starts[:0] if begin is None else starts[(starts < begin) & (ends > begin)]
            if len(inside):
                notes.append(
                    f"{standard.service} at {standard.site}: the standard of {begin:%Y-%m-%d} begins within the "
                    f"forecast from {inside[0]:%Y-%m-%d}, all of which goes by the standard before it. "
                    "Let it begin with the period, or give daily demand."
                )
    return notes


def _works(
    rows: pd.DataFrame, standard: Standard, tables: Tables, settings: Settings, zone: str
) -> tuple[list[Work], list[str]]:
    """Return the work of the rows of one standard, and notes."""
    who = f"{standard.service} at {standard.site}"
    lengths = {str(freq): seconds_of(str(freq)) for freq in rows["freq"].unique()}
    fine = sorted((freq for freq, length in lengths.items() if length), key=lambda freq: lengths[freq])
    coarse = [freq for freq in lengths if not lengths[freq]]
    if standard.method == "backlog":
        if "D" not in lengths:
            return [], [
                f"{who} has no daily forecast, which the method backlog needs: use workload, or give daily demand."
            ]
        return [_backlog(rows[rows["freq"] == "D"], standard, tables, settings)], []
    if standard.method.startswith("erlang") and not fine:
        return [], [
            f"{who} has no forecast by interval (only {', '.join(coarse)}), which {standard.method} needs: "
            "give half-hourly demand, or use the method workload."
        ]
    works, notes = list[Work](), list[str]()
    if fine:
        work, notes = _intervals(rows[rows["freq"] == fine[0]], standard, tables, settings, zone)
        works.append(work)
        rows = rows[rows["ds"] >= rows.loc[rows["freq"] == fine[0], "ds"].max().normalize() + pd.Timedelta(days=1)]
    if coarse and standard.method == "workload":
        longest = sorted(coarse, key=lambda freq: FTE_MONTHS.get(family(freq), Fraction(9)))[0]
        rest = _by_quantile(rows[rows["freq"] == longest], settings)
        if len(rest):
            works.append(Work(rest, standard, "periods", np.empty(0), np.empty(0, dtype=bool)))
    return [work for work in works if len(work.rows)], notes


def seconds_of(freq: str) -> float:
    """Length of an interval in seconds; 0 for a day and longer, whose length is not fixed."""
    offset = to_offset(freq)
    return pd.Timedelta(offset).total_seconds() if isinstance(offset, pd.offsets.Tick) else 0.0


def _intervals(
    rows: pd.DataFrame, standard: Standard, tables: Tables, settings: Settings, zone: str
) -> tuple[Work, list[str]]:
    """Return the work of intervals, each of its length in real time; those that the clocks skip are none."""
    who, length = f"{standard.service} at {standard.site}", seconds_of(str(rows["freq"].iloc[0]))
    times, notes = times_on_clock(pd.DatetimeIndex(rows["ds"]), zone), list[str]()
    ghosts = int(((times == 0) & (rows["yhat"].to_numpy() > 0)).sum())
    if ghosts:
        notes.append(
            f"{who}: intervals that do not exist because the clocks go forward in {zone} are not staffed "
            f"({ghosts} of the forecast)."
        )
    work = _by_quantile(rows.assign(seconds=length * times)[times > 0], settings, ["seconds"])
    seconds = work.pop("seconds").to_numpy(dtype=np.float64)
    if standard.method == "workload":
        return Work(work, standard, "intervals", seconds, np.ones(len(work), dtype=bool)), notes
    opened = open_at(tables, standard.site, standard.service, pd.DatetimeIndex(work["ds"]))
    opened = np.ones(len(work), dtype=bool) if opened is None else opened
    shut_out = work.loc[~opened & (work["quantile"] == 0.5), "volume"].sum()
    if shut_out >= 0.5:
        notes.append(f"{who}: a volume of {shut_out:,.0f} is forecast outside the opening hours and not staffed.")
    return Work(work, standard, "queue", seconds, opened), notes


def _backlog(rows: pd.DataFrame, standard: Standard, tables: Tables, settings: Settings) -> Work:
    """Return the work of days that may wait; a quantile that lacks a day is left out, for it would wait unknown."""
    work = _by_quantile(rows, settings)
    held = work.groupby("quantile")["ds"].transform("size") == len(rows)
    work = work[held].reset_index(drop=True)
    opened = open_days(tables, standard.site, standard.service, pd.DatetimeIndex(work["ds"]))
    return Work(work, standard, "backlog", np.empty(0), opened)


def _by_quantile(rows: pd.DataFrame, settings: Settings, extra: Sequence[str] = ()) -> pd.DataFrame:
    """Stack the volume at each quantile (never below zero): ds, freq, quantile, volume, period."""
    bare = rows[["ds", "freq", *extra]].assign(period="")
    if len(rows):
        bare["period"] = periods_of(pd.DatetimeIndex(rows["ds"]), str(rows["freq"].iloc[0]), settings)
    stacked = [
        bare.assign(quantile=quantile, volume=rows[column].clip(lower=0).astype("float64"))
        for quantile, column in QUANTILES.items()
        if column in rows
    ]
    work = pd.concat(stacked, ignore_index=True)
    return work[work["volume"].notna()].reset_index(drop=True)


def _partial_months(
    works: Sequence[Work], demand: pd.DataFrame, settings: Settings, who: str
) -> tuple[frozenset[str], list[str]]:
    """Return the months of which only a part is forecast and staffed, and a note on each that says why.

    A month is whole where every day with volume in it is staffed, and no day on which the service works comes before
    the first row of its forecast or after the last. Months and quarters are whole by themselves.
    """
    by_time = demand[~demand["freq"].map(family).isin(("MS", "QS"))]
    work = pd.concat([one.rows for one in works])
    staffed = _days(work[~work["freq"].map(family).isin(("MS", "QS"))])
    if by_time.empty or staffed.empty:
        return frozenset(), []
    forecast, due = _days(by_time), _days(by_time[~(by_time["yhat"] <= 0)])
    first, last, final = forecast.min(), forecast.max(), staffed.max()
    lost = due.difference(staffed)
    early, between, late = lost[lost < staffed.min()], lost[(lost > staffed.min()) & (lost < final)], lost[lost > final]
    rest = f"the forecast by interval ends on {final:%Y-%m-%d}; " if _ends_by_interval(works[-1], demand) else ""
    reasons = (
        (_worked_outside(forecast, due, settings, before=True), f"the demand forecast begins on {first:%Y-%m-%d}"),
        (_worked_outside(forecast, due, settings, before=False), f"the demand forecast ends on {last:%Y-%m-%d}"),
        (early, f"the demand {_span(early)} is not staffed"),
        (between, f"the demand {_span(between)} is not staffed"),
        (late, f"{rest}the demand after {'it' if rest else f'{final:%Y-%m-%d}'} is not staffed"),
    )
    held = {settings.calendar.period_of(day.date()) for day in staffed}
    partial, notes = set[str](), list[str]()
    for days, reason in reasons:
        months = sorted({settings.calendar.period_of(day.date()) for day in days} & held)
        partial.update(months)
        if months:
            verb = "is" if len(months) == 1 else "are"
            notes.append(f"{who}: {reason}, so {listed(months)} {verb} not among the months.")
        elif len(days) and days is late:
            notes.append(f"{who}: {reason}.")
    return frozenset(partial), notes


def _ends_by_interval(work: Work, demand: pd.DataFrame) -> bool:
    """Does the work end because there is no further forecast by interval?"""
    rows = demand[demand["freq"] == work.rows["freq"].iloc[-1]]
    return work.way in ("queue", "intervals") and bool(rows["ds"].max() == work.rows["ds"].max())


def _days(rows: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.DatetimeIndex(rows["ds"]).normalize().unique()).sort_values()


def _worked_outside(
    forecast: pd.DatetimeIndex, due: pd.DatetimeIndex, settings: Settings, *, before: bool
) -> pd.DatetimeIndex:
    """Return the days of the first month before the forecast, or of the last after it, on which the service works.

    It works on the weekdays on which it has volume, of which a forecast shorter than a week says nothing.
    """
    first, last = forecast.min(), forecast.max()
    if last - first < pd.Timedelta(days=6):
        return forecast[:0]
    edge, day = (first if before else last), pd.Timedelta(days=1)
    month = settings.calendar.period_of(edge.date())
    begin, end = settings.calendar.first_day(month), settings.calendar.last_day(month)
    days = pd.date_range(begin, edge - day) if before else pd.date_range(edge + day, end)
    return days[days.day_of_week.isin(due.day_of_week)]


def _span(days: pd.DatetimeIndex) -> str:
    """Write "of 2026-10-05", or "from 2026-10-05 to 2026-10-09"."""
    if len(days) < 2:
        return "".join(f"of {day:%Y-%m-%d}" for day in days)
    return f"from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"

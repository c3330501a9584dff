"""Services: the staff of one service at one site, each standard on the rows of the dates on which it is in force."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.costs import FTE_MONTHS, costed, family, periods_of
from opsanalytics.staffing.forecast.result import PLAN, QUANTILES
from opsanalytics.staffing.numbers import exact_ceiling
from opsanalytics.staffing.people.clock import times_on_clock
from opsanalytics.staffing.people.hours import scheduled_staff
from opsanalytics.staffing.queues.requirement import required_agents
from opsanalytics.staffing.standards import Standard, Tables, in_force, open_at, open_days, standards_of
from opsanalytics.staffing.workload import rolling_capacity, workload_hours


def staffed_service(
    rows: pd.DataFrame, tables: Tables, settings: Settings, site: str, service: str, zone: str
) -> tuple[pd.DataFrame, list[str]]:
    """Staff one service: each standard on the rows of the dates on which it is in force."""
    standards, notes = standards_of(tables, site, service)
    notes += _missing_bounds(rows, f"{service} at {site}")
    rows = rows[rows["yhat"].notna()]
    place = in_force(standards, pd.DatetimeIndex(rows["ds"]))
    if (place < 0).any():
        first = pd.Timestamp(standards[0].valid_from or 0)
        notes.append(
            f"{service} at {site} has no standard before {first:%Y-%m-%d}: give one with an earlier valid_from."
        )
    pieces = []
    for k, standard in enumerate(standards):
        own = rows[place == k]
        if own.empty:
            continue
        work, remarks = _work(own, standard, tables, settings, zone)
        notes.extend(remarks)
        if not work.empty:
            pieces.append(costed(work, standard, settings))
    if not pieces:
        return pd.DataFrame(columns=[*PLAN, "period", "fte", "whole"]), notes
    plan = pd.concat(pieces, ignore_index=True)
    plan, remarks = _whole_months(plan, rows, settings, f"{service} at {site}")
    notes += remarks + _changes_within(plan, standards)
    return plan.assign(site=site, service=service, scenario="base"), notes


def _missing_bounds(rows: pd.DataFrame, who: str) -> list[str]:
    """Name the quantiles that the forecast does not have in all of its rows."""
    counts = {quantile: int(rows[column].isna().sum()) for quantile, column in QUANTILES.items()}
    return [
        f"{who}: {count:,} of the forecast's {len(rows):,} rows have no {QUANTILES[quantile]}; they are not staffed "
        f"for the quantile {quantile:g}. A longer history gives the forecast its intervals."
        for quantile, count in counts.items()
        if count
    ]


def _changes_within(plan: pd.DataFrame, standards: Sequence[Standard]) -> list[str]:
    """Name the standards that begin inside a week, month or quarter, whose first day decides."""
    notes = []
    for freq, rows in plan.groupby("freq", sort=True):
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


def _work(
    rows: pd.DataFrame, standard: Standard, tables: Tables, settings: Settings, zone: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return ds, freq, quantile, volume, required, scheduled and seconds at work, and notes."""
    who = f"{standard.service} at {standard.site}"
    lengths = {str(freq): seconds_of(str(freq)) for freq in rows["freq"].unique()}
    fine = sorted((freq for freq, length in lengths.items() if length), key=lambda freq: lengths[freq])
    coarse = [freq for freq in lengths if not lengths[freq]]
    if standard.method == "backlog":
        if "D" not in lengths:
            return pd.DataFrame(), [
                f"{who} has no daily forecast, which the method backlog needs: use workload, or give daily demand."
            ]
        return _backlog(rows[rows["freq"] == "D"], standard, tables, settings), []
    if standard.method.startswith("erlang") and not fine:
        return pd.DataFrame(), [
            f"{who} has no forecast by interval (only {', '.join(coarse)}), which {standard.method} needs: "
            "give half-hourly demand, or use the method workload."
        ]
    pieces, notes = list[pd.DataFrame](), list[str]()
    if fine:
        intervals, notes = _on_clock(rows[rows["freq"] == fine[0]], lengths[fine[0]], zone, who)
        compute = _queue if standard.method.startswith("erlang") else _intervals
        work, remarks = compute(intervals, standard, tables)
        pieces.append(work)
        notes.extend(remarks)
        rows = rows[rows["ds"] >= rows.loc[rows["freq"] == fine[0], "ds"].max().normalize() + pd.Timedelta(days=1)]
    if coarse and standard.method == "workload":
        longest = sorted(coarse, key=lambda freq: FTE_MONTHS.get(family(freq), Fraction(9)))[0]
        rest = rows[rows["freq"] == longest]
        if not rest.empty:
            pieces.append(_periods(rest, standard))
    return pd.concat(pieces, ignore_index=True), notes


def seconds_of(freq: str) -> float:
    """Length of an interval in seconds; 0 for a day and longer, whose length is not fixed."""
    offset = to_offset(freq)
    return pd.Timedelta(offset).total_seconds() if isinstance(offset, pd.offsets.Tick) else 0.0


def _on_clock(rows: pd.DataFrame, length: float, zone: str, who: str) -> tuple[pd.DataFrame, list[str]]:
    """Give each interval its real length in seconds; drop those that the clocks skip."""
    times = times_on_clock(pd.DatetimeIndex(rows["ds"]), zone)
    notes = []
    ghosts = rows[(times == 0) & (rows["yhat"].to_numpy() > 0)]
    if len(ghosts):
        notes.append(
            f"{who}: intervals that do not exist because the clocks go forward in {zone} are not staffed "
            f"({len(ghosts)} of the forecast)."
        )
    return rows.assign(seconds=length * times)[times > 0], notes


def _by_quantile(rows: pd.DataFrame, extra: Sequence[str] = ()) -> pd.DataFrame:
    """Stack the volume at each quantile (never below zero): ds, freq, quantile, volume."""
    stacked = [
        rows[["ds", "freq", *extra]].assign(quantile=quantile, volume=rows[column].clip(lower=0).astype("float64"))
        for quantile, column in QUANTILES.items()
    ]
    work = pd.concat(stacked, ignore_index=True)
    return work[work["volume"].notna()].reset_index(drop=True)


def _queue(rows: pd.DataFrame, standard: Standard, tables: Tables) -> tuple[pd.DataFrame, list[str]]:
    """Agents by Erlang C or A; nobody where the service is closed."""
    work = _by_quantile(rows, ["seconds"])
    opened = open_at(tables, standard.site, standard.service, pd.DatetimeIndex(work["ds"]))
    closed = np.zeros(len(work), dtype=bool) if opened is None else ~opened
    notes = []
    shut_out = work.loc[closed & (work["quantile"] == 0.5), "volume"].sum()
    if shut_out >= 0.5:
        notes.append(
            f"{standard.service} at {standard.site}: a volume of {shut_out:,.0f} is forecast "
            "outside the opening hours and not staffed."
        )
    slots = required_agents(
        work["volume"].where(~closed, 0.0),
        standard.aht_s,
        work["seconds"],
        service_level=standard.service_level,
        target_s=standard.target_s,
        max_occupancy=standard.max_occupancy,
        patience_s=standard.patience_s if standard.method == "erlang_a" else None,
    )
    at_once = 1.0 if np.isnan(standard.concurrency) else standard.concurrency
    agents = slots if at_once == 1 else exact_ceiling([slots], [at_once]).astype(np.int64)
    scheduled = scheduled_staff(agents, float(standard.shrinkage))
    return work.assign(required=agents, scheduled=scheduled, worked_s=agents * work["seconds"]), notes


def _intervals(rows: pd.DataFrame, standard: Standard, tables: Tables) -> tuple[pd.DataFrame, list[str]]:
    """People by interval for work with a standard of units per hour, in the interval in which it arrives."""
    work = _by_quantile(rows, ["seconds"])
    return _people(work, work["volume"], work["seconds"] / 3600, standard), []


def _periods(rows: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Full-time people by day, week or month for work with a standard of units per hour."""
    work = _by_quantile(rows)
    return _people(work, work["volume"], _fte_hours(standard, str(rows["freq"].iloc[0])), standard)


def _fte_hours(standard: Standard, freq: str) -> float:
    """Paid hours of one full-time person in a day, week, month or quarter; NaN when they are not known."""
    months = FTE_MONTHS.get(family(freq))
    return float("nan") if months is None else standard.hours_per_fte * float(months)


def _people(work: pd.DataFrame, units: Any, span: Any, standard: Standard) -> pd.DataFrame:
    """Whole people for `units` in `span` hours each, rounded once; hours from the unrounded work."""
    present = float(1 - standard.shrinkage)
    return work.assign(
        required=exact_ceiling([units], [standard.units_per_hour, span]),
        scheduled=exact_ceiling([units], [standard.units_per_hour, span, present]),
        worked_s=workload_hours(units, standard.units_per_hour) * 3600,
    )


def _backlog(rows: pd.DataFrame, standard: Standard, tables: Tables, settings: Settings) -> pd.DataFrame:
    """The constant capacity of each month that does all work within sla_days, on the days that are open."""
    work = _by_quantile(rows.sort_values("ds"))
    pieces = []
    for _, part in work.groupby("quantile", sort=True):
        if len(part) < len(rows):
            continue  # days without this quantile: the work that waits for them is not known
        own = part.set_index("ds").asfreq("D")
        days = pd.DatetimeIndex(own.index)
        opened = open_days(tables, standard.site, standard.service, days)
        volume = own["volume"].fillna(0.0).to_numpy()
        capacity = rolling_capacity(volume, int(standard.sla_days), opened, periods_of(days, settings))
        placed = pd.Series(np.where(opened, capacity, 0.0), index=days).reindex(part["ds"]).to_numpy()
        pieces.append(_people(part, placed, _fte_hours(standard, "D"), standard))
    return pd.concat(pieces, ignore_index=True)


def _whole_months(
    plan: pd.DataFrame, rows: pd.DataFrame, settings: Settings, who: str
) -> tuple[pd.DataFrame, list[str]]:
    """Mark the months whose demand reaches beyond the last row that could be staffed."""
    last = plan["ds"].max().normalize()
    beyond = rows.loc[(rows["ds"] >= last + pd.Timedelta(days=1)) & (rows["freq"] != plan["freq"].iloc[-1]), "ds"]
    if beyond.empty or family(str(plan["freq"].iloc[-1])) in ("W", "MS", "QS"):
        return plan, []
    partial = periods_of(pd.DatetimeIndex([beyond.min()]), settings)[0]
    note = (
        f"{who}: the forecast by interval ends on {last:%Y-%m-%d}; the demand after it is not staffed, "
        f"and {partial} is not among the months."
    )
    return plan.assign(whole=plan["whole"] & (plan["period"] != partial)), [note]

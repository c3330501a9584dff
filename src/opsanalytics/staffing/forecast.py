"""Staffing forecast: how many people does the forecast demand need, and what do they cost?

The volume of each interval, day or month becomes work, the work becomes people at work, these
become people scheduled and hours paid, and hours become cost. Demand is taken at its median and
at the 80th and 95th percentile of its forecast, interval by interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.frequencies import to_offset

from opsanalytics.formats import ALL
from opsanalytics.settings import Settings
from opsanalytics.staffing.people import gap, scheduled_staff, times_on_clock
from opsanalytics.staffing.requirement import required_agents
from opsanalytics.staffing.special import Array
from opsanalytics.staffing.standards import (
    StaffingError,
    Standard,
    Tables,
    in_force,
    open_at,
    open_days,
    standards_of,
)
from opsanalytics.staffing.workload import exact_ceiling, fraction, rolling_capacity, workload_hours

QUANTILES = {0.5: "yhat", 0.8: "hi60", 0.95: "hi90"}
PLAN = [
    "site", "service", "ds", "freq", "scenario", "quantile",
    "volume", "required", "scheduled", "rostered", "hours", "cost_cents",
]  # fmt: skip
MONTHLY = ["site", "service", "period", "required_hours", "required_fte", "staff_cost_cents"]
GAPS = ["site", "service", "ds", "required", "scheduled", "rostered", "gap"]
# The paid hours of an FTE are given by month: four weeks of five days (160 hours are days of 8 hours).
_FTE_MONTHS = {"D": Fraction(1, 20), "W": Fraction(1, 4), "MS": Fraction(1), "QS": Fraction(3)}


@dataclass(frozen=True)
class StaffingForecast:
    """The staff that the demand forecast needs.

    `plan` has one row per site, service, ds and quantile at the frequency at which staff is
    computed: volume in the service's unit, `required` people at work, `scheduled` people (with
    those absent), `rostered` people (NaN without a roster), paid `hours`, `cost_cents` (missing
    without a wage). `monthly` sums the median by month: paid hours, FTE, cost. `gaps` holds the
    median's rows that the roster covers, gap = rostered - scheduled. `notes` are sentences on what
    was left out or assumed. `minor_digits` is the number of decimals of the `currency`.
    """

    period: str
    entity: str
    currency: str
    minor_digits: int
    plan: pd.DataFrame
    monthly: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...]


def staffing_forecast(
    forecasts: pd.DataFrame, tables: Tables, settings: Settings, *, period: str, entity: str = ALL
) -> StaffingForecast:
    """How many people does the forecast made at the end of `period` need at `entity`?

    `forecasts` is the forecasts frame (site, service, freq, cutoff, ds, yhat, hi60, hi90,
    reconstructed); the latest cutoff of each service counts. `tables` holds standards, and where
    given shrinkage, opening_hours, roster and sites. A service that cannot be staffed is named in
    `notes` with the remedy. `(all)` is the sum of its sites.
    """
    current = _latest(forecasts)
    sites = sorted(current["site"].unique()) if entity == ALL else []
    if not sites:
        return _site(current[current["site"] == entity], tables, settings, period, entity)
    return total([_site(current[current["site"] == site], tables, settings, period, site) for site in sites])


def total(parts: Sequence[StaffingForecast]) -> StaffingForecast:
    """Add up the sites by service and time, for `(all)`; no queue is computed.

    A sum with a missing part is missing (a site without a roster, a wage or FTE hours).
    Raises ValueError where there is no part.
    """
    if not parts:
        raise ValueError("There is nothing to add up: give the staffing forecast of at least one site.")
    plan = _sum([part.plan for part in parts], ["service", "ds", "freq", "scenario", "quantile"], PLAN)
    monthly = _sum([part.monthly for part in parts], ["service", "period"], MONTHLY)
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    return replace(parts[0], entity=ALL, plan=plan, monthly=monthly, gaps=_gaps(plan), notes=notes)


def _sum(frames: Sequence[pd.DataFrame], keys: list[str], columns: list[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    if not filled:
        return _typed(pd.DataFrame(columns=columns))
    groups = pd.concat(filled, ignore_index=True).drop(columns="site").groupby(keys, dropna=False, sort=True)
    sums, counts, sizes = groups.sum(), groups.count(), groups.size()
    whole = sums.where(counts.eq(sizes, axis=0))
    return _typed(whole.reset_index().assign(site=ALL)[columns])


def _latest(forecasts: pd.DataFrame) -> pd.DataFrame:
    made = forecasts[~forecasts["reconstructed"].astype(bool) & (forecasts["site"] != ALL)]
    newest = made.groupby(["site", "service"], dropna=False)["cutoff"].transform("max")
    return made[made["cutoff"] == newest]


def _site(current: pd.DataFrame, tables: Tables, settings: Settings, period: str, site: str) -> StaffingForecast:
    plans, notes = list[pd.DataFrame](), list[str]()
    zone = _time_zone(tables, settings, site)
    if current.empty:
        notes.append(f"{site} has no demand forecast, so no staff is computed: run seasonal demand for it first.")
    for service, rows in current.groupby("service", sort=True):
        try:
            plan, remarks = _service(rows, tables, settings, site, str(service), zone)
        except StaffingError as error:
            notes.append(str(error))
            continue
        notes.extend(remarks)
        plans.append(plan)
    detail = pd.concat(plans, ignore_index=True) if plans else pd.DataFrame(columns=[*PLAN, "period", "fte", "whole"])
    detail, remarks = _with_roster(detail, tables, site)
    plan = _typed(detail[PLAN].sort_values(["service", "ds", "freq", "quantile"], kind="stable", ignore_index=True))
    return StaffingForecast(
        period=period,
        entity=site,
        currency=settings.currency,
        minor_digits=settings.minor_digits,
        plan=plan,
        monthly=_monthly(detail),
        gaps=_gaps(plan),
        notes=tuple(dict.fromkeys([*notes, *remarks])),
    )


def _time_zone(tables: Tables, settings: Settings, site: str) -> str:
    table = tables.get("sites")
    if table is not None and "time_zone" in table:
        own = table.loc[table["site"] == site, "time_zone"].dropna()
        if len(own):
            return str(own.iloc[0])
    return settings.time_zone


def _service(
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
            pieces.append(_costed(work, standard, settings))
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
    lengths = {str(freq): _seconds(str(freq)) for freq in rows["freq"].unique()}
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
        longest = sorted(coarse, key=lambda freq: _FTE_MONTHS.get(_family(freq), Fraction(9)))[0]
        rest = rows[rows["freq"] == longest]
        if not rest.empty:
            pieces.append(_periods(rest, standard))
    return pd.concat(pieces, ignore_index=True), notes


def _seconds(freq: str) -> float:
    """Length of an interval in seconds; 0 for a day and longer, whose length is not fixed."""
    offset = to_offset(freq)
    return pd.Timedelta(offset).total_seconds() if isinstance(offset, pd.offsets.Tick) else 0.0


def _family(freq: str) -> str:
    return freq.split("-")[0]


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
    months = _FTE_MONTHS.get(_family(freq))
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
        capacity = rolling_capacity(volume, int(standard.sla_days), opened, _periods_of(days, settings))
        placed = pd.Series(np.where(opened, capacity, 0.0), index=days).reindex(part["ds"]).to_numpy()
        pieces.append(_people(part, placed, _fte_hours(standard, "D"), standard))
    return pd.concat(pieces, ignore_index=True)


def _periods_of(starts: pd.DatetimeIndex, settings: Settings) -> npt.NDArray[Any]:
    days = starts.normalize()
    names = {day: settings.calendar.period_of(day.date()) for day in days.unique()}
    return np.array([names[day] for day in days], dtype=object)


def _costed(work: pd.DataFrame, standard: Standard, settings: Settings) -> pd.DataFrame:
    """Add period, paid hours, FTE and cost.

    Cost is rounded once, half to even, for each month and quantile under this standard; its cents
    are then placed on the rows by rounding the running total, so that the rows add up to it.
    """
    months = _FTE_MONTHS.get(_family(str(work["freq"].iloc[0])))
    named = work["ds"].dt.strftime("%Y-%m").to_numpy() if months is not None and months >= 1 else None
    periods = _periods_of(pd.DatetimeIndex(work["ds"]), settings) if named is None else named
    work = work.assign(period=periods, hours=work["worked_s"] / 3600 / float(1 - standard.shrinkage))
    work = work.assign(fte=work["hours"] / standard.hours_per_fte, whole=True).sort_values(
        ["quantile", "ds"], kind="stable"
    )
    if standard.wage_rate is None:
        return work.assign(cost_cents=pd.array([pd.NA] * len(work), dtype="Int64"))
    price = fraction(standard.wage_rate) * 10**settings.minor_digits / (1 - fraction(standard.shrinkage)) / 3600
    groups = work.groupby(["quantile", "period"], sort=False)["worked_s"]
    cents = groups.sum().map(lambda seconds: round(Fraction(seconds) * price)).astype("int64")
    leaf = cents.reindex(pd.MultiIndex.from_frame(work[["quantile", "period"]])).to_numpy()
    running = groups.cumsum().to_numpy()
    final = _running_final(running, groups.ngroup().astype("int64").to_numpy())
    placed = np.rint(np.divide(running, final, out=np.zeros(len(work)), where=final > 0) * leaf).astype(np.int64)
    first = ~work.duplicated(["quantile", "period"]).to_numpy()
    before = np.where(first, 0, np.concatenate([[0], placed[:-1]]))
    return work.assign(cost_cents=pd.array(placed - before, dtype="Int64"))


def _running_final(running: Array, group: npt.NDArray[Any]) -> Array:
    """Return the last running total of each row's group (its total, to the last bit)."""
    last = np.zeros(int(group.max()) + 1)
    np.maximum.at(last, group, running)
    return np.asarray(last[group], dtype=np.float64)


def _whole_months(
    plan: pd.DataFrame, rows: pd.DataFrame, settings: Settings, who: str
) -> tuple[pd.DataFrame, list[str]]:
    """Mark the months whose demand reaches beyond the last row that could be staffed."""
    last = plan["ds"].max().normalize()
    beyond = rows.loc[(rows["ds"] >= last + pd.Timedelta(days=1)) & (rows["freq"] != plan["freq"].iloc[-1]), "ds"]
    if beyond.empty or _family(str(plan["freq"].iloc[-1])) in ("W", "MS", "QS"):
        return plan, []
    partial = _periods_of(pd.DatetimeIndex([beyond.min()]), settings)[0]
    note = (
        f"{who}: the forecast by interval ends on {last:%Y-%m-%d}; the demand after it is not staffed, "
        f"and {partial} is not among the months."
    )
    return plan.assign(whole=plan["whole"] & (plan["period"] != partial)), [note]


def _monthly(detail: pd.DataFrame) -> pd.DataFrame:
    """Sum the median by service and month; a month with a missing part is missing."""
    median = detail[(detail["quantile"] == 0.5) & detail["whole"].astype(bool)]
    if median.empty:
        return _typed(pd.DataFrame(columns=MONTHLY))
    groups = median.groupby(["site", "service", "period"], dropna=False, sort=True)
    sums = groups[["hours", "fte", "cost_cents"]].sum()
    whole = sums.where(groups[["hours", "fte", "cost_cents"]].count().eq(groups.size(), axis=0)).reset_index()
    return _typed(whole.set_axis(MONTHLY, axis=1))


def _with_roster(detail: pd.DataFrame, tables: Tables, site: str) -> tuple[pd.DataFrame, list[str]]:
    """Put the rostered staff beside the rows that start when a roster row starts."""
    roster = tables.get("roster")
    detail = detail.drop(columns="rostered", errors="ignore")
    if roster is None:
        return detail.assign(rostered=np.nan), []
    notes = _strangers(roster, tables)
    own = roster.loc[roster["site"] == site, ["service", "start", "staff"]]
    own = own.set_axis(["service", "ds", "rostered"], axis=1)
    if detail.empty or own.empty:
        return detail.assign(rostered=np.nan), notes
    joined = detail.merge(
        own.astype({"ds": detail["ds"].dtype}), on=["service", "ds"], how="left", validate="many_to_one"
    )
    for service, rows in own.groupby("service", sort=True):
        if not joined.loc[joined["service"] == service, "rostered"].notna().any():
            notes.append(
                f"The roster of {service} at {site} ({rows['ds'].min():%Y-%m-%d} to "
                f"{rows['ds'].max():%Y-%m-%d}) meets no forecast interval: "
                "there is no gap to show. Give rosters of the months to come, by the interval of the demand."
            )
    return joined, notes


def _strangers(roster: pd.DataFrame, tables: Tables) -> list[str]:
    known = tables.get("sites")
    if known is None:
        return []
    unknown = sorted(set(roster["site"].dropna()) - set(known["site"]))
    return [
        f"The roster names the site {site}, which is not in sites: mend the name or add the site." for site in unknown
    ]


def _gaps(plan: pd.DataFrame) -> pd.DataFrame:
    median = plan[(plan["quantile"] == 0.5) & plan["rostered"].notna()]
    return median.assign(gap=gap(median["scheduled"], median["rostered"]))[GAPS].reset_index(drop=True)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns their types: text, times, float64, and nullable whole cents."""
    kinds = {"ds": "datetime64[us]", "cost_cents": "Int64", "staff_cost_cents": "Int64"}
    text = ("site", "service", "freq", "scenario", "period")
    return frame.astype(
        {name: kinds.get(name, "str" if name in text else "float64") for name in frame.columns}
    ).reset_index(drop=True)

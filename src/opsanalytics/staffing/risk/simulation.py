"""Simulation: the months to come, many times over, with the people that the plan has for each percentile.

A run draws the demand from the forecast's own distribution, the handling time of each day and who is absent, and
looks at what is done in time. The plan's people stay as they are; nobody reacts.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.formats import ALL
from opsanalytics.periods import Calendar
from opsanalytics.staffing.forecast.result import RISK
from opsanalytics.staffing.numbers import Array
from opsanalytics.staffing.risk import draws, outcomes
from opsanalytics.staffing.risk.outcomes import Outcome
from opsanalytics.staffing.risk.rows import DAY, Bools, Ints, Rows, end_of, rows_of, shares_of
from opsanalytics.staffing.standards import StaffingError, Standard, Tables, open_at, open_days, standards_of

HORIZON_DAYS = 92  # three months at most
_PLAN = ["site", "service", "ds", "freq", "scenario", "quantile", "scheduled", "hours", "cost_cents"]
_MONTHLY = ["site", "service", "period", "scenario", "volume", "hi80", "reconstructed"]
_FORECASTS = ["site", "service", "freq", "cutoff", "ds", "yhat", "reconstructed"]


@dataclass(frozen=True)
class _Request:
    """What is asked for, besides the frames; the time zone "" is that of sites without one of their own."""

    runs: int
    seed: int
    handling_time_spread: float
    horizon_days: int
    calendar: Calendar
    time_zones: Mapping[str, str]


def staffing_risk(
    forecasts: pd.DataFrame,
    plan: pd.DataFrame,
    tables: Tables,
    *,
    monthly: pd.DataFrame | None = None,
    runs: int = 200,
    seed: int = 0,
    handling_time_spread: float = 0.05,
    horizon_days: int = HORIZON_DAYS,
    calendar: Calendar | None = None,
    time_zone: str | None = None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What does staffing to the median, the 80th and the 95th percentile cost, and how often does it miss the promise?

    `forecasts` is the forecasts frame (site, service, freq, cutoff, ds, yhat, lo and hi of each level, reconstructed),
    `plan` the staffing plan made from it (PLAN), `tables` holds standards, and where given shrinkage, opening_hours and
    sites. `monthly` are the months of the demand forecast (site, service, period, scenario, volume, hi80,
    reconstructed): their intervals tell how much of the days' errors lasts. Looked at are the whole months of
    `calendar` (of the calendar year where it is left out) that the next `horizon_days` hold, or all of these days where
    they hold no month to its end. `handling_time_spread` is the standard deviation of a day's handling time, as a
    share. `time_zone` is that of sites that have none of their own; without any, no clock changes.

    Returns (RISK, notes). RISK has for each service and quantile the paid hours and the cost of the plan (missing where
    a part is), and over the runs: `attained`, the mean share of the volume answered within target (of work without a
    queue: done in time; of a queue that promises an occupancy and no service level: in intervals that keep it);
    `attained_low`, its 10 % quantile; `intervals_missed`, the mean share of the open intervals (or days) with volume in
    which the promise is missed; `months_missed`, the share of months in which the month as a whole misses it. Beside a
    service level an occupancy is not judged. Notes name what is left out, with the remedy. The same seed gives the same
    answer, whatever the order of the rows and whichever other services there are.
    Raises ValueError for missing columns, a plan or a forecast with two rows for one time, no whole number of runs or
    days above zero, or a negative or missing spread.
    """
    _check_request(runs, horizon_days, handling_time_spread)
    _check_columns("forecasts", forecasts, _FORECASTS)
    _check_columns("plan", plan, _PLAN)
    columns = list(dict.fromkeys([*_FORECASTS, *draws.bounds_of(forecasts)]))
    made = forecasts.loc[~forecasts["reconstructed"].astype(bool) & (forecasts["site"] != ALL), columns]
    newest = made.groupby(["site", "service"], dropna=False)["cutoff"].transform("max")
    made = made[made["cutoff"] == newest]
    planned = plan.loc[(plan["site"] != ALL) & (plan["scenario"] == "base"), _PLAN]
    _check_twice("forecasts have", made, ["site", "service", "freq", "ds"])
    _check_twice("plan has", planned, ["site", "service", "freq", "ds", "quantile"])
    zones = _time_zones(tables, time_zone)
    request = _Request(runs, seed, handling_time_spread, horizon_days, calendar or Calendar(), zones)
    months = _months(monthly)
    found, notes = list[pd.DataFrame](), list[str]()
    if (plan["site"] == ALL).any():
        notes.append("The plan of all sites is the sum of the sites' plans and has no risk of its own: give theirs.")
    known = dict(iter(made.groupby(["site", "service"])))
    for (site, service), people in planned.groupby(["site", "service"], sort=True):
        own = known.get((site, service), made.iloc[:0])
        try:
            ahead = months[(months["site"] == site) & (months["service"] == service)]
            risk, remarks = _service(own, people, ahead, tables, str(site), str(service), request)
        except StaffingError as error:
            notes.append(str(error))
            continue
        found.append(risk)
        notes.extend(remarks)
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=RISK)
    kinds = {"site": "str", "service": "str", "cost_cents": "Int64"}
    return frame.astype({name: kinds.get(name, "float64") for name in RISK}), tuple(dict.fromkeys(notes))


def _check_request(runs: int, days: int, spread: float) -> None:
    for name, value in (("runs", runs), ("horizon_days", days)):
        if not value >= 1 or value != int(value):
            raise ValueError(f"{name} is {value}: give a whole number, 1 or more.")
    if not 0 <= spread < np.inf:
        raise ValueError(
            f"handling_time_spread is {spread}: give the standard deviation of a day's handling time as a share, "
            "for example 0.05."
        )


def _check_columns(name: str, frame: pd.DataFrame, needed: list[str]) -> None:
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise ValueError(f"The table {name} has no column {', '.join(missing)}: give {', '.join(needed)}.")


def _check_twice(who: str, frame: pd.DataFrame, keys: list[str]) -> None:
    twice = frame.duplicated(keys)
    if twice.any():
        row = frame[twice].iloc[0]
        raise ValueError(f"The {who} two rows of {row['service']} at {row['site']} for {row['ds']}: give one.")


def _months(monthly: pd.DataFrame | None) -> pd.DataFrame:
    """Return the months that are forecast now, none where none are given."""
    if monthly is None:
        return pd.DataFrame({name: pd.Series(dtype="str" if name == "period" else "float64") for name in _MONTHLY})
    _check_columns("monthly", monthly, _MONTHLY)
    now = monthly[(monthly["scenario"] == "FC") & ~monthly["reconstructed"].astype(bool)]
    _check_twice("months have", now.assign(ds=now["period"]), ["site", "service", "ds"])
    return now


def _time_zones(tables: Tables, usual: str | None) -> dict[str, str]:
    """Return the time zone of each site that has one, and under "" that of the others."""
    table = tables.get("sites")
    known = {} if usual is None else {"": usual}
    if table is not None and "time_zone" in table:
        own = table.dropna(subset=["time_zone"])
        known |= dict(zip(own["site"].astype(str), own["time_zone"].astype(str), strict=True))
    return known


def _service(
    forecast: pd.DataFrame,
    plan: pd.DataFrame,
    months: pd.DataFrame,
    tables: Tables,
    site: str,
    service: str,
    request: _Request,
) -> tuple[pd.DataFrame, list[str]]:
    """Simulate one service."""
    standards, _ = standards_of(tables, site, service)
    if forecast.empty:
        raise StaffingError(
            f"{service} at {site} is planned, but its forecast is not there: give the forecast that the plan is of."
        )
    begin = pd.Timestamp(forecast["cutoff"].iloc[0]).normalize() + DAY
    end = end_of(begin, request.horizon_days, request.calendar)
    zone = request.time_zones.get(site, request.time_zones.get(""))
    rows, notes = rows_of(forecast, plan, standards, begin, end, request.calendar, zone)
    promise, remarks = _promises(rows, f"{service} at {site}")
    notes += remarks
    opened = open_at(tables, site, service, rows.ds)
    counted = rows.inside & (np.ones(len(rows.ds), dtype=bool) if opened is None else opened | ~rows.queues)
    works = open_days(tables, site, service, rows.ds)
    rng = np.random.default_rng([request.seed, zlib.crc32(f"{site}\n{service}".encode())])
    scores = draws.scores(rng, request.runs, rows.day, shares_of(forecast, months, rows))
    volume = draws.volumes(rows.spread, scores) * (counted | ~rows.inside)
    shape = (request.runs, int(rows.day.max()) + 1)
    off = rng.standard_normal(shape)[:, rows.day]
    factor = draws.handling_factors(off, request.handling_time_spread, rows.days)
    luck = rng.random(shape)[:, rows.day]
    kept = plan[(plan["ds"] >= begin) & (plan["ds"] < end)]
    lines = []
    for quantile, scheduled in rows.scheduled.items():
        present = draws.people_present(scheduled, rows.number("shrinkage"), rows.days, luck)
        outcome = _outcome(rows, volume, present, factor, works)
        own = kept[kept["quantile"] == quantile]
        lines.append(
            {
                "site": site,
                "service": service,
                "quantile": quantile,
                "hours": own["hours"].sum(skipna=False),
                "cost_cents": own["cost_cents"].astype("Int64").sum(skipna=False),
                **outcomes.measures(outcome.some(counted), promise[counted], rows.month[counted]),
            }
        )
    return pd.DataFrame(lines, columns=RISK).astype({"cost_cents": "Int64"}), notes


def _promises(rows: Rows, who: str) -> tuple[Array, list[str]]:
    """Return the share promised on each row, all of it where no share is given, and a note where a queue has none."""
    level, notes = rows.number("service_level"), list[str]()
    if (rows.queues & np.isnan(level)).any():
        notes.append(
            f"{who} promises an occupancy and no service level: what it attains is the share of its volume in "
            "intervals that keep the occupancy. Give service_level and target_s in standards to see what is in time."
        )
    return np.where(np.isnan(level), 1.0, level), notes


def _outcome(rows: Rows, volume: Array, present: Array, factor: Array, works: Bools) -> Outcome:
    """Put the work of every row to the people of it, by the standard in force; nobody works on days that are closed."""
    judged, done, room = volume.copy(), np.zeros(volume.shape), np.zeros(volume.shape)
    span = np.where(rows.seconds > 0, rows.seconds / 3600, rows.number("hours_per_fte") * rows.part)
    capacity = present * rows.number("units_per_hour") / factor * span
    pieces = [
        (own, _answered(standard, volume[:, own], present[:, own], factor[:, own], rows.seconds[own]))
        for number, standard in enumerate(rows.standards)
        if standard.method.startswith("erlang") and (own := rows.standard == number).any()
    ]
    if (own := rows.method == "workload").any():
        pieces.append((own, outcomes.fitting(volume[:, own], capacity[:, own])))
    if (own := rows.method == "backlog").any():
        days = (rows.ds[own] - rows.ds[own][0]).days.to_numpy(dtype=np.int64)
        wait = rows.number("sla_days")[own].astype(np.int64)
        pieces.append((own, _waited(volume[:, own], (capacity * works)[:, own], days, works[own], wait)))
    for own, outcome in pieces:
        judged[:, own], done[:, own], room[:, own] = outcome.volume, outcome.done, outcome.room
    return Outcome(judged, done, room)


def _answered(standard: Standard, volume: Array, present: Array, factor: Array, seconds: Array) -> Outcome:
    """Put calls to the queue of a standard; where it promises no service level, ask for its occupancy."""
    at_once = 1.0 if np.isnan(standard.concurrency) else standard.concurrency
    patience = standard.patience_s if standard.method == "erlang_a" else np.inf
    if np.isnan(standard.service_level):
        most = standard.max_occupancy
        return outcomes.occupied(volume, present * at_once, factor, seconds, standard.aht_s, most, patience)
    return outcomes.answered(volume, present * at_once, factor, seconds, standard.aht_s, standard.target_s, patience)


def _waited(volume: Array, capacity: Array, days: Ints, works: Bools, wait: Ints) -> Outcome:
    """Put work with deadlines to those who work on it, on every day of the calendar in turn.

    `days` counts each row's days from the first. Work due on a closed day is due on the next open one.
    """
    count = int(days[-1]) + 1
    arrived, room = np.zeros((len(volume), count)), np.zeros((len(volume), count))
    arrived[:, days], room[:, days] = volume, capacity
    closed = np.ones(count + 1, dtype=bool)
    closed[days], closed[-1] = ~works, False
    following = np.flatnonzero(~closed)
    due = np.full(count, count)
    due[days] = following[np.searchsorted(following, np.minimum(days + wait, count))]
    outcome = outcomes.in_time(arrived, room, due)
    return outcome.some(days)

"""Detail: one queue looked at closely, its busiest interval and the shifts that would cover its busiest week."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from opsanalytics.settings import Settings
from opsanalytics.staffing.cover.week import WeekCover, cover_week
from opsanalytics.staffing.forecast.result import StaffingForecast
from opsanalytics.staffing.forecast.services import seconds_of
from opsanalytics.staffing.queues.curve import level_curve
from opsanalytics.staffing.standards import StaffingError, Standard, Tables, in_force, standards_of

_WEEKS = 4  # to come, of which the busiest is covered
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class QueueDetail:
    """The queue of a site with the most hours, in the weeks to come.

    Its busiest interval (`start`, `volume`, `agents` at work, `curve`: service level by agents, see `level_curve`)
    under the `standard` in force then, and the shifts (`week`) that would cover the people at work of its busiest
    whole week, which begins on the Monday `first_day`.
    """

    site: str
    service: str
    standard: Standard
    start: pd.Timestamp
    volume: float
    agents: int
    curve: pd.DataFrame
    first_day: pd.Timestamp
    week: WeekCover


def queue_detail(found: StaffingForecast, tables: Tables, settings: Settings) -> QueueDetail | None:
    """Look closely at the queue with the most hours.

    None where no service queues, one contact at a time, under a promise of a service level.
    `found` is the staffing forecast of a site, `tables` the input it was made from.
    """
    plan = found.plan[(found.plan["quantile"] == 0.5) & (found.plan["scenario"] == "base")]
    fine = [freq for freq in plan["freq"].unique() if seconds_of(str(freq)) > 0]
    plan = plan[plan["freq"].isin(fine)]
    hours = plan.groupby("service")["hours"].sum().sort_values(ascending=False, kind="stable")
    for service in hours.index:
        rows = plan[plan["service"] == service]
        ahead = rows[rows["ds"] < rows["ds"].min().normalize() + (_WEEKS + 1) * 7 * _DAY]
        detail = _detail(str(service), ahead, found, tables, settings)
        if detail is not None:
            return detail
    return None


def _detail(
    service: str, rows: pd.DataFrame, found: StaffingForecast, tables: Tables, settings: Settings
) -> QueueDetail | None:
    peak = rows.sort_values("required", ascending=False, kind="stable").iloc[0]
    try:
        standards, _ = standards_of(tables, found.entity, service)
    except StaffingError:
        return None  # it has no plan either, and the notes of the forecast say why
    standard = standards[max(int(in_force(standards, pd.DatetimeIndex([peak["ds"]]))[0]), 0)]
    if not standard.method.startswith("erlang") or math.isnan(standard.service_level) or standard.concurrency > 1:
        return None
    agents = math.ceil(float(peak["required"]))
    curve = level_curve(
        float(peak["volume"]),
        standard.aht_s,
        seconds_of(str(peak["freq"])),
        target_s=standard.target_s,
        patience_s=standard.patience_s if standard.method == "erlang_a" else None,
        around=agents,
    )
    first = _busiest_week(rows)
    week = rows[(rows["ds"] >= first) & (rows["ds"] < first + 7 * _DAY)]
    hours, rules = tables.get("opening_hours"), settings.staffing
    if hours is not None:
        hours = hours[(hours["site"] == found.entity) & (hours["service"] == service)]
    open_days = week.loc[week["required"] > 0, "ds"].dt.day_of_week.nunique()
    cover = cover_week(
        week["required"],
        week["ds"],
        1.0 if standard.wage_rate is None else float(standard.wage_rate),
        opening=None if hours is None or hours.empty else hours,
        interval_minutes=round(seconds_of(str(peak["freq"])) / 60),
        shift_hours=rules.shift_hours,
        break_minutes=rules.break_minutes,
        days_on=max(min(rules.days_on, open_days), 1),
        understaff_price=rules.understaff_price,
    )
    volume = float(peak["volume"])
    return QueueDetail(found.entity, service, standard, peak["ds"], volume, agents, curve, first, cover)


def _busiest_week(rows: pd.DataFrame) -> pd.Timestamp:
    """Return the Monday of the whole week that needs the most; of the first week where none is whole."""
    day = rows["ds"].dt.normalize()
    monday = day - pd.to_timedelta(day.dt.day_of_week, unit="D")
    whole = monday[(monday >= day.min()) & (monday + 6 * _DAY <= day.max())]
    if whole.empty:
        return pd.Timestamp(monday.min())
    sums = rows.loc[whole.index, "required"].groupby(whole).sum()
    return pd.Timestamp(sums.idxmax())

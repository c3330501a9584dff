"""Scenarios: what if volume, handling time, absence, the promise or the wage move?

A scenario is staffed by the whole chain, whose steps round people up, so that it is no rule of three. It is compared
over at most twelve months to come, at the median of the forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.formats import ALL, number
from opsanalytics.periods import shift
from opsanalytics.settings import Settings
from opsanalytics.staffing.forecast.chain import services_of, sites_of
from opsanalytics.staffing.forecast.change import Change
from opsanalytics.staffing.forecast.costs import fte_months, month_cents, paid_hours
from opsanalytics.staffing.forecast.result import SCENARIOS, SENSITIVITY, StaffingForecast, nothing, typed
from opsanalytics.staffing.forecast.services import BASE, Service
from opsanalytics.staffing.standards import StaffingError, Tables

MONTHS = 12
AS_IT_IS = Change(BASE)
_POINTS = ("shrinkage", "service_level")
#: What moves in the sensitivity, and by how much either way: shares, and points of shrinkage and service level.
DRIVERS: Mapping[str, float] = MappingProxyType(
    {"volume": 0.10, "handling_time": 0.10, "shrinkage": 0.02, "service_level": 0.05, "wage": 0.05}
)


def scenarios(
    forecasts: pd.DataFrame,
    tables: Tables,
    settings: Settings,
    changes: Sequence[Change],
    *,
    period: str,
    entity: str = ALL,
) -> pd.DataFrame:
    """What would each change need and cost in the months to come, at most twelve? DataFrame of SCENARIOS, "base" first.

    Arguments as in `staffing_forecast`. Paid hours; the mean FTE of the months; cost in minor units, missing where the
    service has no wage. The months are the first twelve that the base staffs whole for every service (`months_of`);
    no rows where there is none.
    """
    chain = _Chain(forecasts, tables, settings, period, entity)
    return pd.concat([chain.over_the_year(change) for change in (AS_IT_IS, *changes)], ignore_index=True)


def sensitivity(
    forecasts: pd.DataFrame, tables: Tables, settings: Settings, *, period: str, entity: str = ALL
) -> pd.DataFrame:
    """How much does the cost of the months to come (at most twelve) move with each driver? DataFrame of SENSITIVITY.

    Each driver moves by DRIVERS down and up, the others stay. Cents of all services that have a wage; no rows where
    none has, or where no month is whole. A driver that moves no cost (a service level where nobody queues) costs the
    same either way; a cost is missing where the change leaves a standard that cannot be kept (nobody at work).
    """
    chain = _Chain(forecasts, tables, settings, period, entity)
    base = chain.cost(AS_IT_IS)
    if base is None:
        return nothing(SENSITIVITY)
    rows = []
    for driver, step in DRIVERS.items():
        low, high = (_cost_of(chain, _moved(driver, way)) for way in (-step, step))
        rows.append((driver, -step, step, low, base, high))
    return typed(pd.DataFrame(rows, columns=SENSITIVITY))


def months_of(found: StaffingForecast) -> list[str]:
    """Which months do the scenarios of a site cover: the first twelve to come that are whole for every service?"""
    own = found.monthly.groupby("service")["period"].agg(set)
    held = [own.get(service, set[str]()) for service in found.plan["service"].unique()]
    common = set[str].intersection(*held) if held else set[str]()
    return sorted(m for m in common if found.period < m <= shift(found.period, MONTHS + 1))[:MONTHS]


def swings(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return the drivers by the swing of cost between their ends, the widest first."""
    known = sensitivity.dropna(subset=["low_cents", "base_cents", "high_cents"])
    ends = known[["low_cents", "base_cents", "high_cents"]]
    swing = ends.max(axis=1) - ends.min(axis=1)
    return known.assign(swing=swing).sort_values(["swing", "driver"], ascending=[False, True]).reset_index(drop=True)


def change_text(driver: str, by: float) -> str:
    """Write by how much a driver moves: "+10 %", or "+2 points" of what is a share itself."""
    size = number(100 * by, 0 if round(100 * by, 6) % 1 == 0 else 1, signed=True)
    return f"{size} {'points' if driver in _POINTS else '%'}"


def _cost_of(chain: _Chain, change: Change) -> int | None:
    try:
        return chain.cost(change)
    except StaffingError:
        return None


def _moved(driver: str, by: float) -> Change:
    changes: dict[str, Any] = {driver: by}
    return replace(AS_IT_IS, name=driver, **changes)


class _Chain:
    """The work of the months to come, staffed for one change after another."""

    def __init__(self, forecasts: pd.DataFrame, tables: Tables, settings: Settings, period: str, entity: str) -> None:
        end = pd.Timestamp(settings.calendar.last_day(shift(period, MONTHS + 1))) + pd.Timedelta(days=1)
        median = forecasts[forecasts["ds"] < end].drop(columns=["hi60", "hi90"], errors="ignore")
        self.entity, self.settings = entity, settings
        self.services = [
            service
            for site in sites_of(median, entity)
            for service in services_of(median, tables, settings, site)[0]
            if service.works
        ]
        whole = [
            {month for work in service.works for month in work.rows["period"].unique()} - service.partial
            for service in self.services
        ]
        common = set.intersection(*whole) if whole else set[str]()
        self.months = sorted(month for month in common if month > period)[:MONTHS]

    def over_the_year(self, change: Change) -> pd.DataFrame:
        """Return hours, mean FTE and cost of each service under a change, over the months."""
        services = self.services if self.months else []
        found = [(service.site, service.service, change.name, *self._year(service, change)) for service in services]
        rows = typed(pd.DataFrame(found, columns=SCENARIOS))
        if self.entity == ALL:
            rows["site"] = ALL
        sums = rows.groupby(SCENARIOS[:3], sort=True).sum(skipna=False)
        return typed(sums.reset_index())

    def cost(self, change: Change) -> int | None:
        """Return the cost of the months under a change, of the services that have a wage."""
        found = [self._year(service, change)[2] for service in self.services if self.months]
        known = [cents for cents in found if cents is not None]
        return sum(known) if known else None

    def _year(self, service: Service, change: Change) -> tuple[float, float, int | None]:
        """Return paid hours, mean FTE and cost, none where a standard has no wage."""
        hours, people, cents = 0.0, 0.0, list[int]()
        for work in service.works:
            standard = change.of_standard(work.standard)
            worked = pd.Series(work.staff(standard, 1 + change.volume).worked_s).groupby(work.rows["period"]).sum()
            worked = worked[worked.index.isin(self.months)]
            paid = paid_hours(worked.to_numpy().astype(np.float64), standard)
            spans = np.array([float(fte_months(str(month), self.settings.calendar)) for month in worked.index])
            hours, people = hours + float(paid.sum()), people + float((paid / spans).sum()) / standard.hours_per_fte
            if standard.wage_rate is not None:
                cents.append(int(month_cents(worked, standard, self.settings).sum()))
        return hours, people / len(self.months), sum(cents) if len(cents) == len(service.works) else None

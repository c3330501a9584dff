"""Demand: what customers asked for, day by day, from parameters that are known.

Volume = level x trend x weekday x season x holiday x campaign x level shift, closed days zero,
with noise in proportion. The factors are whole thousandths and the season is a straight line
between the middles of the months, so the numbers are the same everywhere. The plan of a fiscal
year is the same product without what nobody knew when it was made.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from opsanalytics.formats import ALL
from opsanalytics.sample.company import FIRST_DAY, LAST_DAY, PLANNED_TO, fiscal_year, public_holidays
from opsanalytics.sample.draws import Draws, Integers

CONTACTS = "Contacts"
CONTACTS_FROM = dt.date(2025, 10, 1)
SERVICES = {
    "Order lines": "order lines",
    "Parcels": "parcels",
    "Pallets": "pallets",
    "Customs entries": "entries",
    CONTACTS: "contacts",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Series:
    """The parameters of one site and service: `level` is units a day at the start, factors are thousandths."""

    site: str
    service: str
    level: int
    trend_per_year: int
    weekday: tuple[int, ...]
    season: tuple[int, ...]  # at the middle of each month from January
    holiday: int
    noise: int


@dataclass(frozen=True)
class Campaign:
    """A campaign: its days, the sites' and services' factors, and whether the fiscal year's plan knew of it."""

    name: str
    first: dt.date
    last: dt.date
    factors: Mapping[tuple[str, str], int]
    planned: bool


@dataclass(frozen=True)
class Closure:
    """Days on which a site, or every site (""), was shut."""

    name: str
    first: dt.date
    last: dt.date
    site: str


@dataclass(frozen=True)
class LevelShift:
    """A lasting change of level from a day on; plans know it from `planned_from` (a fiscal year) on."""

    site: str
    service: str
    first: dt.date
    factor: int
    planned_from: int
    reason: str


_WAREHOUSE = (1150, 1120, 1080, 1060, 1040, 850, 700)
_PARCELS = (1180, 1150, 1120, 1100, 1100, 850, 500)
_CUSTOMS = (1250, 1220, 1200, 1180, 1150, 600, 400)
_DESK = (1220, 1080, 1000, 960, 920, 420, 0)
_STORE_SEASON = (880, 900, 950, 970, 990, 980, 940, 930, 980, 1060, 1280, 1180)
_PARCEL_SEASON = (860, 880, 930, 950, 970, 960, 920, 910, 970, 1060, 1380, 1320)
_DESK_SEASON = (1060, 980, 970, 960, 970, 980, 960, 960, 1000, 1030, 1120, 1110)

SERIES = (
    Series("Dublin", "Order lines", 9000, 30, _WAREHOUSE, _STORE_SEASON, 380, 45),
    Series("Dublin", "Parcels", 5200, 35, _PARCELS, _PARCEL_SEASON, 300, 45),
    Series("Dublin", "Pallets", 420, 20, _WAREHOUSE, _STORE_SEASON, 380, 60),
    Series("Dublin", "Customs entries", 60, 25, _CUSTOMS, _DESK_SEASON, 350, 90),
    Series("Dublin", CONTACTS, 920, 20, _DESK, _DESK_SEASON, 520, 50),
    Series("Cork", "Order lines", 4800, 30, _WAREHOUSE, _STORE_SEASON, 380, 45),
    Series("Cork", "Parcels", 2700, 35, _PARCELS, _PARCEL_SEASON, 300, 45),
    Series("Cork", "Pallets", 230, 20, _WAREHOUSE, _STORE_SEASON, 380, 70),
    Series("Cork", CONTACTS, 470, 20, _DESK, _DESK_SEASON, 520, 60),
    Series("Galway", "Order lines", 2700, 30, _WAREHOUSE, _STORE_SEASON, 380, 50),
    Series("Galway", "Parcels", 1560, 35, _PARCELS, _PARCEL_SEASON, 300, 50),
    Series("Galway", "Pallets", 130, 20, _WAREHOUSE, _STORE_SEASON, 380, 80),
)


def _spring(year: int) -> Campaign:
    factors = {
        ("Dublin", "Parcels"): 1250,
        ("Cork", "Parcels"): 1250,
        ("Dublin", "Order lines"): 1150,
        ("Cork", "Order lines"): 1150,
    }
    return Campaign(f"Spring campaign {year}", dt.date(year, 4, 8), dt.date(year, 4, 19), factors, planned=True)


def _autumn(year: int, last: int, dublin: int, cork: int, orders: int) -> Campaign:
    factors = {
        ("Dublin", "Parcels"): dublin, ("Cork", "Parcels"): cork,
        ("Dublin", "Order lines"): orders, ("Cork", "Order lines"): orders - 50,
        ("Dublin", CONTACTS): 1150, ("Cork", CONTACTS): 1150,
    }  # fmt: skip
    return Campaign(f"Autumn campaign {year}", dt.date(year, 9, 7), dt.date(year, 9, last), factors, planned=False)


CAMPAIGNS = (
    *(_spring(year) for year in (2024, 2025, 2026)),
    _autumn(2025, 20, 1300, 1200, 1150),
    _autumn(2026, 27, 1450, 1300, 1250),
    _spring(2027),
)
CLOSURES = (
    Closure("Storm, all sites closed", dt.date(2025, 1, 24), dt.date(2025, 1, 24), ""),
    Closure("Flood, Cork closed", dt.date(2026, 8, 10), dt.date(2026, 8, 16), "Cork"),
)
LEVEL_SHIFTS = (
    LevelShift("Cork", "Parcels", dt.date(2025, 2, 3), 880, 2026, "a retail customer left"),
    LevelShift("Galway", "Order lines", dt.date(2026, 5, 4), 1350, 2028, "a new customer"),
)
PROFILE = (
    380,
    520,
    760,
    980,
    1260,
    1430,
    1500,
    1480,
    1400,
    1330,
    1240,
    1130,
    1060,
    1090,
    1150,
    1180,
    1160,
    1090,
    980,
    860,
    720,
    580,
    430,
    320,
)
SATURDAY = (800, 1050, 1250, 1300, 1200, 1000, 800, 600)


@dataclass(frozen=True)
class Volumes:
    """Volumes of one site and service: by day as they came and as planned, and by half hour where there are any.

    `actual` runs from FIRST_DAY to LAST_DAY; `planned` (thousandths of a unit) to the end of the planned fiscal year;
    `intervals` are (start, volume) in opening hours from CONTACTS_FROM on.
    """

    series: Series
    actual: Integers
    planned: Integers
    intervals: tuple[tuple[str, int], ...] = ()

    def month(self, period: str) -> tuple[int, int]:
        """Return the planned and the actual volume of a month, the actual zero where none is known."""
        start, days = month_span(period)
        planned = (int(self.planned[start : start + days].sum()) + 500) // 1000
        return planned, int(self.actual[start : start + days].sum())


def month_span(period: str) -> tuple[int, int]:
    """Return the place of a month's first day in a Volumes' days, and its number of days."""
    first = dt.date(int(period[:4]), int(period[5:]), 1)
    following = (first + dt.timedelta(32)).replace(day=1)
    return (first - FIRST_DAY).days, (following - first).days


def days(last: dt.date = LAST_DAY) -> list[dt.date]:
    """Return the days from the first one to `last`."""
    return [FIRST_DAY + dt.timedelta(i) for i in range((last - FIRST_DAY).days + 1)]


def simulate(seed: int) -> dict[tuple[str, str], Volumes]:
    """Return the volumes of every site and service."""
    return {(series.site, series.service): _volumes(series, seed) for series in SERIES}


def _volumes(series: Series, seed: int) -> Volumes:
    last_planned = (dt.date(int(PLANNED_TO[:4]), int(PLANNED_TO[5:]), 1) + dt.timedelta(32)).replace(
        day=1
    ) - dt.timedelta(1)
    planned = _expected(series, days(last_planned), as_planned=True)
    expected = _expected(series, days(), as_planned=False)
    draws = Draws(seed, "demand", series.site, series.service)
    factors = 1_000_000 + draws.bell(len(expected)) * series.noise
    actual = (expected * factors + 500_000_000) // 1_000_000_000
    if series.service != CONTACTS:
        return Volumes(series, actual, planned)
    intervals = _intervals(expected * factors // 1_000_000, draws)
    by_day = actual.copy()
    by_day[(CONTACTS_FROM - FIRST_DAY).days :] = 0
    for start, volume in intervals:
        by_day[(dt.date.fromisoformat(start[:10]) - FIRST_DAY).days] += volume
    return Volumes(series, by_day, planned, intervals)


def _expected(series: Series, dates: list[dt.date], *, as_planned: bool) -> Integers:
    """Return thousandths of a unit for each date, without noise."""
    value = np.full(len(dates), series.level * 1000, dtype=np.int64)
    for factor in (
        [1_000_000 + 1000 * series.trend_per_year * i // 365 for i in range(len(dates))],
        [1000 * series.weekday[date.weekday()] for date in dates],
        [_season(series.season, date) for date in dates],
        [1000 * _event_factor(series, date, as_planned) for date in dates],
    ):
        value = (value * np.array(factor, dtype=np.int64) + 500_000) // 1_000_000
    return value


def _season(season: tuple[int, ...], date: dt.date) -> int:
    """Return the season in millionths: a straight line from the 15th of a month to the 15th of the next."""
    before = date if date.day >= 15 else date.replace(day=1) - dt.timedelta(1)
    start = before.replace(day=15)
    end = (start + dt.timedelta(31)).replace(day=15)
    low, high = season[start.month - 1], season[end.month - 1]
    return 1000 * low + 1000 * (high - low) * (date - start).days // (end - start).days


def _event_factor(series: Series, date: dt.date, as_planned: bool) -> int:
    year = fiscal_year(date.isoformat()[:7])
    factor = series.holiday if date in public_holidays(date.year) else 1000
    for campaign in CAMPAIGNS:
        if campaign.first <= date <= campaign.last and (campaign.planned or not as_planned):
            factor = factor * campaign.factors.get((series.site, series.service), 1000) // 1000
    for shift in LEVEL_SHIFTS:
        known = not as_planned or year >= shift.planned_from
        if (shift.site, shift.service) == (series.site, series.service) and date >= shift.first and known:
            factor = factor * shift.factor // 1000
    closed = any(c.first <= date <= c.last and c.site in ("", series.site) for c in CLOSURES)
    return 0 if closed and not as_planned else factor


def _intervals(means: Integers, draws: Draws) -> tuple[tuple[str, int], ...]:
    """Spread each day's mean (thousandths) over its half hours and add counting noise: variance equals mean."""
    found = []
    for date, mean in zip(days(), means.tolist(), strict=True):
        if date < CONTACTS_FROM or date.weekday() == 6:
            continue
        profile, hour = (SATURDAY, 9) if date.weekday() == 5 else (PROFILE, 7)
        for place, noise in enumerate(draws.bell(len(profile)).tolist()):
            expected = mean * profile[place] // sum(profile)
            volume = max(0, (1000 * expected + noise * math.isqrt(1000 * expected) + 500_000) // 1_000_000)
            minutes = 60 * hour + 30 * place
            found.append((f"{date.isoformat()}T{minutes // 60:02d}:{minutes % 60:02d}", volume))
    return tuple(found)


def demand_truth(seed: int) -> dict[str, Any]:
    """Return the parameters behind the demand, as plain data for truth.json.

    Levels are units a day on the first day; every factor and share is in thousandths; dates are ISO.
    """
    return {
        "seed": seed,
        "first_day": FIRST_DAY.isoformat(),
        "last_day": LAST_DAY.isoformat(),
        "unit_of_factors": "thousandths",
        "formula": "level x (1 + trend x years) x weekday x season x holiday x campaign x level shift x (1 + noise); "
        "zero on the days of a closure",
        "series": [_truth_of(series) for series in SERIES],
        "campaigns": [_campaign_truth(campaign) for campaign in CAMPAIGNS],
        "closures": [{"name": c.name, **_span(c), "site": c.site or ALL} for c in CLOSURES],
        "level_shifts": [
            {"site": s.site, "service": s.service, "first": s.first.isoformat(), "factor": s.factor, "reason": s.reason}
            for s in LEVEL_SHIFTS
        ],
        "half_hourly": {
            "service": CONTACTS,
            "from": CONTACTS_FROM.isoformat(),
            "profile": list(PROFILE),
            "saturday": list(SATURDAY),
            "noise": "variance equals the mean, beside the day's noise",
        },
    }


def _span(event: Campaign | Closure) -> dict[str, str]:
    return {"first": event.first.isoformat(), "last": event.last.isoformat()}


def _campaign_truth(campaign: Campaign) -> dict[str, Any]:
    factors = [
        {"site": key[0], "service": key[1], "factor": factor} for key, factor in sorted(campaign.factors.items())
    ]
    return {"name": campaign.name, **_span(campaign), "factors": factors}


def _truth_of(series: Series) -> dict[str, Any]:
    return {
        "site": series.site, "service": series.service, "level": series.level, "trend_per_year": series.trend_per_year,
        "weekday": dict(zip(WEEKDAYS, series.weekday, strict=True)), "season_mid_month": list(series.season),
        "holiday": series.holiday, "noise_standard_deviation": series.noise,
    }  # fmt: skip

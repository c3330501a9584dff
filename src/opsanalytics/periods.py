"""Periods: which month a day belongs to, and which months make a quarter, a year to date, a year.

A period is the text `YYYY-MM` everywhere. In a monthly calendar it is that calendar month; in a
4-4-5, 4-5-4 or 5-4-4 calendar it names a fiscal period of four, five or (in a 53-week year, the
last) six weeks. A fiscal year bears the year in which it ends.
"""

from __future__ import annotations

import calendar as _calendar
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

HORIZONS = ("month", "qtd", "ytd", "roy", "fy")
WEEK_PATTERNS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}
)
PATTERNS = ("monthly", *WEEK_PATTERNS)

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_YEAR_END = re.compile(r"last (\w+) of (\w+)", re.IGNORECASE)
_WEEKDAYS = [name.lower() for name in _calendar.day_name]
_MONTHS = [name.lower() for name in _calendar.month_name]


@dataclass(frozen=True)
class FiscalPeriod:
    """A period's place: fiscal year (the year it ends in), period 1 to 12, quarter 1 to 4."""

    year: int
    period: int
    quarter: int


def is_month(text: str) -> bool:
    """Is `text` a month written `YYYY-MM`?"""
    return _MONTH.fullmatch(text) is not None


def parse_month(text: str) -> str:
    """Return `text` when it is a month `YYYY-MM`; ValueError says what is expected otherwise."""
    if not is_month(text):
        raise ValueError(f"'{text}' is not a month: write it as YYYY-MM, for example 2026-09.")
    return text


def shift(period: str, months: int) -> str:
    """Return the period `months` after `period` (before, when negative)."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:7]) - 1 + months, 12)
    return f"{year:04d}-{month + 1:02d}"


def prior_year(period: str) -> str:
    """Return the same period of the year before."""
    return shift(period, -12)


def month_range(first: str, last: str) -> list[str]:
    """Return the periods from `first` to `last`, both included; empty when `last` is earlier."""
    count = (int(last[:4]) - int(first[:4])) * 12 + int(last[5:7]) - int(first[5:7]) + 1
    return [shift(first, k) for k in range(max(count, 0))]


@dataclass(frozen=True)
class Calendar:
    """The organisation's fiscal calendar.

    `start_month` is the calendar month in which fiscal period 1 starts (and after which it is
    named); `pattern` is "monthly" or a week pattern, which needs `year_end`, written like
    "last Saturday of June". Raises ValueError for a calendar that cannot be.
    """

    start_month: int = 1
    pattern: str = "monthly"
    year_end: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.start_month <= 12:
            raise ValueError(f"start_month {self.start_month} is not a month from 1 to 12.")
        if self.pattern not in PATTERNS:
            raise ValueError(f"calendar '{self.pattern}' is unknown: use one of {', '.join(PATTERNS)}.")
        if self.pattern != "monthly":
            if self.year_end is None:
                raise ValueError(f'a {self.pattern} calendar needs year_end, for example "last Saturday of June".')
            month = _parse_year_end(self.year_end)[1]
            if (month - _last_named(self.start_month)) % 12 not in (0, 1, 11):
                raise ValueError(
                    f"start_month {self.start_month} does not fit year_end '{self.year_end}': "
                    f"with that year_end it is {month % 12 + 1}."
                )

    def fiscal_period(self, day: str | dt.date) -> FiscalPeriod:
        """Which fiscal year, period and quarter is `day` (a date, `YYYY-MM-DD` or a period `YYYY-MM`) in?"""
        period = day if isinstance(day, str) and is_month(day) else self.period_of(day)
        months_in = (int(period[5:7]) - self.start_month) % 12
        start_year = int(period[:4]) - (int(period[5:7]) < self.start_month)
        return FiscalPeriod(start_year + (self.start_month > 1), months_in + 1, months_in // 3 + 1)

    def months_of_year(self, fiscal_year: int) -> tuple[str, ...]:
        """Return the twelve periods of a fiscal year, in order."""
        first = f"{fiscal_year - (self.start_month > 1):04d}-{self.start_month:02d}"
        return tuple(shift(first, k) for k in range(12))

    def year_months(self, period: str) -> tuple[str, ...]:
        """Return the twelve periods of the fiscal year that holds `period`."""
        return self.months_of_year(self.fiscal_period(period).year)

    def months(self, period: str, horizon: str) -> tuple[str, ...]:
        """Return the periods of a horizon seen from `period`: month, qtd, ytd, roy (rest of year) or fy."""
        place = self.fiscal_period(period).period
        year = self.year_months(period)
        if horizon == "month":
            return (period,)
        if horizon == "qtd":
            return year[(place - 1) // 3 * 3 : place]
        if horizon == "ytd":
            return year[:place]
        if horizon == "roy":
            return year[place:]
        if horizon == "fy":
            return year
        raise ValueError(f"horizon '{horizon}' is unknown: use one of {', '.join(HORIZONS)}.")

    def first_day(self, period: str) -> dt.date:
        """Return the first day of `period`."""
        return self._span(period)[0]

    def last_day(self, period: str) -> dt.date:
        """Return the last day of `period`."""
        return self._span(period)[1]

    def days(self, period: str) -> int:
        """Return how many days `period` has."""
        first, last = self._span(period)
        return (last - first).days + 1

    def weeks(self, period: str) -> int | None:
        """Return how many whole weeks `period` has in a calendar of weeks; None in a monthly one."""
        return None if self.pattern == "monthly" else self.days(period) // 7

    def week_53(self, fiscal_year: int) -> str | None:
        """Return the period that week 53 of a fiscal year joined, or None where the year has no such week."""
        last = self.months_of_year(fiscal_year)[-1]
        usual = None if self.pattern == "monthly" else week_counts(self.pattern)[-1]
        return last if usual is not None and self.weeks(last) != usual else None

    def period_of(self, day: str | dt.date) -> str:
        """Return the period that holds `day` (a date or `YYYY-MM-DD`)."""
        date = dt.date.fromisoformat(day[:10]) if isinstance(day, str) else dt.date(day.year, day.month, day.day)
        guess = f"{date.year:04d}-{date.month:02d}"
        if self.pattern == "monthly":
            return guess
        for step in (0, -1, 1, -2, 2):
            first, last = self._span(shift(guess, step))
            if first <= date <= last:
                return shift(guess, step)
        raise ValueError(f"{date} lies in no period of the {self.pattern} calendar that ends on the {self.year_end}.")

    def _span(self, period: str) -> tuple[dt.date, dt.date]:
        if self.pattern == "monthly":
            year, month = int(period[:4]), int(period[5:7])
            return dt.date(year, month, 1), dt.date(year, month, _calendar.monthrange(year, month)[1])
        assert self.year_end is not None  # held by __post_init__
        place = self.fiscal_period(period)
        last_of_year = _year_end(self.year_end, self.start_month, place.year)
        start = _year_end(self.year_end, self.start_month, place.year - 1) + dt.timedelta(days=1)
        weeks = week_counts(self.pattern, (last_of_year - start).days // 7 + 1)
        first = start + dt.timedelta(weeks=sum(weeks[: place.period - 1]))
        return first, first + dt.timedelta(weeks=weeks[place.period - 1], days=-1)


def week_counts(pattern: str, weeks: int = 52) -> tuple[int, ...]:
    """Return the weeks of each of the twelve periods of a year of 52 or 53 weeks; week 53 joins period 12."""
    counts = list(WEEK_PATTERNS[pattern] * 4)
    counts[-1] += weeks - 52
    return tuple(counts)


def fiscal_period(day: str | dt.date, start_month: int = 1) -> FiscalPeriod:
    """Which fiscal year, period and quarter is `day` in, when the fiscal year starts in `start_month`?"""
    return Calendar(start_month).fiscal_period(day)


def _parse_year_end(text: str) -> tuple[int, int]:
    match = _YEAR_END.fullmatch(text.strip())
    if match is None or match[1].lower() not in _WEEKDAYS or match[2].lower() not in _MONTHS[1:]:
        raise ValueError(f"year_end '{text}' is not understood: write it like \"last Saturday of June\".")
    return _WEEKDAYS.index(match[1].lower()), _MONTHS.index(match[2].lower())


def _last_named(start_month: int) -> int:
    """Return the calendar month that names period 12."""
    return (start_month - 2) % 12 + 1


@cache
def _year_end(text: str, start_month: int, fiscal_year: int) -> dt.date:
    """Return the last day of a fiscal year of weeks.

    The fiscal year bears the year of its last period's name, which is also the year in which the
    named month of `year_end` falls, except where that month is January named by a December period.
    """
    weekday, month = _parse_year_end(text)
    last_named = _last_named(start_month)
    year = fiscal_year + (last_named - month > 6) - (month - last_named > 6)
    last = dt.date(year, month, _calendar.monthrange(year, month)[1])
    return last - dt.timedelta(days=(last.weekday() - weekday) % 7)

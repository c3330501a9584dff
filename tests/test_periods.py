"""Fiscal calendars: months, quarters and years that start anywhere, and years of weeks."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsanalytics.periods import (
    Calendar,
    FiscalPeriod,
    fiscal_period,
    month_range,
    parse_month,
    prior_year,
    shift,
    week_counts,
)

WEEKS = Calendar(7, "4-4-5", "last Saturday of June")
periods = st.builds(lambda y, m: f"{y:04d}-{m:02d}", st.integers(1990, 2060), st.integers(1, 12))


@pytest.mark.parametrize(
    ("day", "start_month", "expected"),
    [
        pytest.param("2026-06-30", 7, FiscalPeriod(2026, 12, 4), id="the last day of a July year"),
        pytest.param("2026-07-01", 7, FiscalPeriod(2027, 1, 1), id="a year bears the year in which it ends"),
        pytest.param("2026-02-11", 1, FiscalPeriod(2026, 2, 1), id="the calendar year"),
        pytest.param("2026-01-31", 4, FiscalPeriod(2026, 10, 4), id="January in an April year"),
        pytest.param("2026-04", 4, FiscalPeriod(2027, 1, 1), id="a month instead of a day"),
    ],
)
def test_fiscal_year_is_named_by_its_end(day: str, start_month: int, expected: FiscalPeriod) -> None:
    assert fiscal_period(day, start_month) == expected


def test_horizons_of_a_month_in_a_july_year() -> None:
    calendar = Calendar(7)
    assert calendar.months("2026-11", "month") == ("2026-11",)
    assert calendar.months("2026-11", "qtd") == ("2026-10", "2026-11")
    assert calendar.months("2026-11", "ytd") == ("2026-07", "2026-08", "2026-09", "2026-10", "2026-11")
    assert calendar.months("2026-11", "roy")[0] == "2026-12"
    assert calendar.months("2027-06", "roy") == ()
    assert calendar.months("2026-11", "fy") == calendar.year_months("2027-06")


def test_an_unknown_horizon_names_those_that_are() -> None:
    with pytest.raises(ValueError, match="month, qtd, ytd, roy, fy"):
        Calendar().months("2026-11", "mtd")


@given(period=periods, months=st.integers(-400, 400))
def test_shifting_there_and_back_returns(period: str, months: int) -> None:
    assert shift(shift(period, months), -months) == period


@given(period=periods, start=st.integers(1, 12))
def test_year_to_date_and_rest_of_year_make_the_year(period: str, start: int) -> None:
    calendar = Calendar(start)
    assert calendar.months(period, "ytd") + calendar.months(period, "roy") == calendar.months(period, "fy")
    assert (
        prior_year(period)
        == calendar.months_of_year(calendar.fiscal_period(period).year - 1)[len(calendar.months(period, "ytd")) - 1]
    )


@given(
    day=st.dates(dt.date(1995, 1, 1), dt.date(2055, 12, 31)),
    pattern=st.sampled_from(["monthly", "4-4-5", "4-5-4", "5-4-4"]),
)
def test_every_day_lies_in_exactly_the_period_that_names_it(day: dt.date, pattern: str) -> None:
    calendar = Calendar(7, pattern, "last Saturday of June")
    period = calendar.period_of(day)
    assert calendar.first_day(period) <= day <= calendar.last_day(period)
    assert calendar.last_day(shift(period, -1)) + dt.timedelta(days=1) == calendar.first_day(period)


def test_week_53_joins_period_12() -> None:
    """29 June 2024 is the last Saturday of June 2024, 53 weeks after 24 June 2023."""
    assert week_counts("4-4-5", 53) == (4, 4, 5, 4, 4, 5, 4, 4, 5, 4, 4, 6)
    assert WEEKS.days("2024-06") == 42
    assert WEEKS.last_day("2024-06") == dt.date(2024, 6, 29)
    assert WEEKS.first_day("2023-07") == dt.date(2023, 6, 25)


def test_a_year_says_where_its_week_53_went() -> None:
    assert {year: WEEKS.week_53(year) for year in (2023, 2024, 2025)} == {2023: None, 2024: "2024-06", 2025: None}
    assert [WEEKS.weeks(period) for period in ("2024-05", "2024-06", "2025-06")] == [4, 6, 5]
    assert (Calendar(7).weeks("2024-06"), Calendar(7).week_53(2024)) == (None, None)


@pytest.mark.parametrize("start", range(1, 13))
@pytest.mark.parametrize("pattern", ["4-4-5", "4-5-4", "5-4-4"])
def test_a_year_of_weeks_that_starts_in_any_month_has_52_weeks_or_names_the_53rd(start: int, pattern: str) -> None:
    month = dt.date(2001, (start - 2) % 12 + 1, 1).strftime("%B")
    calendar = Calendar(start, pattern, f"last Friday of {month}")
    long_years = 0
    for year in range(2000, 2028):  # the calendar repeats itself every 28 years: five of them have 53 weeks
        weeks = [calendar.weeks(period) or 0 for period in calendar.months_of_year(year)]
        assert sum(weeks) == 52 + (calendar.week_53(year) is not None)
        assert calendar.week_53(year) in (None, calendar.months_of_year(year)[-1])
        long_years += sum(weeks) == 53
    assert long_years == 5


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-01", "2026/01", "2026-01-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        parse_month(text)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((13,), "start_month 13"),
        ((1, "4-4-6"), "monthly, 4-4-5"),
        ((1, "4-4-5"), "needs year_end"),
        ((1, "4-4-5", "end of June"), "last Saturday of June"),
        ((1, "4-4-5", "last Saturday of June"), "with that year_end it is 7"),
        ((7, "4-4-5", "last Saturday of December"), "with that year_end it is 1"),
    ],
)
def test_a_calendar_that_cannot_be_says_what_to_write(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calendar(*arguments)


def test_a_range_that_ends_before_it_starts_is_empty() -> None:
    assert month_range("2026-03", "2026-01") == []
    assert month_range("2025-12", "2026-02") == ["2025-12", "2026-01", "2026-02"]

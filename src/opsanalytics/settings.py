"""Settings: what `workbook.toml` says about the organisation, checked before anything is read.

Every key has a default and an unknown key is an error that names the nearest known one, because
a misspelt setting that is silently ignored is a wrong report.
"""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from opsanalytics.formats import nearest, to_cents
from opsanalytics.periods import PATTERNS, Calendar, parse_month

FILE = "workbook.toml"
PHASINGS = ("prior_year", "days", "even")
MODES = ("and", "or")
SIGNS = ("natural", "debit_credit")

_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "organisation": ("name", "currency", "minor_digits", "time_zone", "holidays"),
        "source": ("url",),
        "fiscal_year": ("start_month", "calendar", "year_end"),
        "budget": ("version", "phasing"),
        "materiality": ("amount", "share", "mode"),
        "reports": ("entities", "closed_through"),
        "ledger": ("sign",),
        "staffing": (
            *("overtime_premium", "overtime_limit", "temporary_premium", "hiring_cost", "handling_time_spread"),
            *("understaff_price", "shift_hours", "break_minutes", "days_on"),
        ),
        "columns": (),
    }
)


class SettingsError(ValueError):
    """workbook.toml asks for something that cannot be; the message names the key and what to write."""


@dataclass(frozen=True)
class Materiality:
    """From which size a variance needs an explanation.

    `amount_cents` in minor units, `share` of the reference as a ratio, `mode` "and" or "or".
    """

    amount_cents: int = 1_000_000
    share: float = 0.05
    mode: str = "and"


@dataclass(frozen=True)
class StaffingRules:
    """What people cost beyond their wage, how far handling times wander, and which shifts there may be.

    Premiums are shares of the wage; `overtime_limit` is a share of the regular paid hours of a month; `hiring_cost` is
    minor units a hire; `handling_time_spread` the standard deviation of a day's handling time, as a share;
    `understaff_price` how many hours' wages an hour is worth that one person is short.
    """

    overtime_premium: float = 0.5
    overtime_limit: float = 0.10
    temporary_premium: float = 0.6
    hiring_cost_cents: int = 0
    handling_time_spread: float = 0.05
    understaff_price: float = 10.0
    shift_hours: tuple[float, ...] = (8.0, 6.0, 4.0)
    break_minutes: int = 30
    days_on: int = 5


@dataclass(frozen=True)
class Settings:
    """The organisation's settings; see docs/data.md for the meaning of each key."""

    organisation: str = "Organisation"
    currency: str = "EUR"
    minor_digits: int = 2
    time_zone: str = "UTC"
    holidays: str | None = None
    calendar: Calendar = field(default_factory=Calendar)
    budget_version: str = "original"
    phasing: str = "prior_year"
    materiality: Materiality = field(default_factory=Materiality)
    entities: str = "site"
    closed_through: str | None = None
    ledger_sign: str = "natural"
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    staffing: StaffingRules = field(default_factory=StaffingRules)


def read_settings(folder: str | Path) -> Settings:
    """Read `workbook.toml` of a data folder; a folder without one gets the defaults.

    Raises SettingsError for an unknown key (naming the nearest known one) or a value that cannot be.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return Settings()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(
            f"{FILE} cannot be read: {error}. Mend the file; docs/data.md shows a whole one."
        ) from error
    return parse_settings(document)


def parse_settings(document: Mapping[str, Any]) -> Settings:
    """Turn the parsed workbook.toml into Settings; raises SettingsError as `read_settings` does."""
    _refuse_unknown(document)
    organisation, year = document.get("organisation", {}), document.get("fiscal_year", {})
    budget, reports = document.get("budget", {}), document.get("reports", {})
    if "source" in document:
        raise SettingsError(f"{FILE}: [source] is not available: leave it out to read the files beside {FILE}.")
    default = Settings()
    digits = _whole(organisation, "organisation", "minor_digits", default.minor_digits, 0, 4)
    return Settings(
        organisation=_text(organisation, "organisation", "name", default.organisation),
        currency=_text(organisation, "organisation", "currency", default.currency),
        minor_digits=digits,
        time_zone=_time_zone(organisation, default.time_zone),
        holidays=_country(organisation),
        calendar=_calendar(year),
        budget_version=_text(budget, "budget", "version", default.budget_version),
        phasing=_choice(budget, "budget", "phasing", PHASINGS, default.phasing),
        materiality=_materiality(document.get("materiality", {}), digits),
        entities=_choice(reports, "reports", "entities", ("site",), default.entities),
        closed_through=_closed_through(reports),
        ledger_sign=_choice(document.get("ledger", {}), "ledger", "sign", SIGNS, default.ledger_sign),
        staffing=_staffing(document.get("staffing", {}), digits),
        columns=_columns(document.get("columns", {})),
    )


def _refuse_unknown(document: Mapping[str, Any]) -> None:
    for section, content in document.items():
        if section not in _KEYS:
            raise SettingsError(_unknown(f"[{section}]", section, _KEYS, "[{}]"))
        if not isinstance(content, dict):
            raise SettingsError(f"{FILE}: {section} is a section: write [{section}] and its keys below it.")
        if section == "columns":
            continue
        for key in content:
            if key not in _KEYS[section]:
                raise SettingsError(_unknown(f"[{section}] {key}", key, _KEYS[section], f"[{section}] {{}}"))


def _unknown(what: str, word: str, known: Any, shape: str) -> str:
    return f"{FILE}: {what} is not a known key. The nearest is {shape.format(nearest(word, known))}."


def _wrong(section: str, key: str, value: object, expected: str) -> SettingsError:
    return SettingsError(f"{FILE}: [{section}] {key} = {value!r} is not valid: write {expected}.")


def _text(content: Mapping[str, Any], section: str, key: str, default: str) -> str:
    value = content.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(section, key, value, "a text in quotes")
    return value


def _whole(content: Mapping[str, Any], section: str, key: str, default: int, low: int, high: int) -> int:
    value = content.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _wrong(section, key, value, f"a whole number from {low} to {high}")
    return value


def _choice(content: Mapping[str, Any], section: str, key: str, choices: tuple[str, ...], default: str) -> str:
    value = content.get(key, default)
    if value not in choices:
        near = nearest(str(value), choices)
        raise _wrong(section, key, value, f"one of {', '.join(choices)} (the nearest is {near})")
    return str(value)


def _time_zone(content: Mapping[str, Any], default: str) -> str:
    value = _text(content, "organisation", "time_zone", default)
    if not is_time_zone(value):
        near = nearest(value, zoneinfo.available_timezones())
        raise _wrong("organisation", "time_zone", value, f"an IANA name (the nearest is {near})")
    return value


def is_time_zone(name: str) -> bool:
    """Is `name` the IANA name of a time zone?"""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a region, a folder of zones
        return False
    return True


def _country(content: Mapping[str, Any]) -> str | None:
    value = content.get("holidays")
    if value is None:
        return None
    from holidays.registry import EntityLoader  # the codes alone: listing countries would import every one of them

    known = list(EntityLoader.get_country_codes(include_aliases=True))
    if not isinstance(value, str) or value not in known:
        near = nearest(str(value), known)
        raise _wrong("organisation", "holidays", value, f"a country code such as IE (the nearest is {near})")
    return value


def _calendar(content: Mapping[str, Any]) -> Calendar:
    start = _whole(content, "fiscal_year", "start_month", 1, 1, 12)
    pattern = _choice(content, "fiscal_year", "calendar", PATTERNS, "monthly")
    year_end = _text(content, "fiscal_year", "year_end", "") if "year_end" in content else None
    try:
        return Calendar(start, pattern, year_end)
    except ValueError as error:
        raise SettingsError(f"{FILE}: [fiscal_year] {error}") from None


def _materiality(content: Mapping[str, Any], digits: int) -> Materiality:
    default = Materiality(amount_cents=10_000 * 10**digits)
    return Materiality(
        _amount(content, "materiality", "amount", default.amount_cents, digits),
        _number(content, "materiality", "share", default.share, 0, 1, "a ratio from 0 to 1, for example 0.05"),
        _choice(content, "materiality", "mode", MODES, default.mode),
    )


def _staffing(content: Mapping[str, Any], digits: int) -> StaffingRules:
    default = StaffingRules()
    premium = "a share of the wage from 0 to 10, for example 0.5"

    def share(key: str, low: float, high: float, expected: str) -> float:
        return _number(content, "staffing", key, getattr(default, key), low, high, expected)

    return StaffingRules(
        overtime_premium=share("overtime_premium", 0, 10, premium),
        overtime_limit=share("overtime_limit", 0, 1, "a share of the paid hours from 0 to 1, for example 0.1"),
        temporary_premium=share("temporary_premium", 0, 10, premium),
        hiring_cost_cents=_amount(content, "staffing", "hiring_cost", default.hiring_cost_cents, digits),
        handling_time_spread=share("handling_time_spread", 0, 1, "a share from 0 to 1, for example 0.05"),
        understaff_price=share("understaff_price", 1, 1000, "a multiple of the wage, 1 or more, for example 10"),
        shift_hours=_shift_hours(content, default.shift_hours),
        break_minutes=_whole(content, "staffing", "break_minutes", default.break_minutes, 0, 240),
        days_on=_whole(content, "staffing", "days_on", default.days_on, 1, 7),
    )


def _shift_hours(content: Mapping[str, Any], default: tuple[float, ...]) -> tuple[float, ...]:
    value = content.get("shift_hours", list(default))
    lengths = value if isinstance(value, list) else []
    if not lengths or any(not _is_number(hours) or not 0 < hours <= 24 or hours % 0.5 for hours in lengths):
        raise _wrong("staffing", "shift_hours", value, "the lengths of shifts in half hours, for example [8, 6, 4]")
    return tuple(float(hours) for hours in lengths)


def _amount(content: Mapping[str, Any], section: str, key: str, default: int, digits: int) -> int:
    """Return an amount in minor units, zero or more."""
    value = content.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _wrong(section, key, value, 'the amount in quotes, for example "10000.00"')
    try:
        cents = to_cents(value, digits)
    except ValueError:
        raise _wrong(section, key, value, 'a plain amount, for example "10000.00"') from None
    if cents < 0:
        raise _wrong(section, key, value, "an amount of zero or more")
    return cents


def _number(
    content: Mapping[str, Any], section: str, key: str, default: float, low: float, high: float, expected: str
) -> float:
    value = content.get(key, default)
    if not _is_number(value) or not low <= value <= high:
        raise _wrong(section, key, value, expected)
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _closed_through(content: Mapping[str, Any]) -> str | None:
    value = content.get("closed_through")
    if value is None:
        return None
    try:
        return parse_month(str(value))
    except ValueError as error:
        raise SettingsError(f"{FILE}: [reports] closed_through: {error}") from None


def _columns(content: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    from opsanalytics.schemas import TABLES

    for table, names in content.items():
        if table not in TABLES:
            raise SettingsError(_unknown(f"[columns.{table}]", table, TABLES, "[columns.{}]"))
        if not isinstance(names, dict):
            raise SettingsError(
                f"{FILE}: [columns] {table} is a section: write [columns.{table}] and its names below it."
            )
        known = [column.name for column in TABLES[table].columns]
        for column, source in names.items():
            if column not in known:
                raise SettingsError(_unknown(f"[columns.{table}] {column}", column, known, f"[columns.{table}] {{}}"))
            if not isinstance(source, str):
                raise _wrong(f"columns.{table}", column, source, "the source's column name in quotes")
    return content

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
    amount, ratio = content.get("amount"), content.get("share", default.share)
    cents = default.amount_cents
    if amount is not None:
        if not isinstance(amount, str):
            raise _wrong("materiality", "amount", amount, 'the amount in quotes, for example "10000.00"')
        try:
            cents = to_cents(amount, digits)
        except ValueError:
            raise _wrong("materiality", "amount", amount, 'a plain amount, for example "10000.00"') from None
    if not isinstance(ratio, int | float) or isinstance(ratio, bool) or not 0 <= ratio <= 1:
        raise _wrong("materiality", "share", ratio, "a ratio from 0 to 1, for example 0.05")
    if cents < 0:
        raise _wrong("materiality", "amount", amount, "an amount of zero or more")
    return Materiality(cents, float(ratio), _choice(content, "materiality", "mode", MODES, default.mode))


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

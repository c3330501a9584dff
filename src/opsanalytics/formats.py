"""Formats: every rounding, and every way a number or a name is written.

Money is int64 in the currency's minor units ("cents"). It is read from exact decimals and written
with the unit named in the head of its table; what is rounded for show is rounded half to even.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from difflib import get_close_matches
from types import MappingProxyType

ALL = "(all)"
UNASSIGNED = "(unassigned)"
NONE = "(none)"
TOTAL = "(total)"
OTHERS = "(others)"
MISSING_MONTHS = "(missing months)"
NOT_AVAILABLE = "n.a."
SIGNAL_LIMIT = 4.0  # mean absolute deviations, beyond which a tracking signal asks for a look

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?|[+-]?\.[0-9]+")
_UNIT_POWERS = {"": 0, "k": 3, "m": 6}
_RESERVED = frozenset(("con", "prn", "aux", "nul", *(f"{port}{k}" for port in ("com", "lpt") for k in range(10))))
_INT64_MAX = 2**63 - 1


def to_cents(value: str | Decimal | int, minor_digits: int = 2) -> int:
    """Read an exact amount of money as minor units, never through a float.

    ValueError when it is no plain decimal number, or has more decimals than the currency
    (trailing zeros aside), or does not fit int64.
    """
    try:
        number = Decimal(value) if not isinstance(value, str) else _plain_decimal(value)
    except InvalidOperation:
        raise ValueError(f"'{value}' is not a decimal number.") from None
    scaled = number.scaleb(minor_digits)
    cents = int(scaled)
    if cents != scaled:
        raise ValueError(f"'{value}' has more than {minor_digits} decimals.")
    if abs(cents) > _INT64_MAX:
        raise ValueError(f"'{value}' is too large an amount.")
    return cents


def _plain_decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text.strip()) is None:
        raise InvalidOperation
    return Decimal(text.strip())


def money(
    cents: float | None, minor_digits: int = 2, unit: str = "", *, signed: bool = False, never_zero: bool = False
) -> str:
    """Write money: in full with its minor digits, or with one decimal in thousands ("k") or millions ("m").

    The unit itself is not repeated at each number. Missing is "n.a.", and only a variance is `signed`. Beside a verdict
    `never_zero` gives an amount that would read 0.0 and is not zero as many decimals as it takes not to.
    """
    if is_missing(cents):
        return NOT_AVAILABLE
    power = _UNIT_POWERS[unit]
    amount = Decimal(int(cents or 0)).scaleb(-minor_digits - power)
    digits = minor_digits if not power else 1
    while never_zero and amount and round(amount, digits) == 0:
        digits += 1
    return _grouped(amount, digits, signed)


def money_unit(cents: Iterable[float | None], minor_digits: int = 2) -> str:
    """Choose the unit for one exhibit from its largest amount: "" below 100,000, "k" below 100 million, else "m"."""
    largest = max((abs(int(c or 0)) for c in cents if not is_missing(c)), default=0) // 10**minor_digits
    if largest < 100_000:
        return ""
    return "k" if largest < 100_000_000 else "m"


def share(value: float | None, *, signed: bool = False) -> str:
    """Write a ratio as a percentage with one decimal; missing is "n.a."."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    return f"{_grouped(Decimal(repr(float(value))) * 100, 1, signed)} %"


def number(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Write a plain number with grouped thousands; missing is "n.a."."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    return _grouped(Decimal(repr(float(value))), digits, signed)


def significant(value: float | None, figures: int = 3) -> str:
    """Write a number rounded to so many significant figures, for what is only known roughly."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    if value == 0:
        return "0"
    digits = figures - 1 - math.floor(math.log10(abs(value)))
    return number(round(value, digits), max(digits, 0))


def is_missing(value: object) -> bool:
    """Is `value` missing (None, NaN, NA, NaT)? Missing is never zero."""
    return value is None or str(value) in ("<NA>", "NaT") or bool(value != value)


def month_name(period: str) -> str:
    """Write a period as "Sep 2026"."""
    return f"{calendar.month_abbr[int(period[5:7])]} {period[:4]}"


def _grouped(value: Decimal, digits: int, signed: bool) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    if rounded == 0:
        rounded = abs(rounded)
    return f"{rounded:{'+' if signed and rounded != 0 else ''},f}"


def shorten(text: str, width: int) -> str:
    """Cut a long name to `width` characters, an ellipsis at its end; never longer, never broken by a line end."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(width - 1, 0)].rstrip() + "…"


def slug(name: str) -> str:
    """Return an ASCII folder name for a name from the data: letters, digits and hyphens, at most 40 characters.

    A name without any ASCII letter or digit, or that Windows keeps for a device, gets a short hash of itself.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    text = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return f"{text or 'entity'}-{_short_hash(name)}" if not text or text in _RESERVED else text


def slugs(names: Sequence[str]) -> dict[str, str]:
    """Return a folder name for each name; where two collide each gets a short hash of its name."""
    plain = {name: slug(name) for name in names}
    taken: dict[str, int] = {}
    for text in plain.values():
        taken[text] = taken.get(text, 0) + 1
    return {name: text if taken[text] == 1 else f"{text}-{_short_hash(name)}" for name, text in plain.items()}


def _short_hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:6]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to a mistaken one, for an error that says what was meant."""
    words = list(known)
    lower = {w.lower(): w for w in words}
    found = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.0) if lower else []
    return lower[found[0]] if found else None


# Words that tables, charts and the board pack share

MEASURES: Mapping[str, str] = MappingProxyType({"revenue": "Revenue", "cost": "Cost", "result": "Result"})
HORIZONS: Mapping[str, str] = MappingProxyType(
    {"month": "month", "qtd": "quarter to date", "ytd": "year to date", "roy": "rest of year", "fy": "full year"}
)
REFERENCES: Mapping[str, str] = MappingProxyType({"PL": "plan", "PY": "prior year", "FC": "last forecast"})
DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {"pl_line": "P&L line", "department": "Department", "cost_centre": "Cost centre", "account": "Account"}
)
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "run_rate": "run rate",
        "last_year_rest": "last year's rest",
        "growth": "last year's rest scaled by growth",
        "shrunk_growth": "last year's rest scaled by shrunk growth",
        "remaining_plan": "remaining plan",
        "plan_left": "what is left of the year's plan",
        "plan_executed": "plan as it was executed before",
        "seasonal": "seasonal forecast",
        "combined": "combined by backtest",
    }
)
DRIVERS: Mapping[str, str] = MappingProxyType(
    {
        "volume": "volume",
        "mix": "mix",
        "price": "price",
        "joint": "price and volume jointly",
        "rate": "rate",
        "efficiency": "efficiency",
        "usage": "usage",
        "spending": "spending",
        "yield": "yield",
        "headcount": "headcount",
        "overtime": "overtime",
        "hiring_delay": "hiring delay",
        "grade_mix": "grade mix",
        "currency": "currency",
        "one_off": "one-off lines",
        "new": "new products",
        "discontinued": "discontinued products",
        "other_revenue": "revenue, not explained",
        "other_payroll": "payroll, not explained",
        "other_cost": "variable cost, not explained",
        "production_volume": "production volume (memo)",
        OTHERS: "others",
        MISSING_MONTHS: "missing months",
    }
)
ANALYSES: Mapping[str, str] = MappingProxyType(
    {
        "sales": "Sales",
        "flexible_budget": "Flexible budget",
        "payroll": "Payroll",
        "materials": "Materials",
        "labour": "Labour",
        "overhead": "Overhead",
        "currency": "Currency",
    }
)
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "prior_ytd": "Year to date as last reported",
        "structure": "Chart and structure",
        "restatement": "Restated since",
        "new_months": "Months new since",
        "ytd": "Year to date now",
    }
)
FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "wrong_period": "posted after the close",
        "round_sum": "round sum",
        "reversal_without_pair": "reversal without its pair",
        "spike": "spike",
        "duplicate_across_documents": "same line in two documents",
    }
)
_GRAINS = {"MS": "by month", "D": "by day", "h": "by hour"}


def verdict(effect: float) -> str:
    """Return the word for an effect on the result."""
    return "favourable" if effect > 0 else "adverse" if effect < 0 else "neutral"


def entity_name(entity: str) -> str:
    """Write an entity as a reader calls it: the whole is "all sites"."""
    return "all sites" if entity == ALL else entity


def item_name(dimension: str, item: object, name: object) -> str:
    """Write an item of a dimension: code and name of accounts and cost centres, the name alone of others."""
    if is_missing(name) or not name or name == item:
        return str(item)
    return f"{item} {name}" if dimension in ("account", "cost_centre") else str(name)


def word(words: Mapping[str, str], code: object) -> str:
    """Write a code as its word in one of the mappings above; a code without one is its own word."""
    return words.get(str(code), str(code).replace("_", " "))


def grain(freq: str) -> str:
    """Write a frequency: "by month", "by week", "by day", "by 30 min"."""
    return _GRAINS.get(freq, "by week" if freq.startswith("W") else f"by {freq.replace('min', ' min')}")


def unit_name(currency: str, unit: str = "") -> str:
    """Write the unit of an exhibit of money: "EUR", "kEUR" (thousand EUR) or "mEUR" (million EUR)."""
    return f"{unit}{currency}"


def exact_money(cents: int, currency: str, minor_digits: int = 2, unit: str = "") -> str:
    """Write an exact amount with its unit: "10.0 kEUR" where one decimal of `unit` holds it, else in full."""
    held = not unit or cents % 10 ** (minor_digits + _UNIT_POWERS[unit] - 1) == 0
    unit = unit if held else ""
    return f"{money(cents, minor_digits, unit)} {unit_name(currency, unit)}"


def about(value: float | None) -> str:
    """Write what is only known roughly, wherever it is said: "about 35,000", two figures of 35,117."""
    text = significant(value, 2)
    return text if text == NOT_AVAILABLE else f"about {text}"


def about_money(cents: float | None, minor_digits: int = 2, unit: str = "") -> str:
    """Write money that is only known roughly in one exhibit's unit, which is named after it: "about 1,200"."""
    return about(None if is_missing(cents) else float(cents or 0) / 10.0 ** (minor_digits + _UNIT_POWERS[unit]))


def key_of(*parts: object) -> str:
    """Join codes to one key, "D1, 2", that no other codes have: one that holds a comma or a quote is quoted."""
    return ", ".join(json.dumps(p, ensure_ascii=False) if set(p) & set(',"') else p for p in map(str, parts))


def listed(words: Sequence[str]) -> str:
    """Write "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: "1 row", "1,200 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

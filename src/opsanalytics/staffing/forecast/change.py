"""Change: what a scenario assumes to be different from the forecast and the standards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isnan
from types import MappingProxyType

from opsanalytics.staffing.standards import Standard, checked

_HIGHEST_LEVEL = 0.99
_EXAMPLE = "volume +10%, handling time -5%, shrinkage +2 points, service level 90%, wage +3%"


@dataclass(frozen=True)
class Change:
    """A scenario: shares by which volume, handling time and wage move, points of shrinkage and service level, or a
    service level in the place of the standard's.

    0.1 is a tenth more, 0.02 two points. A handling time that is a tenth longer divides units per hour by 1.1. A
    service level moved by points ends at 99 %, a shrinkage at none.
    """

    name: str
    volume: float = 0.0
    handling_time: float = 0.0
    shrinkage: float = 0.0
    service_level: float = 0.0
    new_service_level: float | None = None
    wage: float = 0.0

    def of_standard(self, standard: Standard) -> Standard:
        """Return the standard changed. Raises StaffingError where that is none any more."""
        longer, level = 1 + self.handling_time, standard.service_level + self.service_level
        wage = standard.wage_rate
        changed = replace(
            standard,
            aht_s=standard.aht_s * longer,
            units_per_hour=standard.units_per_hour / longer,
            shrinkage=max(standard.shrinkage + _exact(self.shrinkage), Decimal(0)),
            service_level=min(level, max(_HIGHEST_LEVEL, standard.service_level)),
            wage_rate=None if wage is None else wage * (1 + _exact(self.wage)),
        )
        promises = standard.method.startswith("erlang") and not isnan(standard.service_level)
        if self.new_service_level is not None and promises:
            changed = replace(changed, service_level=self.new_service_level)
        return changed if changed == standard else checked(changed)


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


_SHARES: Mapping[str, str] = MappingProxyType({"volume": "volume", "handling time": "handling_time", "wage": "wage"})
_POINTS: Mapping[str, str] = MappingProxyType({"shrinkage": "shrinkage", "service level": "service_level"})
_KINDS: tuple[tuple[re.Pattern[str], Callable[[str, float], dict[str, float]]], ...] = (
    (re.compile(r"(volume|handling time|wage) ([+-]\d+(?:\.\d+)?) ?%"), lambda what, by: {_SHARES[what]: by}),
    (re.compile(r"(shrinkage|service level) ([+-]\d+(?:\.\d+)?) ?points?"), lambda what, by: {_POINTS[what]: by}),
    (re.compile(r"(service level) (\d+(?:\.\d+)?) ?%"), lambda _, level: {"new_service_level": level}),
)


def asked_change(text: str) -> Change | None:
    """Read a change as a planner writes it, as in "volume +10%, shrinkage +2 points"; None for an empty text.

    Raises ValueError for what is not understood, is asked for twice, or takes all volume or handling time away.
    """
    if not text.strip():
        return None
    parts: dict[str, float] = {}
    for piece in text.split(","):
        found = _read(piece.strip().lower())
        if found is None:
            raise ValueError(f"scenario: '{piece.strip()}' is not understood: write for example {_EXAMPLE}.")
        if set(found) & set(parts):
            raise ValueError(f"scenario: '{piece.strip()}' changes what was changed before: name each change once.")
        parts |= found
    if min(parts.get("volume", 0.0), parts.get("handling_time", 0.0)) <= -1:
        raise ValueError("scenario: a volume or handling time is taken away whole: write less than -100%.")
    return Change(name=", ".join(piece.strip() for piece in text.split(",")), **parts)


def _read(piece: str) -> dict[str, float] | None:
    for pattern, meaning in _KINDS:
        match = pattern.fullmatch(piece)
        if match:
            return meaning(match[1], float(Decimal(match[2]) / 100))
    return None

"""Facts: looking up one figure of the run by what it is.

The figures frame is read once into a dictionary; a figure that is not there is None, never zero.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

from opsanalytics.formats import ALL, TOTAL, UNASSIGNED

MEASURES = (
    "revenue",
    "cost",
    "result",
    "amount",
    "variance",
    "variance_like_for_like",
    "effect_like_for_like",
    "effect",
    "variance_share",
    "material",
    "demand",
    "complete",
    "required_fte",
    "required_hours",
    "staff_cost",
)
_KEY = ("entity", "period", "horizon", "measure", "dimension", "item", "dimension2", "item2", "scenario", "reference")
_MEDIAN = 0.5
STATISTICAL = "statistical"
_LIKE_FOR_LIKE = {"variance": "variance_like_for_like", "effect": "effect_like_for_like"}
_COMPARISONS = (*_LIKE_FOR_LIKE, *_LIKE_FOR_LIKE.values(), "variance_share", "material", "complete")


def missing(value: Any) -> bool:
    """Is a cell of a frame missing (None, NaN, NA, NaT)?"""
    return bool(pd.isna(value))


class Key(NamedTuple):
    """What a figure is: the key columns of `figures` without report and quantile."""

    entity: str
    period: str
    horizon: str
    measure: str
    dimension: str = TOTAL
    item: str = TOTAL
    dimension2: str = ""
    item2: str = ""
    scenario: str = ""
    reference: str = ""


class Facts:
    """The figures of one run. Quantiles other than the median are left out: the pack shows the middle.

    Where a comparison is incomplete, because a month has no ledger lines, its variance and effect are those over the
    months that both sides hold, and it has no share: `incomplete` holds its entity, horizon and reference.
    """

    def __init__(self, figures: pd.DataFrame, period: str, entities: Collection[str]) -> None:
        self.period = period
        self._values: dict[Key, float] = {}
        self._cents: dict[Key, int] = {}
        self._units: dict[Key, str] = {}
        shown = figures[figures["measure"].isin(MEASURES)]
        shown = shown[shown["quantile"].isna() | (shown["quantile"] == _MEDIAN)]
        texts = [shown[column].fillna("").astype(str).tolist() for column in _KEY]
        numbers = (shown["value"].tolist(), shown["cents"].tolist(), shown["unit"].fillna("").astype(str).tolist())
        for *parts, value, cents, unit in zip(*texts, *numbers, strict=True):
            key = Key(*parts)
            if key.measure in _COMPARISONS:  # what is compared with the reference is AC, and need not be said
                key = key._replace(scenario="")
            if not missing(value):
                self._values.setdefault(key, float(value))
            if not missing(cents):
                self._cents.setdefault(key, int(cents))
            if unit:
                self._units.setdefault(key, unit)
        self.incomplete = {
            (key.entity, key.horizon, key.reference)
            for key, value in self._values.items()
            if key.measure == "complete" and key.reference and value == 0.0
        }
        self._compare_like_for_like()
        self._keys: dict[str, list[Key]] = {measure: [] for measure in MEASURES}
        for key in sorted({*self._values, *self._cents}):
            self._keys[key.measure].append(key)
        held = {key.entity for key in (*self._values, *self._cents)} - {ALL}
        self.sites = sorted({*entities, *held} - {ALL, UNASSIGNED}) + ([UNASSIGNED] if UNASSIGNED in held else [])

    def _compare_like_for_like(self) -> None:
        for key in [key for key in self._cents if key.measure in _LIKE_FOR_LIKE]:
            if (key.entity, key.horizon, key.reference) in self.incomplete:
                self._cents[key] = self._cents[key._replace(measure=_LIKE_FOR_LIKE[key.measure])]
                self._values.pop(key._replace(measure="variance_share"), None)

    def cents(self, key: Key) -> int | None:
        """Return a figure of money in cents, or None."""
        return self._cents.get(key)

    def value(self, key: Key) -> float | None:
        """Return a figure that is no money, or None."""
        return self._values.get(key)

    def keys(self, measure: str, **parts: str) -> list[Key]:
        """Return the keys of a measure whose named parts are equal to those given, in order."""
        return [k for k in self._keys[measure] if all(getattr(k, n) == v for n, v in parts.items())]

    def has(self, measure: str, **parts: str) -> bool:
        """Is there any figure of this measure?"""
        return bool(self.keys(measure, **parts))

    def total(self, entity: str, measure: str, scenario: str, horizon: str, period: str | None = None) -> int | None:
        """Return revenue, cost or result of an entity in cents, or None."""
        return self._cents.get(Key(entity, period or self.period, horizon, measure, scenario=scenario))

    def service(self, entity: str, measure: str, service: str, scenario: str, period: str) -> float | None:
        """Return a service's demand, hours or FTE of a month, or None."""
        return self._values.get(Key(entity, period, "month", measure, "service", service, scenario=scenario))

    def service_cents(self, entity: str, measure: str, service: str, scenario: str, period: str) -> int | None:
        """Return a service's cost of a month in cents, or None."""
        return self._cents.get(Key(entity, period, "month", measure, "service", service, scenario=scenario))

    def services(self, entity: str, measure: str) -> list[str]:
        """Return the services of an entity that a measure has, sorted."""
        return sorted({k.item for k in self.keys(measure, entity=entity, dimension="service", horizon="month")})

    def unit(self, service: str) -> str:
        """Return the unit of a service's demand ("" where none is known)."""
        return next((self._units[k] for k in self.keys("demand", item=service) if k in self._units), "")

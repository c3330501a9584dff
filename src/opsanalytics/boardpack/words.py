"""Words: how the pack writes a figure, a difference and its effect.

AC - reference is the variance (its sign is shown); its effect on the result, favourable or
adverse, is said beside it in a word or letter, never by colour alone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from opsanalytics.boardpack.pack import Cell
from opsanalytics.formats import ALL, NOT_AVAILABLE, entity_name, money, number, share, unit_name, verdict

_UNIT_NAMES = {"k": "thousand", "m": "million"}
BLANK = Cell("")
_TURNING = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})


@dataclass(frozen=True)
class Money:
    """Money of one exhibit: its unit ("", "k" or "m") is stated once, in the note; sentences share one."""

    currency: str
    minor_digits: int
    unit: str

    @property
    def name(self) -> str:
        """The unit and what it means, for example "kEUR (thousand EUR)"."""
        return f"{self.short} ({_UNIT_NAMES[self.unit]} {self.currency})" if self.unit else self.currency

    @property
    def short(self) -> str:
        """The unit as it follows a number, for example "kEUR"."""
        return unit_name(self.currency, self.unit)

    def write(self, cents: int | None, *, signed: bool = False) -> str:
        """Write an amount in this unit, without the unit's name."""
        return money(cents, self.minor_digits, self.unit, signed=signed)

    def spoken(self, cents: int | None, *, signed: bool = False) -> str:
        """Write an amount with its unit, for a sentence: "1,234.5 kEUR"."""
        return f"{self.write(cents, signed=signed)} {self.short}"

    def cell(self, cents: int | None) -> Cell:
        """Set an amount."""
        return Cell(self.write(cents))

    def variance(self, cents: int | None, effect: str) -> Cell:
        """Set a variance with its sign and its effect."""
        return Cell(self.write(cents, signed=True), effect=effect if cents else "")


class Stand(NamedTuple):
    """How an amount stands to its reference: the gap in cents, its share (None: n.a.), its effect in a word."""

    gap: int | None
    share: float | None
    effect: str


def money_difference(actual: int | None, reference: int | None) -> int | None:
    """Return actual - reference in cents, or None when one of them is missing."""
    return None if actual is None or reference is None else actual - reference


def relative(actual: float | None, reference: float | None) -> float | None:
    """Return the variance as a share of the reference; None (n.a.) where the reference is missing, zero or negative."""
    if actual is None or reference is None or reference <= 0:
        return None
    return (actual - reference) / reference


def effect_word(effect: float | None) -> str:
    """Return "favourable" or "adverse" for an effect on the result; none or zero is neither."""
    return verdict(effect) if effect else ""


def effect_of(measure: str, variance: float | None) -> str:
    """Is a variance of revenue, cost or result favourable or adverse? None or zero is neither."""
    if not variance or measure not in ("revenue", "cost", "result"):
        return ""
    return verdict(-variance if measure == "cost" else variance)


def share_cell(value: float | None, effect: str = "") -> Cell:
    """Set a relative variance with its sign."""
    return Cell(share(value, signed=True), effect=effect if value else "")


def volume_cell(value: float | None, digits: int = 0) -> Cell:
    """Set a volume, hours or FTE."""
    return Cell(number(value, digits))


def compared(stand: Stand, money_: Money, what: str) -> str:
    """Say how an amount stands to a reference: "45.6 kEUR (3.8 %) below plan"; "" when one is missing."""
    gap = stand.gap
    if gap is None:
        return ""
    if gap == 0:
        return f"equal to {what}"
    aside = "" if stand.share is None else f" ({share(abs(stand.share))})"
    return f"{money_.spoken(abs(gap))}{aside} {'above' if gap > 0 else 'below'} {what}"


def named(entity: str) -> str:
    """Write an entity in a sentence: "all sites", or the site's code."""
    return entity_name(ALL) if entity == ALL else isolated(entity)


def isolated(name: str) -> str:
    """Set a name into a sentence so that right-to-left letters and marks in it do not turn what follows."""
    turning = any(unicodedata.bidirectional(letter) in _TURNING for letter in name)
    return f"\u2068{name}\u2069" if turning else name


def text_cell(text: object) -> Cell:
    """Set words."""
    return Cell(str(text) if text is not None else NOT_AVAILABLE, number=False)

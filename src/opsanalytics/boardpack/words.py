"""Words: how the pack writes a figure, a difference and its effect.

AC - reference is the variance (its sign is shown); its effect on the result, favourable or
adverse, is said beside it in a word or letter, never by colour alone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from opsanalytics.boardpack.pack import ADVERSE, FAVOURABLE, Cell
from opsanalytics.formats import NOT_AVAILABLE, money, number, share

_UNIT_NAMES = {"": "", "k": "thousand ", "m": "million "}
BLANK = Cell("")
_TURNING = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})


@dataclass(frozen=True)
class Money:
    """Money of one exhibit: its unit ("", "k" or "m") is stated once, in the note."""

    currency: str
    minor_digits: int
    unit: str

    @property
    def name(self) -> str:
        """The unit in words, for example "thousand EUR"."""
        return f"{_UNIT_NAMES[self.unit]}{self.currency}"

    @property
    def short(self) -> str:
        """The unit as it follows a number, for example "kEUR"."""
        return f"{self.unit}{self.currency}"

    def write(self, cents: int | None, *, signed: bool = False) -> str:
        """Write an amount in this unit, without the unit's name."""
        return money(cents, self.minor_digits, self.unit, signed=signed)

    def spoken(self, cents: int | None) -> str:
        """Write an amount with its unit, for a sentence: "1,234.5 kEUR"."""
        return f"{self.write(cents)} {self.short}"

    def cell(self, cents: int | None) -> Cell:
        """Set an amount."""
        return Cell(self.write(cents))

    def variance(self, cents: int | None, effect: str) -> Cell:
        """Set a variance with its sign and its effect."""
        return Cell(self.write(cents, signed=True), effect=effect if cents else "")


def difference(actual: float | None, reference: float | None) -> float | None:
    """Return actual - reference, or None when one of them is missing."""
    return None if actual is None or reference is None else actual - reference


def money_difference(actual: int | None, reference: int | None) -> int | None:
    """Return actual - reference in cents, or None when one of them is missing."""
    return None if actual is None or reference is None else actual - reference


def relative(actual: float | None, reference: float | None) -> float | None:
    """Return the variance as a share of the reference; None (n.a.) where the reference is missing, zero or negative."""
    if actual is None or reference is None or reference <= 0:
        return None
    return (actual - reference) / reference


def effect_of(measure: str, variance: float | None) -> str:
    """Is a variance of revenue, cost or result favourable or adverse? None or zero is neither."""
    if not variance or measure not in ("revenue", "cost", "result"):
        return ""
    good = variance < 0 if measure == "cost" else variance > 0
    return FAVOURABLE if good else ADVERSE


def share_cell(value: float | None, effect: str = "") -> Cell:
    """Set a relative variance with its sign."""
    return Cell(share(value, signed=True), effect=effect if value else "")


def volume_cell(value: float | None, digits: int = 0) -> Cell:
    """Set a volume, hours or FTE."""
    return Cell(number(value, digits))


def compared(actual: int | None, reference: int | None, money_: Money, what: str) -> str:
    """Say how an amount stands to a reference: "45.6 kEUR (3.8 %) below plan"; "" when one is missing."""
    gap = money_difference(actual, reference)
    if gap is None:
        return ""
    if gap == 0:
        return f"equal to {what}"
    ratio = relative(actual, reference)
    aside = "" if ratio is None else f" ({share(abs(ratio))})"
    return f"{money_.spoken(abs(gap))}{aside} {'above' if gap > 0 else 'below'} {what}"


def isolated(name: str) -> str:
    """Set a name into a sentence so that right-to-left letters and marks in it do not turn what follows."""
    turning = any(unicodedata.bidirectional(letter) in _TURNING for letter in name)
    return f"\u2068{name}\u2069" if turning else name


def text_cell(text: object) -> Cell:
    """Set words."""
    return Cell(str(text) if text is not None else NOT_AVAILABLE, number=False)

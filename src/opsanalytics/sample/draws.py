"""Draws: chance that comes out the same on every machine.

Only the raw 64-bit stream of PCG64 is used, because numpy promises that stream and not the
distributions made from it; everything above it is whole-number arithmetic, so that no result
depends on a platform's floating point.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]

_BITS = 31


class Draws:
    """A stream of whole numbers for one purpose: the same seed and names give the same numbers."""

    def __init__(self, seed: int, *names: str) -> None:
        """Open the stream that `seed` and `names` stand for; `seed` is a whole number of zero or more."""
        keys = [seed, *(zlib.crc32(name.encode("utf-8")) for name in names)]
        self._bits = np.random.PCG64(np.random.SeedSequence(keys))

    def between(self, low: int, high: int, size: int) -> Integers:
        """Draw `size` whole numbers from `low` to `high`, both included."""
        raw = (self._bits.random_raw(size) >> np.uint64(64 - _BITS)).astype(np.int64)
        return low + ((raw * (high - low + 1)) >> _BITS)

    def one(self, low: int, high: int) -> int:
        """Draw one whole number from `low` to `high`, both included."""
        return int(self.between(low, high, 1)[0])

    def bell(self, size: int) -> Integers:
        """Draw thousandths of a standard deviation: the sum of twelve even draws, within six deviations."""
        twelve: Integers = self.between(0, 1000, 12 * size).reshape(size, 12)
        bells: Integers = twelve.sum(axis=1) - 6000
        return bells


def scaled(amount: int, *permille: int) -> int:
    """Multiply a whole number by factors in thousandths, rounding half up after each."""
    for factor in permille:
        amount = (amount * factor + 500) // 1000
    return amount


def ceiling(numerator: int, denominator: int) -> int:
    """Divide whole numbers, rounding up; `denominator` is above zero."""
    return -(-numerator // denominator)


def half_even(numerator: int, denominator: int) -> int:
    """Divide whole numbers, rounding half to even; `denominator` is above zero."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number by weights; the parts sum to it exactly, the last bearing the remainder."""
    whole = sum(weights)
    sign = -1 if total < 0 else 1
    parts = [sign * (abs(total) * weight // whole) for weight in weights[:-1]]
    return [*parts, total - sum(parts)]


def split_fairly(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number of zero or more by weights, the remainder to the largest fractions, the earlier first."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts

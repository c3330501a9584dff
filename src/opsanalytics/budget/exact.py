"""Exact: quantities and prices as fractions, rounded once into whole cents that add up.

A decomposition is computed in exact fractions; only its cells are rounded, half to even, and the cents
that rounding leaves over go to the largest remainders, so that the parts foot to a total that stands already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

#: A column of exact numbers: an object array of `fractions.Fraction`.
Exact = npt.NDArray[np.object_]


def as_array(values: Iterable[Any]) -> Exact:
    """Return `values` as a one-dimensional object array, whatever they are."""
    held = list(values)
    array = np.empty(len(held), dtype=object)
    array[:] = held
    return array


def fraction(value: Any, what: str) -> Fraction:
    """Return one number exactly; a float counts as the decimal it is written as.

    Raises ValueError naming `what` where the number is missing or infinite.
    """
    if isinstance(value, Fraction):
        return value
    try:
        if isinstance(value, float | np.floating):
            return Fraction(repr(float(value)))
        return Fraction(value.item() if isinstance(value, np.integer) else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{what} is {value!r}: state a number; missing is not zero.") from error


def fractions(column: pd.Series, what: str = "") -> Exact:
    """Return a column of numbers exactly; raises ValueError naming the column and the row of one that is missing."""
    name = what or str(column.name)
    return as_array(fraction(v, f"{name} of row {row}") for row, v in zip(column.index, column, strict=True))


def whole_cents(amounts: Iterable[Fraction], minor_digits: int = 2) -> npt.NDArray[np.int64]:
    """Round amounts in whole currency units to minor units, half to even."""
    scale = 10**minor_digits
    return np.array([round(amount * scale) for amount in amounts], dtype=np.int64)


def half_even(numerators: Exact, denominators: Exact) -> npt.NDArray[np.int64]:
    """Divide whole numbers by whole numbers above zero, rounded half to even, whatever their size."""
    floors = numerators // denominators
    twice = 2 * (numerators - floors * denominators)
    up = (twice > denominators) | ((twice == denominators) & (floors % 2 == 1))
    return np.asarray(floors + up, dtype=np.int64)


def foot(parts: Sequence[Fraction], total: int, what: str, *, slack: int = 1) -> list[int]:
    """Round `parts` (in minor units) to whole cents that add up to `total`: floors, then the largest remainders.

    A tie goes to the earlier part. Raises ArithmeticError naming `what` where the exact parts miss the total by more
    than `slack`, that which rounding can explain.
    """
    exact = sum(parts, Fraction(0))
    if abs(exact - total) > slack:
        raise ArithmeticError(f"The parts of {what} add up to {float(exact):.2f}, not to {total} minor units.")
    floors = [math.floor(part) for part in parts]
    every, left = divmod(total - sum(floors), len(parts)) if parts else (0, 0)
    largest = sorted(range(len(parts)), key=lambda k: (floors[k] - parts[k], k))[:left]
    cents = [floor + every for floor in floors]
    for k in largest:
        cents[k] += 1
    return cents


def as_decimal(value: Fraction) -> Decimal:
    """Return a fraction as a decimal, exact where it ends within 28 figures."""
    return Decimal(value.numerator) / Decimal(value.denominator)

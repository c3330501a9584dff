"""Allocation: an amount of money split into whole cents that add up to it exactly.

Largest remainder (Hamilton's method): every part gets the whole cents of its exact proportion, and the cents left over
go one each to the largest remainders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

_INT64_MAX = 2**63 - 1


def allocate_cents(total_cents: int, weights: Sequence[int | float | Decimal | Fraction]) -> list[int]:
    """Split a total in proportion to `weights` into whole cents that add up to it exactly.

    Largest remainder: each part is within one cent of its exact proportion, ties go to the earlier part.
    Weights are taken as the decimals they are written as. Raises ValueError where they are empty, negative or all zero.
    """
    exact = [Fraction(str(weight)) for weight in weights]
    if not exact or min(exact) < 0 or sum(exact) == 0:
        raise ValueError("A total is split by weights of zero or more, at least one of them above zero.")
    scale = math.lcm(*(weight.denominator for weight in exact))
    whole = np.array([[int(weight * scale) for weight in exact]], dtype=object)
    return [int(part) for part in allocate_rows(np.array([total_cents], dtype=object), whole)[0]]


def allocate_rows(totals: npt.NDArray[Any], weights: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Split each of n totals by its row of weights (n by m, whole, not negative, not all zero), as `allocate_cents`.

    Returns int64 parts, n by m. Products beyond int64 are computed with Python's whole numbers.
    """
    if len(totals) == 0:
        return np.zeros(weights.shape, dtype=np.int64)
    sums = weights.astype(object).sum(axis=1)
    largest = max(1, int(np.abs(totals.astype(object)).max())) * int(sums.max())
    dtype = np.int64 if largest <= _INT64_MAX else object
    size, weight, whole = (array.astype(dtype) for array in (np.abs(totals), weights, sums))
    products = size[:, None] * weight
    parts = products // whole[:, None]
    remainders = products - parts * whole[:, None]
    left = (size - parts.sum(axis=1)).astype(np.int64)
    order = np.argsort(-remainders, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    signs = np.where(totals < 0, -1, 1)
    found: npt.NDArray[np.int64] = (parts.astype(np.int64) + (rank < left[:, None])) * signs[:, None]
    return found

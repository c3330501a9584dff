"""Numbers: arrays of one shape, refusals in a sentence, and whole people counted exactly.

Whole people are counted by an exact ceiling: a quotient of floats that lies within a hair of a
whole number is worked again in fractions of the decimal text, because 21 / (1 - 0.3) is 30 people,
not the 31 that floats give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_NOISE = 1e-9


def arrays(*values: Any) -> list[Array]:
    """Return the values as float64 arrays of one common shape; None becomes NaN."""
    cast = [np.asarray(np.nan if value is None else value, dtype=np.float64) for value in values]
    return list(np.broadcast_arrays(*cast))


def refuse_volume(volume: Array) -> None:
    """Raise ValueError unless every volume is a finite number of zero or more."""
    refuse(~(volume >= 0), "volume", volume, "is negative or missing: give the contacts of the interval, 0 for none.")
    refuse(np.isinf(volume), "volume", volume, "is more than any number of agents handles: give a finite number.")


def refuse_times(**times: Array) -> None:
    """Raise ValueError naming the first of the times that is not above zero."""
    for name, values in times.items():
        refuse(~((values > 0) & np.isfinite(values)), name, values, "is missing or not above zero: give it in seconds.")


def refuse(wrong: Any, name: str, values: Array, sentence: str) -> None:
    """Raise ValueError with the first wrong value when there is one."""
    if np.any(wrong):
        value = np.broadcast_to(values, np.shape(wrong))[wrong].flat[0]
        raise ValueError(f"{name} {'' if np.isnan(value) else f'{value:g} '}{sentence}")


def plain(values: Array) -> Any:
    """Return a float for a single value, the array itself otherwise."""
    return float(values) if values.ndim == 0 else values


def exact_ceiling(above: Sequence[Any], below: Sequence[Any]) -> Any:
    """Return the product of `above` over the product of `below`, rounded up exactly; NaN stays NaN.

    Each item is an array (or number, or Decimal); they broadcast. A number counts as the decimal that
    it is written as with 12 digits, so that what floats add behind them rounds nothing up. Returns
    float64 whole numbers of the common shape. `below` is above zero.
    """
    values = arrays(*above, *below)
    count = len(above)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.prod(values[:count], axis=0) / np.prod(values[count:], axis=0)
    nearest = np.round(quotient)
    result = np.array(np.ceil(quotient))
    close = (
        (np.abs(quotient - nearest) <= _NOISE * np.maximum(np.abs(nearest), 1))
        & np.isfinite(quotient)
        & (quotient != 0)
    )
    if close.any():
        combinations, place = np.unique(np.stack([value[close] for value in values]), axis=1, return_inverse=True)
        exact = [_ceiling_of(column[:count], column[count:]) for column in combinations.T.tolist()]
        result[close] = np.array(exact, dtype=np.float64)[place.ravel()]
    return plain(result)


def fraction(value: Any) -> Fraction:
    """Return a number exactly as its decimal text says: 0.3 is three tenths."""
    return Fraction(str(value))


def _ceiling_of(above: Iterable[float], below: Iterable[float]) -> int:
    top, bottom = Fraction(1), Fraction(1)
    for value in above:
        top *= fraction(f"{value:.12g}")
    for value in below:
        bottom *= fraction(f"{value:.12g}")
    return -((-top) // bottom)

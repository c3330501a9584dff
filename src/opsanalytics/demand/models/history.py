"""History: one series on its regular grid, as the models take it.

A history has no gaps: they were filled before, and what was filled is never scored. Histories of one length are worked
on together, as the columns of one matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BLOCK = 64  # columns that are worked on together: bounds memory, and is the unit of parallel work
FEW_ZEROS = 0.02  # of a history that is looked at by its roots
_TINY = 1e-9


def uses_logs(values: Floats) -> bool:
    """Is a series better looked at on logarithms? Where all is above zero and the typical value is ten or more."""
    return bool((values > 0).all()) and float(np.median(values)) >= 10


@dataclass(frozen=True)
class History:
    """Values in time order, one a step, finite; `place` is the position of the first one in its season of `season`
    steps.

    A monthly history that begins in March has place 2 and season 12. Season 1 is no season.
    """

    values: Floats
    place: int
    season: int

    def last(self, steps: int) -> History:
        """Return the latest `steps` values, or all where there are fewer."""
        cut = max(len(self.values) - steps, 0)
        return History(self.values[cut:], (self.place + cut) % self.season, self.season)


@dataclass(frozen=True)
class Block:
    """Histories of one length and season, side by side: `values` is steps by histories, divided by their `size`.

    `size` is the mean absolute value of each, `positive` says where every value is above zero, `rooted` where none is
    below and a few are zero (counts; on logarithms they have no place, and as they are their spread would not grow
    with their level).
    """

    values: Floats
    size: Floats
    positive: Flags
    rooted: Flags
    season: int

    @property
    def length(self) -> int:
        """The number of steps."""
        return len(self.values)

    def allows(self, power: float) -> Flags:
        """Say which histories may be looked at on this scale of Box and Cox."""
        if power == 1:
            return ~self.rooted
        return np.asarray(self.positive | self.rooted) if power == 0.5 else self.positive

    @property
    def width(self) -> int:
        """The number of histories."""
        return int(self.values.shape[1])


def blocks(histories: Sequence[History], longest: int, coarse: int = 1) -> Iterator[tuple[list[int], Block]]:
    """Cut histories to their `longest` latest steps; yield those of one length, up to BLOCK at a time, and their
    numbers.

    Beyond two seasons and 4 x `coarse` steps a length is cut to a multiple of `coarse`, so that fewer lengths differ.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    for number, history in enumerate(histories):
        length = min(len(history.values), longest)
        if length < longest and length >= 2 * history.season + 4 * coarse:
            length -= length % coarse
        alike.setdefault((history.season, length), []).append(number)
    for (season, length), numbers in sorted(alike.items()):
        for start in range(0, len(numbers), BLOCK):
            own = numbers[start : start + BLOCK]
            cut = [histories[number].last(length) for number in own]
            values = np.stack([history.values for history in cut], axis=1)
            size = np.maximum(np.abs(values).mean(axis=0), _TINY)
            positive = np.asarray((values > 0).all(axis=0))
            rooted = np.asarray((values >= 0).all(axis=0) & ~positive & ((values == 0).mean(axis=0) <= FEW_ZEROS))
            yield own, Block(values / size, size, positive, rooted, season)


def filled(values: Floats, place: int, season: int) -> Floats:
    """Fill the gaps (NaN) of a history between its first and last value; there is one value at least.

    A gap takes the usual value of its place in the season, moved by how far its neighbours lie from theirs (on
    logarithms where all is positive), in a straight line from one neighbour to the next.
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    known = values[~gaps]
    logs = bool((known > 0).all())
    scaled = np.log(np.where(gaps, 1.0, values)) if logs else np.where(gaps, 0.0, values)
    middle = float(scaled[~gaps].mean())
    at = (np.arange(len(values)) + place) % season
    usual = np.full(season, middle)
    for one in np.unique(at[~gaps]):
        usual[one] = scaled[(at == one) & ~gaps].mean()
    steps = np.arange(len(values))
    moved = np.interp(steps, steps[~gaps], (scaled - usual[at])[~gaps])
    guess = usual[at] + moved
    return np.where(gaps, np.exp(guess) if logs else guess, values)

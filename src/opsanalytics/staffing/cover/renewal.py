"""Renewal: people are taken off a plan and put back where they help most, thousands of times.

Ruin and recreate (G. Schrimpf, J. Schneider, H. Stamm-Wilbrandt and G. Dueck 2000) with simulated
annealing (S. Kirkpatrick, C. D. Gelatt and M. P. Vecchi 1983). Its length is a count of steps, so
that its answer depends on the machine only where the clock ends it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.numbers import Array

REMOVED = 4
HOT, COLD = 0.12, 0.006  # accepted losses, as a share of the mean cost of a shift
DULLED = 0.02
ALIKE = 0.9

_NOISE = 1e-4

_Small = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Board:
    """Shifts by intervals, cost by shift, and the price of one person short by interval."""

    works: _Small
    need: _Small
    cost: _Small
    price: _Small

    def worth(self, spare: _Small) -> _Small:
        """Return what one more person on each shift would save, less its cost."""
        return np.asarray(self.works @ (np.clip(-spare, 0, 1) * self.price) - self.cost)

    def total(self, staff: _Small, spare: _Small) -> float:
        """Return the cost of a plan: its shifts, and the price of being short."""
        return float(self.cost @ staff + self.price @ np.maximum(-spare, 0))


def renewed(
    need: Array,
    works: Any,
    cost: Array,
    short: Array | None,
    staff: Array,
    *,
    steps: int,
    deadline: float,
    seed: int = 0,
) -> tuple[Array, bool]:
    """Which plan, as good as `staff` or better, do so many steps find, and did the clock (time.monotonic) end them?

    `need` and `short` (the price of one person short, None where nobody may be) by interval, `works`
    intervals by shifts (sparse), `cost` and `staff` by shift. Where nobody may be short, plans in between
    may be, at half the dearest shift an interval, but the answer is not.
    """
    price = np.full(need.size, cost.max() / 2) if short is None else short
    board = _Board(*(np.ascontiguousarray(part, dtype=np.float32) for part in (works.T.toarray(), need, cost, price)))
    random = np.random.default_rng(seed)
    now = staff.astype(np.float32)
    spare = board.works.T @ now - board.need
    cost_now = least = board.total(now, spare)
    best, scale = now, float(cost.mean())
    for step in range(steps):
        if time.monotonic() >= deadline:
            return best.astype(np.float64), True
        heat = scale * HOT * (COLD / HOT) ** (step / steps)
        tried, left = _step(board, now, spare, random)
        total = board.total(tried, left)
        if total > cost_now - heat * np.log(1 - random.random()):
            continue
        now, spare, cost_now = tried, left, total
        if total < least - _NOISE * scale and (short is not None or left.min() >= -_NOISE):
            best, least = now, total
    return best.astype(np.float64), False


def _step(board: _Board, staff: _Small, spare: _Small, random: np.random.Generator) -> tuple[_Small, _Small]:
    """Return a neighbouring plan, and the people above the requirement by interval."""
    staff, spare = staff.copy(), spare.copy()
    used = np.flatnonzero(staff > 0)
    if used.size:
        alike = board.works[used] @ board.works[used[random.integers(used.size)]]
        alike = alike / alike.max() + ALIKE * random.random(used.size)
        for shift in used[np.argsort(-alike, kind="stable")[: random.integers(1, REMOVED + 1)]]:
            staff[shift] -= 1
            spare -= board.works[shift]
    for _ in range(3 * REMOVED):
        worth = board.worth(spare) - DULLED * board.cost * random.random(board.cost.size)
        shift = int(np.argmax(worth))
        if worth[shift] <= 0:
            break
        staff[shift] += 1
        spare += board.works[shift]
    while (used := np.flatnonzero(staff > 0)).size:
        lost = board.works[used] @ (np.clip(1 - np.maximum(spare, 0), 0, 1) * board.price) - board.cost[used]
        shift = int(np.argmin(lost))
        if lost[shift] >= 0:
            break
        staff[used[shift]] -= 1
        spare -= board.works[used[shift]]
    return staff, spare

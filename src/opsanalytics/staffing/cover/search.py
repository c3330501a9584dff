"""Search: the people on each shift of one block, and a bound that no plan can undercut.

The relaxed programme, in which people can be split, gives a first bound and, rounded up, a first
plan. Its fractions are rounded at least cost (RENS: Berthold
2014) and small parts of the plan are solved again (large neighbourhood search: Shaw 1998), before the
whole programme and after it. The whole programme goes to HiGHS. A bound is rounded up to the next
multiple of what all costs are multiples of.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.numbers import Array, fraction

ROUNDS = 60
UNCHANGED = 12
CANDIDATES = 80
FREED = 0.4
NODES = 20
PART = 0.25  # of the time, before the whole programme and after it
PART_OF_PROOF = 0.125

_NOISE = 1e-6
_GRID_SIZE = 10_000


@dataclass(frozen=True)
class Block:
    """One programme: `need` by interval, `works` intervals by shifts (sparse by column), `cost` by shift.

    `short` is the price of one person short by interval, None where nobody may be short.
    """

    need: Array
    works: Any
    cost: Array
    short: Array | None


@dataclass(frozen=True)
class Found:
    """The plan found (people by shift), its cost, the bound below every plan, and the relaxed cost."""

    staff: Array
    objective: float
    lower_bound: float
    relaxed: float


def uncovered(block: Block, staff: Array) -> Array:
    """Return the people short by interval."""
    return np.asarray(np.maximum(block.need - block.works @ staff, 0.0), dtype=np.float64)


def objective(block: Block, staff: Array) -> float:
    """Return the cost of a plan: its shifts, and the price of being short."""
    paid = float(block.cost @ staff)
    return paid if block.short is None else paid + float(block.short @ uncovered(block, staff))


def gap_of(cost: float, bound: float) -> float:
    """Return how far the cost of a plan may lie above the least, as a share of it."""
    return max(cost - bound, 0.0) / cost if cost > 0 else 0.0


def search(block: Block, gap: float, deadline: float) -> Found:
    """Return the best plan found before `deadline` (time.monotonic), or the first whose gap is at most `gap`."""
    from scipy import optimize  # a third of a second, which only this function needs

    matrix, price = _standard(block)
    relaxed = optimize.linprog(price, A_ub=-matrix, b_ub=-block.need, method="highs")
    if not relaxed.success:
        raise RuntimeError(f"The relaxed programme was not solved: {relaxed.message}")
    split, reduced = relaxed.x[: block.cost.size], relaxed.lower.marginals[: block.cost.size]
    step, began = _step(block), time.monotonic()
    bound = _lifted(float(relaxed.fun), step)
    staff = without_spare(block, np.ceil(split - _NOISE))
    share = max(deadline - began, 0.0) * (PART if gap > 0 else PART_OF_PROOF)
    cheapest = np.argsort(reduced, kind="stable")[: 12 * CANDIDATES]
    if gap_of(objective(block, staff), bound) > gap:
        low = np.floor(split + _NOISE)
        high = np.where(split > _NOISE, low + 1, 0.0)
        staff = _better(block, staff, low, high, gap, began + share, nodes=NODES)[0]
        staff = _neighbourhoods(block, staff, cheapest, bound, gap, began + share)
    if gap_of(objective(block, staff), bound) > gap and time.monotonic() < deadline:
        last = share if gap > 0 else 0.0
        nobody, endless = np.zeros(staff.size), np.full(staff.size, np.inf)
        staff, proved = _better(block, staff, nobody, endless, gap, deadline - last)
        bound = max(bound, _lifted(proved, step))
        if gap > 0:
            staff = _neighbourhoods(block, staff, cheapest, bound, gap, deadline)
    return Found(staff, objective(block, staff), bound, float(relaxed.fun))


def without_spare(block: Block, staff: Array) -> Array:
    """Take people off while the plan gets cheaper, each time where it saves most."""
    staff, columns = staff.copy(), np.repeat(np.arange(block.cost.size), np.diff(block.works.indptr))
    rows, count = block.works.indices, block.cost.size
    while True:
        spare = block.works @ staff - block.need
        lost = np.maximum(block.works.data - np.maximum(spare[rows], 0.0), 0.0)
        if block.short is None:
            saved = np.where(np.bincount(columns, lost > _NOISE, count) > 0, -np.inf, block.cost)
        else:
            saved = block.cost - np.bincount(columns, lost * block.short[rows], count)
        saved = np.where(staff > 0, saved, -np.inf)
        best = int(np.argmax(saved))
        if saved[best] <= 0:
            return staff
        staff[best] -= 1


def _neighbourhoods(
    block: Block, staff: Array, cheapest: npt.NDArray[np.intp], bound: float, gap: float, deadline: float
) -> Array:
    """Solve parts of the plan again until the gap is reached, nothing is gained any more, or time is up."""
    random, unchanged = np.random.default_rng(0), 0
    for _ in range(ROUNDS):
        best = objective(block, staff)
        if gap_of(best, bound) <= gap or unchanged >= UNCHANGED or time.monotonic() >= deadline:
            break
        low, high = _part(block, staff, cheapest, random)
        staff, _proved = _better(block, staff, low, high, gap / 4, deadline, nodes=NODES)
        unchanged = 0 if objective(block, staff) < best else unchanged + 1
    return staff


def _part(
    block: Block, staff: Array, cheapest: npt.NDArray[np.intp], random: np.random.Generator
) -> tuple[Array, Array]:
    """Return the least and most people by shift: shifts that work when a drawn one does are set free."""
    used = np.flatnonzero(staff > 0)
    drawn = block.works[:, [int(random.choice(used))]].toarray().ravel() if used.size else np.ones(block.need.size)
    alike = block.works.T @ drawn
    alike = -(alike / alike.max() + random.random(staff.size) / 2)
    freed = used[np.argsort(alike[used], kind="stable")[: max(2, round(FREED * used.size))]]
    allowed = cheapest[np.argsort(alike[cheapest], kind="stable")[:CANDIDATES]]
    low, high = staff.copy(), np.where(staff > 0, np.inf, 0.0)
    low[freed], high[allowed] = 0.0, np.inf
    return low, high


def _better(
    block: Block, staff: Array, low: Array, high: Array, gap: float, deadline: float, nodes: int | None = None
) -> tuple[Array, float]:
    """Return the best plan between `low` and `high`, or `staff` where none is better, and the bound proved there."""
    from scipy import optimize

    matrix, price = _standard(block)
    # People short counted whole raise the bound early; for a proof they only add branches.
    whole = (np.arange(price.size) < block.cost.size) | (gap > 0 and _whole(block))
    room = price.size - block.cost.size
    free = np.concatenate([np.flatnonzero(high > 0), np.arange(block.cost.size, price.size)])
    lower, upper = np.concatenate([low, np.zeros(room)]), np.concatenate([high, np.full(room, np.inf)])
    options: dict[str, Any] = {"time_limit": max(deadline - time.monotonic(), 0.01), "mip_rel_gap": max(gap, 1e-9)}
    if nodes is not None:
        options["node_limit"] = nodes
    solved = optimize.milp(
        price[free],
        integrality=whole[free].astype(np.int64),
        bounds=optimize.Bounds(lower[free], upper[free]),
        constraints=optimize.LinearConstraint(matrix[:, free], lb=block.need),
        options=options,
    )
    if solved.status == 2:  # nothing between the bounds
        return staff, math.inf
    proved = -math.inf if solved.mip_dual_bound is None else float(solved.mip_dual_bound)
    if solved.x is None:
        return staff, proved
    found = np.zeros(block.cost.size)
    found[free[free < block.cost.size]] = np.round(solved.x[: free.size - room])
    found = without_spare(block, found)
    return (found if objective(block, found) < objective(block, staff) else staff), proved


def _standard(block: Block) -> tuple[Any, Array]:
    """Return matrix and prices: shifts, and people short where that is allowed."""
    from scipy import sparse

    if block.short is None:
        return sparse.csc_array(block.works), block.cost
    matrix = sparse.hstack([block.works, sparse.eye_array(block.need.size)]).tocsc()
    return matrix, np.concatenate([block.cost, block.short])


def _whole(block: Block) -> bool:
    """Are people short by whole numbers, whatever the plan?"""
    return not (np.any(block.need % 1) or np.any(block.works.data % 1))


def _step(block: Block) -> float:
    """Return the number that every plan's cost is a multiple of, 0 where none is known."""
    prices = [block.cost]
    if block.short is not None:
        if not _whole(block):
            return 0.0
        prices.append(block.short)
    found = np.unique(np.concatenate(prices))
    if found.size > 100:
        return 0.0
    parts = [fraction(f"{value:.12g}") for value in found.tolist() if value > 0]
    if not parts:
        return 0.0
    step = Fraction(math.gcd(*(part.numerator for part in parts)), math.lcm(*(part.denominator for part in parts)))
    return float(step)


def _lifted(bound: float, step: float) -> float:
    """Return the bound rounded up to the next cost that a plan can have."""
    if step <= 0 or not math.isfinite(bound) or abs(bound) > step / _NOISE / 10:
        return bound
    return max(bound, math.ceil(bound / step - 10 * _NOISE) * step)

"""Cover: which shifts, and how many people on each, cover the requirement at least cost.

A set-covering integer programme (Dantzig 1954), solved by HiGHS through scipy. Shifts are anonymous:
personal rosters and labour law are not its subject.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.cover.search import Block, gap_of, search, uncovered
from opsanalytics.staffing.cover.search import objective as cost_of
from opsanalytics.staffing.numbers import Array, refuse

_COMPARABLE = 4_000


@dataclass(frozen=True)
class Cover:
    """The people on each shift, what they cost, and how sure that is.

    `staff` (int64) by shift; `uncovered` people short by interval; `objective` the cost with any
    price for being short; `lower_bound` no plan can cost less; `relaxed` the cost if people could be
    split; `mip_gap` (objective - lower_bound) / objective, 0 when proved optimal.
    """

    staff: npt.NDArray[np.int64]
    uncovered: Array
    objective: float
    lower_bound: float
    relaxed: float
    mip_gap: float


def cover_shifts(
    required: npt.ArrayLike,
    coverage: Any,
    cost: npt.ArrayLike,
    *,
    understaff_cost: npt.ArrayLike | None = None,
    time_limit_s: float = 30,
    gap: float = 0,
) -> Cover:
    """How many people on each shift cover `required` at least cost?

    `required` by interval, `coverage` intervals by shifts (1 where the shift works; an array or a
    scipy sparse one), `cost` by shift. With `understaff_cost` (per person short and interval, one
    number or by interval) being short is allowed at that price, so that there always is an answer.
    The search ends at the first plan whose `mip_gap` is at most `gap` (0: proved optimal), or after
    `time_limit_s` with the best plan found and its gap: at worst the relaxed plan rounded up, which
    is always worked out, however short the time. The answer depends on the machine only where time
    runs out.
    Raises ValueError for shapes that do not fit, negative or missing values, or, without an
    `understaff_cost`, an interval that no shift covers.
    """
    deadline = time.monotonic() + time_limit_s
    whole = _checked(required, coverage, cost, understaff_cost)
    if not 0 <= gap < 1:
        raise ValueError(f"gap is {gap:g}: give a share from 0 (proved optimal) to below 1.")
    if not time_limit_s > 0:
        raise ValueError(f"time_limit_s is {time_limit_s:g}: give seconds above zero.")
    blocks = _blocks(whole)
    staff = np.zeros(whole.cost.size)
    bound = relaxed = _unreachable(whole)
    for place, (rows, columns) in enumerate(blocks):
        part = Block(
            whole.need[rows],
            whole.works[rows][:, columns].tocsc(),
            whole.cost[columns],
            None if whole.short is None else whole.short[rows],
        )
        now = time.monotonic()
        found = search(part, gap, now + (deadline - now) / (len(blocks) - place))
        staff[columns] = found.staff
        bound, relaxed = bound + found.lower_bound, relaxed + found.relaxed
    total = cost_of(whole, staff)
    bound = min(bound, total)
    return Cover(staff.astype(np.int64), uncovered(whole, staff), total, bound, relaxed, gap_of(total, bound))


def _checked(required: Any, coverage: Any, cost: Any, understaff_cost: Any) -> Block:
    from scipy import sparse  # a third of a second, which only this function needs

    need, price = (np.asarray(values, dtype=np.float64) for values in (required, cost))
    works = coverage if sparse.issparse(coverage) else np.asarray(coverage, dtype=np.float64)
    if works.ndim != 2 or works.shape != (need.size, price.size):
        raise ValueError(
            "coverage must have one row an interval and one column a shift: "
            f"{need.size} by {price.size}, not {' by '.join(map(str, works.shape))}."
        )
    short = None
    if understaff_cost is not None:
        short = np.broadcast_to(np.asarray(understaff_cost, dtype=np.float64), need.shape)
        _refuse(short, "understaff_cost", "give the price of being one person short")
    works = sparse.csc_array(works, dtype=np.float64)
    for name, values in (("required", need), ("coverage", works.data), ("cost", price)):
        _refuse(values, name, "give zero or more")
    works.eliminate_zeros()
    bare = np.flatnonzero((need > 0) & (np.asarray(works.sum(axis=1)).ravel() == 0))
    if understaff_cost is None and bare.size:
        raise ValueError(f"No shift covers interval {bare[0]}: add one that does, or give understaff_cost.")
    return Block(need, works, price, short)


def _refuse(values: Array, name: str, remedy: str) -> None:
    refuse(~(values >= 0), name, values, f"is negative or missing: {remedy}.")
    refuse(np.isinf(values), name, values, f"is not finite: {remedy}.")


def _blocks(whole: Block) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return the rows and columns of each part that shares no shift with another, without what decides nothing.

    Intervals that require nobody ask for nothing. A shift is left out where another one covers what it
    covers and costs no more. An interval that no shift covers stays short: no part has it.
    """
    from scipy import sparse

    rows = np.flatnonzero(whole.need > 0)
    if not rows.size or not whole.cost.size:
        return []
    works = whole.works[rows]
    columns = _undominated(works, whole.cost)
    if not columns.size:
        return []
    works = works[:, columns]
    graph = sparse.block_array([[None, works], [works.T, None]])
    count, label = sparse.csgraph.connected_components(graph, directed=False)
    of_row, of_column = label[: rows.size], label[rows.size :]
    parts = [(rows[of_row == one], columns[of_column == one]) for one in range(count)]
    return [part for part in parts if part[1].size]


def _unreachable(whole: Block) -> float:
    """Return the price of the intervals that no shift covers."""
    if whole.short is None:
        return 0.0
    bare = np.asarray(whole.works.sum(axis=1)).ravel() == 0
    return float(whole.short[bare] @ whole.need[bare])


def _undominated(works: Any, cost: Array) -> npt.NDArray[np.intp]:
    """Return the shifts that cover something, each without one that covers the same or more and costs no more."""
    size = np.asarray(works.sum(axis=0)).ravel()
    columns = np.flatnonzero(size > 0)
    if columns.size > _COMPARABLE or np.any(works.data != 1):
        return columns
    dense = works[:, columns].toarray().astype(np.float32)
    size, price = size[columns], cost[columns]
    covered_by = (dense.T @ dense == size[:, None]) & (price[:, None] >= price[None, :])
    order = np.arange(columns.size)
    twins = covered_by & covered_by.T
    spared = np.any(covered_by & (~twins | (order[:, None] > order[None, :])), axis=1)
    return np.asarray(columns[~spared], dtype=np.intp)

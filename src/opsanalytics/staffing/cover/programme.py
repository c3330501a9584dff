"""Cover: which shifts, and how many people on each, cover the requirement at least cost.

A set-covering integer programme, solved by HiGHS through scipy. Shifts are anonymous: personal
rosters and labour law are not its subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.numbers import Array, refuse


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
    coverage: npt.ArrayLike,
    cost: npt.ArrayLike,
    *,
    understaff_cost: npt.ArrayLike | None = None,
    time_limit_s: float = 30,
) -> Cover:
    """How many people on each shift cover `required` at least cost?

    `required` by interval, `coverage` intervals by shifts (1 where the shift works), `cost` by
    shift. With `understaff_cost` (per person short and interval, one number or by interval) being
    short is allowed at that price, so that there always is an answer.
    Raises ValueError for shapes that do not fit, negative or missing values, or, without an
    `understaff_cost`, an interval that no shift covers; TimeoutError when no plan is found in time.
    """
    from scipy import optimize, sparse  # a third of a second, which only this function needs

    need, works, price = (np.asarray(values, dtype=np.float64) for values in (required, coverage, cost))
    if works.ndim != 2 or works.shape != (need.size, price.size):
        raise ValueError(
            "coverage must have one row an interval and one column a shift: "
            f"{need.size} by {price.size}, not {' by '.join(map(str, works.shape))}."
        )
    for name, values in (("required", need), ("coverage", works), ("cost", price)):
        refuse(~(values >= 0), name, values, "is negative or missing: give zero or more.")
    bare = np.flatnonzero((need > 0) & (works.sum(axis=1) == 0))
    if understaff_cost is None and bare.size:
        raise ValueError(f"No shift covers interval {bare[0]}: add one that does, or give understaff_cost.")
    matrix, objective = sparse.csr_array(works), price
    if understaff_cost is not None:
        short = np.broadcast_to(np.asarray(understaff_cost, dtype=np.float64), need.shape)
        refuse(
            ~(short >= 0), "understaff_cost", short, "is negative or missing: give the price of being one person short."
        )
        matrix, objective = (
            sparse.csr_array(sparse.hstack([matrix, sparse.eye_array(need.size)])),
            np.concatenate([price, short]),
        )
    whole = (np.arange(objective.size) < price.size).astype(np.int64)
    rules = optimize.LinearConstraint(matrix, lb=need)
    relaxed = optimize.milp(objective, constraints=rules, options={"time_limit": time_limit_s})
    solved = optimize.milp(
        objective, integrality=whole, constraints=rules, options={"time_limit": time_limit_s, "mip_rel_gap": 1e-9}
    )
    if solved.x is None or relaxed.x is None:
        raise TimeoutError(f"No plan was found within {time_limit_s:g} seconds: allow more time with time_limit_s.")
    staff = np.round(solved.x[: price.size]).astype(np.int64)
    uncovered = np.maximum(need - works @ staff, 0.0)
    total = (
        float(objective @ np.concatenate([staff, uncovered])) if understaff_cost is not None else float(price @ staff)
    )
    bound = float(solved.mip_dual_bound)
    return Cover(
        staff, uncovered, total, bound, float(relaxed.fun), max(total - bound, 0.0) / total if total > 0 else 0.0
    )

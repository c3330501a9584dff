"""Programme: the hires that bring a service to what it requires at least cost.

A small mixed-integer programme in people requested (whole), overtime and temporary staff (in full-time
people) by month, solved by HiGHS through scipy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from opsanalytics.staffing.numbers import Array
from opsanalytics.staffing.planning.headcount import headcount_plan

_NODES = 500  # of the search tree: a limit that is the same on every machine, unlike one of seconds
_GAP = 1e-5
_DUST = 1e-9


@dataclass(frozen=True)
class Terms:
    """What covers a shortage, and at what price: premiums are shares of the wage, the limit one of regular hours.

    `hiring_cost` is money per person hired.
    """

    overtime_premium: float
    overtime_limit: float
    temporary_premium: float
    hiring_cost: float

    def __post_init__(self) -> None:
        for name in ("overtime_premium", "temporary_premium", "hiring_cost"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} {getattr(self, name):g} is negative or missing: give zero or more.")
        if not 0 <= self.overtime_limit <= 1:
            raise ValueError(
                f"overtime_limit {self.overtime_limit:g} is not a share of the regular hours from 0 to 1, such as 0.1."
            )


@dataclass(frozen=True)
class Hiring:
    """The people requested by month, what they and the cover of the rest cost, and how sure that is.

    `objective` is what is paid beyond the people who are there without the hires, over all months; `mip_gap` is
    the share of it by which a cheaper plan may exist (0 when proved least, 1 when nothing was found). `deferred`
    people more would be requested within the plan if what they save after it counted.
    """

    hires: Array
    objective: float
    mip_gap: float
    deferred: int = 0


def cover_of(required: Array, effective: Array, headcount: Array, terms: Terms) -> tuple[Array, Array]:
    """How much overtime and temporary staff covers what the people there do not, the cheaper of the two first?

    All in full-time people by month: `effective` of the `headcount` count. Overtime goes up to its limit, a
    share of the headcount; temporary staff has no limit. At one premium overtime comes first.
    """
    short = np.maximum(required - effective, 0.0)
    short = np.where(short <= _DUST * required, 0.0, short)
    cheaper = terms.overtime_premium <= terms.temporary_premium
    overtime = np.minimum(short, terms.overtime_limit * headcount) if cheaper else np.zeros_like(short)
    return overtime, short - overtime


def least_cost_hires(
    required: Array,
    effective: Array,
    headcount: Array,
    price: Array,
    terms: Terms,
    *,
    attrition: float,
    ramp: tuple[float, ...],
    lead_months: int,
    months: int,
) -> Hiring:
    """Whom does a service ask for, and when, so that its requirement is covered at least cost?

    Arrays by month, the `months` of the plan first, then those of the look-ahead: people `required`, those
    `effective` and there (`headcount`) without new hires, and the `price` of a person for the month. A hire is
    paid from joining on, and stays but for attrition. In the plan's months no more is paid than without hires,
    so that nobody is hired who pays only beyond them. Hires are whole where they join within the plan.
    """
    count, requests = required.size, required.size - lead_months
    alone = price * _cover_cost(required, effective, headcount, terms)
    nobody = Hiring(np.zeros(count), float(alone.sum()), 0.0)
    if months <= lead_months or not (required - effective > _DUST * required).any():
        return nobody
    one = headcount_plan(0.0, attrition, [1.0], ramp=ramp, months=requests)
    there, worth = (_response(one[name].to_numpy(), count, lead_months) for name in ("headcount", "effective_fte"))
    joins = np.arange(count) + lead_months < months

    def within(hires: Array) -> float:
        people, able = headcount + there @ hires[:requests], effective + worth @ hires[:requests]
        paid = price * (there @ hires[:requests] + _cover_cost(required, able, people, terms))
        return float(paid[:months].sum() + terms.hiring_cost * hires[joins].sum())

    def solved(limit: float) -> Hiring:
        found = _solve(required - effective, headcount, there, worth, price, terms, months, limit)
        return replace(nobody, mip_gap=1.0) if found is None else found

    free = solved(np.inf)
    if within(free.hires) <= alone[:months].sum():
        return free
    kept = solved(float(alone[:months].sum()))
    # The solver keeps the limit to its tolerance; here it is kept to the last bit.
    kept = kept if within(kept.hires) <= alone[:months].sum() else nobody
    return replace(kept, deferred=max(int(free.hires[joins].sum() - kept.hires[joins].sum()), 0))


def _solve(
    short: Array, headcount: Array, there: Array, worth: Array, price: Array, terms: Terms, months: int, limit: float
) -> Hiring | None:
    """Solve the programme in people requested (whole if they join within the plan), temporary staff and overtime.

    `there` and `worth` (months by requests) say how much of a person requested is there, and counts, in a month.
    What is paid in the plan's `months` is at most `limit`. None where no plan is found within the nodes allowed.
    """
    from scipy import optimize, sparse  # a third of a second, which only this function needs

    count, requests = there.shape
    scale, each = float(price.max()) or 1.0, np.eye(count)
    cover, rates = [worth, each], [there, (1 + terms.temporary_premium) * each]
    rules = []
    if terms.overtime_premium <= terms.temporary_premium:  # else it is never used: temporary staff has no limit
        cover, rates = [*cover, each], [*rates, (1 + terms.overtime_premium) * each]
        regular = np.hstack([-terms.overtime_limit * there, np.zeros((count, count)), each])
        rules.append(optimize.LinearConstraint(sparse.csr_array(regular), ub=terms.overtime_limit * headcount))
    rules.append(optimize.LinearConstraint(sparse.csr_array(np.hstack(cover)), lb=short))
    paid = (price / scale)[:, None] * np.hstack(rates)
    person = np.arange(paid.shape[1]) < requests
    joins = np.arange(paid.shape[1]) + count - requests < months
    hiring = np.where(person, terms.hiring_cost / scale, 0.0)
    if np.isfinite(limit):
        within = paid[:months].sum(axis=0) + hiring * joins
        rules.append(optimize.LinearConstraint(within[None, :], ub=limit / scale))
    for presolve in (True, False):  # HiGHS's presolve fails on a few programmes with tiny numbers
        answer = optimize.milp(
            paid.sum(axis=0) + hiring,
            integrality=joins.astype(np.int64),
            constraints=rules,
            options={"mip_rel_gap": _GAP, "node_limit": _NODES, "presolve": presolve},
        )
        if answer.x is not None:
            break
    else:
        return None
    hires = np.concatenate([np.where(joins, np.round(answer.x), answer.x)[:requests], np.zeros(count - requests)])
    return Hiring(hires, float(answer.fun) * scale, float(answer.mip_gap))


def _cover_cost(required: Array, effective: Array, headcount: Array, terms: Terms) -> Array:
    """Return what cover costs by month, in people's pay."""
    overtime, temporary = cover_of(required, effective, headcount, terms)
    return overtime * (1 + terms.overtime_premium) + temporary * (1 + terms.temporary_premium)


def _response(one: Array, count: int, lead: int) -> Array:
    """Return months by requests: what one person requested in the column's month is in the row's month."""
    since = np.arange(count)[:, None] - np.arange(count - lead)[None, :] - lead
    return np.where(since >= 0, one[np.maximum(since, 0)], 0.0)

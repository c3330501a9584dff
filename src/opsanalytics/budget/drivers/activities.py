"""Activities: what a product costs when each cost pool follows the driver that causes it.

A pool's cost divided by its driver's quantity is a rate, and a product bears the rate for what it
used. Where the quantity is the practical capacity and not just what was used, the cost of the
rest is nobody's: it is shown as unallocated and not spread over the products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pandas as pd

from opsanalytics.budget.allocation import allocate_cents

UNALLOCATED = "(unallocated)"

_POOL = ["period", "pool"]
_COST = "pool_cost_cents"
_TEXT = {"period": "str", "pool": "str"}

Number = int | float | Decimal


@dataclass(frozen=True)
class ActivityCosts:
    """Rates of the pools, and what each pool costs each product.

    `activity_rates`: period, pool, driver, driver_quantity (capacity where given, else what was used), pool_cents,
    rate (float, currency per driver unit; missing where the quantity is zero).
    `activity_costs`: period, pool, product, cents, so that a pool's rows add up to its cost. The unallocated rest is
    the row "(unallocated)" of a pool whose capacity is known, or that no product used; others have none: what they
    left unused is not known.
    """

    activity_rates: pd.DataFrame
    activity_costs: pd.DataFrame


def activity_costs(
    activities: pd.DataFrame, *, capacity: pd.DataFrame | None = None, minor_digits: int = 2
) -> ActivityCosts:
    """What does each pool cost each product, and what is left that no product caused?

    `activities` is the checked table: period, pool, product, pool_cost_cents (the same on each row of a pool),
    driver, driver_quantity (what the product used). `capacity` has pool, capacity (the driver's practical capacity)
    and, where it differs by month, period. Cents are placed by the largest remainder, products in order of their codes.

    R. Cooper and R. Kaplan, "Activity-based systems: measuring the costs of resource usage", Accounting Horizons
    1992 (rate on practical capacity, cost of unused capacity apart); C. Drury, Management and Cost Accounting,
    "Activity-based costing".
    Raises ValueError, naming pool and period, where a pool has two costs or drivers, or used more than its capacity.
    """
    pools = _pools(activities)
    used = _used(activities)
    limits = _capacities(pools, capacity)
    rates: list[tuple[str, str, str, float, int, float]] = []
    costs: list[tuple[str, str, str, int]] = []
    for (period, pool), (driver, cents) in pools.items():
        shares = used[period, pool]
        total = sum(shares.values(), Fraction(0))
        quantity = limits.get((period, pool), total)
        if quantity < total:
            raise ValueError(
                f"The pool '{pool}' in {period} used {float(total):g} {driver}, more than its capacity of "
                f"{float(quantity):g}: correct the driver quantities or the capacity."
            )
        bearers = {**shares, UNALLOCATED: quantity - total if quantity else Fraction(1)}
        if (period, pool) not in limits and total:
            del bearers[UNALLOCATED]
        parts = allocate_cents(cents, list(bearers.values()))
        costs += [(period, pool, *part) for part in zip(bearers, parts, strict=True)]
        rate = float(Fraction(cents, 10**minor_digits)) / float(quantity) if quantity else float("nan")
        rates.append((period, pool, driver, float(quantity), cents, rate))
    return ActivityCosts(
        pd.DataFrame(rates, columns=[*_POOL, "driver", "driver_quantity", "pool_cents", "rate"]).astype(
            {**_TEXT, "driver": "str", "driver_quantity": "float64", "pool_cents": "int64", "rate": "float64"}
        ),
        pd.DataFrame(costs, columns=[*_POOL, "product", "cents"]).astype({**_TEXT, "product": "str", "cents": "int64"}),
    )


def unit_costs(
    costs: pd.DataFrame,
    units: Mapping[str, Number],
    *,
    direct_cost_per_unit: Mapping[str, Number] | None = None,
    minor_digits: int = 2,
) -> pd.DataFrame:
    """What does one unit of each product cost, direct cost and activities together? For display only.

    `costs` is `ActivityCosts.activity_costs` (all its periods together), `units` the products' units in these periods.
    Returns product, cents (int64), units, overhead_per_unit, direct_per_unit (missing where unknown), total_per_unit
    (floats in currency; missing where the units are zero or unknown). The unallocated rest is left out.
    """
    direct = direct_cost_per_unit or {}
    sums = costs[costs["product"] != UNALLOCATED].groupby("product")["cents"].sum()
    rows = []
    for product, cents in zip(map(str, sums.index), sums, strict=True):
        overhead = _per_unit(int(cents), units.get(product), minor_digits)
        rows.append((product, int(cents), units.get(product), overhead, direct.get(product)))
    numbers = ["units", "overhead_per_unit", "direct_per_unit"]
    found = pd.DataFrame(rows, columns=["product", "cents", *numbers])
    found = found.astype({"product": "str", "cents": "int64", **dict.fromkeys(numbers, "float64")})
    own = found["direct_per_unit"] if direct else 0.0
    return found.assign(total_per_unit=found["overhead_per_unit"] + own)


def _per_unit(cents: int, units: Number | None, minor_digits: int) -> float:
    if units is None or not units:
        return float("nan")
    return float(Fraction(int(cents), 10**minor_digits) / Fraction(str(units)))


def _pools(activities: pd.DataFrame) -> dict[tuple[str, str], tuple[str, int]]:
    """Return driver and cost of each pool and period; a pool has one of either."""
    once = activities[[*_POOL, "driver", _COST]].drop_duplicates().sort_values(_POOL, kind="stable")
    twice = once[once.duplicated(_POOL, keep=False)]
    if len(twice):
        period, pool = twice[_POOL].iloc[0]
        same = twice[(twice["period"] == period) & (twice["pool"] == pool)]
        column, what = (_COST, "costs in cents") if same[_COST].nunique() > 1 else ("driver", "drivers")
        values = ", ".join(sorted(map(str, same[column].unique())))
        raise ValueError(
            f"The pool '{pool}' in {period} has different {what}: {values}. Write the pool's own on each of its rows."
        )
    return {(p, pool): (driver, int(cents)) for p, pool, driver, cents in once.itertuples(index=False, name=None)}


def _used(activities: pd.DataFrame) -> dict[tuple[str, str], dict[str, Fraction]]:
    """Return what each product used of each pool and period, by product in order."""
    used: dict[tuple[str, str], dict[str, Fraction]] = {}
    rows = activities[[*_POOL, "product", "driver_quantity"]].sort_values([*_POOL, "product"], kind="stable")
    for period, pool, product, quantity in rows.itertuples(index=False, name=None):
        products = used.setdefault((period, pool), {})
        products[product] = products.get(product, Fraction(0)) + Fraction(str(quantity))
    return used


def _capacities(
    pools: Mapping[tuple[str, str], object], capacity: pd.DataFrame | None
) -> dict[tuple[str, str], Fraction]:
    """Return the capacity of each pool and period that has one."""
    if capacity is None:
        return {}
    by_month = "period" in capacity.columns
    keys = capacity[_POOL if by_month else ["pool"]].itertuples(index=False, name=None)
    given = {key: Fraction(str(value)) for key, value in zip(keys, capacity["capacity"], strict=True)}
    found = {}
    for key in pools:
        own = key if by_month else key[1:]
        if own in given:
            found[key] = given[own]
    return found

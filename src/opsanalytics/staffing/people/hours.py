"""From agents to people: shrinkage, paid hours, full-time equivalents.

Shrinkage is the share of paid time that is not spent on the service (leave, sickness, training,
breaks). It divides by (1 - s); it does not multiply by (1 + s).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from opsanalytics.staffing.numbers import arrays, exact_ceiling, fraction, plain, refuse


def scheduled_staff(required: npt.ArrayLike, shrinkage: npt.ArrayLike) -> Any:
    """How many people must be scheduled so that `required` are at work?

    The exact ceiling of required / (1 - shrinkage). Both broadcast; int64 of the common shape (int for scalars).
    Raises ValueError for negative or missing required staff and for shrinkage outside [0, 1).
    """
    staff, share = arrays(required, shrinkage)
    refuse(~(staff >= 0), "required", staff, "is negative or missing: give the staff required, 0 for none.")
    _refuse_shrinkage(shrinkage)
    people = exact_ceiling([required], [_present(shrinkage)])
    return int(people) if share.ndim == 0 and staff.ndim == 0 else people.astype(np.int64)


def paid_hours(productive_hours: npt.ArrayLike, shrinkage: npt.ArrayLike) -> Any:
    """How many hours are paid for so many hours at work? hours / (1 - shrinkage), not rounded.

    Raises as `scheduled_staff`.
    """
    hours, _ = arrays(productive_hours, shrinkage)
    refuse(~(hours >= 0), "productive_hours", hours, "is negative or missing: give the hours at work, 0 for none.")
    _refuse_shrinkage(shrinkage)
    return plain(np.asarray(hours / _present(shrinkage), dtype=np.float64))


def relief_factor(nonproductive_h: npt.ArrayLike, paid_h: npt.ArrayLike) -> Any:
    """How many people must be employed for one to be there? paid / (paid - non-productive hours) = 1 / (1 - shrinkage).

    Raises ValueError unless 0 <= non-productive hours < paid hours.
    """
    away, paid = arrays(nonproductive_h, paid_h)
    refuse(
        ~((away >= 0) & (away < paid)), "nonproductive_h", away, "must be zero or more and less than the paid hours."
    )
    return plain(paid / (paid - away))


def shrinkage_of(shares: Sequence[Any]) -> Decimal:
    """Combine the categories of shrinkage: the sum of their shares of paid time.

    Each category is a share of the same paid hours, so they add (they do not compound). Exact in
    the decimal text. Raises ValueError for a share outside [0, 1) or a sum of 1 or more.
    """
    total = Decimal(0)
    for share in shares:
        if not 0 <= float(share) < 1:
            raise ValueError(f"shrinkage {share} is not a share of paid time from 0 to below 1.")
        total += Decimal(str(share))
    if total >= 1:
        raise ValueError(
            f"The shrinkage categories add up to {total} of paid time: nobody would be at work. Check the shares."
        )
    return total


def fte(hours: npt.ArrayLike, hours_per_fte: npt.ArrayLike) -> Any:
    """How many full-time people are so many paid hours? hours / hours of one FTE in the same time, not rounded.

    Raises ValueError for negative or missing hours, or hours per FTE not above zero.
    """
    paid, each = arrays(hours, hours_per_fte)
    refuse(~(paid >= 0), "hours", paid, "is negative or missing: give the paid hours, 0 for none.")
    refuse(~(each > 0), "hours_per_fte", each, "is missing or not above zero: give the paid hours of one FTE.")
    return plain(paid / each)


def gap(required: npt.ArrayLike, rostered: npt.ArrayLike) -> Any:
    """How many people does the roster have too many (above zero) or too few (below)?

    rostered - required, NaN where either is missing.
    """
    need, have = arrays(required, rostered)
    return plain(have - need)


def _refuse_shrinkage(shrinkage: npt.ArrayLike) -> None:
    (share,) = arrays(shrinkage)
    refuse(
        ~((share >= 0) & (share < 1)),
        "shrinkage",
        share,
        "must be a share of paid time from 0 to below 1, for example 0.3.",
    )


def _present(shrinkage: npt.ArrayLike) -> Any:
    """Return 1 - shrinkage, exact in the decimal text and then as the nearest float."""
    share = np.asarray(shrinkage)
    values, place = np.unique(share, return_inverse=True)
    present = np.array([float(1 - fraction(value)) for value in values], dtype=np.float64)
    return present[place].reshape(share.shape)

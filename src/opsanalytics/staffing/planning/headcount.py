"""Headcount: who leaves, who joins and when, and how much a newcomer is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.numbers import refuse


def headcount_plan(
    start: float,
    attrition: npt.ArrayLike,
    hires_requested: Sequence[float],
    *,
    lead_months: int = 0,
    ramp: Sequence[float] = (),
    months: int | None = None,
) -> pd.DataFrame:
    """How many people are there, and how many count as fully productive, month by month?

    Attrition (one monthly share, or one a month) takes its share of everybody at the start of the
    month; then those requested `lead_months` ago join, and a joiner is worth `ramp[k]` of a person
    in month k, a whole one after. Returns columns headcount and effective_fte, index month 0, 1, ...
    Raises ValueError for shares outside [0, 1], or negative or missing people.
    """
    people = np.asarray(start, dtype=np.float64)
    refuse(~(people >= 0), "start", people, "is negative or missing: give people, 0 for none.")
    count = len(hires_requested) if months is None else months
    leaving = np.broadcast_to(np.asarray(attrition, dtype=np.float64), (count,))
    refuse(
        ~((leaving >= 0) & (leaving <= 1)),
        "attrition",
        leaving,
        "must be a monthly share from 0 to 1, for example 0.02.",
    )
    refuse(
        ~(np.asarray(hires_requested, dtype=np.float64) >= 0),
        "hires_requested",
        np.asarray(hires_requested, dtype=np.float64),
        "is negative or missing: give people, 0 for none.",
    )
    settled, cohorts, rows = float(start), list[tuple[int, float]](), []
    for month in range(count):
        stay = 1 - leaving[month]
        settled, cohorts = settled * stay, [(joined, size * stay) for joined, size in cohorts]
        asked = month - lead_months
        if 0 <= asked < len(hires_requested):
            cohorts.append((month, float(hires_requested[asked])))
        worth = [ramp[month - joined] if month - joined < len(ramp) else 1.0 for joined, _ in cohorts]
        sizes = [size for _, size in cohorts]
        rows.append((settled + sum(sizes), settled + sum(w * s for w, s in zip(worth, sizes, strict=True))))
    return pd.DataFrame(rows, columns=["headcount", "effective_fte"], dtype="float64")


def linear_ramp(months: int) -> tuple[float, ...]:
    """How much of a person is a newcomer in each of the `months` until fully productive?

    Productivity grows evenly from none to all, and a month counts at its middle: (k + 1/2) / months in
    month k = 0, 1, ...; a quarter and three quarters for two months, nothing to learn for none.
    Raises ValueError for a negative number of months.
    """
    if months < 0:
        raise ValueError(f"ramp months {months} is negative: give the months until fully productive, 0 for at once.")
    return tuple((k + 0.5) / months for k in range(months))

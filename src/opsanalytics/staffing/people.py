"""From agents to people: shrinkage, full-time equivalents, hours across clock changes, headcount.

Shrinkage is the share of paid time that is not spent on the service (leave, sickness, training,
breaks). It divides by (1 - s); it does not multiply by (1 + s).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.staffing.queues import plain, refuse
from opsanalytics.staffing.special import arrays
from opsanalytics.staffing.workload import exact_ceiling, fraction


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


def times_on_clock(starts: pd.DatetimeIndex, tz: str) -> npt.NDArray[np.int64]:
    """How often did each local interval start come in real time? 1, or around a clock change 0 or 2.

    `starts` are naive local times. A start that did not exist (spring) comes 0 times; one that the
    clock showed twice (autumn) counts 2 where it stands once, and 1 in each row where it stands twice.
    """
    if starts.empty:
        return np.zeros(0, dtype=np.int64)
    none = np.zeros(len(starts), dtype=bool)
    early = starts.tz_localize(tz, ambiguous=~none, nonexistent="NaT")
    late = starts.tz_localize(tz, ambiguous=none, nonexistent="NaT")
    times = np.where(early.isna(), 0, np.where(early == late, 1, 2)).astype(np.int64)
    return np.where((times == 2) & starts.duplicated(keep=False), 1, times)


def day_intervals(day: str, tz: str, minutes: int) -> pd.DatetimeIndex:
    """Return the starts of the intervals of a local day, with offsets: 46 or 50 half hours when the clocks change.

    A day whose midnight the clock skips begins when the clock goes on, one whose midnight comes twice
    at the first of them; a day that the zone left out (Samoa, 30 December 2011) has no intervals.
    """
    midnight, zone = pd.Timestamp(day).to_pydatetime(), ZoneInfo(tz)
    first, end = (
        moment.replace(tzinfo=zone).astimezone(dt.UTC) for moment in (midnight, midnight + dt.timedelta(days=1))
    )
    return pd.date_range(first, end, freq=f"{minutes}min", inclusive="left").tz_convert(tz)


def aggregate_hours(staff: pd.Series[Any], freq: str, tz: str, interval_s: float | None = None) -> pd.Series[float]:
    """How many staff hours fall in each day, week or month of the site's time zone?

    `staff` holds people by interval start: with offsets (each row is one interval), or naive local
    times, where a start that the clock showed twice and that stands once counts twice. The
    interval's length is the commonest step unless `interval_s` gives it. `freq` is a pandas
    frequency ("D", "W-SUN", "MS"); the answer is indexed by naive local period starts.
    Raises ValueError for staff at a time that did not exist, for missing staff, and for a single
    interval without `interval_s`.
    """
    starts = pd.DatetimeIndex(staff.index)
    people = staff.to_numpy(dtype=np.float64)
    refuse(np.isnan(people), "staff", people, "is missing: give 0 for an interval without staff.")
    length = _interval(starts) if interval_s is None else interval_s
    if starts.tz is None:
        times = times_on_clock(starts, tz)
        ghosts = (times == 0) & (people != 0)
        if ghosts.any():
            raise ValueError(
                f"{starts[ghosts][0]} did not exist in {tz}, the clocks went forward: move its staff to the hour after."
            )
        people = people * times
    else:
        starts = starts.tz_convert(tz).tz_localize(None)
    hours = pd.Series(people * length / 3600, index=starts, name="hours", dtype="float64")
    return hours.groupby(starts.to_period(_period(freq)).start_time).sum().rename_axis("ds")


def _period(freq: str) -> str:
    return {"MS": "M", "QS": "Q", "YS": "Y", "W": "W-SUN"}.get(freq, freq)


def _interval(starts: pd.DatetimeIndex) -> float:
    steps = pd.Series(np.diff(np.sort(starts.as_unit("ns").asi8)) / 1e9)
    steps = steps[steps > 0]
    if steps.empty:
        raise ValueError("The length of the intervals cannot be seen from one start: give interval_s.")
    return float(steps.mode().iloc[0])


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

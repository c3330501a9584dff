"""Calendar: special days and weekdays as columns, for linear models of days, weeks and months.

A month knows an effect by the share of its days on which it holds. Every function takes a `cutoff`, the last
day seen: what groups, drops or chooses columns is the history up to it, and effects after it count only
where they were known ahead.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from opsanalytics.demand.effects.table import closure_days, grouped, seen_at, told_apart
from opsanalytics.demand.frequency import DAY, is_weekly
from opsanalytics.periods import Calendar

CLOSURES = "closures"
MEAN_MONTH = 30.4375  # days, four years of 1461 days over 48 months
FULL_CONTRASTS_FROM = 60  # months of history from which six weekday contrasts are told apart
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def day_regressors(
    effects: pd.DataFrame, stamps: pd.DatetimeIndex, *, cutoff: pd.Timestamp | None = None
) -> pd.DataFrame:
    """On which of these days does which effect hold? 0 or 1, index `stamps`, one column an effect, sorted by name.

    `stamps` are the days trained on (up to `cutoff`; all of them without one) and those to forecast. Effects are
    grouped as in `grouped`; closures are no column, since their days are no demand.
    """
    seen, training = (effects, stamps) if cutoff is None else (seen_at(effects, cutoff), stamps[stamps <= cutoff])
    found = told_apart(seen, training)
    names = sorted({name for _, name, _ in found})
    number = {name: place for place, name in enumerate(names)}
    place = stamps.get_indexer(pd.DatetimeIndex([day for day, _, _ in found]).as_unit("us"))
    column = np.array([number[name] for _, name, _ in found], dtype=np.int64)
    held = np.zeros((len(stamps), len(names)))
    held[place[place >= 0], column[place >= 0]] = 1.0
    return pd.DataFrame(held, index=stamps, columns=pd.Index(names, dtype="str"))


def period_regressors(
    effects: pd.DataFrame,
    stamps: pd.DatetimeIndex,
    freq: str,
    calendar: Calendar | None = None,
    *,
    cutoff: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """On which share of each period's days does which effect hold? Index `stamps`, one column an effect, 0 to 1.

    `stamps` are the first days of months ("MS"; with a `calendar` of weeks they name its periods) or weeks. Periods
    that end by `cutoff` (all of them without one) are the history. Effects are grouped as in `grouped`; the column
    "closures" is the share of days closed, and is there when any day is. Months only: a holiday that has as many
    days in each calendar month of every year of the history is left out, for the season holds it; one that moves,
    such as Easter, stays. (W. R. Bell and S. C. Hillmer, JASA 1983, on Easter.)
    Raises ValueError for other frequencies and for stamps that stand there twice.
    """
    first, length = _spans(stamps, freq, calendar)
    place = np.repeat(np.arange(len(stamps)), length)
    days = _days(first, length)
    history = np.ones(len(stamps), dtype=bool)
    if cutoff is not None:
        effects = seen_at(effects, cutoff)
        history = np.asarray(first + pd.to_timedelta(length, unit="D") <= cutoff.normalize() + DAY)
    held = grouped(effects, days[history[place]])
    closed = pd.DataFrame({"holiday": CLOSURES, "ds": closure_days(effects), "kind": "closure"})
    table = pd.concat([held, closed], ignore_index=True) if len(closed) else held
    table = table[table["ds"].isin(days)].drop_duplicates(["ds", "holiday"])
    where = pd.Series(place, index=days)
    counts = np.zeros((len(stamps), table["holiday"].nunique()))
    column, names = pd.factorize(table["holiday"], sort=True)
    np.add.at(counts, (where.reindex(table["ds"]).to_numpy(dtype=np.int64), column), 1.0)
    shares = pd.DataFrame(counts / length[:, None], index=stamps, columns=pd.Index(names, dtype="str"))
    if freq != "MS":
        return shares
    fixed = _fixed(pd.DataFrame(counts[history], columns=names), stamps[history])
    others = set(table.loc[table["kind"] != "holiday", "holiday"])
    return shares[[name for name in shares.columns if name in others or name not in fixed]]


def trading_days(
    stamps: pd.DatetimeIndex,
    freq: str = "MS",
    calendar: Calendar | None = None,
    *,
    cutoff: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Which weekdays does each month have more of, and how long is it? Index `stamps`.

    With N_i the number of weekday i in a month of N days, the columns Monday to Saturday are (N_i - N_Sunday) / N:
    on logs, the coefficient is that weekday's volume over the mean day's, minus one, and Sunday's is minus the
    sum of the six. Below 60 months up to `cutoff` (all of `stamps` without one) there is one column instead,
    "weekdays": (N_weekday - 5/2 N_weekend) / N, a Monday to Friday's volume over the mean day's, minus one. Each
    averages to zero in the long run. "length" is ln(N / 30.4375), an offset (coefficient 1) of flows that add up
    days; only in February does it differ between years. (W. R. Bell and S. C. Hillmer, Modeling Time Series With
    Calendar Variation, JASA 1983.) Raises ValueError for other frequencies: a week has each weekday once.
    """
    if freq != "MS":
        raise ValueError(f"trading days are of months (MS), not of '{freq}': a week has every weekday once.")
    first, length = _spans(stamps, freq, calendar)
    counts = np.zeros((len(stamps), 7))
    np.add.at(counts, (np.repeat(np.arange(len(stamps)), length), _days(first, length).day_of_week.to_numpy()), 1.0)
    share = counts / length[:, None]
    months = len(stamps) if cutoff is None else int((stamps <= cutoff).sum())
    if months >= FULL_CONTRASTS_FROM:
        table = pd.DataFrame(share[:, :6] - share[:, 6:], index=stamps, columns=list(_WEEKDAYS))
    else:
        weekdays = share[:, :5].sum(axis=1) - 2.5 * share[:, 5:].sum(axis=1)
        table = pd.DataFrame({"weekdays": weekdays}, index=stamps)
    return table.assign(length=np.log(length / MEAN_MONTH))


def _fixed(counts: pd.DataFrame, stamps: pd.DatetimeIndex) -> set[str]:
    """Which columns have the same count in every year for each calendar month?"""
    by_month = counts.groupby(stamps.month.to_numpy()).nunique()
    return {str(name) for name in counts.columns if bool((by_month[name] <= 1).all())}


def _spans(stamps: pd.DatetimeIndex, freq: str, calendar: Calendar | None) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Return each period's first day and its number of days."""
    if stamps.has_duplicates:
        raise ValueError(f"{stamps[stamps.duplicated()][0]:%Y-%m-%d} stands there twice: give each period once.")
    first = stamps.normalize().as_unit("us")
    if is_weekly(freq):
        return first, np.full(len(stamps), 7)
    if freq != "MS":
        raise ValueError(f"'{freq}' has no days to share out: use MS (months) or W-MON to W-SUN (weeks).")
    if calendar is None or calendar.pattern == "monthly":
        return first, first.days_in_month.to_numpy(dtype=np.int64)
    periods = list(stamps.strftime("%Y-%m"))
    starts = pd.DatetimeIndex([pd.Timestamp(calendar.first_day(period)) for period in periods]).as_unit("us")
    return starts, np.array([calendar.days(period) for period in periods], dtype=np.int64)


def _days(first: pd.DatetimeIndex, length: np.ndarray) -> pd.DatetimeIndex:
    """Return every day of the periods, one period after the other."""
    offset = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    return pd.DatetimeIndex(first.repeat(length) + pd.to_timedelta(offset, unit="D")).as_unit("us")

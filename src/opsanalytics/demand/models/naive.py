"""The seasonal naive: what if the last season came again? The yardstick, for any frequency."""

from __future__ import annotations

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY
from opsanalytics.demand.models.history import Floats

SEASONAL_NAIVE = "seasonal naive"


def seasonal_naive(train: pd.Series, future: pd.DatetimeIndex, freq: str) -> Floats:
    """Return the value of one season before at each of `future`; `train` (index ds) has no missing values.

    Months repeat the month a year before, weeks the week 52 before. Days and intervals repeat those of
    364 days before (the same weekday) where the history is 392 days or longer, else of 7 days before; a stamp
    missing there is looked for another 7 days back, up to four times; then the mean of that weekday (and time)
    stands in.
    """
    if freq == "MS":
        return _naive_months(train, future)
    lag = 364 if freq.startswith("W") or _days(train) >= 392 else 7
    return _look_back(train, future, lag)


def _naive_months(train: pd.Series, future: pd.DatetimeIndex) -> Floats:
    """Return the month a year before, or the latest year in which that month is on record; else the mean."""
    seen, asked = (
        index.year.to_numpy() * 12 + index.month.to_numpy() for index in (pd.DatetimeIndex(train.index), future)
    )
    first = int(seen[0])
    known = np.full(max(int(seen[-1]), int(asked.max(initial=first))) - first + 1, np.nan)
    known[seen - first] = train.to_numpy(dtype=np.float64)
    found = np.full(len(asked), np.nan)
    back = asked - first
    while np.isnan(found).any() and (back >= 0).any():
        back = back - 12
        found = np.where(np.isnan(found) & (back >= 0), known[np.maximum(back, 0)], found)
    return np.where(np.isnan(found), float(train.mean()), found)


def _look_back(train: pd.Series, stamps: pd.DatetimeIndex, lag: int) -> Floats:
    """Return the value `lag` days before each stamp, or the next whole number of lags that lies in `train`."""
    ahead = np.asarray((stamps.normalize() - train.index[-1].normalize()) // DAY, dtype=np.int64)
    lags = np.maximum(-(-ahead // lag), 1) * lag
    found = np.full(len(stamps), np.nan)
    for extra in range(5):
        source = stamps - pd.to_timedelta(lags + 7 * extra, unit="D")
        found = np.where(np.isnan(found), train.reindex(source).to_numpy(dtype=np.float64), found)
        if not np.isnan(found).any():
            return found
    return np.where(np.isnan(found), _weekday_mean(train, stamps), found)


def _weekday_mean(train: pd.Series, stamps: pd.DatetimeIndex) -> Floats:
    def key(index: pd.DatetimeIndex) -> Floats:
        return np.asarray(index.day_of_week * 1440 + index.hour * 60 + index.minute)

    means = train.groupby(key(pd.DatetimeIndex(train.index))).mean()
    return means.reindex(key(stamps)).fillna(float(train.mean())).to_numpy(dtype=np.float64)


def _days(train: pd.Series) -> int:
    return int((train.index[-1].normalize() - train.index[0].normalize()) / DAY) + 1

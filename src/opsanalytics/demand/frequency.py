"""Frequency: how often a series is measured, and what follows from that.

Names are pandas offset names: "MS" (months, stamped on their first day), "W-MON" and so on (weeks, likewise), "D",
"h", "30min", "15min", "5min". Everything below a day is called intraday here.
"""

from __future__ import annotations

from math import gcd

import numpy as np
import pandas as pd

DAY = pd.Timedelta(days=1)
_DAY_SECONDS = 86_400
_WEEKS = ("W-MON", "W-TUE", "W-WED", "W-THU", "W-FRI", "W-SAT", "W-SUN")


def infer_frequency(ds: pd.Series | pd.DatetimeIndex) -> str:
    """How often is this measured? The pandas name of the frequency; gaps are allowed.

    `ds` are the stamps of one series in any order. Months are recognised by stamps that all lie on
    a first day. ValueError, in a sentence, for fewer than two stamps, missing or repeated stamps,
    month ends, an interval that does not divide the day, and mixed frequencies (months with daily
    rows beside months with half-hourly ones, stamps off the grid).
    """
    stamps = pd.DatetimeIndex(ds).sort_values()
    if stamps.hasnans:
        raise ValueError("a stamp is missing.")
    if stamps.has_duplicates:
        raise ValueError(f"{stamps[stamps.duplicated()][0]:%Y-%m-%d %H:%M} stands there twice.")
    if len(stamps) < 2:
        raise ValueError("one point has no frequency: give two or more.")
    seconds = np.diff(stamps.to_numpy().astype("datetime64[s]").astype("int64"))
    if bool((stamps == stamps.normalize()).all()):
        return _whole_days(stamps, seconds)
    return _intraday(stamps, seconds)


def check_frequency(freq: str) -> None:
    """Raise ValueError, in a sentence, for a frequency that is none of those named above."""
    minutes = int(freq[:-3]) if freq.endswith("min") and freq[:-3].isdigit() else 0
    divides_the_day = minutes > 0 and minutes != 60 and 1440 % minutes == 0
    if freq not in ("MS", "D", "h", *_WEEKS) and not divides_the_day:
        raise ValueError(
            f"frequency '{freq}' is not understood: use MS (months), W-MON to W-SUN (weeks by their first day), "
            "D, h, or minutes that divide the day, such as 30min."
        )


def on_grid(stamp: pd.Timestamp, freq: str) -> bool:
    """Is this a stamp of the frequency: a first day, the week's first day, midnight, a whole number of intervals?"""
    day = stamp.normalize()
    if is_intraday(freq):
        return bool((stamp - day) % interval(freq) == pd.Timedelta(0))
    whole = stamp == day
    if freq == "MS":
        return whole and day.day == 1
    return whole and (freq == "D" or freq == f"W-{day.strftime('%a').upper()}")


def is_weekly(freq: str) -> bool:
    """Are these weeks, stamped with their first day?"""
    return freq.startswith("W")


def is_intraday(freq: str) -> bool:
    """Is `freq` shorter than a day?"""
    return freq != "MS" and freq != "D" and not is_weekly(freq)


def interval(freq: str) -> pd.Timedelta:
    """How long is one interval of an intraday frequency?"""
    return pd.Timedelta(freq if freq[0].isdigit() else f"1{freq}")


def season_length(freq: str) -> int:
    """How many steps make the season? 12 months, 52 weeks, 7 days, a week of intervals."""
    if freq == "MS":
        return 12
    if freq.startswith("W"):
        return 52
    return 7 if freq == "D" else 7 * int(DAY / interval(freq))


def grid(first: pd.Timestamp, last: pd.Timestamp, freq: str) -> pd.DatetimeIndex:
    """Return every stamp of `freq` from `first` to `last`, both included, in microseconds."""
    return pd.date_range(first, last, freq=freq, unit="us")


def steps_after(cutoff: pd.Timestamp | pd.DatetimeIndex, ds: pd.DatetimeIndex, freq: str) -> np.ndarray:
    """How many steps after `cutoff` does each stamp lie? The first stamp after it is step 1.

    `cutoff` is the last moment seen (for days and intraday, its whole day), one for all or one for each. Intraday steps
    are counted in days: the uncertainty of an interval grows with the days between, not with the number of intervals.
    """
    if freq == "MS":
        return np.asarray((ds.year - cutoff.year) * 12 + (ds.month - cutoff.month), dtype=np.int64)
    days = np.asarray((ds.normalize() - cutoff.normalize()) // DAY, dtype=np.int64)
    return -(-days // 7) if freq.startswith("W") else days


def bucket_edges(freq: str) -> tuple[int, ...]:
    """Return the last step of each horizon bucket but the open last one: errors within a bucket are taken as alike."""
    if freq == "MS":
        return (1, 3, 6, 12)
    return (1, 4, 13, 26) if freq.startswith("W") else (31, 92, 183)


def _whole_days(stamps: pd.DatetimeIndex, seconds: np.ndarray) -> str:
    if bool((stamps.day == 1).all()):
        return "MS"
    if bool(stamps.is_month_end.all()):
        raise ValueError("the stamps are month ends: stamp a month with its first day.")
    if bool(((stamps.day == 1) | stamps.is_month_end).all()) and len(stamps) > 2:
        raise ValueError("month starts and month ends are mixed: stamp a month with its first day.")
    days = gcd(*(int(value) for value in seconds // _DAY_SECONDS))
    return f"W-{stamps[0].strftime('%a').upper()}" if days % 7 == 0 else "D"


def _intraday(stamps: pd.DatetimeIndex, seconds: np.ndarray) -> str:
    months = stamps.to_numpy().astype("datetime64[M]")[1:]
    usual = {_most_frequent(steps) for steps in np.split(seconds, np.flatnonzero(np.diff(months)) + 1)}
    step = min(usual)
    finer_or_mixed = any(value != step for value in usual) or bool((seconds % step != 0).any())
    if finer_or_mixed or _DAY_SECONDS % step or step % 60:
        raise ValueError(
            f"frequencies are mixed: steps of {step // 60} and of {_other(seconds, usual, step) // 60} minutes."
        )
    return "h" if step == 3600 else f"{step // 60}min"


def _most_frequent(steps: np.ndarray) -> int:
    """Return the step that is met most often, the shortest of several."""
    found, times = np.unique(steps, return_counts=True)
    return int(found[times.argmax()])


def _other(seconds: np.ndarray, usual: set[int], step: int) -> int:
    others = sorted(usual - {step}) or sorted(int(value) for value in np.unique(seconds) if value % step) or [step]
    return others[0]

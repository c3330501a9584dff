"""Components: trend, season and remainder of one series, how strong they are, and which points stand out.

The decomposition is STL (R. B. Cleveland, W. S. Cleveland, J. E. McRae and I. Terpenning, 1990): loess of each position
of the season over the cycles, loess of what is left over time, and weights that take outliers out. Several seasons
are fitted in turn, each on what the others leave (MSTL: K. Bandara, R. Hyndman and C. Bergmeir, 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.demand.frequency import DAY, check_frequency, grid, interval, is_intraday, is_weekly

KNOWN_POINTS = 24  # fewer one-step errors than this have no reliable spread
Z_LIMIT = 4.0
LEAST_TYPICAL = 10.0  # counts below it are too coarse for logs
MAD_TO_SIGMA = 1.4826  # of a normal distribution, as is the next
MEAN_TO_SIGMA = 1.2533
_ROUNDING = 1e-9
_TRACE = 1e-6
_PASSES, _BACKFITS = 6, 2
_MONTHS = pd.date_range("2000-01-01", periods=12, freq="MS").month_name().tolist()
_WEEKDAYS = pd.date_range("2001-01-01", periods=7, freq="D").day_name().tolist()
Floats = npt.NDArray[np.float64]
Smoother = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Season:
    """One season of a frequency: `steps` make a cycle; the shape may change over `cycles` of them.

    Without `cycles` it has one shape only, smoothed over the `days` on each side.
    """

    name: str
    steps: int
    cycles: int = 0
    days: int = 0


@dataclass(frozen=True)
class Components:
    """A series taken apart. All parts lie on one grid of `freq`, from the first known value to the last.

    Multiplicative: observed = trend * seasons * remainder, each season a factor that averages 1 over the known points.
    Else observed = trend + seasons + remainder, each season an amount that averages 0. `season` has one column a
    season, longest last, named "day", "week", "year". Gaps are NaN in observed and remainder; a position of the season
    that is never on record (a closed weekday) is NaN in the season too.
    """

    observed: pd.Series
    trend: pd.Series
    season: pd.DataFrame
    remainder: pd.Series
    multiplicative: bool
    freq: str
    notes: tuple[str, ...] = ()


def decompose(y: pd.Series, freq: str) -> Components:
    """What is the trend, what the season, and what neither explains?

    `y` (index ds, in any order) lies on the grid of `freq`; gaps may be NaN or absent, and weigh nothing. Days on which
    the place is closed are best left out: a zero is taken for a value. Series above zero with a typical value of ten
    or more are taken apart on logs. Months and weeks have a season of the year, days one of the week and, from two
    years on, of the year, intraday series one of the day and one of the week. A season with fewer than two whole
    cycles is left out, and `notes` says so. The year of days and weeks has one shape, by date, smoothed over 15 (days)
    or 10 (weeks) days on each side; the other seasons may change slowly. ValueError for stamps off the grid, twice or
    missing, for values that are not finite, and for a series without values.
    """
    check_frequency(freq)
    observed = _on_grid(y, freq)
    logs = _multiplies(observed.dropna())
    values = np.log(observed.to_numpy(dtype=np.float64)) if logs else observed.to_numpy(dtype=np.float64)
    wanted = _seasons(freq)
    held = [season for season in wanted if len(values) >= 2 * season.steps]
    trend, seasons = _fit(values, pd.DatetimeIndex(observed.index), held, freq)
    known = np.isfinite(values)
    for k, season in enumerate(seasons):
        level = float(np.log(np.exp(season[known]).mean()) if logs else season[known].mean())
        seasons[k] = season - level
        trend = trend + level
    remainder = values - trend - sum(seasons)
    back = np.exp if logs else np.asarray
    notes = tuple(
        f"There are fewer than two whole cycles of the season of the {season.name}: it is left out."
        for season in wanted
        if season not in held
    )
    return Components(
        observed,
        pd.Series(back(trend), index=observed.index, name="trend"),
        pd.DataFrame({s.name: back(v) for s, v in zip(held, seasons, strict=True)}, index=observed.index),
        pd.Series(back(remainder), index=observed.index, name="remainder"),
        logs,
        freq,
        notes,
    )


def strength(components: Components) -> pd.Series:
    """How strong are trend and seasons, from 0 (none) to 1 (nothing else)? Series indexed "trend", "week", "year".

    1 - var(remainder) / var(component + remainder), never below 0, over the known points, on logs where the parts are
    multiplied (X. Wang, K. Smith and R. Hyndman, 2006; Hyndman and Athanasopoulos, Forecasting: Principles and
    Practice, 3rd edition, section 4.3). A series without any variation has strength 0. Noise alone has
    a little, and with few cycles more: 24 months of noise have a season of about 0.4, five years 0.2.
    """
    remainder = _linear(components.remainder, components)
    parts = {"trend": components.trend, **{str(name): part for name, part in components.season.items()}}
    size = 1.0 if components.multiplicative else float(components.observed.abs().max())
    found = {name: _strength(_linear(part, components), remainder, size) for name, part in parts.items()}
    return pd.Series(found, name="strength", dtype="float64")


def seasonal_indices(components: Components) -> pd.DataFrame:
    """How far is each month, weekday or time of day above the average, and how sure is that?

    DataFrame[season, position, name, index, lo80, hi80]: the year by month (1 to 12; a week counts where its fourth
    day lies), the week by weekday (1 Monday), the day by time (minutes after midnight). index 1.00 is the average
    where the parts are multiplied, else index is the amount above the average; the indices held average 1, or 0.
    The index is the mean of the position's de-trended values (season plus remainder, on logs where the parts are
    multiplied), outliers weighing as little as in the decomposition. Its range is that mean +- t(0.9; n - 1) * s /
    sqrt(n), for the n occurrences of the position (January 2025, one Monday) and the standard deviation s of their
    means, outliers included; occurrences are taken as independent. Fewer than two have no range, and a position never
    on record has no index (NaN).
    """
    columns = {"season": "str", "position": "int64", "name": "str"}
    columns |= dict.fromkeys(("index", "lo80", "hi80"), "float64")
    frames = [_indices(components, str(name)) for name in components.season.columns]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))
    return table[list(columns)].astype(columns)


def anomalies(
    y: pd.Series, expected: pd.Series, *, multiplicative: bool, notes: list[str], limit: float = Z_LIMIT
) -> pd.DataFrame:
    """Which points of the history were not to be expected? DataFrame[ds, y, expected, z, direction], sorted by ds.

    `expected` holds one-step-ahead forecasts of `y`, each made without the point it is for; only stamps that have both
    count. The error is log(y / expected) where `multiplicative`, else y - expected; z = (error - median) / (1.4826 *
    MAD), MAD the median absolute deviation from the median (F. R. Hampel, 1974), or, where that is 0, 1.2533 times
    the mean absolute deviation (B. Iglewicz and D. Hoaglin, 1993). Rows have |z| above `limit`; direction is "above"
    or "below". With fewer than 24 points there are none, and a sentence is added to `notes`. ValueError for stamps
    that are there twice, and for values or forecasts of zero and less where `multiplicative`.
    """
    for series in (y, expected):
        if series.index.has_duplicates:
            raise ValueError("a stamp stands there twice: give each point one value and one forecast.")
    both = pd.DataFrame({"y": y, "expected": expected}, dtype="float64").dropna().sort_index()
    rows = both.rename_axis("ds").reset_index().astype({"ds": "datetime64[us]"})
    if len(rows) < KNOWN_POINTS:
        notes.append(f"{len(rows)} points have a one-step forecast: from {KNOWN_POINTS} on one can be called unusual.")
        return rows.iloc[:0].assign(z=pd.Series(dtype="float64"), direction=pd.Series(dtype="str"))
    if multiplicative and bool((rows[["y", "expected"]].to_numpy() <= 0).any()):
        raise ValueError("a value or a forecast is not above zero: compare amounts, with multiplicative=False.")
    rows["z"] = _robust_z(rows["y"].to_numpy(), rows["expected"].to_numpy(), multiplicative)
    odd = rows[rows["z"].abs() > limit].reset_index(drop=True)
    return odd.assign(direction=pd.Series(np.where(odd["z"] > 0, "above", "below"), dtype="str"))


def _on_grid(y: pd.Series, freq: str) -> pd.Series:
    """Return the series on every stamp from its first known value to its last."""
    stamps = pd.DatetimeIndex(y.index).as_unit("us")
    if stamps.hasnans or stamps.has_duplicates:
        raise ValueError("a stamp is missing or stands there twice: give each point one value.")
    values = pd.Series(y.to_numpy(dtype=np.float64, na_value=np.nan), index=stamps, name="observed").dropna()
    if values.empty:
        raise ValueError("no value is on record: there is nothing to take apart.")
    if not np.isfinite(values.to_numpy()).all():
        raise ValueError("a value is infinite: correct it or leave it out.")
    whole = grid(stamps.min(), stamps.max(), freq)
    if not stamps.isin(whole).all():
        raise ValueError(f"{stamps[~stamps.isin(whole)][0]:%Y-%m-%d %H:%M} is not on the grid of frequency '{freq}'.")
    values = values.sort_index()
    found: pd.Series = values.reindex(whole[(whole >= values.index[0]) & (whole <= values.index[-1])])
    return found


def _multiplies(known: pd.Series) -> bool:
    """Do the parts multiply? Where all is above zero and the typical value is ten or more."""
    return bool((known > 0).all()) and float(known.median()) >= LEAST_TYPICAL


def _seasons(freq: str) -> list[Season]:
    """Return what seasons a frequency has, the shortest first."""
    if freq == "MS":
        return [Season("year", 12, cycles=13)]
    if is_weekly(freq):
        return [Season("year", 52, days=10)]
    if freq == "D":
        return [Season("week", 7, cycles=53), Season("year", 365, days=15)]
    day = int(DAY / interval(freq))
    return [Season("day", day, cycles=61), Season("week", 7 * day, cycles=27)]


def _trend_span(seasons: list[Season], freq: str) -> int:
    """Over how many steps is the trend smoothed? STL's 1.5 cycles / (1 - 1.5 / cycles smoothed), or more."""
    day = int(DAY / interval(freq)) if is_intraday(freq) else 1
    least = {"MS": 13, "D": 61}.get(freq, 27 if is_weekly(freq) else 29 * day)
    rule = [1.5 * s.steps / (1 - 1.5 / s.cycles if s.cycles else 1.0) for s in seasons]
    return int(np.ceil(max([least, *rule])))


def _fit(values: Floats, stamps: pd.DatetimeIndex, held: list[Season], freq: str) -> tuple[Floats, list[Floats]]:
    """Return trend and seasons on the scale of `values`, each season fitted in turn on what the other parts leave."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    smooth = _loess(known, _trend_span(held, freq))
    smoothers = [_season_smoother(season, stamps, freq) for season in held]
    trend, seasons = _start(values, stamps, held, freq)
    weight = _bisquare(filled - trend - sum(seasons), known)
    for _ in range(_PASSES):
        for _ in range(_BACKFITS):
            for k, season_of in enumerate(smoothers):
                others = sum(other for j, other in enumerate(seasons) if j != k)
                seasons[k] = season_of(filled - trend - others, weight)
            trend = smooth(filled - sum(seasons), weight)
        weight = _bisquare(filled - trend - sum(seasons), known)
    return trend, [np.where(_on_record(known, s), v, np.nan) for s, v in zip(held, seasons, strict=True)]


def _start(values: Floats, stamps: pd.DatetimeIndex, held: list[Season], freq: str) -> tuple[Floats, list[Floats]]:
    """Return a first trend and first seasons of medians: where few cycles are held, means would hide an outlier."""
    observed = pd.Series(values)
    width = max([season.steps for season in held], default=len(values))
    trend = observed.rolling(width, center=True, min_periods=max(width // 2, 1)).median()
    trend.iloc[: width // 2], trend.iloc[len(trend) - width // 2 :] = np.nan, np.nan
    trend = trend.ffill().bfill().fillna(observed.median())
    rest, seasons = observed - trend, []
    for season in held:
        position = np.arange(len(values)) % season.steps if season.cycles else _date_of_year(stamps, freq) // 15
        seasons.append(rest.groupby(position).transform("median").fillna(0.0))
        rest = rest - seasons[-1]
    return trend.to_numpy(), [season.to_numpy() for season in seasons]


def _bisquare(remainder: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Return STL's weights against outliers: 0 beyond six median absolute remainders, but for a trace."""
    size = np.abs(np.where(known, remainder, 0.0))
    reach = 6 * float(np.median(size[known])) or float(size[known].max()) or 1.0
    return np.where(known, np.maximum(np.maximum(1 - (size / reach) ** 2, 0.0) ** 2, _TRACE), 0.0)


def _tricube(distance: npt.NDArray[Any], reach: npt.NDArray[Any] | float) -> Floats:
    return np.asarray((1 - np.minimum(np.abs(distance) / reach, 1.0) ** 3) ** 3)


def _loess(known: npt.NDArray[np.bool_], span: int) -> Smoother:
    """Return a local linear smoother of what is known, over the part of `span` steps that is (W. S. Cleveland, 1979).

    It is worked out at every twentieth of the span, and drawn straight in between, as STL does.
    """
    at, count = np.flatnonzero(known), len(known)
    wanted = max(round(span * len(at) / count), 3)
    width = min(wanted, len(at))
    targets = np.unique(np.append(np.arange(0, count, max(span // 20, 1)), count - 1))
    starts = np.searchsorted((at[: len(at) - width] + at[width:]) / 2, targets)
    window = at[starts[:, None] + np.arange(width)]
    distance = window - targets[:, None]
    reach = np.abs(distance[:, [0, -1]]).max(axis=1, keepdims=True) * max(wanted / width, 1.0) + 1.0
    kernel, near = _tricube(distance, reach), distance / reach

    def smooth(values: Floats, weight: Floats) -> Floats:
        w, v = kernel * weight[window], values[window]
        whole = w.sum(axis=1)
        centre, level = (w * near).sum(axis=1) / whole, (w * v).sum(axis=1) / whole
        off = near - centre[:, None]
        spread = (w * off**2).sum(axis=1)
        slope = (w * off * v).sum(axis=1) / np.where(spread > 1e-6 * whole, spread, np.inf)
        return np.asarray(np.interp(np.arange(count), targets, level - slope * centre))

    return smooth


def _season_smoother(season: Season, stamps: pd.DatetimeIndex, freq: str) -> Smoother:
    if season.cycles:
        return _cycle_smoother(season.steps, season.cycles, len(stamps))
    return _date_smoother(_date_of_year(stamps, freq), season.days)


def _cycle_smoother(steps: int, width: int, count: int) -> Smoother:
    """Return STL's smoother of a season: the local mean of each position over `width` cycles, without what is trend."""
    cycles = -(-count // steps)
    place = np.arange(cycles)
    first = np.clip(place - width // 2, 0, max(cycles - width, 0))
    reach = np.maximum(place - first, np.minimum(first + width, cycles) - 1 - place) + 1.0 + max(width - cycles, 0) / 2
    kernel = _tricube(place - place[:, None], reach[:, None])
    ends = np.arange(count) + steps - steps // 2, np.arange(count) + steps - (steps - 1) // 2

    def cycle_mean(values: Floats) -> Floats:
        """Add up over one cycle around each point, its two ends by half where the cycle is even."""
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate([values[0], values.ravel(), values[-1]]))])
        return np.asarray(sum(sums[end + steps] - sums[end] for end in ends))

    def smooth(values: Floats, weight: Floats) -> Floats:
        table, w = np.zeros((2, cycles * steps))
        table[:count], w[:count] = values * weight, weight
        table, w = table.reshape(cycles, steps), w.reshape(cycles, steps)
        near, every = kernel @ w, w.sum(axis=0)
        # a gap longer than the window is bridged by the mean of all cycles
        mean = table.sum(axis=0) / np.where(every > 0, every, 1.0)
        local = np.where(near > 0, kernel @ table / np.where(near > 0, near, 1.0), mean)
        used = np.broadcast_to(every > 0, local.shape).astype(np.float64)
        return np.asarray(local.ravel()[:count] - cycle_mean(local * used) / cycle_mean(used))

    return smooth


def _date_smoother(date: npt.NDArray[np.int64], days: int) -> Smoother:
    """Return a smoother for one shape of the year: local linear over the dates up to `days` on each side."""
    kernel, first, second = _date_kernel(days)

    def smooth(values: Floats, weight: Floats) -> Floats:
        w, v = np.bincount(date, weight, 366), np.bincount(date, values * weight, 366)
        near = kernel @ w
        whole = np.where(near > 0, near, 1.0)
        centre, level = first @ w / whole, kernel @ v / whole
        spread = second @ w / whole - centre**2
        slope = (first @ v / whole - centre * level) / np.where(spread > 1e-3, spread, np.inf)
        shape = level - slope * centre
        return np.asarray(np.where(near > 0, shape - np.average(shape, weights=near > 0), 0.0)[date])

    return smooth


@lru_cache(maxsize=4)
def _date_kernel(days: int) -> tuple[Floats, Floats, Floats]:
    """Return how much each date of the year weighs at each other one, and that times the days between, and squared."""
    dates = np.arange(366)
    apart = ((dates - dates[:, None] + 183) % 366 - 183) / (days + 1.0)
    kernel = _tricube(apart, 1.0)
    return kernel, kernel * apart, kernel * apart**2


def _on_record(known: npt.NDArray[np.bool_], season: Season) -> npt.NDArray[np.bool_]:
    """Which points have a position of the season that is ever on record? Every date of a year has neighbours."""
    if not season.cycles:
        return np.ones(len(known), dtype=bool)
    position = np.arange(len(known)) % season.steps
    return np.asarray(np.bincount(position, known, season.steps)[position] > 0)


def _date_of_year(stamps: pd.DatetimeIndex, freq: str) -> npt.NDArray[np.int64]:
    """Number the dates of a leap year from 0, so that a date has one number in every year; a week by its middle."""
    days = stamps + 3 * DAY if is_weekly(freq) else stamps
    return np.asarray(days.day_of_year + ((days.month > 2) & ~days.is_leap_year) - 1, dtype=np.int64)


def _linear(part: pd.Series, components: Components) -> pd.Series:
    """Return a component on the scale on which components add up."""
    found: pd.Series = np.log(part) if components.multiplicative else part
    return found


def _strength(part: pd.Series, remainder: pd.Series, size: float) -> float:
    whole, rest = float((part + remainder).var()), float(remainder.var())
    if not whole > (_ROUNDING * size) ** 2:  # rounding only, or fewer than two known points
        return 0.0
    return float(np.clip(1 - rest / whole, 0.0, 1.0))


def _indices(components: Components, season: str) -> pd.DataFrame:
    from scipy.special import stdtrit

    stamps = pd.DatetimeIndex(components.season.index)
    position, occurrence, names = _positions(stamps, season, components.freq)
    remainder = _linear(components.remainder, components)
    value = (_linear(components.season[season], components) + remainder).to_numpy()
    weight = _bisquare(remainder.to_numpy(), remainder.notna().to_numpy())
    parts = {"position": position, "occurrence": occurrence, "value": value, "weight": weight}
    points = pd.DataFrame({name: part[~np.isnan(value)] for name, part in parts.items()})
    sums = points.assign(weighted=points["value"] * points["weight"]).groupby("position")
    values = points.groupby(["position", "occurrence"])["value"].mean().groupby("position")
    n = values.size()
    middle = (sums["weighted"].sum() / sums["weight"].sum()).reindex(list(names))
    half = (stdtrit(n - 1, 0.9) * values.std() / np.sqrt(n)).reindex(list(names))  # NaN where n is 1, as the deviation
    if components.multiplicative:
        level = np.exp(middle).mean()
        index, low, high = (np.exp(part) / level for part in (middle, middle - half, middle + half))
    else:
        index, low, high = (part - middle.mean() for part in (middle, middle - half, middle + half))
    columns: dict[str, Any] = {"season": season, "position": list(names), "name": list(names.values())}
    return pd.DataFrame(columns | {"index": index.array, "lo80": low.array, "hi80": high.array})


def _positions(stamps: pd.DatetimeIndex, season: str, freq: str) -> tuple[Any, Any, dict[int, str]]:
    """Return each stamp's position in the season, the occurrence of it that it belongs to, and the positions' names."""
    if season == "year":
        days = stamps + 3 * DAY if is_weekly(freq) else stamps
        return days.month.to_numpy(), days.year.to_numpy(), dict(enumerate(_MONTHS, 1))
    days = stamps.normalize()
    if season == "week":
        return stamps.day_of_week.to_numpy() + 1, days.to_numpy(), dict(enumerate(_WEEKDAYS, 1))
    minutes = range(0, 24 * 60, int(interval(freq).total_seconds() // 60))
    names = {minute: f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes}
    return stamps.hour.to_numpy() * 60 + stamps.minute.to_numpy(), days.to_numpy(), names


def _robust_z(y: Floats, expected: Floats, multiplicative: bool) -> Floats:
    error = np.log(y / expected) if multiplicative else y - expected
    size = 1.0 if multiplicative else float(np.abs(y).max())
    off = error - np.median(error)
    off = np.where(np.abs(off) <= _ROUNDING * size, 0.0, off)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(off))) or MEAN_TO_SIGMA * float(np.abs(off).mean())
    return np.asarray(off / spread if spread else off)

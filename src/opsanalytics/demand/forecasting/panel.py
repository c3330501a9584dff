"""Panel: many series in one call, forecast together, their errors calibrated together.

Long frames in and out. A series that cannot be forecast is named in `frame.attrs["notes"]` and the
rest goes on. Each cutoff is forecast by itself, from what was known at it; work is spread over blocks of series, and
results do not depend on how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.forecasting.calibration import (
    bound_names,
    calibrated,
    loo_bounds,
    points_of,
    scored,
    without_interval,
)
from opsanalytics.demand.forecasting.intervals import LEVELS
from opsanalytics.demand.forecasting.progress import progress_bar
from opsanalytics.demand.forecasting.series import Job, Prepared, SeriesForecast, finish, prepare
from opsanalytics.demand.frequency import (
    DAY,
    check_frequency,
    infer_frequency,
    interval,
    is_intraday,
    on_grid,
    season_length,
)
from opsanalytics.demand.models import FAST, FULL, Near, Run, combined, intraday

TIERS = (FAST, FULL)
WINDOWS = 3


def forecast_panel(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    *,
    levels: Sequence[int] = LEVELS,
    tier: str = FULL,
    events: pd.DataFrame | None = None,
    country: str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """What comes in the next `horizon` steps of each series? DataFrame[unique_id, ds, yhat, lo.., hi.., model].

    `history` is long: unique_id, ds, y (missing: not recorded), one frequency `freq` for all. Steps count from each
    series' last row; closed days and intervals have no row. lo and hi of each level are
    calibrated on rolling origins (see `calibrate`); series that were never negative never are forecast so.
    `events` has ds, name, kind, known_ahead and perhaps unique_id, `country` is an ISO code for its holidays and, by
    months, for trading days. `tier`: "fast" leaves out the models that cost or gain least. Nothing is drawn at random:
    `seed` is there for callers that pass one, and changes no number. `executor` takes any concurrent.futures
    executor and goes before `n_jobs` threads; neither changes a number. `progress` shows a bar. Rows are sorted by
    unique_id and ds. Series left out and fallbacks are named in `attrs["notes"]`. ValueError for an unknown tier, a
    horizon below 1, missing columns (of the history or the events), stamps with a time zone, a frequency that is not
    understood and levels that are no whole numbers between 0 and 100.
    """
    _check_request(history, horizon, freq, levels, events, tier)
    series, notes = _split(history, freq)
    asked = _asked(series, horizon, freq, events, country)
    jobs = [_job(name, y, y.index[-1], asked) for name, y in series.items()]
    origins = _origins(series, asked, WINDOWS)
    groups = [0] * len(jobs) + [1 + number for number in _cutoffs([job for _, job in origins])]
    with pool(n_jobs, executor) as run:
        results = forecasts([*jobs, *(job for _, job in origins)], groups, tier=tier, run=run, progress=progress)
    final, notes = _kept(results[: len(jobs)], notes)
    tested = points_of(zip((origin for origin, _ in origins), results[len(jobs) :], strict=True), freq)
    points = points_of(((0, result) for result in final), freq)
    notes = [*notes, *without_interval(points)]
    bounds = calibrated(points, scored(tested, series), freq, levels)
    forecast = _stacked([bounds], ["unique_id", "ds", "yhat", *bound_names(levels), "model"])
    forecast.attrs["notes"] = sorted(set(notes))
    return forecast


def backtest(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    *,
    windows: int = WINDOWS,
    levels: Sequence[int] = LEVELS,
    tier: str = FULL,
    events: pd.DataFrame | None = None,
    country: str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """How good would this have been? One row per series, cutoff and ds: y, yhat, lo.., hi.., yardstick, model.

    Rolling origins: the latest cutoffs lie a third of `horizon` apart (see `_origins`). The models are fitted anew at
    each and see nothing after it. The intervals of a cutoff are calibrated on the other cutoffs' errors. `yardstick`
    is the seasonal naive. Other arguments as in `forecast_panel`.
    """
    _check_request(history, horizon, freq, levels, events, tier)
    series, notes = _split(history, freq)
    asked = _asked(series, horizon, freq, events, country)
    origins = _origins(series, asked, windows)
    with pool(n_jobs, executor) as run:
        jobs = [job for _, job in origins]
        results = forecasts(jobs, _cutoffs(jobs), tier=tier, run=run, progress=progress)
    points = points_of(zip((origin for origin, _ in origins), results, strict=True), freq)
    rows = loo_bounds(scored(points, series), freq, levels).rename(columns={"naive": "yardstick"})
    columns = ["unique_id", "cutoff", "ds", "y", "yhat", *bound_names(levels), "yardstick", "model"]
    rows = _stacked([rows.sort_values(["unique_id", "cutoff", "ds"])], columns)
    tested = {job.unique_id for _, job in origins}
    short = [f"{name}: too short to be tested" for name in series if name not in tested]
    rows.attrs["notes"] = sorted({*notes, *short, *_said(results)})
    return rows


def forecasts(
    jobs: Sequence[Job], groups: Sequence[int], *, tier: str = FULL, run: Run = map, progress: bool = False
) -> list[SeriesForecast | str]:
    """Make every forecast, in the order of `jobs`; a job without one gives the sentence that says why.

    Jobs of one group and frequency learn from each other; those of one group have one cutoff.
    """
    prepared: list[Prepared | str] = [_attempt(job) for job in jobs]
    found: list[SeriesForecast | str] = [one if isinstance(one, str) else "" for one in prepared]
    together: dict[tuple[int, int], list[int]] = {}
    for number, (group, one) in enumerate(zip(groups, prepared, strict=True)):
        if not isinstance(one, str):
            together.setdefault((group, one.ask.history.season), []).append(number)
    with progress_bar("Forecasting", len(jobs), shown=progress) as advance:
        for _, numbers in sorted(together.items()):
            own = [one for number in numbers if not isinstance(one := prepared[number], str)]
            answers, near = combined([one.ask for one in own], tier=tier, run=run), _near(own)
            for place, (number, one, answer) in enumerate(zip(numbers, own, answers, strict=True)):
                found[number] = finish(one, answer, near.get(place))
            advance(len(numbers))
    return found


def _near(prepared: Sequence[Prepared]) -> dict[int, Near]:
    """Forecast the next intervals of those that ask for them, by their number; those of one reach together."""
    alike: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(prepared):
        if len(one.near):
            alike.setdefault((one.job.freq, len(one.near)), []).append(number)
    found: dict[int, Near] = {}
    for (freq, reach), numbers in sorted(alike.items()):
        day = int(DAY / interval(freq))
        answers = intraday.forecasts([prepared[number].unbroken for number in numbers], reach, day, 7 * day)
        found |= dict(zip(numbers, answers, strict=True))
    return found


def _cutoffs(jobs: Sequence[Job]) -> list[int]:
    """Number the cutoffs of jobs: what is forecast at one learns from nothing that came after it."""
    order = {cutoff: number for number, cutoff in enumerate(sorted({job.cutoff for job in jobs}))}
    return [order[job.cutoff] for job in jobs]


def _attempt(job: Job) -> Prepared | str:
    """Prepare one job, or say why it cannot be forecast."""
    try:
        return prepare(job)
    except ValueError as error:
        return f"{job.unique_id}: {error}"


@contextmanager
def pool(n_jobs: int, executor: Executor | None) -> Iterator[Run]:
    """Give out the `map` of an executor, of so many threads, or the plain one."""
    if executor is not None:
        yield executor.map
    elif n_jobs == 1:
        yield map
    elif n_jobs < 1:
        raise ValueError(f"n_jobs is {n_jobs}: give the number of threads, 1 or more.")
    else:
        with ThreadPoolExecutor(max_workers=n_jobs) as pool:
            yield pool.map


def clean_series(rows: pd.DataFrame, freq: str) -> pd.Series:
    """Return one series (ds, y) in time order, or say in a ValueError why it cannot be forecast."""
    y = rows["y"].to_numpy(dtype=np.float64)
    if np.isinf(y).any():
        raise ValueError("holds an infinite value; it is not forecast")
    if np.isnan(y).all():
        raise ValueError("has no value on record; it is not forecast")
    if rows["ds"].isna().any():
        raise ValueError("has a row without a date; it is not forecast")
    if len(rows) == 1 and not on_grid(pd.Timestamp(rows["ds"].iloc[0]), freq):
        raise ValueError(f"stands at {rows['ds'].iloc[0]}, which is no stamp of {freq}; it is not forecast")
    if len(rows) > 1:
        try:
            found = infer_frequency(rows["ds"])
        except ValueError as error:
            raise ValueError(f"cannot be forecast: {error}") from error
        coarser = freq == "D" and (found == "MS" or found.startswith("W"))
        if found != freq and not coarser:
            raise ValueError(f"is measured by {found}, not by {freq}; it is not forecast")
    return pd.Series(y, index=pd.DatetimeIndex(rows["ds"]).as_unit("us"), name="y").sort_index()


def _check_request(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    levels: Sequence[int],
    events: pd.DataFrame | None,
    tier: str = "full",
) -> None:
    for table, name, needed in ((history, "history", ("unique_id", "ds", "y")), (events, "events", fx.EFFECT_COLUMNS)):
        missing = [] if table is None else [column for column in needed if column not in table.columns]
        if missing:
            raise ValueError(f"the {name} {_has(name)} no column {', '.join(missing)}: give {', '.join(needed)}.")
        if table is not None and isinstance(table["ds"].dtype, pd.DatetimeTZDtype):
            raise ValueError(f"ds of the {name} bears a time zone: give local times without one.")
    check_frequency(freq)
    for level in levels:
        if not isinstance(level, Integral) or not 0 < level < 100:
            raise ValueError(f"level {level} is not a whole number between 0 and 100: 80 stands for 80 %.")
    if len(set(levels)) < len(levels):
        raise ValueError(f"a level is asked for twice: {', '.join(map(str, sorted(levels)))}.")
    if not isinstance(horizon, Integral) or horizon < 1:
        raise ValueError(f"horizon is {horizon}: it must be a whole number of steps, 1 or more.")
    if tier not in TIERS:
        raise ValueError(f"tier '{tier}' is unknown: use one of {', '.join(TIERS)}.")


def _has(name: str) -> str:
    return "have" if name.endswith("s") else "has"


def _stacked(frames: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return the frames one under the other, typed also where there is no row."""
    kept = [frame[columns] for frame in frames if len(frame)]
    if kept:
        return pd.concat(kept, ignore_index=True)
    kinds = {"unique_id": "str", "model": "str", "ds": "datetime64[us]", "cutoff": "datetime64[us]"}
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "float64")) for name in columns})


def _split(history: pd.DataFrame, freq: str) -> tuple[dict[str, pd.Series], list[str]]:
    series: dict[str, pd.Series] = {}
    notes: list[str] = []
    named = history.assign(unique_id=history["unique_id"].astype("str"))
    for name, rows in named.groupby("unique_id", sort=True, dropna=False):
        try:
            series[str(name)] = clean_series(rows, freq)
        except ValueError as error:
            notes.append(f"{name} {error}")
    return series, notes


def _effects(
    series: Mapping[str, pd.Series], horizon: int, freq: str, events: pd.DataFrame | None, country: str | None
) -> dict[str, pd.DataFrame]:
    """Return each series' table of effects."""
    if events is None and country is None:
        return dict.fromkeys(series, fx.no_effects())
    found = {}
    for name, y in series.items():
        own = events
        if events is not None and "unique_id" in events.columns:
            own = events[events["unique_id"].astype("str") == name]
        found[name] = fx.day_effects(own, country, y.index[0].normalize(), _end(y.index[-1], horizon, freq).normalize())
    return found


def _end(cutoff: pd.Timestamp, horizon: int, freq: str) -> pd.Timestamp:
    if is_intraday(freq):
        return cutoff + horizon * interval(freq)
    end: pd.Timestamp = pd.date_range(cutoff, periods=horizon + 1, freq=freq)[-1]
    return end


class _Asked:
    """What is asked of every series: horizon, frequency, each one's effects, and whether trading days may count."""

    def __init__(self, horizon: int, freq: str, effects: Mapping[str, pd.DataFrame], trading_days: bool) -> None:
        self.horizon, self.freq, self.effects, self.trading_days = horizon, freq, effects, trading_days


def _asked(
    series: Mapping[str, pd.Series], horizon: int, freq: str, events: pd.DataFrame | None, country: str | None
) -> _Asked:
    return _Asked(horizon, freq, _effects(series, horizon, freq, events, country), country is not None and freq == "MS")


def _job(name: str, y: pd.Series, cutoff: pd.Timestamp, asked: _Asked) -> Job:
    end = _end(cutoff, asked.horizon, asked.freq)
    effects = fx.seen_at(asked.effects[name], cutoff)
    return Job(name, y[:cutoff], cutoff, end, asked.freq, effects, trading_days=asked.trading_days)


def _origins(series: Mapping[str, pd.Series], asked: _Asked, windows: int) -> list[tuple[int, Job]]:
    """Return the earlier cutoffs of each series, the latest first (number 0).

    They lie a third of the horizon apart (of a third of the history, where that is shorter), so that the first steps
    are tested at every cutoff and the last ones from the third on. A cutoff leaves two seasons and a half before it,
    or two thirds of a history that has not as much; it leaves two values at least.
    """
    jobs = []
    season = 2.5 * season_length(asked.freq)
    for name, y in series.items():
        known = y.dropna().index
        reach = min(asked.horizon, len(known) // 3)
        apart = max(1, -(-reach // 3))
        least = min(season, 2 * len(known) / 3)
        for origin in range(windows):
            place = len(known) - 1 - (origin + 1) * apart
            if reach and place + 1 >= max(least, 2):
                jobs.append((origin, _job(name, y, known[place], asked)))
    return jobs


def _kept(results: Sequence[SeriesForecast | str], notes: list[str]) -> tuple[list[SeriesForecast], list[str]]:
    kept = [result for result in results if not isinstance(result, str)]
    return kept, sorted({*notes, *_said(results)})


def _said(results: Sequence[SeriesForecast | str]) -> list[str]:
    """Return why there is no forecast, and what the forecasts fell back on."""
    notes = [
        f"{result.job.unique_id}: {result.note}" for result in results if not isinstance(result, str) and result.note
    ]
    return [result for result in results if isinstance(result, str)] + notes

"""Panel: many series in one call, each forecast on its own, their errors calibrated together.

Long frames in and out. A series that cannot be forecast is named in `frame.attrs["notes"]` and the
rest goes on. Work is spread over series and cutoffs; results do not depend on how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from numbers import Integral

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.frequency import (
    bucket_edges,
    check_frequency,
    infer_frequency,
    interval,
    is_intraday,
    steps_after,
)
from opsanalytics.demand.intervals import LEVELS, calibrate, half_widths
from opsanalytics.demand.series import Job, SeriesForecast, forecast_series

TIERS = ("fast", "full")
WINDOWS = 3
SCORE_COLUMNS = [
    *("unique_id", "origin", "cutoff", "ds", "step", "y", "yhat", "naive", "scale", "naive_scale"),
    *("error", "naive_error", "model", "spread", "positive"),
]


def forecast_panel(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    *,
    levels: Sequence[int] = LEVELS,
    tier: str = "full",
    events: pd.DataFrame | None = None,
    country: str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """What comes in the next `horizon` steps of each series? DataFrame[unique_id, ds, yhat, lo.., hi.., model].

    `history` is long: unique_id, ds, y (missing: not recorded), one frequency `freq` for all. Steps count from each
    series' last row; closed days and intervals have no row. lo and hi of each level are
    calibrated on three rolling origins (see `calibrate`); series that were never negative never are forecast so.
    `events` has ds, name, kind, known_ahead and perhaps unique_id, `country` is an ISO code; both count for days and
    intervals only. Both tiers are one method for now. `executor` takes any concurrent.futures
    executor and goes before `n_jobs` threads; neither changes a number. Rows are sorted by unique_id and ds.
    Series left out and fallbacks are named in `attrs["notes"]`. ValueError for an unknown tier, a horizon below 1,
    missing columns (of the history or the events), stamps with a time zone, a frequency that is not understood and
    levels that are no whole numbers between 0 and 100.
    """
    _check_request(history, horizon, freq, levels, events, tier)
    series, notes = _split(history, freq)
    table = _effects(series, horizon, freq, events, country)
    jobs = [_job(name, y, y.index[-1], horizon, freq, table[name], seed) for name, y in series.items()]
    origins = _origins(series, horizon, freq, table, WINDOWS, seed)
    results = run_jobs(jobs + [job for _, job in origins], n_jobs, executor)
    final, notes = _kept(results[: len(jobs)], notes)
    scored = score(
        [
            (origin, result, series[job.unique_id])
            for (origin, job), result in zip(origins, results[len(jobs) :], strict=True)
        ],
        freq,
    )
    widths = calibrate(scored, levels, edges=bucket_edges(freq), spreads=spreads(final))
    frames = [
        bounded(result.points.assign(unique_id=result.job.unique_id, model=result.model), result, widths, freq)
        for result in final
    ]
    forecast = _stacked(frames, ["unique_id", "ds", "yhat", *bound_names(levels), "model"])
    forecast.attrs["notes"] = sorted({*notes, *without_interval(widths)})
    return forecast


def backtest(
    history: pd.DataFrame,
    horizon: int,
    freq: str,
    *,
    windows: int = WINDOWS,
    levels: Sequence[int] = LEVELS,
    events: pd.DataFrame | None = None,
    country: str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """How good would this have been? One row per series, cutoff and ds: y, yhat, lo.., hi.., yardstick, model.

    Rolling origins: the last cutoff lies `horizon` values before the end (a third of a history shorter than
    three horizons), each earlier one horizon / windows further back. The model is fitted anew at each and sees
    nothing after it. The intervals of a cutoff are calibrated on the other cutoffs' errors. `yardstick` is the
    seasonal naive.
    """
    _check_request(history, horizon, freq, levels, events)
    series, notes = _split(history, freq)
    table = _effects(series, horizon, freq, events, country)
    origins = _origins(series, horizon, freq, table, windows, seed)
    results = run_jobs([job for _, job in origins], n_jobs, executor)
    pairs = zip(origins, results, strict=True)
    rows = loo_bounds(
        score([(origin, result, series[job.unique_id]) for (origin, job), result in pairs], freq), freq, levels
    )
    rows = rows.rename(columns={"naive": "yardstick"})
    columns = ["unique_id", "cutoff", "ds", "y", "yhat", *bound_names(levels), "yardstick", "model"]
    rows = _stacked([rows.sort_values(["unique_id", "cutoff", "ds"])], columns)
    rows.attrs["notes"] = list(notes)
    return rows


def clean_series(rows: pd.DataFrame, freq: str) -> pd.Series:
    """Return one series (ds, y) in time order, or say in a ValueError why it cannot be forecast."""
    y = rows["y"].to_numpy(dtype=np.float64)
    if np.isinf(y).any():
        raise ValueError("holds an infinite value; it is not forecast")
    if np.isnan(y).all():
        raise ValueError("has no value on record; it is not forecast")
    if len(rows) > 1:
        try:
            found = infer_frequency(rows["ds"])
        except ValueError as error:
            raise ValueError(f"cannot be forecast: {error}") from error
        coarser = freq == "D" and (found == "MS" or found.startswith("W"))
        if found != freq and not coarser:
            raise ValueError(f"is measured by {found}, not by {freq}; it is not forecast")
    return pd.Series(y, index=pd.DatetimeIndex(rows["ds"]).as_unit("us"), name="y").sort_index()


def run_jobs(jobs: Sequence[Job], n_jobs: int = 1, executor: Executor | None = None) -> list[SeriesForecast | str]:
    """Make every forecast, in the order of `jobs`; a job without one gives the sentence that says why."""
    if executor is not None:
        return list(executor.map(attempt, jobs))
    if n_jobs == 1 or len(jobs) < 2:
        return [attempt(job) for job in jobs]
    with ThreadPoolExecutor(max_workers=n_jobs) as pool:
        return list(pool.map(attempt, jobs))


def attempt(job: Job) -> SeriesForecast | str:
    """Forecast one job, or say why not."""
    try:
        return forecast_series(job)
    except ValueError as error:
        return f"{job.unique_id}: {error}"


def score(
    results: Iterable[tuple[int, SeriesForecast | str, pd.Series]], freq: str, *, days: bool = False
) -> pd.DataFrame:
    """Return the forecasts that have an actual, with their errors in units of the scale.

    `results` are (number of the origin, forecast, actuals with index ds). DataFrame of SCORE_COLUMNS;
    `days` takes the daily sums of intraday forecasts.
    """
    frames = [
        _scored(origin, result, actual, freq, days) for origin, result, actual in results if not isinstance(result, str)
    ]
    kept = [frame for frame in frames if len(frame)]
    return pd.concat(kept, ignore_index=True)[SCORE_COLUMNS] if kept else pd.DataFrame(columns=SCORE_COLUMNS)


def bounded(
    points: pd.DataFrame, result: SeriesForecast, widths: pd.DataFrame, freq: str, *, days: bool = False
) -> pd.DataFrame:
    """Return `points` (ds, yhat) with lo and hi of each calibrated level."""
    scale = result.day_scale if days else result.scale
    steps = steps_after(result.job.cutoff, pd.DatetimeIndex(points["ds"]), freq)
    found = half_widths(widths, result.job.unique_id, steps, bucket_edges(freq))
    yhat = points["yhat"].to_numpy(dtype=np.float64)
    return _bounds(points, yhat, found, scale.of(yhat), positive=scale.power > 0)


def loo_bounds(scored: pd.DataFrame, freq: str, levels: Sequence[int], *, prediction: str = "yhat") -> pd.DataFrame:
    """Return `scored` with bounds, those of each origin calibrated on the errors of the others."""
    error, scale = ("error", "scale") if prediction == "yhat" else ("naive_error", "naive_scale")
    edges = bucket_edges(freq)
    frames = []
    for origin in sorted(scored["origin"].unique()):
        own, others = scored[scored["origin"] == origin], scored[scored["origin"] != origin]
        spreads = own.groupby("unique_id")["spread"].first()
        widths = calibrate(others.assign(error=others[error]), levels, edges=edges, spreads=spreads)
        for name, rows in own.groupby("unique_id"):
            found = half_widths(widths, str(name), rows["step"].to_numpy(), edges)
            size, centre = rows[scale].to_numpy(dtype=np.float64), rows[prediction].to_numpy(dtype=np.float64)
            frames.append(_bounds(rows, centre, found, size, positive=bool(rows["positive"].iloc[0])))
    return (
        pd.concat(frames, ignore_index=True) if frames else scored.assign(**dict.fromkeys(bound_names(levels), np.nan))
    )


def without_interval(widths: pd.DataFrame) -> list[str]:
    """Say which series have no interval: one point has no error, and no panel lends it one."""
    names = widths.loc[widths["width"].isna(), "unique_id"].unique()
    return [f"{name}: nothing is known of its errors, so its forecast has no interval." for name in names]


def bound_names(levels: Sequence[int]) -> list[str]:
    """Return lo60, hi60, lo80, ... in rising order of the levels."""
    return [f"{side}{level}" for level in sorted(levels) for side in ("lo", "hi")]


def _bounds(
    rows: pd.DataFrame, yhat: np.ndarray, widths: Mapping[int, np.ndarray], size: np.ndarray, *, positive: bool
) -> pd.DataFrame:
    columns: dict[str, np.ndarray] = {}
    for level, width in sorted(widths.items()):
        low = yhat - width * size
        columns[f"lo{level}"] = np.maximum(low, 0.0) if positive else low
        columns[f"hi{level}"] = yhat + width * size
    return rows.assign(**columns)


def _scored(origin: int, result: SeriesForecast, actual: pd.Series, freq: str, days: bool) -> pd.DataFrame:
    points = result.days if days and result.days is not None else result.points
    scale, spread = (result.day_scale, result.day_spread) if days else (result.scale, result.spread)
    rows = points.assign(y=actual.reindex(points["ds"]).to_numpy(dtype=np.float64))
    rows = rows[rows["y"].notna()]
    yhat, naive = rows["yhat"].to_numpy(), rows["naive"].to_numpy()
    return rows.assign(
        unique_id=result.job.unique_id,
        origin=origin,
        cutoff=result.job.cutoff,
        step=steps_after(result.job.cutoff, pd.DatetimeIndex(rows["ds"]), freq),
        scale=scale.of(yhat),
        naive_scale=scale.of(naive),
        error=scale.errors(rows["y"].to_numpy(), yhat),
        naive_error=scale.errors(rows["y"].to_numpy(), naive),
        model=result.day_model if days and result.day_model else result.model,
        spread=spread,
        positive=scale.power > 0,
    )


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
    if horizon < 1:
        raise ValueError(f"horizon is {horizon}: it must be 1 step or more.")
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
    for name, rows in history.groupby("unique_id", sort=True, dropna=False):
        try:
            series[str(name)] = clean_series(rows, freq)
        except ValueError as error:
            notes.append(f"{name} {error}")
    return series, notes


def _effects(
    series: Mapping[str, pd.Series], horizon: int, freq: str, events: pd.DataFrame | None, country: str | None
) -> dict[str, pd.DataFrame]:
    """Return each series' table of effects; empty for months and weeks, where a day's effect has no place."""
    if freq == "MS" or freq.startswith("W"):
        return {name: fx.no_effects() for name in series}
    found = {}
    for name, y in series.items():
        own = events
        if events is not None and "unique_id" in events.columns:
            own = events[events["unique_id"] == name]
        found[name] = fx.day_effects(own, country, y.index[0].normalize(), _end(y.index[-1], horizon, freq).normalize())
    return found


def _end(cutoff: pd.Timestamp, horizon: int, freq: str) -> pd.Timestamp:
    if is_intraday(freq):
        return cutoff + horizon * interval(freq)
    end: pd.Timestamp = pd.date_range(cutoff, periods=horizon + 1, freq=freq)[-1]
    return end


def _job(
    name: str, y: pd.Series, cutoff: pd.Timestamp, horizon: int, freq: str, effects: pd.DataFrame, seed: int
) -> Job:
    return Job(name, y[:cutoff], cutoff, _end(cutoff, horizon, freq), freq, fx.seen_at(effects, cutoff), None, seed)


def _origins(
    series: Mapping[str, pd.Series],
    horizon: int,
    freq: str,
    effects: Mapping[str, pd.DataFrame],
    windows: int,
    seed: int,
) -> list[tuple[int, Job]]:
    jobs = []
    for name, y in series.items():
        known = y.dropna().index
        reach = min(horizon, len(known) // 3)
        apart = max(1, reach // windows)
        for origin in range(windows):
            place = len(known) - 1 - reach - origin * apart
            if reach and place >= 1:
                jobs.append((origin, _job(name, y, known[place], horizon, freq, effects[name], seed)))
    return jobs


def _kept(results: Sequence[SeriesForecast | str], notes: list[str]) -> tuple[list[SeriesForecast], list[str]]:
    kept = [result for result in results if not isinstance(result, str)]
    said = [result for result in results if isinstance(result, str)]
    said += [f"{result.job.unique_id}: {result.note}" for result in kept if result.note]
    return kept, sorted(notes + said)


def spreads(results: Sequence[SeriesForecast], *, days: bool = False) -> pd.Series:
    """Return the in-sample spread of each series by its unique_id."""
    found = {result.job.unique_id: result.day_spread if days else result.spread for result in results}
    return pd.Series(found, dtype="float64")

"""Calibration: forecasts as rows, the errors they made at earlier cutoffs, and the bounds that these call for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from opsanalytics.demand.forecasting.intervals import Errors, Floats
from opsanalytics.demand.forecasting.series import SeriesForecast
from opsanalytics.demand.frequency import bucket_edges, steps_after

_VALUES = ("yhat", "naive", "deviation")
POINT_COLUMNS = ["origin", "cutoff", "unique_id", "ds", "step", *_VALUES, "model", "positive"]


def points_of(results: Iterable[tuple[int, SeriesForecast | str]], freq: str, *, days: bool = False) -> pd.DataFrame:
    """Return the points of forecasts one under the other: POINT_COLUMNS.

    `results` are (number of the origin, 0 the latest; forecast, or the sentence that says why there is none: it has no
    row). step counts from the cutoff, 1 the first; positive: was the series never below zero? `days` takes the daily
    sums of intraday forecasts.
    """
    made = [
        (origin, result, result.days if days and result.days is not None else result.points)
        for origin, result in results
        if not isinstance(result, str)
    ]
    if not any(len(points) for _, _, points in made):
        return pd.DataFrame(columns=POINT_COLUMNS)
    of = np.repeat(np.arange(len(made)), [len(points) for _, _, points in made])
    stamps = pd.DatetimeIndex(np.concatenate([points["ds"].to_numpy() for _, _, points in made]))
    cutoffs = pd.DatetimeIndex([result.job.cutoff for _, result, _ in made]).as_unit("us")[of]
    models = [result.day_model if days and result.day_model else result.model for _, result, _ in made]
    rows = pd.DataFrame(
        {
            "origin": np.array([origin for origin, _, _ in made])[of],
            "cutoff": cutoffs,
            "unique_id": pd.array([result.job.unique_id for _, result, _ in made], dtype="str").take(of),
            "ds": stamps,
            "step": steps_after(cutoffs, stamps, freq),
            **{name: np.concatenate([points[name].to_numpy() for _, _, points in made]) for name in _VALUES},
            "model": pd.array(models, dtype="str").take(of),
            "positive": np.array([float(result.job.y.min()) >= 0 for _, result, _ in made])[of],
        }
    )
    return _lent(rows)


def _lent(rows: pd.DataFrame) -> pd.DataFrame:
    """Lend a series without a deviation of its own that of its origin's middle one, in proportion to its forecast."""
    if not rows["deviation"].isna().any():
        return rows
    relative = rows["deviation"] / rows["yhat"].abs().where(rows["yhat"] != 0)
    middle = relative.groupby([rows["origin"], rows["unique_id"]]).median().groupby(level=0).median()
    lent = rows["origin"].map(middle) * rows["yhat"].abs()
    return rows.assign(deviation=rows["deviation"].fillna(lent))


def scored(points: pd.DataFrame, actuals: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return the points that have an actual, with it (y) and the ratio |y - yhat| / deviation.

    `actuals` are the values by unique_id (index ds). ratio is NaN where the deviation is not above zero.
    """
    if points.empty:
        return points.assign(y=np.empty(0), ratio=np.empty(0))
    known = pd.concat({name: actuals[name] for name in points["unique_id"].unique()})
    place = known.index.get_indexer(pd.MultiIndex.from_frame(points[["unique_id", "ds"]]))
    y = np.where(place >= 0, known.to_numpy(dtype=np.float64)[place], np.nan)
    size = points["deviation"].where(points["deviation"] > 0).to_numpy(dtype=np.float64)
    rows = points.assign(y=y, ratio=np.abs(y - points["yhat"].to_numpy()) / size)
    return rows[~np.isnan(y)].reset_index(drop=True)


def calibrated(points: pd.DataFrame, tested: pd.DataFrame, freq: str, levels: Sequence[int]) -> pd.DataFrame:
    """Return points with the bounds of each level, calibrated on all the errors of `tested` (see `scored`)."""
    errors = Errors.of(tested, bucket_edges(freq))
    owner, bucket = errors.places(points)
    return bounded(points, errors.widths(sorted(levels))[owner, bucket], levels)


def loo_bounds(tested: pd.DataFrame, freq: str, levels: Sequence[int], *, naive: bool = False) -> pd.DataFrame:
    """Return `tested` (see `scored`) with bounds, those of each origin calibrated on the errors of the others.

    `naive` bounds the yardstick instead, by its own errors in units of the same deviations.
    """
    point = "naive" if naive else "yhat"
    size = tested["deviation"].where(tested["ratio"].notna()).to_numpy(dtype=np.float64)
    away = np.abs(tested["y"].to_numpy(dtype=np.float64) - tested[point].to_numpy(dtype=np.float64))
    errors = Errors.of(tested.assign(ratio=away / size), bucket_edges(freq))
    widths = np.full((len(tested), len(levels)), np.nan)
    for origin in np.unique(errors.origin):
        own = errors.origin == origin
        table = errors.widths(sorted(levels), ~own, np.abs(errors.origin - origin) - 1)
        widths[own] = table[errors.owner[own], errors.bucket[own]]
    return bounded(tested, widths, levels, point=point)


def bounded(points: pd.DataFrame, widths: Floats, levels: Sequence[int], *, point: str = "yhat") -> pd.DataFrame:
    """Return points with lo and hi of each level, so many deviations (points by rising levels) from the `point`."""
    centre, size = (points[name].to_numpy(dtype=np.float64) for name in (point, "deviation"))
    floor = np.where(points["positive"].to_numpy(dtype=bool), 0.0, -np.inf)
    half = widths * size[:, None]
    columns = {}
    for place, level in enumerate(sorted(levels)):
        columns[f"lo{level}"] = np.maximum(centre - half[:, place], floor)
        columns[f"hi{level}"] = centre + half[:, place]
    return points.assign(**columns)


def bound_names(levels: Sequence[int]) -> list[str]:
    """Return lo60, hi60, lo80, ... in rising order of the levels."""
    return [f"{side}{level}" for level in sorted(levels) for side in ("lo", "hi")]


def without_interval(points: pd.DataFrame) -> list[str]:
    """Say which series of `points_of` have no interval: nothing is known of their errors, here or in the panel."""
    unknown = points["deviation"].isna().groupby(points["unique_id"]).all()
    names = unknown.index[unknown]
    return [f"{name}: nothing is known of its errors, so its forecast has no interval." for name in names]

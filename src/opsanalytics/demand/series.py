"""Series: everything that one series needs between its history and its points ahead.

Months and weeks go to the model as they are. Days first lose what is no demand (closed days,
closures); the model sees the rest, and closures come back as the share of demand they
leave. Intervals are added up to days, forecast as days, and spread by the weekday's profile.
A `Job` carries only what was known at its cutoff, so a forecast cannot see past it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.frequency import DAY, grid, is_intraday
from opsanalytics.demand.models import PROPHET, Fit, fit_series, seasonal_naive, uses_logs
from opsanalytics.demand.profile import day_totals, repeated_times, seasonal_profile, skipped_times, spread


@dataclass(frozen=True)
class Job:
    """One forecast to make: `y` (index ds) ends at the cutoff; the stamps asked for run from there to `end`."""

    unique_id: str
    y: pd.Series
    cutoff: pd.Timestamp
    end: pd.Timestamp
    freq: str
    effects: pd.DataFrame
    time_zone: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Scale:
    """What an error is measured by: yhat^power * level^(1 - power), never below a hundredth of the level.

    power 1 is an error in proportion to the forecast (series on logs), 0.5 one that grows with its root
    (counts, intervals), 0 one in the data's own units (series with negatives).
    """

    power: float
    level: float

    def of(self, yhat: np.ndarray) -> np.ndarray:
        """Return the scale at each forecast."""
        if self.level <= 0:
            return np.ones(len(yhat))
        return np.asarray(np.maximum(np.abs(yhat) / self.level, 0.01) ** self.power * self.level)

    def errors(self, y: np.ndarray, yhat: np.ndarray) -> np.ndarray:
        """Return (y - yhat) / scale; NaN for an error of a history of zeros, which gives nothing to measure it by."""
        found = (y - yhat) / self.of(yhat)
        return found if self.level > 0 else np.where(found == 0, 0.0, np.nan)


@dataclass(frozen=True)
class SeriesForecast:
    """One forecast made: points (ds, yhat, naive) on the series' frequency, days likewise for intraday, else None.

    `spread` and `scale` describe the in-sample errors of the points, `day_spread` and `day_scale` those of the days.
    """

    job: Job
    points: pd.DataFrame
    model: str
    spread: float
    scale: Scale
    note: str = ""
    days: pd.DataFrame | None = None
    day_spread: float = float("nan")
    day_scale: Scale = Scale(1.0, 0.0)
    day_model: str = ""


def forecast_series(job: Job) -> SeriesForecast:
    """What does `job` expect up to its end? Raises ValueError when its history holds nothing to go by."""
    y = job.y.dropna()
    if y.empty:
        raise ValueError("no value on record")
    if is_intraday(job.freq):
        return _intraday(job, y)
    if job.freq == "D":
        points, model, width, scale, note = _days(y, job, job.cutoff.normalize() + DAY)
        return SeriesForecast(job, points, model, width, scale, note)
    return _periods(y, job)


def _periods(y: pd.Series, job: Job) -> SeriesForecast:
    future = grid(y.index[-1], job.end, job.freq)
    future = future[future > max(y.index[-1], job.cutoff)]
    fit = fit_series(y, future, job.freq, fx.regressors(fx.no_effects(), pd.DatetimeIndex(y.index)), job.seed)
    naive = seasonal_naive(y, future, job.freq).yhat
    floor = _floor(y)
    scale = _scale(y, PROPHET if uses_logs(y) else "", floor)
    points = pd.DataFrame({"ds": future, "yhat": np.maximum(fit.yhat, floor), "naive": naive})
    return SeriesForecast(job, points, fit.model, _spread(y.to_numpy(), fit, scale), scale, fit.note)


def _days(y: pd.Series, job: Job, first: pd.Timestamp) -> tuple[pd.DataFrame, str, float, Scale, str]:
    """Forecast the open days from `first`; closed ones are left out, or zero where the history writes zeros."""
    future = grid(first, job.end.normalize(), "D")
    stamps = pd.DatetimeIndex(pd.DatetimeIndex(y.index).append(future))
    closed, writes_zero = fx.closed_calendar(y, job.effects, stamps)
    closures = fx.closure_days(job.effects)
    ordinary = ~closed[: len(y)] & ~y.index.isin(closures)
    train = y[ordinary | ((y != 0).to_numpy() & ~y.index.isin(closures))]
    train, outage = _without_outages(train)
    if train.empty:
        raise ValueError("no open day on record")
    asked = future[~closed[len(y) :]]
    shut = pd.DatetimeIndex(y.index[y.index.isin(closures)])
    holidays = fx.regressors(job.effects, pd.DatetimeIndex(train.index))
    fit = fit_series(train, pd.DatetimeIndex(asked.append(shut)), "D", holidays, job.seed)
    floor = _floor(y)
    ahead = fit.yhat[: len(asked)] * np.where(
        asked.isin(closures), _closure_share(y[shut], fit.yhat[len(asked) :]), 1.0
    )
    points = pd.DataFrame(
        {"ds": asked, "yhat": np.maximum(ahead, floor), "naive": seasonal_naive(train, asked, "D").yhat}
    )
    if writes_zero:
        points = points.set_index("ds").reindex(future, fill_value=0.0).rename_axis("ds").reset_index()
    scale = _scale(train, PROPHET if uses_logs(train) else "", floor)
    note = "; ".join(part for part in (fit.note, outage) if part)
    return points, fit.model, _spread(train.to_numpy()[-len(fit.fitted) :], fit, scale), scale, note


def _intraday(job: Job, y: pd.Series) -> SeriesForecast:
    totals = day_totals(y, job.freq)
    if totals.empty:
        raise ValueError("no whole day on record")
    today = job.cutoff.normalize()  # forecast again where it is not whole yet
    first = today if today > totals.index[-1] and y.index[-1].normalize() == today else today + DAY
    days, model, day_spread, day_scale, note = _days(totals, job, first)
    shape = y if bool((y != 0).any()) else y + 1.0  # zeros only: open is what is on record
    history = pd.DataFrame({"unique_id": job.unique_id, "ds": y.index, "y": shape.to_numpy()})
    profile = seasonal_profile(history, job.freq)
    span = (job.cutoff.normalize(), job.end.normalize() + DAY, job.freq, job.time_zone)
    points = spread(days[["ds", "yhat"]], profile, skipped_times(*span), repeated_times(*span))
    points["naive"] = seasonal_naive(y, pd.DatetimeIndex(points["ds"]), job.freq).yhat
    points = points[(points["ds"] > job.cutoff) & (points["ds"] <= job.end)].reset_index(drop=True)
    # the days are what their intervals add up to, so that no rounding lies between the two
    sums = points.groupby(points["ds"].dt.normalize())[["yhat", "naive"]].sum()
    days = sums.rename_axis("ds").reset_index()
    scale = Scale(0.5, float(y.mean()))
    recent = totals[-28:]
    back = (recent.index[0], recent.index[-1] + DAY, job.freq, job.time_zone)
    spread_back = spread(
        pd.DataFrame({"ds": recent.index, "yhat": recent.to_numpy()}),
        profile,
        skipped_times(*back),
        repeated_times(*back),
    )
    actual = y.reindex(spread_back["ds"]).to_numpy(dtype=np.float64)
    width = _robust((actual - spread_back["yhat"].to_numpy()) / scale.of(spread_back["yhat"].to_numpy()))
    return SeriesForecast(
        job, points, f"{model} days x profile", width, scale, note, days, day_spread, day_scale, model
    )


def _without_outages(train: pd.Series) -> tuple[pd.Series, str]:
    """Drop single zeros of a series that is otherwise far from zero: a day without record, not without demand."""
    zeros = int((train == 0).sum())
    if not zeros or zeros > max(1, len(train) // 100) or float(train.median()) < 20:
        return train, ""
    return train[train != 0], f"{zeros} {'days' if zeros > 1 else 'day'} at zero taken as not recorded"


def _closure_share(actual: pd.Series, expected: np.ndarray) -> float:
    """Return which share of the demand past closures left, 0 where there was none to learn from."""
    known = ~np.isnan(expected) & actual.notna().to_numpy()
    whole = float(expected[known].sum())
    return min(max(float(actual.to_numpy()[known].sum()) / whole, 0.0), 1.0) if whole > 0 else 0.0


def _floor(y: pd.Series) -> float:
    return 0.0 if float(y.min()) >= 0 else -np.inf


def _scale(y: pd.Series, kind: str, floor: float) -> Scale:
    return Scale(1.0 if kind == PROPHET else 0.5 if floor == 0.0 else 0.0, float(y.abs().mean()))


def _spread(y: np.ndarray, fit: Fit, scale: Scale) -> float:
    fitted = fit.fitted
    y = y[-len(fitted) :]
    known = ~np.isnan(fitted)
    return _robust((y[known] - fitted[known]) / scale.of(fitted[known]))


def _robust(errors: np.ndarray) -> float:
    """Return the standard deviation that the middle of the errors speaks of: 1.4826 median |e| (NaN below two)."""
    errors = errors[~np.isnan(errors)]
    return float(1.4826 * np.median(np.abs(errors))) if len(errors) >= 2 else float("nan")

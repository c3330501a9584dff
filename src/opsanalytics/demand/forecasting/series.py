"""Series: everything that one series needs before the models see it and after they have answered.

Months and weeks go to the models as they are, on their regular grid. Days first lose what is no demand (closed days,
closures); closures come back as the share of demand they leave. Intervals are added up to days, forecast as days, and
spread by the weekday's profile. A `Job` carries only what was known at its cutoff, so a forecast cannot see past it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.forecasting.profile import day_totals, repeated_times, series_profile, skipped_times, spread
from opsanalytics.demand.frequency import DAY, grid, interval, is_intraday, is_weekly
from opsanalytics.demand.models import Ask, Combined, Floats, History, Near, filled, intraday, seasonal_naive

YEAR_OF_DAYS = 548  # days of history from which a yearly season is told from a trend
_DAYS_A_YEAR = 365.25
_RECENT_DAYS = 28
_NEAR_WEEKS, _REACH_DAYS = 12, 14
_FEW_GAPS = 0.02


@dataclass(frozen=True)
class Job:
    """One forecast to make: `y` (index ds) ends at the cutoff; the stamps asked for run from there to `end`.

    `trading_days` says whether months may depend on the weekdays they hold.
    """

    unique_id: str
    y: pd.Series
    cutoff: pd.Timestamp
    end: pd.Timestamp
    freq: str
    effects: pd.DataFrame
    time_zone: str | None = None
    trading_days: bool = False


@dataclass(frozen=True)
class SeriesForecast:
    """One forecast made: `points` (ds, yhat, naive, deviation) on the series' frequency; `days` likewise for intraday.

    deviation is the standard deviation that the models give yhat, in the same units. `fitted` are the forecasts of the
    past, each one step before (of the days, for intraday), index ds.
    """

    job: Job
    points: pd.DataFrame
    model: str
    fitted: pd.Series
    note: str = ""
    days: pd.DataFrame | None = None
    day_model: str = ""


@dataclass(frozen=True)
class Prepared:
    """A job as the models take it: `ask`, on the grid of `known` and then `ahead`.

    `train` is what is learnt from. Days have `closed` (of the asked days), `shut` (past closures on record) and
    whether the history `writes_zero` on closed days; intraday has its own values `y` and the `totals` of its days.
    What never closes has its latest intervals without gaps in `unbroken`, whose next ones `near` may be forecast by
    themselves.
    """

    job: Job
    ask: Ask
    known: pd.DatetimeIndex
    ahead: pd.DatetimeIndex
    train: pd.Series
    note: str = ""
    future: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))
    closed: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    shut: pd.Series = field(default_factory=lambda: pd.Series(dtype="float64"))
    writes_zero: bool = False
    floor: float = -np.inf
    y: pd.Series | None = None
    totals: pd.Series | None = None
    unbroken: Floats = field(default_factory=lambda: np.empty(0))
    near: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))


def prepare(job: Job) -> Prepared:
    """Clean a job's history for the models. Raises ValueError when it holds nothing to go by."""
    y = job.y.dropna()
    if y.empty:
        raise ValueError("no value on record")
    if is_intraday(job.freq):
        totals = day_totals(y, job.freq)
        if totals.empty:
            raise ValueError("no whole day on record")
        today = job.cutoff.normalize()  # forecast again where it is not whole yet
        again = today > totals.index[-1] and y.index[-1].normalize() == today
        return _with_near(_days(totals, job, today if again else today + DAY, y), y)
    if job.freq == "D":
        return _days(y, job, job.cutoff.normalize() + DAY)
    return _periods(y, job)


def finish(prepared: Prepared, answer: Combined, near: Near | None = None) -> SeriesForecast:
    """Turn the models' answers into the forecast of the stamps asked for; `near` is that of the next intervals."""
    if prepared.y is not None:
        return _intraday(prepared, answer, near)
    if prepared.job.freq == "D":
        return SeriesForecast(prepared.job, *_open_days(prepared, answer), note=_notes(answer.note, prepared.note))
    asked = prepared.ahead > max(prepared.known[-1], prepared.job.cutoff)
    points = pd.DataFrame({"ds": prepared.ahead, "yhat": np.maximum(answer.ahead, prepared.floor)})[asked]
    points["naive"] = seasonal_naive(prepared.train, pd.DatetimeIndex(points["ds"]), prepared.job.freq)
    points["deviation"] = answer.deviation[asked]
    points = points.reset_index(drop=True)
    return SeriesForecast(prepared.job, points, answer.model, _fitted(prepared, answer), answer.note)


def _periods(y: pd.Series, job: Job) -> Prepared:
    known, ahead = _grids(y, job.end, job.freq)
    months = job.freq == "MS"
    place, season = (known[0].month - 1, 12) if months else (0, 1)
    values = y.reindex(known).to_numpy(dtype=np.float64)
    history = History(filled(values, place, season), place, season)
    stamps = pd.DatetimeIndex(known.append(ahead))
    effects = pd.DataFrame(index=stamps)
    if len(job.effects):
        effects = fx.period_regressors(job.effects, stamps, job.freq, cutoff=_last_day(job))
    if job.trading_days and months:
        effects = pd.concat([effects, fx.trading_days(stamps, cutoff=_last_day(job))], axis=1)
    year = _year(stamps) if is_weekly(job.freq) else np.empty(0)
    ask = Ask(history, len(ahead), effects.to_numpy(dtype=np.float64), year, ~np.isnan(values))
    return Prepared(job, ask, known, ahead, y, floor=_floor(y))


def _days(y: pd.Series, job: Job, first: pd.Timestamp, intervals: pd.Series | None = None) -> Prepared:
    """Ask for the open days from `first` on."""
    future = grid(first, job.end.normalize(), "D")
    stamps = pd.DatetimeIndex(pd.DatetimeIndex(y.index).append(future))
    closed, writes_zero = fx.closed_calendar(y, job.effects, stamps)
    closures = y.index.isin(fx.closure_days(job.effects))
    worked = ~closed[: len(y)] | (y.to_numpy() != 0)
    train, outage = _without_outages(y[worked & ~closures])
    if train.empty:
        raise ValueError("no open day on record")
    known, ahead = _grids(train, job.end.normalize(), "D")
    place = int(known[0].day_of_week)
    values = train.reindex(known).to_numpy(dtype=np.float64)
    history = History(filled(values, place, 7), place, 7)
    every = pd.DatetimeIndex(known.append(ahead))
    effects = fx.day_regressors(job.effects, every, cutoff=job.cutoff.normalize())
    year = _year(every) if len(known) >= YEAR_OF_DAYS else np.empty(0)
    return Prepared(
        job,
        Ask(history, len(ahead), effects.to_numpy(dtype=np.float64), year, ~np.isnan(values)),
        known,
        ahead,
        train,
        outage,
        future,
        closed[len(y) :],
        y[closures],
        writes_zero,
        _floor(y),
        intervals,
        None if intervals is None else y,
    )


def _open_days(prepared: Prepared, answer: Combined) -> tuple[pd.DataFrame, str, pd.Series]:
    """Return the points of the open days, the model, and the fitted past.

    Closed days are left out, or zero where the history writes zeros.
    """
    days, opened = prepared.future, ~prepared.closed
    share = _closure_share(prepared.shut, pd.Series(answer.fitted, prepared.known))
    kept = np.where(days.isin(fx.closure_days(prepared.job.effects)), share, 1.0)
    before = len(prepared.ahead) - len(days)  # both end with the horizon
    yhat = np.where(opened, np.maximum(answer.ahead[before:] * kept, prepared.floor), 0.0)
    deviation = np.where(opened, answer.deviation[before:] * kept, 0.0)
    naive = np.zeros(len(days))
    naive[opened] = seasonal_naive(prepared.train, days[opened], "D")
    points = pd.DataFrame({"ds": days, "yhat": yhat, "naive": naive, "deviation": deviation})
    if not prepared.writes_zero:
        points = points[opened].reset_index(drop=True)
    return points, answer.model, _fitted(prepared, answer)


def _fitted(prepared: Prepared, answer: Combined) -> pd.Series:
    """Return the forecasts of the past, at the stamps that were learnt from."""
    return pd.Series(answer.fitted[prepared.ask.recorded], prepared.train.index)


def _with_near(prepared: Prepared, y: pd.Series) -> Prepared:
    """Ask for the next intervals by themselves, where the place never closes and hardly an interval is missing."""
    job = prepared.job
    day = int(DAY / interval(job.freq))
    known, ahead = _grids(y, job.end, job.freq)
    known = known[-_NEAR_WEEKS * 7 * day :]
    values = y.reindex(known).to_numpy(dtype=np.float64)
    reach = min(intraday.reach(len(known), 7 * day), len(ahead), _REACH_DAYS * day)
    if np.isnan(values).mean() > _FEW_GAPS or reach < 1 or prepared.closed.any():
        return prepared
    whole = filled(
        values, int(known[0].day_of_week * day + (known[0] - known[0].normalize()) / interval(job.freq)), 7 * day
    )
    return replace(prepared, unbroken=whole, near=ahead[:reach])


def _intraday(prepared: Prepared, answer: Combined, near: Near | None) -> SeriesForecast:
    job, y, totals = prepared.job, prepared.y, prepared.totals
    assert y is not None  # an intraday job has both
    assert totals is not None
    days, model, fitted = _open_days(prepared, answer)
    shape = y if bool((y != 0).any()) else y + 1.0  # zeros only: open is what is on record
    profile = series_profile(shape[pd.DatetimeIndex(y.index).normalize().isin(totals.index)], job.freq)
    span = (job.cutoff.normalize(), job.end.normalize() + DAY, job.freq, job.time_zone)
    points = spread(days, profile, skipped_times(*span), repeated_times(*span))
    points = points[(points["ds"] > job.cutoff) & (points["ds"] <= job.end)].reset_index(drop=True)
    yhat, stamps = points["yhat"].to_numpy(), pd.DatetimeIndex(points["ds"])
    deviation = days.set_index("ds")["deviation"]
    relative = (deviation / days["yhat"].where(days["yhat"] > 0).to_numpy()).fillna(0.0)
    counting = _counting_noise(y, totals, profile, job) * np.sqrt(np.maximum(yhat, 0.0))
    points["naive"] = seasonal_naive(y, stamps, job.freq)
    points["deviation"] = np.hypot(relative.reindex(stamps.normalize()).to_numpy() * yhat, counting)
    if near is not None:
        points = _nearest(points, prepared.near, near)
    # the days are what their intervals add up to, so that no rounding lies between the two
    sums = points.groupby(stamps.normalize())[["yhat", "naive"]].sum()
    days = sums.assign(deviation=deviation.reindex(sums.index)).reset_index()
    note = _notes(answer.note and f"by day, {answer.note}", prepared.note)
    return SeriesForecast(job, points, f"{model} of days x profile", fitted, note, days, model)


def _nearest(points: pd.DataFrame, stamps: pd.DatetimeIndex, near: Near) -> pd.DataFrame:
    """Put the next intervals' own forecasts in the place of their shares of a day."""
    own = pd.DataFrame({"yhat": near.ahead, "deviation": near.deviation}, index=stamps).reindex(points["ds"])
    known = own["yhat"].notna().to_numpy()
    columns = {name: np.where(known, own[name].to_numpy(), points[name].to_numpy()) for name in own.columns}
    return points.assign(**columns)


def _counting_noise(y: pd.Series, totals: pd.Series, profile: pd.DataFrame, job: Job) -> float:
    """Return by how many roots of its expectation an interval lies off its share of the day, of late."""
    recent = totals[-_RECENT_DAYS:]
    span = (recent.index[0], recent.index[-1] + DAY, job.freq, job.time_zone)
    days = pd.DataFrame({"ds": recent.index, "yhat": recent.to_numpy()})
    back = spread(days, profile, skipped_times(*span), repeated_times(*span))
    expected = back["yhat"].to_numpy()
    off = (y.reindex(back["ds"]).to_numpy(dtype=np.float64) - expected) / np.sqrt(np.maximum(expected, 1e-9))
    return _spread(off[expected > 0])


def _grids(y: pd.Series, end: pd.Timestamp, freq: str) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return the regular stamps from the first to the last value, and those from there to `end`."""
    known = grid(y.index[0], y.index[-1], freq)
    return known, grid(y.index[-1], max(end, y.index[-1]), freq)[1:]


def _last_day(job: Job) -> pd.Timestamp:
    """Return the last day seen, where the cutoff names a whole month or week."""
    return job.cutoff + pd.offsets.MonthEnd(1) if job.freq == "MS" else job.cutoff


def _year(stamps: pd.DatetimeIndex) -> Floats:
    return np.asarray((stamps.day_of_year.to_numpy() - 1) / _DAYS_A_YEAR, dtype=np.float64)


def _notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _without_outages(train: pd.Series) -> tuple[pd.Series, str]:
    """Drop single zeros of a series that is otherwise far from zero: a day without record, not without demand."""
    zeros = int((train.to_numpy() == 0).sum())
    if not zeros or zeros > max(1, len(train) // 100) or float(train.median()) < 20:
        return train, ""
    return train[train != 0], f"{zeros} {'days' if zeros > 1 else 'day'} at zero taken as not recorded"


def _closure_share(actual: pd.Series, fitted: pd.Series) -> float:
    """Return which share of the demand past closures left, 0 where there was none to learn from."""
    if not len(actual):
        return 0.0
    expected = fitted.reindex(actual.index).to_numpy()
    known = ~np.isnan(expected) & actual.notna().to_numpy()
    whole = float(expected[known].sum())
    return min(max(float(actual.to_numpy()[known].sum()) / whole, 0.0), 1.0) if whole > 0 else 0.0


def _floor(y: pd.Series) -> float:
    return 0.0 if float(y.to_numpy().min()) >= 0 else -np.inf


def _spread(errors: np.ndarray) -> float:
    """Return the root mean square of the errors, those beyond 4 robust deviations pulled in to that; 0 below two."""
    errors = errors[~np.isnan(errors)]
    limit = 4 * 1.4826 * float(np.median(np.abs(errors))) if len(errors) else 0.0
    return float(np.sqrt(np.mean(np.clip(errors, -limit, limit) ** 2))) if len(errors) >= 2 else 0.0

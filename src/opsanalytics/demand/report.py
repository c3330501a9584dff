"""Report: the demand of one entity as a month's reader wants it.

What was, what comes until the end of the next fiscal year, how good last month's forecasts would
have been, and by how much they beat repeating the last season.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd

from opsanalytics import accuracy as acc
from opsanalytics.demand import effects as fx
from opsanalytics.demand.forecasting.calibration import bounded, loo_bounds, points_of, scored, without_interval
from opsanalytics.demand.forecasting.intervals import LEVELS, Errors
from opsanalytics.demand.forecasting.panel import forecasts, pool
from opsanalytics.demand.forecasting.series import Job, SeriesForecast
from opsanalytics.demand.frequency import DAY, bucket_edges, grid, interval, is_intraday, season_length
from opsanalytics.demand.history.findings import Findings, findings, joined
from opsanalytics.demand.models import SEASONAL_NAIVE
from opsanalytics.demand.record import Record, cutoff_day, horizon_end, is_seen, periods_of, records
from opsanalytics.demand.result import (
    ACCURACY_COLUMNS,
    BACKTEST_COLUMNS,
    FORECAST_COLUMNS,
    HISTORY_COLUMNS,
    MONTHLY_COLUMNS,
    SPECIAL_DAY_COLUMNS,
    DemandForecast,
    stacked,
)
from opsanalytics.demand.widths import month_ranges
from opsanalytics.periods import Calendar, shift
from opsanalytics.settings import Settings

ORIGINS_AT_LEAST = 3
TEST_WEEKS_OF_INTERVALS = 13
SEVERAL_MODELS = "several models"


def site_forecast(
    volumes: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    period: str,
    entity: str,
    n_jobs: int = 1,
    executor: Executor | None = None,
) -> DemandForecast:
    """Forecast every series of `volumes`; see `demand_forecast`."""
    notes: list[str] = []
    series = records(volumes, tables, settings, period, notes)
    known = [one for one in series if one.trained_through]
    plans = [(one, cutoff) for one in known for cutoff in _cutoffs(one, settings.calendar, period)]
    jobs = [_job(one, through, tables, settings, period) for one, through in plans]
    order = {through: number for number, through in enumerate(sorted({through for _, through in plans}))}
    with pool(n_jobs, executor) as run:
        results = forecasts(jobs, [order[through] for _, through in plans], run=run)
    notes += [result for result in results if isinstance(result, str)]
    made = [
        (one, through, result)
        for (one, through), result in zip(plans, results, strict=True)
        if not isinstance(result, str)
    ]
    final = {one.name: result for one, through, result in made if through == one.trained_through}
    notes += [f"{name}: {result.note}." for name, result in final.items() if result.note]
    made = [row for row in made if row[0].name in final]
    frames, tests = [], []
    for freq, days in sorted(
        {(one.freq, False) for one, _, _ in made} | {("D", True) for one, _, _ in made if is_intraday(one.freq)}
    ):
        group = [row for row in made if (is_intraday(row[0].freq) if days else row[0].freq == freq)]
        frame, test, said = _calibrated(group, freq, days, settings.calendar, period)
        notes += said
        frames.append(frame)
        tests.append(test)
    history = _history(series)
    forecast = stacked(frames, FORECAST_COLUMNS).sort_values(["site", "service", "freq", "ds"], ignore_index=True)
    test = stacked(tests, BACKTEST_COLUMNS).sort_values(
        ["site", "service", "freq", "model", "cutoff", "ds"], ignore_index=True
    )
    scores = accuracy_table(test, history)
    return DemandForecast(
        period,
        entity,
        history,
        forecast,
        test,
        scores,
        _monthly(series, forecast, test, settings.calendar),
        tuple(sorted(set(notes))),
        _week_calendar(settings.calendar),
        **joined({one.name: _found(one, final[one.name], settings.calendar) for one in known if one.name in final}),
        special_days=_special_days(series),
    )


def accuracy_table(test: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Score a backtest frame: a row for each series' forecast and one for its yardstick (ACCURACY_COLUMNS).

    Where the models of a forecast differ between the cutoffs, its row says "several models". Where the yardstick is
    the model at some cutoffs, it counts in both rows; where it is at all of them, there is one row. MASE's denominator
    is taken from the history before the first cutoff, on its regular grid.
    """
    rows = []
    for (site, service, freq), own in test.groupby(["site", "service", "freq"], sort=True):
        y = history[(history["site"] == site) & (history["service"] == service) & (history["freq"] == freq)]
        label = {"site": site, "service": service, "freq": freq}
        rows += [
            {**label, "model": model, **_scores(group, y.set_index("ds")["y"], str(freq))}
            for model, group in _by_role(own)
        ]
    return stacked([pd.DataFrame(rows, columns=ACCURACY_COLUMNS)], ACCURACY_COLUMNS)


def _by_role(test: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the backtest of one series' forecast and that of its yardstick, with the model of each."""
    naive = test["model"] == SEASONAL_NAIVE
    own = test[~naive | ~test["cutoff"].isin(test.loc[~naive, "cutoff"])]
    models = own["model"].unique()
    found = [(str(models[0]) if len(models) == 1 else SEVERAL_MODELS, own)]
    return [*found, (SEASONAL_NAIVE, test[naive])] if naive.any() and not naive.all() else found


def _scores(group: pd.DataFrame, history: pd.Series, freq: str) -> dict[str, float]:
    before = history[history.index < group["cutoff"].min() + DAY]
    regular = before.reindex(grid(before.index[0], before.index[-1], freq)) if len(before) else before
    y, yhat = group["y"].to_numpy(), group["yhat"].to_numpy()
    return {
        "wape": acc.wape(y, yhat),
        "mase": acc.mase(y, yhat, regular.to_numpy(), season_length(freq)),
        "smape": acc.smape(y, yhat),
        "bias": acc.bias(y, yhat),
        "coverage80": acc.coverage(y, group["lo80"].to_numpy(), group["hi80"].to_numpy()),
        "windows": int(group["cutoff"].nunique()),
    }


def _week_calendar(calendar: Calendar) -> tuple[str, ...]:
    if calendar.pattern == "monthly":
        return ()
    return str(calendar.start_month), calendar.pattern, calendar.year_end or ""


# ------------------------------------------------------------------ cutoffs and jobs


def _cutoffs(one: Record, calendar: Calendar, period: str) -> list[str]:
    """Return the last months seen: of the forecast itself, and before each month of the fiscal year to date,
    at least the last three months, and a year ago; only those with enough history."""
    months = (
        set(calendar.months(period, "ytd"))
        | {shift(period, -k) for k in range(ORIGINS_AT_LEAST)}
        | {shift(period, -11)}
    )
    before = {shift(month, -1) for month in months}
    first = one.y.dropna().index[0]
    enough = [
        month
        for month in sorted(before)
        if month < one.trained_through and _has_history(first, one.freq, calendar, month)
    ]
    return [*enough, one.trained_through]


def _has_history(first: pd.Timestamp, freq: str, calendar: Calendar, month: str) -> bool:
    cutoff = pd.Timestamp(calendar.last_day(month))
    months = (cutoff.year - first.year) * 12 + cutoff.month - first.month + 1
    return months >= 24 if freq == "MS" else (cutoff - first) / DAY >= (55 if freq == "D" or is_intraday(freq) else 364)


def _job(one: Record, through: str, tables: Mapping[str, pd.DataFrame], settings: Settings, period: str) -> Job:
    calendar = settings.calendar
    last = horizon_end(calendar, period) if through == one.trained_through else period
    if one.freq == "MS":
        cutoff, end = pd.Timestamp(f"{through}-01"), pd.Timestamp(f"{last}-01")
    else:
        cutoff, end = cutoff_day(through, one.freq, calendar), pd.Timestamp(calendar.last_day(last))
    if is_intraday(one.freq):
        end = end + DAY - interval(one.freq)
    y = one.y[is_seen(pd.DatetimeIndex(one.y.index), one.freq, calendar, through)]
    return Job(
        one.name, y, cutoff, end, one.freq, fx.seen_at(one.effects, cutoff), _time_zone(one.site, tables, settings)
    )


def _time_zone(site: str, tables: Mapping[str, pd.DataFrame], settings: Settings) -> str:
    sites = tables.get("sites")
    if sites is not None and "time_zone" in sites.columns:
        own = sites.loc[(sites["site"] == site) & sites["time_zone"].notna(), "time_zone"]
        if len(own):
            return str(own.iloc[0])
    return settings.time_zone


# ------------------------------------------------------------------ frames


def _calibrated(
    made: Sequence[tuple[Record, str, SeriesForecast]], freq: str, days: bool, calendar: Calendar, period: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return forecasts, backtest and notes of the series of one frequency, calibrated together.

    The intervals of a forecast come from errors that were known at its cutoff, the reconstructed ones' too. A day
    on record as a closure says nothing of an ordinary day's error: it counts in the scores, not in the intervals.
    """
    origins = sorted({through for _, through, _ in made}, reverse=True)
    series = {one.name: one for one, _, _ in made}
    points = points_of(((origins.index(through), result) for _, through, result in made), freq, days=days)
    actuals = {name: _learnt(one.days if days else one.y, one, calendar) for name, one in series.items()}
    tested = _without_closures(scored(points, actuals), list(series.values()))
    if is_intraday(freq):
        tested = tested[tested["step"] <= 7 * TEST_WEEKS_OF_INTERVALS].reset_index(drop=True)
    month = periods_of(pd.DatetimeIndex(points["ds"]), freq, calendar)
    through = np.asarray(origins, dtype=object)[points["origin"].to_numpy(dtype=np.int64)]
    latest = points["unique_id"].map({name: one.trained_through for name, one in series.items()}).to_numpy() == through
    after = np.asarray([shift(one, 1) for one in origins], dtype=object)[points["origin"].to_numpy(dtype=np.int64)]
    wanted = points[np.where(latest, month > through, month == after)]
    rows = _bounded(wanted, tested, origins, freq, calendar).assign(reconstructed=month[wanted.index] <= period)
    for column in ("site", "service", "unit"):
        rows[column] = rows["unique_id"].map({name: getattr(one, column) for name, one in series.items()})
    cutoffs = {number: cutoff_day(through, freq, calendar) for number, through in enumerate(origins)}
    rows = rows.assign(freq=freq, cutoff=rows["origin"].map(cutoffs))
    backtest = _backtest(tested, series, freq, cutoffs)
    return stacked([rows], FORECAST_COLUMNS), backtest, without_interval(points[latest])


def _bounded(
    points: pd.DataFrame, tested: pd.DataFrame, origins: Sequence[str], freq: str, calendar: Calendar
) -> pd.DataFrame:
    """Return points with their bounds, those of each origin calibrated on what was known at its cutoff."""
    errors, stamps = Errors.of(tested, bucket_edges(freq)), pd.DatetimeIndex(tested["ds"])
    owner, bucket = errors.places(points)
    widths = np.full((len(points), len(LEVELS)), np.nan)
    for number, through in enumerate(origins):
        own = (points["origin"] == number).to_numpy()
        known = is_seen(stamps, freq, calendar, through) & (errors.origin > number)
        widths[own] = errors.widths(LEVELS, known, errors.origin - number - 1)[owner[own], bucket[own]]
    return bounded(points, widths, LEVELS)


def _without_closures(scored: pd.DataFrame, series: Sequence[Record]) -> pd.DataFrame:
    """Take the errors of recorded closures out of what intervals are calibrated on."""
    day = pd.Series(pd.DatetimeIndex(scored["ds"]).normalize(), scored.index)
    closed = pd.Series(False, index=scored.index)
    for one in {one.name: one for one in series}.values():
        closed |= (scored["unique_id"] == one.name) & day.isin(fx.closure_days(one.effects))
    return scored.assign(ratio=scored["ratio"].mask(closed))


def _learnt(y: pd.Series, one: Record, calendar: Calendar) -> pd.Series:
    """Return the actuals up to the last complete month: one in progress judges no forecast."""
    return y[is_seen(pd.DatetimeIndex(y.index), one.freq, calendar, one.trained_through)]


def _backtest(
    tested: pd.DataFrame, series: Mapping[str, Record], freq: str, cutoffs: Mapping[int, pd.Timestamp]
) -> pd.DataFrame:
    frames = []
    for prediction, model in (("yhat", None), ("naive", SEASONAL_NAIVE)):
        rows = loo_bounds(tested, freq, LEVELS, naive=model is not None)
        rows = rows.assign(
            site=rows["unique_id"].map({name: one.site for name, one in series.items()}),
            service=rows["unique_id"].map({name: one.service for name, one in series.items()}),
            cutoff=rows["origin"].map(cutoffs),
            freq=freq,
            yhat=rows[prediction],
        )
        if model is None:
            frames.append(rows)
        else:  # a series whose model already is the yardstick stands there once
            frames.append(rows[rows["model"] != model].assign(model=model))
    return stacked(frames, BACKTEST_COLUMNS)


def _monthly(series: Sequence[Record], forecast: pd.DataFrame, test: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    label = ["site", "service", "unit"]
    actual = [
        one.monthly.assign(**{name: getattr(one, name) for name in label}, scenario="AC", reconstructed=False)
        for one in series
    ]
    coarse = {(one.site, one.service): "D" if is_intraday(one.freq) else one.freq for one in series}
    own = pd.MultiIndex.from_tuples(
        [(*pair, freq) for pair, freq in sorted(coarse.items())], names=["site", "service", "freq"]
    )
    ahead = month_sums(_rows_of(forecast, own), _rows_of(test[test["model"] != SEASONAL_NAIVE], own), calendar)
    frames = [one.assign(lo80=np.nan, hi80=np.nan) for one in actual]
    table = stacked([*frames, ahead], MONTHLY_COLUMNS)
    return table.sort_values([*label, "period", "scenario"], ignore_index=True)


def _rows_of(frame: pd.DataFrame, series: pd.MultiIndex) -> pd.DataFrame:
    return frame[pd.MultiIndex.from_frame(frame[["site", "service", "freq"]]).isin(series)]


def month_sums(forecast: pd.DataFrame, test: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Return the months of forecasts by day or coarser, with their intervals: MONTHLY_COLUMNS."""
    if forecast.empty:
        return stacked([], MONTHLY_COLUMNS)
    keys = ["site", "service", "unit"]
    sums = []
    for freq, rows in forecast.groupby("freq", sort=True):
        months = periods_of(pd.DatetimeIndex(rows["ds"]), str(freq), calendar)
        sums.append(
            rows.assign(period=months)
            .groupby([*keys, "period"], as_index=False, dropna=False)
            .agg(volume=("yhat", "sum"), reconstructed=("reconstructed", "first"))
        )
    table = pd.concat(sums, ignore_index=True).astype({"period": "str"})
    return month_ranges(table, forecast, test, calendar).assign(scenario="FC", complete=True)


def _found(one: Record, result: SeriesForecast, calendar: Calendar) -> Findings:
    """Return what the training days of a forecast say."""
    freq = "D" if is_intraday(one.freq) else one.freq
    y = _learnt(one.days, one, calendar) if is_intraday(one.freq) else result.job.y
    return findings(y, freq, one.effects, result.fitted, site=one.site, service=one.service)


def _special_days(series: Sequence[Record]) -> pd.DataFrame:
    days = stacked([one.effects.assign(site=one.site, service=one.service) for one in series], SPECIAL_DAY_COLUMNS)
    keys = ["site", "service", "ds", "name"]
    return days.drop_duplicates([*keys, "kind"]).sort_values(keys, ignore_index=True)


def _history(series: Sequence[Record]) -> pd.DataFrame:
    frames = []
    for one in series:
        for freq, y in [(one.freq, one.y)] + ([("D", one.days)] if is_intraday(one.freq) else []):
            frame = pd.DataFrame({"ds": y.index, "y": y.to_numpy()})
            frames.append(frame.assign(site=one.site, service=one.service, unit=one.unit, freq=freq))
    return stacked(frames, HISTORY_COLUMNS).sort_values(["site", "service", "freq", "ds"], ignore_index=True)

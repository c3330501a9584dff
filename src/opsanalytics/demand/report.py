"""Report: the demand of one entity as a month's reader wants it.

What was, what comes until the end of the next fiscal year, how good last month's forecasts would
have been, and by how much they beat repeating the last season.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import pandas as pd

from opsanalytics import accuracy as acc
from opsanalytics.demand import effects as fx
from opsanalytics.demand.frequency import DAY, bucket_edges, grid, interval, is_intraday, season_length
from opsanalytics.demand.intervals import LEVELS, calibrate
from opsanalytics.demand.models import SEASONAL_NAIVE
from opsanalytics.demand.panel import bound_names, bounded, loo_bounds, run_jobs, score, spreads, without_interval
from opsanalytics.demand.record import Record, cutoff_day, horizon_end, is_seen, periods_of, records
from opsanalytics.demand.series import Job, SeriesForecast
from opsanalytics.periods import Calendar, shift
from opsanalytics.settings import Settings

HISTORY_COLUMNS = ["site", "service", "unit", "freq", "ds", "y"]
FORECAST_COLUMNS = [
    "site",
    "service",
    "unit",
    "freq",
    "cutoff",
    "ds",
    "yhat",
    *bound_names(LEVELS),
    "model",
    "reconstructed",
]
BACKTEST_COLUMNS = ["site", "service", "freq", "model", "cutoff", "ds", "y", "yhat", "lo80", "hi80"]
ACCURACY_COLUMNS = ["site", "service", "freq", "model", "wape", "mase", "smape", "bias", "coverage80", "windows"]
MONTHLY_COLUMNS = ["site", "service", "unit", "period", "scenario", "volume", "reconstructed", "complete"]

ORIGINS_AT_LEAST = 3
TEST_WEEKS_OF_INTERVALS = 13


@dataclass(frozen=True)
class DemandForecast:
    """One entity's demand: what was, what is expected, how good that is.

    `history`: site, service, unit, freq, ds, y; an intraday series also has its whole days under freq "D".
    `forecasts`: FORECAST_COLUMNS, one row per site, service, freq and ds; an intraday series has its
    intervals under its own freq and, under "D", the days that are their sums.
    Months up to PERIOD are `reconstructed`: made now, with the cutoff before that month.
    `backtest`: BACKTEST_COLUMNS, model and yardstick one under the other, from every cutoff to the last day seen
    (intervals: 13 weeks).
    `accuracy`: ACCURACY_COLUMNS over all rows of the backtest; windows is the number of cutoffs.
    `monthly`: MONTHLY_COLUMNS; AC is the sum of what is on record, `complete` False where the month is not filled to
    its last open day.
    `notes`: sentences on what fell back, was left out, or is in progress.
    `week_calendar`: start month, pattern and year end where the periods are weeks, as text; else empty.
    """

    period: str
    entity: str
    history: pd.DataFrame
    forecasts: pd.DataFrame
    backtest: pd.DataFrame
    accuracy: pd.DataFrame
    monthly: pd.DataFrame
    notes: tuple[str, ...]
    week_calendar: tuple[str, ...] = ()

    @property
    def calendar(self) -> Calendar:
        """Return the calendar whose periods the months are."""
        start, pattern, year_end = self.week_calendar or ("1", "monthly", "")
        return Calendar(int(start), pattern, year_end or None)


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
    results = run_jobs(jobs, n_jobs, executor)
    notes += [result for result in results if isinstance(result, str)]
    made = [
        (one, through, result)
        for (one, through), result in zip(plans, results, strict=True)
        if not isinstance(result, str)
    ]
    final = {one.name: result for one, through, result in made if through == one.trained_through}
    notes += [f"{name}: {result.note}." for name, result in final.items() if result.note]
    made = [row for row in made if row[0].name in final]
    forecasts, tests = [], []
    for freq, days in sorted(
        {(one.freq, False) for one, _, _ in made} | {("D", True) for one, _, _ in made if is_intraday(one.freq)}
    ):
        group = [row for row in made if (is_intraday(row[0].freq) if days else row[0].freq == freq)]
        frame, test, said = _calibrated(group, freq, days, settings.calendar, period)
        notes += said
        forecasts.append(frame)
        tests.append(test)
    history = _history(series)
    forecast = stacked(forecasts, FORECAST_COLUMNS).sort_values(["site", "service", "freq", "ds"], ignore_index=True)
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
        _monthly(series, forecast, settings.calendar),
        tuple(sorted(set(notes))),
        _week_calendar(settings.calendar),
    )


def accuracy_table(test: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Score a backtest frame: one row per site, service, freq and model (ACCURACY_COLUMNS).

    MASE's denominator is taken from the history before the first cutoff, on its regular grid.
    """
    rows = []
    for (site, service, freq, model), group in test.groupby(["site", "service", "freq", "model"], sort=True):
        own = history[(history["site"] == site) & (history["service"] == service) & (history["freq"] == freq)]
        before = own[own["ds"] < group["cutoff"].min() + DAY].set_index("ds")["y"]
        regular = before.reindex(grid(before.index[0], before.index[-1], str(freq))) if len(before) else before
        y, yhat = group["y"].to_numpy(), group["yhat"].to_numpy()
        rows.append(
            {
                "site": site,
                "service": service,
                "freq": freq,
                "model": model,
                "wape": acc.wape(y, yhat),
                "mase": acc.mase(y, yhat, regular.to_numpy(), season_length(str(freq))),
                "smape": acc.smape(y, yhat),
                "bias": acc.bias(y, yhat),
                "coverage80": acc.coverage(y, group["lo80"].to_numpy(), group["hi80"].to_numpy()),
                "windows": int(group["cutoff"].nunique()),
            }
        )
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


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
    origins = sorted({through for _, through, _ in made})
    tests = [
        (origins.index(through), result, _learnt(one.days if days else one.y, one, calendar))
        for one, through, result in made
    ]
    scored = _without_closures(score(tests, freq, days=days), [one for one, _, _ in made])
    if is_intraday(freq):
        scored = scored[scored["step"] <= 7 * TEST_WEEKS_OF_INTERVALS]
    stamps = pd.DatetimeIndex(scored["ds"])
    widths = {}
    for through in origins:
        latest = {one.name: result for one, seen, result in made if seen <= through}  # `made` is in time order
        known = scored[is_seen(stamps, freq, calendar, through)]
        widths[through] = calibrate(
            known, LEVELS, edges=bucket_edges(freq), spreads=spreads(list(latest.values()), days=days)
        )
    frames = []
    for one, through, result in made:
        points = result.days if days and result.days is not None else result.points
        month = periods_of(pd.DatetimeIndex(points["ds"]), freq, calendar)
        wanted = month > through if through == one.trained_through else month == shift(through, 1)
        label = {
            "site": one.site,
            "service": one.service,
            "unit": one.unit,
            "freq": freq,
            "model": result.day_model if days else result.model,
        }
        frame = bounded(points[wanted], result, widths[through], freq, days=days)
        frames.append(
            frame.assign(**label, cutoff=cutoff_day(through, freq, calendar), reconstructed=month[wanted] <= period)
        )
    said = without_interval(widths[origins[-1]]) if origins else []
    return stacked(frames, FORECAST_COLUMNS), _backtest(scored, made, freq, calendar), said


def _without_closures(scored: pd.DataFrame, series: Sequence[Record]) -> pd.DataFrame:
    """Take the errors of recorded closures out of what intervals are calibrated on."""
    day = pd.Series(pd.DatetimeIndex(scored["ds"]).normalize(), scored.index)
    closed = pd.Series(False, index=scored.index)
    for one in {one.name: one for one in series}.values():
        closed |= (scored["unique_id"] == one.name) & day.isin(fx.closure_days(one.effects))
    return scored.assign(error=scored["error"].mask(closed), naive_error=scored["naive_error"].mask(closed))


def _learnt(y: pd.Series, one: Record, calendar: Calendar) -> pd.Series:
    """Return the actuals up to the last complete month: one in progress judges no forecast."""
    return y[is_seen(pd.DatetimeIndex(y.index), one.freq, calendar, one.trained_through)]


def _backtest(
    scored: pd.DataFrame, made: Sequence[tuple[Record, str, SeriesForecast]], freq: str, calendar: Calendar
) -> pd.DataFrame:
    names = {one.name: one for one, _, _ in made}
    throughs = sorted({through for _, through, _ in made})
    frames = []
    for prediction, model in (("yhat", None), ("naive", SEASONAL_NAIVE)):
        rows = loo_bounds(scored, freq, LEVELS, prediction=prediction)
        label = pd.DataFrame(
            {
                "site": [names[name].site for name in rows["unique_id"]],
                "service": [names[name].service for name in rows["unique_id"]],
                "cutoff": [cutoff_day(throughs[origin], freq, calendar) for origin in rows["origin"]],
            },
            index=rows.index,
        )
        rows = rows.assign(
            site=label["site"], service=label["service"], cutoff=label["cutoff"], freq=freq, yhat=rows[prediction]
        )
        if model is None:
            frames.append(rows)
        else:  # a series whose model already is the yardstick stands there once
            frames.append(rows[rows["model"] != model].assign(model=model))
    return stacked(frames, BACKTEST_COLUMNS)


def _monthly(series: Sequence[Record], forecast: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    keys = ["site", "service", "unit"]
    actual = [
        one.monthly.assign(site=one.site, service=one.service, unit=one.unit, scenario="AC", reconstructed=False)
        for one in series
    ]
    frames = [*actual]
    own = {(one.site, one.service): "D" if is_intraday(one.freq) else one.freq for one in series}
    for (site, service), freq in sorted(own.items()):
        rows = forecast[(forecast["site"] == site) & (forecast["service"] == service) & (forecast["freq"] == freq)]
        months = periods_of(pd.DatetimeIndex(rows["ds"]), freq, calendar)
        sums = (
            rows.assign(period=months)
            .groupby([*keys, "period"], as_index=False, dropna=False)
            .agg(volume=("yhat", "sum"), reconstructed=("reconstructed", "first"))
        )
        frames.append(sums.assign(scenario="FC", complete=True))
    table = stacked(frames, MONTHLY_COLUMNS)
    return table.sort_values([*keys, "period", "scenario"], ignore_index=True)


def _history(series: Sequence[Record]) -> pd.DataFrame:
    frames = []
    for one in series:
        for freq, y in [(one.freq, one.y)] + ([("D", one.days)] if is_intraday(one.freq) else []):
            frame = pd.DataFrame({"ds": y.index, "y": y.to_numpy()})
            frames.append(frame.assign(site=one.site, service=one.service, unit=one.unit, freq=freq))
    return stacked(frames, HISTORY_COLUMNS).sort_values(["site", "service", "freq", "ds"], ignore_index=True)


def stacked(frames: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return the frames one under the other, typed also where there is no row."""
    kept = [frame[columns] for frame in frames if len(frame)]
    if kept:
        table = pd.concat(kept, ignore_index=True)
    else:
        table = pd.DataFrame({name: pd.Series(dtype=_DTYPES.get(name, "float64")) for name in columns})
    return table.astype({name: kind for name, kind in _DTYPES.items() if name in table.columns})


_DTYPES = {
    **dict.fromkeys(("site", "service", "unit", "freq", "model", "period", "scenario"), "str"),
    **dict.fromkeys(("ds", "cutoff"), "datetime64[us]"),
    **dict.fromkeys(("reconstructed", "complete"), "bool"),
}

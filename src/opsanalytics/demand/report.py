"""Report: the demand of one entity as a month's reader wants it.

What was, what comes until the end of the next fiscal year, how good last month's forecasts would
have been, and by how much they beat repeating the last season.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics import accuracy as acc
from opsanalytics.demand import effects as fx
from opsanalytics.demand.frequency import DAY, bucket_edges, grid, interval, is_intraday, season_length
from opsanalytics.demand.intervals import LEVELS, calibrate
from opsanalytics.demand.models import SEASONAL_NAIVE
from opsanalytics.demand.panel import bound_names, bounded, clean_series, loo_bounds, run_jobs, score, spreads
from opsanalytics.demand.profile import day_totals
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

ENDED_MONTHS = 6  # a series without data for longer than this before PERIOD has ended
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
    """

    period: str
    entity: str
    history: pd.DataFrame
    forecasts: pd.DataFrame
    backtest: pd.DataFrame
    accuracy: pd.DataFrame
    monthly: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Series:
    """One series ready to be forecast: cleaned, cut at PERIOD, and how far its months are complete."""

    site: str
    service: str
    unit: str
    freq: str
    name: str
    y: pd.Series
    days: pd.Series  # whole days, for intraday; else the series itself
    monthly: pd.DataFrame  # period, volume, complete
    trained_through: str  # the last month learnt from; "" where the series is not forecast
    effects: pd.DataFrame


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
    series = _prepared(volumes, tables, settings, period, notes)
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
        frame, test = _calibrated(group, freq, days, settings.calendar, period)
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
        tuple(sorted(notes)),
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


def has_ended(last_month: str, period: str) -> bool:
    """Is a series whose last data are of `last_month` one that nobody keeps any more at `period`?"""
    return last_month < shift(period, -ENDED_MONTHS)


def horizon_end(calendar: Calendar, period: str) -> str:
    """Return the last period forecast: the end of the next fiscal year, at least 12 months on."""
    return max(calendar.months_of_year(calendar.fiscal_period(period).year + 1)[-1], shift(period, 12))


# ------------------------------------------------------------------ reading the volumes


def _prepared(
    volumes: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: Settings, period: str, notes: list[str]
) -> list[_Series]:
    end = pd.Timestamp(settings.calendar.last_day(period)) + DAY
    found = []
    for (site, service, unit, freq), rows in volumes.groupby(
        ["site", "service", "unit", "freq"], sort=True, dropna=False
    ):
        name = f"{service} at {site}"
        seen = rows[_month_or_day(rows["ds"], str(freq), settings.calendar) < end]
        if seen.empty:
            notes.append(f"{name} has no data up to {period}; it is not forecast.")
            continue
        try:
            y = clean_series(seen, str(freq))
            found.append(_one(y, str(site), str(service), str(unit), str(freq), tables, settings, period, notes))
        except ValueError as error:
            notes.append(f"{name} {error}.".replace("..", "."))
    return found


def _one(
    y: pd.Series,
    site: str,
    service: str,
    unit: str,
    freq: str,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    period: str,
    notes: list[str],
) -> _Series:
    calendar = settings.calendar
    name = f"{service} at {site}"
    last = y.dropna().index[-1]
    ended = last.strftime("%Y-%m") if freq == "MS" else calendar.period_of(last.date())
    horizon = pd.Timestamp(calendar.last_day(horizon_end(calendar, period)))
    effects = fx.no_effects()
    if freq == "D" or is_intraday(freq):
        effects = fx.day_effects(tables.get("events"), settings.holidays, y.index[0].normalize(), horizon, site)
    days = day_totals(y, freq) if is_intraday(freq) else y
    monthly = _months_on_record(y, days, effects, freq, calendar)
    complete = monthly.loc[monthly["complete"] & monthly["volume"].notna(), "period"]
    through = ended if freq == "MS" or freq.startswith("W") else (complete.iloc[-1] if len(complete) else "")
    notes += _gap_notes(name, days.dropna(), effects, freq)
    if has_ended(ended, period):
        notes.append(f"{name} ends in {ended}, more than {ENDED_MONTHS} months before {period}; it is not forecast.")
        through = ""
    elif not through:
        notes.append(f"{name} has no complete month yet; it is not forecast.")
    elif through < ended:
        notes.append(f"{name}: {ended} is in progress (data to {last:%Y-%m-%d}); it is shown and not learnt from.")
    elif ended < period:
        notes.append(f"{name}: no data after {ended}; {period} is forecast from there.")
    return _Series(site, service, unit, freq, name, y, days, monthly, through, effects)


def _gap_notes(name: str, days: pd.Series, effects: pd.DataFrame, freq: str) -> list[str]:
    """Say which open days have no record: they are gaps, not zeros."""
    if days.empty or not (freq == "D" or is_intraday(freq)):
        return []
    span = grid(days.index[0], days.index[-1], "D")
    closed, _ = fx.closed_calendar(days, effects, span)
    gaps = span[~closed & ~span.isin(days.index) & ~span.isin(fx.closure_days(effects))]
    if not len(gaps):
        return []
    when = f"on {gaps[0]:%Y-%m-%d}" if len(gaps) == 1 else f"from {gaps[0]:%Y-%m-%d} to {gaps[-1]:%Y-%m-%d}"
    return [
        f"{name}: {len(gaps)} open day{'s' if len(gaps) > 1 else ''} without a whole record {when}; not zero, left out."
    ]


def _months_on_record(
    y: pd.Series, days: pd.Series, effects: pd.DataFrame, freq: str, calendar: Calendar
) -> pd.DataFrame:
    """Return period, volume (what is on record), complete (filled from its first to its last open day)."""
    known = y.dropna()
    month = _periods_of(pd.DatetimeIndex(known.index), freq, calendar)
    volume = known.groupby(month).sum()
    table = pd.DataFrame({"period": volume.index.astype("str"), "volume": volume.to_numpy(dtype=np.float64)})
    if freq == "MS" or freq.startswith("W"):
        return table.assign(complete=True)
    whole = days.dropna()
    complete = [_is_filled(whole, effects, calendar, str(month)) for month in table["period"]]
    return table.assign(complete=complete)


def _is_filled(days: pd.Series, effects: pd.DataFrame, calendar: Calendar, month: str) -> bool:
    """Does the record reach from the month's first open day to its last one?"""
    span = grid(pd.Timestamp(calendar.first_day(month)), pd.Timestamp(calendar.last_day(month)), "D")
    closed, _ = fx.closed_calendar(days, effects, span)
    open_days = span[~closed & ~span.isin(fx.closure_days(effects))]
    held = days.index[(days.index >= span[0]) & (days.index <= span[-1])]
    if not len(held):
        return False
    return not len(open_days) or bool(held[0] <= open_days[0] and held[-1] >= open_days[-1])


# ------------------------------------------------------------------ cutoffs and jobs


def _cutoffs(one: _Series, calendar: Calendar, period: str) -> list[str]:
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


def _job(one: _Series, through: str, tables: Mapping[str, pd.DataFrame], settings: Settings, period: str) -> Job:
    calendar = settings.calendar
    last = horizon_end(calendar, period) if through == one.trained_through else period
    if one.freq == "MS":
        cutoff, end = pd.Timestamp(f"{through}-01"), pd.Timestamp(f"{last}-01")
    else:
        cutoff, end = pd.Timestamp(calendar.last_day(through)), pd.Timestamp(calendar.last_day(last))
    if is_intraday(one.freq):
        end = end + DAY - interval(one.freq)
    y = one.y[: cutoff + DAY - pd.Timedelta(microseconds=1)]
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
    made: Sequence[tuple[_Series, str, SeriesForecast]], freq: str, days: bool, calendar: Calendar, period: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return forecasts and backtest of the series of one frequency, calibrated together."""
    origins = sorted({through for _, through, _ in made})
    tests = [
        (origins.index(through), result, _learnt(one.days if days else one.y, one, calendar))
        for one, through, result in made
    ]
    scored = score(tests, freq, days=days)
    if is_intraday(freq):
        scored = scored[scored["step"] <= 7 * TEST_WEEKS_OF_INTERVALS]
    final = [result for one, through, result in made if through == one.trained_through]
    edges = bucket_edges(freq)
    widths = calibrate(scored, LEVELS, edges=edges, spreads=spreads(final, days=days))
    frames = []
    for one, through, result in made:
        points = result.days if days and result.days is not None else result.points
        month = _periods_of(pd.DatetimeIndex(points["ds"]), freq, calendar)
        wanted = month > through if through == one.trained_through else month == shift(through, 1)
        label = {
            "site": one.site,
            "service": one.service,
            "unit": one.unit,
            "freq": freq,
            "model": result.day_model if days else result.model,
        }
        frame = bounded(points[wanted], result, widths, freq, days=days)
        frames.append(
            frame.assign(**label, cutoff=_cutoff_day(through, calendar), reconstructed=month[wanted] <= period)
        )
    return stacked(frames, FORECAST_COLUMNS), _backtest(scored, made, freq, calendar)


def _learnt(y: pd.Series, one: _Series, calendar: Calendar) -> pd.Series:
    """Return the actuals up to the last complete month: one in progress judges no forecast."""
    if one.freq == "MS":
        return y[: pd.Timestamp(f"{one.trained_through}-01")]
    return y[y.index < _cutoff_day(one.trained_through, calendar) + DAY]


def _backtest(
    scored: pd.DataFrame, made: Sequence[tuple[_Series, str, SeriesForecast]], freq: str, calendar: Calendar
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
                "cutoff": [_cutoff_day(throughs[origin], calendar) for origin in rows["origin"]],
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


def _monthly(series: Sequence[_Series], forecast: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    keys = ["site", "service", "unit"]
    actual = [
        one.monthly.assign(site=one.site, service=one.service, unit=one.unit, scenario="AC", reconstructed=False)
        for one in series
    ]
    frames = [*actual]
    own = {(one.site, one.service): "D" if is_intraday(one.freq) else one.freq for one in series}
    for (site, service), freq in sorted(own.items()):
        rows = forecast[(forecast["site"] == site) & (forecast["service"] == service) & (forecast["freq"] == freq)]
        months = _periods_of(pd.DatetimeIndex(rows["ds"]), freq, calendar)
        sums = (
            rows.assign(period=months)
            .groupby([*keys, "period"], as_index=False, dropna=False)
            .agg(volume=("yhat", "sum"), reconstructed=("reconstructed", "first"))
        )
        frames.append(sums.assign(scenario="FC", complete=True))
    table = stacked(frames, MONTHLY_COLUMNS)
    return table.sort_values([*keys, "period", "scenario"], ignore_index=True)


def _history(series: Sequence[_Series]) -> pd.DataFrame:
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


def _periods_of(stamps: pd.DatetimeIndex, freq: str, calendar: Calendar) -> np.ndarray:
    """Return the period of each stamp; a month's stamp names its period also in a week calendar."""
    if freq == "MS" or calendar.pattern == "monthly":
        return np.asarray(stamps.strftime("%Y-%m"), dtype=object)
    days = stamps.normalize()
    known = {day: calendar.period_of(day.date()) for day in days.unique()}
    return np.asarray([known[day] for day in days], dtype=object)


def _month_or_day(ds: pd.Series, freq: str, calendar: Calendar) -> pd.Series:
    """First day of what each stamp stands for: months of a week calendar begin elsewhere than their stamp."""
    if freq != "MS" or calendar.pattern == "monthly":
        return ds
    return ds.map(lambda stamp: pd.Timestamp(calendar.first_day(f"{stamp:%Y-%m}")))


def _cutoff_day(through: str, calendar: Calendar) -> pd.Timestamp:
    return pd.Timestamp(calendar.last_day(through))

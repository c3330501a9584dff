"""Models: one series on its own frequency, fitted and carried on.

Prophet does the work; what it is given and what is done to its trend is here. Beside it stand the
seasonal naive (the yardstick, and the fallback of a short history) and the mean. A model takes a
training series without gaps filled in (missing is not zero) and the stamps to forecast.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY, season_length

Floats = np.ndarray

PROPHET = "prophet"
SEASONAL_NAIVE = "seasonal naive"
MEAN = "mean"
LAST_VALUE = "last value"

TREND_DAMPING = 0.88  # a month: the slope that is left of it a month later
MONTHLY_LEVEL, MONTHLY_SEASON = 0.15, 0.2  # weight of the latest residual in the corrections of monthly series
DAILY_LEVEL = 0.03  # a day: a shift of level is half followed after three weeks
YEAR_OF_DAYS = 548  # days of history from which a yearly season is told from a trend
_DAYS_A_MONTH = 30.4375
_LONGEST = {"MS": 144, "W": 520, "D": 2192}


@dataclass(frozen=True)
class Fit:
    """A model's answer: `yhat` for the asked stamps, `fitted` for the training ones (NaN where it has none)."""

    yhat: Floats
    fitted: Floats
    model: str
    note: str = ""


def fit_series(train: pd.Series, future: pd.DatetimeIndex, freq: str, holidays: pd.DataFrame, seed: int = 0) -> Fit:
    """What comes next? Prophet where the history allows, else the simplest model that it does allow.

    `train` has its stamps as index, no missing values; `freq` is "MS", weekly or "D". Prophet needs two seasons
    (months, weeks) or four weeks (days); the seasonal naive needs more than one season; two points
    have a mean; one point is repeated. The note says so.
    """
    season = season_length(freq)
    span = (
        len(pd.period_range(train.index[0], train.index[-1], freq="M"))
        if freq == "MS"
        else _days(train) // _step_days(freq) + 1
    )
    if train.nunique() == 1:
        constant = float(train.iloc[0])
        kind = LAST_VALUE if len(train) == 1 else MEAN
        note = (
            "one point only, which is repeated" if len(train) == 1 else f"constant at {constant:g}, which is repeated"
        )
        return Fit(np.full(len(future), constant), np.full(len(train), constant), kind, note)
    if span >= (28 if freq == "D" else 2 * season) and len(train) >= 10:
        try:
            return prophet_fit(train, future, freq, holidays, seed)
        except RuntimeError as error:
            fallback = seasonal_naive(train, future, freq)
            return Fit(
                fallback.yhat,
                fallback.fitted,
                SEASONAL_NAIVE,
                f"Prophet could not be fitted ({_first_line(error)}), seasonal naive instead",
            )
    if span > season:
        fallback = seasonal_naive(train, future, freq)
        return Fit(
            fallback.yhat,
            fallback.fitted,
            SEASONAL_NAIVE,
            f"{len(train)} points are too few for a model, seasonal naive instead",
        )
    mean = float(train.mean())
    return Fit(
        np.full(len(future), mean),
        np.full(len(train), mean),
        MEAN,
        f"{len(train)} points are less than one season, their mean instead",
    )


def prophet_fit(train: pd.Series, future: pd.DatetimeIndex, freq: str, holidays: pd.DataFrame, seed: int = 0) -> Fit:
    """What does Prophet expect, set up for the frequency, anchored at the recent level, its trend damped?

    Positive series are fitted on centred logs, others as they are. Raises RuntimeError when the optimiser fails.
    """
    train = train.iloc[-_LONGEST[freq[:1] if freq != "MS" else freq] :]
    logs = uses_logs(train)
    values = np.log(train.to_numpy()) if logs else train.to_numpy()
    centre = float(values.mean())
    when = _clock(pd.DatetimeIndex(train.index.append(future)), freq)
    trend, rest = _prophet(values - centre, when, freq, holidays, seed)
    n = len(train)
    fitted = trend[:n] + rest[:n]
    months = np.asarray((when - when[n - 1]) / DAY, dtype=np.float64) / _DAYS_A_MONTH
    ahead = _damped(trend, n, months, robust=freq == "D") + rest[n:]
    correction = _anchor(values - centre - fitted, pd.DatetimeIndex(train.index), future, freq)
    fitted, ahead = fitted + centre, ahead + correction + centre
    if not logs:
        return Fit(ahead, fitted, PROPHET)
    fitted, ahead = np.exp(fitted), np.exp(ahead)
    if freq == "D":  # days are added up to months: their mean is wanted, and exp of a mean log is a median
        smear = float(train.to_numpy()[-364:].sum() / fitted[-364:].sum())
        fitted, ahead = fitted * smear, ahead * smear
    return Fit(ahead, fitted, PROPHET)


def seasonal_naive(train: pd.Series, future: pd.DatetimeIndex, freq: str) -> Fit:
    """What if the last season came again? The yardstick, for any frequency.

    Months repeat the month a year before, weeks the week 52 before. Days and intervals repeat those of
    364 days before (the same weekday) where the history is 392 days or longer, else of 7 days before; a stamp
    missing there is looked for another 7 days back, up to four times; then the mean of that weekday (and time)
    stands in.
    """
    if freq == "MS":
        return _naive_months(train, future)
    lag = 364 if freq.startswith("W") or _days(train) >= 392 else 7
    return Fit(
        _look_back(train, future, lag),
        _look_back(train, pd.DatetimeIndex(train.index), lag, inside=True),
        SEASONAL_NAIVE,
    )


def uses_logs(train: pd.Series) -> bool:
    """Is the series modelled on logs? Where all is above zero and the typical value is ten or more."""
    return bool((train > 0).all()) and float(train.median()) >= 10


def _prophet(
    values: Floats, when: pd.DatetimeIndex, freq: str, holidays: pd.DataFrame, seed: int
) -> tuple[Floats, Floats]:
    """Return Prophet's trend and the rest (season, holidays) at each of `when`; the first len(values) are known."""
    prophet_class = _quiet_prophet()
    n = len(values)
    model = prophet_class(
        **_settings(when[:n], freq), holidays=None if holidays.empty else holidays, uncertainty_samples=0
    )
    model.fit(pd.DataFrame({"ds": when[:n], "y": values}), algorithm="LBFGS", seed=seed + 1)
    model.stan_backend.cleanup()
    predicted = model.predict(pd.DataFrame({"ds": when}))
    predicted = predicted.drop_duplicates("ds").set_index("ds").loc[when]
    trend = predicted["trend"].to_numpy(dtype=np.float64)
    return trend, predicted["yhat"].to_numpy(dtype=np.float64) - trend


def _settings(when: pd.DatetimeIndex, freq: str) -> dict[str, object]:
    """Return how Prophet is set up for the frequency and the length of the history."""
    days = int((when[-1] - when[0]) / DAY)
    common: dict[str, object] = {"daily_seasonality": False, "changepoint_range": 0.95, "holidays_prior_scale": 1.0}
    if freq == "MS":
        order = 5 if len(when) >= 36 else 3
        return common | {
            "weekly_seasonality": False,
            "yearly_seasonality": order,
            "changepoint_prior_scale": 0.5,
            "seasonality_prior_scale": 0.05,
        }
    yearly = (6 if days >= 730 else 5) if days >= YEAR_OF_DAYS else False
    return common | {
        # without a year of season a trend is mostly season: the level is left to the anchoring
        "growth": "linear" if yearly else "flat",
        "n_changepoints": 20,
        "weekly_seasonality": 3 if freq == "D" else False,
        "yearly_seasonality": yearly,
        "changepoint_prior_scale": 0.05,
        "seasonality_prior_scale": 1.0,
    }


def _quiet_prophet() -> type:
    """Return the class Prophet, its loggers and those of cmdstanpy set to speak of failures only.

    Its calls that pandas 4 will not know (the inplace keyword) are Prophet's to mend, so the warnings that
    point into its own modules are silenced too.
    """
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # plotly is not needed
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # its progress bars miss their widgets, which no report needs
        from cmdstanpy import disable_logging
        from prophet import Prophet

    disable_logging()
    logging.getLogger("prophet").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=pd.errors.Pandas4Warning, module=r"prophet\.")
    return Prophet


def _clock(stamps: pd.DatetimeIndex, freq: str) -> pd.DatetimeIndex:
    """Return the stamps that Prophet sees: months of equal length, so that leap years do not shift the season."""
    if freq != "MS":
        return stamps
    months = (stamps.year - 1970) * 12 + stamps.month - 1
    return pd.DatetimeIndex(
        pd.Timestamp("1970-01-01") + pd.to_timedelta(np.asarray(months) * _DAYS_A_MONTH, unit="D")
    ).as_unit("us")


def _damped(trend: Floats, n: int, months: Floats, *, robust: bool) -> Floats:
    """Return the trend after its `n` known points; its slope fades by TREND_DAMPING a month.

    `months` is each stamp's distance from the last known one. The slope is Prophet's own there or, `robust`, the
    median slope of the last year, which a shift of level a few weeks ago does not turn into a climb.
    """
    ahead = months[n:]
    if len(trend) == n or ahead.max() <= 0:
        return trend[n:]
    furthest = n + int(ahead.argmax())
    slope = float((trend[furthest] - trend[n - 1]) / months[furthest])
    if robust:
        last_year = months[:n] > -12
        slope = float(np.median(np.gradient(trend[:n][last_year], months[:n][last_year])))
    rate = -np.log(TREND_DAMPING)
    faded = trend[n - 1] + slope * (1.0 - np.exp(-rate * np.maximum(ahead, 0.0))) / rate
    return np.where(ahead > 0, faded, trend[n:])  # days inside the history keep the trend they had


def _anchor(residuals: Floats, index: pd.DatetimeIndex, future: pd.DatetimeIndex, freq: str) -> Floats:
    """Return the correction of each future stamp: the recent level, and for months the recent shape of the year."""
    level = _smoothed(residuals, MONTHLY_LEVEL if freq != "D" else DAILY_LEVEL)
    ahead = np.where(future > index[-1], level, 0.0)
    if freq != "MS":
        return ahead
    months = index.month.to_numpy()
    shape = np.array([_smoothed(residuals[months == month], MONTHLY_SEASON) for month in range(1, 13)])
    shape -= shape.mean()
    return np.asarray(ahead + shape[future.month.to_numpy() - 1])


def _smoothed(residuals: Floats, weight: float) -> float:
    """Return the exponentially weighted level of residuals that start from zero."""
    level = 0.0
    for residual in residuals:
        level += weight * (float(residual) - level)
    return level


def _naive_months(train: pd.Series, future: pd.DatetimeIndex) -> Fit:
    known = pd.Series(train.to_numpy(), index=pd.PeriodIndex(train.index, freq="M"))
    mean = float(train.mean())

    def back(months: pd.PeriodIndex, years: int) -> Floats:
        found = known.reindex(months - 12 * years).to_numpy(dtype=np.float64)
        if years < 12 and np.isnan(found).any():
            found = np.where(np.isnan(found), back(months, years + 1), found)
        return found

    ahead = back(pd.PeriodIndex(future, freq="M"), 1)
    return Fit(
        np.where(np.isnan(ahead), mean, ahead),
        known.reindex(known.index - 12).to_numpy(dtype=np.float64),
        SEASONAL_NAIVE,
    )


def _look_back(train: pd.Series, stamps: pd.DatetimeIndex, lag: int, *, inside: bool = False) -> Floats:
    """Return the value `lag` days before each stamp, or the next whole number of lags that lies in `train`."""
    ahead = (
        np.zeros(len(stamps), dtype=np.int64)
        if inside
        else np.asarray((stamps.normalize() - train.index[-1].normalize()) // DAY, dtype=np.int64)
    )
    lags = np.maximum(-(-ahead // lag), 1) * lag
    found = np.full(len(stamps), np.nan)
    for extra in range(0, 5 if not inside else 1):
        source = stamps - pd.to_timedelta(lags + 7 * extra, unit="D")
        found = np.where(np.isnan(found), train.reindex(source).to_numpy(dtype=np.float64), found)
    if not inside and np.isnan(found).any():
        found = np.where(np.isnan(found), _weekday_mean(train, stamps), found)
    return found


def _weekday_mean(train: pd.Series, stamps: pd.DatetimeIndex) -> Floats:
    def key(index: pd.DatetimeIndex) -> Floats:
        return np.asarray(index.day_of_week * 1440 + index.hour * 60 + index.minute)

    means = train.groupby(key(pd.DatetimeIndex(train.index))).mean()
    return means.reindex(key(stamps)).fillna(float(train.mean())).to_numpy(dtype=np.float64)


def _days(train: pd.Series) -> int:
    return int((train.index[-1].normalize() - train.index[0].normalize()) / DAY) + 1


def _step_days(freq: str) -> int:
    return 7 if freq.startswith("W") else 1


def _first_line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [""])[0][:80]

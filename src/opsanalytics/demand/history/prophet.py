"""Prophet: one series as Prophet itself sees it, with its trend's changes and its seasons, to be looked at.

The forecast is not made here (see `models`). Prophet fits the one series that a reader wants taken apart, with the
priors of the additive model, which is the same model solved directly; the two are held to each other.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY, check_frequency, is_intraday, is_weekly
from opsanalytics.demand.models import uses_logs
from opsanalytics.demand.models.additive import Setup

MONTHS = Setup(5, 0.05, 0.3)
DAYS = Setup(3, 0.05, 1.0, changes=20)
_YEAR_WAVES, _YEAR_OF_DAYS = 6, 548
_DAYS_A_MONTH = 30.4375
_BENT = 0.01  # change of slope a year, as a share of the level, from which a change is worth a mark


@dataclass(frozen=True)
class Detail:
    """A series taken apart by Prophet, on its own stamps, in its own units.

    `parts`: ds, y, trend, fitted (trend with seasons and effects). `changes`: ds, change (of the trend's slope, as a
    share of the level a year), those worth a mark. `factors`: were logarithms fitted, so that the parts multiply?
    `note` says why there is nothing to see, where there is not.
    """

    parts: pd.DataFrame
    changes: pd.DataFrame
    factors: bool
    note: str = ""


def prophet_detail(y: pd.Series, freq: str, holidays: pd.DataFrame | None = None) -> Detail:
    """How does Prophet take a history apart? `y` has its stamps as index and no missing values.

    `holidays` is Prophet's table (holiday, ds). Months, weeks and days only; ValueError for others and for fewer than
    two seasons. RuntimeError where the optimiser fails.
    """
    check_frequency(freq)
    least = 24 if freq == "MS" else 104 if is_weekly(freq) else 28
    if is_intraday(freq) or len(y) < least:
        nothing = pd.DataFrame({"ds": pd.DatetimeIndex([]).as_unit("us"), "change": pd.Series(dtype="float64")})
        parts = nothing[["ds"]].assign(**dict.fromkeys(("y", "trend", "fitted"), nothing["change"]))
        note = f"Prophet is shown months, weeks or days, of {least} values or more; there are {len(y)}."
        return Detail(parts, nothing, False, note)
    factors = uses_logs(y.to_numpy(dtype=np.float64))
    values = np.log(y.to_numpy(dtype=np.float64)) if factors else y.to_numpy(dtype=np.float64)
    centre = float(values.mean())
    model = _prophet(pd.DatetimeIndex(y.index), freq, holidays)
    when = _clock(pd.DatetimeIndex(y.index), freq)
    model.fit(pd.DataFrame({"ds": when, "y": values - centre}), algorithm="LBFGS", seed=1)
    model.stan_backend.cleanup()
    found = model.predict(pd.DataFrame({"ds": when}))
    trend, fitted = (found[name].to_numpy(dtype=np.float64) + centre for name in ("trend", "yhat"))
    parts = pd.DataFrame({"ds": y.index, "y": y.to_numpy(), "trend": trend, "fitted": fitted})
    if factors:
        parts = parts.assign(trend=np.exp(trend), fitted=np.exp(fitted))
    return Detail(
        parts, _changes(model, pd.DatetimeIndex(y.index), when, 1.0 if factors else abs(centre) or 1.0), factors
    )


def _changes(model: Any, stamps: pd.DatetimeIndex, when: pd.DatetimeIndex, level: float) -> pd.DataFrame:
    """Return the changes of slope that are worth a mark, on the series' own stamps."""
    places = when.get_indexer(pd.DatetimeIndex(model.changepoints), method="nearest")
    span = (when[-1] - when[0]) / (365.25 * DAY)
    slope = model.params["delta"].ravel() * model.y_scale / span / level
    table = pd.DataFrame({"ds": stamps[places], "change": slope})
    return table[table["change"].abs() >= _BENT].reset_index(drop=True)


def _prophet(stamps: pd.DatetimeIndex, freq: str, holidays: pd.DataFrame | None) -> Any:
    setup = MONTHS if freq == "MS" else DAYS
    yearly: int | bool = setup.order
    if freq != "MS":
        yearly = _YEAR_WAVES if (stamps[-1] - stamps[0]) / DAY >= _YEAR_OF_DAYS else False
    return _quiet()(
        daily_seasonality=False,
        weekly_seasonality=setup.order if freq == "D" else False,
        yearly_seasonality=yearly,
        changepoint_range=setup.bent,
        n_changepoints=setup.changes,
        changepoint_prior_scale=setup.change_prior,
        seasonality_prior_scale=setup.season_prior,
        holidays_prior_scale=1.0,
        holidays=holidays if holidays is not None and len(holidays) else None,
        uncertainty_samples=0,
    )


def _clock(stamps: pd.DatetimeIndex, freq: str) -> pd.DatetimeIndex:
    """Return the stamps that Prophet sees: months of equal length, so that leap years do not shift the season."""
    if freq != "MS":
        return stamps
    months = np.asarray((stamps.year - 1970) * 12 + stamps.month - 1)
    start = pd.Timestamp("1970-01-01")
    return pd.DatetimeIndex(start + pd.to_timedelta(months * _DAYS_A_MONTH, unit="D")).as_unit("us")


def _quiet() -> Any:
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

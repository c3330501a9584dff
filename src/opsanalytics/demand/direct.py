"""Direct: what a forecast of the whole as one series had given, beside the sum of its sites' forecasts.

Sites are planned one by one, so the whole is their sum, and both agree. That may cost accuracy; how much, this says.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.forecasting.calibration import loo_bounds, points_of, scored
from opsanalytics.demand.forecasting.panel import forecasts
from opsanalytics.demand.forecasting.series import Job
from opsanalytics.demand.frequency import is_intraday
from opsanalytics.demand.record import is_seen
from opsanalytics.demand.result import BACKTEST_COLUMNS, DIRECT, stacked
from opsanalytics.formats import ALL
from opsanalytics.periods import Calendar


def direct_test(
    test: pd.DataFrame,
    history: pd.DataFrame,
    special_days: pd.DataFrame,
    sites: Mapping[str, list[str]],
    calendar: Calendar,
) -> pd.DataFrame:
    """Forecast each summed history as one series at the cutoffs of the sum's backtest: BACKTEST_COLUMNS.

    `test` (service, freq, cutoff, ds) and `history` (service, freq, ds, y) are those of sums, `sites` the sites of the
    services to look at. Special days are those of any site, closures those of all. Intervals within the day are left
    out: their days say it. Scored on the same stamps as the sum, its bounds leave their own cutoff out.
    """
    asked = test[test["service"].isin(list(sites))][["service", "freq", "cutoff", "ds"]].drop_duplicates()
    frames = []
    for freq, rows in asked.groupby("freq", sort=True):
        if is_intraday(str(freq)):
            continue
        cutoffs = sorted(rows["cutoff"].unique(), reverse=True)
        actuals = {
            str(service): own.set_index("ds")["y"]
            for service, own in history[history["freq"] == freq].groupby("service")
        }
        days = {
            service: shared_days(special_days, service, sites[service]) if freq == "D" else fx.no_effects()
            for service in actuals
            if service in sites
        }
        jobs, origins = [], []
        for _, own in rows[rows["service"].isin(list(days))].groupby(["service", "cutoff"], sort=True):
            service, cutoff = str(own["service"].iloc[0]), own["cutoff"].iloc[0]
            y = actuals[service]
            seen = y[is_seen(pd.DatetimeIndex(y.index), str(freq), calendar, calendar.period_of(cutoff))]
            if len(seen):
                jobs.append(_job(service, seen, cutoff, own["ds"].max(), str(freq), days[service]))
                origins.append(cutoffs.index(cutoff))
        results = forecasts(jobs, origins)
        points = points_of(zip(origins, results, strict=True), str(freq))
        tested = loo_bounds(scored(points, actuals), str(freq), (80,))
        tested["cutoff"] = pd.DatetimeIndex([cutoffs[origin] for origin in tested["origin"]]).as_unit("us")
        tested = tested.rename(columns={"unique_id": "service"}).assign(site=ALL, freq=freq, model=DIRECT)
        frames.append(tested.merge(rows, on=["service", "freq", "cutoff", "ds"], how="inner", validate="one_to_one"))
    return stacked(frames, BACKTEST_COLUMNS)


def shared_days(special_days: pd.DataFrame, service: str, sites: list[str]) -> pd.DataFrame:
    """Return the special days of a sum: those of any of the sites, but closures only where all are closed."""
    own = special_days[(special_days["service"] == service) & special_days["site"].isin(sites)]
    shut = own[own["kind"] == "closure"].groupby("ds")["site"].nunique()
    everywhere = own["ds"].isin(shut.index[shut == len(sites)])
    days = own[(own["kind"] != "closure") | everywhere].drop(columns=["site", "service"])
    return days.sort_values(["ds", "kind", "name"]).drop_duplicates(["ds", "name"]).reset_index(drop=True)


def _job(service: str, y: pd.Series, cutoff: pd.Timestamp, end: pd.Timestamp, freq: str, days: pd.DataFrame) -> Job:
    own = y.index[-1] if freq == "MS" else cutoff
    return Job(service, y, own, end, freq, fx.seen_at(days, cutoff))

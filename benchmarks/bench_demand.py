"""Forecasts beside their peers on public series: accuracy and coverage on what was held back, and time, in one run.

Every method sees the same training rows and is scored once on the test rows. Needs the public series beside the
checkout; prints why it does nothing where they are absent.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from opsanalytics.accuracy import coverage, mase, smape
from opsanalytics.demand import forecast_panel

SERIES = Path(__file__).parents[2] / "shared" / "real" / "series"
Forecasts = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Held:
    """A set of series: training frame, training and test values by name, horizon, frequency and lag of the MASE."""

    name: str
    frame: pd.DataFrame
    train: dict[str, np.ndarray]
    test: dict[str, np.ndarray]
    horizon: int
    freq: str
    lag: int

    def scores(self, found: Forecasts) -> tuple[float, float]:
        """Return mean sMAPE and mean MASE; test points that are missing are not scored."""
        smapes = [smape(self.test[name], found[name]) for name in self.test]
        mases = [mase(self.test[name], found[name], self.train[name], self.lag) for name in self.test]
        return float(np.nanmean(smapes)), float(np.nanmean(mases))


def read(name: str, horizon: int, freq: str, lag: int) -> Held:
    """Read a set; missing training values stay missing."""
    panel = pd.read_parquet(SERIES / f"{name}.parquet")
    frame = panel.loc[panel["split"] == "train", ["unique_id", "ds", "y"]]
    train, test = (
        {str(key): rows["y"].to_numpy(dtype=float) for key, rows in panel[panel["split"] == split].groupby("unique_id")}
        for split in ("train", "test")
    )
    return Held(name, frame, train, test, horizon, freq, lag)


def gapless(values: np.ndarray) -> np.ndarray:
    """Fill gaps in a straight line, for peers that take none."""
    return pd.Series(values).interpolate(limit_direction="both").to_numpy()


def of_model(held: Held, make: Callable[[], object]) -> Forecasts:
    """Forecast every series by one of statsforecast's models; one that fails repeats the last season."""
    found = {}
    for name, values in held.train.items():
        try:
            found[name] = make().forecast(gapless(values), held.horizon)["mean"]  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001  a peer that fails is said, and replaced
            print(f"  {type(error).__name__} on {name}: the last season is repeated")
            found[name] = np.resize(values[-held.lag :], held.horizon)
    return found


def of_prophet(held: Held) -> Forecasts:
    """Forecast every series by Prophet as it comes."""
    import logging

    from prophet import Prophet

    for logger in ("prophet", "cmdstanpy"):
        logging.getLogger(logger).disabled = True
    found = {}
    for name, rows in held.frame.groupby("unique_id"):
        model = Prophet()
        model.fit(rows[["ds", "y"]])
        stamps = pd.date_range(rows["ds"].iloc[-1], periods=held.horizon + 1, freq=held.freq)[1:]
        found[str(name)] = model.predict(pd.DataFrame({"ds": stamps}))["yhat"].to_numpy()
    return found


def ours(held: Held, tier: str) -> tuple[Forecasts, dict[int, float]]:
    """Forecast the panel; return the points and the pooled coverage of the 80 % and 95 % intervals."""
    found = forecast_panel(held.frame, held.horizon, held.freq, tier=tier)
    groups = {str(name): rows for name, rows in found.groupby("unique_id")}
    actual = np.concatenate([held.test[name] for name in groups])
    covered = {
        level: coverage(
            actual, *(np.concatenate([g[f"{side}{level}"] for g in groups.values()]) for side in ("lo", "hi"))
        )
        for level in (80, 95)
    }
    return {name: rows["yhat"].to_numpy() for name, rows in groups.items()}, covered


def points_only(held: Held, tier: str) -> float:
    """Return the seconds that the point forecasts alone take, in this process."""
    from opsanalytics.demand.models import History, combined, filled, plain

    months = held.frame.groupby("unique_id")["ds"].min().dt.month - 1
    start = time.perf_counter()
    asks = [
        plain(History(filled(values, int(months[name]), 12), int(months[name]), 12), held.horizon)
        for name, values in held.train.items()
    ]
    combined(asks, tier=tier)
    return time.perf_counter() - start


def line(held: Held, name: str, found: Forecasts, seconds: float, covered: Mapping[int, float] | None = None) -> None:
    """Print a method's line."""
    sm, ma = held.scores(found)
    cover = "  covers " + " ".join(f"{level} %: {share:.3f}" for level, share in covered.items()) if covered else ""
    print(f"  {name:28} sMAPE {sm:6.2f}  MASE {ma:.3f}  {seconds:6.1f} s{cover}", flush=True)


def timed(make: Callable[[], Forecasts]) -> tuple[Forecasts, float]:
    """Return what was made and the seconds it took."""
    start = time.perf_counter()
    found = make()
    return found, time.perf_counter() - start


def table(held: Held, peers: Mapping[str, Callable[[], Forecasts]], tiers: tuple[str, ...]) -> dict[str, float]:
    """Print the table of a set and return the seconds of each method (ours: of the point forecasts alone)."""
    print(f"{held.name}: {len(held.train)} series, {held.horizon} steps held back")
    seconds, answers = {}, {}
    for tier in tiers:
        start = time.perf_counter()
        found, covered = ours(held, tier)
        line(held, f"ours, {tier}, with intervals", found, time.perf_counter() - start, covered)
        if held.freq == "MS":
            seconds[tier] = points_only(held, tier)
    for name, make in peers.items():
        answers[name], seconds[name] = timed(make)
        line(held, name, answers[name], seconds[name])
    if {"AutoETS", "AutoCES", "DynamicOptimizedTheta"} <= set(answers):
        trio = [answers[name] for name in ("AutoETS", "AutoCES", "DynamicOptimizedTheta")]
        median = {key: np.median([one[key] for one in trio], axis=0) for key in held.train}
        line(held, "median of these three", median, 0.0)
    return seconds


def monthly() -> None:
    """Compare on the monthly sets."""
    from statsforecast.models import AutoCES, AutoETS, DynamicOptimizedTheta, SeasonalNaive

    total: dict[str, float] = {}
    for name, horizon in (("m3", 18), ("m1", 18), ("tourism", 24), ("hospital", 12), ("ausretail", 12)):
        held = read(f"{name}_monthly", horizon, "MS", 12)
        models = {"AutoETS": AutoETS, "AutoCES": AutoCES, "DynamicOptimizedTheta": DynamicOptimizedTheta}
        peers = {
            key: (lambda held=held, model=model: of_model(held, lambda: model(season_length=12)))
            for key, model in models.items()
        }
        peers["SeasonalNaive"] = lambda held=held: of_model(held, lambda: SeasonalNaive(season_length=12))
        peers["Prophet as it comes"] = lambda held=held: of_prophet(held)
        for key, seconds in table(held, peers, ("fast", "full")).items():
            total[key] = total.get(key, 0.0) + seconds
    print("point forecasts of the five sets, one process, as shares of AutoETS's time:")
    for key, seconds in total.items():
        print(f"  {key:28} {seconds:7.1f} s  {seconds / total['AutoETS']:.3f}")


def others() -> None:
    """Compare on days, hours and weeks."""
    from statsforecast.models import MSTL, AutoETS, SeasonalNaive

    held = read("nn5_daily", 56, "D", 7)
    ets = {"AutoETS": lambda: of_model(held, lambda: AutoETS(season_length=7))}
    table(held, {**ets, "Prophet as it comes": lambda: of_prophet(held)}, ("full",))
    hours = read("m4_hourly", 48, "h", 24)
    mstl = {"MSTL": lambda: of_model(hours, lambda: MSTL(season_length=[24, 168]))}
    table(hours, {**mstl, "Prophet as it comes": lambda: of_prophet(hours)}, ("full",))
    weeks = read("m4_weekly", 13, "W-SUN", 1)
    freq = f"W-{pd.Timestamp(weeks.frame['ds'].iloc[0]).strftime('%a').upper()}"
    weeks = read("m4_weekly", 13, freq, 1)
    models = {
        "AutoETS": lambda: of_model(weeks, lambda: AutoETS(season_length=52)),
        "SeasonalNaive": lambda: of_model(weeks, lambda: SeasonalNaive(season_length=52)),
    }
    table(weeks, models, ("full",))


def many() -> None:
    """Time 1,000 and 2,000 monthly series with intervals on two threads, and say how much memory that took."""
    held = read("m3_monthly", 18, "MS", 12)
    names = list(held.train)
    for count in (1000, 2000):
        copies = [
            held.frame[held.frame["unique_id"] == names[k % len(names)]].assign(unique_id=f"s{k:04d}")
            for k in range(count)
        ]
        frame = pd.concat(copies, ignore_index=True)
        start = time.perf_counter()
        forecast_panel(frame, 18, "MS", tier="fast", n_jobs=2)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{count} series, fast tier, intervals: {time.perf_counter() - start:.1f} s, peak memory {peak:.2f} GB",
            flush=True,
        )


def main() -> None:
    """Print every table."""
    if not SERIES.exists():
        print("bench_demand: the public series are not beside this checkout, nothing is compared")
        return
    warnings.filterwarnings("ignore")
    many()
    others()
    monthly()


if __name__ == "__main__":
    main()

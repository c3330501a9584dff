"""Forecasts of monthly series beside their peers: accuracy on the months held back, and time, in one run.

Needs the public series beside the checkout; prints why it does nothing where they are absent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from opsanalytics.accuracy import mase, smape
from opsanalytics.demand import forecast_panel

SERIES = Path(__file__).parents[2] / "shared" / "real" / "series" / "hospital_monthly.parquet"
SEASON, HORIZON, COUNT = 12, 12, 40


def of_peer(make: Callable[[], object]) -> Callable[[pd.DataFrame], dict[str, np.ndarray]]:
    """Return a forecaster of every series by one of statsforecast's models."""

    def forecast(train: pd.DataFrame) -> dict[str, np.ndarray]:
        return {
            str(name): make().forecast(group["y"].to_numpy(dtype=float), HORIZON)["mean"]  # type: ignore[attr-defined]
            for name, group in train.groupby("unique_id")
        }

    return forecast


def ours(train: pd.DataFrame) -> dict[str, np.ndarray]:
    """Forecast the panel."""
    found = forecast_panel(train, HORIZON, "MS")
    return {str(name): group["yhat"].to_numpy() for name, group in found.groupby("unique_id")}


def main() -> None:
    """Print one line a method: MASE, sMAPE, seconds, and the ratio of its time to ours."""
    if not SERIES.exists():
        print("bench_demand: the public series are not beside this checkout, nothing is compared")
        return
    from statsforecast.models import AutoETS, DynamicOptimizedTheta, SeasonalNaive

    panel = pd.read_parquet(SERIES)
    panel = panel[panel["unique_id"].isin(sorted(panel["unique_id"].unique())[:COUNT])]
    train = panel.loc[panel["split"] == "train", ["unique_id", "ds", "y"]]
    test = panel[panel["split"] == "test"]
    methods = {
        "ours": ours,
        "seasonal naive": of_peer(lambda: SeasonalNaive(season_length=SEASON)),
        "AutoETS": of_peer(lambda: AutoETS(season_length=SEASON)),
        "Dynamic Optimized Theta": of_peer(lambda: DynamicOptimizedTheta(season_length=SEASON)),
    }
    print(f"hospital, {COUNT} monthly series, {HORIZON} months held back")
    base = 0.0
    for name, method in methods.items():
        start = time.perf_counter()
        found = method(train)
        taken = time.perf_counter() - start
        base = base or taken
        scores = [
            (mase(y, found[key], history, SEASON), smape(y, found[key]))
            for key, group in test.groupby("unique_id")
            for y, history in [(group["y"].to_numpy(), train.loc[train["unique_id"] == key, "y"].to_numpy())]
        ]
        mean_mase, mean_smape = np.mean(scores, axis=0)
        print(
            f"{name:24} MASE {mean_mase:.3f}  sMAPE {mean_smape:5.1f}  {taken:6.1f} s  {taken / base:5.2f} of our time"
        )


if __name__ == "__main__":
    main()

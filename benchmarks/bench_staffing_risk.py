"""Does staffing to the 80th percentile of forecasts made four weeks ahead cover the need four times in five?

Once on simulated half-hourly demand, whose level wanders, and once on the calls of a bank's contact centre, where
these are beside the checkout. Ours stands beside plain forecasts in the same run: last week's calls, and the mean
profile of the week at the level of the last four weeks, with the spread of calls that arrive at random (Poisson), or
with that of its own past errors. An interval is covered where the agents required by the percentile are not fewer than
those required by what came.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from opsanalytics.accuracy import pinball
from opsanalytics.demand import forecast_panel
from opsanalytics.staffing import required_agents

CALLS = Path(__file__).parents[2] / "shared" / "real" / "contact_centre" / "demand.csv"
WEEKS_AHEAD = 4
INTERVAL = pd.Timedelta(minutes=30)
METHODS = {
    "ours": "P80 of forecast_panel",
    "plain": "level x profile, Poisson",
    "spread": "level x profile, own errors",
    "last": "last week's calls",
}
PROMISE = {"aht_s": 240.0, "interval_s": 1800.0, "service_level": 0.8, "target_s": 20.0}
_P80 = 0.8416  # the normal score of 80 %
_WEEKDAYS = np.array([1.25, 1.08, 1.0, 0.97, 0.9, 0.6])  # Monday to Saturday


def simulated_demand(rng: np.random.Generator, weeks: int, size: float) -> pd.DataFrame:
    """Return half-hourly counts (ds, y) of open hours, 07:00 to 19:00 from Monday to Saturday, `size` on average.

    The level wanders by 1 % from day to day; each day is off by another 5 %; counts are Poisson.
    """
    days = pd.date_range("2025-01-06", periods=7 * weeks, freq="D")
    days = days[days.day_of_week < 6]
    slot = np.arange(24)
    shape = 0.5 + np.exp(-(((slot - 6) / 4) ** 2)) + 0.8 * np.exp(-(((slot - 15) / 4.5) ** 2))
    level = np.exp(np.cumsum(rng.normal(0, 0.01, len(days)))) * np.exp(rng.normal(0, 0.05, len(days)))
    expected = size * (level * _WEEKDAYS[days.day_of_week])[:, None] * shape / shape.mean()
    stamps = days.to_numpy()[:, None] + (7 * 60 + 30 * slot).astype("timedelta64[m]")
    return pd.DataFrame(
        {"ds": pd.DatetimeIndex(stamps.ravel()).as_unit("us"), "y": rng.poisson(expected).ravel().astype(float)}
    )


def ahead(history: pd.DataFrame, after: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Forecast the four weeks from `cutoff` (an origin) by every method; one row per interval of `after` forecast.

    Both frames have unique_id, ds, y. week is 1 to 4.
    """
    steps = int((cutoff + pd.Timedelta(weeks=WEEKS_AHEAD) - history["ds"].max()) / INTERVAL) - 1
    found = forecast_panel(history, steps, "30min").rename(columns={"hi60": "ours"})
    found = found.merge(after, on=["unique_id", "ds"], validate="one_to_one")
    plain = [_plain(history[history["unique_id"] == name], rows, cutoff) for name, rows in found.groupby("unique_id")]
    rows = pd.concat(plain, ignore_index=True)
    return rows.assign(week=(rows["ds"] - cutoff).dt.days // 7 + 1)


def _plain(history: pd.DataFrame, rows: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Add what the plain methods say of the rows of one series."""
    profile = history.groupby(_slot(history))["y"].mean()
    usual = profile.reindex(_slot(history)).to_numpy()
    recent = (history["ds"] >= cutoff - pd.Timedelta(weeks=4)).to_numpy()
    level = history["y"].to_numpy()[recent].sum() / usual[recent].sum()
    mean = level * profile.reindex(_slot(rows)).to_numpy()
    week = history[history["ds"] >= cutoff - pd.Timedelta(weeks=1)]
    last = week.groupby(_slot(week))["y"].mean().reindex(_slot(rows)).to_numpy()
    errors = history["y"].to_numpy()[usual > 0] / usual[usual > 0]
    return rows.assign(
        plain=mean + _P80 * np.sqrt(mean), spread=mean * np.quantile(errors, 0.8), last=np.where(last >= 0, last, mean)
    )


def _slot(rows: pd.DataFrame) -> np.ndarray:
    """Number the half hours of the week."""
    return (rows["ds"].dt.day_of_week * 48 + rows["ds"].dt.hour * 2 + rows["ds"].dt.minute // 30).to_numpy()


def simulated(origins: int = 240, seed: int = 0) -> pd.DataFrame:
    """Forecast so many series, each at one origin; those of a company of five together.

    The companies have 16, 26, 39 and 52 weeks of history in turn, a series 200 to 2,000 calls in a half hour.
    """
    rng, found = np.random.default_rng(seed), []
    for company in range(-(-origins // 5)):
        weeks = (16, 26, 39, 52)[company % 4]
        parts = []
        for number in range(5):
            size = float(np.exp(rng.uniform(np.log(200), np.log(2000))))
            demand = simulated_demand(rng, weeks + WEEKS_AHEAD, size)
            parts.append(demand.assign(unique_id=f"company {company} service {number}", size=size))
        series = pd.concat(parts, ignore_index=True)
        cutoff = series["ds"].min().normalize() + pd.Timedelta(weeks=weeks)
        known = series.loc[series["ds"] < cutoff, ["unique_id", "ds", "y"]]
        found.append(ahead(known, series, cutoff).assign(history=weeks))
    rows = pd.concat(found, ignore_index=True)
    return rows.assign(origin=rows["unique_id"])


def contact_centre() -> pd.DataFrame:
    """Forecast the calls of weekdays from 07:00 to 21:00 at the end of every working day from week 10 on.

    An origin counts where the four weeks after it are on record.
    """
    calls = pd.read_csv(CALLS, parse_dates=["ds"])
    calls = calls[(calls["ds"].dt.day_of_week < 5) & calls["ds"].dt.hour.between(7, 20)]
    series = pd.DataFrame({"unique_id": "calls", "ds": calls["ds"], "y": calls["volume"].astype(float)})
    first, last = series["ds"].min().normalize(), series["ds"].max().normalize()
    found = []
    for day in series["ds"].dt.normalize().unique():
        cutoff = day + pd.Timedelta(days=1)
        weekend_after = last + pd.Timedelta(days=3 if last.day_of_week == 4 else 1)
        if cutoff >= first + pd.Timedelta(weeks=10, days=-2) and cutoff + pd.Timedelta(weeks=4) <= weekend_after:
            found.append(
                ahead(series[series["ds"] < cutoff], series, cutoff).assign(origin=str(day.date()), size=np.nan)
            )
    return pd.concat(found, ignore_index=True)


def staffed(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the agents required by what came (`need`) and whether each method's agents cover it."""
    need = required_agents(rows["y"], **PROMISE)
    covered = {f"{name}_covers": required_agents(rows[name].clip(lower=0), **PROMISE) >= need for name in METHODS}
    return rows.assign(need=need, **covered)


def resampled(rows: pd.DataFrame, name: str, group: str = "origin", draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % range of a method's pooled coverage when whole groups (origins) are drawn anew."""
    by = rows.groupby(group)[f"{name}_covers"].agg(["sum", "size"]).to_numpy(dtype=float)
    drawn = by[np.random.default_rng(0).integers(0, len(by), (draws, len(by)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(low), float(high)


def table(title: str, rows: pd.DataFrame) -> None:
    """Print a line a method: coverage with its range, its span over the origins, volume covered, pinball loss."""
    print(f"{title}: {rows['origin'].nunique()} origins, {len(rows):,} intervals")
    for name, words in METHODS.items():
        by = rows.groupby("origin")[f"{name}_covers"].mean()
        low, high = resampled(rows, name)
        print(
            f"  {words:28} need covered {rows[f'{name}_covers'].mean():6.1%} ({low:.1%} to {high:.1%}; by origin "
            f"{by.min():.0%} to {by.max():.0%})  volume covered {(rows['y'] <= rows[name]).mean():6.1%}  "
            f"pinball {pinball(rows['y'], rows[name], 0.8):8.2f}",
            flush=True,
        )


def by(rows: pd.DataFrame, keys: pd.Series | np.ndarray, title: str) -> None:
    """Print our coverage of the need by a key."""
    shares = rows.groupby(keys, sort=True)["ours_covers"].mean()
    print(f"  ours by {title}: " + ", ".join(f"{key} {share:.1%}" for key, share in shares.items()))


def main(origins: int = 240) -> None:
    """Print both proofs."""
    warnings.filterwarnings("ignore")
    start = time.perf_counter()
    every = staffed(simulated(origins))
    rows = every[every["week"] == WEEKS_AHEAD]
    table("simulated demand, intervals of week 4", rows)
    by(every, every["week"], "week ahead")
    by(rows, rows["ds"].dt.day_name(), "weekday")
    by(rows, rows["history"], "weeks of history")
    sizes = pd.cut(rows["size"], [0, 450, 900, 2000], labels=["200 to 450 calls", "450 to 900", "900 to 2,000"])
    by(rows, sizes.astype(str), "size")
    kept = 0.76 <= rows["ours_covers"].mean() <= 0.84
    print(f"  {'within' if kept else 'OUTSIDE'} 76 % to 84 %; {time.perf_counter() - start:.0f} s")
    if not CALLS.exists():
        print("bench_staffing_risk: the contact centre's calls are not beside this checkout, they are left out")
        return
    every = staffed(contact_centre())
    rows = every[every["week"] == WEEKS_AHEAD]
    table("contact centre, intervals of week 4", rows)
    by(every, every["week"], "week ahead")
    by(rows, rows["ds"].dt.day_name(), "weekday")
    weeks = rows.assign(of=pd.to_datetime(rows["origin"]).dt.to_period("W").astype(str))
    low, high = resampled(weeks, "ours", "of")
    print(f"  ours, weeks of origins drawn anew, since those of a week see the same days: {low:.1%} to {high:.1%}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))

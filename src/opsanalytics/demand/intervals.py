"""Intervals: how wide the forecast's errors were, turned into how wide its intervals must be.

Split conformal prediction: the errors of forecasts made at earlier cutoffs are measured in units of
the forecast's own scale, and a level's half-width is their empirical quantile, counted with the
one unseen error to come. Source: J. Lei et al., Distribution-Free Predictive Inference for
Regression, JASA 2018, section 2.2. Errors of one cutoff move together, so the
coverage is right on average, not by theorem.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

LEVELS = (60, 80, 90, 95)
OWN_ERRORS = 30  # errors in a bucket from which a series speaks for itself
SPREAD_FLOOR = 0.2  # of the panel's median spread
UNLIKE = 4.0  # times the panel's typical error over spread


def calibrate(
    errors: pd.DataFrame,
    levels: Sequence[int] = LEVELS,
    *,
    edges: Sequence[int],
    spreads: pd.Series,
    minimum: int = OWN_ERRORS,
) -> pd.DataFrame:
    """How wide is each level's interval at each horizon? DataFrame[unique_id, bucket, level, width].

    `errors` has unique_id, step (1 is the first after the cutoff) and error, (y - yhat) / scale; missing errors are
    left out. `edges` are the last steps of the buckets but the open last one. `spreads` (index
    unique_id) is each series' in-sample spread in the same units; it names the series to answer for.
    width is the ceil((n + 1) level) smallest of the n absolute errors of the series and bucket. With fewer than
    `minimum` of them, the errors of the whole panel are taken, each divided by its series' spread, times the own
    spread; with too few of those, the nearest bucket that has enough; with none, the normal quantile of the spread.
    A spread counts as SPREAD_FLOOR of the panel's median one where it is smaller (but for a series without any
    error), and as the median one where there is none. A series whose errors over its spread are typically more than
    UNLIKE times the panel's speaks for itself only, with the errors it has.
    Widths never fall with the horizon or the level. A series without a spread, alone, has NaN.
    """
    table = errors.dropna(subset=["error"])
    table = table.assign(
        size=table["error"].abs(),
        bucket=np.searchsorted(np.asarray(edges), table["step"].to_numpy(), side="left"),
    )
    spreads = _usable_spreads(table, spreads.astype("float64"))
    table["spread"] = table["unique_id"].map(spreads).to_numpy(dtype=np.float64)
    odd = _unlike(table)
    pooled = _pooled(table[~table["unique_id"].isin(odd)], len(edges) + 1, minimum)
    own: dict[tuple[str, int], np.ndarray] = {}
    for name, rows in table.groupby("unique_id"):
        for bucket, values in rows["size"].groupby(rows["bucket"].to_numpy()):
            own[str(name), int(str(bucket))] = np.sort(values.to_numpy())
    blocks = [
        _series_widths(str(series), float(spread), own, pooled, len(edges) + 1, levels, 1 if series in odd else minimum)
        for series, spread in spreads.sort_index().items()
    ]
    return (
        pd.concat(blocks, ignore_index=True)
        if blocks
        else pd.DataFrame(columns=["unique_id", "bucket", "level", "width"])
    )


def half_widths(widths: pd.DataFrame, unique_id: str, steps: np.ndarray, edges: Sequence[int]) -> dict[int, np.ndarray]:
    """Return for each level the calibrated half-width, in units of the scale, at each step."""
    own = widths[widths["unique_id"] == unique_id].pivot(index="bucket", columns="level", values="width")
    bucket = np.searchsorted(np.asarray(edges), steps, side="left")
    return {int(level): own[level].reindex(bucket).to_numpy(dtype=np.float64) for level in own.columns}


def conformal_quantile(sizes: np.ndarray, level: int) -> float:
    """Return the ceil((n + 1) level / 100) smallest of n sorted sizes, the largest where that is beyond n."""
    rank = -(-(len(sizes) + 1) * level // 100)
    return float(sizes[min(rank, len(sizes)) - 1])


def _usable_spreads(table: pd.DataFrame, spreads: pd.Series) -> pd.Series:
    """Return the spreads with those that are next to nothing raised, and the panel's median where there is none."""
    median = float(spreads[spreads > 0].median())
    if np.isnan(median):
        return spreads
    largest = table.groupby("unique_id")["size"].max().reindex(spreads.index).fillna(0.0)
    exact = (spreads == 0) & (largest == 0)
    return spreads.fillna(median).clip(lower=SPREAD_FLOOR * median).mask(exact, 0.0)


def _unlike(table: pd.DataFrame) -> set[str]:
    """Return the series whose typical error, over the spread, is beyond UNLIKE times that of the panel's middle."""
    usable = table[table["spread"] > 0]
    typical = (usable["size"] / usable["spread"]).groupby(usable["unique_id"]).median()
    middle = typical.quantile(interpolation="lower") if len(typical) else 0.0
    return set(typical.index[typical > UNLIKE * middle])


def _pooled(table: pd.DataFrame, buckets: int, minimum: int) -> dict[int, np.ndarray]:
    """Return each bucket's sorted errors of the panel over their spreads (the nearest bucket's where too few)."""
    usable = table[table["spread"] > 0]
    scaled = usable["size"] / usable["spread"]
    found = {int(bucket): np.sort(values.to_numpy()) for bucket, values in scaled.groupby(usable["bucket"])}
    enough = [bucket for bucket, values in found.items() if len(values) >= min(minimum, 10)]
    if not enough:
        return {}
    return {bucket: found[min(enough, key=lambda other: (abs(other - bucket), -other))] for bucket in range(buckets)}


def _series_widths(
    name: str,
    spread: float,
    own: dict[tuple[str, int], np.ndarray],
    pooled: dict[int, np.ndarray],
    buckets: int,
    levels: Sequence[int],
    minimum: int,
) -> pd.DataFrame:
    table = np.empty((buckets, len(levels)))
    ordered = sorted(levels)
    nothing = np.empty(0)
    for bucket in range(buckets):
        sizes = own.get((name, bucket), nothing)
        if len(sizes) >= minimum or (len(sizes) and not pooled):
            table[bucket] = [conformal_quantile(sizes, level) for level in ordered]
        elif pooled:
            table[bucket] = [spread * conformal_quantile(pooled[bucket], level) for level in ordered]
        else:
            table[bucket] = [spread * NormalDist().inv_cdf(0.5 + level / 200) for level in ordered]
    table = np.maximum.accumulate(np.maximum.accumulate(table, axis=0), axis=1)
    return pd.DataFrame(
        {
            "unique_id": name,
            "bucket": np.repeat(np.arange(buckets), len(ordered)),
            "level": np.tile(ordered, buckets),
            "width": table.ravel(),
        }
    )

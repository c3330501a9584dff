"""Outlook scores: how far off each method was in earlier years, and the range that this gives the chosen one.

A score is of the full year at the same month. A range is the chosen outlook plus and minus t times the root mean
square of its own errors in those years, each as a share of what was forecast or came, whichever is larger. A site's
range pools the sites, which a year hits together: t has as many degrees of freedom as there are years, however many
sites there are. So one year gives a wide range, and none gives none.

Source of t: any table of Student's distribution, for example the NIST/SEMATECH e-Handbook of Statistical Methods,
1.3.6.7.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.accuracy import bias, wape
from opsanalytics.budget.forecasting.grid import KINDS, Floats
from opsanalytics.budget.forecasting.methods import COMBINED, METHODS
from opsanalytics.budget.forecasting.weights import WHOLE, Tested
from opsanalytics.formats import ALL

#: The 90th percentile of Student's t with 1, 2, ... degrees of freedom: 80 % lie between minus and plus it.
_T = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372)

_SCORED = ["fiscal_year", "site", "type", "method", "stands", "like", "outlook_cents", "actual_cents", "weight"]


def scored(tests: Sequence[Tested]) -> pd.DataFrame:
    """Return the sites' full years by each method and combined, one row a test, site, type and method.

    Columns: fiscal_year, site, type, method, stands, like, outlook_cents, actual_cents, weight (of the whole, then).
    Sites that do not have the year complete are left out. `like`: every method that stood in the last test stood.
    """
    frames = [_scored(test, tests[-1]) for test in tests]
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_SCORED)
    kinds = {"fiscal_year": "int64", "outlook_cents": "int64", "actual_cents": "int64", "weight": "float64"}
    flags = {"stands": "bool", "like": "bool"}
    return found[_SCORED].astype({**kinds, **flags, **dict.fromkeys(["site", "type", "method"], "str")})


def _scored(test: Tested, last: Tested) -> pd.DataFrame:
    grid, found = test.view.grid, test.found
    to_date = grid.summed(test.view.to_date)
    rest = np.vstack([grid.summed(found.values.sum(axis=2).T).T, grid.summed(test.combined.sum(axis=1))])
    frame = by_method(
        grid.groups,
        stands=with_combined(found.stands, found.stands.any(axis=0)),
        like=(found.stands | ~last.found.stands).all(axis=0),
        outlook_cents=np.rint(to_date + rest).astype(np.int64),
        actual_cents=np.rint(to_date + grid.summed(test.actual)).astype(np.int64),
        weight=with_combined(test.weights.at(grid, WHOLE, found.stands), np.nan),
    )
    return frame[np.tile(test.sites, len(METHODS) + 1)].assign(fiscal_year=test.view.year)


def by_method(keys: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Repeat the n rows of `keys` for each method and the combined one, beside columns of that size (or n, or one)."""
    names = (*METHODS, COMBINED)
    size = (len(names), len(keys))
    found = {str(c): np.tile(keys[c].to_numpy(dtype=object), len(names)) for c in keys.columns}
    wide = {name: np.broadcast_to(values, size).ravel() for name, values in columns.items()}
    return pd.DataFrame({**found, "method": np.repeat(np.array(names, dtype=object), len(keys)), **wide})


def with_combined(values: npt.NDArray[Any], combined: Any) -> npt.NDArray[Any]:
    """Put the combined outlook's row under those of the methods."""
    return np.vstack([values, np.broadcast_to(combined, values.shape[1])])


def accuracies(rows: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Score every method by site, and over all sites, (all): site, type, method, years, wape, bias, weight.

    `rows` is `scored`, `weights` has site, type, method, weight for what stands now, (all) included. The combined one
    is scored on the years in which the methods of the last test stood, where there are any.
    """
    tested = _comparable(rows[rows["stands"]])
    found = {
        (site, kind, method): _score(part)
        for site, side in ((ALL, tested), *tested.groupby("site"))
        for (kind, method), part in side.groupby(["type", "method"])
    }
    untested = (0, math.nan, math.nan)
    keys = zip(weights["site"], weights["type"], weights["method"], strict=True)
    scores = [found.get(key, untested) for key in keys]
    frame = weights.assign(**{name: [score[k] for score in scores] for k, name in enumerate(("years", "wape", "bias"))})
    frame = frame[["site", "type", "method", "years", "wape", "bias", "weight"]]
    return frame.astype({"years": "int64", "wape": "float64", "bias": "float64", "weight": "float64"})


def _score(part: pd.DataFrame) -> tuple[int, float, float]:
    actual, outlook = part["actual_cents"], part["outlook_cents"]
    return int(part["fiscal_year"].nunique()), wape(actual, outlook), bias(actual, outlook)


def _comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the combined outlook's years in which fewer methods stood, unless there are no others."""
    chosen = rows["method"] == COMBINED
    like = rows["like"] if rows.loc[chosen, "like"].any() else True
    return rows[~chosen | like]


def half_widths(rows: pd.DataFrame) -> dict[tuple[bool, str], float]:
    """Return the half of the 80 % range as a share of the outlook, by (whole?, measure), where a year was tested.

    A site's pools the sites; that of the whole, (all), is of their sum in each year. The measures are revenue, cost,
    and result, whose error is a share of revenue and cost together.
    """
    tested = _comparable(rows[rows["stands"]])
    tested = tested[tested["method"] == COMBINED]
    found = {}
    for whole in (False, True):
        key = ["fiscal_year"] if whole else ["fiscal_year", "site"]
        for measure in (*KINDS, "result"):
            side = tested if measure == "result" else tested[tested["type"] == measure]
            sign = np.where(side["type"] == "revenue", 1, -1) if measure == "result" else 1
            miss = (side["actual_cents"] - side["outlook_cents"]) * sign
            sums = (
                pd.DataFrame({"miss": miss, "size": side[["outlook_cents", "actual_cents"]].abs().max(axis=1)})
                .groupby([side[name] for name in key])
                .sum()
            )
            sums = sums[sums["size"] > 0]
            if len(sums):
                share = (sums["miss"] / sums["size"]).to_numpy(dtype=np.float64)
                years = int(sums.index.get_level_values("fiscal_year").nunique())
                found[whole, measure] = _t(years) * _root_mean_square(share)
    return found


def _t(freedom: int) -> float:
    return _T[min(freedom, len(_T)) - 1]


def _root_mean_square(values: Floats) -> float:
    return math.sqrt(float((values**2).mean()))

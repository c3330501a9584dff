"""Shifts: when did the level change for good, and by how much?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.demand.frequency import DAY, check_frequency, is_intraday, is_weekly

SHIFT_COLUMNS = ("ds", "size", "z")
PENALTY = 3.0  # times ln n: what z^2 must exceed
_BLOCKS = 10  # at the least, from which a spread of block means is read
_SHORTEST = {"D": 14, "W": 8, "MS": 6}


def level_shifts(
    residuals: pd.Series, freq: str = "D", *, trend: bool = False, at_most: int = 3, shortest: int | None = None
) -> pd.DataFrame:
    """When did the level change for good? DataFrame[ds, size, z], sorted by ds; empty where it did not.

    `residuals` (index ds) are ln y less what day of the week, season and events explain; missing ones are left out.
    `ds` is the first stamp of the new level, `size` the mean after less the mean before, between the
    neighbouring shifts, in log units (exp(size) - 1 as a share). `trend` says that a straight line was fitted too:
    it has taken up part of each step, so that size and z are those of steps beside a line.

    The scan looks for the k with the largest z = |mean after - mean before| / (s sqrt(1/k + 1/(n-k))), the
    standardised CUSUM (E. S. Page, Biometrika 1954), or, with `trend`, of the least-squares step beside a line; the
    strongest is taken if z^2 > 3 ln n, n all residuals (a penalty in the manner of BIC; R. Killick, P. Fearnhead and
    I. Eckley, JASA 2012). The rest is searched again beside the steps found, until there are `at_most`; then each is
    sought once more with the others given (J. Bai, Econometric Theory 1997). A segment holds at least `shortest`
    stamps: 14 days, 8 weeks, 6 months. Odd stamps are drawn to within 3 s of the running median first. s is robust
    and not inflated by a few shifts: 1.4826 / sqrt 2 times the median absolute first difference or, if larger,
    sqrt(b) times that of the means of blocks of b = `shortest` stamps (a tenth of the history if that is less), since
    neighbouring residuals are alike more often than not. Where most differences are zero there is no s and no shift.

    A slow drift that the expectation does not follow looks like a shift: look at the residuals.
    Raises ValueError for intraday frequencies.
    """
    check_frequency(freq)
    if is_intraday(freq):
        raise ValueError(
            f"level shifts are sought in days, weeks or months, not in '{freq}': add the intervals up to days."
        )
    least = shortest if shortest is not None else _SHORTEST["W" if is_weekly(freq) else freq]
    if least < 2:
        raise ValueError(f"a segment of {least} is no level: let it be 2 or longer.")
    known = residuals.dropna().sort_index()
    values = known.to_numpy(dtype=np.float64)
    if len(values) < 2 * least:
        return _table([])
    base = np.ones((len(values), 1))
    if trend:
        base = np.column_stack([base, np.asarray((known.index - known.index[0]) / DAY, dtype=np.float64)])
        values = values - base @ np.linalg.lstsq(base, values, rcond=None)[0]
    scale = _scale(values, least)
    if not scale > 0:
        return _table([])
    values = _without_odd(values, least, scale)
    scan = _Scan(values, base, least, scale)
    threshold = float(np.sqrt(PENALTY * np.log(len(values))))
    cuts: list[int] = []
    while len(cuts) < at_most:
        z, cut = scan.strongest(cuts)
        if z <= threshold:
            break
        cuts.append(cut)
    for place in range(len(cuts)):
        others = [*cuts[:place], *cuts[place + 1 :]]
        cuts[place] = scan.strongest(others)[1]
    found = [(cut, *scan.step(cut, [other for other in cuts if other != cut])) for cut in sorted(cuts)]
    return _table([(known.index[cut], size, z) for cut, size, z in found if z > threshold])


@dataclass(frozen=True)
class _Scan:
    """Steps by least squares beside `base` (a level, perhaps a line) and beside the steps given."""

    values: np.ndarray
    base: np.ndarray
    least: int
    scale: float

    def strongest(self, cuts: list[int]) -> tuple[float, int]:
        """Return the largest z of a further step and its place; (0, 0) where no segment has room."""
        z = self._steps(cuts)[1]
        place = np.arange(len(z))
        edges = np.array([0, *cuts, len(z)])
        room = (np.abs(place[:, None] - edges[None, :]) >= self.least).all(axis=1)
        if not room.any():
            return 0.0, 0
        best = int(np.where(room, z, 0.0).argmax())
        return float(z[best]), best

    def step(self, cut: int, others: list[int]) -> tuple[float, float]:
        """Return size and z of the step at `cut`, the others given."""
        size, z = self._steps(others)
        return float(size[cut]), float(z[cut])

    def _steps(self, cuts: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return size and z of a step at each place (0 where it is one of those given, or no step)."""
        place = np.arange(len(self.values))
        given = np.column_stack([self.base, *((place >= cut).astype(np.float64) for cut in cuts)])
        q, _ = np.linalg.qr(given)
        rest = self.values - q @ (q.T @ self.values)
        # a step's product with anything is the sum from its place on
        product = np.cumsum(rest[::-1])[::-1]
        taken = (np.cumsum(q[::-1], axis=0)[::-1] ** 2).sum(axis=1)
        own = (len(place) - place) - taken
        usable = own > 1e-6
        size = np.divide(product, own, out=np.zeros(len(place)), where=usable)
        return size, np.abs(size) * np.sqrt(np.where(usable, own, 0.0)) / self.scale


def _scale(values: np.ndarray, longest: int) -> float:
    """Return the standard deviation of one value as the mean of many sees it: the larger of steps and block means."""
    steps = _spread_of_differences(values)
    block = min(longest, len(values) // _BLOCKS)
    if block < 2:
        return steps
    whole = len(values) // block
    means = values[len(values) - whole * block :].reshape(whole, block).mean(axis=1)
    return max(steps, float(np.sqrt(block)) * _spread_of_differences(means))


def _spread_of_differences(values: np.ndarray) -> float:
    differences = np.diff(values)
    if len(differences) < 2:
        return float("nan")
    return float(1.4826 * np.median(np.abs(differences)) / np.sqrt(2))


def _without_odd(values: np.ndarray, least: int, scale: float) -> np.ndarray:
    """Draw single odd values to within three standard deviations of the running median, which keeps steps."""
    middle = pd.Series(values).rolling(2 * least + 1, center=True, min_periods=least).median().to_numpy()
    return np.asarray(np.clip(values, middle - 3 * scale, middle + 3 * scale))


def _table(rows: list[tuple[pd.Timestamp, float, float]]) -> pd.DataFrame:
    stamps = pd.DatetimeIndex([ds for ds, _, _ in rows]).as_unit("us")
    size, z = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 2).T
    return pd.DataFrame(dict(zip(SHIFT_COLUMNS, (stamps, size, z), strict=True)))

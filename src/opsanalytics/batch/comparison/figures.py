"""Figures: which of two runs' figures differ. Money is compared to the cent, other figures within a tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from opsanalytics.batch.comparison.finished import FIGURES
from opsanalytics.batch.planning.notebooks import RequestError
from opsanalytics.results import COLUMNS, KEY

#: Two floats are the same figure when they lie no further apart than this share of the larger, plus the absolute part.
RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-9

ONLY_A, ONLY_B, IN_BOTH = "A", "B", ""
_SIDES = {"left_only": ONLY_A, "right_only": ONLY_B, "both": IN_BOTH}
_KEPT = [*KEY, "only", "cents_a", "cents_b", "value_a", "value_b", "unit"]


def read_figures(folder: Path) -> pd.DataFrame:
    """Return the figures of a run's folder. Raises RequestError when the file cannot be read or is of another form."""
    path = folder / FIGURES
    try:
        figures = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} cannot be read ({error}). Run the month again.") from None
    missing = [name for name in COLUMNS if name not in figures.columns]
    if missing:
        raise RequestError(f"{path} was written by another version (it has no {missing[0]}). Run the month again.")
    return figures


def differing(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the figures that differ, the largest difference first, and how many figures there are in both together.

    `a` and `b` are figures (`results.COLUMNS`) in any order; they are matched by `results.KEY`. Money comes first, by
    its difference in cents, then what is no money, by its difference as a share of the larger. A missing figure is
    the same as a missing one only. Raises RequestError when one side holds a figure twice.
    """
    for figures, side in ((a, "A"), (b, "B")):
        _refuse_repeats(figures, side)
    values = ["cents", "value", "unit"]
    both = a[[*KEY, *values]].merge(
        b[[*KEY, *values]],
        how="outer",
        on=KEY,
        suffixes=("_a", "_b"),
        validate="one_to_one",
        indicator="only",
    )
    both["only"] = both["only"].map(_SIDES).astype("str")
    differs = (
        (both["only"] != IN_BOTH)
        | _texts_differ(both["unit_a"], both["unit_b"])
        | _cents_differ(both["cents_a"], both["cents_b"])
        | _values_differ(both["value_a"], both["value_b"])
    )
    found = both[differs]
    return _largest_first(found.assign(unit=_units(found)))[_KEPT], len(both)


def _refuse_repeats(figures: pd.DataFrame, side: str) -> None:
    repeats = figures.duplicated(KEY)
    if repeats.any():
        first = figures.loc[repeats, KEY].iloc[0]
        name = ", ".join(str(part) for part in first if part == part and part != "")
        raise RequestError(f"Run {side} holds the same figure twice ({name}). Run its month again.")


def _texts_differ(a: pd.Series[str], b: pd.Series[str]) -> pd.Series[bool]:
    return a.fillna("") != b.fillna("")


def _cents_differ(a: pd.Series[int], b: pd.Series[int]) -> pd.Series[bool]:
    known = a.notna() & b.notna()
    return (a.isna() != b.isna()) | (known & (a.fillna(0).astype("int64") != b.fillna(0).astype("int64")))


def _values_differ(a: pd.Series[float], b: pd.Series[float]) -> pd.Series[bool]:
    left, right = a.to_numpy("float64", na_value=np.nan), b.to_numpy("float64", na_value=np.nan)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(left - right) <= RELATIVE_TOLERANCE * np.maximum(np.abs(left), np.abs(right)) + ABSOLUTE_TOLERANCE
    return pd.Series(~(same | (finite & near)), index=a.index)


def _units(found: pd.DataFrame) -> pd.Series[str]:
    """Return each figure's unit; where the runs do not agree, both."""
    a, b = found["unit_a"].fillna(""), found["unit_b"].fillna("")
    agreed = (found["only"] != IN_BOTH) | (a == b)
    return a.where(a != "", b).where(agreed, a + " -> " + b).astype("str")


def _largest_first(found: pd.DataFrame) -> pd.DataFrame:
    cents = (found["cents_b"].fillna(0).astype("float64") - found["cents_a"].fillna(0).astype("float64")).abs()
    money = found["cents_a"].notna() | found["cents_b"].notna()
    left, right = (found[name].to_numpy("float64", na_value=np.nan) for name in ("value_a", "value_b"))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.abs(left - right) / np.maximum(np.abs(left), np.abs(right))
    share = pd.Series(part, index=found.index).fillna(1.0)  # with nothing on the other side all of it differs
    size = cents.where(money, share)
    ordered = found.assign(_money=~money, _size=-size).sort_values(["_money", "_size", *KEY], ignore_index=True)
    return ordered.drop(columns=["_money", "_size"])

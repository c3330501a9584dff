"""Comparison: what was planned, what happened, and which of it is bad news.

`variance` is actual minus reference, as IBCS has it. `effect` is the same seen from the result:
above zero is favourable, whether it comes from more revenue or from less cost. A share of a zero or
negative reference does not exist, and a month without ledger lines is missing, not zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from opsanalytics.budget.allocation import allocate_rows
from opsanalytics.formats import OTHERS, UNASSIGNED
from opsanalytics.periods import Calendar, shift
from opsanalytics.settings import Materiality

COMPLETE, INCOMPLETE = "COMPLETE", "INCOMPLETE"

#: What one cent more does to the result, by account type; the computed result counts as it is.
EFFECT_SIGN: Mapping[str, int] = MappingProxyType({"revenue": 1, "result": 1, "cost": -1, "statistical": 0})

#: What a comparison adds up, see `paired`.
SUMS = ["actual_cents", "reference_cents", "like_for_like_cents", "actual_rows", "reference_rows"]


def rollup(frame: pd.DataFrame, by: Sequence[str], *, top: int | None = None, rank: str = "") -> pd.DataFrame:
    """Add up every `*_cents` column of `frame` for each combination of `by`, sorted.

    A missing code is a key of its own. With an empty `by` the one row is the total. Sums are int64 and exact, so any
    rollup adds up to its leaves. With `top` the first of `by` is restricted to its `top` items, those whose sum of the
    column `rank` (the first `*_cents` when left out) is farthest from zero, the earlier code first in a tie; all
    others are one item, "(others)", still split by the rest of `by`: also the restricted view adds up to its leaves.
    Raises ValueError for a negative `top` and for a `top` of no dimension.
    """
    columns = [str(c) for c in frame.columns if str(c).endswith("_cents")]
    if top is not None:
        if top < 0 or not by:
            raise ValueError(
                f"A view is restricted to the top 0 or more items of a dimension, not to {top} of {[*by]}."
            )
        frame = _restricted(frame, by[0], top, rank or columns[0])
    if not by:
        return pd.DataFrame({c: [int(frame[c].sum())] for c in columns}).astype("int64")
    return frame.groupby(list(by), dropna=False, observed=True)[columns].sum().reset_index()


def _restricted(frame: pd.DataFrame, dimension: str, top: int, rank: str) -> pd.DataFrame:
    """Rename every item of `dimension` beyond the `top` ones to the remainder's name."""
    sums = frame.groupby(dimension, dropna=False, observed=True)[rank].sum()
    order = np.argsort(-sums.abs().to_numpy(), kind="stable")
    codes = sums.index.get_indexer(pd.Index(frame[dimension]))
    return frame.assign(**{dimension: frame[dimension].astype("str").where(np.isin(codes, order[:top]), OTHERS)})


def missing_months(actual: pd.DataFrame, horizon: Sequence[str]) -> tuple[str, ...]:
    """Return the months of `horizon` for which `actual` (with period) has no row at all."""
    held = set(actual["period"].unique())
    return tuple(month for month in horizon if month not in held)


def prior_year_actual(actual: pd.DataFrame, calendar: Calendar | None = None) -> pd.DataFrame:
    """Return last year's actuals at the periods they are compared with: each period twelve later.

    In a `calendar` of weeks a period is compared with the same fiscal weeks of the year before. Where last year's
    period has one week more (its week 53), that week is taken out by weeks, six weeks counting for five of them: of
    each row's cents the largest remainder decides. By weeks, not by posting date, because accruals and payrolls are
    posted on a period's last days and would all fall into week 53. A week 53 of this year has no counterpart.
    """
    later = {period: shift(period, 12) for period in actual["period"].unique()}
    moved = actual.assign(period=actual["period"].map(later).astype("str"))
    if calendar is None:
        return moved
    for before, now in later.items():
        whole, kept = calendar.weeks(before) or 0, calendar.weeks(now) or 0
        if whole > kept:
            moved = _in_weeks(moved, moved["period"] == now, kept, whole)
    return moved


def _in_weeks(frame: pd.DataFrame, rows: pd.Series, kept: int, whole: int) -> pd.DataFrame:
    """Cut the money of `rows` to `kept` of its `whole` weeks."""
    columns = [str(c) for c in frame.columns if str(c).endswith("_cents")]
    cut = frame[columns].copy()
    for column in columns:
        cut.loc[rows, column] = part_of_weeks(frame.loc[rows, column].to_numpy(), kept, whole)
    return frame.assign(**{column: cut[column] for column in columns})


def part_of_weeks(cents: npt.NDArray[np.int64], kept: int, whole: int) -> npt.NDArray[np.int64]:
    """Return `kept` of `whole` weeks of each amount, by largest remainder (the part kept first in a tie)."""
    weights = np.tile(np.array([[kept, whole - kept]], dtype=np.int64), (len(cents), 1))
    parts: npt.NDArray[np.int64] = allocate_rows(cents, weights)[:, 0]
    return parts


def with_types(frame: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` (with account) with the account's type and pl_line; one not in the chart is "(unassigned)"."""
    chart = accounts.reindex(columns=["account", "type", "pl_line"]).astype("object").fillna(UNASSIGNED)
    account = frame["account"].fillna(UNASSIGNED).astype("str")
    code, known = pd.factorize(account)
    row = pd.Index(chart["account"]).get_indexer(known)[code]
    found = {column: pd.array([*chart[column], UNASSIGNED], dtype="str").take(row) for column in ("type", "pl_line")}
    return frame.assign(account=account, **found)


def variance(
    actual: pd.DataFrame,
    reference: pd.DataFrame,
    accounts: pd.DataFrame,
    *,
    by: Sequence[str],
    horizon: Sequence[str],
    materiality: Materiality | None = None,
) -> pd.DataFrame:
    """Compare actual with reference over the months of `horizon`, for each combination of `by`.

    `actual` and `reference` are frames [period, account, ...dimensions, amount_cents] (int64, the
    account's natural sign; last year's through `prior_year_actual`); `accounts` has account, type and
    pl_line, and `by` may name these or any dimension that both frames hold. Revenue is never added
    to cost: the rows are always split by `type` too. What only one side holds is there, the other side zero
    (`found_in` says which: both, actual, reference).

    Returns [*by, type, actual_cents, reference_cents, variance_cents, effect_cents, share, found_in,
    status, like_for_like_cents], and `material` when a materiality is given. `share` is variance / reference, NaN
    where the reference is zero or negative. Where a month has no actual at all, status is INCOMPLETE and
    `like_for_like_cents` is the variance over the other months.
    """
    months = tuple(horizon)
    missing = missing_months(actual, months)
    leaves = paired(
        _for_comparison(actual, accounts, months, missing), _for_comparison(reference, accounts, months, missing)
    )
    found = judged(added_up(leaves, [*by, *(() if "type" in by else ("type",))]), materiality)
    return found.assign(status=INCOMPLETE if missing else COMPLETE)


def _for_comparison(
    frame: pd.DataFrame, accounts: pd.DataFrame, months: Sequence[str], missing: Collection[str]
) -> pd.DataFrame:
    typed = with_types(frame[frame["period"].isin(months)], accounts)
    return typed.assign(like_cents=typed["amount_cents"].where(~typed["period"].isin(missing), 0))


def paired(actual: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Stack both sides into leaves that only need adding up.

    Both frames bear amount_cents and like_cents (the amount, or zero in a month that cannot be compared).
    """
    sides = (
        actual.assign(
            actual_cents=actual["amount_cents"],
            reference_cents=0,
            like_for_like_cents=actual["like_cents"],
            actual_rows=1,
            reference_rows=0,
        ),
        reference.assign(
            actual_cents=0,
            reference_cents=reference["amount_cents"],
            like_for_like_cents=-reference["like_cents"],
            actual_rows=0,
            reference_rows=1,
        ),
    )
    stacked = pd.concat(sides, ignore_index=True).drop(columns=["amount_cents", "like_cents"])
    return stacked.astype(dict.fromkeys(SUMS, "int64"))


def added_up(leaves: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Add the pairs up for each combination of `by`, sorted."""
    return leaves.groupby(list(by), dropna=False, observed=True)[SUMS].sum().reset_index()


def judged(sums: pd.DataFrame, materiality: Materiality | None = None) -> pd.DataFrame:
    """Add variance, effect, share, found_in and (with a materiality) material to summed pairs; `sums` has a type."""
    change = sums["actual_cents"] - sums["reference_cents"]
    effect = change * sums["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    positive = sums["reference_cents"] > 0
    share = (change / sums["reference_cents"].where(positive, 1)).where(positive)
    found = np.select([sums["reference_rows"] == 0, sums["actual_rows"] == 0], ["actual", "reference"], "both")
    result = sums.drop(columns=SUMS).assign(
        actual_cents=sums["actual_cents"],
        reference_cents=sums["reference_cents"],
        variance_cents=change,
        effect_cents=effect,
        share=share,
        found_in=pd.Series(found, sums.index, dtype="str"),
    )
    if materiality is not None:
        counts = sums["type"].isin([kind for kind, sign in EFFECT_SIGN.items() if sign])
        result["material"] = is_material(change, share, materiality) & counts
    return result.assign(like_for_like_cents=sums["like_for_like_cents"])


def is_material(variance_cents: pd.Series, share: pd.Series, materiality: Materiality) -> pd.Series:
    """Which variances need an explanation: amount and (or) share reached; without a share the amount alone decides.

    A variance of zero never does.
    """
    large = variance_cents.abs() >= materiality.amount_cents
    steep = share.abs() >= materiality.share
    either = large & steep if materiality.mode == "and" else large | steep
    return either.where(share.notna(), large) & (variance_cents != 0)

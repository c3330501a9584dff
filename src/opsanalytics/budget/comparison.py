"""Comparison: what was planned, what happened, and which of it is bad news.

`variance` is actual minus reference, as IBCS has it. `effect` is the same seen from the result:
above zero is favourable, whether it comes from more revenue or from less cost. A share of a zero or
negative reference does not exist, and a month without ledger lines is missing, not zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import shift
from opsanalytics.settings import Materiality

COMPLETE, INCOMPLETE = "COMPLETE", "INCOMPLETE"

#: What one cent more does to the result, by account type; the computed result counts as it is.
EFFECT_SIGN: Mapping[str, int] = MappingProxyType({"revenue": 1, "result": 1, "cost": -1, "statistical": 0})

_SUMS = ["actual_cents", "reference_cents", "like_for_like_cents", "actual_rows", "reference_rows"]


def rollup(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Add up every `*_cents` column of `frame` for each combination of `by`, sorted.

    A missing code is a key of its own. With an empty `by` the one row is the total. Sums are int64 and exact, so any
    rollup adds up to its leaves.
    """
    columns = [str(c) for c in frame.columns if str(c).endswith("_cents")]
    if not by:
        return pd.DataFrame({c: [int(frame[c].sum())] for c in columns}).astype("int64")
    return frame.groupby(list(by), dropna=False, observed=True)[columns].sum().reset_index()


def missing_months(actual: pd.DataFrame, horizon: Sequence[str]) -> tuple[str, ...]:
    """Return the months of `horizon` for which `actual` (with period) has no row at all."""
    held = set(actual["period"].unique())
    return tuple(month for month in horizon if month not in held)


def prior_year_actual(actual: pd.DataFrame) -> pd.DataFrame:
    """Return last year's actuals at the periods they are compared with: each period twelve later."""
    later = {period: shift(period, 12) for period in actual["period"].unique()}
    return actual.assign(period=actual["period"].map(later).astype("str"))


def with_types(frame: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` (with account) with the account's type and pl_line; one not in the chart is "(unassigned)"."""
    chart = accounts.reindex(columns=["account", "type", "pl_line"])
    chart = chart.assign(account=chart["account"].fillna(UNASSIGNED)).astype({"type": "str", "pl_line": "str"})
    own = frame.drop(columns=[c for c in ("type", "pl_line") if c in frame.columns])
    typed = own.assign(account=own["account"].fillna(UNASSIGNED).astype("str"))
    typed = typed.merge(chart, on="account", how="left", validate="m:1")
    return typed.fillna({"type": UNASSIGNED, "pl_line": UNASSIGNED})


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
    return stacked.astype(dict.fromkeys(_SUMS, "int64"))


def added_up(leaves: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Add the pairs up for each combination of `by`, sorted."""
    return leaves.groupby(list(by), dropna=False, observed=True)[_SUMS].sum().reset_index()


def judged(sums: pd.DataFrame, materiality: Materiality | None = None) -> pd.DataFrame:
    """Add variance, effect, share, found_in and (with a materiality) material to summed pairs; `sums` has a type."""
    change = sums["actual_cents"] - sums["reference_cents"]
    effect = change * sums["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    positive = sums["reference_cents"] > 0
    share = (change / sums["reference_cents"].where(positive, 1)).where(positive)
    found = np.select([sums["reference_rows"] == 0, sums["actual_rows"] == 0], ["actual", "reference"], "both")
    result = sums.drop(columns=_SUMS).assign(
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

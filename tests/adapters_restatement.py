"""Adapter: the restatement cases in the package's words; it translates names and units, nothing else.

A run is {month: amount}, {month: {account: amount}} or {account: {month: amount}}; the changes come back in the same
shape, unchanged months of the earlier run as 0. With types of both kinds the bridge is the result's, and each
measure's stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from opsanalytics import formats, periods
from opsanalytics.budget import amounts
from opsanalytics.budget.ledger import restatement as restating

Case = Mapping[str, Any]
_ONLY = "line"
_RUN = re.compile(r"run_?(\d+)")


def _is_month(text: object) -> bool:
    return isinstance(text, str) and periods.is_month(text)


def _amounts(run: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Yield month, account and amount of a run."""
    for outer, inner in run.items():
        if not isinstance(inner, Mapping):
            yield outer, _ONLY, inner
            continue
        for name, amount in inner.items():
            yield (outer, name, amount) if _is_month(outer) else (name, outer, amount)


def _frame(run: Mapping[str, Any], kinds: Mapping[str, str], kind: str) -> pd.DataFrame:
    rows = [
        (month, account, kinds.get(account, kind), formats.to_cents(format(Decimal(str(amount)), "f")))
        for month, account, amount in _amounts(run)
        if amount is not None
    ]
    frame = pd.DataFrame(rows, columns=["period", "account", "type", "amount_cents"])
    return frame.astype({"period": "str", "account": "str", "type": "str", "amount_cents": "int64"})


def _units(cents: int) -> int | float:
    value = Decimal(int(cents)).scaleb(-2)
    return int(value) if value == int(value) else float(value)


def _bridge(movement: pd.DataFrame, measure: str) -> dict[str, Any]:
    steps = movement[movement["measure"] == measure]
    sums = {kind: _units(steps.loc[steps["kind"] == kind, "cents"].sum()) for kind in steps["kind"].unique()}
    added = steps[steps["kind"] == restating.NEW_MONTHS]
    months = {month: _units(cents) for month, cents in zip(added["period"], added["cents"], strict=True)}
    new = _units(added["cents"].sum())
    return {**sums, "current_month": new, "new_months": months, "new_months_total": new}


def restatement(inputs: Case) -> dict[str, Any]:
    names = sorted((name for name in inputs if _RUN.fullmatch(name)), key=lambda name: int(_RUN.fullmatch(name)[1]))  # type: ignore[index]
    earlier, later = inputs[names[-2]], inputs[names[-1]]
    kinds, kind = inputs.get("account_types", {}), inputs.get("account_type", "revenue")
    before, now = (_frame(run, kinds, kind) for run in (earlier, later))
    prior_period = inputs.get("prior_period") or before["period"].max()
    period = inputs.get("period") or max(prior_period, now["period"].max() if len(now) else prior_period)
    calendar = periods.Calendar(inputs.get("fiscal_year_start_month", 1))
    found = restating.restatements(before, now, period=period, prior_period=prior_period, calendar=calendar)
    used = set(before["type"]) | set(now["type"])
    measure = used.pop() if len(used) == 1 else "result"
    to_date = now[now["period"].isin(calendar.months(period, "ytd"))]
    signed = to_date["amount_cents"].where((to_date["type"] != "cost") | (measure == "cost"), -to_date["amount_cents"])
    bridges = {name: _bridge(found.movement, name) for name in amounts.MEASURES} if len(found.movement) else {}
    return {
        "restatement": _changes(found.restated, (earlier, later), prior_period),
        "restatement_total": _units(found.restated["change_cents"].sum()),
        "effect": _units(found.restated["effect_cents"].sum()),
        "ytd_now": _units(signed.sum()),
        "movement_bridge": {**bridges[measure], **bridges} if bridges else None,
        "note": found.note,
    }


def _changes(restated: pd.DataFrame, runs: tuple[Mapping[str, Any], ...], prior_period: str) -> dict[str, Any]:
    """Return the changes by month, by month and account, or by account and month, as the case has its runs."""
    nested = all(any(isinstance(inner, Mapping) for inner in run.values()) for run in runs)
    by_month = any(map(_is_month, runs[0]))
    cells = {(month, account): 0 for month, account, _ in _amounts(runs[0]) if month <= prior_period}
    cells |= {(row.period, row.account): row.change_cents for row in restated.itertuples(index=False)}
    if not nested:
        months = sorted({month for month, _ in cells})
        return {m: _units(sum(cents for (month, _), cents in cells.items() if month == m)) for m in months}
    out: dict[str, Any] = {}
    for (month, account), cents in cells.items():
        outer, inner = (month, account) if by_month else (account, month)
        out.setdefault(outer, {})[inner] = _units(cents)
    return out


ADAPTERS: dict[str, Callable[[Case], dict[str, Any]]] = {"restatement": restatement}

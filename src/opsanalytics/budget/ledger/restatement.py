"""Restatement: what changed in months that the last pack on record had already reported.

A late posting or a correction moves a month that readers have seen. It is listed by line and month,
and it is a step of its own in the bridge from the last pack's year to date to this one, so that it
never hides in the current month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from opsanalytics.budget.comparison import EFFECT_SIGN, with_types
from opsanalytics.formats import UNASSIGNED, month_name
from opsanalytics.periods import Calendar, month_range, prior_year

LEAF = ("site", "department", "cost_centre", "account", "pl_line", "type")
MEASURES = ("revenue", "cost", "result")
PRIOR_YTD, RESTATEMENT, NEW_MONTHS, YTD = "prior_ytd", "restatement", "new_months", "ytd"
_KEY = [*LEAF, "period"]
_RESTATED = ["prior_cents", "now_cents", "change_cents", "effect_cents"]
_SHIFTED = (("AC", "ytd"), ("PY", "ytd"), ("PY", "fy"))


@dataclass(frozen=True)
class Restatement:
    """What changed since the last pack, and how its year to date became this one. Money is int64 cents.

    restated: site, department, cost_centre, account, pl_line, type, period, prior_cents, now_cents, change_cents,
    effect_cents (seen from the result), found_in {both, prior, now}; only what changed, by month and line. Zero cents
    on a side that `found_in` does not name stand for no ledger line there.
    movement: measure {revenue, cost, result}, step (from 0), kind {prior_ytd, restatement, new_months, ytd}, period (of
    a new month, else empty), cents; the steps before `ytd` add up to it.
    shifts: measure, scenario {AC, PY}, horizon {ytd; fy for PY too}, cents: how much of each of this pack's figures
    the restatements are. note: why there is no bridge; empty where there is one.
    """

    restated: pd.DataFrame
    movement: pd.DataFrame
    shifts: pd.DataFrame
    note: str = ""


def restatements(
    prior_actuals: pd.DataFrame | None,
    actuals: pd.DataFrame,
    *,
    period: str,
    prior_period: str | None,
    calendar: Calendar,
    accounts: pd.DataFrame | None = None,
    reported_since: str | None = None,
) -> Restatement:
    """What changed in the months up to `prior_period`, and how does that pack's year to date lead to this one?

    Both frames: period, account, amount_cents and any of site, department, cost_centre (what a frame lacks is
    "(unassigned)"), with pl_line and type of their own unless `accounts` gives them. Give both the same structure and
    chart, today's: a cost centre that moved is no restatement. Later periods than each pack's own are not looked at.
    `reported_since` is the first month that the prior ledger held (that of `prior_actuals` when left out, and never
    later than the start of the prior's fiscal year): what the ledger has gained before it was not reported then and
    is not listed. Without a prior (None) all frames are empty. A new month without any line has no step.

    For each measure: prior_ytd + restatement + new months = ytd. In another fiscal year than the prior's there is no
    such bridge, since that pack's year to date is of a year now over; the changes are listed still, and `shifts` says
    what they do to the prior-year figures. Raises ValueError when the prior is later than `period`, ArithmeticError
    when a bridge does not add up. The rule: a change of a reported month is a step of its own, never hidden in the
    month reported (closed-period adjustments; IAS 8 restates comparatives likewise).
    """
    if prior_actuals is None or prior_period is None:
        return Restatement(_restated(None), _steps([]), _shifts(_restated(None), period, calendar))
    if prior_period > period:
        raise ValueError(f"The prior pack is of {prior_period}, later than {period}: give one of an earlier month.")
    before = _leaves(prior_actuals, prior_period, accounts)
    now = _leaves(actuals, period, accounts)
    year = calendar.year_months(prior_period)
    first = min(filter(None, (reported_since, year[0], before["period"].min() if len(before) else None)))
    restated = _restated(_changes(before, now[now["period"] <= prior_period], first))
    shifts = _shifts(restated, period, calendar)
    if period not in year:
        note = (
            f"The last pack ({month_name(prior_period)}) is of another fiscal year, so no bridge leads from its year "
            "to date to this one. What changed in that year since is listed and moves the prior-year figures."
        )
        return Restatement(restated, _steps([]), shifts, note)
    return Restatement(restated, _movement(before, now, restated, period, prior_period, calendar), shifts)


def _leaves(frame: pd.DataFrame, last: str, accounts: pd.DataFrame | None) -> pd.DataFrame:
    """Return the amounts up to `last` by leaf and month: every part of the key is there and is text."""
    seen = frame[frame["period"] <= last]
    seen = seen if accounts is None else with_types(seen, accounts)
    texts = {name: _text(seen[name]) if name in seen.columns else UNASSIGNED for name in _KEY}
    return seen[["amount_cents"]].astype("int64").assign(**texts)


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    known = column.fillna(UNASSIGNED) if column.hasnans else column
    return known.astype("str")


def _changes(before: pd.DataFrame, now: pd.DataFrame, first: str) -> pd.DataFrame:
    """Set both sides beside each other by leaf and month from `first` on; without a merge, so cents stay int64."""
    sides = [
        before.rename(columns={"amount_cents": "prior_cents"}).assign(now_cents=0, prior_rows=1, now_rows=0),
        now.rename(columns={"amount_cents": "now_cents"}).assign(prior_cents=0, prior_rows=0, now_rows=1),
    ]
    pairs = pd.concat([side[side["period"] >= first] for side in sides], ignore_index=True)
    return pairs.groupby(_KEY)[["prior_cents", "now_cents", "prior_rows", "now_rows"]].sum().reset_index()


def _restated(pairs: pd.DataFrame | None) -> pd.DataFrame:
    """Keep what changed, with its effect, the oldest month first."""
    columns = [*_KEY, *_RESTATED, "found_in"]
    kinds = dict.fromkeys([*_KEY, "found_in"], "str") | dict.fromkeys(_RESTATED, "int64")
    if pairs is None:
        return pd.DataFrame(columns=columns).astype(kinds)
    change = pairs["now_cents"] - pairs["prior_cents"]
    found = pd.Series("both", pairs.index).mask(pairs["prior_rows"] == 0, "now").mask(pairs["now_rows"] == 0, "prior")
    effect = change * pairs["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    whole = pairs.assign(change_cents=change, effect_cents=effect, found_in=found)
    rows = whole.loc[change != 0, columns].sort_values(["period", *LEAF], kind="stable")
    return rows.astype(kinds).reset_index(drop=True)


def _shifts(restated: pd.DataFrame, period: str, calendar: Calendar) -> pd.DataFrame:
    """Add the changes up over the months of each of this pack's figures."""
    rows = []
    for scenario, horizon in _SHIFTED:
        months = calendar.months(period if scenario == "AC" else prior_year(period), horizon)
        sums = _measures(restated, months, "change_cents")
        rows += [(measure, scenario, horizon, sums[measure]) for measure in MEASURES]
    frame = pd.DataFrame(rows, columns=["measure", "scenario", "horizon", "cents"])
    return frame.astype({"measure": "str", "scenario": "str", "horizon": "str", "cents": "int64"})


def _measures(frame: pd.DataFrame, months: Sequence[str], column: str) -> Mapping[str, int]:
    """Add `column` up over `months`: revenue, cost, and the result as the one less the other."""
    part = frame[frame["period"].isin(months)]
    revenue, cost = (int(part.loc[part["type"] == kind, column].sum()) for kind in ("revenue", "cost"))
    return {"revenue": revenue, "cost": cost, "result": revenue - cost}


def _movement(
    before: pd.DataFrame, now: pd.DataFrame, restated: pd.DataFrame, period: str, prior_period: str, calendar: Calendar
) -> pd.DataFrame:
    reported, to_date = calendar.months(prior_period, "ytd"), calendar.months(period, "ytd")
    held = set(now["period"])
    added = [month for month in month_range(prior_period, period)[1:] if month in held]
    steps = [
        (PRIOR_YTD, "", _measures(before, reported, "amount_cents")),
        (RESTATEMENT, "", _measures(restated, reported, "change_cents")),
        *((NEW_MONTHS, month, _measures(now, [month], "amount_cents")) for month in added),
    ]
    whole = _measures(now, to_date, "amount_cents")
    for measure in MEASURES:
        gap = whole[measure] - sum(sums[measure] for _, _, sums in steps)
        if gap:
            raise ArithmeticError(
                f"The bridge of {measure} from {prior_period} to {period} misses the year to date by {gap} cents."
            )
    return _steps([*steps, (YTD, "", whole)])


def _steps(steps: Sequence[tuple[str, str, Mapping[str, int]]]) -> pd.DataFrame:
    rows = [
        (measure, step, kind, month, sums[measure])
        for measure in MEASURES
        for step, (kind, month, sums) in enumerate(steps)
    ]
    frame = pd.DataFrame(rows, columns=["measure", "step", "kind", "period", "cents"])
    return frame.astype({"measure": "str", "step": "int64", "kind": "str", "period": "str", "cents": "int64"})

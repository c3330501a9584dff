"""Restatement: what changed in months that the last pack on record had already reported.

A late posting or a correction moves a month that readers have seen. It is listed by line and month,
and it is a step of its own in the bridge from the year to date that the last pack printed to this one, so that it
never hides in the current month. What the chart of accounts or the structure alone has changed is another step: no
amount was corrected there, it is only counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from opsanalytics.budget.amounts import MEASURES
from opsanalytics.budget.comparison import EFFECT_SIGN, with_types
from opsanalytics.budget.leaves import LEAF
from opsanalytics.formats import UNASSIGNED, month_name
from opsanalytics.periods import Calendar, month_range

PRIOR_YTD, STRUCTURE, RESTATEMENT = "prior_ytd", "structure", "restatement"
NEW_MONTHS, YTD = "new_months", "ytd"
RESTATED, RECODED = "restated", "recoded"
_KEY = [*LEAF, "period"]
_NO_TYPES: Mapping[str, str] = MappingProxyType({})
_CENTS = ["prior_cents", "now_cents", "change_cents", "effect_cents"]


@dataclass(frozen=True)
class Restatement:
    """What changed since the last pack, and how its year to date became this one. Money is int64 cents.

    restated: site, department, cost_centre, account, pl_line, type, period, prior_cents, now_cents, change_cents,
    effect_cents (seen from the result), found_in {both, prior, now}, kind {restated, recoded}; only what changed, by
    month and line. Zero cents on a side that `found_in` does not name stand for no ledger line there. An amount that
    only went from one account to another is recoded and has no effect.
    movement: measure {revenue, cost, result}, step (from 0), kind {prior_ytd, structure, restatement, new_months, ytd},
    period (of a new month, else empty), cents; the steps before `ytd` add up to it. There is a step `structure` only
    where it is not zero in some measure. note: why there is no bridge; empty where there is one.
    """

    restated: pd.DataFrame
    movement: pd.DataFrame
    note: str = ""

    def moved(self, kind: str) -> Mapping[str, int]:
        """Return the cents of the steps of a kind by measure; empty where there is none."""
        steps = self.movement[self.movement["kind"] == kind]
        return {str(m): int(cents) for m, cents in steps.groupby("measure")["cents"].sum().items()}


def restatements(
    prior_actuals: pd.DataFrame | None,
    actuals: pd.DataFrame,
    *,
    period: str,
    prior_period: str | None,
    calendar: Calendar,
    accounts: pd.DataFrame | None = None,
    reported_since: str | None = None,
    printed: Mapping[str, int] | None = None,
    types: Mapping[str, str] = _NO_TYPES,
) -> Restatement:
    """What changed in the months up to `prior_period`, and how does that pack's year to date lead to this one?

    Both frames: period, account, amount_cents and any of site, department, cost_centre (what a frame lacks is
    "(unassigned)"), with pl_line and type of their own unless `accounts` gives them. Give both the same structure and
    chart, today's: a cost centre that moved is no restatement. Later periods than each pack's own are not looked at.
    `reported_since` is the first month that the prior ledger held (that of `prior_actuals` when left out, and never
    later than the start of the prior's fiscal year): what the ledger has gained before it was not reported then and
    is not listed. `printed` is the year to date that the last pack reported, by measure; without it the bridge starts
    from its ledger in today's chart. `types` is the type that accounts had then; it counts for one that neither today's
    chart nor today's ledger holds. Without a prior (None) all frames are empty. A new month without any line has no
    step.

    For each measure: prior_ytd + structure + restatement + new months = ytd. `structure` is what the prior ledger comes
    to in today's chart and structure beyond what was printed. What was recoded (an amount of a cost centre's month that
    left one account for another of its type, see `_recoded`) is listed as such and restates nothing. In another fiscal
    year than the prior's there is no such bridge, since that pack's year to date is of a year now over; the changes are
    listed still. Raises ValueError when the prior is later than `period`, ArithmeticError when a bridge does not add
    up. The rule: a change of a reported month is a step of its own, never hidden in the month reported (closed-period
    adjustments; IAS 8 restates comparatives likewise).
    """
    if prior_actuals is None or prior_period is None:
        return Restatement(_restated(None), _steps([]))
    if prior_period > period:
        raise ValueError(f"The prior pack is of {prior_period}, later than {period}: give one of an earlier month.")
    before = _leaves(prior_actuals, prior_period, accounts)
    now = _leaves(actuals, period, accounts)
    lost = (before["type"] == UNASSIGNED) & ~before["account"].isin(now["account"])
    before = before.assign(type=before["type"].mask(lost, before["account"].map(lambda a: types.get(a, UNASSIGNED))))
    year = calendar.year_months(prior_period)
    first = min(filter(None, (reported_since, year[0], before["period"].min() if len(before) else None)))
    restated = _restated(_changes(before, now[now["period"] <= prior_period], first))
    if period not in year:
        note = (
            f"The last pack ({month_name(prior_period)}) is of another fiscal year, so no bridge leads from its year "
            "to date to this one. What changed in that year since is listed and moves the prior-year figures."
        )
        return Restatement(restated, _steps([]), note)
    return Restatement(restated, _movement(before, now, restated, printed, (prior_period, period), calendar))


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
    columns = [*_KEY, *_CENTS, "found_in", "kind"]
    kinds = dict.fromkeys([*_KEY, "found_in", "kind"], "str") | dict.fromkeys(_CENTS, "int64")
    if pairs is None:
        return pd.DataFrame(columns=columns).astype(kinds)
    change = pairs["now_cents"] - pairs["prior_cents"]
    found = pd.Series("both", pairs.index).mask(pairs["prior_rows"] == 0, "now").mask(pairs["now_rows"] == 0, "prior")
    rows = pairs.assign(change_cents=change, found_in=found)[change != 0].sort_values(["period", *LEAF], kind="stable")
    recoded = _recoded(rows)
    effect = rows["change_cents"] * rows["type"].map(EFFECT_SIGN).fillna(0).astype("int64")
    rows = rows.assign(effect_cents=effect, kind=recoded.map({True: RECODED, False: RESTATED}))
    return rows[columns].astype(kinds).reset_index(drop=True)


def _recoded(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which changes are one amount that went from one account to another within a cost centre's month?

    Both are of one type, and the line that it left has gone. The other is new; or it was there before, and the account
    that was left is in the chart no longer. Two changes that only happen to cancel out are two restatements.
    """
    gone, new = rows["found_in"] == "prior", rows["found_in"] == "now"
    keys = rows[["period", "site", "department", "cost_centre", "type"]]
    keys = keys.assign(size=rows["change_cents"].mask(gone, -rows["change_cents"]))
    moved = _paired(keys[gone | new], gone)
    found = moved.reindex(rows.index, fill_value=False)
    closed = gone & (rows["pl_line"] == UNASSIGNED) & ~found
    taken_over = _paired(keys[closed | ~(gone | new)], closed)
    return found | taken_over.reindex(rows.index, fill_value=False)


def _paired(keys: pd.DataFrame, side: pd.Series[bool]) -> pd.Series[bool]:
    """Which rows have a counterpart of the same keys on the other side? Each is the counterpart of one only."""
    number = keys.assign(side=side.reindex(keys.index)).groupby([*keys.columns, "side"]).cumcount()
    return keys.assign(number=number).duplicated(keep=False)


def _measures(frame: pd.DataFrame, months: Sequence[str], column: str) -> Mapping[str, int]:
    """Add `column` up over `months`: revenue, cost, and the result as the one less the other."""
    part = frame[frame["period"].isin(months)]
    revenue, cost = (int(part.loc[part["type"] == kind, column].sum()) for kind in ("revenue", "cost"))
    return {"revenue": revenue, "cost": cost, "result": revenue - cost}


def _movement(
    before: pd.DataFrame,
    now: pd.DataFrame,
    restated: pd.DataFrame,
    printed: Mapping[str, int] | None,
    packs: tuple[str, str],
    calendar: Calendar,
) -> pd.DataFrame:
    """Lead from the year to date of the one pack to that of the other."""
    reported, to_date = (calendar.months(pack, "ytd") for pack in packs)
    held = set(now["period"])
    added = [month for month in month_range(*packs)[1:] if month in held]
    recoded = restated["kind"] == RECODED
    seen, moved = _measures(before, reported, "amount_cents"), _measures(restated[recoded], reported, "change_cents")
    start = seen if printed is None else printed
    structure = {measure: seen[measure] - start[measure] + moved[measure] for measure in MEASURES}
    steps = [
        (PRIOR_YTD, "", start),
        *([(STRUCTURE, "", structure)] if any(structure.values()) else []),
        (RESTATEMENT, "", _measures(restated[~recoded], reported, "change_cents")),
        *((NEW_MONTHS, month, _measures(now, [month], "amount_cents")) for month in added),
    ]
    whole = _measures(now, to_date, "amount_cents")
    for measure in MEASURES:
        gap = whole[measure] - sum(sums[measure] for _, _, sums in steps)
        if gap:
            raise ArithmeticError(
                f"The bridge of {measure} from {packs[0]} to {packs[1]} misses the year to date by {gap} cents."
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

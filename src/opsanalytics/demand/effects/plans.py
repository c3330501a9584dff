"""Plans: what a campaign or closure that nobody has decided on yet would do to the forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from opsanalytics.demand.effects.table import EFFECT_COLUMNS
from opsanalytics.formats import nearest

PLAN_COLUMNS = ("name", "kind", "first", "last")
PLANNED_KINDS = ("campaign", "closure")


@dataclass(frozen=True)
class WhatIf:
    """What planned events change. `days`: ds, name (joined by " + "), effect, before, yhat, lo80, hi80, changed days.

    `change` is the sum of yhat less before, with its 80 % range.
    """

    days: pd.DataFrame
    change: float
    lo80: float
    hi80: float


def what_if(effects: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
    """What would be known if these events were decided on? `effects` with a row a planned day, and a column `like`.

    `planned` has name, kind {campaign, closure}, first and last day, both included, and perhaps `like`: the past
    event of the same kind, among `effects`, whose effect it shall have. A closure needs none. Without one a campaign
    acts as `grouped` says. All planned rows are known ahead. ValueError, in a sentence, for what cannot be.
    """
    plan = checked_plan(planned)
    for name, kind, like in _rows(plan, "name", "kind", "like"):
        if like:
            _known_like(name, kind, like, effects)
    rows = _plan_days(plan)
    clash = rows.merge(effects[["ds", "name"]].drop_duplicates(), on=["ds", "name"], how="inner")
    if len(clash):
        day = clash["ds"].iloc[0]
        raise ValueError(
            f"'{clash['name'].iloc[0]}' stands on {day:%Y-%m-%d} already: give it another name or other days."
        )
    held = effects.assign(like=effects["like"].fillna("") if "like" in effects.columns else "")
    table = pd.concat([held.astype({"like": "str"}), rows[[*EFFECT_COLUMNS, "like"]]], ignore_index=True)
    return table.sort_values(["ds", "kind", "name"]).reset_index(drop=True)


def apply_what_if(forecast_days: pd.DataFrame, sizes: pd.DataFrame, planned: pd.DataFrame) -> WhatIf:
    """What would the planned events do to this forecast of days (ds, yhat, lo80, hi80)?

    The forecast is one without these events. yhat of their days is multiplied by 1 + effect of the event that `like`
    names in `sizes` (from `effect_sizes`); a closure without one leaves nothing. The half-widths of forecast and
    effect are added in quadrature on logs, below and above apart: sqrt(ln(yhat / lo)^2 + ln((1 + e) / (1 + lo_e))^2).
    Where yhat or its lower end is not above zero, the ends are multiplied by 1 + effect and the effect adds
    no width. The range of the total change: the change with one thing at a time at its ends (the whole forecast, each
    effect), the deviations in quadrature, below and above apart; the errors of days, and of events with one
    `like`, are taken as the same error, which is the wider case.

    Days without a forecast row (closed ones) change nothing. Raises ValueError for a campaign without `like`, a
    `like` without a measured effect, and an event that lies outside the forecast.
    """
    plan = checked_plan(planned)
    days = forecast_days[["ds", "yhat", "lo80", "hi80"]].sort_values("ds").reset_index(drop=True)
    _check_forecast(days, plan)
    effects = pd.DataFrame(
        [_effect_of(name, kind, like, sizes) for name, kind, like in _rows(plan, "name", "kind", "like")],
        columns=["reference", "effect", "lo", "hi"],
    )
    ds = days["ds"].to_numpy()
    holds = (ds[:, None] >= plan["first"].to_numpy()[None, :]) & (ds[:, None] <= plan["last"].to_numpy()[None, :])
    changed = np.flatnonzero(holds.any(axis=1))
    days, holds = days.iloc[changed].reset_index(drop=True), holds[changed]
    names = [" + ".join(plan["name"][row]) for row in holds]
    factor = _factor(holds, effects["effect"])
    low, high = (_changed_end(days, holds, effects, end) for end in ("lo", "hi"))
    table = pd.DataFrame({"ds": days["ds"], "name": pd.Series(names, dtype="str"), "effect": factor - 1.0})
    table = table.assign(before=days["yhat"], yhat=days["yhat"] * factor, lo80=low, hi80=high)
    change = float((table["yhat"] - table["before"]).sum())
    down, up = _total_deviations(days, holds, effects, change)
    return WhatIf(table, change, change - down, change + up)


def checked_plan(planned: pd.DataFrame) -> pd.DataFrame:
    """Return name, kind, first, last and like of planned events, sorted; ValueError, in a sentence, for a bad row."""
    missing = [name for name in PLAN_COLUMNS if name not in planned.columns]
    if missing:
        raise ValueError(f"planned events lack {', '.join(missing)}: give name, kind, first and last day.")
    like = planned["like"].fillna("").astype("str").str.strip() if "like" in planned.columns else ""
    plan = pd.DataFrame({"name": planned["name"].fillna("").astype("str").str.strip(), "kind": planned["kind"]})
    plan = plan.assign(first=_as_days(planned, "first"), last=_as_days(planned, "last"), like=like)
    for name, kind, first, last in _rows(plan, "name", "kind", "first", "last"):
        _check_planned(name, kind, first, last)
    plan = plan.sort_values(["name", "first"]).reset_index(drop=True)
    again = plan["name"].eq(plan["name"].shift()) & (plan["first"] <= plan["last"].shift())
    if bool(again.any()):
        raise ValueError(f"'{plan['name'][again].iloc[0]}' is planned twice on the same days: keep one of the two.")
    return plan.astype({"kind": "str", "like": "str"})


def _rows(plan: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(plan[column] for column in columns), strict=True))


def _check_planned(name: str, kind: str, first: pd.Timestamp, last: pd.Timestamp) -> None:
    if not name:
        raise ValueError("a planned event has no name: name each.")
    if kind not in PLANNED_KINDS:
        raise ValueError(f"'{name}' is of the kind '{kind}': plan a campaign or a closure.")
    if last < first:
        raise ValueError(f"'{name}' ends on {last:%Y-%m-%d}, before it begins on {first:%Y-%m-%d}: swap the two days.")


def _as_days(planned: pd.DataFrame, column: str) -> pd.Series:
    days = pd.to_datetime(planned[column], format="ISO8601", errors="coerce").dt.normalize().astype("datetime64[us]")
    if bool(days.isna().any()):
        place = int(np.flatnonzero(days.isna().to_numpy())[0])
        raise ValueError(
            f"the {column} day of '{planned['name'].iloc[place]}' is '{planned[column].iloc[place]}': "
            "write it as YYYY-MM-DD."
        )
    return days


def _plan_days(plan: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each planned event and day."""
    length = ((plan["last"] - plan["first"]).dt.days + 1).to_numpy()
    rows = plan.loc[plan.index.repeat(length)]
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
    ds = (rows["first"].reset_index(drop=True) + pd.to_timedelta(offset, unit="D")).astype("datetime64[us]")
    return rows.reset_index(drop=True).assign(ds=ds, known_ahead=True)


def _known_like(name: str, kind: str, like: str, known: pd.DataFrame) -> None:
    """Raise ValueError where `like` is no event of this kind among `known` (kind, name)."""
    same = known.loc[known["kind"] == kind, "name"]
    if like in set(same):
        return
    near = nearest(like, sorted(same))
    hint = f"did you mean '{near}'?" if near else f"no past {kind} is on record."
    raise ValueError(f"'{name}' shall be like '{like}', which is no {kind} on record: {hint}")


def _check_forecast(days: pd.DataFrame, plan: pd.DataFrame) -> None:
    if days.empty:
        raise ValueError("the forecast has no days: forecast days first.")
    if bool(days["ds"].duplicated().any()):
        raise ValueError(
            f"{days.loc[days['ds'].duplicated(), 'ds'].iloc[0]:%Y-%m-%d} is forecast twice: give one series."
        )
    first, last = days["ds"].iloc[0], days["ds"].iloc[-1]
    outside = plan[(plan["first"] < first) | (plan["last"] > last)]
    if len(outside):
        raise ValueError(
            f"'{outside['name'].iloc[0]}' lies outside the forecast, which runs from {first:%Y-%m-%d} to "
            f"{last:%Y-%m-%d}: plan it inside these days."
        )


def _effect_of(name: str, kind: str, like: str, sizes: pd.DataFrame) -> tuple[str, float, float, float]:
    """Return what a planned event is measured by, its effect and the ends of its range."""
    if not like:
        if kind == "closure":
            return "", -1.0, -1.0, -1.0
        raise ValueError(f"'{name}' has no `like`: name the past campaign whose effect it shall have.")
    _known_like(name, kind, like, sizes)
    row = sizes[(sizes["kind"] == kind) & (sizes["name"] == like)].iloc[0]
    effect = float(row["effect"])
    if np.isnan(effect):
        raise ValueError(f"the effect of '{like}' was not measured on any day of its own: choose another for '{name}'.")
    low, high = (effect if np.isnan(end) else float(end) for end in (row["lo80"], row["hi80"]))
    return f"{kind} {like}", effect, low, high


def _factor(holds: np.ndarray, effect: pd.Series) -> np.ndarray:
    """Return what each day is multiplied by: the product of 1 + effect over the events that hold."""
    return np.asarray(np.where(holds, 1.0 + effect.to_numpy(dtype=np.float64)[None, :], 1.0).prod(axis=1))


def _changed_end(days: pd.DataFrame, holds: np.ndarray, effects: pd.DataFrame, end: str) -> np.ndarray:
    """Return the lower or upper end of each changed day."""
    yhat, bound = (days[name].to_numpy(dtype=np.float64) for name in ("yhat", f"{end}80"))
    factor = _factor(holds, effects["effect"])
    scaled = bound * factor
    usable = (yhat > 0) & (bound > 0) & (factor > 0)
    squares = np.zeros(len(days))
    squares[usable] = np.log(bound[usable] / yhat[usable]) ** 2
    for reference in effects["reference"].unique():  # events with one reference share its error
        at_end = effects["effect"].where(effects["reference"] != reference, effects[end])
        ratio = _factor(holds, at_end)[usable] / factor[usable]
        with np.errstate(divide="ignore"):  # an effect's end of -1 leaves nothing: the lower end is 0
            squares[usable] += np.log(ratio) ** 2
    sign = -1.0 if end == "lo" else 1.0
    return np.asarray(np.where(usable, yhat * factor * np.exp(sign * np.sqrt(squares)), scaled))


def _total_deviations(
    days: pd.DataFrame, holds: np.ndarray, effects: pd.DataFrame, change: float
) -> tuple[float, float]:
    """Return how far below and above the total change its 80 % range reaches."""

    def total(base: str, effect: pd.Series) -> float:
        return float((days[base].to_numpy(dtype=np.float64) * (_factor(holds, effect) - 1.0)).sum())

    ends = [[total(base, effects["effect"]) for base in ("lo80", "hi80")]]
    for reference in effects["reference"].unique():
        other = effects["reference"] != reference
        ends.append([total("yhat", effects["effect"].where(other, effects[end])) for end in ("lo", "hi")])
    deviations = np.array(ends) - change
    down = np.maximum(-deviations.min(axis=1), 0.0)
    up = np.maximum(deviations.max(axis=1), 0.0)
    return float(np.sqrt((down**2).sum())), float(np.sqrt((up**2).sum()))

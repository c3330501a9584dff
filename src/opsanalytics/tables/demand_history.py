"""What the history of demand says, in words and tables: effects, seasons, what stands out, and what a plan would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opsanalytics.formats import NOT_AVAILABLE, counted, entity_name, is_missing, listed, number, share, significant
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.demand import DemandForecast, Planned

_MOST = 20
_SERVICES = 8
_STRONG, _WEAK = 0.64, 0.3
_COMPONENTS = {"trend": "Trend", "week": "Season of the week", "year": "Season of the year"}
_KINDS = {"campaign": "Campaign", "closure": "Closure", "holiday": "Holiday"}


def effects_sentence(forecast: DemandForecast) -> str:
    """What did the campaigns do at most, and what do holidays leave?"""
    held = forecast.effects[forecast.effects["effect"].notna()]
    if held.empty:
        return "No holiday, campaign or closure was met on a day with a record of its own."
    said = []
    campaigns = held[held["kind"] == "campaign"]
    if len(campaigns):
        top = campaigns.iloc[int(campaigns["effect"].abs().to_numpy().argmax())]
        what = f"{top['service']}, {entity_name(str(top['site']))}"
        said.append(f"The largest campaign effect: {top['name']} on {what}, {_ranged(top)}.")
        clear = int(((campaigns["lo80"] > 0) | (campaigns["hi80"] < 0)).sum())
        said.append(f"{clear} of {len(campaigns)} measured campaign effects are clear of zero.")
    holidays = held.loc[held["kind"] == "holiday", "effect"]
    if len(holidays):
        said.append(f"A holiday changed its day by {_whole(holidays.median())} in the middle of all cases.")
    return paragraph(said) or f"{counted(len(held), 'closure')} measured."


def effects_table(forecast: DemandForecast) -> pd.DataFrame:
    """Set out what each campaign, closure and holiday did: a row an event, a column a service (the first eight).

    A cell is the change of the days' volume and its 80 % range in whole percent, "+25 % (+22 to +28)".
    """
    held = forecast.effects[forecast.effects["effect"].notna()]
    services = sorted(held["service"].unique())[:_SERVICES]
    held = held[held["service"].isin(services)]
    rows = []
    for (kind, name, site), own in held.groupby(["kind", "name", "site"], sort=True):
        cells = {row["service"]: _ranged(row) for _, row in own.iterrows()}
        days = str(int(own["days"].max()))
        label = [entity_name(str(site)), str(name), _KINDS.get(str(kind), str(kind)), days]
        rows.append([*label, *(cells.get(service, "") for service in services)])
    return text_frame(rows, ["Site", "What", "Kind", "Days", *map(str, services)])


def strength_table(forecast: DemandForecast) -> pd.DataFrame:
    """Set out how strong trend and seasons of each service are, from 0 (none) to 1 (nothing else)."""
    held = forecast.strength
    names = [name for name in _COMPONENTS if (held["component"] == name).any()]
    rows = []
    for (site, service), own in held.groupby(["site", "service"], sort=True):
        values = own.set_index("component")["strength"].to_dict()
        cells = [f"{values[name]:.2f} {_word(values[name])}" if name in values else "" for name in names]
        rows.append([entity_name(str(site)), str(service), *cells])
    return text_frame(rows, ["Site", "Service", *(_COMPONENTS[name] for name in names)])


def anomalies_table(forecast: DemandForecast) -> pd.DataFrame:
    """Set out the values far from what was to be expected a step before, the latest first, twenty at most."""
    held = forecast.anomalies.sort_values(["ds", "site", "service"], ascending=[False, True, True]).head(_MOST)
    rows = [
        [
            entity_name(str(r["site"])),
            str(r["service"]),
            f"{r['ds']:%Y-%m-%d}",
            number(r["y"]),
            number(r["expected"]),
            NOT_AVAILABLE if r["expected"] <= 0 else _whole(r["y"] / r["expected"] - 1),
            number(r["z"], 1, signed=True),
        ]
        for _, r in held.iterrows()
    ]
    return text_frame(rows, ["Site", "Service", "Stamp", "Actual", "Expected", "Off by", "z"])


def shifts_table(forecast: DemandForecast) -> pd.DataFrame:
    """Set out where a level changed for good, the latest first, and by how much."""
    held = forecast.shifts.sort_values(["ds", "site", "service"], ascending=[False, True, True])
    rows = [
        [
            entity_name(str(r["site"])),
            str(r["service"]),
            f"{r['ds']:%Y-%m-%d}",
            share(float(np.expm1(r["size"])), signed=True),
            number(r["z"], 1),
        ]
        for _, r in held.iterrows()
    ]
    return text_frame(rows, ["Site", "Service", "New level from", "Change", "z"])


def outstanding_sentence(forecast: DemandForecast) -> str:
    """How many values and steps stand out?"""
    found, steps = forecast.anomalies, forecast.shifts
    places = _places(steps)
    said = [
        f"{counted(len(found), 'value')} far from the forecast of a step before"
        f"{f', {_MOST} in the table' if len(found) > _MOST else ''}.",
        f"{counted(len(steps), 'lasting change')} of level{f': {places}' if places else ''}.",
    ]
    return paragraph(said)


def planned_sentence(planned: Planned | None) -> str:
    """What would the planned event change, service by service? Without one: how to ask for it."""
    if planned is None:
        return (
            "Nothing was asked. Set what_if to campaign or closure with its first and last day (campaign 2027-02-01 "
            "2027-02-10) and what_if_like to the past event that it should act as."
        )
    like = f" like {planned.like}" if planned.like else ""
    head = f"A {planned.kind}{like} from {planned.first} to {planned.last}:"
    said = [
        f"{r['service']}, {entity_name(str(r['site']))}: {_signed(r['change'])} {r['unit']} on "
        f"{counted(int(r['days']), 'day')} with {significant(r['before'], 2)} expected; four times in five between "
        f"{_signed(r['lo80'])} and {_signed(r['hi80'])}."
        for _, r in planned.changes.iterrows()
    ]
    return paragraph([head, *(said or ["no service to tell it of."]), *planned.notes])


def _places(steps: pd.DataFrame) -> str:
    latest = steps.sort_values("ds", ascending=False).head(_MOST // 4)
    named = [
        f"{r['service']} at {entity_name(str(r['site']))} from {r['ds']:%Y-%m-%d} by {_whole(np.expm1(r['size']))}"
        for _, r in latest.iterrows()
    ]
    return listed(named)


def _ranged(row: pd.Series) -> str:
    """Write an effect with its range, in whole percent."""
    if is_missing(row["lo80"]) or row["lo80"] == row["hi80"]:
        return _whole(row["effect"])
    ends = [number(100 * float(row[end]), signed=True) for end in ("lo80", "hi80")]
    return f"{_whole(row['effect'])} ({ends[0]} to {ends[1]})"


def _whole(value: float) -> str:
    return f"{number(100 * float(value), signed=True)} %"


def _signed(value: float) -> str:
    text = significant(float(value), 2)
    return f"+{text}" if float(value) > 0 else text


def _word(value: float) -> str:
    return "strong" if value >= _STRONG else "moderate" if value >= _WEAK else "weak"

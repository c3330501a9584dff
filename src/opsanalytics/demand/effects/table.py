"""Table: which days are special at a site, and which of it was known when.

Country holidays, campaigns and closures make one table, `ds, name, kind, known_ahead`. A forecast
made at a cutoff sees all of it up to the cutoff and, after it, only what was known ahead.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from functools import lru_cache

import numpy as np
import pandas as pd

EFFECT_COLUMNS = ("ds", "name", "kind", "known_ahead")
_EVERY_SITE = ("", "(unassigned)", "(all)")


def day_effects(
    events: pd.DataFrame | None, country: str | None, first: pd.Timestamp, last: pd.Timestamp, site: str = ""
) -> pd.DataFrame:
    """Which days from `first` to `last` are special at `site`? DataFrame[ds, name, kind, known_ahead], sorted.

    `events` has ds, name, kind {holiday, campaign, closure}, known_ahead and perhaps site (blank:
    every site). `country` is an ISO code for the holidays package; ValueError when it has none for it.
    """
    frames = [_holidays(country, first.year, last.year)] if country else []
    if events is not None and len(events):
        frames.append(_events(events, site))
    if not frames:
        return no_effects()
    table = pd.concat(frames, ignore_index=True)
    table = table[table["ds"].between(first, last)]
    return table.sort_values(["ds", "kind", "name"]).drop_duplicates(["ds", "name"]).reset_index(drop=True)


def no_effects() -> pd.DataFrame:
    """Return the empty table of effects."""
    return pd.DataFrame(
        {
            "ds": pd.DatetimeIndex([]).as_unit("us"),
            "name": pd.Series(dtype="str"),
            "kind": pd.Series(dtype="str"),
            "known_ahead": pd.Series(dtype="bool"),
        }
    )


def seen_at(effects: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """What of this was known at `cutoff`?"""
    seen = (effects["ds"].to_numpy() <= cutoff.to_datetime64()) | effects["known_ahead"].to_numpy()
    return effects if seen.all() else effects[seen]


def regressors(effects: pd.DataFrame, training: pd.DatetimeIndex) -> pd.DataFrame:
    """Return Prophet's holiday table: DataFrame[holiday, ds], the effects grouped as `grouped` says."""
    return grouped(effects, training)[["holiday", "ds"]]


def grouped(effects: pd.DataFrame, training: pd.DatetimeIndex) -> pd.DataFrame:
    """Which effects can `training` tell apart? DataFrame[holiday, ds, kind], one row per effect and day.

    Holidays met fewer than twice in `training` share one effect ("other holidays"), since one day
    proves little. Campaigns whose names differ in numbers only ("Spring 2026", "Spring 2027") are one
    campaign; one not met in training is taken to act as the latest campaign met there did, and without any
    campaign in training it has no effect. A row with a `like` acts as the event named there. Closures are
    not here: the series keeps them from the model.
    """
    found = told_apart(effects, training)
    return pd.DataFrame(
        {
            "holiday": pd.array([name for _, name, _ in found], dtype="str"),
            "ds": pd.DatetimeIndex([day for day, _, _ in found]).as_unit("us"),
            "kind": pd.array([kind for _, _, kind in found], dtype="str"),
        }
    )


def told_apart(effects: pd.DataFrame, training: pd.DatetimeIndex) -> list[tuple[datetime, str, str]]:
    """Return the rows of `grouped`, sorted: day, effect, kind."""
    days = pd.DatetimeIndex(effects["ds"])
    like = effects["like"].fillna("").tolist() if "like" in effects.columns else [""] * len(effects)
    columns = (days.to_pydatetime(), effects["kind"].tolist(), effects["name"].tolist(), like, days.isin(training))
    rows = sorted(
        (day, kind, name, (other or name) if kind == "holiday" else without_numbers(other or name), met)
        for day, kind, name, other, met in zip(*columns, strict=True)
        if kind != "closure"
    )
    times = Counter((kind, name) for _, kind, _, name, met in rows if met)
    latest = next((name for _, kind, _, name, met in reversed(rows) if met and kind != "holiday"), None)

    def group(kind: str, name: str) -> str:
        if kind == "holiday":
            return name if times[kind, name] >= 2 else "other holidays"
        return name if times[kind, name] or latest is None else latest

    told = [(day, group(kind, name), kind, met) for day, kind, _, name, met in rows]
    known = {name for _, name, _, met in told if met}
    once: dict[tuple[datetime, str], str] = {}  # two holidays on one day are two effects, the same one twice is not
    for day, name, kind, _ in told:
        if name in known:
            once.setdefault((day, name), kind)
    return sorted((day, name, kind) for (day, name), kind in once.items())


@lru_cache(maxsize=1024)
def without_numbers(name: str) -> str:
    """Return a name without its numbers, unless nothing else is in it."""
    return re.sub(r"\s*[0-9]+", "", name).strip() or name


def closure_days(effects: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the days of closures."""
    closure = effects["kind"].to_numpy() == "closure"
    return pd.DatetimeIndex(effects["ds"].to_numpy()[closure]).unique().as_unit("us")


def closed_calendar(y: pd.Series, effects: pd.DataFrame, future: pd.DatetimeIndex) -> tuple[np.ndarray, bool]:
    """On which future days is the place closed, and does the history write zeros on such days?

    `y` is a daily history (index ds). A weekday is closed when fewer than one in ten of its days of the last half
    year has a volume other than zero. Holidays are closed when none of those met on open weekdays had a
    volume; a holiday is judged by its own name where it was met, else by all of them together. A history of
    zeros only speaks by its records: open is what is on record.
    """
    values, stamps = y.to_numpy(dtype=np.float64), pd.DatetimeIndex(y.index)
    worked = np.nan_to_num(values) != 0 if bool((values != 0).any()) else ~np.isnan(values)
    weekday = stamps.day_of_week.to_numpy()
    recent = slice(stamps.searchsorted(stamps[-1] - pd.Timedelta(days=182), side="right"), None)
    open_weekday = _open_weekdays(stamps[recent], weekday[recent], worked[recent])
    holiday = effects["kind"].to_numpy() == "holiday"
    days, names = pd.DatetimeIndex(effects["ds"].to_numpy()[holiday]), effects["name"].to_numpy()[holiday]
    met = np.asarray((days >= stamps[0]) & (days <= stamps[-1])) & open_weekday[days.day_of_week.to_numpy()]
    kept = days[met].isin(stamps[worked])
    by_name: dict[str, bool] = {}
    for name, one in zip(names[met], kept, strict=True):
        by_name[name] = by_name.get(name, False) or bool(one)
    otherwise = bool(kept.any()) or not len(kept)
    opened = np.array([by_name.get(name, otherwise) for name in names], dtype=bool)
    closed = ~open_weekday[future.day_of_week.to_numpy()] | future.isin(days[~opened])
    return closed, bool((values[~open_weekday[weekday]] == 0).any())


def _open_weekdays(stamps: pd.DatetimeIndex, weekday: np.ndarray, worked: np.ndarray) -> np.ndarray:
    """On which of the seven weekdays is the place open? Every one where demand comes too rarely to tell."""
    first = int(stamps[0].day_of_week)
    span = int((stamps[-1].normalize() - stamps[0].normalize()).days) + 1
    held = np.bincount((first + np.arange(span)) % 7, minlength=7)
    busy = np.bincount(weekday[worked], minlength=7)
    share = np.where(held > 0, busy / np.maximum(held, 1), busy.sum() / span)
    found = share >= 0.1
    return found if found.any() else ~found


def _events(events: pd.DataFrame, site: str) -> pd.DataFrame:
    if "site" in events.columns:
        events = events[events["site"].isna() | events["site"].isin([*_EVERY_SITE, site])]
    days = pd.to_datetime(events["ds"]).dt.normalize().astype("datetime64[us]")
    return events[list(EFFECT_COLUMNS)].assign(ds=days, known_ahead=events["known_ahead"].astype("bool"))


@lru_cache(maxsize=64)
def _holidays(country: str, first_year: int, last_year: int) -> pd.DataFrame:
    import holidays

    try:
        found = holidays.country_holidays(country, years=range(first_year, last_year + 1))
    except NotImplementedError as error:
        raise ValueError(
            f"no holidays are known for the country '{country}': give its ISO code, for example IE."
        ) from error
    rows = sorted(found.items())
    return pd.DataFrame(
        {
            "ds": pd.DatetimeIndex([day for day, _ in rows]).as_unit("us"),
            "name": pd.Series([name for _, name in rows], dtype="str"),
            "kind": "holiday",
            "known_ahead": True,
        }
    )

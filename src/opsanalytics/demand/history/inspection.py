"""Inspection: one series of a report looked at closely, and events that nobody has decided on yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from opsanalytics.demand import effects as fx
from opsanalytics.demand.direct import shared_days
from opsanalytics.demand.effects.plans import checked_plan
from opsanalytics.demand.frequency import is_intraday
from opsanalytics.demand.history.components import Components
from opsanalytics.demand.history.findings import measured_effects, ordinary_points, taken_apart
from opsanalytics.demand.result import DemandForecast, stacked
from opsanalytics.formats import ALL, entity_name, listed

_YEAR = 365
_CHANGE_COLUMNS = ["site", "service", "unit", "days", "before", "change", "lo80", "hi80"]
_PLANNED = "Planned event"


class Series(NamedTuple):
    """One series of a report, at the frequency it is looked at: days where it is finer. A missing unit is ""."""

    site: str
    service: str
    unit: str
    freq: str


@dataclass(frozen=True)
class Planned:
    """What a planned event would change: `changes` has site, service, unit, days (changed), before (their forecast),
    change, lo80 and hi80, all in the unit; `notes` say which services it cannot be told for, and why.
    """

    kind: str
    first: str
    last: str
    like: str
    changes: pd.DataFrame
    notes: tuple[str, ...]


def largest(forecast: DemandForecast, *, by_day: bool = False) -> Series:
    """Which service has the largest volume of the last year on record? `by_day`: of those on record by day.

    Volumes are compared as numbers, whatever their units: it is a choice of what to show, not a finding. Where there is
    none, a series without history is named "No service".
    """
    rows = forecast.history[~forecast.history["freq"].map(is_intraday).astype("bool")]
    rows = rows[rows["freq"].eq("D") | (not by_day)]
    if rows.empty:
        return Series(forecast.entity, "No service", "", "D")
    recent = rows[rows["ds"] > rows["ds"].max() - pd.Timedelta(days=_YEAR)]
    sums = recent.assign(unit=recent["unit"].fillna("")).groupby(list(Series._fields))["y"].sum().reset_index()
    first = sums.sort_values(["y", "site", "service"], ascending=[False, True, True]).iloc[0]
    return Series(*(str(first[name]) for name in Series._fields))


def history_of(forecast: DemandForecast, series: Series) -> pd.Series:
    """Return the values of one series, index ds."""
    return _rows_of(forecast.history, series).set_index("ds")["y"].sort_index()


def components_of(forecast: DemandForecast, series: Series) -> Components:
    """Take one series apart: its ordinary points, with steps in the level as part of the trend (see `taken_apart`).

    A day that is special at any site is not ordinary in a sum of sites.
    """
    ordinary = _ordinary(forecast, series)
    if ordinary.empty:
        return Components(ordinary, ordinary, pd.DataFrame(index=ordinary.index), ordinary, False, series.freq)
    return taken_apart(ordinary, series.freq)[0]


def closed_days(forecast: DemandForecast, series: Series) -> pd.DatetimeIndex:
    """On which days up to the last one on record was the place closed? Weekdays never worked, holidays, closures."""
    y, days = history_of(forecast, series).dropna(), _days_of(forecast, series)
    if y.empty or series.freq != "D":
        return pd.DatetimeIndex([])
    every = pd.date_range(y.index[0], y.index[-1], freq="D").as_unit("us")
    closed, _ = fx.closed_calendar(y, days, every)
    return every[closed | every.isin(fx.closure_days(days))]


def planned_event(forecast: DemandForecast, kind: str, first: str, last: str, like: str = "") -> Planned | None:
    """What would a campaign or closure from `first` to `last` do to each service forecast by day? None without a kind.

    It acts as the past event `like` of the same kind did there; a closure without one leaves nothing. See
    `apply_what_if`. Effects on a sum of sites are measured on the sum, with the events of all its sites. ValueError for
    another kind, days that are no days, and a campaign without `like`.
    """
    if not kind:
        return None
    event = checked_plan(pd.DataFrame({"name": [_PLANNED], "kind": kind, "first": first, "last": last, "like": like}))
    if kind == "campaign" and not like:
        raise ValueError(f"a campaign acts as an earlier one did: set what_if_like to {_known(forecast, kind)}.")
    rows: list[tuple[object, ...]] = []
    untold: dict[str, list[str]] = {}
    for series in _forecast_by_day(forecast):
        try:
            _refuse_known(_any_days(forecast, series), event)
            found = fx.apply_what_if(_ahead(forecast, series), _sizes(forecast, series), event)
        except ValueError as error:
            untold.setdefault(str(error), []).append(f"{series.service} at {entity_name(series.site)}")
            continue
        before = float(found.days["before"].sum())
        rows.append((*series[:3], len(found.days), before, found.change, found.lo80, found.hi80))
    changes = stacked([pd.DataFrame(rows, columns=_CHANGE_COLUMNS)], _CHANGE_COLUMNS)
    notes = tuple(f"{listed(names)}: {reason}" for reason, names in untold.items())
    return Planned(kind, first, last, like, changes, notes)


def asked_event(text: str) -> tuple[str, str, str]:
    """Read what is asked for, such as "campaign 2027-02-01 2027-02-10": kind, first and last day; blank is nothing."""
    words = text.split()
    if not words:
        return "", "", ""
    if len(words) != 3:
        raise ValueError(f"'{text}' is no event: give kind, first and last day, as in campaign 2027-02-01 2027-02-10.")
    return words[0], words[1], words[2]


def _refuse_known(days: pd.DataFrame, event: pd.DataFrame) -> None:
    """Raise ValueError where the forecast holds a campaign or closure on the asked days: it would count twice."""
    asked = days[(days["ds"] >= event["first"].iloc[0]) & (days["ds"] <= event["last"].iloc[0])]
    names = sorted(asked.loc[asked["kind"] != "holiday", "name"].unique())
    if names:
        raise ValueError(f"the forecast already holds {listed(names)} on days of these")


def _known(forecast: DemandForecast, kind: str) -> str:
    names = sorted(forecast.effects.loc[forecast.effects["kind"] == kind, "name"].unique())
    return f"one of {', '.join(map(repr, names))}" if names else f"a past {kind}, once there is one on record"


def _forecast_by_day(forecast: DemandForecast) -> list[Series]:
    made = forecast.forecasts
    made = made[(made["freq"] == "D") & ~made["reconstructed"].astype("bool")]
    rows = made[list(Series._fields)].fillna("").drop_duplicates().sort_values(["site", "service", "unit"])
    return [Series(*map(str, row)) for row in rows.itertuples(index=False)]


def _ahead(forecast: DemandForecast, series: Series) -> pd.DataFrame:
    return _rows_of(forecast.forecasts[~forecast.forecasts["reconstructed"].astype("bool")], series)


def _rows_of(frame: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Return the rows of one series; a missing unit is ""."""
    for name, wanted in series._asdict().items():
        frame = frame[frame[name].fillna("") == wanted]
    return frame


def _sizes(forecast: DemandForecast, series: Series) -> pd.DataFrame:
    """Return the effects of one series: as found, or measured on the sum of sites."""
    own = forecast.effects
    own = own[(own["site"] == series.site) & (own["service"] == series.service)]
    if len(own) or series.site != ALL:
        return own
    ordinary = _ordinary(forecast, series)
    if ordinary.empty:
        return own
    y, days = history_of(forecast, series), _days_of(forecast, series)
    return measured_effects(y, days, taken_apart(ordinary, series.freq)[0])


def _ordinary(forecast: DemandForecast, series: Series) -> pd.Series:
    return ordinary_points(history_of(forecast, series), series.freq, _any_days(forecast, series))


def _any_days(forecast: DemandForecast, series: Series) -> pd.DataFrame:
    """Return the special days of a series, or of all the series that it sums."""
    days = forecast.special_days[forecast.special_days["service"] == series.service]
    return days if series.site == ALL else days[days["site"] == series.site]


def _days_of(forecast: DemandForecast, series: Series) -> pd.DataFrame:
    """Return the special days of a series; of a sum those of any site, closures where all are closed."""
    if series.freq != "D":
        return fx.no_effects()
    days = _any_days(forecast, series)
    known = forecast.strength[forecast.strength["service"] == series.service]
    return shared_days(days, series.service, sorted({*days["site"], *(known["site"] if series.site == ALL else [])}))

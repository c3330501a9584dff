"""Totals: the demand of one site is forecast, that of the whole is the sum of its sites.

Services are added up over the sites where their units agree, never over services or units. The half-widths of the
sites' intervals are combined in quadrature, as if the sites' errors were independent, and then multiplied by
what the backtest of the sum calls for (see `widths`), since one cause may move all sites.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd

from opsanalytics.demand.direct import direct_test
from opsanalytics.demand.forecasting.intervals import LEVELS
from opsanalytics.demand.frequency import is_intraday
from opsanalytics.demand.models import SEASONAL_NAIVE
from opsanalytics.demand.record import has_ended, periods_of
from opsanalytics.demand.report import accuracy_table, site_forecast
from opsanalytics.demand.result import (
    ACCURACY_COLUMNS,
    ANOMALY_COLUMNS,
    BACKTEST_COLUMNS,
    EFFECT_SIZE_COLUMNS,
    FORECAST_COLUMNS,
    HISTORY_COLUMNS,
    INDEX_COLUMNS,
    MONTHLY_COLUMNS,
    SHIFT_COLUMNS,
    SPECIAL_DAY_COLUMNS,
    STRENGTH_COLUMNS,
    DemandForecast,
    stacked,
)
from opsanalytics.demand.widths import month_ranges, months_of, widened_forecasts, widened_test
from opsanalytics.formats import ALL
from opsanalytics.periods import Calendar
from opsanalytics.settings import Settings

_SUMMED_MODEL = "sum of sites"


def demand_forecast(
    volumes: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    *,
    period: str,
    entity: str,
    n_jobs: int = 1,
    executor: Executor | None = None,
) -> DemandForecast:
    """What demand is to be expected of `entity` to the end of the next fiscal year, seen from the end of `period`?

    `volumes` is DataFrame[site, service, unit, freq, ds, y] as `Inputs.volumes` gives it; rows after
    the last day of `period` and, for a site, those of other sites are not looked at. `tables` may hold
    events (ds, site, name, kind, known_ahead) and sites (site, time_zone); `settings` gives
    calendar, country of the holidays and time zone. For "(all)" each site is forecast and the
    sites are summed. A series that cannot be forecast is named in the notes. ValueError for a country
    without holidays and when the entity has no volumes at all.
    """
    sites = sorted(str(site) for site in volumes["site"].unique())
    if not (volumes["site"] == entity).any() and entity != ALL:
        raise ValueError(f"'{entity}' has no demand on record; there is some for {', '.join(sites) or 'no site'}.")
    if entity != ALL:
        own = volumes[volumes["site"] == entity]
        return site_forecast(own, tables, settings, period=period, entity=entity, n_jobs=n_jobs, executor=executor)
    if not sites:
        raise ValueError("there is no demand on record.")
    return total(
        [
            site_forecast(
                volumes[volumes["site"] == site],
                tables,
                settings,
                period=period,
                entity=site,
                n_jobs=n_jobs,
                executor=executor,
            )
            for site in sites
        ]
    )


def total(parts: Sequence[DemandForecast], *, entity: str = ALL) -> DemandForecast:
    """What demand does the whole expect? The sum of its sites' forecasts, service by service.

    yhat, y and volumes are sums over the sites that have the service in one unit; half-widths are the root of
    the sum of squares, below and above apart, times what the sum's own backtest calls for (`widened_forecasts`; months:
    `month_ranges`). A sum stands where no site is missing: a site counts from its first
    record on and, where it has ended (see `has_ended`), to its last one. Inside a site's forecast a missing stamp is a
    closed one; in its history it is closed when the site never worked that weekday and time, and in a month that is
    complete for all, so that months are the sum of their days. A month is complete where it is for all. The cutoff
    of a sum is the latest of its parts'. A service of a single site passes through. What the histories say (effects,
    anomalies, shifts, indices, strength) stays by site. `accuracy` also has what one forecast of the summed history had
    reached (`direct_test`), where no site of the service has ended. What keeps a sum from being made is said in the
    notes. Raises ValueError without parts or with parts of several periods.
    """
    if not parts:
        raise ValueError("there is nothing to add up.")
    if len({part.period for part in parts}) > 1:
        raise ValueError(
            f"forecasts of different months cannot be added up: {', '.join(sorted({part.period for part in parts}))}."
        )
    known = _known_history(parts)
    spans, units, positive = _site_spans(parts, known), _several_units(parts), _positive(known)
    tested = _role_sums(parts, spans, units)
    forecasts = _forecast_sums(parts, spans, tested, positive)
    forecasts = forecasts.sort_values(["site", "service", "freq", "ds"], ignore_index=True)
    order = ["site", "service", "freq", "model", "cutoff", "ds"]
    test = _backtest_sums(tested, positive).sort_values(order, ignore_index=True)
    monthly = _month_sums(parts, forecasts, test)
    monthly = monthly.sort_values(["site", "service", "unit", "period", "scenario"], ignore_index=True)
    history = stacked([_history_sums(known, spans, monthly, parts[0].calendar)], HISTORY_COLUMNS).sort_values(
        ["site", "service", "freq", "ds"], ignore_index=True
    )
    findings = {name: stacked([getattr(part, name) for part in parts], columns) for name, columns in _PASSED_ON.items()}
    own_notes = {*_unit_notes(units), *_apart_notes(spans), *_stop_notes(parts)}
    own_notes |= set(_test_notes(parts, test, spans, units))
    notes = tuple(sorted({note for part in parts for note in part.notes} | own_notes))
    several = _several_sites(spans, units)
    direct = direct_test(test, _since_all(history, spans), findings["special_days"], several, parts[0].calendar)
    scores = stacked([accuracy_table(test, history), accuracy_table(direct, history)], ACCURACY_COLUMNS)
    scores = scores.sort_values(["site", "service", "freq", "model"], ignore_index=True)
    calendar = parts[0].week_calendar
    return DemandForecast(
        parts[0].period, entity, history, forecasts, test, scores, monthly, notes, calendar, **findings
    )


_PASSED_ON = {
    "effects": EFFECT_SIZE_COLUMNS,
    "anomalies": ANOMALY_COLUMNS,
    "shifts": SHIFT_COLUMNS,
    "indices": INDEX_COLUMNS,
    "strength": STRENGTH_COLUMNS,
    "special_days": SPECIAL_DAY_COLUMNS,
}


def _positive(known: pd.DataFrame) -> set[str]:
    """Return the services that were never below zero."""
    lowest = known.groupby("service")["y"].min()
    return {str(service) for service in lowest.index[lowest >= 0]}


def _several_sites(spans: pd.DataFrame, units: Collection[str]) -> dict[str, list[str]]:
    """Return the services that several sites have in one unit and one frequency, none of them ended, and the sites."""
    sites = {str(service): sorted(own["site"].unique()) for service, own in spans.groupby("service")}
    over = set(spans.loc[spans["ended"], "service"]) | set(units)
    held = spans.groupby(["service", "freq"])["site"].nunique().groupby("service").agg(["min", "max"])
    over |= set(held.index[held["min"] < held["max"]]) | set(held.index[held["max"] < 2])
    return {service: own for service, own in sites.items() if len(own) > 1 and service not in over}


def _since_all(history: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Return the summed history from where the last site of each service began."""
    began = spans.groupby(["service", "freq"], as_index=False)["first"].max()
    rows = history.merge(began, on=["service", "freq"], how="left", validate="many_to_one")
    return rows.loc[rows["ds"] >= rows["first"], HISTORY_COLUMNS]


def _forecast_sums(
    parts: Sequence[DemandForecast], spans: pd.DataFrame, tested: pd.DataFrame, positive: set[str]
) -> pd.DataFrame:
    rows = pd.concat([part.forecasts for part in parts], ignore_index=True)
    keys = ["service", "unit", "freq"]
    needed = spans[~spans["ended"]].groupby(["service", "unit"], dropna=False)["site"].nunique().rename("needed")
    made = rows.groupby([*keys, "site"], dropna=False, as_index=False).agg(start=("ds", "min"), end=("ds", "max"))
    shared = made.groupby(keys, dropna=False, as_index=False).agg(
        start=("start", "max"), end=("end", "min"), held=("site", "nunique")
    )
    shared = shared.merge(needed.reset_index(), on=["service", "unit"], how="left", validate="many_to_one")
    rows = rows.merge(shared[shared["held"] == shared["needed"]], on=keys, how="inner", validate="many_to_one")
    sums = _summed(rows[(rows["ds"] >= rows["start"]) & (rows["ds"] <= rows["end"])], [*keys, "held", "ds"], LEVELS)
    test = tested[tested["role"] == "model"]
    wide = widened_forecasts(sums[sums["held"] > 1].reset_index(drop=True), test, positive)
    return stacked([sums[sums["held"] == 1], wide], FORECAST_COLUMNS)


def _backtest_sums(tested: pd.DataFrame, positive: set[str]) -> pd.DataFrame:
    """Return the backtest of the sums; where the yardstick is the model, its rows stand there once."""
    sums = tested[(tested["role"] == "yardstick") | (tested["model"] != SEASONAL_NAIVE)]
    wide = widened_test(sums[sums["needed"] > 1].reset_index(drop=True), positive)
    return stacked([sums[sums["needed"] == 1], wide], BACKTEST_COLUMNS)


def _role_sums(parts: Sequence[DemandForecast], spans: pd.DataFrame, units: Collection[str]) -> pd.DataFrame:
    """Return the summed backtest with half-widths in quadrature, with the role of its rows and the sites needed."""
    rows = pd.concat([part.backtest for part in parts], ignore_index=True)
    rows = rows[~rows["service"].isin(units)]
    yardstick = rows["model"] == SEASONAL_NAIVE
    own = ["site", "service", "freq", "cutoff"]
    modelled = pd.MultiIndex.from_frame(rows.loc[~yardstick, own].drop_duplicates())
    # where the yardstick is the model, it plays both parts
    both = rows[yardstick & ~pd.MultiIndex.from_frame(rows[own]).isin(modelled)]
    rows = pd.concat([rows.assign(role=np.where(yardstick, "yardstick", "model")), both.assign(role="model")])
    keys = ["service", "freq", "role", "cutoff", "ds"]
    needed = spans[~spans["ended"]].groupby("service")["site"].nunique().rename("needed")
    rows = rows.merge(needed.reset_index(), on="service", how="left", validate="many_to_one")
    held = rows.groupby(keys, dropna=False)["site"].transform("size")
    return _summed(rows[held == rows["needed"]], [*keys, "needed"], (80,))


def _summed(rows: pd.DataFrame, keys: list[str], levels: Sequence[int]) -> pd.DataFrame:
    """Sum `rows` over sites: volumes as they are, half-widths in quadrature."""
    squares = {}
    for level in levels:
        squares[f"lo{level}"] = (rows["yhat"] - rows[f"lo{level}"]) ** 2
        squares[f"hi{level}"] = (rows[f"hi{level}"] - rows["yhat"]) ** 2
    how = {"yhat": "sum", "y": "sum", **dict.fromkeys(squares, "sum"), "cutoff": "max", "reconstructed": "any"}
    how |= {"model": "first", "models": "nunique"}
    rows = rows.assign(**squares, models=rows["model"])
    how = {name: rule for name, rule in how.items() if name in rows.columns and name not in keys}
    table = rows.groupby(keys, dropna=False, as_index=False).agg(how)
    for level in levels:
        table[f"lo{level}"] = table["yhat"] - np.sqrt(table[f"lo{level}"])
        table[f"hi{level}"] = table["yhat"] + np.sqrt(table[f"hi{level}"])
    return table.assign(site=ALL, model=table["model"].where(table["models"] == 1, _SUMMED_MODEL))


def _history_sums(known: pd.DataFrame, spans: pd.DataFrame, monthly: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    apart = pd.MultiIndex.from_frame(_measured_apart(spans))
    rows = known[~pd.MultiIndex.from_frame(known[["service", "unit", "freq"]].fillna("")).isin(apart)]
    rows = rows.assign(slot=rows["ds"].dt.day_of_week * 1440 + rows["ds"].dt.hour * 60 + rows["ds"].dt.minute)
    rows.loc[rows["freq"].eq("MS") | rows["freq"].str.startswith("W"), "slot"] = 0
    keys = ["service", "unit", "freq"]
    worked = rows[[*keys, "site", "slot"]].drop_duplicates()
    worked = worked.merge(spans, on=[*keys, "site"], how="left", validate="many_to_one")
    sums = rows.groupby([*keys, "slot", "ds"], dropna=False, as_index=False).agg(y=("y", "sum"), held=("site", "size"))
    expected = sums[[*keys, "slot", "ds"]].merge(worked, on=[*keys, "slot"], how="left", validate="many_to_many")
    inside = (expected["ds"] >= expected["first"]) & (~expected["ended"] | (expected["ds"] <= expected["last"]))
    needed = expected[inside].groupby([*keys, "ds"], dropna=False).size().rename("needed").reset_index()
    sums = sums.merge(needed, on=[*keys, "ds"], how="left", validate="many_to_one")
    kept = (sums["held"] == sums["needed"]) | _in_whole_months(sums, monthly, calendar)
    return sums[kept & ~_in_broken_days(sums, rows)].assign(site=ALL)


def _in_whole_months(sums: pd.DataFrame, monthly: pd.DataFrame, calendar: Calendar) -> np.ndarray:
    """Which stamps lie in a month whose actuals are complete at every site? There, no record is a closed site."""
    keys = ["service", "unit", "period"]
    whole = pd.MultiIndex.from_frame(monthly.loc[(monthly["scenario"] == "AC") & monthly["complete"], keys])
    return np.asarray(pd.MultiIndex.from_frame(sums.assign(period=months_of(sums, calendar))[keys]).isin(whole))


def _in_broken_days(sums: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Which days have intervals of a site on record, but too few of them to make its day? They have no sum."""
    intraday = rows["freq"].map({freq: is_intraday(freq) for freq in rows["freq"].unique()}).astype("bool")
    keys = ["service", "unit", "site", "ds"]
    days = pd.MultiIndex.from_frame(rows.loc[rows["freq"] == "D", keys])
    begun = rows.loc[intraday, keys].assign(ds=rows.loc[intraday, "ds"].dt.normalize()).drop_duplicates()
    broken = begun.loc[~pd.MultiIndex.from_frame(begun).isin(days), ["service", "unit", "ds"]]
    own = pd.MultiIndex.from_frame(sums[["service", "unit", "ds"]])
    return np.asarray((sums["freq"] == "D") & own.isin(pd.MultiIndex.from_frame(broken)))


def _known_history(parts: Sequence[DemandForecast]) -> pd.DataFrame:
    rows = pd.concat([part.history for part in parts], ignore_index=True)
    return rows[rows["y"].notna()]


def _month_sums(parts: Sequence[DemandForecast], forecasts: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    rows = pd.concat([part.monthly for part in parts], ignore_index=True)
    keys = ["service", "unit", "period", "scenario"]
    sums = rows.groupby(keys, dropna=False, as_index=False).agg(
        volume=("volume", "sum"),
        reconstructed=("reconstructed", "any"),
        complete=("complete", "all"),
        held=("site", "size"),
        lo80=("lo80", "first"),
        hi80=("hi80", "first"),
    )
    actual = rows[rows["scenario"] == "AC"]
    spans = actual.groupby(["service", "unit", "site"], dropna=False, as_index=False).agg(
        first=("period", "min"), last=("period", "max")
    )
    spans["ended"] = [has_ended(last, parts[0].period) for last in spans["last"]]
    expected = sums[keys].merge(spans, on=["service", "unit"], how="left", validate="many_to_many")
    inside = (expected["period"] >= expected["first"]) & (~expected["ended"] | (expected["period"] <= expected["last"]))
    needed = expected[inside].groupby(keys, dropna=False).size().rename("needed").reset_index()
    sums = sums.merge(needed, on=keys, how="left", validate="one_to_one")
    sums = sums[sums["held"] == sums["needed"]].assign(site=ALL)
    added = (sums["scenario"] == "FC") & (sums["held"] > 1)
    by_day = forecasts[~forecasts["freq"].map(is_intraday).astype("bool")]
    tested = test[(test["model"] != SEASONAL_NAIVE) & ~test["freq"].map(is_intraday).astype("bool")]
    ranges = month_ranges(sums[added].reset_index(drop=True), by_day, tested, parts[0].calendar)
    return stacked([sums[~added], ranges], MONTHLY_COLUMNS)


def _site_spans(parts: Sequence[DemandForecast], known: pd.DataFrame) -> pd.DataFrame:
    """Return service, unit, freq, site, first and last stamp on record, and whether the series has ended."""
    spans = known.groupby(["service", "unit", "freq", "site"], dropna=False, as_index=False).agg(
        first=("ds", "min"), last=("ds", "max")
    )
    calendar = parts[0].calendar
    ends = [
        str(periods_of(pd.DatetimeIndex([last]), str(freq), calendar)[0])
        for last, freq in zip(spans["last"], spans["freq"], strict=True)
    ]
    return spans.assign(ended=[has_ended(end, parts[0].period) for end in ends])


def _measured_apart(spans: pd.DataFrame) -> pd.DataFrame:
    """Return service, unit ("" for none), freq of what not every site of the service is measured by: it has no sum."""
    spans = spans.assign(unit=spans["unit"].fillna(""))
    sites = spans.groupby(["service", "unit"])["site"].transform("nunique")
    held = spans.groupby(["service", "unit", "freq"])["site"].transform("nunique")
    return spans.loc[held < sites, ["service", "unit", "freq"]].drop_duplicates()


def _apart_notes(spans: pd.DataFrame) -> list[str]:
    """Say which services are measured by different intervals at their sites."""
    notes = []
    for service in sorted(_measured_apart(spans)["service"].unique()):
        own = spans[spans["service"] == service].groupby("site")["freq"].agg(lambda f: {"MS", "D"} & set(f) or set(f))
        if len({frozenset(found) for found in own}) > 1:
            notes.append(f"{service} is measured by different intervals at its sites: their history has no sum.")
    return notes


def _stop_notes(parts: Sequence[DemandForecast]) -> list[str]:
    """Say which site keeps a service's sum from going on: by a record that stops, or for want of a forecast."""
    period = parts[0].period
    rows = pd.concat([part.monthly for part in parts], ignore_index=True)
    notes = []
    for (service, _), own in rows.groupby(["service", "unit"], dropna=False):
        last = own[own["scenario"] == "AC"].groupby("site")["period"].max()
        last = last[[not has_ended(str(month), period) for month in last]]
        stopped = last[last < last.max()] if len(last) else last
        for site, month in stopped.items():
            notes.append(f"{service}: the actuals of the whole stop after {month}, where those of {site} do.")
        ahead = set(own.loc[(own["scenario"] == "FC") & (own["period"] > period), "site"])
        without = sorted(set(last.index) - ahead)
        if ahead and without:
            notes.append(f"{service}: the whole has no forecast, as {' and '.join(without)} has none.")
    return notes


def _test_notes(
    parts: Sequence[DemandForecast], test: pd.DataFrame, spans: pd.DataFrame, units: Collection[str]
) -> list[str]:
    """Say which site is too young for a backtest, where the whole has none for that."""
    rows = pd.concat([part.backtest[["service", "freq", "site"]].drop_duplicates() for part in parts])
    sites = {series: set(own) for series, own in rows.groupby(["service", "freq"])["site"]}
    whole = set(test[["service", "freq"]].drop_duplicates().itertuples(index=False, name=None))
    notes = []
    for (service, freq), own in spans[~spans["ended"]].groupby(["service", "freq"]):
        tested = sites.get((service, freq), set())
        without = sorted(set(own["site"]) - tested)
        if tested and without and (service, freq) not in whole and service not in units:
            notes.append(
                f"{service}: the whole has no backtest and no accuracy, as the history of {' and '.join(without)} "
                "is too short for one."
            )
    return notes


def _unit_notes(units: Mapping[str, list[str]]) -> list[str]:
    return [
        f"{service} is counted in {' and in '.join(kinds)}; the units are not added up, and the sum has no backtest."
        for service, kinds in units.items()
    ]


def _several_units(parts: Sequence[DemandForecast]) -> dict[str, list[str]]:
    """Return the services that the sites count in different units, and the units."""
    units = pd.concat([part.history[["service", "unit"]] for part in parts], ignore_index=True).drop_duplicates()
    kinds = {str(service): sorted(str(unit) for unit in own["unit"]) for service, own in units.groupby("service")}
    return {service: own for service, own in kinds.items() if len(own) > 1}

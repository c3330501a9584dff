"""Value: how good were the forecasts on record, did the planners' overrides help, and does the forecast lean?

A forecast is on record for a month when it was made before that month began. It is held against repeating the same
month of the year before (did forecasting help?), and the planner's own figure is held against it (did the override
help?). Errors are actual minus forecast, in the service's unit.
Source: M. Gilliland, The Business Forecasting Deal, 2010, chapter 4 (forecast value added).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsanalytics.demand.record import has_ended, records
from opsanalytics.demand.value.record import IN_TIME, LATE, MONTH, OVERRIDE_COLUMNS, SERIES, UNKNOWN, typed
from opsanalytics.formats import ALL, SIGNAL_LIMIT
from opsanalytics.periods import shift
from opsanalytics.settings import Settings

VALUE_COLUMNS = [
    *MONTH,
    "state",
    "actual",
    "forecast",
    *("lo80", "hi80", "cutoff", "lead"),
    *("override", "author", "reason", "entered", "on_record", "naive"),
    *("forecast_error", "override_error", "naive_error"),
    *("forecast_value_added", "override_value_added", "override_over_naive"),
    *("forecast_value_added_share", "override_value_added_share", "override_over_naive_share"),
]
ACTUAL_COLUMNS = [*MONTH, "scenario", "volume", "complete"]
AUTHOR_COLUMNS = [
    *("author", "unit", "overrides", "scored", "compared"),
    *("value_added", "value_added_share", "nearer", "nearer_than_naive"),
]
SIGNAL_COLUMNS = [*MONTH, "error", "months", "cumulative", "mad", "signal", "drifting"]

SCORED, OPEN, NO_ACTUAL = "scored", "open", "no actual"
DRIFT_MONTHS = 4
YEAR = 12

_SAID = ["author", "reason", "entered", "on_record"]


@dataclass(frozen=True)
class ForecastValue:
    """What forecasts and overrides were worth for one entity, up to `period`.

    `months`: VALUE_COLUMNS, the entity's months with a forecast on record or an override; `entered` and `on_record` say
    whether the override is foresight (see `foresight.standing`).
    `overrides`: VALUE_COLUMNS, each override by itself; for "(all)" those of every site, under the site's name.
    `by_author`: AUTHOR_COLUMNS, made of `overrides`.
    `signals`: SIGNAL_COLUMNS, of the forecasts on record.
    `notes`: sentences on what could not be compared.
    """

    period: str
    entity: str
    months: pd.DataFrame
    overrides: pd.DataFrame
    by_author: pd.DataFrame
    signals: pd.DataFrame
    notes: tuple[str, ...]


def value_of(
    monthly: pd.DataFrame,
    recorded: pd.DataFrame,
    overrides: pd.DataFrame | None,
    *,
    period: str,
    entity: str,
) -> ForecastValue:
    """What were the forecasts on record and the overrides of `entity` worth?

    `monthly` has ACTUAL_COLUMNS, as `DemandForecast.monthly` has them: the entity's own or, for "(all)", those of every
    site one under the other. `recorded` is what `foresight.on_record` returns, `overrides` what `foresight.standing`
    does, or the table of that name, of which it is then not known when it was made; of any site, None when not given.
    Only actuals up to `period` count.
    For "(all)" actual, forecast, override and naive are each the sum over the sites that have the service in that
    month, and stand only where every one of them has it; such a sum has no range, and the latest cutoff of its parts.
    A sum of overrides has an author and a reason where they all share it, and none that was entered late. ValueError
    when `monthly` has no rows of what is asked for.
    """
    own = monthly[monthly["site"] != ALL] if entity == ALL else monthly[monthly["site"] == entity]
    if own.empty:
        whose = "the sites, one under the other" if entity == ALL else entity
        raise ValueError(f"There are no months of {whose}: give them as monthly.")
    actual = own.loc[own["scenario"] == "AC", [*MONTH, "volume", "complete"]]
    kept = recorded if entity == ALL else recorded[recorded["site"] == entity]
    table = _planned(overrides, actual)
    planned = table if entity == ALL else table[table["site"] == entity]
    naive = seasonal_naive(actual)
    scores = forecast_value(actual, kept, planned, naive, period=period)
    months = scores
    if entity == ALL:
        spans = _spans(actual, period)
        arrived = actual[actual["complete"]]
        foresight = planned[planned["entered"] != LATE]
        sums = [_summed(frame, spans) for frame in (arrived, kept, foresight, naive)]
        months = forecast_value(sums[0].assign(complete=True), sums[1], sums[2], sums[3], period=period)
    own_overrides = scores[scores["override"].notna()].reset_index(drop=True)
    scored = months[months["state"] == SCORED]
    return ForecastValue(
        period,
        entity,
        months,
        own_overrides,
        by_author(own_overrides),
        tracking_signal(scored.rename(columns={"forecast_error": "error"})),
        _unit_notes(actual, kept),
    )


def actual_months(
    volumes: pd.DataFrame, tables: Mapping[str, pd.DataFrame], settings: Settings, *, period: str
) -> pd.DataFrame:
    """What came in by month, and which months are whole? The rows AC of `DemandForecast.monthly`, without a forecast.

    The arguments are those of `demand_forecast`; `volumes` may be of several sites.
    """
    frames = [
        one.monthly.assign(site=one.site, service=one.service, unit=one.unit, scenario="AC")
        for one in records(volumes, tables, settings, period, [])
    ]
    whole = pd.concat(frames) if frames else pd.DataFrame()
    return typed(whole, ACTUAL_COLUMNS).sort_values(MONTH, ignore_index=True)


# ------------------------------------------------------------------ what it was worth


def seasonal_naive(actual: pd.DataFrame) -> pd.DataFrame:
    """What would repeating the same month of the year before have said? MONTH + volume.

    `actual` has MONTH, volume and complete; a month that was not complete repeats nothing.
    """
    known = actual.loc[actual["complete"] & actual["volume"].notna(), [*MONTH, "volume"]]
    return known.assign(period=[shift(month, YEAR) for month in known["period"]]).astype({"period": "str"})


def forecast_value(
    actual: pd.DataFrame, recorded: pd.DataFrame, overrides: pd.DataFrame, naive: pd.DataFrame, *, period: str
) -> pd.DataFrame:
    """Did forecasting beat repeating last year, and did the override beat the forecast? VALUE_COLUMNS, sorted.

    `actual`: MONTH, volume, complete; `recorded`: RECORD_COLUMNS; `overrides`: site, service, period, volume,
    author, reason and, where known, unit, entered, on_record; `naive`: MONTH, volume. A month has a row where it has an
    override, or where its actual is complete and a forecast is on record. Its state is "scored" when the actual is
    complete, "open" when it lies after `period`, else "no actual".

    Errors are actual - forecast. Value added is the error without the step less the error with it, in absolute terms:
    forecast_value_added = |naive_error| - |forecast_error|, override_value_added = |forecast_error| -
    |override_error|, override_over_naive = |naive_error| - |override_error|; above zero the step helped. The shares are
    of the actual volume, missing where that is zero. A forecast made more than 12 months ahead has no value added over
    the naive, which then knew more than it. An override entered after its month began has no error: it is no
    foresight. Source: M. Gilliland, The Business Forecasting Deal, 2010, chapter 4.
    """
    planned = _planned(overrides, actual)
    planned = planned.loc[planned["volume"].notna(), [*MONTH, "volume", *_SAID]]
    arrived = actual.loc[actual["complete"] & (actual["period"] <= period), [*MONTH, "volume"]].dropna(subset="volume")
    table = recorded.rename(columns={"volume": "forecast"}).merge(
        planned.rename(columns={"volume": "override"}), on=MONTH, how="outer", validate="one_to_one"
    )
    for frame, name in ((arrived, "actual"), (naive, "naive")):
        own = frame[[*MONTH, "volume"]].rename(columns={"volume": name})
        table = table.merge(own, on=MONTH, how="left", validate="one_to_one")
    table["state"] = np.where(table["actual"].notna(), SCORED, np.where(table["period"] > period, OPEN, NO_ACTUAL))
    table = table[(table["state"] == SCORED) | table["override"].notna()]
    for name in ("forecast", "override", "naive"):
        table[f"{name}_error"] = table["actual"] - table[name]
    table["override_error"] = table["override_error"].mask(table["entered"] == LATE)
    size = table[["forecast_error", "override_error", "naive_error"]].abs()
    knew_more = (table["lead"] > YEAR).fillna(False).astype("bool")
    table["forecast_value_added"] = (size["naive_error"] - size["forecast_error"]).mask(knew_more)
    table["override_value_added"] = size["forecast_error"] - size["override_error"]
    table["override_over_naive"] = size["naive_error"] - size["override_error"]
    volume = table["actual"].where(table["actual"] > 0)
    for name in ("forecast_value_added", "override_value_added", "override_over_naive"):
        table[f"{name}_share"] = table[name] / volume
    return typed(table, VALUE_COLUMNS).sort_values(MONTH, ignore_index=True)


def by_author(overrides: pd.DataFrame) -> pd.DataFrame:
    """Whose overrides helped? AUTHOR_COLUMNS, one row per author and unit: volumes of two units have no mean.

    `overrides` has VALUE_COLUMNS. overrides, scored and compared count all of them, those whose month has its actual
    and that were not entered late, and those of these that had a forecast on record; the next three are of the compared
    ones. value_added is the mean in the unit, value_added_share the sum of it over the sum of the actuals, nearer the
    share of months where the override was nearer to the actual than the forecast. nearer_than_naive is of the scored
    ones with a year before. A tie is not nearer; a mean of nothing is missing.
    """
    rows = []
    for (author, unit), own in overrides.groupby(["author", "unit"], dropna=False):
        compared = own[own["override_value_added"].notna()]
        over_naive = own["override_over_naive"].dropna()
        volume = compared["actual"].sum()
        added = compared["override_value_added"]
        rows.append(
            {
                "author": author,
                "unit": unit,
                "overrides": len(own),
                "scored": int(own["override_error"].notna().sum()),
                "compared": len(compared),
                "value_added": added.mean(),
                "value_added_share": added.sum() / volume if volume > 0 else np.nan,
                "nearer": (added > 0).mean(),
                "nearer_than_naive": (over_naive > 0).mean(),
            }
        )
    return typed(pd.DataFrame(rows), AUTHOR_COLUMNS).sort_values(["author", "unit"], ignore_index=True)


def tracking_signal(errors: pd.DataFrame) -> pd.DataFrame:
    """Does the forecast lean to one side, month after month? SIGNAL_COLUMNS, per series in time order.

    `errors` has MONTH and error (actual - forecast); months without an error are left out. cumulative is the sum of
    the errors so far, mad the mean of their absolute values, signal = cumulative / mad; above zero the forecast was
    too low. Source: R. G. Brown, Statistical Forecasting for Inventory Control, 1959; limits of +-4.
    The first month's signal is therefore +1 or -1, and no signal is larger than its number of months: `drifting`
    (|signal| > 4, with at least 4 months) cannot be true before the fifth. mad is zero only while every error was, and
    the signal is then 0. Errors of an unbiased forecast add up to more the longer they are summed: with independent
    normal errors its signal is beyond 4 at the 6th month in 21 of 100 cases, at the 12th in 37 and at the 24th in 52.
    So it asks for a look, and is no proof of a bias. ValueError when a month has two errors.
    """
    known = errors.loc[errors["error"].notna(), [*MONTH, "error"]].sort_values(MONTH, ignore_index=True)
    twice = known[known.duplicated(MONTH)]
    if len(twice):
        row = twice.iloc[0]
        raise ValueError(f"{row['service']} at {row['site']} has two errors of {row['period']}: give one a month.")
    series = known.groupby(SERIES, dropna=False)
    months = series.cumcount() + 1
    cumulative = series["error"].cumsum()
    absolute = known.assign(error=known["error"].abs()).groupby(SERIES, dropna=False)["error"].cumsum()
    signal = (months * (cumulative / absolute.where(absolute > 0))).fillna(0.0)
    return typed(
        known.assign(
            months=months,
            cumulative=cumulative,
            mad=absolute / months,
            signal=signal,
            drifting=(signal.abs() > SIGNAL_LIMIT) & (months >= DRIFT_MONTHS),
        ),
        SIGNAL_COLUMNS,
    )


# ------------------------------------------------------------------ the whole


def _planned(overrides: pd.DataFrame | None, actual: pd.DataFrame) -> pd.DataFrame:
    """Give overrides the unit of their series, "" where it has no actual, and say what is known of their making."""
    table = pd.DataFrame(columns=OVERRIDE_COLUMNS) if overrides is None else overrides
    if "entered" not in table.columns:
        table = table.assign(entered=UNKNOWN, on_record=np.datetime64("NaT"))
    if "unit" not in table.columns:
        units = actual[SERIES].drop_duplicates()
        table = table.merge(units, on=["site", "service"], how="left", validate="many_to_one")
        table = table.assign(unit=table["unit"].fillna(""))
    return typed(table, [*MONTH, "volume", *_SAID])


def _spans(actual: pd.DataFrame, period: str) -> pd.DataFrame:
    """Return from which month to which each site has a service; one that has not ended goes on."""
    spans = actual.groupby(SERIES, as_index=False, dropna=False).agg(first=("period", "min"), last=("period", "max"))
    return spans.assign(ended=[has_ended(last, period) for last in spans["last"]])


def _summed(frame: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Sum a frame of sites' months over the sites that have the service then, where every one of them is there."""
    key = ["service", "unit", "period"]
    expected = frame[key].drop_duplicates().merge(spans, on=["service", "unit"], how="inner", validate="many_to_many")
    inside = (expected["period"] >= expected["first"]) & (~expected["ended"] | (expected["period"] <= expected["last"]))
    rows = expected.loc[inside, [*key, "site"]].merge(frame, on=[*key, "site"], how="left", validate="one_to_one")
    how: dict[str, tuple[str, object]] = {"volume": ("volume", "sum"), "missing": ("gap", "sum")}
    how |= {name: (name, rule) for name, rule in (("cutoff", "max"), ("lead", "min")) if name in rows}
    how |= {name: (name, _if_one) for name in ("author", "reason") if name in rows}
    how |= {name: (name, rule) for name, rule in (("entered", _weakest), ("on_record", "max")) if name in rows}
    sums = rows.assign(gap=rows["volume"].isna()).groupby(key, as_index=False, dropna=False).agg(**how)
    whole = sums[sums["missing"] == 0].drop(columns="missing").assign(site=ALL)
    columns = ["lo80", "hi80"] if "lo80" in frame else []
    whole = whole.assign(**dict.fromkeys(columns, np.nan))
    return typed(whole, [name for name in frame.columns if name in whole.columns])


def _if_one(texts: pd.Series) -> str | float:
    """Return the text that all rows share; missing where they differ."""
    return str(texts.iloc[0]) if texts.nunique(dropna=False) == 1 else np.nan


def _weakest(marks: pd.Series) -> str:
    """Return what can be said of all overrides of a sum: in time only where each of them was."""
    return IN_TIME if (marks == IN_TIME).all() else UNKNOWN if (marks == UNKNOWN).any() else ""


def _unit_notes(actual: pd.DataFrame, recorded: pd.DataFrame) -> tuple[str, ...]:
    """Say which forecasts on record are in another unit than the actuals, and are not held against them."""
    both = (
        recorded[SERIES]
        .drop_duplicates()
        .merge(actual[SERIES].drop_duplicates(), on=["site", "service"], suffixes=("", "_now"))
    )
    other = both[both["unit"] != both["unit_now"]]
    return tuple(
        sorted(
            f"{row['service']} at {row['site']}: the forecast on record counts {row['unit'] or 'no unit'}, the actuals "
            f"{row['unit_now'] or 'no unit'}; they are not compared."
            for _, row in other.iterrows()
        )
    )

"""What forecasts and overrides were worth, in words and tables: last month's first, then what they keep doing.

Errors are actual minus forecast: above zero more came in than was said. What was said before the month is on record and
does not change; it is given in whole percent all the same, since no forecast is known better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.demand.value.added import NO_ACTUAL, OPEN, SCORED
from opsanalytics.demand.value.record import IN_TIME, LATE, UNKNOWN
from opsanalytics.formats import (
    SIGNAL_LIMIT,
    counted,
    entity_name,
    is_missing,
    listed,
    month_name,
    number,
    share,
)
from opsanalytics.periods import prior_year
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.demand.value.added import ForecastValue

_SAID = 3
_ENTERED = {IN_TIME: IN_TIME, LATE: f"{LATE}, not scored", UNKNOWN: UNKNOWN}


def value_sentence(value: ForecastValue) -> str:
    """How good was last month's forecast, did the override help, and does a forecast lean to one side?

    Three sentences below a head: forecasts, overrides, tracking signals.
    """
    rows = value.months[value.months["period"] == value.period]
    head = f"{month_name(value.period)}, {entity_name(value.entity)}."
    made = rows[rows["forecast_error"].notna()]
    if made.empty:
        first = (
            f"No forecast of {month_name(value.period)} can be scored: none was on record before it began, or the "
            "month is not whole. A forecast is on record once a run of an earlier month has made it."
        )
    else:
        first = _one_forecast(made.iloc[0], value) if len(made) == 1 else _forecasts(made, value)
    return paragraph([head, first, _overrides_sentence(value), _signals_sentence(value)])


def value_table(value: ForecastValue) -> pd.DataFrame:
    """Set out last month by service: what was said before it, what came in, the errors, and what each step added.

    Errors and value added are in percent of what came in. A forecast added what it was nearer than the same month a
    year before, an override what it was nearer than the forecast; below zero it was further off.
    """
    rows = []
    for _, r in value.months[value.months["period"] == value.period].iterrows():
        rows.append(
            [
                *_names(r),
                number(r["actual"]),
                number(r["forecast"]),
                _day(r["cutoff"]),
                _range(r),
                number(r["override"]),
                number(r["naive"]),
                *(_of_actual(r, f"{name}_error") for name in ("forecast", "override", "naive")),
                share(r["forecast_value_added_share"], signed=True),
                share(r["override_value_added_share"], signed=True),
            ]
        )
    before = month_name(prior_year(value.period))
    heads = ["Actual", "Forecast on record", "Seen to", "80 % range", "Override", before]
    errors = ["Error of forecast", "Error of override", f"Error of {before}"]
    return text_frame(rows, ["Site", "Service", "Unit", *heads, *errors, "Forecast added", "Override added"])


def overrides_table(value: ForecastValue) -> pd.DataFrame:
    """Set out every override, the newest month first: whose, why, whether it is foresight, and what it added."""
    rows = []
    order = value.overrides.sort_values(["period", "site", "service"], ascending=[False, True, True], kind="stable")
    for _, r in order.iterrows():
        state = {OPEN: "month to come", NO_ACTUAL: "no whole month", SCORED: ""}[str(r["state"])]
        rows.append(
            [
                month_name(str(r["period"])),
                *_names(r),
                number(r["override"]),
                "" if state else number(r["actual"]),
                *(_of_actual(r, f"{name}_error") for name in ("override", "forecast", "naive")),
                share(r["override_value_added_share"], signed=True),
                _text(r["author"]),
                _text(r["reason"]),
                state or _ENTERED.get(_text(r["entered"]), ""),
                _day(r["on_record"]),
            ]
        )
    errors = ["Error of override", "Error of forecast", "Error of year before"]
    heads = ["Override", "Actual", *errors, "Override added", "Author", "Reason", "Entered", "In runs since"]
    table = text_frame(rows, ["Month", "Site", "Service", "Unit", *heads])
    return table.drop(columns="Unit") if (table["Unit"].str.lower() == table["Service"].str.lower()).all() else table


def signals_table(value: ForecastValue) -> pd.DataFrame:
    """Set out each series' tracking signal at its last month: the sum of its errors over their mean size."""
    rows = []
    for _, r in _latest(value).iterrows():
        drifting = f"beyond {number(SIGNAL_LIMIT)}: look"
        rows.append(
            [
                *_names(r),
                month_name(str(r["period"])),
                number(r["months"]),
                number(r["cumulative"], signed=True),
                number(r["mad"]),
                number(r["signal"], 1, signed=True),
                drifting if r["drifting"] else "within limits",
            ]
        )
    heads = ["Last month", "Months", "Sum of errors", "Mean size of error", "Signal", "Verdict"]
    return text_frame(rows, ["Site", "Service", "Unit", *heads])


# ------------------------------------------------------------------ sentences


def _one_forecast(row: pd.Series, value: ForecastValue) -> str:
    """Say how far off the one forecast was, and how far off the year before."""
    own = f"{_label(row, value)}: the forecast on record was {_miss(row, 'forecast_error')}"
    before = month_name(prior_year(value.period))
    added = row["forecast_value_added"]
    if is_missing(added):
        return f"{own}; {before} is no measure for it."
    helped = "forecasting helped" if added > 0 else "forecasting did not help"
    return f"{own}, repeating {before} would have been {_miss(row, 'naive_error')}: {helped}."


def _forecasts(rows: pd.DataFrame, value: ForecastValue) -> str:
    """Say how many forecasts were nearer than the year before, and which missed most."""
    compared = rows[rows["forecast_value_added"].notna()]
    before = month_name(prior_year(value.period))
    nearer = int((compared["forecast_value_added"] > 0).sum())
    size = (rows["forecast_error"].abs() / rows["actual"].where(rows["actual"] > 0)).fillna(0.0)
    worst = rows.loc[[size.idxmax()]].iloc[0]
    said = (
        f"{nearer} of {len(compared)} forecasts on record were nearer than repeating {before}"
        if len(compared)
        else f"{counted(len(rows), 'forecast')} on record, and no {before} to hold them against"
    )
    return f"{said}; the one furthest off, {_label(worst, value)}, was {_miss(worst, 'forecast_error')}."


def _overrides_sentence(value: ForecastValue) -> str:
    """Say whether last month's overrides were nearer than the forecast, or without one than the year before."""
    rows = value.overrides[value.overrides["period"] == value.period]
    if rows.empty:
        return f"There is no override of {month_name(value.period)}."
    late, unknown = (int((rows["entered"] == mark).sum()) for mark in (LATE, UNKNOWN))
    scored = [row for _, row in rows.iterrows() if not is_missing(row["override_error"])]
    said = [_override(row, value) for row in scored[:_SAID]]
    said += [f"{len(scored) - _SAID} more overrides stand in the table."] if len(scored) > _SAID else []
    if late:
        said.append(f"{counted(late, 'override')} entered after the month began {_be(late)} not scored.")
    if unknown and scored:
        which = f"Of {unknown} of them there" if unknown < len(rows) else "There"
        said.append(f"{which} is no record of when {'it was' if unknown == 1 else 'they were'} made.")
    return " ".join(said) or f"Of {counted(len(rows), 'override')} there is no whole month to hold against."


def _override(row: pd.Series, value: ForecastValue) -> str:
    who = _text(row["author"])
    own = f"{who + chr(39) + 's' if who else 'The'} override of {_label(row, value)} was {_miss(row, 'override_error')}"
    added = row["override_value_added"]
    if not is_missing(added):
        verdict = "helped" if added > 0 else "made it worse" if added < 0 else "changed nothing"
        return f"{own}, the forecast {_miss(row, 'forecast_error')}: it {verdict}."
    if not is_missing(row["override_over_naive"]):
        before = month_name(prior_year(value.period))
        return f"{own}, repeating {before} would have been {_miss(row, 'naive_error')}."
    return f"{own}."


def _signals_sentence(value: ForecastValue) -> str:
    """Name the series whose tracking signal is beyond its limit, and say how weak that alarm is."""
    latest = _latest(value)
    drifting = latest[latest["drifting"]]
    if latest.empty:
        return ""
    if drifting.empty:
        return f"No forecast leans to one side by its tracking signal ({len(latest)} series)."
    named = [
        f"{_label(r, value)} (signal {number(r['signal'], 1, signed=True)} after {number(r['months'])} months: "
        f"forecasts too {'low' if r['signal'] > 0 else 'high'})"
        for _, r in drifting.iterrows()
    ]
    more = [f"{len(named) - _SAID} more"] if len(named) > _SAID else []
    return (
        f"Leaning to one side: {listed([*named[:_SAID], *more])}. A signal beyond {number(SIGNAL_LIMIT)} asks for a "
        "look and is no proof: after 12 months 37 of 100 unbiased forecasts are beyond it too."
    )


def _latest(value: ForecastValue) -> pd.DataFrame:
    return value.signals.groupby(["site", "service", "unit"], as_index=False, dropna=False).tail(1)


def _miss(row: pd.Series, column: str) -> str:
    """Say how far off in whole percent of what came in, and to which side: "12 % too low", "as it came"."""
    error, actual = float(row[column]), float(row["actual"])
    if actual <= 0:
        size = f"{number(abs(error))} {_text(row['unit'])}".strip()
    else:
        size = f"{number(100 * abs(error) / actual)} %"
    if not size.strip("0 %") and actual > 0:
        return "within half a percent"
    return f"{size} too {'low' if error > 0 else 'high'}" if error else "right to the unit"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _label(row: pd.Series, value: ForecastValue) -> str:
    return str(row["service"]) if row["site"] == value.entity else f"{row['service']}, {row['site']}"


# ------------------------------------------------------------------ cells


def _names(row: pd.Series) -> list[str]:
    return [entity_name(str(row["site"])), str(row["service"]), _text(row["unit"])]


def _text(value: object) -> str:
    return "" if is_missing(value) else str(value)


def _day(value: pd.Timestamp) -> str:
    return "" if is_missing(value) else f"{value:%d} {month_name(f'{value:%Y-%m}')}"


def _range(row: pd.Series) -> str:
    return "" if is_missing(row["lo80"]) else f"{number(row['lo80'])} to {number(row['hi80'])}"


def _of_actual(row: pd.Series, column: str) -> str:
    return share(row[column] / row["actual"] if row["actual"] > 0 else None, signed=True)

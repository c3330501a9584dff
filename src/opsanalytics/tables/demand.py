"""Demand in words and tables. A forecast is rounded to two figures in a sentence: it is not known better.

What is compared with a forecast is given in whole percent, so that the same data says the same on another machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.formats import (
    NOT_AVAILABLE,
    about,
    entity_name,
    grain,
    is_missing,
    listed,
    month_name,
    number,
    share,
    significant,
)
from opsanalytics.periods import Calendar, prior_year, shift
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.demand import DemandForecast

_SAID = 6
_NARROW = 0.1  # of its upper end
_YARDSTICK, _DIRECT = "seasonal naive", "direct"


def demand_sentence(forecast: DemandForecast) -> str:
    """What came in, against last year and its forecast, and what is to come next month? One sentence a service.

    First of all: which forecasts the backtest found worse than their yardstick or, if none, by how much they beat it.
    """
    pairs = _pairs(forecast.monthly)
    head = f"{month_name(forecast.period)}, {entity_name(forecast.entity)}"
    if not pairs:
        return f"{head}: no whole month of demand to speak of."
    sentences = [_service_sentence(forecast, site, service) for site, service in pairs[:_SAID]]
    if len(pairs) > _SAID:
        sentences.append(f"{len(pairs) - _SAID} more stand in the table.")
    return paragraph([f"{head}.", _warning(forecast) or _gain(forecast), *sentences])


def accuracy_sentence(forecast: DemandForecast) -> str:
    """How far off was the forecast in the backtest, and did it beat the yardstick?"""
    sentences = []
    for name, own, other in _errors(forecast):
        yardstick = "" if other is None else f" (yardstick {_percent(other)})"
        sentences.append(f"{name}: off by {_percent(own)} of the volume in the backtest{yardstick}.")
    said = sentences[: 2 * _SAID]
    more = [f"{len(sentences) - len(said)} more stand in the table."] if len(sentences) > len(said) else []
    return paragraph([*said, *more]) or "The accuracy is off: the history is too short to test a forecast on."


def demand_table(forecast: DemandForecast, *, months: int = 6) -> pd.DataFrame:
    """Set out each service: last month's volume, the forecast of it, the same month a year ago, the months to come.

    The next month's forecast has its 80 % range beside it, where one is known.
    """
    period = forecast.period
    ahead = [shift(period, k) for k in range(1, months + 1)]
    columns = [("AC", prior_year(period)), ("FC", period), ("AC", period), *(("FC", month) for month in ahead)]
    volumes, ranges = _by_month(forecast), _ranges(forecast)
    units = forecast.monthly.drop_duplicates(["site", "service"]).set_index(["site", "service"])["unit"]
    rows = []
    for site, service in _pairs(forecast.monthly):
        cells = [number(volumes.get((site, service, scenario, month))) for scenario, month in columns]
        unit = units.get((site, service))
        if ranges:
            cells.insert(4, _between(ranges.get((site, service, ahead[0]))) or NOT_AVAILABLE)
        rows.append([entity_name(site), service, "" if is_missing(unit) else str(unit), *cells])
    heads = [f"{scenario} {month_name(month)}" for scenario, month in columns]
    if ranges:
        heads.insert(4, f"80 % range {month_name(ahead[0])}")
    return text_frame(rows, ["Site", "Service", "Unit", *heads])


def accuracy_table(forecast: DemandForecast) -> pd.DataFrame:
    """Set out the scores of the backtest, the forecast beside its yardstick.

    What lies in the 80 % interval is measured with intervals that the other test periods calibrated.
    """
    frame = forecast.accuracy
    rows = []
    for _, r in frame.sort_values(["site", "service", "freq", "wape"], kind="stable").iterrows():
        rows.append(
            [
                entity_name(str(r["site"])),
                str(r["service"]),
                grain(str(r["freq"])),
                _model(str(r["model"])),
                share(r["wape"]),
                number(r["mase"], 2),
                f"{number(r['smape'], 1)} %",
                share(r["bias"], signed=True),
                share(r["coverage80"]),
                number(r["windows"]),
            ]
        )
    scores = ["WAPE", "MASE", "sMAPE", "Bias", "In 80 % interval", "Test periods"]
    return text_frame(rows, ["Site", "Service", "Forecast by", "Model", *scores])


def demand_adds_up(forecast: DemandForecast, calendar: Calendar) -> pd.DataFrame:
    """Do the months equal the history and the forecasts they are made of?

    Compares each service's whole months of actuals with the sum of its history, and its months to come with the sum
    of its latest forecast, by day where it is made by day or finer. Columns: Site, Service, What, Months,
    Sum of months, Sum of parts, Difference, Agrees (to a thousandth of the volume).
    """
    rows = []
    for site, service in _pairs(forecast.monthly):
        months = _of(forecast.monthly, site, service)
        months = months[months["volume"].notna()]
        whole = months[(months["scenario"] == "AC") & months["complete"].astype(bool)]
        history = _own(_of(forecast.history, site, service), finest=True)
        rows.append(_compared(site, service, "actual", whole, _sums(history, "y", calendar)))
        ahead = months[(months["scenario"] == "FC") & (months["period"] > forecast.period)]
        made = _own(_of(forecast.forecasts, site, service), finest=False)
        made = made[made["cutoff"] == made["cutoff"].max()]
        rows.append(_compared(site, service, "forecast", ahead, _sums(made, "yhat", calendar)))
    heads = ["Site", "Service", "What", "Months", "Sum of months", "Sum of parts", "Difference", "Agrees"]
    return text_frame(rows, heads)


def _own(rows: pd.DataFrame, *, finest: bool) -> pd.DataFrame:
    """Return the rows of one frequency: of intervals and their days, the intervals (`finest`) or the days."""
    held = sorted(rows["freq"].unique(), key=lambda freq: (freq == "D") == finest)
    return rows[rows["freq"] == held[0]] if held else rows


def _compared(site: str, service: str, what: str, months: pd.DataFrame, sums: dict[str, float]) -> list[str]:
    held = months[months["period"].isin(list(sums))]
    total = float(held["volume"].sum())
    parts = sum(sums[period] for period in held["period"])
    gap = parts - total
    agrees = "yes" if abs(gap) <= max(abs(total), 1.0) / 1000 else "no"
    return [
        entity_name(site),
        service,
        what,
        str(len(held)),
        number(total),
        number(parts),
        number(gap),
        agrees if len(held) else "",
    ]


def _sums(rows: pd.DataFrame, column: str, calendar: Calendar) -> dict[str, float]:
    known = rows[rows[column].notna()]
    by_month = (known["freq"] == "MS").all()
    days = known["ds"].dt.strftime("%Y-%m-%d")
    periods = {day: day[:7] if by_month else calendar.period_of(day) for day in days.unique()}
    sums = known[column].groupby(days.map(periods)).sum()
    return {str(month): float(value) for month, value in sums.items()}


def _service_sentence(forecast: DemandForecast, site: str, service: str) -> str:
    volumes = _by_month(forecast)
    period, following = forecast.period, shift(forecast.period, 1)
    actual = volumes.get((site, service, "AC", period))
    progress = _in_progress(forecast, site, service)
    when = f"so far in {month_name(period)} (month in progress)" if progress else f"in {month_name(period)}"
    text = f"{_label(forecast, site, service)}: {number(actual)} {when}"
    if actual is not None and not progress:
        before = volumes.get((site, service, "AC", prior_year(period)))
        made = volumes.get((site, service, "FC", period))
        stands = [_beside(actual, before, month_name(prior_year(period)), 1), _beside(actual, made, "its forecast", 0)]
        text += "".join(f", {said}" for said in [listed([said for said in stands if said])] if said)
    expected = volumes.get((site, service, "FC", following))
    span = _between(_ranges(forecast).get((site, service, following)), figures=2)
    within = f" ({span} four times in five)" if span else ""
    return f"{text}; {about(expected)} expected in {month_name(following)}{within}."


def _beside(actual: float, reference: float | None, name: str, digits: int) -> str:
    """Say how a volume stands to another: "0.7 % below Oct 2025"; "" where there is none above zero."""
    if reference is None or reference <= 0:
        return ""
    change = (actual - reference) / reference
    size = number(100 * abs(change), digits)
    if not size.strip("0."):
        return f"level with {name}"
    return f"{size} % {'above' if change > 0 else 'below'} {name}"


def _errors(forecast: DemandForecast) -> list[tuple[str, float, float | None]]:
    """Return each series' name, the error of its forecast and that of its yardstick, if any."""
    found = []
    for site, service in _pairs(forecast.accuracy):
        for freq in sorted(_of(forecast.accuracy, site, service)["freq"].unique()):
            used, others = _scores(forecast, site, service, freq)
            if len(used):
                other = float(others["wape"].min()) if len(others) else None
                name = f"{_label(forecast, site, service)} {grain(freq)}"
                found.append((name, float(used["wape"].min()), other))
    return found


def _warning(forecast: DemandForecast) -> str:
    """Name the series whose forecast was off by more than the yardstick, seen in whole percent; "" for none."""
    worse = [(n, own, other) for n, own, other in _errors(forecast) if other is not None]
    worse = [(n, own, other) for n, own, other in worse if round(100 * own) > round(100 * other)]
    named = [f"{n} (off by {_percent(own)}, yardstick {_percent(other)})" for n, own, other in worse[:_SAID]]
    if len(worse) > _SAID:
        named.append(f"{len(worse) - _SAID} more")
    return f"The forecast did worse than the yardstick in the backtest: {listed(named)}." if named else ""


def _gain(forecast: DemandForecast) -> str:
    """Say by how much smaller the errors of the forecasts were than those of repeating the last season."""
    gains = [(1 - own / other, name) for name, own, other in _errors(forecast) if other]
    better = sorted(gain for gain in gains if round(100 * gain[0]) > 0)
    even = [name for gain, name in gains if round(100 * gain) <= 0]
    if not better:
        return "In the backtest the forecast was no better than repeating the last season." if gains else ""
    ends = [f"{_percent(gain)} ({name})" for gain, name in (better[0], better[-1])]
    by = ends[0] if len(better) == 1 else f"{ends[0]} to {ends[1]}"
    said = f"In the backtest the forecast was off by less than repeating the last season would have been, by {by}"
    return f"{said}; no better for {listed(even)}." if even else f"{said}."


def _in_progress(forecast: DemandForecast, site: str, service: str) -> bool:
    rows = _of(forecast.monthly, site, service)
    rows = rows[(rows["scenario"] == "AC") & (rows["period"] == forecast.period)]
    return len(rows) > 0 and not bool(rows["complete"].iloc[0])


def _by_month(forecast: DemandForecast) -> dict[tuple[str, str, str, str], float]:
    rows = forecast.monthly[forecast.monthly["volume"].notna()]
    keys = zip(rows["site"], rows["service"], rows["scenario"], rows["period"], strict=True)
    return dict(zip(keys, rows["volume"].astype(float), strict=True))


def _ranges(forecast: DemandForecast) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return the 80 % range of each forecast month that has one."""
    rows = forecast.monthly.reindex(columns=["site", "service", "period", "scenario", "lo80", "hi80"])
    rows = rows[(rows["scenario"] == "FC") & rows["hi80"].notna()]
    keys = zip(rows["site"], rows["service"], rows["period"], strict=True)
    return dict(zip(keys, zip(rows["lo80"], rows["hi80"], strict=True), strict=True))


def _between(ends: tuple[float, float] | None, figures: int = 3) -> str:
    """Write a range with so many figures, or with three where two would make its ends alike."""
    if ends is None:
        return ""
    low, high = (float(end) for end in ends)
    figures = 3 if high - low < _NARROW * abs(high) else figures
    return f"{significant(low, figures)} to {significant(high, figures)}"


def _scores(forecast: DemandForecast, site: str, service: str, freq: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the scores of a series into that of its forecast and that of its yardstick."""
    rows = _of(forecast.accuracy, site, service)
    rows = rows[(rows["freq"] == freq) & rows["wape"].notna() & (rows["model"] != _DIRECT)]
    yardstick = rows["model"].eq(_YARDSTICK) & (len(rows) > 1)
    return rows[~yardstick], rows[yardstick]


def _model(name: str) -> str:
    """Write a model's name for a reader: "Prophet by day, spread over the day"."""
    if name == _DIRECT:
        return "One forecast of the sum, for comparison"
    text = name.replace("_", " ").replace(" of days x profile", " days x profile")
    text = text.replace(" days x profile", " by day, spread over the day")
    return f"{text[:1].upper()}{text[1:]}"


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = frame[["site", "service"]].drop_duplicates().sort_values(["site", "service"])
    return [(str(site), str(service)) for site, service in zip(pairs["site"], pairs["service"], strict=True)]


def _of(frame: pd.DataFrame, site: str, service: str) -> pd.DataFrame:
    rows: pd.DataFrame = frame[(frame["site"] == site) & (frame["service"] == service)]
    return rows


def _label(forecast: DemandForecast, site: str, service: str) -> str:
    return service if site == forecast.entity else f"{service}, {site}"


def _percent(value: float) -> str:
    return NOT_AVAILABLE if is_missing(value) else f"{number(100 * float(value))} %"

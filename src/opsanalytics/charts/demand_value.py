"""A picture of what forecasts missed, month by month, and whether the misses lean to one side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import SIGNAL_LIMIT, entity_name
from opsanalytics.periods import month_range, shift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.demand.value.added import ForecastValue

_MONTHS = 18
_ERRORS_HIGH, _SIGNAL_HIGH, _BETWEEN, _BELOW = 1.9, 0.9, 0.72, 0.34


def forecast_errors(value: ForecastValue, site: str, service: str) -> Axes:
    """How far was each month off its forecast on record, and do the misses add up to one side?

    Up to 18 months. Columns are actual less forecast in percent of the actual, a hollow dot the same of the override;
    above zero more came in. Below them the tracking signal, with its limits as a band.
    Returns the panel of errors; that of the signal, where there is one, is `ax.figure.axes[1]`.
    """
    rows = value.months[(value.months["site"] == site) & (value.months["service"] == service)]
    rows = rows[(rows["period"] > shift(value.period, -_MONTHS)) & (rows["period"] <= value.period)]
    rows = rows[rows["actual"] > 0].sort_values("period")
    errors = {name: _shares(rows, f"{name}_error") for name in ("forecast", "override")}
    held = sorted({*errors["forecast"], *errors["override"]})
    parts = ["Actual less forecast on record, in % of the actual", plain(entity_name(site)), _as_of(value)]
    caption = "  ·  ".join(parts)
    if not held:
        return paper.off(
            f"{plain(service)}, {caption}", "No month with a forecast or an override on record is over yet."
        )
    months = month_range(held[0], value.period)
    signals = value.signals[(value.signals["site"] == site) & (value.signals["service"] == service)]
    signals = signals[signals["period"].isin(months)].sort_values("period")
    lower, below = (_SIGNAL_HIGH + _BETWEEN, _BELOW) if len(signals) else (0.0, _BELOW + 0.42)
    ax = paper.canvas(
        f"{plain(service)}: {_message(errors['forecast'], value.period)}",
        caption,
        height=_ERRORS_HIGH + lower + below,
        below=below,
    )
    place = {month: k for k, month in enumerate(months)}
    _bars(ax, place, errors)
    paper.months_below(ax, months)
    _scale(ax, [*errors["forecast"].values(), *errors["override"].values()])
    panels.above(ax, lower)
    paper.zero_line(ax)
    if len(signals):
        _signal(ax, [place[str(month)] for month in signals["period"]], [float(v) for v in signals["signal"]])
    paper.legend(ax)
    return paper.finished(ax)


def _as_of(value: ForecastValue) -> str:
    return f"as of {formats.month_name(value.period)}"


def _shares(rows: pd.DataFrame, column: str) -> dict[str, float]:
    """Return the errors by month as shares of the actual."""
    known = rows[rows[column].notna()]
    return dict(zip(known["period"].astype(str), (known[column] / known["actual"]).astype(float), strict=True))


def _message(errors: dict[str, float], period: str) -> str:
    """Say how far the last month was off."""
    if period not in errors:
        return f"no forecast of {formats.month_name(period)} on record"
    error = errors[period]
    size = formats.number(100 * abs(error))
    side = f"{size} % too {'low' if error > 0 else 'high'}" if size != "0" else "within half a percent"
    return f"the forecast of {formats.month_name(period)} was {side}"


def _bars(ax: Axes, place: dict[str, int], errors: dict[str, dict[str, float]]) -> None:
    made, own = errors["forecast"], errors["override"]
    if made:
        style: dict[str, Any] = {"facecolor": paper.NEUTRAL, "edgecolor": paper.NEUTRAL, "linewidth": 1.0}
        at = [place[month] for month in made]
        ax.bar(at, list(made.values()), 0.5, label="forecast on record", gid="forecast", **style)
    if own:
        style = {"s": 48, "facecolor": "white", "edgecolor": paper.INK, "linewidth": 1.2, "zorder": 5}
        at = [place[month] for month in own]
        ax.scatter(at, list(own.values()), label="override", gid="override", **style)


def _scale(ax: Axes, values: list[float]) -> None:
    """Scale the errors in percent, zero among them."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from opsanalytics.charts import sheet

    def name(value: float, _: int | None = None) -> str:
        return f"{formats.number(100 * value, signed=True)} %"

    paper.room(ax, values)
    low, high = ax.get_ylim()
    least = 0.01 - min(high - low, 0.01)
    ax.set_ylim(low, high + least)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(name))
    low, high = ax.get_ylim()
    figure = sheet.of(ax)
    figure.left = sheet.SIDE + 0.1 + max(sheet.inches(name(float(v))) for v in ax.get_yticks() if low <= v <= high)
    ax.grid(axis="y", color="#e6e6e6")
    ax.set_axisbelow(True)


def _signal(ax: Axes, places: list[int], values: list[float]) -> None:
    """Draw the tracking signal below the months, its limits as a band, and write what it has come to."""
    panel = panels.panel_below(ax, _SIGNAL_HIGH, "signal")
    panel.set_xlim(*ax.get_xlim())
    band: dict[str, Any] = {"facecolor": paper.GREY, "alpha": 0.3, "edgecolor": "none", "gid": "limits"}
    panel.axhspan(-SIGNAL_LIMIT, SIGNAL_LIMIT, **band)
    style: dict[str, Any] = {"color": paper.INK, "linewidth": 1.6, "marker": "o", "markersize": 3.5, "gid": "signal"}
    panel.plot(places, values, label="_signal", **style)
    panel.set_ylim(min([-SIGNAL_LIMIT, *values]) - 1, max([SIGNAL_LIMIT, *values]) + 1)
    panels.labels_at_right(ax, panel, places[-1], [(values[-1], formats.number(values[-1], 1, signed=True))])
    paper.zero_line(panel)
    title = f"Tracking signal: sum of errors over their mean size; look closer beyond {formats.number(SIGNAL_LIMIT)}"
    panels.panel_title(panel, title)

"""Pictures of demand: the forecast with its intervals, months against forecast, how well it did before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import SCENARIOS, plain
from opsanalytics.formats import entity_name, significant
from opsanalytics.periods import month_range, shift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.demand import DemandForecast

_WEEK = pd.Timedelta(weeks=1)
_TAILS = {"MS": (157 * _WEEK, 105 * _WEEK), "W": (104 * _WEEK, 52 * _WEEK), "D": (8 * _WEEK, 13 * _WEEK)}
_SPANS = {"MS": "month", "W": "week", "D": "day"}
_BEFORE, _AHEAD = 18, 12
_SHADES = ("#262626", "#7a7a7a", "#a8a8a8", "#cfcfcf")


def forecast_fan(forecast: DemandForecast, site: str, service: str, freq: str = "") -> Axes:
    """What is to come, and how sure is it? The end of the history, the forecast, its 80 % and 95 % intervals.

    Drawn at `freq`, else by the month or day where the service has these: three years and two of months,
    two years and one of weeks, eight weeks and thirteen of days, one week and one of shorter intervals.
    """
    history, ahead = _series(forecast.history, site, service), _series(forecast.forecasts, site, service)
    freq = freq or _shared_frequency(history, ahead)
    history, ahead = _ends(history, ahead, freq)
    unit = _unit(forecast, site, service)
    held = _held(forecast, site, service, freq)
    caption = _caption(forecast, site, f"{unit} {formats.grain(freq)}: AC, FC with 80 % and 95 % intervals{held}")
    if history.empty and ahead.empty:
        return paper.off(f"{plain(service)}, {caption}", "Neither history nor forecast.")
    ax = paper.canvas(f"{plain(service)}: {_range_message(forecast.period, ahead, freq)}", caption)
    if len(ahead):
        for level, alpha in (("95", 0.14), ("80", 0.26)):
            low, high = ahead[f"lo{level}"], ahead[f"hi{level}"]
            style: dict[str, Any] = {"color": paper.FORECAST, "alpha": alpha, "linewidth": 0}
            ax.fill_between(ahead["ds"], low, high, label=f"{level} %", gid=level, **style)
        style = {"color": paper.FORECAST, "linewidth": 1.6, "linestyle": (0, (4, 1.5))}
        ax.plot(ahead["ds"], ahead["yhat"], label="FC", gid="FC", **style)
    style = {"color": paper.INK, "linewidth": 1.5, "marker": "o" if len(history) < 40 else "", "markersize": 3}
    ax.plot(history["ds"], history["y"], label="AC", gid="AC", **style)
    paper.dates_below(ax)
    paper.numbers_left(ax, [*history["y"], *ahead["hi95"]])
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def seasonal_shape(forecast: DemandForecast, site: str, service: str) -> Axes:
    """Which months are high and which are low? One line a calendar year, the latest dark, the forecast dashed."""
    rows = _series(forecast.monthly, site, service)
    rows = rows[rows["volume"].notna()]
    actual = rows[(rows["scenario"] == "AC") & rows["complete"].astype(bool)]
    ahead = rows[(rows["scenario"] == "FC") & ~rows["period"].isin(actual["period"])]
    ahead = ahead[ahead["period"] > forecast.period]
    caption = _caption(forecast, site, f"{_unit(forecast, site, service)} by month, one line a year: AC and FC")
    if actual.empty:
        return paper.off(f"{plain(service)}, {caption}", "No whole month.")
    ax = paper.canvas(_shape_message(service, actual), caption)
    years = sorted(actual["period"].str[:4].unique(), reverse=True)[: len(_SHADES)]
    _year_lines(
        ax,
        actual[actual["period"].str[:4].isin(years)],
        dict(zip(years[::-1], _SHADES[len(years) - 1 :: -1], strict=True)),
    )
    for year, part in list(ahead.groupby(ahead["period"].str[:4]))[:1]:
        _dashed_line(ax, part, f"{year} FC")
    ax.set_xticks(range(12), [formats.month_name(f"2000-{k:02d}")[:3] for k in range(1, 13)])
    ax.set_xlim(-0.4, 11.4)
    paper.numbers_left(ax, [float(v) for v in rows["volume"]])
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def monthly_volumes(forecast: DemandForecast, site: str, service: str) -> Axes:
    """What was and what will be the month's volume? AC solid, FC hatched with its 80 % range; one in progress is grey.

    The 18 months up to PERIOD and the 12 ahead, as far as there are any.
    """
    rows = _series(forecast.monthly, site, service)
    first, last = shift(forecast.period, 1 - _BEFORE), shift(forecast.period, _AHEAD)
    rows = rows[(rows["period"] >= first) & (rows["period"] <= last) & rows["volume"].notna()]
    months = month_range(rows["period"].min(), rows["period"].max()) if len(rows) else []
    place = {m: k for k, m in enumerate(months)}
    unit = _unit(forecast, site, service)
    caption = _caption(forecast, site, f"{unit} by month: AC and FC")
    if rows.empty:
        return paper.off(f"{plain(service)}, {caption}", "No whole month.")
    ax = paper.canvas(f"{plain(service)}: {_monthly_message(forecast, site, service)}", caption)
    actual, planned = rows[rows["scenario"] == "AC"], rows[rows["scenario"] == "FC"]
    whole = actual["complete"].astype(bool)
    for name, part, width, style in (
        ("FC", planned, 0.8, SCENARIOS["FC"]),
        ("AC", actual[whole], 0.5, SCENARIOS["AC"]),
        ("AC, month in progress", actual[~whole], 0.5, SCENARIOS["PY"]),
    ):
        if len(part):
            ax.bar([place[p] for p in part["period"]], part["volume"], width, label=name, gid=name, **style)
    ranges = rows.reindex(columns=["period", "lo80", "hi80"])[rows["period"] > forecast.period].dropna()
    if len(ranges):
        style = {"color": paper.INK, "linewidth": 1.4, "label": "80 % range", "gid": "range", "zorder": 4}
        ax.vlines([place[p] for p in ranges["period"]], ranges["lo80"], ranges["hi80"], **style)
    paper.months_below(ax, months)
    paper.numbers_left(ax, [float(v) for v in (*rows["volume"], *ranges["hi80"])])
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def backtest_accuracy(forecast: DemandForecast, *, top: int = 15) -> Axes:
    """Is the forecast worth it? The error of each service's forecast beside that of the seasonal-naive yardstick.

    WAPE of the backtest: absolute error as a share of the volume, so that services compare.
    """
    scores = _scores(forecast)
    best = scores[scores["used"]].groupby(_KEY, dropna=False)["wape"].min().sort_values(ascending=False, kind="stable")
    shown = list(best.index[:top])
    names = [_score_name(scores, *key) for key in shown]
    subject = f"WAPE of the backtest, in % of volume{f', the {top} largest of {len(best)}' if len(best) > top else ''}"
    height = 0.7 + 0.36 * max(len(names), 3)
    caption = _caption(forecast, "", subject)
    if not names:
        return paper.off(caption, "Too little history to test a forecast on.")
    ax = paper.canvas(_accuracy_message(scores), caption, height=height, names=names)
    for y, key in enumerate(shown):
        here = scores[(scores[_KEY] == list(key)).all(axis=1)]
        _dots(ax, y, here[here["used"]], here[~here["used"]])
    panels.names_at_left(ax, names)
    high = float(scores["wape"].max())
    ticks = _nice_ticks(high)
    ax.xaxis.set_visible(True)
    panels.room_at_right(ax, 0.7)
    ax.set_xlim(0, max(ticks[-1], high) * 1.04)
    ax.set_xticks(ticks, [formats.share(t) for t in ticks])
    ax.grid(axis="x", color="#e6e6e6")
    paper.zero_line(ax, vertical=True)
    paper.legend(ax)
    return paper.finished(ax)


_KEY = ["site", "service", "freq"]
_YARDSTICK, _DIRECT = "seasonal naive", "direct"


def _held(forecast: DemandForecast, site: str, service: str, freq: str) -> str:
    """Say how often the 80 % interval held the actual in the backtest."""
    scores = _scores(forecast)
    own = scores[(scores[_KEY] == [site, service, freq]).all(axis=1) & scores["used"] & scores["coverage80"].notna()]
    return (
        f" (80 % held {formats.number(100 * float(own['coverage80'].iloc[0]))} % in the backtest)" if len(own) else ""
    )


def _scores(forecast: DemandForecast) -> pd.DataFrame:
    """Mark which scores are of the forecasts; the others are yardsticks. A forecast of a sum for comparison is out."""
    scores = forecast.accuracy
    scores = scores[scores["wape"].notna() & (scores["model"] != _DIRECT)]
    alone = scores.groupby(_KEY, dropna=False)["model"].transform("size") == 1
    return scores.assign(used=(scores["model"] != _YARDSTICK) | alone)


def _score_name(scores: pd.DataFrame, site: str, service: str, freq: str) -> str:
    several = scores[(scores["site"] == site) & (scores["service"] == service)]["freq"].nunique() > 1
    place = f", {site}" if scores["site"].nunique() > 1 else ""
    return plain(f"{service}{place}{f' {formats.grain(freq)}' if several else ''}")


def _kind(freq: str) -> str:
    return "W" if freq.startswith("W") else freq


def _ends(history: pd.DataFrame, ahead: pd.DataFrame, freq: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the end of the history and the beginning of the latest forecast, at one frequency."""
    before, after = _TAILS.get(_kind(freq), (_WEEK, _WEEK))
    history = history[(history["freq"] == freq) & history["y"].notna()].sort_values("ds")
    ahead = ahead[ahead["freq"] == freq]
    ahead = ahead[ahead["cutoff"] == ahead["cutoff"].max()].sort_values("ds")
    if len(history):
        history = history[history["ds"] > history["ds"].max() - before]
    if len(ahead):
        ahead = ahead[ahead["ds"] < ahead["ds"].min() + after]
    return history, ahead


def _year_lines(ax: Axes, rows: pd.DataFrame, shades: dict[str, str]) -> None:
    """Draw one line a calendar year over its months, the years and their shades in the order of `shades`."""
    import seaborn as sns

    lines = pd.DataFrame(
        {"month": _months(rows), "volume": rows["volume"].astype(float), "year": rows["period"].str[:4]}
    )
    style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "markeredgewidth": 0, "linewidth": 1.8}
    hue: dict[str, Any] = {"hue": "year", "hue_order": list(shades), "palette": shades}
    sns.lineplot(lines, x="month", y="volume", estimator=None, sort=True, legend=False, ax=ax, **hue, **style)
    ax.set(xlabel="", ylabel="")
    for line, year in zip(ax.lines, shades, strict=True):
        line.set(gid=year, label=year)


def _dashed_line(ax: Axes, rows: pd.DataFrame, label: str) -> None:
    rows = rows.sort_values("period")
    style: dict[str, Any] = {"color": paper.FORECAST, "linewidth": 1.6, "linestyle": (0, (4, 1.5)), "markersize": 3.5}
    ax.plot(_months(rows), rows["volume"], marker="o", label=label, gid=label, **style)


def _months(rows: pd.DataFrame) -> list[int]:
    return [int(period[5:7]) - 1 for period in rows["period"]]


def _shape_message(service: str, actual: pd.DataFrame) -> str:
    last = actual.sort_values("period").tail(12).sort_values("volume")
    low, high = (formats.month_name(last["period"].iloc[k]) for k in (0, -1))
    return f"{plain(service)}: highest in {high}, lowest in {low} of the last {len(last)} months"


def _dots(ax: Axes, y: int, forecast: pd.DataFrame, yardstick: pd.DataFrame) -> None:
    both = [*forecast["wape"], *yardstick["wape"]]
    ax.hlines(y, min(both), max(both), color=paper.GREY, linewidth=2, zorder=1)
    for label, part, face in (("forecast", forecast, paper.INK), ("yardstick", yardstick, "white")):
        name = f"_{label}" if y else label
        style: dict[str, Any] = {"s": 64, "facecolor": face, "edgecolor": paper.INK, "zorder": 3}
        ax.scatter(part["wape"], [y] * len(part), label=name, gid=label, **style)
    ax.annotate(
        formats.share(float(forecast["wape"].min())),
        (1, y),
        (8, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=9,
        fontweight="bold",
    )


def _series(frame: pd.DataFrame, site: str, service: str) -> pd.DataFrame:
    return frame[(frame["site"] == site) & (frame["service"] == service)]


def _shared_frequency(history: pd.DataFrame, ahead: pd.DataFrame) -> str:
    held = set(history["freq"]) & set(ahead["freq"]) or set(history["freq"]) or set(ahead["freq"])
    for freq in ("MS", "D", *sorted(held)):
        if freq in held:
            return str(freq)
    return "D"


def _unit(forecast: DemandForecast, site: str, service: str) -> str:
    units = [u for u in _series(forecast.monthly, site, service)["unit"].dropna().unique() if u]
    return plain(units[0].capitalize() if units else "Volume", 24)


def _monthly_message(forecast: DemandForecast, site: str, service: str) -> str:
    rows = _series(forecast.monthly, site, service)
    ahead = rows[(rows["scenario"] == "FC") & (rows["period"] > forecast.period) & rows["volume"].notna()]
    if ahead.empty:
        return "no forecast"
    first = ahead.sort_values("period").iloc[0]
    return f"{formats.about(float(first['volume']))} expected in {formats.month_name(first['period'])}"


def _range_message(period: str, ahead: pd.DataFrame, freq: str) -> str:
    """Say within what a typical month, week, day or interval to come lies: the middle of the ends of the next month."""
    if ahead.empty:
        return "no forecast"
    following = shift(period, 1)
    rows = ahead[ahead["ds"].dt.strftime("%Y-%m") == following]
    rows, when = (rows, f" of {formats.month_name(following)}") if len(rows) else (ahead, "")
    low, high = (significant(float(rows[side].median()), 2) for side in ("lo80", "hi80"))
    span = f"{low} to {high} in four of five cases"
    if _kind(freq) == "MS":
        return f"{formats.month_name(rows['ds'].min().strftime('%Y-%m'))} brings {span}"
    return f"a typical {_SPANS.get(_kind(freq), 'interval')}{when} brings {span}"


def _accuracy_message(scores: pd.DataFrame) -> str:
    best = scores.groupby([*_KEY, "used"], dropna=False)["wape"].min().unstack("used")
    if True not in best.columns or False not in best.columns:
        return "How far was the forecast off?"
    both = best.dropna()
    return f"The forecast beats the yardstick in {int((both[True] < both[False]).sum())} of {len(both)} series"


def _caption(forecast: DemandForecast, site: str, subject: str) -> str:
    parts = [subject, plain(entity_name(site or forecast.entity)), f"as of {formats.month_name(forecast.period)}"]
    return "  ·  ".join(parts)


def _nice_ticks(high: float) -> list[float]:
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if high / s <= 6), high / 4 or 1.0)
    count = int(high / step) + 1
    return [k * step for k in range(count + 1)]

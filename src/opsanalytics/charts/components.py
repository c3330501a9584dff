"""Pictures of a history taken apart: trend, season and remainder, the seasonal indices, a year of days."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import entity_name, significant

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from opsanalytics.demand.history.components import Components
    from opsanalytics.demand.history.prophet import Detail

STRONG = 0.64  # from here on a season is differenced (Forecasting: Principles and Practice, 3rd edition, section 9.1)
_WEAK = 0.3
_ADJECTIVES = {"day": "daily", "week": "weekly", "year": "yearly"}
_REDUCED = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
_OBSERVED_HIGH, _PART_HIGH, _BETWEEN = 1.5, 0.72, 0.3
_TAILS = {"h": 28, "D": 731}  # days that are drawn: more would be a blur
_WEEKS = 56
_PALE, _MIDDLE, _DARK = "#d9e6f2", "#6baed6", "#08306b"
_CLASSES = 5
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class _Part(NamedTuple):
    """One part below the observed: its name, and what it adds (a share where the parts are multiplied)."""

    name: str
    values: pd.Series


def decomposition(
    components: Components, strength: pd.Series, service: str, entity: str, period: str, unit: str = "volume"
) -> Axes:
    """What is trend, what season, and what is neither? The observed with its trend, below it each season, the rest.

    Pass the results of `demand.components.decompose` and `strength` of one series; `period` is the month up to which
    it was seen. Parts that multiply are shown in % above or below the trend, on one scale; parts that add are in the
    unit, on the scale of the observed or one that says by how much it is magnified. Days are drawn for the last two
    years and intervals for the last four weeks. A season is called strong from a strength of 0.64 on, weak below 0.3.
    Returns the panel of the observed; the others are `ax.figure.axes[1:]`.
    """
    observed, trend, parts = _shown(components)
    shown = "AC, trend, seasons, remainder; strength from 0 to 1"
    caption = _caption(
        f"{_opened(unit)} {formats.grain(components.freq)}: {shown}{_tail_said(components)}", entity, period
    )
    if observed.empty:
        return paper.off(f"{plain(service)}, {caption}", "No history to take apart.")
    below = 0.62
    lower = len(parts) * (_PART_HIGH + _BETWEEN)
    message = f"{plain(service)}: {_strength_message(strength)}"
    ax = paper.canvas(message, caption, height=_OBSERVED_HIGH + lower + below, below=below)
    style: dict[str, Any] = {"color": paper.INK, "linewidth": 1.0, "markersize": 2.2, "zorder": 3}
    style["marker"] = "o" if len(observed) <= 120 else ""
    ax.plot(observed.index, observed, label="AC", gid="AC", **style)
    ax.plot(trend.index, trend, color=paper.FORECAST, linewidth=2.2, label="trend", gid="trend", zorder=3.5)
    paper.numbers_left(ax, [*observed.dropna(), *trend])
    paper.zero_line(ax)
    _stacked(ax, parts, components.multiplicative, unit)
    paper.legend(ax)
    return paper.finished(ax)


def trend_changes(detail: Detail, service: str, entity: str, period: str, *, unit: str = "volume") -> Axes:
    """Where does the trend bend? The observed in grey, Prophet's trend, and a mark where its slope changes.

    Pass the result of `demand.prophet_detail`. A mark points up where growth rises from there on, down where it falls.
    """
    caption = _caption(f"{_opened(unit)}, trend and its changes of slope by Prophet", entity, period)
    if detail.note:
        return paper.off(f"{plain(service)}, {caption}", detail.note)
    changes, parts = detail.changes, detail.parts
    times = {0: "the trend runs straight", 1: "the trend bends once"}.get(
        len(changes), f"the trend bends {len(changes)} times"
    )
    ax = paper.canvas(f"{plain(service)}: {times}", caption, height=3.0)
    step = parts["ds"].diff()
    after_gap = step > 3 * step.median()
    ax.plot(parts["ds"], parts["y"].mask(after_gap), color=paper.GREY, linewidth=0.8, label="AC", gid="AC")
    ax.plot(parts["ds"], parts["trend"], color=paper.FORECAST, linewidth=2.2, label="trend", gid="trend")
    level = parts.set_index("ds")["trend"].reindex(changes["ds"]).to_numpy()
    for label, marker, rises in (("growth rises", "^", True), ("growth falls", "v", False)):
        own = ((changes["change"] > 0) == rises).to_numpy()
        if own.any():
            dots: dict[str, Any] = {"s": 60, "color": paper.INK, "zorder": 5, "label": label, "gid": label}
            ax.scatter(changes["ds"][own], level[own], marker=marker, **dots)
    paper.numbers_left(ax, [*parts["y"], *parts["trend"]])
    paper.dates_below(ax)
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def seasonal_indices(
    indices: pd.DataFrame,
    season: str,
    service: str,
    entity: str,
    period: str,
    *,
    multiplicative: bool = True,
    unit: str = "volume",
) -> Axes:
    """Which months, weekdays or times of day are high, and is that sure? A dot each with its 80 % range.

    Pass the frame of `demand.components.seasonal_indices` and which of its seasons to draw ("year", "week", "day").
    Where `multiplicative` the index is drawn as % above or below the average, else as an amount of `unit`. Full dots
    are those whose range is clear of the average; a position never on record has no dot.
    """
    rows = indices[indices["season"] == season].sort_values("position").reset_index(drop=True)
    measure = "in % above or below the average" if multiplicative else f"{plain(unit, 24)} above or below the average"
    caption = _caption(f"Seasonal indices of the {season}, {measure}, with 80 % ranges", entity, period)
    held = rows[rows["index"].notna()]
    if held.empty:
        return paper.off(f"{plain(service)}, {caption}", f"No season of the {season}: it takes two whole ones.")
    base = 1.0 if multiplicative else 0.0
    held = held.assign(**{side: held[side] - base for side in ("index", "lo80", "hi80")})
    clear = (held["lo80"] > 0) | (held["hi80"] < 0)
    ax = paper.canvas(f"{plain(service)}: {_index_message(held, clear, season, multiplicative)}", caption, height=3.4)
    ranges = held[held["lo80"].notna()]
    style: dict[str, Any] = {"color": paper.FORECAST, "linewidth": 2.4, "alpha": 0.55, "label": "80 % range"}
    ax.vlines(ranges.index, ranges["lo80"], ranges["hi80"], gid="range", **style)
    for label, part, face in (
        ("clear of the average", held[clear], paper.INK),
        ("not clear of it", held[~clear], "white"),
    ):
        if len(part):
            dots: dict[str, Any] = {"s": 42, "facecolor": face, "edgecolor": paper.INK, "zorder": 5}
            ax.scatter(part.index, part["index"], label=label, gid=label, **dots)
    reach = [float(v) for v in held[["index", "lo80", "hi80"]].to_numpy().ravel() if v == v]
    _numbers(ax, reach, multiplicative)
    every = max(-(-len(rows) // 24), 1)
    names = [name[:3] if season == "year" else name for name in rows["name"]]
    paper.names_below(ax, list(range(0, len(rows), every)), [plain(name, 12) for name in names[::every]])
    if len(rows) > 14:
        ax.tick_params(axis="x", labelsize=7.5)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def calendar_heat_map(
    y: pd.Series,
    service: str,
    entity: str,
    period: str,
    *,
    unit: str = "volume",
    closed: pd.DatetimeIndex | None = None,
) -> Axes:
    """How did the days of the last year run? Weeks from left to right, Monday on top, the darker the more.

    Pass the daily values (index ds, in any order; NaN or absent is missing and stays blank) and the `closed` days,
    which bear a cross, and a shade only where something was counted on them. The last 56 weeks are drawn. The five
    shades hold a fifth of the open days each.
    """
    caption = _caption(
        f"{_opened(unit)} by day, the last {_WEEKS} weeks: a fifth of the days each shade, missing days blank",
        entity,
        period,
    )
    known = y.dropna().astype("float64").sort_index()
    shut = pd.DatetimeIndex([]) if closed is None else closed
    if known.empty:
        return paper.off(f"{plain(service)}, {caption}", "No day on record.")
    first, grid = _weeks(known[(known != 0) | ~known.index.isin(shut)], known.index[0], known.index[-1])
    kept = known[(known.index >= first) & ~known.index.isin(shut)]
    if kept.empty:
        return paper.off(f"{plain(service)}, {caption}", "No open day on record.")
    message = f"{plain(service)}: {_calendar_message(kept)}"
    ax = paper.canvas(message, caption, height=0.62 + 0.42 + 7 * 0.2, below=0.78, names=_DAYS)
    edges = _cells(ax, grid, kept)
    crosses = pd.DatetimeIndex([day for day in shut if first <= day <= known.index[-1]])
    marks = _shade_marks(edges)
    if len(crosses):
        style: dict[str, Any] = {"marker": "x", "s": 14, "linewidths": 0.9, "color": paper.QUIET, "label": "closed"}
        ax.scatter((crosses - first).days // 7, crosses.day_of_week, gid="closed", zorder=4, **style)
    panels.names_at_left(ax, list(_DAYS))
    ax.set_ylim(6.5, -0.5)
    _months_under_weeks(ax, first, grid.shape[1])
    paper.legend(ax, columns=7, handles=marks)
    return paper.finished(ax)


def _shown(components: Components) -> tuple[pd.Series, pd.Series, list[_Part]]:
    """Return the end of the history that is drawn, and the parts as what they add to the trend."""
    base = 1.0 if components.multiplicative else 0.0
    if components.observed.empty:
        return components.observed, components.trend, []
    last = components.observed.index[-1]
    days = _TAILS.get(_kind(components.freq))
    kept = slice(None) if days is None else slice(last - pd.Timedelta(days=days), None)
    named = {f"season of the {name}": part for name, part in components.season.items()}
    parts = [_Part(name, part.loc[kept] - base) for name, part in {**named, "remainder": components.remainder}.items()]
    return components.observed.loc[kept], components.trend.loc[kept], parts


def _kind(freq: str) -> str:
    return freq if freq in ("MS", "D") else "W" if freq.startswith("W") else "h"


def _tail_said(components: Components) -> str:
    days = _TAILS.get(_kind(components.freq))
    if days is None or components.observed.empty:
        return ""
    span = components.observed.index[-1] - components.observed.index[0]
    if span <= pd.Timedelta(days=days):
        return ""
    return ", the last two years" if days > 365 else ", the last four weeks"


def _stacked(ax: Axes, parts: Sequence[_Part], multiplicative: bool, unit: str) -> None:
    """Draw the parts below the observed, each on the same scale; the lowest bears the dates."""
    from opsanalytics.charts import sheet

    figure, rise = sheet.of(ax), _PART_HIGH + _BETWEEN
    low, high = paper.span(v for part in parts for v in part.values.dropna())
    zoom = 1.0
    if not multiplicative:
        bottom, top = ax.get_ylim()
        an_inch = (top - bottom) / _OBSERVED_HIGH
        zoom = _zoom((high - low) / (an_inch * _PART_HIGH))
        high = max(high, low + an_inch * _PART_HIGH / zoom)
    texts = _tick_texts(low, high, multiplicative)
    figure.left = max(figure.left, sheet.SIDE + 0.1 + max(sheet.inches(text, 8) for text in texts.values()))
    measure = "in % of the trend" if multiplicative else f"in {plain(unit, 24)}{panels.zoom_text(zoom)}"
    for k, part in enumerate(parts):
        below = sheet.panel(figure)
        below.set_gid(part.name)
        figure.place(below, 0, figure.body_width - 0.15, (len(parts) - 1 - k) * rise, _PART_HIGH)
        style: dict[str, Any] = {"color": paper.INK, "linewidth": 0.9, "gid": part.name}
        if part.name == "remainder":
            held = part.values.dropna()
            below.vlines(held.index, 0, held, **style)
        else:
            below.plot(part.values.index, part.values, **style)
        margin = 0.04 * (high - low or 1.0)
        below.set_ylim(low - margin, high + margin)
        below.set_yticks(list(texts), list(texts.values()), fontsize=8)
        below.grid(axis="y", color="#e6e6e6")
        below.set_axisbelow(True)
        paper.zero_line(below)
        panels.panel_title(below, f"{_opened(part.name)}, {measure}")
        paper.dates_below(below)
        below.set_xlim(_time_limits(ax))
        below.xaxis.set_visible(k == len(parts) - 1)
    figure.place(ax, 0, figure.body_width - 0.15, len(parts) * rise, _OBSERVED_HIGH)
    paper.dates_below(ax)
    ax.set_xlim(_time_limits(ax))
    ax.xaxis.set_visible(False)


def _zoom(ratio: float) -> float:
    """Return by how much to magnify parts that fill `ratio` of their panel; below 1 where they do not fit into it."""
    return panels.zoom_of(ratio) if ratio <= 1 else next((z for z in _REDUCED if z * ratio <= 1), _REDUCED[-1])


def _time_limits(ax: Axes) -> tuple[float, float]:
    low, high = ax.dataLim.x0, ax.dataLim.x1
    margin = 0.01 * (high - low or 1.0)
    return low - margin, high + margin


def _tick_texts(low: float, high: float, multiplicative: bool, count: int = 3) -> dict[float, str]:
    """Return where the marks of a scale stand that holds zero, and what is written there."""
    from matplotlib.ticker import MaxNLocator

    ticks = [float(t) for t in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high)]
    kept = [t for t in ticks if low <= t <= high] or [0.0]
    return {t: _amount(t, multiplicative) for t in kept}


def _amount(value: float, multiplicative: bool) -> str:
    """Write a difference: in % with as many decimals as it needs, up to one, or as an amount."""
    if not multiplicative:
        return formats.number(value, 0 if value == round(value) else 1, signed=True)
    digits = 0 if abs(100 * value - round(100 * value)) < 1e-6 else 1
    return f"{formats.number(100 * value, digits, signed=True)} %"


def _numbers(ax: Axes, values: Sequence[float], multiplicative: bool) -> None:
    from opsanalytics.charts import sheet

    low, high = paper.span(values)
    margin = 0.08 * (high - low or 1.0)
    ax.set_ylim(low - margin, high + margin)
    texts = _tick_texts(low - margin, high + margin, multiplicative, 6)
    ax.set_yticks(list(texts), list(texts.values()))
    figure = sheet.of(ax)
    figure.left = sheet.SIDE + 0.1 + max(sheet.inches(text) for text in texts.values())
    figure.place(ax, 0, figure.body_width - 0.15)
    ax.grid(axis="y", color="#e6e6e6")
    ax.set_axisbelow(True)


def _strength_message(strength: pd.Series) -> str:
    """Say how strong each season and the trend are, in a word and a number."""
    held = {str(name): float(value) for name, value in strength.items()}
    trend = held.pop("trend")
    season = "season "
    said = []
    for name, value in held.items():
        said.append(f"{_ADJECTIVES[name]} {season}{_word(value)} ({value:.2f})")
        season = ""
    return ", ".join([*(said or ["no season known"]), f"trend {_word(trend)} ({trend:.2f})"])


def _word(value: float) -> str:
    return "strong" if value >= STRONG else "moderate" if value >= _WEAK else "weak"


def _index_message(held: pd.DataFrame, clear: pd.Series, season: str, multiplicative: bool) -> str:
    """Name the highest and the lowest of the positions whose range is clear of the average."""
    kind = {"year": "month", "week": "weekday"}.get(season, "time of day")
    sure = held[clear]
    if sure.empty:
        return f"no {kind} is clearly above or below the average"
    ranked = sure.sort_values("index", kind="stable")
    place = {"year": "in", "week": "on"}.get(season, "at")
    said = [
        f"{word} {place} {name} ({_amount(_rounded(value, multiplicative), multiplicative)})"
        for name, value, word, sign in (
            (ranked["name"].iloc[-1], float(ranked["index"].iloc[-1]), "high", 1),
            (ranked["name"].iloc[0], float(ranked["index"].iloc[0]), "low", -1),
        )
        if sign * value > 0
    ]
    return f"clearly {', '.join(said)}"


def _rounded(value: float, multiplicative: bool) -> float:
    """Round an index for a title: to whole %, or to three figures."""
    return round(value, 2) if multiplicative else float(f"{value:.3g}")


def _weeks(shaded: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> tuple[pd.Timestamp, np.ndarray[Any, Any]]:
    """Return the first Monday drawn, and the values by weekday and week; what has no shade is NaN."""
    last, begin = (day - pd.Timedelta(days=day.day_of_week) for day in (end.normalize(), start.normalize()))
    first = max(last - pd.Timedelta(weeks=_WEEKS - 1), begin)
    days = pd.date_range(first, last + pd.Timedelta(days=6), freq="D")
    return first, shaded.reindex(days).to_numpy().reshape(-1, 7).T


def _cells(ax: Axes, grid: np.ndarray[Any, Any], kept: pd.Series) -> list[float]:
    """Colour the days by fifths of the open ones; return the limits of the fifths."""
    import numpy as np
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    edges = sorted({float(v) for v in kept.quantile(np.linspace(0, 1, _CLASSES + 1))})
    inner = [-np.inf, *edges[1:-1], np.inf] if len(edges) > 2 else [-np.inf, np.inf]
    colours = LinearSegmentedColormap.from_list("volume", [_PALE, _MIDDLE, _DARK], N=max(len(inner) - 1, 2))
    shade = np.where(np.isfinite(grid), np.digitize(grid, inner[1:-1]), np.nan)
    style: dict[str, Any] = {"cmap": colours, "edgecolors": "white", "linewidth": 1.0, "gid": "days"}
    style["norm"] = BoundaryNorm(np.arange(max(len(inner), 3)) - 0.5, max(len(inner) - 1, 2))
    wide = grid.shape[1]
    ax.pcolormesh(np.arange(wide + 1) - 0.5, np.arange(8) - 0.5, np.ma.masked_invalid(shade), **style)
    ax.set_xlim(-0.5, max(wide, _WEEKS) - 0.5)
    return edges


def _shade_marks(edges: Sequence[float]) -> list[Any]:
    """Return the marks that say which volumes a shade stands for, the lowest first."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Patch

    count = max(len(edges) - 1, 1)
    colours = LinearSegmentedColormap.from_list("volume", [_PALE, _MIDDLE, _DARK], N=max(count, 2))
    pairs = list(pairwise(edges)) or [(edges[0], edges[0])]
    texts = [significant(a, 3) if a == b else f"{significant(a, 3)} to {significant(b, 3)}" for a, b in pairs]
    return [Patch(color=colours(k), label=text) for k, text in enumerate(texts)]


def _months_under_weeks(ax: Axes, first: pd.Timestamp, wide: int) -> None:
    """Name each month below the first week that begins in it, the year below the first one and each January."""
    mondays = pd.date_range(first, periods=wide, freq="7D")
    begins = [k for k, day in enumerate(mondays) if day.day <= 7 or k == 0]
    if len(begins) > 1 and begins[1] - begins[0] < 2:
        begins = begins[1:]
    names = [formats.month_name(f"{mondays[k]:%Y-%m}") for k in begins]
    labels = [n[:3] + (f"\n{n[4:]}" if k == 0 or n.startswith("Jan") else "") for k, n in enumerate(names)]
    ax.xaxis.set_visible(True)
    paper.names_below(ax, begins, labels)


def _calendar_message(kept: pd.Series) -> str:
    weekdays = kept.groupby(pd.DatetimeIndex(kept.index).day_name()).mean()
    top, peak = str(weekdays.idxmax()), pd.Timestamp(str(kept.idxmax()))
    peak_said = f"the peak was {peak:%a} {peak.day} {peak:%b %Y} with {formats.number(float(kept.max()))}"
    return f"{top}s are busiest; {peak_said}" if len(weekdays) > 1 else peak_said


def _opened(text: str) -> str:
    words = plain(text, 40)
    return words[:1].upper() + words[1:]


def _caption(subject: str, entity: str, period: str) -> str:
    return "  ·  ".join([subject, plain(entity_name(entity)), f"as of {formats.month_name(period)}"])

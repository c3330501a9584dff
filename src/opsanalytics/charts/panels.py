"""Panels on a sheet: side by side on one scale, below one another, and what is written at their edges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from opsanalytics.charts.canvas import FORECAST, QUIET, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALF = 0.5
_VANISHING = 0.2  # what is smaller, beside its neighbour, is drawn on a scale of its own that says so


def panel_beside(ax: Axes, gid: str) -> Axes:
    """Add a panel to the sheet of `ax` with the rows of `ax`, bare; the caller gives it its place."""
    from opsanalytics.charts import sheet

    new = sheet.panel(sheet.of(ax))
    new.set_gid(gid)
    new.set_ylim(*ax.get_ylim())
    new.set_axis_off()
    return new


def above(ax: Axes, bottom: float) -> None:
    """Move a panel up by `bottom` inches of the body, which a panel below it takes."""
    from opsanalytics.charts import sheet

    figure = sheet.of(ax)
    height = float(figure.get_size_inches()[1]) - figure.head - figure.below - bottom
    figure.place(ax, 0, figure.body_width, bottom, height)


def panel_below(ax: Axes, height: float, gid: str) -> Axes:
    """Add a bare panel of `height` inches at the foot of the body."""
    from opsanalytics.charts import sheet

    figure = sheet.of(ax)
    new = sheet.panel(figure)
    new.set_gid(gid)
    new.set_axis_off()
    figure.place(new, 0, figure.body_width, 0.0, height)
    return new


def panel_title(ax: Axes, text: str) -> None:
    """Say above a panel what it shows and, where that is not the scale of its neighbour, on which scale.

    A title wider than its panel ends where the panel ends.
    """
    from opsanalytics.charts.sheet import inches

    fits = inches(text) <= float(ax.get_window_extent().width) / ax.figure.dpi
    side: dict[str, Any] = {"ha": "left" if fits else "right", "va": "bottom", "fontsize": 9, "color": QUIET}
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    ax.annotate(plain(text, 130), (0 if fits else 1, 1), (0, 3), gid="title", **side, **place)


def common_scale(
    panels: Sequence[Axes],
    spans: Sequence[tuple[float, float]],
    rooms: Sequence[tuple[float, float]],
    *,
    zooms: Sequence[float] = (),
    kept: float = 0.0,
    gap: float = 0.25,
) -> None:
    """Stand panels side by side, an inch of each bearing the same amount (or a `zooms`-th of it, where that is said).

    `spans` are the lowest and highest amount of each, zero among them; `rooms` the inches that labels take outside of
    them, left and right; `kept` inches at the right are left free.
    """
    from opsanalytics.charts import sheet

    figure, zooms = sheet.of(panels[0]), zooms or [1.0] * len(panels)
    widths = [(max(high, 0.0) - min(low, 0.0)) * zoom for (low, high), zoom in zip(spans, zooms, strict=True)]
    free = figure.body_width - kept - gap * (len(panels) - 1) - sum(map(sum, rooms))
    scale = max(free, 1.0) / (sum(widths) or 1.0)
    at = 0.0
    for ax, (low, high), (before, after), zoom in zip(panels, spans, rooms, zooms, strict=True):
        lowest, highest = min(low, 0.0), max(high, 0.0)
        unit = scale * zoom
        width = (highest - lowest) * unit + before + after
        if highest == lowest:
            width += max(free, 1.0) / len(panels)
        figure.place(ax, at, width)
        ax.set_xlim(lowest - before / unit, lowest - before / unit + width / unit)
        at += width + gap


def zoom_of(ratio: float) -> int:
    """Return by how much to magnify a part that is `ratio` of its neighbour: 1, or a round number (2, 5, 10, 20 ...).

    A part of a fifth or more stays on its neighbour's scale; a smaller one grows to about half of it.
    """
    if not 0 < ratio < _VANISHING:
        return 1
    power = 10 ** math.floor(-math.log10(2 * ratio))
    return int(max(step * power for step in (1, 2, 5) if step * power * ratio <= _HALF))


def zoom_text(zoom: float) -> str:
    """Say that a panel is magnified beside its neighbour; nothing where it has the same scale."""
    return f", on a scale {zoom:g} times as large" if zoom != 1 else ""


def outer(value: float, behind: float) -> float:
    """Return where the label of a bar stands clear of the bar behind it, on the side of zero that its own is on."""
    return max(value, behind) if value >= 0 else min(value, behind)


def bar_room(reach: tuple[float, float], labels: Iterable[str]) -> tuple[float, float]:
    """Return the inches that labels at the ends of bars take on the left (where a bar goes there) and on the right."""
    room_needed = label_room(labels)
    low, high = reach
    return (room_needed if low < 0 else 0.02, room_needed if high > 0 or low == 0 else 0.05)


def whisker(ax: Axes, low: float, high: float, y: float) -> None:
    """Draw a range across the end of a horizontal bar."""
    style: dict[str, Any] = {"color": FORECAST, "linewidth": 1.8, "zorder": 5, "solid_capstyle": "butt"}
    ax.plot([low, high], [y, y], marker="|", markersize=11, markeredgewidth=1.8, gid="range", **style)


def labels_at_right(ax: Axes, panel: Axes, x: float, texts: Sequence[tuple[float, str]]) -> None:
    """Write what lines come to beyond their last point, moved apart where they would touch; both panels make room."""
    size = 8.5
    need = label_room([text for _, text in texts], size)
    inches_wide = float(panel.get_window_extent().width) / panel.figure.dpi
    low, high = panel.get_xlim()
    unit = max(inches_wide - need, 1.0) / (high - low)
    for each in (ax, panel):
        each.set_xlim(low, low + inches_wide / unit)
    bottom, top = panel.get_ylim()
    line = (top - bottom) / (float(panel.get_window_extent().height) / panel.figure.dpi) * size / 72 * 1.3
    places: list[float] = []
    for value, _ in sorted(texts, key=lambda pair: pair[0]):
        places.append(max(value, places[-1] + line) if places else value)
    over = max(places[-1] - (top - line / 2), 0.0) if places else 0.0
    for place, (_, text) in zip(places, sorted(texts, key=lambda pair: pair[0]), strict=True):
        spot = (x, place - over)
        panel.annotate(text, spot, (6, 0), textcoords="offset points", ha="left", va="center", fontsize=size)


def label_room(texts: Iterable[str], size: float = 9.0) -> float:
    """Return the inches that the longest of the labels beside bars takes, with what keeps it off the bar."""
    from opsanalytics.charts.sheet import inches

    return max([inches(text, size) for text in texts if text], default=0.0) + 0.14


def names_at_left(ax: Axes, names: Sequence[str], *, bold: Iterable[int] = ()) -> None:
    """Name rows from the top down, some in bold; neither axis bears ticks, each bar has its value."""
    ax.set_ylim(len(names) - 0.4, -0.6)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_visible(False)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    heavy = set(bold)
    for row, name in enumerate(names):
        weight = "bold" if row in heavy else "normal"
        spot: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 9, "fontweight": weight, "gid": "name"}
        ax.annotate(name, (0, row), (-5, 0), annotation_clip=False, **spot, **place)


def names_above(ax: Axes, names: Sequence[str]) -> None:
    """Name columns of cells above them, each on at most two lines of its column's width."""
    from opsanalytics.charts import sheet

    ax.set_xlim(-0.5, len(names) - 0.5)
    width = sheet.of(ax).body_width / max(len(names), 1) - 0.03
    ax.xaxis.set_visible(True)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(names)), [_two_lines(name, width) for name in names], linespacing=1.2)
    ax.tick_params(axis="x", length=0, top=False, labelsize=8)


def _two_lines(text: str, width: float) -> str:
    """Break a name into two lines of `width` inches, each shortened where it does not fit."""
    from opsanalytics.charts.sheet import inches

    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) == 1 and inches(longer, 8) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(_fitting(line, width) for line in lines)


def _fitting(line: str, width: float) -> str:
    from opsanalytics.charts.sheet import inches

    short = line
    while len(short) > 2 and inches(short, 8) > width:
        short = short[:-2].rstrip().rstrip("\\") + "…"
    return short


def room_at_right(ax: Axes, inches: float) -> None:
    """Keep inches free at the right of a lone panel, for what is written there."""
    from opsanalytics.charts import sheet

    figure = sheet.of(ax)
    figure.place(ax, 0, figure.body_width - inches)


def stand_at_right(ax: Axes, width: float) -> None:
    """Give a panel the last `width` inches of the body."""
    from opsanalytics.charts import sheet

    figure = sheet.of(ax)
    figure.place(ax, figure.body_width - width, width)

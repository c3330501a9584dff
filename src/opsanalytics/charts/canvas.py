"""The paper that every chart is drawn on: palette, notation, safe text, one figure a call."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from opsanalytics import formats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#262626"
QUIET = "#666666"
GREY = "#bdbdbd"
NEUTRAL = "#8c8c8c"
FAVOURABLE = "#00635d"
ADVERSE = "#e4701e"
FORECAST = "#0072b2"

SCENARIOS: dict[str, dict[str, Any]] = {
    "PY": {"facecolor": GREY, "edgecolor": GREY, "linewidth": 1.0},
    "PL": {"facecolor": "white", "edgecolor": INK, "linewidth": 1.4},
    "FC": {"facecolor": "white", "edgecolor": INK, "linewidth": 1.0, "hatch": "/////"},
    "AC": {"facecolor": INK, "edgecolor": INK, "linewidth": 1.0},
}
HALO: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
NAME_WIDTH = 44
_CHARACTER = 0.076  # inches that a character of a label takes

_STYLE = {
    "font.family": ["DejaVu Sans"],
    "axes.edgecolor": QUIET,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plain(text: str, width: int = NAME_WIDTH) -> str:
    """Make text from the data safe to draw: one line of at most `width` characters, no formula, known glyphs only."""
    known = _glyphs()
    short = formats.shorten(text, width)
    return "".join(c if ord(c) in known else "\N{WHITE SQUARE}" for c in short).replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def canvas(message: str, caption: str, *, width: float = 10.0, height: float = 3.6) -> Axes:
    """Open one figure: the message in bold, what is shown below it, then axes of `height` inches.

    Both texts are `plain` already; long ones are wrapped, and the figure grows by what they need.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    messages = _wrapped(message, width * 8.7)
    captions = _wrapped(caption, width * 12)
    head = 0.16 + 0.25 * len(messages) + 0.19 * len(captions)
    total = height + head
    with sns.axes_style("white", rc=_STYLE):
        figure, ax = plt.subplots(figsize=(width, total), layout="constrained")
        figure.set_layout_engine("constrained", rect=(0, 0, 1, height / total))
        figure.text(0.012, 1 - 0.06 / total, "\n".join(messages), va="top", fontsize=13, weight="bold", gid="message")
        below = 0.12 + 0.25 * len(messages)
        figure.text(0.012, 1 - below / total, "\n".join(captions), va="top", fontsize=9.5, color=QUIET, gid="caption")
        sns.despine(ax=ax, left=True, bottom=True)
    ax.tick_params(length=0, labelsize=9)
    return ax


def _wrapped(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, int(width), break_on_hyphens=False) or [""]


def empty(ax: Axes, sentence: str) -> Axes:
    """Say in the middle of the axes why there is nothing to see."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, plain(sentence, 100), ha="center", va="center", transform=ax.transAxes, color=QUIET)
    return ax


def zero_line(ax: Axes, *, vertical: bool = False) -> None:
    """Draw the line that every amount is measured from."""
    (ax.axvline if vertical else ax.axhline)(0, color=INK, linewidth=1.0, zorder=4, gid="zero", clip_on=False)


def room(ax: Axes, values: Iterable[float], *, axis: str = "y", margin: float = 0.14) -> None:
    """Set the limits of an axis so that zero, the values and the labels at their ends are inside."""
    held = [v for v in values if v == v]
    low, high = min([0.0, *held]), max([0.0, *held])
    span = (high - low) or 1.0
    below = margin if low < 0 else 0.0
    above = margin if high > 0 or low == 0 else 0.02
    (ax.set_ylim if axis == "y" else ax.set_xlim)(low - span * below, high + span * above)


def bar_room(ax: Axes, values: Sequence[float], labels: Sequence[str], names: Sequence[str]) -> None:
    """Set the limits of horizontal bars so that the longest label fits beside a bar, on either side of zero."""
    width = float(ax.figure.get_size_inches()[0]) - _CHARACTER * max(map(len, names), default=0) - 0.2  # type: ignore[union-attr]
    label = _CHARACTER * max(map(len, labels), default=0) + 0.15
    sides = (min(values, default=0) < 0) + (max(values, default=0) > 0)
    room(ax, values, axis="x", margin=label / max(width - sides * label, 1.0))


def value_label(ax: Axes, x: float, y: float, text: str, *, size: float = 9.0) -> None:
    """Write a column's value at its end, above it or below when it is negative."""
    up = y >= 0
    ax.annotate(
        text,
        (x, y),
        (0, 3 if up else -3),
        textcoords="offset points",
        ha="center",
        va="bottom" if up else "top",
        fontsize=size,
        fontweight="bold",
        bbox=HALO,
        zorder=6,
    )


def value_labels(ax: Axes, places: Sequence[float], values: Sequence[float], texts: Sequence[str]) -> None:
    """Write the values of columns, of every second or third one where they would touch."""
    width = float(ax.figure.get_size_inches()[0]) - 0.4  # type: ignore[union-attr]
    low, high = ax.get_xlim()
    column = width / max(high - low, 1.0)
    every = max(-(-int(100 * (_CHARACTER * max(map(len, texts), default=0) + 0.12)) // int(100 * column)), 1)
    for k, (place, value, text) in enumerate(zip(places, values, texts, strict=True)):
        if k % every == 0:
            value_label(ax, place, value, text, size=8.5)


def dates_below(ax: Axes) -> None:
    """Name days and months below the axes, each as short as the others allow."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    ax.xaxis_date()
    locator = AutoDateLocator(minticks=5, maxticks=11)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        zero_formats=["", "%Y", "%b", "%d %b", "%H:%M", "%H:%M"],
        offset_formats=["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y %H:%M"],
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    ax.xaxis.get_offset_text().set_fontsize(9)
    ax.margins(x=0.01)


def days_below(ax: Axes) -> None:
    """Name each day of a week or two by weekday and day, the month below the first and where a month begins.

    The names stand at noon, in the middle of their days.
    """
    from matplotlib.dates import HourLocator, num2date
    from matplotlib.ticker import FuncFormatter

    low, high = math.floor(ax.dataLim.x0), math.ceil(ax.dataLim.x1)

    def name(place: float, _: int | None) -> str:
        day = num2date(place)  # type: ignore[no-untyped-call]
        month = day.strftime("\n%b %Y") if math.floor(place) == low or day.day == 1 else ""
        return f"{day:%a} {day.day}{month}"

    ax.xaxis_date()
    ax.xaxis.set_major_locator(HourLocator(byhour=12))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(FuncFormatter(name))
    ax.set_xlim(low, high)


def numbers_left(ax: Axes, values: Iterable[float], *, whole: bool = False) -> None:
    """Scale the y axis from zero, with grouped numbers and quiet grid lines."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    room(ax, values)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=whole))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: formats.number(v, 0 if v == round(v) else 1)))
    ax.grid(axis="y", color="#e6e6e6")
    ax.set_axisbelow(True)


def bar_label(ax: Axes, x: float, y: float, text: str) -> None:
    """Write a horizontal bar's value at its end."""
    right = x >= 0
    ax.annotate(
        text,
        (x, y),
        (5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=9,
    )


def under_label(ax: Axes, x: float, points: float, text: str, colour: str) -> None:
    """Write a coloured line of text `points` below the x axis."""
    ax.annotate(
        text,
        (x, 0),
        (0, -points),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=9,
        fontweight="bold",
        color=colour,
    )


def names_at_left(ax: Axes, names: Sequence[str]) -> None:
    """Name horizontal bars from the top down; the axis of amounts bears no ticks, each bar has its value."""
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xticks([])


def months_below(ax: Axes, months: Sequence[str]) -> None:
    """Name columns 0, 1, 2 ... by month, or every second or third with each January, the year below these."""
    every = max(-(-len(months) // 24), 1)
    january = next((k for k, month in enumerate(months) if month.endswith("-01")), 0)
    places = list(range(january % every, len(months), every))
    names = [formats.month_name(months[k]) for k in places]
    labels = [n[:3] + (f"\n{n[4:]}" if k == 0 or n.startswith("Jan") else "") for k, n in enumerate(names)]
    ax.set_xticks(places, labels)
    ax.set_xlim(-0.6, max(len(months), 1) - 0.4)


def legend(ax: Axes, *, columns: int = 6, points: float = 34) -> None:
    """Name the marks in one row, `points` below the axes."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        height = ax.figure.get_size_inches()[1] * 72  # type: ignore[union-attr]
        ax.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0, -points / height * 1.4),
            ncols=columns,
            frameon=False,
            fontsize=9,
            handlelength=1.6,
            borderaxespad=0,
        )


def effect_legend(ax: Axes) -> None:
    """Name the two colours of a variance."""
    from matplotlib.patches import Patch

    patches = [Patch(color=FAVOURABLE, label="favourable"), Patch(color=ADVERSE, label="adverse")]
    ax.legend(handles=patches, loc="upper left", bbox_to_anchor=(0, 0), ncols=2, frameon=False, fontsize=9)


def effect_colour(effect: float) -> str:
    """Return the colour of a variance by its effect on the result."""
    return FAVOURABLE if effect > 0 else ADVERSE if effect < 0 else NEUTRAL


def money_writer(minor_digits: int, unit: str) -> Callable[..., str]:
    """Return a function that writes cents in one exhibit's unit: `write(cents, signed=True)`."""

    def write(cents: float, *, signed: bool = False) -> str:
        return formats.money(cents, minor_digits, unit, signed=signed)

    return write

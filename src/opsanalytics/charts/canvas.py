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
    from matplotlib.patches import Patch

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


def plain(text: str, width: int = NAME_WIDTH) -> str:
    """Make text from the data safe to draw: one line of at most `width` characters, no formula, known glyphs only."""
    known = _glyphs()
    short = formats.shorten(text, width)
    return "".join(c if ord(c) in known else "\N{WHITE SQUARE}" for c in short).replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def canvas(
    message: str,
    caption: str,
    *,
    width: float = 10.0,
    height: float = 3.6,
    below: float = 0.62,
    over: float = 0.06,
    names: Iterable[str] = (),
    weight: str = "normal",
) -> Axes:
    """Open one figure: the message in bold, what is shown below it, then one panel over a strip of `below` inches.

    `height` is that of panel and strip. Both texts are `plain` already; long ones are wrapped, and the figure grows by
    what they need, and by `over` inches for what stands above a panel. `names` stand to the left of the panel, in a
    `weight`; they get the room that they need.
    """
    from opsanalytics.charts import sheet

    messages = _wrapped(message, width - 0.3, 13, "bold")
    captions = _wrapped(caption, width - 0.3, 9.5, "normal")
    head = 0.22 + 0.25 * len(messages) + 0.19 * len(captions) + over
    total = height + head
    left = max([sheet.inches(n, weight=weight) for n in names], default=-0.1) + 0.1 + sheet.SIDE
    figure = sheet.sheet(width, total, head=head, below=below, left=left)
    bold: dict[str, Any] = {"va": "top", "fontsize": 13, "weight": "bold", "color": INK, "gid": "message"}
    figure.text(sheet.SIDE / width, 1 - 0.06 / total, "\n".join(messages), **bold)
    below_it = 0.12 + 0.25 * len(messages)
    quiet: dict[str, Any] = {"va": "top", "fontsize": 9.5, "color": QUIET, "gid": "caption"}
    figure.text(sheet.SIDE / width, 1 - below_it / total, "\n".join(captions), **quiet)
    ax = sheet.panel(figure)
    figure.place(ax, 0, figure.body_width)
    return ax


def _wrapped(text: str, width: float, size: float, weight: str) -> list[str]:
    """Break a text into lines of at most `width` inches."""
    from opsanalytics.charts.sheet import inches

    characters = int(width / inches("n", size, weight) * 1.12)
    while True:
        lines = textwrap.wrap(text, characters, break_on_hyphens=False) or [""]
        if characters <= 20 or max(inches(line, size, weight) for line in lines) <= width:
            return lines
        characters -= max(characters // 20, 1)


def span(values: Iterable[float]) -> tuple[float, float]:
    """Return the lowest and the highest of the values and zero."""
    held = [float(v) for v in values]
    return min([0.0, *held]), max([0.0, *held])


def finished(ax: Axes) -> Axes:
    """Hand the chart over: what is on the sheet is final, so that it is drawn once, when it is shown or saved."""
    ax.figure.stale = False
    return ax


def off(caption: str, sentence: str, *, width: float = 10.0) -> Axes:
    """Say in one line what would be shown, and below it why there is nothing to see: a sheet no taller than that."""
    from opsanalytics.charts import sheet

    lines = _wrapped(caption, width - 0.3, 9.5, "normal")
    height = 0.41 + 0.19 * len(lines)
    figure = sheet.sheet(width, height, head=0.12 + 0.19 * len(lines), below=0.06, left=sheet.SIDE)
    quiet: dict[str, Any] = {"va": "top", "fontsize": 9.5, "color": QUIET, "gid": "caption"}
    figure.text(sheet.SIDE / width, 1 - 0.06 / height, "\n".join(lines), **quiet)
    ax = sheet.panel(figure)
    ax.set_axis_off()
    figure.place(ax, 0, figure.body_width)
    ax.text(0, 0.5, plain(sentence, 100), ha="left", va="center", transform=ax.transAxes, color=INK, fontsize=10.5)
    return finished(ax)


def zero_line(ax: Axes, *, vertical: bool = False) -> None:
    """Draw the line that every amount is measured from."""
    (ax.axvline if vertical else ax.axhline)(0, color=INK, linewidth=1.0, zorder=4, gid="zero", clip_on=False)


def room(ax: Axes, values: Iterable[float], *, labelled: Iterable[float] | None = None, margin: float = 0.14) -> None:
    """Set the limits of the y axis so that zero, the values and the labels at their ends are inside.

    `labelled` are the values that bear a label, all of them by default.
    """
    held = [v for v in values if v == v]
    bearing = held if labelled is None else [v for v in labelled if v == v]
    low, high = span(held)
    whole = (high - low) or 1.0
    below = margin * whole if low < 0 else 0.0
    above = margin if high > 0 or low == 0 else 0.02
    if low < 0:
        below = max(min(margin * whole - (min(bearing, default=0.0) - low), margin * whole), 0.02 * whole)
        below = below if min(bearing, default=0.0) < 0 else 0.02 * whole
    ax.set_ylim(low - below, high + whole * above)


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
    from opsanalytics.charts.sheet import inches

    low, high = ax.get_xlim()
    widest = max([inches(text, 8.5, "bold") for text in texts], default=0.0)
    column = float(ax.get_window_extent().width) / ax.figure.dpi / max(high - low, 1.0)
    every = max(math.ceil((widest + 0.08) / column), 1)
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

    from opsanalytics.charts import sheet

    def name(value: float, _: int | None = None) -> str:
        return formats.number(value, 0 if value == round(value) else 1)

    room(ax, values)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=whole))
    ax.yaxis.set_major_formatter(FuncFormatter(name))
    low, high = ax.get_ylim()
    figure = sheet.of(ax)
    figure.left = sheet.SIDE + 0.1 + max(sheet.inches(name(float(v))) for v in ax.get_yticks() if low <= v <= high)
    figure.place(ax, 0, figure.body_width - 0.15)
    ax.grid(axis="y", color="#e6e6e6")
    ax.set_axisbelow(True)


def bar_label(ax: Axes, x: float, y: float, text: str, *, right: bool | None = None, halo: bool = False) -> None:
    """Write a horizontal bar's value at its end: on the right, or on the left where it goes below zero.

    With a `halo` it stays readable on a line.
    """
    right = x >= 0 if right is None else right
    ax.annotate(
        text,
        (x, y),
        (5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=9,
        bbox=HALO if halo else None,
        zorder=6,
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


def names_below(ax: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Name columns below them, all on one line of writing whatever letters they have and however many lines."""
    ax.set_xticks(places, list(names), linespacing=1.2)


def months_below(ax: Axes, months: Sequence[str]) -> None:
    """Name columns 0, 1, 2 ... by month, or every second or third with each January, the year below these."""
    every = max(-(-len(months) // 24), 1)
    january = next((k for k, month in enumerate(months) if month.endswith("-01")), 0)
    places = list(range(january % every, len(months), every))
    names = [formats.month_name(months[k]) for k in places]
    labels = [n[:3] + (f"\n{n[4:]}" if k == 0 or n.startswith("Jan") else "") for k, n in enumerate(names)]
    names_below(ax, places, labels)
    ax.set_xlim(-0.6, max(len(months), 1) - 0.4)


def legend(ax: Axes, *, columns: int = 6, handles: Sequence[Any] = ()) -> None:
    """Name the marks at the foot of the sheet."""
    held, labels = ax.get_legend_handles_labels()
    held, labels = ([*held, *handles], [*labels, *(h.get_label() for h in handles)])
    if held:
        ax.legend(
            held,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.008, 0.0),
            bbox_transform=ax.figure.transFigure,
            ncols=columns,
            frameon=False,
            fontsize=9,
            handlelength=1.6,
            borderaxespad=0.3,
        )


def effect_marks() -> list[Patch]:
    """Return marks of the two colours of a variance, for a legend."""
    from matplotlib.patches import Patch

    return [Patch(color=FAVOURABLE, label="favourable"), Patch(color=ADVERSE, label="adverse")]


def scenario_marks(scenarios: Iterable[str]) -> list[Patch]:
    """Return marks of scenarios in their notation, for a legend."""
    from matplotlib.patches import Patch

    return [Patch(label=s, **SCENARIOS[s]) for s in scenarios]


def effect_colour(effect: float) -> str:
    """Return the colour of a variance by its effect on the result."""
    return FAVOURABLE if effect > 0 else ADVERSE if effect < 0 else NEUTRAL


def money_writer(minor_digits: int, unit: str) -> Callable[..., str]:
    """Return a function that writes cents in one exhibit's unit: `write(cents, signed=True)`."""

    def write(cents: float, *, signed: bool = False) -> str:
        return formats.money(cents, minor_digits, unit, signed=signed)

    return write

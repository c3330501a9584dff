"""Pictures of cover: at which weekday and time the roster is short, and what shifts cover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import plain
from opsanalytics.charts.staffing_level import NO_QUEUE, caption_of
from opsanalytics.formats import ALL, counted, number
from opsanalytics.periods import Calendar

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from opsanalytics.staffing import QueueDetail, StaffingForecast

    Grid = np.ndarray[Any, Any]

ENOUGH = "#f0f0f0"
SHORT = ("#fbdcc4", "#f3b183", paper.ADVERSE)
SPARE = ("#d9e6f2", "#9fc6e5", "#5b9bc8")
_COVERED = "#b9d4ea"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_DAY, _WEEK = pd.Timedelta(days=1), pd.Timedelta(weeks=1)
_HALF_HOUR = 30  # minutes
_CELL, _NARROW = 7.5, 0.22  # points of a number in a cell, and inches of a cell that takes smaller ones


def gap_heat_map(
    staffing: StaffingForecast, site: str, service: str, *, period: str = "", calendar: Calendar | None = None
) -> Axes:
    """At which weekday and time is the roster short? The mean of rostered less scheduled staff.

    Weekdays by half hour (or the longer interval of the roster) over all that is rostered, or over the one month
    `period` of `calendar`. A roster by day is shown by week instead. Numbers are whole people where there is room,
    orange is short, blue is more than scheduled, grey is neither by half a person; blank is what has no roster.
    """
    gaps = _gaps(staffing, site, service, period, calendar)
    subject = "Rostered less scheduled staff, in whole people; blank: no roster"
    if gaps.empty or _step(gaps["ds"], _DAY) > _DAY:
        why = "No roster for the days to come." if gaps.empty else "The roster is not by day: it has no weekdays."
        return paper.off(f"{plain(service)}, {caption_of(subject, site, staffing.period)}", why)
    by_day = bool((gaps["ds"] == gaps["ds"].dt.normalize()).all())
    mean = _by_week(gaps) if by_day else _by_time(gaps)
    first, last = gaps["ds"].min(), gaps["ds"].max()
    shown = f"{'' if by_day else 'Mean of '}{subject if by_day else subject[:1].lower() + subject[1:]}"
    caption = caption_of(f"{shown}; {_span(first, last)}", site, staffing.period)
    message = f"{plain(service)}: {_gap_message(gaps, mean, by_day)}"
    ax = paper.canvas(message, caption, height=7 * 0.27 + 0.7, below=0.7, names=_DAYS)
    marks = _gap_cells(ax, mean.to_numpy(dtype=float))
    panels.names_at_left(ax, list(_DAYS))
    ax.set_ylim(6.5, -0.5)
    _columns_below(ax, list(mean.columns), by_day)
    paper.legend(ax, columns=7, handles=marks)
    return paper.finished(ax)


def shift_cover(detail: QueueDetail | None, period: str) -> Axes:
    """Do the shifts cover what each interval of a queue's busiest week requires?

    The area is who works, the line what is required; what lacks is orange. Of a longer time the first week is drawn.
    """
    subject = "Staff at work by interval: required, covered by shifts"
    if detail is None:
        return paper.off(caption_of(subject, ALL, period), NO_QUEUE)
    covered, shifts, service, site = detail.week.covered, detail.week.shifts, detail.service, detail.site
    caption = caption_of(subject, site, period)
    rows = covered.sort_values("ds", kind="stable")
    rows = rows[rows["ds"] < rows["ds"].min().normalize() + _WEEK] if len(rows) else rows
    if rows.empty or shifts.empty:
        why = "No interval requires staff, so there is no shift." if rows.empty else "No shift covers it."
        return paper.off(f"{plain(service)}, {caption}", why)
    ax = paper.canvas(f"{plain(service)}: {_cover_message(rows, shifts)}", caption)
    step = _step(rows["ds"], pd.Timedelta(minutes=_HALF_HOUR))
    line = rows.set_index("ds")[["required", "covered"]].astype(float)
    line = line.reindex(pd.date_range(rows["ds"].min(), rows["ds"].max(), freq=step))
    places = _places(line.index)
    edges = [*places, places[-1] + step / _DAY]
    area: dict[str, Any] = {"color": "#b9d4ea", "label": "covered", "gid": "covered"}
    ax.stairs(line["covered"].fillna(0.0), edges, fill=True, **area)
    lack = (line["required"] - line["covered"]).clip(lower=0)
    if (lack > 0).any():
        block: dict[str, Any] = {"baseline": line["covered"], "color": paper.ADVERSE, "label": "short", "gid": "short"}
        ax.stairs(line["required"].where(lack > 0, line["covered"]), edges, fill=True, **block)
    ax.stairs(line["required"], edges, baseline=None, color=paper.INK, linewidth=1.5, label="required", gid="required")
    paper.days_below(ax)
    paper.numbers_left(ax, [float(v) for v in line.to_numpy().ravel() if v == v], whole=True)
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def _gaps(staffing: StaffingForecast, site: str, service: str, period: str, calendar: Calendar | None) -> pd.DataFrame:
    gaps = staffing.gaps
    gaps = gaps[(gaps["site"] == site) & (gaps["service"] == service) & gaps["gap"].notna()]
    if period:
        months = calendar or Calendar()
        first, last = pd.Timestamp(months.first_day(period)), pd.Timestamp(months.last_day(period))
        gaps = gaps[(gaps["ds"] >= first) & (gaps["ds"] < last + _DAY)]
    return gaps.sort_values("ds", kind="stable")


def _by_time(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gap by weekday (rows) and minute of the day at which an interval begins (columns)."""
    minutes = gaps["ds"].dt.hour * 60 + gaps["ds"].dt.minute
    step = max(_HALF_HOUR, int(_step(gaps["ds"], pd.Timedelta(minutes=_HALF_HOUR)) / pd.Timedelta(minutes=1)))
    table = gaps.assign(day=gaps["ds"].dt.day_of_week, start=minutes // step * step)
    mean = table.pivot_table(index="day", columns="start", values="gap", aggfunc="mean")
    starts = range(int(minutes.min()) // step * step, max(minutes) + 1, step)
    return mean.reindex(index=range(7), columns=starts)


def _by_week(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the gap by weekday (rows) and the Monday of the week (columns)."""
    days = gaps["ds"].dt.day_of_week
    mondays = gaps["ds"].dt.normalize() - pd.to_timedelta(days, unit="D")
    table = gaps.assign(day=days, week=mondays).pivot_table(index="day", columns="week", values="gap", aggfunc="mean")
    return table.reindex(index=range(7), columns=pd.date_range(table.columns.min(), table.columns.max(), freq="7D"))


def _gap_cells(ax: Axes, grid: Grid) -> list[Any]:
    """Colour the cells by classes of whole people and write these where there is room; return marks of the classes."""
    import numpy as np
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    from opsanalytics.charts.sheet import inches, of

    people = np.round(grid)
    held = sorted({int(size) for size in people[np.isfinite(people)]})
    short = [(-high, -low) for low, high in reversed(_classes([-size for size in held if size < 0]))]
    spare = _classes([size for size in held if size > 0])
    enough = [(0, 0)] if 0 in held else []
    classes = [*short, *enough, *spare]
    colours = [*reversed(SHORT[3 - len(short) :]), *([ENOUGH] if enough else []), *SPARE[3 - len(spare) :]]
    edges = [*(low - 0.5 for low, _ in classes), classes[-1][1] + 0.5]
    high, wide = grid.shape
    style: dict[str, Any] = {"cmap": ListedColormap(colours), "norm": BoundaryNorm(edges, len(colours))}
    corners = np.arange(wide + 1) - 0.5, np.arange(high + 1) - 0.5
    ax.pcolormesh(*corners, np.ma.masked_invalid(people), edgecolors="white", linewidth=1.0, gid="gaps", **style)
    ax.set_xlim(-0.5, wide - 0.5)
    room = of(ax).body_width / wide - 0.03
    size = _CELL if room > _NARROW else _CELL - 1
    for (y, x), value in np.ndenumerate(people):
        text = number(float(value), signed=True)
        if value == value and inches(text, size) <= room:
            ax.text(x, y, text, ha="center", va="center", fontsize=size, color=paper.INK, gid="people")
    words = [f"{number(low, signed=True)} to {number(up, signed=True)}" for low, up in classes]
    texts = [number(low, signed=True) if low == up else said for (low, up), said in zip(classes, words, strict=True)]
    return [Patch(color=colour, label=text) for colour, text in zip(colours, texts, strict=True)]


def _classes(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Split what lies from the smallest size to the largest into at most three ranges: 1 to 3, 4 to 5, 6 to 7."""
    if not sizes:
        return []
    first, last = min(sizes), max(sizes)
    ends = sorted({first - 1 + math.ceil((last - first + 1) * k / 3) for k in (1, 2, 3)})
    return [(low + 1, high) for low, high in zip([first - 1, *ends], ends, strict=False)]


def _columns_below(ax: Axes, columns: list[Any], by_day: bool) -> None:
    """Name the columns: a week by its Monday, a time where its interval begins."""
    from opsanalytics.charts.sheet import inches, of

    ax.xaxis.set_visible(True)
    names = [_day(c) if by_day else _clock(int(c)) for c in columns]
    kept = [k for k, c in enumerate(columns) if by_day or int(c) % 60 == 0] or [0]
    room = of(ax).body_width / len(columns) * ((kept[1] - kept[0]) if len(kept) > 1 else 1)
    every = max(math.ceil((max(inches(name) for name in names) + 0.12) / room), 1)
    outer = of(ax).body_width / len(columns) / 2 + 0.12
    last = len(columns) - 1 if inches(names[-1]) / 2 <= outer or not by_day else len(columns) - 2
    kept = [k for k in kept[::every] if k <= last] or kept[:1]
    paper.names_below(ax, [k if by_day else k - 0.5 for k in kept], [names[k] for k in kept])


def _gap_message(gaps: pd.DataFrame, mean: pd.DataFrame, by_day: bool) -> str:
    import numpy as np

    lack = gaps["gap"] < 0
    count = _count(lack, "rostered days" if by_day else "rostered intervals")
    if not lack.any():
        return count
    values = mean.to_numpy(dtype=float)
    day, place = (int(k) for k in np.unravel_index(np.nanargmin(values), values.shape))
    lowest, column = float(values[day, place]), mean.columns[place]
    if by_day:
        worst = pd.Timestamp(column) + pd.Timedelta(days=day)
        return f"{_DAYS[day]} {_date(worst)} is shortest, by {number(-lowest)}; {count}"
    if round(lowest, 1) >= 0:
        return f"no weekday and time is short on average; {count}"
    size = number(-lowest, 1 if lowest > -10 else 0)
    return f"{_WEEKDAYS[day]} at {_clock(int(column))} are shortest, by {size} on average; {count}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _cover_message(rows: pd.DataFrame, shifts: pd.DataFrame) -> str:
    lack = rows["required"] - rows["covered"]
    staff = int(shifts["staff"].sum())
    used = counted(int((shifts["staff"] > 0).sum()), "shift")
    text = f"{'1 person' if staff == 1 else f'{number(staff)} people'} on {used}"
    if not (lack > 0).any():
        return f"{text} cover{'s' if staff == 1 else ''} all {counted(len(rows), 'interval')}"
    worst = pd.Timestamp(rows["ds"].iloc[int(lack.to_numpy().argmax())])
    when = f"{worst:%a} {worst.day} {worst:%b %H:%M}"
    return f"{text}; {_count(lack > 0, 'intervals')}, the worst by {number(float(lack.max()))}, {when}"


def _count(short: pd.Series, nouns: str) -> str:
    """Say how many are short: "none of 12 intervals is short", "1 of 12 is", "all 12 are"."""
    count, total = int(short.sum()), number(len(short))
    if count == 0:
        return f"none of {total} {nouns} is short"
    if count == len(short):
        return f"all {total} {nouns} are short" if count > 1 else f"the one of the {nouns} is short"
    return f"{number(count)} of {total} {nouns} {'is' if count == 1 else 'are'} short"


def _date(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%b %Y}"


def _span(first: pd.Timestamp, last: pd.Timestamp) -> str:
    return _date(first) if first.normalize() == last.normalize() else f"{_date(first)} to {_date(last)}"


def _day(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%b}"


def _step(starts: pd.Series, default: pd.Timedelta) -> pd.Timedelta:
    """Return the length of the shortest interval, or `default` where there is but one."""
    steps = pd.Series(starts.drop_duplicates().sort_values()).diff().dropna()
    return pd.Timedelta(steps.min()) if len(steps) else default


def _places(stamps: pd.Index) -> list[float]:
    from matplotlib.dates import date2num

    return [float(day) for day in date2num(stamps.to_numpy())]  # type: ignore[no-untyped-call]

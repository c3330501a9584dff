"""Pictures of staff and promise: the level of one interval by agents, and the risk that a plan carries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import ALL, counted, entity_name, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.staffing import QueueDetail, StaffingForecast

NO_QUEUE = "Nobody queues here under a promise of a service level."
_RISK_SHARE = 0.62  # of the sheet that the levels take


def service_level_curve(detail: QueueDetail | None, period: str) -> Axes:
    """What does one agent more, or one less, do to the service level of a queue's busiest interval?

    Levels that keep the promise are full dots, those that miss it hollow ones.
    Raises ValueError where the curve does not show the agents chosen.
    """
    if detail is None:
        return paper.off(caption_of("Service level by agents at work", ALL, period), NO_QUEUE)
    curve, service, site = detail.curve, detail.service, detail.site
    target, target_s = detail.standard.service_level, detail.standard.target_s
    agents, volume = detail.agents, detail.volume
    rows = curve.sort_values("agents", kind="stable").reset_index(drop=True)
    within = f"in {number(target_s)} s"
    contacts = number(volume, 0 if volume == round(volume) or volume >= 10 else 1)
    when = f"{detail.start:%a} {detail.start.day} {detail.start:%b %H:%M}"
    subject = f"Service level {within} by agents at work, {contacts} contacts in the interval from {when}"
    caption = caption_of(subject, site, period)
    if rows.empty:
        return paper.off(f"{plain(service)}, {caption}", "No volume in the interval: there is no level.")
    chosen = math.ceil(agents)
    level = _level(rows, chosen)
    if level is None:
        raise ValueError(f"The curve does not show {counted(chosen, 'agent')}: make it around {chosen}.")
    message = f"{plain(service)}, {_level_message(rows, chosen, target, within)}"
    ax = paper.canvas(message, caption, height=3.4)
    ax.plot(rows["agents"], rows["service_level"], color=paper.INK, linewidth=1.2, gid="level", zorder=3)
    size = 36 if len(rows) <= 40 else 9
    for label, part, face, edge in (
        ("promise kept", rows["service_level"] >= target, paper.INK, paper.INK),
        ("promise missed", rows["service_level"] < target, "white", paper.ADVERSE),
    ):
        if part.any():
            dots: dict[str, Any] = {
                "s": size,
                "facecolor": face,
                "edgecolor": edge,
                "linewidth": 1.4,
                "zorder": 4,
                "clip_on": False,
            }
            ax.scatter(rows["agents"][part], rows["service_level"][part], label=label, gid=label, **dots)
    promise = f"promise: {_percent(target)} {within}"
    ax.axhline(target, color=paper.FORECAST, linewidth=1.4, label=promise, gid="promise", zorder=2)
    ring: dict[str, Any] = {"s": 130, "facecolor": "none", "edgecolor": paper.FORECAST, "linewidth": 2.0, "zorder": 5}
    ax.scatter([chosen], [level], label="chosen", gid="chosen", **ring)
    _percents_left(ax)
    _chosen_label(ax, rows, chosen, min(level, target), _level_lines(rows, chosen, target, within))
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def staffing_risk(staffing: StaffingForecast) -> Axes:
    """What does it cost to be surer of the promise? For each service and quantile the level that is kept, and the cost.

    A dot is the mean share in time over the simulated runs, the line leads to its low end (one run in ten is lower).
    Costs are those of the months simulated, on a panel of their own (`ax.figure.axes[1]`).
    """
    rows = staffing.risk.sort_values(["site", "service", "quantile"], kind="stable").reset_index(drop=True)
    costs = [None if pd.isna(c) else int(c) for c in rows["cost_cents"]]
    unit = formats.money_unit(costs, staffing.minor_digits)
    name = formats.unit_name(staffing.currency, unit)
    caption = caption_of(
        f"Staff to the P50, P80, P95 of the forecast: share attained, cost in {name}", staffing.entity, staffing.period
    )
    if rows.empty:
        return paper.off(caption, "No risk was simulated: see the notes on what is off.")
    several = rows["site"].nunique() > 1
    names = _risk_names(rows, several)
    ax = paper.canvas(
        _risk_message(staffing, rows, unit),
        caption,
        height=0.24 + 0.25 * max(len(rows), 3),
        below=0.08,
        over=0.2,
        names=names,
    )
    panels.names_at_left(ax, names)
    labels = [_risk_label(row) for _, row in rows.iterrows()]
    _levels(ax, rows, labels)
    beside = panels.panel_beside(ax, "cost")
    panels.stand_at_right(beside, ax.get_window_extent().width / ax.figure.dpi * (1 - _RISK_SHARE) - 0.25)
    panels.room_at_right(ax, ax.get_window_extent().width / ax.figure.dpi * (1 - _RISK_SHARE))
    _risk_costs(beside, costs, paper.money_writer(staffing.minor_digits, unit))
    panels.panel_title(ax, "Attained: mean, line to its low end (0 to 100 %)")
    panels.panel_title(beside, "Cost")
    for panel in (ax, beside):
        paper.zero_line(panel, vertical=True)
    for y in range(1, len(rows)):
        if names[y] != f"{_quantile(rows['quantile'][y])}":
            ax.axhline(y - 0.5, color="#d9d9d9", linewidth=0.8, zorder=0, gid="service")
    return paper.finished(ax)


def _level(rows: pd.DataFrame, agents: int) -> float | None:
    found = rows[rows["agents"] == agents]
    return float(found["service_level"].iloc[0]) if len(found) else None


def _percent(share: float, beside: float | None = None) -> str:
    """Write a share in whole percent; with a decimal where it would read as all or as the promise and is neither."""
    text = number(100 * share)
    if 0.9995 <= share < 1:
        return "over 99.9 %"
    if (text == "100" and share < 1) or (beside is None and round(100 * share, 6) % 1):
        text = number(100 * share, 1)
    elif beside is not None and share != beside and text == number(100 * beside):
        text = next(t for d in (1, 2, 9) if (t := number(100 * share, d)) != number(100 * beside, d) or d == 9)
    return f"{text} %"


def _level_message(rows: pd.DataFrame, chosen: int, target: float, within: str) -> str:
    level = _level(rows, chosen) or 0.0
    side = "keeps" if level >= target else "misses"
    text = f"{counted(chosen, 'agent')}: {_percent(level, target)} {within}"
    text += f", which {side} the promise of {_percent(target)}"
    fewer = _level(rows, chosen - 1)
    return f"{text}; one fewer: {_percent(fewer, target)}" if fewer is not None else text


def _level_lines(rows: pd.DataFrame, chosen: int, target: float, within: str) -> list[str]:
    """Say what the agents chosen give, and one fewer."""
    lines = []
    for agents, lead in ((chosen, counted(chosen, "agent")), (chosen - 1, "one fewer")):
        row = rows[rows["agents"] == agents]
        if len(row):
            level, busy = float(row["service_level"].iloc[0]), float(row["occupancy"].iloc[0])
            lines.append(f"{lead}: {_percent(level, target)} {within}, occupancy {number(100 * busy)} %")
    return lines


def _percents_left(ax: Axes) -> None:
    """Scale the y axis from 0 to 100 %."""
    from opsanalytics.charts import sheet

    texts = [f"{20 * k} %" for k in range(6)]
    ax.set_ylim(0, 1.06)
    ax.set_yticks([k / 5 for k in range(6)], texts)
    figure = sheet.of(ax)
    figure.left = sheet.SIDE + 0.1 + max(sheet.inches(text) for text in texts)
    figure.place(ax, 0, figure.body_width - 0.15)
    ax.grid(axis="y", color="#e6e6e6")
    ax.set_axisbelow(True)


def _chosen_label(ax: Axes, rows: pd.DataFrame, chosen: int, under: float, lines: list[str]) -> None:
    """Write the lines to the right of the dot chosen, below `under`, where neither curve nor promise runs."""
    from matplotlib.ticker import MaxNLocator

    from opsanalytics.charts.sheet import inches

    first, last = float(rows["agents"].min()), float(rows["agents"].max())
    low, high = first - 0.03 * (last - first or 1.0), last + 0.03 * (last - first or 1.0)
    wide = float(ax.get_window_extent().width) / ax.figure.dpi
    need = max(inches(line, 9, "bold") for line in lines) + 0.25
    high = max(high, (chosen * wide - need * low) / (wide - need))
    ax.set_xlim(low, high)
    ticks = [t for t in MaxNLocator(12, integer=True).tick_values(first, last) if first <= t <= last]
    paper.names_below(ax, ticks, [number(t) for t in ticks])
    for k, text in enumerate(lines):
        spot: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": 9, "zorder": 6, "gid": "chosen"}
        weight = "normal" if k else "bold"
        below = -8 - 14 * k
        ax.annotate(text, (chosen, max(under, 0.2)), (10, below), textcoords="offset points", weight=weight, **spot)


def _quantile(quantile: float) -> str:
    return f"P{number(100 * quantile)}"


def _risk_names(rows: pd.DataFrame, several: bool) -> list[str]:
    """Name the first quantile of a service by the service too, and by its site where there are several."""
    names = []
    before: tuple[str, str] | None = None
    for site, service, quantile in zip(rows["site"], rows["service"], rows["quantile"], strict=True):
        who = plain(f"{service}, {site}" if several else str(service), 26)
        names.append(_quantile(quantile) if (site, service) == before else f"{who}   {_quantile(quantile)}")
        before = (site, service)
    return names


def _risk_label(row: pd.Series) -> str:
    if pd.isna(row["attained"]):
        return formats.NOT_AVAILABLE
    text = number(100 * row["attained"], 1)
    low = "" if pd.isna(row["attained_low"]) else f" (low {number(100 * row['attained_low'], 1)})"
    missed = "" if pd.isna(row["months_missed"]) else f", {_missed(row['months_missed'])} of months missed"
    return f"{text} %{low}{missed}"


def _missed(share: float) -> str:
    """Write a share of months in whole percent; some are not none."""
    return f"{number(100 * share)} %" if share == 0 or share >= 0.005 else "under 1 %"


def _levels(ax: Axes, rows: pd.DataFrame, labels: list[str]) -> None:
    """Draw each level as a dot with the line to its low end, what they are beside the whole."""
    wide = float(ax.get_window_extent().width) / ax.figure.dpi * _RISK_SHARE
    ax.set_xlim(0, wide / max(wide - panels.label_room(labels), 0.5))
    known = rows[rows["attained"].notna()]
    ranges: dict[str, Any] = {"color": paper.FORECAST, "linewidth": 2.2, "alpha": 0.6, "gid": "low end"}
    ax.hlines(known.index, known["attained_low"].astype(float), known["attained"].astype(float), **ranges)
    ax.scatter(known["attained"].astype(float), known.index, s=34, color=paper.INK, zorder=5, gid="attained")
    ax.axvline(1, color=paper.GREY, linewidth=0.8, gid="whole")
    for y, label in enumerate(labels):
        paper.bar_label(ax, 1, y, label)


def _risk_costs(ax: Axes, costs: Sequence[int | None], write: Callable[..., str]) -> None:
    held = [float(c) if c is not None else 0.0 for c in costs]
    labels = [write(c) for c in costs]
    wide = float(ax.get_window_extent().width) / ax.figure.dpi
    ax.barh(range(len(held)), held, 0.6, gid="FC", **paper.SCENARIOS["FC"])
    ax.set_xlim(0, (max(held) or 1.0) * wide / max(wide - panels.label_room(labels), 0.5))
    for y, (cost, label) in enumerate(zip(held, labels, strict=True)):
        paper.bar_label(ax, cost, y, label)


def _risk_message(staffing: StaffingForecast, rows: pd.DataFrame, unit: str) -> str:
    """Name the service that misses the promise most at the lowest quantile, and what the highest saves and costs."""
    known = rows[rows["months_missed"].notna()]
    if known.empty:
        return "The promise cannot be judged"
    lowest = known[known["quantile"] == known["quantile"].min()]
    first = lowest.sort_values("months_missed", ascending=False, kind="stable").iloc[0]
    own = known[(known["site"] == first["site"]) & (known["service"] == first["service"])]
    last = own.iloc[-1]
    text = f"{plain(first['service'])}: staffed to {_quantile(first['quantile'])} the promise is missed in "
    text += f"{_missed(first['months_missed'])} of months"
    if last["quantile"] == first["quantile"]:
        return text
    text += f", to {_quantile(last['quantile'])} in {_missed(last['months_missed'])}"
    more = last["cost_cents"] - first["cost_cents"]
    if pd.isna(more):
        return text
    said = formats.about_money(int(more), staffing.minor_digits, unit)
    return f"{text}, for {said} {formats.unit_name(staffing.currency, unit)} more"


def caption_of(subject: str, site: str, period: str) -> str:
    """Write what is shown, of which entity, as of which month."""
    return "  ·  ".join([subject, plain(entity_name(site)), f"as of {formats.month_name(period)}"])

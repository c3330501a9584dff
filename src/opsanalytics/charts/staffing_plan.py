"""Pictures of the months to come: people and hires, what the plan costs, and what moves that cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import panels
from opsanalytics.charts.canvas import SCENARIOS, plain
from opsanalytics.charts.staffing_level import caption_of
from opsanalytics.formats import about, about_money, counted, month_name, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.staffing import StaffingForecast

BASE, LEAST_COST = "base", "least cost"
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "staff_cents": "staff",
        "overtime_cents": "overtime",
        "temporary_cents": "temporary staff",
        "hiring_cents": "hiring",
    }
)
_TINTS = ("#4d4d4d", "#0072b2", "#7fc4ee", "#c9a227")
_SPARE = "#9fc6e5"
_PEOPLE_HIGH, _MOVES_HIGH, _BETWEEN, _BELOW = 2.1, 1.3, 0.72, 0.34
_LABEL, _RING = 0.2, 0.55  # inches beside the columns of the lower panel for labels, and for labels below rings
_OFF = "No workforce plan: see the notes on what is off."
_NO_WAGE = "No wage rate: staff cost is off."


def headcount_plan(staffing: StaffingForecast, service: str, *, site: str = "", alternative: str = LEAST_COST) -> Axes:
    """Are there enough people in each month to come, and when must hires be requested?

    Hatched columns are the full-time equivalents that count (a hire counts less while it learns), the line across each
    is what the month requires; above it the gap, before overtime and temporary staff. Below, on a panel of its own
    (`ax.figure.axes[1]`), who joins and who leaves, and in which month how many hires are to be requested besides those
    on record, whom the panel's title counts.
    """
    from opsanalytics.staffing.planning.workforce import requests_of

    where = site or staffing.entity
    rows = requests_of(staffing.workforce)
    rows = rows[(rows["site"] == where) & (rows["service"] == service) & (rows["alternative"] == alternative)]
    rows = rows.sort_values("period", kind="stable").reset_index(drop=True)
    subject = f"FTE by month, {plain(alternative)}, before overtime and temporary staff: FC"
    caption = caption_of(subject, where, staffing.period)
    if rows.empty:
        return paper.off(f"{plain(service)}, {caption}", _OFF)
    lower = _MOVES_HIGH + _BETWEEN
    message = f"{plain(service)}: {_people_message(rows)}"
    ax = paper.canvas(message, caption, height=_PEOPLE_HIGH + lower + _BELOW, below=_BELOW)
    _people(ax, rows)
    paper.months_below(ax, [str(month) for month in rows["period"]])
    panels.above(ax, lower)
    left = float(ax.get_position().x0)
    moves = panels.panel_below(ax, _MOVES_HIGH, "moves")
    moves.set_xlim(*ax.get_xlim())
    _moves(moves, rows)
    for panel in (ax, moves):
        paper.zero_line(panel)
        panel.set_position((left, panel.get_position().y0, ax.get_position().width, panel.get_position().height))
    paper.legend(ax, columns=7, handles=moves.get_legend_handles_labels()[0])
    return paper.finished(ax)


def plan_cost(staffing: StaffingForecast) -> Axes:
    """What do the months to come cost under each alternative? Staff, overtime, temporary staff and hiring.

    All services together. An alternative that leaves months short says so: what it does not cover it does not pay.
    """
    from opsanalytics.staffing.planning.comparison import cheapest, plan_costs

    table = plan_costs(staffing.workforce)
    unit = formats.money_unit(table["total_cents"], staffing.minor_digits)
    name = formats.unit_name(staffing.currency, unit)
    subject = f"Cost of {_planned(staffing.workforce)} by alternative: FC, in {name}"
    caption = caption_of(subject, staffing.entity, staffing.period)
    if table.empty:
        return paper.off(caption, _OFF)
    names = [plain(_opened(str(a))) for a in table.index]
    message = _plan_message(staffing, table, unit)
    height = 0.62 + 0.36 * max(len(table), 2)
    ax = paper.canvas(message, caption, height=height, below=0.42, names=names, weight="bold")
    write = paper.money_writer(staffing.minor_digits, unit)
    base = [0.0] * len(table)
    for (column, part), colour in zip(PARTS.items(), _TINTS, strict=True):
        sizes = [float(cents) for cents in table[column]]
        if not any(sizes):
            continue
        style: dict[str, Any] = {"color": colour, "edgecolor": "white", "linewidth": 0.5, "hatch": "////"}
        ax.barh(range(len(table)), sizes, 0.6, left=base, label=part, gid=part, **style)
        base = [b + s for b, s in zip(base, sizes, strict=True)]
    least = cheapest(table)
    less, totals = int(table["total_cents"][least]), [int(c) for c in table["total_cents"]]
    labels = [_plan_label(c, s, less, write) for c, s in zip(totals, table["fte_months_short"], strict=True)]
    panels.names_at_left(ax, names, bold=[k for k, a in enumerate(table.index) if a == least])
    for y, (end, label) in enumerate(zip(base, labels, strict=True)):
        paper.bar_label(ax, end, y, label)
    span = paper.span(base)
    panels.common_scale([ax], [span], [panels.bar_room(span, labels)])
    paper.zero_line(ax, vertical=True)
    paper.legend(ax)
    return paper.finished(ax)


def scenario_cost(staffing: StaffingForecast) -> Axes:
    """What does each scenario cost, and how far is that from the base? Over the months to come.

    All services together, without those that have no wage. The differences stand on a panel of their own
    (`ax.figure.axes[1]`), coloured by their effect on the result.
    """
    table, left_out = scenario_sums(staffing.scenarios)
    unit = formats.money_unit(table["cents"], staffing.minor_digits)
    name = formats.unit_name(staffing.currency, unit)
    without = f", without {counted(left_out, 'service')} that {'has' if left_out == 1 else 'have'} no wage"
    subject = f"Staff cost of {_time(staffing)} by scenario: FC, in {name}{without if left_out else ''}"
    caption = caption_of(subject, staffing.entity, staffing.period)
    if table.empty or set(table["scenario"]) == {BASE}:
        return paper.off(caption, _NO_WAGE if table.empty and left_out else "No scenario was asked for.")
    names = [plain(_opened(str(s))) for s in table["scenario"]]
    write = paper.money_writer(staffing.minor_digits, unit)
    message = _scenario_message(staffing, table, unit)
    ax = paper.canvas(message, caption, height=0.5 + 0.3 * max(len(table), 3), below=0.34, over=0.2, names=names)
    values = [int(c) for c in table["cents"]]
    ax.barh(range(len(table)), values, 0.6, gid="FC", **SCENARIOS["FC"])
    panels.names_at_left(ax, names)
    amounts = [write(v) for v in values]
    for y, (value, amount) in enumerate(zip(values, amounts, strict=True)):
        paper.bar_label(ax, value, y, amount)
    _differences(ax, table, write, amounts)
    paper.zero_line(ax, vertical=True)
    paper.legend(ax, handles=[*paper.scenario_marks(["FC"]), *paper.effect_marks()])
    return paper.finished(ax)


def tornado(staffing: StaffingForecast) -> Axes:
    """Which driver moves the cost of the months to come most? Each alone, down and up, the widest first.

    Bars are the change from the base, which is the line; each end says which change of the driver leads there.
    """
    from opsanalytics.staffing.scenarios import change_text, swings

    rows = swings(staffing.sensitivity)
    base = int(rows["base_cents"].iloc[0]) if len(rows) else 0
    ends = [(int(r["low_cents"]) - base, int(r["high_cents"]) - base) for _, r in rows.iterrows()]
    unit = formats.money_unit([base], staffing.minor_digits)
    write = paper.money_writer(staffing.minor_digits, unit)
    name = formats.unit_name(staffing.currency, unit)
    subject = f"Change of staff cost of {_time(staffing)}, from the base of {write(base)} {name}: FC, in {name}"
    if rows.empty:
        caption = caption_of("Change of staff cost by driver: FC", staffing.entity, staffing.period)
        return paper.off(caption, "No sensitivity: see the notes on what is off.")
    names = [plain(driver_name(str(d))) for d in rows["driver"]]
    columns = zip(rows["driver"], rows["low"], rows["high"], strict=True)
    steps = [(change_text(driver, low), change_text(driver, high)) for driver, low, high in columns]
    message = _tornado_message(staffing, rows, ends, steps[0], unit)
    caption = caption_of(subject, staffing.entity, staffing.period)
    ax = paper.canvas(message, caption, height=0.5 + 0.34 * max(len(rows), 3), below=0.42, names=names)
    panels.names_at_left(ax, names)
    labels: list[tuple[float, str]] = []
    for y, (pair, texts) in enumerate(zip(ends, steps, strict=True)):
        beyond = pair[0] * pair[1] > 0
        for change, text, side in zip(pair, texts, (-1, 1), strict=True):
            place, height = (y + side * 0.16, 0.3) if beyond else (y, 0.62)
            ax.barh(place, change, height, color=paper.effect_colour(-change), gid=f"{side:+d}")
            label = f"{text}: {write(change, signed=True)}"
            right = change > 0 or (change == 0 and pair[0] + pair[1] < 0) or (change == 0 == sum(pair) and side > 0)
            paper.bar_label(ax, change, place, label, right=right, halo=beyond)
            labels.append((1.0 if right else -1.0, label))
    span = paper.span([change for pair in ends for change in pair])
    rooms = tuple(panels.label_room([t for way, t in labels if way == side]) for side in (-1.0, 1.0))
    panels.common_scale([ax], [span], [(rooms[0], rooms[1])])
    paper.zero_line(ax, vertical=True)
    paper.legend(ax, handles=paper.effect_marks())
    return paper.finished(ax)


def _differences(ax: Axes, table: pd.DataFrame, write: Callable[..., str], amounts: Sequence[str]) -> None:
    """Draw how far each scenario is from the base, beside the costs; where none is, there is nothing to draw."""
    values, changes = [int(c) for c in table["cents"]], [int(c) for c in table["change"]]
    span, room = paper.span(values), panels.bar_room(paper.span(values), amounts)
    if not any(changes):
        panels.common_scale([ax], [span], [room])
        return
    beside = panels.panel_beside(ax, "differences")
    colours = [paper.effect_colour(-c) for c in changes]
    beside.barh(range(len(table)), changes, 0.6, color=colours, gid="difference")
    labels = [
        "" if scenario == BASE else f"{write(change, signed=True)}  ({formats.share(share, signed=True)})"
        for scenario, change, share in zip(table["scenario"], changes, table["share"], strict=True)
    ]
    for y, (change, label) in enumerate(zip(changes, labels, strict=True)):
        paper.bar_label(beside, change, y, label)
    reach = paper.span(changes)
    zoom = panels.zoom_of((reach[1] - reach[0]) / ((span[1] - span[0]) or 1))
    panels.common_scale([ax, beside], [span, reach], [room, panels.bar_room(reach, labels)], zooms=[1, zoom])
    panels.panel_title(ax, "Staff cost")
    panels.panel_title(beside, f"Difference from the base{panels.zoom_text(zoom)}")
    paper.zero_line(beside, vertical=True)


# ------------------------------------------------------------------ sums that the charts show


def scenario_sums(scenarios: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return each scenario's `cents`, their `change` from the base and its `share`; and how many services have no cost.

    A service without a cost in any scenario is left out of all.
    """
    known = scenarios["staff_cost_cents"].notna().groupby([scenarios["site"], scenarios["service"]]).transform("all")
    left_out = len(scenarios[~known.astype(bool)][["site", "service"]].drop_duplicates())
    sums = scenarios[known.astype(bool)].groupby("scenario", sort=False)["staff_cost_cents"].sum().reset_index()
    sums = sums.set_axis(["scenario", "cents"], axis=1)
    base = sums.loc[sums["scenario"] == BASE, "cents"]
    if base.empty:
        return sums.iloc[:0].assign(change=0, share=0.0), left_out
    change = sums["cents"] - int(base.iloc[0])
    share = change.astype(float) / (float(base.iloc[0]) or float("nan"))
    return sums.assign(change=change, share=share), left_out


def _planned(workforce: pd.DataFrame) -> str:
    """Write how many months are planned: "7 months", or "up to 12 months" where not every service has as many."""
    counts = workforce.groupby(["site", "service"])["period"].nunique()
    if counts.empty:
        return "the months to come"
    return f"{'' if counts.min() == counts.max() else 'up to '}{counted(int(counts.max()), 'month')}"


def _time(staffing: StaffingForecast) -> str:
    """Write over how many months scenarios and sensitivity go."""
    from opsanalytics.staffing.scenarios import months_of

    count = len(months_of(staffing))
    return f"the {counted(count, 'month')} to come" if count else "the months to come"


def driver_name(driver: str) -> str:
    """Write a driver as it is called at the head of a line."""
    return _opened(formats.word({}, driver))


# ------------------------------------------------------------------ people


def _people(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw who counts, what is required, and the gap between them."""
    places = list(range(len(rows)))
    able, need, gap = (rows[name].astype(float) for name in ("effective_fte", "required_fte", "gap_fte"))
    ax.bar(places, able, 0.66, label="effective FTE (FC)", gid="effective", **SCENARIOS["FC"])
    for label, part, colour in (("short", gap < 0, paper.ADVERSE), ("more than required", gap > 0, _SPARE)):
        at = [k for k in places if part[k] and round(gap[k], 1)]
        if at:
            size = [abs(float(gap[k])) for k in at]
            low = [min(float(able[k]), float(need[k])) for k in at]
            style: dict[str, Any] = {"color": colour, "edgecolor": paper.INK, "linewidth": 0.8}
            ax.bar(at, size, 0.66, bottom=low, label=label, gid=label, **style)
    line: dict[str, Any] = {"color": paper.INK, "linewidth": 2.6, "label": "required FTE", "gid": "required"}
    ax.hlines(need, [k - 0.42 for k in places], [k + 0.42 for k in places], zorder=5, **line)
    paper.months_below(ax, [str(month) for month in rows["period"]])
    paper.numbers_left(ax, [*able, *need])
    tops = [max(a, n) if n == n else a for a, n in zip(able, need, strict=True)]
    paper.value_labels(ax, places, tops, [number(g, 1, signed=True) for g in gap])


def _moves(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw who joins above zero and who leaves below it, and over them the hires to be requested."""
    joins, leaves = rows["joiners"].astype(float), -rows["leavers"].astype(float)
    low, high = paper.span([*joins.dropna(), *leaves.dropna()])
    asked = [(k, float(v)) for k, v in enumerate(rows["further"]) if v > 0]
    over, under = _RING if asked else _LABEL, _LABEL if low < 0 else 0.04
    inch = ((high - low) or 1.0) / (_MOVES_HIGH - over - under)
    ax.set_ylim(low - under * inch, high + over * inch)
    for label, values, colour in (("join (FC)", joins, paper.FORECAST), ("leave (FC)", leaves, paper.GREY)):
        if not (values.abs() > 0).any():
            continue
        style: dict[str, Any] = {"color": colour, "edgecolor": "white", "linewidth": 0.5, "hatch": "////"}
        ax.bar(range(len(rows)), values.fillna(0.0), 0.66, label=label, gid=label, **style)
        shown = [(k, v) for k, v in enumerate(values) if v == v and round(v, 1)]
        texts = [number(v, 0 if v == round(v) else 1, signed=True) for _, v in shown]
        paper.value_labels(ax, [k for k, _ in shown], [v for _, v in shown], texts)
    if asked:
        place = high + 0.38 * inch
        ring: dict[str, Any] = {"s": 240, "facecolor": "white", "edgecolor": paper.INK, "linewidth": 1.2, "zorder": 5}
        ax.scatter([k for k, _ in asked], [place] * len(asked), gid="hires", **ring)
        for k, count in asked:
            text = number(count, 0 if count == round(count) else 1)
            ax.text(k, place, text, ha="center", va="center", fontsize=8, fontweight="bold", zorder=6, gid="hires")
    rings = "; in a ring, the hires to request that month" if asked else ""
    known = float(rows["recorded"].sum())
    panels.panel_title(ax, f"People who join and leave{rings}{f'; {_hires(known)} already on record' if known else ''}")


def _hires(count: float) -> str:
    return counted(int(count), "hire") if count == round(count) else f"{number(count, 1)} hires"


def _people_message(rows: pd.DataFrame) -> str:
    gap = rows["gap_fte"].astype(float)
    short = gap[gap.round(1) < 0]
    hires, known = float(rows["further"].sum()), float(rows["recorded"].sum())
    asked = f"{_hires(hires) if hires else 'no hire'} to request"
    asked += f", besides {_hires(known).split()[0]} already on record" if known else ""
    months = counted(len(gap), "month")
    if short.empty:
        return f"enough people in {'the month' if len(gap) == 1 else f'each of {months}'}, {asked}"
    worst = int(short.to_numpy().argmin())
    month = str(rows["period"].loc[short.index[worst]])
    text = f"{about(-float(short.iloc[worst]))} FTE short in {month_name(month)}"
    if len(short) > 1:
        text += f", the worst of {f'{len(short)} short months of {len(gap)}' if len(short) < len(gap) else months}"
    return f"{text}; {asked}"


# ------------------------------------------------------------------ cost


def _plan_label(total: int, short: float, less: int, write: Callable[..., str]) -> str:
    """Write what an alternative costs, by how much that is not the `less` of the cheapest, and what stays short."""
    text = write(total) + (f"  ({write(total - less, signed=True)})" if total != less else "")
    return text + (f"  leaves {about(short)} FTE months short" if round(short, 1) > 0 else "")


def _plan_message(staffing: StaffingForecast, table: pd.DataFrame, unit: str) -> str:
    """Name the cheapest alternative that covers what is required, what it saves, and who covers less."""
    from opsanalytics.staffing.planning.comparison import cheapest, leaves_short

    least, name = cheapest(table), formats.unit_name(staffing.currency, unit)
    total = int(table["total_cents"][least])
    if leaves_short(table).all():
        left = about(float(table["fte_months_short"][least]))
        return f"{_opened(plain(least))} costs {_about(staffing, total, unit)} {name}, leaving {left} FTE months short"
    lacking = table[leaves_short(table)]
    text = f"{_opened(plain(least))} is cheapest, {_about(staffing, total, unit)} {name}"
    others = table[~leaves_short(table) & (table.index != least)]["total_cents"].sort_values(kind="stable")
    if len(others):
        nearest, less = plain(str(others.index[0])), int(others.iloc[0]) - total
        text += f", {_about(staffing, less, unit)} {name} less than {nearest}" if less else f", the same as {nearest}"
    short = [f"; {plain(str(a))} leaves {about(s)} FTE months short" for a, s in lacking["fte_months_short"].items()]
    return text + "".join(short)


def _scenario_message(staffing: StaffingForecast, table: pd.DataFrame, unit: str) -> str:
    others = table[(table["scenario"] != BASE) & (table["change"] != 0)]
    base = int(table.loc[table["scenario"] == BASE, "cents"].iloc[0])
    name = formats.unit_name(staffing.currency, unit)
    if others.empty:
        return f"{_opened(_about(staffing, base, unit))} {name} of staff cost, and no scenario moves it"
    first = others.assign(size=others["change"].abs()).sort_values("size", ascending=False, kind="stable").iloc[0]
    side = "more" if first["change"] > 0 else "less"
    size = f"{_about(staffing, abs(int(first['change'])), unit)} {name} {side} than the base"
    share = number(100 * float(first["share"]), signed=True)
    return f"{plain(_opened(str(first['scenario'])))} moves cost most: {size} ({share} %)"


def _tornado_message(
    staffing: StaffingForecast,
    rows: pd.DataFrame,
    ends: Sequence[tuple[int, int]],
    steps: tuple[str, ...],
    unit: str,
) -> str:
    """Name the driver with the widest swing, and what it adds at its dearer end."""
    side = 0 if ends[0][0] > ends[0][1] else 1
    change = ends[0][side]
    size = _about(staffing, abs(change), unit)
    way = "more" if change > 0 else "less"
    text = (
        f"{driver_name(str(rows['driver'].iloc[0]))} moves cost most"
        if len(rows) > 1
        else (driver_name(str(rows["driver"].iloc[0])))
    )
    return f"{text}: {steps[side]} costs {size} {formats.unit_name(staffing.currency, unit)} {way}"


def _about(staffing: StaffingForecast, cents: int, unit: str) -> str:
    return about_money(cents, staffing.minor_digits, unit)


def _opened(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"

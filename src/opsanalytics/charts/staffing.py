"""Pictures of staffing: required staff against the roster, full-time equivalents and cost by month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts.canvas import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.staffing import StaffingForecast

TINTS = ("#4d4d4d", "#0072b2", "#7fc4ee", "#c9a227", "#8c6bb1", "#a6761d")
_REST = "#c9c9c9"
_MEDIAN = 0.5
_DAY = pd.Timedelta(days=1)
_NAMED_DAYS = 10
_NAMES_A_LINE = 3  # of the legend
_HEIGHT, _BELOW, _LINE = 3.6, 0.62, 0.2  # inches of a chart, of the strip below it, and of a further line there
_OFF = "No requirement: see the notes on what is off."


def required_staff(staffing: StaffingForecast, site: str, service: str, *, days: int = 7) -> Axes:
    """How many people does each interval need, and are they rostered? The first days after the month.

    Grey columns are the staff at work that the volume needs, the line above them what must be
    scheduled for it (with shrinkage); a roster's cover is coloured by whether it suffices.
    """
    plan = _median_plan(staffing, site, service)
    plan = plan[plan["freq"] == _finest(plan)].sort_values("ds")
    if len(plan):
        step = _width(str(plan["freq"].iloc[0]))
        span = pd.Timedelta(days=days) if step < _DAY else max(step * 13, pd.Timedelta(weeks=8))
        plan = plan[plan["ds"] < plan["ds"].min().normalize() + span]
    caption = _caption(staffing, site, "Staff: required at work, to be scheduled, rostered")
    if plan.empty:
        return paper.off(f"{plain(service)}, {caption}", _OFF)
    ax = paper.canvas(_staff_message(service, plan), caption)
    _columns(ax, plan, plan["required"], step, color=paper.GREY, label="required at work", gid="required")
    ax.plot(*_steps(plan, "scheduled", step), color=paper.INK, linewidth=1.5, label="to be scheduled", gid="scheduled")
    rostered = plan[plan["rostered"].notna()]
    if len(rostered):
        line: dict[str, Any] = {"color": paper.FORECAST, "linewidth": 1.8, "label": "rostered", "gid": "rostered"}
        ax.plot(*_steps(rostered, "rostered", step), **line)
        short = rostered[rostered["rostered"] < rostered["scheduled"]]
        missing = short["scheduled"] - short["rostered"]
        label = "short" if len(short) else "_short"
        _columns(ax, short, missing, step, bottom=short["rostered"], color=paper.ADVERSE, label=label, gid="short")
    (paper.days_below if step < _DAY and days <= _NAMED_DAYS else paper.dates_below)(ax)
    staff = [float(v) for column in ("required", "scheduled", "rostered") for v in plan[column].dropna()]
    paper.numbers_left(ax, staff, whole=True)
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def monthly_fte(staffing: StaffingForecast, *, top: int = 5) -> Axes:
    """How many full-time equivalents does each month need? Hatched, as every forecast, stacked by service."""
    rows = staffing.monthly[staffing.monthly["required_fte"].notna()]
    stack = _stack(rows, "required_fte", top)
    caption = _caption(staffing, "", "Required FTE by month: FC, median")
    if stack.empty:
        return paper.off(caption, _OFF)
    ax = paper.canvas(
        _stack_message(stack, "FTE required"), caption, height=_HEIGHT + _lines(stack), below=_BELOW + _lines(stack)
    )
    _stacked_columns(ax, stack, [formats.number(float(v), 1) for v in stack.sum(axis=1)], top)
    return paper.finished(ax)


def monthly_cost(staffing: StaffingForecast, *, top: int = 5) -> Axes:
    """What does the required staff cost each month? Hatched, as every forecast, stacked by service."""
    rows = staffing.monthly[staffing.monthly["staff_cost_cents"].notna()]
    stack = _stack(rows, "staff_cost_cents", top)
    totals = stack.sum(axis=1)
    unit = formats.money_unit(totals, staffing.minor_digits)
    write = paper.money_writer(staffing.minor_digits, unit)
    name = formats.unit_name(staffing.currency, unit)
    caption = _caption(staffing, "", f"Staff cost by month: FC, median, in {name}")
    if stack.empty:
        return paper.off(caption, "No wage rate: staff cost is off.")
    cost = formats.about_money(totals.iloc[0], staffing.minor_digits, unit)
    message = f"{_opened(cost)} {name} of staff cost in {_month(stack.index[0])}"
    ax = paper.canvas(message, caption, height=_HEIGHT + _lines(stack), below=_BELOW + _lines(stack))
    _stacked_columns(ax, stack, [write(v) for v in totals], top)
    return paper.finished(ax)


def _stack(rows: pd.DataFrame, column: str, top: int) -> pd.DataFrame:
    """Return one row a month and one column a service, the largest first, the rest as one."""
    wide = rows.pivot_table(index="period", columns="service", values=column, aggfunc="sum", dropna=False).fillna(0)
    order = wide.sum().sort_values(ascending=False, kind="stable").index
    kept, rest = order[:top], order[top:]
    stack: pd.DataFrame = wide[list(kept)].iloc[:18]
    if len(rest):
        stack = stack.assign(**{f"Others ({len(rest)})": wide[list(rest)].sum(axis=1)})
    return stack


def _lines(stack: pd.DataFrame) -> float:
    """Return the inches that the legend takes for the lines beyond its first one."""
    return _LINE * (-(-len(stack.columns) // _NAMES_A_LINE) - 1)


def _stacked_columns(ax: Axes, stack: pd.DataFrame, labels: list[str], top: int) -> None:
    base = pd.Series(0.0, index=stack.index)
    places = list(range(len(stack)))
    colours = [*TINTS[: len(stack.columns) - 1], _REST] if len(stack.columns) > top else TINTS
    for colour, service in zip(colours, stack.columns, strict=False):
        heights = stack[service].astype(float)
        ax.bar(
            places,
            heights,
            0.66,
            bottom=base,
            color=colour,
            edgecolor="white",
            linewidth=0.5,
            hatch="////",
            label=plain(str(service), 30),
            gid=plain(str(service), 30),
        )
        base = base + heights
    paper.months_below(ax, list(stack.index))
    paper.value_labels(ax, places, [float(v) for v in base], labels)
    ax.set_yticks([])
    paper.room(ax, list(base))
    paper.zero_line(ax)
    paper.legend(ax, columns=_NAMES_A_LINE)


def _median_plan(staffing: StaffingForecast, site: str, service: str) -> pd.DataFrame:
    plan = staffing.plan
    plan = plan[(plan["site"] == site) & (plan["service"] == service) & (plan["scenario"] == "base")]
    median: pd.DataFrame = plan[(plan["quantile"] - _MEDIAN).abs() < 1e-9]
    return median


def _columns(ax: Axes, rows: pd.DataFrame, heights: pd.Series, step: pd.Timedelta, **style: Any) -> None:
    ax.bar(_places(rows["ds"]), heights.astype(float), step / _DAY, align="edge", **style)


def _steps(plan: pd.DataFrame, column: str, step: pd.Timedelta) -> tuple[list[float], list[float]]:
    """Return the corners of a step line that is broken where no interval is open."""
    starts, width = _places(plan["ds"]), step / _DAY
    at: list[float] = []
    staff: list[float] = []
    for start, value in zip(starts, plan[column].astype(float), strict=True):
        if at and start > at[-1] + width / 100:
            at.append(start)
            staff.append(float("nan"))
        at += [start, start + width]
        staff += [value, value]
    return at, staff


def _places(stamps: pd.Series) -> list[float]:
    """Return where stamps lie on a date axis of matplotlib, in days."""
    from matplotlib.dates import date2num

    return [float(day) for day in date2num(stamps.to_numpy())]  # type: ignore[no-untyped-call]


def _finest(plan: pd.DataFrame) -> str:
    return min((str(f) for f in plan["freq"].unique()), key=_width, default="D")


def _width(freq: str) -> pd.Timedelta:
    if freq in ("MS", "ME", "M"):
        return pd.Timedelta(days=28)
    if freq.startswith("W"):
        return pd.Timedelta(weeks=1)
    return pd.Timedelta(freq if freq[0].isdigit() else f"1{freq}")


def _staff_message(service: str, plan: pd.DataFrame) -> str:
    peak = plan.sort_values("scheduled", ascending=False, kind="stable").iloc[0]
    by_day = _width(str(peak["freq"])) >= _DAY
    when = peak["ds"].strftime("%a %d %b" if by_day else "%a %d %b %H:%M")
    text = f"{plain(service)}: {formats.number(float(peak['scheduled']), 0)} to be scheduled at the peak, {when}"
    held = plan[plan["rostered"].notna()]
    short = int((held["rostered"] < held["scheduled"]).sum())
    return (
        f"{text}; {formats.number(short)} of {formats.number(len(held))} {'days' if by_day else 'intervals'} are short"
        if len(held)
        else text
    )


def _stack_message(stack: pd.DataFrame, what: str) -> str:
    return f"{_opened(formats.about(float(stack.iloc[0].sum())))} {what} in {_month(stack.index[0])}"


def _opened(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _month(period: object) -> str:
    return formats.month_name(str(period))


def _caption(staffing: StaffingForecast, site: str, subject: str) -> str:
    return "  ·  ".join(
        [subject, plain(formats.entity_name(site or staffing.entity)), f"as of {formats.month_name(staffing.period)}"]
    )

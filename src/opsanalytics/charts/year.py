"""The fiscal year as it runs: months with their plan, prior year and outlook, and the year cumulated with its range."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import heading, panels
from opsanalytics.charts.canvas import SCENARIOS
from opsanalytics.formats import MEASURES, unit_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.budget import BudgetVariance

_MONTHS_HIGH, _CUMULATED_HIGH, _BETWEEN, _BELOW = 2.3, 1.75, 0.72, 0.34


class _Year(NamedTuple):
    """Amounts of one measure by month of the fiscal year, by scenario; a month that a scenario lacks is not there."""

    months: list[str]
    cents: dict[str, dict[str, int]]
    low: int | None
    high: int | None


def monthly_trend(variance: BudgetVariance, measure: str = "result") -> Axes:
    """How does the fiscal year run, and where does it end? AC solid, PL outlined, PY a light line, the outlook hatched.

    Below the months the same cumulated, on a scale of its own that is said: the 80 % range is known, if at all, for the
    full year only, and up to its end the fan opens evenly, month by month, around the outlook.
    Returns the panel of months; the cumulated one is `ax.figure.axes[1]` where there is an outlook.
    """
    year = _year(variance, measure)
    values = [v for months in year.cents.values() for v in months.values()]
    ahead = bool(year.cents["FC"]) and bool(year.cents["AC"])
    unit = formats.money_unit(values, variance.minor_digits)
    name = unit_name(variance.currency, unit)
    cumulated = f", and cumulated{'' if year.low is None else ' with the 80 % range of the year'}"
    shown = f"AC, PL, PY and FC{cumulated}" if ahead else "AC, PL, PY"
    caption = heading.caption(variance, f"{MEASURES[measure]} by month: {shown}", name)
    if not values:
        return paper.off(caption, "Neither plan nor actuals of this year.")
    message = heading.total_message(variance, measure, "ytd", unit, ("PL", "PY"))
    lower = _CUMULATED_HIGH + _BETWEEN if ahead else 0.0
    below = _BELOW if ahead else _BELOW + 0.42
    ax = paper.canvas(message, caption, height=_MONTHS_HIGH + lower + below, below=below)
    write = paper.money_writer(variance.minor_digits, unit)
    _columns(ax, year)
    paper.months_below(ax, year.months)
    if ahead:
        panels.above(ax, lower)
    shown_values = {k: v for s in ("FC", "AC") for k, v in _placed(year, s)}
    tips = [float(v) for v in shown_values.values()]
    paper.value_labels(ax, list(shown_values), tips, [write(v) for v in shown_values.values()])
    ax.set_yticks([])
    paper.room(ax, map(float, values), labelled=tips, margin=0.16)
    paper.zero_line(ax)
    if ahead:
        _cumulated(ax, year, variance)
    paper.legend(ax)
    return paper.finished(ax)


def _year(variance: BudgetVariance, measure: str) -> _Year:
    rows = variance.monthly[variance.monthly["measure"] == measure]
    months = sorted(variance.monthly["period"].unique())[-12:]
    rows = rows[rows["period"].isin(months)]
    cents = {}
    for scenario in ("PY", "PL", "AC"):
        part = rows[rows["scenario"] == scenario].sort_values("period")
        cents[scenario] = dict(zip(part["period"], part["cents"].astype(int), strict=True))
    cents["FC"] = {p: c for p, c in _outlook_months(variance, measure).items() if p in months and p not in cents["AC"]}
    chosen = variance.outlook[(variance.outlook["measure"] == measure) & (variance.outlook["horizon"] == "fy")]
    chosen = chosen[chosen["chosen"] & (chosen["lo_cents"] < chosen["hi_cents"]).fillna(False).astype(bool)]
    low, high = (int(chosen[c].iloc[0]) if len(chosen) else None for c in ("lo_cents", "hi_cents"))
    return _Year(months, cents, low, high)


def _outlook_months(variance: BudgetVariance, measure: str) -> dict[str, int]:
    """Add the outlook by line up to months; the result is revenue less cost."""
    lines = variance.outlook_lines
    lines = lines[lines["type"].isin(["revenue", "cost"] if measure == "result" else [measure])]
    sign = lines["type"].map({"revenue": 1, "cost": -1 if measure == "result" else 1}).astype("int64")
    sums = (lines["cents"] * sign).groupby(lines["period"].astype(str)).sum()
    return {str(period): int(cents) for period, cents in sums.sort_index().items()}


def _placed(year: _Year, scenario: str) -> list[tuple[int, int]]:
    place = {m: k for k, m in enumerate(year.months)}
    return [(place[m], v) for m, v in year.cents[scenario].items()]


def _columns(ax: Axes, year: _Year) -> None:
    for scenario, width in (("PL", 0.8), ("FC", 0.5), ("AC", 0.5)):
        held = _placed(year, scenario)
        if held:
            at, heights = zip(*held, strict=True)
            ax.bar(at, heights, width, label=scenario, gid=scenario, **SCENARIOS[scenario])
    prior = _placed(year, "PY")
    if prior:
        at, heights = zip(*prior, strict=True)
        style: dict[str, Any] = {"color": paper.NEUTRAL, "marker": "o", "markersize": 4, "linewidth": 1.4}
        ax.plot(at, heights, label="PY", gid="PY", zorder=3, **style)


def _cumulated(ax: Axes, year: _Year, variance: BudgetVariance) -> None:
    """Draw the year to date on to the year's end, with the range at its end and an evenly opening fan up to it."""
    panel = panels.panel_below(ax, _CUMULATED_HIGH, "cumulated")
    actual, ahead = _running(year, ("AC",)), _running(year, ("AC", "FC"))
    ahead = ahead[max(len(actual) - 1, 0) :]
    lines: list[tuple[str, list[tuple[int, int]], dict[str, Any]]] = [
        ("PY", _running(year, ("PY",)), {"color": paper.GREY, "linewidth": 1.4}),
        ("PL", _running(year, ("PL",)), {"color": paper.QUIET, "linewidth": 1.0, "drawstyle": "default"}),
        ("FC", ahead, {"color": paper.INK, "linewidth": 1.6, "linestyle": (0, (3, 1.5))}),
        ("AC", actual, {"color": paper.INK, "linewidth": 2.2}),
    ]
    for gid, points, style in lines:
        if points:
            panel.plot(*zip(*points, strict=True), gid=gid, label=f"_{gid}", **style)
    values = [float(v) for _, points, _ in lines for _, v in points]
    unit = formats.money_unit(values, variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    end, final = ahead[-1]
    texts, fan_said = [(final, f"FC {write(final)}")], ""
    if year.low is not None and year.high is not None:
        fan: dict[str, Any] = {"facecolor": paper.GREY, "alpha": 0.55, "edgecolor": "none", "gid": "range"}
        opened = [k / max(len(ahead) - 1, 1) for k in range(len(ahead))]
        low = [v + (year.low - final) * share for (_, v), share in zip(ahead, opened, strict=True)]
        high = [v + (year.high - final) * share for (_, v), share in zip(ahead, opened, strict=True)]
        panel.fill_between([k for k, _ in ahead], low, high, label="_range", **fan)
        fan_said = f"; the fan opens evenly to the year's 80 % range, {write(year.low)} to {write(year.high)}"
        values += [*low, *high]
    for gid, points, _ in lines[:2]:
        texts += [(points[-1][1], f"{gid} {write(points[-1][1])}")] if points else []
    paper.room(panel, values, margin=0.08)
    panel.set_xlim(*ax.get_xlim())
    panels.labels_at_right(ax, panel, end, texts)
    paper.zero_line(panel)
    panels.panel_title(panel, f"Cumulated, in {unit_name(variance.currency, unit)}, on its own scale{fan_said}")


def _running(year: _Year, scenarios: tuple[str, ...]) -> list[tuple[int, int]]:
    """Add months up as the year goes, each month of the first scenario that has it."""
    months: dict[int, int] = {}
    for scenario in reversed(scenarios):
        months.update(dict(_placed(year, scenario)))
    at = sorted(months)
    return list(zip(at, accumulate(months[k] for k in at), strict=True))

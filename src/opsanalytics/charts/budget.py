"""Pictures of a budget variance: columns against plan, ranked variances, the year by month, the outlook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import heading, panels
from opsanalytics.charts.canvas import SCENARIOS, plain
from opsanalytics.formats import HORIZONS, MEASURES, METHODS, REFERENCES, item_name, unit_name, verdict, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.budget import BudgetVariance

_PLAN_FIRST = ("PL", "PY")


class _Bar(NamedTuple):
    name: str
    actual: int
    reference: int
    change: int
    effect: int
    share: float


def plan_actual_columns(variance: BudgetVariance) -> Axes:
    """How do revenue, cost and result of the month and the year to date stand against prior year and plan?

    Columns PY, PL, AC on one scale; below each group its variances, coloured by their effect.
    """
    totals = variance.amounts[variance.amounts["dimension"] == formats.TOTAL]
    totals = totals[totals["horizon"].isin(["month", "ytd"])]
    keys = zip(totals["measure"], totals["horizon"], totals["scenario"], strict=True)
    cents = dict(zip(keys, totals["cents"].astype(int), strict=True))
    changes = heading.total_changes(variance)
    unit = formats.money_unit(cents.values(), variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    partly = any(heading.like_for_like(variance, horizon, *_PLAN_FIRST) for horizon in ("month", "ytd"))
    subject = f"Revenue, cost and result: PY, PL, AC{'; Δ over the months that both hold' if partly else ''}"
    caption = heading.caption(variance, subject, unit_name(variance.currency, unit))
    message = heading.total_message(variance, "result", "ytd", unit, _PLAN_FIRST)
    ax = paper.canvas(message, caption, height=4.2, below=1.06)
    places = {("month", m): float(k) for k, m in enumerate(MEASURES)}
    places |= {("ytd", m): k + 3.5 for k, m in enumerate(MEASURES)}
    for shift, scenario in zip((-0.27, 0.0, 0.27), ("PY", "PL", "AC"), strict=True):
        held = [(h, m) for h, m in places if (m, h, scenario) in cents]
        if not held:
            continue
        values = [cents[m, h, scenario] for h, m in held]
        at = [places[key] + shift for key in held]
        columns = ax.bar(at, values, 0.25, label=scenario, **SCENARIOS[scenario])
        for (horizon, measure), column, x, value in zip(held, columns, at, values, strict=True):
            column.set_gid(f"{horizon}-{measure}-{scenario}")
            if scenario == "AC":
                paper.value_label(ax, x, value, write(value))
    for (horizon, measure), x in places.items():
        for row, reference in enumerate(_PLAN_FIRST):
            if (measure, horizon, reference) in changes:
                change, effect = changes[measure, horizon, reference]
                text = f"Δ{reference} {write(change, signed=True)}"
                paper.under_label(ax, x, 20 + 14 * row, text, paper.effect_colour(effect))
    over = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "top", "fontsize": 10.5}
    for horizon, title in (("month", formats.month_name(variance.period)), ("ytd", "Year to date")):
        ax.text(places[horizon, "cost"], 1, title, **over)  # type: ignore[arg-type]
    paper.names_below(ax, list(places.values()), [MEASURES[m] for _, m in places])
    ax.set_yticks([])
    ax.set_xlim(-0.6, 6.1)
    labelled = [v for (_, _, scenario), v in cents.items() if scenario == "AC"]
    paper.room(ax, [0.1 * max(map(abs, cents.values()), default=1), *cents.values()], labelled=labelled, margin=0.2)
    paper.zero_line(ax)
    paper.legend(ax)
    return paper.finished(ax)


def variance_bars(
    variance: BudgetVariance, horizon: str = "ytd", reference: str = "PL", by: str = "pl_line", *, top: int = 12
) -> Axes:
    """Which lines are furthest off? Actual before its plan, and beside it the variance, the largest first.

    Both panels have one scale; where the variances would vanish on it, theirs is magnified and says by how much.
    What lies beyond `top` lines is one remainder of revenue and one of cost, so that the bars add up. Returns the
    panel of amounts; that of the variances is `ax.figure.axes[1]`.
    """
    rows = _of_dimension(variance, horizon, reference, by)
    bars = _ranked(rows, by, top)
    unit = formats.money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    unit = unit_name(variance.currency, unit)
    subject = f"AC, {reference} and Δ{reference} by {heading.dimension_name(by)}, {HORIZONS[horizon]}"
    caption = heading.caption(variance, subject, unit)
    if not bars:
        return paper.off(caption, heading.no_reference(reference))
    names = [b.name for b in bars]
    message = _ranked_message(bars, write, unit, reference)
    ax = paper.canvas(message, caption, height=0.5 + 0.3 * max(len(bars), 3), below=0.34, over=0.2, names=names)
    places = range(len(bars))
    ax.barh(places, [b.reference for b in bars], 0.74, gid=reference, **SCENARIOS[reference])
    ax.barh(places, [b.actual for b in bars], 0.42, gid="AC", **SCENARIOS["AC"])
    panels.names_at_left(ax, names)
    amounts, labels = [write(b.actual) for b in bars], [_change_label(b, write) for b in bars]
    beside = panels.panel_beside(ax, "variances")
    shifts = beside.barh(places, [b.change for b in bars], 0.62, color=[paper.effect_colour(b.effect) for b in bars])
    for y, (bar, mark, amount, label) in enumerate(zip(bars, shifts, amounts, labels, strict=True)):
        mark.set_gid(bar.name)
        paper.bar_label(ax, panels.outer(bar.actual, bar.reference), y, amount)
        paper.bar_label(beside, bar.change, y, label)
    spans = [
        paper.span([v for b in bars for v in (b.actual, b.reference)]),
        paper.span([b.change for b in bars]),
    ]
    zoom = panels.zoom_of((spans[1][1] - spans[1][0]) / ((spans[0][1] - spans[0][0]) or 1))
    rooms = [panels.bar_room(spans[0], amounts), panels.bar_room(spans[1], labels)]
    panels.common_scale([ax, beside], spans, rooms, zooms=[1, zoom])
    like = heading.like_for_like(variance, horizon, reference)
    panels.panel_title(ax, f"AC and {reference}")
    panels.panel_title(beside, f"Δ{reference}{like}{panels.zoom_text(zoom)}")
    for panel in (ax, beside):
        paper.zero_line(panel, vertical=True)
    paper.legend(ax, handles=[*paper.scenario_marks(["AC", reference]), *paper.effect_marks()])
    return paper.finished(ax)


def outlook_bars(variance: BudgetVariance, measure: str = "result") -> Axes:
    """What will the year come to? PY, PL, and the outlook by each method with what is actual already solid.

    The chosen outlook stands last, with its 80 % range as a whisker where the backtest knows one.
    """
    rows = variance.amounts[(variance.amounts["dimension"] == formats.TOTAL) & (variance.amounts["measure"] == measure)]
    year = rows[rows["horizon"] == "fy"].set_index("scenario")["cents"]
    done = rows[(rows["horizon"] == "ytd") & (rows["scenario"] == "AC")]["cents"]
    methods = variance.outlook[(variance.outlook["measure"] == measure) & (variance.outlook["horizon"] == "fy")]
    methods = methods.sort_values(["chosen", "method"], kind="stable")
    bars = [(s, s, int(year[s])) for s in _PLAN_FIRST[::-1] if s in year.index]
    bars += [
        ("FC", f"FC, {word(METHODS, method)}{' (chosen)' if chosen else ''}", int(cents))
        for method, cents, chosen in zip(methods["method"], methods["cents"], methods["chosen"], strict=True)
    ]
    names, values, ranges = [plain(b[1]) for b in bars], [b[2] for b in bars], _ranges(methods)
    unit = formats.money_unit(values, variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    whisker = "; whisker: 80 % range" if ranges is not None else ""
    subject = f"{MEASURES[measure]}, full year: PY, PL, FC with AC to date solid{whisker}"
    caption = heading.caption(variance, subject, unit_name(variance.currency, unit))
    if not bars:
        return paper.off(caption, "No plan, no prior year and no outlook.")
    message = heading.total_message(variance, measure, "fy", unit, _PLAN_FIRST)
    ax = paper.canvas(message, caption, height=0.4 + 0.34 * max(len(bars), 3), below=0.06, names=names, weight="bold")
    for scenario in dict.fromkeys(b[0] for b in bars):
        places = [y for y, b in enumerate(bars) if b[0] == scenario]
        ax.barh(places, [values[y] for y in places], 0.6, gid=scenario, **SCENARIOS[scenario])
        if scenario == "FC" and len(done):
            ax.barh(places, [int(done.iloc[0])] * len(places), 0.6, gid="AC", **SCENARIOS["AC"])
    labels, ends = [write(v) for v in values], list(values)
    if ranges is not None:
        low, high = ranges
        panels.whisker(ax, low, high, len(bars) - 1)
        labels[-1] += f"  ({write(low)} to {write(high)})"
        ends[-1] = high if values[-1] >= 0 else low
    panels.names_at_left(ax, names, bold=[k for k, name in enumerate(names) if name.endswith("(chosen)")])
    for y, (end, label) in enumerate(zip(ends, labels, strict=True)):
        paper.bar_label(ax, end, y, label)
    span = paper.span([*values, *(ranges or ()), *done])
    panels.common_scale([ax], [span], [panels.bar_room(span, labels)])
    paper.zero_line(ax, vertical=True)
    return paper.finished(ax)


def _ranges(methods: pd.DataFrame) -> tuple[int, int] | None:
    """Return the chosen outlook's 80 % range, or None where it is not known or has no width."""
    known = methods[methods["chosen"] & (methods["lo_cents"] < methods["hi_cents"]).fillna(False).astype(bool)]
    return (int(known["lo_cents"].iloc[0]), int(known["hi_cents"].iloc[0])) if len(known) else None


def _change_label(bar: _Bar, write: Callable[..., str]) -> str:
    part = "" if pd.isna(bar.share) else f"  ({formats.share(bar.share, signed=True)})"
    return write(bar.change, signed=True) + part


def _of_dimension(variance: BudgetVariance, horizon: str, reference: str, by: str) -> pd.DataFrame:
    rows = variance.comparable[variance.comparable["item2"].isin(["revenue", "cost"])]
    return rows[(rows["dimension"] == by) & (rows["horizon"] == horizon) & (rows["reference"] == reference)]


def _ranked(rows: pd.DataFrame, by: str, top: int) -> list[_Bar]:
    rows = rows.assign(size=rows["variance_cents"].abs())
    rows = rows.sort_values(["size", "item", "item2"], ascending=[False, True, True], kind="stable")
    several = rows.groupby("item", dropna=False)["item2"].transform("nunique") > 1
    named = zip(rows["item"], rows["name"], rows["item2"], several, strict=True)
    names = [plain(item_name(by, i, n) + (f", {k}" if s else "")) for i, n, k, s in named]
    sums = rows[["actual_cents", "reference_cents", "variance_cents", "effect_cents"]]
    amounts = [[int(v) for v in line] for line in sums.to_numpy().tolist()]
    lines = list(zip(names, amounts, rows["share"].astype(float), strict=True))
    bars = [_Bar(name, a, r, change, effect, share) for name, (a, r, change, effect), share in lines[:top]]
    for kind, rest in sums.iloc[top:].groupby(rows["item2"].iloc[top:]):
        a, r, change, effect = (int(v) for v in rest.sum())
        bars.append(_Bar(f"Others, {kind} ({len(rest)})", a, r, change, effect, float("nan")))
    return bars


def _ranked_message(bars: Sequence[_Bar], write: Callable[..., str], unit: str, reference: str) -> str:
    named = [b for b in bars if not b.name.startswith("Others, ") and b.change]
    if not named:
        return f"Nothing is off the {REFERENCES[reference]}"
    first = named[0]
    return f"Largest variance: {first.name} {write(first.change, signed=True)} {unit} ({verdict(first.effect)})"

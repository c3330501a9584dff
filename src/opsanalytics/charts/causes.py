"""Where it comes from: the few effects that make most of it, and where the P&L lines meet the cost centres."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import heading, panels
from opsanalytics.charts.canvas import plain
from opsanalytics.formats import HORIZONS, item_name, unit_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.budget import BudgetVariance

_MOST = 0.8
_WHITE_ON = 0.65  # from this share of the strongest teal on, white numbers read better than dark ones
_OTHERS = "Others"
_UNEXPLAINED = "what no driver explains"
_TOTAL = "Total"
_SHARES_WIDE = 2.4


class _Part(NamedTuple):
    """A cause: `item` is what it is counted by, none of what no driver explains (`left` says what that is)."""

    name: str
    effect: int
    size: int
    item: str = ""
    left: str = ""


def pareto(
    variance: BudgetVariance, by: str = "driver", horizon: str = "ytd", reference: str = "PL", *, top: int = 12
) -> Axes:
    """Which few causes make most of the difference? Effects, largest first, and the share of all that they make.

    `by` is "driver" (the steps of the bridge) or a dimension of the variances (pl_line, department, cost_centre,
    account). The share is of the sum of absolute effects, cumulated, from 0 to 100 % on a panel of its own
    (`ax.figure.axes[1]`). What lies beyond `top` is one remainder; its size is the sum of its absolute effects.
    """
    every = _parts(variance, by, horizon, reference)
    parts, rest = every[:top], every[top:]
    if rest:
        parts.append(_Part(f"{_OTHERS} ({len(rest)})", sum(p.effect for p in rest), sum(p.size for p in rest)))
    unit = formats.money_unit([p.effect for p in parts], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    subject = f"Effect on the result against {reference} by {heading.dimension_name(by)}, {HORIZONS[horizon]}"
    subject += "" if by == "driver" else heading.like_for_like(variance, horizon, reference)
    caption = heading.caption(variance, subject, unit_name(variance.currency, unit))
    if not parts:
        return paper.off(caption, heading.no_reference(reference))
    names = [p.name for p in parts]
    whole = sum(p.size for p in parts)
    shares = [held / whole for held in accumulate(p.size for p in parts)] if whole else []
    message = _pareto_message(every, shares, by, top)
    ax = paper.canvas(message, caption, height=0.5 + 0.29 * max(len(parts), 3), below=0.34, over=0.2, names=names)
    labels = [write(p.effect, signed=True) for p in parts]
    marks = ax.barh(
        range(len(parts)), [p.effect for p in parts], 0.62, color=[paper.effect_colour(p.effect) for p in parts]
    )
    for y, (part, mark, label) in enumerate(zip(parts, marks, labels, strict=True)):
        mark.set_gid(part.name)
        paper.bar_label(ax, part.effect, y, label)
    panels.names_at_left(ax, names)
    span = paper.span([p.effect for p in parts])
    panels.common_scale([ax], [span], [panels.bar_room(span, labels)], kept=_SHARES_WIDE + 0.25)
    paper.zero_line(ax, vertical=True)
    panels.panel_title(ax, "Effect")
    _shares(ax, shares)
    paper.legend(ax, handles=paper.effect_marks())
    return paper.finished(ax)


def _parts(variance: BudgetVariance, by: str, horizon: str, reference: str) -> list[_Part]:
    rows = variance.bridges if by == "driver" else variance.comparable
    rows = rows[(rows["horizon"] == horizon) & (rows["reference"] == reference)]
    if by == "driver":
        rows = rows[(rows["by"] == by) & rows["kind"].isin(["driver", heading.REST])]
        parts = [
            _driver_part(str(driver), str(kind), int(effect))
            for driver, kind, effect in zip(rows["driver"], rows["kind"], rows["effect_cents"], strict=True)
        ]
    else:
        rows = rows[(rows["dimension"] == by) & rows["item2"].isin(["revenue", "cost"])]
        several = rows.groupby("item", dropna=False)["item2"].transform("nunique") > 1
        columns = (rows["item"], rows["name"], rows["item2"], several, rows["effect_cents"].astype(int))
        parts = [
            _Part(plain(item_name(by, i, n) + (f", {k}" if s else "")), effect, abs(effect), str(i))
            for i, n, k, s, effect in zip(*columns, strict=True)
        ]
    return sorted(parts, key=lambda p: (-p.size, p.name))


def _driver_part(driver: str, kind: str, effect: int) -> _Part:
    """Make a step of the bridge a part; what no driver explains, and missing months, are no driver."""
    name = heading.opened(heading.step_name(driver, kind, "driver"))
    if kind != heading.REST:
        return _Part(name, effect, abs(effect), driver)
    left = _UNEXPLAINED if heading.is_unexplained(driver, kind) else heading.step_name(driver, kind, "driver")
    return _Part(name, effect, abs(effect), left=left)


def _shares(ax: Axes, shares: list[float]) -> None:
    """Draw the cumulative share beside the bars, on an axis from 0 to 100 %."""
    panel = panels.panel_beside(ax, "shares")
    panels.stand_at_right(panel, _SHARES_WIDE)
    room = panels.label_room(["100.0 %"])
    panel.set_xlim(0, _SHARES_WIDE / (_SHARES_WIDE - room))
    style: dict[str, Any] = {"color": paper.INK, "linewidth": 1.4, "marker": "o", "markersize": 4, "gid": "share"}
    panel.plot(shares, range(len(shares)), **style)
    for y, share in enumerate(shares):
        paper.bar_label(panel, 1, y, formats.share(share))
    paper.zero_line(panel, vertical=True)
    panel.axvline(1, color=paper.GREY, linewidth=0.8, gid="whole")
    panels.panel_title(panel, "Share, cumulated, 0 to 100 %")


def _pareto_message(parts: list[_Part], shares: list[float], by: str, top: int) -> str:
    """Say how many of the causes make most of it, and what else is among these: each item is counted once."""
    if not shares:
        return "Nothing is off"
    most = f"{100 * _MOST:.0f} % of all effects"
    needed = next((k + 1 for k, share in enumerate(shares) if share >= _MOST), len(shares))
    kind = heading.dimension_name(by)
    if needed > top:
        return f"No few {kind}s make {most}: the first {top} make {100 * shares[top - 1]:.0f} %"
    items = {p.item for p in parts if not p.left}
    first = {p.item for p in parts[:needed] if not p.left}
    left = sorted({p.left for p in parts[:needed] if p.left}, reverse=True)
    if not first:
        return f"{heading.opened(formats.listed(left))} {'make' if len(left) > 1 else 'makes'} {most}"
    count = f"{len(first)} of {formats.counted(len(items), kind)}"
    verb = "makes" if len(first) == 1 and not left else "make"
    return f"{formats.listed([count, *left])} {verb} {most}"


def heat_map(
    variance: BudgetVariance,
    rows: str = "cost_centre",
    columns: str = "pl_line",
    *,
    top_rows: int = 12,
    top_columns: int = 7,
) -> Axes:
    """Where do the lines of the P&L and the cost centres part from plan? The effect of each pair, year to date.

    `rows` and `columns` are cost_centre and pl_line, either way round, those with the largest effects first and the
    rest as one. A pair that has neither actual nor plan is blank, which is not zero. Colours are symmetric about zero.
    The margins add up to the effect on the result.
    """
    if {rows, columns} != {"cost_centre", "pl_line"}:
        raise ValueError(f"A heat map crosses cost_centre with pl_line, not '{rows}' with '{columns}'.")
    table = _crossed(variance, rows, columns, top_rows, top_columns)
    unit = formats.money_unit([v for v in table.to_numpy().ravel() if not pd.isna(v)], variance.minor_digits)
    name = unit_name(variance.currency, unit)
    subject = f"Effect against PL by {heading.dimension_name(rows)} and {heading.dimension_name(columns)}, year to date"
    caption = heading.caption(variance, subject + heading.like_for_like(variance, "ytd", "PL"), name)
    if table.empty:
        return paper.off(caption, heading.no_reference("PL"))
    names = [str(n) for n in table.index]
    message = _heat_message(variance, table, unit)
    ax = paper.canvas(message, caption, height=0.3 + 0.27 * max(len(names), 3), below=0.08, over=0.3, names=names)
    _cells(ax, table, variance.minor_digits, unit)
    return paper.finished(ax)


def _crossed(variance: BudgetVariance, rows: str, columns: str, top_rows: int, top_columns: int) -> pd.DataFrame:
    """Return the table of effects (object cells: cents, or None where there is no line), with its margins."""
    found = variance.crossed
    found = found[found["type"].isin(["revenue", "cost"])]
    if found.empty:
        return pd.DataFrame()
    found = found.assign(size=found["effect_cents"].abs())
    found = found.assign(
        row=_grouped(found, rows, top_rows, _names(variance, rows)),
        column=_grouped(found, columns, top_columns, _names(variance, columns)),
    )
    cells = found.groupby(["row", "column"], sort=False)["effect_cents"].sum()
    by_row, by_column = (found.groupby(side, sort=False)["effect_cents"].sum() for side in ("row", "column"))
    held = {key: int(v) for key, v in cells.items()}
    shown = [_ordered(found, side) for side in ("row", "column")]
    table = [[*(held.get((r, c)) for c in shown[1]), int(by_row[r])] for r in shown[0]]
    table.append([*(int(by_column[c]) for c in shown[1]), int(found["effect_cents"].sum())])
    return pd.DataFrame(table, index=[*shown[0], _TOTAL], columns=[*shown[1], _TOTAL], dtype="object")


def _grouped(found: pd.DataFrame, side: str, top: int, names: dict[str, str]) -> pd.Series:
    """Name each row's item, or "Others (n)" beyond the `top` with the largest effects."""
    sizes = (
        found.groupby(side, dropna=False)["size"]
        .sum()
        .reset_index()
        .sort_values(["size", side], ascending=[False, True])
    )
    items = list(sizes[side])
    kept = items if len(items) <= top + 1 else items[:top]
    rest = f"{_OTHERS} ({len(items) - len(kept)})"
    shown = {item: names.get(item, plain(str(item))) if item in kept else rest for item in items}
    return found[side].map(shown)


def _ordered(found: pd.DataFrame, side: str) -> list[str]:
    sizes = found.groupby(side)["size"].sum()
    return sorted(sizes.index, key=lambda n: (n.startswith(f"{_OTHERS} ("), -int(sizes[n]), n))


def _names(variance: BudgetVariance, dimension: str) -> dict[str, str]:
    known = variance.variances[variance.variances["dimension"] == dimension].drop_duplicates("item")
    pairs = zip(known["item"], known["name"], strict=True)
    width = 30 if dimension == "cost_centre" else 26
    return {i: plain(item_name(dimension, i, n), width) for i, n in pairs}


def _cells(ax: Axes, table: pd.DataFrame, minor_digits: int, unit: str) -> None:
    """Colour the cells and write their numbers; the margins are bold and bear no colour."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    write = paper.money_writer(minor_digits, unit)
    high, wide = (n - 1 for n in table.shape)
    inner = np.array([[np.nan if v is None else float(v) for v in line[:-1]] for line in table.to_numpy()[:-1]])
    limit = float(np.nanmax(np.abs(inner))) or 1.0
    colours = LinearSegmentedColormap.from_list("effect", [paper.ADVERSE, "#f4f4f4", paper.FAVOURABLE])
    style: dict[str, Any] = {"cmap": colours, "vmin": -limit, "vmax": limit, "edgecolors": "white", "linewidth": 1.5}
    ax.pcolormesh(
        np.arange(wide + 1) - 0.5, np.arange(high + 1) - 0.5, np.ma.masked_invalid(inner), gid="effects", **style
    )
    for y, line in enumerate(table.to_numpy()):
        for x, value in enumerate(line):
            if value is None:
                continue
            margin = y == high or x == wide
            dark = not margin and float(value) / limit > _WHITE_ON
            weight, colour = ("bold" if margin else "normal"), ("white" if dark else paper.INK)
            text = write(value, signed=True)
            ax.text(x, y, text, ha="center", va="center", fontsize=8.5, color=colour, fontweight=weight)
    panels.names_at_left(ax, list(table.index), bold=[high])
    ax.set_ylim(high + 0.5, -0.5)
    panels.names_above(ax, list(table.columns))


def _heat_message(variance: BudgetVariance, table: pd.DataFrame, unit: str) -> str:
    cells = [
        (abs(value), row, column, value)
        for row, line in zip(table.index[:-1], table.to_numpy()[:-1], strict=True)
        for column, value in zip(table.columns[:-1], line[:-1], strict=True)
        if value and not (row.startswith(f"{_OTHERS} (") or column.startswith(f"{_OTHERS} ("))
    ]
    if not cells:
        return "No cost centre is off plan in any line"
    _, row, column, value = max(cells, key=lambda c: c[0])
    write = paper.money_writer(variance.minor_digits, unit)
    name = unit_name(variance.currency, unit)
    return f"Largest effect: {column} at {row}, {write(value, signed=True)} {name} ({formats.verdict(value)})"

"""Pictures of a budget variance: columns against plan, ranked variances, the year by month, the outlook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts.canvas import SCENARIOS, plain
from opsanalytics.formats import HORIZONS, MEASURES, METHODS, REFERENCES, entity_name, item_name, unit_name, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.budget import BudgetVariance


class _Bar(NamedTuple):
    name: str
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
    changes = _total_changes(variance)
    unit = formats.money_unit(cents.values(), variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    caption = _caption(variance, "Revenue, cost and result: PY, PL, AC", unit_name(variance.currency, unit))
    ax = paper.canvas(_message(variance, "result", "ytd", unit), caption, height=4.2)
    places = {("month", m): float(k) for k, m in enumerate(MEASURES)}
    places |= {("ytd", m): k + 3.5 for k, m in enumerate(MEASURES)}
    for (horizon, measure), x in places.items():
        for shift, scenario in zip((-0.27, 0.0, 0.27), ("PY", "PL", "AC"), strict=True):
            value = cents.get((measure, horizon, scenario))
            if value is None:
                continue
            name = scenario if (horizon, measure) == ("month", "revenue") else f"_{scenario}"
            ax.bar(x + shift, value, 0.25, label=name, gid=f"{horizon}-{measure}-{scenario}", **SCENARIOS[scenario])
            if scenario == "AC":
                paper.value_label(ax, x + shift, value, write(value))
        for row, reference in enumerate(("PL", "PY")):
            if (measure, horizon, reference) in changes:
                change, effect = changes[measure, horizon, reference]
                text = f"Δ{reference} {write(change, signed=True)}"
                paper.under_label(ax, x, 20 + 14 * row, text, paper.effect_colour(effect))
    for horizon, title in (("month", formats.month_name(variance.period)), ("ytd", "Year to date")):
        ax.text(
            places[horizon, "cost"], 1, title, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize=10.5
        )
    ax.set_xticks(list(places.values()), [MEASURES[m] for _, m in places])
    ax.set_yticks([])
    paper.room(ax, [0.1 * max(map(abs, cents.values()), default=1), *cents.values()], margin=0.2)
    paper.zero_line(ax)
    paper.legend(ax, points=58)
    return ax


def variance_bars(
    variance: BudgetVariance, horizon: str = "ytd", reference: str = "PL", by: str = "pl_line", *, top: int = 12
) -> Axes:
    """Which lines are furthest off? The variances of one dimension, largest first, coloured by their effect.

    What lies beyond `top` lines is one remainder of revenue and one of cost, so that the bars add up.
    """
    rows = _of_dimension(variance, horizon, reference, by)
    bars = _ranked(rows, by, top)
    unit = formats.money_unit([*rows["actual_cents"], *rows["reference_cents"]], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    unit = unit_name(variance.currency, unit)
    subject = f"Δ{reference} by {_dimension(by)}, {HORIZONS[horizon]}"
    caption = _caption(variance, subject, unit)
    ax = paper.canvas(_ranked_message(bars, write, unit, reference), caption, height=0.6 + 0.34 * max(len(bars), 3))
    if not bars:
        return paper.empty(ax, f"No {reference} to compare with.")
    labels = []
    for y, bar in enumerate(bars):
        ax.barh(y, bar.change, 0.62, color=paper.effect_colour(bar.effect), gid=bar.name)
        part = "" if pd.isna(bar.share) else f"  ({formats.share(bar.share, signed=True)})"
        labels.append(write(bar.change, signed=True) + part)
        paper.bar_label(ax, bar.change, y, labels[-1])
    names = [b.name for b in bars]
    paper.names_at_left(ax, names)
    paper.bar_room(ax, [b.change for b in bars], labels, names)
    paper.zero_line(ax, vertical=True)
    paper.effect_legend(ax)
    return ax


def monthly_trend(variance: BudgetVariance, measure: str = "result") -> Axes:
    """How does the fiscal year run month by month? AC as solid columns, PL as outlines, PY as a grey line."""
    rows = variance.monthly[variance.monthly["measure"] == measure]
    months = sorted(variance.monthly["period"].unique())[-12:]
    rows = rows[rows["period"].isin(months)]
    place = {m: k for k, m in enumerate(months)}
    unit = formats.money_unit(rows["cents"], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    caption = _caption(variance, f"{MEASURES[measure]} by month: AC, PL, PY", unit_name(variance.currency, unit))
    ax = paper.canvas(_message(variance, measure, "ytd", unit), caption)
    for scenario, width in (("PL", 0.8), ("FC", 0.5), ("AC", 0.5)):
        part = rows[rows["scenario"] == scenario]
        if len(part):
            at = [place[p] for p in part["period"]]
            ax.bar(at, part["cents"], width, label=scenario, gid=scenario, **SCENARIOS[scenario])
    prior = rows[rows["scenario"] == "PY"].sort_values("period")
    if len(prior):
        at = [place[p] for p in prior["period"]]
        ax.plot(at, prior["cents"], color=paper.NEUTRAL, marker="o", markersize=4, linewidth=1.4, label="PY", gid="PY")
    actual = rows[rows["scenario"] == "AC"].sort_values("period")
    paper.months_below(ax, months)
    places, values = [place[p] for p in actual["period"]], [float(c) for c in actual["cents"]]
    paper.value_labels(ax, places, values, [write(v) for v in values])
    ax.set_yticks([])
    paper.room(ax, [float(c) for c in rows["cents"]])
    paper.zero_line(ax)
    paper.legend(ax)
    return ax


def outlook_bars(variance: BudgetVariance, measure: str = "result") -> Axes:
    """What will the year come to? PY, PL, and the outlook by each method with what is actual already solid."""
    rows = variance.amounts[variance.amounts["dimension"] == formats.TOTAL]
    rows = rows[rows["measure"] == measure]
    year = rows[rows["horizon"] == "fy"].set_index("scenario")["cents"]
    done = rows[(rows["horizon"] == "ytd") & (rows["scenario"] == "AC")]["cents"]
    methods = variance.outlook[(variance.outlook["measure"] == measure) & (variance.outlook["horizon"] == "fy")]
    methods = methods.sort_values(["chosen", "method"], kind="stable")
    bars = [(s, s, int(year[s])) for s in ("PY", "PL") if s in year.index]
    for method, cents, chosen in zip(methods["method"], methods["cents"], methods["chosen"], strict=True):
        name = METHODS.get(method, method.replace("_", " "))
        bars.append(("FC", f"FC, {name}{' (chosen)' if chosen else ''}", int(cents)))
    unit = formats.money_unit([b[2] for b in bars], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    subject = f"{MEASURES[measure]}, full year: PY, PL, FC with AC to date solid"
    caption = _caption(variance, subject, unit_name(variance.currency, unit))
    ax = paper.canvas(_message(variance, measure, "fy", unit), caption, height=0.4 + 0.4 * max(len(bars), 3))
    if not bars:
        return paper.empty(ax, "No plan, no prior year and no outlook.")
    for y, (scenario, _, value) in enumerate(bars):
        ax.barh(y, value, 0.6, gid=scenario, **SCENARIOS[scenario])
        if scenario == "FC" and len(done):
            ax.barh(y, int(done.iloc[0]), 0.6, gid="AC", **SCENARIOS["AC"])
        paper.bar_label(ax, value, y, write(value))
    names = [plain(b[1]) for b in bars]
    paper.names_at_left(ax, names)
    paper.bar_room(ax, [b[2] for b in bars], [write(b[2]) for b in bars], names)
    paper.zero_line(ax, vertical=True)
    return ax


def _of_dimension(variance: BudgetVariance, horizon: str, reference: str, by: str) -> pd.DataFrame:
    rows = variance.comparable[variance.comparable["item2"].isin(["revenue", "cost"])]
    return rows[(rows["dimension"] == by) & (rows["horizon"] == horizon) & (rows["reference"] == reference)]


def _ranked(rows: pd.DataFrame, by: str, top: int) -> list[_Bar]:
    rows = rows.assign(size=rows["variance_cents"].abs())
    rows = rows.sort_values(["size", "item", "item2"], ascending=[False, True, True], kind="stable")
    several = rows.groupby("item", dropna=False)["item2"].nunique()
    bars = []
    for _, r in rows.head(top).iterrows():
        suffix = f", {r['item2']}" if several[r["item"]] > 1 else ""
        name = plain(item_name(by, r["item"], r["name"]) + suffix)
        bars.append(_Bar(name, int(r["variance_cents"]), int(r["effect_cents"]), float(r["share"])))
    for kind, rest in rows.iloc[top:].groupby("item2"):
        change, effect = int(rest["variance_cents"].sum()), int(rest["effect_cents"].sum())
        bars.append(_Bar(f"Others, {kind} ({len(rest)})", change, effect, float("nan")))
    return bars


def _dimension(by: str) -> str:
    return by.replace("pl_line", "P&L line").replace("_", " ")


def _total_changes(variance: BudgetVariance) -> dict[tuple[str, str, str], tuple[int, int]]:
    rows = variance.comparable[variance.comparable["dimension"] == formats.TOTAL]
    keys = zip(rows["measure"], rows["horizon"], rows["reference"], strict=True)
    values = zip(rows["variance_cents"].astype(int), rows["effect_cents"].astype(int), strict=True)
    return dict(zip(keys, values, strict=True))


def _outlook_changes(variance: BudgetVariance) -> dict[tuple[str, str, str], tuple[int, int]]:
    rows = variance.outlook[variance.outlook["chosen"] & variance.outlook["variance_cents"].notna()]
    keys = [(measure, horizon, "PL") for measure, horizon in zip(rows["measure"], rows["horizon"], strict=True)]
    values = zip(rows["variance_cents"].astype(int), rows["effect_cents"].astype(int), strict=True)
    return dict(zip(keys, values, strict=True))


def _caption(variance: BudgetVariance, subject: str, unit: str) -> str:
    parts = [
        f"{subject}, in {unit}",
        plain(entity_name(variance.entity)),
        formats.month_name(variance.period),
    ]
    if variance.missing:
        months = ", ".join(formats.month_name(m) for m in variance.missing)
        parts.append(f"INCOMPLETE: ledger lines are missing for {months}")
    return "  ·  ".join(parts)


def _message(variance: BudgetVariance, measure: str, horizon: str, unit: str) -> str:
    name = unit_name(variance.currency, unit)
    write = paper.money_writer(variance.minor_digits, unit)
    rows = variance.amounts[variance.amounts["dimension"] == formats.TOTAL]
    rows = rows[(rows["measure"] == measure) & (rows["horizon"] == horizon)]
    rows = rows[rows["scenario"] == ("FC" if horizon == "fy" else "AC")]
    text = f"{MEASURES[measure]}, {HORIZONS[horizon]}: {write(rows['cents'].iloc[0] if len(rows) else None)} {name}"
    changes = _outlook_changes(variance) if horizon == "fy" else _total_changes(variance)
    for reference, against in REFERENCES.items():
        if (measure, horizon, reference) in changes:
            change, effect = changes[measure, horizon, reference]
            size = f"{write(abs(change))} {'above' if change > 0 else 'below'} {against} ({verdict(effect)})"
            return f"{text}, {size if change else f'as {against}'}"
    return f"{text}, no plan to compare with"


def _ranked_message(bars: Sequence[_Bar], write: Callable[..., str], unit: str, reference: str) -> str:
    named = [b for b in bars if not b.name.startswith("Others, ") and b.change]
    if not named:
        return f"Nothing is off {'plan' if reference == 'PL' else 'the prior year'}"
    first = named[0]
    return f"Largest variance: {first.name} {write(first.change, signed=True)} {unit} ({verdict(first.effect)})"

"""Bridges: from one level of the result to another, step by step, each step where the one before it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from opsanalytics import formats
from opsanalytics.charts import canvas as paper
from opsanalytics.charts import heading, panels
from opsanalytics.charts.canvas import SCENARIOS, plain
from opsanalytics.formats import HORIZONS, MEASURES, MISSING_MONTHS, REFERENCES, STEPS, unit_name, verdict, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from opsanalytics.budget import BudgetVariance

_EFFECT = "effect"
_OTHERS = "others"  # the kind of the step that joins those beyond the largest


class _Step(NamedTuple):
    """A level (its scenario as `kind`) from zero, or a change from where the step before ends.

    `step` is what the bridge's own kind of a change is: driver, rest, or others.
    """

    kind: str
    code: str
    name: str
    start: int
    change: int
    colour: str = ""
    step: str = ""

    @property
    def end(self) -> int:
        return self.start + self.change


def bridge(
    variance: BudgetVariance, by: str = "driver", horizon: str = "ytd", reference: str = "PL", *, top: int = 12
) -> Axes:
    """What leads from the reference's result to the actual one? Levels from zero, effects floating between them.

    `by` is "driver" or "pl_line". Effects beyond the `top` largest are one step, so that the bridge still foots. Where
    the effects would vanish beside the levels, a second panel (`ax.figure.axes[1]`) shows them from the start level on,
    on a scale of its own that it states; the axis of levels is never cut.
    """
    rows = variance.bridges
    rows = rows[(rows["by"] == by) & (rows["horizon"] == horizon) & (rows["reference"] == reference)]
    steps = _bridge_steps(rows.sort_values("step", kind="stable"), by, reference, top)
    unit = formats.money_unit([v for s in steps for v in (s.start, s.end)], variance.minor_digits)
    name = unit_name(variance.currency, unit)
    subject = f"Result, {HORIZONS[horizon]}, from {reference} to AC by {heading.dimension_name(by)}"
    caption = heading.caption(variance, subject, name)
    if not steps:
        return paper.off(caption, heading.no_reference(reference))
    names = [s.name for s in steps]
    message = _bridge_message(variance, steps, by, reference, unit)
    ax = paper.canvas(
        message, caption, height=0.5 + 0.29 * max(len(steps), 3), below=0.34, over=_over(steps), names=names
    )
    _draw(ax, variance, steps, unit, names)
    paper.legend(ax, handles=[*paper.scenario_marks([reference, "AC"]), *paper.effect_marks()])
    return paper.finished(ax)


def movement(variance: BudgetVariance, measure: str = "result") -> Axes:
    """How does the last pack's year to date become this one? What was restated since, and the months new since."""
    rows = variance.movement
    rows = rows[rows["measure"] == measure].sort_values("step", kind="stable")
    steps = _movement_steps(rows, measure)
    unit = formats.money_unit([v for s in steps for v in (s.start, s.end)], variance.minor_digits)
    write = paper.money_writer(variance.minor_digits, unit)
    name = unit_name(variance.currency, unit)
    subject = f"{MEASURES[measure]}, year to date, from the last pack to this one"
    caption = heading.caption(variance, subject, name)
    if not steps:
        return paper.off(caption, "No earlier pack on record.")
    restated = [s for s in steps if s.code == "restatement" and s.change]
    message = f"{MEASURES[measure]}, year to date: nothing reported before was restated"
    if restated:
        total = sum(s.change for s in restated)
        effect = total if measure != "cost" else -total
        size = f"{write(total, signed=True)} {name} ({verdict(effect)})"
        message = f"{MEASURES[measure]} of months reported before restated by {size}"
    names = [s.name for s in steps]
    ax = paper.canvas(
        message, caption, height=0.5 + 0.34 * max(len(steps), 3), below=0.34, over=_over(steps), names=names
    )
    _draw(ax, variance, steps, unit, names)
    paper.legend(ax, handles=[*paper.scenario_marks(["AC"]), *paper.effect_marks()])
    return paper.finished(ax)


def _bridge_steps(rows: pd.DataFrame, by: str, reference: str, top: int) -> list[_Step]:
    levels = {"start": reference, "end": "AC"}
    steps: list[_Step] = []
    at = 0
    for kind, code, cents, effect in _shortened(rows, top):
        if kind in levels:
            scenario = levels[kind]
            steps.append(
                _Step(scenario, code, f"{heading.opened(REFERENCES.get(scenario, 'actual'))} ({scenario})", 0, cents)
            )
            at = cents
        else:
            driven = by == "driver" or kind == heading.REST
            title = heading.step_name(code, kind, by)
            title = heading.opened(title) if driven and kind != _OTHERS else title
            steps.append(_Step(_EFFECT, code, title, at, effect, paper.effect_colour(effect), kind))
            at += effect
    return steps


def _shortened(rows: pd.DataFrame, top: int) -> list[tuple[str, str, int, int]]:
    """Return kind, driver, cents and effect of each step; effects beyond the `top` largest are one, before the rest."""
    columns = (rows["kind"], rows["driver"], rows["cents"].astype(int), rows["effect_cents"].astype(int))
    every = [(str(k), str(d), int(c), int(e)) for k, d, c, e in zip(*columns, strict=True)]
    drivers = sorted((k for k, step in enumerate(every) if step[0] == "driver"), key=lambda k: (-abs(every[k][3]), k))
    small = set(drivers[top:])
    kept = [step for k, step in enumerate(every) if k not in small]
    if small:
        others = (_OTHERS, f"Others ({len(small)})", 0, sum(every[k][3] for k in small))
        last = max(k for k, step in enumerate(kept) if step[0] in ("driver", "start"))
        kept.insert(last + 1, others)
    return kept


def _movement_steps(rows: pd.DataFrame, measure: str) -> list[_Step]:
    sign = -1 if measure == "cost" else 1
    steps: list[_Step] = []
    at = 0
    for kind, month, cents in zip(rows["kind"], rows["period"], rows["cents"].astype(int), strict=True):
        title = f"{formats.month_name(month)}, new" if month else plain(word(STEPS, kind))
        if kind in ("prior_ytd", "ytd"):
            steps.append(_Step("AC", kind, title, 0, cents))
            at = cents
            continue
        colour = paper.effect_colour(sign * cents) if kind == "restatement" else paper.NEUTRAL
        steps.append(_Step(_EFFECT, kind, title, at, cents, colour))
        at += cents
    return steps


def _draw(ax: Axes, variance: BudgetVariance, steps: Sequence[_Step], unit: str, names: Sequence[str]) -> None:
    """Draw the levels and the steps between them; the effects again, magnified, where they would vanish."""
    write = paper.money_writer(variance.minor_digits, unit)
    whole, offsets, zoom = _reach(steps)
    base = steps[0].change
    _waterfall(ax, steps, 0)
    panels.names_at_left(ax, names)
    labels = [write(s.change, signed=s.kind == _EFFECT) for s in steps]
    for y, (step, label) in enumerate(zip(steps, labels, strict=True)):
        if zoom == 1 or step.kind != _EFFECT:
            _step_label(ax, step, y, label, 0)
    paper.zero_line(ax, vertical=True)
    if zoom == 1:
        panels.common_scale([ax], [whole], [panels.bar_room(whole, labels)])
        return
    beside = panels.panel_beside(ax, "effects")
    changes = [s if s.kind == _EFFECT else None for s in steps]
    _waterfall(beside, changes, base)
    for y, (step, label) in enumerate(zip(steps, labels, strict=True)):
        if step.kind == _EFFECT:
            _step_label(beside, step, y, label, base)
    levels = [label for step, label in zip(steps, labels, strict=True) if step.kind != _EFFECT]
    effects = [label for step, label in zip(steps, labels, strict=True) if step.kind == _EFFECT]
    both = panels.label_room(effects)
    rooms = [panels.bar_room(whole, levels), (both, both)]
    panels.common_scale([ax, beside], [whole, offsets], rooms, zooms=[1, zoom])
    paper.zero_line(beside, vertical=True)
    panels.panel_title(ax, "Levels")
    panels.panel_title(beside, f"Effects from {steps[0].name}{panels.zoom_text(zoom)}")


def _reach(steps: Sequence[_Step]) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Return how far the bars reach from zero, the effects from the first level, and how to magnify the latter."""
    whole = paper.span([v for s in steps for v in (s.start, s.end)])
    base = steps[0].change if steps else 0
    offsets = paper.span([v - base for s in steps if s.kind == _EFFECT for v in (s.start, s.end)])
    return whole, offsets, panels.zoom_of((offsets[1] - offsets[0]) / ((whole[1] - whole[0]) or 1))


def _over(steps: Sequence[_Step]) -> float:
    """Return the inches above the panels that their titles take, where there are two."""
    return 0.2 if _reach(steps)[2] > 1 else 0.06


def _waterfall(ax: Axes, steps: Sequence[_Step | None], base: int) -> None:
    """Draw bars, and the connector from each one's end down to the next."""
    shown = [(y, s) for y, s in enumerate(steps) if s is not None]
    for y, step in shown:
        style = {"color": step.colour} if step.kind == _EFFECT else SCENARIOS[step.kind]
        left = step.start - (base if step.kind == _EFFECT else 0)
        gid = f"effect-{step.code}" if step.kind == _EFFECT else f"level-{step.kind}"
        ax.barh(y, step.change, 0.62, left=left, gid=gid, **style)
    ends = [step.end - base for _, step in shown[:-1]]
    if ends:
        at = [y for y, _ in shown[:-1]]
        low, high = [y - 0.31 for y in at], [y + 1.31 for y in at]
        ax.vlines(ends, low, high, color=paper.NEUTRAL, linewidth=0.8, zorder=0.5, gid="connector")


def _step_label(ax: Axes, step: _Step, y: int, label: str, base: int) -> None:
    """Write a step's amount where it ends; a falling one's at its left."""
    right = step.change >= 0
    edge = step.end - (base if step.kind == _EFFECT else 0)
    paper.bar_label(ax, edge, y, label, right=right, halo=step.kind == _EFFECT)


def _bridge_message(variance: BudgetVariance, steps: Sequence[_Step], by: str, reference: str, unit: str) -> str:
    write = paper.money_writer(variance.minor_digits, unit)
    name = unit_name(variance.currency, unit)
    change = steps[-1].change - steps[0].change
    side = "above" if change > 0 else "below"
    text = f"Result {write(abs(change))} {name} {side} {REFERENCES[reference]} ({verdict(change)})"
    text = text if change else f"Result as {REFERENCES[reference]}"
    effects = [s for s in steps if s.kind == _EFFECT and s.change]
    missing = [write(s.change, signed=True) for s in effects if s.step == heading.REST and s.code == MISSING_MONTHS]
    text += "".join(f", of which {cents} {name} is missing months" for cents in missing)
    named = [s for s in effects if s.step == "driver"]
    if not named:
        return text
    first = max(named, key=lambda s: abs(s.change))
    cause = f"largest {'driver' if by == 'driver' else 'line'}: {heading.step_name(first.code, first.step, by)}"
    return f"{text}; {cause} {write(first.change, signed=True)}"

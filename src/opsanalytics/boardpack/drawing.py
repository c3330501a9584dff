"""Drawing: where the columns of a month chart and the bars of a variance table stand.

Only geometry, in the units of a small box; colours and patterns are the form's. As IBCS has it,
AC is solid, PL an outline behind it, FC hatched; charts of one unit share one scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from opsanalytics.boardpack.pack import Bar, Label, Mark, MonthChart
from opsanalytics.formats import month_name

WIDTH, HEIGHT = 360.0, 150.0
_TOP, _BOTTOM = 18.0, 18.0
_SHARES: Mapping[str, float] = {"PL": 0.86, "AC": 0.62, "FC": 0.62}
_LEAST_GAP = 80.0
_LEAST_LABEL = 52.0
_OWN_SCALE = 0.1
_LETTER = 6.6


def month_chart(
    months: Sequence[str],
    layers: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    alt: str,
    note: str,
    limits: tuple[float, float],
    marked: str,
    write: Callable[[float], str],
) -> MonthChart:
    """Draw one column for each month and scenario; `marked` is the month whose AC is labelled, `limits` the scale.

    A month without a figure has no column. `write` turns a value into its label.
    """
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    span = (high - low) or 1.0
    slot = WIDTH / max(len(months), 1)

    def height_of(value: float) -> float:
        return _TOP + (high - value) / span * (HEIGHT - _TOP - _BOTTOM)

    marks, labels = [], []
    base = height_of(0.0)
    for scenario in [s for s in _SHARES if s in layers]:
        width = slot * _SHARES[scenario]
        for place, value in enumerate(layers[scenario]):
            if value is None:
                continue
            top = height_of(value)
            x = place * slot + (slot - width) / 2
            marks.append(Mark(_r(x), _r(min(top, base)), _r(width), _r(abs(top - base)), scenario))
    for place, strong in _labelled(months, layers, marked, slot):
        value = _value_at(layers, place)
        if value is not None:
            label = _placed(place, slot, 0.0, write(value), strong=strong)
            labels.append(replace(label, y=_r(_clear_of(label, marks, base) - 4)))
    step = math.ceil(_LEAST_LABEL / slot / 3) * 3
    first = months.index(marked) % step if marked in months else 0
    labels += [
        _placed(place, slot, HEIGHT - 5, f"{month_name(month)[:3]} {month[2:4]}", strong=month == marked)
        for place, month in enumerate(months)
        if place % step == first
    ]
    return MonthChart(title, alt, note, WIDTH, HEIGHT, _r(base), tuple(marks), tuple(labels))


def _labelled(
    months: Sequence[str], layers: Mapping[str, Sequence[float | None]], marked: str, slot: float
) -> list[tuple[int, bool]]:
    """Choose the columns that bear a value: the marked month, and the last one where it stands apart from it."""
    places = [p for p in range(len(months)) if _value_at(layers, p) is not None]
    chosen = [(months.index(marked), True)] if marked in months else []
    if places and all(abs(places[-1] - place) * slot >= _LEAST_GAP for place, _ in chosen):
        chosen.append((places[-1], False))
    return chosen


def _value_at(layers: Mapping[str, Sequence[float | None]], place: int) -> float | None:
    return next((layers[s][place] for s in ("AC", "FC") if s in layers and layers[s][place] is not None), None)


def _clear_of(label: Label, marks: Sequence[Mark], base: float) -> float:
    """Return the height above every column that a label would otherwise cover."""
    room = len(label.text) * _LETTER
    left = label.x - {"start": 0.0, "middle": room / 2, "end": room}[label.anchor]
    return min([base, *(m.y for m in marks if m.x < left + room and m.x + m.width > left)])


def _placed(place: int, slot: float, y: float, text: str, *, strong: bool) -> Label:
    """Set a label over its column, turned inwards at the edges so that none is cut."""
    x = (place + 0.5) * slot
    room = len(text) * _LETTER / 2
    if x < room:
        return Label(_r(place * slot), _r(y), text, "start", strong)
    if x > WIDTH - room:
        return Label(_r((place + 1) * slot), _r(y), text, "end", strong)
    return Label(_r(x), _r(y), text, "middle", strong)


def shared_limits(largest: Mapping[str, tuple[float, float]]) -> tuple[dict[str, tuple[float, float]], set[str]]:
    """Give charts of one unit one scale; one that would be under a tenth of it gets its own, and is named."""
    if not largest:
        return {}, set()
    reach = {name: max(abs(low), abs(high)) for name, (low, high) in largest.items()}
    top = max(reach.values())
    own = {name for name, size in reach.items() if size < top * _OWN_SCALE}
    together = [largest[name] for name in largest if name not in own]
    shared = (min(low for low, _ in together), max(high for _, high in together))
    return {name: largest[name] if name in own else shared for name in largest}, own


def bars(values: Sequence[float]) -> list[Bar]:
    """Place variances on one axis: each bar runs from zero to its value, all on the same scale."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    zero = -low / span
    return [Bar(_r(zero + min(v, 0.0) / span, 4), _r(abs(v) / span, 4), _r(zero, 4)) for v in values]


def _r(number: float, digits: int = 2) -> float:
    """Round a place on paper, so that the same figures give the same text everywhere."""
    return round(number, digits) + 0.0

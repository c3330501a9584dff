"""Operations pages: demand against forecast and the months ahead, and the staff it takes, per site.

Volumes are shown service by service and never summed over services: their units differ. FTE,
hours and cost are summed over services, because theirs do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opsanalytics.boardpack import drawing
from opsanalytics.boardpack.facts import Facts, missing
from opsanalytics.boardpack.finance import entity_name, money_of
from opsanalytics.boardpack.pack import Cell, Exhibit, Group, MonthChart, Row, Section, Tile
from opsanalytics.boardpack.words import isolated, relative, share_cell, text_cell, volume_cell
from opsanalytics.formats import ALL, about, month_name, number, share, shorten
from opsanalytics.periods import month_range, prior_year, shift

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs

HISTORY, AHEAD = 12, 12
STAFF_MONTHS = 6
TILED, LISTED = 3, 4
NAMED = 60


def shown_entities(facts: Facts, measure: str) -> list[str]:
    """Return the entities that have a measure: `(all)` first, but only one of the two where there is a single site."""
    held = [e for e in (ALL, *facts.sites) if facts.has(measure, entity=e)]
    return held[1:] if len(facts.sites) == 1 and len(held) == 2 else held


def service_name(service: str, inputs: Inputs) -> str:
    """Return a service's name where the services table gives one; else its code."""
    if not inputs.has("services"):
        return service
    services = inputs.tables["services"]
    names = services.loc[services["service"] == service, "name"]
    return service if names.empty or missing(names.iloc[0]) else str(names.iloc[0])


def headlines(facts: Facts, inputs: Inputs) -> list[str]:
    """Say how demand came in, what comes next, and what staff it takes."""
    return [said for said in (demand_message(facts, inputs), staff_message(facts)) if said]


def demand_message(facts: Facts, inputs: Inputs) -> str:
    """Say what demand is expected next month, service by service; "" without demand."""
    entities = shown_entities(facts, "demand")
    if not entities:
        return ""
    following = shift(facts.period, 1)
    parts = []
    compared = False
    for service in facts.services(entities[0], "demand"):
        ahead = facts.service(entities[0], "demand", service, "FC", following)
        ratio = relative(ahead, facts.service(entities[0], "demand", service, "AC", prior_year(following)))
        compared = compared or ratio is not None
        if ahead is not None:
            rough = about(ahead)
            against = rough if ratio is None else f"{rough} ({number(100 * ratio, signed=True)} %)"
            parts.append(f"{isolated(shorten(service_name(service, inputs), NAMED))} {against}")
    if not parts:
        return f"There is no forecast of {month_name(following)}."
    listed = ", ".join(parts if len(parts) <= LISTED + 1 else [*parts[:LISTED], f"and {len(parts) - LISTED} more"])
    change = ", with the change on a year before" if compared else ""
    return f"Demand expected in {month_name(following)}{change}: {listed}."


def staff_message(facts: Facts) -> str:
    """Say what staff next month takes; "" without a staffing forecast."""
    entities = shown_entities(facts, "required_fte")
    if not entities:
        return ""
    following = shift(facts.period, 1)
    need = _sum(facts, entities[0], "required_fte", following)
    peak_month, peak = _peak(facts, entities[0])
    if need is None or peak is None:
        return ""
    said = f"Demand takes {about(need)} FTE in {month_name(following)}"
    if peak_month == following:
        return f"{said}, the most in {AHEAD} months."
    return f"{said}, and {about(peak)} in {month_name(peak_month)}, the most in {AHEAD} months."


def _peak(facts: Facts, entity: str) -> tuple[str, float | None]:
    months = month_range(shift(facts.period, 1), shift(facts.period, AHEAD))
    needs = [(_sum(facts, entity, "required_fte", month), month) for month in months]
    held = [(need, month) for need, month in needs if need is not None]
    if not held:
        return "", None
    need, month = max(held, key=lambda pair: pair[0])
    return month, need


def _sum(facts: Facts, entity: str, measure: str, month: str) -> float | None:
    """Sum hours or FTE over the services that are known; None when none is."""
    values = [facts.service(entity, measure, s, "FC", month) for s in facts.services(entity, measure)]
    held = [v for v in values if v is not None]
    return sum(held) if held else None


def _sum_cents(facts: Facts, entity: str, month: str) -> int | None:
    values = [facts.service_cents(entity, "staff_cost", s, "FC", month) for s in facts.services(entity, "staff_cost")]
    held = [v for v in values if v is not None]
    return sum(held) if held else None


def tiles(facts: Facts, inputs: Inputs) -> tuple[Tile, ...]:
    """Return the headline numbers of operations: demand, where there is no ledger, and the staff it takes."""
    found = []
    entities = shown_entities(facts, "demand")
    if entities and not facts.has("result"):
        for service in facts.services(entities[0], "demand")[:TILED]:
            actual = facts.service(entities[0], "demand", service, "AC", facts.period)
            before = facts.service(entities[0], "demand", service, "AC", prior_year(facts.period))
            ratio = relative(actual, before)
            comparison = "no prior year to compare with" if ratio is None else f"ΔPY {share(ratio, signed=True)}"
            unit = facts.unit(service)
            found.append(
                Tile(f"{service_name(service, inputs)}, {month_name(facts.period)}", number(actual), unit, comparison)
            )
    staffed = shown_entities(facts, "required_fte")
    following = shift(facts.period, 1)
    need = _sum(facts, staffed[0], "required_fte", following) if staffed else None
    if need is not None:
        hours = _sum(facts, staffed[0], "required_hours", following)
        label = f"Staff needed, {month_name(following)}"
        found.append(Tile(label, number(need, 1), "FTE", f"{number(hours)} paid hours"))
    return tuple(found)


def demand_section(facts: Facts, inputs: Inputs) -> Section | None:
    """How did demand come in, and what comes next? None without demand."""
    entities = shown_entities(facts, "demand")
    if not entities:
        return None
    following = shift(facts.period, 1)
    groups = tuple(
        Group(
            entity_name(entity, inputs),
            tuple(_demand_row(facts, entity, service, inputs) for service in facts.services(entity, "demand")),
        )
        for entity in entities
    )
    table = Exhibit(
        f"Demand in {month_name(facts.period)}, and expected in {month_name(following)}",
        head="Service",
        group_head="Site",
        columns=("Unit", "PY", "FC", "AC", "ΔFC %", "ΔPY %", f"FC {month_name(following)}", "ΔPY % "),
        groups=groups,
        note="Volumes in each service's own unit. FC is the forecast made before the month. Source: demand.",
    )
    charts = _demand_charts(facts, entities[0], inputs)
    exhibits = (
        Exhibit(
            f"Demand by month, {entity_name(entities[0], inputs)}",
            charts=charts,
            note="AC solid, FC hatched. Source: demand.",
        ),
        table,
    )
    shown = exhibits if charts else exhibits[1:]
    return Section("demand", "How does demand develop?", demand_message(facts, inputs), shown)


def _demand_row(facts: Facts, entity: str, service: str, inputs: Inputs) -> Row:
    period, following = facts.period, shift(facts.period, 1)
    before, forecast, actual = (
        facts.service(entity, "demand", service, scenario, month)
        for scenario, month in (("AC", prior_year(period)), ("FC", period), ("AC", period))
    )
    ahead = facts.service(entity, "demand", service, "FC", following)
    ahead_before = facts.service(entity, "demand", service, "AC", prior_year(following))
    return Row(
        service_name(service, inputs),
        (
            text_cell(facts.unit(service) or "n.a."),
            volume_cell(before),
            volume_cell(forecast),
            volume_cell(actual),
            share_cell(relative(actual, forecast)),
            share_cell(relative(actual, before)),
            volume_cell(ahead),
            share_cell(relative(ahead, ahead_before)),
        ),
    )


def _demand_charts(facts: Facts, entity: str, inputs: Inputs) -> tuple[MonthChart, ...]:
    period = facts.period
    months = month_range(shift(period, 1 - HISTORY), shift(period, AHEAD))
    layers = {s: _demand_layers(facts, entity, s, months) for s in facts.services(entity, "demand")}
    layers = {s: rows for s, rows in layers.items() if any(v is not None for row in rows.values() for v in row)}
    limits: dict[str, tuple[float, float]] = {}
    own: set[str] = set()
    for unit in sorted({facts.unit(s) for s in layers}):
        tops = {s: (0.0, _top(rows)) for s, rows in layers.items() if facts.unit(s) == unit}
        if unit:
            shared, apart = drawing.shared_limits(tops)
            own |= apart
        else:
            shared, apart = tops, set()
        limits |= shared
    return tuple(
        _demand_chart(facts, service, rows, months, limits[service], service in own, inputs)
        for service, rows in layers.items()
    )


def _demand_layers(facts: Facts, entity: str, service: str, months: Sequence[str]) -> dict[str, list[float | None]]:
    return {
        scenario: [
            facts.service(entity, "demand", service, scenario, m) if (m <= facts.period) == (scenario == "AC") else None
            for m in months
        ]
        for scenario in ("AC", "FC")
    }


def _top(layers: dict[str, list[float | None]]) -> float:
    return max(v for row in layers.values() for v in row if v is not None)


def _demand_chart(
    facts: Facts,
    service: str,
    layers: dict[str, list[float | None]],
    months: Sequence[str],
    limits: tuple[float, float],
    own: bool,
    inputs: Inputs,
) -> MonthChart:
    name, unit = service_name(service, inputs), facts.unit(service)
    actual = layers["AC"][months.index(facts.period)]
    ahead = [(v, m) for v, m in zip(layers["FC"], months, strict=True) if v is not None]
    most = max(ahead, key=lambda pair: pair[0], default=None)
    expected = "no forecast" if most is None else f"the most expected is {number(most[0])} in {month_name(most[1])}"
    return drawing.month_chart(
        months,
        layers,
        title=name,
        alt=f"{name} by month: {number(actual)} {unit} in {month_name(facts.period)}; {expected}.",
        note=f"{unit or 'unit not given'}{', own scale' if own else ''}",
        limits=limits,
        marked=facts.period,
        write=number,
    )


def staffing_section(facts: Facts, inputs: Inputs) -> Section | None:
    """What staff does demand take? None without a staffing forecast."""
    entities = shown_entities(facts, "required_fte")
    if not entities:
        return None
    months = month_range(shift(facts.period, 1), shift(facts.period, STAFF_MONTHS))
    following = months[0]
    costs = [_sum_cents(facts, entity, following) for entity in entities]
    money = money_of(inputs.settings, costs)

    def row(name: str, fte: list[float | None], hours: float | None, cost: int | None, *, total: bool = False) -> Row:
        cells = [Cell(number(value, 1)) for value in fte]
        return Row(name, (*cells, volume_cell(hours), money.cell(cost)), total)

    groups = []
    for entity in entities:
        services = facts.services(entity, "required_fte")
        rows = [
            row(
                service_name(service, inputs),
                [facts.service(entity, "required_fte", service, "FC", month) for month in months],
                facts.service(entity, "required_hours", service, "FC", following),
                facts.service_cents(entity, "staff_cost", service, "FC", following),
            )
            for service in services
        ]
        if len(services) > 1:
            fte = [_sum(facts, entity, "required_fte", month) for month in months]
            hours, cost = _sum(facts, entity, "required_hours", following), _sum_cents(facts, entity, following)
            rows.append(row("All services", fte, hours, cost, total=True))
        groups.append(Group(entity_name(entity, inputs), tuple(rows)))
    exhibit = Exhibit(
        "Required staff, paid hours and their cost",
        head="Service",
        group_head="Site",
        columns=(
            *(f"FTE {month_name(m)}" for m in months),
            *(f"{w} {month_name(following)}" for w in ("Hours", "Cost")),
        ),
        groups=tuple(groups),
        note=f"With shrinkage, from the median forecast; cost in {money.name}. Source: demand, standards.",
    )
    return Section("staffing", "What staff does it take?", staff_message(facts), (exhibit,))

"""Finance pages: revenue, cost and result against plan and prior year, the lines behind them, the sites.

Columns follow IBCS: PY, PL, FC, AC, then the variances. The full year has no AC; there the
variances are those of the outlook.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from opsanalytics.boardpack import drawing
from opsanalytics.boardpack.facts import STATISTICAL, Facts, Key, missing
from opsanalytics.boardpack.pack import Cell, Exhibit, Group, MonthChart, Row, Section, Tile
from opsanalytics.boardpack.status import COMMENTS_TITLE, comment_on, material_keys, material_money, variance_of
from opsanalytics.boardpack.words import (
    BLANK,
    Money,
    Stand,
    compared,
    effect_of,
    effect_word,
    isolated,
    money_difference,
    relative,
    share_cell,
    text_cell,
)
from opsanalytics.formats import ALL, HORIZONS, REFERENCES, exact_money, money_unit, month_name
from opsanalytics.formats import MEASURES as MEASURE_NAMES
from opsanalytics.settings import Settings

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs

MEASURES = tuple(MEASURE_NAMES)
_CODES = {name: code for code, name in REFERENCES.items()}
SHOWN_HORIZONS = ("month", "ytd", "fy")


def money_of(settings: Settings, cents: Iterable[int | None]) -> Money:
    """Choose the unit of one exhibit from its amounts."""
    return Money(settings.currency, settings.minor_digits, money_unit(cents, settings.minor_digits))


def main_entity(facts: Facts) -> str:
    """Return the entity that stands for the whole."""
    return ALL if facts.has("result", entity=ALL) or len(facts.sites) != 1 else facts.sites[0]


def totals_money(facts: Facts, entity: str, settings: Settings) -> Money:
    """Choose the unit that headlines, tiles and the table of the totals share."""
    horizons = [*((s, h) for s in ("PY", "PL", "AC") for h in SHOWN_HORIZONS), ("FC", "fy")]
    return money_of(settings, [facts.total(entity, m, s, h) for m in MEASURES for s, h in horizons])


def stand_of(facts: Facts, entity: str, measure: str, horizon: str, reference: str) -> Stand:
    """Return how revenue, cost or result stands to plan or prior year.

    As the figures have it; where they do not (the outlook of the full year), from the two amounts.
    """
    key = Key(entity, facts.period, horizon, "variance", dimension2="measure", item2=measure, reference=reference)
    gap = facts.cents(key)
    if gap is not None:
        effect = effect_word(facts.cents(key._replace(measure="effect")))
        return Stand(gap, facts.value(key._replace(measure="variance_share")), effect)
    now, then = (facts.total(entity, measure, s, horizon) for s in ("FC" if horizon == "fy" else "AC", reference))
    gap = money_difference(now, then)
    return Stand(gap, relative(now, then), effect_of(measure, gap))


def tiles(facts: Facts, settings: Settings) -> tuple[Tile, ...]:
    """Return the headline amounts: revenue, cost and result to date, and the outlook of the full year."""
    entity = main_entity(facts)
    chosen = [(m.capitalize(), "year to date", m, "AC", "ytd") for m in MEASURES]
    chosen.append(("Result", "full-year outlook", "result", "FC", "fy"))
    money = totals_money(facts, entity, settings)
    found = []
    for name, aside, measure, scenario, horizon in chosen:
        actual = facts.total(entity, measure, scenario, horizon)
        if actual is None:
            continue
        stand = stand_of(facts, entity, measure, horizon, "PL")
        comparison = "no plan to compare with"
        if stand.gap is not None:
            aside_share = "" if stand.share is None else f"({share_cell(stand.share).text})"
            parts = (f"ΔPL {money.write(stand.gap, signed=True)}", aside_share, stand.effect)
            comparison = " ".join(part for part in parts if part)
        found.append(Tile(f"{name}, {aside}", money.write(actual), money.short, comparison, stand.effect))
    return tuple(found)


def headlines(facts: Facts, settings: Settings) -> list[str]:
    """Say in sentences how the year stands, where it will end, and which lines make the difference."""
    entity = main_entity(facts)
    money = totals_money(facts, entity, settings)
    said = incomplete_notes(facts, entity)
    for horizon, scenario, references in (("ytd", "AC", ("plan", "prior year")), ("fy", "FC", ("plan",))):
        result = facts.total(entity, "result", scenario, horizon)
        if result is None:
            continue
        stands = [(stand_of(facts, entity, "result", horizon, _CODES[name]), name) for name in references]
        to = _listed([text for stand, name in stands if (text := compared(stand, money, name))])
        if horizon == "ytd":
            said.append(f"The result of the year to {month_name(facts.period)} is {money.spoken(result)}{to}.")
            said += _two_sides(facts, entity, money)
        else:
            said.append(f"The full-year outlook is a result of {money.spoken(result)}{to}.")
    return said + _drivers(facts, entity, money)


def incomplete_notes(facts: Facts, entity: str) -> list[str]:
    """Say which comparisons leave out months because one side lacks them; none where all are whole."""
    short = [name for code, name in REFERENCES.items() if (entity, "ytd", code) in facts.incomplete]
    if not short:
        return []
    return [
        f"INCOMPLETE: ledger lines are missing, so the year to date is compared with {' and '.join(short)} "
        "over the months that both have."
    ]


def _listed(parts: list[str]) -> str:
    return ", " + ", ".join(parts) if parts else ""


def _two_sides(facts: Facts, entity: str, money: Money) -> list[str]:
    parts = []
    for measure in ("revenue", "cost"):
        stand = stand_of(facts, entity, measure, "ytd", "PL")
        text = compared(stand, money, "plan")
        if text:
            parts.append(f"{measure} is {text}{f', {stand.effect}' if stand.effect else ''}")
    return [_sentence("; ".join(parts))] if parts else []


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _line_effects(facts: Facts, entity: str) -> list[tuple[Key, int]]:
    """Return the P&L lines' effects against plan, year to date, the largest first; statistical lines are no money."""
    keys = facts.keys("effect", entity=entity, period=facts.period, horizon="ytd", dimension="pl_line", reference="PL")
    found = [(key, facts.cents(key)) for key in keys if key.item2 != STATISTICAL]
    return sorted(((k, c) for k, c in found if c is not None), key=lambda pair: (-abs(pair[1]), pair[0].item))


def _drivers(facts: Facts, entity: str, money: Money) -> list[str]:
    effects = _line_effects(facts, entity)
    worst = min(effects, key=lambda pair: pair[1], default=None)
    best = max(effects, key=lambda pair: pair[1], default=None)
    said = []
    if worst is not None and worst[1] < 0:
        said.append(f"most adverse is {isolated(worst[0].item)} ({money.spoken(-worst[1])})")
    if best is not None and best[1] > 0:
        said.append(f"most favourable is {isolated(best[0].item)} ({money.spoken(best[1])})")
    return [_sentence(f"against plan, year to date, {' and '.join(said)}")] if said else []


def plan_section(facts: Facts, settings: Settings) -> Section:
    """Revenue, cost and result: month, year to date and full year."""
    entity = main_entity(facts)
    exhibits = [_plan_table(facts, entity, settings)]
    charts = _plan_charts(facts, entity, settings)
    if charts:
        note = "AC solid, PL outlined. Source: ledger, budget."
        exhibits.append(Exhibit("Month by month, actual against plan", charts=charts, note=note))
    said = headlines(facts, settings) or ["There are no figures for this month."]
    return Section("plan", "Is the year on plan?", said[0], tuple(exhibits))


def _plan_table(facts: Facts, entity: str, settings: Settings) -> Exhibit:
    money = totals_money(facts, entity, settings)
    names = {horizon: HORIZONS[horizon].capitalize() for horizon in SHOWN_HORIZONS}
    names["month"] += f", {month_name(facts.period)}"
    groups = tuple(Group(name, _plan_rows(facts, entity, horizon, money)) for horizon, name in names.items())
    return Exhibit(
        "Revenue, cost and result",
        group_head="Horizon",
        columns=("PY", "PL", "FC", "AC", "ΔPL", "ΔPL %", "ΔPY", "ΔPY %"),
        groups=groups,
        note=" ".join(
            [
                f"In {money.name}. The full year has no AC: there Δ is that of the outlook (FC).",
                "Source: ledger, budget.",
                *incomplete_notes(facts, entity),
            ]
        ),
    )


def _plan_rows(facts: Facts, entity: str, horizon: str, money: Money) -> tuple[Row, ...]:
    rows = []
    for measure in MEASURES:
        cents = {s: facts.total(entity, measure, s, horizon) for s in ("PY", "PL", "FC", "AC")}
        stands = {"PY", "PL", "FC" if horizon == "fy" else "AC"} | ({"FC"} if cents["FC"] is not None else set())
        cells = [money.cell(cents[s]) if s in stands else BLANK for s in ("PY", "PL", "FC", "AC")]
        for reference in ("PL", "PY"):
            stand = stand_of(facts, entity, measure, horizon, reference)
            cells += [money.variance(stand.gap, stand.effect), share_cell(stand.share)]
        rows.append(Row(MEASURE_NAMES[measure], tuple(cells), total=measure == "result"))
    return tuple(rows)


def _plan_charts(facts: Facts, entity: str, settings: Settings) -> tuple[MonthChart, ...]:
    months = settings.calendar.year_months(facts.period)
    seen = {"PL": months, "AC": settings.calendar.months(facts.period, "ytd")}
    layers = {
        measure: {
            scenario: [facts.total(entity, measure, scenario, "month", m) if m in held else None for m in months]
            for scenario, held in seen.items()
        }
        for measure in MEASURES
    }
    held = {m: [v for row in rows.values() for v in row if v is not None] for m, rows in layers.items()}
    if any(len(values) < 2 for values in held.values()):
        return ()
    limits, own = drawing.shared_limits({m: (min(v), max(v)) for m, v in held.items()})
    money = money_of(settings, [v for values in held.values() for v in values])
    charts = []
    for measure in MEASURES:
        actual = facts.total(entity, measure, "AC", "month")
        stand = compared(stand_of(facts, entity, measure, "month", "PL"), money, "plan") or "not comparable with plan"
        charts.append(
            drawing.month_chart(
                months,
                layers[measure],
                title=measure.capitalize(),
                alt=f"{measure.capitalize()} by month of the fiscal year. In {month_name(facts.period)} it is "
                f"{money.spoken(actual)}, {stand}.",
                note=f"{money.short}{', own scale' if measure in own else ''}",
                limits=limits[measure],
                marked=facts.period,
                write=lambda value: money.write(int(value)),
            )
        )
    return tuple(charts)


def lines_section(facts: Facts, settings: Settings, inputs: Inputs) -> Section:
    """Which P&L lines make the difference to plan, and what is said about the material ones."""
    entity = main_entity(facts)
    effects = _line_effects(facts, entity)
    exhibits = [_line_table(facts, entity, effects, settings)]
    material = material_keys(facts)
    if material:
        exhibits.append(_comment_table(facts, material, inputs))
    drivers = _drivers(facts, entity, totals_money(facts, entity, settings))
    message = drivers[0] if drivers else "No line differs from plan."
    return Section("lines", "What makes the difference?", message, tuple(exhibits))


def _line_table(facts: Facts, entity: str, effects: list[tuple[Key, int]], settings: Settings) -> Exhibit:
    keys = [key for key, _ in effects]
    sides = [key._replace(measure="amount", scenario=s, reference="") for key in keys for s in ("PL", "AC")]
    money = money_of(settings, [facts.cents(side) for side in sides])
    placed = drawing.bars([cents for _, cents in effects])
    material = set(material_keys(facts))
    rows = []
    for (key, effect_cents), bar in zip(effects, placed, strict=True):
        effect = effect_word(effect_cents)
        amounts = (key._replace(measure="amount", scenario=s, reference="") for s in ("PL", "AC"))
        plan, actual = (facts.cents(amount) or 0 for amount in amounts)  # a side that has no line of it stands at zero
        cells = (
            money.cell(plan),
            money.cell(actual),
            Cell("", effect=effect, bar=bar),
            money.variance(variance_of(key, facts), effect),
            share_cell(facts.value(key._replace(measure="variance_share"))),
            text_cell("material" if key._replace(measure="material") in material else ""),
        )
        rows.append(Row(_line_name(key, keys), cells))
    return Exhibit(
        "P&L lines against plan, year to date",
        head="P&L line",
        columns=("PL", "AC", "Effect on result", "ΔPL", "ΔPL %", "Material"),
        groups=(Group("", tuple(rows)),),
        note=f"In {money.name}, sorted by size. Bars to the left are adverse, to the right favourable. "
        f"{materiality_rule(settings, money.unit)}",
    )


def _line_name(key: Key, keys: list[Key]) -> str:
    """Add the type to a name that stands for both a revenue and a cost line."""
    return f"{key.item} ({key.item2})" if sum(k.item == key.item for k in keys) > 1 else key.item


def materiality_rule(settings: Settings, unit: str = "") -> str:
    """State from which size a variance is material."""
    rule = settings.materiality
    amount = exact_money(rule.amount_cents, settings.currency, settings.minor_digits, unit)
    return f"Material: {amount} or more {rule.mode} {rule.share * 100:.3g} % of plan or more."


def _comment_table(facts: Facts, material: list[Key], inputs: Inputs) -> Exhibit:
    money = material_money(facts, inputs.settings)
    entities = {key.entity for key in material}
    groups = []
    for entity in [e for e in (ALL, *facts.sites) if e in entities]:
        rows = []
        for key in [k for k in material if k.entity == entity]:
            comment, state = comment_on(key, facts, inputs)
            cents = variance_of(key, facts)
            effect = effect_word(facts.cents(key._replace(measure="effect")))
            said = "" if comment is None else str(comment["text"])
            cells = (
                money.variance(cents, effect),
                text_cell(said if state == "commented" else f"{state.capitalize()}. {said}".strip()),
                text_cell("" if comment is None else _by(comment)),
            )
            rows.append(Row(_line_name(key, [k for k in material if k.entity == entity]), cells))
        groups.append(Group(entity_name(entity, inputs), tuple(rows)))
    return Exhibit(
        COMMENTS_TITLE,
        head="P&L line",
        group_head="Site",
        columns=("ΔPL", "Comment", "By"),
        groups=tuple(groups),
        note=f"In {money.name}, year to date. Source: commentary.",
    )


def _by(comment: object) -> str:
    row = dict(comment)  # type: ignore[call-overload]  # a record of the commentary table
    day = row["written_on"]
    return f"{row['author']}{'' if missing(day) else f', {str(day)[:10]}'}"


def entity_name(entity: str, inputs: Inputs) -> str:
    """Return a site's name where the sites table gives one, with its code; else the code."""
    if entity == ALL:
        return "All sites"
    if not inputs.has("sites"):
        return entity
    sites = inputs.tables["sites"]
    names = sites.loc[sites["site"] == entity, "name"]
    return entity if names.empty or missing(names.iloc[0]) or names.iloc[0] == entity else f"{names.iloc[0]} ({entity})"


def sites_section(facts: Facts, inputs: Inputs) -> Section | None:
    """Which site is off plan? None with a single site."""
    settings = inputs.settings
    entities = [s for s in facts.sites if facts.has("result", entity=s)]
    if len(entities) < 2:
        return None
    money = money_of(settings, [facts.total(e, m, s, "ytd") for e in entities for m in MEASURES for s in ("AC", "PL")])
    rows, gaps = [], {}
    for entity in [*entities, ALL]:
        cells = []
        for measure in MEASURES:
            stand = stand_of(facts, entity, measure, "ytd", "PL")
            if measure == "result" and entity != ALL and stand.gap is not None:
                gaps[entity] = stand.gap
            cells += [money.cell(facts.total(entity, measure, "AC", "ytd")), money.variance(stand.gap, stand.effect)]
        stand = stand_of(facts, entity, "result", "fy", "PL")
        cells += [money.cell(facts.total(entity, "result", "FC", "fy")), money.variance(stand.gap, stand.effect)]
        rows.append(Row(entity_name(entity, inputs), tuple(cells), total=entity == ALL))
    exhibit = Exhibit(
        "Sites against plan",
        head="Site",
        columns=("Revenue AC", "ΔPL", "Cost AC", "ΔPL ", "Result AC", "ΔPL  ", "Result full year FC", "ΔPL   "),
        groups=(Group("", tuple(rows)),),
        note=f"In {money.name}; year to date, and the full year's outlook. Source: ledger, budget.",
    )
    return Section("sites", "Which site is off plan?", _site_message(gaps, money, inputs), (exhibit,))


def _site_message(gaps: dict[str, int], money: Money, inputs: Inputs) -> str:
    below = sorted((gap, site) for site, gap in gaps.items() if gap < 0)
    if not gaps:
        return "No site can be compared with plan."
    if not below:
        return "No site's result is below plan, year to date."
    gap, site = below[0]
    count = f"{len(below)} of {len(gaps)} sites {'is' if len(below) == 1 else 'are'} below plan, year to date"
    return f"{count}; {isolated(entity_name(site, inputs))} the most ({money.spoken(-gap)})."

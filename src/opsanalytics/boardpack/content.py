"""Content: from the run's figures to what the board reads, in the order in which it reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics.boardpack import finance, operations
from opsanalytics.boardpack.facts import Facts
from opsanalytics.boardpack.pack import BoardPack, Exhibit, Group, Row, Section
from opsanalytics.boardpack.status import draft_reasons, material_keys, off_notes
from opsanalytics.boardpack.words import text_cell
from opsanalytics.formats import month_name, number

if TYPE_CHECKING:
    from opsanalytics.sources import Inputs

_HASH_SHOWN = 12


def build(figures: pd.DataFrame, inputs: Inputs, plan: Mapping[str, Any], period: str) -> BoardPack:
    """Turn the figures of a run into the pack for `period`, DRAFT with its reasons or FINAL.

    `figures` has the design's columns; `plan` is what `read_plan` returns: the run's "plan" and
    "jobs", or nothing outside a run. The same arguments give the same pack.
    """
    facts = Facts(figures, period, inputs.entities())
    reasons = draft_reasons(facts, inputs, plan)
    settings = inputs.settings
    money_sections: list[Section | None] = []
    if facts.has("result"):
        money_sections = [
            finance.plan_section(facts, settings),
            finance.lines_section(facts, settings, inputs) if facts.has("effect", reference="PL") else None,
            finance.sites_section(facts, inputs),
        ]
    sections = [
        *money_sections,
        operations.demand_section(facts, inputs),
        operations.staffing_section(facts, inputs),
        _sources_section(inputs, plan),
    ]
    said = [*(finance.headlines(facts, settings) if facts.has("result") else []), *operations.headlines(facts, inputs)]
    place = settings.calendar.fiscal_period(period)
    return BoardPack(
        title=month_name(period),
        organisation=settings.organisation,
        period=period,
        subtitle=f"Fiscal year {place.year}, period {place.period} of 12",
        status="DRAFT" if reasons else "FINAL",
        reasons=reasons,
        tiles=(*(finance.tiles(facts, settings) if facts.has("result") else ()), *operations.tiles(facts, inputs)),
        headlines=tuple(said) or ("There are no figures for this month; what is off, and why, stands below.",),
        sections=tuple(section for section in sections if section is not None),
        off=off_notes(facts, inputs, plan),
        checks=_checks(facts, inputs),
    )


def _checks(facts: Facts, inputs: Inputs) -> tuple[str, ...]:
    """State what was checked and how it came out, also when it came out well."""
    control = inputs.control[inputs.control["period"] <= facts.period]
    agreeing = int((control["agrees"].fillna(False).astype(bool) & control["known"].fillna(False).astype(bool)).sum())
    material = material_keys(facts)
    said = [
        f"Control totals: {agreeing:,} of {len(control):,} agree to the cent."
        if len(control)
        else "Control totals: none.",
        f"Rows in quarantine: {len(inputs.quarantine):,}.",
    ]
    if facts.has("material"):
        money = finance.totals_money(facts, finance.main_entity(facts), inputs.settings)
        rule = finance.materiality_rule(inputs.settings, money.unit)
        said.append(f"Material variances against plan, year to date, over all entities: {len(material):,}. {rule}")
    return tuple(said)


def _sources_section(inputs: Inputs, plan: Mapping[str, Any]) -> Section:
    rows = [
        Row(
            str(row["table"]),
            (
                text_cell(row["file"]),
                *(text_cell(number(float(row[name]))) for name in ("rows", "accepted", "quarantined")),
                text_cell(str(row["sha256"])[:_HASH_SHOWN]),
            ),
        )
        for row in inputs.files.sort_values(["table", "file"]).to_dict("records")
    ]
    table = Exhibit(
        "Tables read",
        head="Table",
        columns=("File", "Rows", "Accepted", "Quarantined", "SHA-256"),
        groups=(Group("", tuple(rows)),),
        note=f"The first {_HASH_SHOWN} digits of each file's hash.",
    )
    made = _made_with(plan)
    return Section("sources", "Where do the figures come from?", made, (table,))


def _made_with(plan: Mapping[str, Any]) -> str:
    parts = plan.get("plan") or {}
    versions = parts.get("versions") or {}
    own = versions.get("opsanalytics")
    return f"All figures are computed from the tables below by opsanalytics{f' {own}' if own else ''}."

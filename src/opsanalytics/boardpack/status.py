"""DRAFT or FINAL: every reason why the pack may not be relied on yet, and what to do about each.

The pack is FINAL only when this module finds no reason. What is left open counts as a reason:
an absent control total, an absent comment or an absent month is never taken for agreement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from opsanalytics.boardpack.facts import STATISTICAL, Facts, Key, missing
from opsanalytics.boardpack.pack import Reason
from opsanalytics.boardpack.words import Money, isolated, named
from opsanalytics.budget import NO_AMOUNT, comment_state
from opsanalytics.formats import ALL, REFERENCES, UNASSIGNED, counted, listed, money, money_unit, month_name
from opsanalytics.periods import month_range, shift
from opsanalytics.schemas import NEEDS

if TYPE_CHECKING:
    import pandas as pd

    from opsanalytics.settings import Settings
    from opsanalytics.sources import Inputs

PACK_NOTEBOOK = "04_board_pack"
REPORT_NAMES = {
    "01_budget_variance": "Budget variance",
    "02_seasonal_demand": "Seasonal demand",
    "03_staffing_forecast": "Staffing forecast",
    "04_board_pack": "Board pack",
}
LISTED = 20
NAMED = 3
_MEND = "Mend the rows that quarantine.csv lists, at their source, and run again."
_UNRATED = "Add the average rates that they lack to fx_rates, as `opsanalytics check` lists them, and run again."
COMMENTS_TITLE = "Comments on the material variances"


def draft_reasons(facts: Facts, inputs: Inputs, plan: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return every reason why the pack is a draft; none means FINAL.

    `plan` holds the run's "jobs", or nothing where there is no run (then no job can be missing).
    """
    held = {table: inputs.periods_with(table) if inputs.has(table) else [] for table in ("ledger", "demand")}
    return (
        *_control_reasons(facts, inputs, held),
        *_quarantine_reasons(inputs),
        *_error_reasons(inputs),
        *_job_reasons(plan),
        *_comment_reasons(facts, inputs),
        *_month_reasons(facts, inputs, held),
        *_comparison_reasons(facts),
    )


def closed_months(period: str, inputs: Inputs) -> list[str]:
    """Return the fiscal year's months that the books call closed, up to `period`."""
    through = inputs.settings.closed_through or period
    return [month for month in inputs.settings.calendar.months(period, "ytd") if month <= through]


def _control_reasons(facts: Facts, inputs: Inputs, held: Mapping[str, list[str]]) -> list[Reason]:
    period = facts.period
    control = inputs.control[inputs.control["period"] <= period]
    if control.empty:
        remedy = (
            "Put control_totals (period, site, type, amount), taken from the ledger's own report, into the data folder."
            if inputs.has("ledger")
            else "Control totals prove a ledger: add ledger and control_totals, or use this pack as a draft."
        )
        return [Reason("No control totals are given, so nothing proves that the data is whole.", remedy)]
    reasons = [
        _control_reason(row, inputs.settings.minor_digits)
        for row in control.sort_values(["period", "site", "type"]).to_dict("records")
        if not (_true(row["known"]) and _true(row["agrees"]))
    ]
    if inputs.has("ledger"):
        _, months = _since_first(held["ledger"], closed_months(period, inputs))
        absent = [month for month in months if month not in set(control["period"])]
        if absent:
            reasons.append(
                Reason(
                    f"No control total is given for {_months(absent)}.",
                    "Add the ledger's totals of these months to control_totals.",
                )
            )
        reasons += _unproven(facts, control, [month for month in months if month not in absent])
    return _listed(reasons, "control totals")


def _unproven(facts: Facts, control: pd.DataFrame, months: list[str]) -> list[Reason]:
    """Name each site's revenue and cost that no control total covers in a month for which others are given."""
    given = set(zip(control["period"], control["site"], control["type"], strict=True))
    reasons = []
    for site in facts.sites:
        for measure in ("revenue", "cost"):
            wanted = [m for m in months if facts.total(site, measure, "AC", "month", m) is not None]
            bare = [m for m in wanted if not given & {(m, s, t) for s in (site, ALL) for t in (measure, ALL)}]
            if bare:
                said = f"No control total covers the {measure} of {isolated(site)} in {_months(bare)}."
                reasons.append(Reason(said, "Add the ledger's totals of this site and type to control_totals."))
    return reasons


def _control_reason(row: Mapping[Any, Any], digits: int) -> Reason:
    parts = [str(row[name]) for name in ("site", "type") if not missing(row[name]) and row[name] not in ("", ALL)]
    what = " ".join([month_name(str(row["period"])), *parts])
    if not _true(row["known"]):
        return Reason(
            f"The control total of {what} can not be compared: an amount that belongs to it can not be read.",
            "Mend the amounts that quarantine.csv lists.",
        )
    found = int(row["accepted_cents"]) + int(row["quarantined_cents"])
    gap = found - int(row["stated_cents"])
    return Reason(
        f"The control total of {what} is missed: stated {money(row['stated_cents'], digits)}, "
        f"found {money(found, digits)}, {money(abs(gap), digits)} too {'much' if gap > 0 else 'little'}.",
        "Find the lines that are absent or doubled in the ledger, or correct the stated total, and run again.",
    )


def _quarantine_reasons(inputs: Inputs) -> list[Reason]:
    if inputs.quarantine.empty:
        return []
    return _listed(
        [
            Reason(
                f"{counted(rows, 'row')} of {table} {'is' if rows == 1 else 'are'} in quarantine ({rule}).",
                _UNRATED if rule == "foreign_currency" else _MEND,
            )
            for table, rule, rows in _counted(inputs.quarantine)
        ],
        "rules",
    )


def _error_reasons(inputs: Inputs) -> list[Reason]:
    """Name the errors found, but for the missed control totals, which have a reason of their own."""
    faults = inputs.faults
    named = (faults["rule"] == "control_total") & (faults["column"] == "amount")
    errors = faults[(faults["severity"] == "error") & ~named]
    return [
        Reason(
            f"{counted(rows, 'error')} in {table} ({rule}).",
            "Mend what `opsanalytics check` lists, and run again.",
        )
        for table, rule, rows in _counted(errors)
    ]


def jobs_of(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the run's jobs, the board pack's own left out, by notebook and entity."""
    jobs = [job for job in plan.get("jobs", []) if job["notebook"] != PACK_NOTEBOOK]
    return sorted(jobs, key=lambda j: (j["notebook"], j["entity"]))


def job_name(job: Mapping[str, Any]) -> str:
    """Write a job as its report and entity."""
    return f"{REPORT_NAMES.get(job['notebook'], job['notebook'])} of {named(job['entity'])}"


def _job_reasons(plan: Mapping[str, Any]) -> list[Reason]:
    reasons = []
    for job in jobs_of(plan):
        if job["state"] in ("done", "off"):
            continue
        said, remedy = _JOB_WORDS.get(job["state"], _JOB_WORDS["pending"])
        reasons.append(Reason(f"{job_name(job)} {said}{_because(job.get('reason'))}", remedy))
    return reasons


_JOB_WORDS = {
    "failed": ("failed", "Open the notebook in the run folder at the cell that failed, mend the cause, and run again."),
    "skipped": ("was skipped", "Run it too: the pack is final only with every report that the data allows."),
    "pending": ("has not run", "Run it, and the board pack after it."),
}


def off_notes(facts: Facts, inputs: Inputs, plan: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Name each analysis that is off, and what would switch it on."""
    notes = []
    off_for_all = set()
    for notebook, tables in NEEDS.items():
        absent = [table for table in tables if not inputs.has(table)]
        if absent:
            off_for_all.add(notebook)
            want = listed(absent)
            said = f"{REPORT_NAMES[notebook]} is off for want of {want}."
            notes.append(Reason(said, f"Add {want} to the data folder."))
    notes += [
        Reason(f"{job_name(job)} is off{_because(job.get('reason'))}", "Add what it wants to the data folder.")
        for job in jobs_of(plan)
        if job["state"] == "off" and job["notebook"] not in off_for_all
    ]
    for table, notebook, lost in _SWITCHES:
        if notebook not in off_for_all and not inputs.has(table):
            notes.append(Reason(lost, f"Add {table} to the data folder."))
    if any(missing(row["amount_cents"]) for row in _comments(facts.period, inputs).values()):
        notes.append(
            Reason(
                "Some comments bear no amount, so they never go stale.",
                "Give the amount commented on in commentary, and a comment on an older figure is told from a new one.",
            )
        )
    return tuple(notes)


_SWITCHES = (
    ("commentary", "01_budget_variance", "Comments are off: there is no commentary."),
    ("events", "02_seasonal_demand", "Campaigns and closures count as ordinary days: there are no events."),
    ("roster", "03_staffing_forecast", "Required staff is not compared with planned staff: there is no roster."),
    ("opening_hours", "03_staffing_forecast", "Staff is computed where demand is: there are no opening_hours."),
)


def _comments(period: str, inputs: Inputs) -> dict[tuple[str, str], Mapping[Any, Any]]:
    """Return the period's comments on P&L lines by entity and line."""
    if not inputs.has("commentary"):
        return {}
    table = inputs.tables["commentary"]
    if "amount_cents" not in table.columns:
        table = table.assign(amount_cents=None)
    ours = (table["period"] == period) & (table["measure"] == "variance") & (table["dimension"] == "pl_line")
    return {(row["entity"], row["item"]): row for row in table[ours].to_dict("records")}


def comment_on(key: Key, facts: Facts, inputs: Inputs) -> tuple[Mapping[Any, Any] | None, str]:
    """Return the comment on a variance and how it stands: "commented", "stale" or "no comment".

    With one site, a comment on the site is one on `(all)` too, and the other way round. A comment
    whose amount differs from the variance by more than the materiality amount is stale.
    """
    comments = _comments(facts.period, inputs)
    entities = [key.entity, *([*facts.sites, ALL] if len(facts.sites) == 1 else [])]
    comment = next((comments[e, key.item] for e in entities if (e, key.item) in comments), None)
    if comment is None or missing(comment["text"]) or not str(comment["text"]).strip():
        return None, "no comment"
    amount = None if missing(comment["amount_cents"]) else int(comment["amount_cents"])
    state = comment_state(amount, variance_of(key, facts), inputs.settings.materiality.amount_cents)
    return comment, "commented" if state == NO_AMOUNT else state


def variance_of(key: Key, facts: Facts) -> int | None:
    """Return the variance in cents that a `material` figure is about."""
    return facts.cents(key._replace(measure="variance"))


def material_keys(facts: Facts) -> list[Key]:
    """Return the material variances YTD against plan, `(all)` first, then the sites; a single site stands for both."""
    keys = [
        k
        for k in facts.keys("material", period=facts.period, horizon="ytd", dimension="pl_line", reference="PL")
        if facts.value(k) == 1.0 and k.item2 != STATISTICAL
    ]
    if len(facts.sites) == 1 and any(k.entity == ALL for k in keys):
        keys = [k for k in keys if k.entity == ALL]
    order = {entity: place for place, entity in enumerate([ALL, *facts.sites])}
    return sorted(keys, key=lambda k: (order[k.entity], -abs(variance_of(k, facts) or 0), k.item, k.item2))


def material_money(facts: Facts, settings: Settings) -> Money:
    """Choose the unit in which material variances stand, in the exhibit of comments and in the reasons."""
    unit = money_unit([variance_of(key, facts) for key in material_keys(facts)], settings.minor_digits)
    return Money(settings.currency, settings.minor_digits, unit)


def _comment_reasons(facts: Facts, inputs: Inputs) -> list[Reason]:
    digits, currency = inputs.settings.minor_digits, inputs.settings.currency
    shown = material_money(facts, inputs.settings)
    silent: dict[str, list[str]] = {}
    stale = []
    for key in material_keys(facts):
        comment, state = comment_on(key, facts, inputs)
        if comment is None:
            text = f"{isolated(key.item)} ({shown.spoken(variance_of(key, facts), signed=True)})"
            silent.setdefault(key.entity, []).append(text)
        elif state == "stale":
            said = f"{money(comment['amount_cents'], digits, signed=True)} {currency}"
            amount = f"{money(variance_of(key, facts), digits, signed=True)} {currency}"
            what = f"The comment on {isolated(key.item)} at {named(key.entity)}"
            reason = f"{what} is stale: it speaks of {said}, and it is {amount} now."
            stale.append(Reason(reason, "Look at the comment again and write the amount that it is about now."))
    uncommented = [_uncommented(entity, items) for entity, items in silent.items()]
    return [*uncommented, *_listed(stale, "comments")]


def _uncommented(entity: str, items: list[str]) -> Reason:
    """Name an entity's largest variances without a comment; the exhibit of comments has them all."""
    said = listed([*items[:NAMED], f"{len(items) - NAMED} more"]) if len(items) > NAMED else listed(items)
    count = f"{counted(len(items), 'material variance')} of {named(entity)} against plan, year to date"
    where = f', each as listed under "{COMMENTS_TITLE}"' if len(items) > NAMED else ""
    return Reason(
        f"{count}, {'has' if len(items) == 1 else 'have'} no comment: {said}.",
        f"Write what is behind it into commentary (measure variance, dimension pl_line, the line as item){where}.",
    )


def _month_reasons(facts: Facts, inputs: Inputs, held: Mapping[str, list[str]]) -> list[Reason]:
    months = closed_months(facts.period, inputs)
    reasons = []
    if facts.period not in months:
        said = f"{month_name(facts.period)} is not closed: closed_through is {inputs.settings.closed_through}."
        reasons.append(Reason(said, "Close the month, then set closed_through in workbook.toml to it."))
    for table in [table for table in held if inputs.has(table)]:
        before, since = _since_first(held[table], months)
        if before:
            reasons.append(_begins(table, before, shift(before[-1], 1)))
        reasons += _absent(f"The {table}", table, [month for month in since if month not in held[table]])
    for site in [site for site in facts.sites if site != UNASSIGNED]:
        reasons += _absent(f"The ledger of {isolated(site)}", "ledger", _absent_at(site, months, facts, held["ledger"]))
    reasons += _demand_reasons(months, facts, known=set(held["demand"]))
    return _listed(reasons, "months")


def _comparison_reasons(facts: Facts) -> list[Reason]:
    """Name the entities whose year to date is compared with a reference that a month is missing for."""
    reasons = []
    for code, name in REFERENCES.items():
        entities = [e for e in (ALL, *facts.sites) if (e, "ytd", code) in facts.incomplete]
        if entities:
            whose = listed([named(entity) for entity in entities])
            said = f"The year to date of {whose} can not be compared with {name} month for month"
            remedy = "Add the months that are absent, of this year or the last, to ledger."
            reasons.append(Reason(f"{said}: ledger lines are missing.", remedy))
    return reasons


def _since_first(held: list[str], months: list[str]) -> tuple[list[str], list[str]]:
    """Split months into those before a table's first on record, and the others; all are others where it has none."""
    first = min(held, default="")
    if not months or first > months[-1]:
        return [], months
    return [month for month in months if month < first], [month for month in months if month >= first]


def _begins(table: str, before: list[str], first: str) -> Reason:
    """Say that a table begins inside the fiscal year: nothing before it was lost, but the year is not whole."""
    said = f"The {table} begins in {month_name(first)}: {_months(before)} of the fiscal year"
    return Reason(
        f"{said} {'is' if len(before) == 1 else 'are'} not in it.",
        f"Add {'this month' if len(before) == 1 else 'these months'} to {table}, or use this pack as a draft.",
    )


def _absent(what: str, table: str, absent: list[str]) -> list[Reason]:
    if not absent:
        return []
    said = f"{what} has nothing for {_months(absent)}, which should be closed."
    return [Reason(said, f"Add {'this month' if len(absent) == 1 else 'these months'} to {table}, and run again.")]


def _absent_at(site: str, months: list[str], facts: Facts, ledger: list[str]) -> list[str]:
    """Return the months that others have, and that this site has a plan or earlier lines for, but no lines."""
    held = {key.period for key in facts.keys("result", entity=site, horizon="month", scenario="AC")}
    planned = {
        key.period
        for measure in ("revenue", "cost")
        for key in facts.keys(measure, entity=site, horizon="month", scenario="PL")
        if facts.cents(key)
    }
    known = set(ledger)
    due = planned | {month for month in months if held and month > min(held)}
    return [month for month in months if month in due & known and month not in held]


def _demand_reasons(months: list[str], facts: Facts, known: set[str]) -> list[Reason]:
    """Name each service of a site whose closed months are absent (of those others have), or not filled to the end."""
    reasons = []
    for site in facts.sites:
        for service in facts.services(site, "demand"):
            what = f"Demand of {isolated(service)} at {isolated(site)}"
            held = {k.period for k in facts.keys("demand", entity=site, item=service, horizon="month", scenario="AC")}
            absent = [m for m in months if m in known - held and held & set(month_range(shift(m, -12), m))]
            if absent:
                said = f"{what} has nothing for {_months(absent)}, which should be closed."
                reasons.append(Reason(said, "Add the rows to demand; where there was none, with the volume 0."))
            filled = facts.keys("complete", entity=site, dimension="service", item=service, horizon="month")
            unfilled = [k.period for k in filled if k.period in months and facts.value(k) == 0.0]
            if unfilled:
                said = f"{what} does not fill {_months(unfilled)} to the last open day."
                reasons.append(Reason(said, "Add the days that are absent to demand, or wait for the month's end."))
    return reasons


def _counted(faults: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Count the rows of each table and rule."""
    counts = Counter(zip(faults["table"].astype(str), faults["rule"].astype(str), strict=True))
    return [(table, rule, rows) for (table, rule), rows in sorted(counts.items())]


def _true(value: object) -> bool:
    return not missing(value) and bool(value)


def _because(reason: object) -> str:
    text = "" if reason is None else str(reason).strip()
    if not text:
        return "."
    return f": {text}" if text.endswith((".", "!", "?")) else f": {text}."


def _months(months: Iterable[str]) -> str:
    """Write months, joining runs of three or more: "Jul 2026 to Sep 2026 and Nov 2026"."""
    runs: list[list[str]] = []
    for month in months:
        if runs and shift(runs[-1][-1], 1) == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    parts = []
    for run in runs:
        parts += [month_name(m) for m in run] if len(run) < 3 else [f"{month_name(run[0])} to {month_name(run[-1])}"]
    return listed(parts)


def _listed(reasons: list[Reason], kind: str) -> list[Reason]:
    """Keep the first reasons of a kind; the last then says how many more there are, so that none is lost unsaid."""
    if len(reasons) <= LISTED:
        return reasons
    more = len(reasons) - LISTED
    return [*reasons[:LISTED], Reason(f"The same holds for {more:,} more {kind}.", "Mend those listed the same way.")]

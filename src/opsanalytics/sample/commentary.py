"""Commentary: what an analyst of the company wrote about each material variance of the open year.

The variance is year to date, actual minus the plan in force at the month, for each line of the
income statement at each site and for "(all)". The words are those of the stories that were planted;
a material variance without a story would be a fault of this module, and is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from opsanalytics.formats import ALL
from opsanalytics.periods import month_range, prior_year, shift
from opsanalytics.sample.company import ACCOUNT, ACCOUNTS, LAST, SITE_OF, SITES, STORIES, fiscal_year
from opsanalytics.sample.draws import split_fairly
from opsanalytics.sample.figures import Cell
from opsanalytics.sample.ledger import Line

FIRST_REPORTED = "2026-07"
MATERIAL_CENTS, MATERIAL_PERCENT = 1_000_000, 5
AUTHORS = {"Dublin": "A. Byrne", "Cork": "M. Murphy", "Galway": "S. Joyce", ALL: "E. Nolan"}

BudgetRow = tuple[str, str, str, str, str, int]
Sums = dict[Cell, int]


def is_material(variance: int, plan: int) -> bool:
    """Is a variance in cents material: by amount and share, by amount alone where the plan is zero or negative?"""
    return abs(variance) >= MATERIAL_CENTS and (plan <= 0 or 100 * abs(variance) >= MATERIAL_PERCENT * plan)


def commentary(lines: list[Line], budget: list[BudgetRow]) -> list[tuple[str, ...]]:
    """Return commentary rows for each material variance of each month reported; amounts are text.

    Raises LookupError when a material variance has no story.
    """
    actual = _sums(lines)
    rows: list[tuple[str, ...]] = []
    for period in month_range(FIRST_REPORTED, LAST):
        plan = plan_in_force(budget, actual, period)
        months = month_range(FIRST_REPORTED, period)
        written = (dt.date.fromisoformat(f"{shift(period, 1)}-01") - dt.timedelta(1)).isoformat()
        for entity, line, variance, planned in _variances(actual, plan, months):
            if is_material(variance, planned):
                text = _words(entity, line, period)
                rows.append(
                    (period, entity, "variance", "pl_line", line, AUTHORS[entity], written, text, _money(variance))
                )
    return rows


def plan_in_force(budget: list[BudgetRow], actual: Sums, period: str) -> Sums:
    """Return the plan of the fiscal year of `period` by month, cost centre and account, years phased.

    The amended row in force at `period` counts, and where there is none the original's.
    """
    year = fiscal_year(period)
    months = month_range(f"{year - 1}-07", f"{year}-06")
    chosen: dict[Cell, tuple[tuple[bool, str], int]] = {}
    for version, key, centre, account, in_force, cents in budget:
        if (key in months or key == str(year)) and in_force <= period:
            rank = (version == "amended", in_force)
            if rank >= chosen.get((key, centre, account), ((False, ""), 0))[0]:
                chosen[key, centre, account] = (rank, cents)
    plan: Sums = {}
    for (key, centre, account), (_, cents) in chosen.items():
        if key in months:
            plan[key, centre, account] = plan.get((key, centre, account), 0) + cents
            continue
        for month, part in zip(months, split_fairly(cents, _shape(actual, months, centre, account)), strict=True):
            plan[month, centre, account] = part
    return plan


def _sums(lines: list[Line]) -> Sums:
    sums: Sums = {}
    for line in lines:
        cell = (line.period, line.cost_centre, line.account)
        sums[cell] = sums.get(cell, 0) + line.cents
    return sums


def _shape(actual: Sums, months: list[str], centre: str, account: str) -> list[int]:
    """Return the weights of a year: the line's own prior year, else its type's at the site, else even."""
    shape = {prior_year(month): [0, 0] for month in months}
    for (period, other_centre, other), cents in actual.items():
        if (
            period in shape
            and SITE_OF[other_centre] == SITE_OF[centre]
            and ACCOUNT[other].type == ACCOUNT[account].type
        ):
            shape[period][1] += cents
            shape[period][0] += cents if (other_centre, other) == (centre, account) else 0
    for weights in zip(*shape.values(), strict=True):
        if min(weights) >= 0 and sum(weights) > 0:
            return list(weights)
    return [1] * 12


def _variances(actual: Sums, plan: Sums, months: list[str]) -> Iterator[tuple[str, str, int, int]]:
    """Yield entity, line, variance and plan of the months, in cents."""
    came, planned = _by_line(actual, months), _by_line(plan, months)
    for entity in (*SITES, ALL):
        for pl_line in dict.fromkeys(account.pl_line for account in ACCOUNTS):
            key = (entity, pl_line)
            yield *key, came.get(key, 0) - planned.get(key, 0), planned.get(key, 0)


def _by_line(sums: Sums, months: list[str]) -> dict[tuple[str, str], int]:
    """Add up by entity and line of the income statement."""
    lines: dict[tuple[str, str], int] = {}
    for (period, centre, account), cents in sums.items():
        if period in months:
            for entity in (SITE_OF[centre], ALL):
                key = (entity, ACCOUNT[account].pl_line)
                lines[key] = lines.get(key, 0) + cents
    return lines


def _words(entity: str, pl_line: str, period: str) -> str:
    told = [s for s in STORIES if s.pl_line == pl_line and s.first <= period and entity in (s.site, ALL)]
    if not told:
        raise LookupError(f"The variance of {pl_line} at {entity} in {period} is material and has no story.")
    if entity != ALL:
        return " ".join(story.text for story in told)
    by_text: dict[str, list[str]] = {}
    for story in told:
        by_text.setdefault(story.text, []).append(story.site)
    return " ".join(
        f"{' and '.join(sites)}: {text}" if len(sites) < len(SITES) else text for text, sites in by_text.items()
    )


def _money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"

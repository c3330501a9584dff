"""The ledger: documents and lines that add up to the figures, and the control totals they are held to.

Each cell (period, cost centre, account) is split into invoices, credit notes for what was paid
back, payroll documents by grade, and accruals that are reversed on the first of the next month,
when the invoice comes. A few invoices arrive up to two months late.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from opsanalytics.periods import shift
from opsanalytics.sample.company import (
    ACCOUNT,
    AMENDMENTS,
    COST_CENTRES,
    LAST,
    LAST_DAY,
    PLAN,
    PLAN_PERIODS,
    SITE_OF,
    fiscal_year,
)
from opsanalytics.sample.draws import Draws, scaled, split
from opsanalytics.sample.figures import Cell, Figures, one_off_cents

_ACCRUED = ("530100", "530200", "510300", "560200", "560500", "520400")
_PAY = ("500100", "500200", "500300", "500400")
_LATE = 25  # thousandths of cost invoices that come late


@dataclass(frozen=True)
class Line:
    """One line of the ledger, its amount in cents in the account's natural sign."""

    document: str
    line: int
    posted_on: dt.date
    period: str
    cost_centre: str
    account: str
    cents: int
    text: str
    one_off: bool = False


def ledger(figures: Figures, seed: int) -> list[Line]:
    """Return the ledger's lines in the order of posting, numbered by document."""
    draws = Draws(seed, "ledger")
    lines = [*_payroll(figures), *_accruals(figures)]
    accrued = _accrual_amounts(figures)
    invoices: list[Line] = []
    for cell, cents in sorted(figures.actual.items()):
        if cell[2] not in _PAY:
            invoices += _invoices(cell, cents - accrued.get(cell, 0), draws)
        invoices += _one_offs(cell)
        before = (shift(cell[0], -1), *cell[1:])
        if before in accrued:
            invoices.append(_invoice_of_accrual(cell, accrued[before], draws))
    invoices.sort(key=lambda line: (line.posted_on, line.period, line.cost_centre, line.account))
    return sorted([*lines, *_numbered(invoices)], key=lambda line: (line.posted_on, line.document, line.line))


def control_totals(lines: list[Line]) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Return amount in cents and count of lines by period, site and account type."""
    totals: dict[tuple[str, str, str], tuple[int, int]] = {}
    for line in lines:
        key = (line.period, SITE_OF[line.cost_centre], ACCOUNT[line.account].type)
        cents, count = totals.get(key, (0, 0))
        totals[key] = (cents + line.cents, count + 1)
    return dict(sorted(totals.items()))


def budget(figures: Figures) -> list[tuple[str, str, str, str, str, int]]:
    """Return budget rows: version, period, cost centre, account, valid from ("" is always), cents.

    A line in `figures.by_year` has one row a fiscal year. An amended line restates all twelve months of its year.
    """
    rows = []
    yearly: dict[tuple[str, str, str], int] = {}
    for (period, centre, account), cents in figures.plan.items():
        if (centre, account) in figures.by_year:
            key = (str(fiscal_year(period)), centre, account)
            yearly[key] = yearly.get(key, 0) + cents
        else:
            rows.append(("original", period, centre, account, "", cents))
    rows += [("original", year, centre, account, "", cents) for (year, centre, account), cents in yearly.items()]
    for year, in_force, centre, account, first, factor in AMENDMENTS:
        for period in PLAN_PERIODS:
            if fiscal_year(period) == year:
                cents = figures.plan[period, centre, account]
                rows.append(
                    ("amended", period, centre, account, in_force, scaled(cents, factor if period >= first else 1000))
                )
    return sorted(rows, key=lambda row: (row[0] != "original", row[1:]))


def _payroll(figures: Figures) -> Iterator[Line]:
    wages: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for pay in figures.payroll:
        if pay.period <= LAST:
            of_month = wages.setdefault((pay.period, pay.cost_centre), [])
            of_month.append(("500100", f"Wages, {pay.grade.lower()}s", pay.wages(pay.actual_fte)))
            of_month.append(("500200", f"Overtime, {pay.grade.lower()}s", pay.overtime_pay(pay.overtime)))
    for (period, centre), rows in wages.items():
        social = (("500300", "Employer's PRSI"), ("500400", "Pension scheme"))
        rows = rows + [(account, text, figures.actual[period, centre, account]) for account, text in social]
        for number, (account, text, cents) in enumerate((row for row in rows if row[2] != 0), start=1):
            yield Line(f"PR-{period}-{centre}", number, _workday(period, 25), period, centre, account, cents, text)


def _accrual_amounts(figures: Figures) -> dict[Cell, int]:
    """Return what is accrued at each month's end: cost of the month whose invoice comes in the next."""
    accrued = {}
    for centre in COST_CENTRES:
        for line in PLAN[centre.department]:
            for period in PLAN_PERIODS:
                cell = (period, centre.code, line.account)
                if line.account in _ACCRUED and period <= LAST and (int(period[5:]) % 3 == 0 or line.euros >= 6000):
                    accrued[cell] = scaled(figures.actual[cell], 400)
    return accrued


def _accruals(figures: Figures) -> Iterator[Line]:
    for (period, centre, account), cents in _accrual_amounts(figures).items():
        last, following = _month_end(period), shift(period, 1)
        name = ACCOUNT[account].name
        document = f"{period}-{centre}-{account}"
        yield Line(f"AC-{document}", 1, last, period, centre, account, cents, f"Accrual, {name.lower()}")
        if following <= LAST:
            first = last + dt.timedelta(1)
            yield Line(f"RV-{document}", 1, first, following, centre, account, -cents, f"Reversal of AC-{document}")


def _invoice_of_accrual(cell: Cell, cents: int, draws: Draws) -> Line:
    period, centre, account = cell
    return Line(
        "",
        1,
        _workday(period, draws.one(3, 24)),
        period,
        centre,
        account,
        cents,
        f"{ACCOUNT[account].name}, {shift(period, -1)}",
    )


def _invoices(cell: Cell, cents: int, draws: Draws) -> Iterator[Line]:
    """Split a cell's sum into invoices and, for some revenue and claims, a credit note."""
    period, centre, account = cell
    kind = ACCOUNT[account].type
    if cents == 0:
        return
    if kind == "statistical":
        yield Line("", 1, _month_end(period), period, centre, account, cents, "Monthly count")
        return
    refund = 0
    if kind == "revenue" and account != "400600":
        refund = scaled(abs(cents), draws.one(2, 9))
    elif account == "560500" and draws.one(1, 4) == 1:
        refund = scaled(abs(cents), 120)
    for part in split(cents + refund, draws.between(600, 1400, _count(cell, cents, draws)).tolist()):
        yield _posted(
            Line("", 1, _workday(period, draws.one(2, 27)), period, centre, account, part, ACCOUNT[account].name),
            kind,
            draws,
        )
    if refund:
        text = "Refund to customer" if kind == "revenue" else "Insurer's refund"
        yield Line("", 1, _workday(period, draws.one(5, 27)), period, centre, account, -refund, text)


def _count(cell: Cell, cents: int, draws: Draws) -> int:
    account = ACCOUNT[cell[2]]
    if account.type == "revenue":
        return draws.one(3, 6) if cents > 5_000_000 else draws.one(2, 3)
    if account.behaviour == "variable":
        return draws.one(2, 4) if cents > 500_000 else draws.one(1, 2)
    return draws.one(1, 2) if cents > 100_000 else 1


def _posted(line: Line, kind: str, draws: Draws) -> Line:
    """Let a few cost invoices arrive in one of the two months after theirs, but not after the last day."""
    if kind != "cost" or draws.one(1, 1000) > _LATE:
        return line
    months = 1 if draws.one(1, 4) > 1 else 2
    posted_on = _workday(shift(line.period, months), draws.one(2, 20))
    return line if posted_on > LAST_DAY else replace(line, posted_on=posted_on, text=f"{line.text}, late invoice")


def _one_offs(cell: Cell) -> Iterator[Line]:
    period, centre, account = cell
    for text, cents in one_off_cents(cell).items():
        yield Line("", 1, _workday(period, 20), period, centre, account, cents, text, one_off=True)


def _numbered(invoices: list[Line]) -> Iterator[Line]:
    """Number documents in the order of posting; lines of one day, centre, period and kind share a document."""
    number, line, before = 0, 0, None
    for item in invoices:
        prefix = {"revenue": "SI", "cost": "PI", "statistical": "ST"}[ACCOUNT[item.account].type]
        if item.cents < 0:
            prefix = "CN"
        group = (prefix, item.posted_on, item.period, item.cost_centre)
        line = line + 1 if group == before else 1
        number += line == 1
        before = group
        yield replace(item, document=f"{prefix}-{number:06d}", line=line)


def _month_end(period: str) -> dt.date:
    year, month = int(period[:4]), int(period[5:])
    return dt.date(year, month, calendar.monthrange(year, month)[1])


def _workday(period: str, day: int) -> dt.date:
    """Return the day; at a weekend the Monday after it, or the Friday before it where that would leave the month."""
    date = dt.date(int(period[:4]), int(period[5:]), day)
    moved = date + dt.timedelta({5: 2, 6: 1}.get(date.weekday(), 0))
    return moved if moved.month == date.month else date - dt.timedelta(date.weekday() - 4)

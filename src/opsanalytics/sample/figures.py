"""Figures: what each cost centre planned and what it came to, account by account and month by month.

Revenue is units times price of the sales table, wages are headcount times pay of the payroll
table and packaging is quantity times price of the standard costs, each exact to the cent; the
other accounts come from the plan of the department. The ledger is made from these sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opsanalytics.sample.company import (
    ACCOUNT,
    CENTRE,
    COST_CENTRES,
    COST_STEPS,
    GROWTH,
    LAST,
    LATE_HIRES,
    LATE_HIRES_FROM,
    LATE_HIRES_TO,
    ONE_OFFS,
    PAY_STEPS,
    PLAN,
    PLAN_PERIODS,
    PRICES,
    SEASONS,
    SITES,
    CostCentre,
    PlanLine,
    fiscal_year,
)
from opsanalytics.sample.demand import Volumes
from opsanalytics.sample.draws import Draws, half_even, scaled

Cell = tuple[str, str, str]  # period, cost centre, account

HOURS_PER_FTE = 160
PRSI, PENSION, SURCHARGE = 1105, 500, 400  # ten-thousandths of pay, of pay, of transport revenue
_DRIVER = {"Warehouse": "Order lines", "Transport": "Parcels", "Customer service": "Contacts"}
_STAFF = {  # tenths of an FTE and monthly pay in cents at Dublin: operatives, supervisors
    "Warehouse": (430, 2_900_00, 40, 3_900_00),
    "Transport": (570, 3_000_00, 50, 4_000_00),
    "Customer service": (230, 2_800_00, 20, 3_700_00),
    "Facilities": (50, 2_600_00, 10, 3_600_00),
    "Fleet": (110, 3_200_00, 10, 4_200_00),
    "Administration": (90, 3_400_00, 30, 5_200_00),
    "Sales": (50, 3_800_00, 20, 5_600_00),
}
GRADES = ("Operative", "Supervisor")
_OVERTIME = {"Warehouse": 22, "Transport": 26, "Customer service": 14}  # thousandths of hours, planned; 4 elsewhere


@dataclass(frozen=True)
class Product:
    """A product: the account of its revenue, the price of a unit (ten-thousandths of a euro), what its units follow."""

    name: str
    account: str
    department: str
    price: int
    unit: str
    service: str = ""
    units: int = 0  # a month at Dublin, where no service gives them
    season: str = "flat"
    sites: tuple[str, ...] = tuple(SITES)


PRODUCTS = (
    Product("Order handling", "400100", "Warehouse", 9_500, "order lines", service="Order lines"),
    Product("Pallet storage", "400200", "Warehouse", 125_000, "pallets", units=14_000),
    Product("Haulage", "400300", "Transport", 4_100_000, "runs", units=620, season="peak"),
    Product("Parcel delivery", "400400", "Transport", 31_000, "parcels", service="Parcels"),
    Product(
        "Customs clearance",
        "400500",
        "Customer service",
        185_000,
        "entries",
        service="Customs entries",
        sites=("Dublin",),
    ),
)


@dataclass(frozen=True)
class Sale:
    """Units and prices (ten-thousandths) of a product at a site in a month."""

    period: str
    site: str
    product: Product
    budget_units: int
    budget_price: int
    actual_units: int
    actual_price: int


@dataclass(frozen=True)
class Pay:
    """Headcount (tenths of an FTE), monthly pay (cents, a multiple of ten) and overtime hours of a grade."""

    period: str
    cost_centre: str
    grade: str
    budget_fte: int
    rate: int
    actual_fte: int
    budget_overtime: int
    overtime: int

    def wages(self, fte: int) -> int:
        """Return the month's pay of so many tenths of an FTE, in cents, exact."""
        return fte * self.rate // 10

    def overtime_pay(self, hours: int) -> int:
        """Return the pay of overtime hours in cents: one and a half times the hourly rate."""
        return half_even(hours * self.rate * 3, 2 * HOURS_PER_FTE)


@dataclass(frozen=True)
class Packing:
    """Packaging of a warehouse in a month: kilograms and prices (ten-thousandths)."""

    period: str
    cost_centre: str
    budget_output: int
    actual_output: int
    standard_price: int
    quantity: int
    price: int


@dataclass(frozen=True)
class Figures:
    """Plan and actual sums in cents by period, cost centre and account, and the rows they come from.

    Statistical accounts hold hundredths of their unit.
    `by_year` are the (cost centre, account) budgeted by fiscal year.
    """

    plan: dict[Cell, int]
    actual: dict[Cell, int]
    sales: tuple[Sale, ...]
    payroll: tuple[Pay, ...]
    packing: tuple[Packing, ...]
    by_year: frozenset[tuple[str, str]]


STANDARD_PACKING = 800  # ten-thousandths of a kilogram an order line
_PACKING_PRICE = 10_050


def figures(volumes: dict[tuple[str, str], Volumes], seed: int) -> Figures:
    """Work out plan and actual sums from the volumes."""
    sales, payroll, packing = (
        tuple(_sales(volumes, seed)),
        tuple(_payroll(volumes, seed)),
        tuple(_packing(volumes, seed)),
    )
    plan: dict[Cell, int] = {}
    actual: dict[Cell, int] = {}

    def add(cell: Cell, planned: int, came: int) -> None:
        plan[cell] = plan.get(cell, 0) + planned
        if cell[0] <= LAST:
            actual[cell] = actual.get(cell, 0) + came

    for cell, planned, came in (*_revenue(sales), *_pay(payroll), *_packaging(packing)):
        add(cell, planned, came)
    for centre in COST_CENTRES:
        for line in PLAN[centre.department]:
            draws = Draws(seed, "line", centre.code, line.account)
            for period in PLAN_PERIODS:
                add((period, centre.code, line.account), *_usual(centre, line, period, volumes, draws))
    by_year = frozenset(
        (c.code, line.account) for c in COST_CENTRES for line in PLAN[c.department] if line.kind == "yearly"
    )
    for centre in COST_CENTRES:
        if centre.department == "Warehouse":
            for period in PLAN_PERIODS:
                orders = volumes[centre.site, "Order lines"].month(period)
                add((period, centre.code, "900100"), half_even(orders[0], 10), half_even(orders[1], 10))
    return Figures(plan, actual, sales, payroll, packing, by_year)


def one_off_cents(cell: Cell) -> dict[str, int]:
    """Return the one-off postings of a cell: text to cents; they come on top of `Figures.actual`."""
    return {
        item.text: item.euros * 100
        for item in ONE_OFFS
        if (item.period, CENTRE[item.site, item.department], item.account) == cell
    }


def cost_factor(account: str, site: str, period: str) -> int:
    """Return how far prices are off the planned ones, in thousandths."""
    for step in COST_STEPS:
        if step.pl_line == ACCOUNT[account].pl_line and step.site in ("", site) and step.first <= period <= step.last:
            return step.factor
    return 1000


def driver_of(department: str) -> str | None:
    """Return the service whose volume drives a department's variable cost, None where none does."""
    return _DRIVER.get(department)


def _usual(
    centre: CostCentre, line: PlanLine, period: str, volumes: dict[tuple[str, str], Volumes], draws: Draws
) -> tuple[int, int]:
    season = SEASONS[line.season][int(period[5:]) - 1]
    statistical = ACCOUNT[line.account].type == "statistical"
    growth = 1000 if statistical else GROWTH[fiscal_year(period)]
    planned = scaled(line.euros * 100, SITES[centre.site], season, growth)
    noise = draws.one(-25, 25)
    if line.kind == "contract":
        return planned, scaled(planned, cost_factor(line.account, centre.site, period))
    if line.kind == "yearly":
        return planned, _yearly(planned, line, centre, period, noise)
    came = scaled(planned, 1000 + noise, cost_factor(line.account, centre.site, period))
    if line.kind == "volume" and period <= LAST:
        plan_units, actual_units = volumes[centre.site, _DRIVER[centre.department]].month(period)
        came = half_even(came * actual_units, plan_units)
    return planned, came


def _yearly(planned: int, line: PlanLine, centre: CostCentre, period: str, noise: int) -> int:
    """Minor accounts are lumpier; in one month a debt written off earlier is paid, so the month is negative."""
    if line.account == "560400" and centre.site == "Galway" and period == "2026-03":
        return -planned
    return scaled(planned, 1000 + 4 * noise)


def _sales(volumes: dict[tuple[str, str], Volumes], seed: int) -> Iterator[Sale]:
    for product in PRODUCTS:
        for site in product.sites:
            draws = Draws(seed, "sales", product.name, site)
            for period in PLAN_PERIODS:
                planned, came = _units(product, site, period, volumes, draws.one(-10, 10))
                price = scaled(product.price, PRICES[fiscal_year(period)])
                yield Sale(period, site, product, planned, price, came, scaled(price, 1000 + draws.one(-6, 6)))


def _units(
    product: Product, site: str, period: str, volumes: dict[tuple[str, str], Volumes], noise: int
) -> tuple[int, int]:
    if product.service:
        return volumes[site, product.service].month(period)
    planned = scaled(
        product.units, SITES[site], SEASONS[product.season][int(period[5:]) - 1], GROWTH[fiscal_year(period)]
    )
    return planned, scaled(planned, 1000 + noise)


def _revenue(sales: tuple[Sale, ...]) -> Iterator[tuple[Cell, int, int]]:
    transport: dict[tuple[str, str], list[int]] = {}
    for sale in sales:
        planned = half_even(sale.budget_units * sale.budget_price, 100)
        came = half_even(sale.actual_units * sale.actual_price, 100)
        yield (sale.period, CENTRE[sale.site, sale.product.department], sale.product.account), planned, came
        if sale.product.department == "Transport":
            sums = transport.setdefault((sale.period, sale.site), [0, 0])
            sums[0], sums[1] = sums[0] + planned, sums[1] + came
    for (period, site), (planned, came) in transport.items():
        yield (
            (period, CENTRE[site, "Transport"], "400600"),
            half_even(planned * SURCHARGE, 10_000),
            half_even(came * SURCHARGE, 10_000),
        )


def _payroll(volumes: dict[tuple[str, str], Volumes], seed: int) -> Iterator[Pay]:
    for centre in COST_CENTRES:
        draws = Draws(seed, "payroll", centre.code)
        staff = _STAFF[centre.department]
        for period in PLAN_PERIODS:
            busy = _busy(centre, period, volumes)
            for grade, base, pay in zip(GRADES, staff[0::2], staff[1::2], strict=True):
                budget = max(10, scaled(base, SITES[centre.site], GROWTH[fiscal_year(period)]))
                rate = 10 * half_even(scaled(pay, PAY_STEPS[int(period[:4])]), 10)
                actual = scaled(budget, 1000 - draws.one(0, 15))
                if LATE_HIRES_FROM <= period <= LATE_HIRES_TO and grade == GRADES[0]:
                    actual = scaled(budget, LATE_HIRES.get((centre.site, centre.department), 1000))
                planned_hours = scaled(budget * HOURS_PER_FTE // 10, _OVERTIME.get(centre.department, 4))
                hours = scaled(planned_hours, busy, 1000 + draws.one(-60, 60))
                yield Pay(period, centre.code, grade, budget, rate, actual, planned_hours, hours)


def _busy(centre: CostCentre, period: str, volumes: dict[tuple[str, str], Volumes]) -> int:
    """Overtime follows the volume above or below plan, twice over."""
    service = _DRIVER.get(centre.department)
    if service is None or period > LAST:
        return 1000
    planned, came = volumes[centre.site, service].month(period)
    return max(500, 1000 + 2 * (half_even(1000 * came, planned) - 1000))


def _pay(payroll: tuple[Pay, ...]) -> Iterator[tuple[Cell, int, int]]:
    gross: dict[tuple[str, str], list[int]] = {}
    for pay in payroll:
        planned, came = pay.wages(pay.budget_fte), pay.wages(pay.actual_fte)
        extra = pay.overtime_pay(pay.budget_overtime), pay.overtime_pay(pay.overtime)
        yield (pay.period, pay.cost_centre, "500100"), planned, came
        yield (pay.period, pay.cost_centre, "500200"), *extra
        sums = gross.setdefault((pay.period, pay.cost_centre), [0, 0])
        sums[0], sums[1] = sums[0] + planned + extra[0], sums[1] + came + extra[1]
    for (period, centre), (planned, came) in gross.items():
        for account, share in (("500300", PRSI), ("500400", PENSION)):
            yield (period, centre, account), half_even(planned * share, 10_000), half_even(came * share, 10_000)


def _packing(volumes: dict[tuple[str, str], Volumes], seed: int) -> Iterator[Packing]:
    for site in SITES:
        draws = Draws(seed, "packing", site)
        for period in PLAN_PERIODS:
            planned, came = volumes[site, "Order lines"].month(period)
            price = scaled(_PACKING_PRICE, PRICES[fiscal_year(period)])
            quantity = scaled(half_even(came * STANDARD_PACKING, 10_000), 1000 + draws.one(-15, 15))
            yield Packing(
                period,
                CENTRE[site, "Warehouse"],
                planned,
                came,
                price,
                quantity,
                scaled(price, 1000 + draws.one(-12, 12)),
            )


def _packaging(packing: tuple[Packing, ...]) -> Iterator[tuple[Cell, int, int]]:
    for row in packing:
        planned = half_even(row.budget_output * STANDARD_PACKING * row.standard_price, 1_000_000)
        yield (row.period, row.cost_centre, "540100"), planned, half_even(row.quantity * row.price, 100)

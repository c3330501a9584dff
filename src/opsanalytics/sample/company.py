"""The company: Harbour Logistics, its sites, cost centres and accounts, and what happens to it.

Everything that does not come from chance stands here, so that the stories behind the figures
(what was planned, what happened, what an analyst says about it) can be read in one place.
Amounts are whole euros a month at Dublin's size in the first fiscal year; factors are thousandths.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from opsanalytics.periods import month_range

FIRST, LAST, PLANNED_TO = "2023-07", "2026-10", "2027-06"
PERIODS = tuple(month_range(FIRST, LAST))
PLAN_PERIODS = tuple(month_range(FIRST, PLANNED_TO))
START_MONTH = 7
FIRST_DAY, LAST_DAY = dt.date(2023, 7, 1), dt.date(2026, 10, 31)

SITES = {"Dublin": 1000, "Cork": 520, "Galway": 300}  # size, in thousandths of Dublin's
REGIONS = {"Dublin": "Leinster", "Cork": "Munster", "Galway": "Connacht"}


@dataclass(frozen=True)
class Account:
    """An account of the chart of accounts."""

    code: str
    name: str
    type: str
    pl_line: str
    behaviour: str
    driver: str = ""


@dataclass(frozen=True)
class CostCentre:
    """A cost centre; `department` is the one it belongs to today."""

    code: str
    name: str
    department: str
    site: str


@dataclass(frozen=True)
class PlanLine:
    """What a department plans on an account: euros a month, the season, and how actual cost follows plan.

    `kind`: "volume" follows the department's driver, "usual" varies a little, "contract" is as agreed,
    "yearly" is a minor account that is budgeted by fiscal year.
    """

    account: str
    euros: int
    season: str = "flat"
    kind: str = "usual"


@dataclass(frozen=True)
class Story:
    """What happened at a site to a line of the income statement, from a month on, in an analyst's words."""

    site: str
    pl_line: str
    first: str
    text: str


def _accounts(type_: str, pl_line: str, *rows: tuple[str, str, str] | tuple[str, str, str, str]) -> list[Account]:
    return [Account(code, name, type_, pl_line, behaviour, *rest) for code, name, behaviour, *rest in rows]


ACCOUNTS = (
    *_accounts(
        "revenue",
        "Warehousing revenue",
        ("400100", "Order handling", "variable"),
        ("400200", "Pallet storage", "fixed"),
    ),
    *_accounts(
        "revenue",
        "Transport revenue",
        ("400300", "Haulage", "variable"),
        ("400400", "Parcel delivery", "variable"),
        ("400600", "Fuel surcharge", "variable"),
    ),
    *_accounts(
        "revenue", "Other revenue", ("400500", "Customs clearance", "variable"), ("400900", "Other income", "fixed")
    ),
    *_accounts(
        "cost",
        "Personnel",
        ("500100", "Wages and salaries", "fixed", "staffing"),
        ("500200", "Overtime", "variable", "staffing"),
        ("500300", "Employer's PRSI", "fixed", "staffing"),
        ("500400", "Pension contributions", "fixed", "staffing"),
        ("500500", "Agency staff", "variable"),
        ("500600", "Training", "fixed"),
        ("500700", "Bonuses", "fixed"),
    ),
    *_accounts(
        "cost",
        "Transport costs",
        ("510100", "Fuel", "variable"),
        ("510200", "Tolls", "variable"),
        ("510300", "Subcontracted haulage", "variable"),
        ("510400", "Vehicle leases", "fixed"),
        ("510500", "Vehicle repairs", "variable"),
    ),
    *_accounts(
        "cost",
        "Premises",
        ("520100", "Rent", "fixed"),
        ("520200", "Commercial rates", "fixed"),
        ("520300", "Cleaning", "fixed"),
        ("520400", "Building repairs", "fixed"),
        ("520500", "Security", "fixed"),
    ),
    *_accounts(
        "cost",
        "Energy",
        ("530100", "Electricity", "variable"),
        ("530200", "Gas", "fixed"),
        ("530300", "Water", "fixed"),
    ),
    *_accounts("cost", "Materials", ("540100", "Packaging", "variable"), ("540200", "Pallets", "variable")),
    *_accounts(
        "cost", "IT and communication", ("550100", "Software", "fixed"), ("550200", "Telephone and data", "fixed")
    ),
    *_accounts(
        "cost",
        "Other costs",
        ("23576000000", "Insurance", "fixed"),
        ("560200", "Professional fees", "fixed"),
        ("560300", "Travel", "fixed"),
        ("560400", "Bad debts", "fixed"),
        ("560500", "Claims and damages", "fixed"),
    ),
    *_accounts("cost", "Depreciation", ("570100", "Depreciation", "fixed")),
    *_accounts("statistical", "Orders shipped", ("900100", "Orders shipped, thousand", "variable")),
    *_accounts("statistical", "Vehicles", ("900200", "Vehicles in service", "fixed")),
    *_accounts("statistical", "Floor space", ("900300", "Floor space, 100 square metres", "fixed")),
)
ACCOUNT = {account.code: account for account in ACCOUNTS}

_DEPARTMENTS = ("Warehouse", "Transport", "Customer service", "Facilities", "Fleet", "Administration", "Sales")


def _cost_centres() -> tuple[CostCentre, ...]:
    found = []
    for number, site in enumerate(SITES, start=1):
        for place, department in enumerate(_DEPARTMENTS, start=1):
            if site == "Galway" and department == "Customer service":
                continue  # Galway's customers are served from Cork
            code = "0355100000" if (site, department) == ("Galway", "Fleet") else f"0{number}{place}0"
            found.append(CostCentre(code, f"{site} {department.lower()}", department, site))
    return tuple(found)


COST_CENTRES = _cost_centres()
CENTRE = {(centre.site, centre.department): centre.code for centre in COST_CENTRES}
SITE_OF = {centre.code: centre.site for centre in COST_CENTRES}
MOVED, MOVED_ON, MOVED_TO = "0240", dt.date(2026, 1, 1), "Property"  # Cork facilities joins the property department

PLAN: dict[str, tuple[PlanLine, ...]] = {
    "Warehouse": (
        PlanLine("500500", 15_000, "peak", "volume"),
        PlanLine("530100", 24_000, "light"),
        PlanLine("530200", 6_500, "heat"),
        PlanLine("540200", 8_000, "flat", "volume"),
        PlanLine("570100", 26_000, "flat", "contract"),
        PlanLine("560500", 3_500),
        PlanLine("520300", 3_000),
        PlanLine("550200", 900),
    ),
    "Transport": (
        PlanLine("500500", 12_000, "peak", "volume"),
        PlanLine("510100", 70_000, "flat", "volume"),
        PlanLine("510200", 12_000, "flat", "volume"),
        PlanLine("510300", 110_000, "peak", "volume"),
        PlanLine("560500", 3_500),
        PlanLine("550200", 1_200),
        PlanLine("550100", 2_500, "flat", "contract"),
    ),
    "Customer service": (
        PlanLine("550100", 3_000, "flat", "contract"),
        PlanLine("550200", 1_600),
        PlanLine("500600", 900, "flat", "yearly"),
        PlanLine("530100", 1_200, "light"),
    ),
    "Facilities": (
        PlanLine("520100", 95_000, "flat", "contract"),
        PlanLine("520200", 14_000, "flat", "contract"),
        PlanLine("520300", 5_000),
        PlanLine("520400", 7_000),
        PlanLine("520500", 9_000),
        PlanLine("530100", 6_000, "light"),
        PlanLine("530200", 2_500, "heat"),
        PlanLine("530300", 2_000),
        PlanLine("900300", 310, "flat", "contract"),
    ),
    "Fleet": (
        PlanLine("510400", 45_000, "flat", "contract"),
        PlanLine("510500", 22_000),
        PlanLine("570100", 9_000, "flat", "contract"),
        PlanLine("530100", 1_500, "light"),
        PlanLine("900200", 96, "flat", "contract"),
    ),
    "Administration": (
        PlanLine("400900", 4_000),
        PlanLine("23576000000", 16_000, "flat", "contract"),
        PlanLine("560200", 2_400, "flat", "yearly"),
        PlanLine("560300", 1_100, "flat", "yearly"),
        PlanLine("560400", 900, "flat", "yearly"),
        PlanLine("550100", 8_500, "flat", "contract"),
        PlanLine("570100", 5_000, "flat", "contract"),
        PlanLine("500600", 1_200, "flat", "yearly"),
        PlanLine("500700", 8_000),
    ),
    "Sales": (
        PlanLine("560300", 1_800, "flat", "yearly"),
        PlanLine("500700", 3_000),
        PlanLine("550200", 600),
        PlanLine("500600", 500, "flat", "yearly"),
    ),
}

SEASONS = {  # by month from January, in thousandths of the year's mean
    "flat": (1000,) * 12,
    "heat": (1560, 1480, 1270, 980, 740, 560, 480, 520, 700, 980, 1280, 1450),
    "light": (1160, 1120, 1060, 980, 920, 880, 860, 880, 940, 1010, 1080, 1110),
    "peak": (820, 840, 920, 960, 960, 940, 900, 900, 980, 1080, 1380, 1320),
}
GROWTH = {2024: 1000, 2025: 1030, 2026: 1061, 2027: 1093}  # costs and headcount as planned, by fiscal year
PRICES = {2024: 1000, 2025: 1025, 2026: 1051, 2027: 1077}
PAY_STEPS = {2023: 1000, 2024: 1030, 2025: 1061, 2026: 1093, 2027: 1126}  # pay rises each January


@dataclass(frozen=True)
class CostStep:
    """Prices that differ from plan on a line, at one site or at all (""), from a month to another."""

    pl_line: str
    site: str
    first: str
    last: str
    factor: int


@dataclass(frozen=True)
class OneOff:
    """A single posting outside the plan."""

    period: str
    site: str
    department: str
    account: str
    euros: int
    text: str


COST_STEPS = (
    CostStep("Energy", "", "2025-01", "2025-03", 1100),
    CostStep("Energy", "", "2026-08", LAST, 1220),
    CostStep("Depreciation", "Dublin", "2026-07", LAST, 740),
)
ONE_OFFS = (
    OneOff("2024-01", "Dublin", "Facilities", "520400", 22_000, "Burst pipe, hall 2"),
    OneOff("2025-02", "Galway", "Facilities", "520400", 31_000, "Storm damage, roof"),
    OneOff("2026-07", "Dublin", "Transport", "560500", 48_000, "Settlement, lost consignment"),
    OneOff("2026-08", "Cork", "Facilities", "520400", 41_000, "Flood repair, hall floor"),
)
LATE_HIRES = {("Galway", "Warehouse"): 830, ("Galway", "Transport"): 830}  # share of planned staff in post
LATE_HIRES_FROM, LATE_HIRES_TO = "2026-07", "2026-09"

STORIES = (
    *(
        Story(
            site,
            "Energy",
            "2026-08",
            "The energy contract was renewed in August at prices 22 % above the planned ones.",
        )
        for site in SITES
    ),
    Story(
        "Dublin",
        "Depreciation",
        "2026-07",
        "The parcel sorter was planned from July and goes live in November; its depreciation has not begun.",
    ),
    Story("Dublin", "Other costs", "2026-07", "A lost consignment was settled for 48,000 in July; one-off."),
    Story("Cork", "Premises", "2026-08", "The hall floor was repaired for 41,000 after the August flood; one-off."),
    Story(
        "Cork",
        "Warehousing revenue",
        "2026-08",
        "The flood closed the site from 10 to 16 August; its orders were not made up for.",
    ),
    Story(
        "Cork", "Transport revenue", "2026-08", "The flood closed the site from 10 to 16 August; no parcels left it."
    ),
    Story("Cork", "Transport revenue", "2026-09", "The autumn campaign of 7 to 27 September lifted parcels by 30 %."),
    Story("Cork", "Transport costs", "2026-08", "No runs while the flood closed the site from 10 to 16 August."),
    Story(
        "Cork", "Transport costs", "2026-09", "Subcontracted hauliers and fuel for the parcels of the autumn campaign."
    ),
    Story("Cork", "Materials", "2026-08", "Less packaging and fewer pallets in the week of the flood."),
    Story("Cork", "Materials", "2026-09", "Packaging and pallets for the orders of the autumn campaign."),
    Story(
        "Dublin",
        "Transport revenue",
        "2026-09",
        "The autumn campaign of 7 to 27 September lifted parcels by 45 %; it came after the plan.",
    ),
    Story(
        "Dublin",
        "Transport costs",
        "2026-09",
        "Subcontracted hauliers, fuel and tolls for the parcels of the autumn campaign.",
    ),
    Story("Dublin", "Warehousing revenue", "2026-09", "Order lines rose by 25 % during the autumn campaign."),
    Story("Dublin", "Materials", "2026-09", "Packaging and pallets for the orders of the autumn campaign."),
    Story("Dublin", "Personnel", "2026-09", "Agency staff and overtime during the autumn campaign."),
    Story(
        "Galway",
        "Warehousing revenue",
        "2026-05",
        "A new customer since 4 May lifts order lines by 35 %; the original plan did not know it.",
    ),
    Story("Galway", "Materials", "2026-05", "Packaging and pallets for the customer won in May."),
    Story(
        "Galway",
        "Personnel",
        "2026-07",
        "Vacant posts in warehouse and transport, 17 % of the staff planned there; the new staff starts in October.",
    ),
)

AMENDMENTS = (  # fiscal year, in force from, cost centre, account, first month changed, factor
    (2026, "2026-01", "0110", "530100", "2026-01", 1060),
    (2026, "2026-01", "0210", "530100", "2026-01", 1060),
    (2027, "2026-09", "0310", "400100", "2026-09", 1300),
    (2027, "2026-09", "0310", "540100", "2026-09", 1300),
    (2027, "2026-10", "0310", "400100", "2026-09", 1350),
)


def fiscal_year(period: str) -> int:
    """Return the fiscal year of a month; it bears the year in which it ends."""
    return int(period[:4]) + (int(period[5:]) >= START_MONTH)


def easter(year: int) -> dt.date:
    """Return Easter Sunday of the Gregorian calendar (Butcher's rule)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return dt.date(year, month, day + 1)


@cache
def public_holidays(year: int) -> Mapping[dt.date, str]:
    """Return Ireland's public holidays of a year (Organisation of Working Time Act 1997, Second Schedule)."""

    def monday(month: int, day: int, back: bool = False) -> dt.date:
        date = dt.date(year, month, day)
        return date - dt.timedelta(date.weekday()) if back else date + dt.timedelta(-date.weekday() % 7)

    first = dt.date(year, 2, 1)
    return {
        dt.date(year, 1, 1): "New Year's Day",
        first if first.weekday() == 4 else monday(2, 1): "Saint Brigid's Day",
        dt.date(year, 3, 17): "Saint Patrick's Day",
        easter(year) + dt.timedelta(1): "Easter Monday",
        monday(5, 1): "May Bank Holiday",
        monday(6, 1): "June Bank Holiday",
        monday(8, 1): "August Bank Holiday",
        monday(10, 31, back=True): "October Bank Holiday",
        dt.date(year, 12, 25): "Christmas Day",
        dt.date(year, 12, 26): "Saint Stephen's Day",
    }

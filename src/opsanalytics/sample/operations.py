"""Operations: the tables beside the ledger, each consistent with it and with the demand.

Sales, payroll and packaging are the ledger's own sums. Where a figure cannot be exact, the
remainder has a name: labour in the standard costs is worked time at the hourly rate, so the
rest of the wages is paid absence; energy and space there are the warehouse's accounts divided
by whole quantities, so price times quantity misses the account by less than the quantity times
half the price's last digit; an amended budget has whole units in sales and drivers, so units times
price misses it by less than the price of one unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from opsanalytics.formats import ALL
from opsanalytics.periods import month_range, shift
from opsanalytics.sample.company import (
    AMENDMENTS,
    CENTRE,
    COST_CENTRES,
    FIRST_DAY,
    GROWTH,
    LAST,
    PAY_STEPS,
    PERIODS,
    PLAN_PERIODS,
    SITES,
    fiscal_year,
    public_holidays,
)
from opsanalytics.sample.demand import (
    CAMPAIGNS,
    CLOSURES,
    CONTACTS,
    CONTACTS_FROM,
    PROFILE,
    SATURDAY,
    SERIES,
    WEEKDAYS,
    Volumes,
    days,
    month_span,
)
from opsanalytics.sample.draws import Draws, ceiling, half_even, scaled
from opsanalytics.sample.figures import HOURS_PER_FTE, PRODUCTS, STANDARD_PACKING, Figures, driver_of

Row = tuple[str, ...]
VolumesBySeries = Mapping[tuple[str, str], Volumes]
RECENT = tuple(month_range("2025-07", LAST))
EVENTS_TO = dt.date(2028, 6, 30)  # the end of the next fiscal year, as far as a forecast reaches
ROSTER = (dt.date(2026, 10, 1), dt.date(2027, 1, 31))
HIRES_TRAINED = dt.date(2026, 12, 1)  # the posts filled in October (action A-05), after two months of ramp

_UNITS_PER_HOUR = {"Order lines": 60, "Parcels": 20, "Pallets": 10, "Customs entries": 5}
_SHRINKAGE = {
    False: {"Annual leave": 100, "Sickness": 45, "Training": 15, "Breaks": 40},
    True: {"Annual leave": 100, "Sickness": 50, "Training": 30, "Breaks": 80, "Meetings": 20},
}
_HANDLING_TIME = {"Dublin": (265, 255), "Cork": (280, 275)}  # seconds, before and after the standards of January 2026
_WAGE = {"Warehouse": 2_095, "Transport": 2_170, "Customer service": 2_020}  # cents an hour with social costs, 2023
_DEPARTMENT = {
    "Order lines": "Warehouse",
    "Pallets": "Warehouse",
    "Parcels": "Transport",
    "Customs entries": "Customer service",
    CONTACTS: "Customer service",
}


def decimal(value: int, digits: int) -> str:
    """Write a whole number of the smallest unit as a decimal with so many digits."""
    whole, part = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{digits}d}" if digits else str(value)


def _amended(units: int, period: str, centre: str, service: str) -> int:
    """Return planned units as the budget in force today has them: by the last amendment of the service's revenue."""
    accounts = {product.account for product in PRODUCTS if product.service == service}
    factors = [
        factor
        for year, in_force, of_centre, account, first, factor in AMENDMENTS
        if of_centre == centre and account in accounts and in_force <= LAST
        and fiscal_year(period) == year and period >= first
    ]  # fmt: skip
    return scaled(units, factors[-1]) if factors else units


def drivers(volumes: VolumesBySeries) -> Iterator[Row]:
    """Yield the drivers of each cost centre: the volumes of its site, planned and actual."""
    for period in PERIODS:
        for centre in COST_CENTRES:
            service = driver_of(centre.department)
            for name in (service, "Pallets") if service == "Order lines" else (service,):
                if name is not None and (name != CONTACTS or period >= CONTACTS_FROM.isoformat()[:7]):
                    planned, came = volumes[centre.site, name].month(period)
                    yield period, centre.code, name, str(_amended(planned, period, centre.code, name)), str(came)


def sales(figures: Figures) -> Iterator[Row]:
    """Yield units and prices; units times price is the ledger's revenue of the product's account at the site."""
    for sale in sorted(
        (s for s in figures.sales if s.period <= LAST), key=lambda s: (s.period, s.site, s.product.name)
    ):
        product = sale.product
        planned = _amended(sale.budget_units, sale.period, CENTRE[sale.site, product.department], product.service)
        yield (
            sale.period, sale.site, product.name, str(planned), decimal(sale.budget_price, 4),
            str(sale.actual_units), decimal(sale.actual_price, 4), product.unit,
        )  # fmt: skip


def payroll(figures: Figures) -> Iterator[Row]:
    """Yield headcount and pay; FTE times pay, summed over grades, is the ledger's account 500100 of the cost centre."""
    for pay in sorted(
        (p for p in figures.payroll if p.period <= LAST), key=lambda p: (p.period, p.cost_centre, p.grade)
    ):
        rate = decimal(pay.rate, 2)
        yield (
            pay.period,
            pay.cost_centre,
            pay.grade,
            decimal(pay.budget_fte, 1),
            rate,
            decimal(pay.actual_fte, 1),
            rate,
            str(pay.overtime),
            str(pay.budget_overtime),
        )


def standard_costs(figures: Figures, seed: int) -> Iterator[Row]:
    """Yield standard and actual inputs of order handling; packaging is the ledger's account 540100."""
    draws = Draws(seed, "standard costs")
    wage = {(p.period, p.cost_centre): p.rate for p in figures.payroll if p.grade == "Operative"}
    for row in figures.packing:
        if row.period not in RECENT:
            continue
        output = (str(row.budget_output), str(row.actual_output))
        key = (row.period, row.cost_centre, "Order handling")
        yield (
            *key, "Packaging", "material", *output, decimal(STANDARD_PACKING, 4), decimal(row.standard_price, 4),
            str(row.quantity), decimal(row.price, 4),
        )  # fmt: skip
        hourly = half_even(wage[row.period, row.cost_centre], HOURS_PER_FTE)
        hours = scaled(half_even(row.actual_output, 60), 1000 + draws.one(-20, 35))
        paid = scaled(hourly, 1000 + draws.one(-8, 12))
        yield *key, "Picking labour", "labour", *output, "0.0167", decimal(hourly, 2), str(hours), decimal(paid, 2)
        for name, kind, account, quantity, standard in (
            (
                "Energy",
                "variable_overhead",
                "530100",
                scaled(half_even(row.actual_output * 9, 100), 1000 + draws.one(-30, 30)),
                "0.0900",
            ),
            ("Space", "fixed_overhead", "570100", hours, "0.0167"),
        ):
            planned = figures.plan[row.period, row.cost_centre, account]
            base = half_even(row.budget_output * int(standard[2:]), 10_000)
            came = figures.actual[row.period, row.cost_centre, account]
            prices = decimal(half_even(planned * 100, base), 4), decimal(half_even(came * 100, quantity), 4)
            yield *key, name, kind, *output, standard, prices[0], str(quantity), prices[1]


def activities(figures: Figures, volumes: VolumesBySeries, booked: Mapping[tuple[str, str], int]) -> Iterator[Row]:
    """Yield cost pools; a pool's cost is the ledger's cost of its departments, `booked` by period and department.

    A pool's practical capacity is a twentieth more than its busiest month needed.
    """
    found: list[tuple[str, str, int, str, dict[str, int]]] = []
    for period in RECENT:
        orders, pallets, parcels, entries, contacts = (
            sum(volumes[key].month(period)[1] for key in volumes if key[1] == service)
            for service in ("Order lines", "Pallets", "Parcels", "Customs entries", CONTACTS)
        )
        trips = sum(s.actual_units for s in figures.sales if s.period == period and s.product.name == "Haulage")
        runs = {"Haulage": trips, "Parcel delivery": half_even(parcels, 120)}
        asked = {
            "Customs clearance": entries // 4,
            "Order handling": contacts // 4,
            "Parcel delivery": contacts * 2 // 3,
        }
        hours = {"Order handling": half_even(orders, 60), "Pallet storage": half_even(pallets, 10)}
        pools: tuple[tuple[str, tuple[str, ...], str, dict[str, int]], ...] = (
            ("Delivery", ("Transport", "Fleet"), "runs", runs),
            ("Customer service", ("Customer service",), "contacts", asked),
            ("Warehousing", ("Warehouse", "Facilities"), "handling hours", hours),
        )
        for pool, departments, driver, quantities in pools:
            cost = sum(booked[period, department] for department in departments)
            found.append((period, pool, cost, driver, quantities))
    most: dict[str, int] = {}
    for _, pool, _, _, quantities in found:
        most[pool] = max(most.get(pool, 0), sum(quantities.values()))
    for period, pool, cost, driver, quantities in found:
        capacity = str(half_even(most[pool] * 21, 20))
        for product, quantity in quantities.items():
            yield period, pool, product, decimal(cost, 2), driver, str(quantity), capacity


def fx_rates(seed: int) -> Iterator[Row]:
    """Yield rates of the pound and the dollar: budgeted to the end of the plan, average and closing of past months."""
    for currency, start in (("GBP", 11_600), ("USD", 9_200)):
        draws, rate, budget = Draws(seed, "fx", currency), start, start
        for period in PLAN_PERIODS:
            budget = rate if period.endswith("-07") else budget
            yield currency, period, "budget", decimal(budget, 4)
            if period <= LAST:
                closing = scaled(rate, 1000 + draws.one(-14, 14))
                yield currency, period, "average", decimal(half_even(rate + closing, 2), 4)
                yield currency, period, "closing", decimal(closing, 4)
                rate = closing


def demand(volumes: VolumesBySeries) -> Iterator[Row]:
    """Yield daily volumes, and half-hourly contacts in opening hours, local time."""
    dates = [date.isoformat() for date in days()]
    for (site, service), found in sorted(volumes.items()):
        rows = found.intervals or tuple(zip(dates, found.actual.tolist(), strict=True))
        for ds, volume in rows:
            yield ds, site, service, str(volume)


def events() -> Iterator[Row]:
    """Yield public holidays, campaigns by site, and closures; a blank site is every site."""
    rows: list[Row] = []
    for year in range(2023, EVENTS_TO.year + 1):
        for date, name in public_holidays(year).items():
            if dt.date(2023, 7, 1) <= date <= EVENTS_TO:
                rows.append((date.isoformat(), "", name, "holiday", "true"))
    for campaign in CAMPAIGNS:
        for site in sorted({site for site, _ in campaign.factors}):
            rows += [(date, site, campaign.name, "campaign", "true") for date in _dates(campaign.first, campaign.last)]
    for closure in CLOSURES:
        rows += [(date, closure.site, closure.name, "closure", "false") for date in _dates(closure.first, closure.last)]
    yield from sorted(rows)


def _dates(first: dt.date, last: dt.date) -> list[str]:
    return [(first + dt.timedelta(i)).isoformat() for i in range((last - first).days + 1)]


def overrides(volumes: VolumesBySeries) -> Iterator[Row]:
    """Yield planners' forecasts, most of them for campaign months."""
    for site, service, period, factor, author, reason in (
        ("Cork", "Parcels", "2026-09", 1200, "M. Murphy", "Autumn campaign, as the customer announced it"),
        ("Dublin", "Order lines", "2026-09", 1100, "A. Byrne", "Autumn campaign"),
        ("Dublin", "Parcels", "2026-09", 1280, "A. Byrne", "Autumn campaign, as the customer announced it"),
        ("Dublin", "Parcels", "2026-11", 1040, "A. Byrne", "Online sales week moved into November"),
        ("Galway", "Order lines", "2026-06", 1250, "S. Joyce", "The new customer's own forecast"),
        ("Galway", "Order lines", "2026-11", 1380, "S. Joyce", "The new customer's own forecast"),
    ):
        yield site, service, period, str(scaled(volumes[site, service].month(period)[0], factor)), author, reason


def standards() -> Iterator[Row]:
    """Yield the standards of each service, before and after the revision of January 2026."""
    for series in SERIES:
        site, service = series.site, series.service
        centre = CENTRE[site, _DEPARTMENT[service]]
        desk = service == CONTACTS
        shrinkage = decimal(sum(_SHRINKAGE[desk].values()), 3)
        for revised, valid_from in enumerate(("2023-07-01", "2026-01-01")):
            wage = decimal(scaled(_WAGE[_DEPARTMENT[service]], PAY_STEPS[int(valid_from[:4])]), 2)
            end = (shrinkage, str(HOURS_PER_FTE), wage, centre)
            if desk:
                method, patience = ("erlang_a", "150") if site == "Cork" else ("erlang_c", "")
                yield (
                    site,
                    service,
                    valid_from,
                    method,
                    str(_HANDLING_TIME[site][revised]),
                    "0.8",
                    "20",
                    patience,
                    "0.88",
                    "1",
                    "",
                    "",
                    *end,
                )
            else:
                method, sla = ("backlog", "2") if service == "Customs entries" else ("workload", "")
                yield (
                    site,
                    service,
                    valid_from,
                    method,
                    "",
                    "",
                    "",
                    "",
                    "",
                    "",
                    str(_UNITS_PER_HOUR[service]),
                    sla,
                    *end,
                )


def shrinkage() -> Iterator[Row]:
    """Yield shrinkage by category; the categories of a service sum to its standard."""
    for series in SERIES:
        for category, share in sorted(_SHRINKAGE[series.service == CONTACTS].items()):
            yield series.site, series.service, category, decimal(share, 3)


def opening_hours() -> Iterator[Row]:
    """Yield opening hours: contacts on weekdays and Saturday mornings, the rest around the clock."""
    for series in SERIES:
        for weekday in WEEKDAYS:
            if series.service != CONTACTS:
                yield series.site, series.service, weekday, "00:00", "24:00"
            elif weekday != "Sunday":
                yield (
                    series.site,
                    series.service,
                    weekday,
                    *(("09:00", "13:00") if weekday == "Saturday" else ("07:00", "19:00")),
                )


def roster(volumes: VolumesBySeries, seed: int) -> Iterator[Row]:
    """Yield people rostered from October 2026 to January 2027: the plan with a margin, those absent included.

    Customs entries, which may wait, are rostered by the mean of the month. Galway's order lines are short: its roster
    is of the original plan, without the customer won in May, until the staff hired in October has learnt the work.
    """
    for series in SERIES:
        site, service = series.site, series.service
        draws = Draws(seed, "roster", site, service)
        share = 1000 - sum(_SHRINKAGE[service == CONTACTS].values())  # thousandths of paid time spent at work
        for day in range((ROSTER[1] - ROSTER[0]).days + 1):
            date = ROSTER[0] + dt.timedelta(day)
            planned = _planned(volumes[site, service], date)
            if service != CONTACTS:
                units = scaled(planned, _rostered_share(site, service, date) + draws.one(-40, 40))
                staff = max(1, ceiling(units, _UNITS_PER_HOUR[service] * 8 * share))  # shifts of eight hours
                yield date.isoformat(), site, service, str(staff), str(8 * staff)
            elif date.weekday() < 6:
                yield from _desk_roster(site, date, planned, share, draws)


def _planned(volumes: Volumes, date: dt.date) -> int:
    """Return the planned volume of a day in thousandths of a unit; of customs entries the month's mean."""
    if volumes.series.service != "Customs entries":
        return int(volumes.planned[(date - FIRST_DAY).days])
    start, count = month_span(date.isoformat()[:7])
    return int(volumes.planned[start : start + count].sum()) // count


def _rostered_share(site: str, service: str, date: dt.date) -> int:
    """Return how much of the plan is rostered on a day, in thousandths."""
    if (site, service) != ("Galway", "Order lines"):
        return 1060
    return 940 if date < HIRES_TRAINED else 1350  # then with the customer, without a margin


def _desk_roster(site: str, date: dt.date, planned: int, share: int, draws: Draws) -> Iterator[Row]:
    """Roster by the hour's busier half: load at 84 % occupancy and 1.5 more; one of twelve halves lacks a person."""
    opens, profile = (9, SATURDAY) if date.weekday() == 5 else (7, PROFILE)
    for place in range(len(profile)):
        busier = max(profile[place // 2 * 2 : place // 2 * 2 + 2])
        load = planned * busier * _HANDLING_TIME[site][1] // (sum(profile) * 1800)  # thousandths of an erlang
        staff = max(1, ceiling(load * 100 // 84 + 1500, share) - (draws.one(1, 12) == 1))
        minutes = 60 * opens + 30 * place
        yield (
            f"{date.isoformat()}T{minutes // 60:02d}:{minutes % 60:02d}",
            site,
            CONTACTS,
            str(staff),
            decimal(5 * staff, 1),
        )


def headcount(seed: int) -> Iterator[Row]:
    """Yield headcount by site and service: attrition each month, hires requested as they were or are planned."""
    start = {
        "Order lines": 380,
        "Parcels": 620,
        "Pallets": 85,
        "Customs entries": 30,
        CONTACTS: 220,
    }  # tenths of an FTE at Dublin
    for series in SERIES:
        draws = Draws(seed, "headcount", series.site, series.service)
        target = scaled(start[series.service], SITES[series.site], GROWTH[2026])
        fte, requested = target, [0, 0]
        for period in month_range("2025-07", shift(LAST, 3)):
            attrition = 18 + draws.one(-4, 6)
            hires = max(0, target - fte + scaled(target, 2 * attrition)) // 10 * 10
            yield (
                period,
                series.site,
                series.service,
                decimal(fte, 1),
                decimal(attrition, 3),
                str(hires // 10),
                "2",
                "2",
            )
            requested.append(hires)
            fte = fte - scaled(fte, attrition) + requested.pop(0)


def kpis(volumes: VolumesBySeries, seed: int) -> Iterator[Row]:
    """Yield key figures by site and "(all)"; a rate is numerator over denominator, and "(all)" sums both."""
    for name, service, good, spread, target, direction, amber, red, owner in (
        ("On-time delivery", "Parcels", 9_690, 90, 9_700, "higher", 9_650, 9_550, "Head of transport"),
        ("Pick accuracy", "Order lines", 9_962, 18, 9_950, "higher", 9_930, 9_900, "Head of warehousing"),
        ("Contacts answered in 20 s", CONTACTS, 8_050, 420, 8_000, "higher", 7_800, 7_300, "Head of customer service"),
        ("Damaged parcels", "Parcels", 11, 4, 12, "lower", 14, 18, "Head of transport"),
    ):  # fmt: skip
        draws = Draws(seed, "kpi", name)
        for period in RECENT:
            if service == CONTACTS and period < CONTACTS_FROM.isoformat()[:7]:
                continue
            whole = [0, 0]
            for site in SITES:
                if (site, service) in volumes:
                    denominator = volumes[site, service].month(period)[1]
                    numerator = half_even(denominator * (good + draws.one(-spread, spread)), 10_000)
                    whole = [whole[0] + numerator, whole[1] + denominator]
                    yield _kpi(name, period, site, (numerator, denominator), (target, amber, red), direction, owner)
            yield _kpi(name, period, ALL, (whole[0], whole[1]), (target, amber, red), direction, owner)


def _kpi(
    name: str, period: str, entity: str, rate: tuple[int, int], limits: tuple[int, int, int], direction: str, owner: str
) -> Row:
    value = decimal(half_even(rate[0] * 1_000_000, rate[1]), 6)
    target, amber, red = (decimal(limit, 4) for limit in limits)
    return name, period, entity, value, str(rate[0]), str(rate[1]), target, direction, amber, red, owner


def risks() -> Iterator[Row]:
    """Yield risks and opportunities; amounts are of the rest of the fiscal year."""
    yield from (
        ("R-01", ALL, "risk", "Energy prices stay above plan until the contract is renewed in August 2027.",
         "96000.00", "0.80", "E. Nolan", "2027-06-30", "open"),
        ("R-02", "Dublin", "risk", "The parcel sorter slips again, from November to January.",
         "60000.00", "0.30", "A. Byrne", "2026-11-30", "open"),
        ("R-03", "Cork", "risk", "Insurers contest part of the flood repair.",
         "41000.00", "0.40", "M. Murphy", "2026-12-15", "open"),
        ("R-04", "Galway", "risk", "Overtime until the new staff is trained.",
         "18000.00", "0.50", "S. Joyce", "2026-12-31", "open"),
        ("R-05", "Galway", "opportunity", "The customer won in May adds a second product range.",
         "75000.00", "0.35", "S. Joyce", "2027-03-31", "open"),
        ("R-06", "Dublin", "opportunity", "The autumn campaign is booked again for 2027.",
         "160000.00", "0.60", "A. Byrne", "2027-06-30", "open"),
    )  # fmt: skip


def actions() -> Iterator[Row]:
    """Yield actions agreed, some of them done, one overdue."""
    yield from (
        ("A-01", ALL, "cost", "Ask three suppliers for energy offers.",
         "40000.00", "", "E. Nolan", "2026-12-15", "open"),
        ("A-02", "Dublin", "project", "Agree the sorter's acceptance test with the supplier.",
         "", "", "A. Byrne", "2026-11-16", "open"),
        ("A-03", "Cork", "claim", "File the flood claim with the insurer.",
         "41000.00", "", "M. Murphy", "2026-09-30", "done"),
        ("A-04", "Cork", "claim", "Send the contractor's final account to the insurer.",
         "", "", "M. Murphy", "2026-10-23", "open"),
        ("A-05", "Galway", "hiring", "Fill the vacant posts in warehouse and transport.",
         "", "", "S. Joyce", "2026-10-01", "done"),
        ("A-06", "Galway", "plan", "Bring the new customer into the budget.",
         "", "", "S. Joyce", "2026-09-01", "done"),
        ("A-07", "Dublin", "quality", "Seal vans against the loss of consignments.",
         "8000.00", "", "A. Byrne", "2026-11-30", "open"),
    )  # fmt: skip

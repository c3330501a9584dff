"""Planted faults: one of every kind that a check must find, and the truth about each.

Faults are planted so that each has one consequence. A line that the check counts (a wrong period)
is in the control total it claims; lines that belong to no site or type cancel out; an amount that
cannot be read or is in a currency without a rate stands alone in its period, site and type, whose total is
then unknown; a date that cannot be read stands on a line of zero. So only the totals that are
planted wrong are missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from opsanalytics.sample.draws import Draws
from opsanalytics.sample.writing import Content

QUARANTINED, ERROR = "quarantined", "error"
NOTES = (
    "row is the line of the file as an editor shows it; the header is line 1.",
    "repeat and conflicting_key name the later row and the key's columns, joined by commas; mangled_code the code's.",
    "Repeats and mangled rows are counted out of the control totals; of two rows with one key the first counts.",
    "Lines with a wrong period are in the control total of the period they claim.",
    "Orphans cancel out in pairs: without a known cost centre or account a line has no site or type to be added to.",
    "An amount that cannot be read, or has no rate, is in no control total: that of its period, site and "
    "type is unknown, not missed.",
    "Lines whose date or period cannot be read have an amount of zero; those with a period are in its count of lines.",
    "Two tables cannot be used at all: a required column is missing, the encoding is broken.",
)
_BROKEN_BYTE = b"A-99,Dublin,plan,Caf\xe9 lease,,,A. Byrne,2026-12-01,open\n"


@dataclass(frozen=True)
class Fault:
    """One planted fault, as truth.json names it."""

    severity: str
    table: str
    row: int
    column: str
    rule: str
    value: str

    def as_dict(self) -> dict[str, object]:
        """Return the fault as it stands in truth.json."""
        return {
            "severity": self.severity, "table": self.table, "file": f"{self.table}.csv", "row": self.row,
            "column": self.column, "rule": self.rule, "value": self.value,
        }  # fmt: skip


@dataclass
class _Planting:
    """A table under way: rows paired with the faults that they bear (severity, column, rule, value)."""

    table: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    marks: dict[int, list[tuple[str, str, str, str]]] = field(default_factory=dict)

    def find(self, **cells: str) -> int:
        """Return the place of the first row with these cells; LookupError when there is none."""
        wanted = [(self.header.index(name), value) for name, value in cells.items()]
        for place, row in enumerate(self.rows):
            if all(row[column] == value for column, value in wanted) and place not in self.marks:
                return place
        raise LookupError(f"{self.table} has no row with {cells}")

    def changed(self, row: tuple[str, ...], **cells: str) -> tuple[str, ...]:
        """Return a copy of a row with other cells."""
        return tuple(cells.get(name, cell) for name, cell in zip(self.header, row, strict=True))

    def mark(self, place: int, severity: str, column: str, rule: str, value: str) -> None:
        """Put a fault on record for the row at a place."""
        self.marks.setdefault(place, []).append((severity, column, rule, value))

    def insert(self, place: int, row: tuple[str, ...], *faults: tuple[str, str, str, str]) -> None:
        """Insert a row at a place, with its faults; marks below it move down."""
        self.rows.insert(place, row)
        self.marks = {at + (at >= place): found for at, found in self.marks.items()}
        for fault in faults:
            self.mark(place, *fault)

    def append(self, row: tuple[str, ...], *faults: tuple[str, str, str, str]) -> None:
        """Append a row with its faults."""
        self.insert(len(self.rows), row, *faults)

    def value(self, row: tuple[str, ...], columns: str) -> str:
        """Return the cells of the columns (joined by commas) joined likewise."""
        return ",".join(row[self.header.index(name)] for name in columns.split(","))

    def faults(self) -> Iterator[Fault]:
        """Yield the faults with the line of each row."""
        for place, found in sorted(self.marks.items()):
            for severity, column, rule, value in found:
                yield Fault(severity, self.table, place + 2, column, rule, value)


def plant(content: Mapping[str, Content], seed: int) -> tuple[dict[str, Content], list[Fault]]:
    """Return the tables with faults in them, and the faults by table and row."""
    draws = Draws(seed, "faults")
    planted = {name: _Planting(name, table.header, list(table.rows)) for name, table in content.items()}
    _plant_ledger(planted["ledger"], planted["control_totals"], draws)
    _plant_control_totals(planted["control_totals"])
    _plant_demand(planted["demand"])
    _plant_budget(planted["budget"])
    _plant_small(planted)
    files = {name: Content(p.header, tuple(p.rows)) for name, p in planted.items()}
    faults = [fault for p in planted.values() for fault in p.faults()]
    return _plant_files(files, faults)


def _copy(planting: _Planting, key: str, severity: str, rule: str, place: int, after: int, **cells: str) -> None:
    row = planting.changed(planting.rows[place], **cells)
    planting.insert(place + after, row, (severity, key, rule, planting.value(row, key)))


def _plant_ledger(ledger: _Planting, totals: _Planting, draws: Draws) -> None:
    key = "document,line"
    for period in ("2024-11", "2025-08", "2026-07"):
        place = ledger.find(period=period, account="510100") + draws.one(0, 9)
        _copy(ledger, key, QUARANTINED, "repeat", place, 1 + draws.one(0, 300))
    for column, code, mangled, period in (
        ("account", "23576000000", "2.3576e+10", "2025-12"),
        ("account", "23576000000", "2.3576e+10", "2026-09"),
        ("cost_centre", "0355100000", "3.551e+08", "2026-05"),
    ):
        place = ledger.find(period=period, **{column: code})
        row = ledger.changed(ledger.rows[place], **{column: mangled})
        ledger.insert(place + 1 + draws.one(0, 200), row, (QUARANTINED, column, "mangled_code", mangled))
    place = ledger.find(period="2026-04", account="540200")
    _copy(ledger, key, ERROR, "conflicting_key", place, 4, amount="999.99")
    for cells, column, amounts in (
        ({"cost_centre": "0999", "account": "560300"}, "cost_centre", ("1250.00", "-1250.00")),
        ({"cost_centre": "0160", "account": "599999"}, "account", ("84.50", "-84.50")),
    ):
        for number, amount in enumerate(amounts, start=1):
            row = _line(f"XO-{cells['account']}", number, "2026-06-12", "2026-06", amount, "Unknown code", **cells)
            ledger.append(row, (QUARANTINED, column, "orphan", cells[column]))
    for document, posted_on, period, amount in (
        ("XW-1", "2026-08-14", "2026-03", "412.35"),
        ("XW-2", "2025-11-03", "2025-08", "-77.10"),
        ("XW-3", "2026-07-15", "2026-09", "1820.00"),
    ):
        row = _line(document, 1, posted_on, period, amount, "Wrong period", cost_centre="0260", account="550100")
        ledger.append(row, (QUARANTINED, "period", "wrong_period", period))
        _add_to_total(totals, period, "Cork", "cost", amount)
    for document, period, cells, column, rule in (
        ("XA-1", "2025-10", {"amount": "12O.50"}, "amount", "unparsable"),
        ("XA-2", "2025-09", {"amount": "1,250.00"}, "amount", "unparsable"),
        ("XA-3", "2025-07", {"amount": "118.505"}, "amount", "too_many_decimals"),
        ("XA-4", "2025-06", {"amount": ""}, "amount", "missing_value"),
        ("XC-1", "2025-05", {"amount": "310.00", "currency": "CHF"}, "currency", "foreign_currency"),
        ("XA-5", "2026-02", {"posted_on": "2026-02-30"}, "posted_on", "unparsable"),
        ("XA-6", "2026-02", {"posted_on": "14/02/2026"}, "posted_on", "unparsable"),
        ("XA-7", "2026-2", {"posted_on": "2026-02-11"}, "period", "unparsable"),
    ):
        base = _line(document, 1, f"{period}-20", period, "0.00", "Faulty line", cost_centre="0360", account="560300")
        row = ledger.changed(base, **cells)
        ledger.append(row, (QUARANTINED, column, rule, ledger.value(row, column)))
        if column == "posted_on":
            _add_to_total(totals, period, "Galway", "cost", "0.00")


def _line(
    document: str, number: int, posted_on: str, period: str, amount: str, text: str, *, cost_centre: str, account: str
) -> tuple[str, ...]:
    return document, str(number), posted_on, period, cost_centre, account, amount, "EUR", text, "false"


def _cents(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole + part)


def _add_to_total(totals: _Planting, period: str, site: str, type_: str, amount: str, lines: int = 1) -> int:
    place = totals.find(period=period, site=site, type=type_)
    row = totals.rows[place]
    cents = _cents(totals.value(row, "amount")) + _cents(amount)
    text = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    totals.rows[place] = totals.changed(row, amount=text, lines=str(int(totals.value(row, "lines")) + lines))
    return place


def _plant_control_totals(totals: _Planting) -> None:
    for period, site, type_, amount in (
        ("2024-05", "Dublin", "revenue", "100.00"),
        ("2026-01", "Galway", "cost", "-0.01"),
        ("2026-10", "Cork", "cost", "2500.00"),
    ):
        place = _add_to_total(totals, period, site, type_, amount, lines=0)
        totals.mark(place, ERROR, "amount", "control_total", totals.value(totals.rows[place], "amount"))


def _plant_demand(demand: _Planting) -> None:
    key = "ds,site,service"
    place = demand.find(ds="2025-03-12", site="Dublin", service="Parcels")
    _copy(demand, key, QUARANTINED, "repeat", place, 1)
    place = demand.find(ds="2026-02-17T10:30", site="Cork", service="Contacts")
    _copy(demand, key, QUARANTINED, "repeat", place, 1)
    place = demand.find(ds="2026-06-09", site="Cork", service="Pallets")
    _copy(demand, key, ERROR, "conflicting_key", place, 1, volume="9999")
    for cells, column, rule, severity in (
        (("2026-03-03", "Limerick", "Parcels", "120"), "site", "orphan", QUARANTINED),
        (("2026-03-03", "Dublin", "Returns", "40"), "service", "orphan", QUARANTINED),
        (("2026-02-30", "Dublin", "Parcels", "5100"), "ds", "unparsable", QUARANTINED),
        (("2026-11-01", "Galway", "Pallets", "-3"), "volume", "out_of_range", QUARANTINED),
        (("2026-11-02", "Galway", "Pallets", "12..5"), "volume", "unparsable", QUARANTINED),
        (("2026-11-03", "Galway", "Pallets", ""), "volume", "missing_value", QUARANTINED),
        (("2026-03-29T01:30", "Dublin", "Contacts", "12"), "ds", "nonexistent_hour", ERROR),
        (("2026-03-29T01:00", "Cork", "Contacts", "0"), "ds", "nonexistent_hour", QUARANTINED),
    ):
        demand.append(cells, (severity, column, rule, demand.value(cells, column)))


def _plant_budget(budget: _Planting) -> None:
    key = "version,period,cost_centre,account,valid_from"
    place = budget.find(version="original", period="2026-09", account="520300")
    _copy(budget, key, QUARANTINED, "repeat", place, 1)
    place = budget.find(version="original", period="2026-08", account="520300")
    _copy(budget, key, ERROR, "conflicting_key", place, 1, amount="1.00")
    budget.append(
        ("original", "2026-09", "0888", "520300", "", "500.00"), (QUARANTINED, "cost_centre", "orphan", "0888")
    )
    budget.append(("original", "2026-09", "0110", "599999", "", "500.00"), (QUARANTINED, "account", "orphan", "599999"))
    budget.append(
        ("original", "Sept 2026", "0110", "520100", "", "500.00"), (QUARANTINED, "period", "unparsable", "Sept 2026")
    )
    budget.append(
        ("original", "2026-09", "0110", "520100", "", "500.125"),
        (QUARANTINED, "amount", "too_many_decimals", "500.125"),
    )


def _plant_small(planted: Mapping[str, _Planting]) -> None:
    centres = planted["cost_centres"]
    centres.append(("0190", "2023-07-01", "Dublin spare", "Facilities", "Dublin", ""))
    centres.append(
        ("0190", "2026-04-01", "Dublin spare", "Fleet", "Dublin", ""),
        (ERROR, "valid_from", "overlapping_validity", "2026-04-01"),
    )
    sites = planted["sites"]
    _copy(sites, "site", ERROR, "conflicting_key", sites.find(site="Cork"), 1, name="Cork harbour")
    _bad_cell(
        planted["shrinkage"], "share", "1.2", "out_of_range", site="Cork", service="Contacts", category="Sickness"
    )
    _bad_cell(
        planted["kpis"], "direction", "up", "not_a_choice", kpi="Pick accuracy", period="2026-05", entity="Galway"
    )
    _bad_cell(planted["events"], "kind", "festival", "not_a_choice", ds="2026-03-17")
    _bad_cell(
        planted["headcount"],
        "attrition_rate",
        "1.8",
        "out_of_range",
        period="2026-03",
        site="Dublin",
        service="Parcels",
    )
    _bad_cell(
        planted["opening_hours"], "closes", "25:00", "unparsable", site="Dublin", service="Contacts", weekday="Saturday"
    )
    _bad_cell(planted["fx_rates"], "rate", "", "missing_value", currency="USD", period="2026-06", kind="closing")
    _bad_cell(planted["roster"], "site", "Limerick", "orphan", start="2026-10-05", site="Galway", service="Parcels")
    _bad_cell(
        planted["payroll"],
        "actual_fte",
        "twelve",
        "unparsable",
        period="2026-08",
        cost_centre="0150",
        grade="Operative",
    )
    drivers = planted["drivers"]
    _copy(
        drivers,
        "period,cost_centre,driver",
        QUARANTINED,
        "repeat",
        drivers.find(period="2026-08", cost_centre="0120"),
        1,
    )


def _bad_cell(planting: _Planting, column: str, value: str, rule: str, **cells: str) -> None:
    place = planting.find(**cells)
    planting.rows[place] = planting.changed(planting.rows[place], **{column: value})
    planting.mark(place, QUARANTINED, column, rule, value)


def _plant_files(files: dict[str, Content], faults: list[Fault]) -> tuple[dict[str, Content], list[Fault]]:
    """Plant what concerns a file as a whole: a column too many, one too few, a byte that is no UTF-8."""
    services, overrides, actions = files["services"], files["overrides"], files["actions"]
    files["services"] = Content((*services.header, "colour"), tuple((*row, "blue") for row in services.rows))
    reason = overrides.header.index("reason")
    files["overrides"] = Content(
        overrides.header[:reason] + overrides.header[reason + 1 :],
        tuple(row[:reason] + row[reason + 1 :] for row in overrides.rows),
    )
    files["actions"] = Content(actions.header, actions.rows, _BROKEN_BYTE)
    return files, [
        *faults,
        Fault(ERROR, "services", 1, "colour", "unknown_column", "colour"),
        Fault(ERROR, "overrides", 1, "reason", "missing_column", "reason"),
        Fault(ERROR, "actions", len(actions.rows) + 2, "", "unreadable", "actions.csv"),
    ]

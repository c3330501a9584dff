"""The sample: Harbour Logistics, a synthetic company with a story behind every figure.

Everything is drawn from one seed and comes out the same to the byte on every machine. The tables
agree with each other: revenue is units times price, wages are headcount times pay, the control
totals are the ledger's sums, and the comments tell what was planted. With `faults` the same
company is written with one of every kind of fault, and truth.json names them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from opsanalytics.sample import operations
from opsanalytics.sample.commentary import commentary
from opsanalytics.sample.company import (
    ACCOUNT,
    ACCOUNTS,
    COST_CENTRES,
    MOVED,
    MOVED_ON,
    MOVED_TO,
    REGIONS,
    SITES,
    CostCentre,
)
from opsanalytics.sample.demand import SERVICES, demand_truth, simulate
from opsanalytics.sample.faults import NOTES, plant
from opsanalytics.sample.figures import figures
from opsanalytics.sample.large import copies_of, write_large_ledger
from opsanalytics.sample.ledger import Line, budget, control_totals, ledger
from opsanalytics.sample.operations import decimal
from opsanalytics.sample.writing import Content, content, write_table

__all__ = ["DEFAULT_SEED", "demand_truth", "write_sample"]

DEFAULT_SEED = 0
_VALID_FROM = "2023-07-01"
_LEDGER = "document line posted_on period cost_centre account amount currency text one_off"

WORKBOOK = """\
[organisation]
name = "Harbour Logistics"
currency = "EUR"
minor_digits = 2
time_zone = "Europe/Dublin"
holidays = "IE"

[fiscal_year]
start_month = 7
calendar = "monthly"

[budget]
version = "amended"
phasing = "prior_year"

[materiality]
amount = "10000.00"
share = 0.05
mode = "and"

[reports]
entities = "site"
"""


def write_sample(
    folder: str | Path,
    *,
    seed: int = DEFAULT_SEED,
    ledger_lines: int | None = None,
    faults: bool = False,
    progress: Callable[[int, int, str], object] | None = None,
) -> None:
    """Write the synthetic company into `folder`, one file per table, over an earlier sample that stands there.

    `ledger_lines` writes the ledger as Parquet with so many lines, whose sums are those of the small one.
    `faults` plants faults in the CSV files and writes truth.json, which names them. `progress` is called with
    what is done, of how much, and a text. Raises ValueError for a seed below zero, for fewer lines than the
    sample has, and for faults in a large ledger.
    """
    if seed < 0:
        raise ValueError(f"The seed is a whole number of zero or more, not {seed}.")
    if faults and ledger_lines is not None:
        raise ValueError(
            "Faults are planted in the sample's own ledger only: ask for faults or for ledger lines, not both."
        )
    target = Path(folder)
    lines, tables = _company(seed)
    if ledger_lines is not None:
        tables["control_totals"] = _large_totals(lines, copies_of(len(lines), ledger_lines))
        del tables["ledger"]
    target.mkdir(parents=True, exist_ok=True)
    for name in ("ledger.csv", "ledger.parquet", "truth.json"):
        (target / name).unlink(missing_ok=True)
    if faults:
        tables, planted = plant(tables, seed)
        truth = {
            "seed": seed,
            "notes": list(NOTES),
            "faults": [f.as_dict() for f in planted],
            "demand": demand_truth(seed),
        }
        _write(target / "truth.json", json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    _write(target / "workbook.toml", WORKBOOK)
    for done, (name, table) in enumerate(tables.items(), start=1):
        write_table(target / f"{name}.csv", table)
        if progress is not None and ledger_lines is None:
            progress(done, len(tables), f"{name}.csv")
    if ledger_lines is not None:
        write_large_ledger(target / "ledger.parquet", lines, ledger_lines, seed, progress)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _company(seed: int) -> tuple[list[Line], dict[str, Content]]:
    """Return the ledger's lines and every table."""
    volumes = simulate(seed)
    known = figures(volumes, seed)
    lines, planned = ledger(known, seed), budget(known)
    cost = _cost_by_department(lines)
    return lines, {
        "accounts": content(
            "account name type pl_line behaviour driver",
            ((a.code, a.name, a.type, a.pl_line, a.behaviour, a.driver) for a in ACCOUNTS),
        ),
        "cost_centres": content(
            "cost_centre valid_from name department site valid_to", [r for c in COST_CENTRES for r in _centre_rows(c)]
        ),
        "sites": content(
            "site name time_zone region", ((site, f"{site} depot", "Europe/Dublin", REGIONS[site]) for site in SITES)
        ),
        "ledger": content(_LEDGER, map(_ledger_row, lines)),
        "control_totals": _totals(control_totals(lines)),
        "budget": content(
            "version period cost_centre account valid_from amount", ((*row[:5], decimal(row[5], 2)) for row in planned)
        ),
        "drivers": content("period cost_centre driver budget_units actual_units", operations.drivers(volumes)),
        "sales": content(
            "period site product budget_units budget_price actual_units actual_price unit", operations.sales(known)
        ),
        "standard_costs": content(
            "period cost_centre product input kind budget_output actual_output standard_quantity standard_price "
            "actual_quantity actual_price",
            operations.standard_costs(known, seed),
        ),
        "activities": content(
            "period pool product pool_cost driver driver_quantity capacity", operations.activities(known, volumes, cost)
        ),
        "payroll": content(
            "period cost_centre grade budget_fte budget_rate actual_fte actual_rate overtime_hours "
            "budget_overtime_hours",
            operations.payroll(known),
        ),
        "fx_rates": content("currency period kind rate", operations.fx_rates(seed)),
        "services": content("service name unit", ((service, service, unit) for service, unit in SERVICES.items())),
        "demand": content("ds site service volume", operations.demand(volumes)),
        "events": content("ds site name kind known_ahead", operations.events()),
        "overrides": content("site service period volume author reason", operations.overrides(volumes)),
        "standards": content(
            "site service valid_from method aht_s service_level target_s patience_s max_occupancy concurrency "
            "units_per_hour sla_days shrinkage hours_per_fte wage_rate cost_centre",
            operations.standards(),
        ),
        "shrinkage": content("site service category share", operations.shrinkage()),
        "opening_hours": content("site service weekday opens closes", operations.opening_hours()),
        "roster": content("start site service staff hours", operations.roster(volumes, seed)),
        "headcount": content(
            "period site service fte attrition_rate hires lead_months ramp_months", operations.headcount(seed)
        ),
        "kpis": content(
            "kpi period entity value numerator denominator target direction amber_at red_at owner",
            operations.kpis(volumes, seed),
        ),
        "risks": content("id entity kind text amount likelihood owner due_on state", operations.risks()),
        "actions": content("id entity kind text amount likelihood owner due_on state", operations.actions()),
        "commentary": content(
            "period entity measure dimension item author written_on text amount", commentary(lines, planned)
        ),
    }


def _centre_rows(centre: CostCentre) -> list[tuple[str, ...]]:
    if centre.code != MOVED:
        return [(centre.code, _VALID_FROM, centre.name, centre.department, centre.site, "")]
    last = MOVED_ON.replace(year=MOVED_ON.year - 1, month=12, day=31).isoformat()
    return [
        (centre.code, _VALID_FROM, centre.name, centre.department, centre.site, last),
        (centre.code, MOVED_ON.isoformat(), centre.name, MOVED_TO, centre.site, ""),
    ]


def _ledger_row(line: Line) -> tuple[str, ...]:
    return (
        line.document, str(line.line), line.posted_on.isoformat(), line.period, line.cost_centre, line.account,
        decimal(line.cents, 2), "EUR", line.text, "true" if line.one_off else "false",
    )  # fmt: skip


def _totals(totals: dict[tuple[str, str, str], tuple[int, int]]) -> Content:
    return content(
        "period site type amount lines",
        ((*key, decimal(cents, 2), str(count)) for key, (cents, count) in totals.items()),
    )


def _large_totals(lines: list[Line], copies: list[int]) -> Content:
    """Return control totals whose amounts are the small ledger's and whose counts are the large one's."""
    counted = [line for line, count in zip(lines, copies, strict=True) for _ in range(count - copies[-1])]
    more = control_totals(counted)
    small = control_totals(lines)
    return _totals(
        {key: (cents, count * copies[-1] + more.get(key, (0, 0))[1]) for key, (cents, count) in small.items()}
    )


def _cost_by_department(lines: list[Line]) -> dict[tuple[str, str], int]:
    department = {centre.code: centre.department for centre in COST_CENTRES}
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        if ACCOUNT[line.account].type == "cost":
            key = (line.period, department[line.cost_centre])
            sums[key] = sums.get(key, 0) + line.cents
    return sums

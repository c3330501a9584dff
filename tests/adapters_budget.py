"""Adapters: the budget reference cases in the package's words; they translate names and units, nothing else."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from opsanalytics import budget, formats, periods, sources

Case = Mapping[str, Any]

#: A day before any case's moves: the first assignment of a cost centre.
_ALWAYS = pd.Timestamp("1900-01-01")


def _cents(value: object, digits: int = 2) -> int:
    return formats.to_cents(format(Decimal(str(value)), "f"), digits)


def _digits(*values: object) -> int:
    """Return how many decimals hold all the values, two at least."""
    return max([2, *(-int(Decimal(str(v)).as_tuple().exponent) for v in values if v is not None)])


def _units(cents: int, digits: int = 2) -> int | float:
    value = Decimal(int(cents)).scaleb(-digits)
    return int(value) if value == int(value) else float(value)


def _amount(effect: int, variance: int, digits: int = 2) -> dict[str, Any]:
    """Write a variance as the cases do: absolute, with F (favourable), U (unfavourable) or 0."""
    return {"amount": _units(abs(variance), digits), "fu": "F" if effect > 0 else "U" if effect < 0 else "0"}


def _percent(share: float) -> float | str:
    return formats.NOT_AVAILABLE if formats.is_missing(share) else round(100 * share, 9)


def _frame(amounts: Mapping[tuple[str, str], object], digits: int = 2) -> pd.DataFrame:
    """Build a frame [period, account, amount_cents] from amounts by period and account."""
    rows = [(period, account, _cents(value, digits)) for (period, account), value in amounts.items()]
    frame = pd.DataFrame(rows, columns=["period", "account", "amount_cents"])
    return frame.astype({"period": "str", "account": "str", "amount_cents": "int64"})


def _accounts(kinds: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"account": list(kinds), "type": list(kinds.values()), "pl_line": "line"}, dtype="str")


def _one_line(kind: str, actual: object, reference: object, digits: int = 2) -> pd.Series:
    """Compare one line in one month."""
    sides = (_frame({("2026-01", "line"): value}, digits) for value in (actual, reference))
    return budget.variance(*sides, _accounts({"line": kind}), by=["account"], horizon=["2026-01"]).iloc[0]


def line_variance(inputs: Case) -> dict[str, Any]:
    digits = _digits(inputs["actual"], inputs["budget"])
    line = _one_line(inputs["account_type"], inputs["actual"], inputs["budget"], digits)
    return {
        "variance": _amount(line["effect_cents"], line["variance_cents"], digits),
        "pct": _percent(line["share"]),
        "show": bool(line["actual_cents"] or line["reference_cents"]),
    }


#: How many places a unit's differences are moved to be percentage points.
_POINTS: Mapping[str, int] = {"ratio": 2, **dict.fromkeys(("percent", "percentage", "pct", "%"), 0)}


def relative_variance(inputs: Case) -> dict[str, Any]:
    results = []
    for case in inputs["cases"]:
        digits = _digits(case["ac"], case["ref"])
        line = _one_line("revenue", case["ac"], case["ref"], digits)
        change = line["variance_cents"]
        points = _POINTS.get(case.get("unit", ""))
        size = {"abs": _units(change, digits)} if points is None else {"abs_pp": _units(change, digits - points)}
        results.append({**size, "pct": _percent(line["share"])})
    return {"results": results}


def ytd_with_gap(inputs: Case) -> dict[str, Any]:
    calendar = periods.Calendar(inputs.get("fiscal_year_start_month", 1))
    horizon = calendar.months(inputs["period"], "ytd")
    actual, plan = (
        _frame({(month, "line"): value for month, value in inputs[side].items() if value is not None})
        for side in ("actual_by_month", "budget_by_month")
    )
    accounts = _accounts({"line": inputs.get("account_type", "cost")})
    line = budget.variance(actual, plan, accounts, by=[], horizon=horizon).iloc[0]
    like_for_like = line["like_for_like_cents"]
    effect = like_for_like * budget.EFFECT_SIGN[line["type"]]
    return {
        "ytd_budget": _units(line["reference_cents"]),
        "ytd_actual": _units(line["actual_cents"]),
        "status": line["status"],
        "missing": list(budget.missing_months(actual, horizon)),
        "like_for_like_variance_abs": _units(abs(like_for_like)),
        "like_for_like_variance": _amount(effect, like_for_like),
    }


def account_coverage(inputs: Case) -> dict[str, Any]:
    actual, plan = (
        _frame({("2026-01", account): value for account, value in inputs[side].items()})
        for side in ("actual", "budget")
    )
    codes = {**inputs["actual"], **inputs["budget"]}
    given = inputs.get("account_types", {})
    accounts = _accounts({code: given.get(code, inputs.get("account_type", "cost")) for code in codes})
    lines = budget.variance(actual, plan, accounts, by=["account"], horizon=["2026-01"])
    total = budget.rollup(lines[["variance_cents", "effect_cents"]], []).iloc[0]
    return {
        "rows": {
            line.account: _amount(line.effect_cents, line.variance_cents) for line in lines.itertuples(index=False)
        },
        "unbudgeted": sorted(lines.loc[lines["found_in"] == "actual", "account"]),
        "unspent": sorted(lines.loc[lines["found_in"] == "reference", "account"]),
        "total": _amount(total["effect_cents"], total["effect_cents"]),
    }


def allocate_cents(inputs: Case) -> dict[str, Any]:
    total = inputs["allocate_cents"] if "allocate_cents" in inputs else inputs["total_cents"]
    return _parts(budget.allocate_cents(total, inputs["weights"]))


def phase_weeks(inputs: Case) -> dict[str, Any]:
    weeks = inputs.get("weeks") or periods.week_counts(inputs["calendar"], inputs.get("weeks_in_year", 52))
    return _parts(budget.allocate_cents(inputs["annual_budget_cents"], weeks))


def _parts(parts: list[int]) -> dict[str, Any]:
    return {"parts": parts, "sum": sum(parts)}


def fiscal_year(inputs: Case) -> dict[str, Any]:
    found = periods.fiscal_period(inputs["date"], inputs["fiscal_year_start_month"])
    return {"fiscal_year": found.year, "fiscal_period": found.period, "fiscal_quarter": found.quarter}


def moved_cost_centre(inputs: Case) -> dict[str, Any]:
    moves = inputs["move"] if isinstance(inputs["move"], list) else [inputs["move"]]
    assignments = [
        assignment
        for move in moves
        for assignment in (
            (move["cc"], _ALWAYS, move["from_dept"]),
            (move["cc"], pd.Timestamp(move["effective"]), move["to_dept"]),
        )
    ]
    table = pd.DataFrame(assignments, columns=["cost_centre", "valid_from", "department"])
    table = table.drop_duplicates(["cost_centre", "valid_from"]).astype({"cost_centre": "str", "department": "str"})
    sides = {side: _by_centre(inputs[side]) for side in ("actual", "budget") if side in inputs}
    last = max(sides["actual"]["period"])
    company = budget.rollup(sides["actual"], [])["amount_cents"].iloc[0]
    departments = sorted({name for move in moves for name in (move["from_dept"], move["to_dept"])})
    return {
        "as_posted": _by_department(sides, table, departments, None),
        "as_current": _by_department(sides, table, departments, last),
        "company_total": _units(company),
    }


def _by_centre(amounts: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    rows = [(month, centre, _cents(value)) for month, row in amounts.items() for centre, value in row.items()]
    return pd.DataFrame(rows, columns=["period", "cost_centre", "amount_cents"])


def _by_department(
    sides: Mapping[str, pd.DataFrame], table: pd.DataFrame, departments: list[str], at: str | None
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for side, frame in sides.items():
        placed = budget.placed(frame, table, periods.Calendar(), at=at)
        sums = budget.rollup(placed, ["department"]).set_index("department")["amount_cents"]
        for department in (*departments, *sums.index.difference(departments)):
            found.setdefault(department, {})[f"ytd_{side}"] = _units(sums.get(department, 0))
    return found


_REASONS = {"repeat": "duplicate_key", "conflicting_key": "conflicting_duplicate"}
_LEDGER = {"posted_on": "2026-01-31", "period": "2026-01", "cost_centre": "C1", "account": "A1"}


def ledger_rows(inputs: Case) -> dict[str, Any]:
    rows = [_ledger_row(row) for row in inputs["rows"]]
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "ledger.csv", rows)
        _write(Path(folder) / "accounts.csv", [_account(code) for code in sorted({row["account"] for row in rows})])
        _write(Path(folder) / "cost_centres.csv", [_centre(c) for c in sorted({row["cost_centre"] for row in rows})])
        read = sources.read(folder)
        errors = read.faults.loc[read.faults["severity"] == "error", "rule"]
        if len(errors):
            return {"result": "ERROR", "reason": _REASONS.get(errors.iloc[0], errors.iloc[0])}
        actuals = read.actuals(max(row["period"] for row in rows))
        # A row's number is that of a spreadsheet: the head is row 1.
        left = [(inputs["rows"][row - 2], rule) for row, rule in read.quarantine[["row", "rule"]].to_numpy()]
    accepted = int(budget.rollup(actuals, [])["amount_cents"].iloc[0])
    quarantined = sum(_cents(row["amount"]) for row, _ in left)
    return {
        "result": "OK",
        "accepted_total": _units(accepted),
        "quarantined": [{**row, "reason": _REASONS.get(rule, rule)} for row, rule in left],
        "unexplained": _units(sum(_cents(row["amount"]) for row in rows) - accepted - quarantined),
    }


def _ledger_row(row: Case) -> dict[str, str]:
    document = "/".join(str(row[part]) for part in ("ledger", "doc") if part in row)
    own = {name: str(row[name]) for name in (*_LEDGER, "line", "amount") if name in row}
    return {**_LEDGER, "document": document, **own}


def _account(code: str) -> dict[str, str]:
    return {"account": code, "name": code, "type": "cost", "pl_line": "Cost", "behaviour": "fixed"}


def _centre(code: str) -> dict[str, str]:
    return {"cost_centre": code, "valid_from": "1900-01-01", "name": code, "department": "Ops"}


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    table = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def rounded_display(inputs: Case) -> dict[str, Any]:
    shown, digits = inputs.get("decimals", 0), _digits(*inputs["values"])
    values = pd.DataFrame({"amount_cents": [_cents(value, digits) for value in inputs["values"]]})
    exact = _units(budget.rollup(values, [])["amount_cents"].iloc[0], digits)
    rows = [_shown(value, shown) for value in inputs["values"]]
    whole, parts = _shown(exact, shown), sum(rows)
    return {
        "rounded_rows": [_plain(row) for row in rows],
        "rounded_sum": _plain(whole),
        "sum_of_rounded": _plain(parts),
        "difference": _plain(whole - parts),
    }


def _shown(value: float, digits: int) -> Decimal:
    """Read back a number as it is written."""
    return Decimal(formats.number(value, digits).replace(",", ""))


def _plain(value: Decimal | int) -> int | float:
    return int(value) if value == int(value) else float(value)


ADAPTERS: dict[str, Callable[[Case], dict[str, Any]]] = {
    adapter.__name__: adapter
    for adapter in (
        account_coverage,
        allocate_cents,
        fiscal_year,
        ledger_rows,
        line_variance,
        moved_cost_centre,
        phase_weeks,
        relative_variance,
        rounded_display,
        ytd_with_gap,
    )
}

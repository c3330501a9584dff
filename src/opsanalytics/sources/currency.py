"""Currency: ledger lines in another currency are brought to the organisation's, exactly and once.

A line counts at the average rate of its currency and period, rounded half to even to whole minor units.
`currency_cents` is the part of that which is due to rates: the amount at the average rate minus the amount at the
budget rate of the same period, each rounded once (IAS 21, 22 and 40: the average rate of the period where rates do
not fluctuate much). A line without an average rate is left out and says which row of fx_rates it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import duckdb
import pandas as pd

from opsanalytics.formats import money
from opsanalytics.sources.cells import LARGEST
from opsanalytics.sources.faults import NOTE, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, literal
from opsanalytics.sources.rows import Typed

RATE = "__rate"  # of a line in another currency: which rates there are, or why it has none
_BOTH, _AVERAGE, _NONE, _TOO_LARGE = "both", "average", "none", "too large"
_FINEST = 10**22  # of a rate's numerator and denominator: beyond it a product no longer fits 128 bits
_KINDS = ("average", "budget")
OWN = f"0::BIGINT AS currency_cents, NULL::VARCHAR AS {RATE}"  # of a line in the organisation's currency


def report_rates(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report the rates that nothing can be converted at: zero, and those with more digits than can be exact."""
    for row, rate in con.execute(f"SELECT {ROW}, rate FROM {typed.open} ORDER BY {ROW}").fetchall():
        if rate is None or _usable(Decimal(str(rate))):
            continue
        shape = "above zero" if not Decimal(str(rate)) else "a number of at most 20 digits"
        remedy = (
            f"A rate is {shape}: what one unit of the currency is in the organisation's. Mend it; the row is left out "
            "until then."
        )
        findings.report(QUARANTINED, "fx_rates", typed.file, int(row), "rate", "out_of_range", str(rate), remedy)
        findings.leave_out("fx_rates", int(row), "out_of_range", "rate", str(rate), counted=True)


def _usable(rate: Decimal) -> bool:
    return bool(rate) and abs(rate.adjusted()) < 22 and max(Fraction(rate).as_integer_ratio()) <= _FINEST


def create_rates(con: duckdb.DuckDBPyConnection, rates: pd.DataFrame | None) -> None:
    """Create the table `rates`: for a currency and period its average and budget rate, as fractions."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE rates (currency VARCHAR, period VARCHAR, average_over HUGEINT, "
        "average_under HUGEINT, budget_over HUGEINT, budget_under HUGEINT)"
    )
    if rows := [] if rates is None else list(_rows(rates)):
        con.execute(f"INSERT INTO rates VALUES {', '.join(rows)}")


def _rows(rates: pd.DataFrame) -> Iterator[str]:
    known: dict[tuple[str, str], dict[str, Fraction]] = {}
    for currency, period, kind, rate in rates[["currency", "period", "kind", "rate"]].itertuples(index=False):
        known.setdefault((str(currency), str(period)), {})[str(kind)] = Fraction(rate)
    for (currency, period), kinds in sorted(known.items()):
        ratios = [kinds[kind].as_integer_ratio() if kind in kinds else ("NULL", "NULL") for kind in _KINDS]
        yield f"({literal(currency)}, {literal(period)}, {', '.join(str(n) for ratio in ratios for n in ratio)})"


def converted(lines: str, currency: str) -> str:
    """Return the SELECT that converts typed ledger lines, adding `currency_cents` and `__rate`, in the lines' order."""
    foreign = f"coalesce(currency <> {literal(currency)} AND amount_cents BETWEEN -{LARGEST} AND {LARGEST}, false)"
    rated = (
        f"SELECT t.*, CASE WHEN {foreign} THEN {_times('average')} END AS __average, "
        f"CASE WHEN {foreign} THEN {_times('budget')} END AS __budget FROM ({lines}) t "
        "LEFT JOIN (SELECT currency AS __currency, period AS __period, * EXCLUDE (currency, period) FROM rates) r "
        "ON __currency = t.currency AND __period = t.period"
    )
    state = (
        f"CASE WHEN NOT {foreign} THEN NULL WHEN __average IS NULL THEN '{_NONE}' "
        f"WHEN __average NOT BETWEEN -{LARGEST} AND {LARGEST} THEN '{_TOO_LARGE}' "
        f"WHEN coalesce(__budget NOT BETWEEN -{LARGEST} AND {LARGEST}, true) THEN '{_AVERAGE}' ELSE '{_BOTH}' END"
    )
    amount = (
        f"CASE WHEN {RATE} IN ('{_BOTH}', '{_AVERAGE}') THEN CAST(__average AS BIGINT) "
        f"WHEN {RATE} = '{_TOO_LARGE}' THEN NULL ELSE amount_cents END"
    )
    part = f"CASE WHEN {RATE} = '{_BOTH}' THEN CAST(__average - __budget AS BIGINT) ELSE 0 END"
    return (
        f"SELECT * EXCLUDE (__average, __budget) REPLACE ({amount} AS amount_cents), {part} AS currency_cents "
        f"FROM (SELECT *, {state} AS {RATE} FROM ({rated})) ORDER BY {ROW}"
    )


def _times(kind: str) -> str:
    """Return the SQL of an amount at a rate, rounded half to even; NULL without the rate."""
    product, under = f"(abs(amount_cents)::HUGEINT * {kind}_over)", f"{kind}_under"
    whole, rest = f"({product} // {under})", f"({product} % {under})"
    up = f"(2 * {rest} > {under} OR (2 * {rest} = {under} AND {whole} % 2 = 1))"
    return f"sign(amount_cents) * ({whole} + CASE WHEN {up} THEN 1 ELSE 0 END)"


def has_foreign(con: duckdb.DuckDBPyConnection, lines: str, currency: str) -> bool:
    """Is any of the lines in another currency?"""
    return bool(con.execute(f"SELECT 1 FROM {lines} WHERE currency <> {literal(currency)} LIMIT 1").fetchall())


def report_unrated(
    con: duckdb.DuckDBPyConnection, typed: Typed, currency: str, rates: pd.DataFrame | None, findings: Findings
) -> None:
    """Report the ledger lines that cannot be converted, and the months in which the effect of rates is not known."""
    if typed.plain:
        return
    left = findings.left.get("ledger", {})
    query = (
        f"SELECT {ROW}, currency, period, {RATE} FROM {typed.relation} WHERE {RATE} IN ('{_NONE}', '{_TOO_LARGE}') "
        f"ORDER BY {ROW}"
    )
    for row, other, period, state in con.execute(query).fetchall():
        if int(row) not in left:
            place = f"Row {row} of {typed.file} is in {other}"
            remedy = _remedy(place, other, period, currency, state, given=rates is not None)
            findings.report(QUARANTINED, "ledger", typed.file, int(row), "currency", "foreign_currency", other, remedy)
            findings.leave_out("ledger", int(row), "foreign_currency", "currency", other, counted=False)
            findings.unknown_amounts.add(int(row))
        elif left[int(row)].counted:
            findings.unknown_amounts.add(int(row))
    query = f"SELECT min({ROW}), currency, period, count(*) FROM {typed.open} WHERE {RATE} = '{_AVERAGE}' GROUP BY 2, 3"
    for row, other, period, count in con.execute(f"{query} ORDER BY 1").fetchall():
        remedy = (
            f"{other} has no budget rate for {period}: the lines in it from row {row} of {typed.file} on ({count}) "
            f"count at the average rate, none of it as an effect of rates. Add a row to fx_rates: {other}, {period}, "
            "budget."
        )
        findings.report(NOTE, "ledger", typed.file, int(row), "currency", "no_budget_rate", other, remedy)


def _remedy(place: str, other: str, period: str, currency: str, state: str, *, given: bool) -> str:
    if state == _TOO_LARGE:
        limit = money(LARGEST, 0)
        return f"{place}, and at the average rate of {period} its amount is beyond {limit} minor units: check both."
    lacks = f"fx_rates has no average rate for {period}" if given else "there is no table fx_rates"
    return (
        f"{place}, not {currency}, and {lacks}: add a row to fx_rates: {other}, {period}, average; "
        f"or state the amount in {currency} at the source."
    )

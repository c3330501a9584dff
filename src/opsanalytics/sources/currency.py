"""Currency: ledger lines in another currency are brought to the organisation's, exactly and once.

A line counts at the average rate of its currency and period, rounded half to even to whole minor units. Its own
amount is read to four decimals, the most that a currency has, and is not rounded before.
`currency_cents` is the part of that which is due to rates: the amount at the average rate minus the amount at the
budget rate of the same period, each rounded once (IAS 21, 22 and 40: the average rate of the period where rates do
not fluctuate much). A line without an average rate is left out and says which row of fx_rates it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import duckdb
import pandas as pd

from opsanalytics.formats import money
from opsanalytics.schemas import TABLES
from opsanalytics.sources.cells import FOREIGN_DIGITS, LARGEST, LARGEST_FOREIGN, YEARS, is_own, typed_select
from opsanalytics.sources.faults import NOTE, QUARANTINED, Findings
from opsanalytics.sources.reading import ROW, Staged, literal
from opsanalytics.sources.rows import Typed

RATE = "__rate"  # of a line in another currency: which rates there are, or why it has none
_BOTH, _AVERAGE, _NONE, _TOO_LARGE = "both", "average", "none", "too large"
_BUDGET_TOO_LARGE = "budget too large"
_FINEST = 10**22  # of a rate's numerator and denominator: beyond it a product no longer fits 128 bits
_PART = 10**9  # an amount is multiplied in two parts, the one in units of this
_KINDS = ("average", "budget")
OWN = f"0::BIGINT AS currency_cents, NULL::VARCHAR AS {RATE}"  # of a line in the organisation's currency


def report_rates(con: duckdb.DuckDBPyConnection, typed: Typed, findings: Findings) -> None:
    """Report the rates that nothing can be converted at: zero, and those with more digits than can be exact."""
    for row, rate in con.execute(f"SELECT {ROW}, rate FROM {typed.open} ORDER BY {ROW}").fetchall():
        if rate is None or _usable(Decimal(str(rate))):
            continue
        shape = "must be above 0" if not Decimal(str(rate)) else "must be a number of at most 20 digits"
        remedy = (
            f"A rate {shape}: what one unit of the currency is in the organisation's. Mend it; the row is left out "
            "until then."
        )
        findings.report(QUARANTINED, "fx_rates", typed.file, int(row), "rate", "out_of_range", str(rate), remedy)
        findings.leave_out("fx_rates", int(row), "out_of_range", "rate", str(rate), counted=True)


def _usable(rate: Decimal) -> bool:
    return bool(rate) and abs(rate.adjusted()) < 20 and max(Fraction(rate).as_integer_ratio()) <= _FINEST


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


def typed_foreign(staged: Staged, currency: str, rows: str) -> str:
    """Return the SELECT that types the lines in another currency: amounts in ten-thousandths, whatever it is."""
    ledger, other = TABLES["ledger"], f"NOT {is_own(currency)}"
    return typed_select(ledger, staged, FOREIGN_DIGITS, rows, other, LARGEST_FOREIGN)


def converted(lines: str, minor_digits: int) -> str:
    """Return the SELECT that converts the lines of `typed_foreign`, adding `currency_cents` and `__rate`."""
    foreign = f"coalesce(amount_cents BETWEEN -{LARGEST_FOREIGN} AND {LARGEST_FOREIGN}, false)"
    scale = 10 ** (FOREIGN_DIGITS - minor_digits)
    rated = (
        f"SELECT t.*, CASE WHEN {foreign} THEN {_times('average', scale)} END AS __average, "
        f"CASE WHEN {foreign} THEN {_times('budget', scale)} END AS __budget FROM ({lines}) t "
        "LEFT JOIN (SELECT currency AS __currency, period AS __period, * EXCLUDE (currency, period) FROM rates) r "
        "ON __currency = t.currency AND __period = t.period"
    )
    state = (
        f"CASE WHEN NOT {foreign} THEN NULL WHEN __average IS NULL THEN '{_NONE}' "
        f"WHEN __average NOT BETWEEN -{LARGEST} AND {LARGEST} THEN '{_TOO_LARGE}' "
        f"WHEN __budget IS NULL THEN '{_AVERAGE}' "
        f"WHEN __budget NOT BETWEEN -{LARGEST} AND {LARGEST} THEN '{_BUDGET_TOO_LARGE}' ELSE '{_BOTH}' END"
    )
    amount = (
        f"CASE WHEN {RATE} IN ('{_BOTH}', '{_AVERAGE}', '{_BUDGET_TOO_LARGE}') THEN CAST(__average AS BIGINT) "
        f"WHEN {RATE} = '{_TOO_LARGE}' THEN NULL ELSE amount_cents END"
    )
    part = f"CASE WHEN {RATE} = '{_BOTH}' THEN CAST(__average - __budget AS BIGINT) ELSE 0 END"
    return (
        f"SELECT * EXCLUDE (__average, __budget) REPLACE ({amount} AS amount_cents), {part} AS currency_cents "
        f"FROM (SELECT *, {state} AS {RATE} FROM ({rated}))"
    )


def _times(kind: str, scale: int) -> str:
    """Return the SQL of an amount at a rate, over `scale`, rounded once half to even; NULL without the rate.

    amount x over = (head x 10^9 + tail) x over, so that also a long amount at a long rate fits 128 bits.
    """
    over, under, size = f"{kind}_over", f"({kind}_under * {scale})", "abs(amount_cents::HUGEINT)"
    head, tail = f"(({size} // {_PART}) * {over})", f"(({size} % {_PART}) * {over})"
    left = f"(({head} % {under}) * {_PART} + {tail})"
    whole, rest = f"(({head} // {under}) * {_PART} + {left} // {under})", f"({left} % {under})"
    up = f"(2 * {rest} > {under} OR (2 * {rest} = {under} AND {whole} % 2 = 1))"
    return f"sign(amount_cents) * ({whole} + CASE WHEN {up} THEN 1 ELSE 0 END)"


def has_foreign(con: duckdb.DuckDBPyConnection, lines: str, currency: str) -> bool:
    """Is any of the lines in another currency?"""
    return bool(con.execute(f"SELECT 1 FROM {lines} WHERE currency <> {literal(currency)} LIMIT 1").fetchall())


def report_unrated(
    con: duckdb.DuckDBPyConnection, typed: Typed, currency: str, rates: pd.DataFrame | None, findings: Findings
) -> None:
    """Report the ledger lines that cannot be converted, and the months in which the effect of rates is not known.

    A line that is left out already, and that the control totals still count, gets the reason why its amount is not
    known beside its own.
    """
    if typed.plain:
        return
    words = _Words.of(con, currency, rates, findings)
    left = findings.left.get("ledger", {})
    query = (
        f"SELECT {ROW}, currency, period, {RATE} FROM {typed.relation} WHERE {RATE} IN ('{_NONE}', '{_TOO_LARGE}') "
        f"ORDER BY {ROW}"
    )
    for row, other, period, state in con.execute(query).fetchall():
        known = left.get(int(row))
        if known is None or known.counted:
            findings.unknown_amounts.add(int(row))
        if known is None or (known.counted and period is not None and YEARS[0] <= period[:4] <= YEARS[1]):
            remedy = words.lacking(f"Row {row} of {typed.file} is in {other}", other, period, state)
            findings.report(QUARANTINED, "ledger", typed.file, int(row), "currency", "foreign_currency", other, remedy)
            findings.leave_out("ledger", int(row), "foreign_currency", "currency", other, counted=False)
    _report_unbudgeted(con, typed, words, findings)


def _report_unbudgeted(con: duckdb.DuckDBPyConnection, typed: Typed, words: _Words, findings: Findings) -> None:
    query = (
        f"SELECT min({ROW}), currency, period, {RATE}, count(*) FROM {typed.open} "
        f"WHERE {RATE} IN ('{_AVERAGE}', '{_BUDGET_TOO_LARGE}') GROUP BY 2, 3, 4 ORDER BY 1"
    )
    for row, other, period, state, count in con.execute(query).fetchall():
        lines = f"the lines in it from row {row} of {typed.file} on ({count})" if count > 1 else f"row {row}"
        counts = f"{lines} count{'' if count > 1 else 's'} at the average rate, none of it as an effect of rates"
        remedy = words.unbudgeted(counts, other, period, state)
        findings.report(NOTE, "ledger", typed.file, int(row), "currency", "no_budget_rate", other, remedy)


@dataclass(frozen=True)
class _Words:
    """What to say of a line that a rate is lacking for.

    `currency` is the organisation's. `known` are the codes that can be counted, `refused` the row of fx_rates that
    holds a currency, period and kind and cannot be used. `given`: is there a table fx_rates?
    """

    currency: str
    known: tuple[str, ...]
    refused: Mapping[tuple[str, str, str], int]
    given: bool

    @classmethod
    def of(
        cls, con: duckdb.DuckDBPyConnection, currency: str, rates: pd.DataFrame | None, findings: Findings
    ) -> _Words:
        refused = {}
        if findings.synced.get("fx_rates"):
            query = (
                "SELECT currency, period, kind, min(r) FROM (SELECT *, " + ROW + " AS r FROM typed_fx_rates) "
                f"WHERE r IN (SELECT {ROW} FROM left_fx_rates) GROUP BY ALL"
            )
            refused = {(str(c), str(p), str(k)): int(row) for c, p, k, row in con.execute(query).fetchall()}
        codes = set() if rates is None else set(rates["currency"])
        return cls(currency, tuple(sorted({currency, *map(str, codes)})), refused, rates is not None)

    def lacking(self, place: str, other: str, period: str, state: str) -> str:
        """Say what a line without a usable average rate needs."""
        if state == _TOO_LARGE:
            limit = money(LARGEST, 0)
            return f"{place}, and at the average rate of {period} its amount is beyond {limit} minor units: check both."
        alike = next((code for code in self.known if code != other and code.lower() == other.lower()), None)
        if alike is not None:
            return f"{place}, which differs from {alike} only in case: write {alike} at the source."
        if row := self.refused.get((other, period, "average")):
            return f"{place}, not {self.currency}, and has no usable rate for {period}: see fx_rates row {row}."
        lacks = f"fx_rates has no average rate for {period}" if self.given else "there is no table fx_rates"
        return (
            f"{place}, not {self.currency}, and {lacks}: add a row to fx_rates: {other}, {period}, average; "
            f"or state the amount in {self.currency} at the source."
        )

    def unbudgeted(self, counts: str, other: str, period: str, state: str) -> str:
        """Say what lines without a usable budget rate need, and how they count."""
        if state == _BUDGET_TOO_LARGE:
            limit = money(LARGEST, 0)
            return (
                f"At the budget rate of {other} for {period} an amount is beyond {limit} minor units: {counts}. Check "
                "the rate in fx_rates, and the amounts."
            )
        if row := self.refused.get((other, period, "budget")):
            return f"{other} has no usable budget rate for {period}: {counts}. See fx_rates row {row}."
        return f"{other} has no budget rate for {period}: {counts}. Add a row to fx_rates: {other}, {period}, budget."

"""Control totals: does the ledger that was read add up to what its source says, to the cent?

A stated total covers the accepted lines and those left out as orphans, for a wrong period or for
an unreadable cell; repeats are counted out. Some lines left out have no certain place: an orphan's
site or type is not known, and of a wrong period only that the right one is another. Such a line is
counted where it closes a difference exactly, else where it says that it belongs. An unreadable
amount makes the totals it may belong to unknown.

A total of one type stands in the natural sign of its accounts, a total of all types in the ledger's
own: of a ledger kept in debit and credit that has revenue below zero. There the sign of a line whose
account is unknown goes by the total it is counted in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from opsanalytics.formats import ALL, money
from opsanalytics.periods import shift
from opsanalytics.settings import Settings
from opsanalytics.sources.cells import YEARS
from opsanalytics.sources.faults import ERROR, Findings, typed_frame
from opsanalytics.sources.reading import ROW
from opsanalytics.sources.references import CostCentres
from opsanalytics.sources.rows import LATE_MONTHS

CONTROL_COLUMNS = (
    "period", "site", "type",
    "stated_cents", "accepted_cents", "quarantined_cents", "difference_cents", "agrees", "known",
)  # fmt: skip
_DTYPES = {
    **dict.fromkeys(("stated_cents", "accepted_cents", "quarantined_cents", "difference_cents"), "int64"),
    **dict.fromkeys(("agrees", "known"), "bool"),
}
_MOST_SUMS = 20_000  # beyond so many partial sums no subset is sought


@dataclass(frozen=True)
class _Total:
    """One stated total; `site` and `type` are "(all)" where it covers all of them.

    `debit_credit`: the ledger is kept in debit and credit.
    """

    row: int
    period: str
    site: str
    type: str
    stated: int
    lines: int | None
    debit_credit: bool
    accepted: int = 0
    accepted_lines: int = 0
    quarantined: int = 0
    quarantined_lines: int = 0
    known: bool = True

    @property
    def difference(self) -> int:
        return self.stated - self.accepted - self.quarantined

    def covers(self, site: str | None, kind: str | None) -> bool:
        """May a line of this site and type (None where unknown) belong to the total?"""
        return (self.site == ALL or site in (None, self.site)) and (self.type == ALL or kind in (None, self.type))

    def signed(self, kind: str | None, cents: int) -> int:
        """Return an amount in the total's sign; it comes in its type's natural sign, of an unknown type as written."""
        credit = kind == "revenue" if self.type == ALL else kind is None and self.type == "revenue"
        return -cents if self.debit_credit and credit else cents


@dataclass(frozen=True)
class _Line:
    """A line that is left out but stands in the source's totals; None where not known."""

    row: int
    period: str | None
    months: tuple[str, ...]  # where else it may belong; empty when its own period is certain
    site: str | None
    type: str | None
    cents: int | None

    @property
    def placed(self) -> bool:
        """Does it have one certain place?"""
        return self.period is not None and not self.months and self.site is not None and self.type is not None

    def may_belong(self, total: _Total) -> bool:
        in_time = self.period is None or total.period == self.period or total.period in self.months
        return in_time and total.covers(self.site, self.type)


def empty_control() -> pd.DataFrame:
    """Return the control frame of input without control totals."""
    return typed_frame([], CONTROL_COLUMNS, _DTYPES)


class Control:
    """Compares the stated totals with the ledger read."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        accounts: pd.DataFrame | None,
        cost_centres: CostCentres | None,
        settings: Settings,
    ) -> None:
        self._con = con
        self._types: dict[str, str] = (
            {} if accounts is None else dict(zip(accounts["account"], accounts["type"], strict=True))
        )
        self._cost_centres = cost_centres
        self._calendar = settings.calendar
        self._minor_digits = settings.minor_digits
        self._debit_credit = settings.ledger_sign == "debit_credit"

    def compare(
        self, stated: pd.DataFrame, rows: Sequence[int], file: str, accepted: str, typed: str, findings: Findings
    ) -> pd.DataFrame:
        """Return one row for each stated total and report those missed.

        `stated` is the checked table, `rows` its row numbers; `accepted` the accepted ledger lines added up
        and `typed` all that were read, as relations. Lines in another currency count at their converted amount.
        """
        totals = self._accepted(list(_stated(stated, rows, debit_credit=self._debit_credit)), accepted)
        lines = self._left_lines(typed, findings)
        totals = _place(totals, lines)
        for total in totals:
            self._report(total, file, findings)
        ordered = sorted(totals, key=lambda t: (t.period, t.site, t.type))
        return typed_frame([_as_row(total) for total in ordered], CONTROL_COLUMNS, _DTYPES)

    def _site(self, cost_centre: str, period: str) -> str | None:
        return None if self._cost_centres is None else self._cost_centres.site(cost_centre, period)

    def _accepted(self, totals: Sequence[_Total], accepted: str) -> list[_Total]:
        found = self._con.execute(
            "SELECT period, cost_centre, account, CAST(sum(amount_cents) AS BIGINT), CAST(sum(lines) AS BIGINT) "
            f"FROM {accepted} GROUP BY ALL HAVING sum(lines) > 0"
        ).fetchall()
        sums: dict[tuple[str, str | None, str | None], tuple[int, int]] = {}
        for period, cost_centre, account, cents, count in found:
            key = (str(period), self._site(str(cost_centre), str(period)), self._types.get(str(account)))
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + int(cents), before[1] + int(count))
        by_period: dict[str, list[tuple[str | None, str | None, int, int]]] = {}
        for (period, site, kind), (cents, count) in sums.items():
            by_period.setdefault(period, []).append((site, kind, cents, count))
        return [_with_accepted(total, by_period.get(total.period, ())) for total in totals]

    def _left_lines(self, typed: str, findings: Findings) -> list[_Line]:
        counted = {row: left for row, left in findings.left.get("ledger", {}).items() if left.counted}
        counted |= {row: findings.left["ledger"][row] for row in findings.unknown_amounts}
        self._con.register("counted_rows", pd.DataFrame({ROW: pd.Series(sorted(counted), dtype="int64")}))
        found = self._con.execute(
            f"SELECT {ROW}, period, cost_centre, account, amount_cents, posted_on FROM {typed} "
            f"WHERE {ROW} IN (SELECT {ROW} FROM counted_rows) ORDER BY {ROW}"
        ).fetchall()
        self._con.unregister("counted_rows")
        lines = [
            _Line(
                int(row),
                period if _is_read(period) else None,
                self._months(posted) if counted[int(row)].rule == "wrong_period" else (),
                self._site(cost_centre, period) if _is_read(period) else None,
                self._types.get(account),
                None if int(row) in findings.unknown_amounts else cents,
            )
            for row, period, cost_centre, account, cents, posted in found
        ]
        unreadable = sorted(set(counted) - {line.row for line in lines})  # rows whose cells could not be told apart
        return lines + [_Line(row, None, (), None, None, None) for row in unreadable]

    def _months(self, posted: pd.Timestamp | None) -> tuple[str, ...]:
        if posted is None:
            return ()
        month = self._calendar.period_of(pd.Timestamp(posted).date())
        return tuple(shift(month, -k) for k in range(LATE_MONTHS + 1))

    def _report(self, total: _Total, file: str, findings: Findings) -> None:
        if not total.known:
            return
        where = f"{total.period}, site {total.site}, type {total.type}"
        if total.difference:
            read = total.accepted + total.quarantined
            remedy = (
                f"For {where} the ledger read adds up to {self._money(read)}: the difference is "
                f"{self._money(total.difference)}. Look for a missing or a changed line, or ask for the export again."
            )
            self._fault(total, file, "amount", self._plain(total.stated), remedy, findings)
        elif total.lines is not None and total.lines != total.accepted_lines + total.quarantined_lines:
            count = total.accepted_lines + total.quarantined_lines
            remedy = (
                f"For {where} the ledger has {count} lines, the total names {total.lines}: ask for the export again."
            )
            self._fault(total, file, "lines", str(total.lines), remedy, findings)

    def _fault(self, total: _Total, file: str, column: str, value: str, remedy: str, findings: Findings) -> None:
        findings.report(ERROR, "control_totals", file, total.row, column, "control_total", value, remedy)

    def _money(self, cents: int) -> str:
        return money(cents, self._minor_digits)

    def _plain(self, cents: int) -> str:
        return self._money(cents).replace(",", "")


def _is_read(period: str | None) -> bool:
    """Does a line say its period, and in a year that is read?"""
    return period is not None and YEARS[0] <= period[:4] <= YEARS[1]


def _stated(stated: pd.DataFrame, rows: Sequence[int], *, debit_credit: bool) -> Iterable[_Total]:
    columns = [stated[name].tolist() for name in ("period", "site", "type", "amount_cents", "lines")]
    for row, period, site, kind, cents, lines in zip(rows, *columns, strict=True):
        yield _Total(
            int(row),
            str(period),
            ALL if pd.isna(site) else str(site),
            ALL if pd.isna(kind) else str(kind),
            int(cents),
            None if pd.isna(lines) else int(lines),
            debit_credit,
        )


def _with_accepted(total: _Total, sums: Iterable[tuple[str | None, str | None, int, int]]) -> _Total:
    mine = [
        (total.signed(kind, cents), count)
        for site, kind, cents, count in sums
        if total.site in (ALL, site) and total.type in (ALL, kind)
    ]
    return replace(total, accepted=sum(c for c, _ in mine), accepted_lines=sum(n for _, n in mine))


def _place(totals: Sequence[_Total], lines: Sequence[_Line]) -> list[_Total]:
    """Count the lines left out to the totals they belong to."""
    done = list(totals)
    movable: list[_Line] = []
    for line in lines:
        if line.cents is None:
            done = [replace(t, known=False) if line.may_belong(t) else t for t in done]
        elif line.placed:
            done = [_with_line(t, line) if line.may_belong(t) else t for t in done]
        else:
            movable.append(line)
    # Totals over sites and types overlap with those below them: each level places the lines for itself.
    for level in sorted({(t.site == ALL, t.type == ALL) for t in done}):
        mine = [k for k, t in enumerate(done) if (t.site == ALL, t.type == ALL) == level]
        _close(done, mine, movable)
    return done


def _close(totals: list[_Total], mine: Sequence[int], movable: Sequence[_Line]) -> None:
    """Place the lines without a certain place, at one level of totals, in the list itself."""
    rest = list(movable)
    for k in mine:
        if not totals[k].known or not totals[k].difference:
            continue
        chosen = _subset([line for line in rest if line.may_belong(totals[k])], totals[k])
        for line in chosen:
            totals[k] = _with_line(totals[k], line)
            rest.remove(line)
    for line in rest:
        own = [k for k in mine if totals[k].period == line.period and totals[k].covers(line.site, line.type)]
        if len(own) == 1:
            totals[own[0]] = _with_line(totals[own[0]], line)


def _with_line(total: _Total, line: _Line) -> _Total:
    cents = total.quarantined + total.signed(line.type, line.cents or 0)
    return replace(total, quarantined=cents, quarantined_lines=total.quarantined_lines + 1)


def _subset(lines: Sequence[_Line], total: _Total) -> tuple[_Line, ...]:
    """Return the lines that add up to what `total` lacks exactly, the fewest and first; none when no subset does."""
    sums: dict[int, tuple[_Line, ...]] = {0: ()}
    for line in lines:
        assert line.cents is not None  # lines without an amount are no candidates
        amount = total.signed(line.type, line.cents)
        for cents, chosen in list(sums.items()):
            longer = (*chosen, line)
            held = sums.get(cents + amount)
            if cents + amount != 0 and (held is None or len(longer) < len(held)):
                sums[cents + amount] = longer
        if len(sums) > _MOST_SUMS:
            break
    return sums.get(total.difference, ())


def _as_row(total: _Total) -> tuple[object, ...]:
    agrees = total.known and not total.difference
    return (
        total.period, total.site, total.type,
        total.stated, total.accepted, total.quarantined, total.difference, agrees, total.known,
    )  # fmt: skip

"""Anomalies: ledger lines that deserve a second look.

Flags only: nothing is edited, and a flag is a question, not a fault. What is certainly wrong has
been quarantined before. Each rule has a floor below which nothing is said, and leaves out what is
usual for its account, so that what remains can be read. Lines and history are added up in DuckDB;
only what is flagged comes to pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics.budget.ledger.lines import LINE, book, typed
from opsanalytics.formats import UNASSIGNED, counted, money, month_name, number
from opsanalytics.periods import Calendar, month_range, prior_year, shift

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: The rules, and what each finds.
RULES: Mapping[str, str] = MappingProxyType(
    {
        "wrong_period": "posted into a month after its close",
        "round_sum": "round sums where the account has few",
        "reversal_without_pair": "a reversal without its pair",
        "spike": "far from the line's own history",
        "duplicate_across_documents": "the same under two documents",
    }
)
CLOSE_DAYS = 5  # days after a month's end for which its books stay open
PAIR_MONTHS = 2  # a credit takes back what was booked in its own month or one of so many before
REPEAT_DAYS = 5  # two equal lines of different documents within so many days are one too many
ROUND, VERY_ROUND = 1_000, 10_000  # units; the second where the account has too few lines to know what is usual
FEW_LINES, RARE_SHARE = 10, 0.05
HABIT_LINES, HABIT_SHARE = 3, 0.8  # a text is one of accruals when so many of its lines, and this share, were reversed
USUAL_MONTHS = 3  # what an account does in so many months of its history is usual for it
ROBUST_Z, TO_SIGMA, MEAN_TO_SIGMA = 3.5, 0.6745, 1.2533  # Iglewicz and Hoaglin 1993
HISTORY_MONTHS = 36

_FLAG = ["rule", *LINE, "why", "others"]
_SAME = "cost_centre, account, amount_cents"


def ledger_flags(
    ledger: Path,
    accounts: pd.DataFrame,
    *,
    period: str,
    calendar: Calendar,
    months: int = 12,
    places: pd.DataFrame | None = None,
    floor_cents: int = 1_000_00,
    minor_digits: int = 2,
    top: int = 5,
) -> pd.DataFrame:
    """Which lines of `period` should somebody look at, and why?

    `ledger` is the checked Parquet file (document, line, posted_on, period, cost_centre, account, amount_cents, text);
    `accounts` has account and type: statistical accounts are not looked at, nor an amount below `floor_cents`, nor a
    later period. `places` (period, cost_centre, account) cuts the flags to an entity's lines. The history is the
    `months` before `period`. The rules:

    wrong_period: posted more than CLOSE_DAYS after its month's end: in `period` into one of the two months before
    (what is older is quarantined), or into `period` itself.
    round_sum: a multiple of 1,000 units where at most 5 % of the account's lines before are, of 10,000 where it has
    fewer than 10 of them (lines of the floor or more in the history, so that two of one month do not excuse each
    other); not an amount that the line has had before.
    reversal_without_pair: a credit for which neither its month nor the two before hold the opposite amount in its
    cost centre and account (each amount is taken back once), when it is larger than every such credit of the history
    there, or its text is one of reversals. And a line of the month before whose text is one of accruals without the
    opposite amount in `period`. A text, digits aside, is such a one when its account has at least 3 such lines in the
    history of which 80 % had their pair.
    spike: the month's total of an account and cost centre with |z| >= 3.5 against its up to 36 months before, at least
    `months` of them with lines: z = 0.6745 (x - median) / MAD; where MAD is 0, (x - median) / (1.2533 mean absolute
    deviation); where that is 0 too, any change. Where there is a same month of last year it must stand out from that
    too, on the same side, as far by z and half as far as from the median: a season is no spike. amount_cents is the
    total; document, line, text are empty.
    duplicate_across_documents: amount, cost centre, account and text as another document posted up to 5 days
    before, more documents of them than is usual in a month (the third highest count of the history, at least one) and
    than have been taken back since the first of them.

    Returns [rule, document, line, posted_on, period, cost_centre, account, amount_cents, text, why, others]: the `top`
    largest of each rule, the largest amount first; `others` counts those of the rule left out. Source of z and 3.5:
    B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers, ASQC 1993, section 3.3; round sums, late postings
    and equal lines are among the characteristics of journal entries to test in ISA 240, A45.
    """
    import duckdb

    said = _Sentences(minor_digits, months, floor_cents)
    with duckdb.connect() as con:
        _prepare(con, ledger, accounts, period, calendar, months, floor_cents)
        found: list[tuple[str, pd.DataFrame, Callable[[Any], str]]] = [
            ("wrong_period", _late(con, period), said.late),
            ("round_sum", _round_sums(con, period, 10**minor_digits), said.round_sum),
            ("reversal_without_pair", pd.concat([_credits(con, period), _accruals(con, period)]), said.unpaired),
            ("spike", _spikes(con, period, months, floor_cents), said.spike),
            ("duplicate_across_documents", _repeats(con, period), said.repeat),
        ]
    own = [(rule, _of(rows, places), sentence) for rule, rows, sentence in found]
    listed = [_explained(rule, rows, sentence, top) for rule, rows, sentence in own if len(rows)]
    flags = typed(pd.concat(listed, ignore_index=True) if listed else pd.DataFrame(columns=_FLAG))
    order = flags["amount_cents"].abs().sort_values(ascending=False, kind="stable").index
    return flags.loc[order].reset_index(drop=True)


def _of(rows: pd.DataFrame, places: pd.DataFrame | None) -> pd.DataFrame:
    if places is None:
        return rows
    place = ["period", "cost_centre", "account"]
    return rows[pd.MultiIndex.from_frame(rows[place]).isin(pd.MultiIndex.from_frame(places[place]))]


def _explained(rule: str, rows: pd.DataFrame, sentence: Callable[[Any], str], top: int) -> pd.DataFrame:
    """Keep the `top` largest flags of a rule, each with its sentence and how many are left out."""
    keys = ["size", "period", "cost_centre", "account", "posted_on", "document", "line"]
    ordered = rows.assign(size=rows["amount_cents"].abs())
    kept = ordered.sort_values(keys, ascending=[False, *[True] * 6], kind="stable").head(top)
    why = [sentence(row) for row in kept.itertuples(index=False)]
    return kept.assign(rule=rule, why=why, others=len(rows) - len(kept))[_FLAG]


# -- what the rules look at -------------------------------------------------------------------


def _prepare(
    con: DuckDBPyConnection,
    ledger: Path,
    accounts: pd.DataFrame,
    period: str,
    calendar: Calendar,
    months: int,
    floor_cents: int,
) -> None:
    """Make the relations that the rules ask.

    `lines`: those of the floor or more, of `period`, its history and the two months before that. `cells`: sums by
    month. `spans`: each month with the first that a pair of its may stand in, its next, its days, and whether it is
    history.
    """
    codes = accounts.loc[accounts["type"].isin(["revenue", "cost"]), "account"].fillna(UNASSIGNED).tolist()
    con.execute("CREATE TEMP TABLE chart AS SELECT unnest($1::VARCHAR[]) AS account", [codes])
    held = [period, shift(period, -months - PAIR_MONTHS)]
    con.execute(
        f"CREATE TEMP TABLE lines AS SELECT * FROM ({book(ledger)}) SEMI JOIN chart USING (account) "
        f"WHERE period <= ? AND period >= ? AND abs(amount_cents) >= {int(floor_cents)}",
        held,
    )
    con.execute(
        "CREATE TEMP TABLE cells AS SELECT period, cost_centre, account, CAST(sum(amount_cents) AS BIGINT) AS cents "
        f"FROM ({book(ledger)}) SEMI JOIN chart USING (account) WHERE period <= ? AND period >= ? GROUP BY ALL",
        [period, shift(period, -HISTORY_MONTHS)],
    )
    rows = [
        (
            *(month, shift(month, -PAIR_MONTHS), shift(month, 1)),
            *(pd.Timestamp(calendar.first_day(month)), pd.Timestamp(calendar.last_day(month))),
            shift(period, -months) <= month < period,
        )
        for month in month_range(held[1], period)
    ]
    spans = pd.DataFrame(rows, columns=["period", "since", "next", "opens", "closes", "history"])
    con.register("months", spans.astype(dict.fromkeys(("period", "since", "next"), "object")))
    con.execute("CREATE TEMP TABLE spans AS SELECT * FROM months")


def _late(con: DuckDBPyConnection, period: str) -> pd.DataFrame:
    return con.execute(
        "SELECT l.*, date_diff('day', s.closes, l.posted_on) AS days FROM lines l JOIN spans s USING (period), "
        "(SELECT opens, closes FROM spans WHERE period = $1) AS now "
        f"WHERE days > {CLOSE_DAYS} AND (l.period = $1 OR "
        "(l.posted_on >= now.opens AND l.posted_on < now.closes + INTERVAL 1 DAY))",
        [period],
    ).df()


def _round_sums(con: DuckDBPyConnection, period: str, unit: int) -> pd.DataFrame:
    con.execute(
        "CREATE TEMP TABLE rounds AS SELECT * FROM lines "
        f"WHERE period = ? AND amount_cents % {ROUND * unit} = 0 AND amount_cents <> 0",
        [period],
    )
    if _is_empty(con, "rounds"):
        return _nothing(con)
    return con.execute(
        f"""
        WITH before AS (SELECT l.* FROM lines l JOIN spans s USING (period) WHERE s.history),
        usual AS (SELECT account, count(*) AS n, count(*) FILTER (amount_cents % {ROUND * unit} = 0) AS others
                  FROM before GROUP BY account)
        SELECT r.*, coalesce(u.n, 0) AS n, coalesce(u.others, 0) AS others
        FROM rounds r LEFT JOIN usual u USING (account)
        WHERE CASE WHEN coalesce(u.n, 0) < {FEW_LINES} THEN r.amount_cents % {VERY_ROUND * unit} = 0
            ELSE u.others <= {RARE_SHARE} * u.n END
        AND ({_SAME}) NOT IN (SELECT ({_SAME}) FROM before)
        """,
    ).df()


def _kind(alias: str) -> str:
    """Return a line's text as its kind: without digits, which name the document, the month or the asset."""
    return f"regexp_replace(lower(trim({alias}.text)), '[0-9]+', '#', 'g')"


def _credits(con: DuckDBPyConnection, period: str) -> pd.DataFrame:
    """Credits of the month that take back nothing: larger than those before them there, or called a reversal."""
    return con.execute(
        f"""
        WITH credits AS (SELECT l.*, s.since, s.history FROM lines l JOIN spans s USING (period)
                         WHERE amount_cents < 0 AND (s.history OR period = $1)),
        paired AS (
            SELECT n.document, n.line, n.posted_on, n.period, n.cost_centre, n.account, n.amount_cents, n.text,
                n.history, {_kind("n")} AS kind, count(p.period) AS pairs
            FROM credits n LEFT JOIN lines p ON p.cost_centre = n.cost_centre AND p.account = n.account
                AND p.amount_cents = -n.amount_cents AND p.period >= n.since AND p.period <= n.period
            GROUP BY ALL),
        placed AS (SELECT document, line, row_number() OVER (PARTITION BY {_SAME} ORDER BY posted_on, document, line)
                   AS place FROM credits WHERE period >= $2),
        before AS (SELECT cost_centre, account, max(-amount_cents) AS largest FROM paired
                   WHERE history AND pairs = 0 GROUP BY ALL),
        habits AS (SELECT account, kind, count(*) AS n, count(*) FILTER (pairs > 0) AS kept FROM paired
                   WHERE history AND kind IS NOT NULL GROUP BY ALL
                   HAVING n >= {HABIT_LINES} AND kept >= {HABIT_SHARE} * n)
        SELECT p.*, coalesce(b.largest, 0) AS largest, coalesce(h.n, 0) AS n, coalesce(h.kept, 0) AS kept,
            'original' AS lacks
        FROM paired p JOIN placed USING (document, line)
        LEFT JOIN before b USING (cost_centre, account) LEFT JOIN habits h USING (account, kind)
        WHERE p.period = $1 AND place > pairs AND (-p.amount_cents > coalesce(b.largest, 0) OR h.n IS NOT NULL)
        """,
        [period, shift(period, -PAIR_MONTHS)],
    ).df()


def _accruals(con: DuckDBPyConnection, period: str) -> pd.DataFrame:
    """Lines of the month before that are called as accruals are, which this month should have reversed."""
    con.execute(
        f"""
        CREATE TEMP TABLE reversals AS
        SELECT s.period, r.cost_centre, r.account, -r.amount_cents AS cents, count(*) AS pairs
        FROM lines r JOIN spans s ON s.next = r.period WHERE r.amount_cents < 0 AND s.history GROUP BY ALL;
        CREATE TEMP TABLE habits AS
        WITH reversed AS (SELECT a.account, {_kind("a")} AS kind, count(*) AS kept FROM lines a JOIN reversals r
            ON r.period = a.period AND r.cost_centre = a.cost_centre AND r.account = a.account
            AND r.cents = a.amount_cents WHERE a.text IS NOT NULL AND a.period < '{shift(period, -1)}' GROUP BY ALL
            HAVING count(*) >= {HABIT_LINES}),
        named AS (SELECT l.account, {_kind("l")} AS kind FROM lines l JOIN spans USING (period)
            WHERE history AND l.period < '{shift(period, -1)}' AND l.amount_cents > 0
            AND l.account IN (SELECT account FROM reversed))
        SELECT account, kind, count(*) AS n, any_value(kept) AS kept FROM named JOIN reversed USING (account, kind)
        GROUP BY ALL HAVING any_value(kept) >= {HABIT_SHARE} * count(*)
        """
    )
    if _is_empty(con, "habits"):
        return _nothing(con)
    return con.execute(
        f"""
        WITH due AS (SELECT l.*, h.n, h.kept, row_number() OVER (PARTITION BY l.cost_centre, l.account, l.amount_cents
                         ORDER BY l.posted_on, l.document, l.line) AS place
                     FROM lines l JOIN habits h ON h.account = l.account AND h.kind = {_kind("l")}
                     WHERE l.period = $2 AND l.amount_cents > 0)
        SELECT d.*, 0 AS largest, 'reversal' AS lacks FROM due d LEFT JOIN reversals r ON r.period = d.period
            AND r.cost_centre = d.cost_centre AND r.account = d.account AND r.cents = d.amount_cents
        WHERE d.place > coalesce(r.pairs, 0) AND EXISTS (SELECT 1 FROM cells WHERE period = $1)
        """,
        [period, shift(period, -1)],
    ).df()


def _spikes(con: DuckDBPyConnection, period: str, months: int, floor_cents: int) -> pd.DataFrame:
    found = con.execute(
        f"""
        WITH usual AS (SELECT cost_centre, account, count(*) AS n, median(cents) AS middle, mad(cents) AS spread
                       FROM cells WHERE period < $1 GROUP BY ALL HAVING count(*) >= {int(months)}),
        mean AS (SELECT cost_centre, account, avg(abs(cents - middle)) AS deviation FROM cells
                 JOIN usual USING (cost_centre, account) WHERE period < $1 GROUP BY ALL),
        scaled AS (SELECT u.*, CASE WHEN spread > 0 THEN spread / {TO_SIGMA}
                                    ELSE {MEAN_TO_SIGMA} * deviation END AS sigma
                   FROM usual u JOIN mean USING (cost_centre, account)),
        largest AS (SELECT cost_centre, account, document, amount_cents AS cents FROM lines WHERE period = $1
                    QUALIFY row_number() OVER (PARTITION BY cost_centre, account
                    ORDER BY abs(amount_cents) DESC, posted_on, document, line) = 1)
        SELECT c.period, c.cost_centre, c.account, c.cents AS amount_cents, s.n, s.middle, s.sigma,
            coalesce(y.cents, 0) AS year_ago, y.cents IS NOT NULL AS has_year_ago,
            coalesce(l.document, '') AS behind, coalesce(l.cents, 0) AS behind_cents
        FROM cells c JOIN scaled s USING (cost_centre, account)
        LEFT JOIN (SELECT * FROM cells WHERE period = $2) y USING (cost_centre, account)
        LEFT JOIN largest l USING (cost_centre, account)
        WHERE c.period = $1 AND abs(c.cents - s.middle) >= greatest({ROBUST_Z} * s.sigma, {int(floor_cents)}, 1)
        AND (y.cents IS NULL OR sign(c.cents - s.middle) * (c.cents - y.cents)
             >= greatest({ROBUST_Z} * s.sigma, {int(floor_cents)}, abs(c.cents - s.middle) / 2))
        """,
        [period, prior_year(period)],
    ).df()
    return found.assign(document="", line="", text="", posted_on=pd.Series(pd.NaT, found.index))


def _repeats(con: DuckDBPyConnection, period: str) -> pd.DataFrame:
    same, words = f"{_SAME}, words", "coalesce(lower(trim(text)), '') AS words"
    con.execute(
        f"CREATE TEMP TABLE repeated AS SELECT {_SAME}, {words} FROM lines WHERE period IN (?, ?) GROUP BY ALL "
        "HAVING count(*) > 1 AND min(document) <> max(document)",
        [period, shift(period, -1)],
    )
    if _is_empty(con, "repeated"):
        return _nothing(con)
    return con.execute(
        f"""
        WITH documents AS (
            SELECT max(period) AS period, {same}, document, min(line) AS line, min(posted_on) AS posted_on,
                any_value(text) AS text
            FROM (SELECT *, {words} FROM lines) JOIN repeated USING ({same}) GROUP BY document, {same}),
        months AS (SELECT {same}, period, count(*) AS n FROM documents JOIN spans USING (period)
                   WHERE history GROUP BY ALL),
        usual AS (SELECT {same}, coalesce(list_reverse_sort(list(n))[{USUAL_MONTHS}], 0) AS often
                  FROM months GROUP BY ALL),
        now AS (SELECT d.*, lag(document) OVER earlier AS other, lag(posted_on) OVER earlier AS other_on,
                    coalesce(often, 0) AS often,
                    CASE WHEN often > 0 THEN row_number() OVER own ELSE row_number() OVER earlier END AS copy,
                    CASE WHEN often > 0 THEN min(posted_on) OVER own ELSE min(posted_on) OVER earlier END AS first_on
                FROM documents d LEFT JOIN usual USING ({same}) WHERE period IN ($1, $2)
                WINDOW earlier AS (PARTITION BY {same} ORDER BY posted_on, document),
                    own AS (PARTITION BY period, {same} ORDER BY posted_on, document))
        SELECT a.*, date_diff('day', other_on, posted_on) AS days, (SELECT count(*) FROM lines c
                WHERE c.cost_centre = a.cost_centre AND c.account = a.account
                AND c.amount_cents = -a.amount_cents AND c.posted_on >= a.first_on) AS back
        FROM now a WHERE a.period = $1 AND days <= {REPEAT_DAYS} AND a.copy > greatest(a.often, 1) + back
        """,
        [period, shift(period, -1)],
    ).df()


def _is_empty(con: DuckDBPyConnection, relation: str) -> bool:
    return not con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchall()


def _nothing(con: DuckDBPyConnection) -> pd.DataFrame:
    return con.execute("SELECT * FROM lines LIMIT 0").df()


class _Sentences:
    """Says of a flagged row why it is flagged, with the numbers."""

    def __init__(self, minor_digits: int, months: int, floor_cents: int) -> None:
        self._digits, self._history = minor_digits, f"in the {months} months before"
        self._floor = self._money(floor_cents)

    def _money(self, cents: float) -> str:
        return money(cents, self._digits)

    def late(self, row: Any) -> str:
        days = counted(int(row.days), "day")
        return f"Posted {days} after the end of {month_name(row.period)}; its books close {CLOSE_DAYS} days after it."

    def round_sum(self, row: Any) -> str:
        whole = row.amount_cents // 10**self._digits
        unit = next(unit for unit in (1_000_000, 100_000, VERY_ROUND, ROUND) if whole % unit == 0)
        if not row.n:
            return f"A multiple of {number(unit)}; the account has no line of {self._floor} or more {self._history}."
        lines = f"the account's {counted(int(row.n), 'line')} of {self._floor} or more {self._history}"
        return f"A multiple of {number(unit)}; of {lines} {int(row.others)} are multiples of {number(ROUND)}."

    def unpaired(self, row: Any) -> str:
        habit = f"{int(row.kept)} of {counted(int(row.n), 'line')} of this text had their pair {self._history}"
        if row.lacks == "reversal":
            return f"Not reversed in the month after {month_name(row.period)}; {habit}."
        lacks = f"Neither this month nor the {PAIR_MONTHS} before hold the amount that it takes back"
        if row.n:
            return f"{lacks}; {habit}."
        least = f"the largest such credit here {self._history} was {self._money(-row.largest)}"
        none = f"no such credit here {self._history} was of {self._floor} or more"
        return f"{lacks}; {least if row.largest else none}."

    def spike(self, row: Any) -> str:
        usual = f"{self._money(row.amount_cents)} against {self._money(row.middle)}, the median of {int(row.n)} months"
        z = (row.amount_cents - row.middle) / row.sigma if row.sigma else 0.0
        far = "all alike" if not row.sigma else f"robust z {number(z, 1)}" if abs(z) < 100 else "robust z beyond 100"
        ago = f"; {month_name(prior_year(row.period))} had {self._money(row.year_ago)}" if row.has_year_ago else ""
        line = f" Largest line: {row.behind}, {self._money(row.behind_cents)}." if row.behind else ""
        return f"{usual} ({far}){ago}.{line}"

    def repeat(self, row: Any) -> str:
        when = f"{counted(int(row.days), 'day')} before" if row.days else "the same day"
        back = f"fewer of them ({int(row.back)}) taken back since" if row.back else "not taken back since"
        return f"Amount, cost centre, account and text as {row.other}, posted {when}, and {back}."

"""Lines: the ledger lines that stand behind a variance.

The checked ledger is a Parquet file that DuckDB reads; only the few lines asked for come to pandas.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from opsanalytics.formats import UNASSIGNED
from opsanalytics.periods import Calendar

LINE = ("document", "line", "posted_on", "period", "cost_centre", "account", "amount_cents", "text")
_LARGEST = ["dimension", "item", "item2", "rank", *LINE]
_BEHIND = ("pl_line", "cost_centre", "account")


def largest_lines(
    ledger: Path, variances: pd.DataFrame, places: pd.DataFrame, *, period: str, calendar: Calendar, top: int = 5
) -> pd.DataFrame:
    """Which ledger lines of the year to date stand behind each material variance against plan?

    `variances` (dimension, item, item2, horizon, reference, material) are those of `budget_variance`; `places` (period,
    cost_centre, account, pl_line, type) says where the entity's lines count, one row for each place. Asked of P&L
    lines, cost centres and accounts, split by type (item2). Two lines of opposite amounts in one cost centre and
    account (an accrual and its reversal) cancel in the year to date: both are left out, each amount once.

    Returns [dimension, item, item2, rank, document, line, posted_on, period, cost_centre, account, amount_cents, text]:
    the `top` largest lines by absolute amount behind each, dimension by dimension. Raises LookupError when a place
    stands twice.
    """
    import duckdb

    chosen = variances["material"] & (variances["horizon"] == "ytd") & (variances["reference"] == "PL")
    wanted = variances.loc[chosen & variances["dimension"].isin(_BEHIND), ["dimension", "item", "item2"]]
    place = ["period", "cost_centre", "account"]
    if places.duplicated(place).any():
        twice = places.loc[places.duplicated(place), place].iloc[0].tolist()
        raise LookupError(f"The place {', '.join(map(str, twice))} stands twice: give each one pl_line and type.")
    if wanted.empty:
        return typed(pd.DataFrame(columns=_LARGEST))
    to_date = calendar.months(period, "ytd")
    with duckdb.connect() as con:
        con.register("wanted", wanted.astype("object"))
        con.register("places", places.loc[places["period"].isin(to_date), [*place, "pl_line", "type"]].astype("object"))
        con.execute(
            f"CREATE TEMP TABLE lines AS SELECT b.*, p.pl_line, p.type FROM ({book(ledger)}) b "
            "JOIN places p USING (period, cost_centre, account)"
        )
        con.execute(_UNCANCELLED)
        rows = con.execute(" UNION ALL ".join(_behind(by, top) for by in _BEHIND)).df()
    order = {dimension: k for k, dimension in enumerate(_BEHIND)}
    rows = rows.assign(order=rows["dimension"].map(order)).sort_values(
        ["order", "item", "item2", "rank"], kind="stable"
    )
    return typed(rows[_LARGEST]).reset_index(drop=True)


#: Lines of which the year to date holds the opposite amount too lose as many as there are of the rarer sign.
_UNCANCELLED = """
CREATE TEMP TABLE standing AS
WITH negative AS (SELECT cost_centre, account, -amount_cents AS cents, count(*) AS n FROM lines
                  WHERE amount_cents < 0 GROUP BY ALL),
twosided AS (SELECT l.cost_centre, l.account, n.cents, least(count(*), any_value(n.n)) AS pairs FROM lines l
             JOIN negative n ON l.cost_centre = n.cost_centre AND l.account = n.account AND l.amount_cents = n.cents
             GROUP BY ALL),
marked AS (SELECT l.*, t.pairs, row_number() OVER (PARTITION BY l.cost_centre, l.account, l.amount_cents
                                                   ORDER BY l.posted_on, l.document, l.line) AS place
           FROM lines l JOIN twosided t
           ON l.cost_centre = t.cost_centre AND l.account = t.account AND abs(l.amount_cents) = t.cents)
SELECT * EXCLUDE (pairs, place) FROM marked WHERE place > pairs
UNION ALL
SELECT l.* FROM lines l ANTI JOIN twosided t
ON l.cost_centre = t.cost_centre AND l.account = t.account AND abs(l.amount_cents) = t.cents
"""


def _behind(dimension: str, top: int) -> str:
    return (
        f"SELECT w.dimension, w.item, w.item2, s.*, row_number() OVER (PARTITION BY w.item, w.item2 "
        "ORDER BY abs(s.amount_cents) DESC, s.posted_on, s.document, s.line) AS rank "
        f"FROM standing s JOIN wanted w ON w.dimension = '{dimension}' AND w.item = s.{dimension} AND w.item2 = s.type "
        f"QUALIFY rank <= {int(top)}"
    )


def book(ledger: Path) -> str:
    """Return the checked ledger's lines as a query; the path's own brackets and stars are no pattern."""
    path = re.sub(r"([\[*?])", r"[\1]", str(ledger)).replace("'", "''")
    codes = ", ".join(f"coalesce({name}, '{UNASSIGNED}') AS {name}" for name in ("cost_centre", "account"))
    texts = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in ("document", "line"))
    when = "CAST(posted_on AS TIMESTAMP) AS posted_on, period"
    return f"SELECT {texts}, {when}, {codes}, amount_cents, text FROM read_parquet('{path}')"


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return lines with their types: money and counts int64, days datetime64, all else text, blank where missing."""
    kinds = dict.fromkeys(("amount_cents", "others", "rank"), "int64") | {"posted_on": "datetime64[us]"}
    own = {str(name): kinds.get(str(name), "str") for name in frame.columns}
    texts = {name: frame[name].astype("object").fillna("") for name, kind in own.items() if kind == "str"}
    return frame.assign(**texts).astype(own)

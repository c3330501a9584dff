"""Words: what a comparison of two runs found, line by line. Names from the data are text, never markup or control."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from opsanalytics.batch.comparison.causes import UNEXPLAINED
from opsanalytics.batch.comparison.figures import IN_BOTH, ONLY_A, ONLY_B, RELATIVE_TOLERANCE
from opsanalytics.batch.comparison.rows import CHANGED, TableRows
from opsanalytics.formats import counted, entity_name, is_missing, listed, money, number, shorten

if TYPE_CHECKING:
    import pandas as pd

    from opsanalytics.batch.comparison import Comparison

Record = Mapping[str, Any]

#: How many of the differing figures are listed; all are counted.
LISTED = 40

_DIGITS = 17  # a float needs no more
_WIDTH = 60
_CAUSES = "causes"
_NAMES = {"y": "volume", "currency_cents": "amount in its currency"}
_CONTEXT = {"ledger": ("account", "cost_centre", "period"), "demand": ("unit",)}


def lines(comparison: Comparison) -> list[str]:
    """Say what differs between two runs: how much, by which causes, which rows changed, and figure by figure.

    Figures without a cause come first, then the largest difference first. Each line stands for itself.
    """
    return [
        *_count(comparison),
        *_causes(comparison),
        *(line for rows in comparison.rows for line in _rows(rows, comparison)),
        *_figures(comparison),
    ]


def _count(comparison: Comparison) -> list[str]:
    found = comparison.differences
    said = [
        f"A is {plain(comparison.a.folder, 200)}, B is {plain(comparison.b.folder, 200)}, both of "
        f"{comparison.a.period}. {counted(comparison.compared, 'figure')} compared: money to the cent, others within "
        f"{RELATIVE_TOLERANCE:g} of the larger."
    ]
    if comparison.same:
        return [*said, "No figure differs."]
    only = found["only"].value_counts()
    parts = [f"{counted(int(only[side]), 'figure')} only in {side}" for side in (ONLY_A, ONLY_B) if side in only]
    differ = "1 figure differs" if len(found) == 1 else f"{counted(len(found), 'figure')} differ"
    said.append(f"{differ}{f', of them {listed(parts)}' if parts else ''}.")
    alarming = comparison.causes.get(UNEXPLAINED, 0)
    if alarming:
        be = "1 figure differs" if alarming == 1 else f"{counted(alarming, 'figure')} differ"
        said.append(
            f"{be} although the runs have the {UNEXPLAINED.what}. Trust neither run until this is explained: "
            "keep both folders, and show them to whoever keeps this workbook."
        )
    return said


def _causes(comparison: Comparison) -> list[str]:
    said = []
    for cause, figures in comparison.causes.items():
        effect = f"{counted(figures, 'figure')} that may differ by it" if figures else "no figure differs by it"
        if cause != UNEXPLAINED:
            said.append(f"{plain(cause.text, 400)} ({effect})")
    return said


def _rows(rows: TableRows, comparison: Comparison) -> list[str]:
    if not rows.total:
        alike = f"{rows.table}: no row differs"
        return [f"{alike}; only one run has {listed(rows.apart)}." if rows.apart else f"{alike}, only its file."]
    parts = [f"{count:,} {what}" for what, count in rows.counts.items()]
    rest = rows.total - len(rows.listed)
    more = f"; the {len(rows.listed)} largest changes are listed" if rest else ""
    be = "1 row differs" if rows.total == 1 else f"{counted(rows.total, 'row')} differ"
    said = [f"{rows.table}: {be} ({listed(parts)}){more}."]
    digits = (comparison.a.minor_digits, comparison.b.minor_digits)
    return said + [_row(rows, row, digits) for row in _records(rows.listed)]


def _records(frame: pd.DataFrame) -> list[Record]:
    return cast("list[Record]", frame.to_dict("records"))


def _row(rows: TableRows, row: Record, digits: tuple[int, int]) -> str:
    """Write one row: "ledger JE-00123 line 2: amount 1,200.00 -> 1,250.00, account 6100, cost centre 210, 2026-09"."""
    side = "b" if row["what"] == "only in B" else "a"
    key = {name: _cell(name, row[f"{side}_{name}"], digits[0]) for name in rows.key}
    where = ", ".join(key.values()) if rows.table != "ledger" else f"{key['document']} line {key['line']}"
    rest = [name for name in rows.columns if name not in rows.key]
    if row["what"] == CHANGED:
        said = [_change(name, row, digits) for name in rest if _differs(row[f"a_{name}"], row[f"b_{name}"])]
        rest = [name for name in _CONTEXT.get(rows.table, ()) if not _differs(row[f"a_{name}"], row[f"b_{name}"])]
    else:
        amounts = sorted(rest, key=lambda name: not name.endswith("_cents"))
        said, rest = [], [name for name in amounts if _says_something(name, row[f"{side}_{name}"])]
    said += [_named(name, _cell(name, row[f"{side}_{name}"], digits[side == "b"])) for name in rest]
    only = "" if row["what"] == CHANGED else f"{row['what']}: "
    return f"{rows.table} {where}: {only}{', '.join(said)}"


def _says_something(name: str, value: object) -> bool:
    return not (is_missing(value) or value is False or (name == "currency_cents" and value == 0))


def _change(name: str, row: Record, digits: tuple[int, int]) -> str:
    a, b = (_cell(name, row[f"{side}_{name}"], digits[side == "b"]) for side in "ab")
    return _named(name, f"{a} -> {b}")


def _named(name: str, text: str) -> str:
    label = _NAMES.get(name, name.removesuffix("_cents").replace("_", " "))
    return text if name == "period" else f"{label} {text}"


def _differs(a: object, b: object) -> bool:
    return is_missing(a) != is_missing(b) or (not is_missing(a) and a != b)


def _cell(name: str, value: Any, digits: int) -> str:
    if is_missing(value):
        return "(blank)"
    if name.endswith("_cents"):
        return money(value, digits)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return _exact(value)
    return plain(value, _WIDTH) or "(blank)"


def _exact(value: float) -> str:
    """Write a number with as few decimals as it has."""
    return next((text for digits in range(_DIGITS) if float((text := number(value, digits)).replace(",", "")) == value),
                number(value, _DIGITS))  # fmt: skip


def _figures(comparison: Comparison) -> list[str]:
    found = comparison.differences
    digits = (comparison.a.minor_digits, comparison.b.minor_digits)
    apart = found["causes"].nunique() > 1  # one and the same cause of all has been said
    said = [
        f"{_figure(row, digits)}{f'; {plain(row[_CAUSES], 400)}' if apart else ''}"
        for row in _records(found.head(LISTED))
    ]
    rest = len(found) - len(said)
    return [*said, f"and {counted(rest, 'smaller difference')}"] if rest else said


def _figure(row: Record, digits: tuple[int, int]) -> str:
    a, b, by = _pair(row, digits)
    if row["only"] != IN_BOTH:
        change = f"{a if row['only'] == ONLY_A else b} {plain(row['unit'], _WIDTH)} only in {row['only']}"
    else:
        change = f"{a} -> {b} {plain(row['unit'], _WIDTH)}{f' ({by})' if by else ''}"
    return f"{_which(row)}: {change}"


def _pair(row: Record, digits: tuple[int, int]) -> tuple[str, str, str]:
    """Write a figure of both runs, and by how much it differs; a float with the decimals that it takes to see it."""
    cents = row["cents_a"], row["cents_b"]
    if not all(is_missing(value) for value in cents):
        known = not any(is_missing(value) for value in cents) and digits[0] == digits[1]
        by = money(cents[1] - cents[0], digits[0], signed=True) if known else ""
        return money(cents[0], digits[0]), money(cents[1], digits[1]), by
    a, b = row["value_a"], row["value_b"]
    for places in range(2, _DIGITS):
        if number(a, places) != number(b, places):
            break
    by = "" if is_missing(a) or is_missing(b) else number(b - a, places, signed=True)
    return number(a, places), number(b, places), by


def _which(row: Record) -> str:
    """Name a figure by all of its key: "budget_variance all sites 2026-10: variance ytd, pl_line Payroll, AC to PL"."""
    parts = [" ".join(filter(None, (row["measure"], row["horizon"])))]
    parts += [
        f"{row[kind]} {row[item]}" for kind, item in (("dimension", "item"), ("dimension2", "item2")) if row[kind]
    ]
    parts.append(" to ".join(filter(None, (row["scenario"], row["reference"]))))
    if not is_missing(row["quantile"]):
        parts.append(f"quantile {row['quantile']:g}")
    named = ", ".join(plain(part, _WIDTH) for part in parts if part)
    return f"{row['report']} {plain(entity_name(row['entity']), _WIDTH)} {row['period']}, {named}"


def plain(text: object, width: int) -> str:
    """Return one line of printable text: a control character from the data never reaches a terminal."""
    return shorten("".join(letter if letter.isprintable() else " " for letter in str(text)), width)

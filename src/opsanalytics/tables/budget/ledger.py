"""What the ledger itself says: months restated since the last pack, lines that look wrong, lines that weigh most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opsanalytics.budget.result import rows_of
from opsanalytics.formats import (
    DIMENSIONS,
    FLAGS,
    MEASURES,
    STEPS,
    counted,
    is_missing,
    listed,
    month_name,
    shorten,
    verdict,
    word,
)
from opsanalytics.tables.budget.parts import (
    largest_first,
    measure_order,
    names_of,
    speaker,
    unit_of,
    writer,
)
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_NAME = 40
_DAY = "%d %b %Y"


def restatement_sentence(variance: BudgetVariance) -> str:
    """What changed in months that were reported already, and what does that do to the year to date?"""
    if variance.movement.empty and variance.restated.empty:
        return "Restatements are off: no earlier pack is on record."
    rows, recoded = (rows_of(variance.restated, kind=kind) for kind in ("restated", "recoded"))
    if rows.empty and len(recoded):
        return f"Nothing was restated: {counted(len(recoded), 'line')} of months reported before changed account only."
    if rows.empty:
        return "Nothing was restated: every month reported before is as it was."
    speak = speaker(variance)
    months = listed([month_name(str(period)) for period in sorted(rows["period"].unique())])
    text = f"Restated since the last pack: {counted(len(rows), 'line')} of {months}"
    moved = rows_of(variance.movement, measure="result")
    if moved.empty:
        return paragraph([f"{text}, {speak(int(rows['effect_cents'].sum()), signed=True)} on the results of then."])
    cents = {kind: int(rows_of(moved, kind=kind)["cents"].sum()) for kind in ("prior_ytd", "restatement", "ytd")}
    text += f", {speak(cents['restatement'], signed=True)} on the result of the year to date"
    also = "" if rows_of(moved, kind="structure").empty else " and a changed chart or structure"
    way = f"went from {speak(cents['prior_ytd'])} to {speak(cents['ytd'])}"
    return paragraph([f"{text}, which with the months since{also} {way}."])


def restated_table(variance: BudgetVariance, *, top: int | None = None) -> pd.DataFrame:
    """List what changed by month and line, the largest first; with `top` the others are one row.

    Columns: Month, Cost centre, Account, P&L line, Reported, Now, Change, Effect.
    """
    rows = variance.restated
    heads = ["Month", "Cost centre", "Account", "P&L line"]
    if rows.empty:
        return text_frame([], [*heads, "Reported", "Now", "Change", "Effect"])
    rows = largest_first(rows, "change_cents", "period", "cost_centre", "account", "department", "site")
    unit, name = unit_of(variance, rows["prior_cents"], rows["now_cents"], rows["change_cents"])
    write, names = writer(variance, unit), names_of(variance)
    shown = rows if top is None else rows.iloc[:top]
    lines = []
    for _, r in shown.iterrows():
        places = [_named(names, dimension, r[dimension]) for dimension in ("cost_centre", "account")]
        amounts = [write(r["prior_cents"]), write(r["now_cents"]), write(r["change_cents"], signed=True)]
        effect = verdict(int(r["effect_cents"]))
        lines.append([month_name(str(r["period"])), *places, str(r["pl_line"]), *amounts, effect])
    rest = rows.iloc[len(shown) :]
    for kind, part in rest.groupby("type"):
        cents = [int(part[column].sum()) for column in ("prior_cents", "now_cents", "change_cents")]
        amounts = [write(cents[0]), write(cents[1]), write(cents[2], signed=True)]
        effect = verdict(int(part["effect_cents"].sum()))
        lines.append([f"Others, {kind} ({len(part)})", "", "", "", *amounts, effect])
    money = [f"{head} {name}" for head in ("Reported", "Now", "Change")]
    return text_frame(lines, [*heads, *money, "Effect"])


def movement_table(variance: BudgetVariance) -> pd.DataFrame:
    """Lead from the last pack's year to date to this one: what was restated, and what is new.

    Columns: Measure, Step, Amount. The levels stand without a sign, the changes between them with theirs.
    """
    rows = variance.movement
    if rows.empty:
        return text_frame([], ["Measure", "Step", "Amount"])
    rows = measure_order(rows.sort_values("step", kind="stable"))
    unit, name = unit_of(variance, rows["cents"])
    write = writer(variance, unit)
    lines = []
    for _, r in rows.iterrows():
        level = r["kind"] in ("prior_ytd", "ytd")
        month = "" if is_missing(r.get("period")) or not r["period"] else f": {month_name(str(r['period']))}"
        lines.append([MEASURES[r["measure"]], word(STEPS, r["kind"]) + month, write(r["cents"], signed=not level)])
    return text_frame(lines, ["Measure", "Step", f"Amount {name}"])


def flags_sentence(variance: BudgetVariance) -> str:
    """Which ledger lines look wrong, by which rules? They are named and never changed."""
    rows = variance.flags
    if rows.empty:
        return "No ledger line is flagged."
    counts = _flag_counts(rows)
    said = [f"{word(FLAGS, rule)} ({count:,})" for rule, count in counts.items()]
    return paragraph([f"{counted(sum(counts.values()), 'flag')}: {listed(said)}."])


def flags_table(variance: BudgetVariance, *, top: int | None = None) -> pd.DataFrame:
    """List the flagged lines with the reason, the largest first; the last row counts those that are not listed.

    Columns: Rule, Document, line and text, Month, Cost centre and account, Amount, Why. A spike is a month of an
    account at a cost centre, and names no document.
    """
    rows = largest_first(variance.flags, "amount_cents", "document", "line", "rule")
    shown = rows if top is None else rows.iloc[:top]
    heads = ["Rule", "Document, line, text", "Month", _BOOKED]
    if rows.empty:
        return text_frame([], [*heads, "Amount", "Why"])
    unit, name = unit_of(variance, shown["amount_cents"])
    write, names = writer(variance, unit), names_of(variance)
    lines = [
        [
            word(FLAGS, r["rule"]),
            _joined(_document(r), _text(r["text"])),
            month_name(str(r["period"])),
            _booked(names, r),
            write(r["amount_cents"]),
            str(r["why"]),
        ]
        for _, r in shown.iterrows()
    ]
    left_out = sum(_flag_counts(rows).values()) - len(shown)
    if left_out:
        lines.append([f"Others ({left_out:,})", *[""] * (len(heads) + 1)])
    return text_frame(lines, [*heads, f"Amount {name}", "Why"])


def largest_table(variance: BudgetVariance, dimension: str = "pl_line", *, top: int = 3) -> pd.DataFrame:
    """Which ledger lines stand behind each material variance? The `top` largest of each, the largest variance first.

    Columns: the item, Document and line, Posted on, Cost centre and account, Amount, Text. Type follows the item where
    one stands under both, and the day is followed by the month of a line that is booked to another one.
    """
    rows = rows_of(variance.largest, dimension=dimension)
    heads = [_LINE, "Posted on", _BOOKED]
    if rows.empty:
        return text_frame([], [DIMENSIONS[dimension], *heads, "Amount", "Text"])
    rows = rows[rows["rank"] <= top]
    sizes = rows_of(variance.comparable, dimension=dimension, horizon="ytd", reference="PL")
    size = {(i, t): -abs(int(c)) for i, t, c in zip(sizes["item"], sizes["item2"], sizes["effect_cents"], strict=True)}
    keys = [size.get(key, 0) for key in zip(rows["item"], rows["item2"], strict=True)]
    rows = rows.assign(size=keys).sort_values(["size", "item", "item2", "rank"], kind="stable")
    unit, name = unit_of(variance, rows["amount_cents"])
    write, names = writer(variance, unit), names_of(variance)
    typed = bool((rows.groupby("item")["item2"].nunique() > 1).any())
    lines = [
        [
            _named(names, dimension, r["item"]),
            *([str(r["item2"])] if typed else []),
            _document(r),
            _posted(r),
            _booked(names, r),
            write(r["amount_cents"]),
            _text(r["text"]),
        ]
        for _, r in rows.iterrows()
    ]
    first = [DIMENSIONS[dimension], *(["Type"] if typed else [])]
    return text_frame(lines, [*first, *heads, f"Amount {name}", "Text"])


def _flag_counts(flags: pd.DataFrame) -> dict[str, int]:
    """Count the flags of each rule, those beyond the list included, the most frequent first."""
    counts = flags.groupby("rule").agg(listed=("rule", "size"), others=("others", "max")).sum(axis=1)
    ranked = counts.reset_index(name="flags").sort_values(["flags", "rule"], ascending=[False, True], kind="stable")
    return {str(rule): int(count) for rule, count in zip(ranked["rule"], ranked["flags"], strict=True)}


_LINE, _BOOKED = "Document, line", "Cost centre, account"


def _document(row: pd.Series) -> str:
    """Write which line of which document it is; nothing for what is not one line."""
    return _joined(_text(row["document"]), _text(row["line"]))


def _posted(row: pd.Series) -> str:
    """Write the day of posting, and the month where the line is booked to another one."""
    month = month_name(str(row["period"]))
    if is_missing(row["posted_on"]):
        return month
    day = pd.Timestamp(row["posted_on"]).strftime(_DAY)
    return day if day.endswith(month) else f"{day} for {month}"


def _booked(names: dict[tuple[str, str], str], row: pd.Series) -> str:
    """Write cost centre and account by code and name; a long name is cut, its code says which it is."""
    places = [(dimension, _text(row[dimension])) for dimension in ("cost_centre", "account")]
    return _joined(*(shorten(names.get(place, place[1]), _NAME) for place in places))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _named(names: dict[tuple[str, str], str], dimension: str, item: object) -> str:
    return names.get((dimension, str(item)), str(item))


def _text(value: object) -> str:
    return "" if is_missing(value) else str(value)

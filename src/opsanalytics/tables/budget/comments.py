"""Words beside words: what the numbers say of each material variance, and what an analyst wrote about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from opsanalytics.budget.commentary import COMMENTED, EARLIER, NO_AMOUNT, STALE
from opsanalytics.budget.result import rows_of
from opsanalytics.formats import MEASURES, TOTAL, counted, is_missing, month_name
from opsanalytics.tables.budget.parts import names_of, unit_of, variances, writer
from opsanalytics.tables.layout import paragraph, text_frame

if TYPE_CHECKING:
    from opsanalytics.budget import BudgetVariance

_HEADS = ["Item", "Draft from the numbers", "Comment", "Written by", "State"]
_STATES = {NO_AMOUNT: "no amount: never goes stale"}


def comments_sentence(variance: BudgetVariance) -> str:
    """Is each material variance explained, and do the comments still hold?"""
    rows = variances(variance, "pl_line", "ytd", "PL")
    material = rows[rows["material"].astype(bool)] if len(rows) else rows
    comments = variance.comments
    counts = comments["state"].value_counts() if len(comments) else pd.Series(dtype="int64")
    said = []
    if len(material):
        now = comments[comments["state"] != EARLIER] if len(comments) else comments
        on_lines = rows_of(rows_of(now, measure="variance"), dimension="pl_line")
        spoken = set(on_lines["item"]) if len(on_lines) else set()
        lines = set(material["item"])
        count = len(lines & spoken)
        said.append(f"{count} of {counted(len(lines), 'material line')} {'has' if count == 1 else 'have'} a comment")
    if counts.get(STALE, 0):
        said.append(f"{counted(counts[STALE], 'comment')} {'is' if counts[STALE] == 1 else 'are'} stale")
    if counts.get(NO_AMOUNT, 0):
        verb = "bears no amount and never goes" if counts[NO_AMOUNT] == 1 else "bear no amount and never go"
        said.append(f"{counted(counts[NO_AMOUNT], 'comment')} {verb} stale")
    return paragraph([f"{'; '.join(said)}."]) if said else "No line is material and nothing was commented on."


def comments_table(variance: BudgetVariance) -> pd.DataFrame:
    """Set the analysts' comments beside the drafts, no comment left out, also one on what is not material.

    A comment is stale when its figure has since moved by more than the materiality amount; of one of an
    earlier month, the last on its item, stands the month. Without any comment the drafts stand alone.

    Columns: Item, Draft from the numbers, Comment, Written by (the author and the day), State.
    """
    names, comments = names_of(variance), variance.comments
    written = comments.to_dict("records")
    lines, told = [], set()
    for draft in variance.drafts.to_dict("records"):
        where = (draft["dimension"], draft["item"])
        own = [k for k, c in enumerate(written) if (c["dimension"], c["item"]) == where and k not in told]
        told |= set(own)
        name = MEASURES["result"] if draft["dimension"] == TOTAL else names.get(where, draft["item"])
        for place, k in enumerate(own or [None]):
            text = draft["text"] if not place else ""
            lines.append([name, text, *(_comment(variance, written[k]) if k is not None else [""] * 3)])
    for k, comment in enumerate(written):
        if k not in told:
            name = names.get((comment["dimension"], comment["item"]), str(comment["item"]))
            lines.append([name, "", *_comment(variance, comment)])
    return text_frame(lines, _HEADS) if written else text_frame([row[:2] for row in lines], _HEADS[:2])


def _comment(variance: BudgetVariance, comment: Mapping[Any, Any]) -> list[str]:
    on = comment["written_on"]
    when = "" if is_missing(on) else pd.Timestamp(str(on)).strftime("%d %b %Y")
    by = ", ".join(part for part in (_text(comment["author"]), when) if part)
    return [_text(comment["text"]), by, _state(variance, comment)]


def _state(variance: BudgetVariance, comment: Mapping[Any, Any]) -> str:
    """Write how a comment stands; of a stale one both figures, of an old one its month."""
    state = str(comment["state"])
    if state == EARLIER:
        return f"of {month_name(str(comment['period']))}"
    if state == STALE:
        unit, name = unit_of(variance, pd.Series([comment["amount_cents"], comment["now_cents"]], dtype="Int64"))
        write = writer(variance, unit)
        return f"stale: {write(comment['amount_cents'])} then, {write(comment['now_cents'])} {name} now"
    return _STATES.get(state, COMMENTED)


def _text(value: object) -> str:
    return "" if is_missing(value) else " ".join(str(value).split())

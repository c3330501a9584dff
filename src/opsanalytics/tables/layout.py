"""How a table looks in a notebook and in the report made from it: names and codes to the left, numbers to the right.

Words are never broken where a line can break between them: numbers, dates and verdicts stay on one line, only long
texts and heads fold. A table that holds long texts is as wide as its page, they share what the numbers leave, and the
shorter texts beside them fold too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from opsanalytics import formats

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]{0,2}(,[0-9]{3})*)(\.[0-9]+)?( %)?( [FA])?")
_DATE = re.compile(r"\b[0-9]{2} [A-Z][a-z]{2} [0-9]{4}\b")
_CODES = frozenset((*formats.DIMENSIONS.values(), "Item", "Document", "Document, line", "Row", "Value"))
_FOLDED = 28  # characters from which a column's texts are long, and fold
_FOLDED_BESIDE = 13  # and from which they fold beside long texts: a date and a verdict never do
# :root outweighs the rules that JupyterLab has for every table: columns of one width, and all text to the right.
_CSS = """<style>
:root table.figures { table-layout: auto; }
:root table.figures th, :root table.figures td { text-align: left; vertical-align: top; }
:root table.figures th, :root table.figures td { overflow-wrap: break-word; word-break: normal; }
:root table.figures th { vertical-align: bottom; white-space: normal; }
:root table.figures td { white-space: nowrap; }
:root table.figures th.number, :root table.figures td.number { text-align: right; }
:root table.figures td.long { white-space: normal; min-width: 11em; max-width: none; }
:root table.figures span.date { white-space: nowrap; }
:root table.figures.texts { width: 100%; }
:root table.figures.texts td.short { white-space: normal; min-width: 9em; }
@media print {
:root table.figures.texts td.short { min-width: 6em; }
:root table.figures.texts td.long { min-width: 8em; }
:root table.figures tr { break-inside: avoid; }
}
</style>"""


@dataclass(frozen=True)
class Shown:
    """A table ready to be looked at: whole names, no index, data shown as text and never as markup.

    A table without rows is the sentence `empty`, or nothing where a sentence beside it says so already.
    """

    frame: pd.DataFrame
    empty: str = "Nothing to show."

    def _repr_html_(self) -> str:
        if self.frame.empty:
            return f"<p>{html.escape(self.empty)}</p>" if self.empty else ""
        kinds = [_kind(self.frame[name]) for name in self.frame]
        widths = _widths(self.frame, kinds)
        head = "".join(
            f'<th{_class(kind)}{width} scope="col">{html.escape(str(name))}</th>'
            for name, kind, width in zip(self.frame, kinds, widths, strict=True)
        )
        body = "\n".join(_row(row, kinds) for row in self.frame.itertuples(index=False))
        table = "figures texts" if "long" in kinds else "figures"
        return f'{_CSS}\n<table class="{table}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def __repr__(self) -> str:
        """The table as plain text, for a terminal and for a diff."""
        return self.empty if self.frame.empty else self.frame.to_string(index=False, max_colwidth=60)


def show(frame: pd.DataFrame, *, empty: str = "Nothing to show.") -> Shown:
    """Show a table of text whole: no row left out, no name cut; `empty` is what is said where there is no row."""
    return Shown(frame, empty)


def _row(texts: Iterable[object], kinds: Sequence[str]) -> str:
    """Write a row; a date stays whole where its text folds."""
    cells = (
        f"<td{_class(kind)}>{_DATE.sub(_unbroken, html.escape(str(text)))}</td>"
        for text, kind in zip(texts, kinds, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _unbroken(date: re.Match[str]) -> str:
    return f'<span class="date">{date[0]}</span>'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _kind(cells: pd.Series) -> str:
    """Does a column hold numbers, long texts, or short ones? Texts shorter than that are of no kind, and never fold."""
    if _is_number_column(cells):
        return "number"
    length = _length(cells)
    return "long" if length > _FOLDED else "short" if length > _FOLDED_BESIDE else ""


def _widths(frame: pd.DataFrame, kinds: Sequence[str]) -> list[str]:
    """Share the width that the other columns leave among the long texts, by the square root of the longest of each."""
    sizes = [_length(frame[name]) ** 0.5 if kind == "long" else 0.0 for name, kind in zip(frame, kinds, strict=True)]
    return [f' style="width: {round(100 * size / sum(sizes))}%"' if size else "" for size in sizes]


def _length(cells: pd.Series) -> int:
    return max((len(str(cell)) for cell in cells), default=0)


def _is_number_column(cells: pd.Series) -> bool:
    """Does a column hold numbers? What is not available counts as one, a blank as neither.

    A code is a name, even one made of digits: a column of codes is known by its head, or by thousands not grouped.
    """
    if str(cells.name).partition(", effect")[0] in _CODES:
        return False
    written = [str(cell) for cell in cells if str(cell)]
    return bool(written) and all(cell == formats.NOT_AVAILABLE or _NUMBER.fullmatch(cell) for cell in written)


def text_frame(rows: Iterable[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of text as a frame that keeps its columns when there is no row.

    A column "Site" that says the same in every row says nothing, and is left out; so is a column "Text" without any.
    """
    frame = pd.DataFrame([list(row) for row in rows], columns=list(columns), dtype="str")
    same = [name for name in ("Site",) if name in frame and frame[name].nunique() == 1]
    blank = [name for name in ("Text",) if name in frame and len(frame) and (frame[name] == "").all()]
    return frame.drop(columns=[*same, *blank])


def paragraph(sentences: Iterable[str]) -> str:
    """Set one sentence a line, leaving out empty ones: where a long line breaks is for the page to say."""
    return "\n".join(" ".join(sentence.split()) for sentence in sentences if sentence)

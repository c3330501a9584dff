"""How a table looks in a notebook and in the report made from it: names to the left, numbers to the right.

Words are never broken where a line can break between them: numbers and short texts stay on one line,
only long names fold.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from opsanalytics import formats

_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?( %)?( [FA])?")
_FOLDED = 28  # characters from which a column's texts are names that fold
_FOLDED_HEAD = 18
_CSS = """<style>
table.figures th, table.figures td { text-align: left; vertical-align: top; white-space: nowrap; }
table.figures th, table.figures td { overflow-wrap: break-word; word-break: normal; }
table.figures th { vertical-align: bottom; }
table.figures th.number, table.figures td.number { text-align: right; }
table.figures th.long, table.figures td.long { white-space: normal; }
table.figures td.long { min-width: 10em; max-width: min(34em, 60vw); }
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
        numbers = [_is_number_column(self.frame[name]) for name in self.frame]
        folded = [_is_folded(self.frame[name]) for name in self.frame]
        heads = [str(name) for name in self.frame]
        head = _row("th", heads, numbers, [len(name) > _FOLDED_HEAD for name in heads])
        cells = ([str(text) for text in row] for row in self.frame.itertuples(index=False))
        body = "\n".join(_row("td", row, numbers, folded) for row in cells)
        return f'{_CSS}\n<table class="figures">\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def __repr__(self) -> str:
        """The table as plain text, for a terminal and for a diff."""
        return self.empty if self.frame.empty else self.frame.to_string(index=False, max_colwidth=60)


def show(frame: pd.DataFrame, *, empty: str = "Nothing to show.") -> Shown:
    """Show a table of text whole: no row left out, no name cut; `empty` is what is said where there is no row."""
    return Shown(frame, empty)


def _row(tag: str, texts: Sequence[str], numbers: Sequence[bool], folded: Sequence[bool]) -> str:
    cells = []
    for text, number, long in zip(texts, numbers, folded, strict=True):
        names = " ".join(["number"] * number + ["long"] * long)
        attributes = (f' class="{names}"' if names else "") + ' scope="col"' * (tag == "th")
        cells.append(f"<{tag}{attributes}>{html.escape(text)}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _is_number_column(cells: pd.Series) -> bool:
    """Does a column hold numbers? What is not available counts as one, a blank as neither."""
    written = [str(cell) for cell in cells if str(cell)]
    return bool(written) and all(cell == formats.NOT_AVAILABLE or _NUMBER.fullmatch(cell) for cell in written)


def _is_folded(cells: pd.Series) -> bool:
    return bool(max((len(str(cell)) for cell in cells), default=0) > _FOLDED)


def text_frame(rows: Iterable[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of text as a frame that keeps its columns when there is no row.

    A column "Site" that says the same in every row says nothing, and is left out.
    """
    frame = pd.DataFrame([list(row) for row in rows], columns=list(columns), dtype="str")
    return frame.drop(columns="Site") if "Site" in frame and frame["Site"].nunique() == 1 else frame


def paragraph(sentences: Iterable[str]) -> str:
    """Set one sentence a line, leaving out empty ones: where a long line breaks is for the page to say."""
    return "\n".join(" ".join(sentence.split()) for sentence in sentences if sentence)

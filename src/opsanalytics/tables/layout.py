"""How a table looks in a notebook and in the report made from it: names to the left, numbers to the right."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from opsanalytics import formats

_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?( %)?")
_CSS = """<style>
table.figures th, table.figures td { text-align: left; vertical-align: top; overflow-wrap: anywhere; }
table.figures td { max-width: 34em; white-space: normal; }
table.figures th { vertical-align: bottom; }
table.figures th.number, table.figures td.number { text-align: right; white-space: nowrap; }
</style>"""


@dataclass(frozen=True)
class Shown:
    """A table ready to be looked at: whole names, no index, data shown as text and never as markup."""

    frame: pd.DataFrame

    def _repr_html_(self) -> str:
        if self.frame.empty:
            return "<p>Nothing to show.</p>"
        kinds = [_is_number_column(self.frame[name]) for name in self.frame]
        head = _row("th", [str(name) for name in self.frame], kinds)
        rows = [_row("td", [str(text) for text in row], kinds) for row in self.frame.itertuples(index=False)]
        body = "\n".join(rows)
        return f'{_CSS}\n<table class="figures">\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'

    def __repr__(self) -> str:
        """The table as plain text, for a terminal and for a diff."""
        return "Nothing to show." if self.frame.empty else self.frame.to_string(index=False, max_colwidth=60)


def show(frame: pd.DataFrame) -> Shown:
    """Show a table of text whole: no row left out, no name cut."""
    return Shown(frame)


def _row(tag: str, texts: Sequence[str], numbers: Sequence[bool]) -> str:
    cells = []
    for text, number in zip(texts, numbers, strict=True):
        attributes = ' class="number"' * number + ' scope="col"' * (tag == "th")
        cells.append(f"<{tag}{attributes}>{html.escape(text)}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _is_number_column(cells: pd.Series) -> bool:
    written = [str(cell) for cell in cells if str(cell) not in ("", formats.NOT_AVAILABLE)]
    return bool(written) and all(_NUMBER.fullmatch(cell) for cell in written)


def text_frame(rows: Iterable[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of text as a frame that keeps its columns when there is no row."""
    return pd.DataFrame([list(row) for row in rows], columns=list(columns), dtype="str")


def paragraph(sentences: Iterable[str]) -> str:
    """Join sentences, leaving out empty ones, and break the lines where a page of text would."""
    return "\n".join(line for sentence in sentences if sentence for line in _lines(sentence))


def _lines(sentence: str) -> list[str]:
    return textwrap.wrap(" ".join(sentence.split()), 112, break_long_words=False, break_on_hyphens=False)


def verdict(effect: float) -> str:
    """Return the word for an effect on the result."""
    return "favourable" if effect > 0 else "adverse" if effect < 0 else "neutral"


def listed(words: Sequence[str]) -> str:
    """Write "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""

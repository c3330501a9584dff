"""The board pack's parts: text that is ready to be set, whatever the form it is set in.

Every part is text (or, for a chart, shapes in a box of fixed size); a form such as HTML only
lays it out. Text from the data stands here as it came: making it harmless is the form's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

FAVOURABLE = "favourable"
ADVERSE = "adverse"


class Reason(NamedTuple):
    """Why the pack is a draft, and what to do about it."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Bar:
    """A variance drawn in its table row: `start` and `width` are shares (0 to 1) of the cell, `zero` the axis."""

    start: float
    width: float
    zero: float


@dataclass(frozen=True)
class Cell:
    """One cell: its text, whether it is a number, the effect of a variance ("favourable", "adverse" or ""), a bar."""

    text: str
    number: bool = True
    effect: str = ""
    bar: Bar | None = None


@dataclass(frozen=True)
class Row:
    """One row: `head` names it, `cells` follow the exhibit's columns; a `total` row is set in bold."""

    head: str
    cells: tuple[Cell, ...]
    total: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under one name ("" for rows that need none)."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Mark:
    """One column of a month chart: place and size in the chart's box, its scenario, and what it says."""

    x: float
    y: float
    width: float
    height: float
    scenario: str


@dataclass(frozen=True)
class Label:
    """A text in a chart, anchored at "start", "middle" or "end"."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    strong: bool = False


@dataclass(frozen=True)
class MonthChart:
    """Columns by month in a box of `width` by `height` units; `alt` states in words what the picture shows."""

    title: str
    alt: str
    note: str
    width: float
    height: float
    base: float
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Exhibit:
    """A table, or a set of small charts, with a note on units and sources.

    `head` is what a row is and `group_head` what a group of rows is. Columns that
    bear the same words differ in the spaces at their end.
    """

    title: str
    head: str = "Figure"
    group_head: str = ""
    columns: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    charts: tuple[MonthChart, ...] = ()
    note: str = ""

    @property
    def frame(self) -> pd.DataFrame:
        """The table as text for a notebook: the row's name first, groups as a column where there are any."""
        rows = []
        for group in self.groups:
            for row in group.rows:
                cells = zip(self.columns, row.cells, strict=True)
                shown = {column: f"{c.text} {c.effect[:1].upper()}".strip() for column, c in cells if c.bar is None}
                rows.append(
                    {**({self.group_head: group.name} if self.group_head else {}), self.head: row.head, **shown}
                )
        return pd.DataFrame(rows, dtype="str")


@dataclass(frozen=True)
class Tile:
    """A headline number: what it is, how much of which unit, and how it compares."""

    label: str
    value: str
    unit: str
    comparison: str
    effect: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, the sentence that answers it, and the exhibits that prove it."""

    anchor: str
    heading: str
    message: str
    exhibits: tuple[Exhibit, ...] = ()


@dataclass(frozen=True)
class BoardPack:
    """All that the board reads: `status` is "FINAL", or "DRAFT" with its `reasons`; `off` says what is off and why."""

    title: str
    organisation: str
    period: str
    subtitle: str
    status: str
    reasons: tuple[Reason, ...]
    tiles: tuple[Tile, ...]
    headlines: tuple[str, ...]
    sections: tuple[Section, ...]
    off: tuple[Reason, ...]
    checks: tuple[str, ...]

    @property
    def status_sentence(self) -> str:
        """Say in one sentence whether the pack may be relied on."""
        if not self.reasons:
            return f"FINAL: the pack for {self.title} has passed every check."
        count = len(self.reasons)
        noun = "reason" if count == 1 else "reasons"
        return f"DRAFT: {count} {noun} why the pack for {self.title} may not be relied on yet."

    @property
    def reasons_frame(self) -> pd.DataFrame:
        """The reasons as a frame of text: Reason, What to do."""
        return _frame(self.reasons)

    @property
    def off_frame(self) -> pd.DataFrame:
        """What is off as a frame of text: Reason, What to do."""
        return _frame(self.off)

    def table(self, anchor: str) -> pd.DataFrame:
        """Return a section's table as a frame of text; an empty one where the section is off."""
        found = [e for section in self.sections if section.anchor == anchor for e in section.exhibits if e.groups]
        return found[0].frame if found else pd.DataFrame()

    def section(self, anchor: str) -> Section:
        """Return the section with this anchor; KeyError names those there are."""
        for section in self.sections:
            if section.anchor == anchor:
                return section
        raise KeyError(f"No section '{anchor}'; there are {', '.join(s.anchor for s in self.sections)}.")


def _frame(reasons: tuple[Reason, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(reasons), columns=["Reason", "What to do"], dtype="str")

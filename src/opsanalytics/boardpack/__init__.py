"""Board pack: the run's figures as one page that says by itself whether it may be relied on.

`build` decides what the pack says (headlines, tables, small charts, DRAFT or FINAL) from the
figures, the checked inputs and the run's plan; `html` writes it as one file that opens offline;
`save` puts it into the run folder. Nothing here computes a budget, a forecast or a staffing
figure: each number is looked up in the figures, and a difference is taken of two that are shown.
"""

from opsanalytics.boardpack.content import build
from opsanalytics.boardpack.pack import BoardPack, Cell, Exhibit, Reason, Row, Section, Tile
from opsanalytics.boardpack.page import html, read_plan, save
from opsanalytics.boardpack.proof import adds_up
from opsanalytics.boardpack.status import draft_reasons

__all__ = [
    "BoardPack",
    "Cell",
    "Exhibit",
    "Reason",
    "Row",
    "Section",
    "Tile",
    "adds_up",
    "build",
    "draft_reasons",
    "html",
    "read_plan",
    "save",
]

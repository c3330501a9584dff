"""The sheet of paper under a chart: everything on it has its place in inches.

So nothing is searched for when it is saved: a layout engine and a search for the ink would each lay out all texts anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import Bbox

FAMILY = "DejaVu Sans"
SIDE = 0.12
LETTERS: Any = {"text.hinting": "none"}  # true widths on any screen, and drawn in half the time


class Sheet(Figure):
    """A figure with a heading, a body for panels, and a strip below it for names of columns and the legend.

    Its tight box is the whole page: what is drawn is inside by construction, and pages of one width stay one width.
    """

    head: float = 0.0
    below: float = 0.0
    left: float = SIDE

    def draw(self, renderer: Any) -> None:
        """Draw, except to a mute renderer: the rehearsal before saving has nothing to find out on a sheet."""
        if "draw_path" not in vars(renderer):
            with rc_context(LETTERS):
                super().draw(renderer)

    def get_tightbbox(self, renderer: Any = None, *, bbox_extra_artists: Any = None) -> Bbox:
        """Return the page, less the margin that saving adds around a tight box."""
        pad = float(rcParams["savefig.pad_inches"])
        return self.bbox_inches.padded(-pad)

    @property
    def body_width(self) -> float:
        """Inches between the names at the left and the right edge."""
        return float(self.get_size_inches()[0]) - self.left - SIDE

    def place(self, ax: Axes, left: float, width: float, bottom: float = 0.0, height: float | None = None) -> None:
        """Put a panel `left` inches into the body and `bottom` inches up; it fills the body's height by default."""
        page_width, page_height = (float(v) for v in self.get_size_inches())
        tall = page_height - self.head - self.below if height is None else height
        ax.set_position(
            (
                (self.left + left) / page_width,
                (self.below + bottom) / page_height,
                max(width, 0.1) / page_width,
                max(tall, 0.1) / page_height,
            )
        )


def sheet(width: float, height: float, *, head: float, below: float, left: float) -> Sheet:
    """Open a figure that pyplot knows, so that a notebook shows it."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), FigureClass=Sheet, layout="none", facecolor="white")
    assert isinstance(figure, Sheet)
    figure.head, figure.below, figure.left = head, below, left
    return figure


def of(ax: Axes) -> Sheet:
    """Return the sheet that a panel stands on."""
    figure = ax.figure
    if not isinstance(figure, Sheet):
        raise TypeError("These axes stand on no sheet of this package: draw with charts.canvas.")
    return figure


def panel(figure: Sheet) -> Axes:
    """Add bare axes: no frame, no tick marks, and no labels of axes to be laid out."""
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8), facecolor="none")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, labelsize=9, bottom=False, left=False, pad=4)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_label_coords(0, 0)
    return ax


@lru_cache(maxsize=4096)
def inches(text: str, size: float = 9.0, weight: str = "normal") -> float:
    """Return how wide a line of `plain` text is when drawn at `size` points."""
    font = FontProperties(family=[FAMILY], size=size, weight=weight)
    with rc_context(LETTERS):
        width, _, _ = _pen().get_text_width_height_descent(text.replace(r"\$", "$"), font, False)
    return float(width) / 100


@lru_cache(maxsize=1)
def _pen() -> Any:
    make: Callable[..., Any] = RendererAgg
    return make(1, 1, 100)

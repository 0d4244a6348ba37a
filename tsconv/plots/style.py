"""How every figure looks: colours that the colour-blind tell apart, also in grey; how it is saved.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), ordered so that neighbours differ in
lightness; lines differ in dash and marker besides. Figures are made without pyplot, so none is
global and nothing opens a window.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#999933")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SEQUENTIAL = "cividis"  # its lightness alone tells the value
DIVERGING = "PuOr"
INK, PAPER = "#111111", "#fefefe"  # on coloured ground, where black must stay black
QUIET = "#808080"  # can be read on white and on black
MOST_LETTERS = 24  # of a method's name; more leave no room for what it names
WIDTH = 4.3  # inches; a telephone shows it without scrolling
SUFFIXES = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 150

SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": False,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tsconv",  # equal figures are equal files
}


@contextmanager
def styled() -> Iterator[None]:
    """The look, for what is drawn inside."""
    with rc_context(SETTINGS):
        yield


def new_figure(width: float = WIDTH, height: float = 3.2) -> Figure:
    """An empty figure, sides in inches, that lays itself out."""
    return Figure(figsize=(width, height), layout="constrained")


def to_bytes(figure: Figure, suffix: str, *, transparent: bool = False) -> bytes:
    """The figure as a file of this ending holds it; nothing in it tells the time.

    Args:
        figure: what is drawn.
        suffix: one of :data:`SUFFIXES`.
        transparent: leave out the white ground.
    """
    stamp = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
    ground = "none" if transparent else "auto"
    buffer = io.BytesIO()
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a box stands for it
        figure.savefig(
            buffer, format=suffix[1:], dpi=DOTS_PER_INCH, metadata=stamp, facecolor=ground
        )
    return buffer.getvalue()


def shown(text: str, most: int | None = None) -> str:
    """Text as it stands, a dollar being no formula; longer than ``most``, its middle left out."""
    if most is not None and len(text) > most:
        head = most // 2
        text = f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
    return text.replace("$", r"\$")

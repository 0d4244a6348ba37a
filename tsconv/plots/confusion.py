"""The confusion matrix: what each class is taken for, for any number of classes."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from tsconv.plots import Figure
from tsconv.plots.style import INK, PAPER, QUIET, WIDTH, new_figure, shown, styled

SHADES = colormaps["Blues"]  # white for none; lightness alone tells the share
LEAST_CELL, MOST_CELL = 0.17, 0.55  # inches; what a tick's name of 8 points needs, and enough
MOST_COUNTED = 20
"""Up to so many classes, cells tell their counts."""
MOST_CHARACTERS = 18
"""Longer names of classes lose their middle."""
LIGHT = 0.5
"""Cells of a smaller share carry dark text."""


def draw_confusion(counts: pd.DataFrame) -> Figure:
    """A row a label, a column a prediction, a cell the darker the larger its share of the row.

    Args:
        counts: (K, K), index labels, columns predictions.
    """
    names = [shown(str(name), MOST_CHARACTERS) for name in counts.index]
    n_classes = len(names)
    beside = 0.55 + 0.085 * max(map(len, names))
    cell = min(MOST_CELL, max(LEAST_CELL, (WIDTH - beside) / n_classes))
    side = cell * n_classes
    points = min(10.0, max(8.0, 72 * cell / 1.6))
    with styled():
        figure = new_figure(max(WIDTH, side + beside), side + beside)
        axes = figure.subplots()
        axes.set_facecolor(PAPER)
        values = counts.to_numpy(dtype=float)
        totals = values.sum(axis=1, keepdims=True)
        shares = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
        _draw_cells(axes, values, shares, points)
        axes.set(xlim=(-0.5, n_classes - 0.5), ylim=(n_classes - 0.5, -0.5), aspect="equal")
        upright = max(map(len, names)) > 3 or n_classes > MOST_COUNTED
        axes.set_xticks(range(n_classes), names, rotation=90 if upright else 0, fontsize=points)
        axes.set_yticks(range(n_classes), names, fontsize=points)
        axes.tick_params(length=0)
        axes.set(xlabel="prediction", ylabel="label")
        for spine in axes.spines.values():
            spine.set(visible=True, color=QUIET)
        if n_classes > MOST_COUNTED:
            axes.set_xticks(np.arange(4.5, n_classes - 1, 5), minor=True)
            axes.set_yticks(np.arange(4.5, n_classes - 1, 5), minor=True)
            axes.tick_params(which="minor", length=0)
            axes.grid(which="minor", color=QUIET, linewidth=0.5)
    return figure


def _draw_cells(axes: Axes, values: np.ndarray, shares: np.ndarray, points: float) -> None:
    """The cells that are not empty, as shapes, so that no zoom blurs them."""
    places = np.argwhere(values > 0)
    cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in places]
    colours = [SHADES(0.12 + 0.78 * shares[row, column]) for row, column in places]
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors="none"))
    if len(values) > MOST_COUNTED:
        return
    for row, column in places:
        axes.text(
            *(column, row, f"{values[row, column]:g}"),
            ha="center",
            va="center",
            fontsize=points,
            color=INK if shares[row, column] < LIGHT else PAPER,
        )

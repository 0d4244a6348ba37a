"""The reliability diagram: whether a stated confidence comes true.

DeGroot & Fienberg, "The comparison and evaluation of forecasters", The Statistician 32, 1983; with
the counts below, without which a bin of two instances looks like one of two hundred.
"""

import pandas as pd

from tsconv.plots import Figure
from tsconv.plots.style import COLOURS, QUIET, WIDTH, new_figure, styled


def draw_reliability(table: pd.DataFrame) -> Figure:
    """Accuracy over confidence in bins, and how many instances each holds.

    Args:
        table: of :func:`tsconv.evaluation.calibration.reliability_table`.
    """
    filled = table[table["count"] > 0]
    with styled():
        figure = new_figure(WIDTH, 4.3)
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        lefts, widths = filled["lower"], filled["upper"] - filled["lower"]
        shape = {"align": "edge", "edgecolor": COLOURS[0], "linewidth": 0.8}
        top.bar(lefts, filled["accuracy"], widths, color=COLOURS[3], alpha=0.55, **shape)
        top.plot((0, 1), (0, 1), "--", color=QUIET, label="as stated")
        words = "mean of a bin"
        top.plot(filled["confidence"], filled["accuracy"], "o", color=COLOURS[4], label=words)
        top.set(xlim=(0, 1), ylim=(0, 1.04), ylabel="accuracy")
        top.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, columnspacing=1)
        below.bar(lefts, filled["count"], widths, color=COLOURS[3], alpha=0.55, **shape)
        below.set(xlabel="confidence of the prediction", ylabel="instances")
    return figure

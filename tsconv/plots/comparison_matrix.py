"""The multi-comparison matrix: every pair of methods, difference, wins and p.

Ismail-Fawaz et al., "An approach to multiple comparison benchmark evaluations that is stable under
manipulation of the comparate set", 2023, https://arxiv.org/abs/2305.11921.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tsconv.plots.style import DIVERGING, INK, MOST_LETTERS, new_figure, shown, styled


def draw_matrix(summary: pd.DataFrame, pairs: pd.DataFrame, metric: str) -> Figure:
    """A row and a column a method, best rank first; a cell is row minus column.

    Args:
        summary: a row a method with its ``mean``.
        pairs: every pair with first, second, wins, draws, losses, difference and p_holm.
        metric: what was compared.
    """
    names = [str(name) for name in summary.index]
    place = {name: k for k, name in enumerate(names)}
    differences = np.zeros((len(names), len(names)))
    words = {}
    for row in pairs.to_dict(orient="records"):
        one, other, change = place[row["first"]], place[row["second"]], row["difference"]
        differences[one, other], differences[other, one] = change, -change
        p = f"p {row['p_holm']:.3f}" if row["p_holm"] >= 0.0005 else "p < .001"
        counts = (row["wins"], row["draws"], row["losses"])
        words[one, other] = f"{change:+z.4f}\n{counts[0]}/{counts[1]}/{counts[2]}\n{p}"
        words[other, one] = f"{-change:+z.4f}\n{counts[2]}/{counts[1]}/{counts[0]}\n{p}"
    most = np.abs(differences).max() or 1.0
    with styled():
        size = 1.05 * len(names)
        figure = new_figure(size + 2.6, 0.75 * size + 1.4)
        axes = figure.subplots()
        axes.imshow(differences, cmap=DIVERGING, vmin=-1.6 * most, vmax=1.6 * most, aspect="auto")
        labels = [shown(name, MOST_LETTERS) for name in names]
        means = [f"{name}\n{mean:.4f}" for name, mean in zip(labels, summary["mean"], strict=True)]
        axes.set_yticks(range(len(names)), labels=means)
        axes.set_xticks(range(len(names)), labels=labels, rotation=30, ha="left")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for (one, other), text in words.items():
            axes.text(other, one, text, ha="center", va="center", fontsize=8, color=INK)
        caption = f"{metric}: row minus column,\nwins/draws/losses of the row, p after Holm"
        axes.set_xlabel(caption, fontsize=9)
        for side in axes.spines.values():
            side.set_visible(False)
    return figure

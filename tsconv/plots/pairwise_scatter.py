"""One method against another, a point a set."""

import pandas as pd
from matplotlib.figure import Figure

from tsconv.plots.style import COLOURS, MOST_LETTERS, QUIET, WIDTH, new_figure, shown, styled

NAMED = 4
"""So many of the sets that differ most are named."""


def draw_scatter(first: pd.Series, second: pd.Series, metric: str) -> Figure:
    """Scores of ``second`` over those of ``first``, on the same sets.

    Args:
        first: scores by set, its name the method.
        second: as ``first``.
        metric: what the scores are.
    """
    with styled():
        figure = new_figure(WIDTH, WIDTH)
        axes = figure.subplots()
        axes.scatter(second, first, s=28, color=COLOURS[0], alpha=0.8, zorder=2)
        low = min(first.min(), second.min())
        high = max(first.max(), second.max())
        margin = 0.05 * (high - low) or 0.05
        limits = (low - margin, high + margin)
        axes.plot(limits, limits, color=QUIET, linewidth=1, zorder=1)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set_xlabel(f"{shown(str(second.name), MOST_LETTERS)}, {metric}")
        axes.set_ylabel(f"{shown(str(first.name), MOST_LETTERS)}, {metric}")
        gaps = (first - second).abs().sort_values(ascending=False)
        for name in gaps.index[:NAMED]:
            is_above = first[name] > second[name]
            is_left = second[name] < low + 0.35 * (high - low)  # its name goes to the right
            axes.annotate(
                shown(str(name)),
                (second[name], first[name]),
                xytext=(-5 if is_above and not is_left else 5, 3 if is_above else -3),
                textcoords="offset points",
                ha="right" if is_above and not is_left else "left",
                va="bottom" if is_above else "top",
                fontsize=8,
            )
        wins, losses = int((first > second).sum()), int((first < second).sum())
        draws = len(first) - wins - losses
        words = f"{len(first)} sets: {wins} above the line, {draws} on it, {losses} below"
        axes.set_title(words, fontsize=10)
    return figure

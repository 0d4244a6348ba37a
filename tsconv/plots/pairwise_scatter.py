"""One method against another, a point a set."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from tsconv.plots.style import COLOURS, MOST_LETTERS, QUIET, WIDTH, new_figure, shown, styled

NAMED = 4
"""So many of the sets that differ most are named."""
LINE = 9
"""Points from one line of names to the next."""


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
        middle = low + 0.35 * (high - low)
        names = [
            _name(axes, str(name), (float(second.loc[name]), float(first.loc[name])), middle)
            for name in gaps.index[:NAMED]
        ]
        _keep_apart(figure, names)
        wins, losses = int((first > second).sum()), int((first < second).sum())
        draws = len(first) - wins - losses
        words = f"{len(first)} sets: {wins} above the line, {draws} on it, {losses} below"
        axes.set_title(words, fontsize=10)
    return figure


def _name(axes: Axes, name: str, point: tuple[float, float], middle: float) -> Annotation:
    """Write a name beside its point, away from the line; left of ``middle`` to the right."""
    is_above = point[1] > point[0]
    to_left = is_above and point[0] >= middle
    return axes.annotate(
        shown(name),
        point,
        xytext=(-5 if to_left else 5, 3 if is_above else -3),
        textcoords="offset points",
        ha="right" if to_left else "left",
        va="bottom" if is_above else "top",
        fontsize=8,
    )


def _keep_apart(figure: Figure, names: list[Annotation]) -> None:
    """Move names on, away from the line, until none lies on another."""
    figure.draw_without_rendering()  # lays out, so that extents are known
    for k, name in enumerate(names):
        while any(
            name.get_window_extent().overlaps(other.get_window_extent()) for other in names[:k]
        ):
            x, y = name.xyann
            name.xyann = (x, y + (LINE if y > 0 else -LINE))

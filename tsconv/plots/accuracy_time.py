"""What accuracy costs: the mean score of each method against its seconds of training."""

from typing import Any

import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator

from tsconv.plots import Figure
from tsconv.plots.style import COLOURS, DASHES, MARKERS, QUIET, WIDTH, new_figure, shown, styled

LINE = 0.055
"""The height of a line of text, as a share of the axes' height."""


def draw_accuracy_time(means: pd.Series, seconds: pd.Series, metric: str) -> Figure:
    """A point a method; one whose time is not known is a line across.

    Args:
        means: mean score by method.
        seconds: of training by method, over the same sets, nan where not known.
        metric: what the scores are.
    """
    known = seconds.reindex(means.index).dropna()
    others = means[~means.index.isin(known.index)]
    low, high = float(means.min()), float(means.max())
    margin = 0.12 * (high - low) or 0.05
    with styled():
        figure = new_figure(WIDTH, 3.8)
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.xaxis.set_minor_locator(NullLocator())
        for k, (name, time) in enumerate(known.items()):
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            place = (float(time), float(means.loc[str(name)]))
            axes.plot(*place, marker, color=colour, markersize=9)
            words = shown(str(name), 24)
            above = others[others >= place[1]].min() - place[1]  # to the next line, nan for none
            is_below = above < LINE * (high - low + 2 * margin)
            side: dict[str, Any] = {"va": "top" if is_below else "bottom", "ha": "center"}
            offset = (0, -7 if is_below else 7)
            axes.annotate(words, place, offset, textcoords="offset points", **side)
        heights = (others - low + margin) / (high - low + 2 * margin)
        for k, (name, height) in enumerate(spread(heights, LINE).items()):
            words = shown(str(name), 24)
            axes.axhline(others.loc[str(name)], color=QUIET, ls=DASHES[k % len(DASHES)], lw=0.9)
            axes.text(1.01, height, words, transform=axes.transAxes, va="center", fontsize=8)
        axes.set(xlim=(known.min() / 3, known.max() * 3), ylim=(low - margin, high + margin))
        axes.set(xlabel="seconds of training, all sets and members", ylabel=f"mean {metric}")
    return figure


def spread(heights: pd.Series, gap: float) -> pd.Series:
    """The heights, the highest as it is, those below moved down until ``gap`` apart."""
    placed: dict[str, float] = {}
    above = float("inf")
    for name, height in heights.sort_values(ascending=False, kind="stable").items():
        above = min(float(height), above - gap)
        placed[str(name)] = above
    return pd.Series(placed, dtype=float)

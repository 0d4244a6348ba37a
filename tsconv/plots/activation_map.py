"""Class-activation maps below the series that they are of, as shades and as curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from tsconv.plots import Figure
from tsconv.plots.series import MOST_CHANNELS, Series, draw_series
from tsconv.plots.style import COLOURS, DIVERGING, INK, QUIET, WIDTH, new_figure, styled


def draw_activation(cases: Sequence[Series], maps: Sequence[NDArray[np.floating]]) -> Figure:
    """Each series on shades of its map, and the map itself as a curve: it reads in grey too.

    Args:
        cases: the series.
        maps: float (L,) of each, what its time points add for its predicted class.
    """
    most = max(float(np.abs(each).max()) for each in maps) or 1.0
    n_channels = min(MOST_CHANNELS, max(len(case.values) for case in cases))
    heights = (max(0.6, 0.2 * n_channels), 0.35)
    longest = max(len(each) for each in maps)
    with styled():
        figure = new_figure(WIDTH, 0.4 + (0.45 + sum(heights)) * len(cases))
        rows = figure.subplots(2 * len(cases), 1, sharex=True, height_ratios=heights * len(cases))
        for k, (case, each) in enumerate(zip(cases, maps, strict=True)):
            course, curve = rows[2 * k], rows[2 * k + 1]
            _shade(course, each, most)
            draw_series(course, case, colour=INK)
            course.set_title(case.title, fontsize=9, loc="left")
            _draw_curve(curve, each, most)
            for axes in (course, curve):
                axes.set_xlim(-0.5, longest - 0.5)
                axes.tick_params(labelsize=8)
                axes.spines["bottom"].set_visible(axes is curve)
            course.tick_params(bottom=False)
        rows[-1].set_xlabel("time point", fontsize=9)
    return figure


def _shade(axes: Axes, values: NDArray[np.floating], most: float) -> None:
    """Ground in the colours of the map, orange for the class and violet against it."""
    edges = np.arange(len(values) + 1) - 0.5
    axes.pcolormesh(
        edges,
        (0, 1),
        -values[None, :],
        cmap=DIVERGING,
        norm=Normalize(-1.5 * most, 1.5 * most),  # so far from the ends that ink stands out
        transform=axes.get_xaxis_transform(),
        rasterized=True,
        zorder=0,
    )


def _draw_curve(axes: Axes, values: NDArray[np.floating], most: float) -> None:
    marker = "o" if len(values) == 1 else None
    axes.axhline(0, color=QUIET, linewidth=0.6)
    axes.plot(values, color=COLOURS[4], linewidth=1, marker=marker)
    axes.set_ylim(-1.1 * most, 1.1 * most)

"""Series beside the probabilities of their classes."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from tsconv.plots import Figure
from tsconv.plots.series import MOST_CHANNELS, Series, draw_series
from tsconv.plots.style import COLOURS, PAPER, QUIET, WIDTH, new_figure, shown, styled


def draw_hardest(cases: Sequence[Series]) -> Figure:
    """A row a series: its course and, as bars, its probabilities, that of its label filled."""
    n_channels = min(MOST_CHANNELS, max(len(case.values) for case in cases))
    n_bars = max(len(case.shares) for case in cases)
    height = 0.55 + max(0.75, 0.22 * n_channels, 0.2 * n_bars)
    longest = max(case.values.shape[1] for case in cases)
    with styled():
        figure = new_figure(WIDTH, 0.35 + height * len(cases))
        rows = figure.subplots(len(cases), 2, width_ratios=(5, 2), squeeze=False)
        for (course, bars), case in zip(rows, cases, strict=True):
            draw_series(course, case)
            course.set_xlim(-0.5, longest - 0.5)
            course.set_title(case.title, fontsize=9, loc="left", wrap=False)
            course.tick_params(labelsize=8)
            _draw_shares(bars, case)
        rows[-1][0].set_xlabel("time point", fontsize=9)
        rows[-1][1].set_xlabel("probability", fontsize=9)
    return figure


def _draw_shares(axes: Axes, case: Series) -> None:
    for k, (name, share) in enumerate(case.shares.items()):
        filled = COLOURS[0] if name == case.label else "none"
        axes.barh(k, share, color=filled, edgecolor=COLOURS[0] if filled != "none" else QUIET)
        is_inside = share > 0.5
        axes.text(
            *(share - 0.04 if is_inside else share + 0.04, k, f"{share:.2f}"),
            ha="right" if is_inside else "left",
            va="center",
            fontsize=7,
            color=PAPER if is_inside and filled != "none" else "black",
        )
    axes.set_yticks(range(len(case.shares)), [shown(name, 9) for name in case.shares])
    axes.set_xticks((0, 1), ("0", "1"))
    axes.set(xlim=(0, 1), ylim=(len(case.shares) - 0.4, -0.6))
    axes.tick_params(labelsize=8)

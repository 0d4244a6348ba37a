"""The critical-difference diagram: mean ranks on a line, bars over what does not differ.

Demsar, JMLR 7, 2006, figure 1, with cliques of pairwise tests in the place of one distance.
"""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsconv.plots.style import COLOURS, new_figure, shown, styled

SCALE, ROW, BAR, CHARACTER = 2.8, 0.28, 0.16, 0.085  # inches


def draw_critical_difference(ranks: pd.Series, cliques: Sequence[Sequence[str]]) -> Figure:
    """The diagram of methods' mean ranks, the best to the right.

    Args:
        ranks: mean rank of each method.
        cliques: methods next to each other in rank that do not differ.
    """
    ordered = ranks.sort_values(kind="stable")
    lowest = math.floor(ordered.min())
    highest = max(math.ceil(ordered.max()), lowest + 1)
    inch = (highest - lowest) / SCALE
    n_rows = (len(ordered) + 1) // 2
    beside = CHARACTER * (9 + max(len(str(name)) for name in ordered.index))
    below = 0.45 + BAR * len(cliques) + ROW * n_rows
    with styled():
        figure = new_figure(SCALE + 2 * beside, 0.4 + below)
        axes = figure.subplots()
        axes.set_xlim(highest + beside * inch, lowest - beside * inch)
        axes.set_ylim(-below, 0.4)
        axes.axis("off")
        _draw_scale(axes, lowest, highest)
        for k, (name, rank) in enumerate(ordered.items()):
            is_right = k < n_rows
            row = k if is_right else len(ordered) - 1 - k
            y = -(BAR * len(cliques) + 0.3 + ROW * row)
            end = lowest - 0.25 * inch if is_right else highest + 0.25 * inch
            axes.plot([rank, rank, end], [0, y, y], color="black", linewidth=0.8)
            words = (f" {shown(str(name))} ", f" {rank:.3f} ")
            label = "".join(words if is_right else words[::-1])
            axes.text(end, y, label, ha="left" if is_right else "right", va="center")
        for k, clique in enumerate(cliques):
            ends, y = _ends(ordered, clique, 0.05 * inch), -(0.14 + BAR * k)
            axes.plot(ends, (y, y), color=COLOURS[0], linewidth=4, solid_capstyle="butt")
    return figure


def _ends(ranks: "pd.Series[float]", clique: Sequence[str], overhang: float) -> tuple[float, float]:
    """Where a clique's bar begins and ends: a little beyond its methods, short of all others."""
    first, last = ranks[clique[0]], ranks[clique[-1]]
    others = ranks.drop(list(clique))
    before, after = first - others[others < first], others[others > last] - last
    return (
        first - min(overhang, before.min() / 2 if len(before) else overhang),
        last + min(overhang, after.min() / 2 if len(after) else overhang),
    )


def _draw_scale(axes: Axes, lowest: int, highest: int) -> None:
    """The line of ranks, a number at each, or at every second where they are many."""
    axes.plot([lowest, highest], [0, 0], color="black", linewidth=1)
    step = 1 if highest - lowest <= 10 else 2
    for tick in range(lowest, highest + 1):
        axes.plot([tick, tick], [0, 0.07], color="black", linewidth=1)
        if (tick - lowest) % step == 0:
            axes.text(tick, 0.11, str(tick), ha="center", va="bottom")

"""The learning curve: loss by epoch, of every member and of all together."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tsconv.plots import Figure
from tsconv.plots.style import COLOURS, DASHES, MARKERS, new_figure, styled

FEW = 25
"""Up to so many epochs, each is marked."""
LOSSES = {"train_loss": "training", "valid_loss": "validation"}


def draw_learning_curve(history: pd.DataFrame) -> Figure:
    """Losses over epochs: a thin line a member, a thick one their mean.

    Args:
        history: a row a member and epoch, with member, epoch, train_loss and valid_loss; a loss
            that is nan is not drawn.
    """
    with styled():
        figure = new_figure()
        axes = figure.subplots()
        for k, (column, name) in enumerate(LOSSES.items()):
            losses = history.pivot_table(index="epoch", columns="member", values=column)
            if losses.notna().any(axis=None):
                _draw(axes, losses, name, k)
        if _spans_decades(history[list(LOSSES)]):
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="loss")
        axes.grid(axis="y")
        if axes.lines:
            axes.legend()
    return figure


def _draw(axes: Axes, losses: pd.DataFrame, name: str, k: int) -> None:
    marker = MARKERS[k] if len(losses) <= FEW else None
    colour, dash = COLOURS[k], DASHES[k]
    many = losses.shape[1] > 1
    for member in losses if many else ():
        axes.plot(losses.index, losses[member], dash, color=colour, linewidth=0.7, alpha=0.5)
    label = f"{name}, mean of {losses.shape[1]} members" if many else name
    axes.plot(losses.index, losses.mean(axis=1), dash, color=colour, marker=marker, label=label)


def _spans_decades(losses: pd.DataFrame) -> bool:
    """Whether a logarithmic scale can show the losses, and shows them better."""
    low, high = losses.min().min(), losses.max().max()
    return bool(low > 0 and high > 5 * low)

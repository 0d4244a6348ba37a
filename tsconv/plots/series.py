"""One classified series, and how it is drawn wherever it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tsconv.plots.style import COLOURS, shown

MOST_CHANNELS = 6
MOST_LETTERS = 9  # of each name in a title
FEW = 30
"""Up to so many time points, each is marked."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """A series, what it is and what it was taken for.

    Attributes:
        name: of the instance.
        values: float (C, L) without padding, nan where missing.
        label: its class.
        prediction: its most probable class.
        shares: probabilities of some classes, the most probable first.
        channels: their names, () for unnamed.
    """

    name: str
    values: NDArray[np.floating]
    label: str
    prediction: str
    shares: Mapping[str, float] = field(default_factory=dict)
    channels: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Instance, label and prediction in a line."""
        name, label = shown(self.name, MOST_LETTERS), shown(self.label, MOST_LETTERS)
        right = self.label == self.prediction
        verdict = "recognised" if right else f"taken for {shown(self.prediction, MOST_LETTERS)}"
        return f"instance {name}: label {label}, {verdict}"


def draw_series(axes: Axes, series: Series, *, colour: str = COLOURS[0]) -> None:
    """The series over time; several channels stand one above the other, each scaled by itself."""
    values = series.values[:MOST_CHANNELS]
    n_channels, length = values.shape
    marker = "o" if length == 1 else "." if length <= FEW else None
    if n_channels == 1:
        axes.plot(values[0], color=colour, linewidth=1, marker=marker)
        return
    for k, channel in enumerate(values):
        axes.plot(_scaled(channel) - k, color=colour, linewidth=0.8, marker=marker)
    names = series.channels or [str(k) for k in range(n_channels)]
    axes.set_yticks(-np.arange(n_channels), [shown(str(name), 8) for name in names[:n_channels]])
    left_out = len(series.values) - n_channels
    if left_out:
        axes.set_ylabel(f"+ {left_out} channels", fontsize=8)


def _scaled(channel: NDArray[np.floating]) -> NDArray[np.floating]:
    """To a range of 0.9 around 0; what does not move, or is missing altogether, lies there."""
    known = channel[np.isfinite(channel)]
    if not len(known):
        return channel
    low, high = known.min(), known.max()
    scaled: NDArray[np.floating] = 0.9 * ((channel - low) / ((high - low) or 1) - 0.5)
    return scaled if high > low else channel - low

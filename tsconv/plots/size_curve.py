"""The size curve: what each further member of the ensemble gains."""

import numpy as np
import pandas as pd

from tsconv.evaluation.metrics import METRICS
from tsconv.plots import Figure
from tsconv.plots.style import COLOURS, new_figure, styled


def draw_size_curve(table: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """The metric over ensemble sizes, bars one standard deviation among ensembles of a size.

    Bars end where the metric does: no ensemble has an accuracy above one.

    Args:
        table: of :func:`tsconv.evaluation.ensembling.size_curve`: size, mean, sd.
        metric: what was averaged.
    """
    most = 1.0 if METRICS[metric].better == "higher" else np.inf
    spread = np.stack([table["sd"], np.minimum(table["sd"], most - table["mean"])])
    with styled():
        figure = new_figure()
        axes = figure.subplots()
        axes.errorbar(
            table["size"], table["mean"], yerr=spread, marker="o", color=COLOURS[0], capsize=3
        )
        step = max(1, len(table) // 10)
        axes.set_xticks(table["size"][step - 1 :: step])
        axes.set(xlabel="members in the ensemble", ylabel=metric)
        axes.grid(axis="y")
        if table["mean"].max() - table["mean"].min() + table["sd"].max() < 1e-9:
            level = table["mean"].iloc[0]
            axes.set_ylim(level - 0.05, min(level + 0.05, most + 0.005))
    return figure

"""Figures: what can be drawn of a run and of a comparison, by name."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.errors import DataError
from tsconv.evaluation.calibration import reliability_table
from tsconv.evaluation.report import clearest_instances, hardest_instances
from tsconv.networks.activation import activation_maps
from tsconv.plots import Figure
from tsconv.plots.accuracy_time import draw_accuracy_time
from tsconv.plots.activation_map import draw_activation
from tsconv.plots.comparison_matrix import draw_matrix
from tsconv.plots.confusion import draw_confusion
from tsconv.plots.critical_difference import draw_critical_difference
from tsconv.plots.hardest import draw_hardest
from tsconv.plots.learning_curve import draw_learning_curve
from tsconv.plots.pairwise_scatter import draw_scatter
from tsconv.plots.reliability import draw_reliability
from tsconv.plots.series import Series
from tsconv.plots.size_curve import draw_size_curve
from tsconv.training.batches import as_batch
from tsconv.workflows.compare import Comparison
from tsconv.workflows.outcome import Outcome, series_of, tested_of

MOST_SERIES = 6
MOST_SHARES = 3


def learning_curve(outcome: Outcome) -> Figure:
    """Losses by epoch."""
    records = [each for member in outcome.classifier.members for each in member.history]
    if not records:
        raise DataError(f"{outcome.run}: no epoch was recorded")
    columns = ("member", "epoch", "train_loss", "valid_loss")
    rows = [[getattr(each, name) for name in columns] for each in records]
    return draw_learning_curve(pd.DataFrame(rows, columns=list(columns)).astype(float))


def confusion(outcome: Outcome) -> Figure:
    """What each class is taken for."""
    return draw_confusion(tested_of(outcome).evaluation.confusion)


def reliability(outcome: Outcome) -> Figure:
    """Whether confidence comes true."""
    tested = tested_of(outcome)
    return draw_reliability(reliability_table(tested.y_true, tested.proba))


def size_curve(outcome: Outcome) -> Figure:
    """Accuracy by size of the ensemble."""
    curve = tested_of(outcome).evaluation.size_curve
    if len(curve) < 2:
        raise DataError(f"{outcome.run}: has one member; --members 5 trains an ensemble")
    return draw_size_curve(curve)


def hardest(outcome: Outcome) -> Figure:
    """Series whose label got the lowest probability."""
    series_of(outcome)
    tested = tested_of(outcome)
    return draw_hardest(
        _cases(outcome, hardest_instances(tested.y_true, tested.proba, MOST_SERIES))
    )


def class_activation(outcome: Outcome) -> Figure:
    """Maps of the predicted class, the mean over members, of the clearest series of each class."""
    series, tested = series_of(outcome), tested_of(outcome)
    rows = clearest_instances(tested.y_true, tested.proba, MOST_SERIES)
    maps = _mean_maps(outcome, series.take(rows))
    predicted = tested.proba[rows].argmax(axis=1)
    lengths = series.lengths[rows]
    shown = [each[k, :length] for each, k, length in zip(maps, predicted, lengths, strict=True)]
    return draw_activation(_cases(outcome, rows), shown)


def critical_difference(comparison: Comparison) -> Figure:
    """Mean ranks, and bars over what does not differ."""
    return draw_critical_difference(comparison.summary["mean_rank"], comparison.cliques)


def scatter(comparison: Comparison) -> Figure:
    """The two methods of the best ranks, a point a set."""
    first, second = comparison.scores.columns[:2]
    return draw_scatter(comparison.scores[first], comparison.scores[second], comparison.metric)


def matrix(comparison: Comparison) -> Figure:
    """All pairs of methods."""
    return draw_matrix(comparison.summary, comparison.pairs, comparison.metric)


def accuracy_time(comparison: Comparison) -> Figure:
    """Mean score against seconds of training."""
    seconds = comparison.seconds
    if seconds.isna().all() or comparison.metric == "train_seconds":
        raise DataError("no method's seconds of training are known; collected tables tell them")
    return draw_accuracy_time(comparison.summary["mean"], seconds, comparison.metric)


RUN_FIGURES: dict[str, Callable[[Outcome], Figure]] = {
    "learning-curve": learning_curve,
    "confusion": confusion,
    "reliability": reliability,
    "size-curve": size_curve,
    "hardest": hardest,
    "cam": class_activation,
}
COMPARISON_FIGURES: dict[str, Callable[[Comparison], Figure]] = {
    "cd": critical_difference,
    "matrix": matrix,
    "scatter": scatter,
    "time": accuracy_time,
}


def _cases(outcome: Outcome, rows: Iterable[int]) -> list[Series]:
    """The instances at ``rows`` with their most probable classes, the label among them."""
    tested, series, classes = tested_of(outcome), series_of(outcome), outcome.classifier.classes
    cases = []
    for n in rows:
        proba, label = tested.proba[n], int(tested.y_true[n])
        best = [int(k) for k in np.argsort(-proba, kind="stable")[:MOST_SHARES]]
        shown = best if label in best else [*best[:-1], label]
        cases.append(
            Series(
                name=str(tested.names[n]),
                values=np.asarray(series.X[n])[:, : series.lengths[n]],
                label=classes[label],
                prediction=classes[best[0]],
                shares={classes[k]: float(proba[k]) for k in shown},
                channels=outcome.classifier.channels,
            )
        )
    return cases


def _mean_maps(outcome: Outcome, series: TimeSeriesDataset) -> NDArray[np.float32]:
    """(N, K, L), the mean over the members, in float32 on the processor."""
    batch = as_batch(outcome.classifier.preprocessing.transform(series))
    x = batch.take(slice(None)).x
    maps = [
        activation_maps(member.network.cpu(), torch.as_tensor(x), batch.lengths)
        for member in outcome.classifier.members
    ]
    mean: NDArray[np.float32] = torch.stack(maps).mean(0).numpy()
    return mean

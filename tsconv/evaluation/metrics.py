"""Every metric: a pure function of the labels and the predicted probabilities.

``y_true`` is int (N,), indices into the classes; ``proba`` is (N, K), rows that sum to one. What
the labels at hand leave undefined is nan. The prediction is the most probable class and, among
equals, the first. A new metric is one function below, decorated with its direction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as sk

from tsconv.errors import DataError
from tsconv.evaluation.calibration import expected_calibration_error, reliability_table

Labels = NDArray[np.integer[Any]]
Proba = NDArray[np.floating[Any]]
Function = Callable[[Labels, Proba], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that sums up predictions, and which way it is better."""

    name: str
    better: Literal["higher", "lower"]
    function: Function

    def __call__(self, y_true: Labels, proba: Proba) -> float:
        """The function's value."""
        return self.function(y_true, proba)


METRICS: dict[str, Metric] = {}


def metric(better: Literal["higher", "lower"]) -> Callable[[Function], Function]:
    """Decorator that lists a function in ``METRICS`` under its own name."""

    def list_it(function: Function) -> Function:
        name = function.__name__
        METRICS[name] = Metric(name, better, function)
        return function

    return list_it


def predict(proba: Proba) -> NDArray[np.int64]:
    """(N,) the most probable class of each instance; among equals, the first."""
    y_pred: NDArray[np.int64] = proba.argmax(axis=1)
    return y_pred


@metric("higher")
def accuracy(y_true: Labels, proba: Proba) -> float:
    """Share of instances whose prediction is the label."""
    return float(np.mean(predict(proba) == y_true))


@metric("higher")
def balanced_accuracy(y_true: Labels, proba: Proba) -> float:
    """Mean recall over the classes that occur in ``y_true``."""
    correct = predict(proba) == y_true
    return float(np.mean([correct[y_true == k].mean() for k in np.unique(y_true)]))


@metric("higher")
def macro_f1(y_true: Labels, proba: Proba) -> float:
    """Mean F1 over the classes that occur in the labels or in the predictions."""
    y_pred = predict(proba)
    present = np.union1d(y_true, y_pred)
    return float(sk.f1_score(y_true, y_pred, labels=present, average="macro", zero_division=0))


@metric("higher")
def auroc(y_true: Labels, proba: Proba) -> float:
    """Area under the ROC curve: mean of one class against the rest, classes equally weighted.

    With two classes it is the second one's. Classes absent from ``y_true`` are left out; with one
    class present it is nan.
    """
    columns = [1] if proba.shape[1] == 2 else range(proba.shape[1])
    areas = [one_vs_rest_auroc(y_true == k, proba[:, k]) for k in columns]
    defined = [area for area in areas if not np.isnan(area)]
    return float(np.mean(defined)) if defined else float("nan")


@metric("lower")
def log_loss(y_true: Labels, proba: Proba) -> float:
    """Mean negative natural logarithm of the label's probability, as scikit-learn clips it."""
    p = np.asarray(proba, dtype=np.float64)[np.arange(len(y_true)), y_true]
    return float(-np.log(np.clip(p, np.finfo(np.float64).eps, 1)).mean())


@metric("lower")
def brier(y_true: Labels, proba: Proba) -> float:
    """Squared error summed over all classes, averaged over instances: 0 to 2 (Brier, 1950).

    With two classes this is twice the usual binary score.
    """
    onehot = np.eye(proba.shape[1])[y_true]
    return float(((proba - onehot) ** 2).sum(axis=1).mean())


@metric("lower")
def ece(y_true: Labels, proba: Proba) -> float:
    """Expected calibration error of the predicted class, in 15 bins of equal width."""
    return expected_calibration_error(reliability_table(y_true, proba, n_bins=15))


def score(y_true: Labels, proba: Proba) -> dict[str, float]:
    """Every metric by name.

    Raises:
        DataError: labels and probabilities do not fit each other, or a row is no distribution.
    """
    check_predictions(y_true, proba)
    exact = np.asarray(proba, dtype=np.float64)
    return {name: each(y_true, exact) for name, each in METRICS.items()}


def confusion_matrix(y_true: Labels, y_pred: Labels, classes: Sequence[str]) -> pd.DataFrame:
    """(K, K) counts: rows are the labels, columns the predictions."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (y_true, y_pred), 1)
    return pd.DataFrame(
        counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )


def per_class_table(y_true: Labels, proba: Proba, classes: Sequence[str]) -> pd.DataFrame:
    """Support, precision, recall, f1 and auroc of each class against the rest.

    nan where undefined: the precision of a class never predicted, the recall of one never seen.
    """
    indices = range(len(classes))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        y_true, predict(proba), labels=list(indices), zero_division=np.nan
    )
    areas = [one_vs_rest_auroc(y_true == k, proba[:, k]) for k in indices]
    columns = {
        "support": support,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "auroc": areas,
    }
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))


def one_vs_rest_auroc(positive: NDArray[np.bool_], scores: Proba) -> float:
    """Area under one ROC curve; nan unless both sides occur."""
    if positive.all() or not positive.any():
        return float("nan")
    return float(sk.roc_auc_score(positive, scores))


def check_predictions(y_true: Labels, proba: Proba) -> None:
    """Refuse labels and probabilities that no metric could read.

    Raises:
        DataError: shapes, label range, or a row of ``proba`` that is not a distribution.
    """
    if proba.ndim != 2 or y_true.shape != proba.shape[:1] or 0 in proba.shape:
        raise DataError(
            f"expected y_true (N,) and proba (N, classes) with N >= 1, found {y_true.shape} "
            f"and {proba.shape}"
        )
    if y_true.min() < 0 or y_true.max() >= proba.shape[1]:
        raise DataError(
            f"expected labels from 0 to {proba.shape[1] - 1}, found {y_true.min()} to "
            f"{y_true.max()}; encode them by the training classes"
        )
    is_distribution = (proba >= 0).all(axis=1) & (np.abs(proba.sum(axis=1) - 1) < 1e-3)
    if not is_distribution.all():
        row = int(np.argmin(is_distribution))
        raise DataError(
            f"proba: row {row} is {proba[row].tolist()}; expected numbers >= 0 that sum to 1"
        )

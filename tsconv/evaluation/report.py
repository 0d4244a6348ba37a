"""All that is reported about one classifier on one labelled set, as tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tsconv.errors import DataError
from tsconv.evaluation.ensembling import (
    ENSEMBLE,
    as_dict,
    combine,
    disagreement,
    gain,
    score_members,
    size_curve,
)
from tsconv.evaluation.metrics import (
    METRICS,
    Labels,
    Proba,
    confusion_matrix,
    per_class_table,
    predict,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evaluation:
    """What :func:`evaluate` found.

    Attributes:
        n_instances: N, labelled instances behind every number.
        table: metrics as columns; rows ``member 0`` to ``member M-1``, ``members' mean`` and
            ``ensemble``.
        size_curve: accuracy of ensembles of 1 to M members: size, n_subsets, mean, sd.
        disagreement: mean share of instances that two members predict differently.
        gain: ensemble minus mean member, by metric.
        confusion: the ensemble's counts, rows labels, columns predictions.
        per_class: the ensemble's support, precision, recall, f1 and auroc of each class.
    """

    n_instances: int
    table: pd.DataFrame
    size_curve: pd.DataFrame
    disagreement: float
    gain: dict[str, float]
    confusion: pd.DataFrame
    per_class: pd.DataFrame

    @property
    def metrics(self) -> dict[str, float]:
        """The ensemble's value of each metric."""
        return as_dict(self.table.loc[ENSEMBLE])

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON: a number that is undefined is None."""
        values = {
            "n_instances": self.n_instances,
            "classes": list(self.confusion.index),
            "metrics": self.metrics,
            "table": self.table.to_dict(orient="index"),
            "size_curve": self.size_curve.to_dict(orient="list"),
            "disagreement": self.disagreement,
            "gain": self.gain,
            "confusion": self.confusion.to_numpy().tolist(),
            "per_class": self.per_class.reset_index().to_dict(orient="list"),
        }
        return {name: plain(value) for name, value in values.items()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Evaluation":
        """What :meth:`to_dict` made plain, and perhaps more; None is nan again."""
        table = pd.DataFrame.from_dict(document["table"], orient="index").astype(float)
        classes = document["classes"]
        by_class = pd.DataFrame(document["per_class"]).set_index("class")
        return cls(
            n_instances=document["n_instances"],
            table=table,
            size_curve=pd.DataFrame(document["size_curve"]),
            disagreement=_number(document["disagreement"]),
            gain={name: _number(value) for name, value in document["gain"].items()},
            confusion=pd.DataFrame(
                document["confusion"],
                index=pd.Index(classes, name="true"),
                columns=pd.Index(classes, name="predicted"),
            ),
            per_class=by_class.astype(dict.fromkeys(by_class.columns[1:], float)),
        )


def evaluate(y_true: Labels, member_proba: Proba, classes: Sequence[str]) -> Evaluation:
    """What the members and their ensemble are worth.

    Args:
        y_true: int (N,), indices into ``classes``.
        member_proba: (M, N, K), the members' probabilities; a single network is M = 1.
        classes: K labels, in the order of the columns.

    Raises:
        DataError: the parts do not fit each other, or a row is no distribution.
    """
    if member_proba.ndim != 3 or member_proba.shape[2] != len(classes) or not len(member_proba):
        raise DataError(
            f"expected member_proba (members, instances, {len(classes)} classes) with at least "
            f"one member, found {member_proba.shape}"
        )
    table = score_members(y_true, member_proba)
    proba = combine(member_proba)
    return Evaluation(
        n_instances=len(y_true),
        table=table,
        size_curve=size_curve(y_true, member_proba, METRICS["accuracy"]),
        disagreement=disagreement(member_proba),
        gain=gain(table),
        confusion=confusion_matrix(y_true, predict(proba), classes),
        per_class=per_class_table(y_true, proba, classes),
    )


def hardest_instances(y_true: Labels, proba: Proba, most: int) -> list[int]:
    """The instances whose label got the lowest probability, the lowest first; equals in order."""
    label_proba = proba[np.arange(len(y_true)), y_true]
    return [int(n) for n in np.argsort(label_proba, kind="stable")[:most]]


def clearest_instances(y_true: Labels, proba: Proba, most: int) -> list[int]:
    """The instance of each class whose label got the highest probability, then each class's next.

    In the order of classes; with more classes than ``most``, of the first ones only.
    """
    label_proba = proba[np.arange(len(y_true)), y_true]
    order = np.argsort(-label_proba, kind="stable")
    place = np.empty(len(y_true), dtype=np.int64)  # of each instance within its class
    for k in np.unique(y_true):
        members = order[y_true[order] == k]
        place[members] = np.arange(len(members))
    chosen = np.lexsort((y_true, place))[:most]
    return [int(n) for n in chosen[np.lexsort((place[chosen], y_true[chosen]))]]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def plain(value: Any) -> Any:
    """``value`` in JSON's own types, nan as None, all the way down."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value

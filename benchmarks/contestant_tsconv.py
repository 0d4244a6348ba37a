"""Our own `inception`, one network, answering train_step.py and predict.py.

`tsconv.classifier.fit` with the recipe `paper`: Adam at 1e-3, the rate halved on a plateau, the
weights of the best epoch kept, batch norm's statistics as training left them.
"""

from typing import Any

import numpy as np
import torch
from answering import BATCH_SIZE, Answer, Series, serve

import tsconv
from tsconv import classifier
from tsconv.config import load_config
from tsconv.data.dataset import TimeSeriesDataset

FIXED = {
    "network.name": "inception",
    "members": 1,
    "training.batch_size": BATCH_SIZE,
    "training.settle_statistics": False,
    "training.device": "cpu",
}


def as_dataset(series: Series) -> TimeSeriesDataset:
    """The series as tsconv takes them, without copying."""
    classes = tuple(f"{k:03}" for k in range(int(series["y"].max()) + 1))
    return TimeSeriesDataset(
        X=series["X"], lengths=series["lengths"], y=series["y"], classes=classes
    )


def fit(series: Series, epochs: int, settings: dict[str, Any]) -> classifier.Classifier:
    """One network; ``settings`` have dotted names, as ``--set`` takes them."""
    given = {**FIXED, "training.epochs": epochs, **settings}
    return classifier.fit(as_dataset(series), load_config("paper", settings=given))


def predict_proba(fitted: classifier.Classifier, series: Series) -> np.ndarray:
    """As many series at a time as tsconv finds right."""
    return fitted.predict_proba(as_dataset(series))


def describe(fitted: classifier.Classifier) -> Answer:
    """What was trained, with what."""
    member = fitted.members[0]
    return {
        "steps": member.history[-1].step,
        "writing_seconds": 0.0,
        "n_parameters": member.network.n_parameters,
        "precision": str(fitted.arithmetic().dtype).removeprefix("torch."),
        "versions": f"tsconv {tsconv.__version__} (torch {torch.__version__.partition('+')[0]})",
    }


if __name__ == "__main__":
    serve(fit, predict_proba, describe)

"""sktime's InceptionTimeClassifierTorch, one network, answering train_step.py and predict.py.

Its defaults stand: Adam at 1e-3, no callback, no printing; batches come in the order of the series.
"""

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from answering import BATCH_SIZE, Answer, Series, serve
from sktime.classification.deep_learning.inceptiontime import InceptionTimeClassifierTorch


def fit(series: Series, epochs: int, settings: dict[str, Any]) -> InceptionTimeClassifierTorch:
    """One network."""
    classifier = InceptionTimeClassifierTorch(
        num_epochs=epochs, batch_size=BATCH_SIZE, random_state=0, **settings
    )
    return classifier.fit(series["X"], series["y"])


def predict_proba(classifier: InceptionTimeClassifierTorch, series: Series) -> np.ndarray:
    """In its own batches, of the size it was trained with."""
    return classifier.predict_proba(series["X"])


def describe(classifier: InceptionTimeClassifierTorch) -> Answer:
    """What was trained, with what."""
    states = classifier._optimizer.state.values()
    return {
        "steps": int(max(state["step"] for state in states)),
        "writing_seconds": 0.0,
        "n_parameters": sum(each.numel() for each in classifier.network.parameters()),
        "precision": "float32",
        "versions": f"sktime {version('sktime')} (torch {torch.__version__.partition('+')[0]})",
    }


if __name__ == "__main__":
    serve(fit, predict_proba, describe)

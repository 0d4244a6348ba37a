"""aeon's IndividualInceptionClassifier, one network, answering train_step.py and predict.py.

Its defaults stand: Adam at 1e-3, accuracy as a metric, ReduceLROnPlateau, and ModelCheckpoint,
which writes the network to a file after every epoch with a lower loss. The time of that writing is
told apart.
"""

import os
import tempfile
import time
from importlib.metadata import version
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from aeon.classification.deep_learning import IndividualInceptionClassifier
from answering import BATCH_SIZE, Answer, Series, serve

write_checkpoint = keras.callbacks.ModelCheckpoint.on_epoch_end
writing: list[float] = []


def time_checkpoint(self: keras.callbacks.ModelCheckpoint, *arguments: Any, **named: Any) -> None:
    """What ModelCheckpoint does after an epoch, with its seconds added to ``writing``."""
    started = time.perf_counter()
    write_checkpoint(self, *arguments, **named)
    writing.append(time.perf_counter() - started)


def fit(series: Series, epochs: int, settings: dict[str, Any]) -> IndividualInceptionClassifier:
    """One network, its checkpoints in a temporary folder."""
    keras.backend.clear_session()
    writing.clear()
    with tempfile.TemporaryDirectory() as folder:
        classifier = IndividualInceptionClassifier(
            n_epochs=epochs,
            batch_size=BATCH_SIZE,
            random_state=0,
            file_path=f"{folder}/",
            **settings,
        )
        return classifier.fit(series["X"], series["y"])


def predict_proba(classifier: IndividualInceptionClassifier, series: Series) -> np.ndarray:
    """In its own batches, of the size it was trained with."""
    return classifier.predict_proba(series["X"])


def describe(classifier: IndividualInceptionClassifier) -> Answer:
    """What was trained, with what."""
    network = classifier.training_model_
    return {
        "steps": int(classifier.optimizer_.iterations.numpy()),
        "writing_seconds": sum(writing),
        "n_parameters": sum(int(np.prod(each.shape)) for each in network.trainable_weights),
        "precision": network.dtype_policy.compute_dtype,
        "versions": f"aeon {version('aeon')} (keras {keras.__version__}, "
        f"tensorflow {tf.__version__})",
    }


if __name__ == "__main__":
    keras.callbacks.ModelCheckpoint.on_epoch_end = time_checkpoint
    tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
    tf.config.threading.set_inter_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
    serve(fit, predict_proba, describe)

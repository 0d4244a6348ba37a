"""The other side of parity.py: aeon's Keras InceptionNetwork on the cases in a folder.

Runs in an environment of its own, which has aeon and TensorFlow but not tsconv. Each `<case>.npz`
holds ``x`` (N, C, L) and ``y`` (N,) labels; `<case>.keras.npz` is written beside it: the random
weights drawn here, and what aeon's network makes of the case with them.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # plain float32 sums, alike on every processor
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf
from aeon.networks import InceptionNetwork


def build(n_channels: int, n_timepoints: int, n_classes: int) -> keras.Model:
    """The network with aeon's defaults, and the linear map to logits that its classifier adds.

    Layers are named in the order of their making: conv1d, conv1d_1, ..., batch_normalization, ...
    """
    keras.utils.clear_session()
    inputs, pooled = InceptionNetwork().build_network((n_timepoints, n_channels))
    return keras.Model(inputs, keras.layers.Dense(n_classes)(pooled))


def draw_weights(model: keras.Model, generator: np.random.Generator) -> None:
    """Random numbers for every weight, batch-norm's moving statistics among them."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            gamma, variance = generator.uniform(0.5, 1.5, (2, width))
            beta, mean = generator.normal(0, 0.2, (2, width))
            layer.set_weights([gamma, beta, mean, variance])
        elif layer.weights:
            kernel, *bias = layer.get_weights()
            scale = np.sqrt(2 / np.prod(kernel.shape[:-1]))  # keeps activations near one
            drawn = [generator.normal(0, scale, kernel.shape)]
            layer.set_weights(drawn + [generator.normal(0, 0.2, each.shape) for each in bias])


def weights_by_name(model: keras.Model, prefix: str) -> dict[str, np.ndarray]:
    """Every layer's weights as ``<prefix>/<layer>/<position>``."""
    return {
        f"{prefix}/{layer.name}/{k}": weight
        for layer in model.layers
        for k, weight in enumerate(layer.get_weights())
    }


def gradients(model: keras.Model, series: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Of the mean cross-entropy in training mode, as ``gradient/<layer>/<position>``."""
    with tf.GradientTape() as tape:
        logits = model(series, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(losses)
    trained = {
        f"gradient/{layer.name}/{k}": weight
        for layer in model.layers
        for k, weight in enumerate(layer.trainable_weights)
    }
    found = tape.gradient(loss, list(trained.values()))
    return {name: each.numpy() for name, each in zip(trained, found, strict=True)}


def answer(x: np.ndarray, y: np.ndarray, n_classes: int, seed: int) -> dict[str, np.ndarray]:
    """Weights, logits in both modes, moving statistics after that, and gradients in float64."""
    model = build(x.shape[1], x.shape[2], n_classes)
    draw_weights(model, np.random.default_rng(seed))
    weights = model.get_weights()
    series = x.transpose(0, 2, 1)  # (N, L, C)
    found = weights_by_name(model, "before")
    found["logits"] = model(series, training=False).numpy()
    found["train_logits"] = model(series, training=True).numpy()
    found.update(weights_by_name(model, "after"))
    keras.backend.set_floatx("float64")
    exact = build(x.shape[1], x.shape[2], n_classes)
    exact.set_weights(weights)
    found.update(gradients(exact, series.astype(np.float64), y))
    keras.backend.set_floatx("float32")
    found["n_parameters"] = np.array(sum(int(np.prod(w.shape)) for w in model.trainable_weights))
    found["versions"] = np.array(
        f"aeon {version('aeon')}, keras {keras.__version__}, tensorflow {tf.__version__}"
    )
    return found


def main() -> None:
    """Answer every case in the folder named by the first argument."""
    cases = sorted(Path(sys.argv[1]).glob("*.npz"))
    for seed, path in enumerate(cases):
        case = np.load(path)
        found = answer(case["x"], case["y"], int(case["n_classes"]), seed)
        np.savez(path.with_suffix(".keras.npz"), **found)


if __name__ == "__main__":
    main()

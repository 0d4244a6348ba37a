"""Small sets that any network should learn, built in the test that uses them."""

from dataclasses import replace

import numpy as np

from tsconv.classifier import fit, fit_members
from tsconv.config import load_config
from tsconv.data.dataset import TimeSeriesDataset

SMALL = {
    "inception": {"depth": 1, "n_filters": 4, "kernel_sizes": (9, 5, 3), "bottleneck": 4},
    "tcn": {"levels": 2, "width": 4, "kernel_size": 3, "standardise": True},
}
"""Options that make a registered network cheap; one that is not here has its own defaults."""


def make_toy_dataset(
    n_instances=24,
    n_channels=1,
    n_timepoints=30,
    n_classes=2,
    *,
    unequal=False,
    missing=False,
    seed=0,
):
    """Noisy sine waves, the frequency telling the class, the phase random."""
    generator = np.random.default_rng(seed)
    y = np.arange(n_instances) % n_classes
    times = np.linspace(0, 1, n_timepoints)
    phase = generator.uniform(0, 2 * np.pi, (n_instances, n_channels, 1))
    waves = np.sin(2 * np.pi * 3 * (1 + y)[:, None, None] * times + phase)
    X = (waves + 0.1 * generator.normal(size=waves.shape)).astype(np.float32)
    lengths = np.full(n_instances, n_timepoints)
    if missing:
        X[generator.random(X.shape) < 0.05] = np.nan
    if unequal:
        lengths = generator.integers(n_timepoints // 2, n_timepoints + 1, n_instances)
        lengths[0] = n_timepoints
        X[np.broadcast_to(np.arange(n_timepoints) >= lengths[:, None, None], X.shape)] = np.nan
    return TimeSeriesDataset(
        X=X, lengths=lengths, y=y, classes=tuple("abcdefgh"[:n_classes]), name="toy"
    )


def relabel(dataset, y):
    """The same series with other labels."""
    return replace(dataset, y=np.asarray(y, dtype=np.int64))


def make_config(network="inception", **settings):
    """A config small enough for a test; further settings by dotted name, ``__`` for the dot."""
    options = {f"network.options.{key}": value for key, value in SMALL.get(network, {}).items()}
    small = {
        "network.name": network,
        "members": 1,
        "training.precision": "float32",
        "training.device": "cpu",
        **options,
    }
    given = {key.replace("__", "."): value for key, value in settings.items()}
    if "training.epochs" not in given:
        small["training.steps"] = 6
    return load_config(settings={**small, **given})


def fit_toy(network="inception", **settings):
    """A classifier of one small network, fitted to the toy set."""
    return fit(make_toy_dataset(), make_config(network, **settings))


def fit_member(preparation, index):
    """One member, trained alone."""
    (member,) = fit_members(preparation, [index])
    return member

"""Finished runs and collected tables, worth little but quick to make."""

import numpy as np
import pandas as pd

from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.workflows.train import train

TINY = (
    "training.steps=2",
    "training.precision=float32",
    "network.options.width=4",
    "network.options.levels=2",
)


def train_toy(
    folder, *, members=2, classes=("up", "down"), n_channels=1, unequal=False, test=True, **settings
):
    """A run directory: one network or two of two steps on noise, four instances a class."""
    generator = np.random.default_rng(0)
    for part in ("TRAIN", "TEST") if test else ("TRAIN",):
        labels = [*classes] * 4
        lengths = generator.integers(6, 13, len(labels)) if unequal else [12] * len(labels)
        series = [generator.normal(size=(n_channels, length)) for length in lengths]
        write_file(folder / f"Toy_{part}.ts", from_series(series, labels))
    config = load_config(
        overrides=TINY, settings={"network.name": "tcn", "members": members, **settings}
    )
    train(folder / "Toy_TRAIN.ts", config, out=folder / "run")
    return folder / "run"


def make_table(path, n_sets=12):
    """A table as collect writes it: two networks on some sets, with times."""
    generator = np.random.default_rng(0)
    rows = [
        {
            "dataset": f"Set{n}",
            "network": network,
            "recipe": "fast",
            "members": 5,
            "resample": 0,
            "seed": 0,
            "accuracy": generator.uniform(0.6, 0.8) + 0.1 * (network == "inception"),
            "train_seconds": generator.uniform(10, 100),
            "failure": None,
        }
        for n in range(n_sets)
        for network in ("inception", "tcn")
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path

"""Seeded splits of one set that keep the classes' shares, and never part a group."""

import numpy as np
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.errors import DataError


def split(
    dataset: TimeSeriesDataset, fraction: float, seed: int
) -> tuple[TimeSeriesDataset, TimeSeriesDataset]:
    """The set without, and the set of, ``fraction`` of each class's instances.

    Every class keeps at least one instance in the first part. Instances of one group (where the
    dataset has groups) go to the same part.

    Raises:
        DataError: no labels, or so few instances that the second part would be empty.
    """
    if dataset.y is None:
        raise DataError(f"{dataset.name}: expected labels to split by, found none")
    generator = np.random.default_rng(seed)
    chosen = (
        _choose(dataset.y, fraction, generator)
        if dataset.groups is None
        else _choose_groups(dataset.y, dataset.groups, fraction, generator)
    )
    if not chosen.any() or chosen.all():
        raise DataError(
            f"{dataset.name}: {dataset.n_instances} instances are too few to hold out {fraction:g} "
            "of each class; hold out more, or give a validation file"
        )
    return dataset.take(np.flatnonzero(~chosen)), dataset.take(np.flatnonzero(chosen))


def _choose(
    y: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = generator.permutation(np.flatnonzero(y == label))
        count = min(round(fraction * len(members)), len(members) - 1)
        chosen[members[:count]] = True
    return chosen


def _choose_groups(
    y: NDArray[np.int64],
    groups: NDArray[np.object_],
    fraction: float,
    generator: np.random.Generator,
) -> NDArray[np.bool_]:
    """Whole groups, stratified by each group's most frequent class."""
    names, first = np.unique(groups.astype(str), return_inverse=True)
    majority = np.array([np.bincount(y[first == g]).argmax() for g in range(len(names))])
    return _choose(majority, fraction, generator)[first]

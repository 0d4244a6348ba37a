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


def resample(
    train: TimeSeriesDataset, test: TimeSeriesDataset, seed: int
) -> tuple[TimeSeriesDataset, TimeSeriesDataset]:
    """Another train and test part of the same instances, each class as often in each as before.

    The resamples of the bake-offs as tsml-eval draws them (Middlehurst, Schaefer & Bagnall, "Bake
    off redux", DMKD 2024, https://arxiv.org/abs/2304.13029; ``stratified_resample_data``): train
    then test, one generator shuffling the classes' instances in the order of their labels. Equal
    seeds give the instances that it gives. Seed 0 is the archive's own split, and not drawn.

    Raises:
        DataError: a part has no labels.
    """
    if seed == 0:
        return train, test
    if train.y is None or test.y is None:
        raise DataError(f"{train.name}: expected labels in both parts to resample, found none")
    both = _join(train, test)
    y = np.array(both.y)
    generator = np.random.RandomState(seed)
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        generator.shuffle(members)
        chosen.append(members[: np.count_nonzero(train.y == label)])
    index = np.concatenate(chosen)
    rest = np.setdiff1d(np.arange(both.n_instances), index)
    return both.take(index), both.take(rest)


def _join(train: TimeSeriesDataset, test: TimeSeriesDataset) -> TimeSeriesDataset:
    """Series and labels of both, train first; what else a part may hold stays behind."""
    length = max(train.n_timepoints, test.n_timepoints)
    parts = (train, test.with_classes(train.classes))
    return TimeSeriesDataset(
        X=np.concatenate([_padded(part.X, length) for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        y=np.concatenate([part.y for part in parts if part.y is not None]),
        classes=train.classes,
        channels=train.channels,
        name=train.name,
    )


def _padded(X: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """(N, C, L) with NaN at the end up to ``length``."""
    widths = ((0, 0), (0, 0), (0, length - X.shape[2]))
    return np.pad(np.asarray(X), widths, constant_values=np.nan)


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
    """Whole groups, stratified by each group's most frequent class.

    Where all of a class was chosen, as may be of one in no majority, one of its groups goes back.
    """
    names, first = np.unique(groups.astype(str), return_inverse=True)
    majority = np.array([np.bincount(y[first == g]).argmax() for g in range(len(names))])
    chosen: NDArray[np.bool_] = _choose(majority, fraction, generator)[first]
    for label in np.unique(y):
        if chosen[y == label].all():
            chosen[first == first[np.argmax(y == label)]] = False
    return chosen

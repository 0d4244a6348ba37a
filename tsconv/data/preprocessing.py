"""What is fitted on the training part alone and then applied to every series: fill in and scale."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsconv.config import PreprocessingConfig
from tsconv.data.dataset import TimeSeriesDataset, as_series
from tsconv.data.lazy import LazySeries
from tsconv.errors import DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """Fitted state, plain numbers fit for JSON.

    Attributes:
        scale: "none", "series" (each channel of each series to mean 0, deviation 1) or "channel"
            (by the channel's mean and deviation over the training part).
        mean: of each channel over all training time points; it also stands in for a channel that a
            series lacks altogether.
        std: population standard deviation of each channel, 1 where it is 0.
    """

    scale: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def n_channels(self) -> int:
        """C of the training part."""
        return len(self.mean)

    def transform(self, dataset: TimeSeriesDataset) -> TimeSeriesDataset:
        """The set with missing values filled in (linear within the series), scaled, zero-padded.

        Series on disk stay there; those of some rows are transformed when they are asked for. Where
        nothing is to be done, the series are not copied.

        Raises:
            DataError: other channels than in training, or infinite values.
        """
        if dataset.n_channels != self.n_channels:
            raise DataError(
                f"{dataset.name}: found {dataset.n_channels} channels; expected the "
                f"{self.n_channels} of the training part"
            )
        if dataset.is_on_disk:
            lazy = LazySeries(lambda rows: self._transform(dataset, rows), dataset.X.shape)
            return replace(dataset, X=as_series(lazy))
        X = dataset.X
        for rows in dataset.slices():
            part = self._transform(dataset, rows)
            if not np.may_share_memory(part, dataset.X):
                X = X.copy() if X is dataset.X else X
                X[rows] = part
        return replace(dataset, X=X)

    def _transform(
        self, dataset: TimeSeriesDataset, rows: slice | NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The series of some rows, in memory: an array of their own or, unchanged, as they were."""
        part = dataset.load(rows)
        mask = np.broadcast_to(part.mask()[:, None, :], part.X.shape)
        X = part.X
        if not np.isfinite(X).all():
            _refuse_infinite(part, rows)
            X = _fill(part, np.array(self.mean, dtype=np.float32))
        if self.scale == "series":
            X = _scale_each(X, mask)
        elif self.scale == "channel":
            mean, std = np.array(self.mean), np.array(self.std)
            X = ((X - mean[:, None]) / std[:, None]).astype(np.float32)
        return np.where(mask, X, np.float32(0)) if part.is_padded else X

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Preprocessing":
        """The state that was written as JSON."""
        return cls(scale=state["scale"], mean=tuple(state["mean"]), std=tuple(state["std"]))


def fit_preprocessing(train: TimeSeriesDataset, config: PreprocessingConfig) -> Preprocessing:
    """Statistics of the training part.

    Raises:
        DataError: a channel without a single value, or infinite values.
    """
    counts, sums, squares = np.zeros((3, train.n_channels))
    for rows in train.slices():
        part = train.load(rows)
        _refuse_infinite(part, rows)
        values, inside = _known(part)
        counts += inside.sum((0, 2))
        sums += values.sum((0, 2), where=inside)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise DataError(
            f"{train.name}: channel {empty[0]} has no value in any of {train.n_instances} training "
            "series; leave it out"
        )
    mean = sums / counts
    for rows in train.slices():
        values, inside = _known(train.load(rows))
        squares += ((values - mean[:, None]) ** 2).sum((0, 2), where=inside)
    std = np.sqrt(squares / counts)
    std[std < 1e-12 * np.abs(mean) + 1e-30] = 1.0
    return Preprocessing(scale=config.scale, mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _known(part: TimeSeriesDataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values (n, C, L), and which of them lie within a series and are not missing."""
    return part.X.astype(np.float64), part.mask()[:, None, :] & ~np.isnan(part.X)


def _refuse_infinite(part: TimeSeriesDataset, rows: slice | NDArray[np.int64]) -> None:
    """Raise DataError for an infinite value in the instances of a set that stand at ``rows``."""
    infinite = np.isinf(part.X) & part.mask()[:, None, :]
    if infinite.any():
        n, channel, time = np.argwhere(infinite)[0]
        instance = range(rows.stop)[rows][n] if isinstance(rows, slice) else rows[n]
        raise DataError(
            f"{part.name}: instance {instance}, channel {channel}, time {time} is "
            f"{part.X[n, channel, time]} ({infinite.sum()} such values); expected finite "
            "numbers or missing ones"
        )


def _fill(dataset: TimeSeriesDataset, mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values on the line between their known neighbours, the nearest at an end, else the mean."""
    missing = dataset.missing()
    if not missing.any():
        return dataset.X
    X = dataset.X.copy()
    times = np.arange(dataset.n_timepoints)
    for n, channel in np.argwhere(missing.any(-1)):
        inside = slice(dataset.lengths[n])
        row, gaps = X[n, channel, inside], missing[n, channel, inside]
        if gaps.all():
            row[:] = mean[channel]
        else:
            row[gaps] = np.interp(times[inside][gaps], times[inside][~gaps], row[~gaps])
    return X


def _scale_each(X: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    values = X.astype(np.float64)
    mean = values.mean(-1, where=mask, keepdims=True)
    std = values.std(-1, where=mask, keepdims=True)
    std[std < 1e-12 * np.abs(mean) + 1e-30] = 1.0
    scaled: NDArray[np.float32] = ((values - mean) / std).astype(np.float32)
    return scaled

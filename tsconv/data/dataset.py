"""The one noun that every reader gives and every later step takes."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.errors import DataError
from tsconv.registry import did_you_mean


@dataclass(frozen=True, slots=True, eq=False)
class TimeSeriesDataset:
    """Series of one set, padded at the end to a common length, and what is known of each.

    Attributes:
        X: float32 (N, C, L). NaN at a time before the series' length is a missing value; what
            stands after it is padding and means nothing.
        lengths: int64 (N,), time points of each series, 1 <= lengths <= L.
        y: int64 (N,) into ``classes``, or None where labels are unknown.
        classes: the label strings exactly as the source spells them, sorted.
        channels: one name a channel, () for unnamed.
        ids: object (N,) of strings, one name an instance, or None.
        groups: object (N,) of strings; instances of one group never part in a split. Or None.
        weights: float32 (N,), what each instance counts in training, or None.
        extras: (N, any) columns that are neither series nor label and travel to the predictions.
        name: what the set is called in messages and run directories.

    Raises:
        DataError: the parts do not fit each other.
    """

    X: NDArray[np.float32]
    lengths: NDArray[np.int64]
    y: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    ids: NDArray[np.object_] | None = None
    groups: NDArray[np.object_] | None = None
    weights: NDArray[np.float32] | None = None
    extras: pd.DataFrame | None = None
    name: str = "data"

    def __post_init__(self) -> None:
        if self.X.ndim != 3 or self.X.dtype != np.float32:
            raise DataError(
                f"{self.name}: expected X as float32 (instances, channels, timepoints), "
                f"found {self.X.dtype} {self.X.shape}"
            )
        if 0 in self.X.shape:
            raise DataError(
                f"{self.name}: expected at least one instance, channel and time point, "
                f"found (instances, channels, timepoints) = {self.X.shape}"
            )
        for part in ("lengths", "y", "ids", "groups", "weights", "extras"):
            value = getattr(self, part)
            if value is not None and len(value) != len(self.X):
                raise DataError(
                    f"{self.name}: found {len(self.X)} series but {len(value)} {part}; "
                    "expected one for each"
                )
        if self.lengths.min() < 1 or self.lengths.max() > self.n_timepoints:
            raise DataError(
                f"{self.name}: expected lengths from 1 to {self.n_timepoints}, found "
                f"{self.lengths.min()} to {self.lengths.max()}; a series needs at least one value"
            )

    @property
    def n_instances(self) -> int:
        """N."""
        return len(self.X)

    @property
    def n_channels(self) -> int:
        """C."""
        return int(self.X.shape[1])

    @property
    def n_timepoints(self) -> int:
        """L, the length of the longest series or more."""
        return int(self.X.shape[2])

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.classes)

    @property
    def is_padded(self) -> bool:
        """Whether any series is shorter than the array that holds it."""
        return bool((self.lengths < self.n_timepoints).any())

    @property
    def labels(self) -> NDArray[np.object_] | None:
        """(N,) label strings, or None where labels are unknown."""
        return None if self.y is None else np.array(self.classes, dtype=object)[self.y]

    def mask(self) -> NDArray[np.bool_]:
        """(N, L), true where a series has time points."""
        return np.arange(self.n_timepoints) < self.lengths[:, None]

    def missing(self) -> NDArray[np.bool_]:
        """(N, C, L), true where a value inside a series is missing."""
        return np.isnan(self.X) & self.mask()[:, None, :]

    def take(self, indices: NDArray[np.int64] | Sequence[int]) -> "TimeSeriesDataset":
        """The instances at ``indices``, in that order; classes stay as they are."""
        index = np.asarray(indices, dtype=np.int64)
        per_instance: dict[str, Any] = {
            part: None if (value := getattr(self, part)) is None else value[index]
            for part in ("X", "lengths", "y", "ids", "groups", "weights")
        }
        extras = None if self.extras is None else self.extras.iloc[index].reset_index(drop=True)
        return dataclasses.replace(self, **per_instance, extras=extras)

    def with_classes(self, classes: tuple[str, ...]) -> "TimeSeriesDataset":
        """The same instances with ``y`` pointing into another (train's) class list.

        Raises:
            DataError: a label that ``classes`` does not hold.
        """
        if self.y is None or self.classes == classes:
            return dataclasses.replace(self, classes=classes)
        position = {label: k for k, label in enumerate(classes)}
        for label in self.classes:
            if label not in position and self.classes.index(label) in self.y:
                hint = did_you_mean(label, classes)
                raise DataError(
                    f"{self.name}: found label {label!r}{hint}; expected one of the training "
                    f"classes: {', '.join(classes)}"
                )
        table = np.array([position.get(label, -1) for label in self.classes], dtype=np.int64)
        return dataclasses.replace(self, y=table[self.y], classes=classes)

    def fingerprint(self) -> str:
        """sha256 over series, lengths and labels: equal for equal data in any file format."""
        digest = hashlib.sha256(repr((self.X.shape, self.classes)).encode())
        values = np.where(self.mask()[:, None, :], self.X, np.float32(0))
        digest.update(np.where(np.isnan(values), np.float32(np.nan), values).tobytes())
        digest.update(self.lengths.tobytes())
        digest.update(b"" if self.y is None else self.y.tobytes())
        return digest.hexdigest()


def encode_labels(labels: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Label strings as (N,) indices into their sorted distinct values, and those values."""
    classes = tuple(sorted({str(label) for label in labels}))
    position = {label: k for k, label in enumerate(classes)}
    return np.array([position[str(label)] for label in labels], dtype=np.int64), classes


def from_series(
    series: Sequence[NDArray[np.floating]],
    labels: Sequence[str] | None = None,
    **parts: object,
) -> TimeSeriesDataset:
    """A dataset from arrays (C, length) of unequal lengths, padded at the end with NaN.

    Raises:
        DataError: no series, or series with different numbers of channels.
    """
    name = parts.get("name", "data")
    if not len(series):
        raise DataError(f"{name}: expected at least one series, found none")
    n_channels = {each.shape[0] for each in series}
    if len(n_channels) > 1:
        raise DataError(f"{name}: expected one number of channels, found {sorted(n_channels)}")
    lengths = np.array([each.shape[1] for each in series], dtype=np.int64)
    X = np.full((len(series), n_channels.pop(), max(1, lengths.max())), np.nan, dtype=np.float32)
    for row, each in zip(X, series, strict=True):
        row[:, : each.shape[1]] = each
    y, classes = (None, ()) if labels is None else encode_labels(labels)
    return TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=classes, **parts)  # type: ignore[arg-type]

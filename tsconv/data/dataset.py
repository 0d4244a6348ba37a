"""The one noun that every reader gives and every later step takes."""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.data.lazy import LazySeries
from tsconv.errors import DataError
from tsconv.registry import did_you_mean

VALUES_AT_ONCE = 2**21
"""Numbers of all series together that are computed on at once; it bounds what memory holds."""
PER_INSTANCE = ("lengths", "y", "ids", "groups", "weights")


@dataclass(frozen=True, slots=True, eq=False)
class TimeSeriesDataset:
    """Series of one set, padded at the end to a common length, and what is known of each.

    Attributes:
        X: float32 (N, C, L). NaN at a time before the series' length is a missing value; what
            stands after it is padding and means nothing. Of a set on disk, a memory map or
            :class:`LazySeries`: what handles a set of any size goes through it slice by slice.
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
        for part in (*PER_INSTANCE, "extras"):
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

    @property
    def is_on_disk(self) -> bool:
        """Whether the series lie in a file, of which memory holds what is being computed on."""
        return isinstance(self.X, np.memmap | LazySeries)

    def slices(self) -> Iterator[slice]:
        """All rows in order, so many at a time that memory stays bounded for any set."""
        step = max(1, VALUES_AT_ONCE // (self.n_channels * self.n_timepoints))
        yield from (slice(k, k + step) for k in range(0, self.n_instances, step))

    def load(self, rows: slice | NDArray[np.int64]) -> "TimeSeriesDataset":
        """The instances at ``rows``, their series in memory."""
        return self._at(rows, np.asarray(self.X[rows]))

    def take(self, indices: NDArray[np.int64] | Sequence[int]) -> "TimeSeriesDataset":
        """The instances at ``indices``, in that order; classes stay as they are, files on disk."""
        index = np.asarray(indices, dtype=np.int64)
        if not self.is_on_disk:
            return self.load(index)
        X: Any = self.X
        lazy = X if isinstance(X, LazySeries) else LazySeries(X.__getitem__, X.shape)
        return self._at(index, as_series(lazy.take(index)))

    def _at(self, index: slice | NDArray[np.int64], X: NDArray[np.float32]) -> "TimeSeriesDataset":
        """The instances at ``index``, whose series are ``X``."""
        parts: dict[str, Any] = {
            name: None if (part := getattr(self, name)) is None else part[index]
            for name in PER_INSTANCE
        }
        extras = None if self.extras is None else self.extras.iloc[index].reset_index(drop=True)
        return dataclasses.replace(self, X=X, extras=extras, **parts)

    def with_classes(self, classes: tuple[str, ...], *, first: int = 0) -> "TimeSeriesDataset":
        """The same instances with ``y`` pointing into another (train's) class list.

        Args:
            classes: all that may be found.
            first: the number of the first instance, where these are a part of some set.

        Raises:
            DataError: a label that ``classes`` does not hold.
        """
        if self.y is None or self.classes == classes:
            return dataclasses.replace(self, classes=classes)
        position = {label: k for k, label in enumerate(classes)}
        for k, label in enumerate(self.classes):
            if label not in position and k in self.y:
                row = int(np.argmax(self.y == k))
                where = f"instance {first + row}" if self.ids is None else f"id {self.ids[row]!r}"
                hint = _same_number(label, classes) or did_you_mean(label, classes)
                raise DataError(
                    f"{self.name}: {where}: found label {label!r}{hint}; expected one of the "
                    f"training classes: {', '.join(classes)}"
                )
        table = np.array([position.get(label, -1) for label in self.classes], dtype=np.int64)
        return dataclasses.replace(self, y=table[self.y], classes=classes)

    def with_channels(self, channels: tuple[str, ...]) -> "TimeSeriesDataset":
        """The same series, their channels in the order of another (train's) names.

        Where one of the two has no names, or there is one channel, it is left as it is.

        Raises:
            DataError: channels of other names, or another number of them.
        """
        if channels and self.n_channels != len(channels):
            raise DataError(
                f"{self.name}: found {self.n_channels} channels; expected the {len(channels)} of "
                f"the training part: {', '.join(channels)}"
            )
        if self.n_channels == 1 or () in (channels, self.channels) or channels == self.channels:
            return self
        if sorted(channels) != sorted(self.channels):
            raise DataError(
                f"{self.name}: found the channels {', '.join(self.channels)}; expected those of "
                f"the training part: {', '.join(channels)}"
            )
        order = [self.channels.index(name) for name in channels]
        X = self.X if self.is_on_disk else self.X[:, order]
        if self.is_on_disk:
            X = as_series(LazySeries(lambda rows: self.X[rows][:, order], self.X.shape))
        return dataclasses.replace(self, X=X, channels=channels)

    def fingerprint(self) -> str:
        """sha256 over series, lengths and labels: equal for equal data in any file format."""
        digest = hashlib.sha256(repr((self.X.shape, self.classes)).encode())
        for part in map(self.load, self.slices()):
            values = np.where(part.mask()[:, None, :], part.X, np.float32(0))
            values += np.float32(0)  # zeros without a sign
            digest.update(np.where(np.isnan(values), np.float32(np.nan), values).tobytes())
        digest.update(self.lengths.tobytes())
        digest.update(b"" if self.y is None else self.y.tobytes())
        return digest.hexdigest()


def as_series(lazy: LazySeries) -> NDArray[np.float32]:
    """``lazy`` by the type of what it stands in for."""
    return cast("NDArray[np.float32]", lazy)


def _same_number(label: str, classes: Sequence[str]) -> str:
    """What to say of a label that differs from a class only in how its number is written, or ''."""
    for each in classes:
        try:
            is_same = float(label) == float(each)
        except ValueError:
            continue
        if is_same:
            return f" where training has {each!r} (labels are texts: write them alike in both)"
    return ""


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

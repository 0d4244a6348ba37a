"""Many series as text into numbers at once.

All numbers of a block are parsed together, where they stand in the file; only when something does
not fit is the line looked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tsconv.data.cells import fill_rows
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.numbers import is_number, parse_lists
from tsconv.data.series_text import Instances, SeriesText, encode_label_texts, excerpt
from tsconv.errors import FormatError


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesValues(Instances):
    """Instances of one channel or more as numbers.

    Attributes:
        values: instance after instance, channel after channel.
        lengths: (N,), of each channel.
        n_channels: C.
    """

    values: NDArray[np.float32]
    lengths: NDArray[np.int64]
    n_channels: int

    @property
    def widths(self) -> NDArray[np.int64]:
        """(N,), how many values a channel the file has."""
        return self.lengths if self.padding is None else self.lengths + np.array(self.padding)

    def rows(self, start: int, stop: int) -> "SeriesValues":
        """The instances from ``start`` up to ``stop``."""
        bounds = np.cumsum(self.lengths[:stop]) * self.n_channels
        first = bounds[start - 1] if start else 0
        return replace(
            self,
            line_nos=self.line_nos[start:stop],
            labels=None if self.labels is None else self.labels[start:stop],
            padding=None if self.padding is None else self.padding[start:stop],
            values=self.values[first : bounds[-1] if stop else 0],
            lengths=self.lengths[start:stop],
        )

    def arranged(self) -> NDArray[np.float32]:
        """X (N, C, L), NaN after each series' end.

        Raises:
            FormatError: an instance that has no known value.
        """
        n_channels, length = self.n_channels, int(self.lengths.max())
        if (self.lengths == length).all():
            X = self.values.reshape(-1, n_channels, length)
        else:
            X = np.full((len(self.lengths), n_channels, length), np.nan, dtype=np.float32)
            fill_rows(X.reshape(-1, length), self.values, np.repeat(self.lengths, n_channels))
        for row in np.flatnonzero(np.isnan(X[:, :, 0]).all(axis=1)):
            if bool(np.isnan(X[row]).all()):
                raise self.error(row, "expected a series, found no value that is not missing")
        return X


def parse_chunks(
    texts: Iterable[SeriesText], n_channels: int | None, chunk_size: int | None
) -> Iterator[SeriesValues]:
    """The series in parts of ``chunk_size`` instances, the last one smaller, or in one for None.

    Without ``n_channels`` the first instance says how many there are.

    Raises:
        FormatError: as :func:`parse_series` does.
    """
    held: list[SeriesValues] = []
    n_held = 0
    for text in texts:
        held.append(parse_series(text, n_channels))
        n_channels = held[-1].n_channels
        n_held += len(text.starts)
        if chunk_size is None or n_held < chunk_size:
            continue
        joined = join_values(held)
        n_whole = n_held - n_held % chunk_size
        for start in range(0, n_whole, chunk_size):
            yield joined.rows(start, start + chunk_size)
        held, n_held = [joined.rows(n_whole, n_held)], n_held - n_whole
    if n_held:
        yield join_values(held)


def join_values(parts: Sequence[SeriesValues]) -> SeriesValues:
    """The instances of all parts in one."""
    return replace(
        parts[0],
        line_nos=[line_no for part in parts for line_no in part.line_nos],
        labels=None
        if parts[0].labels is None
        else [label for part in parts for label in part.labels or ()],
        padding=None
        if parts[0].padding is None
        else [n_values for part in parts for n_values in part.padding or ()],
        values=np.concatenate([part.values for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
    )


def parse_series(text: SeriesText, n_channels: int | None) -> SeriesValues:
    """The numbers of one block.

    Raises:
        FormatError: a value that is no number, an instance with another number of channels, or
            channels of different lengths.
    """
    parsed = parse_lists(text.views, text.separator)
    if parsed is None:
        raise number_error(text)
    values, lengths = parsed
    spans = list(zip(text.starts, text.stops, strict=True))
    n_channels = n_channels or text.block.count(b":", *spans[0]) + 1
    if n_channels > 1 or len(lengths) > len(spans):
        for row, span in enumerate(spans):
            if (found := text.block.count(b":", *span) + 1) != n_channels:
                raise text.error(
                    row, f"expected {n_channels} channels (parts apart by ':'), found {found}"
                )
    return SeriesValues(
        path=text.path,
        line_nos=text.line_nos,
        labels=text.labels,
        padding=text.padding,
        values=values,
        lengths=common_lengths(text, lengths.reshape(-1, n_channels)),
        n_channels=n_channels,
    )


def common_lengths(text: SeriesText, by_channel: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) from the lengths (N, C) of all channels, which must agree."""
    lengths = np.ascontiguousarray(by_channel[:, 0])
    differs = (by_channel != lengths[:, None]).any(axis=1)
    if differs.any():
        row = np.argmax(differs)
        found = sorted(set(by_channel[row].tolist()))
        raise text.error(
            row, f"expected channels of one length, found {found} values; fill the rest with '?'"
        )
    return lengths


def number_error(text: SeriesText) -> FormatError:
    """The error that says where the first token stands that is no number."""
    row, channel, place, token = next(
        (row, channel, place, token)
        for row, line in enumerate(text.lines)
        for channel, part in enumerate(line.split(b":"), 1)
        for place, token in enumerate(part.split(text.separator), 1)
        if not is_number(token)
    )
    return text.error(
        row,
        f"expected a finite number ('?' where missing), found {excerpt(token.strip())} as value "
        f"{place} of channel {channel}",
    )


def as_dataset(
    chunk: SeriesValues,
    X: NDArray[np.float32],
    lengths: NDArray[np.int64],
    declared: tuple[str, ...] | None,
) -> TimeSeriesDataset:
    """The instances with their labels, of the declared classes or else of those found.

    Raises:
        FormatError: as :func:`encode_label_texts` does.
    """
    y, classes = encode_label_texts(chunk, declared)
    return TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=classes, name=chunk.path.stem)


def trim_padding(
    X: NDArray[np.float32], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """X and lengths where NaN in every channel up to the end is padding, not missing values."""
    last = X[np.arange(len(X)), :, lengths - 1]  # (N, C)
    padded = np.flatnonzero(np.isnan(last).all(axis=1))
    known = np.isfinite(X[padded]).any(axis=1).reshape(len(padded), X.shape[2])
    lengths = lengths.copy()
    lengths[padded] = X.shape[2] - known[:, ::-1].argmax(axis=1)
    return np.ascontiguousarray(X[:, :, : lengths.max()]), lengths

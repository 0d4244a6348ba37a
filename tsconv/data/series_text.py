"""Series written as text: how the text formats turn many lines into numbers at once, and back.

Whatever a file separates its values with, its reader brings each instance into one form: commas
between values, colons between channels, a line an instance. All lines are then parsed together,
and only when something does not fit is the line looked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset, encode_labels
from tsconv.errors import FormatError
from tsconv.registry import did_you_mean

COMMA, COLON, NEWLINE = b",:\n"
BOM = b"\xef\xbb\xbf"
BLOCK_BYTES = 1 << 18  # parsed at a time
READ_BYTES = 1 << 20  # at a time from a file
BLOCK_BYTES = 1 << 18  # parsed at a time
READ_BYTES = 1 << 20  # at a time from a file


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesText:
    """The instances of one chunk as text, and where each stands in its file.

    Attributes:
        path: the file, for messages.
        line_nos: the line of each instance, from 1.
        series: one text an instance, values apart by ``,`` and channels by ``:``.
        labels: one an instance, as written, or None where the file has none.
    """

    path: Path
    line_nos: list[int]
    series: list[bytes]
    labels: list[bytes] | None

    def error(self, row: int | np.integer, message: str) -> FormatError:
        """An error that says where instance ``row`` stands."""
        return FormatError(f"{self.path}:{self.line_nos[int(row)]}: {message}")


def excerpt(text: bytes) -> str:
    """The start of ``text`` as one printable line."""
    shown = text[:40].decode("utf-8", errors="backslashreplace")
    return repr(shown + "..." if len(text) > 40 else shown)


def parse_series(
    text: SeriesText, n_channels: int | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """X (N, C, L), NaN where missing or after a series' end, and lengths (N,).

    Without ``n_channels`` the first instance says how many there are.

    Raises:
        FormatError: a value that is no number, an instance with another number of channels,
            channels of one instance that differ in length, or an instance with no value at all.
    """
    blocks = [tidy(block) for block in join_blocks(text.series)]
    parsed = [each for block in blocks if (each := parse_numbers(block)) is not None]
    if len(parsed) < len(blocks):
        raise number_error(text, blocks)
    values = np.concatenate([numbers for numbers, _ in parsed])
    kinds = np.concatenate([separators for _, separators in parsed])
    last = np.flatnonzero(kinds != COMMA)  # of each channel
    channel_lengths = np.diff(last, prepend=-1)
    counts = np.diff(np.flatnonzero(kinds[last] == NEWLINE), prepend=-1)  # channels an instance
    expected = int(counts[0]) if n_channels is None else n_channels
    if (counts != expected).any():
        row = np.flatnonzero(counts != expected)[0]
        raise text.error(
            row, f"expected {expected} channels (parts apart by ':'), found {counts[row]}"
        )
    by_channel = channel_lengths.reshape(-1, expected)
    lengths = by_channel[:, 0].astype(np.int64)
    if (by_channel != lengths[:, None]).any():
        row = np.flatnonzero((by_channel != lengths[:, None]).any(axis=1))[0]
        found = sorted(set(by_channel[row].tolist()))
        raise text.error(
            row, f"expected channels of one length, found {found} values; fill the rest with '?'"
        )
    X = arrange(values, lengths, expected)
    reject_unknown(text, X)
    return X, lengths


def arrange(
    values: NDArray[np.float32], lengths: NDArray[np.int64], n_channels: int
) -> NDArray[np.float32]:
    """Values that follow each other in the file as X (N, C, L), NaN after each series' end."""
    length = int(lengths.max())
    if (lengths == length).all():
        return values.reshape(len(lengths), n_channels, length)
    X = np.full((len(lengths), n_channels, length), np.nan, dtype=np.float32)
    ends = np.cumsum(lengths * n_channels).tolist()
    for series, length, end in zip(X, lengths.tolist(), ends, strict=True):
        series[:, :length] = values[end - length * n_channels : end].reshape(n_channels, length)
    return X


def join_blocks(series: list[bytes]) -> Iterator[bytes]:
    """The series as lines, some BLOCK_BYTES at a time: what stays in the cache is parsed sooner."""
    first = size = 0
    for k, each in enumerate(series):
        size += len(each) + 1
        if size >= BLOCK_BYTES or k == len(series) - 1:
            yield b"\n".join(series[first : k + 1]) + b"\n"
            first, size = k + 1, 0


def tidy(block: bytes) -> bytes:
    """The same lines without spaces around values."""
    if b" " not in block and b"\t" not in block:
        return block
    return re.sub(rb"[ \t]*([,:\n])[ \t]*", rb"\1", block.lstrip(b" \t"))


def parse_numbers(block: bytes) -> tuple[NDArray[np.float32], NDArray[np.uint8]] | None:
    """Every number, rounded once to float32, and the separator that ends it; None if one is none.

    Arrow parses an array of strings some ten times as fast as Python's float. The strings are
    ``block`` itself, nothing copied: numbers and separators in turn, the separators marked null.
    """
    if b"?" in block:
        block = block.replace(b"?", b"NaN")
    characters = np.frombuffer(block, dtype=np.uint8)
    is_separator = characters == COMMA
    is_separator |= characters == COLON
    is_separator |= characters == NEWLINE
    ends = np.flatnonzero(is_separator)
    n_strings = 2 * len(ends)
    offsets = np.zeros(n_strings + 1, dtype=np.int64)
    offsets[1::2] = ends
    offsets[2::2] = ends + 1
    alternating = pa.py_buffer(b"\x55" * (n_strings // 8 + 1))  # bits 1, 0, 1, 0, ...
    strings = pa.LargeStringArray.from_buffers(
        n_strings, pa.py_buffer(offsets), pa.py_buffer(block), alternating
    )
    try:
        buffer = strings.cast(pa.float32()).buffers()[1]
    except pa.ArrowInvalid:
        return None
    values: NDArray[np.float32] = np.frombuffer(buffer, np.float32, n_strings)[::2]
    return None if np.isinf(values).any() else (values, characters[ends])


def number_error(text: SeriesText, blocks: list[bytes]) -> FormatError:
    """The error that says where the first token stands that is no number."""
    lines = b"".join(blocks).split(b"\n")
    row = next(row for row, line in enumerate(lines) if not is_numeric(line))
    channel, place, token = next(
        (channel, place, token)
        for channel, part in enumerate(lines[row].split(b":"), 1)
        for place, token in enumerate(part.split(b","), 1)
        if not is_numeric(token)
    )
    return text.error(
        row,
        f"expected a finite number ('?' where missing), found {excerpt(token)} as value {place} "
        f"of channel {channel}",
    )


def is_numeric(token: bytes) -> bool:
    """Whether a token, or each of a line of them, is a number."""
    return parse_numbers(token + b"\n") is not None


def reject_unknown(text: SeriesText, X: NDArray[np.float32]) -> None:
    """Raise FormatError at the first instance that has no known value."""
    suspects = np.flatnonzero(np.isnan(X[:, :, 0]).all(axis=1))
    for row in suspects:
        if bool(np.isnan(X[row]).all()):
            raise text.error(row, "expected a series, found no value that is not missing")


def trim_padding(
    X: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """X and lengths where NaN in every channel up to the end is padding, not missing values."""
    lengths = np.full(len(X), X.shape[2], dtype=np.int64)
    padded = np.flatnonzero(np.isnan(X[:, :, -1]).all(axis=1))
    known = np.isfinite(X[padded]).any(axis=1).reshape(len(padded), X.shape[2])
    lengths[padded] -= known[:, ::-1].argmax(axis=1)
    return np.ascontiguousarray(X[:, :, : lengths.max()]), lengths


def encode_label_texts(
    text: SeriesText, declared: tuple[str, ...] | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels as y and classes: the declared ones, or else those found.

    Labels that are all ``?`` are no labels.

    Raises:
        FormatError: a label that is empty, not UTF-8, not declared, or ``?`` beside known ones.
    """
    if text.labels is None or all(label == b"?" for label in text.labels):
        return None, declared or ()
    labels = [decode_label(text, row, label) for row, label in enumerate(text.labels)]
    if declared is None:
        if "?" in labels:
            raise text.error(labels.index("?"), "expected a label, found '?' (unknown)")
        return encode_labels(labels)
    position = {label: k for k, label in enumerate(declared)}
    y = np.array([position.get(label, -1) for label in labels], dtype=np.int64)
    for row in np.flatnonzero(y < 0)[:1]:
        found, known = labels[row], ", ".join(declared[:20])
        raise text.error(
            row,
            f"found label {excerpt(found.encode())}{did_you_mean(found, declared)}; expected one "
            f"that the header declares: {known}{', ...' if len(declared) > 20 else ''}",
        )
    return y, declared


def decode_label(text: SeriesText, row: int, label: bytes) -> str:
    """One label as a string."""
    if not label:
        raise text.error(row, "expected a label, found none")
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError as error:
        raise text.error(
            row, f"found label {excerpt(label)}; expected UTF-8, save the file in that encoding"
        ) from error


def check_values(path: Path, dataset: TimeSeriesDataset) -> None:
    """Raise FormatError for values that no text format holds: infinite, or none known at all."""
    for row, (series, length) in enumerate(zip(dataset.X, dataset.lengths, strict=True)):
        known = series[:, :length]
        if np.isinf(known).any():
            raise FormatError(f"{path}: instance {row}: expected finite values, found an infinity")
        if np.isnan(known).all():
            raise FormatError(f"{path}: instance {row}: expected a series, found no known value")


def check_padding(path: Path, dataset: TimeSeriesDataset) -> None:
    """Raise FormatError where a missing last value would be taken for padding."""
    last = dataset.X[np.arange(len(dataset.X)), :, dataset.lengths - 1]  # (N, C)
    for row in np.flatnonzero(np.isnan(last).all(axis=1))[:1]:
        raise FormatError(
            f"{path}: instance {row} ends in a missing value, which {path.suffix} takes for "
            "padding; write .ts instead"
        )


def check_labels(path: Path, labels: Sequence[str], pattern: re.Pattern[str], found: str) -> None:
    """Raise FormatError at the first label that ``pattern`` does not match in full."""
    for label in labels:
        if not pattern.fullmatch(label):
            raise FormatError(
                f"{path}: found label {label!r}; {path.suffix} cannot hold {found}, write .npz "
                "instead"
            )
        try:
            label.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormatError(f"{path}: found label {label!r}; expected valid Unicode") from error


def format_series(dataset: TimeSeriesDataset, missing: str = "?") -> Iterator[list[list[str]]]:
    """For each instance its channels' values as text, ``missing`` where they are NaN.

    Each is the shortest text that float32 parsing gives back exactly.
    """
    for series, length in zip(dataset.X, dataset.lengths, strict=True):
        flat = pa.array(series[:, :length].ravel()).cast(pa.string()).to_pylist()
        words = [missing if word == "nan" else word for word in flat]
        yield [words[k : k + length] for k in range(0, len(words), length)]

"""Series written as text: what the text formats share in reading lines and labels, and in writing.

A file is read in blocks of whole lines, small enough for the processor's cache. A reader only cuts
each line down to its series; series_values.py parses the numbers of a block together.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset, encode_labels
from tsconv.data.numbers import COMMA
from tsconv.errors import FormatError
from tsconv.registry import did_you_mean

BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\v\f"
BLOCK_BYTES = 3 << 17  # parsed at a time
PADDING_STEPS = tuple(1 << k for k in range(12, -1, -1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Instances:
    """What is known of some instances of a file beside their values.

    Attributes:
        path: the file, for messages.
        line_nos: the line of each instance, from 1.
        labels: one an instance, as written, or None where the file has none.
        padding: how many missing values at the end of each series were not read, or None.
    """

    path: Path
    line_nos: list[int]
    labels: list[bytes] | None = None
    padding: list[int] | None = None

    def error(self, row: int | np.integer, message: str) -> FormatError:
        """An error that says where instance ``row`` stands."""
        return FormatError(f"{self.path}:{self.line_nos[int(row)]}: {message}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesText(Instances):
    """Instances of one channel or more as text.

    Attributes:
        lines: the series, values apart by ``separator``, channels by ``:``.
        separator: COMMA or TAB.
    """

    lines: list[bytes]
    separator: bytes = COMMA

    def without_padding(self, missing: bytes) -> "SeriesText":
        """The same without the ``missing``, such as ``,?``, that each series ends in."""
        steps = [missing * size for size in PADDING_STEPS]
        lines = [cut_end(line, steps) if line.endswith(missing) else line for line in self.lines]
        pairs = zip(self.lines, lines, strict=True)
        padding = [(len(before) - len(after)) // len(missing) for before, after in pairs]
        return replace(self, lines=lines, padding=padding)


def cut_end(line: bytes, steps: Sequence[bytes]) -> bytes:
    """A line without what it ends in, of which ``steps`` holds many, half as many ... and one."""
    stop = len(line)
    while line.endswith(steps[0], 0, stop):
        stop -= len(steps[0])
    for step in steps[1:]:
        if line.endswith(step, 0, stop):
            stop -= len(step)
    return line[:stop]


def excerpt(text: bytes) -> str:
    """The start of ``text`` as one printable line."""
    shown = text[:40].decode("utf-8", errors="backslashreplace")
    return repr(shown + "..." if len(text) > 40 else shown)


def read_texts(
    path: Path,
    file: BinaryIO,
    line_no: int = 1,
    *,
    comments: bytes = b"",
    indent: bytes = BLANKS,
    blanks: bytes = BLANKS,
) -> Iterator[SeriesText]:
    """The rest of a file, some BLOCK_BYTES at a time; as series, all lines that hold anything.

    Args:
        path: the file's name.
        file: the file, read up to line ``line_no``; fastest with BLOCK_BYTES of buffer.
        line_no: of the next line.
        comments: the bytes that start a comment.
        indent: the bytes passed over at the start of a line.
        blanks: those passed over at its end.
    """
    blanks += b"\n"
    while block := file.readlines(BLOCK_BYTES):
        if line_no == 1:
            block[0] = block[0].removeprefix(BOM)
        numbered = enumerate([line.rstrip(blanks).lstrip(indent) for line in block], line_no)
        line_no += len(block)
        if kept := [pair for pair in numbered if pair[1] and pair[1][0] not in comments]:
            line_nos, lines = map(list, zip(*kept, strict=True))
            yield SeriesText(path=path, line_nos=line_nos, lines=lines)


def encode_label_texts(
    instances: Instances, declared: tuple[str, ...] | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels as y and classes: the declared ones, or else those found.

    Labels that are all ``?`` are no labels.

    Raises:
        FormatError: a label that is empty, not UTF-8, not declared, or ``?`` beside known ones.
    """
    if instances.labels is None or all(label == b"?" for label in instances.labels):
        return None, declared or ()
    known: dict[bytes, str] = {}
    labels = [
        known.get(label) or known.setdefault(label, decode_label(instances, row, label))
        for row, label in enumerate(instances.labels)
    ]
    if declared is None:
        if "?" in labels:
            raise instances.error(labels.index("?"), "expected a label, found '?' (unknown)")
        return encode_labels(labels)
    position = {label: k for k, label in enumerate(declared)}
    y = np.array([position.get(label, -1) for label in labels], dtype=np.int64)
    for row in np.flatnonzero(y < 0)[:1]:
        found, shown = labels[row], ", ".join(declared[:20])
        raise instances.error(
            row,
            f"found label {excerpt(found.encode())}{did_you_mean(found, declared)}; expected one "
            f"that the header declares: {shown}{', ...' if len(declared) > 20 else ''}",
        )
    return y, declared


def decode_label(instances: Instances, row: int, label: bytes) -> str:
    """One label as a string."""
    if not label:
        raise instances.error(row, "expected a label, found none")
    try:
        return label.decode("utf-8")
    except UnicodeDecodeError as error:
        raise instances.error(
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

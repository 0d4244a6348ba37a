"""Series written as text: what the text formats share in reading lines and labels, and in writing.

A file is read in blocks of whole lines, small enough for the processor's cache. A reader only says
where in a block each series stands; series_values.py parses the numbers.
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
from tsconv.errors import FormatError
from tsconv.registry import did_you_mean

COMMA, COLON, TAB = b",:\t"
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\v\f"
BLOCK_BYTES = 3 << 17  # parsed at a time
PADDING_STEPS = (1024, 256, 64, 16, 4, 1)


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
        block: lines in which the series stand, values apart by ``separator``, channels by ``:``.
        starts: where each series starts in the block.
        stops: where it ends: the byte there is no part of it.
        separator: COMMA or TAB.
    """

    block: bytes
    starts: list[int]
    stops: list[int]
    separator: int = COMMA

    @property
    def lines(self) -> list[bytes]:
        """The text of each series alone."""
        spans = zip(self.starts, self.stops, strict=True)
        return [self.block[start:stop] for start, stop in spans]

    def with_lines(self, lines: Sequence[bytes], labels: list[bytes] | None) -> "SeriesText":
        """The same instances with other text, values apart by commas, and nothing in between."""
        lengths = np.array([len(line) for line in lines])
        stops = np.cumsum(lengths + 1) - 1
        return replace(
            self,
            block=b"\n".join(lines) + b"\n",
            starts=(stops - lengths).tolist(),
            stops=stops.tolist(),
            labels=labels,
            separator=COMMA,
        )

    def without_padding(self, missing: bytes) -> "SeriesText":
        """The same without the ``missing``, such as ``,?``, that each series ends in."""
        steps = [missing * size for size in PADDING_STEPS]
        endswith, stops = self.block.endswith, []
        for start, whole in zip(self.starts, self.stops, strict=True):
            stop = whole
            if endswith(missing, start, stop):
                for step in steps:
                    while endswith(step, start, stop):
                        stop -= len(step)
            stops.append(stop)
        lengths = zip(self.stops, stops, strict=True)
        padding = [(before - after) // len(missing) for before, after in lengths]
        return replace(self, stops=stops, padding=padding)

    def tidied(self) -> "SeriesText":
        """The same as can be parsed where it stands: no spaces around values, NaN for ?.

        Where much stands between the series, it is left out, for it would be searched in vain.
        """
        is_dense = sum(self.stops) - sum(self.starts) > 0.9 * len(self.block)
        if is_dense and not any(blank in self.block for blank in self.blanks):
            return self
        dense = self.compacted()
        return dense.normalised() if any(blank in dense.block for blank in self.blanks) else dense

    def compacted(self) -> "SeriesText":
        """The same with nothing but line ends between the series."""
        return replace(self.with_lines(self.lines, self.labels), separator=self.separator)

    def normalised(self) -> "SeriesText":
        """The same as lines of values apart by commas, without spaces around them, NaN for ?."""
        lines = b"\n".join(self.lines) + b"\n"
        if self.separator == TAB:
            lines = lines.replace(b"\t", b",")
        lines = re.sub(rb"[ \t]*([,:\n])[ \t]*", rb"\1", lines.replace(b"?", b"NaN").lstrip(b" \t"))
        return self.with_lines(lines.split(b"\n")[:-1], self.labels)

    @property
    def blanks(self) -> tuple[bytes, ...]:
        """What must not stand in a series for its numbers to be parsed."""
        return (b" ", b"?") if self.separator == TAB else (b" ", b"?", b"\t")


def excerpt(text: bytes) -> str:
    """The start of ``text`` as one printable line."""
    shown = text[:40].decode("utf-8", errors="backslashreplace")
    return repr(shown + "..." if len(text) > 40 else shown)


def read_texts(
    path: Path, file: BinaryIO, line_no: int = 1, *, comments: bytes = b"", indent: bytes = BLANKS
) -> Iterator[SeriesText]:
    """The rest of a file, some BLOCK_BYTES at a time; as series, all lines that hold anything.

    Args:
        path: the file's name.
        file: the file, read up to the start of line ``line_no``.
        line_no: of the next line.
        comments: the bytes that start a comment.
        indent: the bytes passed over at the start of a line; all blanks are at its end.
    """
    while block := file.read(BLOCK_BYTES):
        block += file.readline() if not block.endswith(b"\n") else b""
        block += b"\n" if not block.endswith(b"\n") else b""
        block = block.removeprefix(BOM) if line_no == 1 else block
        line_nos, starts, stops = [], [], []
        end = -1
        while (start := end + 1) < len(block):
            stop = end = block.index(b"\n", start)
            while stop > start and block[stop - 1] in BLANKS:
                stop -= 1
            while start < stop and block[start] in indent:
                start += 1
            if start < stop and block[start] not in comments:
                line_nos.append(line_no)
                starts.append(start)
                stops.append(stop)
            line_no += 1
        if starts:
            yield SeriesText(path=path, line_nos=line_nos, block=block, starts=starts, stops=stops)


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

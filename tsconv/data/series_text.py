"""Series written as text: what the text formats share in reading lines and labels, and in writing.

A file is read in blocks of whole lines, small enough for the processor's cache. A reader only says
from where to where in a block each series stands, and series_values.py parses the numbers of all
together: what is copied least is read fastest.
"""

import io
import itertools
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
(LINE_END,) = b"\n"
BLANKS = b" \t\r\v\f"
LONG_LINE = 1 << 11  # bytes from which on lines are sooner found one by one than all at once
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
        block: the text of all, values apart by ``separator``, channels by ``:``.
        starts: where each series starts in it.
        stops: where each ends.
        separator: COMMA or TAB.
    """

    block: bytes
    starts: list[int]
    stops: list[int]
    separator: bytes = COMMA

    @property
    def lines(self) -> list[bytes]:
        """The series one by one."""
        block = self.block
        return [block[start:stop] for start, stop in zip(self.starts, self.stops, strict=True)]

    @property
    def views(self) -> list[memoryview]:
        """The same without a copy."""
        block = memoryview(self.block)
        return [block[start:stop] for start, stop in zip(self.starts, self.stops, strict=True)]

    def with_lines(self, lines: Sequence[bytes]) -> "SeriesText":
        """The same instances with other text for each."""
        bounds = list(itertools.accumulate(map(len, lines), initial=0))
        return replace(self, block=b"".join(lines), starts=bounds[:-1], stops=bounds[1:])

    def without_padding(self, missing: bytes) -> "SeriesText":
        """The same without the ``missing``, such as ``,?``, that each series ends in."""
        block, spans = self.block, list(zip(self.starts, self.stops, strict=True))
        is_padded = [block.endswith(missing, start, stop) for start, stop in spans]
        if not any(is_padded):
            return replace(self, padding=[0] * len(spans))
        steps = [missing * size for size in PADDING_STEPS]
        stops = [
            cut_end(block, start, stop, steps) if padded else stop
            for (start, stop), padded in zip(spans, is_padded, strict=True)
        ]
        pairs = zip(self.stops, stops, strict=True)
        padding = [(before - after) // len(missing) for before, after in pairs]
        return replace(self, stops=stops, padding=padding)


def cut_end(block: bytes, start: int, stop: int, steps: Sequence[bytes]) -> int:
    """Where a line ends without what it ends in, of which ``steps`` holds many, half, ... and one.

    The last number mostly has a point, and a single byte is found sooner than halves are tried.
    """
    whole, missing = steps[0], steps[-1]
    point = block.rfind(b".", start, stop)
    first = block.find(missing[:1], max(start, point), stop)
    n_steps = len(steps) - ((stop - first) // len(missing)).bit_length()
    if (stop - first) % len(missing) == 0 and n_steps >= 0:
        most = steps[n_steps]  # more than half of it
        if block.startswith(most, first, stop) and block.endswith(most, first, stop):
            return first
    while block.endswith(whole, start, stop):
        stop -= len(whole)
    for step in steps[1:]:
        if block.endswith(step, start, stop):
            stop -= len(step)
    return stop


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
        file: the file, read up to line ``line_no``.
        line_no: of the next line.
        comments: the bytes that start a comment.
        indent: the bytes passed over at the start of a line.
        blanks: those passed over at its end.
    """
    for block, size in read_blocks(file):
        stops = line_ends(block, size)
        starts = [0, *[stop + 1 for stop in stops[:-1]]]
        if line_no == 1 and block.startswith(BOM):
            starts[0] = len(BOM)
        text = SeriesText(
            path=path,
            line_nos=list(range(line_no, line_no + len(stops))),
            block=block,
            starts=starts,
            stops=stops,
        )
        line_no += len(stops)
        characters = np.frombuffer(block, dtype=np.uint8)
        firsts, lasts = characters[starts].tolist(), characters[np.array(stops) - 1].tolist()
        is_bare = {*firsts}.isdisjoint(indent + comments + b"\n") and {*lasts}.isdisjoint(blanks)
        if not is_bare:
            text = stripped(text, comments, indent, blanks)
        if text.starts:
            yield text


def read_blocks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The rest of a file, some BLOCK_BYTES at a time, and how much of each is whole lines."""
    while block := file.read(BLOCK_BYTES):
        size = block.rfind(LINE_END) + 1
        if not size or len(block) < BLOCK_BYTES:  # a line that is longer, or the file's end
            block += file.readline()
            size = len(block)
        else:  # what follows is read again: copying all to have it whole would take longer
            file.seek(size - len(block), io.SEEK_CUR)
        yield block, size


def line_ends(block: bytes, size: int) -> list[int]:
    """Where each line of the first ``size`` bytes ends, the last perhaps without a line end."""
    stop = block.find(LINE_END)
    if not 0 <= stop < LONG_LINE:
        stops = []
        while 0 <= stop < size:
            stops.append(stop)
            stop = block.find(LINE_END, stop + 1)
    else:
        stops = np.flatnonzero(np.frombuffer(block, np.uint8, size) == LINE_END).tolist()
    return stops if block[size - 1] == LINE_END else [*stops, size]


def stripped(text: SeriesText, comments: bytes, indent: bytes, blanks: bytes) -> SeriesText:
    """The lines that hold anything, without the blanks around it."""
    kept, starts, stops = [], [], []
    for row, line in enumerate(text.lines):
        end = line.rstrip(blanks)
        if (rest := end.lstrip(indent)) and rest[0] not in comments:
            kept.append(text.line_nos[row])
            starts.append(text.starts[row] + len(end) - len(rest))
            stops.append(text.starts[row] + len(end))
    return replace(text, line_nos=kept, starts=starts, stops=stops)


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

"""NumPy's own files: ``.npz`` with X, and y and more if known; ``.npy`` with X alone, to predict.

A big float32 X that is not compressed (``np.savez``, ``np.save``) is mapped, so that sets larger
than memory can be trained on: all of it is read once, to be checked, and then what is asked for.

``X`` is (N, C, L) or (N, L). Optional beside it: ``lengths``, ``y``, ``classes``, ``ids``,
``groups``, ``weights`` and ``channels``. Nothing that needs pickle is opened.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tsconv.data.dataset import VALUES_AT_ONCE, TimeSeriesDataset, encode_labels
from tsconv.data.format import FORMATS, Schema, without_columns
from tsconv.errors import FormatError
from tsconv.registry import did_you_mean

PARTS = ("lengths", "y", "ids", "groups", "weights")  # one entry an instance
MAPPED_BYTES = 2**30
"""An X of this size or more stays on disk."""
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError)


class ArrayStream:
    """One array of a file, read some rows at a time.

    Args:
        where: what messages call it.
        file: at the array's first byte.
        size: of the array with its header.
        start: of the array in the file on disk, None where that holds it compressed.
    """

    def __init__(self, where: str, file: IO[bytes], size: int, start: int | None) -> None:
        self.where = where
        self.file = file
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            self.shape, self.is_fortran, self.dtype = read(file)
        except BROKEN as error:
            raise FormatError(
                f"{where}: expected a NumPy array, found {one_line(error)}"
            ) from error
        if self.dtype.hasobject:
            raise FormatError(
                f"{where}: found an array of Python objects; expected numbers or strings: save "
                "X as np.asarray(X, dtype='float32'), series padded and their lengths beside it, "
                "labels as y.astype(str)"
            )
        expected = int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize
        if size < expected:
            raise FormatError(
                f"{where}: expected {expected} bytes for shape {self.shape}, found {size}; is "
                "the file cut off?"
            )
        self.offset = None if start is None else start + file.tell()

    @property
    def can_be_mapped(self) -> bool:
        """Whether the file holds it as memory would: float32, row by row, not compressed."""
        return self.offset is not None and self.dtype == np.float32 and not self.is_fortran

    def mapped(self, path: Path) -> NDArray[np.float32]:
        """All of it in the file at ``path``, read-only, as (N, C, L)."""
        X = np.memmap(path, np.float32, "r", self.offset or 0, self.shape)
        return X.reshape(len(X), -1, X.shape[-1])

    def rows(self, count: int) -> NDArray[Any]:
        """The next ``count`` rows, as far as there are any."""
        shape = (count, *self.shape[1:])
        n_bytes = int(np.prod(shape, dtype=object)) * self.dtype.itemsize
        try:
            content = self.file.read(n_bytes)
        except BROKEN as error:
            raise FormatError(f"{self.where}: {one_line(error)}; copy the file anew") from error
        if len(content) < n_bytes:
            raise FormatError(f"{self.where}: expected {n_bytes} bytes, found {len(content)}")
        order = "F" if self.is_fortran else "C"
        return np.frombuffer(content, dtype=self.dtype).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def one_line(error: BaseException) -> str:
    """What an error says, without its line ends."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def names_in(path: Path) -> list[str]:
    """What the arrays of an .npz file are called, [] for any other file."""
    if path.suffix.lower() != ".npz" or not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [each.removesuffix(".npy") for each in archive.namelist()]


@contextmanager
def open_member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[ArrayStream]:
    """The array ``name`` of an .npz file."""
    member = f"{name}.npy"
    if member not in archive.namelist():
        known = [each.removesuffix(".npy") for each in archive.namelist()]
        raise FormatError(
            f"{path}: expected an array {name!r}, found {', '.join(known)[:200] or 'none'}"
            f"{did_you_mean(name, known)}"
        )
    try:
        file = archive.open(member)
    except (*BROKEN, RuntimeError) as error:
        raise FormatError(f"{path}: {name}: {one_line(error)}") from error
    info = archive.getinfo(member)
    with file:
        yield ArrayStream(f"{path}: {name}", file, info.file_size, find_start(path, info))


def find_start(path: Path, member: zipfile.ZipInfo) -> int | None:
    """Where the content of a member begins in the file, None where it is compressed."""
    if member.compress_type != zipfile.ZIP_STORED:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)  # of the local header, which is 30 bytes and two texts
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + 30 + int(name) + int(extra)


def read_parts(path: Path, archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    """The arrays beside X: small, so read whole."""
    parts = {}
    for name in (*PARTS, "classes", "channels"):
        if f"{name}.npy" in archive.namelist():
            with open_member(path, archive, name) as stream:
                if len(stream.shape) != 1:
                    raise FormatError(
                        f"{path}: {name}: expected one dimension, found shape {stream.shape}"
                    )
                parts[name] = stream.rows(stream.shape[0])
    for name, kinds in (("lengths", "iu"), ("weights", "fiu")):
        if name in parts and parts[name].dtype.kind not in kinds:
            raise FormatError(f"{path}: {name}: expected numbers, found {parts[name].dtype}")
    return parts


def check_shape(stream: ArrayStream) -> None:
    """Raise FormatError unless the array can be X."""
    shape = stream.shape
    if len(shape) not in (2, 3) or min(shape) < 1 or stream.dtype.kind not in "fiub":
        raise FormatError(
            f"{stream.where}: expected numbers (instances, channels, timepoints) or (instances, "
            f"timepoints), found {stream.dtype} {shape}"
        )


def read_blocks(stream: ArrayStream, chunk_size: int | None) -> Iterator[NDArray[Any]]:
    """X in blocks of at most ``chunk_size`` rows, read one by one unless stored by column."""
    n_instances, length = stream.shape[0], stream.shape[-1]
    step = chunk_size or n_instances
    whole = stream.rows(n_instances) if stream.is_fortran else None
    for start in range(0, n_instances, step):
        count = min(step, n_instances - start)
        block = stream.rows(count) if whole is None else whole[start : start + count]
        yield block.reshape(count, -1, length)


def read_series(
    path: Path, stream: ArrayStream, lengths: NDArray[Any] | None, chunk_size: int | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """X and its lengths in blocks of ``chunk_size``; for None all of it, left on disk if big."""
    n_bytes = int(np.prod(stream.shape)) * stream.dtype.itemsize
    if chunk_size is None and stream.can_be_mapped and n_bytes >= MAPPED_BYTES:
        step = max(1, VALUES_AT_ONCE * stream.shape[0] * stream.dtype.itemsize // n_bytes)
        checked = [found for _, found in read_series(path, stream, lengths, step)]
        all_lengths = np.concatenate(checked)
        yield stream.mapped(path)[:, :, : all_lengths.max()], all_lengths
        return
    start = 0
    for block in read_blocks(stream, chunk_size):
        yield pad(path, start, block, lengths)
        start += len(block)


def label_texts(where: str, values: NDArray[Any]) -> list[str]:
    """Labels, ids or groups as strings: numbers and bools as Python writes them."""
    if values.dtype.kind not in "fiubU" or (values.dtype.kind == "f" and np.isnan(values).any()):
        raise FormatError(f"{where}: expected strings or numbers, found {values.dtype} or NaN")
    return [str(value) for value in values]


class NpzFormat:
    """Reads and writes NumPy files."""

    suffixes: tuple[str, ...] = (".npz", ".npy")
    summary: str = "NumPy arrays: X, and y, lengths, ids, groups, weights beside it; .npy X alone"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` as it is: the arrays have names."""
        names = names_in(path)
        found = f"an array y, found {', '.join(names)[:200] or 'none'}"
        without_columns(path, schema, f"the class labels are {found}")
        if "X" in names and "y" not in names and schema == Schema():
            raise FormatError(f"{path}: expected class labels in {found}")
        return schema

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances, read one by one from the file."""
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                stream = ArrayStream(str(path), file, path.stat().st_size, start=0)
                yield from make_datasets(path, stream, {}, chunk_size)
            return
        try:
            archive = zipfile.ZipFile(path)
        except BROKEN as error:
            raise FormatError(f"{path}: expected a .npz file, found {one_line(error)}") from error
        with archive:
            parts = read_parts(path, archive)
            with open_member(path, archive, "X") as stream:
                yield from make_datasets(path, stream, parts, chunk_size)

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Write ``dataset``; .npy takes only series without labels and of one length.

        Raises:
            FormatError: values that are infinite, text that ends in a null character, or more
                than a .npy holds.
        """
        for row in range(dataset.n_instances):
            check_known(f"{path}: X", row, dataset.X[row, :, : dataset.lengths[row]])
        X = dataset.X[:, :, : dataset.lengths.max()]
        if path.suffix.lower() == ".npy":
            if dataset.y is not None or dataset.lengths.min() < X.shape[2]:
                raise FormatError(
                    f"{path}: .npy holds no labels and no lengths; write .npz instead"
                )
            with path.open("wb") as file:
                np.save(file, X, allow_pickle=False)
            return
        parts: dict[str, Any] = {"X": X, "lengths": dataset.lengths, "weights": dataset.weights}
        texts = {"y": dataset.labels, "ids": dataset.ids, "groups": dataset.groups}
        if dataset.y is not None:
            texts["classes"] = np.array(dataset.classes, dtype=object)
        if dataset.channels:
            texts["channels"] = np.array(dataset.channels, dtype=object)
        for name, values in texts.items():
            if values is not None and any(text.endswith("\0") for text in values):
                raise FormatError(f"{path}: {name}: text that ends in a null character is lost")
            parts[name] = None if values is None else values.astype(str)
        with path.open("wb") as file:
            kept = {name: values for name, values in parts.items() if values is not None}
            np.savez(file, allow_pickle=False, **kept)


def check_known(where: str, row: int, series: NDArray[np.float32]) -> None:
    """Raise FormatError for a series with an infinite value, or with no known one."""
    if np.isinf(series).any():
        raise FormatError(f"{where}: instance {row}: expected finite float32, found an infinity")
    if np.isnan(series).all():
        raise FormatError(f"{where}: instance {row}: expected a series, found no known value")


def make_datasets(
    path: Path, stream: ArrayStream, parts: dict[str, NDArray[Any]], chunk_size: int | None
) -> Iterator[TimeSeriesDataset]:
    """Datasets from X, block by block, and the arrays beside it."""
    check_shape(stream)
    for name in PARTS:
        if name in parts and len(parts[name]) != stream.shape[0]:
            raise FormatError(
                f"{path}: {name}: expected {stream.shape[0]} entries, one an instance of X, found "
                f"{len(parts[name])}"
            )
    strings: dict[str, list[str]] = {
        name: label_texts(f"{path}: {name}", parts[name])
        for name in ("y", "ids", "groups", "classes", "channels")
        if name in parts
    }
    position = class_positions(path, strings)
    start = 0
    for X, lengths in read_series(path, stream, parts.get("lengths"), chunk_size):
        rows = slice(start, start + len(X))
        y, classes = encode(strings.get("y"), rows, position)
        yield TimeSeriesDataset(
            X=X,
            lengths=lengths,
            y=y,
            classes=classes,
            channels=tuple(strings.get("channels", ())),
            ids=as_objects(strings.get("ids"), rows),
            groups=as_objects(strings.get("groups"), rows),
            weights=parts["weights"][rows].astype(np.float32) if "weights" in parts else None,
            name=path.stem,
        )
        start += len(X)


def encode(
    labels: list[str] | None, rows: slice, position: dict[str, int] | None
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels of ``rows`` as y and classes: the declared ones, or else those found."""
    if labels is None:
        return None, tuple(position or ())
    if position is None:
        return encode_labels(labels[rows])
    return np.array([position[each] for each in labels[rows]], dtype=np.int64), tuple(position)


def as_objects(texts: list[str] | None, rows: slice) -> NDArray[np.object_] | None:
    """Strings of ``rows`` as the array that a dataset holds."""
    return None if texts is None else np.array(texts[rows], dtype=object)


def class_positions(path: Path, strings: dict[str, list[str]]) -> dict[str, int] | None:
    """The index of each declared class, or None where none are; every label must be declared."""
    if "classes" not in strings:
        return None
    position = {label: k for k, label in enumerate(sorted(set(strings["classes"])))}
    for row, label in enumerate(strings.get("y", [])):
        if label not in position:
            raise FormatError(
                f"{path}: y: instance {row}: found label {label!r}{did_you_mean(label, position)}; "
                f"expected one of classes: {', '.join(list(position)[:20])}"
            )
    return position


def pad(
    path: Path, start: int, block: NDArray[Any], all_lengths: NDArray[Any] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """X as float32, trimmed to its longest series and NaN after each one's end, and lengths."""
    lengths = np.full(len(block), block.shape[2], dtype=np.int64)
    if all_lengths is not None:
        lengths = all_lengths[start : start + len(block)].astype(np.int64)
        for row in np.flatnonzero((lengths < 1) | (lengths > block.shape[2]))[:1]:
            raise FormatError(
                f"{path}: lengths: instance {start + row}: expected 1 to {block.shape[2]}, "
                f"found {lengths[row]}"
            )
    with np.errstate(over="ignore"):
        X = block[:, :, : lengths.max()].astype(np.float32, order="C")
    for row in np.flatnonzero(lengths < X.shape[2]):
        X[row, :, lengths[row] :] = np.nan
    is_wrong = np.isinf(X).any(axis=(1, 2)) | np.isnan(X).all(axis=(1, 2))
    for row in np.flatnonzero(is_wrong):
        check_known(f"{path}: X", start + int(row), X[row])
    return X, lengths


FORMATS.register("npz")(NpzFormat())

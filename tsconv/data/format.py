"""What a file format is, and the doors through which every file comes in and goes out."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.layouts import NO_SUFFIX, split_name
from tsconv.errors import ConfigError, FormatError, UnknownNameError
from tsconv.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """Which column of a table means what; None and () are left to the reader to find out.

    Given by whoever trains, resolved by :meth:`Format.resolve`, stored in the run, and given again
    by whoever predicts, so that a table is read the same way both times. Formats whose files say it
    themselves (.ts, .arff) take none from whoever trains.

    Attributes:
        layout: "wide", an instance a row, or "long", a time point a row.
        label: the column of class labels; may be absent from a table to predict.
        id: the column that names instances.
        time: long only, the column that orders the rows of one instance.
        series: wide: the columns of one series, in order of time; long: the channels' columns.
    """

    layout: Literal["wide", "long"] | None = None
    label: str | None = None
    id: str | None = None
    time: str | None = None
    series: tuple[str, ...] = ()


class Format(Protocol):
    """One file format, in one file of ``tsconv.data.formats``, registered by its stem."""

    suffixes: tuple[str, ...]
    """Lower case with the dot; the first is the one written."""
    summary: str
    """What the format holds, for `tsconv formats`."""

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` with all that can be found out from the file itself filled in.

        Raises:
            FormatError: where the labels are cannot be found out.
            ConfigError: the format has no columns, and some are named.
        """
        ...

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances in file order, or one of all for None.

        Memory is bounded by the chunk. Every chunk has the same channels; ``classes`` are those of
        the chunk unless the file declares them.

        Raises:
            FormatError: path:line, what was found, what was expected.
        """
        ...

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Write ``dataset`` so that reading it gives the same values, lengths and labels.

        Raises:
            FormatError: the format cannot hold this dataset (and which can).
        """
        ...


def without_columns(path: Path, schema: Schema, why: str) -> Schema:
    """``schema`` as it is, for a file that has no columns to be named.

    Raises:
        ConfigError: whoever trains names some all the same. A stored schema, which has series, may
            be a table's: runs that were trained on one classify files of any format.
    """
    named = {"label": schema.label, "id": schema.id, "time": schema.time, "layout": schema.layout}
    given = [f"--{option} {value}" for option, value in named.items() if value]
    if given and not schema.series:
        raise ConfigError(
            f"{path}: found {' '.join(given)}, which is for the columns of .csv and .parquet; "
            f"expected none: {why}"
        )
    return schema


PLAIN = ".txt"
"""How the UCR archive of 2015 would have ended its files' names, had it ended them."""
FORMATS: Registry[Format] = Registry("format", "tsconv.data.formats")


def find_format(path: Path) -> Format:
    """The format of a file, by its suffix; a part of a set without one is a plain table.

    Raises:
        UnknownNameError: no format has that suffix; the message lists those that exist.
    """
    suffix = path.suffix.lower()
    try:
        return find_suffix(PLAIN if split_name(path.name)[1] == NO_SUFFIX else suffix)
    except KeyError as error:
        found = f"the ending {suffix!r}" if suffix else "no ending"
        known = (each for name in FORMATS.names() for each in FORMATS.get(name).suffixes)
        raise UnknownNameError(
            f"{path}: found {found}; expected one of {', '.join(sorted(known))}"
        ) from error


@cache
def find_suffix(suffix: str) -> Format:
    """The format that reads a suffix; looked up once, as that searches a folder."""
    known = {each: name for name in FORMATS.names() for each in FORMATS.get(name).suffixes}
    return FORMATS.get(known[suffix])


def read_file(path: Path, schema: Schema | None = None) -> TimeSeriesDataset:
    """The whole of one file.

    Raises:
        FormatError: the file is not what its format says.
        UnknownNameError: its ending belongs to no format.
    """
    (dataset,) = read_file_chunks(path, schema or Schema(), None)
    return dataset


def read_file_chunks(
    path: Path, schema: Schema, chunk_size: int | None
) -> Iterator[TimeSeriesDataset]:
    """One file in datasets of at most ``chunk_size`` instances, in file order."""
    found = find_format(path)
    if not path.is_file():
        raise FormatError(f"{path}: expected a file, found none")
    yield from found.read_chunks(path, schema, chunk_size)


def write_file(path: Path, dataset: TimeSeriesDataset) -> None:
    """Write ``dataset`` in the format of the path's suffix."""
    find_format(path).write(path, dataset)

"""Read: a dataset from a file or a name, a classifier from a run directory."""

from pathlib import Path
from typing import Literal

from tsconv.classifier import Classifier
from tsconv.data.archive import find_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.data.layouts import DataSource
from tsconv.errors import DataError
from tsconv.hints import check
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run

Split = Literal["train", "test"]
Layout = Literal["wide", "long"]


def read(
    data: str | Path,
    label: str | None = None,
    *,
    split: Split = "train",
    id: str | None = None,
    time: str | None = None,
    layout: Layout | None = None,
) -> TimeSeriesDataset:
    """The series of a file, or a part of a folder or an archive set.

    Args:
        data: a path or a set's name.
        label: tables: the column of class labels, unless it can be found out; "" for none.
        split: of a folder or a set, the part; a file is read as it is.
        id: tables: the column that names instances.
        time: long tables: the column of times.
        layout: tables: a row an instance or a row a time point.

    Raises:
        FormatError: the file is not what its format says.
        ConfigError: columns are named of a file that is no table, or another split or layout.
        UnknownNameError: nothing answers to the name.
        DataError: the set has no test part.
    """
    check("split", split, Split)
    check("layout", layout, Layout | None)
    schema = Schema(label=label, id=id, time=time, layout=layout)
    path = Path(data).expanduser()
    path = path if path.is_file() else _part(find_data(data), split)
    if schema != Schema():
        find_format(path).resolve(path, schema)
    return read_file(path, schema)


def _part(source: DataSource, split: Split) -> Path:
    path = source.train if split == "train" else source.test
    if path is None:
        raise DataError(f"{source.name}: expected a test part beside {source.train}, found none")
    return path


def load(run: str | Path) -> Classifier:
    """The classifier that a run directory holds.

    Raises:
        RunError: there is no finished run, or a file in it is damaged.
    """
    return load_run(RunDir(Path(run)))

"""Read: a dataset from a file or a name, a classifier from a run directory."""

from pathlib import Path

from tsconv.classifier import Classifier
from tsconv.data.archive import find_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run


def read(data: str | Path, label: str | None = None) -> TimeSeriesDataset:
    """The series of a file, or the training part of a folder or an archive set.

    Args:
        data: a path or a set's name.
        label: tables: the column of class labels, unless it can be found out; "" for none.

    Raises:
        FormatError: the file is not what its format says.
        ConfigError: a label column is named of a file that is no table.
        UnknownNameError: nothing answers to the name.
    """
    path, schema = Path(data).expanduser(), Schema(label=label)
    path = path if path.is_file() else find_data(data).train
    if label is not None:
        find_format(path).resolve(path, schema)
    return read_file(path, schema)


def load(run: str | Path) -> Classifier:
    """The classifier that a run directory holds.

    Raises:
        RunError: there is no finished run, or a file in it is damaged.
    """
    return load_run(RunDir(Path(run)))

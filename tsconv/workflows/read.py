"""Read: a dataset from a file or a name, a classifier from a run directory."""

from pathlib import Path

from tsconv.classifier import Classifier
from tsconv.data.archive import find_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, read_file
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run


def read(data: str | Path, label: str | None = None) -> TimeSeriesDataset:
    """The series of a file, or the training part of a folder or an archive set.

    Args:
        data: a path or a set's name.
        label: tables: the column of class labels, unless it can be found out; "" for none.

    Raises:
        FormatError: the file is not what its format says.
        UnknownNameError: nothing answers to the name.
    """
    path = Path(data).expanduser()
    return read_file(path if path.is_file() else find_data(data).train, Schema(label=label))


def load(run: str | Path) -> Classifier:
    """The classifier that a run directory holds.

    Raises:
        RunError: there is no finished run, or a file in it is damaged.
    """
    return load_run(RunDir(Path(run)))

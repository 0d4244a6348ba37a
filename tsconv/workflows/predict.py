"""Predict: a run and new series in, a table of predictions out, in memory that stays bounded.

The table's columns, in order: the ids under the name they came with, or ``row`` counted from 0;
what passed through; ``prediction``; one column of probabilities a class, named by the class. Where
a class is named like one of the columns before it, every class column gets the prefix ``proba_``. A
column passed through that is named ``prediction`` or like the first column gets the prefix
``input_``.
"""

import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.classifier import Classifier
from tsconv.data.archive import find_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import FORMATS, Schema, find_format, read_file_chunks
from tsconv.errors import ConfigError, DataError, FormatError
from tsconv.runs.atomic import replacing
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run
from tsconv.workflows.ending import refuse_ending

logger = logging.getLogger(__name__)

VALUES_PER_CHUNK = 2**22
"""Numbers of all series together that are held at once."""
STREAM = "standard input"
"""What messages call a stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted:
    """What :func:`predict` did."""

    n_instances: int
    classes: tuple[str, ...]
    counts: dict[str, int]
    seconds: float


class Part(NamedTuple):
    """A file to classify, and what it is called."""

    name: str
    path: Path


def predict(
    run: Path, data: str | Path | IO[bytes], out: Path | IO[bytes], *, format: str = "csv"
) -> Predicted:
    """Classify every series of ``data`` and write a row for each, in their order.

    Args:
        run: a run directory.
        data: a file; a set's name or folder, of which the test part is taken if there is one; or a
            stream. Labels in it are not looked at.
        out: a .csv file, which is there when it is whole, or a stream.
        format: of a stream.

    Raises:
        RunError: no finished run, or the output cannot be written.
        FormatError: the data are not what their format says.
        DataError: other channels than in training, or infinite values.
    """
    started = time.monotonic()
    classifier = load_run(RunDir(run))
    with contextlib.ExitStack() as stack:
        if isinstance(data, str | Path):
            path = part_to_classify(data).path
        else:
            path = stack.enter_context(_spooled(data, format))
        tables = prediction_tables(classifier, path)
        if isinstance(out, Path):
            _refuse_output(out, path)
            file: IO[bytes] = stack.enter_context(replacing(out))
        else:
            file = out
        counts = np.zeros(len(classifier.classes), dtype=np.int64)
        for table, y_pred in tables:
            write_rows(file, table, header=not counts.any())
            counts += np.bincount(y_pred, minlength=len(counts))
    return Predicted(
        n_instances=int(counts.sum()),
        classes=classifier.classes,
        counts=dict(zip(classifier.classes, counts.tolist(), strict=True)),
        seconds=time.monotonic() - started,
    )


def part_to_classify(data: str | Path) -> Part:
    """The file itself, or the test part of the set that is named, or its only part."""
    path = Path(data).expanduser()
    if path.is_file():
        return Part(path.stem, path)
    source = find_data(data)
    return Part(source.name, source.test or source.train)


def prediction_tables(
    classifier: Classifier, path: Path
) -> Iterator[tuple[pd.DataFrame, NDArray[np.int64]]]:
    """Chunk by chunk, the rows to write and the classes predicted."""
    schema = schema_for(path, classifier.schema)
    arithmetic = classifier.arithmetic()
    n_before = 0
    for chunk in read_bounded(path, schema):
        proba = classifier.member_proba(chunk, arithmetic).mean(axis=0)
        yield (
            prediction_table(
                chunk, proba, classifier.classes, id_name=schema.id, first_row=n_before
            ),
            proba.argmax(axis=1),
        )
        n_before += chunk.n_instances


def prediction_table(
    dataset: TimeSeriesDataset,
    proba: NDArray[np.float64],
    classes: Sequence[str],
    *,
    id_name: str | None = None,
    first_row: int = 0,
    labels: NDArray[np.object_] | None = None,
) -> pd.DataFrame:
    """A row an instance: what it is called, what came with it, what it is taken for.

    Args:
        dataset: N instances.
        proba: (N, K).
        classes: K labels.
        id_name: the column that ids came from.
        first_row: the number of the first instance, where there are no ids.
        labels: (N,) the true ones, to stand beside the predictions in a column ``label``.
    """
    columns: dict[str, Any] = {}
    if dataset.ids is None:
        columns["row"] = np.arange(first_row, first_row + dataset.n_instances)
    else:
        columns[id_name or "id"] = dataset.ids
    if dataset.extras is not None:
        taken = {*columns, "prediction", *(() if labels is None else ("label",))}
        for name in map(str, dataset.extras.columns):
            columns[f"input_{name}" if name in taken else name] = dataset.extras[name].to_numpy()
    if labels is not None:
        columns["label"] = labels
    columns["prediction"] = np.array(classes, dtype=object)[proba.argmax(axis=1)]
    prefix = ""
    while any(f"{prefix}{label}" in columns for label in classes):
        prefix += "proba_"
    columns |= {f"{prefix}{label}": proba[:, k] for k, label in enumerate(classes)}
    return pd.DataFrame(columns)


def write_rows(file: IO[bytes], table: pd.DataFrame, *, header: bool) -> None:
    """Rows as CSV, numbers in the fewest digits that give them back exactly."""
    file.write(table.to_csv(index=False, header=header, lineterminator="\n").encode())
    file.flush()


def schema_for(path: Path, schema: Schema) -> Schema:
    """How to read a file that need not have labels, given how the training file was read."""
    found = find_format(path)
    if not path.is_file():
        raise FormatError(f"{path}: expected a file, found none")
    if schema.series:
        return found.resolve(path, schema)
    try:  # trained on a format that says it all itself, and now perhaps a table
        return found.resolve(path, schema)
    except FormatError:
        return found.resolve(path, Schema(layout=schema.layout, label=""))


def read_bounded(path: Path, schema: Schema) -> Iterator[TimeSeriesDataset]:
    """A file in chunks of at most some :data:`VALUES_PER_CHUNK` values, judged by its beginning."""
    n_instances = 1
    for most in (256, VALUES_PER_CHUNK):
        with contextlib.closing(_chunks(path, schema, n_instances)) as chunks:
            first = next(chunks)
        values = first.n_channels * first.n_timepoints
        n_instances = min(most, max(1, VALUES_PER_CHUNK // values))
    yield from _chunks(path, schema, n_instances)


def _chunks(path: Path, schema: Schema, n_instances: int) -> Any:
    return read_file_chunks(path, schema, n_instances)


@contextlib.contextmanager
def _spooled(stream: IO[bytes], format: str) -> Iterator[Path]:
    """A stream as a file, since a table's columns are found before its rows are read."""
    suffix = FORMATS.get(format).suffixes[0]
    with tempfile.TemporaryDirectory(prefix="tsconv-") as folder:
        path = Path(folder) / f"{STREAM}{suffix}"
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        try:
            yield path
        except (FormatError, DataError) as error:
            raise type(error)(str(error).replace(str(path), STREAM)) from error


def _refuse_output(out: Path, data: Path) -> None:
    refuse_ending(out, (".csv",), instead=", or - for standard output")
    if out.exists() and out.samefile(data):
        raise ConfigError(f"--out {out}: is the file to predict; give another name")

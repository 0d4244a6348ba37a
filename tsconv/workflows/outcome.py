"""Outcome: a finished run with all that can be shown of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.classifier import Classifier
from tsconv.data.archive import find_local, load_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import read_file
from tsconv.data.layouts import sets_in
from tsconv.data.split import resample
from tsconv.errors import DataError, RunError, TSConvError
from tsconv.evaluation.report import Evaluation
from tsconv.runs.atomic import read_json
from tsconv.runs.paths import RunDir
from tsconv.runs.store import DataRecord, load_run, open_run
from tsconv.workflows.evaluate import evaluate_part
from tsconv.workflows.predict import part_to_classify, schema_for


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tested:
    """What a run made of labelled series.

    Attributes:
        file: where these came from.
        is_recorded: whether the run was tested so when it was trained.
        evaluation: of its members and ensemble.
        names: (N,) what each instance is called.
        y_true: int (N,) into the classifier's classes.
        proba: the ensemble's probabilities (N, K).
        series: the N instances, None where they are not to be had.
        no_series: why not.
    """

    file: str
    is_recorded: bool
    evaluation: Evaluation
    names: NDArray[np.object_]
    y_true: NDArray[np.int64]
    proba: NDArray[np.float64]
    series: TimeSeriesDataset | None
    no_series: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome:
    """A finished run.

    Attributes:
        run: its directory.
        data: what it was trained on.
        classifier: the trained ensemble.
        environment: versions, machine, command line and times, as far as they were recorded.
        tested: None where no labelled series are known.
    """

    run: Path
    data: DataRecord
    classifier: Classifier
    environment: dict[str, Any]
    tested: Tested | None


def read_outcome(run: Path, data: str | Path | None = None) -> Outcome:
    """A finished run and how it did, on its own test part or on other series.

    Args:
        run: its directory.
        data: labelled series to classify now; the recorded test results unless given.

    Raises:
        RunError: no finished run, or a file of it is damaged.
        TSConvError: ``data`` cannot be read or evaluated.
    """
    directory = RunDir(run)
    classifier, record = load_run(directory), open_run(directory).data
    if data is not None:
        tested: Tested | None = _test_now(classifier, run, data)
    elif directory.metrics.exists():
        tested = _test_recorded(classifier, directory, record)
    else:
        tested = None
    return Outcome(
        run=run,
        data=record,
        classifier=classifier,
        environment=read_json(directory.environment),
        tested=tested,
    )


def tested_of(outcome: Outcome) -> Tested:
    """The test of an outcome.

    Raises:
        DataError: there is none.
    """
    if outcome.tested is None:
        raise DataError(
            f"{outcome.run}: trained without a labelled test part; name labelled series by --data"
        )
    return outcome.tested


def series_of(outcome: Outcome) -> TimeSeriesDataset:
    """The series that the outcome was tested on.

    Raises:
        DataError: there are none, or they are not to be had.
    """
    tested = tested_of(outcome)
    if tested.series is None:
        raise DataError(tested.no_series)
    return tested.series


def _test_now(classifier: Classifier, run: Path, data: str | Path) -> Tested:
    path = part_to_classify(data).path
    series = read_file(path, schema_for(path, classifier.schema))
    report, proba = evaluate_part(classifier, series, file=path, run=run)
    series = series.with_channels(classifier.channels).with_classes(classifier.classes)
    ids = np.arange(series.n_instances).astype(str) if series.ids is None else series.ids
    return Tested(
        file=str(path),
        is_recorded=False,
        evaluation=report.evaluation,
        names=np.asarray(ids, dtype=object),
        y_true=_labels(series),
        proba=proba,
        series=series,
    )


def _test_recorded(classifier: Classifier, directory: RunDir, record: DataRecord) -> Tested:
    """What training wrote of the test part, and its series if they are still what they were."""
    document = read_json(directory.metrics)
    try:
        evaluation, file = Evaluation.from_dict(document), str(document["file"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{directory.metrics}: expected an evaluation; {error!r}") from error
    names, y_true, proba = _read_predictions(directory.predictions, classifier.classes)
    series, no_series = None, ""
    try:
        series = _find_series(classifier, Path(file), record)
        if not np.array_equal(_labels(series), y_true):
            raise DataError(f"{file}: not the series that were tested, their labels differ")
    except TSConvError as error:
        series, no_series = None, f"the test part's series are not to be had: {error}"
    return Tested(
        file=file,
        is_recorded=True,
        evaluation=evaluation,
        names=names,
        y_true=y_true,
        proba=proba,
        series=series,
        no_series=no_series,
    )


def _read_predictions(
    path: Path, classes: tuple[str, ...]
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.float64]]:
    """Names (N,), labels (N,) and probabilities (N, K) of the table that training wrote."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        names = table.iloc[:, 0].to_numpy(dtype=object)
        position = {label: k for k, label in enumerate(classes)}
        y_true = np.array([position[label] for label in table["label"]], dtype=np.int64)
        proba = table.iloc[:, -len(classes) :].to_numpy().astype(np.float64)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, ValueError) as error:
        raise RunError(f"{path}: expected predictions beside their labels; {error!r}") from error
    return names, y_true, proba


def _find_series(classifier: Classifier, file: Path, record: DataRecord) -> TimeSeriesDataset:
    """The test part as training took it: from the file it had then, or by the set's name."""
    beside = sets_in(file.parent) if file.parent.is_dir() else {}
    source = beside.get(record.name) or find_local(record.name)
    if source is None:
        raise DataError(f"{file}: found no such file, nor a set {record.name!r} on this machine")
    train, test = load_data(source, classifier.schema)
    if test is None:
        raise DataError(f"{source.train}: found no test part beside it")
    return resample(train, test, record.resample)[1].with_classes(classifier.classes)


def _labels(series: TimeSeriesDataset) -> NDArray[np.int64]:
    if series.y is None:
        raise DataError(f"{series.name}: expected labels, found none")
    return series.y

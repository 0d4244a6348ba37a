"""tsml-eval's results files, one a classifier, set and resample; aeon's tools read them too.

``<classifier>/Predictions/<set>/testResample<i>.csv``: a line about the run, one about parameters,
one of figures (accuracy, milliseconds, memory), then a line an instance: label, prediction, the
probability of each class. Classes are numbered from 0 there, in the order of their labels.
https://github.com/time-series-machine-learning/tsml-eval
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsconv.errors import FormatError

N_FIGURES = 6  # of line 3, as far as every version writes it


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TsmlResult:
    """One results file.

    Attributes:
        dataset: name of the set.
        classifier: name of the method.
        resample: 0 for the archive's split.
        y_true: int (N,).
        proba: (N, K).
        fit_milliseconds: of training, -1 where it is not known.
        predict_milliseconds: of predicting, -1 where it is not known.
        memory_bytes: -1 where it is not known.
        comment: of the first line; has no comma.
    """

    dataset: str
    classifier: str
    resample: int
    y_true: NDArray[np.int64]
    proba: NDArray[np.float64]
    fit_milliseconds: int = -1
    predict_milliseconds: int = -1
    memory_bytes: int = -1
    comment: str = ""

    @property
    def accuracy(self) -> float:
        """Share of instances whose most probable class is the label."""
        return float(np.mean(self.proba.argmax(axis=1) == self.y_true))


def path_of(folder: Path, classifier: str, dataset: str, resample: int) -> Path:
    """Where tsml-eval has a result."""
    return folder / classifier / "Predictions" / dataset / f"testResample{resample}.csv"


def dump_result(result: TsmlResult) -> str:
    """The text of a results file."""
    y_pred = result.proba.argmax(axis=1)
    about = (result.dataset, result.classifier, "TEST", str(result.resample), "MILLISECONDS")
    figures = (
        result.accuracy,
        result.fit_milliseconds,
        result.predict_milliseconds,
        -1,  # no benchmark time
        result.memory_bytes,
        result.proba.shape[1],
        "",  # no estimate from the training part
        -1,
        -1,
    )
    lines = [",".join((*about, result.comment)), "", ",".join(map(str, figures))]
    for true, predicted, proba in zip(result.y_true, y_pred, result.proba, strict=True):
        numbers = ",".join(repr(float(value)) for value in proba)
        lines.append(f"{true},{predicted},,{numbers}")
    return "\n".join(lines) + "\n"


def load_result(path: Path) -> TsmlResult:
    """A results file of tsml-eval or of ours.

    Raises:
        FormatError: the file is none.
    """
    try:
        about, _, figures, *lines = path.read_text("utf-8").splitlines()
        dataset, classifier, _, resample, _, *comment = about.split(",")
        numbers = figures.split(",")[:N_FIGURES]
        rows = [line.split(",") for line in lines if line]
        n_classes = int(numbers[5])
        proba = np.array([row[3 : 3 + n_classes] for row in rows], dtype=np.float64)
        y_true = np.array([row[0] for row in rows], dtype=np.float64).astype(np.int64)
    except (OSError, ValueError, IndexError) as error:
        raise FormatError(f"{path}: expected a results file of tsml-eval; {error}") from error
    if proba.ndim != 2 or proba.shape[1] != n_classes:
        raise FormatError(
            f"{path}: expected a label, a prediction and {n_classes} probabilities a line, found "
            "another number"
        )
    return TsmlResult(
        dataset=dataset,
        classifier=classifier,
        resample=int(resample),
        y_true=y_true,
        proba=proba,
        fit_milliseconds=round(float(numbers[1])),
        predict_milliseconds=round(float(numbers[2])),
        memory_bytes=round(float(numbers[4])),
        comment=",".join(comment),
    )

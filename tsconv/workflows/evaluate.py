"""Evaluate: a run on labelled series, every number with what it stands for."""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsconv.classifier import Classifier
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.errors import DataError
from tsconv.evaluation.report import Evaluation, plain
from tsconv.evaluation.report import evaluate as evaluate_members
from tsconv.runs.atomic import replacing
from tsconv.runs.paths import RunDir
from tsconv.runs.store import load_run
from tsconv.training.precision import Arithmetic
from tsconv.workflows.ending import refuse_ending
from tsconv.workflows.predict import (
    part_to_classify,
    read_bounded,
    schema_for,
    write_rows,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What the numbers of an evaluation stand for.

    Attributes:
        data: the set or file that was classified.
        file: its path.
        run: the run directory.
        network: registered name.
        recipe: what the settings started from.
        seed: of the run.
        members: networks in the ensemble.
        selected_by: what chose each member's weights.
        valid_fraction: held out of training.
        device: that classified.
        precision: of its convolutions.
        training_seconds: all members' together.
        seconds: of classifying.
    """

    data: str
    file: str
    run: str
    network: str
    recipe: str
    seed: int
    members: int
    selected_by: tuple[str, ...]
    valid_fraction: float
    device: str
    precision: str
    training_seconds: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Report:
    """An evaluation and what it stands for."""

    provenance: Provenance
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        about: dict[str, Any] = plain(dataclasses.asdict(self.provenance))
        return {**about, **self.evaluation.to_dict()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Report":
        """What :meth:`to_dict` made plain.

        Raises:
            KeyError: an entry that is not there.
        """
        about = {each.name: document[each.name] for each in dataclasses.fields(Provenance)}
        about["selected_by"] = tuple(about["selected_by"])
        return cls(provenance=Provenance(**about), evaluation=Evaluation.from_dict(document))

    def to_frame(self) -> pd.DataFrame:
        """A row a member, their mean and the ensemble: who, the metrics, the provenance."""
        table = self.evaluation.table.rename_axis("who").reset_index()
        table["n_instances"] = self.evaluation.n_instances
        for name in ("data", "run", "network", "recipe", "seed", "members", "device", "precision"):
            table[name] = getattr(self.provenance, name)
        table["selected_by"] = "+".join(sorted(set(self.provenance.selected_by)))
        table["training_seconds"] = self.provenance.training_seconds
        table["seconds"] = self.provenance.seconds
        return table


def evaluate(run: Path, data: str | Path, *, out: Path | None = None) -> Report:
    """Every metric of a run's members and ensemble on labelled series.

    Args:
        run: a run directory.
        data: a file, or a set's name or folder, of which the test part is taken if there is one.
        out: a .csv file for the table of metrics.

    Raises:
        RunError: no finished run, or the output cannot be written.
        FormatError: the data are not what their format says.
        DataError: a label that training lacked, or no labels.
    """
    if out is not None:
        refuse_ending(out, (".csv",))
    started = time.monotonic()
    classifier = load_run(RunDir(run))
    name, path = part_to_classify(data)
    arithmetic = classifier.arithmetic()
    labels: list[NDArray[np.int64]] = []
    probabilities = []
    for part in read_bounded(path, schema_for(path, classifier.schema)):
        chunk = dataclasses.replace(part, name=str(path))
        labels.append(_labels(chunk, classifier, first=sum(map(len, labels))))
        probabilities.append(classifier.member_proba(chunk, arithmetic))
    report = Report(
        evaluation=evaluate_members(
            np.concatenate(labels), np.concatenate(probabilities, axis=1), classifier.classes
        ),
        provenance=describe(classifier, arithmetic, data=name, file=path, run=run, started=started),
    )
    if out is not None:
        with replacing(out) as file:
            write_rows(file, report.to_frame(), header=True)
    return report


def evaluate_part(
    classifier: Classifier, dataset: TimeSeriesDataset, *, file: Path, run: Path
) -> tuple[Report, NDArray[np.float64]]:
    """The report on a part in memory, and the ensemble's probabilities (N, K)."""
    started = time.monotonic()
    arithmetic = classifier.arithmetic()
    members = classifier.member_proba(dataset, arithmetic)
    evaluation = evaluate_members(_labels(dataset, classifier), members, classifier.classes)
    about = describe(classifier, arithmetic, data=dataset.name, file=file, run=run, started=started)
    proba: NDArray[np.float64] = members.mean(axis=0)
    return Report(evaluation=evaluation, provenance=about), proba


def describe(
    classifier: Classifier,
    arithmetic: Arithmetic,
    *,
    data: str,
    file: Path,
    run: Path,
    started: float,
) -> Provenance:
    """What the numbers that this classifier gives on these data stand for."""
    config = classifier.config
    members = classifier.members
    return Provenance(
        data=data,
        file=str(file),
        run=str(run),
        network=config.network.name,
        recipe=config.recipe,
        seed=config.seed,
        members=len(members),
        selected_by=tuple(member.selected.by for member in members),
        valid_fraction=config.valid_fraction,
        device=str(arithmetic.device),
        precision=str(arithmetic.dtype).removeprefix("torch."),
        training_seconds=sum(each.history[-1].seconds for each in members if each.history),
        seconds=time.monotonic() - started,
    )


def _labels(
    dataset: TimeSeriesDataset, classifier: Classifier, *, first: int = 0
) -> NDArray[np.int64]:
    """(N,) into the classifier's classes; ``first`` is the number of the first instance."""
    y = dataset.with_classes(classifier.classes, first=first).y
    if y is None:
        column, others = classifier.schema.label, dataset.extras
        where = f" in a column {column!r}, as in training" if column else ""
        among = "" if others is None else f" among the columns {', '.join(map(str, others))}"
        raise DataError(
            f"{dataset.name}: expected a label for each series to evaluate by{where}, found none "
            f"or an empty one{among[:200]}; tsconv predict needs no labels"
        )
    return y

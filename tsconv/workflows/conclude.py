"""What a run came to: finished, once all members are there, and its test part seen once."""

import dataclasses
import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsconv.classifier import Classifier, Member
from tsconv.config import Config, to_dict
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.layouts import DataSource
from tsconv.errors import RunError
from tsconv.evaluation.report import plain
from tsconv.runs.atomic import read_json, replacing
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir
from tsconv.runs.store import Run, finish, open_run, with_members
from tsconv.workflows.evaluate import Report, evaluate_part
from tsconv.workflows.predict import prediction_table, write_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberSummary:
    """How one member came out.

    Attributes:
        member: its index.
        selected_by: what chose its weights.
        epoch: after which they were taken.
        steps: optimiser steps of its whole training.
        train_loss: of that epoch.
        valid_loss: of that epoch, None without a validation part.
        seconds: of its training.
    """

    member: int
    selected_by: str
    epoch: int
    steps: int
    train_loss: float | None
    valid_loss: float | None
    seconds: float

    def __str__(self) -> str:
        loss = "" if self.train_loss is None else f", train loss {self.train_loss:.4f}"
        kept = f"weights of epoch {self.epoch} kept ({self.selected_by})"
        return f"member {self.member}: trained in {self.seconds:.1f} s, {kept}{loss}"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """What :func:`tsconv.workflows.train.train` did.

    Attributes:
        run: the run directory.
        data: name of the set.
        config: resolved.
        n_parameters: of one member.
        members: those that are there, of this call or an earlier one.
        missing: indices of those that are not; the run is finished when there are none.
        test: the evaluation of the test part, None where there is none or the run is unfinished.
        seconds: of this call.
    """

    run: Path
    data: str
    config: Config
    n_parameters: int
    members: tuple[MemberSummary, ...]
    missing: tuple[int, ...]
    test: Report | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        document: dict[str, Any] = plain(
            {
                "run": str(self.run),
                "data": self.data,
                "finished": not self.missing,
                "missing": self.missing,
                "n_parameters": self.n_parameters,
                "seconds": self.seconds,
                "members": [dataclasses.asdict(each) for each in self.members],
                "config": to_dict(self.config),
                "test": None if self.test is None else self.test.to_dict(),
            }
        )
        return document


def conclude_run(
    directory: RunDir,
    source: DataSource,
    test: TimeSeriesDataset | None,
    *,
    started: float,
) -> Trained:
    """Finish a run if all members are there; one that is finished is left as it is.

    Args:
        directory: with one member at least.
        source: the set's files.
        test: its test part, None where it has none.
        started: when the call began, by the monotonic clock.
    """
    done = directory.done.exists()
    with nullcontext() if done else held(directory.lock, patience=None):
        run = open_run(directory)
        classifier, report = with_members(run), None
        if directory.done.exists():  # before, or by another process while this one waited
            report = _stored_report(directory)
        elif not run.missing:
            report = _finish(run, classifier, source, test)
    return Trained(
        run=directory.path,
        data=source.name,
        config=classifier.config,
        n_parameters=classifier.members[0].network.n_parameters,
        members=tuple(map(summarize, classifier.members)),
        missing=run.missing,
        test=report,
        seconds=time.monotonic() - started,
    )


def _finish(
    run: Run, classifier: Classifier, source: DataSource, test: TimeSeriesDataset | None
) -> Report | None:
    """See the test part once, write what is known, and DONE."""
    directory, report, metrics = run.directory, None, None
    if test is not None and source.test is not None:
        if test.y is None:
            logger.info("%s: no labels, so predictions and no metrics", source.test)
            proba = classifier.predict_proba(test)
        else:
            report, proba = evaluate_part(classifier, test, file=source.test, run=directory.path)
            metrics = report.to_dict()
        table = prediction_table(
            test, proba, classifier.classes, id_name=classifier.schema.id, labels=test.labels
        )
        with replacing(directory.predictions) as file:
            write_rows(file, table, header=True)
    finish(directory, metrics)
    return report


def _stored_report(directory: RunDir) -> Report | None:
    """What the test part came to, None for a run that had none."""
    if not directory.metrics.exists():
        return None
    try:
        return Report.from_dict(read_json(directory.metrics))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{directory.metrics}: expected an evaluation; {error!r}") from error


def summarize(member: Member) -> MemberSummary:
    """How a trained member came out."""
    epochs = {record.epoch: record for record in member.history}
    kept = epochs.get(member.selected.epoch)
    last = member.history[-1] if member.history else None
    return MemberSummary(
        member=member.index,
        selected_by=member.selected.by,
        epoch=member.selected.epoch,
        steps=last.step if last else 0,
        train_loss=kept.train_loss if kept else None,
        valid_loss=kept.valid_loss if kept else None,
        seconds=last.seconds if last else 0.0,
    )

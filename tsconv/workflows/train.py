"""Train: from data on disk to a run directory with a classifier, and its test part seen once."""

import dataclasses
import logging
import math
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tsconv.classifier import Classifier, Member, Preparation, fit_members, prepare
from tsconv.config import Config, to_dict
from tsconv.data.archive import find_data, load_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.data.layouts import DataSource
from tsconv.data.split import resample as draw_parts
from tsconv.errors import ConfigError, Stopped
from tsconv.evaluation.report import plain
from tsconv.networks import NETWORKS
from tsconv.runs.atomic import replacing
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir, default_run
from tsconv.runs.shelf import RunShelf
from tsconv.runs.store import (
    DataRecord,
    Run,
    finish,
    open_run,
    refuse_finished,
    refuse_foreign_files,
    save_member,
    save_preparation,
    with_members,
)
from tsconv.stopping import PATIENCE, Stop
from tsconv.training.checkpoint import SECONDS, Keeper, SharedShelf
from tsconv.training.distributed import Group, joined
from tsconv.training.loop import EpochRecord, Watch
from tsconv.workflows.evaluate import Report, evaluate_part
from tsconv.workflows.predict import prediction_table, write_rows

__all__ = ["EpochRecord", "MemberSummary", "Trained", "Watch", "summarize", "train"]

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = "TSCONV_CHECKPOINT_SECONDS"
"""Seconds between two checkpoints of a member; how often it is saved decides no result."""


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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trained:
    """What :func:`train` did.

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


def train(
    data: str | Path,
    config: Config,
    *,
    out: Path | None = None,
    schema: Schema | None = None,
    valid: Path | None = None,
    member: int | None = None,
    resample: int = 0,
    overwrite: bool = False,
    watch: Watch | None = None,
    stop: Stop | None = None,
) -> Trained:
    """Train what is missing of a run, and finish it when all members are there.

    Processes started by torchrun, each of which calls this, train each member together; the first
    writes, and all are given the same.

    Args:
        data: a file, a folder with one set, or the name of an archive set.
        config: what to train and how.
        out: the run directory, ``runs/<data>/<network>/seed-<n>`` unless given.
        schema: which column of a table means what, as far as it is not to be found out.
        valid: a labelled file to select weights by.
        member: train this one only, from 0; other calls may train the others at the same time.
        resample: 0 for the set's own train and test parts, else the seed that draws others.
        overwrite: take away the run that the directory holds.
        watch: who is told how it goes.
        stop: whether this process was told to end, which it does with what is under way saved.

    Raises:
        RunError: the directory holds a finished run, or one of other settings or data.
        RunHeldError: another process is training a member that was asked for.
        Stopped: ``stop`` was asked for; the same call goes on from there.
        TSConvError: settings or data that cannot be trained with.
    """
    started = time.monotonic()
    _refuse_contradictions(config, valid, member)
    source = find_data(data)
    directory = RunDir(out) if out else default_run(source.name, config.network.name, config.seed)
    with joined() as group:
        if not overwrite:
            refuse_finished(directory)
        dataset, test = load_data(source, schema)
        if resample:
            dataset, test = _draw_parts(dataset, test, resample)
        resolved = find_format(source.train).resolve(source.train, schema or Schema())
        held_out = None if valid is None else _read_valid(valid, source, resolved)
        preparation = prepare(dataset, config, valid=held_out, schema=resolved, group=group)
        record = DataRecord(
            name=source.name,
            train=dataset.fingerprint(),
            valid=None if held_out is None else held_out.fingerprint(),
            resample=resample,
        )
        group.refuse_different(settings=preparation.config, data=record, member=member)
        wanted = range(config.members) if member is None else (member,)
        if group.is_first:
            refuse_foreign_files(directory)
        with _locks(directory, range(config.members) if overwrite else wanted, group):
            run = None
            if group.is_first:
                run = save_preparation(directory, preparation, record, overwrite=overwrite)
            shelf, watch, stop = RunShelf(directory), watch or Watch(), stop or Stop()
            _train_members(run, preparation, shelf, wanted, watch=watch, stop=stop)
        trained = _conclude(directory, source, test, started) if group.is_first else None
        return cast(Trained, group.from_first(trained))


def _locks(directory: RunDir, members: Iterable[int], group: Group) -> AbstractContextManager[None]:
    """What the first of the processes holds for all of them."""
    return held(*map(directory.member_lock, members)) if group.is_first else nullcontext()


def _conclude(
    directory: RunDir, source: DataSource, test: TimeSeriesDataset | None, started: float
) -> Trained:
    """Finish the run if all members are there."""
    with held(directory.lock, patience=None):
        run = open_run(directory)
        classifier, report = with_members(run), None
        if not run.missing:
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


def _refuse_contradictions(config: Config, valid: Path | None, member: int | None) -> None:
    NETWORKS.get(config.network.name)  # a mistyped name fails before data are read
    if valid is not None and config.valid_fraction > 0:
        raise ConfigError(
            f"found both --valid {valid} and a valid_fraction of {config.valid_fraction:g}; "
            "expected one of them"
        )
    if member is not None and not 0 <= member < config.members:
        raise ConfigError(
            f"--member {member}: expected 0 to {config.members - 1}, the run's {config.members} "
            "members counted from 0; --members makes more"
        )


def _read_valid(path: Path, source: DataSource, resolved: Schema) -> TimeSeriesDataset:
    """A validation file, read as the training file was."""
    alike = find_format(path) is find_format(source.train)
    valid = read_file(path, resolved if alike else None)
    if valid.y is None:
        raise ConfigError(f"--valid {path}: expected a label for each series, found none")
    return valid


def _draw_parts(
    train: TimeSeriesDataset, test: TimeSeriesDataset | None, seed: int
) -> tuple[TimeSeriesDataset, TimeSeriesDataset]:
    if test is None:
        raise ConfigError(f"{train.name}: resample {seed} needs a test part, and there is none")
    return draw_parts(train, test, seed)


def _train_members(
    run: Run | None,
    preparation: Preparation,
    shelf: RunShelf,
    wanted: Iterable[int],
    *,
    watch: Watch,
    stop: Stop,
) -> None:
    """Train what is missing; ``run`` is None in processes that write nothing."""
    group = preparation.group
    missing = group.from_first([] if run is None else _missing(run, shelf, wanted))
    told = Watch() if run is None else watch
    told = dataclasses.replace(told, should_stop=lambda: group.any(stop.is_asked_for()))
    seconds = _seconds_between_checkpoints() if group.is_first else math.inf
    keeper = Keeper(SharedShelf(shelf, group), seconds=seconds)
    alone = group.place.size == 1  # who gave up in a step of several would leave the others waiting
    with stop.deferred(PATIENCE if alone else math.inf):
        for member in fit_members(preparation, missing, watch=told, keeper=keeper):
            if run is not None:
                _keep(run, member, preparation)
        if group.any(stop.is_asked_for()):
            raise Stopped("told to, all members that were asked for are saved")


def _missing(run: Run, shelf: RunShelf, wanted: Iterable[int]) -> list[int]:
    missing = []
    for k in wanted:
        if k in run.saved:
            logger.info("member %d: already there, kept", k)
            shelf.drop(k)  # for a process that was killed before it could
        else:
            shelf.sweep(k)
            missing.append(k)
    return missing


def _keep(run: Run, member: Member, preparation: Preparation) -> None:
    save_member(run.directory, member, preparation)
    summary = summarize(member)
    logger.info(
        "member %d: trained in %.1f s, weights of epoch %d kept (%s), train loss %.4f",
        *(member.index, summary.seconds, summary.epoch, summary.selected_by),
        summary.train_loss,
    )


def _seconds_between_checkpoints() -> float:
    text = os.environ.get(CHECKPOINT_SECONDS, str(SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError(f"{CHECKPOINT_SECONDS}={text}: expected seconds, 0 for every step")
    return seconds


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

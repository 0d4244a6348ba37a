"""Members trained into a run by this process: what is to be ready for it, and how it is saved."""

import dataclasses
import logging
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tsconv.classifier import Preparation, fit_members, prepare
from tsconv.data.archive import find_data, load_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.data.layouts import DataSource
from tsconv.data.split import resample as draw_parts
from tsconv.errors import ConfigError, Stopped
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir
from tsconv.runs.shelf import RunShelf
from tsconv.runs.store import DataRecord, refuse_foreign_files, save_member, save_preparation
from tsconv.stopping import PATIENCE, Stop
from tsconv.training.checkpoint import SECONDS, Keeper, SharedShelf
from tsconv.training.distributed import Group
from tsconv.training.loop import Watch
from tsconv.workflows.budget import doubts
from tsconv.workflows.conclude import summarize
from tsconv.workflows.job import Order

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = "TSCONV_CHECKPOINT_SECONDS"
"""Seconds between two checkpoints of a member; how often it is saved decides no result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A run that was asked for, with its data read.

    Attributes:
        directory: of the run, which need not be there.
        source: the set's files.
        preparation: of the training part.
        record: what the run says of its data.
        test: the test part as it was read, None where there is none.
    """

    directory: RunDir
    source: DataSource
    preparation: Preparation
    record: DataRecord
    test: TimeSeriesDataset | None


def make_ready(order: Order, group: Group, *, for_training: bool = False) -> Ready:
    """Read a set, and get its training part ready.

    Args:
        order: of the run.
        group: the processes that train each member together.
        for_training: for nothing else, so that a test part is only read to draw others from.

    Raises:
        TSConvError: settings or data that cannot be trained with.
    """
    source = find_data(order.data)
    wanted = source
    if for_training and not order.resample:
        wanted = dataclasses.replace(source, test=None)
    dataset, test = load_data(wanted, order.schema)
    if order.resample:
        dataset, test = _draw_parts(dataset, test, order.resample)
    resolved = find_format(source.train).resolve(source.train, order.schema)
    valid = None if order.valid is None else _read_valid(order.valid, source, resolved)
    preparation = prepare(dataset, order.config, valid=valid, schema=resolved, group=group)
    for doubt in doubts(preparation) if group.is_first else ():
        logger.warning("%s: %s", source.name, doubt)
    record = DataRecord(
        name=source.name,
        given=order.data,
        train=dataset.fingerprint(),
        valid=None if valid is None else valid.fingerprint(),
        resample=order.resample,
    )
    return Ready(
        directory=RunDir(order.out),
        source=source,
        preparation=preparation,
        record=record,
        test=None if for_training else test,
    )


@contextmanager
def begun(
    ready: Ready, wanted: Iterable[int], *, overwrite: bool = False
) -> Iterator[tuple[int, ...]]:
    """A run begun or taken up, of which nobody else trains these members meanwhile.

    Args:
        ready: the run.
        wanted: the members that are asked for, of which those that are missing are given.
        overwrite: take away the run that the directory holds.

    Raises:
        RunError: the directory holds a run of other settings or data, or other files.
        RunHeldError: another process is training one of them.
    """
    group, directory = ready.preparation.group, ready.directory
    missing: tuple[int, ...] = ()
    with ExitStack() as at_the_end:
        if group.is_first:  # the others write nothing
            refuse_foreign_files(directory)
            locked = range(ready.preparation.config.members) if overwrite else wanted
            at_the_end.enter_context(held(*map(directory.member_lock, locked)))
            run = save_preparation(directory, ready.preparation, ready.record, overwrite=overwrite)
            missing = _without_those_there(RunShelf(directory), wanted, run.saved)
        yield group.from_first(missing)


def train_members(ready: Ready, members: Iterable[int], *, watch: Watch, stop: Stop) -> None:
    """Train members of a run that is :func:`begun`, and save each.

    Raises:
        Stopped: ``stop`` was asked for; what is under way is saved.
        TrainingError: the loss is not finite.
    """
    group, directory = ready.preparation.group, ready.directory
    told = watch if group.is_first else Watch()
    told = dataclasses.replace(told, should_stop=lambda: group.any(stop.is_asked_for()))
    seconds = _seconds_between_checkpoints() if group.is_first else math.inf
    keeper = Keeper(SharedShelf(RunShelf(directory), group), seconds=seconds)
    alone = group.place.size == 1  # who gave up in a step of several would leave the others waiting
    with stop.deferred(PATIENCE if alone else math.inf):
        for member in fit_members(ready.preparation, members, watch=told, keeper=keeper):
            if group.is_first:
                save_member(directory, member, ready.preparation)
                logger.info("%s", summarize(member))
        if group.any(stop.is_asked_for()):
            raise Stopped("told to, all members that were asked for are saved")


def _without_those_there(
    shelf: RunShelf, wanted: Iterable[int], saved: tuple[int, ...]
) -> tuple[int, ...]:
    missing = []
    for k in wanted:
        if k in saved:
            logger.info("member %d: already there, kept", k)
            shelf.drop(k)  # for a process that was killed before it could
        else:
            shelf.sweep(k)
            missing.append(k)
    return tuple(missing)


def _read_valid(path: Path, source: DataSource, resolved: Schema) -> TimeSeriesDataset:
    """A validation file, read as the training file was."""
    alike = find_format(path) is find_format(source.train)
    valid = read_file(path, resolved if alike else None)
    if valid.y is None:
        raise ConfigError(f"--valid {path}: expected a label for each series, found none")
    return dataclasses.replace(valid, name=f"--valid {path}")  # for what is wrong with it


def _draw_parts(
    train: TimeSeriesDataset, test: TimeSeriesDataset | None, seed: int
) -> tuple[TimeSeriesDataset, TimeSeriesDataset]:
    if test is None:
        raise ConfigError(f"{train.name}: resample {seed} needs a test part, and there is none")
    return draw_parts(train, test, seed)


def _seconds_between_checkpoints() -> float:
    text = os.environ.get(CHECKPOINT_SECONDS, str(SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError(f"{CHECKPOINT_SECONDS}={text}: expected seconds, 0 for every step")
    return seconds

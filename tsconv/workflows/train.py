"""Train: from data on disk to a run directory with a classifier, and its test part seen once."""

import dataclasses
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from tsconv.classifier import Member, Preparation, fit_members, prepare
from tsconv.config import Config
from tsconv.data.archive import find_data, load_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.data.layouts import DataSource
from tsconv.data.split import resample as draw_parts
from tsconv.errors import ConfigError, Stopped
from tsconv.networks import NETWORKS
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir, default_run
from tsconv.runs.shelf import RunShelf
from tsconv.runs.store import (
    DataRecord,
    Run,
    open_run,
    refuse_foreign_files,
    refuse_other_settings,
    save_member,
    save_preparation,
)
from tsconv.stopping import PATIENCE, Stop
from tsconv.training.checkpoint import SECONDS, Keeper, SharedShelf
from tsconv.training.distributed import Group, joined
from tsconv.training.loop import EpochRecord, Watch
from tsconv.workflows.budget import doubts
from tsconv.workflows.conclude import Trained, conclude_run, summarize
from tsconv.workflows.job import Order
from tsconv.workflows.side_by_side import share_out, train_side_by_side

__all__ = ["EpochRecord", "Trained", "Watch", "train"]

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = "TSCONV_CHECKPOINT_SECONDS"
"""Seconds between two checkpoints of a member; how often it is saved decides no result."""


def train(
    data: str | Path,
    config: Config,
    *,
    out: Path | None = None,
    schema: Schema | None = None,
    valid: Path | None = None,
    member: int | None = None,
    resample: int = 0,
    processes: int | None = None,
    devices: Sequence[str] = (),
    overwrite: bool = False,
    conclude: bool = True,
    watch: Watch | None = None,
    stop: Stop | None = None,
) -> Trained:
    """Train what is missing of a run, and finish it when all members are there.

    A run that is finished already is told of as it is.

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
        processes: train so many members side by side, a process each; see
            :func:`tsconv.workflows.side_by_side.share_out`.
        devices: GPUs for these processes, as CUDA_VISIBLE_DEVICES names them.
        overwrite: take away the run that the directory holds.
        conclude: finish the run if all members are there; else another call does.
        watch: who is told how it goes.
        stop: whether this process was told to end, which it does with what is under way saved.

    Raises:
        RunError: the directory holds a run of other settings or data, or other files.
        RunHeldError: another process is training a member that was asked for.
        Stopped: ``stop`` was asked for; the same call goes on from there.
        TSConvError: settings or data that cannot be trained with.
    """
    started = time.monotonic()
    _refuse_contradictions(config, valid, member, apart=processes is not None or bool(devices))
    source = find_data(data)
    directory = RunDir(out) if out else default_run(source.name, config.network.name, config.seed)
    order = Order(
        data=str(data),
        config=config,
        out=directory.path,
        schema=schema or Schema(),
        valid=valid,
        resample=resample,
    )
    with joined() as group:
        preparation, record, test = _prepare(order, source, group)
        group.refuse_different(settings=preparation.config, data=record, member=member)
        if not overwrite and group.from_first(directory.done.exists()):
            refuse_other_settings(open_run(directory), preparation.config, record)
            logger.info("%s: already finished, nothing is trained", directory.path)
        else:
            wanted = tuple(range(config.members)) if member is None else (member,)
            executor = share_out(preparation, len(wanted), processes, devices)
            watch, stop = watch or Watch(), stop or Stop()
            with _begun(directory, preparation, record, wanted, overwrite) as run:
                if executor is None:
                    shelf = RunShelf(directory)
                    _train_members(run, preparation, shelf, wanted, watch=watch, stop=stop)
            if run is not None and executor is not None:
                train_side_by_side(order, run.missing, executor, watch)
        trained = None
        if group.is_first:
            trained = conclude_run(directory, source, test, started=started, finishing=conclude)
        return cast(Trained, group.from_first(trained))


def _prepare(
    order: Order, source: DataSource, group: Group
) -> tuple[Preparation, DataRecord, TimeSeriesDataset | None]:
    """Read a set, and get its training part ready; its test part is given back as it is."""
    dataset, test = load_data(source, order.schema)
    if order.resample:
        dataset, test = _draw_parts(dataset, test, order.resample)
    resolved = find_format(source.train).resolve(source.train, order.schema)
    held_out = None if order.valid is None else _read_valid(order.valid, source, resolved)
    preparation = prepare(dataset, order.config, valid=held_out, schema=resolved, group=group)
    for doubt in doubts(preparation) if group.is_first else ():
        logger.warning("%s: %s", source.name, doubt)
    record = DataRecord(
        name=source.name,
        given=order.data,
        train=dataset.fingerprint(),
        valid=None if held_out is None else held_out.fingerprint(),
        resample=order.resample,
    )
    return preparation, record, test


@contextmanager
def _begun(
    directory: RunDir,
    preparation: Preparation,
    record: DataRecord,
    wanted: Iterable[int],
    overwrite: bool,
) -> Iterator[Run | None]:
    """A run begun or taken up, of which nobody else trains these members meanwhile.

    None in processes that write nothing.
    """
    if not preparation.group.is_first:
        yield None
        return
    refuse_foreign_files(directory)
    members = range(preparation.config.members) if overwrite else wanted
    with held(*map(directory.member_lock, members)):
        yield save_preparation(directory, preparation, record, overwrite=overwrite)


def _refuse_contradictions(
    config: Config, valid: Path | None, member: int | None, *, apart: bool
) -> None:
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
    if member is not None and apart:
        raise ConfigError(f"found --member {member} and processes to share members out to")


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
    logger.info("%s", summarize(member))


def _seconds_between_checkpoints() -> float:
    text = os.environ.get(CHECKPOINT_SECONDS, str(SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError(f"{CHECKPOINT_SECONDS}={text}: expected seconds, 0 for every step")
    return seconds

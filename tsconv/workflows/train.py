"""Train: from data on disk to a run directory with a classifier, and its test part seen once."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tsconv.config import Config
from tsconv.data.archive import find_data
from tsconv.data.format import Schema
from tsconv.errors import ConfigError
from tsconv.networks import NETWORKS
from tsconv.runs.paths import RunDir, default_run
from tsconv.runs.store import open_run, refuse_other_settings
from tsconv.stopping import Stop
from tsconv.training.distributed import joined
from tsconv.training.loop import EpochRecord, Watch
from tsconv.workflows.conclude import Trained, conclude_run
from tsconv.workflows.job import Order
from tsconv.workflows.members import CHECKPOINT_SECONDS, begun, make_ready, train_members
from tsconv.workflows.side_by_side import share_out, train_side_by_side

__all__ = ["CHECKPOINT_SECONDS", "EpochRecord", "Trained", "Watch", "train"]

logger = logging.getLogger(__name__)


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
        watch: who is told how it goes.
        stop: whether this process was told to end, which it does with what is under way saved.

    Raises:
        RunError: the directory holds a run of other settings or data, or other files.
        RunHeldError: another process is training a member that was asked for.
        Stopped: ``stop`` was asked for; the same call goes on from there.
        TSConvError: settings or data that cannot be trained with.
    """
    started, watch, stop = time.monotonic(), watch or Watch(), stop or Stop()
    _refuse_contradictions(config, valid, member, apart=processes not in (None, 1) or bool(devices))
    order = _make_order(data, config, out, schema=schema, valid=valid, resample=resample)
    with joined() as group:
        ready = make_ready(order, group)
        settings = ready.preparation.config
        group.refuse_different(settings=settings, data=ready.record, member=member)
        if not overwrite and group.from_first(ready.directory.done.exists()):
            refuse_other_settings(open_run(ready.directory), settings, ready.record)
            logger.info("%s: already finished, nothing is trained", order.out)
        else:
            wanted = tuple(range(config.members)) if member is None else (member,)
            executor = share_out(ready.preparation, len(wanted), processes, devices)
            with begun(ready, wanted, overwrite=overwrite) as missing:
                if executor is None:
                    train_members(ready, missing, watch=watch, stop=stop)
            if executor is not None:
                train_side_by_side(order, missing, executor, watch)
        trained = None
        if group.is_first:
            trained = conclude_run(ready.directory, ready.source, ready.test, started=started)
        return cast(Trained, group.from_first(trained))


def _make_order(
    data: str | Path,
    config: Config,
    out: Path | None,
    *,
    schema: Schema | None,
    valid: Path | None,
    resample: int,
) -> Order:
    """What is asked for, with the run directory that it goes to."""
    name = find_data(data).name
    directory = RunDir(out) if out else default_run(name, config.network.name, config.seed)
    return Order(
        data=str(data),
        config=config,
        out=directory.path,
        schema=schema or Schema(),
        valid=valid,
        resample=resample,
    )


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
        raise ConfigError(
            f"found --member {member} and processes or GPUs to share members out to; expected one "
            "of them (--device cuda:1 names a GPU for a member)"
        )

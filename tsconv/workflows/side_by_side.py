"""Members of one run side by side: a process each, on cores or a GPU of its own.

Each is trained as ``tsconv train --member K`` trains it, and what they share is the run directory.
"""

import logging
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tsconv import errors
from tsconv.classifier import Preparation
from tsconv.errors import ConfigError, TrainingError, TSConvError
from tsconv.executors import Event, Job
from tsconv.executors.local import Local
from tsconv.runs.paths import RunDir
from tsconv.training.loop import EpochRecord, Watch
from tsconv.training.members import most_together
from tsconv.training.precision import ANY_GPU, visible_gpus
from tsconv.workflows.conclude import MemberSummary
from tsconv.workflows.job import WORKER, Order

logger = logging.getLogger(__name__)


def share_out(
    preparation: Preparation, n_members: int, processes: int | None, devices: Sequence[str]
) -> Local | None:
    """The processes that train members side by side, None where this one does it all.

    Unless asked for, they are a GPU each of this node, where there are several and one could not
    train all members together.

    Args:
        preparation: of the run.
        n_members: to be trained.
        processes: how many at once, None for one a GPU or, without GPUs, this process alone.
        devices: GPUs as CUDA_VISIBLE_DEVICES names them, () for all that this process sees.

    Raises:
        ConfigError: more processes than cores, a device named twice, or processes by torchrun.
    """
    asked, training = processes is not None or bool(devices), preparation.config.training
    if asked and preparation.group.place.size > 1:
        raise ConfigError(
            f"found {preparation.group.place.size} processes that torchrun started, which train "
            "each member together; expected torchrun or members side by side, not both"
        )
    if devices and training.device not in ANY_GPU:
        raise ConfigError(f"found both device {training.device} and GPUs to share out")
    if not devices and training.device in ANY_GPU:
        devices = visible_gpus()
    if not asked:
        together = most_together(preparation.data, training.batch_size)
        if len(devices) < 2 or n_members <= together or preparation.group.place.size > 1:
            return None
    whole = Local(processes=processes, devices=devices)
    return Local(processes=max(1, min(whole.processes, n_members)), devices=devices)


def train_side_by_side(order: Order, members: Sequence[int], executor: Local, watch: Watch) -> None:
    """Train members, each by a worker; the first that fails ends the others, which are saved.

    Args:
        order: of the run, which has been begun.
        members: to be trained.
        executor: of :func:`share_out`.
        watch: who is told, about once a second of each member.

    Raises:
        TSConvError: a member could not be trained.
        Stopped: a worker was told to end.
    """
    jobs = [Job(name=f"member {k}", document=order.describe_member(k)) for k in members]
    logs = RunDir(order.out).logs
    logger.info("members to be trained: %d, %d at once", len(jobs), executor.processes)
    with closing(executor.run(WORKER, jobs, logs)) as events:
        for event in events:
            if event.kind == "progress":
                _pass_on(event.values, watch)
            elif event.kind == "finished":
                logger.info("%s", MemberSummary(**event.values))
            elif event.kind == "failed":
                raise _error(event, logs)
    shutil.rmtree(logs, ignore_errors=True)  # the run says all that is in them


def _pass_on(values: dict[str, Any], watch: Watch) -> None:
    if values["epoch"] is not None:
        watch.on_epoch(EpochRecord(**values["epoch"]))
    watch.on_step(values["member"], values["step"], values["n_steps"])


def _error(event: Event, logs: Path) -> Exception:
    """What went wrong in a worker, as it would be raised here."""
    kind, message = event.values["kind"], f"{event.job}: {event.values['message']}"
    if kind == "WorkerDied":
        return TrainingError(message)
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, TSConvError):
        return known(event.values["message"])
    return RuntimeError(f"{message} ({kind}); see {logs}")

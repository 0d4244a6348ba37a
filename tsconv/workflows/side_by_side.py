"""Members of one run side by side: a process each, on cores or a GPU of its own.

Each is trained as ``tsconv train --member K`` trains it, and what they share is the run directory.
"""

import dataclasses
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from tsconv import errors
from tsconv.classifier import Preparation
from tsconv.errors import ConfigError, RunHeldError, TrainingError, TSConvError
from tsconv.executors import Event, Job
from tsconv.executors.local import Local
from tsconv.runs.paths import RunDir
from tsconv.runs.store import drop_logs
from tsconv.training.batches import LazyTensor
from tsconv.training.loop import EpochRecord, Watch
from tsconv.training.members import most_together
from tsconv.training.precision import ANY_GPU, visible_gpus
from tsconv.workflows.cost import Shape, estimate_seconds
from tsconv.workflows.job import WORKER, Order, describe_member

LEAST_SECONDS = 60.0
"""Estimated for all members, below which processes take longer to start than they save."""
MOST_BYTES = 2**31
"""Of series that all processes together hold, unless they are asked for."""

logger = logging.getLogger(__name__)


def share_out(
    preparation: Preparation, n_members: int, processes: int | None, devices: Sequence[str]
) -> Local | None:
    """The processes that train members side by side, None where this one does it all.

    Threads that share out every operation of a small network wait for each other most of the time,
    and for whatever else the machine does. Processes with a member each wait for nobody.

    Args:
        preparation: of the run.
        n_members: of the run that are asked for; how many are there already changes nothing.
        processes: how many at once, 1 for this process alone, None for what suits.
        devices: GPUs as CUDA_VISIBLE_DEVICES names them, () for all that this process sees.

    Raises:
        ConfigError: more processes than cores, a processor and GPUs, or processes by torchrun.
    """
    device, size = preparation.config.training.device, preparation.group.place.size
    asked = processes not in (None, 1) or bool(devices)
    if asked and size > 1:
        raise ConfigError(
            f"found {size} processes that torchrun started, which train each member together; "
            "expected torchrun or members side by side, not both"
        )
    if devices and device not in ANY_GPU:
        raise ConfigError(f"found both device {device} and GPUs to share out")
    if size > 1 or (processes == 1 and not devices):
        return None
    if not devices and device in ANY_GPU:
        devices = visible_gpus()
    if not asked and not _pays(preparation, n_members, devices):
        return None
    most_cores = None if asked or devices else torch.get_num_threads()
    whole = Local(processes=processes, devices=devices, most_cores=most_cores)
    if not asked and whole.processes == 1:
        return None
    n_processes = min(whole.processes, n_members)
    return Local(processes=n_processes, devices=devices, most_cores=most_cores)


def _pays(preparation: Preparation, n_members: int, devices: Sequence[str]) -> bool:
    """Whether members are trained side by side though nobody asked for it."""
    config, data = preparation.config, preparation.data
    if devices:
        together = most_together(data, config.training.batch_size)
        return len(devices) > 1 and n_members > together
    n_threads = torch.get_num_threads()
    if preparation.arithmetic.device.type != "cpu" or min(n_members, n_threads) < 2:
        return False
    shape = Shape(
        n_train=len(data),
        n_channels=preparation.preprocessing.n_channels,
        n_timepoints=data.x.shape[-1],
        n_classes=len(preparation.classes),
    )
    config = dataclasses.replace(config, valid_fraction=0.0)  # that part has been taken out
    is_held = not isinstance(data.x, LazyTensor)  # a set on disk is read by one, not from all over
    is_small = is_held and data.x.nbytes * min(n_members, n_threads) <= MOST_BYTES
    return is_small and estimate_seconds(config, shape) >= LEAST_SECONDS


def train_side_by_side(order: Order, members: Sequence[int], executor: Local, watch: Watch) -> None:
    """Train members, each by a worker; the first that fails ends the others, which are saved.

    A member that another process is training is left to it.

    Args:
        order: of the run, which has been begun.
        members: to be trained.
        executor: of :func:`share_out`.
        watch: who is told, about once a second of each member.

    Raises:
        TSConvError: a member could not be trained.
        Stopped: a worker was told to end.
    """
    watch.on_begin(tuple(members))
    jobs = [Job(name=f"member {k}", document=describe_member(order, k)) for k in members]
    directory = RunDir(order.out)
    at_once = min(len(jobs), executor.processes)
    logger.info("members to be trained: %d, %d at once", len(jobs), at_once)
    with closing(executor.run(WORKER, jobs, directory.logs)) as events:
        for event in events:
            if event.kind == "progress":
                _pass_on(event.values, watch)
            elif event.kind == "failed" and event.values["kind"] == RunHeldError.__name__:
                logger.warning("%s is left to another process: %s", event.job, _message(event))
            elif event.kind == "failed":
                raise _error(event, directory.logs)
    drop_logs(directory)  # all that is in them was passed on


def _pass_on(values: dict[str, Any], watch: Watch) -> None:
    if "message" in values:
        logger.log(values["level"], "%s", values["message"])
        return
    if values["epoch"] is not None:
        watch.on_epoch(EpochRecord(**values["epoch"]))
    watch.on_step(values["member"], values["step"], values["n_steps"])


def _error(event: Event, logs: Path) -> Exception:
    """What went wrong in a worker, as it would be raised here."""
    kind, message = event.values["kind"], _message(event)
    if kind == "WorkerDied":
        return TrainingError(f"{event.job}: {message}")
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, TSConvError):
        return known(message)
    return RuntimeError(f"{event.job}: {message} ({kind}); see {logs}")


def _message(event: Event) -> str:
    return str(event.values["message"])

"""The training loop: one network, one training part, and nothing that could be a test part."""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsconv.config import TrainingConfig
from tsconv.errors import TrainingError
from tsconv.training.batches import Batch, in_order, shuffled, steps_per_epoch
from tsconv.training.graphs import Recorder, Replayed
from tsconv.training.precision import Arithmetic
from tsconv.training.schedules import make_schedule
from tsconv.training.selection import Selected, Selector
from tsconv.training.statistics import settle_statistics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch came to.

    Attributes:
        member: which of the ensemble, from 0.
        epoch: from 1; the last one may be cut short by a budget in steps.
        step: optimiser steps taken so far, of ``n_steps``.
        lr: learning rate of the epoch's last step.
        train_loss: mean over the epoch's instances as they were trained on.
        valid_loss: mean over the validation part after the epoch, None without one.
        seconds: since the member's training began.
    """

    member: int
    epoch: int
    step: int
    n_steps: int
    lr: float
    train_loss: float
    valid_loss: float | None
    seconds: float


OnEpoch = Callable[[EpochRecord], None]
OnStep = Callable[[int, int, int], None]
"""Called with (member, step, n_steps) after each step."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how a training goes; the library itself never prints."""

    on_epoch: OnEpoch = lambda record: None
    on_step: OnStep = lambda member, step, n_steps: None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every member of an ensemble is trained on, and how.

    Attributes:
        data: the training part, on ``arithmetic.device`` or on disk.
        config: budget, optimiser, schedule, selection.
        arithmetic: where and in what precision to compute.
        class_weights: float32 (K,), what an instance of each class counts.
        valid: a part held out of training, for ``select="valid_loss"`` and ``patience``.
        watch: who is told.
        recorder: makes steps cheap to start, None to start each as it is.
    """

    data: Batch
    config: TrainingConfig
    arithmetic: Arithmetic
    class_weights: Tensor | None = None
    valid: Batch | None = None
    watch: Watch = field(default_factory=Watch)
    recorder: Recorder | None = None


Training = Generator[None, None, tuple[Selected, list[EpochRecord]]]
"""A training under way: each ``next`` takes one step, and its end gives what came of it."""


def training(
    network: nn.Module, task: Task, *, generator: torch.Generator, member: int = 0
) -> Training:
    """Train ``network`` in place and leave it with the selected weights, in eval mode.

    Pauses after each step, before anything waits for the device, so that several trainings can be
    driven in turn: while one waits, the device computes the steps of the others.

    Args:
        network: on the task's device; called as ``network(x, lengths)``.
        task: what to train on, and how.
        generator: draws the order of instances; on the CPU.
        member: which of an ensemble this is, for records and messages.

    Raises:
        TrainingError: the loss is not finite.
    """
    config, watch = task.config, task.watch
    n_steps = count_steps(len(task.data), config)
    schedule, selector = make_schedule(config, n_steps), Selector(network, config)
    steps, validation = Steps(network, task), Validation(network, task)
    history: list[EpochRecord] = []
    started, step, epoch, lr = time.monotonic(), 0, 0, config.lr
    network.train()
    while step < n_steps:
        epoch += 1
        for batch in steps.of_epoch(generator):
            if step == n_steps:
                break
            lr = schedule.rate(step)
            steps.take(batch, lr)
            step += 1
            watch.on_step(member, step, n_steps)
            yield
        train_loss = steps.mean_loss()
        _refuse_not_finite(train_loss, member, epoch)
        valid_loss = validation.mean_loss()
        seconds = time.monotonic() - started
        record = EpochRecord(member, epoch, step, n_steps, lr, train_loss, valid_loss, seconds)
        history.append(record)
        watch.on_epoch(record)
        schedule.after_epoch(train_loss)
        selector.offer(epoch, train_loss, valid_loss)
        if selector.should_stop(epoch):
            logger.info("member %d: stopped after epoch %d, no lower valid loss", member, epoch)
            break
    selected = selector.restore()
    network.zero_grad()  # gives back the memory of gradients
    if config.settle_statistics:
        settle_statistics(network, task.data, task.arithmetic, generator)
    network.eval()
    return selected, history


class Steps:
    """The optimiser steps of one network, and their mean loss once it is asked for."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.data = task.data
        self.batch_size = task.config.batch_size
        self.total = torch.zeros((), device=task.arithmetic.device)
        self.seen = 0
        self.optimizer = make_optimizer(network, task.config, in_tensors=task.recorder is not None)
        self._take = partial(_take, network, task, self.optimizer, self.total)
        self._replayed = Replayed(self._take, task.recorder)

    def of_epoch(self, generator: torch.Generator) -> Iterator[Batch | Tensor]:
        """What :meth:`take` takes: batches of a set on disk, or positions in a resident one."""
        if isinstance(self.data.x, Tensor):
            order = torch.randperm(len(self.data), generator=generator)
            yield from torch.split(order.to(self.data.x.device), self.batch_size)
        else:
            yield from shuffled(self.data, self.batch_size, generator)

    def take(self, batch: Batch | Tensor, lr: float) -> None:
        """One step; it is begun, and nobody waits until it is done."""
        set_lr(self.optimizer, lr)
        self.seen += len(batch)
        if isinstance(batch, Tensor):
            self._replayed(batch)
        else:
            self._take(batch)

    def mean_loss(self) -> float:
        """Mean over the instances since this was last asked for, as they were trained on."""
        loss = (self.total / self.seen).item()
        self.total.zero_()
        self.seen = 0
        return loss


class Validation:
    """The loss of one network on the validation part, if there is one."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.valid = task.valid
        self.total = torch.zeros((), dtype=torch.float64, device=task.arithmetic.device)
        resident = task.valid is not None and isinstance(task.valid.x, Tensor)
        measure = partial(_measure, network, task, self.total)
        self._measure = Replayed(measure, task.recorder if resident else None)

    def mean_loss(self) -> float | None:
        """As the network predicts, None without a validation part."""
        if self.valid is None:
            return None
        self._measure()
        return self.total.item() / len(self.valid)


def _take(
    network: nn.Module,
    task: Task,
    optimizer: torch.optim.Optimizer,
    total: Tensor,
    batch: Batch | Tensor,
) -> None:
    """One step, its loss added to ``total``; never waits for the device."""
    if isinstance(batch, Tensor):
        batch = task.data.take(batch)
    loss = take_step(
        network, batch, optimizer, task.config, task.arithmetic, class_weights=task.class_weights
    )
    total.add_(loss * len(batch))


def _measure(network: nn.Module, task: Task, total: Tensor) -> None:
    """Make ``total`` the summed loss over the validation part; never waits for the device."""
    if task.valid is not None:
        total.copy_(summed_loss(network, task.valid, task.arithmetic, task.class_weights))


def take_step(
    network: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    arithmetic: Arithmetic,
    *,
    class_weights: Tensor | None = None,
) -> Tensor:
    """One optimiser step on one batch; its mean loss, detached, still on the device."""
    with arithmetic.autocast():
        logits = network(batch.x, batch.lengths)
    loss = weighted_loss(logits, batch, class_weights, config.label_smoothing)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    optimizer.step()
    return loss.detach()


def weighted_loss(
    logits: Tensor, batch: Batch, class_weights: Tensor | None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy over a batch, each instance times its own weight and its class's."""
    if batch.y is None:
        raise TrainingError("expected labels to train on, found none")
    each = F.cross_entropy(logits, batch.y, reduction="none", label_smoothing=label_smoothing)
    if class_weights is not None:
        each = each * class_weights[batch.y]
    if batch.weights is not None:
        each = each * batch.weights
    return each.mean()


@torch.no_grad()
def summed_loss(
    network: nn.Module, data: Batch, arithmetic: Arithmetic, class_weights: Tensor | None = None
) -> Tensor:
    """Loss of the network as it predicts, summed over a part it is not trained on; float64."""
    network.eval()
    total = torch.zeros((), dtype=torch.float64, device=arithmetic.device)
    for batch in in_order(data):
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        total += weighted_loss(logits, batch, class_weights).double() * len(batch)
    network.train()
    return total


def count_steps(n_instances: int, config: TrainingConfig) -> int:
    """Optimiser steps of the whole budget: of epochs and steps, what is less."""
    per_epoch = steps_per_epoch(n_instances, config.batch_size)
    budgets = (config.steps, None if config.epochs is None else config.epochs * per_epoch)
    return min(each for each in budgets if each is not None)


def make_optimizer(
    network: nn.Module, config: TrainingConfig, *, in_tensors: bool = False
) -> torch.optim.Optimizer:
    """The optimiser that the config names; weight decay spares biases, norms and gains.

    Args:
        network: what to optimise.
        config: which optimiser.
        in_tensors: keep all that changes from step to step in tensors, the rate too, so that a
            step can be recorded.
    """
    parameters = [each for each in network.parameters() if each.requires_grad]
    lr = torch.tensor(config.lr, device=parameters[0].device) if in_tensors else config.lr
    if config.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            parameters, lr=lr, eps=config.epsilon, fused=True, capturable=in_tensors
        )
    else:
        groups = [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups, lr=lr, eps=config.epsilon, fused=True, capturable=in_tensors
        )
    # The first steps are taken before any is recorded, which PyTorch would warn of.
    vars(optimizer)["_warned_capturable_if_run_uncaptured"] = True
    return optimizer


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of the steps to come, written where the optimiser keeps it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def _refuse_not_finite(loss: float, member: int, epoch: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"member {member}, epoch {epoch}: the training loss is {loss}; try a lower rate "
            "(--set training.lr=1e-4), --set training.clip_norm=1 or --precision float32"
        )

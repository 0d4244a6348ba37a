"""The training loop: one network, one training part, and nothing that could be a test part."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsconv.config import TrainingConfig
from tsconv.errors import TrainingError
from tsconv.training.batches import Batch, in_order, shuffled, steps_per_epoch
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


def train(
    network: nn.Module,
    data: Batch,
    config: TrainingConfig,
    arithmetic: Arithmetic,
    *,
    generator: torch.Generator,
    class_weights: Tensor | None = None,
    valid: Batch | None = None,
    member: int = 0,
    watch: Watch | None = None,
) -> tuple[Selected, list[EpochRecord]]:
    """Train ``network`` in place and leave it with the selected weights, in eval mode.

    Args:
        network: on ``arithmetic.device``; called as ``network(x, lengths)``.
        data: the training part, on the same device.
        config: budget, optimiser, schedule, selection.
        arithmetic: where and in what precision to compute.
        generator: draws the order of instances; on the CPU.
        class_weights: float32 (K,), what an instance of each class counts.
        valid: a part held out of training, for ``select="valid_loss"`` and ``patience``.
        member: which of an ensemble this is, for records and messages.
        watch: who is told.

    Raises:
        TrainingError: the loss is not finite.
    """
    watch = watch or Watch()
    n_steps = count_steps(len(data), config)
    optimizer = make_optimizer(network, config)
    schedule = make_schedule(optimizer, config, n_steps)
    selector = Selector(network, config)
    history: list[EpochRecord] = []
    started, step, epoch = time.monotonic(), 0, 0
    network.train()
    while step < n_steps:
        epoch += 1
        total, seen = torch.zeros((), device=data.x.device), 0
        for batch in shuffled(data, config.batch_size, generator):
            if step == n_steps:
                break
            schedule.before_step(step)
            loss = take_step(
                network, batch, optimizer, config, arithmetic, class_weights=class_weights
            )
            total, seen, step = total + loss * len(batch), seen + len(batch), step + 1
            watch.on_step(member, step, n_steps)
        train_loss = (total / seen).item()
        _refuse_not_finite(train_loss, member, epoch)
        valid_loss = None if valid is None else mean_loss(network, valid, arithmetic, class_weights)
        lr, seconds = optimizer.param_groups[0]["lr"], time.monotonic() - started
        record = EpochRecord(member, epoch, step, n_steps, lr, train_loss, valid_loss, seconds)
        history.append(record)
        watch.on_epoch(record)
        schedule.after_epoch(train_loss)
        selector.offer(epoch, train_loss, valid_loss)
        if selector.should_stop(epoch):
            logger.info("member %d: stopped after epoch %d, no lower valid loss", member, epoch)
            break
    selected = selector.restore()
    if config.settle_statistics:
        settle_statistics(network, data, arithmetic, generator)
    network.eval()
    return selected, history


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
def mean_loss(
    network: nn.Module, data: Batch, arithmetic: Arithmetic, class_weights: Tensor | None = None
) -> float:
    """Mean loss of the network as it predicts, over a part it is not trained on."""
    network.eval()
    total = 0.0
    for batch in in_order(data):
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        total += weighted_loss(logits, batch, class_weights).item() * len(batch)
    network.train()
    return total / len(data)


def count_steps(n_instances: int, config: TrainingConfig) -> int:
    """Optimiser steps of the whole budget."""
    if config.steps is not None:
        return config.steps
    return (config.epochs or 0) * steps_per_epoch(n_instances, config.batch_size)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser that the config names; weight decay spares biases, norms and gains."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.lr, eps=config.epsilon, fused=True)
    groups = [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, eps=config.epsilon, fused=True)


def _refuse_not_finite(loss: float, member: int, epoch: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"member {member}, epoch {epoch}: the training loss is {loss}; try a lower rate "
            "(--set training.lr=1e-4), --set training.clip_norm=1 or --precision float32"
        )

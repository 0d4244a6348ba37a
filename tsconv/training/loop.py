"""The training loop: one network, one training part, and nothing that could be a test part.

What changes on the way is a :class:`Course`, which is whole whenever the loop pauses, so that a
training can be left there and taken up again (:mod:`tsconv.training.checkpoint`).
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from tsconv.config import TrainingConfig
from tsconv.errors import TrainingError
from tsconv.layers.sharing import sharing
from tsconv.training.batches import Batch, shuffle, steps_per_epoch, taken
from tsconv.training.distributed import Group
from tsconv.training.graphs import Recorder, Replayed
from tsconv.training.losses import summing_loss, weighted_loss
from tsconv.training.optimizers import make_optimizer, set_lr
from tsconv.training.precision import Arithmetic
from tsconv.training.schedules import make_schedule
from tsconv.training.selection import Selected, Selector
from tsconv.training.statistics import settling

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
        seconds: of the member's training; of several at once, each has its own turns' alone.
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
OnBegin = Callable[[tuple[int, ...]], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how a training goes, and may end it; the library itself never prints.

    Attributes:
        on_epoch: told of each epoch.
        on_step: told of each step.
        on_begin: told once, before the first step, which members of the ensemble will be trained.
        should_stop: asked after each step, and after each batch of the passes between steps.
    """

    on_epoch: OnEpoch = lambda record: None
    on_step: OnStep = lambda member, step, n_steps: None
    on_begin: OnBegin = lambda members: None
    should_stop: Callable[[], bool] = lambda: False


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
        group: the processes that train each network.
    """

    data: Batch
    config: TrainingConfig
    arithmetic: Arithmetic
    class_weights: Tensor | None = None
    valid: Batch | None = None
    watch: Watch = field(default_factory=Watch)
    recorder: Recorder | None = None
    group: Group = field(default_factory=Group)


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a training is, in plain values.

    Attributes:
        epoch: under way, from 1.
        batches: taken of the pass under way, which is an epoch or that of settling statistics.
        step: optimiser steps taken.
        lr: of the last step.
        seen: instances of the epoch trained on.
        settled: batches that the statistics hold, after the epoch's last step.
        measured: batches of the validation part, after that.
        settling: all steps are taken, and the selected weights put back.
        history: an entry an epoch that is over.
        seconds: of training in its turns, in earlier processes too.
        taken_up: how often it was left and taken up again.
    """

    epoch: int = 0
    batches: int = 0
    step: int = 0
    lr: float = 0.0
    seen: int = 0
    settled: int = 0
    measured: int = 0
    settling: bool = False
    history: list[EpochRecord] = field(default_factory=list)
    seconds: float = 0.0
    taken_up: int = 0


class Course:
    """One training and all that changes in it.

    Args:
        network: on the task's device; called as ``network(x, lengths)``.
        task: what to train on, and how.
        generator: draws the order of instances; on the CPU.
        member: which of an ensemble this is, for records and messages.
    """

    def __init__(
        self, network: nn.Module, task: Task, *, generator: torch.Generator, member: int = 0
    ) -> None:
        self.network = network
        self.task = task
        self.generator = generator
        self.member = member
        self.n_steps = count_steps(len(task.data), task.config)
        self.schedule = make_schedule(task.config, self.n_steps)
        self.selector = Selector(network, task.config)
        self.steps = Steps(network, task)
        self.validation = Validation(network, task)
        self.progress = Progress(lr=task.config.lr)
        self.pass_began = generator.get_state()  # before the order of the pass under way was drawn
        self._went_on = time.monotonic()

    def begin_pass(self) -> None:
        """Draw the order of the instances anew, or again if the pass is under way."""
        if self.progress.batches:
            self.generator.set_state(self.pass_began)
        else:
            self.pass_began = self.generator.get_state()

    def settling(self, *, begun: int) -> Iterator[None]:
        """Settle the statistics of the weights as they are; pauses after each batch.

        Args:
            begun: batches that they hold already.
        """
        task, size = self.task, self.task.config.batch_size
        settle = partial(settling, self.network, task.data, task.arithmetic, self.generator)
        yield from settle(batch_size=size, begun=begun, take=task.group.take)

    def go_on(self) -> None:
        """Begin a turn: what passed since the last one was spent on other members."""
        self._went_on = time.monotonic()

    def count_seconds(self) -> float:
        """Seconds of this training's own turns up to now."""
        now = time.monotonic()
        self.progress.seconds += now - self._went_on
        self._went_on = now
        return self.progress.seconds


Training = Generator[None, None, Selected]
"""A training under way: each ``next`` takes one step, and its end tells what was selected."""


def training(course: Course) -> Training:
    """Train the network from where it is, and leave it with the selected weights, in eval mode.

    Pauses after each step, before anything waits for the device, so that several trainings can be
    driven in turn: while one waits, the device computes the steps of the others. Passes over
    validation and training part in between pause after each batch.

    Raises:
        TrainingError: the loss is not finite.
    """
    network, task, progress = course.network, course.task, course.progress
    network.train()
    while not progress.settling:
        yield from _take_epoch(course)
        yield from _end_epoch(course)
    network.zero_grad()  # gives back the memory of gradients
    if (
        task.config.settle_statistics and task.valid is None
    ):  # else each epoch's weights have theirs
        course.begin_pass()
        for _ in course.settling(begun=progress.batches):
            progress.batches += 1
            yield
    network.eval()
    return course.selector.selected


def _take_epoch(course: Course) -> Iterator[None]:
    """The steps of an epoch that are not taken yet."""
    progress, steps = course.progress, course.steps
    course.begin_pass()
    progress.epoch += not progress.batches
    for batch in steps.of_epoch(course.generator, begun=progress.batches):
        if progress.step == course.n_steps:
            break
        progress.lr = course.schedule.rate(progress.step)
        steps.take(batch, progress.lr)
        progress.step += 1
        progress.batches += 1
        progress.seen += batch.n_whole if isinstance(batch, Batch) else len(batch)
        course.task.watch.on_step(course.member, progress.step, course.n_steps)
        yield


def _end_epoch(course: Course) -> Iterator[None]:
    """What an epoch came to, and whether it was the last."""
    progress, selector, member = course.progress, course.selector, course.member
    epoch, step, lr = progress.epoch, progress.step, progress.lr
    train_loss = (course.steps.total / progress.seen).item()
    _refuse_not_finite(train_loss, member, epoch)
    if course.task.valid is not None and course.task.config.settle_statistics:
        for _ in course.settling(begun=progress.settled):
            progress.settled += 1
            yield
    for _ in course.validation.going_on(begun=progress.measured):
        progress.measured += 1
        yield
    valid_loss = course.validation.mean_loss()
    seconds = course.count_seconds()
    record = EpochRecord(member, epoch, step, course.n_steps, lr, train_loss, valid_loss, seconds)
    progress.history.append(record)
    course.task.watch.on_epoch(record)
    course.schedule.after_epoch(train_loss)
    selector.offer(epoch, train_loss, valid_loss)
    course.steps.total.zero_()
    progress.seen = progress.batches = progress.settled = progress.measured = 0
    stopped = selector.should_stop(epoch)
    if stopped:
        logger.info("member %d: stopped after epoch %d, no lower valid loss", member, epoch)
    if stopped or step == course.n_steps:
        selector.restore()
        progress.settling = True


class Steps:
    """The optimiser steps of one network, and the summed loss of those of an epoch."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.data, self.config, self.group = task.data, task.config, task.group
        self.total = torch.zeros((), device=task.arithmetic.device)
        self.optimizer = make_optimizer(network, task.config, in_tensors=task.recorder is not None)
        self._take = partial(_take, network, task, self.optimizer, self.total)
        self._replayed = Replayed(self._take, task.recorder)

    def of_epoch(self, generator: torch.Generator, *, begun: int) -> Iterator[Batch | Tensor]:
        """What :meth:`take` takes: batches of a set on disk, or positions in a resident one.

        Args:
            generator: draws their order.
            begun: batches of that order that were taken before.
        """
        size, even = self.config.batch_size, self.config.even_batches
        positions = shuffle(self.data, size, generator, even=even)[begun:]
        if isinstance(self.data.x, Tensor):
            yield from positions
        else:
            yield from taken(self.data, positions, self.group.take)

    def take(self, batch: Batch | Tensor, lr: float) -> None:
        """One step; it is begun, and nobody waits until it is done."""
        set_lr(self.optimizer, lr)
        if isinstance(batch, Tensor):
            self._replayed(batch)
        else:
            self._take(batch)


class Validation:
    """The loss of one network on the validation part, if there is one."""

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.network = network
        self.task = task
        self.total = torch.zeros((), dtype=torch.float64, device=task.arithmetic.device)
        self._whole = task.recorder is not None and task.recorder.records_passes
        self._replayed = Replayed(self._measure_all, task.recorder)

    def going_on(self, *, begun: int) -> Iterator[None]:
        """Measure as the network predicts; pauses after each batch, where the steps allow it.

        Args:
            begun: batches that were measured before.
        """
        valid = self.task.valid
        if valid is not None and self._whole and isinstance(valid.x, Tensor):
            self._replayed()
        elif valid is not None:
            yield from self._measure(valid, begun)

    def mean_loss(self) -> float | None:
        """What was measured, None without a validation part."""
        valid = self.task.valid
        return None if valid is None else self.total.item() / len(valid)

    def _measure(self, valid: Batch, begun: int) -> Iterator[None]:
        task = self.task
        measure = partial(summing_loss, self.total, self.network, valid, task.arithmetic)
        return measure(task.class_weights, begun=begun, group=task.group)

    def _measure_all(self) -> None:
        for _ in self._measure(self.task.valid, 0) if self.task.valid is not None else ():
            pass


def _take(
    network: nn.Module,
    task: Task,
    optimizer: torch.optim.Optimizer,
    total: Tensor,
    batch: Batch | Tensor,
) -> None:
    """One step, its loss added to ``total``; never waits for the device."""
    if isinstance(batch, Tensor):
        batch = task.group.take(task.data, batch)
    loss = take_step(
        network,
        batch,
        optimizer,
        task.config,
        task.arithmetic,
        class_weights=task.class_weights,
        group=task.group,
    )
    total.add_(loss * batch.n_whole)


def take_step(
    network: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    arithmetic: Arithmetic,
    *,
    class_weights: Tensor | None = None,
    group: Group | None = None,
) -> Tensor:
    """One optimiser step on one batch; its mean loss, detached, still on the device.

    Of a batch that a ``group`` shares, loss and gradients are those of the whole.
    """
    with arithmetic.autocast(), sharing(batch.share):
        logits = network(batch.x, batch.lengths)
    loss = weighted_loss(logits, batch, class_weights, config.label_smoothing) * batch.part
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    loss = (group or Group()).sum_gradients(network, loss.detach())
    if config.clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    optimizer.step()
    return loss


def count_steps(n_instances: int, config: TrainingConfig) -> int:
    """Optimiser steps of the whole budget: of epochs and steps, what is less."""
    per_epoch = steps_per_epoch(n_instances, config.batch_size)
    budgets = (config.steps, None if config.epochs is None else config.epochs * per_epoch)
    return min(each for each in budgets if each is not None)


def _refuse_not_finite(loss: float, member: int, epoch: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"member {member}, epoch {epoch}: the training loss is {loss}; try a lower rate "
            "(--set training.lr=1e-4), --set training.clip_norm=1 or --precision float32"
        )

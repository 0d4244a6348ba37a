"""Members of an ensemble trained together where the device has room, otherwise one by one.

Each has its own network, order, random numbers and optimiser, and on a GPU a stream of its own.
They are driven in turn, a step of each, so that the device computes the small steps of all at the
same time and the host handles the end of one's epoch meanwhile. Nothing passes between members:
what becomes of one does not depend on the others.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from torch import Tensor, nn

from tsconv.config import TrainingConfig
from tsconv.errors import Stopped
from tsconv.training.batches import Batch
from tsconv.training.checkpoint import Keeper
from tsconv.training.distributed import ALONE, Place
from tsconv.training.graphs import CudaRecorder, Lane
from tsconv.training.loop import Course, Progress, Task, Training, training
from tsconv.training.memory import keep_freed_memory
from tsconv.training.replay import TapeRecorder
from tsconv.training.seeding import Draws
from tsconv.training.selection import Selected

logger = logging.getLogger(__name__)

POINTS_AT_ONCE = 2**18
"""Time points in the batches of all members trained together, which bounds memory; a GPU computes
that many no faster together than one after another."""


@dataclass(frozen=True, slots=True)
class Trainee:
    """One member before its training.

    Attributes:
        member: its index.
        network: on the task's device.
        draws: its random numbers, from where initialisation left them.
    """

    member: int
    network: nn.Module
    draws: Draws


@dataclass(frozen=True, slots=True)
class Outcome:
    """One member after its training; the trainee's network has the selected weights."""

    trainee: Trainee
    selected: Selected
    progress: Progress


@dataclass(frozen=True, slots=True)
class Running:
    """One member under way, and where the device computes it."""

    trainee: Trainee
    course: Course
    steps: Training
    lane: Lane

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within, random numbers, the device's work and the time it takes are this member's."""
        self.course.go_on()
        with self.trainee.draws.active(), self.lane.entered():
            yield
        self.course.count_seconds()


def train_members(
    trainees: Iterable[Trainee],
    task: Task,
    *,
    at_once: int | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Outcome]:
    """Train each, and give it when it is done.

    Args:
        trainees: asked for when their turn comes.
        task: what to train on, and how; where it has no recorder, the device's is taken.
        at_once: most members trained together, None for what suits the device.
        keeper: takes up members that were left, and saves those under way.

    Raises:
        TrainingError: the loss of a member is not finite.
        Stopped: the task's watch asked for it; members under way are saved.
    """
    device = task.arithmetic.device
    keep_freed_memory()
    against = reason_against_replay(task.config, task.data, task.group.place)
    if task.recorder is None and against is None:
        task = replace(task, recorder=CudaRecorder() if device.type == "cuda" else TapeRecorder())
    if at_once is None:
        together = device.type == "cuda" and task.recorder is not None
        at_once = most_together(task.data, task.config.batch_size) if together else 1
    waiting = iter(trainees)
    while group := list(islice(waiting, at_once)):
        how = f"not replayed: {against}" if task.recorder is None else "replayed"
        logger.info("%s: steps are %s, %d members at a time", device, how, len(group))
        yield from _train_together(group, task, keeper)


def reason_against_replay(config: TrainingConfig, data: Batch, place: Place = ALONE) -> str | None:
    """Why steps cannot be recorded once and replayed, None if they can."""
    if not config.fused:
        return "training.fused is false"
    if place.size > 1:
        return "several processes share each"
    if not isinstance(data.x, Tensor):
        return "the series are on disk"
    return None


def most_together(data: Batch, batch_size: int) -> int:
    """Members whose batches fit into POINTS_AT_ONCE, at least one."""
    return max(1, POINTS_AT_ONCE // (min(batch_size, len(data)) * data.x.shape[-1]))


def _train_together(group: list[Trainee], task: Task, keeper: Keeper | None) -> Iterator[Outcome]:
    """One step of each in turn; a member that stops early leaves the others to go on."""
    running = [_begin(trainee, task, keeper) for trainee in group]
    while running:
        for each in list(running):
            with each.active():
                selected = _advance(each.steps)
            if selected is not None:
                running.remove(each)
                each.lane.join()
                yield Outcome(each.trainee, selected, each.course.progress)
            elif keeper is not None:
                with each.lane.entered():
                    keeper.look_after(each.course, each.trainee.draws)
                each.course.count_seconds()
            if running and task.watch.should_stop():
                raise Stopped(_leave(running, keeper))


def _begin(trainee: Trainee, task: Task, keeper: Keeper | None) -> Running:
    course = Course(trainee.network, task, generator=trainee.draws.order, member=trainee.member)
    if keeper is not None:
        keeper.take_up(course, trainee.draws)
    return Running(trainee, course, training(course), Lane(task.arithmetic.device))


def _leave(running: list[Running], keeper: Keeper | None) -> str:
    """Save what is under way, and say how far it is."""
    places = []
    for each in running:
        saved = False
        if keeper is not None:
            with each.lane.entered():
                saved = keeper.save(each.course, each.trainee.draws)
        step = f"member {each.course.member} at step {each.course.progress.step}"
        places.append(f"{step} of {each.course.n_steps}{', saved' if saved else ', not saved'}")
    return "; ".join(places)


def _advance(steps: Training) -> Selected | None:
    """Take one step; what was selected if there was none left."""
    try:
        next(steps)
    except StopIteration as end:
        selected: Selected = end.value
        return selected
    return None

"""How far the training of a run is, for whoever looks from elsewhere: a small file in the run.

It is there while a process trains the run. A process that is killed leaves it behind, and what it
says then grows old.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tsconv.errors import RunError
from tsconv.runs.atomic import write_json
from tsconv.runs.host import batch_job, node_name, now
from tsconv.runs.paths import RunDir
from tsconv.workflows.train import EpochRecord, Watch

SECONDS_BETWEEN_WORDS, SECONDS_BETWEEN_FILES = 1.0, 5.0

Tell = Callable[[dict[str, Any]], None]


class Seldom:
    """Says when it is time again, at first at once.

    Args:
        seconds: from one time to the next.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = -float("inf")

    def is_due(self) -> bool:
        """Whether it is; then it is not again for a while."""
        at = time.monotonic()
        if at - self.last < self.seconds:
            return False
        self.last = at
        return True


class Progress:
    """Counts the steps of a run's members, and tells of them now and then.

    Args:
        directory: of the run.
        members: of the ensemble.
        tell: called with what is known, at most once a second.
    """

    def __init__(self, directory: RunDir, members: int, tell: Tell) -> None:
        self.directory = directory
        self.members = members
        self.tell = tell
        self.to_train: tuple[int, ...] = tuple(range(members))
        self.steps: dict[int, int] = {}
        self.taken, self.began = 0, 0.0
        self.epoch = 0
        self.loss: float | None = None
        self.words, self.files = Seldom(SECONDS_BETWEEN_WORDS), Seldom(SECONDS_BETWEEN_FILES)
        job = batch_job()
        self.about = {
            "host": node_name(),
            "pid": os.getpid(),
            "job": job and job.name,
            "started": now(),
            "members": members,
        }

    def on_begin(self, members: tuple[int, ...]) -> None:
        """Note which members will be trained."""
        self.to_train = members

    def on_epoch(self, record: EpochRecord) -> None:
        """Note what an epoch came to."""
        self.epoch, self.loss = record.epoch, record.train_loss

    def on_step(self, member: int, step: int, n_steps: int) -> None:
        """Note a step, and tell if nothing was told for a while."""
        if member not in self.steps:
            self.epoch = 0
        self.steps[member] = step
        self.taken += 1
        self.began = self.began or time.monotonic()
        if self.words.is_due():
            values = self.describe(member, step, n_steps)
            self.tell(values)
            if self.files.is_due():
                self.write(values)

    def describe(self, member: int, step: int, n_steps: int) -> dict[str, Any]:
        """Where it is, steps a second, and seconds left; None where it is not known yet."""
        seconds = time.monotonic() - self.began
        rate = (self.taken - 1) / seconds if self.taken > 1 and seconds > 0 else None
        left = len(self.to_train) * n_steps - sum(self.steps.values())
        return {
            "member": member,
            "members": self.members,
            "epoch": self.epoch + 1,
            "step": step,
            "n_steps": n_steps,
            "loss": self.loss,
            "rate": rate,
            "seconds_left": None if rate is None else left / rate,
        }

    def write(self, values: dict[str, Any]) -> None:
        """Put what is known into the run; a file that cannot be written stops no training."""
        with suppress(RunError):
            write_json(self.directory.progress, {**self.about, **values, "time": now()})


@contextmanager
def told(directory: RunDir, members: int, tell: Tell) -> Iterator[Watch]:
    """Whom to tell how a training goes, that it is told to others."""
    progress = Progress(directory, members, tell)
    try:
        yield Watch(
            on_epoch=progress.on_epoch, on_step=progress.on_step, on_begin=progress.on_begin
        )
    finally:
        if progress.taken:  # else what is there is another's
            with suppress(OSError):
                directory.progress.unlink(missing_ok=True)

"""Words about the work, on stderr: messages, and how far a training is.

On a terminal a training is one bar. Off it, it is a line now and then with the time in front,
flushed, so that a log of a batch job says what happens and stays short.
"""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from tsconv.workflows.train import EpochRecord, Watch

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0  # seconds between lines: soon at first, then seldom


class Words(logging.Handler):
    """Log records as plain lines on stderr, each thing said once."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        words = " ".join(record.getMessage().split())
        if words not in self.said:
            self.said.add(words)
            say_timed(words if record.levelno < logging.WARNING else f"warning: {words}")


def set_up(verbosity: int) -> None:
    """Say warnings (below 0), decisions (0) or everything (above 0)."""
    logger = logging.getLogger("tsconv")
    logger.handlers[:] = [Words()]
    logger.propagate = False
    levels = {-1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG}
    logger.setLevel(levels[max(-1, min(1, verbosity))])


def say(words: str) -> None:
    """One line on stderr, as it stands; no work ends because nobody can hear of it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


def say_timed(words: str) -> None:
    """One line on stderr, with the time in front where that is no terminal."""
    if sys.stderr.isatty():
        say(words)
    else:
        say(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {words}")


class Pace:
    """How fast a training is and how long it will go on.

    Args:
        members: networks in the ensemble.
    """

    def __init__(self, members: int) -> None:
        self.members = members
        self.to_train: tuple[int, ...] = tuple(range(members))
        self.taken = 0
        self.started = time.monotonic()
        self.steps: dict[int, int] = {}
        self.n_steps = 1
        self.loss = float("nan")

    def on_begin(self, members: tuple[int, ...]) -> None:
        """Note which members will be trained."""
        self.to_train = members

    def on_step(self, member: int, step: int, n_steps: int) -> None:
        """Note a step, or how many there have been since the last time."""
        if not self.taken:
            self.started = time.monotonic()  # what came before is no step
        self.taken += step - self.steps.get(member, step - 1)
        self.steps[member], self.n_steps = step, n_steps

    def on_epoch(self, record: "EpochRecord") -> None:
        """Note a loss."""
        self.loss = record.train_loss

    @property
    def rate(self) -> float:
        """Steps a second, 0 before it is known."""
        seconds = time.monotonic() - self.started
        return (self.taken - 1) / seconds if self.taken > 1 and seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until the last member is trained, None before it is known."""
        n_left = len(self.to_train) * self.n_steps - sum(self.steps.values())
        return n_left / self.rate if self.rate else None

    @property
    def under_way(self) -> dict[int, int]:
        """Of each member that is being trained, the steps; of the last one if none is."""
        going = {k: step for k, step in self.steps.items() if step < self.n_steps}
        return dict(sorted(going.items())) or dict([*self.steps.items()][-1:])

    def describe(self) -> str:
        """Loss, rate and time left."""
        left = "-" if self.seconds_left is None else clock(self.seconds_left)
        loss = "-" if self.loss != self.loss else f"{self.loss:.4f}"
        return f"loss {loss}, {self.rate:.1f} steps/s, {left} left"


class Lines(Pace):
    """The pace as a line after 5 s, 10 s more, and so on up to one a minute."""

    def __init__(self, members: int) -> None:
        super().__init__(members)
        self.said = time.monotonic()
        self.pause = FIRST_PAUSE

    def on_step(self, member: int, step: int, n_steps: int) -> None:
        """Note a step, and say so if nothing was said for a while."""
        super().on_step(member, step, n_steps)
        now = time.monotonic()
        if now - self.said >= self.pause:
            self.said, self.pause = now, min(2 * self.pause, LONGEST_PAUSE)
            say_timed(f"{self.where()}, {self.describe()}")

    def where(self) -> str:
        """Which members are under way, and their steps."""
        going = self.under_way
        steps = ", ".join(map(str, going.values()))
        return f"{place(*going, of=self.members)}, step {steps} of {self.n_steps}"


class Bar(Pace):
    """The pace as a bar on a terminal."""

    def __init__(self, members: int, progress: "Progress") -> None:
        super().__init__(members)
        self.progress = progress
        self.task = progress.add_task("", total=None, pace="")

    def on_step(self, member: int, step: int, n_steps: int) -> None:
        """Note a step, and move the bar."""
        super().on_step(member, step, n_steps)
        self.progress.update(
            self.task,
            description=place(*self.under_way, of=self.members),
            total=n_steps * len(self.under_way),
            completed=sum(self.under_way.values()),
            pace=self.describe(),
        )


@contextlib.contextmanager
def watching(members: int) -> Iterator["Watch | None"]:
    """Whom to tell how a training goes; nobody if only warnings are wanted.

    Args:
        members: networks in the ensemble.
    """
    if not logging.getLogger("tsconv").isEnabledFor(logging.INFO):
        yield None
    elif sys.stderr.isatty():
        with _progress() as progress:
            yield _told(Bar(members, progress))
    else:
        yield _told(Lines(members))


def _told(pace: Pace) -> "Watch":
    from tsconv.workflows.train import Watch

    return Watch(on_epoch=pace.on_epoch, on_step=pace.on_step, on_begin=pace.on_begin)


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        console=Console(stderr=True),
        transient=True,
    )


def place(*which: int, of: int) -> str:
    """Which members these are, counted from 0 as their files are, and of how many."""
    return f"member{'s' * (len(which) > 1)} {', '.join(map(str, which))} (of {of})"


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"

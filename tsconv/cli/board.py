"""How far a benchmark is: a live table on a terminal, plain lines off it."""

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tsconv.cli.console import clock, place, say_timed

if TYPE_CHECKING:
    from tsconv.workflows.benchmark import Event, OnEvent, Progress, Schedule

LONGEST_PAUSE = 60.0  # seconds between lines


@contextlib.contextmanager
def watching(schedule: "Schedule") -> Iterator["OnEvent | None"]:
    """Whom to tell of a benchmark's events; nobody if only warnings are wanted."""
    if not logging.getLogger("tsconv").isEnabledFor(logging.INFO):
        yield None
        return
    n_left, n_all = len(schedule.left), len(schedule.tasks)
    skipped = f", {n_all - n_left} finished before" if n_all > n_left else ""
    say_timed(
        f"{n_left} cells to run{skipped}, {schedule.processes} at once, longest first; "
        f"about {clock(schedule.seconds)}"
    )
    if sys.stderr.isatty():
        with _live() as live:
            yield lambda event, progress: live.update(_table(progress))
    else:
        yield Lines().on_event


class Lines:
    """A line for each cell that ends, and one a minute in between."""

    def __init__(self) -> None:
        self.said = time.monotonic()

    def on_event(self, event: "Event", progress: "Progress") -> None:
        """Say what is worth a line."""
        now = time.monotonic()
        if event.kind == "finished":
            accuracy = event.values["accuracy"]
            result = "" if accuracy is None else f", accuracy {accuracy:.4f}"
            say_timed(f"{event.job}: {event.values['seconds']:.0f} s{result}; {summary(progress)}")
        elif event.kind == "failed":
            why = progress.failed.get(event.job)
            words = f"failed, {why}" if why else f"left alone, {progress.held[event.job]}"
            say_timed(f"{event.job}: {words}; {summary(progress)}")
        elif now - self.said < LONGEST_PAUSE:
            return
        elif event.kind == "progress":
            say_timed(f"{event.job}: {describe(event.values)}; {summary(progress)}")
        self.said = now


def summary(progress: "Progress") -> str:
    """Cells done, failed, held by others and all, and the time left."""
    n_done, n_cells = len(progress.finished), len(progress.schedule.left)
    failed = f", {len(progress.failed)} failed" if progress.failed else ""
    held = f", {len(progress.held)} held by others" if progress.held else ""
    left = progress.seconds_left
    return f"{n_done} of {n_cells} done{failed}{held}, {'-' if left is None else clock(left)} left"


def describe(values: dict[str, Any]) -> str:
    """How far one cell is."""
    if not values:
        return "starting"
    loss = "" if values["loss"] is None else f", loss {values['loss']:.4f}"
    rate = "" if values["rate"] is None else f", {values['rate']:.1f} steps/s"
    left = "" if values["seconds_left"] is None else f", {clock(values['seconds_left'])} left"
    return (
        f"{place(values['member'], of=values['members'])}, epoch {values['epoch']}, "
        f"step {values['step']} of {values['n_steps']}{loss}{rate}{left}"
    )


def _live() -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(stderr=True), transient=True, refresh_per_second=4)


def _table(progress: "Progress") -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(summary(progress)), title_justify="left", box=None)
    for name in ("process", "cell", "progress"):
        table.add_column(name, no_wrap=name == "cell")
    for worker, (name, values) in sorted(progress.running.items()):
        table.add_row(str(worker), Text(name), describe(values))
    return table

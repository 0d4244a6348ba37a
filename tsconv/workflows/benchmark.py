"""Benchmark: every cell of a plan as a run directory, and one table of them all.

A finished cell is skipped, an unfinished one taken up again, one that fails is a row of the table
of failures and stops nothing. So the same command again does what is left.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tsconv.errors import RunHeldError, UnknownNameError
from tsconv.executors import BATCH_SYSTEMS, EXECUTORS, Event, Executor, Job
from tsconv.registry import did_you_mean
from tsconv.runs.host import batch_job
from tsconv.runs.paths import BenchmarkDir
from tsconv.training.precision import ANY_GPU, visible_gpus
from tsconv.workflows.collect import find_runs, tabulate, to_records, write_tables
from tsconv.workflows.cost import correction, schedule
from tsconv.workflows.job import WORKER, describe_cell
from tsconv.workflows.plan import read_plan
from tsconv.workflows.run_cell import record_failure
from tsconv.workflows.schedule import Schedule, recall, remember, share_of

__all__ = [
    "BATCH_SYSTEMS",
    "Benchmarked",
    "Event",
    "OnEvent",
    "Progress",
    "Schedule",
    "make_executor",
    "plan_cells",
    "run",
    "schedule",
    "share_of",
]

logger = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a benchmark is; changes with every event.

    Attributes:
        schedule: what is to be done.
        running: by worker, the cell and what was last said of it.
        finished: cells of this call, with estimated and measured seconds.
        failed: cells of this call, with the reason.
        held: cells of this call that another process has, and which.
    """

    schedule: Schedule
    started: float = field(default_factory=time.monotonic)
    running: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    finished: dict[str, tuple[float, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Take an event into account."""
        if event.kind in ("started", "progress"):
            self.running[event.worker] = (event.job, event.values)
            return
        self.running.pop(event.worker, None)
        if event.kind == "failed" and event.values["kind"] == RunHeldError.__name__:
            self.held[event.job] = event.values["message"]
        elif event.kind == "failed":
            self.failed[event.job] = f"{event.values['kind']}: {event.values['message']}"
        else:
            estimated = next(t.seconds for t in self.schedule.left if t.cell.name == event.job)
            self.finished[event.job] = (estimated, float(event.values["seconds"]))

    @property
    def seconds_left(self) -> float | None:
        """Until the last cell is done; None before a step has told how fast this machine is."""
        seconds = {task.cell.name: task.seconds for task in self.schedule.left}
        ended = {*self.finished, *self.failed, *self.held}
        done = {name: share(values) for name, values in self.running.values()}
        measured = list(self.finished.values())
        measured += [
            (seconds[name] * (1 - done[name]), values["seconds_left"])
            for name, values in self.running.values()
            if values.get("seconds_left") is not None
        ]
        if not measured:
            return None
        waiting = [
            task.seconds * (1 - done.get(task.cell.name, 0.0))
            for task in self.schedule.left
            if task.cell.name not in ended
        ]
        estimated = max(max(waiting, default=0.0), sum(waiting) / self.schedule.processes)
        return estimated * correction(measured)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Benchmarked:
    """What :func:`run` did.

    Attributes:
        folder: of the benchmark.
        table: a row a cell, of this call and earlier ones; see :mod:`tsconv.workflows.collect`.
        files: the table as CSV and parquet; none of a share of the cells.
        failed: cells of this call that ended with an error, and the error.
        held: cells of this call that another process has, and which.
        seconds: of this call.
    """

    folder: Path
    table: pd.DataFrame
    files: tuple[Path, ...]
    failed: Mapping[str, str]
    held: Mapping[str, str]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        return {
            "folder": str(self.folder),
            "seconds": self.seconds,
            "files": [str(path) for path in self.files],
            "failed": list(self.failed),
            "held": list(self.held),
            "runs": to_records(self.table),
        }


OnEvent = Callable[[Event, Progress], None]


def make_executor(
    schedule: Schedule,
    name: str = "local",
    *,
    processes: int | None = None,
    devices: Sequence[str] = (),
) -> Executor:
    """Who gets cells done.

    Args:
        schedule: of the cells.
        name: registered.
        processes: side by side; unless given, one a GPU or, where there are none, one a core.
        devices: GPUs by their numbers, shared out among the processes; unless given, all that this
            process sees, if every cell takes whatever device it finds.

    Raises:
        UnknownNameError: nobody has the name.
    """
    known = (*EXECUTORS.names(), *BATCH_SYSTEMS)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UnknownNameError(f"unknown executor {name!r}{hint}; known: {', '.join(known)}")
    asked = {task.cell.config.training.device for task in schedule.left}
    if not devices and asked <= {*ANY_GPU}:
        devices = visible_gpus()
    return EXECUTORS.get(name)(processes=processes, devices=devices)


def plan_cells(
    plan: Path | None, flags: Mapping[str, Any], folder: Path, *, gpus: bool | None = None
) -> Schedule:
    """The schedule of a plan; where none is given, of all that the folder knows.

    Args:
        plan: its file.
        flags: in place of the plan's entries.
        folder: of the benchmark.
        gpus: as :func:`schedule` takes it.

    Raises:
        TSConvError: no plan, or one that does not hold.
    """
    if plan is None and not any(flags.values()) and BenchmarkDir(folder).cells.exists():
        return recall(folder)
    return schedule(read_plan(plan, flags), folder, gpus=gpus)


def run(
    schedule: Schedule,
    executor: Executor,
    *,
    on_event: OnEvent | None = None,
) -> Benchmarked:
    """Run what is left of a schedule, and write ``results.csv`` and ``results.parquet``.

    A share of the cells writes no tables: they are for whoever sees the end of all.

    Args:
        schedule: of :func:`schedule`, :func:`recall` or :func:`share_of`.
        executor: who gets the cells done.
        on_event: told of each event and how far it all is.
    """
    directory, progress = BenchmarkDir(schedule.folder), Progress(schedule=schedule)
    cells = {task.cell.name: task.cell for task in schedule.left}
    jobs = [
        Job(name=name, document=describe_cell(cell, schedule.folder))
        for name, cell in cells.items()
    ]
    remember(schedule)
    job = batch_job()
    logs = directory.logs / job.name if job else directory.logs
    with closing(executor.run(WORKER, jobs, logs)) as events:
        for event in events:
            progress.note(event)
            if event.kind == "failed" and event.values["kind"] == "WorkerDied":
                place = cells[event.job].directory(schedule.folder)
                record_failure(place, event.values["kind"], event.values["message"])
            if on_event is not None:
                on_event(event, progress)
    table, files = _collect(schedule)
    done = {name for name, cell in cells.items() if cell.directory(schedule.folder).done.exists()}
    held = {name: who for name, who in progress.held.items() if name not in done}
    return Benchmarked(
        folder=schedule.folder,
        table=table,
        files=files,
        failed=progress.failed,
        held=held,
        seconds=time.monotonic() - progress.started,
    )


def _collect(schedule: Schedule) -> tuple[pd.DataFrame, tuple[Path, ...]]:
    """The table of the cells, and the files that hold it."""
    own = [task.cell.directory(schedule.folder) for task in schedule.tasks]
    places = own if schedule.whole else find_runs(schedule.folder)
    table = tabulate((place, schedule.folder) for place in places)
    if schedule.whole:
        return table, ()
    return table, write_tables(table, BenchmarkDir(schedule.folder).results)


def share(values: dict[str, Any]) -> float:
    """Of a cell's steps, those done."""
    if not values:
        return 0.0
    done = values["member"] * values["n_steps"] + values["step"]
    total = values["members"] * values["n_steps"]
    return min(1.0, float(done / total))

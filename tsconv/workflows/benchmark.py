"""Benchmark: every cell of a plan as a run directory, and one table of them all.

A finished cell is skipped, an unfinished one taken up again, one that fails is a row of the table
of failures and stops nothing. So the same command again does what is left.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tsconv.executors import EXECUTORS, Event, Executor, Job
from tsconv.workflows.cell import describe_cell, record_failure
from tsconv.workflows.collect import collect, to_records, write_tables
from tsconv.workflows.cost import Shape, correction, estimate_seconds, find_shape
from tsconv.workflows.plan import Cell, Plan, make_cells

__all__ = [
    "Benchmarked",
    "Event",
    "OnEvent",
    "Progress",
    "Schedule",
    "make_executor",
    "run",
    "schedule",
]

WORKER = (sys.executable, "-m", "tsconv.worker")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A cell and what it is expected to take, in seconds of one core of a reference processor."""

    cell: Cell
    seconds: float
    finished: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """What a plan comes to, the longest cell first.

    Attributes:
        folder: of the benchmark.
        tasks: all cells.
        processes: side by side.
    """

    folder: Path
    tasks: tuple[Task, ...]
    processes: int

    @property
    def left(self) -> tuple[Task, ...]:
        """What is not finished."""
        return tuple(task for task in self.tasks if not task.finished)

    @property
    def seconds(self) -> float:
        """Estimated time until all is done."""
        longest = max((task.seconds for task in self.left), default=0.0)
        return max(longest, sum(task.seconds for task in self.left) / self.processes)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        return {
            "folder": str(self.folder),
            "processes": self.processes,
            "seconds": self.seconds,
            "cells": [
                {"cell": task.cell.name, "seconds": task.seconds, "finished": task.finished}
                for task in self.tasks
            ],
        }


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a benchmark is; changes with every event.

    Attributes:
        schedule: what is to be done.
        running: by worker, the cell and what was last said of it.
        finished: cells of this call, with estimated and measured seconds.
        failed: cells of this call, with the reason.
    """

    schedule: Schedule
    started: float = field(default_factory=time.monotonic)
    running: dict[int, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    finished: dict[str, tuple[float, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Take an event into account."""
        if event.kind in ("started", "progress"):
            self.running[event.worker] = (event.job, event.values)
            return
        self.running.pop(event.worker, None)
        if event.kind == "failed":
            self.failed[event.job] = f"{event.values['kind']}: {event.values['message']}"
        else:
            estimated = next(t.seconds for t in self.schedule.left if t.cell.name == event.job)
            self.finished[event.job] = (estimated, float(event.values["seconds"]))

    @property
    def seconds_left(self) -> float | None:
        """Until the last cell is done; None before one is."""
        if not self.finished:
            return None
        ended = {*self.finished, *self.failed}
        done = {name: share(values) for name, values in self.running.values()}
        waiting = [
            task.seconds * (1 - done.get(task.cell.name, 0.0))
            for task in self.schedule.left
            if task.cell.name not in ended
        ]
        estimated = max(max(waiting, default=0.0), sum(waiting) / self.schedule.processes)
        return estimated * correction(self.finished.values())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Benchmarked:
    """What :func:`run` did.

    Attributes:
        folder: of the benchmark.
        table: a row a cell, of this call and earlier ones; see :mod:`tsconv.workflows.collect`.
        files: the table as CSV and parquet.
        seconds: of this call.
    """

    folder: Path
    table: pd.DataFrame
    files: tuple[Path, ...]
    seconds: float

    @property
    def failures(self) -> pd.DataFrame:
        """The rows of cells that did not finish."""
        return self.table[self.table["failure"].notna()]

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        return {
            "folder": str(self.folder),
            "seconds": self.seconds,
            "files": [str(path) for path in self.files],
            "runs": to_records(self.table),
        }


OnEvent = Callable[[Event, Progress], None]


def make_executor(
    name: str = "local", *, processes: int | None = None, devices: Sequence[str] = ()
) -> Executor:
    """Who gets cells done.

    Args:
        name: registered.
        processes: side by side, one a core unless given.
        devices: GPUs by their numbers, shared out among the processes.
    """
    return EXECUTORS.get(name)(processes=processes, devices=devices)


def schedule(plan: Plan, folder: Path, *, processes: int = 1) -> Schedule:
    """The cells of a plan, with what they are expected to take; nothing is run.

    Raises:
        TSConvError: data that are not there or cannot be read, settings that do not hold.
    """
    cells = make_cells(plan)
    shapes: dict[str, Shape] = {}
    for cell in cells:
        if cell.data not in shapes:
            shapes[cell.data] = find_shape(cell.data)
    tasks = [
        Task(
            cell=cell,
            seconds=estimate_seconds(cell.config, shapes[cell.data]),
            finished=cell.directory(folder).done.exists(),
        )
        for cell in cells
    ]
    ordered = sorted(tasks, key=lambda task: -task.seconds)
    return Schedule(folder=folder, tasks=tuple(ordered), processes=processes)


def run(
    schedule: Schedule,
    executor: Executor,
    *,
    on_event: OnEvent | None = None,
) -> Benchmarked:
    """Run what is left of a schedule, and write ``results.csv`` and ``results.parquet``.

    Args:
        schedule: of :func:`schedule`.
        executor: who gets the cells done.
        on_event: told of each event and how far it all is.
    """
    progress = Progress(schedule=schedule)
    cells = {task.cell.name: task.cell for task in schedule.left}
    jobs = [
        Job(name=name, document=describe_cell(cell, schedule.folder))
        for name, cell in cells.items()
    ]
    with closing(executor.run(WORKER, jobs, schedule.folder / "logs")) as events:
        for event in events:
            progress.note(event)
            if event.kind == "failed" and event.values["kind"] == "WorkerDied":
                directory = cells[event.job].directory(schedule.folder)
                record_failure(directory, event.values["kind"], event.values["message"])
            if on_event is not None:
                on_event(event, progress)
    table = collect([schedule.folder])
    return Benchmarked(
        folder=schedule.folder,
        table=table,
        files=write_tables(table, schedule.folder / "results"),
        seconds=time.monotonic() - progress.started,
    )


def share(values: dict[str, Any]) -> float:
    """Of a cell's steps, those done."""
    if not values:
        return 0.0
    done = values["member"] * values["n_steps"] + values["step"]
    total = values["members"] * values["n_steps"]
    return min(1.0, float(done / total))

"""Status: what has become of each cell of a benchmark, wherever and by whomever it is run.

Told from files, and from a batch system's queue where there is one: which cells are done, which
are trained now and how far they are, which wait, failed, or were left by a job that is gone.
"""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tsconv.errors import RunError
from tsconv.executors.slurm import Queued, Submission, TaskRecord, read_queue, read_records
from tsconv.runs.atomic import read_json
from tsconv.runs.host import node_name
from tsconv.runs.paths import BenchmarkDir, RunDir
from tsconv.workflows.schedule import recall

State = Literal["done", "running", "queued", "waiting", "failed", "stopped"]
STATES: Mapping[State, str] = {
    "done": "finished, and in the table",
    "running": "trained now",
    "queued": "in a task that a batch system has or is working at",
    "waiting": "never begun, and in no task",
    "failed": "ended by an error",
    "stopped": "begun or submitted, and held by no job any more",
}
Queue = Mapping[str, Queued | None]
"""Of each task that was submitted, what the batch system's queue has of it."""
SECONDS_UNTIL_OLD = 600.0
"""Progress of another machine's process that was told longer ago is that of a dead one."""
LINES_OF_A_LOG, BYTES_OF_A_LOG = 5, 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class CellStatus:
    """What is known of one cell.

    Attributes:
        cell: its name.
        state: one of STATES.
        job: that has it or had it, as the batch system calls it.
        node: where it is or was.
        starts: how often its task was started.
        requeued: how often it went back into the queue: preempted, out of time, off a dead node.
        why: the message of a failure, or why it waits.
        log: of its task.
        last_lines: where something went wrong, of its traceback, else of that log.
        progress: member, members, epoch, step, n_steps, loss, rate, seconds_left; while it runs.
    """

    cell: str
    state: State
    job: str | None = None
    node: str | None = None
    starts: int = 0
    requeued: int = 0
    why: str | None = None
    log: Path | None = None
    last_lines: tuple[str, ...] = ()
    progress: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What has become of a benchmark.

    Attributes:
        folder: of the benchmark.
        cells: the longest first.
        asked: whether the batch system's queue answered; None where it has nothing to tell, as
            nothing was submitted.
    """

    folder: Path
    cells: tuple[CellStatus, ...]
    asked: bool | None

    @property
    def counts(self) -> dict[str, int]:
        """Cells in each state."""
        counts = Counter(each.state for each in self.cells)
        return {state: counts[state] for state in STATES}

    def of(self, *states: State) -> tuple[CellStatus, ...]:
        """The cells in some states."""
        return tuple(each for each in self.cells if each.state in states)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        cells = [dataclasses.asdict(each) for each in self.cells]
        for each in cells:
            each["log"] = None if each["log"] is None else str(each["log"])
        return {
            "folder": str(self.folder),
            "asked": self.asked,
            "counts": self.counts,
            "cells": cells,
        }


def status(folder: Path) -> Status:
    """What has become of each cell that was ever asked for in a folder.

    Raises:
        RunError: it is not the folder of a benchmark.
    """
    records = _records(folder)
    by_cell = {name: record for record in records for name in record.names}
    jobs = [record.job for record in records if record.job]
    queue = read_queue(jobs) if jobs else None
    cells = [
        _look(task.cell.name, task.cell.directory(folder), by_cell.get(task.cell.name), queue)
        for task in recall(folder).tasks
    ]
    asked = queue is not None if jobs else None
    return Status(folder=folder, cells=tuple(cells), asked=asked)


def submissions(folder: Path) -> tuple[Submission, ...]:
    """What was handed to a batch system, in order."""
    places = BenchmarkDir(folder).submissions
    names = [each.name for each in places.iterdir()] if places.is_dir() else []
    return tuple(
        Submission(places / name) for name in sorted(filter(str.isdecimal, names), key=int)
    )


def _records(folder: Path) -> tuple[TaskRecord, ...]:
    """The tasks that were submitted, in order."""
    records = (record for each in submissions(folder) for record in read_records(each))
    return tuple(record for record in records if record.job is not None)


def _look(
    name: str,
    directory: RunDir,
    task: TaskRecord | None,
    queue: Queue | None,
) -> CellStatus:
    known = CellStatus(cell=name, state="waiting")
    if task is not None:
        known = dataclasses.replace(
            known,
            job=task.job,
            node=task.node,
            starts=task.starts,
            requeued=_requeued(task, queue),
            log=task.log,
        )
    if directory.done.exists():
        return dataclasses.replace(known, state="done")
    progress = _read(directory.progress)
    if progress and _alive(progress, queue):
        return dataclasses.replace(
            known,
            state="running",
            job=progress["job"] or known.job,
            node=progress["host"],
            progress=progress,
        )
    failure = _read(directory.failure)
    if task is not None and (why := _waits(task, queue)) is not None:
        before = not failure or not task.started or _seconds(failure["time"]) < task.started
        if before:
            return dataclasses.replace(known, state="queued", why=why)
    if failure:
        lines = tuple(failure["traceback"].splitlines()) or _last_lines(known.log)
        why = f"{failure['kind']}: {failure['message']}"
        return dataclasses.replace(
            known, state="failed", why=why, last_lines=lines[-LINES_OF_A_LOG:]
        )
    if task is None and not progress and not directory.classifier.exists():
        return known
    return dataclasses.replace(
        known, state="stopped", why=_gone(task), last_lines=_last_lines(known.log)
    )


def _requeued(task: TaskRecord, queue: Queue | None) -> int:
    """How often a task was put back into the queue after it had started."""
    entry = None if queue is None else queue.get(task.job or "")
    is_back = task.last == "requeued" if entry is None else entry.state == "PENDING"
    return task.starts if is_back else max(0, task.starts - 1)


def _waits(task: TaskRecord, queue: Queue | None) -> str | None:
    """Why a task's cell is not trained yet; None if the task is over."""
    if queue is None:  # nobody to ask: it waits unless it is known to have ended
        words = {None: "submitted", "requeued": "submitted", "started": "its task was started"}
        return words.get(task.last)
    entry = queue.get(task.job or "")
    if entry is None:
        return None
    if entry.state == "PENDING":
        return entry.reason
    return f"its task is {entry.state.lower()}"


def _gone(task: TaskRecord | None) -> str:
    if task is None:
        return "its process is gone"
    if task.code is not None:
        return f"its task ended with exit code {task.code}"
    return "its task was cancelled, killed or lost" if task.starts else "its task never started"


def _alive(progress: Mapping[str, Any], queue: Queue | None) -> bool:
    """Whether the process that told this is still there."""
    if queue is not None and progress["job"] in queue:
        entry = queue[progress["job"]]
        return entry is not None and entry.state == "RUNNING" and entry.node == progress["host"]
    if progress["host"] == node_name():
        try:
            os.kill(progress["pid"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    age = datetime.now().timestamp() - _seconds(progress.get("time", progress["started"]))
    return age < SECONDS_UNTIL_OLD


def _read(path: Path) -> dict[str, Any]:
    """A small file of a run, empty where it is not there or is just going away."""
    document: dict[str, Any] = {}
    if path.exists():
        with suppress(RunError):
            document = read_json(path)
    return document


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _last_lines(log: Path | None) -> tuple[str, ...]:
    """The end of a log, without reading what is before it."""
    if log is None or not log.exists():
        return ()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - BYTES_OF_A_LOG))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line.strip())[-LINES_OF_A_LOG:]

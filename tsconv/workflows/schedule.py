"""What a plan comes to: its cells and what each is expected to take, kept in the folder.

The folder remembers every cell that was asked for in it, resolved (``cells.json``), so that what is
left can be done, told of and submitted again without the plan.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsconv.config import Config, from_dict, to_dict
from tsconv.data.layouts import DataSource
from tsconv.errors import ConfigError, RunError, TSConvError
from tsconv.executors.tasks import read_tasks
from tsconv.registry import did_you_mean
from tsconv.runs.atomic import read_json, write_json
from tsconv.runs.difference import Difference, of_settings
from tsconv.runs.lock import held
from tsconv.runs.paths import BenchmarkDir
from tsconv.workflows.cell import Cell
from tsconv.workflows.packing import share_out

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A cell, and the seconds that it is expected to take; see :mod:`tsconv.workflows.cost`."""

    cell: Cell
    seconds: float
    finished: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """What a plan comes to, the longest cell first.

    Attributes:
        folder: of the benchmark.
        tasks: all cells, or those of a share.
        processes: side by side.
        whole: of all cells where this is a share of them, and others do the rest; else None.
    """

    folder: Path
    tasks: tuple[Task, ...]
    processes: int = 1
    whole: "Schedule | None" = None

    @property
    def left(self) -> tuple[Task, ...]:
        """What is not finished."""
        return tuple(task for task in self.tasks if not task.finished)

    @property
    def seconds(self) -> float:
        """Estimated time until all is done."""
        longest = max((task.seconds for task in self.left), default=0.0)
        return max(longest, sum(task.seconds for task in self.left) / self.processes)

    def only(self, names: Iterable[str]) -> "Schedule":
        """The schedule of some cells.

        Raises:
            ConfigError: a cell that is not among those of the plan.
        """
        tasks = {task.cell.name: task for task in self.tasks}
        for name in (wanted := tuple(names)):
            if name not in tasks:
                hint = did_you_mean(name, tasks)
                raise ConfigError(f"expected a cell of {self.folder}, found {name!r}{hint}")
        return dataclasses.replace(self, tasks=tuple(tasks[name] for name in wanted), whole=self)

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


def arrange(cells: Iterable[tuple[Cell, float]], folder: Path) -> Schedule:
    """The schedule of cells that come with the seconds that each is expected to take."""
    tasks = [
        Task(cell=cell, seconds=seconds, finished=cell.directory(folder).done.exists())
        for cell, seconds in cells
    ]
    ordered = sorted(tasks, key=lambda task: -task.seconds)
    return Schedule(folder=folder, tasks=tuple(ordered))


def remember(schedule: Schedule) -> None:
    """Keep the cells of a whole schedule in its folder, beside those that it knows already."""
    directory = BenchmarkDir(schedule.folder)
    new = {task.cell.name: _describe(task) for task in (schedule.whole or schedule).tasks}
    if new.items() <= _read_known(directory).items():
        return
    with held(directory.lock, patience=None):
        known = {**_read_known(directory), **new}
        write_json(directory.cells, {"format_version": FORMAT_VERSION, "cells": known})


def recall(folder: Path) -> Schedule:
    """All cells that were ever asked for in a folder.

    Raises:
        RunError: the folder knows of none.
    """
    directory = BenchmarkDir(folder)
    if not directory.cells.exists():
        raise RunError(
            f"{folder}: expected the folder of a benchmark, found no {directory.cells.name}; "
            "`tsconv benchmark PLAN` and `tsconv submit PLAN` write it"
        )
    known = _read_known(directory).values()
    return arrange(((_cell(each), each["seconds"]) for each in known), folder)


def refuse_changed(cells: Iterable[Cell], folder: Path) -> None:
    """Raise ConfigError where a run in the folder is of other settings or data than its cell.

    A cell that was asked for otherwise, but never begun, may change.
    """
    known = _read_known(BenchmarkDir(folder))
    for cell in cells:
        if cell.name not in known or not cell.directory(folder).classifier.exists():
            continue
        before = _cell(known[cell.name])
        found = of_settings(before.config, cell.config)
        if found is None and not _is_same_data(before.data, cell.data):
            found = Difference("data", before.data, cell.data)
        if found is not None:
            raise ConfigError(
                f"{folder}: holds {cell.name} {found}; ask for what it holds, or give another --out"
            )


def share_of(schedule: Schedule, tasks: str | None, number: int | None) -> Schedule:
    """One task's cells.

    Args:
        schedule: of all.
        tasks: a file with a line of cells for each task, or how many tasks of like cost to make;
            these depend on the plan alone, not on what is finished.
        number: of the task, from 0.

    Raises:
        ConfigError: no such task, no such file, or one of the two without the other.
    """
    if tasks is None or number is None:
        raise ConfigError("expected --tasks and --task together: the list, and the number in it")
    if tasks.isdecimal():
        seconds = {task.cell.name: task.seconds for task in schedule.tasks}
        shares = share_out(seconds, max(1, int(tasks)))
        shares += ((),) * (int(tasks) - len(shares))  # more tasks than cells: some have none
    else:
        shares = read_tasks(Path(tasks))
    if not 0 <= number < len(shares):
        raise ConfigError(
            f"--task {number}: expected 0 to {len(shares) - 1}, the tasks of {tasks} from 0"
        )
    return schedule.only(shares[number])


def _read_known(directory: BenchmarkDir) -> dict[str, Any]:
    """What the folder has of each cell, by name."""
    if not directory.cells.exists():
        return {}
    document = read_json(directory.cells)
    if document["format_version"] > FORMAT_VERSION:
        raise RunError(f"{directory.cells}: written by a newer tsconv")
    cells: dict[str, Any] = document["cells"]
    return cells


def _cell(known: dict[str, Any]) -> Cell:
    return Cell(
        dataset=known["dataset"],
        data=known["data"],
        config=from_dict(Config, known["config"]),
        resample=known["resample"],
    )


def _is_same_data(before: str, now: str) -> bool:
    """Whether both mean the same; a name stands for itself, wherever a machine has the set."""
    if before == now:
        return True
    from tsconv.data.archive import locate  # pulls in numpy, which `tsconv status` does without

    try:
        found = [locate(each) for each in (before, now)]
    except TSConvError:
        return False
    files = [each.train.resolve() if isinstance(each, DataSource) else each for each in found]
    return files[0] == files[1]


def _describe(task: Task) -> dict[str, Any]:
    cell = task.cell
    return {
        "dataset": cell.dataset,
        "data": cell.data,
        "resample": cell.resample,
        "seconds": round(task.seconds, 1),
        "config": to_dict(cell.config),
    }

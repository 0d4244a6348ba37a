"""What an executor is given and gives: jobs in JSON, and what becomes of each.

A job is done by a worker, a program that reads a job a line from its standard input, and writes
lines of JSON to its standard output: any number of ``{"progress": {...}}`` and, last for each job,
``{"finished": {...}}`` or ``{"failed": {...}}``.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tsconv.registry import Registry

Kind = Literal["started", "progress", "finished", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of work.

    Attributes:
        name: told of it in events, different for each job.
        document: what the worker needs to know, in JSON's types.
    """

    name: str
    document: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What became known of one job.

    Attributes:
        job: its name.
        kind: started, progress, finished or failed; the last two come once, at the end.
        worker: which worker has it, from 0.
        values: what the worker said; of a failure at least ``kind`` and ``message``.
    """

    job: str
    kind: Kind
    worker: int
    values: dict[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """Gets jobs done, so many side by side."""

    @property
    def processes(self) -> int:
        """How many jobs run at once."""
        ...

    def run(
        self, worker: Sequence[str], jobs: Sequence[Job], logs: Path
    ) -> Generator[Event, None, None]:
        """Events as they come; closing the iterator stops what is running.

        Args:
            worker: the program and its arguments.
            jobs: to be done, taken up in this order.
            logs: a folder for what workers say on standard error.
        """
        ...


EXECUTORS: Registry[Callable[..., Executor]] = Registry("executor", "tsconv.executors")

BATCH_SYSTEMS = ("slurm",)
"""What takes all jobs at once and does them some day: a file each, which is no executor."""

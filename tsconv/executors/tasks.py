"""The list of tasks that a batch system goes through: a text file, a line of names for each."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from tsconv.errors import ConfigError


def read_tasks(path: Path) -> tuple[tuple[str, ...], ...]:
    """The names of each task; empty lines and what follows a # do not count.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
        tasks = [tuple(shlex.split(line, comments=True)) for line in lines]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a line of names for each task ({error})") from error
    return tuple(task for task in tasks if task)


def format_tasks(tasks: Iterable[Iterable[str]]) -> str:
    """The text that :func:`read_tasks` reads; names with spaces stand in quotes."""
    return "".join(f"{shlex.join(task)}\n" for task in tasks)

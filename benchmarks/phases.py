"""Run tsconv and say, in a file, what it is doing, so that others can strike at a known moment.

    python benchmarks/phases.py FILE train GunPoint ...

Every phase begun is a line of FILE: process, seconds of the monotonic clock, phase. Workers
write into the same file. Nothing else differs from ``tsconv``.
"""

import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

STARTING, WORKER = "starting", "--worker"
CALLS = {
    "tsconv.workflows.members:load_data": "reading",
    "tsconv.workflows.members:prepare": "preparing",
    "tsconv.training.loop:take_step": "training",
    "tsconv.training.loop:summing_loss": "validating",
    "tsconv.training.loop:settling": "settling",
    "tsconv.runs.shelf:RunShelf.put": "saving a checkpoint",
    "tsconv.workflows.members:save_member": "saving a member",
    "tsconv.workflows.conclude:evaluate_part": "evaluating",
    "tsconv.workflows.conclude:finish": "finishing",
    "tsconv.executors.local:Local.run": "waiting for workers",
    "tsconv.workflows.benchmark:_collect": "tabulating",
    "tsconv.workflows.fetch:download_set": "fetching",
    "tsconv.data.download:unpack": "unpacking",
    "tsconv.data.download:differences": "verifying",
    "tsconv.data.download:record": "locking the set",
    "tsconv.workflows.predict:load_run": "loading a run",
    "tsconv.workflows.predict:read_bounded": "predicting",
    "tsconv.workflows.evaluate:load_run": "loading a run",
    "tsconv.workflows.evaluate:read_bounded": "evaluating",
}
"""What is called when a phase begins."""
WITH_WORKERS = ("tsconv.workflows.benchmark", "tsconv.workflows.side_by_side")
PASSING = {"saving a checkpoint", "saving a member"}
"""Phases after which the one before goes on."""


@dataclass(frozen=True)
class Line:
    """A phase begun, at a second of the monotonic clock."""

    pid: int
    at: float
    phase: str


def command(file: Path, *words: str) -> list[str]:
    """The command line of a tsconv that tells."""
    return [sys.executable, os.path.abspath(__file__), os.fspath(file), *words]


def read_lines(file: Path) -> list[Line]:
    """What was told up to now."""
    *whole, _ = file.read_text().split("\n") if file.exists() else [""]
    words = (line.split(" ", 2) for line in whole)
    return [Line(int(pid), float(at), phase) for pid, at, phase in words]


class Teller:
    """Writes the phases of this process into a file."""

    def __init__(self, file: Path) -> None:
        self.file = file.open("a", buffering=1)
        self.phase = ""
        self.enter(STARTING)

    def enter(self, phase: str) -> None:
        """A phase begins; the same one again is no news."""
        if phase != self.phase:
            self.file.write(f"{os.getpid()} {time.monotonic()} {phase}\n")
        self.phase = phase

    def telling(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which tells before it begins."""

        @functools.wraps(function)
        def told(*args: Any, **kwargs: Any) -> Any:
            before = self.phase
            self.enter(phase)
            result = function(*args, **kwargs)
            if phase in PASSING:
                self.enter(before)
            return result

        return told


class Finder(MetaPathFinder):
    """Finds modules as ever, and has those of CALLS tell."""

    def __init__(self, teller: Teller, worker: Sequence[str]) -> None:
        self.teller = teller
        self.worker = tuple(worker)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec, whose loader calls :meth:`change` after."""
        spec = None
        if name in WITH_WORKERS or any(place.startswith(f"{name}:") for place in CALLS):
            spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self.change(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def change(self, module: ModuleType) -> None:
        """Have a module's functions tell, and its workers."""
        for place, phase in CALLS.items():
            home, _, name = place.partition(":")
            if home == module.__name__:
                *outer, last = name.split(".")
                owner = functools.reduce(getattr, outer, module)
                setattr(owner, last, self.teller.telling(phase, getattr(owner, last)))
        if module.__name__ in WITH_WORKERS:
            module.__dict__["WORKER"] = self.worker


def main() -> None:
    """Do what `tsconv` or its worker does."""
    file = Path(sys.argv.pop(1))
    sys.meta_path.insert(0, Finder(Teller(file), command(file, WORKER)))
    if sys.argv[1] == WORKER:
        from tsconv.worker import main as run
    else:
        from tsconv.cli.main import main as run
    run()


if __name__ == "__main__":
    main()

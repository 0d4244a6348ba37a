"""Every file name of a run directory, once."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunDir:
    """One run: what was asked for, where it ran, what came out, and DONE when it is all there."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.json"

    @property
    def environment(self) -> Path:
        """Versions, device, command line and times."""
        return self.path / "environment.json"

    @property
    def classifier(self) -> Path:
        """Format version, classes, channels, preprocessing, schema, data fingerprints."""
        return self.path / "classifier.json"

    @property
    def members(self) -> Path:
        """The folder of trained members."""
        return self.path / "members"

    def weights(self, member: int) -> Path:
        """A member's tensors."""
        return self.members / f"{member}.safetensors"

    def record(self, member: int) -> Path:
        """What selected a member's weights, its history and time; there once the weights are."""
        return self.members / f"{member}.json"

    def checkpoints(self, member: int) -> tuple[Path, Path]:
        """Where a member under way is saved, the newest state first; gone once it is trained."""
        stem = f"{member}.checkpoint"
        return self.members / f"{stem}.safetensors", self.members / f"{stem}-before.safetensors"

    def member_lock(self, member: int) -> Path:
        """Held by the process that trains a member."""
        return self.members / f"{member}.lock"

    @property
    def history(self) -> Path:
        """A row a member and epoch."""
        return self.path / "history.csv"

    @property
    def metrics(self) -> Path:
        """The evaluation of the test part, if there was one."""
        return self.path / "metrics.json"

    @property
    def predictions(self) -> Path:
        """The predictions of the test part, if there was one."""
        return self.path / "predictions-test.csv"

    @property
    def done(self) -> Path:
        """Written last: the run is finished."""
        return self.path / "DONE"

    @property
    def failure(self) -> Path:
        """Why the last try did not finish, until one does."""
        return self.path / "failure.json"

    @property
    def progress(self) -> Path:
        """How far the process that trains the run is; there only while one does, or died of it."""
        return self.path / "progress.json"

    @property
    def lock(self) -> Path:
        """Held by the process that finishes the run."""
        return self.path / ".finish.lock"

    @property
    def logs(self) -> Path:
        """What processes said that trained members side by side."""
        return self.members / "logs"

    @property
    def files(self) -> tuple[Path, ...]:
        """What lies directly in the directory."""
        return (
            self.done,
            self.classifier,
            self.config,
            self.environment,
            self.history,
            self.metrics,
            self.predictions,
            self.failure,
            self.progress,
        )


@dataclass(frozen=True, slots=True)
class BenchmarkDir:
    """Many runs, what was asked for, the table of them, and what was handed to a batch system."""

    path: Path

    @property
    def runs(self) -> Path:
        """The folder of run directories, a cell's at ``runs/<its name>``."""
        return self.path / "runs"

    @property
    def cells(self) -> Path:
        """Every cell that was ever asked for here: what it is, and what it is expected to take."""
        return self.path / "cells.json"

    @property
    def lock(self) -> Path:
        """Held while the cells are written."""
        return self.path / ".cells.lock"

    @property
    def results(self) -> Path:
        """The table of all runs, less its ending."""
        return self.path / "results"

    @property
    def logs(self) -> Path:
        """What workers say."""
        return self.path / "logs"

    @property
    def submissions(self) -> Path:
        """A numbered folder for each time that cells were handed to a batch system."""
        return self.path / "slurm"


def default_run(data: str, network: str, seed: int) -> RunDir:
    """``runs/<data>/<network>/seed-<n>`` below the working directory."""
    return RunDir(Path("runs") / data / network / f"seed-{seed}")

"""One cell of a benchmark: which run it is, and where it lies."""

from dataclasses import dataclass
from pathlib import Path

from tsconv.config import Config
from tsconv.runs.paths import RunDir


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One run of a benchmark.

    Attributes:
        dataset: what the set is called.
        data: where it is: a name, a file or a folder.
        config: resolved.
        resample: 0 for the set's own split.
    """

    dataset: str
    data: str
    config: Config
    resample: int

    @property
    def name(self) -> str:
        """What tells the cell from others: the folders of its run."""
        config = self.config
        parts = (self.dataset, config.network.name, f"{config.recipe}-x{config.members}")
        return "/".join((*parts, f"resample-{self.resample}", f"seed-{config.seed}"))

    def directory(self, folder: Path) -> RunDir:
        """Where its run lies, in a benchmark's folder."""
        return RunDir(folder / "runs" / self.name)

"""What checkpoints cost of training time: never, as they are by default, and one each second.

    python benchmarks/checkpoint_overhead.py

The three are taken in turn, round after round, on two sets of noise; only the training of the one
member counts. Beside the ratio of medians stands what writing took by itself, of the same time:
on a shared machine a second training differs from the first by more than checkpoints cost.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np

from tsconv.config import load_config
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import write_file
from tsconv.training.checkpoint import SECONDS, Keeper
from tsconv.workflows.train import CHECKPOINT_SECONDS, train

NEVER = "1e9"
PAUSES = {"never": NEVER, f"each {SECONDS:.0f} s": str(SECONDS), "each second": "1"}


@dataclass(frozen=True)
class Size:
    """A set and how many steps to take."""

    n_instances: int
    n_timepoints: int
    steps: int

    def __str__(self) -> str:
        return f"{self.n_instances} x 1 x {self.n_timepoints}"


SIZES = (Size(50, 150, 600), Size(1000, 500, 120))


@dataclass
class Taken:
    """Seconds of trainings, of writing, and checkpoints written, one of each a round."""

    training: list[float] = field(default_factory=list)
    writing: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(
        f"{'set':16}{'checkpoints':16}{'training':>10}{'of never':>10}{'written':>9}{'each':>9}"
        f"{'of the time':>13}"
    )
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "Noise_TRAIN.npz"
            write_file(data, make_dataset(size))
            tell(size, measure(data, size, rounds))


def make_dataset(size: Size) -> TimeSeriesDataset:
    """Noise around two means."""
    y = np.arange(size.n_instances) % 2
    shape = (size.n_instances, 1, size.n_timepoints)
    X = np.random.default_rng(0).normal(y[:, None, None], size=shape).astype(np.float32)
    lengths = np.full(size.n_instances, size.n_timepoints)
    return TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=("high", "low"))


def measure(data: Path, size: Size, rounds: int) -> dict[str, Taken]:
    """The trainings in turn, each round in another order; a short one before warms up."""
    once(data, 5, NEVER, Taken())
    taken = {name: Taken() for name in PAUSES}
    names = list(PAUSES)
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            once(data, size.steps, PAUSES[name], taken[name])
    return taken


def once(data: Path, steps: int, pause: str, taken: Taken) -> None:
    """One training."""
    config = load_config("fast", settings={"members": 1, "training.steps": steps})
    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.dict("os.environ", {CHECKPOINT_SECONDS: pause}),
        timed_saves() as saves,
    ):
        trained = train(data, config, out=Path(out) / "run")
    taken.training.append(trained.members[0].seconds)
    taken.writing.append(sum(saves))
    taken.written.append(len(saves))


@contextmanager
def timed_saves() -> Iterator[list[float]]:
    """Seconds of every checkpoint that is made and written within."""
    seconds: list[float] = []
    save = Keeper.save

    def timed(*args: object) -> bool:
        began = time.perf_counter()
        saved = save(*args)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
        return saved

    with mock.patch.object(Keeper, "save", timed):
        yield seconds


def tell(size: Size, taken: dict[str, Taken]) -> None:
    """A line for each pause."""
    never = statistics.median(taken["never"].training)
    for name, each in taken.items():
        training = statistics.median(each.training)
        share = statistics.median(np.divide(each.writing, each.training))
        written = statistics.median(each.written)
        one = f"{sum(each.writing) / sum(each.written):6.3f} s" if sum(each.written) else "-"
        print(
            f"{size!s:16}{name:16}{training:8.1f} s{training / never:10.3f}{written:9.0f}{one:>9}"
            f"{share:12.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Weights that two processes come to, beside those of one, and how fast any rounding grows.

    python benchmarks/several_processes.py

Twenty steps on CBF, as `tsconv train` takes them, by one process and by two of torchrun's over
gloo; the largest difference of a weight after some of them. Two processes sum in another order than
one, so that they cannot agree bit for bit. What rounding alone may come to is told by controls: one
process on series of which each value is, by lot, the number above or below it or as it was.
Adam makes much of rounding: a gradient that is zero but for it moves its weight by a whole rate, to
either side. Full `inception` has such weights: 2.9e-4 at its first step is twice the rate then.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tsconv.classifier import Preparation, fit_members, prepare
from tsconv.config import load_config
from tsconv.data.archive import find_data, load_data
from tsconv.networks import Network
from tsconv.training.batches import Batch
from tsconv.training.distributed import joined
from tsconv.training.loop import Watch

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "benchmarks" / "results" / "several_processes.txt"
DATA = ROOT / "datasets" / "cbf"
STEPS, TOLD = 20, (1, 5, 20)
CONTROLS = 5
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
SMALL = {
    "inception": {"network.options.depth": 3, "network.options.n_filters": 8},
    "tcn": {"network.options.width": 8, "network.options.levels": 3},
}
WANTED = 1e-5
"""What the weights may differ by at most, where rounding does not grow."""
LIKE_ROUNDING = 10.0
"""Times the largest control, what is still rounding: it comes at each sum, theirs but once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One training that is done three times.

    Attributes:
        network: registered name.
        small: with fewer and narrower layers than its paper's.
        double: in float64; else in float32.
        settings: of the config, beside those of the recipe.
    """

    network: str
    small: bool = False
    double: bool = False
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in the table."""
        size = "small" if self.small else "full"
        words = [self.network, size, "float64" if self.double else "float32"]
        own = (f"{key.rpartition('.')[2]}={value}" for key, value in self.settings.items())
        return " ".join([*words, *own])


PLAIN: dict[str, Any] = {"training.fused": False}
CASES = tuple(
    Case(network=network, small=small, double=double, settings=settings)
    for network in ("inception", "tcn")
    for small in (True, False)
    for double in (False, True)
    for settings in ({}, PLAIN)
) + tuple(
    Case(network="inception", settings={"training.epsilon": epsilon}) for epsilon in (1e-4, 1e-2)
)


class Prepared(Preparation):
    """A preparation of which the network is kept, and computes in float64 if the series are."""

    def build_network(self) -> Network:
        """Build the network, and keep it."""
        network = super().build_network()
        if self.data.x.dtype == torch.float64:
            network = network.double()
            network.head.pool = _mean_in_double  # its own gives float32
        vars(self)["built"] = network
        return network


def main() -> None:
    """Print the table, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worker", type=Path, help="train into this folder; torchrun calls it")
    parser.add_argument(
        "--lot", type=int, help="worker: draws the numbers beside those of the series"
    )
    options = parser.parse_args()
    if options.worker:
        train_all(options.worker, options.lot)
        return
    with tempfile.TemporaryDirectory() as name:
        one, two = (Path(name) / each for each in ("one", "two"))
        controls = [Path(name) / f"control-{lot}" for lot in range(CONTROLS)]
        start(one)
        start(two, launcher=TORCHRUN)
        for lot, folder in enumerate(controls):
            start(folder, "--lot", str(lot))
        rows = [compare(number, one, two, controls) for number in range(len(CASES))]
    report = tell(rows)
    print(report, end="")
    if any(not row["alike"] for row in rows):
        sys.exit("not alike")
    REPORT.write_text(report, "utf-8")


def start(folder: Path, *options: str, launcher: tuple[str, ...] = ()) -> None:
    """Train all cases in a process, or in those of a launcher."""
    folder.mkdir()
    command = [sys.executable, *launcher, __file__, "--worker", str(folder), *options]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def train_all(folder: Path, lot: int | None) -> None:
    """Train each case, and keep the weights after some of the steps."""
    with joined() as group:
        for number, case in enumerate(CASES):
            dataset, _ = load_data(find_data(DATA))
            config = load_config(
                "fast",
                settings={
                    "network.name": case.network,
                    "members": 1,
                    "training.precision": "float32",
                    "training.device": "cpu",
                    "training.steps": STEPS,
                    "training.epochs": None,
                    **(SMALL[case.network] if case.small else {}),
                    **case.settings,
                },
            )
            prepared = prepare(dataset, config, group=group)
            kept = train(adapt(prepared, lot, double=case.double))
            if group.is_first:
                save_file(kept, folder / f"{number}.safetensors")


def adapt(preparation: Preparation, lot: int | None, *, double: bool) -> Prepared:
    """The same preparation with other series."""
    parts = {each.name: getattr(preparation, each.name) for each in dataclasses.fields(preparation)}
    data: Batch = parts["data"]
    x = data.x.double() if double else data.x
    if lot is not None:
        draw = torch.rand(x.shape, generator=torch.Generator().manual_seed(lot))
        up, down = torch.full_like(x, torch.inf), torch.full_like(x, -torch.inf)
        x = torch.nextafter(x, torch.where(draw < 1 / 3, up, torch.where(draw < 2 / 3, down, x)))
    return Prepared(**{**parts, "data": dataclasses.replace(data, x=x)})


def train(preparation: Prepared) -> dict[str, Tensor]:
    """The weights after some of the steps, by step and name."""
    kept: dict[str, Tensor] = {}

    def keep(member: int, step: int, n_steps: int) -> None:
        if step in TOLD:
            for name, weight in vars(preparation)["built"].named_parameters():
                kept[f"{step} {name}"] = weight.detach().clone()

    for _ in fit_members(preparation, [0], watch=Watch(on_step=keep)):
        pass
    return kept


def compare(number: int, one: Path, two: Path, controls: list[Path]) -> dict[str, Any]:
    """How far two processes, and the controls, are from one process's weights."""
    case, name = CASES[number], f"{number}.safetensors"
    alone = load_file(one / name)
    together = differences(alone, load_file(two / name))
    apart = [differences(alone, load_file(folder / name)) for folder in controls]
    row: dict[str, Any] = {"case": case.name}
    row["two"] = [together[step].max().item() for step in TOLD]
    row["controls"] = [max(each[step].max().item() for each in apart) for step in TOLD]
    row["typical"] = together[STEPS].median().item()
    row["equal"] = row["two"][-1] <= WANTED
    like_rounding = row["two"][-1] <= LIKE_ROUNDING * row["controls"][-1]
    row["alike"] = row["equal"] or (like_rounding and not case.double)
    return row


def differences(state: dict[str, Tensor], other: dict[str, Tensor]) -> dict[int, Tensor]:
    """By step, those of all weights in one row."""
    by_step: dict[int, list[Tensor]] = {step: [] for step in TOLD}
    for name, weight in state.items():
        by_step[int(name.partition(" ")[0])].append((weight - other[name]).abs().flatten())
    return {step: torch.cat(parts) for step, parts in by_step.items()}


def tell(rows: list[dict[str, Any]]) -> str:
    """The table."""
    steps = "".join(f"{f'step {step}':>9}" for step in TOLD)
    lines = [
        f"Largest difference of a weight from one process's, CBF, torch {torch.__version__}, cpu,",
        f"and the median difference after step {STEPS}. Two processes are to agree to "
        f"{WANTED:g} then or,",
        f"where rounding grows in float32, to {LIKE_ROUNDING:g} times the largest of "
        f"{CONTROLS} controls, in which",
        "one process trains on series that differ by one unit in the last place.",
        "",
        f"{'':38}{'two processes':^36}   {'controls':^27}".rstrip(),
        f"{'case':38}{steps}   median   {steps}  result",
    ]
    for row in rows:
        two, controls = (
            "".join(f"{each:9.1e}" for each in row[key]) for key in ("two", "controls")
        )
        result = "equal" if row["equal"] else "rounding" if row["alike"] else "DIFFERENT"
        lines.append(f"{row['case']:38}{two}{row['typical']:9.1e}   {controls}  {result}")
    return "\n".join(lines) + "\n"


def _mean_in_double(features: Tensor, lengths: Tensor | None) -> Tensor:
    total = features.sum(-1)
    return total / (features.shape[-1] if lengths is None else lengths[:, None])


if __name__ == "__main__":
    main()

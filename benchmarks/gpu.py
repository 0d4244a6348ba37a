"""Seconds of training on a GPU: one member beside five, replayed CUDA graphs beside plain PyTorch.

    python benchmarks/gpu.py

A step is the slope between a short and a long training of the same series; what a training does
once (first calls, recording graphs) is told apart, as `once`. A step of five members is one of
each.
`plain` is training.fused=false: PyTorch's operators, launched one by one, members one by one. The
whole archive is extrapolated from the steps of five members, by the time points of a batch; what
lies beyond the largest measured batch is taken to grow in proportion. Evaluation is not counted.

Needs a CUDA device and no network: the series are noise. `--device cpu --quick` only proves that
the program runs.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from tsconv.classifier import fit_members, prepare
from tsconv.config import Config, load_config
from tsconv.data.catalogue import find_entries
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.training.loop import count_steps
from tsconv.workflows.cost import catalogued_shape

HERE = Path(__file__).parent
RECIPES = ("fast", "paper")
MEMBERS = (1, 5)
KEYS = ["size", "recipe", "precision", "way", "members"]


class Size(NamedTuple):
    """A training part."""

    n_instances: int
    n_channels: int
    n_timepoints: int

    def __str__(self) -> str:
        return " x ".join(map(str, self))


class Case(NamedTuple):
    """What is trained; ``fused`` is the fast way, False plain PyTorch."""

    size: Size
    recipe: str
    precision: str
    fused: bool
    members: int


SIZES = [Size(50, 1, 150), Size(390, 1, 300), Size(180, 24, 51), Size(1000, 1, 500)]
LONG = [Size(100, 1, 2000)]
QUICK = [Size(10, 1, 12), Size(12, 1, 24)]


def main() -> int:
    """Measure all, print and keep the tables."""
    options = parse()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("benchmarks/gpu.py: found no CUDA device; expected one", file=sys.stderr)
        return 2
    rows = [measure(case, options) for case in cases(options)]
    table = pd.DataFrame(rows)
    report = render(table, options)
    options.results.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.results / "gpu.csv", index=False)
    (options.results / "gpu.md").write_text(report, "utf-8")
    print(report, end="")
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="a tiny network and few steps")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def cases(options: argparse.Namespace) -> list[Case]:
    """All that is measured."""
    sizes = QUICK if options.quick else [*SIZES, *LONG]
    precisions = ("auto",) if options.device == "cpu" else ("auto", "float32")
    return [
        Case(size, recipe, precision, fused, members)
        for size in sizes
        for recipe in RECIPES
        for precision in precisions
        for fused in (True, False)
        for members in MEMBERS
        if fused or precision == "auto"
    ]


def measure(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """A row."""
    short, long = (4, 8) if options.quick else (50, 250)
    size, recipe, precision, fused, members = case
    dataset = make_series(size)

    def seconds(steps: int) -> float:
        config = make_config(case, steps, options)
        return fit_seconds(dataset, config)

    seconds(2)  # libraries load
    first, second = seconds(short), seconds(long)
    step = (second - first) / (long - short)
    row = {
        "size": str(size),
        "recipe": recipe,
        "precision": precision,
        "way": "graphs" if fused and options.device == "cuda" else "fused" if fused else "plain",
        "members": members,
        "points": min(load_config(recipe).training.batch_size, size.n_instances)
        * size.n_timepoints,
        "milliseconds": 1000 * step,
        "once": max(0.0, first - step * short),
    }
    print(*(row[key] for key in KEYS), f"{1000 * step:.2f} ms", file=sys.stderr)
    return row


def make_config(case: Case, steps: int | None, options: argparse.Namespace) -> Config:
    """The recipe with a budget of ``steps``, its own where None."""
    settings: dict[str, Any] = {
        "members": case.members,
        "training.device": options.device,
        "training.precision": case.precision,
        "training.fused": case.fused,
        "training.steps": steps,
    }
    if options.quick:
        settings |= {"network.options.depth": 1, "network.options.n_filters": 2}
    return load_config(case.recipe, settings=settings)


def make_series(size: Size) -> TimeSeriesDataset:
    """Noise around the label, two classes."""
    y = np.arange(size.n_instances) % 2
    noise = np.random.default_rng(0).normal(size=size)
    return TimeSeriesDataset(
        X=(noise + y[:, None, None]).astype(np.float32),
        lengths=np.full(size.n_instances, size.n_timepoints),
        y=y,
        classes=("a", "b"),
        name=str(size),
    )


def fit_seconds(dataset: TimeSeriesDataset, config: Config) -> float:
    """Of training all members."""
    preparation = prepare(dataset, config)
    synchronize()
    started = time.perf_counter()
    list(fit_members(preparation, range(config.members)))
    synchronize()
    return time.perf_counter() - started


def synchronize() -> None:
    """Wait until the device has nothing left to do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def archive_hours(table: pd.DataFrame, recipe: str) -> float:
    """Hours for five members of each of the 128 sets, by the fast way in the precision chosen."""
    mine = table[(table["recipe"] == recipe) & (table["way"] != "plain")]
    mine = mine[(mine["precision"] == "auto") & (mine["members"] == max(MEMBERS))]
    mine = mine.sort_values("points")
    training = load_config(recipe).training
    total = 0.0
    for each in map(catalogued_shape, find_entries(["ucr128"])):
        points = min(training.batch_size, each.n_train) * each.n_timepoints
        step = np.interp(points, mine["points"], mine["milliseconds"])
        step *= max(1.0, points / mine["points"].iloc[-1])
        total += count_steps(each.n_train, training) * step / 1000 + mine["once"].median()
    return total / 3600


def render(table: pd.DataFrame, options: argparse.Namespace) -> str:
    """The report as Markdown."""
    lines = [f"| {' | '.join(KEYS)} | ms a step | once, s | times one member |", "|---" * 8 + "|"]
    for row in table.to_dict("records"):
        alike = np.logical_and.reduce([table[key] == row[key] for key in KEYS[:-1]])
        one = table[alike & (table["members"] == 1)]["milliseconds"].iloc[0]
        cells = " | ".join(str(row[key]) for key in KEYS)
        ratio = row["milliseconds"] / one if one > 0 else float("nan")
        lines.append(f"| {cells} | {row['milliseconds']:.2f} | {row['once']:.2f} | {ratio:.2f} |")
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    lines += ["", f"{device}, PyTorch {torch.__version__}{', --quick' * options.quick}."]
    if not options.quick:
        gunpoint = make_config(Case(SIZES[0], "paper", "auto", True, max(MEMBERS)), None, options)
        seconds = fit_seconds(make_series(SIZES[0]), gunpoint)
        lines.append(f"Recipe paper on {SIZES[0]}, five members, measured whole: {seconds:.1f} s.")
    lines += [
        f"The UCR archive, five members, recipe {recipe}, extrapolated: "
        f"{archive_hours(table, recipe):.1f} h."
        for recipe in RECIPES
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

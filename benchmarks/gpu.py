"""Seconds of training on a GPU: one member beside five, replayed CUDA graphs beside plain PyTorch.

    python benchmarks/gpu.py

A step is the slope between a short and a long training of the same series, the faster of two each;
what a training does once (first calls, recording graphs) is told apart, as `once`. What is
compiled, once on a machine, is compiled before. A step of five members is one of each. `replayed`
is what the device takes where the host does nothing but replay recorded steps, each member on a
stream of its own: what is beyond it in a training waits for the host.
`plain` is training.fused=false: PyTorch's operators, launched one by one, members one by one. The
whole archive is extrapolated from the steps of five members, by the time points of a batch; what
lies beyond the largest measured batch is taken to grow in proportion. Evaluation is not counted.
The last tables are one step's kernels on the device, by name, without and with fused layers.

Needs a CUDA device and no network: the series are noise. `--device cpu --quick` only proves that
the program runs.
"""

import argparse
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from tsconv.classifier import Preparation, fit_members, prepare
from tsconv.config import Config, load_config
from tsconv.data.catalogue import find_entries
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.training.graphs import WARM_UP, CudaRecorder, Lane
from tsconv.training.loop import count_steps, take_step
from tsconv.training.optimizers import make_optimizer
from tsconv.workflows.cost import catalogued_shape

HERE = Path(__file__).parent
RECIPES = ("fast", "paper")
MEMBERS = (1, 5)
ROUNDS = 2
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


SIZES = [
    Size(50, 1, 150),
    Size(67, 1, 24),
    Size(390, 1, 176),
    Size(180, 24, 51),
    Size(1000, 1, 500),
    Size(100, 1, 1000),
    Size(100, 1, 2709),
]
COMPARED = [Size(50, 1, 150), Size(1000, 1, 500)]
PROFILED = [Size(50, 1, 150), Size(64, 1, 500)]
SHOWN = 12
QUICK = [Size(10, 1, 12), Size(12, 1, 24)]


def main() -> int:
    """Measure all, print and keep the tables."""
    options = parse()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("benchmarks/gpu.py: found no CUDA device; expected one", file=sys.stderr)
        return 2
    options.results.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in cases(options):
        rows.append(measure(case, options))
        table = pd.DataFrame(rows)
        table.to_csv(options.results / "gpu.csv", index=False)  # kept if the rest is cut short
    report = render(table, options)
    if not options.quick:
        report += "".join(profile(size, fused) for size in PROFILED for fused in (False, True))
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
    """All that is measured: the fast way in full, and what it stands beside."""
    fast = [Case(size, "paper", "auto", True, members) for size in SIZES for members in MEMBERS]
    if options.quick:
        return [each._replace(size=size) for size in QUICK for each in fast[: len(MEMBERS)]] + [
            Case(QUICK[0], "fast", "auto", True, max(MEMBERS)),
            Case(QUICK[0], "paper", "auto", False, 1),
        ]
    beside = [
        case
        for size in COMPARED
        for case in (
            Case(size, "fast", "auto", True, max(MEMBERS)),
            Case(size, "paper", "float32", True, max(MEMBERS)),
            Case(size, "paper", "auto", False, 1),
        )
    ]
    return sorted(fast + beside, key=lambda case: SIZES.index(case.size))


def measure(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """A row."""
    size, recipe, precision, fused, members = case
    is_recorded = fused and options.device == "cuda"
    is_slow = not fused or precision == "float32"
    short, long = (4, 8) if options.quick else (20, 60) if is_slow else (50, 250)
    dataset = make_series(size)

    def seconds(steps: int) -> float:
        config = make_config(case, steps, options)
        return fit_seconds(dataset, config)

    seconds(short)  # libraries load, kernels are compiled
    first, second = (min(seconds(steps) for _ in range(ROUNDS)) for steps in (short, long))
    step = (second - first) / (long - short)
    row = {
        "size": str(size),
        "recipe": recipe,
        "precision": precision,
        "way": "graphs" if is_recorded else "fused" if fused else "plain",
        "members": members,
        "points": min(load_config(recipe).training.batch_size, size.n_instances)
        * size.n_timepoints,
        "milliseconds": 1000 * step,
        "replayed": replayed(case, options) if is_recorded else math.nan,
        "once": max(0.0, first - step * short),
    }
    print(*(row[key] for key in KEYS), f"{1000 * step:.2f} ms", file=sys.stderr)
    return row


def replayed(case: Case, options: argparse.Namespace, rounds: int = 100) -> float:
    """Milliseconds of a step of all members, recorded, where nothing comes between two."""
    preparation = prepare(make_series(case.size), make_config(case, 1, options))
    recorder = CudaRecorder()
    lanes = []
    for _ in range(case.members):
        lane, step = Lane(preparation.arithmetic.device), make_step(preparation)
        with lane.entered():
            for _ in range(WARM_UP):
                step()
            lanes.append((lane, recorder.record(step)))
    times = []
    for _ in range(ROUNDS + 1):
        synchronize()
        started = time.perf_counter()
        for _ in range(rounds):
            for lane, replay in lanes:
                with lane.entered():
                    replay()
        synchronize()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times) / rounds


def make_step(preparation: Preparation) -> Callable[[], None]:
    """A step of one new network on the first batch of the series."""
    config, data = preparation.config.training, preparation.data
    network = preparation.build_network().to(preparation.arithmetic.device).train()
    optimizer = make_optimizer(network, config, in_tensors=True)
    batch = data.take(torch.arange(min(config.batch_size, len(data)), device=data.device))

    def step() -> None:
        take_step(network, batch, optimizer, config, preparation.arithmetic)

    return step


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
    lines = [
        f"| {' | '.join(KEYS)} | ms a step | replayed | once, s | times one member |",
        "|---" * 9 + "|",
    ]
    for row in table.to_dict("records"):
        alike = np.logical_and.reduce([table[key] == row[key] for key in KEYS[:-1]])
        one = table[alike & (table["members"] == 1)]["milliseconds"]
        cells = " | ".join(str(row[key]) for key in KEYS)
        ratio = f"{row['milliseconds'] / one.iloc[0]:.2f}" if len(one) else ""
        alone = "" if math.isnan(row["replayed"]) else f"{row['replayed']:.2f}"
        measured = f"{row['milliseconds']:.2f} | {alone} | {row['once']:.2f}"
        lines.append(f"| {cells} | {measured} | {ratio} |")
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


def profile(size: Size, fused: bool) -> str:
    """A table of one step's kernels on the device, those of one name together."""
    config = make_config(
        Case(size, "paper", "auto", fused, 1), 1, SimpleNamespace(device="cuda", quick=False)
    )
    step = make_step(prepare(make_series(size), config))
    for _ in range(WARM_UP):
        step()
    synchronize()
    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA]) as seen:
        step()
        synchronize()
    times: dict[str, list[float]] = defaultdict(list)
    for event in seen.events():
        if event.device_type == torch.autograd.DeviceType.CUDA and "#" not in event.name:
            times[event.name.removeprefix("void ")[:70]].append(event.device_time_total)
    dearest = sorted(times.items(), key=lambda item: -sum(item[1]))
    rows = [f"| `{name}` | {sum(each):.0f} | {len(each)} |" for name, each in dearest[:SHOWN]]
    others = [each for _, some in dearest[SHOWN:] for each in some]
    whole, n = sum(map(sum, times.values())), sum(map(len, times.values()))
    title = f"One step of {size}, {'fused' if fused else 'plain'}: {n} kernels, {whole:.0f} us"
    head = ["", title, "", "| kernel | us | calls |", "|---|---|---|"]
    return "\n".join([*head, *rows, f"| others | {sum(others):.0f} | {len(others)} |"]) + "\n"


if __name__ == "__main__":
    sys.exit(main())

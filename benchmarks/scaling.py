"""How the cost of training grows with length, channels, instances and members, and its memory.

    python benchmarks/scaling.py

Synthetic series, `inception`, batches of 16 where nothing else is said. Every point is a process
of its own, so that its peak memory is. Writes ``results/scaling.csv`` and ``results/scaling.png``;
a point already in the table is not measured again, ``--again`` starts anew.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from peers import RESULTS, machine

from tsconv.classifier import fit
from tsconv.config import load_config
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.training.loop import Watch

STEPS = 8
"""Steps timed a member, after two that are not."""


@dataclass(frozen=True, slots=True)
class Point:
    """One size of a set and an ensemble."""

    axis: str
    length: int = 100
    channels: int = 1
    instances: int = 64
    members: int = 1
    batch_size: int = 16


POINTS = (
    *(Point("length", length=each) for each in (24, 100, 500, 2000, 5000, 20_000)),
    *(Point("channels", channels=each) for each in (1, 10, 100, 1000)),
    *(Point("instances", instances=each) for each in (20, 200, 2000, 20_000, 200_000)),
    *(Point("members", members=each) for each in (1, 2, 5)),
)
AXES = ("length", "channels", "instances", "members")


def main() -> None:
    """Measure what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--point", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help="measure everything anew")
    parser.add_argument("--quick", action="store_true", help="two small points, nothing kept")
    chosen = parser.parse_args()
    if chosen.point:
        print(json.dumps(measure(Point(**json.loads(chosen.point)))))
        return
    if chosen.quick:
        for each in (POINTS[0], replace(POINTS[0], members=2)):
            print(ask(each))
        return
    table = RESULTS / "scaling.csv"
    if chosen.again:
        table.unlink(missing_ok=True)
    done = pd.read_csv(table, comment="#") if table.exists() else pd.DataFrame()
    for point in POINTS:
        if not is_done(done, point):
            done = pd.concat([done, pd.DataFrame([ask(point)])], ignore_index=True)
            table.write_text(f"# {machine()}\n" + done.to_csv(index=False))
            print(done.iloc[-1].to_dict(), flush=True)
    draw(done)


def is_done(done: pd.DataFrame, point: Point) -> bool:
    """Whether the table holds this point."""
    return not done.empty and bool(
        (done[list(asdict(point))] == list(asdict(point).values())).all(axis=1).any()
    )


def ask(point: Point) -> dict[str, object]:
    """The row of one point, from a process of its own."""
    program = [sys.executable, __file__, "--point", json.dumps(asdict(point))]
    answer = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    row: dict[str, object] = json.loads(answer.splitlines()[-1])
    return row


def measure(point: Point) -> dict[str, object]:
    """Milliseconds of a step of all members together, and peak memory of the process."""
    generator = np.random.default_rng(0)
    shape = (point.instances, point.channels, point.length)
    dataset = TimeSeriesDataset(
        X=generator.standard_normal(shape, dtype=np.float32),
        lengths=np.full(point.instances, point.length),
        y=np.arange(point.instances) % 2,
        classes=("a", "b"),
        name="synthetic",
    )
    settings = {
        "members": point.members,
        "training.steps": STEPS + 2,
        "training.batch_size": point.batch_size,
        "training.settle_statistics": False,
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ticks: list[list[float]] = [[] for _ in range(point.members)]
    watch = Watch(on_step=lambda member, step, n_steps: ticks[member].append(time.perf_counter()))
    fit(dataset, load_config("fast", settings=settings), watch=watch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    a_step = [statistics.median(np.diff(each[1:])) for each in ticks]
    return {
        **asdict(point),
        "step_ms": round(1e3 * sum(a_step), 2),
        "epoch_s": round(sum(a_step) * -(-point.instances // point.batch_size), 3),
        "peak_mib": round(peak / 1024),
        "training_mib": round((peak - before) / 1024),
    }


def draw(done: pd.DataFrame) -> None:
    """A panel an axis: time a step (of an epoch along instances) and memory, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(AXES), figsize=(15, 3.8), layout="constrained")
    for axis, panel in zip(AXES, panels, strict=True):
        rows = done[done["axis"] == axis].sort_values(axis)
        time_column, scale, label = (
            ("epoch_s", 1, "s an epoch") if axis == "instances" else ("step_ms", 1, "ms a step")
        )
        panel.loglog(rows[axis], rows[time_column] * scale, "o-", color="tab:blue", label=label)
        first = rows.iloc[-1]
        linear = first[time_column] * rows[axis] / first[axis]
        panel.loglog(rows[axis], linear, ":", color="grey", label="proportional")
        memory = panel.twinx()
        memory.plot(rows[axis], rows["peak_mib"], "s--", color="tab:orange")
        memory.set_ylim(0, None)
        memory.set_ylabel("peak MiB", color="tab:orange")
        panel.set_xticks(rows[axis], [f"{each:,}" for each in rows[axis]], fontsize=7)
        panel.minorticks_off()
        panel.set_xlabel(axis)
        panel.set_ylabel(label, color="tab:blue")
        panel.legend(loc="upper left", fontsize=8, frameon=False)
    figure.suptitle(
        "inception, synthetic series; but for the axis: 100 points, 1 channel, 64 instances, "
        "1 member, batches of 16"
    )
    figure.savefig(RESULTS / "scaling.png", dpi=110)


if __name__ == "__main__":
    main()

"""Seconds of one training step of our `inception` beside sktime's and aeon's InceptionTime.

    python benchmarks/train_step.py        (or: make train-step)

A step is the slope of a whole fit: the seconds of a fit of 20 epochs, less those of a fit of 2,
over the steps between. What a fit does once (checks, building, tracing a graph) falls out of it.
Everybody trains one network, batches of 64 on the processor with as many threads as it may use, on
the same series. After a fit of one epoch that does not count, all contestants are measured in turn,
for some rounds. Everyone's count of steps is checked, so a batch is a batch of 64.

Contestants, each as its users get it:
    tsconv          `tsconv.classifier.fit`, recipe `paper` (Adam, the rate halved on a plateau, the
                    best epoch's weights kept), one member, in the precision it chooses by itself
    tsconv float32  the same in float32; and `plain`, without our own layers (training.fused=false)
    sktime          InceptionTimeClassifierTorch: Adam, no callback. Does not shuffle, takes each
                    instance out of the array by itself, and has no ReLU after a shortcut
    aeon            IndividualInceptionClassifier: Adam, ReduceLROnPlateau, accuracy as a metric,
                    `use_mini_batch_size` off (on, it makes batches of a tenth of the instances).
                    ModelCheckpoint writes a file after each better epoch: not a part of a step,
                    its seconds are taken out, and told in a column of their own

Both peers compute in float32. All networks of a case have as many parameters as ours, or the
difference shows in the table.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from answering import BATCH_SIZE
from peers import Process, against_best_peer, draw_series, keep, machine, markdown, parser, started

SHORT, LONG = 2, 20


class Case(NamedTuple):
    """Series to train on."""

    n_channels: int
    n_timepoints: int
    n_classes: int
    n_instances: int

    def __str__(self) -> str:
        return f"{self.n_channels} x {self.n_timepoints}"


CASES = [
    Case(n_channels=1, n_timepoints=150, n_classes=2, n_instances=192),
    Case(n_channels=6, n_timepoints=100, n_classes=4, n_instances=192),
    Case(n_channels=1, n_timepoints=1000, n_classes=2, n_instances=64),
    Case(n_channels=24, n_timepoints=50, n_classes=6, n_instances=256),
]
QUICK = [Case(n_channels=2, n_timepoints=20, n_classes=3, n_instances=128)]


def main() -> int:
    """Measure every case, print and keep the table."""
    options = parser(__doc__ or "").parse_args()
    cases = QUICK if options.quick else CASES
    with tempfile.TemporaryDirectory() as folder, started(options, plain=True) as processes:
        rows = [
            row
            for k, case in enumerate(cases)
            for row in measure(case, Path(folder) / f"{k}.npz", processes, options)
        ]
    rounds = pd.DataFrame(rows)
    keep(options, "train_step", rounds, render(rounds))
    return 0


def measure(
    case: Case, path: Path, processes: list[Process], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row a round and contestant."""
    draw_series(path, case.n_instances, case.n_channels, case.n_timepoints, case.n_classes)
    for process in processes:
        process.fit(path, epochs=1)
    rows = []
    for k in range(options.rounds):
        for process in processes:
            row = measure_once(case, path, process, k)
            print(case, k, row["contestant"], f"{row['seconds']:.4f} s", file=sys.stderr)
            rows.append(row)
    return rows


def measure_once(case: Case, path: Path, process: Process, k: int) -> dict[str, Any]:
    """One contestant's slope."""
    short, long = process.fit(path, SHORT), process.fit(path, LONG)
    steps_per_epoch = -(-case.n_instances // BATCH_SIZE)
    for epochs, fit in ((SHORT, short), (LONG, long)):
        if fit["steps"] != epochs * steps_per_epoch:
            raise RuntimeError(
                f"{process.contestant.name}: {fit['steps']} steps in {epochs} epochs of "
                f"{case.n_instances} instances; expected batches of {BATCH_SIZE}"
            )
    steps = long["steps"] - short["steps"]
    writing = long["writing_seconds"] - short["writing_seconds"]
    whole = long["seconds"] - short["seconds"]
    return {
        "case": str(case),
        "contestant": process.contestant.name,
        "is_peer": process.contestant.is_peer,
        "round": k,
        "seconds": (whole - writing) / steps,
        "writing_seconds": writing / steps,
        "short_fit_seconds": short["seconds"],
        "long_fit_seconds": long["seconds"],
        "steps": steps,
        "n_classes": case.n_classes,
        "n_instances": case.n_instances,
        "precision": long["precision"],
        "n_parameters": long["n_parameters"],
        "versions": long["versions"],
    }


def render(rounds: pd.DataFrame) -> str:
    """The report as Markdown."""
    keys = ["case", "contestant"]
    facts = rounds.drop_duplicates(keys).set_index(keys)[["precision", "n_parameters"]]
    table = against_best_peer(rounds, ["case"]).join(facts, on=keys)
    writing = rounds.groupby(keys)["writing_seconds"].median().rename("writing")
    table = table.join(writing.where(writing > 0), on=keys)
    shown = markdown(
        table.rename(
            columns={
                "case": "channels x length",
                "n_parameters": "parameters",
                "median": "s a step",
                "times_median": "best peer's s / its s",
                "least": "least",
                "times_least": "of least",
                "writing": "writing, s a step",
            }
        ),
        {
            "channels x length": str,
            "contestant": str,
            "precision": str,
            "parameters": "{:,}".format,
            "s a step": "{:.4f}".format,
            "least": "{:.4f}".format,
            "best peer's s / its s": "{:.2f}".format,
            "of least": "{:.2f}".format,
            "writing, s a step": "{:.3f}".format,
        },
    )
    return (
        f"{shown}\nOne training step of {BATCH_SIZE} series, as the slope of a whole fit between "
        f"{SHORT} and {LONG} epochs; medians and least of {rounds['round'].max() + 1} rounds, in "
        f"turn. What a contestant writes to disk after epochs is not counted, but told.\n\n"
        f"{'; '.join(rounds['versions'].unique())}. {machine()}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())

"""Seconds and memory of predicting with our `inception` beside sktime's and aeon's InceptionTime.

    python benchmarks/predict.py        (or: make predict-speed)

Everybody trains one network for one epoch on a few series, as train_step.py describes, on the
processor with as many threads as it may use: how well it was trained does not matter to its speed.
Then all contestants are asked for the probabilities of the same series, in turn, for some rounds;
the largest set once. The first set is asked for once more before, so that no graph is traced in a
measurement. Both peers compute in float32 and take the series in batches of 64, their batch size
of training; tsconv takes as many at a time as it finds right.

Memory is the resident memory at its highest during the call, above what the process held before,
the series included and freed memory given back; the most of all rounds. (Where the system has no
/proc: the growth of the process' highest, a lower bound.)

A peer that would need more than --most seconds for a set, to judge by the one before, is left out
of it. The last two sets are ours alone: series of unequal lengths, whose padding must not count,
and as many that all have the greatest of these lengths.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from peers import Process, against_best_peer, draw_series, keep, machine, markdown, parser, started

N_TRAIN, N_CLASSES = 16, 2


class Case(NamedTuple):
    """Series to predict, of one channel.

    Attributes:
        shortest: lengths are drawn from here to ``n_timepoints``, None for whole series.
        once: whether one round is enough.
        ours_alone: whether peers are not asked.
    """

    name: str
    n_instances: int
    n_timepoints: int = 150
    shortest: int | None = None
    once: bool = False
    ours_alone: bool = False


CASES = [
    Case("256", n_instances=256),
    Case("10,000", n_instances=10_000),
    Case("100,000", n_instances=100_000, once=True),
    Case("2,000 of lengths 30 to 300", 2_000, 300, shortest=30, ours_alone=True),
    Case("2,000 of length 300", 2_000, 300, ours_alone=True),
]
QUICK = [
    Case("64", n_instances=64, n_timepoints=20),
    Case("128", n_instances=128, n_timepoints=20, once=True),
    Case("64 of lengths 10 to 20", 64, 20, shortest=10, ours_alone=True),
]


def main() -> int:
    """Measure every set, print and keep the table."""
    made = parser(__doc__ or "")
    made.add_argument("--most", type=float, default=300, help="seconds of a peer for one set")
    options = made.parse_args()
    cases = QUICK if options.quick else CASES
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, started(options) as processes:
        folder = Path(name)
        facts = warm_up(cases[0], folder, processes)
        for k, case in enumerate(cases):
            path = draw(case, folder / f"{k}.npz")
            able = [each for each in processes if can_take(each, case, rows, options.most)]
            rows += measure(case, path, able, 1 if case.once else options.rounds)
    rounds = pd.DataFrame(rows).merge(facts, on="contestant")
    keep(options, "predict", rounds, render(rounds))
    return 0


def warm_up(case: Case, folder: Path, processes: list[Process]) -> pd.DataFrame:
    """Train every network and let it predict once; a row a contestant of what there is to know."""
    train = draw_series(folder / "train.npz", N_TRAIN, 1, case.n_timepoints, N_CLASSES)
    path = draw(case, folder / "first.npz")
    facts = []
    for process in processes:
        fit = process.fit(train, epochs=1)
        process.predict_proba(path)
        known = {name: fit[name] for name in ("precision", "n_parameters", "versions")}
        facts.append({"contestant": process.contestant.name, **known})
    return pd.DataFrame(facts)


def draw(case: Case, path: Path) -> Path:
    """Write a set's series to an .npz file, zero after their ends."""
    draw_series(path, case.n_instances, 1, case.n_timepoints, N_CLASSES)
    if case.shortest is not None:
        with np.load(path) as file:
            series = dict(file)
        lengths = np.random.default_rng(1).integers(
            case.shortest, case.n_timepoints, case.n_instances, endpoint=True
        )
        series["X"] *= np.arange(case.n_timepoints) < lengths[:, None, None]
        np.savez(path, **{**series, "lengths": lengths})
    return path


def can_take(process: Process, case: Case, rows: list[dict[str, Any]], most: float) -> bool:
    """Whether a contestant is measured on a set: it is ours, or likely to be done in time."""
    if not process.contestant.is_peer:
        return True
    own = [row for row in rows if row["contestant"] == process.contestant.name]
    each = own[-1]["seconds"] / own[-1]["n_instances"] if own else 0.0
    return not case.ours_alone and each * case.n_instances <= most


def measure(
    case: Case, path: Path, processes: list[Process], n_rounds: int
) -> list[dict[str, Any]]:
    """A row a round and contestant."""
    rows = []
    for k in range(n_rounds):
        for process in processes:
            contestant, answer = process.contestant, process.predict_proba(path)
            print(case.name, k, contestant.name, f"{answer['seconds']:.3f} s", file=sys.stderr)
            rows.append(
                {
                    "series": case.name,
                    "contestant": contestant.name,
                    "is_peer": contestant.is_peer,
                    "round": k,
                    **answer,
                    "n_instances": case.n_instances,
                    "n_timepoints": case.n_timepoints,
                }
            )
    return rows


def render(rounds: pd.DataFrame) -> str:
    """The report as Markdown."""
    keys = ["series", "contestant"]
    grouped = rounds.groupby(keys)
    facts = grouped.agg(
        precision=("precision", "first"),
        n_instances=("n_instances", "first"),
        memory=("memory_mb", "max"),
    )
    table = against_best_peer(rounds, ["series"]).join(facts, on=keys)
    table["each"] = 1000 * table["median"] / table["n_instances"]
    names = {
        "median": "s",
        "each": "ms a series",
        "times_median": "best peer's s / its s",
        "times_least": "of least",
        "memory": "memory, MB",
    }
    shown = markdown(
        table.rename(columns=names),
        {
            "series": str,
            "contestant": str,
            "precision": str,
            "s": "{:.3f}".format,
            "least": "{:.3f}".format,
            "ms a series": "{:.3f}".format,
            "best peer's s / its s": "{:.2f}".format,
            "of least": "{:.2f}".format,
            "memory, MB": "{:.0f}".format,
        },
    )
    return (
        f"{shown}\n`predict_proba` of one network of {rounds['n_parameters'].iloc[0]:,} parameters "
        f"for series of one channel, {rounds['n_timepoints'].iloc[0]} time points unless told "
        f"otherwise; medians and least of {rounds['round'].max() + 1} rounds, in turn, the largest "
        "set once. Memory is the most that the process grew by during the call.\n\n"
        f"{'; '.join(rounds['versions'].unique())}. {machine()}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())

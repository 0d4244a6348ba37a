"""Test accuracy of the default recipe beside published InceptionTime, one table.

    TSCONV_DATA=/path/to/archive python benchmarks/accuracy.py

Trains five members of each network on each set's TRAIN part, scores its TEST part once, and writes
``results/accuracy.csv`` after every set, so that an interrupted run goes on where it stopped, and
``results/accuracy.md``; `tcn` stands in ``results/accuracy_tcn.csv``. Published figures are in
``published.csv``, with their sources.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import tsconv
from tsconv.classifier import fit
from tsconv.config import Config, load_config
from tsconv.data.archive import find_data, load_data
from tsconv.data.format import Schema
from tsconv.training.batches import steps_per_epoch
from tsconv.training.precision import choose_arithmetic

HERE = Path(__file__).parent
SETS = [
    "Chinatown",
    "SonyAIBORobotSurface1",
    "ItalyPowerDemand",
    "TwoLeadECG",
    "SmoothSubspace",
    "Fungi",
    "BME",
    "GunPoint",
    "Coffee",
    "ArrowHead",
    "ECG200",
    "ToeSegmentation1",
    "SyntheticControl",
    "GunPointMaleVersusFemale",
    "GunPointOldVersusYoung",
    "DistalPhalanxOutlineAgeGroup",
    "DistalPhalanxTW",
    "MiddlePhalanxOutlineAgeGroup",
    "ProximalPhalanxOutlineAgeGroup",
    "ProximalPhalanxTW",
    "MiddlePhalanxOutlineCorrect",
    "Adiac",
]
"""Of the univariate sets at hand with whole series of at most 300 time points, the 22 with
the smallest training parts (instances times length): a rule, so that no result chooses the sets."""
PAPER_EPOCHS, PAPER_BATCH = 1500, 64


def main() -> None:
    """Fill in what is missing from the results, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--networks", nargs="+", default=["inception"], metavar="NAME")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=HERE / "results" / "accuracy.csv")
    chosen = parser.parse_args()
    done = pd.read_csv(chosen.results) if chosen.results.exists() else pd.DataFrame()
    for network in chosen.networks:
        for name in chosen.sets:
            config = load_config(
                chosen.recipe,
                settings={
                    "network.name": network,
                    "members": chosen.members,
                    "seed": chosen.seed,
                },
            )
            if not is_done(done, name, config):
                done = pd.concat([done, pd.DataFrame([measure(name, config)])], ignore_index=True)
                done.to_csv(chosen.results, index=False)
                print(done.iloc[-1].to_dict(), flush=True)
    table = render(done)
    chosen.results.with_suffix(".md").write_text(table)
    print(table)


def is_done(done: pd.DataFrame, name: str, config: Config) -> bool:
    """Whether the results hold this set with this network, recipe, ensemble and seed."""
    if done.empty:
        return False
    keys = ["dataset", "network", "recipe", "members", "seed"]
    wanted = [name, config.network.name, config.recipe, config.members, config.seed]
    return bool((done[keys] == wanted).all(axis=1).any())


def measure(name: str, config: Config) -> dict[str, object]:
    """One row: train on TRAIN, score TEST once."""
    train, test = load_data(find_data(name), Schema())
    if test is None or test.y is None:
        raise SystemExit(f"{name}: expected a labelled TEST part")
    started = time.perf_counter()
    classifier = fit(train, config)
    trained = time.perf_counter()
    proba = classifier.member_proba(test)
    predicted = time.perf_counter()
    steps = classifier.members[0].history[-1].step
    paper_steps = PAPER_EPOCHS * steps_per_epoch(train.n_instances, PAPER_BATCH)
    return {
        "dataset": name,
        "network": config.network.name,
        "recipe": config.recipe,
        "members": config.members,
        "seed": config.seed,
        "split": "archive",
        "n_train": train.n_instances,
        "n_test": test.n_instances,
        "length": train.n_timepoints,
        "n_classes": train.n_classes,
        "accuracy": round(float(np.mean(proba.mean(0).argmax(1) == test.y)), 6),
        "members_mean": round(float(np.mean(proba.argmax(2) == test.y)), 6),
        "steps": steps,
        "paper_steps": paper_steps,
        "train_seconds": round(trained - started, 1),
        "predict_seconds": round(predicted - trained, 2),
        "precision": str(choose_arithmetic().dtype).removeprefix("torch."),
        "version": tsconv.__version__,
        "torch": torch.__version__,
    }


def render(done: pd.DataFrame) -> str:
    """The table as Markdown: a row a set, means below."""
    published = pd.read_csv(HERE / "published.csv", comment="#").set_index("dataset")
    accuracy = done.pivot_table(index="dataset", columns="network", values="accuracy")
    seconds = done.pivot_table(index="dataset", columns="network", values="train_seconds")
    shared = done.drop_duplicates("dataset").set_index("dataset")
    table = pd.DataFrame(
        {
            "train": shared["n_train"],
            "length": shared["length"],
            "classes": shared["n_classes"],
            **{network: accuracy[network] for network in accuracy},
            "published (authors)": published["authors"],
            "published (LITE authors)": published["lite_authors"],
            **{f"{network} s": seconds[network] for network in seconds},
            "steps of the paper's": shared["steps"] / shared["paper_steps"],
        }
    ).loc[sorted(shared.index)]
    means = table.mean().to_frame("mean").T
    for column in ("train", "length", "classes"):
        means[column] = np.nan
    lines = [
        "| " + " | ".join(["dataset", *table.columns]) + " |",
        "|" + "---|" * (1 + len(table.columns)),
    ]
    for name, row in pd.concat([table, means]).iterrows():
        lines.append("| " + " | ".join([str(name), *(cell(*pair) for pair in row.items())]) + " |")
    return "\n".join([*lines, "", describe(done), ""])


def cell(column: str, value: float) -> str:
    """One number as the table shows it."""
    if np.isnan(value):
        return ""
    if column in ("train", "length", "classes"):
        return f"{value:.0f}"
    return f"{value:.0f}" if column.endswith(" s") else f"{value:.4f}"


def describe(done: pd.DataFrame) -> str:
    """What was run, on what."""
    first = done.iloc[0]
    return (
        f"Accuracy on the archive's TEST part, {first['members']} members, recipe "
        f"`{first['recipe']}`, seed {first['seed']}, archive's split; seconds to train them one "
        f"after another on {torch.get_num_threads()} cores ({platform.processor() or 'x86-64'}), "
        f"{first['precision']}, torch {first['torch']}, tsconv {first['version']}. "
        f"The paper's steps are {PAPER_EPOCHS} epochs of batches of {PAPER_BATCH}."
    )


if __name__ == "__main__":
    main()

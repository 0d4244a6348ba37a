"""Test accuracy beside InceptionTime's as published, seconds and steps, one table.

    python benchmarks/accuracy.py

Reads what `tsconv benchmark benchmarks/plans/small_sets.toml` collected, kept in
``results/small_sets.csv``, and writes ``results/accuracy.md``: all sets for which both the authors
of InceptionTime and those of LITE published a figure.
"""

import argparse
from pathlib import Path

import pandas as pd

from tsconv.data.catalogue import find_entries
from tsconv.evaluation.published_results import read_published
from tsconv.training.batches import steps_per_epoch

RESULTS = Path(__file__).parent / "results"
PUBLISHED = {"InceptionTime": "published (authors)", "InceptionTime-LITE": "published (LITE's)"}
PAPER_EPOCHS, PAPER_BATCH = 1500, 64


def main() -> None:
    """Write the table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collected", type=Path, default=RESULTS / "small_sets.csv")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    collected = pd.read_csv(chosen.collected)
    text = render(beside_published(collected), collected)
    (chosen.results / "accuracy.md").write_text(text, "utf-8")
    print(text, end="")


def beside_published(collected: pd.DataFrame) -> pd.DataFrame:
    """A row a set: its size, our accuracies and the published, seconds, share of the steps."""
    entries = find_entries(collected["dataset"].unique())
    ours = collected.pivot(index="dataset", columns="network")
    published = read_published(PUBLISHED, n_test={each.name: each.n_test for each in entries})
    sizes = {each.name: (each.n_train, each.n_timepoints, each.n_classes) for each in entries}
    paper = {
        name: PAPER_EPOCHS * steps_per_epoch(n, PAPER_BATCH) for name, (n, *_) in sizes.items()
    }
    steps = ours["steps"]["inception"] / ours["members"]["inception"]
    return (
        pd.DataFrame.from_dict(sizes, orient="index", columns=["train", "length", "classes"])
        .join(ours["accuracy"])
        .join(published.dropna().rename(columns=PUBLISHED), how="inner")
        .join(ours["train_seconds"].add_suffix(" s"))
        .assign(**{"steps of the paper's": steps / pd.Series(paper)})
        .sort_index()
    )


def render(table: pd.DataFrame, collected: pd.DataFrame) -> str:
    """The table as Markdown, means below it, who won how often, and what was run."""
    means = table.drop(columns=["train", "length", "classes"]).mean().rename("mean")
    lines = [
        "| " + " | ".join(["dataset", *table.columns]) + " |",
        "|" + "---|" * (1 + len(table.columns)),
        *(line(str(name), row) for name, row in table.iterrows()),
        line("mean", means.reindex(table.columns)),
    ]
    words = [counts(table, column) for column in PUBLISHED.values()]
    return "\n".join([*lines, "", *words, "", describe(collected), ""])


def line(name: str, row: pd.Series) -> str:
    """One line of the table."""
    return "| " + " | ".join([name, *(cell(str(of), value) for of, value in row.items())]) + " |"


def cell(column: str, value: float) -> str:
    """One number as the table shows it."""
    if pd.isna(value):
        return ""
    whole = column in ("train", "length", "classes") or column.endswith(" s")
    return f"{value:.0f}" if whole else f"{value:.4f}"


def counts(table: pd.DataFrame, column: str) -> str:
    """How often inception wins against a published column."""
    difference = (table["inception"] - table[column]).round(6)
    wins, draws, losses = ((difference > 0).sum(), (difference == 0).sum(), (difference < 0).sum())
    return f"inception against {column}: {wins} won, {draws} drawn, {losses} lost."


def describe(collected: pd.DataFrame) -> str:
    """What was run."""
    first = collected.iloc[0]
    return (
        f"Accuracy on the archive's TEST part, {first['members']} members, recipe "
        f"`{first['recipe']}`, seed {first['seed']}, archive's split; seconds to train them on "
        f"{first['threads']} core, as many cells beside as there are cores, {first['precision']}, "
        f"tsconv {first['version']} at {first['commit'][:7]}. "
        f"The paper's steps are {PAPER_EPOCHS} epochs of batches of {PAPER_BATCH}."
    )


if __name__ == "__main__":
    main()

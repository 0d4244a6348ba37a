"""Test accuracy beside InceptionTime's as published, seconds and steps, one table.

    python benchmarks/accuracy.py

Reads what `tsconv benchmark benchmarks/plans/small_sets.toml` collected, kept in
``results/small_sets.csv``, and writes ``results/accuracy.md``: all sets for which both the authors
of InceptionTime and those of LITE published a figure.
"""

import argparse
from pathlib import Path

import pandas as pd
from peers import markdown

from tsconv.config import load_config
from tsconv.data.catalogue import find_entries
from tsconv.evaluation.published_results import read_published
from tsconv.training.loop import count_steps

RESULTS = Path(__file__).parent / "results"
PUBLISHED = {"InceptionTime": "published (authors)", "InceptionTime-LITE": "published (LITE's)"}
PAPER = load_config("paper").training
WHOLE = ("train", "length", "classes")


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
    paper = {name: count_steps(n_train, PAPER) for name, (n_train, *_) in sizes.items()}
    steps = ours["steps"]["inception"] / ours["members"]["inception"]
    return (
        pd.DataFrame.from_dict(sizes, orient="index", columns=[*WHOLE])
        .join(ours["accuracy"])
        .join(published.dropna().rename(columns=PUBLISHED), how="inner")
        .join(ours["train_seconds"].add_suffix(" s"))
        .assign(**{"inception's steps of the paper's": steps / pd.Series(paper)})
        .sort_index()
    )


def render(table: pd.DataFrame, collected: pd.DataFrame) -> str:
    """The table as Markdown, means below it, who won how often, and what was run."""
    means = table.drop(columns=[*WHOLE]).mean().rename("mean")
    shown = pd.concat([table, means.to_frame().T]).rename_axis("dataset").reset_index()
    forms = {
        name: "{:.0f}".format if name in WHOLE or name.endswith(" s") else "{:.4f}".format
        for name in table.columns
    }
    words = [counts(table, column) for column in PUBLISHED.values()]
    return "\n".join(
        [markdown(shown, {"dataset": str, **forms}), *words, "", describe(collected), ""]
    )


def counts(table: pd.DataFrame, column: str) -> str:
    """How often inception wins against a published column."""
    difference = (table["inception"] - table[column]).round(6)
    wins, draws, losses = ((difference > 0).sum(), (difference == 0).sum(), (difference < 0).sum())
    return f"inception against {column}: {wins} won, {draws} drawn, {losses} lost."


def describe(collected: pd.DataFrame) -> str:
    """What was run."""
    first = collected.iloc[0]
    commits = collected.groupby("network")["commit"].unique().explode()
    versions = ", ".join(f"{name} at {commit[:7]}" for name, commit in commits.items())
    return (
        f"Accuracy on the archive's TEST part, {first['members']} members, recipe "
        f"`{first['recipe']}`, seed {first['seed']}, archive's split; seconds to train them on "
        f"{first['threads']} core, as many cells beside as there are cores, {first['precision']}, "
        f"tsconv {first['version']}: {versions}. "
        f"The paper's steps are {PAPER.epochs} epochs of batches of {PAPER.batch_size}."
    )


if __name__ == "__main__":
    main()

"""Test accuracy against training time: the paper's recipe, the default, and settings between.

    TSCONV_DATA=/path/to/archive python benchmarks/time_to_accuracy.py [--sets NAME ...]

Trains five members of `inception` by each setting on each set's TRAIN part and scores its TEST part
once; no setting was chosen by it. Further sets are trained by the default and the paper's recipe
alone. One process a core, one thread each, so that settings are compared by the processor's
seconds, which a busy machine changes little. ``results/time_to_accuracy.csv`` grows by a row a
training, so that an interrupted run goes on where it stopped; the figure is
``results/time_to_accuracy.png``, the tables ``results/time_to_accuracy.md``.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import tsconv
from tsconv.classifier import fit
from tsconv.config import Config, load_config
from tsconv.data.archive import find_data, load_data
from tsconv.data.format import Schema
from tsconv.training.loop import count_steps
from tsconv.training.precision import choose_arithmetic

RESULTS = Path(__file__).parent / "results"

SETTINGS = {
    "200 steps": ("fast", {"training.steps": 200}),
    "fast": ("fast", {}),
    "1200 steps": ("fast", {"training.steps": 1200}),
    "3000 steps": ("fast", {"training.steps": 3000}),
    "paper": ("paper", {}),
}
"""`fast` is 150 epochs and at most 600 steps, `paper` 1500 epochs; the others are `fast` with a
budget of so many steps."""
CHEAPEST = (
    *("Chinatown", "SonyAIBORobotSurface1", "ItalyPowerDemand", "TwoLeadECG", "SmoothSubspace"),
    *("Fungi", "BME"),
)
"""Of the univariate sets at hand with series of one length, those with the smallest training parts
(instances times length): a rule, so that no result chooses the sets."""
NEXT = (
    *("DiatomSizeReduction", "DodgerLoopWeekend", "GunPoint", "Coffee", "ArrowHead", "ECG200"),
    *("ShapeletSim", "BeetleFly", "ToeSegmentation1", "SyntheticControl"),
    *("GunPointMaleVersusFemale", "GunPointOldVersusYoung", "DodgerLoopDay"),
)
"""Those that follow by that rule, up to twenty: trained by the default and the paper's recipe
alone."""
BESIDE = ("fast", "paper")


def main() -> None:
    """Fill in what is missing from the results, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=CHEAPEST + NEXT, metavar="NAME")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS / "time_to_accuracy.csv")
    chosen = parser.parse_args()
    done = pd.read_csv(chosen.results) if chosen.results.exists() else pd.DataFrame()
    there = set() if done.empty else set(zip(done["setting"], done["dataset"], strict=True))
    jobs = [
        (setting, name, load(setting, members=chosen.members, seed=chosen.seed))
        for name in chosen.sets
        for setting in (BESIDE if name in NEXT else SETTINGS)
        if (setting, name) not in there
    ]
    for row in run(jobs):
        done = pd.concat([done, pd.DataFrame([row])], ignore_index=True)
        done.to_csv(chosen.results, index=False)
    summary = summarise(done)
    text = render(done, summary) + beside(done)
    chosen.results.with_suffix(".md").write_text(text)
    draw(summary, chosen.results.with_suffix(".png"))
    print(text)


def load(setting: str, *, members: int, seed: int) -> Config:
    """The config of one setting."""
    recipe, changes = SETTINGS[setting]
    return load_config(recipe, settings={**changes, "members": members, "seed": seed})


def run(jobs: list[tuple[str, str, Config]]) -> Iterator[dict[str, object]]:
    """Rows of the jobs as they end, one process a core."""
    context = multiprocessing.get_context("spawn")
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, context, torch.set_num_threads, (1,)) as pool:
        for future in as_completed([pool.submit(measure_one, *job) for job in jobs]):
            print(future.result(), flush=True)
            yield future.result()


def measure_one(setting: str, name: str, config: Config) -> dict[str, object]:
    """One row: train on TRAIN, score TEST once, with the processor's seconds for both."""
    train, test = load_data(find_data(name), Schema())
    if test is None or test.y is None:
        raise SystemExit(f"{name}: expected a labelled TEST part")
    started, processor_started = time.perf_counter(), time.process_time()
    classifier = fit(train, config)
    trained = time.perf_counter()
    proba = classifier.member_proba(test)
    ended, processor_ended = time.perf_counter(), time.process_time()
    return {
        "setting": setting,
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
        "steps": classifier.members[0].history[-1].step,
        "paper_steps": count_steps(train.n_instances, load_config("paper").training),
        "train_seconds": round(trained - started, 1),
        "predict_seconds": round(ended - trained, 2),
        "precision": str(choose_arithmetic().dtype).removeprefix("torch."),
        "version": tsconv.__version__,
        "torch": torch.__version__,
        "processor_seconds": round(processor_ended - processor_started, 1),
    }


def complete(done: pd.DataFrame, settings: Collection[str]) -> pd.DataFrame:
    """The rows of these settings, of the sets that all of them have."""
    rows = done[done["setting"].isin(settings)]
    return rows.groupby("dataset").filter(lambda each: len(each) == len(settings))


def summarise(done: pd.DataFrame) -> pd.DataFrame:
    """A row a setting over the sets that all settings have."""
    means = (
        complete(done, done["setting"].unique())
        .groupby("setting")
        .agg(
            sets=("dataset", "size"),
            accuracy=("accuracy", "mean"),
            member=("members_mean", "mean"),
            seconds=("processor_seconds", "mean"),
            steps=("steps", "mean"),
        )
    )
    return means.loc[[setting for setting in SETTINGS if setting in means.index]]


def render(done: pd.DataFrame, summary: pd.DataFrame) -> str:
    """The table as Markdown, and what it stands for."""
    first = done.iloc[0]
    names = complete(done, done["setting"].unique())["dataset"].unique()
    lines = [
        "| setting | accuracy | mean member | steps a member | processor seconds a set |",
        "|---|---|---|---|---|",
        *(
            f"| {setting} | {row.accuracy:.4f} | {row.member:.4f} | {row.steps:.0f} "
            f"| {row.seconds:.0f} |"
            for setting, row in summary.iterrows()
        ),
        "",
        f"Means over {summary['sets'].iloc[0]:.0f} sets ({', '.join(names)}): "
        f"accuracy on the archive's TEST part, {first['members']} members of `inception`, seed "
        f"{first['seed']}, {first['precision']}, one thread a process; seconds of all members "
        f"together, prediction included; torch {first['torch']}.",
        "",
    ]
    return "\n".join(lines)


def beside(done: pd.DataFrame) -> str:
    """The default beside the paper's recipe, set by set, as Markdown."""
    rows = complete(done, BESIDE)
    accuracy = rows.pivot(index="dataset", columns="setting", values="accuracy")
    steps = rows.pivot(index="dataset", columns="setting", values="steps")
    gain = accuracy["fast"] - accuracy["paper"]
    lines = [
        "| set | fast | paper | steps a member, fast | paper |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {each.fast:.4f} | {each.paper:.4f} "
            f"| {steps.fast[name]} | {steps.paper[name]} |"
            for name, each in accuracy.loc[rows["dataset"].unique()].iterrows()
        ),
        f"| mean | {accuracy.fast.mean():.4f} | {accuracy.paper.mean():.4f} "
        f"| {steps.fast.mean():.0f} | {steps.paper.mean():.0f} |",
        "",
        f"The same, over {len(accuracy)} sets: fast is better on {(gain > 0).sum()}, as good on "
        f"{(gain == 0).sum()}, worse on {(gain < 0).sum()}.",
    ]
    return "\n".join(["", *lines, ""])


def draw(summary: pd.DataFrame, path: Path) -> None:
    """Accuracy of the ensemble and of its mean member against seconds."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    ordered = summary.sort_values("seconds")
    for column, name, style in (
        ("accuracy", "ensemble of five", "o-"),
        ("member", "mean member", "s--"),
    ):
        axes.plot(ordered["seconds"], ordered[column], style, label=name)
    for setting, row in summary.iterrows():
        axes.annotate(
            str(setting),
            (row["seconds"], row["accuracy"]),
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.set_xticks([40, 100, 200, 400, 600], labels=["40", "100", "200", "400", "600"])
    axes.minorticks_off()
    axes.set_xlabel("processor seconds a set, all members")
    axes.set_ylabel("mean test accuracy")
    axes.margins(x=0.22, y=0.2)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

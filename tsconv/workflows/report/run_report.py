"""The report of a run: what was trained on what, what came of it, and how to repeat it."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tsconv.config import to_dict
from tsconv.errors import ConfigError, DataError
from tsconv.evaluation.report import hardest_instances
from tsconv.networks.activation import meaning
from tsconv.workflows.conclude import summarize
from tsconv.workflows.figures import RUN_FIGURES
from tsconv.workflows.outcome import Outcome, read_outcome, tested_of
from tsconv.workflows.report.page import (
    Block,
    Code,
    Facts,
    Page,
    Section,
    Strong,
    Table,
    Tiles,
    Words,
    drawing,
)
from tsconv.workflows.report.repeat import repeating_command
from tsconv.workflows.report.wording import count, duration, heading, listed

MOST_ROWS = 12
AT_A_GLANCE = ("accuracy", "balanced_accuracy", "auroc", "log_loss")
WEIGHTS = {
    "last": "the last epoch",
    "train_loss": "the lowest training loss",
    "valid_loss": "the lowest validation loss",
}

Build = Callable[[Outcome], tuple[Block, ...]]


def run_report(run: Path, data: str | Path | None = None) -> Page:
    """The page about a finished run.

    Args:
        run: its directory.
        data: labelled series to classify now, the run's own test part unless given.

    Raises:
        RunError: no finished run, or a file of it is damaged.
        TSConvError: ``data`` cannot be read or evaluated.
    """
    outcome = read_outcome(run, data)
    config = outcome.classifier.config
    versions, finished = (
        outcome.environment.get("versions", {}),
        outcome.environment.get("finished"),
    )
    return Page(
        title=outcome.data.name,
        subtitle=f"{config.network.name}, {count(config.members, 'member')}, recipe "
        f"{config.recipe}, seed {config.seed}",
        sections=tuple(section(outcome, name, title, build) for name, title, build in SECTIONS),
        footer=f"tsconv {versions.get('tsconv', '')}, run {run} finished {finished or 'untimed'}",
    )


def section(outcome: Outcome, name: str, title: str, build: Build) -> Section:
    """A section or, where the run does not hold what it shows, why it is left out."""
    try:
        return Section(name, title, build(outcome))
    except (DataError, ConfigError) as error:
        return Section(name, title, left_out=str(error))


def summary(outcome: Outcome) -> tuple[Block, ...]:
    """What was trained on what and, at a glance, how good it is."""
    facts = (
        Facts({**describe_data(outcome), **describe_training(outcome)}),
        Facts(describe_machine(outcome), summary="Machine and versions"),
    )
    if outcome.tested is None:
        return facts
    metrics = outcome.tested.evaluation.metrics
    tiles = {name.replace("_", " "): metrics[name] for name in AT_A_GLANCE if name in metrics}
    return Tiles(tiles), *facts


def describe_data(outcome: Outcome) -> dict[str, Any]:
    """The set, its classes, and what was tested."""
    classifier, tested = outcome.classifier, outcome.tested
    about: dict[str, Any] = {
        "set": outcome.data.name,
        "classes": f"{len(classifier.classes)}: {listed(classifier.classes)}",
        "channels": f"{classifier.preprocessing.n_channels}"
        + (f": {listed(classifier.channels)}" if classifier.channels else ""),
    }
    if outcome.data.resample:
        about["split"] = f"resample {outcome.data.resample}, not the set's own"
    if tested is None:
        return about
    about["tested on"] = f"{count(tested.evaluation.n_instances, 'instance')} of {tested.file}"
    if tested.series is not None:
        shortest, longest = int(tested.series.lengths.min()), int(tested.series.lengths.max())
        about["time points"] = longest if shortest == longest else f"{shortest} to {longest}"
    if not tested.is_recorded:
        about["tested"] = "for this report, not when the run was trained"
    return about


def describe_training(outcome: Outcome) -> dict[str, Any]:
    """Network, settings and time."""
    config, members = outcome.classifier.config, outcome.classifier.members
    options = ", ".join(f"{name}={value}" for name, value in config.network.options.items())
    about: dict[str, Any] = {
        "network": config.network.name + (f" ({options})" if options else ""),
        "parameters": f"{members[0].network.n_parameters:,} a member",
        "members": len(members),
        "recipe": config.recipe,
        "seed": config.seed,
        "scaling": outcome.classifier.preprocessing.scale,
        "weights of": listed(sorted({WEIGHTS[member.selected.by] for member in members})),
    }
    if config.valid_fraction:
        about["validation part"] = f"{config.valid_fraction:.0%} of the training part"
    seconds = [member.history[-1].seconds for member in members if member.history]
    if seconds:
        about["training time"] = f"{duration(sum(seconds))}, members added up"
    return about


def describe_machine(outcome: Outcome) -> dict[str, Any]:
    """Where, when and with what the run was trained; what was not recorded is a dash."""
    environment = outcome.environment
    device = f"{environment.get('device') or 'unknown'}, {environment.get('precision') or '-'}"
    reason = environment.get("reason")
    versions = environment.get("versions", {})
    return {
        "device": f"{device} ({reason})" if reason else device,
        "wall time": wall_time(environment),
        "machine": environment.get("platform"),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "commit": environment.get("git_commit"),
    }


def metrics_table(outcome: Outcome) -> tuple[Block, ...]:
    """Every metric of the members, their mean and the ensemble."""
    evaluation = tested_of(outcome).evaluation
    columns = ["", *(heading(name) for name in evaluation.table.columns)]
    rows = [[str(who), *map(float, values)] for who, *values in evaluation.table.itertuples()]
    gain = evaluation.gain.get("accuracy", 0.0)
    words = "Arrows say which way is better."
    if len(rows) > 3:
        words += (
            f" The ensemble's accuracy is {gain:+.4f} beside the mean member's; two members "
            f"disagree on {evaluation.disagreement:.1%} of the instances."
        )
    rows[-1] = [Strong(value) for value in rows[-1]]
    return Table(columns, rows), Words(words)


def members_table(outcome: Outcome) -> tuple[Block, ...]:
    """Losses by epoch, and how each member came out."""
    block = figure(outcome, "learning-curve", "Loss by epoch; thin lines are single members.")
    columns = ("member", "epoch kept", "steps", "train loss", "valid loss", "seconds")
    rows = [
        (
            each.member,
            each.epoch,
            each.steps,
            each.train_loss,
            each.valid_loss,
            f"{each.seconds:.1f}",
        )
        for each in map(summarize, outcome.classifier.members)
    ]
    return block, Table(columns, rows)


def confusions(outcome: Outcome) -> tuple[Block, ...]:
    """The matrix and, in words, the commonest confusions."""
    matrix = tested_of(outcome).evaluation.confusion
    caption = "A row a label, a column a prediction of the ensemble, dark where the share is large."
    block = figure(outcome, "confusion", caption)
    counts, classes = matrix.to_numpy(), [str(name) for name in matrix.index]
    pairs = [
        (int(counts[i, j]), classes[i], classes[j], float(counts[i, j] / counts[i].sum()))
        for i, j in zip(*counts.nonzero(), strict=True)
        if i != j
    ]
    if not pairs:
        return block, Words("No instance was taken for another class.")
    commonest = sorted(pairs, key=lambda pair: -pair[0])[:MOST_ROWS]
    rows = [(true, other, n, f"{share:.1%}") for n, true, other, share in commonest]
    return block, Table(("label", "taken for", "instances", "of the label"), rows)


def by_class(outcome: Outcome) -> tuple[Block, ...]:
    """Support, precision, recall, F1 and area under the ROC curve of each class."""
    table = tested_of(outcome).evaluation.per_class
    rows = [
        (str(label), int(support), *map(float, values))
        for label, support, *values in table.itertuples()
    ]
    return (Table(("class", *table.columns), rows),)


def calibration(outcome: Outcome) -> tuple[Block, ...]:
    """The reliability diagram."""
    ece = tested_of(outcome).evaluation.metrics.get("ece", float("nan"))
    caption = (
        "Accuracy against the confidence of the prediction, in 15 bins; below, how many instances "
        f"each bin holds. Expected calibration error {ece:.4f}."
    )
    return (figure(outcome, "reliability", caption),)


def sizes(outcome: Outcome) -> tuple[Block, ...]:
    """Accuracy by size of the ensemble."""
    caption = (
        "Mean accuracy over the ensembles of each size that the members make; bars are one "
        "standard deviation among these."
    )
    return (figure(outcome, "size-curve", caption),)


def hard_ones(outcome: Outcome) -> tuple[Block, ...]:
    """The instances whose label got the lowest probability."""
    tested, classes = tested_of(outcome), outcome.classifier.classes
    table = Table(
        ("instance", "label", "its probability", "prediction", "its probability"),
        [
            (
                str(tested.names[n]),
                classes[tested.y_true[n]],
                float(tested.proba[n, tested.y_true[n]]),
                classes[tested.proba[n].argmax()],
                float(tested.proba[n].max()),
            )
            for n in hardest_instances(tested.y_true, tested.proba, MOST_ROWS)
        ],
    )
    if tested.series is None:
        return Words(f"Without their series: {tested.no_series}."), table
    caption = (
        "The instances whose label got the lowest probability, and their most probable classes, "
        "the label's bar filled."
    )
    if tested.series.n_channels > 1:
        caption += " Channels are scaled each by itself."
    return figure(outcome, "hardest", caption), table


def activation(outcome: Outcome) -> tuple[Block, ...]:
    """Class-activation maps."""
    words = meaning(outcome.classifier.members[0].network)
    caption = (
        "Class-activation maps (Zhou et al. 2016) of the predicted class, the mean over the "
        f"members: the head's weights on the features at each time point. {words} Of each class, "
        "series whose label got the highest probability; one scale for all."
    )
    return (figure(outcome, "cam", caption),)


def repeat(outcome: Outcome) -> tuple[Block, ...]:
    """The command that trained the run, and its settings."""
    settings = json.dumps(to_dict(outcome.classifier.config), indent=2, ensure_ascii=False)
    started = outcome.environment.get("started")
    return (
        Code(repeating_command(outcome)),
        Words(
            f"Given {started or 'at an unknown time'}, where paths are relative in the folder it "
            "was given in. Another --out keeps the run that is there."
        ),
        Code(settings, summary="All settings as they were resolved"),
    )


SECTIONS: tuple[tuple[str, str, Build], ...] = (
    ("summary", "Summary", summary),
    ("metrics", "Metrics", metrics_table),
    ("learning-curve", "Learning curves", members_table),
    ("confusion", "Confusion", confusions),
    ("classes", "By class", by_class),
    ("reliability", "Reliability", calibration),
    ("size-curve", "Size of the ensemble", sizes),
    ("hardest", "Hardest instances", hard_ones),
    ("cam", "Class activation", activation),
    ("repeat", "Repeat it", repeat),
)


def figure(outcome: Outcome, name: str, caption: str) -> Block:
    """One of the run's figures as a block."""
    return drawing(name, RUN_FIGURES[name](outcome), caption)


def wall_time(environment: Mapping[str, Any]) -> str | None:
    """From the first command to the end of the run."""
    started, finished = environment.get("started"), environment.get("finished")
    if not started or not finished:
        return None
    seconds = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    return f"{duration(seconds)}, from {started} to {finished}"

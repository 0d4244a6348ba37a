"""Results on stdout: tables for people, one JSON document for machines.

A table is drawn by rich on a terminal; off it, its columns are aligned and nothing is cut short,
whatever the width. Text of the user's goes out as it stands.
"""

import json
import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from tsconv.workflows.benchmark import Schedule
    from tsconv.workflows.compare import Comparison
    from tsconv.workflows.conclude import Trained
    from tsconv.workflows.describe import FormatCard, NetworkCard
    from tsconv.workflows.evaluate import Report
    from tsconv.workflows.inspect import Inspection, Part, Plan

MOST_CLASSES_IN_A_MATRIX = 12


def document(values: Any) -> None:
    """One JSON document, and nothing else."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(f"{text}\n")


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    texts: Collection[str] = (),
) -> None:
    """A titled table; its first column and ``texts`` are text, numbers stand to the right."""
    cells = [[cell(each) for each in row] for row in rows]
    left = {columns[0], *texts}
    if sys.stdout.isatty():
        _draw(title, columns, cells, left)
        return
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    sys.stdout.write(f"{title}\n")
    for row in (columns, *cells):
        parts = [
            each.ljust(width) if name in left else each.rjust(width)
            for name, each, width in zip(columns, row, widths, strict=True)
        ]
        sys.stdout.write("  ".join(parts).rstrip() + "\n")
    sys.stdout.write("\n")


def facts(title: str, values: Mapping[str, Any]) -> None:
    """Names and what they are, a line each, text to the left."""
    width = max(map(len, values))
    lines = [f"{name.ljust(width)}  {cell(value)}" for name, value in values.items()]
    sys.stdout.write("\n".join([title, *lines]) + "\n\n")


def cell(value: Any) -> str:
    """A value as a table shows it; what is undefined or not there is a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def trained(result: "Trained") -> None:
    """How the members came out or, with a test part, what they are worth."""
    if result.test is not None:
        metrics(result.test)
        return
    columns = ("member", "weights by", "epoch", "steps", "train loss", "valid loss", "seconds")
    rows = [
        (
            str(each.member),
            each.selected_by,
            each.epoch,
            each.steps,
            each.train_loss,
            each.valid_loss,
            f"{each.seconds:.1f}",
        )
        for each in result.members
    ]
    table(f"{result.data}: members", columns, rows)


def metrics(report: "Report") -> None:
    """A row a member, their mean and the ensemble."""
    about, evaluation = report.provenance, report.evaluation
    title = (
        f"{about.data}: {evaluation.n_instances} instances; {about.network}, recipe "
        f"{about.recipe}, seed {about.seed}, {about.members} members"
    )
    names = map(_heading, evaluation.table.columns)
    rows = ((who, *map(float, values)) for who, *values in evaluation.table.itertuples())
    table(title, ("", *names), rows)


def evaluated(report: "Report") -> None:
    """Everything that was evaluated."""
    evaluation = report.evaluation
    metrics(report)
    table(
        "ensemble minus mean member",
        ("", *map(_heading, evaluation.gain)),
        [("gain", *evaluation.gain.values())],
    )
    table(
        "accuracy by size of the ensemble",
        ("size", "subsets", "mean", "sd"),
        (
            (str(size), int(n_subsets), float(mean), float(sd))
            for _, size, n_subsets, mean, sd in evaluation.size_curve.itertuples()
        ),
    )
    facts("members", {"disagreement": evaluation.disagreement})
    names = list(evaluation.per_class.columns)
    rows = (
        (str(label), *map(_count, values)) for label, *values in evaluation.per_class.itertuples()
    )
    table("by class", ("class", *names), rows)
    _confusion(evaluation.confusion)


def inspected(result: "Inspection") -> None:
    """What a set is, and what training on it would do."""
    schema = result.schema
    roles = {"layout": schema.layout, "label": schema.label, "id": schema.id, "time": schema.time}
    known = {f"{name} column" if name != "layout" else name: each for name, each in roles.items()}
    if schema.series:
        known["series columns"] = _shorten(schema.series)
    facts(
        result.name,
        {
            "format": result.format,
            **{name: each for name, each in known.items() if each},
            "channels": ", ".join(result.channels) or result.train.n_channels,
        },
    )
    parts = [("train", result.train)] + ([("test", result.test)] if result.test else [])
    table(
        "parts",
        ("", "instances", "channels", "shortest", "median", "longest", "missing"),
        [_part(name, part) for name, part in parts],
    )
    if result.train.counts:
        rows = [(label, *_counts(label, parts)) for label in result.train.counts]
        table("classes", ("class", *(name for name, _ in parts)), rows)
    if result.plan:
        facts("training", _plan(result.plan, result.train))
    else:
        facts("training", {"not possible": result.obstacle})


def settings(title: str, rows: Iterable[tuple[str, Any, str]]) -> None:
    """A row a setting, its value as --set takes it."""
    written = [(name, _as_set(value), meaning) for name, value, meaning in rows]
    table(title, ("setting", "value", "meaning"), written, texts=("value", "meaning"))


def _as_set(value: Any) -> str:
    """A setting's value as --set takes it."""
    return "none" if value is None else json.dumps(value).strip('"')


def networks(cards: Sequence["NetworkCard"]) -> None:
    """A row a network."""
    rows = [(each.name, f"{each.n_parameters:,}", each.receptive_field) for each in cards]
    table(
        f"networks, for {_card_case(cards[0])}",
        ("name", "parameters", "receptive field"),
        rows,
    )
    facts("papers", {each.name: each.paper for each in cards})


def network(card: "NetworkCard") -> None:
    """All of one network."""
    about = {
        "parameters": f"{card.n_parameters:,} for {_card_case(card)}",
        "receptive field": f"{card.receptive_field} time points",
        "paper": card.paper,
    }
    facts(f"{card.name}: {card.summary}", about)
    options = {name: _as_set(default) for name, default in card.options.items()}
    facts("options, as in --set network.options.NAME=VALUE", options)


def _card_case(card: "NetworkCard") -> str:
    return f"one channel, two classes, series of {card.n_timepoints} time points"


def formats(cards: Sequence["FormatCard"]) -> None:
    """A line a format."""
    facts("formats", {f"{each.name} ({', '.join(each.suffixes)})": each.summary for each in cards})


def _draw(
    title: str, columns: Sequence[str], cells: Iterable[Sequence[str]], left: Collection[str]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for k, name in enumerate(columns):
        justify: Literal["left", "right"] = "left" if name in left else "right"
        drawn.add_column(Text(name), justify=justify, overflow="fold", no_wrap=not k)
    for row in cells:
        drawn.add_row(*map(Text, row))
    console = Console()
    console.print(Text(title))
    console.print(drawn)


def _heading(name: str) -> str:
    """A metric's name, which a narrow terminal may break between words."""
    return name.replace("_", " ") if sys.stdout.isatty() else name


def _confusion(matrix: Any) -> None:
    """The counts or, where there are many classes, the commonest confusions."""
    classes = [str(label) for label in matrix.index]
    counts = matrix.to_numpy().tolist()
    if len(classes) <= MOST_CLASSES_IN_A_MATRIX:
        rows = [(label, *row) for label, row in zip(classes, counts, strict=True)]
        table("confusion: a row a label, a column a prediction", ("", *classes), rows)
        return
    pairs = [
        (count, true, predicted)
        for true, row in zip(classes, counts, strict=True)
        for predicted, count in zip(classes, row, strict=True)
        if true != predicted and count
    ]
    commonest = sorted(pairs, key=lambda pair: -pair[0])[:MOST_CLASSES_IN_A_MATRIX]
    rows = [(true, predicted, count) for count, true, predicted in commonest]
    table("commonest confusions (--json has all)", ("label", "prediction", "count"), rows)


def scheduled(schedule: "Schedule") -> None:
    """The cells of a benchmark, and what they are expected to take."""
    rows = [
        (task.cell.name, "finished" if task.finished else f"{task.seconds:.0f}")
        for task in schedule.tasks
    ]
    table(f"{len(rows)} cells", ("cell", "seconds"), rows)
    facts(
        "estimate",
        {
            "cells to run": len(schedule.left),
            "at once": schedule.processes,
            "hours": f"{schedule.seconds / 3600:.2f}",
        },
    )


def collected(results: "pd.DataFrame") -> None:
    """A row a run, then those that did not finish."""
    names = ("network", "recipe", "members", "resample", "seed", "accuracy", "log_loss", "auroc")
    columns = ("dataset", *names, "train_seconds")
    failed = results["failure"].notna()
    done = results.loc[~failed, list(columns)].itertuples(index=False)
    table("runs", columns, ([_count(value) for value in row] for row in done))
    if failed.any():
        rows = results.loc[failed, ["run", "failure"]].itertuples(index=False)
        table("not finished", ("run", "why"), rows)


def text(words: str) -> None:
    """Text as it stands."""
    sys.stdout.write(words)


def compared(result: "Comparison") -> None:
    """Methods by rank, what tests say of each pair, and cliques."""
    from tsconv.workflows.typeset import pair_cells

    methods = result.summary.itertuples()
    table(
        f"{result.metric} over {len(result.scores)} sets",
        ("method", "mean", "median", "mean rank", "best on"),
        ([str(name), *map(float, values[:3]), int(values[3])] for name, *values in methods),
    )
    headings, rows = pair_cells(result)
    equal = "" if result.rope is None else f", equal within {result.rope:g}"
    table(f"pairs{equal}", headings, rows, texts=("second",))
    if (test := result.friedman) is not None:
        facts(
            "Friedman",
            {
                "chi-square": f"{test.chi_square:.3f}, p {test.p_chi_square:.2g}",
                "Iman-Davenport F": f"{test.f:.3f}, p {test.p_f:.2g}",
            },
        )
    alike = [", ".join(clique) for clique in result.cliques] or ["none"]
    numbered = {f"{k}": names for k, names in enumerate(alike, 1)}
    facts(f"no significant difference (alpha {result.alpha:g}, Wilcoxon with Holm)", numbered)


def _count(value: Any) -> Any:
    """Numbers of pandas as Python's."""
    return value.item() if hasattr(value, "item") else value


def _shorten(names: Sequence[str]) -> str:
    if len(names) <= 6:
        return ", ".join(names)
    return f"{names[0]}, {names[1]} ... {names[-1]} ({len(names)})"


def _part(name: str, part: "Part") -> tuple[Any, ...]:
    shortest, median, longest = part.lengths
    missing = f"{100 * part.missing:.2f}%"
    return name, part.n_instances, part.n_channels, shortest, f"{median:g}", longest, missing


def _counts(label: str, parts: Iterable[tuple[str, "Part | None"]]) -> list[int | None]:
    return [(part.counts or {}).get(label) if part else None for _, part in parts]


def _plan(plan: "Plan", train: "Part") -> dict[str, Any]:
    seen, longest = plan.receptive_field, train.lengths[2]
    return {
        "network": plan.network,
        "options": ", ".join(f"{name}={_as_set(each)}" for name, each in plan.options.items())
        or None,
        "parameters": f"{plan.n_parameters:,} a member, {plan.members} members",
        "receptive field": f"{seen} time points, the longest series has {longest}",
        "instances": f"{plan.n_train} to train on, {plan.n_valid} held out",
        "steps": (
            f"{plan.steps} a member, batches of {plan.batch_size}: {plan.epochs:.1f} epochs "
            f"(recipe {plan.recipe})"
        ),
        "arithmetic": f"{plan.precision} on {plan.device}: {plan.reason}",
        "layers": plan.layers,
        "replay": "steps are recorded once and replayed"
        if plan.against_replay is None
        else f"steps are not replayed: {plan.against_replay}",
        "memory": f"about {max(1, round(1024 * plan.memory_gb))} MiB",
    }

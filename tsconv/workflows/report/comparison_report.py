"""The report of a comparison: which method is better, over which sets, and how sure that is."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tsconv.errors import DataError
from tsconv.evaluation.results import method_names
from tsconv.workflows.compare import Comparison, Terms, read_results
from tsconv.workflows.figures import COMPARISON_FIGURES
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
from tsconv.workflows.report.wording import count, duration, listed
from tsconv.workflows.typeset import pair_cells, share_words

PROVENANCE = {
    "network": "method",
    "recipe": "recipe",
    "members": "members",
    "seed": "seed",
    "resample": "resample",
    "selection": "weights by",
    "device": "device",
    "precision": "precision",
    "version": "tsconv",
    "commit": "commit",
}
"""Columns of a collected table that say where its numbers come from, and what a page calls them."""
MOST_VALUES = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Compared:
    """A comparison, and what it was made of."""

    tables: Sequence[Path]
    terms: Terms
    comparison: Comparison


Build = Callable[[Compared], tuple[Block, ...]]


def comparison_report(tables: Sequence[Path], terms: Terms) -> Page:
    """The page about methods over many sets.

    Raises:
        DataError: tables that cannot be read or compared.
    """
    compared = Compared(tables=tables, terms=terms, comparison=terms.compare(tables))
    comparison = compared.comparison
    n_sets, n_methods = comparison.scores.shape
    names = listed([str(name) for name in comparison.scores])
    return Page(
        title=f"{n_methods} methods on {n_sets} sets",
        subtitle=f"{comparison.metric.replace('_', ' ')}: {names}",
        sections=tuple(section(compared, name, title, build) for name, title, build in SECTIONS),
        footer=f"made of {', '.join(map(str, tables))}",
    )


def section(compared: Compared, name: str, title: str, build: Build) -> Section:
    """A section or, where the tables do not tell what it shows, why it is left out."""
    try:
        return Section(name, title, build(compared))
    except DataError as error:
        return Section(name, title, left_out=str(error))


def methods(compared: Compared) -> tuple[Block, ...]:
    """Means and ranks, and whether any method differs."""
    comparison = compared.comparison
    best = comparison.summary.iloc[0]
    tiles = {
        "sets": len(comparison.scores),
        "methods": len(comparison.summary),
        "best mean rank": f"{comparison.summary.index[0]}, {best['mean_rank']:.2f}",
        f"its mean {comparison.metric.replace('_', ' ')}": float(best["mean"]),
    }
    rows = [
        (
            str(name),
            *map(float, (row["mean"], row["median"])),
            f"{row['mean_rank']:.2f}",
            int(row["wins"]),
            None if pd.isna(time) else duration(float(time)),
        )
        for (name, row), time in zip(comparison.summary.iterrows(), comparison.seconds, strict=True)
    ]
    columns = ("method", "mean", "median", "mean rank ↓", "best on", "training")
    blocks: tuple[Block, ...] = (Tiles(tiles), Table(columns, rows))
    words = (
        f"{'More' if comparison.higher_is_better else 'Less'} is better. Ranks are counted from "
        "1, the best, on each set; equals share the mean of theirs, and all that share the best "
        "value of a set are best on it. "
        "Training is the time of all members on all these sets."
    )
    if (test := comparison.friedman) is None:
        return (*blocks, Words(words))
    verdict = (
        f"Whether any method differs: Friedman's χ² {test.chi_square:.2f}, "
        f"p {test.p_chi_square:.2g}; Iman and Davenport's F {test.f:.2f}, p {test.p_f:.2g}."
    )
    return (*blocks, Words(words), Words(verdict))


def ranks(compared: Compared) -> tuple[Block, ...]:
    """The critical-difference diagram and what its bars cover."""
    comparison = compared.comparison
    caption = (
        "Mean ranks, the best to the right; a bar lies over methods of which no pair differs "
        "significantly (two-sided Wilcoxon signed-rank tests with Holm's correction, "
        f"{comparison.alpha:g})."
    )
    alike = [listed(clique) for clique in comparison.cliques]
    words = "No significant difference within: " + "; ".join(alike) + "."
    if not alike:
        words = "Every method differs significantly from its neighbour in rank."
    return figure(compared, "cd", caption), Words(words)


def pairs(compared: Compared) -> tuple[Block, ...]:
    """All pairs, those that differ significantly standing out."""
    comparison = compared.comparison
    (_, _, *headings), cells = pair_cells(comparison)
    significant = comparison.pairs["p_holm"] < comparison.alpha
    joined = [(f"{first} – {second}", *rest) for first, second, *rest in cells]
    rows = [
        list(map(Strong, row)) if differs else row
        for row, differs in zip(joined, significant, strict=True)
    ]
    words = (
        "The method of the better mean rank comes first. W/D/L: sets that it won, drew, lost; "
        "difference: of the means, with its bootstrap interval over sets; effect: matched-pairs "
        "rank-biserial correlation, with its own. Pairs that differ at "
        f"{comparison.alpha:g} after Holm's correction stand out."
    )
    blocks = (Table(("pair", *headings), rows), Words(words))
    if comparison.rope is None:
        return blocks
    return (*blocks, Words(share_words(comparison.rope)))


def matrix(compared: Compared) -> tuple[Block, ...]:
    """The multi-comparison matrix."""
    caption = (
        "A row against a column: difference of the means, sets won, drawn and lost by the row, p "
        "after Holm's correction; orange where the row is behind, violet where it is ahead."
    )
    return (figure(compared, "matrix", caption),)


def scatter(compared: Compared) -> tuple[Block, ...]:
    """The two methods of the best ranks."""
    caption = "The two methods of the best mean ranks, a point a set; those far apart are named."
    return (figure(compared, "scatter", caption),)


def cost(compared: Compared) -> tuple[Block, ...]:
    """Mean score against time."""
    caption = (
        "Mean over the sets against the seconds of training that they took together; lines are "
        "methods whose time is not known. Seconds of different machines do not compare."
    )
    return (figure(compared, "time", caption),)


def by_set(compared: Compared) -> tuple[Block, ...]:
    """Every score, the best of a set standing out, and the sets that were left out."""
    comparison = compared.comparison
    rounded = comparison.scores.round(9)
    best = rounded.max(axis=1) if comparison.higher_is_better else rounded.min(axis=1)
    rows = [
        [str(name), *(Strong(v) if v == best[name] else v for v in map(float, values))]
        for name, *values in rounded.itertuples()
    ]
    table = Table(("set", *map(str, rounded)), rows)
    if not comparison.left_out:
        return (table,)
    return table, Words("Left out, since not all methods have them:"), Facts(comparison.left_out)


def runs(compared: Compared) -> tuple[Block, ...]:
    """Where the numbers of each table come from."""
    blocks: list[Block] = []
    for path in compared.tables:
        table = read_results(path)
        if "network" not in table:
            continue
        known = [name for name in PROVENANCE if name in table]
        rows = [
            [str(method), len(part), *(values_of(part[name]) for name in known[1:])]
            for method, part in table.groupby(method_names(table), sort=True)
        ]
        headings = [PROVENANCE[name] for name in known[1:]]
        blocks += [Words(str(path)), Table(("method", "runs", *headings), rows)]
    if not blocks:
        raise DataError("tables with a column a method do not tell of runs; collected ones do")
    if compared.terms.against:
        words = "Published figures come with tsconv, which names their sources: "
        blocks.append(Words(f"{words}tsconv compare --list-published."))
    return tuple(blocks)


def repeat(compared: Compared) -> tuple[Block, ...]:
    """The commands that give this comparison, and this page."""
    arguments = [*map(str, compared.tables), *compared.terms.flags()]
    commands = (["tsconv", "compare", *arguments], ["tsconv", "report", *arguments])
    return (Code("\n".join(map(shlex.join, commands))),)


SECTIONS: tuple[tuple[str, str, Build], ...] = (
    ("methods", "Methods", methods),
    ("cd", "Critical difference", ranks),
    ("pairs", "All pairs", pairs),
    ("matrix", "Matrix of pairs", matrix),
    ("scatter", "The two best", scatter),
    ("time", "Accuracy against time", cost),
    ("sets", "Set by set", by_set),
    ("runs", "Runs", runs),
    ("repeat", "Repeat it", repeat),
)


def figure(compared: Compared, name: str, caption: str) -> Block:
    """One of the comparison's figures as a block."""
    return drawing(name, COMPARISON_FIGURES[name](compared.comparison), caption)


def values_of(column: pd.Series) -> str:
    """The different values of a column, or how many they are."""
    values = [
        f"{value:g}" if isinstance(value, float) else str(value)
        for value in column.dropna().unique()
    ]
    if len(values) > MOST_VALUES:
        return count(len(values), "value")
    return ", ".join(value[:12] for value in values) or "–"

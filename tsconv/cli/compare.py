"""tsconv compare."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options, render


class Form(StrEnum):
    """How the comparison is written."""

    table = "table"
    csv = "csv"
    csv_pairs = "csv-pairs"
    markdown = "markdown"
    latex = "latex"


Tables = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="TABLE...",
        help="Of collect or benchmark, with a column a method, or tsml-eval's folder of results.",
    ),
]
FormOption = Annotated[
    Form, typer.Option("--format", help="How to write it; csv: methods; csv-pairs: all pairs.")
]
Figures = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Also draw it, as .png and .svg, in here.")
]
ListPublished = Annotated[
    bool, typer.Option("--list-published", help="Show the published methods, and stop.")
]


def compare(
    tables: Tables = None,
    *,
    against: options.Against = None,
    metric: options.Metric = "accuracy",
    datasets: options.Datasets = None,
    alpha: options.Alpha = 0.05,
    rope: options.Rope = None,
    form: FormOption = Form.table,
    figures: Figures = None,
    list_published: ListPublished = False,
    json: options.Json = False,
) -> None:
    """Compare methods over many sets.

    Mean ranks, two-sided Wilcoxon signed-rank tests of all pairs with Holm's correction, cliques,
    Friedman's test, effects with bootstrap intervals; over the sets, resamples and seeds that all
    methods have.
    """
    from tsconv.workflows import compare as workflow

    if list_published:
        known = workflow.list_published()
        columns, rows = list(map(str, known)), known.itertuples(index=False)
        render.table("published", columns, rows, texts=("name", "source", "series"))
        return
    if not tables:
        raise typer.BadParameter("expected a table to compare", param_hint="TABLE...")
    if rope is not None and form is Form.csv and not json:
        raise typer.BadParameter(
            "its probabilities are of pairs, which --format csv-pairs has", param_hint="--rope"
        )
    result = workflow.compare(
        tables,
        against=against or (),
        metric=metric,
        datasets=datasets or (),
        alpha=alpha,
        rope=rope,
    )
    if json:
        render.document(result.to_dict())
    elif form is Form.table:
        render.compared(result)
    else:
        from tsconv.workflows.typeset import typeset

        render.text(typeset(result, form))
    for name, reason in result.left_out.items():
        console.say(f"left out: {name}, {reason}")
    if figures is not None:
        from tsconv.workflows.plot import draw_comparison

        draw_comparison(result, figures)
        console.say(f"figures in {figures}")

"""tsconv plot."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options

Kind = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help=(
            "Of a run: learning-curve, confusion, reliability, size-curve, hardest, cam. "
            "Of tables of results: cd, matrix, scatter, time."
        ),
        show_default=False,
    ),
]
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="A .png, .svg or .pdf file.")
]


def plot(
    kind: Kind,
    sources: options.Sources,
    *,
    out: Out,
    data: options.TestData = None,
    against: options.Against = None,
    metric: options.Metric = "accuracy",
    datasets: options.Datasets = None,
    alpha: options.Alpha = 0.05,
) -> None:
    """Draw one figure of a run, or of methods over many sets.

    A run's learning curve, confusion matrix, reliability diagram, accuracy by size of the ensemble,
    hardest series, class-activation maps; tables' critical-difference diagram, matrix of all pairs,
    scatter of the two best, accuracy against time.
    """
    from tsconv.workflows.compare import Terms
    from tsconv.workflows.plot import plot as draw

    terms = Terms(
        against=tuple(against or ()), metric=metric, datasets=tuple(datasets or ()), alpha=alpha
    )
    draw(kind, sources, out, data=data, terms=terms)
    console.say(f"figure in {out}")

"""tsconv report."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options, render

Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE.html", help="The file to write.")]


def report(
    sources: options.Sources,
    *,
    data: options.TestData = None,
    against: options.Against = None,
    metric: options.Metric = "accuracy",
    datasets: options.Datasets = None,
    alpha: options.Alpha = 0.05,
    rope: options.Rope = None,
    out: Out = Path("report.html"),
    json: options.Json = False,
) -> None:
    """Write a report on a run or a comparison, one HTML file that needs nothing else.

    A run's: what was trained on what, metrics, learning curves, confusion, calibration, the hardest
    series, class-activation maps, the command that repeats it. Tables': all that `tsconv compare`
    finds.
    """
    from tsconv.workflows.compare import Terms
    from tsconv.workflows.report.write import report as write

    terms = Terms(
        against=tuple(against or ()),
        metric=metric,
        datasets=tuple(datasets or ()),
        alpha=alpha,
        rope=rope,
    )
    result = write(sources, out, data=data, terms=terms)
    if json:
        render.document(result.to_dict())
    for name, reason in result.left_out.items():
        console.say(f"left out {name}: {reason}")
    console.say(f"report in {out}")

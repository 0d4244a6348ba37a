"""tsconv evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options, render

Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="Also write the metrics here, with what they stand for."),
]


def evaluate(
    run: options.RunPath,
    data: options.Data,
    out: Out = None,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Measure a run on labelled series.

    Every metric of the ensemble and its members, on a file or on a set's test part.
    """
    from tsconv.workflows.evaluate import evaluate as measure

    report = measure(run, data, out=out)
    if json:
        render.document(report.to_dict())
    else:
        render.evaluated(report)
    if out is not None:
        console.say(f"metrics in {out}")

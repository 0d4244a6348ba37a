"""tsconv predict."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options

Data = Annotated[
    str,
    typer.Argument(
        help="A file, a set (its test part), or - for standard input.",
        show_default=False,
    ),
]
Out = Annotated[str, typer.Option(help="A .csv file, or - for standard output.")]
Format = Annotated[str, typer.Option(help="Format of standard input, see `tsconv formats`.")]


def predict(
    run: options.RunPath,
    data: Data,
    out: Out = "predictions.csv",
    format: Format = "csv",
    offline: options.Offline = False,
) -> None:
    """Classify series, with or without labels.

    Writes a row for each: its id or row number, the columns that came with it, the prediction, and
    one probability column a class, named by the class. Labels are not looked at, the order is kept,
    and memory stays bounded for any size of file.
    """
    from tsconv.workflows.predict import predict as classify

    source = sys.stdin.buffer if data == "-" else data
    target = sys.stdout.buffer if out == "-" else Path(out)
    result = classify(run, source, target, format=format)
    where = "standard output" if out == "-" else out
    counts = ", ".join(f"{label}: {count}" for label, count in result.counts.items())
    console.say(f"{result.n_instances} predictions in {where}, {result.seconds:.1f} s ({counts})")

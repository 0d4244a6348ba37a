"""tsconv collect."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options, render

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Folders with runs anywhere below them.")
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A .csv or .parquet file for the table.")
]
Tsml = Annotated[
    Path | None,
    typer.Option("--tsml", metavar="DIR", help="Also write tsml-eval's results layout here."),
]


def collect(
    folders: Folders, out: Out = None, tsml: Tsml = None, json: options.Json = False
) -> None:
    """Gather runs into one long table, a row a run."""
    from tsconv.workflows import collect as workflow

    table = workflow.collect(folders, out=out)
    if json:
        render.document(workflow.to_records(table))
    else:
        render.collected(table)
    if out is not None:
        console.say(f"table in {out}")
    if tsml is not None:
        from tsconv.workflows.tsml import write_results

        n_written = write_results(folders, tsml)
        console.say(f"{n_written} results of tsml-eval's layout in {tsml}")

"""Options that several commands share, each once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

JSON_ASKED = "tsconv.json"


class Layout(StrEnum):
    """Shapes of a table."""

    wide = "wide"
    long = "long"


def _remember_json(context: typer.Context, value: bool) -> bool:
    """Let whoever reports an error know that a machine is listening."""
    context.meta[JSON_ASKED] = value
    return value


def _go_offline(context: typer.Context, value: bool) -> bool:
    """Download nothing until the command has ended, nor in processes that it starts."""
    if value:
        from tsconv.workflows.datasets import offline

        context.with_resource(offline())
    return value


Data = Annotated[
    str,
    typer.Argument(
        help="A file, a folder with one set (<Name>_TRAIN.*), or an archive set's name.",
        show_default=False,
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(help="A run directory, as train wrote it.", show_default=False),
]
Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN|TABLE...",
        help="A run directory, or tables of collect or benchmark (.csv, .parquet).",
        show_default=False,
    ),
]
TestData = Annotated[
    str | None,
    typer.Option(
        "--data", help="Run: labelled series to test on now; its own test part unless given."
    ),
]
Network = Annotated[
    str | None, typer.Option(help="Network, see `tsconv networks`; inception unless given.")
]
Members = Annotated[
    int | None, typer.Option(help="Networks in the ensemble; the recipe's unless given.", min=1)
]
Recipe = Annotated[
    str | None, typer.Option(help="Preset of settings: fast, the default, or paper.")
]
Seed = Annotated[int | None, typer.Option(help="All random numbers come from it; 0.", min=0)]
Valid = Annotated[
    Path | None, typer.Option(help="Labelled file to validate on.", show_default=False)
]
ValidFraction = Annotated[
    float | None,
    typer.Option(help="Share of the training part to validate on instead.", show_default=False),
]
Label = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Table: the column of class labels.")
]
Id = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Table: the column that names instances.")
]
Time = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Long table: the column of times.")
]
TableLayout = Annotated[
    Layout | None,
    typer.Option("--layout", help="Table: a row an instance (wide) or a time point (long)."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="Settings on top of the recipe."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting, such as training.lr=3e-4; repeatable."
    ),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N; auto unless given.")]
Precision = Annotated[
    str | None, typer.Option(help="auto, float32 or bfloat16; auto unless given.")
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        help="Tables: beside published, for the usual methods, or published:NAME; repeatable."
    ),
]
Metric = Annotated[str, typer.Option(help="Tables: the column to compare by.")]
Datasets = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Tables: only these sets; patterns too; repeatable."),
]
Alpha = Annotated[float, typer.Option(help="Tables: level of significance.")]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on standard output.", callback=_remember_json),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Download nothing; so does TSCONV_OFFLINE=1.",
        callback=_go_offline,
    ),
]

"""Options that several commands share, each once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

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
        metavar="RUN|TABLE|FOLDER...",
        help="A run directory, or what `tsconv compare` takes: tables of collect (.csv, .parquet), "
        "benchmarks' folders, tsml-eval's folders of results.",
        show_default=False,
    ),
]
TestData = Annotated[
    str | None,
    typer.Option(
        "--data", help="Run: labelled series to test on now; its own test part unless given."
    ),
]
PlanFile = Annotated[
    Path | None, typer.Argument(metavar="[PLAN.toml]", help="The plan; flags replace its entries.")
]
PlanDatasets = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        "-d",
        help="A set's name, a group such as ucr112, a file or folder; repeatable.",
    ),
]
Traits = Annotated[
    list[str] | None,
    typer.Option(
        "--trait", help="Only sets that have it, such as univariate or no-missing; repeatable."
    ),
]
Networks = Annotated[
    list[str] | None, typer.Option("--network", help="Registered name; repeatable.")
]
Recipes = Annotated[list[str] | None, typer.Option("--recipe", help="Preset; repeatable.")]
Sizes = Annotated[
    list[int] | None, typer.Option("--members", help="Size of the ensemble; repeatable.", min=1)
]
Resamples = Annotated[
    list[int] | None,
    typer.Option("--resample", help="0: a set's own split; others are drawn; repeatable.", min=0),
]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Repeatable.", min=0)]
Benchmark = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of a benchmark.", show_default=False)
]
BenchmarkOut = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Where runs, logs and the table of results go."),
]
SiteFile = Annotated[
    Path | None,
    typer.Option(
        "--site",
        metavar="FILE.toml",
        help="What the site wants of jobs; else that of $TSCONV_SITE.",
    ),
]
Profile = Annotated[str, typer.Option(help="A table of the site's file.")]
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
        help="Tables: beside published or published:NAME; published-resamples for means of 30."
    ),
]
Metric = Annotated[str, typer.Option(help="Tables: the column to compare by.")]
Datasets = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Tables: only these sets; patterns, groups too; repeatable."),
]
Alpha = Annotated[float, typer.Option(help="Tables: level of significance.")]
Rope = Annotated[
    float | None,
    typer.Option(
        help="Tables: add Bayesian probabilities; differences up to this are equal.", min=0
    ),
]
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


def plan_flags(
    *,
    dataset: list[str] | None,
    trait: list[str] | None,
    network: list[str] | None,
    recipe: list[str] | None,
    members: list[int] | None,
    resample: list[int] | None,
    seed: list[int] | None,
) -> dict[str, Any]:
    """What the flags of a plan give, by the names of its entries."""
    return {
        "datasets": dataset,
        "traits": trait,
        "networks": network,
        "recipes": recipe,
        "members": members,
        "resamples": resample,
        "seeds": seed,
    }

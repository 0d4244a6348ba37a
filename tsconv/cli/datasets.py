"""tsconv datasets: the sets of the archives; what there is, what is here, and how it gets here."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, dataset_tables, options, render
from tsconv.cli.convert import convert

SOME_FAILED = 3

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAMES]...", help="Of sets, or groups such as ucr112.", show_default=False
    ),
]
Name = Annotated[str, typer.Argument(help="Of a set, an older one too.", show_default=False)]
Archive = Annotated[str | None, typer.Option(help="ucr or uea; both unless given.")]
Traits = Annotated[
    list[str] | None,
    typer.Option(
        "--trait",
        metavar="TRAIT,...",
        help="Sets that have all: unequal, missing, univariate, multivariate, binary, or lack "
        "them: no-missing and so on.",
    ),
]
Have = Annotated[bool, typer.Option("--have", help="Only sets that are on this machine.")]
Every = Annotated[bool, typer.Option("--all", help="Both archives whole.")]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="PLAN.toml", help="The sets of a benchmark's plan.")
]
Lock = Annotated[bool, typer.Option("--lock", help="Add to the lock sets that it lacks.")]

app = typer.Typer(
    help="List, fetch, verify the archives' sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(convert)


@app.command("list")
def list_sets(
    names: Names = None,
    *,
    archive: Archive = None,
    trait: Traits = None,
    have: Have = False,
    json: options.Json = False,
) -> None:
    """List sets with their sizes and traits.

    All of both archives unless some are named or asked for; the last column says which are here.
    """
    from tsconv.workflows.datasets import list_sets as run

    result = run(names or (), archive=archive, traits=trait or (), have=have)
    if json:
        render.document([each.to_dict() for each in result])
    else:
        dataset_tables.listed(result)


@app.command()
def show(name: Name, *, json: options.Json = False) -> None:
    """Show all that is known of one set.

    Its sizes and traits, groups and older names, its files, and where it would come from.
    """
    from tsconv.workflows.datasets import show_set

    result = show_set(name)
    render.document(result.to_dict()) if json else dataset_tables.shown(result)


@app.command()
def fetch(
    names: Names = None,
    *,
    every: Every = False,
    plan: PlanFile = None,
    json: options.Json = False,
) -> None:
    """Download sets before anything needs them.

    Sets that are on this machine are left alone; verify reads them. A set that cannot be had stops
    no other; the same command again goes on from what has arrived. Exit code 3 if one failed.
    """
    from tsconv.workflows.fetch import choose_sets
    from tsconv.workflows.fetch import fetch as run

    entries = choose_sets(names or (), every=every, plan=plan)
    results = []
    for number, result in enumerate(run(entries), start=1):
        results.append(result)
        console.say_timed(f"{number} of {len(entries)}: {dataset_tables.describe(result)}")
    if json:
        render.document([each.to_dict() for each in results])
    else:
        dataset_tables.fetched(results)
    failed = [each.name for each in results if each.state == "failed"]
    if failed:
        console.say(f"error: {len(failed)} of {len(results)} sets failed: {', '.join(failed)}")
        raise typer.Exit(SOME_FAILED)


@app.command()
def verify(names: Names = None, *, lock: Lock = False, json: options.Json = False) -> None:
    """Hold sets against the catalogue and the lock.

    All that are on this machine unless some are named. Every file is read: instances, classes,
    lengths and channels are the catalogue's, sha256 is the lock's. Exit code 3 if a set is not
    as it should be.
    """
    from tsconv.workflows.verify import choose_here
    from tsconv.workflows.verify import verify as run

    results = []
    for result in run(choose_here(names or ()), lock=lock):
        results.append(result)
        for words in result.wrong:
            console.say(f"{result.name}: {words}")
    if json:
        render.document([each.to_dict() for each in results])
    else:
        dataset_tables.verified(results)
    wrong = [each.name for each in results if each.wrong]
    if wrong:
        console.say(f"error: {len(wrong)} of {len(results)} sets are not as they should be")
        raise typer.Exit(SOME_FAILED)

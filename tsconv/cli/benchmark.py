"""tsconv benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import board, console, options, render
from tsconv.stopping import listening

PlanFile = Annotated[
    Path | None, typer.Argument(metavar="[PLAN.toml]", help="The plan; flags replace its entries.")
]
Datasets = Annotated[
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
Members = Annotated[
    list[int] | None, typer.Option("--members", help="Size of the ensemble; repeatable.", min=1)
]
Resamples = Annotated[
    list[int] | None,
    typer.Option("--resample", help="0: a set's own split; others are drawn; repeatable.", min=0),
]
Seeds = Annotated[list[int] | None, typer.Option("--seed", help="Repeatable.", min=0)]
Out = Annotated[
    Path, typer.Option(metavar="DIR", help="Where runs, logs and the table of results go.")
]
ExecutorName = Annotated[str, typer.Option("--executor", help="What runs the cells.")]
Processes = Annotated[
    int | None, typer.Option(help="Cells side by side; one a core unless given.", min=1)
]
Devices = Annotated[
    list[str] | None, typer.Option("--gpu", help="Number of a GPU to share out; repeatable.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the cells and their cost, and stop.")]


CELLS_FAILED = 3


def benchmark(
    plan: PlanFile = None,
    *,
    dataset: Datasets = None,
    trait: Traits = None,
    network: Networks = None,
    recipe: Recipes = None,
    members: Members = None,
    resample: Resamples = None,
    seed: Seeds = None,
    out: Out = Path("benchmark"),
    executor: ExecutorName = "local",
    processes: Processes = None,
    gpu: Devices = None,
    dry_run: DryRun = False,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Run networks over many sets, and tabulate.

    Every combination of what is given is a cell with a run directory of its own. Finished cells are
    skipped, so the same command again does what is left; one that fails stops no other. A signal
    ends it with what is under way saved (exit code 75).
    """
    flags = {
        "datasets": dataset,
        "traits": trait,
        "networks": network,
        "recipes": recipe,
        "members": members,
        "resamples": resample,
        "seeds": seed,
    }
    with listening():
        from tsconv.workflows import benchmark as workflow
        from tsconv.workflows.plan import read_plan

        workers = workflow.make_executor(executor, processes=processes, devices=gpu or ())
        schedule = workflow.schedule(read_plan(plan, flags), out, processes=workers.processes)
        if dry_run:
            render.document(schedule.to_dict()) if json else render.scheduled(schedule)
            return
        with board.watching(schedule) as on_event:
            result = workflow.run(schedule, workers, on_event=on_event)
    if json:
        render.document(result.to_dict())
    else:
        render.collected(result.table)
    console.say(f"table in {' and '.join(map(str, result.files))}, {result.seconds:.0f} s")
    if len(result.failures):
        console.say(f"{len(result.failures)} cells did not finish; the same command tries again")
        raise typer.Exit(CELLS_FAILED)

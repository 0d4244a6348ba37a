"""tsconv benchmark."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsconv.cli import board, console, options, render
from tsconv.cli.submit import hand_in
from tsconv.errors import ConfigError
from tsconv.stopping import EXIT_CODE

if TYPE_CHECKING:
    from tsconv.workflows.benchmark import Benchmarked

ExecutorName = Annotated[str, typer.Option("--executor", help="What runs the cells.")]
Processes = Annotated[
    int | None, typer.Option(help="Cells side by side; one a GPU, else one a core.", min=1)
]
Devices = Annotated[
    list[str] | None, typer.Option("--gpu", help="Number of a GPU to share out; all; repeatable.")
]
Tasks = Annotated[
    str | None,
    typer.Option(
        metavar="N|FILE",
        help="Share the cells out into N tasks of like cost, or as FILE lists them.",
    ),
]
TaskNumber = Annotated[
    int | None, typer.Option("--task", help="Do this task's cells only, counted from 0.", min=0)
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Show the cells and their cost, and stop; for Slurm, write the scripts."
    ),
]


CELLS_FAILED = 3


def benchmark(
    plan: options.PlanFile = None,
    *,
    dataset: options.PlanDatasets = None,
    trait: options.Traits = None,
    network: options.Networks = None,
    recipe: options.Recipes = None,
    members: options.Sizes = None,
    resample: options.Resamples = None,
    seed: options.Seeds = None,
    out: options.BenchmarkOut = Path("benchmark"),
    executor: ExecutorName = "local",
    processes: Processes = None,
    gpu: Devices = None,
    tasks: Tasks = None,
    task: TaskNumber = None,
    site: options.SiteFile = None,
    profile: options.Profile = "default",
    dry_run: DryRun = False,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Run networks over many sets, and tabulate.

    Every combination of what is given is a cell with a run directory of its own. Finished cells are
    skipped, so the same command again does what is left; one that fails stops no other (exit code
    3), one that another process has is left to it. A signal ends it with what is under way saved.
    Exit code 75 says that the same command does the rest. Without a plan, the cells are those that
    the folder knows from earlier calls.
    """
    flags = options.plan_flags(
        dataset=dataset,
        trait=trait,
        network=network,
        recipe=recipe,
        members=members,
        resample=resample,
        seed=seed,
    )
    from tsconv.workflows import benchmark as workflow
    from tsconv.workflows.place import refuse_several, take_gpus

    refuse_several("benchmark", "its cells run side by side: --processes N, --gpu N")
    if executor in workflow.BATCH_SYSTEMS:
        _refuse_for_batch(executor, {"--gpu": gpu, "--tasks": tasks, "--task": task})
        hand_in(
            plan,
            flags,
            out=out,
            file=site,
            profile=profile,
            processes=processes,
            dry_run=dry_run,
            json=json,
        )
        return
    take_gpus(gpu or ())
    # All tasks of an array must share the cells out alike, whether or not their nodes have GPUs.
    schedule = workflow.plan_cells(plan, flags, out, gpus=None if tasks is None else False)
    workers = workflow.make_executor(schedule, executor, processes=processes, devices=gpu or ())
    schedule = dataclasses.replace(schedule, processes=workers.processes)
    if tasks is not None or task is not None:
        schedule = workflow.share_of(schedule, tasks, task)
    if dry_run:
        render.document(schedule.to_dict()) if json else render.scheduled(schedule)
        return
    with board.watching(schedule) as on_event:
        result = workflow.run(schedule, workers, on_event=on_event)
    _conclude(result, json=json)


def _refuse_for_batch(executor: str, given: dict[str, Any]) -> None:
    """Raise ConfigError for options that only cells run here and now could follow."""
    if astray := [name for name, value in given.items() if value not in (None, [])]:
        raise ConfigError(
            f"--executor {executor}: found {' and '.join(astray)}, expected none of it: all cells "
            "are shared out into tasks, and GPUs asked for by the site's profile or tsconv submit"
        )


def _conclude(result: "Benchmarked", *, json: bool) -> None:
    """What came of it all, and the exit code."""
    if json:
        render.document(result.to_dict())
    else:
        render.collected(result.table)
    if result.files:
        console.say(f"table in {' and '.join(map(str, result.files))}, {result.seconds:.0f} s")
    if result.held:
        console.say(
            f"{len(result.held)} cells are left to other processes, which have them; once they are "
            "done, the same command tabulates all"
        )
    if result.failed:
        console.say(f"{len(result.failed)} cells did not finish; the same command tries again")
    if result.failed or result.held:
        raise typer.Exit(CELLS_FAILED if result.failed else EXIT_CODE)

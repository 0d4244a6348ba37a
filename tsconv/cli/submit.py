"""tsconv submit."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsconv.cli import console, job_tables, options, render

if TYPE_CHECKING:
    from tsconv.workflows.submit import Submitted

Partition = Annotated[str | None, typer.Option(help="Partition of the jobs.")]
Time = Annotated[
    str | None, typer.Option(help="Limit of each task, such as 4:00:00, which is the default.")
]
Gres = Annotated[str | None, typer.Option(help="Such as gpu:1.")]
Cpus = Annotated[int | None, typer.Option(help="Cores of each task; 1.", min=1)]
Memory = Annotated[str | None, typer.Option(help="Of each task, such as 8G.")]
Account = Annotated[str | None, typer.Option(help="Who pays.")]
MaxParallel = Annotated[
    int | None, typer.Option(help="Tasks that run at once; 50 unless the site says.", min=1)
]
SbatchArgument = Annotated[
    list[str] | None,
    typer.Option("--sbatch-arg", metavar="--OPTION=VALUE", help="Any other; repeatable."),
]
Processes = Annotated[
    int | None,
    typer.Option(help="Cells side by side in a task; one a GPU, else one a core.", min=1),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write the scripts, and submit nothing.")]


def submit(
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
    partition: Partition = None,
    time: Time = None,
    gres: Gres = None,
    cpus: Cpus = None,
    memory: Memory = None,
    account: Account = None,
    max_parallel: MaxParallel = None,
    sbatch_arg: SbatchArgument = None,
    site: options.SiteFile = None,
    profile: options.Profile = "default",
    processes: Processes = None,
    dry_run: DryRun = False,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Hand the cells of a benchmark to Slurm, as a job array, and return.

    Scripts and the list of tasks are written to DIR/slurm, to be read and edited. Cells that are
    finished or in the queue are left out, so the same command again submits what is missing. The
    tasks download nothing: sets that are not on this machine are warned of, with --offline refused.
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
    hand_in(
        plan,
        flags,
        out=out,
        file=site,
        profile=profile,
        processes=processes,
        dry_run=dry_run,
        json=json,
        max_parallel=max_parallel,
        arguments=sbatch_arg or (),
        options={
            "partition": partition,
            "time": time,
            "gres": gres,
            "cpus-per-task": cpus,
            "mem": memory,
            "account": account,
        },
    )


def hand_in(
    plan: Path | None,
    flags: Mapping[str, Any],
    *,
    out: Path,
    file: Path | None,
    profile: str,
    processes: int | None,
    json: bool,
    dry_run: bool = False,
    **given: Any,
) -> None:
    """Submit the cells of a plan by a site's profile, and say so."""
    from tsconv.workflows import submit as workflow
    from tsconv.workflows.benchmark import plan_cells

    site = workflow.read_site(file, profile, **given)
    schedule = plan_cells(plan, flags, out, gpus=workflow.asks_for_gpus(site))
    result = workflow.submit(schedule, site, processes=processes, dry_run=dry_run)
    tell(result, json=json)
    if dry_run and result.submission is not None:
        console.say(f"nothing is submitted; edit the scripts, then sh {result.submission.submit}")


def tell(result: "Submitted", *, json: bool) -> None:
    """What was submitted, and how to look."""
    if json:
        render.document(result.to_dict())
    else:
        job_tables.submitted(result)
    if result.absent:
        console.say(
            "warning: the tasks download nothing, and lack sets that are not on this machine; "
            f"before they start: tsconv datasets fetch {' '.join(result.absent)}"
        )
    for name in result.packed.too_long:
        console.say(
            f"warning: {name} alone is expected to take longer than the limit; it goes on from "
            "its checkpoint each time that it is requeued"
        )
    if result.jobs:
        console.say(f"submitted as {', '.join(result.jobs)}; see tsconv status {result.folder}")

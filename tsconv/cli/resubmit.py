"""tsconv resubmit."""

from typing import Annotated

import typer

from tsconv.cli import options
from tsconv.cli.submit import tell

Failed = Annotated[bool, typer.Option("--failed", help="Also the cells that ended with an error.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would be, and stop.")]


def resubmit(
    folder: options.Benchmark,
    *,
    failed: Failed = False,
    dry_run: DryRun = False,
    json: options.Json = False,
) -> None:
    """Hand to Slurm again what is unfinished and held by no job.

    It becomes new tasks of the last submission, and so runs by its script, edits and all.
    """
    from tsconv.workflows.submit import resubmit as run

    tell(run(folder, failed=failed, dry_run=dry_run), json=json)

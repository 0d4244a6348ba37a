"""tsconv status."""

from tsconv.cli import console, job_tables, options, render


def status(folder: options.Benchmark, *, json: options.Json = False) -> None:
    """Say what has become of each cell of a benchmark.

    Also while it runs, here, in Slurm's queue or on another machine: from the folder's files, and
    from squeue where there is one.
    """
    from tsconv.workflows.status import status as run

    result = run(folder)
    render.document(result.to_dict()) if json else job_tables.progress(result)
    if result.asked is False:
        console.say("squeue does not answer: what is told of jobs is what files tell")

"""tsconv train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsconv.cli import console, options, render
from tsconv.config import load_config
from tsconv.stopping import EXIT_CODE

if TYPE_CHECKING:
    from tsconv.workflows.train import Trained

Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Run directory, used as it is; runs/<data>/<network>/seed-<n>."
    ),
]
Member = Annotated[
    int | None,
    typer.Option(help="Train this member only, counted from 0; others may run at once.", min=0),
]
Processes = Annotated[
    int | None,
    typer.Option(
        help="Members side by side, a process each; 1: all in this one; what suits.", min=1
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--gpu",
        metavar="N",
        help="Train on this GPU, as CUDA_VISIBLE_DEVICES names it; repeatable.",
    ),
]
Resample = Annotated[
    int, typer.Option(help="0: the set's own split; else the seed of another.", min=0)
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Take away the run that is in the way; not in a job that is requeued."
    ),
]


def train(
    context: typer.Context,
    data: options.Data,
    *,
    network: options.Network = None,
    members: options.Members = None,
    recipe: options.Recipe = None,
    out: Out = None,
    seed: options.Seed = None,
    valid: options.Valid = None,
    valid_fraction: options.ValidFraction = None,
    label: options.Label = None,
    id: options.Id = None,
    time: options.Time = None,
    layout: options.TableLayout = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    device: options.Device = None,
    precision: options.Precision = None,
    member: Member = None,
    processes: Processes = None,
    gpu: Devices = None,
    resample: Resample = 0,
    overwrite: Overwrite = False,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Train an ensemble and save it as a run.

    If the data come with a test part, the run is evaluated on it once, at the end. Training is
    saved as it goes, and when a signal ends it (exit code 75); the same command again goes on.
    """
    flags = {
        "network.name": network,
        "members": members,
        "seed": seed,
        "valid_fraction": valid_fraction,
        "training.device": device,
        "training.precision": precision,
    }
    resolved = load_config(recipe, file=config, overrides=set_ or (), settings=flags)

    from tsconv.workflows.place import is_first, take_gpus
    from tsconv.workflows.schema import make_schema
    from tsconv.workflows.train import train as run

    take_gpus(gpu or ())
    schema = make_schema(label=label, id=id, time=time, layout=layout)
    with console.watching(resolved.members) as watch:
        result = run(
            data,
            resolved,
            out=out,
            schema=schema,
            valid=valid,
            member=member,
            processes=processes,
            devices=gpu or (),
            resample=resample,
            overwrite=overwrite,
            watch=watch,
            stop=context.obj,
        )
    if is_first():
        _conclude(result, whole=member is None, json=json)


def _conclude(result: "Trained", *, whole: bool, json: bool) -> None:
    """What came of it, and the exit code."""
    render.document(result.to_dict()) if json else render.trained(result)
    if not result.missing:
        console.say(f"run saved in {result.run}, {result.seconds:.1f} s")
        return
    missing = ", ".join(map(str, result.missing))
    console.say(f"run {result.run} is unfinished, members to be trained: {missing}")
    if whole:  # they were left to other processes
        raise typer.Exit(EXIT_CODE)

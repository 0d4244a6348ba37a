"""tsconv convert."""

from pathlib import Path
from typing import Annotated

import typer

from tsconv.cli import console, options

Source = Annotated[
    str,
    typer.Argument(
        help="A file of any format, a folder with one set, or an archive set's name.",
        show_default=False,
    ),
]
Out = Annotated[
    Path,
    typer.Argument(help="The file to write; its ending says the format.", show_default=False),
]


def convert(
    source: Source,
    out: Out,
    *,
    label: options.Label = None,
    id: options.Id = None,
    time: options.Time = None,
    layout: options.TableLayout = None,
    offline: options.Offline = False,
) -> None:
    """Write series in another format.

    A folder or a name gives both parts: with DST x.npz, x_TRAIN.npz and x_TEST.npz.
    To .npz, memory stays bounded for any size of file. Training does not hold a big .npz in memory
    either: a set that is larger than memory is converted to one and trained on from there.
    """
    from tsconv.workflows.convert import convert_data
    from tsconv.workflows.schema import make_schema

    schema = make_schema(label=label, id=id, time=time, layout=layout)
    for result in convert_data(source, out, schema=schema):
        labels = f"{len(result.classes)} classes" if result.classes else "no labels"
        console.say(
            f"{result.n_instances} series in {result.out}, {result.n_channels} channels, up to "
            f"{result.n_timepoints} time points, {labels}, {result.seconds:.1f} s"
        )

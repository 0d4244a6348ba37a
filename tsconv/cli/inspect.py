"""tsconv inspect."""

from tsconv.cli import console, options, render
from tsconv.config import load_config


def inspect(
    data: options.Data,
    *,
    network: options.Network = None,
    members: options.Members = None,
    recipe: options.Recipe = None,
    valid_fraction: options.ValidFraction = None,
    label: options.Label = None,
    id: options.Id = None,
    time: options.Time = None,
    layout: options.TableLayout = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    device: options.Device = None,
    precision: options.Precision = None,
    offline: options.Offline = False,
    json: options.Json = False,
) -> None:
    """Say what data hold, and what training would do.

    Nothing is trained: the file's format and columns, classes, lengths and missing values, then the
    network, its receptive field, steps and memory, and whatever a person should look at first.
    """
    flags = {
        "network.name": network,
        "members": members,
        "valid_fraction": valid_fraction,
        "training.device": device,
        "training.precision": precision,
    }
    resolved = load_config(recipe, file=config, overrides=set_ or (), settings=flags)

    from tsconv.workflows.inspect import inspect as look
    from tsconv.workflows.schema import make_schema

    result = look(data, resolved, schema=make_schema(label=label, id=id, time=time, layout=layout))
    if json:
        render.document(result.to_dict())
        return
    render.inspected(result)
    for warning in result.warnings:
        console.say(f"warning: {warning}")

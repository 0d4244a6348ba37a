"""tsconv settings."""

from operator import attrgetter

from tsconv.cli import options, render
from tsconv.config import describe_settings, load_config, to_dict


def settings(
    *,
    recipe: options.Recipe = None,
    network: options.Network = None,
    config: options.ConfigFile = None,
    set_: options.Set = None,
    json: options.Json = False,
) -> None:
    """List what --set takes: each setting, its value and what it means.

    A network's own options are told by `tsconv networks NAME`.
    """
    resolved = load_config(
        recipe, file=config, overrides=set_ or (), settings={"network.name": network}
    )
    if json:
        render.document(to_dict(resolved))
        return
    meanings = describe_settings().items()
    render.settings(
        f"settings, recipe {resolved.recipe}",
        [(name, attrgetter(name)(resolved), meaning) for name, meaning in meanings],
    )

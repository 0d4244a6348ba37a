"""tsconv networks."""

import dataclasses
from typing import Annotated

import typer

from tsconv.cli import options, render

Name = Annotated[str | None, typer.Argument(help="One of them.", show_default=False)]


def networks(name: Name = None, json: options.Json = False) -> None:
    """List the networks, or describe one."""
    from tsconv.workflows.describe import describe_networks

    cards = describe_networks(name)
    if json:
        documents = [dataclasses.asdict(card) for card in cards]
        render.document(documents if name is None else documents[0])
    elif name is None:
        render.networks(cards)
    else:
        render.network(cards[0])

"""tsconv formats."""

import dataclasses

from tsconv.cli import options, render


def formats(json: options.Json = False) -> None:
    """List the file formats."""
    from tsconv.workflows.describe import describe_formats

    cards = describe_formats()
    if json:
        render.document([dataclasses.asdict(card) for card in cards])
    else:
        render.formats(cards)

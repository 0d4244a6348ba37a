"""What a person says of a table's columns, as the readers take it."""

from typing import Literal

from tsconv.data.format import Schema
from tsconv.errors import ConfigError


def make_schema(
    *,
    label: str | None = None,
    id: str | None = None,
    time: str | None = None,
    layout: str | None = None,
) -> Schema:
    """A schema of what is given; the rest is found out from the file."""
    layouts: dict[str | None, Literal["wide", "long"] | None] = {
        None: None,
        "wide": "wide",
        "long": "long",
    }
    if layout not in layouts:
        raise ConfigError(f"layout: expected 'wide' or 'long', found {layout!r}")
    return Schema(label=label, id=id, time=time, layout=layouts[layout])

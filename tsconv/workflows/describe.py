"""Describe: what networks and formats are registered, and what is to be known of each."""

import inspect
from dataclasses import dataclass
from typing import Any

from tsconv.data.format import FORMATS
from tsconv.errors import ConfigError
from tsconv.networks import NETWORKS, Network

N_TIMEPOINTS = 150
"""Length of the series that a network is described for, where its options depend on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkCard:
    """One registered network.

    Attributes:
        name: what `--network` takes.
        summary: what it is, in a line.
        n_parameters: trainable ones, for one channel, two classes and ``n_timepoints``.
        receptive_field: in time points.
        n_timepoints: length of the series that the card is for; some options depend on it.
        paper: who published it.
        options: what `--set network.options.NAME=VALUE` takes, as they are for that length.
    """

    name: str
    summary: str
    n_parameters: int
    receptive_field: int
    n_timepoints: int
    paper: str
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatCard:
    """One registered file format."""

    name: str
    suffixes: tuple[str, ...]
    summary: str


def describe_networks(name: str | None = None) -> tuple[NetworkCard, ...]:
    """A card for each registered network, or for one.

    Raises:
        UnknownNameError: there is no such network.
    """
    names = NETWORKS.names() if name is None else (name,)
    return tuple(_describe_network(each, NETWORKS.get(each)) for each in names)


def describe_formats() -> tuple[FormatCard, ...]:
    """A card for each registered format."""
    formats = ((name, FORMATS.get(name)) for name in FORMATS.names())
    return tuple(
        FormatCard(name=name, suffixes=tuple(each.suffixes), summary=each.summary)
        for name, each in formats
    )


def _describe_network(name: str, cls: type[Network]) -> NetworkCard:
    chosen = cls.options_for(N_TIMEPOINTS, {})
    network = _smallest(name, cls, chosen)
    parameters = list(inspect.signature(cls).parameters.values())[2:]
    return NetworkCard(
        name=name,
        summary=(inspect.getdoc(cls) or "").partition("\n")[0],
        n_parameters=network.n_parameters,
        receptive_field=network.receptive_field,
        n_timepoints=N_TIMEPOINTS,
        paper=cls.paper,
        options={each.name: each.default for each in parameters} | chosen,
    )


def _smallest(name: str, cls: type[Network], options: dict[str, Any]) -> Network:
    """The network for one channel and two classes."""
    try:
        return cls(1, 2, **options)
    except TypeError as error:
        raise ConfigError(f"network {name}: has options without a default ({error})") from error

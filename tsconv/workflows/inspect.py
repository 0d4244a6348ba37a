"""Inspect: what a file is, what is in it, and what training on it would do; nothing is trained."""

import dataclasses
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tsconv.classifier import Preparation, prepare
from tsconv.config import Config
from tsconv.data.archive import find_data, load_data
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format
from tsconv.data.layouts import DataSource
from tsconv.errors import FormatError, TSConvError
from tsconv.evaluation.report import plain
from tsconv.layers.gpu.choice import describe_ways
from tsconv.networks import NETWORKS
from tsconv.training.batches import steps_per_epoch
from tsconv.training.loop import count_steps
from tsconv.training.members import reason_against_replay
from tsconv.workflows.budget import doubts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one file holds.

    Attributes:
        file: its path.
        n_instances: N.
        n_channels: C.
        lengths: the shortest, median and longest series, in time points.
        missing: share of values that are missing within the series.
        counts: instances of each class, None without labels.
    """

    file: str
    n_instances: int
    n_channels: int
    lengths: tuple[int, float, int]
    missing: float
    counts: dict[str, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What training would do, with the config at hand.

    Attributes:
        network: registered name.
        options: of its constructor, those chosen from the length included.
        n_parameters: trainable ones of one member.
        receptive_field: in time points, to be held against the series' length.
        n_train: instances trained on.
        n_valid: instances held out.
        members: networks in the ensemble.
        steps: optimiser steps a member.
        epochs: passes over the training part that these are.
        batch_size: instances a step.
        recipe: what the settings started from.
        device: that would train.
        precision: of convolutions.
        reason: why that precision.
        layers: how layers would compute, and why.
        against_replay: why steps would not be recorded once and replayed, None if they would.
        memory_gb: rough peak of training one member, the data included.
    """

    network: str
    options: dict[str, Any]
    n_parameters: int
    receptive_field: int
    n_train: int
    n_valid: int
    members: int
    steps: int
    epochs: float
    batch_size: int
    recipe: str
    device: str
    precision: str
    reason: str
    layers: str
    against_replay: str | None
    memory_gb: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """All that :func:`inspect` found out.

    Attributes:
        name: of the set.
        format: registered name.
        schema: which column means what, for tables.
        channels: their names, () for unnamed.
        train: the part to train on.
        test: the part to test on, if there is one.
        warnings: what a person should look at.
        plan: what training would do, None where it would not begin.
        obstacle: why it would not.
    """

    name: str
    format: str
    schema: Schema
    channels: tuple[str, ...]
    train: Part
    test: Part | None
    warnings: tuple[str, ...]
    plan: Plan | None
    obstacle: str | None

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        document: dict[str, Any] = plain(dataclasses.asdict(self))
        return document


def inspect(data: str | Path, config: Config, *, schema: Schema | None = None) -> Inspection:
    """What ``data`` is, and what training on it with ``config`` would do.

    Raises:
        TSConvError: nothing can be read there, or the test part does not fit the training part.
    """
    NETWORKS.get(config.network.name)
    source = find_data(data)
    schema, obstacle = _resolve(source, schema or Schema())
    train, test = load_data(source, schema)
    plan, warnings = None, [*_warnings(train, test)]
    if obstacle is None:
        try:
            preparation = prepare(train, config, schema=schema)
            plan = _plan(preparation)
            warnings.extend(doubts(preparation))
        except TSConvError as error:
            obstacle = str(error)
    return Inspection(
        name=source.name,
        format=_format_name(source.train),
        schema=find_format(source.train).resolve(source.train, schema),
        channels=train.channels,
        train=_describe(source.train, train),
        test=None if test is None or source.test is None else _describe(source.test, test),
        warnings=tuple(warnings),
        plan=plan,
        obstacle=obstacle,
    )


def _resolve(source: DataSource, schema: Schema) -> tuple[Schema, str | None]:
    """How to read the file and, where no labels are to be found, why it cannot be trained on."""
    reader = find_format(source.train)
    try:
        reader.resolve(source.train, schema)
    except FormatError as error:
        if schema.label is not None:
            raise
        unlabelled = dataclasses.replace(schema, label="")
        reader.resolve(source.train, unlabelled)
        return unlabelled, str(error)
    return schema, None


def _format_name(path: Path) -> str:
    """The registered name of a file's format, which is its module's."""
    return type(find_format(path)).__module__.rpartition(".")[2]


def _describe(path: Path, dataset: TimeSeriesDataset) -> Part:
    lengths, counts = dataset.lengths, None
    if dataset.y is not None:
        numbers = np.bincount(dataset.y, minlength=dataset.n_classes).tolist()
        counts = dict(zip(dataset.classes, numbers, strict=True))
    n_values = int(lengths.sum()) * dataset.n_channels
    return Part(
        file=str(path),
        n_instances=dataset.n_instances,
        n_channels=dataset.n_channels,
        lengths=(int(lengths.min()), float(np.median(lengths)), int(lengths.max())),
        missing=sum(int(part.missing().sum()) for part in _pieces(dataset)) / n_values,
        counts=counts,
    )


def _warnings(train: TimeSeriesDataset, test: TimeSeriesDataset | None) -> Iterator[str]:
    for channel in _constant_channels(train):
        name = f" ({train.channels[channel]})" if train.channels else ""
        yield f"channel {channel}{name} has one and the same value in all training series"
    n_empty = sum(map(_count_empty, _pieces(train)))
    if n_empty:
        yield f"{n_empty} training series lack all values of a channel; train means stand in"
    if train.y is not None:
        counts = np.bincount(train.y, minlength=train.n_classes)
        for label, count in zip(train.classes, counts, strict=True):
            if count < 2:
                yield f"class {label} has {count} training instances"
        if counts.max() > 10 * max(1, counts.min()):
            yield "classes are of very different sizes; --set training.class_weight=balanced"
    seen = set(_digests(train))
    n_twice = train.n_instances - len(seen)
    if n_twice:
        yield f"{n_twice} training series occur more than once"
    if test is not None:
        n_seen = sum(digest in seen for digest in _digests(test))
        if n_seen:
            yield f"{n_seen} test series occur in the training part too: the test is not honest"


def _pieces(dataset: TimeSeriesDataset) -> Iterator[TimeSeriesDataset]:
    """The set piece by piece, each in memory."""
    return map(dataset.load, dataset.slices())


def _count_empty(part: TimeSeriesDataset) -> int:
    """Series that lack all values of a channel."""
    return int((part.missing().sum(-1) == part.lengths[:, None]).any(1).sum())


def _constant_channels(dataset: TimeSeriesDataset) -> list[int]:
    highest, lowest = np.full((2, dataset.n_channels), [[-np.inf], [np.inf]])
    for part in _pieces(dataset):
        inside = part.mask()[:, None, :] & ~np.isnan(part.X)
        highest = np.maximum(highest, np.where(inside, part.X, -np.inf).max((0, 2)))
        lowest = np.minimum(lowest, np.where(inside, part.X, np.inf).min((0, 2)))
    return np.flatnonzero(highest == lowest).tolist()


def _digests(dataset: TimeSeriesDataset) -> Iterator[bytes]:
    """What tells each series from others, the padding left out."""
    for part in _pieces(dataset):
        for series, length in zip(part.X, part.lengths, strict=True):
            yield hashlib.blake2b(series[:, :length].tobytes(), digest_size=16).digest()


def _plan(preparation: Preparation) -> Plan:
    config, arithmetic = preparation.config, preparation.arithmetic
    network, n_train = preparation.build_network(), len(preparation.data)
    steps = count_steps(n_train, config.training)
    batch_size = min(config.training.batch_size, n_train)
    return Plan(
        network=config.network.name,
        options=config.network.options,
        n_parameters=network.n_parameters,
        receptive_field=network.receptive_field,
        n_train=n_train,
        n_valid=0 if preparation.valid is None else len(preparation.valid),
        members=config.members,
        steps=steps,
        epochs=steps / steps_per_epoch(n_train, config.training.batch_size),
        batch_size=batch_size,
        recipe=config.recipe,
        device=str(arithmetic.device),
        precision=str(arithmetic.dtype).removeprefix("torch."),
        reason=arithmetic.reason,
        layers=describe_ways(arithmetic.device.type, arithmetic.dtype, config.training.fused),
        against_replay=reason_against_replay(config.training, preparation.data),
        memory_gb=_memory_gb(network, preparation, batch_size),
    )


def _memory_gb(network: nn.Module, preparation: Preparation, batch_size: int) -> float:
    """The data, the weights with gradient and two moments, and what a step keeps to go backwards.

    The last is measured on two series and scaled to a batch.
    """
    arithmetic, few = preparation.arithmetic, preparation.data.take(slice(0, 2))
    network = network.to(arithmetic.device).train()
    weights = {each.data_ptr() for each in network.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    saving = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
    with saving, arithmetic.autocast():
        network(few.x, few.lengths).sum()
    n_weights = sum(each.numel() for each in network.parameters())
    activations = sum(kept.values()) * batch_size / len(few)
    return (preparation.data.x.nbytes + 16 * n_weights + activations) / 2**30

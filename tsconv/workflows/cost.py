"""How long a run will take, before it is run: from the series, the steps and the network's size.

A step takes a fixed time, and time for each product of a parameter and a time point. These numbers
are of one core or one GPU of a kind; what a benchmark has finished so far corrects them for the
machine at hand, so only their proportion matters for long.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from tsconv.classifier import build_network, resolve_network
from tsconv.config import Config
from tsconv.data.archive import load_data, locate
from tsconv.data.catalogue import Entry, read_catalogue
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.errors import LabelError
from tsconv.training.batches import steps_per_epoch
from tsconv.training.loop import count_steps
from tsconv.training.precision import visible_gpus
from tsconv.workflows.plan import Plan, make_cells
from tsconv.workflows.schedule import Schedule, arrange, refuse_changed


class Processor(NamedTuple):
    """What training takes.

    Attributes:
        seconds_a_step: of one member, whatever its size.
        products_a_second: of a parameter and a time point.
        seconds_once: before the first step.
    """

    seconds_a_step: float
    products_a_second: float
    seconds_once: float = 0.0


CORE = Processor(0.008, 4.2e10)
"""One with AMX: fitted to `inception` on Chinatown (17 ms a step), GunPoint (84), Adiac (113)."""
GPU = Processor(0.00027, 1.8e13, 0.6)
"""An H100: fitted to five members of `inception` trained together, off by at most 26 % on the six
sizes of benchmarks/results/gpu.md."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What of a set decides how long it takes."""

    n_train: int
    n_channels: int
    n_timepoints: int
    n_classes: int


def shape_of(train: TimeSeriesDataset) -> Shape:
    """The shape of a training part."""
    return Shape(
        n_train=train.n_instances,
        n_channels=train.n_channels,
        n_timepoints=train.n_timepoints,
        n_classes=max(2, train.n_classes),
    )


def schedule(plan: Plan, folder: Path, *, gpus: bool | None = None) -> Schedule:
    """The cells of a plan, with what they are expected to take; nothing is run.

    Args:
        plan: what is asked for.
        folder: of the benchmark.
        gpus: whether cells that take whatever device they find will find GPUs; unless given,
            whether this process sees any.

    Raises:
        TSConvError: data that are not there or cannot be read, settings that do not hold, or
            others than those of a run that the folder holds.
    """
    cells = make_cells(plan)
    refuse_changed(cells, folder)
    shapes: dict[str, Shape] = {}
    for cell in cells:
        if cell.data not in shapes:
            shapes[cell.data] = find_shape(cell.data)
    gpus = bool(visible_gpus()) if gpus is None else gpus
    seconds = [
        estimate_seconds(cell.config, shapes[cell.data], processor_of(cell.config, gpus=gpus))
        for cell in cells
    ]
    return arrange(zip(cells, seconds, strict=True), folder)


def find_shape(data: str) -> Shape:
    """The shape of what ``data`` names: read from its files or, before they are here, catalogued.

    Raises:
        TSConvError: data that are not there or cannot be read.
    """
    found = locate(data)
    if isinstance(found, Entry):
        return catalogued_shape(found)
    try:
        train, _ = load_data(replace(found, test=None))
    except LabelError as error:
        raise LabelError(
            f"{error}; here, where there is no --label, make a file that needs none: "
            f"`tsconv convert {shlex.quote(data)} x.npz --label COLUMN`"
        ) from error
    return shape_of(train)


def processor_of(config: Config, *, gpus: bool) -> Processor:
    """What a run is trained on, where there are GPUs or none."""
    device = config.training.device
    return GPU if device.startswith("cuda") or (device == "auto" and gpus) else CORE


def estimate_seconds(config: Config, shape: Shape, processor: Processor = CORE) -> float:
    """Of training all members."""
    resolved = resolve_network(config, shape.n_timepoints)
    with torch.device("meta"):
        network = build_network(resolved, shape.n_channels, shape.n_classes)
    n_train = max(1, round(shape.n_train * (1 - config.valid_fraction)))
    batch = n_train / steps_per_epoch(n_train, config.training.batch_size)
    products = batch * shape.n_timepoints * network.n_parameters * network.relative_cost
    a_step = processor.seconds_a_step + products / processor.products_a_second
    n_steps = config.members * count_steps(n_train, config.training)
    return processor.seconds_once + n_steps * a_step


def correction(finished: Iterable[tuple[float, float]]) -> float:
    """What to multiply estimates by, from pairs of estimated and measured seconds."""
    pairs = list(finished)
    estimated = sum(pair[0] for pair in pairs)
    return sum(pair[1] for pair in pairs) / estimated if estimated > 0 else 1.0


def catalogued_shape(entry: Entry) -> Shape:
    """The shape of an archive set; of the few whose length is not known, as long as most."""
    known = (each.n_timepoints for each in read_catalogue())
    usual = round(median(each for each in known if each is not None))
    return Shape(
        n_train=entry.n_train,
        n_channels=entry.n_channels,
        n_timepoints=entry.n_timepoints or usual,
        n_classes=entry.n_classes,
    )

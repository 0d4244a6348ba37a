"""How long a run will take, before it is run: from the series, the steps and the network's size.

A step takes a fixed time, and time for each product of a parameter and a time point. The two
numbers are of one core of an AVX512-BF16 processor; what a benchmark has finished so far corrects
them for the machine at hand, so only their proportion matters for long.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from tsconv.classifier import build_network, resolve_network
from tsconv.config import Config
from tsconv.data.archive import load_data, locate
from tsconv.data.catalogue import Entry, read_catalogue
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.training.loop import count_steps
from tsconv.workflows.plan import Plan, make_cells
from tsconv.workflows.schedule import Schedule, arrange, refuse_changed

SECONDS_A_STEP = 0.015
PRODUCTS_A_SECOND = 2.9e10
"""Fitted to `inception` on Chinatown (25 ms a step), GunPoint (115) and Adiac (186), one core."""


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


def schedule(plan: Plan, folder: Path) -> Schedule:
    """The cells of a plan, with what they are expected to take; nothing is run.

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
    seconds = [estimate_seconds(cell.config, shapes[cell.data]) for cell in cells]
    return arrange(zip(cells, seconds, strict=True), folder)


def find_shape(data: str) -> Shape:
    """The shape of what ``data`` names: read from its files or, before they are here, catalogued.

    Raises:
        TSConvError: data that are not there or cannot be read.
    """
    found = locate(data)
    if isinstance(found, Entry):
        return catalogued_shape(found)
    return shape_of(load_data(replace(found, test=None))[0])


def estimate_seconds(config: Config, shape: Shape) -> float:
    """Of training all members, on one core of the processor above."""
    resolved = resolve_network(config, shape.n_timepoints)
    with torch.device("meta"):
        network = build_network(resolved, shape.n_channels, shape.n_classes)
    n_train = max(1, round(shape.n_train * (1 - config.valid_fraction)))
    batch = min(config.training.batch_size, n_train)
    products = batch * shape.n_timepoints * network.n_parameters
    a_step = SECONDS_A_STEP + products / PRODUCTS_A_SECOND
    return config.members * count_steps(n_train, config.training) * a_step


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

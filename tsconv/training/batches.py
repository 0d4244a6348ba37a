"""A dataset as tensors on the device, and the order in which an epoch visits it.

The data of an archive set fit on the device: they move once, and an epoch is a permutation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsconv.data.dataset import TimeSeriesDataset

VALUES_AT_ONCE = 2**17
"""Time points of all series together that are computed at once where no batch size is asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some series, or all of them, on one device.

    Attributes:
        x: float32 (N, C, L), zero after each series' end.
        lengths: int64 (N,), None where no series is padded.
        y: int64 (N,), None where labels are unknown.
        weights: float32 (N,), what each instance counts, None for equal shares.
    """

    x: Tensor
    lengths: Tensor | None = None
    y: Tensor | None = None
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor | slice) -> "Batch":
        """The series at ``index``."""
        parts = (None if part is None else part[index] for part in self._parts())
        return Batch(*parts)  # type: ignore[arg-type]

    def to(self, device: torch.device) -> "Batch":
        """The same series on another device."""
        parts = (None if part is None else part.to(device) for part in self._parts())
        return Batch(*parts)  # type: ignore[arg-type]

    def _parts(self) -> tuple[Tensor | None, ...]:
        return self.x, self.lengths, self.y, self.weights


def as_batch(dataset: TimeSeriesDataset) -> Batch:
    """A preprocessed dataset as one batch on the CPU."""
    return Batch(
        x=torch.from_numpy(np.ascontiguousarray(dataset.X)),
        lengths=torch.from_numpy(dataset.lengths) if dataset.is_padded else None,
        y=None if dataset.y is None else torch.from_numpy(dataset.y),
        weights=None if dataset.weights is None else torch.from_numpy(dataset.weights),
    )


def shuffled(data: Batch, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
    """One epoch in random order, the last batch as short as it comes."""
    order = torch.randperm(len(data), generator=generator).to(data.x.device)
    for start in range(0, len(data), batch_size):
        yield data.take(order[start : start + batch_size])


def in_order(data: Batch) -> Iterator[Batch]:
    """All series as they come, so many at a time that memory stays bounded for any length."""
    size = most_at_once(data)
    for start in range(0, len(data), size):
        yield data.take(slice(start, start + size))


def most_at_once(data: Batch) -> int:
    """Series of this length that VALUES_AT_ONCE allows, at least one."""
    return max(1, VALUES_AT_ONCE // data.x.shape[-1])


def steps_per_epoch(n_instances: int, batch_size: int) -> int:
    """Batches that :func:`shuffled` gives."""
    return -(-n_instances // batch_size)

"""A dataset as tensors on the device, and the order in which an epoch visits it.

The data of an archive set fit on the device: they move once, and an epoch is a permutation. A set
on disk stays there, and the series of a batch move when it is taken.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.layers.sharing import Share

VALUES_AT_ONCE = 2**15
"""Time points of all series together that are computed at once where no batch size is asked for."""

WIDTH = 16
"""Series of unequal length are padded to multiples of this, so that few widths are prepared for."""


@dataclass(frozen=True, slots=True)
class LazyTensor:
    """What stands in for the tensor of series on disk: taking rows of it gives a tensor.

    Attributes:
        series: float32 (N, C, L), a memory map or lazy.
        device: where the tensors arrive.
    """

    series: NDArray[np.float32]
    device: torch.device

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, L)."""
        return self.series.shape

    @property
    def nbytes(self) -> int:
        """Of memory held, that is none."""
        return 0

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        rows = self.series[index if isinstance(index, slice) else index.numpy(force=True)]
        if self.device.type == "cpu":
            return as_tensor(rows)
        return as_tensor(rows).pin_memory().to(self.device, non_blocking=True)

    def to(self, device: torch.device) -> "LazyTensor":
        """The same series, arriving on another device."""
        return LazyTensor(self.series, device)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some series, or all of them, on one device.

    Attributes:
        x: float32 (N, C, L), zero after each series' end; lazy where the set is on disk, while
            batches taken from it are tensors.
        lengths: int64 (N,), None where no series is padded.
        y: int64 (N,), None where labels are unknown.
        weights: float32 (N,), what each instance counts, None for equal shares.
        share: which part of a larger batch this is, where other processes compute the rest.
    """

    x: Tensor | LazyTensor
    lengths: Tensor | None = None
    y: Tensor | None = None
    weights: Tensor | None = None
    share: Share | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_whole(self) -> int:
        """Series of the batch with those that other processes compute."""
        return len(self) if self.share is None else self.share.n_instances

    @property
    def part(self) -> float:
        """What the mean over these series counts in the mean over the whole batch."""
        return 1.0 if self.share is None else len(self) / (self.n_whole * self.share.copies)

    def take(self, index: Tensor | slice) -> "Batch":
        """The series at ``index``."""
        parts = (None if part is None else part[index] for part in self._parts())
        return Batch(*parts)  # type: ignore[arg-type]

    def cut(self, n_timepoints: int) -> "Batch":
        """The first time points, (N, C, n_timepoints), in which every series must end."""
        if self.lengths is None or not isinstance(self.x, Tensor):
            return self
        padded = bool((self.lengths < n_timepoints).any())
        lengths = self.lengths if padded else None
        return replace(self, x=self.x[..., :n_timepoints], lengths=lengths)

    @property
    def device(self) -> torch.device:
        """Where positions must lie to take series by."""
        return self.x.device if isinstance(self.x, Tensor) else torch.device("cpu")

    def to(self, device: torch.device) -> "Batch":
        """The same series on another device."""
        parts = (None if part is None else part.to(device) for part in self._parts())
        return Batch(*parts)  # type: ignore[arg-type]

    def _parts(self) -> tuple[Tensor | LazyTensor | None, ...]:
        return self.x, self.lengths, self.y, self.weights


Take = Callable[[Batch, Tensor], Batch]
"""Gives the series at some positions, or those of them that this process computes."""


def as_batch(dataset: TimeSeriesDataset) -> Batch:
    """A preprocessed dataset as one batch on the CPU."""
    return Batch(
        x=LazyTensor(dataset.X, torch.device("cpu"))
        if dataset.is_on_disk
        else as_tensor(dataset.X),
        lengths=torch.from_numpy(dataset.lengths) if dataset.is_padded else None,
        y=None if dataset.y is None else torch.from_numpy(dataset.y),
        weights=None if dataset.weights is None else torch.from_numpy(dataset.weights),
    )


def as_tensor(X: NDArray[np.float32]) -> Tensor:
    """The series as a tensor, copied only from a file or an array that is not to be written to."""
    return torch.from_numpy(np.require(X, requirements=["C_CONTIGUOUS", "WRITEABLE"]))


def shuffle(
    data: Batch, batch_size: int, generator: torch.Generator, *, even: bool = False
) -> tuple[Tensor, ...]:
    """Positions of the series of each batch of an epoch in random order.

    Args:
        data: all series.
        batch_size: of a batch; the last one is as short as it comes.
        generator: draws the order; on the CPU.
        even: take as many batches of one size, or of two that differ by one.
    """
    order = torch.randperm(len(data), generator=generator).to(data.device)
    if even:
        return torch.tensor_split(order, steps_per_epoch(len(data), batch_size))
    return torch.split(order, batch_size)


def in_order(data: Batch, *, begun: int = 0, take: Take = Batch.take) -> Iterator[Batch]:
    """All series as they come, so many at a time that memory stays bounded for any length.

    ``begun`` batches are left out, since they were taken before.
    """
    size = max(1, VALUES_AT_ONCE // data.x.shape[-1])
    positions = torch.split(torch.arange(len(data)).to(data.device), size)
    yield from taken(data, positions[begun:], take)


def by_length(data: Batch, values_at_once: int) -> Iterator[tuple[Tensor, Batch]]:
    """All series and their positions, those of like length together, with little padding in common.

    Whole series come in order. Memory stays bounded for any length.

    Args:
        data: the series.
        values_at_once: time points of a batch, padding included, unless one series has more.
    """
    if data.lengths is None:
        order = torch.arange(len(data))
        widths = torch.full((len(data),), data.x.shape[-1])
    else:
        lengths, order = data.lengths.cpu().sort(descending=True, stable=True)
        widths = (-(-lengths // WIDTH) * WIDTH).clamp(max=data.x.shape[-1])
    starts = [0]
    while starts[-1] < len(data):
        starts.append(starts[-1] + max(1, values_at_once // int(widths[starts[-1]])))
    positions = [order[start:end] for start, end in pairwise(starts)]
    firsts = [int(widths[start]) for start in starts[:-1]]
    batches = taken(data, (each.to(data.device) for each in positions))
    for index, width, batch in zip(positions, firsts, batches, strict=True):
        yield index, batch.cut(width)


def taken(data: Batch, indices: Iterable[Tensor], take: Take = Batch.take) -> Iterator[Batch]:
    """The series at each of ``indices``; those on disk are read while the batch before is used."""
    if isinstance(data.x, Tensor):
        yield from map(partial(take, data), indices)
        return
    with ThreadPoolExecutor(1) as reader:
        coming: deque[Future[Batch]] = deque()
        for index in indices:
            coming.append(reader.submit(take, data, index))
            if len(coming) == 2:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def steps_per_epoch(n_instances: int, batch_size: int) -> int:
    """Batches that :func:`shuffle` gives."""
    return -(-n_instances // batch_size)

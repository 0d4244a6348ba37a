"""Memory shared out once among all that a recorded step writes, each where nothing else lives then.

What a step needs at most is a fraction of all that it writes: a tensor takes the place of others
that are read for the last time before it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

ALIGNED = 64
"""Bytes, as PyTorch aligns tensors on a processor."""


@dataclass(slots=True)
class Buffer:
    """Memory of one or several tensors of a step.

    Attributes:
        size: bytes.
        first: the operation that writes it first, by its place among all.
        last: the last one that reads or writes it.
    """

    size: int
    first: int
    last: int


def plan(buffers: Sequence[Buffer]) -> tuple[list[int], int]:
    """Where each lies, and the bytes that all need.

    The greatest first, each as low as there is room (Pisarchyk & Lee, "Efficient memory
    management for deep neural net inference", 2020, https://arxiv.org/abs/2001.03288).
    """
    starts, placed = [0] * len(buffers), list[int]()
    for k in sorted(range(len(buffers)), key=lambda k: -buffers[k].size):
        own, start = buffers[k], 0
        for other in placed:
            if buffers[other].last < own.first or own.last < buffers[other].first:
                continue
            if start + _aligned(own.size) <= starts[other]:
                break
            start = max(start, starts[other] + _aligned(buffers[other].size))
        starts[k] = start
        placed.append(k)
        placed.sort(key=lambda each: starts[each])
    ends = [start + each.size for start, each in zip(starts, buffers, strict=True)]
    return starts, max(ends, default=0)


class Arena:
    """Memory for recordings that are replayed one after another and leave nothing to each other."""

    def __init__(self) -> None:
        self._largest = torch.empty(0, dtype=torch.uint8)

    def of_size(self, n_bytes: int) -> torch.UntypedStorage:
        """So many bytes and perhaps more, the same as those of others.

        A quarter more is asked of the system, which gives what is written to: batches that differ
        by one series then have the same.
        """
        if n_bytes > len(self._largest):  # the smaller stays with recordings that have it
            self._largest = torch.empty(n_bytes + n_bytes // 4, dtype=torch.uint8)
        return self._largest.untyped_storage()


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNED) * ALIGNED

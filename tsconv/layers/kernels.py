"""Several kernels on one input as one: its taps are all of theirs, with zeros where one has none.

One kernel is one product of matrices where several are several, and its results lie side by side.
Taps that meet no series of the length are left out.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from tsconv.layers.cpu import choice

Offsets = tuple[int, ...]
"""Of each tap of a kernel, the time from the output to the input that it weighs; evenly spaced and
ascending."""


@lru_cache(maxsize=256)
def merge_taps(offsets: tuple[Offsets, ...], length: int) -> Offsets:
    """Offsets of the merged kernel: all that ever meet a series of this length, 0 if none does."""
    taps = sorted({tap for each in offsets for tap in each})
    inside = [tap for tap in taps if abs(tap) < length] or [0]
    step = math.gcd(*(tap - inside[0] for tap in inside)) or 1
    return tuple(range(inside[0], inside[-1] + 1, step))


def merge(
    weights: Sequence[Tensor], offsets: Sequence[Offsets], taps: Offsets, dtype: torch.dtype
) -> Tensor:
    """Kernels (C', C, k) each as one of ``taps``, (taps, C, sum of the C')."""
    width = sum(len(each) for each in weights)
    merged = weights[0].new_empty(len(taps), weights[0].shape[1], width, dtype=dtype)
    for weight, mine, there, first in _placed(weights, offsets, taps):
        if weight.dtype == torch.float32 and choice.compiles(merged):
            from tsconv.layers.cpu import kernels as loops

            loops.merge(weight.contiguous(), merged, mine, there, first)
            continue
        place = merged[:, :, first : first + len(weight)]
        place.zero_()[there].copy_(weight[:, :, mine].permute(2, 1, 0))
    return merged


def unmerge(
    grad: Tensor, weights: Sequence[Tensor], offsets: Sequence[Offsets], taps: Offsets
) -> list[Tensor]:
    """The transpose of :func:`merge`: the gradient of each kernel from that of the merged one."""
    grads, grad = [], grad.contiguous()
    for weight, mine, there, first in _placed(weights, offsets, taps):
        own = torch.empty_like(weight, memory_format=torch.contiguous_format)
        grads.append(own)
        if own.dtype == torch.float32 and choice.compiles(grad):
            from tsconv.layers.cpu import kernels as loops

            loops.unmerge(grad, own, mine, there, first)
            continue
        own.zero_()
        own[:, :, mine] = grad[there, :, first : first + len(weight)].permute(2, 1, 0)
    return grads


def _placed(
    weights: Sequence[Tensor], offsets: Sequence[Offsets], taps: Offsets
) -> Iterator[tuple[Tensor, slice, slice, int]]:
    """Each kernel, those of its taps that are merged, their places there, its first channel."""
    first = 0
    for weight, each in zip(weights, offsets, strict=True):
        yield weight, *_places(each, taps), first
        first += len(weight)


@lru_cache(maxsize=256)
def _places(own: Offsets, taps: Offsets) -> tuple[slice, slice]:
    """Which of a kernel's taps are among ``taps``, and where; none for a kernel out of reach."""
    mine = [k for k, tap in enumerate(own) if tap in taps]
    if not mine:
        return slice(0), slice(0)
    there = [taps.index(own[k]) for k in mine]
    step = there[1] - there[0] if len(there) > 1 else 1
    return slice(mine[0], mine[-1] + 1), slice(there[0], there[-1] + 1, step)

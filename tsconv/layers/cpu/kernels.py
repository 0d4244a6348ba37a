"""A convolution's kernel among those that are merged to one, and back.

The same as the functions of :mod:`tsconv.layers.kernels` that call these.
"""

from torch import Tensor

from tsconv.layers.cpu.compiled import (
    ZERO,
    compiled,
    floats,
    integers,
    load,
    own_blocks,
    store,
)


def merge(weight: Tensor, merged: Tensor, mine: slice, there: slice, first: int) -> None:
    """Float32 (C', C, k) into (taps, C, width), where its own taps are and zero elsewhere.

    Args:
        weight: contiguous.
        merged: contiguous.
        mine: taps of the kernel that are merged.
        there: their places.
        first: of the channels that are the kernel's.
    """
    sizes = _sizes(weight, merged, mine, there, first)
    _merge(merged.shape[1], weight, merged, *sizes, kind=merged.dtype)


def unmerge(merged: Tensor, weight: Tensor, mine: slice, there: slice, first: int) -> None:
    """The transpose of :func:`merge`."""
    sizes = _sizes(weight, merged, mine, there, first)
    _unmerge(merged.shape[1], weight, merged, *sizes, kind=merged.dtype)


def _sizes(
    weight: Tensor, merged: Tensor, mine: slice, there: slice, first: int
) -> tuple[int, ...]:
    taps, _, width = merged.shape
    start, n, step = mine.start or 0, (mine.stop or 0) - (mine.start or 0), there.step or 1
    return (*weight.shape, taps, width, start, n, there.start or 0, step, first)


@compiled
def _merge(packed):
    weight, merged, numbers = floats(packed[3]), packed[4], integers(packed)
    D, C, size, taps, width = numbers[5], numbers[6], numbers[7], numbers[8], numbers[9]
    first_tap, n, there = numbers[10], numbers[11], numbers[12]
    step, first = numbers[13], numbers[14]
    start, end = own_blocks(packed)
    for c in range(start, end):
        for tap in range(taps):
            place = (tap * C + c) * width + first
            for d in range(D):
                store(merged, place + d, ZERO)
        for k in range(n):
            place = ((there + k * step) * C + c) * width + first
            for d in range(D):
                store(merged, place + d, load(weight, (d * C + c) * size + first_tap + k))


@compiled
def _unmerge(packed):
    weight, merged, numbers = floats(packed[3]), packed[4], integers(packed)
    D, C, size, width = numbers[5], numbers[6], numbers[7], numbers[9]
    first_tap, n, there = numbers[10], numbers[11], numbers[12]
    step, first = numbers[13], numbers[14]
    start, end = own_blocks(packed)
    for c in range(start, end):
        for d in range(D):
            for k in range(size):
                store(weight, (d * C + c) * size + k, ZERO)
        for k in range(n):
            place = ((there + k * step) * C + c) * width + first
            for d in range(D):
                store(weight, (d * C + c) * size + first_tap + k, load(merged, place + d))

"""Max-pooling over a time point and its two neighbours, time first."""

import torch
from torch import Tensor

from tsconv.layers.cpu.compiled import (
    LEAST,
    ONE,
    ZERO,
    compiled,
    flags,
    greater,
    integers,
    load,
    own_blocks,
    store,
)


def forward(x: Tensor, inside: Tensor | None = None) -> Tensor:
    """The largest of each time point and its two neighbours, zero outside of series.

    Args:
        x: (L, N, C).
        inside: (L, N) booleans, what counts.
    """
    x = x.contiguous()
    inside = None if inside is None else inside.contiguous()
    y = torch.empty_like(x)
    _forward(len(x), x, inside, y, len(x), *_sizes(x, inside), kind=x.dtype)
    return y


def backward(grad: Tensor, x: Tensor, plus: Tensor, inside: Tensor | None = None) -> Tensor:
    """The gradient of x, of equal values to the earliest, and what else reaches it.

    Args:
        grad: (L, N, C), of the result.
        x: (L, N, C), what was pooled.
        plus: (L, N, C), added.
        inside: (L, N) booleans, what counts.
    """
    grad, x, plus = grad.contiguous(), x.contiguous(), plus.contiguous()
    inside = None if inside is None else inside.contiguous()
    result = torch.empty_like(x)
    given = (x, inside, grad, plus, result)
    _backward(len(x), *given, len(x), *_sizes(x, inside), kind=x.dtype)
    return result


def _sizes(x: Tensor, inside: Tensor | None) -> tuple[int, int]:
    """Series that are looked at one by one, and values of each."""
    _, n, c = x.shape
    return (1, n * c) if inside is None else (n, c)


@compiled
def _forward(packed):
    x, inside, y, numbers = packed[3], flags(packed[4]), packed[5], integers(packed)
    masked, length, n, c = numbers[4] != 0, numbers[6], numbers[7], numbers[8]
    start, end = own_blocks(packed)
    for time in range(start, end):
        for series in range(n):
            row = time * n + series
            here, before, after = row * c, row * c, row * c  # itself where there is no neighbour
            if time > 0 and (not masked or inside[row - n]):
                before -= n * c
            if time + 1 < length and (not masked or inside[row + n]):
                after += n * c
            if masked and not inside[row]:
                for k in range(c):
                    store(y, here + k, ZERO)
                continue
            for k in range(c):
                most = greater(load(x, here + k), load(x, before + k))
                store(y, here + k, greater(most, load(x, after + k)))


@compiled
def _backward(packed):
    x, inside, grads, plus, result = packed[3], flags(packed[4]), packed[5], packed[6], packed[7]
    numbers = integers(packed)
    masked, length, n, c = numbers[4] != 0, numbers[8], numbers[9], numbers[10]
    start, end = own_blocks(packed)
    for time in range(start, end):
        for series in range(n):
            row = time * n + series
            here = row * c
            if masked and not inside[row]:
                for k in range(c):
                    store(result, here + k, load(plus, here + k))
                continue
            # Where there is no neighbour, the value itself is read, less infinity.
            before, second, no_before, no_second, early = here, here, LEAST, LEAST, ZERO
            after, third, no_after, no_third, late = here, here, LEAST, LEAST, ZERO
            if time > 0 and (not masked or inside[row - n]):
                before, no_before, early = here - n * c, ZERO, ONE
                if time > 1 and (not masked or inside[row - 2 * n]):
                    second, no_second = here - 2 * n * c, ZERO
            if time + 1 < length and (not masked or inside[row + n]):
                after, no_after, late = here + n * c, ZERO, ONE
                if time + 2 < length and (not masked or inside[row + 2 * n]):
                    third, no_third = here + 2 * n * c, ZERO
            for k in range(c):
                value, own = load(x, here + k), load(grads, here + k)
                earlier, later = load(grads, before + k) * early, load(grads, after + k) * late
                first = value > load(x, before + k) + no_before
                last = value >= load(x, after + k) + no_after
                of_earlier = first & (value > load(x, second + k) + no_second)
                of_later = last & (value >= load(x, third + k) + no_third)
                total = load(plus, here + k) + (own if first & last else ZERO)
                total += (earlier if of_earlier else ZERO) + (later if of_later else ZERO)
                store(result, here + k, total)

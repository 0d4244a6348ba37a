"""Batch normalisation in training, with what is added to it and the ReLU after that.

Rows are taken in blocks. Each gives its mean and sum of squared deviations, which are joined in one
order (Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample
variances", 1979), so that the result is the same on any number of threads.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.cpu.compiled import (
    LEAST,
    ONE,
    ZERO,
    compiled,
    flags,
    floats,
    integers,
    load,
    own_blocks,
    store,
)
from tsconv.layers.layout import as_rows, from_rows
from tsconv.layers.running import Running

ROWS = 64


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running: Running,
    mask: Tensor | None = None,
    *,
    plus: Tensor | None = None,
    rectify: bool = False,
) -> Tensor:
    """Normalise by the batch's statistics, or by the running ones where there is but one value.

    Args:
        x: float32 or bfloat16 (N, C, L).
        weight: float32 (C,), the scale.
        bias: float32 (C,), the shift.
        running: statistics to update.
        mask: (N, 1, L) booleans, what counts; elsewhere the result is zero.
        plus: (N, C, L) in x's type, added to what is normalised; zero where nothing counts.
        rectify: whether negative results become zero.

    Returns:
        (N, C, L) in x's type.
    """
    result: Tensor = _BatchNorm.apply(x, weight, bias, running, mask, plus, rectify)
    return result


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running: Running,
        mask: Tensor | None,
        plus: Tensor | None,
        rectify: bool,
    ) -> Tensor:
        rows = as_rows(x).contiguous()
        inside = None if mask is None else as_rows(mask).contiguous()
        added = None if plus is None else as_rows(plus).contiguous()
        (n, C), kind = rows.shape, rows.dtype
        n_blocks = -(-n // ROWS)
        parts, used = weight.new_empty(n_blocks, 3, C), weight.new_empty(5, C)
        constants = _constants(running.momentum, running.eps)
        _measure(n_blocks, rows, inside, parts, n, C, kind=kind)
        known = (weight, bias, running.mean, running.var, constants)
        _join(1, parts, *known, used, n_blocks, C, kind=torch.float32)
        y = torch.empty_like(rows)
        _normalise(n_blocks, rows, inside, added, used, y, n, C, int(rectify), kind=kind)
        ctx.save_for_backward(rows, inside, used, y if rectify else rows)
        ctx.adds, ctx.rectify = plus is not None, rectify
        return from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, inside, used, y = ctx.saved_tensors
        grads = as_rows(grad).contiguous()
        (n, C), kind = rows.shape, rows.dtype
        n_blocks = -(-n // ROWS)
        parts, sums = used.new_empty(n_blocks, 2, C), used.new_empty(4, C)
        given, rectify = (rows, inside, grads, y, used), int(ctx.rectify)
        _measure_grads(n_blocks, *given, parts, n, C, rectify, kind=kind)
        _join_grads(1, parts, used, sums, n_blocks, C, kind=torch.float32)
        result, added = torch.empty_like(rows), None
        _apply_grads(n_blocks, *given, sums, result, n, C, rectify, kind=kind)
        if ctx.adds:
            added = torch.empty_like(rows)
            _pass_grads(n_blocks, grads, y, added, n, C, rectify, kind=kind)
            added = from_rows(added, grad)
        return from_rows(result, grad), sums[1], sums[0], None, None, added, None


@lru_cache(maxsize=16)
def _constants(momentum: float, eps: float) -> Tensor:
    return torch.tensor([momentum, eps], dtype=torch.float32, device="cpu")


@compiled
def _measure(packed):
    """Of each block of rows (3, C): how many count, their mean, sum of squared deviations."""
    x, inside, parts, numbers = packed[3], flags(packed[4]), floats(packed[5]), integers(packed)
    masked, n, C = numbers[4] != 0, numbers[6], numbers[7]
    start, end = own_blocks(packed)
    for block in range(start, end):
        counts, mean, squares = 3 * block * C, (3 * block + 1) * C, (3 * block + 2) * C
        first, last, count = block * ROWS, min(n, (block + 1) * ROWS), ZERO
        for c in range(C):
            store(parts, mean + c, ZERO)
            store(parts, squares + c, ZERO)
        for row in range(first, last):
            if masked and not inside[row]:
                continue
            count += ONE
            for c in range(C):
                store(parts, mean + c, load(parts, mean + c) + load(x, row * C + c))
        share = ONE / max(count, ONE)
        for c in range(C):
            store(parts, counts + c, count)
            store(parts, mean + c, load(parts, mean + c) * share)
        for row in range(first, last):
            if masked and not inside[row]:
                continue
            for c in range(C):
                away = load(x, row * C + c) - load(parts, mean + c)
                store(parts, squares + c, load(parts, squares + c) + away * away)


@compiled
def _join(packed):
    """Of all blocks (5, C): mean, 1 / deviation, 1 / count, what a value is multiplied with, plus.

    The second is a sum of squared deviations up to the last loop.
    """
    parts, weight, bias, mean, var = packed[3], packed[4], packed[5], packed[6], packed[7]
    constants, used, numbers = packed[8], packed[9], integers(packed)
    n_blocks, C, momentum, eps = numbers[10], numbers[11], load(constants, 0), load(constants, 1)
    count = ZERO
    for block in range(n_blocks):
        count += load(parts, 3 * block * C)
    for c in range(2 * C):
        store(used, c, ZERO)
    for block in range(n_blocks):
        share = load(parts, 3 * block * C) / max(count, ONE)
        for c in range(C):
            store(used, c, load(used, c) + share * load(parts, (3 * block + 1) * C + c))
    for block in range(n_blocks):
        of_block = load(parts, 3 * block * C)
        for c in range(C):
            away = load(parts, (3 * block + 1) * C + c) - load(used, c)
            squares = load(parts, (3 * block + 2) * C + c) + of_block * away * away
            store(used, C + c, load(used, C + c) + squares)
    several = count > ONE  # one value has no variance: use the running one
    for c in range(C):
        if several:
            squares = load(used, C + c)
            store(mean, c, load(mean, c) + momentum * (load(used, c) - load(mean, c)))
            unbiased = squares / (count - ONE)
            store(var, c, load(var, c) + momentum * (unbiased - load(var, c)))
            scale = ONE / np.sqrt(squares / count + eps)
        else:
            store(used, c, load(mean, c))
            scale = ONE / np.sqrt(load(var, c) + eps)
        store(used, C + c, scale)
        store(used, 2 * C + c, ONE / count if several else ZERO)
        store(used, 3 * C + c, scale * load(weight, c))
        store(used, 4 * C + c, load(bias, c))


@compiled
def _normalise(packed):
    x, inside, plus, used, y = packed[3], flags(packed[4]), packed[5], floats(packed[6]), packed[7]
    numbers = integers(packed)
    masked, adds, n, C = numbers[4] != 0, numbers[5] != 0, numbers[8], numbers[9]
    least = ZERO if numbers[10] else LEAST
    start, end = own_blocks(packed)
    for row in range(start * ROWS, min(n, end * ROWS)):
        if masked and not inside[row]:
            for c in range(C):
                store(y, row * C + c, ZERO)
            continue
        for c in range(C):
            value = (load(x, row * C + c) - load(used, c)) * load(used, 3 * C + c)
            value += load(used, 4 * C + c)
            if adds:
                value += load(plus, row * C + c)
            store(y, row * C + c, least if value < least else value)


@compiled
def _measure_grads(packed):
    """Of each block of rows (2, C): sums of gradients, and of them times normalised values."""
    x, inside, grads, y, used = packed[3], flags(packed[4]), packed[5], packed[6], floats(packed[7])
    parts, numbers = floats(packed[8]), integers(packed)
    masked, n, C, least = numbers[4] != 0, numbers[9], numbers[10], ZERO if numbers[11] else LEAST
    start, end = own_blocks(packed)
    for block in range(start, end):
        shift, scale = 2 * block * C, (2 * block + 1) * C
        for c in range(2 * C):
            store(parts, shift + c, ZERO)
        for row in range(block * ROWS, min(n, (block + 1) * ROWS)):
            if masked and not inside[row]:
                continue
            for c in range(C):
                grad = load(grads, row * C + c)
                grad = grad if load(y, row * C + c) > least else ZERO
                away = load(x, row * C + c) - load(used, c)
                store(parts, shift + c, load(parts, shift + c) + grad)
                store(parts, scale + c, load(parts, scale + c) + grad * away)
        for c in range(C):
            store(parts, scale + c, load(parts, scale + c) * load(used, C + c))


@compiled
def _join_grads(packed):
    """(4, C): gradients of shift and scale, and what all values have in common of each."""
    parts, used, sums, numbers = packed[3], packed[4], packed[5], integers(packed)
    n_blocks, C = numbers[6], numbers[7]
    for c in range(2 * C):
        store(sums, c, ZERO)
    for block in range(n_blocks):
        for c in range(2 * C):
            store(sums, c, load(sums, c) + load(parts, 2 * block * C + c))
    for c in range(C):
        share = load(used, 2 * C + c)
        store(sums, 2 * C + c, load(sums, c) * share)
        store(sums, 3 * C + c, load(sums, C + c) * share * load(used, C + c))


@compiled
def _apply_grads(packed):
    x, inside, grads, y, used = packed[3], flags(packed[4]), packed[5], packed[6], floats(packed[7])
    sums, result, numbers = floats(packed[8]), packed[9], integers(packed)
    masked, n, C, least = numbers[4] != 0, numbers[10], numbers[11], ZERO if numbers[12] else LEAST
    start, end = own_blocks(packed)
    for row in range(start * ROWS, min(n, end * ROWS)):
        if masked and not inside[row]:
            for c in range(C):
                store(result, row * C + c, ZERO)
            continue
        for c in range(C):
            grad = load(grads, row * C + c)
            grad = grad if load(y, row * C + c) > least else ZERO
            away = load(x, row * C + c) - load(used, c)
            grad -= load(sums, 2 * C + c) + away * load(sums, 3 * C + c)
            store(result, row * C + c, grad * load(used, 3 * C + c))


@compiled
def _pass_grads(packed):
    """Gradients of what was added."""
    grads, y, result, numbers = packed[3], packed[4], packed[5], integers(packed)
    n, C, least = numbers[6], numbers[7], ZERO if numbers[8] else LEAST
    start, end = own_blocks(packed)
    for place in range(start * ROWS * C, min(n, end * ROWS) * C):
        grad = load(grads, place)
        store(result, place, grad if load(y, place) > least else ZERO)

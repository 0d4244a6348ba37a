"""Max-pooling over a time point and its two neighbours, a kernel forward and one backward."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.layout import as_rows, from_rows

BLOCK = 1024


def max_pool(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """As :func:`tsconv.layers.max_pool.max_pool`, of bfloat16 or what is computed in it."""
    result: Tensor = _MaxOfThree.apply(x, mask)
    return result


class _MaxOfThree(torch.autograd.Function):
    """Of equal values the earliest gets the gradient, as PyTorch's pooling has it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        rows = as_rows(x).contiguous()
        inside = None if mask is None else as_rows(mask).contiguous()
        y = torch.empty_like(rows)
        _forward[(triton.cdiv(rows.numel(), BLOCK),)](
            rows, inside, y, len(rows), x.shape[2], C=rows.shape[1], BLOCK=BLOCK
        )
        ctx.save_for_backward(rows, inside)
        return from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows, inside = ctx.saved_tensors
        grads, length = as_rows(grad).contiguous(), grad.shape[2]
        result = torch.empty_like(rows)
        _backward[(triton.cdiv(rows.numel(), BLOCK),)](
            rows, inside, grads, result, len(rows), length, C=rows.shape[1], BLOCK=BLOCK
        )
        return from_rows(result, grad), None


@triton.jit
def _value(x, inside, index, n_rows, length, away: tl.constexpr, C: tl.constexpr):
    """What lies some time points away, minus infinity where the series has none."""
    row = index // C
    time = row % length + away
    there = (time >= 0) & (time < length) & (row < n_rows)
    if inside is not None:
        there = there & (tl.load(inside + row + away, mask=there, other=0) != 0)
    return tl.load(x + index + away * C, mask=there, other=-float("inf")).to(tl.float32)


@triton.jit(do_not_specialize=["n_rows", "length"])
def _forward(x, inside, y, n_rows, length, C: tl.constexpr, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    before = _value(x, inside, index, n_rows, length, -1, C)
    here = _value(x, inside, index, n_rows, length, 0, C)
    after = _value(x, inside, index, n_rows, length, 1, C)
    most = tl.maximum(tl.maximum(before, here), after)
    if inside is not None:
        known = tl.load(inside + index // C, mask=index // C < n_rows, other=0) != 0
        most = tl.where(known, most, 0.0)
    tl.store(y + index, most.to(y.dtype.element_ty), mask=index // C < n_rows)


@triton.jit(do_not_specialize=["n_rows", "length"])
def _backward(x, inside, grads, result, n_rows, length, C: tl.constexpr, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    here = _value(x, inside, index, n_rows, length, 0, C)
    before = _value(x, inside, index, n_rows, length, -1, C)
    after = _value(x, inside, index, n_rows, length, 1, C)
    own = (here > before) & (here >= after)
    to_left = (here >= after) & (here >= _value(x, inside, index, n_rows, length, 2, C))
    to_right = (here > before) & (here > _value(x, inside, index, n_rows, length, -2, C))
    time = index // C % length
    known = index // C < n_rows
    if inside is not None:
        known = known & (tl.load(inside + index // C, mask=known, other=0) != 0)
    # Masks of loads are those of whole time points, so that channels load together.
    total = tl.where(own, tl.load(grads + index, mask=known, other=0.0).to(tl.float32), 0.0)
    left, right = known & (time > 0), known & (time + 1 < length)
    if inside is not None:
        right = right & (tl.load(inside + index // C + 1, mask=right, other=0) != 0)
    earlier = tl.load(grads + index - C, mask=left, other=0.0).to(tl.float32)
    later = tl.load(grads + index + C, mask=right, other=0.0).to(tl.float32)
    total += tl.where(to_right, earlier, 0.0) + tl.where(to_left, later, 0.0)
    tl.store(result + index, total.to(result.dtype.element_ty), mask=index // C < n_rows)

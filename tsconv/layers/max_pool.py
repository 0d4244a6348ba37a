"""Max-pooling over a time point and its two neighbours, keeping the length.

The window of the inception module. Three comparisons of whole tensors, forward and backward, in
place of PyTorch's pooling, which visits each window alone and takes some four times as long. On a
processor the forward ones are a compiled loop, on a GPU, in bfloat16, a kernel of our own each way.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.bits import as_integers
from tsconv.layers.cpu import choice as cpu
from tsconv.layers.gpu import choice as gpu
from tsconv.layers.layout import is_fused
from tsconv.layers.masking import zero_padding


def max_pool(x: Tensor, mask: Tensor | None = None, *, rectified: bool = False) -> Tensor:
    """The largest of each time point and its two neighbours inside the series, (N, C, L).

    Args:
        x: (N, C, L).
        mask: (N, 1, L), false after a series' end; the output is zero there.
        rectified: no value is below zero, which is quicker.
    """
    if gpu.takes(x):
        from tsconv.layers.gpu import max_pool as kernels

        return kernels.max_pool(x, mask)
    if mask is not None:
        x = x.masked_fill(~mask, -torch.inf)
    if not is_fused():
        return zero_padding(F.max_pool1d(x, 3, 1, 1), mask)
    y: Tensor = _MaxOfThree.apply(x, rectified)  # type: ignore[no-untyped-call]
    return zero_padding(y, mask)


def max_of_three(x: Tensor, *, rectified: bool) -> Tensor:
    """The largest of each entry and its two neighbours, over the first axis; it may be ``x``.

    Args:
        x: (L, N, C).
        rectified: no value is below zero but minus infinity.
    """
    if len(x) < 2:
        return x
    if cpu.compiles(x):
        from tsconv.layers.cpu import max_pool as loops

        return loops.forward(x)
    y = torch.empty_like(x)
    values, result = (as_integers(x), as_integers(y)) if rectified else (x, y)
    pairs = torch.maximum(values[1:], values[:-1])
    result[0], result[-1] = pairs[0], pairs[-1]
    torch.maximum(pairs[1:], pairs[:-1], out=result[1:-1])
    return y


class _MaxOfThree(torch.autograd.Function):
    """As ``F.max_pool1d(x, 3, 1, 1)``: of equal values the earliest gets the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rectified: bool) -> Tensor:
        y = max_of_three(x.permute(2, 0, 1), rectified=rectified).permute(1, 2, 0)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, y = (as_integers(each) for each in ctx.saved_tensors)
        rest = as_integers(grad).clone()
        to_left = _equal(x[..., :-1], y[..., 1:]).mul_(rest[..., 1:])
        rest[..., 1:] -= to_left
        to_centre = _equal(x, y).mul_(rest)
        rest -= to_centre
        result = to_centre.view(grad.dtype)
        result[..., :-1] += to_left.view(grad.dtype)
        result[..., 1:] += rest[..., :-1].view(grad.dtype)
        return result, None


def _equal(a: Tensor, b: Tensor) -> Tensor:
    """One where equal, else zero, in the type of ``a``: booleans are slow to multiply with."""
    return torch.eq(a, b, out=torch.empty_like(a))

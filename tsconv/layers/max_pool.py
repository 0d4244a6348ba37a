"""Max-pooling over a time point and its two neighbours, keeping the length.

The window of the inception module. Three comparisons of whole tensors, forward and backward, in
place of PyTorch's pooling, which visits each window alone and takes some four times as long. On a
GPU, in bfloat16, a kernel of our own each way.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.gpu import choice
from tsconv.layers.layout import is_fused
from tsconv.layers.masking import zero_padding


def max_pool(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """The largest of each time point and its two neighbours inside the series, (N, C, L)."""
    if choice.takes(x):
        from tsconv.layers.gpu import max_pool as kernels

        return kernels.max_pool(x, mask)
    if mask is not None:
        x = x.masked_fill(~mask, -torch.inf)
    y: Tensor = _MaxOfThree.apply(x) if is_fused() else F.max_pool1d(x, 3, 1, 1)  # type: ignore[no-untyped-call]
    return zero_padding(y, mask)


class _MaxOfThree(torch.autograd.Function):
    """As ``F.max_pool1d(x, 3, 1, 1)``: of equal values the earliest gets the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clone()
        y[..., 1:] = torch.maximum(x[..., 1:], x[..., :-1])
        y[..., :-1] = torch.maximum(y[..., :-1], x[..., 1:])
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        to_left = _equal(x[..., :-1], y[..., 1:]).mul_(grad[..., 1:])
        rest = grad.clone()
        rest[..., 1:] -= to_left
        to_centre = _equal(x, y).mul_(rest)
        rest -= to_centre
        to_centre[..., :-1] += to_left
        to_centre[..., 1:] += rest[..., :-1]
        return to_centre


def _equal(a: Tensor, b: Tensor) -> Tensor:
    """One where equal, else zero, in the type of ``a``: booleans are slow to multiply with."""
    return torch.eq(a, b, out=torch.empty_like(a))

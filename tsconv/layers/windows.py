"""Convolution over time as one product of matrices, each row what the kernel sees at one position.

The way for kernels of few taps or few channels: k C columns of windows are written, which costs k
times the input's memory for a moment and is made anew for the backward pass.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.kernels import Offsets, merge, unmerge


def convolve(
    x: Tensor, weights: Sequence[Tensor], offsets: Sequence[Offsets], taps: Offsets
) -> Tensor:
    """Cross-correlate x (L, N, C) with several kernels, zeros beyond both ends.

    Args:
        x: contiguous.
        weights: (C', C, k) each; rounded to x's type.
        offsets: of each kernel.
        taps: of the kernels merged.

    Returns:
        (L, N, sum of the C').
    """
    result: Tensor = _Convolve.apply(x, offsets, taps, *weights)  # type: ignore[no-untyped-call]
    return result


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offsets: Sequence[Offsets], taps: Offsets, *weights: Tensor
    ) -> Tensor:
        matrix = merge(weights, offsets, taps).flatten(0, 1).to(x.dtype)  # (k C, C')
        ctx.save_for_backward(x, matrix, *weights)
        ctx.offsets, ctx.taps = offsets, taps
        with torch.autocast("cpu", enabled=False):
            return (windows(x, taps) @ matrix).view(*x.shape[:2], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, matrix, *weights), taps = ctx.saved_tensors, ctx.taps
        back = tuple(-tap for tap in reversed(taps))
        k, channels, grad_x = len(taps), x.shape[2], None
        with torch.autocast("cpu", enabled=False):
            if ctx.needs_input_grad[0]:  # then windows of the gradient serve both products
                seen = windows(grad, back)
                kernel = matrix.view(k, channels, -1).flip(0).transpose(1, 2).flatten(0, 1)
                grad_x = (seen @ kernel).view(x.shape)
                flat = (x.flatten(0, 1).t() @ seen).to(weights[0].dtype)
                merged = flat.view(channels, k, -1).flip(1).transpose(0, 1)
            else:
                flat = (windows(x, taps).t() @ grad.flatten(0, 1)).to(weights[0].dtype)
                merged = flat.view(k, channels, -1)
        return grad_x, None, None, *unmerge(merged, weights, ctx.offsets, taps)


def windows(x: Tensor, taps: Sequence[int]) -> Tensor:
    """(L, N, C) -> (L N, k C), zeros beyond both ends; of one channel a column after the other."""
    (length, n, channels), before = x.shape, max(0, -taps[0])
    padded = torch.nn.functional.pad(x, (0, 0, 0, 0, before, max(0, taps[-1])))
    if channels == 1:
        step = n * (taps[1] - taps[0] if len(taps) > 1 else 1)
        columns = padded[before + taps[0] :].as_strided((len(taps), length * n), (step, 1))
        return columns.contiguous().t()
    seen = [padded[before + tap : before + tap + length] for tap in taps]
    return torch.cat(seen, dim=-1).flatten(0, 1)

"""Convolution over time as one product of matrices, each row what the kernel sees at one position.

The way for kernels of few taps or few channels: k C columns of windows are written, which costs k
times the input's memory for a moment and is made anew for the backward pass.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def convolve(x: Tensor, weight: Tensor, offsets: Sequence[int]) -> Tensor:
    """Cross-correlate x (L, N, C) with weight (C', C, k), zeros beyond both ends; (L, N, C').

    Args:
        x: contiguous.
        weight: rounded to x's type.
        offsets: of each tap, the time from the output to the input that it weighs; ascending.
    """
    result: Tensor = _Convolve.apply(x, weight, tuple(offsets))  # type: ignore[no-untyped-call]
    return result


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, offsets: tuple[int, ...]) -> Tensor:
        matrix = weight.permute(2, 1, 0).flatten(0, 1).to(x.dtype)  # (k C, C')
        ctx.save_for_backward(x, matrix)
        ctx.offsets, ctx.kernel = offsets, weight.dtype
        with torch.autocast("cpu", enabled=False):
            return (_windows(x, offsets) @ matrix).view(*x.shape[:2], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (x, matrix), offsets = ctx.saved_tensors, ctx.offsets
        rows, grad_x = grad.flatten(0, 1), None
        with torch.autocast("cpu", enabled=False):
            if ctx.needs_input_grad[0]:
                grad_x = _sum_windows((rows @ matrix.t()).view(*x.shape[:2], -1), offsets)
            flat = (_windows(x, offsets).t() @ rows).to(ctx.kernel)
        return grad_x, flat.view(len(offsets), x.shape[2], -1).permute(2, 1, 0), None


def _windows(x: Tensor, offsets: Sequence[int]) -> Tensor:
    """(L, N, C) -> (L N, k C), zeros beyond both ends."""
    before, length = max(0, -offsets[0]), len(x)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 0, before, max(0, offsets[-1])))
    taps = [padded[before + tap : before + tap + length] for tap in offsets]
    return torch.cat(taps, dim=-1).flatten(0, 1)


def _sum_windows(windows: Tensor, offsets: Sequence[int]) -> Tensor:
    """The transpose of :func:`_windows`, (L, N, k C) -> (L, N, C)."""
    before, length = max(0, -offsets[0]), len(windows)
    taps = windows.chunk(len(offsets), dim=-1)
    padded = windows.new_zeros(length + before + max(0, offsets[-1]), *taps[0].shape[1:])
    for tap, each in zip(offsets, taps, strict=True):
        padded[before + tap : before + tap + length] += each
    return padded[before : before + length]

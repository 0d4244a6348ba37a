"""Convolution over time as one product of matrices, each row what the kernel sees at one position.

The way for kernels of few taps or few channels: k C columns of windows are written, which costs k
times the input's memory for a moment and is made anew for the backward pass.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tsconv.layers.kernels import Offsets, merge, unmerge


class ByWindows:
    """Cross-correlation with several kernels.

    Args:
        offsets: of each kernel.
        taps: of the kernels merged.
    """

    def __init__(self, offsets: Sequence[Offsets], taps: Offsets) -> None:
        self.offsets, self.taps = offsets, taps

    def forward(
        self, x: Tensor, weights: Sequence[Tensor], out: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        matrix = merge(weights, self.offsets, self.taps, x.dtype).flatten(0, 1)  # (k C, C')
        y = (windows(x, self.taps) @ matrix).view(*x.shape[:2], -1)
        return y if out is None else out.copy_(y), [x, matrix]

    def backward(
        self, grad: Tensor, kept: Sequence[Tensor], weights: Sequence[Tensor], *, needs_x: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        (x, matrix), taps = kept, self.taps
        back = tuple(-tap for tap in reversed(taps))
        k, channels, grad_x = len(taps), x.shape[2], None
        if needs_x:  # then windows of the gradient serve both products
            seen = windows(grad, back)
            kernel = matrix.view(k, channels, -1).flip(0).transpose(1, 2).flatten(0, 1)
            grad_x = (seen @ kernel).view(x.shape)
            flat = x.flatten(0, 1).t() @ seen
            merged = flat.view(channels, k, -1).flip(1).transpose(0, 1)
        else:
            flat = windows(x, taps).t() @ grad.flatten(0, 1)
            merged = flat.view(k, channels, -1)
        return grad_x, unmerge(merged, weights, self.offsets, taps)


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

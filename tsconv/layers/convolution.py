"""Convolution over time that keeps the length, computed in the memory layout processors like.

The tensor is (N, C, L) to whoever reads; in memory the channels of one time point lie together.
There a convolution of kernel size one is a product of matrices, and a wider one is a 2-D
convolution of height one, for which oneDNN and cuDNN have their fastest kernels.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Borders = tuple[int, int]
"""Zeros before the first and after the last time point."""


class Convolution(nn.Module):
    """Convolution with stride one and zeros beyond both ends, or before the start.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: time points a kernel sees.
        dilation: time points from one kernel tap to the next.
        padding: "same" centres the kernel, an even one reaching one further right (as TensorFlow
            and ``F.conv1d(padding="same")`` do); "causal" sees no later time point.
        bias: add a learned constant to each output channel.

    Shape:
        (N, in_channels, L) -> (N, out_channels, L), any L >= 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        padding: Literal["same", "causal"] = "same",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.dilation = dilation
        reach = dilation * (kernel_size - 1)
        left = reach if padding == "causal" else reach // 2
        self.borders = (left, reach - left)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.weight, self.bias, self.borders, self.dilation)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, borders: Borders, dilation: int = 1
) -> Tensor:
    """Cross-correlation of x (N, C, L) with weight (C', C, k), zeros added at both borders."""
    if weight.shape[2] == 1:
        return F.linear(x.transpose(1, 2), weight[:, :, 0], bias).transpose(1, 2)
    padded = F.pad(x.unsqueeze(2), borders)  # (N, C, 1, L + borders): 2-D has the faster kernels
    return F.conv2d(padded, weight.unsqueeze(2), bias, dilation=(1, dilation)).squeeze(2)


def channels_last(x: Tensor) -> Tensor:
    """``x`` (N, C, L), the same values, with the channels of one time point side by side."""
    return x.transpose(1, 2).contiguous().transpose(1, 2)

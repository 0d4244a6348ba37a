"""Convolution over time that keeps the length, each by the way that is fastest for it.

Kernels of size one are a product of matrices. On a processor, wide kernels over many channels go
through the frequency domain and the others through windows. On a GPU, bfloat16 has kernels of our
own, side by side; float32 goes by 2-D convolutions of height one, for which cuDNN has its fastest
kernels. Without fused layers, all are PyTorch's own.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tsconv.layers import frequency, windows
from tsconv.layers.gpu import choice
from tsconv.layers.kernels import Offsets, merge_taps
from tsconv.layers.layout import as_computed, as_rows, from_rows, is_fused, side_by_side


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
        reach = dilation * (kernel_size - 1)
        left = reach if padding == "causal" else reach // 2
        self.offsets = tuple(range(-left, reach - left + 1, dilation))
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, [self.weight], [self.offsets], self.bias)


def parallel(x: Tensor, convolutions: Iterable[nn.Module]) -> Tensor:
    """Several convolutions without bias of one input (N, C, L), their channels side by side."""
    each = [convolution for convolution in convolutions if isinstance(convolution, Convolution)]
    return convolve(x, [one.weight for one in each], [one.offsets for one in each])


def convolve(
    x: Tensor,
    weights: Sequence[Tensor],
    offsets: Sequence[Offsets],
    bias: Tensor | None = None,
) -> Tensor:
    """Cross-correlations of one input with several kernels, side by side.

    Args:
        x: (N, C, L), any memory order.
        weights: (C', C, k) each.
        offsets: for each kernel, the time from an output to the input that each tap weighs, evenly
            spaced; zeros lie beyond both ends.
        bias: (sum of the C',).

    Returns:
        (N, sum of the C', L).
    """
    if not is_fused():
        y = torch.cat([_plain(x, *each) for each in zip(weights, offsets, strict=True)], dim=1)
    elif choice.takes(x, channels=max(max(each.shape[:2]) for each in weights)):
        y = _side_by_side(as_computed(x), weights, offsets)
    elif len(weights) == 1 and weights[0].shape[2] == 1:
        y = from_rows(F.linear(as_rows(x), weights[0][:, :, 0]), x)
    elif x.device.type == "cpu":
        time_first = as_computed(x).permute(2, 0, 1).contiguous()
        way = choose_way(len(time_first), weights, offsets)
        y = by_way(time_first, way, weights).permute(1, 2, 0)
    else:
        y = side_by_side(*(_by_cudnn(x, *each) for each in zip(weights, offsets, strict=True)))
    return y if bias is None else y + bias.to(y.dtype)[:, None]


def _plain(x: Tensor, weight: Tensor, offsets: Offsets) -> Tensor:
    """By PyTorch's own convolution: the reference for the others."""
    return F.conv1d(F.pad(x, _borders(offsets)), weight, dilation=_dilation(offsets))


def _by_cudnn(x: Tensor, weight: Tensor, offsets: Offsets) -> Tensor:
    """As a 2-D convolution of height one with channels last."""
    flat = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    padded = F.pad(flat, _borders(offsets))
    dilation = (1, _dilation(offsets))
    return F.conv2d(padded, weight.unsqueeze(2), dilation=dilation).squeeze(2)


def _side_by_side(x: Tensor, weights: Sequence[Tensor], offsets: Sequence[Offsets]) -> Tensor:
    """By kernels of our own, which take together what has as many channels and as wide a step."""
    from tsconv.layers.gpu import convolution

    if convolution.alike(weights, offsets):
        return convolution.convolve(x, weights, offsets)
    pairs = zip(weights, offsets, strict=True)
    return side_by_side(*(convolution.convolve(x, [one], [taps]) for one, taps in pairs))


class Way(Protocol):
    """How convolutions of one input are computed on a processor, forward and backward."""

    def forward(
        self, x: Tensor, weights: Sequence[Tensor], out: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The result (L, N, sum of the C'), and what :meth:`backward` needs of it.

        Args:
            x: (L, N, C), contiguous.
            weights: (C', C, k) each; rounded to x's type.
            out: where to put the result; its channels lie together.
        """

    def backward(
        self, grad: Tensor, kept: Sequence[Tensor], weights: Sequence[Tensor], *, needs_x: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Gradients of x, if it needs one, and of the weights, from that of the result."""


def choose_way(length: int, weights: Sequence[Tensor], offsets: Sequence[Offsets]) -> Way:
    """Through the frequency domain or windows."""
    taps = merge_taps(tuple(offsets), length)
    channels = (weights[0].shape[1], sum(len(each) for each in weights))
    if frequency.pays(length, taps, channels):
        tiling = frequency.choose_tiling(length, taps, channels)
        return frequency.ByFrequencies(offsets, taps, tiling)
    return windows.ByWindows(offsets, taps)


def by_way(x: Tensor, way: Way, weights: Sequence[Tensor]) -> Tensor:
    """(L, N, C) -> (L, N, sum of the C'), with a gradient."""
    result: Tensor = _ByWay.apply(x, way, *weights)  # type: ignore[no-untyped-call]
    return result


class _ByWay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, way: Way, *weights: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            y, kept = way.forward(x, weights)
        ctx.save_for_backward(*kept, *weights)
        ctx.way, ctx.n_kept = way, len(kept)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept, weights = ctx.saved_tensors[: ctx.n_kept], ctx.saved_tensors[ctx.n_kept :]
        with torch.autocast("cpu", enabled=False):
            needs_x = ctx.needs_input_grad[0]
            of_x, of_weights = ctx.way.backward(grad, kept, weights, needs_x=needs_x)
        return of_x, None, *of_weights


def _borders(offsets: Offsets) -> tuple[int, int]:
    """Zeros that the kernel needs before the first and after the last time point."""
    return -offsets[0], offsets[-1]


def _dilation(offsets: Offsets) -> int:
    return offsets[1] - offsets[0] if len(offsets) > 1 else 1

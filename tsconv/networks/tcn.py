"""TCN: causal convolutions whose dilation doubles from block to block, with shortcuts.

Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks for
sequence modeling", 2018, https://arxiv.org/abs/1803.01271. Widths, kernel and dropout are those of
their only classification task, sequential MNIST. Ours: the mean over time as the default head
(last, theirs, is there; users of their code report it worse for classification), levels from the
series' length, and weights that really start as stated.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from tsconv.layers.convolution import Convolution
from tsconv.layers.dropout import Dropout
from tsconv.layers.masking import time_mask, zero_padding
from tsconv.layers.weight_norm import WeightNormConvolution
from tsconv.networks import NETWORKS, Network
from tsconv.networks.heads import Head, Pooling
from tsconv.networks.network import expect_at_least

Initial = Literal["uniform", "normal", "he"]


@NETWORKS.register("tcn")
class TCN(Network):
    """Temporal convolutional network: no output depends on a later input.

    Args:
        n_channels: C of the series.
        n_classes: K.
        levels: blocks; the dilation of block i is 2^i. Training takes the fewest, at most 10, whose
            receptive field covers the longest series.
        width: channels of every block.
        kernel_size: time points a kernel sees, 1 allowed.
        dropout: share of values dropped after each convolution while training.
        pooling: how the head pools over time.
        standardise: a batch norm between pooling and linear map, see :class:`Head`. Not theirs.
        initial: how weights are drawn. "uniform" is PyTorch's U(-1/sqrt(fan in), +), which the
            authors' published code trains with; "normal" is the N(0, 0.01) that the code asks for
            and its weight norm undoes; "he" is N(0, sqrt(2 / fan in)), with which values keep their
            size from block to block (He et al., https://arxiv.org/abs/1502.01852).

    Shape:
        (N, C, L) -> (N, K), any L >= 1.
    """

    paper = (
        "Bai, Kolter & Koltun, An empirical evaluation of generic convolutional and recurrent "
        "networks for sequence modeling, 2018, https://arxiv.org/abs/1803.01271"
    )

    relative_cost = 6.0  # 6.0 to 6.7 on four sizes, one thread with AMX

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        *,
        levels: int = 8,
        width: int = 25,
        kernel_size: int = 7,
        dropout: float = 0.05,
        pooling: Pooling = "mean",
        standardise: bool = False,
        initial: Initial = "uniform",
    ) -> None:
        super().__init__()
        expect_at_least(1, levels=levels, width=width, kernel_size=kernel_size)
        if initial not in get_args(Initial):
            expected = ", ".join(get_args(Initial))
            raise ValueError(f"expected initial one of {expected}, found {initial!r}")
        self.kernel_size = kernel_size
        self.blocks = nn.ModuleList(
            TCNBlock(
                width if level else n_channels,
                width,
                kernel_size,
                dilation=2**level,
                dropout=dropout,
                initial=initial,
            )
            for level in range(levels)
        )
        self.head = Head(width, n_classes, pooling=pooling, standardise=standardise)

    @classmethod
    def options_for(cls, n_timepoints: int, given: Mapping[str, Any]) -> dict[str, Any]:
        levels, kernel_size = 1, given.get("kernel_size", 7)
        while levels < 10 and _receptive_field(levels, kernel_size) < n_timepoints:
            levels += 1
        return {"levels": levels, **given}

    @property
    def receptive_field(self) -> int:
        return _receptive_field(len(self.blocks), self.kernel_size)

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = time_mask(lengths, x.shape[-1])
        x = zero_padding(x, mask)
        for block in self.blocks:  # causal: what lies after the end reaches nothing before it
            x = block(x)
        return zero_padding(x, mask)


class TCNBlock(nn.Module):
    """Two dilated causal convolutions with ReLU and dropout, and the shortcut around them.

    Shape:
        (N, in_channels, L) -> (N, out_channels, L).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int,
        dropout: float,
        initial: Initial,
    ) -> None:
        super().__init__()
        self.first = WeightNormConvolution(
            in_channels, out_channels, kernel_size, dilation=dilation, padding="causal"
        )
        self.second = WeightNormConvolution(
            out_channels, out_channels, kernel_size, dilation=dilation, padding="causal"
        )
        self.match = (
            Convolution(in_channels, out_channels, 1) if in_channels != out_channels else None
        )
        self.dropout = Dropout(dropout)
        draw(self.first, initial)
        draw(self.second, initial)
        if self.match is not None:
            # No weight norm to undo it: this is what the authors' network really starts with.
            std = in_channels**-0.5 if initial == "he" else 0.01
            nn.init.normal_(self.match.weight, std=std)
            _draw_bias(self.match, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(torch.relu(self.first(x)))
        y = self.dropout(torch.relu(self.second(y)))
        return torch.relu(y + (x if self.match is None else self.match(x)))


def draw(convolution: WeightNormConvolution, initial: Initial) -> None:
    """Draw a convolution's weight and bias anew."""
    weight = torch.empty_like(convolution.direction)
    fan_in = weight.shape[1] * weight.shape[2]
    if initial == "uniform":
        nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5)
    else:
        nn.init.normal_(weight, std=0.01 if initial == "normal" else (2 / fan_in) ** 0.5)
    convolution.start_from(weight)
    _draw_bias(convolution, fan_in)


def _draw_bias(convolution: Convolution, fan_in: int) -> None:
    if convolution.bias is not None:
        nn.init.uniform_(convolution.bias, -(fan_in**-0.5), fan_in**-0.5)


def _receptive_field(levels: int, kernel_size: int) -> int:
    return 1 + 2 * (kernel_size - 1) * ((1 << levels) - 1)

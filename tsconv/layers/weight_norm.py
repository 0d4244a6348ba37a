"""Weight normalisation: a convolution whose weight is a direction times a length, learned apart.

Salimans & Kingma, "Weight Normalization", NeurIPS 2016, https://arxiv.org/abs/1602.07868.
Two plain parameters and no hook, so that a network survives pickle and deepcopy, and the weight
starts as exactly what was drawn: with PyTorch's first weight_norm, drawing into ``conv.weight``
after wrapping was undone by the first forward pass.
"""

from typing import Any

import torch
from torch import Tensor, nn

from tsconv.layers.convolution import Convolution, convolve


class WeightNormConvolution(Convolution):
    """A convolution with weight ``length * direction / ||direction||``, by output channel.

    Args:
        as of :class:`Convolution`.

    Shape:
        (N, in_channels, L) -> (N, out_channels, L).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drawn = self.weight.detach()
        del self.weight
        self.direction = nn.Parameter(drawn)
        self.length = nn.Parameter(_norm(drawn).flatten())  # 1-D as a gain is

    @torch.no_grad()
    def start_from(self, weight: Tensor) -> None:
        """Make ``weight`` (out_channels, in_channels, k) the weight of the next forward pass."""
        self.direction.copy_(weight)
        self.length.copy_(_norm(weight).flatten())

    def normed_weight(self) -> Tensor:
        """The weight in use, (out_channels, in_channels, k)."""
        return self.direction * (self.length[:, None, None] / _norm(self.direction))

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, [self.normed_weight()], [self.offsets], self.bias)


def _norm(weight: Tensor) -> Tensor:
    """Euclidean norm of each output channel's weights, (out_channels, 1, 1)."""
    norm: Tensor = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
    return norm

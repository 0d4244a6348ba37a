"""Layers of a trained network as it predicts: no gradients, weights prepared once, work in place.

Everything lies time first, (L, N, C), in one type. Batch norm does nothing then but scale and shift
what the layer before it gives, so its scale is multiplied into that layer's weights.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from tsconv.layers import frequency, windows
from tsconv.layers.kernels import Offsets, merge, merge_taps

KERNELS_KEPT = 2
"""Lengths of series whose transformed kernels are kept: those of a batch and of the one before."""


class PreparedConvolution:
    """Convolutions of one input side by side, as :func:`tsconv.layers.convolution.convolve`.

    Args:
        weights: (C', C, k) each.
        offsets: of each kernel.
        bias: (sum of the C'), float32.
        dtype: in which it is computed.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        offsets: Sequence[Offsets],
        bias: Tensor,
        dtype: torch.dtype,
    ) -> None:
        self.weights, self.offsets = weights, tuple(offsets)
        self.bias, self.dtype = bias, dtype
        self.channels = (weights[0].shape[1], len(bias))
        self._kernels = lru_cache(KERNELS_KEPT)(self._transform)
        self._matrix = lru_cache(KERNELS_KEPT)(self._flatten)

    def __call__(self, x: Tensor, out: Tensor) -> None:
        """Convolve x (L, N, C) into ``out`` (L, N, C'), whose channels lie together."""
        taps = merge_taps(self.offsets, len(x))
        if frequency.pays(len(x), taps, self.channels):
            tiling = frequency.choose_tiling(len(x), taps, self.channels)
            frequency.multiply(x, self._kernels(taps, tiling), tiling, bias=self.bias, out=out)
        else:
            seen, bias = windows.windows(x, taps), self.bias.to(self.dtype)
            torch.addmm(bias, seen, self._matrix(taps), out=out.flatten(0, 1))

    def _transform(self, taps: Offsets, tiling: frequency.Tiling) -> Tensor:
        return frequency.transform_kernels(self.weights, self.offsets, taps, tiling, self.dtype)

    def _flatten(self, taps: Offsets) -> Tensor:
        return merge(self.weights, self.offsets, taps, self.dtype).flatten(0, 1)

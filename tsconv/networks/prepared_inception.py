"""A trained Inception as it predicts on a processor; the network itself is the reference."""

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from tsconv.layers.convolution import Convolution
from tsconv.layers.masking import time_mask, zero_padding
from tsconv.layers.max_pool import max_of_three, max_pool
from tsconv.layers.prepared import PreparedConvolution
from tsconv.layers.relu import relu_

if TYPE_CHECKING:
    from tsconv.networks.inception import Inception, InceptionBlock, InceptionModule


class PreparedInception:
    """The logits of the network as its weights were when this was made.

    Args:
        network: trained; on the processor.
        dtype: of all values between the input and the head.
    """

    def __init__(self, network: "Inception", dtype: torch.dtype) -> None:
        self.dtype, self.head = dtype, network.head
        blocks = [cast("InceptionBlock", each) for each in network.blocks]
        self.blocks = [PreparedBlock(each, dtype) for each in blocks]

    def __call__(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, C, L) -> (N, K)."""
        mask = time_mask(lengths, x.shape[-1])
        inside = None if mask is None else mask.permute(2, 0, 1)
        values = zero_padding(x, mask)
        y = values.permute(2, 0, 1).to(self.dtype, memory_format=torch.contiguous_format)
        for block in self.blocks:
            y = block(y, inside)
        logits: Tensor = self.head(y.permute(1, 2, 0), lengths)
        return logits


class PreparedBlock:
    """Up to three modules in line, and the shortcut around them."""

    def __init__(self, block: "InceptionBlock", dtype: torch.dtype) -> None:
        modules = [cast("InceptionModule", each) for each in block.modules_in_line]
        self.modules = [PreparedModule(each, dtype) for each in modules]
        self.shortcut: tuple[Tensor, Tensor] | None = None
        if block.shortcut is not None and block.shortcut_norm is not None:
            scale, shift = block.shortcut_norm.as_scale_and_shift()
            self.shortcut = _matrix(block.shortcut, dtype, scale), shift.to(dtype)

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = x
        for module in self.modules:
            y = module(y, mask)
        if self.shortcut is None:
            return y
        weight, shift = self.shortcut
        y += torch.addmm(shift, x.flatten(0, 1), weight).view(y.shape)
        return _zero_padding_(relu_(y), mask)


class PreparedModule:
    """One module; its norm is part of the convolutions before it.

    Args:
        module: trained.
        dtype: of values.
    """

    def __init__(self, module: "InceptionModule", dtype: torch.dtype) -> None:
        branches = [cast(Convolution, each) for each in module.branches]
        scale, shift = module.norm.as_scale_and_shift()
        ends = [0]
        for each in branches:
            ends.append(ends[-1] + len(each.weight))
        weights = [
            each.weight * scale[start:end, None, None]
            for each, (start, end) in zip(branches, pairwise(ends), strict=True)
        ]
        self.rectified, self.wide, self.width = module.rectified, ends[-1], len(scale)
        self.bottleneck = None if module.bottleneck is None else _matrix(module.bottleneck, dtype)
        offsets = [each.offsets for each in branches]
        self.convolutions = PreparedConvolution(weights, offsets, shift[: self.wide], dtype)
        self.pool = _matrix(module.pool_branch, dtype, scale[self.wide :])
        self.pool_shift = shift[self.wide :].to(dtype)

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        length, n, _ = x.shape
        y, narrow = x.new_empty(length, n, self.width), x
        if self.bottleneck is not None:
            narrow = (x.flatten(0, 1) @ self.bottleneck).view(length, n, -1)
        self.convolutions(narrow, out=y[..., : self.wide])
        pooled = self._pooled(x, mask).flatten(0, 1)
        out = y.flatten(0, 1)[:, self.wide :]
        torch.addmm(self.pool_shift, pooled, self.pool, out=out)
        return _zero_padding_(relu_(y), mask)

    def _pooled(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if self.rectified:
            return max_of_three(x, rectified=True)  # padding is zero, and nothing is less
        inside = None if mask is None else mask.permute(1, 2, 0)
        return max_pool(x.permute(1, 2, 0), inside).permute(2, 0, 1).contiguous()


def _matrix(convolution: Convolution, dtype: torch.dtype, scale: Tensor | None = None) -> Tensor:
    """A convolution of kernel size one, its outputs scaled, as a matrix (C, C')."""
    weight = convolution.weight[:, :, 0].t()
    return (weight if scale is None else weight * scale).to(dtype).contiguous()


def _zero_padding_(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.mul_(mask)

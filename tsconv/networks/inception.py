"""Inception: parallel convolutions of three kernel sizes, six modules deep, with shortcuts.

Ismail Fawaz et al., "InceptionTime: Finding AlexNet for time series classification", DMKD 2020,
https://arxiv.org/abs/1909.04939. InceptionTime is an ensemble of five of these networks.
Exactly the authors' network (https://github.com/hfawaz/InceptionTime), Keras defaults included:
Glorot-uniform weights, batch-norm constants, 'same' padding, a convolution in every shortcut.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.convolution import Convolution, parallel
from tsconv.layers.cpu import choice as cpu
from tsconv.layers.gpu import choice as gpu
from tsconv.layers.layout import as_computed, side_by_side
from tsconv.layers.masking import time_mask, zero_padding
from tsconv.layers.max_pool import max_pool
from tsconv.networks import NETWORKS, Network
from tsconv.networks.heads import Head, Pooling
from tsconv.networks.network import Predictor, expect_at_least
from tsconv.networks.prepared_inception import PreparedInception


@NETWORKS.register("inception")
class Inception(Network):
    """The network of which InceptionTime trains five.

    Args:
        n_channels: C of the series.
        n_classes: K.
        depth: inception modules.
        n_filters: channels of each of a module's four branches.
        kernel_sizes: of the three convolutions, 40, 20 and 10 in the paper.
        bottleneck: channels the kernels see, 0 for no bottleneck.
        residual: a shortcut around every third module.
        pooling: how the head pools over time.

    Shape:
        (N, C, L) -> (N, K), any L >= 1.
    """

    paper = (
        "Ismail Fawaz et al., InceptionTime: Finding AlexNet for time series classification, "
        "DMKD 2020, https://arxiv.org/abs/1909.04939"
    )

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        *,
        depth: int = 6,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (40, 20, 10),
        bottleneck: int = 32,
        residual: bool = True,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        expect_at_least(
            1, depth=depth, n_filters=n_filters, kernel_sizes=min(kernel_sizes, default=0)
        )
        expect_at_least(0, bottleneck=bottleneck)
        width = n_filters * (len(kernel_sizes) + 1)
        self.kernel_sizes = tuple(kernel_sizes)
        self.blocks = nn.ModuleList()
        in_channels = n_channels
        for start in range(0, depth, 3):
            size = min(3, depth - start)
            block = InceptionBlock(
                in_channels,
                size,
                n_filters,
                self.kernel_sizes,
                bottleneck=bottleneck,
                residual=residual and size == 3,
                rectified=start > 0,
            )
            self.blocks.append(block)
            in_channels = width
        self.head = Head(width, n_classes, pooling=pooling)

    @property
    def receptive_field(self) -> int:
        reach = max(*self.kernel_sizes, 3) - 1  # 3: the pooling branch
        return 1 + sum(len(block.modules_in_line) for block in self.blocks) * reach  # type: ignore[arg-type, misc]

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = time_mask(lengths, x.shape[-1])
        x = zero_padding(x, mask)
        for block in self.blocks:
            x = block(x, mask)
        return x

    def prepared(self, dtype: torch.dtype) -> Predictor | None:
        return PreparedInception(self, dtype) if self.fused else None


class InceptionBlock(nn.Module):
    """Up to three inception modules in line, and the shortcut around them.

    The input is ``rectified`` if no value is below zero: max-pooling is quicker then.

    Shape:
        (N, in_channels, L) -> (N, width, L).
    """

    def __init__(
        self,
        in_channels: int,
        size: int,
        n_filters: int,
        kernel_sizes: tuple[int, ...],
        *,
        bottleneck: int,
        residual: bool,
        rectified: bool,
    ) -> None:
        super().__init__()
        width = n_filters * (len(kernel_sizes) + 1)
        self.modules_in_line = nn.ModuleList(
            InceptionModule(
                in_channels if k == 0 else width,
                n_filters,
                kernel_sizes,
                bottleneck,
                rectified=rectified or k > 0,
            )
            for k in range(size)
        )
        self.shortcut = Convolution(in_channels, width, 1, bias=False) if residual else None
        self.shortcut_norm = BatchNorm(width) if residual else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        start = x
        for module in self.modules_in_line:
            x = module(x, mask)
        if self.shortcut is None or self.shortcut_norm is None:
            return x
        joined: Tensor = self.shortcut_norm(self.shortcut(start), mask, plus=x, rectify=True)
        return joined


class InceptionModule(nn.Module):
    """Three kernel sizes on a bottleneck, max-pooling on the input, side by side.

    The input is ``rectified`` if no value is below zero: max-pooling is quicker then.

    Shape:
        (N, in_channels, L) -> (N, n_filters * (kernels + 1), L).
    """

    def __init__(
        self,
        in_channels: int,
        n_filters: int,
        kernel_sizes: tuple[int, ...],
        bottleneck: int,
        *,
        rectified: bool,
    ) -> None:
        super().__init__()
        self.rectified = rectified
        squeezed = bottleneck > 0 and in_channels > 1
        self.bottleneck = Convolution(in_channels, bottleneck, 1, bias=False) if squeezed else None
        seen = bottleneck if squeezed else in_channels
        wide = [Convolution(seen, n_filters, each, bias=False) for each in kernel_sizes]
        self.branches = nn.ModuleList(wide)
        self.offsets = [each.offsets for each in wide]
        self.pool_branch = Convolution(in_channels, n_filters, 1, bias=False)
        self.norm = BatchNorm(n_filters * (len(kernel_sizes) + 1))
        self.channels = max(in_channels, seen, n_filters)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        computed = as_computed(x)
        branches = self._own_branches(computed)
        wide = self._by_layers(x, mask) if branches is None else branches(computed, mask)
        normed: Tensor = self.norm(wide, mask, rectify=True)
        return normed

    def _by_layers(self, x: Tensor, mask: Tensor | None) -> Tensor:
        narrow = x if self.bottleneck is None else self.bottleneck(x)
        wide = parallel(narrow, self.branches)
        pooled = self.pool_branch(max_pool(x, mask, rectified=self.rectified))
        return side_by_side(wide, pooled)

    def _own_branches(self, x: Tensor) -> Callable[[Tensor, Tensor | None], Tensor] | None:
        """What computes all branches at once, where this package has it for ``x``."""
        if gpu.takes(x, channels=self.channels):
            from tsconv.layers.gpu.inception import branches
        elif cpu.takes(x):
            from tsconv.layers.cpu.inception import branches
        else:
            return None
        return partial(
            branches,
            bottleneck=None if self.bottleneck is None else self.bottleneck.weight,
            pooled=self.pool_branch.weight,
            kernels=tuple(self.branches.parameters()),
            offsets=self.offsets,
        )

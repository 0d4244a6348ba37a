"""Dropout of the same values whether a batch is computed by one process or shared among several.

Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
"""

import torch
from torch import Tensor, nn

from tsconv.layers.layout import memory_order
from tsconv.layers.sharing import current_share


class Dropout(nn.Dropout):
    """As PyTorch's; of a shared batch, each process draws for all series and takes its own.

    Shape:
        (N, C, L) -> (N, C, L).
    """

    def forward(self, x: Tensor) -> Tensor:
        share = current_share()
        if share is None or not self.training or self.p in (0, 1):
            return super().forward(x)
        whole = (share.n_instances, *x.shape[1:])
        # Numbers are drawn in the order of memory, so it must be that of a batch here whole.
        kept = torch.empty_permuted(whole, memory_order(x), dtype=x.dtype, device=x.device)
        kept.bernoulli_(1 - self.p).div_(1 - self.p)
        return x * kept[share.first : share.first + len(x)]

"""Dropout of the same values whether a batch is computed by one process or shared among several.

Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
"""

import torch
from torch import Tensor, nn

from tsconv.layers.layout import memory_order
from tsconv.layers.sharing import current_share

PARTS = 1 << 16
"""Steps of a probability: four values are drawn with one random number of 64 bits, which takes a
processor an eighth of the time of four."""


class Dropout(nn.Dropout):
    """As PyTorch's, with probabilities in steps of 2^-16 on a processor.

    Of a shared batch, each process draws for all series and takes its own.

    Shape:
        (N, C, L) -> (N, C, L).
    """

    def forward(self, x: Tensor) -> Tensor:
        share, on_cpu = current_share(), x.device.type == "cpu"
        if not self.training or self.p in (0, 1) or (share is None and not on_cpu):
            return super().forward(x)
        if share is None:
            return x * self._draw(x, len(x))
        return x * self._draw(x, share.n_instances)[share.first : share.first + len(x)]

    def _draw(self, x: Tensor, n_instances: int) -> Tensor:
        """(n_instances, C, L) what to multiply values by, drawn in the order of memory."""
        whole = (n_instances, *x.shape[1:])
        kept = torch.empty_permuted(whole, memory_order(x), dtype=x.dtype, device=x.device)
        if x.device.type != "cpu":
            return kept.bernoulli_(1 - self.p).div_(1 - self.p)
        dropped = min(round(self.p * PARTS), PARTS - 1)
        words = torch.empty(-(-kept.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        flat = words.view(torch.int16)[: kept.numel()] >= dropped - PARTS // 2
        in_memory = kept.permute(memory_order(x))
        in_memory.copy_(flat.view(in_memory.shape))
        return kept.mul_(PARTS / (PARTS - dropped))

"""The registry of layers, the blocks that a network's option can name.

A layer is ``cls(channels, ...)`` and maps (N, C, L) to the same shape for any L >= 1. In a batch of
unequal lengths, what enters and leaves a layer is zero where a series has ended: a convolution then
sees there just what it sees beyond the end of the series alone.
"""

from torch import nn

from tsconv.registry import Registry

LAYERS: Registry[type[nn.Module]] = Registry("layer", "tsconv.layers")

"""One file a building block, (N, C, L) to (N, C, L), each honouring series of unequal length."""

from tsconv.layers.layer import LAYERS

__all__ = ["LAYERS"]

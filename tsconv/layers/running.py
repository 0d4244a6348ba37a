"""What a batch norm keeps of earlier batches."""

from typing import NamedTuple

from torch import Tensor


class Running(NamedTuple):
    """Statistics of earlier batches, changed in place: (C) each.

    Attributes:
        momentum: share of a new batch's.
        eps: added to a variance.
    """

    mean: Tensor
    var: Tensor
    momentum: float
    eps: float

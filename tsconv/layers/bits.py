"""bfloat16 as the integers it is stored as.

PyTorch computes on bfloat16 by way of float32, at a third of the speed of integers and less.
"""

import torch
from torch import Tensor


def as_integers(x: Tensor) -> Tensor:
    """The memory of a bfloat16 tensor as integers, any other tensor as it is.

    They are equal where the values are, zero where they are, and negative where they are; of those
    that are not, they have the order. What is not a number may become one.
    """
    return x.view(torch.int16) if x.dtype == torch.bfloat16 else x

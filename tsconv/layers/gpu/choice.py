"""Whether layers compute by kernels of our own here, and why."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from tsconv.layers.cpu import choice as loops
from tsconv.layers.layout import computed_dtype, is_fused
from tsconv.layers.products import library

MOST_POSITIONS = 2**21
"""Time points of all series together: with a thousand channels each, what layers make of them still
has places that are 32-bit numbers."""
MOST_CHANNELS = 128
"""Of a convolution, in and out: a block of rows holds them all. Wider ones are cuDNN's."""
OLDEST = (3, 6)
"""Version of Triton; PyTorch brings it along where it computes on GPUs, this one since 2.11."""


@cache
def is_installed() -> bool:
    """Whether a Triton is there that compiles the kernels."""
    try:
        found = version("triton").split(".")
    except PackageNotFoundError:
        return False
    return (int(found[0]), int(found[1])) >= OLDEST


def takes(x: Tensor, *, channels: int = 1) -> bool:
    """Whether layers compute ``x`` by the kernels here, of which a block holds so many channels."""
    return (
        x.is_cuda
        and channels <= MOST_CHANNELS
        and is_fused()
        and computed_dtype(x) == torch.bfloat16
        and x.shape[0] * x.shape[2] <= MOST_POSITIONS
        and is_installed()
    )


def describe_ways(device: str, dtype: torch.dtype, fused: bool) -> str:
    """How layers compute on a kind of device, and why, in a line."""
    if not fused:
        return "PyTorch's own operators: training.fused is false"
    if device == "cpu":
        by = f" {library()}" if dtype == torch.float32 else ""
        return f"fused: convolutions as matrix products{by}, the rest by {loops.describe()}"
    if dtype != torch.bfloat16:
        return f"fused: channels last, for cuDNN; kernels of our own compute bfloat16, not {dtype}"
    if not is_installed():
        oldest = ".".join(map(str, OLDEST))
        return f"fused: channels last, for cuDNN; kernels of our own need Triton {oldest} or newer"
    return "fused: kernels of our own, by Triton, channels last"

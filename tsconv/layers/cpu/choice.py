"""Whether layers compute by compiled loops here, and why."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from tsconv.layers.layout import is_fused

COMPUTED = (torch.bfloat16, torch.float32)


@cache
def reason_against() -> str | None:
    """Why loops cannot be compiled here, None if they can: one is tried."""
    if find_spec("numba") is None:
        return "Numba is not installed"
    try:
        from tsconv.layers.cpu.compiled import try_out

        try_out()
    except Exception as error:  # Numba's checks of versions, a compiler's failure, no OpenMP: any
        return f"Numba compiles no loops here ({type(error).__name__}: {error})"
    return None


def compiles(x: Tensor) -> bool:
    """Whether compiled loops can take the memory of ``x``."""
    return x.dtype in COMPUTED and x.device.type == "cpu" and reason_against() is None


def takes(x: Tensor) -> bool:
    """Whether layers compute ``x`` by compiled loops."""
    return is_fused() and compiles(x)


def describe() -> str:
    """By what all but products of matrices is computed, and why, in a few words."""
    against = reason_against()
    return "loops that Numba compiles" if against is None else f"PyTorch's operators: {against}"

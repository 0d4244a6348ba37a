"""Whether layers compute by compiled loops here, and why."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from tsconv.layers.layout import is_fused

COMPUTED = (torch.bfloat16, torch.float32)


@cache
def openmp() -> Path | None:
    """The library that PyTorch runs its threads by, if it brought GNU's along."""
    found = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*"))
    return found[0] if found else None


@cache
def reason_against() -> str | None:
    """Why loops cannot be compiled here, None if they can."""
    if openmp() is None:
        return "this PyTorch brings no GNU OpenMP along, on whose threads they would run"
    if find_spec("numba") is None:
        return "Numba is not installed"
    try:
        import numba  # noqa: F401
    except Exception as error:  # its own checks of the versions it works with raise many kinds
        return f"Numba cannot be imported ({error})"
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

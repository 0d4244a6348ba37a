"""How a tensor lies in memory: (N, C, L) to whoever reads, otherwise to the machine.

On a processor time comes first, (L, N, C): a shift in time is a slice, a convolution of kernel size
one is a product of matrices, and so is a Fourier transform over time, of all series and channels at
once. On a GPU the channels of one time point lie together, (N, L, C), as cuDNN likes it.
Layers take a tensor in any order and give one in this order, so that no network asks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_FUSED: ContextVar[bool] = ContextVar("fused", default=True)


@contextmanager
def fused_layers(enabled: bool) -> Iterator[None]:
    """Within, layers compute by the fast ways of this package, or by PyTorch's own operators."""
    token = _FUSED.set(enabled)
    try:
        yield
    finally:
        _FUSED.reset(token)


def is_fused() -> bool:
    """Whether layers are to compute by the fast ways of this package."""
    return _FUSED.get()


def as_computed(x: Tensor) -> Tensor:
    """``x`` in the type in which convolutions are computed here."""
    return x.to(computed_dtype(x)) if x.dtype == torch.float32 else x


def computed_dtype(x: Tensor) -> torch.dtype:
    """What autocast computes convolutions of ``x`` in, its own type without autocast."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def as_rows(x: Tensor) -> Tensor:
    """``x`` (N, C, L) as (positions, C), a view if it lies as this machine likes it."""
    return x.permute(_order(x)).flatten(0, 1)


def from_rows(rows: Tensor, x: Tensor) -> Tensor:
    """What :func:`as_rows` made of ``x``, now perhaps with other channels, as (N, C', L)."""
    n, _, length = x.shape
    if _order(x) == _TIME_FIRST:
        return rows.view(length, n, -1).permute(1, 2, 0)
    return rows.view(n, length, -1).transpose(1, 2)


def memory_order(x: Tensor) -> tuple[int, ...]:
    """The axes of what layers make of ``x`` (N, C, L), as they lie in memory, the fastest last."""
    return _order(x) if is_fused() else (0, 1, 2)


def side_by_side(*parts: Tensor) -> Tensor:
    """The channels of several (N, C, L) one after the other, (N, sum of the C, L)."""
    rows = torch.cat([as_rows(each) for each in parts], dim=1)
    return from_rows(rows, parts[0])


_TIME_FIRST, _CHANNELS_LAST = (2, 0, 1), (0, 2, 1)


def _order(x: Tensor) -> tuple[int, int, int]:
    return _TIME_FIRST if x.device.type == "cpu" else _CHANNELS_LAST

"""Products of matrices in float32 on a processor, by the faster of PyTorch's two libraries.

PyTorch multiplies float32 by MKL, whose kernels for AVX512 serve Intel's processors alone, and
bfloat16 by oneDNN, which serves all. On others oneDNN is the faster for float32 too, but PyTorch
lets only its compiler ask for it, by an operator of its own that is tried here once before it is
relied upon.
"""

import logging
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

CPUINFO = Path("/proc/cpuinfo")
LEAST_COLUMNS = 256, 8
"""Of the result, where rows are few or ``a`` is not contiguous, and where rows are many: with fewer
oneDNN takes as long as MKL or several times as long."""
MANY_ROWS = 4096
LEAST_PRODUCTS = 2**22
"""Of two numbers: below that oneDNN's 20 us to begin with weigh more than what it saves."""
LEAST_OF_COLUMNS = 2**20
"""The same where columns lie together, with which MKL is slower."""


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b``, of matrices (M, K) and (K, N) without gradient, in whatever order they lie."""
    return _by_onednn(a, b) if _suits_onednn(a, b) and _has_onednn() else torch.mm(a, b)


def products(a: Tensor, b: Tensor) -> Tensor | list[Tensor]:
    """The same of several (T, M, K) and (T, K, N), in one tensor where that is as fast."""
    if a.dtype != torch.float32:
        return torch.bmm(a, b)
    return [product(one, other) for one, other in zip(a, b, strict=True)]


def library() -> str:
    """Which of the two multiplies float32 here, and why."""
    if _has_onednn():
        return "by oneDNN"
    return f"by MKL, {'on an Intel' if _is_intel() else 'without AVX512 or with another PyTorch'}"


def _suits_onednn(a: Tensor, b: Tensor) -> bool:
    if a.dtype != torch.float32 or a.device.type != "cpu":
        return False
    if b.shape[1] < LEAST_COLUMNS[a.is_contiguous() and len(a) >= MANY_ROWS]:
        return False
    n_products = len(a) * b.numel()
    if b.is_contiguous():
        return n_products >= LEAST_PRODUCTS
    return b.t().is_contiguous() and n_products >= LEAST_OF_COLUMNS


def _by_onednn(a: Tensor, b: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")
    return y


@cache
def _has_onednn() -> bool:
    """Whether oneDNN is the faster here, and right."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or _is_intel():
        return False
    a, b = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4)
    try:
        return torch.equal(_by_onednn(a, b), a @ b)
    except (AttributeError, RuntimeError, TypeError) as error:  # another version of PyTorch
        logger.debug("float32 is multiplied by MKL: %s", error)
        return False


def _is_intel() -> bool:
    named = os.environ.get("PROCESSOR_IDENTIFIER", "")  # on Windows
    with suppress(OSError):
        named += CPUINFO.read_text()
    return "GenuineIntel" in named

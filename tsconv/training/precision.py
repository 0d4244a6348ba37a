"""What this machine computes best with, and why; the only place that asks the hardware."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from tsconv.errors import ConfigError

ANY_GPU = ("auto", "cuda")
"""Settings of a device that leave open which GPU it is."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Where and in what precision a network is computed.

    Attributes:
        device: the processor or GPU.
        dtype: of convolutions; weights, statistics, pooling and losses stay float32.
        reason: why this precision, for whoever asks.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which convolutions run in ``dtype``."""
        lower = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype if lower else None, enabled=lower)


def choose_arithmetic(
    device: str = "auto", precision: str = "auto", *, local_rank: int | None = None
) -> Arithmetic:
    """The best this machine has, or what was asked for.

    Args:
        device: auto, cpu, cuda or cuda:N.
        precision: auto, float32 or bfloat16.
        local_rank: of several processes on this node that take a GPU each, which this is; None for
            one process.

    Raises:
        ConfigError: a device that is not there, or a precision it does not compute natively.
    """
    where = _choose_device(device)
    if local_rank is not None and where.type == "cuda":
        where = _own_device(where, local_rank)
    native, reason = _native_bfloat16(where)
    if precision == "auto":
        return Arithmetic(where, torch.bfloat16 if native else torch.float32, reason)
    if precision == "bfloat16" and not native:
        raise ConfigError(f"precision bfloat16: {reason}; use --precision float32")
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    return Arithmetic(where, dtype, "as asked for")


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    count = torch.cuda.device_count()
    named = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return tuple(named[:count] if any(named) else map(str, range(count)))


def take_gpus(names: Sequence[str]) -> None:
    """Let CUDA see these GPUs alone, in this process and those that it starts.

    Args:
        names: as CUDA_VISIBLE_DEVICES has them.

    Raises:
        ConfigError: one of them is not there, or not for this process.
    """
    there = visible_gpus()
    for name in names:
        if name not in there:
            found = f"GPUs {', '.join(there)}" if there else "no GPU"
            instead = "expected one of them" if there else "without --gpu the processor trains"
            raise ConfigError(
                f"--gpu {name}: found {found} that this process may use, by CUDA_VISIBLE_DEVICES "
                f"where that is set; {instead}"
            )
    if names:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names)


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device: expected auto, cpu, cuda or cuda:N, found {name!r}") from error
    count = torch.cuda.device_count()
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: expected auto, cpu, cuda or cuda:N, found {name!r}")
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigError(f"device {name!r}: found {count} CUDA devices here; use --device cpu")
    return device


def _own_device(device: torch.device, local_rank: int) -> torch.device:
    count = torch.cuda.device_count()
    if device.index is not None or local_rank >= count:
        raise ConfigError(
            f"device {device}: found process {local_rank} of this node and {count} GPUs here; "
            "expected a GPU for each process and --device cuda, or --device cpu"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _native_bfloat16(device: torch.device) -> tuple[bool, str]:
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        name = torch.cuda.get_device_name(device)
        return native, f"{name} computes bfloat16 {'natively' if native else 'only by emulation'}"
    if torch.cpu._is_amx_tile_supported():
        return True, "this processor has AMX"
    if torch.cpu._is_avx512_bf16_supported():
        return True, "this processor has AVX512-BF16"
    return False, "this processor has no bfloat16 arithmetic"

"""Memory that a step gives back and the next one takes again."""

import ctypes
from contextlib import suppress
from functools import cache

import torch

THRESHOLD = (32 << 20) - (1 << 16)
"""Bytes; the most that glibc takes for a threshold are 32 MiB, its own bookkeeping included."""


@cache
def keep_freed_memory() -> None:
    """Have memory that tensors leave on a processor serve those to come, in this process.

    At first glibc asks the system for every tensor of 128 KiB and more and gives it back at once,
    so that each step pays for some thousand pages anew. When such a piece is freed it takes the
    piece's size as the new threshold, up to 32 MiB, and twice that for what it keeps at the heap's
    end (mallopt(3), M_MMAP_THRESHOLD). So a piece of that size is taken, never touched, and freed.
    """
    torch.empty(THRESHOLD, dtype=torch.uint8)


def give_back_freed_memory() -> None:
    """Give the system what tensors left on a processor, where glibc keeps it."""
    with suppress(AttributeError, OSError, TypeError):  # another system
        ctypes.CDLL(None).malloc_trim(0)

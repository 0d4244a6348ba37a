"""Random numbers of one member: its own, whatever else is trained, and nobody else's disturbed."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, member: int, device: torch.device) -> Iterator[torch.Generator]:
    """Within it, PyTorch draws from (seed, member); after it, as if nothing had been drawn.

    Gives a generator of its own to shuffle with, so that the order of instances does not depend on
    how many numbers initialisation and dropout draw.
    """
    state = np.random.SeedSequence([seed, member]).generate_state(2, np.uint64)
    first, second = (int(word) >> 1 for word in state)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(first)
        yield torch.Generator().manual_seed(second)

"""Random numbers of one member: its own, whatever else is trained, and nobody else's disturbed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch


class Draws:
    """The random numbers that PyTorch draws for one member, taken up again where they were left.

    Args:
        seed: of the ensemble.
        member: its index; with the seed it decides every number.
        device: where numbers are drawn, beside the CPU.
    """

    def __init__(self, seed: int, member: int, device: torch.device) -> None:
        state = np.random.SeedSequence([seed, member]).generate_state(2, np.uint64)
        first, second = (int(word) >> 1 for word in state)
        self.order = torch.Generator().manual_seed(second)
        self._state = torch.Generator().manual_seed(first).get_state()
        self._device = device
        # A CUDA graph goes on with the generator's state object that it was recorded with.
        self._cuda: torch.Generator | None = None
        if device.type == "cuda":
            self._cuda = torch.Generator(device).manual_seed(first).graphsafe_get_state()

    @contextmanager
    def active(self) -> Iterator[torch.Generator]:
        """Within, PyTorch draws this member's numbers; after, as if nothing had been drawn.

        Gives a generator of its own to shuffle with, so that the order of instances does not depend
        on how many numbers initialisation and dropout draw.
        """
        outer = torch.get_rng_state()
        torch.set_rng_state(self._state)
        try:
            with _drawing_from(self._cuda, self._device):
                yield self.order
        finally:
            self._state = torch.get_rng_state()
            torch.set_rng_state(outer)

    def state(self) -> dict[str, torch.Tensor]:
        """Where the numbers are by now, but for :attr:`order`; outside of :meth:`active`."""
        if self._cuda is None:
            return {"cpu": self._state}
        return {"cpu": self._state, "cuda": self._cuda.get_state()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from a :meth:`state`; one of another device decides for the CPU alone."""
        self._state = state["cpu"]
        if self._cuda is not None and "cuda" in state:
            self._cuda.set_state(state["cuda"])


def seeded(seed: int, member: int, device: torch.device) -> AbstractContextManager[torch.Generator]:
    """Within it, PyTorch draws from (seed, member); after it, as if nothing had been drawn."""
    return Draws(seed, member, device).active()


@contextmanager
def _drawing_from(state: torch.Generator | None, device: torch.device) -> Iterator[None]:
    """Within, CUDA's default generator has another state; the states go on by themselves."""
    if state is None:
        yield
        return
    index = torch.cuda.current_device() if device.index is None else device.index
    default = torch.cuda.default_generators[index]
    outer = default.graphsafe_get_state()
    default.graphsafe_set_state(state)
    try:
        yield
    finally:
        default.graphsafe_set_state(outer)

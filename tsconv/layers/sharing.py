"""A batch that several processes compute at once, some series each: what layers know of it.

Most layers treat each series by itself and need not ask. Those that look at a batch as a whole,
its statistics and its random numbers, find here which part of it they were given.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Share:
    """The series of a batch that this process computes.

    Attributes:
        n_instances: of the whole batch.
        first: position in the batch of the first series here; the others follow it.
        copies: processes that compute each series; more than one where series are too few to share.
        gather: stacks a tensor that each process gives, all of one shape; they wait for each other.
    """

    n_instances: int
    first: int
    copies: int
    gather: Callable[[Tensor], Tensor]


_SHARE: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Within, layers compute this share of a batch; None: a batch that is here whole."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def current_share() -> Share | None:
    """Of the batch that is being computed, None where it is here whole."""
    return _SHARE.get()

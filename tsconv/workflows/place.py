"""Which of several processes this is, for those who speak to the user."""

from tsconv.training.distributed import find_place, told_elsewhere

__all__ = ["is_first", "told_elsewhere"]


def is_first() -> bool:
    """Whether this process is the one that tells the result."""
    return find_place().rank == 0

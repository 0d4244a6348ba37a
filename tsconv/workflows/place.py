"""Which of several processes this is, and what it is given, for those who speak to the user."""

from tsconv.errors import ConfigError
from tsconv.training.distributed import find_place, told_elsewhere
from tsconv.training.precision import take_gpus

__all__ = ["is_first", "refuse_several", "take_gpus", "told_elsewhere"]


def is_first() -> bool:
    """Whether this process is the one that tells the result."""
    return find_place().rank == 0


def refuse_several(command: str, instead: str) -> None:
    """Raise ConfigError in one of several processes, of a command that is no training of theirs."""
    if (size := find_place().size) > 1:
        raise ConfigError(
            f"tsconv {command}: found {size} processes that torchrun started, expected one without "
            f"torchrun; {instead}"
        )

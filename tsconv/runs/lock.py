"""A run directory to oneself: a lock that its holder's death frees."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from tsconv.errors import RunError
from tsconv.runs.paths import RunDir


@contextmanager
def held(directory: RunDir) -> Iterator[None]:
    """Nobody else writes into the directory within.

    Raises:
        RunError: somebody does, or the folder cannot be made.
    """
    try:
        directory.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory.lock, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{directory.path}: another process is writing this run; wait for it, or end it"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{directory.path}: cannot be written ({reason})") from error
    try:
        yield
    finally:
        lock.release()

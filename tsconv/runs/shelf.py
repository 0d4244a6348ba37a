"""Checkpoints of members in a run directory: the newest, and the one before it."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress

from tsconv.runs.atomic import replacing, sweep
from tsconv.runs.paths import RunDir

logger = logging.getLogger(__name__)


class RunShelf:
    """What :class:`tsconv.training.checkpoint.Keeper` keeps, in a run directory."""

    def __init__(self, directory: RunDir) -> None:
        self.directory = directory

    def put(self, member: int, content: bytes) -> None:
        """Keep a checkpoint; at any moment one of the two files is whole.

        Raises:
            RunError: it cannot be written; those before are still there.
        """
        newest, before = self.directory.checkpoints(member)
        with replacing(newest) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # before anything older is given up
            with suppress(FileNotFoundError):
                newest.replace(before)

    def newest_first(self, member: int) -> Iterator[tuple[str, bytes]]:
        """Path and content of what there is; one that is not the last asked for is thrown away."""
        for path in self.directory.checkpoints(member):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                logger.warning("%s: cannot be read (%s)", path, error.strerror)
                continue
            yield str(path), content
            with suppress(OSError):
                path.unlink()

    def drop(self, member: int) -> None:
        """Take away a member's checkpoints, and what kills left of what was being written."""
        for path in self.directory.checkpoints(member):
            path.unlink(missing_ok=True)
        self.sweep(member)

    def sweep(self, member: int) -> None:
        """Take away what kills left of a member's files that were being written."""
        sweep(self.directory.members, f"{member}.")

"""Files that are either whole or not there: written beside their place, then moved into it.

A process that is killed leaves its draft, a hidden file, until somebody sweeps.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tsconv.errors import RunError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write; it takes the place of ``path`` when the block ends without an error.

    Raises:
        RunError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BrokenPipeError:  # of whoever the block writes to besides
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{path}: cannot be written ({reason}); is there room, and permission?"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, start: str = "") -> None:
    """Take away the drafts that killed writers left of files whose names begin so.

    Only for who knows that nobody writes these files now. Drafts of locks are left: whoever waits
    for a turn makes them at any time.
    """
    for path in folder.glob(f".{start}*.tmp"):
        if ".lock-" not in path.name:
            with suppress(OSError):
                path.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, all of it or nothing."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, document: Any) -> None:
    """Put a JSON document at ``path``; infinite and undefined numbers are a mistake of ours."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """The document at ``path``.

    Raises:
        RunError: the file is missing, cannot be read or is cut off.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{path}: expected a file of a run, found none") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise RunError(f"{path}: expected JSON, found something else ({error})") from error

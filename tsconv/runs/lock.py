"""Something of a run to oneself: a lock file that says who holds it, and that a death frees.

A lock is a file that only one process can make, on a network file system too. It names its owner:
host, process, job of the batch system. While it is held, its time of modification is renewed. A
lock is stale if its process is gone from this host or, on another host, if it was not renewed for
long, by the clock of the file system and by watching: no clock that jumps can free a lock.
"""

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from tsconv.errors import RunError, RunHeldError
from tsconv.runs.host import batch_job
from tsconv.runs.processes import Process, this_process

logger = logging.getLogger(__name__)

RENEWED_EVERY = 15.0  # seconds
STALE_AFTER = 90.0
"""Seconds without renewal after which the lock of another host is stale, if it is then not renewed
for WATCHED_FOR."""
WATCHED_FOR = 2 * RENEWED_EVERY
PATIENCE = 5.0
"""Seconds to wait for a living holder: so long may it take a process that was told to end."""
PAUSE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Who holds a lock.

    Attributes:
        process: which, on which host.
        job: of the batch system, None outside one.
        token: different for each time a lock is taken.
    """

    process: Process
    job: str | None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __str__(self) -> str:
        job = f", {self.job}" if self.job else ""
        return f"process {self.process.pid} on {self.process.host}{job}"


@contextmanager
def held(*paths: Path, patience: float | None = PATIENCE) -> Iterator[None]:
    """Within, nobody else holds any of the locks.

    Args:
        paths: the lock files, in folders that are made if they are not there.
        patience: seconds to wait for each whose holder is known to live, None for as long as it
            takes. That the holder lives, or not, on another host takes up to two minutes to tell.

    Raises:
        RunHeldError: somebody holds one of them.
        RunError: the folder cannot be written to.
    """
    job, released = batch_job(), threading.Event()
    owner = Owner(process=this_process(), job=job and f"{job.system} job {job.name}")
    with ExitStack() as at_the_end:
        at_the_end.callback(released.set)
        for path in paths:
            _take(path, owner, patience)
            at_the_end.callback(_release, path, owner)
            _sweep(path)
        threading.Thread(target=_renew, args=(paths, owner, released), daemon=True).start()
        yield


def _take(path: Path, owner: Owner, patience: float | None) -> None:
    began, waits = time.monotonic(), False
    while not _create(path, owner):
        holder = read_owner(path)
        if holder == owner:  # a network file system that made the link, and reported a failure
            return
        who = holder or "another process"
        state = state_of(path, holder)
        if state == "stale":
            logger.info("%s: left by %s, which is gone", path, who)
            _take_away(path, holder)
            continue
        waited = time.monotonic() - began
        if state == "alive" and patience is not None and waited >= patience:
            raise RunHeldError(f"{path}: {who} is at work on this; wait for it, or end it")
        if not waits:
            logger.info("%s: held by %s, waits for it", path, who)
        waits = True
        time.sleep(PAUSE)


def _create(path: Path, owner: Owner) -> bool:
    """Make the lock file; False if there is one."""
    draft = path.with_name(f".{path.name}-{owner.token}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(asdict(owner)))
        return _link(draft, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{path}: cannot be written ({reason}); is there room, and permission?"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _link(draft: Path, path: Path) -> bool:
    """Give the draft its name, never there without its words; False if it is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        words = draft.read_bytes()
        try:
            with path.open("xb") as file:
                file.write(words)
        except FileExistsError:
            return False
    return True


def _release(path: Path, owner: Owner) -> None:
    if read_owner(path) == owner:
        with suppress(OSError):
            path.unlink()


def _renew(paths: tuple[Path, ...], owner: Owner, released: threading.Event) -> None:
    while not released.wait(RENEWED_EVERY):
        for path in paths:
            if read_owner(path) == owner:
                with suppress(OSError):
                    os.utime(path)


def read_owner(path: Path) -> Owner | None:
    """Who holds a lock, None where that is not written there, or not yet."""
    try:
        document = json.loads(path.read_bytes())
        process = Process(**document.pop("process"))
        return Owner(process=process, **document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def state_of(path: Path, holder: Owner | None) -> Literal["alive", "stale", "unknown"]:
    """Whether somebody is holding the lock, or nobody can be any more, as far as can be told."""
    if holder is not None and holder.process.is_of_here:
        return "alive" if holder.process.is_alive else "stale"
    if _is_renewed(path):
        return "alive"
    return "stale" if _is_old(path) else "unknown"


def _is_old(path: Path) -> bool:
    """Whether it was not renewed for long, or in the future, by the file system's own clock."""
    probe = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        probe.touch()
        age = probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return not -RENEWED_EVERY <= age < STALE_AFTER


def _is_renewed(path: Path) -> bool:
    """Whether it is renewed while we watch."""
    before, began = _modified(path), time.monotonic()
    while time.monotonic() - began < WATCHED_FOR:
        if (now := _modified(path)) != before:
            return now is not None
        time.sleep(PAUSE)
    return False


def _modified(path: Path) -> int | None:
    """The time of modification; opened for it, since network file systems remember old ones."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _take_away(path: Path, holder: Owner | None) -> None:
    """Remove a stale lock, but not one that somebody took since we looked."""
    aside = path.with_name(f".{path.name}-{uuid.uuid4().hex}.tmp")
    with suppress(OSError):
        path.rename(aside)
        if read_owner(aside) != holder:
            with suppress(OSError):
                os.link(aside, path)
        aside.unlink()


def _sweep(path: Path) -> None:
    """Take away what processes that were killed left while they tried to take the lock."""
    for draft in path.parent.glob(f".{path.name}-*.tmp"):
        owner = read_owner(draft)
        if owner is not None and owner.process.is_of_here:
            is_left = not owner.process.is_alive
        else:
            is_left = _is_old(draft)
        if is_left:
            with suppress(OSError):
                draft.unlink()

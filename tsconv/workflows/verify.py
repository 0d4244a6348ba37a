"""Verify: whether archive sets on this machine are as catalogued, and as the lock has them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tsconv.data.archive import find_local
from tsconv.data.cache import hash_files, locked, record
from tsconv.data.catalogue import Entry, find_entries, read_catalogue
from tsconv.data.verify import differences
from tsconv.errors import UnknownNameError

LockState = Literal["as locked", "unlocked", "differs"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What one set was found to be.

    Attributes:
        name: of the set.
        folder: where its files are; None for a set that is not here.
        lock: how its files' sha256 compare; "unlocked" if the lock has none of these files.
        wrong: in words, what is not as it should be; () for a set that is right.
    """

    name: str
    folder: Path | None
    lock: LockState
    wrong: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "name": self.name,
            "folder": None if self.folder is None else str(self.folder),
            "lock": self.lock,
            "wrong": list(self.wrong),
        }


def choose_here(names: Iterable[str] = ()) -> tuple[Entry, ...]:
    """The sets of names and groups; all that are on this machine unless some are named.

    Raises:
        UnknownNameError: a name that there is not, or no set is here.
    """
    if named := find_entries(names):
        return named
    here = tuple(entry for entry in read_catalogue() if find_local(entry.name) is not None)
    if not here:
        raise UnknownNameError(
            "expected archive sets on this machine, found none; $TSCONV_DATA names their folder"
        )
    return here


def verify(entries: Iterable[Entry], *, lock: bool = False) -> Iterator[Verified]:
    """Read every file of the sets.

    Args:
        entries: which sets.
        lock: whether to add to the lock a set that is right and that it lacks.

    Raises:
        ConfigError: the lock is not what a lock is.
        DownloadError: the lock cannot be written, or has others of a set by now.
    """
    for entry in entries:
        source = find_local(entry.name)
        if source is None:
            absent = ("expected the set on this machine, found none",)
            yield Verified(name=entry.name, folder=None, lock="unlocked", wrong=absent)
            continue
        paths = [source.train] if source.test is None else [source.train, source.test]
        hashes = hash_files(paths)
        state, altered = _compare(locked(entry.name), hashes)
        wrong = (*altered, *differences(entry, source))
        if lock and not wrong and state == "unlocked" and not locked(entry.name):
            record(entry.name, hashes)
            state = "as locked"
        yield Verified(name=entry.name, folder=source.train.parent, lock=state, wrong=wrong)


def _compare(known: dict[str, str], hashes: dict[str, str]) -> tuple[LockState, tuple[str, ...]]:
    """How files compare with the lock, and what differs; another format than it has is unlocked."""
    common = {file for file in hashes if file in known}
    altered = tuple(
        f"{file}: expected sha256 {known[file][:12]}..., found {hashes[file][:12]}..."
        for file in sorted(common)
        if known[file] != hashes[file]
    )
    if altered:
        return "differs", altered
    return ("as locked" if common == set(hashes) else "unlocked"), ()

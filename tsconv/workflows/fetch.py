"""Fetch: archive sets onto this machine, before anything needs them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tsconv.data.archive import OFFLINE_VARIABLE, find_local, is_offline, locate
from tsconv.data.catalogue import Entry, find_entries, find_entry, read_catalogue
from tsconv.data.download import download_set
from tsconv.data.layouts import DataSource
from tsconv.errors import ConfigError, DownloadError, UnreachableError
from tsconv.workflows.plan import choose_data, read_plan

State = Literal["here", "fetched", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What became of one set.

    Attributes:
        name: of the set.
        state: "here" before, "fetched" or "failed".
        folder: where its files are.
        n_bytes: of its files; 0 if it failed.
        seconds: taken.
        failure: why it failed.
    """

    name: str
    state: State
    folder: Path | None
    n_bytes: int
    seconds: float
    failure: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "name": self.name,
            "state": self.state,
            "folder": None if self.folder is None else str(self.folder),
            "bytes": self.n_bytes,
            "seconds": self.seconds,
            "failure": self.failure,
        }


def choose_sets(
    names: Iterable[str] = (), *, every: bool = False, plan: Path | None = None
) -> tuple[Entry, ...]:
    """The sets that are asked for.

    Args:
        names: of sets or groups.
        every: all of both archives.
        plan: a benchmark's; the archive sets that it names.

    Raises:
        UnknownNameError: a name that nothing answers to.
        ConfigError: a plan that does not hold, or nothing is asked for.
    """
    wanted = [*find_entries(names), *(read_catalogue() if every else ())]
    if plan is not None:
        wanted.extend(_planned(plan))
    elif not wanted:
        raise ConfigError(
            "expected names of archive sets, a group such as ucr112, --all or --plan, found none"
        )
    return tuple(dict.fromkeys(wanted))


def fetch(entries: Iterable[Entry]) -> Iterator[Fetched]:
    """Get the sets one after the other; one that fails stops no other.

    Raises:
        ConfigError: nothing may be downloaded and a set is not here, or the mirrors or the lock
            are not as they should be.
        UnreachableError: no mirror can be reached: so it would be for all others.
    """
    for entry in entries:
        started = time.monotonic()
        source = find_local(entry.name)
        state: State = "fetched" if source is None else "here"
        if source is None and is_offline():
            raise ConfigError(
                f"{entry.name}: expected leave to download it, found ${OFFLINE_VARIABLE} set; "
                "unset it where there is a network"
            )
        try:
            if source is None:
                source = download_set(entry)
        except UnreachableError:
            raise
        except DownloadError as error:
            yield Fetched(
                name=entry.name,
                state="failed",
                folder=None,
                n_bytes=0,
                seconds=time.monotonic() - started,
                failure=str(error),
            )
        else:
            yield _there(entry, source, state, time.monotonic() - started)


def _there(entry: Entry, source: DataSource, state: State, seconds: float) -> Fetched:
    paths = (path for path in (source.train, source.test) if path is not None)
    return Fetched(
        name=entry.name,
        state=state,
        folder=source.train.parent,
        n_bytes=sum(path.stat().st_size for path in paths),
        seconds=seconds,
    )


def _planned(plan: Path) -> Iterator[Entry]:
    """The archive sets of a plan; its files and folders must be there."""
    for data in choose_data(read_plan(plan)):
        found = locate(data)
        if isinstance(found, Entry):
            yield found
        elif (entry := find_entry(found.name)) and find_local(entry.name) == found:
            yield entry

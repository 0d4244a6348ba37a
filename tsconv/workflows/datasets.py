"""Datasets: which sets the archives hold, what is known of each, and which are on this machine."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tsconv.data.archive import find_local, offline
from tsconv.data.cache import locked
from tsconv.data.catalogue import Entry, find_entries, groups, read_catalogue, select
from tsconv.data.layouts import DataSource
from tsconv.data.mirrors import mirrors_of
from tsconv.errors import UnknownNameError

__all__ = ["Listed", "Shown", "list_sets", "offline", "show_set"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A set of an archive, and its files if they are here."""

    entry: Entry
    source: DataSource | None

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        source = self.source
        paths = () if source is None else (source.train, source.test)
        return {**asdict(self.entry), "files": [str(path) for path in paths if path is not None]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """All that is known of one set.

    Attributes:
        listed: what the catalogue says, and its files.
        urls: where it would be downloaded from, by the mirror's name.
        hashes: what the lock has of it, sha256 by file name.
    """

    listed: Listed
    urls: dict[str, tuple[str, ...]]
    hashes: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        urls = {name: list(each) for name, each in self.urls.items()}
        return {**self.listed.to_dict(), "urls": urls, "sha256": self.hashes}


def list_sets(
    names: Iterable[str] = (),
    *,
    archive: str | None = None,
    traits: Iterable[str] = (),
    have: bool = False,
) -> tuple[Listed, ...]:
    """The sets of the archives, or some of them.

    Args:
        names: of sets or groups; all unless given.
        archive: "ucr" or "uea".
        traits: that they must have, or lack, as in ``no-missing``.
        have: only sets that are on this machine.

    Raises:
        UnknownNameError: a name, archive or trait that there is not.
    """
    entries = find_entries(names) or read_catalogue()
    chosen = select(entries, archive=archive, traits=traits)
    listed = (Listed(entry=entry, source=find_local(entry.name)) for entry in chosen)
    return tuple(each for each in listed if each.source is not None or not have)


def show_set(name: str) -> Shown:
    """One set.

    Raises:
        UnknownNameError: no set is called so, or several are.
        ConfigError: mirrors or a lock that are not as they should be.
    """
    if (names := groups().get(name.lower())) is not None:
        raise UnknownNameError(
            f"{name!r} is a group of {len(names)} sets, expected one; tsconv datasets list "
            f"{name} names them"
        )
    (entry,) = find_entries([name])
    return Shown(
        listed=Listed(entry=entry, source=find_local(entry.name)),
        urls={each.name: tuple(each.urls(entry).values()) for each in mirrors_of(entry)},
        hashes=locked(entry.name),
    )

"""What of a set's files is not as the catalogue has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsconv.data.catalogue import MISSING, UNEQUAL, Entry
from tsconv.data.format import Schema, read_file_chunks
from tsconv.data.layouts import DataSource
from tsconv.errors import TSConvError

AT_ONCE = 512
"""Instances in memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What one file holds: instances, channels, labels, and the shortest and longest length."""

    n_instances: int
    n_channels: int
    classes: frozenset[str]
    shortest: int
    longest: int


def differences(entry: Entry, source: DataSource) -> list[str]:
    """In words, what differs from the catalogue: instances, classes, length and channels.

    A part that is not there or cannot be read differs too. Empty if all is as it should be.
    """
    if source.test is None:
        return ["expected a train and a test part, found no test part"]
    try:
        train, test = _contents(source.train), _contents(source.test)
    except TSConvError as error:
        return [str(error)]
    return [*_differences(entry, train, test)]


def _differences(entry: Entry, train: Contents, test: Contents) -> Iterator[str]:
    for part, contents, expected in (
        ("train", train, entry.n_train),
        ("test", test, entry.n_test),
    ):
        if contents.n_instances != expected:
            yield f"expected {expected} {part} instances, found {contents.n_instances}"
        if contents.n_channels != entry.n_channels:
            yield f"expected {entry.n_channels} channels in {part}, found {contents.n_channels}"
    if len(train.classes) != entry.n_classes:
        yield f"expected {entry.n_classes} classes in train, found {len(train.classes)}"
    if unseen := test.classes - train.classes:
        yield f"expected no class in test that train lacks, found {', '.join(sorted(unseen))}"
    yield from _other_lengths(
        entry, min(train.shortest, test.shortest), max(train.longest, test.longest)
    )


def _other_lengths(entry: Entry, shortest: int, longest: int) -> Iterator[str]:
    """What differs of the lengths, as far as the catalogue knows them."""
    expected = entry.n_timepoints
    if expected is None:
        return
    if longest > expected:
        yield f"expected lengths up to {expected}, found {longest}"
    elif MISSING in entry.traits:
        return  # a .tsv cannot say that the last values are missing: the series seems shorter
    elif UNEQUAL not in entry.traits and shortest != expected:
        yield f"expected length {expected} of all series, found {shortest}"
    elif longest != expected and entry.archive == "ucr":  # the UEA's are bounds
        yield f"expected a longest series of {expected}, found {longest}"


def _contents(path: Path) -> Contents:
    """One pass over a file, in bounded memory.

    Raises:
        FormatError: the file is not what its format says.
    """
    n_instances = longest = n_channels = 0
    shortest: int | None = None
    classes: set[str] = set()
    for chunk in read_file_chunks(path, Schema(), AT_ONCE):
        n_instances += chunk.n_instances
        n_channels = chunk.n_channels
        classes.update(() if chunk.labels is None else set(chunk.labels))
        longest = max(longest, int(chunk.lengths.max()))
        least = int(chunk.lengths.min())
        shortest = least if shortest is None else min(shortest, least)
    return Contents(
        n_instances=n_instances,
        n_channels=n_channels,
        classes=frozenset(classes),
        shortest=shortest or 0,
        longest=longest,
    )

"""What the archives hold: the 128 sets of the UCR and the 30 of the UEA archive, as published.

The facts stand in ``catalogue.csv``. Sizes, lengths, channels and classes are those of the
archives' own summaries: Dau et al., "The UCR time series archive", IEEE/CAA J. Autom. Sinica 2019,
and Bagnall et al., "The UEA multivariate time series classification archive, 2018",
arXiv:1811.00075, whose "Phoneme" is named PhonemeSpectra as everywhere since. The UCR summary gives
no length where lengths vary: it is that of the longest series where the files were at hand, and
else left open. Domains of UEA sets follow Ruiz et al., "The great multivariate time series
classification bake off", Data Mining and Knowledge Discovery 2021.
``also`` holds what a set was called in the archive of 2015, ``zenodo`` the number of its record.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from tsconv.errors import UnknownNameError
from tsconv.registry import did_you_mean

ARCHIVES = ("ucr", "uea")
UNEQUAL, MISSING = "unequal", "missing"
TRAITS = (UNEQUAL, MISSING, "univariate", "multivariate", "binary")
LACK = "no-"
"""Before a trait: its absence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One set of an archive.

    Attributes:
        name: as the archive of 2018 spells it.
        archive: "ucr" or "uea".
        n_train: instances of the train part.
        n_test: instances of the test part.
        n_timepoints: of the longest series, or None where that is not known; "unequal" sets have
            shorter ones.
        n_channels: C.
        n_classes: K.
        domain: what was measured.
        traits: of :data:`TRAITS`, those that hold.
        groups: lists of sets that it is on, such as ucr112.
        spellings: the name first, then older ones.
        zenodo: its record's number, or None.
    """

    name: str
    archive: str
    n_train: int
    n_test: int
    n_timepoints: int | None
    n_channels: int
    n_classes: int
    domain: str
    traits: tuple[str, ...]
    groups: tuple[str, ...]
    spellings: tuple[str, ...]
    zenodo: int | None


@cache
def read_catalogue() -> tuple[Entry, ...]:
    """Every set, those of the UCR archive first, by name."""
    text = (resources.files("tsconv.data") / "catalogue.csv").read_text("utf-8")
    return tuple(_entry(row) for row in csv.DictReader(text.splitlines()))


def catalogued_names() -> tuple[str, ...]:
    """What the sets are called, first spellings only."""
    return tuple(entry.name for entry in read_catalogue())


def find_entry(name: str) -> Entry | None:
    """The set of a name in any of its spellings, without regard to case."""
    return _by_spelling().get(name.lower())


def groups() -> dict[str, tuple[str, ...]]:
    """Names that stand for several sets, and the sets' names: lists, archives and traits."""
    found: dict[str, list[str]] = {}
    for entry in read_catalogue():
        for group in (*entry.groups, entry.archive, *entry.traits):
            found.setdefault(group, []).append(entry.name)
    return {group: tuple(names) for group, names in found.items()}


def find_entries(names: Iterable[str]) -> tuple[Entry, ...]:
    """The sets of names and groups, each once, in that order.

    Raises:
        UnknownNameError: neither a set nor a group is called so.
    """
    known = groups()
    found: dict[str, Entry] = {}
    for name in names:
        for each in known.get(name.lower(), (name,)):
            if (entry := find_entry(each)) is None:
                hint = did_you_mean(name, [*known, *catalogued_names()])
                raise UnknownNameError(
                    f"unknown archive set {name!r}{hint}; `tsconv datasets list` names them, "
                    f"groups are {', '.join(known)}"
                )
            found[entry.name] = entry
    return tuple(found.values())


def select(
    entries: Iterable[Entry], *, archive: str | None = None, traits: Iterable[str] = ()
) -> tuple[Entry, ...]:
    """Those of an archive that have all of some traits; ``no-missing`` is the lack of one.

    Args:
        entries: to choose from.
        archive: "ucr" or "uea"; None for both.
        traits: of :data:`TRAITS`, several in one text apart by commas.

    Raises:
        UnknownNameError: no archive or no trait is called so.
    """
    wanted = tuple(trait for text in traits for trait in text.lower().split(",") if trait)
    for kind, given, known in (
        ("archive", () if archive is None else (archive.lower(),), ARCHIVES),
        ("trait", tuple(each.removeprefix(LACK) for each in wanted), TRAITS),
    ):
        for name in given:
            if name not in known:
                hint = did_you_mean(name, known)
                raise UnknownNameError(f"unknown {kind} {name!r}{hint}; known: {', '.join(known)}")
    return tuple(
        entry
        for entry in entries
        if (archive is None or archive.lower() == entry.archive)
        and all(_has(entry, trait) for trait in wanted)
    )


def _has(entry: Entry, trait: str) -> bool:
    """Whether a trait holds, or does not where it begins with ``no-``."""
    lack = trait.startswith(LACK)
    return (trait.removeprefix(LACK) in entry.traits) is not lack


@cache
def _by_spelling() -> dict[str, Entry]:
    return {spelling.lower(): entry for entry in read_catalogue() for spelling in entry.spellings}


def _entry(row: dict[str, str]) -> Entry:
    n_channels, n_classes = int(row["n_channels"]), int(row["n_classes"])
    traits = set(row["traits"].split())
    traits.add("univariate" if n_channels == 1 else "multivariate")
    if n_classes == 2:
        traits.add("binary")
    return Entry(
        name=row["name"],
        archive=row["archive"],
        n_train=int(row["n_train"]),
        n_test=int(row["n_test"]),
        n_timepoints=int(row["n_timepoints"]) if row["n_timepoints"] else None,
        n_channels=n_channels,
        n_classes=n_classes,
        domain=row["domain"],
        traits=tuple(each for each in TRAITS if each in traits),
        groups=tuple(row["groups"].split()),
        spellings=(row["name"], *row["also"].split()),
        zenodo=int(row["zenodo"]) if row["zenodo"] else None,
    )

"""What DATA on the command line means: a file, a folder, or the name of an archive set.

Names of archive sets are looked up by :data:`FINDERS`, one after the other: in the user's folders,
among what has been downloaded, in what comes with sktime. Those that are nowhere are downloaded.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tsconv.data.cache import cache_folder
from tsconv.data.catalogue import Entry, catalogued_names, find_entry, groups
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.data.layouts import (
    PREFERENCE,
    TRAIN,
    DataSource,
    find_set,
    find_test_part,
    names_in,
    sets_in,
    split_name,
)
from tsconv.errors import DataError, UnknownNameError
from tsconv.registry import did_you_mean

ROOTS_VARIABLE = "TSCONV_DATA"
OFFLINE_VARIABLE = "TSCONV_OFFLINE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What one finder says of a name: the set, or where it looked and what is there."""

    where: str
    names: tuple[str, ...] = ()
    source: DataSource | None = None


Finder = Callable[[str], Search]


def find_data(data: str | Path) -> DataSource:
    """The files that ``data`` names: a file, a folder with one set, or an archive set's name.

    Raises:
        DataError: a folder with no set or with several.
        UnknownNameError: nothing answers to the name; the message says where it was looked for.
        DownloadError: an archive set is not here, and cannot be had as it should be.
    """
    found = locate(data)
    if isinstance(found, DataSource):
        return found
    from tsconv.data.download import download_set

    return download_set(found)


def locate(data: str | Path) -> DataSource | Entry:
    """The files that ``data`` names, or the set that is to be downloaded for them.

    Raises:
        DataError: a folder with no set or with several.
        UnknownNameError: nothing answers to the name, or nothing on this machine when offline.
    """
    path, name = Path(data).expanduser(), str(data)
    if path.is_file():
        return _from_file(path)
    is_name = path.name == name and path.suffix.lower() not in PREFERENCE
    if path.is_dir() and (not is_name or sets_in(path)):
        return _from_folder(path)
    if not is_name:
        near = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise UnknownNameError(f"{path}: expected a file or a folder, found none{hint}")
    searches = []
    for find in FINDERS:
        searches.append(find(name))
        if (source := searches[-1].source) is not None:
            return source
    if (entry := find_entry(name)) is not None and not is_offline():
        return entry
    raise UnknownNameError(_say_unknown(name, searches))


def load_data(
    source: DataSource, schema: Schema | None = None
) -> tuple[TimeSeriesDataset, TimeSeriesDataset | None]:
    """The train part, and the test part in the train part's classes.

    Raises:
        FormatError: a file is not what its format says.
        DataError: the test part has another number of channels, or a label that train lacks.
    """
    schema = schema or Schema()
    train = dataclasses.replace(read_file(source.train, schema), name=source.name)
    if source.test is None:
        return train, None
    reader = find_format(source.train)
    if find_format(source.test) is reader:
        schema = reader.resolve(source.train, schema)
    test = dataclasses.replace(read_file(source.test, schema), name=str(source.test))
    if test.n_channels != train.n_channels:
        raise DataError(
            f"{source.test}: expected {train.n_channels} channels as in {source.train.name}, "
            f"found {test.n_channels}"
        )
    test = test.with_channels(train.channels).with_classes(train.classes)
    return train, dataclasses.replace(test, name=source.name)


def in_roots(name: str) -> Search:
    """The folders of the environment variable TSCONV_DATA, colon-separated."""
    roots = data_roots()
    if not roots:
        return Search(where=f"${ROOTS_VARIABLE} (not set)")
    where = ", ".join(map(str, roots))
    return _in_folders(name, roots, f"${ROOTS_VARIABLE} ({where})")


def in_cache(name: str) -> Search:
    """What has been downloaded."""
    folder = cache_folder()
    return _in_folders(name, [folder], f"the cache ({folder})")


def bundled_with_sktime(name: str) -> Search:
    """The sets that come with an installed sktime, which is not imported for that."""
    spec = importlib.util.find_spec("sktime")
    if spec is None or spec.origin is None:
        return Search(where="the sets bundled with sktime (not installed)")
    folder = Path(spec.origin).parent / "datasets" / "data"
    return _in_folders(name, [folder], "the sets bundled with sktime")


FINDERS: tuple[Finder, ...] = (in_roots, in_cache, bundled_with_sktime)
"""Where an archive set's name is looked up, in this order; a finder added here is asked last."""


def find_local(name: str) -> DataSource | None:
    """The files of an archive set as far as they are on this machine."""
    return next((source for find in FINDERS if (source := find(name).source) is not None), None)


def absent(names: Iterable[str]) -> tuple[Entry, ...]:
    """The archive sets among some names that are not on this machine."""
    entries = (find_entry(name) for name in names if not Path(name).expanduser().exists())
    missing = (each for each in entries if each is not None and find_local(each.name) is None)
    return tuple(dict.fromkeys(missing))


def data_roots() -> list[Path]:
    """The folders that $TSCONV_DATA names."""
    named = os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep)
    return [Path(root).expanduser() for root in named if root]


def is_offline() -> bool:
    """Whether nothing may be downloaded: $TSCONV_OFFLINE is set, to anything but 0."""
    return os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")


@contextmanager
def offline() -> Iterator[None]:
    """Nothing is downloaded within, nor by processes that are started within."""
    before = os.environ.get(OFFLINE_VARIABLE)
    os.environ[OFFLINE_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[OFFLINE_VARIABLE]
        else:
            os.environ[OFFLINE_VARIABLE] = before


def _say_unknown(name: str, searches: list[Search]) -> str:
    """Why a name is nothing here, and what to do about that."""
    places = "; ".join(search.where for search in searches)
    if (entry := find_entry(name)) is not None:
        return (
            f"{entry.name}: expected the set on this machine, as nothing may be downloaded "
            f"(--offline or ${OFFLINE_VARIABLE}); looked in {places}; fetch it beforehand, where "
            f"there is a network: tsconv datasets fetch {entry.name}"
        )
    if (names := groups().get(name.lower())) is not None:
        return (
            f"{name!r} stands for {len(names)} archive sets, expected one of them, such as "
            f"{names[0]}; `tsconv benchmark` takes all"
        )
    beside = [each.name for each in Path.cwd().iterdir()]
    known = (each for search in searches for each in search.names)
    hint = did_you_mean(name, [*known, *catalogued_names(), *beside])
    if Path(name).is_dir():
        return f"{_no_set(Path(name))}; no archive set is called so either{hint}"
    return (
        f"unknown data {name!r}{hint}; expected a file, a folder or an archive set; looked in "
        f"{places}; the archives' catalogue"
    )


def _in_folders(name: str, roots: list[Path], where: str) -> Search:
    if (source := find_set(name, roots)) is not None:
        return Search(where=where, source=source)
    return Search(where=where, names=tuple(names_in(roots)))


def _from_file(path: Path) -> DataSource:
    stem, _ = split_name(path.name)
    if not stem.upper().endswith(TRAIN):
        return DataSource(name=stem, train=path)
    return DataSource(name=stem[: -len(TRAIN)], train=path, test=find_test_part(path))


def _from_folder(folder: Path) -> DataSource:
    """The only set, or the one that is called as the folder: others may be its channels."""
    sets = sets_in(folder)
    if len(sets) == 1:
        return next(iter(sets.values()))
    if folder.resolve().name in sets:
        return sets[folder.resolve().name]
    if not sets:
        raise DataError(_no_set(folder))
    raise DataError(
        f"{folder}: expected one set, found {len(sets)}: {', '.join(sets)}; name the file of one"
    )


def _no_set(folder: Path) -> str:
    return (
        f"{folder}: expected a file <Name>{TRAIN}.<suffix> with one of the endings "
        f"{', '.join(PREFERENCE)}, found none; name the file itself"
    )

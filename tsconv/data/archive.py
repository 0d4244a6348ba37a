"""What DATA on the command line means: a file, a folder, or the name of an archive set.

An archive set is a pair ``<Name>_TRAIN.<suffix>`` and ``<Name>_TEST.<suffix>``. Names are looked up
by :data:`FINDERS`, one after the other.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import Schema, find_format, read_file
from tsconv.errors import DataError, UnknownNameError
from tsconv.registry import did_you_mean

PREFERENCE = (".ts", ".tsv", ".txt", ".arff", ".csv", ".parquet", ".npz")
"""Which file is taken when a set comes in several formats."""
ROOTS_VARIABLE = "TSCONV_DATA"
TRAIN, TEST = "_TRAIN", "_TEST"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSource:
    """Files of one set: what to train on, and what to test on if there is a part for that."""

    name: str
    train: Path
    test: Path | None = None


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
    beside = [each.name for each in Path.cwd().iterdir()]
    known = (each for search in searches for each in search.names)
    hint = did_you_mean(name, [*known, *beside])
    places = "; ".join(search.where for search in searches)
    raise UnknownNameError(
        f"unknown data {name!r}{hint}; expected a file, a folder or an archive set; looked in "
        f"{places}"
    )


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
    test = dataclasses.replace(read_file(source.test, schema), name=source.name)
    if test.n_channels != train.n_channels:
        raise DataError(
            f"{source.test}: expected {train.n_channels} channels as in {source.train.name}, "
            f"found {test.n_channels}"
        )
    return train, test.with_classes(train.classes)


def sets_in(folder: Path) -> dict[str, DataSource]:
    """The sets whose files lie directly in ``folder``, by name."""
    parts: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PREFERENCE and path.is_file():
            parts.setdefault((path.stem, path.suffix.lower()), path)
    found = {}
    for stem in sorted({stem for stem, _ in parts if stem.upper().endswith(TRAIN)}):
        name = stem[: -len(TRAIN)]
        suffix = next(each for each in PREFERENCE if (stem, each) in parts)
        train = parts[stem, suffix]
        found[name] = DataSource(name=name, train=train, test=_test_beside(train))
    return found


def in_roots(name: str) -> Search:
    """The folders of the environment variable TSCONV_DATA, colon-separated."""
    roots = [Path(root).expanduser() for root in _roots()]
    if not roots:
        return Search(where=f"${ROOTS_VARIABLE} (not set)")
    where = ", ".join(map(str, roots))
    return _in_folders(name, roots, f"${ROOTS_VARIABLE} ({where})")


def bundled_with_sktime(name: str) -> Search:
    """The sets that come with an installed sktime, which is not imported for that."""
    spec = importlib.util.find_spec("sktime")
    if spec is None or spec.origin is None:
        return Search(where="the sets bundled with sktime (not installed)")
    folder = Path(spec.origin).parent / "datasets" / "data"
    return _in_folders(name, [folder], "the sets bundled with sktime")


FINDERS: tuple[Finder, ...] = (in_roots, bundled_with_sktime)
"""Where an archive set's name is looked up, in this order; a finder added here is asked last."""


def _roots() -> list[str]:
    return [root for root in os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep) if root]


def _in_folders(name: str, roots: list[Path], where: str) -> Search:
    """A set in root/Name/Name_TRAIN.* or root/Name_TRAIN.*, its name compared without case."""
    names: list[str] = []
    for root in roots:
        if not root.is_dir():
            continue
        folders = [each for each in sorted(root.iterdir()) if each.is_dir()]
        alike = [each for each in folders if each.name.lower() == name.lower()]
        for folder in [*alike, root]:
            sets = {each.lower(): source for each, source in sets_in(folder).items()}
            if name.lower() in sets:
                return Search(where=where, source=sets[name.lower()])
            names.extend(source.name for source in sets.values())
        names.extend(each.name for each in folders if any(each.glob(f"*{TRAIN}.*")))
    return Search(where=where, names=tuple(names))


def _from_file(path: Path) -> DataSource:
    is_train = path.stem.upper().endswith(TRAIN)
    name = path.stem[: -len(TRAIN)] if is_train else path.stem
    return DataSource(name=name, train=path, test=_test_beside(path) if is_train else None)


def _from_folder(folder: Path) -> DataSource:
    sets = sets_in(folder)
    if len(sets) == 1:
        return next(iter(sets.values()))
    if not sets:
        raise DataError(
            f"{folder}: expected a file <Name>{TRAIN}.<suffix> with one of the endings "
            f"{', '.join(PREFERENCE)}, found none; name the file itself"
        )
    raise DataError(
        f"{folder}: expected one set, found {len(sets)}: {', '.join(sets)}; name the file of one"
    )


def _test_beside(train: Path) -> Path | None:
    """The test part of a train file: in its own format if there is one, else in any."""
    end = train.stem[-len(TRAIN) :]
    stem = train.stem[: -len(TRAIN)] + (TEST if end == TRAIN else TEST.lower())
    suffixes = (train.suffix, *PREFERENCE)
    paths = (train.with_name(stem + suffix) for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)

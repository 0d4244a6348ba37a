"""How archives lie on disk: which files make a set, and in which folders sets are.

A set is a pair ``<Name>_TRAIN.<suffix>`` and ``<Name>_TEST.<suffix>``. Its name may be an older one
(Gun_Point), its files may have no suffix (the UCR archive of 2015), and its folder may lie in that
of a whole archive.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from tsconv.data.catalogue import find_entry

PREFERENCE = (".ts", ".tsv", ".txt", ".arff", ".csv", ".parquet", ".npz")
"""Which file is taken when a set comes in several formats; one without a suffix is the last."""
NO_SUFFIX = ""
TRAIN, TEST = "_TRAIN", "_TEST"
ARCHIVE_FOLDERS = (
    "UCRArchive_2018",
    "UCR_TS_Archive_2015",
    "Univariate_ts",
    "Multivariate_ts",
    "Univariate_arff",
    "Multivariate_arff",
    "Univariate2018_ts",
    "Multivariate2018_ts",
    "Univariate2018_arff",
    "Multivariate2018_arff",
)
"""What the archives' own zips unpack to; a root is looked up in these too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSource:
    """Files of one set: what to train on, and what to test on if there is a part for that."""

    name: str
    train: Path
    test: Path | None = None


def find_set(name: str, roots: Iterable[Path]) -> DataSource | None:
    """An archive set in the first of some folders that has it, by any of its spellings.

    Looked up in each root are ``<root>/<Name>/<Name>_TRAIN.*`` and ``<root>/<Name>_TRAIN.*``, then
    the same in the folders of whole archives below it. A catalogued set gets its catalogued name.
    """
    entry = find_entry(name)
    spellings = (name,) if entry is None else entry.spellings
    for root in roots:
        for folder in _archives(root):
            if (source := _find_below(folder, spellings)) is not None:
                return source if entry is None else replace(source, name=entry.name)
    return None


def names_in(roots: Iterable[Path]) -> Iterator[str]:
    """What the sets in some folders are called there."""
    for root in roots:
        for folder in _archives(root):
            yield from sets_in(folder)
            yield from (each.name for each in _subfolders(folder) if _has_train(each))


def sets_in(folder: Path) -> dict[str, DataSource]:
    """The sets whose files lie directly in ``folder``, by name.

    Of several formats the preferred one is taken that has both parts, if any has.
    """
    parts: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        stem, suffix = split_name(path.name)
        if suffix is not None and path.is_file():
            parts.setdefault(stem, {})[suffix] = path
    found = {}
    for stem, files in parts.items():
        if not stem.upper().endswith(TRAIN):
            continue
        suffixes = [each for each in (*PREFERENCE, NO_SUFFIX) if each in files]
        both = parts.get(_test_stem(stem), {})
        suffix = next((each for each in suffixes if each in both), suffixes[0])
        train = files[suffix]
        name = stem[: -len(TRAIN)]
        found[name] = DataSource(name=name, train=train, test=find_test_part(train))
    return found


def find_test_part(train: Path) -> Path | None:
    """The test part of a train file: in its own format if there is one, else in any."""
    stem, _ = split_name(train.name)
    suffixes = (train.name[len(stem) :], *PREFERENCE, NO_SUFFIX)
    stem = _test_stem(stem)
    paths = (train.with_name(stem + suffix) for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)


def split_name(file: str) -> tuple[str, str | None]:
    """A file's name without and with its suffix: NO_SUFFIX for a part that has none, else None.

    >>> split_name("Coffee_TRAIN.TS"), split_name("50words_TEST"), split_name("notes.md")
    (('Coffee_TRAIN', '.ts'), ('50words_TEST', ''), ('notes.md', None))
    """
    path = PurePath(file)
    if path.suffix.lower() in PREFERENCE:
        return path.stem, path.suffix.lower()
    return file, NO_SUFFIX if file.upper().endswith((TRAIN, TEST)) else None


def _test_stem(stem: str) -> str:
    end = stem[-len(TRAIN) :]
    return stem[: -len(TRAIN)] + (TEST if end == TRAIN else TEST.lower())


def _archives(root: Path) -> Iterator[Path]:
    """A root and the folders of whole archives in it, as far as they are there."""
    yield from (each for each in (root, *map(root.joinpath, ARCHIVE_FOLDERS)) if each.is_dir())


def _find_below(folder: Path, spellings: Sequence[str]) -> DataSource | None:
    lower = [each.lower() for each in spellings]
    alike = [each for each in _subfolders(folder) if each.name.lower() in lower]
    for each in (*alike, folder):
        sets = {name.lower(): source for name, source in sets_in(each).items()}
        for spelling in lower:
            if spelling in sets:
                return sets[spelling]
    return None


def _subfolders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_dir()]


def _has_train(folder: Path) -> bool:
    return any(folder.glob(f"*{TRAIN}*"))

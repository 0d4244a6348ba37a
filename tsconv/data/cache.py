"""Where fetched sets lie, and the lock: sha256 of their files as they were first seen.

The lock is a text file of lines ``<sha256>  <Name>/<file>``, as ``sha256sum`` writes and checks
them. A lab commits it, so that everybody trains on the same bytes.
"""

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from tsconv.errors import ConfigError, DownloadError

CACHE_VARIABLE = "TSCONV_CACHE"
LOCK_VARIABLE = "TSCONV_LOCK"
LOCK_NAME = "datasets.sha256"
LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)/([^/\\]+)")


def cache_folder() -> Path:
    """The folder of fetched sets: $TSCONV_CACHE, or the platform's own."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("tsconv") / "datasets"


def lock_file() -> Path:
    """The lock: $TSCONV_LOCK, or a file in the cache."""
    named = os.environ.get(LOCK_VARIABLE)
    return Path(named).expanduser() if named else cache_folder() / LOCK_NAME


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """sha256 in hexadecimal by file name."""
    hashes = {}
    for path in paths:
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def locked(name: str) -> dict[str, str]:
    """What the lock has of a set: sha256 by file name, {} for a set that it has not seen.

    Raises:
        ConfigError: the lock is not what a lock is.
    """
    return _read_lock().get(name, {})


def refuse_others(name: str, hashes: Mapping[str, str]) -> None:
    """Raise DownloadError where the lock has a set, and not these files of it.

    Raises:
        ConfigError: the lock is not what a lock is.
    """
    known = locked(name)
    if altered := [file for file in hashes if known and known.get(file) != hashes[file]]:
        found = ", ".join(f"{name}/{file} {hashes[file][:12]}..." for file in altered)
        raise DownloadError(
            f"expected the files of the lock, found others: {found}; if these are right, take the "
            f"set's lines out of {lock_file()}"
        )


def record(name: str, hashes: Mapping[str, str]) -> None:
    """Add a set's files to the lock, or find them there.

    Raises:
        ConfigError: the lock is not what a lock is.
        DownloadError: the lock has others, maybe of a process that was faster, or cannot be
            written.
    """
    if not locked(name):
        _add(name, hashes)
    refuse_others(name, hashes)


def _add(name: str, hashes: Mapping[str, str]) -> None:
    """Add a set to the lock, unless it has it by now."""
    from filelock import FileLock

    path = lock_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            sets = {name: dict(hashes)} | _read_lock()
            lines = [
                f"{sets[each][file]}  {each}/{file}\n"
                for each in sorted(sets)
                for file in sets[each]
            ]
            temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
            try:
                temporary.write_text("".join(lines), "utf-8")
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DownloadError(
            f"{path}: cannot be written ({reason}), and a set's sha256 belongs there when it is "
            f"first seen; another file is named by ${LOCK_VARIABLE}"
        ) from error


def _read_lock() -> dict[str, dict[str, str]]:
    path = lock_file()
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: expected a lock of data sets, cannot read it: {error}"
        ) from error
    sets: dict[str, dict[str, str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if (match := LINE.fullmatch(line.rstrip())) is None:
            raise ConfigError(
                f"{path}:{number}: expected <sha256>  <Name>/<file>, found {line[:60]!r}"
            )
        sets.setdefault(match[2], {})[match[3]] = match[1]
    return sets

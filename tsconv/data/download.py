"""An archive set from a mirror into the cache: whole, as catalogued, and once.

Each mirror is tried in turn until one gives the set as it should be. A set is put together in a
folder that nobody looks at, held against the lock and the catalogue, and then moved to its place.
"""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsconv.data.cache import CACHE_VARIABLE, cache_folder, hash_files, record, refuse_others
from tsconv.data.catalogue import Entry
from tsconv.data.layouts import DataSource, find_set
from tsconv.data.mirrors import Mirror, mirrors_of
from tsconv.data.transfer import Resuming
from tsconv.data.unpack import unpack
from tsconv.data.verify import differences
from tsconv.errors import DownloadError, UnreachableError

logger = logging.getLogger(__name__)


def download_set(entry: Entry) -> DataSource:
    """The set in the cache, fetched unless another process has done so meanwhile.

    Raises:
        ConfigError: the mirrors' table is not as it should be.
        DownloadError: no mirror gives the set as catalogued and as the lock has it, or the cache
            cannot be written.
        UnreachableError: no mirror can be reached.
    """
    cache, mirrors = cache_folder(), mirrors_of(entry)
    with _writing(cache, entry.name):
        if (source := find_set(entry.name, [cache])) is not None:
            return source
        errors: list[DownloadError] = []
        for mirror in mirrors:
            try:
                fetched = _fetch(entry, mirror, cache)
            except DownloadError as error:
                if mirror is not mirrors[-1]:
                    logger.info("%s: not from %s: %s", entry.name, mirror.name, error)
                errors.append(error)
            else:
                for partial in cache.glob(f".{entry.name}.partial-*"):  # of mirrors that failed
                    partial.unlink()
                return fetched
    expected = f"{entry.name}: expected the set from one of {len(mirrors)} mirrors"
    if errors and all(isinstance(error, UnreachableError) for error in errors):
        raise UnreachableError(
            f"{expected}, none can be reached; the last said: {errors[-1]}; is there a network? "
            f"Else fetch it where there is one: tsconv datasets fetch {entry.name}"
        )
    reasons = "; ".join(f"{each.name}: {why}" for each, why in zip(mirrors, errors, strict=True))
    raise DownloadError(
        f"{expected}, found it at none; {reasons}; fetch it by hand and name its folder by "
        "$TSCONV_DATA"
    )


def _fetch(entry: Entry, mirror: Mirror, cache: Path) -> DataSource:
    """The set from one mirror."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{entry.name}-") as outer:
        folder = Path(outer) / entry.name
        folder.mkdir()
        for file, url in mirror.urls(entry).items():
            path = _retrieve(url, cache / f".{entry.name}.partial", folder / file)
            if path.suffix == ".zip":
                unpack(path, entry.spellings, folder)
                path.unlink()
        source = find_set(entry.name, [Path(outer)])
        if source is None or source.test is None:
            raise DownloadError("expected a train and a test part, found fewer")
        hashes = hash_files([source.train, source.test])
        refuse_others(entry.name, hashes)
        if found := "; ".join(differences(entry, source)):
            raise DownloadError(f"not as catalogued: {found}".replace(f"{folder}/", ""))
        record(entry.name, hashes)
        shutil.rmtree(cache / entry.name, ignore_errors=True)  # no set, or it had been found
        folder.replace(cache / entry.name)
    fetched = find_set(entry.name, [cache])
    if fetched is None:
        raise DownloadError(f"{cache / entry.name}: expected what was just put there, found none")
    return fetched


def _retrieve(url: str, partial: Path, path: Path) -> Path:
    """The file at ``url``; what arrived of it before, by ``partial`` and the url, is taken up."""
    import pooch

    pooch.get_logger().setLevel("ERROR")  # it says itself what is said by whoever calls
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    resuming = Resuming(partial.with_name(f"{partial.name}-{key}"))
    pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=resuming)
    return path


@contextmanager
def _writing(cache: Path, name: str) -> Iterator[None]:
    """The cache to oneself, as far as one set goes; what died here before is swept out.

    Raises:
        DownloadError: the cache cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(cache / f".{name}.lock")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except Timeout:
            logger.info("%s: another process is fetching it, waiting", name)
            lock.acquire()
        try:
            for left in cache.glob(f".{name}-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            lock.release()
    except DownloadError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise DownloadError(
            f"{cache}: expected a folder to write to, found otherwise ({reason}); is there room, "
            f"and permission? Another is named by ${CACHE_VARIABLE}"
        ) from error

"""The two parts of a set out of a zip, and nothing else, wherever the zip would have put them."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from zipfile import ZipFile, ZipInfo

from tsconv.data.layouts import NO_SUFFIX, PREFERENCE, TEST, TRAIN
from tsconv.errors import DownloadError

MOST_BYTES = 16 * 2**30
"""Of both parts unpacked."""
MOST_RATIO = 300
"""Unpacked bytes for a packed one; series of steps pack well, a bomb a thousandfold."""
FREE_BYTES = 2**20
"""Below this size the ratio is not looked at: a handful of constant series is no bomb."""
ENCRYPTED = 0x1
CHUNK = 2**20
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
    IndexError,
    OSError,
)
"""What zipfile raises over bytes that are no zip, or not quite: found by altering bytes of one."""


def unpack(archive: Path, spellings: Sequence[str], folder: Path) -> None:
    """Write the parts of a set into ``folder``, named by the first of ``spellings``.

    Of several formats the preferred one that has both parts is taken.

    Raises:
        DownloadError: no zip, a damaged or a dangerous one, or one without the set.
    """
    with _reading(archive):
        opened = ZipFile(archive)
    with opened:
        for member in opened.infolist():
            _check_path(archive, member)
        parts = _find_parts(archive, opened.infolist(), spellings)
        _check_sizes(archive, list(parts.values()))
        for part, member in parts.items():
            suffix = PurePosixPath(member.filename).suffix.lower()
            with (folder / f"{spellings[0]}{part}{suffix}").open("wb") as file:
                file.writelines(_unpacked(archive, opened, member))


def _unpacked(archive: Path, opened: ZipFile, member: ZipInfo) -> Iterator[bytes]:
    with _reading(archive), opened.open(member) as packed:
        while chunk := packed.read(CHUNK):
            yield chunk


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Whatever goes wrong within is the zip's fault."""
    try:
        yield
    except DAMAGE as error:
        raise DownloadError(
            f"{archive.name}: expected a zip, found something else or a damaged one ({error})"
        ) from error


def _check_path(archive: Path, member: ZipInfo) -> None:
    """No member may lie outside, even one that is not unpacked: nothing good packs so."""
    path = PureWindowsPath(member.filename)  # knows both kinds of slashes, and drives
    if not member.filename or path.is_absolute() or path.drive or path.root or ".." in path.parts:
        raise DownloadError(
            f"{archive.name}: expected files below one folder, found {member.filename!r}"
        )


def _find_parts(
    archive: Path, members: list[ZipInfo], spellings: Sequence[str]
) -> dict[str, ZipInfo]:
    stems = {f"{each}{part}".lower(): part for each in spellings for part in (TRAIN, TEST)}
    found: dict[tuple[str, str], ZipInfo] = {}
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if not member.is_dir() and path.stem.lower() in stems:
            found.setdefault((stems[path.stem.lower()], path.suffix.lower()), member)
    for suffix in (*PREFERENCE, NO_SUFFIX):
        if (TRAIN, suffix) in found and (TEST, suffix) in found:
            return {part: found[part, suffix] for part in (TRAIN, TEST)}
    inside = ", ".join(member.filename for member in members[:6]) or "nothing"
    raise DownloadError(
        f"{archive.name}: expected {spellings[0]}{TRAIN} and {TEST} in one format, found {inside}"
    )


def _check_sizes(archive: Path, members: list[ZipInfo]) -> None:
    """Against bombs: zipfile gives no more than a member's stated size, so that can be trusted."""
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise DownloadError(f"{archive.name}: {member.filename} is encrypted")
        ratio = member.file_size / max(1, member.compress_size)
        if member.file_size > FREE_BYTES and ratio > MOST_RATIO:
            raise DownloadError(
                f"{archive.name}: {member.filename} unpacks {ratio:.0f}-fold to {member.file_size} "
                f"bytes, expected {MOST_RATIO}-fold at most; is it a bomb?"
            )
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES:
        raise DownloadError(
            f"{archive.name}: unpacks to {total} bytes, expected {MOST_BYTES} at most"
        )

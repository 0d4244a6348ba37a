"""One file over HTTP: taken up where it broke off, given up when it stalls, refused when it lies.

:class:`Resuming` is a downloader for pooch. What arrived lies beside the result until it is whole,
with the server's mark of its version (RFC 9110, sections 8.8 and 14.2), so that the next attempt,
in this process or a later one, asks for the rest of the same version only.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tsconv.errors import DownloadError, UnreachableError

if TYPE_CHECKING:
    from requests import Response

logger = logging.getLogger(__name__)

PIECE = 2**18
"""Bytes at most that are asked of a connection at once."""
OK, PARTIAL, BAD_RANGE, TOO_MANY = 200, 206, 416, 429
MEGABYTE = 1e6
SECONDS_OF_SILENCE = 60.0
"""Between words on how far a transfer is, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        connect: seconds for a connection.
        silence: seconds without a byte.
        slowest: bytes a second below which a transfer counts as stalled, over ``window``.
        window: seconds.
        attempts: at one file, broken off or refused for now.
        pause: seconds before the second attempt; doubled before each further one.
        most_bytes: of one file.
        told: seconds before the first words on how far it is; doubled up to a minute.
    """

    connect: float = 10
    silence: float = 30
    slowest: float = 500
    window: float = 60
    attempts: int = 4
    pause: float = 1
    most_bytes: int = 8 * 2**30
    told: float = 10


PATIENCE = Patience()


class BrokenOff(Exception):  # noqa: N818
    """A transfer that another attempt may finish."""


class Resuming:
    """A downloader for pooch: ``Resuming(partial)(url, output_file, pooch)``.

    Args:
        partial: file for what has arrived; what it holds of an earlier attempt is kept.
    """

    def __init__(self, partial: Path) -> None:
        self.partial = partial
        self.mark = partial.with_name(partial.name + ".version")

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Fetch ``url`` into ``output_file``.

        Raises:
            DownloadError: the server has no such file, or does not give it whole.
            UnreachableError: there is no connection to the server.
        """
        for attempt in range(PATIENCE.attempts):
            if attempt:
                time.sleep(PATIENCE.pause * 2 ** (attempt - 1))
            try:
                self._get(url)
            except BrokenOff as error:
                reason = str(error)
                logger.debug("%s: attempt %d: %s", url, attempt + 1, reason)
            else:
                self.mark.unlink(missing_ok=True)
                self.partial.replace(output_file)
                return
        raise DownloadError(f"{url}: {reason}; {PATIENCE.attempts} attempts")

    def discard(self) -> None:
        """Forget what has arrived."""
        self.partial.unlink(missing_ok=True)
        self.mark.unlink(missing_ok=True)

    def _get(self, url: str) -> None:
        """One attempt, from where the last one ended."""
        start = self.partial.stat().st_size if self.partial.exists() else 0
        version = self.mark.read_text("utf-8") if self.mark.exists() else ""
        if not version:
            start = 0  # of no known version: what follows might not fit it
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": version}
        with _open(url, headers) as response:
            if response.status_code == BAD_RANGE:
                if response.headers.get("Content-Range", "") == f"bytes */{start}":
                    return  # it was all there
                self.discard()
                raise BrokenOff("found another size than before")
            _check_status(url, response)
            start, size = _extent(url, response, start)
            self.mark.write_text(_version(response), "utf-8")
            with self.partial.open("r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                _receive(url, response, file, size)


@contextmanager
def _open(url: str, headers: dict[str, str]) -> "Iterator[Response]":
    """The response to a request; whatever breaks its connection is a :class:`BrokenOff`."""
    import requests

    timeout = (PATIENCE.connect, PATIENCE.silence)
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            yield response
    except requests.ConnectTimeout as error:
        raise UnreachableError(f"{url}: the server does not answer") from error
    except requests.Timeout as error:
        raise BrokenOff("the server said nothing in time") from error
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
        raise DownloadError(f"{url}: expected an address of the web, found another") from error
    except requests.RequestException as error:
        if (reason := _unreachable(error)) is not None:
            raise UnreachableError(f"{url}: the server cannot be reached ({reason})") from error
        cause = str(error.__cause__ or error)
        raise BrokenOff("the server is silent" if "timed out" in cause else cause) from error


def _unreachable(error: Exception) -> str | None:
    """Why there is no connection to begin with; None if one was there and broke."""
    from urllib3.exceptions import NewConnectionError, ProxyError

    refused = getattr(error.args[0], "reason", None) if error.args else None
    if not isinstance(refused, NewConnectionError | ProxyError):
        return None
    cause = refused.__cause__ or refused.__context__
    return getattr(cause, "strerror", None) or str(cause or refused)


def _check_status(url: str, response: "Response") -> None:
    status = response.status_code
    if status == TOO_MANY or status >= 500:
        raise BrokenOff(f"the server answered {status} {response.reason}")
    if status not in (OK, PARTIAL):
        raise DownloadError(f"{url}: the server answered {status} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(f"{url}: expected a file, found a page of HTML; is a login in the way?")


def _extent(url: str, response: "Response", asked: int) -> tuple[int, int | None]:
    """Where in the file the response begins, and the size of the whole, None where not said."""
    start, size = 0, None
    if response.status_code == PARTIAL:
        said = response.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", said.strip())
        if not found or int(found[1]) != asked:
            raise DownloadError(f"{url}: expected bytes from {asked} on, found {said!r}")
        start, size = asked, None if found[2] == "*" else int(found[2])
    elif (length := response.headers.get("Content-Length", "")).isdigit():
        size = int(length)
    if size is not None and size > PATIENCE.most_bytes:
        raise DownloadError(f"{url}: expected {PATIENCE.most_bytes} bytes at most, found {size}")
    if not start:
        words = "of unknown size" if size is None else f"{size / MEGABYTE:.1f} MB"
        logger.info("fetching %s, %s", url, words)
    return start, size


def _version(response: "Response") -> str:
    """What tells this version of a file from another; a weak tag does not (RFC 9110, 13.1.5)."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _receive(url: str, response: "Response", file: BinaryIO, size: int | None) -> None:
    """Write what comes, when it comes, as long as enough comes."""
    began = window_began = time.monotonic()
    in_window, at_first = 0, file.tell()
    to_tell, pause = began + PATIENCE.told, PATIENCE.told
    while piece := _next_piece(response, file.tell(), size):
        file.write(piece)
        in_window += len(piece)
        now = time.monotonic()
        if file.tell() > PATIENCE.most_bytes:
            raise DownloadError(f"{url}: expected {PATIENCE.most_bytes} bytes at most, found more")
        if now - window_began > PATIENCE.window:
            if in_window < PATIENCE.slowest * (now - window_began):
                raise BrokenOff(f"stalled: {in_window} bytes in {now - window_began:.0f} s")
            window_began, in_window = now, 0
        if now > to_tell:
            pause = min(2 * pause, SECONDS_OF_SILENCE)
            to_tell = now + pause
            rate = (file.tell() - at_first) / (now - began)
            logger.info("%s: %s", url, _how_far(file.tell(), size, rate))


def _how_far(arrived: int, size: int | None, rate: float) -> str:
    """Of so many bytes, at so many a second."""
    pace = f"{rate / MEGABYTE:.2f} MB/s"
    if size is None:
        return f"{arrived / MEGABYTE:.1f} MB, {pace}"
    left = timedelta(seconds=round((size - arrived) / rate))
    return f"{arrived / MEGABYTE:.1f} of {size / MEGABYTE:.1f} MB, {pace}, {left} left"


def _next_piece(response: "Response", arrived: int, size: int | None) -> bytes:
    """What has come since, b"" at the end.

    Not by requests' own iteration: that waits for whole pieces, and drops what it has of one when
    the connection breaks.
    """
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        piece: bytes = response.raw.read1(PIECE, decode_content=False)
    except ReadTimeoutError as error:
        raise BrokenOff(f"the server fell silent after {arrived} bytes") from error
    except HTTPError as error:
        piece = b""
        if size is None:
            raise BrokenOff(f"the connection broke after {arrived} bytes") from error
    if not piece and size is not None and arrived < size:
        raise BrokenOff(f"the connection ended after {arrived} of {size} bytes")
    return piece

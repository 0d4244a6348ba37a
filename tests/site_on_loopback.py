"""A web server on loopback that serves archive sets, well or in every bad way; tests own it."""

import io
import socket
import threading
import time
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from tsconv.data.catalogue import find_entry
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file

NAME = "SmoothSubspace"
"""A small catalogued set that does not come with sktime: here its sizes, and series made up."""
PARTS = ("TRAIN", "TEST")


def make_files(folder, name=NAME, suffix=".ts", seed=0):
    """Files of a set that are as catalogued, by their names."""
    entry = find_entry(name)
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, count in zip(PARTS, (entry.n_train, entry.n_test), strict=True):
        values = generator.normal(size=(count, entry.n_channels, entry.n_timepoints))
        labels = [str(k % entry.n_classes) for k in range(count)]
        path = folder / f"{entry.name}_{part}{suffix}"
        write_file(path, from_series(list(values), labels))
        files[path.name] = path.read_bytes()
    return files


def make_zip(files, method=zipfile.ZIP_DEFLATED):
    """A zip of files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass
class Reply:
    """How one request is answered; as asked, unless something here says otherwise.

    Attributes:
        status: an error's number.
        stop: bytes after which the connection is dropped.
        stall: bytes after which nothing more comes.
        stated: the Content-Length told, whatever it is.
        kind: the Content-Type.
        ranged: whether Range is understood.
        tag: the ETag; None for none.
        pause: seconds between pieces of ``piece`` bytes.
    """

    status: int = 200
    stop: int | None = None
    stall: int | None = None
    stated: int | None = None
    kind: str = "application/zip"
    ranged: bool = True
    tag: str | None = '"v1"'
    pause: float = 0.0
    piece: int = 1000


@dataclass
class Site:
    """What is served, how, and what has been asked.

    Attributes:
        files: content by path.
        replies: how the next requests of a path are answered, one after the other; the last stays.
        asked: path and Range of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def next_reply(self, path):
        left = self.replies.get(path) or self.replies.get("*") or [Reply()]
        return left.pop(0) if len(left) > 1 else left[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        site = self.server.site
        asked = self.headers.get("Range", "")
        site.asked.append((self.path, asked))
        reply = site.next_reply(self.path)
        content = site.files.get(self.path)
        if content is None or reply.status != 200:
            self.send_error(404 if content is None else reply.status)
            return
        start = 0
        if asked and reply.ranged and self.headers.get("If-Range") == reply.tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if reply.tag:
            self.send_header("ETag", reply.tag)
        self.send_header("Content-Type", reply.kind)
        stated = len(content) - start if reply.stated is None else reply.stated
        self.send_header("Content-Length", str(stated))
        self.end_headers()
        self._send(content[start : start + stated], reply, len(content) - start < stated)

    def _send(self, content, reply, owes):
        for begin in range(0, len(content), reply.piece):
            piece = content[begin : begin + reply.piece]
            for limit, then in ((reply.stop, self._drop), (reply.stall, self._stall)):
                if limit is not None and begin + len(piece) > limit:
                    self.wfile.write(piece[: max(0, limit - begin)])
                    then()
                    return
            self.wfile.write(piece)
            time.sleep(reply.pause)
        if owes:
            self._stall()

    def _drop(self):
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _stall(self):
        self.wfile.flush()
        self.server.site.over.wait(20)
        self.close_connection = True

    def handle(self):
        with suppress(ConnectionError, ValueError):  # whoever asked is gone
            super().handle()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


@contextmanager
def serving(files=None):
    """A :class:`Site` while the block lasts."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.site = site = Site(files=dict(files or {}), port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.over.set()
            server.shutdown()
            thread.join()

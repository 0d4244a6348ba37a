"""A page as Chromium shows it: what it complains of, asks for, and how it fits a phone."""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from matplotlib.image import imread

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
HEIGHT = 12000  # pixels, more than any page of a test has
FRAME = """<!DOCTYPE html><link rel="icon" href="data:,"><body style="margin:0">
<iframe id="page" src="page.html" style="border:0;width:{width}px;height:{height}px"></iframe>
<pre id="seen"></pre>
<script>
window.onload = () => {{
  const view = document.getElementById("page").contentWindow, root = view.document;
  document.getElementById("seen").textContent = JSON.stringify({{
    width: root.documentElement.scrollWidth, height: root.body.offsetHeight,
    requests: view.performance.getEntriesByType("resource").map(each => each.name),
    images: [...root.querySelectorAll("figure svg")].map(each => {{
      const box = each.getBoundingClientRect();
      const clip = each.closest(".scroll").getBoundingClientRect();
      return [clip.left, box.top, Math.min(box.right, clip.right), box.bottom];
    }}),
    text: root.body.innerText,
  }});
}};
</script>"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a browser made of a page."""

    width: int
    height: int
    console: list[str]
    requests: list[str]
    images: list[np.ndarray]
    text: str


def see(page: Path, *, width: int) -> Seen:
    """The page in a frame of ``width`` pixels; browsers have no windows as narrow as a phone."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copy(page, folder / "page.html")
        (folder / "frame.html").write_text(FRAME.format(width=width, height=HEIGHT))
        with serve(folder) as (address, served):
            dump = run(address, folder, "--dump-dom")
            shot = f"--screenshot={folder / 'shot.png'}"
            run(address, folder, shot, f"--window-size={max(width, 500)},{HEIGHT}")
        found = re.search(r'<pre id="seen">(.+?)</pre>', dump.stdout, flags=re.DOTALL)
        assert found, dump.stdout[-2000:] + dump.stderr[-2000:]
        seen = json.loads(unescape(found[1]))
        picture = imread(folder / "shot.png")
    boxes = [[round(edge) for edge in box] for box in seen["images"]]
    return Seen(
        width=seen["width"],
        height=seen["height"],
        console=re.findall(r":CONSOLE[^\]]*\] (.*)", dump.stderr),
        requests=seen["requests"]
        + [path for path in served if path not in ("/frame.html", "/page.html")],
        images=[picture[top:bottom, left:right] for left, top, right, bottom in boxes],
        text=seen["text"],
    )


def run(address: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Chromium on the frame, as a user that has never been here."""
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, f"{address}/frame.html"]
        home = os.environ | {"HOME": profile}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120, env=home
        )


@contextmanager
def serve(folder: Path):
    """The folder on loopback, and the paths that were asked for."""
    served = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *_):
            served.append(self.path)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

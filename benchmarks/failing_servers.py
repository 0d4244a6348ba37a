"""What `tsconv datasets fetch` says of servers that fail, one kind after the other.

    python benchmarks/failing_servers.py > benchmarks/results/failing_servers.txt

A web server on loopback, that of the tests, gives a small set in each bad way. For each way the
command's last words are printed, its exit code, the seconds it took, and what is in the cache then.
Patience is cut short, so that a stall takes seconds instead of minutes.
"""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from site_on_loopback import NAME, Reply, make_files, make_zip, serving

IMPATIENT = """
import sys
from tsconv.data import transfer
transfer.PATIENCE = transfer.Patience(connect=2, silence=1, window=1, pause=0.1, attempts=3)
from tsconv.cli.main import main
main()
"""
TEST = f"{NAME}_TEST.ts"


@dataclass(frozen=True)
class Way:
    """One way to fail: what is served, and how."""

    name: str
    content: bytes
    reply: Reply = field(default_factory=Reply)


def main() -> None:
    """Print each way's words."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        files = make_files(made)
        for number, way in enumerate(ways(files, Path(folder))):
            with serving({f"/{NAME}.zip": way.content}) as site:
                site.replies["*"] = [way.reply]
                print(f"{way.name}\n{fetch(site.url, Path(folder) / str(number))}\n")


def ways(files: dict[str, bytes], folder: Path) -> Iterator[Way]:
    """Every way to fail, and at last none."""
    good = make_zip(files)
    lines = files[TEST].splitlines(keepends=True)
    page = b"<html>log in, please</html>" * 50
    other = {
        name.replace("ItalyPowerDemand", NAME): content
        for name, content in make_files(folder / "other", "ItalyPowerDemand").items()
    }
    yield Way("says nothing", good, Reply(stall=0))
    yield Way("stalls in the middle", good, Reply(stall=5000, ranged=False))
    yield Way("trickles", good, Reply(piece=10, pause=0.1))
    yield Way("drops the connection again and again", good, Reply(stop=5000, ranged=False))
    yield Way("lies: states fewer bytes than there are", good, Reply(stated=5000))
    yield Way("lies: states more bytes than there are", good, Reply(stated=10**6, ranged=False))
    yield Way("states a terabyte", good, Reply(stated=10**12))
    yield Way("gives a page of HTML", page, Reply(kind="text/html"))
    yield Way("gives a page of HTML as a zip", page)
    yield Way("404", good, Reply(status=404))
    yield Way("500", good, Reply(status=500))
    yield Way("a zip cut short", good[: len(good) // 2])
    yield Way("a part cut short", make_zip({**files, TEST: b"".join(lines[:-50])}))
    yield Way("another set under this one's name", make_zip(other))
    yield Way("a zip of another set", make_zip({"Wine_TRAIN.ts": b"", "Wine_TEST.ts": b""}))
    yield Way("a zip bomb", make_zip({**files, TEST: b"0" * 50_000_000}))
    yield Way("a zip with a path to outside", make_zip({**files, "../../evil.ts": b"?"}))
    yield Way("none of these", good)


def fetch(url: str, cache: Path) -> str:
    """The command's last words, exit code, seconds, and what is in the cache."""
    environment = os.environ | {"TSCONV_CACHE": str(cache), "TSCONV_MIRRORS": url + "/{name}.zip"}
    for name in ("TSCONV_DATA", "TSCONV_OFFLINE", "TSCONV_LOCK"):
        environment.pop(name, None)
    command = [sys.executable, "-c", IMPATIENT, "datasets", "fetch", NAME]
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    words = next(line for line in done.stderr.splitlines() if " 1 of 1: " in line)
    words = words.partition(" 1 of 1: ")[2].replace(url, "http://mirror")
    words = re.sub(r"127\.0\.0\.1:\d+", "mirror", words)
    words = re.sub(r", [\d.]+ s$", "", words)
    told = textwrap.fill(words, 98, initial_indent="  ", subsequent_indent="  ")
    there = sorted(path.name for path in cache.iterdir() if not path.name.startswith("."))
    left = ", ".join(there) or "nothing"
    return f"{told}\n  exit code {done.returncode}, {seconds:.0f} s, in the cache: {left}"


if __name__ == "__main__":
    main()

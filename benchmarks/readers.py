"""How fast files are read: ours against sktime's ``load_from_tsfile``, measured in turn.

Run ``python benchmarks/readers.py --data DIR`` with a folder of archive sets, each a folder that
holds ``<name>_TRAIN.ts`` and perhaps other formats. Formats that a set lacks are written from its
.ts file into a temporary folder, so every reader meets the same series.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow
import sktime
from rich.console import Console
from rich.table import Table
from sktime.datasets import load_from_tsfile

from tsconv.data.format import FORMATS, read_file, write_file
from tsconv.errors import FormatError

SETS = (
    "ArticularyWordRecognition",
    "CricketY",
    "Earthquakes",
    "FingerMovements",
    "NATOPS",
    "OSULeaf",
    "PLAID",
    "StandWalkJump",
)


def seconds(call: Callable[[Path], object], path: Path) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call(path)
    return time.perf_counter() - start


def machine() -> str:
    """The machine and what matters of its software, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, numpy {numpy.__version__}, "
        f"pyarrow {pyarrow.__version__}, sktime {sktime.__version__}"
    )


def find_files(source: Path, folder: Path) -> list[Path]:
    """The same series in every registered format that holds them."""
    dataset = read_file(source)
    files = []
    for name in FORMATS.names():
        suffix = FORMATS.get(name).suffixes[0]
        path = source.with_suffix(suffix)
        if not path.is_file():
            path = folder / path.name
            try:
                write_file(path, dataset)
            except FormatError:
                continue
        files.append(path)
    return files


def measure(source: Path, repeats: int, table: Table) -> None:
    """One row a format: medians over ``repeats`` rounds, every reader once a round."""
    with tempfile.TemporaryDirectory() as folder:
        files = find_files(source, Path(folder))
        theirs: list[float] = []
        ours: dict[Path, list[float]] = {path: [] for path in files}
        for _ in range(repeats):
            theirs.append(seconds(lambda path: load_from_tsfile(str(path)), source))
            for path in files:
                ours[path].append(seconds(read_file, path))
        peer = statistics.median(theirs)
        for path in files:
            own = statistics.median(ours[path])
            size = f"{path.stat().st_size / 1e6:.2f} MB"
            ratio = f"{peer / own:.1f}"
            table.add_row(source.stem, path.suffix, size, f"{peer:.4f}", f"{own:.4f}", ratio)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Reading speed, ours against sktime's.")
    parser.add_argument("--data", type=Path, default=os.environ.get("TSCONV_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, help="names of sets with a .ts file")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name a folder of archive sets: --data DIR, or the variable TSCONV_DATA")
    table = Table("set", "format", "size", "sktime .ts s", "ours s", "ratio", title=machine())
    for name in arguments.sets:
        source = Path(arguments.data) / name / f"{name}_TRAIN.ts"
        if not source.is_file():
            parser.error(f"{source}: expected a .ts file, found none")
        measure(source, arguments.repeats, table)
    Console(width=120, markup=False).print(table)


if __name__ == "__main__":
    main()

"""How fast files are read: ours against sktime's ``load_from_tsfile``, measured in turn.

Run ``python benchmarks/readers.py --data DIR`` with a folder of archive sets, each a folder that
holds ``<name>_TRAIN.ts`` and perhaps other formats. Formats that a set lacks are written from its
.ts file into a temporary folder, so every reader meets the same series.

Beside each stands a floor: what the fastest library alone takes for the same file, which gives
neither labels nor lengths nor checks. For .csv that is Arrow's table reader with the types told,
for .parquet and .npz Arrow and NumPy, for the others simdjson on the file's numbers as one array.
"""

import argparse
import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import simdjson
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

NUMBER = re.compile(rb"(?<![\w.+-])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
"""As JSON spells it."""


def seconds(call: Callable[[Path], object], path: Path) -> float:
    """Processor time of one call, all its threads together: what a busy machine changes least."""
    start = time.process_time()
    call(path)
    return time.process_time() - start


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


def bare_reader(path: Path) -> Callable[[Path], object]:
    """The fastest library's own reading of such a file."""
    if path.suffix == ".npz":
        return lambda path: numpy.load(path)["X"]
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table
    if path.suffix == ".csv":
        schema = pyarrow.csv.read_csv(path).schema
        options = pyarrow.csv.ConvertOptions(column_types=schema)
        return lambda path: pyarrow.csv.read_csv(path, convert_options=options)
    array = b"[%b]" % b",".join(NUMBER.findall(path.read_bytes()))
    parser = simdjson.Parser()

    def parse(path: Path) -> bytes:
        path.read_bytes()
        return parser.parse(array).as_buffer(of_type="d")

    return parse


def measure(source: Path, repeats: int, table: Table) -> None:
    """One row a format: medians over ``repeats`` rounds, every reader once a round."""
    with tempfile.TemporaryDirectory() as folder:
        files = find_files(source, Path(folder))
        theirs: list[float] = []
        ours: dict[Path, list[float]] = {path: [] for path in files}
        bare: dict[Path, list[float]] = {path: [] for path in files}
        readers = {path: bare_reader(path) for path in files}
        for _ in range(repeats):
            theirs.append(seconds(lambda path: load_from_tsfile(str(path)), source))
            for path in files:
                ours[path].append(seconds(read_file, path))
                bare[path].append(seconds(readers[path], path))
        peer = statistics.median(theirs)
        for path in files:
            size = f"{path.stat().st_size / 1e6:.2f} MB"
            own, floor = statistics.median(ours[path]), statistics.median(bare[path])
            times = [f"{each:.4f}" for each in (peer, own, floor)]
            ratios = [f"{peer / each:.1f}" for each in (own, floor)]
            table.add_row(source.stem, path.suffix, size, *times, *ratios)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Reading speed, ours against sktime's.")
    parser.add_argument("--data", type=Path, default=os.environ.get("TSCONV_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, help="names of sets with a .ts file")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name a folder of archive sets: --data DIR, or the variable TSCONV_DATA")
    columns = ("sktime .ts", "ours", "floor", "ratio", "floor's ratio")
    table = Table("set", "format", "size", *columns, title=machine(), caption="processor seconds")
    for name in arguments.sets:
        source = Path(arguments.data) / name / f"{name}_TRAIN.ts"
        if not source.is_file():
            parser.error(f"{source}: expected a .ts file, found none")
        measure(source, arguments.repeats, table)
    Console(width=120, markup=False).print(table)


if __name__ == "__main__":
    main()

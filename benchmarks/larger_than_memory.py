"""Training from a file beside training from memory: seconds a step, memory, and a hard limit.

python benchmarks/larger_than_memory.py [--gib 2] [--rounds 5] [--steps 60] [--folder DIR]

Makes a set of noisy waves in a temporary folder, as .npz that `np.savez` could have written, and
trains some steps of the default network and recipe on it: held in memory; from the file, whose
pages the system may keep; and from the file with every page dropped before each step, so that
every series comes from the disk. Each runs in a process of its own, in turn. Then two processes are
forbidden to hold more data than three quarters of the set (RLIMIT_DATA, which counts no mapped
files), and a CSV larger than that limit is converted to .npz under it.
"""

import argparse
import hashlib
import json
import mmap
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import read_file, write_file
from tsconv.data.formats import npz
from tsconv.data.spool import spool

MODES = {
    "memory": "in memory",
    "file": "from the file",
    "disk": "from the file, no page kept",
}
RESULTS = Path(__file__).parent / "results" / "larger_than_memory.md"
ROWS_AT_ONCE = 4096


def make_chunks(n_instances: int, n_timepoints: int) -> Iterator[TimeSeriesDataset]:
    """Noisy sine waves of two frequencies."""
    generator = np.random.default_rng(0)
    times = np.linspace(0, 2 * np.pi, n_timepoints, dtype=np.float32)
    for start in range(0, n_instances, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, n_instances - start)
        y = np.arange(count) % 2
        phase = generator.uniform(0, 6, (count, 1)).astype(np.float32)
        X = np.sin(times * (3 + 4 * y[:, None]).astype(np.float32) + phase)
        X += generator.standard_normal(X.shape, dtype=np.float32)
        lengths = np.full(count, n_timepoints)
        yield TimeSeriesDataset(X=X[:, None], lengths=lengths, y=y, classes=("high", "low"))


def write_csv(path: Path, X: NDArray[np.float32]) -> None:
    """Series as a wide table, some rows at a time."""
    names = ["label", *(f"t{k}" for k in range(X.shape[-1]))]
    schema = pa.schema(
        [pa.field(names[0], pa.string())] + [(name, pa.float32()) for name in names[1:]]
    )
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        for start in range(0, len(X), ROWS_AT_ONCE):
            part = np.array(X[start : start + ROWS_AT_ONCE, 0])
            labels = [("high", "low")[k % 2] for k in range(len(part))]
            columns = [pa.array(labels), *map(pa.array, np.ascontiguousarray(part.T))]
            writer.write_table(pa.table(columns, schema=schema))


class Memory(threading.Thread):
    """Watches the process: `peak` is the most anonymous memory it held, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.start()

    def run(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            now = int(status.partition("RssAnon:")[2].split()[0]) / 1024
            self.peak = max(self.peak, now)
            time.sleep(0.005)


def train(mode: str, path: Path, steps: int) -> dict[str, Any]:
    """One training: the median seconds of a step, and what the weights came to."""
    from tsconv.classifier import fit
    from tsconv.config import load_config
    from tsconv.training.loop import Watch

    npz.MAPPED_BYTES = sys.maxsize if mode == "memory" else 0
    dataset = read_file(path)
    seconds: list[float] = []
    begun = 0.0

    def on_step(member: int, step: int, n_steps: int) -> None:
        nonlocal begun
        seconds.append(time.perf_counter() - begun)
        if mode == "disk":
            drop_pages(dataset.X, path)
        begun = time.perf_counter()

    settings = {"members": 1, "training.steps": steps, "training.settle_statistics": False}
    config = load_config("fast", settings=settings)
    classifier = fit(dataset, config, watch=Watch(on_step=on_step))
    weights = classifier.members[0].network.state_dict().values()
    digest = hashlib.sha256(b"".join(each.numpy().tobytes() for each in weights)).hexdigest()
    return {"seconds": statistics.median(seconds[5:]), "weights": digest}


def drop_pages(X: Any, path: Path) -> None:
    """Let neither the process nor the system keep anything of the file in memory."""
    while not isinstance(X, mmap.mmap):
        X = X._mmap
    X.madvise(mmap.MADV_DONTNEED)
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def convert(mode: str, path: Path, steps: int) -> dict[str, Any]:
    """A CSV to .npz."""
    from tsconv.workflows.convert import convert as run

    return {"seconds": run(path, path.with_suffix(".npz")).seconds}


def child(arguments: argparse.Namespace) -> None:
    """What a process of its own does: one measurement, as JSON."""
    if arguments.limit:
        resource.setrlimit(resource.RLIMIT_DATA, (arguments.limit, arguments.limit))
    memory = Memory()
    measure = convert if arguments.child == "convert" else train
    try:
        result = measure(arguments.child, arguments.path, arguments.steps)
    except (MemoryError, RuntimeError) as error:
        result = {"error": f"fails, {type(error).__name__} {error}".partition("\n")[0].strip()}
    print(json.dumps({**result, "peak": memory.peak}))


def measure(mode: str, path: Path, steps: int, limit: int = 0) -> dict[str, Any]:
    """One measurement in a process of its own."""
    words = ["--child", mode, "--path", str(path), "--steps", str(steps), "--limit", str(limit)]
    ran = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return result


def compare(path: Path, rounds: int, steps: int) -> Iterator[str]:
    """A table: a row a mode, medians over the rounds, each mode once a round."""
    found: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for _ in range(rounds):
        for mode, results in found.items():
            results.append(measure(mode, path, steps))
    yield "| the series are | ms a step | ratio | peak of anonymous memory | same weights |"
    yield "|---|---|---|---|---|"
    first = found["memory"]
    for mode, results in found.items():
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(results, first, strict=True)]
        same = {each["weights"] for each in [*results, *first]}
        yield (
            f"| {MODES[mode]} | {1e3 * statistics.median(r['seconds'] for r in results):.1f} | "
            f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) | "
            f"{statistics.median(r['peak'] for r in results):.0f} MiB | "
            f"{'yes' if len(same) == 1 else 'NO'} |"
        )


def under_limit(path: Path, table: Path, steps: int, limit: int) -> Iterator[str]:
    """A list: what can be done with less memory than the set takes."""
    for mode in ("memory", "file"):
        result = measure(mode, path, steps, limit)
        yield f"- training, {MODES[mode]}: {outcome(result)}"
    result = measure("convert", table, steps, limit)
    yield f"- converting {table.stat().st_size / 2**20:.0f} MiB of CSV to .npz: {outcome(result)}"


def outcome(result: dict[str, Any]) -> str:
    """In words, how a process under the limit ended."""
    done = f"done, peak of anonymous memory {result['peak']:.0f} MiB"
    return result.get("error", done)


def machine() -> str:
    """What this ran on."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    name = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return f"{name}, {len(os.sched_getaffinity(0))} core(s), Python {platform.python_version()}"


def report(arguments: argparse.Namespace) -> Iterator[str]:
    """The page of results, line by line."""
    n_timepoints = arguments.length
    n_instances = int(arguments.gib * 2**30) // (4 * n_timepoints)
    limit = int(arguments.gib * 2**30 * 3 / 4)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        path, table = folder / "Waves_TRAIN.npz", folder / "Waves.csv"
        dataset = spool(make_chunks(n_instances, n_timepoints), folder / "series")
        write_file(path, dataset)
        write_csv(table, dataset.X[: n_instances // 3])
        (folder / "series").unlink()
        yield "# Larger than memory\n"
        yield (
            f"`python benchmarks/larger_than_memory.py --gib {arguments.gib:g} --length "
            f"{n_timepoints} --rounds {arguments.rounds} --steps {arguments.steps}`, {machine()}\n"
        )
        yield (
            f"{n_instances} series of {n_timepoints} time points, {arguments.gib:g} GiB; "
            f"`inception`, recipe `fast`, {arguments.steps} steps. Medians of {arguments.rounds} "
            "rounds; the ratio is that within a round, with its range.\n"
        )
        yield from compare(path, arguments.rounds, arguments.steps)
        yield f"\nWith at most {limit / 2**20:.0f} MiB of data (RLIMIT_DATA):\n"
        yield from under_limit(path, table, arguments.steps, limit)


def main() -> None:
    """Print the page and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=2.0, help="size of the set")
    parser.add_argument("--length", type=int, default=1000, help="of a series")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="for the set, on a real disk")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", choices=[*MODES, "convert"], help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    lines = []
    for line in report(arguments):
        print(line, flush=True)
        lines.append(line)
    arguments.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()

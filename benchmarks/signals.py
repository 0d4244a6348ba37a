"""Seconds from SIGTERM to the end of tsconv, whatever it is doing, on small and large sets.

    python benchmarks/signals.py

Each command runs once undisturbed, which tells how long each of its phases takes. Then it is
started again and again, and a random moment after a phase began the signal comes; the time until
the process is gone is taken. A training goes on in the same run directory each time.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from phases import Line, command, read_lines

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import write_file

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from site_on_loopback import NAME, Reply, make_files, make_zip, serving

LOOK = 0.002
"""Seconds between two looks at what a process is doing."""
FORMATS = (".ts", ".csv", ".tsv", ".arff", ".parquet")
"""Of those not named here, .npz and .npy are not read but mapped."""


@dataclass(frozen=True)
class Size:
    """A set: series of its parts, their length, and the steps to take."""

    n_train: int
    n_test: int
    n_timepoints: int
    steps: int

    def __str__(self) -> str:
        return f"{self.n_train:,} x {self.n_timepoints:,}"

    def file(self, folder: Path, part: str, suffix: str = ".ts") -> Path:
        """A part's file."""
        return folder / f"Set{self.n_train}x{self.n_timepoints}_{part}{suffix}"


SIZES = (Size(64, 64, 150, 40), Size(64, 16, 20_000, 2), Size(100_000, 5_000, 150, 5))


@dataclass(frozen=True)
class Case:
    """A command whose relative paths lie in a folder of its own, and the phases to strike at."""

    title: str
    words: tuple[str, ...]
    only: tuple[str, ...] = ()

    def start(self, folder: Path) -> subprocess.Popen[str]:
        """The command under way; its phases are told in ``folder/told``."""
        folder.mkdir(exist_ok=True, parents=True)
        told = folder / "told"
        told.unlink(missing_ok=True)
        quiet = subprocess.DEVNULL
        words = command(told, *self.words)
        return subprocess.Popen(words, cwd=folder, stdout=quiet, stderr=subprocess.PIPE, text=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strikes", type=int, default=2, help="at each phase")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    generator = np.random.default_rng(chosen.seed)
    head = f"{'command':36}{'phase':22}{'lasts':>10}{'signals':>9}{'then at most':>15}"
    print(f"{head}   exit codes")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with serving({f"/{NAME}.zip": make_zip(make_files(folder / "served"))}) as site:
            site.replies["*"] = [Reply(piece=500, pause=0.05)]
            for name in ("TSCONV_DATA", "TSCONV_OFFLINE", "TSCONV_LOCK"):
                os.environ.pop(name, None)
            os.environ |= {"TSCONV_MIRRORS": site.url + "/{name}.zip", "TSCONV_CACHE": "cache"}
            for number, case in enumerate(cases(folder)):
                strike_all(case, folder / str(number), chosen.strikes, generator)


def cases(folder: Path) -> Iterator[Case]:
    """Every command; its data are made before."""
    yield Case("datasets fetch", ("datasets", "fetch", NAME))
    for size in SIZES:
        for part, count in (("TRAIN", size.n_train), ("TEST", size.n_test)):
            write_file(size.file(folder, part), make_dataset(count, size.n_timepoints))
        settings = ("--members", "1", "--set", f"training.steps={size.steps}", "--out", "run")
        words = ("train", str(size.file(folder, "TRAIN")), "--valid-fraction", "0.2", *settings)
        yield Case(f"train, {size}", words)
    many, run = SIZES[-1], str(folder / str(len(SIZES)) / "run")
    for verb in ("predict", "evaluate"):
        yield Case(f"{verb}, {many.n_test:,} x 150", (verb, run, str(many.file(folder, "TEST"))))
    for suffix in FORMATS[1:]:
        path = many.file(folder, "TRAIN", suffix)
        write_file(path, make_dataset(many.n_train, many.n_timepoints))
        yield Case(f"train, {many}, {suffix}", ("train", str(path), "--out", "run"), ("reading",))
    plan = folder / "plan.toml"
    plan.write_text(
        f'datasets = ["{SIZES[0].file(folder, "TRAIN")}", "{SIZES[1].file(folder, "TRAIN")}"]\n'
        'networks = "inception"\nmembers = 1\n[settings]\ntraining.steps = 3\n'
    )
    words = ("benchmark", str(plan), "--out", "benchmark")
    yield Case("benchmark, 64 x 150 and 64 x 20,000", words, ("waiting for workers",))


def make_dataset(count: int, n_timepoints: int) -> TimeSeriesDataset:
    """Noise around two means, in numbers of some digits, as archives have them."""
    y = np.arange(count) % 2
    X = np.random.default_rng(0).normal(y[:, None, None], size=(count, 1, n_timepoints))
    lengths = np.full(count, n_timepoints)
    X = X.round(5).astype(np.float32)
    return TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=("high", "low"))


def strike_all(case: Case, folder: Path, strikes: int, generator: np.random.Generator) -> None:
    """Signals at every phase of a command, and a line for each phase that was hit."""
    lasting = durations(case, folder / "undisturbed")
    seconds, codes = defaultdict(list), defaultdict(set)
    for phase, longest in lasting.items():
        for _ in range(strikes):
            hit, taken, code = strike(case, folder, phase, generator.uniform(0, longest))
            seconds[hit].append(taken)
            codes[hit].add(code)
    title = case.title
    for phase in filter(None, seconds):
        shown = f"{lasting[phase]:.2f} s" if phase in lasting else ""
        line = f"{title:36}{phase:22}{shown:>10}{len(seconds[phase]):9}"
        print(f"{line}{max(seconds[phase]):13.2f} s   {sorted(codes[phase])}", flush=True)
        title = ""


def durations(case: Case, folder: Path) -> dict[str, float]:
    """How many seconds the first stretch of each phase takes."""
    process = case.start(folder)
    while process.poll() is None and not is_over(case, lines_of(process, folder)):
        time.sleep(LOOK)
    lines, now = lines_of(process, folder), time.monotonic()
    process.kill()
    process.communicate()
    lasting: dict[str, float] = {}
    for line, end in zip(lines, [*(line.at for line in lines[1:]), now], strict=True):
        lasting.setdefault(line.phase, end - line.at)
    return {phase: each for phase, each in lasting.items() if phase in (case.only or lasting)}


def is_over(case: Case, lines: list[Line]) -> bool:
    """Whether the only phases that matter are."""
    phases = [line.phase for line in lines]
    return bool(case.only) and case.only[-1] in phases[:-1]


def strike(case: Case, folder: Path, phase: str, pause: float) -> tuple[str, float, int]:
    """What was under way when the signal came, "" if nothing; seconds to the end; exit code."""
    process = case.start(folder)
    while process.poll() is None and phase not in (
        each.phase for each in lines_of(process, folder)
    ):
        time.sleep(LOOK)
    time.sleep(pause)
    if process.poll() is not None:
        process.communicate()
        shutil.rmtree(folder)  # so that the next begins anew
        return "", 0.0, process.returncode
    hit, sent = lines_of(process, folder)[-1].phase, time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait()
    taken = time.monotonic() - sent
    process.communicate()
    return hit, taken, process.returncode


def lines_of(process: subprocess.Popen[str], folder: Path) -> list[Line]:
    """What the process itself told, not its workers."""
    return [line for line in read_lines(folder / "told") if line.pid == process.pid]


if __name__ == "__main__":
    main()

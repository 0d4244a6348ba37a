"""What a user sees of full and read-only disks, clocks that jump, locks and damage; what is lost.

    sudo python benchmarks/trouble.py > benchmarks/results/trouble.txt

Runs lie on a small ext4 of their own in a loop-mounted file, so Linux and root are needed; for the
clock, libfaketime (Debian's package of that name). After each trouble the same command is given
again without it, and weights and predictions are held against those of a run that had none.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import write_file

SHOWN = ("warning", "taken up", "already there", "begins anew", "left by", "held by", "failed")
"""Lines worth showing; the last is shown in any case."""
SETTINGS = ("network.options.width=8", "network.options.levels=2", "training.steps=1200")
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:]+\S+ ")


class Disk:
    """A small file system that gets full or read-only when asked to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes, in whole blocks."""
        block = bytes(4096)
        with self.filler.open("ab", buffering=0) as file:
            try:
                while file.write(block):
                    pass
            except OSError:
                pass
            os.ftruncate(file.fileno(), max(0, file.tell() - leave))

    def free(self) -> None:
        """Room again."""
        self.filler.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """Read-only ("ro") or not ("rw"); busy as long as a file is being written."""
        while subprocess.run(
            ["mount", "-o", f"remount,{how}", self.folder], check=False
        ).returncode:
            time.sleep(0.01)


@contextmanager
def mounted(image: Path, folder: Path, megabytes: int = 16) -> Iterator[Disk]:
    """A disk within the block."""
    folder.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)


class Command:
    """A tsconv under way, and what it says."""

    def __init__(self, words: list[str], folder: Path, variables: dict[str, str]) -> None:
        self.words = words
        self.folder = folder
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tsconv", *words],
            env={**os.environ, "TSCONV_CHECKPOINT_SECONDS": "0.2", **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self, words: str) -> None:
        """Wait until it says this."""
        for line in self.process.stderr or ():
            self.said.append(line)
            if words in line:
                return
        raise RuntimeError(f"{self.words}: expected {words!r}, found {self.said}")

    def end(self) -> None:
        """Wait for its end and show it, warnings and what it says of earlier tries."""
        self.said += self.process.stderr or ()
        print(f"  tsconv {self.words[0]}: exit code {self.process.wait()}")
        for number, line in enumerate(self.said, start=1):
            words = STAMP.sub("", line.rstrip()).replace(f"{self.folder}/", "")
            if number == len(self.said) or any(each in words for each in SHOWN):
                print(textwrap.fill(words, 98, initial_indent="    ", subsequent_indent="      "))


@dataclass(frozen=True)
class Ground:
    """Where troubles happen.

    Attributes:
        folder: for files that have none.
        disk: where runs are.
        expected: what a run without trouble holds.
    """

    folder: Path
    disk: Disk
    expected: dict[str, str]

    @property
    def run(self) -> Path:
        """The run directory."""
        return self.disk.folder / "run"

    @property
    def newest(self) -> Path:
        """The newest checkpoint."""
        return self.run / "members" / "0.checkpoint.safetensors"

    @property
    def benchmark(self) -> list[str]:
        """The words of a benchmark of one cell."""
        plan, settings = self.folder / "plan.toml", "\n".join(SETTINGS)
        data = self.folder / "Noise_TRAIN.ts"
        plan.write_text(
            f'datasets = "{data}"\nnetworks = "tcn"\nmembers = 1\n[settings]\n{settings}\n'
        )
        return ["benchmark", str(plan), "--out", str(self.disk.folder / "benchmark")]

    def start(self, *words: str, **variables: str) -> Command:
        """A training under way, or what the words say."""
        chosen = [*words] or train_words(self.folder, self.run)
        return Command(chosen, self.folder, variables)

    def start_saved(self, **variables: str) -> Command:
        """A training under way, once it was saved twice."""
        command = self.start(**variables)
        self.await_saved()
        return command

    def await_saved(self) -> None:
        """Wait until there are two checkpoints."""
        while not (self.run / "members" / "0.checkpoint-before.safetensors").exists():
            time.sleep(0.01)

    def compare(self) -> None:
        """Say what was lost."""
        same = contents(self.run) == self.expected
        left = ", ".join(path.name for path in self.run.rglob(".*")) or "nothing"
        print(f"  weights and predictions those of no trouble: {same}; left over: {left}")

    def again(self) -> None:
        """Give the same command again, and say what was lost."""
        self.start().end()
        self.compare()


def full_for_a_while(ground: Ground) -> None:
    """The disk is full while a training saves itself, and then is not."""
    command = ground.start_saved()
    ground.disk.fill()
    command.hear("is not saved")
    ground.disk.free()
    command.end()
    ground.compare()


def full_to_the_end(ground: Ground) -> None:
    """The disk is full when a member is trained."""
    command = ground.start_saved()
    ground.disk.fill()
    command.end()
    ground.disk.free()
    ground.again()


def full_at_predictions(ground: Ground) -> None:
    """The disk is full when the test part's predictions are written."""
    ground.start().end()
    for name in ("DONE", "metrics.json", "predictions-test.csv"):
        (ground.run / name).unlink()
    ground.disk.fill(leave=8192)
    ground.start().end()
    ground.disk.free()
    ground.again()


def full_at_predict(ground: Ground) -> None:
    """`tsconv predict` onto a full disk."""
    ground.start().end()
    ground.disk.fill(leave=4096)
    out = ground.disk.folder / "predictions.csv"
    ground.start("predict", str(ground.run), str(test_file(ground.folder)), "--out", str(out)).end()
    left = [path.name for path in ground.disk.folder.glob("*predictions*")]
    print(f"  there then: {left or 'nothing'}")
    ground.disk.free()


def full_at_the_start(ground: Ground) -> None:
    """The disk is full before anything is trained."""
    ground.disk.fill()
    ground.start().end()
    ground.disk.free()
    ground.again()


def full_for_a_benchmark(ground: Ground) -> None:
    """The disk is full when a benchmark begins."""
    ground.disk.fill(leave=28672)
    ground.start(*ground.benchmark).end()
    ground.disk.free()
    ground.start(*ground.benchmark).end()


def read_only_for_a_while(ground: Ground) -> None:
    """The run directory becomes read-only while a training runs, which is then told to end."""
    command = ground.start_saved()
    ground.disk.remount("ro")
    command.hear("is not saved")
    command.process.send_signal(signal.SIGTERM)
    command.end()
    ground.disk.remount("rw")
    ground.again()


def read_only_at_the_start(ground: Ground) -> None:
    """The run directory is read-only from the start."""
    ground.disk.remount("ro")
    ground.start().end()
    ground.disk.remount("rw")
    ground.again()


def clock_jumps(ground: Ground) -> None:
    """The clock jumps an hour back while a training runs, then a day ahead."""
    if not FAKETIME.exists():
        print("  left out: no libfaketime")
        return
    now = ground.folder / "clock"
    now.write_text("+0")
    clock = {"FAKETIME_TIMESTAMP_FILE": str(now), "FAKETIME_NO_CACHE": "1"}
    command = ground.start_saved(LD_PRELOAD=str(FAKETIME), DONT_FAKE_MONOTONIC="1", **clock)
    for jump in ("-1h", "+1d"):
        now.write_text(jump)
        (ground.run / "members" / "0.checkpoint-before.safetensors").unlink()
        ground.await_saved()
        print(f"  saved after {jump}")
    command.end()
    ground.compare()


def two_at_once(ground: Ground) -> None:
    """Two processes are given the same run."""
    first = ground.start_saved(TSCONV_CHECKPOINT_SECONDS="0.1")
    first.process.send_signal(signal.SIGSTOP)  # so that it holds on
    ground.start().end()
    first.process.send_signal(signal.SIGCONT)
    first.end()
    ground.compare()


def two_benchmarks_at_once(ground: Ground) -> None:
    """Two processes are given the same benchmark."""
    both = [ground.start(*ground.benchmark) for _ in range(2)]
    for each in both:
        each.end()
    ground.start(*ground.benchmark).end()


def damaged(ground: Ground) -> None:
    """The newest checkpoint is cut short, as a file system may leave it that lost power."""
    kill(ground.start_saved(), ground.newest)
    os.truncate(ground.newest, ground.newest.stat().st_size // 2)
    ground.again()


def damaged_both(ground: Ground) -> None:
    """Both checkpoints are damaged, the newest by one bit."""
    kill(ground.start_saved(), ground.newest)
    content = bytearray(ground.newest.read_bytes())
    content[len(content) // 2] ^= 1
    ground.newest.write_bytes(content)
    ground.newest.with_name("0.checkpoint-before.safetensors").write_bytes(b"")
    ground.again()


def dead_host(ground: Ground, renewed: float = 600.0) -> None:
    """A lock is left by a host that died ten minutes ago."""
    kill(ground.start_saved(), ground.newest)
    path = ground.run / "members" / "0.lock"
    owner = json.loads(path.read_text())
    owner["process"] |= {"host": "node7", "boot": "another"}
    path.write_text(json.dumps({**owner, "job": "Slurm job 7_3"}))
    then = time.time() - renewed
    os.utime(path, (then, then))
    began = time.monotonic()
    command = ground.start()
    command.hear("taken up")
    print(f"  waits {time.monotonic() - began:.0f} s, start included")
    command.end()
    ground.compare()


def host_that_just_died(ground: Ground) -> None:
    """A lock is left by a host that died this second."""
    dead_host(ground, renewed=0.0)


TROUBLES = (
    full_for_a_while,
    full_to_the_end,
    full_at_predictions,
    full_at_predict,
    full_at_the_start,
    full_for_a_benchmark,
    read_only_for_a_while,
    read_only_at_the_start,
    clock_jumps,
    two_at_once,
    two_benchmarks_at_once,
    damaged,
    damaged_both,
    dead_host,
    host_that_just_died,
)


def main() -> None:
    """Print each trouble and what came of it."""
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("TRAIN", "TEST"):
            write_file(folder / f"Noise_{part}.ts", make_dataset())
        subprocess.run(
            [sys.executable, "-m", "tsconv", *train_words(folder, folder / "alone")],
            check=True,
            capture_output=True,
        )
        expected = contents(folder / "alone")
        for trouble in TROUBLES:
            if wanted and trouble.__name__ not in wanted:
                continue
            print((trouble.__doc__ or "").partition("\n")[0])
            with mounted(folder / "image", folder / "disk") as disk:
                trouble(Ground(folder, disk, expected))
            print(flush=True)


def make_dataset() -> TimeSeriesDataset:
    """Noise around two means, 150 series of 30 points."""
    y = np.arange(150) % 2
    X = np.random.default_rng(0).normal(y[:, None, None], size=(150, 1, 30)).astype(np.float32)
    lengths = np.full(len(y), X.shape[2])
    return TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=("high", "low"))


def train_words(folder: Path, out: Path) -> list[str]:
    """A training of some seconds."""
    settings = [word for each in SETTINGS for word in ("--set", each)]
    data = str(folder / "Noise_TRAIN.ts")
    return ["train", data, "--network", "tcn", "--members", "1", *settings, "--out", str(out)]


def test_file(folder: Path) -> Path:
    """The test part."""
    return folder / "Noise_TEST.ts"


def contents(run: Path) -> dict[str, str]:
    """sha256 of what must not depend on trouble."""
    return {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest()
        for name in ("members/0.safetensors", "predictions-test.csv", "DONE")
        if (run / name).exists()
    }


def kill(command: Command, newest: Path) -> None:
    """End a process with nothing tidied up, when both checkpoints are in place."""
    command.process.send_signal(signal.SIGSTOP)
    while not newest.exists():  # it was stopped between two moves
        command.process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        command.process.send_signal(signal.SIGSTOP)
    command.process.kill()
    command.process.communicate()


if __name__ == "__main__":
    main()

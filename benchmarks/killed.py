"""Whether a benchmark killed at random moments ends with the table of one left alone.

    python benchmarks/killed.py

Runs a small plan once undisturbed. Then runs it again and again in another folder, each time killed
(SIGKILL) at a random moment, and once to its end. Compares every metric of both tables, and
every weight, bit for bit.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tsconv.workflows.collect import collect

HERE = Path(__file__).parent
PLAN = """
datasets = ["GunPoint", "ArrowHead", "ItalyPowerDemand"]
networks = ["inception", "tcn"]
members = 3
resamples = [0, 1]
[settings]
training.steps = 20
"""
MEASURED = ["dataset", "network", "resample", "steps", "accuracy", "log_loss", "auroc", "brier"]


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.toml"
        plan.write_text(PLAN)
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        started = time.monotonic()
        subprocess.run(command(plan, whole), check=True, capture_output=True)
        seconds = time.monotonic() - started
        n_killed = kill_often(command(plan, killed), seconds, chosen.kills, chosen.seed)
        n_left = len([1 for path in killed.rglob("DONE")])
        subprocess.run(command(plan, killed), check=True, capture_output=True)
        same_table = collect([whole])[MEASURED].equals(collect([killed])[MEASURED])
        same_weights = digests(whole) == digests(killed)
        print(
            f"{len(digests(whole))} members in 12 cells, {seconds:.0f} s undisturbed\n"
            f"killed while running: {n_killed} times of {chosen.kills}; "
            f"{n_left} cells were finished by then\n"
            f"table equal: {same_table}\nweights equal, bit for bit: {same_weights}"
        )
        if not (same_table and same_weights):
            sys.exit(1)


def command(plan: Path, out: Path) -> list[str]:
    """The benchmark's command line."""
    return [sys.executable, "-m", "tsconv", "benchmark", os.fspath(plan), "--out", os.fspath(out)]


def kill_often(words: list[str], seconds: float, kills: int, seed: int) -> int:
    """Start and kill; how often it was still running."""
    generator = np.random.default_rng(seed)
    n_killed = 0
    for _ in range(kills):
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(words, stdout=quiet, stderr=quiet)
        time.sleep(generator.uniform(0.1, 0.35) * seconds)
        n_killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    return n_killed


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every member's weights."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.safetensors")
    }


if __name__ == "__main__":
    main()

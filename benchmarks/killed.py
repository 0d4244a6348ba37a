"""Whether what is killed at random moments ends, repeated, as what was left alone.

    python benchmarks/killed.py

Trains both networks, two members side by side, runs a benchmark, and fetches a set from a slow
server on loopback: once undisturbed, then again and again killed (SIGKILL) at a random moment and
started anew, until all kills have hit a running process. Every other moment is counted from the
start, the others from the end of imports. Whenever a command comes to its end, all that it made is
held against what the undisturbed one made, bit for bit, and the next begins in another folder.
Where there are workers, half of the kills take them too; else these must end by themselves.
"""

import argparse
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from phases import STARTING, command, read_lines

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from site_on_loopback import NAME, Reply, make_files, make_zip, serving

CHECKPOINT_SECONDS = "0.5"
SETTINGS = ("training.steps=20", "training.select=valid_loss")
PLAN = """
datasets = "GunPoint"
networks = ["inception", "tcn"]
members = 2
[settings]
training.steps = 10
"""
MEASURED = ["dataset", "network", "resample", "steps", "accuracy", "log_loss", "auroc", "brier"]

Contents = dict[str, str]
"""What a folder holds, by file: the part that must not depend on time, or its sha256."""


@dataclass(frozen=True)
class Scenario:
    """A command, and what it makes.

    Attributes:
        name: what it is called.
        words: of the command line, with the folder's last.
        contents: reads what must be equal.
        share: of all kills.
        environment: variables on top.
    """

    name: str
    words: tuple[str, ...]
    contents: Callable[[Path], Contents]
    share: float
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, folder: Path, told: Path) -> subprocess.Popen[str]:
        """The command under way."""
        environment = {**os.environ, "TSCONV_CHECKPOINT_SECONDS": CHECKPOINT_SECONDS}
        environment |= {each: word.format(folder) for each, word in self.environment.items()}
        words = [word.format(folder) for word in self.words]
        return subprocess.Popen(
            command(told, *words),
            env={name: word for name, word in environment.items() if word},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass
class Count:
    """What became of a scenario."""

    kills: int = 0
    runs: int = 0
    taken_up: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    orphans: list[float] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_files(folder / "served")
        with serving({f"/{NAME}.zip": make_zip(files)}) as site:
            site.replies["*"] = [Reply(piece=500, pause=0.05)]
            scenarios = list(make_scenarios(folder, site.url))
            seeds = np.random.SeedSequence(chosen.seed).spawn(len(scenarios))
            kills = [round(chosen.kills * each.share) for each in scenarios]
            folders = [folder / each.name.replace(" ", "-") for each in scenarios]
            counts = []
            with ThreadPoolExecutor(2) as pool:
                for count in pool.map(strike, scenarios, folders, kills, seeds):
                    tell(scenarios[len(counts)], count)
                    counts.append(count)
    print(f"{sum(each.kills for each in counts)} kills, {time.monotonic() - started:.0f} s")
    if any(each.unequal or each.left_over for each in counts):
        sys.exit(1)


def make_scenarios(folder: Path, url: str) -> Iterator[Scenario]:
    """All commands that are killed."""
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    yield Scenario("benchmark", ("benchmark", str(plan), "--out", "{}"), of_benchmark, 0.1)
    settings = ("--valid-fraction", "0.2", *(word for each in SETTINGS for word in ("--set", each)))
    for name, network, share, more in (
        ("train inception", "inception", 0.1, ()),
        ("train tcn", "tcn", 0.1, ()),
        ("train side by side", "inception", 0.1, ("--processes", "2")),
    ):
        words = ("train", "GunPoint", "--network", network, "--members", "2", "--out", "{}")
        yield Scenario(name, (*words, *settings, *more), of_run, share)
    without = dict.fromkeys(("TSCONV_DATA", "TSCONV_OFFLINE", "TSCONV_LOCK"), "")
    environment = {"TSCONV_CACHE": "{}", "TSCONV_MIRRORS": url + "/{{name}}.zip", **without}
    yield Scenario("datasets fetch", ("datasets", "fetch", NAME), of_cache, 0.6, environment)


def strike(scenario: Scenario, folder: Path, kills: int, seed: np.random.SeedSequence) -> Count:
    """Kill and start anew until enough kills hit, and what was made is there."""
    folder.mkdir()
    generator, count = np.random.default_rng(seed), Count()
    began = time.monotonic()
    finish(scenario.start(folder / "alone", folder / "told"))
    ended, expected = time.monotonic(), scenario.contents(folder / "alone")
    working = next(line.at for line in read_lines(folder / "told") if line.phase != STARTING)
    n_starts, busy, share = 0, False, 1.0
    while count.kills < kills or busy:
        busy, n_starts = True, n_starts + 1
        run, told = folder / str(count.runs), folder / f"told-{n_starts}"
        process = scenario.start(run, told)
        seconds = share * generator.uniform(0, ended - began)
        if n_starts % 2:
            seconds = share * generator.uniform(0, ended - working)
            await_work(process, told)
        try:
            finish(process, seconds if count.kills < kills else None)
        except subprocess.TimeoutExpired:
            kill(process, told, count, with_workers=generator.random() < 0.5)
            share = min(1.0, 1.1 * share)
            if not (run / "DONE").exists():  # else a training had only to say so
                continue
        share *= 0.8  # it takes less time than the undisturbed one did
        busy, count.runs = False, count.runs + 1
        compare(expected, scenario.contents(run), run, count)
    return count


def await_work(process: subprocess.Popen[str], told: Path) -> None:
    """Wait until imports are over."""
    while process.poll() is None and len(read_lines(told)) < 2:
        time.sleep(0.01)


def finish(process: subprocess.Popen[str], seconds: float | None = None) -> None:
    """Wait until a command ends well."""
    _, errors = process.communicate(timeout=seconds)
    if process.returncode:
        raise RuntimeError(f"{process.args}: exit code {process.returncode}\n{errors}")


def kill(process: subprocess.Popen[str], told: Path, count: Count, *, with_workers: bool) -> None:
    """Kill a command, and its workers or not; wait until all are gone."""
    process.send_signal(signal.SIGSTOP)  # so that nobody sees another die
    last = {line.pid: line.phase for line in read_lines(told)} or {process.pid: STARTING}
    workers = [pid for pid in last if pid != process.pid and is_alive(pid)]
    hit = [process.pid, *(workers if with_workers else ())]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
    process.communicate()
    count.kills += 1
    count.phases.update(last[pid] for pid in hit)
    began = time.monotonic()
    while any(map(is_alive, workers)):
        time.sleep(0.05)
    if workers and not with_workers:
        count.orphans.append(time.monotonic() - began)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def compare(expected: Contents, found: Contents, run: Path, count: Count) -> None:
    """Note what is not as it should be."""
    names = expected.keys() | found.keys()
    count.unequal += [str(run / k) for k in sorted(names) if expected.get(k) != found.get(k)]
    hidden = [path for path in run.rglob(".*") if not path.name.endswith(".lock")]
    count.left_over += map(str, [*hidden, *run.rglob("progress.json")])
    for path in run.rglob("environment.json"):
        count.taken_up += json.loads(path.read_text())["taken_up"]


def of_run(folder: Path) -> Contents:
    """Weights, predictions, metrics and history of every run in a folder."""
    contents = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in ("*.safetensors", "predictions-test.csv", "DONE")
        for path in folder.rglob(pattern)
    }
    for path in folder.rglob("metrics.json"):
        metrics = json.loads(path.read_text())["metrics"]
        contents[path.relative_to(folder).as_posix()] = json.dumps(metrics)
    for path in folder.rglob("history.csv"):
        with path.open() as file:
            rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
        contents[path.relative_to(folder).as_posix()] = json.dumps(rows)
    return contents


def of_benchmark(folder: Path) -> Contents:
    """The table of results, and all that its runs hold."""
    with (folder / "results.csv").open() as file:
        rows = [{name: row[name] for name in MEASURED} for row in csv.DictReader(file)]
    return {**of_run(folder), "results.csv": json.dumps(rows)}


def of_cache(folder: Path) -> Contents:
    """Every file but locks of processes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def tell(scenario: Scenario, count: Count) -> None:
    """What became of a scenario."""
    phases = ", ".join(f"{phase} {n}" for phase, n in count.phases.most_common())
    print(f"{scenario.name}: killed {count.kills} times while running, ended {count.runs} times")
    print(f"  processes hit while: {phases}")
    if count.taken_up:
        print(f"  members taken up at a checkpoint: {count.taken_up} times")
    if count.orphans:
        longest = max(count.orphans)
        print(f"  workers left alone {len(count.orphans)} times, ended within {longest:.1f} s")
    n_files = "all files" if not count.unequal else f"NOT {', '.join(count.unequal)}"
    print(f"  equal to the undisturbed: {n_files}")
    print(f"  left over: {', '.join(count.left_over) or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()

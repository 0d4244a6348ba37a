"""The peers that benchmarks compare tsconv with: their environments, and contestants to measure.

A peer lives in a virtual environment of its own, ``.peers/<name>``, made when it is first needed.
A contestant is a program that answers requests (see ``answering.py``) in a process that stays, so
that all contestants can be measured in turn without waiting for imports.
"""

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsconv.config import TrainingConfig

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
PEERS = ROOT / ".peers"
REQUIREMENTS = {
    "aeon": [
        "aeon==1.6.0",
        "tensorflow-cpu==2.21.0; platform_machine == 'x86_64'",
        "tensorflow==2.21.0; platform_machine != 'x86_64'",
    ],
    "statistics": [
        *("scikit-posthocs==0.17.1", "baycomp==1.0.3", "tsml-eval==0.6.0", "aeon==1.1.0"),
    ],
    "sktime": ["sktime==1.2.0", "torch==2.13.0", "-c", os.fspath(ROOT / "constraints.txt")],
}
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
LOAD = os.getloadavg()[0]
"""What else the machine had to do before this program began."""
SMALL = {"depth": 1, "n_filters": 4}
"""What --quick changes of the network: every contestant knows these options by the same name."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured.

    Attributes:
        name: as tables show it.
        program: ``contestant_<program>.py``, and the name of the environment if it is a peer's.
        settings: what its `fit` is given beside the series and the epochs.
    """

    name: str
    program: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_peer(self) -> bool:
        """Whether this is somebody else's."""
        return self.program != "tsconv"

    def made_small(self) -> "Contestant":
        """The same with a network that takes no time."""
        prefix = "" if self.is_peer else "network.options."
        small = {f"{prefix}{name}": value for name, value in SMALL.items()}
        return dataclasses.replace(self, settings={**self.settings, **small})


CONTESTANTS = (
    Contestant("tsconv", "tsconv"),
    Contestant("tsconv float32", "tsconv", {"training.precision": "float32"}),
    Contestant("sktime", "sktime"),
    Contestant("aeon", "aeon"),
)
PLAIN = Contestant(
    "tsconv float32, plain", "tsconv", {"training.precision": "float32", "training.fused": False}
)
"""Ours with layers of PyTorch alone, if this tsconv has the setting."""


class Process:
    """A contestant's program at work, until it is closed."""

    def __init__(self, contestant: Contestant, python: Path, errors: Path) -> None:
        self.contestant = contestant
        self.errors = errors
        program = HERE / f"contestant_{contestant.program}.py"
        alone = {"OMP_NUM_THREADS": str(THREADS), "CUDA_VISIBLE_DEVICES": ""}
        with errors.open("w") as stderr:
            self.process = subprocess.Popen(
                [os.fspath(python), os.fspath(program)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **alone},
            )

    def fit(self, path: Path, epochs: int) -> dict[str, Any]:
        """Seconds of a fit to the series in a file, and what was fitted."""
        settings = self.contestant.settings
        return self._ask(do="fit", path=os.fspath(path), epochs=epochs, settings=settings)

    def predict_proba(self, path: Path) -> dict[str, Any]:
        """Seconds and memory of asking the network fitted last about the series in a file."""
        return self._ask(do="predict_proba", path=os.fspath(path))

    def close(self) -> None:
        """Let the program end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # a program that has died says why where its errors go
            print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            said = self.errors.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.contestant.name}: no answer to {request}; it said:\n{said}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(peer: str, folder: Path = PEERS) -> Path:
    """The Python of a peer's environment, made anew if its requirements have changed."""
    requirements = REQUIREMENTS[peer]
    home = folder / peer
    python, installed = home / "bin" / "python", home / ".installed"
    wanted = "\n".join(requirements)
    if not installed.is_file() or installed.read_text("utf-8") != wanted:
        print(f"making {home}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = [os.fspath(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        installed.write_text(wanted, "utf-8")
    return python


@contextmanager
def started(options: argparse.Namespace, *, plain: bool = False) -> Iterator[list[Process]]:
    """A process for each contestant that was asked for, and their end."""
    chosen = [*CONTESTANTS]
    if plain and "fused" in {each.name for each in dataclasses.fields(TrainingConfig)}:
        chosen.insert(2, PLAIN)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        processes: list[Process] = []
        for contestant in (each for each in chosen if each.program in options.only):
            python = environment(contestant.program) if contestant.is_peer else Path(sys.executable)
            measured = contestant.made_small() if options.quick else contestant
            process = Process(measured, python, folder / f"{len(processes)}.txt")
            stack.callback(process.close)
            processes.append(process)
        yield processes


def parser(description: str) -> argparse.ArgumentParser:
    """The options that these benchmarks share."""
    programs = list(dict.fromkeys(each.program for each in CONTESTANTS))
    made = argparse.ArgumentParser(description=description.partition("\n")[0])
    made.add_argument("--rounds", type=int, default=3, help="times that everyone is measured")
    made.add_argument("--only", nargs="+", default=programs, choices=programs, metavar="WHO")
    made.add_argument(
        "--quick", action="store_true", help="a tiny network and few series: only to see it run"
    )
    made.add_argument(
        "--results", type=Path, help="folder for the tables; results/ beside this, none if quick"
    )
    return made


def draw_series(
    path: Path, n_instances: int, n_channels: int, n_timepoints: int, n_classes: int
) -> Path:
    """Write noise of these sizes to an .npz file: what series say does not change a speed."""
    generator = np.random.default_rng(0)
    shape = (n_instances, n_channels, n_timepoints)
    np.savez(
        path,
        X=generator.standard_normal(shape, dtype=np.float32),
        y=np.arange(n_instances) % n_classes,
        lengths=np.full(n_instances, n_timepoints),
    )
    return path


def against_best_peer(seconds: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Median and least seconds over rounds, and the best peer's as a multiple of each.

    Args:
        seconds: a row a round, with columns ``seconds``, ``contestant``, ``is_peer`` and ``keys``.
        keys: what contestants are compared within.
    """
    grouped = seconds.groupby([*keys, "contestant", "is_peer"], sort=False)["seconds"]
    table = grouped.agg(median="median", least="min").reset_index()
    for kind in ("median", "least"):
        best = table[table["is_peer"]].groupby(keys)[kind].min().rename("best")
        table[f"times_{kind}"] = table.join(best, on=keys)["best"] / table[kind]
    return table


def markdown(table: pd.DataFrame, formats: dict[str, Callable[[Any], str]]) -> str:
    """The columns named in ``formats``, each cell as its function writes it, nothing for NaN."""
    lines = ["| " + " | ".join(formats) + " |", "|" + "---|" * len(formats)]
    for row in table.to_dict("records"):
        cells = ["" if pd.isna(row[name]) else form(row[name]) for name, form in formats.items()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def keep(options: argparse.Namespace, name: str, rounds: pd.DataFrame, report: str) -> None:
    """Print the report; store it and every round's numbers, unless it was only a quick run."""
    print(report, end="")
    folder = options.results or (None if options.quick else RESULTS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        rounds.to_csv(folder / f"{name}.csv", index=False, float_format="%.5g")
        (folder / f"{name}.md").write_text(report, "utf-8")


def machine() -> str:
    """The processor and what matters of it, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    flags = facts.get("flags", "").split()
    bfloat16 = [name for name in ("amx_bf16", "avx512_bf16") if name in flags]
    return (
        f"{facts.get('model name') or platform.processor() or platform.machine()}, "
        f"{THREADS} threads, {' and '.join(bfloat16) or 'no bfloat16'}, {platform.system()}, "
        f"Python {platform.python_version()}, load {LOAD:.1f} before"
    )

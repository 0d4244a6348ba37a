"""Benchmarks start, and those that peers take part in run without them."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
PROGRAMS = sorted(path for path in BENCHMARKS.glob("*.py") if "parse_args" in path.read_text())
QUICK = ["--quick", "--rounds", "1", "--only", "tsconv"]


def run(program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, os.fspath(program), *map(os.fspath, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_benchmark_tells_its_options(program: Path) -> None:
    ran = run(program, "--help")

    assert ran.returncode == 0, ran.stderr
    assert "usage" in ran.stdout


def test_train_step_measures_ours_and_keeps_the_table(tmp_path: Path) -> None:
    ran = run(BENCHMARKS / "train_step.py", *QUICK, "--results", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "train_step.md").read_text("utf-8") == ran.stdout
    rounds = pd.read_csv(tmp_path / "train_step.csv")
    assert set(rounds["contestant"]) >= {"tsconv", "tsconv float32"}
    assert (rounds["steps"] == 36).all()


def test_predict_measures_ours_and_keeps_the_table(tmp_path: Path) -> None:
    ran = run(BENCHMARKS / "predict.py", *QUICK, "--results", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "predict.md").read_text("utf-8") == ran.stdout
    rounds = pd.read_csv(tmp_path / "predict.csv")
    assert (rounds.groupby("contestant").size() == 3).all()
    assert (rounds[["seconds"]] > 0).all(axis=None)


def test_accuracies_stand_beside_the_published_ones(tmp_path: Path) -> None:
    sets, networks = ("GunPoint", "NATOPS"), ("inception", "tcn")
    collected = pd.DataFrame(
        {
            "dataset": name,
            "network": network,
            "recipe": "fast",
            "members": 5,
            "seed": 0,
            "accuracy": 149 / 150,
            "train_seconds": 9.6,
            "steps": 750,
            "threads": 1,
            "precision": "float32",
            "version": "1",
            "commit": "c0ffee1234",
        }
        for name in sets
        for network in networks
    )
    collected.to_csv(tmp_path / "collected.csv", index=False)

    ran = run(
        BENCHMARKS / "accuracy.py",
        *("--collected", tmp_path / "collected.csv", "--results", tmp_path),
    )

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "accuracy.md").read_text("utf-8") == ran.stdout
    row = "| GunPoint | 50 | 150 | 2 | 0.9933 | 0.9933 | 1.0000 | 1.0000 | 10 | 10 | 0.1000 |"
    assert row in ran.stdout
    assert "NATOPS" not in ran.stdout  # no published figure of both
    assert "inception against published (authors): 0 won, 0 drawn, 1 lost." in ran.stdout


def test_phases_of_a_training_are_told_in_order(tmp_path: Path) -> None:
    settings = ("network.options.width=4", "network.options.levels=2", "training.steps=2")
    words = [word for each in settings for word in ("--set", each)]
    data = "datasets/cbf/CBF_TRAIN.csv"
    words = ["train", data, "--network", "tcn", "--members", "1", *words]

    ran = run(BENCHMARKS / "phases.py", tmp_path / "told", *words, "--out", tmp_path / "run")

    assert ran.returncode == 0, ran.stderr
    told = [line.split(" ", 2)[2] for line in (tmp_path / "told").read_text().splitlines()]
    training = ["starting", "reading", "preparing", "training", "settling", "saving a member"]
    assert list(dict.fromkeys(told)) == [*training, "evaluating", "finishing"]


def test_every_phase_begins_with_a_call_that_there_is() -> None:
    program = (
        "import functools, importlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from phases import CALLS, WITH_WORKERS\n"
        "for place in (*CALLS, *(f'{name}:WORKER' for name in WITH_WORKERS)):\n"
        "    home, _, name = place.partition(':')\n"
        "    functools.reduce(getattr, name.split('.'), importlib.import_module(home))\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, BENCHMARKS], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr


def test_contestant_that_dies_is_reported_with_what_it_said(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from peers import Contestant, Process\n"
        "process = Process(Contestant('odd', 'tsconv'), Path(sys.executable), Path('errors.txt'))\n"
        "process.fit(Path('absent.npz'), epochs=1)\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program, os.fspath(BENCHMARKS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode != 0
    assert "odd: no answer" in ran.stderr
    assert "absent.npz" in ran.stderr

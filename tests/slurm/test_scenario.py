"""A bad night on a real Slurm: a node dies, jobs are preempted, requeued, cancelled, out of time.

What is in the table in the morning is what a quiet run on one machine gives.

The story is written to $SCENARIO_LOG, if that is set: ``make slurm-scenario`` keeps it.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PLAN = """\
datasets = "GunPoint"
networks = "tcn"
members = 1
seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

[settings]
training.steps = 500
network.options.levels = 3
"""
N_CELLS = 12
OF_A_RUN = ("train_seconds", "predict_seconds", "peak_memory_mb", "run")
"""Columns that no two runs share."""
PATIENCE = 240.0  # seconds, for a machine that is busy with other things


class Night:
    """A submitted benchmark, what is done to it, and the diary of that.

    Args:
        shell: the login node.
        diary: the file that is written.
    """

    def __init__(self, shell, diary: Path) -> None:
        self.shell = shell
        self.diary = diary
        self.began = time.monotonic()

    def write(self, words: str) -> None:
        """An entry."""
        words = words.replace(self.shell.folder, "~")
        with self.diary.open("a") as file:
            file.write(f"[{time.monotonic() - self.began:5.1f} s] {words}\n")

    def do(self, *command: str) -> str:
        """Run a client of Slurm's, and say so."""
        self.write("$ " + " ".join(command))
        return self.shell.cluster.run(*command)

    def tsconv(self, *arguments: str, code: int = 0) -> str:
        """Run tsconv, and keep what it says."""
        said = self.shell.tsconv(*arguments, code=code)
        self.write("$ tsconv " + " ".join(arguments) + f"\n\n{said}")
        return said

    def status(self) -> dict[str, dict]:
        """Of each cell, what tsconv knows of it, by the job that has it."""
        cells = json.loads(self.shell.tsconv("status", "night", "--json"))["cells"]
        return {each["job"]: each for each in cells}

    def wait(self, what: str, until: Callable[[], object]) -> None:
        """Wait for something."""
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline, f"{what}: {self.shell.cluster.jobs()}"
            time.sleep(0.5)
        self.write(what)

    def running(self) -> dict[str, list[str]]:
        """Of each node, the tasks that train there."""
        nodes: dict[str, list[str]] = {}
        steps = Path(self.shell.folder, "night").rglob("progress.json")
        for path in sorted(steps):
            with suppress(FileNotFoundError):  # it goes away when the cell is done
                told = json.loads(path.read_text())
                nodes.setdefault(told["host"], []).append(told["job"])
        return nodes

    def events(self) -> Iterator[list[str]]:
        """What tasks have noted, of all submissions: time, job, node, what."""
        for path in sorted(Path(self.shell.folder, "night").glob("slurm/*/events/*.txt")):
            yield from map(str.split, path.read_text().splitlines())


@pytest.fixture
def night(shell, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    night = Night(shell, tmp_path / "diary.txt")
    night.write(f"begun at {datetime.now().astimezone().isoformat(timespec='seconds')}")
    yield night
    if kept := os.environ.get("SCENARIO_LOG"):
        shutil.copy(night.diary, kept)


def test_a_bad_night_ends_with_the_table_of_a_quiet_one(night):
    _submit(night)
    night.tsconv("status", "night")
    tasks = night.running()
    cancelled, requeued = tasks["n1"][:2]
    late = tasks["n4"][0]

    night.do("scontrol", "update", f"JobId={late}", f"TimeLimit={_soon(night, late)}")
    night.do("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=broken")
    night.do("scontrol", "requeue", requeued)
    night.do("scancel", cancelled)
    night.do("sbatch", "-p", "high", "-w", "n3", "-n2", "-t1", "--wrap", "sleep 3")
    time.sleep(4)
    night.tsconv("status", "night")
    night.do("scontrol", "update", "NodeName=n2", "State=RESUME")
    night.wait("the task that ran out of time goes on", lambda: _starts(night, late) > 1)
    night.do("scontrol", "update", f"JobId={late}", "TimeLimit=10")
    night.wait("no job is left", lambda: not night.shell.cluster.jobs())

    _check_that_all_came_back(night, tasks)
    night.tsconv("status", "night")
    night.tsconv("resubmit", "night", "--failed")
    night.wait("no job is left", lambda: not night.shell.cluster.jobs())
    night.tsconv("status", "night")
    assert [each["state"] for each in night.status().values()] == ["done"] * N_CELLS
    _compare_with_a_quiet_run(night)


def _submit(night: Night) -> None:
    """The cells as an array on the partition whose jobs are preempted."""
    night.tsconv(
        *("submit", "plan.toml", "--out", "night", "--partition", "low", "--time", "0:10:00"),
        "--sbatch-arg=--signal=B:USR1@60",
    )
    night.wait("eight tasks train", lambda: sum(map(len, night.running().values())) >= 8)


def _soon(night: Night, job: str) -> int:
    """A limit in minutes that is near enough for a warning, and not for the end.

    Slurm looks every 30 s, and warns of what ends within 60 s before it looks again.
    """
    (started,) = [event[0] for event in night.events() if event[1] == job]
    runs_for = time.time() - datetime.fromisoformat(started).timestamp()
    return math.ceil((runs_for + 35) / 60)


def _starts(night: Night, job: str) -> int:
    return sum(event[1] == job and event[3] == "started" for event in night.events())


def _check_that_all_came_back(night: Night, tasks: dict[str, list[str]]) -> None:
    """What was disturbed started twice, and nothing else did; one cell is missing."""
    cells = night.status()
    cancelled, requeued = tasks["n1"][:2]
    assert {job for job, each in cells.items() if each["state"] != "done"} == {cancelled}
    assert cells[cancelled]["state"] == "stopped"
    disturbed = {requeued, tasks["n4"][0], *tasks["n2"], *tasks["n3"]}
    assert {job for job, each in cells.items() if each["starts"] > 1} == disturbed
    by_itself = {event[1] for event in night.events() if event[3] == "requeued"}
    assert tasks["n4"][0] in by_itself
    assert not {cancelled, requeued, *tasks["n2"]} & by_itself


def _compare_with_a_quiet_run(night: Night) -> None:
    night.tsconv("benchmark", "plan.toml", "--out", "quiet")
    tables = [
        pd.read_csv(Path(night.shell.folder, name, "results.csv")) for name in ("night", "quiet")
    ]
    columns = [column for column in tables[0] if column not in OF_A_RUN]
    assert {"dataset", "seed", "accuracy", "log_loss"} <= set(columns)
    pd.testing.assert_frame_equal(*(table[columns] for table in tables), check_exact=True)
    night.write(
        f"{len(tables[0])} rows, {len(columns)} columns each: equal to those of a local run"
    )

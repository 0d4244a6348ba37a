"""A bad night on a real Slurm: a node dies, jobs are preempted, requeued, cancelled, out of time.

What is in the table in the morning is what a quiet run on one machine gives. No task must train
for some time to be met by what is done to it: those that train are held until then.

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
from held import Held, hold

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PLAN = """\
datasets = "GunPoint"
networks = "tcn"
members = 1
seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

[settings]
training.steps = 300
network.options.levels = 3
"""
N_CELLS = 12
NODES = ("n1", "n2", "n3", "n4")
OF_A_RUN = ("train_seconds", "predict_seconds", "peak_memory_mb", "run")
"""Columns that no two runs share."""
N_PLACES = 8  # four nodes of two cores
PATIENCE = 600.0  # seconds, for a machine that is slow or busy with other things


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
            time.sleep(0.2)
        self.write(what)

    def hold_who_trains(self, held: dict[str, Held]) -> dict[str, Held]:
        """Hold tasks that are seen to train, besides those that are held already."""
        for path in sorted(Path(self.shell.folder, "night").rglob("progress.json")):
            with suppress(FileNotFoundError):  # it goes away when the cell is done
                told = json.loads(path.read_text())
                if told["job"] not in held and (
                    each := hold(told["job"], told["host"], told["pid"])
                ):
                    held[each.job] = each
        return held

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
    held = _submit(night)
    night.tsconv("status", "night")
    tasks = {node: [each.job for each in held.values() if each.node == node] for node in NODES}
    cancelled, requeued = tasks["n1"]
    late, beside = tasks["n4"]

    night.do("scontrol", "update", f"JobId={late}", f"TimeLimit={_soon(night, late)}")
    night.do("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=broken")
    night.do("scontrol", "requeue", requeued)
    night.do("scancel", cancelled)
    night.do("sbatch", "-p", "high", "-w", "n3", "-n2", "-t1", "--wrap", "sleep 3")
    _let_go_when_told(night, held, *tasks["n3"])
    held[beside].let_go()
    night.wait(
        "n1, n2 and n3 are rid of them", lambda: _are_away(night, set(held) - {late, beside})
    )
    night.tsconv("status", "night")
    night.do("scontrol", "update", "NodeName=n2", "State=RESUME")
    _let_go_when_told(night, held, late)
    night.wait("it is queued again", lambda: _is_back(night, late))
    night.do("scontrol", "update", f"JobId={late}", "TimeLimit=10")
    night.wait("no job is left", lambda: not night.shell.cluster.jobs())

    _check_that_all_came_back(night, tasks)
    night.tsconv("status", "night")
    night.tsconv("resubmit", "night", "--failed")
    night.wait("no job is left", lambda: not night.shell.cluster.jobs())
    night.tsconv("status", "night")
    assert [each["state"] for each in night.status().values()] == ["done"] * N_CELLS
    _compare_with_a_quiet_run(night)


def _submit(night: Night) -> dict[str, Held]:
    """The cells as an array on the partition whose jobs are preempted; who trains first is held."""
    night.tsconv(
        *("submit", "plan.toml", "--out", "night", "--partition", "low", "--time", "0:10:00"),
        "--sbatch-arg=--signal=B:USR1@60",
    )
    held: dict[str, Held] = {}
    night.wait(
        "eight tasks train, and are held", lambda: len(night.hold_who_trains(held)) == N_PLACES
    )
    return held


def _let_go_when_told(night: Night, held: dict[str, Held], *jobs: str) -> None:
    """Let tasks go on once Slurm's warning has come to their commands."""
    words = f"the warning has come to {' and '.join(sorted(jobs))}"
    night.wait(words, lambda: all(held[job].is_waited_for() for job in jobs))
    for job in jobs:
        held[job].let_go()


def _are_away(night: Night, jobs: set[str]) -> bool:
    """Whether each runs no more, or again already."""
    known = night.shell.cluster.jobs()
    return all(job not in known or _is_back(night, job) for job in jobs)


def _is_back(night: Night, job: str) -> bool:
    """Whether a task waits for its next start, or has had it."""
    state, _ = night.shell.cluster.jobs().get(job, ("", ""))
    return state == "PENDING" or _starts(night, job) > 1


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
    cancelled, requeued = tasks["n1"]
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

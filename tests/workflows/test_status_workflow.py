"""What is told of cells, from files alone."""

import json
import os
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tsconv.cli import job_tables
from tsconv.cli.main import app
from tsconv.errors import ConfigError, RunError
from tsconv.executors.site import Site
from tsconv.executors.slurm import Queued
from tsconv.runs.host import node_name
from tsconv.workflows import status as workflow
from tsconv.workflows.benchmark import plan_cells
from tsconv.workflows.packing import share_out
from tsconv.workflows.schedule import remember, share_of
from tsconv.workflows.status import status
from tsconv.workflows.submit import resubmit, submit

FLAGS = {"datasets": ["GunPoint"], "networks": ["tcn"], "seeds": [0, 1], "members": [1]}
PROGRESS = {"member": 0, "members": 1, "epoch": 1, "step": 2, "n_steps": 9, "loss": None}


@pytest.fixture
def schedule(tmp_path, monkeypatch):
    monkeypatch.setattr(workflow, "read_queue", lambda jobs: None)
    schedule = plan_cells(None, FLAGS, tmp_path / "out")
    remember(schedule)
    return schedule


@pytest.fixture
def cell(schedule):
    """The directory of the first cell."""
    directory = schedule.tasks[0].cell.directory(schedule.folder)
    directory.path.mkdir(parents=True)
    return directory


@pytest.fixture
def task(schedule):
    """The files of a submission whose one task has both cells."""
    folder = schedule.folder / "slurm" / "1"
    (folder / "events").mkdir(parents=True)
    (folder / "logs").mkdir()
    names = " ".join(each.cell.name for each in schedule.tasks)
    (folder / "tasks.txt").write_text(f"{names}\n")
    (folder / "jobs.txt").write_text("array 5 0 0-0\n")
    return folder


def _first(schedule):
    found = {each.cell: each for each in status(schedule.folder).cells}
    return found[schedule.tasks[0].cell.name]


def test_cells_that_nobody_began_wait(schedule):
    assert status(schedule.folder).counts["waiting"] == 2


def test_a_folder_without_a_benchmark_is_refused(tmp_path):
    with pytest.raises(RunError, match="expected the folder of a benchmark"):
        status(tmp_path)


def test_a_cell_is_running_while_its_process_lives(schedule, cell):
    time = datetime.now(UTC).isoformat()
    told = {**PROGRESS, "host": node_name(), "pid": os.getpid(), "job": None, "time": time}
    cell.progress.write_text(json.dumps(told))
    assert _first(schedule).state == "running"

    cell.progress.write_text(json.dumps({**told, "pid": 2**22 + 1}))
    assert _first(schedule).state == "stopped"


def test_a_failure_is_told_with_its_reason(schedule, cell):
    failure = {
        "kind": "DataError",
        "message": "no labels",
        "traceback": "a\nb",
        "time": "2026-01-01",
    }
    cell.failure.write_text(json.dumps(failure))

    first = _first(schedule)

    assert (first.state, first.why) == ("failed", "DataError: no labels")
    assert first.last_lines == ("a", "b")


def test_a_failure_in_a_job_is_told_by_its_traceback_and_not_by_the_log_of_its_task(
    schedule, cell, task, capsys
):
    failure = {"kind": "E", "message": "m", "traceback": "of\nit", "time": "2026-01-02T00:00:00"}
    cell.failure.write_text(json.dumps(failure))
    (task / "events" / "0.txt").write_text("2026-01-01T00:00:00+0000 5_0 n1 started\n")
    (task / "logs" / "5_0.log").write_text("of another cell\n")

    first = _first(schedule)
    job_tables.progress(status(schedule.folder))

    assert (first.state, first.last_lines) == ("failed", ("of", "it"))
    assert f"  log: {task}/logs/5_0.log\n    of\n    it\n" in capsys.readouterr().out


def test_where_squeue_does_not_answer_a_task_that_was_started_has_its_cells(schedule, task):
    (task / "events" / "0.txt").write_text("2026-01-01T00:00:00+0000 5_0 n1 started\n")

    first = _first(schedule)
    said = CliRunner().invoke(app, ["status", str(schedule.folder)])

    assert (first.state, first.why) == ("queued", "its task was started")
    assert status(schedule.folder).asked is False
    assert said.stderr.startswith("squeue does not answer")
    for hand_in in (lambda: submit(schedule, Site()), lambda: resubmit(schedule.folder)):
        with pytest.raises(ConfigError, match="squeue does not answer"):
            hand_in()


def test_a_cell_that_runs_in_a_job_of_another_kind_is_running(schedule, cell, task, monkeypatch):
    monkeypatch.setattr(workflow, "read_queue", dict.fromkeys)
    told = {
        **PROGRESS,
        "host": node_name(),
        "pid": os.getpid(),
        "job": "9",
        "started": "2026-01-01",
    }
    cell.progress.write_text(json.dumps(told))

    assert _first(schedule).state == "running"


def test_a_task_in_the_queue_tells_why_it_waits_and_how_often_it_came_back(
    schedule, task, monkeypatch
):
    queue = {"5_0": Queued(state="PENDING", node="", reason="BeginTime")}
    monkeypatch.setattr(workflow, "read_queue", lambda jobs: queue)
    (task / "events" / "0.txt").write_text(
        "2026-01-01T00:00:00+0000 5_0 n1 started\n2026-01-01T01:00:00+0000 5_0 n2 started\n"
    )

    first = _first(schedule)

    assert (first.state, first.why, first.node) == ("queued", "BeginTime", "n2")
    assert first.requeued == 2


def test_a_task_that_is_gone_has_stopped_and_its_log_is_told(schedule, task, monkeypatch):
    monkeypatch.setattr(workflow, "read_queue", dict.fromkeys)
    (task / "events" / "0.txt").write_text("2026-01-01T00:00:00+0000 5_0 n1 started\n")
    (task / "logs" / "5_0.log").write_text("one\ntwo\n")

    first = _first(schedule)

    assert (first.state, first.last_lines) == ("stopped", ("one", "two"))
    assert "cancelled, killed or lost" in first.why


def test_shares_are_of_like_cost_and_none_exceeds_its_limit():
    seconds = {"a": 9.0, "b": 4.0, "c": 3.0, "d": 2.0}

    assert share_out(seconds, 2) == (("a",), ("b", "c", "d"))
    shares = share_out(seconds, 1, most=6.0)
    assert sorted(name for share in shares for name in share) == sorted(seconds)
    assert all(sum(map(seconds.get, share)) <= 6 or share == ("a",) for share in shares)


def test_a_share_is_some_of_the_cells_and_all_shares_are_all(schedule):
    shares = [share_of(schedule, "3", k).tasks for k in range(3)]

    assert [len(tasks) for tasks in shares] == [1, 1, 0]
    assert {task.cell.name for tasks in shares for task in tasks} == {
        task.cell.name for task in schedule.tasks
    }

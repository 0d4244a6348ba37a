"""What is written for Slurm of a plan and a site's wishes."""

import json
import os
import re

import pytest
from typer.testing import CliRunner

from tsconv.cli.main import app
from tsconv.config import load_config
from tsconv.errors import ConfigError
from tsconv.executors.site import Site
from tsconv.workflows.cell import Cell
from tsconv.workflows.schedule import arrange
from tsconv.workflows.submit import submit


@pytest.mark.parametrize(
    ("options", "processes"),
    [
        ({}, 1),
        ({"cpus-per-task": "4"}, 4),
        ({"cpus-per-task": "4", "gres": "gpu"}, 1),
        ({"cpus-per-task": "4", "gres": "gpu:2"}, 2),
        ({"cpus-per-task": "8", "gres": "gpu:a100:4(S:0-1)"}, 4),
        ({"cpus-per-task": "2", "gpus-per-node": "v100:8"}, 2),
        ({"gpus": "2"}, 1),
    ],
)
def test_a_task_does_a_cell_on_each_of_its_gpus_else_on_each_core(tmp_path, options, processes):
    cell = Cell(dataset="Toy", data=str(tmp_path), config=load_config(), resample=0)
    schedule = arrange([(cell, 1.0)], tmp_path / "out")

    written = submit(schedule, Site(sbatch=options), dry_run=True).submission

    said = re.findall(r" --processes (\d+) ", written.array.read_text())
    assert said == [str(processes)]


def planned(*arguments):
    """What a command would do with GunPoint."""
    done = CliRunner().invoke(app, [*map(str, arguments), "-d", "GunPoint", "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_tasks_are_packed_by_what_they_take_on_what_the_site_gives(tmp_path):
    on_cores = planned("submit", "--out", tmp_path / "a")["seconds"]
    on_gpus = planned("submit", "--out", tmp_path / "b", "--gres", "gpu:1")["seconds"]

    assert on_gpus < on_cores / 20


def test_an_arrays_tasks_share_out_alike_whatever_gpus_their_nodes_have(tmp_path, monkeypatch):
    share = ("benchmark", "--out", tmp_path, "--tasks", 2, "--task", 0, "--processes", 1)
    without = planned(*share)
    for module in ("cost", "benchmark"):
        monkeypatch.setattr(f"tsconv.workflows.{module}.visible_gpus", lambda: ("0",))

    assert planned(*share) == without


def test_collecting_that_slurm_refused_is_submitted_once_all_cells_have_a_job(
    tmp_path, monkeypatch
):
    tools = {
        "scontrol": "exit 1",
        "squeue": "echo '7_0|RUNNING|n1|None'",
        "sbatch": f"""case $* in *collect*) [ -e {tmp_path}/room ] || exit 1 ;; esac; echo 7""",
    }
    for name, script in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    cell = Cell(dataset="Toy", data=str(tmp_path), config=load_config(), resample=0)
    schedule = arrange([(cell, 1.0)], tmp_path / "out")
    with pytest.raises(ConfigError, match="submitted before that: 7"):
        submit(schedule, Site())
    (tmp_path / "room").touch()

    again = submit(schedule, Site())

    assert (again.held, again.packed.tasks, again.jobs) == (1, (), ())
    assert again.submission.jobs.read_text() == "array 7 0 0-0\ncollect 7\n"

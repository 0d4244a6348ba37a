"""What is written for Slurm of a plan and a site's wishes."""

import re

import pytest

from tsconv.config import load_config
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

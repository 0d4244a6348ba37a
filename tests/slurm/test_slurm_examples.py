"""Every script of examples/slurm runs on a real Slurm, with fewer steps than by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SCRIPTS = sorted((Path(__file__).parents[2] / "examples" / "slurm").glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example_runs(cluster, tmp_path, script):
    is_job = "#SBATCH" in script.read_text()
    path = os.pathsep.join([str(Path(sys.executable).parent), cluster.environment["PATH"]])

    done = subprocess.run(
        ["sbatch", script] if is_job else ["bash", script],
        env={**cluster.environment, "PATH": path, "STEPS": "4"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    cluster.wait_until_empty(600)
    finished = list((tmp_path / "runs").rglob("DONE"))
    logs = [log.read_text() for log in tmp_path.rglob("*.log")]
    logs += [log.read_text() for log in tmp_path.glob("slurm-*.out")]
    assert finished, logs
    if not is_job:
        assert list((tmp_path / "runs").glob("*/results.csv")), logs

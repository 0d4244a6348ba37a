"""Every example runs, with a smaller budget than it has by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "STEPS": "2", "PATH": path}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_python_example_runs(path: Path) -> None:
    ran = run([sys.executable, str(path), "2"])

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_the_network_of_the_example_keeps_the_contract_as_a_file_of_the_package(
    tmp_path: Path,
) -> None:
    shutil.copy(EXAMPLES / "custom_network.py", tmp_path / "fcn.py")
    program = (
        "import sys, pytest, tsconv.networks as package; package.__path__.append(sys.argv[1]); "
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[2:]]))"
    )
    contract = Path(__file__).parent / "networks" / "test_contract.py"

    ran = run([sys.executable, "-c", program, str(tmp_path), str(contract), "-k", CONTRACT])

    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


CONTRACT = "fcn and not learns"  # its training is seconds, and the example's own run trains it
CLUSTERS = {"slurm", "pbs", "lsf"}
SCRIPTS = sorted(path for path in EXAMPLES.rglob("*.sh") if path.parent.name not in CLUSTERS)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_shell_example_runs(path: Path) -> None:  # those for Slurm: tests/slurm
    ran = run(["bash", str(path)])

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


STEPS = [path for path in sorted(EXAMPLES.rglob("*.sh")) if "\nsrun " in path.read_text()]


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.name)
def test_a_jobs_steps_have_its_cores(path: Path) -> None:
    before, _, _ = path.read_text().partition("\nsrun ")

    assert "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK" in before

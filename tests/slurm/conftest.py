"""A Slurm of its own for the tests here, which are skipped where it is not installed."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cluster import Cluster, missing_programs, running_cluster

TSCONV = (sys.executable, "-m", "tsconv")


@dataclass(frozen=True)
class Shell:
    """A login node: commands in a folder, with Slurm's clients and tsconv at hand.

    Attributes:
        cluster: that they talk to.
        folder: to work in.
    """

    cluster: Cluster
    folder: str

    def tsconv(self, *arguments: str, code: int = 0) -> str:
        """What a command of tsconv writes to stdout."""
        done = subprocess.run(
            [*TSCONV, *arguments],
            env=self.cluster.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Four nodes of two cores."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}; apt-get install slurm-wlm munge")
    with running_cluster() as running:
        yield running


@pytest.fixture
def shell(cluster, tmp_path) -> Shell:
    """A login node and an empty folder."""
    return Shell(cluster, str(tmp_path))

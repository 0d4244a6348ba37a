"""Cores as batch systems grant them, by what each leaves in the environment."""

import os

import pytest

from tsconv.cores import granted, settle_threads, within_ceiling

SAID = (
    *("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_STEP_TASKS_PER_NODE"),
    *("NCPUS", "PBS_NUM_PPN", "LSB_MCPU_HOSTS"),
)


@pytest.fixture(autouse=True)
def sixty_four_cores_and_no_job(monkeypatch):
    for name in (*SAID, "PBS_JOBID", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))


@pytest.mark.parametrize(
    ("environment", "n_cores"),
    [
        ({}, None),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_ON_NODE": "8"}, 2),
        ({"SLURM_CPUS_ON_NODE": "8"}, 8),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_STEP_TASKS_PER_NODE": "4"}, 2),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_STEP_TASKS_PER_NODE": "1,4(x2)"}, 2),
        ({"SLURM_CPUS_ON_NODE": "2", "SLURM_STEP_TASKS_PER_NODE": "4"}, 1),
        ({"SLURM_CPUS_PER_TASK": "2", "SLURM_STEP_TASKS_PER_NODE": "4"}, 2),
        ({"PBS_JOBID": "7.head", "NCPUS": "2"}, 2),
        ({"PBS_JOBID": "7.head", "PBS_NUM_PPN": "4"}, 4),
        ({"NCPUS": "2"}, None),
        ({"LSB_MCPU_HOSTS": "n1 2"}, 2),
        ({"LSB_MCPU_HOSTS": "n1 2 n2 16"}, 2),
    ],
)
def test_a_batch_systems_grant_is_found(monkeypatch, environment, n_cores):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert granted() == n_cores


@pytest.mark.parametrize(
    ("said", "n_threads"), [(None, 4), ("1", 1), ("3,2", 3), ("8", 4), ("0", 4), ("all", 4)]
)
def test_threads_stay_below_what_the_variable_says(monkeypatch, said, n_threads):
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)

    assert within_ceiling(4) == n_threads


@pytest.mark.parametrize(
    ("granted", "before", "after"),
    [("2", None, "2"), ("2", "8", "8"), ("64", None, None), (None, None, None)],
)
def test_threads_are_set_where_less_is_granted_than_is_there(monkeypatch, granted, before, after):
    for name, value in (("SLURM_CPUS_PER_TASK", granted), ("OMP_NUM_THREADS", before)):
        if value is not None:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.environ", {**os.environ})  # what is set is gone after the test

    settle_threads()

    assert os.environ.get("OMP_NUM_THREADS") == after


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_wait_idly_unless_told_otherwise(monkeypatch, given, spins):
    others = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    monkeypatch.setattr("os.environ", {**others, **given})

    settle_threads()

    assert os.environ.get("GOMP_SPINCOUNT") == spins

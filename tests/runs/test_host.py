import pytest

from tsconv.runs.host import batch_job


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": ""}, None),
        ({"SLURM_JOB_ID": "9"}, ("Slurm", "9")),
        (
            {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "8", "SLURM_ARRAY_TASK_ID": "3"},
            ("Slurm", "8_3"),
        ),
        ({"PBS_JOBID": "5.host"}, ("PBS", "5.host")),
        ({"LSB_JOBID": "6"}, ("LSF", "6")),
    ],
)
def test_a_job_is_named_as_its_system_does(environment, job):
    assert batch_job(environment) == job

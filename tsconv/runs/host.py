"""The process as its host and batch system see it: node, job, time, memory; without PyTorch."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
JOB_VARIABLES = {"SLURM_JOB_ID": "Slurm", "PBS_JOBID": "PBS", "LSB_JOBID": "LSF"}


def peak_memory_mb() -> float | None:
    """The most memory that this process has held, since :func:`forget_peak_memory` or its start.

    None where the system does not tell (it is Linux that does).
    """
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else round(int(kilobytes) / 1024, 1)


def forget_peak_memory() -> None:
    """Measure from here on, where the system can: for a process that trains run after run."""
    with suppress(OSError):
        CLEAR_REFS.write_text("5")


class BatchJob(NamedTuple):
    """The job that a process belongs to.

    Attributes:
        system: that runs it, "Slurm", "PBS" or "LSF".
        name: what the system's tools call it; a task of a Slurm array by the array and its index,
            since the last one's own number is that of the whole array.
    """

    system: str
    name: str


def batch_job(environment: Mapping[str, str] = os.environ) -> BatchJob | None:
    """The job that a process of this environment belongs to, None outside of one."""
    array, index = map(environment.get, ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"))
    if array and index:
        return BatchJob("Slurm", f"{array}_{index}")
    found = ((system, environment.get(variable)) for variable, system in JOB_VARIABLES.items())
    return next((BatchJob(system, name) for system, name in found if name), None)


def node_name() -> str:
    """The machine, by the name that a batch system gives it."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def now() -> str:
    """The time, to the second, in ISO 8601 with its zone."""
    return datetime.now(UTC).isoformat(timespec="seconds")

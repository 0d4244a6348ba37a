"""The process as its host and batch system see it: node, job, time, memory; without PyTorch."""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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


def batch_job() -> str | None:
    """What a batch system calls the job that this process belongs to, None outside of one.

    A task of a Slurm array is named by the array and its index: the last one's own number is that
    of the whole array.
    """
    array, index = map(os.environ.get, ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"))
    if array and index:
        return f"{array}_{index}"
    named = (os.environ.get(name) for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"))
    return next((name for name in named if name), None)


def node_name() -> str:
    """The machine, by the name that a batch system gives it."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def now() -> str:
    """The time, to the second, in ISO 8601 with its zone."""
    return datetime.now(UTC).isoformat(timespec="seconds")

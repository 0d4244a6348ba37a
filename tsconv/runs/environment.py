"""Where and with what a run was trained."""

import os
import platform
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import tsconv
from tsconv.classifier import Classifier, Preparation

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PACKAGES = ("numpy", "pandas", "safetensors", "scikit-learn", "torch")


def describe_environment(ensemble: Preparation | Classifier) -> dict[str, Any]:
    """Versions, commit, hardware, command line and the time now, as plain values."""
    return {
        "versions": {
            "tsconv": tsconv.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "git_commit": _commit(),
        **describe_arithmetic(ensemble),
        "threads": torch.get_num_threads(),
        "hostname": socket.gethostname(),
        "platform": platform.platform(),
        "pid": os.getpid(),
        "command": sys.argv,
        "started": now(),
    }


def describe_arithmetic(ensemble: Preparation | Classifier) -> dict[str, Any]:
    """Device, precision and why; None for a classifier, which does not remember."""
    arithmetic = ensemble.arithmetic if isinstance(ensemble, Preparation) else None
    if arithmetic is None:
        return {"device": None, "precision": None, "reason": None}
    return {
        "device": str(arithmetic.device),
        "precision": str(arithmetic.dtype).removeprefix("torch."),
        "reason": arithmetic.reason,
    }


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


def _commit() -> str | None:
    """The commit of a tsconv that runs from its own checkout, None for an installed one."""
    root = Path(tsconv.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

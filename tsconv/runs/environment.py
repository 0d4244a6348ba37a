"""Where and with what a run was trained."""

import os
import platform
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import tsconv
from tsconv.classifier import Classifier, Preparation
from tsconv.runs.host import now

PACKAGES = ("numba", "numpy", "pandas", "safetensors", "scikit-learn", "torch")


def describe_environment(ensemble: Preparation | Classifier) -> dict[str, Any]:
    """Versions, commit, hardware, command line and the time now, as plain values."""
    return {
        "versions": {
            "tsconv": tsconv.__version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "git_commit": _commit(),
        **describe_arithmetic(ensemble),
        "hostname": socket.gethostname(),
        "platform": platform.platform(),
        "pid": os.getpid(),
        "command": sys.argv,
        "started": now(),
    }


def describe_arithmetic(ensemble: Preparation | Classifier) -> dict[str, Any]:
    """Device, precision and why, threads; None for a classifier, which does not remember."""
    arithmetic = ensemble.arithmetic if isinstance(ensemble, Preparation) else None
    if arithmetic is None:
        return {"device": None, "precision": None, "reason": None, "threads": None}
    return {
        "device": str(arithmetic.device),
        "precision": str(arithmetic.dtype).removeprefix("torch."),
        "reason": arithmetic.reason,
        "threads": torch.get_num_threads(),
    }


def _version(package: str) -> str | None:
    """None for one that tsconv does without here."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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

"""Makes `toy` importable from every test, repeats every test alike, and lets a busy machine be."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests train tiny networks: threads only wait
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs under test inherit it

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Networks that a test draws are the same at each run of it, whatever ran before."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002

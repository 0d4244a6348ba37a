"""Makes `toy` importable from every test, repeats every test alike, and lets a busy machine be."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests train tiny networks: threads only wait

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

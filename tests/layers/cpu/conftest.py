"""Loops compiled by Numba, beside PyTorch's operators."""

import pytest
import torch

from tsconv.layers.cpu import choice


@pytest.fixture(autouse=True)
def _compiled():
    if (reason := choice.reason_against()) is not None:
        pytest.skip(f"no loops are compiled here: {reason}")


@pytest.fixture(params=[1, 3])
def threads(request):
    """How many threads PyTorch has meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)

"""What every registered layer promises; nothing is registered yet, and the next one is tested."""

import pytest
import torch

from tsconv.layers import LAYERS


@pytest.mark.parametrize("name", LAYERS.names())
@pytest.mark.parametrize("n_timepoints", [1, 2, 17])
def test_a_layer_keeps_the_shape(name, n_timepoints):
    x = torch.randn(2, 8, n_timepoints, generator=torch.Generator().manual_seed(0))

    y = LAYERS.get(name)(8).eval()(x)

    assert y.shape == x.shape

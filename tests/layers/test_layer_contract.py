"""What every registered layer promises; a new file is tested the moment it exists."""

import sys

import pytest
import torch

from tsconv.layers import LAYERS

every_layer = pytest.mark.parametrize("name", LAYERS.names())


def series(n_timepoints, n=3):
    return torch.randn(n, 8, n_timepoints, generator=torch.Generator().manual_seed(0))


@every_layer
@pytest.mark.parametrize("n_timepoints", [1, 2, 17])
def test_a_layer_keeps_the_shape(name, n_timepoints):
    x = series(n_timepoints)

    y = LAYERS.get(name)(8).eval()(x)

    assert y.shape == x.shape


@every_layer
def test_series_of_a_batch_never_mix_in_eval_mode(name):
    x, layer = series(17), LAYERS.get(name)(8).eval()

    alone = torch.cat([layer(each.unsqueeze(0)) for each in x])

    torch.testing.assert_close(layer(x), alone)


@every_layer
def test_every_weight_of_a_layer_learns(name):
    layer = LAYERS.get(name)(8)

    layer(series(17)).square().mean().backward()

    assert all(each.grad is not None for each in layer.parameters())


@every_layer
def test_a_layer_lives_in_the_file_of_its_name_and_cites_its_paper(name):
    module = sys.modules[LAYERS.get(name).__module__]

    assert module.__name__ == f"tsconv.layers.{name}"
    assert "https://" in (module.__doc__ or "")

"""Class-activation maps of every registered network are what its head makes of its features."""

import pytest
import torch
from torch import nn
from toy import SMALL

from tsconv.errors import ConfigError
from tsconv.networks import NETWORKS
from tsconv.networks.activation import MEANINGS, activation_maps, meaning
from tsconv.networks.heads import POOLINGS, Head


def make_network(name, pooling="mean", *, standardise=False):
    network = NETWORKS.get(name)(2, 3, **SMALL.get(name, {}))
    n_features = network.head.linear.in_features
    network.head = Head(n_features, 3, pooling=pooling, standardise=standardise)
    network(torch.randn(8, 2, 10))  # statistics, if it has any
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS.names())
@pytest.mark.parametrize("n_timepoints", [1, 17])
@pytest.mark.parametrize("standardise", [False, True])
def test_the_mean_of_a_map_and_the_bias_are_the_logit(name, n_timepoints, standardise):
    network, x = make_network(name, standardise=standardise), torch.randn(4, 2, n_timepoints)

    maps = activation_maps(network, x)

    assert maps.shape == (4, 3, n_timepoints)
    logits = maps.mean(-1) + network.head.as_weight_and_bias()[1]
    torch.testing.assert_close(logits, network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS.names())
def test_padding_is_nan_and_changes_nothing_before_it(name):
    network, x = make_network(name), torch.randn(3, 2, 20)
    lengths = torch.tensor([20, 13, 1])

    maps = activation_maps(network, x, lengths)

    for series, length, padded in zip(x, lengths, maps, strict=True):
        assert padded[:, length:].isnan().all()
        alone = activation_maps(network, series[None, :, :length])[0]
        torch.testing.assert_close(padded[:, :length], alone, rtol=1e-4, atol=1e-5)
    logits = maps.nanmean(-1) + network.head.linear.bias
    torch.testing.assert_close(logits, network(x, lengths), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS.names())
def test_under_the_head_of_the_last_time_point_its_value_is_the_logit(name):
    network, x = make_network(name, "last"), torch.randn(4, 2, 9)

    logits = activation_maps(network, x)[..., -1] + network.head.linear.bias

    torch.testing.assert_close(logits, network(x), rtol=1e-4, atol=1e-5)


def test_every_pooling_says_what_its_maps_mean():
    assert set(MEANINGS) == set(POOLINGS)

    for pooling in POOLINGS:
        assert meaning(make_network("tcn", pooling)) == MEANINGS[pooling]


def test_a_head_without_a_linear_map_has_no_maps():
    network = make_network("tcn")
    network.head = nn.Flatten()

    with pytest.raises(ConfigError, match="found Flatten"):
        activation_maps(network, torch.randn(1, 2, 5))
    with pytest.raises(ConfigError, match="found Flatten"):
        meaning(network)

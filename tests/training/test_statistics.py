import pytest
import torch
from toy import SMALL

from tsconv.networks import NETWORKS
from tsconv.networks.inception import Inception
from tsconv.training import batches
from tsconv.training.batches import Batch
from tsconv.training.precision import Arithmetic
from tsconv.training.statistics import settling

FLOAT32 = Arithmetic(torch.device("cpu"), torch.float32, "")


def make_data(n_instances=10):
    generator = torch.Generator().manual_seed(0)
    return Batch(x=3 * torch.randn(n_instances, 1, 12, generator=generator) + 2)


def make_network(name="inception"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NETWORKS.get(name)(1, 2, **SMALL[name])


def settle(network, data):
    for _ in settling(network, data, FLOAT32, torch.Generator().manual_seed(0)):
        pass


def test_settled_statistics_are_those_of_the_whole_part():
    network, data = make_network(), make_data()
    norm = network.blocks[0].modules_in_line[0].norm
    inputs = []
    norm.register_forward_hook(lambda module, args, output: inputs.append(args[0]))

    settle(network, data)

    (x,) = inputs
    assert torch.allclose(norm.running_mean, x.mean((0, 2)), atol=1e-5)
    assert torch.allclose(norm.running_var, x.var((0, 2)), rtol=1e-4)


def test_a_short_last_batch_counts_by_its_instances(monkeypatch):
    network, data = make_network(), make_data()
    norm = network.blocks[0].modules_in_line[0].norm
    settle(network, data)
    expected = norm.running_mean.clone()

    monkeypatch.setattr(batches, "VALUES_AT_ONCE", 4 * 12)  # 10 instances as 4, 4 and 2
    settle(network, data)

    assert torch.allclose(norm.running_mean, expected, atol=1e-5)


def test_weights_and_momentum_stay_as_they_are():
    network = make_network()
    before = {key: value.clone() for key, value in network.named_parameters()}

    settle(network, make_data())

    assert all(torch.equal(value, before[key]) for key, value in network.named_parameters())
    assert network.blocks[0].modules_in_line[0].norm.momentum == 0.01


def test_settling_twice_changes_nothing_more():
    network, data = make_network(), make_data()
    settle(network, data)
    before = {key: value.clone() for key, value in network.named_buffers()}

    settle(network, data)

    for key, value in network.named_buffers():
        assert torch.allclose(value, before[key], atol=1e-5), key


def test_a_network_without_statistics_is_left_alone():
    settle(make_network("tcn"), make_data())


@pytest.mark.parametrize("depth", [1, 3])
def test_no_gradient_is_kept(depth):
    network = Inception(1, 2, depth=depth, n_filters=2)

    settle(network, make_data())

    assert all(parameter.grad is None for parameter in network.parameters())

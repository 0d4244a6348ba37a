import pytest
import torch
from toy import SMALL, make_config, make_toy_dataset

from tsconv.classifier import fit_members, prepare
from tsconv.layers.masking import time_mask, zero_padding
from tsconv.networks import NETWORKS
from tsconv.networks.inception import Inception
from tsconv.training import statistics
from tsconv.training.batches import Batch
from tsconv.training.losses import summing_loss
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


def settle(network, data, batch_size=64):
    generator = torch.Generator().manual_seed(0)
    for _ in settling(network, data, FLOAT32, generator, batch_size=batch_size):
        pass


def settled_norm(network):
    return network.blocks[0].modules_in_line[0].norm


def test_settled_statistics_are_those_of_the_whole_part():
    network, data = make_network(), make_data()
    norm = network.blocks[0].modules_in_line[0].norm
    inputs = []
    norm.register_forward_hook(lambda module, args, output: inputs.append(args[0]))

    settle(network, data)

    (x,) = inputs
    assert torch.allclose(norm.running_mean, x.mean((0, 2)), atol=1e-5)
    assert torch.allclose(norm.running_var, x.var((0, 2)), rtol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 4])  # 10 instances as 4, 4 and 2
@pytest.mark.parametrize("lengths", [None, [12, 3, 12, 7, 12, 12, 5, 12, 12, 9]])
def test_means_and_variances_are_of_all_points_however_they_fall_into_batches(
    monkeypatch, batch_size, lengths
):
    network, data = make_network(), make_data()
    levels = 10 * torch.arange(10.0)[:, None, None]  # most of the variance lies between series
    lengths = None if lengths is None else torch.tensor(lengths)
    data = Batch(x=zero_padding(data.x + levels, time_mask(lengths, 12)), lengths=lengths)
    norm = settled_norm(network)
    settle(network, data)
    mean, var = norm.running_mean.clone(), norm.running_var.clone()

    monkeypatch.setattr(statistics, "POINTS_AT_ONCE", 1)
    settle(network, data, batch_size)

    assert torch.allclose(norm.running_mean, mean, rtol=1e-4)
    assert torch.allclose(norm.running_var, var, rtol=0.1)  # a batch has few: unbiased or not


def test_batches_are_no_smaller_than_those_of_training(monkeypatch):
    network, sizes = make_network(), []
    network.register_forward_hook(lambda module, args, output: sizes.append(len(args[0])))
    monkeypatch.setattr(statistics, "POINTS_AT_ONCE", 2 * 12)

    settle(network, make_data(), batch_size=5)
    settle(network, make_data(), batch_size=1)

    assert sizes == [5, 5, 2, 2, 2, 2, 2]


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


@pytest.mark.parametrize("select", ["valid_loss", "last"])
def test_the_validation_loss_is_that_of_the_network_that_is_saved(select):
    config = make_config(
        "inception",
        valid_fraction=0.3,
        training__epochs=4,
        training__batch_size=5,
        training__select=select,
        training__settle_statistics=True,
    )
    preparation = prepare(make_toy_dataset(unequal=True), config)

    (member,) = fit_members(preparation, [0])

    total = torch.zeros((), dtype=torch.float64)
    for _ in summing_loss(total, member.network, preparation.valid, preparation.arithmetic):
        pass
    told = {record.epoch: record.valid_loss for record in member.history}
    loss = total.item() / len(preparation.valid)
    assert told[member.selected.epoch] == pytest.approx(loss, rel=1e-6)
    assert len({*told.values()}) == 4

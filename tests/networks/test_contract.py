"""What every registered network promises; a new file is tested the moment it exists."""

import copy
import importlib
import inspect
import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from toy import SMALL, fit_toy, make_toy_dataset

from tsconv.layers.layout import fused_layers
from tsconv.networks import NETWORKS

each_network = pytest.mark.parametrize("name", NETWORKS.names())


def make_network(name, n_channels=2, n_classes=3, seed=0):
    """A small network, with normalisation that has seen data; dropout off, so that runs compare."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = NETWORKS.get(name)(n_channels, n_classes, **SMALL.get(name, {}))
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        with torch.no_grad():
            network(3 * torch.randn(4, n_channels, 9) + 1)
    return network.eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def statistics(network):
    return {key: value.clone() for key, value in network.named_buffers()}


@each_network
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("n_timepoints", [1, 2, 17])
def test_a_network_gives_one_finite_logit_per_class(name, n_timepoints, n_channels, n_classes):
    network = make_network(name, n_channels, n_classes)

    logits = network(random(4, n_channels, n_timepoints))

    assert logits.shape == (4, n_classes)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


@each_network
@pytest.mark.parametrize("junk", [0.0, 1e6, float("nan"), float("inf")])
@pytest.mark.parametrize("padding", [1, 8, 100])
def test_logits_of_a_padded_series_are_those_of_the_series_alone(name, padding, junk):
    network = make_network(name)
    series = [random(2, length, seed=length) for length in (1, 2, 5, 13, 30)]
    lengths = torch.tensor([each.shape[1] for each in series])
    padded = torch.stack(
        [F.pad(each, (0, 30 + padding - each.shape[1]), value=junk) for each in series]
    )

    logits = network(padded, lengths)

    alone = torch.cat([network(each[None]) for each in series])
    assert torch.allclose(logits, alone, atol=1e-5)


@each_network
@pytest.mark.parametrize("junk", [1e6, float("nan")])
def test_batch_statistics_ignore_padding_while_training(name, junk):
    short, long = make_network(name).train(), make_network(name).train()
    x, lengths = random(3, 2, 12), torch.tensor([12, 7, 1])
    x = torch.where((torch.arange(12) < lengths[:, None])[:, None], x, torch.tensor(junk))

    logits = short(x, lengths)
    padded_further = long(F.pad(x, (0, 25), value=junk), lengths)

    assert torch.allclose(logits, padded_further, atol=1e-5)
    expected = statistics(long)
    for key, value in statistics(short).items():
        assert torch.allclose(value, expected[key], atol=1e-6), key


@each_network
def test_whole_series_need_no_lengths(name):
    network, x = make_network(name), random(3, 2, 12)

    logits = network(x, torch.full((3,), 12))

    assert torch.allclose(logits, network(x), atol=1e-5)


@each_network
@pytest.mark.parametrize("lengths", [None, torch.tensor([1])])
def test_one_series_of_one_time_point_can_be_trained_on(name, lengths):
    network = make_network(name).train()

    logits = network(random(1, 2, 1), lengths)
    logits.sum().backward()

    assert torch.isfinite(logits).all()


@each_network
@pytest.mark.parametrize("lengths", [None, torch.tensor([20, 15, 9, 20, 3, 18])])
def test_the_gradient_reaches_every_parameter(name, lengths):
    network = make_network(name).train()

    loss = F.cross_entropy(network(random(6, 2, 20), lengths), torch.tensor([0, 1, 2, 0, 1, 2]))
    loss.backward()

    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


@each_network
@pytest.mark.parametrize("lengths", [None, torch.tensor([90, 41, 7, 90])])
def test_fused_layers_compute_what_pytorch_operators_do(name, lengths):
    network, x = NETWORKS.get(name)(2, 3).double().train(), random(4, 2, 90).double()
    backbone = [each for each_name, each in network.named_parameters() if "head" not in each_name]
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    answers = []
    for fused in (True, False):
        with fused_layers(fused):
            features = network.features(x, lengths)
        grads = torch.autograd.grad(features.square().mean(), backbone)
        answers.append((features, *grads))

    for fast, plain in zip(*answers, strict=True):
        assert torch.allclose(fast, plain, atol=1e-9 * plain.abs().max().item())


@each_network
def test_series_of_one_batch_never_mix_in_eval_mode(name):
    network, x = make_network(name), random(4, 2, 15)

    logits = network(x)
    x[1:] = random(3, 2, 15, seed=1)

    assert torch.allclose(network(x)[0], logits[0], atol=1e-5)


@each_network
def test_features_are_aligned_with_time_and_the_head_makes_logits_of_them(name):
    network, x, lengths = make_network(name), random(3, 2, 21), torch.tensor([21, 4, 10])

    features = network.features(x, lengths)

    assert features.ndim == 3
    assert (features.shape[0], features.shape[2]) == (3, 21)
    assert (features[1, :, 4:] == 0).all()
    assert torch.equal(network.head(features, lengths), network(x, lengths))


@each_network
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))],
    ids=["deepcopy", "pickle"],
)
def test_a_copy_of_a_trained_network_is_its_equal(name, copied):
    network, x = make_network(name), random(3, 2, 10)
    network(x).sum().backward()

    twin = copied(network)

    assert torch.equal(twin(x), network(x))


@each_network
def test_the_state_dict_is_the_whole_state(name):
    network, other, x = make_network(name), make_network(name, seed=1), random(3, 2, 10)

    other.load_state_dict(network.state_dict())

    assert torch.equal(other(x), network(x))


@each_network
def test_one_seed_makes_one_network_and_another_seed_another(name):
    x = random(2, 2, 10)

    logits = make_network(name, seed=0)(x)

    assert torch.equal(logits, make_network(name, seed=0)(x))
    assert not torch.equal(logits, make_network(name, seed=1)(x))


@each_network
def test_the_receptive_field_is_what_the_gradient_reaches(name):
    network = make_network(name, n_channels=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()  # no path cancels another, no unit is dead
    length = 2 * network.receptive_field + 1
    x = torch.ones(1, 1, length, requires_grad=True)

    with fused_layers(False):  # the frequency domain rounds, so that no gradient of it is zero
        network.features(x)[..., network.receptive_field].sum().backward()

    assert torch.count_nonzero(x.grad) == network.receptive_field


@each_network
def test_a_network_counts_its_parameters(name):
    network = make_network(name)

    assert network.n_parameters == sum(each.numel() for each in network.parameters())


@each_network
def test_a_network_is_registered_under_its_files_name_and_cites_its_paper(name):
    cls = NETWORKS.get(name)

    module = importlib.import_module(cls.__module__)

    address = cls.paper.split()[-1]
    assert Path(module.__file__).stem == name
    assert address.startswith("https://")
    assert address in module.__doc__


@each_network
def test_every_option_of_a_network_has_a_default_and_is_named(name):
    parameters = list(inspect.signature(NETWORKS.get(name)).parameters.values())

    assert [each.name for each in parameters[:2]] == ["n_channels", "n_classes"]
    for each in parameters[2:]:
        assert each.kind is inspect.Parameter.KEYWORD_ONLY
        assert each.default is not inspect.Parameter.empty


@each_network
def test_a_network_learns_the_toy_set(name):
    classifier = fit_toy(name, training__steps=120, training__lr=1e-2, training__warmup=0.1)
    unseen = make_toy_dataset(seed=1)

    y_pred = classifier.predict(unseen)

    assert (y_pred == unseen.labels).mean() >= 0.9

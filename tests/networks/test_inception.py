import math

import pytest
import torch
import torch.nn.functional as F

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.convolution import Convolution
from tsconv.networks.inception import Inception

TINY = {"depth": 4, "n_filters": 3, "kernel_sizes": (6, 3, 2), "bottleneck": 2}


def make_network(n_channels=1, n_classes=2, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Inception(n_channels, n_classes, **options).eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shake(network):
    """Give every parameter and statistic a value of its own, so that none can hide."""
    with torch.no_grad():
        for seed, tensor in enumerate([*network.parameters(), *network.buffers()]):
            tensor.add_(0.3 * random(*tensor.shape, seed=seed).abs())
    return network


@pytest.mark.parametrize(
    ("n_channels", "n_classes", "expected"),
    [(1, 2, 420_450), (1, 3, 420_579), (3, 2, 490_306), (6, 20, 493_204), (9, 25, 494_425)],
)
def test_parameters_are_as_many_as_the_authors_network_has(n_channels, n_classes, expected):
    assert make_network(n_channels, n_classes).n_parameters == expected


@pytest.mark.parametrize(("n_channels", "n_classes"), [(2, 2), (24, 7), (100, 11)])
def test_parameters_of_several_channels_follow_the_closed_form(n_channels, n_classes):
    network = make_network(n_channels, n_classes)

    assert network.n_parameters == 489_472 + 192 * n_channels + 129 * n_classes


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"depth": 3}, 163_168),
        ({"depth": 9}, 677_216),
        ({"n_filters": 16}, 200_880),
        ({"n_filters": 64}, 914_112),
        ({"kernel_sizes": (64, 32, 16)}, 636_576),
        ({"kernel_sizes": (8, 4, 2)}, 131_680),
    ],
    ids=str,
)
def test_parameters_of_the_papers_variants(options, body):
    n_features, n_classes = 4 * options.get("n_filters", 32), 2

    network = make_network(1, n_classes, **options)

    assert network.n_parameters == body + (n_features + 1) * n_classes


def test_there_are_as_many_running_statistics_as_in_the_authors_network():
    assert sum(buffer.numel() for buffer in make_network().buffers()) == 2_048


def test_the_receptive_field_of_the_papers_network():
    assert make_network().receptive_field == 1 + 6 * 39


def test_every_convolution_and_the_head_start_glorot_uniform_within_their_bounds():
    network = make_network(3, 4)

    weights = [m.weight.detach() for m in network.modules() if isinstance(m, Convolution)]

    for weight in [*weights, network.head.linear.weight.detach()[:, :, None]]:
        out_channels, in_channels, kernel_size = weight.shape
        bound = math.sqrt(6 / (kernel_size * (in_channels + out_channels)))
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.9 * bound
        if weight.numel() > 2000:
            assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert (network.head.linear.bias == 0).all()


def test_no_convolution_has_a_bias_and_norms_are_those_of_keras():
    network = make_network(3, 4)

    biases = [m.bias for m in network.modules() if isinstance(m, Convolution)]
    constants = {(m.eps, m.momentum) for m in network.modules() if isinstance(m, BatchNorm)}

    assert biases == [None] * len(biases)
    assert constants == {(1e-3, 0.01)}


@pytest.mark.parametrize(
    "switch",
    [
        {"residual": False},
        {"bottleneck": 0},
        {"pooling": "max"},
        {"pooling": "last"},
        {"depth": 3},
        {"kernel_sizes": (6, 3)},
        {"n_filters": 2},
    ],
    ids=str,
)
def test_each_switch_changes_the_output(switch):
    x = random(2, 2, 30)

    logits = make_network(2, **TINY)(x)

    assert not torch.allclose(make_network(2, **{**TINY, **switch})(x), logits, atol=1e-4)


def test_the_shortcut_around_each_third_module_is_wired():
    network, x = make_network(2, **{**TINY, "depth": 6}), random(2, 2, 30)
    logits = network(x)

    for block in network.blocks:
        with torch.no_grad():
            block.shortcut.weight.mul_(-1)
        changed, logits = logits, network(x)
        assert not torch.allclose(changed, logits, atol=1e-4)


def test_a_series_of_one_channel_meets_no_bottleneck_first():
    first, second = make_network(1).blocks[0].modules_in_line[:2]

    assert first.bottleneck is None
    assert second.bottleneck is not None


def naive_convolution(x, weight):
    """TensorFlow's 'same': of an odd number of zeros the last one is on the right."""
    reach = weight.shape[2] - 1
    return F.conv1d(F.pad(x, (reach // 2, reach - reach // 2)), weight)


def naive_norm(series, norm, training):
    """Of a list of series (1, C, length); statistics over all of their time points together."""
    joined = torch.cat(series, dim=2)
    mean, var = norm.running_mean, norm.running_var
    if training:
        mean, var = joined.mean((0, 2)), joined.var((0, 2), correction=0)
    scale = norm.weight / torch.sqrt(var + 1e-3)
    return [(x - mean[:, None]) * scale[:, None] + norm.bias[:, None] for x in series]


def naive_module(series, module, training):
    parts = []
    for x in series:
        narrow = x if module.bottleneck is None else F.conv1d(x, module.bottleneck.weight)
        kernels = [naive_convolution(narrow, branch.weight) for branch in module.branches]
        pooled = F.max_pool1d(x, 3, stride=1, padding=1)
        parts.append(torch.cat([*kernels, F.conv1d(pooled, module.pool_branch.weight)], dim=1))
    return [torch.relu(x) for x in naive_norm(parts, module.norm, training)]


def naive_logits(network, series, training):
    """The authors' graph over each series by itself, in plain operations."""
    x = residual = series
    depth = 0
    for block in network.blocks:
        for module in block.modules_in_line:
            x = naive_module(x, module, training)
            depth += 1
            if depth % 3 == 0:
                shortcut = [F.conv1d(each, block.shortcut.weight) for each in residual]
                shortcut = naive_norm(shortcut, block.shortcut_norm, training)
                x = [torch.relu(a + b) for a, b in zip(shortcut, x, strict=True)]
                residual = x
    pooled = torch.cat([each.mean(dim=2) for each in x])
    return pooled @ network.head.linear.weight.t() + network.head.linear.bias


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("n_channels", "options"), [(1, {}), (3, {}), (3, TINY)], ids=str)
def test_logits_are_those_of_a_naive_forward_pass_over_each_series(n_channels, options, training):
    network = shake(make_network(n_channels, 3, **options)).train(training)
    lengths = torch.tensor([50, 50, 37, 8])
    x = random(4, n_channels, 50)

    with torch.no_grad():
        expected = naive_logits(
            network, [row[None, :, :n] for row, n in zip(x, lengths, strict=True)], training
        )
        logits = network(x, lengths)

    assert torch.allclose(logits, expected, rtol=1e-4, atol=1e-4)

import pytest
import torch

from tsconv.layers.weight_norm import WeightNormConvolution
from tsconv.networks.tcn import TCN


def make_network(n_channels=1, n_classes=2, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TCN(n_channels, n_classes, **options).eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def normed_convolutions(network):
    return [each for each in network.modules() if isinstance(each, WeightNormConvolution)]


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6, 9])
def test_parameters_are_as_many_as_the_authors_network_has(n_channels):
    network = make_network(n_channels, 10)

    assert network.n_parameters == 66_450 + 200 * n_channels + 26 * 10


@pytest.mark.parametrize(
    ("n_channels", "options", "body"),
    [(1, {"width": 10, "kernel_size": 8}, 12_420), (2, {"width": 30, "kernel_size": 7}, 95_970)],
    ids=["copy memory", "adding problem"],
)
def test_parameters_of_the_authors_other_networks(n_channels, options, body):
    network = make_network(n_channels, 1, **options)

    assert network.n_parameters == body + options["width"] + 1


@pytest.mark.parametrize("kernel_size", [1, 2, 5])
def test_the_output_never_depends_on_the_future(kernel_size):
    network = make_network(2, levels=3, width=4, kernel_size=kernel_size)
    x = random(1, 2, 40)
    before = network.features(x)

    for time in (1, 17, 39):
        changed = x.clone()
        changed[..., time:] = random(1, 2, 40 - time, seed=time)
        assert torch.equal(network.features(changed)[..., :time], before[..., :time])


@pytest.mark.parametrize(
    ("kernel_size", "levels", "expected"),
    [(1, 4, 1), (2, 3, 15), (3, 4, 61), (7, 1, 13), (7, 2, 37), (7, 3, 85), (7, 4, 181)],
)
def test_the_receptive_field_is_the_formulas_and_the_gradients(kernel_size, levels, expected):
    network = make_network(levels=levels, width=2, kernel_size=kernel_size)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    x = torch.ones(1, 1, expected + 20, requires_grad=True)

    network.features(x)[..., -1].sum().backward()

    assert network.receptive_field == expected
    assert torch.count_nonzero(x.grad) == expected
    assert (x.grad[..., :20] == 0).all()


def test_kernel_size_one_works():
    network = make_network(2, 3, kernel_size=1, levels=2, width=4)

    assert network(random(2, 2, 9)).shape == (2, 3)


def test_a_normal_start_is_what_was_asked_for_and_stays_so_after_a_forward_pass():
    network = make_network(3, initial="normal")

    network(random(2, 3, 30))

    for convolution in normed_convolutions(network)[1:]:
        weight = convolution.normed_weight().detach()
        assert weight.std() == pytest.approx(0.01, rel=0.1)
        assert weight.mean() == pytest.approx(0, abs=0.001)


def test_the_default_start_is_uniform_within_one_over_the_root_of_the_fan_in():
    network = make_network(3)

    for convolution in normed_convolutions(network)[1:]:
        weight, bound = convolution.normed_weight().detach(), (25 * 7) ** -0.5
        assert weight.abs().max() == pytest.approx(bound, rel=0.02)
        assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_a_start_by_he_keeps_the_size_of_values_from_block_to_block():
    network, x = make_network(1, initial="he"), random(4, 1, 300)

    for convolution in normed_convolutions(network)[1:]:
        weight = convolution.normed_weight().detach()
        assert weight.std() == pytest.approx((2 / (25 * 7)) ** 0.5, rel=0.05)
    with torch.no_grad():
        size = network.features(x).std()
    assert 1 < size < 10
    assert make_network(1).features(x).std() < 0.5


def test_an_unknown_start_says_which_there_are():
    with pytest.raises(ValueError, match="expected initial one of uniform, normal, he, found 'xa'"):
        make_network(initial="xa")


@pytest.mark.parametrize(
    ("n_timepoints", "given", "levels"),
    [
        (1, {}, 1),
        (13, {}, 1),
        (14, {}, 2),
        (85, {}, 3),
        (86, {}, 4),
        (1_000_000, {}, 10),
        (500, {"levels": 3}, 3),
        (61, {"kernel_size": 3}, 4),
        (100, {"kernel_size": 1}, 10),
    ],
)
def test_levels_are_the_fewest_that_see_the_longest_series_unless_given(
    n_timepoints, given, levels
):
    options = TCN.options_for(n_timepoints, given)

    assert options == {**given, "levels": levels}


def test_the_mean_head_averages_the_features_of_each_series():
    network, x = make_network(2, levels=2, width=4, pooling="mean"), random(2, 2, 9)
    features = network.features(x, torch.tensor([9, 5]))

    logits = network(x, torch.tensor([9, 5]))

    pooled = torch.stack([features[0].mean(1), features[1, :, :5].mean(1)])
    assert torch.allclose(logits, network.head.linear(pooled), atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_max_head_takes_the_largest_feature_of_each_series(sign):
    head = make_network(2, levels=2, width=4, pooling="max").head
    features = sign * random(2, 4, 9).abs()
    features[1, :, 5:] = 0

    logits = head(features, torch.tensor([9, 5]))

    pooled = torch.stack([features[0].amax(1), features[1, :, :5].amax(1)])
    assert torch.allclose(logits, head.linear(pooled), atol=1e-6)


def test_the_last_head_takes_the_last_time_point_of_each_series():
    network, x = make_network(2, levels=2, width=4, pooling="last"), random(2, 2, 9)
    features = network.features(x)

    logits = network(x, torch.tensor([9, 5]))

    pooled = torch.stack([features[0, :, 8], features[1, :, 4]])
    assert torch.allclose(logits, network.head.linear(pooled), atol=1e-6)
    assert torch.equal(network(x)[0], logits[0])


def test_dropout_acts_while_training_alone():
    network, x = make_network(1, dropout=0.5, levels=2, width=8), random(2, 1, 20)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = network.train()(x), network(x)
    after = network.eval()(x)

    assert not torch.equal(first, second)
    assert torch.equal(after, network(x))


def test_the_match_convolution_is_there_only_where_channels_change():
    network = make_network(4, width=4, levels=2)

    assert [block.match for block in network.blocks] == [None, None]
    assert make_network(3, width=4, levels=2).blocks[0].match is not None

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from tsconv.layers.weight_norm import WeightNormConvolution


def make_convolution():
    torch.manual_seed(0)
    return WeightNormConvolution(3, 5, 4, padding="causal")


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _global_random_state_is_put_back():
    with torch.random.fork_rng():
        yield


def test_weight_norm_is_that_of_pytorch():
    convolution = make_convolution()
    with torch.no_grad():
        convolution.length.mul_(1.7)

    weight = convolution.normed_weight()

    expected = torch._weight_norm(convolution.direction, convolution.length[:, None, None], 0)
    assert torch.allclose(weight, expected, atol=1e-6)


def test_the_weight_in_use_is_what_was_drawn_also_after_a_forward_pass():
    convolution = make_convolution()
    drawn = 0.01 * random(5, 3, 4)

    convolution.start_from(drawn)
    y = convolution(random(2, 3, 9))

    assert torch.allclose(convolution.normed_weight(), drawn, atol=1e-7)
    expected = F.conv1d(F.pad(random(2, 3, 9), (3, 0)), drawn, convolution.bias)
    assert torch.allclose(y, expected, atol=1e-6)


def test_the_scale_of_the_direction_does_not_matter():
    convolution, x = make_convolution(), random(2, 3, 9)
    before = convolution(x)

    with torch.no_grad():
        convolution.direction.mul_(3)

    assert torch.allclose(convolution(x), before, atol=1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_trained_convolution_survives_deepcopy_and_pickle(copied):
    convolution, x = make_convolution(), random(2, 3, 9)
    convolution(x).sum().backward()

    twin = copied(convolution)

    assert torch.equal(twin(x), convolution(x))

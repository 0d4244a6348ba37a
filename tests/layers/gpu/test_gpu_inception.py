import pytest
import torch
from torch.testing import assert_close

from tsconv.layers.gpu import choice
from tsconv.layers.layout import fused_layers
from tsconv.networks.inception import InceptionModule


def draw(*shape, device):
    """Numbers whose products are exact, so that the order of sums does not matter."""
    return torch.randint(-3, 4, shape, device=device).float()


def make_module(in_channels, bottleneck, device):
    module = InceptionModule(in_channels, 8, (9, 5, 1), bottleneck, rectified=False)
    for each in module.parameters():
        each.data = draw(*each.shape, device=device)
    return module.to(device)


@pytest.fixture
def taken(monkeypatch):
    monkeypatch.setattr(choice, "takes", lambda x, **_: True)


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("length", [1, 2, 37])
@pytest.mark.parametrize(("in_channels", "bottleneck"), [(1, 8), (3, 0), (24, 8), (32, 16)])
def test_branches_and_their_gradients_are_the_references_for_equal_values_too(
    in_channels, bottleneck, length, padded, device, taken
):
    module = make_module(in_channels, bottleneck, device)
    x, mask = draw(4, in_channels, length, device=device), None
    if padded:
        lengths = torch.randint(1, length + 1, (4, 1), device=device)
        mask = (torch.arange(length, device=device) < lengths).unsqueeze(1)
        x = x * mask
    x.requires_grad_()
    weights = [each for name, each in module.named_parameters() if "norm" not in name]
    with fused_layers(False):
        expected = module._by_layers(x, mask)
    grad = draw(*expected.shape, device=device)
    theirs = torch.autograd.grad(expected, [x, *weights], grad)

    y = module._own_branches(x)(x, mask)

    assert_close(y, expected)
    assert_close(torch.autograd.grad(y, [x, *weights], grad), theirs)


def test_a_first_module_needs_no_gradient_of_the_series(device, taken):
    module = make_module(1, 8, device)
    x = draw(2, 1, 20, device=device)
    with fused_layers(False):
        expected = module._by_layers(x, None)
    expected.square().sum().backward()
    theirs = {name: each.grad for name, each in module.named_parameters()}
    module.zero_grad()

    module._own_branches(x)(x, None).square().sum().backward()

    for name, each in module.named_parameters():
        assert each.grad is None if theirs[name] is None else torch.equal(each.grad, theirs[name])


def test_a_module_takes_these_kernels_where_layers_have_kernels(device, taken, monkeypatch):
    from tsconv.layers.gpu import inception

    asked = []
    branches = inception.branches
    monkeypatch.setattr(
        inception, "branches", lambda *x, **given: asked.append(given) or branches(*x, **given)
    )

    make_module(24, 8, device)(draw(2, 24, 9, device=device))

    assert len(asked) == 1

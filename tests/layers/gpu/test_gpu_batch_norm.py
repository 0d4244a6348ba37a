import copy

import pytest
import torch
from torch.testing import assert_close

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.layout import fused_layers
from tsconv.layers.running import Running

SHAPES = [(3, 6, 50), (1, 3, 1), (7, 20, 30)]


def make_norm(channels, device):
    norm = BatchNorm(channels).train()
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm.to(device)


@pytest.mark.parametrize("rectify", [False, True], ids=["bare", "with ReLU"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("shape", SHAPES)
def test_normalised_values_statistics_and_gradients_are_the_references(
    device, shape, padded, rectify, monkeypatch
):
    from tsconv.layers.gpu import batch_norm as kernels

    monkeypatch.setattr(kernels, "MOST_BLOCKS", 4)  # a block takes several tiles of rows
    n, channels, length = shape
    x, mask = 2 * torch.randn(shape, device=device) + 3, None
    if padded:
        lengths = torch.randint(1, length + 1, (n, 1), device=device)
        mask = (torch.arange(length, device=device) < lengths).unsqueeze(1)
        x = x * mask
    x.requires_grad_()
    norm = make_norm(channels, device)
    other = copy.deepcopy(norm)
    with fused_layers(False):
        expected = norm(x, mask, rectify=rectify)
    grad = torch.randn_like(expected)

    running = Running(other.running_mean, other.running_var, other.momentum, other.eps)
    y = kernels.batch_norm(x, other.weight, other.bias, running, mask, rectify=rectify)

    assert_close(y, expected, rtol=1e-4, atol=1e-5)
    ours = torch.autograd.grad(y, [x, other.weight, other.bias], grad)
    theirs = torch.autograd.grad(expected, [x, norm.weight, norm.bias], grad)
    assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert_close(other.running_mean, norm.running_mean)
    assert_close(other.running_var, norm.running_var, rtol=1e-4, atol=1e-5)

import copy

import pytest
import torch
from torch.testing import assert_close

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.layout import fused_layers
from tsconv.layers.running import Running

SHAPES = [(3, 6, 50), (1, 3, 1), (7, 20, 30)]
TOLERANCES = {torch.float32: (1e-4, 1e-5), torch.bfloat16: (3e-2, 3e-2)}


def make_norm(channels):
    norm = BatchNorm(channels).train()
    torch.nn.init.uniform_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm


def make_mask(n, length):
    return (torch.arange(length) < torch.randint(1, length + 1, (n, 1))).unsqueeze(1)


@pytest.mark.parametrize("kind", TOLERANCES)
@pytest.mark.parametrize("adds", [False, True], ids=["alone", "plus"])
@pytest.mark.parametrize("rectify", [False, True], ids=["bare", "with ReLU"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("shape", SHAPES)
def test_normalised_values_statistics_and_gradients_are_the_references(
    shape, padded, rectify, adds, kind
):
    from tsconv.layers.cpu.batch_norm import batch_norm

    n, channels, length = shape
    mask = make_mask(n, length) if padded else None
    inside = 1 if mask is None else mask
    x = ((2 * torch.randn(shape) + 3) * inside).to(kind).requires_grad_()
    plus = (torch.randn(shape) * inside).to(kind).requires_grad_() if adds else None
    norm = make_norm(channels)
    other = copy.deepcopy(norm)
    with fused_layers(False):
        added = None if plus is None else plus.float()
        expected = norm(x.float(), mask, plus=added, rectify=rectify)

    running = Running(other.running_mean, other.running_var, other.momentum, other.eps)
    y = batch_norm(x, other.weight, other.bias, running, mask, plus=plus, rectify=rectify)

    rtol, atol = TOLERANCES[kind]
    assert y.dtype == kind
    assert_close(y.float(), expected, rtol=rtol, atol=atol)
    grad = torch.randn(shape).to(kind)
    of = [x] if plus is None else [x, plus]
    ours = torch.autograd.grad(y, [*of, other.weight, other.bias], grad)
    theirs = torch.autograd.grad(expected, [*of, norm.weight, norm.bias], grad.float())
    for mine, theirs_too in zip(ours, theirs, strict=True):
        scale = max(1.0, float(theirs_too.abs().max()))
        assert_close(mine, theirs_too, rtol=rtol, atol=atol * scale)
    assert_close(other.running_mean, norm.running_mean, rtol=1e-5, atol=1e-6)
    assert_close(other.running_var, norm.running_var, rtol=1e-4, atol=1e-5)


def test_values_far_from_zero_keep_their_variance():
    norm = BatchNorm(2, momentum=1.0).train()
    x = torch.randn(4, 2, 1000) + 1e4

    norm(x)

    assert_close(norm.running_var, x.double().var((0, 2)).float(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("kind", TOLERANCES)
def test_any_number_of_threads_gives_the_same_bits(kind, threads):
    norm, x = BatchNorm(5).train(), torch.randn(9, 5, 70).to(kind).requires_grad_()

    y = norm(x, rectify=True)
    (grad,) = torch.autograd.grad(y, x, y.detach())

    torch.set_num_threads(2)
    other = BatchNorm(5).train()
    expected = other(x, rectify=True)
    assert torch.equal(y, expected)
    assert torch.equal(grad, torch.autograd.grad(expected, x, y.detach())[0])
    assert torch.equal(norm.running_var, other.running_var)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_a_norm_of_another_type_is_left_to_the_operators(kind):
    norm, x = BatchNorm(4).train().to(kind), torch.randn(3, 4, 9).to(kind)
    expected = (x - x.mean((0, 2), keepdim=True)) / x.std((0, 2), keepdim=True, unbiased=False)

    assert_close(norm(x), expected, rtol=0.05, atol=0.05)
    assert norm.running_var.dtype == kind


def test_what_is_added_may_be_of_another_type():
    x, plus = torch.randn(3, 4, 9).bfloat16(), torch.randn(3, 4, 9)
    norm = BatchNorm(4).train()

    assert_close(norm(x, plus=plus), norm(x) + plus)


def test_constants_do_not_follow_the_default_type():
    from tsconv.layers.cpu import batch_norm

    batch_norm._constants.cache_clear()
    norm, x = BatchNorm(2, momentum=0.5).train(), torch.randn(4, 2, 50) * 3
    torch.set_default_dtype(torch.float64)
    try:
        norm(x)
    finally:
        torch.set_default_dtype(torch.float32)
        batch_norm._constants.cache_clear()

    assert_close(norm.running_var, 0.5 + 0.5 * x.var((0, 2)), rtol=1e-4, atol=0)


def test_a_value_that_is_no_number_is_not_hidden_by_the_relu():
    x = torch.randn(2, 3, 8)
    x[0, 1, 4] = torch.nan

    y = BatchNorm(3).train()(x, rectify=True)

    assert y[:, 1].isnan().all()
    assert not y[:, 0].isnan().any()

import pytest
import torch
from torch import nn

from tsconv.layers.batch_norm import BatchNorm


def make_pair(channels, **constants):
    """Ours and PyTorch's, with the same weights."""
    ours, theirs = BatchNorm(channels, **constants), nn.BatchNorm1d(channels, **constants)
    with torch.no_grad():
        for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.copy_(torch.rand_like(parameter) + 0.5)
            other.copy_(parameter)
    return ours, theirs


def random(*shape, seed=0):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 1


def assert_same_statistics(ours, theirs):
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 3, 7), (1, 3, 7), (4, 3, 1)])
def test_batch_norm_is_that_of_pytorch_in_training_and_after(shape):
    ours, theirs = make_pair(3, eps=1e-3, momentum=0.01)
    x = random(*shape)

    trained, expected = ours(x), theirs(x)
    after, expected_after = ours.eval()(x), theirs.eval()(x)

    assert torch.allclose(trained, expected, atol=1e-5)
    assert torch.allclose(after, expected_after, atol=1e-5)
    assert_same_statistics(ours, theirs)


def test_batch_norm_constants_are_those_of_keras():
    norm = BatchNorm(2)

    assert (norm.eps, norm.momentum) == (1e-3, 0.01)


def test_masked_batch_norm_is_plain_batch_norm_of_the_series_end_to_end():
    ours, theirs = make_pair(3, eps=1e-3, momentum=0.1)
    x, lengths = random(3, 3, 9), torch.tensor([9, 4, 1])
    mask = (torch.arange(9) < lengths[:, None])[:, None]
    padded = torch.where(mask, x, torch.tensor(1e3))
    joined = torch.cat([row[:, :n] for row, n in zip(x, lengths, strict=True)], dim=1)[None]

    y = ours(padded, mask)
    expected = theirs(joined)

    inside = torch.cat([row[:, :n] for row, n in zip(y, lengths, strict=True)], dim=1)
    assert torch.allclose(inside, expected[0], atol=1e-5)
    assert (y.masked_select(~mask) == 0).all()
    assert_same_statistics(ours, theirs)


def test_masked_batch_norm_has_the_gradient_of_the_series_end_to_end():
    norm, lengths = BatchNorm(2), torch.tensor([5, 3])
    mask = (torch.arange(5) < lengths[:, None])[:, None]
    x = random(2, 2, 5).requires_grad_()
    joined = torch.cat([x[0], x[1, :, :3]], dim=1)[None]

    (grad,) = torch.autograd.grad(norm(x, mask).square().square().sum(), x)
    (expected,) = torch.autograd.grad(norm(joined).square().square().sum(), x)

    assert torch.allclose(grad, expected, atol=1e-4)


def test_an_all_true_mask_changes_nothing():
    norm, x = BatchNorm(2).eval(), random(3, 2, 5)

    y = norm(x, torch.ones(3, 1, 5, dtype=torch.bool))

    assert torch.allclose(y, norm(x), atol=1e-6)


def test_one_single_value_is_normalised_by_the_running_statistics():
    norm = BatchNorm(2)

    y = norm(torch.ones(1, 2, 1))

    assert torch.isfinite(y).all()
    assert torch.equal(norm.running_var, torch.ones(2))


def test_masked_half_precision_stays_half_precision_with_statistics_in_full():
    norm, mask = BatchNorm(2), torch.tensor([[[True, True, False]]])

    y = norm(random(1, 2, 3).bfloat16(), mask)

    assert y.dtype == torch.bfloat16
    assert norm.running_mean.dtype == torch.float32

import copy

import pytest
import torch
from threads import share_out

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.dropout import Dropout
from tsconv.layers.layout import fused_layers
from tsconv.layers.sharing import Share, sharing

each_way = pytest.mark.parametrize("fused", [True, False])


def random(*shape, seed=0):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double() + 1


def make_norm(channels=3):
    norm = BatchNorm(channels, momentum=0.1).double()
    with torch.no_grad():
        norm.weight.copy_(random(channels, seed=1))
        norm.bias.copy_(random(channels, seed=2))
    return norm


def backward(norm, x, mask, copies=1):
    """Output, the gradient of the input, and those of weight and bias, of some function."""
    x = x.clone().requires_grad_()
    y = norm(x, mask)
    (y.pow(3).sum() / copies).backward()
    return y.detach(), x.grad, norm.weight.grad, norm.bias.grad


@each_way
@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("lengths", [None, (7, 7, 2, 1, 5)])
def test_shares_of_a_batch_are_normalised_as_the_whole(lengths, n_threads, fused):
    x, whole = random(5, 3, 7), make_norm()
    norms = [copy.deepcopy(whole) for _ in range(n_threads)]
    mask = None if lengths is None else (torch.arange(7) < torch.tensor(lengths)[:, None])[:, None]

    def compute(rows):
        norm = norms.pop()
        with fused_layers(fused):
            part = None if mask is None else mask[rows]
            return *backward(norm, x[rows], part), norm

    with fused_layers(fused):
        expected = backward(whole, x, mask)
    parts = share_out(compute, 5, n_threads)

    y, to_x, to_weight, to_bias, after = zip(*parts, strict=True)
    assert torch.allclose(torch.cat(y), expected[0], atol=1e-10)
    assert torch.allclose(torch.cat(to_x), expected[1], atol=1e-10)
    assert torch.allclose(sum(to_weight), expected[2], atol=1e-10)
    assert torch.allclose(sum(to_bias), expected[3], atol=1e-10)
    for norm in after:
        assert torch.allclose(norm.running_mean, whole.running_mean, atol=1e-12)
        assert torch.allclose(norm.running_var, whole.running_var, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("n_timepoints", [1, 7])
def test_a_series_that_all_compute_is_normalised_as_by_one(n_timepoints, masked):
    x, whole = random(1, 3, n_timepoints), make_norm()
    norms = [copy.deepcopy(whole) for _ in range(2)]
    mask = torch.ones(1, 1, n_timepoints, dtype=torch.bool) if masked else None

    def compute(rows):
        norm = norms.pop()
        return *backward(norm, x[rows], mask, copies=2), norm

    expected = backward(whole, x, mask)
    parts = share_out(compute, 1, 2)

    y, *gradients, after = zip(*parts, strict=True)
    assert all(torch.allclose(each, expected[0], atol=1e-10) for each in y)
    for each, one in zip(gradients, expected[1:], strict=True):
        assert torch.allclose(sum(each), one, atol=1e-10)
    assert torch.allclose(after[0].running_var, whole.running_var, atol=1e-12)


def test_large_values_near_each_other_keep_their_variance():
    x, whole = 1e6 + random(4, 3, 9), make_norm()
    norms = [copy.deepcopy(whole) for _ in range(2)]

    def compute(rows):
        return norms.pop()(x[rows])

    y = torch.cat(share_out(compute, 4, 2))

    assert torch.allclose(y, whole(x), atol=1e-6)


@each_way
def test_shares_of_a_batch_drop_what_the_whole_would(fused):
    dropout, x = Dropout(0.4), torch.ones(5, 6, 8)
    with fused_layers(fused):
        ready = torch.ones(8, 5, 6).permute(1, 2, 0) if fused else x
        torch.manual_seed(3)
        expected = dropout(ready)

    for rows in (slice(0, 2), slice(2, 5)):
        torch.manual_seed(3)
        with fused_layers(fused), sharing(Share(5, rows.start, copies=1, gather=torch.stack)):
            assert torch.equal(dropout(ready[rows]), expected[rows])

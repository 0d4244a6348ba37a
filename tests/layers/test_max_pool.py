import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tsconv.layers.max_pool import max_of_three, max_pool

SHAPES = array_shapes(min_dims=3, max_dims=3, max_side=9)
SMALL_WHOLE_NUMBERS = st.integers(-3, 3)  # few values, so that many windows hold equal ones


def pooled_with_gradient(pool, x, weights):
    x = x.clone().requires_grad_()
    y = pool(x)
    (y * weights).sum().backward()
    return y.detach(), x.grad


@given(arrays("int64", SHAPES, elements=SMALL_WHOLE_NUMBERS), st.integers(0, 9))
def test_max_pool_and_its_gradient_are_those_of_pytorch_even_with_ties(values, seed):
    x = torch.from_numpy(values).double()
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()

    y, grad = pooled_with_gradient(max_pool, x, weights)

    expected = pooled_with_gradient(lambda x: F.max_pool1d(x, 3, 1, 1), x, weights)
    assert torch.equal(y, expected[0])
    assert torch.allclose(grad, expected[1], atol=1e-12)


def test_max_pool_gradient_agrees_with_finite_differences():
    x = torch.randn(2, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(max_pool, x.requires_grad_())


@given(length=st.integers(1, 8), padding=st.integers(1, 5), junk=st.sampled_from([0.0, 9.0, -9.0]))
def test_max_pool_of_a_padded_series_is_that_of_the_series_and_then_zero(length, padding, junk):
    x = torch.randn(1, 2, length, generator=torch.Generator().manual_seed(length)) - 3
    padded = F.pad(x, (0, padding), value=junk)
    mask = (torch.arange(length + padding) < length)[None, None]

    y = max_pool(padded, mask)

    assert torch.equal(y[..., :length], max_pool(x))
    assert (y[..., length:] == 0).all()


@given(arrays("int64", SHAPES, elements=st.integers(0, 3)), st.integers(0, 9))
def test_max_pool_of_rectified_bfloat16_and_its_gradient_are_those_of_pytorch(values, seed):
    x = torch.from_numpy(values).bfloat16()
    weights = torch.randint(-8, 8, x.shape, generator=torch.Generator().manual_seed(seed))
    weights = weights.bfloat16()  # whole numbers, whose sums are exact

    y, grad = pooled_with_gradient(lambda x: max_pool(x, rectified=True), x, weights)

    expected = pooled_with_gradient(lambda x: F.max_pool1d(x, 3, 1, 1), x, weights)
    assert torch.equal(y, expected[0])
    assert torch.equal(grad, expected[1])


def test_padding_is_less_than_every_rectified_value():
    x = torch.zeros(1, 1, 6, dtype=torch.bfloat16)
    x[..., :3] = 2.0
    mask = (torch.arange(6) < 4)[None, None]

    y = max_pool(x, mask, rectified=True)

    assert y.flatten().tolist() == [2, 2, 2, 2, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_the_largest_of_three_neighbours_is_that_of_max_pooling(dtype, length):
    x = torch.randn(length, 4, 5, generator=torch.Generator().manual_seed(0)).abs().to(dtype)

    y = max_of_three(x, rectified=True)

    expected = F.max_pool1d(x.permute(1, 2, 0).float(), 3, 1, 1).permute(2, 0, 1)
    assert torch.equal(y.float(), expected)

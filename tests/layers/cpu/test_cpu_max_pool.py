import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

KINDS = [torch.float32, torch.bfloat16]
VALUES = arrays(
    "int64", array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.integers(-3, 3)
)


def by_pytorch(x, lengths, grad):
    """Each series alone, (L, N, C) -> the same, zero after its end, and the gradient of x."""
    x = x.clone().requires_grad_()
    y = torch.zeros_like(x)
    for k, length in enumerate(lengths):
        y[:length, k] = F.max_pool1d(x[:length, k].t()[None], 3, 1, 1)[0].t()
    (result,) = torch.autograd.grad(y, x, grad)
    return y.detach(), result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@given(values=VALUES, seed=st.integers(0, 99))
def test_the_largest_and_its_gradient_are_pytorchs_for_equal_values_too(kind, padded, values, seed):
    from tsconv.layers.cpu import max_pool

    x = torch.from_numpy(values).float()  # time first
    length, n, _ = x.shape
    drawn = torch.Generator().manual_seed(seed)
    grad, plus = torch.randint(-9, 9, (2, *x.shape), generator=drawn).float()
    lengths, inside = torch.full((n,), length), None
    if padded:
        lengths = torch.randint(1, length + 1, (n,), generator=drawn)
        inside = torch.arange(length)[:, None] < lengths
        x = x * inside[..., None]
    expected = by_pytorch(x, lengths.tolist(), grad)

    y = max_pool.forward(x.to(kind), inside)
    result = max_pool.backward(grad.to(kind), x.to(kind), plus.to(kind), inside)

    assert torch.equal(y.float(), expected[0])
    assert torch.equal(result.float(), expected[1] + plus)


def test_what_is_no_number_is_kept():
    from tsconv.layers.cpu import max_pool

    x = torch.zeros(9, 1, 1)
    x[4] = torch.nan

    assert max_pool.forward(x).isnan().any()


def test_a_series_may_lie_in_any_order_in_memory():
    from tsconv.layers.cpu import max_pool

    x, grad, plus = torch.randn(3, 4, 5, 6).permute(0, 3, 1, 2)

    assert torch.equal(max_pool.forward(x), max_pool.forward(x.contiguous()))
    expected = max_pool.backward(grad.contiguous(), x.contiguous(), plus.contiguous())
    assert torch.equal(max_pool.backward(grad, x, plus), expected)

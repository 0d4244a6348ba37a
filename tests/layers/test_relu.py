import pytest
import torch

from tsconv.layers.layout import fused_layers
from tsconv.layers.relu import relu, relu_

SPECIAL = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, 1e-40, -1e-40])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_values_and_gradient_are_those_of_relu(dtype, fused):
    x = torch.cat([torch.randn(1000, generator=torch.Generator().manual_seed(0)), SPECIAL])
    x = x.to(dtype).requires_grad_()
    weights = torch.randn(len(x), generator=torch.Generator().manual_seed(1)).to(dtype)

    with fused_layers(fused):
        y = relu(x.clone())
    (grad,) = torch.autograd.grad(y, x, weights)

    expected = x.relu()
    assert torch.equal(y, expected)
    assert torch.equal(grad, torch.autograd.grad(expected, x, weights)[0])


def test_fused_it_takes_no_memory_of_its_own():
    x = torch.randn(5, requires_grad=True) + 0

    assert relu(x).data_ptr() == x.data_ptr()


def test_what_is_not_a_number_stays_so():
    """Else a training that has diverged would go unnoticed."""
    x = torch.tensor([torch.nan, -torch.nan], dtype=torch.bfloat16)

    assert relu(x).isnan().all()


def test_memory_that_the_backward_pass_needs_is_not_taken():
    x = torch.randn(5, requires_grad=True)
    y = x.exp()  # its gradient is made of its value
    relu(y)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_a_gradient_it_gives_the_same(dtype):
    x = torch.cat([torch.randn(1000, generator=torch.Generator().manual_seed(0)), SPECIAL])
    expected = x.to(dtype).relu()

    assert torch.equal(relu_(x.to(dtype)), expected)

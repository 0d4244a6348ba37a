import pytest
import torch
import torch.nn.functional as F

from tsconv.layers.convolution import Convolution, parallel
from tsconv.layers.layout import fused_layers


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 10, 40])
def test_same_padding_is_that_of_pytorch_and_tensorflow(kernel_size, dilation):
    convolution, x = Convolution(3, 4, kernel_size, dilation=dilation), random(2, 3, 17)

    y = convolution(x)

    weight, bias = convolution.weight, convolution.bias
    expected = F.conv1d(x, weight, bias, padding="same", dilation=dilation)
    assert torch.allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("kernel_size", [1, 2, 7])
def test_causal_padding_is_zeros_before_the_start(kernel_size):
    convolution = Convolution(3, 4, kernel_size, dilation=2, padding="causal")
    x = random(2, 3, 9)

    y = convolution(x)

    before = F.pad(x, (2 * (kernel_size - 1), 0))
    expected = F.conv1d(before, convolution.weight, convolution.bias, dilation=2)
    assert torch.allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 50])
def test_the_length_is_kept_whatever_the_kernel(length):
    convolution = Convolution(2, 3, 40)

    assert convolution(random(1, 2, length)).shape == (1, 3, length)


def test_parallel_convolutions_are_those_of_each_side_by_side():
    branches, x = [Convolution(3, 4, k, bias=False) for k in (9, 4, 1)], random(2, 3, 20)

    y = parallel(x, branches)

    assert torch.allclose(y, torch.cat([each(x) for each in branches], dim=1), atol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
def test_convolutions_take_any_memory_order(fused):
    convolution, x = Convolution(3, 4, 5), random(2, 3, 20)

    with fused_layers(fused):
        y = convolution(x)
        again = convolution(x.permute(2, 0, 1).contiguous().permute(1, 2, 0))

    assert torch.allclose(y, again, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 4, 9])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_bfloat16_gives_what_float32_does_forward_and_backward(kernel_size, dilation, padding):
    convolution = Convolution(3, 4, kernel_size, dilation=dilation, padding=padding)
    x = random(5, 3, 11).requires_grad_()
    inputs = (x, *convolution.parameters())

    full = convolution(x)
    with torch.autocast("cpu", torch.bfloat16):
        half = convolution(x)
    expected = torch.autograd.grad(full.square().mean(), inputs)
    grads = torch.autograd.grad(half.float().square().mean(), inputs)

    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), full, atol=0.03)
    for grad, exact in zip(grads, expected, strict=True):
        assert grad.dtype == torch.float32
        assert torch.allclose(grad, exact, atol=0.02 * exact.abs().max())

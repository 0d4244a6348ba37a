import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tsconv.layers.convolution import by_way
from tsconv.layers.windows import ByWindows


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(
    st.integers(1, 20),
    st.sampled_from([1, 3]),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 9),
    st.booleans(),
)
def test_result_and_gradients_are_those_of_the_kernel_itself(
    length, channels, taps, dilation, before, of_input
):
    reach = dilation * (taps - 1)
    before = min(before, reach)
    offsets = range(-before, reach - before + 1, dilation)
    x = random(length, 2, channels)
    weight = random(4, channels, taps, seed=1).requires_grad_()
    of = [x.requires_grad_(), weight] if of_input else [weight]

    y = by_way(x, ByWindows([tuple(offsets)], tuple(offsets)), [weight])

    padded = F.pad(x.permute(1, 2, 0), (before, reach - before))
    expected = F.conv1d(padded, weight, dilation=dilation).permute(2, 0, 1)
    assert torch.allclose(y, expected, atol=1e-12)
    towards = random(*y.shape, seed=2)
    grads = torch.autograd.grad(y, of, towards)
    for grad, exact in zip(grads, torch.autograd.grad(expected, of, towards), strict=True):
        assert torch.allclose(grad, exact, atol=1e-12)

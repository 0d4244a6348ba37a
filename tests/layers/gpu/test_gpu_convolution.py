import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close


def draw(*shape, device):
    """Numbers whose products are exact, so that the order of sums does not matter."""
    return torch.randint(-4, 5, shape, device=device).float()


def offsets(kernel_size, dilation=1, *, causal=False):
    reach = dilation * (kernel_size - 1)
    left = reach if causal else reach // 2
    return tuple(range(-left, reach - left + 1, dilation))


def convolve_plainly(x, weights, taps):
    each = []
    for weight, own in zip(weights, taps, strict=True):
        step = own[1] - own[0] if len(own) > 1 else 1
        each.append(F.conv1d(F.pad(x, (-own[0], own[-1])), weight, dilation=step))
    return torch.cat(each, dim=1)


CASES = {
    "three kernels": (3, 8, 23, 16, [offsets(9), offsets(5), offsets(3)]),
    "kernels longer than the series": (2, 1, 7, 8, [offsets(40), offsets(20), offsets(10)]),
    "causal and dilated": (2, 5, 17, 7, [offsets(7, 4, causal=True)]),
    "a product of matrices": (2, 24, 9, 16, [offsets(1)]),
    "a product beside kernels": (2, 3, 9, 4, [offsets(4), offsets(1)]),
    "more rows than a block": (5, 4, 71, 4, [offsets(9)]),
    "one time point": (1, 2, 1, 3, [offsets(3)]),
    "one series": (1, 2, 6, 3, [offsets(3)]),
}


@pytest.mark.parametrize("fold", [1, 2, 4])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_convolutions_and_their_gradients_are_pytorchs(device, case, fold, monkeypatch):
    from tsconv.layers.gpu import convolution
    from tsconv.layers.gpu.convolution import alike, convolve

    monkeypatch.setattr(convolution, "FOLDS", (fold, fold))
    monkeypatch.setattr(convolution, "LONG", 2)
    n, channels, length, out, taps = case
    x = draw(n, channels, length, device=device).requires_grad_()
    weights = [draw(out, channels, len(own), device=device).requires_grad_() for own in taps]
    expected = convolve_plainly(x, weights, taps)
    grad = draw(*expected.shape, device=device)

    y = convolve(x, weights, taps)

    assert alike(weights, taps)
    assert_close(y, expected)
    ours = torch.autograd.grad(y, [x, *weights], grad)
    assert_close(ours, torch.autograd.grad(expected, [x, *weights], grad))


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    dilation=st.integers(1, 3),
    length=st.integers(1, 40),
    n=st.integers(1, 4),
    channels=st.integers(1, 9),
    fold=st.sampled_from([1, 2, 4]),
)
def test_any_convolution_is_pytorchs(device, sizes, dilation, length, n, channels, fold):
    from tsconv.layers.gpu import convolution

    taps = [offsets(size, dilation, causal=size % 2 == 0) for size in sizes]
    x = draw(n, channels, length, device=device).requires_grad_()
    weights = [draw(3, channels, size, device=device).requires_grad_() for size in sizes]
    expected = convolve_plainly(x, weights, taps)
    grad = draw(*expected.shape, device=device)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "FOLDS", (fold, fold))
        patch.setattr(convolution, "LONG", 1)
        y = convolution.convolve(x, weights, taps)
        ours = torch.autograd.grad(y, [x, *weights], grad)

    assert_close(y, expected)
    assert_close(ours, torch.autograd.grad(expected, [x, *weights], grad))


def test_gradients_summed_over_many_parts_are_complete(device):
    from tsconv.layers.gpu import convolution

    x, weight = draw(9, 2, 100, device=device), draw(3, 2, 3, device=device).requires_grad_()
    grad = draw(9, 3, 100, device=device)

    y = convolution.convolve(x, [weight], [offsets(3)])

    expected = convolve_plainly(x, [weight], [offsets(3)])
    assert_close(torch.autograd.grad(y, weight, grad), torch.autograd.grad(expected, weight, grad))


def test_channels_of_a_wider_tensor_are_read_where_they_are(device):
    from tsconv.layers.gpu.convolution import convolve

    wide = draw(2, 6, 11, device=device).permute(0, 2, 1).contiguous().permute(0, 2, 1)
    weight = draw(4, 3, 5, device=device)

    y = convolve(wide[:, 2:5], [weight], [offsets(5)])

    assert_close(y, convolve_plainly(wide[:, 2:5], [weight], [offsets(5)]))


def test_kernels_of_other_widths_or_steps_are_not_alike():
    pytest.importorskip("triton", reason="needs triton, which is there for Linux alone")
    from tsconv.layers.gpu.convolution import alike

    narrow, wide = torch.zeros(2, 3, 5), torch.zeros(4, 3, 5)

    assert not alike([narrow, wide], [offsets(5), offsets(5)])
    assert not alike([narrow, narrow], [offsets(5), offsets(5, 2)])


@pytest.mark.parametrize(
    ("shape", "sizes", "dilation", "fold"),
    [
        ((50, 32, 150), (40, 20, 10), 1, 2),  # few time points
        ((64, 32, 500), (40, 20, 10), 1, 4),
        ((64, 64, 500), (40, 20, 10), 1, 1),  # too many channels for rows of four
        ((64, 32, 500), (7,), 1, 1),  # short
        ((64, 32, 500), (40,), 2, 1),  # taps apart
    ],
)
def test_long_kernels_take_several_time_points_as_one_row(shape, sizes, dilation, fold):
    pytest.importorskip("triton", reason="needs triton, which is there for Linux alone")
    from tsconv.layers.gpu.convolution import Kernels

    x = torch.empty(shape, device="meta")
    weights = [torch.empty(32, shape[1], size, device="meta") for size in sizes]

    assert Kernels(weights, [offsets(size, dilation) for size in sizes], x).fold == fold

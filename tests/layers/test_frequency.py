import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st

from tsconv.layers import frequency
from tsconv.layers.convolution import by_way
from tsconv.layers.frequency import (
    LEAST_APART,
    ByFrequencies,
    Tiling,
    choose_tiling,
    operations,
    transformed_size,
)
from tsconv.layers.kernels import merge_taps


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def centred(kernel_size, dilation=1):
    reach = dilation * (kernel_size - 1)
    return tuple(range(-(reach // 2), reach - reach // 2 + 1, dilation))


def convolve(x, weights, offsets):
    """By the cheapest tiling, whether that pays or not."""
    taps = merge_taps(tuple(offsets), len(x))
    channels = (x.shape[2], sum(len(each) for each in weights))
    return by_way(x, ByFrequencies(offsets, taps, choose_tiling(len(x), taps, channels)), weights)


def by_pytorch(x, weights, offsets):
    """The same correlations, each by ``F.conv1d``, (L, N, C) -> (L, N, C')."""
    parts = []
    for weight, taps in zip(weights, offsets, strict=True):
        dilation = taps[1] - taps[0] if len(taps) > 1 else 1
        padded = F.pad(x.permute(1, 2, 0), (-taps[0], taps[-1]))
        parts.append(F.conv1d(padded, weight, dilation=dilation))
    return torch.cat(parts, dim=1).permute(2, 0, 1)


kernels = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=3)


lengths = st.integers(1, 60) | st.integers(LEAST_APART - 10, LEAST_APART + 60)


@given(lengths, st.integers(1, 3), st.integers(1, 3), kernels, st.booleans())
@example(length=1, n=1, c=1, sizes=[(4, 2)], causal=False)  # no tap ever meets the series
@example(length=48, n=2, c=3, sizes=[(95, 1)], causal=False)  # half a transform is longer than it
@example(length=50, n=2, c=3, sizes=[(60, 1), (3, 1)], causal=True)
def test_result_and_gradients_are_those_of_the_kernels_themselves(length, n, c, sizes, causal):
    offsets = [centred(*size) for size in sizes]
    if causal:
        offsets = [tuple(tap - taps[-1] for tap in taps) for taps in offsets]
    x = random(length, n, c).requires_grad_()
    weights = [random(2, c, size, seed=size).requires_grad_() for size, _ in sizes]

    y = convolve(x, weights, offsets)
    expected = by_pytorch(x, weights, offsets)

    assert torch.allclose(y, expected, atol=1e-9)
    towards = random(*y.shape, seed=1)
    grads = torch.autograd.grad(y, [x, *weights], towards)
    for grad, exact in zip(
        grads, torch.autograd.grad(expected, [x, *weights], towards), strict=True
    ):
        assert torch.allclose(grad, exact, atol=1e-8)


@pytest.mark.parametrize("n_tiles", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [50, 7 * LEAST_APART])
def test_every_tiling_gives_the_same(length, n_tiles):
    x, weight, taps = random(length, 2, 3).requires_grad_(), random(4, 3, 6), centred(6)
    kept = -(-length // n_tiles)
    tiling = Tiling(n_tiles, transformed_size(kept + 5), kept, 2)
    if n_tiles == 1:
        tiling = Tiling(1, transformed_size(length + 4), length, 0)

    y = by_way(x, ByFrequencies([taps], taps, tiling), [weight])

    expected = by_pytorch(x, [weight], [taps])
    assert tiling.apart == (length > 50)
    assert torch.allclose(y, expected, atol=1e-10)
    grad, exact = (torch.autograd.grad(each.square().sum(), x)[0] for each in (y, expected))
    assert torch.allclose(grad, exact, atol=1e-9)


@given(st.integers(1, 1000))
def test_a_transform_is_even_and_of_as_many_even_frequencies_as_odd_where_they_are_apart(needed):
    size = transformed_size(needed)

    assert needed <= size < needed + 4
    assert size % 2 == 0
    counts = {len(each) for each in Tiling(1, size, needed, 0).frequencies}
    assert len(counts) == 1


@given(st.integers(1, 300), st.integers(0, 299), st.integers(0, 299))
def test_a_tiling_never_looks_behind_its_inputs(length, before, after):
    taps = tuple(range(-min(before, length - 1), min(after, length - 1) + 1))

    tiling = choose_tiling(length, taps, (32, 96))

    assert tiling.seen <= tiling.taken <= tiling.size
    assert not tiling.apart or tiling.taken <= 2 * tiling.half
    assert tiling.given <= tiling.kept <= tiling.size - (tiling.n > 1) * (len(taps) - 1)


def test_cost_grows_linearly_with_length():
    def cost(length):
        return operations(choose_tiling(length, centred(40), (32, 96)), 32, 96)

    assert cost(20_000) == pytest.approx(20 * cost(1_000), rel=0.02)


def test_wide_kernels_on_many_channels_pay_and_narrow_ones_do_not():
    assert frequency.pays(150, centred(40), (32, 32))
    assert not frequency.pays(150, centred(3), (32, 32))
    assert not frequency.pays(150, centred(40), (1, 32))


def test_bfloat16_is_as_exact_as_its_eight_bits():
    x, weights = random(150, 4, 32), [random(32, 32, k, seed=k) for k in (40, 20, 10)]
    offsets = [centred(k) for k in (40, 20, 10)]
    exact = by_pytorch(x, weights, offsets)

    y = convolve(x.bfloat16(), [each.float() for each in weights], offsets)

    assert (y.double() - exact).norm() < 0.006 * exact.norm()

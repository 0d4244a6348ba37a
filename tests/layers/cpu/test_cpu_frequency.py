"""Parts of a convolution in the frequency domain, beside the same by PyTorch's operators."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from operators import by_operators
from torch.testing import assert_close

from tsconv.layers import frequency
from tsconv.layers.kernels import merge, merge_taps, unmerge

KINDS = [torch.float32, torch.bfloat16]


def draw(*shape, kind, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(kind)


@pytest.mark.parametrize("kind", KINDS)
@given(half=st.integers(1, 9), rest=st.integers(0, 9), n=st.integers(1, 4), c=st.integers(1, 20))
def test_halves_are_taken_apart_and_united_as_by_operators(kind, half, rest, n, c):
    length = half + min(rest, half)
    wide = draw(length, n, c + 3, kind=kind)
    turned = wide.permute(0, 2, 1)[:, :c]
    for x in (wide[..., :c], wide[..., :c].contiguous(), turned):
        pieces = frequency.split(x, half, apart=True)
        assert torch.equal(pieces, by_operators(lambda x=x: frequency.split(x, half, apart=True)))

    halves = list(draw(2, half, n, c, kind=kind))
    out = torch.zeros(length, n, c + 3, dtype=kind)
    expected = by_operators(lambda: frequency.unite(halves, length))
    assert torch.equal(frequency.unite(halves, length), expected)
    frequency.unite(halves, length, out=out[..., :c])
    assert torch.equal(out[..., :c], expected)
    assert (out[..., c:] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@given(f=st.integers(1, 5), n=st.integers(1, 5), c=st.integers(1, 40))
def test_complex_numbers_are_laid_out_as_by_operators(kind, f, n, c):
    halves = list(draw(2, 2 * f, n * c, kind=kind))
    rows = frequency.as_rows(halves, c)

    assert torch.equal(rows, by_operators(lambda: frequency.as_rows(halves, c)))
    back = draw(*rows.shape, kind=kind, seed=1)
    assert torch.equal(frequency.from_rows(back), by_operators(lambda: frequency.from_rows(back)))


@pytest.mark.parametrize("kind", KINDS)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    dilation=st.integers(1, 3),
    length=st.integers(1, 20),
)
def test_kernels_are_merged_and_unmerged_as_by_operators(kind, sizes, dilation, length):
    offsets = [tuple(range(-dilation * (k // 2), dilation * (k - k // 2), dilation)) for k in sizes]
    weights = [draw(3, 2, k, kind=torch.float32, seed=k) for k in sizes]
    taps = merge_taps(tuple(offsets), length)

    merged = merge(weights, offsets, taps, kind)

    assert torch.equal(merged, by_operators(lambda: merge(weights, offsets, taps, kind)))
    ours = unmerge(merged, weights, offsets, taps)
    for one, other in zip(
        ours, by_operators(lambda: unmerge(merged, weights, offsets, taps)), strict=True
    ):
        assert_close(one, other, rtol=0, atol=0)

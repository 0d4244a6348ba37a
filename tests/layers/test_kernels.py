import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsconv.layers.kernels import merge, merge_taps, unmerge


def centred(taps, dilation=1):
    before = dilation * ((taps - 1) // 2)
    return tuple(range(-before, dilation * (taps - 1) - before + 1, dilation))


def test_merged_taps_are_those_of_all_kernels():
    assert merge_taps((centred(3), centred(6)), 100) == (-2, -1, 0, 1, 2, 3)
    assert merge_taps((centred(3, dilation=4), centred(1)), 100) == (-4, 0, 4)


@pytest.mark.parametrize(("length", "expected"), [(1, (0,)), (2, (-1, 0, 1))])
def test_taps_that_meet_no_series_are_left_out(length, expected):
    assert merge_taps((centred(40), centred(20)), length) == expected


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    dilation=st.integers(1, 3),
    length=st.integers(1, 20),
)
def test_unmerging_undoes_merging_but_for_taps_left_out(sizes, dilation, length):
    offsets = [centred(size, dilation) for size in sizes]
    weights = [torch.randn(2, 3, size) for size in sizes]
    taps = merge_taps(tuple(offsets), length)

    merged = merge(weights, offsets, taps, torch.float32)
    back = unmerge(merged, weights, offsets, taps)

    assert merged.shape == (len(taps), 3, 2 * len(sizes))
    for weight, each, mine in zip(weights, back, offsets, strict=True):
        kept = torch.tensor([tap in taps for tap in mine])
        assert torch.equal(each, weight * kept)

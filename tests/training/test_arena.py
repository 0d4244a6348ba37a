from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tsconv.training.arena import ALIGNED, Arena, Buffer, plan

INTERVALS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)
BUFFERS = st.lists(
    st.builds(lambda size, ends: Buffer(size, *ends), st.integers(0, 1000), INTERVALS), max_size=25
)


def most_alive(buffers):
    at_once = (
        sum(each.size for each in buffers if each.first <= now <= each.last) for now in range(21)
    )
    return max(at_once, default=0)


@given(BUFFERS)
def test_what_lives_at_the_same_time_lies_apart_and_aligned(buffers):
    starts, n_bytes = plan(buffers)

    placed = list(zip(starts, buffers, strict=True))
    for (start, one), (other_start, other) in combinations(placed, 2):
        if one.first <= other.last and other.first <= one.last and one.size and other.size:
            assert start + one.size <= other_start or other_start + other.size <= start
    assert all(start % ALIGNED == 0 for start in starts)
    assert all(0 <= start <= n_bytes - each.size for start, each in placed)
    assert most_alive(buffers) <= n_bytes <= sum(each.size + ALIGNED for each in buffers)


def test_what_lives_one_after_another_lies_in_one_place():
    starts, n_bytes = plan([Buffer(1000 - k, first=k, last=k) for k in range(50)])

    assert starts == [0] * 50
    assert n_bytes == 1000


def test_recordings_share_memory_and_keep_what_they_have():
    arena = Arena()

    first, smaller, little_more = arena.of_size(1000), arena.of_size(10), arena.of_size(1250)
    larger = arena.of_size(5000)

    assert smaller.data_ptr() == little_more.data_ptr() == first.data_ptr() != larger.data_ptr()
    assert arena.of_size(1000).data_ptr() == larger.data_ptr()
    assert first.nbytes() >= 1250

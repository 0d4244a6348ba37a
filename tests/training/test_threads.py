from collections.abc import Iterator

import pytest
import torch

from tsconv.training.threads import WAITING, map_in_threads


@pytest.fixture(params=[1, 2], ids="threads={}".format)
def n_threads(request) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_beside_their_items(n_threads):
    assert list(map_in_threads(lambda k: k * k, range(9))) == [(k, k * k) for k in range(9)]


def test_nothing_comes_of_nothing(n_threads):
    assert list(map_in_threads(str, [])) == []


def test_few_items_are_taken_ahead(n_threads):
    taken = []
    results = map_in_threads(str, (taken.append(k) or k for k in range(100)))

    next(results)

    assert len(taken) <= WAITING * n_threads


def test_an_error_reaches_who_asked(n_threads):
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda k: 1 // k, [1, 0]))


def test_every_thread_computes_alone_and_the_number_of_threads_is_as_before(n_threads):
    seen = list(map_in_threads(lambda _: torch.get_num_threads(), range(4)))

    assert [number for _, number in seen] == [1] * 4
    assert torch.get_num_threads() == n_threads


def test_who_hands_out_the_work_has_no_helpers_meanwhile(n_threads):
    seen = [torch.get_num_threads() for _ in map_in_threads(str, range(4))]

    assert seen == [1] * 4

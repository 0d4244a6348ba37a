import pytest
import torch
from counting import CountingRecorder

from tsconv.training.graphs import WARM_UP, Lane, Replayed

CPU = torch.device("cpu")


def make_sum(recorder):
    """A running sum of what it is called with, and how often Python ran it."""
    total, runs = torch.zeros(()), []

    def add(x):
        runs.append(len(x))
        total.add_((2 * x).sum())

    return Replayed(add, recorder), total, runs


def test_without_a_recorder_each_call_is_the_function_itself():
    add, total, runs = make_sum(None)

    for _ in range(WARM_UP + 5):
        add(torch.ones(3))

    assert total == 6 * (WARM_UP + 5)
    assert len(runs) == WARM_UP + 5


def test_calls_count_alike_whether_warmed_up_rehearsed_or_replayed():
    recorder = CountingRecorder()
    add, total, runs = make_sum(recorder)

    for k in range(10):
        add(torch.full((3,), float(k)))

    assert total == 6 * sum(range(10))
    assert len(runs) == WARM_UP + 1
    assert (recorder.rehearsed, recorder.recorded, recorder.replayed) == (1, 1, 10 - WARM_UP)


def test_each_shape_has_a_recording_of_its_own():
    recorder = CountingRecorder()
    add, total, _ = make_sum(recorder)

    for _ in range(6):
        add(torch.ones(4))
        add(torch.ones(1))

    assert total == 6 * 10
    assert (recorder.rehearsed, recorder.recorded) == (2, 2)


def test_what_may_not_be_recorded_goes_on_as_it_is():
    recorder = CountingRecorder(may_record=False)
    add, total, runs = make_sum(recorder)

    for _ in range(8):
        add(torch.ones(3))

    assert total == 6 * 8
    assert len(runs) == 8
    assert (recorder.rehearsed, recorder.recorded) == (1, 0)


def test_what_is_called_with_later_does_not_change_what_was_called_with_before():
    add, _, _ = make_sum(CountingRecorder())
    calls = [torch.full((2,), float(k)) for k in range(WARM_UP + 3)]

    for each in calls:
        add(each)

    assert [each[0].item() for each in calls] == list(range(WARM_UP + 3))


def test_a_lane_on_a_processor_is_nothing():
    lane = Lane(CPU)

    with lane.entered():
        x = torch.ones(2)
    lane.join()

    assert x.sum() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_replays_what_its_twin_replays():
    from tsconv.training.graphs import CudaRecorder

    device = torch.device("cuda")
    total = torch.zeros((), device=device)
    lane = Lane(device)
    add = Replayed(lambda x: total.add_((2 * x).sum()), CudaRecorder())

    with lane.entered():
        for k in range(10):
            add(torch.full((3,), float(k), device=device))
    lane.join()

    assert total.item() == 6 * sum(range(10))

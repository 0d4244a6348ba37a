import gc
import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.cpu import choice
from tsconv.training.replay import TapeRecorder


def into_a_part(x):
    place = x.new_zeros(24)
    torch.add(x[:4], x[4:8], out=place[20:])
    return place


aten = torch.ops.aten
STEPS = {
    "views": lambda x: (
        x.view(4, 6).t()[1:].unsqueeze(0).expand(2, 5, 4).sum(0).mean(1).repeat(5)[:24]
    ),
    "two results": lambda x: torch.cat(list(x.view(4, 6).sort(dim=1)), dim=1).view(2, 24)[0],
    "in place": lambda x: x.clone().add_(1).mul_(x).clamp_(min=0),
    "into a part": lambda x: into_a_part(x.detach()),
    "filled": lambda x: torch.zeros_like(x) + x.new_zeros(24) + torch.ones(24) - torch.zeros(24),
    "another order": lambda x: (x.view(4, 6).t() * 2).flatten(),
    "half the bits": lambda x: x.bfloat16().mul(3).float(),
    "a table": lambda x: x[torch.arange(23, -1, -1)],
    "padded": lambda x: F.pad(x, (3, 5))[4:28],
    "no results of their own": lambda x: x.detach().reshape(24),
    "random": lambda x: x + torch.rand(24),
}


def replayed(work, times=3):
    """What is done ``times`` times, the first as it comes, the others by replay."""
    recording = TapeRecorder().record(work)
    for _ in range(times):
        recording()


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_replay_gives_the_bits_of_the_work(names, backward):
    def make():
        torch.manual_seed(0)
        state = torch.linspace(-1, 1, 24)
        weight = torch.full((24,), 0.5, requires_grad=True)

        def work():
            x = state * weight
            for name in names:
                x = STEPS[name](x) + state
            if backward and x.requires_grad:
                (of_weight,) = torch.autograd.grad(x.square().sum(), weight)
                x = x.detach() + of_weight
            state.copy_(x.detach().clamp(-1, 1))

        return work, state

    work, expected = make()
    for _ in range(4):
        work()
    work, state = make()
    replayed(work, 4)

    assert torch.equal(state, expected)


def test_a_replay_calls_no_python_and_takes_no_memory_for_long():
    runs, total = [], torch.zeros(2**18)

    def work():
        runs.append(None)
        x = total + 1
        for _ in range(50):
            x = x * 0.5 + 1
        total.add_(x)

    recorder = TapeRecorder()
    recording = recorder.record(work)
    for _ in range(5):
        recording()

    expected = torch.zeros(2**18)
    for _ in range(5):
        x = expected + 1
        for _ in range(50):
            x = x * 0.5 + 1
        expected += x
    assert torch.equal(total, expected)
    assert len(runs) == 1
    assert recorder._arena.of_size(0).nbytes() <= 3 * 2**20  # of 100 MiB written


def test_what_only_a_recording_still_needs_stays():
    """A table that a cache held when the work was written down, and dropped since."""
    tables = [torch.arange(2.0**16)]
    total = torch.zeros(2**16)

    def work():
        total.add_(tables[0])

    recording = TapeRecorder().record(work)
    recording()
    once = total.clone()
    tables.clear()
    gc.collect()
    others = [torch.full((2**16,), 7.0) for _ in range(20)]
    recording()

    assert len(others) == 20
    assert torch.equal(total, once + once)


def waiting(x):
    return x * x.sum().item()


def choosing(x):
    return x[x > 0].sum() + x


def counting(x):
    return x.nonzero().sum() + x


def leaving(x):
    return torch.from_numpy(np.tanh(x.numpy())) + x


def listing(x):
    return torch.tensor(x.tolist()) + x


def packing(x):
    lengths = torch.tensor([2, 1])
    return nn.utils.rnn.pack_padded_sequence(x.view(1, 3, 1).expand(2, 3, 1), lengths, True).data


@pytest.mark.parametrize("work", [waiting, choosing, counting, leaving, listing, packing])
def test_work_that_waits_for_values_is_not_replayed(work, caplog):
    recorder, x = TapeRecorder(), torch.ones(3)

    with caplog.at_level(logging.INFO):
        assert not recorder.rehearse(lambda: work(x))
        assert not recorder.rehearse(lambda: work(x))

    (record,) = caplog.records
    assert "waits for values" in record.getMessage()


@torch.library.custom_op("tsconv_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def test_a_large_result_that_cannot_be_told_where_to_go_is_not_replayed(caplog):
    recorder = TapeRecorder()

    with caplog.at_level(logging.INFO):
        assert not recorder.rehearse(lambda: twice(torch.ones(2**19)))

    assert "twice" in caplog.text


def test_a_small_one_is_copied():
    total = torch.zeros(3)

    def work():
        total.add_(twice(total) + 1)

    assert TapeRecorder().rehearse(work)
    replayed(work)

    assert total.tolist() == [40.0] * 3  # 1, 4, 13, 40


def test_gradients_that_nobody_asks_for_are_no_results():
    weight, x = torch.ones(2, 3, 3, requires_grad=True), torch.ones(1, 3, 5)

    def work():
        (grad,) = torch.autograd.grad(F.conv1d(x, weight).sum(), weight)  # of x and bias: None
        with torch.no_grad():
            weight.add_(grad)

    replayed(work)

    assert torch.equal(weight, torch.full((2, 3, 3), 10.0))


@pytest.mark.parametrize(
    "normalise",
    [aten.native_batch_norm, aten._batch_norm_with_update, aten._native_batch_norm_legit],
)
def test_an_operator_may_change_what_it_is_given_and_make_results_too(normalise):
    def run(recorded):
        x, total, mean, var = torch.arange(24.0).view(2, 3, 4), torch.zeros(2, 3, 4), *norm_state()
        steps = (torch.ones(3), torch.zeros(3), mean, var)
        training = () if normalise is aten._batch_norm_with_update else (True,)

        def work():
            total.add_(normalise(x + total, *steps, *training, 0.5, 1e-3)[0] + 1)

        if recorded:
            replayed(work, 4)
        else:
            for _ in range(4):
                work()
        return torch.cat([total.flatten(), mean, var])

    assert torch.equal(run(recorded=True), run(recorded=False))


def norm_state():
    return torch.zeros(3), torch.ones(3)


@torch.library.custom_op("tsconv_tests::swapped", mutates_args=("x",))
def swapped(x: torch.Tensor) -> torch.Tensor:
    before = x.clone()
    x.neg_()
    return before


def test_an_operator_without_a_place_for_results_may_change_what_it_is_given():
    x, total = torch.ones(3), torch.zeros(3)

    replayed(lambda: total.add_(swapped(x)))

    assert x.tolist() == [-1.0] * 3  # 1, then -1, then 1 again
    assert total.tolist() == [1.0] * 3


@pytest.mark.skipif(choice.reason_against() is not None, reason="no loops are compiled here")
def test_loops_of_another_thread_are_not_written_down():
    import threading

    from tsconv.layers.cpu.compiled import watched

    def train():
        BatchNorm(2).train()(torch.randn(4, 2, 8))

    heard = []
    with watched(lambda loop, *_: heard.append(loop)):
        other = threading.Thread(target=train)
        other.start()
        other.join()
        assert not heard
        train()
    assert heard
    n = len(heard)
    train()
    assert len(heard) == n

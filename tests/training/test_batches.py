import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy import make_toy_dataset

from tsconv.training import batches
from tsconv.training.batches import (
    Batch,
    as_batch,
    by_length,
    in_order,
    shuffle,
    steps_per_epoch,
    taken,
)


def make_batch(n_instances):
    return Batch(
        x=torch.arange(n_instances, dtype=torch.float32)[:, None, None],
        y=torch.arange(n_instances),
        lengths=torch.ones(n_instances, dtype=torch.int64),
    )


def shuffled(data, batch_size, generator, **how):
    return taken(data, shuffle(data, batch_size, generator, **how))


@given(n_instances=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 9))
def test_an_epoch_visits_each_instance_once(n_instances, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)

    batches = list(shuffled(make_batch(n_instances), batch_size, generator))

    assert len(batches) == steps_per_epoch(n_instances, batch_size)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    visited = torch.cat([batch.y for batch in batches])
    assert sorted(visited.tolist()) == list(range(n_instances))


@given(n_instances=st.integers(1, 99), batch_size=st.integers(1, 50), seed=st.integers(0, 9))
def test_even_batches_are_as_many_of_like_size_and_visit_each_instance_once(
    n_instances, batch_size, seed
):
    generator = torch.Generator().manual_seed(seed)

    batches = list(shuffled(make_batch(n_instances), batch_size, generator, even=True))

    sizes = [len(batch) for batch in batches]
    assert len(sizes) == steps_per_epoch(n_instances, batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    visited = torch.cat([batch.y for batch in batches])
    assert sorted(visited.tolist()) == list(range(n_instances))


def test_a_batch_keeps_what_belongs_to_an_instance_together():
    (batch,) = shuffled(make_batch(9), 9, torch.Generator().manual_seed(0))

    assert torch.equal(batch.x[:, 0, 0].long(), batch.y)
    assert batch.y.tolist() != list(range(9))


def test_two_epochs_differ_and_two_generators_of_one_seed_agree():
    first, second = (torch.Generator().manual_seed(1) for _ in range(2))
    data = make_batch(30)

    (epoch,), (again,) = shuffled(data, 30, first), shuffled(data, 30, second)
    (next_epoch,) = shuffled(data, 30, first)

    assert torch.equal(epoch.y, again.y)
    assert not torch.equal(epoch.y, next_epoch.y)


@pytest.mark.parametrize("unequal", [False, True])
def test_lengths_are_there_only_where_a_series_is_padded(unequal):
    dataset = make_toy_dataset(unequal=unequal)

    batch = as_batch(dataset)

    assert (batch.lengths is not None) == unequal
    assert np.array_equal(batch.x.numpy(), dataset.X, equal_nan=True)


@pytest.mark.parametrize(("length", "sizes"), [(1, [5]), (4, [3, 2]), (100, [1] * 5)])
def test_the_longer_the_series_the_fewer_are_computed_at_once(monkeypatch, length, sizes):
    monkeypatch.setattr(batches, "VALUES_AT_ONCE", 12)
    x = torch.arange(5.0)[:, None, None].expand(5, 1, length)

    parts = list(in_order(Batch(x=x)))

    assert [len(part) for part in parts] == sizes
    assert torch.equal(torch.cat([part.x for part in parts]), x)


def test_series_of_like_length_come_together_without_padding_in_common(monkeypatch):
    monkeypatch.setattr(batches, "WIDTH", 1)
    lengths = torch.tensor([3, 9, 5, 9, 1, 5])
    x = torch.arange(6.0)[:, None, None].expand(6, 1, 9)

    parts = list(by_length(Batch(x, lengths), 20))

    assert [index.tolist() for index, _ in parts] == [[1, 3], [2, 5, 0, 4]]
    assert [each.x.shape for _, each in parts] == [(2, 1, 9), (4, 1, 5)]
    assert parts[0][1].lengths is None  # both whole
    assert parts[1][1].lengths.tolist() == [5, 5, 3, 1]
    assert all(each.x[:, 0, 0].tolist() == index.tolist() for index, each in parts)


def test_few_widths_come_of_many_lengths():
    lengths = torch.arange(1, 41)

    parts = list(by_length(Batch(torch.zeros(40, 1, 40), lengths), 1))

    assert {each.x.shape[-1] for _, each in parts} == {16, 32, 40}


def test_whole_series_come_in_order():
    parts = list(by_length(Batch(torch.zeros(5, 1, 9)), 20))

    assert [index.tolist() for index, _ in parts] == [[0, 1], [2, 3], [4]]

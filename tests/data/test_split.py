from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from toy import make_toy_dataset

from tsconv.data.split import resample, split
from tsconv.errors import DataError


def make_dataset(y, groups=None):
    """Instances that are told apart by their id."""
    y = np.asarray(y, dtype=np.int64)
    dataset = make_toy_dataset(len(y), n_timepoints=2, n_classes=max(2, int(y.max()) + 1))
    ids = np.array([str(k) for k in range(len(y))], dtype=object)
    groups = None if groups is None else np.array(groups, dtype=object)
    return replace(dataset, y=y, ids=ids, groups=groups)


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    fraction=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_both_parts_together_are_the_set_and_each_class_keeps_its_share(counts, fraction, seed):
    held = [min(round(fraction * count), count - 1) for count in counts]
    assume(sum(held) > 0)
    dataset = make_dataset(np.repeat(np.arange(len(counts)), counts))

    train, valid = split(dataset, fraction, seed)

    assert sorted([*train.ids, *valid.ids]) == sorted(dataset.ids)
    assert np.bincount(valid.y, minlength=len(counts)).tolist() == held
    assert np.bincount(train.y, minlength=len(counts)).min() >= 1
    assert train.classes == valid.classes == dataset.classes


def test_both_parts_keep_the_order_of_the_set():
    train, valid = split(make_dataset([0, 1] * 10), 0.3, 0)

    for part in (train, valid):
        assert sorted(part.ids, key=int) == part.ids.tolist()


def test_one_seed_gives_one_split_and_another_seed_another():
    dataset = make_dataset([0, 1] * 20)

    _, valid = split(dataset, 0.5, 3)

    assert split(dataset, 0.5, 3)[1].ids.tolist() == valid.ids.tolist()
    assert split(dataset, 0.5, 4)[1].ids.tolist() != valid.ids.tolist()


@given(
    groups=st.lists(st.integers(0, 7), min_size=6, max_size=30),
    fraction=st.floats(0.1, 0.9),
    seed=st.integers(0, 20),
)
def test_instances_of_one_group_never_part(groups, fraction, seed):
    dataset = make_dataset([group % 2 for group in groups], [f"g{group}" for group in groups])
    try:
        train, valid = split(dataset, fraction, seed)
    except DataError:
        assume(False)

    assert not set(train.groups) & set(valid.groups)
    assert sorted([*train.ids, *valid.ids]) == sorted(dataset.ids)


def test_groups_are_stratified_by_their_most_frequent_class():
    y = np.repeat([0, 1], 20)
    dataset = make_dataset(y, np.repeat(range(20), 2))

    _, valid = split(dataset, 0.4, 0)

    assert np.bincount(valid.y).tolist() == [8, 8]


@pytest.mark.parametrize("seed", range(8))
def test_a_class_in_no_group_s_majority_keeps_an_instance_to_train_on(seed):
    y = [0, 0, 0, 1, 1, 1] * 4
    y[2] = y[8] = 2
    dataset = make_dataset(y, np.repeat(range(8), 3))

    train, valid = split(dataset, 0.5, seed)

    assert set(train.y) == {0, 1, 2}
    assert valid.n_instances >= 6


def test_a_set_too_small_to_hold_anything_out_is_refused():
    with pytest.raises(DataError, match=r"2 instances are too few to hold out 0\.5"):
        split(make_dataset([0, 1]), 0.5, 0)


def test_a_set_without_labels_is_refused():
    with pytest.raises(DataError, match="expected labels to split by"):
        split(replace(make_dataset([0, 1]), y=None), 0.5, 0)


@given(
    train=st.lists(st.integers(0, 2), min_size=6, max_size=20),
    test=st.lists(st.integers(0, 2), min_size=1, max_size=20),
    seed=st.integers(1, 99),
)
def test_a_resample_keeps_each_parts_classes_and_every_instance(train, test, seed):
    assume(set(test) <= set(train))
    parts = [make_dataset(y) for y in (train, test)]
    X = np.arange(len(train) + len(test), dtype=np.float32)[:, None, None]
    parts = [
        replace(part, X=np.tile(x, (1, 1, 2)), classes=("a", "b", "c"))
        for part, x in zip(parts, (X[: len(train)], X[len(train) :]), strict=True)
    ]

    drawn = resample(*parts, seed)

    for part, before in zip(drawn, parts, strict=True):
        assert (
            np.bincount(part.y, minlength=3).tolist() == np.bincount(before.y, minlength=3).tolist()
        )
    assert sorted(np.concatenate([part.X[:, 0, 0] for part in drawn])) == X[:, 0, 0].tolist()


def test_resample_0_is_the_archives_split_and_others_are_drawn_as_tsml_eval_draws_them():
    y = np.array([0, 0, 0, 1, 1, 1])
    train = replace(make_dataset(y), X=np.arange(6, dtype=np.float32)[:, None, None].repeat(2, 2))
    test = replace(
        make_dataset(y), X=np.arange(6, 12, dtype=np.float32)[:, None, None].repeat(2, 2)
    )
    generator = np.random.RandomState(1)
    first, second = np.array([0, 1, 2, 6, 7, 8]), np.array([3, 4, 5, 9, 10, 11])
    generator.shuffle(first)
    generator.shuffle(second)

    drawn, _ = resample(train, test, 1)

    assert drawn.X[:, 0, 0].tolist() == [*first[:3], *second[:3]]
    assert resample(train, test, 0) == (train, test)

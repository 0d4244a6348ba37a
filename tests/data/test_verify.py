import dataclasses

import numpy as np
import pytest

from tsconv.data.catalogue import find_entry
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.data.layouts import sets_in
from tsconv.data.verify import differences

ENTRY = dataclasses.replace(
    find_entry("Coffee"), name="X", n_train=4, n_test=3, n_timepoints=6, n_channels=1, n_classes=2
)


def write_set(folder, *, train=4, test=3, length=6, n_channels=1, labels="ab"):
    for part, count in (("TRAIN", train), ("TEST", test)):
        series = [np.full((n_channels, length), k, dtype=float) for k in range(count)]
        names = [labels[k % len(labels)] for k in range(count)]
        write_file(folder / f"X_{part}.ts", from_series(series, names))
    return sets_in(folder)["X"]


def test_a_set_as_catalogued_does_not_differ(tmp_path):
    assert differences(ENTRY, write_set(tmp_path)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train": 5}, "expected 4 train instances, found 5"),
        ({"test": 2}, "expected 3 test instances, found 2"),
        ({"length": 5}, "expected length 6 of all series, found 5"),
        ({"length": 7}, "expected lengths up to 6, found 7"),
        ({"n_channels": 2}, "expected 1 channels in train, found 2"),
        ({"labels": "abc"}, "expected 2 classes in train, found 3"),
        ({"labels": "a"}, "expected 2 classes in train, found 1"),
    ],
)
def test_what_differs_is_named(tmp_path, changed, said):
    assert said in differences(ENTRY, write_set(tmp_path, **changed))


def test_a_truncated_file_is_named_by_its_line(tmp_path):
    source = write_set(tmp_path)
    source.test.write_bytes(source.test.read_bytes()[:-20])

    (said,) = differences(ENTRY, source)

    assert "X_TEST.ts" in said


def test_a_set_without_a_test_part_differs(tmp_path):
    source = write_set(tmp_path)
    source.test.unlink()

    assert differences(ENTRY, sets_in(tmp_path)["X"]) == [
        "expected a train and a test part, found no test part"
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ["expected a longest series of 6, found 5"]),
        ({"traits": ("unequal", "missing")}, []),  # a .tsv cannot say that the last is missing
        ({"archive": "uea"}, []),
        ({"n_timepoints": None}, []),
        ({"n_timepoints": 4}, ["expected lengths up to 4, found 5"]),
    ],
)
def test_lengths_may_vary_where_they_are_known_to_up_to_the_longest(tmp_path, changed, said):
    entry = dataclasses.replace(ENTRY, **{"traits": ("unequal",), **changed})

    assert differences(entry, write_set(tmp_path, length=5)) == said

"""Chunks laid down in a file are the set that they were cut from."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from toy import make_toy_dataset

from tsconv.data.dataset import from_series
from tsconv.data.spool import spool


@pytest.mark.parametrize("size", [1, 5, 24])
def test_chunks_become_the_whole_in_a_file(tmp_path, size):
    whole = dataclasses.replace(
        make_toy_dataset(24, 2, missing=True),
        ids=np.array([f"i{k}" for k in range(24)], dtype=object),
        weights=np.arange(1, 25, dtype=np.float32),
        extras=pd.DataFrame({"site": range(24)}),
    )

    found = spool(
        (whole.take(range(k, min(24, k + size))) for k in range(0, 24, size)), tmp_path / "x"
    )

    assert found.is_on_disk
    assert found.fingerprint() == whole.fingerprint()
    assert found.ids.tolist() == whole.ids.tolist()
    assert found.weights.tolist() == whole.weights.tolist()
    assert found.extras.equals(whole.extras)


def test_chunks_of_growing_length_are_padded_to_the_longest(tmp_path):
    series = [np.full((2, length), length, dtype=np.float32) for length in (3, 1, 4, 9, 2, 10, 11)]

    found = spool((from_series([each]) for each in series), tmp_path / "x")

    assert found.fingerprint() == from_series(series).fingerprint()
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_classes_are_those_of_all_chunks(tmp_path):
    chunks = [from_series([np.ones((1, 2))] * 2, labels) for labels in (["c", "a"], ["b", "c"])]

    found = spool(chunks, tmp_path / "x")

    assert found.classes == ("a", "b", "c")
    assert found.labels.tolist() == ["c", "a", "b", "c"]


def test_labels_that_one_chunk_lacks_are_not_known(tmp_path):
    chunks = [from_series([np.ones((1, 2))], labels) for labels in (["a"], None)]

    assert spool(chunks, tmp_path / "x").y is None

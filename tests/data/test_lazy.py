"""Series on disk: rows of them are those of the array, and memory holds no more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import make_toy_dataset

from tsconv.config import PreprocessingConfig
from tsconv.data import dataset as dataset_module
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import read_file, write_file
from tsconv.data.formats import npz
from tsconv.data.lazy import LazySeries
from tsconv.data.preprocessing import fit_preprocessing
from tsconv.data.split import split

X = np.arange(60, dtype=np.float32).reshape(10, 2, 3)


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """A function that gives a set as it is read from a file that stays where it is."""

    def put(dataset: TimeSeriesDataset) -> TimeSeriesDataset:
        monkeypatch.setattr(npz, "MAPPED_BYTES", 0)
        write_file(tmp_path / "toy.npz", dataset)
        return read_file(tmp_path / "toy.npz")

    return put


@given(rows=st.lists(st.integers(0, 9)), further=st.data())
def test_rows_of_rows_are_those_of_the_array(rows, further):
    lazy = LazySeries(X.__getitem__, X.shape)
    again = further.draw(st.lists(st.sampled_from(range(len(rows))) if rows else st.nothing()))

    taken = lazy.take(np.array(rows, dtype=np.int64))

    assert len(taken) == len(rows)
    np.testing.assert_array_equal(taken[again], X[rows][np.array(again, dtype=np.int64)])


def test_a_lazy_array_is_sliced_and_made_whole_as_the_array():
    lazy = LazySeries(X.__getitem__, X.shape)

    np.testing.assert_array_equal(lazy[2:-1:3], X[2:-1:3])
    np.testing.assert_array_equal(np.asarray(lazy), X)
    assert (lazy.ndim, lazy.dtype, lazy.shape) == (X.ndim, X.dtype, X.shape)


def test_both_parts_of_a_split_stay_on_disk_and_equal_those_in_memory(on_disk):
    dataset = make_toy_dataset(unequal=True, missing=True)

    for stored, held in zip(split(on_disk(dataset), 0.3, 1), split(dataset, 0.3, 1), strict=True):
        assert isinstance(stored.X, LazySeries)
        assert stored.fingerprint() == held.fingerprint()
        assert stored.labels.tolist() == held.labels.tolist()


@pytest.mark.parametrize("scale", ["none", "series", "channel"])
def test_preprocessing_is_the_same_in_one_piece_in_many_and_on_disk(on_disk, monkeypatch, scale):
    config = PreprocessingConfig(scale=scale)
    dataset = make_toy_dataset(n_channels=2, unequal=True, missing=True)
    whole = fit_preprocessing(dataset, config)
    expected = whole.transform(dataset).X

    monkeypatch.setattr(dataset_module, "VALUES_AT_ONCE", 3 * dataset.X[0].size)
    stored = on_disk(dataset)
    pieces = fit_preprocessing(dataset, config)

    assert pieces == fit_preprocessing(stored, config)
    assert pieces.mean == pytest.approx(whole.mean)
    assert pieces.std == pytest.approx(whole.std)
    assert stored.fingerprint() == dataset.fingerprint()
    np.testing.assert_array_equal(whole.transform(dataset).X, expected)
    np.testing.assert_array_equal(np.asarray(whole.transform(stored).X), expected)
    np.testing.assert_array_equal(whole.transform(stored).X[[5, 0]], expected[[5, 0]])


def test_series_that_need_nothing_are_not_copied():
    dataset = make_toy_dataset()

    transformed = fit_preprocessing(dataset, PreprocessingConfig(scale="none")).transform(dataset)

    assert transformed.X is dataset.X

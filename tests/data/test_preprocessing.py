import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toy import make_toy_dataset

from tsconv.config import PreprocessingConfig
from tsconv.data.dataset import from_series
from tsconv.data.preprocessing import Preprocessing, fit_preprocessing
from tsconv.errors import DataError

NAN = np.nan
SCALES = ("none", "series", "channel")
ROWS = arrays(np.float64, st.integers(1, 12), elements=st.just(NAN) | st.integers(-50, 50))


def fit(dataset, scale="none"):
    return fit_preprocessing(dataset, PreprocessingConfig(scale=scale))


def make_dataset(*rows):
    """Series of one channel."""
    return from_series([np.array([row], dtype=np.float64) for row in rows])


def fill(row, other=(5.0, 7.0)):
    """The row with its gaps filled, the training part being it and another series."""
    dataset = make_dataset(row, other)
    return fit(dataset).transform(dataset).X[0, 0, : len(row)].tolist()


def test_a_gap_is_filled_on_the_line_between_its_neighbours():
    assert fill([1.0, NAN, NAN, 4.0]) == [1, 2, 3, 4]


def test_a_gap_at_an_end_takes_the_nearest_value():
    assert fill([NAN, NAN, 2.0, 3.0, NAN]) == [2, 2, 2, 3, 3]


def test_a_series_without_any_value_takes_the_mean_of_the_training_part():
    assert fill([NAN, NAN], other=(5.0, 7.0)) == [6, 6]


@given(ROWS)
def test_filling_is_that_of_pandas_within_each_series(row):
    dataset = make_dataset(row, [1.0, 2.0, 3.0])

    filled = fit(dataset).transform(dataset).X[0, 0, : len(row)]

    inside = pd.Series(row).interpolate(limit_direction="both")
    expected = inside.fillna(fit(dataset).mean[0])
    assert filled == pytest.approx(expected.to_numpy(), abs=1e-4)


def test_a_gap_never_sees_what_lies_after_the_series_end():
    dataset = make_dataset([1.0, 2.0, NAN], [1.0, 2.0, 3.0, 4.0, 5.0])
    dataset.X[0, 0, 3:] = 100

    X = fit(dataset).transform(dataset).X

    assert X[0, 0].tolist() == [1, 2, 2, 0, 0]


@pytest.mark.parametrize("scale", SCALES)
def test_what_comes_out_is_finite_and_zero_after_each_end(scale):
    dataset = make_toy_dataset(n_channels=2, unequal=True, missing=True)

    X = fit(dataset, scale).transform(dataset).X

    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    assert (X[~np.broadcast_to(dataset.mask()[:, None], X.shape)] == 0).all()


def test_scaling_by_channel_uses_all_training_time_points_and_only_those():
    train = from_series([np.array([[0, 2.0], [10, 10]]), np.array([[4.0, NAN], [30, 30]])])
    other = from_series([np.array([[2.0, 4.0], [20.0, 30.0]])])

    X = fit(train, "channel").transform(other).X

    std = np.std([0, 2, 4])
    assert X[0] == pytest.approx(np.array([[0, 2 / std], [0, 1]]))


def test_scaling_by_series_gives_each_channel_of_each_series_mean_0_and_deviation_1():
    dataset = make_toy_dataset(n_channels=2, unequal=True)

    X = fit(dataset, "series").transform(dataset).X

    for series, length in zip(X, dataset.lengths, strict=True):
        assert series[:, :length].mean(1) == pytest.approx([0, 0], abs=1e-5)
        assert series[:, :length].std(1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("value", [0.0, 7.0, 1e6, 1e-20])
def test_a_constant_series_stays_finite(scale, value):
    dataset = make_dataset([value] * 5, [value] * 3)

    X = fit(dataset, scale).transform(dataset).X

    assert X[0, 0] == pytest.approx(value if scale == "none" else 0, abs=1e-3)


@given(scale=st.sampled_from(SCALES), order=st.permutations(range(6)))
def test_a_series_is_transformed_the_same_whatever_its_neighbours(scale, order):
    dataset = make_toy_dataset(6, unequal=True, missing=True)
    preprocessing = fit(dataset, scale)

    X = preprocessing.transform(dataset.take(order)).X

    assert np.array_equal(X, preprocessing.transform(dataset).X[order])


@pytest.mark.parametrize("scale", SCALES)
def test_the_state_survives_json(scale):
    dataset = make_toy_dataset(n_channels=3, missing=True)
    preprocessing = fit(dataset, scale)

    restored = Preprocessing.from_dict(json.loads(json.dumps(asdict(preprocessing))))

    assert restored == preprocessing


def test_the_data_given_are_left_as_they_are():
    dataset = make_toy_dataset(unequal=True, missing=True)
    before = dataset.X.copy()

    fit(dataset, "series").transform(dataset)

    assert np.array_equal(dataset.X, before, equal_nan=True)


def test_other_channels_than_in_training_are_refused():
    preprocessing = fit(make_toy_dataset(n_channels=2))

    with pytest.raises(DataError, match="found 3 channels; expected the 2 of the training part"):
        preprocessing.transform(make_toy_dataset(n_channels=3))


def test_a_channel_without_any_value_is_refused():
    train = from_series([np.array([[1.0, 2.0], [NAN, NAN]])] * 2)

    with pytest.raises(DataError, match="channel 1 has no value in any of 2 training series"):
        fit(train)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused_with_their_place(value):
    dataset = make_toy_dataset(n_channels=2)
    broken = replace(dataset, X=dataset.X.copy())
    broken.X[3, 1, 4] = value

    for refusing in (lambda: fit(broken), lambda: fit(dataset).transform(broken)):
        with pytest.raises(DataError, match=r"instance 3, channel 1, time 4 is -?inf"):
            refusing()


def test_an_infinite_value_in_the_padding_means_nothing():
    dataset = make_dataset([1.0], [1.0, 2.0])
    dataset.X[0, 0, 1] = np.inf

    assert fit(dataset).transform(dataset).X[0, 0, 1] == 0

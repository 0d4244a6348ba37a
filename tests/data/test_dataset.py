import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsconv.data.dataset import TimeSeriesDataset, encode_labels, from_series
from tsconv.data.lazy import LazySeries
from tsconv.errors import DataError


def make(**parts):
    series = [np.array([[1.0, np.nan, 3.0]]), np.array([[4.0]])]
    return from_series(series, ["up", "down"], **parts)


def test_series_are_padded_at_the_end_and_lengths_say_where():
    dataset = make()

    assert dataset.X.shape == (2, 1, 3)
    assert dataset.lengths.tolist() == [3, 1]
    assert dataset.is_padded
    assert dataset.mask().tolist() == [[True, True, True], [True, False, False]]


def test_missing_values_are_those_inside_a_series():
    assert make().missing().tolist() == [[[False, True, False]], [[False, False, False]]]


def test_labels_are_the_strings_of_the_classes():
    dataset = make()

    assert dataset.classes == ("down", "up")
    assert dataset.y.tolist() == [1, 0]
    assert dataset.labels.tolist() == ["up", "down"]


@given(st.lists(st.text(st.characters(exclude_categories=["C"])), min_size=1))
@settings(deadline=None)
def test_encoding_labels_loses_nothing(labels):
    codes, classes = encode_labels(labels)

    assert [classes[code] for code in codes] == labels
    assert list(classes) == sorted(set(labels))


def test_take_keeps_every_part_in_step():
    ids = np.array(["a", "b"], dtype=object)
    dataset = make(ids=ids, extras=pd.DataFrame({"site": ["n", "s"]}))

    taken = dataset.take([1, 0, 1])

    assert taken.labels.tolist() == ["down", "up", "down"]
    assert taken.ids.tolist() == ["b", "a", "b"]
    assert taken.extras["site"].tolist() == ["s", "n", "s"]
    assert taken.classes == dataset.classes


def test_classes_of_train_re_encode_the_labels():
    dataset = make().with_classes(("down", "left", "up"))

    assert dataset.y.tolist() == [2, 0]
    assert dataset.labels.tolist() == ["up", "down"]


def test_label_that_train_lacks_is_refused():
    with pytest.raises(DataError, match=r"found label 'up'.* training classes: down, left"):
        make().with_classes(("down", "left"))


def test_a_label_that_is_the_number_of_a_class_is_told_to_be_text():
    dataset = from_series([np.ones((1, 2))] * 3, ["1", "0.0", "0.0"])

    with pytest.raises(DataError, match=r"instance 11: found label '0.0' where training has '0' "):
        dataset.with_classes(("0", "1"), first=10)


def test_a_label_that_train_lacks_is_told_with_the_id():
    ids = np.array(["p", "q"], dtype=object)
    dataset = from_series([np.ones((1, 2))] * 2, ["a", "nan"], ids=ids)

    with pytest.raises(DataError, match="id 'q': found label 'nan'; expected one of"):
        dataset.with_classes(("a", "inf"))


def make_channels(names, on_disk=False):
    levels = {"a": 1.0, "b": 2.0, "c": 3.0}
    X = np.stack([np.full((2, 4), levels[name], np.float32) for name in names], axis=1)
    lazy = LazySeries(X.__getitem__, X.shape)
    return TimeSeriesDataset(X=lazy if on_disk else X, lengths=np.array([4, 3]), channels=names)


@pytest.mark.parametrize("on_disk", [False, True])
def test_channels_come_in_the_order_of_trains(on_disk):
    dataset = make_channels(("c", "a", "b"), on_disk).with_channels(("a", "b", "c"))

    assert dataset.channels == ("a", "b", "c")
    assert dataset.is_on_disk == on_disk
    assert np.asarray(dataset.X)[:, :, 0].tolist() == [[1, 2, 3]] * 2


@pytest.mark.parametrize("channels", [(), ("a", "b", "c")])
def test_channels_without_names_or_in_order_stay_as_they_are(channels):
    dataset = make_channels(("a", "b", "c"))

    assert dataset.with_channels(channels) is dataset


def test_the_only_channel_may_have_any_name():
    dataset = make_channels(("a",))

    assert dataset.with_channels(("b",)) is dataset


def test_channels_that_train_lacks_are_refused():
    with pytest.raises(DataError, match=r"found the channels a, c; expected those .*: a, b"):
        make_channels(("a", "c")).with_channels(("a", "b"))


def test_fingerprint_ignores_what_stands_in_the_padding():
    dataset = make()
    other = make()
    other.X[1, 0, 2] = 99

    assert other.fingerprint() == dataset.fingerprint()


def test_fingerprint_knows_no_sign_of_zero():
    signed, unsigned = make(), make()
    signed.X[0, 0, 0], unsigned.X[0, 0, 0] = -0.0, 0.0

    assert signed.fingerprint() == unsigned.fingerprint()


def test_fingerprint_sees_values_lengths_and_labels():
    dataset = make()
    value = make()
    value.X[0, 0, 0] = 2
    swapped = from_series([np.array([[1.0, np.nan, 3.0]]), np.array([[4.0]])], ["down", "up"])

    prints = {each.fingerprint() for each in (dataset, value, swapped)}

    assert len(prints) == 3


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"X": np.zeros((2, 1, 3))}, "expected X as float32"),
        ({"X": np.zeros((2, 3), np.float32)}, r"found float32 \(2, 3\)"),
        ({"X": np.zeros((0, 1, 3), np.float32)}, "at least one instance"),
        ({"y": np.zeros(3, np.int64)}, "found 2 series but 3 y"),
        ({"lengths": np.array([0, 3])}, "found 0 to 3"),
        ({"lengths": np.array([1, 4])}, "found 1 to 4"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    good = {"X": np.zeros((2, 1, 3), np.float32), "lengths": np.array([3, 3])}

    with pytest.raises(DataError, match=message):
        TimeSeriesDataset(**{**good, **parts})


def test_series_need_one_number_of_channels():
    with pytest.raises(DataError, match=r"one number of channels, found \[1, 2\]"):
        from_series([np.ones((1, 2)), np.ones((2, 2))])


def test_no_series_are_no_dataset():
    with pytest.raises(DataError, match="at least one series"):
        from_series([])

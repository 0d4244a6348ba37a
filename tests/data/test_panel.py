import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tsconv.data.panel import from_panel
from tsconv.errors import DataError

CUBE = np.arange(24, dtype=float).reshape(2, 3, 4)
UNEQUAL = [np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(2, 2)]


def test_array_of_three_axes_is_instances_channels_timepoints():
    dataset = from_panel(CUBE, ["b", "a"])

    np.testing.assert_array_equal(dataset.X, CUBE)
    assert dataset.labels.tolist() == ["b", "a"]
    assert dataset.classes == ("a", "b")


def test_array_of_two_axes_has_one_channel():
    assert from_panel(CUBE[:, 0]).X.shape == (2, 1, 4)


def test_values_missing_at_the_end_of_an_array_are_padding():
    values = CUBE.copy()
    values[0, :, 2:] = np.nan
    values[1, 0, 3] = np.nan

    dataset = from_panel(values)

    assert dataset.lengths.tolist() == [2, 4]
    assert dataset.missing().sum() == 1


def test_list_of_arrays_keeps_each_length():
    dataset = from_panel(UNEQUAL)

    assert dataset.lengths.tolist() == [3, 2]
    for found, expected in zip(dataset.X, UNEQUAL, strict=True):
        np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)


def test_list_of_flat_arrays_and_of_plain_lists_has_one_channel():
    expected = from_panel([np.array([1.0, 2.0]), np.array([3.0])])

    assert expected.X.shape == (2, 1, 2)
    assert from_panel([[1, 2], [3]]).fingerprint() == expected.fingerprint()


def test_list_of_frames_has_time_down_and_channels_across():
    frames = [pd.DataFrame(each.T, columns=["x", "y"]) for each in UNEQUAL]

    dataset = from_panel(frames)

    assert dataset.channels == ("x", "y")
    assert dataset.fingerprint() == from_panel(UNEQUAL).fingerprint()


def test_index_of_instance_and_time_gives_ids():
    frames = {"p": pd.DataFrame(UNEQUAL[0].T), "k": pd.DataFrame(UNEQUAL[1].T)}

    dataset = from_panel(pd.concat(frames))

    assert dataset.ids.tolist() == ["p", "k"]
    assert dataset.fingerprint() == from_panel(UNEQUAL).fingerprint()


@pytest.mark.parametrize(
    "mtype", ["df-list", "numpy3D", "nested_univ", "pd-long", "pd-wide", "pd-multiindex"]
)
def test_sktime_panels_agree(mtype):
    from sktime.datatypes import convert_to

    nested = convert_to(CUBE, "nested_univ")

    dataset = from_panel(convert_to(nested, mtype))

    assert dataset.fingerprint() == from_panel(CUBE).fingerprint()


def test_numpy_lists_and_frames_need_no_sktime():
    code = (
        "import sys; sys.modules['sktime'] = None; import numpy as np, pandas as pd;"
        "from tsconv.data.panel import from_panel; x = np.ones((2, 1, 3));"
        "from_panel(x); from_panel(list(x)); from_panel(pd.DataFrame(x[:, 0]));\n"
        "try: from_panel({1: 2})\n"
        "except ValueError as error: assert 'install sktime' in str(error)\n"
        "else: raise SystemExit(3)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([1, 2]), ["1", "2"]),
        ([1.0, 2.5], ["1.0", "2.5"]),
        (pd.Series([True, False]), ["True", "False"]),
        (np.array([" a", "A"]), [" a", "A"]),
        (pd.Series(["u", "v"], dtype="category", index=[7, 3]), ["u", "v"]),
    ],
)
def test_labels_are_strings_as_spelled(y, expected):
    assert from_panel(CUBE, y).labels.tolist() == expected


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (CUBE, ["a"], r"one label for each of the 2 instances, found labels of the shape \(1,\)"),
        (CUBE, ["a", None], "instance 1: expected a class label, found None"),
        (CUBE[0, 0], None, r"found the shape \(4,\)"),
        ([], None, "at least one series"),
        ([np.ones((2, 3)), np.ones((3, 3))], None, "one number of channels, found"),
        ([np.ones((2, 0))], None, r"instance 0: .* found the shape \(2, 0\)"),
        ([np.ones((1, 2)), np.full((1, 2), np.nan)], None, "instance 1: expected at least one"),
        ([np.array([1.0, np.inf])], None, "not finite in float32"),
        ([["a", "b"]], None, "instance 0: expected numbers"),
        (pd.DataFrame({"a": ["x"]}), None, "expected numbers"),
        ({1: 2}, None, "another sktime Panel, found dict"),
        (np.ones((0, 1, 3)), None, "at least one series"),
    ],
)
def test_what_does_not_fit_is_said(X, y, message):
    with pytest.raises(DataError, match=message):
        from_panel(X, y)

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tsconv.data.columns import NO_LABEL, Columns, resolve_columns
from tsconv.data.dataset import from_series
from tsconv.data.format import Schema
from tsconv.data.numbering import running_prefix
from tsconv.data.tables import read_table, to_lists, to_long, to_wide
from tsconv.errors import FormatError


class FrameTable:
    """A table in memory, its columns numeric where their dtype is."""

    def __init__(self, path, **columns):
        frame = pd.DataFrame(columns)
        kinds = {
            name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "text"
            for name in frame
        }
        sample = {name: frame[name].tolist() for name in frame}
        self.columns = Columns(path=path, kinds=kinds, sample=sample.__getitem__)
        self.cells = pa.Table.from_pandas(frame)

    is_small = True

    def pieces(self, numbers):
        yield self.cells

    def place(self, row):
        return f"row {row}"


def resolve(tmp_path, schema=None, **columns):
    return resolve_columns(FrameTable(tmp_path / "x", **columns).columns, schema or Schema())


def read(tmp_path, schema=None, **columns):
    (dataset,) = read_table(FrameTable(tmp_path / "x", **columns), schema or Schema(), None)
    return dataset


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["t0", "t1", "t2"], "t"),
        (["t1", "t2"], "t"),
        (["0", "1"], ""),
        (["0.0", "0.5", "1.0"], ""),
        (["t7"], "t"),
        (["t0", "t2", "t3"], None),
        (["t1", "t0"], None),
        (["t0", "u1"], None),
        (["x", "y"], None),
        ([], None),
    ],
)
def test_running_prefix_needs_one_prefix_and_even_numbers(names, prefix):
    assert running_prefix(names) == prefix


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        ({"Label": [1], "a": [1], "note": ["x"]}, "Label"),
        ({"CLASS": [1], "a": [1], "note": ["x"]}, "CLASS"),
        ({"kind": ["u"], "a": [1]}, "kind"),
        ({"kind": ["u"], "y": [1]}, "kind"),
        ({"y": [1], "a": [1]}, "y"),
        ({"id": ["p"], "kind": ["u"], "a": [1]}, "kind"),
    ],
)
def test_label_column_is_found(tmp_path, columns, label):
    assert resolve(tmp_path, **columns).label == label


@pytest.mark.parametrize(
    "columns",
    [
        {"x": [1], "y": [1], "z": [1]},
        {"class": ["u"], "target": ["v"], "a": [1]},
        {"kind": ["u"], "note": ["v"], "a": [1]},
    ],
)
def test_label_column_in_doubt_is_asked_for(tmp_path, columns):
    with pytest.raises(FormatError, match="--label COLUMN"):
        resolve(tmp_path, **columns)


def test_table_may_be_said_to_have_no_labels(tmp_path):
    dataset = read(tmp_path, Schema(label=NO_LABEL), t0=[1], t1=[2])

    assert dataset.y is None
    assert dataset.n_timepoints == 2


def test_given_column_that_is_not_there_is_guessed(tmp_path):
    with pytest.raises(FormatError, match="expected a column 'kinf', did you mean 'kind'"):
        resolve(tmp_path, Schema(label="kinf"), kind=["u"], a=[1])


def test_layout_is_long_if_ids_repeat_beside_a_time(tmp_path):
    long = {"id": [1, 1], "time": [0, 1], "x": [1, 2], "label": ["u", "u"]}
    dated = {"id": [1, 2], "date": ["2026-01-01", "2026-01-02"], "t0": [1, 2], "label": ["u", "u"]}

    assert resolve(tmp_path, **long).layout == "long"
    assert resolve(tmp_path, **dated).layout == "wide"


def numbered(prefix, n_columns):
    return {f"{prefix}{k}": [k, k, k, k] for k in range(n_columns)}


VISITS = {"id": [1, 1, 2, 2], "date": [1, 2, 1, 2], "label": ["u", "u", "v", "v"]}


@pytest.mark.parametrize(
    ("prefix", "n_columns", "layout"),
    [
        ("t", 5, "wide"),
        ("Time_", 3, "wide"),
        ("channel_", 12, "long"),
        ("x", 9, "long"),
    ],
)
def test_repeated_ids_beside_numbered_columns_go_by_what_is_numbered(
    tmp_path, prefix, n_columns, layout
):
    assert resolve(tmp_path, **VISITS, **numbered(prefix, n_columns)).layout == layout


@pytest.mark.parametrize("prefix", ["x", ""])
def test_numbered_columns_that_may_be_channels_or_times_are_asked_about(tmp_path, prefix):
    columns = VISITS | numbered(prefix, 10)

    with pytest.raises(FormatError, match="say --layout wide or --layout long"):
        resolve(tmp_path, **columns)
    assert resolve(tmp_path, Schema(layout="wide"), **columns).layout == "wide"
    assert resolve(tmp_path, Schema(time="date"), **columns).layout == "long"


def test_long_layout_without_id_is_refused(tmp_path):
    with pytest.raises(FormatError, match="expected the id column of a long table"):
        resolve(tmp_path, Schema(layout="long"), time=[0, 1], x=[1, 2], label=["u", "u"])


ROUNDS = {
    "time": [0, 1, 0, 1, 0, 1],
    "x": [1.5, 2, 2, 3, 1, 0],
    "kind": ["u", "u", "v", "v", "u", "u"],
}


@pytest.mark.parametrize(
    "columns",
    [
        {"subject": ["p", "p", "q", "q", "r", "r"], **ROUNDS},
        {**ROUNDS, "subject": [1, 1, 2, 2, 3, 3]},
        {"subject": [1, 1, 1, 2, 2, 2], **ROUNDS, "time": [5, 6, 7, 8, 9, 10]},
        {"subject": [7] * 6, **ROUNDS, "time": [f"2026-01-0{k}" for k in range(1, 7)]},
        {"subject": ["p", "q", "r", "r", "q", "p"], **ROUNDS, "time": [1, 1, 0, 1, 0, 0]},
    ],
)
def test_an_id_by_another_name_is_asked_about(tmp_path, columns):
    with pytest.raises(FormatError, match="--id subject, or say --layout wide"):
        resolve(tmp_path, Schema(label="kind"), **columns)

    assert resolve(tmp_path, Schema(label="kind", id="subject"), **columns).layout == "long"
    assert resolve(tmp_path, Schema(label="kind", layout="wide"), **columns).layout == "wide"


@pytest.mark.parametrize(
    "columns",
    [
        ROUNDS,
        {"site": ["n", "s", "n", "s", "n", "s"], **ROUNDS, "time": [5, 6, 7, 8, 9, 10]},
        {**ROUNDS, "beats": [60, 61, 60, 60, 61, 61], "time": [3, 7, 5, 1, 9, 4]},
        {"site": ["n", "n", "n", "s", "s", "s"], **ROUNDS, **{f"t{k}": range(6) for k in range(5)}},
        {
            "index": range(6),
            "site": ["n", "n", "n", "s", "s", "s"],
            "x": range(6),
            "kind": ["u", "v"] * 3,
        },
        {"time": ["noon", "dawn"] * 3, "a": [1, 1, 2, 2, 3, 3], "kind": ["u"] * 6},
    ],
)
def test_a_wide_table_may_have_a_column_called_time(tmp_path, columns):
    assert resolve(tmp_path, Schema(label="kind"), **columns).layout == "wide"


def test_a_label_that_repeats_beside_a_time_is_no_id(tmp_path):
    columns = {"time": [0, 1, 0, 1], "x": [1, 3, 5, 2], "label": [1, 1, 2, 2]}

    assert resolve(tmp_path, **columns).layout == "wide"


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "Unnamed: 0.1"])
def test_unnamed_first_column_is_no_time_point(tmp_path, name):
    columns = {name: [0, 1], "a": [5, 6], "label": ["u", "v"]}

    dataset = read(tmp_path, **columns)

    assert dataset.X.tolist() == [[[5]], [[6]]]
    assert dataset.ids.tolist() == ["0", "1"]


def test_unnamed_columns_are_neither_series_nor_labels(tmp_path):
    columns = {"kind": ["u", "v"], "a": [5, 6], "Unnamed: 2": [0, 1], "Unnamed: 3": ["x", "y"]}

    dataset = read(tmp_path, **columns)

    assert dataset.X.tolist() == [[[5]], [[6]]]
    assert dataset.labels.tolist() == ["u", "v"]
    assert dataset.ids is None


SIDE_BY_SIDE = {
    "x0": [1, 4],
    "x1": [2, 5],
    "x2": [3, np.nan],
    "y_0": [10, 40],
    "y_1": [20, np.nan],
    "y_2": [30, np.nan],
}


def test_columns_numbered_alike_under_several_prefixes_are_channels(tmp_path):
    dataset = read(tmp_path, age=[60, 70], **SIDE_BY_SIDE, label=["u", "v"])

    assert dataset.channels == ("x", "y")
    assert dataset.lengths.tolist() == [3, 2]
    np.testing.assert_array_equal(dataset.X[0], [[1, 2, 3], [10, 20, 30]])
    np.testing.assert_array_equal(dataset.X[1, :, :2], [[4, 5], [40, np.nan]])
    assert dataset.extras.to_dict("list") == {"age": [60, 70]}


def test_channels_are_found_by_name_in_a_table_to_predict(tmp_path):
    schema = resolve(tmp_path, **SIDE_BY_SIDE, label=["u", "v"])

    dataset = read(tmp_path, schema, **dict(reversed(SIDE_BY_SIDE.items())))

    assert dataset.channels == ("x", "y")
    np.testing.assert_array_equal(dataset.X[0], [[1, 2, 3], [10, 20, 30]])


@pytest.mark.parametrize(
    ("z", "found"), [([0, 1, 2, 3], "3 x, 3 y_, 4 z"), ([0, 1, 3], "3 x, 3 y_, 3 z")]
)
def test_channels_of_different_time_points_are_refused(tmp_path, z, found):
    columns = SIDE_BY_SIDE | {f"z{k}": [1, 2] for k in z}

    with pytest.raises(
        FormatError, match=rf"numbered in several ways \({found}\); expected as many"
    ):
        resolve(tmp_path, **columns, label=["u", "v"])


TRAINED = Schema(layout="wide", label="kind", series=("t0", "t1", "t2"))
NAMED = Schema(layout="wide", label="kind", series=("low", "mid", "high"))


def test_series_are_taken_by_name_in_the_order_of_the_schema(tmp_path):
    dataset = read(tmp_path, NAMED, high=[3], other=[9], mid=[2], low=[1])

    assert dataset.X.tolist() == [[[1, 2, 3]]]
    assert dataset.extras.to_dict("list") == {"other": [9]}
    assert dataset.y is None


def test_missing_series_are_listed_with_what_was_found(tmp_path):
    with pytest.raises(FormatError, match="missing mid; found low, high, more"):
        read(tmp_path, NAMED, low=[1], high=[3], more=[4], kind=["u"])


@pytest.mark.parametrize("names", [["t0", "t1"], ["t0", "t1", "t2", "t3"], ["v1", "v2", "v3"]])
def test_numbered_series_may_be_longer_shorter_or_of_another_prefix(tmp_path, names):
    columns = {name: [k] for k, name in enumerate(names)}

    dataset = read(tmp_path, TRAINED, **columns, kind=["u"])

    assert dataset.X[0, 0].tolist() == [*range(len(names))]
    assert dataset.labels.tolist() == ["u"]


def test_hole_in_numbered_series_is_refused(tmp_path):
    with pytest.raises(FormatError, match="missing t1"):
        read(tmp_path, TRAINED, t0=[1], t2=[3], t3=[4])


def test_missing_label_is_an_error_only_while_training(tmp_path):
    columns = {"t0": [1, 2], "t1": [1, 2], "t2": [1, 2], "kind": ["u", None]}

    assert read(tmp_path, TRAINED, **columns).y is None
    with pytest.raises(FormatError, match="row 1: column 'kind': expected a class label"):
        read(tmp_path, **columns)


def test_extra_numbers_of_a_long_table_to_predict_are_left_out(tmp_path):
    schema = Schema(layout="long", label="kind", id="id", time="time", series=("x",))

    dataset = read(tmp_path, schema, id=[1, 1], time=[0, 1], x=[1, 2], z=[3, 4], site=["n", "n"])

    assert dataset.channels == ("x",)
    assert dataset.extras.to_dict("list") == {"site": ["n"]}


@pytest.mark.parametrize("to_table", [to_wide, to_long])
def test_tables_give_one_channel_back(tmp_path, to_table):
    dataset = from_series([np.array([[1.0, 2.0, 3.0]]), np.array([[4.0]])], ["u", "v"])

    found = read(tmp_path, **to_table(dataset))

    assert found.fingerprint() == dataset.fingerprint()


def test_lists_hold_series_without_padding():
    dataset = from_series([np.ones((2, 3)), np.ones((2, 1))], ["u", "v"])

    table = to_lists(dataset)

    assert [*table] == ["label", "channel_0", "channel_1"]
    assert [len(cell) for cell in table["channel_1"]] == [3, 1]

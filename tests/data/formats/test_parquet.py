import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tsconv.data.dataset import from_series
from tsconv.data.format import FORMATS, Schema, read_file, read_file_chunks, write_file
from tsconv.data.formats.parquet import write_table
from tsconv.errors import FormatError

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def save(tmp_path, **columns):
    path = tmp_path / "table.parquet"
    write_table(path, pd.DataFrame(columns))
    return path


def fault(path):
    with pytest.raises(FormatError) as caught:
        read_file(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_wide_table_of_numbers_is_read(tmp_path):
    path = save(tmp_path, label=["a", "b"], t0=[1, 2], t1=[0.5, None], t2=[3.0, None])

    dataset = read_file(path)

    assert dataset.lengths.tolist() == [3, 1]
    assert dataset.labels.tolist() == ["a", "b"]


def test_long_table_is_read(tmp_path):
    times = pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-01"])
    path = save(tmp_path, id=[1, 1, 2], date=times, x=[2, 1, 5], label=["a", "a", "b"])

    dataset = read_file(path)

    assert dataset.X[0, 0].tolist() == [1, 2]
    assert dataset.ids.tolist() == ["1", "2"]


def test_rows_of_a_small_long_table_stand_in_any_order(tmp_path, monkeypatch):
    columns = {"id": [1, 2, 1], "time": [1, 0, 0], "x": [2, 5, 1], "label": ["a", "b", "a"]}
    path = save(tmp_path, **columns)

    chunks = list(read_file_chunks(path, Schema(), 1))

    assert [chunk.X[0, 0].tolist() for chunk in chunks] == [[1, 2], [5]]
    monkeypatch.setattr("tsconv.data.formats.parquet.SMALL_CELLS", 11)
    with pytest.raises(FormatError, match=r"row 3: found id '1' again .* sort the table"):
        list(read_file_chunks(path, Schema(), 1))


@pytest.mark.parametrize("ids", [["a", "a", None], [1.0, 1.0, None]])
def test_a_time_point_without_an_id_is_refused(tmp_path, ids):
    path = save(tmp_path, id=ids, time=[0, 1, 0], x=[2, 1, 5], label=["a", "a", "b"])

    assert "row 3: column 'id': expected an id, found an empty cell" in fault(path)


def test_columns_of_lists_are_channels(tmp_path):
    path = save(tmp_path, x=[[1, 2, 3], [4]], y=[[1.0, None, 3.0], [4.0]], label=[True, False])

    dataset = read_file(path)

    assert dataset.channels == ("x", "y")
    assert dataset.lengths.tolist() == [3, 1]
    assert dataset.classes == ("False", "True")
    assert dataset.missing().sum() == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [[1, 2]], "y": [[1]], "label": ["a"]}, "row 1: expected lists of one length"),
        ({"x": [[1.0], []], "label": ["a", "b"]}, "row 2: expected lists of one length"),
        ({"x": [[1.0], None], "label": ["a", "b"]}, "row 2: expected lists of one length"),
        ({"x": [[1.0], [np.nan]], "label": ["a", "b"]}, "row 2: expected a series with at least"),
        ({"x": [[1.0], [np.inf]], "label": ["a", "b"]}, "row 2: found a value that is not finite"),
        ({"t0": [1.0, 1e39], "label": ["a", "b"]}, "row 2: column 't0': found a value that is not"),
        ({"t0": [1.0, 2.0], "label": ["a", None]}, "row 2: column 'label': expected a class label"),
        ({"t0": [1.0, None], "label": ["a", "b"]}, "row 2: expected a series with at least one"),
        ({"t0": [1.0], "t1": [2.0]}, "name it with --label COLUMN"),
        ({"label": ["a"], "note": ["b"]}, "expected at least one numeric column"),
        ({"label": [], "t0": []}, "expected rows after the header, found none"),
    ],
)
def test_broken_table_says_what_and_where(tmp_path, columns, message):
    path = save(tmp_path, **columns)

    found = fault(path)

    assert message in found


@pytest.mark.parametrize("content", [b"", b"label,t0\na,1\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_other_content_is_refused(tmp_path, content):
    path = tmp_path / "table.parquet"
    path.write_bytes(content)

    assert "expected a parquet file" in fault(path)


def test_truncated_file_is_refused(tmp_path):
    path = save(tmp_path, label=["a"], t0=[1.0])
    path.write_bytes(path.read_bytes()[:-20])

    assert "expected a parquet file" in fault(path)


def test_chunks_are_bounded_and_in_order(tmp_path):
    path = tmp_path / "x.parquet"
    write_file(path, from_series([np.full((2, k), k) for k in range(1, 8)], list("abcabca")))

    chunks = list(read_file_chunks(path, Schema(), 3))

    assert [chunk.n_instances for chunk in chunks] == [3, 3, 1]
    assert [n for chunk in chunks for n in chunk.lengths] == [*range(1, 8)]


def test_schema_of_numbered_columns_takes_one_column_of_lists(tmp_path):
    schema = FORMATS.get("parquet").resolve(
        save(tmp_path, label=["a"], t0=[1.0], t1=[2.0], t2=[3.0]), Schema()
    )
    path = save(tmp_path, series=[[1.0, 2.0]])

    dataset = read_file(path, schema)

    assert dataset.y is None
    assert dataset.X.tolist() == [[[1, 2]]]


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_write_then_read_is_identity(tmp_path_factory, data):
    n_channels = data.draw(st.integers(1, 3))
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    values = st.one_of(FLOATS, st.just(float("nan")))
    series = [
        data.draw(arrays.arrays(np.float32, (n_channels, n), elements=values)) for n in lengths
    ]
    for each in series:
        each[0, 0] = data.draw(FLOATS)
    text = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(str.strip)
    labels = data.draw(st.lists(text, min_size=len(lengths), max_size=len(lengths)))
    dataset = from_series(series, labels)
    path = tmp_path_factory.mktemp("parquet") / "x.parquet"

    write_file(path, dataset)
    found = read_file(path)

    assert found.fingerprint() == dataset.fingerprint()


def test_lists_of_several_row_groups_are_one_dataset(tmp_path, monkeypatch):
    series = [np.arange(2 * n, dtype=np.float32).reshape(2, n) for n in (3, 1, 2)]
    dataset = from_series(series, ["a", "b", "a"], channels=("x", "z"))
    write_file(tmp_path / "one.parquet", dataset)
    table = pyarrow.parquet.read_table(tmp_path / "one.parquet")
    pyarrow.parquet.write_table(table, tmp_path / "three.parquet", row_group_size=1)
    monkeypatch.setattr("tsconv.data.formats.parquet.BATCH_CELLS", 1)

    found = read_file(tmp_path / "three.parquet")

    assert found.fingerprint() == dataset.fingerprint()

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tsconv.data.dataset import from_series
from tsconv.data.format import FORMATS, Schema, read_file, read_file_chunks, write_file
from tsconv.data.formats.csv import CsvTable
from tsconv.data.tables import read_table
from tsconv.errors import FormatError

WIDE = "label,t0,t1,t2\nup,1,2,3\ndown,3,2,1\n"
LONG = "id,time,x,z,label\na,1,2,20,up\na,0,1,10,up\nb,0,5,50,down\n"

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(str.strip)


def save(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def fault(path, schema=None):
    with pytest.raises(FormatError) as caught:
        read_file(path, schema)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), path.name)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    assert found.labels is None or found.labels.tolist() == expected.labels.tolist()


def test_wide_table_is_an_instance_a_row(tmp_path):
    path = save(tmp_path, WIDE)

    dataset = read_file(path)

    assert dataset.X.tolist() == [[[1, 2, 3]], [[3, 2, 1]]]
    assert dataset.classes == ("down", "up")
    assert dataset.labels.tolist() == ["up", "down"]
    assert dataset.name == "table"


@pytest.mark.parametrize("chunk_size", [None, 1])
def test_wide_table_may_hold_channels_side_by_side(tmp_path, chunk_size):
    path = save(tmp_path, "x0,x1,x2,y0,y1,y2,label\n1,2,3,10,20,30,up\n1,2,3,4,5,,down\n")

    first = next(read_file_chunks(path, Schema(), chunk_size))

    assert first.channels == ("x", "y")
    assert first.X[0].tolist() == [[1, 2, 3], [10, 20, 30]]


def test_long_table_is_a_time_point_a_row_sorted_by_time(tmp_path):
    path = save(tmp_path, LONG)

    dataset = read_file(path)

    assert dataset.X[0].tolist() == [[1, 2], [10, 20]]
    assert dataset.lengths.tolist() == [2, 1]
    assert dataset.channels == ("x", "z")
    assert dataset.ids.tolist() == ["a", "b"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_byte_order_mark_and_line_end_do_not_matter(tmp_path, delimiter, start, end):
    text = start + WIDE.replace(",", delimiter).replace("\n", end)

    dataset = read_file(save(tmp_path, text))

    assert_same(dataset, read_file(save(tmp_path, WIDE, "plain.csv")))


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("header", ["t0;t1;t2;label\n", ""])
def test_decimals_may_stand_after_a_comma(tmp_path, delimiter, header):
    rows = "0,5;1,25;8;up\n-3;;1,5e2;down\n1,500;0;,5;up\n"
    path = save(tmp_path, (header + rows).replace(";", delimiter))

    dataset = read_file(path)

    assert dataset.X[0].tolist() == [[0.5, 1.25, 8]]
    np.testing.assert_array_equal(dataset.X[1], [[-3, np.nan, 150]])
    assert dataset.X[2].tolist() == [[1.5, 0, 0.5]]


def test_quoted_decimals_may_stand_after_a_comma(tmp_path):
    path = save(tmp_path, 't0,t1,label\n"0,5","1,5",up\n2,"2,5",down\n')

    assert read_file(path).X.tolist() == [[[0.5, 1.5]], [[2, 2.5]]]


def test_a_comma_before_thousands_is_no_decimal_comma(tmp_path):
    path = save(tmp_path, "t0;t1;t2;t3;label\n1,500;2;3;4;up\n2,750;3;4;5;down\n")

    assert "found text such as '1,500'" in fault(path, Schema(label="label"))


def test_one_decimal_point_among_decimal_commas_is_no_number(tmp_path):
    rows = "".join(f"{k},5;{k};up\n" for k in range(600))
    path = save(tmp_path, f"t0;t1;label\n{rows}1.5;2;down\n")

    assert "table.csv:602: column 't0': expected a number, found '1.5'" in fault(path)


@pytest.mark.parametrize("labels", [("1", "1.0"), ("01", "1"), ("True", "False"), ("NA", " NA")])
def test_labels_are_kept_as_the_file_spells_them(tmp_path, labels):
    path = save(tmp_path, f"t0,class\n1,{labels[0]}\n2,{labels[1]}\n")

    dataset = read_file(path)

    assert dataset.labels.tolist() == list(labels)


def test_empty_cells_at_the_end_are_padding_and_inner_ones_missing(tmp_path):
    path = save(tmp_path, "label,t0,t1,t2,t3\na,1,,3,\nb,NaN,2,NaN,\n")

    dataset = read_file(path)

    assert dataset.lengths.tolist() == [3, 2]
    assert dataset.n_timepoints == 3
    assert dataset.missing().sum() == 2


@pytest.mark.parametrize(
    "row", ['"b",3,4,5', "b,3,NA,5", "b,3,4,5\r\n", " b,3,,5", "b, 3,4 ,5", "?,3,4,5", "b,1e3,+4,5"]
)
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_table_that_is_not_plain_to_its_end_is_read_all_the_same(tmp_path, row, chunk_size):
    path = save(tmp_path, "label,t0,t1,t2\na,1,2,3\nc,1,,\n" + row + "\nd,7,8,\n")
    table = CsvTable(path)
    general = list(read_table(table, Schema(), chunk_size))

    chunks = list(read_file_chunks(path, Schema(), chunk_size))

    assert [chunk.fingerprint() for chunk in chunks] == [each.fingerprint() for each in general]


def test_file_without_header_names_columns_by_position(tmp_path):
    path = save(tmp_path, "0.5,1.5,0.25,up\n3,2,1,down\n")

    dataset = read_file(path)

    assert dataset.labels.tolist() == ["up", "down"]
    assert dataset.X[0, 0].tolist() == [0.5, 1.5, 0.25]


def test_file_without_header_of_numbers_only_asks_for_the_label(tmp_path):
    path = save(tmp_path, "2,0.5,1.5\n1,3,2\n")

    assert "--label COLUMN: 0 is the first, 2 the last" in fault(path)
    assert read_file(path, Schema(label="0")).classes == ("1", "2")


def test_header_of_running_numbers_is_a_header(tmp_path):
    path = save(tmp_path, "0,1,2,label\n5,6,8,a\n")

    assert read_file(path).X.tolist() == [[[5, 6, 8]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table.csv:1: expected a table, found an empty file"),
        (" \n\n", "table.csv:1: expected a table, found an empty file"),
        ("label,t0\n", "table.csv: expected rows after the header, found none"),
        (
            "label,t0,t1\na,1,2\nb,1\n",
            "table.csv:3: expected 3 cells as in the first line, found 2",
        ),
        ("label,t0,t1\na,1,2\nb,1,2,3\n", "table.csv:3: expected 3 cells"),
        (
            "# exported\nlabel,t0\na,1\n",
            "found 2; is a value not quoted, or is the first line a title",
        ),
        ("label,t0\na,1\n\nb,x\nc,2\n", "table.csv:4: column 't0': expected a number, found 'x'"),
        ("label,t0,t1\na,1,2\nb,,\n", "table.csv:3: expected a series with at least one value"),
        ("label,t0\na,1\n,2\n", "table.csv:3: column 'label': expected a class label"),
        ("label,t0\na,1\nb,1e39\n", "table.csv:3: column 't0': found a value that is not finite"),
        ("label,t0,t0\na,1,2\n", "table.csv:1: found the column 't0' twice"),
        ("label,note\na,b\n", "expected at least one numeric column"),
        ("t0,t1\n1,2\n", "table.csv: expected a column of class labels"),
        ("kind,note,t0\na,b,1\n", "found 2 that could be: kind, note; name it with --label COLUMN"),
        ('label,t0\na,1\n"b,2\nc,3\n', "is a closing quote missing?"),
        (b"PAR1\0\0\1\2", "found binary content"),
        (b"label,t0\nfa\xe7ade,1\n", "table.csv:2: expected UTF-8 text, found the byte 0xe7"),
    ],
)
def test_broken_file_says_what_and_where(tmp_path, text, message):
    path = save(tmp_path, text)

    found = fault(path)

    assert message in found


def test_junk_far_down_a_numeric_column_is_found(tmp_path):
    rows = [f"a,{k},{k}" for k in range(30_000)]
    rows[29_990] = "a,1,oops"

    found = fault(save(tmp_path, "label,t0,t1\n" + "\n".join(rows)))

    assert "table.csv:29992: column 't1': expected a number, found 'oops'" in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,time,x,label\na,0,1,u\na,0,2,u\n", "table.csv:3: found the time 0"),
        ("id,time,x,label\na,0,1,u\na,1,2,v\n", "table.csv:3: column 'label': expected one value"),
        ("id,time,x,label\na,0,,u\na,1,,u\n", "table.csv:2: expected a series with at least one"),
        ("id,time,x,label\na,0,1,u\n,0,2,u\n", "table.csv:3: column 'id': expected an id, found"),
        ('id,time,x,label\n"a",0,1,u\na,1,2,u\n ,0,2,u\n', "table.csv:4: column 'id': expected an"),
        ("id,time,x,label\na,0,1,u\na,,2,u\n", "table.csv:3: column 'time': expected a number"),
        ("id,date,x,label\na,2026-01-01,1,u\na,June,2,u\n", "table.csv:3: column 'date': expected"),
    ],
)
def test_broken_long_table_says_what_and_where(tmp_path, text, message):
    path = save(tmp_path, text)

    found = fault(path)

    assert message in found


def test_long_table_takes_iso_times(tmp_path):
    text = "id,date,x,label\na,2026-01-02,2,u\na,2026-01-01T12:00,1,u\n"

    dataset = read_file(save(tmp_path, text))

    assert dataset.X.tolist() == [[[1, 2]]]


def test_huge_header_is_read(tmp_path):
    n = 20_000
    text = "label," + ",".join(f"t{k}" for k in range(n)) + "\na," + ",".join(["1.25"] * n) + "\n"

    dataset = read_file(save(tmp_path, text))

    assert dataset.X.shape == (1, 1, n)


def test_rows_longer_than_a_block_are_read(tmp_path):
    table = "label,t0,note\n" + "\n".join(f"a,{k},{'x' * 300_000}" for k in range(5))

    dataset = read_file(save(tmp_path, table), Schema(label="label"))

    assert dataset.n_instances == 5


@pytest.mark.parametrize("text", [WIDE, LONG])
@pytest.mark.parametrize("chunk_size", [1, 2, 3])
def test_chunks_put_together_are_the_whole(tmp_path, text, chunk_size):
    path = save(tmp_path, text)
    whole = read_file(path)

    chunks = list(read_file_chunks(path, Schema(), chunk_size))

    assert [chunk.n_instances for chunk in chunks] == ([1, 1] if chunk_size == 1 else [2])
    assert [label for chunk in chunks for label in chunk.labels] == whole.labels.tolist()
    assert sum(float(np.nansum(chunk.X)) for chunk in chunks) == float(np.nansum(whole.X))


SCATTERED = "id,time,x,label,site\na,1,3,u,n\nb,0,2,v,s\na,0,1,u,n\nc,0,4,u,n\nb,1,5,v,s\n"


@pytest.mark.parametrize("text", [SCATTERED, SCATTERED.replace("u", '"u"')])
@pytest.mark.parametrize("chunk_size", [1, 2, 3])
def test_rows_of_a_small_long_table_stand_in_any_order(tmp_path, text, chunk_size):
    path = save(tmp_path, text)

    chunks = list(read_file_chunks(path, Schema(label="label"), chunk_size))

    series = [row[0, ~np.isnan(row[0])].tolist() for chunk in chunks for row in chunk.X]
    assert series == [[1, 3], [2, 5], [4]]
    assert [chunk.n_instances for chunk in chunks] == [[1, 1, 1], [2, 1], [3]][chunk_size - 1]
    assert [label for chunk in chunks for label in chunk.labels] == ["u", "v", "u"]
    assert [name for chunk in chunks for name in chunk.ids] == ["a", "b", "c"]
    assert [site for chunk in chunks for site in chunk.extras["site"]] == ["n", "s", "n"]


def test_an_error_in_a_regrouped_table_says_the_line_of_the_file(tmp_path):
    path = save(tmp_path, SCATTERED.replace("b,1,5,v", "b,1,5,u"))

    with pytest.raises(FormatError, match=r"table\.csv:6: column 'label': expected one value"):
        list(read_file_chunks(path, Schema(label="label"), 1))


def test_chunks_of_a_large_table_need_an_id_in_one_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.data.rows.SMALL_BYTES", 10)
    path = save(tmp_path, "id,time,x,label\na,0,1,u\nb,0,2,u\na,1,3,u\n")

    assert read_file(path).lengths.tolist() == [2, 1]
    with pytest.raises(FormatError, match=r"table\.csv:4: found id 'a' again .* sort the table"):
        list(read_file_chunks(path, Schema(), 1))


@pytest.mark.parametrize("small", [0, 1000])
def test_empty_ids_are_told_of_as_such_in_chunks(tmp_path, monkeypatch, small):
    monkeypatch.setattr("tsconv.data.rows.SMALL_BYTES", small)
    path = save(tmp_path, "id,time,x,label\na,0,1,u\n,0,2,u\nb,0,3,u\n,1,3,u\n")

    with pytest.raises(FormatError, match=r"table\.csv:3: .* expected an id, found an empty cell"):
        list(read_file_chunks(path, Schema(), 3))


def test_long_chunks_cross_the_blocks_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.data.formats.csv.BLOCK_BYTES", 512)
    monkeypatch.setattr("tsconv.data.rows.SMALL_BYTES", 0)
    series = [np.arange(2 * n, dtype=float).reshape(2, n) for n in range(1, 60)]
    path = tmp_path / "long.csv"
    write_file(path, from_series(series, ["a"] * len(series)))

    chunks = list(read_file_chunks(path, Schema(), 7))

    assert [length for chunk in chunks for length in chunk.lengths] == [*range(1, 60)]


def test_extra_columns_travel_along_and_ids_are_no_series(tmp_path):
    path = save(tmp_path, "case_id,t0,t1,t2,site,label,age\n7,1,2,3,north,a,030\n")

    dataset = read_file(path)

    assert dataset.ids.tolist() == ["7"]
    assert dataset.n_timepoints == 3
    assert dataset.extras.to_dict("list") == {"site": ["north"], "age": ["030"]}


def test_table_to_predict_may_lack_labels_or_have_some(tmp_path):
    schema = resolved(save(tmp_path, WIDE))
    without = save(tmp_path, "t0,t1,t2\n1,2,3\n", "without.csv")
    partly = save(tmp_path, "t0,t1,t2,label\n1,2,3,up\n1,2,3,\n", "partly.csv")

    assert read_file(without, schema).y is None
    assert read_file(partly, schema).y is None


def resolved(path):
    return FORMATS.get("csv").resolve(path, Schema())


def test_write_chooses_the_form_that_is_exact(tmp_path):
    wide = from_series([np.array([[1.0, 2.0]])], ["a"])
    long = from_series([np.array([[1.0, np.nan]])], ["a"])

    write_file(tmp_path / "wide.csv", wide)
    write_file(tmp_path / "long.csv", long)

    assert (tmp_path / "wide.csv").read_text() == "label,t0,t1\na,1,2\n"
    assert (tmp_path / "long.csv").read_text() == "id,time,channel_0,label\n0,0,1,a\n0,1,,a\n"
    assert read_file(tmp_path / "long.csv").lengths.tolist() == [2]


def test_write_refuses_what_would_not_come_back(tmp_path):
    series = [np.ones((2, 3)), np.ones((2, 3))]
    same_ids = from_series(series, ["a", "b"], ids=np.array(["x", "x"], dtype=object))
    clash = from_series(series, ["a", "b"], channels=("label", "x"))

    with pytest.raises(FormatError, match="an id of its own"):
        write_file(tmp_path / "a.csv", same_ids)
    with pytest.raises(FormatError, match="found 'label' twice"):
        write_file(tmp_path / "a.csv", clash)


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_write_then_read_is_identity(tmp_path_factory, data):
    n_channels = data.draw(st.integers(1, 3))
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    values = st.one_of(FLOATS, st.just(float("nan")))
    series = [
        data.draw(arrays.arrays(np.float32, (n_channels, n), elements=values)) for n in lengths
    ]
    for each in series:
        each[0, 0] = data.draw(FLOATS)
    labels = data.draw(st.lists(LABELS, min_size=len(lengths), max_size=len(lengths)))
    dataset = from_series(series, labels)
    path = tmp_path_factory.mktemp("csv") / "x.csv"

    write_file(path, dataset)
    found = read_file(path)

    assert found.fingerprint() == dataset.fingerprint()


def test_ids_and_extras_come_back(tmp_path):
    extras = pd.DataFrame({"note": ["a,b", 'say "x"'], "site": ["n", "s"]})
    ids = np.array(["p1", "p 2"], dtype=object)
    dataset = from_series([np.ones((1, 4)), np.ones((1, 2))], ["u", "v"], ids=ids, extras=extras)

    write_file(tmp_path / "x.csv", dataset)
    found = read_file(tmp_path / "x.csv")

    assert found.ids.tolist() == ids.tolist()
    assert found.extras.to_dict("list") == extras.to_dict("list")


def test_place_counts_lines_not_rows(tmp_path):
    table = CsvTable(save(tmp_path, 'label,t0,note\na,1,"two\nlines"\n\nb,2,x\n'))

    assert table.place(1).endswith("table.csv:5")

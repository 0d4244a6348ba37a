import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsconv.data.first_rows import QuotedRows, read_plain

CELLS = st.one_of(
    st.sampled_from(["", "1", "-2.5", "1e39", "NaN", "?", " 3 ", "up", "t0", "é", "inf", "1e999"]),
    st.floats(allow_nan=False, width=32).map(repr),
)


@given(
    rows=st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_show_what_their_cells_would(tmp_path_factory, rows, delimiter, end):
    text = "".join(delimiter.join(row) + end for row in rows)
    path = tmp_path_factory.mktemp("rows") / "x.csv"
    path.write_bytes(text.encode())
    by_cells = QuotedRows(delimiter, [*csv.reader(io.StringIO(text), delimiter=delimiter)])

    by_lines = read_plain(path)

    assert by_lines.delimiter == delimiter
    assert by_lines.first == by_cells.first
    assert by_lines.rows == by_cells.rows
    assert by_lines.kinds() == by_cells.kinds()


@pytest.mark.parametrize("text", ['a,"b"\n1,2\n', "a,b\r1,2\n", "a,b\n1,2\n1\n", "", "\n\n"])
def test_rows_that_are_not_plain_are_left_to_others(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text, newline="")

    assert read_plain(path) is None

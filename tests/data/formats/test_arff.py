"""ARFF: numeric attributes or one relational one, the nominal class last."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsconv.data.dataset import from_series
from tsconv.data.format import Schema, read_file, read_file_chunks, write_file
from tsconv.errors import FormatError

nan = np.nan
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1).filter(
    lambda text: text != "?"
)
UNIVARIATE = "@relation toy\n@attribute a numeric\n@attribute b real\n@attribute c {x,y}\n@data\n"
RELATIONAL = (
    "@relation 'my toy'\n\n@attribute series relational\n  @attribute a numeric\n"
    "  @attribute b numeric\n@end series\n@attribute 'the class' {x,'y z'}\n@data\n"
)


def save(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "toy.arff"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@st.composite
def datasets(draw: st.DrawFn):
    n_channels = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    series = []
    for length in lengths:
        size = n_channels * length
        values = draw(st.lists(VALUES | st.just(nan), min_size=size, max_size=size))
        values[-1] = draw(VALUES)
        series.append(np.array(values, dtype=np.float32).reshape(n_channels, length))
    names = st.lists(LABELS, min_size=len(lengths), max_size=len(lengths))
    return from_series(series, draw(st.none() | names))


def test_numeric_attributes_are_one_channel(tmp_path):
    dataset = read_file(save(tmp_path, UNIVARIATE + "1,-2e-1,y\n% no\n\n?, 4 , x\n"))

    np.testing.assert_array_equal(dataset.X, np.float32([[[1, -0.2]], [[nan, 4]]]))
    assert dataset.classes == ("x", "y")
    assert dataset.y.tolist() == [1, 0]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_relational_attribute_holds_a_channel_a_line(tmp_path, quote):
    rows = rf"{quote}1,2\n3,?{quote},'y z'" + "\n" + rf'{quote}5,6\n7,8{quote}, "x"' + "\n"

    dataset = read_file(save(tmp_path, RELATIONAL + rows))

    np.testing.assert_array_equal(dataset.X, [[[1, 2], [3, nan]], [[5, 6], [7, 8]]])
    assert list(dataset.labels) == ["y z", "x"]


def test_keywords_of_any_case_comments_and_quoted_names(tmp_path):
    text = "% c\r\n@RELATION t\r\n@Attribute 'a b' REAL\r\n@attribute \"it's\" { a , 'B,\\'c' }\r\n"

    dataset = read_file(save(tmp_path, text + "@DATA\r\n1,'B,\\'c'\r\n"))

    assert dataset.classes == ("B,'c", "a")
    assert list(dataset.labels) == ["B,'c"]


def test_question_marks_up_to_the_end_of_every_channel_are_padding(tmp_path):
    dataset = read_file(save(tmp_path, RELATIONAL + "'1,?\\n2,?',x\n'?,1\\n2,?',x\n"))

    assert dataset.lengths.tolist() == [1, 2]
    assert dataset.missing().sum() == 2


def test_without_a_nominal_attribute_there_are_no_labels(tmp_path):
    dataset = read_file(save(tmp_path, "@relation t\n@attribute a numeric\n@data\n1\n2\n"))

    assert dataset.y is None


def test_classes_are_those_declared_in_every_chunk(tmp_path):
    path = save(tmp_path, UNIVARIATE + "1,2,x\n1,2,x\n1,2,y\n")

    chunks = list(read_file_chunks(path, Schema(), 2))

    assert [each.classes for each in chunks] == [("x", "y")] * 2
    assert [each.n_instances for each in chunks] == [2, 1]


@pytest.mark.parametrize(
    ("text", "line_no", "message"),
    [
        ("", 1, "@data"),
        ("@relation t\n@attribute a numeric\n", 2, "@data"),
        (b"\x89PNG\r\n\x1a\n\0\0", 1, "@relation"),
        (b"@relation t\n@attribute \xff numeric\n", 2, "UTF-8"),
        ("@relation t\n@attribute a date 'y'\n@data\n1\n", 2, "type numeric"),
        ("@relation t\n@attribute a\n@data\n1\n", 2, "type numeric"),
        ("@relation t\n@attribute c {x,y}\n@attribute a numeric\n@data\nx,1\n", 4, "last"),
        ("@relation t\n@attribute c {x,y}\n@data\nx\n", 3, "numeric attributes"),
        ("@relation t\n@attribute a real\n@attribute c {x,'y}\n@data\n1,x\n", 4, "quoted"),
        (UNIVARIATE + "1,2,x\n1,x\n", 7, "expected 2 values"),
        (UNIVARIATE + "1,2,3,x\n", 6, "expected 2 values"),
        (UNIVARIATE + "1,2,z\n", 6, "'z'"),
        (UNIVARIATE + "1,two,x\n", 6, "'two' as value 2"),
        (UNIVARIATE + "1,2\n", 6, "expected 2 values"),
        (UNIVARIATE + "1,2,\n", 6, "label"),
        (UNIVARIATE + "1,2,'\n", 6, "label"),
        (UNIVARIATE + "1,2,x\n?,?,x\n", 7, "not missing"),
        (UNIVARIATE + "{0 1, 2 x}\n", 6, "sparse"),
        (RELATIONAL + "'1,2\\n3,4',x\n'1,2',x\n", 10, "expected 2 channels"),
        (RELATIONAL + "'1,2\\n3',x\n", 9, "one length"),
        (RELATIONAL + "1,2,x\n", 9, "quoted series"),
        (RELATIONAL + "'1,2\\n3,4',y\n", 9, "'y'"),
    ],
)
def test_broken_file_says_path_line_and_what_was_found(tmp_path, text, line_no, message):
    path = save(tmp_path, text)

    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_file(path)

    assert str(caught.value).startswith(f"{path}:{line_no}: ")
    assert "\n" not in str(caught.value)


def test_header_without_series_is_refused(tmp_path):
    with pytest.raises(FormatError, match="after @data"):
        read_file(save(tmp_path, UNIVARIATE))


def test_long_header_is_read(tmp_path):
    attributes = "".join(f"@attribute t{k} numeric\n" for k in range(20_000))
    row = ",".join(["1"] * 20_000)

    dataset = read_file(save(tmp_path, f"@relation t\n{attributes}@data\n{row}\n"))

    assert dataset.X.shape == (1, 1, 20_000)


@settings(deadline=None)
@given(dataset=datasets())
def test_writing_then_reading_is_identity(tmp_path_factory, dataset):
    path = tmp_path_factory.mktemp("arff") / "toy.arff"

    write_file(path, dataset)

    assert read_file(path).fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize(
    ("series", "label", "message"),
    [
        (np.array([[1, nan], [1, nan]]), "a", "write .ts"),
        (np.array([[1, -np.inf]]), "a", "infinity"),
        (np.array([[nan, nan]]), "a", "no known value"),
        (np.ones((1, 3)), "a\nb", "write .npz"),
        (np.ones((1, 3)), "?", "write .npz"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_in_writing(tmp_path, series, label, message):
    dataset = from_series([series], [label])

    with pytest.raises(FormatError, match=re.escape(message)):
        write_file(tmp_path / "toy.arff", dataset)

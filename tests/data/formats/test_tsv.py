"""UCR tables: label first, NaN at the end is padding, NaN before it is missing."""

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
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\t\n,\ufeff"), min_size=1).filter(
    lambda text: text == text.strip() and text != "?"
)


def save(tmp_path: Path, text: str | bytes, name: str = "toy.tsv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@st.composite
def datasets(draw: st.DrawFn):
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    series = []
    for length in lengths:
        values = draw(st.lists(VALUES | st.just(nan), min_size=length, max_size=length))
        values[-1] = draw(VALUES)
        series.append(np.array(values, dtype=np.float32)[None])
    names = st.lists(LABELS, min_size=len(lengths), max_size=len(lengths))
    return from_series(series, draw(st.none() | names))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("toy.tsv", "1\t0.5\t-2e3\n-1\t3\t4\n"),
        ("toy.txt", "1,0.5,-2e3\n-1,3,4\n"),
        ("toy.txt", "   1   0.5  -2e3\n  -1   3   4\n"),
        ("toy.txt", "1, 0.5, -2e3\r\n-1, 3, 4\r\n\r\n"),
        ("toy.TSV", "\ufeff1\t0.5\t-2e3\n-1\t3\t4"),
    ],
)
def test_table_gives_series_and_labels(tmp_path, name, text):
    dataset = read_file(save(tmp_path, text, name))

    assert dataset.X.tolist() == [[[0.5, -2000.0]], [[3.0, 4.0]]]
    assert list(dataset.labels) == ["1", "-1"]


def test_label_text_is_kept_as_written(tmp_path):
    dataset = read_file(save(tmp_path, "  1.0000000e+00  2\n  walk  3\n", "toy.txt"))

    assert list(dataset.labels) == ["1.0000000e+00", "walk"]


def test_nan_is_padding_at_the_end_and_missing_before_it(tmp_path):
    dataset = read_file(save(tmp_path, "a\tNaN\t1\tnan\tNaN\na\t1\t?\t3\tNaN\n"))

    assert dataset.lengths.tolist() == [2, 3]
    assert dataset.n_timepoints == 3
    assert dataset.missing().tolist() == [[[True, False, False]], [[False, True, False]]]


def test_question_marks_for_labels_mean_that_they_are_unknown(tmp_path):
    assert read_file(save(tmp_path, "?\t1\n?\t2\n")).y is None


@pytest.mark.parametrize(
    ("text", "line_no", "message"),
    [
        ("", 1, "empty"),
        ("\n\n", 1, "empty"),
        ("1\n", 1, "label and values"),
        ("a\t1\t2\nb\t1\n", 2, "expected 2 values as in line 1, found 1"),
        ("a\t1\t2\n\nb\t1\t2\t3\n", 3, "expected 2 values as in line 1, found 3"),
        ("a\t1\t2\nb\t1\tx\n", 2, "found 'x' as value 2"),
        ("a\t1\t2\nb\t\t2\n", 2, "found '' as value 1"),
        ("a\t1\t2\n\t1\t2\n", 2, "label"),
        ("a\t1\t2\nb\tNaN\tNaN\n", 2, "not missing"),
        ("label\tt0\tt1\na\t1\t2\n", 1, ".csv"),
        (b"\x89PNG\r\n\x1a\n\0\0\tx", 1, "label and values"),
        ("a\t1\t1e99\n", 1, "1e99"),
        ("a\t1\nb\t1:2\n", 2, "channels"),
    ],
)
def test_broken_file_says_path_line_and_what_was_found(tmp_path, text, line_no, message):
    path = save(tmp_path, text)

    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_file(path)

    assert str(caught.value).startswith(f"{path}:{line_no}: ")
    assert "\n" not in str(caught.value)


def test_width_is_checked_across_chunks(tmp_path):
    path = save(tmp_path, "a\t1\t2\nb\t1\t2\na\t1\n")

    with pytest.raises(FormatError, match=r"toy\.tsv:3: "):
        list(read_file_chunks(path, Schema(), 2))


@pytest.mark.parametrize("suffix", ["tsv", "txt"])
@settings(deadline=None)
@given(dataset=datasets())
def test_writing_then_reading_is_identity(tmp_path_factory, suffix, dataset):
    path = tmp_path_factory.mktemp("tsv") / f"toy.{suffix}"

    write_file(path, dataset)

    assert read_file(path).fingerprint() == dataset.fingerprint()


@pytest.mark.parametrize(
    ("series", "label", "message"),
    [
        (np.ones((2, 3)), "a", "write .ts"),
        (np.array([[1, nan]]), "a", "write .ts"),
        (np.array([[1, np.inf]]), "a", "infinity"),
        (np.array([[nan, nan]]), "a", "no known value"),
        (np.ones((1, 3)), "a\tb", "write .npz"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_in_writing(tmp_path, series, label, message):
    dataset = from_series([series], [label])

    with pytest.raises(FormatError, match=re.escape(message)):
        write_file(tmp_path / "toy.tsv", dataset)

"""The .ts format: what it reads, what it refuses and where, and what it writes."""

import os
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
LABELS = st.text(st.characters(codec="utf-8", exclude_characters=":\n"), min_size=1).filter(
    lambda text: text == text.strip() and text != "?"
)


def save(tmp_path: Path, text: str | bytes, name: str = "toy.ts") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def header(*tags: str) -> str:
    return "\n".join([*tags, "@data", ""])


@st.composite
def datasets(draw: st.DrawFn, max_channels: int = 3, labels: st.SearchStrategy[str] = LABELS):
    n_channels = draw(st.integers(1, max_channels))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    series = []
    for length in lengths:
        size = n_channels * length
        values = draw(st.lists(VALUES | st.just(nan), min_size=size, max_size=size))
        values[draw(st.integers(0, size - 1))] = draw(VALUES)
        series.append(np.array(values, dtype=np.float32).reshape(n_channels, length))
    names = st.lists(labels, min_size=len(lengths), max_size=len(lengths))
    return from_series(series, draw(st.none() | names))


def test_univariate_file_gives_series_and_labels(tmp_path):
    path = save(tmp_path, header("@univariate true", "@classLabel true b a") + "1,-2e-1:a\n3,4:b\n")

    dataset = read_file(path)

    np.testing.assert_array_equal(dataset.X, np.float32([[[1, -0.2]], [[3, 4]]]))
    assert dataset.classes == ("a", "b")
    assert dataset.y.tolist() == [0, 1]


def test_multivariate_file_has_channels_apart_by_colons(tmp_path):
    path = save(tmp_path, header("@dimensions 2", "@classLabel true x") + "1,2:3,4:x\n")

    dataset = read_file(path)

    np.testing.assert_array_equal(dataset.X, np.float32([[[1, 2], [3, 4]]]))


def test_short_series_are_padded_and_trailing_question_marks_are_missing(tmp_path):
    path = save(tmp_path, header("@classLabel true x") + "1,?:x\n?,NaN,nan,2:x\n5:x\n")

    dataset = read_file(path)

    assert dataset.lengths.tolist() == [2, 4, 1]
    assert dataset.missing().sum() == 4


def test_file_whose_header_says_nothing_is_read_from_its_data(tmp_path):
    labelled = read_file(save(tmp_path, "@data\n1,2:a\n3:b\n"))
    unlabelled = read_file(save(tmp_path, "@data\n1,2\n3\n"))

    assert labelled.classes == ("a", "b")
    assert unlabelled.y is None
    assert unlabelled.lengths.tolist() == [2, 1]


def test_tags_of_any_case_comments_blank_lines_windows_ends_and_byte_order_mark(tmp_path):
    text = (
        "\ufeff# says\r\n\r\n@UNIVARIATE True\r\n@ClassLabel TRUE a\r\n@DATA\r\n\r\n% no\r\n1:a\r\n"
    )

    dataset = read_file(save(tmp_path, text))

    assert dataset.X.tolist() == [[[1.0]]]


def test_labels_are_exactly_as_written(tmp_path):
    path = save(tmp_path, "@data\n1:NaN Normal,x (1)\n2:1.0\n3:normal\n")

    assert list(read_file(path).labels) == ["NaN Normal,x (1)", "1.0", "normal"]


def test_classes_are_those_declared_even_where_a_chunk_lacks_some(tmp_path):
    path = save(tmp_path, header("@classLabel true c b a") + "1:a\n2:b\n3:a\n")

    chunks = list(read_file_chunks(path, Schema(), 2))

    assert [chunk.classes for chunk in chunks] == [("a", "b", "c")] * 2
    assert [chunk.y.tolist() for chunk in chunks] == [[0, 1], [0]]


def test_class_label_false_gives_no_labels(tmp_path):
    path = save(tmp_path, header("@dimensions 2", "@classLabel false") + "1,2:3,4\n")

    dataset = read_file(path)

    assert dataset.y is None
    assert dataset.n_channels == 2


def test_labels_that_are_all_question_marks_are_unknown(tmp_path):
    dataset = read_file(save(tmp_path, header("@classLabel true a b") + "1:?\n2:?\n"))

    assert dataset.y is None
    assert dataset.classes == ("a", "b")


@pytest.mark.parametrize(
    "row",
    [
        "(0,1),(1,-2e-1):(0,3),(1,4):b",
        "(0.5,1),(1.5,-0.2):(0.5,3),(1.5,4):b",
        "(2026-01-02 10:00:00,1),(2026-01-02 09:00:00,-.2):(2026-01-02 10:00:00, 3),(x:y,4):b",
    ],
)
def test_timestamps_are_dropped_and_values_keep_their_order(tmp_path, row):
    path = save(tmp_path, header("@timeStamps true", "@classLabel true b") + row + "\n")

    dataset = read_file(path)

    np.testing.assert_array_equal(dataset.X, np.float32([[[1, -0.2], [3, 4]]]))
    assert list(dataset.labels) == ["b"]


def test_spaces_around_values_are_allowed_but_not_within(tmp_path):
    dataset = read_file(save(tmp_path, header("@classLabel true a") + " 1 , 2\t: a\n"))
    broken = save(tmp_path, header("@classLabel true a") + "1 2,3:a\n")

    assert dataset.X.tolist() == [[[1.0, 2.0]]]
    with pytest.raises(FormatError, match="'1 2'"):
        read_file(broken)


@pytest.mark.parametrize(
    ("text", "line_no", "message"),
    [
        ("", 1, "@data"),
        ("# only\n@univariate true\n", 2, "@data"),
        ("1,2:a\n", 1, "header line"),
        (b"\x89PNG\r\n\x1a\n\0\0", 1, "header line"),
        ("@univariate perhaps\n@data\n1:a\n", 1, "true or false"),
        ("@dimensions none\n@data\n1:a\n", 1, "whole number"),
        ("@targetLabel true\n@data\n1:0.5\n", 1, "regression"),
        ("@seriesLength 3\n@classLabel true a\n@data\n1,2,3:a\n1,2:a\n", 5, "expected 3 values"),
        ("@equalLength true\n@classLabel true a\n@data\n1,2:a\n# c\n1:a\n", 6, "expected 2 val"),
        ("@seriesLength 99999999999999\n@classLabel true a\n@data\n1:a\n", 4, "expected 9999"),
        ("@dimensions 99999999999999\n@classLabel true a\n@data\n1:a\n", 4, "expected 9999"),
        ("@dimensions 2\n@classLabel true a\n@data\n1:2:a\n1:a\n", 5, "expected 2 channels"),
        ("@univariate true\n@classLabel true a\n@data\n1:2:a\n", 4, "expected 1 channels"),
        ("@classLabel true a\n@data\n1,2:3,4:a\n1,2:3:a\n", 4, "one length"),
        ("@classLabel true a\n@data\n1,2:a\n1,x:a\n", 4, "found 'x' as value 2 of channel 1"),
        ("@classLabel true a\n@data\n1,2:3,,4:a\n", 3, "found '' as value 2 of channel 2"),
        ("@classLabel true a\n@data\n1,2::a\n", 3, "found '' as value 1 of channel 2"),
        ("@classLabel true a\n@data\n1,1e39:a\n", 3, "'1e39'"),
        ("@classLabel true a\n@data\n1,inf:a\n", 3, "'inf'"),
        ("@classLabel true a\n@data\n1,1_0:a\n", 3, "'1_0'"),
        ("@classLabel true a\n@data\n1,2\n", 3, "label"),
        ("@classLabel true a\n@data\n1,2:\n", 3, "label"),
        ("@classLabel true Aa b\n@data\n1,2:aa\n", 3, "did you mean 'Aa'"),
        (b"@classLabel true\n@data\n1,2:\xff\n", 3, "UTF-8"),
        ("@classLabel true a\n@data\n1:a\n?,NaN:a\n", 4, "not missing"),
        ("@timeStamps true\n@classLabel true a\n@data\n1,2:a\n", 4, "pairs"),
        ("@timeStamps true\n@classLabel true a\n@data\n(0,1),(1,x):a\n", 4, "'x'"),
        ("@data\n1:a\n2:?\n", 3, "unknown"),
    ],
)
def test_broken_file_says_path_line_and_what_was_found(tmp_path, text, line_no, message):
    path = save(tmp_path, text)

    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_file(path)

    assert str(caught.value).startswith(f"{path}:{line_no}: ")
    assert "\n" not in str(caught.value)


def test_header_without_series_is_refused(tmp_path):
    path = save(tmp_path, header("@classLabel true a"))

    with pytest.raises(FormatError, match="after @data"):
        read_file(path)


def test_long_header_is_read(tmp_path):
    path = save(tmp_path, "# comment\n" * 50_000 + header("@classLabel true a") + "1:a\n")

    assert read_file(path).n_instances == 1


def test_chunks_joined_are_the_file(tmp_path):
    rows = "".join(f"{k},{k / 7}:a\n" for k in range(11))
    path = save(tmp_path, header("@classLabel true a") + rows)

    chunks = list(read_file_chunks(path, Schema(), 4))

    assert [len(chunk.X) for chunk in chunks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate([each.X for each in chunks]), read_file(path).X)


def test_commas_and_colons_in_comments_and_labels_are_no_values(tmp_path):
    rows = "# a,b:c\n1,2:a\n\n% d,e\n3,4:b,c\n# f,g:h\n"

    dataset = read_file(save(tmp_path, "@data\n" + rows))

    assert dataset.X.tolist() == [[[1, 2]], [[3, 4]]]
    assert dataset.classes == ("a", "b,c")


def test_line_longer_than_a_block_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.data.series_text.BLOCK_BYTES", 16)
    path = save(tmp_path, "@data\n" + "1.25,-2.5,3e2,4,5,6:a\n7:b\n" * 3 + "8:c")

    dataset = read_file(path)

    assert dataset.lengths.tolist() == [6, 1, 6, 1, 6, 1, 1]
    assert "".join(dataset.labels) == "abababc"


def test_error_in_a_later_block_names_its_line(tmp_path):
    row = ",".join(["0.25"] * 10_000)
    path = save(tmp_path, "@data\n" + f"{row}:a\n" * 20 + f"{row[:-1]}x:a\n")

    with pytest.raises(FormatError, match=r"toy\.ts:22: .* value 10000 "):
        read_file(path)


@settings(deadline=None)
@given(dataset=datasets())
def test_writing_then_reading_is_identity(tmp_path_factory, dataset):
    path = tmp_path_factory.mktemp("ts") / "toy.ts"

    write_file(path, dataset)

    assert read_file(path).fingerprint() == dataset.fingerprint()


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e38", max_value="1e38")
)
@settings(deadline=None)
def test_numbers_are_rounded_once_to_float32(tmp_path_factory, number):
    path = save(tmp_path_factory.mktemp("ts"), f"@data\n{number}\n")

    found = read_file(path).X.item()

    nearest = np.float32(float(number))
    assert found in (nearest, np.nextafter(nearest, np.float32(found)))


@pytest.mark.parametrize("label", ["a:b", "a\nb", " a", "", "?"])
def test_label_that_cannot_be_told_is_refused_in_writing(tmp_path, label):
    dataset = from_series([np.ones((1, 2))], [label])

    with pytest.raises(FormatError, match="npz"):
        write_file(tmp_path / "toy.ts", dataset)


@pytest.mark.parametrize("value", [np.inf, nan])
def test_infinite_or_unknown_series_is_refused_in_writing(tmp_path, value):
    dataset = from_series([np.full((1, 2), value)])

    with pytest.raises(FormatError, match="instance 0"):
        write_file(tmp_path / "toy.ts", dataset)


@pytest.fixture
def archive() -> Path:
    folder = os.environ.get("TSCONV_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TSCONV_DATA names no folder of archive sets")
    return Path(folder)


@pytest.mark.parametrize("stem", ["Coffee/Coffee_TRAIN", "BasicMotions/BasicMotions_TEST"])
def test_all_formats_of_an_archive_set_agree(archive, stem):
    found = [
        read_file(each) for each in sorted((archive / stem).parent.glob(f"{Path(stem).name}.*"))
    ]

    assert len(found) >= 2
    for other in found[1:]:
        np.testing.assert_array_equal(other.X, found[0].X)
        assert other.y.tolist() == found[0].y.tolist()


@pytest.mark.slow
def test_every_file_of_the_archive_is_read(archive):
    for path in sorted(archive.glob("*/*_T*.*")):
        dataset = read_file(path)

        assert dataset.y is not None, path
        assert np.isfinite(dataset.X[:, :, 0]).any(), path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["Coffee", "BasicMotions", "PLAID", "JapaneseVowels"])
def test_values_equal_those_that_sktime_reads(archive, name):
    from sktime.datasets import load_from_tsfile

    path = archive / name / f"{name}_TRAIN.ts"
    frame, labels = load_from_tsfile(str(path))

    dataset = read_file(path)

    assert [label.lower() for label in dataset.labels] == list(labels)
    for row in range(0, len(frame), 7):
        length = dataset.lengths[row]
        expected = np.stack([np.asarray(series, dtype=np.float32) for series in frame.iloc[row]])
        np.testing.assert_array_equal(dataset.X[row, :, :length], expected)

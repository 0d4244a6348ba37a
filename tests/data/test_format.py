from pathlib import Path

import numpy as np
import pytest

from tsconv.data.dataset import from_series
from tsconv.data.format import (
    FORMATS,
    Schema,
    find_format,
    read_file,
    read_file_chunks,
    write_file,
)
from tsconv.errors import ConfigError, FormatError, UnknownNameError


@pytest.mark.parametrize("name", FORMATS.names())
def test_format_has_suffixes_and_a_one_line_summary(name):
    found = FORMATS.get(name)

    assert found.suffixes
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in found.suffixes)
    assert found.summary
    assert "\n" not in found.summary


def test_no_two_formats_share_a_suffix():
    suffixes = [suffix for name in FORMATS.names() for suffix in FORMATS.get(name).suffixes]

    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("name", FORMATS.names())
def test_suffix_finds_its_format_in_either_case(name):
    found = FORMATS.get(name)

    for suffix in found.suffixes:
        assert find_format(Path("x" + suffix)) is found
        assert find_format(Path("X" + suffix.upper())) is found


@pytest.mark.parametrize("path", ["x.docx", "x"])
def test_unknown_suffix_lists_the_known(path):
    with pytest.raises(UnknownNameError, match=r"expected one of .*\.csv"):
        find_format(Path(path))


@pytest.mark.parametrize("name", FORMATS.names())
def test_missing_file_is_said(tmp_path, name):
    path = tmp_path / f"none{FORMATS.get(name).suffixes[0]}"

    with pytest.raises(FormatError, match="expected a file, found none"):
        read_file(path)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00\xfe" * 50], ids=["empty", "binary"])
@pytest.mark.parametrize("name", FORMATS.names())
def test_file_without_series_is_refused_in_one_line(tmp_path, name, content):
    path = tmp_path / f"x{FORMATS.get(name).suffixes[0]}"
    path.write_bytes(content)

    with pytest.raises(FormatError) as caught:
        read_file(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


SETS = {
    "one instance": ([np.arange(5.0)[None]], ["a"]),
    "one class": ([np.arange(5.0)[None], np.ones((1, 5))], ["a", "a"]),
    "length one": ([np.ones((1, 1)), np.zeros((1, 1))], ["a", "b"]),
    "numbers as labels": ([np.ones((1, 3)), np.zeros((1, 3))], ["1.0", "01"]),
    "missing inside": ([np.array([[1.0, np.nan, 2.0]])], ["a"]),
}


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("name", FORMATS.names())
def test_small_sets_come_back_as_written(tmp_path, name, case):
    series, labels = SETS[case]
    dataset = from_series(series, labels)
    path = tmp_path / f"x{FORMATS.get(name).suffixes[0]}"

    write_file(path, dataset)
    found = read_file(path)

    assert found.fingerprint() == dataset.fingerprint()
    assert found.labels.tolist() == labels


@pytest.mark.parametrize("name", FORMATS.names())
def test_chunks_are_at_most_as_long_as_asked_and_in_order(tmp_path, name):
    path = tmp_path / f"x{FORMATS.get(name).suffixes[0]}"
    write_file(path, from_series([np.full((1, 3), k) for k in range(7)], list("abcabca")))
    schema = FORMATS.get(name).resolve(path, Schema())

    chunks = list(read_file_chunks(path, schema, 3))

    assert [chunk.n_instances for chunk in chunks] == [3, 3, 1]
    assert np.concatenate([chunk.X[:, 0, 0] for chunk in chunks]).tolist() == [*range(7)]


@pytest.mark.parametrize("suffix", [".ts", ".tsv", ".txt", ".arff", ".npz"])
def test_columns_named_of_a_file_without_are_refused_and_a_stored_table_s_are_not(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_file(path, from_series([np.ones((1, 3)), np.zeros((1, 3))], ["a", "b"]))
    stored = Schema(layout="wide", label="kind", series=("t0", "t1"))

    with pytest.raises(
        ConfigError, match=r"found --label nosuch, .* \.csv and \.parquet; expected"
    ):
        find_format(path).resolve(path, Schema(label="nosuch"))
    assert find_format(path).resolve(path, stored) == stored

"""NumPy files: X and what may stand beside it, read in pieces, never with pickle."""

import dataclasses
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsconv.data.dataset import from_series
from tsconv.data.format import Schema, find_format, read_file, read_file_chunks, write_file
from tsconv.errors import ConfigError, FormatError

nan = np.nan
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
X3 = np.arange(12, dtype=np.float64).reshape(3, 2, 2)


def save(tmp_path: Path, **arrays) -> Path:
    path = tmp_path / "toy.npz"
    np.savez(path, **arrays)
    return path


@st.composite
def datasets(draw: st.DrawFn):
    n_channels = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    series = []
    for length in lengths:
        size = n_channels * length
        values = draw(st.lists(VALUES | st.just(nan), min_size=size, max_size=size))
        values[0] = draw(VALUES)
        series.append(np.array(values, dtype=np.float32).reshape(n_channels, length))
    names = st.lists(LABELS, min_size=len(lengths), max_size=len(lengths))
    return from_series(series, draw(st.none() | names))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "uint64", ">f8"])
@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
def test_numbers_of_every_kind_become_float32(tmp_path, dtype, savez):
    path = tmp_path / "toy.npz"
    savez(path, X=X3.astype(dtype))

    np.testing.assert_array_equal(read_file(path).X, X3.astype(np.float32))


def test_two_dimensions_are_one_channel(tmp_path):
    assert read_file(save(tmp_path, X=X3[:, 0])).X.shape == (3, 1, 2)


def test_array_stored_by_column_is_read_alike(tmp_path):
    path = save(tmp_path, X=np.asfortranarray(X3))

    chunks = list(read_file_chunks(path, Schema(), 2))

    np.testing.assert_array_equal(np.concatenate([each.X for each in chunks]), X3)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (["b", "a", "b"], ["b", "a", "b"]),
        ([2, 10, 2], ["2", "10", "2"]),
        (np.float32([0.1, 1, 0.1]), ["0.1", "1.0", "0.1"]),
        ([True, False, True], ["True", "False", "True"]),
    ],
)
def test_labels_are_the_text_of_each_value(tmp_path, y, labels):
    assert list(read_file(save(tmp_path, X=X3, y=np.array(y))).labels) == labels


def test_values_within_lengths_are_kept_and_those_after_them_are_not(tmp_path):
    X = np.array([[[1, nan, 9]], [[2, 9, 9]]])

    dataset = read_file(save(tmp_path, X=X, lengths=np.array([2, 1])))

    np.testing.assert_array_equal(dataset.X, [[[1, nan]], [[2, nan]]])
    assert dataset.missing().sum() == 1


def test_nan_without_lengths_is_missing(tmp_path):
    dataset = read_file(save(tmp_path, X=np.array([[1, nan], [nan, 2]])))

    assert dataset.lengths.tolist() == [2, 2]
    assert dataset.missing().sum() == 2


def test_chunks_share_the_declared_classes(tmp_path):
    path = save(tmp_path, X=X3, y=np.array(["a", "a", "c"]), classes=np.array(["c", "b", "a"]))

    chunks = list(read_file_chunks(path, Schema(), 2))

    assert [each.classes for each in chunks] == [("a", "b", "c")] * 2
    assert [each.y.tolist() for each in chunks] == [[0, 0], [2]]


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_memory_is_bounded_by_the_chunk(tmp_path, suffix):
    X = np.ones((4000, 1, 1000), dtype=np.float32)  # 16 MB
    path = tmp_path / f"toy.{suffix}"
    np.savez(path, X=X) if suffix == "npz" else np.save(path, X)
    del X

    tracemalloc.start()
    n_instances = sum(each.n_instances for each in read_file_chunks(path, Schema(), 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_instances == 4000
    assert peak < 4e6


@settings(deadline=None)
@given(dataset=datasets())
def test_writing_then_reading_is_identity(tmp_path_factory, dataset):
    path = tmp_path_factory.mktemp("npz") / "toy.npz"

    write_file(path, dataset)

    assert read_file(path).fingerprint() == dataset.fingerprint()


def test_ids_groups_weights_channels_and_absent_classes_are_kept(tmp_path):
    dataset = dataclasses.replace(
        from_series([np.ones((1, 2)), np.ones((1, 3))], ["a", "b"]),
        classes=("a", "b", "c"),
        ids=np.array(["i", "j"], dtype=object),
        groups=np.array(["g", "g"], dtype=object),
        weights=np.array([0.5, 2], dtype=np.float32),
        channels=("volt",),
    )

    write_file(tmp_path / "toy.npz", dataset)
    found = read_file(tmp_path / "toy.npz")

    for part in ("classes", "channels"):
        assert getattr(found, part) == getattr(dataset, part)
    for part in ("ids", "groups", "weights", "y"):
        assert getattr(found, part).tolist() == getattr(dataset, part).tolist()


def test_npy_holds_series_to_predict(tmp_path):
    dataset = from_series([np.ones((2, 3)), np.zeros((2, 3))])

    write_file(tmp_path / "toy.npy", dataset)

    assert read_file(tmp_path / "toy.npy").fingerprint() == dataset.fingerprint()
    with pytest.raises(FormatError, match=re.escape("write .npz")):
        write_file(tmp_path / "toy.npy", from_series([np.ones((1, 2))], ["a"]))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X3}, "expected an array 'X', found x, did you mean 'x'"),
        ({"X": np.array([[1], [2, 3]], dtype=object)}, "astype(str)"),
        ({"X": X3, "y": np.array(["a", 1, None], dtype=object)}, "astype(str)"),
        ({"X": X3.astype(str)}, "expected numbers"),
        ({"X": np.ones(3)}, "found float64 (3,)"),
        ({"X": np.float64(1), "y": np.ones(3)}, "found float64 ()"),
        ({"X": np.ones((0, 1, 2))}, "(0, 1, 2)"),
        ({"X": X3, "y": np.ones(2)}, "y: expected 3 entries"),
        ({"X": X3, "y": np.ones((3, 2))}, "one dimension"),
        ({"X": X3, "y": np.array([1, nan, 2])}, "NaN"),
        ({"X": X3, "y": np.array(["a", "b", "c"]), "classes": np.array(["a", "b"])}, "'c'"),
        ({"X": X3, "lengths": np.array([1, 2, 3])}, "instance 2: expected 1 to 2, found 3"),
        ({"X": X3, "lengths": np.array([1, 0, 2])}, "instance 1"),
        ({"X": X3, "lengths": np.array([1.5, 1, 2])}, "lengths: expected numbers"),
        ({"X": X3 * 1e99}, "instance 0"),
        ({"X": X3 * np.array([1, nan, 1])[:, None, None]}, "instance 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    path = save(tmp_path, **arrays)

    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_file(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("kept", [0, 1, 5, 60, 130, 140, 200])
def test_cut_off_file_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f"toy.{suffix}"
    np.savez(path, X=X3) if suffix == "npz" else np.save(path, X3)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(FormatError, match=re.escape(f"{path}: ")):
        read_file(path)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_binary_file_of_another_kind_is_refused(tmp_path, suffix):
    path = tmp_path / f"toy.{suffix}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))

    with pytest.raises(FormatError, match=re.escape(f"{path}: expected")):
        read_file(path)


def test_damaged_content_is_refused(tmp_path):
    path = save(tmp_path, X=np.ones((100, 100)))
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)

    with pytest.raises(FormatError, match="CRC"):
        read_file(path)


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_a_big_array_stays_in_the_file(tmp_path, monkeypatch, suffix):
    path, X = tmp_path / f"toy.{suffix}", X3.astype(np.float32)
    np.savez(path, X=X) if suffix == "npz" else np.save(path, X)
    monkeypatch.setattr("tsconv.data.formats.npz.MAPPED_BYTES", X.nbytes)

    dataset = read_file(path)

    assert isinstance(dataset.X, np.memmap)
    assert dataset.is_on_disk
    np.testing.assert_array_equal(dataset.X, X)


@pytest.mark.parametrize(
    ("savez", "X"),
    [
        (np.savez_compressed, X3.astype(np.float32)),
        (np.savez, X3),
        (np.savez, np.asfortranarray(X3.astype(np.float32))),
        (np.savez, X3.astype(">f4")),
    ],
)
def test_what_memory_would_hold_otherwise_is_not_left_in_the_file(tmp_path, monkeypatch, savez, X):
    monkeypatch.setattr("tsconv.data.formats.npz.MAPPED_BYTES", 0)
    savez(tmp_path / "toy.npz", X=X)

    dataset = read_file(tmp_path / "toy.npz")

    assert not dataset.is_on_disk
    np.testing.assert_array_equal(dataset.X, X3)


def test_what_stays_in_the_file_is_checked_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.data.formats.npz.MAPPED_BYTES", 0)
    X = X3.astype(np.float32)
    X[2, 1, 0] = np.inf

    with pytest.raises(FormatError, match="instance 2: expected finite"):
        read_file(save(tmp_path, X=X))

    path = save(tmp_path, X=np.ones((100, 100), dtype=np.float32))
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="CRC"):
        read_file(path)


@pytest.mark.parametrize(
    ("schema", "error"), [(Schema(label="target"), ConfigError), (Schema(), FormatError)]
)
def test_labels_in_an_array_of_another_name_are_told_where_they_belong(tmp_path, schema, error):
    path = save(tmp_path, X=X3, target=[0, 1, 0])

    with pytest.raises(error, match=r"class labels .* an array y, found X, target"):
        find_format(path).resolve(path, schema)

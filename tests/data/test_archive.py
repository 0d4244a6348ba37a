import subprocess
import sys

import numpy as np
import pytest

from tsconv.data import archive
from tsconv.data.archive import absent, find_data, load_data, locate, offline
from tsconv.data.catalogue import find_entry
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.data.layouts import DataSource
from tsconv.errors import DataError, UnknownNameError


@pytest.fixture(autouse=True)
def no_roots(monkeypatch):
    monkeypatch.delenv("TSCONV_DATA", raising=False)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def save(path, n_channels=1, labels=("a", "b")):
    series = [np.ones((n_channels, 4)) for _ in labels]
    write_file(path, from_series(series, list(labels)))
    return path


def test_file_is_taken_as_it_is(tmp_path):
    path = touch(tmp_path, "mine.csv") / "mine.csv"

    assert find_data(path) == DataSource(name="mine", train=path)


def test_train_file_brings_its_test_part(tmp_path):
    touch(tmp_path, "X_TRAIN.tsv", "X_TEST.tsv", "X_TEST.ts")

    source = find_data(tmp_path / "X_TRAIN.tsv")

    assert (source.name, source.test) == ("X", tmp_path / "X_TEST.tsv")


def test_test_part_may_be_in_another_format_or_absent(tmp_path):
    touch(tmp_path, "X_TRAIN.tsv", "X_TEST.npz", "Y_TRAIN.ts")

    assert find_data(tmp_path / "X_TRAIN.tsv").test == tmp_path / "X_TEST.npz"
    assert find_data(tmp_path / "Y_TRAIN.ts").test is None


def test_folder_with_one_set_prefers_ts(tmp_path):
    touch(tmp_path, "X_TRAIN.npz", "X_TRAIN.csv", "X_TRAIN.ts", "X_TEST.ts", "notes.txt")

    assert find_data(tmp_path).train == tmp_path / "X_TRAIN.ts"


def test_folder_with_several_sets_lists_them(tmp_path):
    touch(tmp_path, "X_TRAIN.ts", "Y_TRAIN.ts")

    with pytest.raises(DataError, match="expected one set, found 2: X, Y"):
        find_data(tmp_path)


def test_folder_without_a_set_says_what_it_lacks(tmp_path):
    with pytest.raises(DataError, match="expected a file <Name>_TRAIN"):
        find_data(tmp_path)


@pytest.mark.parametrize("inner", ["", "MySet"])
def test_name_is_found_in_the_roots_without_regard_to_case(tmp_path, monkeypatch, inner):
    touch(tmp_path / "empty")
    folder = touch(tmp_path / "root" / inner, "MySet_TRAIN.ts", "MySet_TEST.ts")
    monkeypatch.setenv("TSCONV_DATA", f"{tmp_path}/empty:{tmp_path}/nowhere:{tmp_path}/root")

    source = find_data("myset")

    assert source == DataSource(
        name="MySet", train=folder / "MySet_TRAIN.ts", test=folder / "MySet_TEST.ts"
    )


def test_roots_come_before_what_is_bundled(tmp_path, monkeypatch):
    folder = touch(tmp_path / "GunPoint", "GunPoint_TRAIN.ts")
    monkeypatch.setenv("TSCONV_DATA", str(tmp_path))

    assert find_data("GunPoint").train == folder / "GunPoint_TRAIN.ts"


def test_set_bundled_with_sktime_is_found_without_importing_it():
    code = (
        "import sys; from tsconv.data.archive import find_data; s = find_data('gunpoint');"
        "assert s.train.is_file() and s.test.is_file() and s.name == 'GunPoint';"
        "assert 'sktime' not in sys.modules and 'torch' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_unknown_name_says_where_it_looked_and_guesses():
    with pytest.raises(UnknownNameError) as caught:
        find_data("GunPont")

    message = str(caught.value)
    assert "did you mean 'GunPoint'" in message
    assert "TSCONV_DATA" in message
    assert "sktime" in message


def test_missing_file_guesses_its_neighbour(tmp_path):
    touch(tmp_path, "series.csv")

    with pytest.raises(UnknownNameError, match=r"found none, did you mean 'series\.csv'"):
        find_data(tmp_path / "serie.csv")


def test_further_finder_is_asked_last(tmp_path, monkeypatch):
    path = touch(tmp_path, "Far_TRAIN.ts") / "Far_TRAIN.ts"
    asked = []

    def finder(name):
        asked.append(name)
        return archive.Search(where="far away", source=DataSource(name=name, train=path))

    monkeypatch.setattr(archive, "FINDERS", (*archive.FINDERS, finder))

    assert find_data("GunPoint").name == "GunPoint"
    assert find_data("Far").train == path
    assert asked == ["Far"]


def test_a_set_that_is_nowhere_is_told_what_to_fetch_when_offline():
    with pytest.raises(UnknownNameError) as caught:
        find_data("smoothsubspace")

    assert "as nothing may be downloaded (--offline or $TSCONV_OFFLINE)" in str(caught.value)
    assert str(caught.value).endswith("tsconv datasets fetch SmoothSubspace")


def test_a_set_is_located_without_being_downloaded(monkeypatch):
    monkeypatch.delenv("TSCONV_OFFLINE")

    assert locate("smoothsubspace") == find_entry("SmoothSubspace")
    assert locate("GunPoint") == find_data("GunPoint")
    assert absent(["SmoothSubspace", "GunPoint", "NoSet"]) == (find_entry("SmoothSubspace"),)


def test_nothing_is_downloaded_within_a_block(monkeypatch):
    monkeypatch.delenv("TSCONV_OFFLINE")

    with offline(), pytest.raises(UnknownNameError, match="nothing may be downloaded"):
        locate("SmoothSubspace")
    assert locate("SmoothSubspace") == find_entry("SmoothSubspace")


def test_a_group_is_no_set():
    with pytest.raises(UnknownNameError, match="'ucr112' stands for 112 archive sets"):
        find_data("ucr112")


def test_test_labels_are_encoded_by_the_classes_of_train(tmp_path):
    save(tmp_path / "X_TRAIN.csv", labels=("a", "b", "c"))
    save(tmp_path / "X_TEST.csv", labels=("c",))

    train, test = load_data(find_data(tmp_path))

    assert test.classes == train.classes == ("a", "b", "c")
    assert test.y.tolist() == [2]
    assert test.name == train.name == "X"


def test_test_label_unseen_in_train_is_refused(tmp_path):
    save(tmp_path / "X_TRAIN.csv", labels=("a", "b"))
    save(tmp_path / "X_TEST.csv", labels=("a", "d"))

    with pytest.raises(DataError, match=r"X_TEST\.csv: instance 1: found label 'd'"):
        load_data(find_data(tmp_path))


def test_test_part_with_other_channels_is_refused(tmp_path):
    save(tmp_path / "X_TRAIN.parquet", n_channels=2)
    save(tmp_path / "X_TEST.csv", n_channels=3)

    with pytest.raises(DataError, match="expected 2 channels"):
        load_data(find_data(tmp_path))


def test_train_alone_has_no_test_part(tmp_path):
    _, test = load_data(find_data(save(tmp_path / "X_TRAIN.csv")))

    assert test is None


def test_a_folder_that_holds_no_set_is_told_what_it_must_hold(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UnknownNameError, match=r"^runs: expected a file <Name>_TRAIN\.") as told:
        find_data("runs")

    assert "did you mean" not in str(told.value)


def test_a_mistyped_file_is_guessed_from_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("label,t0\na,1\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UnknownNameError, match=r"did you mean 'mine\.csv'"):
        find_data("mine.cvs")

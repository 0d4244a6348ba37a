import pytest

from tsconv.data.archive import find_data, load_data
from tsconv.data.layouts import find_set, names_in, sets_in, split_name

ROW = "1,0.5,1.5,2.5\n2,1.0,2.0,3.0\n"


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(ROW)
    return folder


@pytest.mark.parametrize(
    "folder",
    [
        "",
        "GunPoint",
        "UCRArchive_2018/GunPoint",
        "Univariate_ts/GunPoint",
        "UCR_TS_Archive_2015/Gun_Point",
    ],
)
@pytest.mark.parametrize("stem", ["GunPoint", "Gun_Point", "gunpoint"])
@pytest.mark.parametrize("suffix", [".ts", ".tsv", ".txt", ".arff", ""])
def test_usual_layouts_and_names_are_recognised(tmp_path, folder, stem, suffix):
    where = touch(tmp_path / folder, f"{stem}_TRAIN{suffix}", f"{stem}_TEST{suffix}")

    source = find_set("GunPoint", [tmp_path])

    assert source.name == "GunPoint"
    assert source.train == where / f"{stem}_TRAIN{suffix}"
    assert source.test == where / f"{stem}_TEST{suffix}"
    assert find_set("gun_point", [tmp_path]) == source


def test_files_of_2015_without_a_suffix_are_read(tmp_path):
    touch(tmp_path / "50words", "50words_TRAIN", "50words_TEST")

    train, test = load_data(find_set("FiftyWords", [tmp_path]))

    assert train.name == "FiftyWords"
    assert train.classes == ("1", "2")
    assert test.X.tolist() == [[[0.5, 1.5, 2.5]], [[1.0, 2.0, 3.0]]]


def test_the_first_root_that_has_a_set_wins(tmp_path):
    touch(tmp_path / "a" / "Other", "Other_TRAIN.ts")
    touch(tmp_path / "b", "Mine_TRAIN.ts")
    touch(tmp_path / "c" / "Mine", "Mine_TRAIN.ts")
    roots = [tmp_path / "nowhere", tmp_path / "a", tmp_path / "b", tmp_path / "c"]

    assert find_set("mine", roots).train == tmp_path / "b" / "Mine_TRAIN.ts"
    assert set(names_in(roots)) == {"Other", "Mine"}
    assert find_set("Third", roots) is None


def test_a_format_with_both_parts_is_preferred(tmp_path):
    touch(tmp_path, "X_TRAIN.ts", "X_TRAIN.tsv", "X_TEST.tsv")

    assert sets_in(tmp_path)["X"].train == tmp_path / "X_TRAIN.tsv"


def test_a_folder_with_a_file_a_channel_is_the_set_of_its_name(tmp_path):
    folder = touch(
        tmp_path / "BasicMotions",
        "BasicMotions_TRAIN.arff",
        "BasicMotions_TEST.arff",
        "BasicMotionsDimension1_TRAIN.arff",
        "BasicMotionsDimension1_TEST.arff",
    )

    assert find_data(folder).train == folder / "BasicMotions_TRAIN.arff"


@pytest.mark.parametrize(
    ("file", "stem", "suffix"),
    [
        ("Coffee_TRAIN.TS", "Coffee_TRAIN", ".ts"),
        ("50words_TEST", "50words_TEST", ""),
        ("v1.2_TRAIN", "v1.2_TRAIN", ""),
        ("notes.md", "notes.md", None),
        ("README", "README", None),
    ],
)
def test_a_name_is_split_at_a_suffix_that_is_one(file, stem, suffix):
    assert split_name(file) == (stem, suffix)

"""What a user of the library reads: parts of sets, files, tables whose columns are named."""

import numpy as np
import pytest

from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.errors import ConfigError, DataError
from tsconv.workflows.read import read


def make_part(value):
    return from_series([np.full((1, 4), value, dtype=np.float32)] * 2, ["a", "b"])


@pytest.fixture
def folder(tmp_path):
    write_file(tmp_path / "Mine_TRAIN.ts", make_part(1))
    write_file(tmp_path / "Mine_TEST.ts", make_part(2))
    return tmp_path


def test_of_a_set_the_training_part_is_read_unless_the_test_part_is_asked_for(folder):
    assert (read(folder).X == 1).all()
    assert (read(folder, split="test").X == 2).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_file_is_read_as_it_is(folder, split):
    assert (read(folder / "Mine_TEST.ts", split=split).X == 2).all()


def test_a_set_without_a_test_part_says_so(folder):
    (folder / "Mine_TEST.ts").unlink()

    with pytest.raises(DataError, match=r"Mine: expected a test part beside .*Mine_TRAIN\.ts"):
        read(folder, split="test")


def test_columns_of_a_table_may_be_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("who,when,what,kind\nx,1,5,a\nx,0,4,a\ny,0,6,b\ny,1,7,b\n")

    dataset = read(path, "kind", id="who", time="when", layout="long")

    assert dataset.X[:, 0].tolist() == [[4, 5], [6, 7]]
    assert dataset.ids.tolist() == ["x", "y"]
    assert dataset.labels.tolist() == ["a", "b"]


@pytest.mark.parametrize("named", [{"id": "who"}, {"time": "when"}, {"layout": "long"}])
def test_columns_of_what_is_no_table_are_refused(folder, named):
    with pytest.raises(ConfigError, match=r"Mine_TRAIN\.ts"):
        read(folder, **named)


@pytest.mark.parametrize("mistyped", [{"split": "tset"}, {"layout": "lnog"}])
def test_another_word_is_refused(folder, mistyped):
    with pytest.raises(ConfigError, match=r"expected '\w+' or '\w+'( or none)?, found"):
        read(folder / "Mine_TRAIN.ts", **mistyped)

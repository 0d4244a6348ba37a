import pytest

from tsconv.errors import RunError
from tsconv.runs.atomic import replacing, write_bytes


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deeper" / "a.csv"

    with replacing(path) as file:
        file.write(b"x")
        assert not path.exists()

    assert path.read_bytes() == b"x"


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def write_half():
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(RunError, match=r"file/a\.csv: cannot be written"):
        write_bytes(tmp_path / "file" / "a.csv", b"x")

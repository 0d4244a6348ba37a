import pytest
from site_on_loopback import make_zip

from tsconv.data.unpack import unpack
from tsconv.errors import DownloadError


def unpack_into(tmp_path, files, spellings=("New", "Old")):
    archive = tmp_path / "set.zip"
    archive.write_bytes(make_zip(files))
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(archive, spellings, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_preferred_format_that_has_both_parts_is_taken(tmp_path):
    files = {"New_TRAIN.ts": b"1", "New_TRAIN.txt": b"2", "New_TEST.txt": b"3"}

    assert unpack_into(tmp_path, files) == {"New_TRAIN.txt": b"2", "New_TEST.txt": b"3"}


def test_files_of_2015_keep_having_no_suffix(tmp_path):
    files = {"old/OLD_TRAIN": b"2", "old/OLD_TEST": b"3"}

    assert unpack_into(tmp_path, files) == {"New_TRAIN": b"2", "New_TEST": b"3"}


def test_a_few_constant_series_are_no_bomb(tmp_path):
    files = {"New_TRAIN.ts": b"0," * 10_000, "New_TEST.ts": b"0"}

    assert unpack_into(tmp_path, files) == files


def test_what_is_in_it_is_said_when_the_set_is_not(tmp_path):
    with pytest.raises(DownloadError, match=r"expected New_TRAIN and _TEST .* found a\.ts, b\.ts"):
        unpack_into(tmp_path, {"a.ts": b"", "b.ts": b""})


def test_an_encrypted_part_is_refused(tmp_path):
    archive = tmp_path / "set.zip"
    content = bytearray(make_zip({"New_TRAIN.ts": b"1", "New_TEST.ts": b"2"}))
    for place in (content.find(b"PK\x01\x02") + 8, content.rfind(b"PK\x01\x02") + 8):
        content[place] |= 1
    archive.write_bytes(content)

    with pytest.raises(DownloadError, match="is encrypted"):
        unpack(archive, ("New",), tmp_path)

import hashlib
import re
import runpy
from pathlib import Path

import pytest

from tsconv.data.archive import find_data, load_data
from tsconv.data.format import FORMATS, Schema, find_format, read_file

DATASETS = Path(__file__).parents[2] / "datasets"
FOLDERS = ("cbf", "cbf_long")
FILES = sorted(path for folder in FOLDERS for path in (DATASETS / folder).iterdir())
BINARY = (".parquet", ".npz")


def relative(path):
    return path.relative_to(DATASETS).as_posix()


@pytest.mark.parametrize("part", ["TRAIN", "TEST"])
@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format_reads_the_toy_set_identically(name, part):
    path = DATASETS / "cbf" / f"CBF_{part}{FORMATS.get(name).suffixes[0]}"

    dataset = read_file(path)

    assert dataset.fingerprint() == read_file(DATASETS / "cbf" / f"CBF_{part}.ts").fingerprint()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_file_of_the_toy_set_holds_the_same(path):
    part = path.stem.removeprefix("CBF_")

    dataset = read_file(path)

    assert dataset.n_instances == {"TRAIN": 30, "TEST": 60}[part]
    assert dataset.classes == ("bell", "cylinder", "funnel")
    assert dataset.fingerprint() == read_file(DATASETS / "cbf" / f"CBF_{part}.ts").fingerprint()


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_file_reads_in_chunks_as_it_reads_whole(path, chunk_size):
    found = find_format(path)
    schema = found.resolve(path, Schema())
    whole = read_file(path)

    chunks = list(found.read_chunks(path, schema, chunk_size))

    assert all(chunk.n_instances <= chunk_size for chunk in chunks)
    assert [label for chunk in chunks for label in chunk.labels] == whole.labels.tolist()
    assert sum(float(chunk.X.sum()) for chunk in chunks) == pytest.approx(whole.X.sum(), rel=1e-4)


def test_checksums_in_the_readme_are_those_of_the_files():
    text = (DATASETS / "README.md").read_text("utf-8")
    block = re.search(r"```sha256\n(.*?)\n```", text, flags=re.DOTALL)[1]
    written = dict(reversed(line.split("  ")) for line in block.splitlines())

    found = {relative(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES}

    assert written == found


def test_generator_gives_the_same_text_files_again(tmp_path):
    write_all = runpy.run_path(str(DATASETS / "make_cbf.py"))["write_all"]

    again = write_all(tmp_path)

    assert sorted(path.relative_to(tmp_path).as_posix() for path in again) == [
        *map(relative, FILES)
    ]
    for path in again:
        kept = DATASETS / path.relative_to(tmp_path)
        if path.suffix in BINARY:
            assert read_file(path).fingerprint() == read_file(kept).fingerprint()
        else:
            assert path.read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("folder", FOLDERS)
def test_toy_folder_is_an_archive_set(folder):
    train, test = load_data(find_data(DATASETS / folder))

    assert (train.name, train.n_instances, test.n_instances) == ("CBF", 30, 60)

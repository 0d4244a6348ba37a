import subprocess
import sys

import pytest

from tsconv.data.cache import cache_folder, hash_files, lock_file, locked, record, refuse_others
from tsconv.errors import ConfigError, DownloadError

A, B = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TSCONV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_is_the_platforms_unless_named(monkeypatch, cache):
    assert cache_folder() == cache

    monkeypatch.delenv("TSCONV_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")

    assert cache_folder().name == "datasets"
    assert "tsconv" in cache_folder().parts


def test_what_is_first_seen_holds_from_then_on():
    refuse_others("X", {"X_TRAIN.ts": B})

    record("X", {"X_TRAIN.ts": A, "X_TEST.ts": B})
    record("X", {"X_TRAIN.ts": A, "X_TEST.ts": B})

    assert locked("X") == {"X_TRAIN.ts": A, "X_TEST.ts": B}
    with pytest.raises(DownloadError, match=r"found others: X/X_TEST\.ts a{12}\.{3}; if"):
        refuse_others("X", {"X_TRAIN.ts": A, "X_TEST.ts": A})
    with pytest.raises(DownloadError, match=r"found others: X/X_TRAIN\.tsv"):
        record("X", {"X_TRAIN.tsv": A})


def test_of_two_processes_that_first_see_other_files_the_slower_is_refused(monkeypatch):
    record("X", {"X_TRAIN.ts": A})
    before = iter([{}])  # what the slower one found before the faster one wrote
    monkeypatch.setattr("tsconv.data.cache.locked", lambda name: next(before, locked(name)))

    with pytest.raises(DownloadError, match="expected the files of the lock"):
        record("X", {"X_TRAIN.ts": B})

    assert locked("X") == {"X_TRAIN.ts": A}


def test_sha256sum_checks_a_lock(cache):
    folder = cache / "X"
    folder.mkdir(parents=True)
    (folder / "X_TRAIN.ts").write_bytes(b"series")
    record("X", hash_files([folder / "X_TRAIN.ts"]))

    checked = subprocess.run(
        ["sha256sum", "-c", lock_file()], cwd=cache, capture_output=True, text=True, check=False
    )

    assert checked.stdout == "X/X_TRAIN.ts: OK\n"


def test_a_lock_of_ones_own_is_kept_in_order_with_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.setenv("TSCONV_LOCK", str(tmp_path / "lab" / "sets.sha256"))

    record("Y", {"Y_TRAIN.ts": B})
    record("X", {"X_TRAIN.ts": A})

    text = (tmp_path / "lab" / "sets.sha256").read_text()
    assert text == f"{A}  X/X_TRAIN.ts\n{B}  Y/Y_TRAIN.ts\n"
    assert [each.name for each in (tmp_path / "lab").iterdir() if each.name[0] != "."] == [
        "sets.sha256"
    ]


def test_a_broken_lock_is_told_by_its_line(cache):
    cache.mkdir()
    lock_file().write_text(f"# ours\n{A}  X/X_TRAIN.ts\nnonsense\n")

    with pytest.raises(ConfigError, match=r"datasets\.sha256:3: expected <sha256>"):
        locked("X")


def test_a_lock_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TSCONV_LOCK", str(tmp_path / "file" / "lock"))

    with pytest.raises(ConfigError, match="cannot read it"):
        record("X", {"X_TRAIN.ts": A})


def test_a_lock_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "lock").mkdir()
    monkeypatch.setattr("tsconv.data.cache.locked", lambda name: {})
    monkeypatch.setattr("tsconv.data.cache._read_lock", dict)
    monkeypatch.setenv("TSCONV_LOCK", str(tmp_path / "lock"))

    with pytest.raises(DownloadError, match=r"cannot be written .* \$TSCONV_LOCK"):
        record("X", {"X_TRAIN.ts": A})


def test_processes_that_record_at_once_lose_nothing(tmp_path):
    program = (
        "import sys; from tsconv.data.cache import record;"
        "[record(f'S{sys.argv[1]}-{k}', {'a': 'c' * 64}) for k in range(20)]"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(number)]) for number in range(3)
    ]

    assert [process.wait() for process in started] == [0, 0, 0]
    assert all(locked(f"S{number}-{k}") for number in range(3) for k in range(20))

"""Fetching a set, from servers that do everything that servers do."""

import logging
import os
import random
import re
import subprocess
import sys
import time
import zipfile

import pytest
from site_on_loopback import NAME, Reply, make_files, make_zip, serving

from tsconv.data import transfer
from tsconv.data.archive import find_data
from tsconv.data.cache import hash_files, locked
from tsconv.data.catalogue import find_entry
from tsconv.data.download import download_set
from tsconv.data.transfer import Patience
from tsconv.errors import DownloadError, UnknownNameError

ENTRY = find_entry(NAME)
ZIP = f"/{NAME}.zip"
TRAIN, TEST = f"{NAME}_TRAIN.ts", f"{NAME}_TEST.ts"
FETCH = [
    sys.executable,
    "-c",
    "import sys\nfrom tsconv.data.archive import find_data\nfind_data(sys.argv[1])",
    NAME,
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("set"))


@pytest.fixture
def site(files):
    with serving({ZIP: make_zip(files)}) as site:
        yield site


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, site):
    monkeypatch.setenv("TSCONV_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TSCONV_MIRRORS", f"{site.url}/{{name}}.zip")
    monkeypatch.delenv("TSCONV_OFFLINE")
    monkeypatch.delenv("TSCONV_DATA", raising=False)
    monkeypatch.setattr(
        transfer, "PATIENCE", Patience(connect=2, silence=0.3, window=0.5, pause=0.01, attempts=3)
    )
    return tmp_path / "cache"


def fetch_fails():
    with pytest.raises(DownloadError) as caught:
        download_set(ENTRY)
    message = str(caught.value)
    print(message)
    assert "\n" not in message
    assert message.startswith(f"{NAME}: expected the set from one of")
    assert "$TSCONV_DATA" in message
    return message


def is_fetched(cache, files):
    """The set is there as served, and nothing else is but locks."""
    folder = cache / NAME
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert locked(NAME) == hash_files(folder.iterdir())
    left = {path.name for path in cache.iterdir()} - {NAME, "datasets.sha256"}
    assert all(name.endswith(".lock") for name in left), left
    return True


def test_a_name_that_is_not_at_hand_is_fetched_once(site, cache, files):
    source = find_data("smoothsubspace")

    assert source.name == NAME
    assert source.train == cache / NAME / TRAIN
    assert source.test == cache / NAME / TEST
    assert is_fetched(cache, files)

    assert find_data(NAME) == source
    assert site.asked == [(ZIP, "")]


def test_nothing_is_fetched_offline(site, monkeypatch):
    monkeypatch.setenv("TSCONV_OFFLINE", "1")

    with pytest.raises(UnknownNameError, match="nothing may be downloaded"):
        find_data(NAME)
    assert site.asked == []


def test_a_name_of_no_archive_is_not_asked_for(site):
    with pytest.raises(UnknownNameError, match="did you mean 'SmoothSubspace'"):
        find_data("SmothSubspace")
    assert site.asked == []


def test_parts_may_be_single_files(site, cache, files, monkeypatch):
    monkeypatch.setenv("TSCONV_MIRRORS", f"{site.url}/x/{{name}}_{{part}}.ts?raw=1")
    site.files = {f"/x/{name}?raw=1": content for name, content in files.items()}

    download_set(ENTRY)

    assert is_fetched(cache, files)


def test_a_zip_may_nest_and_hold_other_things(site, cache, files):
    others = {"readme.md": b"?", f"{NAME}/{NAME}_TRAIN.txt": b"1 2\n", f"{NAME}Extra_TRAIN.ts": b""}
    site.files[ZIP] = make_zip({**others, **{f"in/{name}": each for name, each in files.items()}})

    download_set(ENTRY)

    assert is_fetched(cache, files)


def test_older_names_inside_a_zip_are_recognised(site, cache, tmp_path):
    entry = find_entry("SonyAIBORobotSurface1")
    files = make_files(tmp_path / "made", entry.name, ".tsv")
    old = {name.replace("Surface1", "Surface"): content for name, content in files.items()}
    site.files["/SonyAIBORobotSurface1.zip"] = make_zip(old)

    source = download_set(entry)

    assert source.train.name == "SonyAIBORobotSurface1_TRAIN.tsv"


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_server_without_the_set_is_asked_once(site, status):
    site.replies[ZIP] = [Reply(status=status)]

    assert f"the server answered {status}" in fetch_fails()
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(site, cache, files, status):
    site.replies[ZIP] = [Reply(status=status), Reply(status=status), Reply()]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert len(site.asked) == 3


def test_a_server_that_stays_in_trouble_is_given_up(site):
    site.replies[ZIP] = [Reply(status=500)]

    assert "the server answered 500 Internal Server Error; 3 attempts" in fetch_fails()
    assert len(site.asked) == 3


def test_a_dropped_connection_is_taken_up_where_it_broke(site, cache, files):
    site.replies[ZIP] = [Reply(stop=3000), Reply(stop=5000), Reply()]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert [asked for _, asked in site.asked] == ["", "bytes=3000-", "bytes=8000-"]


def test_another_version_of_the_file_is_fetched_from_its_beginning(site, cache, files):
    site.replies[ZIP] = [Reply(stop=3000), Reply(tag='"v2"')]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert [asked for _, asked in site.asked] == ["", "bytes=3000-"]


@pytest.mark.parametrize("reply", [Reply(ranged=False), Reply(tag=None)])
def test_a_server_that_cannot_go_on_begins_again(site, cache, files, reply):
    first = Reply(stop=3000, tag=reply.tag)
    site.replies[ZIP] = [first, reply]

    download_set(ENTRY)

    assert is_fetched(cache, files)


def test_what_one_process_left_another_goes_on_from(site, cache, files):
    site.replies[ZIP] = [Reply(stop=2000), Reply(stop=0)]
    fetch_fails()
    site.replies[ZIP] = [Reply()]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert site.asked[-1] == (ZIP, "bytes=2000-")


def test_a_whole_file_that_was_left_is_not_fetched_again(site, cache, files):
    site.replies[ZIP] = [Reply(stop=len(site.files[ZIP]) - 1), Reply(stop=0)]
    fetch_fails()
    (partial,) = (path for path in cache.glob(f".{NAME}.partial-*") if path.suffix != ".version")
    partial.write_bytes(site.files[ZIP])
    site.replies[ZIP] = [Reply()]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert site.asked[-1] == (ZIP, f"bytes={len(site.files[ZIP])}-")


def test_a_silent_server_is_given_up_in_time(site):
    site.replies[ZIP] = [Reply(stall=3000)]
    began = time.monotonic()

    assert "3 attempts" in fetch_fails()
    assert time.monotonic() - began < 5


def test_a_server_that_says_nothing_at_all_is_given_up(site):
    site.replies[ZIP] = [Reply(stall=0)]

    assert "the server" in fetch_fails()


def test_a_trickle_counts_as_stalled(site):
    site.replies[ZIP] = [Reply(piece=10, pause=0.1)]

    assert "stalled: " in fetch_fails()


def test_a_slow_server_is_waited_for(site, cache, files):
    site.replies[ZIP] = [Reply(piece=2000, pause=0.1)]

    download_set(ENTRY)

    assert is_fetched(cache, files)


def test_a_transfer_that_takes_long_tells_how_far_it_is_and_how_long_it_will_take(
    site, monkeypatch, caplog
):
    monkeypatch.setattr(transfer, "PATIENCE", Patience(told=0.2))
    site.replies[ZIP] = [Reply(piece=len(site.files[ZIP]) // 12, pause=0.1)]

    with caplog.at_level("INFO", "tsconv.data.transfer"):
        download_set(ENTRY)

    words = rf"{site.url}{ZIP}: 0\.\d of 0\.\d MB, 0\.\d\d MB/s, 0:00:0\d left"
    told = [record.message for record in caplog.records if " left" in record.message]
    assert told
    assert all(re.fullmatch(words, each) for each in told)


def test_a_server_that_states_too_few_bytes_is_refused(site):
    site.replies[ZIP] = [Reply(stated=4000)]

    assert "expected a zip, found something else or a damaged one" in fetch_fails()


def test_a_server_that_states_too_many_bytes_is_refused(site):
    site.replies[ZIP] = [Reply(stated=10**6, ranged=False)]

    assert "the server fell silent after" in fetch_fails()


def test_a_server_that_thinks_better_of_the_size_it_stated_is_believed(site, cache, files):
    site.replies[ZIP] = [Reply(stated=10**6)]

    download_set(ENTRY)

    assert is_fetched(cache, files)
    assert site.asked[1:] == [(ZIP, f"bytes={len(site.files[ZIP])}-")]


def test_a_file_too_large_to_be_a_set_is_not_begun(site):
    site.replies[ZIP] = [Reply(stated=10**12)]

    assert "bytes at most, found 1000000000000" in fetch_fails()


def test_a_page_of_html_is_refused(site):
    site.files[ZIP] = b"<html>log in, please</html>"
    site.replies[ZIP] = [Reply(kind="text/html; charset=utf-8")]

    assert "found a page of HTML; is a login in the way?" in fetch_fails()


def test_a_page_that_calls_itself_a_zip_is_refused(site):
    site.files[ZIP] = b"<html>log in, please</html>" * 100

    assert "expected a zip, found something else" in fetch_fails()


def test_a_page_that_calls_itself_a_part_is_refused(site, monkeypatch):
    monkeypatch.setenv("TSCONV_MIRRORS", f"{site.url}/{{name}}_{{part}}.ts")
    site.files = {f"/{file}": b"<html>log in, please</html>\n" * 9 for file in (TRAIN, TEST)}

    message = fetch_fails()

    assert f"not as catalogued: {TRAIN}:1:" in message


def test_a_file_that_ends_in_the_middle_is_refused_with_what_differs(site, files):
    lines = files[TEST].splitlines(keepends=True)
    site.files[ZIP] = make_zip({**files, TEST: b"".join(lines[:-50])})

    assert "not as catalogued: expected 150 test instances, found 100" in fetch_fails()


def test_another_set_under_the_name_is_refused_with_what_differs(site, tmp_path):
    other = make_files(tmp_path / "other", "ItalyPowerDemand")
    renamed = {name.replace("ItalyPowerDemand", NAME): each for name, each in other.items()}
    site.files[ZIP] = make_zip(renamed)

    message = fetch_fails()

    assert "expected 150 train instances, found 67" in message
    assert "expected 3 classes in train, found 2" in message
    assert "expected lengths up to 15, found 24" in message


def test_a_zip_of_something_else_is_refused_with_what_is_in_it(site):
    site.files[ZIP] = make_zip({"Wine_TRAIN.ts": b"", "Wine_TEST.ts": b""})

    assert "found Wine_TRAIN.ts, Wine_TEST.ts" in fetch_fails()


def test_a_bomb_is_not_unpacked(site, cache, files):
    site.files[ZIP] = make_zip({**files, TEST: b"0" * 50_000_000})

    message = fetch_fails()

    assert "is it a bomb?" in message
    assert not (cache / NAME).exists()


@pytest.mark.parametrize(
    "name", ["../evil.ts", "a/../../evil.ts", "/tmp/evil.ts", "..\\evil.ts", "C:\\evil.ts"]
)
def test_a_zip_with_a_path_to_outside_is_refused(site, cache, files, name):
    site.files[ZIP] = make_zip({**files, name: b"?"})

    assert "expected files below one folder, found" in fetch_fails()
    assert not list(cache.parent.rglob("evil*"))


def test_a_zip_altered_anywhere_never_gets_in_unnoticed(site, files):
    """The zip's own checks, then ours: whatever byte is changed, the set is right or refused."""
    whole, generator = make_zip(files), random.Random(0)
    for _ in range(30):
        altered = bytearray(whole)
        begin = 0 if generator.random() < 0.5 else len(altered) - 300
        altered[generator.randrange(begin, len(altered))] ^= 1 + generator.randrange(255)
        site.files[ZIP] = bytes(altered)
        try:
            source = download_set(ENTRY)
        except DownloadError:
            continue
        assert {path.name: path.read_bytes() for path in (source.train, source.test)} == files
        for path in (source.train, source.test):
            path.unlink()


def test_zips_cut_off_or_of_unknown_methods_are_refused(site, files):
    whole = make_zip(files, zipfile.ZIP_LZMA)
    for content in (b"", whole[:100], whole[: len(whole) // 2], whole[50:]):
        site.files[ZIP] = content + b" "

        assert "expected a zip, found something else or a damaged one" in fetch_fails()


def test_the_second_mirror_is_asked_when_the_first_is_down(site, cache, files, monkeypatch, caplog):
    with serving() as gone:
        down = gone.url
    monkeypatch.setenv("TSCONV_MIRRORS", f"{down}/{{name}}.zip {site.url}/{{name}}.zip")

    with caplog.at_level(logging.INFO, logger="tsconv"):
        download_set(ENTRY)

    assert is_fetched(cache, files)
    assert any("not from 127.0.0.1" in record.getMessage() for record in caplog.records)


def test_the_second_mirror_is_asked_when_the_first_has_a_wrong_set(site, cache, files, monkeypatch):
    with serving({ZIP: make_zip({**files, TEST: files[TRAIN]})}) as wrong:
        wrong.files[ZIP] = make_zip({**files, TEST: files[TEST][:-400]})
        monkeypatch.setenv("TSCONV_MIRRORS", f"{wrong.url}/{{name}}.zip {site.url}/{{name}}.zip")

        download_set(ENTRY)

    assert is_fetched(cache, files)


def test_what_a_failing_mirror_left_is_swept_out(site, cache, files, monkeypatch):
    with serving({ZIP: make_zip(files)}) as other:
        other.replies[ZIP] = [Reply(stop=100)]
        monkeypatch.setenv("TSCONV_MIRRORS", f"{other.url}/{{name}}.zip {site.url}/{{name}}.zip")

        download_set(ENTRY)

    assert is_fetched(cache, files)


def test_all_mirrors_are_named_when_none_has_the_set(site, monkeypatch):
    site.files = {}
    monkeypatch.setenv("TSCONV_MIRRORS", f"{site.url}/a/{{name}}.zip {site.url}/b/{{name}}.zip")

    message = fetch_fails()

    assert f"{site.url}/a{ZIP}: the server answered 404" in message
    assert f"{site.url}/b{ZIP}: the server answered 404" in message


def test_other_files_than_the_locks_are_refused(site, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TSCONV_LOCK", str(tmp_path / "lab.sha256"))
    download_set(ENTRY)
    monkeypatch.setenv("TSCONV_CACHE", str(tmp_path / "colleague"))
    site.files[ZIP] = make_zip(make_files(tmp_path / "altered", seed=1))

    message = fetch_fails()

    assert f"expected the files of the lock, found others: {NAME}/{TRAIN}" in message
    assert f"take the set's lines out of {tmp_path}/lab.sha256" in message


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TSCONV_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(DownloadError, match=r"expected a folder to write to.*\$TSCONV_CACHE"):
        download_set(ENTRY)


def test_a_half_set_in_the_cache_is_replaced(cache, files):
    (cache / NAME).mkdir(parents=True)
    (cache / NAME / "notes.md").touch()

    download_set(ENTRY)

    assert is_fetched(cache, files)


def test_processes_that_want_one_set_at_once_download_it_once(site, cache, files):
    site.replies[ZIP] = [Reply(piece=2000, pause=0.05)]
    started = [subprocess.Popen(FETCH) for _ in range(2)]

    assert [process.wait() for process in started] == [0, 0]
    assert is_fetched(cache, files)
    assert site.asked == [(ZIP, "")]


def test_a_fetch_killed_at_any_moment_ends_right_when_repeated(site, cache, files):
    site.replies[ZIP] = [Reply(piece=500, pause=0.1)]
    generator, killed = random.Random(0), 0
    for _ in range(5):
        asked = len(site.asked)
        process = subprocess.Popen(FETCH)
        while process.poll() is None and len(site.asked) == asked:
            time.sleep(0.01)
        try:
            process.wait(generator.uniform(0, 1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        assert not (cache / NAME).exists() or is_whole(cache, files)

    subprocess.run(FETCH, check=True)

    assert killed
    assert is_fetched(cache, files)


def is_whole(cache, files):
    return {path.name: path.read_bytes() for path in (cache / NAME).iterdir()} == files


def test_the_cache_outlives_the_folder_one_is_in(site, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSCONV_CACHE", "relative")
    source = download_set(ENTRY)

    assert source.train.is_file()
    assert os.path.samefile(source.train.parent.parent, tmp_path / "relative")

import pytest

from tsconv.errors import RunError
from tsconv.runs.paths import RunDir
from tsconv.runs.shelf import RunShelf


@pytest.fixture
def shelf(tmp_path):
    return RunShelf(RunDir(tmp_path))


def contents(shelf, member=0):
    return [content for _, content in shelf.newest_first(member)]


def test_two_generations_are_kept_the_newest_first(shelf):
    for word in (b"one", b"two", b"three"):
        shelf.put(0, word)

    assert contents(shelf) == [b"three", b"two"]


def test_each_member_has_its_own(shelf):
    shelf.put(0, b"a")
    shelf.put(1, b"b")

    assert contents(shelf, 1) == [b"b"]


def test_one_found_damaged_is_thrown_away_and_never_takes_the_place_of_a_good_one(shelf):
    shelf.put(0, b"good")
    shelf.put(0, b"bad")
    found = shelf.newest_first(0)
    assert next(found)[1] == b"bad"
    assert next(found)[1] == b"good"
    found.close()

    shelf.put(0, b"new")

    assert contents(shelf) == [b"new", b"good"]


def test_a_kill_between_the_two_moves_loses_neither(shelf):
    shelf.put(0, b"one")
    newest, before = shelf.directory.checkpoints(0)
    newest.replace(before)

    assert contents(shelf) == [b"one"]


def test_one_that_cannot_be_written_leaves_those_before(shelf, monkeypatch):
    shelf.put(0, b"one")

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)

    with pytest.raises(RunError, match="No space left on device"):
        shelf.put(0, b"two")

    assert contents(shelf) == [b"one"]


def test_dropping_takes_away_what_a_kill_left_too_and_nothing_of_others(shelf):
    for member in (1, 11):
        shelf.put(member, b"a")
        (shelf.directory.members / f".{member}.checkpoint.safetensors-0.tmp").touch()

    shelf.drop(1)

    left = sorted(path.name for path in shelf.directory.members.iterdir())
    assert left == [".11.checkpoint.safetensors-0.tmp", "11.checkpoint.safetensors"]

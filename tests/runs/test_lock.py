"""Locks between processes, also between hosts, told by what a dead or distant holder leaves."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tsconv.errors import RunError, RunHeldError
from tsconv.runs import lock as module
from tsconv.runs.lock import Owner, held, read_owner, state_of
from tsconv.runs.processes import Process, this_process

HOLD = """
import sys, time
from pathlib import Path
from tsconv.runs.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "members" / "2.lock"


@pytest.fixture
def quick(monkeypatch):
    """Hosts are given up in tenths of seconds."""
    monkeypatch.setattr(module, "RENEWED_EVERY", 0.05)
    monkeypatch.setattr(module, "WATCHED_FOR", 0.3)
    monkeypatch.setattr(module, "PAUSE", 0.02)


def write_owner(path, **changes):
    process = dataclasses.replace(this_process(), **changes)
    path.parent.mkdir(exist_ok=True)
    owner = Owner(process=process, job="Slurm job 7_3")
    path.write_text(json.dumps(dataclasses.asdict(owner)))
    return owner


def test_a_lock_is_held_by_one_and_free_again_after(path):
    with held(path):
        assert read_owner(path).process == this_process()
        with pytest.raises(RunHeldError), held(path, patience=0):
            pass

    assert not path.exists()
    with held(path, patience=0):
        pass
    assert list(path.parent.iterdir()) == []


def test_of_several_locks_all_or_none_are_held(tmp_path):
    paths = [tmp_path / name for name in "abc"]

    with held(paths[1]), pytest.raises(RunHeldError, match="b: process"), held(*paths, patience=0):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_holder_is_named_by_process_host_and_job(path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")

    with held(path), pytest.raises(RunHeldError) as told, held(path, patience=0):
        pass

    host = socket.gethostname()
    assert f"process {os.getpid()} on {host}, Slurm job 42 is at work on this" in str(told.value)


def test_a_killed_process_frees_its_lock(path):
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(RunHeldError, match=f"process {process.pid} on"), held(path, patience=0):
            pass
        process.kill()

    with held(path, patience=0):
        assert read_owner(path).process.pid == os.getpid()


def test_a_process_that_ended_and_was_not_waited_for_is_gone():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    started = int(stat.rpartition(")")[2].split()[19])
    known = dataclasses.replace(this_process(), pid=process.pid, started=started)
    assert known.is_alive

    process.kill()
    deadline = time.monotonic() + 30
    while known.is_alive and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not known.is_alive
    process.wait()
    process.stdin.close()


def test_another_process_of_the_same_number_is_not_the_holder(path):
    write_owner(path, started=this_process().started - 1)

    with held(path, patience=0):
        pass


def test_waiting_ends_when_the_lock_is_free(path):
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()
        with held(path, patience=60):
            pass


@contextmanager
def renewing(path, clock):
    """Renew a lock, as its distant holder does, by a clock that stands at ``clock``."""
    ended = threading.Event()

    def renew():
        for k in range(100_000):
            then = clock + 0.05 * k
            os.utime(path, (then, then))
            if ended.wait(0.05):
                break

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("jump", [0, 1e6, -1e6])
def test_a_distant_holder_that_renews_its_lock_is_respected_whatever_clocks_do(path, quick, jump):
    write_owner(path, host="node7", boot="another")

    with (
        renewing(path, time.time() + jump),
        pytest.raises(RunHeldError, match="on node7, Slurm job 7_3 is"),
        held(path, patience=0),
    ):
        pass


def test_a_distant_holder_that_was_not_seen_for_long_is_given_up(path, quick):
    write_owner(path, host="node7", boot="another")
    age(path, module.STALE_AFTER + 10)

    with held(path, patience=0):
        assert read_owner(path).process == this_process()


def test_a_distant_holder_that_was_seen_lately_is_waited_for_until_it_is_known_to_be_gone(
    path, quick, monkeypatch
):
    monkeypatch.setattr(module, "STALE_AFTER", 0.6)
    write_owner(path, host="node7", boot="another")
    began = time.monotonic()

    with held(path, patience=0):
        assert time.monotonic() - began > 0.5


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_lock_is_renewed_as_long_as_it_is_held(path, quick):
    with held(path):
        age(path, 1e6)

        assert state_of(path, None) == "alive"


def test_who_takes_a_lock_sweeps_out_what_killed_processes_left_and_nothing_of_living_ones(
    path, quick
):
    drafts = [path.with_name(f".{path.name}-{word}.tmp") for word in ("dead", "far", "alive")]
    write_owner(drafts[0], started=0)
    write_owner(drafts[1], host="node7", boot="another")
    write_owner(drafts[2])
    age(drafts[1], module.STALE_AFTER + 10)

    with held(path):
        assert sorted(path.parent.iterdir()) == sorted([path, drafts[2]])


def test_a_lock_without_words_is_given_up_when_it_is_old(path, quick):
    path.parent.mkdir()
    path.touch()
    assert state_of(path, None) == "unknown"

    age(path, module.STALE_AFTER + 10)

    with held(path, patience=0):
        pass


def test_a_lock_taken_by_another_meanwhile_is_not_taken_away(path):
    gone = write_owner(path, started=0)
    new = write_owner(path)

    module._take_away(path, gone)

    assert read_owner(path) == new


def test_a_lock_that_another_took_over_is_left_to_it(path):
    with held(path):
        taken = write_owner(path, pid=1)

    assert read_owner(path) == taken


def test_without_hard_links_a_lock_is_a_lock(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    with held(path):
        assert read_owner(path).process == this_process()
        with pytest.raises(RunHeldError), held(path, patience=0):
            pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "members").write_text("a file")

    with pytest.raises(RunError, match="cannot be written"), held(tmp_path / "members" / "0.lock"):
        pass


def test_where_processes_are_not_told_by_files_a_signal_tells(tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.runs.processes.PROC", tmp_path)

    here = Process(host="here", boot="", pid=os.getpid(), started=None)

    assert here.is_alive


def test_a_lock_is_ones_own_where_its_file_was_made_and_that_was_denied(path, monkeypatch):
    link = module._link
    monkeypatch.setattr(module, "_link", lambda draft, place: not link(draft, place))

    with held(path, patience=0):
        assert path.exists()

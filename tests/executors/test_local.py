"""The contract of an executor, and what is the local one's own: cores, deaths, ends."""

import json
import os
import sys
import time

import pytest

from tsconv.errors import ConfigError, Stopped
from tsconv.executors import EXECUTORS, Job
from tsconv.executors.local import Local, make_places

WORKER = """
import json, os, sys, time
for line in sys.stdin:
    job = json.loads(line)
    answer = {"cores": sorted(os.sched_getaffinity(0)), "threads": os.environ["OMP_NUM_THREADS"],
              "pid": os.getpid(), "device": os.environ.get("CUDA_VISIBLE_DEVICES")}
    if job["do"] == "die":
        os.kill(os.getpid(), 9)
    if job["do"] == "die in a word":
        os.write(1, b'{"failed": {"kind": "Val')
        os.kill(os.getpid(), 9)
    if job["do"] == "stop":
        sys.exit(75)
    if job["do"] == "sleep":
        time.sleep(60)
    print(json.dumps({"progress": {"half": True}}), flush=True)
    kind = "failed" if job["do"] == "fail" else "finished"
    print(json.dumps({kind: {"kind": "ValueError", "message": "no", **answer}}), flush=True)
"""
COMMAND = (sys.executable, "-c", WORKER)


def make_jobs(*verbs):
    return [Job(name=f"{k}-{verb}", document={"do": verb}) for k, verb in enumerate(verbs)]


def ends(events):
    return {each.job: each for each in events if each.kind in ("finished", "failed")}


@pytest.mark.parametrize("name", EXECUTORS.names())
def test_every_job_is_started_and_ends_once(name, tmp_path):
    jobs = make_jobs("work", "fail", "work", "work")

    events = list(EXECUTORS.get(name)().run(COMMAND, jobs, tmp_path))

    for kind in ("started", "progress"):
        told = [each.job for each in events if each.kind == kind]
        assert sorted(told) == sorted(job.name for job in jobs)
    assert {name: each.kind for name, each in ends(events).items()} == {
        "0-work": "finished",
        "1-fail": "failed",
        "2-work": "finished",
        "3-work": "finished",
    }


@pytest.mark.parametrize("name", EXECUTORS.names())
def test_without_jobs_there_are_no_events(name, tmp_path):
    assert list(EXECUTORS.get(name)().run(COMMAND, [], tmp_path)) == []


def test_a_worker_that_dies_fails_its_job_and_is_replaced(tmp_path):
    events = list(Local(processes=1).run(COMMAND, make_jobs("work", "die", "work"), tmp_path))

    ended = ends(events)
    assert ended["1-die"].kind == "failed"
    assert ended["1-die"].values["kind"] == "WorkerDied"
    assert "signal 9" in ended["1-die"].values["message"]
    assert str(tmp_path) in ended["1-die"].values["message"]
    assert ended["2-work"].kind == "finished"
    assert ended["2-work"].values["pid"] != ended["0-work"].values["pid"]


def test_a_worker_that_dies_last_ends_the_run(tmp_path):
    events = list(Local(processes=1).run(COMMAND, make_jobs("work", "die"), tmp_path))

    assert {each.kind for each in ends(events).values()} == {"finished", "failed"}


def test_a_worker_that_dies_in_the_middle_of_a_word_fails_its_job(tmp_path):
    jobs = make_jobs("die in a word", "work")

    ended = ends(Local(processes=1).run(COMMAND, jobs, tmp_path))

    assert ended["0-die in a word"].values["kind"] == "WorkerDied"
    assert ended["1-work"].kind == "finished"


def test_a_program_that_cannot_begin_fails_every_job(tmp_path):
    events = list(
        Local(processes=1).run((sys.executable, "-c", "1/0"), make_jobs("a", "b"), tmp_path)
    )

    assert [each.kind for each in ends(events).values()] == ["failed", "failed"]
    assert "ZeroDivisionError" in (tmp_path / "worker-0.log").read_text()


def test_each_worker_has_cores_of_its_own_and_as_many_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    places = make_places()
    cores = [core for place in places for core in place.cores]
    assert sorted(cores) == sorted(os.sched_getaffinity(0))

    events = list(Local(processes=1).run(COMMAND, make_jobs("work"), tmp_path))

    values = ends(events)["0-work"].values
    assert values["cores"] == sorted(os.sched_getaffinity(0))
    assert values["threads"] == str(len(values["cores"]))


def test_a_worker_has_no_more_threads_than_are_granted_or_asked_for(tmp_path, monkeypatch):
    threads = []
    for asked in ("1", "8"):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
        monkeypatch.setenv("LSB_MCPU_HOSTS", "n1 4")
        events = list(Local(processes=2).run(COMMAND, make_jobs("work", "work"), tmp_path))
        threads.append({each.values["threads"] for each in ends(events).values()})

    assert threads == [{"1"}, {"2"}]


def test_processes_share_no_more_cores_than_they_are_given(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(64)})

    places = make_places(2, most_cores=4)

    assert [(place.n_cores, place.cores) for place in places] == [(2, None), (2, None)]


def test_devices_are_shared_out(tmp_path):
    events = list(Local(devices=["3"]).run(COMMAND, make_jobs("work"), tmp_path))

    assert ends(events)["0-work"].values["device"] == "3"


def test_more_devices_than_cores_are_not_all_used(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})

    assert [place.device for place in make_places(devices=("0", "1", "2"))] == ["0", "1"]


def test_more_processes_than_cores_are_refused():
    with pytest.raises(ConfigError, match="expected at most"):
        Local(processes=10_000)


def test_closing_the_events_ends_the_workers(tmp_path):
    program = WORKER.replace(
        'if job["do"] == "sleep":',
        'if job["do"] == "sleep":\n        '
        f'open({os.fspath(tmp_path / "pid")!r}, "w").write(str(os.getpid()))',
    )
    program = "import threading, os, sys\n" + program.replace(
        "for line in sys.stdin:", "for line in iter(sys.stdin.readline, ''):"
    ).replace("time.sleep(60)", "sys.stdin.readline()")
    events = Local(processes=1).run((sys.executable, "-c", program), make_jobs("sleep"), tmp_path)
    next(events)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)

    events.close()

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_job_is_plain_json():
    assert json.loads(json.dumps(make_jobs("work")[0].document)) == {"do": "work"}


def test_a_worker_that_a_signal_has_ended_ends_all_and_is_no_failure(tmp_path):
    events = []

    with pytest.raises(Stopped, match="worker 0 was told to"):
        events.extend(Local(processes=1).run(COMMAND, make_jobs("stop", "work"), tmp_path))

    assert [each.kind for each in events] == ["started"]

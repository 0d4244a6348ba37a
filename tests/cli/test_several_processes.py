"""`tsconv train` by two processes: torchrun's, two with its variables, members side by side."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

TSCONV = ["-m", "tsconv"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *TSCONV]
SMALL = ("network.options.width=4", "network.options.levels=2", "training.batch_size=9")
DATA = "datasets/cbf/CBF_TRAIN.csv"


def make_command(start, out, *, steps=12, members=1):
    settings = [word for each in (*SMALL, f"training.steps={steps}") for word in ("--set", each)]
    options = ["--network", "tcn", "--members", str(members), "--precision", "float32"]
    return [sys.executable, *start, "train", DATA, *options, *settings, "--out", str(out), "--json"]


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start_two(command):
    """Two processes with the variables that torchrun sets, so that each exit code is seen."""
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TSCONV_CHECKPOINT_SECONDS": "0"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [
        subprocess.Popen(
            command,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


def differences(folder, other):
    """The largest difference of weights, of each member."""
    for path in sorted((folder / "members").glob("*.safetensors")):
        state, theirs = load_file(path), load_file(other / "members" / path.name)
        assert state.keys() == theirs.keys()
        yield max((state[key] - theirs[key]).abs().max().item() for key in state)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def plain(document):
    """A result without what differs from run to run."""
    members = [{**each, "seconds": 0, "train_loss": 0} for each in document["members"]]
    metrics = document["test"]["metrics"]
    return {"members": members, "config": document["config"], "accuracy": metrics["accuracy"]}


def test_torchrun_makes_the_run_that_one_process_makes_and_tells_it_once(tmp_path):
    alone = run(make_command(TSCONV, tmp_path / "alone"))
    together = run(make_command(TORCHRUN, tmp_path / "together"))

    assert (alone.returncode, together.returncode) == (0, 0), together.stderr
    assert plain(json.loads(together.stdout)) == plain(json.loads(alone.stdout))
    assert files(tmp_path / "together") == files(tmp_path / "alone")
    assert together.stderr.count("run saved in") == 1
    assert max(differences(tmp_path / "together", tmp_path / "alone")) < 1e-5


@pytest.mark.slow
def test_a_signal_to_one_stops_all_after_the_same_step_and_the_same_command_goes_on(tmp_path):
    command = make_command(TSCONV, tmp_path / "stopped", steps=100)
    processes = start_two(command)
    try:
        wait_for_a_checkpoint(tmp_path / "stopped")
        processes[1].send_signal(signal.SIGTERM)
        ends = await_all(processes)
    finally:
        for process in processes:
            process.kill()

    assert [process.returncode for process in processes] == [75, 75], ends
    assert not any(stdout for stdout, _ in ends)
    assert ", saved; the same command does the rest" in "".join(stderr for _, stderr in ends)
    (first, second) = await_all(start_two(command))
    await_all(start_two(make_command(TSCONV, tmp_path / "undisturbed", steps=100)))
    assert "taken up at step" in first[1]
    assert not second[0]
    assert list(differences(tmp_path / "stopped", tmp_path / "undisturbed")) == [0.0]


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_a_signal_stops_members_side_by_side_and_the_same_command_goes_on(tmp_path):
    apart = ["--processes", "2"]
    command = [*make_command(TSCONV, tmp_path / "stopped", steps=300, members=2), *apart]
    environment = {**os.environ, "TSCONV_CHECKPOINT_SECONDS": "0"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_a_checkpoint(tmp_path / "stopped")
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=300)

    assert (process.returncode, stdout) == (75, ""), stderr
    assert not list((tmp_path / "stopped").rglob("*.lock"))
    again = run(command)
    assert again.returncode == 0, again.stderr
    assert run(make_command(TSCONV, tmp_path / "alone", steps=300, members=2)).returncode == 0
    assert list(differences(tmp_path / "stopped", tmp_path / "alone")) == [0.0, 0.0]
    assert files(tmp_path / "stopped") == files(tmp_path / "alone")


def await_all(processes):
    """What each wrote to stdout and stderr."""
    return [process.communicate(timeout=300) for process in processes]


def wait_for_a_checkpoint(run):
    began = time.monotonic()
    while not list((run / "members").glob("*checkpoint*")):
        assert time.monotonic() - began < 120, "no step in two minutes"
        time.sleep(0.02)


def test_an_error_of_all_processes_is_told_once(tmp_path):
    ended = run([*make_command(TORCHRUN, tmp_path / "run"), "--member", "7"])

    assert ended.returncode != 0
    told = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert "--member 7: expected 0 to 0" in told[0]


def test_a_benchmark_by_several_processes_is_refused_in_one_line(tmp_path):
    words = ["benchmark", "--dataset", "GunPoint", "--out", str(tmp_path / "out")]
    ended = run([sys.executable, *TORCHRUN, *words])

    assert ended.returncode != 0
    told = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert told == [
        "error: tsconv benchmark: found 2 processes that torchrun started, expected one without "
        "torchrun; its cells run side by side: --processes N, --gpu N"
    ]
    assert not (tmp_path / "out").exists()


def test_who_finds_the_run_finished_says_so_once_and_leaves_it(tmp_path):
    command = make_command(TSCONV, tmp_path / "run", steps=2)
    assert run(command).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}

    ended = run(make_command(TORCHRUN, tmp_path / "run", steps=2))

    assert ended.returncode == 0
    assert ended.stderr.count("already finished") == 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before

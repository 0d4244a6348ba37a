"""The program as the shell sees it: imports, pipes, exit codes, signals."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import tsconv
from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.runs.host import node_name
from tsconv.training.checkpoint import from_bytes
from tsconv.workflows.cell import Cell
from tsconv.workflows.schedule import arrange, remember

PROGRAM = [sys.executable, "-c", "from tsconv.cli.main import main; main()"]
HEAVY = {"torch", "sktime", "pandas", "numpy", "sklearn", "scipy", "pyarrow", "rich"}
TINY = [
    *("--network", "tcn", "--members", "1", "--precision", "float32"),
    *("--set", "network.options.width=4", "--set", "network.options.levels=2"),
]


def run(*arguments, **kwargs):
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def make_toy_file(path, n=8):
    generator = np.random.default_rng(0)
    series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(n)]
    write_file(path, from_series(series, ["a", "b"] * (n // 2)))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    data = make_toy_file(folder / "toy.csv")
    done = run("train", data, *TINY, "--set", "training.steps=2", "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    return folder


def test_training_takes_no_more_cores_than_a_batch_system_grants(tmp_path):
    data = make_toy_file(tmp_path / "toy.csv")
    environment = {name: each for name, each in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = ["train", data, *TINY, "--set", "training.steps=2", "--out", tmp_path / "run"]

    done = run(*command, env={**environment, "SLURM_CPUS_PER_TASK": "1"})

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["threads"] == 1


def heavy_imports(arguments):
    """What of HEAVY a command imports."""
    program = (
        "import sys\n"
        "from tsconv.cli.main import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return HEAVY & {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    assert heavy_imports(arguments) == set()


def test_status_imports_nothing_heavy(tmp_path):
    cells = [
        Cell(dataset="Toy", data="toy.csv", config=load_config(settings={"seed": k}), resample=0)
        for k in range(2)
    ]
    remember(arrange([(cell, 1.0) for cell in cells], tmp_path))
    run = cells[0].directory(tmp_path)
    run.path.mkdir(parents=True)
    told = {"member": 0, "members": 1, "epoch": 1, "step": 2, "n_steps": 9, "loss": 0.5, "rate": 1}
    about = {"host": node_name(), "pid": os.getpid(), "job": None, "seconds_left": 7, **told}
    run.progress.write_text(json.dumps(about))

    assert heavy_imports(["status", str(tmp_path)]) == set()


def test_version_is_the_package_s():
    assert run("--version").stdout == f"tsconv {tsconv.__version__}\n"


def test_predict_works_in_a_pipe(trained):
    text = (trained / "toy.csv").read_text()

    done = run("predict", trained / "run", "-", "--out", "-", input=text)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "row,prediction,a,b"
    assert len(done.stdout.splitlines()) == 9


def test_a_reader_that_goes_away_is_no_error(trained):
    command = [*PROGRAM, "-q", "predict", str(trained / "run"), str(trained / "toy.csv")]

    with subprocess.Popen(
        [*command, "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        stderr = process.stderr.read()
        code = process.wait(timeout=120)

    assert (code, stderr) == (0, "")


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a disk always full")


@FULL
@pytest.mark.parametrize("command", [["formats"], ["networks", "--json"], ["settings"]])
def test_a_full_disk_below_standard_output_is_told_in_a_line(command):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 2
    assert done.stderr == "error: standard output: cannot be written (No space left on device)\n"


@pytest.mark.parametrize(
    ("closed", "code"), [("<&-", 2), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 2)]
)
def test_a_closed_stream_is_empty_or_forgets(trained, closed, code):
    words = [*PROGRAM, "predict", str(trained / "run"), "-", "--out", "-"]
    data = "" if "<" in closed else f"< {shlex.quote(str(trained / 'toy.csv'))}"

    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(words)} {data} {closed}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_two_processes_train_different_members_into_one_run(tmp_path):
    data, out = make_toy_file(tmp_path / "toy.csv"), tmp_path / "run"
    command = [*PROGRAM, "train", str(data), *TINY, "--members", "2", "--set", "training.steps=2"]

    both = [
        subprocess.Popen([*command, "--out", str(out), "--member", k], stderr=subprocess.PIPE)
        for k in "01"
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], errors
    assert (out / "DONE").exists()
    assert run("predict", out, data, "--out", tmp_path / "out.csv").returncode == 0


def test_bad_input_exits_with_2_and_one_line(tmp_path):
    done = run("evaluate", tmp_path / "[/red] nowhere", "x.csv")

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "[/red] nowhere" in done.stderr


@pytest.mark.parametrize(("words", "code"), [(["formats"], 0), (["evaluate", "no", "x.csv"], 2)])
def test_a_command_ends_at_once_with_all_its_words_said(tmp_path, words, code):
    program = (
        "import atexit, pathlib\n"
        "atexit.register(pathlib.Path('late').touch)\n"
        "from tsconv.cli.main import main\n"
        "main()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == code
    assert (done.stdout + done.stderr).endswith("\n")
    assert not (tmp_path / "late").exists()


def test_our_own_mistake_keeps_its_traceback(tmp_path):
    program = (
        "import tsconv.workflows.describe as d\n"
        "d.describe_formats = lambda: 1 / 0\n"
        "import sys; sys.argv = ['tsconv', 'formats']\n"
        "from tsconv.cli.main import main\n"
        "main()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def start_training(folder, steps=1_000_000, **variables):
    """A training under way."""
    data, out = make_toy_file(folder / "toy.csv"), folder / "run"
    arguments = ["train", str(data), *TINY, "--set", f"training.steps={steps}", "--out", str(out)]
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TSCONV_CHECKPOINT_SECONDS": "0.1", **variables},
    )
    wait_for(out / "members" / "0.checkpoint.safetensors")
    return process, out


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"])
def test_a_signal_ends_a_training_with_75_saved_to_the_step(tmp_path, name):
    process, out = start_training(tmp_path)

    os.kill(process.pid, signal.Signals[name])
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 75
    assert stdout == ""
    assert "Traceback" not in stderr
    last = re.fullmatch(
        r"stopped: member 0 at step (\d+) of 1000000, saved; the same command does the rest",
        stderr.splitlines()[-1],
    )
    _, values = from_bytes((out / "members" / "0.checkpoint.safetensors").read_bytes())
    assert values["progress"]["step"] == int(last[1])
    assert not list(out.rglob("*.lock"))
    assert not (out / "DONE").exists()


ENDLESS_WRITING = """
import time
from pathlib import Path
import tsconv.workflows.predict as workflow
from tsconv.cli.main import main

def write(file, table, *, header):
    file.write(b"half")
    file.flush()
    Path("begun").touch()
    time.sleep(600)

workflow.write_rows = write
main()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_prediction_with_75_and_leaves_nothing_half_written(
    trained, tmp_path, name
):
    words = ["predict", str(trained / "run"), str(trained / "toy.csv"), "--out", "out.csv"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITING, *words],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    wait_for(tmp_path / "begun")

    process.send_signal(signal.Signals[name])
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 75
    assert stderr.splitlines()[-1] == f"stopped: told to by {name}; the same command does the rest"
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]


def test_which_signals_end_it_is_a_setting(tmp_path):
    process, _ = start_training(tmp_path, TSCONV_SIGNALS="USR1")

    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)

    assert process.returncode == -signal.SIGTERM


ENDLESS_STEP = """
import signal, time
from pathlib import Path
from tsconv.cli.main import main
from tsconv.networks import NETWORKS

class Endless(NETWORKS.get("tcn")):
    def forward(self, x, lengths=None):
        stop = signal.getsignal(signal.SIGINT).__self__
        while self.training:
            Path("interrupted" if stop.is_asked_for() else "begun").touch()
            time.sleep(0.01)
        return super().forward(x, lengths)

NETWORKS.register("endless")(Endless)
main()
"""


def test_a_step_that_takes_too_long_is_given_up_for_the_checkpoint_before(tmp_path):
    make_toy_file(tmp_path / "toy.csv")
    hasty = "import tsconv.workflows.train as workflow\nworkflow.PATIENCE = 0.1\n"
    process = subprocess.Popen(
        [sys.executable, "-c", hasty + ENDLESS_STEP, "train", "toy.csv", "--network", "endless"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    wait_for(tmp_path / "begun")

    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 75
    assert "given up, what was saved before counts; the same" in stderr.splitlines()[-1]
    assert not list(tmp_path.rglob("*.lock"))


def test_a_second_ctrl_c_stops_at_once_also_in_the_middle_of_a_step(tmp_path):
    make_toy_file(tmp_path / "toy.csv")
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_STEP, "train", "toy.csv", "--network", "endless"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    wait_for(tmp_path / "begun")

    process.send_signal(signal.SIGINT)
    wait_for(tmp_path / "interrupted")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted"


def test_a_training_killed_again_and_again_ends_as_one_left_alone(tmp_path):
    (tmp_path / "alone").mkdir()
    process, alone = start_training(tmp_path / "alone", steps=3000)
    assert process.wait(timeout=120) == 0
    process.communicate()
    for pause in (0.1, 0.4):
        process, out = start_training(tmp_path, steps=3000, TSCONV_CHECKPOINT_SECONDS="0")
        time.sleep(pause)
        process.kill()
        process.communicate()
    assert not (out / "DONE").exists()

    process, _ = start_training(tmp_path, steps=3000)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 0, stderr
    assert "member 0: taken up at step" in stderr
    for name in ("members/0.safetensors", "predictions-test.csv", "metrics.json"):
        if (alone / name).exists():
            assert (out / name).read_bytes() == (alone / name).read_bytes()
    assert untimed(out / "history.csv") == untimed(alone / "history.csv")


def untimed(path):
    return [line.rpartition(",")[0] for line in path.read_text().splitlines()]


def test_a_second_process_says_who_trains_the_member(tmp_path):
    process, out = start_training(tmp_path)

    arguments = [*TINY, "--set", "training.steps=1000000", "--out", out]
    second = run("train", tmp_path / "toy.csv", *arguments)
    process.kill()
    process.communicate()

    assert second.returncode == 2
    assert f"process {process.pid} on {socket.gethostname()} is at work on this" in second.stderr

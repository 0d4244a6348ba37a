"""benchmark, collect and compare as the shell sees them."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir

PROGRAM = [sys.executable, "-m", "tsconv"]
TINY = "members = 1\n[settings]\ntraining.steps = 2\nnetwork.options.levels = 2\n"

ONLINE = {**os.environ, "TSCONV_OFFLINE": "0", "TSCONV_DATA": ""}
"""Sets might be downloaded, and none are here but those that come with sktime."""


def run(*arguments, **options):
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two sets, one of which cannot be tested on, and a plan for both."""
    folder = tmp_path_factory.mktemp("benchmark")
    generator = np.random.default_rng(0)
    for name in ("Good", "Bad"):
        for part in ("TRAIN", "TEST"):
            series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(8)]
            labels = ["odd" if (name, part) == ("Bad", "TEST") else "up", "down"] * 4
            path = folder / name / f"{name}_{part}.csv"
            path.parent.mkdir(exist_ok=True)
            write_file(path, from_series(series, labels))
    sets = json.dumps([str(folder / name) for name in ("Good", "Bad")])
    (folder / "plan.toml").write_text(f"datasets = {sets}\nnetworks = 'tcn'\n{TINY}")
    return folder


def test_a_benchmark_tells_results_on_stdout_and_the_rest_on_stderr(folder):
    done = run("benchmark", folder / "plan.toml", "--out", folder / "out")

    assert done.returncode == 3, done.stderr
    assert "Good" in done.stdout.partition("not finished")[0]
    assert "'odd'" in done.stdout.partition("not finished")[2]
    lines = done.stderr.splitlines()
    assert any("2 cells to run" in line for line in lines)
    assert any("1 of 2 done" in line for line in lines)
    assert "1 cells did not finish" in lines[-1]
    assert "Traceback" not in done.stderr

    again = run("benchmark", folder / "plan.toml", "--out", folder / "out", "--json")

    assert "1 cells to run, 1 finished before" in again.stderr
    runs = json.loads(again.stdout)["runs"]
    assert [row["dataset"] for row in runs] == ["Bad", "Good"]
    assert runs[0]["accuracy"] is None
    assert 0 <= runs[1]["accuracy"] <= 1

    collected = run("collect", folder / "out", "--out", folder / "t.csv", "--tsml", folder / "tsml")

    assert collected.returncode == 0, collected.stderr
    assert (folder / "t.csv").read_text().startswith("dataset,network,")
    assert len(list((folder / "tsml").rglob("testResample0.csv"))) == 1

    without = run("benchmark", folder / "plan.toml", "-d", folder / "Good", "--out", folder / "out")

    assert without.returncode == 0, without.stderr
    assert "'odd'" in without.stdout


def test_a_cell_that_another_process_has_is_left_to_it_and_is_no_failure(folder):
    command = ("benchmark", folder / "plan.toml", "-d", folder / "Good", "--out", folder / "held")
    cell = RunDir(folder / "held" / "runs" / "Good/tcn/fast-x1/resample-0/seed-0")

    with held(cell.member_lock(0)):
        left = run(*command)
    done = run(*command)

    assert left.returncode == 75, left.stderr
    said, _, last = left.stderr.splitlines()[-3:]
    assert f"left alone, {cell.member_lock(0)}: process {os.getpid()} on " in said
    assert "0 of 1 done, 1 held by others" in said
    assert last.startswith("1 cells are left to other processes")
    assert not cell.failure.exists()
    assert done.returncode == 0, done.stderr


def test_a_dry_run_runs_nothing(folder):
    done = run("benchmark", folder / "plan.toml", "--out", folder / "dry", "--dry-run", "--json")

    plan = json.loads(done.stdout)
    assert [cell["cell"] for cell in plan["cells"]] == [
        f"{name}/tcn/fast-x1/resample-0/seed-0" for name in ("Good", "Bad")
    ]
    assert not (folder / "dry").exists()


def test_a_dry_run_for_slurm_writes_the_scripts(folder):
    plan, out = folder / "plan.toml", folder / "scripts"

    done = run("benchmark", plan, "--executor", "slurm", "--out", out, "--dry-run", "--json")

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["tasks"]) == 2
    assert "nothing is submitted" in done.stderr
    assert (out / "slurm" / "1" / "submit.sh").exists()


@pytest.mark.parametrize("site", ["", "[default.environment]\nTSCONV_OFFLINE = 0\n"])
def test_sets_that_tasks_would_lack_are_warned_of_unless_they_may_download(folder, site):
    (folder / "site.toml").write_text(site)
    options = ["--site", folder / "site.toml", "--out", folder / f"lacking{len(site)}", "--dry-run"]

    done = run("submit", "-d", "GunPoint", "-d", "Adiac", "-d", "Beef", *options, env=ONLINE)

    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == (0 if site else 1)
    assert all(line.endswith(": tsconv datasets fetch Adiac Beef") for line in warned)


def test_sets_that_tasks_would_lack_are_refused_offline(folder):
    options = ["--out", folder / "refused", "--dry-run", "--offline"]

    done = run("submit", "-d", "GunPoint", "-d", "Adiac", *options, env=ONLINE)

    assert done.returncode == 2
    assert done.stderr.startswith("error: Adiac: expected the set on this machine")
    assert done.stderr.endswith(": tsconv datasets fetch Adiac\n")
    assert not (folder / "refused").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["benchmark"], "expected datasets"),
        (["benchmark", "absent.toml"], "absent.toml: cannot be read"),
        (["benchmark", "-d", "GunPiont", "--dry-run"], "did you mean 'GunPoint'"),
        (["benchmark", "-d", "GunPoint", "--network", "tnc", "--dry-run"], "did you mean 'tcn'"),
        (["benchmark", "-d", "GunPoint", "--recipe", "fats"], "did you mean 'fast'"),
        (["benchmark", "-d", "GunPoint", "--executor", "locla"], "did you mean 'local'"),
        (["benchmark", "-d", "GunPoint", "--processes", "9999"], "expected at most"),
        (["benchmark", "-d", "GunPoint", "--executor", "slurm", "--gpu", "0"], "found --gpu,"),
        (
            ["benchmark", "-d", "GunPoint", "--executor", "slurm", "--tasks", "2", "--task", "0"],
            "found --tasks and --task, expected none of it",
        ),
        (["collect", "absent"], "absent: expected a folder"),
        (["compare"], "expected a table"),
        (["compare", "absent.csv"], "absent.csv"),
        (["compare", "t.csv", "--rope", "0.01", "--format", "csv"], "--format csv-pairs"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, words):
    done = run(*arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_benchmark_and_its_workers_with_what_is_under_way_saved(tmp_path, name):
    (tmp_path / "plan.toml").write_text(
        "datasets = 'GunPoint'\nnetworks = 'tcn'\nmembers = 2\n[settings]\ntraining.steps = 5000\n"
    )
    command = [*PROGRAM, "benchmark", str(tmp_path / "plan.toml"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    record = next((tmp_path / "out").rglob("classifier.json"), None)
    while record is None and process.poll() is None:
        time.sleep(0.05)
        record = next((tmp_path / "out").rglob("classifier.json"), None)
    pid = json.loads((record.parent / "environment.json").read_text())["pid"]
    time.sleep(1)  # until steps are taken

    process.send_signal(signal.Signals[name])
    out, errors = process.communicate(timeout=60)

    assert process.returncode == 75, errors
    assert out == b""
    assert errors.splitlines()[-1].endswith(b"the same command does the rest")
    assert (record.parent / "members" / "0.checkpoint.safetensors").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "5000" in (record.parent / "config.json").read_text()

"""Scripts as they are written, and what Slurm and the tasks say, without a Slurm."""

import math
import os
import re
import subprocess
from pathlib import Path

import pytest

from tsconv.errors import ConfigError
from tsconv.executors import slurm
from tsconv.executors.site import Site, read_site

GOLDEN = Path(__file__).parent / "golden"
TASKS = (("A/tcn/seed-0", "B/tcn/seed-0"), ("name with spaces/tcn",))
SITE = Site(
    sbatch={"partition": "long", "time": "4:00:00", "gres": "gpu:1", "exclusive": None},
    modules=("gcc/13",),
    environment={"MALLOC_ARENA_MAX": "2"},
    lines=("ulimit -n 4096",),
    max_parallel=50,
)

SBATCH_WITH_ROOM = """\
touch {folder}/said
number=$(($(wc -l <{folder}/said) + 1))
[ $number -le $(cat {folder}/room) ] || {{ echo limit of jobs >&2; exit 1; }}
echo "$@" >>{folder}/said
echo $number"""
"""Takes as many jobs as a file says, and numbers them from 1."""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that is searched first for programs; in it, a Slurm that says nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name in [name for name in os.environ if name.startswith("TSCONV_")]:
        monkeypatch.delenv(name)
    _tool(folder, "scontrol", "exit 1")
    return folder


def _tool(folder, name, script):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _said(folder):
    """What sbatch was told, a line each time that it took a job."""
    return (folder / "said").read_text().splitlines()


def _write(folder, tasks=TASKS, site=SITE, number=1):
    return slurm.write_submission(
        folder / "slurm" / str(number),
        tasks,
        command=("python", "-m", "tsconv", "benchmark", "--out", "my runs", "--task"),
        after=[("python", "-m", "tsconv", "collect", "my runs", "--out", "my runs/results.csv")],
        site=site,
        working_folder=Path("/home/me"),
        environment={"TSCONV_OFFLINE": "1"},
    )


@pytest.mark.parametrize("name", ["array.sh", "collect.sh", "submit.sh", "tasks.txt"])
def test_what_is_written_is_as_it_was(tools, tmp_path, name):
    files = _write(tmp_path)

    text = (files.folder / name).read_text().replace(str(tmp_path), "/scratch/me")

    assert text == (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", ["array.sh", "collect.sh", "submit.sh"])
def test_shells_understand_what_is_written(tools, tmp_path, name):
    script = _write(tmp_path).folder / name

    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_jobs_are_given_our_variables_whatever_shell_submits_them(tools, tmp_path, monkeypatch):
    given = {
        "TSCONV_CACHE": "/scratch/my sets",
        "TSCONV_CHECKPOINT_SECONDS": "60",
        "TSCONV_DATA": "/archive",
        "TSCONV_LOCK": "/lab/datasets.sha256",
        "TSCONV_OFFLINE": "0",
        "TSCONV_SIGNALS": "TERM,USR1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    text = _write(tmp_path, site=Site(environment={"TSCONV_DATA": "/project"})).array.read_text()

    said = dict(re.findall(r"^export (TSCONV_\w+)='?(.*?)'?$", text, re.M))
    assert said == {**given, "TSCONV_DATA": "/project", "TSCONV_OFFLINE": "1"}


def test_a_list_longer_than_the_largest_array_goes_in_pieces(tools, tmp_path):
    _tool(tools, "scontrol", "echo MaxArraySize = 4")
    _tool(tools, "sbatch", f'echo "$@" >>{tmp_path}/said; wc -l <{tmp_path}/said | tr -d " "')
    files = _write(tmp_path, tasks=[(f"cell-{k}",) for k in range(10)])

    assert slurm.submit(files) == ("1", "2", "3")

    assert _said(tmp_path) == [
        "--parsable --array=0-3%16 array.sh 0",
        "--parsable --array=0-3%16 array.sh 4",
        "--parsable --array=0-1%16 array.sh 8",
        "--parsable --dependency=afterany:1:2:3 --kill-on-invalid-dep=yes collect.sh",
    ]
    assert [record.job for record in slurm.read_records(files)][3:6] == ["1_3", "2_0", "2_1"]


def test_what_sbatch_refused_is_submitted_by_the_same_script_and_nothing_twice(tools, tmp_path):
    _tool(tools, "scontrol", "echo MaxArraySize = 4")
    _tool(tools, "sbatch", SBATCH_WITH_ROOM.format(folder=tmp_path))
    files = _write(tmp_path, tasks=[(f"cell-{k}",) for k in range(10)])
    (tmp_path / "room").write_text("1")
    with pytest.raises(ConfigError, match=r"limit of jobs; submitted before that: 1; .* is left"):
        slurm.submit(files)
    (tmp_path / "room").write_text("3")
    with pytest.raises(ConfigError, match="limit of jobs; submitted before that: 2 3; "):
        slurm.submit(files)
    assert slurm.is_partial(files)
    (tmp_path / "room").write_text("9")

    subprocess.run(["sh", files.submit], check=True)
    again = subprocess.run(["sh", files.submit], capture_output=True, text=True, check=True)

    assert not slurm.is_partial(files)
    assert "submitted already" in again.stdout
    assert [line.partition("array.sh ")[2] for line in _said(tmp_path)[:-1]] == ["0", "4", "8"]
    assert "--dependency=afterany:1:2:3 " in _said(tmp_path)[-1]


def test_what_collects_waits_for_the_arrays_of_all_submissions(tools, tmp_path):
    _tool(tools, "sbatch", SBATCH_WITH_ROOM.format(folder=tmp_path))
    (tmp_path / "room").write_text("1")
    with pytest.raises(ConfigError, match="limit of jobs"):
        slurm.submit(_write(tmp_path))
    (tmp_path / "room").write_text("9")

    slurm.submit(_write(tmp_path, number=2))

    assert "--dependency=afterany:1:2 " in _said(tmp_path)[-1]


def test_added_tasks_are_submitted_alone(tools, tmp_path):
    _tool(tools, "sbatch", f'echo "$@" >>{tmp_path}/said; echo 7')
    files = _write(tmp_path)

    slurm.submit(files, first=slurm.add_tasks(files, [("C/tcn",)]))

    assert "--array=0-0%50 array.sh 2" in (tmp_path / "said").read_text()
    assert [record.names for record in slurm.read_records(files)][2:] == [("C/tcn",)]


def test_what_sbatch_says_when_it_refuses_is_told(tools, tmp_path):
    _tool(tools, "sbatch", "echo 'invalid partition specified: long' >&2; exit 1")

    with pytest.raises(ConfigError, match="invalid partition specified: long"):
        slurm.submit(_write(tmp_path))


def test_a_task_that_ends_with_75_is_requeued_by_its_own_number(tools, tmp_path):
    code, said = _run_task(tools, tmp_path, "exit 75")

    assert code == 75
    assert said == ["requeue 40_1"]
    record = slurm.read_records(slurm.Submission(tmp_path / "slurm" / "1"))[1]
    assert (record.starts, record.node, record.last, record.code) == (1, "n3", "requeued", None)


def test_a_task_that_fails_or_is_done_is_not_requeued(tools, tmp_path):
    assert _run_task(tools, tmp_path, "exit 3") == (3, [])
    record = slurm.read_records(slurm.Submission(tmp_path / "slurm" / "1"))[1]
    assert (record.last, record.code) == ("ended", 3)


def test_a_task_is_not_requeued_for_ever(tools, tmp_path):
    restarts = {"SLURM_RESTART_COUNT": str(slurm.MOST_REQUEUES)}

    assert _run_task(tools, tmp_path, "exit 75", **restarts) == (75, [])


def test_a_warning_is_passed_on_and_a_cancelled_task_stays_so(tools, tmp_path):
    trap = "trap 'exit 75' {0}; kill -s {0} $PPID; while :; do sleep 0.1; done"

    assert _run_task(tools, tmp_path / "a", trap.format("USR1")) == (75, ["requeue 40_1"])
    assert _run_task(tools, tmp_path / "b", trap.format("TERM")) == (75, [])


@pytest.mark.parametrize("signal", ["USR1", "USR2"])
def test_a_warning_during_the_sites_setup_requeues_the_task(tools, tmp_path, signal):
    code, said = _run_task(tools, tmp_path, "sleep 20", lines=(f"kill -s {signal} $$",))

    assert code > 128
    assert said == ["requeue 40_1"]
    record = slurm.read_records(slurm.Submission(tmp_path / "slurm" / "1"))[1]
    assert (record.starts, record.last) == (1, "requeued")


def test_a_task_is_requeued_however_strict_the_sites_setup_is(tools, tmp_path):
    setup = ("set -euo pipefail",)

    assert _run_task(tools, tmp_path, "exit 75", lines=setup) == (75, ["requeue 40_1"])


def _run_task(tools, folder, program, *, lines=(), **environment):
    """Exit code of task 1 where python is a script, and what scontrol is told."""
    folder.mkdir(exist_ok=True)
    files = _write(folder, site=Site(lines=lines))
    _tool(tools, "scontrol", f'echo "$@" >>{folder}/said')
    _tool(tools, "python", program)
    job = {"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "1", "SLURMD_NODENAME": "n3"}
    done = subprocess.run(
        ["bash", files.array], env={**os.environ, **job, **environment}, check=False, timeout=20
    )
    said = folder / "said"
    return done.returncode, said.read_text().splitlines() if said.exists() else []


def test_the_queue_is_read_by_task_whoever_submitted_it(tools, tmp_path):
    rows = "4_0|RUNNING|n1|None\\n4_1|PENDING||Priority\\n"
    _tool(tools, "squeue", f"echo $* >{tmp_path}/asked; printf '{rows}'")

    queue = slurm.read_queue(["4_0", "4_1", "4_2", "3_0"])

    assert list(queue) == ["4_0", "4_1", "4_2", "3_0"]
    assert (queue["4_0"].state, queue["4_0"].node) == ("RUNNING", "n1")
    assert (queue["4_1"].state, queue["4_1"].reason) == ("PENDING", "Priority")
    assert queue["4_2"] is None
    assert queue["3_0"] is None
    asked = (tmp_path / "asked").read_text()
    assert "--jobs=3,4," in asked
    assert "--user" not in asked


def test_one_array_that_is_gone_is_no_error(tools):
    refuse = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    _tool(tools, "squeue", f"case $* in *,*) ;; *) {refuse} ;; esac")  # as squeue of 22.05 does

    assert slurm.read_queue(["4_0"]) == {"4_0": None}


def test_without_slurm_there_is_no_queue(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")

    assert slurm.read_queue(["4_0"]) is None
    assert slurm.max_array_size() == slurm.MAX_ARRAY_SIZE


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("30", 1800),
        ("1:30", 90),
        ("4:00:00", 14400),
        ("2-0", 172800),
        ("1-12:30", 131400),
        ("unlimited", math.inf),
    ],
)
def test_limits_are_read_as_slurm_writes_them(limit, seconds):
    assert slurm.seconds_of(limit) == seconds


@pytest.mark.parametrize("limit", ["4h", "", "1:2:3:4", "-1"])
def test_what_is_no_limit_is_refused(limit):
    with pytest.raises(ConfigError, match="expected minutes"):
        slurm.seconds_of(limit)


PROFILES = """\
[default]
partition = "cpu"
cpus-per-task = 2
exclusive = true
max-parallel = 9
modules = ["gcc/13"]
[gpu]
gres = "gpu:1"
"""


def test_a_profile_is_read_and_flags_come_on_top(tmp_path):
    (tmp_path / "site.toml").write_text(PROFILES)

    site = read_site(
        tmp_path / "site.toml",
        options={"partition": "low", "gres": None},
        arguments=["--qos=long", "--nice"],
    )

    assert site.sbatch == {
        "partition": "low",
        "cpus-per-task": "2",
        "exclusive": None,
        "qos": "long",
        "nice": None,
    }
    assert (site.modules, site.max_parallel) == (("gcc/13",), 9)


def test_the_variable_names_the_file(tmp_path, monkeypatch):
    (tmp_path / "here.toml").write_text(PROFILES)
    monkeypatch.setenv("TSCONV_SITE", str(tmp_path / "here.toml"))

    assert read_site(profile="gpu").sbatch == {"gres": "gpu:1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partition = 'cpu'", "expected in the table of a profile"),
        ("[default]\nmax-parallel = 0", "expected a number from 1"),
        ("[default]\nmodules = 'gcc'", "expected a list of texts"),
        ("[default]\narray = '0-3'", "--array is set by tsconv"),
        ("[default]\ntime = [1]", "expected a text or number"),
    ],
)
def test_what_a_site_cannot_want_is_told(tmp_path, text, said):
    (tmp_path / "site.toml").write_text(text)

    with pytest.raises(ConfigError, match=said):
        read_site(tmp_path / "site.toml")


def test_an_unknown_profile_and_a_short_option_are_told(tmp_path):
    (tmp_path / "site.toml").write_text(PROFILES)

    with pytest.raises(ConfigError, match="did you mean 'gpu'"):
        read_site(tmp_path / "site.toml", "gpus")
    with pytest.raises(ConfigError, match="expected a long option"):
        read_site(tmp_path / "site.toml", arguments=["-p low"])

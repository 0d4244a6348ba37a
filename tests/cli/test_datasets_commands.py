"""tsconv datasets and --offline, against a web server on loopback."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from site_on_loopback import NAME, Reply, make_files, make_zip, serving
from typer.testing import CliRunner

from tsconv.cli.main import app
from tsconv.data import transfer
from tsconv.data.transfer import Patience

ZIP = f"/{NAME}.zip"
OTHER = "Beef"
PROGRAM = [sys.executable, "-m", "tsconv"]


def call(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def start(*arguments):
    command = [*PROGRAM, "datasets", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_files(tmp_path_factory.mktemp("set"))


@pytest.fixture
def site(files, tmp_path, monkeypatch):
    """A mirror, which has one of the archives' sets."""
    with serving({ZIP: make_zip(files)}) as site:
        monkeypatch.setenv("TSCONV_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("TSCONV_MIRRORS", f"{site.url}/{{name}}.zip")
        monkeypatch.delenv("TSCONV_OFFLINE")
        monkeypatch.delenv("TSCONV_DATA", raising=False)
        monkeypatch.setattr(transfer, "PATIENCE", Patience(silence=0.5, pause=0.01, attempts=2))
        yield site


@pytest.fixture(autouse=True)
def no_roots(monkeypatch):
    monkeypatch.delenv("TSCONV_DATA", raising=False)


def test_list_has_a_row_a_set():
    lines = call("datasets", "list").stdout.splitlines()

    assert lines[0].startswith("158 sets, ")
    assert len(lines) == 161
    row = next(line.split() for line in lines if line.startswith("JapaneseVowels "))
    assert row[1:] == ["270", "370", "29", "12", "9", "unequal", "yes"]


def test_list_takes_groups_traits_and_what_is_here():
    result = call(
        *("datasets", "list", "uea", "ArrowHead", "--trait", "no-unequal,multivariate"),
        *("--have", "--json"),
    )

    assert [each["name"] for each in json.loads(result.stdout)] == ["BasicMotions"]
    assert (
        json.loads(call("datasets", "list", "--archive", "UEA", "--json").stdout)[0]["files"] == []
    )


def test_show_tells_all_of_a_set_by_any_of_its_names():
    result = call("datasets", "show", "gun_point")

    assert result.stdout.splitlines()[0] == "GunPoint"
    for words in ("50 to train on, 150 to test on", "ucr85, ucr112", "GunPoint_TRAIN.ts", "http"):
        assert words in result.stdout


def test_fetch_gets_what_is_not_here_and_says_so(site, tmp_path, files):
    result = call("datasets", "fetch", NAME, "GunPoint")

    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if " of 2: " in line]
    assert lines[0][4] == "-"  # the time, off a terminal
    assert f"1 of 2: {NAME} fetched, 0.0" in lines[0]
    assert "2 of 2: GunPoint is here, in " in lines[1]
    rows = [line.split() for line in result.stdout.splitlines()[2:4]]
    assert [row[:2] for row in rows] == [[NAME, "fetched"], ["GunPoint", "here"]]
    folder = tmp_path / "cache" / NAME
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files

    assert call("datasets", "fetch", NAME).exit_code == 0
    assert site.asked == [(ZIP, "")]


def test_fetch_goes_on_after_a_set_that_cannot_be_had(site):
    result = call("datasets", "fetch", OTHER, NAME, "--json")

    assert result.exit_code == 3
    failed, fetched = json.loads(result.stdout)
    assert (failed["state"], fetched["state"]) == ("failed", "fetched")
    assert "the server answered 404" in failed["failure"]
    assert result.stderr.splitlines()[-1] == f"error: 1 of 2 sets failed: {OTHER}"


def test_fetch_gives_up_at_once_where_no_mirror_can_be_reached(site, monkeypatch):
    with serving() as gone:
        down = gone.url
    monkeypatch.setenv("TSCONV_MIRRORS", f"{down}/a/{{name}}.zip {down}/b/{{name}}.zip")

    result = call("datasets", "fetch", "ucr112", "--json")

    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["kind"] == "UnreachableError"
    assert error["message"].startswith("Adiac: expected the set from one of 2 mirrors, none can be")
    assert (
        f"{down}/b/Adiac.zip: the server cannot be reached (Connection refused)"
        in (error["message"])
    )


def test_fetch_takes_the_sets_of_a_plan(site, tmp_path):
    make_files(tmp_path / "Mine", OTHER)
    plan = tmp_path / "plan.toml"
    plan.write_text(f'datasets = ["{NAME}", "GunPoint", "{tmp_path}/Mine"]\n')

    result = call("datasets", "fetch", "--plan", plan, "--json")

    assert result.exit_code == 0, result.output
    assert [each["name"] for each in json.loads(result.stdout)] == [NAME, "GunPoint"]
    assert call("benchmark", plan, "--offline", "--dry-run").exit_code == 0


def test_offline_never_tries_a_connection_and_says_what_to_fetch(site, tmp_path):
    run = tmp_path / "run"
    tiny = ["--network", "tcn", "--members", 1, "--set", "training.steps=1", "--out", run]
    assert call("train", "GunPoint", *tiny, "--offline").exit_code == 0

    for command in (
        ["train", NAME],
        ["inspect", NAME],
        ["evaluate", run, NAME],
        ["predict", run, NAME],
        ["convert", NAME, "x.npz"],
        ["benchmark", "-d", NAME],
    ):
        result = call(*command, "--offline")

        assert result.exit_code == 2, command
        assert result.stderr.splitlines()[-1].startswith(f"error: {NAME}: expected the set on this")
        assert result.stderr.rstrip().endswith(f"tsconv datasets fetch {NAME}")
    assert site.asked == []
    assert "TSCONV_OFFLINE" not in os.environ

    assert call("inspect", NAME).exit_code == 0


def test_fetch_refuses_to_work_where_nothing_may_be_downloaded(site, monkeypatch):
    monkeypatch.setenv("TSCONV_OFFLINE", "1")

    assert call("datasets", "fetch", "GunPoint").exit_code == 0
    result = call("datasets", "fetch", NAME)

    assert result.exit_code == 2
    assert "found $TSCONV_OFFLINE set" in result.stderr
    assert site.asked == []


def test_verify_holds_sets_against_catalogue_and_lock(site, tmp_path, monkeypatch):
    monkeypatch.setenv("TSCONV_LOCK", str(tmp_path / "lab.sha256"))
    call("datasets", "fetch", NAME)

    result = call("datasets", "verify", NAME, "ArrowHead")
    assert result.exit_code == 0, result.output
    rows = [line.split()[:3] for line in result.stdout.splitlines()[2:4]]
    assert rows == [[NAME, "right", "as"], ["ArrowHead", "right", "unlocked"]]

    assert call("datasets", "verify", "ArrowHead", "--lock").exit_code == 0
    assert json.loads(call("datasets", "verify", "ArrowHead", "--json").stdout)[0]["lock"] == (
        "as locked"
    )

    test = tmp_path / "cache" / NAME / f"{NAME}_TEST.ts"
    test.write_text("".join(test.read_text().splitlines(keepends=True)[:-1]))
    result = call("datasets", "verify", NAME, "--json")

    assert result.exit_code == 3
    (found,) = json.loads(result.stdout)
    assert found["lock"] == "differs"
    assert found["wrong"][1] == "expected 150 test instances, found 149"
    assert f"{NAME}: expected 150 test instances" in result.stderr


def test_the_lock_is_one_that_sha256sum_checks(site, tmp_path):
    call("datasets", "fetch", NAME)
    lines = (tmp_path / "cache" / "datasets.sha256").read_text().splitlines()

    for line in lines:
        digest, _, file = line.partition("  ")
        assert hashlib.sha256((tmp_path / "cache" / file).read_bytes()).hexdigest() == digest
    assert len(lines) == 2


def test_convert_takes_a_set_by_its_name_and_writes_both_parts(tmp_path):
    result = call("datasets", "convert", "ArrowHead", tmp_path / "arrow.npz")

    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["arrow_TEST.npz", "arrow_TRAIN.npz"]
    assert "36 series in" in result.stderr
    assert call("inspect", tmp_path / "arrow_TRAIN.npz").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--archive", "ucl"], "unknown archive 'ucl', did you mean 'ucr'"),
        (["list", "--trait", "unequel"], "unknown trait 'unequel', did you mean 'unequal'"),
        (["list", "urc112"], "unknown archive set 'urc112', did you mean 'ucr112'"),
        (["show", "GunPiont"], "unknown archive set 'GunPiont', did you mean 'GunPoint'"),
        (["show", "ucr85"], "'ucr85' is a group of 85 sets"),
        (["fetch"], "expected names of archive sets, a group such as ucr112, --all or --plan"),
        (["fetch", "Cofee"], "did you mean 'Coffee'"),
        (["fetch", "--plan", "absent.toml"], "absent.toml: cannot be read"),
        (["verify", "Cofee"], "did you mean 'Coffee'"),
        (["convert", "Cofee", "x.npz"], "did you mean 'Coffee'"),
        (["convert", "GunPoint", "x.npx"], "found the ending '.npx'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, words):
    result = call("datasets", *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


@pytest.mark.parametrize(
    ("arguments", "guess"), [(["lst"], "list"), (["fetch", "--pln", "x"], "--plan")]
)
def test_a_mistyped_command_or_option_is_guessed(arguments, guess):
    result = call("datasets", *arguments)

    assert result.exit_code == 2
    assert guess in result.stderr.splitlines()[-1]


def test_two_fetches_at_once_download_once(site):
    site.replies[ZIP] = [Reply(piece=2000, pause=0.02)]
    both = [start("fetch", NAME) for _ in range(2)]

    told = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], told
    states = [out.splitlines()[2].split()[:2] for out, _ in told]
    assert all(name == NAME and state in ("fetched", "here") for name, state in states)
    assert site.asked == [(ZIP, "")]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_fetch_with_75_and_the_same_command_takes_up_what_arrived(
    site, tmp_path, files, name
):
    site.replies[ZIP] = [Reply(stall=5000), Reply()]
    process = start("fetch", NAME)
    arrived = tmp_path / "cache"
    while not any(
        path.stat().st_size for path in arrived.glob(".*.partial-*") if path.suffix != ".version"
    ):
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(signal.Signals[name])
    out, errors = process.communicate(timeout=60)
    again = call("datasets", "fetch", NAME)

    assert process.returncode == 75
    assert out == ""
    assert errors.splitlines()[-1] == f"stopped: told to by {name}; the same command does the rest"
    assert again.exit_code == 0, again.output
    assert [asked > "bytes=" for _, asked in site.asked] == [False, True]
    assert {path.name: path.read_bytes() for path in (arrived / NAME).iterdir()} == files


def test_a_fetch_killed_at_any_moment_goes_on_when_repeated(site, tmp_path, files):
    site.replies[ZIP] = [Reply(piece=500, pause=0.05)]
    generator, n_killed = random.Random(1), 0
    for _ in range(4):
        n_asked = len(site.asked)
        process = start("fetch", NAME)
        while process.poll() is None and len(site.asked) == n_asked:
            time.sleep(0.01)
        try:
            process.wait(generator.uniform(0, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            n_killed += 1
        process.communicate()

    done = start("fetch", NAME)
    out, errors = done.communicate(timeout=60)

    assert n_killed
    assert done.returncode == 0, errors
    assert out.splitlines()[2].split()[:2] == [NAME, "fetched"]
    assert any(asked for _, asked in site.asked), "nothing was taken up"
    folder = tmp_path / "cache" / NAME
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    left = {path.name for path in folder.parent.iterdir()} - {NAME, "datasets.sha256"}
    assert all(name.endswith(".lock") for name in left), left


def test_a_benchmark_fetches_what_it_needs_and_a_set_that_cannot_be_had_is_a_row(site, tmp_path):
    tiny = "members = 1\nnetworks = 'tcn'\n[settings]\ntraining.steps = 1\n"
    (tmp_path / "plan.toml").write_text(f"datasets = ['{NAME}', '{OTHER}']\n{tiny}")

    result = call("benchmark", tmp_path / "plan.toml", "--out", tmp_path / "out", "--json")

    assert result.exit_code == 3, result.output
    failed, done = json.loads(result.stdout)["runs"]
    assert (failed["dataset"], done["dataset"]) == (OTHER, NAME)
    assert "the server answered 404" in failed["failure"]
    assert 0 <= done["accuracy"] <= 1

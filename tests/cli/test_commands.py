"""Every command in process: exit code, stdout, stderr, files."""

import csv
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tsconv.cli.main import app
from tsconv.config import dotted, load_config, to_dict
from tsconv.data.dataset import from_series
from tsconv.data.format import FORMATS, write_file
from tsconv.networks import NETWORKS

TINY = [
    *("--network", "tcn", "--members", "2", "--precision", "float32", "--set", "training.steps=2"),
    *("--set", "network.options.width=4", "--set", "network.options.levels=2"),
]


def make_toy_set(folder):
    generator = np.random.default_rng(0)
    for part in ("TRAIN", "TEST"):
        series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(8)]
        write_file(folder / f"Toy_{part}.csv", from_series(series, ["up", "[red]down"] * 4))
    return folder / "Toy_TRAIN.csv"


def call(*arguments, **kwargs):
    return CliRunner().invoke(app, [str(each) for each in arguments], **kwargs)


def expect_one_line_error(result, *words):
    """Exit code 2, nothing on stdout, and one line that starts with "error:" on stderr."""
    lines = [line for line in result.stderr.splitlines() if "error:" in line]
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(lines) == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[0]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A folder with a toy set and a finished run of it."""
    folder = tmp_path_factory.mktemp("toy")
    result = call("train", make_toy_set(folder), *TINY, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    return folder


def test_train_prints_the_metrics_and_says_where_the_run_is(tmp_path):
    result = call("train", make_toy_set(tmp_path), *TINY, "--out", tmp_path / "run")

    assert result.exit_code == 0, result.output
    assert "accuracy" in result.stdout
    assert "ensemble" in result.stdout
    assert str(tmp_path / "run") not in result.stdout
    assert f"run saved in {tmp_path / 'run'}" in result.stderr


def test_train_off_a_terminal_says_a_timestamped_line_a_member(tmp_path):
    result = call("train", make_toy_set(tmp_path), *TINY, "--out", tmp_path / "run")

    lines = [line for line in result.stderr.splitlines() if "trained in" in line]
    assert len(lines) == 2
    assert all(line[:4].isdigit() and line[10] == "T" for line in lines)


def test_quiet_says_no_more_than_where_the_run_is(tmp_path):
    enough = ("--set", "training.steps=5")  # for no warning

    result = call("-q", "train", make_toy_set(tmp_path), *TINY, *enough, "--out", tmp_path / "run")

    assert len(result.stderr.splitlines()) == 1


def test_train_as_json_is_one_document(tmp_path):
    result = call("train", make_toy_set(tmp_path), *TINY, "--out", tmp_path / "run", "--json")

    document = json.loads(result.stdout)
    assert document["run"] == str(tmp_path / "run")
    assert document["finished"] is True
    assert document["config"]["training"]["steps"] == 2
    assert 0 <= document["test"]["metrics"]["accuracy"] <= 1


def test_train_one_member_leaves_the_run_unfinished(tmp_path):
    data = make_toy_set(tmp_path)

    result = call("train", data, *TINY, "--out", tmp_path / "run", "--member", 1)

    assert result.exit_code == 0
    assert "unfinished, members to be trained: 0" in result.stderr
    refused = call("predict", tmp_path / "run", data)
    expect_one_line_error(refused, "unfinished, 1 of 2 members")


def test_a_finished_run_is_told_of_again_and_left_as_it_is(toy):
    data, run = toy / "Toy_TRAIN.csv", toy / "run"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}

    again = call("train", data, *TINY, "--out", run, "--json")

    assert again.exit_code == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert json.loads(again.stdout)["test"] == metrics
    assert "already finished, nothing is trained" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_finished_run_is_not_overwritten_unasked(toy):
    data, run = toy / "Toy_TRAIN.csv", toy / "run"

    expect_one_line_error(
        call("train", data, *TINY, "--out", run, "--seed", 7),
        "holds a run with seed = 0, now asked for 7",
        "--overwrite",
    )


def test_a_finished_run_without_a_test_part_is_told_of_again_too(tmp_path):
    path = write_series(tmp_path / "toy.csv", [[1, 2, 3], [4, 5, 6]] * 2, ["a", "b"] * 2)
    assert call("train", path, *TINY, "--out", tmp_path / "run").exit_code == 0

    again = call("train", path, *TINY, "--out", tmp_path / "run", "--json")

    assert again.exit_code == 0
    assert json.loads(again.stdout)["test"] is None


def test_overwrite_trains_again(tmp_path):
    data = make_toy_set(tmp_path)
    call("train", data, *TINY, "--out", tmp_path / "run")

    result = call("train", data, *TINY, "--out", tmp_path / "run", "--seed", 7, "--overwrite")

    assert result.exit_code == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 7


def test_a_flag_wins_over_a_file_and_a_file_over_the_recipe(tmp_path):
    (tmp_path / "run.toml").write_text("members = 3\nseed = 5\n[training]\nlr = 0.25\n")

    call(
        *("train", make_toy_set(tmp_path), *TINY, "--config", tmp_path / "run.toml"),
        *("--out", tmp_path / "run", "--member", 0),
    )

    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["members"], config["seed"], config["training"]["lr"]) == (2, 5, 0.25)


def test_convert_writes_the_file_and_says_what_it_holds(toy, tmp_path):
    result = call("convert", toy / "Toy_TRAIN.csv", tmp_path / "Toy.npz")

    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert f"8 series in {tmp_path / 'Toy.npz'}, 1 channels, up to 12 time" in result.stderr
    assert "2 classes" in result.stderr
    expect_one_line_error(call("convert", toy / "Toy_TRAIN.csv", tmp_path / "Toy.xyz"), "'.xyz'")


def test_predict_writes_a_table_and_says_so(toy, tmp_path):
    out = tmp_path / "out.csv"

    result = call("predict", toy / "run", toy / "Toy_TEST.csv", "--out", out)

    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"8 predictions in {out}" in result.stderr
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert list(rows[0]) == ["row", "prediction", "[red]down", "up"]
    assert len(rows) == 8


def test_predict_reads_standard_input_and_writes_standard_output(toy):
    text = (toy / "Toy_TEST.csv").read_text()

    result = call("predict", toy / "run", "-", "--out", "-", input=text)

    assert result.exit_code == 0
    assert len(list(csv.DictReader(io.StringIO(result.stdout)))) == 8


def test_predict_takes_the_test_part_of_a_set(toy, tmp_path):
    call("predict", toy / "run", toy, "--out", tmp_path / "set.csv")
    call("predict", toy / "run", toy / "Toy_TEST.csv", "--out", tmp_path / "file.csv")

    assert (tmp_path / "set.csv").read_bytes() == (tmp_path / "file.csv").read_bytes()


def test_evaluate_prints_every_table_whole(toy):
    result = call("evaluate", toy / "run", toy, env={"COLUMNS": "20"})

    assert result.exit_code == 0
    for words in ("log_loss", "members' mean", "disagreement", "by size", "by class", "confusion"):
        assert words in result.stdout
    assert "[red]down" in result.stdout
    assert "…" not in result.stdout


def test_evaluate_as_json_holds_everything_and_nothing_undefined(toy, tmp_path):
    out = tmp_path / "metrics.csv"

    result = call("evaluate", toy / "run", toy, "--json", "--out", out)

    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert set(document["table"]) == {"member 0", "member 1", "members' mean", "ensemble"}
    assert document["network"] == "tcn"
    assert len(out.read_text().splitlines()) == 5


def test_inspect_says_what_the_file_is_and_what_training_would_do(toy):
    result = call("inspect", toy / "Toy_TRAIN.csv", "--network", "tcn")

    assert result.exit_code == 0
    for words in ("wide", "t0, t1 ... t11 (12)", "[red]down", "receptive field", "float", "epochs"):
        assert words in result.stdout


def test_inspect_as_json(toy):
    document = json.loads(call("inspect", toy / "Toy_TRAIN.csv", "--json").stdout)

    assert document["train"]["counts"] == {"[red]down": 4, "up": 4}
    assert document["plan"]["n_parameters"] == 420_450


@pytest.mark.parametrize("name", NETWORKS.names())
def test_networks_describes_each(name):
    listed, described = call("networks"), call("networks", name)

    assert name in listed.stdout
    assert "receptive field" in described.stdout
    assert "http" in described.stdout
    assert json.loads(call("networks", name, "--json").stdout)["name"] == name


@pytest.mark.parametrize("name", NETWORKS.names())
def test_options_are_told_as_set_takes_them(name):
    told = call("networks", name).stdout.partition("NAME=VALUE\n")[2].strip().splitlines()
    options = json.loads(call("networks", name, "--json").stdout)["options"]

    pairs = [line.split(maxsplit=1) for line in told]
    flags = [word for key, text in pairs for word in ("--set", f"network.options.{key}={text}")]
    resolved = json.loads(call("settings", "--network", name, *flags, "--json").stdout)

    assert resolved["network"]["options"] == options


def test_settings_lists_each_with_its_value_and_what_it_means():
    flags = ["--recipe", "paper", "--set", "network.options.width=3", "--set", "seed=7"]
    listed, document = (
        call("settings", *flags),
        json.loads(call("settings", *flags, "--json").stdout),
    )

    rows = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines()[2:] if line)
    assert rows.keys() == dotted(to_dict(load_config("paper"))).keys() | {"network.options"}
    assert rows["training.select"].split(maxsplit=1) == [
        "train_loss",
        "which epoch's weights are kept (last, train_loss, valid_loss)",
    ]
    assert rows["network.options"].startswith('{"width": 3} ')
    assert document["seed"] == 7


@pytest.mark.parametrize("name", FORMATS.names())
def test_formats_lists_each(name):
    assert f"{name} (" in call("formats").stdout
    assert name in [card["name"] for card in json.loads(call("formats", "--json").stdout)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--network", "inceptoin"], ["did you mean 'inception'"]),
        (["--recipe", "fats"], ["did you mean 'fast'"]),
        (["--set", "training.lrr=1"], ["did you mean 'lr'"]),
        (["--set", "training.lr=much"], ["training.lr: expected a number, found 'much'"]),
        (["--set", "training.lr"], ["found no '='"]),
        (["--set", "network.options.widht=3"], ["did you mean 'width'"]),
        (["--precision", "float16"], ["found 'float16'"]),
        (["--device", "gpu"], ["expected auto, cpu, cuda"]),
        (["--label", "lable"], ["did you mean 'label'"]),
        (["--valid", "nowhere.csv"], ["nowhere.csv"]),
        (["--valid-fraction", "1"], ["expected a number from 0 to 0.9"]),
        (["--config", "nowhere.toml"], ["nowhere.toml: cannot be read"]),
        (["--member", "2"], ["expected 0 to 1"]),
        (["--set", "training.patience=3"], ["expected a validation part"]),
    ],
)
def test_a_mistake_is_told_in_one_line_with_a_guess(toy, tmp_path, arguments, words):
    result = call("train", toy / "Toy_TRAIN.csv", *TINY, "--out", tmp_path / "run", *arguments)

    expect_one_line_error(result, *words)


def test_an_unknown_class_of_a_validation_file_is_told_with_the_file(toy, tmp_path):
    lines = (toy / "Toy_TRAIN.csv").read_text().splitlines()
    label = lines[0].split(",").index("label")
    cells = [line.split(",") for line in lines]
    for row in cells[1:]:
        row[label] = "other"
    path = tmp_path / "valid.csv"
    path.write_text("\n".join(",".join(row) for row in cells) + "\n")

    result = call("train", toy / "Toy_TRAIN.csv", *TINY, "--out", tmp_path / "run", "--valid", path)

    expect_one_line_error(result, f"--valid {path}: ", "found label 'other'")


@pytest.mark.parametrize("command", ["train", "inspect"])
@pytest.mark.parametrize("data", ["GunPiont", "nowhere/data.csv"])
def test_data_that_are_not_there(tmp_path, monkeypatch, command, data):
    monkeypatch.chdir(tmp_path)

    expect_one_line_error(call(command, data), data)


def test_an_error_for_a_machine_is_a_document_too(tmp_path):
    result = call("evaluate", tmp_path / "nowhere", "x.csv", "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["kind"] == "RunError"


def test_a_mistyped_option_is_a_usage_error():
    result = call("train", "x.csv", "--membres", "3")

    assert result.exit_code == 2
    assert "--members" in result.stderr


@pytest.mark.parametrize("suffix", [".ts", ".tsv", ".arff", ".csv", ".parquet", ".npz"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00\x80" * 50, b"hello\n"])
def test_a_broken_file_of_any_format_is_told_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)

    expect_one_line_error(call("train", path, "--out", tmp_path / "run"), str(path))
    assert not (tmp_path / "run").exists()


def write_series(path, values, labels):
    rows = [*zip(labels, values, strict=True)]
    header = ",".join(["label", *(f"t{k}" for k in range(len(values[0])))])
    lines = [",".join([label, *map(str, row)]) for label, row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_one_class_only_is_refused(tmp_path):
    path = write_series(tmp_path / "one.csv", [[1, 2, 3], [4, 5, 6]], ["a", "a"])

    expect_one_line_error(call("train", path, "--out", tmp_path / "run"), "one class 'a'")


def test_one_instance_is_refused(tmp_path):
    path = write_series(tmp_path / "one.csv", [[1, 2, 3]], ["a"])

    expect_one_line_error(call("train", path, "--out", tmp_path / "run"), "1 instances")


def test_series_without_a_value_are_refused(tmp_path):
    path = write_series(tmp_path / "nan.csv", [["", "", ""], [1, 2, 3]], ["a", "b"])

    expect_one_line_error(call("train", path, "--out", tmp_path / "run"), "nan.csv:2")


def test_series_of_length_one_train(tmp_path):
    path = tmp_path / "short.ts"
    series = [np.array([[float(k)]]) for k in range(6)]
    write_file(path, from_series(series, ["a", "b"] * 3))

    result = call("train", path, *TINY, "--out", tmp_path / "run")

    assert result.exit_code == 0, result.output


def test_inspect_of_data_without_labels_says_what_is_in_the_way(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("t0,t1,t2\n1,2,3\n4,5,7\n")

    result = call("inspect", path)

    assert result.exit_code == 0, result.output
    assert "not possible" in result.stdout
    assert "--label COLUMN" in result.stdout


def test_inspect_warns_of_what_a_person_should_look_at(tmp_path):
    values = [[1, 2, 3], [1, 2, 3], [4, 4, 5]]
    write_series(tmp_path / "Odd_TRAIN.csv", values, ["a", "a", "b"])
    write_series(tmp_path / "Odd_TEST.csv", values[:1], ["a"])

    result = call("inspect", tmp_path / "Odd_TRAIN.csv")

    assert result.exit_code == 0, result.output
    assert "class b has 1 training instances" in result.stderr
    assert "1 training series occur more than once" in result.stderr
    assert "1 test series occur in the training part too" in result.stderr

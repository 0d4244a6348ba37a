import shlex
import sys

from runs_of_toys import train_toy
from typer.testing import CliRunner

from tsconv.cli.main import app
from tsconv.runs.paths import RunDir
from tsconv.workflows.outcome import read_outcome
from tsconv.workflows.report.repeat import repeating_command


def test_what_a_worker_trained_on_files_is_trained_again_by_the_command_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/tsconv/worker.py"])
    run = train_toy(tmp_path)

    command = shlex.split(repeating_command(read_outcome(run)))
    again = CliRunner().invoke(app, [*command[1:], "--out", str(tmp_path / "again")])

    assert command[:3] == ["tsconv", "train", str(tmp_path / "Toy_TRAIN.ts")]
    assert again.exit_code == 0, again.output
    first, second = (RunDir(each).predictions for each in (run, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()

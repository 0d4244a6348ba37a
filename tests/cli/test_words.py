"""What is said on the way: with colours on a terminal, plain and with the time in a log."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from datetime import datetime

import pytest

PROGRAM = [sys.executable, "-m", "tsconv"]
DATA = "datasets/cbf/CBF_TRAIN.csv"
SMALL = ["network.options.width=4", "network.options.levels=2", "training.steps=40"]
SETTINGS = [word for each in SMALL for word in ("--set", each)]
TRAIN = ["train", DATA, "--network", "tcn", "--members", "1", *SETTINGS]
PLAN = f"datasets = {json.dumps(DATA)}\nnetworks = 'tcn'\nmembers = 1\n[settings]\n"


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_has_colours_unless_they_are_not_wanted(tmp_path, no_color, coloured):
    keyboard, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": no_color}
    said = b""

    with subprocess.Popen(
        [*PROGRAM, *TRAIN, "--out", tmp_path / "run"],
        stdout=terminal,
        stderr=terminal,
        env={name: value for name, value in environment.items() if name != "FORCE_COLOR"},
    ) as process:
        os.close(terminal)
        with suppress(OSError):  # the program was the last to have it open
            while piece := os.read(keyboard, 4096):
                said += piece
    os.close(keyboard)

    assert process.returncode == 0, said.decode()
    assert b"run saved in" in said
    assert bool(re.search(rb"\x1b\[[0-9;]*[39][0-7]m", said)) == coloured


@pytest.mark.parametrize("command", ["train", "benchmark"])
def test_a_log_has_plain_lines_with_the_time_in_front_each(tmp_path, command):
    (tmp_path / "plan.toml").write_text(PLAN + "\n".join(SMALL[1:]))
    arguments = TRAIN if command == "train" else [command, tmp_path / "plan.toml"]

    done = subprocess.run(
        [*PROGRAM, *arguments, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    *lines, result = done.stderr.splitlines()
    assert all(datetime.fromisoformat(line.split()[0]).tzinfo for line in lines)
    assert lines
    assert str(tmp_path / "out") in result
